/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Queued jobs that are given other dependencies, against a journal in memory: who waits for whom
 * then, what is left in rows, what is refused, and that a restart brings back the new ones.
 */
#include <check.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "deps_steps.h"
#include "tests/unit/suite.h"

static const struct engine_submission asker = { .uid = 1000, .gid = 1000 };

static struct reason said; /* why not */

static void note_fault(void *arg, int fault)
{
        *(int *)arg = fault;
}

/* These jobs shall wait for this; returns the answer. */
static int change_many(const uint64_t *ids, size_t ids_count, const struct engine_dependency *on,
                       size_t count, bool keep)
{
        struct engine_update updates[8] = { 0 };
        struct deps_lookup *lookup = NULL;
        struct journal_blob *blob = NULL;
        size_t index;
        int r;

        ck_assert_int_eq(journal_blob_new(strdup("spec"), 4, &blob), 0);
        for (size_t i = 0; i < ids_count; i++)
                updates[i] = (struct engine_update){
                        .id = ids[i],
                        .spec = { .spec = blob,
                                  .task_count = 1,
                                  .name = "n",
                                  .keep_waiting = keep,
                                  .dependencies = on,
                                  .dependencies_count = count },
                        .sets_dependencies = true,
                        .sets_keep_waiting = keep,
                        .detail = "it",
                        .read_sequence = engine_sequence(fake.engine),
                };
        ck_assert_int_eq(engine_update_prepare(fake.engine, &asker, updates, ids_count, &lookup),
                         0);
        if (lookup) {
                struct journal_read *read;
                int fault = -1;

                ck_assert_int_eq(engine_lookup_run(lookup, note_fault, &fault, &read), 0);
                ck_assert_int_eq(fault, 0);
        }
        for (size_t i = 0; i < ids_count; i++)
                updates[i].lookup = lookup;
        said.text[0] = '\0';
        r = engine_update(fake.engine, &asker, updates, ids_count, &index, &said);
        engine_lookup_free(lookup);
        journal_blob_unref(blob);
        return r;
}

static int change(uint64_t id, enum deps_kind kind, uint64_t parent)
{
        const struct engine_dependency on = { .kind = (uint8_t)kind, .job = parent };

        return change_many(&id, 1, &on, kind != DEPS_NONE, false);
}

START_TEST(another_parent_instead)
{
        const uint64_t first = fake_submit(1000, &plain), second = fake_submit(1000, &plain);
        const uint64_t child = submit_after(DEPS_AFTEROK, first);

        fake_attach(0);
        fake_turn();
        ck_assert_int_eq(change(child, DEPS_AFTEROK, second), 0);
        ck_assert_uint_eq(fake_dependencies(child), 1);
        ck_assert(!deps_has_children(fake.engine, first));
        /* What it waited for before is nothing to it any more. */
        end_task(first, 0, 3);
        ck_assert_int_eq(fake_state(child), JOB_QUEUED);
        if (_i == 1) {
                fake_restart();
                fake_attach(0);
                fake_turn();
        }
        ck_assert(is_waiting(child));
        end_task(second, 0, 0);
        ck_assert_int_eq(fake_state(child), JOB_STARTING);
        ck_assert_uint_eq(fake_dependencies(child), 0);
}
END_TEST

START_TEST(no_parent_any_more)
{
        const uint64_t parent = fake_submit(1000, &(struct engine_spec){ .hold = true });
        const uint64_t child = submit_after(DEPS_AFTEROK, parent);
        const uint64_t free_one = fake_submit(1000, &(struct engine_spec){ .hold = true });

        fake_attach(0);
        ck_assert_int_eq(change(child, DEPS_NONE, 0), 0);
        ck_assert_int_eq(change(free_one, DEPS_AFTERANY, parent), 0);
        ck_assert(is_waiting(free_one));
        ck_assert_uint_eq(fake_dependencies(child), 0);
        fake_restart();
        ck_assert(!is_waiting(child) && is_waiting(free_one));
        fake_attach(0);
        fake_turn();
        ck_assert_int_eq(fake_state(child), JOB_STARTING);
}
END_TEST

START_TEST(a_parent_that_has_ended_decides_now)
{
        struct engine_dependency on = { .kind = DEPS_AFTEROK };
        uint64_t good, bad, open, child;

        fake_attach(0);
        good = ended_job(0);
        bad = ended_job(3);
        open = fake_submit(1000, &(struct engine_spec){ .hold = true });
        child = submit_after(DEPS_AFTEROK, open);
        ck_assert_int_eq(change(child, DEPS_AFTEROK, bad), ENGINE_E_STATE);
        ck_assert_ptr_nonnull(strstr(said.text, "cannot come true"));
        ck_assert_int_eq(change(child, DEPS_AFTEROK, 77), ENGINE_E_UNKNOWN);
        ck_assert_int_eq(change(child, DEPS_AFTEROK, fake_submit(2000, &plain)), ENGINE_E_UNKNOWN);
        ck_assert_int_eq(change(child, DEPS_AFTEROK, child), ENGINE_E_REFUSED);
        /* All that was nothing. */
        ck_assert(is_waiting(child) && deps_has_children(fake.engine, open));
        ck_assert_uint_eq(fake_dependencies(child), 1);
        on.job = bad;
        ck_assert_int_eq(change_many(&child, 1, &on, 1, true), 0);
        fake_turn();
        ck_assert_int_eq(fake_state(child), JOB_QUEUED);
        ck_assert(is_waiting(child));
        ck_assert_int_eq(change(child, DEPS_AFTEROK, good), 0);
        fake_restart();
        fake_attach(0);
        fake_turn();
        ck_assert_int_eq(fake_state(child), JOB_STARTING);
}
END_TEST

START_TEST(a_circle_is_named)
{
        const uint64_t a = fake_submit(1000, &(struct engine_spec){ .hold = true });
        const uint64_t b = submit_after(DEPS_AFTEROK, a), c = submit_after(DEPS_AFTERCORR, b);
        const uint64_t other = fake_submit(1000, &plain);
        const uint64_t two[] = { other, a };
        const struct engine_dependency on = { .kind = DEPS_AFTERANY, .job = c };
        char circle[40];

        ck_assert_int_eq(change(a, DEPS_AFTER, c), ENGINE_E_REFUSED);
        snprintf(circle, sizeof(circle), "%" PRIu64 " -> %" PRIu64 " -> %" PRIu64 " -> %" PRIu64, a,
                 c, b, a);
        ck_assert_ptr_nonnull(strstr(said.text, circle));
        ck_assert_int_eq(change_many(two, 2, &on, 1, false), ENGINE_E_REFUSED);
        ck_assert(!is_waiting(other) && !is_waiting(a));
        /* The other way round, in one step that cuts the circle. */
        ck_assert_int_eq(change(b, DEPS_AFTER, other), 0);
        ck_assert_int_eq(change(a, DEPS_AFTER, c), 0);
        ck_assert_int_eq(change(b, DEPS_AFTER, a), ENGINE_E_REFUSED);
}
END_TEST

START_TEST(singletons_that_come_and_go)
{
        const struct engine_dependency on = { .kind = DEPS_SINGLETON };
        uint64_t first, ids[3];

        fake_attach(0);
        first = submit_named("n", false);
        fake_turn();
        for (size_t i = 0; i < 3; i++)
                ids[i] = submit_named("n", true);
        /* Who steps out of the line hands on whom it waited for. */
        ck_assert_int_eq(change(ids[0], DEPS_NONE, 0), 0);
        ck_assert_uint_eq(fake_dependencies(ids[1]), 2);
        fake_restart();
        ck_assert(!is_waiting(ids[0]) && is_waiting(ids[1]) && is_waiting(ids[2]));
        ck_assert_int_eq(change_many(ids, 3, &on, 1, false), 0);
        for (size_t i = 0; i < 3; i++)
                ck_assert_uint_eq(fake_dependencies(ids[i]), 1);
        /* The first of the name would wait for the last, and that one for it by name. */
        ck_assert_int_eq(change(first, DEPS_AFTERANY, ids[2]), ENGINE_E_STATE); /* it runs */
        ck_assert_int_eq(change(ids[0], DEPS_AFTERANY, ids[2]), ENGINE_E_REFUSED);
}
END_TEST

START_TEST(a_line_by_name_can_close_a_circle)
{
        const uint64_t first =
                fake_submit(1000, &(struct engine_spec){ .hold = true, .name = "n" });
        const uint64_t second =
                fake_submit(1000, &(struct engine_spec){ .hold = true, .name = "n" });

        ck_assert_int_eq(change(first, DEPS_AFTER, second), 0);
        ck_assert_int_eq(change(second, DEPS_SINGLETON, 0), ENGINE_E_REFUSED);
        ck_assert_int_eq(change(first, DEPS_SINGLETON, 0), 0);
        ck_assert(!is_waiting(first));
        ck_assert_int_eq(change(second, DEPS_SINGLETON, 0), 0);
        ck_assert(is_waiting(second));
}
END_TEST

static void rename_to(uint64_t id, const char *name)
{
        struct journal_blob *blob = NULL;
        struct engine_update update = { .id = id,
                                        .spec = { .task_count = 1, .name = name },
                                        .sets_name = true,
                                        .detail = "name",
                                        .read_sequence = engine_sequence(fake.engine) };
        size_t index;

        ck_assert_int_eq(journal_blob_new(strdup("spec"), 4, &blob), 0);
        update.spec.spec = blob;
        ck_assert_int_eq(engine_update(fake.engine, &asker, &update, 1, &index, &said), 0);
        journal_blob_unref(blob);
}

/* One that waits by its old name stands for nobody of the new one. */
START_TEST(a_singleton_with_another_name)
{
        const struct engine_spec held_n = { .hold = true, .name = "n" };
        const struct engine_spec held_a = { .hold = true, .name = "a" };
        uint64_t one, last;

        fake_submit(1000, &held_n);
        fake_submit(1000, &held_a);
        one = submit_named("a", true);
        ck_assert_uint_eq(fake_dependencies(one), 1);
        rename_to(one, "n");
        ck_assert_uint_eq(fake_dependencies(one), 1); /* for what its name was */
        last = submit_named("n", true);
        ck_assert_uint_eq(fake_dependencies(last), 2);
        /* From here on the last one stands for all of them. */
        ck_assert_uint_eq(fake_dependencies(submit_named("n", true)), 1);
}
END_TEST

/* A job that gets a name late is before those who had it, and they do not wait for it. */
START_TEST(an_earlier_job_gets_the_name)
{
        const uint64_t early = fake_submit(1000, &(struct engine_spec){ .hold = true });
        const uint64_t first = submit_named("n", false);
        const uint64_t second = submit_named("n", true);
        uint64_t third;

        ck_assert_uint_ne(first, 0);
        rename_to(early, "n");
        ck_assert_uint_eq(fake_dependencies(second), 1);
        third = submit_named("n", true);
        ck_assert_uint_eq(fake_dependencies(third), 3);
}
END_TEST

/* A later change of name makes nobody of the earlier one stand for all again. */
START_TEST(the_lowest_that_was_renamed_counts)
{
        const uint64_t early = fake_submit(1000, &(struct engine_spec){ .hold = true });
        uint64_t late;

        ck_assert_uint_ne(submit_named("n", false), 0);
        ck_assert_uint_ne(submit_named("n", true), 0);
        late = fake_submit(1000, &(struct engine_spec){ .hold = true });
        rename_to(early, "n");
        rename_to(late, "other");
        ck_assert_uint_eq(fake_dependencies(submit_named("n", true)), 3);
}
END_TEST

START_TEST(so_many_edges_and_no_more)
{
        const struct engine_spec held = { .hold = true };
        const uint64_t parent = fake_submit(1000, &held), child = fake_submit(1000, &held);
        struct user *const user = engine_find(fake.engine, child)->user;

        user->links_count = ENGINE_LINKS_MAX;
        ck_assert_int_eq(change(child, DEPS_AFTEROK, parent), ENGINE_E_LIMIT);
        ck_assert(!is_waiting(child));
        user->links_count = ENGINE_LINKS_MAX - 1;
        ck_assert_int_eq(change(child, DEPS_AFTEROK, parent), 0);
        ck_assert_uint_eq(user->links_count, ENGINE_LINKS_MAX);
        user->links_count = 1;
}
END_TEST

/* The jobs of two users have no line by name between them, not even for root. */
START_TEST(singletons_are_of_one_user)
{
        const struct engine_submission root = { .is_admin = true };
        const struct engine_dependency on = { .kind = DEPS_SINGLETON };
        const struct engine_spec held = { .hold = true, .name = "n" };
        struct engine_update updates[2] = { { .id = fake_submit(1000, &held) },
                                            { .id = fake_submit(2000, &held) } };
        struct deps_lookup *lookup = NULL;
        struct journal_blob *blob = NULL;
        struct journal_read *read;
        size_t index = 0;
        int fault = -1;

        ck_assert_int_eq(journal_blob_new(strdup("spec"), 4, &blob), 0);
        for (size_t i = 0; i < 2; i++) {
                updates[i].spec = (struct engine_spec){ .spec = blob,
                                                        .task_count = 1,
                                                        .name = "n",
                                                        .dependencies = &on,
                                                        .dependencies_count = 1 };
                updates[i].sets_dependencies = true;
                updates[i].read_sequence = engine_sequence(fake.engine);
        }
        ck_assert_int_eq(engine_update_prepare(fake.engine, &root, updates, 2, &lookup), 0);
        ck_assert_int_eq(engine_lookup_run(lookup, note_fault, &fault, &read), 0);
        ck_assert_int_eq(fault, 0);
        updates[0].lookup = updates[1].lookup = lookup;
        ck_assert_int_eq(engine_update(fake.engine, &root, updates, 2, &index, &said),
                         ENGINE_E_REFUSED);
        ck_assert_uint_eq(index, 1);
        ck_assert_ptr_nonnull(strstr(said.text, "one user at a time"));
        engine_lookup_free(lookup);
        journal_blob_unref(blob);
}
END_TEST

START_TEST(tasks_that_have_begun_wait_for_nothing_new)
{
        const struct engine_spec array = {
                .task_count = 4, .is_array = true, .array_step = 1, .array_width = 1
        };
        const uint64_t parent = fake_submit(1000, &(struct engine_spec){ .hold = true });
        const uint64_t many = fake_submit(1000, &array), fresh = fake_submit(1000, &array);

        ck_assert_int_eq(change(fresh, DEPS_AFTERCORR, parent), 0);
        fake_attach(0);
        fake_turn();
        ck_assert_ptr_nonnull(start_of(many, 0));
        ck_assert_int_eq(change(many, DEPS_AFTEROK, parent), ENGINE_E_STATE);
        ck_assert_ptr_nonnull(strstr(said.text, "before its first task"));
        ck_assert_ptr_null(start_of(fresh, 0));
}
END_TEST

START_TEST(an_end_during_the_look_is_noted)
{
        struct engine_dependency on[] = { { .kind = DEPS_AFTERANY }, { .kind = DEPS_SINGLETON } };
        struct engine_spec spec = {
                .task_count = 1, .name = "n", .dependencies = on, .dependencies_count = 2
        };
        struct engine_submission submission = asker;
        struct deps_lookup *lookup = NULL;
        uint8_t state = JOB_ABSENT;

        fake_attach(0);
        on[0].job = fake_submit(_i ? 2000 : 1000, &plain);
        fake_turn();
        submission.specs = &spec;
        submission.specs_count = 1;
        ck_assert_int_eq(deps_lookup_new(fake.engine, &submission, &lookup), 0);
        ck_assert_ptr_nonnull(lookup);
        end_task(on[0].job, 0, 3);
        /* Others' jobs are as if they were not there. */
        ck_assert(deps_lookup_find_state(fake.engine, &submission, lookup, on[0].job, &state) ==
                  (_i == 0));
        ck_assert_uint_eq(state, _i ? JOB_ABSENT : JOB_FAILED);
        deps_lookup_free(lookup);
}
END_TEST

int main(void)
{
        Suite *suite = suite_create("deps update");
        TCase *tcase = tcase_create("update");

        tcase_add_checked_fixture(tcase, fake_setup, fake_teardown);
        tcase_add_loop_test(tcase, another_parent_instead, 0, 2);
        tcase_add_test(tcase, no_parent_any_more);
        tcase_add_test(tcase, a_parent_that_has_ended_decides_now);
        tcase_add_test(tcase, a_circle_is_named);
        tcase_add_test(tcase, singletons_that_come_and_go);
        tcase_add_test(tcase, a_line_by_name_can_close_a_circle);
        tcase_add_test(tcase, a_singleton_with_another_name);
        tcase_add_test(tcase, an_earlier_job_gets_the_name);
        tcase_add_test(tcase, tasks_that_have_begun_wait_for_nothing_new);
        tcase_add_loop_test(tcase, an_end_during_the_look_is_noted, 0, 2);
        tcase_add_test(tcase, the_lowest_that_was_renamed_counts);
        tcase_add_test(tcase, so_many_edges_and_no_more);
        tcase_add_test(tcase, singletons_are_of_one_user);
        suite_add_tcase(suite, tcase);
        return suite_run(suite);
}

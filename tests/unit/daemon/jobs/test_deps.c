/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Jobs that wait for jobs, against a journal in memory: who is released, who is cancelled and with
 * what words, what is left in rows, and that a restart at any moment decides the same.
 */
#include <check.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "deps_steps.h"
#include "tests/unit/suite.h"

static uint64_t submit_on(const struct engine_dependency *on, size_t count, bool any, bool keep)
{
        struct engine_spec spec = plain;

        spec.dependencies = on;
        spec.dependencies_count = count;
        spec.dependencies_any = any;
        spec.keep_waiting = keep;
        return fake_submit(1000, &spec);
}

static void cancel(uint64_t id)
{
        ck_assert_int_eq(engine_cancel(fake.engine, engine_find(fake.engine, id), ENGINE_ALL_TASKS,
                                       USEC_NONE, NULL),
                         0);
        fake_turn();
}

static void retry(uint64_t id)
{
        struct reason why = { "" };
        const struct journal_job row = fake.jobs[id];

        ck_assert_int_eq(engine_retry(fake.engine, &row, fake_task_row(id, 0), 1, ENGINE_ALL_TASKS,
                                      ENGINE_RETRY_ALL, &why),
                         0);
}

/* ----------------------------------------------------------------------------------- the kinds */

START_TEST(each_kind_has_its_moment)
{
        /* by kind: what a success and a failure of the parent make of the child */
        static const enum job_state after_ok[] = { [DEPS_AFTER] = JOB_STARTING,
                                                   [DEPS_AFTEROK] = JOB_STARTING,
                                                   [DEPS_AFTERANY] = JOB_STARTING,
                                                   [DEPS_AFTERNOTOK] = JOB_CANCELLED,
                                                   [DEPS_AFTERCORR] = JOB_STARTING };
        static const enum job_state after_bad[] = { [DEPS_AFTER] = JOB_STARTING,
                                                    [DEPS_AFTEROK] = JOB_CANCELLED,
                                                    [DEPS_AFTERANY] = JOB_STARTING,
                                                    [DEPS_AFTERNOTOK] = JOB_STARTING,
                                                    [DEPS_AFTERCORR] = JOB_CANCELLED };
        const enum deps_kind kind = (enum deps_kind)(_i / 2 + 1);
        const bool ok = _i % 2 == 0;
        const uint64_t parent = fake_submit(1000, &plain);
        uint64_t child;

        fake_attach(0);
        child = submit_after(kind, parent);
        ck_assert_uint_ne(child, 0);
        fake_turn();
        ck_assert_ptr_null(start_of(child, 0));
        ck_assert_uint_eq(fake_dependencies(child), 1);
        end_task(parent, 0, ok ? 0 : 3);
        ck_assert_int_eq(fake_state(child), ok ? after_ok[kind] : after_bad[kind]);
        ck_assert_uint_eq(fake_dependencies(child), 0);
        ck_assert(!deps_has_children(fake.engine, parent));
}
END_TEST

START_TEST(after_is_met_by_the_start)
{
        const uint64_t parent = fake_submit(1000, &plain);
        const uint64_t child = submit_after(DEPS_AFTER, parent);
        uint64_t late;

        fake_attach(0);
        fake_turn();
        ck_assert(is_waiting(child));
        engine_workers_ops.on_started(fake.engine, fake.workers[0], start_of(parent, 0)->lease, 7,
                                      1);
        fake_turn();
        ck_assert(!is_waiting(child));
        ck_assert_uint_eq(fake_dependencies(child), 0);
        late = submit_after(DEPS_AFTER, parent);
        ck_assert(!is_waiting(late));
}
END_TEST

START_TEST(the_reason_names_kind_job_and_end)
{
        const uint64_t parent = fake_submit(1000, &plain);
        const uint64_t child = submit_after(DEPS_AFTEROK, parent);
        char text[64];

        fake_attach(0);
        fake_turn();
        end_task(parent, 0, 1);
        snprintf(text, sizeof(text), "afterok:%" PRIu64 ": job %" PRIu64 " failed", parent, parent);
        ck_assert_str_eq(fake.jobs[child].why, text);
        ck_assert_int_eq(fake.jobs[child].state, JOB_CANCELLED);
        ck_assert_uint_eq(fake_dependencies(child), 0);
}
END_TEST

START_TEST(all_and_any)
{
        const uint64_t a = fake_submit(1000, &plain), b = fake_submit(1000, &plain);
        const struct engine_dependency on[] = { { .kind = DEPS_AFTEROK, .job = a },
                                                { .kind = DEPS_AFTEROK, .job = b } };
        const uint64_t all = submit_on(on, 2, false, false), any = submit_on(on, 2, true, false);

        fake_attach(0);
        fake_turn();
        end_task(a, 0, 0);
        ck_assert(is_waiting(all));
        ck_assert(!is_waiting(any));
        ck_assert_uint_eq(fake_dependencies(all), 1);
        ck_assert_uint_eq(fake_dependencies(any), 0);
        end_task(b, 0, 1);
        ck_assert_int_eq(fake_state(all), JOB_CANCELLED);
        ck_assert_ptr_nonnull(engine_find(fake.engine, any));
}
END_TEST

START_TEST(any_ends_with_the_last_hope)
{
        const uint64_t a = fake_submit(1000, &plain), b = fake_submit(1000, &plain);
        const struct engine_dependency on[] = { { .kind = DEPS_AFTEROK, .job = a },
                                                { .kind = DEPS_AFTEROK, .job = b } };
        const uint64_t any = submit_on(on, 2, true, false);

        fake_attach(0);
        fake_turn();
        end_task(a, 0, 1);
        ck_assert(is_waiting(any));
        ck_assert_uint_eq(fake_dependencies(any), 1);
        fake_restart();
        fake_attach(0);
        fake_turn();
        ck_assert(is_waiting(any));
        end_task(b, 0, 9);
        ck_assert_int_eq(fake_state(any), JOB_CANCELLED);
}
END_TEST

/* --------------------------------------------------------------------------- the whole of a flow
 */

START_TEST(a_cascade_goes_down_at_once)
{
        uint64_t ids[41];

        ids[0] = fake_submit(1000, &plain);
        for (size_t i = 1; i < ARRAY_SIZE(ids); i++)
                ids[i] = submit_after(DEPS_AFTEROK, ids[i - 1]);
        cancel(ids[0]);
        for (size_t i = 1; i < ARRAY_SIZE(ids); i++)
                ck_assert_int_eq(fake_state(ids[i]), JOB_CANCELLED);
        ck_assert_uint_eq(fake.dependencies_count, 0);
        ck_assert(engine_is_empty(fake.engine));
}
END_TEST

START_TEST(siblings_wait_in_any_order)
{
        /* 0 waits for 2, 2 for 1. */
        const struct engine_dependency on2 = { DEPS_AFTEROK, true, 2 };
        const struct engine_dependency on1 = { DEPS_AFTEROK, true, 1 };
        const struct engine_spec specs[] = {
                { .task_count = 1, .dependencies = &on2, .dependencies_count = 1 },
                { .task_count = 1 },
                { .task_count = 1, .dependencies = &on1, .dependencies_count = 1 },
        };
        uint64_t first;

        fake_attach(0);
        first = fake_submit_many(1000, specs, 3);
        fake_turn();
        ck_assert_uint_eq(fake_count(FAKE_START), 1);
        end_task(first + 1, 0, 0);
        ck_assert_ptr_nonnull(start_of(first + 2, 0));
        ck_assert_ptr_null(start_of(first, 0));
        end_task(first + 2, 0, 0);
        ck_assert_ptr_nonnull(start_of(first, 0));
}
END_TEST

/* ------------------------------------------------------------------------- parents of the past */

START_TEST(ended_parents_decide_at_once)
{
        struct engine_spec spec = plain;
        uint64_t ok, bad;

        fake_attach(0);
        ok = ended_job(0);
        bad = ended_job(1);
        ck_assert(!is_waiting(submit_after(DEPS_AFTEROK, ok)));
        ck_assert_uint_eq(submit_after(DEPS_AFTEROK, bad), 0);
        ck_assert_ptr_nonnull(strstr(fake_why, "cannot come true: it has ended as failed"));
        ck_assert_uint_ne(submit_after(DEPS_AFTERNOTOK, bad), 0);
        ck_assert_uint_eq(submit_after(DEPS_AFTEROK, 99), 0);
        ck_assert_ptr_nonnull(strstr(fake_why, "no job 99"));
        spec.dependencies_count = 1;
        spec.dependencies = &(const struct engine_dependency){ .kind = DEPS_AFTEROK, .job = ok };
        ck_assert_uint_eq(fake_submit(1001, &spec), 0);
        ck_assert_ptr_nonnull(strstr(fake_why, "no job"));
        ck_assert_uint_ne(fake_submit(0, &spec), 0);
}
END_TEST

START_TEST(strangers_jobs_are_unknown)
{
        const uint64_t theirs = fake_submit(1001, &plain);

        ck_assert_uint_eq(submit_after(DEPS_AFTERANY, theirs), 0);
        ck_assert_ptr_nonnull(strstr(fake_why, "no job"));
        ck_assert_uint_eq(fake.jobs[theirs + 1].id, 0);
}
END_TEST

START_TEST(kept_waiting_says_why_and_comes_back)
{
        const uint64_t parent = fake_submit(1000, &plain);
        const struct engine_dependency on = { .kind = DEPS_AFTEROK, .job = parent };
        const uint64_t child = submit_on(&on, 1, false, true);
        struct journal_page page = { .jobs = &fake.jobs[parent], .jobs_count = 1 };
        uint64_t dropped, again;
        char text[96];

        fake_attach(0);
        fake_turn();
        end_task(parent, 0, 1);
        ck_assert(is_waiting(child));
        ck_assert(deps_describe(engine_find(fake.engine, child), text, sizeof(text)));
        ck_assert_ptr_nonnull(strstr(text, "failed"));
        fake_restart();
        fake_attach(0);
        fake_turn();
        ck_assert(is_waiting(child));
        ck_assert(deps_describe(engine_find(fake.engine, child), text, sizeof(text)));
        /* Its row stays as long as somebody waits for it. */
        ck_assert_int_eq(engine_drop(fake.engine, &page, &dropped), 0);
        ck_assert_uint_eq(dropped, 0);
        again = submit_on(&on, 1, false, true);
        ck_assert(is_waiting(again));
        retry(parent);
        fake_turn();
        ck_assert(!deps_describe(engine_find(fake.engine, child), text, sizeof(text)));
        end_task(parent, 0, 0);
        ck_assert(!is_waiting(child));
        ck_assert(!is_waiting(again));
}
END_TEST

START_TEST(a_retry_changes_nothing_for_the_decided)
{
        const uint64_t parent = fake_submit(1000, &plain);
        const uint64_t child = submit_after(DEPS_AFTEROK, parent);

        fake_attach(0);
        fake_turn();
        fake_exit(fake.workers[0], start_of(parent, 0)->lease, 0);
        /* Its end is not looked at yet. */
        retry(parent);
        ck_assert(!is_waiting(child));
        fake_turn();
        ck_assert_uint_eq(fake_dependencies(child), 0);
        fake_restart();
        ck_assert(!is_waiting(child));
}
END_TEST

START_TEST(a_crash_between_is_decided_anew)
{
        const uint64_t parent = fake_submit(1000, &plain);
        const uint64_t ok = submit_after(DEPS_AFTEROK, parent);
        const uint64_t bad = submit_after(DEPS_AFTERNOTOK, parent);

        fake_attach(0);
        fake_turn();
        fake_exit(fake.workers[0], start_of(parent, 0)->lease, 0);
        fake_restart();
        ck_assert(is_waiting(ok));
        fake_turn();
        ck_assert(!is_waiting(ok));
        ck_assert_int_eq(fake_state(bad), JOB_CANCELLED);
        ck_assert_uint_eq(fake.dependencies_count, 0);
}
END_TEST

/* ----------------------------------------------------------------------------------- aftercorr */

static uint64_t submit_array_after(uint64_t parent, uint64_t count)
{
        const struct engine_dependency on = { .kind = DEPS_AFTERCORR, .job = parent };
        const struct engine_spec spec = { .task_count = count,
                                          .is_array = true,
                                          .array_step = 1,
                                          .dependencies = &on,
                                          .dependencies_count = 1 };

        return fake_submit(1000, &spec);
}

START_TEST(tasks_wait_for_their_partners)
{
        const struct engine_spec array = { .task_count = 3, .is_array = true, .array_step = 1 };
        uint64_t parent, child;

        fake_attach(0);
        fake_attach(1);
        fake_attach(2);
        parent = fake_submit(1000, &array);
        fake_turn();
        end_task(parent, 1, 3);
        child = submit_array_after(parent, 4);
        fake_turn();
        ck_assert_ptr_null(start_of(child, 0));
        end_task(parent, 0, 0);
        ck_assert_ptr_nonnull(start_of(child, 0));
        /* Its partner had failed before there was anybody to note it. */
        fake_turn();
        ck_assert_int_eq(fake_task_row(child, 1)->state, JOB_CANCELLED);
        ck_assert_ptr_null(start_of(child, 2));
        fake_restart();
        fake_turn();
        fake_attach(0);
        fake_attach(1);
        fake_attach(2);
        fake_turn();
        end_task(child, 0, 0);
        ck_assert_ptr_null(start_of(child, 2));
        end_task(parent, 2, 0);
        ck_assert_ptr_nonnull(start_of(child, 2));
        end_task(child, 2, 0);
        /* The parent failed as a whole, and task 3 has no partner in it. */
        ck_assert_int_eq(fake_task_row(child, 3)->state, JOB_CANCELLED);
        ck_assert_ptr_null(engine_find(fake.engine, child));
        ck_assert_uint_eq(fake_dependencies(child), 0);
}
END_TEST

START_TEST(tasks_without_a_partner_wait_for_the_end)
{
        const struct engine_spec array = { .task_count = 2, .is_array = true, .array_step = 1 };
        uint64_t parent, child;

        fake_attach(0);
        fake_attach(1);
        fake_attach(2);
        parent = fake_submit(1000, &array);
        child = submit_array_after(parent, 3);
        fake_turn();
        end_task(parent, 0, 0);
        ck_assert_ptr_nonnull(start_of(child, 0));
        ck_assert_ptr_null(start_of(child, 1));
        end_task(parent, 1, 0);
        ck_assert_ptr_nonnull(start_of(child, 1));
        end_task(child, 0, 0);
        ck_assert_ptr_nonnull(start_of(child, 2));
        ck_assert_uint_eq(fake_dependencies(child), 0);
}
END_TEST

/* News of a parent with many children are told a few at a time, and those of others in between. */
START_TEST(news_are_told_bit_by_bit)
{
        const struct engine_spec array = { .task_count = 3, .is_array = true, .array_step = 1 };
        uint64_t parent, other, after_other, children[4];

        for (uint32_t i = 0; i < 12; i++)
                fake_attach(i);
        fake.wanted = 12;
        fake.engine->deps.slice = 1;
        parent = fake_submit(1000, &array);
        other = fake_submit(1000, &plain);
        fake_turn();
        for (size_t i = 0; i < ARRAY_SIZE(children); i++)
                children[i] = submit_array_after(parent, 3);
        after_other = submit_after(DEPS_AFTEROK, other);
        end_task(parent, 0, 0);
        for (size_t i = 0; i < 2 * ARRAY_SIZE(children); i++)
                fake_turn();
        for (size_t i = 0; i < ARRAY_SIZE(children); i++)
                ck_assert_ptr_nonnull(start_of(children[i], 0));
        /* The parent has news again and again; the other one is heard all the same. */
        end_task(parent, 1, 0);
        end_task(other, 0, 0);
        end_task(parent, 2, 0);
        fake_turn();
        ck_assert_ptr_nonnull(start_of(after_other, 0));
        for (size_t i = 0; i < 3 * ARRAY_SIZE(children); i++)
                fake_turn();
        for (size_t i = 0; i < ARRAY_SIZE(children); i++)
                ck_assert_ptr_nonnull(start_of(children[i], 1));
        ck_assert(TAILQ_EMPTY(&fake.engine->deps.due));
}
END_TEST

/* ------------------------------------------------------------------------------------- singleton
 */

START_TEST(singletons_go_one_by_one)
{
        uint64_t first, other, second, third;

        fake_attach(0);
        fake_attach(1);
        first = submit_named("nightly", false);
        other = submit_named("other", true);
        second = submit_named("nightly", true);
        third = submit_named("nightly", true);
        ck_assert(!is_waiting(other));
        ck_assert(is_waiting(second));
        /* Behind a singleton nobody needs to know more. */
        ck_assert_uint_eq(fake_dependencies(third), 1);
        fake_turn();
        ck_assert_uint_eq(fake_count(FAKE_START), 2);
        /* A link that breaks hands on what it waited for. */
        cancel(second);
        ck_assert(is_waiting(third));
        fake_restart();
        fake_turn();
        ck_assert(is_waiting(third));
        ck_assert_uint_eq(fake_dependencies(third), 1);
        fake_attach(0);
        fake_attach(1);
        fake_turn();
        end_task(other, 0, 0);
        ck_assert(is_waiting(third));
        end_task(first, 0, 1);
        ck_assert_ptr_nonnull(start_of(third, 0));
}
END_TEST

START_TEST(singletons_of_one_submission)
{
        static const struct engine_dependency on = { .kind = DEPS_SINGLETON };
        const struct engine_spec specs[] = {
                { .name = "n", .dependencies = &on, .dependencies_count = 1 },
                { .name = "n", .dependencies = &on, .dependencies_count = 1 },
                { .name = "n", .dependencies = &on, .dependencies_count = 1 },
        };
        uint64_t first;

        fake_attach(0);
        fake_attach(1);
        first = fake_submit_many(1000, specs, 3);
        fake_turn();
        ck_assert_uint_eq(fake_count(FAKE_START), 1);
        end_task(first, 0, 0);
        ck_assert_uint_eq(fake_count(FAKE_START), 2);
        ck_assert_ptr_null(start_of(first + 2, 0));
        end_task(first + 1, 0, 5);
        ck_assert_ptr_nonnull(start_of(first + 2, 0));
}
END_TEST

static void on_submitted(void *arg, int r, uint64_t first_id, uint32_t count, bool existing,
                         uint64_t barrier, const struct reason *why)
{
        (void)count;
        (void)existing;
        (void)barrier;
        ck_assert_msg(r == 0, "%s", why ? why->text : "");
        *(uint64_t *)arg = first_id;
}

/* A singleton; *out_id is set when the jobs of its name are known. */
static void submit_later(uint32_t uid, const char *name, uint64_t *out_id)
{
        static const struct engine_dependency on = { .kind = DEPS_SINGLETON };
        static uint8_t counter;
        struct journal_blob *blob = NULL;
        struct engine_spec spec = plain;
        const struct engine_submission submission = {
                .uid = uid, .specs = &spec, .specs_count = 1, .key = { 0xff, ++counter }
        };
        struct journal_read *read;

        ck_assert_int_eq(journal_blob_new(strdup("spec"), 4, &blob), 0);
        spec.name = name;
        spec.spec = blob;
        spec.dependencies = &on;
        spec.dependencies_count = 1;
        *out_id = 0;
        ck_assert_int_eq(engine_submit(fake.engine, &submission, on_submitted, out_id, &read), 0);
        journal_blob_unref(blob);
}

/* Going through the names takes long: one user's do not fill the journal's line. */
START_TEST(a_user_looks_for_few_names_at_a_time)
{
        static const char *const names[] = { "a", "b", "c", "d", "e", "f" };
        uint64_t ids[ARRAY_SIZE(names)], other;

        fake.holds_reads = true;
        for (size_t i = 0; i < ARRAY_SIZE(names); i++)
                submit_later(1000, names[i], &ids[i]);
        ck_assert_uint_eq(fake.held_count, 4);
        submit_later(2000, "a", &other);
        ck_assert_uint_eq(fake.held_count, 5);
        for (size_t i = 0; i < ARRAY_SIZE(names); i++)
                fake_answer();
        ck_assert_uint_ne(ids[4], 0);
        ck_assert_uint_ne(other, 0);
        ck_assert_uint_eq(ids[5], 0);
        ck_assert_uint_eq(fake.held_count, 1);
        fake_answer();
        ck_assert_uint_ne(ids[5], 0);
}
END_TEST

START_TEST(who_stands_in_line_is_forgotten_at_the_end)
{
        static const char *const names[] = { "a", "b", "c", "d", "e", "f" };
        uint64_t ids[ARRAY_SIZE(names)];

        fake.holds_reads = true;
        for (size_t i = 0; i < ARRAY_SIZE(names); i++)
                submit_later(1000, names[i], &ids[i]);
        fake.held_count = 0; /* the journal is closed */
        fake_restart();
        ck_assert_uint_eq(fake.held_count, 0);
}
END_TEST

/* ------------------------------------------------------------------------------------------ rows
 */

START_TEST(a_bad_row_is_an_error_of_the_store)
{
        const uint64_t parent = fake_submit(1000, &plain);
        struct journal_dependency row = { .job = 77, .kind = DEPS_AFTER, .parent = parent };

        fake_turn();
        ck_assert_int_lt(deps_restore(fake.engine, &row), 0);
        row.job = parent;
        ck_assert_int_lt(deps_restore(fake.engine, &row), 0); /* on itself */
        row.parent = 99;
        row.kind = DEPS_KIND_COUNT;
        ck_assert_int_lt(deps_restore(fake.engine, &row), 0);
}
END_TEST

int main(void)
{
        Suite *suite = suite_create("deps");
        TCase *tcase = tcase_create("deps");

        tcase_add_checked_fixture(tcase, fake_setup, fake_teardown);
        tcase_add_loop_test(tcase, each_kind_has_its_moment, 0, 10);
        tcase_add_test(tcase, after_is_met_by_the_start);
        tcase_add_test(tcase, the_reason_names_kind_job_and_end);
        tcase_add_test(tcase, all_and_any);
        tcase_add_test(tcase, any_ends_with_the_last_hope);
        tcase_add_test(tcase, a_cascade_goes_down_at_once);
        tcase_add_test(tcase, siblings_wait_in_any_order);
        tcase_add_test(tcase, ended_parents_decide_at_once);
        tcase_add_test(tcase, strangers_jobs_are_unknown);
        tcase_add_test(tcase, kept_waiting_says_why_and_comes_back);
        tcase_add_test(tcase, a_retry_changes_nothing_for_the_decided);
        tcase_add_test(tcase, a_crash_between_is_decided_anew);
        tcase_add_test(tcase, tasks_wait_for_their_partners);
        tcase_add_test(tcase, tasks_without_a_partner_wait_for_the_end);
        tcase_add_test(tcase, news_are_told_bit_by_bit);
        tcase_add_test(tcase, singletons_go_one_by_one);
        tcase_add_test(tcase, singletons_of_one_submission);
        tcase_add_test(tcase, a_user_looks_for_few_names_at_a_time);
        tcase_add_test(tcase, who_stands_in_line_is_forgotten_at_the_end);
        tcase_add_test(tcase, a_bad_row_is_an_error_of_the_store);
        suite_add_tcase(suite, tcase);
        return suite_run(suite);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* Changing queued jobs: all or none, in memory and in the row, and what a start then carries. */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/jobs/engine_private.h"
#include "fakes.h"
#include "tests/unit/suite.h"

static struct journal_blob *blob_of(const char *text)
{
        struct journal_blob *blob = NULL;

        ck_assert_int_eq(journal_blob_new(strdup(text), strlen(text), &blob), 0);
        return blob;
}

static struct engine_update update_of(uint64_t id, struct journal_blob *blob)
{
        return (struct engine_update){ .id = id,
                                       .spec = { .spec = blob, .task_count = 1 },
                                       .detail = "it",
                                       .read_sequence = engine_sequence(fake.engine) };
}

static const struct engine_submission asker = { .uid = 1000, .gid = 1000 };

/* Changes one job; returns the answer. */
static int change(const struct engine_update *update)
{
        struct reason why;
        size_t index;

        return engine_update(fake.engine, &asker, update, 1, &index, &why);
}

START_TEST(memory_and_row_are_changed)
{
        _cleanup_(journal_blob_unrefp) struct journal_blob *blob = blob_of("a longer one");
        const struct engine_spec spec = { .task_count = 1, .hold = true };
        const uint64_t id = fake_submit(1000, &spec);
        struct engine_update update = update_of(id, blob);
        const struct job *job = engine_find(fake.engine, id);
        const uint64_t bytes = job->user->spec_bytes;

        update.spec.priority = 5;
        update.spec.cpus = 2;
        update.spec.memory_bytes = 100;
        update.spec.retries = 3;
        update.spec.name = "new";
        fake_attach(0);
        fake_attach(1);
        ck_assert_int_eq(change(&update), 0);
        ck_assert_uint_eq(fake.updates_count, 1);
        ck_assert_int_eq(fake.jobs[id].priority, 5);
        ck_assert_uint_eq(fake.jobs[id].cpus, 2);
        ck_assert_uint_eq(fake.jobs[id].memory_bytes, 100);
        ck_assert_uint_eq(fake.jobs[id].retries, 3);
        ck_assert(fake.jobs[id].hold); /* was not set here */
        ck_assert_uint_eq(job->user->spec_bytes, bytes + strlen("a longer one") - strlen("spec"));
        ck_assert_uint_eq(fake.events[fake.events_count - 1], JOB_EV_UPDATE);
        fake_turn();
        fake_restart();
        job = engine_find(fake.engine, id);
        ck_assert_int_eq(job->priority, 5);
        ck_assert_uint_eq(job_cores(job), 2);
}
END_TEST

START_TEST(a_higher_priority_goes_first)
{
        _cleanup_(journal_blob_unrefp) struct journal_blob *blob = blob_of("spec");
        const struct engine_spec spec = { .task_count = 1 };
        struct engine_update update;
        uint64_t ids[3];

        for (size_t i = 0; i < 3; i++)
                ids[i] = fake_submit(1000, &spec);
        update = update_of(ids[2], blob);
        update.spec.priority = 1;
        ck_assert_int_eq(change(&update), 0);
        fake_attach(0);
        fake_turn();
        ck_assert_uint_eq(fake_find(FAKE_START, 0)->job, ids[2]);
}
END_TEST

START_TEST(one_that_cannot_be_stops_all)
{
        _cleanup_(journal_blob_unrefp) struct journal_blob *blob = blob_of("spec");
        const struct engine_spec spec = { .task_count = 1 };
        struct engine_update updates[2];
        struct reason why;
        uint64_t running, queued;
        size_t index;

        running = fake_submit(1000, &spec);
        fake_attach(0);
        fake_turn();
        queued = fake_submit(1000, &spec);
        updates[0] = update_of(queued, blob);
        updates[1] = update_of(running, blob);
        updates[0].spec.priority = updates[1].spec.priority = 9;
        ck_assert_int_eq(engine_update(fake.engine, &asker, updates, 2, &index, &why),
                         ENGINE_E_STATE);
        ck_assert_uint_eq(index, 1);
        ck_assert_int_eq(engine_find(fake.engine, queued)->priority, 0);
        ck_assert_uint_eq(fake.updates_count, 0);
        updates[1].id = 77;
        ck_assert_int_eq(engine_update(fake.engine, &asker, updates, 2, &index, &why),
                         ENGINE_E_STATE);
        updates[0].spec.cpus = 100;
        ck_assert_int_eq(engine_update(fake.engine, &asker, updates, 2, &index, &why),
                         ENGINE_E_REFUSED);
        ck_assert_uint_eq(index, 0);
        fake.disk_full = true;
        ck_assert_int_eq(engine_update(fake.engine, &asker, updates, 2, &index, &why),
                         ENGINE_E_FULL);
}
END_TEST

START_TEST(what_was_read_before_another_change_is_old)
{
        _cleanup_(journal_blob_unrefp) struct journal_blob *blob = blob_of("spec");
        const struct engine_spec spec = { .task_count = 1 };
        const uint64_t id = fake_submit(1000, &spec);
        const struct engine_update first = update_of(id, blob), second = update_of(id, blob);
        struct engine_update third;

        ck_assert_int_eq(change(&first), 0);
        ck_assert_int_eq(change(&second), ENGINE_E_BUSY);
        third = update_of(id, blob);
        ck_assert_int_eq(change(&third), 0);
}
END_TEST

START_TEST(hold_and_begin_only_when_they_are_set)
{
        _cleanup_(journal_blob_unrefp) struct journal_blob *blob = blob_of("spec");
        const struct engine_spec spec = { .task_count = 1,
                                          .begin_wall_usec = clock_wall_usec() + 3600000000ULL };
        const uint64_t id = fake_submit(1000, &spec);
        struct engine_update update = update_of(id, blob);
        const struct job *job = engine_find(fake.engine, id);

        ck_assert_int_eq(change(&update), 0);
        ck_assert(!job->is_begin_due);
        ck_assert_uint_eq(fake.jobs[id].begin_wall_usec, spec.begin_wall_usec);
        update = update_of(id, blob);
        update.sets_begin = update.sets_hold = true;
        update.spec.hold = true;
        ck_assert_int_eq(change(&update), 0);
        ck_assert(job->is_begin_due && job->hold && !job->is_ready);
        ck_assert_uint_eq(fake.jobs[id].begin_wall_usec, 0);
        update = update_of(id, blob);
        update.sets_hold = true;
        ck_assert_int_eq(change(&update), 0);
        ck_assert(job->is_ready);
}
END_TEST

START_TEST(another_queue)
{
        _cleanup_(journal_blob_unrefp) struct journal_blob *blob = blob_of("spec");
        const struct journal_queue night = { .name = "night", .policy = QUEUE_FIFO, .weight = 100 };
        const struct engine_spec spec = { .task_count = 1 };
        const uint64_t id = fake_submit(1000, &spec);
        const struct job *job = engine_find(fake.engine, id);
        struct engine_update update = update_of(id, blob);
        struct reason why;

        ck_assert_int_eq(engine_queue_add(fake.engine, &night, &why), 0);
        update.spec.queue = "none";
        ck_assert_int_eq(change(&update), 0); /* it is not set */
        ck_assert_str_eq(job->lane->queue->name, "default");
        update = update_of(id, blob);
        update.sets_queue = true;
        update.spec.queue = "none";
        ck_assert_int_eq(change(&update), ENGINE_E_REFUSED);
        update.spec.queue = "night";
        ck_assert_int_eq(change(&update), 0);
        ck_assert_str_eq(job->lane->queue->name, "night");
        ck_assert_uint_eq(fake.jobs[id].queue, job->lane->queue->id);
        fake_turn();
        fake_restart();
        ck_assert_str_eq(engine_find(fake.engine, id)->lane->queue->name, "night");
        update = update_of(id, blob);
        update.sets_queue = true;
        ck_assert_int_eq(change(&update), 0);
        ck_assert_str_eq(engine_find(fake.engine, id)->lane->queue->name, "default");
}
END_TEST

START_TEST(tasks_that_did_not_start_get_it)
{
        _cleanup_(journal_blob_unrefp) struct journal_blob *blob = blob_of("new");
        const struct engine_spec spec = { .task_count = 3, .is_array = true, .array_step = 1 };
        const uint64_t id = fake_submit(1000, &spec);
        struct engine_update update;
        uint64_t barrier;

        fake_attach(0);
        fake_turn();
        update = update_of(id, blob);
        ck_assert_int_eq(change(&update), 0);
        barrier = engine_sequence(fake.engine);
        fake_attach(1);
        fake_turn();
        ck_assert_uint_eq(fake_count(FAKE_START), 2);
        ck_assert_uint_eq(fake_find(FAKE_START, 0)->spec_version, 0);
        ck_assert_uint_eq(fake_find(FAKE_START, 1)->spec_version, barrier);
        ck_assert_uint_ge(fake_find(FAKE_START, 1)->barrier, barrier);
        ck_assert_uint_eq(fake.fetches_count, 1);
}
END_TEST

START_TEST(a_start_under_way_carries_the_new_one_and_waits_for_it)
{
        _cleanup_(journal_blob_unrefp) struct journal_blob *blob = blob_of("new");
        const struct engine_spec spec = { .task_count = 2, .is_array = true, .array_step = 1 };
        const uint64_t id = fake_submit(1000, &spec);
        struct engine_update update;

        fake_attach(0);
        fake_turn_undurable(); /* the fetch of the old one is on its way */
        ck_assert_uint_eq(fake_count(FAKE_START), 0);
        update = update_of(id, blob);
        ck_assert_int_eq(change(&update), 0);
        fake_make_durable();
        ck_assert_uint_eq(fake_count(FAKE_START), 1);
        ck_assert_uint_eq(fake_find(FAKE_START, 0)->barrier, engine_sequence(fake.engine));
        ck_assert_uint_eq(fake_find(FAKE_START, 0)->spec_size, strlen("new"));
}
END_TEST

int main(void)
{
        Suite *suite = suite_create("update");
        TCase *t = tcase_create("update");

        tcase_add_checked_fixture(t, fake_setup, fake_teardown);
        tcase_add_test(t, memory_and_row_are_changed);
        tcase_add_test(t, a_higher_priority_goes_first);
        tcase_add_test(t, one_that_cannot_be_stops_all);
        tcase_add_test(t, what_was_read_before_another_change_is_old);
        tcase_add_test(t, hold_and_begin_only_when_they_are_set);
        tcase_add_test(t, another_queue);
        tcase_add_test(t, tasks_that_did_not_start_get_it);
        tcase_add_test(t, a_start_under_way_carries_the_new_one_and_waits_for_it);
        suite_add_tcase(suite, t);
        return suite_run(suite);
}

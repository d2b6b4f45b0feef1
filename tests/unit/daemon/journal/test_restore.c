/* SPDX-License-Identifier: Apache-2.0 */
/* What start-up reads: unfinished jobs, their tasks, keys, and kept output. */
#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "common/clock.h"

#include "fixture.h"
#include "suites.h"

struct seen {
        uint64_t jobs[FIXTURE_PAGES_MAX];
        uint64_t tasks[FIXTURE_PAGES_MAX]; /* job * 1000 + task */
        size_t jobs_count, tasks_count, keys_count;
        uint64_t use_of_1, use_of_2;
        int answer; /* what on_job returns */
};

static int seen_on_job(void *arg, const struct journal_job *row)
{
        struct seen *const seen = arg;

        ck_assert_ptr_null(row->spec);
        ck_assert_str_eq(row->name, "kept");
        ck_assert_uint_eq(row->spec_bytes, 3);
        seen->jobs[seen->jobs_count++] = row->id;
        return seen->answer;
}

static int seen_on_task(void *arg, const struct journal_task *row)
{
        struct seen *const seen = arg;

        seen->tasks[seen->tasks_count++] = row->job * 1000 + row->task;
        return 0;
}

static int seen_on_key(void *arg, uint32_t uid, const uint8_t key[static JOURNAL_KEY_BYTES])
{
        struct seen *const seen = arg;

        ck_assert_uint_eq(key[0], uid);
        seen->keys_count++;
        return 0;
}

static int seen_on_use(void *arg, uint32_t uid, uint64_t bytes)
{
        struct seen *const seen = arg;

        if (uid == 1)
                seen->use_of_1 = bytes;
        else
                seen->use_of_2 = bytes;
        return 0;
}

static const struct journal_restore seen_restore = {
        .on_job = seen_on_job,
        .on_task = seen_on_task,
        .on_key = seen_on_key,
};

struct seen_queues {
        uint64_t ids;
        char line[256];
};

static int seen_on_queue(void *arg, const struct journal_queue *row)
{
        struct seen_queues *const seen = arg;

        seen->ids = seen->ids * 10 + row->id;
        snprintf(seen->line, sizeof(seen->line), "%s %u %u %u %llu %llu %u %d %u %d %d %u %s",
                 row->name, row->policy, row->width_tasks, row->width_cores,
                 (unsigned long long)row->time_limit_usec, (unsigned long long)row->memory_bytes,
                 row->cpus, row->priority, row->weight, row->is_paused, row->is_draining,
                 row->owner_uid, row->users ? row->users : "-");
        return 0;
}

static int seen_no_job(void *arg, const struct journal_job *row)
{
        (void)arg;
        (void)row;
        return -EINVAL;
}

/* `tasks` task rows, which keep 10 bytes of output each. */
static void put_job(struct journal_batch *batch, uint64_t id, bool finished, uint64_t tasks)
{
        struct journal_job row = job_row(id, id % 2 ? 1 : 2);

        row.finished = finished;
        row.name = "kept";
        row.spec = blob_of("abc");
        ck_assert_int_eq(journal_put_job(batch, &row), 0);
        journal_blob_unref(row.spec);
        for (uint64_t i = 0; i < tasks; i++) {
                struct journal_task task = task_row(id, i);

                task.output_disk_bytes = 10;
                ck_assert_int_eq(journal_put_task(batch, &task), 0);
        }
}

static void fill(void)
{
        struct journal_batch *const batch = batch_new();
        const uint64_t now = clock_wall_usec();
        const uint8_t one[JOURNAL_KEY_BYTES] = { 1 }, two[JOURNAL_KEY_BYTES] = { 2 };

        put_job(batch, 1, true, 40);
        put_job(batch, 2, false, 0);
        put_job(batch, 3, true, 5);
        put_job(batch, 4, false, 2);
        put_job(batch, 5, true, 40);
        put_job(batch, 6, false, 1);
        put_job(batch, 7, false, 0);
        put_job(batch, 8, true, 40);
        ck_assert_int_eq(journal_put_key(batch, 1, one, 1, 1, now), 0);
        ck_assert_int_eq(journal_put_key(batch, 2, two, 1, 1, now), 0);
        fixture_post(&the, batch, 1);
        fixture_close(&the);
}

START_TEST(only_what_is_unfinished_is_read)
{
        struct seen seen = { 0 };

        fixture_start(&the);
        fill();
        fixture_open(&the);
        ck_assert_int_eq(journal_read_all(the.journal, &seen_restore, &seen), 0);
        ck_assert_uint_eq(seen.jobs_count, 4);
        ck_assert_uint_eq(seen.jobs[0], 2);
        ck_assert_uint_eq(seen.jobs[3], 7);
        ck_assert_uint_eq(seen.tasks_count, 3);
        ck_assert_uint_eq(seen.tasks[0], 4000);
        ck_assert_uint_eq(seen.tasks[1], 4001);
        ck_assert_uint_eq(seen.tasks[2], 6000);
        ck_assert_uint_eq(seen.keys_count, 2);
        ck_assert_int_eq(journal_read_output_use(the.journal, seen_on_use, &seen), 0);
        ck_assert_uint_eq(seen.use_of_1, 850);
        ck_assert_uint_eq(seen.use_of_2, 430);
}
END_TEST

START_TEST(a_callback_can_stop_it)
{
        struct seen seen = { .answer = -ENOMEM };

        fixture_start(&the);
        fill();
        fixture_open(&the);
        ck_assert_int_eq(journal_read_all(the.journal, &seen_restore, &seen), -ENOMEM);
        ck_assert_uint_eq(seen.jobs_count, 1);
}
END_TEST

struct seen_dependencies {
        struct journal_dependency rows[8];
        size_t count;
};

static int seen_on_dependency(void *arg, const struct journal_dependency *row)
{
        struct seen_dependencies *const seen = arg;

        ck_assert_uint_lt(seen->count, ARRAY_SIZE(seen->rows));
        seen->rows[seen->count++] = *row;
        return 0;
}

static int pass_job(void *arg, const struct journal_job *row)
{
        (void)arg;
        (void)row;
        return 0;
}

static int pass_task(void *arg, const struct journal_task *row)
{
        (void)arg;
        (void)row;
        return 0;
}

static int pass_key(void *arg, uint32_t uid, const uint8_t key[static JOURNAL_KEY_BYTES])
{
        (void)arg;
        (void)uid;
        (void)key;
        return 0;
}

static void put_dependency(struct journal_batch *batch, uint64_t job, uint32_t ordinal,
                           uint64_t parent)
{
        const struct journal_dependency row = {
                .job = job, .ordinal = ordinal, .kind = 2, .flags = 3, .parent = parent
        };

        ck_assert_int_eq(journal_put_dependency(batch, &row), 0);
}

START_TEST(dependencies_come_with_their_parents_ends)
{
        static const struct journal_restore restore = { .on_job = pass_job,
                                                        .on_task = pass_task,
                                                        .on_key = pass_key,
                                                        .on_dependency = seen_on_dependency };
        struct seen_dependencies seen = { .count = 0 };
        struct journal_batch *batch;

        fixture_start(&the);
        batch = batch_new();
        put_job(batch, 1, true, 1);
        put_job(batch, 2, false, 0);
        for (uint64_t id = 3; id <= 7; id++) {
                put_job(batch, id, false, 0);
                put_dependency(batch, id, 0, 1);
                put_dependency(batch, id, 1, 2);
                put_dependency(batch, id, 2, 99);
        }
        ck_assert_int_eq(journal_drop_dependency(batch, 3, 2), 0);
        ck_assert_int_eq(journal_drop_dependencies(batch, 4, 6), 0);
        fixture_post(&the, batch, 1);
        fixture_close(&the);

        fixture_open(&the);
        ck_assert_int_eq(journal_read_all(the.journal, &restore, &seen), 0);
        ck_assert_uint_eq(seen.count, 5);
        ck_assert_uint_eq(seen.rows[0].job, 3);
        ck_assert_uint_eq(seen.rows[0].parent, 1);
        ck_assert_uint_eq(seen.rows[0].parent_state, job_row(1, 1).state);
        ck_assert_uint_eq(seen.rows[0].kind, 2);
        ck_assert_uint_eq(seen.rows[0].flags, 3);
        ck_assert_uint_eq(seen.rows[1].ordinal, 1);
        ck_assert_uint_eq(seen.rows[1].parent_state, 0);
        ck_assert_uint_eq(seen.rows[4].job, 7);
        ck_assert_uint_eq(seen.rows[4].parent, 99);
        ck_assert_uint_eq(seen.rows[4].parent_state, 0);
}
END_TEST

/* A row is replaced by its id; an id is not given again. */
START_TEST(queues_come_back)
{
        static const struct journal_restore restore = {
                .on_job = seen_no_job,
                .on_task = seen_on_task,
                .on_key = seen_on_key,
                .on_queue = seen_on_queue,
        };
        struct journal_queue row = { .id = 2, .name = "night", .policy = 2, .weight = 100 };
        struct journal_batch *batch;
        struct seen_queues seen = { 0 };
        uint32_t last = 0;

        fixture_start(&the);
        ck_assert_int_eq(journal_batch_new(&batch), 0);
        ck_assert_int_eq(journal_put_queue(batch, &row), 0);
        row = (struct journal_queue){
                .id = 2,
                .name = "night",
                .policy = 1,
                .width_tasks = 3,
                .width_cores = 4,
                .time_limit_usec = UINT64_MAX / 2,
                .memory_bytes = 6,
                .cpus = 7,
                .priority = -8,
                .weight = 9,
                .is_paused = true,
                .is_draining = true,
                .owner_uid = 4294967294,
                .users = "1,@2",
        };
        ck_assert_int_eq(journal_put_queue(batch, &row), 0);
        row.id = 5;
        row.name = "gone";
        ck_assert_int_eq(journal_put_queue(batch, &row), 0);
        ck_assert_int_eq(journal_drop_queue(batch, 5), 0);
        journal_post(the.journal, batch, 1, 0, 0);
        fixture_close(&the);

        fixture_open(&the);
        ck_assert_int_eq(journal_read_all(the.journal, &restore, &seen), 0);
        ck_assert_uint_eq(seen.ids, 2);
        ck_assert_str_eq(seen.line, "night 1 3 4 9223372036854775807 6 7 -8 9 1 1 4294967294 1,@2");
        ck_assert_int_eq(journal_read_queue_id(the.journal, &last), 0);
        ck_assert_uint_eq(last, 5);
        fixture_close(&the);
}
END_TEST

START_TEST(jobs_move_to_another_queue)
{
        struct journal_batch *const batch = batch_new();

        fixture_start(&the);
        for (uint64_t id = 1; id <= 4; id++) {
                struct journal_job row = job_row(id, 5);

                row.queue = id == 3 ? 6 : 5;
                row.finished = id == 2;
                ck_assert_int_eq(journal_put_job(batch, &row), 0);
        }
        ck_assert_int_eq(journal_move_jobs(batch, 5, 0), 0);
        fixture_post(&the, batch, 4);
        fixture_wait_durable(&the, 4);
        fixture_close(&the);
        /* What has ended keeps the queue that it was in. */
        ck_assert_int_eq(fixture_sql(&the, "SELECT group_concat(queue, '') FROM job"), 560);
        ck_assert_int_eq(fixture_sql(&the, "SELECT sum(queue = 0) FROM job WHERE id IN (1, 4)"), 2);
}
END_TEST

/* Rows that are small and few: one line each, in the order of the statement. */
static char small_rows[400];

static void small_say(const char *fmt, ...) _printf_(1, 2);
static void small_say(const char *fmt, ...)
{
        const size_t used = strlen(small_rows);
        va_list args;

        va_start(args, fmt);
        vsnprintf(small_rows + used, sizeof(small_rows) - used, fmt, args);
        va_end(args);
}

static int small_on_setting(void *arg, const char *name, uint64_t value)
{
        (void)arg;
        small_say("%s=%" PRIu64 "\n", name, value);
        return 0;
}

static int small_on_resource(void *arg, uint32_t uid, const char *name, uint32_t capacity)
{
        (void)arg;
        small_say("%" PRIu32 " %s=%" PRIu32 "\n", uid, name, capacity);
        return 0;
}

static int small_on_grant(void *arg, const struct journal_grant *row)
{
        (void)arg;
        small_say("%" PRIu32 " %s %x%x %d %" PRIu32 " %" PRIu64 " %x %" PRIu64 " %" PRIu64 "\n",
                  row->uid, row->name, row->token[0], row->token[JOURNAL_TOKEN_BYTES - 1],
                  row->shared, row->pid, row->start, row->boot_id[0], row->job, row->task);
        return 0;
}

START_TEST(settings_resources_and_locks_come_back)
{
        struct journal_grant grant = { .uid = 7,
                                       .name = "build",
                                       .shared = true,
                                       .pid = 11,
                                       .start = 12,
                                       .boot_id = { 0xb },
                                       .job = 13,
                                       .task = 14 };
        struct journal_batch *batch;

        fixture_start(&the);
        ck_assert_int_eq(journal_batch_new(&batch), 0);
        ck_assert_int_eq(journal_put_setting(batch, "drain", 1), 0);
        ck_assert_int_eq(journal_put_setting(batch, "drain", 0), 0);
        ck_assert_int_eq(journal_put_setting(batch, "other", UINT64_MAX / 2), 0);
        ck_assert_int_eq(journal_put_resource(batch, 7, "gpu", 2), 0);
        ck_assert_int_eq(journal_put_resource(batch, 8, "gpu", 3), 0);
        ck_assert_int_eq(journal_put_resource(batch, 7, "gpu", 4), 0);
        ck_assert_int_eq(journal_put_resource(batch, 7, "net", 5), 0);
        ck_assert_int_eq(journal_drop_resource(batch, 7, "net"), 0);
        ck_assert_int_eq(journal_drop_resource(batch, 7, "none"), 0);
        grant.token[0] = 0xa;
        ck_assert_int_eq(journal_put_grant(batch, &grant), 0);
        grant.token[JOURNAL_TOKEN_BYTES - 1] = 0xc;
        grant.shared = false;
        ck_assert_int_eq(journal_put_grant(batch, &grant), 0);
        ck_assert_int_eq(journal_drop_grant(batch, 8, grant.token), 0); /* another user's */
        grant.token[0] = 0;
        ck_assert_int_eq(journal_put_grant(batch, &grant), 0);
        ck_assert_int_eq(journal_drop_grant(batch, 7, grant.token), 0);
        fixture_post(&the, batch, 1);
        fixture_close(&the);

        fixture_open(&the);
        small_rows[0] = '\0';
        ck_assert_int_eq(journal_read_settings(the.journal, small_on_setting, NULL), 0);
        ck_assert_str_eq(small_rows, "drain=0\nother=9223372036854775807\n");
        small_rows[0] = '\0';
        ck_assert_int_eq(journal_read_resources(the.journal, small_on_resource, NULL), 0);
        ck_assert_str_eq(small_rows, "7 gpu=4\n8 gpu=3\n");
        small_rows[0] = '\0';
        ck_assert_int_eq(journal_read_grants(the.journal, small_on_grant, NULL), 0);
        ck_assert_str_eq(small_rows, "7 build a0 1 11 12 b 13 14\n7 build ac 0 11 12 b 13 14\n");
        fixture_close(&the);
}
END_TEST

TCase *restore_case(void)
{
        TCase *const tcase = tcase_create("restore");

        tcase_add_checked_fixture(tcase, fixture_setup, fixture_teardown);
        tcase_add_test(tcase, only_what_is_unfinished_is_read);
        tcase_add_test(tcase, a_callback_can_stop_it);
        tcase_add_test(tcase, dependencies_come_with_their_parents_ends);
        tcase_add_test(tcase, queues_come_back);
        tcase_add_test(tcase, jobs_move_to_another_queue);
        tcase_add_test(tcase, settings_resources_and_locks_come_back);
        return tcase;
}

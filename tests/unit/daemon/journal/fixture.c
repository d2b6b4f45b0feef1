/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What every journal test needs: a folder of its own, a loop that is turned until something
 * happened or a deadline passed, and callbacks that write down what came in which order.
 */
#include "fixture.h"

#include <dirent.h>
#include <fcntl.h>
#include <sqlite3.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "common/clock.h"
#include "common/fs.h"

struct fixture the;

#define DEADLINE_USEC (60 * USEC_PER_SEC) /* only ends what hangs */

void fixture_note(struct fixture *fixture, char letter)
{
        const size_t used = strlen(fixture->log);

        if (used + 1 < sizeof(fixture->log))
                fixture->log[used] = letter;
}

static void fixture_on_durable(void *arg, uint64_t durable)
{
        struct fixture *const fixture = arg;

        ck_assert_uint_gt(durable, fixture->durable);
        fixture->durable = durable;
        fixture_note(fixture, 'D');
}

static void fixture_on_failed(void *arg, const char *sentence)
{
        struct fixture *const fixture = arg;

        ck_assert_str_eq(fixture->failed, "");
        snprintf(fixture->failed, sizeof(fixture->failed), "%s", sentence);
}

static void fixture_on_disk(void *arg, bool full)
{
        struct fixture *const fixture = arg;

        fixture->disk = full;
}

static const struct journal_ops fixture_ops = {
        .on_durable = fixture_on_durable,
        .on_failed = fixture_on_failed,
        .on_disk = fixture_on_disk,
};

void fixture_init(struct fixture *fixture)
{
        memset(fixture, 0, sizeof(*fixture));
        snprintf(fixture->dir, sizeof(fixture->dir), "/tmp/jobd-journal-XXXXXX");
        ck_assert_ptr_nonnull(mkdtemp(fixture->dir));
        fixture->disk = -1;
        fixture->options = (struct journal_options){
                .state_dir = fixture->dir,
                .floor_bytes = 1024,
                .reserve_bytes = (uint64_t)256 * 1024,
                .key_keep_usec = 24 * 3600 * USEC_PER_SEC,
        };
        ck_assert_int_eq(loop_new(&fixture->loop), 0);
}

void fixture_deinit(struct fixture *fixture)
{
        struct dirent *entry;
        DIR *dir;

        fixture_close(fixture);
        fixture->loop = loop_free(fixture->loop);
        dir = opendir(fixture->dir);
        ck_assert_ptr_nonnull(dir);
        while ((entry = readdir(dir)))
                unlinkat(dirfd(dir), entry->d_name, 0);
        closedir(dir);
        ck_assert_int_eq(rmdir(fixture->dir), 0);
}

void fixture_setup(void)
{
        fixture_init(&the);
}

void fixture_teardown(void)
{
        fixture_deinit(&the);
}

void fixture_open(struct fixture *fixture)
{
        struct reason why = { "" };
        const int r = journal_open(&fixture->options, &fixture->journal, &why);

        ck_assert_msg(r == 0, "journal_open: %d %s", r, why.text);
}

void fixture_start(struct fixture *fixture)
{
        if (!fixture->journal)
                fixture_open(fixture);
        fixture->durable = journal_last_sequence(fixture->journal);
        ck_assert_int_eq(journal_start(fixture->journal, fixture->loop, &fixture_ops, fixture), 0);
}

void fixture_close(struct fixture *fixture)
{
        fixture->journal = journal_close(fixture->journal);
}

static void fixture_expect(struct fixture *fixture, int answer, const char *part)
{
        struct journal *journal = NULL;
        struct reason why = { "" };
        const int r = journal_open(&fixture->options, &journal, &why);

        ck_assert_msg(r == answer, "journal_open: %d", r);
        ck_assert_ptr_null(journal);
        ck_assert_msg(strstr(why.text, part) != NULL, "\"%s\" is not in: %s", part, why.text);
        /* A sentence that was cut does not say what to do. */
        ck_assert_uint_lt(strlen(why.text), sizeof(why.text) - 1);
}

void fixture_expect_refused(struct fixture *fixture, const char *part)
{
        fixture_expect(fixture, JOURNAL_E_REFUSED, part);
}

void fixture_expect_later(struct fixture *fixture, const char *part)
{
        fixture_expect(fixture, JOURNAL_E_LATER, part);
}

char *fixture_path(const struct fixture *fixture, const char *name)
{
        char *const path = fs_path("%s/%s", fixture->dir, name);

        ck_assert_ptr_nonnull(path);
        return path;
}

/* ------------------------------------------------------------------------------------ waiting */

struct wait {
        struct fixture *fixture;
        bool (*is_done)(void *arg);
        void *arg;
        bool had_failed; /* before: then it is no reason to stop */
};

static void wait_on_turn(void *arg)
{
        struct wait *const wait = arg;

        if (wait->fixture->has_expired || wait->is_done(wait->arg) ||
            (!wait->had_failed && wait->fixture->failed[0] != '\0'))
                loop_stop(wait->fixture->loop, 0);
}

static void wait_on_timer(void *arg)
{
        struct fixture *const fixture = arg;

        fixture->has_expired = true;
}

void fixture_wait(struct fixture *fixture, bool (*is_done)(void *arg), void *arg)
{
        struct wait wait = {
                .fixture = fixture,
                .is_done = is_done,
                .arg = arg,
                .had_failed = fixture->failed[0] != '\0',
        };
        struct loop_timer *timer = NULL;

        fixture->has_expired = false;
        ck_assert_int_eq(loop_timer_new(fixture->loop, wait_on_timer, fixture, &timer), 0);
        ck_assert_int_eq(loop_timer_start(timer, DEADLINE_USEC), 0);
        ck_assert_int_eq(loop_run(fixture->loop, wait_on_turn, &wait), 0);
        loop_timer_free(timer);
        ck_assert_msg(!fixture->has_expired, "waited too long");
        ck_assert_msg(is_done(arg), "the journal failed: %s", fixture->failed);
}

struct wait_durable {
        struct fixture *fixture;
        uint64_t sequence;
};

static bool wait_is_durable(void *arg)
{
        const struct wait_durable *const wait = arg;

        return wait->fixture->durable >= wait->sequence;
}

void fixture_wait_durable(struct fixture *fixture, uint64_t sequence)
{
        struct wait_durable wait = { .fixture = fixture, .sequence = sequence };

        fixture_wait(fixture, wait_is_durable, &wait);
}

static bool wait_has_failed(void *arg)
{
        const struct fixture *const fixture = arg;

        return fixture->failed[0] != '\0';
}

void fixture_wait_failed(struct fixture *fixture)
{
        fixture_wait(fixture, wait_has_failed, fixture);
}

/* ------------------------------------------------------------------------------------ answers */

void answer_take(void *arg, const struct journal_page *page)
{
        struct answer *const answer = arg;

        ck_assert(!answer->is_there);
        answer->is_there = true;
        answer->fault = page->fault;
        answer->more = page->more;
        answer->next = page->next;
        answer->next_task = page->next_task;
        answer->found_first = page->found_first;
        answer->found_count = page->found_count;
        answer->jobs_count = page->jobs_count;
        answer->tasks_count = page->tasks_count;
        answer->events_count = page->events_count;
        for (size_t i = 0; i < MIN(page->jobs_count, (size_t)FIXTURE_PAGES_MAX); i++) {
                answer->jobs[i] = page->jobs[i];
                snprintf(answer->names[i], sizeof(answer->names[i]), "%s",
                         page->jobs[i].name ? page->jobs[i].name : "");
        }
        for (size_t i = 0; i < MIN(page->tasks_count, (size_t)FIXTURE_PAGES_MAX); i++)
                answer->tasks[i] = page->tasks[i];
        for (size_t i = 0; i < MIN(page->events_count, (size_t)FIXTURE_PAGES_MAX); i++)
                answer->events[i] = page->events[i];
        if (page->jobs_count > 0) {
                answer->spec = journal_blob_ref(page->jobs[0].spec);
                answer->environment = journal_blob_ref(page->jobs[0].environment);
        }
        answer->output = journal_blob_ref(page->output);
        answer->has_outputs = page->outputs;
        for (size_t i = 0; i < MIN(page->tasks_count, (size_t)FIXTURE_PAGES_MAX); i++)
                answer->outputs[i] = page->outputs ? journal_blob_ref(page->outputs[i]) : NULL;
        answer->inputs = page->inputs;
        journal_blob_ref(answer->inputs.values);
        fixture_note(answer->fixture, 'P');
}

void answer_deinit(struct answer *answer)
{
        journal_blob_unref(answer->spec);
        journal_blob_unref(answer->environment);
        journal_blob_unref(answer->output);
        for (size_t i = 0; i < FIXTURE_PAGES_MAX; i++)
                journal_blob_unref(answer->outputs[i]);
        journal_blob_unref(answer->inputs.values);
        memset(answer, 0, sizeof(*answer));
}

static bool answer_is_there(void *arg)
{
        const struct answer *const answer = arg;

        return answer->is_there;
}

static void answer_prepare(struct answer *answer, struct fixture *fixture)
{
        memset(answer, 0, sizeof(*answer));
        answer->fixture = fixture;
}

void fixture_read_jobs(struct fixture *fixture, const struct journal_job_query *query,
                       struct answer *out_answer)
{
        struct journal_read *read;

        answer_prepare(out_answer, fixture);
        ck_assert_int_eq(journal_read_jobs(fixture->journal, query, answer_take, out_answer, &read),
                         0);
        fixture_wait(fixture, answer_is_there, out_answer);
}

void fixture_read_task(struct fixture *fixture, uint64_t job, uint64_t task, bool want_output,
                       struct answer *out_answer)
{
        struct journal_read *read;

        answer_prepare(out_answer, fixture);
        ck_assert_int_eq(journal_read_task(fixture->journal, job, task, want_output, answer_take,
                                           out_answer, &read),
                         0);
        fixture_wait(fixture, answer_is_there, out_answer);
}

void fixture_read_results(struct fixture *fixture, const struct journal_results_query *query,
                          struct answer *out_answer)
{
        struct journal_read *read;

        answer_prepare(out_answer, fixture);
        ck_assert_int_eq(
                journal_read_results(fixture->journal, query, answer_take, out_answer, &read), 0);
        fixture_wait(fixture, answer_is_there, out_answer);
}

void fixture_read_input(struct fixture *fixture, uint64_t job, uint64_t task,
                        struct answer *out_answer)
{
        struct journal_read *read;

        answer_prepare(out_answer, fixture);
        ck_assert_int_eq(journal_read_input(fixture->journal, job, true, 0, task, answer_take,
                                            out_answer, &read),
                         0);
        fixture_wait(fixture, answer_is_there, out_answer);
}

void fixture_read_key(struct fixture *fixture, uint32_t uid, const uint8_t *key,
                      struct answer *out_answer)
{
        struct journal_read *read;

        answer_prepare(out_answer, fixture);
        ck_assert_int_eq(
                journal_read_key(fixture->journal, uid, key, answer_take, out_answer, &read), 0);
        fixture_wait(fixture, answer_is_there, out_answer);
}

void fixture_read_events(struct fixture *fixture, const struct journal_event_query *query,
                         struct answer *out_answer)
{
        struct journal_read *read;

        answer_prepare(out_answer, fixture);
        ck_assert_int_eq(
                journal_read_events(fixture->journal, query, answer_take, out_answer, &read), 0);
        fixture_wait(fixture, answer_is_there, out_answer);
}

/* --------------------------------------------------------------------------------------- rows */

struct journal_blob *blob_of(const char *text)
{
        struct journal_blob *blob;

        ck_assert_int_eq(journal_blob_new(strdup(text), strlen(text), &blob), 0);
        return blob;
}

struct journal_blob *blob_of_size(size_t size, int byte)
{
        struct journal_blob *blob;
        void *const data = malloc(size + 1);

        ck_assert_ptr_nonnull(data);
        memset(data, byte, size);
        ck_assert_int_eq(journal_blob_new(data, size, &blob), 0);
        return blob;
}

struct journal_job job_row(uint64_t id, uint32_t uid)
{
        return (struct journal_job){
                .id = id,
                .uid = uid,
                .gid = uid + 1,
                .state = 1,
                .cpus = 1,
                .submit_wall_usec = 1000 * id,
                .task_count = 1,
        };
}

struct journal_task task_row(uint64_t job, uint64_t task)
{
        return (struct journal_task){
                .job = job, .task = task, .state = 2, .attempt = 1, .lease = job, .exit_code = -1
        };
}

struct journal_event event_row(uint64_t seq, uint64_t job, uint32_t uid)
{
        return (struct journal_event){
                .seq = seq, .wall_usec = 1000 * seq, .job = job, .uid = uid, .kind = 1, .state = 1
        };
}

struct journal_batch *batch_new(void)
{
        struct journal_batch *batch;

        ck_assert_int_eq(journal_batch_new(&batch), 0);
        return batch;
}

void fixture_post(struct fixture *fixture, struct journal_batch *batch, uint64_t sequence)
{
        journal_post(fixture->journal, batch, sequence, sequence, 0);
}

void fixture_submit(struct fixture *fixture, uint64_t id, uint32_t uid)
{
        struct journal_batch *const batch = batch_new();
        struct journal_job row = job_row(id, uid);
        const struct journal_event event = event_row(id, id, uid);
        uint8_t key[JOURNAL_KEY_BYTES] = { 0 };
        char spec[32];

        snprintf(spec, sizeof(spec), "spec %llu", (unsigned long long)id);
        row.spec = blob_of(spec);
        row.environment = blob_of("A=1");
        memcpy(key, &id, sizeof(id));
        ck_assert_int_eq(journal_put_job(batch, &row), 0);
        ck_assert_int_eq(journal_put_event(batch, &event), 0);
        ck_assert_int_eq(journal_put_key(batch, uid, key, id, 1, clock_wall_usec()), 0);
        journal_blob_unref(row.spec);
        journal_blob_unref(row.environment);
        journal_post(fixture->journal, batch, id, id, 0);
}

int64_t fixture_sql(struct fixture *fixture, const char *sql)
{
        _cleanup_(freep) char *path = fixture_path(fixture, "jobd.db");
        sqlite3_stmt *stmt = NULL;
        sqlite3 *db = NULL;
        int64_t value = -1;

        ck_assert_int_eq(sqlite3_open(path, &db), SQLITE_OK);
        ck_assert_int_eq(sqlite3_exec(db, "PRAGMA locking_mode = EXCLUSIVE", NULL, NULL, NULL),
                         SQLITE_OK);
        ck_assert_msg(sqlite3_prepare_v2(db, sql, -1, &stmt, NULL) == SQLITE_OK, "%s: %s", sql,
                      sqlite3_errmsg(db));
        if (sqlite3_step(stmt) == SQLITE_ROW)
                value = sqlite3_column_int64(stmt, 0);
        ck_assert_msg(sqlite3_finalize(stmt) == SQLITE_OK, "%s: %s", sql, sqlite3_errmsg(db));
        sqlite3_close(db);
        return value;
}

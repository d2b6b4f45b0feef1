/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The journal's half of the fake: questions wait in a list until fake_engine_answer() finds the
 * answers in the same table of jobs. What is asked for and not "wanted" is left out of rows as the
 * real journal does it, and page_max makes pages end early.
 */
#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <string.h>

#include "fake_engine.h"

#define FAKE_IDS_MAX 1000
#define FAKE_RESULTS_MAX 256U
#define FAKE_RESULTS_BYTES (1U << 20)

enum fake_read_kind {
        FAKE_READ_JOBS,
        FAKE_READ_TASK,
        FAKE_READ_RESULTS,
        FAKE_READ_INPUT,
        FAKE_READ_EVENTS,
        FAKE_READ_KEY,
        FAKE_READ_SPOOL,
        FAKE_READ_TOTALS,
};

struct journal_read {
        struct journal_read *next;
        enum fake_read_kind kind;
        bool is_cancelled;
        struct journal_job_query jobs;
        struct journal_event_query events;
        uint64_t ids[FAKE_IDS_MAX];
        char name[32];
        uint64_t job, task;
        size_t events_count; /* those posted before the question */
        bool want_output;
        bool any_uid;
        uint32_t uid;
        struct fake_results *results; /* owned: what the rows say when it is asked */
        journal_page_fn done;
        engine_submitted_fn key_done;
        void (*spool_done)(void *arg, int fd, bool compressed);
        void *arg;
};

static struct engine *the_engine; /* of the read under way: journal functions get no engine */

static struct journal_read *fake_read_new(enum fake_read_kind kind, journal_page_fn done, void *arg,
                                          struct journal_read **out_read)
{
        struct journal_read *read = calloc(1, sizeof(*read)), **at = &the_engine->reads;

        ck_assert_ptr_nonnull(read);
        read->kind = kind;
        read->done = done;
        read->arg = arg;
        while (*at)
                at = &(*at)->next;
        *at = read;
        the_engine->reads_count++;
        if (out_read)
                *out_read = read;
        loop_wake(the_engine->loop);
        return read;
}

void journal_read_cancel(struct journal_read *read)
{
        read->is_cancelled = true;
}

int journal_read_jobs(struct journal *journal, const struct journal_job_query *query,
                      journal_page_fn done, void *arg, struct journal_read **out_read)
{
        struct journal_read *read = fake_read_new(FAKE_READ_JOBS, done, arg, out_read);

        (void)journal;
        ck_assert_uint_le(query->ids_count, FAKE_IDS_MAX);
        read->jobs = *query;
        the_engine->read_before_id = query->before_id;
        if (query->ids) {
                memcpy(read->ids, query->ids, query->ids_count * sizeof(*query->ids));
                read->jobs.ids = read->ids;
        }
        if (query->name) {
                strncat(read->name, query->name, sizeof(read->name) - 1);
                read->jobs.name = read->name;
        }
        return 0;
}

int journal_read_task(struct journal *journal, uint64_t job, uint64_t task, bool want_output,
                      journal_page_fn done, void *arg, struct journal_read **out_read)
{
        struct journal_read *read = fake_read_new(FAKE_READ_TASK, done, arg, out_read);

        (void)journal;
        read->job = job;
        read->task = task;
        read->want_output = want_output;
        return 0;
}

struct fake_results {
        struct journal_job job;
        size_t jobs_count;
        struct journal_task tasks[FAKE_RESULTS_MAX];
        struct journal_blob *outputs[FAKE_RESULTS_MAX]; /* owned */
        size_t tasks_count;
        uint64_t next_task; /* 0: no more */
};

static void fake_take_results(const struct job *job, const struct journal_results_query *query,
                              struct fake_results *to)
{
        size_t bytes = 0;

        to->jobs_count = 1;
        to->job = job->row;
        to->job.spec = to->job.environment = NULL;
        for (uint64_t t = query->first_task; t < job->row.task_next; t++) {
                const struct fake_task *task = &job->tasks[t];

                if (to->tasks_count == query->limit || bytes >= FAKE_RESULTS_BYTES) {
                        to->next_task = t;
                        return;
                }
                to->tasks[to->tasks_count] = task->row;
                if (query->want_output && task->output) {
                        to->outputs[to->tasks_count] = journal_blob_ref(task->output);
                        bytes += task->output->size;
                }
                to->tasks_count++;
        }
}

int journal_read_results(struct journal *journal, const struct journal_results_query *query,
                         journal_page_fn done, void *arg, struct journal_read **out_read)
{
        struct journal_read *read = fake_read_new(FAKE_READ_RESULTS, done, arg, out_read);
        const struct job *job = fake_row(the_engine, query->job);

        (void)journal;
        ck_assert_uint_le(query->limit, FAKE_RESULTS_MAX);
        ck_assert_uint_gt(query->limit, 0);
        read->results = calloc(1, sizeof(*read->results));
        ck_assert_ptr_nonnull(read->results);
        if (job && (query->any_uid || job->row.uid == query->uid))
                fake_take_results(job, query, read->results);
        return 0;
}

int journal_read_input(struct journal *journal, uint64_t job, bool any_uid, uint32_t uid,
                       uint64_t task, journal_page_fn done, void *arg,
                       struct journal_read **out_read)
{
        struct journal_read *read = fake_read_new(FAKE_READ_INPUT, done, arg, out_read);

        (void)journal;
        read->job = job;
        read->task = task;
        read->any_uid = any_uid;
        read->uid = uid;
        return 0;
}

int journal_read_totals(struct journal *journal, const struct journal_totals_query *query,
                        journal_page_fn done, void *arg, struct journal_read **out_read)
{
        (void)journal;
        (void)fake_read_new(FAKE_READ_TOTALS, done, arg, out_read);
        fake_trace(the_engine, "totals(%s,%" PRIu64 ",%" PRIu64 ",%" PRIu64 ",%" PRIu64 ") ",
                   query->any_uid ? "any" : "own", query->since_wall_usec, query->before_id,
                   query->first_task, query->rows_before);
        return 0;
}

int journal_read_events(struct journal *journal, const struct journal_event_query *query,
                        journal_page_fn done, void *arg, struct journal_read **out_read)
{
        struct journal_read *read = fake_read_new(FAKE_READ_EVENTS, done, arg, out_read);

        (void)journal;
        read->events = *query;
        read->events_count = the_engine->events_count;
        return 0;
}

int fake_read_key(struct engine *e, engine_submitted_fn done, void *arg);
int fake_read_key(struct engine *e, engine_submitted_fn done, void *arg)
{
        the_engine = e;
        fake_read_new(FAKE_READ_KEY, NULL, arg, NULL)->key_done = done;
        return 0;
}

int engine_open_spool(struct engine *e, uint64_t job, uint64_t task, uint32_t attempt,
                      void (*done)(void *arg, int fd, bool compressed), void *arg)
{
        struct journal_read *read;

        (void)attempt;
        the_engine = e;
        read = fake_read_new(FAKE_READ_SPOOL, NULL, arg, NULL);
        read->job = job;
        read->task = task;
        read->spool_done = done;
        return 0;
}

void journal_read_stats(const struct journal *journal, struct journal_stats *out_stats)
{
        (void)journal;
        *out_stats = (struct journal_stats){ .commit_count = 7,
                                             .disk_free_bytes = 1 << 30,
                                             .commit_usec = { .bounds = &histogram_short_usec },
                                             .commit_events = { .bounds = &histogram_sizes } };
}

bool journal_is_disk_full(const struct journal *journal)
{
        (void)journal;
        return the_engine->is_disk_full;
}

/* ---------------------------------------------------------------------------------- answering */

struct fake_page {
        struct journal_page page;
        struct journal_job jobs[FAKE_IDS_MAX];
        struct journal_task tasks[FAKE_IDS_MAX * FAKE_TASKS_MIN];
        struct journal_event events[64];
};

static void fake_put_job(struct fake_page *to, const struct journal_job_query *query,
                         const struct job *job)
{
        struct journal_job *row = &to->jobs[to->page.jobs_count++];

        *row = job->row;
        if (job->name[0])
                row->name = job->name;
        if (!query->want_spec)
                row->spec = NULL;
        if (!query->want_environment)
                row->environment = NULL;
        for (uint64_t t = 0; query->want_tasks && t < job->row.task_next; t++) {
                ck_assert_uint_lt(to->page.tasks_count, ARRAY_SIZE(to->tasks));
                to->tasks[to->page.tasks_count++] = job->tasks[t].row;
                if (!query->all_tasks)
                        break;
        }
}

static bool fake_is_full(const struct engine *e, const struct fake_page *page, uint32_t limit)
{
        return (e->page_max && page->page.jobs_count >= e->page_max) ||
               page->page.jobs_count >= (limit ? limit : FAKE_IDS_MAX);
}

static void fake_answer_ids(const struct engine *e, const struct journal_job_query *query,
                            struct fake_page *to)
{
        for (size_t n = 0; n < query->ids_count; n++) {
                const struct job *job = fake_row(e, query->ids[n]);

                if (fake_is_full(e, to, query->limit)) {
                        to->page.more = true;
                        break;
                }

                if (job && (query->any_uid || job->row.uid == query->uid))
                        fake_put_job(to, query, job);
                to->page.next = n + 1;
        }
}

static bool fake_fits(const struct journal_job_query *query, const struct job *job)
{
        if (job->is_dropped || (!query->any_uid && job->row.uid != query->uid) ||
            (query->finished_only && !job->row.finished) ||
            (query->before_id && job->row.id >= query->before_id) || job->row.id < query->min_id ||
            (query->max_id && job->row.id > query->max_id))
                return false;
        if (query->ended_before_wall_usec &&
            job->row.end_wall_usec >= query->ended_before_wall_usec)
                return false;
        if (query->name && strcmp(job->name, query->name) != 0)
                return false;
        return job->row.submit_wall_usec >= query->since_wall_usec &&
               (!query->state_mask || (query->state_mask & (1U << job->row.state)));
}

static void fake_answer_filter(const struct engine *e, const struct journal_job_query *query,
                               struct fake_page *to)
{
        for (size_t i = e->jobs_count; i-- > 0;) {
                if (!fake_fits(query, e->jobs[i]))
                        continue;
                if (fake_is_full(e, to, query->limit)) {
                        to->page.more = true;
                        return;
                }
                fake_put_job(to, query, e->jobs[i]);
                to->page.next = e->jobs[i]->row.id;
        }
}

static void fake_answer_task(const struct engine *e, const struct journal_read *read,
                             struct fake_page *to)
{
        const struct job *job = fake_row(e, read->job);

        if (!job || read->task >= job->tasks_room || read->task >= job->row.task_next)
                return;
        to->tasks[0] = job->tasks[read->task].row;
        to->page.tasks_count = 1;
        if (read->want_output)
                to->page.output = job->tasks[read->task].output;
}

static void fake_answer_results(const struct journal_read *read, struct fake_page *to)
{
        struct fake_results *results = read->results;

        to->page.jobs = &results->job;
        to->page.jobs_count = results->jobs_count;
        to->page.tasks = results->tasks;
        to->page.tasks_count = results->tasks_count;
        to->page.outputs = results->outputs;
        to->page.more = results->next_task > 0;
        to->page.next_task = results->next_task;
}

static void fake_answer_input(const struct engine *e, const struct journal_read *read,
                              struct fake_page *to)
{
        const struct job *job = fake_row(e, read->job);

        if (!job || (!read->any_uid && job->row.uid != read->uid))
                return;
        for (uint64_t c = 0; c < job->row.chunk_next; c++) {
                const struct fake_chunk *chunk = &job->chunks[c];
                const uint64_t tasks =
                        (chunk->count + job->row.map_values - 1) / job->row.map_values;

                if (read->task < chunk->first_task || read->task - chunk->first_task >= tasks)
                        continue;
                to->page.inputs.map_values = job->row.map_values;
                to->page.inputs.first_task = chunk->first_task;
                to->page.inputs.count = chunk->count;
                to->page.inputs.values = chunk->values;
        }
}

static void fake_read_free(struct journal_read *read)
{
        for (size_t i = 0; read->results && i < read->results->tasks_count; i++)
                journal_blob_unref(read->results->outputs[i]);
        free(read->results);
        free(read);
}

static void fake_answer_events(const struct engine *e, const struct journal_read *read,
                               struct fake_page *to)
{
        const struct journal_event_query *query = &read->events;
        uint64_t after = query->after_seq;

        if (query->last && read->events_count > query->last)
                after = MAX(after, e->events[read->events_count - query->last - 1].seq);
        to->page.next = after;
        for (size_t i = 0; i < read->events_count; i++) {
                const struct journal_event *event = &e->events[i];

                if (event->seq <= after)
                        continue;
                if (e->page_max && to->page.events_count == e->page_max) {
                        to->page.more = true;
                        return;
                }
                to->page.next = event->seq;
                if (query->any_uid || event->uid == query->uid)
                        to->events[to->page.events_count++] = *event;
        }
}

/* One of the test's slices after the other. */
static void fake_answer_totals(struct engine *e, struct fake_page *to)
{
        ck_assert_uint_lt(e->totals_told, e->totals_count);
        to->page.totals = &e->totals[e->totals_told++];
        to->page.more = e->totals_told < e->totals_count;
        to->page.next = 100 - e->totals_told;
        to->page.next_task = 7;
}

static void fake_answer_one(struct engine *e, struct journal_read *read)
{
        struct fake_page *to = calloc(1, sizeof(*to));

        ck_assert_ptr_nonnull(to);
        to->page.jobs = to->jobs;
        to->page.tasks = to->tasks;
        to->page.events = to->events;
        if (read->kind == FAKE_READ_JOBS && read->jobs.ids)
                fake_answer_ids(e, &read->jobs, to);
        else if (read->kind == FAKE_READ_JOBS)
                fake_answer_filter(e, &read->jobs, to);
        else if (read->kind == FAKE_READ_TASK)
                fake_answer_task(e, read, to);
        else if (read->kind == FAKE_READ_RESULTS)
                fake_answer_results(read, to);
        else if (read->kind == FAKE_READ_INPUT)
                fake_answer_input(e, read, to);
        else if (read->kind == FAKE_READ_TOTALS)
                fake_answer_totals(e, to);
        else
                fake_answer_events(e, read, to);
        read->done(read->arg, &to->page);
        free(to);
}

void fake_engine_answer(struct engine *e)
{
        struct journal_read *reads = e->reads, *read, **rest = &reads;

        the_engine = e;
        if (e->is_holding_reads)
                return;
        e->reads = NULL;
        while ((read = *rest)) {
                if (read->kind == FAKE_READ_SPOOL && e->is_holding_spool) {
                        rest = &read->next;
                        continue;
                }
                *rest = read->next;
                if (read->is_cancelled)
                        ;
                else if (read->kind == FAKE_READ_KEY)
                        read->key_done(read->arg, 0, 5, 1, true, 0, NULL);
                else if (read->kind == FAKE_READ_SPOOL)
                        read->spool_done(read->arg,
                                         e->spool_fd < 0 ? -ENOENT
                                                         : fcntl(e->spool_fd, F_DUPFD_CLOEXEC, 0),
                                         e->spool_is_compressed);
                else
                        fake_answer_one(e, read);
                fake_read_free(read);
        }
        /* What is held stays before what was asked meanwhile. */
        *rest = e->reads;
        e->reads = reads;
}

void fake_journal_close(struct engine *e)
{
        struct journal_read *read;

        while ((read = e->reads)) {
                e->reads = read->next;
                fake_read_free(read);
        }
}

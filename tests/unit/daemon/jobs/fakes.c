/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The engine's surroundings for its unit tests: journal.h over arrays, and workers.h as a list of
 * what was ordered. "Durable" happens when a test says so, which is how the tests see that nothing
 * is sent before its time.
 */
#include "fakes.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/jobs/engine_private.h"

struct fake fake;
char fake_why[256];

struct worker {
        uint32_t number;
        uint64_t generation;
        void *data;
};

struct fake_fetch {
        uint64_t job, task, token;
        void (*chunk_done)(void *arg, uint64_t token, uint64_t first_task, uint64_t count,
                           struct journal_blob *values);
        void (*done)(void *arg, uint64_t token, struct journal_blob *spec,
                     struct journal_blob *environment);
        void *arg;
};
#define FAKE_FETCHES_MAX 4096
static struct fake_fetch fetches[FAKE_FETCHES_MAX];
static size_t fetches_count;

/* ------------------------------------------------------------------------------------- journal */

struct journal_batch {
        int unused;
};

struct fake_blob {
        struct journal_blob blob; /* first */
        unsigned int refs;
};

int journal_blob_new(void *data, size_t size, struct journal_blob **out_blob)
{
        struct fake_blob *fake_blob = calloc(1, sizeof(*fake_blob));

        assert(fake_blob);
        fake_blob->blob.size = size;
        fake_blob->blob.data = data;
        fake_blob->refs = 1;
        *out_blob = &fake_blob->blob;
        return 0;
}

struct journal_blob *journal_blob_ref(struct journal_blob *blob)
{
        if (blob)
                ((struct fake_blob *)blob)->refs++;
        return blob;
}

struct journal_blob *journal_blob_unref(struct journal_blob *blob)
{
        if (!blob || --((struct fake_blob *)blob)->refs > 0)
                return NULL;
        free((void *)(uintptr_t)blob->data);
        free(blob);
        return NULL;
}

int journal_batch_new(struct journal_batch **out_batch)
{
        *out_batch = calloc(1, sizeof(**out_batch));
        assert(*out_batch);
        return 0;
}

struct journal_batch *journal_batch_free(struct journal_batch *batch)
{
        free(batch);
        return NULL;
}

bool journal_batch_is_empty(const struct journal_batch *batch)
{
        (void)batch;
        return false;
}

/* The row with texts of its own; a name that it does not bring stays. */
static void fake_keep_job(const struct journal_job *row)
{
        fake.jobs[row->id] = *row;
        if (row->name)
                snprintf(fake.names[row->id], sizeof(fake.names[0]), "%s", row->name);
        fake.jobs[row->id].name = fake.names[row->id][0] ? fake.names[row->id] : NULL;
        if (row->why)
                snprintf(fake.whys[row->id], sizeof(fake.whys[0]), "%s", row->why);
        fake.jobs[row->id].why = row->why ? fake.whys[row->id] : NULL;
}

int journal_put_job(struct journal_batch *batch, const struct journal_job *row)
{
        (void)batch;
        if (fake.on_order)
                return 0;
        assert(row->id < FAKE_MAX);
        fake_keep_job(row);
        return 0;
}

int journal_set_job(struct journal_batch *batch, const struct journal_job *row)
{
        (void)batch;
        if (fake.on_order)
                return 0;
        assert(row->id < FAKE_MAX && fake.jobs[row->id].id == row->id);
        fake_keep_job(row);
        return 0;
}

int journal_update_job(struct journal_batch *batch, const struct journal_job *row)
{
        assert(row->spec);
        fake.updates_count++;
        return journal_set_job(batch, row);
}

int journal_put_task(struct journal_batch *batch, const struct journal_task *row)
{
        size_t i;

        (void)batch;
        if (fake.on_order)
                return 0;
        for (i = 0; i < fake.tasks_count; i++)
                if (fake.tasks[i].job == row->job && fake.tasks[i].task == row->task)
                        break;
        assert(i < FAKE_MAX);
        if (i == fake.tasks_count)
                fake.tasks_count++;
        fake.tasks[i] = *row;
        return 0;
}

int journal_put_output(struct journal_batch *batch, uint64_t job, uint64_t task, uint32_t attempt,
                       struct journal_blob *records)
{
        (void)batch;
        (void)job;
        (void)task;
        (void)attempt;
        (void)records;
        fake.outputs_count++;
        return 0;
}

int journal_set_output(struct journal_batch *batch, uint64_t job, uint64_t task,
                       uint8_t output_where, uint64_t output_disk_bytes)
{
        (void)batch;
        (void)job;
        (void)task;
        (void)output_where;
        (void)output_disk_bytes;
        return 0;
}

int journal_put_dependency(struct journal_batch *batch, const struct journal_dependency *row)
{
        size_t i;

        (void)batch;
        if (fake.on_order)
                return 0;
        for (i = 0; i < fake.dependencies_count; i++)
                if (fake.dependencies[i].job == row->job &&
                    fake.dependencies[i].ordinal == row->ordinal)
                        break;
        assert(i < FAKE_MAX);
        if (i == fake.dependencies_count)
                fake.dependencies_count++;
        fake.dependencies[i] = *row;
        return 0;
}

static void fake_drop_dependencies(uint64_t first, uint64_t last, uint32_t ordinal)
{
        size_t i, kept = 0;

        for (i = 0; i < fake.dependencies_count; i++) {
                const struct journal_dependency row = fake.dependencies[i];

                if (row.job < first || row.job > last ||
                    (ordinal != UINT32_MAX && row.ordinal != ordinal))
                        fake.dependencies[kept++] = row;
        }
        fake.dependencies_count = kept;
}

int journal_drop_dependency(struct journal_batch *batch, uint64_t job, uint32_t ordinal)
{
        (void)batch;
        fake_drop_dependencies(job, job, ordinal);
        return 0;
}

int journal_drop_dependencies(struct journal_batch *batch, uint64_t first_job, uint64_t last_job)
{
        (void)batch;
        fake_drop_dependencies(first_job, last_job, UINT32_MAX);
        return 0;
}

size_t fake_dependencies(uint64_t job)
{
        size_t i, n = 0;

        for (i = 0; i < fake.dependencies_count; i++)
                n += fake.dependencies[i].job == job;
        return n;
}

int journal_put_event(struct journal_batch *batch, const struct journal_event *row)
{
        (void)batch;
        if (fake.on_order)
                return 0;
        assert(fake.events_count < FAKE_MAX);
        fake.events[fake.events_count++] = row->kind;
        snprintf(fake.detail, sizeof(fake.detail), "%s", row->detail ? row->detail : "");
        return 0;
}

int journal_put_key(struct journal_batch *batch, uint32_t uid,
                    const uint8_t key[static JOURNAL_KEY_BYTES], uint64_t first_id, uint32_t count,
                    uint64_t wall_usec)
{
        (void)batch;
        (void)uid;
        (void)key;
        (void)first_id;
        (void)count;
        (void)wall_usec;
        return 0;
}

int journal_drop_job(struct journal_batch *batch, uint64_t job)
{
        (void)batch;
        fake.jobs[job].id = 0;
        return 0;
}

int journal_fetch_spec(struct journal_batch *batch, uint64_t job,
                       void (*done)(void *arg, uint64_t token, struct journal_blob *spec,
                                    struct journal_blob *environment),
                       void *arg, uint64_t token)
{
        (void)batch;
        fake.fetches_count++;
        fetches[fetches_count++] =
                (struct fake_fetch){ .job = job, .token = token, .done = done, .arg = arg };
        return 0;
}

int journal_put_input(struct journal_batch *batch, uint64_t job, uint64_t number,
                      uint64_t first_task, uint64_t count, struct journal_blob *values)
{
        (void)batch;
        assert(fake.inputs_count < FAKE_MAX);
        fake.inputs[fake.inputs_count++] =
                (struct fake_input){ job, number, first_task, count, journal_blob_ref(values) };
        return 0;
}

int journal_set_seen(struct journal_batch *batch, uint64_t job, uint64_t seen_task)
{
        (void)batch;
        fake.jobs[job].seen_task = seen_task;
        return 0;
}

int journal_fetch_input(struct journal_batch *batch, uint64_t job, uint64_t task,
                        void (*done)(void *arg, uint64_t token, uint64_t first_task, uint64_t count,
                                     struct journal_blob *values),
                        void *arg, uint64_t token)
{
        (void)batch;
        fake.fetches_count++;
        fetches[fetches_count++] = (struct fake_fetch){
                .job = job, .task = task, .token = token, .chunk_done = done, .arg = arg
        };
        return 0;
}

static void fake_answer_chunk(const struct fake_fetch *fetch)
{
        for (size_t i = 0; i < fake.inputs_count; i++) {
                const struct fake_input *const input = &fake.inputs[i];

                if (input->job != fetch->job || fetch->task < input->first_task ||
                    fetch->task - input->first_task >=
                            (input->count + fake.jobs[fetch->job].map_values - 1) /
                                    fake.jobs[fetch->job].map_values)
                        continue;
                fetch->chunk_done(fetch->arg, fetch->token, input->first_task, input->count,
                                  input->values);
                return;
        }
        fetch->chunk_done(fetch->arg, fetch->token, 0, 0, NULL);
}

void journal_post(struct journal *journal, struct journal_batch *batch, uint64_t sequence,
                  uint64_t last_job_id, uint64_t last_lease)
{
        (void)journal;
        (void)last_job_id;
        (void)last_lease;
        fake.posted = sequence;
        journal_batch_free(batch);
}

int journal_read_key(struct journal *journal, uint32_t uid,
                     const uint8_t key[static JOURNAL_KEY_BYTES], journal_page_fn done, void *arg,
                     struct journal_read **out_read)
{
        const struct journal_page page = { .found_first = fake.key_known ? 77 : 0,
                                           .found_count = 1 };

        (void)journal;
        (void)uid;
        (void)key;
        *out_read = NULL;
        done(arg, &page);
        return 0;
}

/* Jobs by id with their tasks, or the unfinished ones of a user: at once, in one page. */
/* Reads that wait, first come first. */
static struct fake_read {
        struct journal_job_query query;
        journal_page_fn done;
        void *arg;
} held_reads[FAKE_MAX];

static bool read_is_due; /* the next one is answered at once */

void fake_answer(void)
{
        const struct fake_read read = held_reads[0];
        struct journal_read *none;

        assert(fake.held_count > 0);
        memmove(held_reads, held_reads + 1, --fake.held_count * sizeof(held_reads[0]));
        read_is_due = true;
        assert(journal_read_jobs((struct journal *)&fake, &read.query, read.done, read.arg,
                                 &none) == 0);
}

static bool fake_hold_read(const struct journal_job_query *query, journal_page_fn done, void *arg)
{
        const bool is_held = fake.holds_reads && !query->ids && !read_is_due;

        read_is_due = false;
        if (is_held)
                held_reads[fake.held_count++] = (struct fake_read){ *query, done, arg };
        return is_held;
}

int journal_read_jobs(struct journal *journal, const struct journal_job_query *query,
                      journal_page_fn done, void *arg, struct journal_read **out_read)
{
        struct journal_job jobs[FAKE_MAX];
        struct journal_task tasks[FAKE_MAX];
        struct journal_page page = { .jobs = jobs, .tasks = tasks };
        size_t i, k;

        (void)journal;
        *out_read = NULL;
        if (fake_hold_read(query, done, arg))
                return 0;
        for (i = FAKE_MAX - 1; i > 0; i--) {
                const struct journal_job *const row = &fake.jobs[i];
                bool wanted = !query->ids;

                for (k = 0; k < query->ids_count; k++)
                        wanted = wanted || query->ids[k] == i;
                if (!wanted || !row->id || (!query->any_uid && row->uid != query->uid) ||
                    (query->state_mask && !(query->state_mask & (1U << row->state))))
                        continue;
                jobs[page.jobs_count++] = *row;
                for (k = 0; query->want_tasks && k < fake.tasks_count; k++)
                        if (fake.tasks[k].job == i && fake.tasks[k].task >= query->first_task)
                                tasks[page.tasks_count++] = fake.tasks[k];
        }
        done(arg, &page);
        return 0;
}

void journal_read_cancel(struct journal_read *read)
{
        (void)read;
}

int journal_run(struct journal *journal, int (*work)(void *arg),
                void (*done)(void *arg, int result), void *arg)
{
        (void)journal;
        (void)work;
        done(arg, 0);
        return 0;
}

int journal_put_queue(struct journal_batch *batch, const struct journal_queue *row)
{
        struct journal_queue *to = &fake.queues[row->id];

        (void)batch;
        *to = *row;
        snprintf(fake.queue_names[row->id], sizeof(fake.queue_names[0]), "%s", row->name);
        to->name = fake.queue_names[row->id];
        if (row->users) {
                snprintf(fake.queue_users[row->id], sizeof(fake.queue_users[0]), "%s", row->users);
                to->users = fake.queue_users[row->id];
        }
        fake.last_queue_id = MAX(fake.last_queue_id, row->id);
        return 0;
}

int journal_drop_queue(struct journal_batch *batch, uint32_t id)
{
        (void)batch;
        fake.queues[id].name = NULL;
        return 0;
}

int journal_read_queue_id(struct journal *journal, uint32_t *out_id)
{
        (void)journal;
        *out_id = fake.last_queue_id;
        return 0;
}

int journal_read_all(struct journal *journal, const struct journal_restore *restore, void *arg)
{
        size_t i;
        int r;

        (void)journal;
        for (i = 0; i < ARRAY_SIZE(fake.queues); i++)
                if (fake.queues[i].name) {
                        r = restore->on_queue(arg, &fake.queues[i]);
                        if (r)
                                return r;
                }
        for (i = 1; i < FAKE_MAX; i++)
                if (fake.jobs[i].id && !fake.jobs[i].finished) {
                        r = restore->on_job(arg, &fake.jobs[i]);
                        if (r)
                                return r;
                }
        for (i = 0; i < fake.tasks_count; i++)
                if (!fake.jobs[fake.tasks[i].job].finished) {
                        r = restore->on_task(arg, &fake.tasks[i]);
                        if (r)
                                return r;
                }
        for (i = 0; i < fake.dependencies_count; i++) {
                struct journal_dependency row = fake.dependencies[i];

                if (fake.jobs[row.parent].finished)
                        row.parent_state = fake.jobs[row.parent].state;
                r = restore->on_dependency(arg, &row);
                if (r)
                        return r;
        }
        return 0;
}

int journal_read_output_use(struct journal *journal,
                            int (*on_use)(void *arg, uint32_t uid, uint64_t bytes), void *arg)
{
        (void)journal;
        (void)on_use;
        (void)arg;
        return 0;
}

uint64_t journal_last_job_id(const struct journal *journal)
{
        (void)journal;
        return 100;
}

uint64_t journal_last_sequence(const struct journal *journal)
{
        (void)journal;
        return fake.posted;
}

uint64_t journal_last_lease(const struct journal *journal)
{
        (void)journal;
        return 100;
}

void journal_read_stats(const struct journal *journal, struct journal_stats *out_stats)
{
        (void)journal;
        memset(out_stats, 0, sizeof(*out_stats));
        out_stats->commit_usec_recent = fake.commit_usec;
}

bool journal_is_disk_full(const struct journal *journal)
{
        (void)journal;
        return fake.disk_full;
}

/* ------------------------------------------------------------------------------------- workers */

static void fake_send(const struct fake_sent *sent)
{
        if (fake.on_order) {
                fake.on_order(sent);
                return;
        }
        assert(fake.sent_count < FAKE_MAX);
        fake.sent[fake.sent_count++] = *sent;
}

uint32_t worker_number(const struct worker *worker)
{
        return worker->number;
}

uint64_t worker_generation(const struct worker *worker)
{
        return worker->generation;
}

uint32_t worker_slots(const struct worker *worker)
{
        (void)worker;
        return 32;
}

bool worker_is_retiring(const struct worker *worker)
{
        (void)worker;
        return false;
}

void worker_set_data(struct worker *worker, void *data)
{
        worker->data = data;
}

void *worker_data(const struct worker *worker)
{
        return worker->data;
}

void worker_start(struct worker *worker, const struct workers_start *start, uint64_t barrier)
{
        struct fake_sent sent = { .order = FAKE_START,
                                  .worker = worker->number,
                                  .lease = start->lease,
                                  .job = start->job,
                                  .task = start->task,
                                  .barrier = barrier,
                                  .attempt = start->attempt,
                                  .slot = start->slot,
                                  .cores_count = (uint32_t)start->cores_count,
                                  .bind = start->bind,
                                  .spec_version = start->spec_version,
                                  .spec_size = start->spec_size };

        assert(start->cores_count <= ARRAY_SIZE(sent.cores));
        for (size_t i = 0; i < start->cores_count; i++)
                sent.cores[i] = start->cores[i];

        assert(start->values_size < sizeof(sent.values));
        for (size_t i = 0; i < start->values_size; i++)
                sent.values[i] = start->values[i] ? (char)start->values[i] : ',';
        fake_send(&sent);
}

static void fake_send_lease(enum fake_order order, struct worker *worker, uint64_t lease,
                            uint64_t barrier)
{
        fake_send(&(struct fake_sent){
                .order = order, .worker = worker->number, .lease = lease, .barrier = barrier });
}

void worker_revoke(struct worker *worker, uint64_t lease, uint64_t barrier)
{
        fake_send_lease(FAKE_REVOKE, worker, lease, barrier);
}

void worker_cancel(struct worker *worker, uint64_t lease, uint64_t grace_usec, uint64_t barrier)
{
        (void)grace_usec;
        fake_send_lease(FAKE_CANCEL, worker, lease, barrier);
}

void worker_signal(struct worker *worker, uint64_t lease, uint32_t signo, uint64_t barrier)
{
        (void)signo;
        fake_send_lease(FAKE_SIGNAL, worker, lease, barrier);
}

void worker_pause(struct worker *worker, uint64_t lease, uint64_t barrier)
{
        fake_send_lease(FAKE_PAUSE, worker, lease, barrier);
}

void worker_resume(struct worker *worker, uint64_t lease, uint64_t barrier)
{
        fake_send_lease(FAKE_RESUME, worker, lease, barrier);
}

void worker_follow(struct worker *worker, uint64_t lease, bool on)
{
        (void)worker;
        (void)lease;
        (void)on;
}

void worker_stdin(struct worker *worker, uint64_t lease, uint64_t offset, const void *data,
                  size_t size, bool end)
{
        (void)worker;
        (void)lease;
        (void)offset;
        (void)data;
        (void)size;
        (void)end;
}

void worker_ack(struct worker *worker, uint64_t lease, uint64_t barrier)
{
        fake_send_lease(FAKE_ACK, worker, lease, barrier);
}

void workers_ack_dead(struct workers *workers, uint32_t number, uint64_t generation,
                      uint64_t barrier)
{
        (void)workers;
        (void)number;
        (void)generation;
        (void)barrier;
        fake.dead_acked++;
}

void workers_compact(struct workers *workers, uint64_t job, uint64_t task, uint32_t attempt)
{
        (void)workers;
        (void)job;
        (void)task;
        (void)attempt;
}

void workers_set_user_weight(struct workers *workers, uint32_t uid, uint32_t weight)
{
        (void)workers;
        fake.weight_uid = uid;
        fake.weight = weight;
}

void workers_check(struct workers *workers)
{
        (void)workers;
}

void workers_set_extra(struct workers *workers, uint32_t extra)
{
        (void)workers;
        fake.extra = extra;
}

uint32_t workers_wanted(const struct workers *workers)
{
        (void)workers;
        return fake.wanted ? fake.wanted : FAKE_WORKERS;
}

bool workers_has_pool(const struct workers *workers)
{
        (void)workers;
        return true;
}

bool workers_pool_has(const struct workers *workers, uint32_t number, uint64_t generation)
{
        (void)workers;
        (void)number;
        (void)generation;
        return true;
}

/* ---------------------------------------------------------------------------------- for tests */

static void fake_on_pool(void *arg, bool connected)
{
        (void)arg;
        (void)connected;
}
static const struct engine_ops fake_engine_ops = { .on_pool = fake_on_pool };

static void fake_new_engine(void)
{
        const struct engine_options options = {
                .grace_usec = USEC_PER_SEC,
                .queued_max_per_user = 50,
                .queued_max = 100,
                .spec_bytes_max_per_user = 1 << 20,
                .spec_bytes_max = 1 << 20,
                .spool_fd = -1,
        };

        assert(engine_new(fake.loop, &options, &fake_engine_ops, NULL, &fake.engine) == 0);
        engine_connect(fake.engine, (struct journal *)&fake, (struct workers *)&fake);
}

void fake_setup(void)
{
        memset(&fake, 0, sizeof(fake));
        fetches_count = 0;
        assert(loop_new(&fake.loop) == 0);
        fake_new_engine();
}

void fake_teardown(void)
{
        size_t i;

        for (i = 0; i < ARRAY_SIZE(fake.workers); i++)
                if (fake.workers[i])
                        fake_detach(fake.workers[i]);
        fake.engine = engine_free(fake.engine);
        for (i = 0; i < fake.inputs_count; i++)
                journal_blob_unref(fake.inputs[i].values);
        fake.loop = loop_free(fake.loop);
}

struct worker *fake_dial(uint32_t number)
{
        struct worker *worker = calloc(1, sizeof(*worker));

        assert(worker && number < ARRAY_SIZE(fake.workers));
        worker->number = number;
        worker->generation = 1;
        fake.workers[number] = worker;
        engine_workers_ops.on_attached(fake.engine, worker);
        return worker;
}

struct worker *fake_attach(uint32_t number)
{
        struct worker *worker = fake_dial(number);

        engine_workers_ops.on_ready(fake.engine, worker);
        return worker;
}

void fake_detach(struct worker *worker)
{
        fake.workers[worker->number] = NULL;
        engine_workers_ops.on_gone(fake.engine, worker);
        free(worker);
}

void fake_restart(void)
{
        for (size_t i = 0; i < ARRAY_SIZE(fake.workers); i++)
                if (fake.workers[i])
                        fake_detach(fake.workers[i]);
        fake.engine = engine_free(fake.engine);
        fetches_count = 0;
        fake_new_engine();
        assert(engine_restore(fake.engine, (struct journal *)&fake) == 0);
}

/* --------------------------------------------------------------- is what was counted what there
 * is?
 */

#define FAKE_TALLY_JOBS_MAX 200U /* each turn looks at all of them */

struct fake_count {
        uint64_t queued, leased, by_word[TALLY_QUEUED_COUNT], by_state[JOB_STATE_COUNT];
};

/* Not Check's: a fuzzer links this, too. */
static void fake_require_equal_at(uint64_t a, uint64_t b, const char *what)
{
        if (a == b)
                return;
        fprintf(stderr, "%s: %llu is not %llu\n", what, (unsigned long long)a,
                (unsigned long long)b);
        abort();
}
#define fake_require_equal(a, b) fake_require_equal_at(a, b, #a " == " #b)

static void fake_count_job(struct job *job, struct fake_count *sum)
{
        uint64_t queued = job->task_count - job->task_next;
        struct task *task;

        RB_FOREACH (task, task_tree, &job->tasks) {
                queued += task->state == JOB_QUEUED;
                if (job_state_is_leased((enum job_state)task->state)) {
                        sum->leased++;
                        sum->by_state[task->state]++;
                }
        }
        fake_require_equal(job->queued_tasks, queued);
        if (queued > 0) {
                fake_require_equal(job->queued_as == TALLY_HELD, job->hold);
                if (!job->hold && (job->is_waiting || !job->is_begin_due || job->is_parked))
                        fake_require_equal(job->queued_as, TALLY_WAITING);
                if (job->is_ready)
                        fake_require_equal(job->queued_as, TALLY_QUEUED);
        }
        sum->queued += queued;
        sum->by_word[job->queued_as] += queued;
}

static void fake_check_queues(const struct engine *e)
{
        const struct queue *queue;
        const struct user *user;
        const struct job *job;
        uint64_t queued;

        TAILQ_FOREACH (queue, &e->queues.list, entry) {
                queued = 0;
                for (user = e->users; user; user = user->hh.next)
                        TAILQ_FOREACH (job, &user->jobs, user_entry)
                                queued += job->lane->queue == queue ? job->queued_tasks : 0;
                fake_require_equal(queue->queued_tasks, queued);
        }
}

static void fake_check_tally(const struct engine *e)
{
        const struct tally *const tally = engine_tally(e);
        struct fake_count all = { 0 };
        uint64_t ended = 0;
        int i;

        if (e->fault || fake.is_timed || e->jobs_count > FAKE_TALLY_JOBS_MAX)
                return;
        for (struct user *user = e->users; user; user = user->hh.next) {
                const uint64_t queued = all.queued, leased = all.leased;
                struct job *job;

                TAILQ_FOREACH (job, &user->jobs, user_entry)
                        fake_count_job(job, &all);
                fake_require_equal(user->queued_tasks, all.queued - queued);
                fake_require_equal(user->leased_tasks, all.leased - leased);
        }
        fake_check_queues(e);
        fake_require_equal(e->queued_tasks, all.queued);
        for (i = 0; i < TALLY_QUEUED_COUNT; i++)
                fake_require_equal(tally->queued[i], all.by_word[i]);
        for (i = 0; i < JOB_STATE_COUNT; i++) {
                fake_require_equal(tally->leased[i], all.by_state[i]);
                ended += tally->ended[i];
        }
        fake_require_equal(e->finished_tasks, ended);
        fake_require_equal(tally->submitted + tally->restored + tally->rerun,
                           all.queued + all.leased + ended);
}

void fake_turn_undurable(void)
{
        engine_decide(fake.engine);
        assert(engine_commit(fake.engine) == 0);
        fake_check_tally(fake.engine);
}

void fake_make_durable(void)
{
        struct journal_blob *blob = NULL;
        const size_t count = fetches_count;
        struct fake_fetch due[FAKE_FETCHES_MAX];
        size_t i;

        memcpy(due, fetches, count * sizeof(*due));
        fetches_count = 0;
        fake.durable = fake.posted;
        assert(journal_blob_new(strdup("spec"), 4, &blob) == 0);
        for (i = 0; i < count; i++) {
                if (due[i].chunk_done)
                        fake_answer_chunk(&due[i]);
                else
                        due[i].done(due[i].arg, due[i].token, blob, NULL);
        }
        journal_blob_unref(blob);
        engine_on_durable(fake.engine, fake.durable);
}

void fake_turn(void)
{
        fake_turn_undurable();
        fake_make_durable();
}

const struct journal_task *fake_task_row(uint64_t job, uint64_t task)
{
        size_t i;

        for (i = 0; i < fake.tasks_count; i++)
                if (fake.tasks[i].job == job && fake.tasks[i].task == task)
                        return &fake.tasks[i];
        return NULL;
}

const struct fake_sent *fake_find(enum fake_order order, size_t nth)
{
        size_t i;

        for (i = 0; i < fake.sent_count; i++)
                if (fake.sent[i].order == order && nth-- == 0)
                        return &fake.sent[i];
        return NULL;
}

size_t fake_count(enum fake_order order)
{
        size_t n = 0;

        while (fake_find(order, n))
                n++;
        return n;
}

static void fake_on_submitted(void *arg, int r, uint64_t first_id, uint32_t count, bool existing,
                              uint64_t barrier, const struct reason *why)
{
        (void)count;
        (void)existing;
        (void)barrier;
        *(uint64_t *)arg = r ? 0 : first_id;
        if (r)
                snprintf(fake_why, sizeof(fake_why), "%s", why->text);
}

uint64_t fake_submit(uint32_t uid, const struct engine_spec *spec)
{
        return fake_submit_many(uid, spec, 1);
}

uint64_t fake_submit_many(uint32_t uid, const struct engine_spec *specs, size_t count)
{
        static uint32_t counter;
        struct journal_blob *blob = NULL;
        struct engine_spec full[FAKE_MAX];
        struct engine_submission submission = {
                .uid = uid, .gid = uid, .is_admin = uid == 0, .specs = full, .specs_count = count
        };
        struct journal_read *read;
        uint64_t id = 0;

        assert(count <= FAKE_MAX && journal_blob_new(strdup("spec"), 4, &blob) == 0);
        for (size_t i = 0; i < count; i++) {
                full[i] = specs[i];
                full[i].spec = blob;
                if (full[i].task_count == 0 && !full[i].map_values)
                        full[i].task_count = 1;
        }
        if (!fake.key_known)
                counter++;
        memcpy(submission.key, &counter, sizeof(counter));
        assert(engine_submit(fake.engine, &submission, fake_on_submitted, &id, &read) == 0);
        journal_blob_unref(blob);
        return id;
}

enum job_state fake_state(uint64_t id)
{
        struct job *job = engine_find(fake.engine, id);
        struct engine_view view;

        if (!job)
                return (enum job_state)fake.jobs[id].state;
        engine_view_job(fake.engine, job, &view);
        return view.state;
}

int fake_append(uint64_t job, uint64_t number, const char *text)
{
        struct engine_chunk chunk = { .number = number };
        char *const values = strdup(text);
        const size_t size = strlen(text);
        struct reason why = { "" };
        uint64_t count;
        int r;

        assert(values);
        for (size_t i = 0; i < size; i++)
                if (values[i] == ',') {
                        values[i] = '\0';
                        chunk.count++;
                }
        assert(journal_blob_new(values, size, &chunk.values) == 0);
        r = engine_append(fake.engine, engine_find(fake.engine, job), &chunk, &count, &why);
        journal_blob_unref(chunk.values);
        if (r)
                snprintf(fake_why, sizeof(fake_why), "%s", why.text);
        return r;
}

void fake_exit(struct worker *worker, uint64_t lease, int code)
{
        const struct workers_exit exit = { .lease = lease,
                                           .outcome = WORKERS_OUTCOME_EXITED,
                                           .exit_code = code,
                                           .pid = 4711,
                                           .run_usec = 500,
                                           .records = (const uint8_t *)"x",
                                           .records_size = 1,
                                           .output_bytes = 1 };

        engine_workers_ops.on_exited(fake.engine, worker, &exit);
}

/* Named resources are tried by test_resources and through the real store; here nothing is kept. */
int journal_put_resource(struct journal_batch *batch, uint32_t uid, const char *name,
                         uint32_t capacity)
{
        (void)batch;
        (void)uid;
        (void)name;
        (void)capacity;
        return 0;
}

int journal_drop_resource(struct journal_batch *batch, uint32_t uid, const char *name)
{
        return journal_put_resource(batch, uid, name, 0);
}

int journal_put_grant(struct journal_batch *batch, const struct journal_grant *row)
{
        (void)batch;
        (void)row;
        return 0;
}

int journal_drop_grant(struct journal_batch *batch, uint32_t uid,
                       const uint8_t token[static JOURNAL_TOKEN_BYTES])
{
        (void)batch;
        (void)uid;
        (void)token;
        return 0;
}

int journal_put_setting(struct journal_batch *batch, const char *name, uint64_t value)
{
        (void)batch;
        assert(strcmp(name, "drain") == 0);
        fake.is_drain_written = value;
        return 0;
}

int journal_read_settings(struct journal *journal,
                          int (*on_setting)(void *arg, const char *name, uint64_t value), void *arg)
{
        int r;

        (void)journal;
        r = on_setting(arg, "drain", fake.is_drain_written);
        return r ? r : on_setting(arg, "of a newer jobd", 1);
}

int journal_read_resources(struct journal *journal,
                           int (*on_resource)(void *arg, uint32_t uid, const char *name,
                                              uint32_t capacity),
                           void *arg)
{
        (void)journal;
        (void)on_resource;
        (void)arg;
        return 0;
}

int journal_read_grants(struct journal *journal,
                        int (*on_grant)(void *arg, const struct journal_grant *row), void *arg)
{
        (void)journal;
        (void)on_grant;
        (void)arg;
        return 0;
}

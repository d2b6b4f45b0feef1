/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The engine's half of the fake: a flat table of jobs, searched from the beginning, and one line of
 * trace for everything that the clients' side asks to be done. States move only when the test says
 * so, except for what the acts do themselves; every change takes the next sequence, and nothing is
 * durable before the test's stage says it is.
 *
 * Watches are the real ones (daemon/jobs/watch.c), told as the engine tells them.
 */
#include "fake_engine.h"

#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "proto/wire.h"

struct journal {
        int unused;
};
static struct journal the_journal;

void fake_trace(struct engine *e, const char *fmt, ...)
{
        const size_t used = strlen(e->trace);
        va_list args;

        va_start(args, fmt);
        vsnprintf(e->trace + used, sizeof(e->trace) - used, fmt, args);
        va_end(args);
}

/* --------------------------------------------------------------------------------- the test's side
 */

void fake_engine_init(struct engine *e, struct loop *loop)
{
        *e = (struct engine){ .loop = loop,
                              .tally = { .wait_usec = { .bounds = &histogram_long_usec },
                                         .run_usec = { .bounds = &histogram_long_usec } },
                              .actor_uid = ENGINE_NOBODY,
                              .spool_fd = -1 };
        ck_assert_int_eq(watch_book_new(&e->watches), 0);
        ck_assert_int_eq(queues_init(&e->queues), 0);
        fake_locks_init(e);
}

static void fake_pack_spec(struct job *job, const Jobd__Spec *spec)
{
        void *data;
        size_t size;

        journal_blob_unref(job->row.spec);
        ck_assert_int_eq(wire_pack(&spec->base, &data, &size), 0);
        ck_assert_int_eq(journal_blob_new(data, size, &job->row.spec), 0);
}

static void fake_fill_spec(Jobd__Spec *spec, ProtobufCBinaryData argv[2])
{
        static uint8_t command[] = "true", argument[] = "x";

        jobd__spec__init(spec);
        argv[0] = (ProtobufCBinaryData){ .len = 4, .data = command };
        argv[1] = (ProtobufCBinaryData){ .len = 1, .data = argument };
        spec->argv = argv;
        spec->n_argv = 2;
}

void fake_engine_deinit(struct engine *e)
{
        resource_book_free(e->book);
        queues_deinit(&e->queues);
        for (size_t i = 0; i < e->jobs_count; i++) {
                journal_blob_unref(e->jobs[i]->row.spec);
                journal_blob_unref(e->jobs[i]->row.environment);
                for (size_t t = 0; t < e->jobs[i]->tasks_room; t++)
                        journal_blob_unref(e->jobs[i]->tasks[t].output);
                for (size_t c = 0; c < FAKE_CHUNKS_MAX; c++)
                        journal_blob_unref(e->jobs[i]->chunks[c].values);
                free(e->jobs[i]->tasks);
                free(e->jobs[i]);
        }
        free(e->jobs);
        watch_book_free(e->watches);
        fd_close(e->spool_fd);
}

struct job *fake_row(const struct engine *e, uint64_t id)
{
        return id >= 1 && id <= e->jobs_count && !e->jobs[id - 1]->is_dropped ? e->jobs[id - 1]
                                                                              : NULL;
}

static void fake_make_tasks(struct job *job, uint64_t count)
{
        if (count <= job->tasks_room)
                return;
        job->tasks = reallocarray(job->tasks, count, sizeof(*job->tasks));
        ck_assert_ptr_nonnull(job->tasks);
        for (uint64_t t = job->tasks_room; t < count; t++)
                job->tasks[t] = (struct fake_task){ .row = { .job = job->row.id,
                                                             .task = t,
                                                             .state = JOB_QUEUED,
                                                             .exit_code = -1 } };
        job->tasks_room = count;
}

struct job *fake_add(struct engine *e, uint32_t uid)
{
        Jobd__Spec spec;
        ProtobufCBinaryData argv[2];
        struct job *job = calloc(1, sizeof(*job));

        ck_assert_ptr_nonnull(job);
        if (e->jobs_count == e->jobs_room) {
                e->jobs_room = e->jobs_room ? 2 * e->jobs_room : 64;
                e->jobs = reallocarray(e->jobs, e->jobs_room, sizeof(struct job *));
                ck_assert_ptr_nonnull(e->jobs);
        }
        e->jobs[e->jobs_count++] = job;
        fake_fill_spec(&spec, argv);
        fake_pack_spec(job, &spec);
        job->row.id = ++e->last_id;
        job->row.uid = uid;
        job->row.state = JOB_QUEUED;
        job->row.task_count = 1;
        job->row.submit_wall_usec = 1000 * job->row.id;
        job->is_open = true;
        job->barrier = ++e->sequence;
        fake_make_tasks(job, FAKE_TASKS_MIN);
        return job;
}

void fake_grow(struct job *job, uint64_t tasks_count)
{
        fake_make_tasks(job, tasks_count);
        job->row.task_count = tasks_count;
}

struct job *fake_add_map(struct engine *e, uint32_t uid, uint64_t tasks_count)
{
        struct job *job = fake_add(e, uid);

        job->row.map_values = 1;
        job->row.input = JOURNAL_INPUT_OPEN;
        fake_grow(job, tasks_count);
        return job;
}

struct job *fake_add_finished(struct engine *e, uint32_t uid, enum job_state state,
                              int32_t exit_code)
{
        struct job *job = fake_add(e, uid);

        job->tasks[0].row.attempt = 1;
        fake_finish(e, job, state, exit_code, NULL);
        return job;
}

void fake_set_label(struct job *job, const char *key, const char *value)
{
        Jobd__Spec spec;
        Jobd__Label label = JOBD__LABEL__INIT, again = JOBD__LABEL__INIT;
        Jobd__Label *labels[] = { &label, &again };
        ProtobufCBinaryData argv[2];

        fake_fill_spec(&spec, argv);
        label.key = (char *)(uintptr_t)key;
        label.value = (char *)(uintptr_t)value;
        again.key = (char *)(uintptr_t) "again";
        again.value = label.value;
        spec.labels = labels;
        spec.n_labels = ARRAY_SIZE(labels);
        fake_pack_spec(job, &spec);
}

void fake_set_output(struct job *job, uint64_t task, const char *log)
{
        struct fake_task *t = &job->tasks[task];

        journal_blob_unref(t->output);
        t->output = NULL;
        t->row.output_where = log && *log ? JOURNAL_OUTPUT_INLINE : JOURNAL_OUTPUT_NONE;
        t->row.output_bytes = log ? strlen(log) : 0;
        if (t->row.output_where)
                ck_assert_int_eq(journal_blob_new(strdup(log), strlen(log), &t->output), 0);
}

static struct watch_news fake_news(struct engine *e, struct job *job, uint64_t task,
                                   enum job_event event)
{
        const struct journal_task *row = &job->tasks[task].row;

        job->barrier = ++e->sequence;
        return (struct watch_news){
                .job = job->row.id,
                .task = task,
                .event = event,
                .state = (enum job_state)row->state,
                .job_state = (enum job_state)job->row.state,
                .attempt = row->attempt,
                .pid = row->pid,
                .exit_code = row->exit_code,
                .exit_signal = row->exit_signal,
                .output_where = row->output_where,
                .output_bytes = row->output_bytes,
                .barrier = e->sequence,
        };
}

static void fake_attach_output(struct watch_news *news, const struct job *job, uint64_t task)
{
        const struct journal_blob *output = job->tasks[task].output;

        if (!output)
                return;
        news->records = output->data;
        news->records_size = output->size;
}

void fake_tell(struct engine *e, struct job *job, uint64_t task, enum job_event event,
               enum job_state state)
{
        struct journal_task *row = &job->tasks[task].row;
        struct watch_news news;

        row->state = (uint8_t)state;
        if (event == JOB_EV_STARTED)
                row->attempt++;
        if (event == JOB_EV_ASSIGN && job->row.task_next <= task)
                job->row.task_next = task + 1;
        if (job->row.task_count == 1 && !job->row.map_values)
                job->row.state = (uint8_t)state;
        job->row.tasks_ok += state == JOB_SUCCEEDED;
        job->row.tasks_failed += job_state_is_finished(state) && state != JOB_SUCCEEDED;
        job->row.tasks_cancelled += state == JOB_CANCELLED;
        row->end_wall_usec = job_state_is_finished(state) ? e->sequence + 1 : 0;
        news = fake_news(e, job, task, event);
        if (event == JOB_EV_REQUEUE || job_state_is_finished(state))
                fake_attach_output(&news, job, task);
        watch_tell(e->watches, &news);
}

void fake_finish(struct engine *e, struct job *job, enum job_state state, int32_t exit_code,
                 const char *log)
{
        struct journal_task *row = &job->tasks[0].row;
        struct watch_news news;

        row->state = (uint8_t)state;
        row->exit_code = exit_code;
        row->end_wall_usec = e->sequence + 1;
        job->row.state = (uint8_t)state;
        job->row.finished = true;
        job->row.end_wall_usec = 1000 * job->row.id + 500;
        if (row->attempt > 0 || exit_code >= 0)
                job->row.task_next = MAX(job->row.task_next, 1U);
        if (row->output_where < JOURNAL_OUTPUT_SPOOL)
                fake_set_output(job, 0, log);
        job->row.tasks_failed += state != JOB_SUCCEEDED;
        news = fake_news(e, job, 0, JOB_EV_FAIL);
        news.job_finished = true;
        news.tasks_failed = job->row.tasks_failed;
        news.tasks_cancelled = job->row.tasks_cancelled;
        fake_attach_output(&news, job, 0);
        watch_tell(e->watches, &news);
        job->is_open = false;
}

void fake_end_task(struct engine *e, struct job *job, uint64_t task, enum job_state state,
                   int32_t exit_code, const char *log)
{
        job->row.task_next = MAX(job->row.task_next, task + 1);
        job->tasks[task].row.attempt = MAX(job->tasks[task].row.attempt, 1U);
        job->tasks[task].row.exit_code = exit_code;
        if (job->tasks[task].row.output_where < JOURNAL_OUTPUT_SPOOL)
                fake_set_output(job, task, log);
        fake_tell(e, job, task, state == JOB_SUCCEEDED ? JOB_EV_SUCCEED : JOB_EV_FAIL, state);
}

/* News of the job, not of one task, and perhaps the job's last. */
static void fake_tell_job(struct engine *e, struct job *job, struct watch_news *news, bool ends_job,
                          enum job_state state, const char *why)
{
        job->barrier = ++e->sequence;
        news->job = job->row.id;
        news->exit_code = -1;
        news->why = why;
        news->job_why = why;
        news->barrier = e->sequence;
        news->job_finished = ends_job;
        news->job_state = ends_job ? state : JOB_QUEUED;
        news->tasks_failed = job->row.tasks_failed;
        news->tasks_cancelled = job->row.tasks_cancelled;
        if (ends_job) {
                job->row.state = (uint8_t)state;
                job->row.finished = true;
                job->row.why = why;
                job->row.input = JOURNAL_INPUT_CLOSED;
                job->row.end_wall_usec = 1000 * job->row.id + 500;
        }
        watch_tell(e->watches, news);
        if (ends_job)
                job->is_open = false;
}

void fake_cancel_rest(struct engine *e, struct job *job, bool ends_job)
{
        struct watch_news news = { .task = job->row.task_next,
                                   .event = JOB_EV_CANCEL,
                                   .state = JOB_CANCELLED,
                                   .is_rest = true };

        job->row.tasks_failed += job->row.task_count - job->row.task_next;
        job->row.tasks_cancelled += job->row.task_count - job->row.task_next;
        fake_tell_job(e, job, &news, ends_job, JOB_CANCELLED, NULL);
}

void fake_close(struct engine *e, struct job *job, enum job_state state, const char *why)
{
        struct watch_news news = { .task = job->row.task_count,
                                   .event = JOB_EV_CLOSE,
                                   .state = JOB_QUEUED };

        fake_tell_job(e, job, &news, true, state, why);
}

static struct watch_subject fake_subject(const struct job *job)
{
        return (struct watch_subject){ .job = job->row.id, .attempt = job->tasks[0].row.attempt };
}

void fake_say_output(struct engine *e, struct job *job, uint64_t offset, const char *text)
{
        const struct watch_subject subject = fake_subject(job);

        watch_tell_output(e->watches, &subject, offset, (const uint8_t *)text, strlen(text));
}

void fake_say_spooled(struct engine *e, struct job *job, uint64_t size)
{
        const struct watch_subject subject = fake_subject(job);

        job->spooled[0] = true;
        job->tasks[0].row.output_where = JOURNAL_OUTPUT_SPOOL;
        job->tasks[0].row.output_bytes = size;
        watch_tell_spooled(e->watches, &subject, size);
}

void fake_say_grown(struct engine *e, struct job *job, uint64_t size)
{
        const struct watch_subject subject = fake_subject(job);

        job->tasks[0].row.output_bytes = size;
        watch_tell_grown(e->watches, &subject, size);
}

void fake_say_stdin(struct engine *e, struct job *job, uint64_t taken, bool closed)
{
        const struct watch_subject subject = fake_subject(job);

        job->stdin_taken = taken;
        watch_tell_stdin(e->watches, &subject, taken, closed);
}

/* ------------------------------------------------------------------------------ looking things up
 */

struct job *engine_find(struct engine *e, uint64_t id)
{
        struct job *job = fake_row(e, id);

        return job && job->is_open ? job : NULL;
}

uint32_t engine_job_uid(const struct job *job)
{
        return job->row.uid;
}

uint64_t engine_job_id(const struct job *job)
{
        return job->row.id;
}

uint64_t engine_lend(struct engine *e, uint64_t job, uint64_t task, uint32_t uid)
{
        fake_trace(e, "lend(%llu.%llu,%s) ", (unsigned long long)job, (unsigned long long)task,
                   uid == getuid() ? "own" : "other");
        return 77;
}

void engine_unlend(struct engine *e, uint64_t lease)
{
        fake_trace(e, "unlend(%llu) ", (unsigned long long)lease);
}

struct watch_book *engine_watches(struct engine *e)
{
        return e->watches;
}

struct job *engine_next_job(struct engine *e, uint32_t uid, uint64_t after_id)
{
        for (size_t i = (size_t)after_id; i < e->jobs_count; i++)
                if (e->jobs[i]->is_open && e->jobs[i]->row.uid == uid)
                        return e->jobs[i];
        return NULL;
}

bool engine_next_user(struct engine *e, int64_t after_uid, uint32_t *out_uid)
{
        bool any = false;

        for (size_t i = 0; i < e->jobs_count; i++) {
                const uint32_t uid = e->jobs[i]->row.uid;

                if (e->jobs[i]->is_open && (int64_t)uid > after_uid && (!any || uid < *out_uid)) {
                        *out_uid = uid;
                        any = true;
                }
        }
        return any;
}

uint64_t engine_sequence(const struct engine *e)
{
        return e->sequence;
}

struct journal *engine_journal(struct engine *e)
{
        (void)e;
        return &the_journal;
}

static bool fake_is_many(const struct job *job)
{
        return job->row.task_count != 1 || job->row.map_values;
}

void engine_view_job(const struct engine *e, const struct job *job, struct engine_view *out_view)
{
        (void)e;
        *out_view = (struct engine_view){
                .state = (enum job_state)job->row.state,
                .blockers = job->row.hold ? JOBD__BLOCKER__BLOCKER_HOLD : 0,
                .task_count = job->row.task_count,
                .barrier = job->barrier,
                .is_many = fake_is_many(job),
                .is_open = job->row.map_values && job->row.input == JOURNAL_INPUT_OPEN,
                .task_next = job->row.task_next,
                .seen_task = job->row.seen_task,
        };
        if (!fake_is_many(job))
                out_view->by_state[job->row.state] = job->row.task_count;
        for (uint64_t t = 0; fake_is_many(job) && t < job->row.task_count; t++)
                out_view->by_state[t < job->tasks_room ? job->tasks[t].row.state : JOB_QUEUED]++;
}

size_t engine_view_dependencies(const struct job *job, struct engine_waited *out_list, size_t max)
{
        (void)job;
        (void)out_list;
        (void)max;
        return 0;
}

bool engine_describe_dependency(const struct job *job, char *buf, size_t size)
{
        (void)job;
        (void)buf;
        (void)size;
        return false;
}

bool engine_view_task(const struct engine *e, const struct job *job, uint64_t task,
                      struct engine_task_view *out_view)
{
        const struct journal_task *row = &job->tasks[task % job->tasks_room].row;

        (void)e;
        if (task >= job->row.task_count || task >= job->tasks_room ||
            job_state_is_finished((enum job_state)row->state))
                return false;
        *out_view = (struct engine_task_view){
                .state = (enum job_state)row->state,
                .attempt = row->attempt + (row->state == JOB_STARTING),
                .pid = row->pid,
                .output_bytes = row->output_bytes,
                .spooled = task < FAKE_TASKS_MIN && job->spooled[task],
                .stdin_taken = job->stdin_taken,
                .attached = !job->is_detached && row->state != JOB_QUEUED,
                .barrier = job->barrier,
        };
        return true;
}

void engine_count(const struct engine *e, struct engine_counts *out_counts)
{
        *out_counts = (struct engine_counts){ .queued_tasks = e->jobs_count, .workers_alive = 2 };
}

void engine_count_user(const struct engine *e, uint32_t uid, uint64_t *out_queued,
                       uint64_t *out_leased)
{
        *out_queued = *out_leased = 0;
        for (size_t i = 0; i < e->jobs_count; i++)
                *out_queued += e->jobs[i]->is_open && e->jobs[i]->row.uid == uid;
}

bool engine_worker_task(const struct engine *e, uint32_t number, uint64_t *out_job,
                        uint64_t *out_task, uint32_t *out_leases)
{
        (void)e;
        *out_job = number + 1;
        *out_task = 0;
        *out_leases = 1;
        return true;
}

/* ----------------------------------------------------------------------------------- being asked
 */

static const char *fake_task_name(uint64_t task)
{
        static char name[32];

        if (task == ENGINE_ALL_TASKS)
                return "all";
        if (task == ENGINE_THESE_TASKS)
                return "these";
        snprintf(name, sizeof(name), "%" PRIu64, task);
        return name;
}

int engine_cancel(struct engine *e, struct job *job, uint64_t task, uint64_t grace_usec,
                  struct reason *why)
{
        (void)grace_usec;
        (void)why;
        fake_trace(e, "cancel(%" PRIu64 ",%s) ", job->row.id, fake_task_name(task));
        if (job->cancel_is_later) {
                job->cancel_is_pending = true;
                return ENGINE_E_LATER;
        }
        if (task == ENGINE_ALL_TASKS && job->row.state == JOB_QUEUED)
                fake_finish(e, job, JOB_CANCELLED, -1, NULL);
        else
                job->barrier = ++e->sequence;
        return 0;
}

bool engine_act_is_pending(const struct job *job, uint64_t task)
{
        (void)task;
        return job->cancel_is_pending;
}

static int fake_act(struct engine *e, struct job *job, const char *what, enum job_state needs,
                    struct reason *why)
{
        fake_trace(e, "%s(%" PRIu64 ") ", what, job->row.id);
        if ((enum job_state)job->row.state != needs)
                return reason_set(why, ENGINE_E_STATE, "job %" PRIu64 " is not %s", job->row.id,
                                  job_state_name(needs));
        job->barrier = ++e->sequence;
        return 0;
}

int engine_signal(struct engine *e, struct job *job, uint64_t task, uint32_t signo,
                  struct reason *why)
{
        (void)task;
        (void)signo;
        return fake_act(e, job, "signal", JOB_RUNNING, why);
}

int engine_pause(struct engine *e, struct job *job, uint64_t task, struct reason *why)
{
        (void)task;
        return fake_act(e, job, "pause", JOB_RUNNING, why);
}

int engine_resume(struct engine *e, struct job *job, uint64_t task, struct reason *why)
{
        (void)task;
        return fake_act(e, job, "resume", JOB_PAUSED, why);
}

int engine_hold(struct engine *e, struct job *job, struct reason *why)
{
        return fake_act(e, job, "hold", JOB_QUEUED, why);
}

int engine_release(struct engine *e, struct job *job, struct reason *why)
{
        return fake_act(e, job, "release", JOB_QUEUED, why);
}

void engine_why(const struct engine *e, const struct job *job, uint64_t count_max,
                struct engine_why *out_why)
{
        (void)e;
        memset(out_why, 0, sizeof(*out_why));
        snprintf(out_why->text, sizeof(out_why->text), "is %s, %s",
                 job_state_name((enum job_state)job->row.state),
                 count_max > 100 ? "alone" : "one of many");
}

bool engine_is_updatable(const struct job *job)
{
        return job->row.state == JOB_QUEUED;
}

/* Memory knows parents below 1000; from 2000 on the journal takes its time. */
struct deps_lookup {
        struct engine *engine;
        uint64_t id;
        void (*done)(void *arg, int fault);
        void *arg;
};

int engine_update_prepare(struct engine *e, const struct engine_submission *asker,
                          const struct engine_update *updates, size_t count,
                          struct deps_lookup **out_lookup)
{
        (void)asker;
        *out_lookup = NULL;
        if (count == 0 || updates[0].spec.dependencies_count == 0 ||
            updates[0].spec.dependencies[0].job < 1000)
                return 0;
        *out_lookup = calloc(1, sizeof(**out_lookup));
        ck_assert_ptr_nonnull(*out_lookup);
        (*out_lookup)->engine = e;
        (*out_lookup)->id = updates[0].spec.dependencies[0].job;
        return 0;
}

static void fake_on_lookup(void *arg, const struct journal_page *page)
{
        struct deps_lookup *lookup = arg;

        fake_trace(lookup->engine, "looked up ");
        lookup->done(lookup->arg, page->fault);
}

int engine_lookup_run(struct deps_lookup *lookup, void (*done)(void *arg, int fault), void *arg,
                      struct journal_read **out_read)
{
        const struct journal_job_query query = { .ids = &lookup->id,
                                                 .ids_count = 1,
                                                 .any_uid = true };

        lookup->done = done;
        lookup->arg = arg;
        if (lookup->id >= 2000)
                lookup->engine->is_holding_reads = true;
        return journal_read_jobs(engine_journal(lookup->engine), &query, fake_on_lookup, lookup,
                                 out_read);
}

struct deps_lookup *engine_lookup_free(struct deps_lookup *lookup)
{
        free(lookup);
        return NULL;
}

static void fake_trace_dependencies(struct engine *e, const struct engine_update *update)
{
        if (!update->sets_dependencies)
                return;
        fake_trace(e, "waits(%s%s", update->spec.dependencies_any ? "any" : "all",
                   update->spec.keep_waiting ? " keep" : "");
        for (size_t i = 0; i < update->spec.dependencies_count; i++)
                fake_trace(e, " %u:%" PRIu64, update->spec.dependencies[i].kind,
                           update->spec.dependencies[i].job);
        fake_trace(e, ") ");
}

int engine_update(struct engine *e, const struct engine_submission *asker,
                  const struct engine_update *updates, size_t count, size_t *out_index,
                  struct reason *why)
{
        ck_assert_uint_eq(asker->uid, getuid());
        e->updated_uid = e->actor_uid;
        for (*out_index = 0; *out_index < count; ++*out_index) {
                const struct job *job = fake_row(e, updates[*out_index].id);

                if (!job->is_open || !engine_is_updatable(job))
                        return reason_set(why, ENGINE_E_STATE, "job %" PRIu64 " runs already",
                                          job->row.id);
        }
        for (size_t i = 0; i < count; i++) {
                struct job *job = fake_row(e, updates[i].id);

                fake_trace(e, "update(%" PRIu64 ",%d,%u: %s) ", job->row.id,
                           updates[i].spec.priority, updates[i].spec.cpus, updates[i].detail);
                fake_trace_dependencies(e, &updates[i]);
                journal_blob_unref(job->row.spec);
                journal_blob_unref(job->row.environment);
                job->row.spec = journal_blob_ref(updates[i].spec.spec);
                job->row.environment = journal_blob_ref(updates[i].spec.environment);
                job->barrier = ++e->sequence;
        }
        return 0;
}

bool engine_retry_wants(enum engine_retry which, const struct journal_task *row)
{
        return which == ENGINE_RETRY_ALL || row->state != JOB_SUCCEEDED;
}

int engine_retry(struct engine *e, const struct journal_job *row, const struct journal_task *tasks,
                 size_t tasks_count, uint64_t task, enum engine_retry which, struct reason *why)
{
        struct job *job = fake_row(e, row->id);

        fake_trace(e, "retry(%" PRIu64 ",%s,%zu,%d) ", row->id, fake_task_name(task), tasks_count,
                   (int)which);
        if (row->state == JOB_SUCCEEDED && which != ENGINE_RETRY_ALL)
                return reason_set(why, ENGINE_E_STATE, "nothing to run again");
        if (job->is_open && row->finished) {
                fake_trace(e, "(refused) ");
                return reason_set(why, ENGINE_E_STATE, "already queued again");
        }
        job->is_open = true;
        job->row.finished = false;
        job->row.state = JOB_QUEUED;
        job->barrier = ++e->sequence;
        (void)tasks;
        return 0;
}

int engine_drop(struct engine *e, const struct journal_page *page, uint64_t *out_dropped)
{
        *out_dropped = 0;
        for (size_t n = 0; n < page->jobs_count; n++) {
                struct job *job = fake_row(e, page->jobs[n].id);

                if (!job || job->is_open)
                        continue;
                job->is_dropped = true;
                ++*out_dropped;
        }
        e->sequence++;
        fake_trace(e, "drop(%zu) ", page->jobs_count);
        return 0;
}

uint32_t engine_set_actor(struct engine *e, uint32_t uid)
{
        const uint32_t before = e->actor_uid;

        e->actor_uid = uid;
        return before;
}

void engine_drain(struct engine *e, bool on)
{
        fake_trace(e, "drain(%d) ", on);
}

void engine_follow(struct engine *e, struct job *job, uint64_t task, bool on)
{
        fake_trace(e, "follow(%" PRIu64 ".%" PRIu64 ",%s) ", job->row.id, task, on ? "on" : "off");
}

void engine_stdin(struct engine *e, struct job *job, uint64_t task, uint64_t offset,
                  const void *data, size_t size, bool end)
{
        fake_trace(e, "stdin(%" PRIu64 ".%" PRIu64 ",%" PRIu64 ",%.*s%s) ", job->row.id, task,
                   offset, (int)(size < 16 ? size : 16), data ? (const char *)data : "",
                   end ? ",end" : "");
}

/* -------------------------------------------------------------------------------------- submit */

static void fake_take_spec(struct engine *e, const struct engine_submission *submission)
{
        const struct engine_spec *spec = &submission->specs[0];

        snprintf(e->spec_queue, sizeof(e->spec_queue), "%s", spec->queue ? spec->queue : "");
        e->is_admin = submission->is_admin;

        e->spec = *spec;
        e->spec_name[0] = '\0';
        if (spec->name)
                strncat(e->spec_name, spec->name, sizeof(e->spec_name) - 1);
        if (spec->retry_on)
                memcpy(e->retry_on, spec->retry_on, sizeof(e->retry_on));
        e->environments_count = 0;
        for (size_t i = 0; i < submission->specs_count; i++)
                if (submission->specs[i].environment &&
                    (i == 0 ||
                     submission->specs[i].environment != submission->specs[i - 1].environment))
                        e->environments_count++;
}

static void fake_enter(struct engine *e, const struct engine_submission *submission)
{
        for (size_t i = 0; i < submission->specs_count; i++) {
                struct job *job = fake_add(e, submission->uid);

                journal_blob_unref(job->row.spec);
                job->row.spec = journal_blob_ref(submission->specs[i].spec);
                job->row.task_count = submission->specs[i].task_count;
                job->row.map_values = submission->specs[i].map_values;
                if (job->row.map_values)
                        job->row.input = JOURNAL_INPUT_OPEN;
        }
}

int fake_read_key(struct engine *e, engine_submitted_fn done, void *arg);

int engine_submit(struct engine *e, const struct engine_submission *submission,
                  engine_submitted_fn done, void *arg, struct journal_read **out_read)
{
        const uint64_t first = e->last_id + 1;
        struct reason why;

        *out_read = NULL;
        fake_take_spec(e, submission);
        if (e->submit_answer) {
                (void)reason_set(&why, 0, "refused by the test");
                done(arg, e->submit_answer, 0, 0, false, 0, &why);
                return 0;
        }
        if (e->submit_is_existing)
                return fake_read_key(e, done, arg);
        fake_enter(e, submission);
        done(arg, 0, first, (uint32_t)submission->specs_count, false, e->sequence, NULL);
        return 0;
}

/* ---------------------------------------------------------------------------------------- maps */

static int fake_judge_chunk(const struct engine *e, const struct job *job, uint64_t number,
                            struct reason *why)
{
        if (!job->row.map_values || job->row.input != JOURNAL_INPUT_OPEN)
                return reason_set(why, ENGINE_E_STATE, "job %" PRIu64 " takes no input",
                                  job->row.id);
        if (number > job->row.chunk_next)
                return reason_set(why, ENGINE_E_STATE, "chunk %" PRIu64 " is due",
                                  job->row.chunk_next);
        return e->is_queue_full ? ENGINE_E_BUSY : 0;
}

int engine_append(struct engine *e, struct job *job, const struct engine_chunk *chunk,
                  uint64_t *out_task_count, struct reason *why)
{
        const bool is_known = job->row.map_values && chunk->number < job->row.chunk_next;
        const int r = is_known ? 0 : fake_judge_chunk(e, job, chunk->number, why);

        fake_trace(e, "append(%" PRIu64 ",%" PRIu64 "%s) ", job->row.id, chunk->number,
                   r == ENGINE_E_BUSY ? ",busy"
                   : r                ? ",refused"
                   : is_known         ? ",known"
                                      : "");
        if (!r && !is_known) {
                ck_assert_uint_lt(job->row.chunk_next, FAKE_CHUNKS_MAX);
                job->chunks[job->row.chunk_next++] =
                        (struct fake_chunk){ .first_task = job->row.task_count,
                                             .count = chunk->count,
                                             .values = journal_blob_ref(chunk->values) };
                fake_grow(job, job->row.task_count + (chunk->count + job->row.map_values - 1) /
                                                             job->row.map_values);
                job->barrier = ++e->sequence;
        }
        *out_task_count = job->row.task_count;
        return r;
}

int engine_close_input(struct engine *e, struct job *job, uint64_t chunks, const char *cut,
                       struct reason *why)
{
        fake_trace(e, "close(%" PRIu64 ",%" PRIu64 "%s%s) ", job->row.id, chunks, cut ? "," : "",
                   cut ? cut : "");
        if (!job->row.map_values || (chunks != job->row.chunk_next && !cut))
                return reason_set(why, ENGINE_E_STATE, "job %" PRIu64 " has %" PRIu64 " chunks",
                                  job->row.id, job->row.chunk_next);
        job->row.input = cut ? JOURNAL_INPUT_CUT : JOURNAL_INPUT_CLOSED;
        job->barrier = ++e->sequence;
        return 0;
}

void engine_add_appender(struct engine *e, struct job *job)
{
        (void)e;
        job->appenders_count++;
}

void engine_remove_appender(struct engine *e, struct job *job)
{
        (void)e;
        ck_assert_uint_gt(job->appenders_count, 0);
        job->appenders_count--;
}

void engine_seen(struct engine *e, uint64_t id, uint64_t next_task)
{
        struct job *job = fake_row(e, id);

        fake_trace(e, "seen(%" PRIu64 ",%" PRIu64 ") ", id, next_task);
        ck_assert_ptr_nonnull(job);
        job->row.seen_task = next_task;
        job->barrier = ++e->sequence;
}

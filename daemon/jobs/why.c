/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Why an unfinished job is where it is, in half a sentence: "is held: ...", "waits for job 12
 * (afterok), which runs". The rules are asked in the order in which the scheduler meets them, and
 * the first that holds is the reason; each is a function in one of two tables, so that a new thing
 * to wait for is a new row.
 *
 * Users, times and durations are marks that the client puts into words: {uid:1000}, {time:USEC}
 * (wall clock), {for:USEC}. jobd never looks up a user, and knows no time zone.
 *
 * How long it will take is said only where it follows from what is known: time limits, and how long
 * this user's tasks usually take as long as what runs is not older than that. Changes nothing and
 * is called by verbs; for the thousand jobs of a page, too, so it looks at no more than count_max
 * of what stands before a job.
 */
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "common/text.h"

#include "daemon/jobs/dependency.h"
#include "daemon/jobs/engine_private.h"

struct why {
        const struct engine *engine;
        const struct job *job;
        uint64_t count_max;
        struct engine_why *out;
        size_t used;
};

static bool why_say(struct why *why, const char *fmt, ...) _printf_(2, 3);
/* Adds to the sentence; true, so that a rule can end with it. */
static bool why_say(struct why *why, const char *fmt, ...)
{
        const size_t room = sizeof(why->out->text) - why->used;
        va_list args;
        int n;

        va_start(args, fmt);
        n = vsnprintf(why->out->text + why->used, room, fmt, args);
        va_end(args);
        why->used += MIN((size_t)MAX(n, 0), room - 1);
        return true;
}

/* --------------------------------------------------------------------------- what is being done */

static const struct task *why_find_task(const struct job *job, enum job_state state)
{
        struct task_tree *const tasks = (struct task_tree *)(uintptr_t)&job->tasks; /* read only */
        struct task *task;

        RB_FOREACH (task, task_tree, tasks)
                if (task->state == state)
                        return task;
        return NULL;
}

/* The one that its worker runs before this one. */
static const struct task *why_find_earlier(const struct task *task)
{
        return task->worker ? LIST_NEXT(task, worker_entry) : NULL;
}

static bool why_is_running(struct why *why)
{
        const struct task *task = why_find_task(why->job, JOB_RUNNING);

        if (!task)
                return false;
        if (task->start_wall_usec)
                return why_say(why, "runs since {time:%" PRIu64 "}", task->start_wall_usec);
        return why_say(why, "runs");
}

static bool why_is_paused(struct why *why)
{
        return why_find_task(why->job, JOB_PAUSED) &&
               why_say(why, "is paused: `jobctl resume %" PRIu64 "` lets it go on", why->job->id);
}

static bool why_is_stopping(struct why *why)
{
        return why_find_task(why->job, JOB_STOPPING) && why_say(why, "is being stopped");
}

static bool why_is_starting(struct why *why)
{
        const struct task *task = why_find_task(why->job, JOB_STARTING);
        const struct task *earlier = task ? why_find_earlier(task) : NULL;

        if (earlier)
                return why_say(why, "is with worker %u already, behind job %" PRIu64,
                               task->worker_number, earlier->job->id);
        return task && why_say(why, "is being started");
}

/* ------------------------------------------------------------------------ what keeps it from going
 */

static bool why_is_held(struct why *why)
{
        return why->job->hold &&
               why_say(why, "is held: `jobctl release %" PRIu64 "` lets it start", why->job->id);
}

static bool why_begins_later(struct why *why)
{
        const uint64_t begin = why->job->extra ? why->job->extra->begin_wall_usec : 0;
        const uint64_t now = clock_wall_usec();

        if (why->job->is_begin_due)
                return false;
        why->out->wait_usec = begin > now ? begin - now : 0;
        return why_say(why, "begins at {time:%" PRIu64 "}", begin);
}

static const char *why_state_of(const struct why *why, uint64_t id)
{
        const struct job *parent = job_table_find(&why->engine->jobs, id);
        struct engine_view view;

        if (!parent)
                return "has ended";
        engine_view_job(why->engine, parent, &view);
        if (parent->hold && view.state == JOB_QUEUED)
                return "is held";
        if (view.state == JOB_RUNNING)
                return "runs";
        return view.state == JOB_QUEUED ? "is queued" : "is under way";
}

static bool why_waits_for_jobs(struct why *why)
{
        const struct job *job = why->job;
        const struct job_deps *child = job->extra ? job->extra->deps : NULL;
        const struct deps_edge *edge = child ? TAILQ_FIRST(&child->edges) : NULL;
        uint64_t open = 0;
        char text[120];

        if (!edge ||
            !(job->is_waiting || (job->task_next < job->task_count && !deps_lets_next(job))))
                return false;
        if (deps_describe(job, text, sizeof(text)))
                return why_say(why, "waits in vain: %s", text);
        for (size_t i = 0; i < DEPS_PLACE_COUNT; i++)
                open += child->counts[i];
        why_say(why, "waits for job %" PRIu64 " (%s), which %s", edge->parent->id,
                deps_kind_name((enum deps_kind)edge->kind), why_state_of(why, edge->parent->id));
        if (open > 1)
                why_say(why, "%s %" PRIu64 " others", child->any ? ", or one of" : ", and",
                        open - 1);
        return true;
}

static bool why_waits_for_retry(struct why *why)
{
        struct task_tree *const tasks = (struct task_tree *)(uintptr_t)&why->job->tasks;
        struct task *task;
        const uint64_t now = clock_wall_usec();

        if (why->job->is_ready)
                return false;
        RB_FOREACH (task, task_tree, tasks)
                if (task->is_delayed) {
                        why->out->wait_usec =
                                task->retry_wall_usec > now ? task->retry_wall_usec - now : 0;
                        return why_say(why, "has failed and is tried again at {time:%" PRIu64 "}",
                                       task->retry_wall_usec);
                }
        return false;
}

static bool why_waits_for_input(struct why *why)
{
        const struct job_map *map = job_map_of(why->job);

        return map && map->input == JOURNAL_INPUT_OPEN && TAILQ_EMPTY(&why->job->requeued) &&
               why->job->task_next == why->job->task_count && why_say(why, "waits for input");
}

static bool why_is_wide_enough(struct why *why)
{
        return run_queue_is_only_full(why->job) &&
               why_say(why, "has as many tasks at work as its width allows: %u",
                       why->job->extra->array_width);
}

static bool why_is_paced(struct why *why)
{
        const struct job_map *map = job_map_of(why->job);
        const uint64_t now = clock_mono_usec();

        if (!map || !map->is_paced)
                return false;
        why->out->wait_usec = map->start_mono_usec > now ? map->start_mono_usec - now : 0;
        return why_say(why, "starts its next task in {for:%" PRIu64 "}", why->out->wait_usec);
}

static bool why_is_drained(struct why *why)
{
        if (why->engine->is_stopping)
                return why_say(why, "waits: the daemon is shutting down");
        return why->engine->is_draining &&
               why_say(why, "waits: the daemon is draining (`jobctl drain --end` ends that)");
}

static bool why_waits_for_resource(struct why *why)
{
        char text[ENGINE_WHY_TEXT_MAX];

        return claims_describe(why->engine, why->job, why->count_max, text, sizeof(text),
                               &why->out->wait_usec) &&
               why_say(why, "%s", text);
}

/* ----------------------------------------------------------------------------------- estimates */

/* When this lease is given back, in so many microseconds; USEC_NONE: nobody knows. */
static uint64_t why_guess_rest(const struct core_lease *lease, uint64_t now_usec)
{
        const struct task *task = lease->view ? LIST_FIRST(&lease->view->tasks) : NULL;
        const uint64_t limit = task && task->job->extra ? task->job->extra->time_limit_usec : 0;
        const uint64_t usual = lease->lane->user->short_usec;
        const uint64_t age = now_usec - lease->start_mono_usec;

        if (usual && age <= usual)
                return usual - age;
        return limit > age ? limit - age : USEC_NONE;
}

/* Of the leases in this queue (NULL: in all) the one that ends first. */
static uint64_t why_first_rest(const struct engine *e, const struct queue *queue)
{
        const uint64_t now = clock_mono_usec();
        const struct core_lease *lease;
        uint64_t least = USEC_NONE;

        TAILQ_FOREACH (lease, &e->core_leases, entry)
                if (!queue || lease->lane->queue == queue)
                        least = MIN(least, why_guess_rest(lease, now));
        return least;
}

/* before: jobs that go first; slots: how many run at once. Nothing when it is not known. */
static void why_estimate(struct why *why, const struct queue *queue, uint64_t before,
                         uint64_t slots)
{
        const uint64_t rest = why_first_rest(why->engine, queue);
        const uint64_t usual = why->job->user->short_usec;

        if (rest == USEC_NONE || (before > 0 && !usual) || slots == 0)
                return;
        why->out->wait_usec = MAX(rest + before * usual / slots, (uint64_t)1);
}

/* ------------------------------------------------------------------------- a job that is ready */

static uint32_t why_workers(const struct engine *e)
{
        const struct worker_view *view;
        uint32_t count = 0;

        TAILQ_FOREACH (view, &e->views, entry)
                count += view->is_ready && !worker_is_retiring(view->worker);
        return count;
}

static bool why_has_idle_worker(const struct engine *e)
{
        const struct worker_view *view;

        TAILQ_FOREACH (view, &e->views, entry)
                if (view->is_ready && !worker_is_retiring(view->worker) && view->leases_count == 0)
                        return true;
        return false;
}

static const char *why_ordinal(uint64_t n)
{
        static const char *const ends[] = { "th", "st", "nd", "rd" };
        const uint64_t last = n % 10;

        return n % 100 / 10 == 1 || last > 3 ? ends[0] : ends[last];
}

/* "is 3rd of alice's in queue night"; returns how many go before it. */
static uint64_t why_say_place(struct why *why)
{
        const uint64_t before = lane_position(why->job, why->count_max);
        const char *const name = why->job->lane->queue->name;
        const uint32_t uid = why->job->user->uid;

        if (before == why->count_max && before > 0)
                why_say(why, "has more than %" PRIu64 " of {uid:%u}'s before it in queue %s",
                        before - 1, uid, name);
        else
                why_say(why, "is %" PRIu64 "%s of {uid:%u}'s in queue %s", before + 1,
                        why_ordinal(before + 1), uid, name);
        return before;
}

static bool why_queue_is_shut(struct why *why)
{
        const struct queue *queue = why->job->lane->queue;
        uint64_t before;

        if (queue->is_paused)
                return why_say(why, "waits: queue %s is paused", queue->name);
        if (queue_is_open(queue) && queue_has_cores(queue, job_cores(why->job)))
                return false;
        before = why_say_place(why);
        if (queue->width_tasks && queue->tasks_leased >= queue->width_tasks) {
                why_estimate(why, queue, before, queue->width_tasks);
                return why_say(why, ", which is at its width %u of %u", queue->tasks_leased,
                               queue->width_tasks);
        }
        return why_say(why, ", which has %u of its %u cores in use", queue->cores_leased,
                       queue->width_cores);
}

static bool why_is_capped(struct why *why)
{
        const struct user *user = why->job->user;

        if (!why_blockers_cap(why->job))
                return false;
        why_say_place(why);
        return why_say(why, ", and has %u of the %u cores that {uid:%u} may have at once",
                       user->share.cores, user->cores_max, user->uid);
}

static bool why_is_too_big(struct why *why)
{
        const struct engine *e = why->engine;
        const uint64_t memory_bytes = job_memory_bytes(why->job);
        char asked[TEXT_SIZE_MAX], there[TEXT_SIZE_MAX];

        if (job_cores(why->job) > engine_cores(e))
                return why_say(why, "asks for %u cores, and this machine has %u to give",
                               job_cores(why->job), engine_cores(e));
        return e->options.memory_bytes && memory_bytes > e->options.memory_bytes &&
               why_say(why, "asks for %s of memory, and this machine has %s to give",
                       text_format_size(memory_bytes, asked),
                       text_format_size(e->options.memory_bytes, there));
}

static bool why_nobody_works(struct why *why)
{
        return why_workers(why->engine) == 0 && why_say(why, "waits: no worker is connected");
}

static bool why_say_busy(struct why *why, uint32_t workers)
{
        if (workers == 1)
                return why_say(why, "the only worker is busy");
        return why_say(why, "all %u workers are busy", workers);
}

static bool why_is_not_first(struct why *why)
{
        const uint32_t workers = why_workers(why->engine);
        uint64_t before;

        if (lane_position(why->job, 1) == 0)
                return false;
        before = why_say_place(why);
        if (why_has_idle_worker(why->engine))
                return true;
        why_estimate(why, NULL, before, workers);
        why_say(why, "; ");
        return why_say_busy(why, workers);
}

/* A reservation is kept for the first job that does not fit (backfill.c). */
static bool why_does_not_fit(struct why *why)
{
        const struct engine *e = why->engine;
        const uint64_t now = clock_mono_usec();
        const uint64_t memory_bytes = job_memory_bytes(why->job);
        const bool is_reserved = e->backfill.job == why->job;
        char asked[TEXT_SIZE_MAX], left[TEXT_SIZE_MAX];

        if (!why_blockers_cores(e, why->job))
                return false;
        if (job_cores(why->job) > cores_free_count(&e->cores))
                why_say(why, "asks for %u cores, and %u of %u are free", job_cores(why->job),
                        cores_free_count(&e->cores), e->cores.count);
        else
                why_say(why, "asks for %s of memory, and %s are free",
                        text_format_size(memory_bytes, asked),
                        text_format_size(e->options.memory_bytes -
                                                 MIN(e->options.memory_bytes, e->memory_used),
                                         left));
        if (!is_reserved)
                return true;
        if (e->backfill.shadow_mono_usec > now)
                why->out->wait_usec = e->backfill.shadow_mono_usec - now;
        return why_say(why, "; what becomes free is kept for it");
}

static bool why_waits_for_worker(struct why *why)
{
        const struct fair_share *first = fair_first(&why->engine->fair);
        const uint32_t workers = why_workers(why->engine);
        const bool is_idle = why_has_idle_worker(why->engine);

        if (is_idle && cores_free_count(&why->engine->cores) > 0)
                return false;
        why_estimate(why, NULL, 0, workers);
        if (is_idle)
                why_say(why, "is next of {uid:%u}'s: all cores are in use, and there are %u",
                        why->job->user->uid, why->engine->cores.count);
        else
                why_say(why, "is next of {uid:%u}'s: ", why->job->user->uid);
        if (!is_idle)
                why_say_busy(why, workers);
        if (first && first != &why->job->user->share)
                why_say(why, ", and {uid:%u} is further behind his share",
                        user_of((struct fair_share *)(uintptr_t)first)->uid);
        return true;
}

static bool why_must_not_delay(struct why *why)
{
        const struct backfill *b = &why->engine->backfill;

        return b->job && b->job != why->job &&
               why_say(why, "may not delay a bigger job that is due, and nothing says how long it "
                            "runs itself (a time limit would)");
}

/* ----------------------------------------------------------------------------------- all together
 */

typedef bool (*why_rule)(struct why *why);

static const why_rule why_states[] = { why_is_running, why_is_paused, why_is_stopping,
                                       why_is_starting };
static const why_rule why_blocks[] = { why_is_held,           why_begins_later,
                                       why_waits_for_jobs,    why_waits_for_retry,
                                       why_waits_for_input,   why_is_wide_enough,
                                       why_is_paced,          why_is_drained,
                                       why_waits_for_resource };
static const why_rule why_ready[] = { why_queue_is_shut,    why_is_too_big,    why_is_capped,
                                      why_nobody_works,     why_is_not_first,  why_does_not_fit,
                                      why_waits_for_worker, why_must_not_delay };

static bool why_ask(struct why *why, const why_rule *rules, size_t count)
{
        for (size_t i = 0; i < count; i++)
                if (rules[i](why))
                        return true;
        return false;
}

bool why_blockers_cap(const struct job *job)
{
        const struct user *user = job->user;

        return user->cores_max && user->share.cores + job_cores(job) > user->cores_max;
}

bool why_blockers_cores(const struct engine *e, const struct job *job)
{
        const uint64_t memory_bytes = job_memory_bytes(job);

        if (job_cores(job) > 1 && job_cores(job) > cores_free_count(&e->cores))
                return true;
        return e->options.memory_bytes && memory_bytes &&
               e->memory_used + memory_bytes > e->options.memory_bytes;
}

void engine_why(const struct engine *e, const struct job *job, uint64_t count_max,
                struct engine_why *out_why)
{
        struct why why = { .engine = e, .job = job, .count_max = count_max, .out = out_why };
        bool is_told;

        memset(out_why, 0, sizeof(*out_why));
        is_told = why_ask(&why, why_states, ARRAY_SIZE(why_states));
        if (is_told && !job_is_many(job))
                return;
        if (is_told && !engine_is_updatable(job))
                return;
        if (is_told)
                why_say(&why, "; of its other tasks the next ");
        if (why_ask(&why, why_blocks, ARRAY_SIZE(why_blocks)))
                return;
        if (job->is_ready && why_ask(&why, why_ready, ARRAY_SIZE(why_ready)))
                return;
        why_say(&why, "is about to start");
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A wide job among narrow ones would never find enough cores free at once. So the first job that is
 * due and does not fit gets a reservation: an estimate of when it will fit (the shadow time) and of
 * what it will leave free then. Another job may start before it if it will have ended by then, or
 * if it fits beside it: EASY backfilling (D. Lifka, "The ANL/IBM SP Scheduling System", JSSPP
 * 1995).
 *
 * When something that runs will end is known from its time limit. Without one it is taken to go on
 * for as long as it has run already, and short tasks for as long as this user's usually take. A job
 * that would pass must have a limit, or be a task of a job whose tasks are known to be short enough
 * by twice: a guess may let it pass wrongly once, and never again and again, since each guess of
 * what runs grows with its age.
 *
 * Everything is estimated anew in each DECIDE, so there is nothing to keep true. O(w log w) in the
 * workers, and only when there is a job that does not fit. Called by scheduler.c.
 */
#include <errno.h>
#include <stdlib.h>

#include "daemon/jobs/engine_private.h"

#define BACKFILL_UNKNOWN_USEC USEC_PER_SEC

struct backfill_end {
        uint64_t mono_usec;
        uint32_t cores;
        uint64_t memory_bytes;
};

static int backfill_compare(const void *a, const void *b)
{
        const struct backfill_end *x = a, *y = b;

        return x->mono_usec < y->mono_usec ? -1 : x->mono_usec > y->mono_usec;
}

/* How long one task of this job takes, by what is known; USEC_NONE: nothing is. */
static uint64_t backfill_run_usec(const struct job *job)
{
        const struct job_map *map = job_map_of(job);

        if (job->extra && job->extra->time_limit_usec)
                return job->extra->time_limit_usec;
        if (map && map->run_count > 0)
                return 2 * (map->run_usec / map->run_count + 1);
        return USEC_NONE;
}

static uint64_t backfill_guess_end(const struct core_lease *lease, uint64_t now_usec)
{
        const struct task *task = lease->view ? LIST_FIRST(&lease->view->tasks) : NULL;
        const uint64_t age_usec = now_usec - lease->start_mono_usec;
        const uint64_t limit_usec =
                task && task->job->extra ? task->job->extra->time_limit_usec : 0;

        if (limit_usec)
                return lease->start_mono_usec + MAX(limit_usec * lease->refs, age_usec);
        if (lease->refs > 1) /* look-ahead: short ones, one behind the other */
                return now_usec + lease->lane->user->short_usec * lease->refs;
        return now_usec + MAX(age_usec, BACKFILL_UNKNOWN_USEC);
}

static bool backfill_fits(const struct engine *e, const struct job *job, uint32_t cores,
                          uint64_t memory_bytes)
{
        return job_cores(job) <= cores &&
               (!e->options.memory_bytes || job_memory_bytes(job) <= memory_bytes);
}

static void backfill_set(struct engine *e, const struct job *job, uint64_t at_usec, uint32_t cores,
                         uint64_t memory_bytes)
{
        e->backfill =
                (struct backfill){ .job = job,
                                   .shadow_mono_usec = at_usec,
                                   .spare_cores = cores - job_cores(job),
                                   .spare_memory_bytes = memory_bytes -
                                                         MIN(memory_bytes, job_memory_bytes(job)) };
}

/* Lets what runs end, one after the other, until the job fits. */
static void backfill_look(struct engine *e, const struct job *job, struct backfill_end *ends,
                          size_t count)
{
        uint32_t cores = cores_free_count(&e->cores);
        uint64_t memory_bytes =
                e->options.memory_bytes - MIN(e->options.memory_bytes, e->memory_used);

        qsort(ends, count, sizeof(*ends), backfill_compare);
        for (size_t i = 0; i < count; i++) {
                cores = MIN(cores + ends[i].cores, e->cores.count);
                memory_bytes += ends[i].memory_bytes;
                if (i + 1 < count && ends[i + 1].mono_usec == ends[i].mono_usec)
                        continue; /* what ends at the same time is spare, too */
                if (backfill_fits(e, job, cores, memory_bytes)) {
                        backfill_set(e, job, ends[i].mono_usec, cores, memory_bytes);
                        return;
                }
        }
        /* Cannot be: all that it asks for is free when nothing runs. Then nobody passes. */
        e->backfill = (struct backfill){ .job = job };
}

void backfill_reserve(struct engine *e, const struct job *job)
{
        const uint64_t now = clock_mono_usec();
        const struct core_lease *lease;
        struct backfill_end *ends;
        size_t count = 0;

        TAILQ_FOREACH (lease, &e->core_leases, entry)
                count++;
        ends = calloc(count + 1, sizeof(*ends));
        if (!ends) {
                engine_note(e, FAULT(-ENOMEM));
                return;
        }
        count = 0;
        TAILQ_FOREACH (lease, &e->core_leases, entry)
                ends[count++] = (struct backfill_end){ .mono_usec = backfill_guess_end(lease, now),
                                                       .cores = lease->is_lent ? 0 : lease->count,
                                                       .memory_bytes = lease->memory_bytes };
        backfill_look(e, job, ends, count);
        free(ends);
}

/* At the shadow time this one would still have what the waiting one needs besides the machine's. */
static bool backfill_is_rival(const struct job *waiting, const struct job *job)
{
        const struct queue *queue = job->lane->queue;

        return (waiting->user == job->user && job->user->cores_max) ||
               (waiting->lane->queue == queue && (queue->width_tasks || queue->width_cores));
}

bool backfill_may_pass(struct engine *e, const struct job *job)
{
        struct backfill *b = &e->backfill;
        const uint64_t now = clock_mono_usec();
        const uint64_t run_usec = backfill_run_usec(job);
        const uint32_t cores = job_cores(job);
        const uint64_t memory_bytes = job_memory_bytes(job);

        if (b->shadow_mono_usec > now && run_usec <= b->shadow_mono_usec - now)
                return true;
        if (cores > b->spare_cores || backfill_is_rival(b->job, job) ||
            (e->options.memory_bytes && memory_bytes > b->spare_memory_bytes))
                return false;
        b->spare_cores -= cores;
        b->spare_memory_bytes -= MIN(memory_bytes, b->spare_memory_bytes);
        return true;
}

void backfill_forget(struct engine *e)
{
        e->backfill = (struct backfill){ .job = NULL };
}

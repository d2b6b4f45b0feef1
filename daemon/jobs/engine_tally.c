/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Counting: a few adds where the engine does something, and sums when somebody asks.
 *
 * Queued tasks are counted in four places at once (their job, its user, its queue, the machine) and
 * by why they wait; engine_tally_queue_tasks() is the only place where these numbers change,
 * so that they cannot drift apart. engine_tally_sort_job() moves a job's tasks to another word;
 * run_queue_update() calls it after every change of a job.
 *
 * Core time is what fair.c charges: held cores times the time, so it is true of tasks that still
 * run. It is read without being charged anew, since looking must change nothing.
 *
 * Users are listed in the order in which jobd first saw them, and those behind `max` are added up.
 * A list of the greatest would change its members, and the sum of the others would go down, which
 * a counter must not. Called by the engine's files; read by daemon/clients.
 */
#include <string.h>

#include "daemon/jobs/engine_private.h"

void engine_tally_init(struct tally *tally)
{
        tally->wait_usec.bounds = &histogram_long_usec;
        tally->run_usec.bounds = &histogram_long_usec;
}

void engine_tally_queue_tasks(struct engine *e, struct job *job, int64_t more)
{
        const uint64_t n = (uint64_t)more; /* wraps when it is less */

        job->queued_tasks += n;
        job->user->queued_tasks += n;
        job->lane->queue->queued_tasks += n;
        e->queued_tasks += n;
        e->tally.queued[job->queued_as] += n;
}

void engine_tally_sort_job(struct engine *e, struct job *job, bool could_start)
{
        const enum tally_queued word = job->hold                        ? TALLY_HELD
                                       : could_start && !job->is_parked ? TALLY_QUEUED
                                                                        : TALLY_WAITING;

        if (word == job->queued_as)
                return;
        e->tally.queued[job->queued_as] -= job->queued_tasks;
        e->tally.queued[word] += job->queued_tasks;
        job->queued_as = (uint8_t)word;
}

void engine_tally_move_task(struct engine *e, enum job_state before, enum job_state after)
{
        if (job_state_is_leased(before))
                e->tally.leased[before]--;
        if (job_state_is_leased(after))
                e->tally.leased[after]++;
}

void engine_tally_start(struct engine *e, const struct task *task)
{
        const uint64_t submitted = task->job->submit_wall_usec;
        const uint64_t started = task->start_wall_usec;

        e->tally.attempts++;
        if (task->attempt == 1 && started)
                histogram_add(&e->tally.wait_usec, started > submitted ? started - submitted : 0);
}

void engine_tally_exit(struct engine *e, const struct workers_exit *exit)
{
        e->tally.output_bytes += exit->output_bytes;
        e->tally.cpu_usec += exit->user_usec + exit->system_usec;
        histogram_add(&e->tally.run_usec, exit->run_usec);
}

/* ------------------------------------------------------------------------------------- reading */

const struct tally *engine_tally(const struct engine *e)
{
        return &e->tally;
}

static uint64_t engine_tally_core_usec(const struct fair_share *share, uint64_t now_mono_usec)
{
        return share->core_usec + (now_mono_usec - share->charged_usec) * share->cores;
}

void engine_tally_machine(const struct engine *e, struct tally_machine *out_machine)
{
        const uint64_t now = clock_mono_usec();
        const struct user *user;

        *out_machine = (struct tally_machine){
                .cores = engine_cores(e),
                .cores_leased = e->cores.used,
                .memory_bytes = e->options.memory_bytes,
                .memory_leased_bytes = e->memory_used,
                .jobs = e->jobs_count,
                .spec_bytes = e->spec_bytes,
        };
        for (user = e->users; user; user = user->hh.next) {
                out_machine->core_usec += engine_tally_core_usec(&user->share, now);
                out_machine->output_bytes += user->output_bytes;
        }
}

static void engine_tally_add_user(const struct user *user, uint64_t now_mono_usec,
                                  struct tally_user *to)
{
        to->cores += user->share.cores;
        to->queued += user->queued_tasks;
        to->leased += user->leased_tasks;
        to->core_usec += engine_tally_core_usec(&user->share, now_mono_usec);
        to->output_bytes += user->output_bytes;
}

size_t engine_tally_users(const struct engine *e, struct tally_user *out_users, size_t max)
{
        const uint64_t now = clock_mono_usec();
        const struct user *user;
        size_t n = 0;

        for (user = e->users; user; user = user->hh.next) {
                struct tally_user *const to = &out_users[MIN(n, max - 1)];

                if (n < max)
                        *to = (struct tally_user){ .uid = user->uid, .weight = user->share.weight };
                else
                        to->uid = UINT32_MAX;
                engine_tally_add_user(user, now, to);
                n++;
        }
        return MIN(n, max);
}

bool engine_tally_user(const struct engine *e, uint32_t uid, struct tally_user *out_user)
{
        const struct user *user;

        HASH_FIND(hh, e->users, &uid, sizeof(uid), user);
        if (!user)
                return false;
        *out_user = (struct tally_user){ .uid = uid, .weight = user->share.weight };
        engine_tally_add_user(user, clock_mono_usec(), out_user);
        return true;
}

size_t engine_tally_queues(const struct engine *e, struct tally_queue *out_queues, size_t max)
{
        const uint64_t now = clock_mono_usec();
        const struct queue *queue;
        const struct lane *lane;
        size_t n = 0;

        TAILQ_FOREACH (queue, &e->queues.list, entry) {
                if (n == max)
                        break;
                out_queues[n] = (struct tally_queue){
                        .name = queue->name,
                        .cores = queue->cores_leased,
                        .jobs = queue->jobs_count,
                        .queued = queue->queued_tasks,
                        .workers = queue->tasks_leased,
                };
                TAILQ_FOREACH (lane, &queue->lanes, queue_entry)
                        out_queues[n].core_usec += engine_tally_core_usec(&lane->share, now);
                n++;
        }
        return n;
}

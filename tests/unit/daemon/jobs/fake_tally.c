/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Counts anew what the engine counts as it goes (tally.h, the sums of users and queues), and ends
 * the program where the two differ. Called in every turn of every test of the engine.
 */
#include <stdio.h>
#include <stdlib.h>

#include "daemon/jobs/engine_private.h"
#include "fakes_private.h"

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

void fake_check_tally(const struct engine *e)
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

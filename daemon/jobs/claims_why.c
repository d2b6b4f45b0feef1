/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a parked job waits for, in half a sentence: "waits for lock build, held by job 9 (alice's)",
 * "waits for 1 of resource gpu: 2 of 2 are taken; 3 are before it in line". A job that asks for
 * several things is told one: what there is too little of at all, else what is not free, else where
 * somebody stands before it.
 *
 * Of other users' holders it tells the user, and the number of the job where all may see all jobs
 * (PrivateJobs=no), and nothing of their processes. Users are marks ({uid:1000}), as in why.c,
 * which calls this. Changes nothing.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "common/text.h"

#include "daemon/jobs/engine_private.h"

#define CLAIMS_NAME_ROOM 64U   /* bytes of a name in a sentence, and its end */
#define CLAIMS_HOLDER_ROOM 96U /* "process 123 in job 9.1 ({uid:1000}'s)" */
#define CLAIMS_LINE_ROOM 64U   /* "; 3 are before it in line" */

/* ---------------------------------------------------------------------------------- who holds */

/* "job 9", or "job 9.3" when it has several tasks. */
static size_t claims_write_job(const struct engine *e, const struct resource_owner *owner,
                               char *text, size_t size)
{
        const struct job *job = job_table_find(&e->jobs, owner->job);
        const bool is_many = job && job_is_many(job);
        const int n =
                is_many ? snprintf(text, size, "job %" PRIu64 ".%" PRIu64, owner->job, owner->task)
                        : snprintf(text, size, "job %" PRIu64, owner->job);

        return (size_t)n;
}

static void claims_write_holder(const struct engine *e, const struct job *job,
                                const struct resource_wait *wait, char text[CLAIMS_HOLDER_ROOM])
{
        const struct resource_owner *holder = &wait->holder;
        const bool is_own = wait->holder_uid == job->user->uid;
        size_t at = 0;

        if (is_own && holder->job == job->id && !holder->pid) {
                snprintf(text, CLAIMS_HOLDER_ROOM, "its own task %" PRIu64, holder->task);
                return;
        }
        if (is_own && holder->pid)
                at = (size_t)snprintf(text, CLAIMS_HOLDER_ROOM, "process %" PRIu32 "%s",
                                      holder->pid, holder->job ? " in " : "");
        if (!is_own && (!holder->job || !e->options.jobs_are_public)) {
                snprintf(text, CLAIMS_HOLDER_ROOM, "a %s of {uid:%" PRIu32 "}'s",
                         holder->job ? "job" : "process", wait->holder_uid);
        } else if (holder->job) {
                at += claims_write_job(e, holder, text + at, CLAIMS_HOLDER_ROOM - at);
                snprintf(text + at, CLAIMS_HOLDER_ROOM - at, " ({uid:%" PRIu32 "}'s)",
                         wait->holder_uid);
        }
}

/* --------------------------------------------------------------------------------- how long */

/* When this task ends, in so many microseconds; 0: nobody knows. */
static uint64_t claims_guess_rest(const struct engine *e, const struct resource_owner *owner)
{
        const struct job *job =
                owner->job && !owner->pid ? job_table_find(&e->jobs, owner->job) : NULL;
        const struct task *task = job ? engine_find_task(job, owner->task) : NULL;
        const uint64_t now = clock_wall_usec();
        uint64_t age, usual, limit;

        if (!task || !task->start_wall_usec)
                return 0;
        age = now > task->start_wall_usec ? now - task->start_wall_usec : 0;
        usual = job->user->short_usec;
        limit = job->extra ? job->extra->time_limit_usec : 0;
        if (usual && age < usual)
                return usual - age;
        return limit > age ? limit - age : 0;
}

/* ------------------------------------------------------------------------------- the sentence */

static void claims_write_line(const struct resource_wait *wait, uint64_t count_max,
                              char text[CLAIMS_LINE_ROOM])
{
        text[0] = '\0';
        if (wait->before == count_max && wait->before > 0)
                snprintf(text, CLAIMS_LINE_ROOM, "; %" PRIu64 " or more are before it in line",
                         wait->before);
        else if (wait->before > 0)
                snprintf(text, CLAIMS_LINE_ROOM, "; %" PRIu64 " %s before it in line", wait->before,
                         wait->before > 1 ? "are" : "is");
}

/* Why it is not given: too few at all, locked, taken; nothing when it is kept for those before. */
static void claims_write_state(const struct engine *e, const struct job *job,
                               const struct resource_wait *wait, char *text, size_t size)
{
        char holder[CLAIMS_HOLDER_ROOM] = "", others[32] = "";

        text[0] = '\0';
        if (wait->is_free)
                return;
        if (wait->capacity == 0) {
                snprintf(text, size, ", of which there is nothing now");
        } else if (wait->mode == RESOURCE_UNITS && wait->count > wait->capacity) {
                snprintf(text, size, ", of which there %s only %" PRIu32,
                         wait->capacity > 1 ? "are" : "is", wait->capacity);
        } else if (wait->holders > 0) {
                claims_write_holder(e, job, wait, holder);
                if (wait->holders > 1)
                        snprintf(others, sizeof(others), " and %" PRIu32 " other%s",
                                 wait->holders - 1, wait->holders > 2 ? "s" : "");
                snprintf(text, size, ", %s by %s%s",
                         wait->mode == RESOURCE_UNITS ? "locked" : "held", holder, others);
        } else {
                snprintf(text, size, ": %" PRIu32 " of %" PRIu32 " %s taken", wait->used,
                         wait->capacity, wait->used > 1 ? "are" : "is");
        }
}

bool claims_describe(const struct engine *e, const struct job *job, uint64_t count_max, char *text,
                     size_t size, uint64_t *out_wait_usec)
{
        char name[CLAIMS_NAME_ROOM], state[CLAIMS_HOLDER_ROOM + 64], line[CLAIMS_LINE_ROOM];
        char what[48] = "lock";
        struct resource_wait wait;

        if (!job->is_parked || !resource_claim_look(job->extra->claim, count_max, &wait))
                return false;
        (void)text_escape_into(wait.name, strlen(wait.name), name, sizeof(name));
        if (wait.mode == RESOURCE_UNITS)
                snprintf(what, sizeof(what), "%" PRIu32 " of resource", wait.count);
        claims_write_state(e, job, &wait, state, sizeof(state));
        claims_write_line(&wait, count_max, line);
        snprintf(text, size, "waits for %s %s%s%s", what, name, state, line);
        if (wait.holders == 1 && wait.before == 0)
                *out_wait_usec = claims_guess_rest(e, &wait.holder);
        return true;
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What administrators do to queues: make, change, pause, drain, remove them; and what follows for
 * jobs: which queue a submission goes to, and where jobs go whose queue is removed.
 *
 * A queue is a row in the journal and a struct queue in memory; both change in one turn, so an
 * answer waits for the row. There is no event: history is about jobs, and who did what to a queue
 * stands in the log. The default queue has a row only once something was said of it.
 *
 * Ids are never used twice: finished jobs keep the id of their queue for ever. A queue goes only
 * when nothing of it runs, since what runs is counted in it until it ends (lanes.c).
 *
 * Who may do this was judged by the verb. Called by daemon/clients, submit.c and restore.c.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "common/log.h"

#include "daemon/jobs/engine_private.h"

#define QUEUES_NAMES_MAX 100 /* bytes of a sentence for the names that there are */

/* ------------------------------------------------------------------------------------- looking */

static void engine_queues_view(const struct queue *queue, struct engine_queue *out_queue)
{
        queue_fill_row(queue, &out_queue->row);
        out_queue->jobs_count = queue->jobs_count;
        out_queue->tasks_leased = queue->tasks_leased;
        out_queue->cores_leased = queue->cores_leased;
}

bool engine_queue_at(const struct engine *e, size_t index, struct engine_queue *out_queue)
{
        const struct queue *queue;

        TAILQ_FOREACH (queue, &e->queues.list, entry)
                if (index-- == 0) {
                        engine_queues_view(queue, out_queue);
                        return true;
                }
        return false;
}

/* "default, night, gpu": as many names as a sentence can hold. */
static void engine_queues_list_names(const struct engine *e, char out_text[QUEUES_NAMES_MAX])
{
        const struct queue *queue;
        size_t size = 0;

        TAILQ_FOREACH (queue, &e->queues.list, entry) {
                if (size + strlen(queue->name) + sizeof(", ...") > QUEUES_NAMES_MAX) {
                        (void)snprintf(out_text + size, QUEUES_NAMES_MAX - size, "...");
                        return;
                }
                size += (size_t)snprintf(out_text + size, QUEUES_NAMES_MAX - size, "%s%s",
                                         queue->name, TAILQ_NEXT(queue, entry) ? ", " : "");
        }
}

static struct queue *engine_queues_find_name(const struct engine *e, const char *name,
                                             struct reason *why)
{
        struct queue *queue = queues_find_name(&e->queues, name ? name : QUEUE_DEFAULT_NAME);
        char names[QUEUES_NAMES_MAX] = "";

        if (queue)
                return queue;
        engine_queues_list_names(e, names);
        (void)reason_set(why, ENGINE_E_UNKNOWN, "there is no queue \"%.32s\"; there are: %s", name,
                         names);
        return NULL;
}

bool engine_queue_find(const struct engine *e, const char *name, struct engine_queue *out_queue,
                       struct reason *why)
{
        const struct queue *queue = engine_queues_find_name(e, name, why);

        if (queue)
                engine_queues_view(queue, out_queue);
        return queue;
}

bool engine_queue_admits(const struct engine_queue *queue, uint32_t uid, uint32_t gid,
                         const gid_t *groups, size_t groups_count)
{
        return queues_admits(queue->row.users, uid, gid, groups, groups_count);
}

const char *engine_queue_name(const struct engine *e, uint32_t id)
{
        const struct queue *queue = queues_find(&e->queues, id);

        return queue ? queue->name : NULL;
}

const char *engine_job_queue(const struct job *job)
{
        return job->lane->queue->name;
}

uint32_t engine_job_queue_id(const struct job *job)
{
        return job->lane->queue->id;
}

/* ------------------------------------------------------------------------------------ changing */

static void engine_queues_post(struct engine *e, const struct queue *queue)
{
        struct journal_batch *batch = engine_batch(e);
        struct journal_queue row;

        queue_fill_row(queue, &row);
        e->sequence++; /* no event; but the answer waits for this transaction */
        if (batch)
                engine_note(e, journal_put_queue(batch, &row));
}

int engine_queue_add(struct engine *e, const struct journal_queue *row, struct reason *why)
{
        const struct queue *at;
        struct queue *queue;
        size_t count = 0;
        int r;

        if (queues_find_name(&e->queues, row->name))
                return reason_set(why, ENGINE_E_STATE, "there is a queue \"%s\" already",
                                  row->name);
        TAILQ_FOREACH (at, &e->queues.list, entry)
                count++;
        if (count == ENGINE_QUEUES_MAX)
                return reason_set(why, ENGINE_E_LIMIT, "there are %u queues already: remove one",
                                  ENGINE_QUEUES_MAX);
        r = queues_add(&e->queues, ++e->queues.last_id, row->name, (enum queue_policy)row->policy,
                       &queue);
        if (!r)
                r = queue_take_row(queue, row);
        engine_note(e, r);
        if (!r)
                engine_queues_post(e, queue);
        return e->fault ? PASS(e->fault) : 0;
}

/* Another order: all ready jobs leave, and find their places again, as a tree cannot hold two. */
static void engine_queues_set_policy(struct engine *e, struct queue *queue, uint8_t policy)
{
        struct lane *lane;
        struct job *job;

        TAILQ_FOREACH (lane, &queue->lanes, queue_entry)
                while ((job = lane_first(lane)))
                        lanes_take_out(e, job);
        queue->policy = policy;
        run_queue_update_queue(e, queue);
}

int engine_queue_set(struct engine *e, const struct journal_queue *row, struct reason *why)
{
        struct queue *queue = queues_find(&e->queues, row->id);
        bool has_other_cores;
        int r;

        if (!queue)
                return reason_set(why, ENGINE_E_UNKNOWN, "there is no such queue");
        has_other_cores = queue->width_cores != row->width_cores;
        if (queue->policy != row->policy)
                engine_queues_set_policy(e, queue, row->policy);
        r = queue_take_row(queue, row);
        engine_note(e, r);
        lanes_set_weight(queue);
        if (has_other_cores) /* a job may have become too wide for it, or no longer be */
                run_queue_update_queue(e, queue);
        lanes_update_queue(e, queue);
        engine_queues_post(e, queue);
        return e->fault ? PASS(e->fault) : 0;
}

/* ------------------------------------------------------------------------------------ removing */

static void engine_queues_move_job(struct engine *e, struct job *job, struct queue *to)
{
        lanes_set_queue(e, job, to);
        run_queue_update(e, job); /* it may have been too wide for the other one */
        job->last_sequence = e->sequence;
}

static void engine_queues_move_jobs(struct engine *e, const struct queue *from, struct queue *to)
{
        struct journal_batch *batch = engine_batch(e);
        struct user *user;
        struct job *job;

        if (batch)
                engine_note(e, journal_move_jobs(batch, from->id, to->id));
        for (user = e->users; user; user = user->hh.next)
                TAILQ_FOREACH (job, &user->jobs, user_entry)
                        if (job->lane->queue == from)
                                engine_queues_move_job(e, job, to);
}

/* Workers that run something of it: queue->tasks_leased, and those that lend (lending.c). */
static uint32_t engine_queues_count_leases(const struct engine *e, const struct queue *queue)
{
        const struct core_lease *lease;
        uint32_t count = 0;

        TAILQ_FOREACH (lease, &e->core_leases, entry)
                count += lease->lane->queue == queue;
        return count;
}

static int engine_queues_check_remove(const struct engine *e, const struct queue *queue,
                                      const struct queue *to, struct reason *why)
{
        const uint32_t leases_count = engine_queues_count_leases(e, queue);

        if (queue->id == QUEUE_DEFAULT_ID)
                return reason_set(why, ENGINE_E_STATE, "the default queue always exists");
        if (to == queue)
                return reason_set(why, ENGINE_E_STATE,
                                  "its jobs cannot be moved to the queue that is removed");
        if (leases_count > 0)
                return reason_set(why, ENGINE_E_STATE,
                                  "%u of its tasks run: pause or drain it and wait for them, or "
                                  "cancel them",
                                  leases_count);
        if (queue->jobs_count > 0 && !to)
                return reason_set(why, ENGINE_E_STATE,
                                  queue->jobs_count == 1
                                          ? "%" PRIu64 " job waits in it: move it (--move-to "
                                            "QUEUE) or cancel it"
                                          : "%" PRIu64 " jobs wait in it: move them (--move-to "
                                            "QUEUE) or cancel them",
                                  queue->jobs_count);
        return 0;
}

int engine_queue_remove(struct engine *e, const char *name, const char *move_to, struct reason *why)
{
        struct queue *queue = engine_queues_find_name(e, name, why);
        struct queue *to = NULL;
        struct journal_batch *batch;
        struct lane *lane;
        int r;

        if (!queue)
                return ENGINE_E_UNKNOWN;
        if (move_to) {
                to = engine_queues_find_name(e, move_to, why);
                if (!to)
                        return ENGINE_E_UNKNOWN;
        }
        r = engine_queues_check_remove(e, queue, to, why);
        if (r)
                return r;
        e->sequence++;
        batch = engine_batch(e);
        if (to && queue->jobs_count > 0)
                engine_queues_move_jobs(e, queue, to);
        if (batch)
                engine_note(e, journal_drop_queue(batch, queue->id));
        if (e->fault)
                return PASS(e->fault);
        while ((lane = TAILQ_FIRST(&queue->lanes)))
                lanes_free(lane);
        queues_remove(&e->queues, queue);
        return 0;
}

/* ----------------------------------------------------------------------- submissions, restoring */

int engine_queues_judge(const struct engine *e, const struct engine_submission *submission,
                        const struct engine_spec *spec, struct reason *why)
{
        const struct queue *queue = engine_queues_find_name(e, spec->queue, why);
        char names[QUEUES_NAMES_MAX] = "";

        if (!queue)
                return ENGINE_E_REFUSED;
        engine_queues_list_names(e, names);
        if (!submission->is_admin && !queues_admits(queue->users, submission->uid, submission->gid,
                                                    submission->groups, submission->groups_count))
                return reason_set(why, ENGINE_E_REFUSED,
                                  "you may not use the queue \"%s\"; there are: %s", queue->name,
                                  names);
        if (queue->is_draining)
                return reason_set(why, ENGINE_E_STATE,
                                  "the queue \"%s\" takes no more jobs; there are: %s", queue->name,
                                  names);
        return 0;
}

int engine_queues_restore(void *arg, const struct journal_queue *row)
{
        struct engine *e = arg;
        struct queue *queue = queues_find(&e->queues, row->id);
        int r = 0;

        if (!row->name || row->policy > QUEUE_PRIORITY || row->weight == 0 ||
            row->weight > FAIR_WEIGHT_MAX || (row->users && !queues_is_user_list(row->users))) {
                log_error("the store holds a queue row that cannot be: %u", row->id);
                return FAULT(-EBADMSG);
        }
        if (!queue)
                r = queues_add(&e->queues, row->id, row->name, (enum queue_policy)row->policy,
                               &queue);
        if (!r)
                r = queue_take_row(queue, row);
        return r ? PASS(r) : 0;
}

struct queue *engine_queues_find(struct engine *e, uint32_t id, uint64_t job)
{
        struct queue *queue = queues_find(&e->queues, id);

        if (queue)
                return queue;
        log_warning("job %" PRIu64 " is of a queue that is gone; it goes to the default one", job);
        return queues_default(&e->queues);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* Queues of the fake engine: real ones (daemon/jobs/queues.c), of which jobs know only their id. */
#include <check.h>

#include "fake_engine.h"

static void fake_view_queue(const struct engine *e, const struct queue *queue,
                            struct engine_queue *out_queue)
{
        *out_queue = (struct engine_queue){ 0 };
        queue_fill_row(queue, &out_queue->row);
        for (size_t i = 0; i < e->jobs_count; i++)
                out_queue->jobs_count += e->jobs[i]->is_open && e->jobs[i]->row.queue == queue->id;
}

bool engine_queue_at(const struct engine *e, size_t index, struct engine_queue *out_queue)
{
        const struct queue *queue;

        TAILQ_FOREACH (queue, &e->queues.list, entry)
                if (index-- == 0) {
                        fake_view_queue(e, queue, out_queue);
                        return true;
                }
        return false;
}

bool engine_queue_find(const struct engine *e, const char *name, struct engine_queue *out_queue,
                       struct reason *why)
{
        const struct queue *queue = queues_find_name(&e->queues, name ? name : "default");

        if (queue)
                fake_view_queue(e, queue, out_queue);
        else
                (void)reason_set(why, ENGINE_E_UNKNOWN, "there is no queue \"%s\"", name);
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
        return job->row.queue ? "named" : "default";
}

uint32_t engine_job_queue_id(const struct job *job)
{
        return job->row.queue;
}

int engine_queue_add(struct engine *e, const struct journal_queue *row, struct reason *why)
{
        struct queue *queue;

        if (queues_find_name(&e->queues, row->name))
                return reason_set(why, ENGINE_E_STATE, "there is one already");
        ck_assert_int_eq(queues_add(&e->queues, ++e->queues.last_id, row->name,
                                    (enum queue_policy)row->policy, &queue),
                         0);
        ck_assert_int_eq(queue_take_row(queue, row), 0);
        e->sequence++;
        return 0;
}

int engine_queue_set(struct engine *e, const struct journal_queue *row, struct reason *why)
{
        (void)why;
        ck_assert_int_eq(queue_take_row(queues_find(&e->queues, row->id), row), 0);
        e->sequence++;
        return 0;
}

int engine_queue_remove(struct engine *e, const char *name, const char *move_to, struct reason *why)
{
        struct queue *queue = queues_find_name(&e->queues, name);

        if (!queue)
                return reason_set(why, ENGINE_E_UNKNOWN, "there is no queue \"%s\"", name);
        if (!move_to)
                return reason_set(why, ENGINE_E_STATE, "jobs wait in it");
        queues_remove(&e->queues, queue);
        e->sequence++;
        return 0;
}

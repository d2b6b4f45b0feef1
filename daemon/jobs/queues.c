/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The queues there are. A queue says in which order a user's jobs in it start (policy), how many
 * workers and cores they may have at once, all users together (width), and how a user's own
 * queues share what he gets (weight). Between users a queue decides nothing: that is fair.c's.
 *
 * A few dozen of them at most, so they stand in a list. Settings are changed by engine_queues.c and
 * restored from the journal; lanes.c counts what is leased. Pure, but for memory.
 */
#include "daemon/jobs/queues.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "common/cleanup.h"

#include "daemon/jobs/fair.h"

static void queue_free(struct queue *queue)
{
        free(queue->name);
        free(queue->users);
        free(queue);
}

int queues_init(struct queues *queues)
{
        struct queue *queue;
        int r;

        TAILQ_INIT(&queues->list);
        r = queues_add(queues, QUEUE_DEFAULT_ID, QUEUE_DEFAULT_NAME, QUEUE_PRIORITY, &queue);
        return r ? PASS(r) : 0;
}

void queues_deinit(struct queues *queues)
{
        struct queue *queue;

        while ((queue = TAILQ_FIRST(&queues->list)))
                queues_remove(queues, queue);
}

int queues_add(struct queues *queues, uint32_t id, const char *name, enum queue_policy policy,
               struct queue **out_queue)
{
        struct queue *queue = calloc(1, sizeof(*queue));
        struct queue *before = TAILQ_LAST(&queues->list, queue_list);

        if (!queue)
                return FAULT(-ENOMEM);
        queue->name = strdup(name);
        if (!queue->name) {
                queue_free(queue);
                return FAULT(-ENOMEM);
        }
        queue->id = id;
        queue->policy = (uint8_t)policy;
        queue->weight = FAIR_WEIGHT_DEFAULT;
        TAILQ_INIT(&queue->lanes);
        while (before && before->id > id)
                before = TAILQ_PREV(before, queue_list, entry);
        if (before)
                TAILQ_INSERT_AFTER(&queues->list, before, queue, entry);
        else
                TAILQ_INSERT_HEAD(&queues->list, queue, entry);
        *out_queue = queue;
        return 0;
}

void queues_remove(struct queues *queues, struct queue *queue)
{
        TAILQ_REMOVE(&queues->list, queue, entry);
        queue_free(queue);
}

struct queue *queues_default(const struct queues *queues)
{
        return TAILQ_FIRST(&queues->list);
}

struct queue *queues_find(const struct queues *queues, uint32_t id)
{
        struct queue *queue;

        TAILQ_FOREACH (queue, &queues->list, entry)
                if (queue->id == id)
                        return queue;
        return NULL;
}

struct queue *queues_find_name(const struct queues *queues, const char *name)
{
        struct queue *queue;

        TAILQ_FOREACH (queue, &queues->list, entry)
                if (strcmp(queue->name, name) == 0)
                        return queue;
        return NULL;
}

/* The next word of a list; NULL at its end or where it is none. */
static const char *queues_next_user(const char *at, bool *out_is_group, uint64_t *out_number)
{
        *out_is_group = *at == '@';
        at += *out_is_group;
        if (*at < '0' || *at > '9')
                return NULL;
        for (*out_number = 0; *at >= '0' && *at <= '9'; at++) {
                *out_number = *out_number * 10 + (uint64_t)(*at - '0');
                if (*out_number >= UINT32_MAX)
                        return NULL;
        }
        if (*at == ',' && at[1])
                return at + 1;
        return *at ? NULL : at;
}

bool queues_is_user_list(const char *users)
{
        uint64_t number;
        bool is_group;

        while (users && *users)
                users = queues_next_user(users, &is_group, &number);
        return users;
}

static bool queues_is_member(uint64_t gid, uint32_t own_gid, const gid_t *groups, size_t count)
{
        if (gid == own_gid)
                return true;
        for (size_t i = 0; i < count; i++)
                if (gid == groups[i])
                        return true;
        return false;
}

bool queues_admits(const char *users, uint32_t uid, uint32_t gid, const gid_t *groups,
                   size_t groups_count)
{
        uint64_t number;
        bool is_group;

        if (!users)
                return true;
        while (users && *users) {
                users = queues_next_user(users, &is_group, &number);
                if (!users)
                        return false;
                if (is_group ? queues_is_member(number, gid, groups, groups_count) : number == uid)
                        return true;
        }
        return false;
}

bool queue_is_open(const struct queue *queue)
{
        return !queue->is_paused &&
               (!queue->width_tasks || queue->tasks_leased < queue->width_tasks) &&
               (!queue->width_cores || queue->cores_leased < queue->width_cores);
}

bool queue_has_cores(const struct queue *queue, uint32_t cores)
{
        return !queue->width_cores || queue->cores_leased + cores <= queue->width_cores;
}

void queue_fill_row(const struct queue *queue, struct journal_queue *out_row)
{
        *out_row = (struct journal_queue){
                .id = queue->id,
                .name = queue->name,
                .policy = queue->policy,
                .width_tasks = queue->width_tasks,
                .width_cores = queue->width_cores,
                .time_limit_usec = queue->time_limit_usec,
                .memory_bytes = queue->memory_bytes,
                .cpus = queue->cpus,
                .priority = queue->priority,
                .weight = queue->weight,
                .is_paused = queue->is_paused,
                .is_draining = queue->is_draining,
                .owner_uid = queue->owner_uid,
                .users = queue->users,
        };
}

int queue_take_row(struct queue *queue, const struct journal_queue *row)
{
        char *users = row->users ? strdup(row->users) : NULL;

        if (row->users && !users)
                return FAULT(-ENOMEM);
        free(queue->users);
        queue->users = users;
        queue->policy = row->policy;
        queue->width_tasks = row->width_tasks;
        queue->width_cores = row->width_cores;
        queue->time_limit_usec = row->time_limit_usec;
        queue->memory_bytes = row->memory_bytes;
        queue->cpus = row->cpus;
        queue->priority = row->priority;
        queue->weight = row->weight;
        queue->is_paused = row->is_paused;
        queue->is_draining = row->is_draining;
        queue->owner_uid = row->owner_uid;
        return 0;
}

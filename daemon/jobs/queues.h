/* SPDX-License-Identifier: Apache-2.0 */
/* Queues in memory: what order and what width jobs of one queue have. */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "common/error.h"
#include "common/list.h"

#include "daemon/journal/journal.h"

#define QUEUE_DEFAULT_ID 0U
#define QUEUE_DEFAULT_NAME "default"

enum queue_policy { /* stored */
        QUEUE_FIFO,
        QUEUE_LIFO,
        QUEUE_PRIORITY,
};

struct lane;
TAILQ_HEAD(queue_lanes, lane);

struct queue {
        TAILQ_ENTRY(queue) entry; /* in the book, by id */
        uint32_t id;
        char *name;           /* owned */
        uint8_t policy;       /* enum queue_policy */
        uint32_t width_tasks; /* workers that may run its tasks at once; 0: no limit */
        uint32_t width_cores; /* cores that they may have; 0: no limit */
        uint32_t weight;      /* among the queues of one user: fair.h */
        bool is_paused;       /* starts nothing */
        bool is_draining;     /* takes no more jobs */
        /* For jobs that do not say; 0: nothing is filled in. */
        uint64_t time_limit_usec, memory_bytes;
        uint32_t cpus;
        int32_t priority;
        uint32_t owner_uid; /* who made it */
        char *users;  /* owned: who may use it, as queues_admits() reads it; NULL: everybody */
        bool is_kept; /* for a wide job of it, within one DECIDE (scheduler.c) */
        uint32_t tasks_leased, cores_leased;
        uint64_t jobs_count;   /* unfinished ones in it */
        uint64_t queued_tasks; /* of these */
        struct queue_lanes lanes;
};
TAILQ_HEAD(queue_list, queue);

/* All queues; the default one is always there, first. */
struct queues {
        struct queue_list list; /* owned, by id */
        uint32_t last_id;       /* the newest that was ever given */
};

_must_use_ int queues_init(struct queues *queues);
void queues_deinit(struct queues *queues);
/* A queue with no limits; id and name are new. 0 or -ENOMEM. */
_must_use_ int queues_add(struct queues *queues, uint32_t id, const char *name,
                          enum queue_policy policy, struct queue **out_queue);
/* It has no jobs and no lanes. */
void queues_remove(struct queues *queues, struct queue *queue);
struct queue *queues_default(const struct queues *queues);
/* NULL: there is none. */
struct queue *queues_find(const struct queues *queues, uint32_t id);
struct queue *queues_find_name(const struct queues *queues, const char *name);
/*
 * Does `users` ("1000,@100": uids, and gids behind an @) admit this user? NULL admits everybody.
 * groups: the supplementary ones.
 */
bool queues_admits(const char *users, uint32_t uid, uint32_t gid, const gid_t *groups,
                   size_t groups_count);
/* Is it such a list, or empty? */
bool queues_is_user_list(const char *users);
/* May one more worker begin a task of it? */
bool queue_is_open(const struct queue *queue);
/* And may it have so many cores? */
bool queue_has_cores(const struct queue *queue, uint32_t cores);
/* The row of its settings; name and users are borrowed from the queue. */
void queue_fill_row(const struct queue *queue, struct journal_queue *out_row);
/* The settings become what the row says, all but id and name. 0, or a fault: nothing has changed.
 */
_must_use_ int queue_take_row(struct queue *queue, const struct journal_queue *row);

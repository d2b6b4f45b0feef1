/* SPDX-License-Identifier: Apache-2.0 */
/*
 * queue: the named queues; listing them is for everybody, the rest for administrators (verbs.c).
 *
 * Every change names one queue, is judged here word by word, posted by the engine, and answered
 * with the queue as it is then, behind the barrier of its row. jobd resolves no names: who may use
 * a queue is told in numbers. Each change is a line in the log, with who made it.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "common/error.h"

#include "daemon/clients/verb.h"
#include "daemon/jobs/fair.h"
#include "daemon/jobs/queues.h"

#define QUEUE_REPLY_MAX 256U
#define QUEUE_NAME_MAX 64U
#define QUEUE_USERS_MAX 4000U

struct queue_reply {
        Jobd__Queue queues[QUEUE_REPLY_MAX];
        Jobd__QueueSettings settings[QUEUE_REPLY_MAX];
        Jobd__Queue *pointers[QUEUE_REPLY_MAX];
};

/* ----------------------------------------------------------------------------------- the answer */

static char *queue_text(const char *text)
{
        /* protobuf-c wants it writable and never writes. */
        return (char *)(uintptr_t)text;
}

static void queue_fill_settings(Jobd__QueueSettings *settings, const struct journal_queue *row)
{
        jobd__queue_settings__init(settings);
        settings->has_policy = settings->has_width_tasks = settings->has_width_cores = true;
        settings->has_weight = settings->has_time_limit_usec = settings->has_memory_bytes = true;
        settings->has_cpus = settings->has_priority = true;
        settings->policy = (Jobd__QueuePolicy)(row->policy + JOBD__QUEUE_POLICY__POLICY_FIFO);
        settings->width_tasks = row->width_tasks;
        settings->width_cores = row->width_cores;
        settings->weight = row->weight;
        settings->time_limit_usec = row->time_limit_usec;
        settings->memory_bytes = row->memory_bytes;
        settings->cpus = row->cpus;
        settings->priority = row->priority;
        settings->users = queue_text(row->users ? row->users : "");
}

static void queue_fill(const struct session *session, Jobd__Queue *queue,
                       Jobd__QueueSettings *settings, const struct engine_queue *from)
{
        queue_fill_settings(settings, &from->row);
        jobd__queue__init(queue);
        queue->name = queue_text(from->row.name);
        queue->settings = settings;
        queue->paused = from->row.is_paused;
        queue->draining = from->row.is_draining;
        queue->jobs = from->jobs_count;
        queue->running = from->tasks_leased;
        queue->cores = from->cores_leased;
        queue->owner_uid = from->row.owner_uid;
        queue->may_use = session->is_admin ||
                         engine_queue_admits(from, session->peer.uid, session->peer.gid,
                                             session->peer.groups, session->peer.groups_count);
}

static void queue_send(struct session *session, uint64_t tag, struct queue_reply *reply,
                       size_t count)
{
        Jobd__Reply envelope = JOBD__REPLY__INIT;
        Jobd__QueueReply body = JOBD__QUEUE_REPLY__INIT;

        body.queues = reply->pointers;
        body.n_queues = count;
        envelope.body_case = JOBD__REPLY__BODY_QUEUE;
        envelope.queue = &body;
        session_send(session, tag, &envelope, engine_sequence(session->clients->engine), -1);
}

/* The queue of that name, NULL: all; none when it is gone. */
static int queue_answer(struct session *session, uint64_t tag, const char *name)
{
        const struct engine *engine = session->clients->engine;
        _cleanup_(freep) struct queue_reply *reply = calloc(1, sizeof(*reply));
        struct engine_queue queue;
        size_t count = 0;

        if (!reply)
                return FAULT(-ENOMEM);
        for (size_t i = 0; count < QUEUE_REPLY_MAX && engine_queue_at(engine, i, &queue); i++) {
                if (name && strcmp(queue.row.name, name) != 0)
                        continue;
                queue_fill(session, &reply->queues[count], &reply->settings[count], &queue);
                reply->pointers[count] = &reply->queues[count];
                count++;
        }
        queue_send(session, tag, reply, count);
        return 0;
}

/* The jobd.ErrorCode of what the engine says of a queue. */
static int queue_code_of(int r)
{
        return r == ENGINE_E_UNKNOWN ? JOBD__ERROR_CODE__ERROR_USAGE : (int)answer_code_of(r);
}

/* ------------------------------------------------------------------------------------- judging */

static int queue_check_name(const char *name, struct reason *why)
{
        static const char letters[] =
                "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.-";
        const size_t size = strlen(name);

        if (size > 0 && size <= QUEUE_NAME_MAX && strspn(name, letters) == size &&
            !strchr(".-", name[0]))
                return 0;
        return reason_set(why, JOBD__ERROR_CODE__ERROR_USAGE,
                          "a queue's name has 1 to %u letters, digits, and behind the first also "
                          ". and -",
                          QUEUE_NAME_MAX);
}

/* What the settings say goes into `row`. */
static int queue_apply(const Jobd__QueueSettings *settings, struct journal_queue *row,
                       struct reason *why)
{
        if (!settings)
                return 0;
        if (settings->has_policy)
                row->policy = (uint8_t)(settings->policy - JOBD__QUEUE_POLICY__POLICY_FIFO);
        if (settings->has_width_tasks)
                row->width_tasks = settings->width_tasks;
        if (settings->has_width_cores)
                row->width_cores = settings->width_cores;
        if (settings->has_weight)
                row->weight = settings->weight;
        if (settings->has_time_limit_usec)
                row->time_limit_usec = settings->time_limit_usec;
        if (settings->has_memory_bytes)
                row->memory_bytes = settings->memory_bytes;
        if (settings->has_cpus)
                row->cpus = settings->cpus;
        if (settings->has_priority)
                row->priority = settings->priority;
        if (settings->users &&
            (strlen(settings->users) > QUEUE_USERS_MAX || !queues_is_user_list(settings->users)))
                return reason_set(
                        why, JOBD__ERROR_CODE__ERROR_USAGE,
                        "who may use a queue is told as uids and @gids, \"1000,@100\", in "
                        "at most %u bytes",
                        QUEUE_USERS_MAX);
        if (settings->users)
                row->users = settings->users[0] ? settings->users : NULL;
        return 0;
}

/* ------------------------------------------------------------------------------------- changing */

static int queue_add(struct session *from, const Jobd__QueueOp *op, struct reason *why)
{
        struct journal_queue row = {
                .name = op->name,
                .policy = QUEUE_PRIORITY,
                .weight = FAIR_WEIGHT_DEFAULT,
                .owner_uid = from->peer.uid,
        };
        int r;

        r = queue_check_name(op->name, why);
        if (!r)
                r = queue_apply(op->settings, &row, why);
        if (r)
                return r;
        r = engine_queue_add(from->clients->engine, &row, why);
        return r > 0 ? queue_code_of(r) : r;
}

/* SET, PAUSE, RESUME, DRAIN. */
static int queue_set(struct session *from, const Jobd__QueueOp *op, struct reason *why)
{
        struct engine *engine = from->clients->engine;
        struct engine_queue queue;
        int r;

        if (!engine_queue_find(engine, op->name, &queue, why))
                return JOBD__ERROR_CODE__ERROR_USAGE;
        if (op->action == JOBD__QUEUE_ACTION__QUEUE_PAUSE)
                queue.row.is_paused = true;
        if (op->action == JOBD__QUEUE_ACTION__QUEUE_DRAIN)
                queue.row.is_draining = true;
        if (op->action == JOBD__QUEUE_ACTION__QUEUE_RESUME)
                queue.row.is_paused = queue.row.is_draining = false;
        if (op->action == JOBD__QUEUE_ACTION__QUEUE_SET) {
                r = queue_apply(op->settings, &queue.row, why);
                if (r)
                        return r;
        }
        r = engine_queue_set(engine, &queue.row, why);
        return r > 0 ? queue_code_of(r) : r;
}

static int queue_remove(struct session *from, const Jobd__QueueOp *op, struct reason *why)
{
        const int r = engine_queue_remove(from->clients->engine, op->name, op->move_to, why);

        return r > 0 ? queue_code_of(r) : r;
}

static int queue_list(struct session *from, const Jobd__QueueOp *op, struct reason *why)
{
        struct engine_queue queue;

        if (op->name && !engine_queue_find(from->clients->engine, op->name, &queue, why))
                return JOBD__ERROR_CODE__ERROR_USAGE;
        return 0;
}

typedef int (*queue_fn)(struct session *from, const Jobd__QueueOp *op, struct reason *why);

/* clang-format off */
static const queue_fn queue_actions[] = {
        [JOBD__QUEUE_ACTION__QUEUE_ADD] =    queue_add,
        [JOBD__QUEUE_ACTION__QUEUE_SET] =    queue_set,
        [JOBD__QUEUE_ACTION__QUEUE_LIST] =   queue_list,
        [JOBD__QUEUE_ACTION__QUEUE_PAUSE] =  queue_set,
        [JOBD__QUEUE_ACTION__QUEUE_RESUME] = queue_set,
        [JOBD__QUEUE_ACTION__QUEUE_DRAIN] =  queue_set,
        [JOBD__QUEUE_ACTION__QUEUE_REMOVE] = queue_remove,
};
/* clang-format on */

int verb_queue(struct session *from, const Jobd__Request *request, struct job *job,
               struct reason *why)
{
        const Jobd__QueueOp *op = request->queue;
        const size_t i = (size_t)op->action;
        int r;

        (void)job;
        if (i >= ARRAY_SIZE(queue_actions) || !queue_actions[i])
                return reason_set(why, JOBD__ERROR_CODE__ERROR_USAGE,
                                  "unknown action %zu on a queue", i);
        if (op->action != JOBD__QUEUE_ACTION__QUEUE_LIST && !op->name)
                return reason_set(why, JOBD__ERROR_CODE__ERROR_USAGE, "the queue has no name");
        r = queue_actions[i](from, op, why);
        if (r)
                return r < 0 ? PASS(r) : r;
        r = queue_answer(from, request->tag, op->name);
        return r ? PASS(r) : 0;
}

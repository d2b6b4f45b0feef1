/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Queues: what is asked of one, and the words for their policies. A change that was sent and not
 * answered before the connection broke may have happened; it is asked again then, and an `add` that
 * had been taken answers that there is such a queue.
 */
#include <string.h>

#include "common/cleanup.h"

#include "client/lib/ask.h"

static const char *const queue_policies[] = {
        [JOBCTL_POLICY_FIFO] = "fifo",
        [JOBCTL_POLICY_LIFO] = "lifo",
        [JOBCTL_POLICY_PRIORITY] = "priority",
};

const char *jobctl_policy_name(unsigned int policy)
{
        return policy > JOBCTL_POLICY_NONE && policy < ARRAY_SIZE(queue_policies)
                       ? queue_policies[policy]
                       : "unknown";
}

enum jobctl_queue_policy jobctl_policy_from_name(const char *name)
{
        for (size_t i = JOBCTL_POLICY_FIFO; i < ARRAY_SIZE(queue_policies); i++)
                if (strcmp(queue_policies[i], name) == 0)
                        return (enum jobctl_queue_policy)i;
        return JOBCTL_POLICY_NONE;
}

static char *queue_text(const char *text)
{
        /* protobuf-c wants it writable and never writes. */
        return (char *)(uintptr_t)text;
}

static void queue_fill(const struct jobctl_queue_options *options, Jobd__QueueSettings *settings)
{
        settings->has_policy = options->policy != JOBCTL_POLICY_NONE;
        settings->policy = (Jobd__QueuePolicy)options->policy;
        settings->has_width_tasks = options->width_tasks != NULL;
        settings->width_tasks = options->width_tasks ? *options->width_tasks : 0;
        settings->has_width_cores = options->width_cores != NULL;
        settings->width_cores = options->width_cores ? *options->width_cores : 0;
        settings->has_weight = options->weight != NULL;
        settings->weight = options->weight ? *options->weight : 0;
        settings->has_cpus = options->cpus != NULL;
        settings->cpus = options->cpus ? *options->cpus : 0;
        settings->has_time_limit_usec = options->time_limit_usec != NULL;
        settings->time_limit_usec = options->time_limit_usec ? *options->time_limit_usec : 0;
        settings->has_memory_bytes = options->memory_bytes != NULL;
        settings->memory_bytes = options->memory_bytes ? *options->memory_bytes : 0;
        settings->has_priority = options->priority != NULL;
        settings->priority = options->priority ? *options->priority : 0;
        settings->users = queue_text(options->users);
}

int jobctl_queue(struct jobctl *conn, const struct jobctl_queue_options *options,
                 struct jobctl_result **out_result)
{
        Jobd__QueueSettings settings = JOBD__QUEUE_SETTINGS__INIT;
        Jobd__Request request = JOBD__REQUEST__INIT;
        Jobd__QueueOp op = JOBD__QUEUE_OP__INIT;

        queue_fill(options, &settings);
        op.action = (Jobd__QueueAction)options->action;
        op.name = queue_text(options->name);
        op.move_to = queue_text(options->move_to);
        if (options->action == JOBCTL_QUEUE_ADD || options->action == JOBCTL_QUEUE_SET)
                op.settings = &settings;
        request.body_case = JOBD__REQUEST__BODY_QUEUE;
        request.queue = &op;
        return ask_wait(conn, &request, ASK_AGAIN, out_result);
}

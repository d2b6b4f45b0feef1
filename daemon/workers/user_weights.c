/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Users' shares of the processors, as the pool is to set them in its control groups. What the
 * engine says is kept here, sorted by uid, so that only news travel and a pool that connects later
 * (started anew, or jobd was) hears all of it. A pool of an older build does not know the order
 * and would take it for a breach: it hears it after it has run our build.
 *
 * One entry for each user who ever ran a job since the start of jobd; nothing is forgotten, since
 * the pool's groups stay as well. Called by the engine and by worker_link.c.
 */
#include <string.h>

#include "common/log.h"

#include "proto/wire.h"

#include "daemon/workers/workers_private.h"

static void user_weights_tell(struct workers *workers, const struct workers_weight *entry)
{
        Jobd__Work__UserWeight body = JOBD__WORK__USER_WEIGHT__INIT;
        Jobd__Work__Order order = JOBD__WORK__ORDER__INIT;

        if (!workers->pool || worker_link_is_other(workers->pool))
                return;
        order.body_case = JOBD__WORK__ORDER__BODY_USER_WEIGHT;
        order.user_weight = &body;
        body.uid = entry->uid;
        body.weight = entry->weight;
        worker_link_send(workers->pool, &order, 0);
}

/* Where `uid` stands, or would stand. */
static size_t user_weights_find(const struct workers *workers, uint32_t uid)
{
        size_t low = 0, high = workers->weights_count;

        while (low < high) {
                const size_t middle = low + (high - low) / 2;

                if (workers->weights[middle].uid < uid)
                        low = middle + 1;
                else
                        high = middle;
        }
        return low;
}

static bool user_weights_insert(struct workers *workers, size_t at, uint32_t uid)
{
        if (workers->weights_count == workers->weights_room) {
                const size_t room = MAX(16, workers->weights_room * 2);
                void *bigger = reallocarray(workers->weights, room, sizeof(*workers->weights));

                if (!bigger)
                        return false;
                workers->weights = bigger;
                workers->weights_room = room;
        }
        memmove(workers->weights + at + 1, workers->weights + at,
                (workers->weights_count - at) * sizeof(*workers->weights));
        workers->weights[at] = (struct workers_weight){ .uid = uid };
        workers->weights_count++;
        return true;
}

void workers_set_user_weight(struct workers *workers, uint32_t uid, uint32_t weight)
{
        const size_t at = user_weights_find(workers, uid);
        const uint32_t clamped = MIN(MAX(weight, 1U), WIRE_WEIGHT_MAX);

        if (at == workers->weights_count || workers->weights[at].uid != uid) {
                if (!user_weights_insert(workers, at, uid)) {
                        /* The kernel's default holds for this user until the next call. */
                        log_debug("no memory for the weight of uid %u", uid);
                        return;
                }
        }
        if (workers->weights[at].weight == clamped)
                return;
        workers->weights[at].weight = clamped;
        user_weights_tell(workers, &workers->weights[at]);
}

void user_weights_tell_all(struct workers *workers)
{
        for (size_t i = 0; i < workers->weights_count; i++)
                user_weights_tell(workers, &workers->weights[i]);
}

void user_weights_deinit(struct workers *workers)
{
        free(workers->weights);
        workers->weights = NULL;
        workers->weights_count = workers->weights_room = 0;
}

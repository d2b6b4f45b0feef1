/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A worker shows a task's output once, to jobd, however many clients follow it; the engine's switch
 * is only on or off. This counts the followers of each task: anybody may turn the switch on (and
 * gets everything again from the beginning), only the last one turns it off. Likewise the job's
 * stdin ends with the last client that sends it. Used by follow.c.
 */
#include "daemon/clients/share.h"

#include <errno.h>

#include "common/error.h"

struct share_key {
        uint64_t job, task;
};

struct share {
        UT_hash_handle hh;
        struct share_key key;
        uint32_t count;
        uint32_t feeders_count; /* of them, those that send stdin */
};

static struct share *share_find(const struct clients *clients, const struct share_key *key)
{
        struct share *share;

        HASH_FIND(hh, clients->shares, key, sizeof(*key), share);
        return share;
}

int share_enter(struct clients *clients, uint64_t job, uint64_t task, bool is_feeder)
{
        const struct share_key key = { .job = job, .task = task };
        struct share *share = share_find(clients, &key);

        if (!share) {
                share = calloc(1, sizeof(*share));
                if (!share)
                        return FAULT(-ENOMEM);
                share->key = key;
                HASH_ADD(hh, clients->shares, key, sizeof(share->key), share);
                if (!share->hh.tbl) {
                        free(share);
                        return FAULT(-ENOMEM);
                }
        }
        share->count++;
        share->feeders_count += is_feeder;
        return 0;
}

bool share_end_feeding(struct clients *clients, uint64_t job, uint64_t task)
{
        const struct share_key key = { .job = job, .task = task };
        struct share *share = share_find(clients, &key);

        return share && share->feeders_count > 0 && --share->feeders_count == 0;
}

bool share_is_fed(const struct clients *clients, uint64_t job, uint64_t task)
{
        const struct share_key key = { .job = job, .task = task };
        const struct share *share = share_find(clients, &key);

        return share && share->feeders_count > 0;
}

void share_leave(struct clients *clients, uint64_t job_id, uint64_t task)
{
        const struct share_key key = { .job = job_id, .task = task };
        struct share *share = share_find(clients, &key);
        struct job *job;

        if (!share || --share->count > 0)
                return;
        HASH_DEL(clients->shares, share);
        free(share);
        job = engine_find(clients->engine, job_id);
        if (job)
                engine_follow(clients->engine, job, task, false);
}

void share_clear(struct clients *clients)
{
        struct share *share, *next;

        HASH_ITER (hh, clients->shares, share, next) {
                HASH_DEL(clients->shares, share);
                free(share);
        }
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A job of `jobctl run` waits for input from its client. When the client dies before it follows the
 * job, while the job is queued, or between two attempts, nobody is left who could end that input,
 * and the job would hold its worker for ever. So the task is remembered here: each attempt that
 * starts gets an end of file, until a client feeds it again or it has ended. jobd's own end is not
 * a client's: what is remembered goes with it, and clients come back by themselves.
 *
 * Bounded: beyond ORPHANS_MAX nothing more is remembered. Called by
 * follow.c and session.c.
 */
#include "daemon/clients/orphan.h"

#include <errno.h>

#include "common/error.h"

#include "daemon/clients/share.h"
#include "daemon/jobs/watch.h"

#define ORPHANS_MAX 10000U

struct orphan_key {
        uint64_t job, task;
};

struct orphan {
        UT_hash_handle hh;
        struct orphan_key key;
        struct clients *clients; /* borrowed: owns us */
        struct watch *watch;     /* owned */
};

static struct orphan *orphan_find(const struct clients *clients, uint64_t job, uint64_t task)
{
        const struct orphan_key key = { .job = job, .task = task };
        struct orphan *orphan;

        HASH_FIND(hh, clients->orphans, &key, sizeof(key), orphan);
        return orphan;
}

static void orphan_free(struct orphan *orphan)
{
        HASH_DEL(orphan->clients->orphans, orphan);
        watch_free(orphan->watch);
        free(orphan);
}

static void orphan_on_news(void *arg, const struct watch_news *news)
{
        struct orphan *orphan = arg;
        struct engine *engine = orphan->clients->engine;
        struct job *job = engine_find(engine, news->job);
        const bool is_ours = news->task == orphan->key.task;

        if (is_ours && news->event == JOB_EV_STARTED && job)
                engine_stdin(engine, job, news->task, 0, NULL, 0, true);
        if (news->job_finished || (is_ours && job_state_is_finished(news->state)))
                orphan_free(orphan);
}

static const struct watch_ops orphan_watch_ops = {
        .on_news = orphan_on_news,
};

/* What it has taken is as far as anybody has sent. */
static void orphan_end_input(struct clients *clients, struct job *job, uint64_t task)
{
        struct engine_task_view view;

        if (engine_view_task(clients->engine, job, task, &view) &&
            job_state_is_leased(view.state) && view.attached)
                engine_stdin(clients->engine, job, task, view.stdin_taken, NULL, 0, true);
}

int orphan_add(struct clients *clients, uint64_t job_id, uint64_t task, bool end_now)
{
        struct job *job = engine_find(clients->engine, job_id);
        struct orphan *orphan;
        int r;

        if (!job || share_is_fed(clients, job_id, task))
                return 0;
        if (end_now)
                orphan_end_input(clients, job, task);
        if (orphan_find(clients, job_id, task) || HASH_COUNT(clients->orphans) >= ORPHANS_MAX)
                return 0;
        orphan = calloc(1, sizeof(*orphan));
        if (!orphan)
                return FAULT(-ENOMEM);
        orphan->key.job = job_id;
        orphan->key.task = task;
        orphan->clients = clients;
        HASH_ADD(hh, clients->orphans, key, sizeof(orphan->key), orphan);
        if (!orphan->hh.tbl) {
                free(orphan);
                return FAULT(-ENOMEM);
        }
        r = watch_new(engine_watches(clients->engine), job_id, &orphan_watch_ops, orphan,
                      &orphan->watch);
        if (r)
                orphan_free(orphan);
        return r ? PASS(r) : 0;
}

void orphan_remove(struct clients *clients, uint64_t job, uint64_t task)
{
        struct orphan *orphan = orphan_find(clients, job, task);

        if (orphan)
                orphan_free(orphan);
}

void orphan_clear(struct clients *clients)
{
        struct orphan *orphan, *next;

        HASH_ITER (hh, clients->orphans, orphan, next)
                orphan_free(orphan);
}

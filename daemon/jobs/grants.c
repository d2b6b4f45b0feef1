/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Locks for processes. Whoever asks names the process that is to hold the lock (itself, or the
 * shell that started it); a pidfd watches it from then on, so that its end, whatever brings it
 * about, gives the lock back or the place in line. What is held is a row, written before the holder
 * is told; so after a restart of jobd the lock is held by the same process, if it is still there:
 * same boot, and the same start time where /proc shows it.
 *
 * Who waits is in memory only. A client that loses its connection asks again with the same token:
 * it is told when it holds the lock already, and cannot get it twice.
 *
 * A process inside a job waits in the name of that job, which is how circles are found. That it is
 * inside is its own word, but the job must be its user's and must run. After a restart the tasks
 * are restored before the grants, so that it holds then, too.
 *
 * Grants end in the middle of callbacks of their own watches, so they are freed at COMMIT. Called
 * by the verbs of daemon/clients, and by claims.c when a turn has come.
 */
#include "daemon/jobs/grants.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "common/log.h"
#include "common/process.h"

#include "daemon/jobs/engine_private.h"

#define GRANTS_MAX_PER_USER 1000U
#define GRANTS_MAX 4000U /* each costs a descriptor */

struct grant_key {
        uint32_t uid;
        uint8_t token[JOURNAL_TOKEN_BYTES];
};

struct grant {
        UT_hash_handle hh;               /* by key */
        STAILQ_ENTRY(grant) dying_entry; /* in engine->dying_grants */
        struct engine *engine;           /* borrowed: owns us */
        struct grant_key key;
        struct claimant claimant;
        struct resource_claim *claim;     /* owned */
        struct resource_holding *holding; /* owned; NULL: it waits */
        struct resource_owner owner;
        uint64_t start;
        char *name; /* owned */
        bool shared;
        int pid_fd; /* owned */
        struct loop_watch *watch;
        grant_fn done; /* while it waits for an answer */
        void *arg;
};

/* ---------------------------------------------------------------------------------- life time */

static void grant_free(struct grant *grant)
{
        resource_holding_free(grant->holding);
        resource_claim_free(grant->claim);
        loop_watch_free(grant->watch);
        fd_close(grant->pid_fd);
        free(grant->name);
        free(grant);
}

/* It is over: everything goes now but its memory and its watch. */
static void grant_end(struct grant *grant)
{
        struct engine *e = grant->engine;

        HASH_DEL(e->grants, grant);
        grant->holding = resource_holding_free(grant->holding);
        grant->claim = resource_claim_free(grant->claim);
        grant->done = NULL;
        if (grant->watch)
                engine_note(e, loop_watch_set(grant->watch, 0));
        STAILQ_INSERT_TAIL(&e->dying_grants, grant, dying_entry);
}

void grants_bury(struct engine *e)
{
        struct grant *grant;

        while ((grant = STAILQ_FIRST(&e->dying_grants))) {
                STAILQ_REMOVE_HEAD(&e->dying_grants, dying_entry);
                grant_free(grant);
        }
}

void grants_deinit(struct engine *e)
{
        struct grant *grant, *next;

        HASH_ITER (hh, e->grants, grant, next) {
                HASH_DEL(e->grants, grant);
                grant_free(grant);
        }
        grants_bury(e);
}

static void grant_write(struct grant *grant, bool is_held)
{
        struct engine *e = grant->engine;
        struct journal_batch *batch = engine_batch(e);
        struct journal_grant row = {
                .uid = grant->key.uid,
                .name = grant->name,
                .shared = grant->shared,
                .pid = grant->owner.pid,
                .start = grant->start,
                .job = grant->owner.job,
                .task = grant->owner.task,
        };

        if (!batch)
                return;
        memcpy(row.token, grant->key.token, sizeof(row.token));
        memcpy(row.boot_id, e->boot_id, sizeof(row.boot_id));
        e->sequence++;
        engine_note(e, is_held ? journal_put_grant(batch, &row)
                               : journal_drop_grant(batch, row.uid, row.token));
}

/* Ends it, and tells who waits for it; why: NULL: nobody is to hear of it. */
static void grant_give_back(struct grant *grant, const char *why)
{
        grant_fn const done = grant->done;
        void *const arg = grant->arg;

        if (grant->holding)
                grant_write(grant, false);
        grant_end(grant);
        if (done && why)
                done(arg, ENGINE_E_STATE, 0, why);
}

/* -------------------------------------------------------------------------------- the process */

static bool grants_has_ended(int pid_fd)
{
        struct pollfd look = { .fd = pid_fd, .events = POLLIN };

        return poll(&look, 1, 0) == 1;
}

static void grant_on_holder_end(void *arg, unsigned int flags)
{
        (void)flags;
        grant_give_back(arg, "the process that should hold the lock has ended");
}

/* 0, ENGINE_E_STATE: there is no such process (any more), ENGINE_E_BUSY: no descriptor left. */
static int grant_watch_holder(struct grant *grant, struct reason *why)
{
        uint64_t start;
        int r;

        grant->pid_fd = (int)syscall(SYS_pidfd_open, (pid_t)grant->owner.pid, 0U);
        if (grant->pid_fd < 0 && (errno == EMFILE || errno == ENFILE))
                return reason_set(why, ENGINE_E_BUSY,
                                  "the daemon watches too many processes: try again later");
        if (grant->pid_fd < 0 && errno != ESRCH && errno != EINVAL)
                return FAULT(-errno);
        start = process_read_start((pid_t)grant->owner.pid);
        if (grant->pid_fd < 0 || grants_has_ended(grant->pid_fd) ||
            (start && grant->start && start != grant->start))
                return reason_set(why, ENGINE_E_STATE,
                                  "process %" PRIu32 ", which should hold the lock, is not there",
                                  grant->owner.pid);
        if (start)
                grant->start = start;
        r = loop_watch_new(grant->engine->loop, grant->pid_fd, LOOP_READ, grant_on_holder_end,
                           grant, &grant->watch);
        return r ? PASS(r) : 0;
}

/* A holder may have ended this very moment: who asks next should not have to wait for the news. */
static void grants_reap(struct engine *e, const char *name)
{
        struct grant *grant, *next;

        HASH_ITER (hh, e->grants, grant, next)
                if (grant->holding && strcmp(grant->name, name) == 0 &&
                    grants_has_ended(grant->pid_fd))
                        grant_give_back(grant, NULL);
}

/* ------------------------------------------------------------------------------------- asking */

static struct grant *grants_find(const struct engine *e, uint32_t uid, const uint8_t *token)
{
        struct grant_key key = { .uid = uid };
        struct grant *grant;

        memcpy(key.token, token, sizeof(key.token));
        HASH_FIND(hh, e->grants, &key, sizeof(key), grant);
        return grant;
}

/* Is it inside that job? Only a task that runs, and of the same user. */
static void grant_set_owner(struct grant *grant, const struct grant_ask *ask, bool is_row)
{
        const struct job *job = ask->job ? job_table_find(&grant->engine->jobs, ask->job) : NULL;
        const struct task *task;

        grant->owner.pid = ask->pid;
        if (!job || job->user->uid != ask->uid)
                return;
        /* A row has the task's own number, a client what its environment says. */
        task = is_row ? engine_find_task(job, ask->task) : lending_find_task(job, ask->task);
        if (!task || !job_state_is_leased((enum job_state)task->state))
                return;
        grant->owner.job = ask->job;
        grant->owner.task = task->number;
}

static int grants_check_room(const struct engine *e, uint32_t uid, struct reason *why)
{
        const struct grant *grant;
        uint32_t own = 0, all = 0;

        for (grant = e->grants; grant; grant = grant->hh.next) {
                own += grant->key.uid == uid;
                all++;
        }
        if (own >= GRANTS_MAX_PER_USER || all >= GRANTS_MAX)
                return reason_set(why, ENGINE_E_BUSY,
                                  "%s hold or wait for too many locks: try again later",
                                  own >= GRANTS_MAX_PER_USER ? "your processes" : "all users");
        return 0;
}

static int grant_new(struct engine *e, const struct grant_ask *ask, bool is_row,
                     struct grant **out_grant)
{
        const struct resource_ask wish = { .name = ask->name,
                                           .mode = ask->shared ? RESOURCE_SHARED
                                                               : RESOURCE_EXCLUSIVE };
        struct grant *grant = calloc(1, sizeof(*grant));
        int r;

        if (!grant)
                return FAULT(-ENOMEM);
        grant->engine = e;
        grant->pid_fd = -1;
        grant->key.uid = ask->uid;
        memcpy(grant->key.token, ask->token, sizeof(grant->key.token));
        grant->claimant.grant = grant;
        grant->shared = ask->shared;
        grant->start = ask->start;
        grant_set_owner(grant, ask, is_row);
        grant->name = strdup(ask->name);
        r = grant->name ? resource_claim_new(e->resources, ask->uid, &wish, 1, &grant->owner,
                                             &grant->claimant, &grant->claim)
                        : FAULT(-ENOMEM);
        if (!r) {
                HASH_ADD(hh, e->grants, key, sizeof(grant->key), grant);
                r = grant->hh.tbl ? 0 : FAULT(-ENOMEM);
        }
        if (r) {
                grant_free(grant);
                return PASS(r);
        }
        *out_grant = grant;
        return 0;
}

/* 0: held. ENGINE_E_LATER: in line. */
static int grant_begin(struct grant *grant, struct reason *why)
{
        int r;

        r = grant_watch_holder(grant, why);
        if (r)
                return r < 0 ? PASS(r) : r;
        grants_reap(grant->engine, grant->name);
        r = resource_claim_judge(grant->claim, why);
        if (r)
                return r < 0 ? PASS(r) : ENGINE_E_REFUSED;
        r = resource_claim_take(grant->claim, &grant->owner, &grant->holding);
        if (r == RESOURCE_E_WAIT)
                return ENGINE_E_LATER;
        if (r)
                return PASS(r);
        grant_write(grant, true);
        return 0;
}

/* The same was asked for before: held already, or the new connection waits instead of the old. */
static int grant_ask_again(struct grant *grant, grant_fn done, void *arg, struct grant **out_grant)
{
        grant_fn const old_done = grant->done;
        void *const old_arg = grant->arg;

        if (grant->holding)
                return 0;
        grant->done = done;
        grant->arg = arg;
        *out_grant = grant;
        if (old_done)
                old_done(old_arg, ENGINE_E_STATE, 0, "it was asked for again, by another request");
        return ENGINE_E_LATER;
}

int engine_lock(struct engine *e, const struct grant_ask *ask, grant_fn done, void *arg,
                struct grant **out_grant, struct reason *why)
{
        struct grant *grant = grants_find(e, ask->uid, ask->token);
        int r;

        *out_grant = NULL;
        if (grant && strcmp(grant->name, ask->name) == 0 && grant->shared == ask->shared)
                return grant_ask_again(grant, done, arg, out_grant);
        if (grant)
                return reason_set(why, ENGINE_E_STATE, "this token is in use for another lock");
        if (journal_is_disk_full(e->journal))
                return reason_set(why, ENGINE_E_FULL,
                                  "the disk under the daemon's state folder is nearly full");
        r = grants_check_room(e, ask->uid, why);
        if (r)
                return r;
        r = grant_new(e, ask, false, &grant);
        if (r)
                return PASS(r);
        r = grant_begin(grant, why);
        if (r == ENGINE_E_LATER) {
                grant->done = done;
                grant->arg = arg;
                *out_grant = grant;
        } else if (r) {
                grant_end(grant);
        }
        return r < 0 ? PASS(r) : r;
}

void grants_on_call(struct engine *e, struct resource_claim *claim, struct claimant *claimant)
{
        struct grant *grant = claimant->grant;
        grant_fn const done = grant->done;
        int r;

        r = resource_claim_take(claim, &grant->owner, &grant->holding);
        if (r) {
                engine_note(e, r < 0 ? PASS(r) : 0);
                return;
        }
        grant_write(grant, true);
        grant->done = NULL;
        if (done)
                done(grant->arg, 0, e->sequence, NULL);
}

void engine_lock_leave(struct engine *e, struct grant *grant)
{
        (void)e;
        grant_give_back(grant, NULL);
}

int engine_unlock(struct engine *e, uint32_t uid, const char *name, const uint8_t *token,
                  uint32_t pid, struct reason *why)
{
        struct grant *grant, *next;
        bool any = false;

        HASH_ITER (hh, e->grants, grant, next) {
                if (grant->key.uid != uid || strcmp(grant->name, name) != 0)
                        continue;
                if (token ? memcmp(grant->key.token, token, sizeof(grant->key.token)) != 0
                          : !grant->holding || grant->owner.pid != pid)
                        continue;
                any = true;
                grant_give_back(grant, "it was given back before it was held");
        }
        if (any)
                return 0;
        return reason_set(why, ENGINE_E_UNKNOWN,
                          "process %" PRIu32 " does not hold the lock \"%s\"", pid, name);
}

/* ---------------------------------------------------------------------------------- restoring */

/* What nobody holds any more: another boot, or its process has ended meanwhile. */
static int grants_drop_row(struct engine *e, const struct journal_grant *row)
{
        struct journal_batch *batch = engine_batch(e);

        if (!batch)
                return e->fault;
        e->sequence++;
        return journal_drop_grant(batch, row->uid, row->token);
}

static int grants_on_row(void *arg, const struct journal_grant *row)
{
        struct engine *e = arg;
        struct grant_ask ask = {
                .uid = row->uid,
                .name = row->name,
                .shared = row->shared,
                .pid = row->pid,
                .start = row->start,
                .job = row->job,
                .task = row->task,
        };
        struct reason why;
        struct grant *grant;
        int r;

        if (memcmp(row->boot_id, e->boot_id, sizeof(e->boot_id)) != 0 ||
            !resource_is_name(row->name))
                return grants_drop_row(e, row);
        memcpy(ask.token, row->token, sizeof(ask.token));
        r = grant_new(e, &ask, true, &grant);
        if (r)
                return PASS(r);
        r = grant_watch_holder(grant, &why);
        if (r == ENGINE_E_BUSY) /* it may be there: to forget it would give the lock twice */
                return FAULT(-EMFILE);
        if (r > 0) {
                grant_end(grant);
                return grants_drop_row(e, row);
        }
        if (!r)
                r = resource_claim_retake(grant->claim, &grant->owner, NULL, &grant->holding);
        return r ? PASS(r) : 0;
}

int grants_restore(struct engine *e, struct journal *journal)
{
        const int r = journal_read_grants(journal, grants_on_row, e);

        if (r)
                return PASS(r);
        if (e->grants)
                log_info("%u locks are held by processes", HASH_COUNT(e->grants));
        return 0;
}

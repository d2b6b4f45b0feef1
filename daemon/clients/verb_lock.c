/* SPDX-License-Identifier: Apache-2.0 */
/*
 * lock and unlock: a process is to hold a named lock. The engine watches that process and keeps the
 * line (daemon/jobs/grants.c); here are only the asking and the telling. Lock is answered at once
 * when the lock is free; else with WAITING, and by a stream that ends when the lock is held. The
 * holder is the client itself, or a process that it names, which is believed: a lock held by
 * somebody's wrong process keeps nobody out but those who may take that lock.
 *
 * A client inside a job waits in its name, and the job lends its cores meanwhile.
 */
#include <errno.h>
#include <string.h>

#include "common/error.h"

#include "daemon/clients/verb.h"
#include "daemon/jobs/grants.h"

#define LOCK_LIST_MAX 4000U
#define LOCK_LIST_PASSED_MAX 100000U /* who waits for units, and is no lock */

struct lock_stream {
        struct stream stream;
        struct grant *grant; /* borrowed: waits for us; NULL: answered */
        char *name;          /* owned */
        bool shared;
};

/* ------------------------------------------------------------------------------------- telling */

static void lock_send(struct stream *stream, const char *name, bool shared, bool is_held,
                      uint64_t barrier)
{
        Jobd__Reply reply = JOBD__REPLY__INIT;
        Jobd__LockNews body = JOBD__LOCK_NEWS__INIT;
        Jobd__LockInfo info = JOBD__LOCK_INFO__INIT;
        Jobd__LockInfo *infos[] = { &info };

        info.name = (char *)(uintptr_t)name; /* not changed */
        info.state = is_held ? JOBD__LOCK_STATE__LOCK_HELD : JOBD__LOCK_STATE__LOCK_WAITING;
        info.has_shared = true;
        info.shared = shared;
        body.n_locks = 1;
        body.locks = infos;
        reply.has_more = reply.more = !is_held;
        reply.body_case = JOBD__REPLY__BODY_LOCK;
        reply.lock = &body;
        session_send_on(stream, &reply, barrier, -1);
}

static void lock_on_done(void *arg, int r, uint64_t barrier, const char *why)
{
        struct lock_stream *lock = arg;

        lock->grant = NULL;
        if (stream_is_ended(&lock->stream))
                return;
        if (r)
                answer_stream_error(&lock->stream, answer_code_of(r), barrier, false, why);
        else
                lock_send(&lock->stream, lock->name, lock->shared, true, barrier);
        stream_end(&lock->stream);
}

/* Never woken: only the lock is waited for. */
static int lock_run(struct stream *stream)
{
        (void)stream;
        return 0;
}

/* Out of the line at once, not at the end of the turn. */
static void lock_on_leave(struct stream *stream)
{
        struct lock_stream *lock = (struct lock_stream *)stream;

        if (lock->grant)
                engine_lock_leave(stream->session->clients->engine, lock->grant);
        lock->grant = NULL;
}

static void lock_deinit(struct stream *stream)
{
        struct lock_stream *lock = (struct lock_stream *)stream;

        lock_on_leave(stream);
        free(lock->name);
}

static const struct stream_type lock_type = {
        .is_stoppable = true,
        .run = lock_run,
        .on_leave = lock_on_leave,
        .deinit = lock_deinit,
};

/* ------------------------------------------------------------------------------------- asking */

static int lock_check(const char *name, bool has_token, struct reason *why)
{
        if (!name || !resource_is_name(name))
                return reason_set(why, JOBD__ERROR_CODE__ERROR_USAGE,
                                  "the name of a lock has 1 to %u bytes and no control characters",
                                  RESOURCE_NAME_MAX);
        if (!has_token)
                return reason_set(why, JOBD__ERROR_CODE__ERROR_USAGE, "a Lock has a token");
        return 0;
}

static int lock_begin(struct lock_stream *lock, const Jobd__Lock *body, struct reason *why)
{
        struct session *session = lock->stream.session;
        struct grant_ask ask = {
                .uid = session->peer.uid,
                .name = body->name,
                .shared = body->shared,
                .pid = body->has_holder_pid ? body->holder_pid : (uint32_t)session->peer.pid,
                .start = body->holder_start,
                .job = session->inside_job,
                .task = session->inside_task,
        };
        int r;

        memcpy(ask.token, body->token.data, sizeof(ask.token));
        lock->shared = body->shared;
        lock->name = strdup(body->name);
        if (!lock->name)
                return FAULT(-ENOMEM);
        r = engine_lock(session->clients->engine, &ask, lock_on_done, lock, &lock->grant, why);
        if (r == 0) {
                lock_on_done(lock, 0, engine_sequence(session->clients->engine), NULL);
        } else if (r == ENGINE_E_LATER) {
                session_begin_lending(&lock->stream, 0);
                lock_send(&lock->stream, lock->name, lock->shared, false, 0);
                r = 0;
        }
        return r;
}

/* ------------------------------------------------------------------------------------- listing */

struct lock_list {
        const struct session *session;
        Jobd__LockInfo *infos; /* owned, with the names */
        Jobd__LockInfo **pointers;
        size_t count, passed;
        int fault;
};

static void lock_list_deinit(struct lock_list *list)
{
        for (size_t i = 0; i < list->count; i++)
                free(list->infos[i].name);
        free(list->infos);
        free(list->pointers);
}

/* Of other users' processes and jobs only their user is told. */
static bool lock_list_add(void *arg, const struct resource_taker *taker)
{
        struct lock_list *list = arg;
        const struct session *session = list->session;
        Jobd__LockInfo *info = &list->infos[list->count];

        if (taker->mode == RESOURCE_UNITS)
                return ++list->passed < LOCK_LIST_PASSED_MAX;
        jobd__lock_info__init(info);
        info->name = strdup(taker->name);
        if (!info->name) {
                list->fault = FAULT(-ENOMEM);
                return false;
        }
        info->state =
                taker->is_waiting ? JOBD__LOCK_STATE__LOCK_WAITING : JOBD__LOCK_STATE__LOCK_HELD;
        info->has_shared = info->has_machine = info->has_uid = true;
        info->shared = taker->mode == RESOURCE_SHARED;
        info->machine = taker->scope == RESOURCE_EVERYBODY;
        info->uid = taker->uid;
        list->pointers[list->count++] = info;
        if (taker->uid != session->peer.uid && !session->is_admin)
                return list->count < LOCK_LIST_MAX;
        info->has_pid = taker->owner.pid > 0;
        info->pid = taker->owner.pid;
        info->job = taker->claim_arg ? engine_claimant_job(taker->claim_arg) : 0;
        info->job = info->job ? info->job : taker->owner.job;
        info->has_job = info->job > 0;
        info->has_task = taker->owner.job > 0;
        info->task = taker->owner.task;
        return list->count < LOCK_LIST_MAX;
}

static int lock_send_list(struct session *from, uint64_t tag)
{
        _cleanup_(lock_list_deinit) struct lock_list list = { .session = from };
        Jobd__Reply reply = JOBD__REPLY__INIT;
        Jobd__LockNews body = JOBD__LOCK_NEWS__INIT;

        list.infos = calloc(LOCK_LIST_MAX + 1, sizeof(*list.infos));
        list.pointers = calloc(LOCK_LIST_MAX + 1, sizeof(*list.pointers));
        if (!list.infos || !list.pointers)
                return FAULT(-ENOMEM);
        resource_book_each_taker(engine_resources(from->clients->engine), from->peer.uid,
                                 lock_list_add, &list);
        if (list.fault)
                return PASS(list.fault);
        body.n_locks = list.count;
        body.locks = list.pointers;
        reply.body_case = JOBD__REPLY__BODY_LOCK;
        reply.lock = &body;
        session_send(from, tag, &reply, engine_sequence(from->clients->engine), -1);
        return 0;
}

/* --------------------------------------------------------------------------------------- verbs */

int verb_lock(struct session *from, const Jobd__Request *request, struct job *job,
              struct reason *why)
{
        const Jobd__Lock *body = request->lock;
        struct stream *stream;
        struct lock_stream *lock;
        int r;

        (void)job;
        if (body->list)
                return lock_send_list(from, request->tag);
        r = lock_check(body->name, body->has_token, why);
        if (r)
                return r;
        r = session_add_stream(from, &lock_type, request->tag, sizeof(*lock), &stream, why);
        if (r)
                return r;
        lock = (struct lock_stream *)stream;
        r = lock_begin(lock, body, why);
        if (r < 0)
                return PASS(r);
        if (r > 0) {
                answer_stream_error(stream, answer_code_of(r), 0, false, why->text);
                stream_end(stream);
        }
        return 0;
}

int verb_unlock(struct session *from, const Jobd__Request *request, struct job *job,
                struct reason *why)
{
        const Jobd__Unlock *body = request->unlock;
        struct engine *engine = from->clients->engine;
        int r;

        (void)job;
        r = lock_check(body->name, true, why);
        if (r)
                return r;
        r = engine_unlock(engine, from->peer.uid, body->name,
                          body->has_token ? body->token.data : NULL,
                          body->has_holder_pid ? body->holder_pid : (uint32_t)from->peer.pid, why);
        if (r < 0)
                return PASS(r);
        if (r > 0)
                return r == ENGINE_E_UNKNOWN ? (int)JOBD__ERROR_CODE__ERROR_STATE
                                             : (int)answer_code_of(r);
        answer_done(from, request->tag, engine_sequence(engine));
        return 0;
}

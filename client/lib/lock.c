/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Named resources and locks. Asking for a lock is a stream: it is asked again with the same token
 * after a reconnection, so that jobd knows the asking and cannot give the lock twice; jobctl_lock()
 * turns the connection until it is held. Giving up after a timeout takes the asking back by its
 * token, whether it is still in line or was served at that very moment.
 *
 * The holder is told with the time at which it began, as /proc shows it, so that a process that got
 * its number later is never taken for it.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/process.h"

#include "client/lib/ask.h"
#include "client/lib/spec.h"

#define LOCK_ANSWER_USEC (10 * USEC_PER_SEC)

/* ------------------------------------------------------------------------------------- asking */

struct lock {
        struct call call;
        const struct jobctl_lock_options *options; /* borrowed: of the caller who waits */
        const char *name;
        uint8_t token[WIRE_KEY_BYTES];
        uint64_t holder_start;
        bool done;     /* held, or not to be had */
        bool answered; /* that, or it is known to wait */
        bool told;
        int code;
};

static uint32_t lock_holder(const struct jobctl_lock_options *options)
{
        return options->holder_pid ? options->holder_pid : (uint32_t)getpid();
}

static int lock_send(struct call *call)
{
        struct lock *const lock = (struct lock *)call;
        Jobd__Request request = JOBD__REQUEST__INIT;
        Jobd__Lock message = JOBD__LOCK__INIT;

        if (!conn_may_send(call->conn))
                return 0;
        message.name = (char *)(uintptr_t)lock->name; /* not changed */
        message.has_shared = message.shared = lock->options->shared;
        message.has_token = true;
        message.token.data = lock->token;
        message.token.len = sizeof(lock->token);
        message.has_holder_pid = lock->options->holder_pid != 0;
        message.holder_pid = lock->options->holder_pid;
        message.has_holder_start = lock->holder_start != 0;
        message.holder_start = lock->holder_start;
        request.body_case = JOBD__REQUEST__BODY_LOCK;
        request.lock = &message;
        return call_send(call, &request);
}

static void lock_end(struct lock *lock, int code, const char *text)
{
        lock->done = lock->answered = true;
        lock->code = code;
        if (code)
                failure_set(&lock->call.conn->failure, code, "%s", text);
        call_finish(&lock->call);
}

static void lock_on_reply(struct call *call, Jobd__Reply **reply)
{
        struct lock *const lock = (struct lock *)call;
        const Jobd__Reply *const got = *reply;

        if (got->body_case == JOBD__REPLY__BODY_ERROR) {
                lock_end(lock, (int)got->error->code, got->error->message);
        } else if (got->has_more && got->more) {
                lock->answered = true;
                if (!lock->told && lock->options->on_wait)
                        lock->options->on_wait(lock->options->arg);
                lock->told = true;
        } else {
                lock_end(lock, JOBCTL_OK, "");
        }
}

static void lock_on_fail(struct call *call, int code, const char *text)
{
        lock_end((struct lock *)call, code, text);
}

static void lock_free(struct call *call)
{
        free(call);
}

static const struct call_ops lock_ops = {
        .send = lock_send,
        .on_reply = lock_on_reply,
        .on_fail = lock_on_fail,
        .free = lock_free,
};

static int lock_unlock(struct jobctl *conn, const char *name, uint8_t *token, uint32_t pid)
{
        Jobd__Request request = JOBD__REQUEST__INIT;
        Jobd__Unlock message = JOBD__UNLOCK__INIT;

        message.name = (char *)(uintptr_t)name; /* not changed */
        message.has_token = token != NULL;
        message.token.data = token;
        message.token.len = token ? WIRE_KEY_BYTES : 0;
        message.has_holder_pid = pid != 0;
        message.holder_pid = pid;
        request.body_case = JOBD__REQUEST__BODY_UNLOCK;
        request.unlock = &message;
        return ask_wait(conn, &request, ASK_AGAIN_IS_DONE, NULL);
}

/* Too late: out of the line, or given back, before anybody is told so. */
static int lock_give_up(struct lock *lock)
{
        struct jobctl *const conn = lock->call.conn;
        uint8_t token[WIRE_KEY_BYTES];
        int r;

        memcpy(token, lock->token, sizeof(token));
        r = lock_unlock(conn, lock->name, token, 0);
        if (r && r != JOBCTL_E_STATE)
                return r;
        return failure_set(&conn->failure, JOBCTL_E_TIMEOUT, "the lock \"%s\" was not free in time",
                           lock->name);
}

/* The daemon may take its time to answer, however short the time to wait for the lock. */
static int lock_wait(struct lock *lock, uint64_t limit)
{
        struct jobctl *const conn = lock->call.conn;
        const uint64_t now = clock_mono_usec();
        const uint64_t until = limit > USEC_NONE - now ? USEC_NONE : now + limit;
        int r;

        r = conn_run_until(conn, &lock->answered, MAX(until, now + LOCK_ANSWER_USEC));
        return r ? r : conn_run_until(conn, &lock->done, until);
}

int jobctl_lock(struct jobctl *conn, const char *name, const struct jobctl_lock_options *options)
{
        struct lock *lock = calloc(1, sizeof(*lock));
        int r;

        if (!lock || getrandom(lock->token, sizeof(lock->token), 0) != sizeof(lock->token)) {
                free(lock);
                return failure_from(&conn->failure, -ENOMEM, "taking the lock");
        }
        lock->options = options;
        lock->name = name;
        lock->holder_start = process_read_start((pid_t)lock_holder(options));
        r = conn_start_call(conn, &lock->call, &lock_ops);
        if (r == 0)
                r = lock_wait(lock, options->timeout_usec ? *options->timeout_usec : USEC_NONE);
        if (r == JOBCTL_E_TIMEOUT)
                r = lock_give_up(lock);
        else if (r == 0)
                r = lock->code;
        else
                r = failure_from(&conn->failure, r, "taking the lock");
        call_free(&lock->call);
        return r;
}

int jobctl_unlock(struct jobctl *conn, const char *name, uint32_t holder_pid)
{
        return lock_unlock(conn, name, NULL, holder_pid);
}

int jobctl_lock_list(struct jobctl *conn, struct jobctl_result **out_result)
{
        Jobd__Request request = JOBD__REQUEST__INIT;
        Jobd__Lock message = JOBD__LOCK__INIT;

        message.has_list = message.list = true;
        request.body_case = JOBD__REQUEST__BODY_LOCK;
        request.lock = &message;
        return ask_wait(conn, &request, ASK_AGAIN, out_result);
}

/* ---------------------------------------------------------------------------------- resources */

static int lock_ask_resource(struct jobctl *conn, Jobd__ResourceVerb verb, const char *name,
                             const uint32_t *capacity, struct jobctl_result **out_result)
{
        Jobd__Request request = JOBD__REQUEST__INIT;
        Jobd__ResourceOp message = JOBD__RESOURCE_OP__INIT;

        message.verb = verb;
        message.name = (char *)(uintptr_t)name; /* not changed */
        message.has_capacity = capacity != NULL;
        message.capacity = capacity ? *capacity : 0;
        request.body_case = JOBD__REQUEST__BODY_RESOURCE;
        request.resource = &message;
        return ask_wait(conn, &request, ASK_AGAIN, out_result);
}

int jobctl_resource_list(struct jobctl *conn, struct jobctl_result **out_result)
{
        return lock_ask_resource(conn, JOBD__RESOURCE_VERB__RESOURCE_LIST, NULL, NULL, out_result);
}

int jobctl_resource_set(struct jobctl *conn, const char *name, uint32_t capacity)
{
        return lock_ask_resource(conn, JOBD__RESOURCE_VERB__RESOURCE_SET, name, &capacity, NULL);
}

int jobctl_resource_remove(struct jobctl *conn, const char *name)
{
        return lock_ask_resource(conn, JOBD__RESOURCE_VERB__RESOURCE_REMOVE, name, NULL, NULL);
}

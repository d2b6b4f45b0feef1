/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The simple kind of call: one request, some replies (`more` until the last), one result.
 *
 * The request is packed when it is made and sent again as it was after a reconnection, so that a
 * Submit keeps its key and nothing of the caller must stay alive. A request that is ASK_ONCE (a
 * signal, a retry) fails instead, since doing it twice is not the same as doing it. The blocking
 * form turns the connection until the answer is there, which also serves every stream of the
 * connection; the other one tells a callback. Called by submit.c, query.c and act.c.
 */
#include "client/lib/ask.h"

#include <errno.h>

#include "common/clock.h"

struct ask {
        struct call call;
        struct ask_options options;
        void *packed; /* owned */
        size_t packed_bytes;
        struct jobctl_result *result; /* owned */
        bool answered;
        unsigned int sent_count;
};

static void ask_answer(struct ask *ask, int code, const char *text)
{
        if (!ask->answered)
                ask->options.on_result(ask->options.arg, code, text, &ask->result);
        ask->answered = true;
}

static void ask_free(struct call *call)
{
        struct ask *const ask = (struct ask *)call;

        ask_answer(ask, JOBCTL_E_LOST, "the connection was closed before the answer came");
        jobctl_result_free(ask->result);
        free(ask->packed);
        free(ask);
}

static int ask_send(struct call *call)
{
        struct ask *const ask = (struct ask *)call;
        int r;

        if (!conn_may_send(call->conn))
                return 0;
        ask->sent_count++;
        r = link_send_packed(call->conn->link, ask->packed, ask->packed_bytes);
        return r ? PASS(r) : 0;
}

static bool ask_may_repeat(const struct call *call)
{
        return ((const struct ask *)call)->options.again != ASK_ONCE;
}

static void ask_on_fail(struct call *call, int code, const char *text)
{
        struct ask *const ask = (struct ask *)call;

        ask_answer(ask, code, text);
        call_free(call);
}

/* The answer to the first asking was lost, and it was: done. */
static bool ask_was_done(const struct ask *ask, const Jobd__Error *error)
{
        return ask->options.again == ASK_AGAIN_IS_DONE && ask->sent_count > 1 &&
               (int)error->code == JOBCTL_E_STATE;
}

static void ask_on_reply(struct call *call, Jobd__Reply **reply)
{
        struct ask *const ask = (struct ask *)call;
        const Jobd__Reply *const got = *reply;
        const bool last = !got->has_more || !got->more;
        int r;

        r = result_add(ask->result, TAKE_PTR(*reply));
        if (r) {
                ask_answer(ask, JOBCTL_E_SYSTEM, "out of memory");
                call_free(call);
                return;
        }
        if (!last)
                return;
        call_finish(call);
        if (got->body_case == JOBD__REPLY__BODY_ERROR && jobctl_result_count(ask->result) == 0 &&
            jobctl_result_problem_count(ask->result) == 1 && !ask_was_done(ask, got->error))
                ask_answer(ask, (int)got->error->code, got->error->message);
        else
                ask_answer(ask, JOBCTL_OK, "");
        call_free(call);
}

static const struct call_ops ask_ops = {
        .send = ask_send,
        .on_reply = ask_on_reply,
        .on_fail = ask_on_fail,
        .may_repeat = ask_may_repeat,
        .free = ask_free,
};

int ask_start(struct jobctl *conn, Jobd__Request *request, const struct ask_options *options)
{
        struct ask *ask;
        int r;

        ask = calloc(1, sizeof(*ask));
        if (!ask)
                return FAULT(-ENOMEM);
        ask->options = *options;
        request->tag = conn->next_tag; /* the one that conn_start_call() gives next */
        r = result_new(&ask->result);
        if (r == 0)
                r = wire_pack(&request->base, &ask->packed, &ask->packed_bytes);
        if (r) {
                ask->answered = true;
                ask_free(&ask->call);
                return PASS(r);
        }
        r = conn_start_call(conn, &ask->call, &ask_ops);
        if (r) {
                ask->answered = true;
                call_free(&ask->call);
                return PASS(r);
        }
        return 0;
}

struct ask_waiter {
        struct jobctl *conn;
        struct jobctl_result *result; /* owned */
        bool done;
        int code;
};

static void ask_on_waited(void *arg, int code, const char *text, struct jobctl_result **result)
{
        struct ask_waiter *const waiter = arg;

        waiter->done = true;
        waiter->code = code;
        if (code)
                failure_set(&waiter->conn->failure, code, "%s", text);
        else
                waiter->result = TAKE_PTR(*result);
}

int ask_wait(struct jobctl *conn, Jobd__Request *request, enum ask_again again,
             struct jobctl_result **out_result)
{
        struct ask_waiter waiter = { .conn = conn };
        const struct ask_options options = { .again = again,
                                             .on_result = ask_on_waited,
                                             .arg = &waiter };
        int r;

        r = ask_start(conn, request, &options);
        if (r == 0)
                r = conn_run_until(conn, &waiter.done, USEC_NONE);
        if (r)
                return failure_from(&conn->failure, r, "asking the daemon");
        if (waiter.code == JOBCTL_OK && out_result)
                *out_result = waiter.result;
        else
                jobctl_result_free(waiter.result);
        return waiter.code;
}

struct ask_pending {
        jobctl_result_fn fn;
        void *arg;
};

static void ask_on_pending(void *arg, int code, const char *text, struct jobctl_result **result)
{
        _cleanup_(freep) struct ask_pending *pending = arg;

        if (pending->fn)
                pending->fn(pending->arg, code, text, code ? NULL : *result);
}

int ask_async(struct jobctl *conn, Jobd__Request *request, enum ask_again again,
              jobctl_result_fn fn, void *arg)
{
        _cleanup_(freep) struct ask_pending *pending = malloc(sizeof(*pending));
        const struct ask_options options = { .again = again,
                                             .on_result = ask_on_pending,
                                             .arg = pending };
        int r = -ENOMEM;

        if (pending) {
                *pending = (struct ask_pending){ .fn = fn, .arg = arg };
                r = ask_start(conn, request, &options);
        }
        if (r)
                return failure_from(&conn->failure, r, "asking the daemon");
        (void)TAKE_PTR(pending); /* ask_on_pending() has it */
        return JOBCTL_OK;
}

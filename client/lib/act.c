/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Acting on jobs: cancel, kill, pause, resume, hold, release, retry. A signal and a retry are sent
 * once only, because a second one would be a second one; the others may be repeated after a
 * reconnection. The asynchronous form is for programs that follow a job at the same time.
 */
#include "client/lib/ask.h"
#include "client/lib/selector.h"

static enum ask_again act_again(enum jobctl_action action)
{
        return action == JOBCTL_ACTION_KILL || action == JOBCTL_ACTION_RETRY ? ASK_ONCE : ASK_AGAIN;
}

static void act_fill(const struct jobctl_act_options *options,
                     const struct jobctl_selector *selector, Jobd__Act *act, Jobd__Request *request)
{
        act->action = (Jobd__Action)options->action;
        act->selector = selector_message(selector);
        act->has_signal = options->action == JOBCTL_ACTION_KILL;
        act->signal = (uint32_t)options->signo;
        act->has_grace_usec = options->grace_usec != NULL;
        act->grace_usec = options->grace_usec ? *options->grace_usec : 0;
        act->has_failed_only = act->failed_only = options->failed_only;
        act->has_lost_only = act->lost_only = options->lost_only;
        request->body_case = JOBD__REQUEST__BODY_ACT;
        request->act = act;
}

int jobctl_act(struct jobctl *conn, const struct jobctl_act_options *options,
               const struct jobctl_selector *selector, struct jobctl_result **out_result)
{
        Jobd__Request request = JOBD__REQUEST__INIT;
        Jobd__Act act = JOBD__ACT__INIT;

        act_fill(options, selector, &act, &request);
        return ask_wait(conn, &request, act_again(options->action), out_result);
}

int jobctl_act_async(struct jobctl *conn, const struct jobctl_act_options *options,
                     const struct jobctl_selector *selector, jobctl_result_fn fn, void *arg)
{
        Jobd__Request request = JOBD__REQUEST__INIT;
        Jobd__Act act = JOBD__ACT__INIT;

        act_fill(options, selector, &act, &request);
        return ask_async(conn, &request, act_again(options->action), fn, arg);
}

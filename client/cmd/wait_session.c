/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Waiting: one job gives its own exit code, several give the number that failed (101 for more than
 * 100), --any gives the code of the first that ends and prints its id. Whatever did not succeed
 * gets a line on stderr; --json prints every end on stdout, one object a line.
 */
#include "client/cmd/wait_session.h"

#include <stdio.h>

#include "client/cmd/emit.h"

struct wait_session {
        struct app *app;
        const struct wait_session_options *options;
        size_t ended, failed, unknown;
        int status; /* of the last that ended */
        int code;   /* of the whole wait */
};

static void wait_session_on_ended(void *arg, const struct jobctl_item *ended)
{
        struct wait_session *const session = arg;
        const unsigned long long id = jobctl_number_or(ended, JOBCTL_ENDED_ID, 0);
        char why[512];

        session->status = exit_code_from_end(ended, why, sizeof(why));
        session->ended++;
        if (session->status)
                session->failed++;
        if (session->app->common.json) {
                (void)emit_print_item(ended, &emit_ended);
                fflush(stdout);
        } else if (session->options->any) {
                printf("%llu\n", id);
        }
        if (why[0])
                app_tell(session->app, "job %llu: %s", id, why);
        else if (session->status && session->options->count != 1)
                app_tell(session->app, "job %llu: exit code %d", id, session->status);
}

static void wait_session_on_problem(void *arg, int code _unused_, const char *text)
{
        struct wait_session *const session = arg;

        session->unknown++;
        app_say("%s", text);
}

static void wait_session_on_end(void *arg, int code, const char *text,
                                const struct jobctl_item *ended _unused_)
{
        struct wait_session *const session = arg;

        session->code = code;
        if (code)
                app_say("%s", text);
}

int wait_session_run(struct app *app, const struct wait_session_options *options)
{
        const struct jobctl_stream_ops ops = {
                .size = sizeof(ops),
                .on_item = wait_session_on_ended,
                .on_problem = wait_session_on_problem,
                .on_end = wait_session_on_end,
        };
        struct wait_session session = { .app = app, .options = options };
        struct jobctl_stream *stream;
        int r;

        r = jobctl_wait(app->conn, options->selector, options->any, &ops, &session, &stream);
        if (r)
                return app_fail_answer(app, r);
        r = jobctl_stream_run(stream, options->timeout_usec);
        jobctl_stream_free(stream);
        if (r == JOBCTL_E_TIMEOUT) {
                app_tell(app, "not all have ended in time");
                return EXIT_CODE_TIME_LIMIT;
        }
        if (r)
                return app_fail_answer(app, r);
        if (session.code || (session.unknown > 0 && session.ended == 0))
                return EXIT_CODE_OURS;
        if (options->count == 1 || options->any)
                return session.status;
        return exit_code_from_failures(session.failed + session.unknown);
}

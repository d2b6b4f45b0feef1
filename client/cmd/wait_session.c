/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Waiting: one job gives its own exit code, several give the number that failed (101 for more than
 * 100), --any gives the code of the first that ends and prints its id. A task that was named
 * ("17.3") counts like a job. Whatever did not succeed gets a line on stderr, up to twenty; --json
 * prints every end on stdout, one object a line.
 */
#include "client/cmd/wait_session.h"

#include <stdio.h>

#include "common/clock.h"

#include "client/cmd/emit.h"
#include "client/cmd/wait_progress.h"

#define WAIT_SESSION_TOLD_MAX 20 /* lines */

struct wait_session {
        struct app *app;
        const struct wait_session_options *options;
        struct wait_progress *progress; /* owned; NULL: not wanted */
        size_t ended, failed, unknown;
        size_t told; /* had something to be said of them */
        int status;  /* of the last that ended */
        int code;    /* of the whole wait */
};

/* "job 17", or "task 17.3"; without the word before when `bare`. */
static void wait_session_name(const struct jobctl_item *ended, bool bare, char *text, size_t size)
{
        const unsigned long long id = jobctl_number_or(ended, JOBCTL_ENDED_ID, 0);
        uint64_t task;

        if (jobctl_get_number(ended, JOBCTL_ENDED_TASK, &task))
                snprintf(text, size, "%s%llu.%llu", bare ? "" : "task ", id,
                         (unsigned long long)task);
        else
                snprintf(text, size, "%s%llu", bare ? "" : "job ", id);
}

static void wait_session_on_ended(void *arg, const struct jobctl_item *ended)
{
        struct wait_session *const session = arg;
        const unsigned long long tasks_failed =
                jobctl_number_or(ended, JOBCTL_ENDED_TASKS_FAILED, 0);
        char why[512];
        char name[64];

        session->status = exit_code_from_end(ended, why, sizeof(why));
        session->ended++;
        if (session->status)
                session->failed++;
        if (!why[0] && tasks_failed > 1)
                snprintf(why, sizeof(why), "%llu tasks did not succeed", tasks_failed);
        if (session->progress)
                wait_progress_hide(session->progress);
        if (session->app->common.json) {
                (void)emit_print_item(ended, &emit_ended);
                fflush(stdout);
        } else if (session->options->any) {
                wait_session_name(ended, true, name, sizeof(name));
                puts(name);
        }
        if (!why[0] && (session->status == 0 || session->options->count == 1))
                return;
        if (++session->told > WAIT_SESSION_TOLD_MAX)
                return; /* wait_session_tell_rest() counts them */
        wait_session_name(ended, false, name, sizeof(name));
        if (why[0])
                app_tell(session->app, "%s: %s", name, why);
        else
                app_tell(session->app, "%s: exit code %d", name, session->status);
}

static void wait_session_tell_rest(const struct wait_session *session)
{
        if (session->told > WAIT_SESSION_TOLD_MAX)
                app_tell(session->app, "... and %zu more: %zu of %zu did not succeed",
                         session->told - WAIT_SESSION_TOLD_MAX, session->failed, session->ended);
}

static void wait_session_on_problem(void *arg, int code _unused_, const char *text)
{
        struct wait_session *const session = arg;

        session->unknown++;
        if (session->progress)
                wait_progress_hide(session->progress);
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

/* Until the stream has ended, with the line of progress kept up to date. */
static int wait_session_stay(struct wait_session *session, struct jobctl_stream *stream)
{
        const uint64_t limit = session->options->timeout_usec;
        const uint64_t now = clock_mono_usec();
        const uint64_t until = limit > USEC_NONE - now ? USEC_NONE : now + limit;

        for (;;) {
                const uint64_t tick =
                        session->progress ? wait_progress_deadline(session->progress) : USEC_NONE;
                const uint64_t at = clock_mono_usec();
                const uint64_t next = MIN(until, tick);
                int r;

                r = jobctl_stream_run(stream, next == USEC_NONE ? USEC_NONE
                                              : next > at       ? next - at
                                                                : 0);
                if (session->progress)
                        wait_progress_tick(session->progress);
                if (r != JOBCTL_E_TIMEOUT || clock_mono_usec() >= until)
                        return r;
        }
}

static int wait_session_watch(struct wait_session *session)
{
        const struct wait_session_options *const options = session->options;

        if (!options->progress_jobs)
                return 0;
        return wait_progress_new(session->app, options->progress_jobs, options->progress_count,
                                 &session->progress);
}

static void wait_session_deinit(struct wait_session *session)
{
        wait_progress_free(session->progress);
}

int wait_session_run(struct app *app, const struct wait_session_options *options)
{
        const struct jobctl_stream_ops ops = {
                .size = sizeof(ops),
                .on_item = wait_session_on_ended,
                .on_problem = wait_session_on_problem,
                .on_end = wait_session_on_end,
        };
        _cleanup_(wait_session_deinit) struct wait_session session = { .app = app,
                                                                       .options = options };
        struct jobctl_stream *stream;
        int r;

        r = wait_session_watch(&session);
        if (r)
                return r;
        r = jobctl_wait(app->conn, options->selector, options->any, &ops, &session, &stream);
        if (r)
                return app_fail_answer(app, r);
        r = wait_session_stay(&session, stream);
        jobctl_stream_free(stream);
        if (session.progress && r == 0 && !options->any)
                wait_progress_finish(session.progress);
        else if (session.progress)
                wait_progress_hide(session.progress);
        wait_session_tell_rest(&session);
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

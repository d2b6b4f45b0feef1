/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The loop behind run, attach, logs and submit --follow.
 *
 *     our stdin ----> stream ----> the job           (run only)
 *     the job ------> stream ----> sinks: our stdout and stderr, apart
 *     signals ------> actions on the job             (run only)
 *
 * One poll(2) waits for the connection, stdin, the signals and a sink whose reader is slow. Signals
 * come through a descriptor, so no handler runs anywhere. The first Ctrl-C of run cancels the job
 * and waits for its end, the second leaves at once; without FOLLOW_SESSION_SIGNALS the first one
 * leaves. HUP is not caught: it ends us, and the job goes on. When our reader goes away we leave
 * quietly by SIGPIPE, as any tool in a pipeline does; the job goes on then too.
 */
#include "client/cmd/follow_session.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "client/cmd/line_filter.h"
#include "client/cmd/output_place.h"
#include "client/cmd/select.h"
#include "client/cmd/sink.h"

#define FOLLOW_SESSION_READ_BYTES (256U * 1024)

struct follow_session {
        struct app *app; /* borrowed */
        const struct follow_session_options *options;
        uint64_t job;                 /* 0: not submitted yet */
        struct jobctl_stream *stream; /* owned; NULL while the submission is under way */
        struct sink *out, *err;       /* owned */
        struct line_filter *filter;   /* owned; NULL: bytes pass as they are */
        uint8_t *room;                /* owned: to read stdin into */
        int signal_fd;                /* owned */
        bool stdin_open;
        struct follow_session **backlink; /* borrowed: the submission's way to us while it waits */
        bool cancelled;                   /* by Ctrl-C */
        bool leaving;                     /* as soon as the job's number is known */
        char *where;                      /* owned: what -o said; NULL: nothing, or not known yet */
        bool told_where;
        bool done;
        int status;
};

bool follow_session_has_stdin(void)
{
        struct stat st;

        if (fstat(STDIN_FILENO, &st) < 0)
                return false;
        if (S_ISCHR(st.st_mode) && st.st_rdev == makedev(1, 3))
                return false;
        return isatty(STDIN_FILENO) != 1 || tcgetpgrp(STDIN_FILENO) == getpgrp();
}

static void session_finish(struct follow_session *session, int status)
{
        session->done = true;
        session->status = status;
}

/* ------------------------------------------------------------------------------------- output */

/* As any tool in a pipeline whose reader has gone: quietly, and the shell can tell. */
static void session_die_of_pipe(void)
{
        (void)signal(SIGPIPE, SIG_DFL);
        raise(SIGPIPE);
}

/* A sink did not work: nobody reads, or it cannot be written. */
static void session_on_sink(struct follow_session *session, int r)
{
        if (session->done)
                return;
        if (r == SINK_E_CLOSED) {
                session_die_of_pipe();
        }
        session_finish(session, app_fail(session->app, EXIT_CODE_ERROR,
                                         "cannot write the job's output: %s (the job goes on)",
                                         strerror(r < 0 ? -r : errno)));
}

static int session_write(void *arg, enum jobctl_output which, const void *data, size_t size)
{
        struct follow_session *const session = arg;
        struct sink *const sink = which == JOBCTL_STDOUT ? session->out : session->err;
        const int r = sink_write(sink, data, size);

        if (r)
                session_on_sink(session, r);
        else if (sink_is_full(sink))
                jobctl_stream_pause(session->stream, true);
        return r;
}

static void session_on_data(void *arg, enum jobctl_output which, uint64_t wall_usec,
                            const void *data, size_t size)
{
        struct follow_session *const session = arg;
        const unsigned int flags = session->options->flags;

        if (session->done)
                return;
        if (which == JOBCTL_MARK) {
                app_say("%.*s", (int)MIN(size, 1000U), (const char *)data);
                return;
        }
        if (flags & (which == JOBCTL_STDOUT ? FOLLOW_SESSION_NO_STDOUT : FOLLOW_SESSION_NO_STDERR))
                return;
        if (session->filter)
                (void)line_filter_put(session->filter, which, wall_usec, data, size);
        else
                (void)session_write(session, which, data, size);
}

/* Writes what a slow reader left over. */
static void session_flush_sinks(struct follow_session *session)
{
        int r;

        r = sink_flush(session->out);
        if (r == 0)
                r = sink_flush(session->err);
        if (r)
                session_on_sink(session, r);
        else if (!sink_is_full(session->out) && !sink_is_full(session->err) && !session->done)
                jobctl_stream_pause(session->stream, false);
}

/* --------------------------------------------------------------------------------- the stream */

static void session_on_news(void *arg, const struct jobctl_item *news)
{
        struct follow_session *const session = arg;
        const char *const path = jobctl_get_text(news, JOBCTL_NEWS_OUTPUT_PATH, NULL);

        if (path && !session->where && (session->options->flags & FOLLOW_SESSION_SAY_WHERE))
                session->where = strdup(path);
}

/* Once, when it is known. Asking is a call that waits: Ctrl-C ends us meanwhile, as it leaves. */
static void session_tell_where(struct follow_session *session, const sigset_t *before)
{
        const struct follow_session_options *const options = session->options;
        _cleanup_(freep) char *path = NULL;
        sigset_t caught;

        if (!session->where || session->told_where || session->app->common.quiet)
                return;
        session->told_where = true;
        (void)sigprocmask(SIG_SETMASK, before, &caught);
        path = output_place_find(session->app, session->job, options->task, session->where);
        (void)sigprocmask(SIG_SETMASK, &caught, NULL);
        app_tell(session->app, "the output of job %llu is in %s", (unsigned long long)session->job,
                 path ? path : session->where);
}

/* The job's stdin takes more, or no more: session_fill_poll() looks at it in the next round. */
static void session_on_stdin(void *arg)
{
        struct follow_session *const session = arg;

        if (jobctl_stream_is_stdin_closed(session->stream))
                session->stdin_open = false;
}

static void session_on_end(void *arg, int code, const char *text, const struct jobctl_item *ended)
{
        struct follow_session *const session = arg;
        char why[512];
        int status;

        if (session->done)
                return;
        if (code) {
                session_finish(session,
                               app_fail(session->app, exit_code_from_answer(code), "%s", text));
                return;
        }
        if (session->filter && line_filter_finish(session->filter))
                return;
        if (!ended || !(session->options->flags & FOLLOW_SESSION_UNTIL_END)) {
                session_finish(session, EXIT_CODE_OK);
                return;
        }
        status = exit_code_from_end(ended, why, sizeof(why));
        if (session->cancelled) {
                session_finish(session, EXIT_CODE_INTERRUPTED);
                return;
        }
        if (why[0] && session->app->job_code)
                app_tell(session->app, "job %llu: %s", (unsigned long long)session->job, why);
        session_finish(session, session->app->job_code ? status : EXIT_CODE_OK);
}

/* -------------------------------------------------------------------------------------- stdin */

static void session_read_stdin(struct follow_session *session)
{
        const size_t want = MIN(jobctl_stream_room(session->stream), FOLLOW_SESSION_READ_BYTES);
        size_t taken = 0;
        ssize_t n;

        if (want == 0)
                return;
        n = read(STDIN_FILENO, session->room, want);
        if (n < 0 && (errno == EINTR || errno == EAGAIN))
                return;
        if (n <= 0) {
                session->stdin_open = false;
                (void)jobctl_stream_close_stdin(session->stream);
                return;
        }
        if (jobctl_stream_write(session->stream, session->room, (size_t)n, &taken))
                session_finish(session, app_fail_answer(session->app, JOBCTL_E_SYSTEM));
}

/* ------------------------------------------------------------------------------------ signals */

static void session_act(struct follow_session *session, enum jobctl_action action, int signo)
{
        const struct jobctl_act_options act = { .size = sizeof(act),
                                                .action = action,
                                                .signo = signo };
        _cleanup_(jobctl_selector_freep) struct jobctl_selector *selector = NULL;

        if (jobctl_selector_new(&selector) ||
            jobctl_selector_add_range(selector, session->job, session->job) ||
            jobctl_act_async(session->app->conn, &act, selector, NULL, NULL))
                app_say("the job could not be told: %s", jobctl_error_text(session->app->conn));
}

static void session_leave(struct follow_session *session)
{
        if (session->job > 0 && (session->options->flags & FOLLOW_SESSION_UNTIL_END) &&
            !session->cancelled && !session->done)
                app_tell(session->app, "job %llu goes on: jobctl attach %llu",
                         (unsigned long long)session->job, (unsigned long long)session->job);
        session_finish(session, EXIT_CODE_INTERRUPTED);
}

static void session_on_interrupt(struct follow_session *session)
{
        const unsigned int flags = session->options->flags;

        if (session->job == 0 && (flags & FOLLOW_SESSION_DETACH) && !session->leaving) {
                session->leaving = true; /* session_on_submitted() tells which job goes on */
                return;
        }
        if (!(flags & FOLLOW_SESSION_SIGNALS) || (flags & FOLLOW_SESSION_DETACH) ||
            session->cancelled || session->done) {
                session_leave(session);
                return;
        }
        session->cancelled = true;
        if (session->job == 0)
                return; /* session_on_submitted() does it */
        app_tell(session->app, "cancelling job %llu (Ctrl-C again leaves at once)",
                 (unsigned long long)session->job);
        session_act(session, JOBCTL_ACTION_CANCEL, 0);
}

static void session_on_signal(struct follow_session *session)
{
        struct signalfd_siginfo info;

        if (read(session->signal_fd, &info, sizeof(info)) != (ssize_t)sizeof(info))
                return;
        if (info.ssi_signo == SIGINT)
                session_on_interrupt(session);
        else if (session->job > 0)
                session_act(session, JOBCTL_ACTION_KILL, (int)info.ssi_signo);
}

/* The signals that are to come through signal_fd, once they are blocked. */
static int session_open_signals(struct follow_session *session, sigset_t *out_caught)
{
        static const int forwarded[] = { SIGTERM, SIGQUIT, SIGUSR1, SIGUSR2 };

        sigemptyset(out_caught);
        sigaddset(out_caught, SIGINT);
        if (session->options->flags & FOLLOW_SESSION_SIGNALS)
                for (size_t i = 0; i < ARRAY_SIZE(forwarded); i++)
                        sigaddset(out_caught, forwarded[i]);
        session->signal_fd = signalfd(-1, out_caught, SFD_CLOEXEC | SFD_NONBLOCK);
        return session->signal_fd < 0 ? FAULT(-errno) : 0;
}

/* --------------------------------------------------------------------------------------- loop */

enum session_slot {
        SLOT_CONN,
        SLOT_SIGNAL,
        SLOT_STDIN,
        SLOT_OUT,
        SLOT_ERR,
        SLOT_COUNT
};

static void session_fill_poll(const struct follow_session *session, struct pollfd *p)
{
        const bool wants_stdin =
                session->stdin_open && session->stream && jobctl_stream_room(session->stream) > 0;

        p[SLOT_CONN] = (struct pollfd){ .fd = jobctl_fd(session->app->conn), .events = POLLIN };
        p[SLOT_SIGNAL] = (struct pollfd){ .fd = session->signal_fd, .events = POLLIN };
        p[SLOT_STDIN] = (struct pollfd){ .fd = wants_stdin ? STDIN_FILENO : -1, .events = POLLIN };
        p[SLOT_OUT] =
                (struct pollfd){ .fd = sink_is_full(session->out) ? sink_fd(session->out) : -1,
                                 .events = POLLOUT };
        p[SLOT_ERR] =
                (struct pollfd){ .fd = sink_is_full(session->err) ? sink_fd(session->err) : -1,
                                 .events = POLLOUT };
}

static int session_loop(struct follow_session *session, const sigset_t *before)
{
        session_tell_where(session, before);
        while (!session->done || (session->status != EXIT_CODE_INTERRUPTED &&
                                  (sink_is_full(session->out) || sink_is_full(session->err)))) {
                struct pollfd p[SLOT_COUNT];

                session_fill_poll(session, p);
                if (session->done)
                        p[SLOT_CONN].fd = p[SLOT_STDIN].fd = -1;
                if (poll(p, SLOT_COUNT, -1) < 0 && errno != EINTR)
                        return FAULT(-errno);
                if (p[SLOT_SIGNAL].revents)
                        session_on_signal(session);
                if (p[SLOT_OUT].revents || p[SLOT_ERR].revents)
                        session_flush_sinks(session);
                if (p[SLOT_STDIN].revents && !session->done)
                        session_read_stdin(session);
                if (p[SLOT_CONN].revents && !session->done)
                        (void)jobctl_process(session->app->conn);
                session_tell_where(session, before);
        }
        return 0;
}

static void session_on_caught_up(void *arg)
{
        struct follow_session *const session = arg;

        if (session->filter)
                (void)line_filter_show_tail(session->filter);
}

/* Starts the stream of session->job. */
static void session_follow(struct follow_session *session)
{
        static const struct jobctl_stream_ops ops = {
                .size = sizeof(ops),
                .on_data = session_on_data,
                .on_item = session_on_news,
                .on_stdin = session_on_stdin,
                .on_caught_up = session_on_caught_up,
                .on_end = session_on_end,
        };
        const struct follow_session_options *const options = session->options;
        const bool until_end = options->flags & FOLLOW_SESSION_UNTIL_END;
        const unsigned int flags = (until_end ? JOBCTL_FOLLOW_UNTIL_END : 0) |
                                   (session->stdin_open ? JOBCTL_FOLLOW_STDIN : 0) |
                                   (until_end && options->tail_lines ? JOBCTL_FOLLOW_CAUGHT_UP : 0);

        if (jobctl_follow(session->app->conn, session->job, options->task, flags, &ops, session,
                          &session->stream))
                session_finish(session, app_fail_answer(session->app, JOBCTL_E_SYSTEM));
}

/* The answer may come after Ctrl-C ended the session: `arg` is what is left of the way to it. */
static void session_on_submitted(void *arg, int code, const char *text, uint64_t first_id,
                                 size_t count _unused_, bool existing)
{
        _cleanup_(freep) struct follow_session **backlink = arg;
        struct follow_session *const session = *backlink;

        if (!session)
                return;
        session->backlink = NULL;
        if (session->done)
                return;
        if (code) {
                session_finish(session,
                               app_fail(session->app, exit_code_from_answer(code), "%s", text));
                return;
        }
        session->job = first_id;
        if (existing)
                session->stdin_open = false; /* its stdin is its first submitter's */
        if (session->leaving) {
                session_leave(session);
                return;
        }
        if (session->cancelled)
                session_act(session, JOBCTL_ACTION_CANCEL, 0);
        session_follow(session);
}

static int session_submit(struct follow_session *session)
{
        struct follow_session **const backlink = malloc(sizeof(struct follow_session *));
        int r;

        if (!backlink)
                return FAULT(-ENOMEM);
        *backlink = session;
        r = jobctl_submit_async(session->app->conn, &session->options->spec, 1,
                                session_on_submitted, backlink);
        if (r) {
                free(backlink);
                session_finish(session, app_fail_answer(session->app, r));
                return 0;
        }
        session->backlink = backlink;
        return 0;
}

static int session_make_filter(struct follow_session *session)
{
        const struct follow_session_options *const options = session->options;
        const bool timestamps = options->flags & FOLLOW_SESSION_TIMESTAMPS;

        if (!options->tail_lines && !timestamps)
                return 0;
        return line_filter_new(options->tail_lines, timestamps, session_write, session,
                               &session->filter);
}

static int session_open(struct follow_session *session)
{
        const struct follow_session_options *const options = session->options;
        int r;

        session->job = options->job;
        session->stdin_open = options->flags & FOLLOW_SESSION_STDIN;
        session->room = malloc(FOLLOW_SESSION_READ_BYTES);
        if (!session->room)
                return FAULT(-ENOMEM);
        r = sink_new(STDOUT_FILENO, session->signal_fd, &session->out);
        if (r == 0)
                r = sink_new(STDERR_FILENO, session->signal_fd, &session->err);
        if (r == 0)
                r = session_make_filter(session);
        if (r)
                return PASS(r);
        if (!options->spec) {
                session_follow(session);
                return 0;
        }
        return PASS(session_submit(session));
}

static void session_deinit(struct follow_session *session)
{
        if (session->backlink)
                *session->backlink = NULL;
        jobctl_stream_free(session->stream);
        line_filter_free(session->filter);
        sink_free(session->out);
        sink_free(session->err);
        free(session->where);
        free(session->room);
        fd_close(session->signal_fd);
}

/*
 * The first turn finds the daemon, which may take a while, and greets it; the submission goes out
 * at its end. Until then Ctrl-C ends us at once.
 */
static int session_run(struct follow_session *session)
{
        sigset_t caught;
        sigset_t before;
        int r;

        r = session_open_signals(session, &caught);
        if (r == 0)
                r = session_open(session);
        if (r)
                return PASS(r);
        r = session->done ? 0 : jobctl_process(session->app->conn);
        if (r && !session->done)
                session_finish(session, app_fail_answer(session->app, r));
        if (sigprocmask(SIG_BLOCK, &caught, &before) < 0)
                return FAULT(-errno);
        r = session_loop(session, &before);
        (void)sigprocmask(SIG_SETMASK, &before, NULL);
        return r ? PASS(r) : 0;
}

int follow_session_run(struct app *app, const struct follow_session_options *options)
{
        _cleanup_(session_deinit) struct follow_session session = { .app = app,
                                                                    .options = options,
                                                                    .signal_fd = -1 };
        int r;

        if (!app_connection(app))
                return app->job_code ? EXIT_CODE_OURS : EXIT_CODE_ERROR;
        fflush(stdout);
        (void)signal(SIGPIPE, SIG_IGN); /* write(2) says EPIPE */
        r = session_run(&session);
        if (r)
                return app_fail(app, EXIT_CODE_ERROR, "following the job: %s", strerror(-r));
        return session.status;
}

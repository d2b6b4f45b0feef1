/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The loop behind map, and behind attach for jobs with tasks.
 *
 *     inputs ----> map_session_input ----> the open job         (map only)
 *     results ---> map_session_tasks ----> output, joblog, --on-done
 *     signals ---> cancel, or leave
 *
 * One poll(2) waits for the connection, the inputs, the signals, slow readers of our output and
 * --on-done; nothing waits for anything else. The submission, the first chunk of inputs and, when
 * that is all, the close go out in one write, before the job's number is known.
 *
 * What was written to the last byte is told to jobd (Seen), one message at a time, so that attach
 * goes on behind it. The joblog is written before.
 *
 * Leaving. Ctrl-C cancels the job and waits for the tasks that run; the second one leaves at once.
 * HUP, TERM, --detach-on-interrupt, and Ctrl-C of an attached session leave the job running: its
 * input is closed - as cut, unless all of it was read -, jobd gets the last Seen, and we go, after
 * two seconds in any case. When nobody reads our output any more the job is cancelled and we end by
 * SIGPIPE, as any tool in a pipeline does.
 */
#include "client/cmd/map_session.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/signalfd.h>

#include "common/clock.h"

#include "client/cmd/emit_object.h"
#include "client/cmd/joblog.h"
#include "client/cmd/map_input.h"
#include "client/cmd/map_options.h"
#include "client/cmd/map_session_private.h"
#include "client/cmd/on_done.h"
#include "client/cmd/select.h"

#define MAP_SESSION_TEXT_MAX 2048
#define MAP_SESSION_HURRY_USEC (500 * USEC_PER_MSEC) /* for the cancel to arrive */

void map_session_say(struct map_session *session, const char *fmt, ...)
{
        char text[MAP_SESSION_TEXT_MAX];
        va_list args;

        va_start(args, fmt);
        vsnprintf(text, sizeof(text), fmt, args);
        va_end(args);
        if (session->output && map_output_flush(session->output))
                errno = 0; /* the next write to it says so again */
        if (session->progress)
                progress_hide(session->progress);
        app_say("%s", text);
}

/* ------------------------------------------------------------------------------------- leaving */

static void session_leave(struct map_session *session, int status)
{
        if (session->leaving)
                return;
        session->leaving = true;
        session->status = status;
        session->leave_by_usec = clock_mono_usec() + MAP_SESSION_LEAVE_USEC;
}

static void session_on_acted(void *arg, int code _unused_, const char *text _unused_,
                             const struct jobctl_result *result _unused_)
{
        struct map_session *const session = arg;

        session->acts_waiting--;
}

static void session_cancel_job(struct map_session *session)
{
        const struct jobctl_act_options act = { .size = sizeof(act),
                                                .action = JOBCTL_ACTION_CANCEL };
        _cleanup_(jobctl_selector_freep) struct jobctl_selector *selector = NULL;

        if (session->job == 0)
                return; /* session_on_submitted() does it */
        if (jobctl_selector_new(&selector) ||
            jobctl_selector_add_range(selector, session->job, session->job) ||
            jobctl_act_async(session->app->conn, &act, selector, session_on_acted, session)) {
                map_session_say(session, "the job could not be told: %s",
                                jobctl_error_text(session->app->conn));
                return;
        }
        session->acts_waiting++;
}

void map_session_break(struct map_session *session)
{
        if (session->leaving)
                return;
        session->ours = true;
        session->cancelled = true;
        session_cancel_job(session);
        session_leave(session, EXIT_CODE_OURS);
}

static void session_tell_detached(struct map_session *session)
{
        const unsigned long long job = session->job;

        if (session->options->input && !session->input_is_all)
                map_session_say(session,
                                "job %llu goes on with the inputs read so far, which are not all: "
                                "jobctl attach %llu",
                                job, job);
        else if (!session->app->common.quiet)
                map_session_say(session, "job %llu goes on: jobctl attach %llu", job, job);
}

/* Goes and leaves the job running. */
static void session_detach(struct map_session *session, int status)
{
        if (session->leaving)
                return;
        if (session->job > 0)
                session_tell_detached(session);
        map_session_stop_input(session, "jobctl was stopped before it had read all inputs");
        session_leave(session, status);
}

void map_session_on_output(struct map_session *session, int r)
{
        const int error = r < 0 ? -r : errno;

        if (r == 0 || session->leaving)
                return;
        session->reader_gone = r == MAP_OUTPUT_E_CLOSED;
        if (session->reader_gone && !session->options->plan) {
                session_leave(session, EXIT_CODE_OURS); /* only shown here: the job goes on */
                return;
        }
        if (!session->reader_gone && error == EIO) {
                session_detach(session, 128 + SIGHUP); /* our terminal went away */
                return;
        }
        if (!session->reader_gone)
                map_session_say(session, "cannot write the output of job %llu: %s",
                                (unsigned long long)session->job, strerror(error));
        map_session_break(session);
}

static void session_on_interrupt(struct map_session *session)
{
        const struct map_session_options *const options = session->options;

        if (session->leaving) {
                session->leave_by_usec = 0;
                return;
        }
        if (session->cancelled) {
                session_leave(session, EXIT_CODE_INTERRUPTED);
                session->leave_by_usec -= MAP_SESSION_LEAVE_USEC - MAP_SESSION_HURRY_USEC;
                return;
        }
        if (options->detach || !options->plan) {
                session_detach(session, EXIT_CODE_INTERRUPTED);
                return;
        }
        session->cancelled = true;
        if (!session->app->common.quiet)
                map_session_say(session, "cancelling job %llu (Ctrl-C again leaves at once)%s",
                                (unsigned long long)session->job,
                                options->joblog ? "; the same command with --resume goes on" : "");
        session_cancel_job(session);
}

static void session_on_signal(struct map_session *session)
{
        struct signalfd_siginfo info;

        if (read(session->signal_fd, &info, sizeof(info)) != (ssize_t)sizeof(info))
                return;
        if (info.ssi_signo == SIGWINCH)
                progress_on_resize(session->progress, clock_mono_usec());
        else if (info.ssi_signo == SIGINT)
                session_on_interrupt(session);
        else
                session_detach(session, 128 + (int)info.ssi_signo);
}

static int session_catch_signals(struct map_session *session, sigset_t *out_before)
{
        sigset_t set;

        sigemptyset(&set);
        sigaddset(&set, SIGINT);
        sigaddset(&set, SIGHUP);
        sigaddset(&set, SIGTERM);
        if (session->progress)
                sigaddset(&set, SIGWINCH);
        if (sigprocmask(SIG_BLOCK, &set, out_before) < 0)
                return FAULT(-errno);
        session->signal_fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
        return session->signal_fd < 0 ? FAULT(-errno) : 0;
}

/* ---------------------------------------------------------------------------------------- seen */

static void session_on_seen(void *arg, int code _unused_, const char *text _unused_,
                            const struct jobctl_result *result _unused_)
{
        struct map_session *const session = arg;

        session->seens_waiting--;
}

/* Writes what was shown, and tells jobd how far that is. */
static void session_write(struct map_session *session)
{
        const struct map_session_options *const options = session->options;
        struct reason why = { "" };

        map_session_on_output(session, map_output_flush(session->output));
        if (options->joblog && joblog_flush(options->joblog, &why)) {
                map_session_say(session, "%s", why.text);
                map_session_break(session);
                return;
        }
        if (map_output_is_empty(session->output) && !session->reader_gone)
                session->written_next = map_session_shown_next(session);
        if ((session->seens_waiting > 0 && !session->done) ||
            session->written_next <= session->seen_next || session->job == 0)
                return;
        session->seen_next = session->written_next;
        if (jobctl_seen_async(session->app->conn, session->job, session->seen_next, session_on_seen,
                              session) == 0)
                session->seens_waiting++;
}

/* ---------------------------------------------------------------------------------------- loop */

enum session_slot {
        SLOT_CONN,
        SLOT_SIGNAL,
        SLOT_INPUT,
        SLOT_OUT,
        SLOT_ERR,
        SLOT_ON_DONE,
        SLOT_COUNT
};

/* jobd knows what was written. */
static bool session_is_seen(const struct map_session *session)
{
        return session->seens_waiting == 0 && session->seen_next == session->written_next;
}

static bool session_is_over(const struct map_session *session)
{
        const struct on_done *const on_done = session->options->on_done;
        const bool late = clock_mono_usec() >= session->leave_by_usec;

        if (session->leaving)
                return late || (session->acts_waiting == 0 && session->job > 0 &&
                                (!session->input_closing || session->cancelled) &&
                                (map_output_is_empty(session->output) || session->reader_gone) &&
                                session_is_seen(session));
        return session->done && !session->shown && TAILQ_EMPTY(&session->live) &&
               map_output_is_empty(session->output) && (!on_done || on_done_is_idle(on_done)) &&
               (late || session_is_seen(session));
}

static void session_fill_poll(const struct map_session *session, struct pollfd *p)
{
        const struct on_done *const on_done = session->options->on_done;

        p[SLOT_CONN] = (struct pollfd){ .fd = jobctl_fd(session->app->conn), .events = POLLIN };
        p[SLOT_SIGNAL] = (struct pollfd){ .fd = session->signal_fd, .events = POLLIN };
        p[SLOT_INPUT] = (struct pollfd){ .fd = map_session_input_fd(session), .events = POLLIN };
        map_output_poll(session->output, &p[SLOT_OUT]);
        p[SLOT_ON_DONE] =
                (struct pollfd){ .fd = on_done ? on_done_fd(on_done) : -1, .events = POLLIN };
}

/* How long to sleep, for poll(2). */
static int session_timeout_ms(const struct map_session *session)
{
        const uint64_t now = clock_mono_usec();
        uint64_t until = session->leaving || session->done ? session->leave_by_usec : USEC_NONE;

        if (map_session_wants_feed(session))
                return 0;
        if (session->progress && !session->leaving)
                until = MIN(until, progress_deadline(session->progress));
        if (until == USEC_NONE || (session->done && !session->leaving && until <= now))
                return -1; /* late, and still a reader or --on-done to wait for */
        return until <= now ? 0 : (int)MIN((until - now) / USEC_PER_MSEC + 1, 3600000U);
}

static void session_on_done(struct map_session *session)
{
        struct reason why = { "out of memory" };

        if (on_done_process(session->options->on_done, &why)) {
                map_session_say(session, "%s", why.text);
                map_session_break(session);
        }
}

/* What follows from all that has happened: before we wait for more, and before we end. */
static void session_settle(struct map_session *session)
{
        map_session_feed(session);
        map_json_put_job(session);
        session_write(session);
        if (session->leaving)
                map_session_drop_tasks(session); /* not in one of their callbacks */
        map_session_update_flow(session);
        if (session->progress)
                progress_tick(session->progress, clock_mono_usec());
}

static int session_loop(struct map_session *session)
{
        struct pollfd p[SLOT_COUNT];

        for (;;) {
                session_settle(session);
                if (session_is_over(session))
                        return 0;
                session_fill_poll(session, p);
                if (poll(p, SLOT_COUNT, session_timeout_ms(session)) < 0 && errno != EINTR)
                        return FAULT(-errno);
                if (p[SLOT_SIGNAL].revents)
                        session_on_signal(session);
                if (p[SLOT_CONN].revents)
                        (void)jobctl_process(session->app->conn);
                if (p[SLOT_INPUT].revents)
                        session->input_waits = false;
                if (p[SLOT_ON_DONE].revents)
                        session_on_done(session);
        }
}

/* ------------------------------------------------------------------------------------ beginning */

/* The answer may come after the session ended: `arg` is what is left of the way to it. */
static void session_on_submitted(void *arg, int code, const char *text, uint64_t first_id,
                                 size_t count _unused_, bool existing)
{
        _cleanup_(freep) struct map_session **backlink = arg;
        struct map_session *const session = *backlink;

        if (!session)
                return;
        session->backlink = NULL;
        if (code) {
                session->input = jobctl_input_free(session->input);
                map_session_say(session, "%s", text);
                session->ours = session->done = true;
                session->leave_by_usec = 0;
                return;
        }
        session->job = first_id;
        if (session->input)
                jobctl_input_set_job(session->input, first_id);
        if (session->cancelled)
                session_cancel_job(session);
        else if (session->leaving)
                session_tell_detached(session);
        if (session->leaving)
                return;
        if (!session->input && existing)
                map_session_say(session, "job %llu is there already: its tasks are shown",
                                (unsigned long long)first_id);
        else if (!session->input && map_session_open_input(session))
                map_session_break(session);
        map_session_ask_results(session);
}

/*
 * Submission and first inputs, without waiting between. A job with a unique key may be there
 * already, and must not get our inputs then: they wait for the answer.
 */
static int session_submit(struct map_session *session)
{
        const struct map_session_options *const options = session->options;
        struct map_session **const backlink = malloc(sizeof(struct map_session *));
        int r;

        if (!backlink)
                return FAULT(-ENOMEM);
        *backlink = session;
        r = jobctl_submit_async(session->app->conn, &options->spec, 1, session_on_submitted,
                                backlink);
        if (r) {
                free(backlink);
                (void)app_fail_answer(session->app, r);
                session->ours = session->done = true;
                return 0;
        }
        session->backlink = backlink;
        if (jobctl_get_text(jobctl_spec_item(options->spec), JOBCTL_SPEC_UNIQUE, NULL))
                return 0;
        r = map_session_open_input(session);
        if (r)
                return PASS(r);
        map_session_feed(session);
        return 0;
}

static int session_make_memory(struct map_session *session)
{
        const struct map_session_options *const options = session->options;
        const uint32_t values = options->input ? map_input_values(options->input) : 0;
        int r;

        if (!options->input || !(options->tag || options->files || options->joblog ||
                                 options->on_done || session->json))
                return 0;
        session->words_max = values;
        session->words = calloc(values, sizeof(*session->words));
        if (!session->words)
                return FAULT(-ENOMEM);
        r = map_values_new(values, &session->values);
        return r ? PASS(r) : 0;
}

static int session_open(struct map_session *session)
{
        int r = 0;

        if (session->options->progress)
                r = progress_new(STDERR_FILENO, isatty(STDERR_FILENO) == 1, NULL, clock_mono_usec(),
                                 &session->progress);
        if (r == 0)
                r = map_output_new(session->progress, &session->output);
        if (r == 0)
                r = session_make_memory(session);
        if (r)
                return PASS(r);
        session->job = session->options->job;
        if (session->job == 0)
                r = session_submit(session);
        else
                map_session_ask_results(session);
        return r ? PASS(r) : 0;
}

static void session_deinit(struct map_session *session)
{
        if (session->backlink)
                *session->backlink = NULL;
        map_session_drop_tasks(session);
        jobctl_input_free(session->input);
        /* What still awaits an answer gets it while we are there. */
        session->app->conn = jobctl_free(session->app->conn);
        told_deinit(&session->told);
        told_deinit(&session->begun);
        emit_object_free(session->job_json);
        map_output_free(session->output);
        progress_free(session->progress);
        map_values_free(session->values);
        free(session->words);
        fd_close(session->signal_fd);
}

static void session_tell_on_done(const struct map_session *session)
{
        const struct on_done *const on_done = session->options->on_done;
        const uint64_t failures = on_done ? on_done_failures(on_done) : 0;

        if (failures > 0)
                app_tell(session->app, "--on-done's command failed %llu time%s",
                         (unsigned long long)failures, failures == 1 ? "" : "s");
}

/* As any tool in a pipeline whose reader has gone: quietly, and the shell can tell. */
static void session_die_of_pipe(void)
{
        (void)signal(SIGPIPE, SIG_DFL);
        raise(SIGPIPE);
}

static int session_run(struct map_session *session)
{
        sigset_t before;
        int r;

        r = session_open(session);
        if (r)
                return PASS(r);
        /* The first turn finds the daemon; what was queued goes out at its end, and no earlier. */
        if (!session->done && jobctl_process(session->app->conn) && !session->done)
                return app_fail_answer(session->app, JOBCTL_E_NO_DAEMON);
        r = session_catch_signals(session, &before); /* until here Ctrl-C ends us at once */
        if (r == 0)
                r = session_loop(session);
        if (session->progress && !session->leaving)
                progress_finish(session->progress, clock_mono_usec());
        else if (session->progress)
                progress_hide(session->progress);
        (void)sigprocmask(SIG_SETMASK, &before, NULL);
        session_tell_on_done(session);
        return r ? PASS(r) : 0;
}

int map_session_run(struct app *app, const struct map_session_options *options)
{
        _cleanup_(session_deinit) struct map_session session = {
                .app = app, .options = options, .json = app->common.json, .signal_fd = -1
        };
        int r;

        TAILQ_INIT(&session.live);
        session.input_at_end = !options->input;
        if (!app_connection(app))
                return EXIT_CODE_OURS;
        fflush(stdout);
        (void)signal(SIGPIPE, SIG_IGN); /* write(2) says EPIPE */
        r = session_run(&session);
        if (r > 0)
                return r;
        if (r)
                return app_fail(app, EXIT_CODE_ERROR, "the map: %s", strerror(-r));
        if (session.reader_gone)
                session_die_of_pipe();
        return session.leaving ? session.status : map_session_status(&session);
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The loop of top. One poll(2) waits for keys, for signals (through a descriptor, so no handler
 * runs) and for the connection; it has a time-out only when something is due:
 *
 *     something happened, and the newest picture is older than the interval:  ask for another
 *     others use the daemon, whose doings are not told to us:  ask now and then
 *     something runs:  draw again when the next second begins, from what is known
 *     an answer is late:  say so
 *
 * On an idle machine nothing is due, and nothing wakes up. Keys only change the view; acts on jobs
 * are sent without waiting, and their answers come as messages. The terminal is given back at every
 * end, before a stop (Ctrl-Z) and while `jobctl logs` has it, which is a program of its own.
 */
#include "client/cmd/top_live.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/signalfd.h>

#include "common/clock.h"
#include "common/error.h"
#include "common/text.h"

#include "client/cmd/top_live_private.h"

#define LIVE_LATE_USEC (2 * USEC_PER_SEC)
#define LIVE_OTHERS_INTERVALS 5
#define LIVE_READ_BYTES 256
#define LIVE_LINE_END "\033[K\n"

static void live_deinit(struct top_live *live)
{
        top_terminal_leave(&live->terminal);
        /* An act that is not answered yet would be told to us. */
        live->app->conn = jobctl_free(live->app->conn);
        fd_close(live->signal_fd);
        (void)sigprocmask(SIG_SETMASK, &live->before, NULL);
        top_model_deinit(&live->model);
}

void live_finish(struct top_live *live, int status)
{
        live->done = true;
        live->status = status;
}

/* The terminal is not to be had. */
static void live_fail(struct top_live *live, int r)
{
        top_terminal_leave(&live->terminal);
        live_finish(live, app_fail(live->app, EXIT_CODE_ERROR, "cannot use the terminal: %s",
                                   strerror(-r)));
}

void live_enter(struct top_live *live)
{
        const int r = top_terminal_enter(&live->terminal, live->view.mode != TOP_PAUSE);

        if (r)
                live_fail(live, r);
        live->view.rows = live->terminal.rows;
        live->view.columns = live->terminal.columns;
        live->is_dirty = true;
}

void live_say(struct top_live *live, const char *text)
{
        text_escape_into(text, strlen(text), live->view.message, sizeof(live->view.message));
        live->is_dirty = true;
}

/* ------------------------------------------------------------------------------------ drawing */

/* The lines, each cleared to its end, and what is below. Owned; NULL without memory. */
static char *live_render(const char *text, size_t *out_size)
{
        char *made = NULL;
        FILE *const out = open_memstream(&made, out_size);

        if (!out)
                return NULL;
        fputs("\033[H", out);
        for (; *text; text++)
                if (*text == '\n')
                        fputs(LIVE_LINE_END, out);
                else
                        fputc(*text, out);
        fputs("\033[K\033[J", out);
        if (fclose(out) == 0)
                return made;
        free(made);
        return NULL;
}

static void live_draw(struct top_live *live)
{
        _cleanup_(freep) char *text = NULL;
        _cleanup_(freep) char *made = NULL;
        size_t size = 0;
        FILE *out;

        if (live->view.mode == TOP_PAUSE)
                return;
        live->view.now_wall_usec = clock_wall_usec();
        out = open_memstream(&text, &size);
        if (!out || top_screen_draw(&live->view, &live->model, out)) {
                if (out)
                        fclose(out);
                return;
        }
        if (fclose(out) == 0)
                made = live_render(text, &size);
        live->is_stuck = made && !top_terminal_write(made, size);
        live->is_dirty = live->is_stuck;
}

/* ----------------------------------------------------------------------------------- pictures */

/* It cannot go on, and says why where that is seen: not on the screen that goes away. */
static void live_check(struct top_live *live)
{
        const char *text;
        const int code = top_fetch_failure(live->fetch, &text);

        if (code == JOBCTL_OK || live->done)
                return;
        top_terminal_leave(&live->terminal);
        live_finish(live, app_fail(live->app, exit_code_from_answer(code), "%s", text));
}

static void live_ask(struct top_live *live)
{
        live->asked_usec = clock_mono_usec();
        top_fetch_begin(live->fetch);
        live_check(live);
}

static void live_take(struct top_live *live)
{
        struct top_model model;
        size_t count;
        const size_t before = live_find_selected(live, &count);

        if (!top_fetch_take(live->fetch, &model))
                return;
        top_model_deinit(&live->model);
        live->model = model;
        live->view.is_away = false;
        live_select_again(live, before);
}

static bool live_has_running(const struct top_live *live)
{
        for (size_t i = 0; i < live->model.jobs_count; i++)
                if (live->model.jobs[i].start_wall_usec > 0)
                        return true;
        return false;
}

/* When the next picture is due, monotonic; USEC_NONE: when something happens. */
static uint64_t live_ask_usec(const struct top_live *live)
{
        const uint64_t interval_usec = live->options.interval_usec;

        if (top_fetch_is_pending(live->fetch))
                return USEC_NONE;
        if (top_fetch_is_stale(live->fetch))
                return live->asked_usec + interval_usec;
        return live->model.is_system ? live->asked_usec + LIVE_OTHERS_INTERVALS * interval_usec
                                     : USEC_NONE;
}

/* Milliseconds until something is due; -1: nothing is. */
static int live_next_msec(const struct top_live *live)
{
        const uint64_t now = clock_mono_usec();
        uint64_t at = live_ask_usec(live);

        if (top_fetch_is_pending(live->fetch) && !live->view.is_away)
                at = live->asked_usec + LIVE_LATE_USEC;
        if (live_has_running(live) && live->view.mode != TOP_PAUSE && !live->is_stuck)
                at = MIN(at, now + USEC_PER_SEC - clock_wall_usec() % USEC_PER_SEC);
        if (at == USEC_NONE)
                return -1;
        return at > now ? (int)((at - now + USEC_PER_MSEC - 1) / USEC_PER_MSEC) : 0;
}

static void live_on_time(struct top_live *live)
{
        const uint64_t now = clock_mono_usec();

        if (live_ask_usec(live) <= now)
                live_ask(live);
        else if (top_fetch_is_pending(live->fetch) && !live->view.is_away &&
                 now - live->asked_usec >= LIVE_LATE_USEC)
                live->view.is_away = live->is_dirty = true;
        if (live_has_running(live) &&
            clock_wall_usec() / USEC_PER_SEC != live->view.now_wall_usec / USEC_PER_SEC)
                live->is_dirty = true;
}

/* What happened while it was away is not told by events. */
static void live_note_connection(struct top_live *live)
{
        const bool is_lost = !jobctl_is_connected(live->app->conn);

        if (live->is_lost == is_lost)
                return;
        live->is_lost = is_lost;
        live->view.is_away = is_lost;
        live->is_dirty = true;
        if (!is_lost)
                live_ask(live);
}

static void live_on_connection(struct top_live *live)
{
        (void)jobctl_process(live->app->conn);
        live_note_connection(live);
        live_take(live);
        live_check(live);
}

/* ------------------------------------------------------------------------------------ signals */

/* Stops as anybody does at Ctrl-Z; SIGCONT will lead back. */
static void live_stop(struct top_live *live)
{
        top_terminal_leave(&live->terminal);
        (void)raise(SIGSTOP);
}

static void live_resize(struct top_live *live)
{
        top_terminal_measure(&live->terminal);
        live->view.rows = live->terminal.rows;
        live->view.columns = live->terminal.columns;
        live_select_again(live, 0);
}

static void live_on_signal(struct top_live *live)
{
        struct signalfd_siginfo info;

        if (read(live->signal_fd, &info, sizeof(info)) != (ssize_t)sizeof(info))
                return;
        if (info.ssi_signo == SIGWINCH) {
                live_resize(live);
        } else if (info.ssi_signo == SIGTSTP) {
                live_stop(live);
        } else if (info.ssi_signo == SIGCONT) {
                live_enter(live);
        } else {
                live->signo = (int)info.ssi_signo;
                live->done = true;
        }
}

static int live_catch_signals(struct top_live *live)
{
        static const int caught[] = {
                SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGTSTP, SIGCONT, SIGWINCH
        };
        sigset_t set;

        sigemptyset(&set);
        for (size_t i = 0; i < ARRAY_SIZE(caught); i++)
                sigaddset(&set, caught[i]);
        if (sigprocmask(SIG_BLOCK, &set, &live->before) < 0)
                return FAULT(-errno);
        live->signal_fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
        return live->signal_fd < 0 ? FAULT(-errno) : 0;
}

/* --------------------------------------------------------------------------------------- loop */

static void live_on_stdin(struct top_live *live)
{
        char data[LIVE_READ_BYTES];
        const ssize_t n = read(STDIN_FILENO, data, sizeof(data));

        if (n > 0)
                live_on_typed(live, data, (size_t)n);
        else if (n == 0 || (errno != EINTR && errno != EAGAIN))
                live_finish(live, EXIT_CODE_OK); /* the terminal is gone */
}

static void live_turn(struct top_live *live)
{
        struct pollfd fds[] = {
                { .fd = STDIN_FILENO, .events = POLLIN },
                { .fd = live->signal_fd, .events = POLLIN },
                { .fd = jobctl_fd(live->app->conn), .events = POLLIN },
                { .fd = live->is_stuck ? STDOUT_FILENO : -1, .events = POLLOUT },
        };

        if (poll(fds, ARRAY_SIZE(fds), live_next_msec(live)) < 0 && errno != EINTR) {
                live_fail(live, -errno);
                return;
        }
        if (fds[1].revents)
                live_on_signal(live);
        if (fds[2].revents && !live->done)
                live_on_connection(live);
        if (fds[0].revents && !live->done)
                live_on_stdin(live);
        if (!live->done)
                live_on_time(live);
        if (!live->done && live->is_dirty)
                live_draw(live);
}

/* As if nothing had been caught. */
static void live_die(struct top_live *live)
{
        sigset_t set;

        sigemptyset(&set);
        sigaddset(&set, live->signo);
        (void)signal(live->signo, SIG_DFL);
        (void)raise(live->signo);
        (void)sigprocmask(SIG_UNBLOCK, &set, NULL);
}

int top_live_run(struct app *app, struct top_fetch *fetch, const struct top_live_options *options)
{
        _cleanup_(live_deinit) struct top_live live = {
                .app = app,
                .fetch = fetch,
                .options = *options,
                .signal_fd = -1,
                .view = { .is_live = true, .colour = app->colour, .all_users = options->all_users },
        };
        int r;

        r = live_catch_signals(&live);
        if (r)
                return app_fail(app, EXIT_CODE_ERROR, "cannot catch signals: %s", strerror(-r));
        live_ask(&live);
        if (!live.done)
                live_enter(&live);
        while (!live.done)
                live_turn(&live);
        top_terminal_leave(&live.terminal);
        if (live.signo)
                live_die(&live);
        return live.status;
}

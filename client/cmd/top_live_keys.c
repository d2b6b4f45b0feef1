/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What keys do in top: they choose a job, type a filter, and act on the job that is chosen. Acts
 * are sent without waiting; what comes of them is said in the last line. The output of a job is
 * shown by `jobctl logs`, a program of its own, which has the terminal meanwhile: its Ctrl-C is its
 * own, and when it is stopped, so are we. Called by top_live.c.
 */
#include <errno.h>
#include <poll.h>
#include <spawn.h>
#include <stdio.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/text.h"

#include "client/cmd/select.h"
#include "client/cmd/top_keys.h"
#include "client/cmd/top_live_private.h"

/* Takes back what stands in the line. */
#define LIVE_LINE_AGAIN "\r\033[K"

/* --------------------------------------------------------------------------------- which job */

size_t live_find_selected(const struct top_live *live, size_t *out_count)
{
        size_t at = SIZE_MAX, count = 0;

        for (size_t i = 0; i < live->model.jobs_count; i++) {
                if (!top_view_passes(&live->view, &live->model.jobs[i]))
                        continue;
                if (live->model.jobs[i].id == live->view.selected)
                        at = count;
                count++;
        }
        *out_count = count;
        return at;
}

static const struct top_job *live_job_at(const struct top_live *live, size_t place)
{
        for (size_t i = 0; i < live->model.jobs_count; i++)
                if (top_view_passes(&live->view, &live->model.jobs[i]) && place-- == 0)
                        return &live->model.jobs[i];
        return NULL;
}

/* Selects the job at this place, or the last; scrolls so that it is seen. */
static void live_select(struct top_live *live, size_t place)
{
        const size_t room = MAX(top_screen_room(&live->view, &live->model), (size_t)1);
        const struct top_job *job;
        size_t count;

        (void)live_find_selected(live, &count);
        place = count > 0 ? MIN(place, count - 1) : 0;
        job = live_job_at(live, place);
        live->view.selected = job ? job->id : 0;
        if (place < live->view.first)
                live->view.first = place;
        if (place >= live->view.first + room)
                live->view.first = place + 1 - room;
        live->view.first = MIN(live->view.first, count > room ? count - room : 0);
        live->is_dirty = true;
}

void live_select_again(struct top_live *live, size_t before)
{
        size_t count;
        const size_t at = live_find_selected(live, &count);

        live_select(live, at != SIZE_MAX ? at : before != SIZE_MAX ? before : 0);
}

/* --------------------------------------------------------------------------------------- acts */

static void live_on_act(void *arg, int code, const char *text, const struct jobctl_result *result)
{
        struct top_live *const live = arg;
        const struct jobctl_item *const act = code ? NULL : jobctl_result_item(result, 0);
        const struct jobctl_item *const problem = code ? NULL : jobctl_result_problem(result, 0);
        const char *said = act ? jobctl_get_text(act, JOBCTL_ACT_MESSAGE, NULL) : text;

        if (problem)
                said = jobctl_get_text(problem, JOBCTL_PROBLEM_MESSAGE, NULL);
        live_say(live, said ? said : "");
}

static void live_act(struct top_live *live, enum jobctl_action action, uint64_t id)
{
        const struct jobctl_act_options options = { .size = sizeof(options), .action = action };
        _cleanup_(jobctl_selector_freep) struct jobctl_selector *selector = NULL;

        if (jobctl_selector_new(&selector) || jobctl_selector_add_range(selector, id, id) ||
            jobctl_act_async(live->app->conn, &options, selector, live_on_act, live))
                live_say(live, jobctl_error_text(live->app->conn));
}

static const struct top_job *live_selected(struct top_live *live)
{
        const size_t at = top_model_find(&live->model, live->view.selected);

        return at != SIZE_MAX ? &live->model.jobs[at] : NULL;
}

static void live_cancel(struct top_live *live)
{
        const struct top_job *const job = live_selected(live);

        if (!job)
                return;
        live->asked_action = JOBCTL_ACTION_CANCEL;
        live->asked_id = job->id;
        live->view.mode = TOP_ASK;
        snprintf(live->view.message, sizeof(live->view.message), "cancel job %llu%s%.60s%s? y/n",
                 (unsigned long long)job->id, job->name[0] ? " (" : "", job->name,
                 job->name[0] ? ")" : "");
}

static void live_pause(struct top_live *live)
{
        const struct top_job *const job = live_selected(live);

        if (job)
                live_act(live,
                         job->state == JOBCTL_STATE_PAUSED ? JOBCTL_ACTION_RESUME
                                                           : JOBCTL_ACTION_PAUSE,
                         job->id);
}

/* ------------------------------------------------------------------------- giving it away */

/* Until it has ended; a stop of it is ours as well. */
static void live_wait_child(pid_t pid)
{
        for (;;) {
                int status = 0;
                const pid_t r = waitpid(pid, &status, WUNTRACED);

                if (r < 0 && errno == EINTR)
                        continue;
                if (r < 0 || !WIFSTOPPED(status))
                        return;
                (void)raise(SIGSTOP);
                (void)kill(pid, SIGCONT);
        }
}

/* Signals that were meant for it. */
static void live_drop_signals(struct top_live *live)
{
        struct signalfd_siginfo info;
        struct pollfd p = { .fd = live->signal_fd, .events = POLLIN };

        while (poll(&p, 1, 0) == 1 &&
               read(live->signal_fd, &info, sizeof(info)) == (ssize_t)sizeof(info))
                if (info.ssi_signo == SIGTERM || info.ssi_signo == SIGHUP) {
                        live->signo = (int)info.ssi_signo;
                        live->done = true;
                }
}

static void live_run_logs(struct top_live *live, char **argv)
{
        posix_spawnattr_t attributes;
        pid_t pid;
        int r;

        top_terminal_leave(&live->terminal);
        r = posix_spawnattr_init(&attributes);
        if (r == 0) {
                (void)posix_spawnattr_setsigmask(&attributes, &live->before);
                (void)posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK);
                r = posix_spawn(&pid, "/proc/self/exe", NULL, &attributes, argv, environ);
                (void)posix_spawnattr_destroy(&attributes);
        }
        if (r == 0)
                live_wait_child(pid);
        else
                app_say("cannot run jobctl logs: %s", strerror(r));
        live_drop_signals(live);
        fputs("-- any key: back to top --", stdout);
        fflush(stdout);
        live->view.mode = TOP_PAUSE;
        live_enter(live);
}

static void live_logs(struct top_live *live)
{
        const struct top_job *const job = live_selected(live);
        char id[24], command[] = "logs", follow[] = "--follow", plain[] = "--no-pager",
                     socket[] = "--socket", name[] = "jobctl";
        _cleanup_(freep) char *path = NULL;
        const char *const where = jobctl_socket_path(live->app->conn);

        path = strdup(where ? where : "");
        if (!job || !path)
                return;
        snprintf(id, sizeof(id), "%llu", (unsigned long long)job->id);
        live_run_logs(live, (char *[]){ name, socket, path, command,
                                        jobctl_state_is_finished(job->state) ? plain : follow, id,
                                        NULL });
}

/* --------------------------------------------------------------------------------------- keys */

static void live_move(struct top_live *live, int key)
{
        const size_t room = top_screen_room(&live->view, &live->model);
        size_t count;
        size_t at = live_find_selected(live, &count);

        if (at == SIZE_MAX)
                at = 0;
        else if (key == TOP_KEY_UP || key == 'k')
                at -= at > 0 ? 1 : 0;
        else if (key == TOP_KEY_DOWN || key == 'j')
                at++;
        else if (key == TOP_KEY_PAGE_UP)
                at -= MIN(at, room);
        else if (key == TOP_KEY_PAGE_DOWN)
                at += room;
        else
                at = key == TOP_KEY_HOME ? 0 : count;
        live_select(live, at);
}

static void live_quit(struct top_live *live)
{
        live_finish(live, EXIT_CODE_OK);
}

static void live_begin_filter(struct top_live *live)
{
        live->view.mode = TOP_FILTER;
        live->view.filter[0] = '\0';
        live_select_again(live, 0);
}

static void live_help(struct top_live *live)
{
        live->view.mode = TOP_HELP;
}

static void live_on_command(struct top_live *live, int key)
{
        static const struct {
                int key;
                void (*run)(struct top_live *live);
        } commands_of_keys[] = {
                { 'q', live_quit }, { 'c', live_cancel },       { 'p', live_pause },
                { 'l', live_logs }, { '/', live_begin_filter }, { '?', live_help },
                { 'h', live_help },
        };
        static const int moves[] = {
                TOP_KEY_UP,      TOP_KEY_DOWN,      'k',          'j',
                TOP_KEY_PAGE_UP, TOP_KEY_PAGE_DOWN, TOP_KEY_HOME, TOP_KEY_END
        };

        live->view.message[0] = '\0';
        for (size_t i = 0; i < ARRAY_SIZE(moves); i++)
                if (moves[i] == key)
                        live_move(live, key);
        for (size_t i = 0; i < ARRAY_SIZE(commands_of_keys); i++)
                if (commands_of_keys[i].key == key)
                        commands_of_keys[i].run(live);
}

static void live_on_filter(struct top_live *live, int key)
{
        char *const filter = live->view.filter;
        size_t n = strlen(filter);

        if (key == TOP_KEY_ENTER || key == TOP_KEY_ESCAPE)
                live->view.mode = TOP_LIST;
        if (key == TOP_KEY_ESCAPE)
                filter[0] = '\0';
        if (key == TOP_KEY_BACKSPACE && n > 0) {
                while (n > 0 && ((unsigned char)filter[n - 1] & 0xc0) == 0x80)
                        n--;
                filter[n > 0 ? n - 1 : 0] = '\0';
        }
        live_select_again(live, 0);
}

/* Characters of the filter, as they came. */
static void live_type_filter(struct top_live *live, const char *data, size_t size)
{
        _cleanup_(freep) char *safe = text_escape(data, size);
        const size_t n = strlen(live->view.filter);

        if (safe && n + strlen(safe) < sizeof(live->view.filter))
                strcpy(live->view.filter + n, safe);
        live_select_again(live, 0);
}

static void live_on_ask(struct top_live *live, int key)
{
        live->view.mode = TOP_LIST;
        live->view.message[0] = '\0';
        if (key == 'y' || key == 'Y')
                live_act(live, live->asked_action, live->asked_id);
}

/* Help, or the end of logs: any key leads back, and the line that said so goes. */
static void live_on_back(struct top_live *live, int key _unused_)
{
        if (live->view.mode == TOP_PAUSE)
                (void)top_terminal_write(LIVE_LINE_AGAIN, strlen(LIVE_LINE_AGAIN));
        live->view.mode = TOP_LIST;
        live_enter(live);
}

static void live_on_key(struct top_live *live, int key, const char *data, size_t size)
{
        static void (*const modes[])(struct top_live * live, int key) = {
                [TOP_LIST] = live_on_command, [TOP_FILTER] = live_on_filter,
                [TOP_ASK] = live_on_ask,      [TOP_HELP] = live_on_back,
                [TOP_PAUSE] = live_on_back,
        };

        live->is_dirty = true;
        if (live->view.mode == TOP_FILTER && key != TOP_KEY_NONE && key < TOP_KEY_ENTER)
                live_type_filter(live, data, size);
        else
                modes[live->view.mode](live, key);
}

void live_on_typed(struct top_live *live, const char *data, size_t size)
{
        size_t used;

        for (size_t at = 0; at < size && !live->done; at += used) {
                const int key = top_key_read(data + at, size - at, &used);

                live_on_key(live, key, data + at, used);
        }
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The callback of a map, a wait, a run: a line of shell for each end, with what is known of it in
 * the environment, in the order in which the ends were told, one at a time.
 *
 *     push -> queue -> sh -c CMD -> pidfd readable -> process -> the next
 *
 * Nothing waits here: the session polls on_done_fd(), and stops asking for more ends while
 * on_done_is_full(). The queue holds ready environments, so nothing of a task is needed longer than
 * the push. CMD starts with an empty signal mask and default actions, since the session blocks
 * signals to read them from a descriptor.
 */
#include "client/cmd/on_done.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define ON_DONE_VARIABLES_MAX 12

/* What one run of CMD has in its environment beside ours. */
struct on_done_item {
        struct on_done_item *next;              /* owned: the queue's */
        char *variables[ON_DONE_VARIABLES_MAX]; /* owned: "K=V" */
        size_t variables_count;
};

struct on_done {
        const char *command;               /* borrowed */
        struct on_done_item *first, *last; /* owned: waiting */
        size_t waiting;
        pid_t pid; /* 0: nothing runs */
        int fd;    /* owned: its pidfd */
        uint64_t failures;
};

static struct on_done_item *on_done_item_free(struct on_done_item *item)
{
        if (!item)
                return NULL;
        for (size_t i = 0; i < item->variables_count; i++)
                free(item->variables[i]);
        free(item);
        return NULL;
}
DEFINE_CLEANUP(struct on_done_item *, on_done_item_free);

int on_done_new(const char *command, struct on_done **out_on_done)
{
        struct on_done *const on_done = calloc(1, sizeof(*on_done));

        if (!on_done)
                return FAULT(-ENOMEM);
        on_done->command = command;
        on_done->fd = -1;
        *out_on_done = on_done;
        return 0;
}

struct on_done *on_done_free(struct on_done *on_done)
{
        if (!on_done)
                return NULL;
        while (on_done->first) {
                struct on_done_item *const item = on_done->first;

                on_done->first = item->next;
                on_done_item_free(item);
        }
        fd_close(on_done->fd);
        free(on_done);
        return NULL;
}

/* ------------------------------------------------------------------------------ the environment */

/* Adds "K=V"; false without memory. */
static bool _printf_(2, 3) on_done_set(struct on_done_item *item, const char *fmt, ...)
{
        va_list args;
        int n;

        va_start(args, fmt);
        n = vasprintf(&item->variables[item->variables_count], fmt, args);
        va_end(args);
        if (n >= 0)
                item->variables_count++;
        return n >= 0;
}

/* JOBD_OUTPUT: no zero bytes, no newlines at the end. */
static bool on_done_set_output(struct on_done_item *item, const char *output, size_t size)
{
        static const char name[] = "JOBD_OUTPUT=";
        char *const text = malloc(sizeof(name) + MIN(size, ON_DONE_OUTPUT_MAX));
        char *to;

        if (!text)
                return false;
        to = stpcpy(text, name);
        for (size_t i = 0; i < MIN(size, ON_DONE_OUTPUT_MAX); i++)
                if (output[i])
                        *to++ = output[i];
        while (to > text + sizeof(name) - 1 && to[-1] == '\n')
                to--;
        *to = '\0';
        item->variables[item->variables_count++] = text;
        return true;
}

static bool on_done_fill(struct on_done_item *item, const struct on_done_task *task)
{
        bool ok;

        ok = on_done_set(item, "JOBD_JOB_ID=%" PRIu64, task->job) &&
             on_done_set(item, "JOBD_ATTEMPT=%" PRIu32, task->attempt) &&
             on_done_set(item, "JOBD_STATE=%s", jobctl_state_name(task->state)) &&
             on_done_set(item, "JOBD_EXIT_SIGNAL=%d", task->exit_signal) &&
             on_done_set(item, "JOBD_RUN_SECONDS=%" PRIu64 ".%06" PRIu64, task->run_usec / 1000000,
                         task->run_usec % 1000000);
        if (ok && task->exit_code >= 0)
                ok = on_done_set(item, "JOBD_EXIT_CODE=%d", task->exit_code);
        else if (ok)
                ok = on_done_set(item, "JOBD_EXIT_CODE=");
        if (ok && task->has_task)
                ok = on_done_set(item, "JOBD_TASK_ID=%" PRIu64, task->task);
        if (ok && task->command)
                ok = on_done_set(item, "JOBD_COMMAND=%s", task->command);
        if (ok && task->results)
                ok = on_done_set(item, "JOBD_RESULTS=%s", task->results);
        if (ok && task->output)
                ok = on_done_set_output(item, task->output, task->output_size);
        return ok;
}

/* Is this entry of our environment one that CMD gets anew, or must not see? */
static bool on_done_is_ours(const char *entry)
{
        static const char *const names[] = {
                "JOBD_JOB_ID",      "JOBD_TASK_ID",   "JOBD_ATTEMPT",     "JOBD_STATE",
                "JOBD_EXIT_SIGNAL", "JOBD_EXIT_CODE", "JOBD_RUN_SECONDS", "JOBD_COMMAND",
                "JOBD_RESULTS",     "JOBD_OUTPUT",
        };
        const size_t length = strcspn(entry, "=");

        for (size_t i = 0; i < ARRAY_SIZE(names); i++)
                if (strlen(names[i]) == length && strncmp(names[i], entry, length) == 0)
                        return true;
        return false;
}

/* The array is owned by the caller, the entries are not. NULL without memory. */
static char **on_done_make_environment(const struct on_done_item *item)
{
        size_t count = 0;
        char **list;

        while (environ[count])
                count++;
        list = calloc(count + item->variables_count + 1, sizeof(*list));
        if (!list)
                return NULL;
        count = 0;
        for (char **entry = environ; *entry; entry++)
                if (!on_done_is_ours(*entry))
                        list[count++] = *entry;
        memcpy(list + count, item->variables, item->variables_count * sizeof(*list));
        return list;
}

/* ---------------------------------------------------------------------------------- running CMD */

/* 0, or an errno. */
static int on_done_spawn(const struct on_done *on_done, char **environment, pid_t *out_pid)
{
        static const int signals[] = { SIGHUP,  SIGINT,  SIGQUIT, SIGTERM,
                                       SIGPIPE, SIGUSR1, SIGUSR2, SIGCHLD };
        char *const command = strdup(on_done->command);
        char shell[] = "sh", option[] = "-c";
        char *const argv[] = { shell, option, command, NULL };
        posix_spawn_file_actions_t actions;
        posix_spawnattr_t attributes;
        sigset_t none, defaults;
        int r;

        sigemptyset(&none);
        sigemptyset(&defaults);
        for (size_t i = 0; i < ARRAY_SIZE(signals); i++)
                sigaddset(&defaults, signals[i]);
        posix_spawn_file_actions_init(&actions);
        posix_spawnattr_init(&attributes);
        posix_spawnattr_setsigmask(&attributes, &none);
        posix_spawnattr_setsigdefault(&attributes, &defaults);
        posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
        r = command ? posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null",
                                                       O_RDONLY, 0)
                    : ENOMEM;
        if (r == 0)
                r = posix_spawn(out_pid, "/bin/sh", &actions, &attributes, argv, environment);
        posix_spawnattr_destroy(&attributes);
        posix_spawn_file_actions_destroy(&actions);
        free(command);
        return r;
}

/* Starts CMD for the first that waits, when nothing runs. */
static int on_done_start(struct on_done *on_done, struct reason *why)
{
        _cleanup_(on_done_item_freep) struct on_done_item *item = NULL;
        _cleanup_(freep) char **environment = NULL;
        int r;

        if (on_done->pid || !on_done->first)
                return 0;
        item = on_done->first;
        on_done->first = item->next;
        if (!on_done->first)
                on_done->last = NULL;
        on_done->waiting--;
        environment = on_done_make_environment(item);
        if (!environment)
                return FAULT(-ENOMEM);
        r = on_done_spawn(on_done, environment, &on_done->pid);
        if (r) {
                on_done->pid = 0;
                return reason_set(why, ON_DONE_E_FAILED, "cannot run --on-done's command: %s",
                                  strerror(r));
        }
        on_done->fd = (int)syscall(SYS_pidfd_open, on_done->pid, 0);
        return on_done->fd < 0 ? FAULT(-errno) : 0;
}

int on_done_push(struct on_done *on_done, const struct on_done_task *task, struct reason *why)
{
        _cleanup_(on_done_item_freep) struct on_done_item *item = NULL;
        int r;

        if (on_done_is_full(on_done))
                return ON_DONE_E_FULL;
        item = calloc(1, sizeof(*item));
        if (!item || !on_done_fill(item, task))
                return FAULT(-ENOMEM);
        if (on_done->last)
                on_done->last->next = item;
        else
                on_done->first = item;
        on_done->last = TAKE_PTR(item);
        on_done->waiting++;
        r = on_done_start(on_done, why);
        return r < 0 ? PASS(r) : r;
}

int on_done_process(struct on_done *on_done, struct reason *why)
{
        struct pollfd p = { .fd = on_done->fd, .events = POLLIN };
        int status = 0;
        int r;

        if (!on_done->pid || poll(&p, 1, 0) != 1)
                return 0;
        while (waitpid(on_done->pid, &status, 0) < 0)
                if (errno != EINTR)
                        return FAULT(-errno);
        if (status != 0)
                on_done->failures++;
        on_done->pid = 0;
        on_done->fd = fd_close(on_done->fd);
        r = on_done_start(on_done, why);
        return r < 0 ? PASS(r) : r;
}

bool on_done_is_full(const struct on_done *on_done)
{
        return on_done->waiting >= ON_DONE_QUEUE_MAX;
}

int on_done_fd(const struct on_done *on_done)
{
        return on_done->fd;
}

bool on_done_is_idle(const struct on_done *on_done)
{
        return !on_done->pid && !on_done->first;
}

uint64_t on_done_failures(const struct on_done *on_done)
{
        return on_done->failures;
}

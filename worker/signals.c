/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A worker keeps every signal blocked and at its default action for its whole life and reads the
 * few that matter from a signalfd. So a start needs no masking around vfork (a handler must never
 * run in the child's borrowed memory), the child has only its mask to undo, SIGPIPE stays pending
 * instead of killing, and several dead children cost one read.
 */
#include "worker/signals.h"

#include <errno.h>
#include <signal.h>
#include <sys/signalfd.h>
#include <sys/syscall.h>

#include "common/error.h"

#define SIGNALS_AT_ONCE 4

/* Of the kernel, with room for every architecture's; all zero is SIG_DFL. */
struct signals_action {
        unsigned long words[8];
};

struct signals {
        int fd;                   /* owned */
        struct loop_watch *watch; /* owned */
        signals_fn fn;
        void *arg; /* borrowed: the caller's */
};

static void signals_on_readable(void *arg, _unused_ unsigned int flags)
{
        const struct signals *signals = arg;
        struct signalfd_siginfo info[SIGNALS_AT_ONCE];
        const ssize_t n = read(signals->fd, info, sizeof(info));

        for (ssize_t i = 0; i < n / (ssize_t)sizeof(info[0]); i++)
                signals->fn(signals->arg, (int)info[i].ssi_signo);
}

void signals_set_default(void)
{
        static const struct signals_action deflt;

        /* libc hides two signals for itself, which a parent may have left ignored all the same. */
        for (int signo = 1; signo < _NSIG; signo++)
                (void)syscall(SYS_rt_sigaction, signo, &deflt, NULL, _NSIG / 8);
}

static int signals_block_all(void)
{
        sigset_t all;

        signals_set_default();
        sigfillset(&all);
        return sigprocmask(SIG_SETMASK, &all, NULL) < 0 ? FAULT(-errno) : 0;
}

int signals_new(struct loop *loop, signals_fn fn, void *arg, struct signals **out_signals)
{
        _cleanup_(signals_freep) struct signals *signals = calloc(1, sizeof(*signals));
        sigset_t wanted;
        int r;

        if (!signals)
                return FAULT(-ENOMEM);
        signals->fd = -1;
        signals->fn = fn;
        signals->arg = arg;
        r = signals_block_all();
        if (r)
                return PASS(r);
        sigemptyset(&wanted);
        sigaddset(&wanted, SIGCHLD);
        sigaddset(&wanted, SIGTERM);
        sigaddset(&wanted, SIGINT);
        sigaddset(&wanted, SIGHUP);
        signals->fd = signalfd(-1, &wanted, SFD_CLOEXEC | SFD_NONBLOCK);
        if (signals->fd < 0)
                return FAULT(-errno);
        r = loop_watch_new(loop, signals->fd, LOOP_READ, signals_on_readable, signals,
                           &signals->watch);
        if (r)
                return PASS(r);
        *out_signals = TAKE_PTR(signals);
        return 0;
}

struct signals *signals_free(struct signals *signals)
{
        if (!signals)
                return NULL;
        loop_watch_free(signals->watch);
        fd_close(signals->fd);
        free(signals);
        return NULL;
}

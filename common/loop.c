/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The event loop: libevent's core behind our names.
 *
 * loop_run() turns: wait until something is ready, run the callbacks of everything that is ready,
 * then the turn hook, once. While nothing is ready the process sleeps in epoll_wait(2); there is
 * no timer of our own, so an idle program makes no wake-ups at all.
 *
 * A watch is two libevent events, one for each direction, so that switching writing on and off is
 * one epoll_ctl(2) and leaves reading alone; when both are ready its callback is called twice. A
 * timer never fires early: libevent counts with the kernel's coarse clock, which lags by up to
 * 4 ms, so a timer that is called before its time is started again for the rest. An alarm is a
 * timerfd on the wall clock that also reports when that clock is set.
 *
 * Everything may be freed in any callback, its own included: nothing here touches an object after
 * its callback, and freeing one takes it out of the round. All of them must be freed before the
 * loop is. Signals belong to one loop per process.
 *
 * One thread only, loop_wake() and loop_stop() too; another thread wakes the loop by an eventfd.
 */
#include "common/loop.h"

#include <errno.h>
#include <event2/event.h>
#include <event2/event_struct.h>
#include <sys/timerfd.h>
#include <time.h>

#include "common/clock.h"
#include "common/error.h"
#include "common/log.h"

/* Longer delays are as good as never, and the sums with the clock cannot overflow. */
#define LOOP_DELAY_MAX_USEC (100ULL * 366 * 86400 * USEC_PER_SEC)

struct loop {
        struct event_base *base; /* owned */
        uint64_t begun_usec;     /* when the first callback of this turn was called; 0: none was */
        bool is_woken;
        bool is_stopped;
        int code;
};

struct loop_watch {
        struct loop *loop; /* borrowed: outlives us */
        struct event read, write;
        unsigned int flags;
        loop_watch_fn fn;
        void *arg; /* borrowed: the caller's */
};

struct loop_timer {
        struct loop *loop; /* borrowed: outlives us */
        struct event event;
        uint64_t due_usec; /* CLOCK_MONOTONIC */
        loop_timer_fn fn;
        void *arg; /* borrowed: the caller's */
};

struct loop_signal {
        struct loop *loop; /* borrowed: outlives us */
        struct event event;
        loop_signal_fn fn;
        void *arg; /* borrowed: the caller's */
};

struct loop_alarm {
        struct loop_watch *watch; /* owned */
        int fd;                   /* owned: the timerfd */
        loop_alarm_fn fn;
        void *arg; /* borrowed: the caller's */
};

/* libevent's own words; by default they would go to stderr past our log. */
static void loop_on_libevent_log(_unused_ int severity, const char *text)
{
        log_debug("libevent: %s", text);
}

/* libevent reports failure as -1 and leaves errno to luck. */
static int loop_libevent_error(void)
{
        return errno > 0 ? -errno : -EIO;
}

int loop_new(struct loop **out_loop)
{
        _cleanup_(loop_freep) struct loop *loop = calloc(1, sizeof(*loop));
        struct event_config *config;

        event_set_log_callback(loop_on_libevent_log);
        config = event_config_new();
        if (!loop || !config) {
                if (config)
                        event_config_free(config);
                return FAULT(-ENOMEM);
        }
        event_config_set_flag(config, EVENT_BASE_FLAG_NOLOCK);
        event_config_set_flag(config, EVENT_BASE_FLAG_IGNORE_ENV);
        errno = 0;
        loop->base = event_base_new_with_config(config);
        event_config_free(config);
        if (!loop->base)
                return FAULT(loop_libevent_error());
        *out_loop = TAKE_PTR(loop);
        return 0;
}

struct loop *loop_free(struct loop *loop)
{
        if (!loop)
                return NULL;
        if (loop->base)
                event_base_free(loop->base);
        free(loop);
        return NULL;
}

uint64_t loop_turn_usec(const struct loop *loop)
{
        return loop->begun_usec ? clock_mono_usec() - loop->begun_usec : 0;
}

/* A callback is due: the turn has begun, if it had not. */
static void loop_begin(struct loop *loop)
{
        if (!loop->begun_usec)
                loop->begun_usec = clock_mono_usec();
}

int loop_run(struct loop *loop, loop_turn_fn turn, void *arg)
{
        if (turn)
                turn(arg);
        while (!loop->is_stopped) {
                int flags = EVLOOP_ONCE | EVLOOP_NO_EXIT_ON_EMPTY;

                if (loop->is_woken)
                        flags |= EVLOOP_NONBLOCK;
                loop->is_woken = false;
                loop->begun_usec = 0;
                errno = 0;
                if (event_base_loop(loop->base, flags) < 0)
                        return FAULT(loop_libevent_error());
                loop_begin(loop);
                if (turn)
                        turn(arg);
        }
        loop->is_stopped = false;
        return loop->code;
}

void loop_stop(struct loop *loop, int code)
{
        loop->is_stopped = true;
        loop->code = code;
}

void loop_wake(struct loop *loop)
{
        loop->is_woken = true;
}

static void loop_watch_on_event(_unused_ evutil_socket_t fd, short what, void *arg)
{
        struct loop_watch *watch = arg;

        loop_begin(watch->loop);
        watch->fn(watch->arg, what & EV_READ ? LOOP_READ : LOOP_WRITE);
}

int loop_watch_new(struct loop *loop, int fd, unsigned int flags, loop_watch_fn fn, void *arg,
                   struct loop_watch **out_watch)
{
        struct loop_watch *watch = calloc(1, sizeof(*watch));
        int r;

        if (!watch)
                return FAULT(-ENOMEM);
        watch->loop = loop;
        watch->fn = fn;
        watch->arg = arg;
        if (event_assign(&watch->read, loop->base, fd, EV_READ | EV_PERSIST, loop_watch_on_event,
                         watch) < 0 ||
            event_assign(&watch->write, loop->base, fd, EV_WRITE | EV_PERSIST, loop_watch_on_event,
                         watch) < 0) {
                free(watch);
                return FAULT(-EINVAL);
        }
        r = loop_watch_set(watch, flags);
        if (r) {
                loop_watch_free(watch);
                return r < 0 ? PASS(r) : r;
        }
        *out_watch = watch;
        return 0;
}

struct loop_watch *loop_watch_free(struct loop_watch *watch)
{
        if (!watch)
                return NULL;
        event_del(&watch->read);
        event_del(&watch->write);
        free(watch);
        return NULL;
}

/* Adds or removes one direction when it differs; watch->flags says what is in force. */
static int loop_watch_set_one(struct loop_watch *watch, struct event *event, unsigned int flag,
                              unsigned int wanted)
{
        int r;

        if ((watch->flags & flag) == (wanted & flag))
                return 0;
        errno = 0;
        r = wanted & flag ? event_add(event, NULL) : event_del(event);
        if (r < 0)
                return errno == EPERM ? LOOP_E_ALWAYS_READY : FAULT(loop_libevent_error());
        watch->flags ^= flag;
        return 0;
}

int loop_watch_set(struct loop_watch *watch, unsigned int flags)
{
        int r;

        r = loop_watch_set_one(watch, &watch->read, LOOP_READ, flags);
        if (r == 0)
                r = loop_watch_set_one(watch, &watch->write, LOOP_WRITE, flags);
        return r < 0 ? PASS(r) : r;
}

static int loop_timer_add(struct loop_timer *timer, uint64_t delay_usec)
{
        const struct timeval tv = {
                .tv_sec = (time_t)(delay_usec / USEC_PER_SEC),
                .tv_usec = (suseconds_t)(delay_usec % USEC_PER_SEC),
        };

        errno = 0;
        return event_add(&timer->event, &tv) < 0 ? FAULT(loop_libevent_error()) : 0;
}

static void loop_timer_on_event(_unused_ evutil_socket_t fd, _unused_ short what, void *arg)
{
        struct loop_timer *timer = arg;
        const uint64_t now = clock_mono_usec();

        /* Early by the coarse clock. Without memory to wait on, early is better than never. */
        if (now < timer->due_usec && loop_timer_add(timer, timer->due_usec - now) == 0)
                return;
        loop_begin(timer->loop);
        timer->fn(timer->arg);
}

int loop_timer_new(struct loop *loop, loop_timer_fn fn, void *arg, struct loop_timer **out_timer)
{
        struct loop_timer *timer = calloc(1, sizeof(*timer));

        if (!timer)
                return FAULT(-ENOMEM);
        timer->loop = loop;
        timer->fn = fn;
        timer->arg = arg;
        if (event_assign(&timer->event, loop->base, -1, 0, loop_timer_on_event, timer) < 0) {
                free(timer);
                return FAULT(-EINVAL);
        }
        *out_timer = timer;
        return 0;
}

struct loop_timer *loop_timer_free(struct loop_timer *timer)
{
        if (!timer)
                return NULL;
        event_del(&timer->event);
        free(timer);
        return NULL;
}

int loop_timer_start(struct loop_timer *timer, uint64_t delay_usec)
{
        const uint64_t delay = MIN(delay_usec, LOOP_DELAY_MAX_USEC);
        int r;

        timer->due_usec = clock_mono_usec() + delay;
        r = loop_timer_add(timer, delay);
        return PASS(r);
}

void loop_timer_stop(struct loop_timer *timer)
{
        event_del(&timer->event);
}

bool loop_timer_is_on(const struct loop_timer *timer)
{
        return event_pending(&timer->event, EV_TIMEOUT, NULL) != 0;
}

static void loop_signal_on_event(evutil_socket_t signo, _unused_ short what, void *arg)
{
        struct loop_signal *sig = arg;

        loop_begin(sig->loop);
        sig->fn(sig->arg, signo);
}

int loop_signal_new(struct loop *loop, int signo, loop_signal_fn fn, void *arg,
                    struct loop_signal **out_signal)
{
        struct loop_signal *sig = calloc(1, sizeof(*sig));

        if (!sig)
                return FAULT(-ENOMEM);
        sig->loop = loop;
        sig->fn = fn;
        sig->arg = arg;
        errno = 0;
        if (event_assign(&sig->event, loop->base, signo, EV_SIGNAL | EV_PERSIST,
                         loop_signal_on_event, sig) < 0 ||
            event_add(&sig->event, NULL) < 0) {
                free(sig);
                return FAULT(loop_libevent_error());
        }
        *out_signal = sig;
        return 0;
}

struct loop_signal *loop_signal_free(struct loop_signal *sig)
{
        if (!sig)
                return NULL;
        event_del(&sig->event);
        free(sig);
        return NULL;
}

static void loop_alarm_on_ready(void *arg, _unused_ unsigned int flags)
{
        struct loop_alarm *alarm = arg;
        uint64_t count;

        if (read(alarm->fd, &count, sizeof(count)) == sizeof(count)) {
                alarm->fn(alarm->arg, false);
                return;
        }
        if (errno == ECANCELED) {
                alarm->fn(alarm->arg, true);
                return;
        }
        /* Readable, yet not to be read: without this the loop would spin. */
        if (errno != EAGAIN && errno != EINTR && loop_watch_set(alarm->watch, 0))
                log_debug("an alarm cannot be stopped");
}

int loop_alarm_new(struct loop *loop, loop_alarm_fn fn, void *arg, struct loop_alarm **out_alarm)
{
        _cleanup_(loop_alarm_freep) struct loop_alarm *alarm = calloc(1, sizeof(*alarm));
        int r;

        if (!alarm)
                return FAULT(-ENOMEM);
        alarm->fn = fn;
        alarm->arg = arg;
        alarm->fd = timerfd_create(CLOCK_REALTIME, TFD_CLOEXEC | TFD_NONBLOCK);
        if (alarm->fd < 0)
                return FAULT(-errno);
        r = loop_watch_new(loop, alarm->fd, LOOP_READ, loop_alarm_on_ready, alarm, &alarm->watch);
        if (r)
                return PASS(r);
        *out_alarm = TAKE_PTR(alarm);
        return 0;
}

struct loop_alarm *loop_alarm_free(struct loop_alarm *alarm)
{
        if (!alarm)
                return NULL;
        loop_watch_free(alarm->watch);
        fd_close(alarm->fd);
        free(alarm);
        return NULL;
}

int loop_alarm_set(struct loop_alarm *alarm, uint64_t wall_usec)
{
        struct itimerspec spec = { 0 };

        if (wall_usec != USEC_NONE) {
                spec.it_value.tv_sec = (time_t)(wall_usec / USEC_PER_SEC);
                spec.it_value.tv_nsec = (long)(wall_usec % USEC_PER_SEC) * 1000;
                /* All zero would disarm it; 1970 is past, and the past fires at once. */
                if (wall_usec == 0)
                        spec.it_value.tv_nsec = 1;
        }
        /* ECANCELED: the clock was set since the last look; this time is to be set all the same. */
        while (timerfd_settime(alarm->fd, TFD_TIMER_ABSTIME | TFD_TIMER_CANCEL_ON_SET, &spec,
                               NULL) < 0)
                if (errno != ECANCELED)
                        return FAULT(-errno);
        return 0;
}

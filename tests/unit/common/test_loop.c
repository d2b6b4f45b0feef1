/* SPDX-License-Identifier: Apache-2.0 */
/* The turn, watches, timers, signals and alarms; freeing in callbacks; sleeping when idle. */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/time.h>

#include "common/clock.h"
#include "common/loop.h"
#include "common/process.h"

#include "suite.h"

/* One of everything, and what was called. */
struct world {
        struct loop *loop;
        struct loop_watch *watch;
        struct loop_timer *timer, *other;
        struct loop_signal *sig;
        struct loop_alarm *alarm;
        int fds[2];
        int turns, reads, writes, timers, signals, alarms, jumps;
        int stop_at_turn;
        pid_t tid; /* of the thread that runs the loop */
};

static void world_init(struct world *w)
{
        *w = (struct world){ .stop_at_turn = -1 };
        ck_assert_int_eq(loop_new(&w->loop), 0);
        ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, w->fds),
                         0);
}

static void world_deinit(struct world *w)
{
        loop_watch_free(w->watch);
        loop_timer_free(w->timer);
        loop_timer_free(w->other);
        loop_signal_free(w->sig);
        loop_alarm_free(w->alarm);
        loop_free(w->loop);
        close(w->fds[0]);
        close(w->fds[1]);
}

static void on_turn(void *arg)
{
        struct world *w = arg;

        if (++w->turns == w->stop_at_turn)
                loop_stop(w->loop, 5);
}

static void on_ready(void *arg, unsigned int flags)
{
        struct world *w = arg;
        char byte;

        if (flags & LOOP_WRITE)
                w->writes++;
        if (flags & LOOP_READ) {
                w->reads++;
                if (read(w->fds[0], &byte, 1) == 1 && byte == 'q')
                        loop_stop(w->loop, 1);
        }
}

static void on_timer(void *arg)
{
        struct world *w = arg;

        w->timers++;
        loop_stop(w->loop, 2);
}

START_TEST(the_turn_runs_first_and_after_each_round)
{
        struct world w;

        world_init(&w);
        w.stop_at_turn = 1;
        ck_assert_int_eq(loop_run(w.loop, on_turn, &w), 5);
        ck_assert_int_eq(w.turns, 1);
        ck_assert_int_eq(loop_watch_new(w.loop, w.fds[0], LOOP_READ, on_ready, &w, &w.watch), 0);
        ck_assert_int_eq(write(w.fds[1], "aaq", 3), 3);
        w.turns = 0;
        w.stop_at_turn = -1;
        ck_assert_int_eq(loop_run(w.loop, on_turn, &w), 1);
        ck_assert_int_eq(w.reads, 3);
        ck_assert_int_eq(w.turns, 4);
        /* A stop from before ends it as well. */
        loop_stop(w.loop, 0);
        ck_assert_int_eq(loop_run(w.loop, NULL, NULL), 0);
        world_deinit(&w);
}
END_TEST

START_TEST(watches_can_be_changed)
{
        struct world w;

        world_init(&w);
        ck_assert_int_eq(loop_timer_new(w.loop, on_timer, &w, &w.timer), 0);
        ck_assert_int_eq(loop_watch_new(w.loop, w.fds[0], 0, on_ready, &w, &w.watch), 0);
        ck_assert_int_eq(write(w.fds[1], "a", 1), 1);
        ck_assert_int_eq(loop_timer_start(w.timer, 1000), 0);
        ck_assert_int_eq(loop_run(w.loop, NULL, NULL), 2);
        ck_assert_int_eq(w.reads + w.writes, 0);
        /* Both directions are ready in one round. */
        ck_assert_int_eq(loop_watch_set(w.watch, LOOP_READ | LOOP_WRITE), 0);
        ck_assert_int_eq(loop_watch_set(w.watch, LOOP_READ | LOOP_WRITE), 0);
        w.stop_at_turn = 2;
        ck_assert_int_eq(loop_run(w.loop, on_turn, &w), 5);
        ck_assert_int_eq(w.reads, 1);
        ck_assert_int_eq(w.writes, 1);
        ck_assert_int_eq(loop_watch_set(w.watch, LOOP_READ), 0);
        ck_assert_int_eq(write(w.fds[1], "q", 1), 1);
        ck_assert_int_eq(loop_run(w.loop, NULL, NULL), 1);
        ck_assert_int_eq(w.reads, 2);
        ck_assert_int_eq(w.writes, 1);
        ck_assert_int_eq(loop_watch_set(w.watch, 0), 0);
        ck_assert_int_eq(write(w.fds[1], "q", 1), 1);
        ck_assert_int_eq(loop_timer_start(w.timer, 1000), 0);
        ck_assert_int_eq(loop_run(w.loop, NULL, NULL), 2);
        ck_assert_int_eq(w.reads, 2);
        world_deinit(&w);
}
END_TEST

START_TEST(a_hang_up_is_readable)
{
        struct world w;

        world_init(&w);
        ck_assert_int_eq(loop_watch_new(w.loop, w.fds[0], LOOP_READ, on_ready, &w, &w.watch), 0);
        close(w.fds[1]);
        w.fds[1] = -1;
        w.stop_at_turn = 2;
        ck_assert_int_eq(loop_run(w.loop, on_turn, &w), 5);
        ck_assert_int_eq(w.reads, 1);
        world_deinit(&w);
}
END_TEST

START_TEST(what_epoll_refuses_is_an_answer)
{
        _cleanup_(fd_closep) int file = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
        struct world w;

        world_init(&w);
        ck_assert_int_ge(file, 0);
        ck_assert_int_eq(loop_watch_new(w.loop, file, LOOP_READ, on_ready, &w, &w.watch),
                         LOOP_E_ALWAYS_READY);
        ck_assert_ptr_null(w.watch);
        ck_assert_int_eq(loop_watch_new(w.loop, file, 0, on_ready, &w, &w.watch), 0);
        ck_assert_int_eq(loop_watch_set(w.watch, LOOP_WRITE), LOOP_E_ALWAYS_READY);
        ck_assert_int_eq(loop_watch_set(w.watch, 0), 0);
        world_deinit(&w);
}
END_TEST

START_TEST(a_timer_is_never_early)
{
        struct world w;

        world_init(&w);
        ck_assert_int_eq(loop_timer_new(w.loop, on_timer, &w, &w.timer), 0);
        ck_assert(!loop_timer_is_on(w.timer));
        /* Always ready: the loop looks at its timers as often as it can. */
        ck_assert_int_eq(loop_watch_new(w.loop, w.fds[0], LOOP_WRITE, on_ready, &w, &w.watch), 0);
        for (uint64_t delay = 0; delay <= 10200; delay += 300) {
                const uint64_t tick = clock_mono_usec();
                uint64_t start = tick;

                /* The last one fired at a tick of the coarse clock: go into the middle of one. */
                while (start < tick + 3000)
                        start = clock_mono_usec();
                ck_assert_int_eq(loop_timer_start(w.timer, delay), 0);
                ck_assert(loop_timer_is_on(w.timer));
                ck_assert_int_eq(loop_run(w.loop, NULL, NULL), 2);
                ck_assert(!loop_timer_is_on(w.timer));
                ck_assert_uint_ge(clock_mono_usec(), start + delay);
        }
        ck_assert_int_eq(w.timers, 35);
        world_deinit(&w);
}
END_TEST

static void on_other_timer(void *arg)
{
        struct world *w = arg;

        w->alarms++;
}

START_TEST(timers_stop_and_move)
{
        struct world w;
        uint64_t start;

        world_init(&w);
        ck_assert_int_eq(loop_timer_new(w.loop, on_timer, &w, &w.timer), 0);
        ck_assert_int_eq(loop_timer_new(w.loop, on_other_timer, &w, &w.other), 0);
        ck_assert_int_eq(loop_timer_start(w.other, 1000), 0);
        loop_timer_stop(w.other);
        loop_timer_stop(w.other);
        ck_assert(!loop_timer_is_on(w.other));
        ck_assert_int_eq(loop_timer_start(w.other, UINT64_MAX), 0);
        ck_assert(loop_timer_is_on(w.other));
        start = clock_mono_usec();
        ck_assert_int_eq(loop_timer_start(w.timer, 5000), 0);
        ck_assert_int_eq(loop_timer_start(w.timer, 30000), 0);
        ck_assert_int_eq(loop_run(w.loop, NULL, NULL), 2);
        ck_assert_uint_ge(clock_mono_usec(), start + 30000);
        ck_assert_int_eq(w.timers, 1);
        ck_assert_int_eq(w.alarms, 0);
        world_deinit(&w);
}
END_TEST

static void on_waking_turn(void *arg)
{
        struct world *w = arg;

        if (++w->turns < 5)
                loop_wake(w->loop);
        else
                loop_stop(w->loop, 0);
}

static void on_ready_wake(void *arg, unsigned int flags)
{
        struct world *w = arg;

        on_ready(w, flags);
        loop_wake(w->loop);
}

START_TEST(wake_makes_one_more_turn)
{
        struct world w;

        world_init(&w);
        ck_assert_int_eq(loop_run(w.loop, on_waking_turn, &w), 0);
        ck_assert_int_eq(w.turns, 5);
        /* From a callback: the wait after this round's turn is the next one. */
        w.turns = 0;
        w.stop_at_turn = 3;
        ck_assert_int_eq(loop_watch_new(w.loop, w.fds[0], LOOP_READ, on_ready_wake, &w, &w.watch),
                         0);
        ck_assert_int_eq(write(w.fds[1], "a", 1), 1);
        ck_assert_int_eq(loop_run(w.loop, on_turn, &w), 5);
        ck_assert_int_eq(w.reads, 1);
        /* And only one: until the timer the loop sleeps again. */
        w.turns = 0;
        w.stop_at_turn = -1;
        loop_wake(w.loop);
        ck_assert_int_eq(loop_timer_new(w.loop, on_timer, &w, &w.timer), 0);
        ck_assert_int_eq(loop_timer_start(w.timer, 20000), 0);
        ck_assert_int_eq(loop_run(w.loop, on_turn, &w), 2);
        ck_assert_int_eq(w.turns, 3);
        world_deinit(&w);
}
END_TEST

START_TEST(waking_does_not_starve_descriptors)
{
        struct world w;

        world_init(&w);
        ck_assert_int_eq(loop_watch_new(w.loop, w.fds[0], LOOP_READ, on_ready, &w, &w.watch), 0);
        ck_assert_int_eq(write(w.fds[1], "aaaaaaaa", 8), 8);
        ck_assert_int_eq(loop_run(w.loop, on_waking_turn, &w), 0);
        ck_assert_int_eq(w.reads, 4);
        world_deinit(&w);
}
END_TEST

static void on_ready_free(void *arg, unsigned int flags)
{
        struct world *w = arg;

        on_ready(w, flags);
        w->watch = loop_watch_free(w->watch);
        w->timer = loop_timer_free(w->timer);
        w->alarm = loop_alarm_free(w->alarm);
        w->sig = loop_signal_free(w->sig);
}

static void on_timer_free(void *arg)
{
        struct world *w = arg;

        w->timers++;
        w->timer = loop_timer_free(w->timer);
        w->watch = loop_watch_free(w->watch);
        loop_stop(w->loop, 2);
}

static void on_signal_free(void *arg, _unused_ int signo)
{
        struct world *w = arg;

        w->signals++;
        w->sig = loop_signal_free(w->sig);
        loop_stop(w->loop, 3);
}

static void on_alarm_free(void *arg, _unused_ bool clock_jumped)
{
        struct world *w = arg;

        w->alarms++;
        w->alarm = loop_alarm_free(w->alarm);
        loop_stop(w->loop, 4);
}

START_TEST(everything_may_be_freed_in_its_callback)
{
        struct world w;

        world_init(&w);
        /* The watch frees itself and all that is ready in the same round, both its events too. */
        ck_assert_int_eq(loop_watch_new(w.loop, w.fds[0], LOOP_READ | LOOP_WRITE, on_ready_free, &w,
                                        &w.watch),
                         0);
        ck_assert_int_eq(loop_timer_new(w.loop, on_timer_free, &w, &w.timer), 0);
        ck_assert_int_eq(loop_signal_new(w.loop, SIGUSR1, on_signal_free, &w, &w.sig), 0);
        ck_assert_int_eq(loop_alarm_new(w.loop, on_alarm_free, &w, &w.alarm), 0);
        ck_assert_int_eq(write(w.fds[1], "a", 1), 1);
        w.stop_at_turn = 2;
        ck_assert_int_eq(loop_run(w.loop, on_turn, &w), 5);
        ck_assert_int_eq(w.reads + w.writes, 1);
        ck_assert_ptr_null(w.watch);

        ck_assert_int_eq(loop_timer_new(w.loop, on_timer_free, &w, &w.timer), 0);
        ck_assert_int_eq(loop_timer_start(w.timer, 0), 0);
        ck_assert_int_eq(loop_run(w.loop, NULL, NULL), 2);
        ck_assert_int_eq(loop_signal_new(w.loop, SIGUSR1, on_signal_free, &w, &w.sig), 0);
        raise(SIGUSR1);
        raise(SIGUSR1);
        ck_assert_int_eq(loop_run(w.loop, NULL, NULL), 3);
        ck_assert_int_eq(w.signals, 1);
        ck_assert_int_eq(loop_alarm_new(w.loop, on_alarm_free, &w, &w.alarm), 0);
        ck_assert_int_eq(loop_alarm_set(w.alarm, 0), 0);
        ck_assert_int_eq(loop_run(w.loop, NULL, NULL), 4);
        ck_assert_int_eq(w.alarms, 1);
        world_deinit(&w);
}
END_TEST

static void on_signal(void *arg, int signo)
{
        struct world *w = arg;

        ck_assert_int_eq(signo, SIGUSR1);
        w->signals++;
        loop_stop(w->loop, 3);
}

START_TEST(signals_arrive_in_the_loop)
{
        struct world w;

        world_init(&w);
        ck_assert_int_eq(loop_signal_new(w.loop, SIGUSR1, on_signal, &w, &w.sig), 0);
        raise(SIGUSR1);
        ck_assert_int_eq(w.signals, 0);
        ck_assert_int_eq(loop_run(w.loop, NULL, NULL), 3);
        ck_assert_int_eq(w.signals, 1);
        raise(SIGUSR1);
        ck_assert_int_eq(loop_run(w.loop, NULL, NULL), 3);
        ck_assert_int_eq(w.signals, 2);
        world_deinit(&w);
}
END_TEST

static void on_alarm(void *arg, bool clock_jumped)
{
        struct world *w = arg;

        w->alarms++;
        w->jumps += clock_jumped;
        loop_stop(w->loop, 4);
}

START_TEST(an_alarm_rings_at_its_time_and_at_once_when_past)
{
        struct world w;
        uint64_t due;

        world_init(&w);
        ck_assert_int_eq(loop_alarm_new(w.loop, on_alarm, &w, &w.alarm), 0);
        due = clock_wall_usec() + 20000;
        ck_assert_int_eq(loop_alarm_set(w.alarm, due), 0);
        ck_assert_int_eq(loop_run(w.loop, NULL, NULL), 4);
        ck_assert_uint_ge(clock_wall_usec(), due);
        ck_assert_int_eq(loop_alarm_set(w.alarm, 0), 0);
        ck_assert_int_eq(loop_run(w.loop, NULL, NULL), 4);
        ck_assert_int_eq(loop_alarm_set(w.alarm, clock_wall_usec() - USEC_PER_SEC), 0);
        ck_assert_int_eq(loop_run(w.loop, NULL, NULL), 4);
        ck_assert_int_eq(w.alarms, 3);
        /* Disarmed, and as good as never: only the timer rings. */
        ck_assert_int_eq(loop_timer_new(w.loop, on_timer, &w, &w.timer), 0);
        ck_assert_int_eq(loop_alarm_set(w.alarm, 0), 0);
        ck_assert_int_eq(loop_alarm_set(w.alarm, USEC_NONE), 0);
        ck_assert_int_eq(loop_timer_start(w.timer, 10000), 0);
        ck_assert_int_eq(loop_run(w.loop, NULL, NULL), 2);
        ck_assert_int_eq(loop_alarm_set(w.alarm, USEC_NONE - 1), 0);
        ck_assert_int_eq(loop_timer_start(w.timer, 10000), 0);
        ck_assert_int_eq(loop_run(w.loop, NULL, NULL), 2);
        ck_assert_int_eq(w.alarms, 3);
        ck_assert_int_eq(w.jumps, 0);
        world_deinit(&w);
}
END_TEST

/* The other thread's wait is what is waited for. */
static void *write_to_the_sleeper(void *arg)
{
        struct world *w = arg;
        struct process_stat stat;

        while (process_read_stat(w->tid, &stat) && stat.state != 'S')
                sched_yield();
        if (write(w->fds[1], "q", 1) != 1)
                return w;
        return NULL;
}

START_TEST(an_idle_loop_sleeps)
{
        struct rusage before, after;
        struct world w;
        pthread_t thread;
        void *failed;

        world_init(&w);
        w.tid = gettid();
        ck_assert_int_eq(loop_timer_new(w.loop, on_timer, &w, &w.timer), 0);
        ck_assert_int_eq(loop_alarm_new(w.loop, on_alarm, &w, &w.alarm), 0);
        ck_assert_int_eq(loop_signal_new(w.loop, SIGUSR1, on_signal, &w, &w.sig), 0);
        ck_assert_int_eq(loop_watch_new(w.loop, w.fds[0], LOOP_READ, on_ready, &w, &w.watch), 0);
        ck_assert_int_eq(pthread_create(&thread, NULL, write_to_the_sleeper, &w), 0);
        ck_assert_int_eq(getrusage(RUSAGE_THREAD, &before), 0);
        ck_assert_int_eq(loop_run(w.loop, on_turn, &w), 1);
        ck_assert_int_eq(getrusage(RUSAGE_THREAD, &after), 0);
        ck_assert_int_eq(pthread_join(thread, &failed), 0);
        ck_assert_ptr_null(failed);
        /* One turn before the wait, one after it, and one wait between. */
        ck_assert_int_eq(w.turns, 2);
        ck_assert_int_le(after.ru_nvcsw - before.ru_nvcsw, 2);
        world_deinit(&w);
}
END_TEST

#define BUSY_USEC 2000

/* Of a turn's time at least this is spent, and the loop is to say so. */
static void be_busy(void)
{
        const uint64_t since = clock_mono_usec();

        while (clock_mono_usec() - since < BUSY_USEC)
                ;
}

struct measured {
        struct loop *loop;
        uint64_t ended_usec; /* the last turn */
        uint64_t busy_usec;  /* spent in this one, at least */
        int turns, stop_at_turn;
};

static void measured_on_timer(void *arg)
{
        struct measured *m = arg;

        be_busy();
        m->busy_usec += BUSY_USEC;
}

static void measured_on_ready(void *arg, _unused_ unsigned int flags)
{
        measured_on_timer(arg);
}

static void measured_on_signal(void *arg, _unused_ int signo)
{
        measured_on_timer(arg);
}

static void measured_on_turn(void *arg)
{
        struct measured *m = arg;
        uint64_t turn_usec;

        /* In the turn before the first wait nothing was called. */
        if (m->turns > 0) {
                turn_usec = loop_turn_usec(m->loop);
                ck_assert_uint_ge(turn_usec, m->busy_usec);
                /* The wait does not belong to it. */
                ck_assert_uint_le(turn_usec, clock_mono_usec() - m->ended_usec);
                be_busy();
                ck_assert_uint_ge(loop_turn_usec(m->loop), turn_usec + BUSY_USEC);
        } else {
                ck_assert_uint_eq(loop_turn_usec(m->loop), 0);
        }
        m->busy_usec = 0;
        m->ended_usec = clock_mono_usec();
        if (++m->turns == m->stop_at_turn)
                loop_stop(m->loop, 5);
}

/* Two turns after the first; `begin` makes something due. */
static void measure_turns(void (*begin)(struct world *w, struct measured *m))
{
        struct measured m = { .stop_at_turn = 3 };
        struct world w;

        world_init(&w);
        m.loop = w.loop;
        ck_assert_uint_eq(loop_turn_usec(w.loop), 0);
        begin(&w, &m);
        ck_assert_int_eq(loop_run(w.loop, measured_on_turn, &m), 5);
        world_deinit(&w);
}

static void begin_reading(struct world *w, struct measured *m)
{
        ck_assert_int_eq(
                loop_watch_new(w->loop, w->fds[0], LOOP_READ, measured_on_ready, m, &w->watch), 0);
        ck_assert_int_eq(write(w->fds[1], "a", 1), 1);
}

static void begin_timers(struct world *w, struct measured *m)
{
        ck_assert_int_eq(loop_timer_new(w->loop, measured_on_timer, m, &w->timer), 0);
        ck_assert_int_eq(loop_timer_new(w->loop, measured_on_timer, m, &w->other), 0);
        ck_assert_int_eq(loop_timer_start(w->timer, 1000), 0);
        ck_assert_int_eq(loop_timer_start(w->other, 50000), 0);
}

static void begin_signals(struct world *w, struct measured *m)
{
        ck_assert_int_eq(loop_signal_new(w->loop, SIGUSR1, measured_on_signal, m, &w->sig), 0);
        m->stop_at_turn = 2;
        raise(SIGUSR1);
}

/* Woken up for nothing. */
static void begin_nothing(struct world *w, struct measured *m)
{
        m->stop_at_turn = 2;
        loop_wake(w->loop);
}

START_TEST(a_turn_lasts_since_its_first_callback)
{
        measure_turns(begin_reading);
        measure_turns(begin_timers);
        measure_turns(begin_signals);
        measure_turns(begin_nothing);
}
END_TEST

/* The turn before the first wait is the only one. */
static void on_only_turn(void *arg)
{
        int *turns = arg;

        if (++*turns > 1)
                _exit(2);
}

START_TEST(a_loop_with_nothing_to_watch_waits_too)
{
        const struct itimerval soon = { .it_value = { .tv_usec = 50000 } };
        struct loop *loop = NULL;
        int status, turns = 0;
        pid_t pid;

        pid = fork();
        if (pid == 0) {
                signal(SIGALRM, SIG_DFL);
                if (setitimer(ITIMER_REAL, &soon, NULL) < 0 || loop_new(&loop))
                        _exit(1);
                (void)!loop_run(loop, on_only_turn, &turns);
                _exit(3);
        }
        ck_assert_int_eq(waitpid(pid, &status, 0), pid);
        ck_assert(WIFSIGNALED(status) && WTERMSIG(status) == SIGALRM);
}
END_TEST

SUITE_MAIN("loop", NULL, NULL, the_turn_runs_first_and_after_each_round, watches_can_be_changed,
           a_hang_up_is_readable, what_epoll_refuses_is_an_answer, a_timer_is_never_early,
           timers_stop_and_move, wake_makes_one_more_turn, waking_does_not_starve_descriptors,
           everything_may_be_freed_in_its_callback, signals_arrive_in_the_loop,
           an_alarm_rings_at_its_time_and_at_once_when_past, an_idle_loop_sleeps,
           a_turn_lasts_since_its_first_callback, a_loop_with_nothing_to_watch_waits_too)

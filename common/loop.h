/* SPDX-License-Identifier: Apache-2.0 */
/* The event loop: descriptors, timers, signals. One of the two doors to libevent (see buffer.h). */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "common/cleanup.h"

struct loop;
struct loop_watch;
struct loop_timer;
struct loop_signal;
struct loop_alarm;

enum loop_flags {
        LOOP_READ = 1 << 0,
        LOOP_WRITE = 1 << 1,
};

enum loop_answer {
        LOOP_E_ALWAYS_READY = 1, /* a regular file or such: epoll refuses it; just read or write */
};

/*
 * Called for a ready descriptor; `flags` is what is ready, one direction a call. Level-triggered;
 * an error or hang-up counts as ready.
 */
typedef void (*loop_watch_fn)(void *arg, unsigned int flags);
typedef void (*loop_timer_fn)(void *arg);
typedef void (*loop_signal_fn)(void *arg, int signo);
/* clock_jumped: the wall clock was set; look at your times again. */
typedef void (*loop_alarm_fn)(void *arg, bool clock_jumped);
/* Called once after each round of callbacks: the rest of the turn (DECIDE, COMMIT, OUTPUT, BURY).
 */
typedef void (*loop_turn_fn)(void *arg);

_must_use_ int loop_new(struct loop **out_loop);
struct loop *loop_free(struct loop *loop);
DEFINE_CLEANUP(struct loop *, loop_free);

/*
 * Turns until loop_stop(): waits for events, runs their callbacks, calls `turn` (may be NULL).
 * `turn` also runs once before the first wait. Returns the code given to loop_stop(), or a fault.
 */
_must_use_ int loop_run(struct loop *loop, loop_turn_fn turn, void *arg);
/* Ends loop_run() after this turn with `code` (>= 0). */
void loop_stop(struct loop *loop, int code);
/* How long this turn has lasted: since its first callback was called. */
uint64_t loop_turn_usec(const struct loop *loop);
/* Makes the next wait return at once: there is more to do that no descriptor tells of. */
void loop_wake(struct loop *loop);

/*
 * fd: borrowed, must stay open until loop_watch_free(). flags may be 0: watch nothing yet.
 * 0, LOOP_E_ALWAYS_READY, or a fault. Whatever hangs on a loop must be freed before the loop.
 */
_must_use_ int loop_watch_new(struct loop *loop, int fd, unsigned int flags, loop_watch_fn fn,
                              void *arg, struct loop_watch **out_watch);
struct loop_watch *loop_watch_free(struct loop_watch *watch);
DEFINE_CLEANUP(struct loop_watch *, loop_watch_free);
/* Changes what is watched; cheap when nothing changes; 0 stops. */
_must_use_ int loop_watch_set(struct loop_watch *watch, unsigned int flags);

/*
 * One-shot monotonic timers, never early; starting a running timer moves it. A stopped timer costs
 * no wake-up.
 */
_must_use_ int loop_timer_new(struct loop *loop, loop_timer_fn fn, void *arg,
                              struct loop_timer **out_timer);
struct loop_timer *loop_timer_free(struct loop_timer *timer);
DEFINE_CLEANUP(struct loop_timer *, loop_timer_free);
_must_use_ int loop_timer_start(struct loop_timer *timer, uint64_t delay_usec);
void loop_timer_stop(struct loop_timer *timer);
bool loop_timer_is_on(const struct loop_timer *timer);

_must_use_ int loop_signal_new(struct loop *loop, int signo, loop_signal_fn fn, void *arg,
                               struct loop_signal **out_signal);
struct loop_signal *loop_signal_free(struct loop_signal *sig);
DEFINE_CLEANUP(struct loop_signal *, loop_signal_free);

/* Wall-clock alarm (timerfd with TFD_TIMER_CANCEL_ON_SET); USEC_NONE disarms. */
_must_use_ int loop_alarm_new(struct loop *loop, loop_alarm_fn fn, void *arg,
                              struct loop_alarm **out_alarm);
struct loop_alarm *loop_alarm_free(struct loop_alarm *alarm);
DEFINE_CLEANUP(struct loop_alarm *, loop_alarm_free);
_must_use_ int loop_alarm_set(struct loop_alarm *alarm, uint64_t wall_usec);

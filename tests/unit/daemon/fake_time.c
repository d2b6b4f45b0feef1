/* SPDX-License-Identifier: Apache-2.0 */
/*
 * clock_mono_usec() and loop_timer_*() for tests that must not wait: the linker puts these in their
 * place (--wrap, in CMakeLists.txt). There is one timer; its handle points at nothing of use.
 */
#include "fake_time.h"

#include "common/cleanup.h"
#include "common/clock.h"
#include "common/loop.h"

uint64_t __wrap_clock_mono_usec(void);
int __wrap_loop_timer_new(struct loop *loop, loop_timer_fn fn, void *arg,
                          struct loop_timer **out_timer);
struct loop_timer *__wrap_loop_timer_free(struct loop_timer *timer);
int __wrap_loop_timer_start(struct loop_timer *timer, uint64_t delay_usec);
bool __wrap_loop_timer_is_on(const struct loop_timer *timer);

uint64_t fake_now_usec, fake_due_usec;
static loop_timer_fn timer_fn;
static void *timer_arg;
static uint64_t timer_handle;

uint64_t __wrap_clock_mono_usec(void)
{
        return fake_now_usec;
}

int __wrap_loop_timer_new(struct loop *loop _unused_, loop_timer_fn fn, void *arg,
                          struct loop_timer **out_timer)
{
        timer_fn = fn;
        timer_arg = arg;
        *out_timer = (void *)&timer_handle;
        return 0;
}

struct loop_timer *__wrap_loop_timer_free(struct loop_timer *timer _unused_)
{
        return NULL;
}

int __wrap_loop_timer_start(struct loop_timer *timer _unused_, uint64_t delay_usec)
{
        fake_due_usec = fake_now_usec + delay_usec;
        return 0;
}

bool __wrap_loop_timer_is_on(const struct loop_timer *timer _unused_)
{
        return fake_due_usec > 0;
}

void fake_time_start(void)
{
        fake_now_usec = 3600 * USEC_PER_SEC;
        fake_due_usec = 0;
}

void fake_time_pass(uint64_t usec)
{
        const uint64_t end_usec = fake_now_usec + usec;

        while (fake_due_usec > 0 && fake_due_usec <= end_usec) {
                fake_now_usec = fake_due_usec;
                fake_due_usec = 0;
                timer_fn(timer_arg);
        }
        fake_now_usec = end_usec;
}

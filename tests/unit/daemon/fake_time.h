/* SPDX-License-Identifier: Apache-2.0 */
/* The monotonic clock and one timer, in the test's own time: whoever links fake_time gets them
 * instead. */
#pragma once

#include <stdint.h>

/* Microseconds: what the clock says; when the timer goes off, 0 while it is not on. */
extern uint64_t fake_now_usec, fake_due_usec;

/* Before each test: an hour of the clock, and no timer. */
void fake_time_start(void);
/* Lets time pass; the timer goes off at the moment when it is due, again and again if it is set
 * anew. */
void fake_time_pass(uint64_t usec);

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Exponential back-off: the base, doubled with each attempt, up to an hour (or the base, when the
 * owner asked for more), and then up to a tenth more or less. That last part keeps a thousand tasks
 * that failed together from coming back together. It is not drawn but made of the task's numbers
 * and the attempt, so that the same history gives the same delays, in a test and after a restart.
 *
 * Pure. Called by outcome.c; the delay becomes a wall-clock time in the task's row, and a timer.
 */
#include "daemon/jobs/backoff.h"

#include "common/cleanup.h"
#include "common/clock.h"

#define BACKOFF_FIRST_USEC USEC_PER_SEC
#define BACKOFF_MAX_USEC (3600 * USEC_PER_SEC)

/* The finalizer of splitmix64: neighbours come out far apart. */
static uint64_t backoff_mix(uint64_t x)
{
        x += 0x9e3779b97f4a7c15U;
        x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9U;
        x = (x ^ (x >> 27)) * 0x94d049bb133111ebU;
        return x ^ (x >> 31);
}

uint64_t backoff_usec(uint64_t base_usec, uint32_t attempt, uint64_t job, uint64_t task)
{
        const uint64_t base = base_usec ? base_usec : BACKOFF_FIRST_USEC;
        const uint64_t max = MAX(base, BACKOFF_MAX_USEC);
        uint64_t delay = base, tenth;

        for (uint32_t i = 1; i < attempt && delay < max; i++)
                delay *= 2;
        delay = MIN(delay, max);
        tenth = delay / 10;
        return delay - tenth +
               backoff_mix(backoff_mix(backoff_mix(job) ^ task) ^ attempt) % (2 * tenth + 1);
}

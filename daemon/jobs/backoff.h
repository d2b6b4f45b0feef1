/* SPDX-License-Identifier: Apache-2.0 */
/* How long a failed task waits for its next attempt. */
#pragma once

#include <stdint.h>

/*
 * base_usec: what the owner asked for, 0 for the usual second. attempt: how many were begun, from
 * 1. Never 0; the same arguments give the same answer.
 */
uint64_t backoff_usec(uint64_t base_usec, uint32_t attempt, uint64_t job, uint64_t task);

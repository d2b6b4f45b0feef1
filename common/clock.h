/* SPDX-License-Identifier: Apache-2.0 */
/* The two clocks, the identity of this boot, and times as text. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "common/cleanup.h"

#define USEC_PER_SEC 1000000ULL
#define USEC_PER_MSEC 1000ULL
#define USEC_NONE UINT64_MAX

#define CLOCK_BOOT_ID_BYTES 16
#define CLOCK_TEXT_MAX 40

/* CLOCK_MONOTONIC in microseconds: the same value in every process of this boot. */
uint64_t clock_mono_usec(void);
/* CLOCK_REALTIME in microseconds since 1970. */
uint64_t clock_wall_usec(void);

/* Reads /proc/sys/kernel/random/boot_id. 0, or a fault where /proc is missing. */
_must_use_ int clock_read_boot_id(uint8_t out_id[static CLOCK_BOOT_ID_BYTES]);

/*
 * RFC 3339 in UTC, always with microseconds, so that times sort as text:
 * "2026-11-21T09:30:00.250000Z"; "never" for USEC_NONE. Returns `buf`.
 */
char *clock_format_rfc3339(uint64_t wall_usec, char buf[static CLOCK_TEXT_MAX]);
/* The shortest exact form people write: "90s" -> "1m30s", "0.25s". Returns `buf`. */
char *clock_format_duration(uint64_t usec, char buf[static CLOCK_TEXT_MAX]);

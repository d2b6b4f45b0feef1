/* SPDX-License-Identifier: Apache-2.0 */
/* How things look on a terminal: colours of states, durations and times in words, commands. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "client/jobctl.h"

#define STYLE_TEXT_MAX 40

/* The escape sequence that begins a state's colour, "" without colour; style_end() ends it. */
const char *style_state(bool colour, unsigned int state);
const char *style_bold(bool colour);
const char *style_end(bool colour);

/* The word for a job's state: "held" and "waiting" for queued jobs with blockers. */
const char *style_state_word(const struct jobctl_item *job);
/* "42 of 100 done, 3 running, 1 failed" of a job with several tasks; "" of others. Returns buf. */
#define STYLE_TASKS_MAX 240
char *style_tasks(const struct jobctl_item *job, char buf[static STYLE_TASKS_MAX]);
/* "running", or "running 3/10, 1 failed, 2 cancelled" of a job with several tasks. Returns buf. */
#define STYLE_COUNTS_MAX 120
char *style_counts(const struct jobctl_item *job, char buf[static STYLE_COUNTS_MAX]);
/* "fail", "success", "done": which ends a halt counts. */
const char *style_halt_word(uint64_t on);
/* "14ms", "3.2s", "4m05s", "2h03m", "5d07h". Returns buf. */
char *style_duration(uint64_t usec, char buf[static STYLE_TEXT_MAX]);
/* Local time, with the date when it is not today: "14:03:22", "2026-11-20 14:03". Returns buf. */
char *style_time(uint64_t wall_usec, char buf[static STYLE_TEXT_MAX]);
/*
 * A specification's command as a shell would need it, safe to print: the line itself for --shell.
 * Owned by the caller; NULL without memory.
 */
char *style_command(const struct jobctl_item *spec);
/* The user's name, or the number. Returns buf. */
char *style_user(uint32_t uid, char buf[static STYLE_TEXT_MAX]);
/*
 * A reason with its marks ({uid:1000}, {time:USEC}, {for:USEC}) put into words, safe to print.
 * Owned by the caller; NULL without memory.
 */
char *style_reason(const char *text);

/* SPDX-License-Identifier: Apache-2.0 */
/* How far a map or an array is: one line on a terminal, a plain line each 10 % elsewhere. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/cleanup.h"

struct progress;

#define PROGRESS_LINE_MAX 512

/* What is known; from the daemon's Progress, or from what the session counted itself. */
struct progress_counts {
        uint64_t total;  /* tasks so far when `open` */
        bool open;       /* more may come: "n/N+" ("n/?" before there are any) */
        uint64_t done;   /* ended, in whatever way */
        uint64_t failed; /* of those: neither succeeded nor cancelled */
        uint64_t cancelled;
        uint64_t running;
        uint64_t run_usec; /* sum over `run_count` ended tasks; 0, 0 when not known */
        uint64_t run_count;
};

/*
 * fd: borrowed; our stderr. terminal: draw one line there again and again, else a plain line each
 * 10 %. label: borrowed, shown before the line ("job 17: "); NULL or "": none. now_usec:
 * clock_mono_usec(), here and below.
 */
_must_use_ int progress_new(int fd, bool terminal, const char *label, uint64_t now_usec,
                            struct progress **out_progress);
/* Nothing is written: see progress_finish(). */
struct progress *progress_free(struct progress *progress);
DEFINE_CLEANUP(struct progress *, progress_free);

/* Takes new counts. Draws at once when the last drawing was long enough ago, else later. */
void progress_update(struct progress *progress, const struct progress_counts *counts,
                     uint64_t now_usec);
/*
 * When progress_tick() wants to be called (a time of clock_mono_usec()); USEC_NONE when nothing has
 * changed. While tasks run on a terminal, the clock in the line counts as a change once a second.
 */
uint64_t progress_deadline(const struct progress *progress);
void progress_tick(struct progress *progress, uint64_t now_usec);
/* SIGWINCH came: the next drawing fits the new width. */
void progress_on_resize(struct progress *progress, uint64_t now_usec);

/*
 * Around output that goes to the same terminal, once for all that is written in a turn: hide wipes
 * the line before; note puts it back below, as it was, and is told how the output ended (when in
 * the middle of a line, the line comes back by progress_deadline(), behind a newline). No-ops
 * without a terminal.
 */
void progress_hide(struct progress *progress);
void progress_note(struct progress *progress, const void *data, size_t size, uint64_t now_usec);

/* The last state, which stays: the finished line and a newline; off a terminal the last line. */
void progress_finish(struct progress *progress, uint64_t now_usec);

/* The line for these counts, without colour or newline, at most `columns` wide. Returns buf. */
char *progress_format(const struct progress *progress, uint64_t now_usec, unsigned int columns,
                      char buf[static PROGRESS_LINE_MAX]);
/* Seconds until the end, as far as can be known: USEC_NONE when not. For --json. */
uint64_t progress_remaining_usec(const struct progress *progress, uint64_t now_usec);
/* Tasks per second now; 0 when not known. */
double progress_rate(const struct progress *progress, uint64_t now_usec);

/* SPDX-License-Identifier: Apache-2.0 */
/* A worker that waits for jobs, and jobs that wait for the test. Every failure ends the test. */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "proto/spool.h"

#include "fake_jobd.h"
#include "worker/record.h"

extern struct fake fake;
extern struct fake_link *jobd; /* owned by the stage; a test may close it and accept the next */
extern char gate[96];          /* a FIFO: what start_blocked() waits for. "up" stands beside it */

/* The fixture of each test. */
void stage_open(void);
void stage_close(void);

/* A job that does `before`, waits at the gate, and does `after`; it has come there on return. */
pid_t stage_start_blocked(uint64_t lease, const char *before, const char *after);
void stage_open_gate(void);
/* A FIFO in fake.dir. */
void stage_make_fifo(const char *name);
/* Writes a line into this FIFO, whole path, when somebody reads it. */
void stage_open_fifo(const char *path);
/* Blocks until somebody has written a line into this FIFO of fake.dir; the line, until the next
 * call. */
const char *stage_read_fifo(const char *name);

/* The next Exited, of this lease and outcome: to be freed by wire_free_report(). */
Jobd__Work__Report *stage_expect_end(uint64_t lease, Jobd__Work__Outcome outcome);
/* An end with this code, which is acknowledged. */
void stage_expect_code(uint64_t lease, int code);
/* The answer about lease 5. */
void stage_expect_paused(bool wanted);
/* What came inline of this stream; owned by the caller. */
char *stage_text_of(const Jobd__Work__Exited *exited, enum spool_stream stream);
void stage_expect_text(const Jobd__Work__Exited *exited, enum spool_stream stream,
                       const char *wanted);

/* The worker's record as it stands in its file. */
struct record_image stage_read_record(void);
/* As in /proc/PID/stat; '-': there is no such process. */
char stage_process_state(pid_t pid);
/* Waits until this is, or is not, its state. */
void stage_wait_state(pid_t pid, char wanted, bool is_wanted);

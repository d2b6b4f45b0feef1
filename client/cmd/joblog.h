/* SPDX-License-Identifier: Apache-2.0 */
/* The log of tasks in GNU parallel's format: written, and read for --resume. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/error.h"

struct joblog;

enum joblog_answer {
        JOBLOG_E_BAD = 1, /* not our format, or it cannot be read or written: the reason says */
        JOBLOG_E_ABSENT,  /* joblog_read(): there is no such file */
};

/* One line. Times in microseconds. */
struct joblog_entry {
        uint64_t sequence; /* {#}: the task's number + 1 */
        uint64_t start_wall_usec;
        uint64_t run_usec;
        uint64_t receive_bytes; /* of stdout */
        int exit_code;          /* 0 when a signal ended it, -1 when it never ended by itself */
        int exit_signal;        /* 0: none */
        const void *command;    /* a line of shell (template_format()); newlines become \0 */
        size_t command_size;
};

/*
 * Opens the file for writing: emptied and begun with the header, or with `append` behind what is
 * there (the header when it is empty; a line torn by a crash is cut off). "+FILE" means append, as
 * in parallel. A file that is something else is left alone. 0, JOBLOG_E_BAD, or a fault.
 */
_must_use_ int joblog_open(const char *path, bool append, struct joblog **out_log,
                           struct reason *why);
/* Writes what is buffered, as far as that works. */
struct joblog *joblog_free(struct joblog *log);
DEFINE_CLEANUP(struct joblog *, joblog_free);

/* Adds one line; it is in the file after joblog_flush(). 0, JOBLOG_E_BAD, or a fault. */
_must_use_ int joblog_write(struct joblog *log, const struct joblog_entry *entry,
                            struct reason *why);
/* To be called when the session has nothing else to do. 0 or JOBLOG_E_BAD (a full disk). */
_must_use_ int joblog_flush(struct joblog *log, struct reason *why);

/* entry: borrowed for the call; its command has newlines again. Not 0 ends the reading. */
typedef int (*joblog_read_fn)(void *arg, const struct joblog_entry *entry);

/*
 * Tells every line of a log, parallel's or ours; a last line without its newline is left out.
 * 0, JOBLOG_E_BAD (with the line's number), JOBLOG_E_ABSENT, what fn returned, or a fault.
 */
_must_use_ int joblog_read(const char *path, joblog_read_fn fn, void *arg, struct reason *why);

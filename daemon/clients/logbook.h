/* SPDX-License-Identifier: Apache-2.0 */
/* The lines of the log that clients cause, so many for each user and no more. */
#pragma once

#include <stdint.h>
#include <sys/types.h>

#include "common/cleanup.h"
#include "common/log.h"
#include "common/loop.h"

/* Verbs are counted apart below this number. */
#define LOGBOOK_VERBS_MAX 80U

enum logbook_kind {
        LOGBOOK_ACT,     /* an act of an administrator */
        LOGBOOK_ATTEMPT, /* somebody else's attempt at one */
        LOGBOOK_BAD,     /* bytes that are no frame or no request */
        LOGBOOK_REFUSED, /* connections that were turned away */
        LOGBOOK_LIMIT,   /* connections that were ended: too slow, too much in memory */
        LOGBOOK_FAULT,   /* connections that were ended by a fault of ours */
        LOGBOOK_KIND_COUNT,
};

struct logbook;

_must_use_ int logbook_new(struct loop *loop, struct logbook **out_book);
/* Says what is still to be said of lines that were left out. */
struct logbook *logbook_free(struct logbook *book);
DEFINE_CLEANUP(struct logbook *, logbook_free);

/* What a line is about. */
struct logbook_line {
        enum logbook_kind kind;
        uint32_t uid;          /* who caused it */
        pid_t pid;             /* 0: not known */
        uint64_t job_id;       /* 0: none */
        const char *verb_name; /* of an act or attempt; borrowed: it must outlive the book */
        uint32_t verb;         /* its number, below LOGBOOK_VERBS_MAX */
};

/*
 * Writes "uid 1000 (process 4711) " and the text, or counts the line when this user, or all
 * together, have had theirs. What was counted is told by a line of its own within a minute.
 */
void logbook_write(struct logbook *book, const struct logbook_line *line, const char *fmt, ...)
        _printf_(3, 4);

/* Lines of this kind that were left out since the start. */
uint64_t logbook_left_out(const struct logbook *book, enum logbook_kind kind);

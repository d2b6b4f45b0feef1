/* SPDX-License-Identifier: Apache-2.0 */
/* Options as tables: parsed, taken from the environment and files, and explained by one format. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/error.h"

#include "client/cmd/option_complete.h"

enum option_kind {
        OPTION_END,      /* closes a table */
        OPTION_FLAG,     /* bool */
        OPTION_TEXT,     /* const char * */
        OPTION_LIST,     /* struct option_list; may be given several times */
        OPTION_NUMBER,   /* struct option_number, min .. max */
        OPTION_SIGNED,   /* struct option_signed, -20 .. 19 and the like */
        OPTION_DURATION, /* struct option_number, microseconds */
        OPTION_SIZE,     /* struct option_number, bytes */
        OPTION_TIME,     /* struct option_number, wall clock in microseconds */
        OPTION_SINCE,    /* the same, of a time that has passed */
        OPTION_SIGNAL,   /* struct option_number */
        OPTION_KIND_COUNT,
};

#define OPTION_LIST_MAX 256

struct option_list {
        const char *values[OPTION_LIST_MAX]; /* borrowed from argv */
        size_t count;
};

struct option_number {
        bool given;
        uint64_t value;
};

struct option_signed {
        bool given;
        int64_t value;
};

struct option_row {
        enum option_kind kind;
        char letter;       /* 0: none */
        const char *name;  /* "time-limit" */
        const char *value; /* "DURATION"; NULL for a flag */
        const char *help;
        size_t offset;               /* in the struct that belongs to the table */
        uint64_t min, max;           /* OPTION_NUMBER; OPTION_SIGNED takes them as signed */
        bool setting;                /* may come from JOBCTL_NAME and jobctl.conf too */
        enum complete_kind complete; /* its value */
};

/* Tables that a command has together; `at` is the struct that the offsets of `rows` count in. */
struct option_set {
        const struct option_row *rows; /* up to OPTION_END; NULL closes the list of sets */
        void *at;
};

enum option_answer {
        OPTION_E_BAD = 1, /* the reason says */
};

/*
 * Parses argv[1..]; *out_rest is the index of the first word that is no option. strict: it ends the
 * options; else options may stand behind it too, and argv is put in order. Unknown options get "did
 * you mean". 0 or OPTION_E_BAD.
 */
_must_use_ int option_parse(const struct option_set *sets, bool strict, int argc, char **argv,
                            int *out_rest, struct reason *why);
/* Stores one value as if it had been given. 0 or OPTION_E_BAD. */
_must_use_ int option_store(const struct option_row *row, void *at, const char *value,
                            struct reason *why);
/* Was the option given (a flag that is on, a text that is there)? */
bool option_is_given(const struct option_row *row, const void *at);

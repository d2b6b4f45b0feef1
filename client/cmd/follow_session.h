/* SPDX-License-Identifier: Apache-2.0 */
/* Staying with a job: its output to ours, our stdin to its, signals between. */
#pragma once

#include "client/cmd/app.h"

enum follow_session_flags {
        FOLLOW_SESSION_STDIN = 1,      /* forward our stdin */
        FOLLOW_SESSION_SIGNALS = 2,    /* TERM, QUIT, USR1, USR2 go to the job; Ctrl-C cancels it */
        FOLLOW_SESSION_UNTIL_END = 4,  /* stay until it ends */
        FOLLOW_SESSION_NO_STDOUT = 8,  /* only its stderr */
        FOLLOW_SESSION_NO_STDERR = 16, /* only its stdout */
        FOLLOW_SESSION_SAY_WHERE = 32, /* say when its output goes to a file of its own */
        FOLLOW_SESSION_TIMESTAMPS = 64, /* before each line */
        FOLLOW_SESSION_DETACH = 128,    /* Ctrl-C leaves, also with FOLLOW_SESSION_SIGNALS */
};

struct follow_session_options {
        struct jobctl_spec *spec; /* borrowed: submit this one first; NULL: follow `job` */
        uint64_t job, task;
        unsigned int flags;
        const uint64_t *tail_lines; /* only the last so many of what is there; NULL: all */
};

/* Is there anything on stdin that a job should get? No for /dev/null and a background terminal. */
bool follow_session_has_stdin(void);
/*
 * Returns the exit status: the job's own when it stays until the end, with a sentence on stderr
 * when that needs one; 130 after Ctrl-C.
 */
int follow_session_run(struct app *app, const struct follow_session_options *options);

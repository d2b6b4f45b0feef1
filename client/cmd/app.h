/* SPDX-License-Identifier: Apache-2.0 */
/* What one run of jobctl has: the common options, the terminal, the connection. */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "common/cleanup.h"

#include "client/cmd/exit_code.h"
#include "client/cmd/option.h"
#include "client/jobctl.h"

struct app_common {
        const char *socket;
        const char *state_dir;
        const char *color; /* "auto", "always", "never" */
        bool user, system;
        bool json, quiet, no_pager, help;
};

struct app {
        const char *name; /* borrowed, constant: of the command; NULL before it is known */
        struct app_common common;
        bool may_start; /* the user's daemon may be started */
        bool job_code;  /* failures of ours are 125 */
        bool colour;    /* stdout gets colours */
        bool out_is_terminal;
        struct jobctl *conn; /* owned; made by app_connection() */
};

extern const struct option_row app_common_rows[];

void app_deinit(struct app *app);
/* Judges the common options and looks at the terminal. 0, or an exit status after the sentence. */
int app_prepare(struct app *app);

/* The connection with the options applied, not yet dialled; NULL after a sentence. */
struct jobctl *app_connection(struct app *app);

/* "jobctl: ..." on stderr, safe for terminals. */
void app_say(const char *fmt, ...) _printf_(1, 2);
/* The same unless --quiet. */
void app_tell(const struct app *app, const char *fmt, ...) _printf_(2, 3);
/* Says what was wrong in the command line, and where help is; returns the exit status. */
int app_usage(const struct app *app, const char *fmt, ...) _printf_(2, 3);
/* Says an error and returns `status`, or 125. */
int app_fail(const struct app *app, int status, const char *fmt, ...) _printf_(3, 4);
/* Says the connection's last error; returns the exit status for `code`. */
int app_fail_answer(const struct app *app, int code);
int app_out_of_memory(const struct app *app);
/* For the end: flushes stdout; a failure (a full disk) is an error unless `status` is one already.
 */
int app_finish(const struct app *app, int status);

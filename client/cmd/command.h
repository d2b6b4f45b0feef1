/* SPDX-License-Identifier: Apache-2.0 */
/* One command of jobctl: how it is called, what it takes, what it does. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "client/cmd/app.h"
#include "client/cmd/option.h"

#define COMMAND_SETS_MAX 4
#define COMMAND_COMPLETE_MAX 2

enum command_flags {
        COMMAND_JOB_CODE = 1, /* ends with a job's code: our own failures are 125 */
        COMMAND_NO_START = 2, /* never starts a daemon */
        COMMAND_HIDDEN = 4,   /* not in the list of commands */
        COMMAND_STRICT = 8,   /* the first word that is no option ends the options */
};

/* A table of rows, and where its struct begins in the command's options. */
struct command_set {
        const struct option_row *rows;
        size_t offset;
};

/* A word that a command takes at its beginning: "add" of queue. */
struct command_word {
        const char *name;
        const char *help;
        enum complete_kind complete; /* the words behind it */
};

struct command {
        const char *name;
        const char *alias; /* or NULL */
        const char *usage; /* behind the name: "[OPTIONS] [--] COMMAND [ARGUMENT...]" */
        const char *summary;
        const char *const *examples; /* NULL-terminated */
        unsigned int flags;
        unsigned int args_min, args_max; /* words behind the options; COMMAND_ARGS_ANY */
        /* What completes the words; the last one also those that follow it. */
        enum complete_kind complete[COMMAND_COMPLETE_MAX];
        const struct command_word *words;          /* COMPLETE_WORD: these; ends with a NULL name */
        size_t options_bytes;                      /* the struct that `run` gets, zeroed */
        struct command_set sets[COMMAND_SETS_MAX]; /* beside the common options */
        /* Returns the exit status. args: NULL-terminated. */
        int (*run)(struct app *app, const void *options, char **args, size_t count);
};

#define COMMAND_ARGS_ANY 0xffffffffU

extern const struct command cmd_submit, cmd_run, cmd_map, cmd_list, cmd_info, cmd_status, cmd_logs,
        cmd_attach, cmd_wait, cmd_cancel, cmd_kill, cmd_pause, cmd_resume, cmd_hold, cmd_release,
        cmd_update, cmd_why, cmd_retry, cmd_queue, cmd_purge, cmd_events, cmd_pool, cmd_drain,
        cmd_shutdown, cmd_reload, cmd_config, cmd_ping, cmd_lock, cmd_resource, cmd_version,
        cmd_help, cmd_top, cmd_metrics, cmd_stats, cmd_completion, cmd_complete, cmd_options;

/* All of them, in the order of the help; ends with a NULL. */
extern const struct command *const commands[];
/* By name or alias; NULL. */
const struct command *command_find(const char *name);
/* Is this the long name of an option, of any command, that may be set in jobctl.conf? */
bool command_knows_setting(const char *name);
/* Every option of a command with the common ones, for parsing into `options` and app->common. */
void command_list_sets(const struct command *command, void *options, struct app *app,
                       struct option_set out_sets[static COMMAND_SETS_MAX + 2]);

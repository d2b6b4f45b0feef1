/* SPDX-License-Identifier: Apache-2.0 */
/* The words of jobctl map: its options, the command, and where the inputs come from. */
#pragma once

#include "common/error.h"

#include "client/cmd/job_options.h"

struct template;

/* What the option table fills; map_plan_new() makes sense of it. */
struct map_options {
        struct job_options job;        /* those of submit that a map has as well */
        bool null;                     /* -0 */
        struct option_list files;      /* -a FILE */
        const char *colsep;            /* -C REGEX */
        struct option_number per_task; /* -n N */
        const char *jobs;              /* -j N, N%, +N, -N */
        bool keep_order;               /* -k */
        bool tag;
        bool line_buffer;
        bool bar, progress, eta;    /* all three show the same line */
        const char *halt;           /* now|soon,fail|success|done=N|N% */
        struct option_number tries; /* --retries N: N tries in all, as parallel counts */
        struct option_number delay; /* between two starts, microseconds */
        const char *joblog;
        const char *results;
        bool resume, resume_failed;
        bool no_shell;
        const char *on_done;
        bool detach; /* --detach-on-interrupt */
};

extern const struct option_row map_option_rows[];

/* One input source. Sources with `linked` advance together with the one before; others cross. */
struct map_source {
        const char *file;         /* borrowed from argv; "-": stdin; NULL: the words below */
        const char *const *words; /* borrowed from argv */
        size_t words_count;
        bool linked;
};

enum map_halt {
        MAP_HALT_NEVER, /* the numbers of Halt.on in jobd.proto */
        MAP_HALT_FAIL,
        MAP_HALT_SUCCESS,
        MAP_HALT_DONE,
};

/* What a command line of map means. Everything in it is judged. */
struct map_plan {
        const struct map_options *options; /* borrowed */
        /*
         * For job_options_build(), with map's words put in: the time limit of --timeout, retries
         * (tries - 1), shell.
         */
        struct job_options job;
        char **command;             /* owned array; the words are borrowed from argv, or "{}" */
        size_t command_count;       /* at least 1 */
        bool shell;                 /* one line for /bin/sh: the words, joined with spaces */
        struct map_source *sources; /* owned array; at least one: stdin when none was given */
        size_t sources_count;
        bool uses_all; /* {}, {.}, {-1}..., --tag or --results: every value of a task is wanted */
        uint32_t position_max; /* the highest k of {k}; 0: none */
        uint32_t per_task;     /* records (one value of each source) in a task: -n, else 1 */
        uint32_t width;        /* tasks at once; 0: as many as there are workers */
        enum map_halt halt_on;
        bool halt_now;
        uint64_t halt_count;   /* either this */
        uint32_t halt_percent; /* or this, 1 .. 100 */
        uint64_t delay_usec;
        bool show_progress; /* --bar, --progress or --eta */
        bool resume;        /* --resume or --resume-failed */
};

enum map_options_answer {
        MAP_OPTIONS_E_BAD = 1, /* the reason says */
};

/*
 * Splits the words behind the options into command and sources and judges everything. args:
 * borrowed, NULL-terminated, must outlive the plan. *out_plan is owned by the caller.
 * 0, MAP_OPTIONS_E_BAD, or a fault.
 */
_must_use_ int map_plan_new(const struct map_options *options, char **args, size_t count,
                            struct map_plan **out_plan, struct reason *why);
struct map_plan *map_plan_free(struct map_plan *plan);
DEFINE_CLEANUP(struct map_plan *, map_plan_free);

/*
 * The plan's command as a template, for tasks of at most values_max values. 0, MAP_OPTIONS_E_BAD
 * with template_new()'s sentence, or a fault.
 */
_must_use_ int map_plan_make_template(const struct map_plan *plan, uint32_t values_max,
                                      struct template **out_template, struct reason *why);
/* Is this word a line for a shell rather than the name of a program? */
bool map_plan_is_shell_line(const char *word);

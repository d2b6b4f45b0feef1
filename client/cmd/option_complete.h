/* SPDX-License-Identifier: Apache-2.0 */
/* What completes a word of the command line: a column of the tables of options and commands. */
#pragma once

enum complete_kind {
        COMPLETE_NONE, /* nothing but what the user types: a number, a duration, a new name */

        /* from the daemon */
        COMPLETE_JOB, /* ids with tasks, ranges and lists; `last`, `all` */
        COMPLETE_JOB_QUEUED,
        COMPLETE_JOB_HELD,
        COMPLETE_JOB_STARTED, /* has output: runs or has ended */
        COMPLETE_JOB_RUNNING,
        COMPLETE_JOB_PAUSED,
        COMPLETE_JOB_UNFINISHED,
        COMPLETE_JOB_FINISHED,
        COMPLETE_JOB_ONE, /* one unfinished job, or a task of it; no list */
        COMPLETE_NAME,    /* names of own jobs */
        COMPLETE_QUEUE,   /* that one may use */
        COMPLETE_QUEUE_ANY,
        COMPLETE_RESOURCE,       /* NAME */
        COMPLETE_RESOURCE_UNITS, /* NAME=N */
        COMPLETE_LOCK,
        COMPLETE_DEPENDENCY, /* KIND:ID[:ID...][,KIND...] */

        /* from tables and the environment */
        COMPLETE_STATE, /* a list, with commas */
        COMPLETE_SIGNAL,
        COMPLETE_SIGNAL_AT, /* SIG@TIME */
        COMPLETE_COLOR,
        COMPLETE_POLICY,
        COMPLETE_HALT,
        COMPLETE_USERS,    /* a list of users and @groups */
        COMPLETE_VARIABLE, /* K */
        COMPLETE_ENV,      /* K=V */
        COMPLETE_EXPORT,   /* ALL, NONE, or K,K=V,... */
        COMPLETE_SHELL,    /* of those that completion is made for */
        COMPLETE_TOPIC,    /* a command of jobctl */
        COMPLETE_WORD,     /* one of the command's `words`; these say what completes the next */

        /* by the shell */
        COMPLETE_FILE,
        COMPLETE_FOLDER,
        COMPLETE_COMMAND, /* a command and its arguments, up to the end of the line */
        COMPLETE_INPUTS,  /* the same up to ::: and its kin, and then files */
        COMPLETE_KIND_COUNT,
};

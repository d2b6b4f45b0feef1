/* SPDX-License-Identifier: Apache-2.0 */
/* What the parts of map_session share. */
#pragma once

#include "common/clock.h"
#include "common/error.h"
#include "common/list.h"
#include "common/template.h"

#include "client/cmd/map_session.h"
#include "client/cmd/map_session_output.h"
#include "client/cmd/map_session_values.h"
#include "client/cmd/progress.h"
#include "client/lib/told.h"

/* So long we wait at the end for jobd to take what it should know. */
#define MAP_SESSION_LEAVE_USEC (2 * USEC_PER_SEC)

/* How a task ended. */
struct map_task_end {
        uint64_t state; /* enum jobctl_state */
        uint64_t attempt;
        uint64_t slot; /* 0: not known */
        uint64_t start_wall_usec, end_wall_usec, run_usec;
        uint64_t exit_signal;
        int64_t exit_code;   /* -1: it did not exit */
        char *why;           /* owned; NULL: nothing to say */
        struct json_t *json; /* owned; NULL without --json */
};

struct map_line {
        char *data; /* owned */
        size_t bytes, room;
};

/* A task while its output is shown. */
struct map_task {
        TAILQ_ENTRY(map_task) entry;
        struct map_session *session; /* borrowed */
        uint64_t number;
        struct jobctl_stream *stream; /* owned; NULL: its output came with its end */
        bool has_all_output;          /* the stream has ended */
        bool has_ended;
        struct map_task_end end;
        const char *values; /* borrowed from the session's memory; NULL: not known */
        size_t values_bytes;
        struct map_files_task *files; /* owned */
        char *tag;                    /* owned; made for the first output */
        size_t tag_bytes;
        bool in_line[2];            /* stdout, stderr: the next byte does not begin a line */
        struct map_line lines[2];   /* live: what has no newline yet; --json: or all output */
        uint64_t line_wall_usec[2]; /* --json: when the last of it came */
        struct map_line kept;       /* stdout for --on-done */
        uint64_t stdout_bytes;
};

TAILQ_HEAD(map_task_list, map_task);

/* What the exit status is made of. */
struct map_tally {
        uint64_t done, failed, succeeded;
        uint64_t first_failed_usec, first_done_usec; /* when the first ones ended; 0: none */
        int first_failed_code, first_done_code;
};

struct map_session {
        struct app *app; /* borrowed */
        const struct map_session_options *options;
        uint64_t job;                  /* 0: not known yet */
        struct jobctl_stream *results; /* owned */
        struct jobctl_input *input;    /* owned; NULL: all were appended, or no more are taken */
        struct map_output *output;     /* owned */
        struct progress *progress;     /* owned; NULL: not wanted */
        struct progress_counts counts; /* what it was told last */
        struct map_values *values;     /* owned; NULL: nobody needs them */
        struct template_word *words;   /* owned: room for the values of one task */
        size_t words_max;
        struct map_session **backlink; /* borrowed: the submission's way to us while it waits */
        int signal_fd;                 /* owned */

        bool input_waits;   /* for map_input_fd() */
        bool input_at_end;  /* nothing more is read */
        bool input_is_all;  /* and that was everything */
        bool input_closing; /* CloseInput is under way */

        struct map_task *shown;     /* owned: its output comes from a file just now */
        struct map_task_list live;  /* owned: those followed while they run */
        struct told begun;          /* ordered and live: tasks that run and were not shown yet */
        struct told told;           /* tasks that were shown */
        uint64_t shown_next;        /* ordered: the task behind the last one shown */
        uint64_t seen_next;         /* what jobd was told */
        uint64_t written_next;      /* everything below was written to the last byte */
        unsigned int seens_waiting; /* for their answers: one, or two at the end */
        unsigned int acts_waiting;  /* for their answers */
        struct map_tally tally;

        bool cancelled;          /* by Ctrl-C */
        bool leaving;            /* as soon as jobd knows what it must know, or leave_by_usec */
        uint64_t leave_by_usec;  /* leaving, or done: at the latest */
        bool ours;               /* something of ours went wrong */
        bool reader_gone;        /* nobody reads our stdout */
        bool done;               /* the results have ended */
        bool job_failed;         /* it did not succeed as a whole */
        bool json;               /* --json */
        struct json_t *job_json; /* owned: how the job ended, until all tasks were shown */
        int status;              /* when leaving */
};

/* map_session_input.c */

/* Begins to append, into the job to come. 0, or a fault (told). */
_must_use_ int map_session_open_input(struct map_session *session);
/* Appends what can be had without waiting. */
void map_session_feed(struct map_session *session);
/* Is there something to append at once? */
bool map_session_wants_feed(const struct map_session *session);
/* The descriptor that inputs are waited for on; -1: none. */
int map_session_input_fd(const struct map_session *session);
/* No more inputs are read; what was read is all that the job gets. */
void map_session_stop_input(struct map_session *session, const char *why);

/* map_session_tasks.c */

/* Asks for the results of session->job. */
void map_session_ask_results(struct map_session *session);
/* Lets results and output flow, or holds them. */
void map_session_update_flow(struct map_session *session);
void map_session_drop_tasks(struct map_session *session);
/* Adds to a line; false without memory. */
bool map_line_put(struct map_line *line, const void *data, size_t size);
/* The first task that is not (known to be) shown. */
uint64_t map_session_shown_next(const struct map_session *session);

/* map_session_finish.c: what one task's end means beside its output. */

/* In the joblog, to --on-done, in the tally. False: the session was broken off. */
bool map_session_count(struct map_session *session, struct map_task *task);
int map_session_status(const struct map_session *session);

/* map_json.c: what --json shows instead of the output itself. */

void map_json_on_data(struct map_task *task, enum jobctl_output which, uint64_t wall_usec,
                      const void *data, size_t size);
/* All output has come. */
void map_json_end_output(struct map_task *task);
/* Remembers how the task ended, for map_json_put_end() when it is counted. */
void map_json_note_end(struct map_task *task, const struct jobctl_item *item);
void map_json_put_end(struct map_task *task);
/* Remembers how the job ended; ended: NULL when that is not known. */
void map_json_note_job(struct map_session *session, const struct jobctl_item *ended);
/* Puts that behind its last task, once; a no-op before. */
void map_json_put_job(struct map_session *session);

/* map_session.c */

/* Says something above the line of progress, behind the output so far. */
void map_session_say(struct map_session *session, const char *fmt, ...) _printf_(2, 3);
/* A failure of ours (said before): the job is cancelled, and we leave. */
void map_session_break(struct map_session *session);
/* What map_output_*() returned; anything but 0 breaks the session off. */
void map_session_on_output(struct map_session *session, int r);

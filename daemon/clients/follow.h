/* SPDX-License-Identifier: Apache-2.0 */
/* One client follows one task: output as it comes, states as they change, stdin the other way. */
#pragma once

#include "daemon/clients/session.h"
#include "daemon/jobs/watch.h"

enum follow_phase {
        FOLLOW_BEGINNING, /* its first turn is due */
        FOLLOW_RESOLVING, /* not in memory: the row will say whether there is such a job */
        FOLLOW_WAITING,   /* the task is queued */
        FOLLOW_MEMORY,    /* pieces of the log come from the worker */
        FOLLOW_LAGGING,   /* the client is slow: pieces are dropped until it has read */
        FOLLOW_OPENING,   /* the log is a file, which is being opened */
        FOLLOW_FILE,      /* the client has the file and is told how far it goes */
        FOLLOW_READING,   /* an attempt has ended: its row and inline output are being read */
        FOLLOW_PHASE_COUNT,
};

enum follow_input {
        FOLLOW_IN_LEASED, /* a worker gets the task */
        FOLLOW_IN_RETURN, /* and gives it back unstarted */
        FOLLOW_IN_PIECE,  /* a piece of the log, from memory */
        FOLLOW_IN_SIZE,   /* the log is a file of this size */
        FOLLOW_IN_OPENED, /* the file is open, or cannot be */
        FOLLOW_IN_ENDED,  /* the attempt has ended */
        FOLLOW_IN_RUN,    /* the stream's turn: it was woken, or the client has read */
        FOLLOW_IN_PAGE,   /* a page of the journal */
        FOLLOW_INPUT_COUNT,
};

/* What comes with an input; only the members that it needs. */
struct follow_fact {
        uint32_t attempt;
        uint64_t offset, size;         /* PIECE; SIZE */
        const uint8_t *data;           /* PIECE */
        int fd;                        /* OPENED: owned by the handler; < 0: cannot be opened */
        bool compressed;               /* OPENED */
        const struct watch_news *news; /* ENDED */
        const struct journal_page *page;
};

/* How an attempt ended, kept until its output was told. */
struct follow_end {
        bool is_set;
        bool goes_on; /* another attempt is due */
        enum job_state state;
        int32_t exit_code;
        uint32_t exit_signal;
        uint64_t run_usec;
        uint64_t barrier;
        char *why; /* owned */
};

struct ticket;

struct follow_options {
        uint64_t job, task;
        uint32_t attempt; /* 0: the newest, moving on */
        bool until_end, want_stdin;
};

struct follow {
        struct stream stream;
        struct follow_options options;
        enum follow_phase phase;
        struct watch *watch;            /* owned; NULL: the task is not in memory */
        bool is_own;                    /* the job was in memory, and the caller's */
        bool is_sharing;                /* counted by share.c */
        struct journal_read *path_read; /* in flight, beside stream.read */
        struct loop_timer *timer;       /* owned; NULL with until_end */

        uint32_t attempt; /* whose log is being told; 0: none began yet */
        uint64_t sent;    /* the client has the log up to here */
        bool is_asked;    /* the worker was asked to begin again: pieces beyond `sent` may come */
        uint64_t size;    /* of the file, as far as it was told to us */
        uint64_t told_size;
        struct ticket *opening; /* borrowed: freed when the file is open */
        struct follow_end end;

        char *output_path;        /* owned; where the user wanted stdout, or NULL */
        uint64_t task_count;      /* of a finished job; else 0 */
        enum job_state row_state; /* of a finished job */
        enum job_state told_state;
        uint32_t told_attempt, told_pid;

        bool has_window;      /* stdin may be sent */
        bool is_stdin_closed; /* by the job, or the client said `end` */
        uint64_t stdin_taken; /* by the job, of this attempt */
        uint64_t stdin_next;  /* what the client sends next */
        uint64_t stdin_told;  /* `taken` of the last StdinWindow */
};

static inline struct engine *follow_engine(const struct follow *follow)
{
        return follow->stream.session->clients->engine;
}

/* ------------------------------------------------------------------------------------ follow.c */

/* Is this attempt the one that is told, or the next? Also while an end is being told. */
bool follow_accept(struct follow *follow, uint32_t attempt);
/* The last words, and the end of the stream. */
void follow_over(struct follow *follow);
/* Error instead of them. Returns 0. */
int follow_refuse(struct follow *follow, Jobd__ErrorCode code, const char *what);
_must_use_ int follow_set_end(struct follow *follow, const struct follow_end *end, const char *why);
/* Puts an input through the table. Faults end the session. */
void follow_put(struct follow *follow, enum follow_input input, const struct follow_fact *fact);
/* Is this attempt the one that is told, or the next? False: not of interest now. */
bool follow_meet(struct follow *follow, uint32_t attempt);
/* Looks at the task as it is now and finds the phase to be in. */
_must_use_ int follow_look(struct follow *follow);
/* The attempt's output was told: what remains to be said? */
_must_use_ int follow_conclude(struct follow *follow);
extern const struct stream_type follow_type;

/* ------------------------------------------------------------------------------- follow_rows.c */

/* Asks for the job's row: is there such a job? FOLLOW_IN_PAGE follows. */
_must_use_ int follow_read_job(struct follow *follow);
/* Asks beside the stream where stdout goes, to tell it. */
_must_use_ int follow_read_path(struct follow *follow);
/* Asks for the task's row and inline output. FOLLOW_IN_PAGE follows. */
_must_use_ int follow_read_task(struct follow *follow);
_must_use_ int follow_on_job_row(struct follow *follow, const struct follow_fact *fact);
_must_use_ int follow_on_task_row(struct follow *follow, const struct follow_fact *fact);

/* ------------------------------------------------------------------------------ follow_watch.c */

extern const struct watch_ops follow_watch_ops;

/* ------------------------------------------------------------------------------- follow_tell.c */

void follow_tell_state(struct follow *follow, enum job_state state, uint32_t attempt, uint32_t pid,
                       uint64_t barrier);
void follow_tell_data(struct follow *follow, uint64_t offset, const uint8_t *data, size_t size);
/* fd: owned from here. */
void follow_tell_file(struct follow *follow, int fd, bool compressed);
void follow_tell_size(struct follow *follow);
void follow_tell_end(struct follow *follow);

/* ------------------------------------------------------------------------------ follow_stdin.c */

/* The task runs: opens the window, when the client wants to feed it. */
void follow_stdin_begin(struct follow *follow, uint64_t taken);
void follow_stdin_progress(struct follow *follow, uint64_t taken, bool closed);
/* 0, a jobd.ErrorCode with the sentence, or a fault. */
_must_use_ int follow_stdin_take(struct follow *follow, struct job *job,
                                 const Jobd__StdinData *data, struct reason *why);
/* The client is gone: nobody will write more. */
void follow_stdin_leave(struct follow *follow);

/* ------------------------------------------------------------------------------- follow_file.c */

/* Opens the log of the attempt; FOLLOW_IN_OPENED follows. */
_must_use_ int follow_file_open(struct follow *follow);
/* The stream is freed: what is being opened is closed again. */
void follow_file_forget(struct follow *follow);

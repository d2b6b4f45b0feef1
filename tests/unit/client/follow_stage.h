/* SPDX-License-Identifier: Apache-2.0 */
/* Following job 17 of a scripted daemon, for tests. Every failure ends the test, or the script. */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "client/jobctl.h"
#include "tests/unit/client/fake_daemon.h"

/* What the callbacks have seen. */
struct seen {
        char *text; /* stdout as it is, stderr in <>, marks in [] */
        size_t size;
        unsigned int news, windows, caught_up, ends;
        int code;
        uint64_t end_state;
        size_t size_at_end;
};

extern char path[108];      /* of the daemon's socket */
extern struct jobctl *conn; /* owned by the stage */
extern struct jobctl_stream *stream;
extern struct seen seen;

/* The fixture of each test. */
void stage_open(void);
void stage_close(void);

/* Writes down everything in `seen`; two of them for those that do more. */
extern const struct jobctl_stream_ops stage_ops;
void stage_on_data(void *arg, enum jobctl_output which, uint64_t wall_usec, const void *data,
                   size_t size);
void stage_on_end(void *arg, int code, const char *text, const struct jobctl_item *ended);

/* JOBCTL_FOLLOW_* */
void stage_start(unsigned int flags);
/* Runs the stream to its only end. */
void stage_run(void);
/* Frees the connection, which lets the script end. */
void stage_finish(pid_t pid);

/* For scripts. The request, which must go on at this place; its tag. */
uint64_t stage_expect(struct fake *fake, uint32_t attempt, uint64_t offset);
void stage_send_data(struct fake *fake, uint64_t tag, uint32_t attempt, uint64_t offset,
                     const void *data, size_t size);
/* fd: passed, and borrowed; -1: none. */
void stage_send_file(struct fake *fake, uint64_t tag, uint32_t attempt, int fd, uint64_t size);
void stage_send_grown(struct fake *fake, uint64_t tag, uint64_t size);
void stage_send_ended(struct fake *fake, uint64_t tag, Jobd__JobState state);
void stage_send_news(struct fake *fake, uint64_t tag, uint32_t attempt);
void stage_send_window(struct fake *fake, uint64_t tag, uint64_t taken, uint64_t limit,
                       bool closed);

/* SPDX-License-Identifier: Apache-2.0 */
/* A scripted daemon in a child process: it reads like the other half of the conversation. */
#pragma once

#include <stdbool.h>
#include <sys/types.h>

#include "proto/wire.h"

#include "client/lib/result.h"

struct fake {
        int listen_fd;
        int fd;                 /* the connection of now */
        Jobd__Request *request; /* the last one read */
};

/* In the child: any expectation that fails ends it with exit code 1 and a line on stderr. */
typedef void (*fake_script_fn)(struct fake *fake);

/* A new folder of this test, removed at the end of the process. */
const char *fake_folder(void);
/* Listens at `path` and runs the script in a child; returns when it listens. */
pid_t fake_start(const char *path, fake_script_fn script);
/* Waits for the child; true when the script went through. */
bool fake_finish(pid_t pid);

/* For scripts. */
void fake_accept(struct fake *fake);              /* and HELLO */
void fake_accept_mute(struct fake *fake);         /* without reading anything */
void fake_greet(struct fake *fake, uint64_t tag); /* the answer to HELLO */
void fake_close(struct fake *fake);
/* Reads the next request, which must be of this kind. */
const Jobd__Request *fake_read(struct fake *fake, Jobd__Request__BodyCase kind);
/* Answers `tag`; body: a message of this kind; pass_fd: -1 or borrowed. */
void fake_reply(struct fake *fake, uint64_t tag, Jobd__Reply__BodyCase kind, void *body, bool more,
                int pass_fd);
void fake_error(struct fake *fake, uint64_t tag, Jobd__ErrorCode code, const char *text, bool more);
void fake_done(struct fake *fake, uint64_t tag);
void fake_send_bytes(struct fake *fake, const void *data, size_t size);
void fake_expect(bool truth, const char *what);
/* Reads until the client closes. */
void fake_wait_closed(struct fake *fake);
/* A record of a log: header and text. Returns its bytes. */
size_t fake_record(uint8_t *out, unsigned int stream, const char *text);

/* For tests without a connection: the result of a call that got this one answer; owned. */
struct jobctl_result *fake_result(const Jobd__Reply *reply);

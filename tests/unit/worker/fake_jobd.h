/* SPDX-License-Identifier: Apache-2.0 */
/* A scripted jobd for tests of the real worker program: it listens, is dialled, and is obeyed. */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "common/version.h"

#include "proto/wire.h"

#define FAKE_DEADLINE_MS 15000

#define REPORT(name) JOBD__WORK__REPORT__BODY_##name
#define ORDER(name) JOBD__WORK__ORDER__BODY_##name
#define OUTCOME(name) JOBD__WORK__OUTCOME__OUTCOME_##name

/* One test's folders, listener and program. Every failure ends the test. */
struct fake {
        char dir[64];
        char private_dir[80], socket[100], records[80], spool[80];
        char never[80]; /* a FIFO that nobody writes to: a job that reads it does not end */
        int listen_fd;
        int records_fd, spool_fd;
        pid_t pid;   /* the program under test: a worker or the pool; 0: none */
        int line_fd; /* to a worker that the test started itself */
        bool is_system;
        bool is_delegated;  /* a pool that is told so */
        int state_fd;       /* of a pool that goes on for an earlier program; 0: none */
        int err_fd;         /* borrowed: the program's stderr; 0: the test's */
        const char *policy; /* system mode */
        const char *cgroup; /* of a worker; NULL: none */
        const char *exe;    /* the program; JOBD_WORKER_PATH */
        const char *build;  /* what Welcome says; version_build */
        uint64_t inline_max_bytes, output_cap_bytes, grace_usec; /* of Welcome; 0: not given */
};

/* One connection. */
struct fake_link {
        int fd;
        uint8_t *in;
        size_t in_bytes;
        unsigned int reports; /* that came, and the kind of the last one: for messages */
        Jobd__Work__Report__BodyCase last;
        Jobd__Work__Role role;
        uint32_t number, pid;
        char build[VERSION_BYTES];
        uint64_t generation;
};

void fake_init(struct fake *fake);
/* Kills the program, waits for it, removes the folders. */
void fake_deinit(struct fake *fake);
void fake_listen(struct fake *fake);
void fake_unlisten(struct fake *fake);

/* The test is the pool: record, line and process of one worker. */
void fake_start_worker(struct fake *fake);
void fake_start_pool(struct fake *fake, unsigned int workers);
/* Waits for the program's end; its wait status. */
int fake_wait_program(struct fake *fake);
/* True when the program is still there after `ms`. */
bool fake_is_living(const struct fake *fake, int ms);
/* Waits until no process has this pid. */
void fake_wait_gone(pid_t pid);

/* Accepts the next connection, takes its Hello and answers Welcome. */
struct fake_link *fake_accept(struct fake *fake);
/* The same, and for a worker takes its inventory, which must hold `leases` leases. */
struct fake_link *fake_accept_worker(struct fake *fake, size_t leases);
struct fake_link *fake_close(struct fake_link *link);

/* The next report within the deadline; NULL at EOF. */
Jobd__Work__Report *fake_receive(struct fake_link *link);
/* The next report, which must be of this kind. */
Jobd__Work__Report *fake_expect(struct fake_link *link, Jobd__Work__Report__BodyCase body);
/* Skips others until one of this kind comes. */
Jobd__Work__Report *fake_await(struct fake_link *link, Jobd__Work__Report__BodyCase body);
/* True when nothing at all comes within `ms`. */
bool fake_is_silent(struct fake_link *link, int ms);
void fake_send(struct fake_link *link, const Jobd__Work__Order *order);

/* A Start under construction: spec and environment are packed by fake_start(). */
struct fake_job {
        Jobd__Work__Start start;
        Jobd__Spec spec;
        Jobd__Environment environment;
        ProtobufCBinaryData argv[16], entries[16];
};
/* Start.spec is sent unless has_spec is taken back. lease == job id; the command is argv,
 * NULL-terminated; cwd "/", PATH as usual. */
void fake_job_init(struct fake_job *job, uint64_t lease, const char *const argv[]);
void fake_job_add_env(struct fake_job *job, const char *entry);
void fake_job_set_bytes(protobuf_c_boolean *has, ProtobufCBinaryData *member, const char *text);
void fake_job_send(struct fake_link *link, struct fake_job *job);
/* fake_job_init() and fake_job_send() of `/bin/sh -c script`. */
void fake_run_shell(struct fake_link *link, uint64_t lease, const char *script);
/* A job that ends only when it is killed. */
void fake_run_endless(const struct fake *fake, struct fake_link *link, uint64_t lease);

void fake_ack(struct fake_link *link, uint64_t lease);
void fake_cancel(struct fake_link *link, uint64_t lease, uint64_t grace_usec);
void fake_order_lease(struct fake_link *link, Jobd__Work__Order__BodyCase body, uint64_t lease);
void fake_signal(struct fake_link *link, uint64_t lease, uint32_t signo);
void fake_follow(struct fake_link *link, uint64_t lease, bool on);
void fake_stdin(struct fake_link *link, uint64_t lease, uint64_t offset, const void *data,
                size_t size, bool end);

/* What a record log holds of one stream (enum spool_stream), as a string owned by the caller. */
char *fake_text_of(const uint8_t *records, size_t size, int stream);
/* The same of a spool file of job 'lease'. */
char *fake_spooled_text(const struct fake *fake, uint64_t lease, int stream);

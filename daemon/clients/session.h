/* SPDX-License-Identifier: Apache-2.0 */
/* One client's connection: who it is, what it may ask now, what it is still owed. */
#pragma once

#include "common/usocket.h"

#include "proto/channel.h"

#include "daemon/clients/appender.h"
#include "daemon/clients/shared.h"

enum session_state {
        SESSION_GREETING, /* Hello is due */
        SESSION_OPEN,
        SESSION_CLOSING, /* what is queued still leaves, nothing else happens */
        SESSION_DEAD,    /* in clients->dying */
};

struct session {
        TAILQ_ENTRY(session) entry; /* in clients->sessions, or ->dying */
        TAILQ_ENTRY(session) busy_entry;
        struct clients *clients;  /* borrowed: owns us */
        struct client_user *user; /* borrowed: counts us */
        struct channel *channel;  /* owned */
        struct loop_timer *timer; /* owned: Hello, the rest of a frame, or leaving is due */
        struct usocket_peer peer; /* owned */
        struct stream_set streams;
        enum session_state state;
        bool is_admin; /* root, jobd's own user, the group of administrators; user mode: the user */
        bool is_busy;  /* in clients->busy */
        uint32_t watches_count;
        size_t request_bytes; /* of the request that is being served */
        uint64_t *promises;   /* owned: jobs whose stdin this client has promised to feed */
        size_t promises_count, promises_room;
        struct appender appender;
        uint64_t last_submitted; /* first job of its last Submit; 0: none, or it was refused */
        uint64_t inside_job;     /* the client runs in this job, by its own word; 0: in none */
        uint64_t inside_task;
        uint64_t lent;            /* what engine_lend() gave, while streams lend; 0: nothing */
        uint32_t lending_count;   /* streams that lend */
        uint32_t submits_pending; /* whose answer the engine still owes */
        uint64_t bytes[CLIENT_BYTES_COUNT];
        uint64_t audited_job; /* the last that audit_job() told of, and enum audit_act */
        uint32_t audited_act;
};

/* fd, peer: taken over, also when this fails. */
_must_use_ int session_new(struct clients *clients, int fd, struct usocket_peer *peer,
                           struct session **out_session);
/* BURY only. Its streams were ended by session_close(). */
struct session *session_free(struct session *session);

/* Ends it now; it is freed in BURY. `is_gone`: jobd lives on, so its streams take their leave. */
void session_close(struct session *session, bool is_gone);
/* Ends it once what is queued has left. */
void session_finish(struct session *session);
/* A fault of ours ends it. */
void session_fail(struct session *session, int r);
/* Looks again whether it is an administrator's. */
void session_update_role(struct session *session);
static inline bool session_is_over(const struct session *session)
{
        return session->state >= SESSION_CLOSING;
}

/*
 * Queues a frame that may not leave before `barrier` is durable. reply: borrowed; its tag is set
 * here. pass_fd: -1, or owned from here. What goes wrong ends the session, so nothing is returned.
 */
void session_send(struct session *session, uint64_t tag, Jobd__Reply *reply, uint64_t barrier,
                  int pass_fd);
/* The same for a stream, whose frames keep their order: the barrier never falls. */
void session_send_on(struct stream *stream, Jobd__Reply *reply, uint64_t barrier, int pass_fd);
/* A request, or a part of one, was answered with this. */
void session_count_refusal(struct session *session, Jobd__ErrorCode code);
/* Error, as the only and last reply to a request. */
void session_send_error(struct session *session, uint64_t tag, Jobd__ErrorCode code,
                        uint64_t barrier, const char *fmt, ...) _printf_(5, 6);
/* OUTPUT: lets go what is durable, writes, and looks at what that makes possible. */
void session_flush(struct session *session, uint64_t durable);

/* Reads requests, or not, as the counts stand. */
void session_update_reading(struct session *session);
/* Has the client more than so many bytes to read? Then stream_wait_drained(). */
bool session_is_slow(const struct session *session, size_t bytes);
#define SESSION_SLOW_BYTES (256U * 1024)  /* pages and output wait above it */
#define SESSION_DRAINED_BYTES (4U * 1024) /* stuck streams run again below it */

/* The stream keeps so much more than its request tells. 0, or a jobd.ErrorCode with a sentence. */
_must_use_ int session_add_weight(struct stream *stream, size_t bytes, struct reason *why);
/* A new stream of `size` bytes. 0, a jobd.ErrorCode with a sentence, or a fault. */
_must_use_ int session_add_stream(struct session *session, const struct stream_type *type,
                                  uint64_t tag, size_t size, struct stream **out_stream,
                                  struct reason *why);
/*
 * The client has submitted a job whose stdin it will feed. When it goes before it follows that job,
 * the job gets an end of file (orphan.h).
 */
_must_use_ int session_promise_stdin(struct session *session, uint64_t job);
/* It follows, and takes care of it from here. */
void session_keep_promise(struct session *session, uint64_t job);
/* Its turn: now if the user has a place, else when one is free. Ends the session at a fault. */
void session_run_stream(struct stream *stream);
extern const struct stream_hub_ops session_hub_ops;
/*
 * The journal was asked for something on a stream's behalf, and has answered; what is asked through
 * session_read_*() counts by itself. While too much is asked, no requests are read and no streams
 * of the user run.
 */
void session_begin_wait(struct stream *stream);
void session_end_wait(struct stream *stream);
/*
 * This stream waits for `job` (0: several) until it ends: if its client is inside another one, that
 * lends its cores meanwhile. The other is no-op when it lent nothing.
 */
void session_begin_lending(struct stream *stream, uint64_t job);
void session_end_lending(struct stream *stream);
/* One watch more of a job; false when that is too many. */
bool session_take_watch(struct session *session);
void session_give_watch(struct session *session);

/* Reads of the journal for a stream, one at a time: the answer comes to type->on_page(). */
_must_use_ int session_read_jobs(struct stream *stream, const struct journal_job_query *query);
_must_use_ int session_read_task(struct stream *stream, uint64_t job, uint64_t task,
                                 bool want_output);
_must_use_ int session_read_results(struct stream *stream,
                                    const struct journal_results_query *query);
_must_use_ int session_read_input(struct stream *stream, uint64_t job, uint64_t task);
/* Of everybody's jobs, or of its user's. */
_must_use_ int session_read_totals(struct stream *stream, const struct journal_totals_query *query);
_must_use_ int session_read_events(struct stream *stream, const struct journal_event_query *query);

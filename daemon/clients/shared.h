/* SPDX-License-Identifier: Apache-2.0 */
/* What the parts of daemon/clients share: the sessions, their users, the counts against limits. */
#pragma once

#include "common/list.h"
#include "common/map.h"

#include "proto/wire.h"

#include "daemon/clients/clients.h"
#include "daemon/clients/stream.h"

struct logbook;
struct session;
struct orphan;
struct share;

TAILQ_HEAD(session_list, session);

/* What connections keep in memory for their peers, counted for the machine and by user. */
enum client_bytes {
        CLIENT_FRAMES,  /* frames that are not complete yet */
        CLIENT_REPLIES, /* replies that were not read yet */
        CLIENT_BYTES_COUNT,
};

/* One uid with connections. */
struct client_user {
        UT_hash_handle hh;
        uint32_t uid;
        uint32_t sessions_count;
        uint32_t watches_count;
        uint32_t waits_count;       /* reads and other errands of the journal under way */
        struct stream_list blocked; /* streams that wait for one of them to end */
        uint64_t weight_bytes;      /* of requests under way */
        uint64_t bytes[CLIENT_BYTES_COUNT];
};

struct listener;
LIST_HEAD(listener_list, listener);

/* A stream that is woken when events were posted: part of it. */
struct events_waiter {
        LIST_ENTRY(events_waiter) entry;
        struct stream *stream; /* borrowed: holds us */
};
LIST_HEAD(events_waiter_list, events_waiter);

/* A stream whose chunk of input is not answered yet: part of it. */
struct append_waiter {
        TAILQ_ENTRY(append_waiter) entry;
        struct stream *stream; /* borrowed: holds us; NULL: not in the list */
        uint64_t job;          /* 0: of a Submit that is looked up */
        bool is_behind;        /* another goes first, and wakes it */
};
TAILQ_HEAD(append_waiter_list, append_waiter);

struct ticket;
LIST_HEAD(ticket_list, ticket);

#define CLIENTS_VERBS_MAX 64  /* body numbers of requests are below */
#define CLIENTS_ERRORS_MAX 16 /* and codes of errors */

/* Counted since the start. */
struct clients_tally {
        uint64_t connections;                 /* taken */
        uint64_t turned_away;                 /* before they were connections */
        uint64_t bad_frames;                  /* bytes that are no request */
        uint64_t requests[CLIENTS_VERBS_MAX]; /* by body number */
        uint64_t refused[CLIENTS_ERRORS_MAX]; /* requests, by jobd.ErrorCode; 0: an unknown one */
};

struct clients {
        struct loop *loop; /* borrowed */
        struct clients_options options;
        struct engine *engine;         /* borrowed */
        const struct clients_ops *ops; /* borrowed */
        void *arg;                     /* of ops */
        /* Serves one request of a session that has said Hello. */
        int (*dispatch)(struct session *from, const Jobd__Request *request);

        struct logbook *logbook; /* owned */
        struct listener_list listeners;
        struct loop_timer *accept_timer; /* owned: try again when no session ends */
        int reserve_fd;                  /* owned: given up to tell one caller that we are full */
        bool is_full;                    /* out of descriptors: the listeners left the loop */

        struct session_list sessions, dying;
        struct session_list busy; /* those that may have something to write */
        size_t sessions_count;
        struct client_user *users; /* owned, uthash */
        uint64_t bytes[CLIENT_BYTES_COUNT];

        struct stream_hub hub;
        struct events_waiter_list events_waiters;
        struct append_waiter_list appends; /* in order of arrival */
        struct ticket_list tickets;        /* owned: answers that will come */
        struct clients_tally tally;
        struct orphan *orphans; /* owned, uthash: tasks that wait for a client that is gone */
        struct share *shares;   /* owned, uthash: whose output is followed how often */
};

/* ------------------------------------------------------------------------------------- users.c */

struct client_user *users_find(const struct clients *clients, uint32_t uid);
/* The user's entry with one session more; made when needed. */
_must_use_ int users_enter(struct clients *clients, uint32_t uid, struct client_user **out_user);
/* One session less; the entry goes with the last. */
void users_leave(struct clients *clients, struct client_user *user);
/* Sets what a session holds of a kind (*held) to `bytes`. */
void users_count_bytes(struct clients *clients, struct client_user *user, enum client_bytes kind,
                       uint64_t *held, uint64_t bytes);
/* Is more held than the machine should give? Then the user who holds most pays. */
bool users_is_over(const struct clients *clients, enum client_bytes kind);
struct client_user *users_find_greediest(const struct clients *clients, enum client_bytes kind);

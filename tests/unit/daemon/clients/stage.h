/* SPDX-License-Identifier: Apache-2.0 */
/* The clients' side of jobd over fakes, and clients of it, all in the test's own loop. */
#pragma once

#include <check.h>

#include "proto/channel.h"
#include "proto/wire.h"

#include "daemon/clients/clients.h"
#include "fake_engine.h"

#define STAGE_UID_OTHER 4242U

struct stage;

/* A client. What it is told stands as lines in `lines`: "3 done", "4 error(STATE)+"... */
struct peer {
        struct stage *stage;     /* borrowed */
        struct channel *channel; /* owned */
        char **lines;            /* owned */
        size_t lines_count, lines_read;
        char sentence[160];                     /* of the last Error */
        uint64_t tasks_failed, tasks_cancelled; /* of the last JobEnded */
        int fds[8];                             /* owned: descriptors that were passed */
        size_t fds_count;
        bool ended;
        bool is_deaf; /* does not read */
        uint64_t data_bytes;
        uint64_t *ends, *starts; /* owned: tasks in the order in which Results told them */
        size_t ends_count, starts_count;
};

struct stage {
        char path[96];
        struct loop *loop;
        struct clients *clients;
        struct engine engine;
        struct clients_options options;
        struct peer *peers[64];
        size_t peers_count;
        uint64_t durable; /* given to clients_flush() in each turn; */
        bool is_lagging;  /* unless set, all of it is durable at once */
        unsigned int turns, turns_wanted;
        char trace[1024]; /* what clients_ops was asked */
        bool is_demoting; /* a reload leaves no group of administrators */
};

/* From here this process is an ordinary user. */
void stage_drop_root(void);
/* Opens with defaults; change stage->options between the two. uid: 0 is the test's own. */
void stage_init(struct stage *stage);
void stage_open(struct stage *stage);
void stage_close(struct stage *stage);
/* Some turns, enough for everything that needs no waiting. */
void stage_turn(struct stage *stage);
/* A single one. */
void stage_step(struct stage *stage);

/* Connects, and says Hello with tag 1. */
struct peer *peer_new(struct stage *stage);
/* Only connects. */
struct peer *peer_dial(struct stage *stage);
void peer_send(struct peer *peer, const Jobd__Request *request);
void peer_send_bytes(struct peer *peer, const void *data, size_t size);
void peer_close(struct peer *peer);
/* The next line is this one; waits for it up to five seconds. */
void peer_expect(struct peer *peer, const char *line);
/* Nothing more comes. */
void peer_expect_nothing(struct peer *peer);
/* jobd hangs up. */
void peer_expect_end(struct peer *peer);

/* Requests. */
void peer_hello(struct peer *peer, uint64_t tag);
/* As a client that runs in this task of this job. */
void peer_hello_inside(struct peer *peer, uint64_t tag, uint64_t job, uint64_t task);
void peer_ping(struct peer *peer, uint64_t tag);
struct selection {
        uint64_t ids[8][2];             /* up to a first of 0 */
        uint64_t task_first, task_last; /* of ids[0], when has_tasks */
        bool has_tasks;
        bool all, last, unfinished;
        const char *name;
        const char *queue;
        const char *label[2];
        enum job_state state;
};
struct selection_message {
        Jobd__Selector selector;
        Jobd__IdRange ranges[8], *range_pointers[8];
        Jobd__Label label, *labels[1];
        Jobd__JobState states[1];
};
/* Returns to->selector, filled. */
Jobd__Selector *selection_fill(struct selection_message *to, const struct selection *from);
void peer_act(struct peer *peer, uint64_t tag, Jobd__Action action, const struct selection *which);
void peer_wait(struct peer *peer, uint64_t tag, const struct selection *which, bool any);
void peer_info(struct peer *peer, uint64_t tag, const struct selection *which);
void peer_list(struct peer *peer, uint64_t tag, const struct selection *which, uint32_t limit);
/* Until the end, from the beginning. */
void peer_follow(struct peer *peer, uint64_t tag, uint64_t job);
/* Values: separated by spaces, each is one of the chunk. */
void peer_append(struct peer *peer, uint64_t tag, uint64_t job, uint64_t number,
                 const char *values);
void peer_close_input(struct peer *peer, uint64_t tag, uint64_t job, uint64_t chunks,
                      const char *cut);
struct asked {
        uint64_t first_task; /* when has_first */
        bool has_first, ordered, output, starts, no_tasks;
        bool only_now; /* not until_end */
        uint64_t progress_usec;
};
void peer_results(struct peer *peer, uint64_t tag, uint64_t job, const struct asked *asked);
void peer_seen(struct peer *peer, uint64_t tag, uint64_t job, uint64_t next_task);
void peer_inputs(struct peer *peer, uint64_t tag, uint64_t job, uint64_t task, uint32_t limit);
void peer_stop(struct peer *peer, uint64_t tag, uint64_t stop_tag);
#define IDS(...) (&(const struct selection){ .ids = { __VA_ARGS__ } })

/* SPDX-License-Identifier: Apache-2.0 */
/* A request that is answered over time: its tag, its turn to work, its end. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/cleanup.h"
#include "common/list.h"
#include "common/loop.h"
#include "common/map.h"

#include "daemon/journal/journal.h"

struct session;
struct stream;

/* What a kind of stream does. An int result: 0, or a fault, which closes the session. */
struct stream_type {
        bool is_stoppable; /* by Stop */
        /* It was woken: a bounded piece of work. May end the stream. */
        int (*run)(struct stream *stream);
        /* What session_read_*() brought; page: borrowed, without a fault. NULL: never reads. */
        int (*on_page)(struct stream *stream, const struct journal_page *page);
        /* The client is gone, or stopped this, while jobd lives on. May be NULL. */
        void (*on_leave)(struct stream *stream);
        /* BURY: releases what it owns, not itself. May be NULL. The session is still there. */
        void (*deinit)(struct stream *stream);
};

enum stream_place {
        STREAM_IDLE,     /* something will wake it */
        STREAM_RUNNABLE, /* in hub->runnable */
        STREAM_STUCK,    /* in `list`: waits until others wake all in it */
        STREAM_ENDED,    /* in hub->ended: freed in BURY */
};

TAILQ_HEAD(stream_list, stream);

/* First member of every stream. */
struct stream {
        const struct stream_type *type;
        struct stream_hub *hub;    /* borrowed: outlives all streams */
        struct stream_set *set;    /* borrowed: of the session */
        struct session *session;   /* borrowed: freed after its streams, in the same BURY */
        struct journal_read *read; /* in flight, or NULL */
        uint64_t tag;
        uint64_t barrier;     /* of its last frame; no later one goes below */
        uint32_t waits_count; /* things asked of the journal for it and not answered */
        size_t weight_bytes;  /* of memory, about; counted by the session */
        enum stream_place place;
        bool is_lending;           /* its client waits inside a job (session_lending.c) */
        TAILQ_ENTRY(stream) entry; /* in the list of its place */
        struct stream_list *list;  /* borrowed: when STUCK */
        UT_hash_handle hh;         /* in set->by_tag */
};

/* The streams of one session. */
struct stream_set {
        struct stream *by_tag;    /* owned, uthash */
        struct stream_list stuck; /* until the client has read */
        uint32_t waits_count;     /* of all of them */
        size_t weight_bytes;
};

/* Where the streams of all sessions take turns. */
struct stream_hub {
        struct loop_timer *timer; /* owned; runs the runnable in the next turn */
        struct stream_list runnable, ended;
        size_t runnable_count;
        const struct stream_hub_ops *ops; /* borrowed */
        bool is_journal_closed;           /* jobd ends: reads are gone, not to be cancelled */
};

struct stream_hub_ops {
        /* Its turn: calls type->run(), or makes it wait. A fault ends its session. */
        void (*run)(struct stream *stream);
        /* It has just ended; what was counted for it can be given back. */
        void (*on_end)(struct stream *stream);
        /* The loop refuses a timer. */
        void (*on_fault)(struct stream *stream, int r);
};

/* ops: borrowed for ever. */
_must_use_ int stream_hub_init(struct stream_hub *hub, struct loop *loop,
                               const struct stream_hub_ops *ops);
/* BURY: frees the ended ones. */
void stream_hub_bury(struct stream_hub *hub);
/* All streams were ended before. */
void stream_hub_deinit(struct stream_hub *hub);

void stream_set_init(struct stream_set *set);
struct stream *stream_set_find(const struct stream_set *set, uint64_t tag);
size_t stream_set_count(const struct stream_set *set);
/* All that are stuck in this list run again. */
void stream_list_wake(struct stream_list *list);

/*
 * A zeroed stream of `size` bytes (struct stream first), in the set under its tag; the tag must be
 * free. Owned by the set; stream_end() gives it back.
 */
_must_use_ int stream_new(struct stream_hub *hub, struct stream_set *set, struct session *session,
                          const struct stream_type *type, uint64_t tag, size_t size,
                          struct stream **out_stream);
/* Nothing more will be sent: leaves the set now, is freed in BURY. No-op the second time. */
void stream_end(struct stream *stream);
static inline bool stream_is_ended(const struct stream *stream)
{
        return stream->place == STREAM_ENDED;
}
/* run() is called in the next turn. No-op when it is due already, or ended. */
void stream_wake(struct stream *stream);
/* run() is called when somebody wakes those in this list. */
void stream_wait_in(struct stream *stream, struct stream_list *list);
/* run() is called once the client has read nearly everything. */
static inline void stream_wait_drained(struct stream *stream)
{
        stream_wait_in(stream, &stream->set->stuck);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* One socket to jobd as frames: what came in, what must go out, descriptors that were passed. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/cleanup.h"

#include "proto/wire.h"

struct link;

enum link_answer {
        LINK_E_AGAIN = 1, /* nothing (more) now */
        LINK_E_CLOSED,    /* the daemon is gone, or said bytes that are no frame */
};

/* fd: non-blocking, owned by the link from here, also when this fails. */
_must_use_ int link_new(int fd, struct link **out_link);
struct link *link_free(struct link *link);
DEFINE_CLEANUP(struct link *, link_free);

int link_fd(const struct link *link);
/* Queues one message; link_flush() writes. */
_must_use_ int link_send(struct link *link, const ProtobufCMessage *message);
/* The same for a message that wire_pack() made. */
_must_use_ int link_send_packed(struct link *link, const void *data, size_t size);
/* Writes what the socket takes. 0 (all or some), LINK_E_CLOSED, or a fault. */
_must_use_ int link_flush(struct link *link);
size_t link_pending_bytes(const struct link *link);
/*
 * One read of the socket. *out_more: another may find something; when it is false, waiting for the
 * socket is cheaper. 0, LINK_E_AGAIN, LINK_E_CLOSED, or a fault.
 */
_must_use_ int link_receive(struct link *link, bool *out_more);
/*
 * The next whole frame that was received: its body, valid until link_drop_frame(). 0, LINK_E_AGAIN,
 * LINK_E_CLOSED (length 0 or over 4 MiB), or a fault.
 */
_must_use_ int link_next_frame(struct link *link, const uint8_t **out_body, size_t *out_size);
void link_drop_frame(struct link *link);
/*
 * The oldest descriptor that was passed and not taken, or -1; owned by the caller. Only one kind
 * of reply carries one, so taking them in order pairs each with its frame.
 */
int link_take_fd(struct link *link);

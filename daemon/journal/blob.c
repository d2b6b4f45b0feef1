/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Immutable bytes with a count of their owners. A spec that a client sent is wrapped once and then
 * shared: the session's answer, the batch on its way to disk and the START frame hold the same
 * bytes. The count is atomic because the loop and the journal thread let go in any order; the bytes
 * are never written after journal_blob_new(), so they need no lock.
 *
 * The struct that callers see is the head of ours; nobody else makes a struct journal_blob.
 */
#include <errno.h>
#include <stdatomic.h>
#include <stddef.h>

#include "common/error.h"

#include "daemon/journal/journal.h"

struct blob {
        struct journal_blob face; /* first: callers hold its address */
        void *data;               /* owned; what face.data shows */
        atomic_uint count;
};

static struct blob *blob_of(struct journal_blob *face)
{
        return (struct blob *)((char *)face - offsetof(struct blob, face));
}

int journal_blob_new(void *data, size_t size, struct journal_blob **out_blob)
{
        _cleanup_(freep) void *owned = data;
        struct blob *const blob = calloc(1, sizeof(*blob));

        if (!blob)
                return FAULT(-ENOMEM);
        blob->data = TAKE_PTR(owned);
        blob->face.data = blob->data;
        blob->face.size = size;
        atomic_init(&blob->count, 1);
        *out_blob = &blob->face;
        return 0;
}

struct journal_blob *journal_blob_ref(struct journal_blob *blob)
{
        if (blob)
                atomic_fetch_add_explicit(&blob_of(blob)->count, 1, memory_order_relaxed);
        return blob;
}

struct journal_blob *journal_blob_unref(struct journal_blob *blob)
{
        struct blob *const own = blob ? blob_of(blob) : NULL;

        /* acq_rel: whoever frees has seen every use that others made before they let go. */
        if (own && atomic_fetch_sub_explicit(&own->count, 1, memory_order_acq_rel) == 1) {
                free(own->data);
                free(own);
        }
        return NULL;
}

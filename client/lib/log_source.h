/* SPDX-License-Identifier: Apache-2.0 */
/* One attempt's output, put together from pushed pieces and the spool file. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/cleanup.h"
#include "common/error.h"

#include "proto/spool.h"

struct log_source;

enum log_source_answer {
        LOG_SOURCE_E_EMPTY = 1, /* nothing more is there now */
        LOG_SOURCE_E_DAMAGED,   /* no records, or a hole */
        LOG_SOURCE_E_NO_ZSTD,   /* it is compressed, and libzstd is not installed */
};

/* on_data, arg: of spool_parser_feed(); borrowed, outlive it. */
_must_use_ int log_source_new(spool_data_fn on_data, void *arg, struct log_source **out_source);
struct log_source *log_source_free(struct log_source *source);

/* A piece of the log from `offset` on; copied. */
_must_use_ int log_source_push(struct log_source *source, uint64_t offset, const void *data,
                               size_t size);
/* The spool file with `size_bytes` valid ones; fd: owned by the source from here, also on failure.
 */
_must_use_ int log_source_set_file(struct log_source *source, int fd, bool compressed,
                                   uint64_t size_bytes);
void log_source_set_size(struct log_source *source, uint64_t size_bytes);

/* Hands out up to 1 MiB. 0, LOG_SOURCE_E_*, or a fault. */
_must_use_ int log_source_step(struct log_source *source);
/* Is something there that was not handed out? */
bool log_source_has_more(const struct log_source *source);
/* Bytes of the log handed out: where to continue. */
uint64_t log_source_offset(const struct log_source *source);
/* Bytes held in memory. */
size_t log_source_held_bytes(const struct log_source *source);
/* Forgets what was pushed and not handed out: it will come again. */
void log_source_rewind(struct log_source *source);

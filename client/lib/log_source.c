/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Puts one attempt's log together. It arrives in two ways, in any mixture: small fresh pieces are
 * pushed in frames, and a spool file is passed as a descriptor of which so many bytes are valid.
 * Both count the same offsets, so whatever continues at the offset reached is taken, what was seen
 * is skipped, and a piece further on waits for the file to fill the gap.
 *
 *   log   ==================|- - - - - - - - -|######|
 *                         offset    file     pushed piece
 *
 * File blocks of 1 MiB are read straight into one buffer and parsed there. The parser keeps the
 * state of a record that was cut anywhere. Used by follow.c, one source per attempt.
 */
#include "client/lib/log_source.h"

#include <errno.h>
#include <string.h>

#include "common/list.h"

#define LOG_SOURCE_BLOCK_BYTES (1024U * 1024)

struct log_piece {
        STAILQ_ENTRY(log_piece) entry;
        uint64_t offset;
        size_t size;
        uint8_t data[];
};

struct log_source {
        spool_data_fn on_data;
        void *arg; /* borrowed: the follow that owns us */
        struct spool_parser parser;
        uint64_t offset;                 /* handed to the parser so far */
        STAILQ_HEAD(, log_piece) pieces; /* owned, by rising offset */
        size_t held_bytes;               /* in pieces */
        struct spool_reader *reader;     /* owned; NULL: no file */
        uint64_t size_bytes;             /* valid in the file */
        uint8_t *block;                  /* owned: LOG_SOURCE_BLOCK_BYTES; with the reader */
};

int log_source_new(spool_data_fn on_data, void *arg, struct log_source **out_source)
{
        struct log_source *const source = calloc(1, sizeof(*source));

        if (!source)
                return FAULT(-ENOMEM);
        source->on_data = on_data;
        source->arg = arg;
        spool_parser_init(&source->parser);
        STAILQ_INIT(&source->pieces);
        *out_source = source;
        return 0;
}

static void log_source_drop_piece(struct log_source *source)
{
        struct log_piece *const piece = STAILQ_FIRST(&source->pieces);

        STAILQ_REMOVE_HEAD(&source->pieces, entry);
        source->held_bytes -= piece->size;
        free(piece);
}

void log_source_rewind(struct log_source *source)
{
        while (!STAILQ_EMPTY(&source->pieces))
                log_source_drop_piece(source);
}

struct log_source *log_source_free(struct log_source *source)
{
        if (!source)
                return NULL;
        log_source_rewind(source);
        spool_reader_free(source->reader);
        free(source->block);
        free(source);
        return NULL;
}

int log_source_push(struct log_source *source, uint64_t offset, const void *data, size_t size)
{
        struct log_piece *piece;

        if (offset + size <= source->offset)
                return 0;
        piece = malloc(sizeof(*piece) + size);
        if (!piece)
                return FAULT(-ENOMEM);
        piece->offset = offset;
        piece->size = size;
        memcpy(piece->data, data, size);
        STAILQ_INSERT_TAIL(&source->pieces, piece, entry);
        source->held_bytes += size;
        return 0;
}

int log_source_set_file(struct log_source *source, int fd, bool compressed, uint64_t size_bytes)
{
        struct spool_reader *reader;
        int r;

        if (fd < 0)
                return LOG_SOURCE_E_DAMAGED; /* a file was announced and none passed */
        r = spool_reader_new(fd, compressed, &reader);
        if (r)
                return r < 0 ? PASS(r) : LOG_SOURCE_E_NO_ZSTD;
        spool_reader_free(source->reader);
        source->reader = reader;
        source->size_bytes = size_bytes;
        if (!source->block)
                source->block = malloc(LOG_SOURCE_BLOCK_BYTES);
        return source->block ? 0 : FAULT(-ENOMEM);
}

void log_source_set_size(struct log_source *source, uint64_t size_bytes)
{
        source->size_bytes = MAX(source->size_bytes, size_bytes);
}

bool log_source_has_more(const struct log_source *source)
{
        return !STAILQ_EMPTY(&source->pieces) ||
               (source->reader && source->offset < source->size_bytes);
}

uint64_t log_source_offset(const struct log_source *source)
{
        return source->offset;
}

size_t log_source_held_bytes(const struct log_source *source)
{
        return source->held_bytes;
}

static int log_source_feed(struct log_source *source, const uint8_t *data, size_t size)
{
        const int r = spool_parser_feed(&source->parser, data, size, source->on_data, source->arg);

        source->offset += size;
        if (r == SPOOL_E_BAD)
                return LOG_SOURCE_E_DAMAGED;
        return r < 0 ? PASS(r) : 0;
}

static int log_source_take_piece(struct log_source *source)
{
        const struct log_piece *const piece = STAILQ_FIRST(&source->pieces);
        const uint64_t seen = source->offset - piece->offset;
        int r = 0;

        if (seen < piece->size)
                r = log_source_feed(source, piece->data + seen, piece->size - (size_t)seen);
        log_source_drop_piece(source);
        return r;
}

/* Reads the file up to `stop`. */
static int log_source_take_file(struct log_source *source, uint64_t stop)
{
        const uint64_t want = MIN(stop - source->offset, (uint64_t)LOG_SOURCE_BLOCK_BYTES);
        size_t got = 0;
        int r;

        r = spool_reader_read(source->reader, source->offset, source->block, (size_t)want, &got);
        if (r)
                return r < 0 ? PASS(r) : LOG_SOURCE_E_DAMAGED;
        if (got == 0)
                return LOG_SOURCE_E_DAMAGED; /* shorter than was said */
        return log_source_feed(source, source->block, got);
}

int log_source_step(struct log_source *source)
{
        const struct log_piece *const piece = STAILQ_FIRST(&source->pieces);

        if (piece && piece->offset <= source->offset)
                return log_source_take_piece(source);
        if (source->reader && piece)
                return log_source_take_file(source, piece->offset);
        if (source->reader && source->offset < source->size_bytes)
                return log_source_take_file(source, source->size_bytes);
        return piece ? LOG_SOURCE_E_DAMAGED : LOG_SOURCE_E_EMPTY;
}

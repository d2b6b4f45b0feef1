/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Records: their headers, the parser that takes a log apart, and the names of log files. Reading
 * and compressing files is spool_file.c's.
 *
 * The log is written by a worker that runs as root and read by clients, through a descriptor or
 * in frames. A reader trusts nothing in it: a header that is none is SPOOL_E_BAD, and so is a
 * length over SPOOL_DATA_MAX, before anything is done with it. The parser keeps no data, only the
 * header of the record it is in, so that a log of any size is shown in constant memory.
 */
#include "proto/spool.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define SPOOL_VERSION 1

void spool_name(char out_name[static SPOOL_NAME_MAX], uint64_t job, uint64_t task, uint32_t attempt,
                bool compressed)
{
        snprintf(out_name, SPOOL_NAME_MAX, "%" PRIu64 ".%" PRIu64 ".%" PRIu32 ".out%s", job, task,
                 attempt, compressed ? ".zst" : "");
}

static void spool_put(uint8_t *out, uint64_t value, size_t bytes)
{
        for (size_t i = 0; i < bytes; i++)
                out[i] = (uint8_t)(value >> (8 * i));
}

static uint64_t spool_get(const uint8_t *data, size_t bytes)
{
        uint64_t value = 0;

        for (size_t i = 0; i < bytes; i++)
                value |= (uint64_t)data[i] << (8 * i);
        return value;
}

void spool_put_header(uint8_t out_header[static SPOOL_HEADER_BYTES],
                      const struct spool_record *record)
{
        out_header[0] = (uint8_t)record->stream;
        out_header[1] = SPOOL_VERSION;
        spool_put(out_header + 2, 0, 2);
        spool_put(out_header + 4, record->size_bytes, 4);
        spool_put(out_header + 8, record->wall_usec, 8);
}

int spool_get_header(const uint8_t *data, size_t size, struct spool_record *out_record)
{
        struct spool_record record;

        if (size < SPOOL_HEADER_BYTES)
                return SPOOL_E_MORE;
        record = (struct spool_record){
                .stream = data[0],
                .size_bytes = (uint32_t)spool_get(data + 4, 4),
                .wall_usec = spool_get(data + 8, 8),
        };
        if (data[0] < SPOOL_STDOUT || data[0] > SPOOL_MARK || data[1] != SPOOL_VERSION ||
            spool_get(data + 2, 2) != 0)
                return SPOOL_E_BAD;
        if (record.size_bytes < 1 || record.size_bytes > SPOOL_DATA_MAX)
                return SPOOL_E_BAD;
        *out_record = record;
        return 0;
}

void spool_parser_init(struct spool_parser *parser)
{
        *parser = (struct spool_parser){ 0 };
}

/* Takes what is missing of the header; returns how much. */
static size_t spool_parser_fill(struct spool_parser *parser, const uint8_t *data, size_t size)
{
        const size_t bytes = MIN(SPOOL_HEADER_BYTES - parser->header_bytes, size);

        memcpy(parser->header + parser->header_bytes, data, bytes);
        parser->header_bytes += bytes;
        return bytes;
}

int spool_parser_feed(struct spool_parser *parser, const uint8_t *data, size_t size,
                      spool_data_fn on_data, void *arg)
{
        int r;

        while (size > 0) {
                size_t bytes;

                if (parser->left_bytes > 0) {
                        bytes = MIN(parser->left_bytes, size);
                        parser->left_bytes -= (uint32_t)bytes;
                        r = on_data(arg, &parser->record, data, bytes);
                        if (r != 0)
                                return r;
                } else {
                        bytes = spool_parser_fill(parser, data, size);
                        r = spool_get_header(parser->header, parser->header_bytes, &parser->record);
                        if (r == SPOOL_E_BAD)
                                return r;
                        if (r == 0) {
                                parser->left_bytes = parser->record.size_bytes;
                                parser->header_bytes = 0;
                        }
                }
                data += bytes;
                size -= bytes;
        }
        return 0;
}

/* SPDX-License-Identifier: Apache-2.0 */
/* The record log that holds one attempt's output: in memory, in a frame, in a file, compressed. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "common/cleanup.h"
#include "common/error.h"

/*
 *  record := header, data          The log is a plain concatenation of records; an *offset* into
 *  header := 16 bytes, little      it counts these bytes, so every copy of the log (memory, frame,
 *            endian:               file, compressed file) has the same offsets.
 *     u8  stream (1 out, 2 err, 3 mark)
 *     u8  version (1)
 *     u16 reserved, 0
 *     u32 length of data (1 .. SPOOL_DATA_MAX)
 *     u64 wall clock, microseconds since 1970
 */
#define SPOOL_HEADER_BYTES 16
#define SPOOL_DATA_MAX (1024U * 1024)
#define SPOOL_NAME_MAX 80
#define SPOOL_FRAME_BYTES (1024U * 1024) /* uncompressed bytes of one zstd frame */

enum spool_stream {
        SPOOL_NONE,
        SPOOL_STDOUT,
        SPOOL_STDERR,
        SPOOL_MARK, /* text from jobd itself: "output cut after 100 MiB" */
};

struct spool_record {
        enum spool_stream stream;
        uint64_t wall_usec;
        uint32_t size_bytes;
};

enum spool_answer {
        SPOOL_E_BAD = 1, /* not a record: the log is damaged here */
        SPOOL_E_MORE,    /* more bytes are needed */
        SPOOL_E_END,
        SPOOL_E_NO_ZSTD, /* it is, or is to be, compressed, and libzstd is not installed */
};

/* "17.0.1.out" / "17.0.1.out.zst": the file of job 17, task 0, attempt 1. */
void spool_name(char out_name[static SPOOL_NAME_MAX], uint64_t job, uint64_t task, uint32_t attempt,
                bool compressed);

void spool_put_header(uint8_t out_header[static SPOOL_HEADER_BYTES],
                      const struct spool_record *record);
/* 0, SPOOL_E_MORE when size < SPOOL_HEADER_BYTES, SPOOL_E_BAD. */
int spool_get_header(const uint8_t *data, size_t size, struct spool_record *out_record);

/*
 * A parser fed with any pieces of the log in order. Data of a record may be handed out in several
 * pieces. on_data returns 0, or anything else to stop (passed through by spool_parser_feed()).
 */
struct spool_parser {
        uint8_t header[SPOOL_HEADER_BYTES];
        size_t header_bytes;
        struct spool_record record;
        uint32_t left_bytes;
};
typedef int (*spool_data_fn)(void *arg, const struct spool_record *record, const uint8_t *data,
                             size_t size);
void spool_parser_init(struct spool_parser *parser);
/* 0, SPOOL_E_BAD, or what on_data returned. */
int spool_parser_feed(struct spool_parser *parser, const uint8_t *data, size_t size,
                      spool_data_fn on_data, void *arg);

/* Reads a log file by offset, plain (pread) or compressed (whole frames are skipped). */
struct spool_reader;
/* fd: owned by the reader from here, also when this fails. 0, SPOOL_E_NO_ZSTD, or a fault. */
_must_use_ int spool_reader_new(int fd, bool compressed, struct spool_reader **out_reader);
struct spool_reader *spool_reader_free(struct spool_reader *reader);
DEFINE_CLEANUP(struct spool_reader *, spool_reader_free);
/* Up to `size` bytes at `offset`; *out_read 0 at the end. 0, SPOOL_E_BAD, or a fault. */
_must_use_ int spool_reader_read(struct spool_reader *reader, uint64_t offset, void *data,
                                 size_t size, size_t *out_read);

/*
 * Compresses `from` (plain, positioned at 0) into `to` (empty) as independent zstd frames, level 1,
 * with content sizes; *out_bytes is the size of `to`. Blocking: jobd-worker --compact only.
 * 0, SPOOL_E_NO_ZSTD, or a fault.
 */
_must_use_ int spool_compress(int from_fd, int to_fd, uint64_t *out_bytes);

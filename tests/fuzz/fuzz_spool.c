/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Record logs. The first byte chooses: the parser (in pieces of the second byte, against the whole
 * at once), a file read as compressed, or a log compressed and read back.
 */
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "common/cleanup.h"

#include "proto/spool.h"

#include "fuzz.h"

/* What a parser gave: a checksum that depends on order, streams and lengths. */
struct seen {
        uint64_t sum;
        size_t bytes;
};

static int on_data(void *arg, const struct spool_record *record, const uint8_t *data, size_t size)
{
        struct seen *seen = arg;

        FUZZ_CHECK(size >= 1 && record->size_bytes >= size);
        FUZZ_CHECK(record->stream >= SPOOL_STDOUT && record->stream <= SPOOL_MARK);
        for (size_t i = 0; i < size; i++)
                seen->sum = seen->sum * 31 + data[i] + (uint64_t)record->stream * 256 +
                            record->wall_usec;
        seen->bytes += size;
        return 0;
}

static void fuzz_parser(const uint8_t *data, size_t size)
{
        const size_t piece = size > 0 ? 1 + (size_t)data[0] : 1;
        struct seen pieces = { 0 }, whole = { 0 };
        struct spool_parser parser;
        int r = 0;

        spool_parser_init(&parser);
        for (size_t at = 0; at < size && r == 0; at += piece)
                r = spool_parser_feed(&parser, data + at, MIN(piece, size - at), on_data, &pieces);
        spool_parser_init(&parser);
        FUZZ_CHECK(spool_parser_feed(&parser, data, size, on_data, &whole) == r);
        FUZZ_CHECK(pieces.sum == whole.sum && pieces.bytes == whole.bytes);
}

static int memory_file(const uint8_t *data, size_t size)
{
        const int fd = memfd_create("fuzz", MFD_CLOEXEC);

        FUZZ_CHECK(fd >= 0);
        FUZZ_CHECK(write(fd, data, size) == (ssize_t)size);
        return fd;
}

/* Sequentially, then somewhere, then from the front again. */
static void fuzz_reader(const uint8_t *data, size_t size)
{
        struct spool_reader *reader = NULL;
        uint8_t block[4096];
        uint64_t offset = 0;
        size_t n = 1;

        FUZZ_CHECK(spool_reader_new(memory_file(data, size), true, &reader) == 0);
        while (n > 0 && offset < 4 * SPOOL_FRAME_BYTES) {
                if (spool_reader_read(reader, offset, block, sizeof(block), &n) != 0)
                        break;
                FUZZ_CHECK(n <= sizeof(block));
                offset += n;
        }
        FUZZ_CHECK(spool_reader_read(reader, offset / 2, block, 1, &n) >= 0);
        FUZZ_CHECK(spool_reader_read(reader, 0, block, 1, &n) >= 0);
        spool_reader_free(reader);
}

static void fuzz_compress(const uint8_t *data, size_t size)
{
        const int plain = memory_file(data, size);
        const int packed = memory_file(NULL, 0);
        struct spool_reader *reader = NULL;
        uint64_t packed_bytes = 0;
        size_t at = 0, n = 1;
        uint8_t block[512];

        FUZZ_CHECK(spool_compress(plain, packed, &packed_bytes) == 0);
        FUZZ_CHECK(spool_reader_new(packed, true, &reader) == 0);
        while (n > 0) {
                FUZZ_CHECK(spool_reader_read(reader, at, block, sizeof(block), &n) == 0);
                FUZZ_CHECK(n <= size - at && memcmp(block, data + at, n) == 0);
                at += n;
        }
        FUZZ_CHECK(at == size);
        spool_reader_free(reader);
        close(plain);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        static void (*const modes[])(const uint8_t *, size_t) = { fuzz_parser, fuzz_reader,
                                                                  fuzz_compress };

        if (size < 1)
                return 0;
        modes[data[0] % ARRAY_SIZE(modes)](data + 1, size - 1);
        return 0;
}

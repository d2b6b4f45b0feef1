/* SPDX-License-Identifier: Apache-2.0 */
/*
 * spool.c and spool_file.c: records survive any cutting into pieces, damage is seen, and a
 * compressed log reads like the plain one at every offset.
 */
#include <check.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <zstd.h>

#include "proto/spool.h"
#include "proto/spool_zstd.h"

#include "tests/unit/suite.h"

START_TEST(names)
{
        char name[SPOOL_NAME_MAX];

        spool_name(name, 17, 0, 1, false);
        ck_assert_str_eq(name, "17.0.1.out");
        spool_name(name, UINT64_MAX, UINT64_MAX, UINT32_MAX, true);
        ck_assert_str_eq(name, "18446744073709551615.18446744073709551615.4294967295.out.zst");
}
END_TEST

START_TEST(header_bytes)
{
        const struct spool_record record = { SPOOL_STDERR, 0x0102030405060708ULL, 0x0a0b };
        uint8_t header[SPOOL_HEADER_BYTES];
        struct spool_record got;

        spool_put_header(header, &record);
        ck_assert_mem_eq(header, "\x02\x01\x00\x00\x0b\x0a\x00\x00\x08\x07\x06\x05\x04\x03\x02\x01",
                         16);
        ck_assert_int_eq(spool_get_header(header, 16, &got), 0);
        ck_assert_int_eq(got.stream, SPOOL_STDERR);
        ck_assert_uint_eq(got.wall_usec, record.wall_usec);
        ck_assert_uint_eq(got.size_bytes, 0x0a0b);
        ck_assert_int_eq(spool_get_header(header, 15, &got), SPOOL_E_MORE);
}
END_TEST

START_TEST(damage_is_seen)
{
        static const struct {
                size_t at;
                uint8_t value;
                int answer;
        } rows[] = {
                { 0, 0, SPOOL_E_BAD }, { 0, 3, 0 },           { 0, 4, SPOOL_E_BAD },
                { 1, 0, SPOOL_E_BAD }, { 1, 2, SPOOL_E_BAD }, { 2, 1, SPOOL_E_BAD },
                { 3, 1, SPOOL_E_BAD }, { 4, 0, SPOOL_E_BAD }, { 6, 16, SPOOL_E_BAD },
                { 7, 1, SPOOL_E_BAD }, { 15, 255, 0 },
        };
        const struct spool_record record = { SPOOL_STDOUT, 5, 1 };

        for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
                uint8_t header[SPOOL_HEADER_BYTES];
                struct spool_record got;
                int r;

                spool_put_header(header, &record);
                header[rows[i].at] = rows[i].value;
                r = spool_get_header(header, sizeof(header), &got);
                ck_assert_msg(r == rows[i].answer, "row %zu: %d", i, r);
        }
}
END_TEST

/* A log of `count` records with lengths that vary, and what of it is stdout and stderr. */
struct log {
        uint8_t *bytes;
        size_t size;
        uint8_t *streams[SPOOL_MARK + 1];
        size_t sizes[SPOOL_MARK + 1];
};

static struct log log_make(size_t count, size_t max)
{
        struct log log = { .bytes = malloc(count * (SPOOL_HEADER_BYTES + max)) };

        ck_assert_ptr_nonnull(log.bytes);
        for (size_t s = SPOOL_STDOUT; s <= SPOOL_MARK; s++)
                log.streams[s] = malloc(count * max);
        for (size_t i = 0; i < count; i++) {
                const struct spool_record record = {
                        .stream = (enum spool_stream)(1 + i % 3),
                        .wall_usec = i,
                        .size_bytes = (uint32_t)(1 + i * 7919 % max),
                };
                uint8_t *data = log.bytes + log.size + SPOOL_HEADER_BYTES;

                spool_put_header(log.bytes + log.size, &record);
                for (size_t b = 0; b < record.size_bytes; b++)
                        data[b] = (uint8_t)(b * b + i);
                memcpy(log.streams[record.stream] + log.sizes[record.stream], data,
                       record.size_bytes);
                log.sizes[record.stream] += record.size_bytes;
                log.size += SPOOL_HEADER_BYTES + record.size_bytes;
        }
        return log;
}

static void log_done(struct log *log)
{
        free(log->bytes);
        for (size_t s = SPOOL_STDOUT; s <= SPOOL_MARK; s++)
                free(log->streams[s]);
}

struct taken {
        const struct log *log;
        size_t sizes[SPOOL_MARK + 1];
        int answer; /* what on_data says */
};

static int on_data(void *arg, const struct spool_record *record, const uint8_t *data, size_t size)
{
        struct taken *taken = arg;
        size_t *have = &taken->sizes[record->stream];

        ck_assert_uint_gt(size, 0);
        ck_assert_uint_le(*have + size, taken->log->sizes[record->stream]);
        ck_assert_mem_eq(data, taken->log->streams[record->stream] + *have, size);
        *have += size;
        return taken->answer;
}

START_TEST(parser_takes_any_pieces)
{
        static const size_t pieces[] = { 1, 2, 15, 16, 17, 100, 4096, 10000000 };
        struct log log = log_make(200, 300);
        struct taken taken = { .log = &log };
        struct spool_parser parser;

        spool_parser_init(&parser);
        for (size_t at = 0; at < log.size; at += pieces[_i])
                ck_assert_int_eq(spool_parser_feed(&parser, log.bytes + at,
                                                   MIN(pieces[_i], log.size - at), on_data, &taken),
                                 0);
        ck_assert_mem_eq(taken.sizes, log.sizes, sizeof(log.sizes));
        ck_assert_uint_eq(parser.left_bytes, 0);
        ck_assert_uint_eq(parser.header_bytes, 0);
        log_done(&log);
}
END_TEST

START_TEST(parser_stops)
{
        struct log log = log_make(3, 300);
        struct taken taken = { .log = &log, .answer = 42 };
        struct spool_parser parser;

        spool_parser_init(&parser);
        ck_assert_int_eq(spool_parser_feed(&parser, log.bytes, log.size, on_data, &taken), 42);
        spool_parser_init(&parser);
        log.bytes[0] = 9;
        ck_assert_int_eq(spool_parser_feed(&parser, log.bytes, log.size, on_data, &taken),
                         SPOOL_E_BAD);
        log_done(&log);
}
END_TEST

static int memory_file(const void *data, size_t size)
{
        const int fd = memfd_create("test", MFD_CLOEXEC);

        ck_assert_int_ge(fd, 0);
        ck_assert_int_eq(pwrite(fd, data, size, 0), (ssize_t)size);
        return fd;
}

/* Every read at `offset` gives what the log holds there. */
static void expect_bytes(struct spool_reader *reader, const struct log *log, uint64_t offset,
                         size_t size)
{
        uint8_t *data = malloc(size);
        size_t have = 0;

        for (;;) {
                size_t n = 0;

                ck_assert_int_eq(
                        spool_reader_read(reader, offset + have, data + have, size - have, &n), 0);
                if (n == 0)
                        break;
                have += n;
                if (have == size)
                        break;
        }
        ck_assert_uint_eq(have, offset < log->size ? MIN(size, log->size - offset) : 0);
        if (have > 0)
                ck_assert_mem_eq(data, log->bytes + offset, have);
        free(data);
}

START_TEST(compressed_reads_like_plain)
{
        static const uint64_t offsets[] = { 0, 1, 1048575, 1048576, 1048577, 3000000, 2097152, 5 };
        struct log log = log_make(400, 20000); /* about 4 MB */
        const int plain = memory_file(log.bytes, log.size);
        const int packed = memfd_create("packed", MFD_CLOEXEC);
        struct spool_reader *readers[2];
        uint64_t packed_bytes = 0;
        struct stat st;

        ck_assert_int_eq(spool_compress(plain, packed, &packed_bytes), 0);
        ck_assert_int_eq(fstat(packed, &st), 0);
        ck_assert_uint_eq(packed_bytes, (uint64_t)st.st_size);
        ck_assert_uint_lt(packed_bytes, log.size);
        ck_assert_int_eq(spool_reader_new(plain, false, &readers[0]), 0);
        ck_assert_int_eq(spool_reader_new(packed, true, &readers[1]), 0);
        for (size_t r = 0; r < 2; r++) {
                for (size_t i = 0; i < ARRAY_SIZE(offsets); i++)
                        expect_bytes(readers[r], &log, offsets[i], 100000);
                expect_bytes(readers[r], &log, 0, log.size);
                expect_bytes(readers[r], &log, log.size - 1, 10);
                expect_bytes(readers[r], &log, log.size, 10);
                expect_bytes(readers[r], &log, UINT64_MAX - 3, 10);
                ck_assert_ptr_null(spool_reader_free(readers[r]));
        }
        log_done(&log);
}
END_TEST

START_TEST(empty_log_stays_empty)
{
        const int plain = memory_file("", 0);
        const int packed = memfd_create("packed", MFD_CLOEXEC);
        struct spool_reader *reader;
        uint64_t packed_bytes = 1;
        uint8_t byte;
        size_t n = 1;

        ck_assert_int_eq(spool_compress(plain, packed, &packed_bytes), 0);
        ck_assert_uint_eq(packed_bytes, 0);
        ck_assert_int_eq(spool_reader_new(packed, true, &reader), 0);
        ck_assert_int_eq(spool_reader_read(reader, 0, &byte, 1, &n), 0);
        ck_assert_uint_eq(n, 0);
        spool_reader_free(reader);
        close(plain);
}
END_TEST

START_TEST(missing_library_is_told)
{
        struct spool_zstd zstd;

        ck_assert_int_eq(spool_zstd_load("libno-such-library.so.1", &zstd), SPOOL_E_NO_ZSTD);
        ck_assert_int_eq(spool_zstd_load("libc.so.6", &zstd), SPOOL_E_NO_ZSTD);
        ck_assert_int_eq(spool_zstd_load(SPOOL_ZSTD_LIBRARY, &zstd), 0);
}
END_TEST

static int read_first(const void *data, size_t size, uint64_t offset)
{
        struct spool_reader *reader;
        uint8_t byte;
        size_t n = 0;
        int r;

        ck_assert_int_eq(spool_reader_new(memory_file(data, size), true, &reader), 0);
        r = spool_reader_read(reader, offset, &byte, 1, &n);
        spool_reader_free(reader);
        return r;
}

/* What does not compress is stored as it is: only a checksum tells that a byte of it is another. */
START_TEST(damage_of_a_packed_log_is_seen)
{
        uint8_t noise[4096], bytes[8192];
        uint32_t state = 1;
        uint64_t packed_bytes = 0;
        int plain, packed;

        for (size_t i = 0; i < sizeof(noise); i++)
                noise[i] = (uint8_t)((state = state * 1664525U + 1013904223U) >> 24);
        plain = memory_file(noise, sizeof(noise));
        packed = memfd_create("packed", MFD_CLOEXEC);
        ck_assert_int_eq(spool_compress(plain, packed, &packed_bytes), 0);
        ck_assert_int_eq(pread(packed, bytes, sizeof(bytes), 0), (ssize_t)packed_bytes);
        ck_assert_int_eq(read_first(bytes, packed_bytes, 0), 0);
        bytes[packed_bytes / 2] ^= 1;
        ck_assert_int_eq(read_first(bytes, packed_bytes, 0), SPOOL_E_BAD);
        close(packed);
        close(plain);
}
END_TEST

START_TEST(bad_files_are_refused)
{
        struct log log = log_make(100, 300);
        const size_t max = ZSTD_compressBound(3 * 1024 * 1024);
        uint8_t *packed = malloc(max);
        uint8_t *big = calloc(1, 2 * 1024 * 1024);
        size_t size;

        ck_assert_int_eq(read_first("no zstd at all", 14, 0), SPOOL_E_BAD);
        size = ZSTD_compress(packed, max, log.bytes, log.size, 1);
        ck_assert_int_eq(read_first(packed, size, 0), 0);
        ck_assert_int_eq(read_first(packed, size - 1, 0), SPOOL_E_BAD);
        /* A frame that would need more memory than ours may have. */
        size = ZSTD_compress(packed, max, big, 2 * 1024 * 1024, 1);
        ck_assert_int_eq(read_first(packed, size, 0), SPOOL_E_BAD);
        ck_assert_int_eq(read_first(packed, size, 3 * 1024 * 1024), SPOOL_E_BAD);
        free(big);
        free(packed);
        log_done(&log);
}
END_TEST

int main(void)
{
        Suite *suite = suite_create("spool");
        TCase *tcase = tcase_create("spool");

        tcase_add_test(tcase, names);
        tcase_add_test(tcase, header_bytes);
        tcase_add_test(tcase, damage_is_seen);
        tcase_add_loop_test(tcase, parser_takes_any_pieces, 0, 8);
        tcase_add_test(tcase, parser_stops);
        tcase_add_test(tcase, compressed_reads_like_plain);
        tcase_add_test(tcase, empty_log_stays_empty);
        tcase_add_test(tcase, missing_library_is_told);
        tcase_add_test(tcase, damage_of_a_packed_log_is_seen);
        tcase_add_test(tcase, bad_files_are_refused);
        suite_add_tcase(suite, tcase);
        return suite_run(suite);
}

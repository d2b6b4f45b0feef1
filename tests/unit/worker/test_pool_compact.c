/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pool_compact.c and compact.c: output becomes a compressed file, or stays as it is. Conversations
 * with the real program.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "proto/spool.h"

#include "pool_stage.h"
#include "tests/unit/suite.h"

static void compact(uint64_t job)
{
        Jobd__Work__Order order = JOBD__WORK__ORDER__INIT;
        Jobd__Work__Compact message = JOBD__WORK__COMPACT__INIT;

        message.job = job;
        message.attempt = 1;
        order.body_case = ORDER(COMPACT);
        order.compact = &message;
        fake_send(pool, &order);
}

START_TEST(output_is_compressed)
{
        struct spool_reader *reader;
        Jobd__Work__Report *report;
        uint64_t size;
        size_t count;
        char byte;
        int fd;

        stage_start_pool(1);
        fake_run_shell(workers[0], 7, "head -c 3000000 /dev/zero");
        report = fake_await(workers[0], REPORT(EXITED));
        size = report->exited->output_bytes;
        wire_free_report(report);
        compact(7);
        compact(99); /* there is no such file */
        report = fake_await(pool, REPORT(COMPACTED));
        ck_assert_uint_eq(report->compacted->job, 7);
        ck_assert(report->compacted->done);
        ck_assert_uint_lt(report->compacted->size_bytes, size / 100);
        wire_free_report(report);
        report = fake_await(pool, REPORT(COMPACTED));
        ck_assert_uint_eq(report->compacted->job, 99);
        ck_assert(!report->compacted->done);
        wire_free_report(report);
        ck_assert_int_lt(faccessat(fake.spool_fd, "7.0.1.out", F_OK, 0), 0);
        fd = openat(fake.spool_fd, "7.0.1.out.zst", O_RDONLY | O_CLOEXEC);
        ck_assert_int_ge(fd, 0);
        ck_assert_int_eq(spool_reader_new(fd, true, &reader), 0);
        ck_assert_int_eq(spool_reader_read(reader, size - 1, &byte, 1, &count), 0);
        ck_assert_uint_eq(count, 1);
        ck_assert_int_eq(spool_reader_read(reader, size, &byte, 1, &count), 0);
        ck_assert_uint_eq(count, 0);
        spool_reader_free(reader);
}
END_TEST

START_TEST(what_is_ordered_twice_is_compressed_once)
{
        Jobd__Work__Report *report;

        stage_start_pool(1);
        fake_run_shell(workers[0], 7, "head -c 300000 /dev/zero");
        wire_free_report(fake_await(workers[0], REPORT(EXITED)));
        compact(7);
        compact(7);
        for (int i = 0; i < 2; i++) {
                report = fake_await(pool, REPORT(COMPACTED));
                ck_assert_int_eq(report->compacted->done, i == 0);
                wire_free_report(report);
        }
        ck_assert_int_eq(faccessat(fake.spool_fd, "7.0.1.out.zst", F_OK, 0), 0);
}
END_TEST

START_TEST(without_the_library_all_stays_as_it_is)
{
        Jobd__Work__Report *report;
        char path[128];

        /* Found first, and no library. */
        snprintf(path, sizeof(path), "%s/libzstd.so.1", fake.dir);
        close(open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
        ck_assert_int_eq(setenv("LD_LIBRARY_PATH", fake.dir, 1), 0);
        stage_start_pool(1);
        unsetenv("LD_LIBRARY_PATH");
        fake_run_shell(workers[0], 7, "head -c 300000 /dev/zero");
        wire_free_report(fake_await(workers[0], REPORT(EXITED)));
        compact(7);
        report = fake_await(pool, REPORT(COMPACTED));
        ck_assert(!report->compacted->done);
        wire_free_report(report);
        ck_assert_int_eq(faccessat(fake.spool_fd, "7.0.1.out", F_OK, 0), 0);
        ck_assert_int_lt(faccessat(fake.spool_fd, "7.0.1.out.zst", F_OK, 0), 0);
}
END_TEST

START_TEST(a_link_in_the_spool_is_not_followed)
{
        Jobd__Work__Report *report;
        char victim[128];

        snprintf(victim, sizeof(victim), "%s/victim", fake.dir);
        close(open(victim, O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
        ck_assert_int_eq(symlinkat(victim, fake.spool_fd, "7.0.1.out"), 0);
        ck_assert_int_eq(linkat(AT_FDCWD, victim, fake.spool_fd, "8.0.1.out", 0), 0);
        stage_start_pool(1);
        compact(7);
        compact(8);
        for (int i = 0; i < 2; i++) {
                report = fake_await(pool, REPORT(COMPACTED));
                ck_assert(!report->compacted->done);
                wire_free_report(report);
        }
        ck_assert_int_eq(access(victim, F_OK), 0);
}
END_TEST

SUITE_MAIN("pool_compact", stage_open, stage_close, output_is_compressed,
           what_is_ordered_twice_is_compressed_once, without_the_library_all_stays_as_it_is,
           a_link_in_the_spool_is_not_followed)

/* SPDX-License-Identifier: Apache-2.0 */
/* record.c: what a dead worker's file tells, also when it was cut short, torn, or is not ours. */
#include <fcntl.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/checksum.h"
#include "common/fs.h"

#include "tests/unit/suite.h"
#include "worker/record.h"

#define SLOT_OFFSET(slot, copy) (256 + (slot)*256 + (copy)*128)

static char folder[] = "/tmp/jobd-record-test.XXXXXX";
static int folder_fd = -1;
static uint8_t boot_id[CLOCK_BOOT_ID_BYTES];
static struct record *record;

static void setup(void)
{
        strcpy(folder + sizeof(folder) - 7, "XXXXXX");
        ck_assert_ptr_nonnull(mkdtemp(folder));
        folder_fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        ck_assert_int_ge(folder_fd, 0);
        memset(boot_id, 7, sizeof(boot_id));
        ck_assert_int_eq(record_create(folder_fd, 3, 17, boot_id), 0);
        ck_assert_int_eq(record_open(folder_fd, 3, 17, &record), 0);
}

static void teardown(void)
{
        record = record_close(record);
        unlinkat(folder_fd, "3.17", 0);
        close(folder_fd);
        rmdir(folder);
}

static void put(unsigned int slot, uint64_t lease, enum record_state state)
{
        const struct record_entry entry = { .lease = lease, .job = lease + 100, .state = state };

        record_write(record, slot, &entry);
}

static void damage(off_t offset, uint8_t mask)
{
        const int fd = openat(folder_fd, "3.17", O_RDWR | O_CLOEXEC);
        uint8_t byte;

        ck_assert_int_eq(pread(fd, &byte, 1, offset), 1);
        byte ^= mask;
        ck_assert_int_eq(pwrite(fd, &byte, 1, offset), 1);
        /* record_close() has not happened: closing a second descriptor drops its lock. Nobody asks.
         */
        close(fd);
}

static struct record_image read_image(void)
{
        struct record_image image;

        ck_assert_int_eq(record_read(folder_fd, "3.17", boot_id, &image), 0);
        return image;
}

START_TEST(names)
{
        static const char *const bad[] = {
                "",     "3",     "3.",    "3.x",   "03.1",      "3.017",        "-3.1",
                "3.-1", "3.17 ", " 3.17", "3.1.2", "pool.lock", "4294967296.1", "generation"
        };
        char name[RECORD_NAME_MAX];
        uint64_t generation = 9;
        uint32_t number = 9;

        record_name(name, 3, 17);
        ck_assert_str_eq(name, "3.17");
        ck_assert(record_parse_name("3.17", &number, &generation));
        ck_assert_uint_eq(number, 3);
        ck_assert_uint_eq(generation, 17);
        ck_assert(record_parse_name("0.18446744073709551615", &number, &generation));
        ck_assert_uint_eq(generation, UINT64_MAX);
        for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
                ck_assert_msg(!record_parse_name(bad[i], &number, &generation), "\"%s\"", bad[i]);
}
END_TEST

START_TEST(fresh_file_is_empty_and_intact)
{
        const struct record_image image = read_image();

        ck_assert(image.is_intact);
        ck_assert_uint_eq(image.count, 0);
        ck_assert_uint_eq(image.number, 3);
        ck_assert_uint_eq(image.generation, 17);
        ck_assert_uint_eq(image.worker_pid, (uint32_t)getpid());
}
END_TEST

START_TEST(entries_come_back)
{
        const struct record_entry entry = {
                .lease = 5,
                .job = 6,
                .task = 7,
                .attempt = 2,
                .state = RECORD_EXITED,
                .pid = 99,
                .uid = 1000,
                .outcome = 1,
                .exit_code = 3,
                .output_bytes = 1234,
                .spooled = 1,
                .start_boot_usec = 42,
                .start_wall_usec = 43,
        };
        struct record_image image;

        record_write(record, 4, &entry);
        image = read_image();
        ck_assert_uint_eq(image.count, 1);
        ck_assert_uint_eq(image.entries[0].lease, 5);
        ck_assert_uint_eq(image.entries[0].task, 7);
        ck_assert_uint_eq(image.entries[0].attempt, 2);
        ck_assert_uint_eq(image.entries[0].state, RECORD_EXITED);
        ck_assert_uint_eq(image.entries[0].output_bytes, 1234);
        ck_assert_int_eq(image.entries[0].exit_code, 3);
        ck_assert_uint_eq(image.entries[0].start_boot_usec, 42);
}
END_TEST

START_TEST(slots_are_found_used_and_freed)
{
        for (unsigned int i = 0; i < RECORD_SLOTS; i++) {
                ck_assert_int_eq(record_find_free(record), (int)i);
                put(i, i + 1, RECORD_ACCEPTED);
        }
        ck_assert_int_eq(record_find_free(record), -1);
        ck_assert_uint_eq(read_image().count, RECORD_SLOTS);
        put(9, 0, RECORD_FREE);
        ck_assert_int_eq(record_find_free(record), 9);
        ck_assert_uint_eq(read_image().count, RECORD_SLOTS - 1);
}
END_TEST

START_TEST(the_newest_of_many_writes_counts)
{
        struct record_image image;

        for (uint64_t i = 1; i <= 1001; i++) {
                put(0, i, RECORD_ACCEPTED);
                put(0, i, RECORD_GO);
        }
        image = read_image();
        ck_assert_uint_eq(image.count, 1);
        ck_assert_uint_eq(image.entries[0].lease, 1001);
        ck_assert_uint_eq(image.entries[0].state, RECORD_GO);
}
END_TEST

START_TEST(a_torn_write_leaves_the_entry_before)
{
        struct record_image image;

        put(0, 5, RECORD_ACCEPTED); /* copy B */
        put(0, 5, RECORD_GO);       /* copy A */
        damage(SLOT_OFFSET(0, 0) + _i, 0x10);
        image = read_image();
        ck_assert(image.is_intact);
        ck_assert_uint_eq(image.count, 1);
        ck_assert_uint_eq(image.entries[0].state, RECORD_ACCEPTED);
}
END_TEST

START_TEST(a_torn_first_write_means_nothing_was_there)
{
        struct record_image image;

        put(2, 5, RECORD_ACCEPTED);
        damage(SLOT_OFFSET(2, 1) + 8, 0x01);
        image = read_image();
        ck_assert(image.is_intact);
        ck_assert_uint_eq(image.count, 0);
}
END_TEST

START_TEST(two_bad_copies_are_not_intact_and_the_rest_is_read)
{
        struct record_image image;

        put(0, 5, RECORD_ACCEPTED);
        put(0, 5, RECORD_GO);
        put(1, 6, RECORD_ACCEPTED);
        damage(SLOT_OFFSET(0, 0) + 8, 0x01);
        damage(SLOT_OFFSET(0, 1) + 8, 0x01);
        image = read_image();
        ck_assert(!image.is_intact);
        ck_assert_uint_eq(image.count, 1);
        ck_assert_uint_eq(image.entries[0].lease, 6);
}
END_TEST

START_TEST(a_copy_of_another_boot_does_not_count)
{
        uint8_t *data;
        size_t size;
        struct record_image image;
        struct record_entry entry;
        char *text;

        put(0, 5, RECORD_ACCEPTED);
        ck_assert_int_eq(fs_read_file(folder_fd, "3.17", 65536, &text, &size), 0);
        data = (uint8_t *)text;
        memcpy(&entry, data + SLOT_OFFSET(0, 1), sizeof(entry));
        entry.boot_id[0] ^= 1;
        entry.checksum = checksum_crc32c(&entry, sizeof(entry) - 4);
        memcpy(data + SLOT_OFFSET(0, 0), &entry, sizeof(entry));
        memcpy(data + SLOT_OFFSET(0, 1), &entry, sizeof(entry));
        ck_assert_int_eq(record_decode(data, size, boot_id, &image), 0);
        ck_assert(!image.is_intact);
        ck_assert_uint_eq(image.count, 0);
        free(text);
}
END_TEST

START_TEST(a_damaged_header_proves_nothing)
{
        struct record_image image;

        put(0, 5, RECORD_GO);
        damage(_i, 0x40);
        ck_assert_int_eq(record_read(folder_fd, "3.17", boot_id, &image), RECORD_E_BAD);
}
END_TEST

START_TEST(another_boot_is_foreign)
{
        uint8_t other[CLOCK_BOOT_ID_BYTES] = { 1 };
        struct record_image image;

        ck_assert_int_eq(record_read(folder_fd, "3.17", other, &image), RECORD_E_FOREIGN);
}
END_TEST

START_TEST(any_cut_is_bad)
{
        struct record_image image;
        char *data;
        size_t size;

        put(0, 5, RECORD_GO);
        ck_assert_int_eq(fs_read_file(folder_fd, "3.17", 65536, &data, &size), 0);
        for (size_t cut = 0; cut < size; cut += 61) {
                char *piece = malloc(cut ? cut : 1); /* so that a read past the end is seen */

                memcpy(piece, data, cut);
                ck_assert_int_eq(record_decode(piece, cut, boot_id, &image), RECORD_E_BAD);
                free(piece);
        }
        ck_assert_int_eq(record_read(folder_fd, "4.18", boot_id, &image), RECORD_E_ABSENT);
        free(data);
}
END_TEST

START_TEST(a_living_worker_holds_the_lock)
{
        struct record *second;
        int status;
        pid_t pid;

        /* fcntl locks are of processes: only another one sees it. */
        pid = fork();
        if (pid == 0)
                _exit(record_open(folder_fd, 3, 17, &second) == RECORD_E_LOCKED &&
                                      fs_is_locked(folder_fd, "3.17") == 1
                              ? 0
                              : 1);
        ck_assert_int_eq(waitpid(pid, &status, 0), pid);
        ck_assert_int_eq(status, 0);
}
END_TEST

START_TEST(what_was_written_survives_sigkill)
{
        struct record_image image;
        int status;
        pid_t pid;

        record = record_close(record);
        pid = fork();
        if (pid == 0) {
                if (record_open(folder_fd, 3, 17, &record))
                        _exit(1);
                put(0, 77, RECORD_GO);
                kill(getpid(), SIGKILL);
        }
        ck_assert_int_eq(waitpid(pid, &status, 0), pid);
        ck_assert(WIFSIGNALED(status));
        image = read_image();
        ck_assert_uint_eq(image.count, 1);
        ck_assert_uint_eq(image.entries[0].lease, 77);
        ck_assert_uint_eq(image.worker_pid, (uint32_t)pid);
}
END_TEST

START_TEST(the_shared_line_is_shared)
{
        struct record_shared *shared;

        ck_assert_int_eq(record_map_shared(folder_fd, 3, 17, &shared), 0);
        atomic_store(&record_get_shared(record)->busy, 5);
        ck_assert_uint_eq(atomic_load(&shared->busy), 5);
        atomic_store(&shared->watching, 1);
        ck_assert_uint_eq(atomic_load(&record_get_shared(record)->watching), 1);
        ck_assert_ptr_null(record_unmap_shared(shared));
        ck_assert_int_lt(record_map_shared(folder_fd, 4, 4, &shared), 0);
}
END_TEST

START_TEST(a_truncated_file_is_not_mapped)
{
        const int fd = openat(folder_fd, "3.17", O_RDWR | O_CLOEXEC);
        struct record_shared *shared;

        record = record_close(record);
        ck_assert_int_eq(ftruncate(fd, 300), 0);
        close(fd);
        ck_assert_int_eq(record_open(folder_fd, 3, 17, &record), RECORD_E_BAD);
        ck_assert_int_lt(record_map_shared(folder_fd, 3, 17, &shared), 0);
}
END_TEST

int main(void)
{
        Suite *suite = suite_create("record");
        TCase *tcase = tcase_create("record");

        tcase_add_checked_fixture(tcase, setup, teardown);
        tcase_add_test(tcase, names);
        tcase_add_test(tcase, fresh_file_is_empty_and_intact);
        tcase_add_test(tcase, entries_come_back);
        tcase_add_test(tcase, slots_are_found_used_and_freed);
        tcase_add_test(tcase, the_newest_of_many_writes_counts);
        tcase_add_loop_test(tcase, a_torn_write_leaves_the_entry_before, 0, 128);
        tcase_add_test(tcase, a_torn_first_write_means_nothing_was_there);
        tcase_add_test(tcase, two_bad_copies_are_not_intact_and_the_rest_is_read);
        tcase_add_test(tcase, a_copy_of_another_boot_does_not_count);
        tcase_add_loop_test(tcase, a_damaged_header_proves_nothing, 0, 128);
        tcase_add_test(tcase, another_boot_is_foreign);
        tcase_add_test(tcase, any_cut_is_bad);
        tcase_add_test(tcase, a_living_worker_holds_the_lock);
        tcase_add_test(tcase, what_was_written_survives_sigkill);
        tcase_add_test(tcase, the_shared_line_is_shared);
        tcase_add_test(tcase, a_truncated_file_is_not_mapped);
        suite_add_tcase(suite, tcase);
        return suite_run(suite);
}

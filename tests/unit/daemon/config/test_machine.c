/* SPDX-License-Identifier: Apache-2.0 */
/* How large the machine is for us, with control groups made up in a folder. */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "daemon/machine.h"
#include "tests/unit/suite.h"

static char dir[64], own[128];
static struct machine bare, machine;

static void put(const char *name, const char *text)
{
        char path[256];
        FILE *file;

        snprintf(path, sizeof(path), "%s/%s", dir, name);
        file = fopen(path, "w");
        ck_assert_ptr_nonnull(file);
        ck_assert_int_ge(fputs(text, file), 0);
        ck_assert_int_eq(fclose(file), 0);
}

static void set_up(void)
{
        char path[128];

        snprintf(dir, sizeof(dir), "/tmp/jobd-machine-XXXXXX");
        ck_assert_ptr_nonnull(mkdtemp(dir));
        snprintf(own, sizeof(own), "%s/own", dir);
        snprintf(path, sizeof(path), "%s/a", dir);
        ck_assert_int_eq(mkdir(path, 0700), 0);
        snprintf(path, sizeof(path), "%s/a/b", dir);
        ck_assert_int_eq(mkdir(path, 0700), 0);
        put("own", "1:name=systemd:/elsewhere\n0::/a/b\n");
        machine_read_at(dir, "/nonexistent", false, &bare);
}

static void tear_down(void)
{
        char command[128];

        snprintf(command, sizeof(command), "rm -r %s", dir);
        ck_assert_int_eq(system(command), 0);
}

START_TEST(without_groups_it_is_all_of_it)
{
        ck_assert_uint_ge(bare.affinity_cores, 1);
        ck_assert_uint_eq(bare.cores, bare.affinity_cores);
        ck_assert_uint_eq(bare.memory_bytes,
                          (uint64_t)sysconf(_SC_PHYS_PAGES) * (uint64_t)sysconf(_SC_PAGESIZE));
}
END_TEST

START_TEST(the_tightest_group_counts)
{
        put("a/b/cpu.max", "max 100000\n");
        put("a/cpu.max", "150000 100000\n");
        put("a/b/memory.max", "2097152\n");
        put("a/memory.max", "1048576\n");
        machine_read_at(dir, own, false, &machine);
        ck_assert_uint_eq(machine.affinity_cores, bare.affinity_cores);
        ck_assert_uint_eq(machine.cores, 1);
        ck_assert_uint_eq(machine.memory_bytes, 1048576);
        put("a/cpu.max", "50000 100000\n");
        machine_read_at(dir, own, false, &machine);
        ck_assert_uint_eq(machine.cores, 1);
}
END_TEST

START_TEST(the_pools_group_is_beside_ours)
{
        put("a/b/cpu.max", "100000 100000\n");
        put("a/b/memory.max", "1048576\n");
        put("a/memory.max", "2097152\n");
        machine_read_at(dir, own, true, &machine);
        ck_assert_uint_eq(machine.cores, bare.cores);
        ck_assert_uint_eq(machine.memory_bytes, 2097152);
        put("own", "0::/\n");
        machine_read_at(dir, own, true, &machine);
        ck_assert_uint_eq(machine.memory_bytes, bare.memory_bytes);
}
END_TEST

START_TEST(what_is_strange_limits_nothing)
{
        put("a/b/cpu.max", "some 0\n");
        put("a/cpu.max", "100000000 100000\n");
        put("cpu.max", "100 0\n");
        put("a/b/memory.max", "max\n");
        put("a/memory.max", "");
        machine_read_at(dir, own, false, &machine);
        ck_assert_uint_eq(machine.cores, bare.cores);
        ck_assert_uint_eq(machine.memory_bytes, bare.memory_bytes);
        put("own", "no group at all");
        machine_read_at(dir, own, false, &machine);
        ck_assert_uint_eq(machine.cores, bare.cores);
}
END_TEST

int main(void)
{
        Suite *suite = suite_create("machine");
        TCase *tests = tcase_create("machine");

        tcase_add_checked_fixture(tests, set_up, tear_down);
        tcase_add_test(tests, without_groups_it_is_all_of_it);
        tcase_add_test(tests, the_tightest_group_counts);
        tcase_add_test(tests, the_pools_group_is_beside_ours);
        tcase_add_test(tests, what_is_strange_limits_nothing);
        suite_add_tcase(suite, tests);
        return suite_run(suite);
}

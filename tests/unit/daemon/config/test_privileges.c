/* SPDX-License-Identifier: Apache-2.0 */
/* The drop from root: complete, final, and a fault when it is not possible. */
#include <check.h>
#include <grp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "daemon/privileges.h"
#include "tests/unit/suite.h"

#define SOMEBODY 54321
#define SOME_GROUP 54322

/* Only root can drop; elsewhere these tests say nothing, and the system tests run as root. */
static bool is_root(void)
{
        return geteuid() == 0;
}

/* The line "NAME:\t..." of /proc/self/status. */
static void read_status(const char *name, char *out_value, size_t room)
{
        char line[256];
        FILE *file = fopen("/proc/self/status", "re");

        ck_assert_ptr_nonnull(file);
        out_value[0] = '\0';
        while (fgets(line, sizeof(line), file))
                if (strncmp(line, name, strlen(name)) == 0)
                        snprintf(out_value, room, "%s", line + strlen(name) + 2);
        fclose(file);
}

START_TEST(drop_leaves_nothing)
{
        const gid_t groups[] = { 4, 27 };
        char value[256];
        uid_t r, e, s;

        if (!is_root())
                return;
        ck_assert_int_eq(setgroups(ARRAY_SIZE(groups), groups), 0);
        ck_assert_int_eq(privileges_drop(SOMEBODY, SOME_GROUP), 0);
        ck_assert_int_eq(getresuid(&r, &e, &s), 0);
        ck_assert_uint_eq(r, SOMEBODY);
        ck_assert_uint_eq(e, SOMEBODY);
        ck_assert_uint_eq(s, SOMEBODY);
        ck_assert_uint_eq(getegid(), SOME_GROUP);
        ck_assert_int_eq(getgroups(0, NULL), 0);
        ck_assert_int_ne(setuid(0), 0);
        ck_assert_int_eq(prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0), 1);
        ck_assert_int_eq(prctl(PR_GET_DUMPABLE, 0, 0, 0, 0), 0);
        read_status("CapEff", value, sizeof(value));
        ck_assert_str_eq(value, "0000000000000000\n");
        read_status("CapPrm", value, sizeof(value));
        ck_assert_str_eq(value, "0000000000000000\n");
}
END_TEST

START_TEST(drop_without_the_right_is_a_fault)
{
        if (is_root())
                ck_assert_int_eq(setresuid(SOMEBODY, SOMEBODY, SOMEBODY), 0);
        ck_assert_int_lt(privileges_drop(SOMEBODY + 1, SOME_GROUP), 0);
}
END_TEST

/* "Dropping" to root proves nothing away, and is seen. */
START_TEST(drop_to_root_is_a_fault)
{
        if (!is_root())
                return;
        ck_assert_int_lt(privileges_drop(0, 0), 0);
}
END_TEST

START_TEST(acting_as_somebody_ends)
{
        char path[] = "/tmp/jobd-privileges-XXXXXX";
        char file[64];
        struct stat st;
        FILE *f;

        if (!is_root())
                return;
        ck_assert_ptr_nonnull(mkdtemp(path));
        ck_assert_int_eq(chown(path, SOMEBODY, SOME_GROUP), 0);
        snprintf(file, sizeof(file), "%s/f", path);
        ck_assert_int_eq(privileges_act_as(SOMEBODY, SOME_GROUP), 0);
        f = fopen(file, "w");
        ck_assert_ptr_nonnull(f);
        fclose(f);
        ck_assert_int_eq(privileges_act_as_root(), 0);
        ck_assert_uint_eq(geteuid(), 0);
        ck_assert_uint_eq(getegid(), 0);
        ck_assert_int_eq(stat(file, &st), 0);
        ck_assert_uint_eq(st.st_uid, SOMEBODY);
        ck_assert_uint_eq(st.st_gid, SOME_GROUP);
        ck_assert_int_eq(unlink(file), 0);
        ck_assert_int_eq(rmdir(path), 0);
}
END_TEST

START_TEST(nothing_is_borrowed_here)
{
        ck_assert(!privileges_are_borrowed());
}
END_TEST

int main(void)
{
        Suite *suite = suite_create("privileges");
        TCase *tests = tcase_create("privileges");

        tcase_add_test(tests, drop_leaves_nothing);
        tcase_add_test(tests, drop_without_the_right_is_a_fault);
        tcase_add_test(tests, drop_to_root_is_a_fault);
        tcase_add_test(tests, acting_as_somebody_ends);
        tcase_add_test(tests, nothing_is_borrowed_here);
        suite_add_tcase(suite, tests);
        return suite_run(suite);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* names.c: who a uid is, who nobody is, and name services that hang. */
#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/clock.h"

#include "tests/unit/suite.h"
#include "worker/names.h"

static struct names *names;
static const struct names_user *user;
static struct reason why;

static void setup(void)
{
        ck_assert_int_eq(names_new(NAMES_TIMEOUT_USEC, &names), 0);
}

static void teardown(void)
{
        names = names_free(names);
        /* The helper was reaped. */
        ck_assert_int_eq(waitpid(-1, NULL, WNOHANG), -1);
        ck_assert_int_eq(errno, ECHILD);
}

START_TEST(ourselves)
{
        const struct passwd *pw = getpwuid(geteuid());
        gid_t groups[256];
        int count = 256;

        ck_assert_ptr_nonnull(pw);
        ck_assert_int_eq(names_find(names, geteuid(), &user, &why), 0);
        ck_assert_uint_eq(user->uid, geteuid());
        ck_assert_uint_eq(user->gid, pw->pw_gid);
        ck_assert_str_eq(user->name, pw->pw_name);
        ck_assert_str_eq(user->home, pw->pw_dir);
        ck_assert_str_eq(user->shell, pw->pw_shell);
        ck_assert_int_ge(getgrouplist(pw->pw_name, pw->pw_gid, groups, &count), 0);
        ck_assert_uint_eq(user->groups_count, (size_t)count);
        ck_assert_mem_eq(user->groups, groups, (size_t)count * sizeof(gid_t));
}
END_TEST

START_TEST(a_uid_that_nobody_has)
{
        ck_assert_int_eq(names_find(names, 3999999999U, &user, &why), NAMES_E_GONE);
        ck_assert_ptr_nonnull(strstr(why.text, "3999999999"));
        ck_assert_int_eq(names_find(names, 3999999999U, &user, NULL), NAMES_E_GONE);
}
END_TEST

START_TEST(answers_are_kept)
{
        const struct names_user *again;

        ck_assert_int_eq(names_find(names, geteuid(), &user, &why), 0);
        ck_assert_int_eq(names_find(names, geteuid(), &again, &why), 0);
        ck_assert_ptr_eq(user, again);
        /* More users than are kept. */
        for (uid_t uid = 0; uid < 20; uid++)
                (void)!names_find(names, uid, &again, &why);
        ck_assert_int_eq(names_find(names, geteuid(), &again, &why), 0);
        ck_assert_uint_eq(again->uid, geteuid());
}
END_TEST

START_TEST(the_gid_must_be_one_of_the_users)
{
        gid_t groups[] = { 100, 4, 27 };
        const struct names_user someone = { .gid = 100, .groups = groups, .groups_count = 3 };

        ck_assert_uint_eq(names_choose_gid(&someone, 100), 100);
        ck_assert_uint_eq(names_choose_gid(&someone, 27), 27);
        ck_assert_uint_eq(names_choose_gid(&someone, 0), 100);
        ck_assert_uint_eq(names_choose_gid(&someone, (gid_t)-1), 100);
}
END_TEST

#ifdef JOBD_FAILPOINTS
START_TEST(services_that_hang_cost_the_time_out_and_no_more)
{
        const uint64_t begun = clock_mono_usec();

        names = names_free(names);
        ck_assert_int_eq(names_new(100 * USEC_PER_MSEC, &names), 0);
        ck_assert_int_eq(setenv("JOBD_FAILPOINT", "names-hang=fail", 1), 0);
        ck_assert_int_eq(names_find(names, geteuid(), &user, &why), NAMES_E_SILENT);
        ck_assert_uint_ge(clock_mono_usec() - begun, 100 * USEC_PER_MSEC);
        ck_assert_uint_lt(clock_mono_usec() - begun, 5 * USEC_PER_SEC);
}
END_TEST

START_TEST(services_that_crash_are_no_answer)
{
        ck_assert_int_eq(setenv("JOBD_FAILPOINT", "names-hang=kill", 1), 0);
        ck_assert_int_eq(names_find(names, geteuid(), &user, &why), NAMES_E_SILENT);
}
END_TEST
#endif

int main(void)
{
        Suite *suite = suite_create("names");
        TCase *tcase = tcase_create("names");

        tcase_add_checked_fixture(tcase, setup, teardown);
        tcase_add_test(tcase, ourselves);
        tcase_add_test(tcase, a_uid_that_nobody_has);
        tcase_add_test(tcase, answers_are_kept);
        tcase_add_test(tcase, the_gid_must_be_one_of_the_users);
#ifdef JOBD_FAILPOINTS
        tcase_add_test(tcase, services_that_hang_cost_the_time_out_and_no_more);
        tcase_add_test(tcase, services_that_crash_are_no_answer);
#endif
        suite_add_tcase(suite, tcase);
        return suite_run(suite);
}

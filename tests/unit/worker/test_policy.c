/* SPDX-License-Identifier: Apache-2.0 */
/* policy.c: a file that only root could write, understood wholly or refused wholly. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/unit/suite.h"
#include "worker/policy.h"

static char path[] = "/tmp/jobd-policy-test.XXXXXX";
static struct policy policy;
static struct reason why;

static void setup(void)
{
        strcpy(path + sizeof(path) - 7, "XXXXXX");
        close(mkstemp(path));
        memset(&why, 0, sizeof(why));
}

static void teardown(void)
{
        unlink(path);
}

static int load(const char *text)
{
        FILE *file = fopen(path, "w");

        ck_assert_ptr_nonnull(file);
        fputs(text, file);
        fclose(file);
        return policy_load(path, &policy, &why);
}

START_TEST(an_absent_file_means_the_defaults)
{
        ck_assert_int_eq(policy_load("/nonexistent/policy", &policy, &why), 0);
        ck_assert(!policy.root_jobs);
        ck_assert_uint_eq(policy.minimum_uid, 1);
        ck_assert_uint_eq(policy.tasks_max, 4096);
        for (int i = 0; i < (int)RLIMIT_NLIMITS; i++) {
                struct rlimit own;

                getrlimit((__rlimit_resource_t)i, &own);
                ck_assert_uint_eq(policy.ceilings[i], own.rlim_max);
        }
}
END_TEST

START_TEST(keys_are_read)
{
        ck_assert_msg(load("# policy\n[Jobs]\nRootJobs=yes\nMinimumUid = 1000\nTasksMax=512\n"
                           "[Limits]\nLimitNOFILE=4096\nLimitMEMLOCK=8M\nLimitCPU=infinity\n") == 0,
                      "%s", why.text);
        ck_assert(policy.root_jobs);
        ck_assert_uint_eq(policy.minimum_uid, 1000);
        ck_assert_uint_eq(policy.tasks_max, 512);
        ck_assert_uint_eq(policy.ceilings[RLIMIT_NOFILE], 4096);
        ck_assert_uint_eq(policy.ceilings[RLIMIT_MEMLOCK], 8 << 20);
        ck_assert_uint_eq(policy.ceilings[RLIMIT_CPU], RLIM_INFINITY);
}
END_TEST

START_TEST(what_is_not_understood_is_refused_with_its_line)
{
        static const struct {
                const char *text, *words;
        } rows[] = {
                { "[Jobs]\nRootJob=yes\n", ":2: unknown key RootJob in [Jobs]" },
                { "[Jobs]\nRootJobs=perhaps\n", ":2:" },
                { "[Jobs]\nMinimumUid=-1\n", ":2:" },
                { "[Jobs]\nMinimumUid=4294967295\n", ":2:" },
                { "[Job]\nRootJobs=no\n", "unknown section [Job]" },
                { "[Limits]\nLimitNOFILES=1\n", "unknown key LimitNOFILES in [Limits]" },
                { "[Limits]\nRootJobs=yes\n", ":2: unknown key RootJobs in [Limits]" },
                { "[Limits]\n\nLimitNOFILE=many\n", ":3:" },
                { "[Jobs]\nRootJobs\n", ":2: not a key=value line" },
                { "RootJobs=no\n", ":1: RootJobs stands before the first [section]" },
        };

        for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
                policy.minimum_uid = 77;
                ck_assert_msg(load(rows[i].text) == POLICY_E_BAD, "row %zu", i);
                ck_assert_msg(strstr(why.text, rows[i].words) != NULL, "row %zu: %s", i, why.text);
                ck_assert_uint_eq(policy.minimum_uid, 77);
        }
}
END_TEST

START_TEST(a_file_that_others_may_write_is_refused)
{
        ck_assert_int_eq(load("[Jobs]\nRootJobs=yes\n"), 0);
        ck_assert_int_eq(chmod(path, 0660), 0);
        ck_assert_int_eq(policy_load(path, &policy, &why), POLICY_E_BAD);
        ck_assert_int_eq(chmod(path, 0602), 0);
        ck_assert_int_eq(policy_load(path, &policy, &why), POLICY_E_BAD);
        if (geteuid() != 0)
                return;
        ck_assert_int_eq(chmod(path, 0600), 0);
        ck_assert_int_eq(chown(path, 65534, 0), 0);
        ck_assert_int_eq(policy_load(path, &policy, &why), POLICY_E_BAD);
        ck_assert_ptr_nonnull(strstr(why.text, "65534"));
}
END_TEST

START_TEST(a_folder_or_fifo_is_refused)
{
        ck_assert_int_eq(policy_load("/tmp", &policy, &why), POLICY_E_BAD);
        unlink(path);
        ck_assert_int_eq(mkfifo(path, 0600), 0);
        ck_assert_int_eq(policy_load(path, &policy, &why), POLICY_E_BAD);
}
END_TEST

START_TEST(uids_are_judged)
{
        ck_assert_int_eq(load("[Jobs]\nMinimumUid=1000\n"), 0);
        ck_assert_int_eq(policy_judge_uid(&policy, 1000, &why), 0);
        ck_assert_int_eq(policy_judge_uid(&policy, 999, &why), POLICY_E_FORBIDDEN);
        ck_assert_int_eq(policy_judge_uid(&policy, 0, &why), POLICY_E_FORBIDDEN);
        ck_assert_ptr_nonnull(strstr(why.text, "RootJobs=yes"));
        ck_assert_int_eq(policy_judge_uid(&policy, (uid_t)-1, &why), POLICY_E_FORBIDDEN);
        ck_assert_int_eq(load("[Jobs]\nMinimumUid=1000\nRootJobs=yes\n"), 0);
        ck_assert_int_eq(policy_judge_uid(&policy, 0, &why), 0);
        ck_assert_int_eq(policy_judge_uid(&policy, (uid_t)-1, &why), POLICY_E_FORBIDDEN);
}
END_TEST

int main(void)
{
        Suite *suite = suite_create("policy");
        TCase *tcase = tcase_create("policy");

        tcase_add_checked_fixture(tcase, setup, teardown);
        tcase_add_test(tcase, an_absent_file_means_the_defaults);
        tcase_add_test(tcase, keys_are_read);
        tcase_add_test(tcase, what_is_not_understood_is_refused_with_its_line);
        tcase_add_test(tcase, a_file_that_others_may_write_is_refused);
        tcase_add_test(tcase, a_folder_or_fifo_is_refused);
        tcase_add_test(tcase, uids_are_judged);
        suite_add_tcase(suite, tcase);
        return suite_run(suite);
}

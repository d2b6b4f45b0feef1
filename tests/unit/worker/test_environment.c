/* SPDX-License-Identifier: Apache-2.0 */
/* environment.c: what a job sees, whose word counts, and the patterns in file names. */
#include <stdlib.h>
#include <string.h>

#include "tests/unit/suite.h"
#include "worker/environment.h"

static Jobd__Spec spec;
static Jobd__Environment own;
static ProtobufCBinaryData entries[8];
static struct environment_facts facts;
static struct environment built;

static void setup(void)
{
        jobd__spec__init(&spec);
        jobd__environment__init(&own);
        own.entries = entries;
        facts = (struct environment_facts){
                .job = 17, .task = 3, .attempt = 2, .slot = 4, .name = "fit", .user = "ann"
        };
}

static void teardown(void)
{
        environment_deinit(&built);
}

static void add(char *entry)
{
        entries[own.n_entries].data = (uint8_t *)entry;
        entries[own.n_entries++].len = strlen(entry);
}

static size_t build(void)
{
        size_t n = 0;

        ck_assert_int_eq(environment_build(&own, &spec, &facts, &built), 0);
        while (built.entries[n])
                n++;
        return n;
}

static void expect(const char *key, const char *value)
{
        const char *got = environment_find(&built, key);

        if (value)
                ck_assert_msg(got && strcmp(got, value) == 0, "%s=%s, not %s", key, got, value);
        else
                ck_assert_msg(!got, "%s=%s", key, got);
}

START_TEST(user_mode_has_the_own_entries_and_ours)
{
        static char first[] = "A=1", second[] = "PATH=/x", folder[] = "/home/ann";

        add(first);
        add(second);
        spec.has_cwd = true;
        spec.cwd.data = (uint8_t *)folder;
        spec.cwd.len = strlen(folder);
        ck_assert_uint_eq(build(), 2 + 6);
        expect("A", "1");
        expect("PATH", "/x");
        expect("JOBD_JOB_ID", "17");
        expect("JOBD_TASK_ID", "3");
        expect("JOBD_ATTEMPT", "2");
        expect("JOBD_CPUS", "1");
        expect("JOBD_SLOT", "4");
        expect("JOBD_SUBMIT_DIR", "/home/ann");
        expect("HOME", NULL);
        expect("OMP_NUM_THREADS", NULL);
}
END_TEST

START_TEST(a_job_without_environment_has_ours_alone)
{
        ck_assert_int_eq(environment_build(NULL, &spec, &facts, &built), 0);
        expect("JOBD_JOB_ID", "17");
        expect("PATH", NULL);
}
END_TEST

START_TEST(our_numbers_replace_those_of_an_outer_job)
{
        static char outer[] = "JOBD_JOB_ID=4", stranger[] = "JOBD_OTHER=x", cwd[] = "JOBD_SLOT=";
        static char socket[] = "JOBD_SOCKET=/outer";

        facts.socket = "/run/own";
        add(outer);
        add(socket);
        add(stranger);
        add(cwd);
        build();
        expect("JOBD_JOB_ID", "17");
        expect("JOBD_OTHER", "x");
        expect("JOBD_SLOT", "4");
        expect("JOBD_SOCKET", "/run/own");
        for (char **entry = built.entries; *entry; entry++)
                ck_assert_str_ne(*entry, outer);
}
END_TEST

START_TEST(an_array_task_is_called_by_its_own_number)
{
        facts.is_array = true;
        facts.array_index = 990;
        build();
        expect("JOBD_TASK_ID", "990");
}
END_TEST

START_TEST(thread_counts_follow_cpus_unless_set)
{
        static char set[] = "MKL_NUM_THREADS=2";

        add(set);
        spec.has_cpus = true;
        spec.cpus = 8;
        build();
        expect("JOBD_CPUS", "8");
        expect("OMP_NUM_THREADS", "8");
        expect("BLIS_NUM_THREADS", "8");
        expect("MKL_NUM_THREADS", "2");
}
END_TEST

START_TEST(system_mode_fills_what_is_missing)
{
        static char home[] = "HOME=/elsewhere";

        facts.home = "/home/ann";
        facts.shell = "/bin/zsh";
        add(home);
        build();
        expect("HOME", "/elsewhere");
        expect("USER", "ann");
        expect("LOGNAME", "ann");
        expect("SHELL", "/bin/zsh");
        /* Others wait for the processors that it did not ask for. */
        expect("OMP_NUM_THREADS", "1");
        expect("NUMBA_NUM_THREADS", "1");
        expect("PATH", "/usr/local/bin:/usr/bin:/bin");
}
END_TEST

int main(void)
{
        Suite *suite = suite_create("environment");
        TCase *tcase = tcase_create("environment");

        tcase_add_checked_fixture(tcase, setup, teardown);
        tcase_add_test(tcase, user_mode_has_the_own_entries_and_ours);
        tcase_add_test(tcase, a_job_without_environment_has_ours_alone);
        tcase_add_test(tcase, our_numbers_replace_those_of_an_outer_job);
        tcase_add_test(tcase, an_array_task_is_called_by_its_own_number);
        tcase_add_test(tcase, thread_counts_follow_cpus_unless_set);
        tcase_add_test(tcase, system_mode_fills_what_is_missing);
        suite_add_tcase(suite, tcase);
        return suite_run(suite);
}

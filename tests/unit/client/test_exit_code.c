/* SPDX-License-Identifier: Apache-2.0 */
/* The exit status for every way in which a job or a request may end. */
#include <string.h>

#include "proto/wire.h"

#include "client/cmd/exit_code.h"
#include "tests/unit/suite.h"

static char text[200];

/* exit_code, exit_signal: -1 for none. */
static int end(int state, int exit_code, int exit_signal, const char *why)
{
        Jobd__JobEnded ended = JOBD__JOB_ENDED__INIT;
        char *const copy = why ? strdup(why) : NULL;
        int code;

        ended.id = 1;
        ended.state = (Jobd__JobState)state;
        ended.has_exit_code = exit_code >= 0;
        ended.exit_code = exit_code;
        ended.has_exit_signal = exit_signal >= 0;
        ended.exit_signal = (uint32_t)exit_signal;
        ended.why = copy;
        code = exit_code_from_end((const void *)&ended, text, sizeof(text));
        free(copy);
        return code;
}

START_TEST(test_own_codes)
{
        ck_assert_int_eq(end(JOBCTL_STATE_SUCCEEDED, 0, -1, NULL), 0);
        ck_assert_str_eq(text, "");
        ck_assert_int_eq(end(JOBCTL_STATE_FAILED, 3, -1, NULL), 3);
        ck_assert_str_eq(text, "");
        ck_assert_int_eq(end(JOBCTL_STATE_FAILED, 255, -1, NULL), 255);
        ck_assert_int_eq(end(JOBCTL_STATE_FAILED, 127, -1, "no such program 'x'"), 127);
        ck_assert_str_eq(text, "no such program 'x'");
}
END_TEST

START_TEST(test_signals)
{
        ck_assert_int_eq(end(JOBCTL_STATE_FAILED, -1, 9, NULL), 137);
        ck_assert_str_eq(text, "ended by signal KILL");
        /* A signal of 0 is none. */
        ck_assert_int_eq(end(JOBCTL_STATE_FAILED, 4, 0, NULL), 4);
}
END_TEST

START_TEST(test_our_own)
{
        ck_assert_int_eq(end(JOBCTL_STATE_FAILED, -1, -1, "no such folder"), 125);
        ck_assert_str_eq(text, "no such folder");
        ck_assert_int_eq(end(JOBCTL_STATE_LOST, -1, -1, NULL), 125);
        ck_assert_uint_gt(strlen(text), 3);
        ck_assert_int_eq(end(JOBCTL_STATE_LOST, 0, -1, NULL), 125);
        ck_assert_int_eq(end(JOBCTL_STATE_COUNT, 0, -1, NULL), 125);
        ck_assert_uint_gt(strlen(text), 3);
        ck_assert_int_eq(end(JOBCTL_STATE_RUNNING, 0, -1, NULL), 125);
}
END_TEST

START_TEST(test_limits)
{
        ck_assert_int_eq(end(JOBCTL_STATE_TIMEOUT, -1, 15, NULL), 124);
        ck_assert_int_eq(end(JOBCTL_STATE_TIMEOUT, 0, -1, NULL), 124);
        ck_assert_uint_gt(strlen(text), 3);
        ck_assert_int_eq(end(JOBCTL_STATE_OOM, -1, 9, NULL), 137);
        ck_assert_int_eq(end(JOBCTL_STATE_OOM, -1, -1, NULL), 137);
        ck_assert_uint_gt(strlen(text), 3);
}
END_TEST

START_TEST(test_cancelled)
{
        ck_assert_int_eq(end(JOBCTL_STATE_CANCELLED, -1, -1, NULL), 125);
        ck_assert_int_eq(end(JOBCTL_STATE_CANCELLED, -1, 15, NULL), 143);
        ck_assert_int_eq(end(JOBCTL_STATE_CANCELLED, 7, -1, NULL), 7);
        ck_assert_int_eq(end(JOBCTL_STATE_CANCELLED, 0, -1, NULL), 125);
        ck_assert_uint_gt(strlen(text), 3);
}
END_TEST

START_TEST(test_answers)
{
        static const struct {
                int code, status;
        } answers[] = {
                { JOBCTL_OK, 0 },
                { JOBCTL_E_USAGE, 2 },
                { JOBCTL_E_NO_SUCH_JOB, 3 },
                { JOBCTL_E_DENIED, 4 },
                { JOBCTL_E_BUSY, 75 },
                { JOBCTL_E_FULL, 75 },
                { JOBCTL_E_VERSION, 1 },
                { JOBCTL_E_STATE, 1 },
                { JOBCTL_E_STOPPING, 75 },
                { JOBCTL_E_INTERNAL, 1 },
                { JOBCTL_E_NO_DAEMON, 69 },
                { JOBCTL_E_UNTRUSTED, 4 },
                { JOBCTL_E_LOST, 1 },
                { JOBCTL_E_TIMEOUT, 124 },
                { JOBCTL_E_PROTOCOL, 1 },
                { JOBCTL_E_SYSTEM, 1 },
                { 20, 1 },
                { 1000, 1 },
                { -5, 1 },
        };

        for (size_t i = 0; i < ARRAY_SIZE(answers); i++)
                ck_assert_int_eq(exit_code_from_answer(answers[i].code), answers[i].status);
}
END_TEST

START_TEST(test_several)
{
        ck_assert_int_eq(exit_code_from_failures(0), 0);
        ck_assert_int_eq(exit_code_from_failures(1), 1);
        ck_assert_int_eq(exit_code_from_failures(100), 100);
        ck_assert_int_eq(exit_code_from_failures(101), 101);
        ck_assert_int_eq(exit_code_from_failures(1000000), 101);
}
END_TEST

SUITE_MAIN("exit_code", NULL, NULL, test_own_codes, test_signals, test_our_own, test_limits,
           test_cancelled, test_answers, test_several)

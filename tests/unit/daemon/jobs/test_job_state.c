/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The whole table, pair by pair: what may follow is written down a second time here, from the
 * drawing in job_state.c, so that a cell which is forgotten or added by accident is seen.
 */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "common/cleanup.h"

#include "daemon/jobs/job_state.h"
#include "tests/unit/suite.h"

/* "state event -> state"; every pair that is not here must be refused. */
static const struct {
        enum job_state from;
        enum job_event event;
        enum job_state to;
} allowed[] = {
        { JOB_ABSENT, JOB_EV_SUBMIT, JOB_QUEUED },
        { JOB_QUEUED, JOB_EV_ASSIGN, JOB_STARTING },
        { JOB_QUEUED, JOB_EV_CANCEL, JOB_CANCELLED },
        { JOB_QUEUED, JOB_EV_HOLD, JOB_QUEUED },
        { JOB_QUEUED, JOB_EV_RELEASE, JOB_QUEUED },
        { JOB_STARTING, JOB_EV_STARTED, JOB_RUNNING },
        { JOB_STARTING, JOB_EV_UNSTARTED, JOB_QUEUED },
        { JOB_RUNNING, JOB_EV_STOP, JOB_STOPPING },
        { JOB_RUNNING, JOB_EV_PAUSE, JOB_PAUSED },
        { JOB_RUNNING, JOB_EV_SIGNAL, JOB_RUNNING },
        { JOB_QUEUED, JOB_EV_APPEND, JOB_QUEUED },
        { JOB_QUEUED, JOB_EV_CLOSE, JOB_QUEUED },
        { JOB_QUEUED, JOB_EV_HALT, JOB_QUEUED },
        { JOB_QUEUED, JOB_EV_UPDATE, JOB_QUEUED },
        { JOB_PAUSED, JOB_EV_STOP, JOB_STOPPING },
        { JOB_PAUSED, JOB_EV_RESUME, JOB_RUNNING },
        { JOB_PAUSED, JOB_EV_SIGNAL, JOB_PAUSED },
        { JOB_STOPPING, JOB_EV_CANCELLED, JOB_CANCELLED },
        { JOB_STOPPING, JOB_EV_LOSE, JOB_CANCELLED },
        { JOB_STOPPING, JOB_EV_SIGNAL, JOB_STOPPING },
};

/* Ends that every state with a process, or perhaps with one, may reach. */
static const struct {
        enum job_event event;
        enum job_state to;
} ends[] = {
        { JOB_EV_SUCCEED, JOB_SUCCEEDED }, { JOB_EV_FAIL, JOB_FAILED },
        { JOB_EV_TIMEOUT, JOB_TIMEOUT },   { JOB_EV_OOM, JOB_OOM },
        { JOB_EV_LOSE, JOB_LOST },         { JOB_EV_REQUEUE, JOB_QUEUED },
};

static enum job_state expected(enum job_state from, enum job_event event)
{
        size_t i;

        for (i = 0; i < ARRAY_SIZE(allowed); i++)
                if (allowed[i].from == from && allowed[i].event == event)
                        return allowed[i].to;
        if (from == JOB_STARTING || from == JOB_RUNNING || from == JOB_PAUSED)
                for (i = 0; i < ARRAY_SIZE(ends); i++)
                        if (ends[i].event == event)
                                return ends[i].to;
        if (job_state_is_finished(from) && event == JOB_EV_RETRY)
                return JOB_QUEUED;
        return JOB_ABSENT;
}

START_TEST(every_pair)
{
        int state, event;

        for (state = 0; state < JOB_STATE_COUNT; state++)
                for (event = 0; event < JOB_EV_COUNT; event++)
                        ck_assert_msg(job_state_next(state, event) == expected(state, event),
                                      "%s, %s", job_state_name(state), job_event_name(event));
}
END_TEST

START_TEST(kinds_of_states)
{
        ck_assert(!job_state_is_finished(JOB_STOPPING));
        ck_assert(job_state_is_finished(JOB_SUCCEEDED));
        ck_assert(job_state_is_finished(JOB_LOST));
        ck_assert(!job_state_is_leased(JOB_QUEUED));
        ck_assert(job_state_is_leased(JOB_STARTING));
        ck_assert(job_state_is_leased(JOB_STOPPING));
        ck_assert(!job_state_is_leased(JOB_SUCCEEDED));
}
END_TEST

START_TEST(every_name_is_its_own)
{
        int a, b;

        for (a = 0; a < JOB_STATE_COUNT; a++)
                for (b = 0; b < a; b++)
                        ck_assert_str_ne(job_state_name(a), job_state_name(b));
        for (a = 0; a < JOB_EV_COUNT; a++)
                for (b = 0; b < a; b++)
                        ck_assert_str_ne(job_event_name(a), job_event_name(b));
        ck_assert_str_eq(job_state_name(JOB_STATE_COUNT), "unknown");
}
END_TEST

int main(void)
{
        Suite *suite = suite_create("job_state");
        TCase *tcase = tcase_create("table");

        tcase_add_test(tcase, every_pair);
        tcase_add_test(tcase, kinds_of_states);
        tcase_add_test(tcase, every_name_is_its_own);
        suite_add_tcase(suite, tcase);
        return suite_run(suite);
}

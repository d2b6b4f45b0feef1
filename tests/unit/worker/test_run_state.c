/* SPDX-License-Identifier: Apache-2.0 */
/* run_state.c: every pair of state and event, against a picture of the whole table. */
#include <stdlib.h>
#include <string.h>

#include "common/cleanup.h"

#include "tests/unit/suite.h"
#include "worker/run_state.h"

/*
 * One row a state, one letter an event in the order of enum run_event (none, accept, started,
 * refused, revoke, cancel, signal, pause, resume, warn, limit, grace, exit, clean, survived,
 * drained, ack, abandon): the state that follows, "." for a pair without meaning.
 */
static const char letters[RUN_STATE_COUNT + 1] = "-HAPTKSDE";
static const char *const picture[RUN_STATE_COUNT] = {
        /*                n a s r r c s p r w l g e c s d a a */
        [RUN_ABSENT] = ". H . . . . . . . . . . . . . . . .",
        [RUN_HELD] = ". . A E - E . H H . . . . . . . . -",
        [RUN_ACTIVE] = ". . . . A T A P A A T . S . . . . K",
        [RUN_PAUSED] = ". . . . P T P P A . . . S . . . . K",
        [RUN_STOPPING] = ". . . . T T T T T . . K S . . . . K",
        [RUN_KILLING] = ". . . . K . . K K . . . S . D . . K",
        [RUN_SWEEPING] = ". . . . S . . S S . . . . D D . . .",
        [RUN_DRAINING] = ". . . . D . . D D . . . . . . E . .",
        [RUN_ENDED] = ". . . . E . . . . . . . . . . . - .",
};

START_TEST(every_pair_is_as_drawn)
{
        for (int state = 0; state < RUN_STATE_COUNT; state++) {
                ck_assert_uint_eq(strlen(picture[state]), 2 * RUN_EVENT_COUNT - 1);
                for (int event = 0; event < RUN_EVENT_COUNT; event++) {
                        struct run_step step = { .next = RUN_STATE_COUNT };
                        const bool has_step =
                                run_state_step((enum run_state)state, (enum run_event)event, &step);
                        const char got = has_step ? letters[step.next] : '.';

                        ck_assert_msg(got == picture[state][2 * event], "%s + %s: %c, not %c",
                                      run_state_name((enum run_state)state),
                                      run_event_name((enum run_event)event), got,
                                      picture[state][2 * event]);
                        if (!has_step)
                                ck_assert_int_eq(step.next, RUN_STATE_COUNT);
                        else
                                ck_assert_int_ne(step.action, RUN_DO_NOTHING);
                }
        }
}
END_TEST

static bool step_to(enum run_state *state, enum run_event event)
{
        struct run_step step;

        if (!run_state_step(*state, event, &step))
                return false;
        *state = step.next;
        return true;
}

/* Whatever happened to it, a lease that has begun can come to its end. */
START_TEST(every_state_can_end)
{
        static const enum run_event way_out[] = {
                RUN_EV_REFUSED, RUN_EV_EXIT, RUN_EV_CLEAN, RUN_EV_DRAINED, RUN_EV_ACK,
        };

        for (int first = RUN_HELD; first < RUN_STATE_COUNT; first++) {
                enum run_state state = (enum run_state)first;

                for (size_t i = 0; i < ARRAY_SIZE(way_out); i++)
                        (void)step_to(&state, way_out[i]);
                ck_assert_int_eq(state, RUN_ABSENT);
        }
}
END_TEST

START_TEST(a_question_is_always_answered)
{
        struct run_step step;

        for (int state = RUN_HELD; state < RUN_STATE_COUNT; state++) {
                ck_assert(run_state_step((enum run_state)state, RUN_EV_REVOKE, &step));
                ck_assert_int_eq(step.action,
                                 state == RUN_HELD ? RUN_DO_GIVE_BACK : RUN_DO_SAY_TOO_LATE);
        }
}
END_TEST

START_TEST(only_what_never_ran_is_given_back)
{
        for (int state = 0; state < RUN_STATE_COUNT; state++)
                for (int event = 0; event < RUN_EVENT_COUNT; event++) {
                        struct run_step step;

                        if (!run_state_step((enum run_state)state, (enum run_event)event, &step))
                                continue;
                        if (step.action == RUN_DO_GIVE_BACK ||
                            step.action == RUN_DO_END_CANCELLED || step.action == RUN_DO_DROP)
                                ck_assert_int_eq(state, RUN_HELD);
                        if (step.action == RUN_DO_FREE)
                                ck_assert_int_eq(state, RUN_ENDED);
                }
}
END_TEST

int main(void)
{
        Suite *suite = suite_create("run_state");
        TCase *tcase = tcase_create("run_state");

        tcase_add_test(tcase, every_pair_is_as_drawn);
        tcase_add_test(tcase, every_state_can_end);
        tcase_add_test(tcase, a_question_is_always_answered);
        tcase_add_test(tcase, only_what_never_ran_is_given_back);
        suite_add_tcase(suite, tcase);
        return suite_run(suite);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* The table of a link: every pair is looked at, so that no cell changes unseen. */
#include <check.h>
#include <stdlib.h>

#include "common/cleanup.h"

#include "daemon/workers/link_state.h"
#include "tests/unit/suite.h"

struct allowed {
        enum link_state from;
        enum link_event event;
        enum link_state to;
};

static const struct allowed allowed[] = {
        { LINK_NEW, LINK_EV_HELLO_WORKER, LINK_GREETED },
        { LINK_NEW, LINK_EV_HELLO_POOL, LINK_POOL },
        { LINK_GREETED, LINK_EV_INVENTORY, LINK_READY },
        { LINK_READY, LINK_EV_LEASE, LINK_READY },
        { LINK_POOL, LINK_EV_POOL, LINK_POOL },
};

static enum link_state expected(enum link_state from, enum link_event event)
{
        for (size_t i = 0; i < ARRAY_SIZE(allowed); i++)
                if (allowed[i].from == from && allowed[i].event == event)
                        return allowed[i].to;
        return LINK_NONE;
}

START_TEST(every_pair_is_as_listed)
{
        for (int state = 0; state < LINK_STATE_COUNT; state++)
                for (int event = 0; event < LINK_EVENT_COUNT; event++)
                        ck_assert_int_eq(
                                link_state_next((enum link_state)state, (enum link_event)event),
                                expected((enum link_state)state, (enum link_event)event));
}
END_TEST

START_TEST(out_of_range_is_refused)
{
        ck_assert_int_eq(link_state_next(LINK_STATE_COUNT, LINK_EV_LEASE), LINK_NONE);
        ck_assert_int_eq(link_state_next(LINK_READY, LINK_EVENT_COUNT), LINK_NONE);
}
END_TEST

START_TEST(every_state_has_a_name)
{
        for (int state = 0; state < LINK_STATE_COUNT; state++)
                ck_assert_ptr_nonnull(link_state_name((enum link_state)state));
        ck_assert_str_eq(link_state_name(LINK_STATE_COUNT), "?");
}
END_TEST

int main(void)
{
        Suite *suite = suite_create("link_state");
        TCase *tests = tcase_create("table");

        tcase_add_test(tests, every_pair_is_as_listed);
        tcase_add_test(tests, out_of_range_is_refused);
        tcase_add_test(tests, every_state_has_a_name);
        suite_add_tcase(suite, tests);
        return suite_run(suite);
}

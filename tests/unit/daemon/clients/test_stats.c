/* SPDX-License-Identifier: Apache-2.0 */
/*
 * stats: who is told the numbers of whom, that every family has a name of its own, and that nothing
 * is told before it is on disk.
 */
#include <stdio.h>

#include "setup.h"
#include "tests/unit/suite.h"

static struct tally_user users[3];

static void fill(void)
{
        users[0] = (struct tally_user){ .uid = STAGE_UID_OTHER, .queued = 5 };
        users[1] = (struct tally_user){ .uid = getuid(), .queued = 2 };
        users[2] = (struct tally_user){ .uid = UINT32_MAX, .queued = 9 };
        e->users = users;
        e->users_count = ARRAY_SIZE(users);
        e->tally.submitted = 17;
}

static void setup_filled(void)
{
        setup();
        fill();
}

static void setup_user_filled(void)
{
        setup_user();
        fill();
}

static void setup_public(void)
{
        setup_machine();
        stage.options.jobs_are_public = true;
        setup_open();
        fill();
}

static void ask_kept(uint64_t tag, bool kept, uint64_t since_wall_usec)
{
        Jobd__Request request = JOBD__REQUEST__INIT;
        Jobd__Stats stats = JOBD__STATS__INIT;

        stats.has_kept = stats.kept = kept;
        stats.has_since_wall_usec = since_wall_usec > 0;
        stats.since_wall_usec = since_wall_usec;
        request.tag = tag;
        request.body_case = JOBD__REQUEST__BODY_STATS;
        request.stats = &stats;
        peer_send(peer, &request);
}

static void ask(uint64_t tag)
{
        ask_kept(tag, false, 0);
}

static void expect_all(void)
{
        char line[96];

        snprintf(line, sizeof(line), "2 stats(17 submitted, %u 5, %u 2, other 9)", STAGE_UID_OTHER,
                 (unsigned int)getuid());
        peer_expect(peer, line);
}

START_TEST(an_administrator_is_told_of_all)
{
        ask(2);
        expect_all();
}
END_TEST

START_TEST(others_are_told_where_jobs_are_public)
{
        ask(2);
        expect_all();
}
END_TEST

START_TEST(others_are_told_of_themselves)
{
        char line[96];

        snprintf(line, sizeof(line), "2 stats(17 submitted, %u 2)", (unsigned int)getuid());
        ask(2);
        peer_expect(peer, line);
}
END_TEST

START_TEST(numbers_wait_for_the_disk)
{
        stage.is_lagging = true;
        stage.engine.sequence = 7;
        stage.durable = 6;
        ask(2);
        peer_expect_nothing(peer);
        stage.durable = 7;
        expect_all();
}
END_TEST

/* Two slices: 3 succeeded and 1 never began, then 2 failed and 4 were cancelled. */
static struct journal_totals *slices(void)
{
        static struct journal_total groups[2];
        static struct journal_totals totals[2];

        groups[0] = (struct journal_total){ .uid = STAGE_UID_OTHER, .tasks_never = 1 };
        groups[0].tasks_by_state[JOB_SUCCEEDED] = 3;
        groups[1] = (struct journal_total){ .uid = getuid() };
        groups[1].tasks_by_state[JOB_FAILED] = 2;
        groups[1].tasks_by_state[JOB_CANCELLED] = 4;
        totals[0] = (struct journal_totals){ .groups = &groups[0],
                                             .groups_count = 1,
                                             .rows_before = 50 };
        totals[1] = (struct journal_totals){ .groups = &groups[1], .groups_count = 1 };
        return totals;
}

static void begin_kept(void)
{
        stage.engine.totals = slices();
        stage.engine.totals_count = 2;
        ask_kept(3, true, 17);
}

START_TEST(kept_jobs_of_all)
{
        char line[160];

        begin_kept();
        snprintf(line, sizeof(line),
                 "3 stats(17 submitted, %u 5, %u 2, other 9, 2 failed, 5 cancelled, kept %u, kept "
                 "%u 2 0)",
                 STAGE_UID_OTHER, (unsigned int)getuid(), (unsigned int)getuid(), STAGE_UID_OTHER);
        peer_expect(peer, line);
        ck_assert_str_eq(stage.engine.trace, "totals(any,17,0,0,0) totals(any,17,99,7,50) ");
}
END_TEST

START_TEST(kept_jobs_of_oneself)
{
        char line[160];

        begin_kept();
        snprintf(line, sizeof(line), "3 stats(17 submitted, %u 2, 2 failed, 5 cancelled)",
                 (unsigned int)getuid());
        peer_expect(peer, line);
        ck_assert_str_eq(stage.engine.trace, "totals(own,17,0,0,0) totals(own,17,99,7,50) ");
}
END_TEST

START_TEST(who_leaves_takes_the_walk_along)
{
        stage.engine.is_holding_reads = true;
        begin_kept();
        stage_turn(&stage);
        peer_close(peer);
        stage_turn(&stage);
        stage.engine.is_holding_reads = false;
        stage_turn(&stage);
        ck_assert_uint_eq(stage.engine.totals_told, 0);
        peer = peer_new(&stage);
        ask(2);
        expect_all();
}
END_TEST

int main(void)
{
        Suite *suite = suite_create("clients stats");
        TCase *admin = tcase_create("admin"), *user = tcase_create("user");
        TCase *open = tcase_create("public");

        tcase_add_checked_fixture(admin, setup_filled, teardown);
        tcase_add_test(admin, an_administrator_is_told_of_all);
        tcase_add_test(admin, numbers_wait_for_the_disk);
        tcase_add_test(admin, kept_jobs_of_all);
        tcase_add_test(admin, who_leaves_takes_the_walk_along);
        suite_add_tcase(suite, admin);
        tcase_add_checked_fixture(user, setup_user_filled, teardown);
        tcase_add_test(user, others_are_told_of_themselves);
        tcase_add_test(user, kept_jobs_of_oneself);
        suite_add_tcase(suite, user);
        tcase_add_checked_fixture(open, setup_public, teardown);
        tcase_add_test(open, others_are_told_where_jobs_are_public);
        suite_add_tcase(suite, open);
        return suite_run(suite);
}

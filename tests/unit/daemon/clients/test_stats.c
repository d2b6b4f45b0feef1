/* SPDX-License-Identifier: Apache-2.0 */
/*
 * stats: who is told the numbers of whom, that every family has a name of its own, and that nothing
 * is told before it is on disk.
 */
#include <stdio.h>

#include "stage.h"

static struct stage stage;
static struct peer *peer;
static struct tally_user users[3];

static void open_stage(void)
{
        users[0] = (struct tally_user){ .uid = STAGE_UID_OTHER, .queued = 5 };
        users[1] = (struct tally_user){ .uid = getuid(), .queued = 2 };
        users[2] = (struct tally_user){ .uid = UINT32_MAX, .queued = 9 };
        stage_open(&stage);
        stage.engine.users = users;
        stage.engine.users_count = ARRAY_SIZE(users);
        stage.engine.tally.submitted = 17;
        peer = peer_new(&stage);
}

static void setup(void)
{
        stage_init(&stage);
        open_stage();
}

static void setup_user(void)
{
        stage_drop_root();
        stage_init(&stage);
        stage.options.system_mode = true;
        stage.options.own_uid = STAGE_UID_OTHER + 1;
        open_stage();
}

static void setup_public(void)
{
        stage_drop_root();
        stage_init(&stage);
        stage.options.system_mode = stage.options.jobs_are_public = true;
        stage.options.own_uid = STAGE_UID_OTHER + 1;
        open_stage();
}

static void teardown(void)
{
        stage_close(&stage);
}

static void ask(uint64_t tag)
{
        Jobd__Request request = JOBD__REQUEST__INIT;
        Jobd__Stats stats = JOBD__STATS__INIT;

        request.tag = tag;
        request.body_case = JOBD__REQUEST__BODY_STATS;
        request.stats = &stats;
        peer_send(peer, &request);
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

int main(void)
{
        Suite *suite = suite_create("clients stats");
        TCase *admin = tcase_create("admin"), *user = tcase_create("user");
        TCase *open = tcase_create("public");
        SRunner *runner;
        int failed;

        tcase_add_checked_fixture(admin, setup, teardown);
        tcase_add_test(admin, an_administrator_is_told_of_all);
        tcase_add_test(admin, numbers_wait_for_the_disk);
        suite_add_tcase(suite, admin);
        tcase_add_checked_fixture(user, setup_user, teardown);
        tcase_add_test(user, others_are_told_of_themselves);
        suite_add_tcase(suite, user);
        tcase_add_checked_fixture(open, setup_public, teardown);
        tcase_add_test(open, others_are_told_where_jobs_are_public);
        suite_add_tcase(suite, open);
        runner = srunner_create(suite);
        srunner_run_all(runner, CK_NORMAL);
        failed = srunner_ntests_failed(runner);
        srunner_free(runner);
        return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}

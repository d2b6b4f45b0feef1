/* SPDX-License-Identifier: Apache-2.0 */
/*
 * list and info: which jobs a Selector finds and in which order, page after page; ranges of ids,
 * jobs of others, jobs that end while their rows are read.
 */
#include <stdio.h>
#include <string.h>

#include "setup.h"
#include "tests/unit/suite.h"

static void setup_narrow(void)
{
        stage_init(&stage);
        stage.options.reply_bytes_max = 64 * 1024;
        setup_open();
}

static void setup_admin(void)
{
        stage_init(&stage);
        stage.options.system_mode = true;
        setup_open();
}

/* 1 queued, 2 succeeded, 3 running, 4 failed, 5 queued */
static void five_jobs(void)
{
        struct job *job;

        fake_add(e, getuid());
        fake_add_finished(e, getuid(), JOB_SUCCEEDED, 0);
        job = fake_add(e, getuid());
        fake_tell(e, job, 0, JOB_EV_ASSIGN, JOB_STARTING);
        fake_tell(e, job, 0, JOB_EV_STARTED, JOB_RUNNING);
        fake_add_finished(e, getuid(), JOB_FAILED, 1);
        fake_add(e, getuid());
}

static void list_after(uint64_t tag, uint32_t limit, uint64_t after_id, bool after_finished,
                       bool all_users)
{
        Jobd__Request request = JOBD__REQUEST__INIT;
        Jobd__List list = JOBD__LIST__INIT;

        list.has_limit = true;
        list.limit = limit;
        list.has_after_id = list.has_after_finished = after_id > 0;
        list.after_id = after_id;
        list.after_finished = after_finished;
        list.has_all_users = list.all_users = all_users;
        request.tag = tag;
        request.body_case = JOBD__REQUEST__BODY_LIST;
        request.list = &list;
        peer_send(peer, &request);
}

/* ------------------------------------------------------------------------------------------- list
 */

START_TEST(list_has_an_order)
{
        five_jobs();
        peer_list(peer, 2, NULL, 0);
        peer_expect(peer, "2 page(1 queued, 3 running, 5 queued)+");
        peer_expect(peer, "2 page(4 failed, 2 succeeded)");
}
END_TEST

START_TEST(list_of_nothing)
{
        peer_list(peer, 2, NULL, 0);
        peer_expect(peer, "2 page()");
}
END_TEST

START_TEST(list_goes_on)
{
        five_jobs();
        list_after(2, 2, 0, false, false);
        peer_expect(peer, "2 page(1 queued, 3 running) next(3)");
        list_after(3, 2, 3, false, false);
        peer_expect(peer, "3 page(5 queued)+");
        peer_expect(peer, "3 page(4 failed) next(4 finished)");
        list_after(4, 2, 4, true, false);
        peer_expect(peer, "4 page(2 succeeded)");
}
END_TEST

START_TEST(list_in_small_pages_of_the_journal)
{
        five_jobs();
        e->page_max = 1;
        peer_list(peer, 2, NULL, 0);
        peer_expect(peer, "2 page(1 queued)+");
        peer_expect(peer, "2 page(3 running)+");
        peer_expect(peer, "2 page(5 queued)+");
        peer_expect(peer, "2 page(4 failed)+");
        peer_expect(peer, "2 page(2 succeeded)");
}
END_TEST

START_TEST(list_filters)
{
        five_jobs();
        strcpy(e->jobs[0]->name, "a");
        strcpy(e->jobs[3]->name, "a");
        fake_set_label(e->jobs[1], "k", "v");
        fake_set_label(e->jobs[2], "k", "w");
        peer_list(peer, 2, &(const struct selection){ .name = "a" }, 0);
        peer_expect(peer, "2 page(1 queued)+");
        peer_expect(peer, "2 page(4 failed)");
        peer_list(peer, 3, &(const struct selection){ .label = { "k", "v" } }, 0);
        peer_expect(peer, "3 page(2 succeeded)");
        peer_list(peer, 4, &(const struct selection){ .state = JOB_QUEUED }, 0);
        peer_expect(peer, "4 page(1 queued, 5 queued)");
        peer_list(peer, 5, &(const struct selection){ .state = JOB_FAILED }, 0);
        peer_expect(peer, "5 page(4 failed)");
        peer_list(peer, 6, &(const struct selection){ .unfinished = true }, 0);
        peer_expect(peer, "6 page(1 queued, 3 running, 5 queued)");
        peer_list(peer, 7, &(const struct selection){ .ids = { { 2, 3 }, { 5 }, { 99 } } }, 0);
        peer_expect(peer, "7 page(3 running, 5 queued)+");
        peer_expect(peer, "7 page(2 succeeded)");
        peer_list(peer, 8, &(const struct selection){ .last = true }, 0);
        peer_expect(peer, "8 page(5 queued)");
}
END_TEST

/* What memory knows is asked of memory: those that run are found among a million that wait. */
START_TEST(list_reads_only_what_fits)
{
        size_t reads;

        five_jobs();
        reads = e->reads_count;
        peer_list(peer, 2, &(const struct selection){ .state = JOB_PAUSED }, 0);
        peer_expect(peer, "2 page()");
        ck_assert_uint_eq(e->reads_count, reads);
        peer_list(peer, 3, &(const struct selection){ .state = JOB_RUNNING }, 0);
        peer_expect(peer, "3 page(3 running)");
        ck_assert_uint_eq(e->reads_count, reads + 1);
}
END_TEST

/* Rows are walked from the newest; those of jobs that wait are passed over from memory. */
START_TEST(list_passes_what_has_not_finished)
{
        const uint64_t last = 5000;

        fake_add_finished(e, getuid(), JOB_SUCCEEDED, 0);
        fake_add_finished(e, STAGE_UID_OTHER, JOB_SUCCEEDED, 0);
        while (e->jobs_count < last)
                fake_add(e, e->jobs_count % 2 ? getuid() : STAGE_UID_OTHER);
        list_after(2, 2, last + 1, true, false);
        peer_expect(peer, "2 page(1 succeeded)");
        ck_assert_uint_eq(e->read_before_id, 3);
        list_after(3, 2, 2, true, false);
        peer_expect(peer, "3 page(1 succeeded)");
        ck_assert_uint_eq(e->read_before_id, 2);
}
END_TEST

START_TEST(list_waits_for_what_it_shows)
{
        five_jobs();
        stage.is_lagging = true;
        stage.durable = e->jobs[4]->barrier - 1;
        peer_list(peer, 2, NULL, 0);
        peer_expect_nothing(peer);
        stage.durable++;
        peer_expect(peer, "2 page(1 queued, 3 running, 5 queued)+");
        peer_expect(peer, "2 page(4 failed, 2 succeeded)");
}
END_TEST

START_TEST(list_of_everybody_for_a_user)
{
        fake_add(e, getuid());
        fake_add(e, STAGE_UID_OTHER);
        list_after(2, 0, 0, false, true);
        peer_expect(peer, "2 page(1 queued)+");
        peer_expect(peer, "2 page() others(1)");
}
END_TEST

START_TEST(list_of_everybody_for_an_administrator)
{
        fake_add(e, getuid());
        fake_add(e, STAGE_UID_OTHER);
        fake_add_finished(e, STAGE_UID_OTHER, JOB_LOST, -1);
        fake_add(e, getuid());
        list_after(2, 0, 0, false, true);
        peer_expect(peer, "2 page(1 queued, 2 queued, 4 queued)+");
        peer_expect(peer, "2 page(3 lost)");
        peer_list(peer, 3, NULL, 0);
        peer_expect(peer, "3 page(1 queued, 4 queued)+");
        peer_expect(peer, "3 page()");
}
END_TEST

/* ------------------------------------------------------------------------------------------- info
 */

START_TEST(info_by_ids)
{
        five_jobs();
        peer_info(peer, 2, IDS({ 4 }, { 1 }));
        peer_expect(peer, "2 page(4 failed, 1 queued)");
        peer_info(peer, 3, IDS({ 2, 4 }));
        peer_expect(peer, "3 page(2 succeeded, 3 running, 4 failed)");
}
END_TEST

START_TEST(info_of_what_is_not_there)
{
        five_jobs();
        peer_info(peer, 2, IDS({ 99 }));
        peer_expect(peer, "2 error(NO_SUCH_JOB)");
        peer_info(peer, 3, IDS({ 1 }, { 99 }, { 2 }));
        peer_expect(peer, "3 page(1 queued)+");
        peer_expect(peer, "3 error(NO_SUCH_JOB)+");
        peer_expect(peer, "3 page(2 succeeded)");
        /* In a range that has some, the others are not missed. */
        peer_info(peer, 4, IDS({ 4, 20 }));
        peer_expect(peer, "4 page(4 failed, 5 queued)");
        peer_info(peer, 5, IDS({ 20, 30 }));
        peer_expect(peer, "5 error(NO_SUCH_JOB)");
        peer_info(peer, 6, IDS({ 1000, 2000000 }));
        peer_expect(peer, "6 error(NO_SUCH_JOB)");
}
END_TEST

START_TEST(info_of_a_wide_range)
{
        const size_t reads = e->reads_count;

        five_jobs();
        peer_info(peer, 2, IDS({ 1, 1000000000 }));
        peer_expect(peer, "2 page(5 queued, 4 failed, 3 running, 2 succeeded, 1 queued)");
        ck_assert_uint_le(e->reads_count - reads, 2);
}
END_TEST

START_TEST(info_of_the_last)
{
        peer_info(peer, 2, &(const struct selection){ .last = true });
        peer_expect(peer, "2 error(NO_SUCH_JOB)");
        five_jobs();
        peer_info(peer, 3, &(const struct selection){ .last = true });
        peer_expect(peer, "3 page(5 queued)");
        peer_info(peer, 4, &(const struct selection){ .last = true, .state = JOB_FAILED });
        peer_expect(peer, "4 page(4 failed)");
}
END_TEST

START_TEST(info_names_nothing)
{
        peer_info(peer, 2, &(const struct selection){ 0 });
        peer_expect(peer, "2 error(USAGE)");
}
END_TEST

START_TEST(ends_while_its_row_is_read)
{
        struct job *job = fake_add(e, getuid());
        size_t reads;

        peer_ping(peer, 2);
        peer_expect(peer, "2 done");
        /* The row that comes says "queued", and the job is not in memory any more. */
        job->is_open = false;
        reads = e->reads_count;
        peer_info(peer, 3, IDS({ 1 }));
        peer_expect_nothing(peer);
        ck_assert_uint_gt(e->reads_count, reads + 1);
        job->row.finished = true;
        job->row.state = JOB_SUCCEEDED;
        peer_expect(peer, "3 page(1 succeeded)");
}
END_TEST

START_TEST(many_pages)
{
        char line[32];

        for (int i = 0; i < 100; i++)
                fake_add(e, getuid());
        e->page_max = 7;
        peer_info(peer, 2, IDS({ 1, 100 }));
        for (size_t seen = 0; seen < 100;) {
                while (peer->lines_read == peer->lines_count)
                        stage_turn(&stage);
                snprintf(line, sizeof(line), "2 page(%zu queued", seen + 1);
                ck_assert_ptr_nonnull(strstr(peer->lines[peer->lines_read], line));
                for (const char *at = peer->lines[peer->lines_read]; (at = strstr(at, "queued"));
                     at++)
                        seen++;
                peer->lines_read++;
        }
        peer_expect_nothing(peer);
}
END_TEST

/* Jobs whose Specs are 260 KB each: a window of them is more than may ever be unread. */
static void add_heavy_jobs(int count)
{
        static char value[130 * 1000];

        memset(value, 'v', sizeof(value) - 1);
        for (int i = 0; i < count; i++)
                fake_set_label(fake_add(e, getuid()), "k", value);
}

static void expect_all_heavy(size_t count)
{
        char name[32];
        size_t seen = 0;

        while (seen < count) {
                const char *at;

                while (peer->lines_read == peer->lines_count)
                        stage_turn(&stage);
                at = strchr(peer->lines[peer->lines_read++], '(');
                for (at++; *at >= '0' && *at <= '9';
                     at = strstr(at, ", ") ? strstr(at, ", ") + 2 : "") {
                        snprintf(name, sizeof(name), "%zu queued", ++seen);
                        ck_assert_int_eq(strncmp(at, name, strlen(name)), 0);
                }
        }
}

START_TEST(heavy_jobs_do_not_break_the_connection)
{
        add_heavy_jobs(96);
        peer_info(peer, 2, IDS({ 1, 96 }));
        expect_all_heavy(96);
        peer_expect_nothing(peer);
        ck_assert(!peer->ended);
        peer_info(peer, 3, &(const struct selection){ .unfinished = true });
        expect_all_heavy(96);
        peer_expect_nothing(peer);
}
END_TEST

START_TEST(heavy_jobs_for_a_client_that_does_not_read)
{
        add_heavy_jobs(100);
        channel_set_reading(peer->channel, false);
        peer_info(peer, 2, IDS({ 1, 100 }));
        for (int i = 0; i < 50; i++)
                stage_turn(&stage);
        ck_assert_uint_lt(e->reads_count, 4);
        channel_set_reading(peer->channel, true);
        expect_all_heavy(100);
}
END_TEST

START_TEST(one_user_has_so_many_places_at_the_journal)
{
        struct peer *more[4];
        size_t done = 0;

        five_jobs();
        e->is_holding_reads = true;
        for (size_t i = 0; i < 4; i++) {
                more[i] = peer_new(&stage);
                for (uint64_t tag = 2; tag < 7; tag++)
                        peer_info(more[i], tag, IDS({ 1 }));
                stage_turn(&stage);
        }
        ck_assert_uint_eq(e->reads_count, 8);
        /* Those who go, asking or waiting, leave the others their places. */
        peer_close(more[2]);
        peer_close(more[0]);
        ck_assert_uint_eq(e->reads_count, 8 + 5);
        e->is_holding_reads = false;
        for (int n = 0; n < 50; n++)
                stage_turn(&stage);
        for (size_t i = 0; i < 4; i++)
                done += i % 2 ? more[i]->lines_count - 1 : 0;
        ck_assert_uint_eq(done, 10);
}
END_TEST

START_TEST(long_requests_are_weighed)
{
        Jobd__Request request = JOBD__REQUEST__INIT;
        Jobd__Events body = JOBD__EVENTS__INIT;
        static Jobd__IdRange ranges[4000], *pointers[4000];

        fake_add(e, getuid());
        for (size_t i = 0; i < 4000; i++) {
                jobd__id_range__init(&ranges[i]);
                ranges[i].first = ranges[i].last = 1;
                pointers[i] = &ranges[i];
        }
        body.ids = pointers;
        body.n_ids = 4000;
        body.has_follow = body.follow = true;
        request.body_case = JOBD__REQUEST__BODY_EVENTS;
        request.events = &body;
        for (request.tag = 2; request.tag < 300; request.tag++) {
                peer_send(peer, &request);
                if (request.tag % 16 == 0)
                        stage_turn(&stage);
        }
        for (int i = 0; i < 100; i++)
                stage_turn(&stage);
        ck_assert_ptr_nonnull(strstr(peer->lines[peer->lines_count - 1], "error(BUSY)"));
        ck_assert(!peer->ended);
        /* A request that ends makes room for another. */
        peer_stop(peer, 1000, 2);
        while (strcmp(peer->lines[peer->lines_count - 1], "1000 done") != 0)
                stage_turn(&stage);
        request.tag = 1001;
        peer_send(peer, &request);
        request.tag = 1002;
        peer_send(peer, &request);
        peer->lines_read = peer->lines_count;
        peer_expect(peer, "1002 error(BUSY)");
}
END_TEST

START_TEST(others_are_as_if_they_were_not)
{
        size_t reads[3];

        fake_add(e, STAGE_UID_OTHER);
        fake_add_finished(e, STAGE_UID_OTHER, JOB_SUCCEEDED, 0);
        for (uint64_t id = 1; id <= 3; id++) {
                reads[id - 1] = e->reads_count;
                peer_info(peer, 2, IDS({ id }));
                peer_expect(peer, "2 error(NO_SUCH_JOB)");
                reads[id - 1] = e->reads_count - reads[id - 1];
        }
        ck_assert_uint_eq(reads[0], reads[2]);
        ck_assert_uint_eq(reads[1], reads[2]);
        peer_list(peer, 3, NULL, 0);
        peer_expect(peer, "3 page()");
        peer_info(peer, 4, IDS({ 1, 100000 }));
        peer_expect(peer, "4 error(NO_SUCH_JOB)");
        peer_info(peer, 5, &(const struct selection){ .last = true });
        peer_expect(peer, "5 error(NO_SUCH_JOB)");
}
END_TEST

START_TEST(administrators_find_everybody)
{
        fake_add(e, STAGE_UID_OTHER);
        peer_info(peer, 2, IDS({ 1 }));
        peer_expect(peer, "2 page(1 queued)");
        /* But "all" are one's own. */
        peer_info(peer, 3, &(const struct selection){ .all = true });
        peer_expect(peer, "3 page()");
}
END_TEST

int main(void)
{
        Suite *suite = suite_create("clients list and info");
        TCase *t = tcase_create("look"), *user = tcase_create("user"),
              *admin = tcase_create("admin"), *narrow = tcase_create("narrow");

        tcase_add_checked_fixture(t, setup, teardown);
        tcase_add_test(t, list_has_an_order);
        tcase_add_test(t, list_of_nothing);
        tcase_add_test(t, list_goes_on);
        tcase_add_test(t, list_in_small_pages_of_the_journal);
        tcase_add_test(t, list_filters);
        tcase_add_test(t, list_reads_only_what_fits);
        tcase_add_test(t, list_passes_what_has_not_finished);
        tcase_add_test(t, list_waits_for_what_it_shows);
        tcase_add_test(t, info_by_ids);
        tcase_add_test(t, info_of_what_is_not_there);
        tcase_add_test(t, info_of_a_wide_range);
        tcase_add_test(t, info_of_the_last);
        tcase_add_test(t, info_names_nothing);
        tcase_add_test(t, ends_while_its_row_is_read);
        tcase_add_test(t, many_pages);
        tcase_add_test(t, one_user_has_so_many_places_at_the_journal);
        tcase_add_test(t, long_requests_are_weighed);
        suite_add_tcase(suite, t);
        tcase_add_checked_fixture(narrow, setup_narrow, teardown);
        tcase_add_test(narrow, heavy_jobs_do_not_break_the_connection);
        tcase_add_test(narrow, heavy_jobs_for_a_client_that_does_not_read);
        suite_add_tcase(suite, narrow);
        tcase_add_checked_fixture(user, setup_user, teardown);
        tcase_add_test(user, list_of_everybody_for_a_user);
        tcase_add_test(user, others_are_as_if_they_were_not);
        suite_add_tcase(suite, user);
        tcase_add_checked_fixture(admin, setup_admin, teardown);
        tcase_add_test(admin, list_of_everybody_for_an_administrator);
        tcase_add_test(admin, administrators_find_everybody);
        suite_add_tcase(suite, admin);
        return suite_run(suite);
}

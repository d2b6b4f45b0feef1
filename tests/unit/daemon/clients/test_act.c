/* SPDX-License-Identifier: Apache-2.0 */
/*
 * act: results for every job and task named, cancels that a worker decides, retry with its rows,
 * and purge; each answered no earlier than it is durable.
 */
#include <stdio.h>
#include <string.h>

#include "setup.h"
#include "tests/unit/suite.h"

#define CANCEL JOBD__ACTION__ACTION_CANCEL
#define RETRY JOBD__ACTION__ACTION_RETRY

/* ---------------------------------------------------------------------------------------- cancel
 */

START_TEST(cancels_by_ids)
{
        fake_add(e, getuid());
        fake_add(e, getuid());
        fake_add_finished(e, getuid(), JOB_SUCCEEDED, 0);
        peer_act(peer, 2, CANCEL, IDS({ 1, 2 }));
        peer_expect(peer, "2 act(1 cancelled, 2 cancelled)");
        peer_act(peer, 3, CANCEL, IDS({ 3 }, { 9 }));
        peer_expect(peer, "3 act(3 STATE, 9 NO_SUCH_JOB)");
        ck_assert_str_eq(e->trace, "cancel(1,all) cancel(2,all) ");
        /* Jobs in memory cost no read. */
        ck_assert_uint_eq(e->reads_count, 1);
}
END_TEST

START_TEST(a_filter_passes_over_finished_jobs)
{
        fake_add(e, getuid());
        fake_add_finished(e, getuid(), JOB_SUCCEEDED, 0);
        peer_act(peer, 2, CANCEL, &(const struct selection){ .all = true });
        peer_expect(peer, "2 act(1 cancelled)");
        peer_act(peer, 3, CANCEL, &(const struct selection){ .all = true });
        peer_expect(peer, "3 act()");
}
END_TEST

START_TEST(names_nothing)
{
        fake_add(e, getuid());
        peer_act(peer, 2, CANCEL, &(const struct selection){ 0 });
        peer_expect(peer, "2 error(USAGE)");
        ck_assert_str_eq(e->trace, "");
}
END_TEST

START_TEST(is_told_when_it_is_durable)
{
        fake_add(e, getuid());
        stage.is_lagging = true;
        stage.durable = e->sequence;
        peer_act(peer, 2, CANCEL, IDS({ 1 }));
        peer_expect_nothing(peer);
        ck_assert_str_eq(e->trace, "cancel(1,all) ");
        stage.durable = e->sequence;
        peer_expect(peer, "2 act(1 cancelled)");
}
END_TEST

START_TEST(a_worker_decides)
{
        struct job *job = fake_add(e, getuid());

        fake_add(e, getuid());
        fake_tell(e, job, 0, JOB_EV_ASSIGN, JOB_STARTING);
        job->cancel_is_later = true;
        peer_act(peer, 2, CANCEL, IDS({ 1 }, { 2 }));
        peer_expect(peer, "2 act(2 cancelled)+");
        peer_expect_nothing(peer);
        fake_tell(e, job, 0, JOB_EV_SIGNAL, JOB_STARTING);
        peer_expect_nothing(peer);
        job->cancel_is_pending = false;
        stage.is_lagging = true;
        fake_tell(e, job, 0, JOB_EV_STOP, JOB_STOPPING);
        peer_expect_nothing(peer);
        stage.durable = e->sequence;
        peer_expect(peer, "2 act(1 stopping)");
        stage_turn(&stage);
        ck_assert(watch_book_is_empty(e->watches));
}
END_TEST

START_TEST(gone_while_a_worker_decides)
{
        struct job *job = fake_add(e, getuid());

        fake_tell(e, job, 0, JOB_EV_ASSIGN, JOB_STARTING);
        job->cancel_is_later = true;
        peer_act(peer, 2, CANCEL, IDS({ 1 }));
        stage_turn(&stage);
        ck_assert(!watch_book_is_empty(e->watches));
        peer_close(peer);
        ck_assert(watch_book_is_empty(e->watches));
}
END_TEST

START_TEST(single_tasks)
{
        struct job *job = fake_add(e, getuid());

        job->row.task_count = 3;
        peer_act(peer, 2, CANCEL,
                 &(const struct selection){
                         .ids = { { 1 } }, .has_tasks = true, .task_first = 1, .task_last = 5 });
        peer_expect(peer, "2 act(1.1 queued, 1.2 queued)");
        ck_assert_str_eq(e->trace, "cancel(1,1) cancel(1,2) ");
        peer_act(peer, 3, CANCEL,
                 &(const struct selection){
                         .ids = { { 1 } }, .has_tasks = true, .task_first = 7, .task_last = 7 });
        peer_expect(peer, "3 act(1.7 NO_SUCH_JOB)");
        peer_act(peer, 4, JOBD__ACTION__ACTION_HOLD,
                 &(const struct selection){ .ids = { { 1 } }, .has_tasks = true });
        peer_expect(peer, "4 act(1 USAGE)");
}
END_TEST

START_TEST(very_many_tasks)
{
        struct job *job = fake_add(e, getuid());
        size_t results = 0;

        job->row.task_count = 5000;
        peer_act(peer, 2, CANCEL,
                 &(const struct selection){ .ids = { { 1 } },
                                            .has_tasks = true,
                                            .task_first = 0,
                                            .task_last = 999999 });
        for (;;) {
                const char *line;

                while (peer->lines_read == peer->lines_count)
                        stage_turn(&stage);
                line = peer->lines[peer->lines_read++];
                results++;
                if (line[strlen(line) - 1] != '+')
                        break;
        }
        ck_assert_uint_gt(results, 1); /* several turns */
        ck_assert_ptr_nonnull(strstr(e->trace, "cancel(1,2500) "));
}
END_TEST

START_TEST(all_of_many)
{
        size_t results = 0;

        for (int i = 0; i < 1200; i++)
                fake_add(e, getuid());
        peer_act(peer, 2, CANCEL, &(const struct selection){ .all = true });
        for (;;) {
                const char *line;

                while (peer->lines_read == peer->lines_count)
                        stage_turn(&stage);
                line = peer->lines[peer->lines_read++];
                for (const char *at = line; (at = strstr(at, "cancelled")); at++)
                        results++;
                if (line[strlen(line) - 1] != '+')
                        break;
        }
        ck_assert_uint_eq(results, 1200);
}
END_TEST

START_TEST(every_action)
{
        static const struct {
                Jobd__Action action;
                const char *line, *trace;
        } cases[] = {
                { JOBD__ACTION__ACTION_KILL, "2 act(1 running)", "signal(1) " },
                { JOBD__ACTION__ACTION_PAUSE, "2 act(1 running)", "pause(1) " },
                { JOBD__ACTION__ACTION_RESUME, "2 act(1 STATE)", "resume(1) " },
                { JOBD__ACTION__ACTION_HOLD, "2 act(1 STATE)", "hold(1) " },
                { JOBD__ACTION__ACTION_RELEASE, "2 act(1 STATE)", "release(1) " },
        };
        struct job *job = fake_add(e, getuid());

        fake_tell(e, job, 0, JOB_EV_ASSIGN, JOB_STARTING);
        fake_tell(e, job, 0, JOB_EV_STARTED, JOB_RUNNING);
        peer_act(peer, 2, cases[_i].action, IDS({ 1 }));
        peer_expect(peer, cases[_i].line);
        ck_assert_str_eq(e->trace, cases[_i].trace);
}
END_TEST

START_TEST(others_are_not_touched)
{
        fake_add(e, STAGE_UID_OTHER);
        fake_add(e, getuid());
        peer_act(peer, 2, CANCEL, IDS({ 1 }));
        peer_expect(peer, "2 act(1 NO_SUCH_JOB)");
        peer_act(peer, 3, CANCEL, &(const struct selection){ .all = true });
        peer_expect(peer, "3 act(2 cancelled)");
        peer_act(peer, 4, RETRY, IDS({ 1 }));
        peer_expect(peer, "4 act(1 NO_SUCH_JOB)");
        ck_assert_str_eq(e->trace, "cancel(2,all) ");
}
END_TEST

/* ----------------------------------------------------------------------------------------- retry
 */

START_TEST(retries)
{
        fake_add_finished(e, getuid(), JOB_FAILED, 1);
        fake_add(e, getuid());
        fake_add_finished(e, getuid(), JOB_SUCCEEDED, 0);
        peer_act(peer, 2, RETRY, IDS({ 1 }, { 7 }));
        peer_expect(peer, "2 act(1 queued, 7 NO_SUCH_JOB)");
        ck_assert_str_eq(e->trace, "retry(1,all,1,0) ");
        e->trace[0] = '\0';
        peer_act(peer, 3, RETRY, &(const struct selection){ .all = true });
        peer_expect(peer, "3 act(3 queued)");
        ck_assert_str_eq(e->trace, "retry(3,all,1,0) ");
}
END_TEST

START_TEST(retries_what_failed)
{
        Jobd__Request request = JOBD__REQUEST__INIT;
        Jobd__Act act = JOBD__ACT__INIT;
        struct selection_message selector;

        fake_add_finished(e, getuid(), JOB_FAILED, 1);
        fake_add_finished(e, getuid(), JOB_SUCCEEDED, 0);
        act.action = RETRY;
        act.selector = selection_fill(&selector, IDS({ 1, 2 }));
        act.has_failed_only = act.failed_only = true;
        request.tag = 2;
        request.body_case = JOBD__REQUEST__BODY_ACT;
        request.act = &act;
        peer_send(peer, &request);
        peer_expect(peer, "2 act(1 queued, 2 STATE)");
        ck_assert_str_eq(e->trace, "retry(1,all,1,1) retry(2,all,1,1) ");
}
END_TEST

START_TEST(retries_single_tasks)
{
        struct job *job = fake_add(e, getuid());

        job->row.task_count = job->row.task_next = 3;
        for (int t = 0; t < 3; t++)
                job->tasks[t].row.state = JOB_FAILED;
        fake_finish(e, job, JOB_FAILED, 1, NULL);
        peer_act(peer, 2, RETRY,
                 &(const struct selection){
                         .ids = { { 1 } }, .has_tasks = true, .task_first = 1, .task_last = 2 });
        peer_expect(peer, "2 act(1 queued)");
        ck_assert_str_eq(e->trace, "retry(1,these,2,0) ");
}
END_TEST

/* The rows that succeeded stay here, but the last one tells where those without a row begin. */
START_TEST(retries_a_few_of_many)
{
        struct job *job = fake_add(e, getuid());
        Jobd__Request request = JOBD__REQUEST__INIT;
        Jobd__Act act = JOBD__ACT__INIT;
        struct selection_message selector;

        job->row.task_count = job->row.task_next = 3;
        fake_finish(e, job, JOB_FAILED, 1, NULL);
        for (int t = 0; t < 3; t++)
                job->tasks[t].row.state = t == 1 ? JOB_FAILED : JOB_SUCCEEDED;
        act.action = RETRY;
        act.selector = selection_fill(&selector, IDS({ 1 }));
        act.has_failed_only = act.failed_only = true;
        request.tag = 2;
        request.body_case = JOBD__REQUEST__BODY_ACT;
        request.act = &act;
        peer_send(peer, &request);
        peer_expect(peer, "2 act(1 queued)");
        ck_assert_str_eq(e->trace, "retry(1,all,2,1) ");
}
END_TEST

/* ----------------------------------------------------------------------------------------- purge
 */

static void purge(uint64_t tag, const struct selection *which, uint64_t keep, uint64_t older_usec)
{
        Jobd__Request request = JOBD__REQUEST__INIT;
        Jobd__Purge body = JOBD__PURGE__INIT;
        struct selection_message selector;

        body.selector = which ? selection_fill(&selector, which) : NULL;
        body.has_keep_count = keep > 0;
        body.keep_count = keep;
        body.has_older_than_usec = older_usec > 0;
        body.older_than_usec = older_usec;
        request.tag = tag;
        request.body_case = JOBD__REQUEST__BODY_PURGE;
        request.purge = &body;
        peer_send(peer, &request);
}

static size_t count_dropped(void)
{
        size_t n = 0;

        for (size_t i = 0; i < e->jobs_count; i++)
                n += e->jobs[i]->is_dropped;
        return n;
}

START_TEST(purges_no_part_of_a_job)
{
        fake_add_finished(e, getuid(), JOB_FAILED, 1);
        purge(2,
              &(const struct selection){
                      .ids = { { 1 } }, .has_tasks = true, .task_first = 0, .task_last = 0 },
              0, 0);
        peer_expect(peer, "2 error(USAGE)");
        ck_assert_str_eq(e->trace, "");
}
END_TEST

START_TEST(purges_finished_jobs)
{
        for (int i = 0; i < 5; i++)
                fake_add_finished(e, getuid(), JOB_SUCCEEDED, 0);
        fake_add(e, getuid());
        fake_add_finished(e, STAGE_UID_OTHER, JOB_SUCCEEDED, 0);
        stage.is_lagging = true;
        stage.durable = e->sequence;
        purge(2, NULL, 2, 0);
        peer_expect_nothing(peer);
        stage.durable = e->sequence;
        peer_expect(peer, "2 purged(3)");
        /* The newest were kept. */
        ck_assert(e->jobs[0]->is_dropped && e->jobs[2]->is_dropped && !e->jobs[3]->is_dropped);
        ck_assert_uint_eq(count_dropped(), 3);
}
END_TEST

START_TEST(purges_what_is_named)
{
        for (int i = 0; i < 5; i++)
                fake_add_finished(e, getuid(), i % 2 ? JOB_FAILED : JOB_SUCCEEDED, i % 2);
        purge(2, IDS({ 2, 4 }, { 99 }), 0, 0);
        peer_expect(peer, "2 purged(3)");
        purge(3, &(const struct selection){ .state = JOB_FAILED }, 0, 0);
        peer_expect(peer, "3 purged(0)");
        purge(4, &(const struct selection){ .state = JOB_SUCCEEDED }, 0, 0);
        peer_expect(peer, "4 purged(2)");
}
END_TEST

START_TEST(purges_by_age)
{
        fake_add_finished(e, getuid(), JOB_SUCCEEDED, 0);
        fake_add_finished(e, getuid(), JOB_SUCCEEDED, 0);
        e->jobs[1]->row.end_wall_usec = UINT64_MAX;
        purge(2, NULL, 0, 1000000);
        peer_expect(peer, "2 purged(1)");
        ck_assert(e->jobs[0]->is_dropped);
}
END_TEST

START_TEST(purges_in_slices)
{
        for (int i = 0; i < 50; i++)
                fake_add_finished(e, getuid(), JOB_SUCCEEDED, 0);
        e->page_max = 20;
        purge(2, NULL, 5, 0);
        peer_expect(peer, "2 purged(45)");
        ck_assert_str_eq(e->trace, "drop(15) drop(20) drop(10) ");
}
END_TEST

int main(void)
{
        Suite *suite = suite_create("clients act");
        TCase *t = tcase_create("act"), *user = tcase_create("user");

        tcase_add_checked_fixture(t, setup, teardown);
        tcase_add_test(t, cancels_by_ids);
        tcase_add_test(t, a_filter_passes_over_finished_jobs);
        tcase_add_test(t, names_nothing);
        tcase_add_test(t, is_told_when_it_is_durable);
        tcase_add_test(t, a_worker_decides);
        tcase_add_test(t, gone_while_a_worker_decides);
        tcase_add_test(t, single_tasks);
        tcase_add_test(t, very_many_tasks);
        tcase_add_test(t, all_of_many);
        tcase_add_loop_test(t, every_action, 0, 5);
        tcase_add_test(t, retries);
        tcase_add_test(t, retries_what_failed);
        tcase_add_test(t, retries_single_tasks);
        tcase_add_test(t, retries_a_few_of_many);
        tcase_add_test(t, purges_no_part_of_a_job);
        tcase_add_test(t, purges_finished_jobs);
        tcase_add_test(t, purges_what_is_named);
        tcase_add_test(t, purges_by_age);
        tcase_add_test(t, purges_in_slices);
        suite_add_tcase(suite, t);
        tcase_add_checked_fixture(user, setup_user, teardown);
        tcase_add_test(user, others_are_not_touched);
        suite_add_tcase(suite, user);
        return suite_run(suite);
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * queue: who may change queues, what is refused, what the answer shows; which jobs a Selector means
 * by a queue; what a Submit takes from its queue; and who is an administrator.
 */
#include <string.h>

#include "setup.h"
#include "tests/unit/suite.h"

static Jobd__QueueSettings settings;

static void setup_settings(void)
{
        jobd__queue_settings__init(&settings);
}

static void ask(uint64_t tag, Jobd__QueueAction action, const char *name, bool with_settings,
                const char *move_to)
{
        Jobd__Request request = JOBD__REQUEST__INIT;
        Jobd__QueueOp op = JOBD__QUEUE_OP__INIT;

        op.action = action;
        op.name = (char *)(uintptr_t)name;
        op.settings = with_settings ? &settings : NULL;
        op.move_to = (char *)(uintptr_t)move_to;
        request.tag = tag;
        request.body_case = JOBD__REQUEST__BODY_QUEUE;
        request.queue = &op;
        peer_send(peer, &request);
}

#define ADD JOBD__QUEUE_ACTION__QUEUE_ADD
#define SET JOBD__QUEUE_ACTION__QUEUE_SET
#define LIST JOBD__QUEUE_ACTION__QUEUE_LIST
#define PAUSE JOBD__QUEUE_ACTION__QUEUE_PAUSE
#define RESUME JOBD__QUEUE_ACTION__QUEUE_RESUME
#define DRAIN JOBD__QUEUE_ACTION__QUEUE_DRAIN
#define REMOVE JOBD__QUEUE_ACTION__QUEUE_REMOVE

START_TEST(a_life)
{
        ask(2, LIST, NULL, false, NULL);
        peer_expect(peer, "2 queues(default priority 0/0 100 --u)");
        settings.has_policy = true;
        settings.policy = JOBD__QUEUE_POLICY__POLICY_FIFO;
        settings.has_width_tasks = true;
        settings.width_tasks = 2;
        ask(3, ADD, "night", true, NULL);
        peer_expect(peer, "3 queues(night fifo 2/0 100 --u)");
        jobd__queue_settings__init(&settings);
        settings.has_weight = true;
        settings.weight = 250;
        settings.users = (char *)(uintptr_t) "1,@2";
        ask(4, SET, "night", true, NULL);
        peer_expect(peer, "4 queues(night fifo 2/0 250 --u1,@2)");
        settings.users = (char *)(uintptr_t) "";
        ask(5, SET, "night", true, NULL);
        peer_expect(peer, "5 queues(night fifo 2/0 250 --u)");
        ask(6, PAUSE, "night", false, NULL);
        peer_expect(peer, "6 queues(night fifo 2/0 250 p-u)");
        ask(7, DRAIN, "night", false, NULL);
        peer_expect(peer, "7 queues(night fifo 2/0 250 pdu)");
        ask(8, RESUME, "night", false, NULL);
        peer_expect(peer, "8 queues(night fifo 2/0 250 --u)");
        ask(9, LIST, NULL, false, NULL);
        peer_expect(peer, "9 queues(default priority 0/0 100 --u, night fifo 2/0 250 --u)");
        ask(10, REMOVE, "night", false, NULL);
        peer_expect(peer, "10 error(STATE)");
        ask(11, REMOVE, "night", false, "default");
        peer_expect(peer, "11 queues()");
}
END_TEST

START_TEST(what_is_refused)
{
        static const char *const names[] = {
                "",
                "a b",
                "-a",
                ".a",
                "a/b",
                "\xc3\xa4",
                "12345678901234567890123456789012345678901234567890123456789012345",
        };

        for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
                char line[] = "2 error(USAGE)";

                line[0] = (char)('2' + i);
                ask(2 + i, ADD, names[i], false, NULL);
                peer_expect(peer, line);
        }
        ask(20, ADD, NULL, false, NULL);
        peer_expect(peer, "20 error(USAGE)");
        ask(21, ADD, "default", false, NULL);
        peer_expect(peer, "21 error(STATE)");
        ask(22, PAUSE, "none", false, NULL);
        peer_expect(peer, "22 error(USAGE)");
        ask(23, LIST, "none", false, NULL);
        peer_expect(peer, "23 error(USAGE)");
        ask(24, REMOVE, "none", false, NULL);
        peer_expect(peer, "24 error(USAGE)");
        settings.users = (char *)(uintptr_t) "alice";
        ask(25, SET, "default", true, NULL);
        peer_expect(peer, "25 error(USAGE)");
        ck_assert_uint_eq(e->sequence, 0);
}
END_TEST

START_TEST(the_answer_waits_for_the_disk)
{
        stage.is_lagging = true;
        ask(2, ADD, "night", false, NULL);
        peer_expect_nothing(peer);
        stage.is_lagging = false;
        peer_expect(peer, "2 queues(night priority 0/0 100 --u)");
}
END_TEST

START_TEST(others_only_look)
{
        struct queue *queue;

        setup_open();
        ck_assert_int_eq(queues_add(&e->queues, 1, "night", QUEUE_FIFO, &queue), 0);
        queue->users = strdup("1,@65533");
        ask(2, LIST, NULL, false, NULL);
        peer_expect(peer, "2 queues(default priority 0/0 100 --u, night fifo 0/0 100 ---1,@65533)");
        for (int i = ADD; i <= REMOVE; i++) {
                char line[] = "31 error(DENIED)";

                if (i == LIST)
                        continue;
                line[1] = (char)('0' + i);
                ask(30 + (uint64_t)i, (Jobd__QueueAction)i, "night", false, NULL);
                peer_expect(peer, line);
        }
        ck_assert_uint_eq(e->sequence, 0);
}
END_TEST

START_TEST(a_group_administers)
{
        struct clients_options options;

        stage.options.admin_gid = getgid();
        setup_open();
        ask(2, PAUSE, "default", false, NULL);
        peer_expect(peer, "2 queues(default priority 0/0 100 p-u)");
        /* It is another group from now on, also for who is connected. */
        options = stage.options;
        options.admin_gid = getgid() + 1;
        clients_set_limits(stage.clients, &options);
        ask(3, RESUME, "default", false, NULL);
        peer_expect(peer, "3 error(DENIED)");
}
END_TEST

static const uint32_t others_uid = STAGE_UID_OTHER;

START_TEST(others_jobs_are_counted_or_shown)
{
        struct clients_options options;
        Jobd__Request request = JOBD__REQUEST__INIT;
        Jobd__List list = JOBD__LIST__INIT;

        setup_open();
        fake_add(e, others_uid);
        list.has_all_users = list.all_users = true;
        request.body_case = JOBD__REQUEST__BODY_LIST;
        request.list = &list;
        request.tag = 2;
        peer_send(peer, &request);
        peer_expect(peer, "2 page() others(1)");
        options = stage.options;
        options.jobs_are_public = true;
        clients_set_limits(stage.clients, &options);
        request.tag = 3;
        peer_send(peer, &request);
        peer_expect(peer, "3 page(1 queued)+");
        peer_expect(peer, "3 page()");
        /* Seen, and not touched. */
        peer_act(peer, 4, JOBD__ACTION__ACTION_CANCEL, IDS({ 1 }));
        peer_expect(peer, "4 act(1 NO_SUCH_JOB)");
        peer_info(peer, 5, IDS({ 1 }));
        peer_expect(peer, "5 error(NO_SUCH_JOB)");
}
END_TEST

START_TEST(a_selector_names_a_queue)
{
        struct queue *queue;
        struct job *job;

        ck_assert_int_eq(queues_add(&e->queues, 1, "night", QUEUE_FIFO, &queue), 0);
        fake_add(e, 0);
        job = fake_add(e, 0);
        job->row.queue = 1;
        job = fake_add_finished(e, 0, JOB_SUCCEEDED, 0);
        job->row.queue = 1;
        fake_add_finished(e, 0, JOB_SUCCEEDED, 0);
        peer_list(peer, 2, &(const struct selection){ .queue = "night" }, 0);
        peer_expect(peer, "2 page(2 queued)+");
        peer_expect(peer, "2 page(3 succeeded)");
        peer_list(peer, 3, &(const struct selection){ .queue = "default", .unfinished = true }, 0);
        peer_expect(peer, "3 page(1 queued)");
        peer_list(peer, 4, &(const struct selection){ .queue = "none" }, 0);
        peer_expect(peer, "4 error(USAGE)");
}
END_TEST

int main(void)
{
        Suite *suite = suite_create("clients queue");
        TCase *t = tcase_create("queue"), *user = tcase_create("user");

        tcase_add_checked_fixture(t, setup, teardown);
        tcase_add_checked_fixture(t, setup_settings, NULL);
        tcase_add_test(t, a_life);
        tcase_add_test(t, what_is_refused);
        tcase_add_test(t, the_answer_waits_for_the_disk);
        tcase_add_test(t, a_selector_names_a_queue);
        suite_add_tcase(suite, t);
        tcase_add_checked_fixture(user, setup_machine, teardown);
        tcase_add_checked_fixture(user, setup_settings, NULL);
        tcase_add_test(user, others_only_look);
        tcase_add_test(user, a_group_administers);
        tcase_add_test(user, others_jobs_are_counted_or_shown);
        suite_add_tcase(suite, user);
        return suite_run(suite);
}

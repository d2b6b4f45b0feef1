/* SPDX-License-Identifier: Apache-2.0 */
/*
 * update: the stored specification of each job with the changes laid over it, all jobs or none, one
 * sentence when it cannot be.
 */
#include <stdio.h>
#include <string.h>

#include "proto/wire.h"

#include "daemon/clients/shared.h"
#include "setup.h"
#include "tests/unit/suite.h"

#define BYTES(text) ((ProtobufCBinaryData){ .len = strlen(text), .data = (uint8_t *)(text) })

static void give_spec(struct job *job)
{
        Jobd__Spec spec = JOBD__SPEC__INIT;
        Jobd__Environment environment = JOBD__ENVIRONMENT__INIT;
        char word[] = "true", name[] = "old", a[] = "A=1", b[] = "B=2";
        ProtobufCBinaryData argv = BYTES(word), entries[] = { BYTES(a), BYTES(b) };
        uint32_t codes[] = { 3, 4 };
        void *data;
        size_t size;

        spec.argv = &argv;
        spec.n_argv = 1;
        spec.name = name;
        spec.has_cpus = true;
        spec.cpus = 2;
        spec.retry_on = codes;
        spec.n_retry_on = 2;
        ck_assert_int_eq(wire_pack(&spec.base, &data, &size), 0);
        journal_blob_unref(job->row.spec);
        ck_assert_int_eq(journal_blob_new(data, size, &job->row.spec), 0);
        environment.entries = entries;
        environment.n_entries = 2;
        ck_assert_int_eq(wire_pack(&environment.base, &data, &size), 0);
        ck_assert_int_eq(journal_blob_new(data, size, &job->row.environment), 0);
}

static struct job *add(void)
{
        struct job *job = fake_add(e, getuid());

        give_spec(job);
        return job;
}

static void ask(uint64_t tag, const struct selection *which, Jobd__Update *update)
{
        Jobd__Request request = JOBD__REQUEST__INIT;
        struct selection_message selector;

        update->selector = selection_fill(&selector, which);
        request.tag = tag;
        request.body_case = JOBD__REQUEST__BODY_UPDATE;
        request.update = update;
        peer_send(peer, &request);
}

static void ask_priority(uint64_t tag, const struct selection *which, int32_t priority)
{
        Jobd__Update update = JOBD__UPDATE__INIT;
        Jobd__Spec set = JOBD__SPEC__INIT;

        set.has_priority = true;
        set.priority = priority;
        update.set = &set;
        ask(tag, which, &update);
}

START_TEST(what_is_not_named_stays)
{
        _cleanup_(wire_free_specp) Jobd__Spec *spec = NULL;
        struct job *job = add();
        struct reason why;

        ask_priority(2, IDS({ 1 }), -7);
        peer_expect(peer, "2 act(1 queued)");
        ck_assert_str_eq(e->trace, "update(1,-7,2: priority -7) ");
        ck_assert_int_eq(wire_unpack_spec(job->row.spec->data, job->row.spec->size, &spec, &why),
                         0);
        ck_assert_int_eq(spec->priority, -7);
        ck_assert_str_eq(spec->name, "old");
        ck_assert_uint_eq(spec->n_retry_on, 2);
        ck_assert_uint_eq(spec->n_argv, 1);
}
END_TEST

START_TEST(a_list_is_replaced_as_a_whole)
{
        _cleanup_(wire_free_specp) Jobd__Spec *spec = NULL;
        Jobd__Update update = JOBD__UPDATE__INIT;
        Jobd__Spec set = JOBD__SPEC__INIT;
        struct job *job = add();
        uint32_t code = 9;
        char name[] = "new";
        struct reason why;

        set.retry_on = &code;
        set.n_retry_on = 1;
        set.name = name;
        update.set = &set;
        ask(2, IDS({ 1 }), &update);
        peer_expect(peer, "2 act(1 queued)");
        ck_assert_int_eq(wire_unpack_spec(job->row.spec->data, job->row.spec->size, &spec, &why),
                         0);
        ck_assert_uint_eq(spec->n_retry_on, 1);
        ck_assert_uint_eq(spec->retry_on[0], 9);
        ck_assert_str_eq(spec->name, "new");
        ck_assert_uint_eq(spec->cpus, 2);
}
END_TEST

static void expect_entries(const struct job *job, const char *expected)
{
        _cleanup_(wire_free_environmentp) Jobd__Environment *environment = NULL;
        const struct journal_blob *blob = job->row.environment;
        struct reason why;
        char text[200] = "";

        ck_assert_int_eq(wire_unpack_environment(blob->data, blob->size, &environment, &why), 0);
        for (size_t i = 0; i < environment->n_entries; i++)
                snprintf(text + strlen(text), sizeof(text) - strlen(text), "%.*s ",
                         (int)environment->entries[i].len,
                         (const char *)environment->entries[i].data);
        ck_assert_str_eq(text, expected);
}

START_TEST(variables_come_and_go)
{
        Jobd__Update update = JOBD__UPDATE__INIT;
        struct job *one = add(), *two = add();
        char a[] = "A=x", c[] = "C=", b[] = "B", none[] = "NONE";
        ProtobufCBinaryData set[] = { BYTES(a), BYTES(c) };
        ProtobufCBinaryData unset[] = { BYTES(b), BYTES(none) };

        update.set_environment = set;
        update.n_set_environment = 2;
        update.unset_environment = unset;
        update.n_unset_environment = 2;
        ask(2, IDS({ 1, 2 }), &update);
        peer_expect(peer, "2 act(1 queued, 2 queued)");
        expect_entries(one, "A=x C= ");
        /* They had the same one, and have. */
        ck_assert_ptr_eq(one->row.environment, two->row.environment);
        ck_assert_ptr_nonnull(strstr(e->trace, "+A, +C, -B, -NONE"));
}
END_TEST

START_TEST(one_that_runs_stops_all)
{
        struct job *job;

        add();
        job = add();
        fake_tell(e, job, 0, JOB_EV_ASSIGN, JOB_STARTING);
        e->trace[0] = '\0';
        ask_priority(2, IDS({ 1, 2 }), 3);
        peer_expect(peer, "2 error(STATE)");
        ask_priority(3, IDS({ 1 }, { 9 }), 3);
        peer_expect(peer, "3 error(NO_SUCH_JOB)");
        ck_assert_str_eq(e->trace, "");
        /* A filter does not mean it. */
        ask_priority(4, &(const struct selection){ .all = true }, 3);
        peer_expect(peer, "4 act(1 queued)");
}
END_TEST

START_TEST(a_finished_one_stops_all)
{
        add();
        fake_add_finished(e, getuid(), JOB_FAILED, 1);
        ask_priority(2, IDS({ 1, 2 }), 3);
        peer_expect(peer, "2 error(STATE)");
        ck_assert_str_eq(e->trace, "");
}
END_TEST

START_TEST(what_is_no_good)
{
        const struct selection task = { .ids = { { 1 } }, .has_tasks = true };
        Jobd__Update update = JOBD__UPDATE__INIT;
        Jobd__Spec set = JOBD__SPEC__INIT;
        char cwd[] = "/";
        ProtobufCBinaryData bad = BYTES(cwd);

        add();
        ask(2, IDS({ 1 }), &update);
        peer_expect(peer, "2 error(USAGE)");
        ask_priority(3, IDS({ 1 }), 1001);
        peer_expect(peer, "3 error(USAGE)");
        ask_priority(4, &task, 3);
        peer_expect(peer, "4 error(USAGE)");
        set.has_cwd = true;
        set.cwd = bad;
        update.set = &set;
        ask(5, IDS({ 1 }), &update);
        peer_expect(peer, "5 error(USAGE)");
        update.set = NULL;
        update.set_environment = &bad;
        update.n_set_environment = 1;
        ask(6, IDS({ 1 }), &update);
        peer_expect(peer, "6 error(USAGE)");
        ck_assert_str_eq(e->trace, "");
}
END_TEST

/* Waits for this job instead; 0: for none. */
static void ask_dependency(uint64_t tag, uint64_t parent, bool any, bool keep)
{
        Jobd__Update update = JOBD__UPDATE__INIT;
        Jobd__Spec set = JOBD__SPEC__INIT;
        Jobd__Dependency on = JOBD__DEPENDENCY__INIT, *list = &on;

        on.kind = JOBD__DEPENDENCY_KIND__DEPENDENCY_AFTERANY;
        on.has_job = true;
        on.job = parent;
        set.dependencies = &list;
        set.n_dependencies = parent > 0;
        set.has_dependencies_any = set.dependencies_any = any;
        set.has_keep_waiting = set.keep_waiting = keep;
        update.has_no_dependencies = update.no_dependencies = parent == 0;
        update.set = &set;
        ask(tag, IDS({ 1 }), &update);
}

START_TEST(what_it_waits_for_is_replaced)
{
        _cleanup_(wire_free_specp) Jobd__Spec *first = NULL, *second = NULL;
        struct job *job = add();
        struct reason why;

        ask_dependency(2, 7, true, true);
        peer_expect(peer, "2 act(1 queued)");
        ck_assert_str_eq(e->trace,
                         "update(1,0,2: dependencies, keep waiting 1) waits(any keep 3:7) ");
        ck_assert_int_eq(wire_unpack_spec(job->row.spec->data, job->row.spec->size, &first, &why),
                         0);
        ck_assert_uint_eq(first->n_dependencies, 1);
        ck_assert(first->dependencies_any && first->keep_waiting);
        e->trace[0] = '\0';
        ask_dependency(3, 0, false, false);
        peer_expect(peer, "3 act(1 queued)");
        ck_assert_str_eq(e->trace, "update(1,0,2: no dependencies) waits(all keep) ");
        ck_assert_int_eq(wire_unpack_spec(job->row.spec->data, job->row.spec->size, &second, &why),
                         0);
        ck_assert_uint_eq(second->n_dependencies, 0);
        ck_assert(!second->dependencies_any && second->keep_waiting);
        ask_dependency(4, 0, true, false);
        peer_expect(peer, "4 error(USAGE)");
}
END_TEST

START_TEST(parents_are_looked_up_first)
{
        add();
        ask_dependency(2, 1001, false, false);
        peer_expect(peer, "2 act(1 queued)");
        ck_assert_str_eq(e->trace, "looked up update(1,0,2: dependencies) waits(all 3:1001) ");
}
END_TEST

/* The history of a job says which administrator has changed it. */
START_TEST(is_done_by_who_asked)
{
        add();
        ask_priority(2, IDS({ 1 }), 3);
        peer_expect(peer, "2 act(1 queued)");
        ck_assert_uint_eq(e->updated_uid, getuid());
        e->updated_uid = ENGINE_NOBODY;
        ask_dependency(3, 1001, false, false);
        peer_expect(peer, "3 act(1 queued)");
        ck_assert_uint_eq(e->updated_uid, getuid());
        ck_assert_uint_eq(e->actor_uid, ENGINE_NOBODY);
}
END_TEST

START_TEST(starts_while_parents_are_looked_up)
{
        struct job *job = add();

        ask_dependency(2, 2000, false, false);
        peer_expect_nothing(peer);
        ck_assert(e->is_holding_reads);
        fake_tell(e, job, 0, JOB_EV_ASSIGN, JOB_STARTING);
        e->trace[0] = '\0';
        e->is_holding_reads = false;
        peer_expect(peer, "2 error(STATE)");
        ck_assert_str_eq(e->trace, "looked up ");
}
END_TEST

START_TEST(goes_while_parents_are_looked_up)
{
        struct peer *other = peer_new(&stage);

        add();
        ask_dependency(2, 2000, false, false);
        peer_expect_nothing(peer);
        peer_close(peer);
        ck_assert(e->is_holding_reads);
        e->is_holding_reads = false;
        peer_expect_nothing(other);
        ck_assert_str_eq(e->trace, "");
}
END_TEST

START_TEST(so_many_jobs_and_no_more)
{
        for (int i = 0; i < 10001; i++)
                add();
        ask_priority(2, IDS({ 1, 10001 }), 3);
        peer_expect(peer, "2 error(USAGE)");
        ck_assert_str_eq(peer->sentence, "these are too many jobs for one update: at most 10000; "
                                         "nothing was changed");
        ck_assert_str_eq(e->trace, "");
}
END_TEST

START_TEST(so_many_dependencies_and_no_more)
{
        static Jobd__Dependency each[WIRE_DEPENDENCIES_MAX], *list[WIRE_DEPENDENCIES_MAX];
        Jobd__Update update = JOBD__UPDATE__INIT;
        Jobd__Spec set = JOBD__SPEC__INIT;

        for (uint32_t i = 0; i < WIRE_DEPENDENCIES_MAX; i++) {
                jobd__dependency__init(&each[i]);
                each[i].kind = JOBD__DEPENDENCY_KIND__DEPENDENCY_AFTERANY;
                each[i].has_job = true;
                each[i].job = 200 + i;
                list[i] = &each[i];
        }
        set.dependencies = list;
        set.n_dependencies = WIRE_DEPENDENCIES_MAX;
        update.set = &set;
        for (int i = 0; i < 101; i++)
                add();
        ask(2, IDS({ 1, 101 }), &update);
        peer_expect(peer, "2 error(USAGE)");
        ck_assert_ptr_nonnull(strstr(peer->sentence, "too many dependencies for one update"));
        ck_assert_str_eq(e->trace, "");
}
END_TEST

/* A command of nearly 1 MiB, the most that there can be. */
static void give_heavy_spec(struct job *job)
{
        static uint8_t word[WIRE_STRING_MAX];
        Jobd__Spec spec = JOBD__SPEC__INIT;
        ProtobufCBinaryData argv[8];
        void *data;
        size_t size;

        memset(word, 'x', sizeof(word));
        for (size_t i = 0; i < ARRAY_SIZE(argv); i++)
                argv[i] = (ProtobufCBinaryData){ .len = sizeof(word), .data = word };
        spec.argv = argv;
        spec.n_argv = ARRAY_SIZE(argv);
        ck_assert_int_eq(wire_pack(&spec.base, &data, &size), 0);
        journal_blob_unref(job->row.spec);
        ck_assert_int_eq(journal_blob_new(data, size, &job->row.spec), 0);
}

/* What an update gathers counts with all that its user has under way. */
START_TEST(what_is_gathered_has_weight)
{
        struct client_user *user;
        uint64_t before;

        for (int i = 0; i < 16; i++)
                give_heavy_spec(add());
        user = stage.clients->users;
        before = user->weight_bytes;
        user->weight_bytes += 120 * 1024 * 1024;
        ask_priority(2, IDS({ 1, 16 }), 3);
        peer_expect(peer, "2 error(BUSY)");
        ck_assert_ptr_nonnull(strstr(peer->sentence, "too many long requests"));
        ck_assert_str_eq(e->trace, "");
        user->weight_bytes -= 120 * 1024 * 1024;
        ck_assert_uint_eq(user->weight_bytes, before);
        ask_priority(2, IDS({ 1, 1 }), 3);
        peer_expect(peer, "2 act(1 queued)");
        ck_assert_uint_eq(user->weight_bytes, before);
}
END_TEST

START_TEST(is_told_when_it_is_durable)
{
        add();
        stage.is_lagging = true;
        stage.durable = e->sequence;
        ask_priority(2, IDS({ 1 }), 3);
        peer_expect_nothing(peer);
        ck_assert_str_ne(e->trace, "");
        stage.durable = e->sequence;
        peer_expect(peer, "2 act(1 queued)");
}
END_TEST

START_TEST(starts_while_it_is_read)
{
        struct job *job = add();

        e->is_holding_reads = true;
        ask_priority(2, IDS({ 1 }), 3);
        peer_expect_nothing(peer);
        fake_tell(e, job, 0, JOB_EV_ASSIGN, JOB_STARTING);
        e->trace[0] = '\0';
        e->is_holding_reads = false;
        peer_expect(peer, "2 error(STATE)");
        ck_assert_str_eq(e->trace, "");
}
END_TEST

int main(void)
{
        Suite *suite = suite_create("clients update");
        TCase *t = tcase_create("update");

        tcase_add_checked_fixture(t, setup, teardown);
        tcase_add_test(t, what_is_not_named_stays);
        tcase_add_test(t, a_list_is_replaced_as_a_whole);
        tcase_add_test(t, variables_come_and_go);
        tcase_add_test(t, one_that_runs_stops_all);
        tcase_add_test(t, a_finished_one_stops_all);
        tcase_add_test(t, what_is_no_good);
        tcase_add_test(t, what_it_waits_for_is_replaced);
        tcase_add_test(t, parents_are_looked_up_first);
        tcase_add_test(t, is_done_by_who_asked);
        tcase_add_test(t, starts_while_parents_are_looked_up);
        tcase_add_test(t, goes_while_parents_are_looked_up);
        tcase_add_test(t, so_many_jobs_and_no_more);
        tcase_add_test(t, so_many_dependencies_and_no_more);
        tcase_add_test(t, what_is_gathered_has_weight);
        tcase_add_test(t, is_told_when_it_is_durable);
        tcase_add_test(t, starts_while_it_is_read);
        suite_add_tcase(suite, t);
        return suite_run(suite);
}

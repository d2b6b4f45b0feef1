/* SPDX-License-Identifier: Apache-2.0 */
/* The picture that top shows: who comes first, what is left out, and that it says so. */
#include <stdio.h>
#include <string.h>

#include "client/cmd/top_model.h"
#include "tests/unit/client/fake_daemon.h"
#include "tests/unit/suite.h"

#define ROWS 4

static struct top_model model;

static void teardown(void)
{
        top_model_deinit(&model);
}

/* Jobs with these ids, as a list of the daemon; more: it says that there are others. */
static void add_jobs(enum top_part part, Jobd__JobState state, const uint64_t *ids, size_t count,
                     bool more)
{
        _cleanup_(jobctl_result_freep) struct jobctl_result *result = NULL;
        Jobd__Reply reply = JOBD__REPLY__INIT;
        Jobd__JobPage page = JOBD__JOB_PAGE__INIT;
        Jobd__Job jobs[ROWS], *pointers[ROWS];

        for (size_t i = 0; i < count; i++) {
                jobd__job__init(&jobs[i]);
                jobs[i].id = ids[i];
                jobs[i].state = state;
                pointers[i] = &jobs[i];
        }
        page.jobs = pointers;
        page.n_jobs = count;
        page.has_more_jobs = page.more_jobs = more;
        reply.body_case = JOBD__REPLY__BODY_JOB_PAGE;
        reply.job_page = &page;
        result = fake_result(&reply);
        top_model_add_jobs(&model, part, result);
}

static void expect_ids(const uint64_t *ids, size_t count)
{
        ck_assert_uint_eq(model.jobs_count, count);
        for (size_t i = 0; i < count; i++)
                ck_assert_uint_eq(model.jobs[i].id, ids[i]);
}

/* What runs, what waits, what has ended; each as the daemon has it, whatever came first. */
START_TEST(test_parts)
{
        static const uint64_t ended[] = { 9, 3 }, queued[] = { 7, 8 }, running[] = { 2, 1 };
        static const uint64_t wanted[] = { 2, 1, 7, 8, 9, 3 };

        add_jobs(TOP_ENDED, JOBD__JOB_STATE__STATE_FAILED, ended, 2, true);
        add_jobs(TOP_WAITING, JOBD__JOB_STATE__STATE_QUEUED, queued, 2, false);
        add_jobs(TOP_RUNNING, JOBD__JOB_STATE__STATE_RUNNING, running, 2, false);
        top_model_finish(&model, 10);
        expect_ids(wanted, 6);
        ck_assert(!model.is_short); /* there are always more that have ended */
        ck_assert_uint_eq(top_model_find(&model, 7), 2);
        ck_assert_uint_eq(top_model_find(&model, 4), SIZE_MAX);
}
END_TEST

/* It began, and ended, between the questions. */
START_TEST(test_a_job_in_two_parts)
{
        static const uint64_t running[] = { 5 }, queued[] = { 5, 6 }, ended[] = { 5, 4 };
        static const uint64_t wanted[] = { 5, 6, 4 };

        add_jobs(TOP_WAITING, JOBD__JOB_STATE__STATE_QUEUED, queued, 2, false);
        add_jobs(TOP_RUNNING, JOBD__JOB_STATE__STATE_RUNNING, running, 1, false);
        add_jobs(TOP_ENDED, JOBD__JOB_STATE__STATE_FAILED, ended, 2, false);
        top_model_finish(&model, 10);
        expect_ids(wanted, 3);
        ck_assert_int_eq(model.jobs[0].state, JOBCTL_STATE_RUNNING);
}
END_TEST

START_TEST(test_the_limit)
{
        static const uint64_t queued[] = { 1, 2, 3 }, ended[] = { 7, 8 };

        add_jobs(TOP_WAITING, JOBD__JOB_STATE__STATE_QUEUED, queued, 3, false);
        add_jobs(TOP_ENDED, JOBD__JOB_STATE__STATE_FAILED, ended, 2, false);
        top_model_finish(&model, 4);
        ck_assert_uint_eq(model.jobs_count, 4);
        ck_assert(!model.is_short);
        top_model_finish(&model, 2);
        expect_ids(queued, 2);
        ck_assert(model.is_short);
}
END_TEST

START_TEST(test_more_than_was_told)
{
        static const uint64_t queued[] = { 1 };

        add_jobs(TOP_WAITING, JOBD__JOB_STATE__STATE_QUEUED, queued, 1, true);
        ck_assert(model.is_short);
}
END_TEST

/* Families with one value for each of "a", "b", "c"; per: its divisor. */
static void add_stats(const uint64_t cores[3], const uint64_t core_msec[3])
{
        static char names[][32] = { "jobd_queue_cores_leased", "jobd_queue_core_seconds_total" };
        static char help[] = "Help.", key[] = "queue", values[][2] = { "a", "b", "c" };
        _cleanup_(jobctl_result_freep) struct jobctl_result *result = NULL;
        Jobd__Reply reply = JOBD__REPLY__INIT;
        Jobd__StatsReply stats = JOBD__STATS_REPLY__INIT;
        Jobd__MetricFamily families[2], *family_pointers[2];
        Jobd__MetricSample samples[2][3], *sample_pointers[2][3];
        Jobd__Label labels[3], *label_pointers[3];

        for (size_t i = 0; i < 3; i++) {
                jobd__label__init(&labels[i]);
                labels[i].key = key;
                labels[i].value = values[i];
                label_pointers[i] = &labels[i];
        }
        for (size_t f = 0; f < 2; f++) {
                jobd__metric_family__init(&families[f]);
                families[f].name = names[f];
                families[f].help = help;
                families[f].kind = JOBD__METRIC_KIND__METRIC_GAUGE;
                families[f].per = f ? 1000 : 1;
                for (size_t i = 0; i < 3; i++) {
                        jobd__metric_sample__init(&samples[f][i]);
                        samples[f][i].value = f ? core_msec[i] : cores[i];
                        samples[f][i].labels = &label_pointers[i];
                        samples[f][i].n_labels = 1;
                        sample_pointers[f][i] = &samples[f][i];
                }
                families[f].samples = sample_pointers[f];
                families[f].n_samples = 3;
                family_pointers[f] = &families[f];
        }
        stats.families = family_pointers;
        stats.n_families = 2;
        reply.body_case = JOBD__REPLY__BODY_STATS;
        reply.stats = &stats;
        result = fake_result(&reply);
        top_model_add_stats(&model, result);
}

static void expect_queues(const char *names)
{
        ck_assert_uint_eq(model.queues.count, strlen(names));
        for (size_t i = 0; names[i]; i++)
                ck_assert_int_eq(model.queues.rows[i].name[0], names[i]);
}

/* Who has most now, then who has had most, then by name. */
START_TEST(test_shares)
{
        add_stats((const uint64_t[]){ 1, 3, 2 }, (const uint64_t[]){ 9000, 1500, 5000 });
        expect_queues("bca");
        ck_assert_double_eq(model.queues.rows[0].core_seconds, 1.5);
        ck_assert_double_eq(model.queues.core_seconds, 15.5);
        top_model_deinit(&model);
        add_stats((const uint64_t[]){ 1, 1, 1 }, (const uint64_t[]){ 1000, 2000, 3000 });
        expect_queues("cba");
        top_model_deinit(&model);
        add_stats((const uint64_t[]){ 1, 1, 1 }, (const uint64_t[]){ 1000, 1000, 1000 });
        expect_queues("abc");
        ck_assert_uint_eq(model.users.count, 0);
}
END_TEST

SUITE_MAIN("top_model", NULL, teardown, test_parts, test_a_job_in_two_parts, test_the_limit,
           test_more_than_was_told, test_shares)

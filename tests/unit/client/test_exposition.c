/* SPDX-License-Identifier: Apache-2.0 */
/* The text for Prometheus, byte by byte: order, escapes, histograms, what is left out. */
#include <stdio.h>
#include <string.h>

#include "client/cmd/exposition.h"
#include "client/cmd/metric.h"
#include "tests/unit/client/fake_daemon.h"
#include "tests/unit/suite.h"

struct family {
        Jobd__MetricFamily message;
        Jobd__MetricSample samples[3], *sample_pointers[3];
        Jobd__Label labels[3], *label_pointers[3];
};

static struct family families[4];
static Jobd__MetricFamily *pointers[4];
static size_t count;

/* Texts are not changed; protobuf-c's structs have no const. */
static char *text(const char *constant)
{
        return (char *)(uintptr_t)constant;
}

static struct family *add(const char *name, const char *help, Jobd__MetricKind kind, uint64_t per)
{
        struct family *const family = &families[count];

        memset(family, 0, sizeof(*family));
        jobd__metric_family__init(&family->message);
        family->message.name = text(name);
        family->message.help = text(help);
        family->message.kind = kind;
        family->message.per = per;
        family->message.samples = family->sample_pointers;
        pointers[count++] = &family->message;
        return family;
}

static Jobd__MetricSample *sample(struct family *family, const char *key, const char *value,
                                  uint64_t number)
{
        const size_t n = family->message.n_samples++;

        jobd__metric_sample__init(&family->samples[n]);
        family->sample_pointers[n] = &family->samples[n];
        family->samples[n].value = number;
        if (!key)
                return &family->samples[n];
        jobd__label__init(&family->labels[n]);
        family->labels[n].key = text(key);
        family->labels[n].value = text(value);
        family->label_pointers[n] = &family->labels[n];
        family->samples[n].labels = &family->label_pointers[n];
        family->samples[n].n_labels = 1;
        return &family->samples[n];
}

/* As it comes from a daemon. */
static void expect(const char *wanted)
{
        _cleanup_(jobctl_result_freep) struct jobctl_result *result = NULL;
        Jobd__Reply reply = JOBD__REPLY__INIT;
        Jobd__StatsReply stats = JOBD__STATS_REPLY__INIT;
        char *printed = NULL;
        size_t size = 0;
        FILE *out;

        stats.families = pointers;
        stats.n_families = count;
        reply.body_case = JOBD__REPLY__BODY_STATS;
        reply.stats = &stats;
        result = fake_result(&reply);
        out = open_memstream(&printed, &size);
        ck_assert_int_eq(exposition_print(result, out), 0);
        fclose(out);
        ck_assert_str_eq(printed, wanted);
        free(printed);
}

START_TEST(test_sorted)
{
        struct family *const b = add("b_total", "Bees.", JOBD__METRIC_KIND__METRIC_COUNTER, 1);
        struct family *const a = add("a", "One.", JOBD__METRIC_KIND__METRIC_GAUGE, 1000000);

        sample(b, "state", "running", 2);
        sample(b, "state", "queued", 0);
        sample(a, NULL, NULL, 1500000);
        expect("# HELP a One.\n"
               "# TYPE a gauge\n"
               "a 1.5\n"
               "# HELP b_total Bees.\n"
               "# TYPE b_total counter\n"
               "b_total{state=\"queued\"} 0\n"
               "b_total{state=\"running\"} 2\n");
}
END_TEST

START_TEST(test_escapes)
{
        struct family *const a =
                add("a", "One \\ two\nthree \"four\"", JOBD__METRIC_KIND__METRIC_GAUGE, 1);

        sample(a, "queue", "a\"b\\c\nd", 7);
        expect("# HELP a One \\\\ two\\nthree \"four\"\n"
               "# TYPE a gauge\n"
               "a{queue=\"a\\\"b\\\\c\\nd\"} 7\n");
}
END_TEST

START_TEST(test_histogram)
{
        struct family *const a =
                add("a_seconds", "Time.", JOBD__METRIC_KIND__METRIC_HISTOGRAM, 1000000);
        uint64_t bounds[] = { 500, 2000000 }, counts[] = { 1, 2, 3 };
        Jobd__MetricSample *const plain = sample(a, NULL, NULL, 12000001);
        Jobd__MetricSample *const labelled = sample(a, "k", "v", 0);

        a->message.bounds = bounds;
        a->message.n_bounds = 2;
        plain->counts = labelled->counts = counts;
        plain->n_counts = labelled->n_counts = 3;
        expect("# HELP a_seconds Time.\n"
               "# TYPE a_seconds histogram\n"
               "a_seconds_bucket{le=\"0.0005\"} 1\n"
               "a_seconds_bucket{le=\"2\"} 3\n"
               "a_seconds_bucket{le=\"+Inf\"} 6\n"
               "a_seconds_sum 12.000001\n"
               "a_seconds_count 6\n"
               "a_seconds_bucket{k=\"v\",le=\"0.0005\"} 1\n"
               "a_seconds_bucket{k=\"v\",le=\"2\"} 3\n"
               "a_seconds_bucket{k=\"v\",le=\"+Inf\"} 6\n"
               "a_seconds_sum{k=\"v\"} 0\n"
               "a_seconds_count{k=\"v\"} 6\n");
}
END_TEST

START_TEST(test_left_out)
{
        sample(add("a b", "No name.", JOBD__METRIC_KIND__METRIC_GAUGE, 1), NULL, NULL, 1);
        add("empty", "Without samples.", JOBD__METRIC_KIND__METRIC_GAUGE, 1);
        sample(add("twice", "The first.", JOBD__METRIC_KIND__METRIC_GAUGE, 1), "9", "x", 1);
        sample(add("twice", "The first.", JOBD__METRIC_KIND__METRIC_GAUGE, 1), NULL, NULL, 1);
        expect("# HELP twice The first.\n"
               "# TYPE twice gauge\n"
               "twice 1\n");
}
END_TEST

START_TEST(test_users_have_names)
{
        struct family *const a = add("a", "Users.", JOBD__METRIC_KIND__METRIC_GAUGE, 1);

        sample(a, "uid", "0", 1);
        sample(a, "uid", "other", 2);
        expect("# HELP a Users.\n"
               "# TYPE a gauge\n"
               "a{uid=\"0\",user=\"root\"} 1\n"
               "a{uid=\"other\"} 2\n");
}
END_TEST

START_TEST(test_numbers)
{
        char buf[METRIC_TEXT_MAX];

        ck_assert_str_eq(metric_format(0, 1, buf), "0");
        ck_assert_str_eq(metric_format(0, 1000000, buf), "0");
        ck_assert_str_eq(metric_format(1, 1000000, buf), "0.000001");
        ck_assert_str_eq(metric_format(1020300, 1000000, buf), "1.0203");
        ck_assert_str_eq(metric_format(7000000, 1000000, buf), "7");
        ck_assert_str_eq(metric_format(UINT64_MAX, 1, buf), "18446744073709551615");
        ck_assert_str_eq(metric_format(UINT64_MAX, 10, buf), "1844674407370955161.5");
        ck_assert_str_eq(metric_format(1, 4, buf), "0.25");
}
END_TEST

SUITE_MAIN("exposition", NULL, NULL, test_sorted, test_escapes, test_histogram, test_left_out,
           test_users_have_names, test_numbers)

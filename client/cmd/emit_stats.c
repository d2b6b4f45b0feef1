/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Families of numbers as one JSON object, by name:
 *
 *     {"jobd_tasks":{"help":"...","kind":"gauge","samples":[{"labels":{"state":"queued"},"value":3}]}}
 *
 * Values are in the units that the names say. A histogram's samples have sum, count and buckets:
 * how many were at most `le`, the last one with null for all. Called by cmd_metrics.c, cmd_stats.c.
 */
#include <jansson.h>
#include <stdio.h>
#include <string.h>

#include "common/cleanup.h"

#include "client/cmd/emit.h"
#include "client/cmd/emit_private.h"
#include "client/cmd/metric.h"

static json_t *emit_stats_number(uint64_t value, uint64_t per)
{
        return value % per == 0 ? json_integer((json_int_t)(value / per))
                                : json_real(metric_number(value, per));
}

static void emit_stats_histogram(json_t *object, const struct jobctl_item *family,
                                 const struct jobctl_item *sample, uint64_t per)
{
        const size_t bounds = jobctl_count(family, JOBCTL_FAMILY_BOUNDS);
        json_t *const buckets = json_array();
        uint64_t sum = 0;

        for (size_t i = 0; i <= bounds; i++) {
                const uint64_t bound = jobctl_get_number_at(family, JOBCTL_FAMILY_BOUNDS, i);
                json_t *const bucket = json_object();

                sum += jobctl_get_number_at(sample, JOBCTL_SAMPLE_COUNTS, i);
                json_object_set_new(bucket, "le",
                                    i < bounds ? emit_stats_number(bound, per) : json_null());
                json_object_set_new(bucket, "count", json_integer((json_int_t)sum));
                json_array_append_new(buckets, bucket);
        }
        json_object_set_new(
                object, "sum",
                emit_stats_number(jobctl_number_or(sample, JOBCTL_SAMPLE_VALUE, 0), per));
        json_object_set_new(object, "count", json_integer((json_int_t)sum));
        json_object_set_new(object, "buckets", buckets);
}

static json_t *emit_stats_sample(const struct jobctl_item *family, const struct jobctl_item *sample,
                                 bool is_histogram)
{
        const uint64_t per = MAX(jobctl_number_or(family, JOBCTL_FAMILY_PER, 1), (uint64_t)1);
        json_t *const object = json_object();
        json_t *const labels = json_object();

        for (size_t i = 0; i < jobctl_count(sample, JOBCTL_SAMPLE_LABELS); i++) {
                const struct jobctl_item *const label =
                        jobctl_get_item_at(sample, JOBCTL_SAMPLE_LABELS, i);

                json_object_set_new(labels, jobctl_get_text(label, JOBCTL_LABEL_KEY, NULL),
                                    json_string(jobctl_get_text(label, JOBCTL_LABEL_VALUE, NULL)));
        }
        json_object_set_new(object, "labels", labels);
        if (is_histogram)
                emit_stats_histogram(object, family, sample, per);
        else
                json_object_set_new(
                        object, "value",
                        emit_stats_number(jobctl_number_or(sample, JOBCTL_SAMPLE_VALUE, 0), per));
        return object;
}

static json_t *emit_stats_family(const struct jobctl_item *family)
{
        static const char *const kinds[] = {
                [JOBCTL_METRIC_NONE] = "unknown",
                [JOBCTL_METRIC_GAUGE] = "gauge",
                [JOBCTL_METRIC_COUNTER] = "counter",
                [JOBCTL_METRIC_HISTOGRAM] = "histogram",
        };
        const uint64_t kind = jobctl_number_or(family, JOBCTL_FAMILY_KIND, 0);
        json_t *const object = json_object();
        json_t *const samples = json_array();

        for (size_t i = 0; i < metric_count(family); i++)
                json_array_append_new(samples, emit_stats_sample(family, metric_sample(family, i),
                                                                 kind == JOBCTL_METRIC_HISTOGRAM));
        json_object_set_new(object, "help",
                            json_string(jobctl_get_text(family, JOBCTL_FAMILY_HELP, NULL)));
        json_object_set_new(object, "kind",
                            json_string(kinds[kind < ARRAY_SIZE(kinds) ? kind : 0]));
        json_object_set_new(object, "samples", samples);
        return object;
}

int emit_print_stats(const struct jobctl_result *result)
{
        json_t *const object = json_object();
        int r;

        for (size_t i = 0; i < jobctl_result_count(result); i++) {
                const struct jobctl_item *const family = jobctl_result_item(result, i);

                json_object_set_new(object, jobctl_get_text(family, JOBCTL_FAMILY_NAME, NULL),
                                    emit_stats_family(family));
        }
        r = json_dumpf(object, stdout, EMIT_FLAGS);
        json_decref(object);
        putchar('\n');
        return r ? -1 : 0;
}

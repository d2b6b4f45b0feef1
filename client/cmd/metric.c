/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the daemon tells are whole numbers with a divisor, so that nothing is lost on the way; here
 * they become text. Divisors are powers of ten so far, and those are written exactly, digit by
 * digit; another one of a newer daemon goes through a double. Pure. Called by cmd_metrics.c,
 * cmd_stats.c and the files that write for them.
 */
#include "client/cmd/metric.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

static bool metric_is_power(uint64_t per)
{
        while (per >= 10 && per % 10 == 0)
                per /= 10;
        return per == 1;
}

char *metric_format(uint64_t value, uint64_t per, char buf[static METRIC_TEXT_MAX])
{
        size_t size;

        if (!metric_is_power(per)) {
                snprintf(buf, METRIC_TEXT_MAX, "%.17g", metric_number(value, per));
                return buf;
        }
        snprintf(buf, METRIC_TEXT_MAX, "%llu", (unsigned long long)(value / per));
        if (value % per == 0)
                return buf;
        /* One digit after the other, as long as something is left. */
        size = strlen(buf);
        buf[size++] = '.';
        for (uint64_t rest = value % per; rest > 0; rest %= per) {
                per /= 10;
                buf[size++] = (char)('0' + rest / per);
        }
        buf[size] = '\0';
        return buf;
}

double metric_number(uint64_t value, uint64_t per)
{
        return per ? (double)value / (double)per : 0;
}

bool metric_is_name(const char *name)
{
        if (!name || !name[0] || isdigit((unsigned char)name[0]))
                return false;
        for (; *name; name++)
                if (!isalnum((unsigned char)*name) && *name != '_')
                        return false;
        return true;
}

const struct jobctl_item *metric_find(const struct jobctl_result *result, const char *name)
{
        for (size_t i = 0; i < jobctl_result_count(result); i++) {
                const struct jobctl_item *const family = jobctl_result_item(result, i);
                const char *const own = jobctl_get_text(family, JOBCTL_FAMILY_NAME, NULL);

                if (own && strcmp(own, name) == 0)
                        return family;
        }
        return NULL;
}

size_t metric_count(const struct jobctl_item *family)
{
        return jobctl_count(family, JOBCTL_FAMILY_SAMPLES);
}

const struct jobctl_item *metric_sample(const struct jobctl_item *family, size_t index)
{
        return jobctl_get_item_at(family, JOBCTL_FAMILY_SAMPLES, index);
}

const char *metric_label(const struct jobctl_item *sample, const char *key)
{
        for (size_t i = 0; i < jobctl_count(sample, JOBCTL_SAMPLE_LABELS); i++) {
                const struct jobctl_item *const label =
                        jobctl_get_item_at(sample, JOBCTL_SAMPLE_LABELS, i);
                const char *const own = jobctl_get_text(label, JOBCTL_LABEL_KEY, NULL);

                if (own && strcmp(own, key) == 0)
                        return jobctl_get_text(label, JOBCTL_LABEL_VALUE, NULL);
        }
        return NULL;
}

uint64_t metric_value(const struct jobctl_result *result, const char *name, const char *key,
                      const char *label)
{
        const struct jobctl_item *const family = metric_find(result, name);

        for (size_t i = 0; i < metric_count(family); i++) {
                const struct jobctl_item *const sample = metric_sample(family, i);
                const char *const own = key ? metric_label(sample, key) : NULL;

                if (!key || (own && strcmp(own, label) == 0))
                        return jobctl_number_or(sample, JOBCTL_SAMPLE_VALUE, 0);
        }
        return 0;
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Families of numbers in the text format that Prometheus and its kin read
 * (prometheus.io/docs/instrumenting/exposition_formats, version 0.0.4):
 *
 *     # HELP name sentence
 *     # TYPE name counter
 *     name{label="value"} 12
 *
 * Sorted by name and then by labels, so that two texts differ only where the numbers do. The daemon
 * decides which families there are; one whose name is none, or comes twice, is left out, because a
 * reader throws the whole text away for it. Numbers of users are labelled with their number, and
 * here with the name beside it. Nothing is written but to `out`. Called by cmd_metrics.c.
 */
#include "client/cmd/exposition.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "common/cleanup.h"
#include "common/parse.h"

#include "client/cmd/metric.h"
#include "client/cmd/style.h"

/* One sample with its labels as text: `state="queued"`, or "". */
struct exposition_line {
        char *labels; /* owned */
        const struct jobctl_item *sample;
};

struct exposition_lines {
        struct exposition_line *list; /* owned */
        size_t count;
};

static void exposition_free_lines(struct exposition_lines *lines)
{
        for (size_t i = 0; i < lines->count; i++)
                free(lines->list[i].labels);
        free(lines->list);
}

/* in_label: quotes are escaped, too. */
static void exposition_put_text(FILE *out, const char *text, bool in_label)
{
        for (; *text; text++) {
                if (*text == '\\' || (in_label && *text == '"'))
                        fputc('\\', out);
                if (*text == '\n')
                        fputs("\\n", out);
                else
                        fputc(*text, out);
        }
}

static void exposition_put_label(FILE *out, bool *is_first, const char *key, const char *value)
{
        if (!metric_is_name(key) || !value)
                return;
        fprintf(out, "%s%s=\"", *is_first ? "" : ",", key);
        exposition_put_text(out, value, true);
        fputc('"', out);
        *is_first = false;
}

static void exposition_put_user(FILE *out, bool *is_first, const char *uid)
{
        char name[STYLE_TEXT_MAX];
        uint64_t number;

        if (uid && parse_u64(uid, "uid", 0, UINT32_MAX - 1, &number, NULL) == 0)
                exposition_put_label(out, is_first, "user", style_user((uint32_t)number, name));
}

/* NULL without memory. */
static char *exposition_make_labels(const struct jobctl_item *sample)
{
        char *text = NULL;
        size_t size = 0;
        FILE *const out = open_memstream(&text, &size);
        bool is_first = true;

        if (!out)
                return NULL;
        for (size_t i = 0; i < jobctl_count(sample, JOBCTL_SAMPLE_LABELS); i++) {
                const struct jobctl_item *const label =
                        jobctl_get_item_at(sample, JOBCTL_SAMPLE_LABELS, i);

                exposition_put_label(out, &is_first, jobctl_get_text(label, JOBCTL_LABEL_KEY, NULL),
                                     jobctl_get_text(label, JOBCTL_LABEL_VALUE, NULL));
        }
        exposition_put_user(out, &is_first, metric_label(sample, "uid"));
        if (fclose(out) == 0)
                return text;
        free(text);
        return NULL;
}

static int exposition_compare_lines(const void *a, const void *b)
{
        const struct exposition_line *const x = a, *const y = b;

        return strcmp(x->labels, y->labels);
}

static int exposition_collect(const struct jobctl_item *family, struct exposition_lines *lines)
{
        const size_t count = metric_count(family);

        lines->list = calloc(count + 1, sizeof(*lines->list));
        if (!lines->list)
                return -1;
        for (size_t i = 0; i < count; i++) {
                struct exposition_line *const line = &lines->list[i];

                line->sample = metric_sample(family, i);
                line->labels = exposition_make_labels(line->sample);
                if (!line->labels)
                        return -1;
                lines->count++;
        }
        qsort(lines->list, lines->count, sizeof(*lines->list), exposition_compare_lines);
        return 0;
}

/* `name_bucket{labels,le="0.5"} 3` and its like. */
static void exposition_print_histogram(const struct jobctl_item *family, const char *name,
                                       const struct exposition_line *line, FILE *out)
{
        const uint64_t per = jobctl_number_or(family, JOBCTL_FAMILY_PER, 1);
        const size_t bounds = jobctl_count(family, JOBCTL_FAMILY_BOUNDS);
        const char *const comma = line->labels[0] ? "," : "";
        const char *const open = line->labels[0] ? "{" : "", *const close = *open ? "}" : "";
        char text[METRIC_TEXT_MAX];
        uint64_t sum = 0;

        for (size_t i = 0; i <= bounds; i++) {
                sum += jobctl_get_number_at(line->sample, JOBCTL_SAMPLE_COUNTS, i);
                if (i < bounds)
                        metric_format(jobctl_get_number_at(family, JOBCTL_FAMILY_BOUNDS, i), per,
                                      text);
                fprintf(out, "%s_bucket{%s%sle=\"%s\"} %" PRIu64 "\n", name, line->labels, comma,
                        i < bounds ? text : "+Inf", sum);
        }
        fprintf(out, "%s_sum%s%s%s %s\n", name, open, line->labels, close,
                metric_format(jobctl_number_or(line->sample, JOBCTL_SAMPLE_VALUE, 0), per, text));
        fprintf(out, "%s_count%s%s%s %" PRIu64 "\n", name, open, line->labels, close, sum);
}

static void exposition_print_line(const struct jobctl_item *family, const char *name,
                                  const struct exposition_line *line, FILE *out)
{
        const char *const open = line->labels[0] ? "{" : "", *const close = *open ? "}" : "";
        char text[METRIC_TEXT_MAX];

        fprintf(out, "%s%s%s%s %s\n", name, open, line->labels, close,
                metric_format(jobctl_number_or(line->sample, JOBCTL_SAMPLE_VALUE, 0),
                              jobctl_number_or(family, JOBCTL_FAMILY_PER, 1), text));
}

static int exposition_print_family(const struct jobctl_item *family, FILE *out)
{
        static const char *const types[] = {
                [JOBCTL_METRIC_NONE] = "untyped",
                [JOBCTL_METRIC_GAUGE] = "gauge",
                [JOBCTL_METRIC_COUNTER] = "counter",
                [JOBCTL_METRIC_HISTOGRAM] = "histogram",
        };
        _cleanup_(exposition_free_lines) struct exposition_lines lines = { 0 };
        const uint64_t kind = jobctl_number_or(family, JOBCTL_FAMILY_KIND, 0);
        const char *const name = jobctl_get_text(family, JOBCTL_FAMILY_NAME, NULL);
        const char *const help = jobctl_get_text(family, JOBCTL_FAMILY_HELP, NULL);

        if (metric_count(family) == 0)
                return 0;
        if (exposition_collect(family, &lines))
                return -1;
        fprintf(out, "# HELP %s ", name);
        exposition_put_text(out, help ? help : "", false);
        fprintf(out, "\n# TYPE %s %s\n", name, types[kind < ARRAY_SIZE(types) ? kind : 0]);
        for (size_t i = 0; i < lines.count; i++) {
                if (kind == JOBCTL_METRIC_HISTOGRAM)
                        exposition_print_histogram(family, name, &lines.list[i], out);
                else
                        exposition_print_line(family, name, &lines.list[i], out);
        }
        return 0;
}

static const char *exposition_name(const struct jobctl_item *family)
{
        const char *const name = jobctl_get_text(family, JOBCTL_FAMILY_NAME, NULL);

        return metric_is_name(name) ? name : "";
}

static int exposition_compare_families(const void *a, const void *b)
{
        const struct jobctl_item *const *const x = a, *const *const y = b;

        return strcmp(exposition_name(*x), exposition_name(*y));
}

int exposition_print(const struct jobctl_result *result, FILE *out)
{
        const size_t count = jobctl_result_count(result);
        _cleanup_(freep) const struct jobctl_item **families =
                calloc(count + 1, sizeof(const struct jobctl_item *));
        const char *before = "";

        if (!families)
                return -1;
        for (size_t i = 0; i < count; i++)
                families[i] = jobctl_result_item(result, i);
        qsort(families, count, sizeof(*families), exposition_compare_families);
        for (size_t i = 0; i < count; i++) {
                const char *const name = exposition_name(families[i]);

                if (strcmp(name, before) == 0)
                        continue;
                before = name;
                if (exposition_print_family(families[i], out))
                        return -1;
        }
        return 0;
}

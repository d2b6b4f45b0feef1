/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Builds a StatsReply: families, their samples, labels. All of it lies in one arena of the reply's
 * own, so that a number costs no allocation and the end is one call; lists that grow leave their
 * shorter selves behind in it. Whoever adds does not ask whether it succeeded: the first failure
 * is kept, and metrics_fill() tells. Called by stats.c and stats_kept.c.
 */
#include "daemon/clients/metrics.h"

#include <errno.h>
#include <string.h>

#include "proto/wire_arena.h"

#define METRICS_BYTES_MAX ((size_t)2 * 1024 * 1024)
#define METRICS_BYTES_EXPECTED ((size_t)32 * 1024)

struct metrics {
        struct wire_arena *arena; /* owned */
        Jobd__MetricFamily **families;
        size_t families_count, families_room;
        Jobd__MetricFamily *family; /* the newest */
        size_t samples_room;        /* of it */
        int fault;
};

int metrics_new(struct metrics **out_metrics)
{
        _cleanup_(metrics_freep) struct metrics *metrics = calloc(1, sizeof(*metrics));
        int r;

        if (!metrics)
                return FAULT(-ENOMEM);
        r = wire_arena_new(METRICS_BYTES_MAX, METRICS_BYTES_EXPECTED, &metrics->arena);
        if (r)
                return PASS(r);
        *out_metrics = TAKE_PTR(metrics);
        return 0;
}

struct metrics *metrics_free(struct metrics *metrics)
{
        if (!metrics)
                return NULL;
        wire_arena_free(metrics->arena);
        free(metrics);
        return NULL;
}

static void *metrics_alloc(struct metrics *metrics, size_t size)
{
        void *const data = metrics->fault ? NULL : wire_arena_alloc(metrics->arena, size);

        if (!data && !metrics->fault)
                metrics->fault = FAULT(-ENOMEM);
        return data;
}

static char *metrics_copy(struct metrics *metrics, const char *text)
{
        const size_t size = strlen(text) + 1;
        char *const copy = metrics_alloc(metrics, size);

        return copy ? memcpy(copy, text, size) : NULL;
}

/* A list of pointers with room for one more; the old one when it has room. NULL after a fault. */
static void *metrics_grow(struct metrics *metrics, void *list, size_t count, size_t *room)
{
        const size_t want = *room ? 2 * *room : 8;
        void *bigger;

        if (count < *room)
                return list;
        bigger = metrics_alloc(metrics, want * sizeof(void *));
        if (!bigger)
                return NULL;
        if (count > 0)
                memcpy(bigger, list, count * sizeof(void *));
        *room = want;
        return bigger;
}

void metrics_begin(struct metrics *metrics, const struct metrics_head *head)
{
        Jobd__MetricFamily *const family = metrics_alloc(metrics, sizeof(*family));
        void *const list = metrics_grow(metrics, metrics->families, metrics->families_count,
                                        &metrics->families_room);

        if (!family || !list)
                return;
        jobd__metric_family__init(family);
        family->name = metrics_copy(metrics, head->name);
        family->help = metrics_copy(metrics, head->help);
        family->kind = head->kind;
        family->per = head->per ? head->per : 1;
        metrics->families = list;
        metrics->families[metrics->families_count++] = family;
        metrics->family = family;
        metrics->samples_room = 0;
}

static void metrics_label(struct metrics *metrics, Jobd__MetricSample *sample,
                          const struct metrics_label *labels)
{
        Jobd__Label *made;

        sample->labels = metrics_alloc(metrics, METRICS_LABELS_MAX * sizeof(*sample->labels));
        for (size_t i = 0; i < METRICS_LABELS_MAX && labels[i].value; i++) {
                made = metrics_alloc(metrics, sizeof(*made));
                if (!made)
                        return;
                jobd__label__init(made);
                made->key = metrics_copy(metrics, labels[i].key);
                made->value = metrics_copy(metrics, labels[i].value);
                sample->labels[sample->n_labels++] = made;
        }
}

/* NULL after a fault. */
static Jobd__MetricSample *metrics_add_sample(struct metrics *metrics, uint64_t value,
                                              const struct metrics_label *labels)
{
        Jobd__MetricFamily *const family = metrics->family;
        Jobd__MetricSample *const sample = metrics_alloc(metrics, sizeof(*sample));
        void *list;

        if (!sample)
                return NULL;
        list = metrics_grow(metrics, family->samples, family->n_samples, &metrics->samples_room);
        if (!list)
                return NULL;
        jobd__metric_sample__init(sample);
        sample->value = value;
        if (labels)
                metrics_label(metrics, sample, labels);
        family->samples = list;
        family->samples[family->n_samples++] = sample;
        return metrics->fault ? NULL : sample;
}

void metrics_add(struct metrics *metrics, uint64_t value, const struct metrics_label *labels)
{
        (void)metrics_add_sample(metrics, value, labels);
}

void metrics_add_by(struct metrics *metrics, const char *key, const char *value, uint64_t number)
{
        const struct metrics_label labels[METRICS_LABELS_MAX] = { { key, value } };

        metrics_add(metrics, number, labels);
}

static uint64_t *metrics_copy_numbers(struct metrics *metrics, const uint64_t *from, size_t count)
{
        uint64_t *const copy = metrics_alloc(metrics, count * sizeof(*copy));

        return copy ? memcpy(copy, from, count * sizeof(*copy)) : NULL;
}

void metrics_add_histogram(struct metrics *metrics, const struct histogram *histogram,
                           const struct metrics_label *labels)
{
        const struct histogram_bounds *const bounds = histogram->bounds;
        Jobd__MetricSample *const sample = metrics_add_sample(metrics, histogram->sum, labels);

        if (!sample)
                return;
        sample->counts = metrics_copy_numbers(metrics, histogram->counts, bounds->count + 1);
        sample->n_counts = bounds->count + 1;
        metrics->family->bounds = metrics_copy_numbers(metrics, bounds->at, bounds->count);
        metrics->family->n_bounds = bounds->count;
}

int metrics_fill(const struct metrics *metrics, Jobd__StatsReply *out_message)
{
        if (metrics->fault)
                return PASS(metrics->fault);
        out_message->families = metrics->families;
        out_message->n_families = metrics->families_count;
        return 0;
}

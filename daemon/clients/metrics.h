/* SPDX-License-Identifier: Apache-2.0 */
/* Families of numbers on their way to a client. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/cleanup.h"
#include "common/error.h"
#include "common/histogram.h"

#include "proto/wire.h"

struct metrics;

/* What is told of a family. All texts are constants. */
struct metrics_head {
        const char *name, *help;
        Jobd__MetricKind kind;
        uint64_t per; /* its numbers are in 1/per of the name's unit; 0: 1 */
};

#define METRICS_LABELS_MAX 3
struct metrics_label {
        const char *key;   /* constant */
        const char *value; /* copied; NULL: the label, and those behind it, are left out */
};

/*
 * A fault of memory is kept until metrics_fill(); nothing is added behind it. At most about 2 MiB,
 * less than a frame may have.
 */
_must_use_ int metrics_new(struct metrics **out_metrics);
struct metrics *metrics_free(struct metrics *metrics);
DEFINE_CLEANUP(struct metrics *, metrics_free);

/* Samples that are added from here on are this family's. head: borrowed. */
void metrics_begin(struct metrics *metrics, const struct metrics_head *head);
/* labels: NULL, or METRICS_LABELS_MAX. */
void metrics_add(struct metrics *metrics, uint64_t value, const struct metrics_label *labels);
/* With one label. */
void metrics_add_by(struct metrics *metrics, const char *key, const char *value, uint64_t number);
/* All samples of a family have the same bounds. */
void metrics_add_histogram(struct metrics *metrics, const struct histogram *histogram,
                           const struct metrics_label *labels);
/* Lets the message borrow everything, as long as `metrics` lives. 0 or a fault. */
_must_use_ int metrics_fill(const struct metrics *metrics, Jobd__StatsReply *out_message);

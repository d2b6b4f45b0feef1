/* SPDX-License-Identifier: Apache-2.0 */
/* Families of numbers that the daemon told (jobctl_stats()): finding, reading, writing them. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "client/jobctl.h"

#define METRIC_TEXT_MAX 48

/* value / per as a plain decimal number without loss: "1.5", "12". Returns buf. */
char *metric_format(uint64_t value, uint64_t per, char buf[static METRIC_TEXT_MAX]);
/* The same as a double, where a loss does not matter. */
double metric_number(uint64_t value, uint64_t per);
/* Is it a name of a family or a label, as Prometheus has them? */
bool metric_is_name(const char *name);

/* The family of this name; NULL: the daemon did not tell it. */
const struct jobctl_item *metric_find(const struct jobctl_result *result, const char *name);
/* Samples of a family, and the n-th of them; NULL-safe. */
size_t metric_count(const struct jobctl_item *family);
const struct jobctl_item *metric_sample(const struct jobctl_item *family, size_t index);
/* A label of a sample; NULL: it has none. */
const char *metric_label(const struct jobctl_item *sample, const char *key);
/* The value of the sample whose label is this (key NULL: the first); 0 when there is none. */
uint64_t metric_value(const struct jobctl_result *result, const char *name, const char *key,
                      const char *label);

/* SPDX-License-Identifier: Apache-2.0 */
/* The daemon's configuration as text, for config and reload. */
#pragma once

#include <stdbool.h>

#include "client/cmd/app.h"

/* "[section]" and "key = value" lines on stdout, behind each its origin when asked for. */
int config_print_entries(struct app *app, const struct jobctl_result *result, bool origin);
/* Warnings on stderr. */
void config_print_warnings(const struct jobctl_item *config);

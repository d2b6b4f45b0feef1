/* SPDX-License-Identifier: Apache-2.0 */
/* The text format of Prometheus, version 0.0.4. */
#pragma once

#include <stdio.h>

#include "client/jobctl.h"

/* All families of a jobctl_stats() result, by name. 0, or -1 without memory. */
int exposition_print(const struct jobctl_result *result, FILE *out);

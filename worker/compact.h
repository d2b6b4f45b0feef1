/* SPDX-License-Identifier: Apache-2.0 */
/* Compresses one finished output file, as a process of its own at idle priority. */
#pragma once

#include "worker/options.h"

/*
 * Makes options->to_name of options->from_name in the spool folder and unlinks the latter. Exit
 * code 0 when done; anything else leaves the plain file alone.
 */
int compact_run(const struct options *options);

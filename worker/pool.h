/* SPDX-License-Identifier: Apache-2.0 */
/* The pool: parent and subreaper of the workers. */
#pragma once

#include "worker/options.h"

/* Runs until stopped. The process's exit code; 0 also when another pool holds the lock. */
int pool_run(const struct options *options);

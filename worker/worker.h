/* SPDX-License-Identifier: Apache-2.0 */
/* One worker of the pool: holds leases, runs them one at a time, tells jobd. */
#pragma once

#include "common/cleanup.h"

#include "worker/options.h"

/* Runs until retired, stopped, or the pool is gone. The process's exit code. */
int worker_run(const struct options *options);

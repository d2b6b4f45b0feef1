/* SPDX-License-Identifier: Apache-2.0 */
/* What the configuration says, in the shape that the engine reads. */
#pragma once

#include <stddef.h>

#include "common/cleanup.h"
#include "common/error.h"

#include "daemon/config.h"
#include "daemon/jobs/engine.h"

/* All that the configuration says by itself; the rest stays zero. */
void engine_setup_options(const struct config *config, struct engine_options *out_options);
/* Owned by the caller; 0 or a fault. */
_must_use_ int engine_setup_shares(const struct config *config, struct engine_share **out_shares);
/* The names in it are borrowed from the configuration. A lock for all users has one unit. */
_must_use_ int engine_setup_resources(const struct config *config,
                                      struct engine_resource **out_list, size_t *out_count);

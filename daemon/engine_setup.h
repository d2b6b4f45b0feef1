/* SPDX-License-Identifier: Apache-2.0 */
/* What the configuration says of users and of named resources, as lists for the engine. */
#pragma once

#include <stddef.h>

#include "common/cleanup.h"
#include "common/error.h"

#include "daemon/config.h"
#include "daemon/jobs/engine.h"

/* Owned by the caller; 0 or a fault. */
_must_use_ int engine_setup_shares(const struct config *config, struct engine_share **out_shares);
/* The names in it are borrowed from the configuration. A lock for all users has one unit. */
_must_use_ int engine_setup_resources(const struct config *config,
                                      struct engine_resource **out_list, size_t *out_count);

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The configuration in the shape that the engine reads: its numbers, and as lists what users may
 * have and what the machine has of named things. The engine borrows the lists, so daemon.c keeps
 * each until it has given the engine the next one, and the configuration with it, since the names
 * are borrowed from there. Called by daemon.c at the start and at each reload.
 */
#include "daemon/engine_setup.h"

#include <errno.h>
#include <stdlib.h>

void engine_setup_options(const struct config *config, struct engine_options *out_options)
{
        *out_options = (struct engine_options){
                .grace_usec = config->grace_usec,
                .queued_max_per_user = config->queued_max_per_user,
                .queued_max = config->queued_max,
                .spec_bytes_max_per_user = config->spec_bytes_max_per_user,
                .spec_bytes_max = config->spec_bytes_max,
                .output_quota_bytes = config->output_quota_bytes,
                .output_cap_bytes = config->output_cap_bytes,
                .compress = config->compress,
                .jobs_are_public = !config->private_jobs,
                .memory_bytes = config->memory_bytes,
                .affinity = (enum engine_affinity)config->affinity, /* the same names */
                .aging_usec = config->aging_usec,
        };
}

/* The users' shares as the engine wants them; owned by the caller. */
int engine_setup_shares(const struct config *config, struct engine_share **out_shares)
{
        struct engine_share *shares = calloc(config->shares_count, sizeof(*shares));

        if (!shares)
                return FAULT(-ENOMEM);
        for (size_t i = 0; i < config->shares_count; i++)
                shares[i] = (struct engine_share){
                        .uid = config->shares[i].uid,
                        .weight = config->shares[i].weight,
                        .cores_max = config->shares[i].cores_max,
                        .jobs_max = config->shares[i].jobs_max,
                };
        *out_shares = shares;
        return 0;
}

/* Named resources of the machine, and its locks: those have one unit. */
int engine_setup_resources(const struct config *config, struct engine_resource **out_list,
                           size_t *out_count)
{
        struct engine_resource *list = calloc(config->named_count + 1, sizeof(*list));
        size_t count = 0;

        if (!list)
                return FAULT(-ENOMEM);
        for (size_t i = 0; i < config->named_count; i++) {
                const struct config_named *named = config->named[i];
                const bool is_lock = named->kind == CONFIG_NAMED_LOCK && named->is_machine_wide;

                if (named->kind != CONFIG_NAMED_RESOURCE &&
                    (!is_lock || config_find_named(config, CONFIG_NAMED_RESOURCE, named->name)))
                        continue;
                list[count].name = named->name;
                list[count++].capacity =
                        is_lock ? 1 : (uint32_t)MIN(named->capacity, RESOURCE_CAPACITY_MAX);
        }
        *out_list = list;
        *out_count = count;
        return 0;
}

/* SPDX-License-Identifier: Apache-2.0 */
/* A file of jobs that wait for each other, as specifications for one submission. */
#pragma once

#include "client/cmd/job_options.h"

struct flow_file;

enum flow_file_answer {
        FLOW_FILE_E_BAD = 1, /* the reason says */
};

/*
 * Reads `path` ("-": stdin). defaults: options of the command line, for every entry that does not
 * say otherwise; borrowed for the call. 0, FLOW_FILE_E_BAD, or a fault.
 */
_must_use_ int flow_file_read(const char *path, const struct job_options *defaults,
                              struct flow_file **out_flow, struct reason *why);
struct flow_file *flow_file_free(struct flow_file *flow);
DEFINE_CLEANUP(struct flow_file *, flow_file_free);

size_t flow_file_count(const struct flow_file *flow);
const char *flow_file_name(const struct flow_file *flow, size_t index);
/* For jobctl_submit(); borrowed. */
struct jobctl_spec *const *flow_file_specs(const struct flow_file *flow);

/* SPDX-License-Identifier: Apache-2.0 */
/* What of this machine we may use: cores and memory. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#define MACHINE_CORES_MAX 4096U

struct machine {
        uint32_t affinity_cores; /* 1 to MACHINE_CORES_MAX */
        uint32_t cores;          /* the same, or less by cpu.max */
        uint64_t memory_bytes;   /* physical, or less by memory.max; 0: not known */
};

/* What jobs may use. What cannot be read limits nothing. */
void machine_read(struct machine *out_machine);
/*
 * The same. cgroups: where the second hierarchy is mounted; own_cgroup: the file that says which is
 * ours; is_apart: jobs run in a group beside it, so that its own limits are not theirs.
 */
void machine_read_at(const char *cgroups, const char *own_cgroup, bool is_apart,
                     struct machine *out_machine);

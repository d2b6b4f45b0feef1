/* SPDX-License-Identifier: Apache-2.0 */
/* What of this machine we may use: cores and memory. */
#pragma once

#include <stdint.h>

#define MACHINE_CORES_MAX 4096U
#define MACHINE_CGROUPS "/sys/fs/cgroup"
#define MACHINE_OWN_CGROUP "/proc/self/cgroup"

struct machine {
        uint32_t affinity_cores; /* 1 to MACHINE_CORES_MAX */
        uint32_t cores;          /* the same, or less by cpu.max */
        uint64_t memory_bytes;   /* physical, or less by memory.max; 0: not known */
};

/*
 * cgroups: where the second hierarchy is mounted; own_cgroup: the file that says which is ours.
 * What cannot be read limits nothing.
 */
void machine_read(const char *cgroups, const char *own_cgroup, struct machine *out_machine);

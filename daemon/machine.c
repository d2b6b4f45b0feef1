/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How large the machine is for us. The cores are those of our affinity, and no more than cpu.max
 * of our control group, or of one above it, has time for: 2.5 cores are 2, since a core that is
 * given away must be there. Memory is what is built in, and no more than memory.max.
 *
 * A service manager that runs us runs the pool as a service of its own: then a limit of our service
 * is for jobd alone, and the groups above, such as system.slice, are what we have in common.
 *
 * Control groups are read in the second hierarchy alone; a file that is missing or strange limits
 * nothing, since jobd has to start on any machine. Small files of the kernel, read at the load of
 * the configuration. Called by config.c and config_values.c.
 */
#include "daemon/machine.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "common/fs.h"

#include "daemon/service.h"

#define MACHINE_FILE_MAX 4096

static uint32_t machine_count_affinity(void)
{
        uint32_t cores = 1;

        /* The mask grows with the machine; the kernel says EINVAL while it is too small. */
        for (size_t room = 1024; room <= 1024 * 1024; room *= 2) {
                cpu_set_t *set = CPU_ALLOC(room);
                const size_t size = CPU_ALLOC_SIZE(room);
                int r;

                if (!set)
                        return 1;
                r = sched_getaffinity(0, size, set);
                if (r == 0)
                        cores = (uint32_t)CPU_COUNT_S(size, set);
                CPU_FREE(set);
                if (r == 0 || errno != EINVAL)
                        break;
        }
        return MIN(MAX(cores, 1), MACHINE_CORES_MAX);
}

/* The text of a small file; false when it cannot be read. */
static bool machine_read_file(const char *path, char out_text[static MACHINE_FILE_MAX])
{
        _cleanup_(fd_closep) int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
        const ssize_t size = fd < 0 ? -1 : read(fd, out_text, MACHINE_FILE_MAX - 1);

        if (size < 0)
                return false;
        out_text[size] = '\0';
        return true;
}

/* Takes cpu.max and memory.max of one group into account. */
static void machine_apply_group(const char *folder, struct machine *machine)
{
        _cleanup_(freep) char *cpu = fs_path("%s/cpu.max", folder);
        _cleanup_(freep) char *memory = fs_path("%s/memory.max", folder);
        char text[MACHINE_FILE_MAX];
        uint64_t quota, period, bytes;

        if (cpu && machine_read_file(cpu, text) &&
            sscanf(text, "%" SCNu64 " %" SCNu64, &quota, &period) == 2 && period > 0)
                machine->cores =
                        (uint32_t)MIN((uint64_t)machine->cores, MAX(quota / period, UINT64_C(1)));
        if (memory && machine_read_file(memory, text) && sscanf(text, "%" SCNu64, &bytes) == 1 &&
            bytes > 0)
                machine->memory_bytes =
                        machine->memory_bytes ? MIN(machine->memory_bytes, bytes) : bytes;
}

/* Our group and all above it; the path is as the kernel writes it: "0::/a/b". */
static void machine_apply_groups(const char *cgroups, const char *own_cgroup, bool is_apart,
                                 struct machine *machine)
{
        char text[MACHINE_FILE_MAX];
        char *path, *end;

        if (!machine_read_file(own_cgroup, text))
                return;
        path = strncmp(text, "0::/", 4) == 0 ? text : strstr(text, "\n0::/");
        if (!path)
                return;
        path = strchr(path, '/');
        path[strcspn(path, "\n")] = '\0';
        do {
                _cleanup_(freep) char *folder = fs_path("%s%s", cgroups, path);

                if (!folder)
                        return;
                if (!is_apart)
                        machine_apply_group(folder, machine);
                is_apart = false;
                end = strrchr(path, '/');
                if (end)
                        *end = '\0';
        } while (end);
}

void machine_read_at(const char *cgroups, const char *own_cgroup, bool is_apart,
                     struct machine *out_machine)
{
        const long pages = sysconf(_SC_PHYS_PAGES), page_bytes = sysconf(_SC_PAGESIZE);

        *out_machine = (struct machine){ .affinity_cores = machine_count_affinity() };
        out_machine->cores = out_machine->affinity_cores;
        if (pages > 0 && page_bytes > 0)
                out_machine->memory_bytes = (uint64_t)pages * (uint64_t)page_bytes;
        machine_apply_groups(cgroups, own_cgroup, is_apart, out_machine);
}

void machine_read(struct machine *out_machine)
{
        machine_read_at("/sys/fs/cgroup", "/proc/self/cgroup", service_is_managed(), out_machine);
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Memory, processor time and descriptors of jobd, and how long its turns take. /proc is read when
 * somebody asks, which touches no disk. Counting descriptors takes as long as there are many of
 * them, so it is done once a second at most, however often clients ask. What cannot be read is told
 * as 0. Called by daemon.c.
 */
#include "daemon/process.h"

#include <dirent.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <sys/resource.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/fs.h"

#include "daemon/journald.h"

#define PROCESS_FDS_USEC USEC_PER_SEC

void process_init(struct process *process)
{
        *process = (struct process){ .turn_usec = { .bounds = &histogram_short_usec } };
}

void process_count_turn(struct process *process, uint64_t turn_usec)
{
        histogram_add(&process->turn_usec, turn_usec);
}

static uint64_t process_count_fds(void)
{
        DIR *const folder = opendir("/proc/self/fd");
        const struct dirent *entry;
        uint64_t count = 0;

        if (!folder)
                return 0;
        while ((entry = readdir(folder)))
                count += entry->d_name[0] != '.';
        closedir(folder);
        return count > 0 ? count - 1 : 0; /* one of them was the folder */
}

static void process_read_memory(struct clients_process *out_process)
{
        _cleanup_(freep) char *text = NULL;
        const uint64_t page_bytes = (uint64_t)sysconf(_SC_PAGESIZE);
        uint64_t total, resident;

        if (fs_read_file(AT_FDCWD, "/proc/self/statm", 4096, &text, NULL) ||
            sscanf(text, "%" SCNu64 " %" SCNu64, &total, &resident) != 2)
                return;
        out_process->virtual_bytes = total * page_bytes;
        out_process->resident_bytes = resident * page_bytes;
}

static uint64_t process_usec(const struct timeval *time)
{
        return (uint64_t)time->tv_sec * USEC_PER_SEC + (uint64_t)time->tv_usec;
}

void process_read(struct process *process, struct clients_process *out_process)
{
        const uint64_t now = clock_mono_usec();
        struct rlimit limit = { 0 };
        struct rusage usage = { 0 };

        if (!process->looked_usec || now - process->looked_usec >= PROCESS_FDS_USEC) {
                process->fds_count = process_count_fds();
                process->looked_usec = now;
        }
        (void)getrlimit(RLIMIT_NOFILE, &limit);
        (void)getrusage(RUSAGE_SELF, &usage);
        *out_process = (struct clients_process){
                .cpu_usec = process_usec(&usage.ru_utime) + process_usec(&usage.ru_stime),
                .open_fds = process->fds_count,
                .max_fds = limit.rlim_cur,
                .log_lines_lost = journald_lost(),
                .turn_usec = process->turn_usec,
        };
        process_read_memory(out_process);
}

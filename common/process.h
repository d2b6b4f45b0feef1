/* SPDX-License-Identifier: Apache-2.0 */
/* What /proc shows of a process by its number. */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#define PROCESS_NAME_MAX 32U

struct process_stat {
        char state;
        pid_t parent, group, session;
        uint64_t start_ticks;        /* since boot: a number that is given again has another */
        char name[PROCESS_NAME_MAX]; /* any bytes; cut */
};

/* false: there is none, or /proc is not for us to see. */
bool process_read_stat(pid_t pid, struct process_stat *out_stat);
/* Its start_ticks; 0: not to be seen. */
uint64_t process_read_start(pid_t pid);

/* SPDX-License-Identifier: Apache-2.0 */
/* The child's half of a start: the ordered list of steps between creation and execve. */
#pragma once

#include "worker/spawn.h"

/* How the child tells its parent. Through memory in user mode, through the error pipe else. */
struct spawn_news {
        volatile enum spawn_stage stage;
        volatile int error;
        volatile unsigned int candidate; /* EXECVE: index of the file that failed */
        volatile int is_interpreter_missing;
        volatile int is_hot; /* everything before execve is done */
};

/*
 * Runs in the child and ends in execve(2) or _exit(2). news: shared with the parent (vfork) or the
 * child's own; error_fd: -1, or the pipe on which the news are written.
 */
_Noreturn void spawn_child_run(const struct spawn_plan *plan, struct spawn_news *news,
                               int error_fd);

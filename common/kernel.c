/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the kernel must have. Looked for at the start of jobd and of the pool, so that an old
 * kernel, or a container whose filter hides a call, is one sentence instead of jobs that cannot be
 * ended.
 *
 * Needed are descriptors of processes: without them a signal might reach whoever has got the number
 * meanwhile. Not needed, since there is another way: close_range(2), as every descriptor is closed
 * by execve(2) anyway, and cgroup v2, instead of which process groups, the subreaper and limits of
 * single processes hold a job (the pool says which).
 *
 * Each call is made with arguments that cannot succeed. Called by main.c of both programs.
 */
#include "common/kernel.h"

#include <errno.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <unistd.h>

/* clang-format off */
static const struct {
        long number;
        const char *name;
        const char *since;
} kernel_calls[] = {
        { SYS_pidfd_open,        "pidfd_open",        "5.3" },
        { SYS_pidfd_send_signal, "pidfd_send_signal", "5.1" },
};
/* clang-format on */

int kernel_check(struct reason *why)
{
        struct utsname name = { .release = "?" };

        for (size_t i = 0; i < ARRAY_SIZE(kernel_calls); i++) {
                if (syscall(kernel_calls[i].number, -1, 0, NULL, 0) >= 0 ||
                    (errno != ENOSYS && errno != EPERM))
                        continue;
                if (uname(&name) < 0)
                        name.release[0] = '\0';
                return reason_set(why, KERNEL_E_MISSING,
                                  "this kernel (%.40s) does not let us use %s: use Linux %s or "
                                  "later; in a container, let its system call filter allow it",
                                  name.release, kernel_calls[i].name, kernel_calls[i].since);
        }
        return 0;
}

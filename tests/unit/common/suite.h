/* SPDX-License-Identifier: Apache-2.0 */
/* What the Check programs of this folder need: a folder of their own, and to wait for an event. */
#pragma once

#include <poll.h>
#include <signal.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/unit/suite.h"

/* No event in these tests takes longer; past it something hangs. */
#define SUITE_DEADLINE_MSEC 10000

/* Makes a folder and steps into it, so that tests use short relative names. */
static inline _unused_ void suite_enter_folder(char path[static 64])
{
        const char *base = getenv("TMPDIR");

        snprintf(path, 64, "%s/jobd-test-XXXXXX", base && strlen(base) < 40 ? base : "/tmp");
        ck_assert_ptr_nonnull(mkdtemp(path));
        ck_assert_int_eq(chdir(path), 0);
}

/* Removes what is in it (one level of folders deep) and itself. */
static inline _unused_ void suite_leave_folder(const char *path)
{
        char command[96];

        ck_assert_int_eq(chdir("/"), 0);
        snprintf(command, sizeof(command), "rm -rf -- '%s'", path);
        ck_assert_int_eq(system(command), 0);
}

/* Waits until `fd` can be read or its writer is gone. */
static inline _unused_ void suite_wait_readable(int fd)
{
        struct pollfd p = { .fd = fd, .events = POLLIN };

        ck_assert_int_eq(poll(&p, 1, SUITE_DEADLINE_MSEC), 1);
}

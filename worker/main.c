/* SPDX-License-Identifier: Apache-2.0 */
/*
 * jobd-worker: the pool, one of its workers, or the compressor of finished output, by the command
 * line. Nothing but start-up stands here, so that everything else is in a library that the tests
 * link.
 */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/prctl.h>

#include "common/kernel.h"
#include "common/log.h"
#include "common/version.h"

#include "worker/compact.h"
#include "worker/options.h"
#include "worker/pool.h"
#include "worker/worker.h"

#ifndef JOBD_BUILD
#define JOBD_BUILD version_build
#endif

/* 0, 1 and 2 must be taken, or the first file opened would become some job's stdout. */
static int main_fill_stdio(void)
{
        int fd;

        do
                fd = open("/dev/null", O_RDWR | O_CLOEXEC);
        while (fd >= 0 && fd <= 2);
        fd_close(fd);
        return fd < 0 ? -1 : 0;
}

static int main_print_version(const struct options *options)
{
        printf("jobd-worker %s\n", options->build);
        return 0;
}

static int main_print_help(_unused_ const struct options *options)
{
        fputs(options_help, stdout);
        return 0;
}

typedef int (*main_mode_fn)(const struct options *options);

/* clang-format off */
static const main_mode_fn main_modes[OPTIONS_MODE_COUNT] = {
        [OPTIONS_POOL]    = pool_run,
        [OPTIONS_WORKER]  = worker_run,
        [OPTIONS_COMPACT] = compact_run,
        [OPTIONS_VERSION] = main_print_version,
        [OPTIONS_HELP]    = main_print_help,
};
/* clang-format on */

int main(int argc, char **argv)
{
        struct options options;
        struct reason why = { "" };

        if (getauxval(AT_SECURE)) {
                fputs("jobd-worker: must not be installed setuid or with capabilities\n", stderr);
                return 2;
        }
        /* A worker is executed as /proc/self/exe, and some kernels would call it "exe" in ps. */
        (void)prctl(PR_SET_NAME, "jobd-worker");
        if (main_fill_stdio() < 0)
                return 1;
        log_init("jobd-worker", LOG_LEVEL_NOTICE);
        if (options_parse(argc, argv, &options, &why)) {
                log_error("%s", why.text);
                return 2;
        }
        if (options.mode == OPTIONS_POOL && kernel_check(&why)) {
                log_error("%s", why.text);
                return KERNEL_EXIT;
        }
        options.build = JOBD_BUILD;
        return main_modes[options.mode](&options);
}

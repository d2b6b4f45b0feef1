/* SPDX-License-Identifier: Apache-2.0 */
/*
 * bench_run COUNT COMMAND [ARG...]: how long one run of a command takes, again and again.
 *
 * Starts the command COUNT times, one after the other, with its output thrown away, and prints the
 * median, the 99th percentile and the mean from posix_spawn(3) to waitpid(2), in microseconds.
 * Ends with 1 when a run fails.
 */
#include <err.h>
#include <fcntl.h>
#include <spawn.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <time.h>

extern char **environ;

static uint64_t now_nsec(void)
{
        struct timespec t;

        clock_gettime(CLOCK_MONOTONIC, &t);
        return (uint64_t)t.tv_sec * 1000000000U + (uint64_t)t.tv_nsec;
}

static int compare(const void *a, const void *b)
{
        const uint64_t x = *(const uint64_t *)a;
        const uint64_t y = *(const uint64_t *)b;

        return x < y ? -1 : x > y;
}

static uint64_t run_once(char **argv, const posix_spawn_file_actions_t *actions)
{
        const uint64_t begin = now_nsec();
        int status;
        pid_t pid;

        if (posix_spawnp(&pid, argv[0], actions, NULL, argv, environ) != 0)
                errx(1, "%s cannot be started", argv[0]);
        if (waitpid(pid, &status, 0) != pid)
                err(1, "waitpid");
        if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
                errx(1, "%s failed with wait status %d", argv[0], status);
        return now_nsec() - begin;
}

int main(int argc, char **argv)
{
        posix_spawn_file_actions_t actions;
        uint64_t *took;
        uint64_t sum = 0;
        size_t count;

        if (argc < 3 || (count = strtoul(argv[1], NULL, 10)) == 0)
                errx(2, "usage: bench_run COUNT COMMAND [ARG...]");
        took = calloc(count, sizeof(*took));
        if (!took || posix_spawn_file_actions_init(&actions) ||
            posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0) ||
            posix_spawn_file_actions_addopen(&actions, 1, "/dev/null", O_WRONLY, 0))
                errx(1, "no memory");
        for (size_t i = 0; i < count; i++) {
                took[i] = run_once(argv + 2, &actions);
                sum += took[i];
        }
        qsort(took, count, sizeof(*took), compare);
        printf("%.1f %.1f %.1f\n", (double)took[count / 2] / 1e3,
               (double)took[(count - 1) * 99 / 100] / 1e3, (double)sum / (double)count / 1e3);
        posix_spawn_file_actions_destroy(&actions);
        free(took);
        return 0;
}

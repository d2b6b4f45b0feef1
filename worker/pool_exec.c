/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An upgrade, or a way back: jobd's Welcome names another build than ours, so the pool executes the
 * program that now stands at its path, in the same process. Pid, children, lock and the place as
 * subreaper stay; what must be known again goes through a memfd, one line each:
 *
 *     wanted 4
 *     lock 5                      descriptor of pool.lock
 *     worker 0 17 4711 9 1        number, generation, pid, line descriptor, has it dialled
 *
 * The two programs may be of different versions, either way: a line that is not known is passed
 * over, and none of these may ever change its meaning.
 *
 * Workers do not notice; jobd retires those of the other build one by one, and their replacements
 * are started from the new program. Reports of dead workers are made again from their records.
 *
 * The program is executed once for each build that jobd names: if what stands there is of yet
 * another, we would do it for ever.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "common/fs.h"
#include "common/log.h"

#include "worker/pool_private.h"

#define POOL_EXEC_STATE_MAX (1024U * 1024)

extern char **environ;

static int pool_exec_set_cloexec(int fd, bool on)
{
        return fcntl(fd, F_SETFD, on ? FD_CLOEXEC : 0) < 0 ? FAULT(-errno) : 0;
}

/* Descriptors that the new program is to have; `on` takes it back. */
static int pool_exec_keep_open(const struct pool *pool, int state_fd, bool keep)
{
        int r;

        r = pool_exec_set_cloexec(state_fd, !keep);
        if (r == 0)
                r = pool_exec_set_cloexec(pool->lock_fd, !keep);
        for (uint32_t i = 0; r == 0 && i < pool->seats_count; i++)
                if (pool->seats[i]->pid && pool->seats[i]->line_fd >= 0)
                        r = pool_exec_set_cloexec(pool->seats[i]->line_fd, !keep);
        return PASS(r);
}

static int pool_exec_write_state(const struct pool *pool, int *out_fd)
{
        _cleanup_(fd_closep) int fd = memfd_create("jobd-pool-state", MFD_CLOEXEC);

        if (fd < 0)
                return FAULT(-errno);
        if (dprintf(fd, "wanted %" PRIu32 "\nlock %d\n", pool->wanted, pool->lock_fd) < 0)
                return FAULT(-EIO);
        for (uint32_t i = 0; i < pool->seats_count; i++) {
                const struct pool_seat *seat = pool->seats[i];

                if (seat->pid && seat->line_fd >= 0 &&
                    dprintf(fd, "worker %" PRIu32 " %" PRIu64 " %d %d %d\n", seat->number,
                            seat->generation, (int)seat->pid, seat->line_fd, seat->is_dialled) < 0)
                        return FAULT(-EIO);
        }
        if (lseek(fd, 0, SEEK_SET) < 0)
                return FAULT(-errno);
        *out_fd = TAKE_FD(fd);
        return 0;
}

static void pool_exec_run(const struct pool *pool, int state_fd)
{
        const struct options *options = pool->options;
        char owner[16], state[16];
        const char *argv[32] = { "jobd-worker", "--pool" };
        size_t n = 2;

        snprintf(owner, sizeof(owner), "%" PRIu32, (uint32_t)options->owner_uid);
        snprintf(state, sizeof(state), "%d", state_fd);
        const char *const pairs[][2] = {
                { "--state-fd", state },
                { "--after-build", pool->next_build },
                { "--exe", pool->exe_path },
                { "--socket", options->socket_path },
                { "--records", options->records_path },
                { "--spool", options->spool_path },
                { "--owner-uid", owner },
                { "--policy", options->policy_path },
        };
        for (size_t i = 0; i < ARRAY_SIZE(pairs); i++) {
                argv[n++] = pairs[i][0];
                argv[n++] = pairs[i][1];
        }
        if (options->is_user_mode)
                argv[n++] = "--user";
        if (options->is_delegated)
                argv[n++] = "--delegated";
        argv[n] = NULL;
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wcast-qual" /* execve(2) does not write to its arguments */
        execve(pool->exe_path, (char *const *)argv, environ);
#pragma GCC diagnostic pop
}

void pool_exec_again(struct pool *pool)
{
        _cleanup_(fd_closep) int state_fd = -1;

        log_notice("jobd is of build %s, this is %s: executing %s anew", pool->next_build,
                   pool->options->build, pool->exe_path);
        if (pool_exec_write_state(pool, &state_fd) == 0 &&
            pool_exec_keep_open(pool, state_fd, true) == 0)
                pool_exec_run(pool, state_fd);
        log_error("%s cannot be executed (%s): going on with this build", pool->exe_path,
                  strerrordesc_np(errno));
        if (state_fd >= 0 && pool_exec_keep_open(pool, state_fd, false))
                log_warning("descriptors stay open for children");
        free(pool->next_build);
        pool->next_build = NULL;
}

/* One line of the state. */
static int pool_exec_take(struct pool *pool, const char *line, uint32_t *wanted)
{
        uint32_t number;
        uint64_t generation;
        int pid, fd, is_dialled, r;

        if (sscanf(line, "wanted %" SCNu32, wanted) == 1)
                return 0;
        if (sscanf(line, "lock %d", &fd) == 1) {
                pool->lock_fd = fd;
                r = pool_exec_set_cloexec(fd, true);
                return PASS(r);
        }
        if (sscanf(line, "worker %" SCNu32 " %" SCNu64 " %d %d %d", &number, &generation, &pid, &fd,
                   &is_dialled) != 5) {
                log_debug("the state has a line that this version does not know");
                return 0;
        }
        r = pool_exec_set_cloexec(fd, true);
        if (r == 0)
                r = pool_worker_adopt(pool, number, generation, pid, fd, is_dialled != 0);
        return PASS(r);
}

int pool_exec_resume(struct pool *pool)
{
        _cleanup_(freep) char *text = calloc(1, POOL_EXEC_STATE_MAX);
        ssize_t n;
        int r = 0;

        if (!text)
                return FAULT(-ENOMEM);
        n = pread(pool->options->state_fd, text, POOL_EXEC_STATE_MAX - 1, 0);
        fd_close(pool->options->state_fd);
        if (n <= 0)
                return FAULT(-EBADMSG);
        for (char *line = text, *end; r == 0 && (end = strchr(line, '\n')); line = end + 1) {
                *end = '\0';
                r = pool_exec_take(pool, line, &pool->wanted);
        }
        return PASS(r);
}

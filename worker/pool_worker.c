/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The seats of the pool: which worker has which number, starting, replacing and retiring them.
 *
 * A worker gets a record file of its own before it exists, a line to us, and folders and numbers on
 * its command line. One that dies is replaced at once; one that dies young (10 s) waits 0.1 s,
 * 0.2 s ... 30 s, so that a broken machine is not made worse. Every worker ever started has a
 * generation of its own, which is on disk before the worker runs.
 *
 * Fewer workers: the highest numbers are told to retire (SIGTERM), which they do after their job.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>

#include "common/failpoint.h"
#include "common/fs.h"
#include "common/log.h"

#include "worker/line.h"
#include "worker/pool_private.h"

#define POOL_BACKOFF_FIRST_USEC (100 * USEC_PER_MSEC)
#define POOL_BACKOFF_MAX_USEC (30 * USEC_PER_SEC)
#define POOL_YOUNG_USEC (10 * USEC_PER_SEC)

extern char **environ;

/* --------------------------------------------------------------------------------------- lines */

static void pool_worker_close_line(struct pool_seat *seat)
{
        seat->line_watch = loop_watch_free(seat->line_watch);
        seat->line_fd = fd_close(seat->line_fd);
}

static void pool_worker_on_line(void *arg, _unused_ unsigned int flags)
{
        struct pool_seat *seat = arg;
        struct line_message message;
        const int r = line_receive(seat->line_fd, &message);

        if (r == LINE_E_AGAIN)
                return;
        if (r) {
                pool_worker_close_line(seat); /* SIGCHLD tells the rest */
                return;
        }
        if (message.kind == LINE_BUSY)
                pool_watch_on_busy(seat->pool);
        else if (message.kind == LINE_PONG)
                pool_watch_on_pong(seat);
        else if (message.kind == LINE_DIALLED) {
                seat->is_dialled = message.value != 0;
                pool_watch_dialling(seat->pool);
        }
}

/* ------------------------------------------------------------------------------------ starting */

int pool_spawn_self(const char *const argv[], int line_fd, pid_t *out_pid)
{
        posix_spawn_file_actions_t actions;
        posix_spawnattr_t attributes;
        sigset_t none;
        int r;

        sigemptyset(&none);
        r = posix_spawn_file_actions_init(&actions);
        if (r)
                return FAULT(-r);
        r = posix_spawnattr_init(&attributes);
        if (r) {
                posix_spawn_file_actions_destroy(&actions);
                return FAULT(-r);
        }
        /* A worker blocks what it wants itself; the compressor must obey TERM. */
        posix_spawnattr_setsigmask(&attributes, &none);
        posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK);
        if (line_fd >= 0)
                r = posix_spawn_file_actions_adddup2(&actions, line_fd, POOL_LINE_FD);
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wcast-qual" /* posix_spawn(3) does not write to its arguments */
        if (r == 0)
                r = posix_spawn(out_pid, "/proc/self/exe", &actions, &attributes,
                                (char *const *)argv, environ);
#pragma GCC diagnostic pop
        posix_spawnattr_destroy(&attributes);
        posix_spawn_file_actions_destroy(&actions);
        return r ? FAULT(-r) : 0;
}

static int pool_worker_save_generation(struct pool *pool)
{
        char text[32];
        int r;

        snprintf(text, sizeof(text), "%" PRIu64 "\n", pool->generation);
        r = fs_replace_file(pool->records_fd, "generation", text, strlen(text), 0600);
        return PASS(r);
}

static int pool_worker_execute(struct pool_seat *seat, int line_fd)
{
        const struct options *options = seat->pool->options;
        char number[16], generation[24], owner[16], line[8];
        const char *argv[32] = { "jobd-worker", "--worker" };
        size_t n = 2;
        int r;

        snprintf(number, sizeof(number), "%" PRIu32, seat->number);
        snprintf(generation, sizeof(generation), "%" PRIu64, seat->generation);
        snprintf(owner, sizeof(owner), "%" PRIu32, (uint32_t)options->owner_uid);
        snprintf(line, sizeof(line), "%d", POOL_LINE_FD);
        const char *const pairs[][2] = {
                { "--number", number },
                { "--generation", generation },
                { "--line-fd", line },
                { "--socket", options->socket_path },
                { "--records", options->records_path },
                { "--spool", options->spool_path },
                { "--owner-uid", owner },
                { "--policy", options->policy_path },
                { "--cgroup", seat->pool->cgroup_path },
        };
        for (size_t i = 0; i < ARRAY_SIZE(pairs); i++)
                if (pairs[i][1]) {
                        argv[n++] = pairs[i][0];
                        argv[n++] = pairs[i][1];
                }
        if (options->is_user_mode)
                argv[n++] = "--user";
        argv[n] = NULL;
        r = pool_spawn_self(argv, line_fd, &seat->pid);
        return PASS(r);
}

/* Connects the seat to a living worker: its line and the shared part of its record. */
static int pool_worker_attach(struct pool_seat *seat, int line_fd)
{
        int r;

        seat->line_fd = line_fd;
        seat->started_usec = clock_mono_usec();
        seat->undialled_since_usec = seat->started_usec;
        seat->is_dialled = false;
        seat->pinged_usec = 0;
        seat->is_retiring = false;
        seat->was_killed = false;
        seat->pool->is_state_news = true;
        r = record_map_shared(seat->pool->records_fd, seat->number, seat->generation,
                              &seat->shared);
        if (r)
                log_debug("the record of worker %" PRIu32 " cannot be watched", seat->number);
        r = loop_watch_new(seat->pool->loop, line_fd, LOOP_READ, pool_worker_on_line, seat,
                           &seat->line_watch);
        return PASS(r);
}

static int pool_worker_start(struct pool_seat *seat)
{
        struct pool *pool = seat->pool;
        _cleanup_(fd_closep) int ours = -1;
        _cleanup_(fd_closep) int theirs = -1;
        int fds[2];
        int r;

        pool->generation++;
        seat->generation = pool->generation;
        r = pool_worker_save_generation(pool);
        if (r)
                return PASS(r);
        r = record_create(pool->records_fd, seat->number, seat->generation, pool->boot_id);
        if (r)
                return PASS(r);
        r = line_open(fds);
        if (r)
                return PASS(r);
        ours = fds[0];
        theirs = fds[1];
        r = pool_worker_execute(seat, theirs);
        if (r) {
                char name[RECORD_NAME_MAX];

                record_name(name, seat->number, seat->generation);
                (void)unlinkat(pool->records_fd, name, 0);
                seat->pid = 0;
                return PASS(r);
        }
        (void)FAILPOINT("pool-worker-started");
        r = pool_worker_attach(seat, TAKE_FD(ours));
        pool_watch_dialling(pool);
        return PASS(r);
}

/* ----------------------------------------------------------------------------------- replacing */

static bool pool_worker_is_wanted(const struct pool_seat *seat)
{
        return !seat->pool->is_stopping && seat->number < seat->pool->wanted;
}

static void pool_worker_wait(struct pool_seat *seat)
{
        if (loop_timer_start(seat->backoff, seat->backoff_usec))
                log_error("worker %" PRIu32 " cannot be replaced", seat->number);
}

static void pool_worker_on_backoff(void *arg)
{
        struct pool_seat *seat = arg;

        if (seat->pid || !pool_worker_is_wanted(seat))
                return;
        if (pool_worker_start(seat) == 0)
                return;
        log_error("worker %" PRIu32 " cannot be started", seat->number);
        if (seat->pid) {
                pool_worker_kill(seat, SIGKILL);
                return;
        }
        seat->backoff_usec =
                MIN(MAX(2 * seat->backoff_usec, POOL_BACKOFF_FIRST_USEC), POOL_BACKOFF_MAX_USEC);
        pool_worker_wait(seat);
}

static void pool_worker_replace(struct pool_seat *seat, uint64_t lived_usec)
{
        if (lived_usec >= POOL_YOUNG_USEC)
                seat->backoff_usec = 0;
        else
                seat->backoff_usec = MIN(MAX(2 * seat->backoff_usec, POOL_BACKOFF_FIRST_USEC),
                                         POOL_BACKOFF_MAX_USEC);
        if (pool_worker_is_wanted(seat))
                pool_worker_wait(seat);
}

static void pool_worker_describe(const struct pool_seat *seat, int status, char *out, size_t size)
{
        if (seat->was_killed)
                snprintf(out, size, "worker %" PRIu32 " hung and was killed", seat->number);
        else if (WIFSIGNALED(status))
                snprintf(out, size, "worker %" PRIu32 " was killed by signal %d", seat->number,
                         WTERMSIG(status));
        else if (WEXITSTATUS(status))
                snprintf(out, size, "worker %" PRIu32 " failed with exit code %d", seat->number,
                         WEXITSTATUS(status));
        else
                snprintf(out, size, "worker %" PRIu32 " ended in order", seat->number);
}

static struct pool_seat *pool_worker_find(const struct pool *pool, pid_t pid)
{
        for (uint32_t i = 0; pid > 0 && i < pool->seats_count; i++)
                if (pool->seats[i]->pid == pid)
                        return pool->seats[i];
        return NULL;
}

bool pool_worker_on_exit(struct pool *pool, pid_t pid, int status)
{
        struct pool_seat *seat = pool_worker_find(pool, pid);
        char why[128];

        if (!seat)
                return false;
        pool_worker_describe(seat, status, why, sizeof(why));
        if (status)
                log_write(LOG_LEVEL_WARNING, LOG_EVENT_WORKER_DIED, 0, "%s", why);
        pool_worker_close_line(seat);
        seat->shared = record_unmap_shared(seat->shared);
        seat->pid = 0;
        pool->is_state_news = true;
        pool_dead_add(pool, seat->number, seat->generation, true, why);
        pool_worker_replace(seat, clock_mono_usec() - seat->started_usec);
        return true;
}

/* ------------------------------------------------------------------------------------ resizing */

static int pool_worker_new_seat(struct pool *pool)
{
        struct pool_seat **seats =
                realloc(pool->seats, (pool->seats_count + 1) * sizeof(struct pool_seat *));
        struct pool_seat *seat;
        int r;

        if (!seats)
                return FAULT(-ENOMEM);
        pool->seats = seats;
        seat = calloc(1, sizeof(*seat));
        if (!seat)
                return FAULT(-ENOMEM);
        seat->pool = pool;
        seat->number = pool->seats_count;
        seat->line_fd = -1;
        r = loop_timer_new(pool->loop, pool_worker_on_backoff, seat, &seat->backoff);
        if (r) {
                free(seat);
                return PASS(r);
        }
        pool->seats[pool->seats_count++] = seat;
        return 0;
}

int pool_worker_resize(struct pool *pool, uint32_t wanted)
{
        int r;

        while (pool->seats_count < wanted) {
                r = pool_worker_new_seat(pool);
                if (r)
                        return PASS(r);
        }
        pool->wanted = wanted;
        pool->is_state_news = true;
        for (uint32_t i = 0; i < pool->seats_count; i++) {
                struct pool_seat *seat = pool->seats[i];

                if (!pool_worker_is_wanted(seat)) {
                        loop_timer_stop(seat->backoff);
                        if (seat->pid && !seat->is_retiring)
                                pool_worker_kill(seat, SIGTERM);
                        seat->is_retiring = seat->pid != 0;
                } else if (!seat->pid && !loop_timer_is_on(seat->backoff)) {
                        pool_worker_on_backoff(seat);
                }
        }
        return 0;
}

/* --------------------------------------------------------------------------------------- other */

bool pool_worker_is_known(const struct pool *pool, pid_t pid)
{
        return pool_worker_find(pool, pid) != NULL;
}

uint32_t pool_worker_count(const struct pool *pool)
{
        uint32_t count = 0;

        for (uint32_t i = 0; i < pool->seats_count; i++)
                count += pool->seats[i]->pid != 0;
        return count;
}

void pool_worker_kill(struct pool_seat *seat, int signo)
{
        /* Only we reap, so the number is still its own. */
        if (seat->pid > 0)
                (void)kill(seat->pid, signo);
}

int pool_worker_adopt(struct pool *pool, uint32_t number, uint64_t generation, pid_t pid,
                      int line_fd, bool is_dialled)
{
        struct pool_seat *seat;
        int r;

        while (pool->seats_count <= number) {
                r = pool_worker_new_seat(pool);
                if (r)
                        return PASS(r);
        }
        seat = pool->seats[number];
        seat->generation = generation;
        seat->pid = pid;
        r = pool_worker_attach(seat, line_fd);
        seat->is_dialled = is_dialled;
        return PASS(r);
}

void pool_worker_deinit_all(struct pool *pool)
{
        for (uint32_t i = 0; i < pool->seats_count; i++) {
                struct pool_seat *seat = pool->seats[i];

                pool_worker_close_line(seat);
                loop_timer_free(seat->backoff);
                record_unmap_shared(seat->shared);
                free(seat);
        }
        free(pool->seats);
}

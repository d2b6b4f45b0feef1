/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The pool: one process that starts the workers, replaces them, and looks after what dead ones
 * leave. It runs no job and reads nothing that a user wrote.
 *
 *    pool_worker.c   seats: start, replace, retire        pool_dead.c     records of the dead
 *    pool_watch.c    workers that hang                    pool_compact.c  compressing output
 *    pool_exec.c     running a newer program in place     pool_talk.c     what jobd says
 *
 * There is one pool for a records folder: pool.lock says so for the life of the process, and a
 * second one exits at once, satisfied. The pool is the subreaper of everything below it. An idle
 * pool sleeps without a timer.
 *
 * It ends when it is told to (SIGTERM, or PoolStop from jobd), workers first: TERM to the jobs,
 * their grace, KILL, and the ends reported as long as jobd is there. In user mode it also ends when
 * jobd has been away for ten minutes and nothing runs; a pool of the system waits for ever.
 *
 * Promises: no worker is started before its generation is on disk; no record is deleted before
 * jobd acknowledged it; a fault in here ends the pool, its workers see that and end their jobs, and
 * the next pool reports them.
 */
#include "worker/pool.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "common/fs.h"
#include "common/log.h"
#include "common/parse.h"

#include "worker/cgroup.h"
#include "worker/line.h"
#include "worker/policy.h"
#include "worker/pool_private.h"

/* The grace of a stop, so that it fits into TimeoutStopSec=120 of the unit with the margin below.
 */
#define POOL_STOP_GRACE_MAX_USEC (60 * USEC_PER_SEC)
#define POOL_STOP_MARGIN_USEC (35 * USEC_PER_SEC) /* KILL may take 30 s to be given up */
#define POOL_LAST_WAIT_USEC (2 * USEC_PER_SEC)

/* ------------------------------------------------------------------------------------- the end */

void pool_begin_stop(struct pool *pool, uint64_t grace_usec)
{
        if (pool->is_stopping)
                return;
        grace_usec = MIN(grace_usec, POOL_STOP_GRACE_MAX_USEC);
        log_notice("stopping: jobs that run get TERM, and KILL after %" PRIu64
                   " s or their own grace if that is shorter",
                   (uint64_t)(grace_usec / USEC_PER_SEC));
        pool->is_stopping = true;
        for (uint32_t i = 0; i < pool->seats_count; i++) {
                struct pool_seat *seat = pool->seats[i];

                loop_timer_stop(seat->backoff);
                if (seat->line_fd >= 0)
                        line_send(seat->line_fd, LINE_STOP, grace_usec);
        }
        pool_watch_dialling(pool);
        pool_send_state(pool);
        if (loop_timer_start(pool->stop_timer, grace_usec + POOL_STOP_MARGIN_USEC))
                loop_stop(pool->loop, 1);
        loop_wake(pool->loop);
}

static void pool_on_stop_time(void *arg)
{
        struct pool *pool = arg;

        if (pool->is_last_wait) {
                loop_stop(pool->loop, 0);
                return;
        }
        for (uint32_t i = 0; i < pool->seats_count; i++)
                pool_worker_kill(pool->seats[i], SIGKILL);
        if (loop_timer_start(pool->stop_timer, POOL_STOP_MARGIN_USEC))
                loop_stop(pool->loop, 1);
}

/* Workers gone: jobd has a moment to take the last reports, if it is there. */
static void pool_consider_exit(struct pool *pool)
{
        if (pool_worker_count(pool))
                return;
        if (TAILQ_EMPTY(&pool->dead) || !link_is_up(pool->link)) {
                struct pool_dead *dead;

                TAILQ_FOREACH (dead, &pool->dead, entry)
                        if (!dead->is_clean)
                                return;
                loop_stop(pool->loop, 0);
                return;
        }
        if (pool->is_last_wait)
                return;
        pool->is_last_wait = true;
        if (loop_timer_start(pool->stop_timer, POOL_LAST_WAIT_USEC))
                loop_stop(pool->loop, 0);
}

/* ------------------------------------------------------------------------------------ children */

static void pool_reap(struct pool *pool)
{
        bool is_any = false;
        int status;
        pid_t pid;

        while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
                is_any = true;
                if (!pool_worker_on_exit(pool, pid, status))
                        (void)pool_compact_on_exit(pool, pid, status);
        }
        if (is_any)
                pool_dead_sweep(pool);
}

static void pool_on_signal(void *arg, int signo)
{
        struct pool *pool = arg;

        if (signo == SIGCHLD)
                pool_reap(pool);
        else if (signo == SIGTERM || signo == SIGINT)
                pool_begin_stop(pool, pool->grace_usec);
}

static void pool_turn(void *arg)
{
        struct pool *pool = arg;

        if (pool->is_state_news)
                pool_send_state(pool);
        link_turn(pool->link, false);
        if (pool->is_stopping)
                pool_consider_exit(pool);
        else if (pool->next_build)
                pool_exec_again(pool);
}

/* ------------------------------------------------------------------------------------ building */

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wcast-qual" /* protobuf-c's strings are not const; it only reads  \
                                              */
static int pool_fill_hello(struct pool *pool)
{
        int r;

        jobd__work__hello__init(&pool->hello);
        r = clock_read_boot_id(pool->boot_id);
        if (r)
                return PASS(r);
        pool->hello.version = WIRE_WORKER_VERSION;
        pool->hello.role = JOBD__WORK__ROLE__ROLE_POOL;
        pool->hello.build = (char *)pool->options->build;
        pool->hello.boot_id.data = pool->boot_id;
        pool->hello.boot_id.len = sizeof(pool->boot_id);
        pool->hello.pid = (uint32_t)getpid();
        return 0;
}
#pragma GCC diagnostic pop

static int pool_find_exe(struct pool *pool)
{
        static const char deleted[] = " (deleted)";
        char path[4096];
        ssize_t n;
        size_t size;

        if (pool->options->exe_path) {
                pool->exe_path = strdup(pool->options->exe_path);
                return pool->exe_path ? 0 : FAULT(-ENOMEM);
        }
        n = readlink("/proc/self/exe", path, sizeof(path) - 1);
        if (n < 0)
                return FAULT(-errno);
        size = (size_t)n;
        path[size] = '\0';
        /* Replaced on disk between exec and now: what stands there is what we want. */
        if (size > strlen(deleted) && strcmp(path + size - strlen(deleted), deleted) == 0)
                path[size - strlen(deleted)] = '\0';
        pool->exe_path = strdup(path);
        return pool->exe_path ? 0 : FAULT(-ENOMEM);
}

static int pool_open_folders(struct pool *pool, struct reason *why)
{
        const struct options *options = pool->options;
        int r;

        r = fs_open_folder(options->records_path, 0700, geteuid(), &pool->records_fd, why);
        if (r)
                return r < 0 ? PASS(r) : r;
        pool->spool_fd = open(options->spool_path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (pool->spool_fd < 0)
                return reason_set(why, FS_E_REFUSED, "cannot open the spool folder %s: %s",
                                  options->spool_path, strerrordesc_np(errno));
        return 0;
}

/* 0, FS_E_LOCKED, FS_E_REFUSED, or a fault. */
static int pool_take_place(struct pool *pool, struct reason *why)
{
        int r;

        r = pool_open_folders(pool, why);
        if (r)
                return r < 0 ? PASS(r) : r;
        if (!pool->options->is_user_mode) {
                if (geteuid() != 0)
                        return reason_set(why, FS_E_REFUSED,
                                          "without --user the pool must be run by root");
                if (policy_load(pool->options->policy_path, &pool->policy, why))
                        return FS_E_REFUSED;
        }
        if (pool->options->state_fd >= 0)
                return 0;
        r = fs_lock_file(pool->records_fd, "pool.lock", false, &pool->lock_fd);
        return r < 0 ? PASS(r) : r;
}

/* A pool that was started with less than nothing to lose would make its jobs the last victims. */
static void pool_raise_oom_score(void)
{
        _cleanup_(freep) char *text = NULL;
        _cleanup_(fd_closep) int fd = -1;

        if (fs_read_file(AT_FDCWD, "/proc/self/oom_score_adj", 64, &text, NULL) || atoi(text) >= 0)
                return;
        fd = open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC);
        if (fd >= 0)
                (void)!write(fd, "0", 1);
}

/* A time in the environment, for tests. */
static uint64_t pool_read_time(const char *variable, uint64_t unit_usec, uint64_t otherwise_usec)
{
        const char *text = getenv(variable);
        uint64_t count;

        if (!text || parse_u64(text, variable, 0, 1000000000, &count, NULL))
                return otherwise_usec;
        return count * unit_usec;
}

static int pool_settle(struct pool *pool)
{
        int r;

        if (pool->options->is_user_mode)
                pool_raise_oom_score();
        if (prctl(PR_SET_DUMPABLE, 0) < 0 || prctl(PR_SET_CHILD_SUBREAPER, 1) < 0)
                return FAULT(-errno);
        umask(027);
        pool->idle_usec = pool_read_time("JOBD_POOL_IDLE_SEC", USEC_PER_SEC, POOL_IDLE_USEC);
        pool->watch_usec = pool_read_time("JOBD_POOL_WATCH_MSEC", USEC_PER_MSEC, POOL_WATCH_USEC);
        r = cgroup_settle(pool->options->is_delegated, &pool->cgroup_path);
        if (r < 0)
                return PASS(r);
        if (r == 0) {
                pool->cgroup_fd = open(pool->cgroup_path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
                if (pool->cgroup_fd < 0)
                        return FAULT(-errno);
                log_notice("jobs are held by cgroup v2, each task in a group below %s",
                           pool->cgroup_path);
        } else {
                log_notice(
                        "jobs are held by process groups, subreaper and rlimits: no cgroup v2 is "
                        "delegated to the workers (systemd does so, on a machine with the unified "
                        "hierarchy), so --mem bounds each process of a job, not all together");
        }
        r = pool_fill_hello(pool);
        if (r == 0)
                r = pool_find_exe(pool);
        return PASS(r);
}

static int pool_build(struct pool *pool)
{
        const struct link_options link_options = {
                .socket_path = pool->options->socket_path,
                .owner_uid = pool->options->owner_uid,
                .hello = &pool->hello,
        };
        int r;

        r = loop_new(&pool->loop);
        if (r == 0)
                r = signals_new(pool->loop, pool_on_signal, pool, &pool->signals);
        if (r == 0)
                r = link_new(pool->loop, &link_options, &pool_link_ops, pool, &pool->link);
        if (r == 0)
                r = loop_timer_new(pool->loop, pool_on_idle_time, pool, &pool->idle_timer);
        if (r == 0)
                r = loop_timer_new(pool->loop, pool_on_stop_time, pool, &pool->stop_timer);
        if (r == 0)
                r = pool_watch_init(pool);
        if (r == 0)
                r = pool_dead_init(pool);
        return PASS(r);
}

static int pool_start(struct pool *pool)
{
        int r = 0;

        pool->wanted = pool->options->workers;
        if (pool->options->state_fd >= 0)
                r = pool_exec_resume(pool);
        if (r == 0)
                r = pool_dead_scan(pool);
        if (r)
                return PASS(r);
        pool_reap(pool);
        pool_start_idle_timer(pool);
        r = pool_worker_resize(pool, pool->wanted);
        return PASS(r);
}

static void pool_deinit(struct pool *pool)
{
        pool_compact_deinit(pool);
        pool_worker_deinit_all(pool);
        if (pool->loop)
                pool_dead_deinit(pool);
        loop_timer_free(pool->idle_timer);
        loop_timer_free(pool->stop_timer);
        loop_timer_free(pool->watch_timer);
        loop_timer_free(pool->dial_timer);
        link_free(pool->link);
        signals_free(pool->signals);
        loop_free(pool->loop);
        free(pool->exe_path);
        free(pool->cgroup_path);
        free(pool->next_build);
        fd_close(pool->records_fd);
        fd_close(pool->spool_fd);
        fd_close(pool->cgroup_fd);
        fd_close(pool->lock_fd);
}

int pool_run(const struct options *options)
{
        struct pool pool = {
                .options = options,
                .records_fd = -1,
                .spool_fd = -1,
                .lock_fd = -1,
                .cgroup_fd = -1,
                .grace_usec = POOL_GRACE_USEC,
        };
        struct reason why = { "" };
        int r;

        TAILQ_INIT(&pool.dead);
        TAILQ_INIT(&pool.orphans);
        STAILQ_INIT(&pool.compactions);
        r = pool_take_place(&pool, &why);
        if (r == FS_E_LOCKED) {
                log_notice("another pool has %s: leaving", options->records_path);
                pool_deinit(&pool);
                return 0;
        }
        if (r > 0)
                log_error("%s", why.text);
        if (r == 0)
                r = pool_settle(&pool);
        if (r == 0)
                r = pool_build(&pool);
        if (r == 0)
                r = pool_start(&pool);
        if (r == 0)
                r = loop_run(pool.loop, pool_turn, &pool);
        if (r < 0)
                log_error("the pool ends: %s", strerrordesc_np(-r));
        pool_deinit(&pool);
        return r ? 1 : 0;
}

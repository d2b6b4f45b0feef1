/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The pool's parent, where no service manager is: `jobd-worker --pool` is started in a session of
 * its own, with nothing of ours but stderr, and outlives us. So does the pool of the jobd before
 * us: it holds pool.lock in the records' folder, and then none is started.
 *
 *              run()
 *   (none) -----------> CHILD --died--> WAITING --timer--> CHILD, or FOREIGN when pool.lock is held
 *      '--lock held--> FOREIGN --its link is gone, or never came--> WAITING
 *
 * A pool that dies is started again after a second; one that does not live for ten is given twice
 * the time of before, up to a minute. A foreign pool that goes is looked for in the lock, also
 * after a second: it may only be changing itself for a newer build.
 *
 * In system mode jobd has dropped by then and cannot start what must be root: it says so, once.
 * Nothing here waits; a child is watched by its pidfd. Called by main.c and daemon.c.
 */
#include "daemon/start_pool.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/wait.h>

#include "common/clock.h"
#include "common/fs.h"
#include "common/log.h"

#ifndef START_POOL_INSTALLED
#define START_POOL_INSTALLED "/usr/libexec/jobd/jobd-worker"
#endif

#define START_POOL_LOCK "pool.lock"
#define START_POOL_IDLE "JOBD_POOL_IDLE_SEC"
#define START_POOL_NEVER_SEC 1000000000ULL
#define START_POOL_FIRST_USEC USEC_PER_SEC
#define START_POOL_MAX_USEC (60 * USEC_PER_SEC)
#define START_POOL_YOUNG_USEC (10 * USEC_PER_SEC)

struct start_pool {
        struct start_pool_options with;
        char *program;            /* owned */
        int pid_fd;               /* owned: our child; -1: none */
        struct loop *loop;        /* borrowed from start_pool_watch(); NULL before and after */
        struct loop_watch *watch; /* owned: of pid_fd */
        struct loop_timer *timer; /* owned: the next attempt */
        uint64_t delay_usec;      /* before the next attempt */
        uint64_t started_usec;
        bool is_linked; /* a pool, whosever, is connected */
};

/* ---------------------------------------------------------------------------------- the program */

static char *start_pool_try(char *path)
{
        if (path && access(path, X_OK) == 0)
                return path;
        free(path);
        return NULL;
}

/* $JOBD_WORKER_PROGRAM, beside this program, in the libexec folder of its prefix, as installed. */
static char *start_pool_find_program(void)
{
        static const char *const places[] = { "jobd-worker", "../libexec/jobd/jobd-worker",
                                              "../lib/jobd/jobd-worker" };
        const char *named = getenv("JOBD_WORKER_PROGRAM");
        char exe[PATH_MAX];
        char *program = NULL;
        char *slash;
        ssize_t n;

        if (named && *named)
                return start_pool_try(strdup(named));
        n = readlink("/proc/self/exe", exe, sizeof(exe) - 1);
        exe[n > 0 ? n : 0] = '\0';
        slash = strrchr(exe, '/');
        for (size_t i = 0; slash && !program && i < ARRAY_SIZE(places); i++)
                program = start_pool_try(fs_path("%.*s/%s", (int)(slash - exe), exe, places[i]));
        return program ? program : start_pool_try(strdup(START_POOL_INSTALLED));
}

/* ---------------------------------------------------------------------------------- life time */

struct start_pool *start_pool_free(struct start_pool *pool)
{
        if (!pool)
                return NULL;
        start_pool_stop(pool);
        fd_close(pool->pid_fd);
        free(pool->program);
        free(pool);
        return NULL;
}

int start_pool_new(const struct start_pool_options *options, struct start_pool **out_pool,
                   struct reason *why)
{
        _cleanup_(start_pool_freep) struct start_pool *pool = calloc(1, sizeof(*pool));
        const char *named = getenv("JOBD_WORKER_PROGRAM");

        if (!pool)
                return FAULT(-ENOMEM);
        pool->with = *options;
        pool->pid_fd = -1;
        pool->delay_usec = START_POOL_FIRST_USEC;
        pool->program = start_pool_find_program();
        if (!pool->program)
                return reason_set(why, START_POOL_E_REFUSED,
                                  "the workers' program cannot be executed: %s; install it beside "
                                  "jobd, or name it in JOBD_WORKER_PROGRAM",
                                  named && *named ? named : START_POOL_INSTALLED);
        *out_pool = TAKE_PTR(pool);
        return 0;
}

/* ------------------------------------------------------------------------------------ spawning */

static bool start_pool_is_kept_back(const char *variable)
{
        /* What systemd told us is not for the pool: it would speak for us. */
        static const char *const prefixes[] = { "NOTIFY_SOCKET=", "LISTEN_", "WATCHDOG_" };

        for (size_t i = 0; i < ARRAY_SIZE(prefixes); i++)
                if (strncmp(variable, prefixes[i], strlen(prefixes[i])) == 0)
                        return true;
        return false;
}

/* The pool's environment: ours, and `idle` (borrowed) unless somebody has set that already. */
static char **start_pool_environment(char *idle)
{
        size_t count = 0, kept = 0;
        char **list;

        while (environ[count])
                count++;
        list = calloc(count + 2, sizeof(*list));
        for (size_t i = 0; list && i < count; i++)
                if (!start_pool_is_kept_back(environ[i]))
                        list[kept++] = environ[i];
        if (list && !getenv(START_POOL_IDLE))
                list[kept] = idle;
        return list;
}

static int start_pool_set_attributes(posix_spawnattr_t *attributes)
{
        sigset_t all, none;
        int error;

        sigfillset(&all);
        sigemptyset(&none);
        error = posix_spawnattr_setsigdefault(attributes, &all);
        if (!error)
                error = posix_spawnattr_setsigmask(attributes, &none);
        if (!error)
                error = posix_spawnattr_setflags(attributes, POSIX_SPAWN_SETSIGDEF |
                                                                     POSIX_SPAWN_SETSIGMASK |
                                                                     POSIX_SPAWN_SETSID);
        return error;
}

static int start_pool_set_actions(posix_spawn_file_actions_t *actions)
{
        int error = posix_spawn_file_actions_addopen(actions, 0, "/dev/null", O_RDWR, 0);

        if (!error)
                error = posix_spawn_file_actions_adddup2(actions, 2, 1);
        if (!error)
                error = posix_spawn_file_actions_addclosefrom_np(actions, 3);
        if (!error)
                error = posix_spawn_file_actions_addchdir_np(actions, "/");
        return error;
}

/* 0 and *out_pid, or an errno. */
static int start_pool_spawn(const struct start_pool *pool, pid_t *out_pid)
{
        const struct paths *paths = pool->with.paths;
        const uint64_t idle_sec = MIN(pool->with.idle_usec / USEC_PER_SEC, START_POOL_NEVER_SEC);
        char idle[sizeof(START_POOL_IDLE "=") + 20];
        _cleanup_(freep) char **environment = start_pool_environment(idle);
        posix_spawn_file_actions_t actions;
        posix_spawnattr_t attributes;
        char workers[16], uid[16];
        char pool_word[] = "--pool", socket_word[] = "--socket", records_word[] = "--records",
             spool_word[] = "--spool", workers_word[] = "--workers", owner_word[] = "--owner-uid",
             user_word[] = "--user";
        char *argv[] = { pool->program, pool_word,
                         socket_word,   paths->workers_socket,
                         records_word,  paths->records,
                         spool_word,    paths->spool,
                         workers_word,  workers,
                         owner_word,    uid,
                         user_word,     NULL };
        int error;

        if (!environment)
                return ENOMEM;
        if (paths->is_system)
                argv[ARRAY_SIZE(argv) - 2] = NULL;
        snprintf(idle, sizeof(idle), START_POOL_IDLE "=%llu", (unsigned long long)idle_sec);
        snprintf(workers, sizeof(workers), "%u", pool->with.workers);
        snprintf(uid, sizeof(uid), "%u", (unsigned int)pool->with.jobd_uid);
        error = posix_spawn_file_actions_init(&actions);
        if (error)
                return error;
        error = posix_spawnattr_init(&attributes);
        if (!error) {
                error = start_pool_set_attributes(&attributes);
                if (!error)
                        error = start_pool_set_actions(&actions);
                if (!error)
                        error = posix_spawn(out_pid, pool->program, &actions, &attributes, argv,
                                            environment);
                posix_spawnattr_destroy(&attributes);
        }
        posix_spawn_file_actions_destroy(&actions);
        return error;
}

static void start_pool_on_exit(void *arg, unsigned int flags);

/* Watches the child, when there are both child and loop. */
static int start_pool_watch_child(struct start_pool *pool)
{
        int r;

        if (!pool->loop || pool->pid_fd < 0)
                return 0;
        r = loop_watch_new(pool->loop, pool->pid_fd, LOOP_READ, start_pool_on_exit, pool,
                           &pool->watch);
        return r ? PASS(r) : 0;
}

int start_pool_run(struct start_pool *pool, struct reason *why)
{
        const int is_locked = fs_is_locked(pool->with.records_fd, START_POOL_LOCK);
        pid_t pid;
        int error, r;

        if (is_locked < 0)
                return PASS(is_locked);
        if (is_locked)
                return 0;
        error = start_pool_spawn(pool, &pid);
        if (error)
                return reason_set(why, START_POOL_E_REFUSED, "cannot start %s: %s", pool->program,
                                  strerror(error));
        pool->started_usec = clock_mono_usec();
        pool->pid_fd = pidfd_open(pid, 0);
        if (pool->pid_fd < 0)
                return FAULT(-errno);
        r = start_pool_watch_child(pool);
        return r ? PASS(r) : 0;
}

/* ------------------------------------------------------------------------------------ watching */

static void start_pool_wait(struct start_pool *pool)
{
        if (!pool->timer || loop_timer_is_on(pool->timer))
                return;
        if (loop_timer_start(pool->timer, pool->delay_usec))
                log_error("the pool will not be started again: no timer");
}

static void start_pool_on_timer(void *arg)
{
        struct start_pool *pool = arg;
        struct reason why = { .text = "out of memory or descriptors" };

        if (pool->is_linked || pool->pid_fd >= 0)
                return;
        if (start_pool_run(pool, &why))
                log_write(LOG_LEVEL_ERROR, LOG_EVENT_WORKER_DIED, 0, "the pool is not running: %s",
                          why.text);
        else if (pool->pid_fd >= 0)
                return;
        /* Failed, or somebody holds the lock who has not dialled us: look again later. */
        pool->delay_usec = MIN(2 * pool->delay_usec, START_POOL_MAX_USEC);
        start_pool_wait(pool);
}

static void start_pool_tell_exit(const siginfo_t *info)
{
        if (info->si_code == CLD_EXITED)
                log_write(LOG_LEVEL_WARNING, LOG_EVENT_WORKER_DIED, 0,
                          "the pool ended with code %d", info->si_status);
        else
                log_write(LOG_LEVEL_WARNING, LOG_EVENT_WORKER_DIED, 0,
                          "the pool was killed by signal %d", info->si_status);
}

static void start_pool_on_exit(void *arg, unsigned int flags _unused_)
{
        struct start_pool *pool = arg;
        siginfo_t info = { 0 };
        bool is_young;

        if (waitid(P_PIDFD, (id_t)pool->pid_fd, &info, WEXITED | WNOHANG) == 0 && !info.si_pid)
                return;
        pool->watch = loop_watch_free(pool->watch);
        pool->pid_fd = fd_close(pool->pid_fd);
        start_pool_tell_exit(&info);
        if (!pool->with.may_restart) {
                log_write(LOG_LEVEL_ERROR, LOG_EVENT_WORKER_DIED, 0,
                          "no job can start until jobd is started again as root");
                return;
        }
        is_young = clock_mono_usec() - pool->started_usec < START_POOL_YOUNG_USEC;
        pool->delay_usec =
                is_young ? MIN(2 * pool->delay_usec, START_POOL_MAX_USEC) : START_POOL_FIRST_USEC;
        start_pool_wait(pool);
}

int start_pool_watch(struct start_pool *pool, struct loop *loop)
{
        int r;

        pool->loop = loop;
        r = loop_timer_new(loop, start_pool_on_timer, pool, &pool->timer);
        if (r == 0)
                r = start_pool_watch_child(pool);
        if (r)
                return PASS(r);
        if (pool->pid_fd < 0 && pool->with.may_restart)
                start_pool_wait(pool);
        return 0;
}

void start_pool_on_link(struct start_pool *pool, bool connected)
{
        pool->is_linked = connected;
        /* A child's end is told by its pidfd. */
        if (!connected && pool->pid_fd < 0 && pool->with.may_restart)
                start_pool_wait(pool);
}

void start_pool_end(struct start_pool *pool)
{
        if (pool->pid_fd >= 0 && pidfd_send_signal(pool->pid_fd, SIGTERM, NULL, 0) < 0)
                log_debug("the pool stays: %s", strerror(errno));
}

void start_pool_stop(struct start_pool *pool)
{
        pool->watch = loop_watch_free(pool->watch);
        pool->timer = loop_timer_free(pool->timer);
        pool->loop = NULL;
}

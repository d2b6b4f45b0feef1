/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What dead workers leave: a record, and perhaps processes.
 *
 * The record is read once, when the worker is known to be dead. Then everything that is left of its
 * jobs is killed: the cgroup of each attempt, or, without cgroups, every child of ours that is no
 * worker - we are the subreaper, so what a dead worker's job had running became our child in the
 * moment the worker died. For workers of an earlier pool, whose jobs went to init instead, the
 * sessions of the recorded pids are searched.
 *
 * Only when nothing is left is jobd told what the record says; it is told again on every new link,
 * and the file is deleted when jobd acknowledged it. What outlives KILL for 30 s is reported as it
 * is, by name.
 *
 * Records of another boot say nothing about any process now and are deleted at the start.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>

#include "common/fs.h"
#include "common/log.h"

#include "worker/cgroup.h"
#include "worker/pool_private.h"
#include "worker/tree.h"

#define POOL_DEAD_SURVIVE_USEC (30 * USEC_PER_SEC)
#define POOL_DEAD_RETRY_USEC (20 * USEC_PER_MSEC)

/* ----------------------------------------------------------------------------------- reporting */

static void pool_dead_fill_held(Jobd__Work__HeldLease *held, const struct record_entry *entry)
{
        jobd__work__held_lease__init(held);
        held->lease = entry->lease;
        held->job = entry->job;
        held->task = entry->task;
        held->attempt = entry->attempt;
        held->state = (Jobd__Work__SlotState)entry->state;
        held->has_pid = entry->pid != 0;
        held->pid = entry->pid;
        held->has_start_wall_usec = entry->start_wall_usec != 0;
        held->start_wall_usec = entry->start_wall_usec;
        held->has_spooled = held->has_output_bytes = true;
        held->spooled = entry->spooled != 0;
        held->output_bytes = entry->output_bytes;
        if (entry->state != RECORD_EXITED)
                return;
        held->has_outcome = true;
        held->outcome = (Jobd__Work__Outcome)entry->outcome;
        held->has_exit_code = entry->exit_code >= 0;
        held->exit_code = entry->exit_code;
        held->has_exit_signal = entry->exit_signal != 0;
        held->exit_signal = entry->exit_signal;
}

static void pool_dead_report(struct pool *pool, struct pool_dead *dead)
{
        Jobd__Work__HeldLease held[RECORD_SLOTS], *list[RECORD_SLOTS];
        Jobd__Work__DeadWorker message = JOBD__WORK__DEAD_WORKER__INIT;
        Jobd__Work__Report report = JOBD__WORK__REPORT__INIT;

        for (size_t i = 0; i < dead->image.count; i++) {
                pool_dead_fill_held(&held[i], &dead->image.entries[i]);
                list[i] = &held[i];
        }
        message.number = dead->number;
        message.generation = dead->generation;
        message.record_intact = dead->is_intact;
        message.n_leases = dead->image.count;
        message.leases = list;
        message.why = dead->why;
        report.body_case = JOBD__WORK__REPORT__BODY_DEAD_WORKER;
        report.dead_worker = &message;
        link_send(pool->link, &report);
}

void pool_dead_report_all(struct pool *pool)
{
        struct pool_dead *dead;

        TAILQ_FOREACH (dead, &pool->dead, entry)
                if (dead->is_clean)
                        pool_dead_report(pool, dead);
}

void pool_dead_on_ack(struct pool *pool, uint32_t number, uint64_t generation)
{
        struct pool_dead *dead, *next;
        char name[RECORD_NAME_MAX];

        TAILQ_FOREACH_SAFE (dead, &pool->dead, entry, next) {
                if (dead->number != number || dead->generation != generation || !dead->is_clean)
                        continue;
                record_name(name, number, generation);
                (void)unlinkat(pool->records_fd, name, 0);
                TAILQ_REMOVE(&pool->dead, dead, entry);
                free(dead);
        }
}

/* ------------------------------------------------------------------------------- killing rests */

static bool pool_dead_is_left_over(void *arg, pid_t pid)
{
        const struct pool *pool = arg;

        return pid != pool->compact_pid && !pool_worker_is_known(pool, pid);
}

/* True when no process of this attempt is left, as far as we can see. */
static bool pool_dead_clean_entry(const struct pool *pool, const struct pool_dead *dead,
                                  const struct record_entry *entry)
{
        bool is_clean = true;

        if (entry->state != RECORD_GO && entry->state != RECORD_RUNNING)
                return true;
        if (pool->cgroup_fd >= 0)
                is_clean = cgroup_kill_left(pool->cgroup_fd, entry->uid, entry->job, entry->task,
                                            entry->attempt);
        if (!dead->is_ours && entry->pid)
                is_clean &= tree_kill_session((pid_t)entry->pid, entry->uid,
                                              entry->start_boot_usec) == 0;
        return is_clean;
}

static bool pool_dead_clean(struct pool *pool, struct pool_dead *dead, bool has_strays)
{
        bool is_clean = !(dead->is_ours && has_strays);
        char names[96];

        for (size_t i = 0; i < dead->image.count; i++)
                is_clean &= pool_dead_clean_entry(pool, dead, &dead->image.entries[i]);
        if (is_clean || clock_mono_usec() - dead->since_usec < POOL_DEAD_SURVIVE_USEC)
                return is_clean;
        tree_describe_children(names, sizeof(names));
        snprintf(dead->why, sizeof(dead->why), "processes that cannot be killed are left: %s",
                 names);
        log_warning("worker %" PRIu32 ": %s", dead->number, dead->why);
        return true;
}

void pool_dead_sweep(struct pool *pool)
{
        struct pool_dead *dead;
        bool has_strays = false, is_again = false, is_wanted = false;

        TAILQ_FOREACH (dead, &pool->dead, entry)
                is_wanted |= !dead->is_clean;
        if (!is_wanted)
                return;
        has_strays = tree_kill_children(pool_dead_is_left_over, pool) > 0;
        TAILQ_FOREACH (dead, &pool->dead, entry) {
                if (dead->is_clean)
                        continue;
                dead->is_clean = pool_dead_clean(pool, dead, has_strays);
                if (dead->is_clean)
                        pool_dead_report(pool, dead);
                else
                        is_again = true;
        }
        if (is_again && loop_timer_start(pool->sweep_timer, POOL_DEAD_RETRY_USEC))
                log_error("what dead workers left is not looked after: no timer");
}

static void pool_dead_on_sweep_time(void *arg)
{
        pool_dead_sweep(arg);
}

void pool_dead_add(struct pool *pool, uint32_t number, uint64_t generation, bool is_ours,
                   const char *why)
{
        struct pool_dead *dead = calloc(1, sizeof(*dead));
        char name[RECORD_NAME_MAX];
        int r;

        if (!dead) {
                log_error("no memory to look after dead worker %" PRIu32, number);
                return;
        }
        dead->number = number;
        dead->generation = generation;
        dead->is_ours = is_ours;
        dead->since_usec = clock_mono_usec();
        snprintf(dead->why, sizeof(dead->why), "%s", why);
        record_name(name, number, generation);
        r = record_read(pool->records_fd, name, pool->boot_id, &dead->image);
        dead->is_intact = r == 0 && dead->image.is_intact;
        if (r)
                log_warning("the record of dead worker %" PRIu32 " cannot be read", number);
        TAILQ_INSERT_TAIL(&pool->dead, dead, entry);
        pool_dead_sweep(pool);
}

/* ------------------------------------------------------------------------------- earlier pools */

static struct pool_orphan *pool_orphan_free(struct pool_orphan *orphan)
{
        loop_watch_free(orphan->watch);
        fd_close(orphan->pid_fd);
        free(orphan);
        return NULL;
}

static void pool_dead_on_orphan_exit(void *arg, _unused_ unsigned int flags)
{
        struct pool_orphan *orphan = arg;
        struct pool *pool = orphan->pool;
        const uint32_t number = orphan->number;
        const uint64_t generation = orphan->generation;

        TAILQ_REMOVE(&pool->orphans, orphan, entry);
        pool_orphan_free(orphan);
        pool_dead_add(pool, number, generation, false, "its pool died");
}

/* Its lock is held: a worker that outlived its pool and is ending its job. */
static int pool_dead_watch_orphan(struct pool *pool, uint32_t number, uint64_t generation,
                                  pid_t pid)
{
        struct pool_orphan *orphan = calloc(1, sizeof(*orphan));
        int r;

        if (!orphan)
                return FAULT(-ENOMEM);
        orphan->pool = pool;
        orphan->number = number;
        orphan->generation = generation;
        orphan->pid_fd = (int)syscall(SYS_pidfd_open, pid, 0);
        r = orphan->pid_fd < 0 ? FAULT(-errno)
                               : loop_watch_new(pool->loop, orphan->pid_fd, LOOP_READ,
                                                pool_dead_on_orphan_exit, orphan, &orphan->watch);
        if (r) {
                pool_orphan_free(orphan);
                return PASS(r);
        }
        TAILQ_INSERT_TAIL(&pool->orphans, orphan, entry);
        return 0;
}

static bool pool_dead_is_living_worker(const struct pool *pool, uint32_t number,
                                       uint64_t generation)
{
        return number < pool->seats_count && pool->seats[number]->pid &&
               pool->seats[number]->generation == generation;
}

static int pool_dead_look_at(struct pool *pool, const char *name, uint32_t number,
                             uint64_t generation)
{
        struct record_image image;
        int r;

        if (pool_dead_is_living_worker(pool, number, generation))
                return 0;
        r = record_read(pool->records_fd, name, pool->boot_id, &image);
        if (r == RECORD_E_FOREIGN) {
                (void)unlinkat(pool->records_fd, name, 0);
                return 0;
        }
        if (r < 0)
                return PASS(r);
        /* In this order: a worker that ends in between is found dead by the watch. */
        if (r == 0 && fs_is_locked(pool->records_fd, name) == 1 &&
            pool_dead_watch_orphan(pool, number, generation, (pid_t)image.worker_pid) == 0)
                return 0;
        pool_dead_add(pool, number, generation, false, "its pool died");
        return 0;
}

static int pool_dead_read_generation(struct pool *pool)
{
        _cleanup_(freep) char *text = NULL;
        int r;

        r = fs_read_file(pool->records_fd, "generation", 64, &text, NULL);
        if (r < 0)
                return PASS(r);
        if (r == 0)
                pool->generation = MAX(pool->generation, strtoull(text, NULL, 10));
        return 0;
}

int pool_dead_scan(struct pool *pool)
{
        const int fd = openat(pool->records_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        DIR *folder = fd < 0 ? NULL : fdopendir(fd);
        const struct dirent *entry;
        int r;

        if (!folder) {
                fd_close(fd);
                return FAULT(-errno);
        }
        r = pool_dead_read_generation(pool);
        while (r == 0 && (entry = readdir(folder))) {
                uint32_t number;
                uint64_t generation;

                if (!record_parse_name(entry->d_name, &number, &generation))
                        continue;
                pool->generation = MAX(pool->generation, generation);
                r = pool_dead_look_at(pool, entry->d_name, number, generation);
        }
        closedir(folder);
        return PASS(r);
}

int pool_dead_init(struct pool *pool)
{
        int r;

        TAILQ_INIT(&pool->dead);
        TAILQ_INIT(&pool->orphans);
        r = loop_timer_new(pool->loop, pool_dead_on_sweep_time, pool, &pool->sweep_timer);
        return PASS(r);
}

void pool_dead_deinit(struct pool *pool)
{
        struct pool_dead *dead;
        struct pool_orphan *orphan;

        while ((dead = TAILQ_FIRST(&pool->dead))) {
                TAILQ_REMOVE(&pool->dead, dead, entry);
                free(dead);
        }
        while ((orphan = TAILQ_FIRST(&pool->orphans))) {
                TAILQ_REMOVE(&pool->orphans, orphan, entry);
                pool_orphan_free(orphan);
        }
        loop_timer_free(pool->sweep_timer);
}

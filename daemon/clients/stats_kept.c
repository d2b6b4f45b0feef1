/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the database still knows: jobs and tasks by how they ended, how long they waited and ran,
 * and who had how much of it. The journal sums up rows in slices (query_totals.c); they are joined
 * here and told as families whose names begin with jobd_kept_. All are gauges: jobs come, and are
 * forgotten.
 *
 * A task counts by its newest attempt. Tasks without a row never began: those of finished jobs were
 * cancelled, those of others are queued. Users are sorted, and at most KEPT_GROUPS_MAX told apart;
 * queues are few, and those that were removed are told as one. Called by verb_stats.c.
 */
#include "daemon/clients/stats_kept.h"

#include <errno.h>
#include <stdlib.h>

#include "common/clock.h"

#define KEPT_GROUPS_MAX 200U
#define GAUGE JOBD__METRIC_KIND__METRIC_GAUGE

/* Sums of a user, or of a queue. */
struct kept_group {
        UT_hash_handle hh;
        uint32_t id; /* of the user or the queue */
        struct journal_total sum;
};

struct stats_kept {
        struct journal_total all;
        struct kept_group *users, *queues; /* owned, uthash */
        struct spread wait_usec, run_usec;
        uint64_t oldest_wall_usec; /* 0: there is no job */
};

int stats_kept_new(struct stats_kept **out_kept)
{
        struct stats_kept *const kept = calloc(1, sizeof(*kept));

        if (!kept)
                return FAULT(-ENOMEM);
        *out_kept = kept;
        return 0;
}

static void kept_free_groups(struct kept_group *groups)
{
        struct kept_group *group, *next;

        HASH_ITER (hh, groups, group, next) {
                HASH_DEL(groups, group);
                free(group);
        }
}

struct stats_kept *stats_kept_free(struct stats_kept *kept)
{
        if (!kept)
                return NULL;
        kept_free_groups(kept->users);
        kept_free_groups(kept->queues);
        free(kept);
        return NULL;
}

static void kept_sum(struct journal_total *to, const struct journal_total *from)
{
        for (size_t i = 0; i < JOURNAL_STATES_MAX; i++) {
                to->jobs_by_state[i] += from->jobs_by_state[i];
                to->tasks_by_state[i] += from->tasks_by_state[i];
        }
        to->tasks_never += from->tasks_never;
        to->tasks_open += from->tasks_open;
        to->core_usec += from->core_usec;
        to->cpu_usec += from->cpu_usec;
}

static int kept_sum_group(struct kept_group **groups, uint32_t id, const struct journal_total *from)
{
        struct kept_group *group;

        HASH_FIND(hh, *groups, &id, sizeof(id), group);
        if (!group) {
                group = calloc(1, sizeof(*group));
                if (!group)
                        return FAULT(-ENOMEM);
                group->id = id;
                HASH_ADD(hh, *groups, id, sizeof(group->id), group);
                if (!group->hh.tbl) {
                        free(group);
                        return FAULT(-ENOMEM);
                }
        }
        kept_sum(&group->sum, from);
        return 0;
}

int stats_kept_join(struct stats_kept *kept, const struct journal_totals *slice)
{
        int r = 0;

        for (size_t i = 0; i < slice->groups_count && !r; i++) {
                const struct journal_total *const group = &slice->groups[i];

                kept_sum(&kept->all, group);
                r = kept_sum_group(&kept->users, group->uid, group);
                if (!r)
                        r = kept_sum_group(&kept->queues, group->queue, group);
        }
        spread_join(&kept->wait_usec, &slice->wait_usec);
        spread_join(&kept->run_usec, &slice->run_usec);
        if (slice->oldest_wall_usec)
                kept->oldest_wall_usec = slice->oldest_wall_usec;
        return r ? PASS(r) : 0;
}

/* ---------------------------------------------------------------------------------------- telling
 */

static uint64_t kept_jobs(const struct journal_total *sum)
{
        uint64_t count = 0;

        for (size_t i = 0; i < JOURNAL_STATES_MAX; i++)
                count += sum->jobs_by_state[i];
        return count;
}

static uint64_t kept_tasks(const struct journal_total *sum)
{
        uint64_t count = sum->tasks_never + sum->tasks_open;

        for (size_t i = 0; i < JOURNAL_STATES_MAX; i++)
                count += sum->tasks_by_state[i];
        return count;
}

/* Those that ended, and did neither succeed nor were cancelled. */
static uint64_t kept_failed(const struct journal_total *sum)
{
        uint64_t count = 0;

        for (int i = JOB_FAILED; i < JOB_STATE_COUNT; i++)
                count += i != JOB_CANCELLED ? sum->tasks_by_state[i] : 0;
        return count;
}

static uint64_t kept_core_usec(const struct journal_total *sum)
{
        return sum->core_usec;
}

static void kept_add_states(const struct stats_kept *kept, struct metrics *metrics)
{
        static const struct metrics_head jobs = { "jobd_kept_jobs",
                                                  "Jobs in the database, by how they ended.", GAUGE,
                                                  1 };
        static const struct metrics_head tasks = { "jobd_kept_tasks",
                                                   "Tasks in the database, by how they ended.",
                                                   GAUGE, 1 };
        uint64_t open = kept->all.tasks_open;
        int i;

        metrics_begin(metrics, &jobs);
        metrics_add_by(metrics, "state", "unfinished", kept->all.jobs_by_state[JOB_QUEUED]);
        for (i = JOB_SUCCEEDED; i < JOB_STATE_COUNT; i++)
                metrics_add_by(metrics, "state", job_state_name((enum job_state)i),
                               kept->all.jobs_by_state[i]);
        for (i = JOB_ABSENT; i < JOB_SUCCEEDED; i++)
                open += kept->all.tasks_by_state[i];
        metrics_begin(metrics, &tasks);
        metrics_add_by(metrics, "state", "unfinished", open);
        for (i = JOB_SUCCEEDED; i < JOB_STATE_COUNT; i++)
                metrics_add_by(metrics, "state", job_state_name((enum job_state)i),
                               kept->all.tasks_by_state[i] +
                                       (i == JOB_CANCELLED ? kept->all.tasks_never : 0));
}

static void kept_add_spread(struct metrics *metrics, const struct metrics_head *head,
                            const struct spread *spread)
{
        metrics_begin(metrics, head);
        if (spread->count == 0)
                return;
        metrics_add_by(metrics, "quantile", "0.5", spread_quantile(spread, 50));
        metrics_add_by(metrics, "quantile", "0.95", spread_quantile(spread, 95));
}

static void kept_add_numbers(const struct stats_kept *kept, uint64_t since_wall_usec,
                             struct metrics *metrics)
{
        static const struct metrics_head since = {
                "jobd_kept_since_seconds",
                "Only jobs count that were submitted at or after, in seconds since 1970; 0: all.",
                GAUGE, USEC_PER_SEC
        };
        static const struct metrics_head oldest = {
                "jobd_kept_oldest_seconds",
                "When the oldest of them was submitted, in seconds since 1970.", GAUGE, USEC_PER_SEC
        };
        static const struct metrics_head cores = { "jobd_kept_core_seconds",
                                                   "Run time of their tasks times their cores.",
                                                   GAUGE, USEC_PER_SEC };
        static const struct metrics_head cpu = { "jobd_kept_cpu_seconds",
                                                 "Processor time that their tasks have used.",
                                                 GAUGE, USEC_PER_SEC };
        static const struct metrics_head wait = {
                "jobd_kept_wait_seconds",
                "Time from the submission of a job to the start of a task, within an eighth.",
                GAUGE, USEC_PER_SEC
        };
        static const struct metrics_head run = { "jobd_kept_run_seconds",
                                                 "Run time of tasks, within an eighth.", GAUGE,
                                                 USEC_PER_SEC };

        metrics_begin(metrics, &since);
        metrics_add(metrics, since_wall_usec, NULL);
        metrics_begin(metrics, &oldest);
        if (kept->oldest_wall_usec)
                metrics_add(metrics, kept->oldest_wall_usec, NULL);
        metrics_begin(metrics, &cores);
        metrics_add(metrics, kept->all.core_usec, NULL);
        metrics_begin(metrics, &cpu);
        metrics_add(metrics, kept->all.cpu_usec, NULL);
        kept_add_spread(metrics, &wait, &kept->wait_usec);
        kept_add_spread(metrics, &run, &kept->run_usec);
}

/* ------------------------------------------------------------------------------ users and queues
 */

static int kept_compare(const void *a, const void *b)
{
        const struct kept_group *const *const x = a, *const *const y = b;

        if ((*x)->sum.core_usec != (*y)->sum.core_usec)
                return (*x)->sum.core_usec > (*y)->sum.core_usec ? -1 : 1;
        return ((*x)->id > (*y)->id) - ((*x)->id < (*y)->id);
}

/* Those with most core time first; what has no place is summed up in `other`. NULL: no memory. */
static const struct kept_group **kept_sort(struct kept_group *groups, size_t *out_count,
                                           struct kept_group *other)
{
        const size_t count = HASH_COUNT(groups);
        const struct kept_group **const list = calloc(count + 1, sizeof(const struct kept_group *));
        size_t n = 0;

        if (!list)
                return NULL;
        for (struct kept_group *group = groups; group; group = group->hh.next)
                list[n++] = group;
        qsort(list, n, sizeof(*list), kept_compare);
        *other = (struct kept_group){ .id = UINT32_MAX };
        for (size_t i = KEPT_GROUPS_MAX; i < n; i++)
                kept_sum(&other->sum, &list[i]->sum);
        if (n > KEPT_GROUPS_MAX)
                list[KEPT_GROUPS_MAX] = other;
        *out_count = MIN(n, KEPT_GROUPS_MAX + 1);
        return list;
}

struct kept_column {
        struct metrics_head head;
        uint64_t (*read)(const struct journal_total *sum);
};

/* clang-format off */
static const struct kept_column kept_user_columns[] = {
        { { "jobd_kept_user_jobs", "Jobs of a user in the database.", GAUGE, 1 }, kept_jobs },
        { { "jobd_kept_user_tasks", "Tasks of a user in the database.", GAUGE, 1 }, kept_tasks },
        { { "jobd_kept_user_failed_tasks", "Those that ended, and neither succeeded nor were cancelled.", GAUGE, 1 }, kept_failed },
        { { "jobd_kept_user_core_seconds", "Run time of a user's tasks times their cores.", GAUGE, USEC_PER_SEC }, kept_core_usec },
};
static const struct kept_column kept_queue_columns[] = {
        { { "jobd_kept_queue_jobs", "Jobs of a queue in the database.", GAUGE, 1 }, kept_jobs },
        { { "jobd_kept_queue_tasks", "Tasks of a queue in the database.", GAUGE, 1 }, kept_tasks },
        { { "jobd_kept_queue_failed_tasks", "Those that ended, and neither succeeded nor were cancelled.", GAUGE, 1 }, kept_failed },
        { { "jobd_kept_queue_core_seconds", "Run time of a queue's tasks times their cores.", GAUGE, USEC_PER_SEC }, kept_core_usec },
};
/* clang-format on */

/* Jobs of a queue that was removed have none. */
static const char *kept_queue_name(const struct engine *engine, uint32_t id)
{
        const char *const name = id == UINT32_MAX ? NULL : engine_queue_name(engine, id);

        return name ? name : "";
}

static void kept_add_users(const struct stats_kept *kept, struct metrics *metrics)
{
        struct kept_group other;
        size_t count = 0;
        _cleanup_(freep) const struct kept_group **list = kept_sort(kept->users, &count, &other);
        char uid[STATS_UID_MAX];

        for (size_t c = 0; list && c < ARRAY_SIZE(kept_user_columns); c++) {
                metrics_begin(metrics, &kept_user_columns[c].head);
                for (size_t i = 0; i < count; i++)
                        metrics_add_by(metrics, "uid", stats_format_uid(list[i]->id, uid),
                                       kept_user_columns[c].read(&list[i]->sum));
        }
}

/* Removed queues are one line: their names are forgotten. */
static void kept_add_queues(const struct stats_kept *kept, const struct engine *engine,
                            struct metrics *metrics)
{
        for (size_t c = 0; c < ARRAY_SIZE(kept_queue_columns); c++) {
                uint64_t gone = 0;

                metrics_begin(metrics, &kept_queue_columns[c].head);
                for (struct kept_group *group = kept->queues; group; group = group->hh.next) {
                        const char *const name = kept_queue_name(engine, group->id);
                        const uint64_t number = kept_queue_columns[c].read(&group->sum);

                        if (name[0])
                                metrics_add_by(metrics, "queue", name, number);
                        else
                                gone += number;
                }
                if (gone > 0)
                        metrics_add_by(metrics, "queue", "", gone);
        }
}

void stats_kept_add(const struct stats_kept *kept, const struct engine *engine, bool by_user,
                    uint64_t since_wall_usec, struct metrics *metrics)
{
        kept_add_states(kept, metrics);
        kept_add_numbers(kept, since_wall_usec, metrics);
        kept_add_queues(kept, engine, metrics);
        if (by_user)
                kept_add_users(kept, metrics);
}

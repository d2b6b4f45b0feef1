/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The picture of a daemon that top shows: its answers, turned into rows of text that is safe to
 * print, so that nothing of a connection is needed to draw it, and an old picture stays whole while
 * the next one is asked for. Without memory rows are missing, which the picture says.
 *
 * Called by top_fetch.c; read by top_screen.c and top_live.c.
 */
#include "client/cmd/top_model.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/clock.h"
#include "common/error.h"
#include "common/parse.h"
#include "common/text.h"

#include "client/cmd/metric.h"

static void model_free_job(struct top_job *job)
{
        free(job->name);
        free(job->queue);
        free(job->command);
        free(job->why);
        free(job->all);
}

static void model_free_shares(struct top_shares *shares)
{
        for (size_t i = 0; i < shares->count; i++)
                free(shares->rows[i].name);
        free(shares->rows);
}

void top_model_deinit(struct top_model *model)
{
        for (size_t i = 0; i < model->jobs_count; i++)
                model_free_job(&model->jobs[i]);
        free(model->jobs);
        model_free_shares(&model->users);
        model_free_shares(&model->queues);
        free(model->build);
        *model = (struct top_model){ 0 };
}

static char *model_text(const struct jobctl_item *item, enum jobctl_field field)
{
        const char *const text = jobctl_get_text(item, field, NULL);

        return text_escape(text ? text : "", text ? strlen(text) : 0);
}

void top_model_add_status(struct top_model *model, const struct jobctl_item *status)
{
        free(model->build);
        model->build = model_text(status, JOBCTL_STATUS_BUILD);
        model->taken_wall_usec = clock_wall_usec();
        model->is_system = jobctl_number_or(status, JOBCTL_STATUS_SYSTEM_MODE, 0);
        model->is_draining = jobctl_number_or(status, JOBCTL_STATUS_DRAINING, 0);
        model->is_disk_full = jobctl_number_or(status, JOBCTL_STATUS_DISK_FULL, 0);
        model->is_pool_missing = !jobctl_number_or(status, JOBCTL_STATUS_POOL_CONNECTED, 0);
        model->start_wall_usec = jobctl_number_or(status, JOBCTL_STATUS_START_WALL_USEC, 0);
        model->workers_wanted = jobctl_number_or(status, JOBCTL_STATUS_WORKERS_WANTED, 0);
        model->workers_busy = jobctl_number_or(status, JOBCTL_STATUS_WORKERS_BUSY, 0);
        model->queued = jobctl_number_or(status, JOBCTL_STATUS_QUEUED, 0);
        model->running = jobctl_number_or(status, JOBCTL_STATUS_RUNNING, 0);
        model->finished = jobctl_number_or(status, JOBCTL_STATUS_FINISHED, 0);
}

/* ------------------------------------------------------------------------------------- shares */

/* The families that tell of a user, or of a queue; NULL: there is none. */
struct model_families {
        const char *label, *weight, *jobs, *queued, *active, *cores, *core_seconds;
};
static const struct model_families model_user_families = {
        .label = "uid",
        .weight = "jobd_user_weight",
        .queued = "jobd_user_queued_tasks",
        .active = "jobd_user_active_tasks",
        .cores = "jobd_user_cores_leased",
        .core_seconds = "jobd_user_core_seconds_total",
};
static const struct model_families model_queue_families = {
        .label = "queue",
        .jobs = "jobd_queue_jobs",
        .queued = "jobd_queue_queued_tasks",
        .active = "jobd_queue_workers",
        .cores = "jobd_queue_cores_leased",
        .core_seconds = "jobd_queue_core_seconds_total",
};

/* Whom the label names: "1000" is alice; "other" are those who are told together. */
static void model_name_share(struct top_share *row, const char *label, bool is_user)
{
        char user[STYLE_TEXT_MAX];
        uint64_t uid;

        row->has_uid = is_user && parse_u64(label, "uid", 0, UINT32_MAX, &uid, NULL) == 0;
        if (row->has_uid)
                label = style_user(row->uid = (uint32_t)uid, user);
        row->name = text_escape(label, strlen(label));
}

static int model_compare_shares(const void *a, const void *b)
{
        const struct top_share *const left = a;
        const struct top_share *const right = b;

        if (left->cores != right->cores)
                return left->cores > right->cores ? -1 : 1;
        if (left->core_seconds > right->core_seconds || left->core_seconds < right->core_seconds)
                return left->core_seconds > right->core_seconds ? -1 : 1;
        return strcmp(left->name, right->name);
}

/* One number of a user or a queue, in the unit of its family; no such family: 0. */
static double model_number(const struct jobctl_result *stats, const char *family,
                           const char *label_name, const char *label)
{
        if (!family)
                return 0;
        return metric_number(metric_value(stats, family, label_name, label),
                             jobctl_number_or(metric_find(stats, family), JOBCTL_FAMILY_PER, 1));
}

static bool model_fill_share(struct top_share *row, const struct jobctl_result *stats,
                             const struct model_families *from, const char *label, bool is_user)
{
        *row = (struct top_share){
                .weight = model_number(stats, from->weight, from->label, label),
                .jobs = (uint64_t)model_number(stats, from->jobs, from->label, label),
                .queued = (uint64_t)model_number(stats, from->queued, from->label, label),
                .active = (uint64_t)model_number(stats, from->active, from->label, label),
                .cores = (uint64_t)model_number(stats, from->cores, from->label, label),
                .core_seconds = model_number(stats, from->core_seconds, from->label, label),
        };
        model_name_share(row, label, is_user);
        return row->name;
}

static void model_add_shares(struct top_model *model, const struct jobctl_result *stats,
                             const struct model_families *from, bool are_users,
                             struct top_shares *shares)
{
        const struct jobctl_item *const seconds = metric_find(stats, from->core_seconds);
        const size_t count = metric_count(seconds);

        shares->rows = calloc(count + 1, sizeof(*shares->rows));
        for (size_t i = 0; shares->rows && i < count; i++) {
                struct top_share *const row = &shares->rows[shares->count];
                const char *const label = metric_label(metric_sample(seconds, i), from->label);

                if (!label || !model_fill_share(row, stats, from, label, are_users))
                        continue;
                shares->core_seconds += row->core_seconds;
                shares->count++;
        }
        model->is_short = model->is_short || shares->count < count;
        if (shares->count > 1)
                qsort(shares->rows, shares->count, sizeof(*shares->rows), model_compare_shares);
}

void top_model_add_stats(struct top_model *model, const struct jobctl_result *stats)
{
        model->cores = metric_value(stats, "jobd_cores", NULL, NULL);
        model->cores_leased = metric_value(stats, "jobd_cores_leased", NULL, NULL);
        model_add_shares(model, stats, &model_user_families, true, &model->users);
        model_add_shares(model, stats, &model_queue_families, false, &model->queues);
}

/* --------------------------------------------------------------------------------------- jobs */

/* Half a sentence, of a job that waits; else nothing. */
static char *model_why(const struct jobctl_item *job)
{
        const bool is_queued = jobctl_number_or(job, JOBCTL_JOB_STATE, 0) == JOBCTL_STATE_QUEUED;
        const char *const why = jobctl_get_text(job, JOBCTL_JOB_WHY, NULL);

        return style_reason(is_queued && why ? why : "");
}

static int model_fill(struct top_job *row, const struct jobctl_item *job)
{
        const struct jobctl_item *const spec = jobctl_get_item(job, JOBCTL_JOB_SPEC);
        const struct jobctl_item *const attempt = jobctl_get_item_at(job, JOBCTL_JOB_ATTEMPTS, 0);
        char user[STYLE_TEXT_MAX];
        bool has_tasks;

        row->id = jobctl_number_or(job, JOBCTL_JOB_ID, 0);
        row->uid = (uint32_t)jobctl_number_or(job, JOBCTL_JOB_UID, 0);
        row->state = (enum jobctl_state)jobctl_number_or(job, JOBCTL_JOB_STATE, 0);
        has_tasks = jobctl_number_or(job, JOBCTL_JOB_TASK_COUNT, 1) > 1 ||
                    jobctl_number_or(job, JOBCTL_JOB_OPEN, 0);
        if (!has_tasks)
                row->run_usec = jobctl_number_or(attempt, JOBCTL_ATTEMPT_RUN_USEC, 0);
        if (!has_tasks && !jobctl_state_is_finished(row->state) &&
            row->state != JOBCTL_STATE_QUEUED)
                row->start_wall_usec = jobctl_number_or(attempt, JOBCTL_ATTEMPT_START_WALL_USEC, 0);
        style_counts(job, row->status);
        row->name = model_text(spec, JOBCTL_SPEC_NAME);
        row->queue = model_text(job, JOBCTL_JOB_QUEUE);
        row->command = style_command(spec);
        row->why = model_why(job);
        if (!row->name || !row->queue || !row->command || !row->why ||
            asprintf(&row->all, "%llu %s %s %s %s %s", (unsigned long long)row->id,
                     style_user(row->uid, user), row->status, row->name, row->queue,
                     row->command) < 0)
                return FAULT(-ENOMEM);
        return 0;
}

static int model_add_job(struct top_model *model, enum top_part part, size_t order,
                         const struct jobctl_item *job)
{
        struct top_job row = { .part = part, .order = order };

        if (model->jobs_count == model->jobs_room) {
                const size_t room = MAX(2 * model->jobs_room, (size_t)64);
                struct top_job *const more = reallocarray(model->jobs, room, sizeof(*more));

                if (!more)
                        return FAULT(-ENOMEM);
                model->jobs = more;
                model->jobs_room = room;
        }
        if (model_fill(&row, job)) {
                model_free_job(&row);
                return FAULT(-ENOMEM);
        }
        model->jobs[model->jobs_count++] = row;
        return 0;
}

void top_model_add_jobs(struct top_model *model, enum top_part part,
                        const struct jobctl_result *list)
{
        for (size_t i = 0; i < jobctl_result_count(list); i++)
                if (model_add_job(model, part, i, jobctl_result_item(list, i)))
                        model->is_short = true;
        if (part != TOP_ENDED && jobctl_number_or(jobctl_result_page(list), JOBCTL_PAGE_MORE, 0))
                model->is_short = true;
}

static int model_compare_jobs(const void *a, const void *b)
{
        const struct top_job *const left = a;
        const struct top_job *const right = b;

        if (left->part != right->part)
                return left->part < right->part ? -1 : 1;
        return (left->order > right->order) - (left->order < right->order);
}

/* A job that changed while the parts were asked for may be in two of them: its first stays. */
static void model_drop_doubles(struct top_model *model)
{
        size_t kept = 0;

        for (size_t i = 0; i < model->jobs_count; i++) {
                const size_t found = top_model_find(model, model->jobs[i].id);

                if (found < kept)
                        model_free_job(&model->jobs[i]);
                else
                        model->jobs[kept++] = model->jobs[i];
        }
        model->jobs_count = kept;
}

void top_model_finish(struct top_model *model, size_t limit)
{
        if (model->jobs_count > 1)
                qsort(model->jobs, model->jobs_count, sizeof(*model->jobs), model_compare_jobs);
        model_drop_doubles(model);
        while (model->jobs_count > limit) {
                if (model->jobs[model->jobs_count - 1].part != TOP_ENDED)
                        model->is_short = true;
                model_free_job(&model->jobs[--model->jobs_count]);
        }
}

size_t top_model_find(const struct top_model *model, uint64_t id)
{
        for (size_t i = 0; i < model->jobs_count; i++)
                if (model->jobs[i].id == id)
                        return i;
        return SIZE_MAX;
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One results stream per job that tells nothing but counts, ten times a second at most. Their sum
 * is the line that map shows, too (progress.c); with --json each job's counts are an object of
 * their own, with a rate and an estimate from a line that is never drawn. Used by wait_session.c.
 */
#include "client/cmd/wait_progress.h"

#include <inttypes.h>

#include "common/clock.h"
#include "common/error.h"

#include "client/cmd/job_counts.h"

#define WAIT_PROGRESS_USEC 100000

struct wait_progress_job {
        struct wait_progress *whole; /* borrowed */
        uint64_t id;
        struct jobctl_stream *stream; /* owned */
        struct progress_counts counts;
        struct progress *line; /* owned; --json: for rate and remaining time only */
};

struct wait_progress {
        bool json;
        struct progress *line; /* owned; NULL with --json */
        size_t count;
        struct wait_progress_job jobs[];
};

struct wait_progress *wait_progress_free(struct wait_progress *progress)
{
        if (!progress)
                return NULL;
        for (size_t i = 0; i < progress->count; i++) {
                jobctl_stream_free(progress->jobs[i].stream);
                progress_free(progress->jobs[i].line);
        }
        progress_free(progress->line);
        free(progress);
        return NULL;
}

static void wait_progress_print(struct wait_progress_job *job, uint64_t now)
{
        const struct progress_counts *const counts = &job->counts;
        uint64_t remaining;

        progress_update(job->line, counts, now);
        remaining = progress_remaining_usec(job->line, now);
        printf("{\"job\":%" PRIu64 ",\"total\":%" PRIu64 ",\"open\":%s,\"done\":%" PRIu64
               ",\"failed\":%" PRIu64 ",\"cancelled\":%" PRIu64 ",\"running\":%" PRIu64
               ",\"rate\":%.3f,\"remaining\":",
               job->id, counts->total, counts->open ? "true" : "false", counts->done,
               counts->failed, counts->cancelled, counts->running, progress_rate(job->line, now));
        if (remaining == USEC_NONE)
                printf("null}\n");
        else
                printf("%.3f}\n", (double)remaining / (double)USEC_PER_SEC);
        fflush(stdout);
}

/* New counts of one job. */
static void wait_progress_show(struct wait_progress_job *job)
{
        struct wait_progress *const progress = job->whole;
        const uint64_t now = clock_mono_usec();
        struct progress_counts sum = { .total = 0 };

        if (progress->json) {
                wait_progress_print(job, now);
                return;
        }
        for (size_t i = 0; i < progress->count; i++)
                job_counts_add(&sum, &progress->jobs[i].counts);
        progress_update(progress->line, &sum, now);
}

static void wait_progress_on_progress(void *arg, const struct jobctl_item *item)
{
        struct wait_progress_job *const job = arg;

        job_counts_read(item, &job->counts);
        wait_progress_show(job);
}

static void wait_progress_on_end(void *arg, int code, const char *text _unused_,
                                 const struct jobctl_item *ended)
{
        struct wait_progress_job *const job = arg;

        if (code || !ended || (job->counts.done == job->counts.total && !job->counts.open))
                return;
        job_counts_end(&job->counts, ended);
        wait_progress_show(job);
}

static int wait_progress_watch(struct app *app, struct wait_progress_job *job)
{
        static const struct jobctl_stream_ops ops = { .size = sizeof(ops),
                                                      .on_progress = wait_progress_on_progress,
                                                      .on_end = wait_progress_on_end };
        const struct jobctl_results_options options = { .size = sizeof(options),
                                                        .until_end = true,
                                                        .no_tasks = true,
                                                        .progress_usec = WAIT_PROGRESS_USEC };
        int r;

        if (job->whole->json && progress_new(-1, false, NULL, clock_mono_usec(), &job->line))
                return app_out_of_memory(app);
        r = jobctl_results(app->conn, job->id, &options, &ops, job, &job->stream);
        return r ? app_fail_answer(app, r) : 0;
}

int wait_progress_new(struct app *app, const uint64_t *jobs, size_t count,
                      struct wait_progress **out_progress)
{
        _cleanup_(wait_progress_freep) struct wait_progress *progress = NULL;

        if (count > WAIT_PROGRESS_JOBS_MAX)
                return app_usage(app, "--progress is for at most %d jobs, not %zu",
                                 WAIT_PROGRESS_JOBS_MAX, count);
        progress = calloc(1, sizeof(*progress) + count * sizeof(progress->jobs[0]));
        if (!progress)
                return app_out_of_memory(app);
        progress->json = app->common.json;
        if (!progress->json && progress_new(STDERR_FILENO, isatty(STDERR_FILENO) == 1, NULL,
                                            clock_mono_usec(), &progress->line))
                return app_out_of_memory(app);
        progress->count = count;
        for (size_t i = 0; i < count; i++) {
                int r;

                progress->jobs[i].whole = progress;
                progress->jobs[i].id = jobs[i];
                r = wait_progress_watch(app, &progress->jobs[i]);
                if (r)
                        return r;
        }
        *out_progress = TAKE_PTR(progress);
        return 0;
}

uint64_t wait_progress_deadline(const struct wait_progress *progress)
{
        return progress->line ? progress_deadline(progress->line) : USEC_NONE;
}

void wait_progress_tick(struct wait_progress *progress)
{
        if (progress->line)
                progress_tick(progress->line, clock_mono_usec());
}

void wait_progress_hide(struct wait_progress *progress)
{
        if (progress->line)
                progress_hide(progress->line);
}

void wait_progress_finish(struct wait_progress *progress)
{
        for (size_t i = 0; i < progress->count; i++)
                if (jobctl_stream_run(progress->jobs[i].stream, USEC_PER_SEC))
                        break; /* the last counts are missing then */
        if (progress->line)
                progress_finish(progress->line, clock_mono_usec());
}

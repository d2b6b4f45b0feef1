/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One walk over the finished jobs, newest first, a page of rows at a time: it adds up jobs per user
 * and bytes of output as it goes, and drops every job that lies behind a limit. Each page is read
 * and dropped between other transactions of the journal thread, so nobody waits for a walk. Rows of
 * unfinished jobs never appear in it; engine_drop() checks again, since a job may have been retried
 * while its row travelled.
 *
 * A job with more tasks than a page holds comes in pieces (`rest`). If it is over a limit, the
 * files of each piece go with that piece, and its rows with the last; else its bytes are added up,
 * and when these bring it over the limit it is read once more from the start, to be dropped.
 */
#include "daemon/jobs/retention.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "common/clock.h"
#include "common/log.h"
#include "common/map.h"

#define RETENTION_PAUSE_USEC (600 * USEC_PER_SEC)
#define RETENTION_PAGE 500U

struct retention_user {
        UT_hash_handle hh;
        uint32_t uid;
        uint64_t jobs;
};

struct retention {
        struct engine *engine; /* borrowed: outlives us */
        struct retention_options options;
        struct journal_read *read;    /* owned while a page is under way */
        struct retention_user *users; /* owned; of this walk */
        uint64_t bytes;               /* of this walk */
        uint64_t dropped;
        uint64_t before_id;
        bool has_more; /* pages behind this one */
        struct {
                uint64_t job;  /* whose further tasks are read next; 0: none */
                uint64_t task; /* from here on */
                bool is_over;
        } rest;
        uint64_t finished_seen; /* engine's count when the last walk began */
        uint64_t last_mono_usec;
        bool has_run;
};

int retention_new(struct engine *engine, const struct retention_options *options,
                  struct retention **out_retention)
{
        struct retention *retention = calloc(1, sizeof(*retention));

        if (!retention)
                return FAULT(-ENOMEM);
        retention->engine = engine;
        retention->options = *options;
        *out_retention = retention;
        return 0;
}

static void retention_end_walk(struct retention *retention)
{
        struct retention_user *user, *next;

        HASH_ITER (hh, retention->users, user, next) {
                HASH_DEL(retention->users, user);
                free(user);
        }
        if (retention->dropped)
                log_info("retention: forgot %" PRIu64 " finished jobs", retention->dropped);
        retention->dropped = 0;
        retention->bytes = 0;
        retention->rest.job = 0;
}

struct retention *retention_free(struct retention *retention)
{
        if (!retention)
                return NULL;
        if (retention->read)
                journal_read_cancel(retention->read);
        retention_end_walk(retention);
        free(retention);
        return NULL;
}

void retention_set_options(struct retention *retention, const struct retention_options *options)
{
        retention->options = *options;
        retention->has_run = false; /* look at once */
}

static uint64_t retention_count_job(struct retention *retention, uint32_t uid)
{
        struct retention_user *user;

        HASH_FIND(hh, retention->users, &uid, sizeof(uid), user);
        if (!user) {
                user = calloc(1, sizeof(*user));
                if (!user)
                        return 0; /* counts as within the limit: the next walk sees it */
                user->uid = uid;
                HASH_ADD(hh, retention->users, uid, sizeof(user->uid), user);
                if (!user->hh.tbl) {
                        free(user);
                        return 0;
                }
        }
        return ++user->jobs;
}

static uint64_t retention_job_bytes(const struct journal_page *page, uint64_t job)
{
        uint64_t bytes = 0;
        size_t i;

        for (i = 0; i < page->tasks_count; i++)
                if (page->tasks[i].job == job)
                        bytes += page->tasks[i].output_disk_bytes;
        return bytes;
}

static bool retention_is_over(struct retention *retention, const struct journal_page *page,
                              const struct journal_job *row, uint64_t now_usec)
{
        const struct retention_options *o = &retention->options;
        const uint64_t jobs = retention_count_job(retention, row->uid);

        retention->bytes += retention_job_bytes(page, row->id);
        if (o->keep_age_usec && row->end_wall_usec + o->keep_age_usec < now_usec)
                return true;
        if (o->keep_count && jobs > o->keep_count)
                return true;
        return o->keep_bytes && retention->bytes > o->keep_bytes;
}

static void retention_on_page(void *arg, const struct journal_page *page);
static void retention_on_rest(void *arg, const struct journal_page *page);

static int retention_read_page(struct retention *retention)
{
        const struct journal_job_query query = {
                .any_uid = true,
                .finished_only = true,
                .before_id = retention->before_id,
                .limit = RETENTION_PAGE,
                .want_tasks = true,
                .all_tasks = true,
        };
        struct journal *journal = engine_journal(retention->engine);
        int r;

        if (!journal)
                return FAULT(-ENOTRECOVERABLE);
        r = journal_read_jobs(journal, &query, retention_on_page, retention, &retention->read);
        return r ? PASS(r) : 0;
}

static int retention_read_rest(struct retention *retention)
{
        const struct journal_job_query query = {
                .ids = &retention->rest.job,
                .ids_count = 1,
                .any_uid = true,
                .want_tasks = true,
                .all_tasks = true,
                .first_task = retention->rest.task,
        };
        struct journal *journal = engine_journal(retention->engine);
        int r;

        if (!journal)
                return FAULT(-ENOTRECOVERABLE);
        r = journal_read_jobs(journal, &query, retention_on_rest, retention, &retention->read);
        return r ? PASS(r) : 0;
}

/* What comes next of the walk: the rest of a job, another page, or nothing. */
static void retention_go_on(struct retention *retention)
{
        int r = 0;

        if (retention->rest.job)
                r = retention_read_rest(retention);
        else if (retention->has_more)
                r = retention_read_page(retention);
        if (r || !retention->read)
                retention_end_walk(retention);
}

/* Drops what a page says, as far as the engine agrees; not 0 when the daemon ends. */
static int retention_drop(struct retention *retention, const struct journal_page *over)
{
        uint64_t dropped = 0;
        const int r = engine_drop(retention->engine, over, &dropped);

        retention->dropped += dropped;
        return r;
}

static void retention_on_page(void *arg, const struct journal_page *page)
{
        struct retention *retention = arg;
        struct journal_page over = *page;
        _cleanup_(freep) struct journal_job *jobs = NULL;
        const uint64_t now = clock_wall_usec();
        size_t i;

        retention->read = NULL;
        jobs = calloc(page->jobs_count + 1, sizeof(*jobs));
        if (page->fault || !jobs) {
                retention_end_walk(retention);
                return;
        }
        retention->before_id = page->next;
        retention->has_more = page->more;
        over.jobs = jobs;
        over.jobs_count = 0;
        over.next_task = 0;
        for (i = 0; i < page->jobs_count; i++) {
                const struct journal_job *row = &page->jobs[i];
                const bool is_over = retention_is_over(retention, page, row, now);

                if (is_over)
                        jobs[over.jobs_count++] = *row;
                if (page->next_task == 0 || i + 1 < page->jobs_count)
                        continue;
                retention->rest.job = row->id;
                retention->rest.task = page->next_task;
                retention->rest.is_over = is_over;
                over.next_task = is_over ? page->next_task : 0;
        }
        if (over.jobs_count > 0 && retention_drop(retention, &over))
                return; /* noted by the engine: the daemon ends */
        retention_go_on(retention);
}

/* Further tasks of the job that did not fit its page. */
static void retention_on_rest(void *arg, const struct journal_page *page)
{
        struct retention *retention = arg;
        const uint64_t most = retention->options.keep_bytes;
        const uint64_t job = retention->rest.job;

        retention->read = NULL;
        if (page->fault) {
                retention_end_walk(retention);
                return;
        }
        retention->rest.task = page->next_task;
        if (page->next_task == 0)
                retention->rest.job = 0;
        if (page->jobs_count == 0 || !page->jobs[0].finished) {
                retention->rest.job = 0; /* forgotten, or retried meanwhile */
        } else if (retention->rest.is_over) {
                if (retention_drop(retention, page))
                        return;
        } else {
                retention->bytes += retention_job_bytes(page, job);
                if (most && retention->bytes > most) {
                        retention->rest.job = job;
                        retention->rest.task = 0;
                        retention->rest.is_over = true;
                }
        }
        retention_go_on(retention);
}

int retention_turn(struct retention *retention)
{
        struct engine_counts counts;
        uint64_t now;
        int r;

        if (retention->read)
                return 0;
        engine_count(retention->engine, &counts);
        if (retention->has_run && counts.finished_tasks == retention->finished_seen)
                return 0;
        now = clock_mono_usec();
        if (retention->has_run && now - retention->last_mono_usec < RETENTION_PAUSE_USEC)
                return 0;
        retention->has_run = true;
        retention->finished_seen = counts.finished_tasks;
        retention->last_mono_usec = now;
        retention->before_id = 0;
        r = retention_read_page(retention);
        return r ? PASS(r) : 0;
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Taking jobs in. All jobs of a submission enter in one batch under consecutive ids, or none does;
 * what could refuse it (limits, a full disk, a stopping daemon) is looked at before anything is
 * posted. The key makes a retry harmless: a key that may be known is looked up in the journal, and
 * when it is, the ids of its first use are the answer. What a job waits for is looked up next, as
 * far as it is not in memory (deps_submit.c).
 */
#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "common/text.h"

#include "daemon/jobs/asks.h"
#include "daemon/jobs/engine_private.h"

/* A submission that waits for the journal's word about its key: a copy of what it needs. */
struct submit_wait {
        TAILQ_ENTRY(submit_wait) entry; /* in engine->submit_waits */
        struct engine *engine;          /* borrowed: reads end before the engine does */
        struct engine_submission submission;
        struct engine_spec *specs;  /* owned, with their names, keys, bitmaps and blobs */
        struct deps_lookup *lookup; /* owned; NULL: memory knows what it waits for */
        struct journal_read *read;
        uint64_t twin_id; /* the same key entered meanwhile, with this first id; 0: no */
        uint64_t twin_barrier;
        engine_submitted_fn done;
        void *arg;
};

static struct submit_wait *submit_wait_free(struct submit_wait *wait)
{
        size_t i;

        if (!wait)
                return NULL;
        TAILQ_REMOVE(&wait->engine->submit_waits, wait, entry);
        for (i = 0; wait->specs && i < wait->submission.specs_count; i++) {
                struct engine_spec *s = &wait->specs[i];

                free((void *)(uintptr_t)s->name);
                free((void *)(uintptr_t)s->unique_key);
                free((void *)(uintptr_t)s->asks);
                free((void *)(uintptr_t)s->queue);
                free((void *)(uintptr_t)s->retry_on);
                free((void *)(uintptr_t)s->dependencies);
                journal_blob_unref(s->spec);
                journal_blob_unref(s->environment);
        }
        deps_lookup_free(wait->lookup);
        free((void *)(uintptr_t)wait->submission.groups);
        free(wait->specs);
        free(wait);
        return NULL;
}
DEFINE_CLEANUP(struct submit_wait *, submit_wait_free);

void submit_deinit(struct engine *e)
{
        struct submit_wait *wait;

        while ((wait = TAILQ_FIRST(&e->submit_waits)))
                submit_wait_free(wait);
}

/* ------------------------------------------------------------------------------------- limits */

int submit_check_open(const struct engine *e, struct reason *why)
{
        if (e->is_stopping)
                return reason_set(why, ENGINE_E_STOPPING,
                                  "the daemon is shutting down and takes no more jobs");
        if (journal_is_disk_full(e->journal))
                return reason_set(
                        why, ENGINE_E_FULL,
                        "the disk under the daemon's state folder is nearly full: nothing "
                        "new is taken until space is free again");
        return 0;
}

int submit_check_room(const struct engine *e, const struct user *user, uint64_t tasks,
                      uint64_t bytes, uint64_t links, struct reason *why)
{
        const struct engine_options *o = &e->options;
        char most[TEXT_SIZE_MAX];

        if (user->queued_tasks + tasks > o->queued_max_per_user)
                return reason_set(why, ENGINE_E_LIMIT,
                                  "you would have more than %" PRIu64
                                  " queued tasks: wait for some to end, or cancel them",
                                  o->queued_max_per_user);
        if (user->jobs_max && user->queued_tasks + tasks > user->jobs_max)
                return reason_set(why, ENGINE_E_LIMIT,
                                  "you would have more than the %" PRIu64
                                  " queued tasks that your share allows: wait for some to end, or "
                                  "cancel them",
                                  user->jobs_max);
        if (user->spec_bytes + bytes > o->spec_bytes_max_per_user)
                return reason_set(why, ENGINE_E_LIMIT,
                                  "the specifications of your queued jobs would exceed %s: "
                                  "wait for some to end",
                                  text_format_size(o->spec_bytes_max_per_user, most));
        if (links > 0 && user->links_count + links > ENGINE_LINKS_MAX)
                return reason_set(
                        why, ENGINE_E_LIMIT,
                        "your queued jobs would have more than %u dependencies, resources "
                        "and locks: wait for some to end",
                        ENGINE_LINKS_MAX);
        if (e->queued_tasks + tasks > o->queued_max || e->spec_bytes + bytes > o->spec_bytes_max)
                return reason_set(why, ENGINE_E_LIMIT,
                                  "the machine's queue is full: try again later");
        return 0;
}

static int submit_check_quota(const struct engine *e, const struct user *user, struct reason *why)
{
        const uint64_t quota = e->options.output_quota_bytes;
        char have[TEXT_SIZE_MAX], most[TEXT_SIZE_MAX];

        if (!quota || user->output_bytes <= quota)
                return 0;
        return reason_set(why, ENGINE_E_LIMIT,
                          "the kept output of your jobs takes %s of the %s allowed: "
                          "`jobctl purge` frees it",
                          text_format_size(user->output_bytes, have),
                          text_format_size(quota, most));
}

/* What no waiting could ever satisfy. */
int submit_check_possible(const struct engine *e, const struct user *user,
                          const struct engine_spec *s, struct reason *why)
{
        char asked[TEXT_SIZE_MAX], there[TEXT_SIZE_MAX];

        if (s->cpus > engine_cores(e))
                return reason_set(why, ENGINE_E_REFUSED,
                                  "it asks for %u cores, and this machine has %u to give: ask for "
                                  "fewer with -c",
                                  s->cpus, engine_cores(e));
        if (user->cores_max && s->cpus > user->cores_max)
                return reason_set(why, ENGINE_E_REFUSED,
                                  "it asks for %u cores, and you may have %u at once: ask for "
                                  "fewer with -c",
                                  s->cpus, user->cores_max);
        if (e->options.memory_bytes && s->memory_bytes > e->options.memory_bytes)
                return reason_set(why, ENGINE_E_REFUSED,
                                  "it asks for %s of memory, and this machine has %s to give: ask "
                                  "for less with --mem",
                                  text_format_size(s->memory_bytes, asked),
                                  text_format_size(e->options.memory_bytes, there));
        return s->asks ? claims_judge(e, user->uid, s->asks, why) : 0;
}

static int submit_check(struct engine *e, const struct engine_submission *submission,
                        struct user *user, struct reason *why)
{
        uint64_t tasks = 0, bytes = 0, links = 0;
        size_t i;
        int r;

        r = submit_check_open(e, why);
        if (r)
                return r;
        for (i = 0; i < submission->specs_count; i++) {
                const struct engine_spec *s = &submission->specs[i];

                tasks += s->task_count;
                bytes += s->spec->size;
                links += s->dependencies_count + asks_count(s->asks);
                if (s->unique_key && submission->specs_count > 1)
                        return reason_set(why, ENGINE_E_LIMIT,
                                          "a job with a unique key must be submitted alone");
                r = engine_queues_judge(e, submission, s, why);
                if (!r)
                        r = submit_check_possible(e, user, s, why);
                if (r)
                        return r;
        }
        r = submit_check_room(e, user, tasks, bytes, links, why);
        return r ? r : submit_check_quota(e, user, why);
}

/* ------------------------------------------------------------------------------------ entering */

static bool submit_needs_extra(const struct engine_spec *s)
{
        return s->unique_key || s->cpus || s->memory_bytes || s->time_limit_usec ||
               s->begin_wall_usec || s->retries || s->is_array || s->map_values;
}

static void submit_fill_map(struct engine *e, struct job *job, const struct engine_spec *s)
{
        struct job_map *map = engine_add_map(e, job);

        if (!map)
                return;
        map->values_count = s->map_values;
        map->input = s->map_values ? JOURNAL_INPUT_OPEN : JOURNAL_INPUT_CLOSED;
        map->start_delay_usec = s->start_delay_usec;
        map->halt_on = s->halt_on;
        map->halt_now = s->halt_now;
        map->halt_count = s->halt_count;
        map->halt_percent = s->halt_percent;
        map_input_expect_appender(e, map);
}

static void submit_fill_extra(struct engine *e, struct job *job, const struct engine_spec *s)
{
        struct job_extra *x = engine_extra(e, job);

        if (!x)
                return;
        x->cpus = s->cpus;
        x->memory_bytes = s->memory_bytes;
        x->time_limit_usec = s->time_limit_usec;
        x->begin_wall_usec = s->begin_wall_usec;
        x->retries = s->retries;
        x->retry_delay_usec = s->retry_delay_usec;
        x->array_first = s->array_first;
        x->array_step = s->is_array ? s->array_step : 0;
        x->array_width = s->array_width;
        if (s->is_array || s->map_values)
                submit_fill_map(e, job, s);
        if (s->retry_on) {
                x->has_retry_on = true;
                memcpy(x->retry_on, s->retry_on, JOB_RETRY_ON_BYTES);
        }
        if (!s->unique_key)
                return;
        x->unique_key = strdup(s->unique_key);
        if (!x->unique_key) {
                engine_note(e, FAULT(-ENOMEM));
                return;
        }
        HASH_ADD_KEYPTR(unique_hh, job->user->unique, x->unique_key, strlen(x->unique_key), x);
        if (!x->unique_hh.tbl)
                engine_note(e, FAULT(-ENOMEM));
}

static void submit_one(struct engine *e, const struct engine_submission *submission,
                       const struct engine_spec *s, uint64_t now_wall_usec)
{
        struct job *job = engine_add_job(e, ++e->last_job_id, submission->uid);
        struct journal_batch *batch = engine_batch(e);
        struct journal_job row;

        if (!job || !batch)
                return;
        if (s->queue)
                lanes_set_queue(e, job, queues_find_name(&e->queues, s->queue));
        job->gid = submission->gid;
        job->priority = s->priority;
        job->hold = s->hold;
        job->requeue = s->requeue;
        job->is_waiting = s->dependencies_count > 0; /* until deps_link() */
        job->task_count = s->task_count;
        job->submit_wall_usec = now_wall_usec;
        job->spec_bytes = (uint32_t)s->spec->size;
        job->user->spec_bytes += job->spec_bytes;
        engine_tally_queue_tasks(e, job, (int64_t)s->task_count);
        e->tally.submitted += s->task_count;
        e->tally.jobs_submitted++;
        e->spec_bytes += job->spec_bytes;
        if (submit_needs_extra(s))
                submit_fill_extra(e, job, s);
        if (e->fault)
                return;
        engine_fill_job_row(job, &row);
        claims_make(e, job, s->asks);
        row.name = s->name;
        row.asks = s->asks;
        row.spec = s->spec;
        row.environment = s->environment;
        engine_note(e, journal_put_job(batch, &row));
        engine_post_event(e, job, 0, JOB_EV_SUBMIT, JOB_QUEUED, NULL);
        if (job->extra && job->extra->begin_wall_usec)
                run_queue_begin_at(e, job);
        run_queue_update(e, job);
        deps_lookup_note(e, submission->uid, s->name, job->id);
}

/* A client that lost its connection may ask twice while the first is still being looked up. */
static void submit_tell_twins(struct engine *e, const struct engine_submission *submission,
                              uint64_t first_id)
{
        struct submit_wait *wait;

        TAILQ_FOREACH (wait, &e->submit_waits, entry)
                if (wait->submission.uid == submission->uid &&
                    memcmp(wait->submission.key, submission->key, JOURNAL_KEY_BYTES) == 0) {
                        wait->twin_id = first_id;
                        wait->twin_barrier = e->sequence;
                }
}

static void submit_enter(struct engine *e, const struct engine_submission *submission,
                         const struct deps_lookup *lookup, engine_submitted_fn done, void *arg)
{
        const uint64_t now = clock_wall_usec();
        const uint64_t first_id = e->last_job_id + 1;
        const uint32_t count = (uint32_t)submission->specs_count;
        struct user *user = engine_get_user(e, submission->uid);
        struct journal_batch *batch = engine_batch(e);
        struct reason why = { "" };
        int r;
        size_t i;

        if (!user || !batch)
                return;
        r = submit_check(e, submission, user, &why);
        if (!r)
                r = deps_check(e, submission, lookup, &why);
        if (r) {
                done(arg, r, 0, 0, false, 0, &why);
                return;
        }
        for (i = 0; i < submission->specs_count && !e->fault; i++)
                submit_one(e, submission, &submission->specs[i], now);
        if (!e->fault)
                deps_link(e, submission, lookup, first_id);
        engine_note(e,
                    journal_put_key(batch, submission->uid, submission->key, first_id, count, now));
        engine_note(e, key_set_add(&e->keys, submission->uid, submission->key, JOURNAL_KEY_BYTES));
        submit_tell_twins(e, submission, first_id);
        if (!e->fault)
                done(arg, 0, first_id, count, false, e->sequence, NULL);
}

/* An unfinished own job with the same unique key stands for the new one. */
static struct job *submit_find_unique(struct engine *e, const struct engine_submission *submission)
{
        const char *key = submission->specs[0].unique_key;
        struct user *user = engine_get_user(e, submission->uid);
        struct job_extra *x = NULL;

        if (user && key && submission->specs_count == 1)
                HASH_FIND(unique_hh, user->unique, key, strlen(key), x);
        return x ? x->job : NULL;
}

/* ---------------------------------------------------------------------- what must be read first */

static int submit_copy_text(const char *from, const char **to)
{
        *to = from ? strdup(from) : NULL;
        return from && !*to ? FAULT(-ENOMEM) : 0;
}

static int submit_copy_bytes(const void *from, size_t size, const void **to)
{
        void *copy;

        if (!from || size == 0)
                return 0;
        copy = malloc(size);
        if (!copy)
                return FAULT(-ENOMEM);
        *to = memcpy(copy, from, size);
        return 0;
}

static int submit_copy_spec(const struct engine_spec *from, struct engine_spec *to)
{
        const void *retry_on = NULL, *dependencies = NULL;
        int r;

        *to = *from;
        to->name = NULL;
        to->unique_key = NULL;
        to->asks = NULL;
        to->queue = NULL;
        to->retry_on = NULL;
        to->dependencies = NULL;
        journal_blob_ref(to->spec);
        journal_blob_ref(to->environment);
        r = submit_copy_text(from->name, &to->name);
        if (!r)
                r = submit_copy_text(from->unique_key, &to->unique_key);
        if (!r)
                r = submit_copy_text(from->asks, &to->asks);
        if (!r)
                r = submit_copy_text(from->queue, &to->queue);
        if (!r)
                r = submit_copy_bytes(from->retry_on, JOB_RETRY_ON_BYTES, &retry_on);
        to->retry_on = retry_on;
        if (!r)
                r = submit_copy_bytes(from->dependencies,
                                      from->dependencies_count * sizeof(*from->dependencies),
                                      &dependencies);
        to->dependencies = dependencies;
        return r;
}

static int submit_wait_new(struct engine *e, const struct engine_submission *submission,
                           engine_submitted_fn done, void *arg, struct submit_wait **out_wait)
{
        _cleanup_(submit_wait_freep) struct submit_wait *wait = calloc(1, sizeof(*wait));
        gid_t *groups;
        size_t i;
        int r;

        if (!wait)
                return FAULT(-ENOMEM);
        wait->engine = e;
        TAILQ_INSERT_TAIL(&e->submit_waits, wait, entry);
        wait->done = done;
        wait->arg = arg;
        wait->submission = *submission;
        wait->submission.groups = NULL;
        wait->specs = calloc(submission->specs_count, sizeof(*wait->specs));
        groups = calloc(submission->groups_count + 1, sizeof(*groups));
        wait->submission.groups = groups;
        if (!wait->specs || !groups)
                return FAULT(-ENOMEM);
        for (i = 0; i < submission->groups_count; i++)
                groups[i] = submission->groups[i];
        wait->submission.specs = wait->specs;
        for (i = 0; i < submission->specs_count; i++) {
                r = submit_copy_spec(&submission->specs[i], &wait->specs[i]);
                if (r)
                        return PASS(r);
        }
        *out_wait = TAKE_PTR(wait);
        return 0;
}

static void submit_on_lookup(void *arg, int fault)
{
        _cleanup_(submit_wait_freep) struct submit_wait *wait = arg;

        if (fault)
                engine_note(wait->engine, fault);
        else if (wait->twin_id)
                wait->done(wait->arg, 0, wait->twin_id, (uint32_t)wait->submission.specs_count,
                           true, wait->twin_barrier, NULL);
        else
                submit_enter(wait->engine, &wait->submission, wait->lookup, wait->done, wait->arg);
}

/* Takes over the wait; it enters when its parents are known. */
static int submit_look_up(struct submit_wait *taken)
{
        _cleanup_(submit_wait_freep) struct submit_wait *wait = taken;
        struct engine *e = wait->engine;
        int r;

        r = deps_lookup_new(e, &wait->submission, &wait->lookup);
        if (r)
                return PASS(r);
        if (!wait->lookup) {
                submit_on_lookup(TAKE_PTR(wait), 0);
                return 0;
        }
        r = deps_lookup_run(wait->lookup, submit_on_lookup, wait, &wait->read);
        if (r)
                return PASS(r);
        (void)TAKE_PTR(wait);
        return 0;
}

static void submit_on_key(void *arg, const struct journal_page *page)
{
        _cleanup_(submit_wait_freep) struct submit_wait *wait = arg;

        if (page->fault)
                engine_note(wait->engine, page->fault);
        else if (page->found_first)
                wait->done(wait->arg, 0, page->found_first, page->found_count, true, 0, NULL);
        else
                engine_note(wait->engine, submit_look_up(TAKE_PTR(wait)));
}

static int submit_ask_key(struct engine *e, const struct engine_submission *submission,
                          engine_submitted_fn done, void *arg, struct journal_read **out_read)
{
        _cleanup_(submit_wait_freep) struct submit_wait *wait = NULL;
        struct journal *journal = engine_journal(e);
        int r;

        if (!journal)
                return FAULT(-ENOMEM);
        r = submit_wait_new(e, submission, done, arg, &wait);
        if (!r)
                r = journal_read_key(journal, submission->uid, submission->key, submit_on_key, wait,
                                     out_read);
        if (r)
                return PASS(r);
        (void)TAKE_PTR(wait);
        return 0;
}

int engine_submit(struct engine *e, const struct engine_submission *submission,
                  engine_submitted_fn done, void *arg, struct journal_read **out_read)
{
        struct submit_wait *wait = NULL;
        const struct job *same;
        int r;

        *out_read = NULL;
        if (key_set_may_have(&e->keys, submission->uid, submission->key, JOURNAL_KEY_BYTES))
                return submit_ask_key(e, submission, done, arg, out_read);
        same = submit_find_unique(e, submission);
        if (same) {
                done(arg, 0, same->id, 1, true, same->last_sequence, NULL);
        } else if (deps_has_any(submission)) {
                r = submit_wait_new(e, submission, done, arg, &wait);
                if (!r)
                        r = submit_look_up(wait);
                if (r)
                        return PASS(r);
        } else {
                submit_enter(e, submission, NULL, done, arg);
        }
        return e->fault ? PASS(e->fault) : 0;
}

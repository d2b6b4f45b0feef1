/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is read from the journal. Reads of rows are answered in the call, or with fake.holds_reads
 * when the test says so; specifications and inputs when all is made durable.
 */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "fakes.h"
#include "fakes_private.h"

struct fake_fetch {
        uint64_t job, task, token;
        void (*chunk_done)(void *arg, uint64_t token, uint64_t first_task, uint64_t count,
                           struct journal_blob *values);
        void (*done)(void *arg, uint64_t token, struct journal_blob *spec,
                     struct journal_blob *environment);
        void *arg;
};
#define FAKE_FETCHES_MAX 4096
static struct fake_fetch fetches[FAKE_FETCHES_MAX];
static size_t fetches_count;

int journal_fetch_spec(struct journal_batch *batch, uint64_t job,
                       void (*done)(void *arg, uint64_t token, struct journal_blob *spec,
                                    struct journal_blob *environment),
                       void *arg, uint64_t token)
{
        (void)batch;
        fake.fetches_count++;
        fetches[fetches_count++] =
                (struct fake_fetch){ .job = job, .token = token, .done = done, .arg = arg };
        return 0;
}

int journal_fetch_input(struct journal_batch *batch, uint64_t job, uint64_t task,
                        void (*done)(void *arg, uint64_t token, uint64_t first_task, uint64_t count,
                                     struct journal_blob *values),
                        void *arg, uint64_t token)
{
        (void)batch;
        fake.fetches_count++;
        fetches[fetches_count++] = (struct fake_fetch){
                .job = job, .task = task, .token = token, .chunk_done = done, .arg = arg
        };
        return 0;
}

static void fake_answer_chunk(const struct fake_fetch *fetch)
{
        for (size_t i = 0; i < fake.inputs_count; i++) {
                const struct fake_input *const input = &fake.inputs[i];

                if (input->job != fetch->job || fetch->task < input->first_task ||
                    fetch->task - input->first_task >=
                            (input->count + fake.jobs[fetch->job].map_values - 1) /
                                    fake.jobs[fetch->job].map_values)
                        continue;
                fetch->chunk_done(fetch->arg, fetch->token, input->first_task, input->count,
                                  input->values);
                return;
        }
        fetch->chunk_done(fetch->arg, fetch->token, 0, 0, NULL);
}

void fake_journal_answer(void)
{
        struct journal_blob *blob = NULL;
        const size_t count = fetches_count;
        struct fake_fetch due[FAKE_FETCHES_MAX];
        size_t i;

        memcpy(due, fetches, count * sizeof(*due));
        fetches_count = 0;
        assert(journal_blob_new(strdup("spec"), 4, &blob) == 0);
        for (i = 0; i < count; i++) {
                if (due[i].chunk_done)
                        fake_answer_chunk(&due[i]);
                else
                        due[i].done(due[i].arg, due[i].token, blob, NULL);
        }
        journal_blob_unref(blob);
}

void fake_journal_forget(void)
{
        fetches_count = 0;
}

int journal_read_key(struct journal *journal, uint32_t uid,
                     const uint8_t key[static JOURNAL_KEY_BYTES], journal_page_fn done, void *arg,
                     struct journal_read **out_read)
{
        const struct journal_page page = { .found_first = fake.key_known ? 77 : 0,
                                           .found_count = 1 };

        (void)journal;
        (void)uid;
        (void)key;
        *out_read = NULL;
        done(arg, &page);
        return 0;
}

/* Reads that wait, first come first. */
static struct fake_read {
        struct journal_job_query query;
        journal_page_fn done;
        void *arg;
} held_reads[FAKE_MAX];

static bool read_is_due; /* the next one is answered at once */

void fake_answer(void)
{
        const struct fake_read read = held_reads[0];
        struct journal_read *none;

        assert(fake.held_count > 0);
        memmove(held_reads, held_reads + 1, --fake.held_count * sizeof(held_reads[0]));
        read_is_due = true;
        assert(journal_read_jobs((struct journal *)&fake, &read.query, read.done, read.arg,
                                 &none) == 0);
}

static bool fake_hold_read(const struct journal_job_query *query, journal_page_fn done, void *arg)
{
        const bool is_held =
                (fake.holds_all_reads || (fake.holds_reads && !query->ids)) && !read_is_due;

        read_is_due = false;
        if (is_held)
                held_reads[fake.held_count++] = (struct fake_read){ *query, done, arg };
        return is_held;
}

/* Jobs by id with their tasks, or the unfinished ones of a user: at once, in one page. */
int journal_read_jobs(struct journal *journal, const struct journal_job_query *query,
                      journal_page_fn done, void *arg, struct journal_read **out_read)
{
        struct journal_job jobs[FAKE_MAX];
        struct journal_task tasks[FAKE_MAX];
        struct journal_page page = { .jobs = jobs, .tasks = tasks };
        size_t i, k;

        (void)journal;
        *out_read = NULL;
        if (fake_hold_read(query, done, arg))
                return 0;
        for (i = FAKE_MAX - 1; i > 0; i--) {
                const struct journal_job *const row = &fake.jobs[i];
                bool wanted = !query->ids;

                for (k = 0; k < query->ids_count; k++)
                        wanted = wanted || query->ids[k] == i;
                if (!wanted || !row->id || (!query->any_uid && row->uid != query->uid) ||
                    (query->state_mask && !(query->state_mask & (1U << row->state))))
                        continue;
                jobs[page.jobs_count++] = *row;
                for (k = 0; query->want_tasks && k < fake.tasks_count; k++)
                        if (fake.tasks[k].job == i && fake.tasks[k].task >= query->first_task)
                                tasks[page.tasks_count++] = fake.tasks[k];
        }
        done(arg, &page);
        return 0;
}

void journal_read_cancel(struct journal_read *read)
{
        (void)read;
        assert(!fake.is_journal_closed);
}

int journal_run(struct journal *journal, int (*work)(void *arg),
                void (*done)(void *arg, int result), void *arg)
{
        (void)journal;
        (void)work;
        done(arg, 0);
        return 0;
}

int journal_read_queue_id(struct journal *journal, uint32_t *out_id)
{
        (void)journal;
        *out_id = fake.last_queue_id;
        return 0;
}

int journal_read_all(struct journal *journal, const struct journal_restore *restore, void *arg)
{
        size_t i;
        int r;

        (void)journal;
        for (i = 0; i < ARRAY_SIZE(fake.queues); i++)
                if (fake.queues[i].name) {
                        r = restore->on_queue(arg, &fake.queues[i]);
                        if (r)
                                return r;
                }
        for (i = 1; i < FAKE_MAX; i++)
                if (fake.jobs[i].id && !fake.jobs[i].finished) {
                        r = restore->on_job(arg, &fake.jobs[i]);
                        if (r)
                                return r;
                }
        for (i = 0; i < fake.tasks_count; i++)
                if (!fake.jobs[fake.tasks[i].job].finished) {
                        r = restore->on_task(arg, &fake.tasks[i]);
                        if (r)
                                return r;
                }
        for (i = 0; i < fake.dependencies_count; i++) {
                struct journal_dependency row = fake.dependencies[i];

                if (fake.jobs[row.parent].finished)
                        row.parent_state = fake.jobs[row.parent].state;
                r = restore->on_dependency(arg, &row);
                if (r)
                        return r;
        }
        return 0;
}

int journal_read_output_use(struct journal *journal,
                            int (*on_use)(void *arg, uint32_t uid, uint64_t bytes), void *arg)
{
        (void)journal;
        (void)on_use;
        (void)arg;
        return 0;
}

uint64_t journal_last_job_id(const struct journal *journal)
{
        (void)journal;
        return 100;
}

uint64_t journal_last_sequence(const struct journal *journal)
{
        (void)journal;
        return fake.posted;
}

uint64_t journal_last_lease(const struct journal *journal)
{
        (void)journal;
        return 100;
}

void journal_read_stats(const struct journal *journal, struct journal_stats *out_stats)
{
        (void)journal;
        memset(out_stats, 0, sizeof(*out_stats));
        out_stats->commit_usec_recent = fake.commit_usec;
}

bool journal_is_disk_full(const struct journal *journal)
{
        (void)journal;
        return fake.disk_full;
}

int journal_read_settings(struct journal *journal,
                          int (*on_setting)(void *arg, const char *name, uint64_t value), void *arg)
{
        int r;

        (void)journal;
        r = on_setting(arg, "drain", fake.is_drain_written);
        return r ? r : on_setting(arg, "of a newer jobd", 1);
}

int journal_read_resources(struct journal *journal,
                           int (*on_resource)(void *arg, uint32_t uid, const char *name,
                                              uint32_t capacity),
                           void *arg)
{
        (void)journal;
        (void)on_resource;
        (void)arg;
        return 0;
}

int journal_read_grants(struct journal *journal,
                        int (*on_grant)(void *arg, const struct journal_grant *row), void *arg)
{
        (void)journal;
        (void)on_grant;
        (void)arg;
        return 0;
}

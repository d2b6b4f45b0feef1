/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is written to the journal: journal.h over the arrays of struct fake. Rows are as they were
 * given last; texts are copied. With fake.on_order nothing is kept.
 */
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fakes.h"

struct journal_batch {
        int unused;
};

struct fake_blob {
        struct journal_blob blob; /* first */
        unsigned int refs;
};

int journal_blob_new(void *data, size_t size, struct journal_blob **out_blob)
{
        struct fake_blob *fake_blob = calloc(1, sizeof(*fake_blob));

        assert(fake_blob);
        fake_blob->blob.size = size;
        fake_blob->blob.data = data;
        fake_blob->refs = 1;
        *out_blob = &fake_blob->blob;
        return 0;
}

struct journal_blob *journal_blob_ref(struct journal_blob *blob)
{
        if (blob)
                ((struct fake_blob *)blob)->refs++;
        return blob;
}

struct journal_blob *journal_blob_unref(struct journal_blob *blob)
{
        if (!blob || --((struct fake_blob *)blob)->refs > 0)
                return NULL;
        free((void *)(uintptr_t)blob->data);
        free(blob);
        return NULL;
}

int journal_batch_new(struct journal_batch **out_batch)
{
        *out_batch = calloc(1, sizeof(**out_batch));
        assert(*out_batch);
        return 0;
}

struct journal_batch *journal_batch_free(struct journal_batch *batch)
{
        free(batch);
        return NULL;
}

bool journal_batch_is_empty(const struct journal_batch *batch)
{
        (void)batch;
        return false;
}

/* The row with texts of its own; a name that it does not bring stays. */
static void fake_keep_job(const struct journal_job *row)
{
        fake.jobs[row->id] = *row;
        if (row->name)
                snprintf(fake.names[row->id], sizeof(fake.names[0]), "%s", row->name);
        fake.jobs[row->id].name = fake.names[row->id][0] ? fake.names[row->id] : NULL;
        if (row->why)
                snprintf(fake.whys[row->id], sizeof(fake.whys[0]), "%s", row->why);
        fake.jobs[row->id].why = row->why ? fake.whys[row->id] : NULL;
}

int journal_put_job(struct journal_batch *batch, const struct journal_job *row)
{
        (void)batch;
        if (fake.on_order)
                return 0;
        assert(row->id < FAKE_MAX);
        fake_keep_job(row);
        return 0;
}

int journal_set_job(struct journal_batch *batch, const struct journal_job *row)
{
        (void)batch;
        if (fake.on_order)
                return 0;
        assert(row->id < FAKE_MAX && fake.jobs[row->id].id == row->id);
        fake_keep_job(row);
        return 0;
}

int journal_update_job(struct journal_batch *batch, const struct journal_job *row)
{
        assert(row->spec);
        fake.updates_count++;
        return journal_set_job(batch, row);
}

int journal_put_task(struct journal_batch *batch, const struct journal_task *row)
{
        size_t i;

        (void)batch;
        if (fake.on_order)
                return 0;
        for (i = 0; i < fake.tasks_count; i++)
                if (fake.tasks[i].job == row->job && fake.tasks[i].task == row->task)
                        break;
        assert(i < FAKE_MAX);
        if (i == fake.tasks_count)
                fake.tasks_count++;
        fake.tasks[i] = *row;
        return 0;
}

int journal_put_output(struct journal_batch *batch, uint64_t job, uint64_t task, uint32_t attempt,
                       struct journal_blob *records)
{
        (void)batch;
        (void)job;
        (void)task;
        (void)attempt;
        (void)records;
        fake.outputs_count++;
        return 0;
}

int journal_set_output(struct journal_batch *batch, uint64_t job, uint64_t task,
                       uint8_t output_where, uint64_t output_disk_bytes)
{
        (void)batch;
        (void)job;
        (void)task;
        (void)output_where;
        (void)output_disk_bytes;
        return 0;
}

int journal_put_dependency(struct journal_batch *batch, const struct journal_dependency *row)
{
        size_t i;

        (void)batch;
        if (fake.on_order)
                return 0;
        for (i = 0; i < fake.dependencies_count; i++)
                if (fake.dependencies[i].job == row->job &&
                    fake.dependencies[i].ordinal == row->ordinal)
                        break;
        assert(i < FAKE_MAX);
        if (i == fake.dependencies_count)
                fake.dependencies_count++;
        fake.dependencies[i] = *row;
        return 0;
}

static void fake_drop_dependencies(uint64_t first, uint64_t last, uint32_t ordinal)
{
        size_t i, kept = 0;

        for (i = 0; i < fake.dependencies_count; i++) {
                const struct journal_dependency row = fake.dependencies[i];

                if (row.job < first || row.job > last ||
                    (ordinal != UINT32_MAX && row.ordinal != ordinal))
                        fake.dependencies[kept++] = row;
        }
        fake.dependencies_count = kept;
}

int journal_drop_dependency(struct journal_batch *batch, uint64_t job, uint32_t ordinal)
{
        (void)batch;
        fake_drop_dependencies(job, job, ordinal);
        return 0;
}

int journal_drop_dependencies(struct journal_batch *batch, uint64_t first_job, uint64_t last_job)
{
        (void)batch;
        fake_drop_dependencies(first_job, last_job, UINT32_MAX);
        return 0;
}

size_t fake_dependencies(uint64_t job)
{
        size_t i, n = 0;

        for (i = 0; i < fake.dependencies_count; i++)
                n += fake.dependencies[i].job == job;
        return n;
}

int journal_put_event(struct journal_batch *batch, const struct journal_event *row)
{
        (void)batch;
        if (fake.on_order)
                return 0;
        assert(fake.events_count < FAKE_MAX);
        fake.events[fake.events_count++] = row->kind;
        snprintf(fake.detail, sizeof(fake.detail), "%s", row->detail ? row->detail : "");
        return 0;
}

int journal_put_key(struct journal_batch *batch, uint32_t uid,
                    const uint8_t key[static JOURNAL_KEY_BYTES], uint64_t first_id, uint32_t count,
                    uint64_t wall_usec)
{
        (void)batch;
        (void)uid;
        (void)key;
        (void)first_id;
        (void)count;
        (void)wall_usec;
        return 0;
}

int journal_drop_job(struct journal_batch *batch, uint64_t job)
{
        (void)batch;
        fake.jobs[job].id = 0;
        return 0;
}

int journal_put_input(struct journal_batch *batch, uint64_t job, uint64_t number,
                      uint64_t first_task, uint64_t count, struct journal_blob *values)
{
        (void)batch;
        assert(fake.inputs_count < FAKE_MAX);
        fake.inputs[fake.inputs_count++] =
                (struct fake_input){ job, number, first_task, count, journal_blob_ref(values) };
        return 0;
}

int journal_set_seen(struct journal_batch *batch, uint64_t job, uint64_t seen_task)
{
        (void)batch;
        fake.jobs[job].seen_task = seen_task;
        return 0;
}

void journal_post(struct journal *journal, struct journal_batch *batch, uint64_t sequence,
                  uint64_t last_job_id, uint64_t last_lease)
{
        (void)journal;
        (void)last_job_id;
        (void)last_lease;
        fake.posted = sequence;
        journal_batch_free(batch);
}

int journal_put_queue(struct journal_batch *batch, const struct journal_queue *row)
{
        struct journal_queue *to = &fake.queues[row->id];

        (void)batch;
        assert(row->id < ARRAY_SIZE(fake.queues));
        *to = *row;
        snprintf(fake.queue_names[row->id], sizeof(fake.queue_names[0]), "%s", row->name);
        to->name = fake.queue_names[row->id];
        if (row->users) {
                snprintf(fake.queue_users[row->id], sizeof(fake.queue_users[0]), "%s", row->users);
                to->users = fake.queue_users[row->id];
        }
        fake.last_queue_id = MAX(fake.last_queue_id, row->id);
        return 0;
}

int journal_drop_queue(struct journal_batch *batch, uint32_t id)
{
        (void)batch;
        fake.queues[id].name = NULL;
        return 0;
}

int journal_move_jobs(struct journal_batch *batch, uint32_t from, uint32_t to)
{
        (void)batch;
        for (size_t i = 0; i < FAKE_MAX; i++)
                if (fake.jobs[i].id && !fake.jobs[i].finished && fake.jobs[i].queue == from)
                        fake.jobs[i].queue = to;
        return 0;
}

/* Named resources are tried by test_resources and through the real store; here nothing is kept. */
int journal_put_resource(struct journal_batch *batch, uint32_t uid, const char *name,
                         uint32_t capacity)
{
        (void)batch;
        (void)uid;
        (void)name;
        (void)capacity;
        return 0;
}

int journal_drop_resource(struct journal_batch *batch, uint32_t uid, const char *name)
{
        return journal_put_resource(batch, uid, name, 0);
}

int journal_put_grant(struct journal_batch *batch, const struct journal_grant *row)
{
        (void)batch;
        (void)row;
        return 0;
}

int journal_drop_grant(struct journal_batch *batch, uint32_t uid,
                       const uint8_t token[static JOURNAL_TOKEN_BYTES])
{
        (void)batch;
        (void)uid;
        (void)token;
        return 0;
}

int journal_put_setting(struct journal_batch *batch, const char *name, uint64_t value)
{
        (void)batch;
        assert(strcmp(name, "drain") == 0);
        fake.is_drain_written = value;
        return 0;
}

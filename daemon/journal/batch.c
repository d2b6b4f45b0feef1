/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Building a batch, on the loop. Each put copies its row into the batch's arena as one record of
 * the chain, in the order of the calls; texts are copied behind the row, blobs are shared by
 * reference. Nothing is looked at or checked here: whether a row may change like this was decided
 * by the engine before it called.
 *
 * The thread walks the chain in the same order (apply.c). A batch is freed by whoever holds it
 * last: its builder, when a put met a fault; the thread after the commit; or the loop when a fetch
 * in it still has to be answered.
 */
#include "daemon/journal/batch.h"

#include <errno.h>
#include <string.h>

#include "common/error.h"

#define RETRY_ON_BYTES 32
/* What a row costs in the store beside its texts and blobs: tables, indexes, page slack. */
#define ROW_BYTES 256

int journal_batch_new(struct journal_batch **out_batch)
{
        struct journal_batch *const batch = calloc(1, sizeof(*batch));

        if (!batch)
                return FAULT(-ENOMEM);
        batch->work.kind = WORK_BATCH;
        batch->last = &batch->first;
        *out_batch = batch;
        return 0;
}

static void batch_release_op(struct op *op)
{
        /* The cast through void says what the kind guarantees: op is the head of a bigger record.
         */
        void *const record = op;

        if (op->kind == OP_PUT_JOB || op->kind == OP_UPDATE_JOB) {
                struct op_job *const job = record;

                job->row.spec = journal_blob_unref(job->row.spec);
                job->row.environment = journal_blob_unref(job->row.environment);
        } else if (op->kind == OP_PUT_OUTPUT) {
                struct op_output *const output = record;

                output->records = journal_blob_unref(output->records);
        } else if (op->kind == OP_FETCH_SPEC) {
                struct op_fetch *const fetch = record;

                fetch->spec = journal_blob_unref(fetch->spec);
                fetch->environment = journal_blob_unref(fetch->environment);
        } else if (op->kind == OP_PUT_INPUT) {
                struct op_input *const input = record;

                input->values = journal_blob_unref(input->values);
        } else if (op->kind == OP_FETCH_INPUT) {
                struct op_fetch_input *const fetch = record;

                fetch->found.values = journal_blob_unref(fetch->found.values);
        }
}

struct journal_batch *journal_batch_free(struct journal_batch *batch)
{
        if (!batch)
                return NULL;
        for (struct op *op = batch->first; op; op = op->next)
                batch_release_op(op);
        arena_deinit(&batch->arena);
        free(batch);
        return NULL;
}

bool journal_batch_is_empty(const struct journal_batch *batch)
{
        return !batch->first;
}

/* A record of `size` bytes, all zero but its head; not yet in the chain. */
static void *batch_take_op(struct journal_batch *batch, enum op_kind kind, size_t size)
{
        struct op *const op = arena_take(&batch->arena, size);

        if (!op)
                return NULL;
        memset(op, 0, size);
        op->kind = kind;
        return op;
}

static void batch_append(struct journal_batch *batch, struct op *op, size_t bytes)
{
        *batch->last = op;
        batch->last = &op->next;
        batch->bytes += bytes + ROW_BYTES;
}

/* Makes *text a copy in the arena; NULL stays NULL. Adds its length to *bytes. */
static int batch_keep_text(struct journal_batch *batch, const char **text, size_t *bytes)
{
        size_t size;

        if (!*text)
                return 0;
        size = strlen(*text);
        *text = arena_copy_text(&batch->arena, *text, size);
        *bytes += size;
        return *text ? 0 : FAULT(-ENOMEM);
}

/* The end of a record with texts: r is what keeping them came to. */
static int batch_finish(struct journal_batch *batch, struct op *op, int r, size_t bytes)
{
        if (r < 0)
                return PASS(r);
        batch_append(batch, op, bytes);
        return 0;
}

static int batch_put_row(struct journal_batch *batch, enum op_kind kind,
                         const struct journal_job *row)
{
        struct op_job *const op = batch_take_op(batch, kind, sizeof(*op));
        size_t bytes = 0;
        int r;

        if (!op)
                return FAULT(-ENOMEM);
        op->row = *row;
        op->row.spec = NULL;
        op->row.environment = NULL;
        if (row->retry_on) {
                op->row.retry_on = arena_copy(&batch->arena, row->retry_on, RETRY_ON_BYTES);
                if (!op->row.retry_on)
                        return FAULT(-ENOMEM);
        }
        r = batch_keep_text(batch, &op->row.name, &bytes);
        if (r == 0)
                r = batch_keep_text(batch, &op->row.unique_key, &bytes);
        if (r == 0)
                r = batch_keep_text(batch, &op->row.why, &bytes);
        if (r == 0)
                r = batch_keep_text(batch, &op->row.asks, &bytes);
        if (r < 0)
                return PASS(r);
        if (kind != OP_SET_JOB) {
                op->row.spec = journal_blob_ref(row->spec);
                op->row.environment = journal_blob_ref(row->environment);
                bytes += row->spec ? row->spec->size : 0;
        }
        batch_append(batch, &op->op, bytes);
        return 0;
}

int journal_put_job(struct journal_batch *batch, const struct journal_job *row)
{
        return batch_put_row(batch, OP_PUT_JOB, row);
}

int journal_set_job(struct journal_batch *batch, const struct journal_job *row)
{
        return batch_put_row(batch, OP_SET_JOB, row);
}

int journal_update_job(struct journal_batch *batch, const struct journal_job *row)
{
        return batch_put_row(batch, OP_UPDATE_JOB, row);
}

int journal_put_task(struct journal_batch *batch, const struct journal_task *row)
{
        struct op_task *const op = batch_take_op(batch, OP_PUT_TASK, sizeof(*op));
        size_t bytes = 0;
        int r;

        if (!op)
                return FAULT(-ENOMEM);
        op->row = *row;
        r = batch_keep_text(batch, &op->row.why, &bytes);
        if (r == 0)
                r = batch_keep_text(batch, &op->row.held, &bytes);
        return batch_finish(batch, &op->op, r, bytes);
}

int journal_put_output(struct journal_batch *batch, uint64_t job, uint64_t task, uint32_t attempt,
                       struct journal_blob *records)
{
        struct op_output *const op = batch_take_op(batch, OP_PUT_OUTPUT, sizeof(*op));

        if (!op)
                return FAULT(-ENOMEM);
        op->job = job;
        op->task = task;
        op->attempt = attempt;
        op->records = journal_blob_ref(records);
        batch_append(batch, &op->op, records->size);
        return 0;
}

int journal_set_output(struct journal_batch *batch, uint64_t job, uint64_t task,
                       uint8_t output_where, uint64_t output_disk_bytes)
{
        struct op_place *const op = batch_take_op(batch, OP_SET_OUTPUT, sizeof(*op));

        if (!op)
                return FAULT(-ENOMEM);
        op->job = job;
        op->task = task;
        op->output_where = output_where;
        op->output_disk_bytes = output_disk_bytes;
        batch_append(batch, &op->op, 0);
        return 0;
}

int journal_put_input(struct journal_batch *batch, uint64_t job, uint64_t number,
                      uint64_t first_task, uint64_t count, struct journal_blob *values)
{
        struct op_input *const op = batch_take_op(batch, OP_PUT_INPUT, sizeof(*op));

        if (!op)
                return FAULT(-ENOMEM);
        op->job = job;
        op->number = number;
        op->first_task = first_task;
        op->count = count;
        op->values = journal_blob_ref(values);
        batch_append(batch, &op->op, values->size);
        return 0;
}

int journal_set_seen(struct journal_batch *batch, uint64_t job, uint64_t seen_task)
{
        struct op_seen *const op = batch_take_op(batch, OP_SET_SEEN, sizeof(*op));

        if (!op)
                return FAULT(-ENOMEM);
        op->job = job;
        op->seen_task = seen_task;
        batch_append(batch, &op->op, 0);
        return 0;
}

static int batch_add_dependency(struct journal_batch *batch, enum op_kind kind,
                                const struct journal_dependency *row)
{
        struct op_dependency *const op = batch_take_op(batch, kind, sizeof(*op));

        if (!op)
                return FAULT(-ENOMEM);
        op->row = *row;
        batch_append(batch, &op->op, 0);
        return 0;
}

int journal_put_dependency(struct journal_batch *batch, const struct journal_dependency *row)
{
        return batch_add_dependency(batch, OP_PUT_DEPENDENCY, row);
}

int journal_drop_dependency(struct journal_batch *batch, uint64_t job, uint32_t ordinal)
{
        const struct journal_dependency row = { .job = job, .ordinal = ordinal };

        return batch_add_dependency(batch, OP_DROP_DEPENDENCY, &row);
}

int journal_drop_dependencies(struct journal_batch *batch, uint64_t first_job, uint64_t last_job)
{
        struct op_dependencies *const op = batch_take_op(batch, OP_DROP_DEPENDENCIES, sizeof(*op));

        if (!op)
                return FAULT(-ENOMEM);
        op->first_job = first_job;
        op->last_job = last_job;
        batch_append(batch, &op->op, 0);
        return 0;
}

int journal_put_event(struct journal_batch *batch, const struct journal_event *row)
{
        struct op_event *const op = batch_take_op(batch, OP_PUT_EVENT, sizeof(*op));
        size_t bytes = 0;
        int r;

        if (!op)
                return FAULT(-ENOMEM);
        op->row = *row;
        r = batch_keep_text(batch, &op->row.detail, &bytes);
        return batch_finish(batch, &op->op, r, bytes);
}

int journal_put_key(struct journal_batch *batch, uint32_t uid,
                    const uint8_t key[static JOURNAL_KEY_BYTES], uint64_t first_id, uint32_t count,
                    uint64_t wall_usec)
{
        struct op_key *const op = batch_take_op(batch, OP_PUT_KEY, sizeof(*op));

        if (!op)
                return FAULT(-ENOMEM);
        op->uid = uid;
        memcpy(op->key, key, JOURNAL_KEY_BYTES);
        op->first_id = first_id;
        op->count = count;
        op->wall_usec = wall_usec;
        batch_append(batch, &op->op, 0);
        return 0;
}

int journal_drop_job(struct journal_batch *batch, uint64_t job)
{
        struct op_drop *const op = batch_take_op(batch, OP_DROP_JOB, sizeof(*op));

        if (!op)
                return FAULT(-ENOMEM);
        op->job = job;
        batch_append(batch, &op->op, 0);
        return 0;
}

int journal_put_queue(struct journal_batch *batch, const struct journal_queue *row)
{
        struct op_queue *const op = batch_take_op(batch, OP_PUT_QUEUE, sizeof(*op));
        size_t bytes = 0;
        int r;

        if (!op)
                return FAULT(-ENOMEM);
        op->row = *row;
        r = batch_keep_text(batch, &op->row.name, &bytes);
        if (r == 0)
                r = batch_keep_text(batch, &op->row.users, &bytes);
        return batch_finish(batch, &op->op, r, bytes);
}

int journal_drop_queue(struct journal_batch *batch, uint32_t id)
{
        struct op_queue *const op = batch_take_op(batch, OP_DROP_QUEUE, sizeof(*op));

        if (!op)
                return FAULT(-ENOMEM);
        op->row.id = id;
        batch_append(batch, &op->op, 0);
        return 0;
}

int journal_move_jobs(struct journal_batch *batch, uint32_t from, uint32_t to)
{
        struct op_move *const op = batch_take_op(batch, OP_MOVE_JOBS, sizeof(*op));

        if (!op)
                return FAULT(-ENOMEM);
        op->from = from;
        op->to = to;
        batch_append(batch, &op->op, 0);
        return 0;
}

static int batch_put_resource(struct journal_batch *batch, enum op_kind kind, uint32_t uid,
                              const char *name, uint32_t capacity)
{
        struct op_resource *const op = batch_take_op(batch, kind, sizeof(*op));
        size_t bytes = 0;
        int r;

        if (!op)
                return FAULT(-ENOMEM);
        op->uid = uid;
        op->capacity = capacity;
        op->name = name;
        r = batch_keep_text(batch, &op->name, &bytes);
        return batch_finish(batch, &op->op, r, bytes);
}

int journal_put_resource(struct journal_batch *batch, uint32_t uid, const char *name,
                         uint32_t capacity)
{
        return batch_put_resource(batch, OP_PUT_RESOURCE, uid, name, capacity);
}

int journal_drop_resource(struct journal_batch *batch, uint32_t uid, const char *name)
{
        return batch_put_resource(batch, OP_DROP_RESOURCE, uid, name, 0);
}

int journal_put_setting(struct journal_batch *batch, const char *name, uint64_t value)
{
        struct op_setting *const op = batch_take_op(batch, OP_PUT_SETTING, sizeof(*op));
        size_t bytes = 0;
        int r;

        if (!op)
                return FAULT(-ENOMEM);
        op->name = name;
        op->value = value;
        r = batch_keep_text(batch, &op->name, &bytes);
        return batch_finish(batch, &op->op, r, bytes);
}

static int batch_put_grant(struct journal_batch *batch, enum op_kind kind,
                           const struct journal_grant *row)
{
        struct op_grant *const op = batch_take_op(batch, kind, sizeof(*op));
        size_t bytes = 0;
        int r;

        if (!op)
                return FAULT(-ENOMEM);
        op->row = *row;
        r = batch_keep_text(batch, &op->row.name, &bytes);
        return batch_finish(batch, &op->op, r, bytes);
}

int journal_put_grant(struct journal_batch *batch, const struct journal_grant *row)
{
        return batch_put_grant(batch, OP_PUT_GRANT, row);
}

int journal_drop_grant(struct journal_batch *batch, uint32_t uid,
                       const uint8_t token[static JOURNAL_TOKEN_BYTES])
{
        struct journal_grant row = { .uid = uid };

        memcpy(row.token, token, sizeof(row.token));
        return batch_put_grant(batch, OP_DROP_GRANT, &row);
}

int journal_fetch_spec(struct journal_batch *batch, uint64_t job,
                       void (*done)(void *arg, uint64_t token, struct journal_blob *spec,
                                    struct journal_blob *environment),
                       void *arg, uint64_t token)
{
        struct op_fetch *const op = batch_take_op(batch, OP_FETCH_SPEC, sizeof(*op));

        if (!op)
                return FAULT(-ENOMEM);
        op->job = job;
        op->done = done;
        op->arg = arg;
        op->token = token;
        batch->has_fetch = true;
        batch_append(batch, &op->op, 0);
        return 0;
}

int journal_fetch_input(struct journal_batch *batch, uint64_t job, uint64_t task,
                        void (*done)(void *arg, uint64_t token, uint64_t first_task, uint64_t count,
                                     struct journal_blob *values),
                        void *arg, uint64_t token)
{
        struct op_fetch_input *const op = batch_take_op(batch, OP_FETCH_INPUT, sizeof(*op));

        if (!op)
                return FAULT(-ENOMEM);
        op->job = job;
        op->task = task;
        op->done = done;
        op->arg = arg;
        op->token = token;
        batch->has_fetch = true;
        batch_append(batch, &op->op, 0);
        return 0;
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The records of a batch, in the order in which the engine put them, become statements. A table of
 * functions by kind; none of them decides anything: a row that cannot be written is a fault of the
 * store or a bug, and either ends the daemon (outcome unknown, see thread.c).
 *
 * Used by the journal thread, between store_begin() and store_commit().
 */
#include "daemon/journal/apply.h"

#include "common/clock.h"
#include "common/error.h"

#include "daemon/journal/query.h"
#include "daemon/journal/row.h"

static int apply_put_spec(struct apply *apply, const struct journal_job *row)
{
        struct binder put = store_bind(apply->store, STATEMENT_SPEC_PUT);
        uint64_t environment = 0;
        int r = 0;

        if (!row->spec)
                return 0;
        if (row->environment)
                r = environments_take(&apply->environments, apply->store, row->environment,
                                      &environment);
        if (r < 0)
                return PASS(r);
        bind_number(&put, row->id);
        bind_number(&put, environment);
        bind_blob(&put, row->spec->size > 0 ? (const void *)row->spec->data : "", row->spec->size);
        return store_run(apply->store, &put, NULL);
}

static int apply_put_job(struct apply *apply, struct op *op)
{
        const struct op_job *const job = (const void *)op;
        struct binder put = store_bind(apply->store, STATEMENT_JOB_PUT);
        int r;

        row_bind_job(&put, &job->row, job->row.spec ? job->row.spec->size : 0);
        r = store_run(apply->store, &put, NULL);
        if (r < 0)
                return PASS(r);
        return apply_put_spec(apply, &job->row);
}

static int apply_set_job(struct apply *apply, struct op *op)
{
        const struct op_job *const job = (const void *)op;
        struct binder set;
        uint64_t changes = 0;
        int r;

        if (!job->row.finished) {
                set = store_bind(apply->store, STATEMENT_JOB_SET_OPEN);
                row_bind_job_changes(&set, &job->row);
                r = store_run(apply->store, &set, &changes);
                if (r < 0 || changes > 0)
                        return r < 0 ? PASS(r) : 0;
        }
        /* It ends, or a finished job is opened again. */
        set = store_bind(apply->store, STATEMENT_JOB_SET_ANY);
        row_bind_job_changes(&set, &job->row);
        bind_number(&set, job->row.finished);
        return store_run(apply->store, &set, NULL);
}

/* Which environment the job's spec names; 0: none. */
static int apply_find_environment(struct apply *apply, uint64_t job, uint64_t *out_id)
{
        struct binder get = store_bind(apply->store, STATEMENT_SPEC_GET);
        int r;

        bind_number(&get, job);
        r = store_step(apply->store, &get);
        *out_id = r > 0 ? (uint64_t)sqlite3_column_int64(get.stmt, 0) : 0;
        store_reset(&get);
        return r < 0 ? PASS(r) : 0;
}

static int apply_set_spec(struct apply *apply, const struct journal_job *row)
{
        struct binder set;
        uint64_t before, after = 0;
        int r;

        r = apply_find_environment(apply, row->id, &before);
        if (r == 0 && row->environment)
                r = environments_take(&apply->environments, apply->store, row->environment, &after);
        if (r == 0 && before)
                r = environments_give(&apply->environments, apply->store, before);
        if (r < 0)
                return PASS(r);
        set = store_bind(apply->store, STATEMENT_SPEC_SET);
        bind_number(&set, after);
        bind_blob(&set, row->spec->size > 0 ? (const void *)row->spec->data : "", row->spec->size);
        bind_number(&set, row->id);
        return store_run(apply->store, &set, NULL);
}

static int apply_update_job(struct apply *apply, struct op *op)
{
        const struct op_job *const job = (const void *)op;
        struct binder update;
        int r;

        r = apply_set_job(apply, op);
        if (r < 0)
                return PASS(r);
        update = store_bind(apply->store, STATEMENT_JOB_UPDATE);
        row_bind_job_update(&update, &job->row, job->row.spec->size);
        r = store_run(apply->store, &update, NULL);
        return r < 0 ? PASS(r) : apply_set_spec(apply, &job->row);
}

static int apply_put_task(struct apply *apply, struct op *op)
{
        const struct op_task *const task = (const void *)op;
        struct binder put = store_bind(apply->store, STATEMENT_TASK_PUT);

        row_bind_task(&put, &task->row);
        return store_run(apply->store, &put, NULL);
}

static int apply_put_output(struct apply *apply, struct op *op)
{
        const struct op_output *const output = (const void *)op;
        const struct journal_blob *const records = output->records;
        struct binder put = store_bind(apply->store, STATEMENT_OUTPUT_PUT);

        bind_number(&put, output->job);
        bind_number(&put, output->task);
        bind_number(&put, output->attempt);
        bind_blob(&put, records->size > 0 ? (const void *)records->data : "", records->size);
        return store_run(apply->store, &put, NULL);
}

static int apply_set_output(struct apply *apply, struct op *op)
{
        const struct op_place *const place = (const void *)op;
        struct binder set = store_bind(apply->store, STATEMENT_TASK_SET_OUTPUT);

        bind_number(&set, place->output_where);
        bind_number(&set, place->output_disk_bytes);
        bind_number(&set, place->job);
        bind_number(&set, place->task);
        return store_run(apply->store, &set, NULL);
}

static int apply_put_input(struct apply *apply, struct op *op)
{
        const struct op_input *const input = (const void *)op;
        struct binder put = store_bind(apply->store, STATEMENT_INPUT_PUT);

        bind_number(&put, input->job);
        bind_number(&put, input->number);
        bind_number(&put, input->first_task);
        bind_number(&put, input->count);
        bind_blob(&put, input->values->data, input->values->size);
        return store_run(apply->store, &put, NULL);
}

static int apply_set_seen(struct apply *apply, struct op *op)
{
        const struct op_seen *const seen = (const void *)op;
        struct binder set = store_bind(apply->store, STATEMENT_JOB_SET_SEEN);

        bind_number(&set, seen->seen_task);
        bind_number(&set, seen->job);
        return store_run(apply->store, &set, NULL);
}

static int apply_put_dependency(struct apply *apply, struct op *op)
{
        const struct journal_dependency *const row =
                &((const struct op_dependency *)(void *)op)->row;
        struct binder put = store_bind(apply->store, STATEMENT_DEPENDENCY_PUT);

        bind_number(&put, row->job);
        bind_number(&put, row->ordinal);
        bind_number(&put, row->kind);
        bind_number(&put, row->parent);
        bind_number(&put, row->flags);
        return store_run(apply->store, &put, NULL);
}

static int apply_drop_dependency(struct apply *apply, struct op *op)
{
        const struct journal_dependency *const row =
                &((const struct op_dependency *)(void *)op)->row;
        struct binder drop = store_bind(apply->store, STATEMENT_DEPENDENCY_DROP);

        bind_number(&drop, row->job);
        bind_number(&drop, row->ordinal);
        return store_run(apply->store, &drop, NULL);
}

static int apply_drop_dependencies(struct apply *apply, struct op *op)
{
        const struct op_dependencies *const range = (const void *)op;
        struct binder drop = store_bind(apply->store, STATEMENT_DEPENDENCY_DROP_JOBS);

        bind_number(&drop, range->first_job);
        bind_number(&drop, range->last_job);
        return store_run(apply->store, &drop, NULL);
}

static int apply_put_event(struct apply *apply, struct op *op)
{
        const struct op_event *const event = (const void *)op;
        struct binder put = store_bind(apply->store, STATEMENT_EVENT_PUT);

        row_bind_event(&put, &event->row);
        return store_run(apply->store, &put, NULL);
}

static int apply_put_key(struct apply *apply, struct op *op)
{
        const struct op_key *const key = (const void *)op;
        struct binder put = store_bind(apply->store, STATEMENT_KEY_PUT);

        bind_number(&put, key->uid);
        bind_blob(&put, key->key, sizeof(key->key));
        bind_number(&put, key->first_id);
        bind_number(&put, key->count);
        bind_number(&put, key->wall_usec);
        purge_count_key(&apply->purge, key->wall_usec);
        return store_run(apply->store, &put, NULL);
}

static int apply_drop_row(struct apply *apply, enum statement which, uint64_t job)
{
        struct binder drop = store_bind(apply->store, which);

        bind_number(&drop, job);
        return store_run(apply->store, &drop, NULL);
}

static int apply_drop_job(struct apply *apply, struct op *op)
{
        const struct op_drop *const drop = (const void *)op;
        uint64_t environment;
        int r;

        r = apply_find_environment(apply, drop->job, &environment);
        if (r == 0)
                r = apply_drop_row(apply, STATEMENT_SPEC_DROP, drop->job);
        if (r == 0)
                r = apply_drop_row(apply, STATEMENT_JOB_DROP, drop->job);
        if (r == 0 && environment != 0)
                r = environments_give(&apply->environments, apply->store, environment);
        if (r == 0)
                r = purge_drop_rows(&apply->purge, apply->store, drop->job);
        return r < 0 ? PASS(r) : 0;
}

static int apply_put_queue(struct apply *apply, struct op *op)
{
        const struct op_queue *const queue = (const void *)op;
        struct binder put = store_bind(apply->store, STATEMENT_QUEUE_PUT);

        row_bind_queue(&put, &queue->row);
        return store_run(apply->store, &put, NULL);
}

static int apply_drop_queue(struct apply *apply, struct op *op)
{
        const struct op_queue *const queue = (const void *)op;

        return apply_drop_row(apply, STATEMENT_QUEUE_DROP, queue->row.id);
}

static int apply_move_jobs(struct apply *apply, struct op *op)
{
        const struct op_move *const given = (const void *)op;
        struct binder move = store_bind(apply->store, STATEMENT_JOB_MOVE);

        bind_number(&move, given->to);
        bind_number(&move, given->from);
        return store_run(apply->store, &move, NULL);
}

static int apply_put_resource(struct apply *apply, struct op *op)
{
        const struct op_resource *const resource = (const void *)op;
        struct binder put = store_bind(apply->store, STATEMENT_RESOURCE_PUT);

        bind_number(&put, resource->uid);
        bind_text(&put, resource->name);
        bind_number(&put, resource->capacity);
        return store_run(apply->store, &put, NULL);
}

static int apply_drop_resource(struct apply *apply, struct op *op)
{
        const struct op_resource *const resource = (const void *)op;
        struct binder drop = store_bind(apply->store, STATEMENT_RESOURCE_DROP);

        bind_number(&drop, resource->uid);
        bind_text(&drop, resource->name);
        return store_run(apply->store, &drop, NULL);
}

static int apply_put_setting(struct apply *apply, struct op *op)
{
        const struct op_setting *const setting = (const void *)op;
        struct binder put = store_bind(apply->store, STATEMENT_SETTING_PUT);

        bind_text(&put, setting->name);
        bind_number(&put, setting->value);
        return store_run(apply->store, &put, NULL);
}

static int apply_put_grant(struct apply *apply, struct op *op)
{
        const struct op_grant *const grant = (const void *)op;
        struct binder put = store_bind(apply->store, STATEMENT_GRANT_PUT);

        row_bind_grant(&put, &grant->row);
        return store_run(apply->store, &put, NULL);
}

static int apply_drop_grant(struct apply *apply, struct op *op)
{
        const struct op_grant *const grant = (const void *)op;
        struct binder drop = store_bind(apply->store, STATEMENT_GRANT_DROP);

        bind_number(&drop, grant->row.uid);
        bind_blob(&drop, grant->row.token, JOURNAL_TOKEN_BYTES);
        return store_run(apply->store, &drop, NULL);
}

static int apply_fetch_spec(struct apply *apply, struct op *op)
{
        struct op_fetch *const fetch = (void *)op;
        struct binder get = store_bind(apply->store, STATEMENT_SPEC_GET);
        uint64_t environment = 0;
        int r;

        bind_number(&get, fetch->job);
        r = store_step(apply->store, &get);
        if (r > 0) {
                environment = (uint64_t)sqlite3_column_int64(get.stmt, 0);
                r = store_take_blob(&get, 1, &fetch->spec);
        }
        store_reset(&get);
        if (r == 0 && environment != 0)
                r = environments_read(&apply->environments, apply->store, environment,
                                      &fetch->environment);
        return r < 0 ? PASS(r) : 0;
}

static int apply_fetch_input(struct apply *apply, struct op *op)
{
        struct op_fetch_input *const fetch = (void *)op;
        const int r =
                query_find_input(apply->store, fetch->job, true, 0, fetch->task, &fetch->found);

        return r < 0 ? PASS(r) : 0;
}

/* clang-format off */
static int (*const appliers[OP_COUNT])(struct apply *apply, struct op *op) = {
        [OP_PUT_JOB] = apply_put_job,
        [OP_SET_JOB] = apply_set_job,
        [OP_UPDATE_JOB] = apply_update_job,
        [OP_PUT_TASK] = apply_put_task,
        [OP_PUT_OUTPUT] = apply_put_output,
        [OP_SET_OUTPUT] = apply_set_output,
        [OP_PUT_INPUT] = apply_put_input,
        [OP_SET_SEEN] = apply_set_seen,
        [OP_PUT_EVENT] = apply_put_event,
        [OP_PUT_KEY] = apply_put_key,
        [OP_DROP_JOB] = apply_drop_job,
        [OP_PUT_RESOURCE] = apply_put_resource,
        [OP_DROP_RESOURCE] = apply_drop_resource,
        [OP_PUT_GRANT] = apply_put_grant,
        [OP_DROP_GRANT] = apply_drop_grant,
        [OP_PUT_SETTING] = apply_put_setting,
        [OP_PUT_QUEUE] = apply_put_queue,
        [OP_DROP_QUEUE] = apply_drop_queue,
        [OP_MOVE_JOBS] = apply_move_jobs,
        [OP_FETCH_SPEC] = apply_fetch_spec,
        [OP_FETCH_INPUT] = apply_fetch_input,
        [OP_PUT_DEPENDENCY] = apply_put_dependency,
        [OP_DROP_DEPENDENCY] = apply_drop_dependency,
        [OP_DROP_DEPENDENCIES] = apply_drop_dependencies,
};
/* clang-format on */

int apply_batch(struct apply *apply, struct journal_batch *batch)
{
        for (struct op *op = batch->first; op; op = op->next) {
                const int r = appliers[op->kind](apply, op);

                if (r < 0)
                        return PASS(r);
        }
        return 0;
}

int apply_finish(struct apply *apply)
{
        int r;

        r = purge_keys(&apply->purge, apply->store, clock_wall_usec());
        if (r == 0)
                r = environments_flush(&apply->environments, apply->store);
        return r < 0 ? PASS(r) : 0;
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * update: changes what is queued, all jobs that were selected or none.
 *
 * The store has the specification that a START will carry, so each job's is read, the changes are
 * laid over it, and it is judged as at submit and packed again, a window of jobs in a turn. When
 * all are there, and it is known how parents of new dependencies ended, the engine takes them in
 * one call; a job that started, ended or was changed by
 * somebody else meanwhile makes it refuse them all. One Error names the first that stood in the
 * way; else the results leave page by page.
 *
 * A filter finds what can be changed: jobs that run are not meant by it. An id means that job.
 *
 * What is kept until then is bounded: UPDATE_JOBS_MAX jobs, UPDATE_BYTES_MAX of specifications.
 */
#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "common/error.h"

#include "daemon/clients/act_page.h"
#include "daemon/clients/selector.h"
#include "daemon/clients/spec_merge.h"
#include "daemon/clients/submit_spec.h"
#include "daemon/clients/verb.h"

#define UPDATE_WINDOW 100U
#define UPDATE_PAGE 500U
#define UPDATE_JOBS_MAX 10000U
#define UPDATE_BYTES_MAX (64U * 1024 * 1024)
#define UPDATE_DEPENDENCIES_MAX 100000U

/* What engine_update borrows for a job. */
struct update_entry {
        struct journal_blob *spec, *environment; /* owned */
        char *name;                              /* owned; NULL when none */
        uint8_t retry_on[SUBMIT_RETRY_ON_BYTES];
};

struct update {
        struct stream stream;
        struct selector *selector; /* owned; NULL when all were found */
        Jobd__Request *request;    /* owned: a copy */
        bool is_filter, is_applied;
        char detail[SPEC_MERGE_DETAIL_MAX];
        uint64_t read_sequence;        /* before the window under way was read */
        struct update_entry *entries;  /* owned, with what they own */
        struct engine_update *updates; /* owned: as many */
        size_t count, room;
        size_t bytes;
        struct engine_dependency *dependencies; /* owned: the new ones of all; NULL: none */
        struct deps_lookup *lookup;             /* owned; NULL when memory knows them */
        struct journal_blob *old_environment, *new_environment; /* owned: of the last job */
        uint64_t barrier;                                       /* of the change */
        size_t told;                                            /* results that have left */
        struct act_page page;
};

static void update_entry_deinit(struct update_entry *entry)
{
        journal_blob_unref(entry->spec);
        journal_blob_unref(entry->environment);
        free(entry->name);
}

static void update_deinit(struct stream *stream)
{
        struct update *update = (struct update *)stream;

        engine_lookup_free(update->lookup);
        free(update->dependencies);
        for (size_t i = 0; i < update->count; i++)
                update_entry_deinit(&update->entries[i]);
        free(update->entries);
        free(update->updates);
        journal_blob_unref(update->old_environment);
        journal_blob_unref(update->new_environment);
        act_page_deinit(&update->page);
        selector_free(update->selector);
        wire_free_request(update->request);
}

/* It cannot be: says so, and that is all that happens. */
static int update_refuse(struct update *update, int code, const char *text)
{
        struct reason why;

        (void)reason_set(&why, 0, "%s; nothing was changed", text);
        answer_stream_error(&update->stream, (Jobd__ErrorCode)code, 0, false, why.text);
        stream_end(&update->stream);
        return 0;
}

/* ----------------------------------------------------------------------------- one specification
 */

static int update_merge_spec(struct update *update, const struct selector_item *item,
                             struct update_entry *entry, struct engine_update *to,
                             struct reason *why)
{
        const Jobd__Spec *set = update->request->update->set;
        _cleanup_(wire_free_specp) Jobd__Spec *old = NULL;
        struct reason detail = { "" };
        Jobd__Spec spec;
        int r;

        if (!item->row->spec)
                return reason_set(why, JOBD__ERROR_CODE__ERROR_INTERNAL,
                                  "job %" PRIu64 " has no specification in the store", item->id);
        r = wire_unpack_spec(item->row->spec->data, item->row->spec->size, &old, &detail);
        if (r < 0)
                return PASS(r);
        if (r == 0) {
                spec = *old;
                spec_merge_fields(update->request->update, &spec);
                r = wire_check_spec(&spec, &detail);
        }
        if (r)
                return reason_set(why, JOBD__ERROR_CODE__ERROR_USAGE, "job %" PRIu64 ": %s",
                                  item->id, detail.text);
        r = submit_pack(&spec.base, &entry->spec);
        if (r)
                return PASS(r);
        submit_fill_spec(&spec, &to->spec);
        submit_fill_codes(&spec, entry->retry_on);
        to->spec.retry_on = spec.n_retry_on > 0 ? entry->retry_on : NULL;
        to->spec.unique_key = NULL;
        to->spec.queue = to->sets_queue ? set->queue : NULL;
        to->spec.keep_waiting = spec.has_keep_waiting && spec.keep_waiting;
        if (to->sets_dependencies) {
                to->spec.dependencies = update->dependencies;
                to->spec.dependencies_count = spec.n_dependencies;
                to->spec.dependencies_any = spec.has_dependencies_any && spec.dependencies_any;
        }
        if (!to->spec.name)
                return 0;
        entry->name = strdup(to->spec.name);
        to->spec.name = entry->name;
        return entry->name ? 0 : FAULT(-ENOMEM);
}

static int update_pack_environment(const struct update *update, const struct journal_blob *old,
                                   struct journal_blob **out_blob, struct reason *why)
{
        _cleanup_(wire_free_environmentp) Jobd__Environment *before = NULL;
        _cleanup_(freep) ProtobufCBinaryData *entries = NULL;
        Jobd__Environment after = JOBD__ENVIRONMENT__INIT;
        struct reason detail = { "" };
        int r = 0;

        if (old)
                r = wire_unpack_environment(old->data, old->size, &before, &detail);
        if (r == 0)
                r = spec_merge_entries(update->request->update, before, &entries, &after.n_entries);
        if (r < 0)
                return PASS(r);
        after.entries = entries;
        if (r == 0)
                r = wire_check_environment(&after, &detail);
        if (r)
                return reason_set(why, JOBD__ERROR_CODE__ERROR_USAGE, "%s", detail.text);
        return submit_pack(&after.base, out_blob);
}

static bool update_is_same_blob(const struct journal_blob *a, const struct journal_blob *b)
{
        return a && b && (a == b || (a->size == b->size && memcmp(a->data, b->data, a->size) == 0));
}

/* Most jobs of a user share one environment: then they go on sharing one. */
static int update_merge_environment(struct update *update, const struct selector_item *item,
                                    struct update_entry *entry, struct reason *why)
{
        const Jobd__Update *request = update->request->update;
        struct journal_blob *old = item->row->environment;
        struct journal_blob *made = NULL;
        int r;

        if (request->n_set_environment + request->n_unset_environment == 0) {
                entry->environment = journal_blob_ref(old);
                return 0;
        }
        if (!update_is_same_blob(old, update->old_environment)) {
                r = update_pack_environment(update, old, &made, why);
                if (r)
                        return r < 0 ? PASS(r) : r;
                update->bytes += made->size;
                journal_blob_unref(update->old_environment);
                journal_blob_unref(update->new_environment);
                update->old_environment = journal_blob_ref(old);
                update->new_environment = made;
        }
        entry->environment = journal_blob_ref(update->new_environment);
        return 0;
}

/* ------------------------------------------------------------------------------ gathering jobs */

static int update_grow(struct update *update)
{
        const size_t room = MAX(2 * update->room, (size_t)16);
        struct update_entry *entries;
        struct engine_update *updates;

        if (update->count < update->room)
                return 0;
        entries = reallocarray(update->entries, room, sizeof(*entries));
        if (!entries)
                return FAULT(-ENOMEM);
        update->entries = entries;
        updates = reallocarray(update->updates, room, sizeof(*updates));
        if (!updates)
                return FAULT(-ENOMEM);
        update->updates = updates;
        update->room = room;
        return 0;
}

static int update_add(struct update *update, const struct selector_item *item, struct reason *why)
{
        const Jobd__Spec *set = update->request->update->set;
        struct update_entry *entry;
        struct engine_update *to;
        int r;

        r = update_grow(update);
        if (r)
                return PASS(r);
        entry = &update->entries[update->count];
        to = &update->updates[update->count++];
        *entry = (struct update_entry){ 0 };
        *to = (struct engine_update){ .id = item->id,
                                      .sets_name = set && set->name,
                                      .sets_hold = set && set->has_hold,
                                      .sets_begin = set && set->has_begin_wall_usec,
                                      .sets_queue = set && set->queue,
                                      .sets_dependencies =
                                              spec_merge_sets_dependencies(update->request->update),
                                      .sets_keep_waiting = set && set->has_keep_waiting,
                                      .detail = update->detail,
                                      .read_sequence = update->read_sequence };
        r = update_merge_spec(update, item, entry, to, why);
        if (r == 0)
                r = update_merge_environment(update, item, entry, why);
        if (r)
                return r < 0 ? PASS(r) : r;
        to->spec.spec = entry->spec;
        to->spec.environment = entry->environment;
        update->bytes += entry->spec->size;
        if (update->count > UPDATE_JOBS_MAX || update->bytes > UPDATE_BYTES_MAX)
                return reason_set(why, JOBD__ERROR_CODE__ERROR_USAGE,
                                  "these are too many jobs for one update: at most %u",
                                  UPDATE_JOBS_MAX);
        if (update->count * to->spec.dependencies_count > UPDATE_DEPENDENCIES_MAX)
                return reason_set(why, JOBD__ERROR_CODE__ERROR_USAGE,
                                  "these are too many dependencies for one update: at most %u of "
                                  "all jobs",
                                  UPDATE_DEPENDENCIES_MAX);
        return 0;
}

/* May this one be changed? *out_skip: it was not meant. */
static int update_judge(const struct update *update, const struct selector_item *item,
                        bool *out_skip, struct reason *why)
{
        *out_skip = false;
        if (item->is_missing)
                return answer_no_such_job(why, item->id, item->last_id);
        if (item->has_range)
                return reason_set(why, JOBD__ERROR_CODE__ERROR_USAGE,
                                  "update is for whole jobs: name job %" PRIu64
                                  " without its tasks",
                                  item->id);
        *out_skip = update->is_filter && (!item->job || !engine_is_updatable(item->job));
        if (item->job || *out_skip)
                return 0;
        return answer_finished(why, item->id, (enum job_state)item->row->state);
}

static int update_on_window(struct stream *stream, const struct selector_item *items, size_t count)
{
        struct update *update = (struct update *)stream;
        struct reason why = { "" };
        bool skip;

        for (size_t i = 0; i < count; i++) {
                int r = update_judge(update, &items[i], &skip, &why);

                if (r == 0 && !skip)
                        r = update_add(update, &items[i], &why);
                if (r < 0)
                        return PASS(r);
                if (r)
                        return update_refuse(update, r, why.text);
        }
        stream_wake(stream);
        return 0;
}

static int update_on_page(struct stream *stream, const struct journal_page *page)
{
        return selector_on_page(((struct update *)stream)->selector, page);
}

/* --------------------------------------------------------------------------------------- doing */

/* Those that a filter found and that have started since are not meant any more. */
static void update_drop_started(struct update *update)
{
        struct engine *engine = update->stream.session->clients->engine;
        size_t kept = 0;

        for (size_t i = 0; i < update->count; i++) {
                const struct job *job = engine_find(engine, update->updates[i].id);

                if (!job || !engine_is_updatable(job)) {
                        update_entry_deinit(&update->entries[i]);
                        continue;
                }
                update->entries[kept] = update->entries[i];
                update->updates[kept++] = update->updates[i];
        }
        update->count = kept;
}

/* Entries have moved while their array grew: the bitmaps are where they are now. */
static void update_settle(struct update *update)
{
        for (size_t i = 0; i < update->count; i++) {
                if (update->updates[i].spec.retry_on)
                        update->updates[i].spec.retry_on = update->entries[i].retry_on;
                update->updates[i].lookup = update->lookup;
        }
}

static struct engine_submission update_asker(const struct update *update)
{
        const struct session *from = update->stream.session;

        return (struct engine_submission){ .uid = from->peer.uid,
                                           .gid = from->peer.gid,
                                           .groups = from->peer.groups,
                                           .groups_count = from->peer.groups_count,
                                           .is_admin = from->is_admin };
}

static void update_audit(struct update *update)
{
        const struct session *session = update->stream.session;
        struct audit_jobs audit = { 0 };

        for (size_t i = 0; i < update->count; i++) {
                const struct job *job =
                        engine_find(session->clients->engine, update->updates[i].id);

                if (job)
                        audit_jobs_add(&audit, session, engine_job_id(job), engine_job_uid(job),
                                       true);
        }
        audit_jobs_write(&audit, session, AUDIT_ACT_UPDATE);
}

static int update_apply(struct update *update)
{
        struct engine *engine = update->stream.session->clients->engine;
        const struct engine_submission asker = update_asker(update);
        struct reason why = { "" };
        size_t index;
        int r;

        if (update->is_filter)
                update_drop_started(update);
        update_settle(update);
        r = engine_update(engine, &asker, update->updates, update->count, &index, &why);
        if (r < 0)
                return PASS(r);
        if (r)
                return update_refuse(update, answer_code_of(r), why.text);
        update->barrier = engine_sequence(engine);
        update->is_applied = true;
        update_audit(update);
        return 0;
}

static void update_on_lookup(void *arg, int fault)
{
        struct update *update = arg;
        struct stream *stream = &update->stream;

        stream->read = NULL;
        session_end_wait(stream);
        if (fault) {
                session_fail(stream->session, PASS(fault));
                return;
        }
        /* At once: what was found is what is so now. */
        fault = update_apply(update);
        if (fault)
                session_fail(stream->session, PASS(fault));
        else if (!stream_is_ended(stream))
                stream_wake(stream);
}

/* All jobs are there: changes them, or first reads what their new dependencies name. */
static int update_begin(struct update *update)
{
        struct stream *stream = &update->stream;
        const struct engine_submission asker = update_asker(update);
        int r;

        update->selector = selector_free(update->selector);
        r = engine_update_prepare(stream->session->clients->engine, &asker, update->updates,
                                  update->count, &update->lookup);
        if (r)
                return PASS(r);
        if (!update->lookup)
                return update_apply(update);
        r = engine_lookup_run(update->lookup, update_on_lookup, update, &stream->read);
        if (r)
                return PASS(r);
        session_begin_wait(stream);
        return 0;
}

static int update_tell(struct update *update)
{
        struct engine *engine = update->stream.session->clients->engine;
        const size_t end = MIN(update->count, update->told + UPDATE_PAGE);

        for (; update->told < end; update->told++) {
                const uint64_t id = update->updates[update->told].id;
                const struct job *job = engine_find(engine, id);
                struct engine_view view = { .state = JOB_ABSENT };
                int r;

                if (job)
                        engine_view_job(engine, job, &view);
                r = act_page_add(&update->page, id, NULL, 0, NULL, view.state, update->barrier);
                if (r)
                        return PASS(r);
        }
        act_page_send(&update->page, &update->stream, end < update->count);
        if (end < update->count)
                stream_wake(&update->stream);
        else
                stream_end(&update->stream);
        return 0;
}

static int update_run(struct stream *stream)
{
        struct update *update = (struct update *)stream;
        int r = 0;

        if (session_is_slow(stream->session, SESSION_SLOW_BYTES)) {
                stream_wait_drained(stream);
                return 0;
        }
        if (update->selector && !selector_is_done(update->selector)) {
                if (stream->read)
                        return 0;
                update->read_sequence = engine_sequence(stream->session->clients->engine);
                r = selector_step(update->selector);
                return r ? PASS(r) : 0;
        }
        if (update->selector)
                r = update_begin(update);
        if (r == 0 && update->is_applied && !stream_is_ended(stream))
                r = update_tell(update);
        return r ? PASS(r) : 0;
}

static const struct stream_type update_type = {
        .run = update_run,
        .on_page = update_on_page,
        .deinit = update_deinit,
};

/* --------------------------------------------------------------------------------- the request */

/* The request lives until its handler returns, and this takes longer. */
static int update_copy(const Jobd__Request *request, Jobd__Request **out_copy, struct reason *why)
{
        _cleanup_(freep) void *data = NULL;
        size_t size;
        int r;

        r = wire_pack(&request->base, &data, &size);
        if (r)
                return PASS(r);
        r = wire_unpack_request(data, size, out_copy, why);
        return r > 0 ? JOBD__ERROR_CODE__ERROR_USAGE : r;
}

static int update_copy_dependencies(struct update *update)
{
        const Jobd__Spec *const set = update->request->update->set;

        if (!set || set->n_dependencies == 0)
                return 0;
        update->dependencies = calloc(set->n_dependencies, sizeof(*update->dependencies));
        if (!update->dependencies)
                return FAULT(-ENOMEM);
        for (size_t i = 0; i < set->n_dependencies; i++) {
                update->dependencies[i].kind = (uint8_t)set->dependencies[i]->kind;
                update->dependencies[i].job = set->dependencies[i]->job;
        }
        return 0;
}

static int update_open(struct update *update, const Jobd__Request *request, struct reason *why)
{
        const Jobd__Selector *selector = request->update->selector;
        const struct selector_options options = {
                .selector = selector,
                .scope = SELECTOR_UNFINISHED,
                .window = UPDATE_WINDOW,
                .want_rows = true,
                .want_spec = true,
                .want_environment = true,
                .on_window = update_on_window,
        };
        int r;

        r = update_copy(request, &update->request, why);
        if (r)
                return r;
        r = update_copy_dependencies(update);
        if (r)
                return PASS(r);
        update->is_filter = selector->n_ids == 0 && !selector->last;
        spec_merge_describe(request->update, update->detail);
        return selector_new(&update->stream, &options, &update->selector, why);
}

int verb_update(struct session *from, const Jobd__Request *request, struct job *job,
                struct reason *why)
{
        struct stream *stream;
        int r;

        (void)job;
        r = spec_merge_check(request->update, why);
        if (r)
                return r;
        r = session_add_stream(from, &update_type, request->tag, sizeof(struct update), &stream,
                               why);
        if (r)
                return r;
        r = update_open((struct update *)stream, request, why);
        if (r > 0)
                stream_end(stream);
        if (r)
                return r;
        session_run_stream(stream);
        return 0;
}

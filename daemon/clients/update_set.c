/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What an update makes of each job: its specification is taken apart, the changes are laid over it
 * (spec_merge.c), and it is judged as at submit and packed again. Jobs that shared an environment
 * go on sharing one.
 *
 * All of it is kept until the engine takes it in one call, so it is bounded: so many jobs, so many
 * bytes of specifications, so many dependencies. Called by verb_update.c, which brings the rows.
 */
#include "daemon/clients/update_set.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "common/error.h"

#define UPDATE_SET_JOBS_MAX 10000U
#define UPDATE_SET_BYTES_MAX (64U * 1024 * 1024)
#define UPDATE_SET_DEPENDENCIES_MAX 100000U

/* ------------------------------------------------------------------------------------ life time */

/* The request lives until its handler returns, and this takes longer. */
static int update_set_copy_request(const Jobd__Request *request, Jobd__Request **out_copy,
                                   struct reason *why)
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

static int update_set_copy_dependencies(struct update_set *set)
{
        const Jobd__Spec *const given = set->request->update->set;

        if (!given || given->n_dependencies == 0)
                return 0;
        set->dependencies = calloc(given->n_dependencies, sizeof(*set->dependencies));
        if (!set->dependencies)
                return FAULT(-ENOMEM);
        for (size_t i = 0; i < given->n_dependencies; i++) {
                set->dependencies[i].kind = (uint8_t)given->dependencies[i]->kind;
                set->dependencies[i].job = given->dependencies[i]->job;
        }
        return 0;
}

int update_set_init(struct update_set *set, const Jobd__Request *request, struct reason *why)
{
        int r;

        r = update_set_copy_request(request, &set->request, why);
        if (r)
                return r < 0 ? PASS(r) : r;
        spec_merge_describe(request->update, set->detail);
        r = update_set_copy_dependencies(set);
        return r ? PASS(r) : 0;
}

static void update_set_entry_deinit(struct update_entry *entry)
{
        journal_blob_unref(entry->spec);
        journal_blob_unref(entry->environment);
        free(entry->name);
}

void update_set_deinit(struct update_set *set)
{
        free(set->dependencies);
        for (size_t i = 0; i < set->count; i++)
                update_set_entry_deinit(&set->entries[i]);
        free(set->entries);
        free(set->updates);
        journal_blob_unref(set->old_environment);
        journal_blob_unref(set->new_environment);
        wire_free_request(set->request);
}

/* ---------------------------------------------------------------------------- one specification */

static int update_set_merge_spec(struct update_set *set, const struct selector_item *item,
                                 struct update_entry *entry, struct engine_update *to,
                                 struct reason *why)
{
        const Jobd__Spec *given = set->request->update->set;
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
                spec_merge_fields(set->request->update, &spec);
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
        to->spec.queue = to->sets_queue ? given->queue : NULL;
        to->spec.keep_waiting = spec.has_keep_waiting && spec.keep_waiting;
        if (to->sets_dependencies) {
                to->spec.dependencies = set->dependencies;
                to->spec.dependencies_count = spec.n_dependencies;
                to->spec.dependencies_any = spec.has_dependencies_any && spec.dependencies_any;
        }
        if (!to->spec.name)
                return 0;
        entry->name = strdup(to->spec.name);
        to->spec.name = entry->name;
        return entry->name ? 0 : FAULT(-ENOMEM);
}

static int update_set_pack_environment(const struct update_set *set, const struct journal_blob *old,
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
                r = spec_merge_entries(set->request->update, before, &entries, &after.n_entries);
        if (r < 0)
                return PASS(r);
        after.entries = entries;
        if (r == 0)
                r = wire_check_environment(&after, &detail);
        if (r)
                return reason_set(why, JOBD__ERROR_CODE__ERROR_USAGE, "%s", detail.text);
        return submit_pack(&after.base, out_blob);
}

static bool update_set_is_same_blob(const struct journal_blob *a, const struct journal_blob *b)
{
        return a && b && (a == b || (a->size == b->size && memcmp(a->data, b->data, a->size) == 0));
}

/* Most jobs of a user share one environment: then they go on sharing one. */
static int update_set_merge_environment(struct update_set *set, const struct selector_item *item,
                                        struct update_entry *entry, struct reason *why)
{
        const Jobd__Update *request = set->request->update;
        struct journal_blob *old = item->row->environment;
        struct journal_blob *made = NULL;
        int r;

        if (request->n_set_environment + request->n_unset_environment == 0) {
                entry->environment = journal_blob_ref(old);
                return 0;
        }
        if (!update_set_is_same_blob(old, set->old_environment)) {
                r = update_set_pack_environment(set, old, &made, why);
                if (r)
                        return r < 0 ? PASS(r) : r;
                set->bytes += made->size;
                journal_blob_unref(set->old_environment);
                journal_blob_unref(set->new_environment);
                set->old_environment = journal_blob_ref(old);
                set->new_environment = made;
        }
        entry->environment = journal_blob_ref(set->new_environment);
        return 0;
}

/* ------------------------------------------------------------------------------ gathering jobs */

static int update_set_grow(struct update_set *set)
{
        const size_t room = MAX(2 * set->room, (size_t)16);
        struct update_entry *entries;
        struct engine_update *updates;

        if (set->count < set->room)
                return 0;
        entries = reallocarray(set->entries, room, sizeof(*entries));
        if (!entries)
                return FAULT(-ENOMEM);
        set->entries = entries;
        updates = reallocarray(set->updates, room, sizeof(*updates));
        if (!updates)
                return FAULT(-ENOMEM);
        set->updates = updates;
        set->room = room;
        return 0;
}

int update_set_add(struct update_set *set, const struct selector_item *item, uint64_t read_sequence,
                   struct reason *why)
{
        const Jobd__Spec *given = set->request->update->set;
        struct update_entry *entry;
        struct engine_update *to;
        int r;

        r = update_set_grow(set);
        if (r)
                return PASS(r);
        entry = &set->entries[set->count];
        to = &set->updates[set->count++];
        *entry = (struct update_entry){ 0 };
        *to = (struct engine_update){ .id = item->id,
                                      .sets_name = given && given->name,
                                      .sets_hold = given && given->has_hold,
                                      .sets_begin = given && given->has_begin_wall_usec,
                                      .sets_queue = given && given->queue,
                                      .sets_dependencies =
                                              spec_merge_sets_dependencies(set->request->update),
                                      .sets_keep_waiting = given && given->has_keep_waiting,
                                      .detail = set->detail,
                                      .read_sequence = read_sequence };
        r = update_set_merge_spec(set, item, entry, to, why);
        if (r == 0)
                r = update_set_merge_environment(set, item, entry, why);
        if (r)
                return r < 0 ? PASS(r) : r;
        to->spec.spec = entry->spec;
        to->spec.environment = entry->environment;
        set->bytes += entry->spec->size;
        if (set->count > UPDATE_SET_JOBS_MAX || set->bytes > UPDATE_SET_BYTES_MAX)
                return reason_set(why, JOBD__ERROR_CODE__ERROR_USAGE,
                                  "these are too many jobs for one update: at most %u",
                                  UPDATE_SET_JOBS_MAX);
        if (set->count * to->spec.dependencies_count > UPDATE_SET_DEPENDENCIES_MAX)
                return reason_set(why, JOBD__ERROR_CODE__ERROR_USAGE,
                                  "these are too many dependencies for one update: at most %u of "
                                  "all jobs",
                                  UPDATE_SET_DEPENDENCIES_MAX);
        return 0;
}

/* Those that a filter found and that have started since are not meant any more. */
void update_set_drop_started(struct update_set *set, struct engine *engine)
{
        size_t kept = 0;

        for (size_t i = 0; i < set->count; i++) {
                const struct job *job = engine_find(engine, set->updates[i].id);

                if (!job || !engine_is_updatable(job)) {
                        update_set_entry_deinit(&set->entries[i]);
                        continue;
                }
                set->entries[kept] = set->entries[i];
                set->updates[kept++] = set->updates[i];
        }
        set->count = kept;
}

/* Entries have moved while their array grew: the bitmaps are where they are now. */
void update_set_settle(struct update_set *set, struct deps_lookup *lookup)
{
        for (size_t i = 0; i < set->count; i++) {
                if (set->updates[i].spec.retry_on)
                        set->updates[i].spec.retry_on = set->entries[i].retry_on;
                set->updates[i].lookup = lookup;
        }
}

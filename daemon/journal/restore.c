/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What start-up reads: the queues, every unfinished job, the tasks of those jobs, what they wait
 * for, the keys, and how much output each user keeps. On the main thread, between journal_open()
 * and journal_start(), row by row through callbacks, so that a million jobs need no second copy in
 * memory.
 *
 * Tasks are found by going through two ordered lists at once: the ids of the unfinished jobs, and
 * `task` by (job, task). Where a job has no rows the walk goes on by itself; where finished jobs
 * have many it jumps. So a million queued jobs without tasks cost one probe, and ten queued jobs
 * among a million finished ones cost ten.
 */
#include <errno.h>

#include "common/error.h"
#include "common/map.h"

#include "daemon/journal/handle.h"
#include "daemon/journal/row.h"

/* Foreign rows that are stepped over before jumping is cheaper. */
#define RESTORE_STEPS 16U

struct restore {
        struct journal *journal;
        const struct journal_restore *to;
        void *arg;
        uint64_t *ids; /* owned; of the unfinished jobs, rising */
        size_t ids_count, ids_room;
        struct arena arena; /* texts of the row being shown */
};

static int restore_keep_id(struct restore *restore, uint64_t id)
{
        if (restore->ids_count == restore->ids_room) {
                const size_t room = MAX(restore->ids_room * 2, (size_t)1024);
                uint64_t *const ids = realloc(restore->ids, room * sizeof(*ids));

                if (!ids)
                        return FAULT(-ENOMEM);
                restore->ids = ids;
                restore->ids_room = room;
        }
        restore->ids[restore->ids_count++] = id;
        return 0;
}

static int restore_read_queues(struct restore *restore)
{
        struct store *const store = restore->journal->store;
        struct binder list = store_bind(store, STATEMENT_QUEUE_LIST);
        int r;

        while ((r = store_step(store, &list)) > 0) {
                struct taker from = { .stmt = list.stmt, .arena = &restore->arena };
                struct journal_queue row;

                row_take_queue(&from, &row);
                r = from.failed ? FAULT(-ENOMEM) : restore->to->on_queue(restore->arg, &row);
                arena_reset(&restore->arena);
                if (r != 0)
                        break;
        }
        store_reset(&list);
        return r != 0 ? PASS(r) : 0;
}

static int restore_read_jobs(struct restore *restore)
{
        struct store *const store = restore->journal->store;
        struct binder list = store_bind(store, STATEMENT_JOB_UNFINISHED);
        int r;

        while ((r = store_step(store, &list)) > 0) {
                struct taker from = { .stmt = list.stmt, .arena = &restore->arena };
                struct journal_job row;

                row_take_job(&from, &row);
                r = from.failed ? FAULT(-ENOMEM) : restore_keep_id(restore, row.id);
                if (r == 0)
                        r = restore->to->on_job(restore->arg, &row);
                arena_reset(&restore->arena);
                if (r != 0)
                        break;
        }
        store_reset(&list);
        return r != 0 ? PASS(r) : 0;
}

static int restore_show_task(struct restore *restore, sqlite3_stmt *stmt)
{
        struct taker from = { .stmt = stmt, .arena = &restore->arena };
        struct journal_task row;
        int r;

        row_take_task(&from, &row);
        r = from.failed ? FAULT(-ENOMEM) : restore->to->on_task(restore->arg, &row);
        arena_reset(&restore->arena);
        return r;
}

/*
 * Shows tasks of the unfinished jobs from ids[*at] on, until the rows end (*at becomes ids_count)
 * or too many foreign ones lie in between (*at: where to look again).
 */
static int restore_walk_tasks(struct restore *restore, size_t *at)
{
        struct store *const store = restore->journal->store;
        struct binder list = store_bind(store, STATEMENT_TASK_FROM_JOB);
        unsigned int foreign = 0;
        int r;

        bind_number(&list, restore->ids[*at]);
        while ((r = store_step(store, &list)) > 0) {
                const uint64_t job = (uint64_t)sqlite3_column_int64(list.stmt, TASK_COLUMN_JOB);

                while (*at < restore->ids_count && restore->ids[*at] < job)
                        (*at)++;
                if (*at == restore->ids_count)
                        break;
                if (restore->ids[*at] != job) {
                        if (++foreign > RESTORE_STEPS)
                                break;
                        continue;
                }
                foreign = 0;
                r = restore_show_task(restore, list.stmt);
                if (r != 0)
                        break;
        }
        store_reset(&list);
        if (r == 0)
                *at = restore->ids_count;
        return r == 1 ? 0 : r;
}

static int restore_read_tasks(struct restore *restore)
{
        size_t at = 0;

        while (at < restore->ids_count) {
                const int r = restore_walk_tasks(restore, &at);

                if (r != 0)
                        return PASS(r);
        }
        return 0;
}

static int restore_read_dependencies(struct restore *restore)
{
        struct store *const store = restore->journal->store;
        struct binder list = store_bind(store, STATEMENT_DEPENDENCY_LIST);
        int r;

        while ((r = store_step(store, &list)) > 0) {
                struct taker from = { .stmt = list.stmt };
                struct journal_dependency row = { .job = take_number(&from) };

                row.ordinal = take_u32(&from);
                row.kind = take_u8(&from);
                row.parent = take_number(&from);
                row.flags = take_u8(&from);
                row.parent_state = take_u8(&from);
                r = restore->to->on_dependency(restore->arg, &row);
                if (r != 0)
                        break;
        }
        store_reset(&list);
        return r != 0 ? PASS(r) : 0;
}

static int restore_read_keys(struct restore *restore)
{
        struct store *const store = restore->journal->store;
        struct binder list = store_bind(store, STATEMENT_KEY_LIST);
        uint64_t oldest = UINT64_MAX;
        int r;

        while ((r = store_step(store, &list)) > 0) {
                const uint32_t uid = (uint32_t)sqlite3_column_int64(list.stmt, 0);
                const uint8_t *const key = sqlite3_column_blob(list.stmt, 1);

                oldest = MIN(oldest, (uint64_t)sqlite3_column_int64(list.stmt, 2));
                if (!key || sqlite3_column_bytes(list.stmt, 1) != JOURNAL_KEY_BYTES)
                        continue;
                r = restore->to->on_key(restore->arg, uid, key);
                if (r != 0)
                        break;
        }
        store_reset(&list);
        if (r == 0)
                purge_set_oldest_key(&restore->journal->apply.purge, oldest);
        return r != 0 ? PASS(r) : 0;
}

int journal_read_all(struct journal *journal, const struct journal_restore *to, void *arg)
{
        struct restore restore = { .journal = journal, .to = to, .arg = arg };
        int r = 0;

        if (to->on_queue)
                r = restore_read_queues(&restore);
        if (r == 0)
                r = restore_read_jobs(&restore);
        if (r == 0)
                r = restore_read_tasks(&restore);
        if (r == 0 && to->on_dependency)
                r = restore_read_dependencies(&restore);
        if (r == 0)
                r = restore_read_keys(&restore);
        free(restore.ids);
        arena_deinit(&restore.arena);
        return r != 0 ? PASS(r) : 0;
}

int journal_read_queue_id(struct journal *journal, uint32_t *out_id)
{
        struct binder get = store_bind(journal->store, STATEMENT_QUEUE_LAST);
        const int r = store_step(journal->store, &get);

        *out_id = r > 0 ? (uint32_t)sqlite3_column_int64(get.stmt, 0) : 0;
        store_reset(&get);
        return r < 0 ? PASS(r) : 0;
}

int journal_read_settings(struct journal *journal,
                          int (*on_setting)(void *arg, const char *name, uint64_t value), void *arg)
{
        struct binder list = store_bind(journal->store, STATEMENT_SETTING_LIST);
        struct arena arena = { 0 };
        int r;

        while ((r = store_step(journal->store, &list)) > 0) {
                struct taker from = { .stmt = list.stmt, .arena = &arena };
                const char *const name = take_text(&from);
                const uint64_t value = take_number(&from);

                r = !name ? FAULT(from.failed ? -ENOMEM : -EBADMSG) : on_setting(arg, name, value);
                if (r != 0)
                        break;
        }
        store_reset(&list);
        arena_deinit(&arena);
        return r != 0 ? PASS(r) : 0;
}

/* ------------------------------------------------------------------------------- kept output */

struct restore_use {
        UT_hash_handle hh;
        uint32_t uid;
        uint64_t bytes;
};

static int restore_add_use(struct restore_use **uses, uint32_t uid, uint64_t bytes)
{
        struct restore_use *use = NULL;

        HASH_FIND(hh, *uses, &uid, sizeof(uid), use);
        if (!use) {
                use = calloc(1, sizeof(*use));
                if (!use)
                        return FAULT(-ENOMEM);
                use->uid = uid;
                HASH_ADD(hh, *uses, uid, sizeof(use->uid), use);
                if (!use->hh.tbl) {
                        free(use);
                        return FAULT(-ENOMEM);
                }
        }
        use->bytes += bytes;
        return 0;
}

int journal_read_output_use(struct journal *journal,
                            int (*on_use)(void *arg, uint32_t uid, uint64_t bytes), void *arg)
{
        struct binder list = store_bind(journal->store, STATEMENT_TASK_USE);
        struct restore_use *uses = NULL, *use, *next;
        int r;

        while ((r = store_step(journal->store, &list)) > 0) {
                r = restore_add_use(&uses, (uint32_t)sqlite3_column_int64(list.stmt, 0),
                                    (uint64_t)sqlite3_column_int64(list.stmt, 1));
                if (r < 0)
                        break;
        }
        store_reset(&list);
        HASH_ITER (hh, uses, use, next) {
                if (r == 0)
                        r = on_use(arg, use->uid, use->bytes);
                HASH_DEL(uses, use);
                free(use);
        }
        return r != 0 ? PASS(r) : 0;
}

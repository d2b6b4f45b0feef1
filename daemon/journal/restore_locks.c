/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What start-up reads of named resources: the capacities that users gave their own, and the locks
 * that processes hold. On the main thread, between journal_open() and journal_start(). Whether a
 * holder is still there is for daemon/jobs/grants.c to find out.
 */
#include <errno.h>

#include "common/error.h"

#include "daemon/journal/handle.h"
#include "daemon/journal/row.h"

int journal_read_resources(struct journal *journal,
                           int (*on_resource)(void *arg, uint32_t uid, const char *name,
                                              uint32_t capacity),
                           void *arg)
{
        struct binder list = store_bind(journal->store, STATEMENT_RESOURCE_LIST);
        struct arena arena = { 0 };
        int r;

        while ((r = store_step(journal->store, &list)) > 0) {
                struct taker from = { .stmt = list.stmt, .arena = &arena };
                const uint32_t uid = take_u32(&from);
                const char *const name = take_text(&from);
                const uint32_t capacity = take_u32(&from);

                r = !name ? FAULT(from.failed ? -ENOMEM : -EBADMSG)
                          : on_resource(arg, uid, name, capacity);
                arena_reset(&arena);
                if (r != 0)
                        break;
        }
        store_reset(&list);
        arena_deinit(&arena);
        return r != 0 ? PASS(r) : 0;
}

int journal_read_grants(struct journal *journal,
                        int (*on_grant)(void *arg, const struct journal_grant *row), void *arg)
{
        struct binder list = store_bind(journal->store, STATEMENT_GRANT_LIST);
        struct arena arena = { 0 };
        int r;

        while ((r = store_step(journal->store, &list)) > 0) {
                struct taker from = { .stmt = list.stmt, .arena = &arena };
                struct journal_grant row;

                row_take_grant(&from, &row);
                r = !row.name ? FAULT(from.failed ? -ENOMEM : -EBADMSG) : on_grant(arg, &row);
                arena_reset(&arena);
                if (r != 0)
                        break;
        }
        store_reset(&list);
        arena_deinit(&arena);
        return r != 0 ? PASS(r) : 0;
}

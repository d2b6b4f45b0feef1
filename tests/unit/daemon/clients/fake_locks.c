/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Locks and resources of the fake engine. The book is a real one (daemon/jobs/resources.c), with
 * what the test puts there; locks for processes are answered as the test says, and only traced.
 */
#include <check.h>
#include <inttypes.h>
#include <string.h>
#include <unistd.h>

#include "fake_engine.h"

static void fake_on_call(void *arg, struct resource_claim *claim, void *claim_arg)
{
        (void)arg;
        (void)claim;
        (void)claim_arg;
}

static const struct resource_ops fake_resource_ops = { .on_call = fake_on_call };

void fake_locks_init(struct engine *e)
{
        ck_assert_int_eq(resource_book_new(&fake_resource_ops, e, &e->book), 0);
}

static int fake_refuse(const struct engine *e, struct reason *why)
{
        return reason_set(why, e->lock_answer, "%s", e->lock_sentence ? e->lock_sentence : "no");
}

int engine_lock(struct engine *e, const struct grant_ask *ask, grant_fn done, void *arg,
                struct grant **out_grant, struct reason *why)
{
        fake_trace(e, "lock(%s,%u%s,%s", ask->name, ask->pid, ask->shared ? ",shared" : "",
                   ask->uid == getuid() ? "own" : "other");
        if (ask->job)
                fake_trace(e, ",in %" PRIu64 ".%" PRIu64, ask->job, ask->task);
        fake_trace(e, ") ");
        memcpy(e->lock_token, ask->token, sizeof(e->lock_token));
        e->lock_start = ask->start;
        *out_grant = NULL;
        if (e->lock_answer && e->lock_answer != ENGINE_E_LATER)
                return fake_refuse(e, why);
        if (e->lock_answer == ENGINE_E_LATER) {
                e->lock_done = done;
                e->lock_arg = arg;
                *out_grant = (struct grant *)(void *)e;
        } else {
                e->sequence++;
        }
        return e->lock_answer;
}

void fake_end_lock(struct engine *e, int r, const char *why)
{
        ck_assert_ptr_nonnull(e->lock_done);
        e->lock_done(e->lock_arg, r, r ? 0 : ++e->sequence, why);
        e->lock_done = NULL;
}

void engine_lock_leave(struct engine *e, struct grant *grant)
{
        ck_assert_ptr_eq(grant, e);
        ck_assert_ptr_nonnull(e->lock_done); /* never after the end of the wait */
        fake_trace(e, "lock_leave() ");
        e->lock_done = NULL;
}

int engine_unlock(struct engine *e, uint32_t uid, const char *name, const uint8_t *token,
                  uint32_t pid, struct reason *why)
{
        fake_trace(e, "unlock(%s,%u,%s%s) ", name, pid, uid == getuid() ? "own" : "other",
                   token ? ",token" : "");
        if (token)
                memcpy(e->lock_token, token, sizeof(e->lock_token));
        if (e->lock_answer)
                return fake_refuse(e, why);
        e->sequence++;
        return 0;
}

int engine_resource_set(struct engine *e, uint32_t uid, const char *name, uint32_t capacity,
                        struct reason *why)
{
        if (e->lock_answer)
                return fake_refuse(e, why);
        ck_assert_int_eq(resource_declare(e->book, uid, name, capacity), 0);
        e->sequence++;
        return 0;
}

int engine_resource_remove(struct engine *e, uint32_t uid, const char *name, struct reason *why)
{
        if (e->lock_answer)
                return fake_refuse(e, why);
        if (resource_withdraw(e->book, uid, name, false))
                return reason_set(why, ENGINE_E_REFUSED, "you have no resource \"%s\"", name);
        e->sequence++;
        return 0;
}

const struct resource_book *engine_resources(const struct engine *e)
{
        return e->book;
}

/* A claim's argument is the id of its job here. */
uint64_t engine_claimant_job(const void *claim_arg)
{
        return *(const uint64_t *)claim_arg;
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Jobs and named resources. A job that asks for any has a claim; each of its tasks takes all of it
 * when it gets its lease and gives it back when the lease ends. A job that was about to start and
 * could not take is *parked*: out of its lane, in the lines, and back in the lane when it is
 * called. Whatever else keeps it from starting meanwhile (a hold, its width) costs it its place,
 * since who cannot go must not stand in others' way.
 *
 * The ids that a task has are in its row, so that after a restart the same task holds the same.
 *
 * Called by submit.c, restore.c, scheduler.c, run_queue.c, engine_apply.c, start.c.
 */
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "common/log.h"

#include "daemon/jobs/asks.h"
#include "daemon/jobs/engine_private.h"

static struct resource_claim *claims_of(const struct job *job)
{
        return job->extra ? job->extra->claim : NULL;
}

/* A job or a process may take now. */
static void claims_on_call(void *arg, struct resource_claim *claim, void *claim_arg)
{
        struct engine *e = arg;
        struct claimant *claimant = claim_arg;
        struct job *job = claimant->job;

        if (!job) {
                grants_on_call(e, claim, claimant);
                return;
        }
        job->is_parked = false;
        run_queue_update(e, job);
        loop_wake(e->loop);
}

static const struct resource_ops claims_ops = { .on_call = claims_on_call };

int claims_init(struct engine *e)
{
        const int r = resource_book_new(&claims_ops, e, &e->resources);

        return r ? PASS(r) : 0;
}

/* ---------------------------------------------------------------------------- what is declared */

struct claims_names {
        struct engine *engine;
        const struct engine_options *options;
        char **names; /* owned: the machine's that are declared no more */
        size_t count;
};

static void claims_note_gone(void *arg, const struct resource_view *view)
{
        struct claims_names *gone = arg;
        char **names;

        for (size_t i = 0; i < gone->options->resources_count; i++)
                if (strcmp(gone->options->resources[i].name, view->name) == 0)
                        return;
        names = reallocarray(gone->names, gone->count + 1, sizeof(*names));
        if (!names) {
                engine_note(gone->engine, FAULT(-ENOMEM));
                return;
        }
        gone->names = names;
        names[gone->count] = strdup(view->name);
        gone->count += names[gone->count] != NULL;
}

void claims_set_machine(struct engine *e)
{
        struct claims_names gone = { .engine = e, .options = &e->options };

        resource_book_each(e->resources, RESOURCE_EVERYBODY, claims_note_gone, &gone);
        for (size_t i = 0; i < gone.count; i++) {
                if (resource_withdraw(e->resources, RESOURCE_EVERYBODY, gone.names[i], true))
                        log_debug("a resource went twice");
                free(gone.names[i]);
        }
        free(gone.names);
        for (size_t i = 0; i < e->options.resources_count; i++)
                engine_note(e, resource_declare(e->resources, RESOURCE_EVERYBODY,
                                                e->options.resources[i].name,
                                                e->options.resources[i].capacity));
}

struct claims_count {
        const char *name;
        uint32_t uid, own;
        bool is_machine, is_own;
};

static void claims_count_own(void *arg, const struct resource_view *view)
{
        struct claims_count *count = arg;
        const bool is_it = strcmp(view->name, count->name) == 0;

        count->own += view->scope == count->uid;
        count->is_machine = count->is_machine || (is_it && view->scope == RESOURCE_EVERYBODY);
        count->is_own = count->is_own || (is_it && view->scope == count->uid);
}

int engine_resource_set(struct engine *e, uint32_t uid, const char *name, uint32_t capacity,
                        struct reason *why)
{
        struct claims_count count = { .name = name, .uid = uid };
        struct journal_batch *batch;
        int r;

        resource_book_each(e->resources, uid, claims_count_own, &count);
        if (count.is_machine)
                return reason_set(why, ENGINE_E_STATE,
                                  "\"%s\" is a resource of the machine: its administrator says "
                                  "how much there is",
                                  name);
        if (!count.is_own && count.own >= ENGINE_RESOURCES_MAX)
                return reason_set(why, ENGINE_E_LIMIT,
                                  "you have %u named resources: remove one first",
                                  ENGINE_RESOURCES_MAX);
        batch = engine_batch(e);
        if (!batch)
                return e->fault;
        r = resource_declare(e->resources, uid, name, capacity);
        if (!r)
                r = journal_put_resource(batch, uid, name, capacity);
        if (r)
                return PASS(r);
        e->sequence++;
        return 0;
}

int engine_resource_remove(struct engine *e, uint32_t uid, const char *name, struct reason *why)
{
        struct journal_batch *batch;
        int r;

        r = resource_withdraw(e->resources, uid, name, false);
        if (r == RESOURCE_E_UNKNOWN)
                return reason_set(why, ENGINE_E_REFUSED, "you have no resource \"%s\"", name);
        if (r == RESOURCE_E_IN_USE)
                return reason_set(why, ENGINE_E_STATE,
                                  "unfinished jobs ask for \"%s\": wait for them or cancel them, "
                                  "or set it to 0 to give nothing more",
                                  name);
        batch = engine_batch(e);
        if (!batch)
                return e->fault;
        r = journal_drop_resource(batch, uid, name);
        if (r)
                return PASS(r);
        e->sequence++;
        return 0;
}

const struct resource_book *engine_resources(const struct engine *e)
{
        return e->resources;
}

uint64_t engine_claimant_job(const void *claim_arg)
{
        const struct claimant *claimant = claim_arg;

        return claimant && claimant->job ? claimant->job->id : 0;
}

/* ------------------------------------------------------------------------------ a job's claim */

int claims_judge(const struct engine *e, uint32_t uid, const char *text, struct reason *why)
{
        struct asks asks;
        int r;

        r = asks_read(text, &asks);
        for (size_t i = 0; !r && i < asks.count; i++)
                r = resource_judge(e->resources, uid, &asks.asks[i], why);
        asks_deinit(&asks);
        return r > 0 ? ENGINE_E_REFUSED : r;
}

void claims_make(struct engine *e, struct job *job, const char *text)
{
        struct job_extra *x = text ? engine_extra(e, job) : NULL;
        struct asks asks;
        int r;

        if (!x)
                return;
        r = asks_read(text, &asks);
        x->claimant.job = job;
        if (!r && asks.count > 0)
                r = resource_claim_new(e->resources, job->user->uid, asks.asks, asks.count, NULL,
                                       &x->claimant, &x->claim);
        job->user->links_count += resource_claim_size(x->claim);
        asks_deinit(&asks);
        engine_note(e, r);
}

void claims_free(struct job *job)
{
        if (!job->extra)
                return;
        job->user->links_count -= resource_claim_size(job->extra->claim);
        job->extra->claim = resource_claim_free(job->extra->claim);
}

bool claims_has_any(const struct job *job)
{
        return claims_of(job) != NULL;
}

bool claims_take(struct engine *e, struct job *job, struct resource_holding **out_holding)
{
        struct resource_claim *claim = claims_of(job);
        const struct task *task = TAILQ_FIRST(&job->requeued);
        const struct resource_owner owner = { .job = job->id,
                                              .task = task ? task->number : job->task_next };
        int r;

        *out_holding = NULL;
        if (!claim)
                return true;
        r = resource_claim_take(claim, &owner, out_holding);
        if (r == RESOURCE_E_WAIT) {
                job->is_parked = true;
                run_queue_update(e, job);
                return false;
        }
        if (r)
                engine_note(e, PASS(r));
        else
                resource_book_serve(e->resources); /* the next in line may fit beside it */
        return !r;
}

void claims_give(struct task *task)
{
        task->holding = resource_holding_free(task->holding);
}

void claims_leave(struct job *job)
{
        struct resource_claim *claim = claims_of(job);

        if (claim)
                resource_claim_leave(claim);
        job->is_parked = false;
}

bool claims_is_waiting(const struct job *job)
{
        const struct resource_claim *claim = claims_of(job);

        return claim && resource_claim_is_waiting(claim);
}

void claims_restore(struct engine *e, struct task *task, const char *held)
{
        const struct resource_owner owner = { .job = task->job->id, .task = task->number };
        struct resource_claim *claim = claims_of(task->job);

        if (claim)
                engine_note(e, resource_claim_retake(claim, &owner, held, &task->holding));
}

/* ------------------------------------------------------------------------------------- its ids */

static int claims_append(char **text, size_t *size, const char *piece, size_t piece_size)
{
        char *longer = realloc(*text, *size + piece_size + 1);

        if (!longer)
                return FAULT(-ENOMEM);
        memcpy(longer + *size, piece, piece_size);
        *size += piece_size;
        longer[*size] = '\0';
        *text = longer;
        return 0;
}

char *claims_format_held(struct engine *e, const struct task *task)
{
        const char *name;
        char *text = NULL, *ids = NULL;
        size_t size = 0;
        int r = 0;

        for (size_t i = 0; task->holding && !r; i++) {
                if (resource_holding_ids(task->holding, i, &name, &ids))
                        break;
                r = !ids ? FAULT(-ENOMEM) : claims_append(&text, &size, ids, strlen(ids));
                if (!r)
                        r = claims_append(&text, &size, "\n", 1);
                free(ids);
        }
        engine_note(e, r);
        return text;
}

/* The name as a variable may have it. */
static void claims_spell(char *text, size_t size)
{
        for (size_t i = 0; i < size; i++)
                if (!isalnum((unsigned char)text[i]) || (unsigned char)text[i] >= 0x80)
                        text[i] = '_';
}

char *claims_format_environment(struct engine *e, const struct task *task, size_t *out_size)
{
        static const char prefix[] = "JOBD_RESOURCE_";
        const char *name;
        char *text = NULL, *ids = NULL;
        size_t size = 0, at;
        int r = 0;

        for (size_t i = 0; task->holding && !r; i++) {
                if (resource_holding_ids(task->holding, i, &name, &ids))
                        break;
                r = !ids ? FAULT(-ENOMEM) : claims_append(&text, &size, prefix, strlen(prefix));
                at = size;
                if (!r)
                        r = claims_append(&text, &size, name, strlen(name));
                if (!r) {
                        claims_spell(text + at, size - at);
                        r = claims_append(&text, &size, "=", 1);
                }
                if (!r)
                        r = claims_append(&text, &size, ids, strlen(ids) + 1);
                free(ids);
        }
        engine_note(e, r);
        *out_size = size;
        return text;
}

/* ------------------------------------------------------------------------------------ restoring */

static int claims_on_resource(void *arg, uint32_t uid, const char *name, uint32_t capacity)
{
        struct engine *e = arg;

        return resource_declare(e->resources, uid, name, capacity);
}

int claims_restore_resources(struct engine *e, struct journal *journal)
{
        const int r = journal_read_resources(journal, claims_on_resource, e);

        return r ? PASS(r) : 0;
}

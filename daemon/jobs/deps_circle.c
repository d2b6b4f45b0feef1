/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Before queued jobs are given other dependencies: would one of them come to wait for itself? Jobs
 * wait for jobs in any order of their ids once they can be changed, so this is a walk in depth
 * along what every job waits for: those that are changed for what they shall wait for, the others
 * for what they do. It begins only at changed jobs that somebody waits for, since a circle must
 * come back to one of these. Its own stack holds both the jobs to look at and, as marks, the way to
 * where it is, which names the circle.
 *
 * It runs within one turn, so it looks at CIRCLE_SEEN_MAX waits and no more; who needs more is
 * told to submit the jobs anew.
 *
 * Called by deps_update.c.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>

#include "daemon/jobs/dependency.h"
#include "daemon/jobs/engine_private.h"

#define CIRCLE_SEEN_MAX 200000U

/* A job that was met. */
struct circle_node {
        UT_hash_handle hh; /* by id */
        uint64_t id;
        bool is_open; /* on the way to where we are */
};

struct circle_step {
        uint64_t id;
        bool is_way; /* a mark: all below it is done when it comes up again */
};

struct circle {
        struct engine *engine;                     /* borrowed */
        const struct engine_update *const *sorted; /* borrowed */
        size_t sorted_count;
        struct circle_node *nodes; /* owned, uthash */
        struct circle_step *steps; /* owned */
        size_t steps_count, steps_room;
        size_t seen;
};

static void circle_deinit(struct circle *circle)
{
        struct circle_node *node, *next;

        HASH_ITER (hh, circle->nodes, node, next) {
                HASH_DEL(circle->nodes, node);
                free(node);
        }
        free(circle->steps);
}

static struct circle_node *circle_find(const struct circle *circle, uint64_t id)
{
        struct circle_node *node = NULL;

        HASH_FIND(hh, circle->nodes, &id, sizeof(id), node);
        return node;
}

/* The change of this job, or NULL. */
static const struct engine_update *circle_update_of(const struct circle *circle, uint64_t id)
{
        size_t low = 0, high = circle->sorted_count;

        while (low < high) {
                const size_t middle = low + (high - low) / 2;

                if (circle->sorted[middle]->id < id)
                        low = middle + 1;
                else
                        high = middle;
        }
        return low < circle->sorted_count && circle->sorted[low]->id == id ? circle->sorted[low]
                                                                           : NULL;
}

static int circle_push(struct circle *circle, uint64_t id, bool is_way)
{
        if (circle->steps_count == circle->steps_room) {
                const size_t room = MAX(2 * circle->steps_room, (size_t)64);
                struct circle_step *const steps = reallocarray(circle->steps, room, sizeof(*steps));

                if (!steps)
                        return FAULT(-ENOMEM);
                circle->steps = steps;
                circle->steps_room = room;
        }
        circle->steps[circle->steps_count++] = (struct circle_step){ .id = id, .is_way = is_way };
        circle->seen += !is_way;
        return 0;
}

/* ------------------------------------------------------------------------ what a job waits for */

/* Will it stand for all before it of its name, as deps_submit.c will find it? */
static bool circle_stands_for_name(const struct circle *circle, const struct job *job)
{
        const struct engine_update *const update = circle_update_of(circle, job->id);
        const struct engine_update *const first = circle->sorted[0];

        if (update)
                return deps_has_singleton(&update->spec);
        return !(first->sets_name && first->id <= job->id) && deps_stands_for_name(job);
}

/* As deps_submit.c will link it. */
static int circle_push_name(struct circle *circle, const struct engine_update *update)
{
        uint64_t id = update->id;
        int r = 0;

        while (r == 0 && (id = deps_lookup_below(update->lookup, update->spec.name, id))) {
                const struct job *job = job_table_find(&circle->engine->jobs, id);

                if (!job)
                        continue;
                r = circle_push(circle, id, false);
                if (circle_stands_for_name(circle, job))
                        break;
        }
        return r ? PASS(r) : 0;
}

static int circle_push_new(struct circle *circle, const struct engine_update *update)
{
        int r = 0;

        for (size_t i = 0; r == 0 && i < update->spec.dependencies_count; i++) {
                const struct engine_dependency *const on = &update->spec.dependencies[i];
                struct job *job = job_table_find(&circle->engine->jobs, on->job);

                if (on->kind == DEPS_SINGLETON)
                        r = circle_push_name(circle, update);
                else if (job && deps_judge(on->kind, false, 0, deps_has_started(job)) == DEPS_OPEN)
                        r = circle_push(circle, on->job, false);
        }
        return r ? PASS(r) : 0;
}

static int circle_push_waits(struct circle *circle, uint64_t id)
{
        const struct engine_update *const update = circle_update_of(circle, id);
        const struct job *const job = job_table_find(&circle->engine->jobs, id);
        const struct deps_edge *edge;
        int r = 0;

        if (update)
                return circle_push_new(circle, update);
        if (!job || !job->extra || !job->extra->deps)
                return 0;
        TAILQ_FOREACH (edge, &job->extra->deps->edges, child_entry) {
                if (r == 0 && !edge->parent->is_finished)
                        r = circle_push(circle, edge->parent->id, false);
        }
        return r ? PASS(r) : 0;
}

/* ------------------------------------------------------------------------------------- walking */

/* "job 3 would wait for itself: 3 -> 9 -> 7 -> 3" */
static int circle_name(const struct circle *circle, uint64_t id, struct reason *why)
{
        char text[100];
        size_t used, i = circle->steps_count;

        while (i > 0 && !(circle->steps[i - 1].is_way && circle->steps[i - 1].id == id))
                i--;
        used = (size_t)snprintf(text, sizeof(text), "%" PRIu64, id);
        for (; i < circle->steps_count && used < 60; i++)
                if (circle->steps[i].is_way)
                        used += (size_t)snprintf(text + used, sizeof(text) - used, " -> %" PRIu64,
                                                 circle->steps[i].id);
        for (; i < circle->steps_count && !circle->steps[i].is_way;)
                i++;
        snprintf(text + used, sizeof(text) - used, "%s -> %" PRIu64,
                 i < circle->steps_count ? " -> ..." : "", id);
        return reason_set(why, ENGINE_E_REFUSED, "job %" PRIu64 " would wait for itself: %s", id,
                          text);
}

/* Goes into this job, unless that was done. */
static int circle_enter(struct circle *circle, uint64_t id, struct reason *why)
{
        struct circle_node *node = circle_find(circle, id);
        int r;

        if (node)
                return node->is_open ? circle_name(circle, id, why) : 0;
        node = calloc(1, sizeof(*node));
        if (!node)
                return FAULT(-ENOMEM);
        node->id = id;
        node->is_open = true;
        HASH_ADD(hh, circle->nodes, id, sizeof(node->id), node);
        if (!node->hh.tbl) {
                free(node);
                return FAULT(-ENOMEM);
        }
        r = circle_push(circle, id, true);
        if (r == 0)
                r = circle_push_waits(circle, id);
        return r ? PASS(r) : 0;
}

static int circle_walk(struct circle *circle, uint64_t from, struct reason *why)
{
        int r = circle_enter(circle, from, why);

        while (r == 0 && circle->steps_count > 0) {
                const struct circle_step step = circle->steps[--circle->steps_count];

                if (step.is_way)
                        circle_find(circle, step.id)->is_open = false;
                else
                        r = circle_enter(circle, step.id, why);
                if (r == 0 && circle->seen > CIRCLE_SEEN_MAX)
                        r = reason_set(
                                why, ENGINE_E_LIMIT,
                                "too many jobs wait for each other to change what job %" PRIu64
                                " waits for: cancel it and submit it anew",
                                from);
        }
        return r;
}

int deps_circle_check(struct engine *e, const struct engine_update *const *sorted, size_t count,
                      struct reason *why)
{
        _cleanup_(circle_deinit) struct circle circle = { .engine = e,
                                                          .sorted = sorted,
                                                          .sorted_count = count };
        int r = 0;

        for (size_t i = 0; r == 0 && i < count; i++)
                if (deps_has_children(e, sorted[i]->id))
                        r = circle_walk(&circle, sorted[i]->id, why);
        return r;
}

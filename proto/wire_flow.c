/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What jobs of a submission may wait for: each dependency by itself, and all of them as a graph.
 *
 * A dependency names a job by its id, which only jobd can judge, or another job of the same Submit
 * by its place there. The latter may go in circles; those are found by one walk in depth that keeps
 * its own stack (a flow of 10,000 jobs in a row must not use up ours), and the first circle met is
 * named by the names of its jobs, in the order in which they wait: "a -> b -> a".
 *
 * jobctl asks before it sends, jobd again for every submission (verb_submit.c).
 */
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "proto/wire.h"
#include "proto/wire_check.h"

static int wire_check_dependency(const Jobd__Spec *spec, const Jobd__Dependency *dependency,
                                 struct reason *why)
{
        const bool is_alone = dependency->kind == JOBD__DEPENDENCY_KIND__DEPENDENCY_SINGLETON;

        if (dependency->kind < JOBD__DEPENDENCY_KIND__DEPENDENCY_AFTER ||
            dependency->kind > JOBD__DEPENDENCY_KIND__DEPENDENCY_SINGLETON)
                return reason_set(why, WIRE_E_BAD, "there is no kind of dependency %d",
                                  (int)dependency->kind);
        if (is_alone && (dependency->has_job || dependency->has_sibling))
                return reason_set(why, WIRE_E_BAD, "the dependency singleton names no job");
        if (!is_alone && dependency->has_job == dependency->has_sibling)
                return reason_set(why, WIRE_E_BAD,
                                  "a dependency names a job by its id or by its place in the "
                                  "flow, one of them");
        if (dependency->has_job && (dependency->job < 1 || dependency->job > INT64_MAX))
                return reason_set(why, WIRE_E_BAD, "a dependency names a job that cannot be");
        if (is_alone && spec->dependencies_any && spec->n_dependencies > 1)
                return reason_set(why, WIRE_E_BAD,
                                  "the dependency singleton is no alternative: use ',', not '?'");
        if (is_alone && (!spec->name || !spec->name[0]))
                return reason_set(why, WIRE_E_BAD,
                                  "the dependency singleton needs a name of the job (--name)");
        return 0;
}

int wire_check_dependencies(const Jobd__Spec *spec, struct reason *why)
{
        int r = 0;

        if (spec->n_dependencies > WIRE_DEPENDENCIES_MAX)
                return reason_set(why, WIRE_E_BAD,
                                  "the job depends on %zu others, at most %u are allowed",
                                  spec->n_dependencies, WIRE_DEPENDENCIES_MAX);
        for (size_t i = 0; r == 0 && i < spec->n_dependencies; i++)
                r = wire_check_dependency(spec, spec->dependencies[i], why);
        return r;
}

/* ---------------------------------------------------------------------------------- the circle */

/* One job on the way down: which of its dependencies was followed last. */
struct flow_step {
        uint32_t job;
        uint32_t next;
};

struct flow_walk {
        Jobd__Spec *const *specs;
        size_t count;
        uint8_t *colours;        /* owned: 0 not seen, 1 on the way, 2 done */
        struct flow_step *steps; /* owned */
        size_t depth;
};

static void flow_walk_deinit(struct flow_walk *walk)
{
        free(walk->colours);
        free(walk->steps);
}

/* Adds " -> NAME"; false when there is no room for it. */
static bool flow_add_name(const struct flow_walk *walk, size_t job, char *text, size_t size)
{
        const char *const name = walk->specs[job]->name;
        const size_t used = strlen(text);
        const char *const arrow = used ? " -> " : "";
        int n;

        if (name && name[0])
                n = snprintf(text + used, size - used, "%s%.80s", arrow, name);
        else
                n = snprintf(text + used, size - used, "%sjob %zu", arrow, job);
        if (n > 0 && (size_t)n < size - used)
                return true;
        text[used] = '\0';
        return false;
}

/* The circle is the way from `job` down to the step that leads back to it. */
static int flow_name_circle(const struct flow_walk *walk, size_t job, struct reason *why)
{
        char text[160] = "";
        size_t i = 0;
        bool fits = true;

        while (walk->steps[i].job != job)
                i++;
        for (; fits && i < walk->depth; i++)
                fits = flow_add_name(walk, walk->steps[i].job, text, sizeof(text));
        if (fits)
                fits = flow_add_name(walk, job, text, sizeof(text));
        return reason_set(why, WIRE_E_BAD, "the jobs wait for each other in a circle: %s%s", text,
                          fits ? "" : " -> ...");
}

/* Down from one job; WIRE_E_BAD names the circle. */
static int flow_walk_from(struct flow_walk *walk, size_t root, struct reason *why)
{
        walk->depth = 1;
        walk->steps[0] = (struct flow_step){ .job = (uint32_t)root };
        walk->colours[root] = 1;
        while (walk->depth > 0) {
                struct flow_step *const step = &walk->steps[walk->depth - 1];
                const Jobd__Spec *const spec = walk->specs[step->job];
                const Jobd__Dependency *dependency;

                if (step->next == spec->n_dependencies) {
                        walk->colours[step->job] = 2;
                        walk->depth--;
                        continue;
                }
                dependency = spec->dependencies[step->next++];
                if (!dependency->has_sibling)
                        continue;
                if (dependency->sibling >= walk->count)
                        return reason_set(why, WIRE_E_BAD,
                                          "job %u waits for job %u of the %zu that are submitted",
                                          step->job, dependency->sibling, walk->count);
                if (walk->colours[dependency->sibling] == 1)
                        return flow_name_circle(walk, dependency->sibling, why);
                if (walk->colours[dependency->sibling] == 2)
                        continue;
                walk->colours[dependency->sibling] = 1;
                walk->steps[walk->depth++] = (struct flow_step){ .job = dependency->sibling };
        }
        return 0;
}

int wire_check_flow(Jobd__Spec *const *specs, size_t count, struct reason *why)
{
        _cleanup_(flow_walk_deinit) struct flow_walk walk = { .specs = specs, .count = count };
        bool has_any = false;
        int r = 0;

        for (size_t i = 0; i < count && !has_any; i++)
                has_any = specs[i]->n_dependencies > 0;
        if (!has_any)
                return 0;
        walk.colours = calloc(count, sizeof(*walk.colours));
        walk.steps = calloc(count, sizeof(*walk.steps));
        if (!walk.colours || !walk.steps)
                return FAULT(-ENOMEM);
        for (size_t i = 0; r == 0 && i < count; i++)
                if (walk.colours[i] == 0)
                        r = flow_walk_from(&walk, i, why);
        return r;
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Builds a Selector message: ids, words and filters. The message is ordinary heap memory from the
 * start, so that protobuf-c's own free function releases it whole. Words mean what jobctl's users
 * write: "17", "17.3", "1-5,8", "last", "all". Filled by the command, read by query.c, act.c and
 * watch.c.
 */
#include "client/lib/selector.h"

#include <stdio.h>
#include <string.h>

#include "common/cleanup.h"
#include "common/parse.h"

struct jobctl_selector {
        Jobd__Selector *message; /* owned */
};

Jobd__Selector *selector_message(const struct jobctl_selector *selector)
{
        return selector ? selector->message : NULL;
}

struct jobctl_selector *jobctl_selector_free(struct jobctl_selector *selector)
{
        if (!selector)
                return NULL;
        if (selector->message)
                jobd__selector__free_unpacked(selector->message, NULL);
        free(selector);
        return NULL;
}

int jobctl_selector_new(struct jobctl_selector **out_selector)
{
        struct jobctl_selector *const selector = calloc(1, sizeof(*selector));

        if (!selector)
                return JOBCTL_E_SYSTEM;
        selector->message = malloc(sizeof(*selector->message));
        if (!selector->message) {
                jobctl_selector_free(selector);
                return JOBCTL_E_SYSTEM;
        }
        jobd__selector__init(selector->message);
        *out_selector = selector;
        return JOBCTL_OK;
}

static int selector_add(struct jobctl_selector *selector, const struct parse_id_range *range)
{
        Jobd__Selector *const message = selector->message;
        Jobd__IdRange **ids;
        Jobd__IdRange *id;

        id = malloc(sizeof(*id));
        if (!id)
                return JOBCTL_E_SYSTEM;
        ids = realloc(message->ids, (message->n_ids + 1) * sizeof(*ids));
        if (!ids) {
                free(id);
                return JOBCTL_E_SYSTEM;
        }
        jobd__id_range__init(id);
        id->first = range->first;
        id->last = range->last;
        id->has_task_first = id->has_task_last = range->has_tasks;
        id->task_first = range->task_first;
        id->task_last = range->task_last;
        message->ids = ids;
        message->ids[message->n_ids++] = id;
        return JOBCTL_OK;
}

int jobctl_selector_add_range(struct jobctl_selector *selector, uint64_t first, uint64_t last)
{
        const struct parse_id_range range = { .first = first, .last = last };

        if (first < 1 || last < first)
                return JOBCTL_E_USAGE;
        return selector_add(selector, &range);
}

int jobctl_selector_add_task(struct jobctl_selector *selector, uint64_t id, uint64_t task)
{
        const struct parse_id_range range = {
                .first = id, .last = id, .has_tasks = true, .task_first = task, .task_last = task
        };

        return id < 1 ? JOBCTL_E_USAGE : selector_add(selector, &range);
}

int jobctl_selector_add(struct jobctl_selector *selector, const char *ids, char *text, size_t size)
{
        _cleanup_(freep) struct parse_id_range *ranges = NULL;
        size_t count = 0;
        struct reason why = { "" };
        int r;

        if (strcmp(ids, "all") == 0) {
                jobctl_selector_set_all(selector, true);
                return JOBCTL_OK;
        }
        if (strcmp(ids, "last") == 0) {
                selector->message->has_last = selector->message->last = true;
                return JOBCTL_OK;
        }
        r = parse_ids(ids, &ranges, &count, &why);
        if (r) {
                snprintf(text, size, "%s", r > 0 ? why.text : "out of memory");
                return r > 0 ? JOBCTL_E_USAGE : JOBCTL_E_SYSTEM;
        }
        for (size_t i = 0; i < count; i++)
                if (selector_add(selector, &ranges[i]))
                        return JOBCTL_E_SYSTEM;
        return JOBCTL_OK;
}

int jobctl_selector_set_name(struct jobctl_selector *selector, const char *name)
{
        char *const copy = strdup(name);

        if (!copy)
                return JOBCTL_E_SYSTEM;
        free(selector->message->name);
        selector->message->name = copy;
        return JOBCTL_OK;
}

int jobctl_selector_set_queue(struct jobctl_selector *selector, const char *queue)
{
        char *const copy = strdup(queue);

        if (!copy)
                return JOBCTL_E_SYSTEM;
        free(selector->message->queue);
        selector->message->queue = copy;
        return JOBCTL_OK;
}

int jobctl_selector_add_state(struct jobctl_selector *selector, enum jobctl_state state)
{
        Jobd__Selector *const message = selector->message;
        Jobd__JobState *states;

        if (state <= JOBCTL_STATE_NONE || state >= JOBCTL_STATE_COUNT)
                return JOBCTL_E_USAGE;
        states = realloc(message->states, (message->n_states + 1) * sizeof(*states));
        if (!states)
                return JOBCTL_E_SYSTEM;
        message->states = states;
        message->states[message->n_states++] = (Jobd__JobState)state;
        return JOBCTL_OK;
}

int jobctl_selector_add_label(struct jobctl_selector *selector, const char *key, const char *value)
{
        Jobd__Selector *const message = selector->message;
        Jobd__Label **labels;
        Jobd__Label *label;

        labels = realloc(message->labels, (message->n_labels + 1) * sizeof(*labels));
        if (!labels)
                return JOBCTL_E_SYSTEM;
        message->labels = labels;
        label = malloc(sizeof(*label));
        if (!label)
                return JOBCTL_E_SYSTEM;
        jobd__label__init(label);
        message->labels[message->n_labels++] = label;
        label->key = strdup(key);
        label->value = strdup(value);
        return label->key && label->value ? JOBCTL_OK : JOBCTL_E_SYSTEM;
}

void jobctl_selector_set_held(struct jobctl_selector *selector, bool on)
{
        selector->message->has_held = selector->message->held = on;
}

void jobctl_selector_set_waiting(struct jobctl_selector *selector, bool on)
{
        selector->message->has_waiting = selector->message->waiting = on;
}

void jobctl_selector_set_all(struct jobctl_selector *selector, bool on)
{
        selector->message->has_all = selector->message->all = on;
}

void jobctl_selector_set_unfinished(struct jobctl_selector *selector, bool on)
{
        selector->message->has_unfinished = selector->message->unfinished = on;
}

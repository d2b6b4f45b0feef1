/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A flow: one JSON object, a member for each job, under the job's name.
 *
 *    {
 *      "fetch": { "command": ["./fetch.sh", "2024"] },
 *      "train": { "command": "./train.py > train.log", "after": "fetch", "cpus": 4 },
 *      "tidy":  { "command": ["rm", "-r", "tmp"], "dependency": "afterany:train" }
 *    }
 *
 * `command` is a list of words, or one line for a shell. `after` names one job or a list of them
 * that must have succeeded; `dependency` is what --dependency takes, with names of the file where
 * ids stand. Every other member is an option of submit by its long name: a text or a number is its
 * value, true a flag, a list several values. JSON, because it keeps words apart exactly, has no
 * limit of a line's length, and tells a mistake by line.
 *
 * The values are kept as texts until the specifications are made, since options point to them.
 * Circles are found, and named, by the judge of every submission (proto/wire_flow.c).
 */
#include "client/cmd/flow_file.h"

#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <string.h>

#include "common/parse.h"

#include "client/cmd/dependency.h"

#define FLOW_FILE_MAX 10000U /* jobs: one submission holds no more */

struct flow_file {
        json_t *root; /* owned; names and texts live in it */
        size_t count;
        const char **names;         /* owned array */
        struct jobctl_spec **specs; /* owned */
        char **texts;               /* owned: numbers as texts */
        size_t texts_count;
};

struct flow_file *flow_file_free(struct flow_file *flow)
{
        if (!flow)
                return NULL;
        for (size_t i = 0; flow->specs && i < flow->count; i++)
                jobctl_spec_free(flow->specs[i]);
        for (size_t i = 0; i < flow->texts_count; i++)
                free(flow->texts[i]);
        free(flow->texts);
        free(flow->specs);
        free(flow->names);
        json_decref(flow->root);
        free(flow);
        return NULL;
}

size_t flow_file_count(const struct flow_file *flow)
{
        return flow->count;
}

const char *flow_file_name(const struct flow_file *flow, size_t index)
{
        return flow->names[index];
}

struct jobctl_spec *const *flow_file_specs(const struct flow_file *flow)
{
        return flow->specs;
}

static size_t flow_file_find(void *arg, const char *name)
{
        const struct flow_file *const flow = arg;

        for (size_t i = 0; i < flow->count; i++)
                if (strcmp(flow->names[i], name) == 0)
                        return i;
        return SIZE_MAX;
}

/* ---------------------------------------------------------------------------- values as texts */

/* A value as the text that an option takes; NULL when it is no text and no number. */
static const char *flow_file_text(struct flow_file *flow, const json_t *value)
{
        char **bigger;
        char *text;

        if (json_is_string(value))
                return json_string_value(value);
        if (!json_is_number(value))
                return NULL;
        text = json_dumps(value, JSON_ENCODE_ANY | JSON_REAL_PRECISION(15));
        bigger = text ? realloc(flow->texts, (flow->texts_count + 1) * sizeof(*bigger)) : NULL;
        if (!bigger) {
                free(text);
                return NULL;
        }
        flow->texts = bigger;
        flow->texts[flow->texts_count++] = text;
        return text;
}

static const struct option_row *flow_file_find_option(const char *name)
{
        for (const struct option_row *row = job_option_rows; row->kind != OPTION_END; row++)
                if (strcmp(row->name, name) == 0 && strcmp(name, "name") != 0 &&
                    strcmp(name, "dry-run") != 0)
                        return row;
        return NULL;
}

static int flow_file_store(struct flow_file *flow, const struct option_row *row,
                           const json_t *value, struct job_options *options, struct reason *why)
{
        const char *const text = flow_file_text(flow, value);

        if (row->kind == OPTION_FLAG && json_is_boolean(value)) {
                *(bool *)((char *)options + row->offset) = json_is_true(value);
                return 0;
        }
        if (!text || row->kind == OPTION_FLAG)
                return reason_set(why, FLOW_FILE_E_BAD, "%s takes %s", row->name,
                                  row->kind == OPTION_FLAG ? "true or false"
                                                           : "a text or a number");
        return option_store(row, options, text, why) ? FLOW_FILE_E_BAD : 0;
}

static int flow_file_take_option(struct flow_file *flow, const char *name, const json_t *value,
                                 struct job_options *options, struct reason *why)
{
        const struct option_row *const row = flow_file_find_option(name);
        const json_t *one;
        size_t i;
        int r = 0;

        if (!row)
                return reason_set(why, FLOW_FILE_E_BAD,
                                  "'%s' is no option of submit, and neither command, after nor "
                                  "dependency",
                                  name);
        if (row->kind != OPTION_LIST || !json_is_array(value))
                return flow_file_store(flow, row, value, options, why);
        json_array_foreach(value, i, one) if (r == 0) r =
                flow_file_store(flow, row, one, options, why);
        return r;
}

/* ---------------------------------------------------------------------------------- one entry */

/* What stands in an entry beside plain options. */
struct flow_entry {
        const json_t *command, *after;
        struct job_options options;
};

static int flow_file_take_members(struct flow_file *flow, json_t *entry, struct flow_entry *to,
                                  struct reason *why)
{
        const char *name;
        json_t *value;
        int r;

        json_object_foreach(entry, name, value)
        {
                if (strcmp(name, "command") == 0) {
                        to->command = value;
                } else if (strcmp(name, "after") == 0) {
                        to->after = value;
                } else {
                        r = flow_file_take_option(flow, name, value, &to->options, why);
                        if (r)
                                return r;
                }
        }
        if (!to->command)
                return reason_set(why, FLOW_FILE_E_BAD, "it has no command");
        return 0;
}

/* The words of the command; *out_count of them in a new array of borrowed texts. */
static int flow_file_words(struct flow_entry *entry, char ***out_words, size_t *out_count,
                           struct reason *why)
{
        const bool is_line = json_is_string(entry->command);
        const size_t count = is_line ? 1 : json_array_size(entry->command);
        _cleanup_(freep) char **words = calloc(count + 1, sizeof(*words));

        if (!words)
                return FAULT(-ENOMEM);
        for (size_t i = 0; i < count; i++) {
                const char *const word = json_string_value(
                        is_line ? entry->command : json_array_get(entry->command, i));

                if (!word)
                        return reason_set(why, FLOW_FILE_E_BAD,
                                          "word %zu of its command is no text", i);
                words[i] = (char *)(uintptr_t)word; /* read only */
        }
        if (count == 0)
                return reason_set(why, FLOW_FILE_E_BAD,
                                  "its command is a list of words, or one line of shell");
        entry->options.shell = entry->options.shell || is_line;
        *out_words = TAKE_PTR(words);
        *out_count = count;
        return 0;
}

static int flow_file_add_after(struct flow_file *flow, const json_t *after,
                               struct jobctl_spec *spec, struct reason *why)
{
        const bool is_one = json_is_string(after);
        const size_t count = is_one ? 1 : json_array_size(after);

        if (!is_one && !json_is_array(after))
                return reason_set(why, FLOW_FILE_E_BAD, "after is a name or a list of names");
        for (size_t i = 0; i < count; i++) {
                const char *const name =
                        json_string_value(is_one ? after : json_array_get(after, i));
                const size_t place = name ? flow_file_find(flow, name) : SIZE_MAX;

                if (place == SIZE_MAX)
                        return reason_set(why, FLOW_FILE_E_BAD,
                                          "it waits for '%s', and the file has no such entry",
                                          name ? name : "?");
                if (jobctl_spec_add_sibling(spec, JOBCTL_DEPENDENCY_AFTEROK, place))
                        return FAULT(-ENOMEM);
        }
        return 0;
}

static int flow_file_add_entry(struct flow_file *flow, size_t index, json_t *value,
                               const struct job_options *defaults, struct reason *why)
{
        struct flow_entry entry = { .options = *defaults };
        const struct dependency_names names = { .find = flow_file_find, .arg = flow };
        _cleanup_(freep) char **words = NULL;
        const char *dependency;
        size_t count = 0;
        int r;

        if (!json_is_object(value))
                return reason_set(why, FLOW_FILE_E_BAD, "it is no object in braces");
        r = flow_file_take_members(flow, value, &entry, why);
        if (r == 0)
                r = flow_file_words(&entry, &words, &count, why);
        if (r)
                return r;
        entry.options.name = flow->names[index];
        dependency = entry.options.dependency;
        entry.options.dependency = NULL;
        r = job_options_build(&entry.options, words, count, &flow->specs[index], why);
        if (r == 0 && entry.after)
                r = flow_file_add_after(flow, entry.after, flow->specs[index], why);
        if (r == 0 && dependency && entry.after && strchr(dependency, '?'))
                return reason_set(
                        why, FLOW_FILE_E_BAD,
                        "alternatives ('?') in dependency, and after, do not go together");
        if (r == 0 && dependency)
                r = dependency_add(flow->specs[index], dependency, &names, why);
        if (r == 0 && jobctl_spec_check(flow->specs[index], why->text, sizeof(why->text)))
                r = FLOW_FILE_E_BAD;
        return r;
}

/* ------------------------------------------------------------------------------------ the file */

static int flow_file_check_name(const char *name, struct reason *why)
{
        if (name[0] == '\0' || strpbrk(name, ":,?") || strcmp(name, "last") == 0 ||
            strspn(name, "0123456789") == strlen(name))
                return reason_set(why, FLOW_FILE_E_BAD,
                                  "an entry of a flow is neither a number nor last, and has none "
                                  "of ':,?' in its name: not '%s'",
                                  name);
        return 0;
}

/* The names first: entries may wait for later ones. */
static int flow_file_take_names(struct flow_file *flow, const char *path, struct reason *why)
{
        const char *name;
        json_t *value;
        int r;

        if (!json_is_object(flow->root) || json_object_size(flow->root) == 0)
                return reason_set(why, FLOW_FILE_E_BAD,
                                  "%s: a flow is an object with a member for each job", path);
        if (json_object_size(flow->root) > FLOW_FILE_MAX)
                return reason_set(why, FLOW_FILE_E_BAD, "%s: a flow has at most %u jobs", path,
                                  FLOW_FILE_MAX);
        flow->names = calloc(json_object_size(flow->root), sizeof(*flow->names));
        flow->specs = calloc(json_object_size(flow->root), sizeof(*flow->specs));
        if (!flow->names || !flow->specs)
                return FAULT(-ENOMEM);
        json_object_foreach(flow->root, name, value)
        {
                r = flow_file_check_name(name, why);
                if (r)
                        return r;
                flow->names[flow->count++] = name;
        }
        return 0;
}

static int flow_file_load(const char *path, json_t **out_root, struct reason *why)
{
        const bool is_stdin = strcmp(path, "-") == 0;
        FILE *const file = is_stdin ? stdin : fopen(path, "re");
        json_error_t error;

        if (!file)
                return reason_set(why, FLOW_FILE_E_BAD, "cannot read the flow %s: %s", path,
                                  strerror(errno));
        *out_root = json_loadf(file, JSON_REJECT_DUPLICATES, &error);
        if (!is_stdin)
                fclose(file);
        if (!*out_root)
                return reason_set(why, FLOW_FILE_E_BAD, "%s:%d: %s", path, error.line, error.text);
        return 0;
}

int flow_file_read(const char *path, const struct job_options *defaults,
                   struct flow_file **out_flow, struct reason *why)
{
        _cleanup_(flow_file_freep) struct flow_file *flow = calloc(1, sizeof(*flow));
        struct reason detail = { "" };
        size_t index = 0;
        const char *name;
        json_t *value;
        int r;

        if (!flow)
                return FAULT(-ENOMEM);
        r = flow_file_load(path, &flow->root, why);
        if (r == 0)
                r = flow_file_take_names(flow, path, why);
        if (r)
                return r;
        json_object_foreach(flow->root, name, value)
        {
                r = flow_file_add_entry(flow, index++, value, defaults, &detail);
                if (r > 0)
                        return reason_set(why, FLOW_FILE_E_BAD, "%s: entry '%s': %s", path, name,
                                          detail.text);
                if (r)
                        return PASS(r);
        }
        *out_flow = TAKE_PTR(flow);
        return 0;
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a submitter may ask for. jobctl calls this before it sends, so that the sentence comes
 * early; jobd calls it again for every submission, since anybody can write a client.
 *
 * A refusal here is an answer to the request and never the end of the connection. Nothing is
 * looked up: whether a folder or a program exists is found out as the user, when the job starts.
 */
#include <errno.h>
#include <string.h>

#include "common/parse.h"
#include "common/template.h"

#include "proto/wire.h"
#include "proto/wire_check.h"

#define SPEC_NAME_MAX 255U
#define SPEC_VALUE_MAX 4095U
#define SPEC_PATH_MAX 4095U
#define SPEC_TASKS_MAX 10000000ULL
#define SPEC_WALL_MAX 253402300799999999LL /* the end of the year 9999 */

/* clang-format off */
#define RANGE(field, lo, hi) WIRE_RANGE_IF(Jobd__Spec, field, lo, hi)
static const struct wire_range wire_spec_ranges[] = {
        RANGE(umask, 0, 0777),
        RANGE(nice, 0, 19),
        RANGE(time_limit_usec, 0, WIRE_USEC_MAX),
        RANGE(memory_bytes, 0, INT64_MAX),
        RANGE(cpus, 1, 65536),
        RANGE(warn_signal, 1, WIRE_SIGNAL_MAX),
        RANGE(warn_before_usec, 0, WIRE_USEC_MAX),
        RANGE(grace_usec, 0, WIRE_USEC_MAX),
        RANGE(retries, 0, 1000),
        RANGE(retry_delay_usec, 0, WIRE_USEC_MAX),
        RANGE(begin_wall_usec, 0, SPEC_WALL_MAX),
        RANGE(priority, -1000, 1000),
        RANGE(array_first, 0, INT64_MAX - 1),
        RANGE(array_last, 0, INT64_MAX - 1),
        RANGE(array_step, 1, INT64_MAX - 1),
        RANGE(map_values, 1, WIRE_ENTRIES_MAX),
        RANGE(start_delay_usec, 0, WIRE_USEC_MAX),
};
/* clang-format on */

static int wire_check_text(const char *text, const char *what, size_t min, size_t max,
                           struct reason *why)
{
        const size_t size = strnlen(text, max + 1);

        if (size < min)
                return reason_set(why, WIRE_E_BAD, "the %s is empty", what);
        if (size > max)
                return reason_set(why, WIRE_E_BAD, "the %s is longer than %zu bytes", what, max);
        if (!parse_is_utf8(text, size))
                return reason_set(why, WIRE_E_BAD, "the %s is not UTF-8", what);
        return 0;
}

/* `number` -1: the only one. */
static int wire_check_raw(const ProtobufCBinaryData *raw, const char *what, size_t number,
                          struct reason *why)
{
        if (raw->len > WIRE_STRING_MAX)
                return reason_set(why, WIRE_E_BAD, "%s %zu has %zu bytes, at most %u are allowed",
                                  what, number, raw->len, WIRE_STRING_MAX);
        if (raw->len > 0 && memchr(raw->data, 0, raw->len))
                return reason_set(why, WIRE_E_BAD, "%s %zu holds a NUL byte", what, number);
        return 0;
}

static int wire_check_argv(const Jobd__Spec *spec, struct reason *why)
{
        int r;

        if (spec->n_argv == 0)
                return reason_set(why, WIRE_E_BAD, "there is no command");
        if (spec->n_argv > WIRE_ENTRIES_MAX)
                return reason_set(why, WIRE_E_BAD,
                                  "the command has %zu words, at most %u are allowed", spec->n_argv,
                                  WIRE_ENTRIES_MAX);
        if (spec->argv[0].len == 0)
                return reason_set(why, WIRE_E_BAD, "the command's first word is empty");
        for (size_t i = 0; i < spec->n_argv; i++) {
                r = wire_check_raw(&spec->argv[i], "argument", i, why);
                if (r != 0)
                        return r;
        }
        if (wire_strings_bytes(spec->argv, spec->n_argv) > WIRE_STRINGS_MAX)
                return reason_set(why, WIRE_E_BAD,
                                  "the command is longer than %u bytes; put long lists in a file",
                                  WIRE_STRINGS_MAX);
        return 0;
}

static int wire_check_path(const ProtobufCBinaryData *path, const char *what, struct reason *why)
{
        if (path->len == 0 || path->data[0] != '/')
                return reason_set(why, WIRE_E_BAD, "the %s is not an absolute path", what);
        if (path->len > SPEC_PATH_MAX)
                return reason_set(why, WIRE_E_BAD, "the %s is longer than %u bytes", what,
                                  SPEC_PATH_MAX);
        if (memchr(path->data, 0, path->len))
                return reason_set(why, WIRE_E_BAD, "the %s holds a NUL byte", what);
        return 0;
}

static int wire_check_paths(const Jobd__Spec *spec, struct reason *why)
{
        const struct {
                bool given;
                const ProtobufCBinaryData *path;
                const char *what;
        } paths[] = {
                { spec->has_cwd, &spec->cwd, "working folder" },
                { spec->has_input_path, &spec->input_path, "input file" },
                { spec->has_output_path, &spec->output_path, "output file" },
                { spec->has_error_path, &spec->error_path, "error file" },
        };
        int r;

        for (size_t i = 0; i < ARRAY_SIZE(paths); i++) {
                r = paths[i].given ? wire_check_path(paths[i].path, paths[i].what, why) : 0;
                if (r != 0)
                        return r;
        }
        return 0;
}

static int wire_check_words(const Jobd__Spec *spec, struct reason *why)
{
        int r = 0;

        if (spec->name)
                r = wire_check_text(spec->name, "name", 0, SPEC_NAME_MAX, why);
        if (r == 0 && spec->unique)
                r = wire_check_text(spec->unique, "unique key", 1, SPEC_NAME_MAX, why);
        if (r == 0 && spec->queue)
                r = wire_check_text(spec->queue, "name of the queue", 1, SPEC_NAME_MAX, why);
        if (r == 0 && spec->n_labels > WIRE_LABELS_MAX)
                r = reason_set(why, WIRE_E_BAD, "there are %zu labels, at most %u are allowed",
                               spec->n_labels, WIRE_LABELS_MAX);
        for (size_t i = 0; r == 0 && i < spec->n_labels; i++) {
                r = wire_check_text(spec->labels[i]->key, "name of a label", 1, SPEC_NAME_MAX, why);
                if (r == 0)
                        r = wire_check_text(spec->labels[i]->value, "value of a label", 0,
                                            SPEC_VALUE_MAX, why);
        }
        return r;
}

static int wire_check_lists(const Jobd__Spec *spec, struct reason *why)
{
        if (spec->n_rlimits > WIRE_RLIMITS_MAX)
                return reason_set(why, WIRE_E_BAD, "there are more than %u resource limits",
                                  WIRE_RLIMITS_MAX);
        for (size_t i = 0; i < spec->n_rlimits; i++) {
                const Jobd__Rlimit *rlimit = spec->rlimits[i];

                if (rlimit->resource >= WIRE_RLIMITS_MAX)
                        return reason_set(why, WIRE_E_BAD, "there is no resource limit %u",
                                          rlimit->resource);
                if (rlimit->soft > rlimit->hard)
                        return reason_set(why, WIRE_E_BAD,
                                          "the soft limit of resource %u is over its hard limit",
                                          rlimit->resource);
        }
        if (spec->n_retry_on > WIRE_RETRY_ON_MAX)
                return reason_set(why, WIRE_E_BAD, "there are more than %u exit codes to retry on",
                                  WIRE_RETRY_ON_MAX);
        for (size_t i = 0; i < spec->n_retry_on; i++)
                if (spec->retry_on[i] > 255)
                        return reason_set(why, WIRE_E_BAD,
                                          "an exit code to retry on is 0 to 255, not %u",
                                          spec->retry_on[i]);
        return 0;
}

static int wire_check_resource_name(const char *name, struct reason *why)
{
        const size_t size = strnlen(name, WIRE_RESOURCE_NAME_MAX + 1);

        for (size_t i = 0; i < size && size <= WIRE_RESOURCE_NAME_MAX; i++)
                if ((unsigned char)name[i] < 0x20 || name[i] == 0x7f ||
                    ((unsigned char)name[i] == 0xc2 && (unsigned char)name[i + 1] < 0xa0))
                        return reason_set(why, WIRE_E_BAD,
                                          "the name of a resource or lock has a control character");
        return wire_check_text(name, "name of a resource or lock", 1, WIRE_RESOURCE_NAME_MAX, why);
}

static int wire_check_resources(const Jobd__Spec *spec, struct reason *why)
{
        const char *names[WIRE_RESOURCES_MAX];
        uint64_t units = 0;
        size_t count = 0;
        int r = 0;

        if (spec->n_resources > WIRE_RESOURCES_MAX ||
            spec->n_locks > WIRE_RESOURCES_MAX - spec->n_resources)
                return reason_set(why, WIRE_E_BAD, "there are more than %u resources and locks",
                                  WIRE_RESOURCES_MAX);
        for (size_t i = 0; r == 0 && i < spec->n_resources; i++) {
                names[count++] = spec->resources[i]->name;
                r = wire_check_resource_name(spec->resources[i]->name, why);
                units = spec->resources[i]->count ? units + spec->resources[i]->count : 0;
                if (r == 0 && (units < 1 || units > WIRE_RESOURCE_UNITS_MAX))
                        r = reason_set(why, WIRE_E_BAD,
                                       "a job asks for 1 to %u units of resources, not %llu",
                                       WIRE_RESOURCE_UNITS_MAX, (unsigned long long)units);
        }
        for (size_t i = 0; r == 0 && i < spec->n_locks; i++) {
                names[count++] = spec->locks[i]->name;
                r = wire_check_resource_name(spec->locks[i]->name, why);
        }
        for (size_t i = 1; r == 0 && i < count; i++)
                for (size_t k = 0; k < i; k++)
                        if (strcmp(names[i], names[k]) == 0)
                                return reason_set(
                                        why, WIRE_E_BAD,
                                        "\"%s\" is asked for twice, as a resource or lock",
                                        names[i]);
        return r;
}

static int wire_check_array(const Jobd__Spec *spec, struct reason *why)
{
        const uint64_t step = spec->has_array_step ? spec->array_step : 1;

        if (!spec->has_array_first && !spec->has_array_last) {
                if (spec->has_array_step || (spec->has_array_width && !spec->has_map_values))
                        return reason_set(why, WIRE_E_BAD, "an array needs its first and last");
                return 0;
        }
        if (!spec->has_array_first || !spec->has_array_last || spec->array_first > spec->array_last)
                return reason_set(why, WIRE_E_BAD, "an array goes from a first to a last number");
        if ((spec->array_last - spec->array_first) / step >= SPEC_TASKS_MAX)
                return reason_set(why, WIRE_E_BAD, "an array has at most %llu tasks",
                                  SPEC_TASKS_MAX);
        return 0;
}

/* Can the command be expanded at all? */
static int wire_check_template(const Jobd__Spec *spec, struct reason *why)
{
        _cleanup_(template_freep) struct template *template = NULL;
        _cleanup_(freep) struct template_word *words = NULL;
        int r;

        words = calloc(spec->n_argv, sizeof(*words));
        for (size_t i = 0; words && i < spec->n_argv; i++)
                words[i] = (struct template_word){ spec->argv[i].data, spec->argv[i].len };
        r = words ? template_new(words, spec->n_argv, spec->shell, spec->map_values, &template, why)
                  : FAULT(-ENOMEM);
        if (r < 0)
                return reason_set(why, WIRE_E_BAD, "there is no memory to read the command");
        return r > 0 ? WIRE_E_BAD : 0;
}

static int wire_check_map(const Jobd__Spec *spec, struct reason *why)
{
        const bool is_array = spec->has_array_first || spec->has_array_last;

        if (!spec->has_map_values) {
                if (is_array || (!spec->has_start_delay_usec && !spec->halt))
                        return 0;
                return reason_set(why, WIRE_E_BAD,
                                  "a delay between starts and a halt are for arrays and maps");
        }
        if (is_array)
                return reason_set(why, WIRE_E_BAD, "a map is no array: its tasks are its values");
        if (spec->stdin_pipe)
                return reason_set(why, WIRE_E_BAD, "the tasks of a map share no standard input");
        return wire_check_template(spec, why);
}

int wire_check_spec(const Jobd__Spec *spec, struct reason *why)
{
        static int (*const checks[])(const Jobd__Spec *, struct reason *) = {
                wire_check_argv,  wire_check_paths, wire_check_words,        wire_check_lists,
                wire_check_array, wire_check_map,   wire_check_dependencies, wire_check_resources,
        };
        int r;

        r = wire_check_ranges(spec, "Spec", wire_spec_ranges, ARRAY_SIZE(wire_spec_ranges), why);
        for (size_t i = 0; r == 0 && i < ARRAY_SIZE(checks); i++)
                r = checks[i](spec, why);
        return r;
}

int wire_check_environment(const Jobd__Environment *environment, struct reason *why)
{
        int r;

        if (environment->n_entries > WIRE_ENTRIES_MAX)
                return reason_set(why, WIRE_E_BAD,
                                  "the environment has %zu entries, at most %u are allowed",
                                  environment->n_entries, WIRE_ENTRIES_MAX);
        for (size_t i = 0; i < environment->n_entries; i++) {
                const ProtobufCBinaryData *entry = &environment->entries[i];

                r = wire_check_raw(entry, "environment entry", i, why);
                if (r != 0)
                        return r;
                if (entry->len < 2 || entry->data[0] == '=' ||
                    !memchr(entry->data, '=', entry->len))
                        return reason_set(why, WIRE_E_BAD,
                                          "environment entry %zu is not NAME=VALUE", i);
        }
        if (wire_strings_bytes(environment->entries, environment->n_entries) > WIRE_STRINGS_MAX)
                return reason_set(why, WIRE_E_BAD,
                                  "the environment is longer than %u bytes; export fewer variables",
                                  WIRE_STRINGS_MAX);
        return 0;
}

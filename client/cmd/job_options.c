/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From options to a specification: what this process has is captured first, then the options are
 * laid over it. Plain ones are a table from option to field; the few with a grammar of their own
 * (--signal, --retry-on, --array, --export, --label, --dependency) have a function each. Paths
 * become absolute against the job's folder, as Slurm does it. Used by submit and run.
 */
#include "client/cmd/job_options.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "common/clock.h"
#include "common/fs.h"
#include "common/parse.h"
#include "common/text.h"

#include "client/cmd/dependency.h"
#include "client/cmd/emit.h"
#include "client/cmd/style.h"

#define AT(field) offsetof(struct job_options, field)

/* clang-format off */
const struct option_row job_option_rows[] = {
        { OPTION_TEXT, 'J', "name", "NAME", "a name to find it by", AT(name), 0, 0, false, COMPLETE_NONE },
        { OPTION_TEXT, 0, "cwd", "DIR", "run it there instead of here", AT(cwd), 0, 0, false, COMPLETE_FOLDER },
        { OPTION_LIST, 0, "env", "K=V", "set a variable (K alone: as it is here)", AT(env), 0, 0, false, COMPLETE_ENV },
        { OPTION_TEXT, 0, "export", "WHAT", "variables to hand on: ALL, NONE, or A,B", AT(export), 0, 0, true, COMPLETE_EXPORT },
        { OPTION_TEXT, 'i', "input", "FILE", "read stdin from FILE", AT(input), 0, 0, false, COMPLETE_FILE },
        { OPTION_TEXT, 'o', "output", "FILE", "write stdout to FILE (%j job, %a task, %x name)", AT(output), 0, 0, false, COMPLETE_FILE },
        { OPTION_TEXT, 'e', "error", "FILE", "write stderr to FILE", AT(error), 0, 0, false, COMPLETE_FILE },
        { OPTION_FLAG, 0, "append", NULL, "add to -o and -e files instead of emptying them", AT(append), 0, 0, false, COMPLETE_NONE },
        { OPTION_SIZE, 0, "output-cap", "SIZE", "keep at most SIZE of output", AT(output_cap), 0, 0, true, COMPLETE_NONE },
        { OPTION_FLAG, 0, "shell", NULL, "the words are one line for /bin/sh", AT(shell), 0, 0, false, COMPLETE_NONE },
        { OPTION_DURATION, 't', "time-limit", "DURATION", "end it after so long (90, 15m, 1h30m)", AT(time_limit), 1, 0, true, COMPLETE_NONE },
        { OPTION_TEXT, 0, "signal", "SIG@TIME", "send SIG so long before the limit", AT(warn), 0, 0, false, COMPLETE_SIGNAL_AT },
        { OPTION_DURATION, 0, "grace", "DURATION", "from TERM to KILL", AT(grace), 0, 0, true, COMPLETE_NONE },
        { OPTION_NUMBER, 0, "retries", "N", "run it again after a failure, up to N times", AT(retries), 0, 1000, true, COMPLETE_NONE },
        { OPTION_TEXT, 0, "retry-on", "CODES", "only after these exit codes (1,5-7)", AT(retry_on), 0, 0, false, COMPLETE_NONE },
        { OPTION_DURATION, 0, "retry-delay", "DURATION", "pause before a retry; doubles", AT(retry_delay), 0, 0, true, COMPLETE_NONE },
        { OPTION_FLAG, 0, "requeue", NULL, "run it again when its outcome is unknown", AT(requeue), 0, 0, true, COMPLETE_NONE },
        { OPTION_TEXT, 0, "unique", "KEY", "return the unfinished job with KEY if there is one", AT(unique), 0, 0, false, COMPLETE_NONE },
        { OPTION_TEXT, 'q', "queue", "NAME", "put it into this queue", AT(queue), 0, 0, true, COMPLETE_QUEUE },
        { OPTION_FLAG, 0, "hold", NULL, "do not start it until it is released", AT(hold), 0, 0, false, COMPLETE_NONE },
        { OPTION_TIME, 0, "begin", "TIME", "not before TIME (now+1h, 18:00, RFC 3339)", AT(begin), 0, 0, false, COMPLETE_NONE },
        { OPTION_SIGNED, 0, "priority", "N", "before your jobs of a lower one", AT(priority), (uint64_t)-1000, 1000, true, COMPLETE_NONE },
        { OPTION_SIGNED, 0, "nice", "N", "be nicer by N", AT(nice), 0, 19, true, COMPLETE_NONE },
        { OPTION_LIST, 0, "label", "K=V", "a label", AT(labels), 0, 0, false, COMPLETE_NONE },
        { OPTION_NUMBER, 'c', "cpus", "N", "cores", AT(cpus), 1, 65536, true, COMPLETE_NONE },
        { OPTION_SIZE, 0, "mem", "SIZE", "memory", AT(memory), 1, 0, true, COMPLETE_NONE },
        { OPTION_LIST, 0, "resource", "NAME=N", "takes N units of a named resource", AT(resources), 0, 0, false, COMPLETE_RESOURCE_UNITS },
        { OPTION_LIST, 0, "lock", "NAME[:shared]", "run it while holding this lock", AT(locks), 0, 0, false, COMPLETE_LOCK },
        { OPTION_TEXT, 'a', "array", "A-B:S%M", "a task for each number, M at once", AT(array), 0, 0, false, COMPLETE_NONE },
        { OPTION_TEXT, 'd', "dependency", "KIND:ID", "wait for others: afterok:17:18,afterany:last", AT(dependency), 0, 0, false, COMPLETE_DEPENDENCY },
        { OPTION_FLAG, 0, "keep-waiting", NULL, "stay queued when that cannot come true any more", AT(keep_waiting), 0, 0, true, COMPLETE_NONE },
        { OPTION_FLAG, 0, "dry-run", NULL, "only show what would be submitted", AT(dry_run), 0, 0, false, COMPLETE_NONE },
        { OPTION_END, 0, NULL, NULL, NULL, 0, 0, 0, false, COMPLETE_NONE },
};

/* Options that are one field each, with the same value. */
static const struct {
        enum option_kind kind;
        size_t offset;
        enum jobctl_field field;
} fields[] = {
        { OPTION_TEXT, AT(name), JOBCTL_SPEC_NAME },
        { OPTION_TEXT, AT(unique), JOBCTL_SPEC_UNIQUE },
        { OPTION_TEXT, AT(queue), JOBCTL_SPEC_QUEUE },
        { OPTION_FLAG, AT(append), JOBCTL_SPEC_OUTPUT_APPEND },
        { OPTION_FLAG, AT(requeue), JOBCTL_SPEC_REQUEUE },
        { OPTION_FLAG, AT(hold), JOBCTL_SPEC_HOLD },
        { OPTION_FLAG, AT(keep_waiting), JOBCTL_SPEC_KEEP_WAITING },
        { OPTION_NUMBER, AT(output_cap), JOBCTL_SPEC_OUTPUT_CAP_BYTES },
        { OPTION_NUMBER, AT(time_limit), JOBCTL_SPEC_TIME_LIMIT_USEC },
        { OPTION_NUMBER, AT(grace), JOBCTL_SPEC_GRACE_USEC },
        { OPTION_NUMBER, AT(retries), JOBCTL_SPEC_RETRIES },
        { OPTION_NUMBER, AT(retry_delay), JOBCTL_SPEC_RETRY_DELAY_USEC },
        { OPTION_NUMBER, AT(begin), JOBCTL_SPEC_BEGIN_WALL_USEC },
        { OPTION_NUMBER, AT(cpus), JOBCTL_SPEC_CPUS },
        { OPTION_NUMBER, AT(memory), JOBCTL_SPEC_MEMORY_BYTES },
        { OPTION_SIGNED, AT(nice), JOBCTL_SPEC_NICE },
        { OPTION_SIGNED, AT(priority), JOBCTL_SPEC_PRIORITY },
};
/* clang-format on */

static int job_options_no_memory(struct reason *why)
{
        return reason_set(why, JOB_OPTIONS_E_BAD, "out of memory");
}

static int job_options_set_plain(const struct job_options *options, struct jobctl_spec *spec)
{
        int r = 0;

        for (size_t i = 0; i < ARRAY_SIZE(fields) && r == 0; i++) {
                const void *const place = (const char *)options + fields[i].offset;
                const char *const *const text = place;
                const struct option_number *const number = place;
                const struct option_signed *const with_sign = place;

                if (fields[i].kind == OPTION_TEXT && *text)
                        r = jobctl_spec_set_text(spec, fields[i].field, *text);
                else if (fields[i].kind == OPTION_FLAG && *(const bool *)place)
                        r = jobctl_spec_set_number(spec, fields[i].field, 1);
                else if (fields[i].kind == OPTION_NUMBER && number->given)
                        r = jobctl_spec_set_number(spec, fields[i].field, number->value);
                else if (fields[i].kind == OPTION_SIGNED && with_sign->given)
                        r = jobctl_spec_set_signed(spec, fields[i].field, with_sign->value);
        }
        return r;
}

/* An absolute form of `path` in `folder`; NULL without memory. */
static char *job_options_resolve(const char *folder, const char *path)
{
        return path[0] == '/' ? strdup(path) : fs_path("%s/%s", folder, path);
}

static int job_options_set_cwd(const struct job_options *options, struct jobctl_spec *spec,
                               struct reason *why)
{
        _cleanup_(freep) char *here = NULL;
        _cleanup_(freep) char *made = NULL;

        if (options->cwd && options->cwd[0] == '\0')
                return reason_set(why, JOB_OPTIONS_E_BAD, "--cwd needs the name of a folder");
        if (!options->cwd || options->cwd[0] != '/') {
                here = getcwd(NULL, 0);
                if (!here || here[0] != '/')
                        return reason_set(why, JOB_OPTIONS_E_BAD,
                                          "the current folder cannot be found out (%s): go to "
                                          "another, or name one with --cwd",
                                          here ? "it is unreachable" : strerror(errno));
        }
        made = options->cwd ? job_options_resolve(here, options->cwd) : TAKE_PTR(here);
        if (!made || jobctl_spec_set_text(spec, JOBCTL_SPEC_CWD, made))
                return job_options_no_memory(why);
        return 0;
}

static int job_options_set_paths(const struct job_options *options, struct jobctl_spec *spec,
                                 struct reason *why)
{
        const struct {
                const char *path;
                enum jobctl_field field;
        } paths[] = {
                { options->input, JOBCTL_SPEC_INPUT_PATH },
                { options->output, JOBCTL_SPEC_OUTPUT_PATH },
                { options->error, JOBCTL_SPEC_ERROR_PATH },
        };
        const char *const cwd = jobctl_get_text(jobctl_spec_item(spec), JOBCTL_SPEC_CWD, NULL);

        for (size_t i = 0; i < ARRAY_SIZE(paths); i++) {
                _cleanup_(freep) char *made = NULL;

                if (!paths[i].path)
                        continue;
                if (paths[i].path[0] == '\0')
                        return reason_set(why, JOB_OPTIONS_E_BAD, "a file's name is empty");
                made = job_options_resolve(cwd, paths[i].path);
                if (!made || jobctl_spec_set_text(spec, paths[i].field, made))
                        return job_options_no_memory(why);
        }
        return 0;
}

/* One word of --export: ALL, NONE, K or K=V. */
static int job_options_export_word(struct jobctl_spec *spec, const char *word)
{
        if (strcmp(word, "ALL") == 0)
                return jobctl_spec_capture_environment(spec);
        if (strcmp(word, "NONE") == 0 || word[0] == '\0')
                return JOBCTL_OK;
        return jobctl_spec_add_environment(spec, word);
}

static int job_options_set_environment(const struct job_options *options, struct jobctl_spec *spec,
                                       struct reason *why)
{
        _cleanup_(freep) char *words = strdup(options->export ? options->export : "ALL");
        char *rest = words;
        char *word;

        if (!words)
                return job_options_no_memory(why);
        while ((word = strsep(&rest, ",")))
                if (job_options_export_word(spec, word))
                        return job_options_no_memory(why);
        for (size_t i = 0; i < options->env.count; i++) {
                const char *const entry = options->env.values[i];

                if (entry[0] == '=' || entry[0] == '\0')
                        return reason_set(why, JOB_OPTIONS_E_BAD, "--env is K=V, not '%s'", entry);
                if (jobctl_spec_add_environment(spec, entry))
                        return job_options_no_memory(why);
        }
        return 0;
}

static int job_options_set_labels(const struct job_options *options, struct jobctl_spec *spec,
                                  struct reason *why)
{
        for (size_t i = 0; i < options->labels.count; i++) {
                const char *const entry = options->labels.values[i];
                const char *const equals = strchr(entry, '=');
                _cleanup_(freep) char *key = NULL;

                if (!equals || equals == entry)
                        return reason_set(why, JOB_OPTIONS_E_BAD, "--label is K=V, not '%s'",
                                          entry);
                key = strndup(entry, (size_t)(equals - entry));
                if (!key || jobctl_spec_add_label(spec, key, equals + 1))
                        return job_options_no_memory(why);
        }
        return 0;
}

/* --signal USR1@60: a minute when no time is given. */
static int job_options_set_signal(const struct job_options *options, struct jobctl_spec *spec,
                                  struct reason *why)
{
        _cleanup_(freep) char *text = NULL;
        uint64_t before = 60 * USEC_PER_SEC;
        char *at;
        int signo;

        if (!options->warn)
                return 0;
        text = strdup(options->warn);
        if (!text)
                return job_options_no_memory(why);
        at = strchr(text, '@');
        if (at)
                *at++ = '\0';
        if (parse_signal(text, "signal", &signo, why) ||
            (at && parse_duration(at, "signal", &before, why)))
                return JOB_OPTIONS_E_BAD;
        if (!options->time_limit.given)
                return reason_set(why, JOB_OPTIONS_E_BAD,
                                  "--signal is sent before the time limit: give --time-limit too");
        if (jobctl_spec_set_number(spec, JOBCTL_SPEC_WARN_SIGNAL, (uint64_t)signo) ||
            jobctl_spec_set_number(spec, JOBCTL_SPEC_WARN_BEFORE_USEC, before))
                return job_options_no_memory(why);
        return 0;
}

static int job_options_set_retry_on(const struct job_options *options, struct jobctl_spec *spec,
                                    struct reason *why)
{
        _cleanup_(freep) struct parse_id_range *ranges = NULL;
        size_t count = 0;

        if (!options->retry_on)
                return 0;
        if (parse_ids(options->retry_on, &ranges, &count, why))
                return reason_set(why, JOB_OPTIONS_E_BAD,
                                  "--retry-on is a list of exit codes (1,5-7), not '%s'",
                                  options->retry_on);
        for (size_t i = 0; i < count; i++) {
                if (ranges[i].has_tasks || ranges[i].last > 255)
                        return reason_set(why, JOB_OPTIONS_E_BAD,
                                          "--retry-on: exit codes are 1 to 255, not '%s'",
                                          options->retry_on);
                for (uint64_t code = ranges[i].first; code <= ranges[i].last; code++)
                        if (jobctl_spec_add_retry_on(spec, (unsigned int)code))
                                return job_options_no_memory(why);
        }
        return 0;
}

/* Cuts `text` at `mark` and reads the number behind it; *out_value stays when there is no mark. */
static int job_options_cut_number(char *text, char mark, uint64_t max, uint64_t *out_value,
                                  struct reason *why)
{
        char *const at = strchr(text, mark);

        if (!at)
                return 0;
        *at = '\0';
        return parse_u64(at + 1, "array", 1, max, out_value, why);
}

static int job_options_set_array(const struct job_options *options, struct jobctl_spec *spec,
                                 struct reason *why)
{
        _cleanup_(freep) char *text = options->array ? strdup(options->array) : NULL;
        uint64_t first, last, step = 1, width = 0;
        char *dash;

        if (!options->array)
                return 0;
        if (!text)
                return job_options_no_memory(why);
        if (job_options_cut_number(text, '%', UINT32_MAX, &width, why) ||
            job_options_cut_number(text, ':', UINT32_MAX, &step, why))
                return JOB_OPTIONS_E_BAD;
        dash = strchr(text, '-');
        if (dash)
                *dash++ = '\0';
        if (parse_u64(text, "array", 0, INT64_MAX, &first, why) ||
            parse_u64(dash ? dash : text, "array", 0, INT64_MAX, &last, why))
                return JOB_OPTIONS_E_BAD;
        if (last < first)
                return reason_set(why, JOB_OPTIONS_E_BAD, "--array %s ends before it begins",
                                  options->array);
        if (jobctl_spec_set_number(spec, JOBCTL_SPEC_ARRAY_FIRST, first) ||
            jobctl_spec_set_number(spec, JOBCTL_SPEC_ARRAY_LAST, last) ||
            jobctl_spec_set_number(spec, JOBCTL_SPEC_ARRAY_STEP, step) ||
            jobctl_spec_set_number(spec, JOBCTL_SPEC_ARRAY_WIDTH, width))
                return job_options_no_memory(why);
        return 0;
}

static int job_options_set_resources(const struct job_options *options, struct jobctl_spec *spec,
                                     struct reason *why)
{
        for (size_t i = 0; i < options->resources.count; i++) {
                const char *const word = options->resources.values[i];
                const char *const sign = strrchr(word, '=');
                _cleanup_(freep) char *name = NULL;
                uint64_t units = 1;

                if (sign && parse_u64(sign + 1, "number of units", 1, 10000, &units, why))
                        return JOB_OPTIONS_E_BAD;
                name = sign ? strndup(word, (size_t)(sign - word)) : strdup(word);
                if (!name || jobctl_spec_add_resource(spec, name, (uint32_t)units))
                        return job_options_no_memory(why);
        }
        return 0;
}

static int job_options_set_locks(const struct job_options *options, struct jobctl_spec *spec,
                                 struct reason *why)
{
        static const char suffix[] = ":shared";

        for (size_t i = 0; i < options->locks.count; i++) {
                const char *const word = options->locks.values[i];
                const size_t size = strlen(word);
                const bool shared =
                        size > strlen(suffix) && strcmp(word + size - strlen(suffix), suffix) == 0;
                _cleanup_(freep) char *name = strndup(word, shared ? size - strlen(suffix) : size);

                if (!name || jobctl_spec_add_lock(spec, name, shared))
                        return job_options_no_memory(why);
        }
        return 0;
}

static int job_options_set_dependency(const struct job_options *options, struct jobctl_spec *spec,
                                      struct reason *why)
{
        const struct dependency_names names = { .last_id = options->last_id };
        int r;

        if (!options->dependency)
                return 0;
        r = dependency_add(spec, options->dependency, &names, why);
        return r < 0 ? job_options_no_memory(why) : r ? JOB_OPTIONS_E_BAD : 0;
}

int job_options_find_last(struct app *app, struct job_options *options)
{
        if (!dependency_names_last(options->dependency))
                return 0;
        return dependency_find_last(app, &options->last_id);
}

static int job_options_set_argv(const struct job_options *options, char **args, size_t count,
                                struct jobctl_spec *spec, struct reason *why)
{
        _cleanup_(freep) char *line = NULL;
        size_t size = 1;

        if (!options->shell) {
                if (jobctl_spec_set_argv(spec, (const char *const *)args, count))
                        return job_options_no_memory(why);
                return 0;
        }
        for (size_t i = 0; i < count; i++)
                size += strlen(args[i]) + 1;
        line = calloc(1, size);
        if (!line)
                return job_options_no_memory(why);
        for (size_t i = 0; i < count; i++)
                stpcpy(stpcpy(line + strlen(line), i ? " " : ""), args[i]);
        return jobctl_spec_set_shell(spec, line) ? job_options_no_memory(why) : 0;
}

int job_options_build(const struct job_options *options, char **args, size_t count,
                      struct jobctl_spec **out_spec, struct reason *why)
{
        static int (*const steps[])(const struct job_options *, struct jobctl_spec *,
                                    struct reason *) = {
                job_options_set_cwd,    job_options_set_paths,      job_options_set_environment,
                job_options_set_labels, job_options_set_signal,     job_options_set_retry_on,
                job_options_set_array,  job_options_set_dependency, job_options_set_resources,
                job_options_set_locks,
        };
        struct jobctl_spec *spec;
        int r;

        if (jobctl_spec_new(&spec))
                return job_options_no_memory(why);
        r = job_options_set_argv(options, args, count, spec, why);
        if (r == 0 && (jobctl_spec_capture_umask(spec) || jobctl_spec_capture_rlimits(spec) ||
                       job_options_set_plain(options, spec)))
                r = job_options_no_memory(why);
        for (size_t i = 0; i < ARRAY_SIZE(steps) && r == 0; i++)
                r = steps[i](options, spec, why);
        if (r == 0 && jobctl_spec_check(spec, why->text, sizeof(why->text)))
                r = JOB_OPTIONS_E_BAD;
        if (r) {
                jobctl_spec_free(spec);
                return r;
        }
        *out_spec = spec;
        return 0;
}

int job_options_show(const struct app *app, const struct jobctl_spec *spec)
{
        const struct jobctl_item *const item = jobctl_spec_item(spec);
        _cleanup_(freep) char *command = NULL;
        _cleanup_(freep) char *cwd = NULL;
        const char *folder;
        size_t size;

        if (app->common.json)
                return emit_print_item(item, &emit_spec) ? app_out_of_memory(app) : EXIT_CODE_OK;
        command = style_command(item);
        folder = jobctl_get_text(item, JOBCTL_SPEC_CWD, &size);
        cwd = text_escape(folder, size);
        if (!command || !cwd)
                return app_out_of_memory(app);
        printf("would submit: %s\n", command);
        printf("in folder:    %s\n", cwd);
        return EXIT_CODE_OK;
}

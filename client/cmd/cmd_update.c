/* SPDX-License-Identifier: Apache-2.0 */
/*
 * jobctl update: changes jobs that are still queued, all that are named or none.
 *
 * Options are named as submit names them, and each that is given replaces what the job has; what is
 * not given stays. A value of 0 takes a limit away. Of jobs with many tasks, those are changed that
 * no worker has yet. Results are shown as those of the other acts are (act.c).
 */
#include <stdio.h>
#include <string.h>

#include "common/cleanup.h"

#include "client/cmd/act.h"
#include "client/cmd/command.h"
#include "client/cmd/dependency.h"
#include "client/cmd/spec_cleanup.h"

struct update_options {
        struct select_options select;
        struct option_signed priority;
        struct option_number cpus, memory, time_limit, grace;
        struct option_signed nice;
        struct option_number retries, retry_delay;
        struct option_number begin;
        const char *name, *queue, *dependency;
        struct option_list env, unset_env;
        bool hold, release, keep_waiting, no_keep_waiting;
};

#define AT(field) offsetof(struct update_options, field)

/* clang-format off */
static const struct option_row cmd_update_rows[] = {
        { OPTION_SIGNED, 0, "priority", "N", "before your jobs of a lower one", AT(priority), (uint64_t)-1000, 1000, false, COMPLETE_NONE },
        { OPTION_NUMBER, 'c', "cpus", "N", "cores", AT(cpus), 1, 65536, false, COMPLETE_NONE },
        { OPTION_SIZE, 0, "mem", "SIZE", "memory (0: none is asked for)", AT(memory), 0, 0, false, COMPLETE_NONE },
        { OPTION_DURATION, 't', "time-limit", "DURATION", "end it after so long (0: never)", AT(time_limit), 0, 0, false, COMPLETE_NONE },
        { OPTION_DURATION, 0, "grace", "DURATION", "from TERM to KILL", AT(grace), 0, 0, false, COMPLETE_NONE },
        { OPTION_SIGNED, 0, "nice", "N", "be nicer by N", AT(nice), 0, 19, false, COMPLETE_NONE },
        { OPTION_NUMBER, 0, "retries", "N", "run it again after a failure, up to N times", AT(retries), 0, 1000, false, COMPLETE_NONE },
        { OPTION_DURATION, 0, "retry-delay", "DURATION", "pause before a retry; doubles", AT(retry_delay), 0, 0, false, COMPLETE_NONE },
        { OPTION_TIME, 0, "begin", "TIME", "not before TIME (now: at once)", AT(begin), 0, 0, false, COMPLETE_NONE },
        { OPTION_TEXT, 'J', "name", "NAME", "another name", AT(name), 0, 0, false, COMPLETE_NONE },
        { OPTION_TEXT, 'q', "queue", "NAME", "move it to this queue", AT(queue), 0, 0, false, COMPLETE_QUEUE },
        { OPTION_TEXT, 'd', "dependency", "KIND:ID", "wait for these instead (none: for no job)", AT(dependency), 0, 0, false, COMPLETE_DEPENDENCY },
        { OPTION_FLAG, 0, "keep-waiting", NULL, "stay queued when that cannot come true any more", AT(keep_waiting), 0, 0, false, COMPLETE_NONE },
        { OPTION_FLAG, 0, "no-keep-waiting", NULL, "be cancelled then", AT(no_keep_waiting), 0, 0, false, COMPLETE_NONE },
        { OPTION_LIST, 0, "env", "K=V", "set a variable (K alone: as it is here)", AT(env), 0, 0, false, COMPLETE_ENV },
        { OPTION_LIST, 0, "unset-env", "K", "take a variable away", AT(unset_env), 0, 0, false, COMPLETE_VARIABLE },
        { OPTION_FLAG, 0, "hold", NULL, "hold it, too", AT(hold), 0, 0, false, COMPLETE_NONE },
        { OPTION_FLAG, 0, "release", NULL, "release it, too", AT(release), 0, 0, false, COMPLETE_NONE },
        { OPTION_END, 0, NULL, NULL, NULL, 0, 0, 0, false, COMPLETE_NONE },
};

/* Which jobs; --name and --queue are changes here. */
static const struct option_row cmd_update_select_rows[] = {
        { OPTION_LIST, 0, "state", "STATE", "own jobs in this state (held, waiting, ...)", offsetof(struct select_options, states), 0, 0, false, COMPLETE_STATE },
        { OPTION_FLAG, 'y', "yes", NULL, "do not ask", offsetof(struct select_options, yes), 0, 0, false, COMPLETE_NONE },
        { OPTION_END, 0, NULL, NULL, NULL, 0, 0, 0, false, COMPLETE_NONE },
};

static const struct {
        size_t offset;
        enum jobctl_field field;
} numbers[] = {
        { AT(cpus), JOBCTL_SPEC_CPUS },
        { AT(memory), JOBCTL_SPEC_MEMORY_BYTES },
        { AT(time_limit), JOBCTL_SPEC_TIME_LIMIT_USEC },
        { AT(grace), JOBCTL_SPEC_GRACE_USEC },
        { AT(retries), JOBCTL_SPEC_RETRIES },
        { AT(retry_delay), JOBCTL_SPEC_RETRY_DELAY_USEC },
        { AT(begin), JOBCTL_SPEC_BEGIN_WALL_USEC },
};
/* clang-format on */

static int update_set_fields(const struct update_options *options, struct jobctl_spec *changes)
{
        int r = 0;

        for (size_t i = 0; i < ARRAY_SIZE(numbers) && r == 0; i++) {
                const struct option_number *const number =
                        (const void *)((const char *)options + numbers[i].offset);

                if (number->given)
                        r = jobctl_spec_set_number(changes, numbers[i].field, number->value);
        }
        if (r == 0 && options->priority.given)
                r = jobctl_spec_set_signed(changes, JOBCTL_SPEC_PRIORITY, options->priority.value);
        if (r == 0 && options->nice.given)
                r = jobctl_spec_set_signed(changes, JOBCTL_SPEC_NICE, options->nice.value);
        if (r == 0 && options->name)
                r = jobctl_spec_set_text(changes, JOBCTL_SPEC_NAME, options->name);
        if (r == 0 && options->queue)
                r = jobctl_spec_set_text(changes, JOBCTL_SPEC_QUEUE, options->queue);
        if (r == 0 && (options->hold || options->release))
                r = jobctl_spec_set_number(changes, JOBCTL_SPEC_HOLD, options->hold);
        if (r == 0 && (options->keep_waiting || options->no_keep_waiting))
                r = jobctl_spec_set_number(changes, JOBCTL_SPEC_KEEP_WAITING,
                                           options->keep_waiting);
        return r;
}

static int update_set_dependency(struct app *app, const char *text, struct jobctl_spec *changes)
{
        struct dependency_names names = { 0 };
        struct reason why = { "" };
        int r;

        if (!text)
                return 0;
        jobctl_spec_clear_dependencies(changes);
        if (strcmp(text, "none") == 0)
                return 0;
        if (dependency_names_last(text)) {
                r = dependency_find_last(app, &names.last_id);
                if (r)
                        return r;
        }
        r = dependency_add(changes, text, &names, &why);
        if (r < 0)
                return app_out_of_memory(app);
        return r ? app_usage(app, "%s", why.text) : 0;
}

static int update_build(struct app *app, const struct update_options *options,
                        struct jobctl_spec **out_changes)
{
        _cleanup_(jobctl_spec_freep) struct jobctl_spec *changes = NULL;
        int r;

        if (options->hold && options->release)
                return app_usage(app, "give either --hold or --release");
        if (options->keep_waiting && options->no_keep_waiting)
                return app_usage(app, "give either --keep-waiting or --no-keep-waiting");
        if (jobctl_spec_new(&changes) || update_set_fields(options, changes))
                return app_out_of_memory(app);
        for (size_t i = 0; i < options->env.count; i++) {
                const char *const entry = options->env.values[i];

                if (entry[0] == '=' || entry[0] == '\0')
                        return app_usage(app, "--env is K=V, not '%s'", entry);
                if (jobctl_spec_add_environment(changes, entry))
                        return app_out_of_memory(app);
        }
        r = update_set_dependency(app, options->dependency, changes);
        if (r == 0)
                *out_changes = TAKE_PTR(changes);
        return r;
}

static bool update_is_empty(const struct update_options *options)
{
        for (const struct option_row *row = cmd_update_rows; row->kind != OPTION_END; row++)
                if (option_is_given(row, options))
                        return false;
        return true;
}

static int cmd_update_run(struct app *app, const void *arg, char **args, size_t count)
{
        const struct update_options *const options = arg;
        _cleanup_(jobctl_spec_freep) struct jobctl_spec *changes = NULL;
        _cleanup_(jobctl_selector_freep) struct jobctl_selector *selector = NULL;
        _cleanup_(jobctl_result_freep) struct jobctl_result *result = NULL;
        int r;

        if (update_is_empty(options))
                return app_usage(app, "say what is to be changed: --priority, --cpus, ...");
        r = update_build(app, options, &changes);
        if (r == 0)
                r = select_filtered(app, &options->select, args, count, true, "update", &selector);
        if (r)
                return r;
        if (!app_connection(app))
                return EXIT_CODE_ERROR;
        r = jobctl_update(app->conn, selector, changes, options->unset_env.values,
                          options->unset_env.count, &result);
        return r ? app_fail_answer(app, r) : act_show(app, result, false, "is updated");
}

static const char *const cmd_update_examples[] = {
        "jobctl update 17 --priority 5      start it before the others",
        "jobctl update 5-9 -c 2 -t 1h       all of them, or none",
        "jobctl update 17 -d afterok:12     wait for job 12 instead",
        "jobctl update 17 --env LEVEL=3 --unset-env DEBUG",
        NULL,
};

const struct command cmd_update = {
        .name = "update",
        .usage = "[OPTIONS] ID...",
        .summary = "Change jobs that are still queued",
        .examples = cmd_update_examples,
        .args_max = COMMAND_ARGS_ANY,
        .complete = { COMPLETE_JOB_QUEUED },
        .options_bytes = sizeof(struct update_options),
        .sets = { { cmd_update_rows, 0 },
                  { cmd_update_select_rows, offsetof(struct update_options, select) } },
        .run = cmd_update_run,
};

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * jobctl map: one command, many inputs, as GNU parallel has it.
 *
 * Here everything is judged and opened, in the order in which it is cheap to be wrong: the words,
 * the folder of results, the log to resume, the sources, the first input, the command as a
 * template, the specification. Only then a job exists and map_session.c conducts. Inputs are read
 * as a stream, so a map over a million lines begins with the first.
 */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>

#include "common/template.h"

#include "client/cmd/command.h"
#include "client/cmd/emit_object.h"
#include "client/cmd/joblog.h"
#include "client/cmd/map_files.h"
#include "client/cmd/map_input.h"
#include "client/cmd/map_options.h"
#include "client/cmd/map_resume.h"
#include "client/cmd/map_session.h"
#include "client/cmd/on_done.h"
#include "client/cmd/spec_cleanup.h"

/* Everything that a map needs before there is a job. */
struct map_command {
        struct app *app;         /* borrowed */
        struct map_plan *plan;   /* owned, as all below */
        struct map_files *files; /* NULL without --results */
        struct map_resume *resume;
        struct map_input *input;
        struct template *template;
        struct jobctl_spec *spec;
        struct joblog *joblog;   /* NULL without --joblog */
        struct on_done *on_done; /* NULL without --on-done */
};

static void map_command_deinit(struct map_command *map)
{
        on_done_free(map->on_done);
        joblog_free(map->joblog);
        jobctl_spec_free(map->spec);
        template_free(map->template);
        map_input_free(map->input);
        map_resume_free(map->resume);
        map_files_free(map->files);
        map_plan_free(map->plan);
}

/* What went wrong, as an exit status. */
static int map_command_fail(const struct map_command *map, int r, const struct reason *why)
{
        if (r < 0)
                return app_fail(map->app, EXIT_CODE_ERROR, "a map: %s", strerror(-r));
        return app_fail(map->app, EXIT_CODE_ERROR, "%s", why->text);
}

/* The words, what was done before, the sources. 0, or an exit status. */
static int map_command_open(struct map_command *map, const struct map_options *options, char **args,
                            size_t count)
{
        struct reason why = { "" };
        int r;

        r = map_plan_new(options, args, count, &map->plan, &why);
        if (r == MAP_OPTIONS_E_BAD)
                return app_usage(map->app, "%s", why.text);
        if (r == 0 && options->results && !options->job.dry_run)
                r = map_files_new(options->results, map->plan->resume, &map->files, &why);
        if (r == 0)
                r = map_resume_new(map->plan, map->files, &map->resume, &why);
        if (r == 0)
                r = map_input_new(map->plan, map->resume, &map->input, &why);
        return r ? map_command_fail(map, r, &why) : 0;
}

/* Waits for the first input. 0, MAP_INPUT_E_END, or an exit status (negative). */
static int map_command_prepare(struct map_command *map)
{
        struct reason why = { "" };
        int r;

        if (map_input_is_terminal(map->input))
                app_tell(map->app,
                         "reading inputs from the terminal, one a line; Ctrl-D ends them");
        for (;;) {
                struct pollfd p = { .events = POLLIN };

                r = map_input_prepare(map->input, &why);
                if (r != MAP_INPUT_E_AGAIN)
                        break;
                p.fd = map_input_fd(map->input);
                (void)poll(&p, 1, -1);
        }
        if (r == 0 || r == MAP_INPUT_E_END)
                return r;
        return -map_command_fail(map, r, &why);
}

/* The command as a template; the files know how many values a record has. 0, or an exit status. */
static int map_command_make_template(struct map_command *map)
{
        struct reason why = { "" };
        int r;

        r = map_plan_make_template(map->plan, map_input_values(map->input), &map->template, &why);
        if (r == MAP_OPTIONS_E_BAD)
                return app_usage(map->app, "%s", why.text);
        if (r)
                return map_command_fail(map, r, &why);
        if (map->files)
                map_files_set_record_values(map->files, map_input_record_values(map->input));
        return 0;
}

/* ------------------------------------------------------------------------------------ --dry-run */

/* --json: sequence, values, and argv or why there is none. 0, or a fault. */
static int map_command_print(const struct map_command *map, const struct template_facts *facts)
{
        struct json_t *const object = emit_object_new();
        _cleanup_(freep) char **argv = NULL;
        _cleanup_(freep) char *line = NULL;
        struct reason why = { "" };
        size_t count;
        int r;

        if (!object)
                return FAULT(-ENOMEM);
        emit_object_set_number(object, "sequence", facts->sequence);
        emit_object_set_words(object, "values", facts->values, facts->values_count);
        r = template_expand(map->template, facts, &argv, &count, &why);
        if (r == 0)
                emit_object_set_argv(object, "argv", argv);
        else if (r > 0)
                emit_object_set_text(object, "why", why.text, strlen(why.text));
        line = emit_object_render(object, &count);
        if (!line || r < 0)
                return FAULT(-ENOMEM);
        fputs(line, stdout);
        return 0;
}

/* A line of shell, or the sentence why there is none. 0, or a fault. */
static int map_command_say(const struct map_command *map, const struct template_facts *facts)
{
        _cleanup_(freep) char *line = NULL;
        struct reason why = { "" };
        const int r = template_format(map->template, facts, &line, &why);

        if (r < 0)
                return PASS(r);
        if (r)
                app_say("task %llu: %s", (unsigned long long)facts->sequence, why.text);
        else
                printf("%s\n", line);
        return 0;
}

/* The commands of one chunk, a line each. 0, or an exit status. */
static int map_command_show_chunk(struct map_command *map, const struct map_chunk *chunk,
                                  uint64_t *task)
{
        const uint32_t per_task = map_input_values(map->input);
        _cleanup_(freep) struct template_word *words = calloc(chunk->count, sizeof(*words));

        if (!words)
                return app_out_of_memory(map->app);
        (void)template_split(chunk->values, chunk->size, words, (size_t)chunk->count);
        for (uint64_t at = 0; at < chunk->count; at += per_task) {
                const struct template_facts facts = {
                        .values = words + at,
                        .values_count = (size_t)MIN((uint64_t)per_task, chunk->count - at),
                        .sequence = map_resume_sequence(map->resume, (*task)++),
                        .slot = 1,
                };
                const int r = map->app->common.json ? map_command_print(map, &facts)
                                                    : map_command_say(map, &facts);

                if (r)
                        return map_command_fail(map, r,
                                                &(const struct reason){ "it cannot be begun" });
        }
        return 0;
}

static int map_command_show(struct map_command *map)
{
        struct reason why = { "" };
        struct map_chunk chunk;
        uint64_t task = 0;

        for (;;) {
                const int r = map_input_take(map->input, 65536, &chunk, &why);
                int status;

                if (r == MAP_INPUT_E_END)
                        return EXIT_CODE_OK;
                if (r == MAP_INPUT_E_AGAIN) {
                        struct pollfd p = { .fd = map_input_fd(map->input), .events = POLLIN };

                        fflush(stdout);
                        (void)poll(&p, 1, -1);
                        continue;
                }
                status = r ? map_command_fail(map, r, &why)
                           : map_command_show_chunk(map, &chunk, &task);
                if (status)
                        return status;
        }
}

/* ----------------------------------------------------------------------------------- the job */

static int map_command_set(struct map_command *map, enum jobctl_field field, uint64_t value)
{
        return value > 0 ? jobctl_spec_set_number(map->spec, field, value) : 0;
}

/* The specification, judged. 0, or an exit status. */
static int map_command_make_spec(struct map_command *map)
{
        const struct map_plan *const plan = map->plan;
        struct job_options job = plan->job;
        struct reason why = { "" };
        int r;

        r = job_options_find_last(map->app, &job);
        if (r)
                return r;
        r = job_options_build(&job, plan->command, plan->command_count, &map->spec, &why);
        if (r == JOB_OPTIONS_E_BAD)
                return app_usage(map->app, "%s", why.text);
        if (r)
                return map_command_fail(map, r, &why);
        if (map_command_set(map, JOBCTL_SPEC_MAP_VALUES, map_input_values(map->input)) ||
            map_command_set(map, JOBCTL_SPEC_ARRAY_WIDTH, plan->width) ||
            map_command_set(map, JOBCTL_SPEC_START_DELAY_USEC, plan->delay_usec) ||
            map_command_set(map, JOBCTL_HALT_ON, plan->halt_on) ||
            map_command_set(map, JOBCTL_HALT_NOW, plan->halt_now) ||
            map_command_set(map, JOBCTL_HALT_COUNT, plan->halt_count) ||
            map_command_set(map, JOBCTL_HALT_PERCENT, plan->halt_percent))
                return app_out_of_memory(map->app);
        if (jobctl_spec_check(map->spec, why.text, sizeof(why.text)))
                return app_usage(map->app, "%s", why.text);
        return 0;
}

static int map_command_open_outputs(struct map_command *map)
{
        const struct map_options *const options = map->plan->options;
        struct reason why = { "" };
        int r = 0;

        if (options->joblog)
                r = joblog_open(options->joblog, map->plan->resume, &map->joblog, &why);
        if (r == 0 && options->on_done)
                r = on_done_new(options->on_done, &map->on_done);
        return r ? map_command_fail(map, r, &why) : 0;
}

static int map_command_conduct(struct map_command *map)
{
        const struct map_options *const options = map->plan->options;
        const struct map_session_options session = {
                .spec = map->spec,
                .input = map->input,
                .plan = map->plan,
                .template = map->template,
                .resume = map->resume,
                .files = map->files,
                .joblog = map->joblog,
                .on_done = map->on_done,
                .ordered = options->keep_order,
                .live = options->line_buffer && !map->files,
                .tag = options->tag,
                .progress = map->plan->show_progress,
                .detach = options->detach,
        };

        return map_session_run(map->app, &session);
}

static int cmd_map_run(struct app *app, const void *arg, char **args, size_t count)
{
        const struct map_options *const options = arg;
        _cleanup_(map_command_deinit) struct map_command map = { .app = app };
        int r;

        r = map_command_open(&map, options, args, count);
        if (r)
                return r;
        r = map_command_prepare(&map);
        if (r == MAP_INPUT_E_END) {
                r = options->job.dry_run ? 0 : map_command_open_outputs(&map);
                if (r)
                        return r;
                app_tell(app, map_input_skipped_count(map.input) > 0 ? "nothing is left to do"
                                                                     : "there are no inputs");
                return EXIT_CODE_OK;
        }
        if (r)
                return -r;
        r = map_command_make_template(&map);
        if (r == 0 && options->job.dry_run)
                return map_command_show(&map);
        if (r == 0)
                r = map_command_make_spec(&map);
        if (r == 0)
                r = map_command_open_outputs(&map);
        return r ? r : map_command_conduct(&map);
}

static const char *const cmd_map_examples[] = {
        "jobctl map gzip -9 ::: *.log                one task per file, all cores",
        "jobctl map 'grep -c x {} | sort' ::: *.txt  a line for the shell",
        "seq 1000 | jobctl map -j4 -k ./sim --seed {}",
        "jobctl map --bar python train.py --lr {1} --layers {2} ::: 0.1 0.01 ::: 2 4",
        "jobctl map --joblog log --resume ./step {} :::: inputs.txt",
        "jobctl map --json wc -l ::: *.c | jq -r .stdout  an object for each task",
        NULL,
};

const struct command cmd_map = {
        .name = "map",
        .usage = "[OPTIONS] [COMMAND [ARGUMENT...]] [::: INPUT...]",
        .summary = "Run a command once for each input, and show what it says",
        .examples = cmd_map_examples,
        .flags = COMMAND_JOB_CODE | COMMAND_STRICT,
        .args_max = COMMAND_ARGS_ANY,
        .complete = { COMPLETE_INPUTS },
        .options_bytes = sizeof(struct map_options),
        .sets = { { map_option_rows, 0 } },
        .run = cmd_map_run,
};

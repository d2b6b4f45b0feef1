/* SPDX-License-Identifier: Apache-2.0 */
/*
 * jobctl submit: queues a job and prints its id: alone when a program reads it (no terminal, or
 * --quiet), in words for people. When it has returned, the job is on disk. --wait and --follow stay
 * and end with the job's exit code; Ctrl-C then leaves the job running. --file takes a whole flow
 * (flow_file.c) in one submission and prints each name with its id.
 */
#include <stdio.h>
#include <string.h>

#include "common/text.h"

#include "client/cmd/command.h"
#include "client/cmd/emit.h"
#include "client/cmd/flow_file.h"
#include "client/cmd/follow_session.h"
#include "client/cmd/job_options.h"
#include "client/cmd/log_json.h"
#include "client/cmd/select.h"
#include "client/cmd/spec_cleanup.h"
#include "client/cmd/wait_session.h"

struct submit_options {
        struct job_options job;
        bool wait, follow;
        const char *file;
};

/* clang-format off */
static const struct option_row cmd_submit_rows[] = {
        { OPTION_FLAG, 0, "wait", NULL, "stay until it ends, with its exit code", offsetof(struct submit_options, wait), 0, 0, false, COMPLETE_NONE },
        { OPTION_FLAG, 0, "follow", NULL, "the same, and show its output", offsetof(struct submit_options, follow), 0, 0, false, COMPLETE_NONE },
        { OPTION_TEXT, 0, "file", "FLOW", "jobs that wait for each other, from a JSON file", offsetof(struct submit_options, file), 0, 0, false, COMPLETE_FILE },
        { OPTION_END, 0, NULL, NULL, NULL, 0, 0, 0, false, COMPLETE_NONE },
};
/* clang-format on */

static void cmd_submit_print(const struct app *app, uint64_t id, bool existing)
{
        const unsigned long long number = id;

        if (app->common.json)
                (void)emit_print_submitted(id, existing);
        else if (app->common.quiet || !app->out_is_terminal)
                printf("%llu\n", number);
        else
                printf("job %llu %s\n", number, existing ? "was there already" : "queued");
        fflush(stdout);
}

static int cmd_submit_wait(struct app *app, uint64_t id, size_t count)
{
        _cleanup_(jobctl_selector_freep) struct jobctl_selector *selector = NULL;
        struct wait_session_options session = { .count = count, .timeout_usec = UINT64_MAX };

        if (jobctl_selector_new(&selector) ||
            jobctl_selector_add_range(selector, id, id + count - 1))
                return app_out_of_memory(app);
        session.selector = selector;
        return wait_session_run(app, &session);
}

/* ---------------------------------------------------------------------------------------- flows */

static void cmd_submit_print_flow(const struct app *app, const struct flow_file *flow,
                                  const uint64_t *ids)
{
        for (size_t i = 0; i < flow_file_count(flow); i++) {
                const char *const name = flow_file_name(flow, i);
                _cleanup_(freep) char *safe = text_escape(name, strlen(name));

                if (app->common.json)
                        (void)emit_print_named(name, ids[i]);
                else if (app->common.quiet)
                        printf("%llu\n", (unsigned long long)ids[i]);
                else
                        printf("%s %llu\n", safe ? safe : "?", (unsigned long long)ids[i]);
        }
        fflush(stdout);
}

static int cmd_submit_flow(struct app *app, const struct submit_options *options, size_t words)
{
        _cleanup_(flow_file_freep) struct flow_file *flow = NULL;
        _cleanup_(freep) uint64_t *ids = NULL;
        struct reason why = { "" };
        size_t count;
        int r;

        if (words > 0 || options->follow || options->job.name || options->job.dependency)
                return app_usage(app, "--file brings commands, names and dependencies: it stands "
                                      "without a command, --follow, --name and --dependency");
        r = flow_file_read(options->file, &options->job, &flow, &why);
        if (r < 0)
                return app_out_of_memory(app);
        if (r)
                return app_fail(app, EXIT_CODE_USAGE, "%s", why.text);
        count = flow_file_count(flow);
        for (size_t i = 0; options->job.dry_run && i < count && r == 0; i++)
                r = job_options_show(app, flow_file_specs(flow)[i]);
        if (options->job.dry_run)
                return r;
        ids = calloc(count, sizeof(*ids));
        if (!ids)
                return app_out_of_memory(app);
        if (!app_connection(app))
                return app->job_code ? EXIT_CODE_OURS : EXIT_CODE_ERROR;
        r = jobctl_submit(app->conn, flow_file_specs(flow), count, ids, NULL);
        if (r)
                return app_fail_answer(app, r);
        cmd_submit_print_flow(app, flow, ids);
        return options->wait ? cmd_submit_wait(app, ids[0], count) : EXIT_CODE_OK;
}

static int cmd_submit_run(struct app *app, const void *arg, char **args, size_t count)
{
        struct submit_options mine = *(const struct submit_options *)arg;
        const struct submit_options *const options = &mine;
        _cleanup_(jobctl_spec_freep) struct jobctl_spec *spec = NULL;
        struct reason why = { "" };
        bool existing = false;
        uint64_t id = 0;
        int code;

        app->job_code = options->wait || options->follow;
        if (options->file)
                return cmd_submit_flow(app, options, count);
        if (count == 0)
                return app_usage(app, "this needs more: jobctl submit %s", cmd_submit.usage);
        if (options->follow && options->job.array)
                return app_usage(app, "--follow shows one task: use logs for those of an array");
        code = job_options_find_last(app, &mine.job);
        if (code)
                return code;
        if (job_options_build(&options->job, args, count, &spec, &why))
                return app_usage(app, "%s", why.text);
        if (options->job.dry_run)
                return job_options_show(app, spec);
        if (!app_connection(app))
                return app->job_code ? EXIT_CODE_OURS : EXIT_CODE_ERROR;
        code = jobctl_submit(app->conn, &spec, 1, &id, &existing);
        if (code)
                return app_fail_answer(app, code);
        if (options->follow) {
                const struct follow_session_options session = {
                        .job = id,
                        .flags = FOLLOW_SESSION_UNTIL_END | FOLLOW_SESSION_SAY_WHERE,
                };

                if (app->common.json)
                        return log_json_run_new(app, id, existing);
                app_tell(app, "job %llu", (unsigned long long)id);
                return follow_session_run(app, &session);
        }
        cmd_submit_print(app, id, existing);
        return options->wait ? cmd_submit_wait(app, id, 1) : EXIT_CODE_OK;
}

static const char *const cmd_submit_examples[] = {
        "jobctl submit ./simulate --steps 1000",
        "jobctl submit -J nightly -o nightly.log --begin 02:00 ./backup.sh",
        "id=$(jobctl submit -t 2h ./train.py); jobctl wait $id",
        "jobctl submit -d afterok:last ./report.sh",
        "jobctl submit --file flow.json            jobs that wait for each other",
        "jobctl submit -a 0-99%10 ./part.sh        100 tasks, ten at once",
        NULL,
};

const struct command cmd_submit = {
        .name = "submit",
        .usage = "[OPTIONS] [--] COMMAND [ARGUMENT...]",
        .summary = "Queue a command and print its id",
        .examples = cmd_submit_examples,
        .flags = COMMAND_STRICT,
        .args_min = 0,
        .args_max = COMMAND_ARGS_ANY,
        .complete = { COMPLETE_COMMAND },
        .options_bytes = sizeof(struct submit_options),
        .sets = { { job_option_rows, offsetof(struct submit_options, job) },
                  { cmd_submit_rows, 0 } },
        .run = cmd_submit_run,
};

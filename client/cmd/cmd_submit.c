/* SPDX-License-Identifier: Apache-2.0 */
/*
 * jobctl submit: queues a job and prints its id: alone when a program reads it (no terminal, or
 * --quiet), in words for people. When it has returned, the job is on disk. --wait and --follow stay
 * and end with the job's exit code; Ctrl-C then leaves the job running.
 */
#include <stdio.h>

#include "client/cmd/command.h"
#include "client/cmd/follow_session.h"
#include "client/cmd/job_options.h"
#include "client/cmd/select.h"
#include "client/cmd/spec_cleanup.h"
#include "client/cmd/wait_session.h"

struct submit_options {
        struct job_options job;
        bool wait, follow;
};

/* clang-format off */
static const struct option_row cmd_submit_rows[] = {
        { OPTION_FLAG, 0, "wait", NULL, "stay until it ends, with its exit code", offsetof(struct submit_options, wait), 0, 0, false },
        { OPTION_FLAG, 0, "follow", NULL, "the same, and show its output", offsetof(struct submit_options, follow), 0, 0, false },
        { OPTION_END, 0, NULL, NULL, NULL, 0, 0, 0, false },
};
/* clang-format on */

static void cmd_submit_print(const struct app *app, uint64_t id, bool existing)
{
        const unsigned long long number = id;

        if (app->common.json)
                printf("{\"id\":%llu,\"existing\":%s}\n", number, existing ? "true" : "false");
        else if (app->common.quiet || !app->out_is_terminal)
                printf("%llu\n", number);
        else
                printf("job %llu %s\n", number, existing ? "was there already" : "queued");
        fflush(stdout);
}

static int cmd_submit_wait(struct app *app, uint64_t id)
{
        _cleanup_(jobctl_selector_freep) struct jobctl_selector *selector = NULL;
        struct wait_session_options session = { .count = 1, .timeout_usec = UINT64_MAX };

        if (jobctl_selector_new(&selector) || jobctl_selector_add_range(selector, id, id))
                return app_out_of_memory(app);
        session.selector = selector;
        return wait_session_run(app, &session);
}

static int cmd_submit_run(struct app *app, const void *arg, char **args, size_t count)
{
        const struct submit_options *const options = arg;
        _cleanup_(jobctl_spec_freep) struct jobctl_spec *spec = NULL;
        struct reason why = { "" };
        bool existing = false;
        uint64_t id = 0;
        int code;

        app->job_code = options->wait || options->follow;
        if (options->follow && options->job.array)
                return app_usage(app, "--follow shows one task: use logs for those of an array");
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

                app_tell(app, "job %llu", (unsigned long long)id);
                return follow_session_run(app, &session);
        }
        cmd_submit_print(app, id, existing);
        return options->wait ? cmd_submit_wait(app, id) : EXIT_CODE_OK;
}

static const char *const cmd_submit_examples[] = {
        "jobctl submit ./simulate --steps 1000",
        "jobctl submit -J nightly -o nightly.log --begin 02:00 ./backup.sh",
        "id=$(jobctl submit -t 2h ./train.py); jobctl wait $id",
        "jobctl submit -a 0-99%10 ./part.sh        100 tasks, ten at once",
        NULL,
};

const struct command cmd_submit = {
        .name = "submit",
        .usage = "[OPTIONS] [--] COMMAND [ARGUMENT...]",
        .summary = "Queue a command and print its id",
        .examples = cmd_submit_examples,
        .flags = COMMAND_STRICT,
        .args_min = 1,
        .args_max = COMMAND_ARGS_ANY,
        .options_bytes = sizeof(struct submit_options),
        .sets = { { job_option_rows, offsetof(struct submit_options, job) },
                  { cmd_submit_rows, 0 } },
        .run = cmd_submit_run,
};

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * jobctl run: submits a job and stays with it as if it ran here: stdin forwarded, stdout and stderr
 * live and apart, signals passed on, its exit code at the end. The job itself does not depend on
 * us: when we die it goes on, with its stdin at end of file. See follow_session.c. With --json it
 * is for programs: objects come, no stdin is forwarded and no signals are (log_json.c).
 */
#include "client/cmd/command.h"
#include "client/cmd/follow_session.h"
#include "client/cmd/job_options.h"
#include "client/cmd/log_json.h"
#include "client/cmd/spec_cleanup.h"

struct run_options {
        struct job_options job;
        bool detach;
};

/* clang-format off */
static const struct option_row cmd_run_rows[] = {
        { OPTION_FLAG, 0, "detach-on-interrupt", NULL, "Ctrl-C leaves the job running", offsetof(struct run_options, detach), 0, 0, true, COMPLETE_NONE },
        { OPTION_END, 0, NULL, NULL, NULL, 0, 0, 0, false, COMPLETE_NONE },
};
/* clang-format on */

static int cmd_run_as_objects(struct app *app, struct jobctl_spec *spec)
{
        bool existing = false;
        uint64_t id = 0;
        int r;

        if (!app_connection(app))
                return EXIT_CODE_OURS;
        r = jobctl_submit(app->conn, &spec, 1, &id, &existing);
        return r ? app_fail_answer(app, r) : log_json_run_new(app, id, existing);
}

static int cmd_run_run(struct app *app, const void *arg, char **args, size_t count)
{
        struct run_options mine = *(const struct run_options *)arg;
        const struct run_options *const options = &mine;
        struct follow_session_options session = {
                .flags = FOLLOW_SESSION_SIGNALS | FOLLOW_SESSION_UNTIL_END |
                         (options->detach ? FOLLOW_SESSION_DETACH : 0),
        };
        _cleanup_(jobctl_spec_freep) struct jobctl_spec *spec = NULL;
        struct reason why = { "" };
        int r;

        if (options->job.array)
                return app_usage(app, "run stays with one task: use submit --array, wait and logs");
        r = job_options_find_last(app, &mine.job);
        if (r)
                return r;
        if (job_options_build(&options->job, args, count, &spec, &why))
                return app_usage(app, "%s", why.text);
        if (options->job.dry_run)
                return job_options_show(app, spec);
        if (app->common.json)
                return cmd_run_as_objects(app, spec);
        if (!options->job.input && follow_session_has_stdin()) {
                session.flags |= FOLLOW_SESSION_STDIN;
                if (jobctl_spec_set_number(spec, JOBCTL_SPEC_STDIN_PIPE, 1))
                        return app_out_of_memory(app);
        }
        session.spec = spec;
        return follow_session_run(app, &session);
}

static const char *const cmd_run_examples[] = {
        "jobctl run make -j4",
        "jobctl run -t 10m --retries 2 ./flaky.sh",
        "jobctl run --shell 'grep -c x < big.txt | sort'",
        "zcat big.gz | jobctl run -J count wc -l",
        NULL,
};

const struct command cmd_run = {
        .name = "run",
        .usage = "[OPTIONS] [--] COMMAND [ARGUMENT...]",
        .summary = "Run a command as a job and stay until it ends",
        .examples = cmd_run_examples,
        .flags = COMMAND_JOB_CODE | COMMAND_STRICT,
        .args_min = 1,
        .args_max = COMMAND_ARGS_ANY,
        .complete = { COMPLETE_COMMAND },
        .options_bytes = sizeof(struct run_options),
        .sets = { { job_option_rows, offsetof(struct run_options, job) }, { cmd_run_rows, 0 } },
        .run = cmd_run_run,
};

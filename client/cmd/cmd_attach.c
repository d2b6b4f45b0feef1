/* SPDX-License-Identifier: Apache-2.0 */
/*
 * jobctl attach: shows a job's output from its beginning and stays until it ends, with its exit
 * code. Leaving (Ctrl-C, a closed terminal) leaves the job running. See follow_session.c. A job
 * with tasks (a map, an array) is shown task by task in their order, behind the last one that was
 * shown to its owner before; see map_session.c. With --json both are objects: log_json.c,
 * map_json.c.
 */
#include <string.h>

#include "client/cmd/command.h"
#include "client/cmd/follow_session.h"
#include "client/cmd/log_json.h"
#include "client/cmd/map_session.h"
#include "client/cmd/select.h"

static int cmd_attach_on_job(void *arg, const struct jobctl_item *job)
{
        bool *const has_tasks = arg;

        *has_tasks = jobctl_number_or(job, JOBCTL_JOB_TASK_COUNT, 1) != 1 ||
                     jobctl_number_or(job, JOBCTL_JOB_OPEN, 0) != 0;
        return 0;
}

/* Is it more than one command? A job that is not there: no; whoever follows it says so. */
static int cmd_attach_look(struct app *app, uint64_t id, bool *out_has_tasks)
{
        _cleanup_(jobctl_selector_freep) struct jobctl_selector *selector = NULL;

        if (!app_connection(app))
                return EXIT_CODE_OURS;
        if (jobctl_selector_new(&selector) || jobctl_selector_add_range(selector, id, id))
                return app_out_of_memory(app);
        return select_each(app, selector, cmd_attach_on_job, out_has_tasks);
}

static int cmd_attach_run(struct app *app, const void *options _unused_, char **args,
                          size_t count _unused_)
{
        struct follow_session_options session = {
                .flags = FOLLOW_SESSION_UNTIL_END | FOLLOW_SESSION_SAY_WHERE,
        };
        struct map_session_options map = { .ordered = true };
        struct log_json_options json = { .until_end = true, .show_end = true };
        bool has_tasks = false;
        int r;

        r = select_one(app, args[0], &session.job, &session.task);
        if (r == 0 && !strchr(args[0], '.'))
                r = cmd_attach_look(app, session.job, &has_tasks);
        if (r)
                return r;
        map.job = json.job = session.job;
        json.task = session.task;
        if (app->common.json && !has_tasks)
                return app_connection(app) ? log_json_run(app, &json) : EXIT_CODE_OURS;
        return has_tasks ? map_session_run(app, &map) : follow_session_run(app, &session);
}

static const char *const cmd_attach_examples[] = {
        "jobctl attach 17        Ctrl-C leaves, the job goes on",
        "jobctl attach last",
        "jobctl attach 18        an array or a map: behind the last task that was shown",
        NULL,
};

const struct command cmd_attach = {
        .name = "attach",
        .usage = "ID",
        .summary = "Stay with a job until it ends, with its output and exit code",
        .examples = cmd_attach_examples,
        .flags = COMMAND_JOB_CODE,
        .args_min = 1,
        .args_max = 1,
        .complete = { COMPLETE_JOB_ONE },
        .run = cmd_attach_run,
};

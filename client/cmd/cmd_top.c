/* SPDX-License-Identifier: Apache-2.0 */
/*
 * jobctl top: what goes on, on one screen: the daemon, users and queues with their shares, jobs.
 *
 * On a terminal it stays and keeps itself up to date (top_live.c); elsewhere, and with --json, it
 * is told once. The parts: top_fetch.c asks, top_model.c keeps the answers as rows, top_screen.c
 * draws them, top_keys.c and top_terminal.c know the terminal. Called through the table of
 * commands.
 */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>

#include "common/clock.h"

#include "client/cmd/command.h"
#include "client/cmd/emit.h"
#include "client/cmd/emit_object.h"
#include "client/cmd/select.h"
#include "client/cmd/top_live.h"
#include "client/cmd/top_terminal.h"

#define TOP_JOBS_LIVE 200U
#define TOP_JOBS_ONCE 20U
#define TOP_JOBS_MAX 1000U
#define TOP_INTERVAL_MIN_USEC (100 * USEC_PER_MSEC)

struct top_options {
        struct option_number limit, interval;
        bool all_users;
};

#define AT(field) offsetof(struct top_options, field)
/* clang-format off */
static const struct option_row cmd_top_rows[] = {
        { OPTION_NUMBER, 'n', "limit", "N", "at most N jobs (default 200; told once: 20)", AT(limit), 1, TOP_JOBS_MAX, false, COMPLETE_NONE },
        { OPTION_DURATION, 0, "interval", "DURATION", "ask at most so often (default 1s, at least 100ms)", AT(interval), 0, 0, false, COMPLETE_NONE },
        { OPTION_FLAG, 0, "all-users", NULL, "everybody's jobs, if you administer", AT(all_users), 0, 0, false, COMPLETE_NONE },
        { OPTION_END, 0, NULL, NULL, NULL, 0, 0, 0, false, COMPLETE_NONE },
};
/* clang-format on */

/* Waits for the first picture. Returns an exit status. */
static int top_await(struct app *app, struct top_fetch *fetch, struct top_model *out_model)
{
        const char *text;
        int r;

        top_fetch_begin(fetch);
        while (top_fetch_is_pending(fetch) && !top_fetch_failure(fetch, &text)) {
                struct pollfd p = { .fd = jobctl_fd(app->conn), .events = POLLIN };

                if (poll(&p, 1, -1) < 0 && errno != EINTR)
                        return app_fail(app, EXIT_CODE_ERROR, "cannot wait: %s", strerror(errno));
                (void)jobctl_process(app->conn);
        }
        r = top_fetch_failure(fetch, &text);
        if (r)
                return app_fail(app, exit_code_from_answer(r), "%s", text);
        return top_fetch_take(fetch, out_model) ? 0 : app_out_of_memory(app);
}

static int top_print(struct app *app, const struct top_options *options)
{
        const struct top_fetch_options query = {
                .limit = options->limit.given ? (uint32_t)options->limit.value : TOP_JOBS_ONCE,
                .all_users = options->all_users,
        };
        const struct top_view view = { .colour = app->colour,
                                       .all_users = options->all_users,
                                       .now_wall_usec = clock_wall_usec() };
        _cleanup_(top_fetch_freep) struct top_fetch *fetch = NULL;
        _cleanup_(top_model_deinit) struct top_model model = { 0 };
        int r;

        r = top_fetch_new(app, &query, &fetch);
        if (r == 0)
                r = top_await(app, fetch, &model);
        if (r)
                return r;
        return top_screen_draw(&view, &model, stdout) ? app_out_of_memory(app) : EXIT_CODE_OK;
}

/* The jobs of all parts, up to the limit, into "jobs". Returns an exit status. */
static int top_emit_jobs(struct app *app, const struct top_options *options, struct json_t *object)
{
        uint64_t left = options->limit.given ? options->limit.value : TOP_JOBS_ONCE;

        for (size_t i = 0; i < TOP_PART_COUNT && left > 0; i++) {
                _cleanup_(jobctl_selector_freep) struct jobctl_selector *selector =
                        top_fetch_select((enum top_part)i);
                _cleanup_(jobctl_result_freep) struct jobctl_result *result = NULL;
                const struct jobctl_list_options query = { .size = sizeof(query),
                                                           .selector = selector,
                                                           .limit = (uint32_t)left,
                                                           .all_users = options->all_users };
                int r;

                if (!selector)
                        return app_out_of_memory(app);
                r = jobctl_list(app->conn, &query, &result);
                if (r)
                        return app_fail_answer(app, r);
                emit_object_add_items(object, "jobs", result, &emit_job);
                left -= MIN(left, (uint64_t)jobctl_result_count(result));
        }
        return 0;
}

/* "users": what each has and wants, as far as one may know. Returns an exit status. */
static int top_emit_users(struct app *app, struct json_t *object)
{
        static const struct jobctl_stats_options query = { .size = sizeof(query) };
        _cleanup_(jobctl_result_freep) struct jobctl_result *stats = NULL;
        _cleanup_(top_model_deinit) struct top_model model = { 0 };
        const int r = jobctl_stats(app->conn, &query, &stats);

        if (r)
                return app_fail_answer(app, r);
        top_model_add_stats(&model, stats);
        for (size_t i = 0; i < model.users.count; i++) {
                const struct top_share *const user = &model.users.rows[i];
                struct json_t *const made = emit_object_new();

                if (!made)
                        return app_out_of_memory(app);
                if (user->has_uid)
                        emit_object_set_number(made, "uid", user->uid);
                emit_object_set_text(made, "user", user->name, strlen(user->name));
                emit_object_set_real(made, "weight", user->weight);
                emit_object_set_number(made, "running", user->active);
                emit_object_set_number(made, "queued", user->queued);
                emit_object_set_number(made, "cores", user->cores);
                emit_object_set_real(made, "core_seconds", user->core_seconds);
                emit_object_add(object, "users", made);
        }
        emit_object_set_number(object, "cores", model.cores);
        emit_object_set_number(object, "cores_leased", model.cores_leased);
        return 0;
}

/*
 * {"status":{...},"queues":[...],"users":[...],"cores":N,"cores_leased":N,"jobs":[...]}, in the
 * words of the commands that tell of these.
 */
static int top_emit(struct app *app, const struct top_options *options)
{
        const struct jobctl_queue_options list = { .size = sizeof(list),
                                                   .action = JOBCTL_QUEUE_LIST };
        _cleanup_(emit_object_freep) struct json_t *object = emit_object_new();
        _cleanup_(jobctl_result_freep) struct jobctl_result *status = NULL;
        _cleanup_(jobctl_result_freep) struct jobctl_result *queues = NULL;
        _cleanup_(freep) char *line = NULL;
        size_t size;
        int r;

        if (!object)
                return app_out_of_memory(app);
        r = jobctl_status(app->conn, &status);
        if (r == 0)
                r = jobctl_queue(app->conn, &list, &queues);
        if (r)
                return app_fail_answer(app, r);
        emit_object_set_object(object, "status", jobctl_result_item(status, 0), &emit_status);
        emit_object_add_items(object, "queues", queues, &emit_queue);
        r = top_emit_users(app, object);
        if (r == 0)
                r = top_emit_jobs(app, options, object);
        if (r)
                return r;
        line = emit_object_render(TAKE_PTR(object), &size);
        if (!line)
                return app_out_of_memory(app);
        (void)fwrite(line, 1, size, stdout);
        return EXIT_CODE_OK;
}

static int top_stay(struct app *app, const struct top_options *options)
{
        const struct top_fetch_options query = {
                .limit = options->limit.given ? (uint32_t)options->limit.value : TOP_JOBS_LIVE,
                .all_users = options->all_users,
                .watch = true,
        };
        const struct top_live_options live = {
                .interval_usec = options->interval.given ? options->interval.value : USEC_PER_SEC,
                .all_users = options->all_users,
        };
        _cleanup_(top_fetch_freep) struct top_fetch *fetch = NULL;
        int r;

        r = jobctl_connect(app->conn); /* before the terminal is taken */
        if (r)
                return app_fail_answer(app, r);
        r = top_fetch_new(app, &query, &fetch);
        return r ? r : top_live_run(app, fetch, &live);
}

static int cmd_top_run(struct app *app, const void *arg, char **args _unused_,
                       size_t count _unused_)
{
        const struct top_options *const options = arg;

        if (options->interval.given && options->interval.value < TOP_INTERVAL_MIN_USEC)
                return app_usage(app, "--interval is at least 100ms");
        if (!app_connection(app))
                return EXIT_CODE_ERROR;
        if (app->common.json)
                return top_emit(app, options);
        return top_terminal_is_there() ? top_stay(app, options) : top_print(app, options);
}

static const char *const cmd_top_examples[] = {
        "jobctl top              jobs, queues and workers as they change; ?: its keys",
        "jobctl top | head -20   the same once",
        NULL,
};

const struct command cmd_top = {
        .name = "top",
        .usage = "[OPTIONS]",
        .summary = "Show what goes on, on one screen that stays up to date",
        .examples = cmd_top_examples,
        .options_bytes = sizeof(struct top_options),
        .sets = { { cmd_top_rows, 0 } },
        .run = cmd_top_run,
};

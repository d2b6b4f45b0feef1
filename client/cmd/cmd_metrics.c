/* SPDX-License-Identifier: Apache-2.0 */
/*
 * jobctl metrics: the daemon's numbers for Prometheus, on stdout or in a file.
 *
 * The file is for node_exporter's textfile collector, which may read at any moment: the text is
 * written beside it, synced and renamed over it, so that there is always a whole one. It is
 * readable for everybody, as the collector is another user; what is in it is what this user may
 * know, so with root's there are numbers of single users. When the daemon cannot be asked the old
 * file stays, and the collector tells its age. Called through the table of commands.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include "common/fs.h"

#include "client/cmd/command.h"
#include "client/cmd/emit.h"
#include "client/cmd/exposition.h"
#include "client/cmd/select.h"

#define METRICS_FILE_MODE 0644

struct metrics_options {
        const char *output;
};

/* clang-format off */
static const struct option_row cmd_metrics_rows[] = {
        { OPTION_TEXT, 'o', "output", "FILE", "write it to FILE, all at once", offsetof(struct metrics_options, output), 0, 0, false, COMPLETE_FILE },
        { OPTION_END, 0, NULL, NULL, NULL, 0, 0, 0, false, COMPLETE_NONE },
};
/* clang-format on */

/* Returns an exit status. */
static int metrics_replace(const struct app *app, const char *path, const char *text, size_t size)
{
        const char *const slash = strrchr(path, '/');
        const char *const name = slash ? slash + 1 : path;
        _cleanup_(freep) char *folder = NULL;
        _cleanup_(fd_closep) int folder_fd = -1;
        int r;

        if (!name[0] || strcmp(name, ".") == 0 || strcmp(name, "..") == 0)
                return app_usage(app, "'%s' is no name of a file", path);
        folder = slash ? strndup(path, (size_t)(slash - path) + 1) : strdup(".");
        if (!folder)
                return app_out_of_memory(app);
        folder_fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (folder_fd < 0)
                return app_fail(app, EXIT_CODE_ERROR, "cannot open the folder %s: %s", folder,
                                strerror(errno));
        r = fs_replace_file(folder_fd, name, text, size, METRICS_FILE_MODE);
        if (r)
                return app_fail(app, EXIT_CODE_ERROR,
                                "cannot write %s: %s; an old file stays as it is", path,
                                strerror(-r));
        return EXIT_CODE_OK;
}

static int metrics_write(const struct app *app, const struct jobctl_result *result,
                         const char *path)
{
        _cleanup_(freep) char *text = NULL;
        size_t size = 0;
        FILE *const out = open_memstream(&text, &size);
        int r;

        if (!out)
                return app_out_of_memory(app);
        r = exposition_print(result, out);
        if (fclose(out) || r)
                return app_out_of_memory(app);
        return metrics_replace(app, path, text, size);
}

static int cmd_metrics_run(struct app *app, const void *arg, char **args _unused_,
                           size_t count _unused_)
{
        const struct metrics_options *const options = arg;
        const struct jobctl_stats_options query = { .size = sizeof(query) };
        _cleanup_(jobctl_result_freep) struct jobctl_result *result = NULL;
        int r;

        if (options->output && app->common.json)
                return app_usage(app, "--output is for Prometheus, whose format is not JSON");
        if (!app_connection(app))
                return EXIT_CODE_ERROR;
        r = jobctl_stats(app->conn, &query, &result);
        if (r)
                return app_fail_answer(app, r);
        if (options->output)
                return metrics_write(app, result, options->output);
        r = app->common.json ? emit_print_stats(result) : exposition_print(result, stdout);
        return r ? app_out_of_memory(app) : EXIT_CODE_OK;
}

static const char *const cmd_metrics_examples[] = {
        "jobctl metrics        for a look, or for a scraper that runs commands",
        "jobctl metrics -o /var/lib/prometheus/node-exporter/jobd.prom",
        NULL,
};

const struct command cmd_metrics = {
        .name = "metrics",
        .usage = "[-o FILE]",
        .summary = "Print the daemon's numbers for Prometheus",
        .examples = cmd_metrics_examples,
        .flags = COMMAND_NO_START,
        .options_bytes = sizeof(struct metrics_options),
        .sets = { { cmd_metrics_rows, 0 } },
        .run = cmd_metrics_run,
};

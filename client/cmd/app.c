/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The frame around every command: the options that all have, where messages go, which exit status
 * an error gets, and the connection. Data belongs on stdout and is the command's business; talk
 * goes to stderr through here, escaped, since it may quote a job's name or a daemon's sentence. The
 * connection is made lazily, so that --help, --dry-run and wrong usage never start a daemon.
 */
#include "client/cmd/app.h"

#include <errno.h>
#include <stdarg.h>
#include <string.h>

#include "common/text.h"

/* clang-format off */
const struct option_row app_common_rows[] = {
        { OPTION_TEXT, 0, "socket", "PATH", "the daemon's socket; never starts one", offsetof(struct app_common, socket), 0, 0, true, COMPLETE_FILE },
        { OPTION_FLAG, 0, "user", NULL, "your own daemon, started when needed", offsetof(struct app_common, user), 0, 0, true, COMPLETE_NONE },
        { OPTION_FLAG, 0, "system", NULL, "the machine's daemon", offsetof(struct app_common, system), 0, 0, true, COMPLETE_NONE },
        { OPTION_TEXT, 0, "state-dir", "DIR", "your own daemon that keeps its state in DIR", offsetof(struct app_common, state_dir), 0, 0, true, COMPLETE_FOLDER },
        { OPTION_FLAG, 0, "json", NULL, "machine-readable output", offsetof(struct app_common, json), 0, 0, false, COMPLETE_NONE },
        { OPTION_TEXT, 0, "color", "WHEN", "auto, always or never", offsetof(struct app_common, color), 0, 0, true, COMPLETE_COLOR },
        { OPTION_FLAG, 0, "no-pager", NULL, "never through a pager", offsetof(struct app_common, no_pager), 0, 0, true, COMPLETE_NONE },
        { OPTION_FLAG, 0, "quiet", NULL, "say only what was asked for", offsetof(struct app_common, quiet), 0, 0, false, COMPLETE_NONE },
        { OPTION_FLAG, 'h', "help", NULL, "this text", offsetof(struct app_common, help), 0, 0, false, COMPLETE_NONE },
        { OPTION_END, 0, NULL, NULL, NULL, 0, 0, 0, false, COMPLETE_NONE },
};
/* clang-format on */

void app_deinit(struct app *app)
{
        app->conn = jobctl_free(app->conn);
}

static void app_vsay(const char *fmt, va_list args)
{
        _cleanup_(freep) char *text = NULL;
        _cleanup_(freep) char *safe = NULL;

        if (vasprintf(&text, fmt, args) < 0) {
                text = NULL;
                return;
        }
        safe = text_escape_lines(text, strlen(text));
        fflush(stdout); /* what was printed before stands before */
        fprintf(stderr, "jobctl: %s\n", safe ? safe : "out of memory");
}

void app_say(const char *fmt, ...)
{
        va_list args;

        va_start(args, fmt);
        app_vsay(fmt, args);
        va_end(args);
}

void app_tell(const struct app *app, const char *fmt, ...)
{
        va_list args;

        if (app->common.quiet)
                return;
        va_start(args, fmt);
        app_vsay(fmt, args);
        va_end(args);
}

int app_usage(const struct app *app, const char *fmt, ...)
{
        va_list args;

        va_start(args, fmt);
        app_vsay(fmt, args);
        va_end(args);
        if (app->name)
                fprintf(stderr, "Try: jobctl %s --help\n", app->name);
        else
                fprintf(stderr, "Try: jobctl --help\n");
        return app->job_code ? EXIT_CODE_OURS : EXIT_CODE_USAGE;
}

int app_fail(const struct app *app, int status, const char *fmt, ...)
{
        va_list args;

        va_start(args, fmt);
        app_vsay(fmt, args);
        va_end(args);
        return app->job_code ? EXIT_CODE_OURS : status;
}

int app_fail_answer(const struct app *app, int code)
{
        return app_fail(app, exit_code_from_answer(code), "%s", jobctl_error_text(app->conn));
}

int app_out_of_memory(const struct app *app)
{
        return app_fail(app, EXIT_CODE_ERROR, "out of memory");
}

/* --color > NO_COLOR > FORCE_COLOR > terminal. */
static bool app_wants_colour(const struct app *app)
{
        const char *const when = app->common.color;
        const char *const no = getenv("NO_COLOR");
        const char *const force = getenv("FORCE_COLOR");
        const char *const term = getenv("TERM");

        if (when && strcmp(when, "auto") != 0)
                return strcmp(when, "always") == 0;
        if (no && no[0])
                return false;
        if (force && force[0] && strcmp(force, "0") != 0)
                return true;
        return app->out_is_terminal && !(term && strcmp(term, "dumb") == 0);
}

int app_prepare(struct app *app)
{
        const struct app_common *const common = &app->common;
        const int places = (common->socket ? 1 : 0) + common->user + common->system;
        const char *const when = common->color;

        if (places > 1)
                return app_usage(app, "--socket, --user and --system exclude each other");
        if (common->state_dir && (common->socket || common->system))
                return app_usage(app, "--state-dir goes neither with --socket nor with --system");
        if (when && strcmp(when, "auto") != 0 && strcmp(when, "always") != 0 &&
            strcmp(when, "never") != 0)
                return app_usage(app, "--color is auto, always or never, not '%s'", when);
        app->out_is_terminal = isatty(STDOUT_FILENO) == 1;
        app->colour = app_wants_colour(app);
        return 0;
}

struct jobctl *app_connection(struct app *app)
{
        const struct app_common *const common = &app->common;

        if (app->conn)
                return app->conn;
        if (jobctl_new(&app->conn) || jobctl_set_socket(app->conn, common->socket) ||
            jobctl_set_state_dir(app->conn, common->state_dir)) {
                (void)app_out_of_memory(app);
                return app->conn = jobctl_free(app->conn);
        }
        if (common->system)
                jobctl_set_place(app->conn, JOBCTL_PLACE_SYSTEM);
        if (common->user)
                jobctl_set_place(app->conn, JOBCTL_PLACE_USER);
        jobctl_set_autostart(app->conn, app->may_start);
        return app->conn;
}

int app_finish(const struct app *app, int status)
{
        const bool bad = ferror(stdout);

        if (fflush(stdout) == 0 && !bad)
                return status;
        if (errno == EPIPE)
                return status;
        app_say("cannot write the output: %s", strerror(errno));
        return status ? status : app->job_code ? EXIT_CODE_OURS : EXIT_CODE_ERROR;
}

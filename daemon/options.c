/* SPDX-License-Identifier: Apache-2.0 */
/*
 * jobd's command line: one row per option, with the function that takes its value. getopt_long
 * does the reading; what it does not know is compared with the rows, for "did you mean".
 *
 * Paths are made absolute here, because jobd leaves the folder it was started in. Settings
 * (--workers, --set) are only kept: config.c judges them, now and at every reload.
 *
 * If you add an option, add a row and a line of the help. Called by main.c.
 */
#include "daemon/options.h"

#include <errno.h>
#include <getopt.h>
#include <limits.h>
#include <string.h>
#include <unistd.h>

#include "common/fs.h"
#include "common/parse.h"

const char options_help[] =
        "Usage: jobd [--user|--system] [OPTIONS]\n"
        "\n"
        "  jobd --user                 serve yourself; jobctl starts this when it is needed\n"
        "  sudo jobd --system          serve everybody on this machine, without systemd\n"
        "  jobd --check-config         is the configuration right?\n"
        "\n"
        "Keeps the queue of jobs and gives them to a pool of workers. See jobd(8), jobctl(1).\n"
        "\n"
        "  --user, --system     whom to serve (default: --system for root, else --user)\n"
        "  --socket PATH        where clients find us (at most 107 bytes)\n"
        "  --state-dir DIR      keep everything here; the sockets are then in DIR/run\n"
        "  --config FILE        read only this file of settings\n"
        "  --set SECTION.KEY=VALUE   one setting, stronger than every file; may be repeated\n"
        "  --workers N          how many jobs at once (--set Pool.Workers=N)\n"
        "  --check-config       judge the settings, print \"ok\" or what is wrong, and end\n"
        "  --auto               end when nothing was to be done for a while (Daemon.IdleExit)\n"
        "  --ready-fd FD        write one byte there when clients may connect; implies --auto\n"
        "  --version, --help\n"
        "\n"
        "Ends with 0; 1 on failure, 2 for a wrong command line, 3 when the kernel is too old,\n"
        "4 without the rights, 6 when it is not configured, 65 when the database cannot be\n"
        "used. SIGHUP reads the settings again, SIGTERM ends jobd and leaves running jobs alone.\n";

typedef int (*options_take_fn)(struct options *options, const char *value, struct reason *why);

static int options_take_path(char **field, const char *value, struct reason *why)
{
        char cwd[PATH_MAX];
        char *path;

        if (!*value)
                return reason_set(why, OPTIONS_E_BAD, "a path is empty");
        if (value[0] == '/')
                path = strdup(value);
        else if (getcwd(cwd, sizeof(cwd)))
                path = fs_path("%s/%s", cwd, value);
        else
                return reason_set(why, OPTIONS_E_BAD,
                                  "%s is relative to the current folder, which cannot be read: %s",
                                  value, strerror(errno));
        if (!path)
                return FAULT(-ENOMEM);
        free(*field);
        *field = path;
        return 0;
}

static int options_take_socket(struct options *options, const char *value, struct reason *why)
{
        return options_take_path(&options->socket, value, why);
}

static int options_take_state_dir(struct options *options, const char *value, struct reason *why)
{
        return options_take_path(&options->state_dir, value, why);
}

static int options_take_config(struct options *options, const char *value, struct reason *why)
{
        return options_take_path(&options->config_path, value, why);
}

static int options_add_set(struct options *options, char *section, const char *key,
                           const char *value)
{
        struct config_set *sets =
                reallocarray(options->sets, options->sets_count + 1, sizeof(*options->sets));

        if (!sets) {
                free(section);
                return FAULT(-ENOMEM);
        }
        options->sets = sets;
        sets[options->sets_count++] =
                (struct config_set){ .section = section, .key = key, .value = value };
        return 0;
}

static int options_take_set(struct options *options, const char *value, struct reason *why)
{
        /* One copy, cut in three; its start is the section's text and what will be freed. */
        char *text = strdup(value);
        char *dot, *equals, *quote;
        int r;

        if (!text)
                return FAULT(-ENOMEM);
        equals = strchr(text, '=');
        quote = strchr(text, '"');
        /* A name in quotes may hold dots: Share "a.b".Weight=2 */
        if (quote && equals && quote < equals) {
                quote = strchr(quote + 1, '"');
                dot = quote && quote[1] == '.' ? quote + 1 : NULL;
        } else {
                dot = strchr(text, '.');
        }
        if (!equals || !dot || dot > equals || dot == text || dot + 1 == equals) {
                free(text);
                return reason_set(why, OPTIONS_E_BAD,
                                  "--set takes SECTION.KEY=VALUE, such as Pool.Workers=4, not "
                                  "\"%s\"",
                                  value);
        }
        *dot = '\0';
        *equals = '\0';
        r = options_add_set(options, text, dot + 1, equals + 1);
        return r ? PASS(r) : 0;
}

static int options_take_workers(struct options *options, const char *value, struct reason *why)
{
        _cleanup_(freep) char *text = fs_path("Pool.Workers=%s", value);
        int r;

        if (!text)
                return FAULT(-ENOMEM);
        r = options_take_set(options, text, why);
        return r < 0 ? PASS(r) : r;
}

static int options_take_ready_fd(struct options *options, const char *value, struct reason *why)
{
        uint64_t number;

        if (parse_u64(value, "--ready-fd", 3, INT_MAX, &number, why))
                return OPTIONS_E_BAD;
        options->ready_fd = (int)number;
        options->is_auto = true;
        return 0;
}

static int options_take_auto(struct options *options, const char *value _unused_,
                             struct reason *why _unused_)
{
        options->is_auto = true;
        return 0;
}

static int options_take_user(struct options *options, const char *value _unused_,
                             struct reason *why _unused_)
{
        options->is_system = false;
        return 0;
}

static int options_take_system(struct options *options, const char *value _unused_,
                               struct reason *why _unused_)
{
        options->is_system = true;
        return 0;
}

static int options_take_check(struct options *options, const char *value _unused_,
                              struct reason *why _unused_)
{
        options->act = OPTIONS_CHECK_CONFIG;
        return 0;
}

static int options_take_version(struct options *options, const char *value _unused_,
                                struct reason *why _unused_)
{
        options->act = OPTIONS_SHOW_VERSION;
        return 0;
}

static int options_take_help(struct options *options, const char *value _unused_,
                             struct reason *why _unused_)
{
        options->act = OPTIONS_SHOW_HELP;
        return 0;
}

/* clang-format off */
static const struct options_row {
        const char *name;
        int has_arg;
        options_take_fn take;
} options_rows[] = {
        { "user",         no_argument,       options_take_user },
        { "system",       no_argument,       options_take_system },
        { "socket",       required_argument, options_take_socket },
        { "state-dir",    required_argument, options_take_state_dir },
        { "config",       required_argument, options_take_config },
        { "set",          required_argument, options_take_set },
        { "workers",      required_argument, options_take_workers },
        { "check-config", no_argument,       options_take_check },
        { "auto",         no_argument,       options_take_auto },
        { "ready-fd",     required_argument, options_take_ready_fd },
        { "version",      no_argument,       options_take_version },
        { "help",         no_argument,       options_take_help },
};
/* clang-format on */

static int options_refuse_unknown(const char *word, struct reason *why)
{
        const char *names[ARRAY_SIZE(options_rows) + 1];
        char name[64] = "";
        const char *nearest;

        for (size_t i = 0; i < ARRAY_SIZE(options_rows); i++)
                names[i] = options_rows[i].name;
        names[ARRAY_SIZE(options_rows)] = NULL;
        strncat(name, word + strspn(word, "-"), sizeof(name) - 1);
        name[strcspn(name, "=")] = '\0';
        nearest = parse_nearest(name, names);
        if (nearest)
                return reason_set(why, OPTIONS_E_BAD, "unknown option \"%s\", did you mean --%s?",
                                  word, nearest);
        return reason_set(why, OPTIONS_E_BAD, "unknown option \"%s\"", word);
}

void options_deinit(struct options *options)
{
        free(options->socket);
        free(options->state_dir);
        free(options->config_path);
        for (size_t i = 0; i < options->sets_count; i++)
                /* Ours, made in options_take_set(); const only for its readers. */
                free((void *)(uintptr_t)options->sets[i].section);
        free(options->sets);
        *options = (struct options){ .ready_fd = -1 };
}

/* Reads the words into `options`, which may be left half filled. */
static int options_read(int argc, char **argv, struct options *options, struct reason *why)
{
        struct option longs[ARRAY_SIZE(options_rows) + 1];

        memset(longs, 0, sizeof(longs));
        for (size_t i = 0; i < ARRAY_SIZE(options_rows); i++)
                longs[i] = (struct option){ .name = options_rows[i].name,
                                            .has_arg = options_rows[i].has_arg };
        opterr = 0;
        optind = 0;
        for (;;) {
                const int at = MAX(optind, 1);
                int index = -1;
                const int c = getopt_long(argc, argv, ":", longs, &index);
                int r;

                if (c == -1)
                        break;
                if (c == ':')
                        return reason_set(why, OPTIONS_E_BAD, "%s needs a value", argv[optind - 1]);
                if (c == '?' && optopt == 0)
                        return options_refuse_unknown(argv[optind - 1], why);
                if (c == '?')
                        return reason_set(why, OPTIONS_E_BAD, "wrong option \"%s\"", argv[at]);
                r = options_rows[index].take(options, optarg, why);
                if (r)
                        return r < 0 ? PASS(r) : r;
        }
        if (optind < argc)
                return reason_set(why, OPTIONS_E_BAD, "unexpected word \"%s\"", argv[optind]);
        return 0;
}

int options_parse(int argc, char **argv, struct options *out_options, struct reason *why)
{
        _cleanup_(options_deinit) struct options options = { .ready_fd = -1,
                                                             .is_system = geteuid() == 0 };
        int r;

        r = options_read(argc, argv, &options, why);
        if (r)
                return r < 0 ? PASS(r) : r;
        *out_options = options;
        options = (struct options){ .ready_fd = -1 };
        return 0;
}

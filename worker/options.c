/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reads the command line of the three modes with getopt_long. Only the pool's is for people; the
 * pool itself writes the others'. A worker's line names folders and numbers, never a job: anybody
 * may read it in /proc.
 */
#include "worker/options.h"

#include <getopt.h>
#include <stddef.h>
#include <string.h>

#include "common/parse.h"

const char options_help[] =
        "Usage: jobd-worker --pool --socket PATH --records DIR --spool DIR --workers N [--user]\n"
        "                   [--owner-uid UID] [--policy FILE] [--delegated]\n"
        "       jobd-worker --compact --spool DIR FROM TO\n"
        "\n"
        "Runs the pool of workers that jobd gives jobs to. Usually started by jobd or systemd.\n"
        "See jobd-worker(8).\n"
        "\n"
        "  --socket PATH    jobd's private socket; waited for while it is absent\n"
        "  --records DIR    folder of the workers' records (on a tmpfs), made when missing\n"
        "  --spool DIR      folder for large output\n"
        "  --workers N      how many jobs at once, until jobd says otherwise\n"
        "  --user           run jobs as ourselves; without it, as root, as the jobs' users\n"
        "  --owner-uid UID  who runs jobd (default: root, or ourselves with --user)\n"
        "  --policy FILE    what jobs may be (default " OPTIONS_POLICY_DEFAULT ")\n"
        "  --delegated      the control group it is started in is its own\n"
        "  --compact        compress one output file of the spool folder\n"
        "  --version, --help\n";

enum options_type {
        OPTIONS_FLAG,
        OPTIONS_TEXT,
        OPTIONS_U32,
        OPTIONS_U64,
        OPTIONS_FD,
        OPTIONS_MODE,
};

struct options_row {
        const char *name;
        enum options_type type;
        size_t offset; /* of the member; OPTIONS_MODE: the mode itself */
        uint64_t max;
};

/* clang-format off */
static const struct options_row options_rows[] = {
        { "pool",        OPTIONS_MODE, OPTIONS_POOL,    0 },
        { "worker",      OPTIONS_MODE, OPTIONS_WORKER,  0 },
        { "compact",     OPTIONS_MODE, OPTIONS_COMPACT, 0 },
        { "version",     OPTIONS_MODE, OPTIONS_VERSION, 0 },
        { "help",        OPTIONS_MODE, OPTIONS_HELP,    0 },
        { "user",        OPTIONS_FLAG, offsetof(struct options, is_user_mode), 0 },
        { "delegated",   OPTIONS_FLAG, offsetof(struct options, is_delegated), 0 },
        { "socket",      OPTIONS_TEXT, offsetof(struct options, socket_path),  0 },
        { "records",     OPTIONS_TEXT, offsetof(struct options, records_path), 0 },
        { "spool",       OPTIONS_TEXT, offsetof(struct options, spool_path),   0 },
        { "policy",      OPTIONS_TEXT, offsetof(struct options, policy_path),  0 },
        { "cgroup",      OPTIONS_TEXT, offsetof(struct options, cgroup_path),  0 },
        { "exe",         OPTIONS_TEXT, offsetof(struct options, exe_path),     0 },
        { "after-build", OPTIONS_TEXT, offsetof(struct options, after_build),  0 },
        { "owner-uid",   OPTIONS_U32,  offsetof(struct options, owner_uid),    UINT32_MAX - 1 },
        { "workers",     OPTIONS_U32,  offsetof(struct options, workers),      OPTIONS_WORKERS_MAX },
        { "number",      OPTIONS_U32,  offsetof(struct options, number),       OPTIONS_WORKERS_MAX },
        { "generation",  OPTIONS_U64,  offsetof(struct options, generation),   UINT64_MAX },
        { "line-fd",     OPTIONS_FD,   offsetof(struct options, line_fd),      4096 },
        { "state-fd",    OPTIONS_FD,   offsetof(struct options, state_fd),     4096 },
};
/* clang-format on */

static int options_set(struct options *options, const struct options_row *row, const char *value,
                       struct reason *why)
{
        char *member = (char *)options + row->offset;
        uint64_t number = 0;

        if (row->type == OPTIONS_MODE) {
                options->mode = (enum options_mode)row->offset;
                return 0;
        }
        if (row->type == OPTIONS_FLAG) {
                *(bool *)member = true;
                return 0;
        }
        if (row->type == OPTIONS_TEXT) {
                *(const char **)(void *)member = value;
                return 0;
        }
        if (parse_u64(value, row->name, 0, row->max, &number, why))
                return OPTIONS_E_USAGE;
        if (row->type == OPTIONS_U64)
                *(uint64_t *)(void *)member = number;
        else if (row->type == OPTIONS_U32)
                *(uint32_t *)(void *)member = (uint32_t)number;
        else
                *(int *)(void *)member = (int)number;
        return 0;
}

static int options_check(const struct options *options, int left, char **words, struct reason *why)
{
        if (options->mode == OPTIONS_NONE)
                return reason_set(why, OPTIONS_E_USAGE, "say what to be: --pool (see --help)");
        if (options->mode == OPTIONS_VERSION || options->mode == OPTIONS_HELP)
                return 0;
        if (options->mode == OPTIONS_COMPACT) {
                if (left != 2 || !options->spool_path)
                        return reason_set(why, OPTIONS_E_USAGE,
                                          "--compact needs --spool DIR, FROM and TO");
                return 0;
        }
        if (left > 0)
                return reason_set(why, OPTIONS_E_USAGE, "unexpected word \"%s\"", words[0]);
        if (!options->socket_path || !options->records_path || !options->spool_path)
                return reason_set(why, OPTIONS_E_USAGE,
                                  "--socket, --records and --spool must be given");
        if (options->mode == OPTIONS_POOL && options->workers == 0 && options->state_fd < 0)
                return reason_set(why, OPTIONS_E_USAGE, "--workers must be given");
        if (options->mode == OPTIONS_WORKER && options->line_fd < 0)
                return reason_set(why, OPTIONS_E_USAGE, "a worker is started by the pool alone");
        return 0;
}

int options_parse(int argc, char **argv, struct options *out_options, struct reason *why)
{
        struct option longs[ARRAY_SIZE(options_rows) + 1];
        struct options options = {
                .policy_path = OPTIONS_POLICY_DEFAULT,
                .owner_uid = (uid_t)-1,
                .line_fd = -1,
                .state_fd = -1,
        };
        int r;

        memset(longs, 0, sizeof(longs));
        for (size_t i = 0; i < ARRAY_SIZE(options_rows); i++) {
                const enum options_type type = options_rows[i].type;

                longs[i].name = options_rows[i].name;
                longs[i].has_arg = type == OPTIONS_MODE || type == OPTIONS_FLAG ? no_argument
                                                                                : required_argument;
        }
        opterr = 0;
        optind = 1;
        for (;;) {
                int index = -1;
                const int c = getopt_long(argc, argv, "+", longs, &index);

                if (c == -1)
                        break;
                if (c == '?' || index < 0)
                        return reason_set(why, OPTIONS_E_USAGE,
                                          "unknown or incomplete option %s (see --help)",
                                          argv[optind - 1]);
                r = options_set(&options, &options_rows[index], optarg, why);
                if (r)
                        return r;
        }
        r = options_check(&options, argc - optind, argv + optind, why);
        if (r)
                return r;
        if (options.mode == OPTIONS_COMPACT) {
                options.from_name = argv[optind];
                options.to_name = argv[optind + 1];
        }
        if (options.owner_uid == (uid_t)-1)
                options.owner_uid = options.is_user_mode ? geteuid() : 0;
        *out_options = options;
        return 0;
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * jobctl stats: the daemon's totals on one screen, for people.
 *
 * Three parts that must not be confused, so each says what it is of: what there is now; what was
 * counted since the daemon's start, which is lost with it; and sums over the jobs that the database
 * keeps, of the last day unless --since or --all say otherwise. Tables by user and by queue follow
 * as far as the daemon tells. Numbers are the families of jobctl_stats(), found by name (metric.h);
 * what a daemon does not tell is shown as 0. --json is the families themselves. Called through the
 * table of commands.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/clock.h"
#include "common/parse.h"
#include "common/text.h"

#include "client/cmd/command.h"
#include "client/cmd/emit.h"
#include "client/cmd/metric.h"
#include "client/cmd/select.h"
#include "client/cmd/style.h"
#include "client/cmd/table.h"

#define STATS_SINCE_USEC (24 * 3600 * USEC_PER_SEC)

struct stats_options {
        struct option_number since;
        bool all;
};

#define AT(field) offsetof(struct stats_options, field)
/* clang-format off */
static const struct option_row cmd_stats_rows[] = {
        { OPTION_SINCE, 0, "since", "TIME", "of jobs submitted since then (default: now-24h)", AT(since), 0, 0, false, COMPLETE_NONE },
        { OPTION_FLAG, 0, "all", NULL, "of all jobs that are kept", AT(all), 0, 0, false, COMPLETE_NONE },
        { OPTION_END, 0, NULL, NULL, NULL, 0, 0, 0, false, COMPLETE_NONE },
};
/* clang-format on */

struct stats_screen {
        const struct app *app;
        const struct jobctl_result *result;
        uint64_t since_usec;
};

static uint64_t stats_number(const struct stats_screen *screen, const char *name)
{
        return metric_value(screen->result, name, NULL, NULL);
}

static uint64_t stats_state(const struct stats_screen *screen, const char *name, const char *state)
{
        return metric_value(screen->result, name, "state", state);
}

/* "81 %" of the whole; "0 %" of nothing. */
static unsigned int stats_percent(uint64_t part, double whole)
{
        return whole > 0 ? (unsigned int)(100 * (double)part / whole + 0.5) : 0;
}

/* Core time as people count it. */
static double stats_hours(uint64_t usec)
{
        return (double)usec / (3600.0 * (double)USEC_PER_SEC);
}

static void stats_head(const struct stats_screen *screen, const char *title)
{
        printf("%s%s%s\n", style_bold(screen->app->colour), title, style_end(screen->app->colour));
}

/* ------------------------------------------------------------------------------------ the screen
 */

static void stats_print_now(const struct stats_screen *screen)
{
        const uint64_t cores = stats_number(screen, "jobd_cores");
        const uint64_t leased = stats_number(screen, "jobd_cores_leased");
        char db[TEXT_SIZE_MAX], kept[TEXT_SIZE_MAX], room[TEXT_SIZE_MAX];
#define STATE(state) stats_state(screen, "jobd_tasks", state)
#define N(name) stats_number(screen, name)

        stats_head(screen, "Now");
        printf("  Tasks        %" PRIu64 " queued, %" PRIu64 " held, %" PRIu64 " waiting, %" PRIu64
               " starting, %" PRIu64 " running, %" PRIu64 " paused, %" PRIu64 " stopping\n",
               STATE("queued"), STATE("held"), STATE("waiting"), STATE("starting"),
               STATE("running"), STATE("paused"), STATE("stopping"));
        printf("  Cores        %" PRIu64 " of %" PRIu64 " leased (%u %%)%s\n", leased, cores,
               stats_percent(leased, (double)cores),
               N("jobd_draining") ? ", draining: nothing starts" : "");
        printf("  Workers      %" PRIu64 " of %" PRIu64 " connected, %" PRIu64 " busy%s\n",
               N("jobd_workers_connected"), N("jobd_workers_wanted"), N("jobd_workers_busy"),
               N("jobd_pool_connected") ? "" : "; the pool is not connected");
        printf("  Disk         database %s, output kept %s, %s free%s\n",
               text_format_size(N("jobd_database_bytes") + N("jobd_database_wal_bytes"), db),
               text_format_size(N("jobd_output_kept_bytes"), kept),
               text_format_size(N("jobd_disk_free_bytes"), room),
               N("jobd_disk_full") ? ": it is full, no jobs are taken" : "");
#undef STATE
}

/* A histogram's count, and the mean of what it measured. */
static uint64_t stats_mean(const struct stats_screen *screen, const char *name, uint64_t *out_mean)
{
        const struct jobctl_item *const sample =
                metric_sample(metric_find(screen->result, name), 0);
        uint64_t count = 0;

        for (size_t i = 0; i < jobctl_count(sample, JOBCTL_SAMPLE_COUNTS); i++)
                count += jobctl_get_number_at(sample, JOBCTL_SAMPLE_COUNTS, i);
        *out_mean = count ? jobctl_number_or(sample, JOBCTL_SAMPLE_VALUE, 0) / count : 0;
        return count;
}

/* "12 succeeded, 1 failed, 2 lost": the first two always, the others when there are any. */
static void stats_print_ended(const struct stats_screen *screen, const char *name)
{
        /* clang-format off */
        static const char *const words[][2] = {
                { "succeeded", "succeeded" }, { "failed", "failed" }, { "cancelled", "cancelled" },
                { "timeout", "timed out" }, { "oom", "out of memory" }, { "lost", "lost" },
        };
        /* clang-format on */

        for (size_t i = 0; i < ARRAY_SIZE(words); i++) {
                const uint64_t count = stats_state(screen, name, words[i][0]);

                if (i < 2 || count > 0)
                        printf("%s%" PRIu64 " %s", i ? ", " : "", count, words[i][1]);
        }
        putchar('\n');
}

static void stats_print_start(const struct stats_screen *screen)
{
        const uint64_t uptime = N("jobd_uptime_seconds"), core_usec = N("jobd_core_seconds_total");
        char text[STYLE_TEXT_MAX], title[STYLE_TEXT_MAX + 64], mean[STYLE_TEXT_MAX];
        uint64_t commit_usec, events, commits;

        snprintf(title, sizeof(title), "Since the daemon's start, %s ago",
                 style_duration(uptime, text));
        putchar('\n');
        stats_head(screen, title);
        printf("  Tasks        %" PRIu64 " submitted, %" PRIu64 " found at the start; ",
               N("jobd_tasks_submitted_total"), N("jobd_tasks_restored"));
        stats_print_ended(screen, "jobd_tasks_ended_total");
        printf("  Attempts     %" PRIu64 " begun, %" PRIu64 " tried again, %" PRIu64
               " queued again; %" PRIu64 " workers ended\n",
               N("jobd_attempts_started_total"), N("jobd_attempts_retried_total"),
               N("jobd_attempts_requeued_total"), N("jobd_worker_deaths_total"));
        printf("  Cores        %u %% in use, %.2f core hours\n",
               stats_percent(core_usec, (double)uptime * (double)N("jobd_cores")),
               stats_hours(core_usec));
        commits = stats_mean(screen, "jobd_commit_duration_seconds", &commit_usec);
        (void)stats_mean(screen, "jobd_commit_events", &events);
        printf("  Commits      %" PRIu64 ", of %" PRIu64 " changes and %s on average, slowest %s\n",
               commits, events, style_duration(commit_usec, mean),
               style_duration(N("jobd_commit_longest_seconds"), text));
        printf("  Clients      %" PRIu64 " connections, %" PRIu64 " now, %" PRIu64
               " turned away; %" PRIu64 " bad frames\n",
               N("jobd_connections_total"), N("jobd_connections"),
               N("jobd_connections_refused_total"), N("jobd_bad_frames_total"));
}

/* As style_duration(), but for what is shorter than that can tell. */
static const char *stats_duration(uint64_t usec, char buf[static STYLE_TEXT_MAX])
{
        return usec < USEC_PER_MSEC ? "1ms" : style_duration(usec, buf);
}

/* "half within 12ms, 95 % within 3.2s". */
static void stats_print_spread(const struct stats_screen *screen, const char *title,
                               const char *name)
{
        char half[STYLE_TEXT_MAX], most[STYLE_TEXT_MAX];

        if (metric_count(metric_find(screen->result, name)) == 0)
                return;
        printf("  %-12s half within %s, 95 %% within %s\n", title,
               stats_duration(metric_value(screen->result, name, "quantile", "0.5"), half),
               stats_duration(metric_value(screen->result, name, "quantile", "0.95"), most));
}

static uint64_t stats_sum(const struct stats_screen *screen, const char *name)
{
        const struct jobctl_item *const family = metric_find(screen->result, name);
        uint64_t sum = 0;

        for (size_t i = 0; i < metric_count(family); i++)
                sum += jobctl_number_or(metric_sample(family, i), JOBCTL_SAMPLE_VALUE, 0);
        return sum;
}

static void stats_print_kept(const struct stats_screen *screen, bool is_everybody)
{
        const char *const whose = is_everybody ? "" : ", your own";
        char text[STYLE_TEXT_MAX], title[STYLE_TEXT_MAX + 64];

        if (screen->since_usec)
                snprintf(title, sizeof(title), "Jobs submitted since %s%s",
                         style_time(screen->since_usec, text), whose);
        else
                snprintf(title, sizeof(title), "All jobs that are kept%s", whose);
        putchar('\n');
        stats_head(screen, title);
        printf("  Jobs         %" PRIu64 ", %" PRIu64 " not finished; ",
               stats_sum(screen, "jobd_kept_jobs"),
               stats_state(screen, "jobd_kept_jobs", "unfinished"));
        stats_print_ended(screen, "jobd_kept_jobs");
        printf("  Tasks        %" PRIu64 ", %" PRIu64 " not finished; ",
               stats_sum(screen, "jobd_kept_tasks"),
               stats_state(screen, "jobd_kept_tasks", "unfinished"));
        stats_print_ended(screen, "jobd_kept_tasks");
        stats_print_spread(screen, "Waited", "jobd_kept_wait_seconds");
        stats_print_spread(screen, "Ran", "jobd_kept_run_seconds");
        printf("  Cores        %.2f core hours, processors busy for %.2f of them\n",
               stats_hours(N("jobd_kept_core_seconds")), stats_hours(N("jobd_kept_cpu_seconds")));
}
#undef N

/* ------------------------------------------------------------------------------------ the tables
 */

enum stats_format {
        STATS_COUNT,
        STATS_HOURS,
        STATS_SHARE, /* percent of the sum of all rows */
};

/* A column of a table is a family whose samples have one label. */
struct stats_column {
        const char *family;
        enum stats_format format;
};

struct stats_table {
        const char *key;                  /* the label */
        const struct table_column *heads; /* of the label, then of `columns` */
        const struct stats_column *columns;
};

static const struct table_column stats_user_heads[] = {
        { "USER", false, true, 6 },   { "WEIGHT", true, false, 0 }, { "QUEUED", true, false, 0 },
        { "ACTIVE", true, false, 0 }, { "CORES", true, false, 0 },  { "SHARE", true, false, 0 },
        { "JOBS", true, false, 0 },   { "TASKS", true, false, 0 },  { "FAILED", true, false, 0 },
        { "HOURS", true, false, 0 },  { NULL, false, false, 0 },
};
static const struct stats_column stats_user_columns[] = {
        { "jobd_user_weight", STATS_COUNT },
        { "jobd_user_queued_tasks", STATS_COUNT },
        { "jobd_user_active_tasks", STATS_COUNT },
        { "jobd_user_cores_leased", STATS_COUNT },
        { "jobd_user_core_seconds_total", STATS_SHARE },
        { "jobd_kept_user_jobs", STATS_COUNT },
        { "jobd_kept_user_tasks", STATS_COUNT },
        { "jobd_kept_user_failed_tasks", STATS_COUNT },
        { "jobd_kept_user_core_seconds", STATS_HOURS },
        { NULL, STATS_COUNT },
};
static const struct stats_table stats_users = { "uid", stats_user_heads, stats_user_columns };

static const struct table_column stats_queue_heads[] = {
        { "QUEUE", false, true, 6 }, { "QUEUED", true, false, 0 }, { "WORKERS", true, false, 0 },
        { "CORES", true, false, 0 }, { "SHARE", true, false, 0 },  { "JOBS", true, false, 0 },
        { "TASKS", true, false, 0 }, { "FAILED", true, false, 0 }, { "HOURS", true, false, 0 },
        { NULL, false, false, 0 },
};
static const struct stats_column stats_queue_columns[] = {
        { "jobd_queue_queued_tasks", STATS_COUNT },
        { "jobd_queue_workers", STATS_COUNT },
        { "jobd_queue_cores_leased", STATS_COUNT },
        { "jobd_queue_core_seconds_total", STATS_SHARE },
        { "jobd_kept_queue_jobs", STATS_COUNT },
        { "jobd_kept_queue_tasks", STATS_COUNT },
        { "jobd_kept_queue_failed_tasks", STATS_COUNT },
        { "jobd_kept_queue_core_seconds", STATS_HOURS },
        { NULL, STATS_COUNT },
};
static const struct stats_table stats_queues = { "queue", stats_queue_heads, stats_queue_columns };

/* The name of a row, safe to print; NULL without memory. */
static char *stats_row_name(const struct stats_table *table, const char *label)
{
        char name[STYLE_TEXT_MAX];
        uint64_t uid;

        if (table == &stats_users && parse_u64(label, "", 0, UINT32_MAX - 1, &uid, NULL) == 0)
                return strdup(style_user((uint32_t)uid, name));
        return label[0] ? text_escape(label, strlen(label)) : strdup("(removed)");
}

static int stats_add_cell(const struct stats_screen *screen, struct table *table,
                          const struct stats_column *column, uint64_t value)
{
        char text[METRIC_TEXT_MAX];

        if (column->format == STATS_HOURS)
                snprintf(text, sizeof(text), "%.2f", stats_hours(value));
        else if (column->format == STATS_SHARE)
                snprintf(text, sizeof(text), "%u %%",
                         stats_percent(value, (double)stats_sum(screen, column->family)));
        else
                metric_format(value,
                              jobctl_number_or(metric_find(screen->result, column->family),
                                               JOBCTL_FAMILY_PER, 1),
                              text);
        return table_add_cell(table, text, "");
}

static int stats_add_row(const struct stats_screen *screen, const struct stats_table *of,
                         const char *label, struct table *table)
{
        _cleanup_(freep) char *name = stats_row_name(of, label);

        if (!name || table_add_row(table) || table_add_cell(table, name, ""))
                return -1;
        for (const struct stats_column *column = of->columns; column->family; column++)
                if (stats_add_cell(screen, table, column,
                                   metric_value(screen->result, column->family, of->key, label)))
                        return -1;
        return 0;
}

/* Does a column before this one have a sample with the label? Then its row is there already. */
static bool stats_is_known(const struct stats_screen *screen, const struct stats_table *of,
                           const struct stats_column *column, const char *label)
{
        for (const struct stats_column *at = of->columns; at != column; at++) {
                const struct jobctl_item *const family = metric_find(screen->result, at->family);

                for (size_t i = 0; i < metric_count(family); i++) {
                        const char *const own = metric_label(metric_sample(family, i), of->key);

                        if (own && strcmp(own, label) == 0)
                                return true;
                }
        }
        return false;
}

static int stats_print_table(const struct stats_screen *screen, const struct stats_table *of)
{
        _cleanup_(table_freep) struct table *table = NULL;

        if (table_new(of->heads, &table))
                return -1;
        for (const struct stats_column *column = of->columns; column->family; column++) {
                const struct jobctl_item *const family =
                        metric_find(screen->result, column->family);

                for (size_t i = 0; i < metric_count(family); i++) {
                        const char *const label = metric_label(metric_sample(family, i), of->key);

                        if (label && !stats_is_known(screen, of, column, label) &&
                            stats_add_row(screen, of, label, table))
                                return -1;
                }
        }
        if (table_count_rows(table) == 0)
                return 0;
        putchar('\n');
        table_print(table, table_terminal_width(), style_bold(screen->app->colour),
                    style_end(screen->app->colour), stdout);
        return 0;
}

static int stats_print(const struct stats_screen *screen)
{
        stats_print_now(screen);
        stats_print_start(screen);
        stats_print_kept(screen, metric_find(screen->result, "jobd_kept_user_jobs") != NULL);
        return stats_print_table(screen, &stats_queues) || stats_print_table(screen, &stats_users);
}

static int cmd_stats_run(struct app *app, const void *arg, char **args _unused_,
                         size_t count _unused_)
{
        const struct stats_options *const options = arg;
        const uint64_t since_usec = options->all           ? 0
                                    : options->since.given ? options->since.value
                                                           : clock_wall_usec() - STATS_SINCE_USEC;
        const struct jobctl_stats_options query = { .size = sizeof(query),
                                                    .kept = true,
                                                    .since_wall_usec = since_usec };
        _cleanup_(jobctl_result_freep) struct jobctl_result *result = NULL;
        int r;

        if (options->all && options->since.given)
                return app_usage(app, "--all and --since exclude each other");
        if (!app_connection(app))
                return EXIT_CODE_ERROR;
        r = jobctl_stats(app->conn, &query, &result);
        if (r)
                return app_fail_answer(app, r);
        if (app->common.json)
                r = emit_print_stats(result);
        else
                r = stats_print(&(const struct stats_screen){
                        .app = app, .result = result, .since_usec = since_usec });
        return r ? app_out_of_memory(app) : EXIT_CODE_OK;
}

static const char *const cmd_stats_examples[] = {
        "jobctl stats                  now, since the start, of the last 24 hours",
        "jobctl stats --since 09:00    of jobs submitted since 9 o'clock",
        "jobctl stats --all --json     of all that are kept, for a program",
        NULL,
};

const struct command cmd_stats = {
        .name = "stats",
        .usage = "[--since TIME | --all]",
        .summary = "Show totals: tasks, waits, cores, users, queues",
        .examples = cmd_stats_examples,
        .options_bytes = sizeof(struct stats_options),
        .sets = { { cmd_stats_rows, 0 } },
        .run = cmd_stats_run,
};

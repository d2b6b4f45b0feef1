/* SPDX-License-Identifier: Apache-2.0 */
/*
 * jobctl queue: named queues, what they allow, and what is in them.
 *
 * Every change is answered with the queue as it is then, which is shown as `queue list` shows it.
 * Users and groups are names here and numbers in the daemon. Who may change queues is the daemon's
 * decision.
 */
#include <stdio.h>
#include <string.h>

#include "common/parse.h"
#include "common/text.h"

#include "client/cmd/command.h"
#include "client/cmd/emit.h"
#include "client/cmd/queue_users.h"
#include "client/cmd/select.h"
#include "client/cmd/style.h"
#include "client/cmd/table.h"

#define QUEUE_TEXT_MAX 64
#define QUEUE_WEIGHT_MAX 10000

struct queue_options {
        const char *policy, *weight, *users, *move_to;
        struct option_number width, width_cores, cpus, memory, time_limit;
        struct option_signed priority;
};

#define AT(field) offsetof(struct queue_options, field)
/* clang-format off */
static const struct option_row cmd_queue_rows[] = {
        { OPTION_TEXT, 0, "policy", "POLICY", "order of a user's jobs: fifo, lifo or priority", AT(policy), 0, 0, false, COMPLETE_POLICY },
        { OPTION_NUMBER, 0, "width", "N", "run at most N tasks at once (0: no limit)", AT(width), 0, UINT32_MAX, false, COMPLETE_NONE },
        { OPTION_NUMBER, 0, "width-cores", "N", "on at most N cores at once (0: no limit)", AT(width_cores), 0, UINT32_MAX, false, COMPLETE_NONE },
        { OPTION_TEXT, 0, "weight", "X", "against your other queues: 2 is twice the usual", AT(weight), 0, 0, false, COMPLETE_NONE },
        { OPTION_TEXT, 0, "users", "LIST", "who may use it: alice,@students; all", AT(users), 0, 0, false, COMPLETE_USERS },
        { OPTION_DURATION, 't', "time-limit", "DURATION", "of jobs that do not say", AT(time_limit), 0, 0, false, COMPLETE_NONE },
        { OPTION_NUMBER, 'c', "cpus", "N", "cores of jobs that do not say", AT(cpus), 0, 65536, false, COMPLETE_NONE },
        { OPTION_SIZE, 0, "mem", "SIZE", "memory of jobs that do not say", AT(memory), 0, 0, false, COMPLETE_NONE },
        { OPTION_SIGNED, 0, "priority", "N", "of jobs that do not say", AT(priority), (uint64_t)-1000, 1000, false, COMPLETE_NONE },
        { OPTION_TEXT, 0, "move-to", "QUEUE", "remove: put its jobs there", AT(move_to), 0, 0, false, COMPLETE_QUEUE_ANY },
        { OPTION_END, 0, NULL, NULL, NULL, 0, 0, 0, false, COMPLETE_NONE },
};
/* clang-format on */

static const struct table_column cmd_queue_columns[] = {
        { "QUEUE", false, false, 0 }, { "POLICY", false, false, 0 },  { "STATE", false, false, 0 },
        { "JOBS", true, false, 0 },   { "RUNNING", true, false, 0 },  { "WIDTH", true, false, 0 },
        { "WEIGHT", true, false, 0 }, { "DEFAULTS", false, true, 8 }, { "USERS", false, true, 5 },
        { NULL, false, false, 0 },
};

/* ------------------------------------------------------------------------------------- showing */

static unsigned long long queue_number(const struct jobctl_item *item, enum jobctl_field field)
{
        return (unsigned long long)jobctl_number_or(item, field, 0);
}

static const char *queue_state(const struct jobctl_item *queue)
{
        const bool is_paused = queue_number(queue, JOBCTL_QUEUE_PAUSED);

        if (queue_number(queue, JOBCTL_QUEUE_DRAINING))
                return is_paused ? "paused, draining" : "draining";
        return is_paused ? "paused" : "open";
}

/* "2", "2, 8 cores", "8 cores", "-". */
static void queue_format_width(const struct jobctl_item *settings, char text[static QUEUE_TEXT_MAX])
{
        const unsigned long long tasks = queue_number(settings, JOBCTL_SETTINGS_WIDTH_TASKS);
        const unsigned long long cores = queue_number(settings, JOBCTL_SETTINGS_WIDTH_CORES);

        if (tasks && cores)
                snprintf(text, QUEUE_TEXT_MAX, "%llu, %llu cores", tasks, cores);
        else if (cores)
                snprintf(text, QUEUE_TEXT_MAX, "%llu cores", cores);
        else if (tasks)
                snprintf(text, QUEUE_TEXT_MAX, "%llu", tasks);
        else
                snprintf(text, QUEUE_TEXT_MAX, "-");
}

/* "2h 4G 2 cores priority -5", as far as they are set. */
static void queue_format_defaults(const struct jobctl_item *settings,
                                  char text[static 4 * QUEUE_TEXT_MAX])
{
        const uint64_t limit = queue_number(settings, JOBCTL_SETTINGS_TIME_LIMIT_USEC);
        const uint64_t memory = queue_number(settings, JOBCTL_SETTINGS_MEMORY_BYTES);
        const unsigned long long cpus = queue_number(settings, JOBCTL_SETTINGS_CPUS);
        char part[STYLE_TEXT_MAX + TEXT_SIZE_MAX];
        int64_t priority = 0;
        int n = 0;

        (void)jobctl_get_signed(settings, JOBCTL_SETTINGS_PRIORITY, &priority);
        text[0] = '\0';
        if (limit) {
                style_duration(limit, part);
                n += snprintf(text + n, QUEUE_TEXT_MAX, "%s ", part);
        }
        if (memory)
                n += snprintf(text + n, QUEUE_TEXT_MAX, "%s ", text_format_size(memory, part));
        if (cpus)
                n += snprintf(text + n, QUEUE_TEXT_MAX, "%llu cores ", cpus);
        if (priority)
                n += snprintf(text + n, QUEUE_TEXT_MAX, "priority %lld ", (long long)priority);
        if (n > 0)
                text[n - 1] = '\0';
}

static int queue_add_row(struct table *table, const struct jobctl_item *queue)
{
        const struct jobctl_item *const settings = jobctl_get_item(queue, JOBCTL_QUEUE_SETTINGS);
        const char *const numbers = jobctl_get_text(settings, JOBCTL_SETTINGS_USERS, NULL);
        const unsigned long long weight = queue_number(settings, JOBCTL_SETTINGS_WEIGHT);
        _cleanup_(freep) char *users = queue_users_name(numbers ? numbers : "");
        char jobs[24], running[24], width[QUEUE_TEXT_MAX], share[24];
        char defaults[4 * QUEUE_TEXT_MAX];

        snprintf(jobs, sizeof(jobs), "%llu", queue_number(queue, JOBCTL_QUEUE_JOBS));
        snprintf(running, sizeof(running), "%llu", queue_number(queue, JOBCTL_QUEUE_RUNNING));
        snprintf(share, sizeof(share), weight % 100 ? "%llu.%02llu" : "%llu", weight / 100,
                 weight % 100);
        queue_format_width(settings, width);
        queue_format_defaults(settings, defaults);
        if (!users || table_add_row(table) ||
            table_add_cell(table, jobctl_get_text(queue, JOBCTL_QUEUE_NAME, NULL), "") ||
            table_add_cell(table,
                           jobctl_policy_name(
                                   (unsigned int)queue_number(settings, JOBCTL_SETTINGS_POLICY)),
                           "") ||
            table_add_cell(table, queue_state(queue), "") || table_add_cell(table, jobs, "") ||
            table_add_cell(table, running, "") || table_add_cell(table, width, "") ||
            table_add_cell(table, share, "") || table_add_cell(table, defaults, "") ||
            table_add_cell(table, users, ""))
                return -1;
        return 0;
}

static int queue_print(const struct app *app, const struct jobctl_result *result)
{
        _cleanup_(table_freep) struct table *table = NULL;

        if (jobctl_result_count(result) == 0)
                return 0;
        if (table_new(cmd_queue_columns, &table))
                return -1;
        for (size_t i = 0; i < jobctl_result_count(result); i++)
                if (queue_add_row(table, jobctl_result_item(result, i)))
                        return -1;
        table_print(table, table_terminal_width(), style_bold(app->colour), style_end(app->colour),
                    stdout);
        return 0;
}

/* -------------------------------------------------------------------------------------- asking */

/* What the options say, as the library takes it. */
struct queue_values {
        uint32_t width, width_cores, weight, cpus;
        int32_t priority;
        char *users; /* owned */
};

static void queue_values_deinit(struct queue_values *values)
{
        free(values->users);
}

static int queue_fill(const struct app *app, const struct queue_options *from,
                      struct queue_values *values, struct jobctl_queue_options *to)
{
        struct reason why = { "" };
        int r = 0;

        if (from->policy) {
                to->policy = jobctl_policy_from_name(from->policy);
                if (to->policy == JOBCTL_POLICY_NONE)
                        return app_usage(app, "'%s' is no policy: it is fifo, lifo or priority",
                                         from->policy);
        }
        if (from->weight)
                r = parse_hundredths(from->weight, "weight", 1, QUEUE_WEIGHT_MAX, &values->weight,
                                     &why);
        if (r == 0 && from->users)
                r = queue_users_resolve(from->users, &values->users, &why);
        if (r)
                return r < 0 ? app_out_of_memory(app) : app_usage(app, "%s", why.text);
        values->width = (uint32_t)from->width.value;
        values->width_cores = (uint32_t)from->width_cores.value;
        values->cpus = (uint32_t)from->cpus.value;
        values->priority = (int32_t)from->priority.value;
        to->width_tasks = from->width.given ? &values->width : NULL;
        to->width_cores = from->width_cores.given ? &values->width_cores : NULL;
        to->weight = from->weight ? &values->weight : NULL;
        to->cpus = from->cpus.given ? &values->cpus : NULL;
        to->priority = from->priority.given ? &values->priority : NULL;
        to->time_limit_usec = from->time_limit.given ? &from->time_limit.value : NULL;
        to->memory_bytes = from->memory.given ? &from->memory.value : NULL;
        to->users = values->users;
        to->move_to = from->move_to;
        return 0;
}

/* In the order of enum jobctl_queue_action. */
static const struct command_word cmd_queue_words[] = {
        { "add", "make a queue", COMPLETE_NONE },
        { "set", "change what it allows", COMPLETE_QUEUE_ANY },
        { "list", "show them", COMPLETE_QUEUE_ANY },
        { "pause", "start nothing of it", COMPLETE_QUEUE_ANY },
        { "resume", "end pause and drain", COMPLETE_QUEUE_ANY },
        { "drain", "take no more jobs", COMPLETE_QUEUE_ANY },
        { "remove", "take it away", COMPLETE_QUEUE_ANY },
        { NULL, NULL, COMPLETE_NONE },
};
_Static_assert(ARRAY_SIZE(cmd_queue_words) == JOBCTL_QUEUE_REMOVE + 1, "a word for each action");

static enum jobctl_queue_action queue_find_action(const char *word)
{
        for (size_t i = 0; cmd_queue_words[i].name; i++)
                if (strcmp(cmd_queue_words[i].name, word) == 0)
                        return (enum jobctl_queue_action)(JOBCTL_QUEUE_ADD + i);
        return JOBCTL_QUEUE_ACTION_NONE;
}

/* Settings are for add and set, --move-to for remove. */
static int queue_check(const struct app *app, enum jobctl_queue_action action, const char *word,
                       const struct queue_options *options)
{
        const bool may_set = action == JOBCTL_QUEUE_ADD || action == JOBCTL_QUEUE_SET;
        bool sets = false;

        for (const struct option_row *row = cmd_queue_rows; row->kind != OPTION_END; row++)
                if (row->offset != AT(move_to) && option_is_given(row, options))
                        sets = true;
        if (sets && !may_set)
                return app_usage(app, "queue %s takes no settings; queue set does", word);
        if (action == JOBCTL_QUEUE_SET && !sets)
                return app_usage(app, "queue set needs something to set, such as --width 2");
        if (options->move_to && action != JOBCTL_QUEUE_REMOVE)
                return app_usage(app, "--move-to is for queue remove");
        return 0;
}

static int cmd_queue_run(struct app *app, const void *arg, char **args, size_t count)
{
        const char *const word = count > 0 ? args[0] : "list";
        struct jobctl_queue_options options = { .size = sizeof(options),
                                                .action = queue_find_action(word),
                                                .name = count > 1 ? args[1] : NULL };
        _cleanup_(jobctl_result_freep) struct jobctl_result *result = NULL;
        _cleanup_(queue_values_deinit) struct queue_values values = { 0 };
        int r;

        if (options.action == JOBCTL_QUEUE_ACTION_NONE)
                return app_usage(app,
                                 "queue takes add, set, list, pause, resume, drain or remove, not "
                                 "'%s'",
                                 word);
        if (!options.name && options.action != JOBCTL_QUEUE_LIST)
                return app_usage(app, "queue %s needs the name of a queue", word);
        r = queue_check(app, options.action, word, arg);
        if (r == 0)
                r = queue_fill(app, arg, &values, &options);
        if (r)
                return r;
        if (!app_connection(app))
                return EXIT_CODE_ERROR;
        r = jobctl_queue(app->conn, &options, &result);
        if (r)
                return app_fail_answer(app, r);
        r = app->common.json ? emit_print_array(result, &emit_queue) : queue_print(app, result);
        return r ? app_out_of_memory(app) : EXIT_CODE_OK;
}

static const char *const cmd_queue_examples[] = {
        "jobctl queue                                    all queues",
        "jobctl queue add night --policy fifo --width 2  two jobs at once, in order",
        "jobctl queue set night --users alice,@students  who may use it",
        "jobctl queue pause night                        starts nothing until resume",
        "jobctl queue remove night --move-to default     and its jobs go on there",
        NULL,
};

const struct command cmd_queue = {
        .name = "queue",
        .usage = "[add|set|list|pause|resume|drain|remove] [NAME] [OPTIONS]",
        .summary = "Named queues: show them, make them, change them",
        .examples = cmd_queue_examples,
        .args_max = 2,
        .complete = { COMPLETE_WORD },
        .words = cmd_queue_words,
        .options_bytes = sizeof(struct queue_options),
        .sets = { { cmd_queue_rows, 0 } },
        .run = cmd_queue_run,
};

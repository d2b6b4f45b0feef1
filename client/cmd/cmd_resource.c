/* SPDX-License-Identifier: Apache-2.0 */
/*
 * jobctl resource: named resources, and how many units of them there are. The machine's are the
 * administrator's and come from the configuration; `set` makes one's own, for one's own jobs. What
 * the words mean is judged by the daemon; here they are only taken apart (NAME=N from behind, since
 * a name may hold anything but control characters).
 */
#include <stdio.h>
#include <string.h>

#include "common/parse.h"
#include "common/text.h"

#include "client/cmd/command.h"
#include "client/cmd/emit_object.h"
#include "client/cmd/select.h"
#include "client/cmd/table.h"

static const struct table_column cmd_resource_columns[] = {
        { "RESOURCE", false, true, 8 }, { "UNITS", true, false, 0 },  { "USED", true, false, 0 },
        { "WAITING", true, false, 0 },  { "WHOSE", false, false, 0 }, { NULL, false, false, 0 },
};

static int resource_add_number(struct table *table, const struct jobctl_item *item,
                               enum jobctl_field field)
{
        char text[24];

        snprintf(text, sizeof(text), "%llu", (unsigned long long)jobctl_number_or(item, field, 0));
        return table_add_cell(table, text, "");
}

static int resource_add_row(struct table *table, const struct jobctl_item *item)
{
        const char *const name = jobctl_get_text(item, JOBCTL_RESOURCE_NAME, NULL);
        _cleanup_(freep) char *safe = text_escape(name ? name : "", name ? strlen(name) : 0);
        const bool machine = jobctl_number_or(item, JOBCTL_RESOURCE_MACHINE, 0) != 0;

        if (!safe || table_add_row(table) || table_add_cell(table, safe, "") ||
            resource_add_number(table, item, JOBCTL_RESOURCE_CAPACITY) ||
            resource_add_number(table, item, JOBCTL_RESOURCE_USED) ||
            resource_add_number(table, item, JOBCTL_RESOURCE_WAITING) ||
            table_add_cell(table, machine ? "the machine's" : "yours", ""))
                return -1;
        return 0;
}

static int resource_list(struct app *app)
{
        _cleanup_(jobctl_result_freep) struct jobctl_result *result = NULL;
        _cleanup_(table_freep) struct table *table = NULL;
        int r;

        r = jobctl_resource_list(app->conn, &result);
        if (r)
                return app_fail_answer(app, r);
        if (table_new(cmd_resource_columns, &table))
                return app_out_of_memory(app);
        for (size_t i = 0; i < jobctl_result_count(result); i++)
                if (app->common.json)
                        (void)emit_print_item(jobctl_result_item(result, i), &emit_resource);
                else if (resource_add_row(table, jobctl_result_item(result, i)))
                        return app_out_of_memory(app);
        if (!app->common.json)
                table_print(table, table_terminal_width(), "", "", stdout);
        return EXIT_CODE_OK;
}

/* What it is now, as `list` names it; units: NULL when it is gone. */
static int resource_print(struct app *app, const char *name, const uint64_t *units)
{
        struct json_t *const object = emit_object_new();
        _cleanup_(freep) char *line = NULL;
        size_t size;

        if (!object)
                return app_out_of_memory(app);
        emit_object_set_text(object, "name", name, strlen(name));
        if (units)
                emit_object_set_number(object, "units", *units);
        line = emit_object_render(object, &size);
        if (!line)
                return app_out_of_memory(app);
        fputs(line, stdout);
        return EXIT_CODE_OK;
}

static int resource_set(struct app *app, char *word)
{
        char *const sign = strrchr(word, '=');
        struct reason why = { "" };
        uint64_t units;
        int r;

        if (!sign)
                return app_usage(app, "'%s' is not NAME=N", word);
        if (parse_u64(sign + 1, "number of units", 0, 1000000, &units, &why))
                return app_usage(app, "%s", why.text);
        *sign = '\0';
        r = jobctl_resource_set(app->conn, word, (uint32_t)units);
        if (r)
                return app_fail_answer(app, r);
        return app->common.json ? resource_print(app, word, &units) : EXIT_CODE_OK;
}

static int resource_remove(struct app *app, const char *name)
{
        const int r = jobctl_resource_remove(app->conn, name);

        if (r)
                return app_fail_answer(app, r);
        return app->common.json ? resource_print(app, name, NULL) : EXIT_CODE_OK;
}

static int cmd_resource_run(struct app *app, const void *options _unused_, char **args,
                            size_t count)
{
        const char *const verb = count > 0 ? args[0] : "list";
        int r = EXIT_CODE_OK;

        if (!app_connection(app))
                return EXIT_CODE_ERROR;
        if (strcmp(verb, "list") == 0 && count <= 1)
                return resource_list(app);
        if (strcmp(verb, "set") != 0 && strcmp(verb, "remove") != 0)
                return app_usage(app, "'%s': list, set NAME=N, or remove NAME", verb);
        if (count < 2)
                return app_usage(app, "%s: which resource?", verb);
        for (size_t i = 1; i < count && r == EXIT_CODE_OK; i++) {
                if (strcmp(verb, "set") == 0)
                        r = resource_set(app, args[i]);
                else
                        r = resource_remove(app, args[i]);
        }
        return r;
}

static const char *const cmd_resource_examples[] = {
        "jobctl resource set gpu=2",
        "jobctl submit --resource gpu=1 ./train   # JOBD_RESOURCE_gpu says which",
        "jobctl resource list",
        NULL,
};

static const struct command_word cmd_resource_words[] = {
        { "list", "show them", COMPLETE_NONE },
        { "set", "make one, or change how many units it has", COMPLETE_RESOURCE_UNITS },
        { "remove", "take an own one away", COMPLETE_RESOURCE },
        { NULL, NULL, COMPLETE_NONE },
};

const struct command cmd_resource = {
        .name = "resource",
        .usage = "[list | set NAME=N... | remove NAME...]",
        .summary = "Named resources, and how many units there are",
        .examples = cmd_resource_examples,
        .args_max = COMMAND_ARGS_ANY,
        .complete = { COMPLETE_WORD },
        .words = cmd_resource_words,
        .run = cmd_resource_run,
};

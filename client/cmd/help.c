/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Help, made from the tables that also parse: what the command is, examples first, then its own
 * options, one line each, then in one line the options that all commands have. Fits a screen of 80
 * columns. Called by main.c and cmd_help.c.
 */
#include "client/cmd/help.h"

#include <string.h>

#include "client/cmd/command.h"

#define HELP_COLUMN 26

static void help_print_row(const struct option_row *row, FILE *out)
{
        char left[80];
        int n;

        n = snprintf(left, sizeof(left), "%s%c%s--%s%s%s", row->letter ? "-" : " ",
                     row->letter ? row->letter : ' ', row->letter ? ", " : "  ", row->name,
                     row->value ? " " : "", row->value ? row->value : "");
        fprintf(out, "  %-*s%s%s\n", HELP_COLUMN, left, n >= HELP_COLUMN ? " " : "", row->help);
}

void help_print_command(const struct command *command, FILE *out)
{
        const char *const *example;
        bool any = false;

        fprintf(out, "jobctl %s %s\n%s.\n", command->name, command->usage, command->summary);
        if (command->examples) {
                fputs("\nExamples:\n", out);
                for (example = command->examples; *example; example++)
                        fprintf(out, "  %s\n", *example);
        }
        for (size_t i = 0; i < COMMAND_SETS_MAX && command->sets[i].rows; i++)
                for (const struct option_row *row = command->sets[i].rows; row->kind; row++) {
                        if (!any)
                                fputs("\nOptions:\n", out);
                        any = true;
                        help_print_row(row, out);
                }
        fprintf(out,
                "\nEverywhere: --socket PATH --user --system --state-dir DIR --json --color WHEN\n"
                "            --no-pager --quiet -h/--help       Manual: jobctl-%s(1)\n",
                command->name);
}

void help_print_overview(FILE *out)
{
        fputs("jobctl COMMAND [OPTIONS] [ARGUMENTS]\n"
              "Hand commands to jobd, which keeps them safe, runs them, and keeps their output.\n\n"
              "Examples:\n"
              "  jobctl run make -j4              run it, stay, end with its exit code\n"
              "  jobctl submit -J nightly ./job   queue it and print its id\n"
              "  jobctl list                      what is going on\n"
              "  jobctl logs -f last              its output as it comes\n\n"
              "Commands:\n",
              out);
        for (const struct command *const *at = commands; *at; at++)
                if (!((*at)->flags & COMMAND_HIDDEN))
                        fprintf(out, "  %-10s %s\n", (*at)->name, (*at)->summary);
        fputs("\njobctl COMMAND --help tells more about each. Manual: jobctl(1)\n", out);
}

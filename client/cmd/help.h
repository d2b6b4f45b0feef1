/* SPDX-License-Identifier: Apache-2.0 */
/* The texts of --help and of `jobctl help`. */
#pragma once

#include <stdio.h>

struct command;

/* The list of commands. */
void help_print_overview(FILE *out);
void help_print_command(const struct command *command, FILE *out);

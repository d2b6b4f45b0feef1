/* SPDX-License-Identifier: Apache-2.0 */
/* Long output through a pager, on a terminal only. */
#pragma once

#include <stddef.h>
#include <stdio.h>

#include "client/cmd/app.h"

/*
 * Where to print `lines` lines: stdout, or a pager when they do not fit the terminal and neither
 * --no-pager nor a missing pager speaks against it. pager_close() when all is printed.
 */
FILE *pager_open(const struct app *app, size_t lines);
void pager_close(FILE *out);

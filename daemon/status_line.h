/* SPDX-License-Identifier: Apache-2.0 */
/* The line that `systemctl status jobd` shows: kept current, at most once a second. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "common/cleanup.h"
#include "common/loop.h"

struct status_line;

/* Writes the line as it is now; called at most once a second. */
typedef void (*status_line_describe_fn)(void *arg, char *text, size_t size);

/* *out_line stays NULL when no service manager listens: then the rest are no-ops. */
_must_use_ int status_line_new(struct loop *loop, status_line_describe_fn describe, void *arg,
                               struct status_line **out_line);
struct status_line *status_line_free(struct status_line *line);
DEFINE_CLEANUP(struct status_line *, status_line_free);
/* In each turn: `mark` is another number than last time when the line may be another one. */
void status_line_look(struct status_line *line, uint64_t mark);

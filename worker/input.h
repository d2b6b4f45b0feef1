/* SPDX-License-Identifier: Apache-2.0 */
/* Feeds a job's stdin with what its client sends, as fast as the job takes it. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/cleanup.h"
#include "common/loop.h"

#define INPUT_WINDOW_BYTES (1024U * 1024) /* what may wait for the job */

struct input;

_must_use_ int input_new(struct loop *loop, struct input **out_input);
struct input *input_free(struct input *input);
DEFINE_CLEANUP(struct input *, input_free);

/* fd: the write end, O_NONBLOCK, owned from here. */
void input_start(struct input *input, int fd);
/* Closes the pipe and drops what waits. */
void input_stop(struct input *input);
/*
 * Bytes of the stream from `offset` on. What was taken before is skipped; a piece beyond what came
 * so far is ignored (its sender starts again at `taken`). end: the pipe closes when all is written.
 */
void input_feed(struct input *input, uint64_t offset, const void *data, size_t size, bool end);
/* How far the job has got, when that changed since the last call. */
bool input_take_news(struct input *input, uint64_t *out_taken, bool *out_closed);
/* Bytes written to the pipe so far. */
uint64_t input_taken(const struct input *input);

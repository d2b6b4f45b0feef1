/* SPDX-License-Identifier: Apache-2.0 */
/* The bytes on their way to a job's stdin: kept until the job has taken them. */
#pragma once

#include "client/lib/connection.h"

#define STDIN_FEED_MAX (1024U * 1024)

struct stdin_feed;

_must_use_ int stdin_feed_new(uint64_t job, struct stdin_feed **out_feed);
struct stdin_feed *stdin_feed_free(struct stdin_feed *feed);

/* Bytes that stdin_feed_write() would take now; 0 after the end. */
size_t stdin_feed_room(const struct stdin_feed *feed);
_must_use_ int stdin_feed_write(struct stdin_feed *feed, const void *data, size_t size,
                                size_t *out_taken);
void stdin_feed_close(struct stdin_feed *feed);
bool stdin_feed_is_closed(const struct stdin_feed *feed);

/* Queues StdinData on `call`'s connection as far as the window reaches. 0 or a fault. */
_must_use_ int stdin_feed_pump(struct stdin_feed *feed, struct call *call);
/* The job has taken some, or wants no more. */
void stdin_feed_on_window(struct stdin_feed *feed, const Jobd__StdinWindow *window);
/*
 * The job begins again (a retry) and reads from offset 0: what it has taken before is gone, so it
 * gets the end of file instead, unless it had taken nothing.
 */
void stdin_feed_restart(struct stdin_feed *feed);
/* The connection is new: what was not taken must be sent again, once a window came. */
void stdin_feed_rewind(struct stdin_feed *feed);

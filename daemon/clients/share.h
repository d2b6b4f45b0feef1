/* SPDX-License-Identifier: Apache-2.0 */
/* How many streams follow a task, so that its worker hears when the last one leaves. */
#pragma once

#include "daemon/clients/shared.h"

/* is_feeder: it sends the task's stdin, too. */
_must_use_ int share_enter(struct clients *clients, uint64_t job, uint64_t task, bool is_feeder);
/* A feeder is gone, and stays counted as a follower. Was it the last? */
bool share_end_feeding(struct clients *clients, uint64_t job, uint64_t task);
/* Does anybody send its stdin? */
bool share_is_fed(const struct clients *clients, uint64_t job, uint64_t task);
/* The last one turns the worker's reports off. */
void share_leave(struct clients *clients, uint64_t job, uint64_t task);
/* All streams are gone: frees what may be left. */
void share_clear(struct clients *clients);

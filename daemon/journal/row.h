/* SPDX-License-Identifier: Apache-2.0 */
/* Rows of job, task, queue and event as C structs: binding them to statements and taking them out.
 */
#pragma once

#include <stdint.h>

#include "daemon/journal/journal.h"
#include "daemon/journal/statement.h"

/* spec_bytes: what the row's blobs hold, counted by the caller. */
void row_bind_job(struct binder *to, const struct journal_job *row, uint64_t spec_bytes);
/* For STATEMENT_JOB_SET_*; `finished` is bound by the caller where the statement has it. */
void row_bind_job_changes(struct binder *to, const struct journal_job *row);
/* For STATEMENT_JOB_UPDATE. */
void row_bind_job_update(struct binder *to, const struct journal_job *row, uint64_t spec_bytes);
void row_bind_task(struct binder *to, const struct journal_task *row);
void row_bind_queue(struct binder *to, const struct journal_queue *row);
void row_bind_event(struct binder *to, const struct journal_event *row);

/* spec and environment stay NULL. */
void row_take_job(struct taker *from, struct journal_job *out_row);
void row_take_task(struct taker *from, struct journal_task *out_row);
void row_take_queue(struct taker *from, struct journal_queue *out_row);
void row_take_event(struct taker *from, struct journal_event *out_row);
void row_bind_grant(struct binder *to, const struct journal_grant *row);
void row_take_grant(struct taker *from, struct journal_grant *out_row);

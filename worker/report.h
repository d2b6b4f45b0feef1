/* SPDX-License-Identifier: Apache-2.0 */
/* What a worker tells jobd, one function per report. All are dropped while jobd is away. */
#pragma once

#include "worker/lease.h"
#include "worker/link.h"

void report_inventory(struct link *link, const struct lease_list *leases, uint64_t stdin_taken);
void report_started(struct link *link, const struct lease *lease);
void report_exited(struct link *link, const struct lease *lease);
void report_revoked(struct link *link, uint64_t lease, bool too_late);
void report_paused(struct link *link, const struct lease *lease);
void report_piece(struct link *link, uint64_t lease, uint64_t offset, const uint8_t *records,
                  size_t size);
void report_spooled(struct link *link, uint64_t lease, uint64_t size_bytes);
void report_grown(struct link *link, uint64_t lease, uint64_t size_bytes);
void report_stdin_taken(struct link *link, uint64_t lease, uint64_t taken, bool closed);

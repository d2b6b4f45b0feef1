/* SPDX-License-Identifier: Apache-2.0 */
/* What the daemon can tell of its own process. */
#pragma once

#include "daemon/clients/clients.h"

struct process {
        struct histogram turn_usec;
        uint64_t fds_count; /* as of looked_usec */
        uint64_t looked_usec;
};

void process_init(struct process *process);
/* A turn is over. */
void process_count_turn(struct process *process, uint64_t turn_usec);
void process_read(struct process *process, struct clients_process *out_process);

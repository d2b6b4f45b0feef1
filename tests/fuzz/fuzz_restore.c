/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Restored rows: the store's rows come from our own hand, but a disk may give back anything. The
 * input is cut into job, task and dependency rows with fields of every value; the engine must take
 * them or refuse them with a fault, and when it takes them, turn with a worker at hand and keep its
 * counts.
 */
#include <stdlib.h>
#include <string.h>

#include "common/log.h"

#include "daemon/jobs/engine_private.h"
#include "fuzz.h"
#include "tests/unit/daemon/jobs/fakes.h"

#define FUZZ_ROW_BYTES 40U

/* Numbers from few bytes: mostly small, sometimes extreme. */
static uint64_t fuzz_number(const uint8_t *at)
{
        return at[0] < 0xf0 ? at[0] % 8 : at[0] < 0xf8 ? UINT64_MAX - at[1] : (uint64_t)at[1] << 32;
}

static void fuzz_job(const uint8_t *at)
{
        const uint64_t id = at[1] % 9;
        struct journal_job *row = &fake.jobs[id ? id : 9];

        *row = (struct journal_job){
                .id = id ? id : 9,
                .uid = at[2] < 250 ? at[2] % 3 : UINT32_MAX,
                .state = at[3] % 16,
                .hold = at[4] & 1,
                .requeue = at[4] & 2,
                .finished = at[4] & 4,
                .priority = (int8_t)at[5],
                .begin_wall_usec = fuzz_number(at + 6),
                .task_count = fuzz_number(at + 8),
                .task_next = fuzz_number(at + 10),
                .array_first = fuzz_number(at + 12),
                .array_step = fuzz_number(at + 14),
                .array_width = at[16] % 4,
                .retries = at[17] % 4,
                .tasks_ok = fuzz_number(at + 18),
                .tasks_failed = fuzz_number(at + 20),
                .tasks_cancelled = at[39] % 4,
                .tasks_lost = at[23] % 4,
                .unique_key = at[22] & 1 ? "unique" : NULL,
                .map_values = at[24] % 4,
                .input = at[25],
                .chunk_next = fuzz_number(at + 26),
                .seen_task = fuzz_number(at + 28),
                .input_bytes = fuzz_number(at + 30),
                .start_delay_usec = fuzz_number(at + 32),
                .halt_on = at[34],
                .halt_now = at[35] & 1,
                .halt_count = fuzz_number(at + 36),
                .halt_percent = at[38],
        };
}

static void fuzz_task(const uint8_t *at)
{
        struct journal_task *row = &fake.tasks[fake.tasks_count++];

        *row = (struct journal_task){
                .job = at[1] % 10,
                .task = fuzz_number(at + 2),
                .state = at[4] % 16,
                .stop_reason = at[5],
                .started = at[6] & 1,
                .attempt = (uint32_t)fuzz_number(at + 7),
                .lease = fuzz_number(at + 9),
                .worker = at[11] % 3,
                .generation = at[12] % 3,
                .retry_wall_usec = fuzz_number(at + 13),
                .slot = at[16] < 250 ? at[16] % 4 : UINT32_MAX,
        };
        if (at[15] & 1)
                memcpy(row->boot_id, fake.engine->boot_id, sizeof(row->boot_id));
}

static void fuzz_dependency(const uint8_t *at)
{
        fake.dependencies[fake.dependencies_count++] =
                (struct journal_dependency){ .job = at[1] % 10,
                                             .ordinal = at[2],
                                             .kind = at[3] % 9,
                                             .flags = at[4],
                                             .parent = at[5] % 12,
                                             .parent_state = at[6] % 16 };
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        struct engine_counts counts;

        log_init("fuzz", LOG_LEVEL_ERROR - 1);
        fake_setup();
        for (; size >= FUZZ_ROW_BYTES && fake.tasks_count < 32 && fake.dependencies_count < 32;
             data += FUZZ_ROW_BYTES, size -= FUZZ_ROW_BYTES)
                if (data[0] & 1)
                        fuzz_job(data);
                else if (data[0] & 128)
                        fuzz_dependency(data);
                else
                        fuzz_task(data);
        if (engine_restore(fake.engine, (struct journal *)&fake) == 0) {
                fake_attach(0);
                fake_turn();
                engine_count(fake.engine, &counts);
                if (engine_is_empty(fake.engine) && (counts.queued_tasks || counts.leased_tasks))
                        abort();
        }
        fake_teardown();
        return 0;
}

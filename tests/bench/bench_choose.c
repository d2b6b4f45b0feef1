/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What choosing costs: the engine by itself, over the fakes of its unit tests, so that neither the
 * disk nor a process is in the way.
 *
 *    bench_choose starts JOBS COUNT   JOBS of 64 users are queued, with priorities; some ask for
 * more cores or memory, some depend on the job before. Eight workers end one task after the other.
 * Prints the microseconds of one end and the start that follows: the median of batches of 1000.
 *    bench_choose release COUNT       COUNT jobs of a user depend on one. It ends. Prints the
 * milliseconds until the last of them is free, and those of the longest turn.
 */
#include <err.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/jobs/dependency.h"
#include "daemon/jobs/engine_private.h"
#include "tests/unit/daemon/jobs/fakes.h"

#define USERS 64
#define WORKERS 8
#define BATCH 1000

static struct bench_run {
        uint32_t worker;
        uint64_t lease;
} runs[1024]; /* under way, the longest first */
static size_t first_run, runs_count;

static void bench_on_order(const struct fake_sent *order)
{
        if (order->order != FAKE_START)
                return;
        runs[(first_run + runs_count++) % ARRAY_SIZE(runs)] =
                (struct bench_run){ order->worker, order->lease };
}

static void bench_setup(uint32_t workers)
{
        const struct engine_options options = {
                .queued_max_per_user = UINT32_MAX,
                .queued_max = UINT32_MAX,
                .spec_bytes_max_per_user = UINT32_MAX,
                .spec_bytes_max = UINT32_MAX,
                .spool_fd = -1,
                .cores = WORKERS,
                .memory_bytes = 1 << 20,
                .aging_usec = USEC_PER_SEC,
        };

        fake_setup();
        fake.wanted = WORKERS;
        fake.on_order = bench_on_order;
        fake.is_timed = true;
        engine_set_options(fake.engine, &options);
        for (uint32_t i = 0; i < workers; i++)
                fake_attach(i);
}

static void bench_submit(uint64_t n)
{
        static uint64_t last_ids[USERS];
        const uint32_t user = (uint32_t)n % USERS;
        const uint64_t kind = n / USERS;
        const struct engine_dependency after = { .kind = DEPS_AFTERANY, .job = last_ids[user] };
        const struct job *before = after.job ? engine_find(fake.engine, after.job) : NULL;
        const struct engine_spec spec = {
                .task_count = 1,
                .priority = (int32_t)(kind * 7 % 11),
                .cpus = kind % 16 == 1 ? 2 : 0,
                .memory_bytes = kind % 16 == 2 ? 4096 : 0,
                .dependencies = &after,
                .dependencies_count = kind % 8 == 3 && before ? 1 : 0,
        };

        last_ids[user] = fake_submit(1000 + user, &spec);
        if (!last_ids[user])
                errx(1, "refused: %s", fake_why);
        if (n % 1000 == 999)
                fake_turn(); /* what was posted goes */
}

/* The longest run ends; what starts in its place has started. */
static void bench_end_one(void)
{
        struct bench_run run = runs[first_run];
        const size_t before = --runs_count;

        first_run = (first_run + 1) % ARRAY_SIZE(runs);
        fake_exit(fake.workers[run.worker], run.lease, 0);
        fake_turn();
        for (size_t i = before; i < runs_count; i++) {
                run = runs[(first_run + i) % ARRAY_SIZE(runs)];
                engine_workers_ops.on_started(fake.engine, fake.workers[run.worker], run.lease, 1,
                                              1);
        }
}

static int bench_compare(const void *a, const void *b)
{
        const uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

        return x < y ? -1 : x > y;
}

static void bench_starts(uint64_t jobs, uint64_t count)
{
        const size_t batches = (size_t)(count / BATCH);
        uint64_t *took_usec = calloc(batches + 1, sizeof(*took_usec));
        uint64_t n = 0, begin;

        if (!took_usec || batches == 0)
                errx(2, "at least %d starts", BATCH);
        bench_setup(0);
        while (n < jobs)
                bench_submit(n++);
        for (uint32_t i = 0; i < WORKERS; i++)
                fake_attach(i);
        fake_turn();
        for (size_t batch = 0; batch < batches; batch++) {
                for (int i = 0; i < BATCH; i++) {
                        begin = clock_mono_usec();
                        bench_end_one();
                        took_usec[batch] += clock_mono_usec() - begin;
                        while (fake.engine->jobs_count < jobs)
                                bench_submit(n++);
                }
        }
        qsort(took_usec, batches, sizeof(*took_usec), bench_compare);
        printf("%.3f\n", (double)took_usec[batches / 2] / BATCH);
        free(took_usec);
}

static void bench_release(uint64_t count)
{
        uint64_t begin, all_begin, longest = 0, parent;

        bench_setup(1);
        parent = fake_submit(1000, &(struct engine_spec){ .task_count = 1 });
        fake_turn();
        for (uint64_t i = 0; i < count; i++) {
                const struct engine_dependency after = { .kind = DEPS_AFTEROK, .job = parent };

                if (!fake_submit(1000, &(struct engine_spec){ .task_count = 1,
                                                              .dependencies = &after,
                                                              .dependencies_count = 1 }))
                        errx(1, "refused: %s", fake_why);
                if (i % 1000 == 999)
                        fake_turn();
        }
        engine_workers_ops.on_started(fake.engine, fake.workers[0], runs[first_run].lease, 1, 1);
        engine_drain(fake.engine, true); /* nothing starts: only the release is timed */
        all_begin = clock_mono_usec();
        fake_exit(fake.workers[runs[first_run].worker], runs[first_run].lease, 0);
        do {
                begin = clock_mono_usec();
                fake_turn();
                longest = MAX(longest, clock_mono_usec() - begin);
        } while (!TAILQ_EMPTY(&fake.engine->deps.due));
        printf("%.3f %.3f\n", (double)(clock_mono_usec() - all_begin) / 1e3, (double)longest / 1e3);
}

int main(int argc, char **argv)
{
        if (argc == 4 && strcmp(argv[1], "starts") == 0)
                bench_starts(strtoull(argv[2], NULL, 10), strtoull(argv[3], NULL, 10));
        else if (argc == 3 && strcmp(argv[1], "release") == 0)
                bench_release(strtoull(argv[2], NULL, 10));
        else
                errx(2, "usage: bench_choose starts JOBS COUNT | release COUNT");
        return 0;
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The engine's surroundings for its unit tests, as the test sees them: it sets up, takes turns,
 * submits, and looks. Behind it stand journal.h over arrays (fake_journal.c, fake_journal_reads.c)
 * and workers.h as a list of what was ordered (fake_workers.c). "Durable" happens when a test says
 * so, which is how the tests see that nothing is sent before its time; and in each turn what the
 * engine counted is counted again (fake_tally.c).
 */
#include "fakes.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/jobs/engine_private.h"
#include "fakes_private.h"

struct fake fake;
char fake_why[256];

static void fake_on_pool(void *arg, bool connected)
{
        (void)arg;
        (void)connected;
}
static const struct engine_ops fake_engine_ops = { .on_pool = fake_on_pool };

static void fake_new_engine(void)
{
        const struct engine_options options = {
                .grace_usec = USEC_PER_SEC,
                .queued_max_per_user = 50,
                .queued_max = 100,
                .spec_bytes_max_per_user = 1 << 20,
                .spec_bytes_max = 1 << 20,
                .spool_fd = -1,
        };

        assert(engine_new(fake.loop, &options, &fake_engine_ops, NULL, &fake.engine) == 0);
        engine_connect(fake.engine, (struct journal *)&fake, (struct workers *)&fake);
}

void fake_setup(void)
{
        memset(&fake, 0, sizeof(fake));
        fake_journal_forget();
        assert(loop_new(&fake.loop) == 0);
        fake_new_engine();
}

void fake_teardown(void)
{
        size_t i;

        for (i = 0; i < ARRAY_SIZE(fake.workers); i++)
                if (fake.workers[i])
                        fake_detach(fake.workers[i]);
        fake.is_journal_closed = true; /* as daemon.c has it */
        fake.engine = engine_free(fake.engine);
        for (i = 0; i < fake.inputs_count; i++)
                journal_blob_unref(fake.inputs[i].values);
        fake.loop = loop_free(fake.loop);
}

void fake_restart(void)
{
        for (size_t i = 0; i < ARRAY_SIZE(fake.workers); i++)
                if (fake.workers[i])
                        fake_detach(fake.workers[i]);
        fake.is_journal_closed = true;
        fake.engine = engine_free(fake.engine);
        fake.is_journal_closed = false;
        fake_journal_forget();
        fake_new_engine();
        assert(engine_restore(fake.engine, (struct journal *)&fake) == 0);
}

void fake_turn_undurable(void)
{
        engine_decide(fake.engine);
        assert(engine_commit(fake.engine) == 0);
        fake_check_tally(fake.engine);
}

void fake_make_durable(void)
{
        fake.durable = fake.posted;
        fake_journal_answer();
        engine_on_durable(fake.engine, fake.durable);
}

void fake_turn(void)
{
        fake_turn_undurable();
        fake_make_durable();
}

const struct journal_task *fake_task_row(uint64_t job, uint64_t task)
{
        size_t i;

        for (i = 0; i < fake.tasks_count; i++)
                if (fake.tasks[i].job == job && fake.tasks[i].task == task)
                        return &fake.tasks[i];
        return NULL;
}

const struct fake_sent *fake_find(enum fake_order order, size_t nth)
{
        size_t i;

        for (i = 0; i < fake.sent_count; i++)
                if (fake.sent[i].order == order && nth-- == 0)
                        return &fake.sent[i];
        return NULL;
}

size_t fake_count(enum fake_order order)
{
        size_t n = 0;

        while (fake_find(order, n))
                n++;
        return n;
}

static void fake_on_submitted(void *arg, int r, uint64_t first_id, uint32_t count, bool existing,
                              uint64_t barrier, const struct reason *why)
{
        (void)count;
        (void)existing;
        (void)barrier;
        *(uint64_t *)arg = r ? 0 : first_id;
        if (r)
                snprintf(fake_why, sizeof(fake_why), "%s", why->text);
}

uint64_t fake_submit(uint32_t uid, const struct engine_spec *spec)
{
        return fake_submit_many(uid, spec, 1);
}

uint64_t fake_submit_many(uint32_t uid, const struct engine_spec *specs, size_t count)
{
        static uint32_t counter;
        struct journal_blob *blob = NULL;
        struct engine_spec full[FAKE_MAX];
        struct engine_submission submission = {
                .uid = uid, .gid = uid, .is_admin = uid == 0, .specs = full, .specs_count = count
        };
        struct journal_read *read;
        uint64_t id = 0;

        assert(count <= FAKE_MAX && journal_blob_new(strdup("spec"), 4, &blob) == 0);
        for (size_t i = 0; i < count; i++) {
                full[i] = specs[i];
                full[i].spec = blob;
                if (full[i].task_count == 0 && !full[i].map_values)
                        full[i].task_count = 1;
        }
        if (!fake.key_known)
                counter++;
        memcpy(submission.key, &counter, sizeof(counter));
        assert(engine_submit(fake.engine, &submission, fake_on_submitted, &id, &read) == 0);
        journal_blob_unref(blob);
        return id;
}

enum job_state fake_state(uint64_t id)
{
        struct job *job = engine_find(fake.engine, id);
        struct engine_view view;

        if (!job)
                return (enum job_state)fake.jobs[id].state;
        engine_view_job(fake.engine, job, &view);
        return view.state;
}

int fake_append(uint64_t job, uint64_t number, const char *text)
{
        struct engine_chunk chunk = { .number = number };
        char *const values = strdup(text);
        const size_t size = strlen(text);
        struct reason why = { "" };
        uint64_t count;
        int r;

        assert(values);
        for (size_t i = 0; i < size; i++)
                if (values[i] == ',') {
                        values[i] = '\0';
                        chunk.count++;
                }
        assert(journal_blob_new(values, size, &chunk.values) == 0);
        r = engine_append(fake.engine, engine_find(fake.engine, job), &chunk, &count, &why);
        journal_blob_unref(chunk.values);
        if (r)
                snprintf(fake_why, sizeof(fake_why), "%s", why.text);
        return r;
}

uint64_t fake_start_one(uint64_t *out_job)
{
        static const struct engine_spec plain = { .task_count = 1 };

        *out_job = fake_submit(1000, &plain);
        fake_turn();
        assert(*out_job && fake_find(FAKE_START, 0));
        return fake_find(FAKE_START, 0)->lease;
}

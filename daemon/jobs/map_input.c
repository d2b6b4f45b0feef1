/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The input of a map: chunks of values that are appended while earlier ones are worked through, and
 * the close. Each chunk is a row of its own and an event; the job's row counts them, so that a
 * client that lost its connection can send a chunk again and nothing is added twice.
 *
 * An open map belongs to whoever appends. When the last appender goes, or jobd finds an open map at
 * its start, it has 60 s to come back; then the input is cut: the job ends as failed when its tasks
 * have ended, because nobody knows what else there should have been. The waiting maps stand in one
 * list, longest first, with one timer.
 *
 * Room: a user whose queue is full gets ENGINE_E_BUSY, and the session tries again as tasks end. It
 * may overshoot by one chunk, so that a chunk of any size goes in some time.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>

#include "common/log.h"
#include "common/text.h"

#include "daemon/jobs/engine_private.h"

#define MAP_INPUT_PATIENCE_USEC (60 * USEC_PER_SEC)
#define MAP_INPUT_SEEN_USEC (20 * USEC_PER_MSEC)

static void map_input_write_job(struct engine *e, struct job *job)
{
        struct journal_batch *batch = engine_batch(e);
        struct journal_job row;

        engine_fill_job_row(job, &row);
        if (batch)
                engine_note(e, journal_set_job(batch, &row));
}

/* -------------------------------------------------------------------------------------- append */

static int map_input_check_room(const struct engine *e, const struct user *user, size_t size,
                                struct reason *why)
{
        const struct engine_options *o = &e->options;
        char most[TEXT_SIZE_MAX];

        if (journal_is_disk_full(e->journal))
                return reason_set(
                        why, ENGINE_E_FULL,
                        "the disk under the daemon's state folder is nearly full: no more "
                        "input is taken");
        if (user->spec_bytes + size > o->spec_bytes_max_per_user ||
            e->spec_bytes + size > o->spec_bytes_max)
                return reason_set(
                        why, ENGINE_E_LIMIT,
                        "the specifications and inputs of your queued jobs would exceed "
                        "%s: split the input into several maps",
                        text_format_size(MIN(o->spec_bytes_max_per_user, o->spec_bytes_max), most));
        if (user->queued_tasks >= o->queued_max_per_user || e->queued_tasks >= o->queued_max)
                return ENGINE_E_BUSY;
        return 0;
}

static void map_input_add_chunk(struct engine *e, struct job *job, const struct engine_chunk *chunk)
{
        struct job_map *map = job->extra->map;
        const uint64_t tasks = (chunk->count + map->values_count - 1) / map->values_count;
        const size_t size = chunk->values->size;
        struct journal_batch *batch = engine_batch(e);
        char detail[48];

        if (!batch)
                return;
        engine_note(e, journal_put_input(batch, job->id, map->chunk_next, job->task_count,
                                         chunk->count, chunk->values));
        snprintf(detail, sizeof(detail), "%" PRIu64 " tasks", tasks);
        engine_post_event(e, job, job->task_count, JOB_EV_APPEND, JOB_QUEUED, detail);
        map->chunk_next++;
        map->input_bytes += size;
        job->user->spec_bytes += size;
        e->spec_bytes += size;
        job->task_count += tasks;
        engine_tally_queue_tasks(e, job, (int64_t)tasks);
        e->tally.submitted += tasks;
        map_input_write_job(e, job);
        run_queue_update(e, job);
        deps_on_next(e, job);
}

int engine_append(struct engine *e, struct job *job, const struct engine_chunk *chunk,
                  uint64_t *out_task_count, struct reason *why)
{
        struct job_map *map = job_map_of(job);
        const uint64_t per_task = map ? map->values_count : 0;
        int r;

        if (!per_task)
                return reason_set(why, ENGINE_E_STATE,
                                  "job %" PRIu64 " takes no input: it is no map", job->id);
        if (chunk->number < map->chunk_next || chunk->count == 0) {
                *out_task_count = job->task_count;
                return 0;
        }
        if (map->input != JOURNAL_INPUT_OPEN || map->is_halted)
                return reason_set(
                        why, ENGINE_E_STATE, "the input of job %" PRIu64 " is %s", job->id,
                        map->is_halted                    ? "not needed: it was halted"
                        : map->input == JOURNAL_INPUT_CUT ? "cut: nobody sent more in time"
                                                          : "closed");
        if (chunk->number > map->chunk_next)
                return reason_set(why, ENGINE_E_STATE,
                                  "chunk %" PRIu64 " of job %" PRIu64 " is due, not %" PRIu64,
                                  map->chunk_next, job->id, chunk->number);
        if (map->is_short)
                return reason_set(why, ENGINE_E_STATE,
                                  "the last task of job %" PRIu64
                                  " has fewer values: no more can follow",
                                  job->id);
        r = map_input_check_room(e, job->user, chunk->values->size, why);
        if (r)
                return r;
        map->is_short = chunk->count % per_task;
        map_input_add_chunk(e, job, chunk);
        *out_task_count = job->task_count;
        return e->fault ? PASS(e->fault) : 0;
}

/* --------------------------------------------------------------------------------------- close */

static void map_input_close(struct engine *e, struct job *job, uint8_t input, const char *detail)
{
        struct job_map *map = job->extra->map;

        map->input = input;
        map_input_end(e, map);
        engine_post_event(e, job, job->task_count, JOB_EV_CLOSE, JOB_QUEUED, detail);
        map_input_write_job(e, job);
        engine_apply_close(e, job, JOB_SUCCEEDED, NULL);
}

void map_input_give_up(struct engine *e, struct job *job, const char *detail)
{
        struct job_map *map = job_map_of(job);

        if (!map || map->input != JOURNAL_INPUT_OPEN)
                return;
        map->input = JOURNAL_INPUT_CLOSED;
        map_input_end(e, map);
        engine_post_event(e, job, job->task_count, JOB_EV_CLOSE, JOB_QUEUED, detail);
        map_input_write_job(e, job);
}

int engine_close_input(struct engine *e, struct job *job, uint64_t chunks, const char *cut,
                       struct reason *why)
{
        struct job_map *map = job_map_of(job);

        if (!map || !map->values_count)
                return reason_set(why, ENGINE_E_STATE,
                                  "job %" PRIu64 " takes no input: it is no map", job->id);
        if (map->input != JOURNAL_INPUT_OPEN)
                return 0;
        if (chunks != map->chunk_next && !cut)
                return reason_set(why, ENGINE_E_STATE,
                                  "job %" PRIu64 " has %" PRIu64 " chunks of input, not %" PRIu64,
                                  job->id, map->chunk_next, chunks);
        map_input_close(e, job, cut ? JOURNAL_INPUT_CUT : JOURNAL_INPUT_CLOSED, cut);
        return e->fault ? PASS(e->fault) : 0;
}

/* ------------------------------------------------------------------------------------ appenders */

static void map_input_arm(struct engine *e)
{
        const struct job_map *first = TAILQ_FIRST(&e->orphans);
        const uint64_t now = clock_mono_usec();

        if (!first)
                loop_timer_stop(e->cut_timer);
        else
                engine_note(e, loop_timer_start(e->cut_timer, first->cut_mono_usec > now
                                                                      ? first->cut_mono_usec - now
                                                                      : 0));
}

void map_input_end(struct engine *e, struct job_map *map)
{
        if (!map->is_orphan)
                return;
        TAILQ_REMOVE(&e->orphans, map, orphan_entry);
        map->is_orphan = false;
        map_input_arm(e);
}

void map_input_expect_appender(struct engine *e, struct job_map *map)
{
        if (map->is_orphan || map->appenders_count > 0 || map->input != JOURNAL_INPUT_OPEN)
                return;
        map->is_orphan = true;
        map->cut_mono_usec = clock_mono_usec() + MAP_INPUT_PATIENCE_USEC;
        TAILQ_INSERT_TAIL(&e->orphans, map, orphan_entry);
        map_input_arm(e);
}

static void map_input_on_time(void *arg)
{
        struct engine *e = arg;
        const uint64_t now = clock_mono_usec();
        struct job_map *map;

        while ((map = TAILQ_FIRST(&e->orphans)) && map->cut_mono_usec <= now) {
                log_debug("the input of job %" PRIu64 " is cut: nobody appends", map->job->id);
                map_input_close(e, map->job, JOURNAL_INPUT_CUT, "nobody sent more in time");
        }
        map_input_arm(e);
}

void engine_add_appender(struct engine *e, struct job *job)
{
        struct job_map *map = job_map_of(job);

        if (!map)
                return;
        map->appenders_count++;
        map_input_end(e, map);
}

void engine_remove_appender(struct engine *e, struct job *job)
{
        struct job_map *map = job_map_of(job);

        if (!map || map->appenders_count == 0)
                return;
        map->appenders_count--;
        map_input_expect_appender(e, map);
}

void map_input_forget(struct engine *e, struct job_map *map)
{
        map_input_end(e, map);
        if (map->is_seen_due)
                TAILQ_REMOVE(&e->seens, map, seen_entry);
        map->is_seen_due = false; /* the row that ends the job has it */
}

/* ---------------------------------------------------------------------------------------- seen */

/*
 * A client tells what it has written all the time, and each needs to be durable before it is
 * answered, but none is in a hurry: it goes with the next transaction that is made anyway, or with
 * one of its own a little later. Every batch that is handed over takes all that wait, so that a
 * sequence which is durable covers each Seen before it.
 */
void map_input_write_seens(struct engine *e, struct journal_batch *batch)
{
        struct job_map *map;

        while ((map = TAILQ_FIRST(&e->seens))) {
                TAILQ_REMOVE(&e->seens, map, seen_entry);
                map->is_seen_due = false;
                engine_note(e, journal_set_seen(batch, map->job->id, map->seen_task));
        }
        loop_timer_stop(e->seen_timer);
}

static void map_input_on_seen_time(void *arg)
{
        struct engine *e = arg;
        struct journal_batch *batch = engine_batch(e);

        if (batch)
                map_input_write_seens(e, batch);
}

void engine_seen(struct engine *e, uint64_t id, uint64_t next_task)
{
        struct job *job = job_table_find(&e->jobs, id);
        struct job_map *map = job ? job_map_of(job) : NULL;
        struct journal_batch *batch;

        e->sequence++; /* no event; but its answer waits for this transaction */
        if (!map) {
                batch = engine_batch(e);
                if (batch)
                        engine_note(e, journal_set_seen(batch, id, next_task));
                return;
        }
        map->seen_task = MAX(map->seen_task, next_task);
        if (map->is_seen_due)
                return;
        map->is_seen_due = true;
        TAILQ_INSERT_TAIL(&e->seens, map, seen_entry);
        if (!loop_timer_is_on(e->seen_timer))
                engine_note(e, loop_timer_start(e->seen_timer, MAP_INPUT_SEEN_USEC));
}

/* ----------------------------------------------------------------------------------- life time */

int map_input_init(struct engine *e)
{
        int r;

        TAILQ_INIT(&e->orphans);
        TAILQ_INIT(&e->halts);
        TAILQ_INIT(&e->seens);
        RB_INIT(&e->paces);
        r = loop_timer_new(e->loop, map_input_on_time, e, &e->cut_timer);
        if (r)
                return PASS(r);
        r = loop_timer_new(e->loop, map_input_on_seen_time, e, &e->seen_timer);
        return r ? PASS(r) : 0;
}

void map_input_deinit(struct engine *e)
{
        e->cut_timer = loop_timer_free(e->cut_timer);
        e->seen_timer = loop_timer_free(e->seen_timer);
}

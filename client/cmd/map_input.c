/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The inputs of a map, from where they are to whole tasks, a piece at a time.
 *
 *     reader   one source: words of argv, or a file's lines (map_reader.c); with --colsep each of
 *              its values is several (map_columns.c)
 *     group    readers that are linked: one value of each is the group's record
 *     wheels   the groups crossed like an odometer's wheels, the last one fastest
 *     task     -n records in a row
 *
 * Nothing waits for the whole input. Memory holds a piece of each file, and all records of every
 * group but the first, because these come round again; they too are read as they come.
 *
 * A value may be anything without a zero byte that Linux takes as one word of a command. What is
 * wrong is told by the number of the line and never silently changed. With --colsep all records
 * have as many columns as the first: shorter ones are filled up with empty values; longer ones are
 * refused, or cut when the command asks for columns by number and uses none of the rest.
 */
#include "client/cmd/map_input.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "common/template.h"

#include "client/cmd/map_bytes.h"
#include "client/cmd/map_columns.h"
#include "client/cmd/map_reader.h"
#include "client/cmd/map_resume.h"

#define MAP_INPUT_TASK_VALUES_MAX 1000000

struct map_group {
        struct map_reader *readers; /* borrowed: a run of the input's */
        size_t readers_count;
        size_t next;           /* the reader whose value the record under way lacks */
        struct map_bytes part; /* the record under way; the whole one of the first group */
        struct map_bytes kept; /* records that come round again; not of the first group */
        size_t *ends;          /* owned: where each kept record ends */
        size_t ends_count, ends_room;
        size_t at; /* which of them the wheel shows */
};

struct map_input {
        const struct map_plan *plan;  /* borrowed */
        struct map_resume *resume;    /* borrowed; may be NULL */
        struct map_columns *splitter; /* owned; NULL without --colsep */
        struct map_reader *readers;   /* owned */
        size_t readers_count;
        struct map_group *groups; /* owned */
        size_t groups_count;
        size_t wheels; /* groups, from the first on, that show a record */
        int wait_fd;   /* of the reader that had nothing */

        struct map_bytes task; /* records so far of the task under way */
        uint32_t task_records;
        bool task_ready; /* whole, but not given out yet */
        uint64_t sequence;
        struct template_word *words; /* owned: the task's values, for `resume` */
        struct map_bytes chunk;
        uint64_t task_count, skipped_count;

        int end; /* MAP_INPUT_E_BAD or _END: nothing more comes */
        struct reason end_reason;
};

/* -------------------------------------------------------------------------------------- columns */

/* Once the input is bad it stays bad. `what` follows the name of the reader's newest value. */
static int map_input_fail(struct map_input *input, const struct map_reader *reader,
                          const char *what)
{
        char name[MAP_READER_NAME_MAX];

        input->end = MAP_INPUT_E_BAD;
        return reason_set(&input->end_reason, MAP_INPUT_E_BAD, "%s %s",
                          map_reader_name(reader, name), what);
}

/* The reader's next value. 0, MAP_INPUT_E_*, or a fault. */
static int map_input_read(struct map_input *input, struct map_reader *reader,
                          const char **out_value, size_t *out_size)
{
        const int r = map_reader_next(reader, out_value, out_size, &input->end_reason);

        if (r == MAP_READER_E_AGAIN) {
                input->wait_fd = reader->fd;
                return MAP_INPUT_E_AGAIN;
        }
        if (r == MAP_READER_E_BAD)
                return input->end = MAP_INPUT_E_BAD;
        if (r == MAP_READER_E_END)
                return MAP_INPUT_E_END;
        return r ? PASS(r) : 0;
}

/* --colsep: how many columns this reader's records have, seen its first one. */
static uint32_t map_input_count_columns(const struct map_input *input, size_t found)
{
        const struct map_plan *const plan = input->plan;

        if (input->readers_count == 1 && !plan->uses_all)
                return plan->position_max;
        return (uint32_t)MIN(found, MAP_INPUT_TASK_VALUES_MAX);
}

static int map_input_add_columns(struct map_input *input, struct map_reader *reader,
                                 const char *value, size_t size, struct map_bytes *to)
{
        struct map_columns *const splitter = input->splitter;
        size_t found = 0;
        int r;

        r = map_columns_split(splitter, value, size, &found);
        if (r)
                return PASS(r);
        if (reader->columns == 0)
                reader->columns = map_input_count_columns(input, found);
        if (found > reader->columns && input->plan->uses_all) {
                char text[120];

                snprintf(text, sizeof(text), "has %zu columns, but the first has %u", found,
                         reader->columns);
                return map_input_fail(input, reader, text);
        }
        for (size_t i = 0; i < reader->columns; i++) {
                size_t column_size = 0;
                const char *const column =
                        i < found ? map_columns_get(splitter, i, &column_size) : "";

                r = map_bytes_add_value(to, column, column_size);
                if (r)
                        return PASS(r);
        }
        return 0;
}

/* --------------------------------------------------------------------------------------- groups */

/* Completes the record in `part`. 0, MAP_INPUT_E_*, or a fault. */
static int map_group_read(struct map_input *input, struct map_group *group)
{
        if (group->next == group->readers_count) {
                group->next = 0;
                group->part.size = 0;
        }
        for (; group->next < group->readers_count; group->next++) {
                struct map_reader *const reader = &group->readers[group->next];
                const char *value;
                size_t size;
                int r;

                r = map_input_read(input, reader, &value, &size);
                if (r)
                        return r;
                if (input->splitter)
                        r = map_input_add_columns(input, reader, value, size, &group->part);
                else
                        r = map_bytes_add_value(&group->part, value, size);
                if (r)
                        return r;
        }
        return 0;
}

static int map_group_keep(struct map_group *group)
{
        int r;

        if (group->ends_count == group->ends_room) {
                const size_t room = MAX(2 * group->ends_room, 64U);
                size_t *const bigger = realloc(group->ends, room * sizeof(*bigger));

                if (!bigger)
                        return FAULT(-ENOMEM);
                group->ends = bigger;
                group->ends_room = room;
        }
        r = map_bytes_add(&group->kept, group->part.data, group->part.size);
        if (r)
                return PASS(r);
        group->ends[group->ends_count++] = group->kept.size;
        return 0;
}

/* The record that the wheel shows. */
static const char *map_group_get(const struct map_group *group, bool first, size_t *out_size)
{
        size_t start;

        if (first) {
                *out_size = group->part.size;
                return group->part.data;
        }
        start = group->at > 0 ? group->ends[group->at - 1] : 0;
        *out_size = group->ends[group->at] - start;
        return group->kept.data + start;
}

/* Lets a wheel that comes round again show record `at`. MAP_INPUT_E_END: it has been round. */
static int map_group_show(struct map_input *input, struct map_group *group)
{
        int r;

        if (group->at < group->ends_count)
                return 0;
        r = map_group_read(input, group);
        return r ? r : map_group_keep(group);
}

/*
 * Turns the wheels to the next record. `wheels` counts those that show theirs; one that has been
 * round begins anew and moves the one before it.
 */
static int map_input_turn(struct map_input *input)
{
        if (input->wheels == input->groups_count) {
                input->wheels--;
                input->groups[input->wheels].at++;
        }
        while (input->wheels < input->groups_count) {
                struct map_group *const group = &input->groups[input->wheels];
                const int r = input->wheels == 0 ? map_group_read(input, group)
                                                 : map_group_show(input, group);

                if (r == MAP_INPUT_E_END && input->wheels > 0 && group->ends_count > 0) {
                        group->at = 0;
                        input->wheels--;
                        input->groups[input->wheels].at++;
                } else if (r) {
                        return r;
                } else {
                        input->wheels++;
                }
        }
        return 0;
}

/* ---------------------------------------------------------------------------------------- tasks */

uint32_t map_input_record_values(const struct map_input *input)
{
        uint64_t count = 0;

        if (!input->splitter)
                return (uint32_t)input->readers_count;
        for (size_t i = 0; i < input->readers_count; i++) {
                if (input->readers[i].columns == 0)
                        return 0;
                count += input->readers[i].columns;
        }
        return (uint32_t)MIN(count, UINT32_MAX);
}

uint32_t map_input_values(const struct map_input *input)
{
        const uint64_t count = (uint64_t)map_input_record_values(input) * input->plan->per_task;

        return (uint32_t)MIN(count, UINT32_MAX);
}

static int map_input_refuse_task(struct map_input *input)
{
        input->end = MAP_INPUT_E_BAD;
        return reason_set(&input->end_reason, MAP_INPUT_E_BAD,
                          "the inputs of task %llu are more than 1 MiB or 1000000 words together: "
                          "use a smaller -n",
                          (unsigned long long)input->sequence + 1);
}

static int map_input_add_record(struct map_input *input)
{
        for (size_t i = 0; i < input->groups_count; i++) {
                size_t size;
                const char *const record = map_group_get(&input->groups[i], i == 0, &size);
                const int r = map_bytes_add(&input->task, record, size);

                if (r)
                        return PASS(r);
        }
        input->task_records++;
        if (input->task.size > MAP_INPUT_TASK_MAX ||
            (uint64_t)input->task_records * map_input_record_values(input) >
                    MAP_INPUT_TASK_VALUES_MAX)
                return map_input_refuse_task(input);
        return 0;
}

static uint64_t map_input_count_task_values(const struct map_input *input)
{
        return (uint64_t)input->task_records * map_input_record_values(input);
}

static void map_input_drop_task(struct map_input *input)
{
        input->task.size = 0;
        input->task_records = 0;
        input->task_ready = false;
}

/* Is the whole task done already? 0 no, 1 yes, MAP_INPUT_E_BAD (below 0: a fault) as it says. */
static int map_input_ask_resume(struct map_input *input, bool *out_done)
{
        const size_t count = (size_t)map_input_count_task_values(input);
        int r;

        *out_done = false;
        if (!input->resume)
                return 0;
        if (!input->words) {
                input->words = calloc(map_input_values(input), sizeof(*input->words));
                if (!input->words)
                        return FAULT(-ENOMEM);
        }
        (void)template_split(input->task.data, input->task.size, input->words, count);
        r = map_resume_check(input->resume, input->sequence, input->words, count,
                             &input->end_reason);
        if (r == MAP_RESUME_E_BAD)
                input->end = MAP_INPUT_E_BAD;
        *out_done = r == MAP_RESUME_E_DONE;
        if (r < 0)
                return PASS(r);
        return r == MAP_RESUME_E_BAD ? MAP_INPUT_E_BAD : 0;
}

/* Reads on until a task is whole that must run. 0, MAP_INPUT_E_*, or a fault. */
static int map_input_next_task(struct map_input *input)
{
        while (!input->task_ready) {
                bool done;
                int r = 0;

                if (input->end)
                        return input->end;
                while (input->task_records < input->plan->per_task && r == 0) {
                        r = map_input_turn(input);
                        if (r == 0)
                                r = map_input_add_record(input);
                }
                if (r == MAP_INPUT_E_END)
                        input->end = r;
                if (r && (r != MAP_INPUT_E_END || input->task_records == 0))
                        return r;
                input->sequence++;
                r = map_input_ask_resume(input, &done);
                if (r)
                        return r;
                if (done) {
                        map_input_drop_task(input);
                        input->skipped_count++;
                } else {
                        input->task_ready = true;
                }
        }
        return 0;
}

static int map_input_answer(const struct map_input *input, int r, struct reason *why)
{
        if (r == MAP_INPUT_E_BAD)
                return reason_set(why, r, "%s", input->end_reason.text);
        return r;
}

int map_input_prepare(struct map_input *input, struct reason *why)
{
        return map_input_answer(input, map_input_next_task(input), why);
}

int map_input_take(struct map_input *input, size_t size_max, struct map_chunk *out_chunk,
                   struct reason *why)
{
        struct map_chunk chunk = { .tasks = 0 };
        int r;

        input->chunk.size = 0;
        for (;;) {
                r = map_input_next_task(input);
                if (r)
                        break;
                if (chunk.tasks > 0 && input->chunk.size + input->task.size > size_max)
                        break;
                r = map_bytes_add(&input->chunk, input->task.data, input->task.size);
                if (r)
                        return PASS(r);
                chunk.count += map_input_count_task_values(input);
                chunk.tasks++;
                map_input_drop_task(input);
        }
        if (r < 0)
                return PASS(r);
        if (chunk.tasks == 0)
                return map_input_answer(input, r, why);
        input->task_count += chunk.tasks;
        chunk.values = input->chunk.data;
        chunk.size = input->chunk.size;
        *out_chunk = chunk;
        return 0;
}

int map_input_fd(const struct map_input *input)
{
        return input->wait_fd;
}

bool map_input_is_terminal(const struct map_input *input)
{
        for (size_t i = 0; i < input->readers_count; i++)
                if (input->readers[i].fd >= 0 && isatty(input->readers[i].fd) == 1)
                        return true;
        return false;
}

uint64_t map_input_task_count(const struct map_input *input)
{
        return input->task_count;
}

uint64_t map_input_skipped_count(const struct map_input *input)
{
        return input->skipped_count;
}

/* ----------------------------------------------------------------------------- making, freeing */

struct map_input *map_input_free(struct map_input *input)
{
        if (!input)
                return NULL;
        for (size_t i = 0; i < input->groups_count; i++) {
                free(input->groups[i].part.data);
                free(input->groups[i].kept.data);
                free(input->groups[i].ends);
        }
        for (size_t i = 0; i < input->readers_count; i++)
                map_reader_deinit(&input->readers[i]);
        free(input->groups);
        free(input->readers);
        free(input->task.data);
        free(input->chunk.data);
        free(input->words);
        map_columns_free(input->splitter);
        free(input);
        return NULL;
}

/* One group for each source that is not linked to the one before. */
static void map_input_make_groups(struct map_input *input)
{
        for (size_t i = 0; i < input->readers_count; i++) {
                struct map_group *group;

                if (!input->plan->sources[i].linked)
                        input->groups[input->groups_count++].readers = &input->readers[i];
                group = &input->groups[input->groups_count - 1];
                group->readers_count++;
                group->next = group->readers_count; /* as after a record */
        }
}

int map_input_new(const struct map_plan *plan, struct map_resume *resume,
                  struct map_input **out_input, struct reason *why)
{
        _cleanup_(map_input_freep) struct map_input *input = NULL;
        int r = 0;

        input = calloc(1, sizeof(*input));
        if (!input)
                return FAULT(-ENOMEM);
        input->plan = plan;
        input->resume = resume;
        input->wait_fd = -1;
        input->readers = calloc(plan->sources_count, sizeof(*input->readers));
        input->groups = calloc(plan->sources_count, sizeof(*input->groups));
        if (!input->readers || !input->groups)
                return FAULT(-ENOMEM);
        for (size_t i = 0; i < plan->sources_count; i++)
                input->readers[i].fd = -1;
        input->readers_count = plan->sources_count;
        for (size_t i = 0; i < plan->sources_count && r == 0; i++)
                r = map_reader_init(&input->readers[i], &plan->sources[i], plan->options->null,
                                    why);
        if (r)
                return r < 0 ? PASS(r) : MAP_INPUT_E_BAD;
        if (plan->options->colsep) {
                r = map_columns_new(plan->options->colsep, &input->splitter, why);
                if (r == MAP_COLUMNS_E_BAD)
                        return MAP_INPUT_E_BAD;
                if (r)
                        return PASS(r);
        }
        map_input_make_groups(input);
        *out_input = TAKE_PTR(input);
        return 0;
}

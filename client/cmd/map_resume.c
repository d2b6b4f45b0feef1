/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is left to do of a map that ran before.
 *
 * As in parallel, a joblog tells by sequence number what was done: with --resume every task that is
 * in it, with --resume-failed those that succeeded. Unlike parallel, the commands are compared as
 * well: the log's first lines are remembered by a hash, and a task whose command is another one
 * means that this is the log of another map (or that its inputs were changed), so that skipping by
 * number would leave out the wrong work. The slot {%} is another one in each run: a command that
 * uses it is not compared.
 *
 * Done numbers are kept as ranges, each with the count of done tasks before it: a map that was
 * interrupted is one range and a few holes, whatever its length. jobd numbers the tasks that it
 * gets without holes; map_resume_sequence() finds the place of one among all inputs.
 *
 * Ranges beyond the point that map_resume_check() has reached are only what the log says; results
 * on disk add to them as the inputs pass. Used by map_input.c and the session.
 */
#include "client/cmd/map_resume.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "common/template.h"

#include "client/cmd/joblog.h"
#include "client/cmd/map_files.h"

#define MAP_RESUME_COMPARED_MAX 4096

/* Tasks that are done: sequence numbers first .. last. */
struct map_resume_range {
        uint64_t first, last;
        uint64_t before; /* done tasks below `first` */
};

/* A line of the log that the command line is compared with. */
struct map_resume_line {
        uint64_t sequence;
        uint64_t hash;
};

struct map_resume {
        const struct map_plan *plan;   /* borrowed */
        const struct map_files *files; /* borrowed; may be NULL */
        struct template *template;     /* owned; NULL until it is needed */
        bool compares;

        uint64_t *logged; /* owned: done by the log, rising */
        size_t logged_count, logged_room;
        size_t logged_at; /* the first that map_resume_check() has not passed */

        struct map_resume_line *lines; /* owned: rising */
        size_t lines_count, lines_room;

        struct map_resume_range *done; /* owned: what was passed, rising */
        size_t done_count, done_room;
};

struct map_resume *map_resume_free(struct map_resume *resume)
{
        if (!resume)
                return NULL;
        template_free(resume->template);
        free(resume->logged);
        free(resume->lines);
        free(resume->done);
        free(resume);
        return NULL;
}

/* Room for one more element of `size` bytes. */
static int map_resume_grow(void *array_pointer, size_t count, size_t *room, size_t size)
{
        void **const array = array_pointer;
        const size_t wanted = MAX(2 * *room, 64U);
        void *bigger;

        if (count < *room)
                return 0;
        bigger = reallocarray(*array, wanted, size);
        if (!bigger)
                return FAULT(-ENOMEM);
        *array = bigger;
        *room = wanted;
        return 0;
}

/* ------------------------------------------------------------------------------------- the log */

/* FNV-1a: an accident is to be seen, not an enemy. */
static uint64_t map_resume_hash(const void *data, size_t size)
{
        const uint8_t *const bytes = data;
        uint64_t hash = 0xcbf29ce484222325U;

        for (size_t i = 0; i < size; i++)
                hash = (hash ^ bytes[i]) * 0x100000001b3U;
        return hash;
}

static int map_resume_on_line(void *arg, const struct joblog_entry *entry)
{
        struct map_resume *const resume = arg;
        const bool succeeded = entry->exit_code == 0 && entry->exit_signal == 0;
        int r;

        if (resume->compares && resume->lines_count < MAP_RESUME_COMPARED_MAX) {
                r = map_resume_grow(&resume->lines, resume->lines_count, &resume->lines_room,
                                    sizeof(*resume->lines));
                if (r)
                        return PASS(r);
                resume->lines[resume->lines_count++] = (struct map_resume_line){
                        .sequence = entry->sequence,
                        .hash = map_resume_hash(entry->command, entry->command_size),
                };
        }
        if (resume->plan->options->resume_failed && !succeeded)
                return 0;
        r = map_resume_grow(&resume->logged, resume->logged_count, &resume->logged_room,
                            sizeof(*resume->logged));
        if (r)
                return PASS(r);
        resume->logged[resume->logged_count++] = entry->sequence;
        return 0;
}

static int map_resume_compare_numbers(const void *a, const void *b)
{
        const uint64_t *const left = a, *const right = b;

        return (*left > *right) - (*left < *right);
}

static int map_resume_compare_lines(const void *a, const void *b)
{
        const struct map_resume_line *const left = a, *const right = b;

        return (left->sequence > right->sequence) - (left->sequence < right->sequence);
}

static int map_resume_read_log(struct map_resume *resume, struct reason *why)
{
        const int r = joblog_read(resume->plan->options->joblog, map_resume_on_line, resume, why);

        if (r == JOBLOG_E_BAD)
                return MAP_RESUME_E_BAD;
        if (r && r != JOBLOG_E_ABSENT)
                return PASS(r);
        if (resume->logged_count > 0)
                qsort(resume->logged, resume->logged_count, sizeof(*resume->logged),
                      map_resume_compare_numbers);
        if (resume->lines_count > 0)
                qsort(resume->lines, resume->lines_count, sizeof(*resume->lines),
                      map_resume_compare_lines);
        return 0;
}

/* Is the slot's number in the command? */
static bool map_resume_has_slot(const struct map_plan *plan)
{
        for (size_t i = 0; i < plan->command_count; i++)
                if (strstr(plan->command[i], "{%}"))
                        return true;
        return false;
}

int map_resume_new(const struct map_plan *plan, const struct map_files *files,
                   struct map_resume **out_resume, struct reason *why)
{
        _cleanup_(map_resume_freep) struct map_resume *resume = calloc(1, sizeof(*resume));
        int r;

        if (!resume)
                return FAULT(-ENOMEM);
        resume->plan = plan;
        resume->files = plan->resume && !plan->options->resume_failed ? files : NULL;
        resume->compares = !map_resume_has_slot(plan);
        if (plan->resume && plan->options->joblog) {
                r = map_resume_read_log(resume, why);
                if (r)
                        return r;
        }
        *out_resume = TAKE_PTR(resume);
        return 0;
}

/* --------------------------------------------------------------------------------- the inputs */

/* Is the line of the log with this number, when there is one, of this command? */
static int map_resume_compare(struct map_resume *resume, const struct template_facts *facts,
                              struct reason *why)
{
        const struct map_resume_line key = { .sequence = facts->sequence };
        const struct map_resume_line *line;
        _cleanup_(freep) char *command = NULL;
        int r;

        if (resume->lines_count == 0)
                return 0;
        line = bsearch(&key, resume->lines, resume->lines_count, sizeof(key),
                       map_resume_compare_lines);
        if (!line)
                return 0;
        if (!resume->template) {
                r = map_plan_make_template(resume->plan, UINT32_MAX, &resume->template, why);
                if (r)
                        return r < 0 ? PASS(r) : MAP_RESUME_E_BAD;
        }
        r = template_format(resume->template, facts, &command, why);
        if (r > 0)
                return 0; /* too long with its values: the log could not show it either */
        if (r)
                return PASS(r);
        if (map_resume_hash(command, strlen(command)) == line->hash)
                return 0;
        return reason_set(why, MAP_RESUME_E_BAD,
                          "the job log %.100s is of another command or of other inputs (its task "
                          "%llu is not this one's): give its own command line, or another file",
                          resume->plan->options->joblog, (unsigned long long)facts->sequence);
}

/* Does the log say so? Numbers are asked for in rising order. */
static bool map_resume_is_logged(struct map_resume *resume, uint64_t sequence)
{
        while (resume->logged_at < resume->logged_count &&
               resume->logged[resume->logged_at] < sequence)
                resume->logged_at++;
        return resume->logged_at < resume->logged_count &&
               resume->logged[resume->logged_at] == sequence;
}

static int map_resume_note_done(struct map_resume *resume, uint64_t sequence)
{
        struct map_resume_range *last =
                resume->done_count > 0 ? &resume->done[resume->done_count - 1] : NULL;
        const uint64_t before = map_resume_done_count(resume);
        int r;

        if (last && last->last + 1 == sequence) {
                last->last++;
                return 0;
        }
        r = map_resume_grow(&resume->done, resume->done_count, &resume->done_room,
                            sizeof(*resume->done));
        if (r)
                return PASS(r);
        resume->done[resume->done_count++] = (struct map_resume_range){
                .first = sequence,
                .last = sequence,
                .before = before,
        };
        return 0;
}

int map_resume_check(struct map_resume *resume, uint64_t sequence,
                     const struct template_word *values, size_t values_count, struct reason *why)
{
        const struct template_facts facts = {
                .values = values,
                .values_count = values_count,
                .sequence = sequence,
                .slot = 1,
        };
        int r;

        r = map_resume_compare(resume, &facts, why);
        if (r)
                return r;
        if (!map_resume_is_logged(resume, sequence) &&
            !(resume->files && map_files_has(resume->files, values, values_count)))
                return 0;
        r = map_resume_note_done(resume, sequence);
        return r ? PASS(r) : MAP_RESUME_E_DONE;
}

uint64_t map_resume_done_count(const struct map_resume *resume)
{
        const struct map_resume_range *last;

        if (!resume || resume->done_count == 0)
                return 0;
        last = &resume->done[resume->done_count - 1];
        return last->before + (last->last - last->first + 1);
}

uint64_t map_resume_sequence(const struct map_resume *resume, uint64_t task)
{
        size_t low = 0, high = resume ? resume->done_count : 0;

        /* The last range that begins at or before this task's place: below it `first - 1 - before`
         * tasks are not done. */
        while (low < high) {
                const size_t middle = low + (high - low) / 2;
                const struct map_resume_range *const range = &resume->done[middle];

                if (range->first - 1 - range->before <= task)
                        low = middle + 1;
                else
                        high = middle;
        }
        if (low == 0)
                return task + 1;
        return task + 1 + resume->done[low - 1].before +
               (resume->done[low - 1].last - resume->done[low - 1].first + 1);
}

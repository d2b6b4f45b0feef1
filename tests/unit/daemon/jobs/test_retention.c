/* SPDX-License-Identifier: Apache-2.0 */
/* What a walk drops, above all of jobs whose tasks do not fit one page. The journal is a script. */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/jobs/retention.h"
#include "tests/unit/suite.h"

#define PIECE 3U /* tasks of a page */

/* Finished jobs, newest first; each task keeps 10 bytes. */
struct job_script {
        uint64_t id, tasks;
        bool open; /* retried: the row is of an unfinished job */
};

static const struct job_script *scripts;
static size_t scripts_count;
static struct retention *retention;

/* The read under way, and what was dropped so far: "4:0-2 4:3-5 4!" */
static struct journal_job_query asked;
static uint64_t asked_id;
static journal_page_fn asked_done;
static char dropped[256];

void engine_count(const struct engine *e, struct engine_counts *out_counts)
{
        (void)e;
        *out_counts = (struct engine_counts){ .finished_tasks = 1 };
}

struct journal *engine_journal(struct engine *e)
{
        return (struct journal *)e;
}

void journal_read_cancel(struct journal_read *read)
{
        (void)read;
}

int journal_read_jobs(struct journal *journal, const struct journal_job_query *query,
                      journal_page_fn done, void *arg, struct journal_read **out_read)
{
        (void)arg;
        asked = *query;
        asked_id = query->ids ? query->ids[0] : 0;
        asked_done = done;
        *out_read = (struct journal_read *)journal; /* anything but NULL */
        return 0;
}

int engine_drop(struct engine *e, const struct journal_page *page, uint64_t *out_dropped)
{
        size_t length = strlen(dropped);

        (void)e;
        *out_dropped = 0;
        for (size_t i = 0; i < page->jobs_count; i++) {
                const uint64_t id = page->jobs[i].id;
                uint64_t first = UINT64_MAX, last = 0;

                for (size_t k = 0; k < page->tasks_count; k++)
                        if (page->tasks[k].job == id) {
                                first = MIN(first, page->tasks[k].task);
                                last = page->tasks[k].task;
                        }
                length +=
                        (size_t)snprintf(dropped + length, sizeof(dropped) - length, "%u:%u-%u ",
                                         (unsigned int)id, (unsigned int)first, (unsigned int)last);
                if (page->next_task > 0 && i + 1 == page->jobs_count)
                        continue;
                dropped[length - 1] = '!';
                length += (size_t)snprintf(dropped + length, sizeof(dropped) - length, " ");
                (*out_dropped)++;
        }
        return 0;
}

/* Adds a job and as many of its tasks as fit; true when that was all of them. */
static bool add_job(struct journal_page *page, const struct job_script *script, uint64_t first)
{
        struct journal_job *const job = &page->jobs[page->jobs_count++];

        *job = (struct journal_job){ .id = script->id, .uid = 1, .finished = !script->open };
        for (uint64_t task = first; task < script->tasks; task++) {
                if (page->tasks_count == PIECE) {
                        page->next_task = task;
                        return false;
                }
                page->tasks[page->tasks_count++] = (struct journal_task){ .job = script->id,
                                                                          .task = task,
                                                                          .output_disk_bytes = 10 };
        }
        return true;
}

/* Answers one read as the journal would. */
static void answer(void)
{
        struct journal_job jobs[8];
        struct journal_task tasks[PIECE];
        struct journal_page page = { .jobs = jobs, .tasks = tasks };
        journal_page_fn done = asked_done;

        asked_done = NULL;
        for (size_t i = 0; i < scripts_count; i++) {
                const struct job_script *const script = &scripts[i];

                if (asked.ids ? script->id != asked_id
                              : asked.before_id > 0 && script->id >= asked.before_id)
                        continue;
                page.next = script->id;
                if (!add_job(&page, script, asked.first_task)) {
                        page.more = !asked.ids && i + 1 < scripts_count;
                        break;
                }
        }
        done(retention, &page);
}

/* One whole walk over the scripted jobs. */
static void walk(const struct job_script *jobs, size_t count,
                 const struct retention_options *options)
{
        static int engine;

        scripts = jobs;
        scripts_count = count;
        dropped[0] = '\0';
        ck_assert_int_eq(retention_new((struct engine *)&engine, options, &retention), 0);
        ck_assert_int_eq(retention_turn(retention), 0);
        while (asked_done)
                answer();
        retention = retention_free(retention);
}

START_TEST(small_jobs_go_behind_the_count)
{
        static const struct job_script jobs[] = { { 9, 1, false },
                                                  { 8, 1, false },
                                                  { 7, 1, false } };
        const struct retention_options options = { .keep_count = 1 };

        walk(jobs, ARRAY_SIZE(jobs), &options);
        ck_assert_str_eq(dropped, "8:0-0! 7:0-0! ");
}
END_TEST

START_TEST(a_job_in_pieces_goes_with_all_its_files)
{
        static const struct job_script jobs[] = { { 9, 1, false },
                                                  { 8, 8, false },
                                                  { 7, 1, false } };
        const struct retention_options options = { .keep_count = 1 };

        walk(jobs, ARRAY_SIZE(jobs), &options);
        ck_assert_str_eq(dropped, "8:0-1 8:2-4 8:5-7! 7:0-0! ");
}
END_TEST

START_TEST(a_job_in_pieces_that_is_kept_is_counted_whole)
{
        static const struct job_script jobs[] = { { 9, 8, false },
                                                  { 8, 1, false },
                                                  { 7, 1, false } };
        const struct retention_options options = { .keep_bytes = 90 };

        walk(jobs, ARRAY_SIZE(jobs), &options);
        ck_assert_str_eq(dropped, "7:0-0! ");
}
END_TEST

/* Only its later pieces bring it over the limit: it goes whole, from its first file on. */
START_TEST(a_job_in_pieces_over_the_bytes)
{
        static const struct job_script jobs[] = { { 9, 8, false }, { 8, 1, false } };
        const struct retention_options options = { .keep_bytes = 50 };

        walk(jobs, ARRAY_SIZE(jobs), &options);
        ck_assert_str_eq(dropped, "9:0-2 9:3-5 9:6-7! 8:0-0! ");
}
END_TEST

/* Between two pieces its owner retries it: nothing more of it is touched, and the walk goes on. */
START_TEST(a_job_in_pieces_that_is_retried)
{
        static struct job_script jobs[] = { { 9, 8, false }, { 8, 1, false } };
        const struct retention_options options = { .keep_age_usec = 1 };
        static int engine;

        scripts = jobs;
        scripts_count = ARRAY_SIZE(jobs);
        dropped[0] = '\0';
        ck_assert_int_eq(retention_new((struct engine *)&engine, &options, &retention), 0);
        ck_assert_int_eq(retention_turn(retention), 0);
        answer();
        jobs[0].open = true;
        while (asked_done)
                answer();
        retention = retention_free(retention);
        ck_assert_str_eq(dropped, "9:0-2 8:0-0! ");
}
END_TEST

int main(void)
{
        Suite *suite = suite_create("retention");
        TCase *tcase = tcase_create("walks");

        tcase_add_test(tcase, small_jobs_go_behind_the_count);
        tcase_add_test(tcase, a_job_in_pieces_goes_with_all_its_files);
        tcase_add_test(tcase, a_job_in_pieces_that_is_kept_is_counted_whole);
        tcase_add_test(tcase, a_job_in_pieces_over_the_bytes);
        tcase_add_test(tcase, a_job_in_pieces_that_is_retried);
        suite_add_tcase(suite, tcase);
        return suite_run(suite);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* The screen of top: its lines, whatever the size, the filter and the mode. */
#include <stdio.h>
#include <string.h>

#include "common/clock.h"

#include "client/cmd/top_screen.h"
#include "tests/unit/suite.h"

static char *screen;
static struct top_view view;
static struct top_job jobs[] = {
        { .id = 7, .state = JOBCTL_STATE_RUNNING, .status = "running", .start_wall_usec = 1000000 },
        { .id = 8, .state = JOBCTL_STATE_QUEUED, .status = "held" },
        { .id = 9, .state = JOBCTL_STATE_FAILED, .status = "failed", .run_usec = 3 * USEC_PER_SEC },
};
static char build[] = "0.1.0", empty[] = "", nightly[] = "nightly", night[] = "night",
            command[] = "make all", why[] = "is held", all[] = "7 alice running nightly night make";
static struct top_share shares[] = {
        { .name = nightly, .weight = 2, .active = 3, .queued = 4, .cores = 5, .core_seconds = 90 },
        { .name = night, .weight = 1, .core_seconds = 10 },
};
static struct top_model model;

static void setup(void)
{
        for (size_t i = 0; i < ARRAY_SIZE(jobs); i++) {
                jobs[i].name = i == 0 ? nightly : empty;
                jobs[i].queue = night;
                jobs[i].command = command;
                jobs[i].why = i == 1 ? why : empty;
                jobs[i].all = i == 0 ? all : night;
        }
        model = (struct top_model){ .build = build, .jobs = jobs, .jobs_count = ARRAY_SIZE(jobs) };
        view = (struct top_view){ .is_live = true,
                                  .rows = 12,
                                  .columns = 80,
                                  .selected = 8,
                                  .now_wall_usec = 43 * USEC_PER_SEC };
}

static void teardown(void)
{
        free(screen);
        screen = NULL;
}

/* Draws; returns how many lines there are. */
static size_t draw(void)
{
        size_t size, lines = 1;
        FILE *const out = (free(screen), screen = NULL, open_memstream(&screen, &size));

        ck_assert_int_eq(top_screen_draw(&view, &model, out), 0);
        ck_assert_int_eq(fclose(out), 0);
        for (const char *at = screen; *at; at++)
                lines += *at == '\n';
        return lines;
}

static bool shows(const char *text)
{
        return strstr(screen, text);
}

START_TEST(test_a_screen)
{
        ck_assert_uint_eq(draw(), 12);
        ck_assert(shows(" 7  nightly  running   42s  night  make all\n"));
        ck_assert(shows("\033[7m 8 "));
        ck_assert(shows("job 8 is held\n"));
        ck_assert(shows("failed   3.0s"));
        ck_assert(!shows("WEIGHT"));
}
END_TEST

/* What keeps jobs from starting stands above all of them. */
START_TEST(test_what_is_wrong)
{
        static const char *const words[] = { "draining: nothing starts", "the disk is full",
                                             "the pool is not connected",
                                             "the daemon does not answer" };

        (void)draw();
        for (size_t i = 0; i < ARRAY_SIZE(words); i++)
                ck_assert(!shows(words[i]));
        for (size_t i = 0; i < ARRAY_SIZE(words); i++) {
                model.is_draining = i == 0;
                model.is_disk_full = i == 1;
                model.is_pool_missing = i == 2;
                view.is_away = i == 3;
                (void)draw();
                for (size_t k = 0; k < ARRAY_SIZE(words); k++)
                        ck_assert(shows(words[k]) == (i == k));
        }
}
END_TEST

START_TEST(test_every_size_is_filled)
{
        model.users = (struct top_shares){ .rows = shares, .count = 2, .core_seconds = 100 };
        for (view.rows = 1; view.rows < 30; view.rows++)
                ck_assert_uint_eq(draw(), MAX(view.rows, (size_t)1));
        view.mode = TOP_HELP;
        for (view.rows = 1; view.rows < 30; view.rows++)
                ck_assert_uint_eq(draw(), view.rows);
}
END_TEST

START_TEST(test_shares)
{
        model.users = (struct top_shares){ .rows = shares, .count = 2, .core_seconds = 100 };
        (void)draw();
        ck_assert(shows("USER     WEIGHT  RUNNING  QUEUED  CORES  CORE-TIME  SHARE\n"));
        ck_assert(shows("nightly       2        3       4      5      1m30s    90%\n"));
        ck_assert_uint_eq(top_screen_room(&view, &model), 12 - 4 - 2 - 3);
        model.users.count = 1;
        (void)draw();
        ck_assert(!shows("WEIGHT"));
}
END_TEST

START_TEST(test_filter_and_scroll)
{
        strcpy(view.filter, "NIGHTLY");
        (void)draw();
        ck_assert(shows(" 7 ") && !shows(" 9 "));
        ck_assert(shows("only with \"NIGHTLY\""));
        view.filter[0] = '\0';
        view.first = 1;
        (void)draw();
        ck_assert(!shows(" 7 ") && shows(" 9 "));
        view.mode = TOP_FILTER;
        strcpy(view.filter, "x");
        (void)draw();
        ck_assert(shows("\n/x_"));
}
END_TEST

START_TEST(test_told_once)
{
        view = (struct top_view){ .now_wall_usec = 43 * USEC_PER_SEC };
        ck_assert_uint_eq(draw(), 3 + 4 + 1);
        ck_assert(!shows("\033") && !shows("quit"));
        ck_assert(shows("user mode") && shows(" 8 "));
}
END_TEST

SUITE_MAIN("top_screen", setup, teardown, test_a_screen, test_what_is_wrong,
           test_every_size_is_filled, test_shares, test_filter_and_scroll, test_told_once)

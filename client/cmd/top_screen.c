/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The screen of top, from above: the daemon in two lines, the users and the queues when there is
 * more than one of them, the jobs, and in the last two lines what is to be said about the selected
 * one and about the keys. What does not fit is left out from below; jobs get what is left. Elapsed
 * times are counted here, from when something started, so that they go on without a new picture.
 *
 * Off a terminal the same lines, without the last two, and nothing is cut. Pure but for the names
 * of users; all text of others is safe to print already. Called by top_live.c and cmd_top.c.
 */
#include "client/cmd/top_screen.h"

#include <errno.h>
#include <string.h>

#include "common/clock.h"
#include "common/error.h"

#include "client/cmd/table.h"

#define SCREEN_SHARES_MAX 5  /* users, or queues, that are shown */
#define SCREEN_HEAD_LINES 3U /* with the empty one */
#define SCREEN_FOOT_LINES 2U
#define SCREEN_NUMBER_MAX 32
#define SCREEN_SECONDS_PER_MINUTE 60U

static const char *const screen_help[] = {
        "up down j k     the job before, behind; PgUp PgDn Home End: further",
        "c               cancel it (asks)",
        "p               pause it, or let it go on",
        "l               its output; back with Ctrl-C or at its end",
        "/               show only jobs with this text; empty: all",
        "? h             this text",
        "q Ctrl-C        leave",
        "",
        "Times go on by themselves; the rest is asked for when something happens.",
        NULL,
};

bool top_view_passes(const struct top_view *view, const struct top_job *job)
{
        return !view->filter[0] || strcasestr(job->all, view->filter);
}

/* -------------------------------------------------------------------------------------- head */

static size_t screen_share_lines(const struct top_shares *shares)
{
        return shares->count > 1 ? MIN(shares->count, (size_t)SCREEN_SHARES_MAX) + 1 : 0;
}

size_t top_screen_room(const struct top_view *view, const struct top_model *model)
{
        const size_t others = SCREEN_HEAD_LINES + 1 + (view->is_live ? SCREEN_FOOT_LINES : 0U) +
                              screen_share_lines(&model->users) +
                              screen_share_lines(&model->queues);

        if (view->rows == 0)
                return SIZE_MAX;
        return view->rows > others ? view->rows - others : 0;
}

static void screen_draw_head(const struct top_view *view, const struct top_model *model, FILE *out)
{
        const uint64_t now = view->now_wall_usec, start = model->start_wall_usec;
        char up[STYLE_TEXT_MAX], taken[STYLE_TEXT_MAX];

        fprintf(out, "%sjobd %s%s, %s mode, up %s", style_bold(view->colour),
                model->build ? model->build : "?", style_end(view->colour),
                model->is_system ? "system" : "user",
                style_duration(now > start ? now - start : 0, up));
        if (model->taken_wall_usec)
                fprintf(out, "; as of %s", style_time(model->taken_wall_usec, taken));
        fprintf(out, "%s\n", view->is_away ? "; the daemon does not answer" : "");
        fprintf(out, "Workers %llu of %llu busy", (unsigned long long)model->workers_busy,
                (unsigned long long)model->workers_wanted);
        if (model->cores)
                fprintf(out, "   Cores %llu of %llu", (unsigned long long)model->cores_leased,
                        (unsigned long long)model->cores);
        fprintf(out, "   Queued %llu   Running %llu   Finished %llu%s%s%s\n\n",
                (unsigned long long)model->queued, (unsigned long long)model->running,
                (unsigned long long)model->finished,
                model->is_draining ? "   draining: nothing starts" : "",
                model->is_disk_full ? "   the disk is full" : "",
                model->is_pool_missing ? "   the pool is not connected" : "");
}

/* ------------------------------------------------------------------------------------- shares */

static int screen_add_number(struct table *table, uint64_t number)
{
        char text[SCREEN_NUMBER_MAX];

        snprintf(text, sizeof(text), "%llu", (unsigned long long)number);
        return table_add_cell(table, text, "");
}

static int screen_add_share(struct table *table, const struct top_shares *shares,
                            const struct top_share *row, bool are_users)
{
        char time[STYLE_TEXT_MAX], part[SCREEN_NUMBER_MAX], first[SCREEN_NUMBER_MAX];

        if (are_users)
                snprintf(first, sizeof(first), "%g", row->weight);
        else
                snprintf(first, sizeof(first), "%llu", (unsigned long long)row->jobs);
        snprintf(part, sizeof(part), "%.0f%%",
                 shares->core_seconds > 0 ? 100 * row->core_seconds / shares->core_seconds : 0.0);
        style_duration((uint64_t)(row->core_seconds * (double)USEC_PER_SEC), time);
        if (table_add_row(table) || table_add_cell(table, row->name, "") ||
            table_add_cell(table, first, "") || screen_add_number(table, row->active) ||
            screen_add_number(table, row->queued) || screen_add_number(table, row->cores) ||
            table_add_cell(table, time, "") || table_add_cell(table, part, ""))
                return FAULT(-ENOMEM);
        return 0;
}

static int screen_draw_shares(const struct top_view *view, const struct top_shares *shares,
                              bool are_users, FILE *out)
{
        const struct table_column columns[] = {
                { are_users ? "USER" : "QUEUE", false, true, 8 },
                { are_users ? "WEIGHT" : "JOBS", true, false, 0 },
                { "RUNNING", true, false, 0 },
                { "QUEUED", true, false, 0 },
                { "CORES", true, false, 0 },
                { "CORE-TIME", true, false, 0 },
                { "SHARE", true, false, 0 },
                { NULL, false, false, 0 },
        };
        _cleanup_(table_freep) struct table *table = NULL;

        if (shares->count < 2)
                return 0;
        if (table_new(columns, &table))
                return FAULT(-ENOMEM);
        for (size_t i = 0; i < shares->count && i < SCREEN_SHARES_MAX; i++)
                if (screen_add_share(table, shares, &shares->rows[i], are_users))
                        return FAULT(-ENOMEM);
        table_print(table, view->columns, style_bold(view->colour), style_end(view->colour), out);
        return 0;
}

/* --------------------------------------------------------------------------------------- jobs */

/* Whole seconds of what runs: it is seen ticking. */
static void screen_format_time(const struct top_view *view, const struct top_job *job,
                               char text[static STYLE_TEXT_MAX])
{
        const uint64_t start = job->start_wall_usec, now = view->now_wall_usec;
        const uint64_t seconds = now > start ? (now - start) / USEC_PER_SEC : 0;

        text[0] = '\0';
        if (start > 0 && seconds < SCREEN_SECONDS_PER_MINUTE)
                snprintf(text, STYLE_TEXT_MAX, "%llus", (unsigned long long)seconds);
        else if (start > 0)
                style_duration(seconds * USEC_PER_SEC, text);
        else if (job->run_usec > 0)
                style_duration(job->run_usec, text);
}

static int screen_add_job(const struct top_view *view, struct table *table,
                          const struct top_job *job)
{
        const bool plain = view->is_live && job->id == view->selected;
        const char *const colour = style_state(view->colour && !plain, job->state);
        char time[STYLE_TEXT_MAX], user[STYLE_TEXT_MAX];

        screen_format_time(view, job, time);
        if (table_add_row(table) || screen_add_number(table, job->id) ||
            (view->all_users && table_add_cell(table, style_user(job->uid, user), "")) ||
            table_add_cell(table, job->name, "") || table_add_cell(table, job->status, colour) ||
            table_add_cell(table, time, "") || table_add_cell(table, job->queue, "") ||
            table_add_cell(table, job->command, ""))
                return FAULT(-ENOMEM);
        return 0;
}

/* The table's lines, the selected job's reversed. */
static void screen_print_jobs(const struct top_view *view, char *text, size_t selected, FILE *out)
{
        char *rest = text;
        const char *line;

        for (size_t i = 0; (line = strsep(&rest, "\n")) && (line[0] || rest); i++)
                if (i > 0 && i - 1 == selected)
                        fprintf(out, "\033[7m%s%*s\033[0m\n", line,
                                (int)(view->columns > table_text_width(line)
                                              ? view->columns - table_text_width(line)
                                              : 0),
                                "");
                else
                        fprintf(out, "%s\n", line);
}

/* *out_selected: which of the rows; SIZE_MAX: none. */
static int screen_fill_jobs(const struct top_view *view, const struct top_model *model,
                            struct table *table, size_t *out_selected)
{
        const size_t room = top_screen_room(view, model);
        size_t passed = 0, shown = 0;

        *out_selected = SIZE_MAX;
        for (size_t i = 0; i < model->jobs_count && shown < room; i++) {
                const struct top_job *const job = &model->jobs[i];

                if (!top_view_passes(view, job) || passed++ < view->first)
                        continue;
                if (view->is_live && job->id == view->selected)
                        *out_selected = shown;
                shown++;
                if (screen_add_job(view, table, job))
                        return FAULT(-ENOMEM);
        }
        return 0;
}

static int screen_draw_jobs(const struct top_view *view, const struct top_model *model, FILE *out)
{
        static const struct table_column mine[] = {
                { "ID", true, false, 0 },    { "NAME", false, true, 8 },
                { "STATE", false, true, 8 }, { "TIME", true, false, 0 },
                { "QUEUE", false, true, 7 }, { "COMMAND", false, true, 10 },
                { NULL, false, false, 0 },
        };
        static const struct table_column everybodys[] = {
                { "ID", true, false, 0 },       { "USER", false, true, 6 },
                { "NAME", false, true, 8 },     { "STATE", false, true, 8 },
                { "TIME", true, false, 0 },     { "QUEUE", false, true, 7 },
                { "COMMAND", false, true, 10 }, { NULL, false, false, 0 },
        };
        _cleanup_(table_freep) struct table *table = NULL;
        _cleanup_(freep) char *text = NULL;
        size_t size = 0, selected;
        FILE *memory;

        if (table_new(view->all_users ? everybodys : mine, &table) ||
            screen_fill_jobs(view, model, table, &selected))
                return FAULT(-ENOMEM);
        memory = open_memstream(&text, &size);
        if (!memory)
                return FAULT(-ENOMEM);
        table_print(table, view->columns, style_bold(view->colour), style_end(view->colour),
                    memory);
        if (fclose(memory))
                return FAULT(-ENOMEM);
        screen_print_jobs(view, text, selected, out);
        return 0;
}

/* --------------------------------------------------------------------------------------- foot */

/* What is to be said about the selected job. */
static void screen_print_detail(const struct top_view *view, const struct top_model *model,
                                FILE *out)
{
        const size_t at = top_model_find(model, view->selected);

        if (model->jobs_count == 0)
                fputs("there are no jobs", out);
        else if (at != SIZE_MAX && model->jobs[at].why[0])
                fprintf(out, "job %llu %s", (unsigned long long)view->selected,
                        model->jobs[at].why);
        else if (model->is_short)
                fputs("there are more jobs than are shown", out);
        fputc('\n', out);
}

static void screen_print_keys(const struct top_view *view, FILE *out)
{
        if (view->mode == TOP_FILTER)
                fprintf(out, "/%s_", view->filter);
        else if (view->message[0])
                fputs(view->message, out);
        else if (view->filter[0])
                fprintf(out, "only with \"%s\"   / other   q quit", view->filter);
        else
                fputs("q quit   j k move   c cancel   p pause   l logs   / filter   ? help", out);
}

static void screen_draw_help(const struct top_view *view, FILE *out)
{
        size_t lines = 0;

        for (; screen_help[lines] && lines + 1 < view->rows; lines++)
                fprintf(out, "%s\n", screen_help[lines]);
        for (; lines + 1 < view->rows; lines++)
                fputc('\n', out);
        fputs("any key: back", out);
}

/* --------------------------------------------------------------------------------------- whole */

static int screen_draw_body(const struct top_view *view, const struct top_model *model, FILE *out)
{
        screen_draw_head(view, model, out);
        if (screen_draw_shares(view, &model->users, true, out) ||
            screen_draw_shares(view, &model->queues, false, out))
                return FAULT(-ENOMEM);
        return screen_draw_jobs(view, model, out);
}

/* The first `rows` lines, and empty ones where there are fewer. */
static void screen_print_rows(char *text, size_t rows, FILE *out)
{
        char *rest = text;

        for (size_t i = 0; i < rows; i++) {
                const char *const line = rest ? strsep(&rest, "\n") : NULL;

                fprintf(out, "%s\n", line ? line : "");
        }
}

int top_screen_draw(const struct top_view *view, const struct top_model *model, FILE *out)
{
        _cleanup_(freep) char *body = NULL;
        size_t size = 0;
        FILE *memory;
        int r;

        if (!view->is_live)
                return screen_draw_body(view, model, out);
        if (view->mode == TOP_HELP) {
                screen_draw_help(view, out);
                return 0;
        }
        memory = open_memstream(&body, &size);
        if (!memory)
                return FAULT(-ENOMEM);
        r = screen_draw_body(view, model, memory);
        if (fclose(memory) || r)
                return FAULT(-ENOMEM);
        screen_print_rows(body, view->rows > SCREEN_FOOT_LINES ? view->rows - SCREEN_FOOT_LINES : 0,
                          out);
        if (view->rows >= SCREEN_FOOT_LINES)
                screen_print_detail(view, model, out);
        screen_print_keys(view, out);
        return 0;
}

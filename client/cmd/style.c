/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The look of things. Colour is never the only carrier of meaning: every state has its word, and
 * without colour all sequences are empty strings. Text that comes from jobs is escaped here before
 * anything prints it.
 */
#include "client/cmd/style.h"

#include <pwd.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "common/clock.h"
#include "common/text.h"

const char *style_state(bool colour, unsigned int state)
{
        static const char *const colours[JOBCTL_STATE_COUNT] = {
                [JOBCTL_STATE_QUEUED] = "\033[33m",   [JOBCTL_STATE_STARTING] = "\033[36m",
                [JOBCTL_STATE_RUNNING] = "\033[36m",  [JOBCTL_STATE_PAUSED] = "\033[35m",
                [JOBCTL_STATE_STOPPING] = "\033[35m", [JOBCTL_STATE_SUCCEEDED] = "\033[32m",
                [JOBCTL_STATE_FAILED] = "\033[31m",   [JOBCTL_STATE_CANCELLED] = "\033[35m",
                [JOBCTL_STATE_TIMEOUT] = "\033[31m",  [JOBCTL_STATE_OOM] = "\033[31m",
                [JOBCTL_STATE_LOST] = "\033[1;31m",
        };

        return colour && state < JOBCTL_STATE_COUNT && colours[state] ? colours[state] : "";
}

const char *style_bold(bool colour)
{
        return colour ? "\033[1m" : "";
}

const char *style_end(bool colour)
{
        return colour ? "\033[0m" : "";
}

const char *style_state_word(const struct jobctl_item *job)
{
        const uint64_t state = jobctl_number_or(job, JOBCTL_JOB_STATE, 0);
        const uint64_t blockers = jobctl_number_or(job, JOBCTL_JOB_BLOCKERS, 0);

        if (state != JOBCTL_STATE_QUEUED || blockers == 0)
                return jobctl_state_name((unsigned int)state);
        return blockers & JOBCTL_BLOCKER_HOLD ? "held" : "waiting";
}

char *style_tasks(const struct jobctl_item *job, char buf[static STYLE_TASKS_MAX])
{
        static const struct {
                enum jobctl_state state;
                const char *word;
        } rows[] = {
                { JOBCTL_STATE_RUNNING, "running" },   { JOBCTL_STATE_STARTING, "starting" },
                { JOBCTL_STATE_PAUSED, "paused" },     { JOBCTL_STATE_STOPPING, "stopping" },
                { JOBCTL_STATE_FAILED, "failed" },     { JOBCTL_STATE_CANCELLED, "cancelled" },
                { JOBCTL_STATE_TIMEOUT, "timed out" }, { JOBCTL_STATE_OOM, "out of memory" },
                { JOBCTL_STATE_LOST, "lost" },
        };
        const uint64_t tasks = jobctl_number_or(job, JOBCTL_JOB_TASK_COUNT, 1);
        const bool open = jobctl_number_or(job, JOBCTL_JOB_OPEN, 0) != 0;
        uint64_t done = 0;
        size_t n;

        buf[0] = '\0';
        if (tasks <= 1 && !open)
                return buf;
        for (unsigned int state = JOBCTL_STATE_SUCCEEDED; state < JOBCTL_STATE_COUNT; state++)
                done += jobctl_get_number_at(job, JOBCTL_JOB_TASKS_BY_STATE, state);
        n = (size_t)snprintf(buf, STYLE_TASKS_MAX, "%llu of %llu%s done", (unsigned long long)done,
                             (unsigned long long)tasks, open ? " so far" : "");
        for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
                const uint64_t count =
                        jobctl_get_number_at(job, JOBCTL_JOB_TASKS_BY_STATE, rows[i].state);

                if (count > 0)
                        n += (size_t)snprintf(buf + n, STYLE_TASKS_MAX - n, ", %llu %s",
                                              (unsigned long long)count, rows[i].word);
        }
        return buf;
}

char *style_counts(const struct jobctl_item *job, char text[static STYLE_COUNTS_MAX])
{
        const uint64_t tasks = jobctl_number_or(job, JOBCTL_JOB_TASK_COUNT, 1);
        const bool open = jobctl_number_or(job, JOBCTL_JOB_OPEN, 0) != 0;
        uint64_t ended = 0, ok, cancelled;
        int n;

        for (size_t i = 0; i < jobctl_count(job, JOBCTL_JOB_TASKS_BY_STATE); i++)
                if (jobctl_state_is_finished((unsigned int)i))
                        ended += jobctl_get_number_at(job, JOBCTL_JOB_TASKS_BY_STATE, i);
        ok = jobctl_get_number_at(job, JOBCTL_JOB_TASKS_BY_STATE, JOBCTL_STATE_SUCCEEDED);
        cancelled = jobctl_get_number_at(job, JOBCTL_JOB_TASKS_BY_STATE, JOBCTL_STATE_CANCELLED);
        n = snprintf(text, STYLE_COUNTS_MAX, "%s", style_state_word(job));
        if (tasks > 1 || open)
                n += snprintf(text + n, STYLE_COUNTS_MAX - (size_t)n, " %llu/%llu%s",
                              (unsigned long long)ended, (unsigned long long)tasks,
                              open ? "+" : "");
        if ((tasks > 1 || open) && ended > ok + cancelled)
                n += snprintf(text + n, STYLE_COUNTS_MAX - (size_t)n, ", %llu failed",
                              (unsigned long long)(ended - ok - cancelled));
        if ((tasks > 1 || open) && cancelled > 0)
                snprintf(text + n, STYLE_COUNTS_MAX - (size_t)n, ", %llu cancelled",
                         (unsigned long long)cancelled);
        return text;
}

const char *style_halt_word(uint64_t on)
{
        static const char *const words[] = { [JOBCTL_HALT_NONE] = "never",
                                             [JOBCTL_HALT_FAIL] = "fail",
                                             [JOBCTL_HALT_SUCCESS] = "success",
                                             [JOBCTL_HALT_DONE] = "done" };

        return on < ARRAY_SIZE(words) ? words[on] : "unknown";
}

char *style_duration(uint64_t usec, char buf[static STYLE_TEXT_MAX])
{
        const unsigned long long s = usec / USEC_PER_SEC;

        if (s == 0)
                snprintf(buf, STYLE_TEXT_MAX, "%llums",
                         (unsigned long long)(usec % USEC_PER_SEC / 1000));
        else if (s < 60)
                snprintf(buf, STYLE_TEXT_MAX, "%llu.%llus", s,
                         (unsigned long long)(usec % USEC_PER_SEC / 100000));
        else if (s < 3600)
                snprintf(buf, STYLE_TEXT_MAX, "%llum%02llus", s / 60, s % 60);
        else if (s < 86400)
                snprintf(buf, STYLE_TEXT_MAX, "%lluh%02llum", s / 3600, s % 3600 / 60);
        else
                snprintf(buf, STYLE_TEXT_MAX, "%llud%02lluh", s / 86400, s % 86400 / 3600);
        return buf;
}

char *style_time(uint64_t wall_usec, char buf[static STYLE_TEXT_MAX])
{
        const time_t then = (time_t)(wall_usec / USEC_PER_SEC);
        const time_t now = (time_t)(clock_wall_usec() / USEC_PER_SEC);
        struct tm a;
        struct tm b;

        if (!localtime_r(&then, &a) || !localtime_r(&now, &b))
                snprintf(buf, STYLE_TEXT_MAX, "?");
        else if (a.tm_year == b.tm_year && a.tm_yday == b.tm_yday)
                strftime(buf, STYLE_TEXT_MAX, "%H:%M:%S", &a);
        else
                strftime(buf, STYLE_TEXT_MAX, "%Y-%m-%d %H:%M", &a);
        return buf;
}

/* argv as NUL-terminated strings in one piece of memory behind the pointers. */
static char **style_argv(const struct jobctl_item *spec, size_t argc)
{
        size_t bytes = (argc + 1) * sizeof(char *);
        size_t size;
        char **argv;
        char *at;

        for (size_t i = 0; i < argc; i++) {
                (void)jobctl_get_text_at(spec, JOBCTL_SPEC_ARGV, i, &size);
                bytes += size + 1;
        }
        argv = calloc(1, bytes);
        if (!argv)
                return NULL;
        at = (char *)(argv + argc + 1);
        for (size_t i = 0; i < argc; i++) {
                const char *const word = jobctl_get_text_at(spec, JOBCTL_SPEC_ARGV, i, &size);

                memcpy(at, word, size);
                argv[i] = at;
                at += size + 1;
        }
        return argv;
}

char *style_command(const struct jobctl_item *spec)
{
        const size_t argc = jobctl_count(spec, JOBCTL_SPEC_ARGV);
        _cleanup_(freep) char **argv = style_argv(spec, argc);
        _cleanup_(freep) char *quoted = NULL;

        if (!argv)
                return NULL;
        if (argc == 3 && jobctl_number_or(spec, JOBCTL_SPEC_SHELL, 0))
                return text_escape(argv[2], strlen(argv[2]));
        quoted = text_quote_argv((const char *const *)argv, argc);
        return quoted ? text_escape(quoted, strlen(quoted)) : NULL;
}

char *style_user(uint32_t uid, char buf[static STYLE_TEXT_MAX])
{
        const struct passwd *const pw = getpwuid(uid);

        if (pw)
                snprintf(buf, STYLE_TEXT_MAX, "%s", pw->pw_name);
        else
                snprintf(buf, STYLE_TEXT_MAX, "%u", uid);
        return buf;
}

static void style_mark_user(uint64_t value, char buf[static STYLE_TEXT_MAX])
{
        style_user((uint32_t)value, buf);
}

static void style_mark_time(uint64_t value, char buf[static STYLE_TEXT_MAX])
{
        style_time(value, buf);
}

static void style_mark_duration(uint64_t value, char buf[static STYLE_TEXT_MAX])
{
        style_duration(value, buf);
}

/* Puts the mark at `text` into words; its length, or 0 when it is none. */
static size_t style_read_mark(const char *text, char buf[static STYLE_TEXT_MAX])
{
        static const struct {
                const char *begin;
                void (*put)(uint64_t value, char buf[static STYLE_TEXT_MAX]);
        } marks[] = { { "{uid:", style_mark_user },
                      { "{time:", style_mark_time },
                      { "{for:", style_mark_duration } };

        for (size_t i = 0; i < ARRAY_SIZE(marks); i++) {
                const size_t size = strlen(marks[i].begin);
                const size_t digits = strspn(text + MIN(size, strlen(text)), "0123456789");

                if (strncmp(text, marks[i].begin, size) != 0 || digits == 0 || digits > 19 ||
                    text[size + digits] != '}')
                        continue;
                marks[i].put(strtoull(text + size, NULL, 10), buf);
                return size + digits + 1;
        }
        return 0;
}

char *style_reason(const char *text)
{
        const size_t room =
                strlen(text) * (STYLE_TEXT_MAX / 4) + 1; /* a mark has 7 bytes or more */
        _cleanup_(freep) char *out = malloc(room);
        char word[STYLE_TEXT_MAX];
        size_t used = 0;

        if (!out)
                return NULL;
        while (*text) {
                const size_t mark = *text == '{' ? style_read_mark(text, word) : 0;

                if (mark > 0)
                        used += (size_t)sprintf(out + used, "%s", word);
                else
                        out[used++] = *text;
                text += mark > 0 ? mark : 1;
        }
        return text_escape(out, used);
}

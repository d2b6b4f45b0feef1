/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Names of things as numbers: lists of job ids, and signals.
 *
 * An id list is pieces between commas, read left to right; each piece is a job, a range of jobs, or
 * a task or range of tasks of one job, with a point or, as Slurm writes it, an underscore. The
 * pieces stay as they were written: they are neither sorted nor merged, and a range is never
 * spelled out, so "1-1000000000" costs one element. PARSE_IDS_MAX bounds what a list can cost.
 *
 * Signal names are the C library's, so that they are those of the machine; the two numbers below
 * SIGRTMIN that the library keeps for itself are no signals for people.
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "common/parse.h"
#include "common/parse_internal.h"

#define PARSE_IDS_MAX 4096
#define PARSE_IDS_ROOM_FIRST 8

/* What was read so far; handed over only when all of it is good. */
struct parse_ids_list {
        struct parse_id_range *ranges; /* owned */
        size_t count, room;
};

static void parse_ids_list_deinit(struct parse_ids_list *list)
{
        free(list->ranges);
}

/* "3" or "3-9" at *p; a number of at least `least`. */
static bool parse_ids_pair(const char **p, uint64_t least, uint64_t *out_first, uint64_t *out_last)
{
        if (!parse_digits(p, out_first) || *out_first < least)
                return false;
        *out_last = *out_first;
        if (**p != '-')
                return true;
        (*p)++;
        return parse_digits(p, out_last) && *out_last >= *out_first;
}

static bool parse_ids_piece(const char **p, struct parse_id_range *out_range)
{
        struct parse_id_range range = { 0 };

        if (!parse_ids_pair(p, 1, &range.first, &range.last))
                return false;
        if (**p == '.' || **p == '_') {
                (*p)++;
                range.has_tasks = true;
                /* "1-5.3" would be tasks of many jobs. */
                if (range.first != range.last ||
                    !parse_ids_pair(p, 0, &range.task_first, &range.task_last))
                        return false;
        }
        *out_range = range;
        return **p == '\0' || **p == ',';
}

static int parse_ids_append(struct parse_ids_list *list, const struct parse_id_range *range)
{
        if (list->count == list->room) {
                const size_t room = MAX(2 * list->room, (size_t)PARSE_IDS_ROOM_FIRST);
                struct parse_id_range *more = reallocarray(list->ranges, room, sizeof(*more));

                if (!more)
                        return FAULT(-ENOMEM);
                list->ranges = more;
                list->room = room;
        }
        list->ranges[list->count++] = *range;
        return 0;
}

int parse_ids(const char *text, struct parse_id_range **ranges, size_t *ranges_count,
              struct reason *why)
{
        _cleanup_(parse_ids_list_deinit) struct parse_ids_list list = { 0 };
        struct parse_id_range *all;
        const char *p = text;
        int r;

        for (;; p++) {
                struct parse_id_range range;

                if (!parse_ids_piece(&p, &range))
                        return reason_set(why, PARSE_E_BAD,
                                          "\"%s\" is not a list of job ids; write 17, 17.3, 17.3-9 "
                                          "or 1-5,8",
                                          text);
                if (*ranges_count + list.count >= PARSE_IDS_MAX)
                        return reason_set(why, PARSE_E_BAD, "more than %d job ids or ranges",
                                          PARSE_IDS_MAX);
                r = parse_ids_append(&list, &range);
                if (r)
                        return PASS(r);
                if (!*p)
                        break;
        }
        all = reallocarray(*ranges, *ranges_count + list.count, sizeof(*all));
        if (!all)
                return FAULT(-ENOMEM);
        memcpy(all + *ranges_count, list.ranges, list.count * sizeof(*all));
        *ranges = all;
        *ranges_count += list.count;
        return 0;
}

/* "RTMIN+3", "RTMAX-1"; `text` without SIG. 0 when it is none. */
static int parse_signal_realtime(const char *text)
{
        const bool from_min = !strncasecmp(text, "RTMIN", 5);
        const int span = SIGRTMAX - SIGRTMIN;
        const char *p = text + 5;
        uint64_t offset;

        if (!from_min && strncasecmp(text, "RTMAX", 5))
                return 0;
        if (!*p)
                return from_min ? SIGRTMIN : SIGRTMAX;
        if (*p++ != (from_min ? '+' : '-') || !parse_digits(&p, &offset) || *p ||
            offset > (uint64_t)span)
                return 0;
        return from_min ? SIGRTMIN + (int)offset : SIGRTMAX - (int)offset;
}

/* Names that other systems and shells use for the same signal. 0 when it is none. */
static int parse_signal_named(const char *text)
{
        static const struct {
                const char *name;
                int signo;
        } aliases[] = {
                { "IOT", SIGABRT }, { "CLD", SIGCHLD }, { "IO", SIGIO }, { "POLL", SIGIO }
        };

        for (int signo = 1; signo < SIGRTMIN; signo++) {
                const char *name = sigabbrev_np(signo);

                if (name && !strcasecmp(text, name))
                        return signo;
        }
        for (size_t i = 0; i < ARRAY_SIZE(aliases); i++)
                if (!strcasecmp(text, aliases[i].name))
                        return aliases[i].signo;
        return parse_signal_realtime(text);
}

static int parse_signal_numbered(const char *text)
{
        const char *p = text;
        uint64_t number;

        if (!parse_digits(&p, &number) || *p || number > (uint64_t)SIGRTMAX)
                return 0;
        return (int)number >= SIGRTMIN || sigabbrev_np((int)number) ? (int)number : 0;
}

int parse_signal(const char *text, const char *what, int *out_signo, struct reason *why)
{
        int signo = parse_signal_numbered(text);

        if (!signo)
                signo = parse_signal_named(strncasecmp(text, "SIG", 3) ? text : text + 3);
        if (!signo)
                return reason_set(why, PARSE_E_BAD,
                                  "%s: \"%s\" is not a signal; write TERM, SIGTERM, 15 or RTMIN+3",
                                  what, text);
        *out_signo = signo;
        return 0;
}

const char *parse_signal_name(int signo, char buf[static 16])
{
        const char *name = signo > 0 && signo < SIGRTMIN ? sigabbrev_np(signo) : NULL;

        if (name)
                return name;
        if (signo == SIGRTMIN)
                return "RTMIN";
        if (signo > SIGRTMIN && signo <= SIGRTMAX)
                snprintf(buf, 16, "RTMIN+%d", signo - SIGRTMIN);
        else
                snprintf(buf, 16, "%d", signo);
        return buf;
}

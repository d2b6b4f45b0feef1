/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The line that tells how far it is, in tqdm's shape:
 *
 *      42%|####      | 42/100 [00:12<00:17, 3.4 job/s] 1 failed, 2 cancelled
 *     42/100+ [00:12, 3.4 job/s]              while inputs still come, so no end can be known
 *
 * Drawing. On a terminal the line is written over itself, at most ten times a second, and only when
 * something changed or a second has passed while tasks run; the session asks progress_deadline()
 * how long it may sleep. Output of tasks goes above: the line is wiped before and comes back below.
 * A terminal that does not take bytes now (Ctrl-S) is left alone. When it becomes narrower the
 * terminal breaks our line into several; those are wiped too. Elsewhere a plain line is written
 * each 10 %, or each half minute while the total is not known.
 *
 * Rate and remaining time. Ends are counted with a memory that fades: both the ends and the time in
 * which they came shrink by window/(window+dt) before new ones are added, so the quotient is
 * the plain average at first and follows a change of speed later. The window is ten seconds, or
 * a sixth of the time so far, or three times the average task when that is longer: tasks that all
 * take a minute end in bursts, and a few long ones among many short ones are no change of speed.
 * Before there are enough ends (and at once after attaching to a map that has run for hours), what
 * the daemon knows helps: `running` tasks at a time that take run_usec / run_count each should end
 * at running * run_count / run_usec a second. That guess counts as if it had been watched for one
 * average task, and so fades away as real time passes.
 */
#include "client/cmd/progress.h"

#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <termios.h>

#include "common/clock.h"
#include "common/error.h"

#define PROGRESS_REDRAW_USEC (100 * USEC_PER_MSEC)
#define PROGRESS_CLOCK_USEC USEC_PER_SEC
#define PROGRESS_OPEN_LINE_USEC (30 * USEC_PER_SEC)
#define PROGRESS_WINDOW_USEC (10.0 * (double)USEC_PER_SEC)
#define PROGRESS_BAR_MAX 40
#define PROGRESS_BAR_MIN 5
#define PROGRESS_PLAIN_COLUMNS 70
#define PROGRESS_TAIL_MAX 256
#define PROGRESS_LABEL_MAX 100

struct progress {
        int fd; /* borrowed */
        bool terminal;
        const char *label; /* borrowed */
        uint64_t start_usec;
        struct progress_counts counts;
        bool known; /* counts were given */

        double ends;      /* fading: how many ended ... */
        double ends_usec; /* ... in how much time */
        uint64_t ends_at; /* when that was brought up to date */

        bool dirty;                   /* not all that changed is drawn */
        bool drawn;                   /* `line` is on the terminal */
        char line[PROGRESS_LINE_MAX]; /* as it was drawn */
        uint64_t drawn_at;            /* when; 0: never */
        bool mid_line;                /* the output above ends without a newline */
        unsigned int steps;           /* off a terminal: tens of percent that were told */
        bool told;                    /* off a terminal: the newest counts were */
};

int progress_new(int fd, bool terminal, const char *label, uint64_t now_usec,
                 struct progress **out_progress)
{
        struct progress *const progress = calloc(1, sizeof(*progress));

        if (!progress)
                return FAULT(-ENOMEM);
        progress->fd = fd;
        progress->terminal = terminal;
        progress->label = label ? label : "";
        progress->start_usec = now_usec;
        progress->ends_at = now_usec;
        *out_progress = progress;
        return 0;
}

struct progress *progress_free(struct progress *progress)
{
        free(progress);
        return NULL;
}

/* ---------------------------------------------------------------------------------- estimating */

/* What a task takes on average, in microseconds; 0: not known. */
static double progress_task_usec(const struct progress *progress)
{
        const struct progress_counts *const counts = &progress->counts;

        return counts->run_count ? (double)counts->run_usec / (double)counts->run_count : 0.0;
}

/* Brings the fading counts to `now_usec` and adds `ended`. */
static void progress_fade(struct progress *progress, uint64_t ended, uint64_t now_usec)
{
        const double passed =
                now_usec > progress->ends_at ? (double)(now_usec - progress->ends_at) : 0.0;
        const double elapsed = (double)(progress->ends_at - progress->start_usec);
        const double window =
                MAX(MAX(PROGRESS_WINDOW_USEC, elapsed / 6.0), 3.0 * progress_task_usec(progress));
        const double keep = window / (window + passed);

        progress->ends = progress->ends * keep + (double)ended;
        progress->ends_usec = progress->ends_usec * keep + passed;
        progress->ends_at = MAX(now_usec, progress->ends_at);
}

double progress_rate(const struct progress *progress, uint64_t now_usec)
{
        const double task = progress_task_usec(progress);
        const double idle =
                now_usec > progress->ends_at ? (double)(now_usec - progress->ends_at) : 0.0;
        double ends = progress->ends, usec = progress->ends_usec + idle;

        if (task > 0.0 && progress->counts.running > 0) {
                const double weight = task * task / (task + usec);

                ends += (double)progress->counts.running / task * weight;
                usec += weight;
        }
        return ends > 0.0 && usec > 0.0 ? ends / usec * (double)USEC_PER_SEC : 0.0;
}

uint64_t progress_remaining_usec(const struct progress *progress, uint64_t now_usec)
{
        const struct progress_counts *const counts = &progress->counts;
        const double rate = progress_rate(progress, now_usec);
        double usec;

        if (!progress->known || counts->open)
                return USEC_NONE;
        if (counts->done >= counts->total)
                return 0;
        if (rate <= 0.0)
                return USEC_NONE;
        usec = (double)(counts->total - counts->done) / rate * (double)USEC_PER_SEC;
        return usec < 3e15 ? (uint64_t)usec : USEC_NONE;
}

/* ---------------------------------------------------------------------------------- the line */

/* "00:12", "1:02:03". */
static void progress_format_time(uint64_t usec, char buf[static 32])
{
        const uint64_t seconds = usec / USEC_PER_SEC;

        if (usec == USEC_NONE)
                snprintf(buf, 32, "?");
        else if (seconds < 3600)
                snprintf(buf, 32, "%02" PRIu64 ":%02" PRIu64, seconds / 60, seconds % 60);
        else
                snprintf(buf, 32, "%" PRIu64 ":%02" PRIu64 ":%02" PRIu64, seconds / 3600,
                         seconds / 60 % 60, seconds % 60);
}

/* "3.4 job/s"; slow ones the other way round, "12.5 s/job". */
static void progress_format_rate(double rate, char buf[static 32])
{
        if (rate <= 0.0)
                snprintf(buf, 32, "? job/s");
        else if (rate < 0.995)
                snprintf(buf, 32, "%.1f s/job", 1.0 / rate);
        else
                snprintf(buf, 32, rate < 100.0 ? "%.1f job/s" : "%.0f job/s", rate);
}

/* Everything behind the bar. Returns its length. */
static size_t progress_format_tail(const struct progress *progress, uint64_t now_usec,
                                   char buf[static PROGRESS_TAIL_MAX])
{
        const struct progress_counts *const counts = &progress->counts;
        char total[32], elapsed[32], remaining[32], rate[32], failed[40] = "", cancelled[40] = "";
        int n;

        if (counts->open && counts->total == 0)
                snprintf(total, sizeof(total), "?");
        else
                snprintf(total, sizeof(total), "%" PRIu64 "%s", counts->total,
                         counts->open ? "+" : "");
        progress_format_time(now_usec > progress->start_usec ? now_usec - progress->start_usec : 0,
                             elapsed);
        progress_format_time(progress_remaining_usec(progress, now_usec), remaining);
        progress_format_rate(progress_rate(progress, now_usec), rate);
        if (counts->failed > 0)
                snprintf(failed, sizeof(failed), " %" PRIu64 " failed", counts->failed);
        if (counts->cancelled > 0)
                snprintf(cancelled, sizeof(cancelled), "%s %" PRIu64 " cancelled",
                         counts->failed > 0 ? "," : "", counts->cancelled);
        n = snprintf(buf, PROGRESS_TAIL_MAX, "%" PRIu64 "/%s [%s%s%s, %s]%s%s", counts->done, total,
                     elapsed, counts->open ? "" : "<", counts->open ? "" : remaining, rate, failed,
                     cancelled);
        return (size_t)n;
}

static unsigned int progress_percent(const struct progress_counts *counts)
{
        if (counts->total == 0)
                return 0;
        return (unsigned int)(MIN(counts->done, counts->total) * 100 / counts->total);
}

/* "42%|####      | " into at most `room` columns; "" when there is none. */
static void progress_format_bar(const struct progress *progress, size_t room,
                                char buf[static PROGRESS_BAR_MAX + 16])
{
        const struct progress_counts *const counts = &progress->counts;
        const unsigned int percent = progress_percent(counts);
        const size_t frame = strlen("100%|| ");
        size_t width, full;

        buf[0] = '\0';
        if (counts->open || counts->total == 0 || room < frame + PROGRESS_BAR_MIN)
                return;
        width = MIN(room - frame, PROGRESS_BAR_MAX);
        full = (size_t)((double)width * (double)MIN(counts->done, counts->total) /
                        (double)counts->total);
        buf += sprintf(buf, "%u%%|", percent);
        memset(buf, '#', full);
        memset(buf + full, ' ', width - full);
        strcpy(buf + width, "| ");
}

char *progress_format(const struct progress *progress, uint64_t now_usec, unsigned int columns,
                      char buf[static PROGRESS_LINE_MAX])
{
        char bar[PROGRESS_BAR_MAX + 16], tail[PROGRESS_TAIL_MAX];
        const size_t used = progress_format_tail(progress, now_usec, tail) +
                            strnlen(progress->label, PROGRESS_LABEL_MAX);

        progress_format_bar(progress, columns > used ? columns - used : 0, bar);
        snprintf(buf, PROGRESS_LINE_MAX, "%.*s%s%s", PROGRESS_LABEL_MAX, progress->label, bar,
                 tail);
        if (columns < PROGRESS_LINE_MAX)
                buf[columns] = '\0';
        return buf;
}

/* ------------------------------------------------------------------------------------- drawing */

/* Writes when the reader takes it at once; a line of progress is worth no wait. */
static bool progress_put(const struct progress *progress, const char *text, size_t size)
{
        struct pollfd p = { .fd = progress->fd, .events = POLLOUT };

        return poll(&p, 1, 0) == 1 && (p.revents & POLLOUT) &&
               write(progress->fd, text, size) == (ssize_t)size;
}

static unsigned int progress_columns(const struct progress *progress)
{
        struct winsize size;

        if (ioctl(progress->fd, TIOCGWINSZ, &size) == 0 && size.ws_col > 1)
                return size.ws_col;
        return 80;
}

/* Writes `line` over what is there. False: not now. */
static bool progress_show(struct progress *progress)
{
        char text[PROGRESS_LINE_MAX + 16];
        const int n = snprintf(text, sizeof(text), "%s\r%s\x1b[K", progress->mid_line ? "\n" : "",
                               progress->line);

        progress->drawn = progress_put(progress, text, (size_t)n);
        if (progress->drawn)
                progress->mid_line = false;
        return progress->drawn;
}

/* One column stays free, so that no terminal begins a new row. */
static void progress_draw(struct progress *progress, uint64_t now_usec)
{
        progress->drawn_at = now_usec;
        progress_format(progress, now_usec, progress_columns(progress) - 1, progress->line);
        if (progress_show(progress))
                progress->dirty = false;
}

/* Off a terminal. */
static void progress_tell(struct progress *progress, uint64_t now_usec)
{
        char line[PROGRESS_LINE_MAX];

        progress_format(progress, now_usec, PROGRESS_PLAIN_COLUMNS, line);
        strcat(line, "\n");
        (void)progress_put(progress, line, strlen(line));
        progress->drawn_at = now_usec;
        progress->told = true;
}

static void progress_tell_steps(struct progress *progress, uint64_t now_usec)
{
        const unsigned int steps = progress_percent(&progress->counts) / 10;
        const uint64_t since = progress->drawn_at ? progress->drawn_at : progress->start_usec;

        if (progress->counts.open) {
                if (now_usec >= since + PROGRESS_OPEN_LINE_USEC)
                        progress_tell(progress, now_usec);
        } else if (steps > progress->steps) {
                progress->steps = steps;
                progress_tell(progress, now_usec);
        }
}

static bool progress_is_same(const struct progress_counts *a, const struct progress_counts *b)
{
        return a->total == b->total && a->open == b->open && a->done == b->done &&
               a->failed == b->failed && a->cancelled == b->cancelled && a->running == b->running &&
               a->run_usec == b->run_usec && a->run_count == b->run_count;
}

void progress_update(struct progress *progress, const struct progress_counts *counts,
                     uint64_t now_usec)
{
        const uint64_t before = progress->counts.done;
        const bool first = !progress->known;

        if (!first && progress_is_same(&progress->counts, counts))
                return;
        progress->counts = *counts;
        progress->known = true;
        if (!first) /* what had ended before we looked was not seen to end */
                progress_fade(progress, counts->done > before ? counts->done - before : 0,
                              now_usec);
        else if (counts->done > 0)
                progress->ends_at = now_usec;
        progress->dirty = true;
        progress->told = false;
        if (progress->terminal)
                progress_tick(progress, now_usec);
        else
                progress_tell_steps(progress, now_usec);
}

uint64_t progress_deadline(const struct progress *progress)
{
        if (!progress->terminal || !progress->known)
                return USEC_NONE;
        if (progress->dirty)
                return progress->drawn_at ? progress->drawn_at + PROGRESS_REDRAW_USEC : 0;
        if (progress->counts.running > 0)
                return progress->drawn_at + PROGRESS_CLOCK_USEC;
        return USEC_NONE;
}

void progress_tick(struct progress *progress, uint64_t now_usec)
{
        if (now_usec >= progress_deadline(progress))
                progress_draw(progress, now_usec);
}

void progress_hide(struct progress *progress)
{
        if (!progress->drawn)
                return;
        (void)progress_put(progress, "\r\x1b[K", 4);
        progress->drawn = false;
        progress->dirty = true;
}

void progress_note(struct progress *progress, const void *data, size_t size, uint64_t now_usec)
{
        if (!progress->terminal || size == 0)
                return;
        progress->mid_line = ((const char *)data)[size - 1] != '\n';
        if (now_usec >= progress_deadline(progress))
                progress_draw(progress, now_usec);
        else if (!progress->mid_line && progress->drawn_at)
                (void)progress_show(progress);
}

void progress_on_resize(struct progress *progress, uint64_t now_usec)
{
        const unsigned int columns = progress_columns(progress);
        const size_t length = strlen(progress->line);
        char text[48];

        if (!progress->terminal)
                return;
        if (progress->drawn && length > columns) {
                const int n =
                        snprintf(text, sizeof(text), "\x1b[%zuA\r\x1b[J", (length - 1) / columns);

                (void)progress_put(progress, text, (size_t)n);
                progress->drawn = false;
        }
        progress->line[0] = '\0';
        progress->dirty = progress->known;
        progress_tick(progress, now_usec);
}

void progress_finish(struct progress *progress, uint64_t now_usec)
{
        if (!progress->known || (progress->counts.total == 0 && !progress->counts.open)) {
                progress_hide(progress);
        } else if (!progress->terminal) {
                if (!progress->told)
                        progress_tell(progress, now_usec);
        } else {
                progress_draw(progress, now_usec);
                (void)progress_put(progress, "\n", 1);
                progress->drawn = false;
                progress->dirty = false;
        }
        progress->known = false;
}

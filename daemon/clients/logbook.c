/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The lines of the log that clients cause. Every one of them goes through here, because a client
 * can send bad frames, connect and be refused as fast as it likes, and the log is what an
 * administrator reads and what fills his disk.
 *
 * Each user has token buckets for acts, for attempts at acts and for everything else, so that noise
 * never costs the line of an act; all users together have as many, so that nobody's attempts cost
 * an administrator's act. A line that finds no token is counted, acts and attempts by their verb. A
 * timer tells what was counted, one line a user, half a minute after
 * the first and then every minute while there is more: nothing is left out in silence. Without such
 * lines no timer is on.
 *
 * A user is remembered while something of his buckets is missing; at most LOGBOOK_USERS_MAX are,
 * and those beyond share an entry. Called by session.c, listener.c and audit.c.
 */
#include "daemon/clients/logbook.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/bucket.h"
#include "common/clock.h"
#include "common/error.h"
#include "common/map.h"

#define LOGBOOK_USERS_MAX 1024U
#define LOGBOOK_UID_OTHERS UINT32_MAX /* no user has it: connections of it are refused */
#define LOGBOOK_FIRST_USEC (30 * USEC_PER_SEC)
#define LOGBOOK_AGAIN_USEC (60 * USEC_PER_SEC)

enum logbook_class {
        LOGBOOK_CLASS_ACTS,
        LOGBOOK_CLASS_ATTEMPTS,
        LOGBOOK_CLASS_NOISE,
        LOGBOOK_CLASS_COUNT,
};

static const struct bucket_rate logbook_user_rates[LOGBOOK_CLASS_COUNT] = {
        [LOGBOOK_CLASS_ACTS] = { .burst = 100, .every_usec = USEC_PER_SEC },
        [LOGBOOK_CLASS_ATTEMPTS] = { .burst = 10, .every_usec = 30 * USEC_PER_SEC },
        [LOGBOOK_CLASS_NOISE] = { .burst = 10, .every_usec = 30 * USEC_PER_SEC },
};
static const struct bucket_rate logbook_all_rates[LOGBOOK_CLASS_COUNT] = {
        [LOGBOOK_CLASS_ACTS] = { .burst = 1000, .every_usec = USEC_PER_SEC / 10 },
        [LOGBOOK_CLASS_ATTEMPTS] = { .burst = 100, .every_usec = 3 * USEC_PER_SEC },
        [LOGBOOK_CLASS_NOISE] = { .burst = 100, .every_usec = 3 * USEC_PER_SEC },
};

/* clang-format off */
static const struct logbook_row {
        enum logbook_class class;
        enum log_level level;
        enum log_event event;
        const char *many; /* so many of them: "12 bad requests" */
} logbook_rows[LOGBOOK_KIND_COUNT] = {
        [LOGBOOK_ACT]     = { LOGBOOK_CLASS_ACTS,  LOG_LEVEL_NOTICE,  LOG_EVENT_ADMIN,
                              "administrative acts" },
        [LOGBOOK_ATTEMPT] = { LOGBOOK_CLASS_ATTEMPTS, LOG_LEVEL_NOTICE, LOG_EVENT_ADMIN,
                              "attempts at administrative acts" },
        [LOGBOOK_BAD]     = { LOGBOOK_CLASS_NOISE, LOG_LEVEL_NOTICE,  LOG_EVENT_CLIENT,
                              "bad requests" },
        [LOGBOOK_REFUSED] = { LOGBOOK_CLASS_NOISE, LOG_LEVEL_NOTICE,  LOG_EVENT_CLIENT,
                              "refused connections" },
        [LOGBOOK_LIMIT]   = { LOGBOOK_CLASS_NOISE, LOG_LEVEL_NOTICE,  LOG_EVENT_CLIENT,
                              "ended connections" },
        [LOGBOOK_FAULT]   = { LOGBOOK_CLASS_NOISE, LOG_LEVEL_WARNING, LOG_EVENT_CLIENT,
                              "internal errors" },
};
/* clang-format on */

struct logbook_user {
        UT_hash_handle hh;
        uint32_t uid;
        struct bucket buckets[LOGBOOK_CLASS_COUNT];
        uint64_t left_out[LOGBOOK_KIND_COUNT]; /* and not told yet */
        uint32_t verbs[LOGBOOK_VERBS_MAX];     /* the same, of acts and attempts */
};

struct logbook {
        struct loop_timer *timer;   /* owned: on while something is to be told */
        struct logbook_user *users; /* owned */
        struct bucket buckets[LOGBOOK_CLASS_COUNT];
        uint64_t left_out[LOGBOOK_KIND_COUNT];     /* since the start */
        const char *verb_names[LOGBOOK_VERBS_MAX]; /* borrowed: of acts that were seen */
};

/* --------------------------------------------------------------------------------------- users */

static bool logbook_user_is_quiet(const struct logbook_user *user)
{
        for (size_t kind = 0; kind < LOGBOOK_KIND_COUNT; kind++)
                if (user->left_out[kind] > 0)
                        return false;
        return true;
}

/* Nothing is to be told of him, and nothing is missing from his buckets. */
static bool logbook_user_is_over(const struct logbook_user *user, uint64_t now_usec)
{
        for (size_t class = 0; class < LOGBOOK_CLASS_COUNT; class ++)
                if (!bucket_is_full(&user->buckets[class], now_usec))
                        return false;
        return logbook_user_is_quiet(user);
}

static void logbook_forget(struct logbook *book, uint64_t now_usec)
{
        struct logbook_user *user, *next;

        HASH_ITER (hh, book->users, user, next) {
                if (!logbook_user_is_over(user, now_usec))
                        continue;
                HASH_DEL(book->users, user);
                free(user);
        }
}

/* NULL without memory: then the line is written, since nothing can be counted. */
static struct logbook_user *logbook_find(struct logbook *book, uint32_t uid, uint64_t now_usec)
{
        struct logbook_user *user;

        HASH_FIND(hh, book->users, &uid, sizeof(uid), user);
        if (user)
                return user;
        if (HASH_COUNT(book->users) >= LOGBOOK_USERS_MAX)
                logbook_forget(book, now_usec);
        if (HASH_COUNT(book->users) >= LOGBOOK_USERS_MAX && uid != LOGBOOK_UID_OTHERS)
                return logbook_find(book, LOGBOOK_UID_OTHERS, now_usec);
        user = calloc(1, sizeof(*user));
        if (!user)
                return NULL;
        user->uid = uid;
        HASH_ADD(hh, book->users, uid, sizeof(user->uid), user);
        if (!user->hh.tbl) {
                free(user);
                return NULL;
        }
        return user;
}

/* ------------------------------------------------------------------------------- what was left */

static size_t logbook_add(char *text, size_t size, size_t length, const char *fmt, ...)
        _printf_(4, 5);

static size_t logbook_add(char *text, size_t size, size_t length, const char *fmt, ...)
{
        va_list args;
        int n;

        va_start(args, fmt);
        n = vsnprintf(text + length, size - length, fmt, args);
        va_end(args);
        return n < 0 ? length : MIN(length + (size_t)n, size - 1);
}

/* "950 administrative acts, 12 bad requests (cancel 900, queue 50)" */
static void logbook_list(const struct logbook *book, const struct logbook_user *user, char *text,
                         size_t size)
{
        const char *between = "";
        size_t n = 0;

        for (size_t kind = 0; kind < LOGBOOK_KIND_COUNT; kind++) {
                if (user->left_out[kind] == 0)
                        continue;
                n = logbook_add(text, size, n, "%s%" PRIu64 " %s", between, user->left_out[kind],
                                logbook_rows[kind].many);
                between = ", ";
        }
        between = " (";
        for (size_t verb = 0; verb < LOGBOOK_VERBS_MAX; verb++) {
                if (user->verbs[verb] == 0)
                        continue;
                n = logbook_add(text, size, n, "%s%s %" PRIu32, between, book->verb_names[verb],
                                user->verbs[verb]);
                between = ", ";
        }
        if (*between == ',')
                (void)logbook_add(text, size, n, ")");
}

static void logbook_tell(const struct logbook *book, struct logbook_user *user)
{
        const struct log_record about = { .level = LOG_LEVEL_NOTICE,
                                          .event = LOG_EVENT_LEFT_OUT,
                                          .has_uid = user->uid != LOGBOOK_UID_OTHERS,
                                          .uid = user->uid };
        char text[1024] = "";

        logbook_list(book, user, text, sizeof(text));
        if (user->uid == LOGBOOK_UID_OTHERS)
                log_write_about(&about, "many users: left out of this log: %s", text);
        else
                log_write_about(&about, "uid %" PRIu32 ": left out of this log: %s", user->uid,
                                text);
        memset(user->left_out, 0, sizeof(user->left_out));
        memset(user->verbs, 0, sizeof(user->verbs));
}

static bool logbook_tell_all(struct logbook *book)
{
        struct logbook_user *user, *next;
        bool any = false;

        HASH_ITER (hh, book->users, user, next) {
                if (logbook_user_is_quiet(user))
                        continue;
                logbook_tell(book, user);
                any = true;
        }
        return any;
}

static void logbook_start_timer(struct logbook *book, uint64_t delay_usec)
{
        if (loop_timer_start(book->timer, delay_usec))
                log_error("lines that are left out of this log are not told: no timer");
}

/* Goes on for as long as there was something, so that more of the same comes once a minute. */
static void logbook_on_timer(void *arg)
{
        struct logbook *book = arg;

        if (logbook_tell_all(book))
                logbook_start_timer(book, LOGBOOK_AGAIN_USEC);
        logbook_forget(book, clock_mono_usec());
}

/* --------------------------------------------------------------------------------------- lines */

static void logbook_leave_out(struct logbook *book, struct logbook_user *user,
                              const struct logbook_line *line)
{
        book->left_out[line->kind]++;
        user->left_out[line->kind]++;
        if (line->verb_name && line->verb < LOGBOOK_VERBS_MAX) {
                book->verb_names[line->verb] = line->verb_name;
                user->verbs[line->verb]++;
        }
        if (!loop_timer_is_on(book->timer))
                logbook_start_timer(book, LOGBOOK_FIRST_USEC);
}

/* May it be written? Takes the tokens for it, or counts it. */
static bool logbook_admits(struct logbook *book, const struct logbook_line *line)
{
        const enum logbook_class class = logbook_rows[line->kind].class;
        const uint64_t now_usec = clock_mono_usec();
        struct logbook_user *user = logbook_find(book, line->uid, now_usec);

        if (!user)
                return true;
        if (bucket_take(&user->buckets[class], &logbook_user_rates[class], now_usec) &&
            bucket_take(&book->buckets[class], &logbook_all_rates[class], now_usec))
                return true;
        logbook_leave_out(book, user, line);
        return false;
}

void logbook_write(struct logbook *book, const struct logbook_line *line, const char *fmt, ...)
{
        const struct logbook_row *row = &logbook_rows[line->kind];
        const struct log_record about = { .level = row->level,
                                          .event = row->event,
                                          .job_id = line->job_id,
                                          .has_uid = true,
                                          .uid = line->uid,
                                          .verb = line->verb_name };
        char text[1024];
        va_list args;

        if (!log_is_on(row->level) || !logbook_admits(book, line))
                return;
        va_start(args, fmt);
        (void)vsnprintf(text, sizeof(text), fmt, args);
        va_end(args);
        log_write_about(&about, "uid %" PRIu32 " (process %d) %s", line->uid, (int)line->pid, text);
}

uint64_t logbook_left_out(const struct logbook *book, enum logbook_kind kind)
{
        return book->left_out[kind];
}

/* ----------------------------------------------------------------------------------- life time */

int logbook_new(struct loop *loop, struct logbook **out_book)
{
        _cleanup_(logbook_freep) struct logbook *book = calloc(1, sizeof(*book));
        int r;

        if (!book)
                return FAULT(-ENOMEM);
        r = loop_timer_new(loop, logbook_on_timer, book, &book->timer);
        if (r)
                return PASS(r);
        *out_book = TAKE_PTR(book);
        return 0;
}

struct logbook *logbook_free(struct logbook *book)
{
        struct logbook_user *user, *next;

        if (!book)
                return NULL;
        (void)logbook_tell_all(book);
        HASH_ITER (hh, book->users, user, next) {
                HASH_DEL(book->users, user);
                free(user);
        }
        loop_timer_free(book->timer);
        free(book);
        return NULL;
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Points in time, as people write them.
 *
 *      2026-11-21T09:30:00Z    RFC 3339; a fraction and an offset as in +01:00 too
 *      2026-11-21[T09:30[:00]] the same without an offset: local time
 *      now, now+1h             from now on
 *      tomorrow                the next local midnight
 *      09:30[:00]              the next time that a local clock shows it
 *      @1795253400[.5]         seconds since 1970
 *
 * Where a time that has passed is wanted, a clock means the last time that it showed it, and
 * now-1h is understood.
 *
 * Local means the time zone of this process ($TZ), so times are read by the client, where the
 * person is. A local time that a clock change skips means the time an hour later, as mktime(3) has
 * it. Days are checked against the calendar; nothing rolls over. Times before 1970 are refused.
 */
#include <string.h>
#include <strings.h>
#include <time.h>

#include "common/clock.h"
#include "common/parse.h"
#include "common/parse_internal.h"

/* Exactly `digits` digits at *p, the number between `min` and `max`. */
static bool parse_time_field(const char **p, size_t digits, int min, int max, int *out_value)
{
        int value = 0;

        for (size_t i = 0; i < digits; i++, (*p)++) {
                if (**p < '0' || **p > '9')
                        return false;
                value = value * 10 + (**p - '0');
        }
        *out_value = value;
        return value >= min && value <= max;
}

static bool parse_time_char(const char **p, const char *any_of)
{
        if (!**p || !strchr(any_of, **p))
                return false;
        (*p)++;
        return true;
}

/* "09:30" or "09:30:00" at *p. */
static bool parse_time_of_day(const char **p, struct tm *tm)
{
        tm->tm_sec = 0;
        if (!parse_time_field(p, 2, 0, 23, &tm->tm_hour) || !parse_time_char(p, ":") ||
            !parse_time_field(p, 2, 0, 59, &tm->tm_min))
                return false;
        return !parse_time_char(p, ":") || parse_time_field(p, 2, 0, 60, &tm->tm_sec);
}

/* ".25" at *p, if there is one; digits beyond the microsecond are cut off. */
static bool parse_time_fraction(const char **p, uint64_t *out_usec)
{
        uint64_t scale = USEC_PER_SEC / 10;

        *out_usec = 0;
        if (!parse_time_char(p, "."))
                return true;
        if (**p < '0' || **p > '9')
                return false;
        for (; **p >= '0' && **p <= '9'; (*p)++, scale /= 10)
                *out_usec += (uint64_t)(**p - '0') * scale;
        return true;
}

/* "Z" or "+01:00" at *p. */
static bool parse_time_offset(const char **p, long *out_seconds)
{
        const bool is_west = **p == '-';
        int hours, minutes;

        *out_seconds = 0;
        if (parse_time_char(p, "Zz"))
                return true;
        if (!parse_time_char(p, "+-") || !parse_time_field(p, 2, 0, 23, &hours) ||
            !parse_time_char(p, ":") || !parse_time_field(p, 2, 0, 59, &minutes))
                return false;
        *out_seconds = (is_west ? -1 : 1) * (hours * 3600L + minutes * 60L);
        return true;
}

static bool parse_time_date(const char **p, struct tm *tm)
{
        static const int days[] = { 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 };
        int year, month, day, is_leap;

        if (!parse_time_field(p, 4, 1970, 9999, &year) || !parse_time_char(p, "-") ||
            !parse_time_field(p, 2, 1, 12, &month) || !parse_time_char(p, "-") ||
            !parse_time_field(p, 2, 1, 31, &day))
                return false;
        is_leap = month == 2 && year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
        if (day > days[month - 1] + is_leap)
                return false;
        *tm = (struct tm){ .tm_year = year - 1900, .tm_mon = month - 1, .tm_mday = day };
        return true;
}

static bool parse_time_to_usec(time_t seconds, uint64_t fraction, uint64_t *out_usec)
{
        if (seconds < 0 || (uint64_t)seconds > PARSE_MAX / USEC_PER_SEC - 1)
                return false;
        *out_usec = (uint64_t)seconds * USEC_PER_SEC + fraction;
        return true;
}

/* Seconds since 1970 of a local time; its time of day and day may be out of range. */
static time_t parse_time_from_local(struct tm tm)
{
        tm.tm_isdst = -1;
        return mktime(&tm);
}

static bool parse_time_calendar(const char *text, _unused_ uint64_t now_usec, uint64_t *out_usec)
{
        const char *p = text;
        uint64_t fraction = 0;
        long offset;
        struct tm tm;

        if (!parse_time_date(&p, &tm))
                return false;
        if (!*p)
                return parse_time_to_usec(parse_time_from_local(tm), 0, out_usec);
        if (!parse_time_char(&p, "Tt ") || !parse_time_of_day(&p, &tm) ||
            !parse_time_fraction(&p, &fraction))
                return false;
        if (!*p)
                return parse_time_to_usec(parse_time_from_local(tm), fraction, out_usec);
        if (!parse_time_offset(&p, &offset) || *p)
                return false;
        return parse_time_to_usec(timegm(&tm) - offset, fraction, out_usec);
}

static bool parse_time_relative(const char *text, uint64_t now_usec, uint64_t *out_usec)
{
        uint64_t delay = 0;

        if (strncasecmp(text, "now", 3))
                return false;
        text += 3;
        if (*text && (*text != '+' || parse_duration(text + 1, "", &delay, NULL)))
                return false;
        if (now_usec > PARSE_MAX - delay)
                return false;
        *out_usec = now_usec + delay;
        return true;
}

static bool parse_time_tomorrow(const char *text, uint64_t now_usec, uint64_t *out_usec)
{
        const time_t now = (time_t)(now_usec / USEC_PER_SEC);
        struct tm tm;

        if (strcasecmp(text, "tomorrow") || !localtime_r(&now, &tm))
                return false;
        tm.tm_mday++;
        tm.tm_hour = tm.tm_min = tm.tm_sec = 0;
        return parse_time_to_usec(parse_time_from_local(tm), 0, out_usec);
}

/* Today's, and that of the day before or behind where it is not what is wanted. */
static bool parse_time_clock(const char *text, uint64_t now_usec, bool is_past, uint64_t *out_usec)
{
        const time_t now = (time_t)(now_usec / USEC_PER_SEC);
        const char *p = text;
        struct tm tm;

        if (!localtime_r(&now, &tm) || !parse_time_of_day(&p, &tm) || *p)
                return false;
        if (!parse_time_to_usec(parse_time_from_local(tm), 0, out_usec))
                return false;
        if (is_past ? *out_usec <= now_usec : *out_usec > now_usec)
                return true;
        tm.tm_mday += is_past ? -1 : 1;
        return parse_time_to_usec(parse_time_from_local(tm), 0, out_usec);
}

static bool parse_time_next_clock(const char *text, uint64_t now_usec, uint64_t *out_usec)
{
        return parse_time_clock(text, now_usec, false, out_usec);
}

static bool parse_time_epoch(const char *text, _unused_ uint64_t now_usec, uint64_t *out_usec)
{
        static const struct parse_unit seconds[] = { { "", USEC_PER_SEC } };
        const char *p = text + 1;
        uint64_t scale;

        return *text == '@' && parse_quantity(&p, seconds, 1, out_usec, &scale) && !*p;
}

int parse_time(const char *text, const char *what, uint64_t now_usec, uint64_t *out_usec,
               struct reason *why)
{
        static bool (*const forms[])(const char *, uint64_t, uint64_t *) = {
                parse_time_relative,   parse_time_tomorrow, parse_time_epoch,
                parse_time_next_clock, parse_time_calendar,
        };
        uint64_t usec;

        tzset();
        for (size_t i = 0; i < ARRAY_SIZE(forms); i++)
                if (forms[i](text, now_usec, &usec)) {
                        *out_usec = usec;
                        return 0;
                }
        return reason_set(why, PARSE_E_BAD,
                          "%s: \"%s\" is not a time; write 2026-11-21T09:30:00Z, now+1h, tomorrow, "
                          "09:30 or @EPOCH",
                          what, text);
}

static bool parse_time_ago(const char *text, uint64_t now_usec, uint64_t *out_usec)
{
        uint64_t age;

        if (strncasecmp(text, "now-", 4) || parse_duration(text + 4, "", &age, NULL) ||
            age > now_usec)
                return false;
        *out_usec = now_usec - age;
        return true;
}

int parse_past_time(const char *text, const char *what, uint64_t now_usec, uint64_t *out_usec,
                    struct reason *why)
{
        uint64_t usec;
        int r;

        tzset();
        if (parse_time_clock(text, now_usec, true, &usec) ||
            parse_time_ago(text, now_usec, &usec)) {
                *out_usec = usec;
                return 0;
        }
        r = parse_time(text, what, now_usec, &usec, why);
        if (r == 0 && usec > now_usec)
                return reason_set(why, PARSE_E_BAD, "%s: \"%s\" lies in the future", what, text);
        if (r == 0)
                *out_usec = usec;
        return r;
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Words people write, as numbers: counts, switches, sizes, durations; and which word they meant.
 *
 * Everything here is pure and total: any bytes are either read exactly or refused with a sentence
 * that says what was wrong and what would be right. Nothing is guessed: a sign, a space, a rest
 * behind the number or an overflow refuse the whole word, and the output is then untouched. No
 * locale, no strtol(3), no floating point: fractions are exact to nine digits.
 *
 * Ids and signals are in parse_ids.c, times in parse_time.c. The limit of all numbers is that of a
 * signed 64-bit integer, so that they can be stored, added to a clock and compared without care.
 * Used by jobctl for its arguments, and by jobd for its configuration and for what a client sent.
 */
#include "common/parse.h"

#include <inttypes.h>
#include <string.h>
#include <strings.h>

#include "common/clock.h"
#include "common/parse_internal.h"
#include "common/text.h"

#define PARSE_FRACTION_DIGITS 9
#define PARSE_WORD_MAX 64 /* longer words are like no other */

bool parse_digits(const char **p, uint64_t *out_value)
{
        const char *at = *p;
        uint64_t value = 0;

        if (*at < '0' || *at > '9')
                return false;
        for (; *at >= '0' && *at <= '9'; at++) {
                const unsigned int digit = (unsigned int)(*at - '0');

                if (value > (PARSE_MAX - digit) / 10)
                        return false;
                value = value * 10 + digit;
        }
        *p = at;
        *out_value = value;
        return true;
}

/* Reads ".25" at *p as billionths; 0 when there is no point. */
static bool parse_fraction(const char **p, uint64_t *out_billionths)
{
        const char *at = *p;
        uint64_t value = 0;
        size_t digits = 0;

        *out_billionths = 0;
        if (*at != '.')
                return true;
        for (at++; *at >= '0' && *at <= '9'; at++, digits++)
                value = value * 10 + (unsigned int)(*at - '0') * (digits < PARSE_FRACTION_DIGITS);
        if (digits == 0 || digits > PARSE_FRACTION_DIGITS)
                return false;
        for (; digits < PARSE_FRACTION_DIGITS; digits++)
                value *= 10;
        *p = at;
        *out_billionths = value;
        return true;
}

bool parse_quantity(const char **p, const struct parse_unit *units, size_t units_count,
                    uint64_t *out_value, uint64_t *out_scale)
{
        const char *at = *p;
        const struct parse_unit *unit = NULL;
        uint64_t whole, billionths;
        size_t length;
        unsigned __int128 value;

        if (!parse_digits(&at, &whole) || !parse_fraction(&at, &billionths))
                return false;
        length = strspn(at, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ");
        for (size_t i = 0; i < units_count && !unit; i++)
                if (strlen(units[i].name) == length && !strncasecmp(at, units[i].name, length))
                        unit = &units[i];
        if (!unit || (unit->scale == 1 && billionths))
                return false;
        value = (unsigned __int128)whole * unit->scale +
                (unsigned __int128)billionths * unit->scale / 1000000000;
        if (value > PARSE_MAX)
                return false;
        *p = at + length;
        *out_value = (uint64_t)value;
        *out_scale = unit->scale;
        return true;
}

int parse_u64(const char *text, const char *what, uint64_t min, uint64_t max, uint64_t *out_value,
              struct reason *why)
{
        uint64_t value = 0;
        bool is_huge = false;
        const char *p;

        for (p = text; *p >= '0' && *p <= '9'; p++)
                is_huge |= __builtin_mul_overflow(value, 10, &value) ||
                           __builtin_add_overflow(value, (uint64_t)(*p - '0'), &value);
        if (p == text || *p)
                return reason_set(why, PARSE_E_BAD, "%s: \"%s\" is not a whole number", what, text);
        if (is_huge || value < min || value > max)
                return reason_set(why, PARSE_E_BAD,
                                  "%s: %s is not between %" PRIu64 " and %" PRIu64, what, text, min,
                                  max);
        *out_value = value;
        return 0;
}

int parse_bool(const char *text, const char *what, bool *out_value, struct reason *why)
{
        static const char *const words[] = { "no", "yes", "false", "true", "off", "on", "0", "1" };

        for (size_t i = 0; i < ARRAY_SIZE(words); i++)
                if (!strcasecmp(text, words[i])) {
                        *out_value = i % 2;
                        return 0;
                }
        return reason_set(why, PARSE_E_BAD, "%s: \"%s\" is neither yes nor no", what, text);
}

int parse_hundredths(const char *text, const char *what, uint32_t min, uint32_t max,
                     uint32_t *out_hundredths, struct reason *why)
{
        const char *at = text;
        uint64_t whole, billionths = 0;

        if (!parse_digits(&at, &whole) || !parse_fraction(&at, &billionths) || *at ||
            billionths % 10000000 != 0)
                return reason_set(why, PARSE_E_BAD, "%s: \"%.64s\" is no number such as 2 or 0.5",
                                  what, text);
        if (whole > UINT32_MAX / 100 - 1 || whole * 100 + billionths / 10000000 < min ||
            whole * 100 + billionths / 10000000 > max)
                return reason_set(why, PARSE_E_BAD, "%s: must be %u.%02u to %u.%02u", what,
                                  min / 100, min % 100, max / 100, max % 100);
        *out_hundredths = (uint32_t)(whole * 100 + billionths / 10000000);
        return 0;
}

int parse_size(const char *text, const char *what, uint64_t *out_bytes, struct reason *why)
{
        static const struct parse_unit units[] = {
                { "", 1 },
                { "B", 1 },
                { "K", 1ULL << 10 },
                { "KB", 1ULL << 10 },
                { "KiB", 1ULL << 10 },
                { "M", 1ULL << 20 },
                { "MB", 1ULL << 20 },
                { "MiB", 1ULL << 20 },
                { "G", 1ULL << 30 },
                { "GB", 1ULL << 30 },
                { "GiB", 1ULL << 30 },
                { "T", 1ULL << 40 },
                { "TB", 1ULL << 40 },
                { "TiB", 1ULL << 40 },
        };
        const char *p = text;
        uint64_t bytes, scale;

        if (!strcasecmp(text, "infinity")) {
                *out_bytes = UINT64_MAX;
                return 0;
        }
        if (!parse_quantity(&p, units, ARRAY_SIZE(units), &bytes, &scale) || *p)
                return reason_set(why, PARSE_E_BAD,
                                  "%s: \"%s\" is not a size; write 4096, 64K, 1.5G or infinity",
                                  what, text);
        *out_bytes = bytes;
        return 0;
}

/* "1h30m": units in falling order, each once; or a bare number alone. */
static bool parse_duration_units(const char *text, uint64_t *out_usec)
{
        static const struct parse_unit units[] = {
                { "us", 1 },
                { "usec", 1 },
                { "ms", USEC_PER_MSEC },
                { "msec", USEC_PER_MSEC },
                { "s", USEC_PER_SEC },
                { "sec", USEC_PER_SEC },
                { "second", USEC_PER_SEC },
                { "seconds", USEC_PER_SEC },
                { "m", 60 * USEC_PER_SEC },
                { "min", 60 * USEC_PER_SEC },
                { "minute", 60 * USEC_PER_SEC },
                { "minutes", 60 * USEC_PER_SEC },
                { "h", 3600 * USEC_PER_SEC },
                { "hr", 3600 * USEC_PER_SEC },
                { "hour", 3600 * USEC_PER_SEC },
                { "hours", 3600 * USEC_PER_SEC },
                { "d", 86400 * USEC_PER_SEC },
                { "day", 86400 * USEC_PER_SEC },
                { "days", 86400 * USEC_PER_SEC },
                { "w", 7 * 86400 * USEC_PER_SEC },
                { "week", 7 * 86400 * USEC_PER_SEC },
                { "weeks", 7 * 86400 * USEC_PER_SEC },
        };
        static const struct parse_unit bare[] = { { "", USEC_PER_SEC } };
        uint64_t total = 0, value, scale, last_scale = UINT64_MAX;
        const char *p = text;

        if (parse_quantity(&p, bare, ARRAY_SIZE(bare), out_usec, &scale) && !*p)
                return true;
        p = text;
        do {
                if (!parse_quantity(&p, units, ARRAY_SIZE(units), &value, &scale) ||
                    scale >= last_scale || value > PARSE_MAX - total)
                        return false;
                last_scale = scale;
                total += value;
        } while (*p);
        *out_usec = total;
        return true;
}

/* "HH:MM:SS" and "D-HH:MM:SS". Without days the hours may be any number, as people write 48:00:00.
 */
static bool parse_duration_clock(const char *text, uint64_t *out_usec)
{
        uint64_t days = 0, hours, minutes, seconds;
        const char *p = text;
        unsigned __int128 total;

        if (!parse_digits(&p, &hours))
                return false;
        if (*p == '-') {
                days = hours;
                p++;
                if (!parse_digits(&p, &hours) || hours > 23)
                        return false;
        }
        if (*p++ != ':' || !parse_digits(&p, &minutes) || *p++ != ':' ||
            !parse_digits(&p, &seconds) || *p || minutes > 59 || seconds > 59)
                return false;
        total = ((unsigned __int128)days * 86400 + (unsigned __int128)hours * 3600 + minutes * 60 +
                 seconds) *
                USEC_PER_SEC;
        if (total > PARSE_MAX)
                return false;
        *out_usec = (uint64_t)total;
        return true;
}

int parse_duration(const char *text, const char *what, uint64_t *out_usec, struct reason *why)
{
        uint64_t usec;

        if (!parse_duration_units(text, &usec) && !parse_duration_clock(text, &usec))
                return reason_set(why, PARSE_E_BAD,
                                  "%s: \"%s\" is not a duration; write 90, 90s, 250ms, 15m, 1h30m, "
                                  "2d, HH:MM:SS or D-HH:MM:SS",
                                  what, text);
        *out_usec = usec;
        return 0;
}

bool parse_is_utf8(const void *data, size_t size)
{
        const uint8_t *p = data;
        uint32_t point = 0;

        for (size_t i = 0, length; i < size; i += length) {
                length = text_decode_utf8(p + i, size - i, &point);
                if (length == 0 || point == 0)
                        return false;
        }
        return true;
}

unsigned int parse_distance(const char *a, const char *b)
{
        const size_t a_length = strlen(a), b_length = strlen(b);
        /* Three rows of the usual matrix, used in turn. */
        unsigned int rows[3][PARSE_WORD_MAX + 1];

        if (a_length > PARSE_WORD_MAX || b_length > PARSE_WORD_MAX)
                return (unsigned int)MIN(MAX(a_length, b_length), (size_t)UINT32_MAX);
        for (size_t k = 0; k <= b_length; k++)
                rows[0][k] = (unsigned int)k;
        for (size_t i = 1; i <= a_length; i++) {
                unsigned int *now = rows[i % 3];
                const unsigned int *before = rows[(i + 2) % 3], *two_before = rows[(i + 1) % 3];

                now[0] = (unsigned int)i;
                for (size_t k = 1; k <= b_length; k++) {
                        const unsigned int changed = before[k - 1] + (a[i - 1] != b[k - 1]);
                        const unsigned int added = MIN(now[k - 1], before[k]) + 1;

                        now[k] = MIN(changed, added);
                        if (i > 1 && k > 1 && a[i - 1] == b[k - 2] && a[i - 2] == b[k - 1])
                                now[k] = MIN(now[k], two_before[k - 2] + 1);
                }
        }
        return rows[a_length % 3][b_length];
}

const char *parse_nearest(const char *word, const char *const *words)
{
        const char *nearest = NULL;
        unsigned int least = 3;

        for (; *words; words++) {
                const unsigned int distance = parse_distance(word, *words);

                /* A word of two letters is not "near" to one that shares none of them. */
                if (distance < least && distance < strlen(word)) {
                        least = distance;
                        nearest = *words;
                }
        }
        return nearest;
}

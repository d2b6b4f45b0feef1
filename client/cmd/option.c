/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Options from tables. A command lists sets of rows; a row says how an option is spelled, what its
 * value is and where it goes, so parsing, settings.c and help.c all read the same truth.
 *
 * The work is getopt_long(3)'s. For commands that take a command it is in its '+' mode: the first
 * word that is no option ends the options, so `jobctl run python x.py --lr 0.1` hands --lr to
 * python. Elsewhere options may follow the ids (`jobctl logs 17 -f`). Values are read by
 * common/parse, whose sentences name the option. An option that is not known is answered with the
 * nearest one that is.
 */
#include "client/cmd/option.h"

#include <getopt.h>
#include <stdio.h>
#include <string.h>

#include "common/clock.h"
#include "common/parse.h"

#define OPTION_ROWS_MAX 80
#define OPTION_FIRST_VALUE 1000 /* what getopt_long() returns for row 0 */

/* ------------------------------------------------------------------------------- storing */

static int option_store_flag(const struct option_row *row, void *place, const char *value,
                             struct reason *why)
{
        bool on = true;

        if (value && parse_bool(value, row->name, &on, why))
                return OPTION_E_BAD;
        *(bool *)place = on;
        return 0;
}

static int option_store_text(const struct option_row *row _unused_, void *place, const char *value,
                             struct reason *why _unused_)
{
        *(const char **)place = value;
        return 0;
}

static int option_store_list(const struct option_row *row, void *place, const char *value,
                             struct reason *why)
{
        struct option_list *const list = place;

        if (list->count >= OPTION_LIST_MAX)
                return reason_set(why, OPTION_E_BAD, "--%s is given more than %d times", row->name,
                                  OPTION_LIST_MAX);
        list->values[list->count++] = value;
        return 0;
}

static int option_store_signed(const struct option_row *row, void *place, const char *value,
                               struct reason *why)
{
        struct option_signed *const number = place;
        const bool minus = value[0] == '-';
        uint64_t size;
        int64_t got;

        if (parse_u64(value + (minus || value[0] == '+' ? 1 : 0), row->name, 0, INT32_MAX, &size,
                      why))
                return OPTION_E_BAD;
        got = minus ? -(int64_t)size : (int64_t)size;
        if (got < (int64_t)row->min || got > (int64_t)row->max)
                return reason_set(why, OPTION_E_BAD, "%s is out of range: %s (%lld to %lld)",
                                  row->name, value, (long long)row->min, (long long)row->max);
        *number = (struct option_signed){ .given = true, .value = got };
        return 0;
}

/* What jobd takes as well (WIRE_USEC_MAX), said in the user's words. */
#define OPTION_DURATION_MAX_USEC (100ULL * 366 * 86400 * USEC_PER_SEC)

/* The kinds whose value becomes a struct option_number. */
static int option_store_number(const struct option_row *row, void *place, const char *value,
                               struct reason *why)
{
        struct option_number got = { .given = true };
        int signo = 0;
        int r;

        if (row->kind == OPTION_DURATION)
                r = parse_duration(value, row->name, &got.value, why);
        else if (row->kind == OPTION_SIZE)
                r = parse_size(value, row->name, &got.value, why);
        else if (row->kind == OPTION_TIME)
                r = parse_time(value, row->name, clock_wall_usec(), &got.value, why);
        else if (row->kind == OPTION_SINCE)
                r = parse_past_time(value, row->name, clock_wall_usec(), &got.value, why);
        else if (row->kind == OPTION_SIGNAL)
                r = parse_signal(value, row->name, &signo, why);
        else
                r = parse_u64(value, row->name, row->min, row->max, &got.value, why);
        if (r)
                return OPTION_E_BAD;
        if (row->kind == OPTION_SIGNAL)
                got.value = (uint64_t)signo;
        else if (row->kind == OPTION_DURATION && got.value > OPTION_DURATION_MAX_USEC)
                return reason_set(why, OPTION_E_BAD, "%s: %s is longer than 100 years", row->name,
                                  value);
        else if (got.value < row->min)
                return reason_set(why, OPTION_E_BAD,
                                  "%s: %s is nothing; leave the option out for no limit", row->name,
                                  value);
        *(struct option_number *)place = got;
        return 0;
}

int option_store(const struct option_row *row, void *at, const char *value, struct reason *why)
{
        static int (*const store[OPTION_KIND_COUNT])(const struct option_row *, void *,
                                                     const char *, struct reason *) = {
                [OPTION_FLAG] = option_store_flag,     [OPTION_TEXT] = option_store_text,
                [OPTION_LIST] = option_store_list,     [OPTION_NUMBER] = option_store_number,
                [OPTION_SIGNED] = option_store_signed, [OPTION_DURATION] = option_store_number,
                [OPTION_SIZE] = option_store_number,   [OPTION_TIME] = option_store_number,
                [OPTION_SINCE] = option_store_number,  [OPTION_SIGNAL] = option_store_number,
        };

        return store[row->kind](row, (char *)at + row->offset, value, why);
}

bool option_is_given(const struct option_row *row, const void *at)
{
        const void *const place = (const char *)at + row->offset;

        if (row->kind == OPTION_FLAG)
                return *(const bool *)place;
        if (row->kind == OPTION_TEXT)
                return *(const char *const *)place;
        if (row->kind == OPTION_LIST)
                return ((const struct option_list *)place)->count > 0;
        if (row->kind == OPTION_SIGNED)
                return ((const struct option_signed *)place)->given;
        return ((const struct option_number *)place)->given;
}

/* ------------------------------------------------------------------------------- parsing */

/* The sets laid out for getopt_long(). */
struct option_parser {
        const struct option_row *rows[OPTION_ROWS_MAX];
        void *at[OPTION_ROWS_MAX];
        size_t count;
        struct option longs[OPTION_ROWS_MAX + 1];
        char shorts[2 * OPTION_ROWS_MAX + 3];
};

static void option_lay_out(const struct option_set *sets, struct option_parser *parser)
{
        size_t shorts = 0;

        parser->shorts[shorts++] = '+';
        parser->shorts[shorts++] = ':';
        for (; sets->rows; sets++)
                for (const struct option_row *row = sets->rows; row->kind != OPTION_END; row++) {
                        const size_t i = parser->count;

                        if (i >= OPTION_ROWS_MAX)
                                break;
                        parser->rows[i] = row;
                        parser->at[i] = sets->at;
                        parser->longs[i] = (struct option){
                                .name = row->name,
                                .has_arg = row->value ? required_argument : no_argument,
                                .val = OPTION_FIRST_VALUE + (int)i,
                        };
                        if (row->letter) {
                                parser->shorts[shorts++] = row->letter;
                                if (row->value)
                                        parser->shorts[shorts++] = ':';
                        }
                        parser->count++;
                }
        parser->shorts[shorts] = '\0';
        parser->longs[parser->count] = (struct option){ 0 };
}

static int option_refuse_long(const struct option_parser *parser, const char *word,
                              struct reason *why)
{
        const char *names[OPTION_ROWS_MAX + 1] = { NULL };
        char name[64];
        const char *nearest;

        snprintf(name, sizeof(name), "%.*s", (int)strcspn(word, "="), word);
        for (size_t i = 0; i < parser->count; i++) {
                if (strcmp(parser->rows[i]->name, name) == 0)
                        return reason_set(why, OPTION_E_BAD, "--%s takes no value", name);
                names[i] = parser->rows[i]->name;
        }
        nearest = parse_nearest(name, names);
        if (nearest)
                return reason_set(why, OPTION_E_BAD, "unknown option --%s: did you mean --%s?",
                                  name, nearest);
        return reason_set(why, OPTION_E_BAD, "unknown option --%s", name);
}

/* getopt_long() said '?' or ':'. */
static int option_refuse(const struct option_parser *parser, int answer, int known, char **argv,
                         struct reason *why)
{
        const char *const word = argv[optind - 1];

        if (known >= OPTION_FIRST_VALUE && answer == ':')
                return reason_set(why, OPTION_E_BAD, "--%s needs a value (%s)",
                                  parser->rows[known - OPTION_FIRST_VALUE]->name,
                                  parser->rows[known - OPTION_FIRST_VALUE]->value);
        if (answer == ':')
                return reason_set(why, OPTION_E_BAD, "-%c needs a value", known);
        if (known > 0 && known < OPTION_FIRST_VALUE)
                return reason_set(why, OPTION_E_BAD, "unknown option -%c", known);
        return option_refuse_long(parser, word + (strncmp(word, "--", 2) == 0 ? 2 : 0), why);
}

/* The sentence of a value that is no good begins with the option's name, here as it is typed. */
static int option_take(const struct option_parser *parser, int found, struct reason *why)
{
        size_t i = (size_t)(found - OPTION_FIRST_VALUE);
        struct reason inner = { "" };
        int r;

        if (found < OPTION_FIRST_VALUE)
                for (i = 0; i < parser->count; i++)
                        if (parser->rows[i]->letter == (char)found)
                                break;
        if (i >= parser->count)
                return reason_set(why, OPTION_E_BAD, "unknown option");
        r = option_store(parser->rows[i], parser->at[i], optarg, &inner);
        if (r <= 0)
                return r ? PASS(r) : 0;
        if (found < OPTION_FIRST_VALUE)
                return reason_set(why, r, "-%c/--%s", found, inner.text);
        return reason_set(why, r, "--%s", inner.text);
}

int option_parse(const struct option_set *sets, bool strict, int argc, char **argv, int *out_rest,
                 struct reason *why)
{
        struct option_parser parser = { .count = 0 };
        const char *shorts = parser.shorts;

        option_lay_out(sets, &parser);
        if (!strict)
                shorts++; /* without the '+' */
        opterr = 0;
        optind = 0; /* glibc: begin anew, also with '+' */
        for (;;) {
                const int found = getopt_long(argc, argv, shorts, parser.longs, NULL);
                int r;

                if (found < 0)
                        break;
                if (found == '?' || found == ':')
                        return option_refuse(&parser, found, optopt, argv, why);
                r = option_take(&parser, found, why);
                if (r)
                        return r;
        }
        *out_rest = optind;
        return 0;
}

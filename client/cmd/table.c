/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A table on a terminal: every column is as wide as its widest cell, and when the sum is too wide
 * the columns that may shrink give up what is needed, the widest first. What was cut ends with
 * "...". Widths are terminal columns, not bytes: wide and combining characters count as the C
 * library says (wcwidth(3)), in a UTF-8 locale even where the environment names none. Off a
 * terminal nothing is cut, since a program reads it. Pure but for the locale.
 */
#include "client/cmd/table.h"

#include <errno.h>
#include <locale.h>
#include <stdint.h>
#include <string.h>
#include <sys/ioctl.h>
#include <wchar.h>

#include "common/error.h"
#include "common/parse.h"

#define TABLE_COLUMNS_MAX 16
#define TABLE_GAP 2

struct table_cell {
        char *text;         /* owned */
        const char *colour; /* borrowed, constant */
        size_t width;
};

struct table {
        const struct table_column *columns; /* borrowed */
        size_t columns_count;
        struct table_cell *cells; /* owned, row by row */
        size_t rows_count, filled, room;
};

/* ------------------------------------------------------------------------------------- widths */

static void table_set_locale(void)
{
        static bool done = false;

        if (done)
                return;
        done = true;
        if (!setlocale(LC_CTYPE, "") || MB_CUR_MAX < 2)
                (void)setlocale(LC_CTYPE, "C.UTF-8");
}

/* One character: its bytes and columns. */
static size_t table_step(const char *text, mbstate_t *state, size_t *out_width)
{
        wchar_t wide;
        const size_t n = mbrtowc(&wide, text, MB_CUR_MAX, state);
        int width;

        if (n == 0 || n > MB_CUR_MAX) {
                memset(state, 0, sizeof(*state));
                *out_width = 1;
                return 1;
        }
        width = wcwidth(wide);
        *out_width = width > 0 ? (size_t)width : 0;
        return n;
}

size_t table_text_width(const char *text)
{
        mbstate_t state = { 0 };
        size_t width = 0;

        table_set_locale();
        while (*text) {
                size_t one;

                text += table_step(text, &state, &one);
                width += one;
        }
        return width;
}

size_t table_text_fit(const char *text, size_t width)
{
        mbstate_t state = { 0 };
        const char *at = text;

        table_set_locale();
        while (*at) {
                size_t one;
                const size_t n = table_step(at, &state, &one);

                if (one > width)
                        break;
                width -= one;
                at += n;
        }
        return (size_t)(at - text);
}

size_t table_terminal_width(void)
{
        const char *const columns = getenv("COLUMNS");
        struct winsize size;
        uint64_t width;

        if (isatty(STDOUT_FILENO) != 1)
                return 0;
        if (columns && parse_u64(columns, "COLUMNS", 20, 10000, &width, NULL) == 0)
                return (size_t)width;
        if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col >= 20)
                return size.ws_col;
        return 80;
}

/* ------------------------------------------------------------------------------------ filling */

struct table *table_free(struct table *table)
{
        if (!table)
                return NULL;
        for (size_t i = 0; i < table->rows_count * table->columns_count; i++)
                free(table->cells[i].text);
        free(table->cells);
        free(table);
        return NULL;
}

int table_new(const struct table_column *columns, struct table **out_table)
{
        struct table *const table = calloc(1, sizeof(*table));

        if (!table)
                return FAULT(-ENOMEM);
        table->columns = columns;
        while (columns[table->columns_count].title && table->columns_count < TABLE_COLUMNS_MAX)
                table->columns_count++;
        *out_table = table;
        return 0;
}

int table_add_row(struct table *table)
{
        const size_t need = (table->rows_count + 1) * table->columns_count;

        if (need > table->room) {
                const size_t room = MAX(2 * table->room, need);
                struct table_cell *const bigger = reallocarray(table->cells, room, sizeof(*bigger));

                if (!bigger)
                        return FAULT(-ENOMEM);
                table->cells = bigger;
                table->room = room;
        }
        memset(table->cells + table->rows_count * table->columns_count, 0,
               table->columns_count * sizeof(*table->cells));
        table->filled = table->rows_count * table->columns_count;
        table->rows_count++;
        return 0;
}

int table_add_cell(struct table *table, const char *text, const char *colour)
{
        struct table_cell *cell;

        if (table->filled >= table->rows_count * table->columns_count)
                return FAULT(-ENOSPC);
        cell = &table->cells[table->filled];
        cell->text = strdup(text);
        if (!cell->text)
                return FAULT(-ENOMEM);
        cell->colour = colour;
        cell->width = table_text_width(text);
        table->filled++;
        return 0;
}

size_t table_count_rows(const struct table *table)
{
        return table->rows_count;
}

/* ----------------------------------------------------------------------------------- printing */

/* The columns' widths, as they want to be. Returns the sum with gaps. */
static size_t table_measure(const struct table *table, size_t widths[static TABLE_COLUMNS_MAX])
{
        size_t sum = 0;

        for (size_t c = 0; c < table->columns_count; c++) {
                widths[c] = strlen(table->columns[c].title);
                for (size_t row = 0; row < table->rows_count; row++)
                        widths[c] =
                                MAX(widths[c], table->cells[row * table->columns_count + c].width);
                sum += widths[c] + (c > 0 ? TABLE_GAP : 0);
        }
        return sum;
}

/* Takes column after column from the widest one that may shrink. */
static void table_shrink(const struct table *table, size_t widths[static TABLE_COLUMNS_MAX],
                         size_t sum, size_t width)
{
        while (sum > width) {
                size_t widest = TABLE_COLUMNS_MAX;

                for (size_t c = 0; c < table->columns_count; c++)
                        if (table->columns[c].shrinks &&
                            widths[c] > MAX(table->columns[c].min_width, (size_t)4) &&
                            (widest == TABLE_COLUMNS_MAX || widths[c] > widths[widest]))
                                widest = c;
                if (widest == TABLE_COLUMNS_MAX)
                        return;
                widths[widest]--;
                sum--;
        }
}

static void table_print_cell(const char *text, size_t text_width, size_t width, bool right,
                             bool last, const char *colour, const char *end, FILE *out)
{
        const bool cut = text_width > width;
        const size_t bytes = cut ? table_text_fit(text, width - 3) : strlen(text);
        const size_t pad = cut ? 0 : width - text_width;

        if (right)
                fprintf(out, "%*s", (int)pad, "");
        fprintf(out, "%s%.*s%s%s", colour, (int)bytes, text, cut ? "..." : "",
                colour[0] ? end : "");
        if (!right && !last)
                fprintf(out, "%*s", (int)pad, "");
        if (!last)
                fprintf(out, "%*s", TABLE_GAP, "");
}

void table_print(const struct table *table, size_t width, const char *bold, const char *end,
                 FILE *out)
{
        size_t widths[TABLE_COLUMNS_MAX];
        const size_t sum = table_measure(table, widths);

        if (width > 0)
                table_shrink(table, widths, sum, width);
        for (size_t c = 0; c < table->columns_count; c++)
                table_print_cell(table->columns[c].title, strlen(table->columns[c].title),
                                 widths[c], table->columns[c].right, c + 1 == table->columns_count,
                                 bold, end, out);
        fputc('\n', out);
        for (size_t row = 0; row < table->rows_count; row++) {
                for (size_t c = 0; c < table->columns_count; c++) {
                        const struct table_cell *const cell =
                                &table->cells[row * table->columns_count + c];

                        table_print_cell(cell->text ? cell->text : "", cell->width, widths[c],
                                         table->columns[c].right, c + 1 == table->columns_count,
                                         cell->colour ? cell->colour : "", end, out);
                }
                fputc('\n', out);
        }
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * bash gives a completion function the line as it was typed, quotes and all, and takes back text
 * that stands in the line unchanged; so somebody must take the quotes away and put them on again.
 * That is done here, by a scanner with the few rules that matter: quotes, backslashes,
 * redirections, assignments in front, and where the next command begins.
 *
 * What readline replaces is not the whole word: it begins behind the quote that is open, or else
 * behind the last unquoted character of COMP_WORDBREAKS (= and : among them), so start_bytes says
 * how much of the word's meaning stands before that.
 *
 * Wrong input is impossible: any line has a reading. Used by cmd_complete.c; pure.
 */
#include "client/cmd/complete_line.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "common/error.h"

struct scan {
        const char *at, *breaks;
        struct complete_line *line;
        char *word; /* owned; what is meant so far; always has room */
        size_t bytes;
        const char *raw;  /* where the word began; NULL: it has not */
        bool is_target;   /* of a redirection */
        bool may_assign;  /* no command yet */
        bool is_assigned; /* this word has an unquoted = */
};

static void scan_take(struct scan *scan, char c)
{
        scan->word[scan->bytes++] = c;
}

/* Keeps the word that is there. */
static int scan_keep(struct scan *scan)
{
        struct complete_line *const line = scan->line;

        scan->word[scan->bytes] = '\0';
        line->words[line->count] = strdup(scan->word);
        if (!line->words[line->count])
                return FAULT(-ENOMEM);
        line->raws[line->count++] = scan->raw;
        return 0;
}

static void scan_forget(struct scan *scan)
{
        scan->raw = NULL;
        scan->bytes = 0;
        scan->is_target = false;
        scan->is_assigned = false;
        scan->line->start_bytes = 0;
}

/* A word is over, if there is one. */
static int scan_end_word(struct scan *scan)
{
        int r = 0;

        if (!scan->raw)
                return 0;
        if (!scan->is_target && !(scan->may_assign && scan->is_assigned)) {
                r = scan_keep(scan);
                scan->may_assign = false;
        }
        scan_forget(scan);
        return r ? PASS(r) : 0;
}

/* Another command begins: those words were not ours. */
static void scan_end_command(struct scan *scan)
{
        while (scan->line->count > 0)
                free(scan->line->words[--scan->line->count]);
        scan_forget(scan);
        scan->may_assign = true;
}

/* "2>" and "&>": what stands before the sign belongs to it. */
static int scan_redirect(struct scan *scan)
{
        if (scan->raw && strspn(scan->raw, "0123456789&") == (size_t)(scan->at - scan->raw))
                scan_forget(scan);
        scan->at += strspn(scan->at, "<>&|");
        if (scan_end_word(scan))
                return FAULT(-ENOMEM);
        scan->is_target = true;
        return 0;
}

/* From behind the opening quote to behind the closing one, or to the end. */
static void scan_quoted(struct scan *scan, char quote)
{
        const size_t before = scan->bytes;

        for (; *scan->at && *scan->at != quote; scan->at++) {
                if (quote == '"' && *scan->at == '\\' && scan->at[1] &&
                    strchr("$`\"\\\n", scan->at[1])) {
                        scan->at++;
                        if (*scan->at == '\n')
                                continue;
                }
                scan_take(scan, *scan->at);
        }
        if (*scan->at) {
                scan->at++;
                return;
        }
        scan->line->quote = quote;
        scan->line->start_bytes = before;
}

static int scan_step(struct scan *scan)
{
        const char c = *scan->at;

        if (strchr(" \t\n", c)) {
                scan->at++;
                return scan_end_word(scan);
        }
        if (strchr("<>", c) || (c == '&' && scan->at[1] == '>'))
                return scan_redirect(scan);
        if (strchr(";|&()", c)) {
                scan->at++;
                scan_end_command(scan);
                return 0;
        }
        if (!scan->raw)
                scan->raw = scan->at;
        scan->at++;
        if (c == '\\') {
                if (*scan->at && *scan->at != '\n')
                        scan_take(scan, *scan->at);
                scan->at += *scan->at ? 1 : 0;
        } else if (c == '\'' || c == '"') {
                scan_quoted(scan, c);
        } else {
                scan_take(scan, c);
                scan->is_assigned = scan->is_assigned || c == '=';
                if (strchr(scan->breaks, c))
                        scan->line->start_bytes = scan->bytes;
        }
        return 0;
}

int complete_line_read(const char *line, const char *breaks, struct complete_line *out)
{
        const size_t size = strlen(line) + 1;
        _cleanup_(freep) char *word = calloc(1, size);
        struct scan scan = {
                .at = line, .breaks = breaks, .line = out, .word = word, .may_assign = true
        };
        int r = 0;

        *out = (struct complete_line){ 0 };
        /* No more words than characters, and one that has not begun. */
        out->words = calloc(size, sizeof(*out->words));
        out->raws = calloc(size, sizeof(*out->raws));
        if (!word || !out->words || !out->raws)
                r = FAULT(-ENOMEM);
        while (r == 0 && *scan.at)
                r = scan_step(&scan);
        out->is_redirection = scan.is_target;
        if (!scan.raw)
                scan.raw = scan.at;
        if (r == 0)
                r = scan_keep(&scan);
        if (r)
                complete_line_deinit(out);
        return r ? PASS(r) : 0;
}

void complete_line_deinit(struct complete_line *line)
{
        for (size_t i = 0; line->words && i < line->count; i++)
                free(line->words[i]);
        free(line->words);
        free(line->raws);
        *line = (struct complete_line){ 0 };
}

static bool line_is_plain(char c)
{
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
               (unsigned char)c >= 0x80 || (c && strchr("-_./:=@%+,", c));
}

char *complete_line_quote(const char *text, char quote)
{
        char *const made = calloc(4, strlen(text) + 1);
        char *to = made;

        for (; made && *text; text++) {
                /* What ends the quotes, or means something within: a moment outside of them. */
                if (quote == '\'' && *text == '\'')
                        to = stpcpy(to, "'\\'");
                else if (quote == '"' && *text == '!')
                        to = stpcpy(to, "\"\\");
                else if ((quote == '"' && strchr("$`\"\\", *text)) ||
                         (quote == '\0' && !line_is_plain(*text)))
                        *to++ = '\\';
                *to++ = *text;
                if (quote == '"' && *text == '!')
                        *to++ = '"';
        }
        return made;
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The result convention and the sentence for people.
 *
 * Faults are reported once where they start (FAULT) and traced at each step up (PASS), at debug
 * level only: whoever decides what a fault means - closes the session, kills the worker, ends the
 * daemon - logs that decision at a level people see. An answer (> 0) that reaches PASS was handled
 * by nobody, which is a bug of the caller; it turns into -ENOTRECOVERABLE so that it cannot be
 * taken for an answer of the next module.
 *
 * A reason is written where input is judged and shown to whoever sent that input, so it may quote
 * hostile bytes. reason_set() therefore escapes what it formats: a reason is always valid UTF-8
 * without control characters and fits its buffer, cut before a character rather than inside one.
 *
 * Both keep errno. Called by everybody.
 */
#include "common/error.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "common/log.h"
#include "common/text.h"

/* The escaped text is never shorter than the raw one, so no more than this can ever be shown. */
#define ERROR_RAW_MAX (2 * sizeof(((struct reason *)0)->text))

/* The last part of __FILE__: where the build tree stands is nobody's business. */
static const char *error_file_name(const char *file)
{
        const char *slash = strrchr(file, '/');

        return slash ? slash + 1 : file;
}

int fault_report(int r, const char *func, const char *file, int line)
{
        const int fault = r < 0 ? r : -ENOTRECOVERABLE;

        log_debug("fault in %s() (%s:%d): %s", func, error_file_name(file), line,
                  strerrordesc_np(-fault) ? strerrordesc_np(-fault) : "unknown error");
        return fault;
}

int fault_trace(int r, const char *func, const char *file, int line)
{
        if (r == 0)
                return 0;
        if (r > 0) {
                log_debug("answer %d that nobody handled in %s() (%s:%d)", r, func,
                          error_file_name(file), line);
                return -ENOTRECOVERABLE;
        }
        log_debug("  passed by %s() (%s:%d)", func, error_file_name(file), line);
        return r;
}

int reason_set(struct reason *why, int r, const char *fmt, ...)
{
        const int saved_errno = errno;
        char raw[ERROR_RAW_MAX];
        va_list args;
        int n;

        if (!why)
                return r;
        va_start(args, fmt);
        n = vsnprintf(raw, sizeof(raw), fmt, args);
        va_end(args);
        if (n < 0)
                raw[0] = '\0';
        text_escape_into(raw, strlen(raw), why->text, sizeof(why->text));
        errno = saved_errno;
        return r;
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a program says about itself.
 *
 * A message is formatted on the stack, escaped - it may quote a user's file name or a peer's
 * bytes - and given to the sink, or written to stderr as one line by one writev(2), so that lines
 * of several processes on one stream do not mix. A message longer than LOG_TEXT_MAX is cut and
 * ends in "...". Nothing here allocates, fails or changes errno: logging a lack of memory works.
 *
 * Who may call: everybody, from any thread after log_init(); above debug level only those files
 * whose decision it is (a library returns a result and stays silent). Never between fork and exec.
 *
 * In jobd the sink sends fields to systemd's journal (daemon/service.c). The pool and its workers
 * write plain lines to the stream: whatever happens to a job or a worker is reported to jobd, which
 * says it with fields, and what runs as root is not to speak one protocol more.
 *
 * The settings below are the process's only mutable globals: they are set in main() before any
 * thread starts and read ever after.
 */
#include "common/log.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/uio.h>

#include "common/text.h"

#define LOG_TEXT_MAX 2048

static const char *log_ident = "jobd";
static enum log_level log_threshold = LOG_LEVEL_NOTICE;
static bool log_has_prefix;
static log_sink_fn log_sink;

/* clang-format off */
static const struct {
        const char *name;
        enum log_level level;
} log_levels[] = {
        { "error",   LOG_LEVEL_ERROR },
        { "warning", LOG_LEVEL_WARNING },
        { "notice",  LOG_LEVEL_NOTICE },
        { "info",    LOG_LEVEL_INFO },
        { "debug",   LOG_LEVEL_DEBUG },
};
/* clang-format on */

/*
 * Is stderr the very stream that $JOURNAL_STREAM ("device:inode") describes? The variable alone
 * proves nothing: it is inherited by programs whose stderr was redirected since.
 */
static bool log_is_on_journal(void)
{
        const char *stream = getenv("JOURNAL_STREAM");
        unsigned long long dev, ino;
        struct stat st;

        if (!stream || sscanf(stream, "%llu:%llu", &dev, &ino) != 2)
                return false;
        return fstat(STDERR_FILENO, &st) == 0 && st.st_dev == dev && st.st_ino == ino;
}

void log_init(const char *ident, enum log_level level)
{
        const char *wanted = getenv("JOBD_LOG_LEVEL");

        log_ident = ident;
        log_threshold = level;
        for (size_t i = 0; wanted && i < ARRAY_SIZE(log_levels); i++)
                if (!strcmp(wanted, log_levels[i].name))
                        log_threshold = log_levels[i].level;
        log_has_prefix = log_is_on_journal();
}

void log_set_sink(log_sink_fn sink)
{
        log_sink = sink;
}

int log_is_on(enum log_level level)
{
        return level <= log_threshold;
}

/* A line that stderr does not take is lost: there is nobody left to tell. */
static void log_write_line(const struct log_record *record)
{
        char head[128];
        struct iovec iov[3];
        int n;

        if (log_has_prefix)
                n = snprintf(head, sizeof(head), "<%d>", (int)record->level);
        else
                n = snprintf(head, sizeof(head), "%s: ", log_ident);
        if (n < 0)
                return;
        iov[0] = (struct iovec){ .iov_base = head, .iov_len = MIN((size_t)n, sizeof(head) - 1) };
        /* writev(2) only reads; iovec has no const of its own. */
        iov[1].iov_base = (void *)(uintptr_t)record->text;
        iov[1].iov_len = strlen(record->text);
        iov[2].iov_base = (void *)(uintptr_t) "\n";
        iov[2].iov_len = 1;
        if (writev(STDERR_FILENO, iov, ARRAY_SIZE(iov)) < 0)
                return;
}

static void log_write_list(struct log_record *record, const char *fmt, va_list args)
        __attribute__((__format__(__printf__, 2, 0)));

static void log_write_list(struct log_record *record, const char *fmt, va_list args)
{
        const int saved_errno = errno;
        char raw[LOG_TEXT_MAX], text[LOG_TEXT_MAX];
        size_t length;

        if (vsnprintf(raw, sizeof(raw), fmt, args) < 0)
                strcpy(raw, "(a message that could not be formatted)");
        length = text_escape_into(raw, strlen(raw), text, sizeof(text) - 3);
        /* Full up to less than one escaped character: cut, or as good as. */
        if (length > sizeof(text) - 16)
                strcpy(text + length, "...");
        record->text = text;
        if (log_sink)
                log_sink(record);
        else
                log_write_line(record);
        errno = saved_errno;
}

void log_write(enum log_level level, enum log_event event, uint64_t job_id, const char *fmt, ...)
{
        struct log_record record = { .level = level, .event = event, .job_id = job_id };
        va_list args;

        if (!log_is_on(level))
                return;
        va_start(args, fmt);
        log_write_list(&record, fmt, args);
        va_end(args);
}

void log_write_about(const struct log_record *about, const char *fmt, ...)
{
        struct log_record record = *about;
        va_list args;

        if (!log_is_on(record.level))
                return;
        va_start(args, fmt);
        log_write_list(&record, fmt, args);
        va_end(args);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* What a program says about itself: lines on stderr, or fields for a sink such as the journal. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "common/cleanup.h"

/* syslog(3) priorities that we use. */
enum log_level {
        LOG_LEVEL_ERROR = 3,
        LOG_LEVEL_WARNING = 4,
        LOG_LEVEL_NOTICE = 5,
        LOG_LEVEL_INFO = 6,
        LOG_LEVEL_DEBUG = 7,
};

/* Names of what happened, for MESSAGE_ID=; the ids themselves stand in daemon/service.c. */
enum log_event {
        LOG_EVENT_NONE,
        LOG_EVENT_STARTED,
        LOG_EVENT_STOPPED,
        LOG_EVENT_RELOADED,
        LOG_EVENT_CONFIG_BAD,
        LOG_EVENT_JOB_LOST,
        LOG_EVENT_WORKER_DIED,
        LOG_EVENT_STORE_FAILED,
        LOG_EVENT_DISK_FULL,
        LOG_EVENT_ADMIN,
        LOG_EVENT_START_REFUSED,
        LOG_EVENT_STUCK,
        LOG_EVENT_CLIENT,
        LOG_EVENT_LEFT_OUT,
        LOG_EVENT_COUNT,
};

struct log_record {
        enum log_level level;
        enum log_event event;
        uint64_t job_id; /* 0: none */
        bool has_uid;    /* `uid` is the user whom this is about: who asked, or whose job it is */
        uint32_t uid;
        const char *verb; /* what was asked, in one word; NULL: nothing. Borrowed for the call */
        const char *text; /* borrowed for the call; control characters already escaped */
};

typedef void (*log_sink_fn)(const struct log_record *record);

/*
 * ident: borrowed for ever ("jobd"). Lines go to stderr as "ident: text", or with an <N> prefix
 * when stderr is the stream to systemd's journal that $JOURNAL_STREAM names. Until log_init() the
 * level is LOG_LEVEL_NOTICE. $JOBD_LOG_LEVEL (error, warning, notice, info, debug) overrides
 * `level`.
 */
void log_init(const char *ident, enum log_level level);

/* Replaces stderr as the destination; NULL brings stderr back. */
void log_set_sink(log_sink_fn sink);

/* Is this level shown? For messages that are costly to build. */
int log_is_on(enum log_level level);

void log_write(enum log_level level, enum log_event event, uint64_t job_id, const char *fmt, ...)
        _printf_(4, 5);

/* The same with more to say about it; about->text is not looked at. */
void log_write_about(const struct log_record *about, const char *fmt, ...) _printf_(2, 3);

#define log_error(...) log_write(LOG_LEVEL_ERROR, LOG_EVENT_NONE, 0, __VA_ARGS__)
#define log_warning(...) log_write(LOG_LEVEL_WARNING, LOG_EVENT_NONE, 0, __VA_ARGS__)
#define log_notice(...) log_write(LOG_LEVEL_NOTICE, LOG_EVENT_NONE, 0, __VA_ARGS__)
#define log_info(...) log_write(LOG_LEVEL_INFO, LOG_EVENT_NONE, 0, __VA_ARGS__)
#define log_debug(...)                                                                             \
        do {                                                                                       \
                if (log_is_on(LOG_LEVEL_DEBUG))                                                    \
                        log_write(LOG_LEVEL_DEBUG, LOG_EVENT_NONE, 0, __VA_ARGS__);                \
        } while (0)

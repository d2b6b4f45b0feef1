/* SPDX-License-Identifier: Apache-2.0 */
/* The daemon's settings: defaults, files, command line; where each came from; reload. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/cleanup.h"
#include "common/error.h"
#include "common/log.h"

enum config_answer {
        CONFIG_E_BAD = 1, /* a value is wrong: the reason has file:line */
};

/*
 * All sizes in bytes (UINT64_MAX: infinity), times in microseconds (USEC_NONE: infinity); texts
 * owned. The table in config.c is the list.
 */
struct config {
        uint32_t workers;                  /* [Pool] Workers=; default: cores we may run on */
        uint64_t pool_idle_usec;           /* [Pool] IdleExit= (user mode) */
        uint64_t daemon_idle_usec;         /* [Daemon] IdleExit= of an auto-started jobd */
        uint64_t grace_usec;               /* [Jobs] Grace= */
        uint64_t inline_max_bytes;         /* [Output] InlineMax= */
        uint64_t output_cap_bytes;         /* [Output] Cap= per job */
        uint64_t output_quota_bytes;       /* [Output] Quota= per user */
        bool compress;                     /* [Output] Compress= */
        uint64_t queued_max_per_user;      /* [Limits] QueuedJobsPerUser= */
        uint64_t queued_max;               /* [Limits] QueuedJobs= */
        uint64_t spec_bytes_max_per_user;  /* [Limits] SpecBytesPerUser= */
        uint64_t spec_bytes_max;           /* [Limits] SpecBytes= */
        uint32_t connections_max_per_user; /* [Limits] ConnectionsPerUser= */
        uint32_t connections_max;          /* [Limits] Connections= */
        uint64_t reply_bytes_max;          /* [Limits] UnsentReplies= per connection */
        uint64_t disk_floor_bytes;         /* [Limits] DiskFloor= */
        uint64_t reserve_bytes;            /* [Limits] DiskReserve= (the kept WAL) */
        uint64_t keep_age_usec;            /* [Retention] KeepAge=; 0: for ever */
        uint64_t keep_count;               /* [Retention] KeepJobs= per user; 0: no limit */
        uint64_t keep_bytes;               /* [Retention] KeepOutput= in all; 0: no limit */
        char *log_level;                   /* [Daemon] LogLevel= */
        struct config_origin *origins;     /* owned: one per key, in table order */
        char **warnings;                   /* owned, NULL-terminated; see config_warning() */
        bool is_system;
};

struct config_set { /* one "Section.Key=Value" from the command line */
        const char *section, *key, *value;
};

/*
 * Reads the files in order (UAPI.6: the main file from /etc, /run or /usr/lib, then the drop-ins
 * of all three sorted by name), or only `path` when given; then the command line. Unknown keys are
 * warnings. system: which defaults and files (user mode reads $XDG_CONFIG_HOME/jobd/jobd.conf).
 * CONFIG_E_BAD with file:line, or a fault; *out_config is untouched then.
 */
_must_use_ int config_load(bool system, const char *path, const struct config_set *sets,
                           size_t sets_count, struct config **out_config, struct reason *why);
struct config *config_free(struct config *config);
DEFINE_CLEANUP(struct config *, config_free);

/* The n-th entry as text, for `jobctl config`; false past the last. value: at least 256 bytes. */
bool config_entry(const struct config *config, size_t index, const char **out_section,
                  const char **out_key, char *value, size_t value_size, const char **out_origin);
/* Warnings of the load (unknown keys), NULL past the last. */
const char *config_warning(const struct config *config, size_t index);
/* LogLevel= for log_init(). */
enum log_level config_log_level(const struct config *config);

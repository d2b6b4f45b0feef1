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

enum config_affinity {
        CONFIG_AFFINITY_ASKED, /* jobs that say how many cores they need run on their own */
        CONFIG_AFFINITY_ALWAYS,
        CONFIG_AFFINITY_NEVER,
};

#define CONFIG_NOBODY UINT32_MAX
#define CONFIG_WEIGHT_USUAL 100U

/* What one user gets. */
struct config_share {
        uint32_t uid;
        uint32_t weight;    /* hundredths: 100 is one share */
        uint32_t cores_max; /* 0: no limit */
        uint64_t jobs_max;  /* unfinished; 0: no limit */
};

enum config_named_kind {
        CONFIG_NAMED_NONE,
        CONFIG_NAMED_SHARE,    /* [Share "alice"], "1000", "@group", "*" */
        CONFIG_NAMED_RESOURCE, /* [Resource "gpu"] */
        CONFIG_NAMED_LOCK,     /* [Lock "archive"] */
        CONFIG_NAMED_COUNT,
};

/* A section with a name; only the fields of its kind mean anything. */
struct config_named {
        enum config_named_kind kind;
        char *name;                    /* owned */
        char *section;                 /* owned: as it stands in a file */
        char *place;                   /* owned: where it was mentioned first */
        struct config_origin *origins; /* owned: one per key of every kind, in table order */
        uint32_t weight;               /* Share: as in struct config_share */
        uint32_t cores_max;
        uint64_t jobs_max;
        uint64_t capacity;    /* Resource */
        bool is_machine_wide; /* Lock: one for all users; false: as if it was not mentioned */
};

/*
 * All sizes in bytes (UINT64_MAX: infinity), times in microseconds (USEC_NONE: infinity); texts
 * owned. The table in config_values.c is the list.
 */
struct config {
        uint32_t workers;                  /* [Pool] Workers=; default: cores we may run on */
        bool has_workers;                  /* ... somebody gave a number */
        uint32_t cores;                    /* [Pool] Cores=; 0: auto, see config_cores() */
        uint64_t memory_bytes;             /* [Pool] Memory=; 0: not counted */
        uint64_t pool_idle_usec;           /* [Pool] IdleExit= (user mode) */
        uint64_t daemon_idle_usec;         /* [Daemon] IdleExit= of an auto-started jobd */
        uint64_t grace_usec;               /* [Jobs] Grace= */
        uint64_t aging_usec;               /* [Jobs] Aging= per point of priority; 0: never */
        enum config_affinity affinity;     /* [Jobs] Affinity= */
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
        bool private_jobs;                 /* [Daemon] PrivateJobs= */
        char *admin_group;                 /* [Daemon] AdminGroup= */
        uint32_t admin_gid;                /* ... CONFIG_NOBODY: no such group */
        struct config_named **named;       /* owned: sections with a name, in order of mention */
        size_t named_count;
        struct config_share *shares; /* owned: what they say of users, by uid; the last one is
                                        that of everybody else (CONFIG_NOBODY) */
        size_t shares_count;
        struct config_origin *origins; /* owned: one per key, in table order */
        char **warnings;               /* owned, NULL-terminated; see config_warning() */
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

/*
 * The cores that may be given away, 0: as many as workers are wanted. is_resized: somebody said
 * since the load how many workers there are to be.
 */
uint32_t config_cores(const struct config *config, bool is_resized);
/* The section of that kind and name, or NULL. */
const struct config_named *config_find_named(const struct config *config,
                                             enum config_named_kind kind, const char *name);

/* The n-th entry as text, for `jobctl config`; false past the last. value: at least 256 bytes. */
bool config_entry(const struct config *config, size_t index, const char **out_section,
                  const char **out_key, char *value, size_t value_size, const char **out_origin);
/* Warnings of the load (unknown keys and names), NULL past the last. */
const char *config_warning(const struct config *config, size_t index);
/* LogLevel= for log_init(). */
enum log_level config_log_level(const struct config *config);

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The table of settings: where a key stands in the file, what kind of value it takes, where that
 * goes in struct config, its defaults and bounds. And the kinds themselves: text to value with a
 * sentence when it is wrong, value to the text that `jobctl config` shows, which could be put into
 * a file again.
 *
 * If you add a setting, add a field to struct config and a row here; reading, defaults, showing
 * and the tests follow. Pure, but for the number of cores. Called by config.c alone.
 */
#include <errno.h>
#include <inttypes.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>

#include "common/clock.h"
#include "common/parse.h"

#include "daemon/config_private.h"

#define CONFIG_WORKERS_MAX 4096
#define CONFIG_DAY_USEC (86400 * USEC_PER_SEC)
#define KIB 1024ULL
#define MIB (1024 * KIB)
#define GIB (1024 * MIB)
#define AT(field) offsetof(struct config, field)

/* clang-format off */
const struct config_key config_keys[] = {
        { "Daemon",    "LogLevel",           CONFIG_LEVEL,    AT(log_level),
          "notice", "notice", 0, 0, false, false },
        { "Daemon",    "IdleExit",           CONFIG_DURATION, AT(daemon_idle_usec),
          "10m", "10m", USEC_PER_MSEC, UINT64_MAX, false, false },
        { "Pool",      "Workers",            CONFIG_WORKERS,  AT(workers),
          "auto", "auto", 1, CONFIG_WORKERS_MAX, false, false },
        { "Pool",      "IdleExit",           CONFIG_DURATION, AT(pool_idle_usec),
          "10m", "10m", USEC_PER_MSEC, UINT64_MAX, false, false },
        { "Jobs",      "Grace",              CONFIG_DURATION, AT(grace_usec),
          "10s", "10s", 0, CONFIG_DAY_USEC, true, false },
        { "Output",    "InlineMax",          CONFIG_SIZE,     AT(inline_max_bytes),
          "64K", "64K", 0, 64 * KIB, true, false },
        { "Output",    "Cap",                CONFIG_SIZE,     AT(output_cap_bytes),
          "1G", "1G", 4 * KIB, UINT64_MAX, false, false },
        { "Output",    "Quota",              CONFIG_SIZE,     AT(output_quota_bytes),
          "0", "10G", 0, UINT64_MAX, false, true },
        { "Output",    "Compress",           CONFIG_BOOL,     AT(compress),
          "yes", "yes", 0, 0, false, false },
        { "Limits",    "QueuedJobsPerUser",  CONFIG_COUNT,    AT(queued_max_per_user),
          "1000000", "1000000", 1, 1000000000, false, false },
        { "Limits",    "QueuedJobs",         CONFIG_COUNT,    AT(queued_max),
          "4000000", "4000000", 1, 1000000000, false, false },
        { "Limits",    "SpecBytesPerUser",   CONFIG_SIZE,     AT(spec_bytes_max_per_user),
          "1G", "1G", 2 * MIB, UINT64_MAX, false, false },
        { "Limits",    "SpecBytes",          CONFIG_SIZE,     AT(spec_bytes_max),
          "4G", "4G", 2 * MIB, UINT64_MAX, false, false },
        { "Limits",    "ConnectionsPerUser", CONFIG_COUNT32,  AT(connections_max_per_user),
          "512", "512", 1, 60000, false, false },
        { "Limits",    "Connections",        CONFIG_COUNT32,  AT(connections_max),
          "4096", "4096", 1, 60000, false, false },
        { "Limits",    "UnsentReplies",      CONFIG_SIZE,     AT(reply_bytes_max),
          "1M", "1M", 64 * KIB, GIB, true, false },
        { "Limits",    "DiskFloor",          CONFIG_SIZE,     AT(disk_floor_bytes),
          "256M", "256M", 0, 1024 * GIB, true, false },
        { "Limits",    "DiskReserve",        CONFIG_SIZE,     AT(reserve_bytes),
          "64M", "64M", MIB, GIB, true, false },
        { "Retention", "KeepAge",            CONFIG_DURATION, AT(keep_age_usec),
          "30d", "30d", 0, UINT64_MAX, false, true },
        { "Retention", "KeepJobs",           CONFIG_COUNT,    AT(keep_count),
          "100000", "100000", 0, 1000000000, false, false },
        { "Retention", "KeepOutput",         CONFIG_SIZE,     AT(keep_bytes),
          "10G", "10G", 0, UINT64_MAX, false, true },
};

const size_t config_keys_count = ARRAY_SIZE(config_keys);
_Static_assert(ARRAY_SIZE(config_keys) <= CONFIG_KEYS_MAX, "room for every key");

static const struct {
        const char *name;
        enum log_level level;
} config_levels[] = {
        { "error",   LOG_LEVEL_ERROR },
        { "warning", LOG_LEVEL_WARNING },
        { "notice",  LOG_LEVEL_NOTICE },
        { "info",    LOG_LEVEL_INFO },
        { "debug",   LOG_LEVEL_DEBUG },
};
/* clang-format on */

static uint32_t config_count_cores(void)
{
        uint32_t cores = 1;

        /* The mask grows with the machine; the kernel says EINVAL while it is too small. */
        for (size_t room = 1024; room <= 1024 * 1024; room *= 2) {
                cpu_set_t *set = CPU_ALLOC(room);
                const size_t size = CPU_ALLOC_SIZE(room);
                int r;

                if (!set)
                        return 1;
                r = sched_getaffinity(0, size, set);
                if (r == 0)
                        cores = (uint32_t)CPU_COUNT_S(size, set);
                CPU_FREE(set);
                if (r == 0 || errno != EINVAL)
                        break;
        }
        return MIN(MAX(cores, 1), (uint32_t)CONFIG_WORKERS_MAX);
}

static void *config_field(struct config *config, const struct config_key *key)
{
        return (char *)config + key->offset;
}

static int config_set_bool(struct config *config, const struct config_key *key, const char *value,
                           struct reason *why)
{
        return parse_bool(value, key->name, config_field(config, key), why);
}

static int config_set_count32(struct config *config, const struct config_key *key,
                              const char *value, struct reason *why)
{
        uint64_t number;
        int r;

        r = parse_u64(value, key->name, key->min, key->max, &number, why);
        if (r == 0)
                *(uint32_t *)config_field(config, key) = (uint32_t)number;
        return r;
}

static int config_set_count(struct config *config, const struct config_key *key, const char *value,
                            struct reason *why)
{
        return parse_u64(value, key->name, key->min, key->max, config_field(config, key), why);
}

static int config_set_workers(struct config *config, const struct config_key *key,
                              const char *value, struct reason *why)
{
        if (strcmp(value, "auto") != 0)
                return config_set_count32(config, key, value, why);
        *(uint32_t *)config_field(config, key) = config_count_cores();
        return 0;
}

/* The exact value in the largest unit that divides it. */
static void config_print_size(uint64_t bytes, char *out_text, size_t room)
{
        static const char units[] = "\0KMGT";
        size_t unit = 0;

        while (unit < 4 && bytes > 0 && bytes % 1024 == 0 && bytes != UINT64_MAX) {
                bytes /= 1024;
                unit++;
        }
        if (bytes == UINT64_MAX)
                snprintf(out_text, room, "infinity");
        else
                snprintf(out_text, room, "%" PRIu64 "%.1s", bytes, units + unit);
}

static int config_judge_size(const struct config_key *key, uint64_t bytes, struct reason *why)
{
        char min[CLOCK_TEXT_MAX], max[CLOCK_TEXT_MAX];

        if ((bytes == UINT64_MAX && !key->no_infinity) || (bytes >= key->min && bytes <= key->max))
                return 0;
        config_print_size(key->min, min, sizeof(min));
        config_print_size(key->max, max, sizeof(max));
        return reason_set(why, PARSE_E_BAD, "%s: must be %s to %s", key->name, min, max);
}

static int config_set_size(struct config *config, const struct config_key *key, const char *value,
                           struct reason *why)
{
        uint64_t bytes;
        int r;

        r = parse_size(value, key->name, &bytes, why);
        if (r)
                return r;
        r = config_judge_size(key, bytes, why);
        if (r)
                return r;
        if (bytes == UINT64_MAX && key->infinity_is_zero)
                bytes = 0;
        *(uint64_t *)config_field(config, key) = bytes;
        return 0;
}

static int config_set_duration(struct config *config, const struct config_key *key,
                               const char *value, struct reason *why)
{
        char min[CLOCK_TEXT_MAX], max[CLOCK_TEXT_MAX];
        uint64_t usec = USEC_NONE;
        int r = 0;

        if (strcmp(value, "infinity") != 0)
                r = parse_duration(value, key->name, &usec, why);
        if (r)
                return r;
        if ((usec == USEC_NONE && key->no_infinity) || usec < key->min || usec > key->max)
                return reason_set(why, PARSE_E_BAD, "%s: must be %s to %s", key->name,
                                  clock_format_duration(key->min, min),
                                  key->max == UINT64_MAX ? "infinity"
                                                         : clock_format_duration(key->max, max));
        if (usec == USEC_NONE && key->infinity_is_zero)
                usec = 0;
        *(uint64_t *)config_field(config, key) = usec;
        return 0;
}

static int config_set_level(struct config *config, const struct config_key *key, const char *value,
                            struct reason *why)
{
        char **field = config_field(config, key);
        char *copy;

        for (size_t i = 0; i < ARRAY_SIZE(config_levels); i++) {
                if (strcmp(config_levels[i].name, value) != 0)
                        continue;
                copy = strdup(value);
                if (!copy)
                        return FAULT(-ENOMEM);
                free(*field);
                *field = copy;
                return 0;
        }
        return reason_set(why, PARSE_E_BAD,
                          "%s: \"%s\" is none of error, warning, notice, info, debug", key->name,
                          value);
}

enum log_level config_log_level(const struct config *config)
{
        for (size_t i = 0; i < ARRAY_SIZE(config_levels); i++)
                if (strcmp(config_levels[i].name, config->log_level) == 0)
                        return config_levels[i].level;
        return LOG_LEVEL_NOTICE;
}

typedef int (*config_set_fn)(struct config *config, const struct config_key *key, const char *value,
                             struct reason *why);
static const config_set_fn config_setters[] = {
        [CONFIG_BOOL] = config_set_bool,   [CONFIG_COUNT32] = config_set_count32,
        [CONFIG_COUNT] = config_set_count, [CONFIG_WORKERS] = config_set_workers,
        [CONFIG_SIZE] = config_set_size,   [CONFIG_DURATION] = config_set_duration,
        [CONFIG_LEVEL] = config_set_level,
};
_Static_assert(ARRAY_SIZE(config_setters) == CONFIG_TYPE_COUNT, "a setter per type");

int config_key_set(struct config *config, const struct config_key *key, const char *value,
                   struct reason *why)
{
        const int r = config_setters[key->type](config, key, value, why);

        if (r < 0)
                return PASS(r);
        return r ? CONFIG_E_BAD : 0;
}

void config_key_print(const struct config *config, const struct config_key *key, char *value,
                      size_t room)
{
        const void *field = (const char *)config + key->offset;
        char text[CLOCK_TEXT_MAX];

        if (key->type == CONFIG_BOOL)
                snprintf(value, room, "%s", *(const bool *)field ? "yes" : "no");
        else if (key->type == CONFIG_COUNT32 || key->type == CONFIG_WORKERS)
                snprintf(value, room, "%" PRIu32, *(const uint32_t *)field);
        else if (key->type == CONFIG_COUNT)
                snprintf(value, room, "%" PRIu64, *(const uint64_t *)field);
        else if (key->type == CONFIG_SIZE)
                config_print_size(*(const uint64_t *)field, value, room);
        else if (key->type == CONFIG_LEVEL)
                snprintf(value, room, "%s", *(char *const *)field);
        else if (*(const uint64_t *)field == USEC_NONE)
                snprintf(value, room, "infinity");
        else
                snprintf(value, room, "%s", clock_format_duration(*(const uint64_t *)field, text));
}

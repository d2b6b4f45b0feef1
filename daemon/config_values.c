/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The table of settings: where a key stands in the file, what kind of value it takes, where that
 * goes in struct config, its defaults and bounds. And the kinds themselves: text to value with a
 * sentence when it is wrong, value to the text that `jobctl config` shows, which could be put into
 * a file again.
 *
 * If you add a setting, add a field to struct config and a row here; reading, defaults, showing
 * and the tests follow. Pure, but for what the machine has. Called by config.c and config_named.c.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "common/clock.h"
#include "common/parse.h"

#include "daemon/config_private.h"
#include "daemon/machine.h"

#define CONFIG_NAME_MAX 255
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
        { "Daemon",    "PrivateJobs",        CONFIG_BOOL,     AT(private_jobs),
          "yes", "yes", 0, 0, false, false },
        { "Daemon",    "AdminGroup",         CONFIG_NAME,     AT(admin_group),
          "jobd-admin", "jobd-admin", 0, 0, false, false },
        { "Pool",      "Workers",            CONFIG_WORKERS,  AT(workers),
          "auto", "auto", 1, MACHINE_CORES_MAX, false, false },
        { "Pool",      "Cores",              CONFIG_CORES,    AT(cores),
          "auto", "auto", 1, MACHINE_CORES_MAX, false, false },
        { "Pool",      "Memory",             CONFIG_MEMORY,   AT(memory_bytes),
          "auto", "auto", 0, UINT64_MAX, false, true },
        { "Pool",      "IdleExit",           CONFIG_DURATION, AT(pool_idle_usec),
          "10m", "10m", USEC_PER_MSEC, UINT64_MAX, false, false },
        { "Jobs",      "Grace",              CONFIG_DURATION, AT(grace_usec),
          "10s", "10s", 0, CONFIG_DAY_USEC, true, false },
        { "Jobs",      "Aging",              CONFIG_DURATION, AT(aging_usec),
          "1m", "1m", 0, 366 * CONFIG_DAY_USEC, false, true },
        { "Jobs",      "Affinity",           CONFIG_AFFINITY, AT(affinity),
          "asked", "asked", 0, 0, false, false },
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

static const char *const config_affinities[] = {
        [CONFIG_AFFINITY_ASKED] = "asked",
        [CONFIG_AFFINITY_ALWAYS] = "always",
        [CONFIG_AFFINITY_NEVER] = "never",
};

static void *config_field(void *fields, const struct config_key *key)
{
        return (char *)fields + key->offset;
}

static int config_set_bool(void *fields, const struct config_key *key, const char *value,
                           struct reason *why)
{
        return parse_bool(value, key->name, config_field(fields, key), why);
}

static int config_set_count32(void *fields, const struct config_key *key, const char *value,
                              struct reason *why)
{
        uint64_t number;
        int r;

        r = parse_u64(value, key->name, key->min, key->max, &number, why);
        if (r == 0)
                *(uint32_t *)config_field(fields, key) = (uint32_t)number;
        return r;
}

static int config_set_count(void *fields, const struct config_key *key, const char *value,
                            struct reason *why)
{
        return parse_u64(value, key->name, key->min, key->max, config_field(fields, key), why);
}

static int config_set_workers(void *fields, const struct config_key *key, const char *value,
                              struct reason *why)
{
        struct config *config = fields;
        struct machine machine;
        int r = 0;

        if (strcmp(value, "auto") != 0) {
                r = config_set_count32(fields, key, value, why);
        } else {
                machine_read(&machine);
                config->workers = machine.affinity_cores;
        }
        if (r == 0)
                config->has_workers = strcmp(value, "auto") != 0;
        return r;
}

static int config_set_cores(void *fields, const struct config_key *key, const char *value,
                            struct reason *why)
{
        if (strcmp(value, "auto") != 0)
                return config_set_count32(fields, key, value, why);
        *(uint32_t *)config_field(fields, key) = 0;
        return 0;
}

static int config_set_weight(void *fields, const struct config_key *key, const char *value,
                             struct reason *why)
{
        return parse_hundredths(value, key->name, (uint32_t)key->min, (uint32_t)key->max,
                                config_field(fields, key), why);
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

static int config_set_size(void *fields, const struct config_key *key, const char *value,
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
        *(uint64_t *)config_field(fields, key) = bytes;
        return 0;
}

static int config_set_memory(void *fields, const struct config_key *key, const char *value,
                             struct reason *why)
{
        struct machine machine;

        if (strcmp(value, "auto") != 0)
                return config_set_size(fields, key, value, why);
        machine_read(&machine);
        *(uint64_t *)config_field(fields, key) = machine.memory_bytes;
        return 0;
}

static int config_set_duration(void *fields, const struct config_key *key, const char *value,
                               struct reason *why)
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
        *(uint64_t *)config_field(fields, key) = usec;
        return 0;
}

static int config_set_text(void *fields, const struct config_key *key, const char *value)
{
        char **field = config_field(fields, key);
        char *copy = strdup(value);

        if (!copy)
                return FAULT(-ENOMEM);
        free(*field);
        *field = copy;
        return 0;
}

static int config_set_level(void *fields, const struct config_key *key, const char *value,
                            struct reason *why)
{
        for (size_t i = 0; i < ARRAY_SIZE(config_levels); i++)
                if (strcmp(config_levels[i].name, value) == 0)
                        return config_set_text(fields, key, value);
        return reason_set(why, PARSE_E_BAD,
                          "%s: \"%s\" is none of error, warning, notice, info, debug", key->name,
                          value);
}

static int config_set_affinity(void *fields, const struct config_key *key, const char *value,
                               struct reason *why)
{
        for (size_t i = 0; i < ARRAY_SIZE(config_affinities); i++)
                if (strcmp(config_affinities[i], value) == 0) {
                        *(enum config_affinity *)config_field(fields, key) =
                                (enum config_affinity)i;
                        return 0;
                }
        return reason_set(why, PARSE_E_BAD, "%s: \"%s\" is none of asked, always, never", key->name,
                          value);
}

static int config_set_name(void *fields, const struct config_key *key, const char *value,
                           struct reason *why)
{
        if (strlen(value) > CONFIG_NAME_MAX || strpbrk(value, " \t:,/"))
                return reason_set(why, PARSE_E_BAD, "%s: \"%.64s\" is no name of a group",
                                  key->name, value);
        return config_set_text(fields, key, value);
}

enum log_level config_log_level(const struct config *config)
{
        for (size_t i = 0; i < ARRAY_SIZE(config_levels); i++)
                if (strcmp(config_levels[i].name, config->log_level) == 0)
                        return config_levels[i].level;
        return LOG_LEVEL_NOTICE;
}

typedef int (*config_set_fn)(void *fields, const struct config_key *key, const char *value,
                             struct reason *why);
static const config_set_fn config_setters[] = {
        [CONFIG_BOOL] = config_set_bool,     [CONFIG_COUNT32] = config_set_count32,
        [CONFIG_COUNT] = config_set_count,   [CONFIG_WORKERS] = config_set_workers,
        [CONFIG_CORES] = config_set_cores,   [CONFIG_SIZE] = config_set_size,
        [CONFIG_MEMORY] = config_set_memory, [CONFIG_DURATION] = config_set_duration,
        [CONFIG_LEVEL] = config_set_level,   [CONFIG_AFFINITY] = config_set_affinity,
        [CONFIG_NAME] = config_set_name,     [CONFIG_WEIGHT] = config_set_weight,
};
_Static_assert(ARRAY_SIZE(config_setters) == CONFIG_TYPE_COUNT, "a setter per type");

int config_key_set(void *fields, const struct config_key *key, const char *value,
                   struct reason *why)
{
        const int r = config_setters[key->type](fields, key, value, why);

        if (r < 0)
                return PASS(r);
        return r ? CONFIG_E_BAD : 0;
}

/* --------------------------------------------------------------------------------- to be shown */

static void config_print_bool(const void *field, char *value, size_t room)
{
        snprintf(value, room, "%s", *(const bool *)field ? "yes" : "no");
}

static void config_print_count32(const void *field, char *value, size_t room)
{
        snprintf(value, room, "%" PRIu32, *(const uint32_t *)field);
}

static void config_print_count(const void *field, char *value, size_t room)
{
        snprintf(value, room, "%" PRIu64, *(const uint64_t *)field);
}

static void config_print_cores(const void *field, char *value, size_t room)
{
        if (*(const uint32_t *)field == 0)
                snprintf(value, room, "auto");
        else
                config_print_count32(field, value, room);
}

static void config_print_bytes(const void *field, char *value, size_t room)
{
        config_print_size(*(const uint64_t *)field, value, room);
}

static void config_print_duration(const void *field, char *value, size_t room)
{
        char text[CLOCK_TEXT_MAX];

        if (*(const uint64_t *)field == USEC_NONE)
                snprintf(value, room, "infinity");
        else
                snprintf(value, room, "%s", clock_format_duration(*(const uint64_t *)field, text));
}

static void config_print_text(const void *field, char *value, size_t room)
{
        snprintf(value, room, "%s", *(char *const *)field);
}

static void config_print_affinity(const void *field, char *value, size_t room)
{
        snprintf(value, room, "%s", config_affinities[*(const enum config_affinity *)field]);
}

static void config_print_weight(const void *field, char *value, size_t room)
{
        const uint32_t weight = *(const uint32_t *)field;

        if (weight % 100 == 0)
                snprintf(value, room, "%" PRIu32, weight / 100);
        else
                snprintf(value, room, "%" PRIu32 ".%02" PRIu32, weight / 100, weight % 100);
}

typedef void (*config_print_fn)(const void *field, char *value, size_t room);
static const config_print_fn config_printers[] = {
        [CONFIG_BOOL] = config_print_bool,    [CONFIG_COUNT32] = config_print_count32,
        [CONFIG_COUNT] = config_print_count,  [CONFIG_WORKERS] = config_print_count32,
        [CONFIG_CORES] = config_print_cores,  [CONFIG_SIZE] = config_print_bytes,
        [CONFIG_MEMORY] = config_print_bytes, [CONFIG_DURATION] = config_print_duration,
        [CONFIG_LEVEL] = config_print_text,   [CONFIG_AFFINITY] = config_print_affinity,
        [CONFIG_NAME] = config_print_text,    [CONFIG_WEIGHT] = config_print_weight,
};
_Static_assert(ARRAY_SIZE(config_printers) == CONFIG_TYPE_COUNT, "a printer per type");

void config_key_print(const void *fields, const struct config_key *key, char *value, size_t room)
{
        config_printers[key->type]((const char *)fields + key->offset, value, room);
}

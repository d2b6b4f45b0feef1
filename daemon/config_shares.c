/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who the names in the configuration are. Done once at the end of a load, because a scheduler wants
 * uids and must not wait for a directory server; whoever joins a group counts from the next reload
 * on.
 *
 * The strongest word about a user is a section of his own, by name or uid; then the first section
 * of a group that he is in, as a member or by his primary group; then [Share "*"]. A key that the
 * section leaves open is what [Share "*"] says. The result is one row per user, in order of uid,
 * and behind them one for everybody else.
 *
 * A name that nobody has is a warning, since a file may serve several machines. The database of
 * users is read as a whole only when a group is named. Called by config.c, and by nobody while jobd
 * turns but for a reload.
 */
#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <string.h>

#include "common/parse.h"

#include "daemon/config_private.h"

#define CONFIG_SHARES_MAX 100000U

/* Rows in the making: of two of one user the one that was added first counts. */
struct config_row {
        struct config_share share;
        size_t order;
};
struct config_shares {
        struct config *config; /* borrowed */
        struct config_share base;
        struct config_row *rows; /* owned */
        size_t count, room;
};

static void config_shares_deinit(struct config_shares *shares)
{
        free(shares->rows);
}

static int config_shares_add(struct config_shares *shares, uint32_t uid,
                             const struct config_named *named)
{
        struct config_share *share;
        struct config_row *rows;

        if (shares->count >= CONFIG_SHARES_MAX && uid != CONFIG_NOBODY)
                return 0;
        if (shares->count == shares->room) {
                const size_t room = MAX(2 * shares->room, (size_t)16);

                rows = reallocarray(shares->rows, room, sizeof(*rows));
                if (!rows)
                        return FAULT(-ENOMEM);
                shares->rows = rows;
                shares->room = room;
        }
        shares->rows[shares->count].order = shares->count;
        share = &shares->rows[shares->count++].share;
        *share = shares->base;
        share->uid = uid;
        if (named && config_named_has(named, offsetof(struct config_named, weight)))
                share->weight = named->weight;
        if (named && config_named_has(named, offsetof(struct config_named, cores_max)))
                share->cores_max = named->cores_max;
        if (named && config_named_has(named, offsetof(struct config_named, jobs_max)))
                share->jobs_max = named->jobs_max;
        return 0;
}

/* A name, or a number that nobody has as a name. The ids of nobody are no ids. */
static bool config_shares_find_user(const char *name, uint32_t *out_uid)
{
        const struct passwd *user = getpwnam(name);
        uint64_t uid;

        if (!user && parse_u64(name, "uid", 0, CONFIG_NOBODY - 1, &uid, NULL))
                return false;
        *out_uid = user ? user->pw_uid : (uint32_t)uid;
        return *out_uid != CONFIG_NOBODY;
}

static bool config_shares_find_group(const char *name, uint32_t *out_gid)
{
        const struct group *group = getgrnam(name);
        uint64_t gid;

        if (!group && parse_u64(name, "gid", 0, CONFIG_NOBODY - 1, &gid, NULL))
                return false;
        *out_gid = group ? group->gr_gid : (uint32_t)gid;
        return *out_gid != CONFIG_NOBODY;
}

static int config_shares_add_user(struct config_shares *shares, const struct config_named *named)
{
        uint32_t uid;
        int r;

        if (!config_shares_find_user(named->name, &uid)) {
                r = config_warn(shares->config, "%s: there is no user \"%s\"", named->place,
                                named->name);
                return r ? PASS(r) : 0;
        }
        for (size_t i = 0; i < shares->count; i++)
                if (shares->rows[i].share.uid == uid) {
                        r = config_warn(shares->config,
                                        "%s: [%s] is left out: an earlier section is about the "
                                        "same user",
                                        named->place, named->section);
                        return r ? PASS(r) : 0;
                }
        r = config_shares_add(shares, uid, named);
        return r ? PASS(r) : 0;
}

static int config_shares_add_members(struct config_shares *shares, uint32_t gid,
                                     const struct config_named *named)
{
        const struct group *group = getgrgid(gid);
        const struct passwd *user;
        int r = 0;

        for (size_t i = 0; r == 0 && group && group->gr_mem[i]; i++) {
                user = getpwnam(group->gr_mem[i]);
                if (user)
                        r = config_shares_add(shares, user->pw_uid, named);
        }
        setpwent();
        while (r == 0 && (user = getpwent()))
                if (user->pw_gid == gid)
                        r = config_shares_add(shares, user->pw_uid, named);
        endpwent();
        return r ? PASS(r) : 0;
}

static int config_shares_add_group(struct config_shares *shares, const struct config_named *named)
{
        uint32_t gid;
        int r;

        if (config_shares_find_group(named->name + 1, &gid))
                r = config_shares_add_members(shares, gid, named);
        else
                r = config_warn(shares->config, "%s: there is no group \"%s\"", named->place,
                                named->name + 1);
        return r ? PASS(r) : 0;
}

static int config_shares_add_all(struct config_shares *shares)
{
        const struct config *config = shares->config;
        const struct config_named *everybody = config_find_named(config, CONFIG_NAMED_SHARE, "*");
        int r = 0;

        if (everybody) {
                shares->base.weight = everybody->weight;
                shares->base.cores_max = everybody->cores_max;
                shares->base.jobs_max = everybody->jobs_max;
        }
        for (size_t i = 0; r == 0 && i < config->named_count; i++)
                if (config->named[i]->kind == CONFIG_NAMED_SHARE && config->named[i] != everybody &&
                    config->named[i]->name[0] != '@')
                        r = config_shares_add_user(shares, config->named[i]);
        for (size_t i = 0; r == 0 && i < config->named_count; i++)
                if (config->named[i]->kind == CONFIG_NAMED_SHARE &&
                    config->named[i]->name[0] == '@')
                        r = config_shares_add_group(shares, config->named[i]);
        if (r == 0)
                r = config_shares_add(shares, CONFIG_NOBODY, NULL);
        return r ? PASS(r) : 0;
}

static int config_shares_compare(const void *left, const void *right)
{
        const struct config_row *a = left, *b = right;

        if (a->share.uid != b->share.uid)
                return a->share.uid < b->share.uid ? -1 : 1;
        return a->order < b->order ? -1 : a->order > b->order;
}

/* Hands the rows over, one of each user, by uid. */
static int config_shares_finish(struct config_shares *shares)
{
        struct config *config = shares->config;

        config->shares = calloc(shares->count, sizeof(*config->shares));
        if (!config->shares)
                return FAULT(-ENOMEM);
        qsort(shares->rows, shares->count, sizeof(*shares->rows), config_shares_compare);
        for (size_t i = 0; i < shares->count; i++)
                if (i == 0 || shares->rows[i - 1].share.uid != shares->rows[i].share.uid)
                        config->shares[config->shares_count++] = shares->rows[i].share;
        return 0;
}

static int config_shares_find_admins(struct config *config)
{
        const struct group *group;
        const char *section, *key, *origin;
        char value[256];
        int r = 0;

        if (!config->is_system)
                return 0; /* there is one user, who may do everything */
        group = getgrnam(config->admin_group);
        config->admin_gid = group ? group->gr_gid : CONFIG_NOBODY;
        for (size_t i = 0; !group && r == 0 &&
                           config_entry(config, i, &section, &key, value, sizeof(value), &origin);
             i++)
                if (strcmp(key, "AdminGroup") == 0 && strcmp(origin, "default") != 0)
                        r = config_warn(config, "%s: there is no group \"%s\"", origin, value);
        return r ? PASS(r) : 0;
}

int config_shares_resolve(struct config *config)
{
        _cleanup_(config_shares_deinit) struct config_shares shares = {
                .config = config,
                .base = { .weight = CONFIG_WEIGHT_USUAL },
        };
        int r;

        r = config_shares_add_all(&shares);
        if (r == 0)
                r = config_shares_find_admins(config);
        if (r == 0)
                r = config_shares_finish(&shares);
        return r ? PASS(r) : 0;
}

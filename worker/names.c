/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The only place that asks the name services (passwd, group, whatever nsswitch.conf says). It runs
 * in the worker, never in jobd and never between fork and exec. A user that is not found is an
 * answer, never a default: no uid, gid or group is ever made up.
 *
 * The last answer is kept for ten seconds, because jobs of one user come in rows; a changed group
 * list is seen at most that much later. A lookup that hangs stops this worker alone, before any GO
 * is recorded, and the pool replaces it.
 */
#include "worker/names.h"

#include <errno.h>
#include <grp.h>
#include <inttypes.h>
#include <pwd.h>
#include <stdlib.h>
#include <string.h>

#include "common/clock.h"

#define NAMES_BUFFER_MAX (1024U * 1024)

struct names {
        struct names_user user;
        uint64_t found_usec; /* 0: nothing kept */
};

int names_new(struct names **out_names)
{
        *out_names = calloc(1, sizeof(struct names));
        return *out_names ? 0 : FAULT(-ENOMEM);
}

static void names_forget(struct names *names)
{
        free(names->user.name);
        free(names->user.home);
        free(names->user.shell);
        free(names->user.groups);
        names->user = (struct names_user){ .groups = NULL };
        names->found_usec = 0;
}

struct names *names_free(struct names *names)
{
        if (!names)
                return NULL;
        names_forget(names);
        free(names);
        return NULL;
}

static int names_read_passwd(uid_t uid, struct passwd *pw, char **out_buffer)
{
        size_t size = 1024;

        for (;;) {
                _cleanup_(freep) char *buffer = malloc(size);
                struct passwd *found;
                int r;

                if (!buffer)
                        return FAULT(-ENOMEM);
                r = getpwuid_r(uid, pw, buffer, size, &found);
                if (r == 0 && found) {
                        *out_buffer = TAKE_PTR(buffer);
                        return 0;
                }
                if (r == EINTR)
                        continue;
                if (r == ERANGE && size < NAMES_BUFFER_MAX)
                        size *= 4;
                else if (r == 0 || r == ENOENT || r == ESRCH)
                        return NAMES_E_GONE;
                else
                        return FAULT(-r);
        }
}

static int names_read_groups(struct names_user *user)
{
        int count = 32;

        for (;;) {
                const int room = count;
                gid_t *groups = realloc(user->groups, (size_t)room * sizeof(*groups));

                if (!groups)
                        return FAULT(-ENOMEM);
                user->groups = groups;
                if (getgrouplist(user->name, user->gid, groups, &count) >= 0) {
                        user->groups_count = (size_t)count;
                        return 0;
                }
                if (room >= NAMES_GROUPS_MAX)
                        return FAULT(-E2BIG);
                if (count <= room)
                        count = room * 2;
                count = MIN(count, NAMES_GROUPS_MAX);
        }
}

int names_find(struct names *names, uid_t uid, const struct names_user **out_user,
               struct reason *why)
{
        _cleanup_(freep) char *buffer = NULL;
        const uint64_t now_usec = clock_mono_usec();
        struct passwd pw;
        int r;

        if (names->found_usec && names->user.uid == uid &&
            now_usec - names->found_usec < NAMES_AGE_MAX_USEC) {
                *out_user = &names->user;
                return 0;
        }
        names_forget(names);
        r = names_read_passwd(uid, &pw, &buffer);
        if (r == NAMES_E_GONE)
                return reason_set(why, NAMES_E_GONE,
                                  "the user with uid %" PRIu32 " does not exist any more",
                                  (uint32_t)uid);
        if (r)
                return PASS(r);
        names->user.uid = uid;
        names->user.gid = pw.pw_gid;
        names->user.name = strdup(pw.pw_name);
        names->user.home = strdup(pw.pw_dir && *pw.pw_dir ? pw.pw_dir : "/");
        names->user.shell = strdup(pw.pw_shell && *pw.pw_shell ? pw.pw_shell : "/bin/sh");
        if (!names->user.name || !names->user.home || !names->user.shell)
                return FAULT(-ENOMEM);
        r = names_read_groups(&names->user);
        if (r)
                return PASS(r);
        names->found_usec = now_usec;
        *out_user = &names->user;
        return 0;
}

gid_t names_choose_gid(const struct names_user *user, gid_t wanted)
{
        for (size_t i = 0; i < user->groups_count; i++)
                if (user->groups[i] == wanted)
                        return wanted;
        return user->gid;
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who jobd is. In system mode, started by hand, it is root for as long as it takes to make folders,
 * bind the socket and start the pool, and the user `jobd` from then on. Under systemd it is `jobd`
 * from its first instruction and nothing here is called.
 *
 * Every step of a drop is checked, and afterwards the opposite is tried: an unchecked setuid() that
 * failed has been a hole in many daemons. no_new_privs is set too, so that nothing which jobd might
 * execute gains rights; the pool was started before.
 *
 * The name is looked up here, before the loop; jobd asks for others only when it reads its settings
 * (config_shares.c). Called by main.c.
 */
#include "daemon/privileges.h"

#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/prctl.h>
#include <unistd.h>

bool privileges_are_borrowed(void)
{
        return getauxval(AT_SECURE) != 0;
}

int privileges_find_user(uid_t *out_uid, gid_t *out_gid, struct reason *why)
{
        const struct passwd *user;

        errno = 0;
        user = getpwnam(PRIVILEGES_USER);
        if (!user && errno != 0 && errno != ENOENT && errno != ESRCH)
                return FAULT(-errno);
        if (!user)
                return reason_set(why, PRIVILEGES_E_NO_USER,
                                  "there is no user \"%s\" to run as; make it with "
                                  "\"systemd-sysusers\" or with \"useradd --system --user-group "
                                  "--home-dir /nonexistent --shell /usr/sbin/nologin %s\"",
                                  PRIVILEGES_USER, PRIVILEGES_USER);
        if (user->pw_uid == 0 || user->pw_gid == 0)
                return reason_set(why, PRIVILEGES_E_NO_USER,
                                  "the user \"%s\" has the rights of root; give it a uid and a "
                                  "gid of its own",
                                  PRIVILEGES_USER);
        *out_uid = user->pw_uid;
        *out_gid = user->pw_gid;
        return 0;
}

/* Is there really no way back? */
static int privileges_prove(uid_t uid, gid_t gid)
{
        uid_t uids[3];
        gid_t gids[3];

        if (getresuid(&uids[0], &uids[1], &uids[2]) < 0 ||
            getresgid(&gids[0], &gids[1], &gids[2]) < 0)
                return FAULT(-errno);
        for (size_t i = 0; i < ARRAY_SIZE(uids); i++)
                if (uids[i] != uid || gids[i] != gid)
                        return FAULT(-EPERM);
        if (getgroups(0, NULL) != 0)
                return FAULT(-EPERM);
        if (setresuid(0, 0, 0) == 0 || seteuid(0) == 0 || setresgid(0, 0, 0) == 0 ||
            setgroups(0, NULL) == 0)
                return FAULT(-EPERM);
        return 0;
}

int privileges_drop(uid_t uid, gid_t gid)
{
        int r;

        if (setgroups(0, NULL) < 0 || setresgid(gid, gid, gid) < 0 || setresuid(uid, uid, uid) < 0)
                return FAULT(-errno);
        if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
                return FAULT(-errno);
        /* The change of identity has put the flag back to the system's default. */
        if (prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) < 0)
                return FAULT(-errno);
        r = privileges_prove(uid, gid);
        return r ? PASS(r) : 0;
}

int privileges_act_as(uid_t uid, gid_t gid)
{
        if (setegid(gid) < 0 || seteuid(uid) < 0)
                return FAULT(-errno);
        return 0;
}

int privileges_act_as_root(void)
{
        if (seteuid(0) < 0 || setegid(0) < 0)
                return FAULT(-errno);
        return 0;
}

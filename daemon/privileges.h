/* SPDX-License-Identifier: Apache-2.0 */
/* Who jobd is: the user it drops to in system mode, and the drop itself. */
#pragma once

#include <stdbool.h>
#include <sys/types.h>

#include "common/cleanup.h"
#include "common/error.h"

#define PRIVILEGES_USER "jobd"

enum privileges_answer {
        PRIVILEGES_E_NO_USER = 1, /* the user is missing: the reason says how to make it */
};

/* Started with the rights of the file's owner (setuid, file capabilities)? Then we do not run. */
bool privileges_are_borrowed(void);
/* Looks the user `jobd` up. PRIVILEGES_E_NO_USER, or a fault. */
_must_use_ int privileges_find_user(uid_t *out_uid, gid_t *out_gid, struct reason *why);
/*
 * From root to uid and gid, for ever: no other groups, no capabilities, no way to gain any. Proves
 * it, and gives a fault when anything could be regained.
 */
_must_use_ int privileges_drop(uid_t uid, gid_t gid);
/* Between these two, files are made and opened as uid and gid instead of root. */
_must_use_ int privileges_act_as(uid_t uid, gid_t gid);
_must_use_ int privileges_act_as_root(void);

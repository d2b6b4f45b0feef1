/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Names of users and groups as numbers and back. jobd knows numbers only: it asks no directory
 * while it works, and a user who is renamed stays the same.
 *
 * A group stands behind an @. A name wins over a number that is written like it; a number that
 * nobody has is taken as it is, since the machine that asks may not know all users. What has no
 * name is shown as its number. Called by cmd_queue.c.
 */
#include "client/cmd/queue_users.h"

#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <stdio.h>
#include <string.h>

#include "common/cleanup.h"
#include "common/parse.h"

#define QUEUE_USERS_ID_MAX (UINT32_MAX - 1)

static bool queue_users_find(const char *word, uint64_t *out_id)
{
        const struct passwd *user = *word == '@' ? NULL : getpwnam(word);
        const struct group *group = *word == '@' ? getgrnam(word + 1) : NULL;

        if (user)
                *out_id = user->pw_uid;
        else if (group)
                *out_id = group->gr_gid;
        else
                return parse_u64(word + (*word == '@'), "id", 0, QUEUE_USERS_ID_MAX, out_id,
                                 NULL) == 0;
        return true;
}

int queue_users_resolve(const char *names, char **out_numbers, struct reason *why)
{
        _cleanup_(freep) char *words = strdup(strcmp(names, "all") == 0 ? "" : names);
        _cleanup_(freep) char *numbers = NULL;
        char *rest = words;
        char *word;
        size_t size = 0;

        if (!words)
                return FAULT(-ENOMEM);
        /* A word becomes at most "@4294967294,". */
        numbers = calloc(strlen(words) + 1, 16);
        if (!numbers)
                return FAULT(-ENOMEM);
        while (*words && (word = strsep(&rest, ","))) {
                uint64_t id;

                if (!queue_users_find(word, &id))
                        return reason_set(why, QUEUE_USERS_E_BAD, "there is no %s \"%.64s\"",
                                          *word == '@' ? "group" : "user", word + (*word == '@'));
                size += (size_t)sprintf(numbers + size, "%s%s%llu", size ? "," : "",
                                        *word == '@' ? "@" : "", (unsigned long long)id);
        }
        *out_numbers = TAKE_PTR(numbers);
        return 0;
}

static const char *queue_users_word(const char *number)
{
        const bool is_group = *number == '@';
        const struct passwd *user;
        const struct group *group;
        uint64_t id;

        if (parse_u64(number + is_group, "id", 0, QUEUE_USERS_ID_MAX, &id, NULL))
                return number + is_group;
        user = is_group ? NULL : getpwuid((uid_t)id);
        group = is_group ? getgrgid((gid_t)id) : NULL;
        if (user)
                return user->pw_name;
        return group ? group->gr_name : number + is_group;
}

char *queue_users_name(const char *numbers)
{
        _cleanup_(freep) char *words = strdup(numbers);
        char *rest = words;
        char *text = NULL;
        char *word;

        if (!words)
                return NULL;
        if (!*numbers)
                return strdup("all");
        while ((word = strsep(&rest, ","))) {
                char *longer;

                if (asprintf(&longer, "%s%s%s%s", text ? text : "", text ? "," : "",
                             *word == '@' ? "@" : "", queue_users_word(word)) < 0)
                        longer = NULL;
                free(text);
                if (!longer)
                        return NULL;
                text = longer;
        }
        return text;
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who is connected, by uid, and what their connections hold: the counts that the limits are held
 * against. Each connection is bounded by itself; the ceilings here stand for the machine, because
 * many bounded connections are a lot as well. When a ceiling is passed, the user who holds most
 * pays, so that nobody can use it up against the others. Used by listener.c and session.c.
 */
#include <errno.h>

#include "common/error.h"

#include "daemon/clients/shared.h"

/* clang-format off */
static const uint64_t ceilings[CLIENT_BYTES_COUNT] = {
        [CLIENT_FRAMES] = 64ULL * 1024 * 1024,
        [CLIENT_REPLIES] = 256ULL * 1024 * 1024,
};
/* clang-format on */

struct client_user *users_find(const struct clients *clients, uint32_t uid)
{
        struct client_user *user;

        HASH_FIND(hh, clients->users, &uid, sizeof(uid), user);
        return user;
}

int users_enter(struct clients *clients, uint32_t uid, struct client_user **out_user)
{
        struct client_user *user = users_find(clients, uid);

        if (!user) {
                user = calloc(1, sizeof(*user));
                if (!user)
                        return FAULT(-ENOMEM);
                user->uid = uid;
                TAILQ_INIT(&user->blocked);
                HASH_ADD(hh, clients->users, uid, sizeof(user->uid), user);
                if (!user->hh.tbl) {
                        free(user);
                        return FAULT(-ENOMEM);
                }
        }
        user->sessions_count++;
        *out_user = user;
        return 0;
}

void users_leave(struct clients *clients, struct client_user *user)
{
        if (--user->sessions_count > 0)
                return;
        HASH_DEL(clients->users, user);
        free(user);
}

void users_count_bytes(struct clients *clients, struct client_user *user, enum client_bytes kind,
                       uint64_t *held, uint64_t bytes)
{
        clients->bytes[kind] += bytes - *held;
        user->bytes[kind] += bytes - *held;
        *held = bytes;
}

bool users_is_over(const struct clients *clients, enum client_bytes kind)
{
        return clients->bytes[kind] > ceilings[kind];
}

struct client_user *users_find_greediest(const struct clients *clients, enum client_bytes kind)
{
        struct client_user *user, *next, *most = NULL;

        HASH_ITER (hh, clients->users, user, next)
                if (!most || user->bytes[kind] > most->bytes[kind])
                        most = user;
        return most;
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Finding a daemon, in this order:
 *
 *    1. a socket that was named decides alone
 *    2. a state folder: <state-dir>/run/jobd.sock
 *    3. --system: the system's socket; --user: the one in the user's runtime folder
 *    4. $JOBCTL_SOCKET
 *    5. the system's socket where it exists - also when it refuses: looking further would answer
 *       "job 17" with somebody else's job 17
 *    6. the one in the user's runtime folder
 *
 * Only 2, the user half of 3, and 6 may start a daemon (autostart.c). A connection is believed when
 * its listener is root, the user `jobd`, or the caller itself: a socket in a place that others can
 * write to might be anybody's. Called by connection.c, once to resolve and then at each dial, so
 * that a reconnection never ends at another daemon than the first.
 */
#include "client/lib/find.h"

#include <errno.h>
#include <pwd.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "common/fs.h"
#include "common/usocket.h"

#define FIND_SERVICE_USER "jobd"
#define FIND_PASSWD_BYTES 4096

void find_target_deinit(struct find_target *target)
{
        free(target->socket);
        free(target->runtime);
        free(target->state_dir);
        *target = (struct find_target){ 0 };
}

static bool find_is_own_folder(const char *path)
{
        struct stat st;

        return lstat(path, &st) == 0 && S_ISDIR(st.st_mode) && st.st_uid == getuid();
}

char *find_runtime_folder(void)
{
        const char *const base = getenv("XDG_RUNTIME_DIR");
        char run_user[64];

        if (base && base[0] == '/')
                return fs_path("%s/jobd", base);
        snprintf(run_user, sizeof(run_user), "/run/user/%u", (unsigned int)getuid());
        if (find_is_own_folder(run_user))
                return fs_path("%s/jobd", run_user);
        return fs_path("/tmp/jobd-%u", (unsigned int)getuid());
}

/* The daemon of `runtime` (taken over), which we may start when `autostart`. */
static int find_use_runtime(const struct find_options *options, char *runtime,
                            struct find_target *target)
{
        _cleanup_(freep) char *folder = runtime;

        if (!folder)
                return FAULT(-ENOMEM);
        target->socket = fs_path("%s/jobd.sock", folder);
        if (!target->socket)
                return FAULT(-ENOMEM);
        if (options->autostart)
                target->runtime = TAKE_PTR(folder);
        return 0;
}

static int find_use_socket(const char *path, struct find_target *target)
{
        target->socket = strdup(path);
        return target->socket ? 0 : FAULT(-ENOMEM);
}

static int find_use_state_dir(const struct find_options *options, struct find_target *target,
                              struct failure *failure)
{
        _cleanup_(freep) char *cwd = NULL;

        if (options->state_dir[0] == '/') {
                target->state_dir = strdup(options->state_dir);
        } else {
                cwd = getcwd(NULL, 0);
                if (!cwd)
                        return failure_set(failure, JOBCTL_E_USAGE,
                                           "the state folder %s is relative to the current folder, "
                                           "which cannot be read: %s",
                                           options->state_dir, strerror(errno));
                target->state_dir = fs_path("%s/%s", cwd, options->state_dir);
        }
        if (!target->state_dir)
                return FAULT(-ENOMEM);
        return find_use_runtime(options, fs_path("%s/run", target->state_dir), target);
}

static int find_apply(const struct find_options *options, struct find_target *target,
                      struct failure *failure)
{
        const char *const named = getenv("JOBCTL_SOCKET");

        if (options->socket)
                return find_use_socket(options->socket, target);
        if (options->state_dir)
                return find_use_state_dir(options, target, failure);
        if (options->place == JOBCTL_PLACE_SYSTEM)
                return find_use_socket(options->system_socket, target);
        if (options->place == JOBCTL_PLACE_USER)
                return find_use_runtime(options, find_runtime_folder(), target);
        if (named && named[0])
                return find_use_socket(named, target);
        if (access(options->system_socket, F_OK) == 0)
                return find_use_socket(options->system_socket, target);
        return find_use_runtime(options, find_runtime_folder(), target);
}

int find_resolve(const struct find_options *options, struct find_target *out_target,
                 struct failure *failure)
{
        _cleanup_(find_target_deinit) struct find_target target = { 0 };
        const int r = find_apply(options, &target, failure);

        if (r)
                return r;
        *out_target = target;
        target = (struct find_target){ 0 };
        return 0;
}

/* Root, the service's user, ourselves. The name is looked up only when the number is neither. */
static bool find_is_trusted(uid_t uid)
{
        char buf[FIND_PASSWD_BYTES];
        struct passwd pw;
        struct passwd *found = NULL;

        if (uid == 0 || uid == getuid())
                return true;
        if (getpwnam_r(FIND_SERVICE_USER, &pw, buf, sizeof(buf), &found) || !found)
                return false;
        return found->pw_uid == uid;
}

static int find_check_listener(int fd, const char *path, struct failure *failure)
{
        struct usocket_peer peer = { 0 };
        uid_t uid;
        int r;

        r = usocket_read_peer(fd, 0, &peer);
        if (r) {
                failure_set(failure, JOBCTL_E_UNTRUSTED, "who listens at %s cannot be found out",
                            path);
                return FIND_E_REFUSED;
        }
        uid = peer.uid;
        usocket_peer_deinit(&peer);
        if (find_is_trusted(uid))
                return 0;
        failure_set(failure, JOBCTL_E_UNTRUSTED,
                    "%s belongs to user %u, who is neither root, jobd nor you: refused. Remove it, "
                    "or name another socket with --socket",
                    path, (unsigned int)uid);
        return FIND_E_REFUSED;
}

/* The machine's own daemon: who runs it can say more. */
static void find_explain_system(struct failure *failure)
{
        const bool has_systemd = access("/run/systemd/system", F_OK) == 0; /* sd_booted(3) */

        failure_set(failure, JOBCTL_E_NO_DAEMON, "no daemon listens at %s: %s", FIND_SYSTEM_SOCKET,
                    has_systemd ? "\"systemctl status jobd.socket jobd.service\" says why"
                                : "without systemd, root starts it with \"jobd --system\"");
}

int find_dial(const struct find_target *target, int *out_fd, struct failure *failure)
{
        /* Sentences for what usocket_connect() answers; %s is the path. */
        static const struct {
                int answer;
                int code;
                const char *format;
        } answers[] = {
                [USOCKET_E_NOBODY] = { FIND_E_NOBODY, JOBCTL_E_NO_DAEMON,
                                       "no daemon listens at %s. Is jobd running?" },
                [USOCKET_E_DENIED] = { FIND_E_REFUSED, JOBCTL_E_DENIED,
                                       "the daemon's socket %s may not be used by you" },
                [USOCKET_E_AGAIN] = { FIND_E_AGAIN, JOBCTL_E_BUSY,
                                      "the daemon at %s has too many connections waiting: try "
                                      "again" },
                [USOCKET_E_TOO_LONG] = { FIND_E_REFUSED, JOBCTL_E_USAGE,
                                         "the socket's path %s is too long (at most 107 bytes)" },
        };
        _cleanup_(fd_closep) int fd = -1;
        int r;

        r = usocket_connect(target->socket, &fd);
        if (r < 0)
                return PASS(r);
        if (r > 0) {
                const size_t i = (size_t)r < ARRAY_SIZE(answers) && answers[r].code
                                         ? (size_t)r
                                         : USOCKET_E_NOBODY;

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
                failure_set(failure, answers[i].code, answers[i].format, target->socket);
#pragma GCC diagnostic pop
                if (i == USOCKET_E_NOBODY && strcmp(target->socket, FIND_SYSTEM_SOCKET) == 0)
                        find_explain_system(failure);
                return answers[i].answer;
        }
        r = find_check_listener(fd, target->socket, failure);
        if (r)
                return r;
        *out_fd = TAKE_FD(fd);
        return 0;
}

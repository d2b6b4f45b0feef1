/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where everything lives.
 *
 *               system                  user                        with --state-dir DIR
 *   runtime     /run/jobd               $XDG_RUNTIME_DIR/jobd (*)   DIR/run
 *   socket      runtime/jobd.sock       runtime/jobd.sock           DIR/run/jobd.sock
 *   records     runtime/w               runtime/w                   DIR/run/w
 *   private     runtime/private         runtime/private             DIR/run/private
 *   state       /var/lib/jobd           $XDG_STATE_HOME/jobd/ID     DIR, system: DIR/state
 *   spool       /var/spool/jobd         state/spool                 DIR/spool
 *
 *   (*) else /run/user/UID/jobd when that is ours, else /tmp/jobd-UID. jobctl and jobd must come
 *       to the same answer: client/lib/find.c has the same list.
 *   ID  /etc/machine-id, because a home may be shared between machines and a queue may not.
 *
 * Every folder is opened once, and owner and mode are judged on what was opened. In system mode
 * root makes folders only inside folders that root owns: inside one that jobd could write, jobd
 * could put a link in the way. That is why DIR itself stays root's and the state gets a folder of
 * its own. Called by main.c, before privileges are dropped.
 */
#include "daemon/paths.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "common/fs.h"

#define PATHS_SOCKET_MAX (sizeof(((struct sockaddr_un *)NULL)->sun_path) - 1)
#define PATHS_MACHINE_ID_CHARS 32

void paths_deinit(struct paths *paths)
{
        free(paths->base);
        free(paths->runtime);
        free(paths->socket);
        free(paths->state);
        free(paths->spool);
        free(paths->records);
        free(paths->private_dir);
        free(paths->workers_socket);
        *paths = (struct paths){ 0 };
}

/* ------------------------------------------------------------------------------------- finding */

static bool paths_is_own_folder(const char *path)
{
        struct stat st;

        return lstat(path, &st) == 0 && S_ISDIR(st.st_mode) && st.st_uid == getuid();
}

static char *paths_user_runtime(void)
{
        const char *base = getenv("XDG_RUNTIME_DIR");
        _cleanup_(freep) char *run = NULL;

        if (base && base[0] == '/')
                return fs_path("%s/jobd", base);
        run = fs_path("/run/user/%u", (unsigned int)getuid());
        if (run && paths_is_own_folder(run))
                return fs_path("%s/jobd", run);
        return fs_path("/tmp/jobd-%u", (unsigned int)getuid());
}

/* 32 hexadecimal digits, or the host's name where the machine has no id (containers). */
static char *paths_machine_id(void)
{
        _cleanup_(freep) char *text = NULL;
        char host[256] = "";
        size_t size = 0;

        if (fs_read_file(AT_FDCWD, "/etc/machine-id", 256, &text, &size) == 0 &&
            strspn(text, "0123456789abcdef") == PATHS_MACHINE_ID_CHARS)
                return strndup(text, PATHS_MACHINE_ID_CHARS);
        if (gethostname(host, sizeof(host) - 1) < 0 || !host[0])
                strcpy(host, "localhost");
        for (char *c = host; *c; c++)
                if (!isalnum((unsigned char)*c) && *c != '-' && (*c != '.' || c == host))
                        *c = '_';
        return fs_path("host-%s", host);
}

static int paths_user_state(char **out_state, struct reason *why)
{
        const char *base = getenv("XDG_STATE_HOME");
        const char *home = getenv("HOME");
        _cleanup_(freep) char *id = paths_machine_id();

        if (!id)
                return FAULT(-ENOMEM);
        if (base && base[0] == '/')
                *out_state = fs_path("%s/jobd/%s", base, id);
        else if (home && home[0] == '/')
                *out_state = fs_path("%s/.local/state/jobd/%s", home, id);
        else
                return reason_set(why, PATHS_E_BAD,
                                  "neither XDG_STATE_HOME nor HOME says where to keep jobs; set "
                                  "one, or use --state-dir");
        return *out_state ? 0 : FAULT(-ENOMEM);
}

static int paths_find_state(const struct paths_options *options, struct paths *paths,
                            struct reason *why)
{
        const char *dir = options->state_dir;
        int r;

        if (dir) {
                paths->state = options->is_system ? fs_path("%s/state", dir) : strdup(dir);
                paths->spool = fs_path("%s/spool", dir);
                paths->runtime = fs_path("%s/run", dir);
                return 0;
        }
        if (options->is_system) {
                paths->state = strdup("/var/lib/jobd");
                paths->spool = strdup("/var/spool/jobd");
                paths->runtime = strdup("/run/jobd");
                return 0;
        }
        r = paths_user_state(&paths->state, why);
        if (r)
                return r < 0 ? PASS(r) : r;
        paths->spool = fs_path("%s/spool", paths->state);
        paths->runtime = paths_user_runtime();
        return 0;
}

static int paths_check_socket(const char *path, struct reason *why)
{
        if (strlen(path) <= PATHS_SOCKET_MAX)
                return 0;
        return reason_set(why, PATHS_E_BAD,
                          "a socket's path may have %zu bytes, this one has %zu; choose a shorter "
                          "folder: %s",
                          PATHS_SOCKET_MAX, strlen(path), path);
}

int paths_find(const struct paths_options *options, struct paths *out_paths, struct reason *why)
{
        _cleanup_(paths_deinit) struct paths paths = { .is_system = options->is_system };
        int r;

        r = paths_find_state(options, &paths, why);
        if (r)
                return r < 0 ? PASS(r) : r;
        if (!paths.state || !paths.spool || !paths.runtime)
                return FAULT(-ENOMEM);
        if (options->state_dir)
                paths.base = strdup(options->state_dir);
        paths.socket =
                options->socket ? strdup(options->socket) : fs_path("%s/jobd.sock", paths.runtime);
        paths.records = fs_path("%s/w", paths.runtime);
        paths.private_dir = fs_path("%s/private", paths.runtime);
        paths.workers_socket = fs_path("%s/private/workers.sock", paths.runtime);
        if (!paths.socket || !paths.records || !paths.private_dir || !paths.workers_socket ||
            (options->state_dir && !paths.base))
                return FAULT(-ENOMEM);
        r = paths_check_socket(paths.socket, why);
        if (r == 0)
                r = paths_check_socket(paths.workers_socket, why);
        if (r)
                return r;
        *out_paths = paths;
        paths = (struct paths){ 0 };
        return 0;
}

/* ------------------------------------------------------------------------------------- folders */

enum paths_owner {
        PATHS_ROOT,
        PATHS_JOBD,
};

/* In user mode every folder is our own and 0700. */
struct paths_row {
        size_t path; /* offset in struct paths */
        size_t fd;   /* offset in struct paths_folders, or PATHS_NO_FD */
        enum paths_owner owner;
        mode_t mode;
        bool is_group_jobd;
        bool is_needed; /* by jobd itself: also looked at when we are not root */
};

#define PATHS_NO_FD SIZE_MAX
#define PATH(member) offsetof(struct paths, member)
#define FOLDER(member) offsetof(struct paths_folders, member)

/* clang-format off */
static const struct paths_row paths_rows[] = { /* parents first */
        { PATH(base),        PATHS_NO_FD,        PATHS_ROOT, 0755,  false, false },
        { PATH(runtime),     PATHS_NO_FD,        PATHS_ROOT, 0755,  false, false },
        { PATH(state),       FOLDER(state_fd),   PATHS_JOBD, 0700,  false, true },
        { PATH(spool),       FOLDER(spool_fd),   PATHS_ROOT, 02770, true,  true },
        { PATH(records),     FOLDER(records_fd), PATHS_ROOT, 0700,  false, false },
        { PATH(private_dir), FOLDER(private_fd), PATHS_JOBD, 0700,  false, true },
};
/* clang-format on */

void paths_folders_init(struct paths_folders *folders)
{
        *folders = (struct paths_folders){ -1, -1, -1, -1 };
}

void paths_folders_deinit(struct paths_folders *folders)
{
        fd_close(folders->state_fd);
        fd_close(folders->spool_fd);
        fd_close(folders->records_fd);
        fd_close(folders->private_fd);
        paths_folders_init(folders);
}

/* The spool is root's, but jobd's group may enter: files there are made by root and jobd unlinks.
 */
static int paths_give_group(int fd, const char *path, gid_t gid, mode_t mode, struct reason *why)
{
        struct stat st;

        if (fstat(fd, &st) < 0)
                return FAULT(-errno);
        if (st.st_gid == gid && (st.st_mode & 07777) == mode)
                return 0;
        if (fchown(fd, (uid_t)-1, gid) < 0 || fchmod(fd, mode) < 0)
                return reason_set(why, PATHS_E_BAD, "cannot give %s to jobd's group: %s", path,
                                  strerror(errno));
        return 0;
}

/* Not root in system mode: the folders are the packages' and systemd's. */
static int paths_refuse(const struct paths *paths, struct reason *why)
{
        const struct reason said = *why;

        if (!paths->is_system || paths->base || geteuid() == 0)
                return PATHS_E_BAD;
        return reason_set(why, PATHS_E_BAD,
                          "%.160s; as root, \"systemd-tmpfiles --create\" makes what is missing",
                          said.text);
}

static int paths_open_row(const struct paths *paths, const struct paths_row *row, uid_t jobd_uid,
                          gid_t jobd_gid, struct paths_folders *folders, struct reason *why)
{
        const char *path = *(char *const *)(const void *)((const char *)paths + row->path);
        const uid_t owner = paths->is_system && row->owner == PATHS_ROOT ? 0 : jobd_uid;
        const mode_t mode = paths->is_system ? row->mode : 0700;
        _cleanup_(fd_closep) int fd = -1;
        int r;

        if (!path)
                return 0;
        r = fs_open_folder(path, mode, owner, &fd, why);
        if (r)
                return r < 0 ? PASS(r) : paths_refuse(paths, why);
        if (paths->is_system && row->is_group_jobd && geteuid() == 0) {
                r = paths_give_group(fd, path, jobd_gid, mode, why);
                if (r)
                        return r < 0 ? PASS(r) : r;
        }
        if (row->fd != PATHS_NO_FD)
                *(int *)(void *)((char *)folders + row->fd) = TAKE_FD(fd);
        return 0;
}

int paths_open_folders(const struct paths *paths, uid_t jobd_uid, gid_t jobd_gid,
                       struct paths_folders *out_folders, struct reason *why)
{
        const bool is_all = !paths->is_system || geteuid() == 0;
        struct paths_folders folders;
        int r;

        paths_folders_init(&folders);
        for (size_t i = 0; i < ARRAY_SIZE(paths_rows); i++) {
                if (!is_all && !paths_rows[i].is_needed)
                        continue;
                r = paths_open_row(paths, &paths_rows[i], jobd_uid, jobd_gid, &folders, why);
                if (r) {
                        paths_folders_deinit(&folders);
                        return r < 0 ? PASS(r) : r;
                }
        }
        *out_folders = folders;
        return 0;
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The only place that asks the name services (passwd, group, whatever nsswitch.conf says). A user
 * that is not found is an answer, never a default: no uid, gid or group is ever made up.
 *
 * A child of its own asks, for two reasons: a directory server that hangs costs the job its start
 * after ten seconds and nothing else, and the libraries behind nsswitch.conf, which may be large
 * and strange, never enter the worker. What comes back is flat:
 *
 *     struct names_answer_head, groups, "name\0home\0shell\0"
 *
 * The last few answers are kept for ten seconds, because jobs of one user come in rows; a changed
 * group list is seen at most that much later. Called before GO is recorded, while no job runs, so
 * the helper is the only child that can end meanwhile.
 */
#include "worker/names.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <inttypes.h>
#include <poll.h>
#include <pwd.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/failpoint.h"
#include "common/fs.h"

#define NAMES_KEPT 8
#define NAMES_PASSWD_MAX (256U * 1024)
#define NAMES_TEXT_MAX (64U * 1024)

struct names_head {
        uint32_t is_found;
        uint32_t gid;
        uint32_t groups_count;
        uint32_t text_bytes;
};

struct names_kept {
        struct names_user user;
        void *memory;        /* owned; NULL: nothing kept here */
        uint64_t found_usec; /* CLOCK_MONOTONIC */
};

struct names {
        uint64_t timeout_usec;
        struct names_kept kept[NAMES_KEPT];
};

int names_new(uint64_t timeout_usec, struct names **out_names)
{
        struct names *names = calloc(1, sizeof(*names));

        if (!names)
                return FAULT(-ENOMEM);
        names->timeout_usec = timeout_usec;
        *out_names = names;
        return 0;
}

struct names *names_free(struct names *names)
{
        if (!names)
                return NULL;
        for (size_t i = 0; i < NAMES_KEPT; i++)
                free(names->kept[i].memory);
        free(names);
        return NULL;
}

/* ---------------------------------------------------------------------------------- the helper */

/* 0 and *out_found (NULL: no such user), or an errno. */
static int names_read_passwd(uid_t uid, struct passwd *pw, struct passwd **out_found)
{
        for (size_t size = 1024; size <= NAMES_PASSWD_MAX; size *= 4) {
                char *buffer = malloc(size); /* the helper ends soon: never freed */
                int r;

                if (!buffer)
                        return ENOMEM;
                do
                        r = getpwuid_r(uid, pw, buffer, size, out_found);
                while (r == EINTR);
                if (r == ENOENT || r == ESRCH) {
                        *out_found = NULL;
                        return 0;
                }
                if (r != ERANGE)
                        return r;
        }
        return ERANGE;
}

static int names_read_groups(const struct passwd *pw, gid_t **out_groups, int *out_count)
{
        int count = 64;

        for (;;) {
                const int room = count;
                gid_t *groups = calloc((size_t)room, sizeof(*groups));

                if (!groups)
                        return ENOMEM;
                if (getgrouplist(pw->pw_name, pw->pw_gid, groups, &count) >= 0) {
                        *out_groups = groups;
                        *out_count = count;
                        return 0;
                }
                if (room >= NAMES_GROUPS_MAX)
                        return E2BIG;
                count = MIN(count > room ? count : room * 2, NAMES_GROUPS_MAX);
        }
}

static int names_write_answer(int fd, const struct passwd *pw, const gid_t *groups, int count)
{
        const char *home = pw->pw_dir && *pw->pw_dir ? pw->pw_dir : "/";
        const char *shell = pw->pw_shell && *pw->pw_shell ? pw->pw_shell : "/bin/sh";
        const struct names_head head = {
                .is_found = 1,
                .gid = pw->pw_gid,
                .groups_count = (uint32_t)count,
                .text_bytes = (uint32_t)(strlen(pw->pw_name) + strlen(home) + strlen(shell) + 3),
        };
        int r;

        r = fs_write_all(fd, &head, sizeof(head));
        if (r == 0)
                r = fs_write_all(fd, groups, (size_t)count * sizeof(*groups));
        if (r == 0)
                r = fs_write_all(fd, pw->pw_name, strlen(pw->pw_name) + 1);
        if (r == 0)
                r = fs_write_all(fd, home, strlen(home) + 1);
        if (r == 0)
                r = fs_write_all(fd, shell, strlen(shell) + 1);
        return PASS(r);
}

/* In the child. Its exit code says nothing: a short answer is no answer. */
static _Noreturn void names_help(uid_t uid, int fd)
{
        const struct names_head nobody = { .is_found = 0 };
        struct passwd pw, *found = NULL;
        gid_t *groups;
        int count;

        if (FAILPOINT("names-hang"))
                for (;;)
                        pause();
        if (prctl(PR_SET_PDEATHSIG, SIGKILL) < 0 || names_read_passwd(uid, &pw, &found))
                _exit(1);
        if (!found)
                _exit(fs_write_all(fd, &nobody, sizeof(nobody)) ? 1 : 0);
        if (names_read_groups(&pw, &groups, &count))
                _exit(1);
        _exit(names_write_answer(fd, &pw, groups, count) ? 1 : 0);
}

/* ---------------------------------------------------------------------------------- the worker */

/* Exactly `size` bytes before the deadline. */
static bool names_read(int fd, void *data, size_t size, uint64_t deadline_usec)
{
        char *at = data;

        while (size) {
                struct pollfd poll_fd = { .fd = fd, .events = POLLIN };
                const uint64_t now = clock_mono_usec();
                ssize_t n;

                if (now >= deadline_usec)
                        return false;
                if (poll(&poll_fd, 1, (int)((deadline_usec - now) / USEC_PER_MSEC + 1)) <= 0)
                        continue;
                n = read(fd, at, size);
                if (n <= 0)
                        return false;
                at += n;
                size -= (size_t)n;
        }
        return true;
}

/* The three texts end in their NULs and nothing follows. */
static bool names_split(char *text, size_t size, struct names_user *user)
{
        const char *texts[3] = { NULL };
        const char *end = text + size;

        for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
                texts[i] = text;
                text = memchr(text, '\0', (size_t)(end - text));
                if (!text++)
                        return false;
        }
        user->name = texts[0];
        user->home = texts[1];
        user->shell = texts[2];
        return text == end;
}

static int names_receive(int fd, uint64_t deadline, struct names_kept *kept)
{
        _cleanup_(freep) char *memory = NULL;
        struct names_head head;
        size_t groups_bytes;

        if (!names_read(fd, &head, sizeof(head), deadline))
                return NAMES_E_SILENT;
        if (!head.is_found)
                return NAMES_E_GONE;
        if (head.groups_count > NAMES_GROUPS_MAX || head.text_bytes > NAMES_TEXT_MAX)
                return NAMES_E_SILENT;
        groups_bytes = head.groups_count * sizeof(gid_t);
        memory = malloc(groups_bytes + head.text_bytes + 1);
        if (!memory)
                return FAULT(-ENOMEM);
        if (!names_read(fd, memory, groups_bytes + head.text_bytes, deadline) ||
            !names_split(memory + groups_bytes, head.text_bytes, &kept->user))
                return NAMES_E_SILENT;
        kept->user.gid = head.gid;
        kept->user.groups = (gid_t *)(void *)memory;
        kept->user.groups_count = head.groups_count;
        kept->memory = TAKE_PTR(memory);
        return 0;
}

static int names_ask(uid_t uid, uint64_t deadline, struct names_kept *kept)
{
        _cleanup_(fd_closep) int fd = -1;
        int fds[2], r;
        pid_t pid;

        if (pipe2(fds, O_CLOEXEC) < 0)
                return FAULT(-errno);
        fd = fds[0];
        pid = fork();
        if (pid == 0)
                names_help(uid, fds[1]);
        close(fds[1]);
        if (pid < 0)
                return FAULT(-errno);
        r = names_receive(fd, deadline, kept);
        (void)kill(pid, SIGKILL);
        while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
                continue;
        return r < 0 ? PASS(r) : r;
}

/* The place for a new answer: an empty one, else the oldest. */
static struct names_kept *names_choose_place(struct names *names)
{
        struct names_kept *place = &names->kept[0];

        for (size_t i = 1; i < NAMES_KEPT; i++)
                if (names->kept[i].found_usec < place->found_usec)
                        place = &names->kept[i];
        free(place->memory);
        *place = (struct names_kept){ .memory = NULL };
        return place;
}

int names_find(struct names *names, uid_t uid, const struct names_user **out_user,
               struct reason *why)
{
        const uint64_t now = clock_mono_usec();
        struct names_kept *place;
        int r;

        for (size_t i = 0; i < NAMES_KEPT; i++) {
                const struct names_kept *kept = &names->kept[i];

                if (kept->memory && kept->user.uid == uid &&
                    now - kept->found_usec < NAMES_AGE_MAX_USEC) {
                        *out_user = &kept->user;
                        return 0;
                }
        }
        place = names_choose_place(names);
        r = names_ask(uid, now + names->timeout_usec, place);
        if (r == NAMES_E_GONE)
                return reason_set(why, r, "the user with uid %" PRIu32 " does not exist any more",
                                  (uint32_t)uid);
        if (r == NAMES_E_SILENT)
                return reason_set(why, r,
                                  "the name services did not say in time who uid %" PRIu32
                                  " is; try again when they answer (getent passwd)",
                                  (uint32_t)uid);
        if (r)
                return PASS(r);
        place->user.uid = uid;
        place->found_usec = now;
        *out_user = &place->user;
        return 0;
}

gid_t names_choose_gid(const struct names_user *user, gid_t wanted)
{
        for (size_t i = 0; i < user->groups_count; i++)
                if (user->groups[i] == wanted)
                        return wanted;
        return user->gid;
}

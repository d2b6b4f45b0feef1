/* SPDX-License-Identifier: Apache-2.0 */
/* Folders that are refused, locks between processes, and files that change all at once. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "common/fs.h"

#include "suite.h"

static char folder[64];

static mode_t mode_of(const char *path)
{
        struct stat st;

        ck_assert_int_eq(stat(path, &st), 0);
        return st.st_mode & 07777U;
}

static void expect_refused(const char *path, mode_t mode, uid_t owner, const char *part)
{
        struct reason why = { "" };
        int fd = -5;

        ck_assert_int_eq(fs_open_folder(path, mode, owner, &fd, &why), FS_E_REFUSED);
        ck_assert_msg(strstr(why.text, part) != NULL, "%s", why.text);
        ck_assert_int_eq(fd, -5);
}

static int open_here(void)
{
        const int fd = open(".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

        ck_assert_int_ge(fd, 0);
        return fd;
}

START_TEST(folders_are_made_with_their_parents)
{
        _cleanup_(fd_closep) int fd = -1, again = -1, slashes = -1;
        struct stat a, b;

        suite_enter_folder(folder);
        umask(077);
        ck_assert_int_eq(fs_open_folder("a/b//c/", 0755, getuid(), &fd, NULL), 0);
        ck_assert_int_ne(fcntl(fd, F_GETFD) & FD_CLOEXEC, 0);
        ck_assert_uint_eq(mode_of("a/b/c"), 0755);
        ck_assert_int_eq(fs_open_folder("a/b/c", 0755, getuid(), &again, NULL), 0);
        ck_assert_int_eq(fstat(fd, &a), 0);
        ck_assert_int_eq(fstat(again, &b), 0);
        ck_assert(a.st_ino == b.st_ino);
        ck_assert_int_eq(fs_open_folder("a/group", 02770, getuid(), &slashes, NULL), 0);
        ck_assert_uint_eq(mode_of("a/group"), 02770);
        slashes = fd_close(slashes);
        ck_assert_int_eq(fs_open_folder("/", 0755, 0, &slashes, NULL), 0);
        suite_leave_folder(folder);
}
END_TEST

START_TEST(an_existing_folder_keeps_its_mode)
{
        _cleanup_(fd_closep) int fd = -1;

        suite_enter_folder(folder);
        ck_assert_int_eq(mkdir("mine", 0700), 0);
        ck_assert_int_eq(fs_open_folder("mine", 0755, getuid(), &fd, NULL), 0);
        ck_assert_uint_eq(mode_of("mine"), 0700);
        suite_leave_folder(folder);
}
END_TEST

START_TEST(folders_are_refused)
{
        _cleanup_(fd_closep) int fd = -1;
        char advice[100];

        suite_enter_folder(folder);
        ck_assert_int_eq(mkdir("open", 0700), 0);
        ck_assert_int_eq(chmod("open", 0777), 0);
        expect_refused("open", 0700, getuid(), "can be written by others (mode 0777)");
        expect_refused("open", 0770, getuid(), "can be written by others");
        ck_assert_int_eq(chmod("open", 0720), 0);
        expect_refused("open", 0700, getuid(), "can be written by others");
        ck_assert_int_eq(fs_open_folder("open", 0770, getuid(), &fd, NULL), 0);
        snprintf(advice, sizeof(advice),
                 "belongs to uid %u, not to uid %u; give it back (chown %u)", getuid(),
                 getuid() + 1, getuid() + 1);
        expect_refused("open", 0770, getuid() + 1, advice);
        ck_assert_int_eq(symlink("open", "link"), 0);
        expect_refused("link", 0777, getuid(), "is not a folder");
        expect_refused("link/", 0777, getuid(), "is not a folder");
        expect_refused("link//", 0777, getuid(), "is not a folder");
        ck_assert_int_eq(symlink("nowhere", "dangling"), 0);
        expect_refused("dangling", 0777, getuid(), "dangling");
        ck_assert_int_eq(close(open("file", O_CREAT | O_WRONLY | O_CLOEXEC, 0600)), 0);
        expect_refused("file", 0777, getuid(), "is not a folder");
        expect_refused("file/below", 0777, getuid(), "file/below");
        expect_refused("", 0777, getuid(), "empty");
        suite_leave_folder(folder);
}
END_TEST

START_TEST(a_new_folder_goes_to_its_owner)
{
        _cleanup_(fd_closep) int fd = -1;
        struct stat st;

        if (geteuid() != 0)
                return;
        suite_enter_folder(folder);
        ck_assert_int_eq(fs_open_folder("theirs", 02750, 4242, &fd, NULL), 0);
        ck_assert_int_eq(fstat(fd, &st), 0);
        ck_assert_uint_eq(st.st_uid, 4242);
        ck_assert_uint_eq(st.st_mode & 07777U, 02750);
        suite_leave_folder(folder);
}
END_TEST

/* A child that asks fs_is_locked() or tries to lock; returns what it got. */
static int ask_child(int here, bool is_to_lock)
{
        const pid_t pid = fork();
        int status, fd;

        if (pid == 0)
                _exit(is_to_lock ? fs_lock_file(here, "lock", false, &fd)
                                 : fs_is_locked(here, "lock"));
        ck_assert_int_eq(waitpid(pid, &status, 0), pid);
        ck_assert(WIFEXITED(status));
        return WEXITSTATUS(status);
}

START_TEST(a_lock_keeps_others_out_and_is_not_inherited)
{
        _cleanup_(fd_closep) int here = -1;
        int fd = -1;

        suite_enter_folder(folder);
        here = open_here();
        ck_assert_int_eq(fs_is_locked(here, "lock"), 0);
        ck_assert_int_eq(access("lock", F_OK), -1);
        ck_assert_int_eq(fs_lock_file(here, "lock", false, &fd), 0);
        ck_assert_int_ne(fcntl(fd, F_GETFD) & FD_CLOEXEC, 0);
        ck_assert_uint_eq(mode_of("lock"), 0600);
        /* The child holds a copy of the descriptor, yet not the lock. */
        ck_assert_int_eq(ask_child(here, false), 1);
        ck_assert_int_eq(ask_child(here, true), FS_E_LOCKED);
        close(fd);
        ck_assert_int_eq(ask_child(here, false), 0);
        ck_assert_int_eq(ask_child(here, true), 0);
        suite_leave_folder(folder);
}
END_TEST

START_TEST(a_lock_ends_with_its_process_and_who_waits_gets_it)
{
        _cleanup_(fd_closep) int here = -1, fd = -1;
        int ready[2], status, held;
        pid_t pid;
        char byte;

        suite_enter_folder(folder);
        here = open_here();
        ck_assert_int_eq(pipe2(ready, O_CLOEXEC), 0);
        pid = fork();
        if (pid == 0) {
                byte = fs_lock_file(here, "lock", false, &held) == 0;
                if (write(ready[1], &byte, 1) != 1)
                        _exit(1);
                for (;;)
                        pause();
        }
        ck_assert_int_eq(read(ready[0], &byte, 1), 1);
        ck_assert_int_eq(byte, 1);
        ck_assert_int_eq(fs_is_locked(here, "lock"), 1);
        ck_assert_int_eq(fs_lock_file(here, "lock", false, &fd), FS_E_LOCKED);
        ck_assert_int_eq(kill(pid, SIGKILL), 0);
        ck_assert_int_eq(fs_lock_file(here, "lock", true, &fd), 0);
        ck_assert_int_eq(waitpid(pid, &status, 0), pid);
        suite_leave_folder(folder);
}
END_TEST

START_TEST(a_lock_file_is_no_link)
{
        _cleanup_(fd_closep) int here = -1;
        int fd;

        suite_enter_folder(folder);
        here = open_here();
        ck_assert_int_eq(symlink("target", "lock"), 0);
        ck_assert_int_lt(fs_lock_file(here, "lock", false, &fd), 0);
        ck_assert_int_lt(fs_is_locked(here, "lock"), 0);
        ck_assert_int_eq(access("target", F_OK), -1);
        suite_leave_folder(folder);
}
END_TEST

static size_t count_entries(void)
{
        DIR *dir = opendir(".");
        size_t count = 0;

        ck_assert_ptr_nonnull(dir);
        while (readdir(dir))
                count++;
        closedir(dir);
        return count - 2;
}

START_TEST(replace_and_read)
{
        _cleanup_(fd_closep) int here = -1;
        static char block[100000];
        _cleanup_(freep) char *text = NULL, *bigger = NULL;
        size_t size = 7;

        suite_enter_folder(folder);
        umask(077);
        here = open_here();
        ck_assert_int_eq(fs_read_file(here, "f", 10, &text, &size), FS_E_ABSENT);
        ck_assert_ptr_null(text);
        ck_assert_uint_eq(size, 7);
        ck_assert_int_eq(fs_replace_file(here, "f", "old", 3, 0600), 0);
        ck_assert_int_eq(fs_replace_file(here, "f", "a\0b", 3, 0644), 0);
        ck_assert_uint_eq(mode_of("f"), 0644);
        ck_assert_uint_eq(count_entries(), 1);
        ck_assert_int_eq(fs_read_file(here, "f", 3, &text, &size), 0);
        ck_assert_uint_eq(size, 3);
        ck_assert_mem_eq(text, "a\0b", 4);
        ck_assert_int_lt(fs_read_file(here, "f", 2, &bigger, &size), 0);
        memset(block, 'z', sizeof(block));
        ck_assert_int_eq(fs_replace_file(here, "f", block, sizeof(block), 0600), 0);
        ck_assert_int_eq(fs_read_file(here, "f", SIZE_MAX, &bigger, &size), 0);
        ck_assert_uint_eq(size, sizeof(block));
        ck_assert_mem_eq(bigger, block, sizeof(block));
        ck_assert_int_lt(fs_read_file(here, "f", sizeof(block) - 1, &text, &size), 0);
        ck_assert_int_lt(fs_replace_file(here, "../f", "x", 1, 0600), 0);
        suite_leave_folder(folder);
}
END_TEST

START_TEST(limits_of_reading_are_exact)
{
        _cleanup_(fd_closep) int here = -1;
        static char block[20000];
        static const size_t sizes[] = { 0, 1, 4095, 4096, 4097, 8192, 8194, 20000 };

        suite_enter_folder(folder);
        here = open_here();
        for (size_t i = 0; i < ARRAY_SIZE(sizes); i++) {
                _cleanup_(freep) char *text = NULL, *none = NULL;
                size_t size;

                ck_assert_int_eq(fs_replace_file(here, "f", block, sizes[i], 0600), 0);
                ck_assert_int_eq(fs_read_file(here, "f", sizes[i], &text, &size), 0);
                ck_assert_uint_eq(size, sizes[i]);
                if (sizes[i])
                        ck_assert_int_lt(fs_read_file(here, "f", sizes[i] - 1, &none, NULL), 0);
        }
        suite_leave_folder(folder);
}
END_TEST

START_TEST(a_failed_replacement_leaves_the_old_file)
{
        _cleanup_(fd_closep) int here = -1;
        struct stat st;

        suite_enter_folder(folder);
        here = open_here();
        /* A folder is in the way, which rename(2) refuses. */
        ck_assert_int_eq(mkdir("f", 0700), 0);
        ck_assert_int_lt(fs_replace_file(here, "f", "x", 1, 0600), 0);
        ck_assert_int_eq(stat("f", &st), 0);
        ck_assert(S_ISDIR(st.st_mode));
        ck_assert_uint_eq(count_entries(), 1);
        suite_leave_folder(folder);
}
END_TEST

START_TEST(paths)
{
        _cleanup_(freep) char *path = fs_path("%s/%d", "/run", 17);

        ck_assert_str_eq(path, "/run/17");
}
END_TEST

SUITE_MAIN("fs", NULL, NULL, folders_are_made_with_their_parents, an_existing_folder_keeps_its_mode,
           folders_are_refused, a_new_folder_goes_to_its_owner,
           a_lock_keeps_others_out_and_is_not_inherited,
           a_lock_ends_with_its_process_and_who_waits_gets_it, a_lock_file_is_no_link,
           replace_and_read, limits_of_reading_are_exact, a_failed_replacement_leaves_the_old_file,
           paths)

/* SPDX-License-Identifier: Apache-2.0 */
/* Where things are in either mode, and folders that are made, checked and refused. */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "daemon/paths.h"
#include "tests/unit/suite.h"

static struct paths paths;
static struct paths_folders folders;
static struct reason why;
static char dir[64];

static void set_up(void)
{
        snprintf(dir, sizeof(dir), "/tmp/jobd-paths-XXXXXX");
        ck_assert_ptr_nonnull(mkdtemp(dir));
        ck_assert_int_eq(setenv("XDG_RUNTIME_DIR", "/run/somewhere", 1), 0);
        ck_assert_int_eq(setenv("XDG_STATE_HOME", "/home/somebody/state", 1), 0);
        ck_assert_int_eq(setenv("HOME", "/home/somebody", 1), 0);
        paths = (struct paths){ 0 };
        paths_folders_init(&folders);
        umask(077);
}

static void tear_down(void)
{
        char command[128];

        paths_folders_deinit(&folders);
        paths_deinit(&paths);
        snprintf(command, sizeof(command), "rm -r %s", dir);
        ck_assert_int_eq(system(command), 0);
}

static int find(bool is_system, const char *socket, const char *state_dir)
{
        const struct paths_options options = {
                .is_system = is_system,
                .socket = socket,
                .state_dir = state_dir,
        };

        paths_deinit(&paths);
        return paths_find(&options, &paths, &why);
}

START_TEST(system_mode)
{
        ck_assert_int_eq(find(true, NULL, NULL), 0);
        ck_assert_str_eq(paths.socket, "/run/jobd/jobd.sock");
        ck_assert_str_eq(paths.state, "/var/lib/jobd");
        ck_assert_str_eq(paths.spool, "/var/spool/jobd");
        ck_assert_str_eq(paths.records, "/run/jobd/w");
        ck_assert_str_eq(paths.workers_socket, "/run/jobd/private/workers.sock");
        ck_assert_ptr_null(paths.base);
}
END_TEST

START_TEST(user_mode)
{
        char spool[256];

        ck_assert_int_eq(find(false, NULL, NULL), 0);
        ck_assert_str_eq(paths.socket, "/run/somewhere/jobd/jobd.sock");
        ck_assert_str_eq(paths.records, "/run/somewhere/jobd/w");
        ck_assert_str_eq(paths.workers_socket, "/run/somewhere/jobd/private/workers.sock");
        ck_assert_int_eq(strncmp(paths.state, "/home/somebody/state/jobd/", 26), 0);
        ck_assert_uint_gt(strlen(paths.state), 26);
        snprintf(spool, sizeof(spool), "%s/spool", paths.state);
        ck_assert_str_eq(paths.spool, spool);
}
END_TEST

START_TEST(relative_variables_do_not_count)
{
        ck_assert_int_eq(setenv("XDG_STATE_HOME", "state", 1), 0);
        ck_assert_int_eq(setenv("XDG_RUNTIME_DIR", "run", 1), 0);
        ck_assert_int_eq(find(false, NULL, NULL), 0);
        ck_assert_int_eq(strncmp(paths.state, "/home/somebody/.local/state/jobd/", 33), 0);
        ck_assert_int_eq(paths.socket[0], '/');
}
END_TEST

START_TEST(without_a_home_there_is_a_sentence)
{
        unsetenv("XDG_STATE_HOME");
        unsetenv("HOME");
        ck_assert_int_eq(find(false, NULL, NULL), PATHS_E_BAD);
        ck_assert_ptr_nonnull(strstr(why.text, "--state-dir"));
        ck_assert_int_eq(find(false, NULL, "/d"), 0);
}
END_TEST

START_TEST(state_dir_holds_everything)
{
        ck_assert_int_eq(find(false, NULL, "/d"), 0);
        ck_assert_str_eq(paths.state, "/d");
        ck_assert_str_eq(paths.spool, "/d/spool");
        ck_assert_str_eq(paths.socket, "/d/run/jobd.sock");
        ck_assert_str_eq(paths.records, "/d/run/w");
        ck_assert_str_eq(paths.workers_socket, "/d/run/private/workers.sock");
        /* Root makes no folder inside one that jobd can write. */
        ck_assert_int_eq(find(true, NULL, "/d"), 0);
        ck_assert_str_eq(paths.state, "/d/state");
        ck_assert_str_eq(paths.spool, "/d/spool");
        ck_assert_str_eq(paths.socket, "/d/run/jobd.sock");
}
END_TEST

START_TEST(named_socket_is_only_the_socket)
{
        ck_assert_int_eq(find(false, "/x/y.sock", "/d"), 0);
        ck_assert_str_eq(paths.socket, "/x/y.sock");
        ck_assert_str_eq(paths.workers_socket, "/d/run/private/workers.sock");
}
END_TEST

START_TEST(long_paths_are_refused)
{
        char path[109];

        memset(path, 'x', sizeof(path));
        path[0] = '/';
        path[sizeof(path) - 1] = '\0'; /* 108 bytes */
        ck_assert_int_eq(find(false, path, "/d"), PATHS_E_BAD);
        ck_assert_ptr_nonnull(strstr(why.text, "107"));
        path[sizeof(path) - 2] = '\0'; /* 107 bytes */
        ck_assert_int_eq(find(false, path, "/d"), 0);
        path[90] = '\0'; /* DIR/run/jobd.sock fits, DIR/run/private/workers.sock does not */
        ck_assert_int_eq(find(false, NULL, path), PATHS_E_BAD);
}
END_TEST

/* ------------------------------------------------------------------------------------- folders */

static void expect_folder(const char *path, mode_t mode, uid_t uid, gid_t gid)
{
        struct stat st;

        ck_assert_msg(lstat(path, &st) == 0, "%s", path);
        ck_assert(S_ISDIR(st.st_mode));
        ck_assert_msg((st.st_mode & 07777) == mode, "%s has mode %o", path, st.st_mode);
        ck_assert_uint_eq(st.st_uid, uid);
        ck_assert_uint_eq(st.st_gid, gid);
}

START_TEST(user_folders_are_private)
{
        char state[80];

        snprintf(state, sizeof(state), "%s/a/b", dir);
        ck_assert_int_eq(find(false, NULL, state), 0);
        ck_assert_msg(paths_open_folders(&paths, getuid(), getgid(), &folders, &why) == 0, "%s",
                      why.text);
        expect_folder(paths.state, 0700, getuid(), getgid());
        expect_folder(paths.spool, 0700, getuid(), getgid());
        expect_folder(paths.runtime, 0700, getuid(), getgid());
        expect_folder(paths.records, 0700, getuid(), getgid());
        expect_folder(paths.private_dir, 0700, getuid(), getgid());
        ck_assert_int_ge(folders.state_fd, 0);
        ck_assert_int_ge(folders.spool_fd, 0);
        ck_assert_int_ge(folders.records_fd, 0);
        ck_assert_int_ge(folders.private_fd, 0);
        paths_folders_deinit(&folders);
        ck_assert_int_eq(paths_open_folders(&paths, getuid(), getgid(), &folders, &why), 0);
}
END_TEST

START_TEST(folder_open_to_others_is_refused)
{
        ck_assert_int_eq(find(false, NULL, dir), 0);
        ck_assert_int_eq(chmod(dir, 0777), 0);
        ck_assert_int_eq(paths_open_folders(&paths, getuid(), getgid(), &folders, &why),
                         PATHS_E_BAD);
        ck_assert_ptr_nonnull(strstr(why.text, dir));
        ck_assert_int_eq(folders.state_fd, -1);
}
END_TEST

START_TEST(folder_of_somebody_else_is_refused)
{
        ck_assert_int_eq(find(false, NULL, dir), 0);
        ck_assert_int_eq(paths_open_folders(&paths, getuid() + 1, getgid(), &folders, &why),
                         PATHS_E_BAD);
}
END_TEST

START_TEST(system_folders_have_their_owners)
{
        const uid_t uid = 54321;
        const gid_t gid = 54322;

        if (geteuid() != 0)
                return; /* only root can give folders away; the system tests run as root */
        ck_assert_int_eq(find(true, NULL, dir), 0);
        ck_assert_msg(paths_open_folders(&paths, uid, gid, &folders, &why) == 0, "%s", why.text);
        expect_folder(paths.runtime, 0755, 0, getgid());
        expect_folder(paths.state, 0700, uid, getgid());
        expect_folder(paths.spool, 02770, 0, gid);
        expect_folder(paths.records, 0700, 0, getgid());
        expect_folder(paths.private_dir, 0700, uid, getgid());
        /* A group that changed is put right, another owner is not. */
        paths_folders_deinit(&folders);
        ck_assert_int_eq(paths_open_folders(&paths, uid, gid + 1, &folders, &why), 0);
        expect_folder(paths.spool, 02770, 0, gid + 1);
        paths_folders_deinit(&folders);
        ck_assert_int_eq(paths_open_folders(&paths, uid + 1, gid, &folders, &why), PATHS_E_BAD);
}
END_TEST

int main(void)
{
        Suite *suite = suite_create("paths");
        TCase *tests = tcase_create("paths");

        tcase_add_checked_fixture(tests, set_up, tear_down);
        tcase_add_test(tests, system_mode);
        tcase_add_test(tests, user_mode);
        tcase_add_test(tests, relative_variables_do_not_count);
        tcase_add_test(tests, without_a_home_there_is_a_sentence);
        tcase_add_test(tests, state_dir_holds_everything);
        tcase_add_test(tests, named_socket_is_only_the_socket);
        tcase_add_test(tests, long_paths_are_refused);
        tcase_add_test(tests, user_folders_are_private);
        tcase_add_test(tests, folder_open_to_others_is_refused);
        tcase_add_test(tests, folder_of_somebody_else_is_refused);
        tcase_add_test(tests, system_folders_have_their_owners);
        suite_add_tcase(suite, tests);
        return suite_run(suite);
}

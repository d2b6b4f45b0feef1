/* SPDX-License-Identifier: Apache-2.0 */
/* Which files count: three folders, one main file, drop-ins by name, and masks. */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "daemon/config_private.h"
#include "tests/unit/suite.h"

static char dir[64], etc[80], run[80], lib[80];
static const char *folders[] = { etc, run, lib, NULL };
static char **paths;
static struct reason why;

static void set_up(void)
{
        snprintf(dir, sizeof(dir), "/tmp/jobd-places-XXXXXX");
        ck_assert_ptr_nonnull(mkdtemp(dir));
        snprintf(etc, sizeof(etc), "%s/etc", dir);
        snprintf(run, sizeof(run), "%s/run", dir);
        snprintf(lib, sizeof(lib), "%s/lib", dir);
        for (size_t i = 0; folders[i]; i++) {
                char path[128];

                snprintf(path, sizeof(path), "%s/jobd.conf.d", folders[i]);
                ck_assert_int_eq(mkdir(folders[i], 0700), 0);
                ck_assert_int_eq(mkdir(path, 0700), 0);
        }
        paths = NULL;
}

static void tear_down(void)
{
        char command[128];

        config_places_free(paths);
        snprintf(command, sizeof(command), "rm -r %s", dir);
        ck_assert_int_eq(system(command), 0);
}

static void put(const char *folder, const char *name, const char *text)
{
        char path[160];
        FILE *file;

        snprintf(path, sizeof(path), "%s/%s", folder, name);
        file = fopen(path, "w");
        ck_assert_ptr_nonnull(file);
        ck_assert_int_ge(fputs(text, file), 0);
        ck_assert_int_eq(fclose(file), 0);
}

static void mask(const char *folder, const char *name)
{
        char path[160];

        snprintf(path, sizeof(path), "%s/%s", folder, name);
        ck_assert_int_eq(symlink("/dev/null", path), 0);
}

/* `expected`: paths below `dir`, each followed by a blank. */
static void expect(const char *expected)
{
        char got[1024] = "";

        ck_assert_int_eq(config_places_find(folders, &paths, &why), 0);
        for (size_t i = 0; paths[i]; i++) {
                strcat(got, paths[i] + strlen(dir) + 1);
                strcat(got, " ");
        }
        ck_assert_str_eq(got, expected);
}

START_TEST(nothing_is_no_error)
{
        expect("");
}
END_TEST

START_TEST(missing_folders_are_no_error)
{
        folders[0] = "/nonexistent/jobd";
        expect("");
        folders[0] = etc;
}
END_TEST

START_TEST(main_file_of_the_first_folder_counts)
{
        put(run, "jobd.conf", "x");
        put(lib, "jobd.conf", "x");
        expect("run/jobd.conf ");
}
END_TEST

START_TEST(empty_main_file_hides_the_others)
{
        put(etc, "jobd.conf", "");
        put(lib, "jobd.conf", "x");
        expect("");
}
END_TEST

START_TEST(null_main_file_hides_the_others)
{
        mask(etc, "jobd.conf");
        put(lib, "jobd.conf", "x");
        expect("");
}
END_TEST

START_TEST(drop_ins_come_by_name_from_all_folders)
{
        put(lib, "jobd.conf", "x");
        put(etc, "jobd.conf.d/20-b.conf", "x");
        put(lib, "jobd.conf.d/30-c.conf", "x");
        put(run, "jobd.conf.d/10-a.conf", "x");
        expect("lib/jobd.conf run/jobd.conf.d/10-a.conf etc/jobd.conf.d/20-b.conf "
               "lib/jobd.conf.d/30-c.conf ");
}
END_TEST

START_TEST(drop_in_of_an_earlier_folder_replaces)
{
        put(lib, "jobd.conf.d/10-a.conf", "x");
        put(etc, "jobd.conf.d/10-a.conf", "x");
        expect("etc/jobd.conf.d/10-a.conf ");
}
END_TEST

START_TEST(masked_drop_in_is_hidden)
{
        put(lib, "jobd.conf.d/10-a.conf", "x");
        put(lib, "jobd.conf.d/20-b.conf", "x");
        mask(etc, "jobd.conf.d/10-a.conf");
        put(run, "jobd.conf.d/20-b.conf", "");
        expect("");
}
END_TEST

START_TEST(other_files_are_no_drop_ins)
{
        put(etc, "jobd.conf.d/.hidden.conf", "x");
        put(etc, "jobd.conf.d/a.conf~", "x");
        put(etc, "jobd.conf.d/.conf", "x");
        put(etc, "jobd.conf.d/README", "x");
        expect("");
}
END_TEST

int main(void)
{
        Suite *suite = suite_create("config_places");
        TCase *tests = tcase_create("places");

        tcase_add_checked_fixture(tests, set_up, tear_down);
        tcase_add_test(tests, nothing_is_no_error);
        tcase_add_test(tests, missing_folders_are_no_error);
        tcase_add_test(tests, main_file_of_the_first_folder_counts);
        tcase_add_test(tests, empty_main_file_hides_the_others);
        tcase_add_test(tests, null_main_file_hides_the_others);
        tcase_add_test(tests, drop_ins_come_by_name_from_all_folders);
        tcase_add_test(tests, drop_in_of_an_earlier_folder_replaces);
        tcase_add_test(tests, masked_drop_in_is_hidden);
        tcase_add_test(tests, other_files_are_no_drop_ins);
        suite_add_tcase(suite, tests);
        return suite_run(suite);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* --results: parallel's layout, values that would lead elsewhere, folders that cannot be used. */
#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "common/template.h"

#include "client/cmd/map_files.h"
#include "tests/unit/suite.h"

static char folder[] = "/tmp/test_map_files.XXXXXX";
static struct map_files *files;
static struct map_files_task *task;
static struct reason why;

static int remove_one(const char *path, const struct stat *st _unused_, int type _unused_,
                      struct FTW *ftw _unused_)
{
        return remove(path);
}

static void setup(void)
{
        ck_assert_ptr_nonnull(mkdtemp(folder));
        ck_assert_int_eq(chdir(folder), 0);
}

static void teardown(void)
{
        task = map_files_drop(task);
        files = map_files_free(files);
        ck_assert_int_eq(nftw(folder, remove_one, 10, FTW_DEPTH | FTW_PHYS), 0);
}

static void expect_file(const char *path, const char *text)
{
        char got[256];
        FILE *const file = fopen(path, "r");
        size_t n;

        ck_assert_msg(file != NULL, "%s is not there", path);
        n = fread(got, 1, sizeof(got), file);
        fclose(file);
        ck_assert_uint_eq(n, strlen(text));
        ck_assert_mem_eq(got, text, n);
}

static void expect_name(uint32_t record_values, const char *const *values, const char *expected)
{
        struct template_word words[8];
        size_t count = 0;
        char *name;

        for (; values[count]; count++)
                words[count] = (struct template_word){ values[count], strlen(values[count]) };
        name = map_files_format(record_values, words, count);
        ck_assert_str_eq(name, expected);
        free(name);
}

#define EXPECT_NAME(record_values, expected, ...)                                                  \
        expect_name((record_values), (const char *const[]){ __VA_ARGS__, NULL }, (expected))

START_TEST(test_names)
{
        EXPECT_NAME(1, "1/a", "a");
        EXPECT_NAME(2, "1/a/2/b", "a", "b");
        EXPECT_NAME(2, "1/a/2/b/1/c/2/d", "a", "b", "c", "d");
        EXPECT_NAME(1, "1/a/1/b", "a", "b");
        EXPECT_NAME(1, "1/b\\_c", "b/c");
        EXPECT_NAME(1, "1/a\\\\b\\tc", "a\\b\tc");
        EXPECT_NAME(1, "1/q'uo\"t e\n\xff", "q'uo\"t e\n\xff");
        EXPECT_NAME(1, "1/", "");
        EXPECT_NAME(1, "1/\\.", ".");
        EXPECT_NAME(1, "1/\\..", "..");
        EXPECT_NAME(1, "1/...", "...");
        EXPECT_NAME(1, "1/.a", ".a");
        EXPECT_NAME(1, "1/..\\_..\\_etc", "../../etc");
}
END_TEST

/* Two long names with the same beginning stay apart. */
START_TEST(test_long_names)
{
        char long_a[1000], long_b[1000];
        char *name_a, *name_b;

        memset(long_a, '/', sizeof(long_a));
        memcpy(long_b, long_a, sizeof(long_a));
        long_b[999] = 'b';
        name_a = map_files_format(1, &(struct template_word){ long_a, sizeof(long_a) }, 1);
        name_b = map_files_format(1, &(struct template_word){ long_b, sizeof(long_b) }, 1);
        ck_assert_uint_eq(strlen(name_a), 2 + 255);
        ck_assert_uint_eq(strlen(name_b), 2 + 255);
        ck_assert_str_ne(name_a, name_b);
        free(name_a);
        name_a = map_files_format(1, &(struct template_word){ long_a, 127 }, 1);
        ck_assert_uint_eq(strlen(name_a), 2 + 254);
        ck_assert_ptr_null(strchr(name_a, '~'));
        free(name_a);
        free(name_b);
}
END_TEST

START_TEST(test_a_task)
{
        const struct template_word values[] = { { "a", 1 }, { "x/y", 3 } };
        const int standard_out = JOBCTL_STDOUT;

        ck_assert_int_eq(map_files_new("out/deep/", false, &files, &why), 0);
        map_files_set_record_values(files, 2);
        ck_assert(!map_files_has(files, values, 2));
        ck_assert_int_eq(map_files_begin(files, 12, values, 2, &task, &why), 0);
        ck_assert_str_eq(map_files_path(task), "out/deep/1/a/2/x\\_y");
        expect_file("out/deep/1/a/2/x\\_y/stdout", "");
        ck_assert_int_eq(map_files_write(task, standard_out, "some", 4, &why), 0);
        ck_assert_int_eq(map_files_write(task, JOBCTL_STDERR, "err\n", 4, &why), 0);
        ck_assert_int_eq(map_files_write(task, JOBCTL_MARK, "mark", 4, &why), 0);
        ck_assert_int_eq(map_files_write(task, standard_out, "thing\n", 6, &why), 0);
        ck_assert(!map_files_has(files, values, 2));
        ck_assert_int_eq(map_files_end(task, &why), 0);
        expect_file("out/deep/1/a/2/x\\_y/stdout", "something\n");
        expect_file("out/deep/1/a/2/x\\_y/stderr", "err\n");
        expect_file("out/deep/1/a/2/x\\_y/seq", "12");
        ck_assert(map_files_has(files, values, 2));
        ck_assert(!map_files_has(files, values, 1));
}
END_TEST

/* The same values again: what was there is replaced, and until the end it is not whole. */
START_TEST(test_again)
{
        const struct template_word value = { "a", 1 };

        ck_assert_int_eq(map_files_new("out", false, &files, &why), 0);
        for (int i = 0; i < 2; i++) {
                task = map_files_drop(task);
                ck_assert_int_eq(map_files_begin(files, 1, &value, 1, &task, &why), 0);
                ck_assert(!map_files_has(files, &value, 1));
                expect_file("out/1/a/stdout", "");
                ck_assert_int_eq(map_files_write(task, JOBCTL_STDOUT, "x", 1, &why), 0);
                ck_assert_int_eq(map_files_end(task, &why), 0);
        }
        expect_file("out/1/a/stdout", "x");
}
END_TEST

START_TEST(test_folder_that_is_there)
{
        const struct template_word value = { "a", 1 };

        ck_assert_int_eq(mkdir("out", 0777), 0);
        ck_assert_int_eq(map_files_new("out", false, &files, &why), 0);
        ck_assert_int_eq(map_files_begin(files, 1, &value, 1, &task, &why), 0);
        files = map_files_free(files);
        ck_assert_int_eq(map_files_new("out", false, &files, &why), MAP_FILES_E_BAD);
        ck_assert_str_eq(why.text, "the results folder out is there already and not empty: add "
                                   "--resume to go on in it, or name another");
        ck_assert_int_eq(map_files_new("out", true, &files, &why), 0);
}
END_TEST

START_TEST(test_impossible_folder)
{
        fclose(fopen("file", "w"));
        ck_assert_int_eq(map_files_new("file", false, &files, &why), MAP_FILES_E_BAD);
        ck_assert_str_eq(why.text, "cannot open the results folder file: Not a directory");
        ck_assert_int_eq(map_files_new("file/below", true, &files, &why), MAP_FILES_E_BAD);
        ck_assert_str_eq(why.text, "cannot make the results folder file/below: Not a directory");
        ck_assert_int_eq(map_files_new("/proc/results", false, &files, &why), MAP_FILES_E_BAD);
        ck_assert_ptr_nonnull(strstr(why.text, "cannot make the results folder /proc/results"));
}
END_TEST

START_TEST(test_not_writable)
{
        if (geteuid() == 0 && (setegid(65534) || seteuid(65534)))
                return;
        ck_assert_int_eq(map_files_new("/usr", true, &files, &why), MAP_FILES_E_BAD);
        ck_assert_str_eq(why.text, "cannot write to the results folder /usr: Permission denied");
        if (geteuid() != getuid())
                ck_assert_int_eq(seteuid(getuid()), 0);
}
END_TEST

/* A value that is a file of another task, and a full disk. */
START_TEST(test_impossible_task)
{
        const struct template_word none = { "", 0 }, value = { "stdout", 6 };

        ck_assert_int_eq(map_files_new("out", false, &files, &why), 0);
        ck_assert_int_eq(map_files_begin(files, 1, &none, 1, &task, &why), 0);
        task = map_files_drop(task);
        ck_assert_int_eq(map_files_begin(files, 2, &value, 1, &task, &why), MAP_FILES_E_BAD);
        ck_assert_str_eq(why.text, "cannot make the results folder out/1/stdout: Not a directory");
        ck_assert_int_eq(mkdir("out/1/full", 0777), 0);
        ck_assert_int_eq(symlink("/dev/full", "out/1/full/stdout"), 0);
        ck_assert_int_eq(
                map_files_begin(files, 3, &(struct template_word){ "full", 4 }, 1, &task, &why), 0);
        ck_assert_int_eq(map_files_write(task, JOBCTL_STDOUT, "x", 1, &why), MAP_FILES_E_BAD);
        ck_assert_str_eq(why.text, "cannot write results to out/1/full: No space left on device");
}
END_TEST

/* More levels than a path may be long. */
START_TEST(test_deep)
{
        static struct template_word values[40];
        static char name[250];

        memset(name, 'n', sizeof(name));
        for (size_t i = 0; i < ARRAY_SIZE(values); i++)
                values[i] = (struct template_word){ name, sizeof(name) };
        ck_assert_int_eq(map_files_new("out", false, &files, &why), 0);
        ck_assert_int_eq(map_files_begin(files, 1, values, ARRAY_SIZE(values), &task, &why), 0);
        ck_assert_int_eq(map_files_end(task, &why), 0);
        ck_assert(map_files_has(files, values, ARRAY_SIZE(values)));
        /* nftw() cannot go so deep */
        ck_assert_int_eq(system("rm -rf out"), 0);
}
END_TEST

SUITE_MAIN("map_files", setup, teardown, test_names, test_long_names, test_a_task, test_again,
           test_folder_that_is_there, test_impossible_folder, test_not_writable,
           test_impossible_task, test_deep)

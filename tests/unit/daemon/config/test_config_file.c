/* SPDX-License-Identifier: Apache-2.0 */
/* Lines of a configuration file: what counts, where it stands, what is refused. */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "daemon/config_private.h"
#include "tests/unit/suite.h"

static char trace[1024];
static struct reason why;

static int on_entry(void *arg _unused_, const char *section, const char *key, const char *value,
                    const char *place, struct reason *reason)
{
        const size_t used = strlen(trace);

        if (strcmp(value, "wrong") == 0)
                return reason_set(reason, CONFIG_E_BAD, "not this");
        snprintf(trace + used, sizeof(trace) - used, "%s %s.%s=%s|", place, section, key, value);
        return 0;
}

static int parse(const char *text)
{
        trace[0] = '\0';
        why.text[0] = '\0';
        return config_file_parse("f", text, strlen(text), on_entry, NULL, &why);
}

START_TEST(entries_have_their_lines)
{
        ck_assert_int_eq(parse("\n; c\n[A]\nx=1\n\n# c\n[B]\ny = 2 3 \r\nlast=end"), 0);
        ck_assert_str_eq(trace, "f:4 A.x=1|f:8 B.y=2 3|f:9 B.last=end|");
}
END_TEST

START_TEST(indented_lines_are_no_continuation)
{
        ck_assert_int_eq(parse("[A]\n  x=1\n\ty=2\n"), 0);
        ck_assert_str_eq(trace, "f:2 A.x=1|f:3 A.y=2|");
}
END_TEST

START_TEST(empty_file_has_no_entries)
{
        ck_assert_int_eq(parse(""), 0);
        ck_assert_str_eq(trace, "");
}
END_TEST

START_TEST(nonsense_is_refused_with_its_line)
{
        ck_assert_int_eq(parse("[A]\nx=1\nnonsense\n"), CONFIG_E_BAD);
        ck_assert_str_eq(why.text, "f:3: neither [Section] nor Key=Value");
        ck_assert_int_eq(parse("\n[A\n"), CONFIG_E_BAD);
        ck_assert_str_eq(why.text, "f:2: neither [Section] nor Key=Value");
}
END_TEST

START_TEST(wrong_entry_ends_the_reading)
{
        ck_assert_int_eq(parse("[A]\nx=1\ny=wrong\nz=wrong\nu=1\n"), CONFIG_E_BAD);
        ck_assert_str_eq(why.text, "f:3: not this");
        ck_assert_str_eq(trace, "f:2 A.x=1|");
}
END_TEST

START_TEST(long_line_is_refused)
{
        char text[1000];

        memset(text, 'x', sizeof(text));
        memcpy(text, "[A]\nx=", 6);
        text[sizeof(text) - 1] = '\0';
        ck_assert_int_eq(parse(text), CONFIG_E_BAD);
        ck_assert_str_eq(why.text, "f:2: the line is too long");
        ck_assert_str_eq(trace, "");
}
END_TEST

START_TEST(nul_byte_is_refused)
{
        ck_assert_int_eq(config_file_parse("f", "[A]\nx=\0y\n", 9, on_entry, NULL, &why),
                         CONFIG_E_BAD);
        ck_assert_str_eq(why.text, "f:2: the line holds a NUL byte");
}
END_TEST

START_TEST(only_files_are_read)
{
        char path[] = "/tmp/jobd-config-file-XXXXXX";
        char fifo[64];

        ck_assert_ptr_nonnull(mkdtemp(path));
        ck_assert_int_eq(config_file_read(path, true, on_entry, NULL, &why), CONFIG_E_BAD);
        ck_assert_ptr_nonnull(strstr(why.text, "is not a file"));
        snprintf(fifo, sizeof(fifo), "%s/fifo", path);
        ck_assert_int_eq(mkfifo(fifo, 0600), 0);
        ck_assert_int_eq(config_file_read(fifo, true, on_entry, NULL, &why), CONFIG_E_BAD);
        ck_assert_ptr_nonnull(strstr(why.text, "is not a file"));
        ck_assert_int_eq(unlink(fifo), 0);
        ck_assert_int_eq(config_file_read(fifo, false, on_entry, NULL, &why), 0);
        ck_assert_int_eq(config_file_read("/dev/null", true, on_entry, NULL, &why), 0);
        ck_assert_int_eq(rmdir(path), 0);
}
END_TEST

START_TEST(large_file_is_refused)
{
        char path[] = "/tmp/jobd-config-file-XXXXXX";
        const int fd = mkstemp(path);

        ck_assert_int_ge(fd, 0);
        ck_assert_int_eq(ftruncate(fd, (off_t)CONFIG_FILE_MAX_BYTES + 1), 0);
        ck_assert_int_eq(config_file_read(path, true, on_entry, NULL, &why), CONFIG_E_BAD);
        ck_assert_ptr_nonnull(strstr(why.text, "larger than 1 MiB"));
        ck_assert_int_eq(unlink(path), 0);
        close(fd);
}
END_TEST

int main(void)
{
        Suite *suite = suite_create("config_file");
        TCase *tests = tcase_create("lines");

        tcase_add_test(tests, entries_have_their_lines);
        tcase_add_test(tests, indented_lines_are_no_continuation);
        tcase_add_test(tests, empty_file_has_no_entries);
        tcase_add_test(tests, nonsense_is_refused_with_its_line);
        tcase_add_test(tests, wrong_entry_ends_the_reading);
        tcase_add_test(tests, long_line_is_refused);
        tcase_add_test(tests, nul_byte_is_refused);
        tcase_add_test(tests, only_files_are_read);
        tcase_add_test(tests, large_file_is_refused);
        suite_add_tcase(suite, tests);
        return suite_run(suite);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* What counts as done, how the rest is numbered, and a log that is another command's. */
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "common/template.h"

#include "client/cmd/map_files.h"
#include "client/cmd/map_resume.h"
#include "tests/unit/suite.h"

static char folder[] = "/tmp/test_map_resume.XXXXXX";
static struct map_options options;
static struct map_plan plan;
static char word_echo[] = "echo", word_slot[] = "{%}{}";
static char *command[2] = { word_echo };
static struct map_resume *resume;
static struct map_files *files;
static struct reason why;
static FILE *log_file;

static void setup(void)
{
        ck_assert_ptr_nonnull(mkdtemp(folder));
        ck_assert_int_eq(chdir(folder), 0);
        options = (struct map_options){ .resume = true, .joblog = "log" };
        plan = (struct map_plan){
                .options = &options, .command = command, .command_count = 1, .resume = true
        };
        log_file = fopen("log", "w");
        ck_assert_ptr_nonnull(log_file);
}

static void teardown(void)
{
        resume = map_resume_free(resume);
        files = map_files_free(files);
        ck_assert_int_eq(system("cd / && rm -r \"$OLDPWD\""), 0);
}

static void log_line(unsigned int sequence, int code, int signo)
{
        fprintf(log_file, "%u\t:\t1.000\t0.001\t0\t0\t%d\t%d\techo v%u\n", sequence, code, signo,
                sequence);
}

static void begin(void)
{
        if (log_file)
                fclose(log_file);
        log_file = NULL;
        ck_assert_int_eq(map_resume_new(&plan, files, &resume, &why), 0);
}

static int check(unsigned int sequence)
{
        char text[32];
        struct template_word value = { text, 0 };

        value.size = (size_t)snprintf(text, sizeof(text), "v%u", sequence);
        return map_resume_check(resume, sequence, &value, 1, &why);
}

static void expect(unsigned int first, unsigned int last, bool done)
{
        for (unsigned int i = first; i <= last; i++)
                ck_assert_int_eq(check(i), done ? MAP_RESUME_E_DONE : 0);
}

START_TEST(test_numbers)
{
        uint64_t task = 0;

        log_line(7, 0, 0); /* in order of completion, as logs are */
        log_line(1, 0, 0);
        log_line(2, 1, 0);
        log_line(8, 0, 9);
        log_line(4, 0, 0);
        log_line(4, 0, 0);
        begin();
        ck_assert_uint_eq(map_resume_sequence(resume, 5), 6);
        for (unsigned int i = 1; i <= 20; i++) {
                const bool done = i == 1 || i == 2 || i == 4 || i == 7 || i == 8;

                expect(i, i, done);
                if (!done)
                        ck_assert_uint_eq(map_resume_sequence(resume, task++), i);
        }
        ck_assert_uint_eq(map_resume_done_count(resume), 5);
        ck_assert_uint_eq(map_resume_sequence(resume, 0), 3);
        ck_assert_uint_eq(map_resume_sequence(resume, 1), 5);
        ck_assert_uint_eq(map_resume_sequence(resume, 1000000), 1000006);
}
END_TEST

START_TEST(test_failed)
{
        options.resume = false;
        options.resume_failed = true;
        log_line(1, 0, 0);
        log_line(2, 1, 0);
        log_line(3, 0, 9);
        log_line(4, 1, 0);
        log_line(4, 0, 0); /* the second run of 4 succeeded */
        begin();
        expect(1, 1, true);
        expect(2, 3, false);
        expect(4, 4, true);
        expect(5, 5, false);
}
END_TEST

START_TEST(test_no_resume)
{
        log_line(1, 0, 0);
        plan.resume = options.resume = false;
        begin();
        expect(1, 3, false);
        ck_assert_uint_eq(map_resume_sequence(resume, 2), 3);
        ck_assert_uint_eq(map_resume_sequence(NULL, 2), 3);
        ck_assert_uint_eq(map_resume_done_count(NULL), 0);
}
END_TEST

START_TEST(test_no_log_yet)
{
        unlink("log");
        begin();
        expect(1, 3, false);
}
END_TEST

START_TEST(test_foreign_log)
{
        fprintf(log_file, "hello\n");
        fclose(log_file);
        ck_assert_int_eq(map_resume_new(&plan, NULL, &resume, &why), MAP_RESUME_E_BAD);
        ck_assert_ptr_nonnull(strstr(why.text, "line 1 of log is not of a job log"));
}
END_TEST

START_TEST(test_another_command)
{
        log_line(1, 0, 0);
        fprintf(log_file, "2\t:\t1.000\t0.001\t0\t0\t0\t0\techo other\n");
        log_line(3, 0, 0);
        begin();
        expect(1, 1, true);
        ck_assert_int_eq(check(2), MAP_RESUME_E_BAD);
        ck_assert_str_eq(why.text,
                         "the job log log is of another command or of other inputs (its task 2 is "
                         "not this one's): give its own command line, or another file");
}
END_TEST

/* Also a task that failed, and so would run again, shows whose log it is. */
START_TEST(test_another_command_that_failed)
{
        options.resume_failed = true;
        fprintf(log_file, "1\t:\t1.000\t0.001\t0\t0\t1\t0\techo other\n");
        begin();
        ck_assert_int_eq(check(1), MAP_RESUME_E_BAD);
}
END_TEST

/* A command that is too long with its values has no line of its own in any log. */
START_TEST(test_too_long)
{
        static char text[200000];
        static char word_twice[] = "{}{}{}{}{}{}{}{}{}{}";
        const struct template_word value = { text, 120000 };

        memset(text, 'x', sizeof(text));
        command[1] = word_twice;
        plan.command_count = 2;
        log_line(1, 1, 0);
        begin();
        ck_assert_int_eq(map_resume_check(resume, 1, &value, 1, &why), MAP_RESUME_E_DONE);
}
END_TEST

/* The slot is not in the log: nothing can be compared. */
START_TEST(test_slot)
{
        command[1] = word_slot;
        plan.command_count = 2;
        log_line(1, 0, 0);
        begin();
        expect(1, 1, true);
        expect(2, 2, false);
}
END_TEST

START_TEST(test_results)
{
        const struct template_word value = { "v2", 2 };
        struct map_files_task *task;

        ck_assert_int_eq(map_files_new("out", false, &files, &why), 0);
        ck_assert_int_eq(map_files_begin(files, 2, &value, 1, &task, &why), 0);
        ck_assert_int_eq(map_files_end(task, &why), 0);
        map_files_drop(task);
        options.joblog = NULL;
        begin();
        expect(1, 1, false);
        expect(2, 2, true);
        expect(3, 3, false);
        ck_assert_uint_eq(map_resume_sequence(resume, 1), 3);
}
END_TEST

/* Many tasks with every other one done. */
START_TEST(test_many)
{
        for (unsigned int i = 1; i <= 100000; i += 2)
                log_line(i, 0, 0);
        begin();
        for (unsigned int i = 1; i <= 100000; i++)
                ck_assert_int_eq(check(i), i % 2 ? MAP_RESUME_E_DONE : 0);
        for (unsigned int task = 0; task < 50000; task++)
                ck_assert_uint_eq(map_resume_sequence(resume, task), 2 * task + 2);
}
END_TEST

SUITE_MAIN("map_resume", setup, teardown, test_numbers, test_failed, test_no_resume,
           test_no_log_yet, test_foreign_log, test_another_command,
           test_another_command_that_failed, test_too_long, test_slot, test_results, test_many)

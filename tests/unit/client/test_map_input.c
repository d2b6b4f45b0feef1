/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Inputs become tasks: files, pipes and words; linked, crossed, packed and split; as they come and
 * never waiting; and what is wrong with one is told by its number.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "client/cmd/joblog.h"
#include "client/cmd/map_input.h"
#include "client/cmd/map_reader.h"
#include "client/cmd/map_resume.h"
#include "tests/unit/suite.h"

static struct map_options options;
static struct map_plan plan;
static struct map_source sources[4];
static struct map_input *input;
static struct map_resume *resume;
static struct reason why;
static int writer; /* of the pipe that is our stdin */
static char folder[] = "/tmp/test_map_input.XXXXXX";

static void setup(void)
{
        int ends[2];

        ck_assert_ptr_nonnull(mkdtemp(folder));
        ck_assert_int_eq(chdir(folder), 0);
        ck_assert_int_eq(pipe2(ends, O_CLOEXEC), 0);
        ck_assert_int_eq(dup2(ends[0], STDIN_FILENO), STDIN_FILENO);
        close(ends[0]);
        writer = ends[1];
        options = (struct map_options){ 0 };
        plan = (struct map_plan){
                .options = &options, .sources = sources, .per_task = 1, .uses_all = true
        };
}

static void teardown(void)
{
        const char *const names[] = { "f", "g", "fifo", "log", "locked" };

        input = map_input_free(input);
        resume = map_resume_free(resume);
        writer = fd_close(writer);
        for (size_t i = 0; i < ARRAY_SIZE(names); i++)
                unlink(names[i]);
        ck_assert_int_eq(rmdir(folder), 0);
}

static void write_file(const char *name, const void *data, size_t size)
{
        FILE *const file = fopen(name, "w");

        ck_assert_ptr_nonnull(file);
        ck_assert_uint_eq(fwrite(data, 1, size, file), size);
        ck_assert_int_eq(fclose(file), 0);
}

static void feed(const char *text)
{
        ck_assert_int_eq(write(writer, text, strlen(text)), (ssize_t)strlen(text));
}

static void add_words(const char *const *words, bool linked)
{
        struct map_source *const source = &sources[plan.sources_count++];

        *source = (struct map_source){ .words = words, .linked = linked };
        while (words[source->words_count])
                source->words_count++;
}

#define WORDS(...) add_words((const char *const[]){ __VA_ARGS__, NULL }, false)
#define LINKED(...) add_words((const char *const[]){ __VA_ARGS__, NULL }, true)

static void add_file(const char *name, bool linked)
{
        sources[plan.sources_count++] = (struct map_source){ .file = name, .linked = linked };
}

static void open_input(void)
{
        ck_assert_int_eq(map_input_new(&plan, resume, &input, &why), 0);
}

/* One call: values with '|' behind each, the answer in *out_r. */
static const char *take(size_t size_max, int *out_r)
{
        static char text[4096];
        struct map_chunk chunk;

        text[0] = '\0';
        *out_r = map_input_take(input, size_max, &chunk, &why);
        if (*out_r)
                return text;
        ck_assert_uint_gt(chunk.tasks, 0);
        ck_assert_uint_lt(chunk.size, sizeof(text));
        memcpy(text, chunk.values, chunk.size);
        text[chunk.size] = '\0';
        for (size_t i = 0; i < chunk.size; i++)
                if (!text[i]) {
                        text[i] = '|';
                        chunk.count--;
                }
        ck_assert_uint_eq(chunk.count, 0);
        return text;
}

static void expect(const char *expected)
{
        int r;

        ck_assert_str_eq(take(65536, &r), expected);
        ck_assert_int_eq(r, 0);
}

static void expect_answer(int answer)
{
        struct map_chunk chunk;

        ck_assert_int_eq(map_input_take(input, 65536, &chunk, &why), answer);
}

static void expect_bad(const char *sentence)
{
        expect_answer(MAP_INPUT_E_BAD);
        ck_assert_str_eq(why.text, sentence);
        why.text[0] = '\0';
        expect_answer(MAP_INPUT_E_BAD);
        ck_assert_str_eq(why.text, sentence);
}

START_TEST(test_words)
{
        WORDS("a", "", "c d");
        open_input();
        ck_assert_uint_eq(map_input_values(input), 1);
        expect("a||c d|");
        expect_answer(MAP_INPUT_E_END);
        expect_answer(MAP_INPUT_E_END);
        ck_assert_uint_eq(map_input_task_count(input), 3);
}
END_TEST

START_TEST(test_nothing)
{
        add_words((const char *const[]){ NULL }, false);
        open_input();
        ck_assert_int_eq(map_input_prepare(input, &why), MAP_INPUT_E_END);
        expect_answer(MAP_INPUT_E_END);
}
END_TEST

START_TEST(test_crossed)
{
        WORDS("a", "b");
        WORDS("1", "2");
        WORDS("x", "y");
        open_input();
        ck_assert_uint_eq(map_input_values(input), 3);
        expect("a|1|x|a|1|y|a|2|x|a|2|y|b|1|x|b|1|y|b|2|x|b|2|y|");
        expect_answer(MAP_INPUT_E_END);
        ck_assert_uint_eq(map_input_task_count(input), 8);
}
END_TEST

START_TEST(test_crossed_with_nothing)
{
        WORDS("a", "b");
        add_words((const char *const[]){ NULL }, false);
        open_input();
        expect_answer(MAP_INPUT_E_END);
}
END_TEST

/* The shortest decides; a linked pair is one wheel. */
START_TEST(test_linked)
{
        WORDS("a", "b");
        LINKED("1", "2", "3");
        WORDS("x", "y", "z");
        LINKED("p", "q");
        open_input();
        expect("a|1|x|p|a|1|y|q|b|2|x|p|b|2|y|q|");
        expect_answer(MAP_INPUT_E_END);
}
END_TEST

START_TEST(test_lines)
{
        write_file("f", "a\n\n c \nlast", 11);
        add_file("f", false);
        open_input();
        expect("a|| c |last|");
        expect_answer(MAP_INPUT_E_END);
}
END_TEST

START_TEST(test_null)
{
        options.null = true;
        write_file("f", "a\nb\0\0c", 6);
        add_file("f", false);
        open_input();
        expect("a\nb||c|");
        expect_answer(MAP_INPUT_E_END);
}
END_TEST

START_TEST(test_packed)
{
        plan.per_task = 2;
        WORDS("a", "b", "c", "d", "e");
        open_input();
        ck_assert_uint_eq(map_input_values(input), 2);
        expect("a|b|c|d|e|");
        ck_assert_uint_eq(map_input_task_count(input), 3);
        expect_answer(MAP_INPUT_E_END);
}
END_TEST

/* What is there is given at once; a task that is not whole waits; nothing blocks. */
START_TEST(test_as_it_comes)
{
        plan.per_task = 2;
        add_file("-", false);
        open_input();
        ck_assert_int_eq(map_input_prepare(input, &why), MAP_INPUT_E_AGAIN);
        ck_assert_int_eq(map_input_fd(input), STDIN_FILENO);
        feed("a\nb\nc\nd");
        ck_assert_int_eq(map_input_prepare(input, &why), 0);
        expect("a|b|");
        expect_answer(MAP_INPUT_E_AGAIN);
        feed("\ne\n");
        expect("c|d|");
        expect_answer(MAP_INPUT_E_AGAIN);
        writer = fd_close(writer);
        expect("e|");
        expect_answer(MAP_INPUT_E_END);
        ck_assert_int_eq(fcntl(STDIN_FILENO, F_GETFL) & O_NONBLOCK, 0);
}
END_TEST

/* A cross product begins with the first pair, and what came is remembered. */
START_TEST(test_crossed_as_it_comes)
{
        WORDS("a", "b");
        add_file("-", false);
        open_input();
        expect_answer(MAP_INPUT_E_AGAIN);
        feed("1\n");
        expect("a|1|");
        feed("2\n3");
        expect("a|2|");
        expect_answer(MAP_INPUT_E_AGAIN);
        writer = fd_close(writer);
        expect("a|3|b|1|b|2|b|3|");
        expect_answer(MAP_INPUT_E_END);
}
END_TEST

START_TEST(test_linked_as_it_comes)
{
        int fifo;

        ck_assert_int_eq(mkfifo("fifo", 0600), 0);
        add_file("-", false);
        add_file("fifo", true);
        open_input();
        feed("a\nb\n");
        expect_answer(MAP_INPUT_E_AGAIN);
        ck_assert_int_ne(map_input_fd(input), STDIN_FILENO);
        fifo = open("fifo", O_WRONLY);
        ck_assert_int_eq(write(fifo, "1\n", 2), 2);
        expect("a|1|");
        expect_answer(MAP_INPUT_E_AGAIN);
        close(fifo);
        expect_answer(MAP_INPUT_E_END);
}
END_TEST

START_TEST(test_chunk_size)
{
        int r;

        WORDS("aaaa", "bbbb", "cccc", "dd");
        open_input();
        ck_assert_str_eq(take(10, &r), "aaaa|bbbb|");
        ck_assert_str_eq(take(9, &r), "cccc|dd|");
        ck_assert_str_eq(take(1, &r), "");
        ck_assert_int_eq(r, MAP_INPUT_E_END);
}
END_TEST

/* Sources much larger than a piece, read to the last byte with little memory. */
START_TEST(test_large)
{
        FILE *const file = fopen("f", "w");
        struct map_chunk chunk;
        uint64_t count = 0;
        int r;

        for (int i = 0; i < 200000; i++)
                fprintf(file, "%d\n", i);
        fclose(file);
        add_file("f", false);
        open_input();
        while ((r = map_input_take(input, 65536, &chunk, &why)) == 0) {
                const char *at = chunk.values;

                ck_assert_uint_le(chunk.size, 65536);
                for (uint64_t i = 0; i < chunk.count; i++, at += strlen(at) + 1)
                        ck_assert_uint_eq(strtoull(at, NULL, 10), count++);
        }
        ck_assert_int_eq(r, MAP_INPUT_E_END);
        ck_assert_uint_eq(count, 200000);
}
END_TEST

START_TEST(test_longest_value)
{
        static char data[MAP_READER_VALUE_MAX + 3];
        struct map_chunk chunk;

        memset(data, 'x', sizeof(data));
        data[MAP_READER_VALUE_MAX] = '\n';
        write_file("f", data, MAP_READER_VALUE_MAX + 1);
        data[MAP_READER_VALUE_MAX] = 'x';
        data[MAP_READER_VALUE_MAX + 1] = '\n';
        data[MAP_READER_VALUE_MAX + 2] = 'y';
        write_file("g", data, sizeof(data));
        add_file("f", false);
        open_input();
        ck_assert_int_eq(map_input_take(input, 100, &chunk, &why), 0);
        ck_assert_uint_eq(chunk.size, MAP_READER_VALUE_MAX + 1);
        expect_answer(MAP_INPUT_E_END);

        input = map_input_free(input);
        sources[0].file = "g";
        open_input();
        expect_bad("line 1 of g is longer than 131071 bytes, which no command can be given");
}
END_TEST

/* A line that does not end is refused as soon as it is too long. */
START_TEST(test_endless_value)
{
        static char piece[50000];

        memset(piece, 'x', sizeof(piece) - 1);
        ck_assert_int_eq(fcntl(writer, F_SETPIPE_SZ, 256 * 1024), 256 * 1024);
        add_file("-", false);
        open_input();
        feed(piece);
        feed(piece);
        expect_answer(MAP_INPUT_E_AGAIN);
        feed(piece);
        expect_bad("line 1 of stdin is longer than 131071 bytes, which no command can be given");
}
END_TEST

START_TEST(test_zero_byte)
{
        write_file("f", "a\nb\nc\0d\ne\n", 10);
        add_file("f", false);
        open_input();
        expect("a|b|");
        expect_bad("line 3 of f holds a zero byte: inputs that end with one are read with -0");
}
END_TEST

START_TEST(test_too_much_for_a_task)
{
        static char data[9 * 130000];

        memset(data, 'x', sizeof(data));
        for (size_t i = 130000 - 1; i < sizeof(data); i += 130000)
                data[i] = '\n';
        write_file("f", data, sizeof(data));
        add_file("f", false);
        plan.per_task = 9;
        open_input();
        expect_bad("the inputs of task 1 are more than 1 MiB or 1000000 words together: use a "
                   "smaller -n");
}
END_TEST

START_TEST(test_unreadable)
{
        add_file("absent", false);
        ck_assert_int_eq(map_input_new(&plan, NULL, &input, &why), MAP_INPUT_E_BAD);
        ck_assert_str_eq(why.text, "cannot read inputs from absent: No such file or directory");
        sources[0].file = "/";
        ck_assert_int_eq(map_input_new(&plan, NULL, &input, &why), MAP_INPUT_E_BAD);
        ck_assert_str_eq(why.text, "cannot read inputs from /: it is a folder");
        close(STDIN_FILENO);
        sources[0].file = "-";
        ck_assert_int_eq(map_input_new(&plan, NULL, &input, &why), MAP_INPUT_E_BAD);
        ck_assert_str_eq(why.text, "cannot read inputs from stdin: Bad file descriptor");
}
END_TEST

START_TEST(test_columns)
{
        options.colsep = ",";
        add_file("-", false);
        open_input();
        ck_assert_uint_eq(map_input_values(input), 0);
        feed("a, b\nc\n");
        ck_assert_int_eq(map_input_prepare(input, &why), 0);
        ck_assert_uint_eq(map_input_values(input), 2);
        expect("a|b|c||");
        feed("d,e\nf,g,h\n");
        expect("d|e|");
        expect_bad("line 4 of stdin has 3 columns, but the first has 2");
}
END_TEST

START_TEST(test_columns_by_number)
{
        options.colsep = "\\t";
        plan.uses_all = false;
        plan.position_max = 2;
        write_file("f", "a\nb\tc\td\n\n", 9);
        add_file("f", false);
        open_input();
        expect("a||b|c|||");
        expect_answer(MAP_INPUT_E_END);
        ck_assert_uint_eq(map_input_record_values(input), 2);
}
END_TEST

START_TEST(test_columns_of_two_sources)
{
        options.colsep = ",";
        plan.per_task = 2;
        WORDS("a,b", "c,d");
        WORDS("1");
        open_input();
        expect("a|b|1|c|d|1|");
        ck_assert_uint_eq(map_input_record_values(input), 3);
        ck_assert_uint_eq(map_input_values(input), 6);
}
END_TEST

START_TEST(test_bad_colsep)
{
        options.colsep = "(";
        WORDS("a");
        ck_assert_int_eq(map_input_new(&plan, NULL, &input, &why), MAP_INPUT_E_BAD);
        ck_assert_ptr_nonnull(strstr(why.text, "--colsep"));
}
END_TEST

/* Tasks that are done are left out; the rest keep their numbers. */
START_TEST(test_resume)
{
        static char echo[] = "echo";
        char *command[] = { echo };
        static const char log[] =
                "Seq\tHost\tStarttime\tJobRuntime\tSend\tReceive\tExitval\tSignal\t"
                "Command\n"
                "2\t:\t1.000\t     0.003\t0\t2\t0\t0\techo b\n"
                "3\t:\t1.000\t     0.003\t0\t2\t1\t0\techo c\n";

        write_file("log", log, sizeof(log) - 1);
        plan.command = command;
        plan.command_count = 1;
        plan.resume = options.resume = true;
        options.joblog = "log";
        ck_assert_int_eq(map_resume_new(&plan, NULL, &resume, &why), 0);
        WORDS("a", "b", "c", "d");
        open_input();
        expect("a|d|");
        expect_answer(MAP_INPUT_E_END);
        ck_assert_uint_eq(map_input_skipped_count(input), 2);
        ck_assert_uint_eq(map_input_task_count(input), 2);
        ck_assert_uint_eq(map_resume_sequence(resume, 0), 1);
        ck_assert_uint_eq(map_resume_sequence(resume, 1), 4);
}
END_TEST

START_TEST(test_resume_of_another_map)
{
        static char echo[] = "echo";
        char *command[] = { echo };
        static const char log[] = "2\t:\t1.000\t0.003\t0\t2\t0\t0\techo x\n";

        write_file("log", log, sizeof(log) - 1);
        plan.command = command;
        plan.command_count = 1;
        plan.resume = options.resume = true;
        options.joblog = "log";
        ck_assert_int_eq(map_resume_new(&plan, NULL, &resume, &why), 0);
        WORDS("a", "b", "c");
        open_input();
        expect("a|");
        expect_bad("the job log log is of another command or of other inputs (its task 2 is not "
                   "this one's): give its own command line, or another file");
}
END_TEST

SUITE_MAIN("map_input", setup, teardown, test_words, test_nothing, test_crossed,
           test_crossed_with_nothing, test_linked, test_lines, test_null, test_packed,
           test_as_it_comes, test_crossed_as_it_comes, test_linked_as_it_comes, test_chunk_size,
           test_large, test_longest_value, test_endless_value, test_zero_byte,
           test_too_much_for_a_task, test_unreadable, test_columns, test_columns_by_number,
           test_columns_of_two_sources, test_bad_colsep, test_resume, test_resume_of_another_map)

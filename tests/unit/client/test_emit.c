/* SPDX-License-Identifier: Apache-2.0 */
/* Records as JSON: every kind of value, absence, and bytes that are no text. */
#include <stdio.h>
#include <string.h>

#include "common/template.h"

#include "proto/wire.h"

#include "client/cmd/emit.h"
#include "client/cmd/emit_object.h"
#include "tests/unit/suite.h"

static char printed[4096];

/* Either a record with its table, or a piece of output; with stdout in `printed`, without the
 * newline. */
static void emit_either(const void *message, const struct emit_table *table,
                        const struct emit_log *log)
{
        FILE *const file = tmpfile();
        const int before = dup(STDOUT_FILENO);
        size_t size;

        ck_assert_ptr_nonnull(file);
        fflush(stdout);
        ck_assert_int_ge(dup2(fileno(file), STDOUT_FILENO), 0);
        ck_assert_int_eq(log ? emit_print_log(log) : emit_print_item(message, table), 0);
        fflush(stdout);
        ck_assert_int_ge(dup2(before, STDOUT_FILENO), 0);
        close(before);
        rewind(file);
        size = fread(printed, 1, sizeof(printed) - 1, file);
        fclose(file);
        ck_assert_uint_gt(size, 0);
        ck_assert_int_eq(printed[size - 1], '\n');
        printed[size - 1] = '\0';
}

static void emit(const void *message, const struct emit_table *table)
{
        emit_either(message, table, NULL);
}

static ProtobufCBinaryData bytes(char *text)
{
        return (ProtobufCBinaryData){ .len = strlen(text), .data = (uint8_t *)text };
}

START_TEST(test_ended)
{
        Jobd__JobEnded ended = JOBD__JOB_ENDED__INIT;

        ended.id = 7;
        ended.state = JOBD__JOB_STATE__STATE_FAILED;
        emit(&ended, &emit_ended);
        ck_assert_str_eq(printed, "{\"id\":7,\"state\":\"failed\"}");
        ended.has_exit_code = true;
        ended.exit_code = -1;
        ended.has_exit_signal = true;
        ended.exit_signal = 9;
        ended.has_run_usec = true;
        ended.run_usec = 1500000;
        emit(&ended, &emit_ended);
        ck_assert_str_eq(printed, "{\"id\":7,\"state\":\"failed\",\"exit_code\":-1,"
                                  "\"exit_signal\":\"KILL\",\"run_seconds\":1.5}");
        ended = (Jobd__JobEnded)JOBD__JOB_ENDED__INIT;
        ended.id = 7;
        ended.has_task = true;
        ended.task = 3;
        ended.state = JOBD__JOB_STATE__STATE_SUCCEEDED;
        emit(&ended, &emit_ended);
        ck_assert_str_eq(printed, "{\"id\":7,\"task\":3,\"state\":\"succeeded\"}");
}
END_TEST

START_TEST(test_bytes_that_are_no_text)
{
        char good[] = "ls", bad[] = "a\xff\xe2\x82";
        ProtobufCBinaryData argv[] = { bytes(good), bytes(bad) };
        Jobd__Spec spec = JOBD__SPEC__INIT;

        spec.n_argv = 1;
        spec.argv = argv;
        emit(&spec, &emit_spec);
        ck_assert_str_eq(printed, "{\"argv\":[\"ls\"]}");
        spec.n_argv = 2;
        spec.has_cwd = true;
        spec.cwd = bytes(bad);
        emit(&spec, &emit_spec);
        ck_assert_str_eq(printed, "{\"argv\":[\"ls\",\"a\ufffd\ufffd\ufffd\"],"
                                  "\"argv_b64\":[\"bHM=\",\"Yf/igg==\"],"
                                  "\"cwd\":\"a\ufffd\ufffd\ufffd\",\"cwd_b64\":\"Yf/igg==\"}");
}
END_TEST

START_TEST(test_control_characters)
{
        char text[] = "\033[2J\n";
        ProtobufCBinaryData argv[] = { bytes(text) };
        Jobd__Spec spec = JOBD__SPEC__INIT;

        spec.n_argv = 1;
        spec.argv = argv;
        emit(&spec, &emit_spec);
        ck_assert_str_eq(printed, "{\"argv\":[\"\\u001B[2J\\n\"]}");
}
END_TEST

/* A job with one task shows its attempt beside its own fields, and its own win. */
START_TEST(test_job)
{
        Jobd__Job job = JOBD__JOB__INIT;
        Jobd__Attempt attempt = JOBD__ATTEMPT__INIT;
        Jobd__Attempt *attempts[] = { &attempt };
        Jobd__Spec spec = JOBD__SPEC__INIT;
        char name[] = "n", why[] = "of the job", other[] = "of the attempt";

        job.id = 3;
        job.uid = 1000;
        job.state = JOBD__JOB_STATE__STATE_QUEUED;
        job.has_blockers = true;
        job.blockers = 1 | 4;
        job.why = why;
        job.spec = &spec;
        job.has_submit_wall_usec = true;
        job.submit_wall_usec = 1700000000000000;
        spec.name = name;
        spec.has_memory_bytes = true;
        spec.memory_bytes = UINT64_MAX;
        job.n_attempts = 1;
        job.attempts = attempts;
        attempt.has_attempt = true;
        attempt.attempt = 2;
        attempt.why = other;
        emit(&job, &emit_job);
        ck_assert_str_eq(printed, "{\"id\":3,\"state\":\"held\",\"name\":\"n\",\"argv\":[],"
                                  "\"memory_bytes\":null,\"uid\":1000,"
                                  "\"blockers\":[\"hold\",\"retry\"],\"why\":\"of the job\","
                                  "\"submitted_at\":\"2023-11-14T22:13:20.000000Z\","
                                  "\"attempts\":[{\"attempt\":2,\"why\":\"of the attempt\"}],"
                                  "\"attempt\":2}");
        job.has_task_count = true;
        job.task_count = 2;
        job.blockers = 0;
        emit(&job, &emit_job);
        ck_assert_ptr_nonnull(strstr(printed, "\"state\":\"queued\""));
        ck_assert_ptr_null(strstr(printed, "],\"attempt\":2}"));
}
END_TEST

START_TEST(test_log)
{
        struct emit_log log = { .job = 17,
                                .task = 3,
                                .which = JOBCTL_STDERR,
                                .wall_usec = 1700000000000001,
                                .data = "a\n",
                                .size = 2 };

        emit_either(NULL, NULL, &log);
        ck_assert_str_eq(printed, "{\"job\":17,\"task\":3,\"stream\":\"stderr\","
                                  "\"time\":\"2023-11-14T22:13:20.000001Z\",\"text\":\"a\\n\"}");
        /* Half of a character, and a NUL: the text is readable, the rest exact. */
        log.which = JOBCTL_STDOUT;
        log.data = "\xc3";
        log.size = 2;
        emit_either(NULL, NULL, &log);
        ck_assert_ptr_nonnull(strstr(printed, "\"stream\":\"stdout\""));
        ck_assert_ptr_nonnull(strstr(printed, ",\"text_b64\":\"wwA=\"}"));
        log.which = JOBCTL_MARK;
        log.size = 0;
        emit_either(NULL, NULL, &log);
        ck_assert_ptr_nonnull(strstr(printed, "\"stream\":\"mark\""));
        ck_assert_ptr_nonnull(strstr(printed, ",\"text\":\"\"}"));
}
END_TEST

START_TEST(test_objects_by_hand)
{
        const struct template_word words[] = { { "a", 1 }, { "\xff", 1 } };
        char echo[] = "echo", umlaut[] = "\xc3\xa9";
        char *const argv[] = { echo, umlaut, NULL };
        Jobd__TaskEnd end = JOBD__TASK_END__INIT;
        struct json_t *const object = emit_object_new();
        char *line;
        size_t size;

        end.task = 4;
        end.state = JOBD__JOB_STATE__STATE_FAILED;
        end.has_exit_signal = true;
        end.exit_signal = 15;
        end.has_run_usec = true;
        end.run_usec = 300001;
        emit_object_set_number(object, "job", 7);
        emit_object_set_item(object, (const struct jobctl_item *)&end, &emit_task);
        emit_object_set_words(object, "values", words, 1);
        emit_object_set_words(object, "odd", words, 2);
        emit_object_set_words(object, "none", NULL, 0);
        emit_object_set_argv(object, "argv", argv);
        emit_object_set_text(object, "stdout", "x\0y", 3);
        line = emit_object_render(object, &size);
        ck_assert_ptr_nonnull(line);
        ck_assert_uint_eq(size, strlen(line));
        ck_assert_str_eq(line,
                         "{\"job\":7,\"task\":4,\"state\":\"failed\",\"exit_signal\":\"TERM\","
                         "\"run_seconds\":0.300001,\"values\":[\"a\"],"
                         "\"odd\":[\"a\",\"\xef\xbf\xbd\"],\"odd_b64\":[\"YQ==\",\"/w==\"],"
                         "\"none\":[],\"argv\":[\"echo\",\"\xc3\xa9\"],"
                         "\"stdout\":\"x\xef\xbf\xbdy\",\"stdout_b64\":\"eAB5\"}\n");
        free(line);
        emit_object_free(emit_object_new());
        ck_assert_ptr_null(emit_object_free(NULL));
}
END_TEST

SUITE_MAIN("emit", NULL, NULL, test_ended, test_objects_by_hand, test_bytes_that_are_no_text,
           test_control_characters, test_job, test_log)

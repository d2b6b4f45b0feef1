/* SPDX-License-Identifier: Apache-2.0 */
/* wire_spec.c: each thing a submitter may get wrong, with the sentence that says so. */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "proto/wire.h"

#include "tests/unit/suite.h"

static uint8_t words[4][8] = { "echo", "a", "", "/tmp" };
static ProtobufCBinaryData argv_data[WIRE_ENTRIES_MAX + 1];

/* A job that is right. */
static Jobd__Spec good_spec(void)
{
        Jobd__Spec spec = JOBD__SPEC__INIT;

        argv_data[0] = (ProtobufCBinaryData){ 4, words[0] };
        argv_data[1] = (ProtobufCBinaryData){ 1, words[1] };
        argv_data[2] = (ProtobufCBinaryData){ 0, NULL }; /* an empty argument is one */
        spec.n_argv = 3;
        spec.argv = argv_data;
        spec.has_cwd = 1;
        spec.cwd = (ProtobufCBinaryData){ 4, words[3] };
        return spec;
}

#define ACCEPT(spec)                                                                               \
        do {                                                                                       \
                struct reason why_ = { "" };                                                       \
                ck_assert_msg(wire_check_spec(spec, &why_) == 0, "it says: %s", why_.text);        \
        } while (0)
#define REFUSE(spec, word)                                                                         \
        do {                                                                                       \
                struct reason why_ = { "" };                                                       \
                ck_assert_int_eq(wire_check_spec(spec, &why_), WIRE_E_BAD);                        \
                ck_assert_msg(strstr(why_.text, word), "it says: %s", why_.text);                  \
        } while (0)

START_TEST(good_one_passes)
{
        Jobd__Spec spec = good_spec();

        ACCEPT(&spec);
}
END_TEST

START_TEST(command_is_needed)
{
        Jobd__Spec spec = good_spec();

        spec.n_argv = 0;
        REFUSE(&spec, "no command");
        spec = good_spec();
        argv_data[0].len = 0;
        REFUSE(&spec, "first word is empty");
}
END_TEST

START_TEST(command_has_limits)
{
        Jobd__Spec spec = good_spec();
        uint8_t *text = malloc(WIRE_STRING_MAX + 1);

        memset(text, 'x', WIRE_STRING_MAX + 1);
        argv_data[1] = (ProtobufCBinaryData){ WIRE_STRING_MAX, text };
        ACCEPT(&spec);
        argv_data[1].len++;
        REFUSE(&spec, "argument 1 has 131072 bytes");
        argv_data[1] = (ProtobufCBinaryData){ 3, (uint8_t[]){ 'a', 0, 'b' } };
        REFUSE(&spec, "argument 1 holds a NUL");
        for (size_t i = 1; i <= WIRE_ENTRIES_MAX; i++)
                argv_data[i] = (ProtobufCBinaryData){ 1, words[1] };
        spec.n_argv = WIRE_ENTRIES_MAX;
        ACCEPT(&spec);
        spec.n_argv++;
        REFUSE(&spec, "4097 words");
        for (size_t i = 1; i < 9; i++)
                argv_data[i] = (ProtobufCBinaryData){ WIRE_STRING_MAX, text };
        spec.n_argv = 9;
        REFUSE(&spec, "longer than 1048576 bytes");
        spec.n_argv = 8;
        ACCEPT(&spec);
        free(text);
}
END_TEST

START_TEST(paths_are_absolute)
{
        Jobd__Spec spec = good_spec();
        uint8_t *text = malloc(4096);

        memset(text, '/', 4096);
        spec.cwd = (ProtobufCBinaryData){ 4, words[0] };
        REFUSE(&spec, "working folder is not an absolute path");
        spec.cwd = (ProtobufCBinaryData){ 0, NULL };
        REFUSE(&spec, "working folder");
        spec = good_spec();
        spec.has_output_path = 1;
        spec.output_path = (ProtobufCBinaryData){ 1, words[1] };
        REFUSE(&spec, "output file");
        spec.output_path = (ProtobufCBinaryData){ 4095, text };
        ACCEPT(&spec);
        spec.output_path.len = 4096;
        REFUSE(&spec, "longer than 4095");
        spec.output_path = (ProtobufCBinaryData){ 3, (uint8_t[]){ '/', 0, 'b' } };
        REFUSE(&spec, "NUL");
        free(text);
}
END_TEST

START_TEST(words_have_limits)
{
        Jobd__Spec spec = good_spec();
        char text[258];
        char bad[] = "\xff";
        char none[] = "";

        memset(text, 'n', sizeof(text));
        text[256] = '\0';
        spec.name = text;
        REFUSE(&spec, "name is longer than 255");
        text[255] = '\0';
        ACCEPT(&spec);
        spec.name = bad;
        REFUSE(&spec, "not UTF-8");
        spec.name = none;
        spec.unique = none;
        REFUSE(&spec, "unique key is empty");
}
END_TEST

START_TEST(labels_have_limits)
{
        Jobd__Spec spec = good_spec();
        Jobd__Label label = JOBD__LABEL__INIT;
        Jobd__Label *labels[65];
        char key[] = "k", none[] = "";

        label.key = key;
        label.value = none;
        for (size_t i = 0; i < 65; i++)
                labels[i] = &label;
        spec.labels = labels;
        spec.n_labels = 64;
        ACCEPT(&spec);
        spec.n_labels = 65;
        REFUSE(&spec, "65 labels");
        spec.n_labels = 1;
        label.key = none;
        REFUSE(&spec, "name of a label is empty");
}
END_TEST

START_TEST(rlimits_have_limits)
{
        Jobd__Spec spec = good_spec();
        Jobd__Rlimit rlimit = JOBD__RLIMIT__INIT;
        Jobd__Rlimit *rlimits[17];

        for (size_t i = 0; i < 17; i++)
                rlimits[i] = &rlimit;
        rlimit.soft = rlimit.hard = UINT64_MAX;
        rlimit.resource = 15;
        spec.rlimits = rlimits;
        spec.n_rlimits = 16;
        ACCEPT(&spec);
        spec.n_rlimits = 17;
        REFUSE(&spec, "more than 16");
        spec.n_rlimits = 1;
        rlimit.resource = 16;
        REFUSE(&spec, "no resource limit 16");
        rlimit.resource = 0;
        rlimit.hard = 5;
        REFUSE(&spec, "over its hard limit");
}
END_TEST

#define EDGE(field, first_good, last_good, type)                                                   \
        do {                                                                                       \
                Jobd__Spec spec_ = good_spec();                                                    \
                spec_.has_##field = 1;                                                             \
                spec_.field = (type)(first_good);                                                  \
                ACCEPT(&spec_);                                                                    \
                spec_.field = (type)(last_good);                                                   \
                ACCEPT(&spec_);                                                                    \
                spec_.field = (type)((last_good) + 1);                                             \
                REFUSE(&spec_, #field);                                                            \
                spec_.field = (type)((first_good)-1);                                              \
                REFUSE(&spec_, #field);                                                            \
                spec_.has_##field = 0;                                                             \
                ACCEPT(&spec_);                                                                    \
        } while (0)

START_TEST(numbers_have_ranges)
{
        const uint64_t century = 100ULL * 366 * 86400 * 1000000;

        EDGE(umask, 0, 0777, uint32_t);
        EDGE(nice, 0, 19, int32_t);
        EDGE(priority, -1000, 1000, int32_t);
        EDGE(warn_signal, 1, 64, uint32_t);
        EDGE(retries, 0, 1000, uint32_t);
        EDGE(time_limit_usec, 0, century, uint64_t);
        EDGE(warn_before_usec, 0, century, uint64_t);
        EDGE(grace_usec, 0, century, uint64_t);
        EDGE(retry_delay_usec, 0, century, uint64_t);
        EDGE(begin_wall_usec, 0, 253402300799999999ULL, uint64_t);
}
END_TEST

START_TEST(retry_codes)
{
        Jobd__Spec spec = good_spec();
        uint32_t codes[257] = { 0, 255 };

        spec.retry_on = codes;
        spec.n_retry_on = 256;
        ACCEPT(&spec);
        spec.n_retry_on = 257;
        REFUSE(&spec, "more than 256");
        spec.n_retry_on = 2;
        codes[1] = 256;
        REFUSE(&spec, "not 256");
}
END_TEST

START_TEST(arrays)
{
        static const struct {
                int64_t first, last, step; /* -1: absent */
                const char *word;          /* NULL: good */
        } rows[] = {
                { 0, 0, -1, NULL },
                { 0, 9999999, -1, NULL },
                { 0, 10000000, -1, "at most 10000000 tasks" },
                { 1, 10000000, 1, NULL },
                { 0, 19999998, 2, NULL },
                { 0, 19999999, 2, NULL },
                { 0, 20000000, 2, "tasks" },
                { INT64_MAX - 1, INT64_MAX - 1, INT64_MAX - 1, NULL },
                { 0, 9, 0, "array_step" },
                { 9, 0, -1, "first to a last" },
                { 9, -1, -1, "first to a last" },
                { -1, 9, -1, "first to a last" },
                { -1, -1, 2, "needs its first" },
        };

        for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
                Jobd__Spec spec = good_spec();

                spec.has_array_first = rows[i].first >= 0;
                spec.array_first = (uint64_t)rows[i].first;
                spec.has_array_last = rows[i].last >= 0;
                spec.array_last = (uint64_t)rows[i].last;
                spec.has_array_step = rows[i].step >= 0;
                spec.array_step = (uint64_t)rows[i].step;
                if (rows[i].word)
                        REFUSE(&spec, rows[i].word);
                else
                        ACCEPT(&spec);
        }
}
END_TEST

static int judge_entry(const char *text, size_t size)
{
        Jobd__Environment environment = JOBD__ENVIRONMENT__INIT;
        ProtobufCBinaryData entry = { size, NULL };
        int r;

        entry.data = malloc(size + 1);
        memcpy(entry.data, text, size);
        environment.n_entries = 1;
        environment.entries = &entry;
        r = wire_check_environment(&environment, NULL);
        free(entry.data);
        return r;
}

START_TEST(environment_entries)
{
        ck_assert_int_eq(judge_entry("A=b", 3), 0);
        ck_assert_int_eq(judge_entry("A=", 2), 0);
        ck_assert_int_eq(judge_entry("A=b=c", 5), 0);
        ck_assert_int_eq(judge_entry("A=\xff", 3), 0);
        ck_assert_int_eq(judge_entry("A", 1), WIRE_E_BAD);
        ck_assert_int_eq(judge_entry("=b", 2), WIRE_E_BAD);
        ck_assert_int_eq(judge_entry("=", 1), WIRE_E_BAD);
        ck_assert_int_eq(judge_entry("", 0), WIRE_E_BAD);
        ck_assert_int_eq(judge_entry("A=\0", 3), WIRE_E_BAD);
        ck_assert_int_eq(judge_entry("\0A=b", 4), WIRE_E_BAD);
}
END_TEST

START_TEST(environment_is_limited)
{
        Jobd__Environment environment = JOBD__ENVIRONMENT__INIT;
        ProtobufCBinaryData *entries = calloc(WIRE_ENTRIES_MAX + 1, sizeof(*entries));
        uint8_t text[512];

        memset(text, '=', sizeof(text));
        text[0] = 'A';
        for (size_t i = 0; i <= WIRE_ENTRIES_MAX; i++)
                entries[i] = (ProtobufCBinaryData){ 255, text };
        environment.entries = entries;
        environment.n_entries = WIRE_ENTRIES_MAX; /* 1 MiB with terminators */
        ck_assert_int_eq(wire_check_environment(&environment, NULL), 0);
        entries[7].len = 256;
        ck_assert_int_eq(wire_check_environment(&environment, NULL), WIRE_E_BAD);
        entries[7].len = 2;
        entries[8].len = 2;
        environment.n_entries++;
        ck_assert_int_eq(wire_check_environment(&environment, NULL), WIRE_E_BAD);
        free(entries);
}
END_TEST

/* ---------------------------------------------------------------------------------------- maps */

static Jobd__Spec good_map(const char *word)
{
        static uint8_t map_word[64];
        Jobd__Spec spec = good_spec();

        strcpy((char *)map_word, word);
        spec.has_map_values = 1;
        spec.map_values = 2;
        argv_data[1] = (ProtobufCBinaryData){ strlen(word), map_word };
        return spec;
}

START_TEST(a_map_is_no_array)
{
        Jobd__Spec spec = good_map("{}");

        ACCEPT(&spec);
        spec.has_array_width = 1;
        spec.array_width = 4;
        ACCEPT(&spec);
        spec.has_array_step = 1;
        spec.array_step = 1;
        REFUSE(&spec, "first and last");
        spec.has_array_first = spec.has_array_last = 1;
        REFUSE(&spec, "a map is no array");
        spec = good_map("{}");
        spec.map_values = 0;
        REFUSE(&spec, "map_values");
        spec.map_values = WIRE_ENTRIES_MAX;
        ACCEPT(&spec);
        spec.map_values++;
        REFUSE(&spec, "map_values");
        spec = good_map("{}");
        spec.has_stdin_pipe = spec.stdin_pipe = 1;
        REFUSE(&spec, "standard input");
}
END_TEST

START_TEST(a_map_can_be_expanded)
{
        Jobd__Spec spec = good_map("{2} {-2/} {#} {x}");

        ACCEPT(&spec);
        spec = good_map("no replacement");
        ACCEPT(&spec);
        spec = good_map("a{3}");
        REFUSE(&spec, "'{3}' names value 3, but a task has 2 values");
        spec.has_map_values = 0;
        ACCEPT(&spec); /* an ordinary job has no replacements */
        spec = good_map("{}");
        spec.has_shell = spec.shell = 1;
        spec.n_argv = 2;
        REFUSE(&spec, "one line");
}
END_TEST

START_TEST(delay_and_halt_are_for_many)
{
        Jobd__Halt halt = JOBD__HALT__INIT;
        Jobd__Spec spec = good_spec();

        spec.halt = &halt;
        REFUSE(&spec, "for arrays and maps");
        spec.has_array_first = spec.has_array_last = 1;
        ACCEPT(&spec);
        spec = good_spec();
        spec.has_start_delay_usec = 1;
        REFUSE(&spec, "for arrays and maps");
        spec.has_array_first = spec.has_array_last = 1;
        ACCEPT(&spec);
        spec = good_map("{}");
        spec.halt = &halt;
        spec.has_start_delay_usec = 1;
        ACCEPT(&spec);
        spec.start_delay_usec = UINT64_MAX;
        REFUSE(&spec, "start_delay_usec");
}
END_TEST

static Jobd__Dependency dependency_on(Jobd__DependencyKind kind, int64_t job, int64_t sibling)
{
        Jobd__Dependency dependency = JOBD__DEPENDENCY__INIT;

        dependency.kind = kind;
        dependency.has_job = job >= 0;
        dependency.job = job >= 0 ? (uint64_t)job : 0;
        dependency.has_sibling = sibling >= 0;
        dependency.sibling = sibling >= 0 ? (uint32_t)sibling : 0;
        return dependency;
}

#define AFTEROK JOBD__DEPENDENCY_KIND__DEPENDENCY_AFTEROK
#define SINGLETON JOBD__DEPENDENCY_KIND__DEPENDENCY_SINGLETON

START_TEST(dependencies)
{
        Jobd__Dependency one = dependency_on(AFTEROK, 17, -1);
        Jobd__Dependency *list[] = { &one, &one };
        char name[] = "night";
        Jobd__Spec spec = good_spec();

        spec.dependencies = list;
        spec.n_dependencies = 1;
        ACCEPT(&spec);
        one.job = 0;
        REFUSE(&spec, "cannot be");
        one = dependency_on(AFTEROK, 17, 1);
        REFUSE(&spec, "one of them");
        one = dependency_on(AFTEROK, -1, -1);
        REFUSE(&spec, "one of them");
        one = dependency_on((Jobd__DependencyKind)(SINGLETON + 1), 17, -1);
        REFUSE(&spec, "no kind of dependency 7");
        one = dependency_on(JOBD__DEPENDENCY_KIND__DEPENDENCY_NONE, 17, -1);
        REFUSE(&spec, "no kind of dependency 0");
        one = dependency_on(SINGLETON, 17, -1);
        spec.name = name;
        REFUSE(&spec, "names no job");
        one = dependency_on(SINGLETON, -1, -1);
        ACCEPT(&spec);
        spec.n_dependencies = 2;
        ACCEPT(&spec);
        spec.has_dependencies_any = spec.dependencies_any = 1;
        REFUSE(&spec, "no alternative");
        spec.n_dependencies = 1;
        spec.name = NULL;
        REFUSE(&spec, "--name");
        spec.n_dependencies = WIRE_DEPENDENCIES_MAX + 1;
        REFUSE(&spec, "at most 1000");
}
END_TEST

/* Job i of a flow waits for `on[i]`, -1: for none. */
static int check_flow(const int *on, const char *const *names, size_t count, struct reason *why)
{
        Jobd__Spec specs[8], *pointers[8];
        Jobd__Dependency ones[8], *lists[8];

        for (size_t i = 0; i < count; i++) {
                specs[i] = good_spec();
                pointers[i] = &specs[i];
                ones[i] = dependency_on(AFTEROK, -1, on[i]);
                lists[i] = &ones[i];
                specs[i].name = names ? (char *)(uintptr_t)names[i] : NULL;
                specs[i].n_dependencies = on[i] >= 0;
                specs[i].dependencies = &lists[i];
        }
        return wire_check_flow(pointers, count, why);
}

static Jobd__ResourceAsk resource_asks[2];
static Jobd__ResourceAsk *resource_list[] = { &resource_asks[0], &resource_asks[1] };
static Jobd__LockAsk lock_asks[WIRE_RESOURCES_MAX];
static Jobd__LockAsk *lock_list[WIRE_RESOURCES_MAX];

/* Asks for so many units of "gpu" and "disk", and for locks named "a", "aa", "aaa"... */
static Jobd__Spec asking_spec(uint32_t gpu, uint32_t disk, size_t locks)
{
        static char names[WIRE_RESOURCES_MAX][WIRE_RESOURCES_MAX + 1];
        Jobd__Spec spec = good_spec();

        for (size_t i = 0; i < 2; i++)
                jobd__resource_ask__init(&resource_asks[i]);
        resource_asks[0].name = (char *)(uintptr_t) "gpu";
        resource_asks[0].count = gpu;
        resource_asks[1].name = (char *)(uintptr_t) "disk";
        resource_asks[1].count = disk;
        spec.resources = resource_list;
        spec.n_resources = 2;
        for (size_t i = 0; i < locks; i++) {
                memset(names[i], 'a', i + 1);
                jobd__lock_ask__init(&lock_asks[i]);
                lock_asks[i].name = names[i];
                lock_list[i] = &lock_asks[i];
        }
        spec.locks = lock_list;
        spec.n_locks = locks;
        return spec;
}

START_TEST(resources_and_locks)
{
        Jobd__Spec spec = asking_spec(1, 1, WIRE_RESOURCES_MAX - 2);

        ACCEPT(&spec);
        spec = asking_spec(1, 1, WIRE_RESOURCES_MAX - 1);
        REFUSE(&spec, "more than 64 resources and locks");
        spec = asking_spec(1, 0, 0);
        REFUSE(&spec, "1 to 10000 units of resources, not 0");
        spec = asking_spec(9999, 1, 0);
        ACCEPT(&spec);
        spec = asking_spec(9999, 2, 0);
        REFUSE(&spec, "1 to 10000 units of resources, not 10001");
        spec = asking_spec(1, UINT32_MAX, 0);
        REFUSE(&spec, "not 4294967296");
        spec = asking_spec(1, 1, 2);
        lock_asks[1].name = (char *)(uintptr_t) "disk";
        REFUSE(&spec, "\"disk\" is asked for twice");
        lock_asks[1].name = (char *)(uintptr_t) "";
        REFUSE(&spec, "lock is empty");
        lock_asks[1].name = (char *)(uintptr_t) "a\nb";
        REFUSE(&spec, "control character");
        lock_asks[1].name = (char *)(uintptr_t) "\xff";
        REFUSE(&spec, "not UTF-8");
}
END_TEST

START_TEST(circles_are_named)
{
        static const char *const names[] = { "start", "a", "b", "c" };
        struct reason why = { "" };

        ck_assert_int_eq(check_flow((const int[]){ -1, 0, 1, 2 }, names, 4, &why), 0);
        ck_assert_int_eq(check_flow((const int[]){ 1, 2, 3, -1 }, names, 4, &why), 0);
        ck_assert_int_eq(check_flow((const int[]){ 1, 2, 3, 1 }, names, 4, &why), WIRE_E_BAD);
        ck_assert_str_eq(why.text, "the jobs wait for each other in a circle: a -> b -> c -> a");
        ck_assert_int_eq(check_flow((const int[]){ 0 }, names, 1, &why), WIRE_E_BAD);
        ck_assert_ptr_nonnull(strstr(why.text, "start -> start"));
        ck_assert_int_eq(check_flow((const int[]){ 1, 0 }, NULL, 2, &why), WIRE_E_BAD);
        ck_assert_ptr_nonnull(strstr(why.text, "job 0 -> job 1 -> job 0"));
        ck_assert_int_eq(check_flow((const int[]){ 4, 0 }, names, 2, &why), WIRE_E_BAD);
        ck_assert_ptr_nonnull(strstr(why.text, "job 0 waits for job 4 of the 2"));
}
END_TEST

int main(void)
{
        Suite *suite = suite_create("spec");
        TCase *tcase = tcase_create("spec");

        tcase_add_test(tcase, good_one_passes);
        tcase_add_test(tcase, command_is_needed);
        tcase_add_test(tcase, command_has_limits);
        tcase_add_test(tcase, paths_are_absolute);
        tcase_add_test(tcase, words_have_limits);
        tcase_add_test(tcase, labels_have_limits);
        tcase_add_test(tcase, rlimits_have_limits);
        tcase_add_test(tcase, numbers_have_ranges);
        tcase_add_test(tcase, retry_codes);
        tcase_add_test(tcase, arrays);
        tcase_add_test(tcase, a_map_is_no_array);
        tcase_add_test(tcase, a_map_can_be_expanded);
        tcase_add_test(tcase, delay_and_halt_are_for_many);
        tcase_add_test(tcase, dependencies);
        tcase_add_test(tcase, resources_and_locks);
        tcase_add_test(tcase, circles_are_named);
        tcase_add_test(tcase, environment_entries);
        tcase_add_test(tcase, environment_is_limited);
        suite_add_tcase(suite, tcase);
        return suite_run(suite);
}

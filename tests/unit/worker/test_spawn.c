/* SPDX-License-Identifier: Apache-2.0 */
/*
 * spawn.c, spawn_child.c, spawn_explain.c in user mode: each stage that can fail says so by name,
 * errno and sentence, and what succeeds finds the descriptors, mask, folder and limits it should.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/cleanup.h"

#include "tests/unit/suite.h"
#include "worker/signals.h"
#include "worker/spawn.h"

static char folder[] = "/tmp/jobd-spawn-test.XXXXXX";
static struct spawn_plan plan;
static struct spawn_result result;
static char *argv[8];
static char *envp[4];
static char **candidates;
static int pipe_fds[2];
static sigset_t old_mask;
static char file_a[64], file_b[64];

static char *text_of(const char *text)
{
        char *copy = strdup(text);

        ck_assert_ptr_nonnull(copy);
        return copy;
}

static void command(const char *file, const char *path)
{
        argv[0] = text_of(file);
        candidates = spawn_list_candidates(file, path);
        plan.candidates = (const char *const *)candidates;
}

static void shell(const char *script)
{
        command("/bin/sh", NULL);
        argv[1] = text_of("-c");
        argv[2] = text_of(script);
}

static void setup(void)
{
        sigset_t all;

        strcpy(folder + sizeof(folder) - 7, "XXXXXX");
        ck_assert_ptr_nonnull(mkdtemp(folder));
        snprintf(file_a, sizeof(file_a), "%s/a", folder);
        snprintf(file_b, sizeof(file_b), "%s/b", folder);
        memset(argv, 0, sizeof(argv));
        memset(envp, 0, sizeof(envp));
        envp[0] = text_of("MARK=spawned");
        ck_assert_int_eq(pipe2(pipe_fds, O_CLOEXEC), 0);
        plan = (struct spawn_plan){
                .argv = argv,
                .envp = envp,
                .cwd = folder,
                .umask = 027,
                .out_fd = pipe_fds[1],
                .err_fd = pipe_fds[1],
                .null_fd = open("/dev/null", O_RDWR | O_CLOEXEC),
                .cgroup_procs_fd = -1,
                .worker_pid = getpid(),
                .death_signal = true,
        };
        plan.in_fd = plan.null_fd;
        signals_set_default(); /* as a worker does at its start */
        sigfillset(&all);
        sigprocmask(SIG_SETMASK, &all, &old_mask);
}

static void teardown(void)
{
        sigprocmask(SIG_SETMASK, &old_mask, NULL);
        for (size_t i = 0; i < ARRAY_SIZE(argv); i++)
                free(argv[i]);
        free(envp[0]);
        free(candidates);
        candidates = NULL;
        close(plan.null_fd);
        fd_close(pipe_fds[0]);
        fd_close(pipe_fds[1]);
        unlink(file_a);
        unlink(file_b);
        rmdir(folder);
}

/* Runs the plan to its end; what it printed. */
static const char *run(int *out_status)
{
        static char text[8192];
        ssize_t n;
        size_t used = 0;

        spawn_process(&plan, &result);
        pipe_fds[1] = fd_close(pipe_fds[1]);
        ck_assert_msg(result.stage == SPAWN_STAGE_NONE, "stage %s: %s",
                      spawn_stage_name(result.stage), strerror(result.error));
        while ((n = read(pipe_fds[0], text + used, sizeof(text) - 1 - used)) > 0)
                used += (size_t)n;
        text[used] = '\0';
        ck_assert_int_eq(waitpid(result.pid, out_status, 0), result.pid);
        return text;
}

static const char *run_well(void)
{
        int status;
        const char *text = run(&status);

        ck_assert_int_eq(status, 0);
        return text;
}

/* Runs a plan that must fail; the sentence. */
static const char *refuse(enum spawn_stage stage, int error)
{
        static struct reason why;
        int status;

        spawn_process(&plan, &result);
        ck_assert_int_gt(result.pid, 0);
        ck_assert_int_eq(waitpid(result.pid, &status, 0), result.pid);
        ck_assert_msg(result.stage == stage && result.error == error, "stage %s: %s",
                      spawn_stage_name(result.stage), strerror(result.error));
        spawn_explain(&plan, &result, &why);
        return why.text;
}

static void write_file(const char *path, const char *text, mode_t mode)
{
        const int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, mode);

        ck_assert_int_ge(fd, 0);
        ck_assert_int_eq(write(fd, text, strlen(text)), (ssize_t)strlen(text));
        ck_assert_int_eq(fchmod(fd, mode), 0);
        close(fd);
}

static const char *file_text(const char *path)
{
        static char text[256];
        const int fd = open(path, O_RDONLY | O_CLOEXEC);
        const ssize_t n = read(fd, text, sizeof(text) - 1);

        ck_assert_int_ge(n, 0);
        text[n] = '\0';
        close(fd);
        return text;
}

/* ------------------------------------------------------------------------------------- success */

START_TEST(the_environment_is_the_plans_alone)
{
        ck_assert_int_eq(setenv("NOT_FOR_JOBS", "1", 1), 0);
        command("env", "/nonexistent:/usr/bin:/bin");
        ck_assert_str_eq(run_well(), "MARK=spawned\n");
}
END_TEST

START_TEST(it_stands_in_its_folder_with_its_umask_and_session)
{
        char expected[256];

        shell("pwd; umask; test $$ = $(ps -o sid= -p $$) && echo leader");
        snprintf(expected, sizeof(expected), "%s\n0027\nleader\n", folder);
        ck_assert_str_eq(run_well(), expected);
}
END_TEST

/* The last processor that we may use ourselves. */
static size_t own_processor(void)
{
        cpu_set_t own;
        size_t last = 0;

        ck_assert_int_eq(sched_getaffinity(0, sizeof(own), &own), 0);
        for (size_t i = 0; i < CPU_SETSIZE; i++)
                if (CPU_ISSET(i, &own))
                        last = i;
        return last;
}

START_TEST(it_runs_on_the_processors_of_the_plan)
{
        const size_t processor = own_processor();
        cpu_set_t *large = CPU_ALLOC(8192);
        char expected[64];

        plan.affinity = large;
        plan.affinity_bytes = CPU_ALLOC_SIZE(8192);
        CPU_ZERO_S(plan.affinity_bytes, large);
        CPU_SET_S(processor, plan.affinity_bytes, large);
        CPU_SET_S(8191, plan.affinity_bytes, large); /* not there: the others count */
        shell("grep ^Cpus_allowed_list /proc/self/status");
        snprintf(expected, sizeof(expected), "Cpus_allowed_list:\t%zu\n", processor);
        ck_assert_str_eq(run_well(), expected);
        CPU_FREE(large);
}
END_TEST

START_TEST(processors_that_went_away_do_not_stop_it)
{
        cpu_set_t *large = CPU_ALLOC(8192);

        plan.affinity = large;
        plan.affinity_bytes = CPU_ALLOC_SIZE(8192);
        CPU_ZERO_S(plan.affinity_bytes, large);
        CPU_SET_S(8191, plan.affinity_bytes, large);
        shell("echo runs");
        ck_assert_str_eq(run_well(), "runs\n");
        CPU_FREE(large);
}
END_TEST

START_TEST(no_signal_is_blocked_or_ignored)
{
        shell("grep -E '^Sig(Blk|Ign)' /proc/self/status | tr -d '\\t'");
        ck_assert_str_eq(run_well(), "SigBlk:0000000000000000\nSigIgn:0000000000000000\n");
}
END_TEST

START_TEST(it_has_three_descriptors)
{
        const int leak = open("/dev/zero", O_RDONLY); /* without CLOEXEC: a library's mistake */

        shell("exec ls /proc/self/fd"); /* the fourth is the folder that ls reads */
        ck_assert_str_eq(run_well(), "0\n1\n2\n3\n");
        close(leak);
}
END_TEST

START_TEST(a_failed_start_has_the_code_of_a_shell)
{
        static const struct {
                struct spawn_result failed;
                int code;
        } cases[] = {
                { { .stage = SPAWN_STAGE_EXECVE, .error = ENOENT }, 127 },
                { { .stage = SPAWN_STAGE_EXECVE, .error = EACCES }, 126 },
                { { .stage = SPAWN_STAGE_EXECVE, .error = ENOEXEC }, 126 },
                { { .stage = SPAWN_STAGE_EXECVE, .error = EISDIR }, 126 },
                { { .stage = SPAWN_STAGE_EXECVE, .error = ENOTDIR }, 126 },
                { { .stage = SPAWN_STAGE_EXECVE, .error = E2BIG }, 125 },
                { { .stage = SPAWN_STAGE_EXECVE, .error = EAGAIN }, 125 },
                { { .stage = SPAWN_STAGE_CHDIR, .error = ENOENT }, 125 },
                { { .stage = SPAWN_STAGE_UID, .error = EPERM }, 125 },
                { { .stage = SPAWN_STAGE_DIED }, 125 },
        };

        for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
                ck_assert_int_eq(spawn_exit_code(&cases[i].failed), cases[i].code);
}
END_TEST

START_TEST(it_dies_with_its_parent)
{
        /* PR_GET_PDEATHSIG is 2; a shell cannot ask, so the flag is looked for by its effect. */
        int status;
        pid_t parent, child;
        int fds[2];

        ck_assert_int_eq(mkfifo(file_a, 0600), 0); /* nobody will write to it */
        ck_assert_int_eq(pipe2(fds, O_CLOEXEC), 0);
        parent = fork();
        if (parent == 0) {
                plan.worker_pid = getpid();
                shell("exec cat a");
                spawn_process(&plan, &result);
                if (write(fds[1], &result.pid, sizeof(result.pid)) < 0)
                        _exit(1);
                kill(getpid(), SIGKILL);
        }
        close(fds[1]);
        pipe_fds[1] = fd_close(pipe_fds[1]);
        ck_assert_int_eq(waitpid(parent, &status, 0), parent);
        ck_assert_int_eq(read(fds[0], &child, sizeof(child)), sizeof(child));
        /* Its pipe closes when it is gone. */
        ck_assert_int_eq(read(pipe_fds[0], &child, 1), 0);
        close(fds[0]);
}
END_TEST

/* A test that runs nicely is nice itself. */
static int own_nice(void)
{
        return getpriority(PRIO_PROCESS, 0);
}

START_TEST(limits_and_nice_are_set)
{
        static const struct spawn_limit limits[] = {
                { RLIMIT_NOFILE, { 77, 99 } },
                { RLIMIT_CORE, { 0, 0 } },
        };
        char expected[64];

        plan.limits = limits;
        plan.limits_count = 2;
        plan.nice = 7;
        shell("ulimit -Sn; ulimit -Hn; ulimit -c; nice");
        snprintf(expected, sizeof(expected), "77\n99\n0\n%d\n", MAX(own_nice(), 7));
        ck_assert_str_eq(run_well(), expected);
}
END_TEST

START_TEST(nice_never_rises)
{
        char expected[16];

        plan.nice = -5;
        shell("nice");
        snprintf(expected, sizeof(expected), "%d\n", own_nice());
        ck_assert_str_eq(run_well(), expected);
}
END_TEST

START_TEST(user_named_files_are_used)
{
        write_file(file_a, "what was asked\n", 0600);
        write_file(file_b, "long old contents that go away\n", 0600);
        plan.input_path = file_a;
        plan.output_path = file_b;
        plan.error_path = file_b;
        shell("cat; echo to stderr >&2");
        ck_assert_str_eq(run_well(), "");
        ck_assert_str_eq(file_text(file_b), "what was asked\nto stderr\n");
}
END_TEST

START_TEST(output_is_appended_when_wished)
{
        write_file(file_b, "before\n", 0600);
        plan.output_path = file_b;
        plan.output_append = true;
        shell("echo after; echo kept >&2");
        ck_assert_str_eq(run_well(), "kept\n");
        ck_assert_str_eq(file_text(file_b), "before\nafter\n");
}
END_TEST

START_TEST(a_made_output_file_obeys_the_umask)
{
        struct stat st;

        plan.output_path = file_b;
        shell("true");
        run_well();
        ck_assert_int_eq(stat(file_b, &st), 0);
        ck_assert_uint_eq(st.st_mode & 07777, 0640);
}
END_TEST

START_TEST(the_null_device_is_a_file_too)
{
        plan.output_path = "/dev/null";
        plan.input_path = "/dev/null";
        shell("cat; echo gone");
        ck_assert_str_eq(run_well(), "");
}
END_TEST

START_TEST(the_path_is_searched_as_a_shell_does)
{
        char path[128];

        /* A file that may not be run is remembered, but a later one that may is taken. */
        write_file(file_a, "#!/bin/sh\n", 0600);
        snprintf(path, sizeof(path), "%s:/nonexistent:%s/a:/bin", folder, folder);
        command("a", path);
        refuse(SPAWN_STAGE_EXECVE, EACCES);
        free(argv[0]);
        free(candidates);
        ck_assert_int_eq(rename(file_a, file_b), 0);
        snprintf(file_a, sizeof(file_a), "%s/true", folder);
        write_file(file_a, "", 0600);
        command("true", path);
        run_well();
}
END_TEST

/* ------------------------------------------------------------------------------------- failure */

START_TEST(a_missing_folder)
{
        plan.cwd = "/nonexistent/folder";
        shell("true");
        ck_assert_str_eq(refuse(SPAWN_STAGE_CHDIR, ENOENT),
                         "the working folder /nonexistent/folder does not exist (any more)");
        plan.cwd = "/dev/null";
        ck_assert_str_eq(refuse(SPAWN_STAGE_CHDIR, ENOTDIR),
                         "the working folder /dev/null is not a folder");
}
END_TEST

START_TEST(no_such_program)
{
        command("no-such-program", "/usr/bin:/bin");
        ck_assert_str_eq(refuse(SPAWN_STAGE_EXECVE, ENOENT), "no-such-program: no such program");
        free(argv[0]);
        free(candidates);
        command("/no/such/program", "/usr/bin");
        ck_assert_str_eq(refuse(SPAWN_STAGE_EXECVE, ENOENT), "/no/such/program: no such program");
}
END_TEST

START_TEST(not_executable)
{
        write_file(file_a, "#!/bin/sh\n", 0644);
        command(file_a, NULL);
        ck_assert_ptr_nonnull(strstr(refuse(SPAWN_STAGE_EXECVE, EACCES), "is not executable"));
}
END_TEST

START_TEST(a_folder_is_not_a_program)
{
        command(folder, NULL);
        ck_assert_ptr_nonnull(strstr(refuse(SPAWN_STAGE_EXECVE, EACCES), folder));
}
END_TEST

START_TEST(neither_program_nor_script)
{
        write_file(file_a, "echo no first line\n", 0755);
        command(file_a, NULL);
        ck_assert_ptr_nonnull(strstr(refuse(SPAWN_STAGE_EXECVE, ENOEXEC), "#! line"));
}
END_TEST

START_TEST(a_missing_interpreter)
{
        const char *why;

        write_file(file_a, "#!/no/such/interpreter\n", 0755);
        command("a", folder);
        why = refuse(SPAWN_STAGE_EXECVE, ENOENT);
        ck_assert_ptr_nonnull(strstr(why, "the interpreter of"));
        ck_assert_ptr_nonnull(strstr(why, file_a));
}
END_TEST

START_TEST(arguments_too_long)
{
        char *huge = malloc(3 << 17);

        memset(huge, 'x', (3 << 17) - 1);
        huge[(3 << 17) - 1] = '\0';
        shell("true");
        argv[3] = huge;
        ck_assert_ptr_nonnull(strstr(refuse(SPAWN_STAGE_EXECVE, E2BIG), "too long"));
}
END_TEST

START_TEST(output_files_that_are_none)
{
        ck_assert_int_eq(mkfifo(file_a, 0600), 0);
        plan.output_path = file_a;
        shell("true");
        ck_assert_ptr_nonnull(strstr(refuse(SPAWN_STAGE_OUTPUT, ENXIO), "FIFO"));
        plan.output_path = folder;
        ck_assert_ptr_nonnull(strstr(refuse(SPAWN_STAGE_OUTPUT, EISDIR), "is a folder"));
        plan.output_path = "/dev/full";
        ck_assert_ptr_nonnull(strstr(refuse(SPAWN_STAGE_OUTPUT, ENXIO), "device"));
        plan.output_path = "/nonexistent/x";
        ck_assert_ptr_nonnull(strstr(refuse(SPAWN_STAGE_OUTPUT, ENOENT), "/nonexistent/x"));
        plan.output_path = NULL;
        plan.error_path = file_a;
        ck_assert_ptr_nonnull(strstr(refuse(SPAWN_STAGE_ERROR, ENXIO), "error file"));
}
END_TEST

START_TEST(a_fifo_with_a_reader_is_refused_all_the_same)
{
        int fd;

        ck_assert_int_eq(mkfifo(file_a, 0600), 0);
        fd = open(file_a, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
        plan.output_path = file_a;
        shell("true");
        refuse(SPAWN_STAGE_OUTPUT, ENXIO);
        close(fd);
}
END_TEST

START_TEST(input_files_that_are_none)
{
        plan.input_path = "/nonexistent/in";
        shell("true");
        ck_assert_str_eq(refuse(SPAWN_STAGE_INPUT, ENOENT),
                         "the input file /nonexistent/in does not exist");
        /* No writer: an ordinary open would hang here. */
        ck_assert_int_eq(mkfifo(file_a, 0600), 0);
        plan.input_path = file_a;
        refuse(SPAWN_STAGE_INPUT, ENXIO);
        plan.input_path = "/dev/zero";
        refuse(SPAWN_STAGE_INPUT, ENXIO);
        plan.input_path = folder;
        refuse(SPAWN_STAGE_INPUT, EISDIR);
}
END_TEST

START_TEST(a_dead_parent_starts_nothing)
{
        plan.worker_pid = 1;
        shell("echo no");
        refuse(SPAWN_STAGE_PARENT, ESRCH);
}
END_TEST

START_TEST(every_stage_has_a_name_and_a_sentence)
{
        shell("true");
        plan.input_path = plan.output_path = plan.error_path = "/x";
        for (int stage = 0; stage < SPAWN_STAGE_COUNT; stage++) {
                const struct spawn_result any = { .stage = (enum spawn_stage)stage, .error = EIO };
                struct reason why = { "" };

                ck_assert_ptr_nonnull(spawn_stage_name((enum spawn_stage)stage));
                spawn_explain(&plan, &any, &why);
                ck_assert_uint_gt(strlen(why.text), 10);
        }
}
END_TEST

START_TEST(control_characters_do_not_reach_the_sentence)
{
        command("x\x1b[31m\n", "/bin");
        ck_assert_ptr_null(strchr(refuse(SPAWN_STAGE_EXECVE, ENOENT), '\x1b'));
}
END_TEST

START_TEST(candidate_lists)
{
        static const struct {
                const char *file, *path, *list;
        } rows[] = {
                { "x", "/a:/b", "/a/x /b/x " },
                { "x", "/a", "/a/x " },
                { "x", "", "x " },
                { "x", ":/b", "x /b/x " },
                { "x", "/a::/b:", "/a/x x /b/x x " },
                { "./x", "/a:/b", "./x " },
                { "/p/x", "/a", "/p/x " },
                { "x", NULL, "x " },
        };

        for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
                char **list = spawn_list_candidates(rows[i].file, rows[i].path);
                char text[128] = "";

                for (char **one = list; *one; one++) {
                        strcat(text, *one);
                        strcat(text, " ");
                }
                ck_assert_msg(strcmp(text, rows[i].list) == 0, "row %zu: %s", i, text);
                free(list);
        }
}
END_TEST

int main(void)
{
        Suite *suite = suite_create("spawn");
        TCase *tcase = tcase_create("spawn");

        tcase_add_checked_fixture(tcase, setup, teardown);
        tcase_add_test(tcase, the_environment_is_the_plans_alone);
        tcase_add_test(tcase, it_stands_in_its_folder_with_its_umask_and_session);
        tcase_add_test(tcase, it_runs_on_the_processors_of_the_plan);
        tcase_add_test(tcase, processors_that_went_away_do_not_stop_it);
        tcase_add_test(tcase, no_signal_is_blocked_or_ignored);
        tcase_add_test(tcase, it_has_three_descriptors);
        tcase_add_test(tcase, a_failed_start_has_the_code_of_a_shell);
        tcase_add_test(tcase, it_dies_with_its_parent);
        tcase_add_test(tcase, limits_and_nice_are_set);
        tcase_add_test(tcase, nice_never_rises);
        tcase_add_test(tcase, user_named_files_are_used);
        tcase_add_test(tcase, output_is_appended_when_wished);
        tcase_add_test(tcase, a_made_output_file_obeys_the_umask);
        tcase_add_test(tcase, the_null_device_is_a_file_too);
        tcase_add_test(tcase, the_path_is_searched_as_a_shell_does);
        tcase_add_test(tcase, a_missing_folder);
        tcase_add_test(tcase, no_such_program);
        tcase_add_test(tcase, not_executable);
        tcase_add_test(tcase, a_folder_is_not_a_program);
        tcase_add_test(tcase, neither_program_nor_script);
        tcase_add_test(tcase, a_missing_interpreter);
        tcase_add_test(tcase, arguments_too_long);
        tcase_add_test(tcase, output_files_that_are_none);
        tcase_add_test(tcase, a_fifo_with_a_reader_is_refused_all_the_same);
        tcase_add_test(tcase, input_files_that_are_none);
        tcase_add_test(tcase, a_dead_parent_starts_nothing);
        tcase_add_test(tcase, every_stage_has_a_name_and_a_sentence);
        tcase_add_test(tcase, control_characters_do_not_reach_the_sentence);
        tcase_add_test(tcase, candidate_lists);
        suite_add_tcase(suite, tcase);
        return suite_run(suite);
}

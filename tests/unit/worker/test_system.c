/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The whole spawn list of system mode, seen from the job: ids, groups, capabilities, descriptors,
 * signals, limits, folder, files, environment; and what policy refuses. Only root can run it:
 * otherwise the program says so and succeeds.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <poll.h>
#include <pwd.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/fs.h"

#include "proto/spool.h"

#include "fake_jobd.h"
#include "tests/unit/suite.h"
#include "worker/spawn.h"

static struct fake fake;
static struct fake_link *jobd;
static const struct passwd *nobody;
static char home[96];

static void setup(void)
{
        nobody = getpwnam("nobody");
        ck_assert_ptr_nonnull(nobody);
        fake_init(&fake);
        fake.is_system = true;
        snprintf(home, sizeof(home), "%s/home", fake.dir);
        ck_assert_int_eq(mkdir(home, 0755), 0);
        ck_assert_int_eq(chown(home, nobody->pw_uid, nobody->pw_gid), 0);
        fake_listen(&fake);
}

static void start(void)
{
        fake_start_worker(&fake);
        jobd = fake_accept_worker(&fake, 0);
}

static void teardown(void)
{
        jobd = fake_close(jobd);
        fake_deinit(&fake);
}

static void job_of_nobody(struct fake_job *job, const char *script)
{
        const char *command[] = { "/bin/sh", "-c", script, NULL };

        fake_job_init(job, 5, command);
        job->start.uid = nobody->pw_uid;
        job->start.gid = nobody->pw_gid;
        fake_job_set_bytes(&job->spec.has_cwd, &job->spec.cwd, home);
}

static Jobd__Work__Report *run(struct fake_job *job, Jobd__Work__Outcome outcome)
{
        Jobd__Work__Report *report;

        fake_job_send(jobd, job);
        report = fake_await(jobd, REPORT(EXITED));
        ck_assert_msg(report->exited->outcome == outcome, "outcome %d: %s",
                      (int)report->exited->outcome, report->exited->why);
        fake_ack(jobd, 5);
        return report;
}

/* What the script prints as nobody; valid until the next call. */
static const char *output_of(const char *script)
{
        static char text[16384];
        Jobd__Work__Report *report;
        struct fake_job job;
        char *out;

        job_of_nobody(&job, script);
        report = run(&job, OUTCOME(EXITED));
        out = fake_text_of(report->exited->records.data, report->exited->records.len, SPOOL_STDOUT);
        snprintf(text, sizeof(text), "%s", out);
        free(out);
        wire_free_report(report);
        return text;
}

START_TEST(ids_and_groups)
{
        char wanted[256];

        start();
        snprintf(wanted, sizeof(wanted),
                 "Uid:\t%u\t%u\t%u\t%u\nGid:\t%u\t%u\t%u\t%u\nGroups:\t%u \n", nobody->pw_uid,
                 nobody->pw_uid, nobody->pw_uid, nobody->pw_uid, nobody->pw_gid, nobody->pw_gid,
                 nobody->pw_gid, nobody->pw_gid, nobody->pw_gid);
        ck_assert_str_eq(output_of("grep -E '^(Uid|Gid|Groups)' /proc/self/status"), wanted);
}
END_TEST

START_TEST(no_capability_is_left)
{
        start();
        ck_assert_str_eq(
                output_of("grep -E '^Cap(Inh|Prm|Eff|Amb)' /proc/self/status | tr -d '\\t'"),
                "CapInh:0000000000000000\nCapPrm:0000000000000000\n"
                "CapEff:0000000000000000\nCapAmb:0000000000000000\n");
}
END_TEST

START_TEST(inheritable_capabilities_of_the_worker_stay_there)
{
        struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
        struct __user_cap_data_struct data[2];

        ck_assert_int_eq(syscall(SYS_capget, &header, data), 0);
        data[0].inheritable = data[0].permitted;
        data[1].inheritable = data[1].permitted;
        ck_assert_int_eq(syscall(SYS_capset, &header, data), 0);
        ck_assert_int_eq(prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, CAP_NET_BIND_SERVICE, 0, 0),
                         0);
        start();
        ck_assert_str_eq(output_of("grep -E '^Cap(Inh|Prm|Eff|Amb)' /proc/self/status | tr -d "
                                   "'\\t' | sort -u -t: -k2"),
                         "CapInh:0000000000000000\n");
}
END_TEST

START_TEST(a_socket_of_a_stranger_is_not_talked_to)
{
        struct pollfd poll_fd = { .events = POLLIN };
        char byte;
        int fd;

        fake_unlisten(&fake);
        ck_assert_int_eq(chmod(fake.private_dir, 0777), 0);
        ck_assert_int_eq(unlink(fake.socket), 0);
        ck_assert_int_eq(seteuid(nobody->pw_uid), 0);
        fake_listen(&fake);
        ck_assert_int_eq(seteuid(0), 0);
        fake_start_worker(&fake);
        poll_fd.fd = fake.listen_fd;
        ck_assert_int_eq(poll(&poll_fd, 1, FAKE_DEADLINE_MS), 1);
        fd = accept4(fake.listen_fd, NULL, NULL, SOCK_CLOEXEC);
        ck_assert_int_ge(fd, 0);
        ck_assert_int_eq(read(fd, &byte, 1), 0); /* it hangs up without a word */
        close(fd);
        /* The right one in its place is found. */
        fake_unlisten(&fake);
        fake_listen(&fake);
        jobd = fake_accept_worker(&fake, 0);
}
END_TEST

START_TEST(signals_descriptors_session)
{
        start();
        ck_assert_str_eq(output_of("grep -E '^Sig(Blk|Ign)' /proc/self/status | tr -d '\\t'"),
                         "SigBlk:0000000000000000\nSigIgn:0000000000000000\n");
        /* The fourth is the folder that ls reads. */
        ck_assert_str_eq(output_of("exec ls /proc/self/fd"), "0\n1\n2\n3\n");
        ck_assert_str_eq(output_of("test $(ps -o sid= -p $$) = $$ && echo own"), "own\n");
        ck_assert_str_eq(output_of("cat /proc/self/oom_score_adj"), "0\n");
}
END_TEST

START_TEST(oom_score_is_reset)
{
        const int fd = open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC);

        ck_assert_int_eq(write(fd, "500", 3), 3);
        start();
        ck_assert_str_eq(output_of("cat /proc/self/oom_score_adj"), "0\n");
        ck_assert_int_eq(pwrite(fd, "0", 1, 0), 1);
        close(fd);
}
END_TEST

START_TEST(folder_umask_environment)
{
        Jobd__Work__Report *report;
        struct fake_job job;
        char wanted[256], *text;

        start();
        job_of_nobody(&job, "pwd; umask; env | grep -E '^(HOME|USER|LOGNAME|SHELL|PATH)=' | sort");
        job.spec.has_umask = true;
        job.spec.umask = 077;
        report = run(&job, OUTCOME(EXITED));
        text = fake_text_of(report->exited->records.data, report->exited->records.len,
                            SPOOL_STDOUT);
        snprintf(wanted, sizeof(wanted),
                 "%s\n0077\nHOME=%s\nLOGNAME=nobody\nPATH=/usr/bin:/bin\nSHELL=%s\nUSER=nobody\n",
                 home, nobody->pw_dir, nobody->pw_shell);
        ck_assert_str_eq(text, wanted);
        free(text);
        wire_free_report(report);
}
END_TEST

START_TEST(a_foreign_gid_is_not_used)
{
        Jobd__Work__Report *report;
        struct fake_job job;
        char *text, wanted[32];

        start();
        job_of_nobody(&job, "id -g");
        job.start.gid = 0;
        report = run(&job, OUTCOME(EXITED));
        text = fake_text_of(report->exited->records.data, report->exited->records.len,
                            SPOOL_STDOUT);
        snprintf(wanted, sizeof(wanted), "%u\n", nobody->pw_gid);
        ck_assert_str_eq(text, wanted);
        free(text);
        wire_free_report(report);
}
END_TEST

static void expect_refused(uid_t uid, const char *words)
{
        Jobd__Work__Report *report;
        struct fake_job job;

        job_of_nobody(&job, "true");
        job.start.uid = uid;
        report = run(&job, OUTCOME(REFUSED));
        ck_assert_msg(strstr(report->exited->why, words) != NULL, "%s", report->exited->why);
        wire_free_report(report);
}

START_TEST(who_may_not_run)
{
        start();
        expect_refused(0, "RootJobs=yes");
        expect_refused(3999999999U, "does not exist");
        ck_assert_str_eq(output_of("echo next"), "next\n");
}
END_TEST

START_TEST(ceilings_of_the_policy)
{
        char path[128];
        FILE *file;

        snprintf(path, sizeof(path), "%s/policy", fake.dir);
        file = fopen(path, "we");
        fputs("[Limits]\nLimitNOFILE=64\nLimitCORE=0\n[Jobs]\nMinimumUid=70000\n", file);
        fclose(file);
        ck_assert_int_eq(chmod(path, 0644), 0);
        fake.policy = path;
        start();
        expect_refused(nobody->pw_uid, "MinimumUid=70000");
}
END_TEST

START_TEST(limits_only_fall)
{
        Jobd__Rlimit limits[2], *list[2] = { &limits[0], &limits[1] };
        Jobd__Work__Report *report;
        struct fake_job job;
        char path[128], *text;
        FILE *file;

        snprintf(path, sizeof(path), "%s/policy", fake.dir);
        file = fopen(path, "we");
        fputs("[Limits]\nLimitNOFILE=64\n", file);
        fclose(file);
        ck_assert_int_eq(chmod(path, 0644), 0);
        fake.policy = path;
        start();
        ck_assert_str_eq(output_of("ulimit -Hn"), "64\n"); /* also when nothing was captured */
        job_of_nobody(&job, "ulimit -Sn; ulimit -Hn; ulimit -St");
        jobd__rlimit__init(&limits[0]);
        limits[0].resource = 7; /* RLIMIT_NOFILE */
        limits[0].soft = 50;
        limits[0].hard = 1 << 20;
        jobd__rlimit__init(&limits[1]);
        limits[1].resource = 0; /* RLIMIT_CPU */
        limits[1].soft = 1000;
        limits[1].hard = 2000;
        job.spec.n_rlimits = 2;
        job.spec.rlimits = list;
        report = run(&job, OUTCOME(EXITED));
        text = fake_text_of(report->exited->records.data, report->exited->records.len,
                            SPOOL_STDOUT);
        ck_assert_str_eq(text, "50\n64\n1000\n");
        free(text);
        wire_free_report(report);
}
END_TEST

START_TEST(folders_and_files_are_the_users_business)
{
        Jobd__Work__Report *report;
        struct fake_job job;
        char path[128];
        struct stat st;

        start();
        job_of_nobody(&job, "true");
        fake_job_set_bytes(&job.spec.has_cwd, &job.spec.cwd, fake.records); /* 0700, root's */
        report = run(&job, OUTCOME(NOT_STARTED));
        ck_assert_str_eq(report->exited->stage, "chdir");
        ck_assert_uint_eq(report->exited->error, EACCES);
        wire_free_report(report);

        job_of_nobody(&job, "true");
        snprintf(path, sizeof(path), "%s/file", fake.records);
        fake_job_set_bytes(&job.spec.has_output_path, &job.spec.output_path, path);
        report = run(&job, OUTCOME(NOT_STARTED));
        ck_assert_str_eq(report->exited->stage, "output");
        wire_free_report(report);
        ck_assert_int_lt(access(path, F_OK), 0);

        job_of_nobody(&job, "cat");
        fake_job_set_bytes(&job.spec.has_input_path, &job.spec.input_path, "/etc/shadow");
        report = run(&job, OUTCOME(NOT_STARTED));
        ck_assert_str_eq(report->exited->stage, "input");
        wire_free_report(report);

        job_of_nobody(&job, "echo mine");
        snprintf(path, sizeof(path), "%s/%%u.out", home);
        fake_job_set_bytes(&job.spec.has_output_path, &job.spec.output_path, path);
        wire_free_report(run(&job, OUTCOME(EXITED)));
        snprintf(path, sizeof(path), "%s/nobody.out", home);
        ck_assert_int_eq(stat(path, &st), 0);
        ck_assert_uint_eq(st.st_uid, nobody->pw_uid);
        ck_assert_uint_eq(st.st_gid, nobody->pw_gid);
}
END_TEST

START_TEST(a_program_that_only_root_may_run)
{
        Jobd__Work__Report *report;
        struct fake_job job;
        char path[128];

        start();
        snprintf(path, sizeof(path), "%s/tool", fake.dir);
        close(open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0700));
        job_of_nobody(&job, "true");
        fake_job_set_bytes(NULL, &job.argv[0], path);
        job.spec.n_argv = 1;
        report = run(&job, OUTCOME(NOT_STARTED));
        ck_assert_str_eq(report->exited->stage, "execve");
        ck_assert_uint_eq(report->exited->error, EACCES);
        wire_free_report(report);
}
END_TEST

START_TEST(the_worker_is_out_of_reach)
{
        char script[256];

        start();
        snprintf(script, sizeof(script),
                 "kill -0 %d 2>/dev/null && echo signalled; "
                 "cat /proc/%d/environ >/dev/null 2>&1 && echo read; "
                 "ls /proc/%d/fd >/dev/null 2>&1 && echo listed; kill -9 -1; echo not reached",
                 (int)fake.pid, (int)fake.pid, (int)fake.pid);
        /* kill(-1) spares its caller on Linux, and reaches nobody of root's. */
        ck_assert_str_eq(output_of(script), "not reached\n");
        ck_assert_str_eq(output_of("echo alive"), "alive\n");
}
END_TEST

START_TEST(leftovers_of_another_user_are_killed)
{
        Jobd__Work__Report *report;
        struct fake_job job;
        char script[256], *text;
        pid_t left;

        start();
        snprintf(script, sizeof(script),
                 "d=$(mktemp -d); mkfifo $d/up; "
                 "setsid sh -c 'trap \"\" TERM; echo $$; echo >$0; exec cat %s' $d/up & "
                 "read x <$d/up; rm -r $d",
                 fake.never);
        job_of_nobody(&job, script);
        report = run(&job, OUTCOME(EXITED));
        text = fake_text_of(report->exited->records.data, report->exited->records.len,
                            SPOOL_STDOUT);
        left = (pid_t)atoi(text);
        ck_assert_int_gt(left, 1);
        ck_assert_int_lt(kill(left, 0), 0);
        free(text);
        wire_free_report(report);
}
END_TEST

START_TEST(large_output_belongs_to_root)
{
        Jobd__Work__Report *report;
        struct fake_job job;
        struct stat st;

        ck_assert_int_eq(chown(fake.spool, 0, nobody->pw_gid), 0);
        ck_assert_int_eq(chmod(fake.spool, 02770), 0);
        start();
        job_of_nobody(&job, "head -c 100000 /dev/zero");
        report = run(&job, OUTCOME(EXITED));
        ck_assert(report->exited->spooled);
        wire_free_report(report);
        ck_assert_int_eq(fstatat(fake.spool_fd, "5.0.1.out", &st, AT_SYMLINK_NOFOLLOW), 0);
        ck_assert_uint_eq(st.st_uid, 0);
        ck_assert_uint_eq(st.st_gid, nobody->pw_gid);
        ck_assert_uint_eq(st.st_mode & 07777, 0640);
}
END_TEST

/* ---------------------------------------------------------------------- steps that go wrong */

#ifdef JOBD_FAILPOINTS
static struct spawn_plan make_plan(char *const argv[], char *const envp[],
                                   const char *const candidates[], const gid_t *group)
{
        const int null_fd = open("/dev/null", O_RDWR | O_CLOEXEC);
        sigset_t all;

        sigfillset(&all);
        sigprocmask(SIG_SETMASK, &all, NULL);
        return (struct spawn_plan){
                .is_system = true,
                .uid = nobody->pw_uid,
                .gid = nobody->pw_gid,
                .groups = group,
                .groups_count = 1,
                .argv = argv,
                .envp = envp,
                .candidates = candidates,
                .cwd = "/",
                .in_fd = null_fd,
                .out_fd = null_fd,
                .err_fd = null_fd,
                .null_fd = null_fd,
                .cgroup_procs_fd = -1,
                .worker_pid = getpid(),
                .death_signal = true,
                .timeout_usec = 300000,
        };
}

static struct spawn_result spawn_true(void)
{
        static char name[] = "true";
        static char *argv[] = { name, NULL }, *envp[] = { NULL };
        static const char *const candidates[] = { "/bin/true", NULL };
        const struct spawn_plan plan = make_plan(argv, envp, candidates, &nobody->pw_gid);
        struct spawn_result result;

        spawn_process(&plan, &result);
        ck_assert_int_gt(result.pid, 0);
        ck_assert_int_eq(waitpid(result.pid, NULL, 0), result.pid);
        return result;
}

START_TEST(each_step_that_fails_is_named_and_starts_nothing)
{
        struct spawn_result result;
        char value[64];

        snprintf(value, sizeof(value), "spawn-step=fail:%d", _i);
        ck_assert_int_eq(setenv("JOBD_FAILPOINT", value, 1), 0);
        result = spawn_true();
        ck_assert_int_eq(result.stage, (enum spawn_stage)(SPAWN_STAGE_PREPARE + _i));
        ck_assert_int_eq(result.error, EIO);
}
END_TEST

START_TEST(a_child_that_is_killed_before_execve_did_not_start)
{
        ck_assert_int_eq(setenv("JOBD_FAILPOINT", "spawn-before-exec=kill", 1), 0);
        ck_assert_int_eq(spawn_true().stage, SPAWN_STAGE_DIED);
}
END_TEST

START_TEST(a_child_that_is_stopped_before_execve_is_given_up)
{
        char fifo[128];
        struct spawn_result result;

        snprintf(fifo, sizeof(fifo), "%s/fifo", fake.dir);
        ck_assert_int_eq(mkfifo(fifo, 0666), 0);
        ck_assert_int_ge(open(fifo, O_RDWR | O_CLOEXEC), 0);
        ck_assert_int_eq(setenv("JOBD_FAILPOINT", "spawn-before-exec=pause", 1), 0);
        ck_assert_int_eq(setenv("JOBD_FAILPOINT_FIFO", fifo, 1), 0);
        result = spawn_true();
        ck_assert_int_eq(result.stage, SPAWN_STAGE_TIMEOUT);
}
END_TEST
#endif

#define TEST_SKIPPED 77 /* told to CTest as SKIP_RETURN_CODE */

int main(void)
{
        Suite *suite;
        TCase *tcase;

        if (geteuid() != 0) {
                puts("system mode is tested by root only: nothing done");
                return TEST_SKIPPED;
        }
        suite = suite_create("system");
        tcase = tcase_create("system");
        tcase_add_checked_fixture(tcase, setup, teardown);
        tcase_add_test(tcase, ids_and_groups);
        tcase_add_test(tcase, no_capability_is_left);
        tcase_add_test(tcase, inheritable_capabilities_of_the_worker_stay_there);
        tcase_add_test(tcase, a_socket_of_a_stranger_is_not_talked_to);
        tcase_add_test(tcase, signals_descriptors_session);
        tcase_add_test(tcase, oom_score_is_reset);
        tcase_add_test(tcase, folder_umask_environment);
        tcase_add_test(tcase, a_foreign_gid_is_not_used);
        tcase_add_test(tcase, who_may_not_run);
        tcase_add_test(tcase, ceilings_of_the_policy);
        tcase_add_test(tcase, limits_only_fall);
        tcase_add_test(tcase, folders_and_files_are_the_users_business);
        tcase_add_test(tcase, a_program_that_only_root_may_run);
        tcase_add_test(tcase, the_worker_is_out_of_reach);
        tcase_add_test(tcase, leftovers_of_another_user_are_killed);
        tcase_add_test(tcase, large_output_belongs_to_root);
#ifdef JOBD_FAILPOINTS
        tcase_add_loop_test(tcase, each_step_that_fails_is_named_and_starts_nothing, 1,
                            SPAWN_STAGE_EXECVE - SPAWN_STAGE_PREPARE);
        tcase_add_test(tcase, a_child_that_is_killed_before_execve_did_not_start);
        tcase_add_test(tcase, a_child_that_is_stopped_before_execve_is_given_up);
#endif
        suite_add_tcase(suite, tcase);
        return suite_run(suite);
}

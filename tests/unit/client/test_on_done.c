/* SPDX-License-Identifier: Apache-2.0 */
/* --on-done: one at a time, in order, with the result in the environment, never in the way. */
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "client/cmd/on_done.h"
#include "tests/unit/suite.h"

static char folder[] = "/tmp/test_on_done.XXXXXX";
static struct on_done *on_done;
static struct reason why;

static void setup(void)
{
        ck_assert_ptr_nonnull(mkdtemp(folder));
        ck_assert_int_eq(chdir(folder), 0);
}

static void teardown(void)
{
        on_done = on_done_free(on_done);
        ck_assert_int_eq(system("cd / && rm -r \"$OLDPWD\""), 0);
}

static struct on_done_task make_task(uint64_t number)
{
        return (struct on_done_task){
                .job = 17,
                .task = number,
                .has_task = true,
                .attempt = 1,
                .state = JOBCTL_STATE_SUCCEEDED,
        };
}

static void push(const struct on_done_task *task)
{
        ck_assert_int_eq(on_done_push(on_done, task, &why), 0);
}

static void run_all(void)
{
        while (!on_done_is_idle(on_done)) {
                struct pollfd p = { .fd = on_done_fd(on_done), .events = POLLIN };

                ck_assert_int_eq(poll(&p, 1, -1), 1);
                ck_assert_int_eq(on_done_process(on_done, &why), 0);
        }
        ck_assert_int_eq(on_done_fd(on_done), -1);
}

static void expect_file(const char *text)
{
        static char got[8192];
        FILE *const file = fopen("out", "r");
        size_t n;

        ck_assert_ptr_nonnull(file);
        n = fread(got, 1, sizeof(got) - 1, file);
        fclose(file);
        got[n] = '\0';
        ck_assert_str_eq(got, text);
}

START_TEST(test_environment)
{
        struct on_done_task task = make_task(3);

        setenv("JOBD_EXIT_CODE", "from outside", 1);
        setenv("JOBD_OUTPUT", "from outside", 1);
        setenv("JOBD_RESULTS", "from outside", 1);
        setenv("OTHER", "kept", 1);
        ck_assert_int_eq(on_done_new("printf '%s|' \"$JOBD_JOB_ID\" \"$JOBD_TASK_ID\" "
                                     "\"$JOBD_ATTEMPT\" \"$JOBD_STATE\" \"$JOBD_EXIT_CODE\" "
                                     "\"$JOBD_EXIT_SIGNAL\" \"$JOBD_RUN_SECONDS\" "
                                     "\"$JOBD_COMMAND\" \"$JOBD_OUTPUT\" \"${JOBD_RESULTS-unset}\" "
                                     "\"$OTHER\" >out",
                                     &on_done),
                         0);
        task.attempt = 2;
        task.state = JOBCTL_STATE_FAILED;
        task.exit_code = 7;
        task.run_usec = 1250003;
        task.command = "echo 'a b'";
        task.output = "x\0y\n\nz\n\n";
        task.output_size = 8;
        push(&task);
        run_all();
        expect_file("17|3|2|failed|7|0|1.250003|echo 'a b'|xy\n\nz|unset|kept|");
}
END_TEST

/* A signal: no exit code. A job of one task: no task's number. */
START_TEST(test_what_is_absent)
{
        struct on_done_task task = make_task(0);

        ck_assert_int_eq(on_done_new("echo \"[$JOBD_EXIT_CODE] $JOBD_EXIT_SIGNAL "
                                     "${JOBD_TASK_ID-unset} ${JOBD_OUTPUT-unset} "
                                     "${JOBD_COMMAND-unset} $JOBD_RESULTS\" >out",
                                     &on_done),
                         0);
        task.has_task = false;
        task.exit_code = -1;
        task.exit_signal = 9;
        task.results = "dir/1/a";
        push(&task);
        run_all();
        expect_file("[] 9 unset unset unset dir/1/a\n");
}
END_TEST

START_TEST(test_order_and_one_at_a_time)
{
        char expected[1000] = "";

        ck_assert_int_eq(on_done_new("test ! -e busy || echo two; mkdir busy; "
                                     "echo $JOBD_TASK_ID >>out; rmdir busy; exit $JOBD_TASK_ID",
                                     &on_done),
                         0);
        for (uint64_t i = 0; i < 30; i++) {
                const struct on_done_task task = make_task(i);

                push(&task);
                sprintf(expected + strlen(expected), "%llu\n", (unsigned long long)i);
        }
        run_all();
        expect_file(expected);
        ck_assert_uint_eq(on_done_failures(on_done), 29);
}
END_TEST

/* A CMD that lasts holds nobody up; when too many wait, it is said. */
START_TEST(test_full)
{
        const struct on_done_task task = make_task(1);
        int fifo;

        ck_assert_int_eq(mkfifo("fifo", 0600), 0);
        ck_assert_int_eq(on_done_new("read line <fifo; echo >>out", &on_done), 0);
        for (int i = 0; i < 1 + ON_DONE_QUEUE_MAX; i++) {
                ck_assert(!on_done_is_full(on_done));
                push(&task);
        }
        ck_assert(on_done_is_full(on_done));
        ck_assert_int_eq(on_done_push(on_done, &task, &why), ON_DONE_E_FULL);
        ck_assert_int_eq(on_done_process(on_done, &why), 0); /* nothing has ended: no harm */
        ck_assert(on_done_is_full(on_done));
        fifo = open("fifo", O_WRONLY);
        ck_assert_int_eq(write(fifo, "\n", 1), 1);
        close(fifo);
        {
                struct pollfd p = { .fd = on_done_fd(on_done), .events = POLLIN };

                ck_assert_int_eq(poll(&p, 1, -1), 1);
        }
        ck_assert_int_eq(on_done_process(on_done, &why), 0);
        ck_assert(!on_done_is_full(on_done));
        fifo = open("fifo", O_WRONLY); /* so that the second one ends too */
        close(fifo);
}
END_TEST

START_TEST(test_signals_and_stdin)
{
        const struct on_done_task task = make_task(1);
        sigset_t all;

        sigfillset(&all);
        ck_assert_int_eq(sigprocmask(SIG_BLOCK, &all, NULL), 0);
        signal(SIGPIPE, SIG_IGN);
        ck_assert_int_eq(on_done_new("grep SigBlk /proc/self/status >out; sh -c 'kill -PIPE $$'; "
                                     "echo $? >>out; cat >>out",
                                     &on_done),
                         0);
        push(&task);
        run_all();
        expect_file("SigBlk:\t0000000000000000\n141\n");
}
END_TEST

START_TEST(test_large_output)
{
        static char output[200000];
        struct on_done_task task = make_task(1);

        memset(output, 'x', sizeof(output));
        ck_assert_int_eq(on_done_new("echo ${#JOBD_OUTPUT} >out", &on_done), 0);
        task.output = output;
        task.output_size = sizeof(output);
        push(&task);
        run_all();
        expect_file("32768\n");
}
END_TEST

SUITE_MAIN("on_done", setup, teardown, test_environment, test_what_is_absent,
           test_order_and_one_at_a_time, test_full, test_signals_and_stdin, test_large_output)

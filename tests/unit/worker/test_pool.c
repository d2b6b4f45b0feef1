/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pool.c and its files: starting, replacing, resizing, reporting the dead, hanging workers, earlier
 * pools, compressing, running a newer program, ending. Conversations with the real program.
 */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/fs.h"
#include "common/version.h"

#include "proto/spool.h"

#include "fake_jobd.h"
#include "tests/unit/suite.h"
#include "worker/record.h"

#define WORKERS_MAX 8

static struct fake fake;
static struct fake_link *pool;
static struct fake_link *workers[WORKERS_MAX];
static char gate[96];

/* Takes connections until the pool (if missing) and workers 0..count-1 are all there. */
static void accept_all(unsigned int count)
{
        for (;;) {
                unsigned int present = 0;
                struct fake_link *link;

                for (unsigned int i = 0; i < count; i++)
                        present += workers[i] != NULL;
                if (pool && present == count)
                        return;
                link = fake_accept(&fake);
                if (link->role == JOBD__WORK__ROLE__ROLE_POOL) {
                        ck_assert_ptr_null(pool);
                        pool = link;
                } else {
                        ck_assert_uint_lt(link->number, WORKERS_MAX);
                        wire_free_report(fake_expect(link, REPORT(INVENTORY)));
                        fake_close(workers[link->number]);
                        workers[link->number] = link;
                }
        }
}

static void hang_up(void)
{
        pool = fake_close(pool);
        for (unsigned int i = 0; i < WORKERS_MAX; i++)
                workers[i] = fake_close(workers[i]);
}

static void start_pool(unsigned int count)
{
        fake_start_pool(&fake, count);
        accept_all(count);
}

static void setup(void)
{
        fake_init(&fake);
        snprintf(gate, sizeof(gate), "%s/gate", fake.dir);
        ck_assert_int_eq(mkfifo(gate, 0600), 0);
        char up[128];
        snprintf(up, sizeof(up), "%s/up", fake.dir);
        ck_assert_int_eq(mkfifo(up, 0600), 0);
        fake_listen(&fake);
}

static void teardown(void)
{
        hang_up();
        fake_deinit(&fake);
}

static void ack_dead(const Jobd__Work__DeadWorker *dead)
{
        Jobd__Work__Order order = JOBD__WORK__ORDER__INIT;
        Jobd__Work__DeadAck ack = JOBD__WORK__DEAD_ACK__INIT;

        ack.number = dead->number;
        ack.generation = dead->generation;
        order.body_case = ORDER(DEAD_ACK);
        order.dead_ack = &ack;
        fake_send(pool, &order);
}

static void resize(uint32_t wanted)
{
        Jobd__Work__Order order = JOBD__WORK__ORDER__INIT;
        Jobd__Work__PoolSet set = JOBD__WORK__POOL_SET__INIT;

        set.wanted = wanted;
        order.body_case = ORDER(POOL_SET);
        order.pool_set = &set;
        fake_send(pool, &order);
}

static bool has_record(uint32_t number, uint64_t generation)
{
        char name[RECORD_NAME_MAX];

        record_name(name, number, generation);
        return faccessat(fake.records_fd, name, F_OK, 0) == 0;
}

/* Waits for a PoolState with exactly `count` living workers. */
static void await_state(unsigned int count)
{
        for (;;) {
                Jobd__Work__Report *report = fake_await(pool, REPORT(POOL_STATE));
                const bool is_it = report->pool_state->n_workers == count;

                wire_free_report(report);
                if (is_it)
                        return;
        }
}

static pid_t read_pid_fifo(const char *path)
{
        const int fd = open(path, O_RDONLY | O_CLOEXEC);
        char text[32] = "";

        ck_assert_int_ge(fd, 0);
        ck_assert_int_gt(read(fd, text, sizeof(text) - 1), 0);
        close(fd);
        return (pid_t)atoi(text);
}

/* A job that does `before` and waits at the gate; it has come there on return. */
static pid_t start_blocked(struct fake_link *worker, uint64_t lease, const char *before)
{
        Jobd__Work__Report *report;
        char script[800], up[128];
        pid_t pid;

        snprintf(up, sizeof(up), "%s/up", fake.dir);
        snprintf(script, sizeof(script), "%s; echo $$ > %s; read x < %s", before, up, gate);
        fake_run_shell(worker, lease, script);
        report = fake_expect(worker, REPORT(STARTED));
        pid = (pid_t)report->started->pid;
        wire_free_report(report);
        ck_assert_int_eq(read_pid_fifo(up), pid);
        return pid;
}

static void open_gate(void)
{
        const int fd = open(gate, O_WRONLY | O_CLOEXEC);

        ck_assert_int_ge(fd, 0);
        ck_assert_int_eq(write(fd, "\n", 1), 1);
        close(fd);
}

static void expect_clean_exit(void)
{
        const int status = fake_wait_program(&fake);

        ck_assert_msg(WIFEXITED(status) && WEXITSTATUS(status) == 0, "status %x",
                      (unsigned int)status);
}

/* ---------------------------------------------------------------------------------------- life */

START_TEST(it_starts_its_workers_and_says_so)
{
        Jobd__Work__Report *report;

        start_pool(3);
        ck_assert_uint_eq(pool->pid, (uint32_t)fake.pid);
        report = fake_await(pool, REPORT(POOL_STATE));
        ck_assert_uint_eq(report->pool_state->wanted, 3);
        ck_assert_uint_eq(report->pool_state->n_workers, 3);
        ck_assert_str_eq(report->pool_state->containment, "process groups, subreaper and rlimits");
        for (uint32_t i = 0; i < 3; i++) {
                ck_assert_uint_eq(report->pool_state->workers[i]->number, i);
                ck_assert_uint_eq(report->pool_state->workers[i]->pid, workers[i]->pid);
                ck_assert(has_record(i, workers[i]->generation));
        }
        ck_assert_uint_ne(workers[0]->generation, workers[1]->generation);
        wire_free_report(report);
        for (unsigned int i = 0; i < 3; i++)
                fake_run_shell(workers[i], i + 1, "exit 5");
        for (unsigned int i = 0; i < 3; i++) {
                report = fake_await(workers[i], REPORT(EXITED));
                ck_assert_int_eq(report->exited->exit_code, 5);
                wire_free_report(report);
        }
}
END_TEST

START_TEST(there_is_one_pool)
{
        struct fake second;

        start_pool(1);
        second = fake;
        fake_start_pool(&second, 1);
        ck_assert_int_eq(fake_wait_program(&second), 0);
        fake_run_shell(workers[0], 1, "exit 5");
        wire_free_report(fake_await(workers[0], REPORT(EXITED)));
}
END_TEST

START_TEST(a_dead_worker_is_reported_and_replaced)
{
        Jobd__Work__Report *report;
        const Jobd__Work__HeldLease *held;
        uint64_t generation;
        pid_t job;

        start_pool(2);
        generation = workers[1]->generation;
        job = start_blocked(workers[1], 7, "true");
        fake_run_shell(workers[1], 8, "true");
        fake_order_lease(workers[1], ORDER(REVOKE), 7); /* answered after what came before */
        wire_free_report(fake_expect(workers[1], REPORT(REVOKED)));
        kill((pid_t)workers[1]->pid, SIGKILL);
        report = fake_await(pool, REPORT(DEAD_WORKER));
        ck_assert_uint_eq(report->dead_worker->number, 1);
        ck_assert_uint_eq(report->dead_worker->generation, generation);
        ck_assert(report->dead_worker->record_intact);
        ck_assert_uint_eq(report->dead_worker->n_leases, 2);
        held = report->dead_worker->leases[0];
        ck_assert_uint_eq(held->lease, 7);
        ck_assert_int_eq(held->state, JOBD__WORK__SLOT_STATE__SLOT_RUNNING);
        ck_assert_uint_eq(held->pid, (uint32_t)job);
        held = report->dead_worker->leases[1];
        ck_assert_uint_eq(held->lease, 8);
        ck_assert_int_eq(held->state, JOBD__WORK__SLOT_STATE__SLOT_ACCEPTED);
        ck_assert_ptr_nonnull(strstr(report->dead_worker->why, "killed by signal 9"));
        ck_assert_int_lt(kill(job, 0), 0); /* nothing is left before it is reported */
        ck_assert(has_record(1, generation));
        ack_dead(report->dead_worker);
        wire_free_report(report);
        workers[1] = fake_close(workers[1]);
        accept_all(2);
        ck_assert_uint_gt(workers[1]->generation, generation);
        fake_run_shell(workers[1], 9, "exit 5");
        wire_free_report(fake_await(workers[1], REPORT(EXITED)));
        ck_assert(!has_record(1, generation));
}
END_TEST

START_TEST(a_report_of_the_dead_is_repeated_until_acknowledged)
{
        Jobd__Work__Report *report;
        uint64_t generation;

        start_pool(1);
        generation = workers[0]->generation;
        fake_run_shell(workers[0], 7, "exit 4");
        wire_free_report(fake_await(workers[0], REPORT(EXITED))); /* never acknowledged */
        kill((pid_t)workers[0]->pid, SIGKILL);
        wire_free_report(fake_await(pool, REPORT(DEAD_WORKER)));
        hang_up();
        accept_all(1);
        report = fake_await(pool, REPORT(DEAD_WORKER));
        ck_assert_uint_eq(report->dead_worker->generation, generation);
        ck_assert_uint_eq(report->dead_worker->n_leases, 1);
        ck_assert_int_eq(report->dead_worker->leases[0]->state,
                         JOBD__WORK__SLOT_STATE__SLOT_EXITED);
        ck_assert_int_eq(report->dead_worker->leases[0]->outcome, OUTCOME(EXITED));
        ck_assert_int_eq(report->dead_worker->leases[0]->exit_code, 4);
        ack_dead(report->dead_worker);
        wire_free_report(report);
        hang_up();
        accept_all(1);
        wire_free_report(fake_expect(pool, REPORT(POOL_STATE)));
        ck_assert(fake_is_silent(pool, 50));
}
END_TEST

/* What never began is told as that, with the code that a shell would give. */
START_TEST(a_start_in_vain_is_in_the_record)
{
        const char *missing[] = { "no-such-program", NULL };
        const Jobd__Work__HeldLease *held;
        Jobd__Work__Report *report;
        struct fake_job job;

        start_pool(1);
        fake_job_init(&job, 7, missing);
        fake_job_send(workers[0], &job);
        wire_free_report(fake_await(workers[0], REPORT(EXITED)));
        start_blocked(workers[0], 8, "true");
        fake_run_shell(workers[0], 9, "true");
        fake_cancel(workers[0], 9, 0);
        wire_free_report(fake_await(workers[0], REPORT(EXITED)));
        kill((pid_t)workers[0]->pid, SIGKILL);
        report = fake_await(pool, REPORT(DEAD_WORKER));
        ck_assert_uint_eq(report->dead_worker->n_leases, 3);
        held = report->dead_worker->leases[0];
        ck_assert_int_eq(held->outcome, OUTCOME(NOT_STARTED));
        ck_assert(held->has_exit_code);
        ck_assert_int_eq(held->exit_code, 127);
        ck_assert_uint_eq(held->pid, 0);
        held = report->dead_worker->leases[2];
        ck_assert_int_eq(held->outcome, OUTCOME(CANCELLED));
        ck_assert(!held->has_exit_code);
        wire_free_report(report);
}
END_TEST

START_TEST(what_a_dead_workers_job_left_is_killed)
{
        char before[300], fifo[128];
        pid_t left;

        start_pool(1);
        snprintf(fifo, sizeof(fifo), "%s/pid", fake.dir);
        ck_assert_int_eq(mkfifo(fifo, 0600), 0);
        snprintf(before, sizeof(before),
                 "(setsid sh -c 'trap \"\" TERM HUP; echo $$ > %s; exec cat %s' &)", fifo,
                 fake.never);
        start_blocked(workers[0], 7, before);
        left = read_pid_fifo(fifo);
        kill((pid_t)workers[0]->pid, SIGKILL);
        wire_free_report(fake_await(pool, REPORT(DEAD_WORKER)));
        ck_assert_int_lt(kill(left, 0), 0);
}
END_TEST

START_TEST(a_damaged_record_is_told)
{
        Jobd__Work__Report *report;
        char name[RECORD_NAME_MAX];
        int fd;

        start_pool(1);
        record_name(name, 0, workers[0]->generation);
        fd = openat(fake.records_fd, name, O_RDWR | O_CLOEXEC);
        ck_assert_int_eq(pwrite(fd, "damage", 6, 20), 6);
        close(fd);
        kill((pid_t)workers[0]->pid, SIGKILL);
        report = fake_await(pool, REPORT(DEAD_WORKER));
        ck_assert(!report->dead_worker->record_intact);
        ck_assert_uint_eq(report->dead_worker->n_leases, 0);
        ack_dead(report->dead_worker);
        wire_free_report(report);
}
END_TEST

START_TEST(growing_and_shrinking)
{
        Jobd__Work__Report *report;
        uint32_t last;

        start_pool(1);
        resize(4);
        accept_all(4);
        await_state(4);
        start_blocked(workers[3], 7, "true");
        last = workers[3]->pid;
        resize(2);
        report = fake_await(pool, REPORT(DEAD_WORKER)); /* the idle one leaves */
        ck_assert_uint_eq(report->dead_worker->number, 2);
        ck_assert_uint_eq(report->dead_worker->n_leases, 0);
        ck_assert_ptr_nonnull(strstr(report->dead_worker->why, "in order"));
        ack_dead(report->dead_worker);
        wire_free_report(report);
        open_gate(); /* the busy one finishes first */
        report = fake_await(workers[3], REPORT(EXITED));
        ck_assert_int_eq(report->exited->outcome, OUTCOME(EXITED));
        wire_free_report(report);
        ck_assert_int_eq(kill((pid_t)last, 0), 0);
        fake_ack(workers[3], 7);
        report = fake_await(pool, REPORT(DEAD_WORKER));
        ck_assert_uint_eq(report->dead_worker->number, 3);
        wire_free_report(report);
        resize(3);
        workers[2] = fake_close(workers[2]);
        accept_all(3);
}
END_TEST

START_TEST(a_worker_that_dies_young_again_and_again_is_started_more_slowly)
{
        uint64_t begun;

        start_pool(1);
        begun = clock_mono_usec();
        /* 0.1 + 0.2 + 0.4 s */
        for (int i = 0; i < 3; i++) {
                Jobd__Work__Report *report;

                kill((pid_t)workers[0]->pid, SIGKILL);
                report = fake_await(pool, REPORT(DEAD_WORKER));
                ack_dead(report->dead_worker);
                wire_free_report(report);
                workers[0] = fake_close(workers[0]);
                accept_all(1);
        }
        ck_assert_uint_ge(clock_mono_usec() - begun, 700 * USEC_PER_MSEC);
}
END_TEST

/* ------------------------------------------------------------------------------- earlier pools */

START_TEST(the_next_pool_reports_the_dead_ones_workers)
{
        Jobd__Work__Report *report;
        uint64_t generation;
        pid_t job, worker;

        start_pool(1);
        generation = workers[0]->generation;
        worker = (pid_t)workers[0]->pid;
        job = start_blocked(workers[0], 7, "trap '' TERM");
        kill(fake.pid, SIGKILL);
        fake_wait_program(&fake);
        fake_wait_gone(job);
        while (waitpid(worker, NULL, 0) < 0 && errno == EINTR)
                continue;
        hang_up();
        start_pool(1);
        ck_assert_uint_gt(workers[0]->generation, generation);
        report = fake_await(pool, REPORT(DEAD_WORKER));
        ck_assert_uint_eq(report->dead_worker->generation, generation);
        ck_assert_uint_eq(report->dead_worker->n_leases, 1);
        ck_assert_int_eq(report->dead_worker->leases[0]->state,
                         JOBD__WORK__SLOT_STATE__SLOT_RUNNING);
        ack_dead(report->dead_worker);
        wire_free_report(report);
}
END_TEST

START_TEST(after_the_death_of_pool_and_worker_the_jobs_session_is_found)
{
        Jobd__Work__Report *report;
        char before[300], fifo[128];
        pid_t child, worker;

        start_pool(1);
        snprintf(fifo, sizeof(fifo), "%s/pid", fake.dir);
        ck_assert_int_eq(mkfifo(fifo, 0600), 0);
        snprintf(before, sizeof(before),
                 "sh -c 'trap \"\" TERM HUP; echo $$ > %s; exec cat %s' & true", fifo, fake.never);
        start_blocked(workers[0], 7, before);
        child = read_pid_fifo(fifo);
        worker = (pid_t)workers[0]->pid;
        kill(worker, SIGSTOP); /* so that it cannot clean up after its pool */
        kill(fake.pid, SIGKILL);
        fake_wait_program(&fake);
        kill(worker, SIGKILL);
        while (waitpid(worker, NULL, 0) < 0 && errno == EINTR)
                continue;
        ck_assert_int_eq(kill(child, 0), 0); /* still there: nobody's child now but ours */
        hang_up();
        start_pool(1);
        while (waitpid(child, NULL, 0) < 0 && errno == EINTR)
                continue;
        report = fake_await(pool, REPORT(DEAD_WORKER));
        ck_assert_uint_eq(report->dead_worker->n_leases, 1);
        wire_free_report(report);
}
END_TEST

START_TEST(records_of_another_boot_are_deleted)
{
        uint8_t boot_id[CLOCK_BOOT_ID_BYTES] = { 1, 2, 3 };

        ck_assert_int_eq(record_create(fake.records_fd, 2, 900, boot_id), 0);
        start_pool(1);
        ck_assert(!has_record(2, 900));
        ck_assert_uint_eq(workers[0]->generation, 901); /* but its number is never used again */
}
END_TEST

START_TEST(generations_go_on_counting)
{
        uint64_t generation;
        Jobd__Work__Report *report;

        start_pool(1);
        generation = workers[0]->generation;
        fake_order_lease(pool, ORDER(POOL_STOP), 0);
        report = fake_await(pool, REPORT(DEAD_WORKER));
        ack_dead(report->dead_worker);
        wire_free_report(report);
        expect_clean_exit();
        ck_assert(!has_record(0, generation));
        hang_up();
        start_pool(1);
        ck_assert_uint_gt(workers[0]->generation, generation);
}
END_TEST

/* -------------------------------------------------------------------------------------- ending */

START_TEST(stop_ends_the_jobs_and_reports_them)
{
        Jobd__Work__Report *report;

        start_pool(2);
        start_blocked(workers[0], 7, "trap 'exit 9' TERM");
        kill(fake.pid, SIGTERM);
        report = fake_await(workers[0], REPORT(EXITED));
        ck_assert_int_eq(report->exited->outcome, OUTCOME(CANCELLED));
        ck_assert_int_eq(report->exited->exit_code, 9);
        ck_assert_ptr_nonnull(strstr(report->exited->why, "administrator"));
        wire_free_report(report);
        fake_ack(workers[0], 7);
        for (int i = 0; i < 2; i++) {
                report = fake_await(pool, REPORT(DEAD_WORKER));
                ck_assert_uint_eq(report->dead_worker->n_leases, 0);
                ack_dead(report->dead_worker);
                wire_free_report(report);
        }
        expect_clean_exit();
}
END_TEST

START_TEST(stop_says_that_it_stops)
{
        Jobd__Work__Report *report;
        bool is_stopping = false;

        start_pool(1);
        fake_order_lease(pool, ORDER(POOL_STOP), 0);
        while (!is_stopping) {
                report = fake_await(pool, REPORT(POOL_STATE));
                is_stopping = report->pool_state->stopping;
                wire_free_report(report);
        }
        hang_up();
        expect_clean_exit();
}
END_TEST

START_TEST(a_stubborn_job_is_killed_after_the_grace)
{
        Jobd__Work__Report *report;

        fake.grace_usec = 100 * USEC_PER_MSEC;
        start_pool(1);
        start_blocked(workers[0], 7, "trap '' TERM");
        kill(fake.pid, SIGTERM);
        report = fake_await(workers[0], REPORT(EXITED));
        ck_assert_uint_eq(report->exited->exit_signal, SIGKILL);
        wire_free_report(report);
        hang_up(); /* jobd is gone: nobody waits for acknowledgements */
        fake_unlisten(&fake);
        expect_clean_exit();
}
END_TEST

/* A cancel is under way when the pool is stopped: the shorter of the two graces counts. */
static void stop_during_cancel(uint64_t cancel_grace_usec, uint64_t stop_grace_usec)
{
        Jobd__Work__Report *report;

        fake.grace_usec = stop_grace_usec;
        start_pool(1);
        start_blocked(workers[0], 7, "trap '' TERM");
        fake_cancel(workers[0], 7, cancel_grace_usec);
        kill(fake.pid, SIGTERM);
        report = fake_await(workers[0], REPORT(EXITED));
        ck_assert_int_eq(report->exited->outcome, OUTCOME(CANCELLED));
        ck_assert_uint_eq(report->exited->exit_signal, SIGKILL);
        wire_free_report(report);
        hang_up();
        fake_unlisten(&fake);
        expect_clean_exit();
}

START_TEST(a_stop_shortens_a_long_grace)
{
        stop_during_cancel(1000 * USEC_PER_SEC, 100 * USEC_PER_MSEC);
}
END_TEST

START_TEST(a_stop_leaves_a_short_grace)
{
        stop_during_cancel(100 * USEC_PER_MSEC, 1000 * USEC_PER_SEC);
}
END_TEST

/* The unit's TimeoutStopSec= is not to end it before it has ended the jobs. */
START_TEST(a_stop_gives_a_minute_at_most)
{
        char path[128], *log;
        int err_fd;

        snprintf(path, sizeof(path), "%s/log", fake.dir);
        err_fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
        ck_assert_int_ge(err_fd, 0);
        fake.err_fd = err_fd;
        fake.grace_usec = 1000 * USEC_PER_SEC;
        start_pool(1);
        kill(fake.pid, SIGTERM);
        wire_free_report(fake_await(pool, REPORT(DEAD_WORKER)));
        hang_up();
        fake_unlisten(&fake);
        expect_clean_exit();
        close(err_fd);
        ck_assert_int_eq(fs_read_file(AT_FDCWD, path, 65536, &log, NULL), 0);
        ck_assert_msg(strstr(log, "KILL after 60 s") != NULL, "%s", log);
        free(log);
}
END_TEST

START_TEST(alone_and_idle_it_ends_itself)
{
        ck_assert_int_eq(setenv("JOBD_POOL_IDLE_SEC", "1", 1), 0);
        start_pool(1);
        unsetenv("JOBD_POOL_IDLE_SEC");
        fake_unlisten(&fake);
        hang_up();
        expect_clean_exit();
}
END_TEST

START_TEST(alone_and_busy_it_does_not)
{
        Jobd__Work__Report *report;

        ck_assert_int_eq(setenv("JOBD_POOL_IDLE_SEC", "1", 1), 0);
        start_pool(1);
        unsetenv("JOBD_POOL_IDLE_SEC");
        start_blocked(workers[0], 7, "true");
        fake_unlisten(&fake);
        hang_up();
        ck_assert(fake_is_living(&fake, 2200));
        fake_listen(&fake);
        accept_all(1);
        open_gate();
        report = fake_await(workers[0], REPORT(EXITED));
        ck_assert_int_eq(report->exited->outcome, OUTCOME(EXITED));
        wire_free_report(report);
}
END_TEST

/* --------------------------------------------------------------------------------- compressing */

static void compact(uint64_t job)
{
        Jobd__Work__Order order = JOBD__WORK__ORDER__INIT;
        Jobd__Work__Compact message = JOBD__WORK__COMPACT__INIT;

        message.job = job;
        message.attempt = 1;
        order.body_case = ORDER(COMPACT);
        order.compact = &message;
        fake_send(pool, &order);
}

START_TEST(output_is_compressed)
{
        struct spool_reader *reader;
        Jobd__Work__Report *report;
        uint64_t size;
        size_t count;
        char byte;
        int fd;

        start_pool(1);
        fake_run_shell(workers[0], 7, "head -c 3000000 /dev/zero");
        report = fake_await(workers[0], REPORT(EXITED));
        size = report->exited->output_bytes;
        wire_free_report(report);
        compact(7);
        compact(99); /* there is no such file */
        report = fake_await(pool, REPORT(COMPACTED));
        ck_assert_uint_eq(report->compacted->job, 7);
        ck_assert(report->compacted->done);
        ck_assert_uint_lt(report->compacted->size_bytes, size / 100);
        wire_free_report(report);
        report = fake_await(pool, REPORT(COMPACTED));
        ck_assert_uint_eq(report->compacted->job, 99);
        ck_assert(!report->compacted->done);
        wire_free_report(report);
        ck_assert_int_lt(faccessat(fake.spool_fd, "7.0.1.out", F_OK, 0), 0);
        fd = openat(fake.spool_fd, "7.0.1.out.zst", O_RDONLY | O_CLOEXEC);
        ck_assert_int_ge(fd, 0);
        ck_assert_int_eq(spool_reader_new(fd, true, &reader), 0);
        ck_assert_int_eq(spool_reader_read(reader, size - 1, &byte, 1, &count), 0);
        ck_assert_uint_eq(count, 1);
        ck_assert_int_eq(spool_reader_read(reader, size, &byte, 1, &count), 0);
        ck_assert_uint_eq(count, 0);
        spool_reader_free(reader);
}
END_TEST

START_TEST(what_is_ordered_twice_is_compressed_once)
{
        Jobd__Work__Report *report;

        start_pool(1);
        fake_run_shell(workers[0], 7, "head -c 300000 /dev/zero");
        wire_free_report(fake_await(workers[0], REPORT(EXITED)));
        compact(7);
        compact(7);
        for (int i = 0; i < 2; i++) {
                report = fake_await(pool, REPORT(COMPACTED));
                ck_assert_int_eq(report->compacted->done, i == 0);
                wire_free_report(report);
        }
        ck_assert_int_eq(faccessat(fake.spool_fd, "7.0.1.out.zst", F_OK, 0), 0);
}
END_TEST

START_TEST(without_the_library_all_stays_as_it_is)
{
        Jobd__Work__Report *report;
        char path[128];

        /* Found first, and no library. */
        snprintf(path, sizeof(path), "%s/libzstd.so.1", fake.dir);
        close(open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
        ck_assert_int_eq(setenv("LD_LIBRARY_PATH", fake.dir, 1), 0);
        start_pool(1);
        unsetenv("LD_LIBRARY_PATH");
        fake_run_shell(workers[0], 7, "head -c 300000 /dev/zero");
        wire_free_report(fake_await(workers[0], REPORT(EXITED)));
        compact(7);
        report = fake_await(pool, REPORT(COMPACTED));
        ck_assert(!report->compacted->done);
        wire_free_report(report);
        ck_assert_int_eq(faccessat(fake.spool_fd, "7.0.1.out", F_OK, 0), 0);
        ck_assert_int_lt(faccessat(fake.spool_fd, "7.0.1.out.zst", F_OK, 0), 0);
}
END_TEST

START_TEST(a_link_in_the_spool_is_not_followed)
{
        Jobd__Work__Report *report;
        char victim[128];

        snprintf(victim, sizeof(victim), "%s/victim", fake.dir);
        close(open(victim, O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
        ck_assert_int_eq(symlinkat(victim, fake.spool_fd, "7.0.1.out"), 0);
        ck_assert_int_eq(linkat(AT_FDCWD, victim, fake.spool_fd, "8.0.1.out", 0), 0);
        start_pool(1);
        compact(7);
        compact(8);
        for (int i = 0; i < 2; i++) {
                report = fake_await(pool, REPORT(COMPACTED));
                ck_assert(!report->compacted->done);
                wire_free_report(report);
        }
        ck_assert_int_eq(access(victim, F_OK), 0);
}
END_TEST

/* ----------------------------------------------------------------------------------- upgrading */

static void wait_for_eof(void)
{
        Jobd__Work__Report *report;

        while ((report = fake_receive(pool)))
                wire_free_report(report);
}

static void copy_program(const char *from, const char *to)
{
        char command[400];

        snprintf(command, sizeof(command), "cp '%s' '%s.new' && mv '%s.new' '%s'", from, to, to,
                 to);
        ck_assert_int_eq(system(command), 0);
}

/* jobd changes from one build to another, with the program beside it, while a job runs. */
static void change_build(const char *from, const char *to, const char *build)
{
        Jobd__Work__Report *report;
        char exe[128];
        uint64_t generation;
        uint32_t worker;
        pid_t old_pid;

        snprintf(exe, sizeof(exe), "%s/jobd-worker", fake.dir);
        copy_program(from, exe);
        fake.exe = exe;
        start_pool(2);
        old_pid = fake.pid;
        worker = workers[0]->pid;
        generation = workers[0]->generation;
        start_blocked(workers[0], 7, "true");
        copy_program(to, exe);

        fake.build = build;
        pool = fake_close(pool);
        /* It dials as the old program, executes the new one, and dials again. */
        pool = fake_accept(&fake);
        ck_assert_uint_eq(pool->pid, (uint32_t)old_pid);
        wait_for_eof();
        pool = fake_close(pool);
        pool = fake_accept(&fake);
        ck_assert_int_eq(pool->role, JOBD__WORK__ROLE__ROLE_POOL);
        ck_assert_uint_eq(pool->pid, (uint32_t)old_pid);
        report = fake_await(pool, REPORT(POOL_STATE));
        ck_assert_uint_eq(report->pool_state->n_workers, 2);
        ck_assert_uint_eq(report->pool_state->workers[0]->pid, worker);
        ck_assert_uint_eq(report->pool_state->workers[0]->generation, generation);
        wire_free_report(report);

        /* The job never noticed; its worker retires when it is told and a new one comes. */
        fake_order_lease(workers[0], ORDER(RETIRE), 0);
        open_gate();
        report = fake_await(workers[0], REPORT(EXITED));
        ck_assert_int_eq(report->exited->outcome, OUTCOME(EXITED));
        wire_free_report(report);
        fake_ack(workers[0], 7);
        report = fake_await(pool, REPORT(DEAD_WORKER));
        ck_assert_uint_eq(report->dead_worker->generation, generation);
        ck_assert_uint_eq(report->dead_worker->n_leases, 0);
        wire_free_report(report);
        workers[0] = fake_close(workers[0]);
        accept_all(2);
        ck_assert_uint_gt(workers[0]->generation, generation);
        ck_assert_str_eq(workers[0]->build, build);

        /* The lock was kept: there is still one pool. */
        struct fake second = fake;
        fake_start_pool(&second, 1);
        ck_assert_int_eq(fake_wait_program(&second), 0);
}

START_TEST(a_newer_build_is_executed_in_place)
{
        change_build(JOBD_WORKER_PATH, JOBD_WORKER_NEXT_PATH, JOBD_WORKER_NEXT_BUILD);
}
END_TEST

START_TEST(an_older_build_too)
{
        fake.build = JOBD_WORKER_NEXT_BUILD;
        change_build(JOBD_WORKER_NEXT_PATH, JOBD_WORKER_PATH, version_build);
}
END_TEST

/* What it was started with, but for the words that belong to one program's start. */
START_TEST(the_next_program_is_told_of_the_delegation)
{
        char path[64], *words;
        struct stat st;
        size_t size;

        /* A pool that is given this test's own cgroup would rearrange it: here there is none. */
        if (unshare(CLONE_NEWNS) < 0 || mount("", "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0)
                return;
        if (stat("/sys/fs/cgroup", &st) == 0)
                ck_assert_int_eq(mount("none", "/sys/fs/cgroup", "tmpfs", 0, NULL), 0);
        fake.is_delegated = true;
        change_build(JOBD_WORKER_PATH, JOBD_WORKER_NEXT_PATH, JOBD_WORKER_NEXT_BUILD);
        snprintf(path, sizeof(path), "/proc/%u/cmdline", pool->pid);
        ck_assert_int_eq(fs_read_file(AT_FDCWD, path, 65536, &words, &size), 0);
        for (size_t i = 0; i < size; i++)
                words[i] = words[i] ? words[i] : ' ';
        ck_assert_ptr_nonnull(strstr(words, " --after-build " JOBD_WORKER_NEXT_BUILD " "));
        ck_assert_ptr_nonnull(strstr(words, " --user"));
        ck_assert_ptr_nonnull(strstr(words, " --delegated"));
        free(words);
}
END_TEST

/* The program before this one was a later version, which had more to say. */
START_TEST(lines_of_another_version_are_passed_over)
{
        fake.state_fd = memfd_create("state", 0);
        ck_assert_int_ge(fake.state_fd, 0);
        ck_assert_int_gt(dprintf(fake.state_fd, "colour blue\nwanted 2\nworkers of a kind\n"), 0);
        start_pool(1);
        accept_all(2);
        close(fake.state_fd);
}
END_TEST

START_TEST(a_build_that_is_not_there_is_tried_once)
{
        start_pool(1);
        fake.build = "99.0.0";
        pool = fake_close(pool);
        pool = fake_accept(&fake);
        wait_for_eof();
        pool = fake_close(pool);
        pool = fake_accept(&fake); /* the same program again: it stays */
        wire_free_report(fake_expect(pool, REPORT(POOL_STATE)));
        ck_assert(fake_is_silent(pool, 100));
        fake_run_shell(workers[0], 7, "exit 4");
        wire_free_report(fake_await(workers[0], REPORT(EXITED)));
}
END_TEST

/* ------------------------------------------------------------------------------------- hanging */

static void start_watched_pool(unsigned int count)
{
        ck_assert_int_eq(setenv("JOBD_POOL_WATCH_MSEC", "300", 1), 0);
        start_pool(count);
        unsetenv("JOBD_POOL_WATCH_MSEC");
}

static void expect_hung(uint32_t number)
{
        Jobd__Work__Report *report = fake_await(pool, REPORT(HUNG));

        ck_assert_uint_eq(report->hung->number, number);
        wire_free_report(report);
        report = fake_await(pool, REPORT(DEAD_WORKER));
        ck_assert_uint_eq(report->dead_worker->number, number);
        ck_assert_ptr_nonnull(strstr(report->dead_worker->why, "hung"));
        wire_free_report(report);
}

START_TEST(a_worker_that_does_not_dial_is_killed)
{
        start_watched_pool(2);
        kill((pid_t)workers[1]->pid, SIGSTOP);
        hang_up();
        accept_all(1); /* the pool and worker 0 */
        expect_hung(1);
        accept_all(2);
}
END_TEST

START_TEST(a_worker_that_hangs_over_its_work_is_killed)
{
        start_watched_pool(2);
        start_blocked(workers[0], 7, "true");
        start_blocked(workers[1], 8, "true");
        kill((pid_t)workers[1]->pid, SIGSTOP);
        expect_hung(1);
        workers[1] = fake_close(workers[1]);
        accept_all(2);
        open_gate(); /* the other one was not touched */
        wire_free_report(fake_await(workers[0], REPORT(EXITED)));
}
END_TEST

START_TEST(an_idle_pool_does_not_wake_up)
{
        char path[64], *before, *after;

        start_watched_pool(2);
        fake_run_shell(workers[0], 7, "exit 4");
        wire_free_report(fake_await(workers[0], REPORT(EXITED)));
        fake_ack(workers[0], 7);
        ck_assert(fake_is_living(&fake, 1200)); /* the watch has ended by then */
        snprintf(path, sizeof(path), "/proc/%d/status", (int)fake.pid);
        ck_assert_int_eq(fs_read_file(AT_FDCWD, path, 8192, &before, NULL), 0);
        ck_assert(fake_is_living(&fake, 1000));
        ck_assert_int_eq(fs_read_file(AT_FDCWD, path, 8192, &after, NULL), 0);
        ck_assert_str_eq(strstr(before, "voluntary_ctxt_switches"),
                         strstr(after, "voluntary_ctxt_switches"));
        free(before);
        free(after);
}
END_TEST

int main(void)
{
        Suite *suite = suite_create("pool");
        TCase *tcase = tcase_create("pool");

        tcase_add_checked_fixture(tcase, setup, teardown);
        tcase_add_test(tcase, it_starts_its_workers_and_says_so);
        tcase_add_test(tcase, there_is_one_pool);
        tcase_add_test(tcase, a_dead_worker_is_reported_and_replaced);
        tcase_add_test(tcase, a_report_of_the_dead_is_repeated_until_acknowledged);
        tcase_add_test(tcase, a_start_in_vain_is_in_the_record);
        tcase_add_test(tcase, what_a_dead_workers_job_left_is_killed);
        tcase_add_test(tcase, a_damaged_record_is_told);
        tcase_add_test(tcase, growing_and_shrinking);
        tcase_add_test(tcase, a_worker_that_dies_young_again_and_again_is_started_more_slowly);
        tcase_add_test(tcase, the_next_pool_reports_the_dead_ones_workers);
        tcase_add_test(tcase, after_the_death_of_pool_and_worker_the_jobs_session_is_found);
        tcase_add_test(tcase, records_of_another_boot_are_deleted);
        tcase_add_test(tcase, generations_go_on_counting);
        tcase_add_test(tcase, stop_ends_the_jobs_and_reports_them);
        tcase_add_test(tcase, stop_says_that_it_stops);
        tcase_add_test(tcase, a_stubborn_job_is_killed_after_the_grace);
        tcase_add_test(tcase, a_stop_shortens_a_long_grace);
        tcase_add_test(tcase, a_stop_leaves_a_short_grace);
        tcase_add_test(tcase, a_stop_gives_a_minute_at_most);
        tcase_add_test(tcase, alone_and_idle_it_ends_itself);
        tcase_add_test(tcase, alone_and_busy_it_does_not);
        tcase_add_test(tcase, output_is_compressed);
        tcase_add_test(tcase, what_is_ordered_twice_is_compressed_once);
        tcase_add_test(tcase, without_the_library_all_stays_as_it_is);
        tcase_add_test(tcase, a_link_in_the_spool_is_not_followed);
        tcase_add_test(tcase, a_newer_build_is_executed_in_place);
        tcase_add_test(tcase, an_older_build_too);
        tcase_add_test(tcase, the_next_program_is_told_of_the_delegation);
        tcase_add_test(tcase, lines_of_another_version_are_passed_over);
        tcase_add_test(tcase, a_build_that_is_not_there_is_tried_once);
        tcase_add_test(tcase, a_worker_that_does_not_dial_is_killed);
        tcase_add_test(tcase, a_worker_that_hangs_over_its_work_is_killed);
        tcase_add_test(tcase, an_idle_pool_does_not_wake_up);
        suite_add_tcase(suite, tcase);
        return suite_run(suite);
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * worker.c: a jobd that goes and comes, retiring, stopping, and what the pool hears. Conversations
 * between a real worker and a scripted jobd.
 */
#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/fs.h"

#include "proto/spool.h"

#include "stage.h"
#include "tests/unit/suite.h"
#include "worker/line.h"

static void reconnect(size_t leases)
{
        jobd = fake_close(jobd);
        jobd = fake_accept_worker(&fake, leases);
}

START_TEST(an_end_is_repeated_until_it_is_acknowledged)
{
        fake_run_shell(jobd, 5, "exit 3");
        wire_free_report(stage_expect_end(5, OUTCOME(EXITED)));
        reconnect(1);
        wire_free_report(stage_expect_end(5, OUTCOME(EXITED)));
        reconnect(1);
        stage_expect_code(5, 3);
        /* The Ack came before the end of this link, so it counts. */
        fake_run_shell(jobd, 6, "true");
        stage_expect_code(6, 0);
        fake_run_shell(jobd, 7, "true");
        wire_free_report(stage_expect_end(7, OUTCOME(EXITED)));
        reconnect(1);
}
END_TEST

START_TEST(a_running_job_does_not_notice_that_jobd_is_away)
{
        Jobd__Work__Report *report;
        const Jobd__Work__HeldLease *held;
        const pid_t pid = stage_start_blocked(5, "echo before", "echo after; exit 3");

        fake_run_shell(jobd, 6, "exit 4");
        jobd = fake_close(jobd);
        fake_unlisten(&fake);
        stage_open_gate();
        fake_wait_gone(pid);
        fake_listen(&fake);
        jobd = fake_accept(&fake);
        report = fake_expect(jobd, REPORT(INVENTORY));
        ck_assert_uint_eq(report->inventory->n_leases, 2);
        held = report->inventory->leases[0];
        ck_assert_uint_eq(held->lease, 5);
        ck_assert_uint_eq(held->pid, (uint32_t)pid);
        wire_free_report(report);
        report = stage_expect_end(5, OUTCOME(EXITED));
        ck_assert_int_eq(report->exited->exit_code, 3);
        stage_expect_text(report->exited, SPOOL_STDOUT, "before\nafter\n");
        wire_free_report(report);
        stage_expect_code(6, 4);
}
END_TEST

START_TEST(the_inventory_tells_what_runs)
{
        Jobd__Work__Report *report;
        const Jobd__Work__HeldLease *held;

        stage_start_blocked(5, "true", "true");
        fake_run_shell(jobd, 6, "true");
        fake_order_lease(jobd, ORDER(PAUSE), 5);
        stage_expect_paused(true);
        jobd = fake_close(jobd);
        jobd = fake_accept(&fake);
        report = fake_expect(jobd, REPORT(INVENTORY));
        ck_assert_uint_eq(report->inventory->n_leases, 2);
        held = report->inventory->leases[0];
        ck_assert_int_eq(held->state, JOBD__WORK__SLOT_STATE__SLOT_RUNNING);
        ck_assert(held->paused);
        ck_assert_uint_gt(held->start_wall_usec, 0);
        ck_assert_int_eq(report->inventory->leases[1]->state,
                         JOBD__WORK__SLOT_STATE__SLOT_ACCEPTED);
        wire_free_report(report);
        fake_cancel(jobd, 5, 0);
        wire_free_report(stage_expect_end(5, OUTCOME(CANCELLED)));
}
END_TEST

START_TEST(the_socket_may_come_late_and_its_folder_too)
{
        jobd = fake_close(jobd);
        fake_unlisten(&fake);
        ck_assert_int_eq(unlink(fake.socket), 0);
        ck_assert_int_eq(rmdir(fake.private_dir), 0);
        ck_assert_int_eq(mkdir(fake.private_dir, 0700), 0);
        fake_listen(&fake);
        jobd = fake_accept_worker(&fake, 0);
        jobd = fake_close(jobd);
        fake_unlisten(&fake); /* the file stays: a jobd that was killed */
        fake_listen(&fake);
        jobd = fake_accept_worker(&fake, 0);
}
END_TEST

/* -------------------------------------------------------------------------------------- the end */

static void expect_orderly_end(void)
{
        const int status = fake_wait_program(&fake);

        ck_assert_msg(WIFEXITED(status) && WEXITSTATUS(status) == 0, "status %x",
                      (unsigned int)status);
        ck_assert_uint_eq(stage_read_record().count, 0);
}

START_TEST(an_idle_worker_retires_at_once)
{
        fake_order_lease(jobd, ORDER(RETIRE), 0);
        expect_orderly_end();
}
END_TEST

START_TEST(a_retiring_worker_finishes_what_runs_and_gives_the_rest_back)
{
        Jobd__Work__Report *report;

        stage_start_blocked(5, "true", "exit 3");
        fake_run_shell(jobd, 6, "true");
        fake_order_lease(jobd, ORDER(RETIRE), 0);
        report = fake_expect(jobd, REPORT(REVOKED));
        ck_assert_uint_eq(report->revoked->lease, 6);
        ck_assert(!report->revoked->too_late);
        wire_free_report(report);
        fake_run_shell(jobd, 7, "true");
        report = fake_expect(jobd, REPORT(REVOKED));
        ck_assert_uint_eq(report->revoked->lease, 7);
        wire_free_report(report);
        stage_open_gate();
        stage_expect_code(5, 3);
        expect_orderly_end();
}
END_TEST

START_TEST(term_means_retire)
{
        stage_start_blocked(5, "true", "exit 3");
        kill(fake.pid, SIGTERM);
        stage_open_gate();
        stage_expect_code(5, 3);
        expect_orderly_end();
}
END_TEST

START_TEST(the_pools_stop_ends_the_job_and_says_so)
{
        Jobd__Work__Report *report;

        stage_start_blocked(5, "trap 'exit 8' TERM", "true");
        line_send(fake.line_fd, LINE_STOP, 10 * USEC_PER_SEC);
        report = stage_expect_end(5, OUTCOME(CANCELLED));
        ck_assert_int_eq(report->exited->exit_code, 8);
        ck_assert_ptr_nonnull(strstr(report->exited->why, "the workers were stopped"));
        wire_free_report(report);
        fake_ack(jobd, 5);
        expect_orderly_end();
}
END_TEST

/* A job that does not listen is killed after its own grace or the stop's, whichever is shorter. */
static void stop_deaf(uint64_t own_usec, uint64_t stop_usec)
{
        char script[200];
        const char *command[] = { "/bin/sh", "-c", script, NULL };
        Jobd__Work__Report *report;
        struct fake_job job;

        snprintf(script, sizeof(script), "trap '' TERM; echo up > %s/up; read x < %s", fake.dir,
                 gate);
        fake_job_init(&job, 5, command);
        job.spec.has_grace_usec = true;
        job.spec.grace_usec = own_usec;
        fake_job_send(jobd, &job);
        stage_read_fifo("up");
        line_send(fake.line_fd, LINE_STOP, stop_usec);
        report = stage_expect_end(5, OUTCOME(CANCELLED));
        ck_assert_uint_eq(report->exited->exit_signal, SIGKILL);
        wire_free_report(report);
        fake_ack(jobd, 5);
        expect_orderly_end();
}

START_TEST(a_stop_grants_no_more_than_the_jobs_own_grace)
{
        stop_deaf(100 * USEC_PER_MSEC, 1000 * USEC_PER_SEC);
}
END_TEST

START_TEST(a_stop_grants_no_more_than_its_own_grace)
{
        stop_deaf(1000 * USEC_PER_SEC, 100 * USEC_PER_MSEC);
}
END_TEST

START_TEST(a_stopped_worker_leaves_unacknowledged_ends_in_its_record)
{
        struct record_image image;
        char *text;

        fake_run_shell(jobd, 5, "echo precious; exit 3");
        wire_free_report(stage_expect_end(5, OUTCOME(EXITED)));
        jobd = fake_close(jobd);
        fake_unlisten(&fake);
        line_send(fake.line_fd, LINE_STOP, 0);
        ck_assert_int_eq(fake_wait_program(&fake), 0);
        image = stage_read_record();
        ck_assert_uint_eq(image.count, 1);
        ck_assert_uint_eq(image.entries[0].state, RECORD_EXITED);
        ck_assert_int_eq(image.entries[0].exit_code, 3);
        ck_assert(image.entries[0].spooled);
        text = fake_spooled_text(&fake, 5, SPOOL_STDOUT);
        ck_assert_str_eq(text, "precious\n");
        free(text);
}
END_TEST

START_TEST(without_its_pool_a_worker_ends_its_job_and_itself)
{
        struct record_image image;
        const pid_t pid = stage_start_blocked(5, "trap '' TERM", "true");

        fake_run_shell(jobd, 6, "true");
        fake.line_fd = fd_close(fake.line_fd);
        ck_assert_int_eq(fake_wait_program(&fake), 0);
        ck_assert_int_eq(stage_process_state(pid), '-');
        image = stage_read_record();
        ck_assert_uint_eq(image.count, 2);
        ck_assert_uint_eq(image.entries[0].state, RECORD_RUNNING); /* nobody may call it ended */
        ck_assert_uint_eq(image.entries[1].state, RECORD_ACCEPTED);
}
END_TEST

/* The line came through our own exec: what a job or a helper executes is not to have it. */
START_TEST(nothing_it_executes_inherits_a_descriptor)
{
        char path[64], *text;
        unsigned int flags;
        DIR *folder;

        snprintf(path, sizeof(path), "/proc/%d/fdinfo", (int)fake.pid);
        folder = opendir(path);
        ck_assert_ptr_nonnull(folder);
        for (const struct dirent *entry; (entry = readdir(folder));) {
                const int fd = atoi(entry->d_name);

                /* Not what this test has inherited itself; 3 is the line. */
                if (entry->d_name[0] == '.' || (fd != 3 && fcntl(fd, F_GETFD) == 0))
                        continue;
                ck_assert_int_eq(fs_read_file(dirfd(folder), entry->d_name, 65536, &text, NULL), 0);
                ck_assert_int_eq(sscanf(text, "pos: %*s flags: %o", &flags), 1);
                ck_assert_msg(flags & O_CLOEXEC, "descriptor %s stays open", entry->d_name);
                free(text);
        }
        closedir(folder);
}
END_TEST

START_TEST(the_pool_hears_of_dialling_work_and_life)
{
        struct line_message message;
        struct record_shared *shared;

        ck_assert_int_eq(line_receive(fake.line_fd, &message), 0);
        ck_assert_uint_eq(message.kind, LINE_DIALLED);
        ck_assert_uint_eq(message.value, 1);
        ck_assert_int_eq(record_map_shared(fake.records_fd, 0, 1, &shared), 0);
        ck_assert_uint_eq(atomic_load(&shared->busy), 0);
        stage_start_blocked(5, "true", "true");
        ck_assert_uint_eq(atomic_load(&shared->busy), 1);
        ck_assert_int_eq(line_receive(fake.line_fd, &message), 0);
        ck_assert_uint_eq(message.kind, LINE_BUSY);
        atomic_store(&shared->watching, 1);
        stage_open_gate();
        stage_expect_code(5, 0);
        fake_run_shell(jobd, 6, "true");
        stage_expect_code(6, 0);
        ck_assert_int_eq(line_receive(fake.line_fd, &message), LINE_E_AGAIN); /* it is watched */
        line_send(fake.line_fd, LINE_PING, 99);
        fake_run_shell(jobd, 7, "true");
        stage_expect_code(7, 0);
        ck_assert_int_eq(line_receive(fake.line_fd, &message), 0);
        ck_assert_uint_eq(message.kind, LINE_PONG);
        ck_assert_uint_eq(message.value, 99);
        record_unmap_shared(shared);
}
END_TEST

SUITE_MAIN("worker", stage_open, stage_close, an_end_is_repeated_until_it_is_acknowledged,
           a_running_job_does_not_notice_that_jobd_is_away, the_inventory_tells_what_runs,
           the_socket_may_come_late_and_its_folder_too, an_idle_worker_retires_at_once,
           a_retiring_worker_finishes_what_runs_and_gives_the_rest_back, term_means_retire,
           the_pools_stop_ends_the_job_and_says_so, a_stop_grants_no_more_than_the_jobs_own_grace,
           a_stop_grants_no_more_than_its_own_grace,
           a_stopped_worker_leaves_unacknowledged_ends_in_its_record,
           without_its_pool_a_worker_ends_its_job_and_itself,
           nothing_it_executes_inherits_a_descriptor, the_pool_hears_of_dialling_work_and_life)

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The real pool, and the test as its jobd: every connection is taken and sorted by who dials. Its
 * fixture is stage_open() and stage_close(); each test has a process of its own, so there is one
 * stage in it.
 */
#include "pool_stage.h"

#include <check.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "worker/record.h"

struct fake fake;
struct fake_link *pool;
struct fake_link *workers[STAGE_WORKERS_MAX];
static char gate[96];

void stage_accept_all(unsigned int count)
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
                        ck_assert_uint_lt(link->number, STAGE_WORKERS_MAX);
                        wire_free_report(fake_expect(link, REPORT(INVENTORY)));
                        fake_close(workers[link->number]);
                        workers[link->number] = link;
                }
        }
}

void stage_hang_up(void)
{
        pool = fake_close(pool);
        for (unsigned int i = 0; i < STAGE_WORKERS_MAX; i++)
                workers[i] = fake_close(workers[i]);
}

void stage_start_pool(unsigned int count)
{
        fake_start_pool(&fake, count);
        stage_accept_all(count);
}

void stage_open(void)
{
        fake_init(&fake);
        snprintf(gate, sizeof(gate), "%s/gate", fake.dir);
        ck_assert_int_eq(mkfifo(gate, 0600), 0);
        char up[128];
        snprintf(up, sizeof(up), "%s/up", fake.dir);
        ck_assert_int_eq(mkfifo(up, 0600), 0);
        fake_listen(&fake);
}

void stage_close(void)
{
        stage_hang_up();
        fake_deinit(&fake);
}

void stage_ack_dead(const Jobd__Work__DeadWorker *dead)
{
        Jobd__Work__Order order = JOBD__WORK__ORDER__INIT;
        Jobd__Work__DeadAck ack = JOBD__WORK__DEAD_ACK__INIT;

        ack.number = dead->number;
        ack.generation = dead->generation;
        order.body_case = ORDER(DEAD_ACK);
        order.dead_ack = &ack;
        fake_send(pool, &order);
}

void stage_resize(uint32_t wanted)
{
        Jobd__Work__Order order = JOBD__WORK__ORDER__INIT;
        Jobd__Work__PoolSet set = JOBD__WORK__POOL_SET__INIT;

        set.wanted = wanted;
        order.body_case = ORDER(POOL_SET);
        order.pool_set = &set;
        fake_send(pool, &order);
}

bool stage_has_record(uint32_t number, uint64_t generation)
{
        char name[RECORD_NAME_MAX];

        record_name(name, number, generation);
        return faccessat(fake.records_fd, name, F_OK, 0) == 0;
}

void stage_await_state(unsigned int count)
{
        for (;;) {
                Jobd__Work__Report *report = fake_await(pool, REPORT(POOL_STATE));
                const bool is_it = report->pool_state->n_workers == count;

                wire_free_report(report);
                if (is_it)
                        return;
        }
}

pid_t stage_read_pid_fifo(const char *path)
{
        const int fd = open(path, O_RDONLY | O_CLOEXEC);
        char text[32] = "";

        ck_assert_int_ge(fd, 0);
        ck_assert_int_gt(read(fd, text, sizeof(text) - 1), 0);
        close(fd);
        return (pid_t)atoi(text);
}

pid_t stage_start_blocked(struct fake_link *worker, uint64_t lease, const char *before)
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
        ck_assert_int_eq(stage_read_pid_fifo(up), pid);
        return pid;
}

void stage_open_gate(void)
{
        const int fd = open(gate, O_WRONLY | O_CLOEXEC);

        ck_assert_int_ge(fd, 0);
        ck_assert_int_eq(write(fd, "\n", 1), 1);
        close(fd);
}

void stage_expect_clean_exit(void)
{
        const int status = fake_wait_program(&fake);

        ck_assert_msg(WIFEXITED(status) && WEXITSTATUS(status) == 0, "status %x",
                      (unsigned int)status);
}

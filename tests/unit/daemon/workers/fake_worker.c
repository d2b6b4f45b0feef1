/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The stage on which the tests of daemon/workers play: a loop, the object under test with a real
 * socket in a folder of its own, and fake workers whose ends of the connections live in the same
 * loop. Every callback and every order becomes a word in a trace, so that a test reads like a
 * conversation. Nothing waits for time: stage_expect() turns the loop until the word is there.
 */
#include "fake_worker.h"

#include <check.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/usocket.h"

#include "proto/frame.h"

#define STAGE_DEADLINE_USEC (5 * USEC_PER_SEC)

static _printf_(2, 3) void trace_add(char *trace, const char *fmt, ...)
{
        const size_t used = strlen(trace);
        va_list args;

        va_start(args, fmt);
        vsnprintf(trace + used, FAKE_TRACE_MAX - used, fmt, args);
        va_end(args);
}

/* ------------------------------------------------------------------------- what jobd would hear */

static void stage_note(struct stage *stage, const char *name)
{
        if (stage->on_event)
                stage->on_event(stage, name);
}

static void stage_on_attached(void *arg, struct worker *worker)
{
        struct stage *stage = arg;

        stage->last = worker;
        trace_add(stage->trace, "attached(%u/%llu) ", worker_number(worker),
                  (unsigned long long)worker_generation(worker));
        stage_note(stage, "attached");
}

static void stage_on_held(void *arg, struct worker *worker _unused_,
                          const struct workers_held *held)
{
        struct stage *stage = arg;

        trace_add(stage->trace, "held(%llu,%d,%u", (unsigned long long)held->lease, (int)held->slot,
                  held->pid);
        for (size_t i = 0; i < held->cores_count; i++)
                trace_add(stage->trace, "%s%u", i ? "+" : ",", held->cores[i]);
        trace_add(stage->trace, ") ");
        stage_note(stage, "held");
}

static void stage_on_ready(void *arg, struct worker *worker)
{
        struct stage *stage = arg;

        stage->last = worker;
        trace_add(stage->trace, "ready(%u/%llu) ", worker_number(worker),
                  (unsigned long long)worker_generation(worker));
        stage_note(stage, "ready");
}

static void stage_on_gone(void *arg, struct worker *worker)
{
        struct stage *stage = arg;

        trace_add(stage->trace, "gone(%u/%llu) ", worker_number(worker),
                  (unsigned long long)worker_generation(worker));
        stage_note(stage, "gone");
}

static void stage_on_started(void *arg, struct worker *worker _unused_, uint64_t lease,
                             uint32_t pid, uint64_t start_wall_usec)
{
        struct stage *stage = arg;

        trace_add(stage->trace, "started(%llu,%u,%llu) ", (unsigned long long)lease, pid,
                  (unsigned long long)start_wall_usec);
        stage_note(stage, "started");
}

static void stage_on_exited(void *arg, struct worker *worker _unused_,
                            const struct workers_exit *exit)
{
        struct stage *stage = arg;

        stage->exit = *exit;
        stage->exit.why = NULL;
        snprintf(stage->exit_why, sizeof(stage->exit_why), "%s", exit->why ? exit->why : "(null)");
        trace_add(stage->trace, "exited(%llu,%d,%d,%u,%.*s) ", (unsigned long long)exit->lease,
                  (int)exit->outcome, exit->exit_code, exit->exit_signal, (int)exit->records_size,
                  (const char *)exit->records);
        stage_note(stage, "exited");
}

static void stage_on_revoked(void *arg, struct worker *worker _unused_, uint64_t lease,
                             bool too_late)
{
        struct stage *stage = arg;

        trace_add(stage->trace, "revoked(%llu,%d) ", (unsigned long long)lease, too_late);
}

static void stage_on_paused(void *arg, struct worker *worker _unused_, uint64_t lease, bool paused)
{
        struct stage *stage = arg;

        trace_add(stage->trace, "paused(%llu,%d) ", (unsigned long long)lease, paused);
}

static void stage_on_output(void *arg, struct worker *worker _unused_, uint64_t lease,
                            uint64_t offset, const uint8_t *records, size_t size)
{
        struct stage *stage = arg;

        trace_add(stage->trace, "output(%llu,%llu,%.*s) ", (unsigned long long)lease,
                  (unsigned long long)offset, (int)size, (const char *)records);
}

static void stage_on_spooled(void *arg, struct worker *worker _unused_, uint64_t lease,
                             uint64_t size_bytes)
{
        struct stage *stage = arg;

        trace_add(stage->trace, "spooled(%llu,%llu) ", (unsigned long long)lease,
                  (unsigned long long)size_bytes);
}

static void stage_on_grown(void *arg, struct worker *worker _unused_, uint64_t lease,
                           uint64_t size_bytes)
{
        struct stage *stage = arg;

        trace_add(stage->trace, "grown(%llu,%llu) ", (unsigned long long)lease,
                  (unsigned long long)size_bytes);
}

static void stage_on_stdin_taken(void *arg, struct worker *worker _unused_, uint64_t lease,
                                 uint64_t taken, bool closed)
{
        struct stage *stage = arg;

        trace_add(stage->trace, "stdin(%llu,%llu,%d) ", (unsigned long long)lease,
                  (unsigned long long)taken, closed);
}

static void stage_on_dead(void *arg, uint32_t number, uint64_t generation, bool record_intact,
                          const struct workers_held *held, size_t held_count, const char *why)
{
        struct stage *stage = arg;

        trace_add(stage->trace, "dead(%u/%llu,%d,%s", number, (unsigned long long)generation,
                  record_intact, why ? why : "(null)");
        for (size_t i = 0; i < held_count; i++)
                trace_add(stage->trace, ",%llu:%d", (unsigned long long)held[i].lease,
                          (int)held[i].slot);
        trace_add(stage->trace, ") ");
}

static void stage_on_compacted(void *arg, uint64_t job, uint64_t task, uint32_t attempt, bool done,
                               uint64_t size_bytes)
{
        struct stage *stage = arg;

        trace_add(stage->trace, "compacted(%llu.%llu.%u,%d,%llu) ", (unsigned long long)job,
                  (unsigned long long)task, attempt, done, (unsigned long long)size_bytes);
}

static void stage_on_pool(void *arg, bool connected)
{
        struct stage *stage = arg;

        trace_add(stage->trace, "pool(%d) ", connected);
}

static const struct workers_ops stage_ops = {
        .on_attached = stage_on_attached,
        .on_held = stage_on_held,
        .on_ready = stage_on_ready,
        .on_gone = stage_on_gone,
        .on_started = stage_on_started,
        .on_exited = stage_on_exited,
        .on_revoked = stage_on_revoked,
        .on_paused = stage_on_paused,
        .on_output = stage_on_output,
        .on_spooled = stage_on_spooled,
        .on_grown = stage_on_grown,
        .on_stdin_taken = stage_on_stdin_taken,
        .on_dead = stage_on_dead,
        .on_compacted = stage_on_compacted,
        .on_pool = stage_on_pool,
};

/* ---------------------------------------------------------------------------------- the stage */

void stage_open(struct stage *stage, uid_t peer_uid)
{
        struct workers_options options = {
                .peer_uid = peer_uid,
                .instance = "instance-of-test",
                .wanted = 3,
                .inline_max_bytes = 65536,
                .output_cap_bytes = 1000000,
                .grace_usec = 10 * USEC_PER_SEC,
        };

        memset(stage, 0, sizeof(*stage));
        snprintf(stage->dir, sizeof(stage->dir), "/tmp/jobd-workers-XXXXXX");
        ck_assert_ptr_nonnull(mkdtemp(stage->dir));
        snprintf(stage->socket_path, sizeof(stage->socket_path), "%s/workers.sock", stage->dir);
        options.socket_path = stage->socket_path;
        options.clients_socket_path = "/s";
        ck_assert_int_eq(loop_new(&stage->loop), 0);
        ck_assert_int_eq(workers_new(stage->loop, &options, &stage_ops, stage, &stage->workers), 0);
}

void stage_close(struct stage *stage)
{
        for (size_t i = 0; i < stage->fakes_count; i++) {
                channel_free(stage->fakes[i]->channel);
                free(stage->fakes[i]);
        }
        stage->workers = workers_free(stage->workers);
        stage->loop = loop_free(stage->loop);
        ck_assert_int_eq(rmdir(stage->dir), 0);
}

static void stage_on_deadline(void *arg)
{
        const struct stage *stage = arg;

        ck_abort_msg("nothing more happens; the engine heard: %s", stage->trace);
}

static void stage_on_turn(void *arg)
{
        struct stage *stage = arg;

        workers_flush(stage->workers, stage->durable);
        for (size_t i = 0; i < stage->fakes_count; i++)
                if (!stage->fakes[i]->ended)
                        channel_flush(stage->fakes[i]->channel);
        workers_bury(stage->workers);
        if (stage->until(stage))
                loop_stop(stage->loop, 0);
}

void stage_turn_until(struct stage *stage, bool (*until)(struct stage *stage))
{
        struct loop_timer *deadline;

        stage->until = until;
        ck_assert_int_eq(loop_timer_new(stage->loop, stage_on_deadline, stage, &deadline), 0);
        ck_assert_int_eq(loop_timer_start(deadline, STAGE_DEADLINE_USEC), 0);
        ck_assert_int_eq(loop_run(stage->loop, stage_on_turn, stage), 0);
        loop_timer_free(deadline);
}

/* Check forks a process per test: one wish at a time is enough. */
static struct {
        const char *trace;
        const char *text;
        const struct fake *fake;
} wish;

static bool wish_is_heard(struct stage *stage _unused_)
{
        return strstr(wish.trace, wish.text) != NULL;
}

static bool wish_is_ended(struct stage *stage _unused_)
{
        return wish.fake->ended;
}

void stage_expect(struct stage *stage, const char *text)
{
        wish.trace = stage->trace;
        wish.text = text;
        stage_turn_until(stage, wish_is_heard);
}

void fake_expect(struct fake *fake, const char *text)
{
        wish.trace = fake->trace;
        wish.text = text;
        stage_turn_until(fake->stage, wish_is_heard);
}

void fake_expect_welcome(struct fake *fake, const char *rest)
{
        char text[VERSION_BYTES + 128];

        snprintf(text, sizeof(text), "welcome(%u,%s,%s) ", WIRE_WORKER_VERSION, version_build,
                 rest);
        fake_expect(fake, text);
}

void fake_expect_end(struct fake *fake)
{
        wish.fake = fake;
        stage_turn_until(fake->stage, wish_is_ended);
}

/* ---------------------------------------------------------------------------- the other side */

static void fake_note_ack(struct fake *fake, const Jobd__Work__Ack *ack)
{
        trace_add(fake->trace, "ack(");
        for (size_t i = 0; i < ack->n_leases; i++)
                trace_add(fake->trace, "%s%llu", i ? "," : "", (unsigned long long)ack->leases[i]);
        trace_add(fake->trace, ") ");
}

static void fake_note_start(struct fake *fake, const Jobd__Work__Start *start)
{
        trace_add(fake->trace, "start(%llu,%.*s,%.*s", (unsigned long long)start->lease,
                  (int)start->spec.len, (const char *)start->spec.data, (int)start->environment.len,
                  (const char *)start->environment.data);
        for (size_t i = 0; i < start->n_cores; i++)
                trace_add(fake->trace, "%s%u", i ? "+" : ",", start->cores[i]);
        trace_add(fake->trace, start->bind ? ",bind) " : ") ");
}

static void fake_note_stdin(struct fake *fake, const Jobd__Work__StdinPiece *piece)
{
        trace_add(fake->trace, "stdin(%llu,%llu,%.*s,%d) ", (unsigned long long)piece->lease,
                  (unsigned long long)piece->offset, (int)piece->data.len,
                  (const char *)piece->data.data, piece->end);
}

static void fake_note_welcome(struct fake *fake, const Jobd__Work__Welcome *welcome)
{
        trace_add(fake->trace, "welcome(%u,%s,%llu,%llu,%llu,%s) ", welcome->version,
                  welcome->build, (unsigned long long)welcome->inline_max_bytes,
                  (unsigned long long)welcome->output_cap_bytes,
                  (unsigned long long)welcome->grace_usec, welcome->socket);
}

static void fake_note_order(struct fake *fake, const Jobd__Work__Order *order)
{
        char *trace = fake->trace;

        switch (order->body_case) {
        case JOBD__WORK__ORDER__BODY_WELCOME:
                return fake_note_welcome(fake, order->welcome);
        case JOBD__WORK__ORDER__BODY_START:
                return fake_note_start(fake, order->start);
        case JOBD__WORK__ORDER__BODY_ACK:
                return fake_note_ack(fake, order->ack);
        case JOBD__WORK__ORDER__BODY_STDIN_PIECE:
                return fake_note_stdin(fake, order->stdin_piece);
        case JOBD__WORK__ORDER__BODY_REVOKE:
                return trace_add(trace, "revoke(%llu) ", (unsigned long long)order->revoke->lease);
        case JOBD__WORK__ORDER__BODY_CANCEL:
                return trace_add(trace, "cancel(%llu,%llu) ",
                                 (unsigned long long)order->cancel->lease,
                                 (unsigned long long)order->cancel->grace_usec);
        case JOBD__WORK__ORDER__BODY_SIGNAL:
                return trace_add(trace, "signal(%llu,%u) ",
                                 (unsigned long long)order->signal->lease, order->signal->signal);
        case JOBD__WORK__ORDER__BODY_PAUSE:
                return trace_add(trace, "pause(%llu) ", (unsigned long long)order->pause->lease);
        case JOBD__WORK__ORDER__BODY_RESUME:
                return trace_add(trace, "resume(%llu) ", (unsigned long long)order->resume->lease);
        case JOBD__WORK__ORDER__BODY_FOLLOW:
                return trace_add(trace, "follow(%llu,%d) ",
                                 (unsigned long long)order->follow->lease, order->follow->on);
        case JOBD__WORK__ORDER__BODY_RETIRE:
                return trace_add(trace, "retire ");
        case JOBD__WORK__ORDER__BODY_POOL_SET:
                return trace_add(trace, "pool_set(%u) ", order->pool_set->wanted);
        case JOBD__WORK__ORDER__BODY_USER_WEIGHT:
                return trace_add(trace, "weight(%u,%u) ", order->user_weight->uid,
                                 order->user_weight->weight);
        case JOBD__WORK__ORDER__BODY_DEAD_ACK:
                return trace_add(trace, "dead_ack(%u/%llu) ", order->dead_ack->number,
                                 (unsigned long long)order->dead_ack->generation);
        case JOBD__WORK__ORDER__BODY_COMPACT:
                return trace_add(trace, "compact(%llu) ", (unsigned long long)order->compact->job);
        case JOBD__WORK__ORDER__BODY_POOL_STOP:
                return trace_add(trace, "pool_stop ");
        case JOBD__WORK__ORDER__BODY_DISK:
                return trace_add(trace, "disk(%d) ", order->disk->full);
        default:
                ck_abort_msg("order %d came", (int)order->body_case);
        }
}

static void fake_on_frame(void *arg, const uint8_t *body, size_t size, int passed_fd)
{
        _cleanup_(wire_free_orderp) Jobd__Work__Order *order = NULL;
        struct fake *fake = arg;
        struct reason why = { .text = "" };

        ck_assert_int_eq(passed_fd, -1);
        ck_assert_msg(wire_unpack_order(body, size, &order, &why) == 0, "%s", why.text);
        fake_note_order(fake, order);
        fake->orders_count++;
}

static void fake_on_end(void *arg, enum channel_end end _unused_)
{
        struct fake *fake = arg;

        fake->ended = true;
}

static const struct channel_ops fake_ops = { .on_frame = fake_on_frame, .on_end = fake_on_end };

struct fake *fake_dial(struct stage *stage)
{
        static const struct channel_options options = { .frame_max_bytes = FRAME_MAX };
        struct fake *fake = calloc(1, sizeof(*fake));
        int fd;

        ck_assert_ptr_nonnull(fake);
        ck_assert_uint_lt(stage->fakes_count, ARRAY_SIZE(stage->fakes));
        fake->stage = stage;
        ck_assert_int_eq(usocket_connect(stage->socket_path, &fd), 0);
        ck_assert_int_eq(channel_new(stage->loop, fd, &options, &fake_ops, fake, &fake->channel),
                         0);
        stage->fakes[stage->fakes_count++] = fake;
        return fake;
}

void fake_send(struct fake *fake, const Jobd__Work__Report *report)
{
        ck_assert_int_eq(channel_send(fake->channel, &report->base, 0, -1), 0);
        channel_flush(fake->channel);
}

void fake_send_bytes(struct fake *fake, const void *data, size_t size)
{
        ck_assert_int_eq(write(channel_fd(fake->channel), data, size), (ssize_t)size);
}

Jobd__Work__Hello fake_hello(Jobd__Work__Role role, uint32_t number, uint64_t generation)
{
        static uint8_t boot_id[CLOCK_BOOT_ID_BYTES];
        static char build[VERSION_BYTES];
        Jobd__Work__Hello hello = JOBD__WORK__HELLO__INIT;

        ck_assert_int_eq(clock_read_boot_id(boot_id), 0);
        snprintf(build, sizeof(build), "%s", version_build);
        hello.version = WIRE_WORKER_VERSION;
        hello.role = role;
        hello.build = build;
        hello.boot_id.data = boot_id;
        hello.boot_id.len = sizeof(boot_id);
        hello.pid = 4711 + number;
        hello.has_number = role == JOBD__WORK__ROLE__ROLE_WORKER;
        hello.number = number;
        hello.has_generation = hello.has_number;
        hello.generation = generation;
        hello.has_slots = hello.has_number;
        hello.slots = 8;
        return hello;
}

void fake_send_hello(struct fake *fake, Jobd__Work__Hello *hello)
{
        Jobd__Work__Report report = JOBD__WORK__REPORT__INIT;

        report.body_case = JOBD__WORK__REPORT__BODY_HELLO;
        report.hello = hello;
        fake_send(fake, &report);
}

void fake_send_inventory(struct fake *fake, Jobd__Work__HeldLease *leases, size_t count)
{
        Jobd__Work__Report report = JOBD__WORK__REPORT__INIT;
        Jobd__Work__Inventory inventory = JOBD__WORK__INVENTORY__INIT;
        Jobd__Work__HeldLease *pointers[16];

        ck_assert_uint_le(count, ARRAY_SIZE(pointers));
        for (size_t i = 0; i < count; i++)
                pointers[i] = &leases[i];
        report.body_case = JOBD__WORK__REPORT__BODY_INVENTORY;
        report.inventory = &inventory;
        inventory.leases = pointers;
        inventory.n_leases = count;
        fake_send(fake, &report);
}

struct fake *fake_ready(struct stage *stage, uint32_t number, uint64_t generation)
{
        struct fake *fake = fake_dial(stage);
        Jobd__Work__Hello hello = fake_hello(JOBD__WORK__ROLE__ROLE_WORKER, number, generation);
        char text[64];

        fake_send_hello(fake, &hello);
        fake_send_inventory(fake, NULL, 0);
        snprintf(text, sizeof(text), "ready(%u/%llu)", number, (unsigned long long)generation);
        stage_expect(stage, text);
        return fake;
}

struct fake *fake_pool(struct stage *stage)
{
        struct fake *fake = fake_dial(stage);
        Jobd__Work__Hello hello = fake_hello(JOBD__WORK__ROLE__ROLE_POOL, 0, 0);

        fake_send_hello(fake, &hello);
        fake_expect(fake, "pool_set(3) ");
        return fake;
}

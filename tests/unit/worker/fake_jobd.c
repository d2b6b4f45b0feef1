/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The other side of worker.proto, blocking and in one line after another, so that a test reads like
 * a conversation. Frames are cut and joined by hand here, on purpose: the channel under test is not
 * tested against itself.
 */
#include "fake_jobd.h"

#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>

#include "common/buffer.h"
#include "common/clock.h"

#include "proto/spool.h"

#include "worker/line.h"
#include "worker/record.h"

/* -------------------------------------------------------------------------------- surroundings */

static int fake_remove_one(const char *path, _unused_ const struct stat *st, _unused_ int type,
                           _unused_ struct FTW *ftw)
{
        return remove(path);
}

void fake_init(struct fake *fake)
{
        *fake = (struct fake){ .listen_fd = -1,
                               .line_fd = -1,
                               .exe = JOBD_WORKER_PATH,
                               .build = version_build,
                               .policy = "/nonexistent/policy" };
        strcpy(fake->dir, "/tmp/jobd-worker-test.XXXXXX");
        ck_assert_ptr_nonnull(mkdtemp(fake->dir));
        ck_assert_int_eq(chmod(fake->dir, 0755), 0);
        snprintf(fake->private_dir, sizeof(fake->private_dir), "%s/private", fake->dir);
        snprintf(fake->socket, sizeof(fake->socket), "%s/workers.sock", fake->private_dir);
        snprintf(fake->records, sizeof(fake->records), "%s/w", fake->dir);
        snprintf(fake->spool, sizeof(fake->spool), "%s/spool", fake->dir);
        ck_assert_int_eq(mkdir(fake->private_dir, 0700), 0);
        ck_assert_int_eq(mkdir(fake->records, 0700), 0);
        ck_assert_int_eq(mkdir(fake->spool, 0770), 0);
        snprintf(fake->never, sizeof(fake->never), "%s/never", fake->dir);
        ck_assert_int_eq(mkfifo(fake->never, 0600), 0);
        ck_assert_int_eq(chmod(fake->never, 0644), 0);
        fake->records_fd = open(fake->records, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        fake->spool_fd = open(fake->spool, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        ck_assert_int_ge(fake->records_fd, 0);
        ck_assert_int_ge(fake->spool_fd, 0);
        /* What the pool leaves when it is killed comes to us, and does not outlive the test. */
        ck_assert_int_eq(prctl(PR_SET_CHILD_SUBREAPER, 1), 0);
        signal(SIGPIPE, SIG_IGN);
}

void fake_deinit(struct fake *fake)
{
        fd_close(fake->line_fd);
        fake_unlisten(fake);
        if (fake->pid) {
                kill(fake->pid, SIGKILL);
                fake_wait_program(fake);
        }
        while (waitpid(-1, NULL, 0) > 0)
                continue;
        fd_close(fake->records_fd);
        fd_close(fake->spool_fd);
        nftw(fake->dir, fake_remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

void fake_listen(struct fake *fake)
{
        struct sockaddr_un address = { .sun_family = AF_UNIX };

        snprintf(address.sun_path, sizeof(address.sun_path), "%s", fake->socket);
        unlink(fake->socket);
        fake->listen_fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
        ck_assert_int_ge(fake->listen_fd, 0);
        ck_assert_int_eq(bind(fake->listen_fd, (struct sockaddr *)&address, sizeof(address)), 0);
        ck_assert_int_eq(listen(fake->listen_fd, 64), 0);
}

void fake_unlisten(struct fake *fake)
{
        fake->listen_fd = fd_close(fake->listen_fd);
}

static pid_t fake_execute(const struct fake *fake, const char *const argv[], int line_fd)
{
        const pid_t pid = fork();

        ck_assert_int_ge(pid, 0);
        if (pid)
                return pid;
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        signal(SIGPIPE, SIG_DFL);
        if (line_fd >= 0 && dup2(line_fd, 3) < 0)
                _exit(99);
        if (fake->err_fd && dup2(fake->err_fd, STDERR_FILENO) < 0)
                _exit(99);
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wcast-qual"
        execv(fake->exe, (char *const *)argv);
#pragma GCC diagnostic pop
        _exit(98);
}

void fake_start_worker(struct fake *fake)
{
        uint8_t boot_id[CLOCK_BOOT_ID_BYTES];
        const char *argv[32] = { "jobd-worker",  "--worker",   "--number",  "0",
                                 "--generation", "1",          "--line-fd", "3",
                                 "--socket",     fake->socket, "--records", fake->records,
                                 "--spool",      fake->spool,  "--policy",  fake->policy };
        size_t n = 16;
        int fds[2];

        if (!fake->is_system)
                argv[n++] = "--user";
        if (fake->cgroup) {
                argv[n++] = "--cgroup";
                argv[n++] = fake->cgroup;
        }
        ck_assert_int_eq(clock_read_boot_id(boot_id), 0);
        ck_assert_int_eq(record_create(fake->records_fd, 0, 1, boot_id), 0);
        ck_assert_int_eq(line_open(fds), 0);
        fake->line_fd = fds[0];
        fake->pid = fake_execute(fake, argv, fds[1]);
        close(fds[1]);
}

void fake_start_pool(struct fake *fake, unsigned int workers)
{
        char count[16], state[16];
        const char *argv[] = { "jobd-worker", "--pool",     "--workers",   count,     "--socket",
                               fake->socket,  "--records",  fake->records, "--spool", fake->spool,
                               "--policy",    fake->policy, NULL,          NULL,      NULL,
                               NULL,          NULL };
        size_t n = 12;

        snprintf(count, sizeof(count), "%u", workers);
        snprintf(state, sizeof(state), "%d", fake->state_fd);
        if (!fake->is_system)
                argv[n++] = "--user";
        if (fake->is_delegated)
                argv[n++] = "--delegated";
        if (fake->state_fd) {
                argv[n++] = "--state-fd";
                argv[n++] = state;
        }
        fake->pid = fake_execute(fake, argv, -1);
}

static void fake_wait_pid_fd(int pid_fd)
{
        struct pollfd poll_fd = { .fd = pid_fd, .events = POLLIN };

        ck_assert_msg(poll(&poll_fd, 1, FAKE_DEADLINE_MS) == 1, "a process does not end");
}

int fake_wait_program(struct fake *fake)
{
        _cleanup_(fd_closep) int pid_fd = (int)syscall(SYS_pidfd_open, fake->pid, 0);
        int status = 0;

        ck_assert_int_ge(pid_fd, 0);
        fake_wait_pid_fd(pid_fd);
        ck_assert_int_eq(waitpid(fake->pid, &status, 0), fake->pid);
        fake->pid = 0;
        return status;
}

bool fake_is_living(const struct fake *fake, int ms)
{
        _cleanup_(fd_closep) int pid_fd = (int)syscall(SYS_pidfd_open, fake->pid, 0);
        struct pollfd poll_fd = { .fd = pid_fd, .events = POLLIN };

        ck_assert_int_ge(pid_fd, 0);
        return poll(&poll_fd, 1, ms) == 0;
}

void fake_wait_gone(pid_t pid)
{
        _cleanup_(fd_closep) int pid_fd = (int)syscall(SYS_pidfd_open, pid, 0);

        if (pid_fd < 0 && errno == ESRCH)
                return;
        ck_assert_int_ge(pid_fd, 0);
        fake_wait_pid_fd(pid_fd);
}

/* -------------------------------------------------------------------------------------- frames */

static void fake_read_more(struct fake_link *link, bool *out_eof)
{
        struct pollfd poll_fd = { .fd = link->fd, .events = POLLIN };
        uint8_t block[65536];
        ssize_t n;

        ck_assert_msg(poll(&poll_fd, 1, FAKE_DEADLINE_MS) == 1,
                      "no report within the deadline; %u came, the last of kind %d", link->reports,
                      (int)link->last);
        n = read(link->fd, block, sizeof(block));
        *out_eof = n <= 0;
        if (n <= 0)
                return;
        link->in = realloc(link->in, link->in_bytes + (size_t)n);
        ck_assert_ptr_nonnull(link->in);
        memcpy(link->in + link->in_bytes, block, (size_t)n);
        link->in_bytes += (size_t)n;
}

Jobd__Work__Report *fake_receive(struct fake_link *link)
{
        Jobd__Work__Report *report = NULL;
        struct reason why = { "" };
        size_t size;
        bool is_eof;

        for (;;) {
                if (link->in_bytes >= 4) {
                        size = (size_t)link->in[0] << 24 | (size_t)link->in[1] << 16 |
                               (size_t)link->in[2] << 8 | link->in[3];
                        if (link->in_bytes >= 4 + size)
                                break;
                }
                fake_read_more(link, &is_eof);
                if (is_eof)
                        return NULL;
        }
        ck_assert_msg(wire_unpack_report(link->in + 4, size, &report, &why) == 0, "%s", why.text);
        link->reports++;
        link->last = report->body_case;
        link->in_bytes -= 4 + size;
        memmove(link->in, link->in + 4 + size, link->in_bytes);
        return report;
}

static void fake_describe(const Jobd__Work__Report *report, char *text, size_t size)
{
        text[0] = '\0';
        if (report->body_case == JOBD__WORK__REPORT__BODY_EXITED)
                snprintf(text, size, "Exited %d code %d stage %s why %s",
                         (int)report->exited->outcome, report->exited->exit_code,
                         report->exited->stage, report->exited->why);
}

Jobd__Work__Report *fake_expect(struct fake_link *link, Jobd__Work__Report__BodyCase body)
{
        Jobd__Work__Report *report = fake_receive(link);
        char text[512];

        ck_assert_msg(report != NULL, "the program hung up");
        fake_describe(report, text, sizeof(text));
        ck_assert_msg(report->body_case == body, "report %d came, not %d: %s",
                      (int)report->body_case, (int)body, text);
        return report;
}

Jobd__Work__Report *fake_await(struct fake_link *link, Jobd__Work__Report__BodyCase body)
{
        for (;;) {
                Jobd__Work__Report *report = fake_receive(link);

                ck_assert_msg(report != NULL, "the program hung up");
                if (report->body_case == body)
                        return report;
                wire_free_report(report);
        }
}

bool fake_is_silent(struct fake_link *link, int ms)
{
        struct pollfd poll_fd = { .fd = link->fd, .events = POLLIN };

        return link->in_bytes == 0 && poll(&poll_fd, 1, ms) == 0;
}

void fake_send(struct fake_link *link, const Jobd__Work__Order *order)
{
        _cleanup_(freep) void *data = NULL;
        size_t size;
        uint8_t header[4];

        ck_assert_int_eq(wire_pack(&order->base, &data, &size), 0);
        header[0] = (uint8_t)(size >> 24);
        header[1] = (uint8_t)(size >> 16);
        header[2] = (uint8_t)(size >> 8);
        header[3] = (uint8_t)size;
        ck_assert_int_eq(write(link->fd, header, 4), 4);
        for (size_t at = 0; at < size;) {
                const ssize_t n = write(link->fd, (char *)data + at, size - at);

                ck_assert_int_gt(n, 0);
                at += (size_t)n;
        }
}

/* --------------------------------------------------------------------------------------- links */

static void fake_welcome(const struct fake *fake, struct fake_link *link)
{
        uint8_t instance[WIRE_INSTANCE_BYTES] = { 7 };
        Jobd__Work__Welcome welcome = JOBD__WORK__WELCOME__INIT;
        Jobd__Work__Order order = JOBD__WORK__ORDER__INIT;
        char build[VERSION_BYTES];

        snprintf(build, sizeof(build), "%s", fake->build);
        welcome.version = WIRE_WORKER_VERSION;
        welcome.instance.data = instance;
        welcome.instance.len = sizeof(instance);
        welcome.build = build;
        welcome.has_inline_max_bytes = fake->inline_max_bytes != 0;
        welcome.inline_max_bytes = fake->inline_max_bytes;
        welcome.has_output_cap_bytes = fake->output_cap_bytes != 0;
        welcome.output_cap_bytes = fake->output_cap_bytes;
        welcome.has_grace_usec = fake->grace_usec != 0;
        welcome.grace_usec = fake->grace_usec;
        order.body_case = JOBD__WORK__ORDER__BODY_WELCOME;
        order.welcome = &welcome;
        fake_send(link, &order);
}

struct fake_link *fake_accept(struct fake *fake)
{
        struct pollfd poll_fd = { .fd = fake->listen_fd, .events = POLLIN };
        struct fake_link *link = calloc(1, sizeof(*link));
        Jobd__Work__Report *report;

        ck_assert_ptr_nonnull(link);
        ck_assert_msg(poll(&poll_fd, 1, FAKE_DEADLINE_MS) == 1, "nobody dials");
        link->fd = accept4(fake->listen_fd, NULL, NULL, SOCK_CLOEXEC);
        ck_assert_int_ge(link->fd, 0);
        report = fake_expect(link, JOBD__WORK__REPORT__BODY_HELLO);
        ck_assert_uint_eq(report->hello->version, WIRE_WORKER_VERSION);
        ck_assert_uint_eq(report->hello->boot_id.len, CLOCK_BOOT_ID_BYTES);
        link->role = report->hello->role;
        link->number = report->hello->number;
        link->generation = report->hello->generation;
        link->pid = report->hello->pid;
        snprintf(link->build, sizeof(link->build), "%s", report->hello->build);
        wire_free_report(report);
        fake_welcome(fake, link);
        return link;
}

struct fake_link *fake_accept_worker(struct fake *fake, size_t leases)
{
        struct fake_link *link = fake_accept(fake);
        Jobd__Work__Report *report;

        ck_assert_int_eq(link->role, JOBD__WORK__ROLE__ROLE_WORKER);
        report = fake_expect(link, JOBD__WORK__REPORT__BODY_INVENTORY);
        ck_assert_uint_eq(report->inventory->n_leases, leases);
        wire_free_report(report);
        return link;
}

struct fake_link *fake_close(struct fake_link *link)
{
        if (!link)
                return NULL;
        close(link->fd);
        free(link->in);
        free(link);
        return NULL;
}

/* -------------------------------------------------------------------------------------- orders */

void fake_job_set_bytes(protobuf_c_boolean *has, ProtobufCBinaryData *member, const char *text)
{
        if (has)
                *has = true;
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wcast-qual"
        member->data = (uint8_t *)text;
#pragma GCC diagnostic pop
        member->len = strlen(text);
}

void fake_job_init(struct fake_job *job, uint64_t lease, const char *const argv[])
{
        memset(job, 0, sizeof(*job));
        jobd__work__start__init(&job->start);
        jobd__spec__init(&job->spec);
        jobd__environment__init(&job->environment);
        job->start.has_spec = true;
        job->start.lease = lease;
        job->start.job = lease;
        job->start.attempt = 1;
        job->start.uid = geteuid();
        job->start.gid = getegid();
        job->spec.argv = job->argv;
        job->environment.entries = job->entries;
        for (; argv[job->spec.n_argv]; job->spec.n_argv++)
                fake_job_set_bytes(NULL, &job->argv[job->spec.n_argv], argv[job->spec.n_argv]);
        fake_job_set_bytes(&job->spec.has_cwd, &job->spec.cwd, "/");
        fake_job_add_env(job, "PATH=/usr/bin:/bin");
}

void fake_job_add_env(struct fake_job *job, const char *entry)
{
        ck_assert_uint_lt(job->environment.n_entries, ARRAY_SIZE(job->entries));
        fake_job_set_bytes(NULL, &job->entries[job->environment.n_entries++], entry);
}

void fake_job_send(struct fake_link *link, struct fake_job *job)
{
        _cleanup_(freep) void *spec = NULL, *environment = NULL;
        Jobd__Work__Order order = JOBD__WORK__ORDER__INIT;
        size_t size;

        if (job->start.has_spec) {
                ck_assert_int_eq(wire_pack(&job->spec.base, &spec, &size), 0);
                job->start.spec = (ProtobufCBinaryData){ .data = spec, .len = size };
                ck_assert_int_eq(wire_pack(&job->environment.base, &environment, &size), 0);
                job->start.environment = (ProtobufCBinaryData){ .data = environment, .len = size };
        }
        job->start.has_environment = job->start.has_spec;
        order.body_case = JOBD__WORK__ORDER__BODY_START;
        order.start = &job->start;
        fake_send(link, &order);
}

void fake_run_shell(struct fake_link *link, uint64_t lease, const char *script)
{
        const char *argv[] = { "/bin/sh", "-c", script, NULL };
        struct fake_job job;

        fake_job_init(&job, lease, argv);
        fake_job_send(link, &job);
}

void fake_run_endless(const struct fake *fake, struct fake_link *link, uint64_t lease)
{
        const char *argv[] = { "/bin/cat", fake->never, NULL };
        struct fake_job job;

        fake_job_init(&job, lease, argv);
        fake_job_send(link, &job);
}

void fake_ack(struct fake_link *link, uint64_t lease)
{
        Jobd__Work__Ack ack = JOBD__WORK__ACK__INIT;
        Jobd__Work__Order order = JOBD__WORK__ORDER__INIT;

        ack.n_leases = 1;
        ack.leases = &lease;
        order.body_case = JOBD__WORK__ORDER__BODY_ACK;
        order.ack = &ack;
        fake_send(link, &order);
}

void fake_cancel(struct fake_link *link, uint64_t lease, uint64_t grace_usec)
{
        Jobd__Work__Cancel cancel = JOBD__WORK__CANCEL__INIT;
        Jobd__Work__Order order = JOBD__WORK__ORDER__INIT;

        cancel.lease = lease;
        cancel.has_grace_usec = true;
        cancel.grace_usec = grace_usec;
        order.body_case = JOBD__WORK__ORDER__BODY_CANCEL;
        order.cancel = &cancel;
        fake_send(link, &order);
}

void fake_order_lease(struct fake_link *link, Jobd__Work__Order__BodyCase body, uint64_t lease)
{
        Jobd__Work__Revoke revoke = JOBD__WORK__REVOKE__INIT;
        Jobd__Work__Pause pause_order = JOBD__WORK__PAUSE__INIT;
        Jobd__Work__Resume resume = JOBD__WORK__RESUME__INIT;
        Jobd__Work__Retire retire = JOBD__WORK__RETIRE__INIT;
        Jobd__Work__PoolStop pool_stop = JOBD__WORK__POOL_STOP__INIT;
        Jobd__Work__Order order = JOBD__WORK__ORDER__INIT;

        revoke.lease = pause_order.lease = resume.lease = lease;
        order.body_case = body;
        if (body == JOBD__WORK__ORDER__BODY_REVOKE)
                order.revoke = &revoke;
        else if (body == JOBD__WORK__ORDER__BODY_PAUSE)
                order.pause = &pause_order;
        else if (body == JOBD__WORK__ORDER__BODY_RESUME)
                order.resume = &resume;
        else if (body == JOBD__WORK__ORDER__BODY_RETIRE)
                order.retire = &retire;
        else
                order.pool_stop = &pool_stop;
        fake_send(link, &order);
}

void fake_signal(struct fake_link *link, uint64_t lease, uint32_t signo)
{
        Jobd__Work__Signal message = JOBD__WORK__SIGNAL__INIT;
        Jobd__Work__Order order = JOBD__WORK__ORDER__INIT;

        message.lease = lease;
        message.signal = signo;
        order.body_case = JOBD__WORK__ORDER__BODY_SIGNAL;
        order.signal = &message;
        fake_send(link, &order);
}

void fake_follow(struct fake_link *link, uint64_t lease, bool on)
{
        Jobd__Work__FollowLease follow = JOBD__WORK__FOLLOW_LEASE__INIT;
        Jobd__Work__Order order = JOBD__WORK__ORDER__INIT;

        follow.lease = lease;
        follow.on = on;
        order.body_case = JOBD__WORK__ORDER__BODY_FOLLOW;
        order.follow = &follow;
        fake_send(link, &order);
}

void fake_stdin(struct fake_link *link, uint64_t lease, uint64_t offset, const void *data,
                size_t size, bool end)
{
        Jobd__Work__StdinPiece piece = JOBD__WORK__STDIN_PIECE__INIT;
        Jobd__Work__Order order = JOBD__WORK__ORDER__INIT;

        piece.lease = lease;
        piece.offset = offset;
        piece.has_data = size != 0;
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wcast-qual"
        piece.data = (ProtobufCBinaryData){ .data = (uint8_t *)data, .len = size };
#pragma GCC diagnostic pop
        piece.has_end = end;
        piece.end = end;
        order.body_case = JOBD__WORK__ORDER__BODY_STDIN_PIECE;
        order.stdin_piece = &piece;
        fake_send(link, &order);
}

/* -------------------------------------------------------------------------------------- output */

struct fake_text {
        enum spool_stream stream;
        char *text;
        size_t size;
};

static int fake_on_data(void *arg, const struct spool_record *record, const uint8_t *data,
                        size_t size)
{
        struct fake_text *text = arg;

        if (record->stream != text->stream)
                return 0;
        text->text = realloc(text->text, text->size + size + 1);
        ck_assert_ptr_nonnull(text->text);
        memcpy(text->text + text->size, data, size);
        text->size += size;
        text->text[text->size] = '\0';
        return 0;
}

char *fake_text_of(const uint8_t *records, size_t size, int stream)
{
        struct fake_text text = { .stream = (enum spool_stream)stream, .text = calloc(1, 1) };
        struct spool_parser parser;

        spool_parser_init(&parser);
        ck_assert_int_eq(spool_parser_feed(&parser, records, size, fake_on_data, &text), 0);
        return text.text;
}

char *fake_spooled_text(const struct fake *fake, uint64_t lease, int stream)
{
        struct fake_text text = { .stream = (enum spool_stream)stream, .text = calloc(1, 1) };
        _cleanup_(fd_closep) int fd = -1;
        struct spool_parser parser;
        char name[SPOOL_NAME_MAX];
        uint8_t block[65536];
        ssize_t n;

        spool_name(name, lease, 0, 1, false);
        fd = openat(fake->spool_fd, name, O_RDONLY | O_CLOEXEC);
        ck_assert_msg(fd >= 0, "no spool file %s", name);
        spool_parser_init(&parser);
        while ((n = read(fd, block, sizeof(block))) > 0)
                ck_assert_int_eq(spool_parser_feed(&parser, block, (size_t)n, fake_on_data, &text),
                                 0);
        return text.text;
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One worker: a process that lives as long as the pool wants it and runs one lease after another.
 *
 * It owns its record file, its link to jobd and the list of its leases; runner.c runs the first one
 * that waits. A turn is: callbacks (orders, children, pipes, timers) - reports of the turn - flush
 * - start the next lease. The end of one job is on its way to jobd before the next one's process is
 * made. Jobs end in callbacks only, so that one turn for each of them is enough.
 *
 * Promises: every lease that was accepted is in the record file until jobd acknowledged its end or
 * took it back; an end is reported again on every new link until then. jobd's absence changes
 * nothing for a job. The pool's death ends it, with KILL, since nobody would look after what is
 * left.
 *
 * In system mode this process is root for its whole life; only a job's own process becomes its
 * user. It never reads a byte that a user wrote except through pipes into the log.
 */
#include "worker/worker.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/keyctl.h>
#include <signal.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include "common/fs.h"
#include "common/log.h"

#include "worker/line.h"
#include "worker/report.h"
#include "worker/worker_private.h"

#define WORKER_INLINE_MAX_BYTES                                                                    \
        (192U * 1024) /* must fit a frame before jobd allowed larger ones                          \
                       */
#define WORKER_LOW_MARK 4U
#define WORKER_ACK_WAIT_USEC (5 * USEC_PER_SEC)

/* ------------------------------------------------------------------------------------ the link */

static void worker_on_dialled(void *arg)
{
        const struct worker *worker = arg;

        line_send(worker->options->line_fd, LINE_DIALLED, 1);
}

static void worker_on_up(void *arg, const Jobd__Work__Welcome *welcome)
{
        struct worker *worker = arg;
        struct runner_defaults defaults = {
                .inline_bytes = 64 * 1024,
                .cap_bytes = welcome->output_cap_bytes ? welcome->output_cap_bytes : UINT64_MAX,
                .grace_usec = welcome->has_grace_usec ? welcome->grace_usec : 10 * USEC_PER_SEC,
        };
        const struct lease *lease;

        if (welcome->has_inline_max_bytes)
                defaults.inline_bytes =
                        MIN(welcome->inline_max_bytes, (uint64_t)WORKER_INLINE_MAX_BYTES);
        runner_set_defaults(worker->runner, &defaults);
        if (welcome->socket && strlen(welcome->socket) < sizeof(worker->site.socket))
                strcpy(worker->site.socket, welcome->socket);
        report_inventory(worker->link, &worker->leases, runner_stdin_taken(worker->runner));
        TAILQ_FOREACH (lease, &worker->leases, entry)
                if (lease->state == RUN_ENDED)
                        report_exited(worker->link, lease);
        if (worker->is_retiring)
                worker_retire(worker);
}

static void worker_on_order(void *arg, const Jobd__Work__Order *order)
{
        worker_take_order(arg, order);
}

static void worker_on_down(void *arg)
{
        struct worker *worker = arg;

        worker->last_job = job_unref(worker->last_job);
        runner_on_link_down(worker->runner);
        line_send(worker->options->line_fd, LINE_DIALLED, 0);
}

static const struct link_ops worker_link_ops = {
        .on_dialled = worker_on_dialled,
        .on_up = worker_on_up,
        .on_order = worker_on_order,
        .on_down = worker_on_down,
};

/* ------------------------------------------------------------------------------------ the pool */

/* What jobd has not taken yet must be readable without us. */
static void worker_save_ends(struct worker *worker)
{
        struct lease *lease;

        TAILQ_FOREACH (lease, &worker->leases, entry) {
                if (lease->state != RUN_ENDED || lease->is_lost)
                        continue;
                output_log_spool(&lease->log);
                output_log_complete(&lease->log);
                const struct record_entry entry = lease_to_record(lease, RECORD_EXITED);
                record_write(worker->record, lease->slot, &entry);
        }
}

static void worker_on_pool_gone(struct worker *worker)
{
        log_debug("the pool is gone: ending");
        worker->line_watch = loop_watch_free(worker->line_watch);
        worker->is_orphaned = true;
        worker->is_retiring = true;
        runner_abandon(worker->runner);
}

static void worker_stop(struct worker *worker, uint64_t grace_usec)
{
        worker->is_stopping = true;
        worker_retire(worker);
        runner_end(worker->runner, grace_usec);
}

static void worker_on_line(void *arg, _unused_ unsigned int flags)
{
        struct worker *worker = arg;
        struct line_message message;
        const int r = line_receive(worker->options->line_fd, &message);

        if (r == LINE_E_AGAIN)
                return;
        if (r)
                worker_on_pool_gone(worker);
        else if (message.kind == LINE_PING) {
                line_send(worker->options->line_fd, LINE_PONG, message.value);
                line_send(worker->options->line_fd, LINE_DIALLED, link_is_dialled(worker->link));
        } else if (message.kind == LINE_STOP)
                worker_stop(worker, message.value);
}

static void worker_on_signal(void *arg, int signo)
{
        struct worker *worker = arg;

        if (signo == SIGCHLD)
                runner_on_child(worker->runner);
        else if (signo == SIGTERM)
                worker_retire(worker);
}

/* ------------------------------------------------------------------------------------ the turn */

static void worker_on_survived(void *arg)
{
        /* What cannot be killed is still our child: a fresh worker takes over. */
        worker_retire(arg);
}

static const struct runner_ops worker_runner_ops = {
        .on_survived = worker_on_survived,
};

static struct lease *worker_find_waiting(struct worker *worker)
{
        struct lease *lease;

        TAILQ_FOREACH (lease, &worker->leases, entry)
                if (lease->state == RUN_HELD)
                        return lease;
        return NULL;
}

static void worker_start_next(struct worker *worker)
{
        struct lease *lease;

        while (!worker->is_retiring && !runner_current(worker->runner) &&
               (lease = worker_find_waiting(worker)))
                runner_start(worker->runner, lease);
}

static void worker_on_exit_time(void *arg)
{
        struct worker *worker = arg;

        worker->is_orphaned = true; /* jobd will learn the rest from our record */
}

/* Nothing runs and nothing more will: leave, when jobd has it all or there is nobody to wait for.
 */
static void worker_consider_exit(struct worker *worker)
{
        if (!worker->is_retiring || runner_current(worker->runner))
                return;
        if (worker->leases_count == 0 || worker->is_orphaned ||
            (worker->is_stopping && !link_is_up(worker->link))) {
                worker_save_ends(worker);
                loop_stop(worker->loop, 0);
                return;
        }
        if (worker->is_stopping && !loop_timer_is_on(worker->exit_timer) &&
            loop_timer_start(worker->exit_timer, WORKER_ACK_WAIT_USEC))
                loop_stop(worker->loop, 0);
}

/*
 * While enough short tasks wait here, their ends travel together: each write wakes jobd and costs
 * it a transaction. At the low mark they leave, so that the next leases are here before these are
 * used up; the 5 ms look at every job (runner.c) ends any other wait.
 */
static bool worker_has_plenty(const struct worker *worker)
{
        const struct lease *lease;
        unsigned int waiting_count = 0;

        /* Those that wait came last. */
        TAILQ_FOREACH_REVERSE(lease, &worker->leases, lease_list, entry)
        {
                waiting_count += lease->state == RUN_HELD;
                if (waiting_count > WORKER_LOW_MARK)
                        return !worker->is_retiring;
        }
        return false;
}

static void worker_turn(void *arg)
{
        struct worker *worker = arg;

        runner_show(worker->runner);
        link_turn(worker->link, worker_has_plenty(worker));
        worker_start_next(worker);
        link_turn(worker->link, worker_has_plenty(worker));
        if (worker->is_retiring)
                worker_consider_exit(worker);
}

/* ------------------------------------------------------------------------------------ building */

static int worker_open_folders(struct worker *worker, int *out_records_fd)
{
        const struct options *options = worker->options;
        const int flags = O_RDONLY | O_DIRECTORY | O_CLOEXEC;

        *out_records_fd = open(options->records_path, flags);
        if (*out_records_fd < 0)
                return FAULT(-errno);
        worker->spool_fd = open(options->spool_path, flags);
        if (worker->spool_fd < 0)
                return FAULT(-errno);
        if (options->cgroup_path) {
                worker->cgroup_fd = open(options->cgroup_path, flags);
                if (worker->cgroup_fd < 0)
                        return FAULT(-errno);
        }
        return 0;
}

static int worker_open_record(struct worker *worker)
{
        _cleanup_(fd_closep) int records_fd = -1;
        int r;

        r = worker_open_folders(worker, &records_fd);
        if (r)
                return PASS(r);
        r = record_open(records_fd, worker->options->number, worker->options->generation,
                        &worker->record);
        return PASS(r);
}

static bool worker_has_oom_score(void)
{
        _cleanup_(freep) char *text = NULL;

        return fs_read_file(AT_FDCWD, "/proc/self/oom_score_adj", 64, &text, NULL) == 0 &&
               atoi(text) != 0;
}

/* What is ours alone: policy, limits, an empty keyring, and who we are to the kernel. */
static int worker_settle(struct worker *worker)
{
        const struct options *options = worker->options;
        struct reason why = { "" };
        int r;

        if (prctl(PR_SET_DUMPABLE, 0) < 0 || prctl(PR_SET_CHILD_SUBREAPER, 1) < 0)
                return FAULT(-errno);
        /* It came through our own exec; no job and no helper is to have it. */
        if (fcntl(options->line_fd, F_SETFD, FD_CLOEXEC) < 0)
                return FAULT(-errno);
        umask(027);
        worker->site.is_system = !options->is_user_mode;
        worker->site.policy = &worker->policy;
        worker->site.slot = options->number + 1;
        worker->site.has_cgroup = worker->cgroup_fd >= 0;
        worker->site.reset_oom_score = !options->is_user_mode && worker_has_oom_score();
        if (!options->is_user_mode)
                (void)syscall(SYS_keyctl, KEYCTL_JOIN_SESSION_KEYRING, NULL);
        r = options->is_user_mode ? policy_init(&worker->policy)
                                  : policy_load(options->policy_path, &worker->policy, &why);
        if (r > 0)
                log_error("the worker policy is refused: %s", why.text);
        if (r)
                return PASS(r);
        r = prepare_site_init(&worker->site);
        if (r)
                return PASS(r);
        worker->site.null_fd = open("/dev/null", O_RDWR | O_CLOEXEC);
        if (worker->site.null_fd < 0)
                return FAULT(-errno);
        r = names_new(NAMES_TIMEOUT_USEC, &worker->names);
        worker->site.names = worker->names;
        return PASS(r);
}

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wcast-qual" /* protobuf-c's strings are not const; it only reads  \
                                              */
static int worker_fill_hello(struct worker *worker)
{
        int r;

        jobd__work__hello__init(&worker->hello);
        r = clock_read_boot_id(worker->boot_id);
        if (r)
                return PASS(r);
        worker->hello.version = WIRE_WORKER_VERSION;
        worker->hello.role = JOBD__WORK__ROLE__ROLE_WORKER;
        worker->hello.build = (char *)worker->options->build;
        worker->hello.boot_id.data = worker->boot_id;
        worker->hello.boot_id.len = sizeof(worker->boot_id);
        worker->hello.pid = (uint32_t)getpid();
        worker->hello.has_number = worker->hello.has_generation = worker->hello.has_slots = true;
        worker->hello.number = worker->options->number;
        worker->hello.generation = worker->options->generation;
        worker->hello.slots = RECORD_SLOTS;
        return 0;
}
#pragma GCC diagnostic pop

static int worker_build_runner(struct worker *worker)
{
        const struct runner_options options = {
                .loop = worker->loop,
                .link = worker->link,
                .record = worker->record,
                .site = &worker->site,
                .cgroup_fd = worker->cgroup_fd,
        };
        int r;

        r = runner_new(&options, &worker_runner_ops, worker, &worker->runner);
        return PASS(r);
}

static int worker_build(struct worker *worker)
{
        const struct link_options link_options = {
                .socket_path = worker->options->socket_path,
                .owner_uid = worker->options->owner_uid,
                .hello = &worker->hello,
        };
        int r;

        r = worker_open_record(worker);
        if (r == 0)
                r = worker_settle(worker);
        if (r == 0)
                r = worker_fill_hello(worker);
        if (r == 0)
                r = loop_new(&worker->loop);
        if (r == 0)
                r = signals_new(worker->loop, worker_on_signal, worker, &worker->signals);
        if (r == 0)
                r = link_new(worker->loop, &link_options, &worker_link_ops, worker, &worker->link);
        if (r == 0)
                r = worker_build_runner(worker);
        if (r == 0)
                r = loop_timer_new(worker->loop, worker_on_exit_time, worker, &worker->exit_timer);
        if (r == 0)
                r = loop_watch_new(worker->loop, worker->options->line_fd, LOOP_READ,
                                   worker_on_line, worker, &worker->line_watch);
        return PASS(r);
}

static void worker_deinit(struct worker *worker)
{
        struct lease *lease;

        while ((lease = TAILQ_FIRST(&worker->leases))) {
                TAILQ_REMOVE(&worker->leases, lease, entry);
                lease_free(lease);
        }
        job_unref(worker->last_job);
        loop_watch_free(worker->line_watch);
        loop_timer_free(worker->exit_timer);
        runner_free(worker->runner);
        link_free(worker->link);
        signals_free(worker->signals);
        loop_free(worker->loop);
        names_free(worker->names);
        record_close(worker->record);
        fd_close(worker->site.null_fd);
        prepare_site_deinit(&worker->site);
        fd_close(worker->spool_fd);
        fd_close(worker->cgroup_fd);
}

int worker_run(const struct options *options)
{
        struct worker worker = {
                .options = options,
                .spool_fd = -1,
                .cgroup_fd = -1,
                .site = { .null_fd = -1 },
        };
        int r;

        TAILQ_INIT(&worker.leases);
        r = worker_build(&worker);
        if (r == 0)
                r = loop_run(worker.loop, worker_turn, &worker);
        worker_deinit(&worker);
        return r < 0 ? 1 : r;
}

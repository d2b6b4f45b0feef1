/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The composition root: the only file that sees everything. It builds the parts in the order in
 * which they stand on each other, connects their callbacks, and turns.
 *
 *   INPUT    callbacks of sessions, links, timers, the journal: they post events
 *   DECIDE   engine_decide()      ready tasks meet workers
 *   COMMIT   engine_commit()      what was posted goes to the journal thread as one transaction
 *   OUTPUT   *_flush(durable)     frames leave, those held until their barrier is durable
 *   BURY     *_bury()             what died in this turn is freed
 *
 * The whole policy of faults is here. A fault in a session closes that session, one in a worker's
 * link drops that link; both happen below. A fault in the engine or the journal ends the daemon:
 * its memory may no longer be what is on disk, and the next start reads what is. Nothing that was
 * acknowledged is lost by that, and running jobs do not notice.
 *
 * How it ends: SIGTERM and SIGINT end this process and leave jobs, workers and queue alone; a
 * `shutdown` request starts nothing more, waits until nothing runs, and takes the pool along; a
 * daemon that jobctl started ends when nothing was unfinished and nobody connected for a while.
 */
#include "daemon/daemon.h"

#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/log.h"
#include "common/loop.h"

#include "daemon/clients/clients.h"
#include "daemon/describe.h"
#include "daemon/engine_setup.h"
#include "daemon/jobs/engine.h"
#include "daemon/jobs/retention.h"
#include "daemon/journal/journal.h"
#include "daemon/process.h"
#include "daemon/status_line.h"
#include "daemon/workers/workers.h"

#define DAEMON_KEY_KEEP_USEC (24 * 3600 * USEC_PER_SEC)
/* A transaction older than this part of the watchdog's interval is stuck: 20 s of WatchdogSec=60.
 */
#define DAEMON_STUCK_PART 3

struct daemon {
        struct daemon_setup *setup; /* borrowed */
        struct loop *loop;
        struct journal *journal;
        struct workers *workers;
        struct engine *engine;
        struct retention *retention;
        struct clients *clients;
        struct service_watchdog *watchdog;
        uint64_t watchdog_usec;
        struct status_line *status;
        struct loop_timer *idle_timer;
        struct loop_signal *signals[3];
        uint64_t events_seen;
        uint64_t start_wall_usec;
        struct process process;
        struct engine_share *shares;       /* owned: the engine reads them */
        struct engine_resource *resources; /* owned; their names are the configuration's */
        size_t resources_count;
        int exit_code;    /* of a start that was refused; the sentence is out */
        bool is_resized;  /* somebody said how many workers, after the settings did */
        bool is_stopping; /* a `shutdown` is waiting for what runs */
        bool takes_pool;  /* ... and takes the pool along */
};

/* ----------------------------------------------------------------------------------- settings */

static void daemon_engine_options(const struct daemon *d, struct engine_options *out_options)
{
        const struct config *c = d->setup->config;

        engine_setup_options(c, out_options);
        out_options->spool_fd = d->setup->spool_fd;
        out_options->cores = config_cores(c, d->is_resized);
        out_options->shares = d->shares;
        out_options->shares_count = c->shares_count;
        out_options->resources = d->resources;
        out_options->resources_count = d->resources_count;
}

static void daemon_clients_options(const struct daemon *d, struct clients_options *out_options)
{
        const struct config *c = d->setup->config;

        *out_options = (struct clients_options){
                .system_mode = d->setup->is_system,
                .own_uid = getuid(),
                .admin_gid = c->admin_gid,
                .jobs_are_public = !c->private_jobs,
                .connections_max = c->connections_max,
                .connections_max_per_user = c->connections_max_per_user,
                .reply_bytes_max = c->reply_bytes_max,
                .state_dir = d->setup->paths->state,
                .start_wall_usec = d->start_wall_usec,
        };
        memcpy(out_options->instance, d->setup->instance, sizeof(out_options->instance));
}

static void daemon_retention_options(const struct daemon *d, struct retention_options *out_options)
{
        const struct config *c = d->setup->config;

        *out_options = (struct retention_options){
                .keep_age_usec = c->keep_age_usec,
                .keep_count = c->keep_count,
                .keep_bytes = c->keep_bytes,
        };
}

/* Tells everybody what `fresh`, which is taken over, says; the old settings end. */
static void daemon_apply_config(struct daemon *d, struct config *fresh, struct engine_share *shares,
                                struct engine_resource *resources, size_t resources_count)
{
        _cleanup_(config_freep) struct config *old = d->setup->config;
        _cleanup_(freep) struct engine_share *old_shares = d->shares;
        _cleanup_(freep) struct engine_resource *old_resources = d->resources;
        struct engine_options engine_options;
        struct clients_options clients_options;
        struct retention_options retention_options;

        d->setup->config = fresh;
        d->shares = shares;
        d->resources = resources;
        d->resources_count = resources_count;
        if (fresh->workers != old->workers)
                d->is_resized = false;
        daemon_engine_options(d, &engine_options);
        daemon_clients_options(d, &clients_options);
        daemon_retention_options(d, &retention_options);
        engine_set_options(d->engine, &engine_options);
        clients_set_limits(d->clients, &clients_options);
        retention_set_options(d->retention, &retention_options);
        workers_set_defaults(d->workers, fresh->inline_max_bytes, fresh->output_cap_bytes,
                             fresh->grace_usec);
        if (fresh->workers != old->workers)
                workers_resize(d->workers, fresh->workers);
        log_init("jobd", config_log_level(fresh));
}

static int daemon_reload(void *arg, struct reason *why)
{
        struct daemon *d = arg;
        struct daemon_setup *s = d->setup;
        _cleanup_(config_freep) struct config *fresh = NULL;
        _cleanup_(freep) struct engine_share *shares = NULL;
        _cleanup_(freep) struct engine_resource *resources = NULL;
        size_t resources_count = 0;
        const char *warning;
        size_t i;
        int r;

        service_tell_reloading();
        r = config_load(s->is_system, s->config_path, s->config_sets, s->config_sets_count, &fresh,
                        why);
        if (r == 0)
                r = engine_setup_shares(fresh, &shares);
        if (r == 0)
                r = engine_setup_resources(fresh, &resources, &resources_count);
        if (r < 0)
                (void)reason_set(why, r, "the configuration could not be read: %s", strerror(-r));
        if (r) {
                log_write(LOG_LEVEL_ERROR, LOG_EVENT_CONFIG_BAD, 0,
                          "reload: %s; the old configuration stays", why->text);
                service_tell_reloaded();
                return CONFIG_E_BAD;
        }
        daemon_apply_config(d, TAKE_PTR(fresh), TAKE_PTR(shares), TAKE_PTR(resources),
                            resources_count);
        for (i = 0; (warning = config_warning(s->config, i)); i++)
                log_warning("%s", warning);
        service_tell_reloaded();
        log_write(LOG_LEVEL_NOTICE, LOG_EVENT_RELOADED, 0, "configuration reloaded");
        return 0;
}

/* ------------------------------------------------------------- what clients ask of the daemon */

static void daemon_shutdown(void *arg, bool now)
{
        struct daemon *d = arg;

        d->is_stopping = true;
        d->takes_pool = !d->setup->is_managed;
        engine_stop(d->engine, now);
        service_tell_stopping();
}

static bool daemon_config_entry(void *arg, size_t index, const char **out_section,
                                const char **out_key, char *value, size_t value_size,
                                const char **out_origin)
{
        const struct daemon *d = arg;

        return config_entry(d->setup->config, index, out_section, out_key, value, value_size,
                            out_origin);
}

static const char *daemon_config_warning(void *arg, size_t index)
{
        const struct daemon *d = arg;

        return config_warning(d->setup->config, index);
}

static void daemon_pool_resize(void *arg, uint32_t wanted)
{
        struct daemon *d = arg;
        struct engine_options options;

        workers_resize(d->workers, wanted);
        d->is_resized = true;
        daemon_engine_options(d, &options);
        engine_set_options(d->engine, &options);
}

static void daemon_pool_read(void *arg, struct clients_pool *out_pool)
{
        const struct daemon *d = arg;

        *out_pool = (struct clients_pool){
                .wanted = workers_wanted(d->workers),
                .pid = workers_pool_pid(d->workers),
                .is_connected = workers_has_pool(d->workers),
                .containment = workers_containment(d->workers),
        };
}

static bool daemon_pool_worker(void *arg, size_t index, struct clients_worker *out_worker)
{
        const struct daemon *d = arg;
        const struct worker *worker = workers_at(d->workers, index);

        if (!worker)
                return false;
        *out_worker = (struct clients_worker){
                .number = worker_number(worker),
                .pid = worker_pid(worker),
                .is_connected = true,
                .is_retiring = worker_is_retiring(worker),
                .build = worker_build(worker),
        };
        return true;
}

static void daemon_read_process(void *arg, struct clients_process *out_process)
{
        struct daemon *d = arg;

        process_read(&d->process, out_process);
}

static const struct clients_ops daemon_clients_ops = {
        .reload = daemon_reload,
        .shutdown = daemon_shutdown,
        .config_entry = daemon_config_entry,
        .config_warning = daemon_config_warning,
        .pool_resize = daemon_pool_resize,
        .pool_read = daemon_pool_read,
        .pool_worker = daemon_pool_worker,
        .read_process = daemon_read_process,
};

/* -------------------------------------------------------------------------- journal and links */

static void daemon_on_durable(void *arg, uint64_t durable)
{
        struct daemon *d = arg;

        engine_on_durable(d->engine, durable);
}

static void daemon_on_store_failed(void *arg, const char *sentence)
{
        (void)arg;
        log_write(LOG_LEVEL_ERROR, LOG_EVENT_STORE_FAILED, 0,
                  "the store failed: %s; ending, so that nothing is promised that is not on disk",
                  sentence);
        service_tell_status("The store failed: %s", sentence);
        /* At once: whether the last transaction is on disk is not known, so nobody hears of it. */
        _exit(EXIT_FAILURE);
}

static void daemon_on_disk(void *arg, bool full)
{
        struct daemon *d = arg;

        log_write(LOG_LEVEL_WARNING, LOG_EVENT_DISK_FULL, 0,
                  full ? "the disk is nearly full: new jobs are refused, output is cut"
                       : "the disk has room again: jobs are taken");
        workers_set_disk(d->workers, full);
}

static const struct journal_ops daemon_journal_ops = {
        .on_durable = daemon_on_durable,
        .on_failed = daemon_on_store_failed,
        .on_disk = daemon_on_disk,
};

static void daemon_on_pool(void *arg, bool connected)
{
        struct daemon *d = arg;

        if (d->setup->pool)
                start_pool_on_link(d->setup->pool, connected);
}

static const struct engine_ops daemon_engine_ops = {
        .on_pool = daemon_on_pool,
};

/* ------------------------------------------------------------------------------------ the turn */

static void daemon_arm_idle(struct daemon *d)
{
        const bool is_idle =
                d->setup->is_auto && engine_is_empty(d->engine) && clients_count(d->clients) == 0;

        if (!is_idle)
                loop_timer_stop(d->idle_timer);
        else if (!loop_timer_is_on(d->idle_timer) &&
                 loop_timer_start(d->idle_timer, d->setup->config->daemon_idle_usec))
                log_warning("the idle timer could not be started");
}

static void daemon_on_idle(void *arg)
{
        struct daemon *d = arg;

        log_info("idle for long enough: ending");
        loop_stop(d->loop, EXIT_SUCCESS);
}

static void daemon_end_if_quiet(struct daemon *d)
{
        if (!d->is_stopping || !engine_is_quiet(d->engine) ||
            journal_durable(d->journal) < engine_sequence(d->engine))
                return;
        if (d->takes_pool) {
                if (d->setup->pool)
                        start_pool_stop(d->setup->pool);
                workers_stop_pool(d->workers);
                workers_flush(d->workers, journal_durable(d->journal));
        }
        loop_stop(d->loop, EXIT_SUCCESS);
}

static void daemon_describe(void *arg, char *text, size_t size)
{
        const struct daemon *d = arg;

        describe_write(d->engine, d->workers, d->journal, text, size);
}

static void daemon_turn(void *arg)
{
        struct daemon *d = arg;
        uint64_t durable;
        int r;

        engine_decide(d->engine);
        r = retention_turn(d->retention);
        if (!r)
                r = engine_commit(d->engine);
        if (r) {
                log_error("the engine failed (%s); ending", strerror(-r));
                loop_stop(d->loop, EXIT_FAILURE);
                return;
        }
        if (engine_events_posted(d->engine) != d->events_seen) {
                d->events_seen = engine_events_posted(d->engine);
                clients_on_events(d->clients);
        }
        durable = journal_durable(d->journal);
        workers_flush(d->workers, durable);
        clients_flush(d->clients, durable);
        workers_bury(d->workers);
        clients_bury(d->clients);
        daemon_end_if_quiet(d);
        daemon_arm_idle(d);
        status_line_look(d->status, describe_mark(d->engine, d->workers, d->journal));
        process_count_turn(&d->process, loop_turn_usec(d->loop));
}

static bool daemon_is_well(void *arg)
{
        const struct daemon *d = arg;
        struct journal_stats stats;

        journal_read_stats(d->journal, &stats);
        return stats.oldest_batch_usec < d->watchdog_usec / DAEMON_STUCK_PART;
}

/* ---------------------------------------------------------------------------------- life time */

static void daemon_on_signal(void *arg, int signo)
{
        struct daemon *d = arg;
        struct reason why = { "" };

        if (signo == SIGHUP) {
                (void)daemon_reload(d, &why); /* logged there */
                return;
        }
        log_write(LOG_LEVEL_NOTICE, LOG_EVENT_STOPPED, 0, "ending by signal %d; jobs go on", signo);
        service_tell_stopping();
        loop_stop(d->loop, EXIT_SUCCESS);
}

static int daemon_watch_signals(struct daemon *d)
{
        static const int signals[] = { SIGTERM, SIGINT, SIGHUP };
        size_t i;
        int r;

        for (i = 0; i < ARRAY_SIZE(signals); i++) {
                r = loop_signal_new(d->loop, signals[i], daemon_on_signal, d, &d->signals[i]);
                if (r)
                        return PASS(r);
        }
        r = loop_timer_new(d->loop, daemon_on_idle, d, &d->idle_timer);
        return r ? PASS(r) : 0;
}

static int daemon_open_store(struct daemon *d)
{
        const struct config *c = d->setup->config;
        const struct journal_options options = {
                .state_dir = d->setup->paths->state,
                .floor_bytes = c->disk_floor_bytes,
                .reserve_bytes = c->reserve_bytes,
                .key_keep_usec = DAEMON_KEY_KEEP_USEC,
        };
        struct engine_options engine_options;
        struct retention_options retention_options;
        struct reason why = { "" };
        int r;

        r = journal_open(&options, &d->journal, &why);
        if (r > 0) {
                log_write(LOG_LEVEL_ERROR, LOG_EVENT_STORE_FAILED, 0, "%s", why.text);
                service_tell_status("Cannot start: %s", why.text);
                d->setup->why = why;
                d->exit_code = r == JOURNAL_E_LATER ? EXIT_FAILURE : DAEMON_EXIT_STORE;
                return -EUCLEAN;
        }
        if (r)
                return PASS(r);
        r = engine_setup_shares(c, &d->shares);
        if (!r)
                r = engine_setup_resources(c, &d->resources, &d->resources_count);
        if (r)
                return PASS(r);
        daemon_engine_options(d, &engine_options);
        r = engine_new(d->loop, &engine_options, &daemon_engine_ops, d, &d->engine);
        if (r)
                return PASS(r);
        daemon_retention_options(d, &retention_options);
        r = retention_new(d->engine, &retention_options, &d->retention);
        if (r)
                return PASS(r);
        r = engine_restore(d->engine, d->journal);
        return r ? PASS(r) : 0;
}

static int daemon_open_links(struct daemon *d)
{
        const struct config *c = d->setup->config;
        struct workers_options options = {
                .socket_path = d->setup->paths->workers_socket,
                .clients_socket_path = d->setup->paths->socket,
                .peer_uid = d->setup->workers_uid,
                .wanted = c->workers,
                .inline_max_bytes = c->inline_max_bytes,
                .output_cap_bytes = c->output_cap_bytes,
                .grace_usec = c->grace_usec,
        };
        int r;

        memcpy(options.instance, d->setup->instance, sizeof(options.instance));
        r = workers_new(d->loop, &options, &engine_workers_ops, d->engine, &d->workers);
        if (r)
                return PASS(r);
        engine_connect(d->engine, d->journal, d->workers);
        r = journal_start(d->journal, d->loop, &daemon_journal_ops, d);
        return r ? PASS(r) : 0;
}

static int daemon_open_clients(struct daemon *d)
{
        struct clients_options options;
        size_t i;
        int r;

        daemon_clients_options(d, &options);
        r = clients_new(d->loop, &options, d->engine, &daemon_clients_ops, d, &d->clients);
        if (r)
                return PASS(r);
        for (i = 0; i < d->setup->listen_fds_count; i++) {
                r = clients_listen(d->clients, TAKE_FD(d->setup->listen_fds[i]));
                if (r)
                        return PASS(r);
        }
        return 0;
}

static int daemon_open(struct daemon *d)
{
        int r;

        r = loop_new(&d->loop);
        if (r)
                return PASS(r);
        r = daemon_watch_signals(d);
        if (!r)
                r = daemon_open_store(d);
        if (!r)
                r = daemon_open_links(d);
        if (!r)
                r = daemon_open_clients(d);
        if (!r)
                r = service_watchdog_new(d->loop, daemon_is_well, d, &d->watchdog,
                                         &d->watchdog_usec);
        if (!r)
                r = status_line_new(d->loop, daemon_describe, d, &d->status);
        if (!r && d->setup->pool)
                r = start_pool_watch(d->setup->pool, d->loop);
        return r ? PASS(r) : 0;
}

/*
 * Retention takes its read back; then the journal ends, so that no errand or read comes back to
 * what is gone.
 */
static void daemon_close(struct daemon *d)
{
        size_t i;

        if (d->setup->is_socket_ours)
                unlink(d->setup->paths->socket);
        d->watchdog = service_watchdog_free(d->watchdog);
        d->status = status_line_free(d->status);
        d->retention = retention_free(d->retention);
        d->journal = journal_close(d->journal);
        d->clients = clients_free(d->clients);
        d->engine = engine_free(d->engine);
        d->workers = workers_free(d->workers);
        free(d->shares);
        free(d->resources);
        if (d->setup->pool)
                start_pool_stop(d->setup->pool); /* its timer and watch hang on the loop */
        d->idle_timer = loop_timer_free(d->idle_timer);
        for (i = 0; i < ARRAY_SIZE(d->signals); i++)
                d->signals[i] = loop_signal_free(d->signals[i]);
        d->loop = loop_free(d->loop);
}

int daemon_run(struct daemon_setup *setup)
{
        struct daemon d = { .setup = setup, .start_wall_usec = clock_wall_usec() };
        int r;

        process_init(&d.process);
        r = daemon_open(&d);
        if (!r) {
                log_write(setup->is_auto ? LOG_LEVEL_INFO : LOG_LEVEL_NOTICE, LOG_EVENT_STARTED, 0,
                          "serving on %s, %s", setup->paths->socket,
                          describe_runner(setup->is_managed, setup->pool != NULL));
                service_tell_ready(&setup->ready_fd);
                setup->has_served = true;
                r = loop_run(d.loop, daemon_turn, &d);
        } else if (!d.exit_code) {
                log_write(LOG_LEVEL_ERROR, LOG_EVENT_START_REFUSED, 0, "cannot start: %s",
                          strerror(-r));
                service_tell_status("Cannot start: %s", strerror(-r));
        }
        daemon_close(&d);
        if (d.exit_code)
                return d.exit_code;
        return r == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Requests about the service itself: ping, status, pool, drain, shutdown, reload, config; and stop,
 * which ends a request of the same connection. All are answered at once. What concerns the daemon
 * as a whole is asked of daemon.c through clients_ops. Called by verbs.c.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "common/error.h"
#include "common/version.h"

#include "daemon/clients/verb.h"

#define SERVICE_WORKERS_MAX 4096U
#define SERVICE_ENTRIES_MAX 1024U
#define SERVICE_VALUE_MAX 4096U

int verb_hello(struct session *from, const Jobd__Request *request, struct job *job,
               struct reason *why)
{
        (void)from;
        (void)request;
        (void)job;
        return reason_set(why, JOBD__ERROR_CODE__ERROR_USAGE, "Hello was said already");
}

int verb_ping(struct session *from, const Jobd__Request *request, struct job *job,
              struct reason *why)
{
        (void)job;
        (void)why;
        answer_done(from, request->tag, 0);
        return 0;
}

/* Also when there is nothing to stop: it may have ended while this was on its way. */
int verb_stop(struct session *from, const Jobd__Request *request, struct job *job,
              struct reason *why)
{
        struct stream *stream = stream_set_find(&from->streams, request->stop->stop_tag);

        (void)job;
        (void)why;
        if (stream && !stream->type->is_stoppable)
                return reason_set(why, JOBD__ERROR_CODE__ERROR_USAGE,
                                  "request %" PRIu64 " cannot be stopped: only Wait, Follow and "
                                  "Events can",
                                  stream->tag);
        if (stream) {
                answer_stream_done(stream);
                if (!stream_is_ended(stream) && stream->type->on_leave)
                        stream->type->on_leave(stream);
                stream_end(stream);
        }
        answer_done(from, request->tag, 0);
        return 0;
}

/* -------------------------------------------------------------------------------------- status */

static void service_fill_engine(const struct session *from, Jobd__StatusReply *status)
{
        struct engine_counts counts;

        engine_count(from->clients->engine, &counts);
        engine_count_user(from->clients->engine, from->peer.uid, &status->own_queued,
                          &status->own_running);
        status->workers_alive = counts.workers_alive;
        status->workers_busy = counts.workers_busy;
        status->queued = counts.queued_tasks;
        status->running = counts.leased_tasks;
        status->finished = counts.finished_tasks;
        status->draining = counts.draining || counts.stopping;
}

static int service_fill_journal(const struct session *from, Jobd__StatusReply *status)
{
        const struct journal *journal = engine_journal(from->clients->engine);
        struct journal_stats stats;

        if (!journal)
                return FAULT(-EIO);
        journal_read_stats(journal, &stats);
        status->disk_free_bytes = stats.disk_free_bytes;
        status->disk_full = journal_is_disk_full(journal);
        status->commit_count = stats.commit_count;
        status->commit_usec_p50 = stats.commit_usec_p50;
        status->commit_usec_max = stats.commit_usec_max;
        return 0;
}

int verb_status(struct session *from, const Jobd__Request *request, struct job *job,
                struct reason *why)
{
        const struct clients *clients = from->clients;
        _cleanup_(freep) char *containment = NULL, *state_dir = NULL;
        Jobd__Reply reply = JOBD__REPLY__INIT;
        Jobd__StatusReply status = JOBD__STATUS_REPLY__INIT;
        struct clients_pool pool = { .containment = "unknown" };
        char build[VERSION_BYTES];
        int r;

        (void)job;
        (void)why;
        r = service_fill_journal(from, &status);
        if (r)
                return PASS(r);
        service_fill_engine(from, &status);
        clients->ops->pool_read(clients->arg, &pool);
        containment = strdup(pool.containment);
        state_dir = strdup(clients->options.state_dir);
        if (!containment || !state_dir)
                return FAULT(-ENOMEM);
        snprintf(build, sizeof(build), "%s", version_build);
        status.build = build;
        status.pid = (uint32_t)getpid();
        status.start_wall_usec = clients->options.start_wall_usec;
        status.system_mode = clients->options.system_mode;
        status.workers_wanted = pool.wanted;
        status.pool_connected = pool.is_connected;
        status.containment = containment;
        status.state_dir = state_dir;
        status.sessions = clients->sessions_count;
        reply.body_case = JOBD__REPLY__BODY_STATUS;
        reply.status = &status;
        session_send(from, request->tag, &reply, 0, -1);
        return 0;
}

/* ---------------------------------------------------------------------------------------- pool */

struct service_workers {
        Jobd__WorkerInfo infos[SERVICE_WORKERS_MAX];
        Jobd__WorkerInfo *pointers[SERVICE_WORKERS_MAX];
        char builds[SERVICE_WORKERS_MAX][64];
};

/* What it runs is told to the job's owner and to administrators. */
static void service_fill_task(struct session *from, Jobd__WorkerInfo *info)
{
        struct engine *engine = from->clients->engine;
        uint64_t id, task;
        uint32_t leases;
        const struct job *job;

        if (!engine_worker_task(engine, info->number, &id, &task, &leases))
                return;
        info->has_leases = true;
        info->leases = leases;
        job = engine_find(engine, id);
        if (!job || (!from->is_admin && engine_job_uid(job) != from->peer.uid))
                return;
        info->has_job = info->has_task = true;
        info->job = id;
        info->task = task;
}

static size_t service_fill_workers(struct session *from, struct service_workers *workers)
{
        const struct clients *clients = from->clients;
        struct clients_worker worker;
        size_t n = 0;

        memset(&worker, 0, sizeof(worker));
        while (n < SERVICE_WORKERS_MAX && clients->ops->pool_worker(clients->arg, n, &worker)) {
                Jobd__WorkerInfo *info = &workers->infos[n];

                jobd__worker_info__init(info);
                info->number = worker.number;
                info->pid = worker.pid;
                info->connected = worker.is_connected;
                info->has_retiring = info->retiring = worker.is_retiring;
                if (worker.build) {
                        info->build = workers->builds[n];
                        strncat(info->build, worker.build, sizeof(workers->builds[n]) - 1);
                }
                service_fill_task(from, info);
                workers->pointers[n++] = info;
                memset(&worker, 0, sizeof(worker));
        }
        return n;
}

int verb_pool(struct session *from, const Jobd__Request *request, struct job *job,
              struct reason *why)
{
        const struct clients *clients = from->clients;
        _cleanup_(freep) struct service_workers *workers = NULL;
        Jobd__Reply reply = JOBD__REPLY__INIT;
        Jobd__PoolReply body = JOBD__POOL_REPLY__INIT;
        struct clients_pool pool = { 0 };

        (void)job;
        if (request->pool->has_resize) {
                const uint32_t wanted = request->pool->resize;

                if (wanted < 1 || wanted > SERVICE_WORKERS_MAX)
                        return reason_set(why, JOBD__ERROR_CODE__ERROR_USAGE,
                                          "a pool has 1 to %u workers, not %u", SERVICE_WORKERS_MAX,
                                          wanted);
                clients->ops->pool_resize(clients->arg, wanted);
        }
        workers = calloc(1, sizeof(*workers));
        if (!workers)
                return FAULT(-ENOMEM);
        clients->ops->pool_read(clients->arg, &pool);
        body.wanted = pool.wanted;
        body.has_connected = true;
        body.connected = pool.is_connected;
        body.has_pid = pool.pid > 0;
        body.pid = pool.pid;
        body.n_workers = service_fill_workers(from, workers);
        body.workers = workers->pointers;
        reply.body_case = JOBD__REPLY__BODY_POOL;
        reply.pool = &body;
        session_send(from, request->tag, &reply, 0, -1);
        return 0;
}

/* ------------------------------------------------------------------- drain, shutdown, reload */

int verb_drain(struct session *from, const Jobd__Request *request, struct job *job,
               struct reason *why)
{
        const bool on = !request->drain->end;

        (void)job;
        (void)why;
        engine_drain(from->clients->engine, on);
        answer_done(from, request->tag, engine_sequence(from->clients->engine));
        return 0;
}

int verb_shutdown(struct session *from, const Jobd__Request *request, struct job *job,
                  struct reason *why)
{
        const bool now = request->shutdown->now;

        (void)job;
        (void)why;
        from->clients->ops->shutdown(from->clients->arg, now);
        answer_done(from, request->tag, engine_sequence(from->clients->engine));
        return 0;
}

int verb_reload(struct session *from, const Jobd__Request *request, struct job *job,
                struct reason *why)
{
        int r;

        r = from->clients->ops->reload(from->clients->arg, why);
        if (r < 0)
                return PASS(r);
        if (r > 0)
                return JOBD__ERROR_CODE__ERROR_USAGE;
        /* Who reloads is told what was odd in it. */
        return verb_config(from, request, job, why);
}

/* -------------------------------------------------------------------------------------- config */

struct service_entry {
        Jobd__ConfigEntry message;
        char section[64], key[64], origin[512];
        char value[SERVICE_VALUE_MAX];
};

struct service_config {
        struct service_entry entries[SERVICE_ENTRIES_MAX];
        Jobd__ConfigEntry *pointers[SERVICE_ENTRIES_MAX];
        char warnings[SERVICE_ENTRIES_MAX][256];
        char *warning_pointers[SERVICE_ENTRIES_MAX];
};

static size_t service_fill_entries(const struct clients *clients, struct service_config *config)
{
        size_t n;

        for (n = 0; n < SERVICE_ENTRIES_MAX; n++) {
                struct service_entry *entry = &config->entries[n];
                const char *section, *key, *origin = NULL;

                if (!clients->ops->config_entry(clients->arg, n, &section, &key, entry->value,
                                                sizeof(entry->value), &origin))
                        break;
                jobd__config_entry__init(&entry->message);
                strncat(entry->section, section, sizeof(entry->section) - 1);
                strncat(entry->key, key, sizeof(entry->key) - 1);
                entry->message.section = entry->section;
                entry->message.key = entry->key;
                entry->message.value = entry->value;
                if (origin) {
                        strncat(entry->origin, origin, sizeof(entry->origin) - 1);
                        entry->message.origin = entry->origin;
                }
                config->pointers[n] = &entry->message;
        }
        return n;
}

static size_t service_fill_warnings(const struct clients *clients, struct service_config *config)
{
        const char *warning;
        size_t n;

        for (n = 0; n < SERVICE_ENTRIES_MAX; n++) {
                warning = clients->ops->config_warning(clients->arg, n);
                if (!warning)
                        break;
                strncat(config->warnings[n], warning, sizeof(config->warnings[n]) - 1);
                config->warning_pointers[n] = config->warnings[n];
        }
        return n;
}

int verb_config(struct session *from, const Jobd__Request *request, struct job *job,
                struct reason *why)
{
        _cleanup_(freep) struct service_config *config = NULL;
        Jobd__Reply reply = JOBD__REPLY__INIT;
        Jobd__ConfigReply body = JOBD__CONFIG_REPLY__INIT;

        (void)job;
        (void)why;
        config = calloc(1, sizeof(*config));
        if (!config)
                return FAULT(-ENOMEM);
        body.n_entries = service_fill_entries(from->clients, config);
        body.entries = config->pointers;
        body.n_warnings = service_fill_warnings(from->clients, config);
        body.warnings = config->warning_pointers;
        reply.body_case = JOBD__REPLY__BODY_CONFIG;
        reply.config = &body;
        session_send(from, request->tag, &reply, 0, -1);
        return 0;
}

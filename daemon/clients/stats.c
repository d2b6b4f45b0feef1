/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The families that jobd tells of itself. What is counted is counted elsewhere (the engine's tally,
 * the journal's statistics, clients->tally, the turn); here it gets names. Most families are rows
 * of `stats_rows`: a name, a sentence, and where the number stands in struct stats_numbers. Those
 * with labels are written by functions, listed in `stats_lists`.
 *
 * Names follow Prometheus: base units, _total for what only rises, no name twice. They are a
 * promise: a family may be added at any place, none may change its meaning. Those of the process
 * begin with jobd_, because a node_exporter that shows them from a file has others of the same
 * name.
 *
 * Numbers of single users are told to those who may see others' jobs, and to the user himself; the
 * machine's to everybody. At most STATS_USERS_MAX users are told apart. Called by verb_stats.c.
 */
#include "daemon/clients/stats.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>

#include "common/clock.h"
#include "common/version.h"

#include "daemon/clients/logbook.h"

#define STATS_USERS_MAX 200U

struct stats_numbers {
        struct tally tally;
        struct tally_machine machine;
        struct engine_counts counts;
        struct journal_stats journal;
        struct clients_tally clients;
        struct clients_process process;
        struct clients_pool pool;
        uint64_t sessions, is_disk_full, start_wall_usec, uptime_usec, is_draining, is_pool_there;
        uint64_t workers_wanted, workers_connected, workers_busy, cores, cores_leased;
};

#define GAUGE JOBD__METRIC_KIND__METRIC_GAUGE
#define COUNTER JOBD__METRIC_KIND__METRIC_COUNTER
#define HISTOGRAM JOBD__METRIC_KIND__METRIC_HISTOGRAM

struct stats_row {
        struct metrics_head head;
        size_t offset; /* of a uint64_t, or a struct histogram */
};

#define AT(field) offsetof(struct stats_numbers, field)
/* clang-format off */
static const struct stats_row stats_rows[] = {
        /* jobs and tasks */
        { { "jobd_jobs", "Jobs that are not finished.", GAUGE, 1 }, AT(machine.jobs) },
        { { "jobd_jobs_submitted_total", "Jobs that were submitted; an array or a map is one.", COUNTER, 1 }, AT(tally.jobs_submitted) },
        { { "jobd_tasks_submitted_total", "Tasks that were submitted, also by adding input to a map; a plain job has one.", COUNTER, 1 }, AT(tally.submitted) },
        { { "jobd_tasks_restored", "Unfinished tasks that were found when the daemon started.", GAUGE, 1 }, AT(tally.restored) },
        { { "jobd_tasks_rerun_total", "Finished tasks that their owners queued again.", COUNTER, 1 }, AT(tally.rerun) },
        { { "jobd_attempts_started_total", "Attempts to run a task that were begun.", COUNTER, 1 }, AT(tally.attempts) },
        { { "jobd_attempts_retried_total", "Attempts that failed and brought the next one (--retries).", COUNTER, 1 }, AT(tally.retried) },
        { { "jobd_attempts_requeued_total", "Attempts with an unknown end whose task was queued again (--requeue).", COUNTER, 1 }, AT(tally.requeued) },
        { { "jobd_leases_returned_total", "Tasks that were given to a worker and came back before they ran.", COUNTER, 1 }, AT(tally.returned) },
        { { "jobd_task_wait_seconds", "Time from the submission of a job to the first start of each of its tasks.", HISTOGRAM, USEC_PER_SEC }, AT(tally.wait_usec) },
        { { "jobd_attempt_run_seconds", "Run time of attempts that ended, pauses left out.", HISTOGRAM, USEC_PER_SEC }, AT(tally.run_usec) },
        { { "jobd_attempt_cpu_seconds_total", "Processor time that ended attempts have used, user and system.", COUNTER, USEC_PER_SEC }, AT(tally.cpu_usec) },
        { { "jobd_attempt_output_bytes_total", "Output that ended attempts have written to the daemon.", COUNTER, 1 }, AT(tally.output_bytes) },
        { { "jobd_output_kept_bytes", "Output that is kept on disk, in the database and the spool folder.", GAUGE, 1 }, AT(machine.output_bytes) },
        { { "jobd_specification_bytes", "Specifications and inputs of unfinished jobs.", GAUGE, 1 }, AT(machine.spec_bytes) },
        /* the machine */
        { { "jobd_cores", "Cores that there are to lease.", GAUGE, 1 }, AT(cores) },
        { { "jobd_cores_leased", "Cores that running jobs have.", GAUGE, 1 }, AT(cores_leased) },
        { { "jobd_core_seconds_total", "Cores times the seconds for which jobs had them.", COUNTER, USEC_PER_SEC }, AT(machine.core_usec) },
        { { "jobd_memory_bytes", "Memory that there is to lease; 0: it is not counted.", GAUGE, 1 }, AT(machine.memory_bytes) },
        { { "jobd_memory_leased_bytes", "Memory that running jobs have asked for.", GAUGE, 1 }, AT(machine.memory_leased_bytes) },
        { { "jobd_workers_wanted", "Workers that the pool should have.", GAUGE, 1 }, AT(workers_wanted) },
        { { "jobd_workers_connected", "Workers that are connected.", GAUGE, 1 }, AT(workers_connected) },
        { { "jobd_workers_busy", "Workers that have a task.", GAUGE, 1 }, AT(workers_busy) },
        { { "jobd_worker_deaths_total", "Workers that ended, whatever the reason.", COUNTER, 1 }, AT(tally.worker_deaths) },
        { { "jobd_pool_connected", "1 when the process that keeps the workers is connected.", GAUGE, 1 }, AT(is_pool_there) },
        { { "jobd_draining", "1 when nothing is started (drain, shutdown).", GAUGE, 1 }, AT(is_draining) },
        /* the store */
        { { "jobd_commit_duration_seconds", "Time of a transaction, from its first change until it is on disk.", HISTOGRAM, USEC_PER_SEC }, AT(journal.commit_usec) },
        { { "jobd_commit_longest_seconds", "The longest transaction since the start.", GAUGE, USEC_PER_SEC }, AT(journal.commit_usec.longest) },
        { { "jobd_commit_events", "Changes of jobs in one transaction.", HISTOGRAM, 1 }, AT(journal.commit_events) },
        { { "jobd_database_bytes", "Size of the database file.", GAUGE, 1 }, AT(journal.database_bytes) },
        { { "jobd_database_wal_bytes", "Size of the write-ahead log beside it, its reserve included.", GAUGE, 1 }, AT(journal.wal_bytes) },
        { { "jobd_disk_free_bytes", "Room on the disk of the state folder.", GAUGE, 1 }, AT(journal.disk_free_bytes) },
        { { "jobd_disk_full", "1 when new jobs are refused because the disk is nearly full.", GAUGE, 1 }, AT(is_disk_full) },
        /* clients */
        { { "jobd_connections", "Connections of clients.", GAUGE, 1 }, AT(sessions) },
        { { "jobd_connections_total", "Connections of clients that were taken.", COUNTER, 1 }, AT(clients.connections) },
        { { "jobd_connections_refused_total", "Callers who were turned away: too many, or not served here.", COUNTER, 1 }, AT(clients.turned_away) },
        { { "jobd_bad_frames_total", "Frames from clients that were no request.", COUNTER, 1 }, AT(clients.bad_frames) },
        /* the process */
        { { "jobd_turn_duration_seconds", "Work of the daemon's loop from a wake-up to its end.", HISTOGRAM, USEC_PER_SEC }, AT(process.turn_usec) },
        { { "jobd_turn_longest_seconds", "The longest of these since the start.", GAUGE, USEC_PER_SEC }, AT(process.turn_usec.longest) },
        { { "jobd_start_time_seconds", "When the daemon started, in seconds since 1970.", GAUGE, USEC_PER_SEC }, AT(start_wall_usec) },
        { { "jobd_uptime_seconds", "Time since then.", GAUGE, USEC_PER_SEC }, AT(uptime_usec) },
        { { "jobd_process_resident_memory_bytes", "Memory of the daemon's process.", GAUGE, 1 }, AT(process.resident_bytes) },
        { { "jobd_process_virtual_memory_bytes", "Address space of the daemon's process.", GAUGE, 1 }, AT(process.virtual_bytes) },
        { { "jobd_process_cpu_seconds_total", "Processor time that the daemon has used, user and system.", COUNTER, USEC_PER_SEC }, AT(process.cpu_usec) },
        { { "jobd_process_open_fds", "Descriptors that the daemon has open.", GAUGE, 1 }, AT(process.open_fds) },
        { { "jobd_process_max_fds", "Descriptors that it may have open.", GAUGE, 1 }, AT(process.max_fds) },
        { { "jobd_log_lines_lost_total", "Log lines that systemd's journal did not take.", COUNTER, 1 }, AT(process.log_lines_lost) },
};
/* clang-format on */

static int stats_collect(const struct session *session, struct stats_numbers *n)
{
        const struct clients *const clients = session->clients;
        struct journal *const journal = engine_journal(clients->engine);
        const uint64_t now = clock_wall_usec();

        if (!journal)
                return FAULT(-EIO);
        *n = (struct stats_numbers){ .tally = *engine_tally(clients->engine),
                                     .clients = clients->tally,
                                     .sessions = clients->sessions_count,
                                     .start_wall_usec = clients->options.start_wall_usec };
        engine_tally_machine(clients->engine, &n->machine);
        engine_count(clients->engine, &n->counts);
        journal_read_stats(journal, &n->journal);
        clients->ops->pool_read(clients->arg, &n->pool);
        clients->ops->read_process(clients->arg, &n->process);
        n->is_disk_full = journal_is_disk_full(journal);
        n->uptime_usec = now > n->start_wall_usec ? now - n->start_wall_usec : 0;
        n->is_draining = n->counts.draining || n->counts.stopping;
        n->is_pool_there = n->pool.is_connected;
        n->workers_wanted = n->pool.wanted;
        n->workers_connected = n->counts.workers_alive;
        n->workers_busy = n->counts.workers_busy;
        n->cores = n->machine.cores;
        n->cores_leased = n->machine.cores_leased;
        return 0;
}

static void stats_add_row(struct metrics *metrics, const struct stats_row *row,
                          const struct stats_numbers *n)
{
        const void *const at = (const char *)n + row->offset;

        metrics_begin(metrics, &row->head);
        if (row->head.kind == HISTOGRAM)
                metrics_add_histogram(metrics, at, NULL);
        else
                metrics_add(metrics, *(const uint64_t *)at, NULL);
}

/* ------------------------------------------------------------------------------- with labels */

static void stats_add_build(struct session *session, struct metrics *metrics,
                            const struct stats_numbers *n)
{
        static const struct metrics_head head = {
                "jobd_build_info", "1; its labels are the daemon's version and build.", GAUGE, 1
        };
        const struct metrics_label labels[METRICS_LABELS_MAX] = { { "version", version_text },
                                                                  { "build", version_build } };

        (void)session;
        (void)n;
        metrics_begin(metrics, &head);
        metrics_add(metrics, 1, labels);
}

static void stats_add_states(struct session *session, struct metrics *metrics,
                             const struct stats_numbers *n)
{
        static const struct metrics_head now = {
                "jobd_tasks",
                "Unfinished tasks. Held and waiting ones are queued, too: held by their owner, "
                "waiting "
                "for a time, other jobs, a resource or the next attempt.",
                GAUGE, 1
        };
        static const struct metrics_head ended = { "jobd_tasks_ended_total",
                                                   "Tasks that ended, by how.", COUNTER, 1 };
        static const char *const words[TALLY_QUEUED_COUNT] = {
                [TALLY_QUEUED] = "queued", [TALLY_HELD] = "held", [TALLY_WAITING] = "waiting"
        };
        int i;

        (void)session;
        metrics_begin(metrics, &now);
        for (i = 0; i < TALLY_QUEUED_COUNT; i++)
                metrics_add_by(metrics, "state", words[i], n->tally.queued[i]);
        for (i = JOB_ABSENT; i < JOB_STATE_COUNT; i++)
                if (job_state_is_leased((enum job_state)i))
                        metrics_add_by(metrics, "state", job_state_name((enum job_state)i),
                                       n->tally.leased[i]);
        metrics_begin(metrics, &ended);
        for (i = JOB_ABSENT; i < JOB_STATE_COUNT; i++)
                if (job_state_is_finished((enum job_state)i))
                        metrics_add_by(metrics, "state", job_state_name((enum job_state)i),
                                       n->tally.ended[i]);
}

static void stats_add_requests(struct session *session, struct metrics *metrics,
                               const struct stats_numbers *n)
{
        static const struct metrics_head requests = { "jobd_requests_total",
                                                      "Requests of clients, by what they asked.",
                                                      COUNTER, 1 };
        static const struct metrics_head refused = {
                "jobd_requests_refused_total", "Requests that were answered by an error, by which.",
                COUNTER, 1
        };
        /* clang-format off */
        static const char *const codes[CLIENTS_ERRORS_MAX] = {
                [JOBD__ERROR_CODE__ERROR_NONE] = "other",
                [JOBD__ERROR_CODE__ERROR_USAGE] = "usage",
                [JOBD__ERROR_CODE__ERROR_NO_SUCH_JOB] = "no_such_job",
                [JOBD__ERROR_CODE__ERROR_DENIED] = "denied",
                [JOBD__ERROR_CODE__ERROR_BUSY] = "busy",
                [JOBD__ERROR_CODE__ERROR_FULL] = "full",
                [JOBD__ERROR_CODE__ERROR_VERSION] = "version",
                [JOBD__ERROR_CODE__ERROR_STATE] = "state",
                [JOBD__ERROR_CODE__ERROR_STOPPING] = "stopping",
                [JOBD__ERROR_CODE__ERROR_INTERNAL] = "internal",
        };
        /* clang-format on */
        size_t i;

        (void)session;
        metrics_begin(metrics, &requests);
        for (i = 0; i < jobd__request__descriptor.n_fields; i++) {
                const ProtobufCFieldDescriptor *const body = &jobd__request__descriptor.fields[i];

                if (body->id != JOBD__REQUEST__BODY_HELLO && body->id < CLIENTS_VERBS_MAX &&
                    (body->flags & PROTOBUF_C_FIELD_FLAG_ONEOF))
                        metrics_add_by(metrics, "request", body->name,
                                       n->clients.requests[body->id]);
        }
        metrics_begin(metrics, &refused);
        for (i = 0; i < CLIENTS_ERRORS_MAX; i++)
                if (codes[i])
                        metrics_add_by(metrics, "error", codes[i], n->clients.refused[i]);
}

static void stats_add_log(struct session *session, struct metrics *metrics,
                          const struct stats_numbers *n)
{
        static const struct metrics_head head = {
                "jobd_log_lines_dropped_total",
                "Log lines that clients caused and that were left out because they were too many.",
                COUNTER, 1
        };
        static const char *const kinds[] = {
                [LOGBOOK_ACT] = "act",       [LOGBOOK_ATTEMPT] = "attempt",
                [LOGBOOK_BAD] = "bad_frame", [LOGBOOK_REFUSED] = "refused",
                [LOGBOOK_LIMIT] = "limit",   [LOGBOOK_FAULT] = "fault",
        };
        _Static_assert(ARRAY_SIZE(kinds) == LOGBOOK_KIND_COUNT, "a kind without a label");

        (void)n;
        metrics_begin(metrics, &head);
        for (int i = 0; i < LOGBOOK_KIND_COUNT; i++)
                metrics_add_by(metrics, "kind", kinds[i],
                               logbook_left_out(session->clients->logbook, (enum logbook_kind)i));
}

/* One number of each queue, or of each user, under one name. */
struct stats_column {
        struct metrics_head head;
        size_t offset;
        bool is_u32;
};

static uint64_t stats_read(const struct stats_column *column, const void *row)
{
        const void *const at = (const char *)row + column->offset;

        return column->is_u32 ? *(const uint32_t *)at : *(const uint64_t *)at;
}

#define QUEUE(field, is_u32) offsetof(struct tally_queue, field), is_u32
#define USER(field, is_u32) offsetof(struct tally_user, field), is_u32
/* clang-format off */
static const struct stats_column stats_queue_columns[] = {
        { { "jobd_queue_jobs", "Unfinished jobs of a queue.", GAUGE, 1 }, QUEUE(jobs, false) },
        { { "jobd_queue_queued_tasks", "Queued tasks of a queue, held and waiting ones too.", GAUGE, 1 }, QUEUE(queued, false) },
        { { "jobd_queue_workers", "Workers that run tasks of a queue.", GAUGE, 1 }, QUEUE(workers, false) },
        { { "jobd_queue_cores_leased", "Cores that jobs of a queue have.", GAUGE, 1 }, QUEUE(cores, true) },
        { { "jobd_queue_core_seconds_total", "Cores times the seconds for which jobs of a queue had them.", COUNTER, USEC_PER_SEC }, QUEUE(core_usec, false) },
};
static const struct stats_column stats_user_columns[] = {
        { { "jobd_user_weight", "A user's weight among those who want cores.", GAUGE, 100 }, USER(weight, true) },
        { { "jobd_user_queued_tasks", "Queued tasks of a user, held and waiting ones too.", GAUGE, 1 }, USER(queued, false) },
        { { "jobd_user_active_tasks", "Tasks of a user that a worker has.", GAUGE, 1 }, USER(leased, false) },
        { { "jobd_user_cores_leased", "Cores that a user's jobs have.", GAUGE, 1 }, USER(cores, true) },
        { { "jobd_user_core_seconds_total", "Cores times the seconds for which a user's jobs had them.", COUNTER, USEC_PER_SEC }, USER(core_usec, false) },
        { { "jobd_user_output_kept_bytes", "Output of a user's jobs that is kept on disk.", GAUGE, 1 }, USER(output_bytes, false) },
};
/* clang-format on */

static void stats_add_queues(struct session *session, struct metrics *metrics,
                             const struct stats_numbers *n)
{
        struct tally_queue queues[ENGINE_QUEUES_MAX];
        const size_t count =
                engine_tally_queues(session->clients->engine, queues, ARRAY_SIZE(queues));

        (void)n;
        for (size_t i = 0; i < ARRAY_SIZE(stats_queue_columns); i++) {
                metrics_begin(metrics, &stats_queue_columns[i].head);
                for (size_t at = 0; at < count; at++)
                        metrics_add_by(metrics, "queue", queues[at].name,
                                       stats_read(&stats_queue_columns[i], &queues[at]));
        }
}

bool stats_shows_others(const struct session *session)
{
        return session->is_admin || session->clients->options.jobs_are_public;
}

char *stats_format_uid(uint32_t uid, char buf[static STATS_UID_MAX])
{
        if (uid == UINT32_MAX)
                snprintf(buf, STATS_UID_MAX, "other");
        else
                snprintf(buf, STATS_UID_MAX, "%" PRIu32, uid);
        return buf;
}

static void stats_add_users(struct session *session, struct metrics *metrics,
                            const struct stats_numbers *n)
{
        struct engine *const engine = session->clients->engine;
        struct tally_user users[STATS_USERS_MAX];
        char uid[STATS_UID_MAX];
        size_t count;

        (void)n;
        if (stats_shows_others(session))
                count = engine_tally_users(engine, users, ARRAY_SIZE(users));
        else
                count = engine_tally_user(engine, session->peer.uid, &users[0]) ? 1 : 0;
        for (size_t i = 0; i < ARRAY_SIZE(stats_user_columns); i++) {
                metrics_begin(metrics, &stats_user_columns[i].head);
                for (size_t at = 0; at < count; at++)
                        metrics_add_by(metrics, "uid", stats_format_uid(users[at].uid, uid),
                                       stats_read(&stats_user_columns[i], &users[at]));
        }
}

static void (*const stats_lists[])(struct session *session, struct metrics *metrics,
                                   const struct stats_numbers *n) = {
        stats_add_build, stats_add_states, stats_add_requests,
        stats_add_log,   stats_add_queues, stats_add_users,
};

int stats_add_all(struct session *session, struct metrics *metrics)
{
        _cleanup_(freep) struct stats_numbers *n = malloc(sizeof(*n));
        int r;

        if (!n)
                return FAULT(-ENOMEM);
        r = stats_collect(session, n);
        if (r)
                return PASS(r);
        for (size_t i = 0; i < ARRAY_SIZE(stats_lists); i++)
                stats_lists[i](session, metrics, n);
        for (size_t i = 0; i < ARRAY_SIZE(stats_rows); i++)
                stats_add_row(metrics, &stats_rows[i], n);
        return 0;
}

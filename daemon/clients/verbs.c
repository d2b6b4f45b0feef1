/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The table of requests, indexed by the oneof case of Request.body, and the one place that decides
 * who may ask what. A handler is reached only after its row's role was checked.
 *
 *    ANYONE  every user that may connect
 *    OWNER   whoever owns the jobs named: a single job is looked up here and handed over, or handed
 *            over as NULL; a Selector expands (selector.c) to the caller's own jobs only. So no
 *            handler looks up or authorises, and a foreign job is to it as if it did not exist.
 *    ADMIN   root, jobd's own user and members of AdminGroup=; in user mode the only user there is
 *
 * Each row also says what the log hears of it (audit.h). A request that names one job is told here;
 * one that selects jobs tells of them itself, by verbs_audit_jobs().
 *
 * If you add a request: its message in jobd.proto, a row here, verb_x.c, a test, PROTOCOL.md.
 */
#include "daemon/clients/verbs.h"

#include <inttypes.h>
#include <stdio.h>

#include "common/error.h"

#include "daemon/clients/verb.h"

enum role {
        ROLE_NONE,
        ROLE_ANYONE,
        ROLE_OWNER,
        ROLE_ADMIN,
};

struct verb {
        const char *name;
        enum role role;
        verb_fn run;
        uint64_t (*job_of)(const Jobd__Request *request);  /* OWNER of this one job */
        bool (*needs_admin)(const Jobd__Request *request); /* more than the role, for some forms */
        enum audit audit;
        enum audit_act act; /* of AUDIT_JOBS, with job_of: told before the handler is called */
        /* Of AUDIT_SERVICE: what is asked for; false: nothing is changed by it. */
        bool (*describe)(const Jobd__Request *request, char *text, size_t size);
};

static uint64_t verbs_follow_job(const Jobd__Request *request)
{
        return request->follow->job;
}

static uint64_t verbs_stdin_job(const Jobd__Request *request)
{
        return request->stdin_data->job;
}

static uint64_t verbs_results_job(const Jobd__Request *request)
{
        return request->results->job;
}

static uint64_t verbs_seen_job(const Jobd__Request *request)
{
        return request->seen->job;
}

static bool verbs_is_resize(const Jobd__Request *request)
{
        return request->pool->has_resize;
}

static bool verbs_changes_queue(const Jobd__Request *request)
{
        return request->queue->action != JOBD__QUEUE_ACTION__QUEUE_LIST;
}

/* ------------------------------------------------------------------------ as the log says it */

static bool verbs_describe_pool(const Jobd__Request *request, char *text, size_t size)
{
        (void)snprintf(text, size, "resize the pool to %" PRIu32, request->pool->resize);
        return request->pool->has_resize;
}

static bool verbs_describe_drain(const Jobd__Request *request, char *text, size_t size)
{
        (void)snprintf(text, size, "%s", request->drain->end ? "end the drain" : "drain");
        return true;
}

static bool verbs_describe_shutdown(const Jobd__Request *request, char *text, size_t size)
{
        (void)snprintf(text, size, "shut down%s", request->shutdown->now ? " at once" : "");
        return true;
}

static bool verbs_describe_reload(const Jobd__Request *request _unused_, char *text, size_t size)
{
        (void)snprintf(text, size, "reload the configuration");
        return true;
}

static bool verbs_describe_queue(const Jobd__Request *request, char *text, size_t size)
{
        static const char *const acts[] = {
                [JOBD__QUEUE_ACTION__QUEUE_ADD] = "add",
                [JOBD__QUEUE_ACTION__QUEUE_SET] = "change",
                [JOBD__QUEUE_ACTION__QUEUE_PAUSE] = "pause",
                [JOBD__QUEUE_ACTION__QUEUE_RESUME] = "resume",
                [JOBD__QUEUE_ACTION__QUEUE_DRAIN] = "drain",
                [JOBD__QUEUE_ACTION__QUEUE_REMOVE] = "remove",
        };
        const Jobd__QueueOp *op = request->queue;
        const size_t i = (size_t)op->action;

        (void)snprintf(text, size, "%s the queue %.64s",
                       i < ARRAY_SIZE(acts) && acts[i] ? acts[i] : "do something unknown to",
                       op->name ? op->name : "");
        return op->action != JOBD__QUEUE_ACTION__QUEUE_LIST;
}

/* clang-format off */
#define LOOKS AUDIT_NOTHING, AUDIT_ACT_NONE, NULL
#define ON_JOBS AUDIT_JOBS, AUDIT_ACT_NONE, NULL /* the handler tells */
#define ON_JOB(act) AUDIT_JOBS, (act), NULL
#define ON_SERVICE(describe) AUDIT_SERVICE, AUDIT_ACT_NONE, (describe)
static const struct verb verbs[] = {
        [JOBD__REQUEST__BODY_HELLO] =
                { "hello", ROLE_ANYONE, verb_hello, NULL, NULL, LOOKS },
        [JOBD__REQUEST__BODY_PING] =
                { "ping", ROLE_ANYONE, verb_ping, NULL, NULL, LOOKS },
        [JOBD__REQUEST__BODY_SUBMIT] =
                { "submit", ROLE_ANYONE, verb_submit, NULL, NULL, LOOKS },
        [JOBD__REQUEST__BODY_LIST] =
                { "list", ROLE_OWNER, verb_list, NULL, NULL, LOOKS },
        [JOBD__REQUEST__BODY_INFO] =
                { "info", ROLE_OWNER, verb_info, NULL, NULL, LOOKS },
        [JOBD__REQUEST__BODY_STATUS] =
                { "status", ROLE_ANYONE, verb_status, NULL, NULL, LOOKS },
        [JOBD__REQUEST__BODY_ACT] =
                { "act", ROLE_OWNER, verb_act, NULL, NULL, ON_JOBS },
        [JOBD__REQUEST__BODY_UPDATE] =
                { "update", ROLE_OWNER, verb_update, NULL, NULL, ON_JOBS },
        [JOBD__REQUEST__BODY_WHY] =
                { "why", ROLE_OWNER, verb_why, NULL, NULL, LOOKS },
        [JOBD__REQUEST__BODY_WAIT] =
                { "wait", ROLE_OWNER, verb_wait, NULL, NULL, LOOKS },
        [JOBD__REQUEST__BODY_FOLLOW] =
                { "follow", ROLE_OWNER, verb_follow, verbs_follow_job, NULL,
                  ON_JOB(AUDIT_ACT_FOLLOW) },
        [JOBD__REQUEST__BODY_STDIN_DATA] =
                { "stdin", ROLE_OWNER, verb_stdin, verbs_stdin_job, NULL,
                  ON_JOB(AUDIT_ACT_STDIN) },
        [JOBD__REQUEST__BODY_STOP] =
                { "stop", ROLE_ANYONE, verb_stop, NULL, NULL, LOOKS },
        [JOBD__REQUEST__BODY_EVENTS] =
                { "events", ROLE_OWNER, verb_events, NULL, NULL, LOOKS },
        [JOBD__REQUEST__BODY_PURGE] =
                { "purge", ROLE_OWNER, verb_purge, NULL, NULL, ON_JOBS },
        [JOBD__REQUEST__BODY_POOL] =
                { "pool", ROLE_ANYONE, verb_pool, NULL, verbs_is_resize,
                  ON_SERVICE(verbs_describe_pool) },
        [JOBD__REQUEST__BODY_DRAIN] =
                { "drain", ROLE_ADMIN, verb_drain, NULL, NULL, ON_SERVICE(verbs_describe_drain) },
        [JOBD__REQUEST__BODY_SHUTDOWN] =
                { "shutdown", ROLE_ADMIN, verb_shutdown, NULL, NULL,
                  ON_SERVICE(verbs_describe_shutdown) },
        [JOBD__REQUEST__BODY_RELOAD] =
                { "reload", ROLE_ADMIN, verb_reload, NULL, NULL,
                  ON_SERVICE(verbs_describe_reload) },
        [JOBD__REQUEST__BODY_CONFIG] =
                { "config", ROLE_ANYONE, verb_config, NULL, NULL, LOOKS },
        [JOBD__REQUEST__BODY_APPEND] =
                { "append", ROLE_OWNER, verb_append, NULL, NULL, ON_JOBS },
        [JOBD__REQUEST__BODY_CLOSE_INPUT] =
                { "close_input", ROLE_OWNER, verb_close_input, NULL, NULL,
                  ON_JOBS },
        [JOBD__REQUEST__BODY_RESULTS] =
                { "results", ROLE_OWNER, verb_results, verbs_results_job, NULL,
                  ON_JOB(AUDIT_ACT_RESULTS) },
        [JOBD__REQUEST__BODY_SEEN] =
                { "seen", ROLE_OWNER, verb_seen, verbs_seen_job, NULL,
                  ON_JOB(AUDIT_ACT_SEEN) },
        [JOBD__REQUEST__BODY_QUEUE] =
                { "queue", ROLE_ANYONE, verb_queue, NULL, verbs_changes_queue,
                  ON_SERVICE(verbs_describe_queue) },
        [JOBD__REQUEST__BODY_INPUTS] =
                { "inputs", ROLE_OWNER, verb_inputs, NULL, NULL, LOOKS },
        [JOBD__REQUEST__BODY_RESOURCE] =
                { "resource", ROLE_ANYONE, verb_resource, NULL, NULL, LOOKS }, /* his own */
        [JOBD__REQUEST__BODY_LOCK] =
                { "lock", ROLE_ANYONE, verb_lock, NULL, NULL, LOOKS },
        [JOBD__REQUEST__BODY_UNLOCK] =
                { "unlock", ROLE_ANYONE, verb_unlock, NULL, NULL, LOOKS },
        [JOBD__REQUEST__BODY_STATS] =
                { "stats", ROLE_OWNER, verb_stats, NULL, NULL, LOOKS },
};
/* clang-format on */
_Static_assert(ARRAY_SIZE(verbs) <= CLIENTS_VERBS_MAX && CLIENTS_VERBS_MAX <= AUDIT_VERBS_MAX,
               "body numbers stay below 64");

enum audit verbs_audit_of(size_t verb, const char **out_name)
{
        if (verb >= ARRAY_SIZE(verbs) || !verbs[verb].run)
                return AUDIT_UNSAID;
        *out_name = verbs[verb].name;
        return verbs[verb].audit;
}

/* The caller's unfinished job, or NULL: finished, somebody else's, none at all. */
static struct job *verbs_find_job(struct session *from, uint64_t id)
{
        struct job *job = engine_find(from->clients->engine, id);

        if (job && !from->is_admin && engine_job_uid(job) != from->peer.uid)
                return NULL;
        return job;
}

/* Refused, or served by its handler: as verb_fn says. */
static int verbs_serve(struct session *from, const struct verb *verb, const Jobd__Request *request,
                       struct reason *why)
{
        const bool needs_admin =
                verb->role == ROLE_ADMIN || (verb->needs_admin && verb->needs_admin(request));
        struct job *job = NULL;

        if (needs_admin && !from->is_admin)
                return reason_set(why, JOBD__ERROR_CODE__ERROR_DENIED,
                                  "%s is for root and for the group of administrators", verb->name);
        if (verb->job_of)
                job = verbs_find_job(from, verb->job_of(request));
        if (job && verb->act)
                audit_job(from, verb->act, engine_job_id(job), engine_job_uid(job));
        return verb->run(from, request, job, why);
}

static int verbs_run(struct session *from, const Jobd__Request *request, struct reason *why)
{
        const size_t i = (size_t)request->body_case;
        const struct verb *verb = i < ARRAY_SIZE(verbs) ? &verbs[i] : NULL;
        struct audit_request asked;
        uint32_t before_uid;
        bool is_told;
        int r;

        if (!verb || !verb->run)
                return reason_set(why, JOBD__ERROR_CODE__ERROR_USAGE,
                                  "unknown request %zu: this daemon is older than its client", i);
        from->clients->tally.requests[i]++;
        /* Before it is served: afterwards the session may be no administrator's any more. */
        asked.verb = (uint32_t)i;
        asked.verb_name = verb->name;
        asked.is_admins = from->is_admin;
        is_told = verb->audit == AUDIT_SERVICE &&
                  verb->describe(request, asked.what, sizeof(asked.what));
        before_uid = engine_set_actor(from->clients->engine, from->peer.uid);
        r = verbs_serve(from, verb, request, why);
        (void)engine_set_actor(from->clients->engine, before_uid);
        if (is_told)
                audit_service(from, &asked, r, why);
        return r;
}

int verbs_dispatch(struct session *from, const Jobd__Request *request)
{
        struct reason why = { "" };
        const int r = verbs_run(from, request, &why);

        if (r < 0)
                return PASS(r);
        if (r > 0)
                session_send_error(from, request->tag, (Jobd__ErrorCode)r, 0, "%s", why.text);
        return 0;
}

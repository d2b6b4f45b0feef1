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
 * If you add a request: its message in jobd.proto, a row here, verb_x.c, a test, PROTOCOL.md.
 */
#include "daemon/clients/verbs.h"

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

/* clang-format off */
static const struct verb verbs[] = {
        [JOBD__REQUEST__BODY_HELLO] =      { "hello",    ROLE_ANYONE, verb_hello, NULL, NULL },
        [JOBD__REQUEST__BODY_PING] =       { "ping",     ROLE_ANYONE, verb_ping, NULL, NULL },
        [JOBD__REQUEST__BODY_SUBMIT] =     { "submit",   ROLE_ANYONE, verb_submit, NULL, NULL },
        [JOBD__REQUEST__BODY_LIST] =       { "list",     ROLE_OWNER,  verb_list, NULL, NULL },
        [JOBD__REQUEST__BODY_INFO] =       { "info",     ROLE_OWNER,  verb_info, NULL, NULL },
        [JOBD__REQUEST__BODY_STATUS] =     { "status",   ROLE_ANYONE, verb_status, NULL, NULL },
        [JOBD__REQUEST__BODY_ACT] =        { "act",      ROLE_OWNER,  verb_act, NULL, NULL },
        [JOBD__REQUEST__BODY_UPDATE] =     { "update",   ROLE_OWNER,  verb_update, NULL, NULL },
        [JOBD__REQUEST__BODY_WHY] =        { "why",      ROLE_OWNER,  verb_why, NULL, NULL },
        [JOBD__REQUEST__BODY_WAIT] =       { "wait",     ROLE_OWNER,  verb_wait, NULL, NULL },
        [JOBD__REQUEST__BODY_FOLLOW] =     { "follow",   ROLE_OWNER,  verb_follow,
                                             verbs_follow_job, NULL },
        [JOBD__REQUEST__BODY_STDIN_DATA] = { "stdin",    ROLE_OWNER,  verb_stdin,
                                             verbs_stdin_job, NULL },
        [JOBD__REQUEST__BODY_STOP] =       { "stop",     ROLE_ANYONE, verb_stop, NULL, NULL },
        [JOBD__REQUEST__BODY_EVENTS] =     { "events",   ROLE_OWNER,  verb_events, NULL, NULL },
        [JOBD__REQUEST__BODY_PURGE] =      { "purge",    ROLE_OWNER,  verb_purge, NULL, NULL },
        [JOBD__REQUEST__BODY_POOL] =       { "pool",     ROLE_ANYONE, verb_pool,
                                             NULL, verbs_is_resize },
        [JOBD__REQUEST__BODY_DRAIN] =      { "drain",    ROLE_ADMIN,  verb_drain, NULL, NULL },
        [JOBD__REQUEST__BODY_SHUTDOWN] =   { "shutdown", ROLE_ADMIN,  verb_shutdown, NULL, NULL },
        [JOBD__REQUEST__BODY_RELOAD] =     { "reload",   ROLE_ADMIN,  verb_reload, NULL, NULL },
        [JOBD__REQUEST__BODY_CONFIG] =     { "config",   ROLE_ANYONE, verb_config, NULL, NULL },
        [JOBD__REQUEST__BODY_APPEND] =     { "append",   ROLE_OWNER,  verb_append, NULL, NULL },
        [JOBD__REQUEST__BODY_CLOSE_INPUT] = { "close_input", ROLE_OWNER, verb_close_input,
                                             NULL, NULL },
        [JOBD__REQUEST__BODY_RESULTS] =    { "results",  ROLE_OWNER,  verb_results,
                                             verbs_results_job, NULL },
        [JOBD__REQUEST__BODY_SEEN] =       { "seen",     ROLE_OWNER,  verb_seen,
                                             verbs_seen_job, NULL },
        [JOBD__REQUEST__BODY_QUEUE] =      { "queue",    ROLE_ANYONE, verb_queue,
                                             NULL, verbs_changes_queue },
        [JOBD__REQUEST__BODY_INPUTS] =     { "inputs",   ROLE_OWNER,  verb_inputs, NULL, NULL },
        [JOBD__REQUEST__BODY_RESOURCE] =   { "resource", ROLE_ANYONE, verb_resource, NULL, NULL },
        [JOBD__REQUEST__BODY_LOCK] =       { "lock",     ROLE_ANYONE, verb_lock, NULL, NULL },
        [JOBD__REQUEST__BODY_UNLOCK] =     { "unlock",   ROLE_ANYONE, verb_unlock, NULL, NULL },
        [JOBD__REQUEST__BODY_STATS] =      { "stats",    ROLE_OWNER,  verb_stats, NULL, NULL },
};
/* clang-format on */
_Static_assert(ARRAY_SIZE(verbs) <= CLIENTS_VERBS_MAX, "body numbers stay below 64");

/* The caller's unfinished job, or NULL: finished, somebody else's, none at all. */
static struct job *verbs_find_job(struct session *from, uint64_t id)
{
        struct job *job = engine_find(from->clients->engine, id);

        if (job && !from->is_admin && engine_job_uid(job) != from->peer.uid)
                return NULL;
        return job;
}

static int verbs_run(struct session *from, const Jobd__Request *request, struct reason *why)
{
        const size_t i = (size_t)request->body_case;
        const struct verb *verb = i < ARRAY_SIZE(verbs) ? &verbs[i] : NULL;
        bool needs_admin;

        if (!verb || !verb->run)
                return reason_set(why, JOBD__ERROR_CODE__ERROR_USAGE,
                                  "unknown request %zu: this daemon is older than its client", i);
        from->clients->tally.requests[i]++;
        needs_admin = verb->role == ROLE_ADMIN || (verb->needs_admin && verb->needs_admin(request));
        if (needs_admin && !from->is_admin)
                return reason_set(why, JOBD__ERROR_CODE__ERROR_DENIED,
                                  "%s is for root and for the group of administrators", verb->name);
        return verb->run(from, request,
                         verb->job_of ? verbs_find_job(from, verb->job_of(request)) : NULL, why);
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

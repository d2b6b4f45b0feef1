/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What administrators do, told to the log: who asked (uid and process, as the kernel says), for
 * what, on whose, and what came of it.
 *
 *    uid 0 (process 4711) asks to add the queue night: done
 *    uid 1001 (process 4712) asks to drain: refused, drain is for root and ...
 *    uid 0 (process 4711) asks to cancel job 7 of uid 1000: done
 *    uid 0 (process 4711) asks to cancel 12 jobs of others (the first is 7 of uid 1000): 11 done,
 *      1 refused
 *
 * It is one line for a request, however many jobs that names. What is told of which request stands
 * in the table of verbs (verbs.c), so that none can be forgotten; how often one user may cause a
 * line is logbook.c's affair. Nothing here decides who may do what.
 *
 * Called by verbs.c, and by the verbs whose jobs turn up as they go along.
 */
#include "daemon/clients/audit.h"

#include <inttypes.h>
#include <stdio.h>

#include "daemon/clients/logbook.h"
#include "daemon/clients/session.h"

/* clang-format off */
static const struct {
        const char *name; /* of the verb: JOBD_VERB= */
        const char *what; /* "asks to WHAT job 7" */
} audit_acts[AUDIT_ACT_COUNT] = {
        [AUDIT_ACT_NONE]        = { NULL,          NULL },
        [AUDIT_ACT_CANCEL]      = { "cancel",      "cancel" },
        [AUDIT_ACT_KILL]        = { "kill",        "signal" },
        [AUDIT_ACT_PAUSE]       = { "pause",       "pause" },
        [AUDIT_ACT_RESUME]      = { "resume",      "resume" },
        [AUDIT_ACT_HOLD]        = { "hold",        "hold" },
        [AUDIT_ACT_RELEASE]     = { "release",     "release" },
        [AUDIT_ACT_RETRY]       = { "retry",       "retry" },
        [AUDIT_ACT_UPDATE]      = { "update",      "change" },
        [AUDIT_ACT_PURGE]       = { "purge",       "purge" },
        [AUDIT_ACT_FOLLOW]      = { "follow",      "read the output of" },
        [AUDIT_ACT_STDIN]       = { "stdin",       "write to the input of" },
        [AUDIT_ACT_APPEND]      = { "append",      "add tasks to" },
        [AUDIT_ACT_CLOSE_INPUT] = { "close_input", "end the input of" },
        [AUDIT_ACT_RESULTS]     = { "results",     "read the results of" },
        [AUDIT_ACT_SEEN]        = { "seen",        "mark results as seen of" },
};
/* clang-format on */
_Static_assert(AUDIT_VERBS_MAX + AUDIT_ACT_COUNT <= LOGBOOK_VERBS_MAX, "each is counted apart");

static struct logbook_line audit_line(const struct session *session, bool is_admins, uint32_t verb,
                                      const char *verb_name)
{
        return (struct logbook_line){
                .kind = is_admins ? LOGBOOK_ACT : LOGBOOK_ATTEMPT,
                .uid = session->peer.uid,
                .pid = session->peer.pid,
                .verb = verb,
                .verb_name = verb_name,
        };
}

static struct logbook_line audit_act_line(const struct session *session, enum audit_act act,
                                          uint64_t job)
{
        struct logbook_line line = audit_line(
                session, session->is_admin, AUDIT_VERBS_MAX + (uint32_t)act, audit_acts[act].name);

        line.job_id = job;
        return line;
}

void audit_service(const struct session *session, const struct audit_request *request, int r,
                   const struct reason *why)
{
        const struct logbook_line line =
                audit_line(session, request->is_admins, request->verb, request->verb_name);

        logbook_write(session->clients->logbook, &line, "asks to %s: %s%s", request->what,
                      r == 0  ? "done"
                      : r > 0 ? "refused, "
                              : "failed",
                      r > 0 ? why->text : "");
}

void audit_job(struct session *session, enum audit_act act, uint64_t job, uint32_t owner_uid)
{
        const struct logbook_line line = audit_act_line(session, act, job);

        if (owner_uid == session->peer.uid)
                return;
        if (session->audited_job == job && session->audited_act == act)
                return;
        session->audited_job = job;
        session->audited_act = act;
        logbook_write(session->clients->logbook, &line,
                      "asks to %s job %" PRIu64 " of uid %" PRIu32, audit_acts[act].what, job,
                      owner_uid);
}

void audit_jobs_add(struct audit_jobs *jobs, const struct session *session, uint64_t job,
                    uint32_t owner_uid, bool is_done)
{
        if (owner_uid == session->peer.uid)
                return;
        if (jobs->done_count + jobs->refused_count == 0) {
                jobs->first_job = job;
                jobs->first_uid = owner_uid;
        }
        jobs->has_others |= owner_uid != jobs->first_uid;
        if (jobs->last_job == job && jobs->is_last_done)
                return;
        if (jobs->last_job == job) {
                jobs->refused_count -= is_done;
                jobs->done_count += is_done;
        } else if (is_done) {
                jobs->done_count++;
        } else {
                jobs->refused_count++;
        }
        jobs->last_job = job;
        jobs->is_last_done = is_done;
}

void audit_jobs_write(struct audit_jobs *jobs, const struct session *session, enum audit_act act)
{
        const uint64_t count = jobs->done_count + jobs->refused_count;
        const struct logbook_line line =
                audit_act_line(session, act, count == 1 ? jobs->first_job : 0);
        struct logbook *book = session->clients->logbook;
        const char *what = audit_acts[act].what;

        if (count == 1)
                logbook_write(book, &line, "asks to %s job %" PRIu64 " of uid %" PRIu32 ": %s",
                              what, jobs->first_job, jobs->first_uid,
                              jobs->done_count ? "done" : "refused");
        else if (count > 1)
                logbook_write(book, &line,
                              "asks to %s %" PRIu64 " jobs of %s (the first is %" PRIu64
                              " of uid %" PRIu32 "): %" PRIu64 " done, %" PRIu64 " refused",
                              what, count, jobs->has_others ? "others" : "another user",
                              jobs->first_job, jobs->first_uid, jobs->done_count,
                              jobs->refused_count);
        *jobs = (struct audit_jobs){ 0 };
}

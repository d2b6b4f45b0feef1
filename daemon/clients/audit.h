/* SPDX-License-Identifier: Apache-2.0 */
/* What administrators do, told to the log: a line for a request. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "common/error.h"

struct session;

/* What a request is to the log. Each row of the table of verbs says one. */
enum audit {
        AUDIT_UNSAID,  /* a row that was forgotten: a test finds it */
        AUDIT_NOTHING, /* looks, or concerns nobody but the caller */
        AUDIT_JOBS,    /* acts on jobs, or reads what they wrote: told when they are others' */
        AUDIT_SERVICE, /* acts on what all share: always told, also when it is refused */
};

/* What may be done to a job of somebody else. */
enum audit_act {
        AUDIT_ACT_NONE,
        AUDIT_ACT_CANCEL,
        AUDIT_ACT_KILL,
        AUDIT_ACT_PAUSE,
        AUDIT_ACT_RESUME,
        AUDIT_ACT_HOLD,
        AUDIT_ACT_RELEASE,
        AUDIT_ACT_RETRY,
        AUDIT_ACT_UPDATE,
        AUDIT_ACT_PURGE,
        AUDIT_ACT_FOLLOW,
        AUDIT_ACT_STDIN,
        AUDIT_ACT_APPEND,
        AUDIT_ACT_CLOSE_INPUT,
        AUDIT_ACT_RESULTS,
        AUDIT_ACT_SEEN,
        AUDIT_ACT_COUNT,
};

/* A request about the service, as it came. */
#define AUDIT_VERBS_MAX 64U
struct audit_request {
        uint32_t verb;         /* its number, below AUDIT_VERBS_MAX */
        const char *verb_name; /* borrowed for ever */
        bool is_admins;        /* who asked had the rights; what he asked for may end them */
        char what[128];        /* "asks to WHAT" */
};
/* It was served, or refused: r as verb_fn returned it, why its sentence. */
void audit_service(const struct session *session, const struct audit_request *request, int r,
                   const struct reason *why);
/*
 * A request concerns this one job, of that owner. Nothing is said of one's own, and once of many
 * requests in a row, such as the pieces of an input.
 */
void audit_job(struct session *session, enum audit_act act, uint64_t job, uint32_t owner_uid);

/* What one request does to jobs of others, gathered. Zero is empty. */
struct audit_jobs {
        uint64_t done_count,
                refused_count; /* jobs; a job of which any task was acted upon is done */
        uint64_t first_job, last_job;
        uint32_t first_uid;
        bool is_last_done;
        bool has_others; /* of more than one owner */
};

/* One job, or one of its tasks, was acted upon, or refused. Nothing is kept of one's own. */
void audit_jobs_add(struct audit_jobs *jobs, const struct session *session, uint64_t job,
                    uint32_t owner_uid, bool is_done);
/* Says what was gathered, if anything, and empties it. */
void audit_jobs_write(struct audit_jobs *jobs, const struct session *session, enum audit_act act);

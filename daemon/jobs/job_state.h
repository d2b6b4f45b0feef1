/* SPDX-License-Identifier: Apache-2.0 */
/* The life cycle of a task as one table: state x event -> state. Pure. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

/* The numbers are stored and travel on the wire (jobd.JobState): never renumber. */
enum job_state {
        JOB_ABSENT,
        JOB_QUEUED,
        JOB_STARTING,
        JOB_RUNNING,
        JOB_PAUSED,
        JOB_STOPPING,
        JOB_SUCCEEDED,
        JOB_FAILED,
        JOB_CANCELLED,
        JOB_TIMEOUT,
        JOB_OOM,
        JOB_LOST,
        JOB_STATE_COUNT,
};

/* Stored in `event.kind`: append only. */
enum job_event {
        JOB_EV_NONE,
        JOB_EV_SUBMIT,
        JOB_EV_ASSIGN,    /* a lease is given to a worker */
        JOB_EV_STARTED,   /* the process is known to exist */
        JOB_EV_UNSTARTED, /* the lease came back: nothing ran */
        JOB_EV_SUCCEED,
        JOB_EV_FAIL,
        JOB_EV_TIMEOUT,
        JOB_EV_OOM,
        JOB_EV_CANCELLED, /* the processes of a stopping task are gone */
        JOB_EV_LOSE,      /* GO was given and nobody knows the outcome */
        JOB_EV_REQUEUE,   /* an attempt ended and another is due */
        JOB_EV_CANCEL,    /* cancelled before it started */
        JOB_EV_STOP,      /* a running task is being cancelled */
        JOB_EV_PAUSE,
        JOB_EV_RESUME,
        JOB_EV_HOLD,
        JOB_EV_RELEASE,
        JOB_EV_RETRY, /* a finished task is queued again by its owner */
        JOB_EV_SIGNAL,
        JOB_EV_APPEND, /* tasks were added to a map */
        JOB_EV_CLOSE,  /* a map's input has ended */
        JOB_EV_HALT,   /* the rest of a job was given up by its own rule */
        JOB_EV_UPDATE, /* its owner changed its specification */
        JOB_EV_COUNT,
};

/* The state after `event`, or JOB_ABSENT: refused. */
enum job_state job_state_next(enum job_state state, enum job_event event);

bool job_state_is_finished(enum job_state state);
/* Does a worker hold it? */
bool job_state_is_leased(enum job_state state);

/* "queued", "running", ...; never NULL. */
const char *job_state_name(enum job_state state);
/* "submitted", "started", "exited", ...; never NULL. */
const char *job_event_name(enum job_event event);

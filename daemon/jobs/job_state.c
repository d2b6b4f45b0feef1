/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The life cycle of a task. Nothing else in jobd knows which state may follow which: engine_apply()
 * asks this table for every change, and restoring rows after a crash asks whether a stored state
 * exists at all.
 *
 *   queued -> starting -> running -> succeeded | failed | cancelled | timeout | oom | lost
 *     ^  ^       |         |   ^ \
 *     |  '-------'      paused |  '-> stopping -> (terminal)
 *     '--- requeue (another attempt), retry (by the owner)
 *
 * `starting` may end directly: a short task's start and end reach jobd in one report. A cancel of a
 * starting task is not an event: it waits until the worker says REVOKED (unstarted, then cancel) or
 * TOO_LATE (started, then stop). A stopping task whose worker dies is cancelled, not lost: the pool
 * killed what was left, and a stop is what its owner asked for.
 *
 * If you add a state: its name below, jobd.JobState, state_bits in the journal's queries, and the
 * client's colours. If you add an event: its name below.
 */
#include "daemon/jobs/job_state.h"

#include <assert.h>

#include "common/cleanup.h"

/* clang-format off */
/* An empty cell (JOB_ABSENT) means: refused. */
static const uint8_t next[JOB_STATE_COUNT][JOB_EV_COUNT] = {
        [JOB_ABSENT] = {
                [JOB_EV_SUBMIT] = JOB_QUEUED,
        },
        [JOB_QUEUED] = {
                [JOB_EV_ASSIGN] = JOB_STARTING,
                [JOB_EV_CANCEL] = JOB_CANCELLED,
                [JOB_EV_HOLD] = JOB_QUEUED,
                [JOB_EV_RELEASE] = JOB_QUEUED,
                [JOB_EV_APPEND] = JOB_QUEUED,
                [JOB_EV_CLOSE] = JOB_QUEUED,
                [JOB_EV_HALT] = JOB_QUEUED,
                [JOB_EV_UPDATE] = JOB_QUEUED,
        },
        [JOB_STARTING] = {
                [JOB_EV_STARTED] = JOB_RUNNING,
                [JOB_EV_UNSTARTED] = JOB_QUEUED,
                [JOB_EV_SUCCEED] = JOB_SUCCEEDED,
                [JOB_EV_FAIL] = JOB_FAILED,
                [JOB_EV_TIMEOUT] = JOB_TIMEOUT,
                [JOB_EV_OOM] = JOB_OOM,
                [JOB_EV_LOSE] = JOB_LOST,
                [JOB_EV_REQUEUE] = JOB_QUEUED,
        },
        [JOB_RUNNING] = {
                [JOB_EV_SUCCEED] = JOB_SUCCEEDED,
                [JOB_EV_FAIL] = JOB_FAILED,
                [JOB_EV_TIMEOUT] = JOB_TIMEOUT,
                [JOB_EV_OOM] = JOB_OOM,
                [JOB_EV_LOSE] = JOB_LOST,
                [JOB_EV_REQUEUE] = JOB_QUEUED,
                [JOB_EV_STOP] = JOB_STOPPING,
                [JOB_EV_PAUSE] = JOB_PAUSED,
                [JOB_EV_SIGNAL] = JOB_RUNNING,
        },
        [JOB_PAUSED] = {
                [JOB_EV_SUCCEED] = JOB_SUCCEEDED,
                [JOB_EV_FAIL] = JOB_FAILED,
                [JOB_EV_TIMEOUT] = JOB_TIMEOUT,
                [JOB_EV_OOM] = JOB_OOM,
                [JOB_EV_LOSE] = JOB_LOST,
                [JOB_EV_REQUEUE] = JOB_QUEUED,
                [JOB_EV_STOP] = JOB_STOPPING,
                [JOB_EV_RESUME] = JOB_RUNNING,
                [JOB_EV_SIGNAL] = JOB_PAUSED,
        },
        [JOB_STOPPING] = {
                [JOB_EV_CANCELLED] = JOB_CANCELLED,
                [JOB_EV_LOSE] = JOB_CANCELLED,
                [JOB_EV_SIGNAL] = JOB_STOPPING,
        },
        [JOB_SUCCEEDED] = { [JOB_EV_RETRY] = JOB_QUEUED },
        [JOB_FAILED] = { [JOB_EV_RETRY] = JOB_QUEUED },
        [JOB_CANCELLED] = { [JOB_EV_RETRY] = JOB_QUEUED },
        [JOB_TIMEOUT] = { [JOB_EV_RETRY] = JOB_QUEUED },
        [JOB_OOM] = { [JOB_EV_RETRY] = JOB_QUEUED },
        [JOB_LOST] = { [JOB_EV_RETRY] = JOB_QUEUED },
};

static const char *const state_names[] = {
        [JOB_ABSENT] = "absent",
        [JOB_QUEUED] = "queued",
        [JOB_STARTING] = "starting",
        [JOB_RUNNING] = "running",
        [JOB_PAUSED] = "paused",
        [JOB_STOPPING] = "stopping",
        [JOB_SUCCEEDED] = "succeeded",
        [JOB_FAILED] = "failed",
        [JOB_CANCELLED] = "cancelled",
        [JOB_TIMEOUT] = "timeout",
        [JOB_OOM] = "oom",
        [JOB_LOST] = "lost",
};
_Static_assert(ARRAY_SIZE(state_names) == JOB_STATE_COUNT, "a name for every state");

static const char *const event_names[] = {
        [JOB_EV_NONE] = "none",
        [JOB_EV_SUBMIT] = "submitted",
        [JOB_EV_ASSIGN] = "starting",
        [JOB_EV_STARTED] = "started",
        [JOB_EV_UNSTARTED] = "returned",
        [JOB_EV_SUCCEED] = "succeeded",
        [JOB_EV_FAIL] = "failed",
        [JOB_EV_TIMEOUT] = "timeout",
        [JOB_EV_OOM] = "oom",
        [JOB_EV_CANCELLED] = "stopped",
        [JOB_EV_LOSE] = "lost",
        [JOB_EV_REQUEUE] = "requeued",
        [JOB_EV_CANCEL] = "cancelled",
        [JOB_EV_STOP] = "stopping",
        [JOB_EV_PAUSE] = "paused",
        [JOB_EV_RESUME] = "resumed",
        [JOB_EV_HOLD] = "held",
        [JOB_EV_RELEASE] = "released",
        [JOB_EV_RETRY] = "retried",
        [JOB_EV_SIGNAL] = "signaled",
        [JOB_EV_APPEND] = "appended",
        [JOB_EV_CLOSE] = "closed",
        [JOB_EV_HALT] = "halted",
        [JOB_EV_UPDATE] = "updated",
};
_Static_assert(ARRAY_SIZE(event_names) == JOB_EV_COUNT, "a name for every event");
/* clang-format on */

enum job_state job_state_next(enum job_state state, enum job_event event)
{
        assert(state < JOB_STATE_COUNT);
        assert(event < JOB_EV_COUNT);
        return (enum job_state)next[state][event];
}

bool job_state_is_finished(enum job_state state)
{
        return state >= JOB_SUCCEEDED;
}

bool job_state_is_leased(enum job_state state)
{
        return state >= JOB_STARTING && state <= JOB_STOPPING;
}

const char *job_state_name(enum job_state state)
{
        return state < JOB_STATE_COUNT ? state_names[state] : "unknown";
}

const char *job_event_name(enum job_event event)
{
        return event < JOB_EV_COUNT ? event_names[event] : "unknown";
}

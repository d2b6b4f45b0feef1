/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The names of states, as people see and write them. The numbers are those of the protocol; a
 * newer daemon may know more of them, which are shown as "unknown" rather than refused.
 */
#include <string.h>

#include "common/cleanup.h"

#include "client/jobctl.h"

static const char *const names[] = {
        [JOBCTL_STATE_NONE] = "unknown",
        [JOBCTL_STATE_QUEUED] = "queued",
        [JOBCTL_STATE_STARTING] = "starting",
        [JOBCTL_STATE_RUNNING] = "running",
        [JOBCTL_STATE_PAUSED] = "paused",
        [JOBCTL_STATE_STOPPING] = "stopping",
        [JOBCTL_STATE_SUCCEEDED] = "succeeded",
        [JOBCTL_STATE_FAILED] = "failed",
        [JOBCTL_STATE_CANCELLED] = "cancelled",
        [JOBCTL_STATE_TIMEOUT] = "timeout",
        [JOBCTL_STATE_OOM] = "oom",
        [JOBCTL_STATE_LOST] = "lost",
};
_Static_assert(ARRAY_SIZE(names) == JOBCTL_STATE_COUNT, "a state has no name");

const char *jobctl_state_name(unsigned int state)
{
        return names[state < JOBCTL_STATE_COUNT ? state : JOBCTL_STATE_NONE];
}

enum jobctl_state jobctl_state_from_name(const char *name)
{
        for (unsigned int i = JOBCTL_STATE_QUEUED; i < JOBCTL_STATE_COUNT; i++)
                if (strcmp(names[i], name) == 0)
                        return (enum jobctl_state)i;
        return JOBCTL_STATE_NONE;
}

bool jobctl_state_is_finished(unsigned int state)
{
        return state >= JOBCTL_STATE_SUCCEEDED && state < JOBCTL_STATE_COUNT;
}

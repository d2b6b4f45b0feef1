/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One table says what every order, timer and death means for a lease in every state. The runner
 * owns the effects, this file owns the meaning; it does nothing and remembers nothing.
 *
 *   HELD --started--> ACTIVE <--> PAUSED
 *     |                 | cancel, limit          main process ends (from any of the four)
 *     |                 v                                          |
 *     |             STOPPING --grace--> KILLING ------------------>|
 *     | revoke                                                     v
 *     v                                    ENDED <-- DRAINING <-- SWEEPING
 *   (gone)  <-------------ack---------------'
 *
 * A state or event more: add its row or column here, its name below, and its effect in runner.c.
 */
#include "worker/run_state.h"

#include "common/cleanup.h"

/* clang-format off */
static const struct run_step run_cells[RUN_STATE_COUNT][RUN_EVENT_COUNT] = {
        [RUN_ABSENT] = {
                [RUN_EV_ACCEPT]   = { RUN_HELD,     RUN_DO_QUEUE },
        },
        [RUN_HELD] = {
                [RUN_EV_STARTED]  = { RUN_ACTIVE,   RUN_DO_BEGIN_WATCH },
                [RUN_EV_REFUSED]  = { RUN_ENDED,    RUN_DO_END },
                [RUN_EV_REVOKE]   = { RUN_ABSENT,   RUN_DO_GIVE_BACK },
                [RUN_EV_CANCEL]   = { RUN_ENDED,    RUN_DO_END_CANCELLED },
                [RUN_EV_PAUSE]    = { RUN_HELD,     RUN_DO_SAY_PAUSED },
                [RUN_EV_RESUME]   = { RUN_HELD,     RUN_DO_SAY_PAUSED },
                [RUN_EV_ABANDON]  = { RUN_ABSENT,   RUN_DO_DROP },
        },
        [RUN_ACTIVE] = {
                [RUN_EV_REVOKE]   = { RUN_ACTIVE,   RUN_DO_SAY_TOO_LATE },
                [RUN_EV_CANCEL]   = { RUN_STOPPING, RUN_DO_TERM },
                [RUN_EV_SIGNAL]   = { RUN_ACTIVE,   RUN_DO_SIGNAL },
                [RUN_EV_PAUSE]    = { RUN_PAUSED,   RUN_DO_PAUSE },
                [RUN_EV_RESUME]   = { RUN_ACTIVE,   RUN_DO_SAY_PAUSED },
                [RUN_EV_WARN]     = { RUN_ACTIVE,   RUN_DO_WARN },
                [RUN_EV_LIMIT]    = { RUN_STOPPING, RUN_DO_TERM },
                [RUN_EV_EXIT]     = { RUN_SWEEPING, RUN_DO_SWEEP },
                [RUN_EV_ABANDON]  = { RUN_KILLING,  RUN_DO_ABANDON },
        },
        [RUN_PAUSED] = {
                [RUN_EV_REVOKE]   = { RUN_PAUSED,   RUN_DO_SAY_TOO_LATE },
                [RUN_EV_CANCEL]   = { RUN_STOPPING, RUN_DO_TERM },
                [RUN_EV_SIGNAL]   = { RUN_PAUSED,   RUN_DO_SIGNAL },
                [RUN_EV_PAUSE]    = { RUN_PAUSED,   RUN_DO_SAY_PAUSED },
                [RUN_EV_RESUME]   = { RUN_ACTIVE,   RUN_DO_RESUME },
                [RUN_EV_EXIT]     = { RUN_SWEEPING, RUN_DO_SWEEP },
                [RUN_EV_ABANDON]  = { RUN_KILLING,  RUN_DO_ABANDON },
        },
        [RUN_STOPPING] = {
                [RUN_EV_REVOKE]   = { RUN_STOPPING, RUN_DO_SAY_TOO_LATE },
                [RUN_EV_CANCEL]   = { RUN_STOPPING, RUN_DO_SHORTEN },
                [RUN_EV_SIGNAL]   = { RUN_STOPPING, RUN_DO_SIGNAL },
                [RUN_EV_PAUSE]    = { RUN_STOPPING, RUN_DO_SAY_PAUSED },
                [RUN_EV_RESUME]   = { RUN_STOPPING, RUN_DO_SAY_PAUSED },
                [RUN_EV_GRACE]    = { RUN_KILLING,  RUN_DO_KILL },
                [RUN_EV_EXIT]     = { RUN_SWEEPING, RUN_DO_SWEEP },
                [RUN_EV_ABANDON]  = { RUN_KILLING,  RUN_DO_ABANDON },
        },
        [RUN_KILLING] = {
                [RUN_EV_REVOKE]   = { RUN_KILLING,  RUN_DO_SAY_TOO_LATE },
                [RUN_EV_PAUSE]    = { RUN_KILLING,  RUN_DO_SAY_PAUSED },
                [RUN_EV_RESUME]   = { RUN_KILLING,  RUN_DO_SAY_PAUSED },
                [RUN_EV_EXIT]     = { RUN_SWEEPING, RUN_DO_SWEEP },
                [RUN_EV_SURVIVED] = { RUN_DRAINING, RUN_DO_DRAIN_SURVIVED },
                [RUN_EV_ABANDON]  = { RUN_KILLING,  RUN_DO_ABANDON },
        },
        [RUN_SWEEPING] = {
                [RUN_EV_REVOKE]   = { RUN_SWEEPING, RUN_DO_SAY_TOO_LATE },
                [RUN_EV_PAUSE]    = { RUN_SWEEPING, RUN_DO_SAY_PAUSED },
                [RUN_EV_RESUME]   = { RUN_SWEEPING, RUN_DO_SAY_PAUSED },
                [RUN_EV_CLEAN]    = { RUN_DRAINING, RUN_DO_DRAIN },
                [RUN_EV_SURVIVED] = { RUN_DRAINING, RUN_DO_DRAIN_SURVIVED },
        },
        [RUN_DRAINING] = {
                [RUN_EV_REVOKE]   = { RUN_DRAINING, RUN_DO_SAY_TOO_LATE },
                [RUN_EV_PAUSE]    = { RUN_DRAINING, RUN_DO_SAY_PAUSED },
                [RUN_EV_RESUME]   = { RUN_DRAINING, RUN_DO_SAY_PAUSED },
                [RUN_EV_DRAINED]  = { RUN_ENDED,    RUN_DO_END },
        },
        [RUN_ENDED] = {
                [RUN_EV_REVOKE]   = { RUN_ENDED,    RUN_DO_SAY_TOO_LATE },
                [RUN_EV_ACK]      = { RUN_ABSENT,   RUN_DO_FREE },
        },
};

static const char *const run_state_names[] = {
        [RUN_ABSENT]   = "absent",   [RUN_HELD]     = "held",     [RUN_ACTIVE]   = "active",
        [RUN_PAUSED]   = "paused",   [RUN_STOPPING] = "stopping", [RUN_KILLING]  = "killing",
        [RUN_SWEEPING] = "sweeping", [RUN_DRAINING] = "draining", [RUN_ENDED]    = "ended",
};

static const char *const run_event_names[] = {
        [RUN_EV_NONE]    = "none",    [RUN_EV_ACCEPT]   = "accept",   [RUN_EV_STARTED] = "started",
        [RUN_EV_REFUSED] = "refused", [RUN_EV_REVOKE]   = "revoke",   [RUN_EV_CANCEL]  = "cancel",
        [RUN_EV_SIGNAL]  = "signal",  [RUN_EV_PAUSE]    = "pause",    [RUN_EV_RESUME]  = "resume",
        [RUN_EV_WARN]    = "warn",    [RUN_EV_LIMIT]    = "limit",    [RUN_EV_GRACE]   = "grace",
        [RUN_EV_EXIT]    = "exit",    [RUN_EV_CLEAN]    = "clean",    [RUN_EV_SURVIVED] = "survived",
        [RUN_EV_DRAINED] = "drained", [RUN_EV_ACK]      = "ack",      [RUN_EV_ABANDON] = "abandon",
};
/* clang-format on */

_Static_assert(ARRAY_SIZE(run_state_names) == RUN_STATE_COUNT, "a state without a name");
_Static_assert(ARRAY_SIZE(run_event_names) == RUN_EVENT_COUNT, "an event without a name");

bool run_state_step(enum run_state state, enum run_event event, struct run_step *out_step)
{
        const struct run_step *cell = &run_cells[state][event];

        if (cell->action == RUN_DO_NOTHING)
                return false;
        *out_step = *cell;
        return true;
}

const char *run_state_name(enum run_state state)
{
        return run_state_names[state];
}

const char *run_event_name(enum run_event event)
{
        return run_event_names[event];
}

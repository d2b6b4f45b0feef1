/* SPDX-License-Identifier: Apache-2.0 */
/* What jobd has counted since its start, as families of numbers. */
#pragma once

#include "daemon/clients/metrics.h"
#include "daemon/clients/session.h"

/* What this session's user may know. 0 or a fault. */
_must_use_ int stats_add_all(struct session *session, struct metrics *metrics);
/* May this session's user know the numbers of other users? */
bool stats_shows_others(const struct session *session);
/* "1000"; "other" for UINT32_MAX. Returns buf. */
#define STATS_UID_MAX 16
char *stats_format_uid(uint32_t uid, char buf[static STATS_UID_MAX]);

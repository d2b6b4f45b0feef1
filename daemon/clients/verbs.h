/* SPDX-License-Identifier: Apache-2.0 */
/* The table of requests: who may ask them, who answers, and what the log hears of it. */
#pragma once

#include "daemon/clients/audit.h"
#include "daemon/clients/session.h"

/* Serves one request; refusals are answered here. 0, or a fault that closes the session. */
_must_use_ int verbs_dispatch(struct session *from, const Jobd__Request *request);

/* What the log hears of a request, and its name. AUDIT_UNSAID when there is none. For tests. */
enum audit verbs_audit_of(size_t verb, const char **out_name);

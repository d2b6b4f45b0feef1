/* SPDX-License-Identifier: Apache-2.0 */
/* The table of requests: who may ask them, and who answers. */
#pragma once

#include "daemon/clients/session.h"

/* Serves one request; refusals are answered here. 0, or a fault that closes the session. */
_must_use_ int verbs_dispatch(struct session *from, const Jobd__Request *request);

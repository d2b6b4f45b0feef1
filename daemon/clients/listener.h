/* SPDX-License-Identifier: Apache-2.0 */
/* The sockets that clients dial, and who is let in. */
#pragma once

#include "daemon/clients/shared.h"

_must_use_ int listeners_init(struct clients *clients);
/* Closes all of them. */
void listeners_close(struct clients *clients);
void listeners_deinit(struct clients *clients);
/* fd: owned from here, also when this fails. */
_must_use_ int listeners_add(struct clients *clients, int fd);
/* Accepts whoever waits there, says the sentence as an internal error, and hangs up. */
void listeners_turn_away(int listen_fd, const char *sentence);
/* A descriptor was closed somewhere: listen again after having been full. */
void listeners_resume(struct clients *clients);

/* SPDX-License-Identifier: Apache-2.0 */
/* Starting the user's daemon when nobody answers. */
#pragma once

#include "client/lib/find.h"

/*
 * Starts `jobd --user` for a target with a runtime folder, unless another client does so at the
 * same time, and connects. Blocks until the daemon listens, at most 15 s.
 * 0 and *out_fd, or FIND_E_* with the sentence, or a fault.
 */
_must_use_ int autostart_dial(const struct find_target *target, int *out_fd,
                              struct failure *failure);

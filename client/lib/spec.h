/* SPDX-License-Identifier: Apache-2.0 */
/* The inside of a job to be. */
#pragma once

#include "proto/wire.h"

#include "client/jobctl.h"

struct jobctl_spec {
        Jobd__Spec *message;            /* owned */
        Jobd__Environment *environment; /* owned */
        bool clears_dependencies;       /* for jobctl_update() */
};

/* A copy of `size` bytes with a NUL behind them that does not count; false without memory. */
bool spec_set_bytes(ProtobufCBinaryData *bytes, const void *data, size_t size);

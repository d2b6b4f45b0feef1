/* SPDX-License-Identifier: Apache-2.0 */
/* jobctl_spec_freep() for _cleanup_(). */
#pragma once

#include "common/cleanup.h"

#include "client/jobctl.h"

DEFINE_CLEANUP(struct jobctl_spec *, jobctl_spec_free);

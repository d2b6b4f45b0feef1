/* SPDX-License-Identifier: Apache-2.0 */
/* The replies that one question got, as records. */
#pragma once

#include "common/cleanup.h"

#include "proto/wire.h"

#include "client/jobctl.h"

_must_use_ int result_new(struct jobctl_result **out_result);
/* Takes the reply over, also when this fails; its records are added to those that are there. */
_must_use_ int result_add(struct jobctl_result *result, Jobd__Reply *reply);
DEFINE_CLEANUP(struct jobctl_result *, jobctl_result_free);

/* SPDX-License-Identifier: Apache-2.0 */
/* The message inside a selector. */
#pragma once

#include "proto/wire.h"

#include "client/jobctl.h"

/* Borrowed from the selector; NULL for NULL. */
Jobd__Selector *selector_message(const struct jobctl_selector *selector);

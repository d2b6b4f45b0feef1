/* SPDX-License-Identifier: Apache-2.0 */
/* From a Spec to what the engine needs of it; for verb_update.c, too. */
#pragma once

#include "daemon/clients/session.h"

#define SUBMIT_RETRY_ON_BYTES 32

/* Everything but blobs and exit codes; texts point into `spec`. */
void submit_fill_spec(const Jobd__Spec *spec, struct engine_spec *to);
/* The exit codes to retry on, into a bitmap that is all zero. */
void submit_fill_codes(const Jobd__Spec *spec, uint8_t bits[static SUBMIT_RETRY_ON_BYTES]);
_must_use_ int submit_pack(const ProtobufCMessage *message, struct journal_blob **out_blob);

/* SPDX-License-Identifier: Apache-2.0 */
/* An Update laid over a job's Spec and Environment. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "common/cleanup.h"
#include "common/error.h"

#include "proto/wire.h"

#define SPEC_MERGE_DETAIL_MAX 200

/*
 * Does `set` hold only fields that may change, and the lists what they should? 0, or a
 * jobd.ErrorCode with the sentence.
 */
_must_use_ int spec_merge_check(const Jobd__Update *update, struct reason *why);
/* What has changed, for the history: "priority 3, cores 4, time limit, +HOME -LANG". */
void spec_merge_describe(const Jobd__Update *update, char buf[static SPEC_MERGE_DETAIL_MAX]);
/* Does it say anew what the job waits for? */
bool spec_merge_sets_dependencies(const Jobd__Update *update);
/* Sets in `spec` what the update's `set` has; the values stay where they are: pack it, then free
 * the two. */
void spec_merge_fields(const Jobd__Update *update, Jobd__Spec *spec);
/*
 * The entries of `old` (NULL: none) as the update leaves them: an array, owned by the caller, of
 * borrowed ones. 0 or a fault.
 */
_must_use_ int spec_merge_entries(const Jobd__Update *update, const Jobd__Environment *old,
                                  ProtobufCBinaryData **out_entries, size_t *out_count);

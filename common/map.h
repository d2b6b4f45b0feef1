/* SPDX-License-Identifier: Apache-2.0 */
/* Hash maps: uthash, told to report a lack of memory instead of ending the process. */
#pragma once

#define HASH_NONFATAL_OOM 1
/* The default function falls through cases, which clang warns of; keys here are short anyway. */
#define HASH_FUNCTION HASH_FNV
/* After HASH_ADD*: an element that was not added has a NULL hh.tbl. */
#include <uthash.h>

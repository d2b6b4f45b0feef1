/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The only object that is compiled again when the version changes. The two texts come from
 * version_made.h, which version.cmake writes whenever a source of the daemon or the worker has
 * changed: so nobody needs to remember to count up a version, and the programs of a package that
 * is built twice are still the same.
 */
#include "common/version.h"

#include "common/version_made.h"

const char version_text[] = VERSION_TEXT;
const char version_build[] = VERSION_BUILD;

_Static_assert(sizeof(version_text) <= VERSION_BYTES, "a version is a short text");
_Static_assert(sizeof(version_build) <= VERSION_BYTES, "a version is a short text");

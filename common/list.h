/* SPDX-License-Identifier: Apache-2.0 */
/* Lists and ordered trees: libbsd's sys/queue.h and sys/tree.h behind one include. */
#pragma once

/* libbsd's tree.h needs __unused wherever its macros are expanded, and nobody defines it here. */
#ifndef __unused
#define __unused __attribute__((__unused__))
#endif
#include <bsd/sys/queue.h>
#include <bsd/sys/tree.h>

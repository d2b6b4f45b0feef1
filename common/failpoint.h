/* SPDX-License-Identifier: Apache-2.0 */
/* Named places where a test makes this process die or a call fail. Nothing in release builds. */
#pragma once

/*
 * $JOBD_FAILPOINT="NAME=ACTION[:N][,...]": on the N-th visit (default the first) of NAME,
 *    kill   SIGKILL to ourselves
 *    fail   FAILPOINT() is 1 (the caller pretends that its call failed)
 *    pause  write NAME to the FIFO in $JOBD_FAILPOINT_FIFO and wait to be killed
 * A file named in $JOBD_FAILPOINT_LOG gets a line per visit, so that a test can list the places.
 */
#ifdef JOBD_FAILPOINTS
int failpoint_visit(const char *name);
#define FAILPOINT(name) failpoint_visit(name)
#else
#define FAILPOINT(name) 0
#endif

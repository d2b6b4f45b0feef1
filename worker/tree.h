/* SPDX-License-Identifier: Apache-2.0 */
/* The processes of a job where there is no cgroup: our children and what descends from them. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "common/cleanup.h"

#define TREE_CHILDREN_MAX 4096

/* The direct children of this process, dead ones included. At most `max`; returns how many. */
size_t tree_list_children(pid_t *out_pids, size_t max);

/*
 * Sends `signo` to the process group `leader` (a child of ours that is not reaped) and to every
 * descendant of ours outside it. One that is made meanwhile may be missed, except with SIGSTOP.
 */
void tree_signal(pid_t leader, int signo);

/*
 * KILL to every direct child that `is_ours` (NULL: every one). Their children become ours (we are
 * the subreaper) and are met by the next call; call it again whenever a child was reaped, until
 * there is none. Returns how many were sent it.
 */
size_t tree_kill_children(bool (*is_ours)(void *arg, pid_t pid), void *arg);

/* The names of up to a few direct children, for people: "cp (812), sh (813)". */
void tree_describe_children(char *out_text, size_t size);

/*
 * Kills processes of session `leader` that no living process of ours owns: what a worker and its
 * pool left when both died. Only those that began at `not_before_usec` (CLOCK_BOOTTIME) or later
 * and whose real uid is `uid`. Returns how many were sent KILL.
 */
size_t tree_kill_session(pid_t leader, uid_t uid, uint64_t not_before_usec);

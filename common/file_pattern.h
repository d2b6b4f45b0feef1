/* SPDX-License-Identifier: Apache-2.0 */
/* Names of a job's files with %j and its kin in them, and what they become for a task. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* What one task puts in; borrowed. */
struct file_pattern_facts {
        uint64_t job;
        uint64_t number;  /* of the task: in its array, else the task's own */
        const char *name; /* of the job; may be NULL */
        const char *user; /* may be NULL */
};

/*
 * %j job, %A job, %a the task's number, %x job name, %u user name, %%. Anything else stays. Owned
 * by the caller; NULL when memory ends.
 */
char *file_pattern_expand(const void *pattern, size_t size, const struct file_pattern_facts *facts);

/* SPDX-License-Identifier: Apache-2.0 */
/* What jobd said of a job, decoded once and shared by the leases of its tasks. */
#pragma once

#include <stdint.h>

#include "common/cleanup.h"
#include "common/error.h"
#include "common/template.h"

#include "proto/wire.h"

/* Immutable after job_new(); one thread. */
struct job {
        unsigned int count; /* of references */
        uint64_t id;
        Jobd__Spec *spec;               /* owned */
        Jobd__Environment *environment; /* owned; NULL: empty */
        struct template *template;      /* owned; NULL: no map, argv is taken as it is */
};

/* Decodes what a Start brings. The count starts at 1. WIRE_E_BAD with a sentence, or a fault. */
_must_use_ int job_new(const Jobd__Work__Start *start, struct job **out_job, struct reason *why);
struct job *job_ref(struct job *job); /* NULL-safe; returns job */
struct job *job_unref(struct job *job);
DEFINE_CLEANUP(struct job *, job_unref);

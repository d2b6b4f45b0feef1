/* SPDX-License-Identifier: Apache-2.0 */
/* The only place that packs and unpacks protobuf: budgeted memory in, validated messages out. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "common/cleanup.h"
#include "common/error.h"

#include "proto/jobd.pb-c.h"
#include "proto/worker.pb-c.h"

#define WIRE_MAGIC 0x4a4f4244U
#define WIRE_VERSION 1U
#define WIRE_WORKER_VERSION 1U
#define WIRE_KEY_BYTES 16
#define WIRE_INSTANCE_BYTES 16

#define WIRE_STRINGS_MAX (1024U * 1024) /* argv + environment of one job */
#define WIRE_STRING_MAX (128U * 1024 - 1)
#define WIRE_ENTRIES_MAX 4096U
#define WIRE_CORE_MAX 65535U           /* number of a processor */
#define WIRE_WEIGHT_MAX 10000U         /* of a user; the kernel's cpu.weight has the same range */
#define WIRE_VALUES_MAX (1024U * 1024) /* one Append, one task's values */
#define WIRE_BATCH_MAX 10000U          /* submissions in a frame */
#define WIRE_DEPENDENCIES_MAX 1000U    /* of one job */
#define WIRE_RESOURCES_MAX 64U         /* resources and locks of one job */
#define WIRE_RESOURCE_NAME_MAX 128U    /* bytes */
#define WIRE_RESOURCE_UNITS_MAX 10000U /* of one job: START tells the id of each */
/* Beside 8 x size: 10,000 tiny submissions become 6 MB of structures out of 200 KB of bytes. */
#define WIRE_DECODE_BYTES (8U * 1024 * 1024)

enum wire_answer {
        WIRE_E_BAD = 1, /* not a message of this type, over the memory budget, or invalid */
};

/*
 * Decoding allocates at most 8 x size + WIRE_DECODE_BYTES, freed as one by wire_free_*(). Every
 * required oneof body is present afterwards; enums, counts and lengths are in range; strings are
 * UTF-8 without NUL; argv, environment and paths hold no NUL; IdRange has 1 <= first <= last.
 * 0, WIRE_E_BAD with a sentence in `why`, or a fault.
 */
_must_use_ int wire_unpack_request(const void *data, size_t size, Jobd__Request **out_request,
                                   struct reason *why);
_must_use_ int wire_unpack_reply(const void *data, size_t size, Jobd__Reply **out_reply,
                                 struct reason *why);
_must_use_ int wire_unpack_report(const void *data, size_t size, Jobd__Work__Report **out_report,
                                  struct reason *why);
_must_use_ int wire_unpack_order(const void *data, size_t size, Jobd__Work__Order **out_order,
                                 struct reason *why);
/* The tag of a Request or Reply that could not be unpacked, for the refusal; 0 when unreadable. */
uint64_t wire_peek_tag(const void *data, size_t size);
/* A stored Spec or Environment, as wire_pack() made it. */
_must_use_ int wire_unpack_spec(const void *data, size_t size, Jobd__Spec **out_spec,
                                struct reason *why);
_must_use_ int wire_unpack_environment(const void *data, size_t size,
                                       Jobd__Environment **out_environment, struct reason *why);

/* NULL-safe; the argument came from the unpack of the same name. Return NULL. */
Jobd__Request *wire_free_request(Jobd__Request *request);
Jobd__Reply *wire_free_reply(Jobd__Reply *reply);
Jobd__Work__Report *wire_free_report(Jobd__Work__Report *report);
Jobd__Work__Order *wire_free_order(Jobd__Work__Order *order);
Jobd__Spec *wire_free_spec(Jobd__Spec *spec);
Jobd__Environment *wire_free_environment(Jobd__Environment *environment);
DEFINE_CLEANUP(Jobd__Request *, wire_free_request);
DEFINE_CLEANUP(Jobd__Reply *, wire_free_reply);
DEFINE_CLEANUP(Jobd__Work__Report *, wire_free_report);
DEFINE_CLEANUP(Jobd__Work__Order *, wire_free_order);
DEFINE_CLEANUP(Jobd__Spec *, wire_free_spec);
DEFINE_CLEANUP(Jobd__Environment *, wire_free_environment);

/*
 * Judges what a submitter wrote: argv not empty, argv[0] not empty, limits above, cwd and paths
 * absolute, names at most 255 bytes, environment entries "K=V" with K not empty, a map's template
 * one that can be expanded. 0 or WIRE_E_BAD.
 */
_must_use_ int wire_check_spec(const Jobd__Spec *spec, struct reason *why);
_must_use_ int wire_check_environment(const Jobd__Environment *environment, struct reason *why);

/*
 * The jobs of one Submit, in its order: the places that dependencies name exist, and no jobs wait
 * for each other in a circle; the sentence names the circle. 0, WIRE_E_BAD, or a fault (memory).
 */
_must_use_ int wire_check_flow(Jobd__Spec *const *specs, size_t count, struct reason *why);

/* Packs any message into a new piece of memory owned by the caller. */
_must_use_ int wire_pack(const ProtobufCMessage *message, void **out_data, size_t *out_size);

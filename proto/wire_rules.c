/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What single messages ask beyond the walk in wire_check.c: one row in `wire_rules` with the limits
 * of its bytes and counts, the ranges of its numbers, and a function for what relates several
 * fields.
 *
 * If you add a message whose bytes are no text, or with numbers that somebody will use as an
 * index, a signal or a length, also add a row. A rule that a peer of an earlier release could
 * break is a change of the protocol (PROTOCOL.md, "How this may change").
 */
#include <string.h>

#include "proto/frame.h"
#include "proto/wire_check.h"

static int64_t wire_range_value(const void *at, enum wire_width width)
{
        uint64_t value;

        if (width == WIRE_WIDTH_I32)
                return *(const int32_t *)at;
        value = width == WIRE_WIDTH_U32 ? *(const uint32_t *)at : *(const uint64_t *)at;
        return value > INT64_MAX ? INT64_MAX : (int64_t)value;
}

int wire_check_ranges(const void *message, const char *type, const struct wire_range *ranges,
                      size_t count, struct reason *why)
{
        const uint8_t *base = message;

        for (size_t i = 0; i < count; i++) {
                const struct wire_range *range = &ranges[i];
                int64_t value;

                if (range->has_offset != 0 &&
                    !*(const protobuf_c_boolean *)(const void *)(base + range->has_offset))
                        continue;
                value = wire_range_value(base + range->offset, range->width);
                if (value < range->min || value > range->max)
                        return reason_set(why, WIRE_E_BAD, "%s.%s must be %lld to %lld, not %lld",
                                          type, range->name, (long long)range->min,
                                          (long long)range->max, (long long)value);
        }
        return 0;
}

size_t wire_strings_bytes(const ProtobufCBinaryData *entries, size_t count)
{
        size_t sum = 0;

        for (size_t i = 0; i < count; i++)
                if (__builtin_add_overflow(sum, entries[i].len, &sum) ||
                    __builtin_add_overflow(sum, 1, &sum))
                        return SIZE_MAX;
        return sum;
}

/* ------------------------------------------------------------------- what single messages ask */

static int wire_check_offset(struct wire_walk *walk, uint64_t offset, size_t size)
{
        uint64_t end;

        if (__builtin_add_overflow(offset, size, &end) || end > INT64_MAX)
                return reason_set(walk->why, WIRE_E_BAD, "offset %llu is out of range",
                                  (unsigned long long)offset);
        return 0;
}

static int wire_check_hello(struct wire_walk *walk, const void *message)
{
        const Jobd__Hello *hello = message;

        if (hello->magic != WIRE_MAGIC)
                return reason_set(walk->why, WIRE_E_BAD, "Hello.magic is 0x%08x, not 0x%08x",
                                  hello->magic, WIRE_MAGIC);
        if (hello->version_min < 1 || hello->version_min > hello->version_max)
                return reason_set(walk->why, WIRE_E_BAD, "Hello has versions %u to %u",
                                  hello->version_min, hello->version_max);
        return 0;
}

static int wire_check_decoded_spec(struct wire_walk *walk, const void *message)
{
        const Jobd__Spec *spec = message;

        if (wire_strings_bytes(spec->argv, spec->n_argv) > WIRE_STRINGS_MAX)
                return reason_set(walk->why, WIRE_E_BAD, "Spec.argv is longer than %u bytes",
                                  WIRE_STRINGS_MAX);
        if (spec->n_rlimits > WIRE_RLIMITS_MAX || spec->n_labels > WIRE_LABELS_MAX ||
            spec->n_retry_on > WIRE_RETRY_ON_MAX)
                return reason_set(walk->why, WIRE_E_BAD,
                                  "Spec may have %u rlimits, %u labels and %u retry_on",
                                  WIRE_RLIMITS_MAX, WIRE_LABELS_MAX, WIRE_RETRY_ON_MAX);
        return 0;
}

static int wire_check_decoded_environment(struct wire_walk *walk, const void *message)
{
        const Jobd__Environment *environment = message;

        if (wire_strings_bytes(environment->entries, environment->n_entries) > WIRE_STRINGS_MAX)
                return reason_set(walk->why, WIRE_E_BAD, "an Environment is longer than %u bytes",
                                  WIRE_STRINGS_MAX);
        return 0;
}

/* Environments are measured once, however many jobs share them. */
static int wire_check_submit(struct wire_walk *walk, const void *message)
{
        const Jobd__Submit *submit = message;
        size_t *sizes = NULL;

        if (submit->n_jobs == 0)
                return reason_set(walk->why, WIRE_E_BAD, "Submit has no jobs");
        if (submit->n_environments > 0) {
                sizes = wire_arena_alloc(walk->arena, submit->n_environments * sizeof(*sizes));
                if (!sizes)
                        return reason_set(walk->why, WIRE_E_BAD, "Submit needs too much memory");
        }
        for (size_t i = 0; i < submit->n_environments; i++)
                sizes[i] = wire_strings_bytes(submit->environments[i]->entries,
                                              submit->environments[i]->n_entries);
        for (size_t i = 0; i < submit->n_jobs; i++) {
                const Jobd__Submission *job = submit->jobs[i];

                if (!job->has_environment)
                        continue;
                if (job->environment >= submit->n_environments)
                        return reason_set(walk->why, WIRE_E_BAD,
                                          "job %zu has environment %u of %zu", i, job->environment,
                                          submit->n_environments);
                if (wire_strings_bytes(job->spec->argv, job->spec->n_argv) >
                    WIRE_STRINGS_MAX - sizes[job->environment])
                        return reason_set(walk->why, WIRE_E_BAD,
                                          "argv and environment of job %zu are longer than %u "
                                          "bytes together",
                                          i, WIRE_STRINGS_MAX);
        }
        return 0;
}

static int wire_check_id_range(struct wire_walk *walk, const void *message)
{
        const Jobd__IdRange *range = message;

        if (range->first < 1 || range->first > range->last)
                return reason_set(walk->why, WIRE_E_BAD, "IdRange %llu to %llu is not a range",
                                  (unsigned long long)range->first,
                                  (unsigned long long)range->last);
        if (!range->has_task_first && !range->has_task_last)
                return 0;
        if (!range->has_task_first || !range->has_task_last ||
            range->task_first > range->task_last || range->first != range->last)
                return reason_set(walk->why, WIRE_E_BAD,
                                  "tasks of an IdRange are a range of one job's");
        return 0;
}

static int wire_check_output_data(struct wire_walk *walk, const void *message)
{
        const Jobd__OutputData *data = message;

        return wire_check_offset(walk, data->offset, data->records.len);
}

static int wire_check_stdin_data(struct wire_walk *walk, const void *message)
{
        const Jobd__StdinData *data = message;

        return wire_check_offset(walk, data->offset, data->has_data ? data->data.len : 0);
}

static int wire_check_stdin_window(struct wire_walk *walk, const void *message)
{
        const Jobd__StdinWindow *window = message;

        if (window->taken > window->limit)
                return reason_set(walk->why, WIRE_E_BAD, "StdinWindow ends before it begins");
        return 0;
}

static int wire_check_output_piece(struct wire_walk *walk, const void *message)
{
        const Jobd__Work__OutputPiece *piece = message;

        return wire_check_offset(walk, piece->offset, piece->records.len);
}

static int wire_check_stdin_piece(struct wire_walk *walk, const void *message)
{
        const Jobd__Work__StdinPiece *piece = message;

        return wire_check_offset(walk, piece->offset, piece->has_data ? piece->data.len : 0);
}

/* A set of processors is made of these: a number bounds its size. */
static int wire_check_cores(struct wire_walk *walk, const uint32_t *cores, size_t count)
{
        for (size_t i = 0; i < count; i++)
                if (cores[i] > WIRE_CORE_MAX)
                        return reason_set(walk->why, WIRE_E_BAD, "no machine has a core %u",
                                          cores[i]);
        return 0;
}

static int wire_check_start(struct wire_walk *walk, const void *message)
{
        const Jobd__Work__Start *start = message;

        return wire_check_cores(walk, start->cores, start->n_cores);
}

static int wire_check_held_lease(struct wire_walk *walk, const void *message)
{
        const Jobd__Work__HeldLease *held = message;

        return wire_check_cores(walk, held->cores, held->n_cores);
}

/* The zero bytes are counted here, once, so that nobody after us reads past the end. */
static int wire_check_append(struct wire_walk *walk, const void *message)
{
        const Jobd__Append *append = message;
        const uint8_t *at = append->values.data;
        const uint8_t *const end = append->values.len ? at + append->values.len : at;
        uint64_t count = 0;

        while (at < end) {
                const uint8_t *const zero = memchr(at, 0, (size_t)(end - at));

                if (!zero)
                        return reason_set(walk->why, WIRE_E_BAD,
                                          "the last value of Append has no end");
                if (zero - at > (ptrdiff_t)WIRE_STRING_MAX)
                        return reason_set(walk->why, WIRE_E_BAD,
                                          "value %llu of Append is longer than %u bytes",
                                          (unsigned long long)count, WIRE_STRING_MAX);
                count++;
                at = zero + 1;
        }
        if (count != append->count)
                return reason_set(walk->why, WIRE_E_BAD, "Append says %llu values and has %llu",
                                  (unsigned long long)append->count, (unsigned long long)count);
        return 0;
}

static int wire_check_halt(struct wire_walk *walk, const void *message)
{
        const Jobd__Halt *halt = message;

        if (halt->has_count == halt->has_percent)
                return reason_set(walk->why, WIRE_E_BAD,
                                  "Halt needs a count or a percentage, one of them");
        return 0;
}

/* ----------------------------------------------------------------------------------- the rules */

/* clang-format off */
#define ID_MAX INT64_MAX
#define UID_MAX_VALID (UINT32_MAX - 1) /* (uid_t)-1 means "leave as it is" to the kernel */

static const struct wire_range wire_error_ranges[] = {
        WIRE_RANGE(Jobd__Error, code, 1, INT32_MAX),
};
static const struct wire_range wire_hello_ok_ranges[] = {
        WIRE_RANGE(Jobd__HelloOk, version, 1, UINT32_MAX),
        WIRE_RANGE(Jobd__HelloOk, frame_max_bytes, 1024, FRAME_MAX),
};
static const struct wire_range wire_submitted_ranges[] = {
        WIRE_RANGE(Jobd__Submitted, first_id, 1, INT64_MAX),
        WIRE_RANGE(Jobd__Submitted, count, 1, WIRE_BATCH_MAX),
};
static const struct wire_range wire_job_ranges[] = {
        WIRE_RANGE(Jobd__Job, id, 1, INT64_MAX),
        WIRE_RANGE(Jobd__Job, state, 1, INT32_MAX),
};
static const struct wire_range wire_act_ranges[] = {
        WIRE_RANGE(Jobd__Act, action, 1, INT32_MAX),
        WIRE_RANGE_IF(Jobd__Act, signal, 1, WIRE_SIGNAL_MAX),
        WIRE_RANGE_IF(Jobd__Act, grace_usec, 0, WIRE_USEC_MAX),
};
static const struct wire_range wire_queue_op_ranges[] = {
        WIRE_RANGE(Jobd__QueueOp, action, 1, INT32_MAX),
};
static const struct wire_range wire_queue_settings_ranges[] = {
        WIRE_RANGE_IF(Jobd__QueueSettings, policy, 1, INT32_MAX),
        WIRE_RANGE_IF(Jobd__QueueSettings, weight, 1, WIRE_WEIGHT_MAX),
        WIRE_RANGE_IF(Jobd__QueueSettings, time_limit_usec, 0, WIRE_USEC_MAX),
        WIRE_RANGE_IF(Jobd__QueueSettings, memory_bytes, 0, INT64_MAX),
        WIRE_RANGE_IF(Jobd__QueueSettings, priority, -1000, 1000),
};
static const struct wire_range wire_job_ended_ranges[] = {
        WIRE_RANGE(Jobd__JobEnded, id, 1, INT64_MAX),
        WIRE_RANGE(Jobd__JobEnded, state, JOBD__JOB_STATE__STATE_SUCCEEDED, INT32_MAX),
        WIRE_RANGE_IF(Jobd__JobEnded, exit_signal, 0, WIRE_SIGNAL_MAX),
};
static const struct wire_range wire_follow_ranges[] = {
        WIRE_RANGE(Jobd__Follow, job, 1, INT64_MAX),
        WIRE_RANGE_IF(Jobd__Follow, task, 0, INT64_MAX - 1),
        WIRE_RANGE_IF(Jobd__Follow, offset, 0, INT64_MAX - 1),
};
/* Job 0: that of the connection's last Submit. */
static const struct wire_range wire_append_ranges[] = {
        WIRE_RANGE(Jobd__Append, job, 0, INT64_MAX),
        WIRE_RANGE(Jobd__Append, number, 0, INT64_MAX - 1),
};
static const struct wire_range wire_close_input_ranges[] = {
        WIRE_RANGE(Jobd__CloseInput, job, 0, INT64_MAX),
        WIRE_RANGE(Jobd__CloseInput, chunks, 0, INT64_MAX - 1),
};
static const struct wire_range wire_results_ranges[] = {
        WIRE_RANGE(Jobd__Results, job, 1, INT64_MAX),
        WIRE_RANGE_IF(Jobd__Results, first_task, 0, INT64_MAX - 1),
        WIRE_RANGE_IF(Jobd__Results, progress_usec, 0, WIRE_USEC_MAX),
};
static const struct wire_range wire_seen_ranges[] = {
        WIRE_RANGE(Jobd__Seen, job, 1, INT64_MAX),
        WIRE_RANGE(Jobd__Seen, next_task, 0, INT64_MAX - 1),
};
static const struct wire_range wire_inputs_ranges[] = {
        WIRE_RANGE(Jobd__Inputs, job, 1, INT64_MAX),
        WIRE_RANGE(Jobd__Inputs, first_task, 0, INT64_MAX - 1),
};
static const struct wire_range wire_halt_ranges[] = {
        WIRE_RANGE(Jobd__Halt, on, 1, INT32_MAX),
        WIRE_RANGE_IF(Jobd__Halt, percent, 1, 100),
        WIRE_RANGE_IF(Jobd__Halt, count, 1, INT64_MAX),
};
static const struct wire_range wire_task_end_ranges[] = {
        WIRE_RANGE(Jobd__TaskEnd, state, JOBD__JOB_STATE__STATE_SUCCEEDED, INT32_MAX),
        WIRE_RANGE_IF(Jobd__TaskEnd, exit_signal, 0, WIRE_SIGNAL_MAX),
};
static const struct wire_range wire_task_news_ranges[] = {
        WIRE_RANGE(Jobd__TaskNews, state, 1, INT32_MAX),
};
static const struct wire_range wire_work_hello_ranges[] = {
        WIRE_RANGE(Jobd__Work__Hello, version, 1, UINT32_MAX),
        WIRE_RANGE(Jobd__Work__Hello, role, 1, INT32_MAX),
        WIRE_RANGE(Jobd__Work__Hello, pid, 1, INT32_MAX),
        WIRE_RANGE_IF(Jobd__Work__Hello, number, 0, WIRE_ENTRIES_MAX - 1),
        WIRE_RANGE_IF(Jobd__Work__Hello, slots, 1, WIRE_ENTRIES_MAX),
};
static const struct wire_range wire_metric_family_ranges[] = {
        WIRE_RANGE(Jobd__MetricFamily, kind, 1, INT32_MAX),
        WIRE_RANGE(Jobd__MetricFamily, per, 1, INT64_MAX),
};
static const struct wire_range wire_start_ranges[] = {
        WIRE_RANGE(Jobd__Work__Start, lease, 1, INT64_MAX),
        WIRE_RANGE(Jobd__Work__Start, job, 1, INT64_MAX),
        WIRE_RANGE(Jobd__Work__Start, attempt, 1, UINT32_MAX),
        WIRE_RANGE(Jobd__Work__Start, uid, 0, UID_MAX_VALID),
        WIRE_RANGE(Jobd__Work__Start, gid, 0, UID_MAX_VALID),
};
static const struct wire_range wire_started_ranges[] = {
        WIRE_RANGE(Jobd__Work__Started, pid, 1, INT32_MAX),
};
static const struct wire_range wire_exited_ranges[] = {
        WIRE_RANGE(Jobd__Work__Exited, outcome, 1, INT32_MAX),
        WIRE_RANGE_IF(Jobd__Work__Exited, exit_code, 0, 255),
        WIRE_RANGE_IF(Jobd__Work__Exited, exit_signal, 0, WIRE_SIGNAL_MAX),
};
static const struct wire_range wire_signal_ranges[] = {
        WIRE_RANGE(Jobd__Work__Signal, signal, 1, WIRE_SIGNAL_MAX),
};
static const struct wire_range wire_held_lease_ranges[] = {
        WIRE_RANGE(Jobd__Work__HeldLease, job, 1, INT64_MAX),
        WIRE_RANGE(Jobd__Work__HeldLease, state, 1, INT32_MAX),
        WIRE_RANGE_IF(Jobd__Work__HeldLease, exit_code, 0, 255),
        WIRE_RANGE_IF(Jobd__Work__HeldLease, exit_signal, 0, WIRE_SIGNAL_MAX),
};
static const struct wire_range wire_pool_worker_ranges[] = {
        WIRE_RANGE(Jobd__Work__PoolWorker, number, 0, WIRE_ENTRIES_MAX - 1),
        WIRE_RANGE(Jobd__Work__PoolWorker, pid, 1, INT32_MAX),
};
static const struct wire_range wire_pool_set_ranges[] = {
        WIRE_RANGE(Jobd__Work__PoolSet, wanted, 0, WIRE_ENTRIES_MAX),
};
static const struct wire_range wire_user_weight_ranges[] = {
        WIRE_RANGE(Jobd__Work__UserWeight, uid, 0, UID_MAX_VALID),
        WIRE_RANGE(Jobd__Work__UserWeight, weight, 1, WIRE_WEIGHT_MAX),
};
static const struct wire_range wire_dead_worker_ranges[] = {
        WIRE_RANGE(Jobd__Work__DeadWorker, number, 0, WIRE_ENTRIES_MAX - 1),
};
static const struct wire_range wire_compact_ranges[] = {
        WIRE_RANGE(Jobd__Work__Compact, job, 1, INT64_MAX),
        WIRE_RANGE(Jobd__Work__Compact, attempt, 1, UINT32_MAX),
};

#define RANGES(table) .ranges = (table), .ranges_count = ARRAY_SIZE(table)
#define DATA(min, max) .bytes_min = (min), .bytes_max = (max)

/* The first rows are those of a batch of submissions. */
static const struct wire_rule wire_rules[] = {
        { &jobd__spec__descriptor, .check = wire_check_decoded_spec },
        { &jobd__lock__descriptor, DATA(WIRE_KEY_BYTES, WIRE_KEY_BYTES) },
        { &jobd__unlock__descriptor, DATA(WIRE_KEY_BYTES, WIRE_KEY_BYTES) },
        { &jobd__submit__descriptor, DATA(WIRE_KEY_BYTES, WIRE_KEY_BYTES),
          .entries_max = WIRE_BATCH_MAX, .check = wire_check_submit },
        { &jobd__environment__descriptor, .check = wire_check_decoded_environment },
        { &jobd__work__start__descriptor, DATA(0, FRAME_MAX), RANGES(wire_start_ranges),
          .check = wire_check_start },
        { &jobd__work__exited__descriptor, DATA(0, FRAME_MAX), RANGES(wire_exited_ranges) },
        { &jobd__work__started__descriptor, RANGES(wire_started_ranges) },
        { &jobd__job__descriptor, RANGES(wire_job_ranges) },
        { &jobd__job_page__descriptor, .entries_max = WIRE_BATCH_MAX },
        { &jobd__hello__descriptor, .check = wire_check_hello },
        { &jobd__hello_ok__descriptor, DATA(WIRE_INSTANCE_BYTES, WIRE_INSTANCE_BYTES),
          RANGES(wire_hello_ok_ranges) },
        { &jobd__error__descriptor, RANGES(wire_error_ranges) },
        { &jobd__submitted__descriptor, RANGES(wire_submitted_ranges) },
        { &jobd__id_range__descriptor, .check = wire_check_id_range },
        { &jobd__act__descriptor, RANGES(wire_act_ranges) },
        { &jobd__queue_op__descriptor, RANGES(wire_queue_op_ranges) },
        { &jobd__queue_settings__descriptor, RANGES(wire_queue_settings_ranges) },
        { &jobd__job_ended__descriptor, RANGES(wire_job_ended_ranges) },
        { &jobd__follow__descriptor, RANGES(wire_follow_ranges) },
        { &jobd__task_news__descriptor, RANGES(wire_task_news_ranges) },
        { &jobd__append__descriptor, DATA(0, WIRE_VALUES_MAX), RANGES(wire_append_ranges),
          .check = wire_check_append },
        { &jobd__close_input__descriptor, RANGES(wire_close_input_ranges) },
        { &jobd__results__descriptor, RANGES(wire_results_ranges) },
        { &jobd__seen__descriptor, RANGES(wire_seen_ranges) },
        { &jobd__inputs__descriptor, RANGES(wire_inputs_ranges) },
        { &jobd__halt__descriptor, RANGES(wire_halt_ranges), .check = wire_check_halt },
        { &jobd__task_end__descriptor, DATA(0, FRAME_MAX), RANGES(wire_task_end_ranges) },
        { &jobd__input_page__descriptor, DATA(0, FRAME_MAX) },
        { &jobd__metric_family__descriptor, RANGES(wire_metric_family_ranges) },
        { &jobd__task_page__descriptor, .entries_max = WIRE_BATCH_MAX },
        { &jobd__output_data__descriptor, DATA(0, FRAME_MAX), .check = wire_check_output_data },
        { &jobd__stdin_data__descriptor, DATA(0, FRAME_MAX), .check = wire_check_stdin_data },
        { &jobd__stdin_window__descriptor, .check = wire_check_stdin_window },
        { &jobd__work__hello__descriptor, DATA(16, 16), RANGES(wire_work_hello_ranges) },
        { &jobd__work__welcome__descriptor, DATA(WIRE_INSTANCE_BYTES, WIRE_INSTANCE_BYTES) },
        { &jobd__work__signal__descriptor, RANGES(wire_signal_ranges) },
        { &jobd__work__output_piece__descriptor, DATA(0, FRAME_MAX),
          .check = wire_check_output_piece },
        { &jobd__work__stdin_piece__descriptor, DATA(0, FRAME_MAX),
          .check = wire_check_stdin_piece },
        { &jobd__work__held_lease__descriptor, RANGES(wire_held_lease_ranges),
          .check = wire_check_held_lease },
        { &jobd__work__pool_worker__descriptor, RANGES(wire_pool_worker_ranges) },
        { &jobd__work__pool_set__descriptor, RANGES(wire_pool_set_ranges) },
        { &jobd__work__user_weight__descriptor, RANGES(wire_user_weight_ranges) },
        { &jobd__work__dead_worker__descriptor, RANGES(wire_dead_worker_ranges) },
        { &jobd__work__compact__descriptor, RANGES(wire_compact_ranges) },
};
/* clang-format on */

const struct wire_rule *wire_rule_find(const ProtobufCMessageDescriptor *type)
{
        for (size_t i = 0; i < ARRAY_SIZE(wire_rules); i++)
                if (wire_rules[i].type == type)
                        return &wire_rules[i];
        return NULL;
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Submitting: jobs become Submit frames, as many as fit in each.
 *
 * A frame holds at most 10,000 jobs and 3.5 MiB (the limit is 4 MiB), is accepted whole or not at
 * all, and has a key of its own: 6 bytes of milliseconds, 10 random ones. The packed frame is what
 * is repeated after a reconnection, so the key stays and jobd answers with the same ids instead of
 * making the jobs twice. Neighbours with the same environment share it in the frame. Every job is
 * judged here first by the judge that jobd uses, so a bad one is refused with its sentence before
 * anything is sent. Several frames are sent without waiting and their answers collected.
 */
#include <errno.h>
#include <string.h>
#include <sys/random.h>

#include "common/clock.h"

#include "proto/frame.h"

#include "client/lib/ask.h"
#include "client/lib/spec.h"

#define SUBMIT_FRAME_BYTES (FRAME_MAX - 512U * 1024)

/* A frame in the making: `count` specs, their submissions and the environments they share. */
struct submit_frame {
        Jobd__Submission *submissions;     /* owned */
        Jobd__Submission **submission_ptr; /* owned */
        Jobd__Environment **environments;  /* owned array of borrowed ones */
        size_t count, environments_count;
        size_t bytes; /* about what it will be when packed */
};

static void submit_frame_deinit(struct submit_frame *frame)
{
        free(frame->submissions);
        free(frame->submission_ptr);
        free(frame->environments);
}

static int submit_frame_init(struct submit_frame *frame, size_t count)
{
        frame->submissions = calloc(count, sizeof(*frame->submissions));
        frame->submission_ptr = calloc(count, sizeof(*frame->submission_ptr));
        frame->environments = calloc(count, sizeof(*frame->environments));
        if (!frame->submissions || !frame->submission_ptr || !frame->environments)
                return FAULT(-ENOMEM);
        return 0;
}

static bool submit_is_same_environment(const Jobd__Environment *a, const Jobd__Environment *b)
{
        if (a->n_entries != b->n_entries)
                return false;
        for (size_t i = 0; i < a->n_entries; i++)
                if (a->entries[i].len != b->entries[i].len ||
                    memcmp(a->entries[i].data, b->entries[i].data, a->entries[i].len) != 0)
                        return false;
        return true;
}

/* Adds one; false when the frame is full. */
static bool submit_frame_add(struct submit_frame *frame, const struct jobctl_spec *spec)
{
        const size_t last = frame->environments_count - 1;
        const bool shared =
                frame->environments_count > 0 &&
                submit_is_same_environment(frame->environments[last], spec->environment);
        const size_t bytes =
                jobd__spec__get_packed_size(spec->message) + 16 +
                (shared ? 0 : jobd__environment__get_packed_size(spec->environment) + 16);
        Jobd__Submission *const submission = &frame->submissions[frame->count];

        if (frame->count > 0 &&
            (frame->count >= WIRE_BATCH_MAX || frame->bytes + bytes > SUBMIT_FRAME_BYTES))
                return false;
        if (!shared)
                frame->environments[frame->environments_count++] = spec->environment;
        jobd__submission__init(submission);
        submission->spec = spec->message;
        submission->has_environment = true;
        submission->environment = (uint32_t)frame->environments_count - 1;
        frame->submission_ptr[frame->count++] = submission;
        frame->bytes += bytes;
        return true;
}

static int submit_make_key(uint8_t key[static WIRE_KEY_BYTES])
{
        const uint64_t msec = clock_wall_usec() / USEC_PER_MSEC;

        for (int i = 0; i < 6; i++)
                key[i] = (uint8_t)(msec >> (40 - 8 * i));
        if (getrandom(key + 6, WIRE_KEY_BYTES - 6, 0) != WIRE_KEY_BYTES - 6)
                return FAULT(-errno);
        return 0;
}

static int submit_send_frame(struct jobctl *conn, const struct submit_frame *frame,
                             const struct ask_options *options)
{
        Jobd__Request request = JOBD__REQUEST__INIT;
        Jobd__Submit submit = JOBD__SUBMIT__INIT;
        uint8_t key[WIRE_KEY_BYTES];
        int r;

        r = submit_make_key(key);
        if (r)
                return PASS(r);
        submit.key.data = key;
        submit.key.len = sizeof(key);
        submit.n_environments = frame->environments_count;
        submit.environments = frame->environments;
        submit.n_jobs = frame->count;
        submit.jobs = frame->submission_ptr;
        request.body_case = JOBD__REQUEST__BODY_SUBMIT;
        request.submit = &submit;
        r = ask_start(conn, &request, options);
        return r ? PASS(r) : 0;
}

static int submit_check_flow(struct jobctl *conn, struct jobctl_spec *const *specs, size_t count)
{
        _cleanup_(freep) Jobd__Spec **messages = calloc(count, sizeof(*messages));
        struct reason why = { "" };
        int r;

        if (!messages)
                return failure_from(&conn->failure, -ENOMEM, "submitting");
        for (size_t i = 0; i < count; i++)
                messages[i] = specs[i]->message;
        r = wire_check_flow(messages, count, &why);
        if (r < 0)
                return failure_from(&conn->failure, r, "submitting");
        return r ? failure_set(&conn->failure, JOBCTL_E_USAGE, "%s", why.text) : JOBCTL_OK;
}

static int submit_check(struct jobctl *conn, struct jobctl_spec *const *specs, size_t count)
{
        char text[sizeof(struct reason)];

        for (size_t i = 0; i < count; i++)
                if (jobctl_spec_check(specs[i], text, sizeof(text)))
                        return failure_set(&conn->failure, JOBCTL_E_USAGE, "%s", text);
        if (count == 0)
                return failure_set(&conn->failure, JOBCTL_E_USAGE, "no job to submit");
        return submit_check_flow(conn, specs, count);
}

static bool submit_has_siblings(const struct jobctl_spec *spec)
{
        for (size_t i = 0; i < spec->message->n_dependencies; i++)
                if (spec->message->dependencies[i]->has_sibling)
                        return true;
        return false;
}

/* Places in the list are places in the frame: jobs that wait for each other are not spread. */
static bool submit_must_be_one(struct jobctl_spec *const *specs, size_t count)
{
        for (size_t i = 0; i < count; i++)
                if (submit_has_siblings(specs[i]))
                        return true;
        return false;
}

/* What Submitted says, or NULL when the answer is something else. */
static const Jobd__Submitted *submit_answer(const struct jobctl_result *result)
{
        const ProtobufCMessage *const message = (const void *)jobctl_result_item(result, 0);

        if (!message || message->descriptor != &jobd__submitted__descriptor)
                return NULL;
        return (const Jobd__Submitted *)message;
}

/* --------------------------------------------------------------------------- without waiting */

struct submit_pending {
        jobctl_submitted_fn fn;
        void *arg;
};

static void submit_on_result(void *arg, int code, const char *text, struct jobctl_result **result)
{
        _cleanup_(freep) struct submit_pending *pending = arg;
        const Jobd__Submitted *const answer = code ? NULL : submit_answer(*result);

        if (!pending->fn)
                return;
        if (answer)
                pending->fn(pending->arg, JOBCTL_OK, "", answer->first_id, answer->count,
                            answer->has_existing && answer->existing);
        else
                pending->fn(pending->arg, code ? code : JOBCTL_E_PROTOCOL, text, 0, 0, false);
}

int jobctl_submit_async(struct jobctl *conn, struct jobctl_spec *const *specs, size_t count,
                        jobctl_submitted_fn fn, void *arg)
{
        _cleanup_(submit_frame_deinit) struct submit_frame frame = { 0 };
        _cleanup_(freep) struct submit_pending *pending = NULL;
        struct ask_options options = { .on_result = submit_on_result };
        int r;

        r = submit_check(conn, specs, count);
        if (r)
                return r;
        pending = malloc(sizeof(*pending));
        if (!pending || submit_frame_init(&frame, count))
                return failure_from(&conn->failure, -ENOMEM, "submitting");
        *pending = (struct submit_pending){ .fn = fn, .arg = arg };
        options.arg = pending;
        for (size_t i = 0; i < count; i++)
                if (!submit_frame_add(&frame, specs[i]))
                        return failure_set(&conn->failure, JOBCTL_E_USAGE,
                                           "%zu jobs do not fit one frame", count);
        r = submit_send_frame(conn, &frame, &options);
        if (r)
                return failure_from(&conn->failure, r, "submitting");
        (void)TAKE_PTR(pending);
        return JOBCTL_OK;
}

/* ------------------------------------------------------------------------------- and waiting */

/* All frames of one jobctl_submit(). */
struct submit_batch {
        uint64_t *ids; /* borrowed: the caller's */
        size_t waiting;
        bool sending; /* more frames come */
        bool done;
        bool existing;
        struct failure failure; /* the first */
};

/* One frame of a batch: the ids that its answer fills. */
struct submit_part {
        struct submit_batch *batch;
        size_t first, count;
};

static void submit_on_part(void *arg, int code, const char *text, struct jobctl_result **result)
{
        _cleanup_(freep) struct submit_part *part = arg;
        struct submit_batch *const batch = part->batch;
        const Jobd__Submitted *const answer = code ? NULL : submit_answer(*result);

        batch->waiting--;
        batch->done = batch->waiting == 0 && !batch->sending;
        if (!answer || answer->count != part->count) {
                if (batch->failure.code == JOBCTL_OK)
                        failure_set(&batch->failure, code ? code : JOBCTL_E_PROTOCOL, "%s",
                                    code ? text : "the daemon's answer to a submission is wrong");
                return;
        }
        for (size_t i = 0; i < part->count; i++)
                batch->ids[part->first + i] = answer->first_id + i;
        if (answer->has_existing && answer->existing)
                batch->existing = true;
}

/* Sends the frame that begins at `first`; *out_count is how many it took. */
static int submit_send_part(struct jobctl *conn, struct submit_batch *batch,
                            struct jobctl_spec *const *specs, size_t first, size_t count,
                            size_t *out_count)
{
        _cleanup_(submit_frame_deinit) struct submit_frame frame = { 0 };
        _cleanup_(freep) struct submit_part *part = NULL;
        struct ask_options options = { .on_result = submit_on_part };
        int r;

        r = submit_frame_init(&frame, MIN(count - first, (size_t)WIRE_BATCH_MAX));
        if (r)
                return PASS(r);
        while (first + frame.count < count && frame.count < WIRE_BATCH_MAX &&
               submit_frame_add(&frame, specs[first + frame.count]))
                ;
        if (frame.count < count && submit_must_be_one(specs, count))
                return failure_set(&conn->failure, JOBCTL_E_USAGE,
                                   "%zu jobs that wait for each other do not fit one submission: "
                                   "at most %u jobs and %u KiB",
                                   count, WIRE_BATCH_MAX, SUBMIT_FRAME_BYTES / 1024);
        part = malloc(sizeof(*part));
        if (!part)
                return FAULT(-ENOMEM);
        *part = (struct submit_part){ .batch = batch, .first = first, .count = frame.count };
        options.arg = part;
        batch->waiting++;
        r = submit_send_frame(conn, &frame, &options);
        if (r) {
                batch->waiting--;
                return PASS(r);
        }
        (void)TAKE_PTR(part);
        *out_count = frame.count;
        return 0;
}

int jobctl_submit(struct jobctl *conn, struct jobctl_spec *const *specs, size_t count,
                  uint64_t *out_ids, bool *out_existing)
{
        struct submit_batch batch = { .ids = out_ids, .sending = true };
        size_t sent = 0;
        int r;

        r = submit_check(conn, specs, count);
        if (r)
                return r;
        memset(out_ids, 0, count * sizeof(*out_ids));
        while (r == 0 && sent < count) {
                size_t taken = 0;

                r = submit_send_part(conn, &batch, specs, sent, count, &taken);
                sent += taken;
        }
        batch.sending = false;
        batch.done = batch.waiting == 0;
        if (conn_run_until(conn, &batch.done, USEC_NONE) || r)
                return failure_from(&conn->failure, r, "submitting");
        if (batch.failure.code) {
                conn->failure = batch.failure;
                return batch.failure.code;
        }
        if (out_existing)
                *out_existing = batch.existing;
        return JOBCTL_OK;
}

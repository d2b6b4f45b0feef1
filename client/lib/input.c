/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The values of a map on their way into an open job.
 *
 *     append ----> open chunk ----> parts on their way: Append 7, Append 8, CloseInput ----> disk
 *                  ~64 KiB          at most four chunks are unanswered
 *
 * A chunk holds whole tasks; only the last of all may end with a part of one. jobd answers a chunk
 * when it is on disk, and later than that when the user's queue is full: then append says "wait",
 * and that is all the push-back there is. Each part is a call of its own, so the connection sends
 * what was not answered again after a break, in order; a number that jobd knows adds nothing. When
 * everything was answered, an Append without values tells the new connection's jobd that the
 * appender is still there.
 *
 * The first refusal ends it for good: a job that was cancelled takes no more, and one whose chunk
 * has no place on the disk is closed as cut behind the chunk before. on_end tells once.
 */
#include <errno.h>
#include <string.h>

#include "client/lib/ask.h"

#define INPUT_CHUNK_BYTES (64U * 1024)
#define INPUT_TASK_BYTES_MAX (1024U * 1024)
#define INPUT_UNANSWERED_MAX 4

/* One request that was not answered yet. */
struct input_part {
        struct call call; /* first: a part is a call */
        TAILQ_ENTRY(input_part) entry;
        struct jobctl_input *input; /* borrowed: frees its parts before itself */
        uint64_t number;            /* of the chunk; of all chunks when it closes */
        uint64_t count;
        bool closes;
        bool has_cut;
        size_t size;
        uint8_t data[]; /* the values, or the text why it was cut (with its NUL) */
};

struct jobctl_input {
        struct call call; /* first: says after a reconnection that we are here; gets no answers */
        struct jobctl_input_ops ops;
        void *arg; /* borrowed: see jobctl.h */
        uint64_t job;
        uint32_t values_per_task;
        bool was_up; /* call.send was asked once: the next time is a reconnection */

        uint8_t *open; /* owned: values not sent yet */
        size_t open_bytes, open_room;
        uint64_t open_count;
        size_t whole_bytes; /* of them in whole tasks */
        uint64_t whole_count;

        TAILQ_HEAD(, input_part) parts; /* owned, oldest first */
        unsigned int parts_count;
        uint64_t next_number;
        uint64_t stored_tasks;
        char *cut;     /* owned */
        bool flushing; /* the open chunk is to go although it is not full */
        bool closing;
        bool close_sent;
        bool ended;
};

/* ------------------------------------------------------------------------------------- parts */

static int input_part_send(struct call *call)
{
        struct input_part *const part = (struct input_part *)call;
        Jobd__Request request = JOBD__REQUEST__INIT;
        Jobd__CloseInput close = JOBD__CLOSE_INPUT__INIT;
        Jobd__Append append = JOBD__APPEND__INIT;
        int r;

        if (part->closes) {
                close.job = part->input->job;
                close.chunks = part->number;
                close.cut = part->has_cut ? (char *)part->data : NULL;
                request.body_case = JOBD__REQUEST__BODY_CLOSE_INPUT;
                request.close_input = &close;
        } else {
                append.job = part->input->job;
                append.number = part->number;
                append.count = part->count;
                append.values.data = part->data;
                append.values.len = part->size;
                request.body_case = JOBD__REQUEST__BODY_APPEND;
                request.append = &append;
        }
        r = call_send(call, &request);
        return r ? PASS(r) : 0;
}

static void input_drop_part(struct jobctl_input *input, struct input_part *part)
{
        TAILQ_REMOVE(&input->parts, part, entry);
        input->parts_count--;
        call_free(&part->call);
}

/* on_end may free the input: nothing may touch it afterwards. */
static void input_end(struct jobctl_input *input, int code, const char *text)
{
        if (input->ended)
                return;
        input->ended = true;
        while (!TAILQ_EMPTY(&input->parts))
                input_drop_part(input, TAILQ_FIRST(&input->parts));
        call_finish(&input->call);
        if (input->ops.on_end)
                input->ops.on_end(input->arg, code, text);
}

static int input_pump(struct jobctl_input *input);

static void input_on_stored(struct jobctl_input *input, struct input_part *part,
                            const Jobd__Appended *appended)
{
        const bool was_full = input->parts_count >= INPUT_UNANSWERED_MAX;

        input_drop_part(input, part);
        input->stored_tasks = MAX(input->stored_tasks, appended->task_count);
        if (input_pump(input))
                input_end(input, JOBCTL_E_SYSTEM, "out of memory");
        else if (was_full && !jobctl_input_is_full(input) && input->ops.on_room)
                input->ops.on_room(input->arg);
}

static void input_on_cut(void *arg _unused_, int code _unused_, const char *text _unused_,
                         struct jobctl_result **result _unused_)
{
}

/*
 * Chunk `number` is not taken although the job would take more (a full disk): it is to end with
 * what it has, and to say that this was not all.
 */
static void input_cut_at(struct jobctl_input *input, uint64_t number, const Jobd__Error *error)
{
        const struct ask_options options = { .on_result = input_on_cut };
        Jobd__Request request = JOBD__REQUEST__INIT;
        Jobd__CloseInput close = JOBD__CLOSE_INPUT__INIT;

        if (error->code == JOBD__ERROR_CODE__ERROR_STATE ||
            error->code == JOBD__ERROR_CODE__ERROR_NO_SUCH_JOB || input->job == 0)
                return;
        close.job = input->job;
        close.chunks = number;
        close.cut = error->message;
        request.body_case = JOBD__REQUEST__BODY_CLOSE_INPUT;
        request.close_input = &close;
        if (ask_start(input->call.conn, &request, &options))
                return; /* then the input ends 60 s after we have gone */
}

static void input_part_on_reply(struct call *call, Jobd__Reply **reply)
{
        struct input_part *const part = (struct input_part *)call;
        struct jobctl_input *const input = part->input;
        const Jobd__Reply *const got = *reply;

        if (got->body_case == JOBD__REPLY__BODY_ERROR) {
                if (!part->closes)
                        input_cut_at(input, part->number, got->error);
                input_end(input, (int)got->error->code, got->error->message);
        } else if (part->closes) {
                input_end(input, JOBCTL_OK, "");
        } else if (got->body_case == JOBD__REPLY__BODY_APPENDED) {
                input_on_stored(input, part, got->appended);
        }
}

static void input_part_on_fail(struct call *call, int code, const char *text)
{
        input_end(((struct input_part *)call)->input, code, text);
}

static void input_part_free(struct call *call)
{
        free(call);
}

static const struct call_ops input_part_ops = {
        .send = input_part_send,
        .on_reply = input_part_on_reply,
        .on_fail = input_part_on_fail,
        .free = input_part_free,
};

static int input_start_part(struct jobctl_input *input, struct input_part *part)
{
        int r;

        part->input = input;
        TAILQ_INSERT_TAIL(&input->parts, part, entry);
        input->parts_count++;
        r = conn_start_call(input->call.conn, &part->call, &input_part_ops);
        if (r) {
                input_drop_part(input, part);
                return PASS(r);
        }
        return 0;
}

/* The first `size` bytes of the open chunk. */
static int input_send_chunk(struct jobctl_input *input, size_t size, uint64_t count)
{
        struct input_part *const part = calloc(1, sizeof(*part) + size);

        if (!part)
                return FAULT(-ENOMEM);
        part->number = input->next_number++;
        part->count = count;
        part->size = size;
        memcpy(part->data, input->open, size);
        input->open_bytes -= size;
        input->open_count -= count;
        memmove(input->open, input->open + size, input->open_bytes);
        input->whole_bytes = 0;
        input->whole_count = 0;
        return PASS(input_start_part(input, part));
}

static int input_send_close(struct jobctl_input *input)
{
        const size_t size = input->cut ? strlen(input->cut) + 1 : 0;
        struct input_part *const part = calloc(1, sizeof(*part) + size);

        if (!part)
                return FAULT(-ENOMEM);
        part->number = input->next_number;
        part->closes = true;
        part->has_cut = input->cut;
        part->size = size;
        if (input->cut)
                memcpy(part->data, input->cut, size);
        input->close_sent = true;
        return PASS(input_start_part(input, part));
}

/* Sends what may go now. */
static int input_pump(struct jobctl_input *input)
{
        const bool may_send = !input->ended && input->parts_count < INPUT_UNANSWERED_MAX;
        const size_t size = input->closing ? input->open_bytes : input->whole_bytes;
        const uint64_t count = input->closing ? input->open_count : input->whole_count;
        int r;

        if (may_send && count > 0 &&
            (input->closing || input->flushing || size >= INPUT_CHUNK_BYTES)) {
                input->flushing = false;
                r = input_send_chunk(input, size, count);
                if (r)
                        return PASS(r);
        }
        if (input->ended || !input->closing || input->close_sent || input->open_count > 0)
                return 0;
        r = input_send_close(input);
        return r ? PASS(r) : 0;
}

/* ----------------------------------------------------------------------------- the appender */

static int input_send(struct call *call)
{
        struct jobctl_input *const input = (struct jobctl_input *)call;
        Jobd__Request request = JOBD__REQUEST__INIT;
        Jobd__Append append = JOBD__APPEND__INIT;
        const bool again = input->was_up;
        int r;

        input->was_up = true;
        if (!again || !TAILQ_EMPTY(&input->parts) || input->job == 0)
                return 0;
        append.job = input->job;
        append.number = input->next_number;
        request.body_case = JOBD__REQUEST__BODY_APPEND;
        request.append = &append;
        r = call_send(call, &request);
        return r ? PASS(r) : 0;
}

static void input_on_reply(struct call *call, Jobd__Reply **reply)
{
        const Jobd__Reply *const got = *reply;

        if (got->body_case == JOBD__REPLY__BODY_ERROR)
                input_end((struct jobctl_input *)call, (int)got->error->code, got->error->message);
}

static void input_on_fail(struct call *call, int code, const char *text)
{
        input_end((struct jobctl_input *)call, code, text);
}

static void input_free(struct call *call)
{
        struct jobctl_input *const input = (struct jobctl_input *)call;

        free(input->cut);
        free(input->open);
        free(input);
}

static const struct call_ops input_ops = {
        .send = input_send,
        .on_reply = input_on_reply,
        .on_fail = input_on_fail,
        .free = input_free,
};

/* ------------------------------------------------------------------------------------- public */

int jobctl_input_new(struct jobctl *conn, uint64_t job, uint32_t values_per_task,
                     const struct jobctl_input_ops *ops, void *arg, struct jobctl_input **out_input)
{
        struct jobctl_input *input;
        int r;

        input = calloc(1, sizeof(*input));
        if (!input)
                return failure_from(&conn->failure, -ENOMEM, "a map's input");
        TAILQ_INIT(&input->parts);
        memcpy(&input->ops, ops, MIN(ops->size, sizeof(input->ops)));
        input->arg = arg;
        input->job = job;
        input->values_per_task = MAX(values_per_task, 1U);
        r = conn_start_call(conn, &input->call, &input_ops);
        if (r) {
                call_free(&input->call);
                return failure_from(&conn->failure, r, "a map's input");
        }
        *out_input = input;
        return JOBCTL_OK;
}

struct jobctl_input *jobctl_input_free(struct jobctl_input *input)
{
        if (!input)
                return NULL;
        input->ended = true;
        while (!TAILQ_EMPTY(&input->parts))
                input_drop_part(input, TAILQ_FIRST(&input->parts));
        call_free(&input->call);
        return NULL;
}

void jobctl_input_set_job(struct jobctl_input *input, uint64_t job)
{
        input->job = job;
}

uint64_t jobctl_input_stored_tasks(const struct jobctl_input *input)
{
        return input->stored_tasks;
}

static int input_refuse(struct jobctl_input *input, int code, const char *text)
{
        return failure_set(&input->call.conn->failure, code, "%s", text);
}

/* The result of a public function that has put something into the input. */
static int input_result(struct jobctl_input *input, int r)
{
        return failure_from(&input->call.conn->failure, r, "a map's input");
}

static int input_make_room(struct jobctl_input *input, size_t size)
{
        const size_t need = input->open_bytes + size;
        size_t room = MAX(input->open_room, (size_t)INPUT_CHUNK_BYTES);
        uint8_t *bigger;

        if (need <= input->open_room)
                return 0;
        while (room < need)
                room *= 2;
        bigger = realloc(input->open, room);
        if (!bigger)
                return FAULT(-ENOMEM);
        input->open = bigger;
        input->open_room = room;
        return 0;
}

static void input_put(struct jobctl_input *input, const void *values, size_t size, uint64_t count)
{
        memcpy(input->open + input->open_bytes, values, size);
        input->open_bytes += size;
        input->open_count += count;
        if (count > 0 && input->open_count % input->values_per_task == 0) {
                input->whole_bytes = input->open_bytes;
                input->whole_count = input->open_count;
        }
}

/* Lets the whole tasks go when `size` more bytes would make the chunk too long. */
static int input_make_way(struct jobctl_input *input, size_t size)
{
        if (input->whole_bytes == 0 || input->open_bytes + size <= INPUT_CHUNK_BYTES)
                return 0;
        if (input->parts_count >= INPUT_UNANSWERED_MAX) {
                return input_refuse(input, JOBCTL_E_BUSY, "the daemon takes no more now");
        }
        return input_result(input, input_send_chunk(input, input->whole_bytes, input->whole_count));
}

static int input_check(struct jobctl_input *input, size_t size)
{
        if (input->ended || input->closing)
                return input_refuse(input, JOBCTL_E_STATE, "the map takes no more values");
        if (input->open_bytes - input->whole_bytes + size > INPUT_TASK_BYTES_MAX)
                return input_refuse(input, JOBCTL_E_USAGE,
                                    "the values of one task are longer than 1 MiB");
        return JOBCTL_OK;
}

int jobctl_input_append(struct jobctl_input *input, const void *value, size_t size)
{
        int r;

        if (memchr(value, '\0', size))
                return input_refuse(input, JOBCTL_E_USAGE, "a value holds a zero byte");
        r = input_check(input, size + 1);
        /* A task is taken whole: only its first value may have to wait. */
        if (r == 0 && input->open_bytes == input->whole_bytes)
                r = input_make_way(input, size + 1);
        if (r)
                return r;
        r = input_make_room(input, size + 1);
        if (r)
                return input_result(input, r);
        input_put(input, value, size, 0);
        input_put(input, "", 1, 1);
        return input_result(input, input_pump(input));
}

int jobctl_input_append_run(struct jobctl_input *input, const void *values, size_t size,
                            uint64_t count)
{
        int r;

        r = input_check(input, size);
        if (r == 0)
                r = input_make_way(input, size);
        if (r)
                return r;
        r = input_make_room(input, size);
        if (r)
                return input_result(input, r);
        input_put(input, values, size, count);
        return input_result(input, input_pump(input));
}

bool jobctl_input_is_full(const struct jobctl_input *input)
{
        return input->ended || input->closing || input->parts_count >= INPUT_UNANSWERED_MAX;
}

int jobctl_input_flush(struct jobctl_input *input)
{
        input->flushing = input->whole_count > 0;
        return input_result(input, input_pump(input));
}

int jobctl_input_close(struct jobctl_input *input, const char *cut)
{
        if (input->closing || input->ended)
                return JOBCTL_OK;
        if (cut) {
                input->cut = strdup(cut);
                if (!input->cut)
                        return input_result(input, -ENOMEM);
        }
        input->closing = true;
        return input_result(input, input_pump(input));
}

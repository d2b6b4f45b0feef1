/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The frames of a follow stream: TaskNews, Output, JobEnded. All have `more` but the last. Output
 * promises nothing and may leave at once, but never before an earlier frame of its stream.
 *
 * Only packing and stamping happens here; follow.c decides what is due, and keeps the stream's last
 * barrier. A state that was told already is not told again.
 */
#include "daemon/clients/follow.h"

void follow_tell_state(struct follow *follow, enum job_state state, uint32_t attempt, uint32_t pid,
                       uint64_t barrier)
{
        Jobd__Reply reply = JOBD__REPLY__INIT;
        Jobd__TaskNews news = JOBD__TASK_NEWS__INIT;

        if (follow->told_state == state && follow->told_attempt == attempt &&
            follow->told_pid == pid)
                return;
        follow->told_state = state;
        follow->told_attempt = attempt;
        follow->told_pid = pid;
        news.state = (Jobd__JobState)state;
        news.attempt = attempt;
        news.has_pid = pid > 0;
        news.pid = pid;
        news.output_path = follow->output_path;
        reply.has_more = reply.more = true;
        reply.body_case = JOBD__REPLY__BODY_TASK_NEWS;
        reply.task_news = &news;
        session_send_on(&follow->stream, &reply, barrier, -1);
}

static void follow_send_output(struct follow *follow, Jobd__Output *output, int pass_fd)
{
        Jobd__Reply reply = JOBD__REPLY__INIT;

        output->attempt = follow->attempt;
        reply.has_more = reply.more = true;
        reply.body_case = JOBD__REPLY__BODY_OUTPUT;
        reply.output = output;
        session_send_on(&follow->stream, &reply, 0, pass_fd);
}

void follow_tell_data(struct follow *follow, uint64_t offset, const uint8_t *data, size_t size)
{
        Jobd__Output output = JOBD__OUTPUT__INIT;
        Jobd__OutputData body = JOBD__OUTPUT_DATA__INIT;

        body.offset = offset;
        body.records.data = (uint8_t *)(uintptr_t)data;
        body.records.len = size;
        output.what_case = JOBD__OUTPUT__WHAT_DATA;
        output.data = &body;
        follow_send_output(follow, &output, -1);
}

void follow_tell_file(struct follow *follow, int fd, bool compressed)
{
        Jobd__Output output = JOBD__OUTPUT__INIT;
        Jobd__OutputFile file = JOBD__OUTPUT_FILE__INIT;

        file.size_bytes = follow->size;
        file.has_compressed = file.compressed = compressed;
        output.what_case = JOBD__OUTPUT__WHAT_FILE;
        output.file = &file;
        follow->told_size = follow->size;
        follow_send_output(follow, &output, fd);
}

void follow_tell_size(struct follow *follow)
{
        Jobd__Output output = JOBD__OUTPUT__INIT;

        if (follow->told_size == follow->size)
                return;
        output.what_case = JOBD__OUTPUT__WHAT_GROWN_BYTES;
        output.grown_bytes = follow->size;
        follow->told_size = follow->size;
        follow_send_output(follow, &output, -1);
}

void follow_tell_end(struct follow *follow)
{
        const struct follow_end *end = &follow->end;
        Jobd__Reply reply = JOBD__REPLY__INIT;
        Jobd__JobEnded ended = JOBD__JOB_ENDED__INIT;

        ended.id = follow->options.job;
        ended.state = (Jobd__JobState)end->state;
        ended.has_exit_code = end->exit_code >= 0;
        ended.exit_code = end->exit_code;
        ended.has_exit_signal = end->exit_signal > 0;
        ended.exit_signal = end->exit_signal;
        ended.why = end->why;
        ended.has_tasks_failed = true;
        ended.tasks_failed = end->state != JOB_SUCCEEDED;
        ended.tasks_cancelled = end->state == JOB_CANCELLED;
        ended.has_tasks_cancelled = ended.tasks_cancelled > 0;
        ended.has_run_usec = end->run_usec > 0;
        ended.run_usec = end->run_usec;
        reply.body_case = JOBD__REPLY__BODY_JOB_ENDED;
        reply.job_ended = &ended;
        session_send_on(&follow->stream, &reply, end->barrier, -1);
}

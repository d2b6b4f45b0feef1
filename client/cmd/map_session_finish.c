/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the end of a task means beside its output: a line in the joblog, a run of --on-done, a
 * sentence when there is a reason to give, its part in our exit status.
 *
 * The exit status is GNU parallel's: the number of tasks that failed, 101 for more than 100; with
 * --halt on failures the code of the task that was one too many where one is (fail=1), else the
 * number or percentage at which it halted; 0 when it halted on success. What jobd cancelled has not
 * failed. Used by map_session.c and map_session_tasks.c.
 */
#include <errno.h>
#include <string.h>

#include "client/cmd/joblog.h"
#include "client/cmd/map_files.h"
#include "client/cmd/map_input.h"
#include "client/cmd/map_options.h"
#include "client/cmd/map_resume.h"
#include "client/cmd/map_session_private.h"
#include "client/cmd/on_done.h"

/* ------------------------------------------------------------------------- joblog and on-done */

/* Fills session->words; returns how many. */
static size_t finish_split(struct map_session *session, const struct map_task *task)
{
        if (!task->values)
                return 0;
        return template_split(task->values, task->values_bytes, session->words, session->words_max);
}

/* The command as it was given; owned, NULL without memory. */
static char *finish_join(const struct map_plan *plan)
{
        size_t room = 1;
        char *line;
        char *at;

        for (size_t i = 0; i < plan->command_count; i++)
                room += strlen(plan->command[i]) + 1;
        line = malloc(room);
        at = line;
        for (size_t i = 0; line && i < plan->command_count; i++)
                at = stpcpy(stpcpy(at, i > 0 ? " " : ""), plan->command[i]);
        return line;
}

/*
 * The task's command as people know it; owned. One that is too long with its values is shown
 * without them: that task has failed, and its reason says so. NULL without memory (told).
 */
static char *finish_command(struct map_session *session, const struct map_task *task)
{
        const struct map_session_options *const options = session->options;
        const struct template_facts facts = {
                .values = session->words,
                .values_count = finish_split(session, task),
                .sequence = map_resume_sequence(options->resume, task->number),
                .slot = (uint32_t)MAX(task->end.slot, 1),
        };
        struct reason why = { "" };
        char *line = NULL;
        int r;

        r = template_format(options->template, &facts, &line, &why);
        if (r > 0)
                line = finish_join(options->plan);
        if (line)
                return line;
        map_session_say(session, "out of memory");
        map_session_break(session);
        return NULL;
}

static bool finish_log(struct map_session *session, const struct map_task *task,
                       const char *command)
{
        const struct joblog_entry entry = {
                .sequence = map_resume_sequence(session->options->resume, task->number),
                .start_wall_usec = task->end.start_wall_usec,
                .run_usec = task->end.run_usec,
                .receive_bytes = task->stdout_bytes,
                .exit_code = task->end.exit_signal > 0 ? 0 : (int)task->end.exit_code,
                .exit_signal = (int)task->end.exit_signal,
                .command = command,
                .command_size = strlen(command),
        };
        struct reason why = { "out of memory" };

        if (joblog_write(session->options->joblog, &entry, &why) == 0)
                return true;
        map_session_say(session, "%s", why.text);
        map_session_break(session);
        return false;
}

static bool finish_call(struct map_session *session, const struct map_task *task,
                        const char *command)
{
        const struct on_done_task done = {
                .job = session->job,
                .task = task->number,
                .has_task = true,
                .attempt = (uint32_t)task->end.attempt,
                .state = (enum jobctl_state)task->end.state,
                .exit_code = task->end.exit_signal > 0 ? -1 : (int)task->end.exit_code,
                .exit_signal = (int)task->end.exit_signal,
                .run_usec = task->end.run_usec,
                .command = command,
                .output = task->kept.data ? task->kept.data : "",
                .output_size = task->kept.bytes,
                .results = task->files ? map_files_path(task->files) : NULL,
        };
        struct reason why = { "out of memory" };

        if (on_done_push(session->options->on_done, &done, &why) == 0)
                return true;
        map_session_say(session, "%s", why.text);
        map_session_break(session);
        return false;
}

/* -------------------------------------------------------------------------------- the tally */

static int finish_code(const struct map_task_end *end)
{
        if (end->state == JOBCTL_STATE_SUCCEEDED)
                return 0;
        if (end->exit_signal > 0)
                return 128 + (int)(end->exit_signal & 127);
        return end->exit_code > 0 ? (int)(end->exit_code & 255) : EXIT_CODE_OURS;
}

static void finish_tally(struct map_tally *tally, const struct map_task_end *end)
{
        if (end->state == JOBCTL_STATE_CANCELLED)
                return;
        tally->done++;
        if (tally->first_done_usec == 0 || end->end_wall_usec < tally->first_done_usec) {
                tally->first_done_usec = end->end_wall_usec;
                tally->first_done_code = finish_code(end);
        }
        if (end->state == JOBCTL_STATE_SUCCEEDED) {
                tally->succeeded++;
                return;
        }
        tally->failed++;
        if (tally->first_failed_usec == 0 || end->end_wall_usec < tally->first_failed_usec) {
                tally->first_failed_usec = end->end_wall_usec;
                tally->first_failed_code = finish_code(end);
        }
}

/* Its results are whole. */
static bool finish_files(struct map_session *session, struct map_task *task)
{
        struct reason why = { "out of memory" };

        if (map_files_end(task->files, &why) == 0)
                return true;
        map_session_say(session, "%s", why.text);
        map_session_break(session);
        return false;
}

bool map_session_count(struct map_session *session, struct map_task *task)
{
        const struct map_session_options *const options = session->options;
        /* One that was stopped is not done: --resume runs it. */
        const bool done = task->end.attempt > 0 && task->end.state != JOBCTL_STATE_CANCELLED;
        _cleanup_(freep) char *command = NULL;

        finish_tally(&session->tally, &task->end);
        if (task->end.why)
                map_session_say(session, "task %llu.%llu: %s", (unsigned long long)session->job,
                                (unsigned long long)task->number, task->end.why);
        if (task->files && done && !finish_files(session, task))
                return false;
        if (!options->joblog && !options->on_done)
                return true;
        command = finish_command(session, task);
        if (!command)
                return false;
        if (options->joblog && done && !finish_log(session, task, command))
                return false;
        return !options->on_done || finish_call(session, task, command);
}

/* ------------------------------------------------------------------------------ exit status */

/* As jobd does in daemon/jobs/halt.c: of fewer, no percentage makes it give up. */
#define FINISH_HALT_PERCENT_MIN_TASKS 3U

/* How many make --halt give up: its number, or its part of all tasks. */
static uint64_t finish_halt_limit(const struct map_plan *plan, uint64_t tasks)
{
        if (plan->halt_percent == 0)
                return plan->halt_count;
        return MAX((tasks * plan->halt_percent + 99) / 100,
                   (uint64_t)FINISH_HALT_PERCENT_MIN_TASKS);
}

/* True when it halted; *out_status is what that means. */
static bool finish_has_halted(const struct map_session *session, int *out_status)
{
        const struct map_plan *const plan = session->options->plan;
        const struct map_tally *const tally = &session->tally;
        const uint64_t tasks =
                plan && plan->halt_on ? map_input_task_count(session->options->input) : 0;
        uint64_t limit;

        if (!plan || plan->halt_on == MAP_HALT_NEVER)
                return false;
        limit = finish_halt_limit(plan, tasks);
        if (plan->halt_on == MAP_HALT_SUCCESS) {
                *out_status = 0;
                return tally->succeeded >= limit;
        }
        if ((plan->halt_on == MAP_HALT_FAIL ? tally->failed : tally->done) < limit)
                return false;
        if (limit == 1)
                *out_status = plan->halt_on == MAP_HALT_FAIL ? tally->first_failed_code
                                                             : tally->first_done_code;
        else if (plan->halt_percent > 0)
                *out_status = (int)((MIN(tally->failed, limit) * 100 + tasks - 1) / tasks);
        else
                *out_status = exit_code_from_failures(MIN(tally->failed, limit));
        return true;
}

int map_session_status(const struct map_session *session)
{
        int status;

        if (session->cancelled)
                return EXIT_CODE_INTERRUPTED;
        if (session->ours)
                return EXIT_CODE_OURS;
        if (finish_has_halted(session, &status))
                return status;
        if (session->tally.failed == 0 && session->job_failed)
                return EXIT_CODE_OURS;
        return exit_code_from_failures(session->tally.failed);
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Why a job did not start, as a sentence: what went wrong, with which file, and what to do; and as
 * the exit code that it is given: 127 not found, 126 not executable, 125 for what is not its own.
 * The causes that people meet have a row of their own; everything else names the stage and the
 * errno, which is for us. Pure: looks at nothing but the plan and the result.
 *
 * Called by runner.c when a start has failed.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include "worker/spawn.h"

struct spawn_cause {
        enum spawn_stage stage;
        int error;          /* 0: any other */
        const char *format; /* one %s: the file, folder or command */
};

/* clang-format off */
static const struct spawn_cause spawn_causes[] = {
        { SPAWN_STAGE_CHDIR, ENOENT,  "the working folder %s does not exist (any more)" },
        { SPAWN_STAGE_CHDIR, EACCES,  "the working folder %s may not be entered by this user" },
        { SPAWN_STAGE_CHDIR, ENOTDIR, "the working folder %s is not a folder" },
        { SPAWN_STAGE_CHDIR, 0,       "cannot enter the working folder %s" },

        { SPAWN_STAGE_INPUT, ENOENT,  "the input file %s does not exist" },
        { SPAWN_STAGE_INPUT, EACCES,  "the input file %s may not be read by this user" },
        { SPAWN_STAGE_INPUT, EISDIR,  "the input %s is a folder, not a file" },
        { SPAWN_STAGE_INPUT, ENXIO,   "the input %s is a FIFO, socket or device; name an ordinary file" },
        { SPAWN_STAGE_INPUT, 0,       "cannot open the input file %s" },

        { SPAWN_STAGE_OUTPUT, ENOENT, "the folder of the output file %s does not exist" },
        { SPAWN_STAGE_OUTPUT, EACCES, "the output file %s may not be written by this user" },
        { SPAWN_STAGE_OUTPUT, EISDIR, "the output %s is a folder, not a file" },
        { SPAWN_STAGE_OUTPUT, ENXIO,  "the output %s is a FIFO, socket or device; name an ordinary file" },
        { SPAWN_STAGE_OUTPUT, 0,      "cannot open the output file %s" },

        { SPAWN_STAGE_ERROR, ENOENT,  "the folder of the error file %s does not exist" },
        { SPAWN_STAGE_ERROR, EACCES,  "the error file %s may not be written by this user" },
        { SPAWN_STAGE_ERROR, EISDIR,  "the error file %s is a folder" },
        { SPAWN_STAGE_ERROR, ENXIO,   "the error file %s is a FIFO, socket or device; name an ordinary file" },
        { SPAWN_STAGE_ERROR, 0,       "cannot open the error file %s" },

        { SPAWN_STAGE_EXECVE, ENOENT, "%s: no such program" },
        { SPAWN_STAGE_EXECVE, EACCES, "%s is not executable for this user: chmod +x it, or name its interpreter" },
        { SPAWN_STAGE_EXECVE, ENOEXEC, "%s is neither a program for this machine nor a script with a #! line" },
        { SPAWN_STAGE_EXECVE, EAGAIN, "the user has too many processes (process limit, ulimit -u) to start %s; try again later" },
        { SPAWN_STAGE_EXECVE, E2BIG,  "arguments and environment of %s are too long for the system" },
        { SPAWN_STAGE_EXECVE, ETXTBSY, "%s is being written by somebody; try again when it is complete" },
        { SPAWN_STAGE_EXECVE, 0,      "cannot execute %s" },

        { SPAWN_STAGE_TIMEOUT, ETIMEDOUT, "%s was not started in time: its process was stopped or hung before it could begin" },
        { SPAWN_STAGE_DIED, 0,        "the process was killed before it could execute %s (a memory limit too small to start?)" },
};
/* clang-format on */

int spawn_exit_code(const struct spawn_result *result)
{
        static const struct {
                int error, code;
        } codes[] = {
                { ENOENT, 127 }, { EACCES, 126 },  { ENOEXEC, 126 },
                { EISDIR, 126 }, { ENOTDIR, 126 },
        };

        for (size_t i = 0; result->stage == SPAWN_STAGE_EXECVE && i < ARRAY_SIZE(codes); i++)
                if (codes[i].error == result->error)
                        return codes[i].code;
        return 125;
}

static const char *spawn_subject(const struct spawn_plan *plan, const struct spawn_result *result)
{
        if (!plan)
                return "the command";
        switch (result->stage) {
        case SPAWN_STAGE_CHDIR:
                return plan->cwd;
        case SPAWN_STAGE_INPUT:
                return plan->input_path;
        case SPAWN_STAGE_OUTPUT:
                return plan->output_path;
        case SPAWN_STAGE_ERROR:
                return plan->error_path;
        default:
                break;
        }
        if (result->stage == SPAWN_STAGE_EXECVE && result->error != ENOENT && result->candidate)
                return result->candidate;
        return plan->argv[0];
}

static const char *spawn_error_text(int error)
{
        const char *text = strerrordesc_np(error);

        return text ? text : "unknown error";
}

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral" /* the formats of the table above */
static void spawn_explain_cause(const struct spawn_cause *cause, const char *subject, int error,
                                struct reason *out_why)
{
        char text[sizeof(out_why->text) + 64];

        snprintf(text, sizeof(text), cause->format, subject);
        if (cause->error == 0 && error)
                reason_set(out_why, 0, "%s: %s", text, spawn_error_text(error));
        else
                reason_set(out_why, 0, "%s", text);
}
#pragma GCC diagnostic pop

void spawn_explain(const struct spawn_plan *plan, const struct spawn_result *result,
                   struct reason *out_why)
{
        const char *subject = spawn_subject(plan, result);

        if (result->is_interpreter_missing) {
                reason_set(out_why, 0,
                           "the interpreter of %s does not exist: look at its first line (#!), or "
                           "at the loader that it was built for",
                           result->candidate);
                return;
        }
        for (size_t i = 0; i < ARRAY_SIZE(spawn_causes); i++) {
                const struct spawn_cause *cause = &spawn_causes[i];

                if (cause->stage == result->stage &&
                    (cause->error == result->error || cause->error == 0)) {
                        spawn_explain_cause(cause, subject, result->error, out_why);
                        return;
                }
        }
        reason_set(out_why, 0, "the process could not be set up (step \"%s\"): %s",
                   spawn_stage_name(result->stage), spawn_error_text(result->error));
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The exit status, decided in one place. Commands that end with a job's code (run, attach, wait,
 * submit --wait) say 125 for every failure of jobctl itself, as env(1), timeout(1) and docker do,
 * so that it is not mistaken for the job's; the others use the small codes and those of
 * sysexits(3). Pure: reads a record, writes a sentence.
 */
#include "client/cmd/exit_code.h"

#include <stdio.h>
#include <string.h>

#include "common/cleanup.h"
#include "common/parse.h"

int exit_code_from_answer(int code)
{
        static const unsigned char codes[] = {
                [JOBCTL_OK] = EXIT_CODE_OK,
                [JOBCTL_E_USAGE] = EXIT_CODE_USAGE,
                [JOBCTL_E_NO_SUCH_JOB] = EXIT_CODE_NO_SUCH_JOB,
                [JOBCTL_E_DENIED] = EXIT_CODE_DENIED,
                [JOBCTL_E_BUSY] = EXIT_CODE_TRY_AGAIN,
                [JOBCTL_E_FULL] = EXIT_CODE_TRY_AGAIN,
                [JOBCTL_E_STOPPING] = EXIT_CODE_TRY_AGAIN,
                [JOBCTL_E_NO_DAEMON] = EXIT_CODE_NO_DAEMON,
                [JOBCTL_E_UNTRUSTED] = EXIT_CODE_DENIED,
                [JOBCTL_E_TIMEOUT] = EXIT_CODE_TIME_LIMIT,
        };

        if (code < 0 || (size_t)code >= ARRAY_SIZE(codes))
                return EXIT_CODE_ERROR;
        return codes[code] || code == JOBCTL_OK ? codes[code] : EXIT_CODE_ERROR;
}

/* The code that the job itself gave, or `otherwise` when it gave none. */
static int exit_code_own(const struct jobctl_item *ended, int otherwise)
{
        uint64_t signo;
        int64_t code;

        if (jobctl_get_number(ended, JOBCTL_ENDED_EXIT_SIGNAL, &signo) && signo > 0)
                return 128 + (int)(signo & 127);
        if (jobctl_get_signed(ended, JOBCTL_ENDED_EXIT_CODE, &code))
                return (int)(code & 255);
        return otherwise;
}

/* "died of signal KILL" for a job that a signal ended. */
static void exit_code_say_signal(const struct jobctl_item *ended, char *text, size_t size)
{
        const uint64_t signo = jobctl_number_or(ended, JOBCTL_ENDED_EXIT_SIGNAL, 0);
        char name[16];

        if (signo > 0)
                snprintf(text, size, "ended by signal %s", parse_signal_name((int)signo, name));
}

int exit_code_from_end(const struct jobctl_item *ended, char *text, size_t size)
{
        static const struct {
                const char *sentence; /* when the daemon gave no reason */
                int otherwise;        /* without a code of the job's own */
                int fixed;            /* whatever the job's own is; 0: none */
        } ends[JOBCTL_STATE_COUNT] = {
                [JOBCTL_STATE_FAILED] = { "", EXIT_CODE_OURS, 0 },
                [JOBCTL_STATE_CANCELLED] = { "cancelled", EXIT_CODE_OURS, 0 },
                [JOBCTL_STATE_TIMEOUT] = { "reached its time limit", EXIT_CODE_OURS,
                                           EXIT_CODE_TIME_LIMIT },
                [JOBCTL_STATE_OOM] = { "ran out of memory", 137, 0 },
                [JOBCTL_STATE_LOST] = { "lost: how it ended is not known", EXIT_CODE_OURS,
                                        EXIT_CODE_OURS },
        };
        const uint64_t state = jobctl_number_or(ended, JOBCTL_ENDED_STATE, 0);
        const char *const why = jobctl_get_text(ended, JOBCTL_ENDED_WHY, NULL);
        int code;

        text[0] = '\0';
        if (state == JOBCTL_STATE_SUCCEEDED)
                return exit_code_own(ended, EXIT_CODE_OK);
        if (state >= JOBCTL_STATE_COUNT || !ends[state].sentence) {
                snprintf(text, size, "ended in a state that this jobctl does not know");
                return EXIT_CODE_OURS;
        }
        if (why && why[0])
                snprintf(text, size, "%s", why);
        else if (ends[state].sentence[0])
                snprintf(text, size, "%s", ends[state].sentence);
        else
                exit_code_say_signal(ended, text, size);
        if (ends[state].fixed)
                return ends[state].fixed;
        code = exit_code_own(ended, ends[state].otherwise);
        /* A cancelled job that ended tidily has not succeeded. */
        return code == 0 ? EXIT_CODE_OURS : code;
}

int exit_code_from_failures(size_t failed)
{
        return failed > 100 ? EXIT_CODE_MANY_FAILED : (int)failed;
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The sentence that goes with a code. Inside the library a function returns 0, a fault (-errno) or
 * one of enum jobctl_code; at the public border failure_from() turns faults into JOBCTL_E_SYSTEM,
 * so that no caller of jobctl.h ever meets a negative number. Called by every file of the library.
 */
#include "client/lib/failure.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

int failure_set(struct failure *failure, int code, const char *fmt, ...)
{
        va_list args;

        failure->code = code;
        va_start(args, fmt);
        vsnprintf(failure->text, sizeof(failure->text), fmt, args);
        va_end(args);
        return code;
}

int failure_from(struct failure *failure, int r, const char *what)
{
        char buf[128];

        if (r >= 0)
                return r;
        return failure_set(failure, JOBCTL_E_SYSTEM, "%s: %s", what,
                           strerror_r(-r, buf, sizeof(buf)));
}

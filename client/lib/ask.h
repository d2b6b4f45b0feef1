/* SPDX-License-Identifier: Apache-2.0 */
/* One request, its answer, and waiting for it. */
#pragma once

#include "client/lib/connection.h"
#include "client/lib/result.h"

/* May it be asked again when the connection broke before the answer? */
enum ask_again {
        ASK_AGAIN,
        ASK_ONCE,          /* no: twice is not the same */
        ASK_AGAIN_IS_DONE, /* yes, and JOBCTL_E_STATE as an answer to that says: done already */
};

struct ask_options {
        enum ask_again again;
        /* Gets JOBCTL_OK and the result, which it may take, or a code with its sentence. */
        void (*on_result)(void *arg, int code, const char *text, struct jobctl_result **result);
        void *arg;
};

/* Sends `request` (packed before return). The call frees itself after the answer. */
_must_use_ int ask_start(struct jobctl *conn, Jobd__Request *request,
                         const struct ask_options *options);
/*
 * The same and waits; *out_result (out_result may be NULL) is owned by the caller. Returns as
 * public functions do: JOBCTL_OK or JOBCTL_E_*, with the sentence in conn->failure. An answer that
 * consists of nothing but an error is that code; an error beside other replies is a problem of the
 * result.
 */
int ask_wait(struct jobctl *conn, Jobd__Request *request, enum ask_again again,
             struct jobctl_result **out_result);
/*
 * The same without waiting: fn (may be NULL) gets the result, borrowed, or NULL with a code.
 * Returns likewise; after JOBCTL_OK fn is called once, at the latest by jobctl_free().
 */
int ask_async(struct jobctl *conn, Jobd__Request *request, enum ask_again again,
              jobctl_result_fn fn, void *arg);

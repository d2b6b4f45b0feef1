/* SPDX-License-Identifier: Apache-2.0 */
/* What the commands that act on jobs share: cancel, kill, pause, resume, hold, release, retry. */
#pragma once

#include "client/cmd/app.h"
#include "client/cmd/select.h"

/* Acts and reports; returns the exit status. done: "cancelled", printed behind "job 17 ". */
int act_on(struct app *app, const struct jobctl_act_options *act,
           const struct jobctl_selector *selector, const char *done);
/* The whole of pause, resume, hold and release: choose, act, report. verb: select_filtered(). */
int act_simply(struct app *app, enum jobctl_action action, const struct select_options *options,
               char **words, size_t count, const char *verb, const char *done);
/*
 * Shows the results of an action that was done. skips_state: a job whose state needed nothing is no
 * failure. Returns likewise.
 */
int act_show(struct app *app, const struct jobctl_result *result, bool skips_state,
             const char *done);

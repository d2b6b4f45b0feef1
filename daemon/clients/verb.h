/* SPDX-License-Identifier: Apache-2.0 */
/* What every verb_*.c implements. */
#pragma once

#include "daemon/clients/answer.h"
#include "daemon/clients/audit.h"
#include "daemon/clients/session.h"

/*
 * Serves one request of a session that has said Hello and may ask this.
 * request: borrowed for the call. job: for verbs that name one job, the caller's unfinished job of
 * that number or NULL; else NULL.
 * Returns 0 (answered, or a stream will), a jobd.ErrorCode with the sentence in `why`, which the
 * dispatcher sends, or a fault.
 */
typedef int (*verb_fn)(struct session *from, const Jobd__Request *request, struct job *job,
                       struct reason *why);

int verb_hello(struct session *from, const Jobd__Request *request, struct job *job,
               struct reason *why);
int verb_ping(struct session *from, const Jobd__Request *request, struct job *job,
              struct reason *why);
int verb_submit(struct session *from, const Jobd__Request *request, struct job *job,
                struct reason *why);
int verb_list(struct session *from, const Jobd__Request *request, struct job *job,
              struct reason *why);
int verb_info(struct session *from, const Jobd__Request *request, struct job *job,
              struct reason *why);
int verb_status(struct session *from, const Jobd__Request *request, struct job *job,
                struct reason *why);
int verb_act(struct session *from, const Jobd__Request *request, struct job *job,
             struct reason *why);
int verb_update(struct session *from, const Jobd__Request *request, struct job *job,
                struct reason *why);
int verb_why(struct session *from, const Jobd__Request *request, struct job *job,
             struct reason *why);
int verb_wait(struct session *from, const Jobd__Request *request, struct job *job,
              struct reason *why);
int verb_follow(struct session *from, const Jobd__Request *request, struct job *job,
                struct reason *why);
int verb_stdin(struct session *from, const Jobd__Request *request, struct job *job,
               struct reason *why);
int verb_stop(struct session *from, const Jobd__Request *request, struct job *job,
              struct reason *why);
int verb_append(struct session *from, const Jobd__Request *request, struct job *job,
                struct reason *why);
int verb_close_input(struct session *from, const Jobd__Request *request, struct job *job,
                     struct reason *why);
int verb_results(struct session *from, const Jobd__Request *request, struct job *job,
                 struct reason *why);
int verb_seen(struct session *from, const Jobd__Request *request, struct job *job,
              struct reason *why);
int verb_inputs(struct session *from, const Jobd__Request *request, struct job *job,
                struct reason *why);
int verb_resource(struct session *from, const Jobd__Request *request, struct job *job,
                  struct reason *why);
int verb_lock(struct session *from, const Jobd__Request *request, struct job *job,
              struct reason *why);
int verb_unlock(struct session *from, const Jobd__Request *request, struct job *job,
                struct reason *why);
int verb_events(struct session *from, const Jobd__Request *request, struct job *job,
                struct reason *why);
int verb_purge(struct session *from, const Jobd__Request *request, struct job *job,
               struct reason *why);
int verb_queue(struct session *from, const Jobd__Request *request, struct job *job,
               struct reason *why);
int verb_pool(struct session *from, const Jobd__Request *request, struct job *job,
              struct reason *why);
int verb_drain(struct session *from, const Jobd__Request *request, struct job *job,
               struct reason *why);
int verb_shutdown(struct session *from, const Jobd__Request *request, struct job *job,
                  struct reason *why);
int verb_reload(struct session *from, const Jobd__Request *request, struct job *job,
                struct reason *why);
int verb_config(struct session *from, const Jobd__Request *request, struct job *job,
                struct reason *why);
int verb_stats(struct session *from, const Jobd__Request *request, struct job *job,
               struct reason *why);

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One turn is what daemon.c does: callbacks, then the fake journal's answers, then OUTPUT and BURY.
 * Clients connect over a real socket in the same loop, and every reply they get becomes a line of
 * text, so that a test reads like a conversation.
 */
#include "stage.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "common/clock.h"
#include "common/usocket.h"

#include "proto/frame.h"

#define STAGE_PATIENCE_USEC (5 * USEC_PER_SEC)

/* --------------------------------------------------------------------------- replies as lines */

struct line {
        char text[131072];
        size_t used;
};

static void line_add(struct line *line, const char *fmt, ...) _printf_(2, 3);
static void line_add(struct line *line, const char *fmt, ...)
{
        va_list args;
        int n;

        va_start(args, fmt);
        n = vsnprintf(line->text + line->used, sizeof(line->text) - line->used, fmt, args);
        va_end(args);
        line->used = MIN(line->used + (size_t)n, sizeof(line->text) - 1);
}

static const char *code_name(Jobd__ErrorCode code)
{
        static const char *const names[] = { "NONE",     "USAGE",   "NO_SUCH_JOB", "DENIED",
                                             "BUSY",     "FULL",    "VERSION",     "STATE",
                                             "STOPPING", "INTERNAL" };

        return (size_t)code < ARRAY_SIZE(names) ? names[code] : "?";
}

static const char *state_name(Jobd__JobState state)
{
        return job_state_name((enum job_state)state);
}

static void line_page(struct line *line, const Jobd__Reply *reply)
{
        const Jobd__JobPage *page = reply->job_page;

        line_add(line, "page(");
        for (size_t i = 0; i < page->n_jobs; i++)
                line_add(line, "%s%" PRIu64 " %s", i ? ", " : "", page->jobs[i]->id,
                         state_name(page->jobs[i]->state));
        line_add(line, ")");
        if (page->more_jobs)
                line_add(line, " next(%" PRIu64 "%s)", page->next_after_id,
                         page->next_after_finished ? " finished" : "");
        if (page->n_others)
                line_add(line, " others(%zu)", page->n_others);
}

static void line_act(struct line *line, const Jobd__Reply *reply)
{
        const Jobd__ActResult *act = reply->act_result;

        line_add(line, "act(");
        for (size_t i = 0; i < act->n_results; i++) {
                const Jobd__ActOne *one = act->results[i];

                line_add(line, "%s%" PRIu64, i ? ", " : "", one->id);
                if (one->has_task)
                        line_add(line, ".%" PRIu64, one->task);
                if (one->has_code)
                        line_add(line, " %s", code_name(one->code));
                else if (one->has_state)
                        line_add(line, " %s", state_name(one->state));
        }
        line_add(line, ")");
}

static void line_ended(struct line *line, const Jobd__Reply *reply)
{
        const Jobd__JobEnded *ended = reply->job_ended;

        line_add(line, "ended(%" PRIu64, ended->id);
        if (ended->has_task)
                line_add(line, ".%" PRIu64, ended->task);
        line_add(line, " %s", state_name(ended->state));
        if (ended->has_exit_code)
                line_add(line, " exit %d", ended->exit_code);
        ck_assert(ended->has_tasks_cancelled == (ended->tasks_cancelled > 0));
        line_add(line, ")");
}

static void line_output(struct line *line, const Jobd__Reply *reply)
{
        const Jobd__Output *output = reply->output;

        if (output->what_case == JOBD__OUTPUT__WHAT_DATA && output->data->records.len > 64)
                line_add(line, "data(%u, %" PRIu64 ", %zu bytes)", output->attempt,
                         output->data->offset, output->data->records.len);
        else if (output->what_case == JOBD__OUTPUT__WHAT_DATA)
                line_add(line, "data(%u, %" PRIu64 ", %.*s)", output->attempt, output->data->offset,
                         (int)output->data->records.len, (const char *)output->data->records.data);
        else if (output->what_case == JOBD__OUTPUT__WHAT_FILE)
                line_add(line, "file(%u, %" PRIu64 "%s)", output->attempt, output->file->size_bytes,
                         output->file->compressed ? ", zstd" : "");
        else
                line_add(line, "grown(%u, %" PRIu64 ")", output->attempt, output->grown_bytes);
}

static void line_events(struct line *line, const Jobd__Reply *reply)
{
        const Jobd__EventPage *page = reply->event_page;

        line_add(line, "events(");
        for (size_t i = 0; i < page->n_events; i++)
                line_add(line, "%s%" PRIu64 " %s", i ? ", " : "", page->events[i]->seq,
                         page->events[i]->kind);
        line_add(line, ")");
}

static void line_task(struct line *line, const Jobd__TaskEnd *end)
{
        line_add(line, "%" PRIu64 " %s", end->task, state_name(end->state));
        if (end->has_exit_code && end->exit_code)
                line_add(line, " exit %d", end->exit_code);
        if (end->why)
                line_add(line, " why %s", end->why);
        if (end->has_spooled && end->spooled)
                line_add(line, " spooled");
        if (end->has_records && end->records.len > 64)
                line_add(line, " %zu bytes", end->records.len);
        else if (end->has_records)
                line_add(line, " %.*s", (int)end->records.len, (const char *)end->records.data);
}

static void line_tasks(struct line *line, const Jobd__Reply *reply)
{
        const Jobd__TaskPage *page = reply->task_page;

        line_add(line, "tasks(");
        for (size_t i = 0; i < page->n_ends; i++) {
                line_add(line, "%s", i ? ", " : "");
                line_task(line, page->ends[i]);
        }
        line_add(line, ")");
        for (size_t i = 0; i < page->n_started; i++)
                line_add(line, "%s%" PRIu64, i ? " " : " started ", page->started[i]);
}

static void line_progress(struct line *line, const Jobd__Reply *reply)
{
        const Jobd__Progress *progress = reply->progress;

        line_add(line, "progress(%" PRIu64 "%s", progress->task_count,
                 progress->open ? " open" : "");
        for (size_t i = 0; i < progress->n_tasks_by_state; i++)
                if (progress->tasks_by_state[i])
                        line_add(line, ", %" PRIu64 " %s", progress->tasks_by_state[i],
                                 state_name((Jobd__JobState)i));
        line_add(line, ")");
}

/* "queues(night fifo 2/0 250 pd-, default ...)": paused, draining, may use it. */
static void line_queues(struct line *line, const Jobd__QueueReply *reply)
{
        static const char *const policies[] = { "?", "fifo", "lifo", "priority" };

        line_add(line, "queues(");
        for (size_t i = 0; i < reply->n_queues; i++) {
                const Jobd__Queue *queue = reply->queues[i];

                line_add(line, "%s%s %s %u/%u %u %c%c%c%s", i ? ", " : "", queue->name,
                         policies[queue->settings->policy % 4], queue->settings->width_tasks,
                         queue->settings->width_cores, queue->settings->weight,
                         queue->paused ? 'p' : '-', queue->draining ? 'd' : '-',
                         queue->may_use ? 'u' : '-',
                         queue->settings->users[0] ? queue->settings->users : "");
        }
        line_add(line, ")");
}

/* How many families there are, the number of submitted tasks, and which users are told. */
static void line_stats(struct line *line, const Jobd__StatsReply *reply)
{
        uint64_t submitted = 0;

        for (size_t i = 0; i < reply->n_families; i++) {
                ck_assert_uint_gt(strlen(reply->families[i]->help), 0);
                for (size_t n = 0; n < i; n++)
                        ck_assert_str_ne(reply->families[i]->name, reply->families[n]->name);
                if (strcmp(reply->families[i]->name, "jobd_tasks_submitted_total") == 0)
                        submitted = reply->families[i]->samples[0]->value;
        }
        ck_assert_uint_gt(reply->n_families, 50);
        line_add(line, "stats(%" PRIu64 " submitted", submitted);
        for (size_t i = 0; i < reply->n_families; i++) {
                const Jobd__MetricFamily *const family = reply->families[i];

                if (strcmp(family->name, "jobd_user_queued_tasks") == 0)
                        for (size_t n = 0; n < family->n_samples; n++)
                                line_add(line, ", %s %" PRIu64,
                                         family->samples[n]->labels[0]->value,
                                         family->samples[n]->value);
                if (strcmp(family->name, "jobd_kept_tasks") == 0)
                        line_add(line, ", %" PRIu64 " failed, %" PRIu64 " cancelled",
                                 family->samples[2]->value, family->samples[3]->value);
                if (strcmp(family->name, "jobd_kept_user_tasks") == 0)
                        for (size_t n = 0; n < family->n_samples; n++)
                                line_add(line, ", kept %s", family->samples[n]->labels[0]->value);
                if (strcmp(family->name, "jobd_kept_user_failed_tasks") == 0)
                        for (size_t n = 0; n < family->n_samples; n++)
                                line_add(line, " %" PRIu64, family->samples[n]->value);
                if (strcmp(family->name, "jobd_build_info") == 0) {
                        ck_assert_uint_eq(family->samples[0]->n_labels, 2);
                        ck_assert_str_eq(family->samples[0]->labels[1]->key, "build");
                }
        }
        line_add(line, ")");
}

/* "gpu 1/2 3": taken, there are, wait; m: the machine's. */
static void line_resources(struct line *line, const Jobd__ResourceReply *reply)
{
        line_add(line, "resources(");
        for (size_t i = 0; i < reply->n_resources; i++) {
                const Jobd__ResourceInfo *info = reply->resources[i];

                line_add(line, "%s%s %u/%u %u%s", i ? ", " : "", info->name, info->used,
                         info->capacity, info->waiting, info->machine ? " m" : "");
        }
        line_add(line, ")");
}

static void line_locks(struct line *line, const Jobd__LockNews *news)
{
        static const char *const states[] = { "?", "waiting", "held" };

        line_add(line, "locks(");
        for (size_t i = 0; i < news->n_locks; i++) {
                const Jobd__LockInfo *info = news->locks[i];

                line_add(line, "%s%s %s%s%s", i ? ", " : "", info->name, states[info->state % 3],
                         info->shared ? " shared" : "", info->machine ? " m" : "");
                if (info->has_uid)
                        line_add(line, " u%u", info->uid);
                if (info->has_pid)
                        line_add(line, " p%u", info->pid);
                if (info->has_job)
                        line_add(line, " j%" PRIu64, info->job);
                if (info->has_task)
                        line_add(line, ".%" PRIu64, info->task);
        }
        line_add(line, ")");
}

static void line_inputs(struct line *line, const Jobd__Reply *reply)
{
        const Jobd__InputPage *page = reply->input_page;

        line_add(line, "inputs(%" PRIu64 ", %" PRIu64, page->first_task, page->count);
        for (size_t at = 0; at < page->values.len;
             at += strlen((const char *)page->values.data + at) + 1)
                line_add(line, " %s", (const char *)page->values.data + at);
        line_add(line, ")");
}

static void line_others(struct line *line, const Jobd__Reply *reply)
{
        switch (reply->body_case) {
        case JOBD__REPLY__BODY_TASK_NEWS:
                line_add(line, "news(%s, %u%s%s)", state_name(reply->task_news->state),
                         reply->task_news->attempt, reply->task_news->output_path ? ", " : "",
                         reply->task_news->output_path ? reply->task_news->output_path : "");
                break;
        case JOBD__REPLY__BODY_STDIN_WINDOW:
                line_add(line, "window(%" PRIu64 "%s)", reply->stdin_window->taken,
                         reply->stdin_window->closed ? ", closed" : "");
                break;
        case JOBD__REPLY__BODY_PURGED:
                line_add(line, "purged(%" PRIu64 ")", reply->purged->jobs);
                break;
        case JOBD__REPLY__BODY_STATUS:
                line_add(line, "status(%s, %" PRIu64 " sessions)", reply->status->state_dir,
                         reply->status->sessions);
                break;
        case JOBD__REPLY__BODY_POOL:
                line_add(line, "pool(%u, %zu)", reply->pool->wanted, reply->pool->n_workers);
                break;
        case JOBD__REPLY__BODY_APPENDED:
                line_add(line, "appended(%" PRIu64 ", %" PRIu64 ")", reply->appended->number,
                         reply->appended->task_count);
                break;
        case JOBD__REPLY__BODY_TASK_PAGE:
                line_tasks(line, reply);
                break;
        case JOBD__REPLY__BODY_PROGRESS:
                line_progress(line, reply);
                break;
        case JOBD__REPLY__BODY_INPUT_PAGE:
                line_inputs(line, reply);
                break;
        case JOBD__REPLY__BODY_QUEUE:
                line_queues(line, reply->queue);
                break;
        case JOBD__REPLY__BODY_RESOURCE:
                line_resources(line, reply->resource);
                break;
        case JOBD__REPLY__BODY_STATS:
                line_stats(line, reply->stats);
                break;
        case JOBD__REPLY__BODY_LOCK:
                line_locks(line, reply->lock);
                break;
        case JOBD__REPLY__BODY_CONFIG:
                line_add(line, "config(%zu, %zu)", reply->config->n_entries,
                         reply->config->n_warnings);
                break;
        default:
                line_add(line, "?");
        }
}

static void line_fill(struct line *line, const Jobd__Reply *reply)
{
        line_add(line, "%" PRIu64 " ", reply->tag);
        switch (reply->body_case) {
        case JOBD__REPLY__BODY_HELLO_OK:
                line_add(line, "hello_ok");
                break;
        case JOBD__REPLY__BODY_DONE:
                line_add(line, "done");
                break;
        case JOBD__REPLY__BODY_ERROR:
                line_add(line, "error(%s)", code_name(reply->error->code));
                break;
        case JOBD__REPLY__BODY_SUBMITTED:
                line_add(line, "submitted(%" PRIu64 ", %u%s)", reply->submitted->first_id,
                         reply->submitted->count, reply->submitted->existing ? ", known" : "");
                break;
        case JOBD__REPLY__BODY_JOB_PAGE:
                line_page(line, reply);
                break;
        case JOBD__REPLY__BODY_ACT_RESULT:
                line_act(line, reply);
                break;
        case JOBD__REPLY__BODY_JOB_ENDED:
                line_ended(line, reply);
                break;
        case JOBD__REPLY__BODY_OUTPUT:
                line_output(line, reply);
                break;
        case JOBD__REPLY__BODY_EVENT_PAGE:
                line_events(line, reply);
                break;
        default:
                line_others(line, reply);
        }
        line_add(line, "%s", reply->more ? "+" : "");
}

/* --------------------------------------------------------------------------------- clients_ops */

static int stage_reload(void *arg, struct reason *why)
{
        struct stage *stage = arg;

        strcat(stage->trace, "reload ");
        if (stage->is_demoting) {
                stage->options.admin_gid = (gid_t)-1;
                clients_set_limits(stage->clients, &stage->options);
        }
        return reason_set(why, 1, "a.conf:3: that is no number");
}

static void stage_shutdown(void *arg, bool now)
{
        strcat(((struct stage *)arg)->trace, now ? "shutdown(now) " : "shutdown ");
}

static bool stage_config_entry(void *arg, size_t index, const char **out_section,
                               const char **out_key, char *value, size_t value_size,
                               const char **out_origin)
{
        (void)arg;
        *out_section = "Pool";
        *out_key = "Workers";
        *out_origin = "default";
        snprintf(value, value_size, "%zu", index);
        return index < 3;
}

static const char *stage_config_warning(void *arg, size_t index)
{
        (void)arg;
        return index == 0 ? "a.conf:1: unknown key" : NULL;
}

static void stage_pool_resize(void *arg, uint32_t wanted)
{
        struct stage *stage = arg;
        char text[32];

        snprintf(text, sizeof(text), "resize(%u) ", wanted);
        strcat(stage->trace, text);
}

static void stage_pool_read(void *arg, struct clients_pool *out_pool)
{
        (void)arg;
        *out_pool = (struct clients_pool){ .wanted = 4, .pid = 99, .containment = "none" };
}

static bool stage_pool_worker(void *arg, size_t index, struct clients_worker *out_worker)
{
        (void)arg;
        *out_worker = (struct clients_worker){ .number = (uint32_t)index, .pid = 100 };
        return index < 2;
}

static void stage_read_process(void *arg, struct clients_process *out_process)
{
        (void)arg;
        *out_process = (struct clients_process){ .turn_usec = { .bounds = &histogram_short_usec } };
}

static const struct clients_ops stage_ops = {
        .reload = stage_reload,
        .shutdown = stage_shutdown,
        .config_entry = stage_config_entry,
        .config_warning = stage_config_warning,
        .pool_resize = stage_pool_resize,
        .pool_read = stage_pool_read,
        .pool_worker = stage_pool_worker,
        .read_process = stage_read_process,
};

/* ----------------------------------------------------------------------------------- the stage */

static void stage_on_turn(void *arg)
{
        struct stage *stage = arg;

        fake_engine_answer(&stage->engine);
        if (!stage->is_lagging)
                stage->durable = stage->engine.sequence;
        clients_flush(stage->clients, stage->durable);
        clients_bury(stage->clients);
        for (size_t i = 0; i < stage->peers_count; i++)
                if (stage->peers[i]->channel)
                        channel_flush(stage->peers[i]->channel);
        if (++stage->turns >= stage->turns_wanted)
                loop_stop(stage->loop, 0);
        else
                loop_wake(stage->loop);
}

static void stage_turns(struct stage *stage, unsigned int count)
{
        stage->turns = 0;
        stage->turns_wanted = count;
        loop_wake(stage->loop);
        ck_assert_int_eq(loop_run(stage->loop, stage_on_turn, stage), 0);
}

void stage_turn(struct stage *stage)
{
        stage_turns(stage, 8);
}

void stage_step(struct stage *stage)
{
        stage_turns(stage, 2); /* the first one is before any event */
}

void stage_drop_root(void)
{
        if (getuid() == 0)
                ck_assert_int_eq(setresuid(65534, 65534, 65534), 0);
}

void stage_init(struct stage *stage)
{
        static unsigned int number;

        memset(stage, 0, sizeof(*stage));
        /* A test that was killed leaves its socket, and pids come again. */
        snprintf(stage->path, sizeof(stage->path), "/tmp/jobd-clients-%d-%u-%llx", (int)getpid(),
                 number++, (unsigned long long)clock_mono_usec());
        ck_assert_int_eq(loop_new(&stage->loop), 0);
        fake_engine_init(&stage->engine, stage->loop);
        stage->options = (struct clients_options){
                .own_uid = getuid(),
                .admin_gid = (gid_t)-1,
                .connections_max = 32,
                .connections_max_per_user = 16,
                .reply_bytes_max = 1 << 20,
                .state_dir = "/state",
        };
}

void stage_open(struct stage *stage)
{
        int fd;

        ck_assert_int_eq(clients_new(stage->loop, &stage->options, &stage->engine, &stage_ops,
                                     stage, &stage->clients),
                         0);
        ck_assert_int_eq(usocket_listen(stage->path, 0600, &fd), 0);
        ck_assert_int_eq(clients_listen(stage->clients, fd), 0);
}

static void peer_free(struct peer *peer)
{
        channel_free(peer->channel);
        for (size_t i = 0; i < peer->lines_count; i++)
                free(peer->lines[i]);
        free(peer->lines);
        free(peer->ends);
        free(peer->starts);
        for (size_t i = 0; i < peer->fds_count; i++)
                fd_close(peer->fds[i]);
        free(peer);
}

void stage_close(struct stage *stage)
{
        fake_journal_close(&stage->engine);
        stage->clients = clients_free(stage->clients);
        for (size_t i = 0; i < stage->peers_count; i++)
                peer_free(stage->peers[i]);
        fake_engine_deinit(&stage->engine);
        stage->loop = loop_free(stage->loop);
        unlink(stage->path);
}

/* ------------------------------------------------------------------------------------- a client */

static void peer_take_number(uint64_t **numbers, size_t *count, uint64_t number)
{
        if ((*count & (*count - 1)) == 0)
                *numbers = reallocarray(*numbers, *count ? 2 * *count : 1, sizeof(**numbers));
        ck_assert_ptr_nonnull(*numbers);
        (*numbers)[(*count)++] = number;
}

static void peer_take_tasks(struct peer *peer, const Jobd__TaskPage *page)
{
        for (size_t i = 0; i < page->n_ends; i++)
                peer_take_number(&peer->ends, &peer->ends_count, page->ends[i]->task);
        for (size_t i = 0; i < page->n_started; i++)
                peer_take_number(&peer->starts, &peer->starts_count, page->started[i]);
}

static void peer_on_frame(void *arg, const uint8_t *body, size_t size, int passed_fd)
{
        struct peer *peer = arg;
        struct line *line = calloc(1, sizeof(*line));
        Jobd__Reply *reply = NULL;
        struct reason why = { "" };

        ck_assert_ptr_nonnull(line);
        ck_assert_msg(wire_unpack_reply(body, size, &reply, &why) == 0, "a bad reply: %s",
                      why.text);
        line_fill(line, reply);
        if (reply->body_case == JOBD__REPLY__BODY_OUTPUT &&
            reply->output->what_case == JOBD__OUTPUT__WHAT_DATA)
                peer->data_bytes += reply->output->data->records.len;
        if (reply->body_case == JOBD__REPLY__BODY_TASK_PAGE)
                peer_take_tasks(peer, reply->task_page);
        if (reply->body_case == JOBD__REPLY__BODY_JOB_ENDED) {
                peer->tasks_failed = reply->job_ended->tasks_failed;
                peer->tasks_cancelled = reply->job_ended->tasks_cancelled;
        }
        if (reply->body_case == JOBD__REPLY__BODY_ERROR)
                snprintf(peer->sentence, sizeof(peer->sentence), "%s", reply->error->message);
        wire_free_reply(reply);
        peer->lines = reallocarray(peer->lines, peer->lines_count + 1, sizeof(char *));
        ck_assert_ptr_nonnull(peer->lines);
        peer->lines[peer->lines_count++] = strdup(line->text);
        free(line);
        if (passed_fd >= 0) {
                ck_assert_uint_lt(peer->fds_count, ARRAY_SIZE(peer->fds));
                peer->fds[peer->fds_count++] = passed_fd;
        }
}

static void peer_on_end(void *arg, enum channel_end end)
{
        (void)end;
        ((struct peer *)arg)->ended = true;
}

static const struct channel_ops peer_ops = { .on_frame = peer_on_frame, .on_end = peer_on_end };

struct peer *peer_dial(struct stage *stage)
{
        static const struct channel_options options = { .frame_max_bytes = FRAME_MAX,
                                                        .take_fds = true };
        struct peer *peer = calloc(1, sizeof(*peer));
        int fd;

        ck_assert_ptr_nonnull(peer);
        peer->stage = stage;
        ck_assert_int_eq(usocket_connect(stage->path, &fd), 0);
        ck_assert_int_eq(channel_new(stage->loop, fd, &options, &peer_ops, peer, &peer->channel),
                         0);
        ck_assert_uint_lt(stage->peers_count, ARRAY_SIZE(stage->peers));
        stage->peers[stage->peers_count++] = peer;
        return peer;
}

struct peer *peer_new(struct stage *stage)
{
        struct peer *peer = peer_dial(stage);

        peer_hello(peer, 1);
        peer_expect(peer, "1 hello_ok");
        return peer;
}

void peer_send(struct peer *peer, const Jobd__Request *request)
{
        ck_assert_int_eq(channel_send(peer->channel, &request->base, 0, -1), 0);
}

void peer_send_bytes(struct peer *peer, const void *data, size_t size)
{
        ck_assert_int_eq(send(channel_fd(peer->channel), data, size, MSG_NOSIGNAL), (ssize_t)size);
}

void peer_close(struct peer *peer)
{
        peer->channel = channel_free(peer->channel);
        stage_turn(peer->stage);
}

void peer_expect(struct peer *peer, const char *line)
{
        const uint64_t end = clock_mono_usec() + STAGE_PATIENCE_USEC;

        while (peer->lines_read == peer->lines_count && clock_mono_usec() < end)
                stage_turn(peer->stage);
        ck_assert_msg(peer->lines_read < peer->lines_count, "\"%s\" did not come", line);
        ck_assert_str_eq(peer->lines[peer->lines_read], line);
        peer->lines_read++;
}

void peer_expect_nothing(struct peer *peer)
{
        stage_turn(peer->stage);
        stage_turn(peer->stage);
        if (peer->lines_read < peer->lines_count)
                ck_abort_msg("\"%s\" came", peer->lines[peer->lines_read]);
}

void peer_expect_end(struct peer *peer)
{
        const uint64_t end = clock_mono_usec() + STAGE_PATIENCE_USEC;

        while (!peer->ended && clock_mono_usec() < end)
                stage_turn(peer->stage);
        ck_assert(peer->ended);
}

/* ------------------------------------------------------------------------------------- requests */

static void peer_send_hello(struct peer *peer, uint64_t tag, Jobd__Hello *hello)
{
        Jobd__Request request = JOBD__REQUEST__INIT;

        hello->magic = WIRE_MAGIC;
        hello->version_min = hello->version_max = WIRE_VERSION;
        request.tag = tag;
        request.body_case = JOBD__REQUEST__BODY_HELLO;
        request.hello = hello;
        peer_send(peer, &request);
}

void peer_hello(struct peer *peer, uint64_t tag)
{
        Jobd__Hello hello = JOBD__HELLO__INIT;

        peer_send_hello(peer, tag, &hello);
}

void peer_hello_inside(struct peer *peer, uint64_t tag, uint64_t job, uint64_t task)
{
        Jobd__Hello hello = JOBD__HELLO__INIT;

        hello.has_inside_job = hello.has_inside_task = true;
        hello.inside_job = job;
        hello.inside_task = task;
        peer_send_hello(peer, tag, &hello);
}

void peer_ping(struct peer *peer, uint64_t tag)
{
        Jobd__Request request = JOBD__REQUEST__INIT;
        Jobd__Ping ping = JOBD__PING__INIT;

        request.tag = tag;
        request.body_case = JOBD__REQUEST__BODY_PING;
        request.ping = &ping;
        peer_send(peer, &request);
}

void peer_follow(struct peer *peer, uint64_t tag, uint64_t job)
{
        Jobd__Request request = JOBD__REQUEST__INIT;
        Jobd__Follow follow = JOBD__FOLLOW__INIT;

        follow.job = job;
        follow.has_until_end = follow.until_end = true;
        request.tag = tag;
        request.body_case = JOBD__REQUEST__BODY_FOLLOW;
        request.follow = &follow;
        peer_send(peer, &request);
}

void peer_append(struct peer *peer, uint64_t tag, uint64_t job, uint64_t number, const char *values)
{
        Jobd__Request request = JOBD__REQUEST__INIT;
        Jobd__Append append = JOBD__APPEND__INIT;
        char *copy = strdup(values);

        ck_assert_ptr_nonnull(copy);
        append.job = job;
        append.number = number;
        append.values.data = (uint8_t *)copy;
        append.values.len = *values ? strlen(values) + 1 : 0;
        append.count = *values ? 1 : 0;
        for (char *at = copy; (at = strchr(at, ' ')); append.count++)
                *at++ = '\0';
        request.tag = tag;
        request.body_case = JOBD__REQUEST__BODY_APPEND;
        request.append = &append;
        peer_send(peer, &request);
        free(copy);
}

void peer_close_input(struct peer *peer, uint64_t tag, uint64_t job, uint64_t chunks,
                      const char *cut)
{
        Jobd__Request request = JOBD__REQUEST__INIT;
        Jobd__CloseInput close = JOBD__CLOSE_INPUT__INIT;

        close.job = job;
        close.chunks = chunks;
        close.cut = (char *)(uintptr_t)cut;
        request.tag = tag;
        request.body_case = JOBD__REQUEST__BODY_CLOSE_INPUT;
        request.close_input = &close;
        peer_send(peer, &request);
}

void peer_results(struct peer *peer, uint64_t tag, uint64_t job, const struct asked *asked)
{
        Jobd__Request request = JOBD__REQUEST__INIT;
        Jobd__Results results = JOBD__RESULTS__INIT;

        results.job = job;
        results.has_first_task = asked->has_first;
        results.first_task = asked->first_task;
        results.has_ordered = results.ordered = asked->ordered;
        results.has_output = results.output = asked->output;
        results.has_starts = results.starts = asked->starts;
        results.has_no_tasks = results.no_tasks = asked->no_tasks;
        results.has_until_end = results.until_end = !asked->only_now;
        results.has_progress_usec = asked->progress_usec > 0;
        results.progress_usec = asked->progress_usec;
        request.tag = tag;
        request.body_case = JOBD__REQUEST__BODY_RESULTS;
        request.results = &results;
        peer_send(peer, &request);
}

void peer_seen(struct peer *peer, uint64_t tag, uint64_t job, uint64_t next_task)
{
        Jobd__Request request = JOBD__REQUEST__INIT;
        Jobd__Seen seen = JOBD__SEEN__INIT;

        seen.job = job;
        seen.next_task = next_task;
        request.tag = tag;
        request.body_case = JOBD__REQUEST__BODY_SEEN;
        request.seen = &seen;
        peer_send(peer, &request);
}

void peer_inputs(struct peer *peer, uint64_t tag, uint64_t job, uint64_t task, uint32_t limit)
{
        Jobd__Request request = JOBD__REQUEST__INIT;
        Jobd__Inputs inputs = JOBD__INPUTS__INIT;

        inputs.job = job;
        inputs.first_task = task;
        inputs.has_limit = limit > 0;
        inputs.limit = limit;
        request.tag = tag;
        request.body_case = JOBD__REQUEST__BODY_INPUTS;
        request.inputs = &inputs;
        peer_send(peer, &request);
}

void peer_stop(struct peer *peer, uint64_t tag, uint64_t stop_tag)
{
        Jobd__Request request = JOBD__REQUEST__INIT;
        Jobd__Stop stop = JOBD__STOP__INIT;

        stop.stop_tag = stop_tag;
        request.tag = tag;
        request.body_case = JOBD__REQUEST__BODY_STOP;
        request.stop = &stop;
        peer_send(peer, &request);
}

Jobd__Selector *selection_fill(struct selection_message *to, const struct selection *from)
{
        Jobd__Selector *s = &to->selector;

        jobd__selector__init(s);
        for (size_t i = 0; i < 8 && from->ids[i][0]; i++) {
                jobd__id_range__init(&to->ranges[i]);
                to->ranges[i].first = from->ids[i][0];
                to->ranges[i].last = from->ids[i][1] ? from->ids[i][1] : from->ids[i][0];
                to->range_pointers[i] = &to->ranges[i];
                s->n_ids++;
        }
        s->ids = to->range_pointers;
        if (from->has_tasks) {
                to->ranges[0].has_task_first = to->ranges[0].has_task_last = true;
                to->ranges[0].task_first = from->task_first;
                to->ranges[0].task_last = from->task_last;
        }
        s->has_all = s->all = from->all;
        s->has_last = s->last = from->last;
        s->has_unfinished = s->unfinished = from->unfinished;
        s->name = (char *)(uintptr_t)from->name;
        s->queue = (char *)(uintptr_t)from->queue;
        if (from->label[0]) {
                jobd__label__init(&to->label);
                to->label.key = (char *)(uintptr_t)from->label[0];
                to->label.value = (char *)(uintptr_t)from->label[1];
                to->labels[0] = &to->label;
                s->labels = to->labels;
                s->n_labels = 1;
        }
        if (from->state) {
                to->states[0] = (Jobd__JobState)from->state;
                s->states = to->states;
                s->n_states = 1;
        }
        return s;
}

void peer_act(struct peer *peer, uint64_t tag, Jobd__Action action, const struct selection *which)
{
        Jobd__Request request = JOBD__REQUEST__INIT;
        Jobd__Act act = JOBD__ACT__INIT;
        struct selection_message selector;

        act.action = action;
        act.selector = selection_fill(&selector, which);
        act.has_signal = action == JOBD__ACTION__ACTION_KILL;
        act.signal = 15;
        request.tag = tag;
        request.body_case = JOBD__REQUEST__BODY_ACT;
        request.act = &act;
        peer_send(peer, &request);
}

void peer_wait(struct peer *peer, uint64_t tag, const struct selection *which, bool any)
{
        Jobd__Request request = JOBD__REQUEST__INIT;
        Jobd__Wait body = JOBD__WAIT__INIT;
        struct selection_message selector;

        body.selector = selection_fill(&selector, which);
        body.has_any = body.any = any;
        request.tag = tag;
        request.body_case = JOBD__REQUEST__BODY_WAIT;
        request.wait = &body;
        peer_send(peer, &request);
}

void peer_info(struct peer *peer, uint64_t tag, const struct selection *which)
{
        Jobd__Request request = JOBD__REQUEST__INIT;
        Jobd__Info info = JOBD__INFO__INIT;
        struct selection_message selector;

        info.selector = selection_fill(&selector, which);
        request.tag = tag;
        request.body_case = JOBD__REQUEST__BODY_INFO;
        request.info = &info;
        peer_send(peer, &request);
}

void peer_list(struct peer *peer, uint64_t tag, const struct selection *which, uint32_t limit)
{
        Jobd__Request request = JOBD__REQUEST__INIT;
        Jobd__List list = JOBD__LIST__INIT;
        struct selection_message selector;

        list.selector = which ? selection_fill(&selector, which) : NULL;
        list.has_limit = limit > 0;
        list.limit = limit;
        request.tag = tag;
        request.body_case = JOBD__REQUEST__BODY_LIST;
        request.list = &list;
        peer_send(peer, &request);
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Turns our structs into the messages of worker.proto. Nothing is decided here and nothing is
 * kept: what must not be lost (ends, held leases) is sent again by worker.c when jobd comes back.
 *
 * Ends of short jobs that nobody follows are sent patiently: they may wait a few milliseconds in
 * the link for others, so that jobd commits them together. Everything else leaves with the turn.
 */
#include "worker/report.h"

#include <string.h>

#include "common/log.h"

void report_started(struct link *link, const struct lease *lease)
{
        Jobd__Work__Started started = JOBD__WORK__STARTED__INIT;
        Jobd__Work__Report report = JOBD__WORK__REPORT__INIT;

        started.lease = lease->id;
        started.pid = (uint32_t)lease->pid;
        started.start_wall_usec = lease->start_wall_usec;
        report.body_case = JOBD__WORK__REPORT__BODY_STARTED;
        report.started = &started;
        link_send(link, &report);
}

/* The generated structs have no const, but packing only reads them. */
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wcast-qual"
static char *report_text(const char *text)
{
        return (char *)text;
}

static ProtobufCBinaryData report_bytes(const uint8_t *data, size_t size)
{
        return (ProtobufCBinaryData){ .data = (uint8_t *)data, .len = size };
}
#pragma GCC diagnostic pop

static void report_fill_usage(Jobd__Work__Exited *exited, const struct lease_result *result)
{
        exited->has_run_usec = exited->has_user_usec = exited->has_system_usec = true;
        exited->run_usec = result->run_usec;
        exited->user_usec = result->user_usec;
        exited->system_usec = result->system_usec;
        exited->has_memory_peak_bytes = exited->has_read_bytes = exited->has_write_bytes = true;
        exited->memory_peak_bytes = result->memory_peak_bytes;
        exited->read_bytes = result->read_bytes;
        exited->write_bytes = result->write_bytes;
}

static void report_fill_end(Jobd__Work__Exited *exited, const struct lease *lease)
{
        const struct lease_result *result = &lease->result;

        exited->lease = lease->id;
        exited->outcome = result->outcome;
        exited->has_exit_code = result->has_exit_code;
        exited->exit_code = result->exit_code;
        exited->has_exit_signal = result->exit_signal != 0;
        exited->exit_signal = result->exit_signal;
        if (result->stage) {
                exited->stage = report_text(spawn_stage_name(result->stage));
                exited->has_error = true;
                exited->error = result->error;
        }
        if (result->why.text[0])
                exited->why = report_text(result->why.text);
        exited->has_end_wall_usec = true;
        exited->end_wall_usec = result->end_wall_usec;
        exited->has_survivors = result->survivors != 0;
        exited->survivors = result->survivors;
}

void report_exited(struct link *link, const struct lease *lease)
{
        Jobd__Work__Exited exited = JOBD__WORK__EXITED__INIT;
        Jobd__Work__Report report = JOBD__WORK__REPORT__INIT;
        const struct output_log *log = &lease->log;

        report_fill_end(&exited, lease);
        if (lease->pid) {
                exited.has_pid = exited.has_start_wall_usec = true;
                exited.pid = (uint32_t)lease->pid;
                exited.start_wall_usec = lease->start_wall_usec;
                report_fill_usage(&exited, &lease->result);
        }
        exited.has_output_bytes = true;
        exited.output_bytes = log->size_bytes;
        exited.has_spooled = log->is_spooled;
        exited.spooled = log->is_spooled;
        exited.has_output_cut = log->is_cut;
        exited.output_cut = log->is_cut;
        if (!log->is_spooled && log->size_bytes) {
                exited.has_records = true;
                exited.records = report_bytes(log->memory, (size_t)log->size_bytes);
        }
        report.body_case = JOBD__WORK__REPORT__BODY_EXITED;
        report.exited = &exited;
        if (lease->wants_follow || log->is_spooled)
                link_send(link, &report);
        else
                link_send_patiently(link, &report);
}

void report_revoked(struct link *link, uint64_t lease, bool too_late)
{
        Jobd__Work__Revoked revoked = JOBD__WORK__REVOKED__INIT;
        Jobd__Work__Report report = JOBD__WORK__REPORT__INIT;

        revoked.lease = lease;
        revoked.too_late = too_late;
        report.body_case = JOBD__WORK__REPORT__BODY_REVOKED;
        report.revoked = &revoked;
        link_send(link, &report);
}

void report_paused(struct link *link, const struct lease *lease)
{
        Jobd__Work__Paused paused = JOBD__WORK__PAUSED__INIT;
        Jobd__Work__Report report = JOBD__WORK__REPORT__INIT;

        paused.lease = lease->id;
        paused.paused = lease->state == RUN_PAUSED;
        report.body_case = JOBD__WORK__REPORT__BODY_PAUSED;
        report.paused = &paused;
        link_send(link, &report);
}

void report_piece(struct link *link, uint64_t lease, uint64_t offset, const uint8_t *records,
                  size_t size)
{
        Jobd__Work__OutputPiece piece = JOBD__WORK__OUTPUT_PIECE__INIT;
        Jobd__Work__Report report = JOBD__WORK__REPORT__INIT;

        piece.lease = lease;
        piece.offset = offset;
        piece.records = report_bytes(records, size);
        report.body_case = JOBD__WORK__REPORT__BODY_OUTPUT_PIECE;
        report.output_piece = &piece;
        link_send(link, &report);
}

void report_spooled(struct link *link, uint64_t lease, uint64_t size_bytes)
{
        Jobd__Work__Spooled spooled = JOBD__WORK__SPOOLED__INIT;
        Jobd__Work__Report report = JOBD__WORK__REPORT__INIT;

        spooled.lease = lease;
        spooled.size_bytes = size_bytes;
        report.body_case = JOBD__WORK__REPORT__BODY_SPOOLED;
        report.spooled = &spooled;
        link_send(link, &report);
}

void report_grown(struct link *link, uint64_t lease, uint64_t size_bytes)
{
        Jobd__Work__Grown grown = JOBD__WORK__GROWN__INIT;
        Jobd__Work__Report report = JOBD__WORK__REPORT__INIT;

        grown.lease = lease;
        grown.size_bytes = size_bytes;
        report.body_case = JOBD__WORK__REPORT__BODY_GROWN;
        report.grown = &grown;
        link_send(link, &report);
}

void report_stdin_taken(struct link *link, uint64_t lease, uint64_t taken, bool closed)
{
        Jobd__Work__StdinTaken news = JOBD__WORK__STDIN_TAKEN__INIT;
        Jobd__Work__Report report = JOBD__WORK__REPORT__INIT;

        news.lease = lease;
        news.taken = taken;
        news.has_closed = closed;
        news.closed = closed;
        report.body_case = JOBD__WORK__REPORT__BODY_STDIN_TAKEN;
        report.stdin_taken = &news;
        link_send(link, &report);
}

static void report_fill_held(Jobd__Work__HeldLease *held, const struct lease *lease,
                             uint64_t stdin_taken)
{
        jobd__work__held_lease__init(held);
        held->lease = lease->id;
        held->job = lease->job;
        held->task = lease->task;
        held->attempt = lease->attempt;
        held->state = (Jobd__Work__SlotState)lease_record_state(lease);
        if (lease->pid) {
                held->has_pid = held->has_start_wall_usec = true;
                held->pid = (uint32_t)lease->pid;
                held->start_wall_usec = lease->start_wall_usec;
        }
        held->has_paused = held->has_spooled = held->has_output_bytes = true;
        held->paused = lease->state == RUN_PAUSED;
        held->spooled = lease->log.is_spooled;
        held->output_bytes = lease->log.size_bytes;
        held->has_stdin_taken = lease->state != RUN_HELD && lease->state != RUN_ENDED;
        held->stdin_taken = held->has_stdin_taken ? stdin_taken : 0;
        held->n_cores = lease->cores_count;
        held->cores = lease->cores;
}

void report_inventory(struct link *link, const struct lease_list *leases, uint64_t stdin_taken)
{
        Jobd__Work__HeldLease held[RECORD_SLOTS], *list[RECORD_SLOTS];
        Jobd__Work__Inventory inventory = JOBD__WORK__INVENTORY__INIT;
        Jobd__Work__Report report = JOBD__WORK__REPORT__INIT;
        const struct lease *lease;

        inventory.leases = list;
        TAILQ_FOREACH (lease, leases, entry) {
                if (inventory.n_leases == RECORD_SLOTS)
                        break;
                report_fill_held(&held[inventory.n_leases], lease, stdin_taken);
                list[inventory.n_leases] = &held[inventory.n_leases];
                inventory.n_leases++;
        }
        report.body_case = JOBD__WORK__REPORT__BODY_INVENTORY;
        report.inventory = &inventory;
        link_send(link, &report);
}

_Static_assert((int)RECORD_ACCEPTED == (int)JOBD__WORK__SLOT_STATE__SLOT_ACCEPTED &&
                       (int)RECORD_GO == (int)JOBD__WORK__SLOT_STATE__SLOT_GO &&
                       (int)RECORD_RUNNING == (int)JOBD__WORK__SLOT_STATE__SLOT_RUNNING &&
                       (int)RECORD_EXITED == (int)JOBD__WORK__SLOT_STATE__SLOT_EXITED,
               "the record file and the protocol number the states alike");

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Keeps what a job printed, in the format of proto/spool.h. It begins in memory, where nearly every
 * job's output ends as well and travels with its exit status; past `inline_bytes`, or when the
 * runner says so, it becomes a file in the spool folder: made by descriptor with O_EXCL and
 * O_NOFOLLOW, 0640, its group from the folder, so that jobd can hand it out but not write it.
 *
 * Promises: the log is always whole records. A write that fails half-way is taken back to the end
 * of the record before it. Whatever is left out is announced by one mark in the log itself, and
 * the rest is dropped silently: the caller goes on reading, so the job never waits for us.
 *
 * Called by output.c; the log outlives the job's process and is freed at jobd's Ack.
 */
#include "worker/output_log.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/error.h"
#include "common/failpoint.h"
#include "common/fs.h"
#include "common/text.h"

#define OUTPUT_MARK_MAX 160
#define OUTPUT_MEMORY_FIRST 1024U

void output_log_init(struct output_log *log, int folder_fd, uint64_t job, uint64_t task,
                     uint32_t attempt)
{
        *log = (struct output_log){
                .folder_fd = folder_fd,
                .job = job,
                .task = task,
                .attempt = attempt,
                .cap_bytes = UINT64_MAX,
                .spool_fd = -1,
        };
}

void output_log_deinit(struct output_log *log)
{
        free(log->memory);
        log->memory = NULL;
        log->spool_fd = fd_close(log->spool_fd);
}

static int output_log_grow(struct output_log *log, size_t more)
{
        const size_t needed = (size_t)log->size_bytes + more;
        size_t room = MAX(log->memory_room, OUTPUT_MEMORY_FIRST);
        uint8_t *memory;

        if (needed <= log->memory_room)
                return 0;
        while (room < needed)
                room *= 2;
        memory = realloc(log->memory, room);
        if (!memory)
                return FAULT(-ENOMEM);
        log->memory = memory;
        log->memory_room = room;
        return 0;
}

/* Whole, or not at all. */
static int output_log_write(struct output_log *log, const uint8_t *data, size_t size)
{
        int r;

        if (!log->is_spooled) {
                r = output_log_grow(log, size);
                if (r)
                        return PASS(r);
                memcpy(log->memory + log->size_bytes, data, size);
                log->size_bytes += size;
                return 0;
        }
        r = FAILPOINT("spool-write") ? FAULT(-ENOSPC) : fs_write_all(log->spool_fd, data, size);
        if (r) {
                (void)!ftruncate(log->spool_fd, (off_t)log->size_bytes);
                (void)lseek(log->spool_fd, (off_t)log->size_bytes, SEEK_SET);
                return PASS(r);
        }
        log->size_bytes += size;
        return 0;
}

static void output_log_put_header(uint8_t *block, enum spool_stream stream, size_t size)
{
        const struct spool_record record = {
                .stream = stream,
                .wall_usec = clock_wall_usec(),
                .size_bytes = (uint32_t)size,
        };

        spool_put_header(block, &record);
}

/* From here on everything is dropped. A mark that finds no room either is told by is_cut alone. */
static void output_log_cut(struct output_log *log, const char *text)
{
        uint8_t block[SPOOL_HEADER_BYTES + OUTPUT_MARK_MAX];
        const size_t size = MIN(strlen(text), (size_t)OUTPUT_MARK_MAX);

        log->is_cut = true;
        output_log_put_header(block, SPOOL_MARK, size);
        memcpy(block + SPOOL_HEADER_BYTES, text, size);
        if (output_log_write(log, block, SPOOL_HEADER_BYTES + size))
                log->is_blocked = true;
}

static void output_log_cut_at_cap(struct output_log *log)
{
        char size[TEXT_SIZE_MAX], text[OUTPUT_MARK_MAX];

        snprintf(text, sizeof(text), "output cut after %s", text_format_size(log->cap_bytes, size));
        output_log_cut(log, text);
}

static void output_log_cut_by_disk(struct output_log *log, int error)
{
        const char *cause = strerrordesc_np(error);
        char text[OUTPUT_MARK_MAX];

        if (error == ENOSPC || error == EDQUOT)
                cause = "disk full";
        snprintf(text, sizeof(text), "output cut: %s", cause ? cause : "write error");
        output_log_cut(log, text);
}

/* Makes the file. A stale one of the same attempt cannot hold anything that is still wanted. */
static int output_log_create(const struct output_log *log, int *out_fd)
{
        const int flags = O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC;
        char name[SPOOL_NAME_MAX];
        int fd;

        spool_name(name, log->job, log->task, log->attempt, false);
        fd = openat(log->folder_fd, name, flags, 0640);
        if (fd < 0 && errno == EEXIST && unlinkat(log->folder_fd, name, 0) == 0)
                fd = openat(log->folder_fd, name, flags, 0640);
        if (fd < 0)
                return FAULT(-errno);
        *out_fd = fd;
        return 0;
}

void output_log_spool(struct output_log *log)
{
        char name[SPOOL_NAME_MAX];
        int fd = -1;
        int r;

        if (log->is_spooled || log->is_cut || log->size_bytes == 0)
                return;
        r = log->is_blocked ? -ENOSPC : output_log_create(log, &fd);
        if (r == 0) {
                r = FAILPOINT("spool-first-write")
                            ? FAULT(-ENOSPC)
                            : fs_write_all(fd, log->memory, (size_t)log->size_bytes);
                if (r) {
                        spool_name(name, log->job, log->task, log->attempt, false);
                        (void)unlinkat(log->folder_fd, name, 0);
                        fd_close(fd);
                }
        }
        if (r) {
                output_log_cut_by_disk(log, -r);
                return;
        }
        log->spool_fd = fd;
        log->is_spooled = true;
        free(log->memory);
        log->memory = NULL;
        log->memory_room = 0;
}

void output_log_add(struct output_log *log, enum spool_stream stream, uint8_t *block, size_t size)
{
        uint64_t left;
        bool is_over;
        int r;

        if (log->is_cut || size == 0)
                return;
        left = log->cap_bytes > log->size_bytes ? log->cap_bytes - log->size_bytes : 0;
        is_over = left < SPOOL_HEADER_BYTES + size;
        if (is_over)
                size = left > SPOOL_HEADER_BYTES ? (size_t)left - SPOOL_HEADER_BYTES : 0;
        if (!log->is_spooled && log->size_bytes + SPOOL_HEADER_BYTES + size > log->inline_bytes)
                output_log_spool(log);
        if (log->is_cut)
                return;
        if (size) {
                output_log_put_header(block, stream, size);
                r = output_log_write(log, block, SPOOL_HEADER_BYTES + size);
                if (r) {
                        output_log_cut_by_disk(log, -r);
                        return;
                }
        }
        /* The first record alone may be over the inline size. */
        if (!log->is_spooled && log->size_bytes > log->inline_bytes)
                output_log_spool(log);
        if (is_over && !log->is_cut)
                output_log_cut_at_cap(log);
}

void output_log_set_full(struct output_log *log, bool is_full)
{
        log->is_blocked = is_full;
        if (is_full && log->is_spooled && log->spool_fd >= 0 && !log->is_cut)
                output_log_cut_by_disk(log, ENOSPC);
}

void output_log_complete(struct output_log *log)
{
        log->spool_fd = fd_close(log->spool_fd);
}

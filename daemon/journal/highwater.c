/* SPDX-License-Identifier: Apache-2.0 */
/*
 * SQLite ends reading a WAL at the first frame whose checksum is wrong and calls the rest unused: a
 * flipped byte loses acknowledged rows without a word. So the numbers of the newest commit also
 * stand in a file of 32 bytes beside the database, written after each commit and before anybody is
 * told of it:
 *
 *     0        8        16       24         28         32
 *     +--------+--------+--------+----------+----------+
 *     |sequence| job id | lease  | boot id* | checksum |   *its CRC-32C; numbers in host order
 *     +--------+--------+--------+----------+----------+
 *
 * A database that is below a valid file has lost something that was promised (life.c refuses to
 * start). The file is not synced: after a power cut it may be old or torn, which is below what the
 * database holds or fails the checksum, and neither raises an alarm. It can never be ahead of
 * what was synced before it was written.
 */
#include "daemon/journal/highwater.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "common/checksum.h"
#include "common/clock.h"
#include "common/error.h"

#define HIGHWATER_FILE "highwater"

struct highwater_record {
        uint64_t sequence;
        uint64_t job_id;
        uint64_t lease;
        uint32_t boot;
        uint32_t checksum; /* of everything before it */
};
_Static_assert(sizeof(struct highwater_record) == 32, "the file is 32 bytes");

static uint32_t highwater_sum(const struct highwater_record *record)
{
        return checksum_crc32c(record, offsetof(struct highwater_record, checksum));
}

static enum highwater_found highwater_read(int fd, struct highwater_record *out_record)
{
        struct highwater_record record;
        uint8_t buf[sizeof(record) + 1];
        const ssize_t n = pread(fd, buf, sizeof(buf), 0);

        if (n == 0)
                return HIGHWATER_ABSENT;
        if (n != (ssize_t)sizeof(record))
                return HIGHWATER_INVALID;
        memcpy(&record, buf, sizeof(record));
        if (record.checksum != highwater_sum(&record))
                return HIGHWATER_INVALID;
        *out_record = record;
        return HIGHWATER_VALID;
}

int highwater_open(int folder_fd, struct highwater *out_highwater, enum highwater_found *out_found,
                   struct highwater_mark *out_mark, bool *out_same_boot)
{
        _cleanup_(fd_closep) int fd = -1;
        struct highwater_record record = { 0 };
        uint8_t boot_id[CLOCK_BOOT_ID_BYTES];
        int r;

        r = clock_read_boot_id(boot_id);
        if (r < 0)
                return PASS(r);
        fd = openat(folder_fd, HIGHWATER_FILE, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
        if (fd < 0)
                return FAULT(-errno);
        out_highwater->boot = checksum_crc32c(boot_id, sizeof(boot_id));
        *out_found = highwater_read(fd, &record);
        *out_same_boot = *out_found == HIGHWATER_VALID && record.boot == out_highwater->boot;
        *out_mark = (struct highwater_mark){
                .sequence = record.sequence,
                .job_id = record.job_id,
                .lease = record.lease,
        };
        if (*out_found == HIGHWATER_INVALID && ftruncate(fd, 0) < 0)
                return FAULT(-errno);
        out_highwater->fd = TAKE_FD(fd);
        return 0;
}

void highwater_close(struct highwater *highwater)
{
        highwater->fd = fd_close(highwater->fd);
}

void highwater_write(const struct highwater *highwater, const struct highwater_mark *mark)
{
        struct highwater_record record = {
                .sequence = mark->sequence,
                .job_id = mark->job_id,
                .lease = mark->lease,
                .boot = highwater->boot,
        };
        ssize_t n;

        record.checksum = highwater_sum(&record);
        do {
                n = pwrite(highwater->fd, &record, sizeof(record), 0);
        } while (n < 0 && errno == EINTR);
}

bool highwater_is_reached(const struct highwater_mark *mark, const struct highwater_mark *than)
{
        return mark->sequence >= than->sequence && mark->job_id >= than->job_id &&
               mark->lease >= than->lease;
}

struct highwater_mark highwater_join(const struct highwater_mark *a, const struct highwater_mark *b)
{
        return (struct highwater_mark){
                .sequence = MAX(a->sequence, b->sequence),
                .job_id = MAX(a->job_id, b->job_id),
                .lease = MAX(a->lease, b->lease),
        };
}

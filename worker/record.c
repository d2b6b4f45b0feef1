/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The record file, "<number>.<generation>" in the records folder (a tmpfs: it lives exactly as long
 * as pids do). The pool makes it before it starts the worker, the worker locks and maps it, and
 * after the worker's death the pool reads it.
 *
 *     0  header   magic, version, worker, generation, boot id, checksum; written once by the pool
 *   128  shared   pid, busy and watching flags: hints, not covered by a checksum
 *   256  slot 0   copy A (128 bytes), copy B (128 bytes)
 *   512  slot 1   ...
 *
 * A slot is written by filling the copy that is *not* the newest and giving it a higher sequence.
 * A worker killed in the middle of it leaves a copy whose checksum is wrong and, beside it, the
 * entry before, which is then the truth: no effect (a process, an answer) happens before
 * record_write() returned. Only when both copies are bad is the slot unreadable, and the file's
 * "no GO" proves nothing any more.
 *
 * The mapping makes a write as cheap as a copy; what was copied belongs to the page cache and
 * survives SIGKILL. Nothing here is ever synced: after a crash of the machine no pid in the file
 * means anything, and the boot id says so.
 */
#include "worker/record.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include "common/checksum.h"
#include "common/error.h"
#include "common/failpoint.h"
#include "common/fs.h"

#define RECORD_MAGIC 0x31636572626f6a00ULL

struct record_header {
        uint64_t magic;
        uint32_t version;
        uint32_t number;
        uint64_t generation;
        uint32_t slots;
        uint32_t entry_bytes;
        uint8_t boot_id[CLOCK_BOOT_ID_BYTES];
        uint32_t reserved[19];
        uint32_t checksum;
};

struct record_file {
        struct record_header header;
        struct record_shared shared;
        uint32_t reserved[16];
        struct {
                struct record_entry copies[2];
        } slots[RECORD_SLOTS];
};
_Static_assert(sizeof(struct record_header) == 128, "the shared line starts at 128");
_Static_assert(offsetof(struct record_file, slots) == 256, "slots start at 256");

struct record {
        int fd;                   /* owned; closing it would drop the lock */
        struct record_file *file; /* owned mapping */
        uint8_t newest[RECORD_SLOTS];
        bool used[RECORD_SLOTS];
};

static uint32_t record_checksum(const void *data, size_t size)
{
        return checksum_crc32c(data, size - sizeof(uint32_t));
}

void record_name(char out_name[static RECORD_NAME_MAX], uint32_t number, uint64_t generation)
{
        snprintf(out_name, RECORD_NAME_MAX, "%" PRIu32 ".%" PRIu64, number, generation);
}

bool record_parse_name(const char *name, uint32_t *out_number, uint64_t *out_generation)
{
        char again[RECORD_NAME_MAX];
        uint32_t number;
        uint64_t generation;

        if (sscanf(name, "%" SCNu32 ".%" SCNu64, &number, &generation) != 2)
                return false;
        record_name(again, number, generation);
        if (strcmp(again, name) != 0)
                return false;
        *out_number = number;
        *out_generation = generation;
        return true;
}

int record_create(int folder_fd, uint32_t number, uint64_t generation,
                  const uint8_t boot_id[static CLOCK_BOOT_ID_BYTES])
{
        _cleanup_(fd_closep) int fd = -1;
        char name[RECORD_NAME_MAX];
        struct record_header header = {
                .magic = RECORD_MAGIC,
                .version = RECORD_VERSION,
                .number = number,
                .generation = generation,
                .slots = RECORD_SLOTS,
                .entry_bytes = sizeof(struct record_entry),
        };
        int r;

        memcpy(header.boot_id, boot_id, sizeof(header.boot_id));
        header.checksum = record_checksum(&header, sizeof(header));
        record_name(name, number, generation);
        if (unlinkat(folder_fd, name, 0) < 0 && errno != ENOENT)
                return FAULT(-errno);
        fd = openat(folder_fd, name, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
        if (fd < 0)
                return FAULT(-errno);
        /* A full tmpfs must refuse here, not with SIGBUS in the worker. */
        r = posix_fallocate(fd, 0, sizeof(struct record_file));
        if (r > 0)
                return FAULT(-r);
        if (pwrite(fd, &header, sizeof(header), 0) != (ssize_t)sizeof(header))
                return FAULT(-EIO);
        return 0;
}

static bool record_is_header_intact(const struct record_header *header)
{
        return header->magic == RECORD_MAGIC &&
               header->checksum == record_checksum(header, sizeof(*header));
}

int record_open(int folder_fd, uint32_t number, uint64_t generation, struct record **out_record)
{
        _cleanup_(record_closep) struct record *record = NULL;
        char name[RECORD_NAME_MAX];
        struct stat st;
        void *map;
        int r;

        record = calloc(1, sizeof(*record));
        if (!record)
                return FAULT(-ENOMEM);
        record->fd = -1;
        record_name(name, number, generation);
        r = fs_lock_file(folder_fd, name, false, &record->fd);
        if (r == FS_E_LOCKED)
                return RECORD_E_LOCKED;
        if (r)
                return PASS(r);
        if (fstat(record->fd, &st) < 0)
                return FAULT(-errno);
        if (st.st_size != (off_t)sizeof(struct record_file))
                return RECORD_E_BAD;
        map = mmap(NULL, sizeof(struct record_file), PROT_READ | PROT_WRITE, MAP_SHARED, record->fd,
                   0);
        if (map == MAP_FAILED)
                return FAULT(-errno);
        record->file = map;
        if (!record_is_header_intact(&record->file->header))
                return RECORD_E_BAD;
        atomic_store(&record->file->shared.pid, (uint32_t)getpid());
        *out_record = TAKE_PTR(record);
        return 0;
}

struct record *record_close(struct record *record)
{
        if (!record)
                return NULL;
        if (record->file)
                munmap(record->file, sizeof(*record->file));
        fd_close(record->fd);
        free(record);
        return NULL;
}

int record_find_free(const struct record *record)
{
        for (unsigned int i = 0; i < RECORD_SLOTS; i++)
                if (!record->used[i])
                        return (int)i;
        return -1;
}

void record_write(struct record *record, unsigned int slot, const struct record_entry *entry)
{
        struct record_entry *copies = record->file->slots[slot].copies;
        const uint8_t newest = record->newest[slot];
        struct record_entry next = *entry;

        next.sequence = copies[newest].sequence + 1;
        memcpy(next.boot_id, record->file->header.boot_id, sizeof(next.boot_id));
        next.checksum = record_checksum(&next, sizeof(next));
        if (FAILPOINT("record-torn")) {
                memcpy(&copies[!newest], &next, sizeof(next) / 2);
                kill(getpid(), SIGKILL);
        }
        memcpy(&copies[!newest], &next, sizeof(next));
        /* Only the compiler must be held back: a process dies between instructions. */
        atomic_signal_fence(memory_order_seq_cst);
        record->newest[slot] = !newest;
        record->used[slot] = entry->state != RECORD_FREE;
}

struct record_shared *record_get_shared(struct record *record)
{
        return &record->file->shared;
}

int record_map_shared(int folder_fd, uint32_t number, uint64_t generation,
                      struct record_shared **out_shared)
{
        char name[RECORD_NAME_MAX];
        struct record_file *file;
        struct stat st;
        int fd;

        record_name(name, number, generation);
        fd = openat(folder_fd, name, O_RDWR | O_NOFOLLOW | O_CLOEXEC);
        if (fd < 0)
                return FAULT(-errno);
        if (fstat(fd, &st) < 0 || st.st_size < (off_t)sizeof(struct record_file)) {
                fd_close(fd);
                return FAULT(-EBADMSG);
        }
        file = mmap(NULL, sizeof(*file), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
        fd_close(fd);
        if (file == MAP_FAILED)
                return FAULT(-errno);
        *out_shared = &file->shared;
        return 0;
}

struct record_shared *record_unmap_shared(struct record_shared *shared)
{
        if (shared)
                munmap((char *)shared - offsetof(struct record_file, shared),
                       sizeof(struct record_file));
        return NULL;
}

static bool record_is_zero(const struct record_entry *copy)
{
        static const struct record_entry zero;

        return memcmp(copy, &zero, sizeof(zero)) == 0;
}

static bool record_is_valid(const struct record_entry *copy, const uint8_t *boot_id)
{
        return copy->checksum == record_checksum(copy, sizeof(*copy)) &&
               copy->state < RECORD_STATE_COUNT &&
               memcmp(copy->boot_id, boot_id, CLOCK_BOOT_ID_BYTES) == 0;
}

/* The newest readable copy; NULL: the slot was never used. *is_intact falls when none is. */
static const struct record_entry *record_choose(const struct record_entry copies[static 2],
                                                const uint8_t *boot_id, bool *is_intact)
{
        const struct record_entry *best = NULL;
        bool has_zero = false;

        for (int i = 0; i < 2; i++) {
                if (record_is_zero(&copies[i]))
                        has_zero = true;
                else if (record_is_valid(&copies[i], boot_id) &&
                         (!best || copies[i].sequence > best->sequence))
                        best = &copies[i];
        }
        /* A bad copy beside a zero one is the first write to the slot, cut short. */
        if (!best && !has_zero)
                *is_intact = false;
        return best;
}

int record_decode(const void *data, size_t size, const uint8_t boot_id[static CLOCK_BOOT_ID_BYTES],
                  struct record_image *out_image)
{
        struct record_image image = { .is_intact = true };
        struct record_header header;

        if (size < sizeof(header))
                return RECORD_E_BAD;
        memcpy(&header, data, sizeof(header));
        if (!record_is_header_intact(&header))
                return RECORD_E_BAD;
        if (memcmp(header.boot_id, boot_id, sizeof(header.boot_id)) != 0 ||
            header.version != RECORD_VERSION || header.slots != RECORD_SLOTS ||
            header.entry_bytes != sizeof(struct record_entry))
                return RECORD_E_FOREIGN;
        if (size != sizeof(struct record_file))
                return RECORD_E_BAD;
        image.number = header.number;
        image.generation = header.generation;
        memcpy(&image.worker_pid, (const char *)data + offsetof(struct record_file, shared),
               sizeof(image.worker_pid));
        for (size_t i = 0; i < RECORD_SLOTS; i++) {
                struct record_entry copies[2];
                const struct record_entry *entry;

                memcpy(copies,
                       (const char *)data + offsetof(struct record_file, slots) +
                               i * sizeof(copies),
                       sizeof(copies));
                entry = record_choose(copies, boot_id, &image.is_intact);
                if (entry && entry->state != RECORD_FREE)
                        image.entries[image.count++] = *entry;
        }
        *out_image = image;
        return 0;
}

int record_read(int folder_fd, const char *name, const uint8_t boot_id[static CLOCK_BOOT_ID_BYTES],
                struct record_image *out_image)
{
        _cleanup_(freep) char *data = NULL;
        size_t size;
        int r;

        r = fs_read_file(folder_fd, name, sizeof(struct record_file) + 1, &data, &size);
        if (r == FS_E_ABSENT)
                return RECORD_E_ABSENT;
        if (r > 0)
                return RECORD_E_BAD;
        if (r)
                return PASS(r);
        return record_decode(data, size, boot_id, out_image);
}

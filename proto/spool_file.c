/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Log files: read by offset, plain or compressed, and the compression itself.
 *
 *    plain:       | record | record | ...
 *    compressed:  | zstd frame: the first MiB of that | zstd frame: the next | ... | the rest |
 *
 * Every zstd frame stands alone and names its uncompressed size, so a reader walks from frame to
 * frame and decompresses only the one it needs. It keeps that one, which makes reading on
 * sequential; an offset before it starts the walk again. `zstd -dc` reads these files too.
 *
 * A frame of another maker, without a size or with more than SPOOL_FRAME_BYTES, is SPOOL_E_BAD:
 * memory stays at two frames whatever the file says. Nothing here looks into records.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "common/fs.h"

#include "proto/spool.h"
#include "proto/spool_zstd.h"

#define SPOOL_LEVEL 1

struct spool_reader {
        int fd; /* owned */
        bool compressed;
        /* Compressed only: */
        struct spool_zstd zstd;
        ZSTD_DCtx *context; /* owned */
        uint8_t *packed;    /* owned; packed_max bytes */
        size_t packed_max;
        uint8_t *plain; /* owned; SPOOL_FRAME_BYTES */
        off_t next_at;  /* of the frame behind the one in `plain`, in the file */
        uint64_t plain_offset;
        size_t plain_bytes; /* uncompressed size of the frame walked to */
        bool is_unpacked;   /* is it in `plain`? */
        size_t packed_bytes;
};

static int spool_reader_prepare(struct spool_reader *reader)
{
        const int r = spool_zstd_load(SPOOL_ZSTD_LIBRARY, &reader->zstd);

        if (r)
                return r;
        reader->packed_max = reader->zstd.compress_bound(SPOOL_FRAME_BYTES) + 64;
        reader->context = reader->zstd.create_decompressor();
        reader->packed = malloc(reader->packed_max);
        reader->plain = malloc(SPOOL_FRAME_BYTES);
        if (!reader->context || !reader->packed || !reader->plain)
                return FAULT(-ENOMEM);
        return 0;
}

int spool_reader_new(int fd, bool compressed, struct spool_reader **out_reader)
{
        _cleanup_(fd_closep) int owned_fd = fd;
        _cleanup_(spool_reader_freep) struct spool_reader *reader = NULL;
        int r;

        reader = calloc(1, sizeof(*reader));
        if (!reader)
                return FAULT(-ENOMEM);
        reader->fd = TAKE_FD(owned_fd);
        reader->compressed = compressed;
        r = compressed ? spool_reader_prepare(reader) : 0;
        if (r)
                return r < 0 ? PASS(r) : r;
        *out_reader = TAKE_PTR(reader);
        return 0;
}

struct spool_reader *spool_reader_free(struct spool_reader *reader)
{
        if (!reader)
                return NULL;
        free(reader->plain);
        free(reader->packed);
        if (reader->context)
                reader->zstd.free_decompressor(reader->context);
        fd_close(reader->fd);
        free(reader);
        return NULL;
}

/* As much as there is, up to `size`. */
static int spool_read_at(int fd, off_t at, void *data, size_t size, size_t *out_read)
{
        size_t have = 0;

        while (have < size) {
                const ssize_t n = pread(fd, (uint8_t *)data + have, size - have, at + (off_t)have);

                if (n < 0 && errno == EINTR)
                        continue;
                if (n < 0)
                        return FAULT(-errno);
                if (n == 0)
                        break;
                have += (size_t)n;
        }
        *out_read = have;
        return 0;
}

/* Walks to the frame behind the one we are at. 0, SPOOL_E_END, SPOOL_E_BAD. */
static int spool_reader_step(struct spool_reader *reader)
{
        unsigned long long plain_bytes;
        size_t have, packed_bytes;
        int r;

        r = spool_read_at(reader->fd, reader->next_at, reader->packed, reader->packed_max, &have);
        if (r < 0)
                return PASS(r);
        if (have == 0)
                return SPOOL_E_END;
        packed_bytes = reader->zstd.packed_bytes(reader->packed, have);
        if (reader->zstd.is_error(packed_bytes))
                return SPOOL_E_BAD;
        plain_bytes = reader->zstd.plain_bytes(reader->packed, have);
        if (plain_bytes > SPOOL_FRAME_BYTES)
                return SPOOL_E_BAD;
        reader->plain_offset += reader->plain_bytes;
        reader->plain_bytes = (size_t)plain_bytes;
        reader->packed_bytes = packed_bytes;
        reader->next_at += (off_t)packed_bytes;
        reader->is_unpacked = false;
        return 0;
}

static int spool_reader_unpack(struct spool_reader *reader)
{
        size_t n;

        if (reader->is_unpacked)
                return 0;
        n = reader->zstd.decompress(reader->context, reader->plain, SPOOL_FRAME_BYTES,
                                    reader->packed, reader->packed_bytes);
        if (reader->zstd.is_error(n) || n != reader->plain_bytes)
                return SPOOL_E_BAD;
        reader->is_unpacked = true;
        return 0;
}

static int spool_reader_read_compressed(struct spool_reader *reader, uint64_t offset, void *data,
                                        size_t size, size_t *out_read)
{
        size_t skip, bytes;
        int r;

        if (offset < reader->plain_offset) {
                reader->next_at = 0;
                reader->plain_offset = 0;
                reader->plain_bytes = 0;
        }
        while (offset - reader->plain_offset >= reader->plain_bytes) {
                r = spool_reader_step(reader);
                if (r == SPOOL_E_END) {
                        *out_read = 0;
                        return 0;
                }
                if (r == SPOOL_E_BAD)
                        return r;
                if (r != 0)
                        return PASS(r);
        }
        r = spool_reader_unpack(reader);
        if (r != 0)
                return r;
        skip = (size_t)(offset - reader->plain_offset);
        bytes = MIN(size, reader->plain_bytes - skip);
        memcpy(data, reader->plain + skip, bytes);
        *out_read = bytes;
        return 0;
}

int spool_reader_read(struct spool_reader *reader, uint64_t offset, void *data, size_t size,
                      size_t *out_read)
{
        int r;

        if (offset > INT64_MAX - size) {
                *out_read = 0;
                return 0;
        }
        if (reader->compressed)
                return spool_reader_read_compressed(reader, offset, data, size, out_read);
        r = spool_read_at(reader->fd, (off_t)offset, data, size, out_read);
        return r < 0 ? PASS(r) : 0;
}

/* ------------------------------------------------------------------------------- compressing */

struct spool_packer {
        struct spool_zstd zstd;
        ZSTD_CCtx *context; /* owned */
        uint8_t *plain;     /* owned; SPOOL_FRAME_BYTES */
        uint8_t *packed;    /* owned; packed_max bytes */
        size_t packed_max;
};

static void spool_packer_deinit(struct spool_packer *packer)
{
        if (packer->context)
                packer->zstd.free_compressor(packer->context);
        free(packer->plain);
        free(packer->packed);
}

static int spool_packer_init(struct spool_packer *packer)
{
        const struct spool_zstd *const zstd = &packer->zstd;
        const int r = spool_zstd_load(SPOOL_ZSTD_LIBRARY, &packer->zstd);

        if (r)
                return r;
        packer->packed_max = zstd->compress_bound(SPOOL_FRAME_BYTES);
        packer->context = zstd->create_compressor();
        packer->plain = malloc(SPOOL_FRAME_BYTES);
        packer->packed = malloc(packer->packed_max);
        if (!packer->context || !packer->plain || !packer->packed)
                return FAULT(-ENOMEM);
        if (zstd->is_error(
                    zstd->set_parameter(packer->context, ZSTD_c_compressionLevel, SPOOL_LEVEL)) ||
            zstd->is_error(zstd->set_parameter(packer->context, ZSTD_c_checksumFlag, 1)))
                return FAULT(-ENOTSUP);
        return 0;
}

int spool_compress(int from_fd, int to_fd, uint64_t *out_bytes)
{
        _cleanup_(spool_packer_deinit) struct spool_packer packer = { 0 };
        uint64_t written = 0;
        off_t at = 0;
        int r;

        r = spool_packer_init(&packer);
        if (r)
                return r < 0 ? PASS(r) : r;
        for (;;) {
                size_t plain_bytes = 0, packed_bytes;

                r = spool_read_at(from_fd, at, packer.plain, SPOOL_FRAME_BYTES, &plain_bytes);
                if (r < 0)
                        return PASS(r);
                if (plain_bytes == 0)
                        break;
                packed_bytes = packer.zstd.compress(packer.context, packer.packed,
                                                    packer.packed_max, packer.plain, plain_bytes);
                if (packer.zstd.is_error(packed_bytes))
                        return FAULT(-EIO);
                r = fs_write_all(to_fd, packer.packed, packed_bytes);
                if (r < 0)
                        return PASS(r);
                at += (off_t)plain_bytes;
                written += packed_bytes;
        }
        *out_bytes = written;
        return 0;
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * libzstd is loaded at run time, by those few processes that meet a compressed log: the compressor
 * (jobd-worker --compact), and a client that reads large output of a job that has ended for a
 * while. Every worker and every jobctl would have to map it otherwise, or carry 600 KiB of it in
 * itself.
 *
 * The library is never unloaded: what it would give back is less than what the next log would pay.
 * Called by spool_file.c; the types are those of zstd.h, so that the compiler checks each call.
 */
#include "proto/spool_zstd.h"

#include <dlfcn.h>
#include <stddef.h>
#include <string.h>

#include "common/cleanup.h"

struct spool_zstd_symbol {
        const char *name;
        size_t offset;
};

/* clang-format off */
static const struct spool_zstd_symbol spool_zstd_symbols[] = {
        { "ZSTD_CCtx_setParameter",       offsetof(struct spool_zstd, set_parameter) },
        { "ZSTD_compress2",               offsetof(struct spool_zstd, compress) },
        { "ZSTD_compressBound",           offsetof(struct spool_zstd, compress_bound) },
        { "ZSTD_createCCtx",              offsetof(struct spool_zstd, create_compressor) },
        { "ZSTD_createDCtx",              offsetof(struct spool_zstd, create_decompressor) },
        { "ZSTD_decompressDCtx",          offsetof(struct spool_zstd, decompress) },
        { "ZSTD_findFrameCompressedSize", offsetof(struct spool_zstd, packed_bytes) },
        { "ZSTD_freeCCtx",                offsetof(struct spool_zstd, free_compressor) },
        { "ZSTD_freeDCtx",                offsetof(struct spool_zstd, free_decompressor) },
        { "ZSTD_getFrameContentSize",     offsetof(struct spool_zstd, plain_bytes) },
        { "ZSTD_isError",                 offsetof(struct spool_zstd, is_error) },
};
/* clang-format on */
_Static_assert(ARRAY_SIZE(spool_zstd_symbols) * sizeof(void *) == sizeof(struct spool_zstd),
               "a function without a name");

int spool_zstd_load(const char *name, struct spool_zstd *out_zstd)
{
        void *const library = dlopen(name, RTLD_NOW | RTLD_LOCAL);
        struct spool_zstd zstd;

        if (!library)
                return SPOOL_E_NO_ZSTD;
        for (size_t i = 0; i < ARRAY_SIZE(spool_zstd_symbols); i++) {
                void *const symbol = dlsym(library, spool_zstd_symbols[i].name);

                if (!symbol)
                        return SPOOL_E_NO_ZSTD;
                memcpy((char *)&zstd + spool_zstd_symbols[i].offset, &symbol, sizeof(symbol));
        }
        *out_zstd = zstd;
        return 0;
}

/* SPDX-License-Identifier: Apache-2.0 */
/* The functions of libzstd, got when the first compressed log is at hand. Private to the spool. */
#pragma once

#include <zstd.h>

#include "common/error.h"

#include "proto/spool.h"

#define SPOOL_ZSTD_LIBRARY "libzstd.so.1"

struct spool_zstd {
        __typeof__(ZSTD_CCtx_setParameter) *set_parameter;
        __typeof__(ZSTD_compress2) *compress;
        __typeof__(ZSTD_compressBound) *compress_bound;
        __typeof__(ZSTD_createCCtx) *create_compressor;
        __typeof__(ZSTD_createDCtx) *create_decompressor;
        __typeof__(ZSTD_decompressDCtx) *decompress;
        __typeof__(ZSTD_findFrameCompressedSize) *packed_bytes;
        __typeof__(ZSTD_freeCCtx) *free_compressor;
        __typeof__(ZSTD_freeDCtx) *free_decompressor;
        __typeof__(ZSTD_getFrameContentSize) *plain_bytes;
        __typeof__(ZSTD_isError) *is_error;
};

/*
 * Fills *out_zstd from the library `name` (SPOOL_ZSTD_LIBRARY), which stays loaded until the
 * program ends. The first call takes a few hundred microseconds, later ones a few. SPOOL_E_NO_ZSTD:
 * it is not there, or not what it should be.
 */
_must_use_ int spool_zstd_load(const char *name, struct spool_zstd *out_zstd);

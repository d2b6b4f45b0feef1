/* SPDX-License-Identifier: Apache-2.0 */
/* What a fuzz target is: one function that must survive any bytes. */
#pragma once

#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

/* Called by libFuzzer, or by replay.c over the files of a corpus. Returns 0. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* assert(3) that release builds keep. */
#define FUZZ_CHECK(condition)                                                                      \
        do {                                                                                       \
                if (!(condition))                                                                  \
                        abort();                                                                   \
        } while (0)

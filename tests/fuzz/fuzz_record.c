/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the pool reads of a dead worker. The first byte says which checksums are made right before,
 * so that the fuzzer sees what lies behind them: 1 the header's, 2 those of all entries.
 */
#include <stddef.h>
#include <string.h>

#include "common/checksum.h"
#include "common/cleanup.h"

#include "fuzz.h"
#include "worker/record.h"

#define HEADER_BYTES 128
#define SLOTS_AT 256

static const uint8_t boot_id[CLOCK_BOOT_ID_BYTES] = "the boot of now";

static void fix_checksum(uint8_t *data, size_t size)
{
        const uint32_t sum = checksum_crc32c(data, size - sizeof(sum));

        memcpy(data + size - sizeof(sum), &sum, sizeof(sum));
}

static void fix_entries(uint8_t *data, size_t size)
{
        for (size_t at = SLOTS_AT; at + sizeof(struct record_entry) <= size;
             at += sizeof(struct record_entry))
                fix_checksum(data + at, sizeof(struct record_entry));
}

static void check_image(const struct record_image *image)
{
        FUZZ_CHECK(image->count <= RECORD_SLOTS);
        for (size_t i = 0; i < image->count; i++) {
                const struct record_entry *entry = &image->entries[i];

                FUZZ_CHECK(entry->state > RECORD_FREE && entry->state < RECORD_STATE_COUNT);
                FUZZ_CHECK(memcmp(entry->boot_id, boot_id, sizeof(boot_id)) == 0);
                FUZZ_CHECK(entry->checksum ==
                           checksum_crc32c(entry, offsetof(struct record_entry, checksum)));
        }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        static const struct record_image untouched = { .number = 77 };
        struct record_image image = untouched;
        _cleanup_(freep) uint8_t *copy = NULL;
        int r;

        if (size < 1)
                return 0;
        copy = malloc(size);
        FUZZ_CHECK(copy != NULL);
        memcpy(copy, data + 1, size - 1);
        if ((data[0] & 1) && size > HEADER_BYTES)
                fix_checksum(copy, HEADER_BYTES);
        if (data[0] & 2)
                fix_entries(copy, size - 1);
        r = record_decode(copy, size - 1, boot_id, &image);
        FUZZ_CHECK(r == 0 || r == RECORD_E_BAD || r == RECORD_E_FOREIGN);
        if (r == 0)
                check_image(&image);
        else
                FUZZ_CHECK(memcmp(&image, &untouched, sizeof(image)) == 0);
        return 0;
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * CRC-32C against the vectors of its RFC. The source itself is included, so that both ways of
 * computing can be compared.
 */
#include "common/checksum.c"

#include "suite.h"

START_TEST(known_vectors)
{
        uint8_t block[32];

        ck_assert_uint_eq(checksum_crc32c("123456789", 9), 0xe3069283);
        ck_assert_uint_eq(checksum_crc32c("", 0), 0);
        ck_assert_uint_eq(checksum_crc32c("a", 1), 0xc1d04330);
        /* RFC 3720, B.4. */
        memset(block, 0, sizeof(block));
        ck_assert_uint_eq(checksum_crc32c(block, sizeof(block)), 0x8a9136aa);
        memset(block, 0xff, sizeof(block));
        ck_assert_uint_eq(checksum_crc32c(block, sizeof(block)), 0x62a8ab43);
        for (uint8_t i = 0; i < 32; i++)
                block[i] = i;
        ck_assert_uint_eq(checksum_crc32c(block, sizeof(block)), 0x46dd794e);
}
END_TEST

START_TEST(both_ways_agree_at_every_length_and_offset)
{
        uint8_t block[128];

        for (size_t i = 0; i < sizeof(block); i++)
                block[i] = (uint8_t)(i * 37 + 11);
        for (size_t from = 0; from < 9; from++)
                for (size_t size = 0; from + size <= sizeof(block); size++)
                        ck_assert_uint_eq(
                                checksum_crc32c(block + from, size),
                                ~checksum_update_portable(UINT32_MAX, block + from, size));
}
END_TEST

START_TEST(every_flipped_bit_shows)
{
        uint8_t block[40] = "a record of a worker, one slot of it";
        const uint32_t good = checksum_crc32c(block, sizeof(block));

        for (size_t bit = 0; bit < 8 * sizeof(block); bit++) {
                block[bit / 8] ^= (uint8_t)(1 << bit % 8);
                ck_assert_uint_ne(checksum_crc32c(block, sizeof(block)), good);
                block[bit / 8] ^= (uint8_t)(1 << bit % 8);
        }
}
END_TEST

SUITE_MAIN("checksum", NULL, NULL, known_vectors, both_ways_agree_at_every_length_and_offset,
           every_flipped_bit_shows)

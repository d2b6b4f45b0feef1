/* SPDX-License-Identifier: Apache-2.0 */
/* A token bucket: how often something may happen. In the caller's time, so it knows no clock. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

/* `burst` at once, and one more every `every_usec`. */
struct bucket_rate {
        uint32_t burst;
        uint64_t every_usec;
};

/* All zero: full, and never used. */
struct bucket {
        uint64_t empty_usec; /* when the last token that is missing will be back */
};

/* Takes a token, when there is one. Time that runs backwards gives none. */
static inline bool bucket_take(struct bucket *bucket, const struct bucket_rate *rate,
                               uint64_t now_usec)
{
        const uint64_t from_usec = bucket->empty_usec > now_usec ? bucket->empty_usec : now_usec;

        if (from_usec - now_usec > (rate->burst - 1) * rate->every_usec)
                return false;
        bucket->empty_usec = from_usec + rate->every_usec;
        return true;
}

/* Nothing is missing: it need not be remembered. */
static inline bool bucket_is_full(const struct bucket *bucket, uint64_t now_usec)
{
        return bucket->empty_usec <= now_usec;
}

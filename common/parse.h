/* SPDX-License-Identifier: Apache-2.0 */
/* Words people write, as numbers: counts, sizes, durations, times, signals, id lists. Pure. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/cleanup.h"
#include "common/error.h"

/*
 * Every function returns 0, or PARSE_E_BAD with a sentence in `why` (may be NULL); nothing else
 * changes then. Only parse_ids() allocates and so can fault. Sizes and times end at INT64_MAX.
 */
enum parse_answer {
        PARSE_E_BAD = 1,
};

/* Decimal, no sign, no spaces; `what` names it in the sentence ("retries"). */
_must_use_ int parse_u64(const char *text, const char *what, uint64_t min, uint64_t max,
                         uint64_t *out_value, struct reason *why);
/* yes/no, true/false, on/off, 1/0. */
_must_use_ int parse_bool(const char *text, const char *what, bool *out_value, struct reason *why);
/* "2", "0.5", "1.25" as hundredths; at most two digits behind the point. */
_must_use_ int parse_hundredths(const char *text, const char *what, uint32_t min, uint32_t max,
                                uint32_t *out_hundredths, struct reason *why);
/* Bytes: "4096", "64K", "1.5G", "2MiB"; K M G T = 1024; "infinity" = UINT64_MAX. */
_must_use_ int parse_size(const char *text, const char *what, uint64_t *out_bytes,
                          struct reason *why);
/* "90", "90s", "250ms", "15m", "1h30m", "2d", "HH:MM:SS", "D-HH:MM:SS"; a bare number is seconds.
 */
_must_use_ int parse_duration(const char *text, const char *what, uint64_t *out_usec,
                              struct reason *why);
/* RFC 3339, "now+1h", "tomorrow", "HH:MM" (the next one), "@epoch"; now_usec: wall clock. */
_must_use_ int parse_time(const char *text, const char *what, uint64_t now_usec, uint64_t *out_usec,
                          struct reason *why);
/* The same for what has passed: "HH:MM" is the last one, "now-2h" is taken, the future is not. */
_must_use_ int parse_past_time(const char *text, const char *what, uint64_t now_usec,
                               uint64_t *out_usec, struct reason *why);
/* "TERM", "SIGTERM", "15", "RTMIN+3". */
_must_use_ int parse_signal(const char *text, const char *what, int *out_signo, struct reason *why);
/* "TERM" for 15; "RTMIN+n"; never NULL. `buf` is used for numbers without a name. */
const char *parse_signal_name(int signo, char buf[static 16]);

/* One piece of an id list: jobs first..last, and of each the tasks task_first..task_last. */
struct parse_id_range {
        uint64_t first, last;           /* last >= first >= 1 */
        bool has_tasks;                 /* "17.3" or "17.3-9" */
        uint64_t task_first, task_last; /* when has_tasks; then first == last */
};
/*
 * "17", "17.3", "17.3-9", "17_3", "1-5,8". Words like "last" and "all" are the caller's.
 * Appends to *ranges (realloc'd, owned by the caller), at most 4,096 in all.
 */
_must_use_ int parse_ids(const char *text, struct parse_id_range **ranges, size_t *ranges_count,
                         struct reason *why);

/* Is this valid UTF-8 (RFC 3629), without NUL? */
bool parse_is_utf8(const void *data, size_t size);
/* Edit distance (Levenshtein, with neighbours swapped as one step), for "did you mean". */
unsigned int parse_distance(const char *a, const char *b);
/* The nearest of `words` (NULL-terminated) within distance 2, or NULL. */
const char *parse_nearest(const char *word, const char *const *words);

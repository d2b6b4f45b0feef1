/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The two clocks, the identity of this boot, and times as text.
 *
 * Monotonic time measures and limits: CLOCK_MONOTONIC stands still while the machine sleeps and is
 * the same for every process of one boot, so that a worker's record and jobd can be compared. Wall
 * time is for people and for what must survive a reboot. Which boot a monotonic time belongs to is
 * told by the kernel's boot id.
 *
 * The texts are exact: parse_time() and parse_duration() read them back to the microsecond. They
 * need no locale and no time zone.
 */
#include "common/clock.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "common/error.h"

#define CLOCK_BOOT_ID_FILE "/proc/sys/kernel/random/boot_id"
#define CLOCK_BOOT_ID_TEXT 36 /* 32 hex digits in groups, 4 dashes */

static uint64_t clock_read_usec(clockid_t id)
{
        struct timespec ts = { 0 };

        /* Fails only for a clock that does not exist. */
        clock_gettime(id, &ts);
        return (uint64_t)ts.tv_sec * USEC_PER_SEC + (uint64_t)ts.tv_nsec / 1000;
}

uint64_t clock_mono_usec(void)
{
        return clock_read_usec(CLOCK_MONOTONIC);
}

uint64_t clock_wall_usec(void)
{
        return clock_read_usec(CLOCK_REALTIME);
}

static int clock_hex_digit(char c)
{
        static const char digits[] = "0123456789abcdef";
        const char *at = c ? strchr(digits, c) : NULL;

        return at ? (int)(at - digits) : -1;
}

int clock_read_boot_id(uint8_t out_id[static CLOCK_BOOT_ID_BYTES])
{
        _cleanup_(fd_closep) int fd = open(CLOCK_BOOT_ID_FILE, O_RDONLY | O_CLOEXEC);
        uint8_t id[CLOCK_BOOT_ID_BYTES];
        char text[CLOCK_BOOT_ID_TEXT + 1] = "";
        size_t digits = 0;

        if (fd < 0)
                return FAULT(-errno);
        if (read(fd, text, CLOCK_BOOT_ID_TEXT) != CLOCK_BOOT_ID_TEXT)
                return FAULT(-EIO);
        for (const char *p = text; *p; p++) {
                const int digit = clock_hex_digit(*p);

                if (*p == '-')
                        continue;
                if (digit < 0 || digits == 2 * sizeof(id))
                        return FAULT(-EBADMSG);
                if (digits % 2 == 0)
                        id[digits / 2] = (uint8_t)(digit << 4);
                else
                        id[digits / 2] |= (uint8_t)digit;
                digits++;
        }
        if (digits != 2 * sizeof(id))
                return FAULT(-EBADMSG);
        memcpy(out_id, id, sizeof(id));
        return 0;
}

/* Writes ".25" for 250000 of a million, nothing for 0; returns the length. */
static size_t clock_format_fraction(uint64_t usec, char buf[static 8])
{
        size_t length = 7;

        buf[0] = '\0';
        if (!usec)
                return 0;
        snprintf(buf, 8, ".%06u", (unsigned int)(usec % USEC_PER_SEC));
        while (buf[length - 1] == '0')
                buf[--length] = '\0';
        return length;
}

char *clock_format_rfc3339(uint64_t wall_usec, char buf[static CLOCK_TEXT_MAX])
{
        const time_t sec = (time_t)(wall_usec / USEC_PER_SEC);
        struct tm tm;

        if (wall_usec == USEC_NONE || !gmtime_r(&sec, &tm)) {
                strcpy(buf, "never");
                return buf;
        }
        snprintf(buf, CLOCK_TEXT_MAX, "%04ld-%02u-%02uT%02u:%02u:%02u.%06uZ", 1900L + tm.tm_year,
                 (unsigned int)(tm.tm_mon + 1) % 100, (unsigned int)tm.tm_mday % 100,
                 (unsigned int)tm.tm_hour % 100, (unsigned int)tm.tm_min % 100,
                 (unsigned int)tm.tm_sec % 100, (unsigned int)(wall_usec % USEC_PER_SEC));
        return buf;
}

char *clock_format_duration(uint64_t usec, char buf[static CLOCK_TEXT_MAX])
{
        static const struct {
                char unit;
                uint64_t seconds;
        } units[] = { { 'd', 86400 }, { 'h', 3600 }, { 'm', 60 } };
        uint64_t sec = usec / USEC_PER_SEC;
        char fraction[8], *p = buf, *const end = buf + CLOCK_TEXT_MAX;

        if (usec == USEC_NONE) {
                strcpy(buf, "infinity");
                return buf;
        }
        for (size_t i = 0; i < ARRAY_SIZE(units); i++) {
                const uint64_t count = sec / units[i].seconds;

                sec %= units[i].seconds;
                if (count)
                        p += snprintf(p, (size_t)(end - p), "%llu%c", (unsigned long long)count,
                                      units[i].unit);
        }
        clock_format_fraction(usec % USEC_PER_SEC, fraction);
        if (p == buf || sec || fraction[0])
                snprintf(p, (size_t)(end - p), "%llu%ss", (unsigned long long)sec, fraction);
        return buf;
}

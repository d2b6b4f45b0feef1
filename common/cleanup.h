/* SPDX-License-Identifier: Apache-2.0 */
/* Scope-bound release of memory and descriptors, and the few macros every file uses. */
#pragma once

#include <stdlib.h>
#include <unistd.h>

#define _cleanup_(fn) __attribute__((__cleanup__(fn)))
#define _must_use_ __attribute__((__warn_unused_result__))
#define _printf_(fmt, args) __attribute__((__format__(__printf__, fmt, args)))
#define _unused_ __attribute__((__unused__))

#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))
#define MIN(a, b) ((a) < (b) ? (a) : (b))
#define MAX(a, b) ((a) > (b) ? (a) : (b))

/* Defines x_freep() for _cleanup_() from `struct x *x_free(struct x *)`. */
#define DEFINE_CLEANUP(type, free_fn)                                                              \
        static inline void free_fn##p(type *p)                                                     \
        {                                                                                          \
                if (*p)                                                                            \
                        *p = free_fn(*p);                                                          \
        }                                                                                          \
        struct cleanup_needs_semicolon

/* Every hand-over of ownership is one of these two. */
#define TAKE_PTR(p)                                                                                \
        ({                                                                                         \
                __typeof__(p) taken_ = (p);                                                        \
                (p) = NULL;                                                                        \
                taken_;                                                                            \
        })
#define TAKE_FD(fd)                                                                                \
        ({                                                                                         \
                const int taken_ = (fd);                                                           \
                (fd) = -1;                                                                         \
                taken_;                                                                            \
        })

/* For `_cleanup_(freep) char *s`. */
static inline void freep(void *p)
{
        free(*(void **)p);
        *(void **)p = NULL;
}

/* Closes `fd` when it is one; returns -1, so that `fd = fd_close(fd)` leaves nothing behind. */
static inline int fd_close(int fd)
{
        if (fd >= 0)
                close(fd);
        return -1;
}

/* For `_cleanup_(fd_closep) int fd = -1`. */
static inline void fd_closep(int *fd)
{
        *fd = fd_close(*fd);
}

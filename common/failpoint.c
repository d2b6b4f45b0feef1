/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Named places where a test makes this process die or a call fail.
 *
 * Exists in builds with JOBD_FAILPOINTS only; elsewhere FAILPOINT() is the constant 0 and this file
 * is empty. The environment is read at the first visit and never again. A visit costs a few string
 * compares, takes no lock and allocates nothing, so a place may stand on any thread and between
 * fork and exec. A setting that cannot be read ends the process: a test with a typing error must
 * not pass.
 */
#include "common/failpoint.h"

#ifdef JOBD_FAILPOINTS

#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/cleanup.h"

#define FAILPOINT_MAX 16
#define FAILPOINT_NAME_MAX 64

enum failpoint_action {
        FAILPOINT_KILL,
        FAILPOINT_FAIL,
        FAILPOINT_PAUSE,
        FAILPOINT_ACTION_COUNT,
};

static const char *const failpoint_action_names[] = {
        [FAILPOINT_KILL] = "kill",
        [FAILPOINT_FAIL] = "fail",
        [FAILPOINT_PAUSE] = "pause",
};
_Static_assert(ARRAY_SIZE(failpoint_action_names) == FAILPOINT_ACTION_COUNT, "an action unnamed");

struct failpoint {
        char name[FAILPOINT_NAME_MAX];
        enum failpoint_action action;
        unsigned int nth; /* acts on this visit */
        unsigned int visits;
};

static struct failpoint failpoints[FAILPOINT_MAX];
static size_t failpoints_count;
static pthread_once_t failpoint_once = PTHREAD_ONCE_INIT;

static void failpoint_die(const char *text)
{
        fprintf(stderr, "JOBD_FAILPOINT cannot be read: \"%s\"\n", text);
        abort();
}

/* One "NAME=ACTION[:N]", `length` bytes of it. */
static void failpoint_read_one(const char *text, size_t length)
{
        char action[8] = "";
        struct failpoint *f = &failpoints[failpoints_count];
        char one[FAILPOINT_NAME_MAX + 32];
        int n = 0;

        if (failpoints_count == FAILPOINT_MAX || length >= sizeof(one))
                failpoint_die(text);
        memcpy(one, text, length);
        one[length] = '\0';
        f->nth = 1;
        if (sscanf(one, "%63[^=]=%7[a-z]%n:%u%n", f->name, action, &n, &f->nth, &n) < 2 || one[n] ||
            f->nth == 0)
                failpoint_die(text);
        for (size_t i = 0; i < ARRAY_SIZE(failpoint_action_names); i++) {
                if (strcmp(action, failpoint_action_names[i]))
                        continue;
                f->action = (enum failpoint_action)i;
                failpoints_count++;
                return;
        }
        failpoint_die(text);
}

static void failpoint_read_environment(void)
{
        const char *p = getenv("JOBD_FAILPOINT");

        while (p && *p) {
                const size_t length = strcspn(p, ",");

                failpoint_read_one(p, length);
                p += length + (p[length] == ',');
        }
}

/* Appends "NAME\n" to a file, in one write(2) so that several processes can share it. */
static void failpoint_tell(const char *variable, int flags, const char *name)
{
        char line[FAILPOINT_NAME_MAX + 1];
        const char *path = getenv(variable);
        const size_t length = strnlen(name, FAILPOINT_NAME_MAX);
        _cleanup_(fd_closep) int fd = -1;

        if (!path)
                return;
        memcpy(line, name, length);
        line[length] = '\n';
        fd = open(path, flags | O_WRONLY | O_CLOEXEC, 0600);
        if (fd >= 0 && write(fd, line, length + 1) < 0)
                return;
}

static int failpoint_act(const struct failpoint *f)
{
        if (f->action == FAILPOINT_FAIL)
                return 1;
        if (f->action == FAILPOINT_PAUSE) {
                failpoint_tell("JOBD_FAILPOINT_FIFO", 0, f->name);
                for (;;)
                        pause();
        }
        kill(getpid(), SIGKILL);
        /* The signal may reach another thread first; this one must not go on. */
        for (;;)
                pause();
}

int failpoint_visit(const char *name)
{
        pthread_once(&failpoint_once, failpoint_read_environment);
        failpoint_tell("JOBD_FAILPOINT_LOG", O_CREAT | O_APPEND, name);
        for (size_t i = 0; i < failpoints_count; i++) {
                struct failpoint *f = &failpoints[i];

                if (strcmp(f->name, name))
                        continue;
                if (__atomic_add_fetch(&f->visits, 1, __ATOMIC_RELAXED) == f->nth)
                        return failpoint_act(f);
        }
        return 0;
}

#endif

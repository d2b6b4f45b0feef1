/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The line for `systemctl status`. It is looked at in every turn, so looking is one comparison; it
 * is told when something changed and the last telling is a second ago. Else a timer sees to it that
 * the last change is told, too. Nothing wakes while nothing changes, and a line that has come out
 * the same is not told again. Called by daemon.c.
 */
#include "daemon/status_line.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "common/clock.h"
#include "common/error.h"
#include "common/log.h"

#include "daemon/service.h"

#define STATUS_LINE_MAX 256
#define STATUS_LINE_USEC USEC_PER_SEC

struct status_line {
        struct loop_timer *timer; /* owned */
        status_line_describe_fn describe;
        void *arg;
        uint64_t mark; /* of the last look */
        uint64_t told_usec;
        char text[STATUS_LINE_MAX]; /* as told; "": never */
};

static void status_line_tell(void *arg)
{
        struct status_line *line = arg;
        char text[STATUS_LINE_MAX] = "";

        line->told_usec = clock_mono_usec();
        line->describe(line->arg, text, sizeof(text));
        if (strcmp(text, line->text) == 0)
                return;
        strcpy(line->text, text);
        service_tell_status("%s", text);
}

struct status_line *status_line_free(struct status_line *line)
{
        if (!line)
                return NULL;
        loop_timer_free(line->timer);
        free(line);
        return NULL;
}

int status_line_new(struct loop *loop, status_line_describe_fn describe, void *arg,
                    struct status_line **out_line)
{
        _cleanup_(status_line_freep) struct status_line *line = NULL;
        int r;

        *out_line = NULL;
        if (!service_is_heard())
                return 0;
        line = calloc(1, sizeof(*line));
        if (!line)
                return FAULT(-ENOMEM);
        line->describe = describe;
        line->arg = arg;
        line->mark = UINT64_MAX;
        r = loop_timer_new(loop, status_line_tell, line, &line->timer);
        if (r)
                return PASS(r);
        *out_line = TAKE_PTR(line);
        return 0;
}

void status_line_look(struct status_line *line, uint64_t mark)
{
        uint64_t due_usec, now_usec;

        if (!line || line->mark == mark)
                return;
        line->mark = mark;
        if (loop_timer_is_on(line->timer))
                return;
        now_usec = clock_mono_usec();
        due_usec = line->told_usec + STATUS_LINE_USEC;
        if (!line->text[0] || due_usec <= now_usec)
                status_line_tell(line);
        else if (loop_timer_start(line->timer, due_usec - now_usec))
                log_debug("the line for systemctl status is not current");
}

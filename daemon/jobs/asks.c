/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The text form of a job's asks: small, readable with any tool that opens the store, and free of
 * quoting, since names have no control characters. Written once at submission, read at the
 * submission itself and after a restart. Pure.
 */
#include "daemon/jobs/asks.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int asks_add(char **text, const struct resource_ask *ask)
{
        char *longer = NULL;
        int size;

        if (ask->mode == RESOURCE_UNITS)
                size = asprintf(&longer, "%s%u %s\n", *text ? *text : "", ask->count, ask->name);
        else
                size = asprintf(&longer, "%s%c %s\n", *text ? *text : "",
                                ask->mode == RESOURCE_SHARED ? 's' : 'x', ask->name);
        if (size < 0)
                return FAULT(-ENOMEM);
        free(*text);
        *text = longer;
        return 0;
}

static bool asks_read_line(char *line, struct resource_ask *ask)
{
        char *name = strchr(line, ' ');

        if (!name)
                return false;
        *name++ = '\0';
        *ask = (struct resource_ask){ .name = name, .count = 1 };
        if (strcmp(line, "x") == 0)
                ask->mode = RESOURCE_EXCLUSIVE;
        else if (strcmp(line, "s") == 0)
                ask->mode = RESOURCE_SHARED;
        else
                ask->count = (uint32_t)strtoul(line, NULL, 10);
        return resource_is_name(name) && ask->count >= 1 && ask->count <= RESOURCE_CAPACITY_MAX;
}

int asks_read(const char *text, struct asks *out_asks)
{
        char *line, *rest;

        out_asks->count = 0;
        out_asks->text = text ? strdup(text) : NULL;
        if (!text)
                return 0;
        if (!out_asks->text)
                return FAULT(-ENOMEM);
        rest = out_asks->text;
        while (out_asks->count < RESOURCE_ASKS_MAX && (line = strsep(&rest, "\n")))
                if (asks_read_line(line, &out_asks->asks[out_asks->count]))
                        out_asks->count++;
        return 0;
}

size_t asks_count(const char *text)
{
        size_t count = 0;

        for (; text && *text; text++)
                count += *text == '\n';
        return count;
}

void asks_deinit(struct asks *asks)
{
        free(asks->text);
        asks->text = NULL;
        asks->count = 0;
}

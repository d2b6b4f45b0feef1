/* SPDX-License-Identifier: Apache-2.0 */
/* jobd's command line. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "common/cleanup.h"
#include "common/error.h"

#include "daemon/config.h"

enum options_answer {
        OPTIONS_E_BAD = 1, /* the reason says which word, and what was meant perhaps */
};

enum options_act {
        OPTIONS_RUN,
        OPTIONS_CHECK_CONFIG,
        OPTIONS_SHOW_VERSION,
        OPTIONS_SHOW_HELP,
};

struct options {
        enum options_act act;
        bool is_system;    /* --system; without a word, what suits the caller: root is system */
        bool is_auto;      /* --auto or --ready-fd: somebody started us in passing */
        int ready_fd;      /* -1: none */
        char *socket;      /* owned, absolute; NULL: default */
        char *state_dir;   /* owned, absolute; NULL: default */
        char *config_path; /* owned, absolute; NULL: the usual files */
        struct config_set *sets; /* owned, with their texts; --workers N is one too */
        size_t sets_count;
};

/* argv: may be permuted. OPTIONS_E_BAD, or a fault; *out_options is untouched then. */
_must_use_ int options_parse(int argc, char **argv, struct options *out_options,
                             struct reason *why);
void options_deinit(struct options *options);
/* The text of --help. */
extern const char options_help[];

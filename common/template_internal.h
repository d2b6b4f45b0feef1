/* SPDX-License-Identifier: Apache-2.0 */
/* What template.c reads and template_expand.c writes: a command in pieces. */
#pragma once

#include "common/template.h"

enum template_kind {
        TEMPLATE_TEXT,
        TEMPLATE_VALUE,
        TEMPLATE_SEQUENCE,
        TEMPLATE_SLOT,
};

enum template_part {
        TEMPLATE_WHOLE,
        TEMPLATE_STEM,      /* {.} */
        TEMPLATE_BASE,      /* {/} */
        TEMPLATE_FOLDER,    /* {//} */
        TEMPLATE_BASE_STEM, /* {/.} */
};

struct template_piece {
        enum template_kind kind;
        enum template_part part;   /* of a value */
        int64_t position;          /* of a value: from 1, from -1 at the end; 0: all of them */
        struct template_word text; /* points into the template's own bytes */
        bool is_quoted;            /* text: a shell would read it differently */
};

/* One word of the command: pieces[first] to pieces[first + count - 1]; at least one. */
struct template_span {
        size_t first, count;
};

struct template
{
        bool is_shell;
        bool is_raw;                   /* shell: values are text of the line */
        char *bytes;                   /* owned: the words, one behind the other */
        struct template_piece *pieces; /* owned */
        size_t pieces_count;
        struct template_span *spans; /* owned */
        size_t spans_count;
};

/* SPDX-License-Identifier: Apache-2.0 */
/* The scripts that teach shells to complete jobctl's words. */
#pragma once

struct completion_script {
        const char *name; /* of the shell */
        const char *text;
};
/* Made from client/completion/ when it is built; ends with a NULL name. */
extern const struct completion_script completion_scripts[];

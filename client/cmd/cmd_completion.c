/* SPDX-License-Identifier: Apache-2.0 */
/*
 * jobctl completion: the script for a shell, as packages install it, for those who built jobctl
 * themselves: `source <(jobctl completion bash)`. It knows no option and no command: at each TAB it
 * asks `jobctl __complete`, so it does not grow old.
 */
#include <stdio.h>
#include <string.h>

#include "client/cmd/command.h"
#include "client/cmd/completion.h"

static int cmd_completion_run(struct app *app, const void *options _unused_, char **args,
                              size_t count _unused_)
{
        for (const struct completion_script *at = completion_scripts; at->name; at++)
                if (strcmp(at->name, args[0]) == 0) {
                        fputs(at->text, stdout);
                        return EXIT_CODE_OK;
                }
        return app_usage(app, "there is completion for bash, zsh and fish, not for '%s'", args[0]);
}

static const char *const cmd_completion_examples[] = {
        "source <(jobctl completion bash)                 now; in ~/.bashrc: always",
        "jobctl completion zsh >~/.zfunc/_jobctl    a folder of $fpath, before compinit",
        "jobctl completion fish >~/.config/fish/completions/jobctl.fish",
        NULL,
};

const struct command cmd_completion = {
        .name = "completion",
        .usage = "bash|zsh|fish",
        .summary = "Print a script that completes words in a shell",
        .examples = cmd_completion_examples,
        .flags = COMMAND_NO_START,
        .args_min = 1,
        .args_max = 1,
        .complete = { COMPLETE_SHELL },
        .run = cmd_completion_run,
};

/* SPDX-License-Identifier: Apache-2.0 */
/* The configuration in force, written as a configuration file would be. */
#include "client/cmd/config_print.h"

#include <string.h>

#include "common/text.h"

void config_print_warnings(const struct jobctl_item *config)
{
        for (size_t i = 0; i < jobctl_count(config, JOBCTL_CONFIG_WARNINGS); i++)
                app_say("warning: %s", jobctl_get_text_at(config, JOBCTL_CONFIG_WARNINGS, i, NULL));
}

int config_print_entries(struct app *app, const struct jobctl_result *result, bool origin)
{
        const struct jobctl_item *const config = jobctl_result_item(result, 0);
        const char *section = "";

        for (size_t i = 0; i < jobctl_count(config, JOBCTL_CONFIG_ENTRIES); i++) {
                const struct jobctl_item *const entry =
                        jobctl_get_item_at(config, JOBCTL_CONFIG_ENTRIES, i);
                const char *const in = jobctl_get_text(entry, JOBCTL_ENTRY_SECTION, NULL);
                const char *const value = jobctl_get_text(entry, JOBCTL_ENTRY_VALUE, NULL);
                const char *const from = jobctl_get_text(entry, JOBCTL_ENTRY_ORIGIN, NULL);
                _cleanup_(freep) char *safe = text_escape(value, strlen(value));

                if (!safe)
                        return app_out_of_memory(app);
                if (strcmp(in, section) != 0)
                        printf("%s[%s]\n", section[0] ? "\n" : "", in);
                section = in;
                printf("%s = %s", jobctl_get_text(entry, JOBCTL_ENTRY_KEY, NULL), safe);
                if (origin && from)
                        printf("    # %s", from);
                putchar('\n');
        }
        config_print_warnings(config);
        return EXIT_CODE_OK;
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The configuration: any text is either a configuration or refused with a sentence. What was taken
 * shows itself, setting by setting, as text that is taken again and means the same.
 */
#include <string.h>

#include "daemon/config_private.h"
#include "fuzz.h"

static void check_entries(const struct config *config)
{
        const char *section, *key, *origin;
        struct reason why = { .text = "" };
        char value[256], again[256];
        struct config *other = NULL;

        FUZZ_CHECK(config_new(true, &other) == 0);
        for (size_t i = 0; config_entry(config, i, &section, &key, value, sizeof(value), &origin);
             i++) {
                FUZZ_CHECK(*origin);
                FUZZ_CHECK(config_apply(other, section, key, value, "x:1", &why) == 0);
                FUZZ_CHECK(config_entry(other, i, &section, &key, again, sizeof(again), &origin));
                FUZZ_CHECK(strcmp(value, again) == 0);
        }
        for (size_t i = 0; config_warning(config, i); i++)
                FUZZ_CHECK(strstr(config_warning(config, i), "unknown setting"));
        config_free(other);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        struct reason why = { .text = "" };
        struct config *config = NULL;
        int r;

        FUZZ_CHECK(config_new(true, &config) == 0);
        r = config_file_parse("f", (const char *)data, size, config_apply, config, &why);
        FUZZ_CHECK(r == 0 || r == CONFIG_E_BAD);
        FUZZ_CHECK(r == 0 || strncmp(why.text, "f:", 2) == 0);
        check_entries(config);
        config_free(config);
        return 0;
}

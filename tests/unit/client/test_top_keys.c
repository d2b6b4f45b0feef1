/* SPDX-License-Identifier: Apache-2.0 */
/* Keys of a terminal: characters, sequences, and what is none of them. */
#include <string.h>

#include "client/cmd/top_keys.h"
#include "tests/unit/suite.h"

/* The first key, and that it takes `used` bytes. */
static void check_key(const char *data, int key, size_t used)
{
        size_t got_used = 0;
        const int got = top_key_read(data, strlen(data), &got_used);

        ck_assert_msg(got == key && got_used == used, "%s: %d, %zu bytes", data, got, got_used);
}

START_TEST(test_characters)
{
        check_key("qx", 'q', 1);
        check_key("/", '/', 1);
        check_key("ä", 0xe4, 2);
        check_key("€uro", 0x20ac, 3);
        check_key("\r", TOP_KEY_ENTER, 1);
        check_key("\n", TOP_KEY_ENTER, 1);
        check_key("\177", TOP_KEY_BACKSPACE, 1);
        check_key("\001", TOP_KEY_NONE, 1);
        check_key("\377q", TOP_KEY_NONE, 1);
}
END_TEST

START_TEST(test_sequences)
{
        check_key("\033", TOP_KEY_ESCAPE, 1);
        check_key("\033[Aq", TOP_KEY_UP, 3);
        check_key("\033OB", TOP_KEY_DOWN, 3);
        check_key("\033[5~", TOP_KEY_PAGE_UP, 4);
        check_key("\033[6~q", TOP_KEY_PAGE_DOWN, 4);
        check_key("\033[H", TOP_KEY_HOME, 3);
        check_key("\033[4~", TOP_KEY_END, 4);
}
END_TEST

/* Swallowed whole: no letter of it is a command. */
START_TEST(test_unknown_sequences)
{
        check_key("\033[15~c", TOP_KEY_NONE, 5);
        check_key("\033[1;5Cq", TOP_KEY_NONE, 6);
        check_key("\033[200~", TOP_KEY_NONE, 6);
        check_key("\033[1;", TOP_KEY_NONE, 4);
        check_key("\033c", TOP_KEY_NONE, 2);
        check_key("\033[", TOP_KEY_NONE, 2);
}
END_TEST

SUITE_MAIN("top_keys", NULL, NULL, test_characters, test_sequences, test_unknown_sequences)

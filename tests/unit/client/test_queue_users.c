/* SPDX-License-Identifier: Apache-2.0 */
/* Names of users and groups as numbers, and back. */
#include <check.h>
#include <stdlib.h>

#include "common/cleanup.h"

#include "client/cmd/queue_users.h"
#include "tests/unit/suite.h"

static char *text;
static struct reason why;

static void tear_down(void)
{
        free(text);
        text = NULL;
}

static const char *resolve(const char *names)
{
        free(text);
        text = NULL;
        return queue_users_resolve(names, &text, &why) ? why.text : text;
}

static const char *name(const char *numbers)
{
        free(text);
        text = queue_users_name(numbers);
        return text;
}

START_TEST(names_become_numbers)
{
        ck_assert_str_eq(resolve("root"), "0");
        ck_assert_str_eq(resolve("root,@root,4711,@4712"), "0,@0,4711,@4712");
        ck_assert_str_eq(resolve("all"), "");
        ck_assert_str_eq(resolve(""), "");
}
END_TEST

START_TEST(what_is_no_user)
{
        ck_assert_str_eq(resolve("no-such-user"), "there is no user \"no-such-user\"");
        ck_assert_str_eq(resolve("root,@no-such-group"), "there is no group \"no-such-group\"");
        ck_assert_str_eq(resolve("root,"), "there is no user \"\"");
        ck_assert_str_eq(resolve("@"), "there is no group \"\"");
        ck_assert_str_eq(resolve("4294967295"), "there is no user \"4294967295\"");
}
END_TEST

START_TEST(numbers_become_names)
{
        ck_assert_str_eq(name("0,@0,4242424,@4242424"), "root,@root,4242424,@4242424");
        ck_assert_str_eq(name(""), "all");
        ck_assert_str_eq(name("strange,@x"), "strange,@x");
}
END_TEST

int main(void)
{
        Suite *suite = suite_create("queue users");
        TCase *tests = tcase_create("queue users");

        tcase_add_checked_fixture(tests, NULL, tear_down);
        tcase_add_test(tests, names_become_numbers);
        tcase_add_test(tests, what_is_no_user);
        tcase_add_test(tests, numbers_become_names);
        suite_add_tcase(suite, tests);
        return suite_run(suite);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* Sections with a name, and whom their names mean. */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/config.h"
#include "daemon/config_private.h"
#include "tests/unit/suite.h"

static struct config *config;
static struct reason why;

static void set_up(void)
{
        config = NULL;
        why.text[0] = '\0';
}

static void tear_down(void)
{
        config_free(config);
}

static int parse_text(const char *text)
{
        config = config_free(config);
        ck_assert_int_eq(config_new(true, &config), 0);
        return config_file_parse("f", text, strlen(text), config_apply, config, &why);
}

static void load_text(const char *text)
{
        ck_assert_msg(parse_text(text) == 0, "%s", why.text);
        ck_assert_int_eq(config_shares_resolve(config), 0);
}

static const struct config_share *share_of(uint32_t uid)
{
        for (size_t i = 0; i < config->shares_count; i++)
                if (config->shares[i].uid == uid)
                        return &config->shares[i];
        return NULL;
}

START_TEST(everybody_has_one_share)
{
        load_text("");
        ck_assert_uint_eq(config->shares_count, 1);
        ck_assert_uint_eq(config->shares[0].uid, CONFIG_NOBODY);
        ck_assert_uint_eq(config->shares[0].weight, 100);
        ck_assert_uint_eq(config->shares[0].cores_max, 0);
        ck_assert_uint_eq(config->shares[0].jobs_max, 0);
}
END_TEST

START_TEST(names_and_numbers_are_users)
{
        load_text("[Share \"4711\"]\nWeight=0.5\n[Share \"root\"]\nWeight=2\nMaxCores=4\n"
                  "MaxQueuedJobs=17\n");
        ck_assert_uint_eq(config->shares_count, 3);
        ck_assert_uint_eq(share_of(4711)->weight, 50);
        ck_assert_uint_eq(share_of(0)->weight, 200);
        ck_assert_uint_eq(share_of(0)->cores_max, 4);
        ck_assert_uint_eq(share_of(0)->jobs_max, 17);
        ck_assert_uint_eq(config->shares[0].uid, 0);
        ck_assert_uint_eq(config->shares[2].uid, CONFIG_NOBODY);
}
END_TEST

START_TEST(open_keys_are_those_of_everybody)
{
        load_text("[Share \"root\"]\nWeight=3\nMaxCores=0\n"
                  "[Share \"*\"]\nWeight=2\nMaxCores=8\nMaxQueuedJobs=10\n");
        ck_assert_uint_eq(share_of(0)->weight, 300);
        ck_assert_uint_eq(share_of(0)->cores_max, 0);
        ck_assert_uint_eq(share_of(0)->jobs_max, 10);
        ck_assert_uint_eq(share_of(CONFIG_NOBODY)->weight, 200);
        ck_assert_uint_eq(share_of(CONFIG_NOBODY)->cores_max, 8);
}
END_TEST

/* root is in group root by its primary gid; bin in group bin. */
START_TEST(groups_are_their_members)
{
        load_text("[Share \"@root\"]\nWeight=4\n[Share \"@0\"]\nWeight=9\n[Share \"@bin\"]\n"
                  "MaxCores=2\n");
        ck_assert_uint_eq(share_of(0)->weight, 400);
        ck_assert_uint_eq(share_of(2)->cores_max, 2);
        load_text("[Share \"@root\"]\nWeight=4\n[Share \"0\"]\nMaxCores=3\n");
        ck_assert_uint_eq(share_of(0)->weight, 100);
        ck_assert_uint_eq(share_of(0)->cores_max, 3);
}
END_TEST

START_TEST(unknown_names_are_warnings)
{
        load_text("[Share \"nobody-of-that-name\"]\nWeight=2\n\n[Share \"@no-such-group\"]\n"
                  "[Share \"root\"]\n[Share \"0\"]\n[Daemon]\nAdminGroup=no-admins-here\n");
        ck_assert_str_eq(config_warning(config, 0),
                         "f:1: there is no user \"nobody-of-that-name\"");
        ck_assert_str_eq(
                config_warning(config, 1),
                "f:6: [Share \"0\"] is left out: an earlier section is about the same user");
        ck_assert_str_eq(config_warning(config, 2), "f:4: there is no group \"no-such-group\"");
        ck_assert_str_eq(config_warning(config, 3), "f:8: there is no group \"no-admins-here\"");
        ck_assert_ptr_null(config_warning(config, 4));
        ck_assert_uint_eq(config->admin_gid, CONFIG_NOBODY);
        load_text("[Daemon]\nAdminGroup=bin\n");
        ck_assert_uint_eq(config->admin_gid, 2);
        load_text("");
        ck_assert_ptr_null(config_warning(config, 0));
}
END_TEST

START_TEST(sections_are_mentioned_without_a_key)
{
        const char *section, *key, *origin;
        char value[256];

        load_text("[Resource \"gpu\"]\nCapacity=2\n[Lock  \"archive\"]\n[Resource \"gpu\"]\n"
                  "Capacity=3\n");
        ck_assert_uint_eq(config->named_count, 2);
        ck_assert_uint_eq(config_find_named(config, CONFIG_NAMED_RESOURCE, "gpu")->capacity, 3);
        ck_assert(config_find_named(config, CONFIG_NAMED_LOCK, "archive")->is_machine_wide);
        ck_assert_ptr_null(config_find_named(config, CONFIG_NAMED_LOCK, "gpu"));
        ck_assert(config_entry(config, config_keys_count, &section, &key, value, sizeof(value),
                               &origin));
        ck_assert_str_eq(section, "Resource \"gpu\"");
        ck_assert_str_eq(key, "Capacity");
        ck_assert_str_eq(value, "3");
        ck_assert_str_eq(origin, "f:5");
        ck_assert(config_entry(config, config_keys_count + 1, &section, &key, value, sizeof(value),
                               &origin));
        ck_assert_str_eq(section, "Lock \"archive\"");
        ck_assert_str_eq(origin, "default");
        ck_assert(!config_entry(config, config_keys_count + 2, &section, &key, value, sizeof(value),
                                &origin));
}
END_TEST

START_TEST(wrong_sections_say_where)
{
        static const struct {
                const char *text, *sentence;
        } cases[] = {
                { "[Share]\nWeight=1\n", "f:2: the section [Share] needs a name in quotes" },
                { "[Share \"a\n", "f:1: neither [Section] nor Key=Value" },
                { "\n[Share \"\"]\n", "f:2: [Share \"\"]: a name of a user" },
                { "[Share \"@\"]\n", "f:1: [Share \"@\"]" },
                { "[Share \"a b\"]\n", "f:1: [Share \"a b\"]" },
                { "[Share \"a\" x]\n", "f:1: the section [Share \"a\" x] needs a name" },
                { "[Lock \"a\tb\"]\n", "f:1: a name of a section holds a control character" },
                { "[Resource \"a-b\"]\n", "f:1: [Resource \"a-b\"]: a name is made of" },
                { "[Lock \"123456789012345678901234567890123456789012345\"]\n",
                  "f:1: the name of the section is too long" },
                { "[Share \"root\"]\nWeight=0\n", "f:2: Weight: must be 0.01 to 100.00" },
                { "[Share \"root\"]\nWeight=100.01\n", "f:2: Weight: must be" },
                { "[Share \"root\"]\nWeight=0.001\n", "f:2: Weight: \"0.001\" is no number" },
                { "[Share \"root\"]\nWeight=-1\n", "f:2: Weight: \"-1\" is no number" },
                { "[Share \"root\"]\nMaxCores=many\n", "f:2: MaxCores" },
                { "[Resource \"gpu\"]\nCapacity=1000001\n", "f:2: Capacity" },
                { "[Lock \"a\"]\nMachineWide=2\n", "f:2: MachineWide" },
        };

        for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
                ck_assert_msg(parse_text(cases[i].text) == CONFIG_E_BAD, "%s", cases[i].text);
                ck_assert_msg(strncmp(why.text, cases[i].sentence, strlen(cases[i].sentence)) == 0,
                              "%s", why.text);
        }
}
END_TEST

START_TEST(unknown_keys_are_warnings)
{
        load_text("Weight=1\n[Share \"root\"]\nWeigth=1\nCapacity=2\n[Shar \"root\"]\nWeight=1\n");
        ck_assert_str_eq(config_warning(config, 0),
                         "f:1: unknown setting Weight: it stands before the first [section]");
        ck_assert_str_eq(config_warning(config, 1),
                         "f:3: unknown setting Share \"root\".Weigth, did you mean Weight?");
        ck_assert_str_eq(config_warning(config, 2), "f:4: unknown setting Share \"root\".Capacity");
        ck_assert_str_eq(config_warning(config, 3), "f:6: unknown setting Shar \"root\".Weight");
        ck_assert_ptr_null(config_warning(config, 4));
}
END_TEST

START_TEST(there_is_an_end_to_sections)
{
        static char text[65536];
        size_t size = 0;

        for (int i = 0; i <= CONFIG_NAMED_MAX; i++)
                size += (size_t)snprintf(text + size, sizeof(text) - size, "[Lock \"l%d\"]\n", i);
        ck_assert_int_eq(parse_text(text), CONFIG_E_BAD);
        ck_assert_str_eq(why.text, "f:257: more than 256 sections with a name");
}
END_TEST

/* What is shown means the same when it is written into a file. */
START_TEST(sections_survive_being_shown)
{
        const char *section, *key, *origin;
        char value[256], again[256];
        struct config *other = NULL;

        load_text("[Share \"root\"]\nWeight=1.5\n[Lock \"a.b-c\"]\n[Resource \"gpu\"]\n"
                  "[Share \"@bin\"]\nMaxQueuedJobs=12\n");
        ck_assert_int_eq(config_new(true, &other), 0);
        for (size_t i = 0; config_entry(config, i, &section, &key, value, sizeof(value), &origin);
             i++) {
                ck_assert_int_eq(config_apply(other, section, key, value, "x:1", &why), 0);
                ck_assert(config_entry(other, i, &section, &key, again, sizeof(again), &origin));
                ck_assert_str_eq(value, again);
                ck_assert_str_eq(origin, "x:1");
        }
        config_free(other);
}
END_TEST

int main(void)
{
        Suite *suite = suite_create("config_named");
        TCase *tests = tcase_create("config_named");

        tcase_add_checked_fixture(tests, set_up, tear_down);
        tcase_add_test(tests, everybody_has_one_share);
        tcase_add_test(tests, names_and_numbers_are_users);
        tcase_add_test(tests, open_keys_are_those_of_everybody);
        tcase_add_test(tests, groups_are_their_members);
        tcase_add_test(tests, unknown_names_are_warnings);
        tcase_add_test(tests, sections_are_mentioned_without_a_key);
        tcase_add_test(tests, wrong_sections_say_where);
        tcase_add_test(tests, unknown_keys_are_warnings);
        tcase_add_test(tests, there_is_an_end_to_sections);
        tcase_add_test(tests, sections_survive_being_shown);
        suite_add_tcase(suite, tests);
        return suite_run(suite);
}

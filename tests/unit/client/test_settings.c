/* SPDX-License-Identifier: Apache-2.0 */
/* Settings: flags over the environment over the user's file; what is refused. */
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "client/cmd/app.h"
#include "client/cmd/settings.h"
#include "tests/unit/client/fake_daemon.h"
#include "tests/unit/suite.h"

struct own {
        struct option_number limit;
        bool never;
};

/* clang-format off */
static const struct option_row own_rows[] = {
        { OPTION_DURATION, 't', "time-limit", "D", "", offsetof(struct own, limit), 0, 0, true, COMPLETE_NONE },
        { OPTION_FLAG, 0, "never", NULL, "", offsetof(struct own, never), 0, 0, false, COMPLETE_NONE },
        { OPTION_END, 0, NULL, NULL, NULL, 0, 0, 0, false, COMPLETE_NONE },
};
/* clang-format on */

static struct own own;
static struct app app;
static struct settings *settings;
static struct reason why;

static void setup(void)
{
        static const char *const variables[] = { "JOBCTL_TIME_LIMIT", "JOBCTL_NEVER",
                                                 "JOBCTL_SOCKET", "JOBCTL_COLOR", "JOBCTL_USER" };

        for (size_t i = 0; i < ARRAY_SIZE(variables); i++)
                unsetenv(variables[i]);
        ck_assert_int_eq(setenv("XDG_CONFIG_HOME", fake_folder(), 1), 0);
}

static void teardown(void)
{
        settings = settings_free(settings);
}

static void write_file(const char *text)
{
        char path[200];
        FILE *out;

        snprintf(path, sizeof(path), "%s/jobd", fake_folder());
        (void)mkdir(path, 0700);
        strcat(path, "/jobctl.conf");
        out = fopen(path, "w");
        ck_assert_ptr_nonnull(out);
        fputs(text, out);
        fclose(out);
}

static int apply(void)
{
        const struct option_set sets[] = { { own_rows, &own },
                                           { app_common_rows, &app.common },
                                           { NULL, NULL } };

        return settings_apply(sets, &settings, &why);
}

START_TEST(test_nothing)
{
        ck_assert_int_eq(apply(), 0);
        ck_assert(!own.limit.given);
}
END_TEST

START_TEST(test_file)
{
        write_file("# mine\n[jobctl]\ntime-limit = 90\ncolor = never\n[other]\ntime-limit = 1\n");
        ck_assert_int_eq(apply(), 0);
        ck_assert_uint_eq(own.limit.value, 90000000);
        ck_assert_str_eq(app.common.color, "never");
}
END_TEST

START_TEST(test_order)
{
        write_file("time-limit = 90\ncolor = never\n");
        ck_assert_int_eq(setenv("JOBCTL_TIME_LIMIT", "60", 1), 0);
        app.common.color = "always";
        ck_assert_int_eq(apply(), 0);
        ck_assert_uint_eq(own.limit.value, 60000000);
        ck_assert_str_eq(app.common.color, "always");
}
END_TEST

START_TEST(test_not_every_option_is_a_setting)
{
        ck_assert_int_eq(setenv("JOBCTL_NEVER", "yes", 1), 0);
        write_file("never = yes\n");
        ck_assert_int_eq(apply(), 0);
        ck_assert(!own.never);
}
END_TEST

START_TEST(test_places_are_one_decision)
{
        ck_assert_int_eq(setenv("JOBCTL_SOCKET", "/there", 1), 0);
        write_file("state-dir = /state\n");
        app.common.user = true;
        ck_assert_int_eq(apply(), 0);
        ck_assert_ptr_null(app.common.socket);
        ck_assert_ptr_null(app.common.state_dir);
}
END_TEST

START_TEST(test_the_environment_goes_before_the_file_for_places_too)
{
        ck_assert_int_eq(setenv("JOBCTL_SOCKET", "/there", 1), 0);
        write_file("state-dir = /state\nuser = yes\n");
        ck_assert_int_eq(apply(), 0);
        ck_assert_str_eq(app.common.socket, "/there");
        ck_assert_ptr_null(app.common.state_dir);
        ck_assert(!app.common.user);
}
END_TEST

START_TEST(test_the_file_does_not_overrule_a_place_of_the_environment)
{
        ck_assert_int_eq(setenv("JOBCTL_USER", "yes", 1), 0);
        write_file("socket = /there\n");
        ck_assert_int_eq(apply(), 0);
        ck_assert(app.common.user);
        ck_assert_ptr_null(app.common.socket);
}
END_TEST

START_TEST(test_wrong_values)
{
        write_file("# mine\ntime-limit = soon\n");
        ck_assert_int_eq(apply(), OPTION_E_BAD);
        ck_assert_ptr_nonnull(strstr(why.text, "jobctl.conf:2: "));
        ck_assert_ptr_nonnull(strstr(why.text, "time-limit"));
        write_file("");
        ck_assert_int_eq(setenv("JOBCTL_TIME_LIMIT", "soon", 1), 0);
        ck_assert_int_eq(apply(), OPTION_E_BAD);
        ck_assert_ptr_nonnull(strstr(why.text, "JOBCTL_TIME_LIMIT"));
}
END_TEST

START_TEST(test_wrong_file)
{
        write_file("[jobctl]\ntime-limit = 90\nnonsense\n");
        ck_assert_int_eq(apply(), OPTION_E_BAD);
        ck_assert_ptr_nonnull(strstr(why.text, "jobctl.conf:3"));
}
END_TEST

SUITE_MAIN("settings", setup, teardown, test_nothing, test_file, test_order,
           test_not_every_option_is_a_setting, test_places_are_one_decision,
           test_the_environment_goes_before_the_file_for_places_too,
           test_the_file_does_not_overrule_a_place_of_the_environment, test_wrong_values,
           test_wrong_file)

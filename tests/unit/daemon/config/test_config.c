/* SPDX-License-Identifier: Apache-2.0 */
/* The table of settings, and how files and command line fill it. */
#include <check.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "common/clock.h"

#include "daemon/config.h"
#include "daemon/config_private.h"
#include "tests/unit/suite.h"

static struct config *config;
static struct reason why;
static char dir[64];

static void set_up(void)
{
        snprintf(dir, sizeof(dir), "/tmp/jobd-config-XXXXXX");
        ck_assert_ptr_nonnull(mkdtemp(dir));
        ck_assert_int_eq(setenv("XDG_CONFIG_HOME", dir, 1), 0);
        config = NULL;
}

static void tear_down(void)
{
        char command[128];

        config_free(config);
        snprintf(command, sizeof(command), "rm -r %s", dir);
        ck_assert_int_eq(system(command), 0);
}

static void write_file(const char *name, const char *text)
{
        char path[256];
        FILE *file;

        snprintf(path, sizeof(path), "%s/%s", dir, name);
        file = fopen(path, "w");
        ck_assert_ptr_nonnull(file);
        ck_assert_int_ge(fputs(text, file), 0);
        ck_assert_int_eq(fclose(file), 0);
}

static int load_text(const char *text)
{
        char path[256];

        write_file("some.conf", text);
        snprintf(path, sizeof(path), "%s/some.conf", dir);
        return config_load(false, path, NULL, 0, &config, &why);
}

START_TEST(defaults_are_as_promised)
{
        ck_assert_int_eq(config_load(false, NULL, NULL, 0, &config, &why), 0);
        ck_assert_uint_eq(config->daemon_idle_usec, 600 * USEC_PER_SEC);
        ck_assert_uint_eq(config->pool_idle_usec, 600 * USEC_PER_SEC);
        ck_assert_uint_eq(config->grace_usec, 10 * USEC_PER_SEC);
        ck_assert_uint_eq(config->aging_usec, 60 * USEC_PER_SEC);
        ck_assert_int_eq((int)config->affinity, CONFIG_AFFINITY_ASKED);
        ck_assert(config->private_jobs);
        ck_assert_str_eq(config->admin_group, "jobd-admin");
        ck_assert_uint_gt(config->memory_bytes, 0);
        ck_assert_uint_eq(config->cores, 0);
        ck_assert_uint_eq(config->inline_max_bytes, 65536);
        ck_assert_uint_eq(config->output_cap_bytes, 1ULL << 30);
        ck_assert_uint_eq(config->output_quota_bytes, 0);
        ck_assert(config->compress);
        ck_assert_uint_eq(config->queued_max_per_user, 1000000);
        ck_assert_uint_eq(config->spec_bytes_max_per_user, 1ULL << 30);
        ck_assert_uint_eq(config->connections_max_per_user, 512);
        ck_assert_uint_eq(config->connections_max, 4096);
        ck_assert_uint_eq(config->reply_bytes_max, 1 << 20);
        ck_assert_uint_eq(config->disk_floor_bytes, 256 << 20);
        ck_assert_uint_eq(config->reserve_bytes, 64 << 20);
        ck_assert_uint_eq(config->keep_age_usec, 30 * 86400 * USEC_PER_SEC);
        ck_assert_uint_eq(config->keep_count, 100000);
        ck_assert_uint_eq(config->keep_bytes, 10ULL << 30);
        ck_assert_int_eq(config_log_level(config), LOG_LEVEL_NOTICE);
        ck_assert_ptr_null(config_warning(config, 0));
}
END_TEST

START_TEST(system_mode_has_a_quota)
{
        ck_assert_int_eq(config_new(true, &config), 0);
        ck_assert_uint_eq(config->output_quota_bytes, 10ULL << 30);
}
END_TEST

START_TEST(workers_are_the_cores_we_may_use)
{
        cpu_set_t mask, one;

        ck_assert_int_eq(sched_getaffinity(0, sizeof(mask), &mask), 0);
        ck_assert_int_eq(config_new(false, &config), 0);
        ck_assert_uint_eq(config->workers, (unsigned int)CPU_COUNT(&mask));
        config = config_free(config);
        CPU_ZERO(&one);
        for (size_t i = 0; i < CPU_SETSIZE; i++)
                if (CPU_ISSET(i, &mask)) {
                        CPU_SET(i, &one);
                        break;
                }
        ck_assert_int_eq(sched_setaffinity(0, sizeof(one), &one), 0);
        ck_assert_int_eq(config_new(false, &config), 0);
        ck_assert_uint_eq(config->workers, 1);
}
END_TEST

/* What is shown can be written into a file again and means the same. */
START_TEST(every_setting_survives_being_shown)
{
        const char *section, *key, *origin;
        char value[256], again[256];
        size_t index = 0;

        ck_assert_int_eq(config_new(true, &config), 0);
        while (config_entry(config, index, &section, &key, value, sizeof(value), &origin)) {
                ck_assert_str_eq(origin, "default");
                ck_assert_msg(config_apply(config, section, key, value, "x:1", &why) == 0,
                              "%s.%s=%s: %s", section, key, value, why.text);
                config_entry(config, index, &section, &key, again, sizeof(again), &origin);
                ck_assert_str_eq(value, again);
                ck_assert_str_eq(origin, "x:1");
                index++;
        }
        ck_assert_uint_eq(index, config_keys_count);
        ck_assert_ptr_null(config_warning(config, 0));
}
END_TEST

static void expect_refused(const struct config_key *key, uint64_t number)
{
        char value[64];

        snprintf(value, sizeof(value), "%llu%s", (unsigned long long)number,
                 key->type == CONFIG_DURATION ? "us" : "");
        why.text[0] = '\0';
        ck_assert_msg(config_key_set(config, key, value, &why) == CONFIG_E_BAD, "%s=%s", key->name,
                      value);
        ck_assert_ptr_nonnull(strstr(why.text, key->name));
}

START_TEST(bounds_of_every_setting_hold)
{
        ck_assert_int_eq(config_new(true, &config), 0);
        for (size_t i = 0; i < config_keys_count; i++) {
                const struct config_key *key = &config_keys[i];

                if (key->type == CONFIG_BOOL || key->type == CONFIG_LEVEL ||
                    key->type == CONFIG_AFFINITY || key->type == CONFIG_NAME)
                        continue;
                if (key->min > 0)
                        expect_refused(key, key->min - 1);
                if (key->max < UINT64_MAX)
                        expect_refused(key, key->max + 1);
        }
}
END_TEST

START_TEST(file_sets_and_remembers)
{
        const char *section, *key, *origin;
        char value[256], place[128];

        ck_assert_int_eq(load_text("# a comment\n[Jobs]\n   Grace = 1m30s ; why not\n"), 0);
        ck_assert_uint_eq(config->grace_usec, 90 * USEC_PER_SEC);
        for (size_t i = 0; config_entry(config, i, &section, &key, value, sizeof(value), &origin);
             i++)
                if (strcmp(key, "Grace") == 0)
                        break;
        snprintf(place, sizeof(place), "%s/some.conf:3", dir);
        ck_assert_str_eq(origin, place);
        ck_assert_str_eq(value, "1m30s");
}
END_TEST

START_TEST(infinity_is_what_the_field_says)
{
        ck_assert_int_eq(load_text("[Retention]\nKeepAge=infinity\nKeepOutput=infinity\n"
                                   "[Output]\nCap=infinity\n[Daemon]\nIdleExit=infinity\n"),
                         0);
        ck_assert_uint_eq(config->keep_age_usec, 0);
        ck_assert_uint_eq(config->keep_bytes, 0);
        ck_assert_uint_eq(config->output_cap_bytes, UINT64_MAX);
        ck_assert_uint_eq(config->daemon_idle_usec, USEC_NONE);
}
END_TEST

START_TEST(empty_value_brings_the_default_back)
{
        const char *section, *key, *origin;
        char value[256];

        ck_assert_int_eq(load_text("[Daemon]\nLogLevel=debug\nLogLevel=\n"), 0);
        ck_assert(config_entry(config, 0, &section, &key, value, sizeof(value), &origin));
        ck_assert_str_eq(value, "notice");
        ck_assert_str_eq(origin, "default");
}
END_TEST

START_TEST(wrong_value_says_where_and_what)
{
        static const struct {
                const char *text, *place, *sentence;
        } cases[] = {
                { "[Pool]\n\nWorkers=many\n", "some.conf:3: ", "Workers" },
                { "[Pool]\nWorkers=0\n", "some.conf:2: ", "Workers" },
                { "[Output]\nCompress=perhaps\n", "some.conf:2: ", "neither yes nor no" },
                { "[Output]\nInlineMax=65K\n", "some.conf:2: ", "must be 0 to 64K" },
                { "[Output]\nInlineMax=infinity\n", "some.conf:2: ", "must be 0 to 64K" },
                { "[Output]\nCap=big\n", "some.conf:2: ", "is not a size" },
                { "[Jobs]\nGrace=2d\n", "some.conf:2: ", "must be 0s to 1d" },
                { "[Daemon]\nLogLevel=loud\n", "some.conf:2: ", "none of error, warning" },
                { "[Pool]\nCores=0\n", "some.conf:2: ", "Cores" },
                { "[Pool]\nMemory=much\n", "some.conf:2: ", "is not a size" },
                { "[Jobs]\nAffinity=maybe\n", "some.conf:2: ", "none of asked, always, never" },
                { "[Daemon]\nAdminGroup=a b\n", "some.conf:2: ", "no name of a group" },
        };

        for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
                ck_assert_int_eq(load_text(cases[i].text), CONFIG_E_BAD);
                ck_assert_ptr_null(config);
                ck_assert_msg(strstr(why.text, cases[i].place) &&
                                      strstr(why.text, cases[i].sentence),
                              "%s", why.text);
        }
}
END_TEST

START_TEST(unknown_settings_are_warnings)
{
        ck_assert_int_eq(load_text("[Pool]\nWorker=3\nColour=red\n[Pol]\nWorkers=3\n"), 0);
        ck_assert_ptr_nonnull(strstr(config_warning(config, 0), "some.conf:2: "));
        ck_assert_ptr_nonnull(strstr(config_warning(config, 0), "did you mean Workers?"));
        ck_assert_ptr_nonnull(strstr(config_warning(config, 1), "Pool.Colour"));
        ck_assert_ptr_null(strstr(config_warning(config, 1), "did you mean"));
        ck_assert_ptr_nonnull(strstr(config_warning(config, 2), "did you mean Pool?"));
        ck_assert_ptr_null(config_warning(config, 3));
}
END_TEST

START_TEST(warnings_have_an_end)
{
        char text[4096] = "[Pool]\n";
        size_t count = 0;

        for (int i = 0; i < 300; i++)
                strcat(text, "A=1\n");
        ck_assert_int_eq(load_text(text), 0);
        while (config_warning(config, count))
                count++;
        ck_assert_uint_eq(count, 100);
}
END_TEST

START_TEST(command_line_wins)
{
        const struct config_set sets[] = { { "Pool", "Workers", "7" } };
        const char *section, *key, *origin;
        char value[256];

        ck_assert_int_eq(load_text("[Pool]\nWorkers=3\n"), 0);
        ck_assert_uint_eq(config->workers, 3);
        config = config_free(config);
        ck_assert_int_eq(config_load(false, NULL, sets, 1, &config, &why), 0);
        ck_assert_uint_eq(config->workers, 7);
        for (size_t i = 0; config_entry(config, i, &section, &key, value, sizeof(value), &origin);
             i++)
                if (strcmp(key, "Workers") == 0)
                        break;
        ck_assert_str_eq(origin, "command line");
}
END_TEST

START_TEST(command_line_takes_no_unknown_setting)
{
        const struct config_set unknown[] = { { "Pool", "Workerz", "7" } };
        const struct config_set wrong[] = { { "Pool", "Workers", "-7" } };

        ck_assert_int_eq(config_load(false, NULL, unknown, 1, &config, &why), CONFIG_E_BAD);
        ck_assert_ptr_nonnull(strstr(why.text, "did you mean Workers?"));
        ck_assert_int_eq(config_load(false, NULL, wrong, 1, &config, &why), CONFIG_E_BAD);
        ck_assert_ptr_nonnull(strstr(why.text, "command line: "));
}
END_TEST

START_TEST(users_file_and_drop_ins_are_found)
{
        char path[128];

        snprintf(path, sizeof(path), "%s/jobd", dir);
        ck_assert_int_eq(mkdir(path, 0700), 0);
        snprintf(path, sizeof(path), "%s/jobd/jobd.conf.d", dir);
        ck_assert_int_eq(mkdir(path, 0700), 0);
        write_file("jobd/jobd.conf", "[Pool]\nWorkers=3\nIdleExit=1m\n");
        write_file("jobd/jobd.conf.d/50-more.conf", "[Pool]\nWorkers=5\n");
        ck_assert_int_eq(config_load(false, NULL, NULL, 0, &config, &why), 0);
        ck_assert_uint_eq(config->workers, 5);
        ck_assert_uint_eq(config->pool_idle_usec, 60 * USEC_PER_SEC);
}
END_TEST

START_TEST(named_file_must_exist)
{
        ck_assert_int_eq(config_load(false, "/nonexistent/jobd.conf", NULL, 0, &config, &why),
                         CONFIG_E_BAD);
        ck_assert_str_eq(why.text, "cannot read /nonexistent/jobd.conf: No such file or directory");
}
END_TEST

START_TEST(cores_follow_the_workers)
{
        ck_assert_int_eq(load_text("[Pool]\nWorkers=3\n"), 0);
        ck_assert_uint_eq(config_cores(config, false), 0);
        config = config_free(config);
        ck_assert_int_eq(load_text("[Pool]\nWorkers=3\nCores=2\n"), 0);
        ck_assert_uint_eq(config_cores(config, true), 2);
        config = config_free(config);
        ck_assert_int_eq(load_text("[Pool]\nWorkers=3\nWorkers=auto\n"), 0);
        ck_assert_uint_ge(config_cores(config, false), 1);
        ck_assert_uint_le(config_cores(config, false), config->workers);
        ck_assert_uint_eq(config_cores(config, true), 0);
}
END_TEST

/* Every setting stands in the sample with its default, and all of it can be used. */
START_TEST(sample_shows_every_default)
{
        static char text[65536], used[65536];
        const char *section, *key, *origin;
        char value[256], line[512];
        FILE *file = fopen(SAMPLE_CONFIG, "r");
        size_t size;

        ck_assert_ptr_nonnull(file);
        size = fread(text, 1, sizeof(text) - 1, file);
        ck_assert_uint_lt(size, sizeof(text) - 1);
        fclose(file);
        ck_assert_int_eq(config_new(false, &config), 0);
        for (size_t i = 0; config_entry(config, i, &section, &key, value, sizeof(value), &origin);
             i++) {
                const bool is_counted = strcmp(key, "Workers") == 0 || strcmp(key, "Memory") == 0;

                snprintf(line, sizeof(line), "\n#%s=%s\n", key, is_counted ? "auto" : value);
                ck_assert_msg(strstr(text, line), "%s", line);
        }
        config = config_free(config);
        for (size_t i = 0, n = 0; i < size; i++)
                if (text[i] != '#' || (i > 0 && text[i - 1] != '\n') || text[i + 1] == ' ' ||
                    text[i + 1] == '\n')
                        used[n++] = text[i];
        ck_assert_msg(load_text(used) == 0, "%s", why.text);
        ck_assert_ptr_null(config_warning(config, 0));
        ck_assert_ptr_nonnull(config_find_named(config, CONFIG_NAMED_LOCK, "archive"));
}
END_TEST

int main(void)
{
        Suite *suite = suite_create("config");
        TCase *tests = tcase_create("config");

        tcase_add_checked_fixture(tests, set_up, tear_down);
        tcase_add_test(tests, defaults_are_as_promised);
        tcase_add_test(tests, system_mode_has_a_quota);
        tcase_add_test(tests, workers_are_the_cores_we_may_use);
        tcase_add_test(tests, every_setting_survives_being_shown);
        tcase_add_test(tests, bounds_of_every_setting_hold);
        tcase_add_test(tests, file_sets_and_remembers);
        tcase_add_test(tests, infinity_is_what_the_field_says);
        tcase_add_test(tests, empty_value_brings_the_default_back);
        tcase_add_test(tests, wrong_value_says_where_and_what);
        tcase_add_test(tests, unknown_settings_are_warnings);
        tcase_add_test(tests, warnings_have_an_end);
        tcase_add_test(tests, command_line_wins);
        tcase_add_test(tests, command_line_takes_no_unknown_setting);
        tcase_add_test(tests, users_file_and_drop_ins_are_found);
        tcase_add_test(tests, named_file_must_exist);
        tcase_add_test(tests, cores_follow_the_workers);
        tcase_add_test(tests, sample_shows_every_default);
        suite_add_tcase(suite, tests);
        return suite_run(suite);
}

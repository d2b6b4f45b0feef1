/* SPDX-License-Identifier: Apache-2.0 */
/* options.c: the command lines of pool, worker and compressor. */
#include <string.h>
#include <unistd.h>

#include "tests/unit/suite.h"
#include "worker/options.h"

static struct options options;
static struct reason why;

static int parse(const char *const words[])
{
        char *argv[32] = { NULL };
        static char text[2048];
        size_t used = 0;
        int argc = 0;

        for (; words[argc]; argc++) {
                argv[argc] = strcpy(text + used, words[argc]);
                used += strlen(words[argc]) + 1;
        }
        return options_parse(argc, argv, &options, &why);
}

#define PARSE(...) parse((const char *const[]){ "jobd-worker", __VA_ARGS__, NULL })
#define FOLDERS "--socket", "/s", "--records", "/r", "--spool", "/o"

START_TEST(a_pool)
{
        ck_assert_int_eq(PARSE("--pool", FOLDERS, "--workers", "4", "--owner-uid", "107"), 0);
        ck_assert_int_eq(options.mode, OPTIONS_POOL);
        ck_assert_str_eq(options.socket_path, "/s");
        ck_assert_str_eq(options.records_path, "/r");
        ck_assert_str_eq(options.spool_path, "/o");
        ck_assert_str_eq(options.policy_path, OPTIONS_POLICY_DEFAULT);
        ck_assert_uint_eq(options.workers, 4);
        ck_assert_uint_eq(options.owner_uid, 107);
        ck_assert(!options.is_user_mode);
        ck_assert(!options.is_delegated);
        ck_assert_int_eq(PARSE("--pool", FOLDERS, "--workers=1", "--delegated"), 0);
        ck_assert(options.is_delegated);
        ck_assert(!options.is_user_mode);
}
END_TEST

START_TEST(the_owner_is_root_or_ourselves)
{
        ck_assert_int_eq(PARSE("--pool", FOLDERS, "--workers", "1"), 0);
        ck_assert_uint_eq(options.owner_uid, 0);
        ck_assert_int_eq(PARSE("--pool", FOLDERS, "--workers=1", "--user"), 0);
        ck_assert_uint_eq(options.owner_uid, geteuid());
        ck_assert(options.is_user_mode);
}
END_TEST

START_TEST(a_compressor)
{
        ck_assert_int_eq(PARSE("--compact", "--spool", "/o", "1.0.1.out", "1.0.1.out.zst"), 0);
        ck_assert_int_eq(options.mode, OPTIONS_COMPACT);
        ck_assert_str_eq(options.from_name, "1.0.1.out");
        ck_assert_str_eq(options.to_name, "1.0.1.out.zst");
        ck_assert_int_eq(PARSE("--compact", "--spool", "/o", "x"), OPTIONS_E_USAGE);
}
END_TEST

START_TEST(mistakes)
{
        ck_assert_int_eq(parse((const char *const[]){ "jobd-worker", NULL }), OPTIONS_E_USAGE);
        ck_assert_int_eq(PARSE("--pool"), OPTIONS_E_USAGE);
        ck_assert_int_eq(PARSE("--pool", FOLDERS), OPTIONS_E_USAGE);
        ck_assert_int_eq(PARSE("--pool", FOLDERS, "--workers", "x"), OPTIONS_E_USAGE);
        ck_assert_int_eq(PARSE("--pool", FOLDERS, "--workers", "5000"), OPTIONS_E_USAGE);
        ck_assert_int_eq(PARSE("--pool", FOLDERS, "--workers"), OPTIONS_E_USAGE);
        ck_assert_int_eq(PARSE("--pool", FOLDERS, "--workers", "1", "more"), OPTIONS_E_USAGE);
        ck_assert_int_eq(PARSE("--worker", FOLDERS), OPTIONS_E_USAGE);
        ck_assert_int_eq(PARSE("--owner-uid", "4294967295", "--pool"), OPTIONS_E_USAGE);
        ck_assert_int_eq(PARSE("--nonsense"), OPTIONS_E_USAGE);
        ck_assert_ptr_nonnull(strstr(why.text, "--nonsense"));
}
END_TEST

int main(void)
{
        Suite *suite = suite_create("options");
        TCase *tcase = tcase_create("options");

        tcase_add_test(tcase, a_pool);
        tcase_add_test(tcase, the_owner_is_root_or_ourselves);
        tcase_add_test(tcase, a_compressor);
        tcase_add_test(tcase, mistakes);
        suite_add_tcase(suite, tcase);
        return suite_run(suite);
}

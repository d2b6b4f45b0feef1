/* SPDX-License-Identifier: Apache-2.0 */
/* A kernel that does not know a call, or a container whose filter refuses it: told by its name. */
#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>

#include "common/kernel.h"

#include "suite.h"

static struct reason why;

/* From here on this process gets `error` from the call. */
static void lose_call(unsigned int number, unsigned int error)
{
        struct sock_filter code[] = {
                BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
                BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, number, 0, 1),
                BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | error),
                BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
        };
        const struct sock_fprog program = { .len = ARRAY_SIZE(code), .filter = code };

        ck_assert_int_eq(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), 0);
        ck_assert_int_eq(prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program), 0);
}

START_TEST(this_one_has_all)
{
        ck_assert_int_eq(kernel_check(&why), 0);
}
END_TEST

START_TEST(an_older_one)
{
        lose_call(SYS_pidfd_open, ENOSYS);
        ck_assert_int_eq(kernel_check(&why), KERNEL_E_MISSING);
        ck_assert_ptr_nonnull(strstr(why.text, "use pidfd_open: use Linux 5.3 or later"));
}
END_TEST

START_TEST(a_filter)
{
        lose_call(SYS_pidfd_send_signal, EPERM);
        ck_assert_int_eq(kernel_check(&why), KERNEL_E_MISSING);
        ck_assert_ptr_nonnull(strstr(why.text, "use pidfd_send_signal: use Linux 5.1 or later"));
        ck_assert_ptr_nonnull(strstr(why.text, "let its system call filter allow it"));
}
END_TEST

SUITE_MAIN("kernel", NULL, NULL, this_one_has_all, an_older_one, a_filter)

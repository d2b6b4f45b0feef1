# SPDX-License-Identifier: Apache-2.0
"""without.py NAME... -- PROGRAM WORDS: runs a program on a kernel that does not have these system calls.

A filter answers ENOSYS to them, as an older kernel would; it holds for the children, too.
"""

import ctypes
import os
import platform
import struct
import sys

NUMBERS = {  # the same on all architectures since these were made
    "pidfd_send_signal": 424, "pidfd_open": 434, "clone3": 435, "close_range": 436, "openat2": 437,
}
ENOSYS = 38
PR_SET_SECCOMP, SECCOMP_MODE_FILTER, PR_SET_NO_NEW_PRIVS = 22, 2, 38
LOAD, EQUALS, RETURN = 0x20, 0x15, 0x06  # of 32 bits at a place, jump if equal, return
ALLOW, ANSWER = 0x7FFF0000, 0x00050000


def program(calls):
    """The filter: loads the number of the call and compares it with each of these."""
    words = [(LOAD, 0, 0, 0)]
    for i, name in enumerate(calls):
        words.append((EQUALS, len(calls) - i, 0, NUMBERS[name]))
    words += [(RETURN, 0, 0, ALLOW), (RETURN, 0, 0, ANSWER | ENOSYS)]
    return b"".join(struct.pack("HBBI", *word) for word in words), len(words)


def main():
    if platform.machine() not in ("x86_64", "aarch64", "riscv64"):
        sys.exit(77)
    split = sys.argv.index("--")
    code, count = program(sys.argv[1:split])
    code = ctypes.create_string_buffer(code, len(code))
    header = ctypes.create_string_buffer(struct.pack("HxxxxxxP", count, ctypes.addressof(code)))
    libc = ctypes.CDLL(None, use_errno=True)
    if os.geteuid() != 0:
        libc.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
    if libc.prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, header, 0, 0) != 0:
        sys.exit(f"no filter: {os.strerror(ctypes.get_errno())}")
    os.execvp(sys.argv[split + 1], sys.argv[split + 1:])


if __name__ == "__main__":
    main()

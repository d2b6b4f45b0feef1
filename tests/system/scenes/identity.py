# SPDX-License-Identifier: Apache-2.0
"""Judges what audit.py has printed as a job:  identity.py USER FILE

Prints a line for each thing: "ok", or what it is instead, a tab, and the thing's name.
"""

import json
import os
import pwd
import signal
import sys

user = pwd.getpwnam(sys.argv[1])
with open(sys.argv[2], encoding="utf-8") as f:
    seen = json.load(f)

STRANGE = ("NOTIFY_SOCKET", "LISTEN_", "WATCHDOG_", "INVOCATION_ID", "JOURNAL_STREAM", "SYSTEMD_EXEC_PID", "MAINPID")


def judge(name, found, expected):
    print("ok" if found == expected else f"it is {found!r}, not {expected!r}", name, sep="\t")


judge("user id", set(seen["uids"]), {user.pw_uid})
judge("group id", set(seen["gids"]), {user.pw_gid})
judge("supplementary groups", seen["groups"], sorted(os.getgrouplist(user.pw_name, user.pw_gid)))
judge("no capability", {name: seen["status"][name].strip("0") for name in ("CapInh", "CapPrm", "CapEff", "CapAmb")},
      {"CapInh": "", "CapPrm": "", "CapEff": "", "CapAmb": ""})
judge("nothing of root's can be had back", [name for name, what in seen["tries"].items() if what == "worked"], [])
judge("descriptors: three", seen["fds"], [0, 1, 2])
judge("umask as at the submission", seen["umask"], 0o027)
judge("folder as at the submission", seen["cwd"], user.pw_dir)
judge("its own session", seen["session"], seen["pid"])
judge("oom_score_adj", seen["oom_score_adj"], 0)
judge("nice", seen["nice"], 0)
judge("no signal is blocked", seen["blocked"], [])
# Python itself ignores these two.
judge("no signal is ignored", int(seen["status"]["SigIgn"], 16), 1 << (signal.SIGPIPE - 1) | 1 << (signal.SIGXFSZ - 1))
judge("it could execute a set-uid program", seen["status"]["NoNewPrivs"], "0")
judge("no filter of system calls", seen["status"]["Seccomp"], "0")
judge("the open files it was submitted with", seen["limits"]["RLIMIT_NOFILE"], [128, 256])
judge("core files as it was submitted", seen["limits"]["RLIMIT_CORE"], [0, 0])
environment = seen["environment"]
judge("its own variable", environment.get("MINE"), "a word")
judge("who it is", (environment.get("USER"), environment.get("HOME")), (user.pw_name, user.pw_dir))
judge("no variable of the service", [name for name in environment if name.startswith(STRANGE)], [])
judge("every variable is its own, jobd's or a number of threads", sorted(
    name for name in environment if name not in ("MINE", "USER", "LOGNAME", "HOME", "SHELL", "PATH", "LANG", "PWD", "LC_CTYPE",
                                                 "_", "OLDPWD", "SHLVL")
    and not name.startswith("JOBD_") and not name.endswith("_THREADS")), [])

#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Plants one violation of every rule in a small tree and sees that its check finds it.

A check that never complains is worse than none. Each case is a file that is added to a tree which
passes everything; the check must then fail and name that file.
"""

import os
import subprocess
import sys
import tempfile
import unittest

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.join(HERE, "..", "..")
SPDX = "/* SPDX-License-Identifier: Apache-2.0 */\n"
ESSAY = SPDX + "/*\n * What\n * this\n * owns.\n */\n"
PURPOSE = SPDX + "/* What it is for. */\n#pragma once\n\n"

CLEAN = {
    "common/clock.h": PURPOSE + "int clock_now(void);\n",
    "common/clock.c": ESSAY + '#include "common/clock.h"\n',
    "daemon/jobs/engine.c": ESSAY + '#include "common/clock.h"\n',
}

# check, file, its text
PLANTED = (
    ("layers", "common/loop.c", ESSAY + '#include "proto/wire.h"\n'),
    ("layers", "proto/wire.c", ESSAY + '#include "daemon/daemon.h"\n'),
    ("layers", "worker/runner.c", ESSAY + '#include "client/jobctl.h"\n'),
    ("layers", "client/cmd/list.c", ESSAY + '#include "worker/record.h"\n'),
    ("layers", "daemon/journal/schema.c", ESSAY + '#include "proto/wire.h"\n'),
    ("layers", "daemon/workers/pool.c", ESSAY + '#include "daemon/jobs/engine.h"\n'),
    ("layers", "daemon/jobs/engine.c", ESSAY + '#include "daemon/clients/session.h"\n'),
    ("layers", "daemon/jobs/engine.c", ESSAY + '#include "daemon/daemon.h"\n'),
    ("layers", "daemon/clients/session.c", ESSAY + '#include "daemon/workers/pool.h"\n'),
    ("layers", "daemon/clients/session.c", ESSAY + '#include "session.h"\n'),
    ("circles", "common/clock.h", PURPOSE + '#include "common/time.h"\n'),
    ("doors", "daemon/daemon.c", ESSAY + "#include <event2/event.h>\n"),
    ("doors", "common/clock.c", ESSAY + "#include <event2/event.h>\n"),
    ("doors", "daemon/jobs/engine.c", ESSAY + "#include <sqlite3.h>\n"),
    ("doors", "daemon/main.c", ESSAY + "#include <systemd/sd-daemon.h>\n"),
    ("doors", "client/logs.c", ESSAY + "#include <zstd.h>\n"),
    ("doors", "daemon/main.c", ESSAY + "#include <jansson.h>\n"),
    ("doors", "worker/map.c", ESSAY + "#include <uthash.h>\n"),
    ("doors", "worker/list.c", ESSAY + "#include <bsd/sys/queue.h>\n"),
    ("doors", "worker/wire.c", ESSAY + "#include <protobuf-c/protobuf-c.h>\n"),
    ("doors", "daemon/clients/verbs.c", ESSAY + '#include "proto/jobd.pb-c.h"\n'),
    ("words", "common/log.c", ESSAY + "/* TO" + "DO: later */\n"),
    ("words", "common/log.c", ESSAY + "/* XX" + "X */\n"),
    ("words", "packaging/try.sh", "# in /wo" + "rk/main\n"),
    ("words", "tests/unit/test_x.c", ESSAY + "        usle" + "ep(10);\n"),
    ("words", "tests/integration/t.py", "time.sle" + "ep(1)\n"),
    ("words", "tests/run.sh", "sle" + "ep 1\n"),
    ("heads", "common/log.c", "int x;\n"),
    ("heads", "common/log.c", SPDX + "int x;\n"),
    ("heads", "common/log.c", SPDX + "/* Too little. */\n" + "int x;\n" * 100),
    ("heads", "common/log.h", SPDX + "/* No guard. */\nint x;\n"),
    ("heads", "packaging/try.sh", "#!/bin/sh\n:\n"),
    ("sizes", "common/log.c", ESSAY + "int f(void)\n{\n" + "        g();\n" * 81 + "}\n"),
    ("sizes", "common/log.c", ESSAY + "int x;\n" * 600),
)
CIRCLE = {"common/time.h": PURPOSE + '#include "common/clock.h"\n'}


def plant(root, files):
    for path, text in files.items():
        full = os.path.join(root, path)
        os.makedirs(os.path.dirname(full), exist_ok=True)
        with open(full, "w", encoding="utf-8") as f:
            f.write(text)


def run(*words):
    done = subprocess.run(words, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
    return done.returncode, done.stdout


class LintFinds(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.TemporaryDirectory()
        self.addCleanup(self.folder.cleanup)
        plant(self.folder.name, CLEAN)

    def lint(self, check):
        return run(sys.executable, os.path.join(HERE, "lint.py"), check, "--root", self.folder.name)

    def test_clean_tree_passes(self):
        self.assertEqual((0, ""), self.lint("all"))

    def test_planted(self):
        for check, path, text in PLANTED:
            with self.subTest(check=check, path=path, text=text[-50:]), tempfile.TemporaryDirectory() as root:
                plant(root, {**CLEAN, **CIRCLE, path: text})
                status, said = run(sys.executable, os.path.join(HERE, "lint.py"), check, "--root", root)
                self.assertEqual(1, status, said)
                self.assertIn("common/clock" if check == "circles" else path, said)

    def test_an_issue_number_makes_a_mark_legal(self):
        plant(self.folder.name, {"common/log.c": ESSAY + "/* TO" + "DO(#12): later */\n"})
        self.assertEqual((0, ""), self.lint("words"))

    def check_script(self, script, path, bad):
        status, said = run("sh", os.path.join(HERE, script[0]), *script[1:], self.folder.name)
        if status == 77:
            self.skipTest(said)
        self.assertEqual(0, status, said)
        plant(self.folder.name, {path: bad})
        status, said = run("sh", os.path.join(HERE, script[0]), *script[1:], self.folder.name)
        self.assertNotEqual(0, status)
        self.assertIn(os.path.basename(path), said)

    def test_format(self):
        with open(os.path.join(ROOT, ".clang-format"), encoding="utf-8") as f:
            plant(self.folder.name, {".clang-format": f.read()})
        self.check_script(("format.sh", "check"), "common/bad.c", ESSAY + "int   f( void ){return 0;}\n")

    def test_shell(self):
        plant(self.folder.name, {"good.sh": "#!/bin/sh\necho hello\n"})
        self.check_script(("shell.sh",), "bad.sh", "#!/bin/sh\nrm $1/*\n[ $x == 1 ]\n")


if __name__ == "__main__":
    unittest.main()

# SPDX-License-Identifier: Apache-2.0
"""The examples of the manual, run as they stand there: each page against a daemon of its own.

One bash runs the commands of a page in order; variables and `$?` stay between them, stdin is empty, and
what they write to stdout and stderr is compared with the lines below them. Jobs get the ids that the
page shows, since the daemon is new.
"""

import os
import subprocess
import unittest

import harness
import manual

# The few files that examples need.
PRELUDE = {
    "train": '#!/bin/sh\necho "training with $*"\n',
    "report": '#!/bin/sh\necho "report done"\n',
    "broken": '#!/bin/sh\necho "no such table" >&2\nexit 3\n',
    "a.txt": "one\ntwo\n",
    "b.txt": "one\ntwo\nthree\n",
    "names.txt": "ada\ngrace\n",
}

# (page, command): why it cannot run here.
NOT_RUN = {
}

# Before each command `$?` becomes what the one before has left.
RUNNER = """
shopt -s expand_aliases
status=0
run() {{
        (exit $status)
        eval "$1" >"$2" 2>&1
        status=$?
}}
"""


class Examples(harness.Case):
    maxDiff = None

    def play(self, page):
        examples = [one for one in page.examples() if (page.name, one.command) not in NOT_RUN]
        for name, text in PRELUDE.items():
            self.file(name, text, 0o755 if text.startswith("#!") else 0o644)
        self.start(config=page.configuration() or None)
        self.daemon.pool_ready(2)
        script = RUNNER.format() + "".join(
            f"run {quote(one.command)} {quote(os.path.join(self.dir, f'example.{n}'))}\n" for n, one in enumerate(examples))
        env = {**self.env, "PATH": f"{harness.BIN}:{self.env['PATH']}", "LC_ALL": "C.UTF-8", "TZ": "UTC"}
        subprocess.run(["bash", "-c", script], cwd=self.work, env=env, stdin=subprocess.DEVNULL, capture_output=True,
                       timeout=2 * harness.DEADLINE, check=False)
        for n, one in enumerate(examples):
            with self.subTest(line=one.line):
                self.compare(page, one, self.read(os.path.join(self.dir, f"example.{n}")))

    def compare(self, page, example, output):
        if not example.matches(output):
            self.fail(f"{page.file}:{example.line}: $ {example.command}\nthe manual shows:\n" + "\n".join(example.expected)
                      + f"\nit prints:\n{output}")


def quote(text):
    return "'" + text.replace("'", "'\\''") + "'"


def make_test(page):
    return lambda self: self.play(page)


class Table(unittest.TestCase):
    def test_what_is_not_run_stands_in_a_page(self):
        there = {(page.name, one.command) for page in manual.pages() for one in page.examples()}
        self.assertEqual(set(), set(NOT_RUN) - there)

    def test_a_pattern_is_strict(self):
        example = manual.Example("x", 1)
        self.assertTrue(example.matches(""))
        self.assertFalse(example.matches("something\n"))
        example.expected = ["job ... ended", "...", "over"]
        self.assertTrue(example.matches("job 7 ended\nover\n"))
        self.assertTrue(example.matches("job 7 ended\na\nb\nover\n"))
        self.assertFalse(example.matches("job 7 ended\na\n"))
        self.assertFalse(example.matches("job 7 started\nover\n"))


for the_page in manual.pages():
    if the_page.examples():
        setattr(Examples, "test_" + the_page.name.replace("-", "_").replace(".", "_") + the_page.section, make_test(the_page))

if __name__ == "__main__":
    harness.main()

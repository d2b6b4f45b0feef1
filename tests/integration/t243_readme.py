# SPDX-License-Identifier: Apache-2.0
"""The three lines of README.md that replace three scripts, taken from it and run as they stand there."""

import os
import re
import subprocess

import harness

README = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "README.md")


class Readme(harness.Case):
    def setUp(self):
        super().setUp()
        self.start()

    def section(self):
        with open(README, encoding="utf-8") as f:
            return f.read().split("## Many at once")[1].split("\n## ")[0]

    def line(self, word):
        """The indented line with this word, as one types it."""
        lines = [line.strip() for line in re.findall(r"^    (.*jobctl map.*)$", self.section(), re.M)]
        found = [line for line in lines if word in line]
        self.assertEqual(1, len(found), lines)
        return found[0]

    def shell(self, line, status=0):
        env = {**self.env, "PATH": f"{harness.BIN}:{self.env['PATH']}"}
        done = subprocess.run(["bash", "-c", line], cwd=self.work, env=env, stdin=subprocess.DEVNULL, capture_output=True,
                              timeout=harness.DEADLINE, check=False)
        self.assertEqual(status, done.returncode, done)
        return done.stdout.decode(), done.stderr.decode()

    def test_there_are_three(self):
        self.assertEqual(3, len(re.findall(r"^    .*jobctl map", self.section(), re.M)))
        self.assertEqual(3, self.section().count("```python"))

    def test_the_sweep(self):
        self.file("train", '#!/bin/sh\necho "$@"\n', 0o755)
        self.shell(self.line("--layers"))
        found = {}
        for folder, _, files in os.walk(os.path.join(self.work, "out")):
            if "stdout" in files:
                found[os.path.relpath(folder, self.work)] = self.read(os.path.join(folder, "stdout"))
        self.assertEqual({f"out/1/{lr}/2/{n}": f"--lr {lr} --layers {n}\n" for lr in ("0.1", "0.01") for n in (2, 4)}, found)

    def test_the_bar(self):
        for n in range(10):
            self.file(f"{n}.log", "line\n" * 100)
        _, err = self.shell(self.line("gzip"))
        self.assertEqual([f"{n}.log.gz" for n in range(10)], sorted(os.listdir(self.work)))
        self.assertIn("10/10 [", err)

    def test_those_that_failed_again(self):
        self.file("0.log", "line\n")
        os.mkdir(os.path.join(self.work, "1.log"))
        self.shell(self.line("gzip"), status=1)
        self.shell(self.line("gzip").split("then: ")[1])
        self.shell("jobctl wait last", status=2)
        self.assertEqual("1 failed: 2 of 2 done, 1 failed\n", self.jobctl("status", 1).out)

    def test_the_squares(self):
        out, _ = self.shell(self.line("$(("))
        self.assertEqual("".join(f"{n * n}\n" for n in range(1, 101)), out)

    def test_the_words_about_tasks(self):
        """Each command of the last paragraph is one that there is."""
        for word in ("logs", "cancel", "retry", "list", "wait"):
            self.jobctl("help", word)
        self.assertIn("--resume", self.jobctl("map", "--help").out)


if __name__ == "__main__":
    harness.main()

# SPDX-License-Identifier: Apache-2.0
"""What README.md shows, taken from it and run as it stands there: the five minutes, the three lines that
replace three scripts, the settings; and every command that it names exists."""

import json
import os
import re
import subprocess

import harness
import manual


def whole():
    with open(os.path.join(manual.SOURCE, "README.md"), encoding="utf-8") as f:
        return f.read()


def section(name):
    return whole().split(f"\n## {name}\n")[1].split("\n## ")[0]


def blocks(text, kind=""):
    return [block.splitlines() for block in re.findall(rf"^```{kind}\n(.*?)^```$", text, re.S | re.M)]


def same(text):
    """Times and the width of columns are of the moment."""
    return re.sub(r" +", " ", re.sub(r"\b\d+ms\b", "1ms", re.sub(r"\d\d:\d\d:\d\d", "12:00:00", text)))


class Transcript(harness.Case):
    maxDiff = None

    def test_the_five_minutes(self):
        """One shell, one command after the other; the backup lasts until somebody waits for it, as a backup does."""
        self.file("train", '#!/bin/sh\nfor n in 1 2; do echo "epoch $n, lr $2"; done\n', 0o755)
        self.file("backup", '#!/bin/sh\nread x <gate\necho "disk is full" >&2\nexit 3\n', 0o755)
        os.mkfifo(os.path.join(self.work, "gate"))
        lines = blocks(section("Five minutes as a user"))[0]
        commands = "\n".join(line[2:] for line in lines if line.startswith("$ "))
        self.start()
        env = {**self.env, "PATH": f"{harness.BIN}:{self.env['PATH']}"}
        done = subprocess.run(["bash", "-c", commands.replace("jobctl wait", "echo go >gate; jobctl wait", 1)], cwd=self.work,
                              env=env, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                              timeout=harness.DEADLINE, check=False)
        self.assertEqual(same("\n".join(line for line in lines if not line.startswith("$ ")) + "\n"), same(done.stdout))

    def test_the_settings(self):
        lines = blocks(section("Ten minutes as an administrator"), "ini")[0]
        done = subprocess.run([harness.program("jobd"), "--user", "--check-config", "--config", self.file("lab.conf", "\n".join(lines))],
                              env=self.env, capture_output=True, text=True, check=False)
        self.assertEqual("ok\n", done.stdout, done)
        for complaint in done.stderr.splitlines():
            self.assertRegex(complaint, "there is no (user|group)")

    def test_the_build_by_hand(self):
        """The preset that it names builds the programs alone; nobody waits for tests."""
        line = re.search(r"^By hand: `(.*?)`", section("Install it, run a job"), re.M)[1]
        self.assertEqual("sh packaging/deps.sh build && cmake --preset release && cmake --build --preset release", line)
        with open(os.path.join(manual.SOURCE, "CMakePresets.json"), encoding="utf-8") as f:
            presets = json.load(f)
        release = next(one for one in presets["configurePresets"] if one["name"] == "release")
        self.assertEqual("OFF", release["cacheVariables"].get("BUILD_TESTING"))
        self.assertIn("release", [one["name"] for one in presets["buildPresets"] if one["configurePreset"] == "release"])

    def test_every_page_exists(self):
        there_are = {(page.name, page.section) for page in manual.pages()}
        self.assertEqual(set(), set(re.findall(r"\b((?:lib)?job[a-z.-]+)\((\d)\)", whole())) - there_are)

    def test_every_file_exists(self):
        named = {word for word in re.findall(r"[`( ]((?:packaging|proto|daemon|worker|tests|client)/[\w./-]+\.(?:sh|c|h|md|proto))", whole())}
        self.assertGreater(len(named), 8)
        self.assertEqual([], [name for name in sorted(named) if not os.path.exists(os.path.join(manual.SOURCE, name))])

    def test_every_command_exists(self):
        text = whole()
        there_are = set(re.findall(r"^  ([a-z]+) ", self.jobctl("help").out, re.M))
        named = set(re.findall(r"^(?:[$#] )?\s*(?:\S+ \| )?jobctl ([a-z]+)", text, re.M)) | set(re.findall(r"`jobctl ([a-z]+)", text))
        self.assertGreater(len(named), 10)
        self.assertEqual(set(), named - there_are)


class ManyAtOnce(harness.Case):
    def setUp(self):
        super().setUp()
        self.start()

    def section(self):
        return section("Many at once")

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

# SPDX-License-Identifier: Apache-2.0
"""A real terminal (tmux), whose screen a test reads as a person would see it.

It looks again whenever the program has written something: tmux copies every byte of the pane to a FIFO.
"""

import os
import re
import select
import shlex
import shutil
import subprocess
import sys
import time

import harness

TMUX = shutil.which("tmux")


class Terminal:
    """One window of a tmux of its own, in which a line of shell runs."""

    def __init__(self, case, columns=80, rows=24, name="tmux"):
        self.case, self.columns, self.rows, self.name = case, columns, rows, name
        self.socket = os.path.join(case.dir, name)
        self.copy = case.pipe(name + ".pane")
        self.written = b""

    def tmux(self, *words):
        done = subprocess.run([TMUX, "-S", self.socket, "-f", "/dev/null", *words], env=self.case.env,
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd=self.case.work, check=False,
                              timeout=harness.DEADLINE)
        if done.returncode != 0:
            raise AssertionError(f"tmux {words[0]}: {done.stderr.decode()}")
        return done.stdout.decode(errors="replace")

    def run(self, *words):
        """Runs jobctl with these words; the window shows its status at the end, and stays."""
        self.begin(shlex.join([harness.program("jobctl"), *map(str, words)]) + "; echo status=$?; exec cat")

    def begin(self, line):
        """Runs a line of shell in the window instead of jobctl."""
        start = self.case.pipe(self.name + ".start")
        line = f"read x <{shlex.quote(start.path)}; {line}"
        self.tmux("new-session", "-d", "-x", str(self.columns), "-y", str(self.rows), line)
        self.case.addCleanup(self.close)
        self.tmux("pipe-pane", "-O", f"exec cat >{shlex.quote(self.copy.path)}")
        start.send()

    def close(self):
        subprocess.run([TMUX, "-S", self.socket, "kill-server"], stderr=subprocess.DEVNULL, check=False)

    def screen(self, *options):
        """What is to be seen: the lines down to the last that is not empty. -e: with colours."""
        return self.tmux("capture-pane", "-p", *options).rstrip("\n").split("\n")

    def until(self, happened, deadline=harness.DEADLINE):
        """Looks at the screen until happened(lines) is true, again whenever something was written."""
        until = time.monotonic() + deadline
        while True:
            lines = self.screen()
            if happened(lines):
                return lines
            left = until - time.monotonic()
            if left <= 0 or not select.select([self.copy.fd], [], [], left)[0]:
                raise TimeoutError("the screen stays\n" + "\n".join(lines))
            self.written += os.read(self.copy.fd, 1 << 20)

    def until_last(self, pattern):
        """Until the last line matches; returns the match."""
        return re.search(pattern, self.until(lambda lines: re.search(pattern, lines[-1]))[-1])

    def resize(self, columns, rows=None):
        self.tmux("resize-window", "-x", str(columns), *(["-y", str(rows)] if rows else []))

    def keys(self, *keys):
        """Presses them: characters, or names such as Down, Enter, C-c."""
        self.tmux("send-keys", *keys)

    def end(self, status):
        lines = self.until(lambda lines: lines[-1].startswith("status="))
        self.case.assertEqual(f"status={status}", lines[-1], "\n".join(lines))
        return lines[:-1]


class TerminalCase(harness.Case):
    """A test with terminals, and a daemon with four workers; skipped where there is no tmux."""

    def setUp(self):
        super().setUp()
        if not TMUX:
            print("SKIPPED: tmux is not here (sh packaging/deps.sh test): no terminal to look at", file=sys.stderr)
            self.skipTest("tmux is not here")
        self.start(workers=4).pool_ready(4)

# SPDX-License-Identifier: Apache-2.0
"""The progress line of `map` in a real terminal (tmux), and what is written where there is none."""

import os
import re
import select
import shlex
import sys
import time

import harness
from terminal import Terminal, TerminalCase

BAR = re.compile(r"^(\d+)%\|([# ]*)\| (\d+)/(\d+) \[\d\d:\d\d<(\d\d:\d\d|\?), [\d.?]+ (job/s|s/job)\]( \d+ failed)?$")
OPEN = re.compile(r"^(\d+)/(\d+\+|\?) \[\d\d:\d\d, [\d.?]+ (job/s|s/job)\]$")


class InATerminal(TerminalCase):
    def setUp(self):
        super().setUp()
        self.gate = self.pipe("gate")
        self.wait = f"read x <{shlex.quote(self.gate.path)}"

    def test_the_line(self):
        terminal = Terminal(self)
        terminal.run("map", "--bar", "-j1", self.wait + "; echo out {}; exit {}", ":::", "0", "1", "0", "0")
        terminal.until_last(r"^0%\| *\| 0/4 \[\d\d:\d\d<\?, \? job/s\]$")
        for done in range(1, 4):
            self.gate.send()
            match = terminal.until_last(rf"^{done * 25}%\|(#*) *\| {done}/4 \[.*\]( 1 failed)?$")
            self.assertEqual(done >= 2, bool(match.group(2)))
            self.assertTrue(match.group(1))
        self.gate.send()
        lines = terminal.end(1)
        self.assertEqual(["out 0", "out 1", "out 0", "out 0"], lines[:-1])
        self.assertRegex(lines[-1], r"^100%\|#+\| 4/4 \[\d\d:\d\d<00:00, .*\] 1 failed$")

    def test_output_scrolls_above(self):
        terminal = Terminal(self, rows=10)
        terminal.run("map", "--bar", "-k", "seq {} $(({} + 2)) #", ":::", *range(0, 60, 3))
        lines = terminal.end(0)
        bars = [line for line in lines if "|" in line]
        self.assertEqual(1, len(bars), lines)
        self.assertRegex(bars[0], r"^100%")
        self.assertEqual(lines[-1], bars[0])
        numbers = [line for line in lines if line.isdigit()]
        self.assertGreaterEqual(len(numbers), 7)
        self.assertEqual([str(n) for n in range(60 - len(numbers), 60)], numbers)

    def test_a_window_that_shrinks(self):
        terminal = Terminal(self, columns=120)
        terminal.run("map", "--bar", "-j1", "echo out {}; " + self.wait, ":::", "first", "second")
        terminal.until_last(r"^0%\|.*0/2 \[")
        for columns in (50, 25, 100, 30):
            terminal.resize(columns)
            lines = terminal.until(lambda lines, c=columns: len(lines) == 1 and self.fits(lines[0], c))
            self.assertLess(len(lines[0]), columns)
        self.gate.send()
        terminal.until(lambda lines: lines[0] == "out first" and len(lines) == 2 and "1/2" in lines[1])
        terminal.resize(90)
        terminal.until(lambda lines: lines[0] == "out first" and len(lines) == 2 and self.fits(lines[1], 90))
        self.gate.send()
        lines = terminal.end(0)
        self.assertEqual(["out first", "out second"], lines[:-1])
        self.assertIn("2/2", lines[-1])

    @staticmethod
    def fits(line, columns):
        """Is this the line as it is drawn for so many columns?"""
        if columns < 50:
            return re.match(r"^\d/2 \[", line) and len(line) < columns
        return re.match(r"^\d+%\|.*\| \d/2 \[", line) and len(line) < columns

    def test_at_most_ten_a_second(self):
        terminal = Terminal(self)
        begin = time.monotonic()
        terminal.run("map", "--bar", "true", ":::", *range(1500))
        terminal.end(0)
        seconds = time.monotonic() - begin
        os.set_blocking(terminal.copy.fd, False)
        while select.select([terminal.copy.fd], [], [], 0)[0]:
            terminal.written += os.read(terminal.copy.fd, 1 << 20)
        draws = terminal.written.count(b"\r") - terminal.written.count(b"\r\n")
        self.assertGreaterEqual(draws, 1)
        self.assertLessEqual(draws, 10 * seconds + 3)

    def test_inputs_that_still_come(self):
        terminal = Terminal(self)
        inputs = os.path.join(self.work, "inputs")
        os.mkfifo(inputs)
        terminal.run("map", "--bar", "echo", "::::", "inputs")
        with open(inputs, "w", encoding="utf-8") as feed:
            feed.write("a\n")
            feed.flush()
            terminal.until(lambda lines: lines[0] == "a" and OPEN.match(lines[-1]) and lines[-1].startswith("1/1+"))
            feed.write("b\nc\n")
            feed.flush()
            terminal.until_last(r"^3/3\+ \[")
        lines = terminal.end(0)
        self.assertRegex(lines[-1], BAR)

    def test_wait_shows_the_same(self):
        up = self.pipe("up")
        map_ = self.jobctl_start("map", "-j1", f"echo up >{shlex.quote(up.path)}; " + self.wait, ":::", "a", "b")
        up.line()
        terminal = Terminal(self)
        terminal.run("wait", "--progress", "1")
        terminal.until_last(r"0%\| *\| 0/2 \[")
        self.gate.send()
        up.line()
        terminal.until_last(r"50%\|#+ *\| 1/2 \[")
        self.gate.send()
        self.assertRegex(terminal.end(0)[-1], r"100%\|#+\| 2/2 \[")
        self.end(map_)


class WithoutATerminal(harness.Case):
    def setUp(self):
        super().setUp()
        self.start(workers=2)

    def test_a_line_each_ten_percent(self):
        result = self.jobctl("map", "--bar", "-k", "echo", ":::", *range(200))
        lines = result.err.splitlines()
        self.assertEqual("".join(f"{n}\n" for n in range(200)), result.out)
        self.assertLessEqual(len(lines), 11, lines)
        steps = []
        for line in lines:
            self.assertRegex(line, BAR)
            steps.append(int(BAR.match(line).group(1)))
        self.assertEqual(sorted(set(steps)), steps)
        self.assertEqual(100, steps[-1])

    def test_failures_are_counted(self):
        result = self.jobctl("map", "--eta", "exit {}", ":::", "0", "1", "2", status=2)
        self.assertTrue(result.err.splitlines()[-1].endswith("] 2 failed"), result.err)

    def test_nothing_unless_asked(self):
        self.assertEqual("", self.jobctl("map", "true", ":::", "a", "b").err)


if __name__ == "__main__":
    sys.exit(harness.main())

# SPDX-License-Identifier: Apache-2.0
"""Ctrl-C at any moment of a map, and the same command line again with --resume until nothing is left."""

import random
import signal
import sys

import harness

TASKS = 300


class Interrupts(harness.Case):
    def setUp(self):
        super().setUp()
        self.start(workers=3)

    def logged(self):
        """(sequence, exit code, signal) of each line of the job log."""
        try:
            lines = self.read("log").splitlines()[1:]
        except FileNotFoundError:
            return []
        return [(int(fields[0]), fields[6], fields[7]) for fields in (line.split("\t") for line in lines)]

    def until_done(self, rng, *options):
        """Interrupts each run after some lines of its output; returns what all of them showed."""
        shown = []
        words = ("map", *options, "--resume", "--joblog", "log", "echo out {}", ":::", *range(TASKS))
        for run in range(40):
            map_ = self.jobctl_start(*words)
            lines = self.lines(map_)
            try:
                for _ in range(rng.randrange(1, 30)):
                    shown.append(lines.next())
            except EOFError:
                break
            map_.send_signal(signal.SIGINT)
            if rng.random() < 0.3:
                map_.send_signal(signal.SIGINT)
            rest = self.end(map_, status=None)
            # The second may come when the first is done with and signals are as they were.
            self.assertIn(rest.status, (0, 130, -signal.SIGINT), f"run {run}: {rest}")
            shown += (lines.text + rest.raw).decode().splitlines()
        shown += self.jobctl(*words).out.splitlines()
        return shown

    def verify(self, shown):
        log = self.logged()
        self.assertEqual(list(range(1, TASKS + 1)), sorted(n for n, _, _ in log), "not every task is logged once")
        self.assertEqual({("0", "0")}, {end[1:] for end in log})
        # What stands in the log was shown: --resume would never show it again.
        self.assertEqual({f"out {n}" for n in range(TASKS)}, set(shown))
        with self.daemon.client() as client:
            states = {job["state"] for job in client.jobs().values()}
        self.assertLessEqual(states, {"STATE_SUCCEEDED", "STATE_CANCELLED"})

    def test_in_any_order(self):
        self.verify(self.until_done(random.Random(1)))

    def test_in_order(self):
        self.verify(self.until_done(random.Random(2), "-k"))

    def test_live(self):
        self.verify(self.until_done(random.Random(3), "--line-buffer"))

    def test_tagged_one_at_a_time(self):
        shown = self.until_done(random.Random(4), "-k", "--tag", "-j1")
        self.verify([line.partition("\t")[2] for line in shown])

    def test_before_anything_has_started(self):
        """It ends at once, with the same status, and leaves no log that could be mistaken."""
        for _ in range(5):
            map_ = self.jobctl_start("map", "--joblog", "log", "echo", "::::", "-", stdin=self.endless())
            map_.send_signal(signal.SIGINT)
            self.assertIn(self.end(map_, status=None).status, (130, -signal.SIGINT))

    def endless(self):
        """A stdin that gives nothing and does not end."""
        return self.pipe(f"endless{len(self.pipes)}").fd

    def test_detached(self):
        up, gate = self.pipe("up"), self.pipe("gate")
        map_ = self.jobctl_start("map", "--detach-on-interrupt", "-k", "-j1",
                                 f'echo up >"{up.path}"; read x <"{gate.path}"; echo {{}}', ":::", *"abc")
        up.line()
        gate.send()
        up.line()
        map_.send_signal(signal.SIGINT)
        result = self.end(map_, status=130)
        self.assertIn("attach 1", result.err)
        gate.send(2)
        up.line()
        attached = self.jobctl("attach", "1")
        self.assertEqual("a\nb\nc\n", result.out + attached.out)


if __name__ == "__main__":
    sys.exit(harness.main())

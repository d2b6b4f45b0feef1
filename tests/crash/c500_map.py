# SPDX-License-Identifier: Apache-2.0
"""kill -9 of the client, jobd and workers at random moments during a map of 5,000 tasks.

Each task appends a line "TASK ATTEMPT" to the witness before anything else and prints a block that
follows from its number; some print much. At the end

    every task     is told exactly once; it ran exactly once and succeeded, or is `lost` (only when a
                   worker was killed) and ran at most once, or never began and says so; none ran twice
    the output     of the client and of those that took its place by `attach` is, part after part, each
                   task's block whole and in order; only the last block of a killed client may be torn,
                   and it comes again, whole, from the next

The moments are counted in tasks started, and come from a seed: c500_map.py SEED.
"""

import os
import random
import subprocess
import sys

import harness
import world

TASKS = 5000
LARGE_EVERY = 1000
LINE = "%05d %d\n"
SCRIPT = ("printf '%05d %d\\n' \"$JOBD_TASK_ID\" \"$JOBD_ATTEMPT\" >>\"{witness}\"; echo begin \"$JOBD_TASK_ID\" {{}}; "
          "if [ $((JOBD_TASK_ID % 1000)) = 7 ]; then seq 1 {large}; fi; echo end \"$JOBD_TASK_ID\"")
SEED = 1


def value_of(task):
    return f"v{task:04d}" + "x" * 95


def block_of(task):
    lines = range(1, world.LARGE + 1) if task % LARGE_EVERY == 7 else ()
    return [f"begin {task} {value_of(task)}", *map(str, lines), f"end {task}"]


class MapAtAnyMoment(world.World):
    workers = 3

    def setUp(self):
        super().setUp()
        self.env["JOBCTL_SOCKET"] = self.daemon.socket
        self.parts = []  # [path of a client's output, was it killed]
        self.client = None
        self.job = None

    def test_each_task_runs_once(self):
        rng = random.Random(SEED)
        victims = ["client", "jobd", "worker"] * 2
        rng.shuffle(victims)
        moments = sorted(rng.sample(range(50, TASKS - 300), len(victims)))
        self.start_world()
        self.start_map()
        killed = []
        for moment, victim in zip(moments, victims):
            self.until_started(moment)
            if self.client.poll() is None:  # a client that was slow to start may be the last to notice
                self.kill_one(victim)
                killed.append(victim)
        self.assertLessEqual({"client", "jobd", "worker"}, set(killed), f"over before {victims} at {moments}")
        self.client.wait(4 * harness.DEADLINE)
        self.verify_tasks(killed.count("worker"))
        self.verify_parts()
        self.verify_nothing_runs()

    # ---- what happens

    def start_client(self, *words):
        path = os.path.join(self.dir, f"part{len(self.parts)}")
        self.parts.append([path, False])
        with open(path, "wb") as out, open(path + ".err", "wb") as err:
            self.client = subprocess.Popen([harness.program("jobctl"), *map(str, words)], stdin=subprocess.DEVNULL,
                                           stdout=out, stderr=err, env=self.env, cwd=self.work)

    def start_map(self):
        inputs = self.file("inputs", "".join(value_of(task) + "\n" for task in range(TASKS)))
        self.start_client("map", "-k", SCRIPT.format(witness=self.witness, large=world.LARGE), "::::", inputs)
        self.until_started(1)
        self.job = next(iter(self.talk(lambda client: client.jobs())))

    def started(self):
        try:
            return os.stat(self.witness).st_size // len(LINE % (0, 0))
        except FileNotFoundError:
            return 0

    def until_started(self, count):
        self.assertTrue(self.visits.wait(lambda _: self.started() >= count or self.client.poll() is not None),
                        f"only {self.started()} of {count} tasks started")
        self.assertGreaterEqual(self.started(), count, self.said())

    def said(self):
        with open(self.parts[-1][0] + ".err", encoding="utf-8", errors="replace") as f:
            return f"the client says: {f.read()}"

    def kill_one(self, victim):
        if victim == "client":
            # Inputs that were not told die with the client; this is about those that were.
            # Asked between the visits and not while they are waited for: jobd stands still until they are read.
            while self.is_open():
                seen = self.visits.total
                self.assertTrue(self.visits.wait(lambda v, seen=seen: v.total > seen), "the input stays open")
            self.client.kill()
            self.client.wait(harness.DEADLINE)
            self.parts[-1][1] = True
            self.start_client("attach", self.job)
            # Who has never reached a daemon need not wait for one. It may have ended with nothing left to show.
            self.daemon.ask_until("status", lambda status: status["sessions"] > 1 or self.client.poll() is not None)
            return
        self.kill_programs(victim)
        if victim == "jobd":
            self.start_world()

    def is_open(self):
        return self.talk(lambda client: client.jobs(self.job)[self.job].get("open"))

    # ---- the verdict

    def tell_ends(self, client):
        ends = []
        for reply in client.replies(client.send(results={"job": self.job, "first_task": 0, "until_end": True})):
            self.assertNotIn("error", reply)
            ends += reply.get("task_page", {}).get("ends", [])
        return ends

    def verify_tasks(self, workers_killed):
        ends = self.talk(self.tell_ends)
        starts = [line.split()[0] for line in self.read(self.witness).splitlines()]
        lost = [end for end in ends if end["state"] == "STATE_LOST"]
        self.assertEqual(list(range(TASKS)), sorted(end["task"] for end in ends), "not every task is told once")
        self.assertEqual(len(starts), len(set(starts)), "a task ran twice")
        self.assertLessEqual(len(lost), workers_killed, lost)
        started = {int(task) for task in starts}
        self.has_output = {}
        for end in ends:
            task, state, why = end["task"], end["state"].removeprefix("STATE_"), end.get("why", "")
            self.assertIn(state, ("SUCCEEDED", "FAILED", "LOST"), end)
            if state == "FAILED":
                self.assertIn("before it could execute", why, end)
            if state != "LOST":
                self.assertEqual(state == "SUCCEEDED", task in started, end)
            self.has_output[task] = state == "SUCCEEDED" and "output is lost" not in why

    def verify_parts(self):
        shown = set()
        for path, was_killed in self.parts:
            with open(path, encoding="utf-8") as f:
                lines = f.read().split("\n")
            torn = lines.pop()
            self.assertTrue(was_killed or torn == "", f"{path} ends with {torn!r}")
            self.verify_part(lines, was_killed, shown)
        missing = [task for task in range(TASKS) if self.has_output[task] and task not in shown]
        self.assertEqual([], missing, "output of these tasks was never shown whole")

    def verify_part(self, lines, was_killed, shown):
        """One client's lines: blocks of rising number without a gap behind what was shown before."""
        at, last = 0, -1
        while at < len(lines):
            words = lines[at].split()
            self.assertEqual("begin", words[0], f"line {at}: {lines[at]!r}")
            task = int(words[1])
            self.assertGreater(task, last, "out of order")
            between = [n for n in range(max(last + 1, 0), task) if self.has_output[n] and n not in shown]
            self.assertEqual([], between, f"skipped before {task}")
            block = block_of(task)
            found = lines[at:at + len(block)]
            if found == block:
                shown.add(task)
            elif self.has_output[task]:
                self.assertTrue(was_killed and at + len(block) > len(lines) and found == block[:len(found)],
                                f"the output of {task} is not whole")
            else:  # lost: what it printed before, if anything
                found = found[:next((n for n, line in enumerate(found) if n and line.startswith("begin")), len(found))]
            at += len(found)
            last = task


if __name__ == "__main__":
    if len(sys.argv) > 1:
        SEED = int(sys.argv.pop())
    sys.exit(harness.main())

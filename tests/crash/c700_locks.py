# SPDX-License-Identifier: Apache-2.0
"""kill -9 of jobd and of holders while processes and jobs count in a file that only a lock protects.

Each turn reads a number, is slow, and writes the next one. What is written by a turn that was killed is
either there or not, so turns say in a second file, under the same lock, that they are done: the count is
exact when each number was written once. The moments come from a seed: c700_locks.py SEED.
"""

import os
import random
import subprocess
import sys
import threading

import harness
import world

WORKERS = 2
PROCESSES = 3
TURNS = 12
ROUNDS = 6
SEED = 1
TURN = ('n=$(cat "{file}"); seq 1 3000 | wc -l >/dev/null; echo $((n + 1)) >"{file}.new"; '
        'mv "{file}.new" "{file}"; echo $((n + 1)) >>"{file}.log"')


class Locks(world.World):
    workers = WORKERS

    def setUp(self):
        super().setUp()
        self.env["JOBCTL_SOCKET"] = self.daemon.socket
        self.rng = random.Random(SEED)
        self.counter = self.file("counter", "0\n")
        self.turn = TURN.format(file=self.counter)
        self.up = threading.Event()

    def test_the_count_is_exact(self):
        self.start_world()
        self.up.set()
        loops = [self.start_loop() for _ in range(PROCESSES)]
        jobs = [int(self.ask("submit", "--lock", "count", "sh", "-c", self.turn).out) for _ in range(TURNS)]
        for _ in range(ROUNDS):
            moment = self.visits.total + self.rng.randrange(5, 40)
            self.visits.wait(lambda v, moment=moment: v.total >= moment, deadline=3)
            self.up.clear()
            self.kill_programs("jobd")
            self.start_world()
            self.up.set()
        for loop in loops:
            self.assertEqual(0, loop.wait(4 * harness.DEADLINE))
        self.jobctl("wait", *jobs, status=0, deadline=4 * harness.DEADLINE)
        turns = PROCESSES * TURNS + TURNS
        self.assertEqual(f"{turns}\n", self.read(self.counter))
        self.assertEqual([str(n + 1) for n in range(turns)], self.read(self.counter + ".log").split())
        self.assertEqual([], [line for line in self.jobctl("lock", "--list").out.splitlines() if "count" in line])

    def test_a_holder_that_is_killed_gives_way(self):
        self.start_world()
        self.up.set()
        held = self.pipe("held")
        holder = self.jobctl_start("lock", "count", "--", "sh", "-c", f'echo "up $$" >"{held.path}"; exec tail -f /dev/null')
        pid = int(held.line().split()[1])
        job = self.submit("--lock", "count", "sh", "-c", self.turn)
        self.kill_programs("jobd")
        self.start_world()
        self.assertEqual("queued", self.state(job))
        harness.kill(pid)
        holder.wait(harness.DEADLINE)
        self.jobctl("wait", job)
        self.assertEqual("1\n", self.read(self.counter))

    def ask(self, *words):
        """jobctl that finds a daemon; who has been connected waits by itself when it dies."""
        while True:
            done = self.jobctl(*words, status=None)
            if done.status != 69:
                return done
            self.assertTrue(self.up.wait(harness.DEADLINE), "jobd does not come back")

    def start_loop(self):
        """A shell that takes the lock again and again; one that finds no daemon at all tries again."""
        jobctl = harness.program("jobctl")
        path = self.file(f"turn{len(os.listdir(self.work))}", self.turn + "\n")
        loop = (f'i=0; while [ $i -lt {TURNS} ]; do "{jobctl}" lock count -- sh "{path}"; r=$?; '
                '[ $r = 125 ] && continue; [ $r = 0 ] || exit $r; i=$((i + 1)); done')
        process = subprocess.Popen(["sh", "-c", loop], stdin=subprocess.DEVNULL, env=self.env, cwd=self.work)
        self.processes.append(process)
        return process


if __name__ == "__main__":
    if len(sys.argv) > 1:
        SEED = int(sys.argv.pop())
    sys.exit(harness.main())

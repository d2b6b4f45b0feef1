# SPDX-License-Identifier: Apache-2.0
"""Shared cores, queues, dependencies and locks while jobd and its workers are killed at random moments.

Each job appends "B ID" to the witness when it begins and "E ID" when it ends, so the order of the lines
is the order of what happened. At the end

    every job        has ended, once, in a state that its kind allows; none ran twice
    cores            of the jobs that ran at once were never more than there are
    a lock           was held by one job at a time, and a queue of width 1 ran one
    a dependent job  began after its parent's end, or never when that can not come true

Jobs that were killed with their worker have no end in the witness; their time is not looked at. The
numbers come from a seed: c900_sharing.py SEED.
"""

import json
import random
import sys
import threading

import harness
import world

CORES = 3
NO_DAEMON = 69
ROUNDS = 8
SCRIPT = 'echo "B $JOBD_JOB_ID" >>"{witness}"; seq 1 {count} | wc -l >/dev/null; echo "E $JOBD_JOB_ID" >>"{witness}"; exit {code}'
VICTIMS = (("jobd",), ("worker",), ("jobd", "worker"), ("jobd",), ("jobd", "pool", "workers"))
SEED = 1


class Sharing(world.World):
    workers = CORES

    def setUp(self):
        super().setUp()
        self.env["JOBCTL_SOCKET"] = self.daemon.socket
        self.rng = random.Random(SEED)
        self.facts = {}  # id -> what was asked for

    def test_all_that_was_promised_holds(self):
        self.up = threading.Event()
        self.start_world()
        self.up.set()
        self.jobctl("queue", "add", "single", "--width", 1)
        for number in range(ROUNDS):
            moment = self.visits.total + self.rng.randrange(20, 150)
            killer = threading.Thread(target=self.kill_at, args=(moment, self.rng.choice(VICTIMS)))
            killer.start()
            for _ in range(self.rng.randrange(4, 8)):
                self.submit_one()
                self.disturb()
            killer.join()
            self.assertTrue(self.up.is_set(), f"round {number}")
        for job in self.facts:
            self.jobctl("release", job, status=None)
        self.jobctl("wait", *self.facts, status=None, deadline=4 * harness.DEADLINE)
        self.verify_jobs()

    def test_a_width_and_a_lock_hold_across_deaths(self):
        """One runs in a queue of width 1, one has a lock; who waits behind them does so in each life of jobd."""
        self.start_world()
        self.jobctl("queue", "add", "single", "--width", 1)
        in_queue, _, gate = self.submit_blocked("gate", "--queue", "single")
        with_lock, _, key = self.submit_blocked("key", "--lock", "x")
        behind = self.submit("--queue", "single", "true"), self.submit("--lock", "x", "true")
        for life in range(3):
            self.jobctl("run", "true")  # the third core: whoever else may start has been looked at
            self.assertEqual(["queued", "queued"], [self.state(job) for job in behind], f"life {life}")
            self.daemon.kill()
            self.start_world()
        gate.send()
        key.send()
        self.jobctl("wait", in_queue, with_lock, *behind)
        self.verify_nothing_runs()

    def kill_at(self, moment, victims):
        self.visits.wait(lambda v: v.total >= moment, deadline=3)
        self.up.clear()
        self.kill_programs(*victims)
        if "jobd" in victims:
            self.start_world()
        self.up.set()

    # ---- what happens

    def ask(self, *words):
        """jobctl that finds a daemon; who has been connected waits by itself when it dies."""
        while True:
            done = self.jobctl(*words, status=None)
            if done.status != NO_DAEMON:
                return done
            self.assertTrue(self.up.wait(harness.DEADLINE), "jobd does not come back")

    def submit_one(self):
        rng = self.rng
        facts = {"cores": rng.choice((1, 1, 1, 2, 3)), "code": rng.choice((0, 0, 0, 1)), "lock": None, "queue": None,
                 "parent": None, "kind": None}
        words = ["-c", facts["cores"], "--priority", rng.randrange(-5, 6)]
        if rng.random() < 0.3:
            facts["lock"] = rng.choice("xy")
            words += ["--lock", facts["lock"]]
        if rng.random() < 0.3:
            facts["queue"] = "single"
            words += ["--queue", "single"]
        if self.facts and rng.random() < 0.4:
            facts["parent"] = rng.choice(sorted(self.facts))
            facts["kind"] = rng.choice(("afterok", "afterany", "afternotok"))
            words += ["--dependency", f"{facts['kind']}:{facts['parent']}"]
        if rng.random() < 0.2:
            words.append("--hold")
        script = SCRIPT.format(witness=self.witness, count=rng.choice((1, 1000, 100000)), code=facts["code"])
        done = self.ask("submit", *words, "--", "sh", "-c", script)
        if done.status:  # a parent that has ended otherwise already is refused
            self.assertIsNotNone(facts["parent"], done)
            self.assertSays(done, "cannot come true")
            return
        self.facts[int(done.out)] = facts

    def disturb(self):
        """Something that users do to their jobs; whether it is still possible does not matter."""
        job = self.rng.choice(sorted(self.facts or [1]))
        words = self.rng.choice((("hold", job), ("release", job), ("release", job), ("update", job, "--priority", 9),
                                 ("cancel", job, "--yes"), ("list",), ("why", job)))
        if words[0] == "cancel" and self.rng.random() < 0.5:
            return
        self.ask(*words)

    # ---- the verdict

    def verify_jobs(self):
        states = {job: json.loads(self.jobctl("info", "--json", job).out.splitlines()[0]) for job in self.facts}
        lines = [line.split() for line in self.read(self.witness).splitlines()]
        begun = [int(job) for what, job in lines if what == "B"]
        self.assertEqual(sorted(begun), sorted(set(begun)), "a job ran twice")
        self.assertEqual(set(), set(begun) - set(self.facts), "jobs ran that nobody acknowledged")
        for job, state in states.items():
            self.assertIn(state["state"], ("succeeded", "failed", "cancelled", "lost"), state)
        self.verify_order(lines)
        self.verify_parents(lines, states)
        self.verify_nothing_runs()

    def verify_order(self, lines):
        whole = {int(job) for what, job in lines if what == "E"}
        running = set()
        for what, job in ((what, int(job)) for what, job in lines):
            if job not in whole:
                continue
            if what == "E":
                running.remove(job)
                continue
            running.add(job)
            facts = [self.facts[other] for other in running]
            self.assertLessEqual(sum(f["cores"] for f in facts), CORES, f"too many cores: {running}")
            for name in ("lock", "queue"):
                held = [f[name] for f in facts if f[name]]
                self.assertEqual(len(held), len(set(held)), f"more than one of a {name}: {running}")

    def verify_parents(self, lines, states):
        at = {(what, int(job)): number for number, (what, job) in enumerate(lines)}
        for job, facts in self.facts.items():
            parent = facts["parent"]
            if parent is None or ("B", job) not in at:
                continue
            if ("E", parent) in at:
                self.assertLess(at["E", parent], at["B", job], f"job {job} began before the end of {parent}")
            ended = states[parent]["state"]
            if facts["kind"] == "afterok":
                self.assertEqual("succeeded", ended, f"job {job} after {parent}")
            elif facts["kind"] == "afternotok":
                self.assertNotEqual("succeeded", ended, f"job {job} after {parent}")


if __name__ == "__main__":
    if len(sys.argv) > 1:
        SEED = int(sys.argv.pop())
    sys.exit(harness.main())

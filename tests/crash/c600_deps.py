# SPDX-License-Identifier: Apache-2.0
"""kill -9 of jobd at random moments while flows go through it: diamonds, chains, ends that are not met.

Every job writes a line when it starts and one when it ends. However often jobd dies, each job has run at
most once, none began before what it waits for had ended, and each ended as its flow says. The moments are
counted in visits of the named places, from a fixed seed: c600_deps.py SEED.
"""

import random
import sys
import threading

import harness
import world

ROUNDS = 20
CHAIN = 8
SEED = 1
SCRIPT = 'echo "S $JOBD_JOB_ID $JOBD_TASK_ID" >>"{witness}"; {middle} echo "E $JOBD_JOB_ID $JOBD_TASK_ID" >>"{witness}"; exit {code}'


class Flow:
    """One submission: specs, and what must become of each."""

    def __init__(self, case):
        self.case = case
        self.specs, self.ends, self.parents = [], [], []

    def add(self, *parents, kind="AFTEROK", end="SUCCEEDED", code=0, middle="", **more):
        line = SCRIPT.format(witness=self.case.witness, code=code, middle=middle)
        self.specs.append({"argv": [b"/bin/sh", b"-c", line.encode()], "cwd": self.case.work.encode(), **more,
                           "dependencies": [{"kind": f"DEPENDENCY_{kind}", "sibling": p} for p in parents]})
        self.ends.append(end)
        self.parents.append((kind, parents))
        return len(self.specs) - 1


def diamond_and_chain(case):
    flow = Flow(case)
    start = flow.add()
    sides = [flow.add(start) for _ in range(4)]
    last = flow.add(*sides)
    for _ in range(CHAIN):
        last = flow.add(last)
    bad = flow.add(last, code=3, end="FAILED")
    never = flow.add(bad, end="CANCELLED")
    flow.add(never, end="CANCELLED")
    flow.add(bad, kind="AFTERNOTOK")
    flow.add(bad, never, kind="AFTERANY")
    array = {"array_first": 0, "array_last": 3}
    tasks = flow.add(last, end="FAILED", code="$((JOBD_TASK_ID == 2))", **array)
    # Failed or cancelled as a whole: as its last task was.
    flow.add(tasks, kind="AFTERCORR", end=None, **array)
    return flow


class Flows(world.World):
    def test_order_holds_and_nothing_runs_twice(self):
        rng = random.Random(SEED)
        self.up = threading.Event()
        self.start_world()
        self.up.set()
        flows = []
        for number in range(ROUNDS):
            moment = self.visits.total + rng.randrange(1, 120)
            killer = threading.Thread(target=self.kill_at, args=(moment,))
            killer.start()
            flow = diamond_and_chain(self)
            self.submit_surely(*flow.specs)
            flows.append((self.acknowledged[self.submissions[-1][0]], flow))
            killer.join()
            self.assertTrue(self.up.is_set(), f"round {number}")
        ended = self.wait_all()
        lines = [tuple(line.split()) for line in self.read(self.witness).splitlines()]
        self.assertEqual(len(set(lines)), len(lines), "something ran twice")
        self.at = {line: n for n, line in enumerate(lines)}
        for first, flow in flows:
            self.verify_flow(first, flow, ended)
        for key, specs in self.submissions:
            self.assertTrue(self.repeat(key, specs).get("existing"), "a key was forgotten")

    def kill_at(self, moment):
        self.visits.wait(lambda v: v.total >= moment, deadline=3)
        self.up.clear()
        self.kill_programs("jobd")
        self.start_world()
        self.up.set()

    def on_lost_connection(self):
        if not self.up.wait(harness.DEADLINE):
            raise TimeoutError("jobd does not come back")

    def verify_flow(self, first, flow, ended):
        for n, end in enumerate(flow.ends):
            if end:
                self.assertEqual(f"STATE_{end}", ended[first + n]["state"], f"place {n}: {ended[first + n]}")
            kind, parents = flow.parents[n]
            if "array_last" in flow.specs[n]:
                self.verify_tasks(first + n, [first + p for p in parents], kind)
                continue
            self.assertEqual(end != "CANCELLED", ("S", str(first + n), "0") in self.at, f"place {n}")
            for parent in parents:
                self.verify_order(first + n, 0, first + parent, 0)

    def verify_tasks(self, job, parents, kind):
        for task in range(4):
            ran = ("S", str(job), str(task)) in self.at
            self.assertEqual(kind != "AFTERCORR" or task != 2, ran, f"task {job}.{task}")
            self.verify_order(job, task, parents[0], task if kind == "AFTERCORR" else 0)

    def verify_order(self, job, task, parent, parent_task):
        start = self.at.get(("S", str(job), str(task)))
        end = self.at.get(("E", str(parent), str(parent_task)))
        if start is not None and ("S", str(parent), str(parent_task)) in self.at:
            self.assertIsNotNone(end, f"{job}.{task} began, and {parent}.{parent_task} never ended")
            self.assertLess(end, start, f"{job}.{task} began before {parent}.{parent_task} had ended")


if __name__ == "__main__":
    if len(sys.argv) > 1:
        SEED = int(sys.argv.pop())
    sys.exit(harness.main())

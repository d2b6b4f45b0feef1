# SPDX-License-Identifier: Apache-2.0
"""
Workers and the pool die at each of their named places; then everything dies and starts again.

c200_worker_places.py K N: only the K-th of N parts, so that the parts can run beside each other.
"""

import sys
import zlib

import harness
import world


# Only system mode has these (a helper, and the fork path); and a program that runs when all else is idle.
ELSEWHERE = ("names-hang", "spawn-step", "compact-written")


class WorkerDies(world.World):
    def at(self, failpoint):
        """Lets the place be hit a few times, with jobd watching, before all is started afresh."""
        place = failpoint.split("=")[0]
        self.start_world(failpoint)
        self.work_mixed()
        self.visits.wait(lambda v: v.counts.get(place, 0) >= 3, deadline=3)
        self.kill_programs("jobd", "pool", "workers")
        self.start_world()
        self.verify()
        self.assertIn(place, self.visits.counts, "nothing visited the place")

    def at_alone(self, failpoint):
        """Only the dying programs die, each after some work; jobd and the pool deal with it."""
        self.start_world(failpoint)
        self.work_mixed()
        self.verify()


def add_tests(part, parts):
    def make(place, action):
        def test(self):
            self.at(f"{place}={action}")
        return test

    def make_alone(place):
        def test(self):
            self.at_alone(f"{place}=kill:20")
        return test

    tests = {}
    for place in world.places("worker", "common"):
        if place not in ELSEWHERE:
            name = "test_" + place.replace(".", "_").replace("-", "_")
            for action in ("kill:1", "kill:2"):
                tests[name + "_" + action.replace(":", "_")] = make(place, action)
            tests[name + "_alone"] = make_alone(place)
    for action in ("fail:1", "fail:2", "fail:3", "fail:4"):
        tests["test_record_torn_" + action.replace(":", "_")] = make("record-torn", action)
    for name, test in tests.items():
        if zlib.crc32(name.encode()) % parts == part:
            setattr(WorkerDies, name, test)


if __name__ == "__main__":
    add_tests(*(int(sys.argv.pop(1)) for _ in range(2)) if len(sys.argv) > 2 else (0, 1))
    sys.exit(harness.main())

# SPDX-License-Identifier: Apache-2.0
"""Workers and the pool die at each of their named places; then everything dies and starts again."""

import sys

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


def add_tests():
    def make(place, action):
        def test(self):
            self.at(f"{place}={action}")
        return test

    def make_alone(place):
        def test(self):
            self.at_alone(f"{place}=kill:20")
        return test

    for place in world.places("worker", "common"):
        if place not in ELSEWHERE:
            name = "test_" + place.replace(".", "_").replace("-", "_")
            for action in ("kill:1", "kill:2"):
                setattr(WorkerDies, name + "_" + action.replace(":", "_"), make(place, action))
            setattr(WorkerDies, name + "_alone", make_alone(place))
    for action in ("fail:1", "fail:2", "fail:3", "fail:4"):
        setattr(WorkerDies, "test_record_torn_" + action.replace(":", "_"), make("record-torn", action))


add_tests()

if __name__ == "__main__":
    sys.exit(harness.main())

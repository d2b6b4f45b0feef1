# SPDX-License-Identifier: Apache-2.0
"""Workers and the pool die at each of their named places; then everything dies and starts again."""

import sys

import harness
import world


class WorkerDies(world.World):
    def at(self, failpoint):
        """Lets the place be hit a few times, with jobd watching, before all is started afresh."""
        place = failpoint.split("=")[0]
        self.start_world(failpoint)
        self.work_mixed()
        with self.daemon.client() as client:
            tag = client.send(wait={"selector": {"all": True}})
            reached = self.visits.wait(lambda v: v.counts.get(place, 0) >= 3, deadline=5)
            client.send(stop={"stop_tag": tag})
        self.kill_programs("jobd", "pool", "workers")
        self.start_world()
        self.verify()
        return reached or place in self.visits.counts

    def at_alone(self, failpoint):
        """Only the dying programs die; jobd and the pool deal with it while they run."""
        self.start_world(failpoint)
        self.submit_surely(self.spec(), self.spec(), self.spec(world.LARGE))
        self.verify()


def add_tests():
    def make(place, action):
        def test(self):
            self.assertTrue(self.at(f"{place}={action}"), f"nothing visited {place}")
        return test

    def make_alone(place):
        def test(self):
            self.at_alone(f"{place}=kill:2")
        return test

    for place in world.places("worker"):
        name = "test_" + place.replace(".", "_").replace("-", "_")
        for action in ("kill:1", "kill:2"):
            setattr(WorkerDies, name + "_" + action.replace(":", "_"), make(place, action))
        setattr(WorkerDies, name + "_alone", make_alone(place))


add_tests()

if __name__ == "__main__":
    sys.exit(harness.main())

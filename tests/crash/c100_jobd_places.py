# SPDX-License-Identifier: Apache-2.0
"""jobd dies, or a call of it fails, at each of its named places; it is started again."""

import sys

import harness
import world

# Places that only unusual states reach; their own tests are named here.
ELSEWHERE = {
    "journal.purge": "test_purge",
    "journal.recover_wal_gone": "unit tests of the journal",
}


class JobdDies(world.World):
    def at(self, failpoint):
        self.start_world(failpoint)
        self.work_mixed()
        self.daemon.kill()
        self.start_world()
        self.verify()
        return failpoint.split("=")[0] in self.visits.counts

    def test_purge(self):
        """Killed in the middle of a purge: what is left is a whole database."""
        for action in ("kill:1", "kill:2", "fail:1"):
            with self.subTest(action=action):
                self.daemon = harness.Daemon(self, "purge-" + action.replace(":", "-"))
                self.start_world("journal.purge=" + action)
                with self.daemon.client() as client:
                    ids = range(1, 31)
                    client.submit(*[[b"true"]] * 30)
                    client.wait(*ids)
                    try:
                        client.ask("purge")
                    except world.LOST_CONNECTION:
                        self.revive()
                with self.daemon.client() as client:
                    client.ask("purge")
                    self.assertEqual({}, client.jobs())
                    self.assertEqual(31, client.submit([b"true"])["first_id"])
                    client.wait(31)
                self.daemon.stop()


def add_tests():
    """One test for each place and action, so that a failure names it."""
    def make(place, action):
        def test(self):
            self.assertTrue(self.at(f"{place}={action}"), f"nothing visited {place}")
        return test

    for place in world.places("daemon", "common"):
        if place not in ELSEWHERE:
            for action in ("kill:1", "kill:3", "fail:2"):
                name = "test_" + place.replace(".", "_").replace("-", "_") + "_" + action.replace(":", "_")
                setattr(JobdDies, name, make(place, action))


add_tests()

if __name__ == "__main__":
    sys.exit(harness.main())

# SPDX-License-Identifier: Apache-2.0
"""jobd dies, or a call of it fails, at each of its named places; it is started again."""

import sys

import harness
import world

# Places that only unusual states reach: they have tests of their own.
ELSEWHERE = ("journal.purge", "journal.recover_ready", "journal.recover_wal_gone")
# Places where a failure means "not sent", which only happens together with jobd's death.
NO_FAILURE = ("engine.before_start",)


class JobdDies(world.World):
    def at(self, failpoint):
        """Works with it, restarts, judges. Returns how often jobd died of it."""
        self.start_world(failpoint)
        self.work_mixed()
        if failpoint.endswith("=kill:1"):
            self.wait_all()
        self.daemon.kill()
        self.start_world()
        self.verify()
        self.assertIn(failpoint.split("=")[0], self.visits.counts, "nothing visited the place")
        return self.deaths

    def purge(self, action):
        """In the middle of a purge: what is left is a whole database, and no id comes again."""
        self.start_world("journal.purge=" + action)
        self.talk(lambda client: client.submit(*[[b"true"]] * 30, key=b"the same key 16b"))
        self.talk(lambda client: client.wait(*range(1, 31)))
        self.talk(lambda client: client.ask("purge"))
        self.assertEqual({}, self.talk(lambda client: client.jobs()))
        key = world.new_key()
        self.assertEqual(31, self.talk(lambda client: client.submit([b"true"], key=key))["first_id"])
        self.talk(lambda client: client.wait(31))
        self.assertEqual("STATE_SUCCEEDED", self.talk(lambda client: client.jobs())[31]["state"])
        self.assertIn("journal.purge", self.visits.counts)

    def test_purge_kill(self):
        self.purge("kill:1")

    def test_purge_kill_later(self):
        self.purge("kill:2")

    def test_purge_fails(self):
        self.purge("fail:1")

    def recovery(self, place, action):
        """An I/O error makes the next start rewrite the database; that start is killed too."""
        self.start_world("journal.before_commit=fail:4", f"{place}={action}")
        self.work_mixed()
        self.verify()
        self.assertIn(place, self.visits.counts)
        self.assertEqual(2, self.deaths)

    def test_recovery_ready_kill(self):
        self.recovery("journal.recover_ready", "kill:1")

    def test_recovery_ready_fails(self):
        self.recovery("journal.recover_ready", "fail:1")

    def test_recovery_wal_gone_kill(self):
        self.recovery("journal.recover_wal_gone", "kill:1")

    def test_recovery_wal_gone_fails(self):
        self.recovery("journal.recover_wal_gone", "fail:1")


def add_tests():
    """One test for each place and action, so that a failure names it."""
    def make(place, action):
        def test(self):
            deaths = self.at(f"{place}={action}")
            if action == "kill:1":
                self.assertEqual(1, deaths)
        return test

    for place in world.places("daemon"):
        if place not in ELSEWHERE:
            for action in ("kill:1", "kill:3") if place in NO_FAILURE else ("kill:1", "kill:3", "fail:2"):
                name = "test_" + place.replace(".", "_").replace("-", "_") + "_" + action.replace(":", "_")
                setattr(JobdDies, name, make(place, action))


add_tests()

if __name__ == "__main__":
    sys.exit(harness.main())

# SPDX-License-Identifier: Apache-2.0
"""kill -9 of jobd, a worker, both, the pool or everything, at random moments.

The moments are counted in visits of the named places, and the numbers come from a fixed seed, so a
run that fails can be repeated. The seed is the argument: c300_random.py SEED.
"""

import random
import sys
import threading

import harness
import world

VICTIMS = (("jobd",), ("worker",), ("jobd", "worker"), ("pool",), ("workers",), ("jobd", "pool", "workers"))
ROUNDS = 10
SEED = 1


class AnyMoment(world.World):
    workers = 3

    def test_nothing_acknowledged_is_lost(self):
        rng = random.Random(SEED)
        self.up = threading.Event()
        self.start_world()
        self.up.set()
        for number in range(ROUNDS):
            victims = rng.choice(VICTIMS)
            moment = self.visits.total + rng.randrange(1, 60)
            killer = threading.Thread(target=self.kill_at, args=(moment, victims))
            killer.start()
            for _ in range(rng.randrange(2, 6)):
                self.submit_surely(*[self.spec(rng.choice((world.SMALL, world.SMALL, world.LARGE)),
                                               **({"requeue": True} if rng.random() < 0.5 else {}))
                                     for _ in range(rng.randrange(1, 5))])
            killer.join()
            self.assertTrue(self.up.is_set(), f"round {number}")
        self.verify()

    def kill_at(self, moment, victims):
        """Kills when the world has done so much (or has nothing more to do), and revives jobd."""
        self.visits.wait(lambda v: v.total >= moment, deadline=3)
        if "jobd" in victims:
            self.up.clear()
        self.kill_programs(*victims)
        if "jobd" in victims:
            self.start_world()
            self.up.set()

    def on_lost_connection(self):
        if not self.up.wait(harness.DEADLINE):
            raise TimeoutError("jobd does not come back")


if __name__ == "__main__":
    if len(sys.argv) > 1:
        SEED = int(sys.argv.pop())
    sys.exit(harness.main())

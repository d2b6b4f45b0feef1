# SPDX-License-Identifier: Apache-2.0
"""Leased cores: a job that asks for some runs on those and knows how many; a new jobd knows them too."""

import os
import unittest

import harness

OWN = sorted(os.sched_getaffinity(0))
AFFINITY = "import os; print(*sorted(os.sched_getaffinity(0)))"


@unittest.skipIf(len(OWN) < 2, "this machine has one processor")
class Cores(harness.Case):
    def blocked(self, name, *options):
        """A job that tells where it may run, and waits; it has told on return."""
        said, gate = self.pipe("said-" + name), self.pipe("gate-" + name)
        script = f'python3 -Sc "{AFFINITY}" >"{said.path}"; read x <"{gate.path}"'
        job = self.submit(*options, "sh", "-c", script)
        return job, [int(word) for word in said.line().split()], gate

    def test_a_job_runs_on_the_cores_that_it_asked_for(self):
        self.start(workers=2)
        out = self.jobctl("run", "-c", "2", "python3", "-c", AFFINITY).out
        self.assertEqual(OWN[:2], [int(word) for word in out.split()])
        out = self.jobctl("run", "-c", "1", "python3", "-c", AFFINITY).out
        self.assertEqual(1, len(out.split()))
        out = self.jobctl("run", "python3", "-c", AFFINITY).out
        self.assertEqual(OWN, [int(word) for word in out.split()])

    def test_always_and_never(self):
        self.start(workers=2, config="[Jobs]\nAffinity=always\n")
        self.assertEqual(1, len(self.jobctl("run", "python3", "-c", AFFINITY).out.split()))
        self.daemon.configure("[Jobs]\nAffinity=never\n")
        self.jobctl("reload")
        out = self.jobctl("run", "-c", "1", "python3", "-c", AFFINITY).out
        self.assertEqual(OWN, [int(word) for word in out.split()])

    def test_no_core_is_anybody_elses_also_after_a_restart(self):
        self.start(workers=3, config="[Pool]\nCores=2\n")
        first, one, gate1 = self.blocked("1", "-c", "1")
        second, two, gate2 = self.blocked("2", "-c", "1")
        self.assertEqual(OWN[:2], sorted(one + two))
        self.daemon.kill()
        self.daemon.start(workers=3, config="[Pool]\nCores=2\n")
        self.daemon.pool_ready(3)
        third = self.submit("-c", "1", "python3", "-Sc", AFFINITY)
        self.assertEqual("queued", self.state(third))
        gate2.send()
        self.jobctl("wait", second, third)
        self.assertEqual(two, [int(word) for word in self.jobctl("logs", third).out.split()])
        gate1.send()
        self.jobctl("wait", first)

    def test_a_pool_of_processes_inside_has_as_many(self):
        self.start(workers=2)
        script = "import os; print(len(os.sched_getaffinity(0)), os.environ['OMP_NUM_THREADS'], os.environ['JOBD_CPUS'])"
        self.assertEqual("2 2 2\n", self.jobctl("run", "-c", "2", "python3", "-c", script).out)
        mine = {"OMP_NUM_THREADS": "9"}
        self.assertEqual("2 9 2\n", self.jobctl("run", "-c", "2", "python3", "-c", script, env=mine).out)
        out = self.jobctl("run", "sh", "-c", "echo $JOBD_CPUS ${OMP_NUM_THREADS-none}").out
        self.assertEqual("1 none\n", out)


if __name__ == "__main__":
    harness.main()

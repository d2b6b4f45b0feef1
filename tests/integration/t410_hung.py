# SPDX-License-Identifier: Apache-2.0
"""Workers that hang: found within half a minute, whatever they were doing, and replaced."""

import os
import signal

import harness


class Hung(harness.Case):
    def test_a_worker_that_stops_while_idle_is_replaced(self):
        self.start(workers=1)
        worker = self.daemon.pool_ready(1)["workers"][0]["pid"]
        os.kill(worker, signal.SIGSTOP)
        job = self.submit("--requeue", "true")
        self.jobctl("wait", job, deadline=90)
        self.assertNotEqual(worker, self.daemon.pool_ready(1)["workers"][0]["pid"])

    def test_a_worker_that_stops_with_a_job_is_replaced(self):
        self.start(workers=1)
        job, pid, _ = self.submit_blocked()
        worker = self.daemon.pool()["workers"][0]["pid"]
        os.kill(worker, signal.SIGSTOP)
        self.jobctl("wait", job, status=125, deadline=90)
        self.assertEqual("lost", self.state(job))
        harness.wait_gone(pid)
        self.jobctl("run", "true")


if __name__ == "__main__":
    harness.main()

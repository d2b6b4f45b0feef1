# SPDX-License-Identifier: Apache-2.0
"""Jobs with tasks: what list, info, logs, wait, cancel, retry, events and status make of them."""

import harness

# Fails while FILE does not exist.
PICKY = 'echo "task $JOBD_TASK_ID attempt $JOBD_ATTEMPT"; case $JOBD_TASK_ID in 1|3) test -e "$0";; esac'


class Retry(harness.Case):
    def setUp(self):
        super().setUp()
        self.start()
        self.good = f"{self.work}/good"

    def counts(self, job):
        return self.jobctl("info", "--json", job).json["tasks_by_state"]

    def attempts(self, job):
        with self.daemon.client() as client:
            return [one["attempt"] for one in client.jobs(job)[job]["attempts"]]

    def picky(self):
        job = self.submit("--array", "0-5", "sh", "-c", PICKY, self.good)
        self.jobctl("wait", job, status=1)
        self.assertEqual({"succeeded": 4, "failed": 2}, self.counts(job))
        return job

    def test_only_the_failed_ones(self):
        job = self.picky()
        self.jobctl("retry", "--failed", job)
        self.jobctl("wait", job, status=1)
        self.assertEqual([1, 2, 1, 2, 1, 1], self.attempts(job))
        self.file("good")
        self.jobctl("retry", "--failed", job)
        self.jobctl("wait", job)
        self.assertEqual([1, 3, 1, 3, 1, 1], self.attempts(job))
        self.assertEqual({"succeeded": 6}, self.counts(job))
        self.assertEqual("task 3 attempt 3\n", self.jobctl("logs", f"{job}.3").out)

    def test_a_range_of_tasks(self):
        job = self.picky()
        self.file("good")
        self.jobctl("retry", f"{job}.2-3")
        self.jobctl("wait", job, status=1)
        self.assertEqual([1, 1, 2, 2, 1, 1], self.attempts(job))
        self.assertEqual({"succeeded": 5, "failed": 1}, self.counts(job))

    def test_one_that_succeeded(self):
        job = self.picky()
        self.jobctl("retry", f"{job}.0")
        self.jobctl("wait", job, status=1)
        self.assertEqual([2, 1, 1, 1, 1, 1], self.attempts(job))
        self.assertEqual({"succeeded": 4, "failed": 2}, self.counts(job))

    def test_after_a_restart_in_the_middle(self):
        """jobd is killed while one of the retried tasks runs: the job ends as if it had not been."""
        up, gate = self.pipe("up"), self.pipe("gate")
        job = self.submit("--array", "0-2", "sh", "-c",
                          f'[ $JOBD_TASK_ID = 1 ] || exit 0; [ $JOBD_ATTEMPT = 1 ] && exit 1; echo up >"{up.path}"; read x <"{gate.path}"')
        self.jobctl("wait", job, status=1)
        self.jobctl("retry", "--failed", job)
        up.line()
        self.daemon.kill()
        self.daemon.start()
        gate.send()
        self.jobctl("wait", job)
        self.assertEqual({"succeeded": 3}, self.counts(job))

    def test_those_that_never_began(self):
        """Cancelled before they started: they have no attempt, and begin with the first."""
        _, _, gate = self.submit_blocked("a")
        _, _, other = self.submit_blocked("b")
        job = self.submit("--array", "0-2", "true")
        self.jobctl("cancel", job)
        self.jobctl("retry", "--failed", job)
        gate.send()
        other.send()
        self.jobctl("wait", job)
        self.assertEqual({"succeeded": 3}, self.counts(job))


if __name__ == "__main__":
    harness.main()

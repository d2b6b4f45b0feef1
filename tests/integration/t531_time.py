# SPDX-License-Identifier: Apache-2.0
"""Time: what is no limit is refused, a time that has passed is now, a pause stops the clock."""

import time

import harness


class Time(harness.Case):
    def setUp(self):
        super().setUp()
        self.start(workers=2)

    def test_nothing_is_no_limit(self):
        for words in (("-t", "0"), ("--mem", "0"), ("-t", "-1"), ("--nice", "-1")):
            self.assertSays(self.jobctl("submit", *words, "true", status=2), words[0].lstrip("-"))
        with self.daemon.client() as client:
            self.assertEqual({}, client.jobs())

    def test_begin_in_the_past_is_now(self):
        self.assertEqual("ran\n", self.jobctl("run", "--begin", "2001-01-01T00:00:00Z", "echo", "ran").out)

    def test_a_pause_stops_the_clock(self):
        job, _, gate = self.submit_blocked("gate", "-t", "1s")
        self.jobctl("pause", job)
        # Another job that takes longer than the limit: its end is what we wait for.
        self.jobctl("run", "-t", "1300ms", "tail", "-f", "/dev/null", status=124)
        self.assertEqual("paused", self.state(job))
        self.jobctl("resume", job)
        gate.send()
        self.jobctl("wait", job)
        self.assertEqual("succeeded", self.state(job))

    def test_a_retry_waits_about_as_long_as_it_was_told(self):
        job = self.submit("--retries", "2", "--retry-delay", "1h", "false")
        self.daemon.ask_until("status", lambda status: status["queued"] == 1 and status["running"] == 0)
        with self.daemon.client() as client:
            due = client.jobs(job)[job]["begin_wall_usec"] / 1e6
        self.assertTrue(0.89 * 3600 < due - time.time() < 1.11 * 3600, due)


if __name__ == "__main__":
    harness.main()

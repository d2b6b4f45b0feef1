# SPDX-License-Identifier: Apache-2.0
"""update: what is queued is changed, all that was named or nothing, and it stays so over a crash."""

import harness


class Update(harness.Case):
    def setUp(self):
        super().setUp()
        self.start(workers=1)

    def block(self):
        """Takes the only worker; returns the pipe that gives it back."""
        self.blocker, _, gate = self.submit_blocked()
        return gate

    def info(self, job, *options):
        return self.jobctl("info", "--json", *options, job).json

    def restart(self):
        self.daemon.kill()
        self.daemon.start(workers=1)

    def test_everything_and_after_a_crash(self):
        gate = self.block()
        job = self.submit("--env", "A=1", "--env", "B=2", "sh", "-c", 'echo "$A $B $C"')
        done = self.jobctl("update", job, "--priority", "3", "--mem", "1M", "-t", "1h", "--grace", "2s", "--nice", "4",
                           "--retries", "2", "--retry-delay", "5s", "--name", "new", "--env", "A=one", "--env",
                           "C=3", "--unset-env", "B")
        self.assertEqual(f"job {job} is updated\n", done.out)
        for restarted in (False, True):
            if restarted:
                self.restart()
            info = self.info(job, "--environment")
            self.assertEqual(
                (3, 1 << 20, 3600, 2, 4, 2, 5, "new"),
                tuple(info[key] for key in ("priority", "memory_bytes", "time_limit_seconds", "grace_seconds", "nice",
                                            "retries", "retry_delay_seconds", "name")))
            self.assertIn("A=one", info["environment"])
            self.assertIn("C=3", info["environment"])
            self.assertEqual([], [entry for entry in info["environment"] if entry.startswith("B=")])
            self.assertEqual(["sh", "-c", 'echo "$A $B $C"'], info["argv"])
        events = [e for e in self.jobctl("events", "--json", "--last", "100").json_lines if e["job"] == job]
        detail = [e["detail"] for e in events if e["event"] == "updated"]
        self.assertEqual(1, len(detail), events)
        for word in ("name", "nice 4", "retries 2", "priority 3", "memory 1 MiB", "+A", "+C", "-B"):
            self.assertIn(word, detail[0])
        gate.send()
        self.jobctl("wait", job)
        self.assertEqual("one  3\n", self.jobctl("logs", job).out)

    def order(self, jobs):
        """In which order these jobs started."""
        self.jobctl("wait", *jobs)
        events = self.jobctl("events", "--json", "--last", "1000").json_lines
        started = [e["job"] for e in events if e["event"] == "starting"]
        return [job for job in started if job in jobs]

    def check_order(self, crash):
        gate = self.block()
        first, second, third = [self.submit("true") for _ in range(3)]
        self.jobctl("update", third, "--priority", "2")
        self.jobctl("update", first, "--priority", "-1")
        if crash:
            self.restart()
        gate.send()
        self.assertEqual([third, second, first], self.order([first, second, third]))

    def test_priority_decides_who_is_next(self):
        self.check_order(crash=False)

    def test_priority_after_a_crash(self):
        self.check_order(crash=True)

    def test_all_or_nothing(self):
        gate = self.block()
        jobs = [self.submit("true") for _ in range(3)]
        said = self.jobctl("update", f"{self.blocker}-{jobs[2]}", "--priority", "3", status=1)
        self.assertSays(said, f"job {self.blocker} runs already", "nothing was changed")
        said = self.jobctl("update", jobs[0], jobs[2] + 7, "--priority", "3", status=3)
        self.assertSays(said, "no job", "nothing was changed")
        said = self.jobctl("update", f"{jobs[0]}-{jobs[2]}", "-c", "2", status=2)
        self.assertSays(said, f"job {jobs[0]}", "2 cores", "has 1", "nothing was changed")
        for job in jobs:
            self.assertEqual(0, self.info(job).get("priority", 0))
            self.assertEqual(0, self.info(job).get("cpus", 0))
        self.assertEqual(3, len(self.jobctl("update", "--json", f"{jobs[0]}-{jobs[2]}", "--priority", "3").json))
        self.assertEqual([3] * 3, [self.info(job)["priority"] for job in jobs])
        # Not meant by a filter: what runs.
        self.assertEqual(3, len(self.jobctl("update", "all", "--yes", "--json", "--priority", "4").json))
        gate.send()
        self.jobctl("wait", *jobs)
        said = self.jobctl("update", jobs[0], "--priority", "3", status=1)
        self.assertSays(said, f"job {jobs[0]} has already succeeded")
        self.jobctl("update", "all", "--yes", "--priority", "3", status=3)

    def test_hold_release_and_begin(self):
        job = self.submit("--begin", "now+10h", "true")
        self.jobctl("update", job, "--hold", "--begin", "now")
        self.assertEqual(["hold"], self.info(job)["blockers"])
        self.restart()
        self.assertEqual(["hold"], self.info(job)["blockers"])
        self.jobctl("update", job, "--release", "--begin", "now+10h")
        self.assertEqual(["begin"], self.info(job)["blockers"])
        self.restart()
        self.assertEqual(["begin"], self.info(job)["blockers"])
        self.jobctl("update", job, "--begin", "now")
        self.jobctl("wait", job)

    def test_tasks_that_did_not_start(self):
        up, gate = self.pipe("up"), self.pipe("gate")
        # What asks for memory waits for its turn in jobd, never at a worker.
        job = self.submit("--array", "0-2", "--mem", "1M", "--env", "WHO=old", "sh", "-c",
                          f'echo "$WHO" >"{up.path}"; read x <"{gate.path}"')
        self.assertEqual("old", up.line())
        self.jobctl("update", job, "--env", "WHO=new")
        gate.send()
        self.assertEqual("new", up.line())
        self.jobctl("update", job, "--env", "WHO=newer")
        self.restart()
        gate.send()
        self.assertEqual("newer", up.line())
        self.assertSays(self.jobctl("update", job, "--priority", "2", status=1), "runs already")
        gate.send()
        self.jobctl("wait", job)

    def test_words_that_are_no_good(self):
        job = self.submit("--hold", "true")
        for words, said in (((), "to be changed"), (("--hold", "--release"), "either"), (("-c", "0"), "cpus"),
                            (("--priority", "1001"), "priority"), (("--nice", "20"), "nice"),
                            (("--env", "=1"), "K=V"), (("--retries", "-1"), "retries"), (("--nice", "-3"), "nice")):
            self.assertSays(self.jobctl("update", job, *words, status=2), said)
        self.assertSays(self.jobctl("update", job, "--unset-env", "A=B", status=2), "no name")
        self.assertSays(self.jobctl("update", f"{job}.0", "--priority", "3", status=2), "whole jobs")

    def test_what_cannot_be_changed(self):
        job = self.submit("--hold", "true")
        selector = {"ids": [{"first": job, "last": job}]}
        with self.daemon.client() as client:
            for field in ({"argv": [b"false"]}, {"cwd": b"/"}, {"unique": "x"}, {"array_width": 3}, {"stdin_pipe": True}):
                error = client.ask("update", selector=selector, set=field)
                self.assertEqual("ERROR_USAGE", error["code"])
                self.assertIn(f"{next(iter(field))} cannot be changed", error["message"])
            self.assertEqual("ERROR_USAGE", client.ask("update", selector=selector)["code"])
            self.assertEqual("ERROR_USAGE", client.ask("update", selector=selector, set={"priority": 5000})["code"])
            names = [f"V{i}=1".encode() for i in range(65)]
            self.assertEqual("ERROR_USAGE", client.ask("update", selector=selector, set_environment=names)["code"])

    def test_another_queue(self):
        gate = self.block()
        job = self.submit("true")
        self.jobctl("queue", "add", "night")
        self.jobctl("queue", "pause", "night")
        self.assertSays(self.jobctl("update", job, "-q", "day", status=2), 'no queue "day"', "night", "nothing was changed")
        self.jobctl("update", job, "--queue", "night")
        for restarted in (False, True):
            if restarted:
                self.restart()
            self.assertIn("queue night is paused", self.jobctl("why", job).out)
        self.jobctl("update", job, "--queue", "default")
        gate.send()
        self.jobctl("wait", job)

    def test_a_limit_goes(self):
        job = self.submit("--hold", "--mem", "1M", "-t", "1h", "true")
        self.jobctl("update", job, "--mem", "0", "-t", "0")
        for restarted in (False, True):
            if restarted:
                self.restart()
            info = self.info(job)
            self.assertNotIn("memory_bytes", info)
            self.assertNotIn("time_limit_seconds", info)

    def test_many_at_once(self):
        with self.daemon.client() as client:
            client.submit(*[[b"true"]] * 1200, hold=True)
            tag = client.send(update={"selector": {"all": True}, "set": {"priority": 7, "nice": 1}})
            pages = [reply["act_result"]["results"] for reply in client.replies(tag)]
        self.assertEqual([500, 500, 200], [len(page) for page in pages])
        self.restart()
        self.assertEqual(7, self.info(1200)["priority"])
        self.jobctl("release", "all", "--yes")
        self.jobctl("wait", "all")


if __name__ == "__main__":
    harness.main()

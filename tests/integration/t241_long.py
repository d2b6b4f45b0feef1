# SPDX-License-Identifier: Apache-2.0
"""Nothing prints a million lines unasked: lists, tasks, actions and events have limits and say what they left out."""

import harness


class Jobs(harness.Case):
    def setUp(self):
        super().setUp()
        self.start()
        with self.daemon.client() as client:
            for _ in range(130):
                client.submit([b"true"], hold=True)

    def test_a_list_has_a_hundred_lines(self):
        result = self.jobctl("list")
        self.assertEqual(101, len(result.out.splitlines()))
        self.assertIn("there are 30 more", result.err)
        self.assertEqual("1", result.out.splitlines()[1].split()[0])
        result = self.jobctl("list", "--json")
        self.assertEqual(list(range(1, 101)), [row["id"] for row in result.json_lines])
        self.assertIn("there are 30 more: -n 0 shows all", result.err)
        self.assertEqual("", self.jobctl("list", "--quiet").err)

    def test_more_or_fewer_when_asked(self):
        for words in (("-n", 0), ("--all",), ("-n", 500)):
            result = self.jobctl("list", "--ids", *words)
            self.assertEqual(list(range(1, 131)), [int(line) for line in result.out.split()])
            self.assertEqual("", result.err)
        result = self.jobctl("list", "--ids", "-n", 3)
        self.assertEqual("1\n2\n3\n", result.out)
        self.assertIn("there are 127 more", result.err)

    def test_what_was_done_to_many_is_one_line(self):
        self.assertEqual("100 jobs: 100 cancelled\n", self.jobctl("cancel", "1-100").out)
        self.assertEqual(20, len(self.jobctl("cancel", "101-120").out.splitlines()))
        result = self.jobctl("cancel", "81-130", status=1)
        self.assertEqual("10 jobs: 10 cancelled\n", result.out)
        self.assertEqual(21, len(result.err.splitlines()))
        self.assertIn("and 20 more could not be done", result.err)
        self.assertEqual(50, len(self.jobctl("retry", "--json", "1-50").json))

    def test_events(self):
        self.assertEqual(50, len(self.jobctl("events").out.splitlines()))
        self.assertEqual(130, len(self.jobctl("events", "-n", 0).out.splitlines()))

    def test_waiting_for_many(self):
        self.jobctl("cancel", "1-130")
        result = self.jobctl("wait", "1-130", status=101)
        self.assertEqual(21, len(result.err.splitlines()))
        self.assertIn("110 more: 130 of 130 did not succeed", result.err)
        self.assertEqual(130, len(self.jobctl("wait", "--json", "1-130", status=101).json_lines))

    def test_failed_jobs(self):
        with self.daemon.client() as client:
            job = client.submit([b"false"])["first_id"]
            client.wait(job)
        self.assertEqual(f"{job}\n", self.jobctl("list", "--ids", "--failed").out)
        self.assertSays(self.jobctl("list", "--failed", "--state", "queued", status=2), "exclude")


class Tasks(harness.Case):
    def setUp(self):
        super().setUp()
        self.start()

    def array(self, count, script="[ $JOBD_TASK_ID -lt 25 ]"):
        job = self.submit("--array", f"0-{count - 1}", "sh", "-c", script)
        self.jobctl("wait", job, status=None)
        return job

    def test_counts_in_one_line(self):
        job = self.array(30)
        self.assertEqual(f"{job} failed: 30 of 30 done, 5 failed\n", self.jobctl("status", job).out)
        self.assertEqual(f"{job}.24 succeeded\n{job}.25 failed\n", self.jobctl("status", f"{job}.24-25").out)
        self.assertIn("failed 30/30, 5 failed", self.jobctl("list").out)
        self.assertIn("30 of 30 done, 5 failed", self.jobctl("info", job).out)

    def test_while_they_run(self):
        up, gate = self.pipe("up"), self.pipe("gate")
        job = self.submit("--array", "1-5", "sh", "-c", f'[ $JOBD_TASK_ID = 1 ] && exit 1; echo up >"{up.path}"; read x <"{gate.path}"')
        up.line()
        up.line()
        # That a task has started may be told some milliseconds later.
        self.assertRegex(self.jobctl("status", job).out, rf"^{job} (running|starting): 1 of 5 done, .*(running|starting), 1 failed\n$")
        self.jobctl("cancel", job)

    def test_info_shows_twenty(self):
        job = self.array(30)
        result = self.jobctl("info", job)
        self.assertEqual([f"Task {job}.{n}:" for n in range(20)], self.titles(result))
        self.assertIn("there are more tasks than the first 20: -n 0 shows all", result.err)
        result = self.jobctl("info", "-n", 0, job)
        self.assertEqual(30, len(self.titles(result)))
        self.assertEqual("", result.err)
        self.assertEqual(2, len(self.titles(self.jobctl("info", f"{job}.28-99"))))
        result = self.jobctl("info", "--failed", job)
        self.assertEqual([f"Task {job}.{n}:" for n in range(25, 30)], self.titles(result))
        self.assertEqual("", result.err)

    def titles(self, result):
        return [" ".join(line.split()[:2]) for line in result.out.splitlines() if line.startswith("  Task ")]

    def test_info_as_json(self):
        job = self.array(30)
        numbers = lambda *words: [one["task"] for one in self.jobctl("info", "--json", *words).json["attempts"]]
        self.assertEqual(list(range(20)), numbers(job))
        self.assertEqual(list(range(30)), numbers("-n", 0, job))
        self.assertEqual([25, 26], numbers("--failed", "-n", 2, job))
        good = self.array(2, "true")
        self.assertEqual([], numbers("--failed", good))
        both = self.jobctl("info", "--json", good, 99, job, status=3)
        self.assertEqual([good, job], [row["id"] for row in both.json])
        self.assertIn("no job 99", both.err)

    def test_a_list_of_tasks(self):
        job = self.array(130)
        result = self.jobctl("list", "--tasks", job)
        self.assertEqual([f"{job}.{n}" for n in range(100)], [line.split()[0] for line in result.out.splitlines()[1:]])
        self.assertIn("there are 30 more", result.err)
        self.assertEqual(105, len(self.jobctl("list", "--tasks", "--failed", "--all", "--json", job).json_lines))
        self.assertEqual(f"{job}.24\n{job}.25\n", self.jobctl("list", "--ids", f"{job}.24-25").out)
        self.assertEqual(f"{job}.25\n", self.jobctl("list", "--ids", "--failed", f"{job}.24-25").out)
        self.assertSays(self.jobctl("list", "--tasks", status=2), "id of a job")

    def test_a_million(self):
        """A job of that size is shown as fast as another, and its tasks are acted on in one line."""
        job = self.submit("--hold", "--array", "0-999999", "true")
        self.assertEqual(f"{job} held: 0 of 1000000 done: is held: `jobctl release {job}` lets it start\n",
                         self.jobctl("status", job).out)
        self.assertLess(len(self.jobctl("info", job).out.splitlines()), 30)
        self.assertIn("held 0/1000000", self.jobctl("list").out)
        self.assertEqual("", self.jobctl("logs", job).out)
        self.assertEqual(f"job {job} is cancelled\n", self.jobctl("cancel", job).out)
        self.assertIn("1000000 of 1000000 done, 1000000 cancelled", self.jobctl("status", job).out)


if __name__ == "__main__":
    harness.main()

# SPDX-License-Identifier: Apache-2.0
"""Jobs with tasks: what list, info, logs, wait, cancel, retry, events and status make of them."""

import os
import pwd

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

    def test_several_words_for_one_job(self):
        job = self.picky()
        self.file("good")
        self.jobctl("retry", f"{job}.1", f"{job}.3,{job}.5")
        self.jobctl("wait", job)
        self.assertEqual([1, 2, 1, 2, 1, 2], self.attempts(job))
        with self.daemon.client() as client:
            ids = [{"first": job, "last": job, "task_first": n, "task_last": n} for n in (2, 3, 5)]
            pages = [reply["job_page"] for reply in client.replies(client.send(info={"selector": {"ids": ids}}))]
        self.assertEqual([2, 3, 5], [one["task"] for page in pages for row in page.get("jobs", []) for one in row.get("attempts", [])])

    def test_more_tasks_than_a_page(self):
        """A job's rows come ten thousand at a time; what was named is behind that."""
        job = self.submit("--array", "0-10009", "sh", "-c", 'case $JOBD_TASK_ID in 3|10003|10008) test -e "$0";; esac', self.good)
        self.jobctl("wait", job, status=1)
        numbers = lambda *words: [int(line.split(".")[1]) for line in self.jobctl("list", "--ids", "--tasks", *words).out.split()]
        self.assertEqual([3, 10003, 10008], numbers("--failed", job))
        self.assertEqual([9999, 10000, 10001], numbers(f"{job}.9999-10001"))
        self.assertEqual([10009], numbers(f"{job}.10009"))
        self.assertEqual(20, len(self.jobctl("info", "--json", job).json["attempts"]))
        self.file("good")
        self.jobctl("retry", f"{job}.10003-10004")
        self.jobctl("wait", job, status=1)
        self.jobctl("retry", "--failed", job)
        self.jobctl("wait", job)
        rows = self.jobctl("list", "--json", f"{job}.3-4", f"{job}.10003-10009").json_lines
        self.assertEqual([2, 1, 2, 2, 1, 1, 1, 2, 1], [row["attempt"] for row in rows])
        self.assertEqual({"succeeded": 10010}, self.counts(job))

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


class Wait(harness.Case):
    """Tasks that are named count one by one."""

    def setUp(self):
        super().setUp()
        self.start()
        self.job = self.submit("--array", "0-5", "sh", "-c", "exit $((JOBD_TASK_ID % 3))")

    def test_single_tasks(self):
        job = self.job
        result = self.jobctl("wait", f"{job}.2", f"{job}.4", f"{job}.0", status=2)
        self.assertIn(f"task {job}.2: exit code 2\n", result.err)
        self.assertIn(f"task {job}.4: exit code 1\n", result.err)
        self.assertNotIn(f"{job}.0:", result.err)
        self.jobctl("wait", f"{job}.5", status=2)
        self.jobctl("wait", f"{job}.3", status=0)
        self.jobctl("wait", f"{job}.0-5", status=4)
        self.jobctl("wait", f"{job}.3", job, status=1)
        self.jobctl("wait", f"{job}.0-18446744073709551615", status=125)
        self.assertIn(f"job {job} has no task 6", self.jobctl("wait", f"{job}.5-6", status=2).err)

    def test_json(self):
        rows = self.jobctl("wait", "--json", f"{self.job}.1-3", status=2).json_lines
        self.assertEqual([(1, "failed", 1), (2, "failed", 2), (3, "succeeded", 0)],
                         sorted((row["task"], row["state"], row["exit_code"]) for row in rows))
        self.assertEqual({int(self.job)}, {row["id"] for row in rows})
        self.assertNotIn("task", self.jobctl("wait", "--json", self.job, status=None).json_lines[0])

    def test_any(self):
        self.jobctl("wait", self.job, status=None)
        gate = self.pipe("gate")
        slow = self.submit("--array", "0-1", "sh", "-c", f'[ $JOBD_TASK_ID = 1 ] && exit 9; read x <"{gate.path}"')
        self.assertEqual(f"{slow}.1\n", self.jobctl("wait", "--any", f"{slow}.0", f"{slow}.1", status=9).out)
        self.assertEqual(f"{self.job}.5\n", self.jobctl("wait", "--any", f"{slow}.0", f"{self.job}.5", status=2).out)
        gate.send()
        self.jobctl("wait", slow, status=9)


class Logs(harness.Case):
    def setUp(self):
        super().setUp()
        self.start()

    def test_in_order_with_headers(self):
        job = self.submit("--array", "0-11", "sh", "-c", 'echo "<$JOBD_TASK_ID>"; [ $JOBD_TASK_ID != 7 ]')
        self.jobctl("wait", job, status=1)
        out = self.jobctl("logs", job).out
        self.assertEqual("".join(f"==> job {job}.{n} <==\n<{n}>\n" for n in range(12)), out)
        self.assertEqual("".join(f"<{n}>\n" for n in range(12)), self.jobctl("logs", "--quiet", job).out)
        self.assertEqual("".join(f"==> job {job}.{n} <==\n<{n}>\n" for n in (3, 4)), self.jobctl("logs", f"{job}.3-4").out)
        self.assertEqual("<9>\n", self.jobctl("logs", f"{job}.9").out)
        self.assertEqual("<7>\n", self.jobctl("logs", "--failed", "--quiet", job).out)
        self.assertSays(self.jobctl("logs", f"{job}.12", status=3), f"job {job} has no task 12", f"{job}.11")
        rows = self.jobctl("logs", "--json", f"{job}.9-99").json_lines
        self.assertEqual([(9, "<9>\n"), (10, "<10>\n"), (11, "<11>\n")], [(row["task"], row["text"]) for row in rows])

    def test_files_between(self):
        """Tasks whose output is a file stand in their place among the others."""
        job = self.submit("--array", "0-5", "sh", "-c", 'echo "<$JOBD_TASK_ID>"; case $JOBD_TASK_ID in 2|3|5) head -c 100000 /dev/zero | tr "\\0" x;; esac; echo err >&2')
        self.jobctl("wait", job)
        body = [f"<{n}>\n" + ("x" * 100000 if n in (2, 3, 5) else "") for n in range(6)]
        result = self.jobctl("logs", job)
        self.assertEqual("".join(f"==> job {job}.{n} <==\n{text}" for n, text in enumerate(body)), result.out)
        self.assertEqual("err\n" * 6, result.err)
        self.assertEqual("".join(body[1:4]), self.jobctl("logs", "--quiet", "--stdout", f"{job}.1-3").out)
        rows = self.jobctl("logs", "--json", "--stdout", job).json_lines
        self.assertEqual(body, ["".join(row["text"] for row in rows if row["task"] == n) for n in range(6)])
        lines = self.jobctl("logs", "--tail", 1, "--stderr", job)
        self.assertEqual("err\n" * 6, lines.err)

    def test_output_that_goes_elsewhere(self):
        """It is named as the file is called: each that is said to be there is."""
        pattern, name = "%u-%x/%j.%A.%a.100%%", pwd.getpwuid(os.getuid()).pw_name
        folder = os.path.join(self.work, name + "-a_b")
        os.mkdir(folder)
        job = self.submit("--array", "4-8:2", "-J", "a/b", "-o", pattern, "echo", "x")
        self.jobctl("wait", job)
        said = [f"jobctl: the output of job {job} is in {folder}/{job}.{job}.{n}.100%" for n in (4, 6, 8)]
        self.assertEqual(said, self.jobctl("logs", job).err.splitlines())
        self.assertEqual(sorted(line.rpartition(" ")[2] for line in said), sorted(os.path.join(folder, file) for file in os.listdir(folder)))
        self.assertEqual(said[1:2], self.jobctl("logs", f"{job}.1").err.splitlines())
        gate = self.pipe("gate")
        job = self.submit("-o", "%x.txt", "sh", "-c", f'read x <"{gate.path}"; exit 5')
        attach = self.jobctl_start("attach", job)
        self.assertEqual(f"jobctl: the output of job {job} is in {self.work}/job.txt\n".encode(), attach.stderr.readline())
        gate.send()
        self.end(attach, 5)

    def test_several_jobs_keep_their_order(self):
        jobs = [self.submit("echo", n) for n in range(3)]
        self.jobctl("wait", *jobs)
        expected = "".join(f"==> job {jobs[n]} <==\n{n}\n" for n in (2, 0, 1))
        self.assertEqual(expected, self.jobctl("logs", jobs[2], f"{jobs[0]}-{jobs[1]}").out)
        missing = self.jobctl("logs", jobs[1], 99, status=3)
        self.assertIn("there is no job 99 of yours", missing.err)
        self.assertIn("1\n", missing.out)

    def test_following_awaits_each_task_in_its_turn(self):
        gate = self.pipe("gate")
        job = self.submit("--array", "0-3%1", "sh", "-c", f'echo "<$JOBD_TASK_ID>"; read x <"{gate.path}"')
        logs = self.jobctl_start("logs", "-f", "--quiet", job)
        lines = self.lines(logs)
        for n in range(4):
            self.assertEqual(f"<{n}>", lines.next())
            gate.send()
        self.end(logs)


class Others(harness.Case):
    """events, cancel, wait, pause and their kin with ids of tasks."""

    def setUp(self):
        super().setUp()
        self.start()

    def test_events(self):
        job = self.submit("--array", "0-9", "true")
        self.jobctl("wait", job)
        other = self.submit("true")
        self.jobctl("wait", other)
        rows = self.jobctl("events", "--json", "-n", 0, f"{job}.3-4").json_lines
        self.assertEqual({3, 4}, {row["task"] for row in rows})
        self.assertEqual([rows[-1]], self.jobctl("events", "--json", "-n", 1, f"{job}.3-4").json_lines)
        self.assertEqual({job, other}, {row["job"] for row in self.jobctl("events", "--json", f"{job}.3", other).json_lines})
        self.assertEqual({other}, {row["job"] for row in self.jobctl("events", "--json", "last").json_lines})
        self.assertSays(self.jobctl("events", "1..2", status=2), "not a list of job ids")

    def test_cancel_and_wait(self):
        up, gate = self.pipe("up"), self.pipe("gate")
        job = self.submit("--array", "0-4", "sh", "-c", f'echo up >"{up.path}"; read x <"{gate.path}"; exit $JOBD_TASK_ID')
        up.line()
        up.line()
        out = self.jobctl("cancel", f"{job}.3-9").out
        self.assertEqual([f"job {job}.3 is cancelled", f"job {job}.4 is cancelled"], sorted(out.splitlines()))
        self.assertSays(self.jobctl("cancel", f"{job}.7", status=3), f"job {job}.7")
        self.assertSays(self.jobctl("hold", f"{job}.1", status=2), "whole jobs")
        gate.send(3)
        self.jobctl("wait", f"{job}.2", status=2)
        self.jobctl("wait", f"{job}.3", status=125)
        self.jobctl("wait", job, status=None)
        self.assertEqual([f"{job}.0 succeeded", f"{job}.1 failed", f"{job}.2 failed", f"{job}.3 cancelled", f"{job}.4 cancelled"],
                         self.jobctl("status", f"{job}.0-4").out.splitlines())
        self.assertIn(" failed 5/5, 2 failed, 2 cancelled ", self.jobctl("list").out)
        self.jobctl("cancel", self.submit("--hold", "--array", "0-1", "true"))
        self.assertIn(" cancelled 2/2, 2 cancelled ", self.jobctl("list").out)
        self.assertEqual("5 of 5 done, 2 failed, 2 cancelled", self.jobctl("status", job).out.strip().partition(": ")[2])

    def test_a_part_is_not_forgotten(self):
        job = self.submit("--array", "0-1", "true")
        self.jobctl("wait", job)
        self.assertSays(self.jobctl("purge", f"{job}.1", status=2), "whole jobs", f"job {job}")
        self.assertEqual("succeeded", self.state(job))

    def test_pause_one(self):
        up, gate = self.pipe("up"), self.pipe("gate")
        job = self.submit("--array", "0-1", "sh", "-c", f'echo up >"{up.path}"; read x <"{gate.path}"')
        up.line()
        up.line()
        self.assertEqual(f"job {job}.1 is paused\n", self.jobctl("pause", f"{job}.1").out)
        self.assertIn("1 paused", self.jobctl("status", job).out)
        self.jobctl("resume", f"{job}.1")
        gate.send(2)
        self.jobctl("wait", job)


if __name__ == "__main__":
    harness.main()

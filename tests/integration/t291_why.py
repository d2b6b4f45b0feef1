# SPDX-License-Identifier: Apache-2.0
"""why: one sentence for each thing that a job can wait for, the same in list, info and JSON."""

import os
import pwd

import harness

ME = pwd.getpwuid(os.getuid()).pw_name


class Why(harness.Case):
    def begin(self, workers=1, *options):
        self.start(*options, workers=workers)
        self.daemon.pool_ready(workers)

    def why(self, job):
        """The sentence; `list`, `info` and --json have the same."""
        line = self.jobctl("why", job).out
        self.assertTrue(line.startswith(f"job {job} "), line)
        one = self.jobctl("why", "--json", job).json[0]
        self.assertEqual(job, one["id"])
        self.assertIn(one["why"], line)
        if one["state"] == "queued":
            info = self.jobctl("info", "--json", job).json
            self.assertEqual((one["why"], one.get("blockers")), (info["why"], info.get("blockers")))
            self.assertIn(one["why"], self.jobctl("info", job).out)
            self.assertIn(one["why"], self.jobctl("list").out)
        return line

    def assertWhy(self, job, *words, blockers=None):
        line = self.why(job)
        for word in words:
            self.assertIn(word, line)
        if blockers is not None:
            self.assertEqual(blockers, self.jobctl("why", "--json", job).json[0].get("blockers", []))

    def until_it_runs(self, job):
        with self.daemon.client() as client:
            tag = client.send(follow={"job": job, "until_end": True})
            while client.reply(tag).get("task_news", {}).get("state") != "STATE_RUNNING":
                pass

    def test_held_begin_and_jobs(self):
        self.begin()
        held = self.submit("--hold", "true")
        self.assertWhy(held, "is held", f"jobctl release {held}", blockers=["hold"])
        begin = self.submit("--begin", "now+90m", "true")
        self.assertWhy(begin, "begins at", "; about 1h", blockers=["begin"])
        after = self.submit("-d", f"afterok:{held},afterany:{begin}", "true")
        self.assertWhy(after, f"waits for job {held} (afterok), which is held, and 1 others", blockers=["dependency"])

    def test_runs_and_ended(self):
        self.begin()
        job, _, gate = self.submit_blocked()
        self.until_it_runs(job)
        self.assertWhy(job, "runs since ")
        self.jobctl("pause", job)
        self.assertWhy(job, "is paused", f"jobctl resume {job}")
        self.jobctl("resume", job)
        gate.send()
        self.jobctl("wait", job)
        self.assertWhy(job, "has succeeded at ")
        failed = self.submit("sh", "-c", "exit 3")
        self.jobctl("wait", failed, status=3)
        self.assertWhy(failed, "has failed at ", "with exit code 3")
        held = self.submit("--hold", "true")
        self.jobctl("cancel", held)
        self.assertWhy(held, "was cancelled at ")

    def test_place_behind_busy_workers(self):
        self.begin()
        self.submit_blocked()
        jobs = [self.submit("true") for _ in range(3)]
        self.assertWhy(jobs[0], f"is next of {ME}'s: the only worker is busy", blockers=[])
        self.assertWhy(jobs[2], f"is 3rd of {ME}'s in queue default; the only worker is busy")
        self.assertEqual(4, len(self.jobctl("why", "all").out.splitlines()))
        said = self.jobctl("why", jobs[0], 99, status=3)
        self.assertIn("no job 99", said.err)
        self.assertIn(f"job {jobs[0]} is next", said.out)

    def test_cores(self):
        self.begin(2)
        self.submit_blocked()
        wide = self.submit("-c", "2", "true")
        narrow = self.submit("true")
        self.assertWhy(wide, "asks for 2 cores, and 1 of 2 are free; what becomes free is kept for it",
                       blockers=["cores"])
        self.assertWhy(narrow, "is 2nd of", blockers=[])

    def test_drained(self):
        self.begin()
        self.jobctl("drain")
        self.assertWhy(self.submit("true"), "the daemon is draining", "jobctl drain --end", blockers=["drain"])

    def test_tasks(self):
        self.begin(2)
        up, gate = self.pipe("up"), self.pipe("gate")
        job = self.submit("-a", "0-3%1", "sh", "-c", f'echo up >"{up.path}"; read x <"{gate.path}"')
        up.line()
        self.until_it_runs(job)
        self.assertWhy(job, "runs since", "of its other tasks the next has as many tasks at work as its width allows: 1")
        gate.send(4)
        self.jobctl("wait", job)

    def test_retry(self):
        self.begin()
        job = self.submit("--retries", "1", "--retry-delay", "1h", "false")
        self.daemon.ask_until("status", lambda status: status["queued"] == 1 and status["running"] == 0)
        self.assertWhy(job, "has failed and is tried again at ", blockers=["retry"])

    def test_queue(self):
        self.begin(2)
        with self.daemon.client() as client:
            client.reply(client.send(queue={"action": "QUEUE_ADD", "name": "night", "settings": {"width_tasks": 1}}))
            up = self.pipe("up")
            words = [[b"sh", b"-c", f"echo >{up.path}; read x <{up.path}.gate".encode()], [b"true"], [b"true"]]
            self.pipe("up.gate")
            first = client.submit(*words, queue="night")["first_id"]
        up.line()
        jobs = [first + 1, first + 2]
        self.assertWhy(jobs[1], f"is 2nd of {ME}'s in queue night, which is at its width 1 of 1", blockers=["queue"])

    def test_lock(self):
        self.begin(3)
        gate, up = self.pipe("process"), self.pipe("process.up")
        holder = self.jobctl_start("lock", "build", "--", "sh", "-c", f"echo up >{up.path}; read x <{gate.path}")
        up.line()
        pid = self.locks(1)[0]["pid"]
        job = self.submit("--lock", "build", "true")
        self.locks(2)
        self.assertWhy(job, f"waits for lock build, held by process {pid}", blockers=["resource"])
        after = self.submit("--lock", "build", "true")
        self.locks(3)
        self.assertWhy(after, f"held by process {pid}; 1 is before it in line", blockers=["resource"])
        gate.send()
        self.end(holder)
        self.jobctl("wait", job, after)
        first, _, gate = self.submit_blocked("job", "--lock", "build")
        job = self.submit("--lock", "build", "true")
        self.locks(2)
        self.assertWhy(job, f"waits for lock build, held by job {first} ({ME}'s)", blockers=["resource"])
        gate.send()
        self.jobctl("wait", job)
        self.assertWhy(job, "has succeeded at ")

    def locks(self, count):
        """Those who hold and those who wait, when there are so many."""
        return self.daemon.ask_until("lock", lambda news: len(news.get("locks", [])) == count, list=True)["locks"]

    def test_resource(self):
        self.begin(4)
        self.jobctl("resource", "set", "gpu=2")
        _, _, gate = self.submit_blocked("gate", "--resource", "gpu=2")
        jobs = [self.submit("--resource", "gpu=1", "true") for _ in range(4)]
        self.daemon.ask_until("resource", lambda reply: reply["resources"][0].get("waiting") == 4, verb="RESOURCE_LIST")
        self.assertWhy(jobs[0], "waits for 1 of resource gpu: 2 of 2 are taken", blockers=["resource"])
        self.assertWhy(jobs[3], "waits for 1 of resource gpu: 2 of 2 are taken; 3 are before it in line",
                       blockers=["resource"])
        gate.send()
        self.jobctl("wait", *jobs)


if __name__ == "__main__":
    harness.main()

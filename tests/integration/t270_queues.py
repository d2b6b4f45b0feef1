# SPDX-License-Identifier: Apache-2.0
"""Named queues: made and changed, their order and width, what they fill in, and what outlives a crash."""

import os

import harness


class Case(harness.Case):
    def queues(self):
        return {q["name"]: q for q in self.jobctl("queue", "list", "--json").json}

    def submit_noting(self, queue, word, *options):
        """A job that writes `word` into a file when it runs."""
        notes = os.path.join(self.work, "notes")
        return self.submit("-q", queue, *options, "sh", "-c", f'echo {word} >>"{notes}"')

    def notes(self):
        return self.read(os.path.join(self.work, "notes")).split()


class Life(Case):
    def test_the_default_one(self):
        self.start()
        self.assertEqual({"default"}, set(self.queues()))
        queue = self.queues()["default"]
        self.assertEqual("priority", queue["policy"])
        self.assertEqual((0, 0, 1.0), (queue["width"], queue["width_cores"], queue["weight"]))
        self.assertEqual((False, False, True), (queue["paused"], queue["draining"], queue["may_use"]))
        self.assertSays(self.jobctl("queue", "remove", "default", status=None), "default queue always exists")

    def test_settings(self):
        self.start()
        made = self.jobctl("queue", "add", "night", "--policy", "fifo", "--width", 2, "--width-cores", 3, "--weight", "2.5",
                           "-t", "1h", "--mem", "1G", "-c", 1, "--priority=-5", "--users", "root,@0", "--json").json
        self.assertEqual([self.queues()["night"]], made)
        self.assertEqual({"name": "night", "policy": "fifo", "width": 2, "width_cores": 3, "weight": 2.5,
                          "time_limit_seconds": 3600, "memory_bytes": 1 << 30, "cpus": 1, "priority": -5,
                          "users": "0,@0", "paused": False, "draining": False, "jobs": 0, "running": 0, "cores": 0,
                          "owner_uid": os.getuid(), "may_use": True}, made[0])
        self.jobctl("queue", "set", "night", "--width", 0, "--users", "all")
        changed = self.queues()["night"]
        self.assertEqual((0, "", 3), (changed["width"], changed["users"], changed["width_cores"]))
        table = self.jobctl("queue").out
        self.assertRegex(table, r"night +fifo +open +0 +0 +3 cores +2.50 +.*priority -5 +all")
        self.jobctl("queue", "remove", "night")
        self.assertNotIn("night", self.queues())

    def test_bad_words(self):
        self.start()
        for words, says in ((("add",), "name of a queue"), (("ad", "x"), "queue takes add"), (("add", "a b"), "queue's name"),
                            (("add", "default"), "already"), (("set", "default"), "something to set"),
                            (("set", "none", "--width", 1), 'no queue "none"; there are: default'),
                            (("add", "x", "--policy", "random"), "no policy"), (("add", "x", "--weight", "0"), "weight"),
                            (("add", "x", "--users", "nobody-of-that-name"), "no user"), (("pause", "x", "--width", 1), "no settings"),
                            (("remove", "none"), 'no queue "none"'), (("add", "x", "--move-to", "y"), "queue remove")):
            with self.subTest(words=words):
                result = self.jobctl("queue", *words, status=None)
                self.assertNotEqual(0, result.status)
                self.assertIn(says, result.err)

    def test_an_unknown_queue_is_refused(self):
        self.start()
        self.jobctl("queue", "add", "night")
        for words in (("submit", "-q", "nihgt", "true"), ("run", "-q", "nihgt", "true"),
                      ("map", "-q", "nihgt", "true", ":::", "1")):
            result = self.jobctl(*words, status=None)
            self.assertNotEqual(0, result.status)
            self.assertIn('there is no queue "nihgt"; there are: default, night', result.err)
        self.assertEqual("", self.jobctl("list", "--ids").out)


class Work(Case):
    def test_pause_and_resume(self):
        self.start()
        self.jobctl("queue", "add", "night")
        self.jobctl("queue", "pause", "night")
        job = self.submit("-q", "night", "true")
        self.jobctl("wait", self.submit("true"))
        info = self.jobctl("info", job, "--json").json
        info = info[0] if isinstance(info, list) else info
        self.assertEqual(("waiting", ["queue"], "night"), (info["state"], info["blockers"], info["queue"]))
        self.jobctl("queue", "resume", "night")
        self.jobctl("wait", job)

    def test_order(self):
        self.start(workers=1)
        for policy, expected in (("fifo", "1 2 3"), ("lifo", "3 2 1")):
            with self.subTest(policy=policy):
                self.jobctl("queue", "add", policy, "--policy", policy, "--width", 1)
                self.jobctl("queue", "pause", policy)
                jobs = [self.submit_noting(policy, n) for n in (1, 2, 3)]
                self.jobctl("queue", "resume", policy)
                self.jobctl("wait", *jobs)
                self.assertEqual(expected.split(), self.notes())
                os.unlink(os.path.join(self.work, "notes"))

    def test_width(self):
        self.start(workers=2)
        self.jobctl("queue", "add", "one", "--width", 1)
        _, _, gate = self.submit_blocked("gate", "-q", "one")
        second = self.submit_noting("one", "second")
        self.jobctl("wait", self.submit_noting("default", "other"))
        self.assertEqual((2, 1), (self.queues()["one"]["jobs"], self.queues()["one"]["running"]))
        gate.send()
        self.jobctl("wait", second)
        self.assertEqual(["other", "second"], self.notes())

    def test_drain(self):
        self.start()
        self.jobctl("queue", "add", "old")
        self.jobctl("queue", "pause", "old")
        job = self.submit("-q", "old", "true")
        self.jobctl("queue", "resume", "old")
        self.jobctl("queue", "drain", "old")
        result = self.jobctl("submit", "-q", "old", "true", status=None)
        self.assertIn('the queue "old" takes no more jobs; there are: default, old', result.err)
        self.jobctl("wait", job)

    def test_defaults(self):
        self.start()
        self.jobctl("queue", "add", "short", "-t", "1m", "--mem", "10M", "-c", 1)
        job, own = self.submit("-q", "short", "--hold", "true"), self.submit("-q", "short", "-t", "5s", "--hold", "true")
        with self.daemon.client() as client:
            jobs = client.jobs(job, own)
        spec = jobs[job]["spec"]
        self.assertEqual((60_000_000, 10 << 20, 1), (spec["time_limit_usec"], spec["memory_bytes"], spec["cpus"]))
        self.assertEqual(5_000_000, jobs[own]["spec"]["time_limit_usec"])

    def test_selecting_by_queue(self):
        self.start()
        self.jobctl("queue", "add", "night")
        self.jobctl("queue", "add", "day")
        ended = self.submit("-q", "night", "true")
        self.jobctl("wait", "-q", "night")
        night = [self.submit("-q", "night", "--hold", "true") for _ in range(2)]
        day = self.submit("-q", "day", "--hold", "true")
        self.assertEqual({*night, ended}, {int(x) for x in self.jobctl("list", "-q", "night", "--ids").out.split()})
        self.jobctl("cancel", "--yes", "--queue", "night")
        self.assertEqual(["cancelled"] * 2 + ["queued"], [self.state(j) for j in (*night, day)])
        self.assertIn('no queue "none"', self.jobctl("list", "-q", "none", status=None).err)

    def test_the_environment_and_map(self):
        self.start()
        self.jobctl("queue", "add", "night")
        self.jobctl("map", "-q", "night", "true", ":::", "1", "2")
        job = self.submit("--hold", "true", env={"JOBCTL_QUEUE": "night"})
        self.assertEqual(2, len(self.jobctl("list", "-q", "night", "--ids").out.split()))
        self.assertEqual(1, self.queues()["night"]["jobs"])
        self.jobctl("release", job)
        self.jobctl("wait", job)

    def test_removing(self):
        self.start()
        self.jobctl("queue", "add", "old")
        self.jobctl("queue", "add", "new")
        self.jobctl("queue", "pause", "old")
        jobs = [self.submit("-q", "old", "true") for _ in range(3)]
        result = self.jobctl("queue", "remove", "old", status=None)
        self.assertIn("3 jobs wait in it: move them (--move-to QUEUE) or cancel them", result.err)
        self.jobctl("queue", "remove", "old", "--move-to", "new")
        self.jobctl("wait", *jobs)
        self.assertEqual(4, len(self.jobctl("list", "-q", "new").out.splitlines()))


class Settings(Case):
    def test_a_cap_on_queued_jobs(self):
        self.start(config='[Share "*"]\nMaxQueuedJobs=2\n')
        self.submit("--hold", "true")
        self.submit("--hold", "true")
        result = self.jobctl("submit", "true", status=None)
        self.assertIn("more than the 2 queued tasks that your share allows", result.err)

    def test_less_than_what_runs(self):
        """A reload may take away what is in use: nothing is killed, nothing new starts until it fits."""
        self.start(workers=2, config="[Pool]\nCores=2\n")
        _, _, first = self.submit_blocked("first")
        _, _, second = self.submit_blocked("second")
        self.daemon.configure("[Pool]\nCores=1\n")
        self.jobctl("reload")
        third = self.submit("true")
        first.send()
        # The second still has the one core that there is.
        self.assertEqual("queued", self.state(third))
        second.send()
        self.jobctl("wait", third)

    def test_a_bad_section_keeps_the_old_settings(self):
        self.start(config='[Share "*"]\nMaxQueuedJobs=1\n')
        self.daemon.configure('[Share "*"]\nMaxQueuedJobs=many\n')
        result = self.jobctl("reload", status=None)
        self.assertIn(":2: ", result.err)
        self.submit("--hold", "true")
        self.assertNotEqual(0, self.jobctl("submit", "true", status=None).status)

    def test_config_shows_all(self):
        self.start(config='[Share "no-such-user"]\nWeight=2\n[Resource "gpu"]\nCapacity=2\n[Lock "archive"]\n')
        shown = self.jobctl("config", "--origin").out
        self.assertRegex(shown, r'\[Share "no-such-user"\]\nWeight = 2 .*:2\n')
        self.assertRegex(shown, r'\[Resource "gpu"\]\nCapacity = 2 .*:4\n')
        self.assertIn('[Lock "archive"]\nMachineWide = yes', shown)
        self.assertIn('there is no user "no-such-user"', self.jobctl("config").err)


class Crash(Case):
    def test_queues_and_their_jobs_come_back(self):
        self.start()
        self.jobctl("queue", "add", "night", "--policy", "lifo", "--width", 1, "--weight", "0.5", "-t", "1h", "--users", "root,1")
        self.jobctl("queue", "set", "default", "--width", 7)
        self.jobctl("queue", "pause", "night")
        jobs = [self.submit("-q", "night", "true") for _ in range(2)]
        before = self.queues()
        self.daemon.kill()
        self.start()
        self.assertEqual(before, self.queues())
        self.assertEqual(2, before["night"]["jobs"])
        self.jobctl("queue", "resume", "night")
        self.jobctl("wait", *jobs)


if __name__ == "__main__":
    harness.main()

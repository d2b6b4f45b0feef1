# SPDX-License-Identifier: Apache-2.0
"""update --dependency: queued jobs wait for other jobs than they did, all of them or none, over a crash, too."""

import harness


class UpdateDependency(harness.Case):
    def setUp(self):
        super().setUp()
        self.start(workers=2)

    def held(self, *words):
        return self.submit("--hold", *words, "true")

    def restart(self):
        self.daemon.kill()
        self.daemon.start(workers=2)

    def ended(self, *words, status=0):
        job = self.submit(*words)
        self.jobctl("wait", job, status=status)
        return job

    def info(self, job):
        return self.jobctl("info", "--json", job).json

    def waits_for(self, job):
        return [f'{one["kind"]}:{one["id"]}' for one in self.info(job).get("waits_for", [])]

    def update(self, *words, status=0):
        return self.jobctl("update", *words, status=status)

    def test_another_one_instead(self):
        old, new = self.held(), self.held()
        child = self.submit("-d", f"afterok:{old}", "true")
        self.update(child, "-d", f"afterany:{new},after:last", status=2)  # `last` is the child itself
        self.update(child, "-d", f"afterany:{new}")
        for restarted in (False, True):
            if restarted:
                self.restart()
            self.assertEqual([f"afterany:{new}"], self.waits_for(child))
            self.assertEqual([{"kind": "afterany", "id": new}], self.info(child)["dependencies"])
        self.jobctl("cancel", old)
        self.assertEqual("waiting", self.info(child)["state"])
        self.jobctl("cancel", new)
        self.jobctl("wait", child)
        events = [e for e in self.jobctl("events", "--json", "--last", "100").json_lines if e["job"] == child]
        self.assertEqual(["dependencies"], [e["detail"] for e in events if e["event"] == "updated"])

    def test_none_and_one_for_who_had_none(self):
        parent, free = self.held(), self.held()
        children = [self.submit("-d", f"afterok:{parent}", "true") for _ in range(2)]
        self.update(free, "--release", "-d", f"afterok:{parent}?afterok:{children[0]}")
        self.update(children[1], "--dependency", "none")
        self.restart()
        self.jobctl("wait", children[1])
        self.assertNotIn("dependencies", self.info(children[1]))
        self.assertEqual([f"afterok:{parent}", f"afterok:{children[0]}"], self.waits_for(free))
        self.assertTrue(self.info(free)["dependencies_any"])
        # Only some of them are enough no more, once that is not said again.
        self.update(free, "-d", f"afterok:{parent}")
        self.assertFalse(self.info(free).get("dependencies_any", False))
        self.jobctl("release", parent)
        self.jobctl("wait", free)

    def test_what_has_ended_already(self):
        good, bad = self.ended("true"), self.ended("false", status=1)
        parent = self.held()
        child = self.submit("-d", f"afterok:{parent}", "true")
        said = self.update(child, "-d", f"afterok:{bad}", status=1)
        self.assertSays(said, f"job {bad}", "cannot come true", "failed", "nothing was changed")
        self.assertSays(self.update(child, "-d", "afterok:4711", status=3), "no job 4711", "nothing was changed")
        self.assertEqual([f"afterok:{parent}"], self.waits_for(child))
        self.update(child, "-d", f"afterok:{bad}", "--keep-waiting")
        self.restart()
        self.assertEqual([f"afterok:{bad}"], self.waits_for(child))
        self.assertSays(self.update(child, "--no-keep-waiting", status=1), "cannot come true", f"job {bad} failed")
        self.update(child, "-d", f"afterok:{good}", "--no-keep-waiting")
        self.jobctl("wait", child)

    def test_keep_waiting_alone(self):
        parent = self.submit("--hold", "false")
        children = [self.submit("-d", f"afterok:{parent}", *words, "true") for words in ((), ("--keep-waiting",))]
        self.update(children[0], "--keep-waiting")
        self.update(children[1], "--no-keep-waiting")
        self.restart()
        self.jobctl("release", parent)
        self.jobctl("wait", children[1], status=125)
        self.assertEqual("waiting", self.info(children[0])["state"])

    def test_circles(self):
        first = self.held()
        second = self.submit("-d", f"afterok:{first}", "true")
        third = self.submit("-d", f"afterok:{second}", "true")
        said = self.update(first, "-d", f"afterok:{third}", status=2)
        self.assertSays(said, f"job {first} would wait for itself", f"{first} -> {third} -> {second} -> {first}",
                        "nothing was changed")
        self.assertSays(self.update(f"{first}-{third}", "-d", f"afterok:{second}", status=2), f"job {second} cannot wait for itself")
        self.assertEqual([[], [f"afterok:{first}"], [f"afterok:{second}"]],
                         [self.waits_for(job) for job in (first, second, third)])
        # Turned round in two steps.
        self.update(second, "-d", "none")
        self.update(first, "--release", "-d", f"afterok:{third}")
        self.jobctl("wait", first, second, third)

    def test_all_or_nothing(self):
        parent = self.held()
        children = [self.held() for _ in range(3)]
        running, _, gate = self.submit_blocked()
        self.assertSays(self.update(*children, running, "-d", f"afterok:{parent}", status=1), f"job {running} runs already")
        self.assertEqual([[]] * 3, [self.waits_for(job) for job in children])
        self.update(*children, "--release", "-d", f"afterok:{parent}", "--priority", "3")
        self.restart()
        self.assertEqual([[f"afterok:{parent}"]] * 3, [self.waits_for(job) for job in children])
        self.assertEqual([3] * 3, [self.info(job)["priority"] for job in children])
        gate.send()
        self.jobctl("release", parent)
        self.jobctl("wait", *children)

    def test_tasks(self):
        parent = self.held()
        gate = self.pipe("gate")
        job = self.submit("-a", "0-2%1", "--mem", "1M", "sh", "-c", f'read x <"{gate.path}"')
        self.jobctl("wait", self.submit("-d", f"after:{job}", "true"))
        self.assertSays(self.update(job, "-d", f"afterok:{parent}", status=1), f"job {job} has begun", "first task")
        gate.send(3)
        fresh = self.submit("-a", "0-2", "--hold", "true")
        self.update(fresh, "--release", "-d", f"aftercorr:{parent}")
        self.assertEqual([f"aftercorr:{parent}"], self.waits_for(fresh))
        self.jobctl("release", parent)
        self.jobctl("wait", fresh)

    def test_singleton(self):
        first = self.held("-J", "nightly")
        jobs = [self.held("-J", "nightly") for _ in range(3)]
        self.update(*jobs, "--release", "-d", "singleton")
        self.restart()
        self.assertEqual([[f"singleton:{one}"] for one in (first, *jobs[:2])], [self.waits_for(job) for job in jobs])
        self.update(jobs[0], "-d", "none")
        self.jobctl("wait", jobs[0])
        self.assertEqual([f"singleton:{first}"], self.waits_for(jobs[1]))
        # One that had no name gets both.
        late = self.held()
        self.assertSays(self.update(late, "-d", "singleton", status=2), "--name")
        self.update(late, "--release", "--name", "nightly", "-d", "singleton")
        self.assertEqual([f"singleton:{jobs[2]}"], self.waits_for(late))
        self.jobctl("release", first)
        self.jobctl("wait", *jobs, late)

    def test_bad_words(self):
        job = self.held()
        for words, said in ((("-d", "afterok"), "needs a job"), (("-d", "wards:1"), "no kind"), (("-d", ""), "no kind"),
                            (("-d", "none:1"), "no kind"), (("-d", f"afterok:{job}"), "wait for itself"),
                            (("--keep-waiting", "--no-keep-waiting"), "either")):
            self.assertSays(self.update(job, *words, status=2), said)
        selector = {"ids": [{"first": job, "last": job}]}
        on = [{"kind": "DEPENDENCY_AFTEROK", "job": 1}]
        with self.daemon.client() as client:
            for fields, word in (({"set": {"dependencies": [{"kind": "DEPENDENCY_AFTEROK", "sibling": 0}]}}, "by its id"),
                                 ({"set": {"dependencies_any": True}}, "goes with"),
                                 ({"set": {"dependencies": on}, "no_dependencies": True}, "either"),
                                 ({"no_dependencies": False}, "nothing is to be changed")):
                error = client.ask("update", selector=selector, **fields)
                self.assertEqual("ERROR_USAGE", error["code"])
                self.assertIn(word, error["message"])

    def test_very_many(self):
        parent = self.held()
        with self.daemon.client() as client:
            first = client.submit(*[[b"true"]] * 2000, hold=True)["first_id"]
        jobs = f"{first}-{first + 1999}"
        words = ",".join(f"after:{first - 1}" for _ in range(51))
        self.assertSays(self.update(jobs, "-d", words, status=2), "too many dependencies")
        self.update(jobs, "--release", "-d", f"after:{parent}")
        self.restart()
        self.assertEqual([f"after:{parent}"], self.waits_for(first + 1999))
        self.jobctl("release", parent)
        self.jobctl("wait", jobs)


if __name__ == "__main__":
    harness.main()

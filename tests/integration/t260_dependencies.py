# SPDX-License-Identifier: Apache-2.0
"""Jobs that wait for jobs: each kind, all and any, what becomes impossible, flows, and the past."""

import json
import os
import re
import subprocess

import harness
from client import new_key

README = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "README.md")


class Dependencies(harness.Case):
    def setUp(self):
        super().setUp()
        self.start(workers=4)

    def after(self, dependency, *words, status=0):
        done = self.jobctl("submit", "-d", dependency, *(words or ("true",)), status=status)
        return done if status else int(done.out)

    def info(self, job):
        return self.jobctl("info", "--json", job).json

    def ended(self, *words, status=0):
        job = self.submit(*words)
        self.jobctl("wait", job, status=status)
        return job


class Kinds(Dependencies):
    def test_each_kind(self):
        for code, free, cancelled in ((0, ("after", "afterok", "afterany", "aftercorr"), ("afternotok",)),
                                      (3, ("after", "afterany", "afternotok"), ("afterok", "aftercorr"))):
            gate = self.pipe(f"gate{code}")
            parent = self.submit("sh", "-c", f'read x <"{gate.path}"; exit {code}')
            jobs = {kind: self.after(f"{kind}:{parent}") for kind in (*free, *cancelled)}
            gate.send()
            for kind in free:
                self.jobctl("wait", jobs[kind])
            for kind in cancelled:
                said = self.jobctl("wait", jobs[kind], status=125).err
                if kind != "aftercorr":
                    self.assertIn(f"{kind}:{parent}: job {parent} {'failed' if code else 'succeeded'}", said)
                else:
                    self.assertIn(f"task {parent}.0 did not succeed", said)
                self.assertEqual("cancelled", self.state(jobs[kind]))

    def test_after_waits_for_the_start_only(self):
        parent, _, gate = self.submit_blocked()
        self.jobctl("wait", self.after(f"after:{parent}"))
        self.assert_runs(parent)
        gate.send()

    def test_what_it_waits_for_is_shown(self):
        parent, _, gate = self.submit_blocked()
        child = self.after(f"afterok:{parent},afterany:{parent}")
        found = self.info(child)
        self.assertEqual("waiting", found["state"])
        self.assertEqual(["dependency"], found["blockers"])
        self.assertEqual([{"kind": "afterok", "id": parent}, {"kind": "afterany", "id": parent}], found["waits_for"])
        self.assertRegex(self.jobctl("info", child).out, f"Waits for +afterok:{parent},afterany:{parent}")
        self.assertIn("waiting", self.jobctl("list").out)
        gate.send()
        self.jobctl("wait", child)
        self.assertNotIn("waits_for", self.info(child))

    def test_all_and_any(self):
        first, _, gate = self.submit_blocked("a")
        second, _, other = self.submit_blocked("b")
        every = self.after(f"afterok:{first}:{second}")
        some = self.after(f"afterok:{first}?afterok:{second}")
        gate.send()
        self.jobctl("wait", some)
        self.assertEqual([{"kind": "afterok", "id": second}], self.info(every)["waits_for"])
        other.send()
        self.jobctl("wait", every)

    def test_last_and_run_and_map(self):
        bad = self.ended("false", status=1)
        self.assertEqual("ran\n", self.jobctl("run", "-d", "afternotok:last", "echo", "ran").out)
        self.assertEqual("1\n2\n", self.jobctl("map", "-k", "-d", f"afternotok:{bad}", "echo", ":::", "1", "2").out)
        self.assertSays(self.jobctl("run", "-d", f"afterok:{bad}", "true", status=125), f"job {bad}", "cannot come true")

    def test_whole_maps(self):
        gate = self.pipe("gate")
        job = self.submit("-a", "0-3", "sh", "-c", f'[ $JOBD_TASK_ID = 2 ] && read x <"{gate.path}"; true')
        child = self.after(f"afterok:{job}")
        self.jobctl("wait", f"{job}.0", f"{job}.1", f"{job}.3")
        self.assertEqual("queued", self.state(child))
        gate.send()
        self.jobctl("wait", child)

    def test_task_to_task(self):
        gate = self.pipe("gate")
        job = self.submit("-a", "0-3", "sh", "-c", f'[ $JOBD_TASK_ID = 3 ] && read x <"{gate.path}"; [ $JOBD_TASK_ID != 1 ]')
        child = self.after(f"aftercorr:{job}", "-a", "0-3", "sh", "-c", "echo $JOBD_TASK_ID")
        self.jobctl("wait", f"{child}.0", f"{child}.2")
        self.assertEqual({"succeeded": 2, "cancelled": 1, "queued": 1}, self.info(child)["tasks_by_state"])
        gate.send()
        self.jobctl("wait", child, status=None)
        self.assertEqual({"succeeded": 3, "cancelled": 1}, self.info(child)["tasks_by_state"])

    def test_singleton(self):
        first, _, gate = self.submit_blocked("a", "-J", "nightly")
        second = self.submit("-J", "nightly", "-d", "singleton", "true")
        third = self.submit("-J", "nightly", "-d", "singleton", "true")
        self.jobctl("wait", self.submit("-J", "other", "-d", "singleton", "true"))
        self.jobctl("cancel", second)
        self.assertEqual([first], [one["id"] for one in self.info(third)["waits_for"]])
        gate.send()
        self.jobctl("wait", third)


    def test_a_map_task_to_task(self):
        """The tasks of a map come one by one; those that have no partner wait for the whole."""
        gate = self.pipe("gate")
        job = self.submit("-a", "0-1", "sh", "-c", f'[ $JOBD_TASK_ID = 0 ] || read x <"{gate.path}"')
        mapping = self.jobctl_start("map", "-k", "-d", f"aftercorr:{job}", "echo", ":::", "a", "b", "c")
        self.assertEqual("a", self.lines(mapping).next())
        found = self.info(job + 1)
        self.assertEqual({"succeeded": 1, "queued": 2}, found["tasks_by_state"])
        self.assertEqual(["dependency"], found["blockers"])
        self.assertSays(self.jobctl("cancel", f"{job + 1}.2", status=1), "too far ahead")
        gate.send()
        self.assertEqual("b\nc\n", self.end(mapping).out)


class Many(Dependencies):
    """More children of one job than are looked at in one turn."""

    COUNT = 4500

    def children(self, parent, kind):
        with self.daemon.client() as client:
            answer = client.submit(*[[b"/bin/true"]] * self.COUNT, dependencies=[{"kind": kind, "job": parent}])
        return answer["first_id"], answer["first_id"] + self.COUNT - 1

    def states(self, first, last):
        with self.daemon.client() as client:
            tag = client.send(wait={"selector": {"ids": [{"first": first, "last": last}]}})
            return {reply["job_ended"]["state"] for reply in client.replies(tag) if "job_ended" in reply}

    def test_all_are_released(self):
        parent, _, gate = self.submit_blocked()
        first, last = self.children(parent, "DEPENDENCY_AFTEROK")
        gate.send()
        self.assertEqual({"STATE_SUCCEEDED"}, self.states(first, last))

    def test_all_are_cancelled(self):
        parent, _, gate = self.submit_blocked()
        first, last = self.children(parent, "DEPENDENCY_AFTERNOTOK")
        gate.send()
        self.assertEqual({"STATE_CANCELLED"}, self.states(first, last))


class Together(Dependencies):
    """What enters while the parents of another submission are still being read."""

    def ask(self, client, key, name, **spec):
        return client.send(submit={"key": key, "environments": [{"entries": [b"PATH=/usr/bin:/bin"]}],
                                   "jobs": [{"spec": {"argv": [b"true"], "name": name, **spec}, "environment": 0}]})

    def test_the_same_key_twice(self):
        job, key = self.ended("true"), new_key()
        on = [{"kind": "DEPENDENCY_AFTERANY", "job": job}]
        with self.daemon.client() as client:
            tags = [self.ask(client, key, "twin", hold=True, dependencies=on) for _ in range(3)]
            answers = [client.reply(tag)["submitted"] for tag in tags]
        self.assertEqual({job + 1}, {answer["first_id"] for answer in answers})
        self.assertEqual([False, True, True], [answer.get("existing", False) for answer in answers])
        self.assertEqual(f"{job + 1}\n", self.jobctl("list", "--ids", "--state", "held").out)

    def test_an_earlier_one_of_the_name(self):
        with self.daemon.client() as client:
            tags = [self.ask(client, new_key(), "night", dependencies=[{"kind": "DEPENDENCY_SINGLETON"}]),
                    self.ask(client, new_key(), "night", hold=True)]
            single, plain = (client.reply(tag)["submitted"]["first_id"] for tag in tags)
        if plain < single:
            self.assertEqual([plain], [one["id"] for one in self.info(single)["waits_for"]])
        self.jobctl("release", plain)
        self.jobctl("wait", single, plain)


class Impossible(Dependencies):
    def test_a_cascade_goes_down_at_once(self):
        parent, _, gate = self.submit_blocked()
        jobs = [self.after(f"afterok:{parent}")]
        for _ in range(49):
            jobs.append(self.after(f"afterok:{jobs[-1]}"))
        self.jobctl("cancel", jobs[0])
        self.jobctl("wait", jobs[-1], status=125)
        for before, job in zip(jobs, jobs[1:]):
            found = self.info(job)
            self.assertEqual(("cancelled", f"afterok:{before}: job {before} was cancelled"), (found["state"], found["why"]))
        gate.send()
        self.jobctl("wait", parent)

    def test_keep_waiting(self):
        parent, _, gate = self.submit_blocked()
        child = self.after(f"afterok:{parent}", "--keep-waiting", "true")
        self.jobctl("cancel", parent)
        gate.send()
        self.jobctl("wait", parent, status=None)
        self.jobctl("ping")
        found = self.info(child)
        self.assertEqual("waiting", found["state"])
        self.assertIn(f"afterok:{parent}: job {parent} was cancelled", found["why"])
        self.assertEqual([{"kind": "afterok", "id": parent, "impossible": True}], found["waits_for"])
        self.daemon.stop()
        self.daemon.start(workers=4)
        self.assertEqual(found["why"], self.info(child)["why"])
        # Its parent's row stays, and running it again frees the child.
        self.jobctl("purge", "--yes", status=None)
        self.jobctl("retry", parent)
        gate.send()
        self.jobctl("wait", parent, child)

    def test_a_retry_changes_nothing_for_the_decided(self):
        flag = f"{self.work}/flag"
        job = self.submit("--hold", "sh", "-c", f'test -e "{flag}"')
        child = self.after(f"afterok:{job}")
        self.jobctl("release", job)
        self.jobctl("wait", child, status=125)
        self.file("flag")
        self.jobctl("retry", job)
        self.jobctl("wait", job)
        self.assertEqual("cancelled", self.state(child))


class Refused(Dependencies):
    def test_bad_words(self):
        for text, words in (("afterok", ("needs a job", "afterok:ID")), ("afterwards:1", ("no kind", "afternotok")),
                            ("afterok:x", ("no job's id",)), ("afterok:1,after:2?after:3", ("not both",)),
                            ("singleton:4", ("takes no id",)), ("singleton", ("--name",)), ("afterok:0", ("no job's id",)),
                            ("", ("no kind",))):
            self.assertSays(self.jobctl("submit", "-d", text, "true", status=2), *words)

    def test_unknown_purged_or_itself(self):
        job = self.ended("true")
        for number in (4711, job + 1):
            self.assertSays(self.after(f"afterany:{number}", status=3), f"no job {number}")
        self.jobctl("purge", "--yes", status=None)
        self.assertSays(self.after(f"afterany:{job}", status=3), f"no job {job}")
        self.assertEqual([], self.jobctl("list", "--json").json_lines)

    def test_a_job_that_is_waited_for_is_not_purged(self):
        parent = self.ended("false", status=1)
        child = self.after(f"afterok:{parent}", "--keep-waiting", "true")
        self.jobctl("purge", "--yes", status=None)
        self.assertEqual("failed", self.state(parent))
        self.jobctl("cancel", child)
        self.jobctl("purge", "--yes", status=None)
        self.assertEqual([], self.jobctl("list", "--json").json_lines)

    def test_the_protocol_itself(self):
        job = self.ended("true")
        with self.daemon.client() as client:
            for dependency, word in (({"kind": "DEPENDENCY_AFTEROK"}, "one of them"),
                                     ({"kind": "DEPENDENCY_AFTEROK", "job": job, "sibling": 0}, "one of them"),
                                     ({"kind": "DEPENDENCY_AFTEROK", "sibling": 7}, "job 7 of the 1"),
                                     ({"kind": "DEPENDENCY_AFTEROK", "sibling": 0}, "job 0 -> job 0")):
                reply = client.submit(["true"], dependencies=[dependency])
                self.assertEqual("ERROR_USAGE", reply.get("code"), reply)
                self.assertIn(word, reply["message"])


class Flows(Dependencies):
    def flow(self, entries, *options, status=0):
        self.file("flow.json", entries if isinstance(entries, str) else json.dumps(entries))
        done = self.jobctl("submit", *options, "--file", "flow.json", status=status)
        return {name: int(job) for name, job in (line.split() for line in done.out.splitlines())} if status == 0 else done

    def say(self, word):
        return ["sh", "-c", f'echo {word} >>"{self.work}/said"']

    def test_a_diamond(self):
        ids = self.flow({
            "end": {"command": self.say("end"), "after": ["left", "right"]},
            "left": {"command": self.say("side"), "after": "start"},
            "right": {"command": f"echo side >>'{self.work}/said'", "dependency": "afterok:start", "label": ["a=1", "b=2"]},
            "start": {"command": self.say("start"), "cpus": 1, "time-limit": "1h"},
            "never": {"command": self.say("never"), "dependency": "afternotok:end"},
        })
        self.assertEqual(["end", "left", "right", "start", "never"], list(ids))
        self.jobctl("wait", *ids.values(), status=1)
        self.assertEqual(["start", "side", "side", "end"], self.read("said").split())
        self.assertEqual("cancelled", self.state(ids["never"]))
        found = self.info(ids["right"])
        self.assertEqual(("right", {"a": "1", "b": "2"}), (found["name"], found["labels"]))
        self.assertEqual(3600, self.info(ids["start"])["time_limit_seconds"])

    def test_wait_shows_its_progress(self):
        gate = self.pipe("gate")
        ids = self.flow({"a": {"command": ["true"]}, "b": {"command": f'read x <"{gate.path}"', "after": "a"},
                         "c": {"command": ["true"], "after": "b", "array": "0-7"}})
        first, last = min(ids.values()), max(ids.values())
        waiting = self.jobctl_start("wait", "--progress", f"{first}-{last}")
        self.jobctl("wait", ids["a"])
        gate.send()
        self.assertIn("10/10", self.end(waiting).err)

    def test_wait_json_and_quiet(self):
        self.file("flow.json", json.dumps({"a": {"command": ["true"]}, "b": {"command": ["false"], "after": "a"}}))
        lines = self.jobctl("submit", "--json", "--wait", "--file", "flow.json", status=1).json_lines
        self.assertEqual([{"name": "a", "id": 1}, {"name": "b", "id": 2}], lines[:2])
        self.assertEqual("3\n4\n", self.jobctl("submit", "--quiet", "--file", "flow.json").out)
        self.assertIn("would submit", self.jobctl("submit", "--dry-run", "--file", "flow.json").out)

    def test_cycles_are_named(self):
        said = self.flow({"a": {"command": ["true"], "after": "c"}, "b": {"command": ["true"], "after": "a"},
                          "c": {"command": ["true"], "after": "b"}}, status=2)
        self.assertSays(said, "a -> c -> b -> a")
        self.assertEqual([], self.jobctl("list", "--json").json_lines)

    def test_bad_files(self):
        good = {"command": ["true"]}
        for text, words in (('{"a": {"command": ["true"]}\n', ("flow.json:2",)), ("[]", ("a member for each job",)),
                            ("{}", ("a member for each job",)), ({"a": {}}, ("entry 'a'", "no command")),
                            ({"a": {"command": []}}, ("list of words",)), ({"a": {"command": [1]}}, ("no text",)),
                            ({"a": {**good, "after": "b"}}, ("'b'", "no such entry")),
                            ({"last": good}, ("'last'", "neither a number nor last")), ({"a?": good}, ("'a?'", "':,?'")), ({"": good}, ("''",)),
                            ({"a": {**good, "cpu": 3}}, ("'cpu'", "no option")),
                            ({"a": {**good, "cpus": "many"}}, ("entry 'a'", "many")),
                            ({"a": {**good, "hold": 3}}, ("true or false",)),
                            ({"a": {**good, "dependency": "afterok:b"}}, ("'b'", "neither")),
                            ({"a:b": good}, ("a:b",)), ({"17": good}, ("17",)), ({"a": ["true"]}, ("no object",)),
                            ('{"a": {"command": ["true"]}, "a": {"command": ["true"]}}', ("duplicate",))):
            with self.subTest(text):
                self.assertSays(self.flow(text, status=2), *words)
        self.assertSays(self.jobctl("submit", "--file", "nothing.json", status=2), "nothing.json", "No such file")
        self.assertSays(self.jobctl("submit", "--file", "flow.json", "true", status=2), "--file")
        self.assertEqual([], self.jobctl("list", "--json").json_lines)

    def test_the_readme(self):
        """The flow of README.md, submitted as it stands there."""
        with open(README, encoding="utf-8") as f:
            section = f.read().split("## One after the other")[1].split("\n## ")[0]
        self.file("flow.json", re.search(r"```json\n(.*?)```", section, re.S)[1])
        self.ended("true")
        for name in ("fetch", "train", "report"):
            self.file(name, f'#!/bin/sh\necho {name} "$@" >>"{self.work}/said"\n', 0o755)
        env = {**self.env, "PATH": f"{harness.BIN}:{self.env['PATH']}"}
        for line in re.findall(r"^    (jobctl .*)$", section, re.M):
            command = re.split(r"  +", line)[0]
            subprocess.run(["bash", "-c", command], cwd=self.work, env=env, stdin=subprocess.DEVNULL, capture_output=True,
                           timeout=harness.DEADLINE, check="wait" not in command)
        said = [line for line in self.read("said").splitlines() if line != "report"]
        self.assertEqual(["fetch 2024", *["train"] * 4], said)
        self.assertEqual(("succeeded", "cancelled"), (self.state(5), self.state(6)))


if __name__ == "__main__":
    harness.main()

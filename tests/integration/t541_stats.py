#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""jobctl stats: what a person reads and a program gets; sums over kept jobs agree with list and survive a crash."""

import os
import random
import re
import unittest

import harness
from t540_metrics import Numbers


class Case(harness.Case):
    def families(self, *words):
        return self.jobctl("stats", "--json", *words).json

    def kept(self, *words):
        """Values of the families jobd_kept_*: {name: {label value or "": value}}."""
        return {name.removeprefix("jobd_kept_"): {"".join(s["labels"].values()): s["value"] for s in family["samples"]}
                for name, family in self.families(*words).items() if name.startswith("jobd_kept_")}


class Kept(Case):
    def test_known_work(self):
        self.start(workers=2)
        self.jobctl("queue", "add", "night")
        self.jobctl("run", "true")
        self.jobctl("run", "-c", "2", "-q", "night", "sh", "-c", "exit 4", status=4)
        self.jobctl("wait", self.submit("-a", "0-9", "true"))
        self.jobctl("map", "--shell", "exit {}", ":::", "0", "1", "2", status=2)
        cancelled = self.submit("--hold", "-a", "0-4", "true")
        self.jobctl("cancel", cancelled)
        held = self.submit("--hold", "-a", "0-2", "true")
        kept = self.kept()
        self.assertEqual({"unfinished": 1, "succeeded": 2, "failed": 2, "cancelled": 1, "timeout": 0, "oom": 0,
                          "lost": 0}, kept["jobs"])
        self.assertEqual({"unfinished": 3, "succeeded": 12, "failed": 3, "cancelled": 5, "timeout": 0, "oom": 0,
                          "lost": 0}, kept["tasks"])
        self.assertEqual({"night": 1, "default": 5}, kept["queue_jobs"])
        self.assertEqual({"night": 1, "default": 2}, kept["queue_failed_tasks"])
        self.assertEqual({str(os.getuid()): 23}, kept["user_tasks"])
        self.assertLessEqual(kept["wait_seconds"]["0.5"], kept["wait_seconds"]["0.95"])
        runs = [a["run_seconds"] * (j.get("cpus") or 1) for j in self.jobctl("info", "all", "--json").json
                for a in j.get("attempts", [j]) if a.get("run_seconds")]
        self.assertAlmostEqual(sum(runs), kept["core_seconds"][""], places=5)
        # The same after a crash, and without what is forgotten.
        self.daemon.kill()
        self.daemon.start()
        self.assertEqual(kept["tasks"], self.kept()["tasks"])
        self.jobctl("release", held)
        self.jobctl("wait", held)
        self.jobctl("purge", held)
        self.assertEqual({**kept["tasks"], "unfinished": 0}, self.kept()["tasks"])
        self.jobctl("queue", "remove", "night")
        self.assertEqual({"": 1, "default": 4}, self.kept()["queue_jobs"])

    def test_since(self):
        self.start()
        self.jobctl("run", "true")
        self.assertEqual(1, self.kept("--since", "now-2h")["jobs"]["succeeded"])
        self.assertEqual(1, self.kept("--since", "now-1h")["jobs"]["succeeded"])
        self.assertEqual(1, self.kept("--all")["jobs"]["succeeded"])
        self.assertEqual(0, self.kept("--since", "now")["jobs"]["succeeded"])
        self.assertEqual(0, self.kept("--all")["since_seconds"][""])
        self.assertIn("exclude each other", self.jobctl("stats", "--all", "--since", "now", status=2).err)
        self.assertIn("lies in the future", self.jobctl("stats", "--since", "tomorrow", status=2).err)
        # And `list` looks back, too.
        self.assertEqual(1, len(self.jobctl("list", "--since", "now-1h", "--json").json_lines))

    def test_tasks_of_a_wide_job_come_in_slices(self):
        self.start()
        self.jobctl("map", "true", input="".join(f"{i}\n" for i in range(6000)))
        self.assertEqual(6000, self.kept()["tasks"]["succeeded"])


class Screen(Case):
    def test_a_person_reads_it(self):
        self.start(workers=2)
        self.jobctl("run", "true")
        self.jobctl("run", "false", status=1)
        self.submit("--hold", "true")
        text = self.jobctl("stats").out
        for line in ("  Tasks        0 queued, 1 held, 0 waiting, 0 starting, 0 running, 0 paused, 0 stopping\n",
                     "  Workers      2 of 2 connected, 0 busy\n",
                     "  Tasks        3 submitted, 0 found at the start; 1 succeeded, 1 failed\n",
                     "  Jobs         3, 1 not finished; 1 succeeded, 1 failed\n"):
            self.assertIn(line, text)
        self.assertRegex(text, r"(?m)^Since the daemon's start, \S+ ago$")
        self.assertRegex(text, r"(?m)^Jobs submitted since ")
        self.assertRegex(text, r"(?m)^  Waited       half within \S+, 95 % within \S+$")
        self.assertRegex(text, r"(?m)^default +1 +0 +0 +100 % +3 +3 +1 ")
        self.assertRegex(text, r"(?m)^\S+ +1 +1 +0 +0 +100 % +3 +3 +1 ")
        # A row for each queue and each user, however many families tell of it.
        self.assertEqual(["QUEUE", "default"], re.findall(r"^\S+", text.split("\n\n")[3], re.M))
        self.assertEqual(2, len(text.split("\n\n")[4].splitlines()))
        self.assertIn("All jobs that are kept\n", self.jobctl("stats", "--all").out)

    def test_an_idle_daemon(self):
        self.start()
        self.assertIn("  Jobs         0, 0 not finished; 0 succeeded, 0 failed\n", self.jobctl("stats").out)


class RandomLoad(Case):
    """Whatever happens: what came in is queued, running or ended, and the gauges are what `list` counts."""

    def act(self, dice, jobs):
        what = dice.choice(["submit"] * 4 + ["array", "map", "hold", "release", "cancel", "retry", "kill", "crash"])
        if what == "submit":
            jobs.append(self.submit(*dice.choice([["--hold"], ["--begin", "now+1h"], [], ["--retries", "1", "--retry-delay", "0"]]),
                                    dice.choice(["true", "false"])))
        elif what == "array":
            jobs.append(self.submit("-a", f"0-{dice.randrange(1, 9)}", "--requeue", dice.choice(["true", "false"])))
        elif what == "map":
            self.jobctl("map", "--halt", "now,fail=1", "--shell", "exit {}", ":::", "0", "1", "0", status=None)
        elif what == "crash":
            self.daemon.kill()
            self.daemon.start()
        elif what == "kill":
            self.jobctl("cancel", f"{dice.choice(jobs)}.1", status=None)
        else:
            self.jobctl(what, dice.choice(jobs), status=None)

    def check(self):
        with self.daemon.client() as client:
            tag = client.send(stats={"kept": True})
            families = {f["name"]: f for f in client.reply(tag)["stats"]["families"]}
            jobs = client.jobs()

        def values(name):
            return {"".join(label["value"] for label in s.get("labels", [])): s["value"] for s in families[name].get("samples", [])}

        def total(name):
            return sum(values(name).values())

        self.assertEqual(total("jobd_tasks_submitted_total") + total("jobd_tasks_restored") + total("jobd_tasks_rerun_total"),
                         total("jobd_tasks") + total("jobd_tasks_ended_total"))
        kept = values("jobd_kept_tasks")
        self.assertEqual(total("jobd_tasks"), kept["unfinished"])
        self.assertEqual(sum(job.get("task_count", 1) for job in jobs.values()), sum(kept.values()))
        self.assertEqual(len(jobs), total("jobd_kept_jobs"))
        self.assertEqual(sum(job["state"] in ("STATE_QUEUED", "STATE_STARTING", "STATE_RUNNING", "STATE_PAUSED", "STATE_STOPPING")
                             for job in jobs.values()), total("jobd_jobs"))
        return kept

    def test_balance(self):
        dice = random.Random(541)
        self.start(workers=2)
        jobs = [self.submit("true")]
        for _ in range(30):
            self.act(dice, jobs)
        # Nothing moves between the two questions.
        self.jobctl("drain")
        self.daemon.ask_until("status", lambda status: status["running"] == 0)
        self.check()
        self.jobctl("drain", "--end")
        for job in jobs:
            self.jobctl("cancel", job, status=None)
        self.jobctl("wait", *jobs, status=None)
        self.assertEqual(0, self.check()["unfinished"])
        numbers = Numbers(self.jobctl("metrics").out)
        self.assertEqual(0, numbers.sum("jobd_tasks"))
        self.assertEqual(0, numbers.get("jobd_cores_leased"))


if __name__ == "__main__":
    unittest.main()

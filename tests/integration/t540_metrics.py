#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The numbers that jobd tells are true: known work, and every counter compared with it."""

import os
import re
import shutil
import signal
import subprocess
import unittest

import harness

SAMPLE = re.compile(r'^([a-zA-Z_:][a-zA-Z0-9_:]*)(?:\{(.*)\})? (\S+)$')
LABEL = re.compile(r'([a-zA-Z_]\w*)="((?:[^"\\]|\\.)*)"')


def parse(text):
    """The samples of an exposition: {(name, ((label, value), ...)): number}."""
    samples = {}
    for line in text.splitlines():
        if line.startswith("#"):
            continue
        name, labels, number = SAMPLE.match(line).groups()
        key = name, tuple((k, v) for k, v in LABEL.findall(labels or ""))
        assert key not in samples, f"twice: {line}"
        samples[key] = float(number)
    return samples


class Numbers:
    def __init__(self, text):
        self.text = text
        self.samples = parse(text)

    def get(self, name, **labels):
        return self.samples[name, tuple(labels.items())]

    def sum(self, name):
        return sum(value for (own, _), value in self.samples.items() if own == name)


class Case(harness.Case):
    def metrics(self):
        return Numbers(self.jobctl("metrics").out)

    def check_balance(self, numbers):
        """What came in is queued, with a worker, or has ended."""
        self.assertEqual(
            numbers.get("jobd_tasks_submitted_total") + numbers.get("jobd_tasks_restored")
            + numbers.get("jobd_tasks_rerun_total"),
            numbers.sum("jobd_tasks") + numbers.sum("jobd_tasks_ended_total"))
        self.assertEqual(numbers.sum("jobd_queue_queued_tasks"),
                         sum(numbers.get("jobd_tasks", state=s) for s in ("queued", "held", "waiting")))
        self.assertEqual(numbers.sum("jobd_user_queued_tasks"), numbers.sum("jobd_queue_queued_tasks"))


class Format(Case):
    def test_promtool_finds_nothing(self):
        if not shutil.which("promtool"):
            self.skipTest("promtool is not installed (package prometheus): nobody has judged the text")
        self.start()
        self.jobctl("queue", "add", "a.b-c")
        self.jobctl("run", "true")
        text = self.jobctl("metrics").out
        done = subprocess.run(["promtool", "check", "metrics"], input=text, capture_output=True, text=True, check=False)
        self.assertEqual((0, "", ""), (done.returncode, done.stdout, done.stderr))
        self.assertIn('jobd_queue_jobs{queue="a.b-c"} 0\n', text)

    def test_it_is_stable_and_complete(self):
        self.start()
        first, second = self.jobctl("metrics").out, self.jobctl("metrics").out
        names = [line.split(" ")[0] for line in first.splitlines()]
        self.assertEqual(names, [line.split(" ")[0] for line in second.splitlines()])
        families = [line.split()[2] for line in first.splitlines() if line.startswith("# TYPE")]
        self.assertEqual(families, sorted(families))
        self.assertEqual(families, [line.split()[2] for line in first.splitlines() if line.startswith("# HELP")])
        numbers = parse(first)
        self.assertEqual(numbers["jobd_task_wait_seconds_bucket", (("le", "+Inf"),)],
                         numbers["jobd_task_wait_seconds_count", ()])

    def test_json_has_the_same(self):
        self.start()
        self.jobctl("run", "true")
        families = self.jobctl("metrics", "--json").json
        self.assertEqual({"labels": {"state": "succeeded"}, "value": 1}, families["jobd_tasks_ended_total"]["samples"][0])
        self.assertEqual("counter", families["jobd_tasks_ended_total"]["kind"])
        run = families["jobd_attempt_run_seconds"]["samples"][0]
        self.assertEqual([1, {"le": None, "count": 1}], [run["count"], run["buckets"][-1]])

    def test_a_file_is_replaced_at_once(self):
        self.start()
        path = os.path.join(self.work, "jobd.prom")
        self.file("jobd.prom", "old", mode=0o600)
        with open(path, encoding="utf-8") as old:
            self.assertEqual("", self.jobctl("metrics", "-o", "jobd.prom", env={"PATH": self.env["PATH"]}).out)
            self.assertEqual("old", old.read())
        self.assertIn("jobd_tasks{", self.read("jobd.prom"))
        self.assertEqual(0o644, os.stat(path).st_mode & 0o777)
        self.assertEqual(["jobd.prom"], os.listdir(self.work))
        self.jobctl("metrics", "--output", os.path.join(self.work, "other.prom"))
        self.assertTrue(self.read("other.prom").endswith("\n"))

    def test_what_cannot_be_written_says_so(self):
        self.start()
        self.assertIn("cannot open the folder", self.jobctl("metrics", "-o", "nowhere/x.prom", status=1).err)
        self.assertSays(self.jobctl("metrics", "--json", "-o", "x.prom", status=2), "not json")
        self.assertIn("no name of a file", self.jobctl("metrics", "-o", "/tmp/", status=2).err)
        os.mkdir(os.path.join(self.work, "x.prom"))
        self.assertIn("cannot write x.prom", self.jobctl("metrics", "-o", "x.prom", status=1).err)
        self.assertEqual(["x.prom"], os.listdir(self.work))

    def test_nothing_is_started_to_be_measured(self):
        self.env["JOBCTL_SOCKET"] = self.daemon.socket
        self.file("jobd.prom", "old")
        self.jobctl("metrics", "-o", "jobd.prom", status=69)
        self.assertEqual("old", self.read("jobd.prom"))


class Truth(Case):
    def test_known_work(self):
        self.start()
        self.jobctl("run", "true")                                        # 1 attempt
        self.jobctl("run", "sh", "-c", "echo abc; exit 3", status=3)      # 1
        self.jobctl("run", "--retries", "2", "--retry-delay", "0", "false", status=1)  # 3
        self.jobctl("run", "--time-limit", "10ms", "cat", self.pipe("never").path, status=124)
        self.jobctl("map", "--shell", "exit {}", ":::", "0", "1", "0", status=1)       # 3
        array = self.submit("-a", "1-4", "true")                          # 4
        self.jobctl("wait", array)
        held = self.submit("--hold", "-a", "0-6", "true")
        later = self.submit("--begin", "now+1h", "true")
        waits = self.submit("-d", f"afterok:{held}", "true")
        numbers = self.metrics()
        self.assertEqual(9, numbers.get("jobd_jobs_submitted_total"))
        self.assertEqual(4 + 3 + 4 + 7 + 2, numbers.get("jobd_tasks_submitted_total"))
        self.assertEqual(3, numbers.get("jobd_jobs"))
        self.assertEqual([1 + 2 + 4, 2 + 1, 0, 1], [
            numbers.get("jobd_tasks_ended_total", state=s) for s in ("succeeded", "failed", "lost", "timeout")])
        self.assertEqual(6 + 3 + 4, numbers.get("jobd_attempts_started_total"))
        self.assertEqual(6 + 3 + 4, numbers.get("jobd_attempt_run_seconds_count"))
        self.assertEqual(4 + 3 + 4, numbers.get("jobd_task_wait_seconds_count"))
        self.assertEqual(2, numbers.get("jobd_attempts_retried_total"))
        self.assertEqual([0, 7, 2, 0], [
            numbers.get("jobd_tasks", state=s) for s in ("queued", "held", "waiting", "running")])
        self.assertEqual(9, numbers.get("jobd_requests_total", request="submit"))
        self.check_balance(numbers)
        self.jobctl("cancel", held, later, waits)
        numbers = self.metrics()
        self.assertEqual(9, numbers.get("jobd_tasks_ended_total", state="cancelled"))
        self.assertEqual(0, numbers.get("jobd_jobs"))
        self.assertEqual(0, numbers.get("jobd_specification_bytes"))
        self.check_balance(numbers)

    def test_what_runs_and_for_whom(self):
        self.start(workers=3)
        self.jobctl("queue", "add", "night")
        job, _, gate = self.submit_blocked("a", "-c", "2", "-q", "night")
        queued = self.submit("-c", "2", "true")
        uid = str(os.getuid())
        user = {"uid": uid, "user": "root"} if uid == "0" else None
        numbers = self.metrics()
        self.assertEqual([3, 2], [numbers.get("jobd_cores"), numbers.get("jobd_cores_leased")])
        self.assertEqual([1, 1], [numbers.get("jobd_workers_busy"), numbers.get("jobd_queue_workers", queue="night")])
        self.assertEqual([0, 1], [numbers.get("jobd_queue_queued_tasks", queue=q) for q in ("night", "default")])
        self.assertEqual(1, numbers.get("jobd_tasks", state="running") + numbers.get("jobd_tasks", state="starting"))
        if user:
            self.assertEqual([2, 1, 1, 1], [numbers.get(f"jobd_user_{n}", **user) for n in (
                "cores_leased", "queued_tasks", "active_tasks", "weight")])
        self.check_balance(numbers)
        self.jobctl("pause", job)
        self.assertEqual(1, self.metrics().get("jobd_tasks", state="paused"))
        before = self.metrics().get("jobd_core_seconds_total")
        self.assertLess(before, self.metrics().get("jobd_core_seconds_total"))
        self.jobctl("resume", job)
        gate.send()
        self.jobctl("wait", job, queued)
        numbers = self.metrics()
        self.assertEqual([0, 0], [numbers.get("jobd_cores_leased"), numbers.sum("jobd_tasks")])
        total = numbers.get("jobd_core_seconds_total")
        self.assertEqual(total, self.metrics().get("jobd_core_seconds_total"))
        self.assertAlmostEqual(total, numbers.sum("jobd_queue_core_seconds_total"), places=5)
        self.assertAlmostEqual(total, numbers.sum("jobd_user_core_seconds_total"), places=5)

    def test_what_starts_nothing(self):
        self.start()
        _, _, gate = self.submit_blocked("a")
        said = [self.metrics().get("jobd_draining")]
        for words in (["drain"], ["drain", "--end"]):
            self.jobctl(*words)
            said.append(self.metrics().get("jobd_draining"))
        with self.daemon.client() as client:
            client.ask("shutdown")
        said.append(self.metrics().get("jobd_draining"))
        self.assertEqual([0, 1, 0, 1], said)
        gate.send()
        self.assertEqual(0, self.daemon.wait())

    def test_refusals_and_bad_frames(self):
        self.start()
        self.jobctl("submit", "-q", "nowhere", "true", status=2)
        with self.daemon.client() as client:
            self.assertEqual("ERROR_NO_SUCH_JOB", client.ask("follow", job=77)["code"])
            client.send_frame(b"\xff\xff\xff")
            client.reply()
        with self.daemon.client() as client:
            client.send_bytes(b"\xff\xff\xff\xff")
            client.expect_closed()
        numbers = self.metrics()
        self.assertEqual(2, numbers.get("jobd_bad_frames_total"))
        refused = {e: numbers.get("jobd_requests_refused_total", error=e) for e in ("usage", "no_such_job", "busy")}
        self.assertEqual({"usage": 2, "no_such_job": 1, "busy": 0}, refused)
        self.assertEqual(1, numbers.get("jobd_connections"))
        self.assertGreater(numbers.get("jobd_process_open_fds"), 5)
        self.assertEqual(0, numbers.get("jobd_log_lines_lost_total"))
        self.assertGreater(numbers.get("jobd_process_resident_memory_bytes"), 1e6)
        self.assertGreater(numbers.get("jobd_database_bytes"), 4096)
        self.assertGreater(numbers.get("jobd_disk_free_bytes"), 1e6)

    def test_a_crash_begins_anew_and_restores(self):
        self.start()
        self.jobctl("run", "true")
        running, _, gate = self.submit_blocked("a")
        self.jobctl("wait", self.submit("-a", "0-2", "true"))
        self.submit("--hold", "-a", "0-4", "true")
        self.daemon.kill()
        self.daemon.start()
        self.daemon.pool_ready(2)
        numbers = self.metrics()
        self.assertEqual(6, numbers.get("jobd_tasks_restored"))
        self.assertEqual([0, 0, 0], [numbers.get("jobd_tasks_submitted_total"), numbers.sum("jobd_tasks_ended_total"),
                                     numbers.get("jobd_attempts_started_total")])
        self.assertEqual([5, 1], [numbers.get("jobd_tasks", state=s) for s in ("held", "running")])
        self.assertEqual(1, numbers.get("jobd_cores_leased"))
        self.check_balance(numbers)
        gate.send()
        self.jobctl("wait", running)
        numbers = self.metrics()
        self.assertEqual(1, numbers.get("jobd_tasks_ended_total", state="succeeded"))
        self.check_balance(numbers)

    def test_workers_that_die(self):
        self.start()
        lost, _, _ = self.submit_blocked("a")
        again, _, gate = self.submit_blocked("b", "--requeue")
        workers = {w.get("job"): w["pid"] for w in self.daemon.pool()["workers"]}
        os.kill(workers[again], signal.SIGKILL)
        self.pipes[-2].line()
        gate.send()
        self.jobctl("wait", again)
        os.kill(workers[lost], signal.SIGKILL)
        self.jobctl("wait", lost, status=None)
        numbers = self.metrics()
        self.assertEqual(1, numbers.get("jobd_tasks_ended_total", state="lost"))
        self.assertEqual(1, numbers.get("jobd_attempts_requeued_total"))
        self.assertEqual(2, numbers.get("jobd_worker_deaths_total"))
        self.assertEqual(3, numbers.get("jobd_attempts_started_total"))
        self.check_balance(numbers)
        self.jobctl("retry", lost)
        self.assertEqual(1, self.metrics().get("jobd_tasks_rerun_total"))
        self.jobctl("cancel", lost)
        self.check_balance(self.metrics())


if __name__ == "__main__":
    unittest.main()

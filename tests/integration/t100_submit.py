# SPDX-License-Identifier: Apache-2.0
"""From submit to done: exit codes, streams, keys, and four scripts at once."""

import re
import time

import harness
from client import new_key


class Submit(harness.Case):
    def test_prints_the_id_alone(self):
        self.start()
        first = self.jobctl("submit", "true").out
        self.assertEqual("1\n", first)
        self.assertEqual("2\n", self.jobctl("submit", "--quiet", "--", "true").out)

    def test_exit_codes(self):
        self.start()
        for code in (0, 1, 2, 42, 124, 125, 126, 127, 255):
            job = self.submit("sh", "-c", f"exit {code}")
            self.jobctl("wait", job, status=code)

    def test_a_signal_is_128_and_its_number(self):
        self.start()
        for name, number in (("TERM", 15), ("KILL", 9), ("SEGV", 11)):
            job = self.submit("sh", "-c", f"ulimit -c 0; kill -{name} $$")
            self.jobctl("wait", job, status=128 + number)

    def test_output_is_kept_apart_and_together(self):
        self.start()
        job = self.submit("sh", "-c", "echo one; echo two >&2; echo three")
        self.jobctl("wait", job)
        logs = self.jobctl("logs", job)
        self.assertEqual("one\nthree\n", logs.out)
        self.assertEqual("two\n", logs.err)
        self.assertEqual("one\nthree\n", self.jobctl("logs", "--stdout", job).out)
        only_err = self.jobctl("logs", "--stderr", job)
        self.assertEqual("two\n", only_err.out + only_err.err)

    def test_argv_is_a_vector(self):
        self.start()
        words = ["a b", "", "$HOME", "*", "'", '"', "back\\slash", "new\nline", "-x", "--"]
        job = self.submit("printf", "<%s>", *words)
        self.jobctl("wait", job)
        self.assertEqual("".join(f"<{w}>" for w in words), self.jobctl("logs", job).out)

    def test_argv_need_not_be_utf8(self):
        self.start()
        with self.daemon.client() as client:
            job = client.submit([b"printf", b"%s", b"\xff\xfe"])["first_id"]
            client.wait(job)
        self.assertEqual(b"\xff\xfe", self.jobctl("logs", job).raw)

    def test_shell_is_one_line(self):
        self.start()
        job = self.submit("--shell", "echo $((6 * 7)) | tr 4 x")
        self.jobctl("wait", job)
        self.assertEqual("x2\n", self.jobctl("logs", job).out)

    def test_options_end_at_the_first_word(self):
        self.start()
        job = self.submit("echo", "--name", "--json", "-J", "x")
        self.jobctl("wait", job)
        self.assertEqual("--name --json -J x\n", self.jobctl("logs", job).out)

    def test_wait_and_follow(self):
        self.start()
        self.jobctl("submit", "--wait", "sh", "-c", "exit 7", status=7)
        follow = self.jobctl("submit", "--follow", "sh", "-c", "echo live; exit 5", status=5)
        self.assertIn("live\n", follow.out)

    def test_a_name_and_labels(self):
        self.start()
        job = self.submit("-J", "nightly", "--label", "team=blue", "true")
        self.jobctl("wait", job)
        with self.daemon.client() as client:
            spec = client.jobs(job)[job]["spec"]
        self.assertEqual("nightly", spec["name"])
        self.assertEqual([{"key": "team", "value": "blue"}], spec["labels"])

    def test_dry_run_submits_nothing(self):
        self.start()
        shown = self.jobctl("submit", "--dry-run", "sh", "-c", "echo 'a b'")
        self.assertIn("a b", shown.out + shown.err)
        with self.daemon.client() as client:
            self.assertEqual({}, client.jobs())

    def test_hold_and_release(self):
        self.start()
        job = self.submit("--hold", "true")
        self.jobctl("wait", self.submit("true"))
        self.assertEqual("queued", self.state(job))
        self.jobctl("release", job)
        self.jobctl("wait", job)
        self.assertEqual("succeeded", self.state(job))

    def test_hold_a_queued_job(self):
        self.start(workers=1)
        _, _, gate = self.submit_blocked()
        job = self.submit("true")
        self.jobctl("hold", job)
        gate.send()
        self.jobctl("wait", self.submit("true"))
        self.assertEqual("queued", self.state(job))
        self.jobctl("cancel", job)
        self.jobctl("wait", job, status=125)

    def test_begin_in_a_moment(self):
        self.start()
        began = time.time()
        job = self.submit("--begin", "now+2s", "true")
        self.assertEqual("queued", self.state(job))
        self.jobctl("wait", job)
        self.assertGreaterEqual(time.time() - began, 1.0)

    def test_unique(self):
        self.start()
        first, _, gate = self.submit_blocked("gate", "--unique", "backup")
        self.assertEqual(first, self.submit("--unique", "backup", "true"))
        gate.send()
        self.jobctl("wait", first)
        self.assertNotEqual(first, self.submit("--unique", "backup", "true"))


class Keys(harness.Case):
    def test_the_same_key_is_the_same_job(self):
        self.start()
        key = new_key()
        with self.daemon.client() as client:
            first = client.submit([b"true"], [b"true"], key=key)
            self.assertEqual(2, first["count"])
            client.wait(first["first_id"], first["first_id"] + 1)
            again = client.submit([b"true"], [b"true"], key=key)
            self.assertEqual(first["first_id"], again["first_id"])
            self.assertTrue(again["existing"])
            self.assertEqual(2, len(client.jobs()))

    def test_a_key_outlives_its_job_and_the_daemon(self):
        self.start()
        key = new_key()
        with self.daemon.client() as client:
            job = client.submit([b"true"], key=key)["first_id"]
            client.wait(job)
            self.assertEqual(1, client.ask("purge")["jobs"])
        self.daemon.kill()
        self.daemon.start()
        with self.daemon.client() as client:
            again = client.submit([b"true"], key=key)
            self.assertEqual((job, True), (again["first_id"], again.get("existing")))

    def test_all_of_a_frame_or_nothing(self):
        self.start()
        with self.daemon.client() as client:
            error = client.ask("submit", key=new_key(), environments=[{"entries": [b"A=b"]}], jobs=[
                {"spec": {"argv": [b"true"]}, "environment": 0}, {"spec": {"argv": []}, "environment": 0}])
            self.assertEqual("ERROR_USAGE", error["code"])
            self.assertEqual({}, client.jobs())


class FourScripts(harness.Case):
    """The story of the front page: four scripts of different length on four workers."""

    def test_they_run_at_once_and_survive_a_kill(self):
        self.start(workers=4)
        gates = [self.pipe(f"gate{n}") for n in range(1, 5)]
        up = self.pipe("up")
        jobs = [self.submit("sh", "-c", f'echo up >"{up.path}"; read x <"{gates[n].path}"; echo "line {n + 1}"; exit {n}')
                for n in range(4)]
        for _ in jobs:
            self.assertEqual("up", up.line())
        waiting = self.jobctl_start("wait", *jobs)
        self.daemon.sessions_ready(1)
        self.daemon.kill()
        for gate in gates:
            gate.send()
        self.daemon.start(workers=4)
        self.assertEqual(3, self.end(waiting, status=None).status)
        for n, job in enumerate(jobs):
            self.jobctl("wait", job, status=n)
            self.assertEqual(f"line {n + 1}\n", self.jobctl("logs", job).out)
        listed = self.jobctl("list").out
        for job in jobs:
            self.assertRegex(listed, re.compile(rf"^\s*{job}\s", re.M))

    def test_many_short_ones(self):
        self.start(workers=4)
        with self.daemon.client() as client:
            first = client.submit(*[[b"sh", b"-c", b"echo %d; exit %d" % (n, n % 3)] for n in range(300)])["first_id"]
            ended = client.wait(*range(first, first + 300))
        self.assertEqual([n % 3 for n in range(300)], [ended[first + n].get("exit_code", 0) for n in range(300)])
        self.assertEqual("299\n", self.jobctl("logs", first + 299).out)


if __name__ == "__main__":
    harness.main()

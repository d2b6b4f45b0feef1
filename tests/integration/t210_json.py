# SPDX-License-Identifier: Apache-2.0
"""--json: every command answers with objects that a program can read, and nothing else on stdout."""

import base64
import re

import harness

RFC3339 = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z")


class Json(harness.Case):
    def setUp(self):
        super().setUp()
        self.start()

    def test_every_command(self):
        """Objects on stdout and nothing else, for each command that there is."""
        failed = self.submit("-J", "one", "sh", "-c", "echo out; exit 3")
        self.jobctl("wait", failed, status=3)
        held = self.submit("--hold", "true")
        busy, _, _ = self.submit_blocked()
        calls = (
            ("submit", "--hold", "true"), ("run", "echo", "x"), ("map", "echo", ":::", "x"), ("list",), ("info", failed),
            ("status",), ("status", failed), ("logs", failed), ("attach", failed), ("wait", failed), ("pause", busy),
            ("resume", busy), ("kill", "-s", "CONT", busy), ("update", held, "--priority", 3), ("why", held),
            ("release", held), ("hold", self.submit("--hold", "true"), "last"), ("retry", failed), ("queue",),
            ("queue", "add", "q"), ("queue", "set", "q", "--width", 2), ("queue", "pause", "q"), ("queue", "resume", "q"),
            ("queue", "drain", "q"), ("queue", "remove", "q"), ("lock", "--acquire", "l"), ("lock", "--list"),
            ("lock", "--release", "l"), ("resource", "set", "r=2"), ("resource", "list"), ("resource", "remove", "r"),
            ("events",), ("top",), ("stats",), ("metrics",), ("pool",), ("config",), ("ping",), ("version",), ("purge", "--keep", 100),
            ("drain",), ("drain", "--end"), ("reload",), ("cancel", "--yes", busy), ("shutdown",))
        plain = {"help", "completion"}  # words for people and for shells
        for words in calls:
            with self.subTest(words=words):
                done = self.jobctl(words[0], "--json", *words[1:], status=None)
                self.assertIn(done.status, (0, 3) if failed in words else (0,), repr(done))
                if words != ("queue", "remove", "q"):
                    self.assertNotEqual([], done.json_lines)
                for row in done.json_lines:
                    # One object, or one list of what several ids came to.
                    for one in row if isinstance(row, list) else [row]:
                        self.assertIsInstance(one, dict)
        listed = re.findall(r"^  ([a-z]+) {2,}\S", self.jobctl("--help").out.split("Commands:\n")[1], re.M)
        self.assertEqual(set(listed) - plain, {words[0] for words in calls})

    def test_run_and_follow(self):
        """The id first, what the job writes as pieces, how it ended last; its code is ours."""
        for words in ("run",), ("submit", "--follow"):
            rows = self.jobctl(*words, "--json", "--", "sh", "-c", "cat; echo out; echo err >&2; exit 7", status=7).json_lines
            job = rows[0]["id"]
            self.assertEqual({"id": job, "existing": False}, rows[0])
            self.assertEqual({("stdout", "out\n"), ("stderr", "err\n")}, {(row["stream"], row["text"]) for row in rows[1:-1]})
            self.assertEqual((job, "failed", 7), (rows[-1]["id"], rows[-1]["state"], rows[-1]["exit_code"]))
        self.jobctl("run", "--json", "-c", 9999, "true", status=125)

    def test_what_acts_came_to(self):
        self.assertEqual([{"draining": True}], self.jobctl("drain", "--json").json_lines)
        self.assertEqual([{"draining": False}], self.jobctl("drain", "--end", "--json").json_lines)
        self.assertEqual([{"name": "r", "units": 2}], self.jobctl("resource", "--json", "set", "r=2").json_lines)
        self.assertEqual([{"name": "r"}], self.jobctl("resource", "--json", "remove", "r").json_lines)
        self.assertEqual([{"name": "l", "held": True}], self.jobctl("lock", "--json", "--acquire", "l").json_lines)
        self.assertEqual([{"name": "l", "held": False}], self.jobctl("lock", "--json", "--release", "l").json_lines)

    def test_times_and_durations(self):
        job = self.submit("true")
        self.jobctl("wait", job)
        row = self.jobctl("info", "--json", job).json_lines[0]
        times = [value for value in self.values(row) if isinstance(value, str) and RFC3339.fullmatch(value)]
        self.assertGreaterEqual(len(times), 2, row)

    def values(self, thing):
        if isinstance(thing, dict):
            thing = list(thing.values())
        if isinstance(thing, list):
            return [value for part in thing for value in self.values(part)]
        return [thing]

    def test_words_that_are_no_utf8(self):
        with self.daemon.client() as client:
            job = client.submit([b"true", b"\xff\xfe"])["first_id"]
            client.wait(job)
        row = self.jobctl("list", "--json").json_lines[0]
        encoded = base64.b64encode(b"\xff\xfe").decode()
        self.assertIn(encoded, [v for v in self.values(row) if isinstance(v, str)], row)

    def test_logs(self):
        job = self.submit("sh", "-c", r"printf 'caf\303\251\n'; echo err >&2; printf '\377x\n'")
        self.jobctl("wait", job)
        rows = self.jobctl("logs", "--json", job).json_lines
        for row in rows:
            self.assertEqual((job, 0), (row["job"], row["task"]))
            self.assertRegex(row["time"], RFC3339)
        exact = {stream: b"".join(self.exact(row) for row in rows if row["stream"] == stream) for stream in ("stdout", "stderr")}
        self.assertEqual({"stdout": b"caf\xc3\xa9\n\xffx\n", "stderr": b"err\n"}, exact)
        only = self.jobctl("logs", "--json", "--stderr", job).json_lines
        self.assertEqual(["err\n"], [row["text"] for row in only])
        self.assertNotIn("text_b64", only[0])
        last = self.jobctl("logs", "--json", "--stdout", "--tail", 1, job).json_lines
        self.assertEqual([("\ufffdx\n", base64.b64encode(b"\xffx\n").decode())], [(row["text"], row["text_b64"]) for row in last])
        self.jobctl("logs", "--json", 99, status=3)

    def exact(self, row):
        return base64.b64decode(row["text_b64"]) if "text_b64" in row else row["text"].encode()

    def test_logs_as_they_come(self):
        up, gate = self.pipe("up"), self.pipe("gate")
        job = self.submit("sh", "-c", f'echo one; echo two; echo up >"{up.path}"; read x <"{gate.path}"; echo three')
        up.line()
        logs = self.jobctl_start("logs", "--json", "-f", "--tail", "1", job)
        lines = self.lines(logs)
        self.assertIn('"two\\n"', lines.next())
        gate.send()
        self.assertIn('"three\\n"', lines.next())
        self.end(logs)

    def test_an_unknown_id(self):
        result = self.jobctl("info", "--json", 17, status=3)
        self.assertIn("17", result.err + result.out)


if __name__ == "__main__":
    harness.main()

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
        job = self.submit("-J", "one", "sh", "-c", "echo out; exit 3")
        self.jobctl("wait", job, status=3)
        held = self.submit("--hold", "true")
        for words, status in (
                (("submit", "--hold", "true"), 0), (("list",), 0), (("info", job), 0), (("status",), 0), (("status", job), 0),
                (("wait", job), 3), (("logs", job), 0), (("events",), 0), (("hold", held), 0), (("release", held), 0), (("retry", job), 0),
                (("pool",), 0), (("config",), 0), (("ping",), 0), (("version",), 0), (("cancel", "3"), 0),
                (("purge", "--keep", "100"), 0), (("drain",), 0), (("drain", "--end"), 0), (("reload",), 0)):
            with self.subTest(words=words):
                rows = self.jobctl(words[0], "--json", *words[1:], status=None)
                self.assertIn(rows.status, (status, 0), repr(rows))
                for row in rows.json_lines:
                    # One object, or one list of what several ids came to.
                    for one in row if isinstance(row, list) else [row]:
                        self.assertIsInstance(one, dict)

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

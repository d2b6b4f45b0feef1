# SPDX-License-Identifier: Apache-2.0
"""`map --json` and `attach --json`: an object for each task and its output, and one for the job at last."""

import base64
import json
import signal
import subprocess

import harness


def exact(row, name="text"):
    return base64.b64decode(row[name + "_b64"]) if name + "_b64" in row else row[name].encode()


class Case(harness.Case):
    def setUp(self):
        super().setUp()
        self.start(workers=2)

    def rows(self, *words, **options):
        """Pieces of output, ends of tasks, and the end of the job, which is the last line."""
        result = self.jobctl("map", "--json", *words, **options)
        return self.split(result.json_lines)

    def split(self, rows):
        self.assertTrue(all("task" in row for row in rows[:-1]), rows)
        self.assertNotIn("task", rows[-1])
        tasks = [row for row in rows[:-1] if "stream" not in row]
        return [row for row in rows if "stream" in row], tasks, rows[-1]


class Tasks(Case):
    def test_small_output_stands_in_its_task(self):
        pieces, tasks, job = self.rows("-k", "sh", "-c", 'echo "out $1"; echo "err $1" >&2; exit $1', "sh", ":::", "0", "1", "3", status=2)
        self.assertEqual([], pieces)
        self.assertEqual([(job["id"], n, n + 1, [code], f"out {code}\n", f"err {code}\n", int(code), 1) for n, code in enumerate("013")],
                         [(row["job"], row["task"], row["sequence"], row["values"], row["stdout"], row["stderr"], row["exit_code"], row["attempt"])
                          for row in tasks])
        self.assertEqual(["succeeded", "failed", "failed"], [row["state"] for row in tasks])
        self.assertEqual(("failed", 2), (job["state"], job["tasks_failed"]))

    def test_the_names_of_the_others(self):
        """What list --json shows of an attempt has the same name and value here."""
        _, (task,), job = self.rows("kill -9 $$; true", ":::", "a", status=1)
        (known,) = self.jobctl("list", "--json", "--tasks", job["id"]).json_lines
        self.assertEqual("KILL", task["exit_signal"])
        self.assertNotIn("exit_code", task)
        for name in ("job", "task", "state", "attempt", "exit_signal", "started_at", "ended_at", "run_seconds"):
            self.assertEqual(known[name], task[name], name)
        self.assertEqual(self.jobctl("wait", "--json", job["id"], status=None).json_lines[0]["state"], job["state"])

    def test_a_reason(self):
        _, (task,), _ = self.rows("/absent/program", ":::", "a", status=1)
        self.assertEqual(("failed", 127), (task["state"], task["exit_code"]))
        self.assertIn("/absent/program", task["why"])

    def test_values_that_are_no_utf8(self):
        pieces, tasks, _ = self.rows("-0", "-k", "-n2", "printf", "%s|%s", input=b"\xff\0a\nb\0\xc3\xa9\0")
        self.assertEqual([], pieces)
        self.assertEqual([["\ufffd", "a\nb"], ["\xe9"]], [row["values"] for row in tasks])
        self.assertEqual([base64.b64encode(v).decode() for v in (b"\xff", b"a\nb")], tasks[0]["values_b64"])
        self.assertNotIn("values_b64", tasks[1])
        self.assertEqual([b"\xff|a\nb", b"\xc3\xa9|"], [exact(row, "stdout") for row in tasks])
        self.assertNotIn("stdout_b64", tasks[1])

    def test_no_inputs(self):
        self.assertEqual("", self.jobctl("map", "--json", "echo", input="").out)


class Output(Case):
    def test_large_output_comes_before_its_task(self):
        pieces, tasks, _ = self.rows("-k", "--tag", "sh", "-c", 'echo "<$1>"; case $1 in b) head -c 3000000 /dev/zero | tr "\\0" x;; esac', "sh", ":::", "a", "b", "c")
        self.assertEqual([["a"], ["b"], ["c"]], [row["values"] for row in tasks])
        self.assertEqual(["<a>\n", None, "<c>\n"], [row.get("stdout") for row in tasks])
        self.assertEqual({(1, "stdout", "b")}, {(row["task"], row["stream"], *row["values"]) for row in pieces})
        self.assertEqual("<b>\n" + "x" * 3000000, "".join(row["text"] for row in pieces))

    def test_in_order(self):
        """With -k, too, every piece stands between the end of the task before and its own."""
        result = self.jobctl("map", "--json", "-k", "head -c 200000 /dev/zero | tr '\\0' {}", ":::", *"abcd")
        order = [row.get("task") for row in result.json_lines]
        self.assertEqual(sorted(order[:-1]), order[:-1])
        self.assertEqual([0, 1, 2, 3], [row["task"] for row in result.json_lines[:-1] if "stream" not in row])

    def test_lines_as_they_come(self):
        gate = self.pipe("gate")
        map_ = self.jobctl_start("map", "--json", "--line-buffer", f"printf 'one\\ntw'; read x <{gate.path}; printf 'o\\nend'", ":::", "a")
        lines = self.lines(map_)
        self.assertIn('"one\\n"', lines.next())
        gate.send()
        self.assertIn('"two\\n"', lines.next())
        self.assertIn('"end"', lines.next())
        last = lines.next()
        self.assertIn('"values":["a"]', last)
        self.assertNotIn("stdout", last)
        self.assertIn('"tasks_failed":0', lines.next())
        self.end(map_)

    def test_lines_of_ordered_tasks(self):
        pieces, tasks, _ = self.rows("-k", "--line-buffer", "echo {}; echo {} >&2", ":::", *"abc")
        self.assertEqual({(n, stream, word + "\n") for n, word in enumerate("abc") for stream in ("stdout", "stderr")},
                         {(row["task"], row["stream"], row["text"]) for row in pieces})
        self.assertEqual([0, 1, 2], [row["task"] for row in tasks])
        self.assertFalse(any("stdout" in row for row in tasks))

    def test_a_mark_is_a_piece(self):
        pieces, (task,), _ = self.rows("--output-cap", "4K", "yes | head -c {}", ":::", "100000", status=None)
        self.assertIn("mark", {row["stream"] for row in pieces})
        self.assertTrue(task["output_cut"])


class Together(Case):
    def test_results_and_joblog(self):
        pieces, tasks, _ = self.rows("-k", "--results", "r", "--joblog", "log", "echo {}; exit {}", ":::", "0", "2", status=1)
        self.assertEqual([], pieces)
        self.assertEqual(["r/1/0", "r/1/2"], [row["results"] for row in tasks])
        self.assertFalse(any("stdout" in row for row in tasks))
        self.assertEqual("2\n", self.read("r/1/2/stdout"))
        self.assertEqual(["Exitval", "0", "2"], [line.split("\t")[6] for line in self.read("log").splitlines()])
        _, (again,), _ = self.rows("-k", "--resume-failed", "--joblog", "log", "echo {}; exit {}", ":::", "0", "2", status=1)
        self.assertEqual((0, 2, ["2"]), (again["task"], again["sequence"], again["values"]))

    def test_progress_goes_to_stderr(self):
        result = self.jobctl("map", "--json", "--progress", "true", ":::", *"abcdefghij")
        self.assertEqual(11, len(result.json_lines))
        self.assertIn("10/10", result.err)

    def test_dry_run(self):
        self.file("inputs", "a b\n" + "x" * 100_000 + "\n")
        rows = self.jobctl("map", "--json", "--dry-run", "echo {} {}", "::::", "inputs").json_lines
        self.assertEqual({"sequence": 1, "values": ["a b"], "argv": ["/bin/sh", "-c", "echo 'a b' 'a b'"]}, rows[0])
        self.assertIn("too long", rows[1]["why"])
        with self.daemon.client() as client:
            self.assertEqual({}, client.jobs())

    def test_a_failure_of_ours_is_no_object(self):
        result = self.jobctl("map", "--json", "echo", "::::", "absent", status=125)
        self.assertEqual("", result.out)
        self.assertIn("cannot read inputs from absent", result.err)

    def test_cancelled(self):
        _, tasks, job = self.rows("--halt", "now,fail=1", "-j1", "-k", "exit 7", ":::", "a", "b", "c", status=7)
        self.assertEqual((["a"], 7), (tasks[0]["values"], tasks[0]["exit_code"]))
        self.assertNotEqual("succeeded", job["state"])

    def test_interrupted(self):
        gate = self.pipe("gate")
        map_ = self.jobctl_start("map", "--json", "--line-buffer", "-j1", f"echo up; read x <{gate.path}", ":::", "a", "b")
        lines = self.lines(map_)
        self.assertIn('"up\\n"', lines.next())
        map_.send_signal(signal.SIGINT)
        task, job = json.loads(lines.next()), json.loads(lines.next())
        self.assertEqual((0, "cancelled", ["a"], 1), (task["task"], task["state"], task["values"], task["slot"]))
        self.assertEqual("cancelled", job["state"])
        self.end(map_, status=130)

    def test_full(self):
        with open("/dev/full", "w", encoding="utf-8") as full:
            done = subprocess.run([harness.program("jobctl"), "map", "--json", "echo", ":::", "a"], stdout=full, stderr=subprocess.PIPE,
                                  env=self.env, cwd=self.work, check=False, timeout=harness.DEADLINE)
        self.assertEqual(125, done.returncode)
        self.assertIn(b"No space left on device", done.stderr)


class Attach(Case):
    def test_a_map(self):
        gate = self.pipe("gate")
        map_ = self.jobctl_start("map", "--json", "-k", "--detach-on-interrupt", f"echo {{}}; [ {{}} = a ] || read x <{gate.path}", ":::", "a", "b")
        lines = self.lines(map_)
        self.assertIn('"stdout":"a\\n"', lines.next())
        map_.send_signal(signal.SIGINT)
        self.end(map_, status=130)
        gate.send()
        with self.daemon.client() as client:
            (job,) = client.jobs()
        (pieces, tasks, end) = self.split(self.jobctl("attach", "--json", job).json_lines)
        self.assertEqual([], pieces)
        self.assertEqual([(job, 1, "b\n")], [(row["job"], row["task"], row["stdout"]) for row in tasks])
        self.assertEqual((job, "succeeded"), (end["id"], end["state"]))

    def test_one_command(self):
        job = self.submit("sh", "-c", "echo out; exit 3")
        pieces, tasks, end = self.split(self.jobctl("attach", "--json", job, status=3).json_lines)
        self.assertEqual(([("stdout", "out\n")], []), ([(row["stream"], row["text"]) for row in pieces], tasks))
        self.assertEqual((int(job), "failed", 3), (end["id"], end["state"], end["exit_code"]))
        self.jobctl("attach", "--json", 99, status=125)


if __name__ == "__main__":
    harness.main()

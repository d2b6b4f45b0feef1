# SPDX-License-Identifier: Apache-2.0
"""Maps in the other commands: they are jobs with tasks like any other."""

import harness


class Maps(harness.Case):
    def setUp(self):
        super().setUp()
        self.start()

    def map(self, *words, **options):
        """Runs a map to its end; returns its id."""
        self.jobctl("map", *words, **options)
        return self.jobctl("list", "--json", "-n", 1).json_lines[0]["id"]

    def test_looking(self):
        job = self.map("-k", "echo {}; exit {}", ":::", 0, 1, 2, 0, status=2)
        self.assertEqual(f"{job} failed: 4 of 4 done, 2 failed\n", self.jobctl("status", job).out)
        self.assertIn("failed 4/4, 2 failed", self.jobctl("list").out)
        self.assertEqual(f"{job}.1\n{job}.2\n", self.jobctl("list", "--ids", "--tasks", "--failed", job).out)
        self.assertEqual("".join(f"==> job {job}.{n} <==\n{x}\n" for n, x in enumerate((0, 1, 2, 0))), self.jobctl("logs", job).out)
        self.assertEqual("1\n2\n", self.jobctl("logs", "--quiet", "--failed", job).out)
        row = self.jobctl("info", "--json", job).json
        self.assertEqual((4, 1, {"succeeded": 2, "failed": 2}), (row["task_count"], row["map_values"], row["tasks_by_state"]))
        self.assertEqual([0, 1, 2, 0], [one["exit_code"] for one in row["attempts"]])
        self.assertIn("Task", self.jobctl("info", f"{job}.2").out)

    def test_retry_runs_only_the_failed_ones(self):
        """With the values that they had."""
        job = self.map("-k", 'echo "{} $JOBD_ATTEMPT"; test {} != b || test -e good', ":::", "a", "b", "c", status=1)
        self.file("good")
        self.jobctl("retry", "--failed", job)
        self.jobctl("wait", job)
        self.assertEqual("a 1\nb 2\nc 1\n", self.jobctl("logs", "--quiet", job).out)
        self.jobctl("retry", f"{job}.1-2")
        self.jobctl("wait", job)
        self.assertEqual("a 1\nb 3\nc 2\n", self.jobctl("logs", "--quiet", job).out)
        self.jobctl("retry", "--failed", job)
        self.assertEqual("a 1\nb 3\nc 2\n", self.jobctl("logs", "--quiet", job).out)

    def test_retry_of_those_that_a_halt_left_out(self):
        job = self.map("-j", 1, "--halt", "soon,fail=1", "echo {}; test {} != b || test -e good", ":::", *"abcdef", status=None)
        self.assertEqual("failed", self.state(job))
        self.file("good")
        self.jobctl("retry", "--failed", job)
        self.jobctl("wait", job)
        self.assertEqual("a\nb\nc\nd\ne\nf\n", self.jobctl("logs", "--quiet", job).out)

    def test_states_are_counted_apart(self):
        """While it runs, when it has ended, across a restart, and when the rest is run again."""
        held = self.pipe("held")
        job = self.map("-j", 1, "--halt", "soon,fail=2", "--timeout", "2",
                       f"case {{}} in b) exit 1;; c) test -e good || read x <{held.path};; esac", ":::", *"abcdef", status=None)
        counts = {"succeeded": 1, "failed": 1, "timeout": 1, "cancelled": 3}
        line = "6 of 6 done, 1 failed, 3 cancelled, 1 timed out"
        for _ in "before", "after":
            self.assertEqual(counts, self.jobctl("info", "--json", job).json["tasks_by_state"])
            self.assertEqual(line, self.jobctl("status", job).out.strip().split(": ")[1])
            self.assertIn(line, self.jobctl("info", job).out)
            self.assertIn("failed 6/6, 2 failed, 3 cancelled", self.jobctl("list").out)
            last = self.jobctl("wait", "--json", "--progress", job, status=None).json_lines
            self.assertEqual([(5, 3)], [(row["tasks_failed"], row["tasks_cancelled"]) for row in last if "tasks_failed" in row])
            self.assertEqual([1, 1, 1], [row["slot"] for row in self.jobctl("info", "--json", job).json["attempts"]])
            self.assertEqual([(6, 2, 3)], [(row["done"], row["failed"], row["cancelled"]) for row in last if "done" in row][-1:])
            self.daemon.stop()
            self.daemon.start()
        self.file("good")
        self.jobctl("retry", "--failed", job)
        self.jobctl("wait", job, status=1)
        self.assertEqual({"succeeded": 5, "failed": 1}, self.jobctl("info", "--json", job).json["tasks_by_state"])

    def test_its_terms(self):
        job = self.map("-j", 3, "--halt", "soon,fail=20%", "--delay", "0.01", "true", ":::", "a")
        row = self.jobctl("info", "--json", job).json
        self.assertEqual(({"on": "fail", "percent": 20}, 0.01, 3),
                         ({name: value for name, value in row["halt"].items() if value}, row["start_delay_seconds"], row["array_width"]))
        self.assertIn("soon,fail=20%", self.jobctl("info", job).out)

    def test_while_its_input_is_open(self):
        """A map that waits for inputs says how many there are so far, and can be cancelled."""
        pipe = self.pipe("inputs")
        process = self.jobctl_start("map", "--line-buffer", "echo", "::::", pipe.path)
        pipe.send(3)
        lines = self.lines(process)
        for _ in range(3):
            self.assertEqual("go", lines.next())
        row = self.jobctl("list", "--json").json_lines[0]
        self.assertEqual((3, True), (row["task_count"], row["open"]))
        self.assertRegex(self.jobctl("list").out, r"\d/3\+")
        self.assertRegex(self.jobctl("status", row["id"]).out, r"\d of 3 so far done")
        self.jobctl("cancel", row["id"])
        self.jobctl("wait", row["id"], status=125)
        self.end(process, status=None)

    def test_following_an_open_one(self):
        """logs -f shows each task in its turn, those too that came later."""
        pipe = self.pipe("inputs")
        process = self.jobctl_start("map", "--line-buffer", "echo", "::::", pipe.path)
        pipe.send()
        self.assertEqual("go", self.lines(process).next())
        job = self.jobctl("list", "--json").json_lines[0]["id"]
        logs = self.jobctl_start("logs", "-f", "--quiet", job)
        lines = self.lines(logs)
        self.assertEqual("go", lines.next())
        pipe.send()
        self.assertEqual("go", lines.next())
        self.jobctl("cancel", job)
        self.end(logs)
        self.end(process, status=None)

    def test_events(self):
        job = self.map("true", ":::", "a", "b")
        rows = self.jobctl("events", "--json", "-n", 0, f"{job}.1").json_lines
        self.assertEqual({1}, {row["task"] for row in rows})

    def test_a_purged_map_is_gone(self):
        job = self.map("head -c {} /dev/zero", ":::", 100000, 200000)
        self.jobctl("purge", job)
        self.jobctl("info", job, status=3)
        self.assertSays(self.jobctl("retry", "--failed", job, status=3), f"no job {job}")


if __name__ == "__main__":
    harness.main()

# SPDX-License-Identifier: Apache-2.0
"""Jobs that wait inside for other jobs: they lend their cores, so that nesting cannot block the pool."""

import json
import os
import sys

import harness


class Lending(harness.Case):
    def setUp(self):
        super().setUp()
        self.start(workers=1)
        self.jobctl_path = harness.program("jobctl")

    def inside(self, *words):
        return f"{self.jobctl_path} " + " ".join(words)

    def test_run_in_run(self):
        self.assertEqual("deep\n", self.jobctl("run", "--shell", self.inside("run", "echo", "deep")).out)

    def test_five_deep(self):
        line = "echo bottom"
        for depth in range(5):
            path = self.file(f"level{depth}", line + "\n")
            line = self.inside("run", "sh", path)
        self.assertEqual("bottom\n", self.jobctl("run", "--shell", line).out)
        self.daemon.pool_ready(1)  # the workers that were added are gone again

    def test_map_in_map(self):
        script = self.file("inner", self.inside("map", "-k", "echo", "$1{}", ":::", "a", "b") + "\n")
        out = self.jobctl("map", "-k", "sh", script, "{}", ":::", "1", "2", "3").out
        self.assertEqual(["1a", "1b", "2a", "2b", "3a", "3b"], out.split())

    def test_wait_in_a_job(self):
        path = self.file("stages", "id=$(" + self.inside("submit", "echo", "first") + ") && " +
                         self.inside("wait", "$id") + " && " + self.inside("logs", "$id") + "\n")
        self.assertEqual("first\n", self.jobctl("run", "sh", path).out)

    def test_cores_come_back(self):
        self.assertEqual("x\n", self.jobctl("run", "--shell", self.inside("run", "echo", "x")).out)
        self.daemon.pool_ready(1)
        first, _, gate = self.submit_blocked("one")
        second = self.submit("echo", "two")
        gate.send()
        self.jobctl("wait", first, second)
        tasks = [json.loads(self.jobctl("info", "--json", job).out)["attempts"][0] for job in (first, second)]
        self.assertLessEqual(tasks[0]["ended_at"], tasks[1]["started_at"])

    def test_at_another_daemon(self):
        """There a job of the same number may run, which has nothing to do with it."""
        own, self.daemon = self.daemon, harness.Daemon(self, "other")
        other = self.start(workers=1)
        self.assertEqual(1, self.submit_blocked()[0])
        self.env["JOBCTL_SOCKET"], self.daemon = own.socket, own
        alias = self.dir + "/alias"
        os.symlink(self.daemon.socket, alias)
        for socket, job in ((other.socket, None), (self.daemon.socket, 2), (alias, 3)):
            words = self.inside("--socket", socket, "lock")
            row = self.jobctl("run", "--shell", f"{words} a -- {words} --list --json").json
            self.assertEqual(("a", job), (row["name"], row.get("job")))

    def test_of_an_array(self):
        path = self.file("task", self.inside("run", "echo", "$JOBD_TASK_ID") + "\n")
        job = self.submit("--array", "5-9:2", "sh", path)
        self.jobctl("wait", job)
        self.assertEqual(["5", "7", "9"], sorted(word for word in self.jobctl("logs", job).out.split() if word.isdigit()))


if __name__ == "__main__":
    sys.exit(harness.main())

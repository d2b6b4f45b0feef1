# SPDX-License-Identifier: Apache-2.0
"""Named locks and resources: for processes and for jobs, in order, across the ends of everybody involved."""

import json
import os
import subprocess
import sys

import harness


class Locks(harness.Case):
    def setUp(self):
        super().setUp()
        self.start(workers=4)

    def locks(self):
        return [(row["name"], row["state"]) for row in self.jobctl("lock", "--list", "--json").json_lines]

    def wait_for_locks(self, *expected):
        """Until the list says so: the only news of a wait is the list itself."""
        words = {1: "LOCK_WAITING", 2: "LOCK_HELD"}
        wanted = sorted((name, words[state]) for name, state in expected)
        self.daemon.ask_until("lock", lambda news: wanted == sorted(
            (lock["name"], lock["state"]) for lock in news.get("locks", [])), list=True)

    def hold(self, name, *options):
        """A process that holds the lock until its pipe gets a line."""
        gate = self.pipe(f"hold-{name}-{len(os.listdir(self.dir))}")
        process = self.jobctl_start("lock", name, *options, "--", "sh", "-c", f"echo held; read x <{gate.path}; exit 7")
        return process, self.lines(process), gate

    def test_runs_the_command_and_gives_its_code(self):
        result = self.jobctl("lock", "a", "--", "sh", "-c", "echo in; exit 7", status=7)
        self.assertEqual("in\n", result.out)
        self.assertEqual([], self.locks())
        self.jobctl("lock", "a", "--", "/no/such", status=127)

    def test_one_at_a_time_in_order(self):
        first, lines, gate = self.hold("a")
        self.assertEqual("held", lines.next())
        waiters = []
        for number in range(3):
            waiters.append(self.jobctl_start("lock", "a", "--", "sh", "-c", f"echo {number} >>{self.dir}/order"))
            self.wait_for_locks(("a", 2), *[("a", 1)] * (number + 1))
        gate.send()
        self.end(first, 7)
        for waiter in waiters:
            self.end(waiter)
        self.assertEqual("0\n1\n2\n", self.read(f"{self.dir}/order"))

    def test_shared_and_alone(self):
        one, lines_one, gate_one = self.hold("a", "--shared")
        two, lines_two, gate_two = self.hold("a", "--shared")
        self.assertEqual("held", lines_one.next())
        self.assertEqual("held", lines_two.next())
        alone = self.jobctl_start("lock", "a", "--", "true")
        self.wait_for_locks(("a", 2), ("a", 2), ("a", 1))
        late = self.jobctl("lock", "a", "--shared", "--timeout", "0", "--", "true", status=124)
        self.assertSays(late, "not free in time")
        gate_one.send()
        gate_two.send()
        self.end(one, 7)
        self.end(two, 7)
        self.end(alone)

    def test_death_of_the_holder(self):
        holder, lines, _ = self.hold("a")
        self.assertEqual("held", lines.next())
        waiter = self.jobctl_start("lock", "a", "--", "true")
        self.wait_for_locks(("a", 2), ("a", 1))
        harness.kill(holder.pid)
        self.end(holder, -9)
        self.end(waiter)

    def test_a_waiter_that_goes_leaves_the_line(self):
        holder, lines, gate = self.hold("a")
        self.assertEqual("held", lines.next())
        waiter = self.jobctl_start("lock", "a", "--", "true")
        self.wait_for_locks(("a", 2), ("a", 1))
        harness.kill(waiter.pid)
        self.end(waiter, -9)
        self.wait_for_locks(("a", 2))
        gate.send()
        self.end(holder, 7)

    def test_acquire_and_release_in_a_script(self):
        ctl = harness.program("jobctl")
        script = self.file("script", f"{ctl} lock --acquire db || exit 1\n{ctl} lock --list --json\n"
                           f"{ctl} lock --release db || exit 2\n{ctl} lock --list --json\necho end\n"
                           f"{ctl} lock --acquire db\n")
        out = subprocess.run(["sh", script], stdout=subprocess.PIPE, text=True, check=True, env=self.env).stdout.split("\n")
        self.assertEqual("db", json.loads(out[0])["name"])
        self.assertEqual("end", out[1])
        self.wait_for_locks()  # the shell has ended, with it the second one
        self.assertSays(self.jobctl("lock", "--release", "db", status=125), "does not hold")

    def test_held_across_a_restart(self):
        holder, lines, gate = self.hold("a")
        self.assertEqual("held", lines.next())
        waiter = self.jobctl_start("lock", "a", "--", "echo", "mine")
        self.wait_for_locks(("a", 2), ("a", 1))
        self.daemon.kill()
        self.daemon.start(workers=4)
        self.wait_for_locks(("a", 2), ("a", 1))
        gate.send()
        self.end(holder, 7)
        self.assertEqual("mine\n", self.end(waiter).out)

    def test_holder_that_ended_while_jobd_was_away(self):
        holder, lines, gate = self.hold("a")
        self.assertEqual("held", lines.next())
        self.daemon.kill()
        gate.send()
        self.end(holder, 7)
        self.daemon.start(workers=4)
        self.jobctl("lock", "a", "--timeout", "0", "--", "true")

    def test_job_and_command_exclude_each_other(self):
        holder, lines, gate = self.hold("a")
        self.assertEqual("held", lines.next())
        job = self.submit("--lock", "a", "echo", "in the job")
        self.wait_for_locks(("a", 2), ("a", 1))
        self.assertEqual(["resource"], self.jobctl("info", "--json", job).json["blockers"])
        gate.send()
        self.end(holder, 7)
        self.jobctl("wait", job)
        self.assertEqual("in the job\n", self.jobctl("logs", job).out)

    def test_circle_is_refused_and_named(self):
        ctl = harness.program("jobctl")
        gate = self.pipe("gate")
        one = self.submit("--lock", "a", "--shell", f"{ctl} lock b -- true")
        self.jobctl("wait", one)
        holder = self.submit("--lock", "b", "--shell", f"read x <{gate.path}; {ctl} lock a -- true")
        self.assert_runs(holder)
        waits = self.submit("--lock", "a", "--shell", f"{ctl} lock b -- true")
        self.wait_for_locks(("a", 2), ("b", 2), ("b", 1))
        gate.send()
        self.jobctl("wait", holder, status=125)
        self.assertIn(f'held by job {waits}, which waits for "b"', self.jobctl("logs", holder).err)
        self.jobctl("wait", waits)

    def test_units_with_ids(self):
        self.assertSays(self.jobctl("submit", "--resource", "gpu=1", "true", status=2), "there is no resource")
        self.jobctl("resource", "set", "gpu=2")
        self.assertSays(self.jobctl("submit", "--resource", "gpu=3", "true", status=2), "has 2 units")
        self.assertEqual("0,1\n", self.jobctl("run", "--resource", "gpu=2", "sh", "-c", "echo $JOBD_RESOURCE_gpu").out)
        folder = f"{self.dir}/unit$JOBD_RESOURCE_gpu"
        out = self.jobctl("map", "-j", "4", "--resource", "gpu=1", f"mkdir {folder} && rmdir {folder}; : {{}}", ":::",
                          *range(20))
        self.assertEqual("", out.err)

    def test_info_tells_what_it_asks_for(self):
        self.jobctl("resource", "set", "gpu=2")
        job = self.submit("--hold", "--resource", "gpu=2", "--lock", "a", "--lock", "b:shared", "--retries", 1, "--retry-on", "3,5-6", "true")
        for line in (r"Resource +gpu=2", r"Lock +a", r"Lock +b:shared", r"Retry on +3,5,6"):
            self.assertRegex(self.jobctl("info", job).out, rf"(?m)^  {line}$")
        told = self.jobctl("info", "--json", job).json
        self.assertEqual([{"name": "gpu", "count": 2}], told["resources"])
        self.assertEqual([("a", False), ("b", True)], [(lock["name"], lock.get("shared", False)) for lock in told["locks"]])

    def test_as_many_units_as_a_job_may_have(self):
        self.jobctl("resource", "set", "disk=1000000")
        self.assertSays(self.jobctl("submit", "--resource", "disk=10001", "true", status=2), "10000")
        out = self.jobctl("run", "--resource", "disk=10000", "printenv", "JOBD_RESOURCE_disk").out
        self.assertEqual([str(number) for number in range(10000)], out.strip().split(","))

    def test_units_across_a_restart(self):
        self.jobctl("resource", "set", "gpu=2")
        gate = self.pipe("gate")
        first = self.submit("--resource", "gpu=1", "--shell", f"read x <{gate.path}; echo $JOBD_RESOURCE_gpu")
        self.assert_runs(first)
        self.daemon.kill()
        self.daemon.start(workers=4)
        self.assertEqual("1\n", self.jobctl("run", "--resource", "gpu=1", "sh", "-c", "echo $JOBD_RESOURCE_gpu").out)
        self.assertSays(self.jobctl("resource", "remove", "gpu", status=1), "unfinished jobs")
        gate.send()
        self.jobctl("wait", first)
        self.assertEqual("0\n", self.jobctl("logs", first).out)
        self.jobctl("resource", "remove", "gpu")

    def test_bad_names(self):
        self.assertSays(self.jobctl("lock", "a\nb", "--", "true", status=125), "control characters")
        self.assertSays(self.jobctl("submit", "--lock", "x" * 129, "true", status=2), "longer than 128")
        self.assertSays(self.jobctl("submit", "--lock", "a", "--lock", "a:shared", "true", status=2), "twice")


class MachineWide(harness.Case):
    def test_declared_in_the_configuration(self):
        self.start(workers=4, config='[Resource "gpu"]\nCapacity=2\n[Lock "archive"]\n')
        rows = {row["name"]: row for row in self.jobctl("resource", "list", "--json").json_lines}
        self.assertEqual((2, True), (rows["gpu"]["units"], rows["gpu"]["machine"]))
        self.assertSays(self.jobctl("resource", "set", "gpu=9", status=1), "of the machine")
        self.assertEqual("0,1\n", self.jobctl("run", "--resource", "gpu=2", "sh", "-c", "echo $JOBD_RESOURCE_gpu").out)
        self.jobctl("lock", "archive", "--", "true")


if __name__ == "__main__":
    sys.exit(harness.main())

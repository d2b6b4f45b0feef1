# SPDX-License-Identifier: Apache-2.0
"""map: what is shown, in which order, with which exit code; large outputs; live output; attach and wait."""

import json
import os
import subprocess
import unittest

import harness


def lines(numbers):
    return "".join(f"{i}\n" for i in numbers)


class Map(harness.Case):
    def setUp(self):
        super().setUp()
        self.start()

    def job(self):
        """The newest job, as list --json has it."""
        return self.jobctl("list", "--json", "last").json_lines[0]

    def test_one_task_per_input(self):
        done = self.jobctl("map", "echo", "x{}y", ":::", "a", "b c", "")
        self.assertEqual(["xay", "xb cy", "xy"], sorted(done.out.split("\n")[:-1]))
        self.assertEqual("", done.err)

    def test_ordered_while_it_streams(self):
        """The second task ends first; nothing of it is shown before the first one is."""
        first = self.pipe("first")
        second = self.pipe("second")
        done = self.pipe("done")
        map_ = self.jobctl_start(
            "map", "-k", "-j2", f'read x <"{self.dir}/{{}}"; echo {{}}; echo {{}} >"{done.path}"', ":::", "first", "second")
        second.send()
        self.assertEqual("second", done.line())
        first.send()
        out = self.lines(map_)
        self.assertEqual(["first", "second"], [out.next(), out.next()])
        self.end(map_)

    def test_unordered_as_they_end(self):
        first = self.pipe("first")
        second = self.pipe("second")
        map_ = self.jobctl_start(
            "map", "-j2", f'read x <"{self.dir}/{{}}"; echo {{}}', ":::", "first", "second")
        out = self.lines(map_)
        second.send()
        self.assertEqual("second", out.next())
        first.send()
        self.assertEqual("first", out.next())
        self.end(map_)

    def test_many_in_order(self):
        done = self.jobctl("map", "-k", "echo", input=lines(range(5000)))
        self.assertEqual(lines(range(5000)), done.out)
        self.assertEqual("", done.err)

    def test_a_slow_producer_is_not_waited_for(self):
        """Each line runs as soon as it is there, long before a chunk is full."""
        map_ = self.jobctl_start("map", "echo", "got", stdin=subprocess.PIPE)
        out = self.lines(map_)
        for i in range(3):
            map_.stdin.write(f"{i}\n".encode())
            map_.stdin.flush()
            self.assertEqual(f"got {i}", out.next())
        map_.stdin.close()
        map_.stdin = None
        self.assertEqual("", self.end(map_).out)

    def test_stdout_and_stderr_are_apart_and_tagged(self):
        done = self.jobctl("map", "-k", "--tag", "echo out{}; echo err{} >&2; printf no-newline", ":::", "1", "2")
        self.assertEqual("1\tout1\n1\tno-newline2\tout2\n2\tno-newline", done.out)
        self.assertEqual("1\terr1\n2\terr2\n", done.err)

    def test_exit_code_is_the_number_of_failures(self):
        self.jobctl("map", "exit {}", ":::", "0", "3", "0", "9", status=2)
        self.jobctl("map", "false", "{}", input=lines(range(100)), status=100)
        self.jobctl("map", "false", "{}", input=lines(range(102)), status=101)

    def test_halt(self):
        self.jobctl("map", "-j1", "--halt", "now,fail=1", "exit {}", ":::", "0", "7", "8", status=7)
        self.assertLess(self.job()["tasks"]["count"] if "tasks" in self.job() else 0, 4)
        self.jobctl("map", "-j1", "--halt", "soon,fail=2", "exit {}", ":::", "3", "7", "8", "9", status=2)
        self.jobctl("map", "-j1", "--halt", "now,success=1", "exit {}", ":::", "3", "0", "8", status=0)

    def test_halt_in_percent_needs_three(self):
        """Of fewer it does not give up, and the exit code is then the number of failures and nothing else."""
        for halt, codes, status, ran in (("soon,fail=10%", "70000", 1, 5), ("soon,fail=40%", "45000", 2, 5),
                                         ("now,fail=20%", "1110000000", 30, 3), ("soon,success=10%", "0100", 0, 4)):
            with self.subTest(halt=halt, codes=codes):
                done = self.jobctl("map", "-k", "-j1", "--halt", halt, "echo {}; exit {}", ":::", *codes, status=status)
                self.assertEqual(codes[:ran], "".join(done.out.split()))
                self.assertEqual(status == 30, "halted" in done.err)

    def test_what_cannot_be_run_is_told(self):
        done = self.jobctl("map", "./not-there", ":::", "a", status=1)
        self.assertIn("not-there", done.err)

    def test_no_inputs(self):
        done = self.jobctl("map", "echo", input="")
        self.assertSays(done, "no inputs")

    def test_a_bad_template_makes_no_job(self):
        before = self.jobctl("list", "--json").out
        self.assertSays(self.jobctl("map", "echo", "{3}", ":::", "a", ":::", "b", status=125), "{3}")
        self.assertEqual(before, self.jobctl("list", "--json").out)

    def test_input_that_breaks_in_the_middle(self):
        """A line too long for a command: what came before runs, the job has failed, and all of it is said."""
        done = self.jobctl("map", "-k", "echo", input="a\nb\n" + "x" * 200000 + "\nc\n", status=125)
        self.assertEqual("a\nb\n", done.out)
        self.assertIn("tasks before it go on", done.err)
        self.assertEqual("failed", self.job()["state"])

    def test_a_command_that_becomes_too_long(self):
        """Only that task has failed: it is told, logged without its values, and the others run."""
        inputs = self.file("inputs", "x" * 100000 + "\nfine\n")
        done = self.jobctl("map", "--joblog", "log", "-a", inputs, "echo {} {} | wc -c", status=1)
        self.assertEqual("10\n", done.out)
        self.assertIn("too long", done.err)
        rows = [row.split("\t") for row in self.read("log").splitlines()[1:]]
        self.assertEqual([("1", "126", "echo {} {} | wc -c"), ("2", "0", "echo fine fine | wc -c")],
                         sorted((row[0], row[6], row[8]) for row in rows))
        done = self.jobctl("map", "--dry-run", "-a", inputs, "echo {} {} | wc -c")
        self.assertEqual("echo fine fine | wc -c\n", done.out)
        self.assertIn("too long", done.err)

    def test_the_log_knows_the_slot(self):
        """What {%} was for each task, two of which run at once for sure."""
        fifo = self.pipe("both")
        for order in "-k", "--line-buffer":
            self.jobctl("map", "-j2", order, "--results", "results" + order, "--joblog", "log" + order,
                        f"case {{#}} in 1) echo x >{fifo.path};; 2) read x <{fifo.path};; esac; echo {{%}}", ":::", *"abcdef")
            rows = [row.split("\t") for row in self.read("log" + order).splitlines()[1:]]
            logged = {int(row[0]): row[8].rpartition(" ")[2] for row in rows}
            ran = {n + 1: self.read(f"results{order}/1/{value}/stdout").strip() for n, value in enumerate("abcdef")}
            self.assertEqual(ran, logged)
            self.assertEqual({"1", "2"}, set(logged.values()))

    # ---- large outputs

    def test_large_outputs_in_order(self):
        command = "i=0; while [ $i -lt 3000 ]; do echo {} $i aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa; i=$((i+1)); done"
        done = self.jobctl("map", "-k", "-j2", command, ":::", *"abcde")
        expected = "".join(f"{c} {i} {'a' * 39}\n" for c in "abcde" for i in range(3000))
        self.assertEqual(expected, done.out)

    def test_large_outputs_stay_whole(self):
        command = "i=0; while [ $i -lt 3000 ]; do echo {} $i aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa; i=$((i+1)); done"
        done = self.jobctl("map", "-j2", command, ":::", *"abcde")
        shown = done.out.splitlines()
        tasks = [shown[at].split()[0] for at in range(0, len(shown), 3000)]
        self.assertEqual(sorted("abcde"), sorted(tasks))
        for n, task in enumerate(tasks):
            self.assertEqual([f"{task} {i} {'a' * 39}" for i in range(3000)], shown[n * 3000:n * 3000 + 3000])

    # ---- live

    def test_live_lines(self):
        """Lines of two tasks that run at the same time come as they are written, whole."""
        gates = [self.pipe("a"), self.pipe("b")]
        map_ = self.jobctl_start(
            "map", "--line-buffer", "--tag", "-j2",
            f'printf beg; read x <"{self.dir}/{{}}"; echo in; read x <"{self.dir}/{{}}"; printf end', ":::", "a", "b")
        out = self.lines(map_)
        gates[1].send()
        self.assertEqual("b\tbegin", out.next())
        gates[0].send(2)
        self.assertEqual("a\tbegin", out.next())
        gates[1].send()
        rest = self.end(map_).out + out.text.decode()
        self.assertIn("a\tend", rest)
        self.assertIn("b\tend", rest)

    def test_live_and_ordered(self):
        """Only the first task's lines come as they are written; the other waits for its turn."""
        gates = [self.pipe("a"), self.pipe("b")]
        over = self.pipe("over")
        map_ = self.jobctl_start(
            "map", "--line-buffer", "-k", "-j2",
            f'read x <"{self.dir}/{{}}"; echo {{}} 1; read x <"{self.dir}/{{}}"; echo {{}} 2; echo {{}} >"{over.path}"',
            ":::", "a", "b")
        out = self.lines(map_)
        gates[1].send(2)
        self.assertEqual("b", over.line())
        gates[0].send()
        self.assertEqual("a 1", out.next())
        gates[0].send()
        self.assertEqual(["a 2", "b 1", "b 2"], [out.next() for _ in range(3)])
        self.end(map_)

    # ---- another terminal

    def test_wait_shows_progress(self):
        gate = self.pipe("gate")
        up = self.pipe("up")
        map_ = self.jobctl_start(
            "map", "-j1", f'echo up >"{up.path}"; read x <"{gate.path}"; exit {{}}', ":::", "0", "1")
        up.line()
        waiting = self.jobctl_start("wait", "--progress", "--json", "last")
        out = self.lines(waiting)
        first = json.loads(out.next())
        self.assertEqual((2, 0, 0), (first["total"], first["done"], first["failed"]))
        gate.send()
        up.line()
        gate.send()
        objects = [json.loads(line) for line in (out.text.decode() + self.end(waiting, status=None).out).splitlines()]
        last = [o for o in objects if "total" in o][-1]
        self.assertEqual((2, 2, 1, 0), (last["total"], last["done"], last["failed"], last["running"]))
        self.end(map_, status=1)

    def test_wait_shows_progress_of_a_plain_job(self):
        job, _, gate = self.submit_blocked()
        waiting = self.jobctl_start("wait", "--progress", "--json", job)
        out = self.lines(waiting)
        self.assertEqual(1, json.loads(out.next())["running"])
        gate.send()
        self.end(waiting)

    def test_wait_counts_the_tasks_that_failed(self):
        self.jobctl("map", "exit {}", ":::", "0", "1", "2", status=2)
        self.assertIn("2 tasks did not succeed", self.jobctl("wait", "last", status=None).err)

    def test_wait_does_not_print_a_line_for_each_of_many(self):
        jobs = [self.submit("false") for _ in range(25)]
        done = self.jobctl("wait", f"{jobs[0]}-{jobs[-1]}", status=25)
        self.assertEqual(21, len(done.err.splitlines()))
        self.assertIn("5 more: 25 of 25", done.err)

    def test_the_line_of_progress_ends_with_the_whole(self):
        done = self.jobctl("map", "--bar", "echo {}; exit {}", ":::", "0", "1", "0", status=1)
        self.assertIn("100%", done.err.splitlines()[-1])
        self.assertIn("3/3", done.err.splitlines()[-1])
        self.assertIn("1 failed", done.err.splitlines()[-1])

    def test_attach_to_an_array(self):
        job = self.submit("--array", "3-9:3", "sh", "-c", "echo $JOBD_TASK_ID; exit $((JOBD_TASK_ID % 2))")
        self.assertEqual("3\n6\n9\n", self.jobctl("attach", job, status=2).out)

    def test_attach_to_one_task(self):
        self.jobctl("map", "echo", ":::", "a", "b")
        job = self.job()["id"]
        self.assertEqual("b\n", self.jobctl("attach", f"{job}.1").out)

    def test_attach_to_what_was_seen(self):
        """Everything was shown already: nothing is left to show, and the exit code is the same."""
        self.jobctl("map", "-k", "echo {}; exit {}", ":::", "0", "1", status=1)
        self.assertEqual("", self.jobctl("attach", "last", status=1).out)

    # ---- unusual readers

    def test_a_reader_that_goes(self):
        """map | head: it ends by SIGPIPE, quietly, and the job does not go on without a reader."""
        map_ = self.jobctl_start("map", "-k", "echo {}; echo {}", "::::", self.file("numbers", lines(range(100000))))
        map_.stdout.read(10)
        map_.stdout.close()
        map_.stdout = None
        self.assertEqual((-13, b""), (map_.wait(harness.DEADLINE), map_.stderr.read()))
        self.jobctl("wait", "last", status=None)
        job = self.job()
        self.assertEqual("cancelled", job["state"], job)

    def test_stdout_that_is_full(self):
        with open("/dev/full", "w", encoding="utf-8") as full:
            process = subprocess.run(
                [harness.program("jobctl"), "map", "echo", ":::", "a"], stdout=full, stderr=subprocess.PIPE,
                stdin=subprocess.DEVNULL, env=self.env, cwd=self.work, timeout=harness.DEADLINE, check=False)
        self.assertEqual(125, process.returncode)
        self.assertIn(b"No space left", process.stderr)

    def test_a_slow_reader(self):
        """More than all buffers hold, read at the end only; nothing is lost, and jobctl stays small."""
        map_ = self.jobctl_start("map", "-k", "head -c 60000 /dev/zero | tr '\\0' {}; echo", ":::",
                                 *["abcdefghij"[i % 10] for i in range(300)])
        first = os.read(map_.stdout.fileno(), 1)
        self.jobctl("wait", "last")
        with open(f"/proc/{map_.pid}/status", encoding="utf-8") as status:
            peak = [int(line.split()[1]) for line in status if line.startswith("VmHWM")][0]
        self.assertLess(peak, 40000)
        out, _ = map_.communicate(timeout=harness.DEADLINE)
        shown = (first + out).split(b"\n")
        self.assertEqual(301, len(shown))
        self.assertEqual([b"abcdefghij"[i % 10:i % 10 + 1] * 60000 for i in range(300)], shown[:-1])
        self.assertEqual(0, map_.returncode)


if __name__ == "__main__":
    unittest.main()

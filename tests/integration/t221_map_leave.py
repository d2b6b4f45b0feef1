# SPDX-License-Identifier: Apache-2.0
"""map: Ctrl-C at several moments, closed terminals, a client that is killed, and attach behind all that."""

import os
import select
import signal
import subprocess
import unittest

import harness


class Leave(harness.Case):
    """Tasks say "up N" and then wait for a line; N comes from the inputs."""

    def setUp(self):
        super().setUp()
        self.start()
        self.up = self.pipe("up")
        self.gate = self.pipe("gate")
        self.task = f'echo up {{}} >"{self.up.path}"; read x <"{self.gate.path}"; echo {{}}'

    def job(self):
        return self.jobctl("list", "--json", "last").json_lines[0]

    def up_next(self):
        return int(self.up.line().split()[1])

    def map(self, *words, **options):
        return self.jobctl_start("map", *words, **options)

    def numbers(self, count):
        return "::::", self.file("numbers", "".join(f"{i}\n" for i in range(count)))

    # ---- Ctrl-C

    def test_first_interrupt_cancels(self):
        map_ = self.map("-k", "-j1", self.task, *self.numbers(100000))
        out = self.lines(map_)
        self.up_next()
        self.gate.send()
        self.assertEqual("0", out.next())
        self.up_next()
        map_.send_signal(signal.SIGINT)
        done = self.end(map_, status=130)
        self.assertIn("cancelling job 1", done.err)
        self.assertEqual("cancelled", self.job()["state"])

    def test_interrupt_with_a_joblog_says_how_to_go_on(self):
        log = os.path.join(self.work, "log")
        map_ = self.map("-k", "-j1", "--joblog", log, self.task, ":::", "0", "1", "2")
        out = self.lines(map_)
        self.up_next()
        self.gate.send()
        self.assertEqual("0", out.next())
        self.up_next()
        map_.send_signal(signal.SIGINT)
        self.assertIn("--resume", self.end(map_, status=130).err)
        self.gate.send(2)
        done = self.jobctl("map", "-k", "-j1", "--joblog", log, "--resume-failed", self.task, ":::", "0", "1", "2")
        self.assertEqual("1\n2\n", done.out)

    def test_second_interrupt_leaves_at_once(self):
        """The task ignores TERM; the first Ctrl-C waits for it, the second does not."""
        held = self.pipe("held")
        map_ = self.map("-j1", f"trap '' TERM; {self.task}; read x <{held.path}", ":::", "0")
        self.up_next()
        map_.send_signal(signal.SIGINT)
        self.assertTrue(select.select([map_.stderr], [], [], harness.DEADLINE)[0], "nothing is said")
        err = map_.stderr.readline()
        self.assertIn(b"Ctrl-C again", err)
        map_.send_signal(signal.SIGINT)
        self.end(map_, status=130)
        self.jobctl("kill", "-s", "KILL", "last")
        self.jobctl("wait", "last", status=None)
        self.assertEqual("cancelled", self.job()["state"])

    def test_interrupt_while_inputs_are_waited_for(self):
        """Nothing has come from stdin yet: there is no job, and nothing to say."""
        map_ = self.map("echo", stdin=subprocess.PIPE)
        self.daemon.client().close()
        map_.send_signal(signal.SIGINT)
        self.assertEqual(-signal.SIGINT, map_.wait(harness.DEADLINE))
        self.assertEqual("", self.jobctl("list", "--json").out)

    def test_interrupt_between_inputs(self):
        map_ = self.map("echo", "{}", stdin=subprocess.PIPE)
        map_.stdin.write(b"a\n")
        map_.stdin.flush()
        self.assertEqual("a", self.lines(map_).next())
        map_.send_signal(signal.SIGINT)
        self.end(map_, status=130)
        self.assertEqual("cancelled", self.job()["state"])

    # ---- leaving it running

    def test_interrupt_that_detaches(self):
        """All inputs were read, so the job lacks nothing; attach goes on behind the last task shown."""
        map_ = self.map("-k", "-j1", "--detach-on-interrupt", self.task, ":::", "0", "1", "2")
        out = self.lines(map_)
        self.up_next()
        self.gate.send()
        self.assertEqual("0", out.next())
        self.up_next()
        map_.send_signal(signal.SIGINT)
        self.assertIn("job 1 goes on: jobctl attach 1", self.end(map_, status=130).err)
        attached = self.jobctl_start("attach", "last")
        self.gate.send(2)
        self.assertEqual("1\n2\n", self.end(attached).out)
        self.assertEqual("succeeded", self.job()["state"])

    def test_detaching_before_all_inputs_were_read(self):
        map_ = self.map("-k", "--detach-on-interrupt", "echo", "{}", stdin=subprocess.PIPE)
        map_.stdin.write(b"a\n")
        map_.stdin.flush()
        self.assertEqual("a", self.lines(map_).next())
        map_.send_signal(signal.SIGINT)
        self.assertIn("which are not all", self.end(map_, status=130).err)
        self.jobctl("wait", "last", status=None)
        self.assertEqual("failed", self.job()["state"])

    def leave_by(self, signo):
        map_ = self.map("-k", "-j1", self.task, ":::", "0", "1", "2", "3")
        out = self.lines(map_)
        for expected in ("0", "1"):
            self.up_next()
            self.gate.send()
            self.assertEqual(expected, out.next())
        self.up_next()
        map_.send_signal(signo)
        self.end(map_, status=128 + signo)
        self.gate.send(2)
        self.assertEqual("2\n3\n", self.jobctl("attach", "last").out)

    def test_a_closed_terminal(self):
        self.leave_by(signal.SIGHUP)

    def test_term(self):
        self.leave_by(signal.SIGTERM)

    def test_a_killed_client(self):
        """After SIGKILL at most what jobd was not told is shown again, and nothing is left out."""
        map_ = self.map("-k", "-j1", self.task, ":::", "0", "1", "2", "3")
        out = self.lines(map_)
        for expected in ("0", "1"):
            self.up_next()
            self.gate.send()
            self.assertEqual(expected, out.next())
        self.up_next()
        map_.kill()
        map_.wait(harness.DEADLINE)
        self.gate.send(2)
        shown = self.jobctl("attach", "last").out
        self.assertTrue("0\n1\n2\n3\n".endswith(shown), shown)
        self.assertTrue(shown.endswith("1\n2\n3\n") or shown == "2\n3\n", shown)

    def test_leaving_an_attached_map(self):
        map_ = self.map("-k", "-j1", "--detach-on-interrupt", self.task, ":::", "0", "1", "2")
        self.up_next()
        map_.send_signal(signal.SIGINT)
        self.end(map_, status=130)
        attached = self.jobctl_start("attach", "last")
        out = self.lines(attached)
        self.gate.send()
        self.assertEqual("0", out.next())
        self.up_next()
        attached.send_signal(signal.SIGINT)
        self.assertIn("goes on", self.end(attached, status=130).err)
        self.gate.send(2)
        self.assertEqual("1\n2\n", self.jobctl("attach", "last").out)

    def test_cancelled_from_another_terminal(self):
        map_ = self.map("-k", "-j1", self.task, *self.numbers(100000))
        self.up_next()
        self.jobctl("cancel", "last")
        self.end(map_, status=125)
        self.assertEqual("cancelled", self.job()["state"])


if __name__ == "__main__":
    unittest.main()

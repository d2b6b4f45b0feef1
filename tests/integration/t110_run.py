# SPDX-License-Identifier: Apache-2.0
"""`run`: live streams apart, stdin, signals, and what happens when either side goes away."""

import os
import signal
import subprocess

import harness


class Run(harness.Case):
    def setUp(self):
        super().setUp()
        self.start()

    def test_streams_and_status(self):
        result = self.jobctl("run", "sh", "-c", "echo out; echo err >&2; exit 9", status=9)
        self.assertEqual("out\n", result.out)
        self.assertEqual("err\n", result.err)

    def test_output_comes_while_the_job_runs(self):
        gate = self.pipe("gate")
        run = self.jobctl_start("run", "sh", "-c", f'echo first; read x <"{gate.path}"; echo second')
        lines = self.lines(run)
        self.assertEqual("first", lines.next())
        gate.send()
        self.assertEqual("second", lines.next())
        self.end(run)

    def test_stdin_reaches_the_job(self):
        self.assertEqual("WHAT I SAID\n", self.jobctl("run", "tr", "a-z", "A-Z", input="what I said\n").out)

    def test_much_stdin(self):
        data = os.urandom(1 << 16).hex().encode() * 40
        self.assertEqual(data, self.jobctl("run", "cat", input=data).raw)

    def test_stdin_of_a_job_that_does_not_read(self):
        self.assertEqual("done\n", self.jobctl("run", "echo", "done", input=b"x" * 3_000_000).out)

    def test_a_conversation(self):
        run = self.jobctl_start("run", "sh", "-c", "while read x; do echo got $x; done", stdin=subprocess.PIPE)
        lines = self.lines(run)
        for word in ("one", "two", "three"):
            run.stdin.write(word.encode() + b"\n")
            run.stdin.flush()
            self.assertEqual("got " + word, lines.next())
        self.end(run)

    def test_submit_has_no_stdin(self):
        job = self.submit("cat")
        self.jobctl("wait", job)
        self.assertEqual("", self.jobctl("logs", job).out)

    def test_signals_are_forwarded(self):
        for signo in (signal.SIGTERM, signal.SIGUSR1, signal.SIGUSR2, signal.SIGQUIT):
            with self.subTest(signo=signo):
                name = signal.Signals(signo).name.removeprefix("SIG")
                run = self.jobctl_start(
                    "run", "sh", "-c", f"trap 'echo caught; exit 3' {name}; echo up; while :; do tail -f /dev/null & wait $!; done")
                lines = self.lines(run)
                self.assertEqual("up", lines.next())
                run.send_signal(signo)
                self.assertEqual("caught", lines.next())
                self.end(run, status=3)

    def test_the_first_interrupt_cancels(self):
        up = self.pipe("up")
        run = self.jobctl_start("run", "sh", "-c", f'echo $$ >"{up.path}"; exec tail -f /dev/null')
        pid = int(up.line())
        run.send_signal(signal.SIGINT)
        self.end(run, status=130)
        harness.wait_gone(pid)
        self.assertEqual("cancelled", self.state(1))

    def test_interrupt_may_detach(self):
        gate, up = self.pipe("gate"), self.pipe("up")
        run = self.jobctl_start("run", "--detach-on-interrupt", "sh", "-c",
                                f'echo up >"{up.path}"; read x <"{gate.path}"; exit 4')
        up.line()
        run.send_signal(signal.SIGINT)
        self.end(run, status=130)
        self.assertIn(self.state(1), ("starting", "running"))  # its Started may still be on its way
        gate.send()
        self.jobctl("wait", 1, status=4)

    def test_the_clients_death_leaves_the_job_running_at_eof(self):
        for signo in (signal.SIGHUP, signal.SIGKILL):
            with self.subTest(signo=signo):
                up, gate = self.pipe(f"up{signo}"), self.pipe(f"gate{signo}")
                run = self.jobctl_start("run", "sh", "-c", f'echo $JOBD_JOB_ID >"{up.path}"; cat; read x <"{gate.path}"; exit 6',
                                        stdin=subprocess.PIPE)
                job = int(up.line())
                run.send_signal(signo)
                run.wait(harness.DEADLINE)
                gate.send()
                self.jobctl("wait", job, status=6)

    def test_binary_output_is_exact(self):
        result = self.jobctl("run", "sh", "-c", "printf '\\000\\377\\r\\033[1m'")
        self.assertEqual(b"\0\xff\r\x1b[1m", result.raw)

    def test_a_megabyte_through_the_spool(self):
        result = self.jobctl("run", "sh", "-c", "i=0; while [ $i -lt 30000 ]; do echo line number $i of many lines; i=$((i+1)); done")
        self.assertEqual("".join(f"line number {i} of many lines\n" for i in range(30000)), result.out)


class Restart(harness.Case):
    """jobd dies while people watch: they see nothing of it."""

    def setUp(self):
        super().setUp()
        self.start()

    def again(self):
        self.daemon.kill()
        self.daemon.start()

    def test_run_goes_on(self):
        gate = self.pipe("gate")
        run = self.jobctl_start("run", "sh", "-c", f'echo before; read x <"{gate.path}"; echo after; exit 8')
        lines = self.lines(run)
        self.assertEqual("before", lines.next())
        self.again()
        gate.send()
        self.assertEqual("after", lines.next())
        result = self.end(run, status=8)
        self.assertEqual("", result.out)

    def test_stdin_goes_on_at_the_byte(self):
        run = self.jobctl_start("run", "sh", "-c", "while read x; do echo got $x; done", stdin=subprocess.PIPE)
        lines = self.lines(run)
        for n in range(10):
            run.stdin.write(b"%d\n" % n)
            run.stdin.flush()
            self.assertEqual(f"got {n}", lines.next())
            if n in (2, 5):
                self.again()
        self.end(run)

    def test_logs_and_wait_and_attach_go_on(self):
        job, _, gate = self.submit_blocked("g")
        others = [self.jobctl_start("wait", job), self.jobctl_start("logs", "-f", job), self.jobctl_start("attach", job)]
        self.daemon.sessions_ready(3)
        self.again()
        gate.send()
        outs = [self.end(other) for other in others]
        self.assertEqual("over\n", outs[1].out)
        self.assertEqual("over\n", outs[2].out)

    def test_a_flood_has_no_gap(self):
        """Output that grows while jobd is killed again and again arrives whole, once, in order."""
        gate = self.pipe("gate")
        run = self.jobctl_start("run", "sh", "-c", f'seq 1 100000; echo mark >&2; read x <"{gate.path}"; seq 100001 200000')
        lines = self.lines(run)
        lines.until("50000")
        self.again()
        gate.send()
        rest = self.end(run)
        numbers = [int(n) for n in (lines.text + rest.raw).split()]
        self.assertEqual(list(range(numbers[0], 200001)), numbers)


if __name__ == "__main__":
    harness.main()

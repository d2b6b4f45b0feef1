# SPDX-License-Identifier: Apache-2.0
"""`map`: inputs that are no good, inputs that come slowly or never end, --on-done, --resume, and files that are full."""

import os
import resource
import shlex
import signal
import subprocess
import sys
import time

import harness

LONGEST = 131071
HEADER = "Seq\tHost\tStarttime\tJobRuntime\tSend\tReceive\tExitval\tSignal\tCommand\n"


def log_line(sequence, command, code=0):
    return f"{sequence}\t:\t1795233784.697\t     0.003\t0\t2\t{code}\t0\t{command}\n"


class Case(harness.Case):
    def setUp(self):
        super().setUp()
        self.start(workers=2)

    def refused(self, *words, says, **options):
        """The words are refused with this sentence, and no job was made."""
        result = self.jobctl("map", *words, status=125, **options)
        self.assertIn(says, result.err)
        self.assertEqual("", result.out)
        with self.daemon.client() as client:
            self.assertEqual({}, client.jobs())
        return result

    def only_job(self):
        with self.daemon.client() as client:
            (job,) = client.jobs().values()
            return job


class BadInput(Case):
    def test_words(self):
        self.refused("-j", "0", "echo", ":::", "a", says="-j 0 would run nothing")
        self.refused("-j", "x", "echo", ":::", "a", says='-j: "x" is not a whole number')
        self.refused("-n", "0", "echo", ":::", "a", says="-n/--max-args: 0 is not between 1 and 100000")
        self.refused("--timeout", "soon", "echo", ":::", "a", says='--timeout: "soon" is not a duration')
        self.refused("--halt", "sometimes", "echo", ":::", "a", says="--halt is now or soon")
        self.refused("echo", ":::+", "a", says=":::+ links its inputs to the source before it")
        self.refused("--resume", "echo", ":::", "a", says="--resume needs the --joblog FILE")
        self.refused("--colsep", "x*", "echo", ":::", "a", says="matches nothing at all")
        self.refused("echo", "{3}", ":::", "a", ":::", "b", says="{3}")
        self.refused("--keep-odrer", "echo", ":::", "a", says="did you mean --keep-order?")

    def test_files(self):
        self.refused("echo", "::::", "absent", says="cannot read inputs from absent: No such file or directory")
        self.refused("echo", "::::", ".", says="cannot read inputs from .: it is a folder")
        self.refused("-a", "-", "echo", "::::", "-", input="", says="only one input source")
        if os.geteuid() != 0:
            self.file("secret", "a\n", mode=0)
            self.refused("echo", "::::", "secret", says="cannot read inputs from secret: Permission denied")

    def test_logs_and_folders(self):
        self.refused("--joblog", "/absent/log", "echo", ":::", "a", says="cannot write the job log /absent/log")
        self.refused("--joblog", "/dev/full", "echo", ":::", "a", says="No space left on device")
        self.file("foreign", "this is no job log\n")
        self.refused("--resume", "--joblog", "foreign", "echo", ":::", "a", says="line 1 of foreign is not of a job log")
        for log in ("foreign", "+foreign"):
            self.refused("--joblog", log, "cat", "::::", "foreign", says="foreign is there already and is no job log")
        self.assertEqual("this is no job log\n", self.read("foreign"))
        os.mkdir(os.path.join(self.work, "full"))
        self.file("full/file")
        self.refused("--results", "full", "echo", ":::", "a", says="is there already and not empty")
        self.refused("--results", "/proc/results", "echo", ":::", "a", says="cannot make the results folder")

    def test_values(self):
        self.refused("echo", input=b"a\0b\n", says="line 1 of stdin holds a zero byte: inputs that end with one are read with -0")
        self.refused("echo", input=b"x" * (LONGEST + 1), says="line 1 of stdin is longer than 131071 bytes")
        self.refused("-n", "20", "echo", input=(b"x" * 60000 + b"\n") * 20, says="use a smaller -n")
        self.refused("--colsep", ",", "-n2", "echo", input="a,b\nc,d,e\n", says="line 2 of stdin has 3 columns, but the first has 2")

    def test_a_bad_value_in_the_middle(self):
        """What was good before it is done, and the exit status says that something was not."""
        result = self.jobctl("map", "-k", "echo", status=125, input=b"a\nb\nc\0d\ne\n")
        self.assertEqual("a\nb\n", result.out)
        self.assertIn("line 3 of stdin holds a zero byte", result.err)
        self.assertEqual(("STATE_FAILED", 2), (self.only_job()["state"], self.only_job()["task_count"]))

    def test_a_command_that_is_too_long(self):
        """Its task fails with a sentence; the others, and the job log, go on."""
        self.file("inputs", "a\n" + "x" * 100_000 + "\nb\n")
        result = self.jobctl("map", "-k", "--joblog", "log", "printf %s {} {} | wc -c", "::::", "inputs", status=1)
        self.assertEqual("2\n2\n", result.out)
        self.assertIn("task 1.1: the command is too long with its values", result.err)
        self.assertEqual([["1", "0"], ["2", "126"], ["3", "0"]],
                         [[fields[0], fields[6]] for fields in (line.split("\t") for line in self.read("log").splitlines()[1:])])

    def test_odd_values(self):
        values = [b"a\nb", b"-n", b"\xff\xfe", b"'q'", b'"', b"$(x)", b"", b" ", b"\x01\x1b[31m", b"x" * LONGEST]
        data = b"".join(value + b"\0" for value in values)
        self.assertEqual(b"".join(b"[" + value + b"]" for value in values),
                         self.jobctl("map", "-0", "-k", "printf", "[%s]", input=data).raw)
        short = values[:-1]
        self.assertEqual(b"".join(b"[" + value + b"]" for value in short),
                         self.jobctl("map", "-0", "-k", "printf '[%s]' {}", input=b"\0".join(short)).raw)


class Streams(Case):
    def test_the_first_task_does_not_wait_for_the_last_input(self):
        map_ = self.jobctl_start("map", "-k", "echo got", stdin=subprocess.PIPE)
        lines = self.lines(map_)
        for word in ("one", "two", "three"):
            map_.stdin.write(word.encode() + b"\n")
            map_.stdin.flush()
            self.assertEqual("got " + word, lines.next())
        map_.stdin.close()
        map_.stdin = None
        self.end(map_)

    def test_two_sources_that_come_slowly(self):
        left, right = (os.path.join(self.work, name) for name in ("left", "right"))
        os.mkfifo(left)
        os.mkfifo(right)
        map_ = self.jobctl_start("map", "-k", "echo", "::::", "left", "::::+", "right")
        lines = self.lines(map_)
        with open(left, "w", encoding="utf-8") as a, open(right, "w", encoding="utf-8") as b:
            for n in range(3):
                a.write(f"a{n}\n")
                a.flush()
                b.write(f"b{n}\n")
                b.flush()
                self.assertEqual(f"a{n} b{n}", lines.next())
        self.end(map_)

    def test_many_inputs_need_little_memory(self):
        """A million inputs behind a task that waits: the client keeps none, and Ctrl-C ends it."""
        gate, up = self.pipe("gate"), self.pipe("up")
        script = f"echo up >{shlex.quote(up.path)}; read x <{shlex.quote(gate.path)} # {{}}"
        path = self.file("inputs", "".join(f"input number {n}\n" for n in range(1_000_000)))
        map_ = self.jobctl_start("map", "-k", "-j1", script, "::::", path)
        up.line()
        until = time.monotonic() + harness.DEADLINE
        while self.only_job()["task_count"] < 1_000_000:
            self.assertLess(time.monotonic(), until, "the inputs are not taken")
        with open(f"/proc/{map_.pid}/status", encoding="utf-8") as f:
            peak = next(int(line.split()[1]) for line in f if line.startswith("VmHWM:"))
        if not self.is_sanitized(map_.pid):
            self.assertLess(peak, 64 * 1024, "KiB")
        map_.send_signal(signal.SIGINT)
        self.end(map_, status=130)
        self.assertEqual("STATE_CANCELLED", self.only_job()["state"])

    @staticmethod
    def is_sanitized(pid):
        with open(f"/proc/{pid}/maps", encoding="utf-8") as f:
            return "libasan" in f.read()


class OnDone(Case):
    CMD = 'echo "$JOBD_JOB_ID.$JOBD_TASK_ID $JOBD_STATE [$JOBD_EXIT_CODE] $JOBD_EXIT_SIGNAL: $JOBD_OUTPUT" >>done'

    def test_each_task_in_order(self):
        self.jobctl("map", "-k", "--on-done", self.CMD, "echo out {}; exit {}", ":::", "0", "3", "0", status=1)
        self.assertEqual("1.0 succeeded [0] 0: out 0\n1.1 failed [3] 0: out 3\n1.2 succeeded [0] 0: out 0\n", self.read("done"))

    def test_a_signal(self):
        self.jobctl("map", "--on-done", self.CMD, "kill -9 $$ # {}", ":::", "x", status=1)
        self.assertEqual("1.0 failed [] 9: \n", self.read("done"))

    def test_many(self):
        self.jobctl("map", "--on-done", "echo $JOBD_TASK_ID >>done", "true", ":::", *range(300))
        self.assertEqual(list(range(300)), sorted(map(int, self.read("done").split())))

    def test_with_results(self):
        self.jobctl("map", "--results", "out", "--on-done", 'cat "$JOBD_RESULTS/stdout" >>done', "echo", ":::", "a")
        self.assertEqual("a\n", self.read("done"))

    def test_one_that_cannot_be_run(self):
        self.assertIn("on-done", self.jobctl("map", "--on-done", "exit 7", "true", ":::", "a", status=None).err)


class Resume(Case):
    def test_what_is_done_is_left_out(self):
        self.file("log", HEADER + log_line(2, "echo b") + log_line(3, "echo c", code=1))
        self.assertEqual("a\nd\n", self.jobctl("map", "-k", "--resume", "--joblog", "log", "echo", ":::", *"abcd").out)
        sequence = [line.split("\t")[0] for line in self.read("log").splitlines()[1:]]
        self.assertEqual(["2", "3", "1", "4"], sequence)
        self.assertEqual("c\n", self.jobctl("map", "-k", "--resume-failed", "--joblog", "log", "echo", ":::", *"abcd").out)
        self.assertEqual("", self.jobctl("map", "-k", "--resume-failed", "--joblog", "log", "echo", ":::", *"abcd").out)

    def test_another_command(self):
        self.file("log", HEADER + log_line(1, "echo x"))
        before = self.read("log")
        self.refused("--resume", "--joblog", "log", "echo", ":::", "a", says="the job log log is of another command")
        self.assertEqual(before, self.read("log"))

    def test_after_an_interrupt(self):
        gate, up = self.pipe("gate"), self.pipe("up")
        script = f"echo up {{}} >{shlex.quote(up.path)}; read x <{shlex.quote(gate.path)}; echo {{}}"
        words = ("map", "-k", "-j1", "--resume", "--joblog", "log", script, ":::", *"abcd")
        map_ = self.jobctl_start(*words)
        for name in "ab":
            self.assertEqual("up " + name, up.line())
            gate.send()
        self.assertEqual("up c", up.line())
        map_.send_signal(signal.SIGINT)
        result = self.end(map_, status=130)
        self.assertIn("--resume", result.err)
        self.assertEqual("a\nb\n", result.out)
        map_ = self.jobctl_start(*words)
        for name in "cd":
            self.assertEqual("up " + name, up.line())
            gate.send()
        self.assertEqual("c\nd\n", self.end(map_).out)

    def test_results(self):
        words = ("map", "--resume", "--results", "out", "echo x >>ran; echo {}", ":::")
        self.jobctl(*words, "a", "b")
        os.unlink(os.path.join(self.work, "out/1/b/seq"))
        self.jobctl(*words, "a", "b", "c")
        self.assertEqual("x\n" * 4, self.read("ran"))
        self.assertEqual("3", self.read("out/1/c/seq"))


class FullFiles(Case):
    """A limit on the size of a file stands for a full disk."""

    def limited(self, *words):
        def limit():
            signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
            resource.setrlimit(resource.RLIMIT_FSIZE, (20000, 20000))

        return self.jobctl("map", *words, status=None, preexec_fn=limit)

    def test_a_job_log(self):
        result = self.limited("--joblog", "log", "true", ":::", *(f"{n:060d}" for n in range(1000)))
        self.assertNotEqual(0, result.status)
        self.assertIn("cannot write the job log log: File too large", result.err)
        for line in self.read("log").split("\n")[1:-2]:
            self.assertEqual(9, len(line.split("\t")), line)

    def test_results(self):
        result = self.limited("--results", "out", "seq 1 20000 # {}", ":::", "a")
        self.assertNotEqual(0, result.status)
        self.assertIn("cannot write results to out/1/a: File too large", result.err)
        self.assertFalse(os.path.exists(os.path.join(self.work, "out/1/a/seq")))


if __name__ == "__main__":
    sys.exit(harness.main())

# SPDX-License-Identifier: Apache-2.0
"""A real daemon in a folder of its own, and the words with which a test talks to it.

    class Submit(harness.Case):
        def test_exit_code(self):
            self.start()
            self.assertEqual(3, self.jobctl("run", "sh", "-c", "exit 3", status=3).status)

Nothing here waits for time to pass: a test waits for bytes in a pipe, for the end of a process or for
an answer, always with a deadline. The test process is a subreaper, so that at the end of each test
every process that it caused, jobs and pools too, is found and killed. The daemon's log is shown only
when the test fails; a report of a sanitizer in any program fails it.
"""

import ctypes
import glob
import json
import os
import pwd
import re
import select
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import unittest

from client import Client

BIN = os.environ.get("JOBD_BIN") or os.path.join(
    os.path.dirname(os.path.abspath(__file__)), "..", "..", "build", "dev", "bin")
DEADLINE = float(os.environ.get("JOBD_TEST_DEADLINE", "60"))
PR_SET_CHILD_SUBREAPER = 36
NOBODY = 65534

ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def program(name):
    return os.path.join(BIN, name)


# ---- processes


def has_user(name):
    try:
        pwd.getpwnam(name)
        return True
    except KeyError:
        return False


def stat_of(pid, field):
    """A field of /proc/PID/stat behind the name (0 is the state, 1 the parent), None when it is gone."""
    try:
        with open(f"/proc/{pid}/stat", encoding="utf-8", errors="replace") as f:
            return f.read().rpartition(")")[2].split()[field]
    except OSError:
        return None


def descendants_of(pid):
    """All processes below this one, parents first."""
    children = {}
    for entry in os.listdir("/proc"):
        if entry.isdigit():
            children.setdefault(stat_of(int(entry), 1), []).append(int(entry))
    found = [pid]
    for parent in found:
        found += children.get(str(parent), [])
    return found[1:]


def is_alive(pid):
    return stat_of(pid, 0) not in (None, "Z", "X")


def wait_gone(pid, deadline=DEADLINE):
    """Waits until a process (not necessarily our child) has ended."""
    try:
        fd = os.pidfd_open(pid)
    except ProcessLookupError:
        return
    try:
        if not select.select([fd], [], [], deadline)[0]:
            raise TimeoutError(f"process {pid} does not end")
    finally:
        os.close(fd)


def kill(pid, signo=signal.SIGKILL):
    try:
        os.kill(pid, signo)
    except ProcessLookupError:
        pass


def kill_descendants():
    """Ends everything below this process and reaps it, however it forks meanwhile."""
    until = time.monotonic() + DEADLINE
    while time.monotonic() < until:
        for pid in descendants_of(os.getpid()):
            kill(pid)
        try:
            # At least one of those just killed will end; then all that have ended already.
            os.waitpid(-1, 0)
            while os.waitpid(-1, os.WNOHANG) != (0, 0):
                pass
        except ChildProcessError:
            return
    raise TimeoutError(f"processes survive: {descendants_of(os.getpid())}")


# ---- what a job and a test say to each other


class Pipe:
    """A FIFO that the test holds open at both ends, so that opening it never blocks anybody."""

    def __init__(self, path):
        self.path = path
        os.mkfifo(path, 0o666)
        os.chmod(path, 0o666)
        self.fd = os.open(path, os.O_RDWR | os.O_NONBLOCK | os.O_CLOEXEC)
        self.text = b""

    def close(self):
        os.close(self.fd)

    def send(self, lines=1):
        """Lets so many `read`s of the other side go on."""
        os.write(self.fd, b"go\n" * lines)

    def line(self, deadline=DEADLINE):
        """The next line that the other side wrote."""
        until = time.monotonic() + deadline
        while b"\n" not in self.text:
            left = until - time.monotonic()
            if left <= 0 or not select.select([self.fd], [], [], left)[0]:
                raise TimeoutError(f"nobody writes to {os.path.basename(self.path)}")
            self.text += os.read(self.fd, 65536)
        line, _, self.text = self.text.partition(b"\n")
        return line.decode()


class Lines:
    """What a program that still runs writes to its stdout, line by line."""

    def __init__(self, process):
        self.process = process
        self.fd = process.stdout.fileno()
        self.text = b""

    def next(self, deadline=DEADLINE):
        until = time.monotonic() + deadline
        while b"\n" not in self.text:
            left = until - time.monotonic()
            if left <= 0 or not select.select([self.fd], [], [], left)[0]:
                raise TimeoutError(f"no line from {self.process.args}; so far {self.text!r}")
            data = os.read(self.fd, 65536)
            if not data:
                raise EOFError(f"{self.process.args} ended with {self.process.wait(DEADLINE)}: {self.process.stderr.read()!r}; so far {self.text!r}")
            self.text += data
        line, _, self.text = self.text.partition(b"\n")
        return line.decode(errors="replace")

    def until(self, word, deadline=DEADLINE):
        """Skips lines up to one that has this word, and returns it."""
        until = time.monotonic() + deadline
        while True:
            line = self.next(max(0, until - time.monotonic()))
            if word in line:
                return line


class Result:
    def __init__(self, status, out, err):
        self.status, self.raw, self.err = status, out, err
        self.out = out.decode(errors="replace")

    def __repr__(self):
        return f"status {self.status}, stdout {self.out!r}, stderr {self.err!r}"

    @property
    def json(self):
        return json.loads(self.out)

    @property
    def json_lines(self):
        return [json.loads(line) for line in self.out.splitlines()]


# ---- the daemon


# LeakSanitizer stops the threads of a process that ends. Where it cannot (a thread has just gone, or
# a job's own limit allows no more processes), it says so and finds nothing: that is no finding.
NO_FINDING = re.compile(r"^==\d+==(Unable to get registers from thread .*|LeakSanitizer has encountered a fatal error\.?.*"
                        r"|HINT: .*)$")


def sanitizer_findings(text):
    return "\n".join(line for line in text.splitlines() if line.strip() and not NO_FINDING.match(line))


class Daemon:
    """One jobd (and the pool it starts) over a state folder; may be started again after its death."""

    def __init__(self, case, name="state"):
        self.case = case
        self.state = os.path.join(case.dir, name)
        self.socket = os.path.join(self.state, "run", "jobd.sock")
        self.log = os.path.join(case.dir, name + ".log")
        self.process = None
        self.settings = ["--set", "Limits.DiskReserve=1M"]

    @property
    def pid(self):
        return self.process.pid

    def configure(self, text=None):
        """Writes the file of settings; without a text it stays as it is, or becomes empty."""
        path = os.path.join(self.case.dir, "jobd.conf")
        if text is not None or not os.path.exists(path):
            with open(path, "w", encoding="utf-8") as f:
                f.write(text or "")
            os.chmod(path, 0o644)
        return path

    def start(self, *options, workers=2, config=None, env=None, ready=True, user=None, system=False,
              prefix=()):
        """
        Starts jobd and, with `ready`, waits until it serves. Further options go to it. It reads no settings
        of this machine, and reserves little disk, which a test has no time to write. `prefix` are words before
        the program, of something that becomes it by execve.
        """
        if system and not has_user("jobd"):
            raise unittest.SkipTest("system mode needs the user jobd, which tests/run.sh makes")
        words = [*prefix, program("jobd"), "--system" if system else "--user", "--state-dir", self.state,
                 "--workers", str(workers), "--config", self.configure(config), *self.settings]
        reading, writing = os.pipe()
        try:
            with open(self.log, "ab") as log:
                self.process = subprocess.Popen(
                    [*words, "--ready-fd", str(writing), *options], stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                    pass_fds=[writing], env={**self.case.env, "JOBD_LOG_LEVEL": "info", **(env or {})}, user=user,
                    group=user, extra_groups=[] if user else None, start_new_session=True)
            os.close(writing)
            writing = -1
            if ready:
                if not select.select([reading], [], [], DEADLINE)[0]:
                    raise TimeoutError("jobd does not become ready")
                if os.read(reading, 1) == b"":
                    self.process.wait(DEADLINE)
                    raise AssertionError(f"jobd did not start: status {self.process.returncode}\n{self.log_text()}")
        finally:
            os.close(reading)
            if writing >= 0:
                os.close(writing)
        return self

    def log_text(self):
        try:
            with open(self.log, encoding="utf-8", errors="replace") as f:
                return f.read()
        except FileNotFoundError:
            return ""

    def kill(self):
        """kill -9 of jobd alone; its pool and workers go on."""
        self.process.kill()
        self.process.wait(DEADLINE)

    def stop(self, signo=signal.SIGTERM):
        """An orderly end of jobd; returns its status."""
        self.process.send_signal(signo)
        return self.process.wait(DEADLINE)

    def wait(self):
        return self.process.wait(DEADLINE)

    def client(self, **options):
        return Client(self.socket, deadline=DEADLINE, **options)

    def pool(self):
        """PoolReply: the pool and its workers."""
        with self.client() as client:
            return client.ask("pool")

    def ask_until(self, name, happened, **fields):
        """Asks again and again until the answer is as wanted, where nothing tells of the change; returns it."""
        until = time.monotonic() + DEADLINE
        with self.client() as client:
            while True:
                answer = client.ask(name, **fields)
                if happened(answer):
                    return answer
                if time.monotonic() > until:
                    raise TimeoutError(f"{name} stays {answer}")
                select.select([client.socket], [], [], 0.01)

    def pool_ready(self, workers):
        """Waits until so many workers are connected and no others are left; returns PoolReply."""
        return self.ask_until("pool", lambda pool: pool.get("connected") and [
            w["connected"] for w in pool.get("workers", [])] == [True] * workers)

    def sessions_ready(self, count):
        """Waits until so many clients (but us) have said hello."""
        self.ask_until("status", lambda status: status["sessions"] > count)


class Case(unittest.TestCase):
    """A test with a folder, an environment, and daemons that end with it."""

    def setUp(self):
        self.dir = tempfile.mkdtemp(prefix="jobd-t.")
        os.chmod(self.dir, 0o755)
        self.work = os.path.join(self.dir, "work")
        os.mkdir(self.work)
        os.mkdir(os.path.join(self.dir, "xdg"), 0o700)
        self.env = {
            "PATH": os.environ.get("PATH", "/usr/bin:/bin"), "HOME": self.dir, "LANG": "C.UTF-8",
            "XDG_RUNTIME_DIR": os.path.join(self.dir, "xdg"), "XDG_STATE_HOME": os.path.join(self.dir, "xdg-state"),
            "XDG_CONFIG_HOME": os.path.join(self.dir, "xdg-config"),
            "ASAN_OPTIONS": f"log_path={self.dir}/sanitizer:abort_on_error=1",
            "UBSAN_OPTIONS": f"log_path={self.dir}/sanitizer:print_stacktrace=1",
            "LSAN_OPTIONS": "exitcode=23",
            "TSAN_OPTIONS": f"log_path={self.dir}/sanitizer",
        }
        for name in ("JOBD_FAILPOINT", "JOBD_FAILPOINT_LOG"):
            if name in os.environ:
                self.env[name] = os.environ[name]
        self.daemon = Daemon(self)
        self.pipes = []
        self.processes = []
        self.addCleanup(self._clean)

    def start(self, *options, **words):
        """Starts the test's first daemon; jobctl() speaks to it from here on."""
        self.env["JOBCTL_SOCKET"] = self.daemon.socket
        self.daemon.start(*options, **words)
        return self.daemon

    # ---- words of the conversation

    def jobctl(self, *words, status=0, input=None, env=None, cwd=None, deadline=DEADLINE, **options):
        """Runs jobctl to its end and checks its status (None: any)."""
        done = subprocess.run(
            [program("jobctl"), *map(str, words)], input=input.encode() if isinstance(input, str) else input,
            stdin=subprocess.DEVNULL if input is None else None, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
            env={**self.env, **(env or {})}, cwd=cwd or self.work, timeout=deadline, check=False, **options)
        result = Result(done.returncode, done.stdout, done.stderr.decode(errors="replace"))
        if status is not None:
            self.assertEqual(status, result.status, f"jobctl {' '.join(map(str, words))}: {result}")
        return result

    def jobctl_start(self, *words, env=None, stdin=subprocess.DEVNULL, **options):
        """A jobctl that runs beside the test: its stdout through lines(), its end through end()."""
        process = subprocess.Popen(
            [program("jobctl"), *map(str, words)], stdin=stdin, stdout=subprocess.PIPE,
            stderr=subprocess.PIPE, env={**self.env, **(env or {})}, cwd=self.work, **options)
        self.processes.append(process)
        return process

    def lines(self, process):
        return Lines(process)

    def end(self, process, status=0):
        """Waits for a program of jobctl_start(), checks its status, returns the rest of its output."""
        out, err = process.communicate(timeout=DEADLINE)
        result = Result(process.returncode, out, err.decode(errors="replace"))
        if status is not None:
            self.assertEqual(status, result.status, f"{process.args}: {result}")
        return result

    def submit(self, *words, **options):
        """Submits and returns the id."""
        return int(self.jobctl("submit", *words, **options).out)

    def assert_runs(self, job):
        """Its process exists; that this is on disk too may be a few milliseconds away."""
        self.assertIn(self.state(job), ("starting", "running"))

    def state(self, job):
        with self.daemon.client() as client:
            return client.jobs(job)[job]["state"].removeprefix("STATE_").lower()

    def pipe(self, name):
        pipe = Pipe(os.path.join(self.dir, name))
        self.pipes.append(pipe)
        return pipe

    def submit_blocked(self, name="gate", *options):
        """A job that says "up PID" and then waits for a line: (id, pid, pipe that lets it end)."""
        up, gate = self.pipe(name + ".up"), self.pipe(name)
        job = self.submit(*options, "sh", "-c", f'echo "up $$" >"{up.path}"; read x <"{gate.path}"; echo over')
        pid = int(up.line().split()[1])
        return job, pid, gate

    def file(self, name, text="", mode=0o644):
        path = os.path.join(self.work, name)
        with open(path, "w", encoding="utf-8") as f:
            f.write(text)
        os.chmod(path, mode)
        return path

    def read(self, path):
        with open(os.path.join(self.work, path), encoding="utf-8", errors="replace") as f:
            return f.read()

    def assertSays(self, result, *words):
        """The sentence on stderr has all these words, and stdout is empty."""
        for word in words:
            self.assertIn(word.lower(), result.err.lower(), repr(result))
        self.assertEqual("", result.out, repr(result))

    # ---- the end of a test

    def _clean(self):
        problems = []
        for pipe in self.pipes:
            pipe.close()
        try:
            if self.daemon.process and self.daemon.process.poll() is None and self._has_passed():
                status = self.daemon.stop()
                if status != 0:
                    problems.append(f"jobd ended with {status} after SIGTERM")
        except subprocess.TimeoutExpired:
            problems.append("jobd does not end after SIGTERM")
        kill_descendants()
        for process in self.processes:
            for stream in (process.stdin, process.stdout, process.stderr):
                if stream:
                    stream.close()
        for path in glob.glob(os.path.join(self.dir, "sanitizer.*")):
            with open(path, encoding="utf-8", errors="replace") as f:
                said = sanitizer_findings(f.read())
            if said:
                problems.append(said[:6000])
        if problems or not self._has_passed():
            for path in glob.glob(os.path.join(self.dir, "*.log")) + glob.glob(os.path.join(self.dir, "*", "run", "jobd.log")):
                with open(path, encoding="utf-8", errors="replace") as f:
                    print(f"---- {self.id()}: {path}\n{f.read()[-6000:]}", file=sys.stderr)
        if not os.environ.get("JOBD_TEST_KEEP"):
            shutil.rmtree(self.dir, ignore_errors=True)
        if problems:
            self.fail("\n".join(problems))

    def _has_passed(self):
        result = self._outcome.result
        return not any(getattr(test, "test_case", test) is self for test, _ in [*result.errors, *result.failures])


def main():
    unittest.main(module="__main__", verbosity=2)

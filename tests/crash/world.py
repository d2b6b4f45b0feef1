# SPDX-License-Identifier: Apache-2.0
"""A world in which programs die at chosen places, and an outside witness of what really happened.

Every job appends a line "ID ATTEMPT" to one file when it starts (O_APPEND: one write, whole or not at
all), prints a text that follows from its id, and ends with a code that follows from its id. The test
submits with keys, repeats a submission whose answer was lost with the same key, and at the end
compares what jobd says with what the file says:

    a job without --requeue    started at most once; ended as its id says, or is `lost`, or failed with
                               125 before its first instruction
    a job with --requeue       started at least once and ended as its id says
    every key                  names exactly the jobs that it named when it was acknowledged
    output                     whole, once, of the attempt that counts; or said to be lost with its worker

The places report each visit through a FIFO ($JOBD_FAILPOINT_LOG), which is the clock of these tests:
"kill it at the 40th visit" needs no time.
"""

import fcntl
import os
import re
import threading

import harness
from client import Closed, new_key

SMALL, LARGE = 3, 120_000  # numbers that `seq` prints: kept in memory, or in a spool file
SCRIPT = 'echo "$JOBD_JOB_ID $JOBD_ATTEMPT" >>"{witness}"; seq 1 {count}; exit $((JOBD_JOB_ID % 5))'
LOST_CONNECTION = (Closed, ConnectionError, FileNotFoundError, BrokenPipeError)
ROOT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..")


def places(*folders):
    """The names of all FAILPOINT()s in these folders of the source."""
    found = set()
    for folder in folders:
        for path, _, names in os.walk(os.path.join(ROOT, folder)):
            for name in names:
                if name.endswith(".c") and not path.endswith("common/failpoint.c"):
                    with open(os.path.join(path, name), encoding="utf-8") as f:
                        found.update(re.findall(r'FAILPOINT\("([^"]+)"\)', f.read()))
    return sorted(found)


class Visits:
    """
    Counts the visits of places, in all programs, as they happen. The pipe is as small as pipes can be, and
    is not read on while somebody who waited has yet to wake up: who reports stays close to who waits.
    """

    def __init__(self, path):
        self.path = path
        os.mkfifo(path, 0o666)
        self.fd = os.open(path, os.O_RDWR | os.O_CLOEXEC)
        fcntl.fcntl(self.fd, fcntl.F_SETPIPE_SZ, 4096)
        self.awaited = None  # what wait() waits for
        self.is_awake = True  # wait() knows that it happened
        self.counts = {}
        self.total = 0
        self.changed = threading.Condition()
        self.thread = threading.Thread(target=self._read, daemon=True)
        self.thread.start()

    def _read(self):
        rest = b""
        while True:
            data = os.read(self.fd, 65536)
            lines = (rest + data).split(b"\n")
            rest = lines.pop()
            with self.changed:
                for line in lines:
                    if line == b"(end)":
                        return
                    self.counts[line.decode()] = self.counts.get(line.decode(), 0) + 1
                    self.total += 1
                if self.awaited and self.awaited(self):
                    self.awaited = None
                    self.changed.notify_all()
                    self.changed.wait_for(lambda: self.is_awake or self.awaited)

    def wait(self, happened, deadline=harness.DEADLINE):
        """Waits until happened(self) is true; False when the deadline passes first."""
        with self.changed:
            self.is_awake = False
            self.awaited = None if happened(self) else happened
            in_time = self.changed.wait_for(lambda: not self.awaited, deadline)
            self.awaited = None
            self.is_awake = True
            self.changed.notify_all()
            return in_time

    def close(self):
        os.write(self.fd, b"(end)\n")
        self.thread.join()
        os.close(self.fd)


class World(harness.Case):
    workers = 2

    def setUp(self):
        super().setUp()
        self.witness = os.path.join(self.dir, "witness")
        self.visits = Visits(os.path.join(self.dir, "visits"))
        self.env["JOBD_FAILPOINT_LOG"] = self.visits.path
        self.failpoints = []  # of the starts to come
        self.deaths = 0  # of jobd, by its own failpoints
        self.submissions = []  # (key, specs), acknowledged or not
        self.acknowledged = {}  # key -> first id
        self.spec_of = {}  # id -> spec

    def _clean(self):
        # The FIFO has a reader as long as any program lives, or it would wait for one.
        try:
            super()._clean()
        finally:
            self.visits.close()

    # ---- life and death

    def start_world(self, *failpoints):
        """
        Starts jobd with the first of these failpoints; each further one waits for its next start. A start
        that dies of its failpoint is followed by the next one.
        """
        self.failpoints += failpoints
        while True:
            failpoint = self.failpoints.pop(0) if self.failpoints else None
            try:
                self.daemon.start(workers=self.workers, env={"JOBD_FAILPOINT": failpoint} if failpoint else None)
                return
            except AssertionError:
                self.deaths += 1
                if failpoint is None:
                    raise

    def revive(self):
        """Starts jobd again: its connection ended, so it is dead, or will be in a moment."""
        self.daemon.process.wait(harness.DEADLINE)
        self.deaths += 1
        self.start_world()

    def kill_programs(self, *which):
        """kill -9 of "jobd", "pool", "worker" (one) or "workers", as they are now; jobs are left alone."""
        for pid in harness.descendants_of(os.getpid()):
            role = self.role_of(pid)
            if role in which or (role == "worker" and "workers" in which):
                harness.kill(pid)
                if role == "worker" and "workers" not in which:
                    which = [w for w in which if w != "worker"]
        if "jobd" in which:
            self.daemon.process.wait(harness.DEADLINE)

    def role_of(self, pid):
        try:
            with open(f"/proc/{pid}/cmdline", "rb") as f:
                words = f.read().split(b"\0")
        except OSError:
            return None
        name = os.path.basename(words[0]).decode(errors="replace")
        if name == "jobd-worker":
            return "pool" if b"--pool" in words else "worker"
        return "jobd" if name == "jobd" else "job"

    # ---- work

    def spec(self, count=SMALL, **more):
        line = SCRIPT.format(witness=self.witness, count=count)
        return {"argv": [b"/bin/sh", b"-c", line.encode()], "cwd": self.work.encode(), **more}

    def work_mixed(self):
        """A bit of everything, one submission after the other."""
        for n in range(4):
            self.submit_surely(self.spec(), self.spec(requeue=True))
            self.submit_surely(self.spec(LARGE if n == 0 else SMALL))
            self.submit_surely(self.spec(LARGE if n == 1 else SMALL, requeue=True))

    def submit_surely(self, *specs):
        """Submits in one frame under one key, again and again until there is an answer."""
        key = new_key()
        self.submissions.append((key, specs))
        self.repeat(key, specs)

    def talk(self, conversation):
        """Has a conversation with jobd, from its beginning as often as jobd dies meanwhile."""
        while True:
            try:
                with self.daemon.client() as client:
                    return conversation(client)
            except LOST_CONNECTION:
                self.on_lost_connection()

    def repeat(self, key, specs):
        answer = self.talk(lambda client: client.ask(
            "submit", key=key, environments=[{"entries": [b"PATH=/usr/bin:/bin"]}],
            jobs=[{"spec": spec, "environment": 0} for spec in specs]))
        self.assertIn("first_id", answer)
        first = self.acknowledged.setdefault(key, answer["first_id"])
        self.assertEqual(first, answer["first_id"], "a key names other jobs than before")
        for n, spec in enumerate(specs):
            self.spec_of[first + n] = spec
        return answer

    def on_lost_connection(self):
        self.revive()

    def wait_all(self):
        return self.talk(lambda client: client.wait(*sorted(self.spec_of)))

    # ---- the verdict

    def starts(self):
        """How often each job was started, by id, as the witness saw it."""
        counts = {}
        if os.path.exists(self.witness):
            for line in self.read(self.witness).splitlines():
                job = int(line.split()[0])
                counts[job] = counts.get(job, 0) + 1
        return counts

    def verify(self):
        ended = self.wait_all()
        starts = self.starts()
        self.assertEqual(set(), set(starts) - set(self.spec_of), "jobs ran that nobody acknowledged")
        self.assertEqual(sorted(self.spec_of), sorted(self.talk(lambda client: client.jobs())),
                         "jobs are missing, or made twice")
        for job, spec in self.spec_of.items():
            self.verify_job(job, spec, ended[job], starts.get(job, 0))
        for key, specs in self.submissions:
            self.assertTrue(self.repeat(key, specs).get("existing"), "a key was forgotten")
        self.verify_nothing_runs()

    def verify_job(self, job, spec, ended, started):
        state = ended["state"].removeprefix("STATE_")
        what = f"job {job}: {ended}, started {started} times"
        if "before it could execute" in ended.get("why", "") or "it was not started" in ended.get("why", ""):
            self.assertEqual((0, "FAILED", 125), (started, state, ended.get("exit_code")), what)
            return
        if spec.get("requeue"):
            self.assertGreaterEqual(started, 1, what)
            self.assertNotEqual("LOST", state, what)
        else:
            self.assertLessEqual(started, 1, what)
        if state == "LOST":
            return
        self.assertGreaterEqual(started, 1, what)
        self.assertEqual("FAILED" if job % 5 else "SUCCEEDED", state, what)
        self.assertEqual(job % 5, ended.get("exit_code", 0), what)
        count = LARGE if str(LARGE).encode() in spec["argv"][2] else SMALL
        out = self.jobctl("--socket", self.daemon.socket, "logs", job).out
        if "output is lost" in ended.get("why", ""):
            # Small output lives in the worker until it is acknowledged, and that worker died.
            self.assertEqual("", out, what)
        else:
            self.assertEqual("".join(f"{n}\n" for n in range(1, count + 1)), out, what)

    def verify_nothing_runs(self):
        left = [pid for pid in harness.descendants_of(os.getpid())
                if harness.is_alive(pid) and self.role_of(pid) == "job"]
        self.assertEqual([], left, "processes of jobs are left")

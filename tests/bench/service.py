# SPDX-License-Identifier: Apache-2.0
"""How long those who submit wait for jobd itself: when it is started by its socket, and when it is
replaced by a newer one under a long queue. Called by bench.py.

No pool is started, as under systemd, so nothing runs: what is measured ends with the acknowledgement of a
submission, which is on disk then.
"""

import os
import shutil
import signal
import socket
import statistics
import subprocess
import tempfile
import threading
import time

import harness

# A process whose number is known only when it runs: $0 is the descriptor, "$@" the program.
AS_SERVICE = 'exec 3<&"$0"; LISTEN_FDS=1 LISTEN_PID=$$ SYSTEMD_EXEC_PID=$$ exec "$@"'


class Service:
    """What systemd does for jobd: it holds the socket, so that connections wait while there is no jobd."""

    def __init__(self, base):
        self.folder = tempfile.mkdtemp(prefix="jobd-bench-service.", dir=base)
        self.path = os.path.join(self.folder, "jobd.sock")
        config = os.path.join(self.folder, "jobd.conf")
        with open(config, "w", encoding="utf-8") as f:
            f.write("[Limits]\nQueuedJobsPerUser=3000000\nQueuedJobs=3000000\nSpecBytesPerUser=8G\nSpecBytes=8G\n")
        self.words = [harness.program("jobd"), "--user", "--state-dir", os.path.join(self.folder, "state"), "--config", config]
        self.env = {"PATH": "/usr/bin:/bin", "HOME": self.folder, "JOBD_LOG_LEVEL": "warning"}
        self.process = None
        self.listener = None

    def close(self):
        self.stop()
        if self.listener:
            self.listener.close()
        shutil.rmtree(self.folder, ignore_errors=True)

    def activate(self):
        """Leaves the socket to systemd-socket-activate, which becomes jobd when somebody connects."""
        self.process = subprocess.Popen(
            ["sh", "-c", 'exec systemd-socket-activate -E "SYSTEMD_EXEC_PID=$$" "$@"', "sh", "--listen", self.path, *self.words],
            env=self.env, stderr=subprocess.PIPE, stdin=subprocess.DEVNULL)
        while b"Listening on" not in (line := self.process.stderr.readline()):
            assert line, "systemd-socket-activate ended"

    def start(self):
        if not self.listener:
            self.listener = socket.socket(socket.AF_UNIX)
            self.listener.bind(self.path)
            self.listener.listen(4096)
        fd = self.listener.fileno()
        self.process = subprocess.Popen(["sh", "-c", AS_SERVICE, str(fd), *self.words], env=self.env, pass_fds=[fd],
                                        stdin=subprocess.DEVNULL)

    def stop(self):
        if self.process:
            self.process.send_signal(signal.SIGTERM)
            self.process.wait()
            self.process = None

    def submit(self):
        """Seconds until one more job is acknowledged; an error if it is refused."""
        begin = time.monotonic()
        subprocess.run([harness.program("jobctl"), "--socket", self.path, "submit", "true"], env=self.env, cwd="/", check=True,
                       stdout=subprocess.DEVNULL)
        return time.monotonic() - begin


def measure_activation(table, options):
    rounds = 5 if options.quick else 20
    fresh, again = [], []
    for _ in range(rounds):
        service = Service(options.dir)
        try:
            for took in (fresh, again):
                service.activate()
                took.append(service.submit())
                service.stop()
        finally:
            service.close()
    table.add("service", "socket activation to the first job accepted, p50", statistics.median(again) * 1000, "ms",
              aim="< 100 ms")
    table.add("service", "the same, with the database to be made", statistics.median(fresh) * 1000, "ms")


def measure_upgrade(table, options, submit_many):
    """jobd is stopped and started while others submit without a pause, one after the other."""
    count = 100_000 if options.quick else 1_000_000
    service = Service(options.dir)
    waits, stop = [], threading.Event()

    def submit_always():
        while not stop.is_set():
            waits.append(service.submit())

    try:
        service.start()
        service.submit()
        submit_many(service.path, count)
        others = [threading.Thread(target=submit_always) for _ in range(2)]
        for thread in others:
            thread.start()
        while len(waits) < 50:
            service.submit()
        begin = time.monotonic()
        service.stop()
        service.start()
        service.submit()
        took = time.monotonic() - begin
        stop.set()
        for thread in others:
            thread.join()
        with subprocess.Popen([harness.program("jobctl"), "--socket", service.path, "status", "--json"], env=service.env,
                              stdout=subprocess.PIPE) as asked:
            assert b'"queued":' in asked.stdout.read()
    finally:
        stop.set()
        service.close()
    table.add("service", f"jobd replaced under {count:,} queued jobs, until it accepts", took, "s", aim="< 10 s")
    table.add("service", f"the longest wait of {len(waits):,} submissions meanwhile, none refused", max(waits), "s")


def measure(table, options, submit_many):
    measure_activation(table, options)
    measure_upgrade(table, options, submit_many)

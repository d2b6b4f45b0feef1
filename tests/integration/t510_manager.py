# SPDX-License-Identifier: Apache-2.0
"""jobd under a service manager, which the test plays: readiness, status, watchdog, reload, exit codes."""

import contextlib
import os
import re
import select
import signal
import socket
import subprocess
import time

import harness

# RestartPreventExitStatus= of the unit has the same.
USAGE, NO_RIGHT, NOT_CONFIGURED, STORE = 2, 4, 6, 65
FOR_EVER = {2, 3, 4, 6, 65}
UNIT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "systemd", "jobd.service.in")


class ManagedCase(harness.Case):
    def setUp(self):
        super().setUp()
        path = os.path.join(self.dir, "notify")
        self.manager = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK)
        self.manager.bind(path)
        self.addCleanup(self.manager.close)
        self.managed = {"NOTIFY_SOCKET": path}

    def start_managed(self, env=None, **options):
        return self.start(env={**self.managed, **(env or {})}, **options)

    def start_pool(self, workers=2):
        """What jobd-workers.service does: a managed jobd starts none."""
        run = os.path.join(self.daemon.state, "run")
        with open(os.path.join(self.dir, "pool.log"), "ab") as log:
            self.pool = subprocess.Popen(
                [harness.program("jobd-worker"), "--pool", "--user", "--socket", f"{run}/private/workers.sock",
                 "--records", f"{run}/w", "--spool", f"{self.daemon.state}/spool", "--workers", "1"],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=self.env)
        self.daemon.pool_ready(workers)

    def told(self):
        """What was told and not read yet."""
        texts = []
        while True:
            try:
                texts.append(self.manager.recv(4096).decode())
            except BlockingIOError:
                return texts

    def hear(self, pattern):
        """Waits for a message that has this, and returns what was told up to it."""
        until = time.monotonic() + harness.DEADLINE
        texts = []
        while not (texts and re.search(pattern, texts[-1])):
            left = until - time.monotonic()
            if left <= 0 or not select.select([self.manager], [], [], left)[0]:
                raise TimeoutError(f"nobody tells {pattern!r}: {texts}")
            texts.append(self.manager.recv(4096).decode())
        return texts


class Telling(ManagedCase):
    def test_ready_comes_when_it_serves(self):
        self.start()
        self.submit("--hold", "true")
        self.daemon.kill()
        self.start_managed()
        # Whoever reads this may ask at once, and what was there before is there.
        self.assertEqual(["READY=1"], self.hear("READY=1"))
        self.assertEqual("queued", self.state(1))
        self.hear("STATUS=Serving: 0 running, 1 queued; ")

    def test_status_says_how_it_is(self):
        self.start_managed(workers=2)
        self.hear("STATUS=Serving: 0 running, 0 queued; 0 of 2 workers connected$")
        self.start_pool()
        self.hear("2 of 2 workers connected$")
        _, _, gate = self.submit_blocked()
        self.hear("STATUS=Serving: 1 running, 0 queued")
        self.jobctl("drain")
        self.hear("STATUS=Draining: 1 running, 0 queued")
        gate.send()
        self.hear("STATUS=Draining: 0 running, 0 queued")
        self.jobctl("drain", "--end")
        self.hear("STATUS=Serving: 0 running, 0 queued")

    def test_many_jobs_are_few_messages(self):
        self.start_managed(workers=2)
        self.start_pool()
        began = time.monotonic()
        with self.daemon.client() as client:
            client.submit(*[[b"true"]] * 500)
            client.wait(*range(1, 501))
        took = time.monotonic() - began
        self.assertLess(len([text for text in self.told() if "STATUS=" in text]), 4 + took)

    def test_reload(self):
        self.start_managed(config="[Output]\nCap=1M\n")
        self.hear("READY=1")
        self.jobctl("reload")
        self.hear("RELOADING=1\nMONOTONIC_USEC=[0-9]+$")
        self.hear("^READY=1$")
        self.daemon.configure("[Output]\nCap=large\n")
        self.daemon.process.send_signal(signal.SIGHUP)
        self.hear("RELOADING=1")
        # A manager that waits for the end of a reload gets it, also when nothing was taken over.
        self.hear("^READY=1$")
        self.assertIn("jobd.conf:2", self.daemon.log_text())
        self.assertIn("the old configuration stays", self.daemon.log_text())

    def test_the_end_is_told(self):
        self.start_managed()
        self.assertEqual(0, self.daemon.stop())
        self.hear("STOPPING=1")


class Watchdog(ManagedCase):
    INTERVAL = {"WATCHDOG_USEC": "300000"}

    def starves(self):
        """It is not fed any more, for longer than the interval of feeding; a line of status may come."""
        self.told()
        until = time.monotonic() + 0.5
        while select.select([self.manager], [], [], max(0, until - time.monotonic()))[0]:
            self.assertNotIn("WATCHDOG=1", self.told())

    def test_it_is_fed(self):
        self.start_managed(env=self.INTERVAL)
        for _ in range(3):
            self.hear("WATCHDOG=1")

    def test_a_stuck_journal_starves_it(self):
        fifo = self.pipe("paused")
        self.start_managed(env={**self.INTERVAL, "JOBD_FAILPOINT": "journal.before_commit=pause:1",
                                "JOBD_FAILPOINT_FIFO": fifo.path})
        self.hear("WATCHDOG=1")
        self.jobctl_start("submit", "--hold", "true")
        fifo.line()
        until = time.monotonic() + harness.DEADLINE
        while self.daemon.log_text().count("the watchdog is not fed") < 2:
            self.assertLess(time.monotonic(), until)
            select.select([self.manager], [], [], 0.05)
            self.told()
        self.starves()
        # The loop turns all the same: others are served.
        self.assertEqual(self.daemon.pid, self.jobctl("status", "--json").json["pid"])
        self.daemon.kill()

    def test_a_stuck_loop_starves_it(self):
        fifo = self.pipe("paused")
        self.start_managed(env={**self.INTERVAL, "JOBD_FAILPOINT": "engine.durable=pause:1",
                                "JOBD_FAILPOINT_FIFO": fifo.path})
        self.hear("WATCHDOG=1")
        self.jobctl_start("submit", "--hold", "true")
        fifo.line()
        self.starves()
        self.daemon.kill()


class Refusals(ManagedCase):
    """A start that cannot be ends with a code that the manager knows, and says why in its status."""

    def refuses(self, status, *words, **options):
        self.told()
        self.start_managed(ready=False, **options)
        self.assertEqual(status, self.daemon.wait(), self.daemon.log_text())
        said = self.hear("STATUS=Cannot start: ")[-1]
        for word in words:
            self.assertIn(word, said)
        self.assertIn(said.removeprefix("STATUS=Cannot start: "), self.daemon.log_text())

    def test_configuration(self):
        self.refuses(NOT_CONFIGURED, "jobd.conf:2", config="[Jobs]\nGrace=soon\n")

    def test_folder_of_others(self):
        os.mkdir(self.daemon.state, 0o700)
        os.chmod(self.daemon.state, 0o777)
        self.refuses(NO_RIGHT, "chmod it to 0700")

    def test_database(self):
        self.start()
        self.assertEqual(0, self.daemon.stop())
        with open(os.path.join(self.daemon.state, "jobd.db"), "r+b") as f:
            f.write(b"this is no database at all" * 100)
        self.refuses(STORE, "restore it from a backup")

    def test_another_runs(self):
        self.start()
        first, self.daemon = self.daemon, harness.Daemon(self)
        self.daemon.log += "2"
        # Not for ever, since that one may end, but at leisure: the manager starts it again at once.
        words = [harness.program("jobd"), "--user", "--state-dir", first.state, "--config", first.configure()]
        with open(self.daemon.log, "wb") as log:
            process = subprocess.Popen(words, env={**self.env, **self.managed}, stderr=log)
        said = self.hear("STATUS=Cannot start")[-1]
        self.assertIn("another jobd already runs on", said)
        self.assertIn("stop that one first", said)
        until = time.monotonic() + harness.DEADLINE
        while "trying again in 30 s" not in self.daemon.log_text():
            self.assertLess(time.monotonic(), until)
            select.select([], [], [], 0.01)
        self.assertIsNone(process.poll())
        process.terminate()
        self.assertEqual(-signal.SIGTERM, process.wait(harness.DEADLINE))
        self.daemon = first

    def turns_away(self, status, config, *words):
        """A hundred wait at a socket that the manager holds, when this start is refused."""
        path = os.path.join(self.dir, "waiting.sock")
        with contextlib.ExitStack() as stack:
            listener = stack.enter_context(socket.socket(socket.AF_UNIX))
            listener.bind(path)
            listener.listen(200)
            waiting = self.jobctl_start("list", env={"JOBCTL_SOCKET": path})
            self.assertTrue(select.select([listener], [], [], harness.DEADLINE)[0])
            for _ in range(100):
                stack.enter_context(socket.socket(socket.AF_UNIX)).connect(path)
            done = subprocess.run(
                ["sh", "-c", 'exec 3<&"$1"; shift; LISTEN_PID=$$ LISTEN_FDS=1 exec "$@"', "sh", str(listener.fileno()),
                 harness.program("jobd"), "--user", "--state-dir", self.daemon.state, "--config", self.daemon.configure(config)],
                env={**self.env, **self.managed}, pass_fds=[listener.fileno()], stderr=-1, check=False)
            self.assertEqual(status, done.returncode)
            # Else the manager would start it again at once, and again.
            self.assertFalse(select.select([listener], [], [], 0)[0], "somebody waits still")
            self.assertSays(self.end(waiting, status=69), "jobd cannot start", *words)
        os.unlink(path)

    def test_who_waits_at_the_socket_is_told(self):
        self.turns_away(NOT_CONFIGURED, "[Jobs]\nGrace=soon\n", "jobd.conf:2")
        self.start(config="")
        self.assertEqual(0, self.daemon.stop())
        os.unlink(os.path.join(self.daemon.state, "jobd.db"))
        self.turns_away(STORE, "", "restore it")

    def test_who_was_served_before_is_patient(self):
        """An administrator mistypes a setting and restarts jobd: those who wait for jobs go on waiting."""
        self.start()
        gate = self.pipe("gate")
        waiting = self.jobctl_start("run", "sh", "-c", f'echo here; read x <"{gate.path}"; echo over')
        lines = self.lines(waiting)
        self.assertEqual("here", lines.next())  # so it has been served
        held = socket.socket(socket.AF_UNIX)
        self.addCleanup(held.close)
        self.assertEqual(0, self.daemon.stop())
        # The manager holds the socket from here on.
        held.bind(self.daemon.socket)
        held.listen(8)
        words = ["sh", "-c", 'exec 3<&"$1"; shift; LISTEN_PID=$$ LISTEN_FDS=1 exec "$@"', "sh", str(held.fileno()),
                 harness.program("jobd"), "--user", "--state-dir", self.daemon.state]
        self.assertTrue(select.select([held], [], [], harness.DEADLINE)[0])
        refused = subprocess.run([*words, "--config", self.daemon.configure("[Jobs]\nGrace=soon\n")],
                                 env={**self.env, **self.managed}, pass_fds=[held.fileno()], stderr=-1, check=False)
        self.assertEqual(NOT_CONFIGURED, refused.returncode)
        self.assertTrue(select.select([held], [], [], harness.DEADLINE)[0], "it does not come again")
        right = subprocess.Popen([*words, "--config", self.daemon.configure("")], env={**self.env, **self.managed},
                                 pass_fds=[held.fileno()], stderr=subprocess.DEVNULL)
        self.addCleanup(right.wait, harness.DEADLINE)
        self.addCleanup(right.terminate)
        gate.send()
        self.assertEqual("over", lines.next())
        self.end(waiting)

    def test_usage(self):
        done = subprocess.run([harness.program("jobd"), "--sate-dir"], env=self.env, stderr=-1, check=False)
        self.assertEqual(USAGE, done.returncode)
        # Somebody else's manager hears nothing of it.
        env = {**self.env, **self.managed, "SYSTEMD_EXEC_PID": "1"}
        done = subprocess.run([harness.program("jobd"), "--sate-dir"], env=env, stderr=-1, check=False)
        self.assertEqual(USAGE, done.returncode)
        self.assertEqual([], self.told())

    def test_the_unit_knows_them(self):
        with open(UNIT, encoding="utf-8") as f:
            codes = re.search("^RestartPreventExitStatus=(.*)$", f.read(), re.M)[1]
        self.assertEqual(FOR_EVER, set(map(int, codes.split())))
        help_text = subprocess.run([harness.program("jobd"), "--help"], stdout=-1, text=True, check=True).stdout
        for code in FOR_EVER:
            self.assertRegex(help_text, rf"\b{code}\b")


if __name__ == "__main__":
    harness.main()

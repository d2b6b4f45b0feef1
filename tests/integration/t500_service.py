# SPDX-License-Identifier: Apache-2.0
"""Configuration, reload, troubles with the state folder, and clients that start the daemon."""

import os
import shutil
import signal
import socket
import sqlite3
import struct
import subprocess
import threading

import harness
from client import SCHEMA


class Configuration(harness.Case):
    def check(self, text, status):
        path = self.file("some.conf", text)
        done = subprocess.run([harness.program("jobd"), "--user", "--check-config", "--config", path],
                              env=self.env, stdout=-1, stderr=-1, text=True, check=False)
        self.assertEqual(status != 0, done.returncode != 0, done.stderr)
        return done.stderr + done.stdout

    def test_check_config(self):
        self.check("[Pool]\nWorkers=3\n", 0)
        said = self.check("[Pool]\nWorkers=3\n[Jobs]\nGrace=soon\n", 1)
        self.assertIn("some.conf:4", said)
        said = self.check("[Pool]\nWrokers=3\n", 0)
        self.assertIn("some.conf:2", said)
        self.assertIn("Wrokers", said)

    def test_a_wrong_value_refuses_to_start(self):
        self.daemon.start(config="[Jobs]\nGrace=soon\n", ready=False)
        self.assertNotEqual(0, self.daemon.wait())
        self.assertIn("jobd.conf:2", self.daemon.log_text())

    def test_reload(self):
        self.start(config="[Output]\nCap=1M\n")
        self.assertEqual("1M", self.cap())
        self.daemon.configure("[Output]\nCap=2M\n")
        self.jobctl("reload")
        self.assertEqual("2M", self.cap())
        self.daemon.configure("[Output]\nCap=large\n")
        self.assertIn("jobd.conf:2", self.jobctl("reload", status=2).err)
        self.assertEqual("2M", self.cap())
        self.daemon.configure("[Output]\nCapp=1M\n")
        self.assertIn("jobd.conf:2: unknown setting Output.Capp, did you mean Cap?", self.jobctl("reload").err)

    def test_reload_by_signal(self):
        self.start(config="[Output]\nCap=1M\n")
        self.daemon.configure("[Output]\nCap=3M\n")
        self.daemon.process.send_signal(signal.SIGHUP)
        # The signal is handled in a turn of its own; nothing tells when, but each answer is a later turn.
        for _ in range(1000):
            if self.cap() == "3M":
                break
        self.assertEqual("3M", self.cap())

    def cap(self):
        with self.daemon.client() as client:
            return next(e["value"] for e in client.ask("config")["entries"] if e["key"] == "Cap")

    def test_unknown_option(self):
        done = subprocess.run([harness.program("jobd"), "--sate-dir", "x"], env=self.env, stdout=-1, stderr=-1, text=True,
                              check=False)
        self.assertNotEqual(0, done.returncode)
        self.assertIn("--sate-dir", done.stderr)


class StateFolder(harness.Case):
    def refuses(self, *words, status=None, **options):
        """jobd does not start, says why, and does not touch what is there."""
        self.daemon.start(ready=False, **options)
        ended = self.daemon.wait()
        self.assertNotEqual(0, ended)
        self.assertIn(status, (None, ended))
        for word in words:
            self.assertIn(word.lower(), self.daemon.log_text().lower())

    def database(self):
        names = [n for n in os.listdir(self.daemon.state) if n.endswith((".db", ".sqlite", ".sqlite3"))]
        self.assertEqual(1, len(names), os.listdir(self.daemon.state))
        return os.path.join(self.daemon.state, names[0])

    def with_a_job(self):
        self.start()
        job = self.submit("echo", "kept")
        self.jobctl("wait", job)
        self.assertEqual(0, self.daemon.stop())
        return job

    def test_in_use_by_another_daemon(self):
        self.start()
        second = harness.Daemon(self)
        second.log += "2"
        second.start(ready=False)
        self.assertEqual(0, second.wait())
        self.jobctl("ping")

    def test_corrupt(self):
        self.with_a_job()
        path = self.database()
        with open(path, "r+b") as f:
            f.write(b"this is no database at all" * 100)
        for tail in ("-wal", "-shm"):
            if os.path.exists(path + tail):
                os.unlink(path + tail)
        self.refuses(os.path.basename(path), "restore it from a backup", status=65)

    def test_missing_database_is_no_new_beginning(self):
        self.with_a_job()
        path = self.database()
        os.unlink(path)
        self.refuses(os.path.basename(path))
        self.assertFalse(os.path.exists(path) and os.path.getsize(path) > 0)

    def test_rows_that_are_gone_are_noticed(self):
        self.start()
        self.jobctl("wait", self.submit("true"))
        self.daemon.kill()
        path = self.database()
        saved = path + ".saved"
        shutil.copy(path, saved)
        wal = path + "-wal"
        with open(wal, "r+b") as f:
            f.truncate(0)
        self.refuses("lost")

    def test_from_a_newer_version(self):
        self.with_a_job()
        database = sqlite3.connect(self.database())
        version = database.execute("PRAGMA user_version").fetchone()[0]
        database.execute(f"PRAGMA user_version = {version + 1000}")
        database.commit()
        database.close()
        self.refuses("newer", "install that version again", status=65)

    def test_a_start_in_vain_leaves_nothing_behind(self):
        self.start()
        self.jobctl("shutdown")
        self.daemon.wait()
        database = sqlite3.connect(self.database())
        database.execute("PRAGMA user_version = 1000")
        database.close()
        # Whoever is left would hold its stderr, and this would wait for its end.
        done = subprocess.run([harness.program("jobd"), "--user", "--state-dir", self.daemon.state], env=self.env,
                              stdin=subprocess.DEVNULL, stdout=-1, stderr=-1, timeout=harness.DEADLINE, check=False)
        self.assertEqual(65, done.returncode, done.stderr)

    def test_somebody_elses_database(self):
        self.with_a_job()
        path = self.database()
        os.unlink(path)
        database = sqlite3.connect(path)
        database.execute("CREATE TABLE t(x)")
        database.commit()
        database.close()
        self.refuses(os.path.basename(path))

    def test_open_to_others(self):
        self.with_a_job()
        os.chmod(self.daemon.state, 0o777)
        self.refuses("state")

    def test_a_file_in_its_place(self):
        with open(self.daemon.state, "w", encoding="utf-8"):
            pass
        self.refuses("state")

    def test_a_link_in_its_place(self):
        os.mkdir(os.path.join(self.dir, "elsewhere"), 0o700)
        os.symlink(os.path.join(self.dir, "elsewhere"), self.daemon.state)
        self.refuses("state")
        self.assertEqual([], os.listdir(os.path.join(self.dir, "elsewhere")))

    @harness.unittest.skipUnless(os.geteuid() == 0, "needs root, to make a folder of somebody else")
    def test_owned_by_somebody_else(self):
        os.mkdir(self.daemon.state, 0o700)
        os.chown(self.daemon.state, harness.NOBODY, harness.NOBODY)
        self.refuses("belongs to", "chown", status=4)

    @harness.unittest.skipUnless(os.geteuid() == 0, "needs root, to be somebody else")
    def test_read_only(self):
        place = os.path.join(self.dir, "readonly")
        os.mkdir(place, 0o555)
        os.chown(place, harness.NOBODY, harness.NOBODY)
        self.daemon = harness.Daemon(self, "readonly/state")
        self.daemon.log = os.path.join(self.dir, "readonly.log")
        self.refuses("readonly", user=harness.NOBODY)

    def test_too_long_a_path(self):
        self.daemon = harness.Daemon(self, "x" * 120)
        self.daemon.log = os.path.join(self.dir, "long.log")
        self.refuses("107")

    def test_a_lock_without_a_daemon_is_no_obstacle(self):
        self.start()
        self.daemon.kill()
        self.daemon.start()
        self.jobctl("ping")


class AutoStart(harness.Case):
    def setUp(self):
        super().setUp()
        self.state_dir = os.path.join(self.dir, "auto")

    def auto(self, *words, **options):
        return self.jobctl("--state-dir", self.state_dir, *words, **options)

    def test_the_first_submit_starts_it(self):
        job = int(self.auto("submit", "echo", "hello").out)
        self.auto("wait", str(job))
        self.assertEqual("hello\n", self.auto("logs", str(job)).out)
        self.auto("shutdown")

    def test_twenty_at_once_start_one(self):
        results = []

        def one():
            results.append(self.auto("submit", "true").out)

        threads = [threading.Thread(target=one) for _ in range(20)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual(sorted(range(1, 21)), sorted(int(out) for out in results))
        self.auto("shutdown", "--now")

    def test_a_daemon_killed_is_started_again(self):
        self.auto("submit", "--hold", "true")
        pid = self.auto("status", "--json").json["pid"]
        harness.kill(pid)
        harness.wait_gone(pid)
        self.auto("release", "1")
        self.auto("wait", "1")

    def test_it_holds_nothing_of_its_parent(self):
        reading, writing = os.pipe()
        os.set_inheritable(writing, True)
        try:
            self.auto("submit", "true", pass_fds=[writing])
        finally:
            os.close(writing)
        self.assertTrue(harness.select.select([reading], [], [], harness.DEADLINE)[0])
        self.assertEqual(b"", os.read(reading, 1))
        os.close(reading)

    def test_defaults_of_the_environment(self):
        self.jobctl("--user", "submit", "true")
        self.jobctl("--user", "wait", "1")
        self.assertTrue(os.path.exists(os.path.join(self.dir, "xdg", "jobd", "jobd.sock")))

    def test_a_named_socket_starts_nothing(self):
        path = os.path.join(self.dir, "none.sock")
        self.jobctl("--socket", path, "submit", "true", status=69)
        self.assertFalse(os.path.exists(path))

    def test_a_start_that_fails_tells_why(self):
        os.makedirs(self.state_dir, mode=0o700)
        with open(os.path.join(self.state_dir, "initialised"), "w", encoding="utf-8"):
            pass
        os.chmod(self.state_dir, 0o777)
        result = self.auto("submit", "true", status=69)
        self.assertIn("auto", result.err)


class OtherVersions(harness.Case):
    """A daemon that jobctl does not understand, played by the test."""

    def answer(self, replies):
        path = os.path.join(self.dir, "other.sock")
        listener = socket.socket(socket.AF_UNIX)
        listener.bind(path)
        listener.listen(5)
        self.addCleanup(listener.close)

        def serve():
            connection, _ = listener.accept()
            with connection:
                connection.recv(65536)
                for reply in replies:
                    connection.sendall(reply)
                connection.shutdown(socket.SHUT_WR)
                while connection.recv(65536):
                    pass

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        self.env["JOBCTL_SOCKET"] = path

    def frame(self, **reply):
        body = SCHEMA.encode("Reply", {"tag": 1, **reply})
        return struct.pack(">I", len(body)) + body

    def test_the_daemon_refuses(self):
        self.answer([self.frame(error={"code": "ERROR_VERSION", "message": "this is jobd 9, which speaks version 5 to 7"})])
        result = self.jobctl("list", status=None)
        self.assertNotEqual(0, result.status)
        self.assertIn("version", result.err)

    def test_the_daemon_speaks_nonsense(self):
        self.answer([struct.pack(">I", 8) + b"\xff" * 8])
        self.assertNotIn(self.jobctl("list", status=None, deadline=90, env={"JOBCTL_PATIENCE": "0"}).status, (0, 139, 134))


if __name__ == "__main__":
    harness.main()

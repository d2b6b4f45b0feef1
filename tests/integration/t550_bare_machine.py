# SPDX-License-Identifier: Apache-2.0
"""Kernels and machines that lack something: one sentence with the remedy, or another way to do it."""

import os
import subprocess
import sys

import harness

WITHOUT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support", "without.py")


class OldKernel(harness.Case):
    def without(self, *calls):
        return (sys.executable, "-B", WITHOUT, *calls, "--")

    def test_no_pidfd(self):
        for call, since in (("pidfd_open", "5.3"), ("pidfd_send_signal", "5.1")):
            with self.subTest(call=call):
                self.daemon.log += call
                self.daemon.start(prefix=self.without(call), ready=False)
                self.assertEqual(3, self.daemon.wait(), self.daemon.log_text())
                for word in (call, f"Linux {since} or later", os.uname().release):
                    self.assertIn(word, self.daemon.log_text())
                self.assertFalse(os.path.exists(os.path.join(self.daemon.state, "jobd.db")))

    def test_no_pidfd_for_the_pool(self):
        words = [*self.without("pidfd_open"), harness.program("jobd-worker"), "--pool", "--user", "--socket",
                 f"{self.dir}/s", "--records", f"{self.dir}/w", "--spool", f"{self.dir}/spool", "--workers", "1"]
        done = subprocess.run(words, env=self.env, stderr=-1, text=True, check=False, timeout=harness.DEADLINE)
        self.assertEqual(3, done.returncode, done.stderr)
        self.assertIn("Linux 5.3 or later", done.stderr)

    def test_the_client_that_starts_it_passes_the_sentence_on(self):
        words = [*self.without("pidfd_open"), harness.program("jobctl"), "--state-dir", f"{self.dir}/auto", "submit", "true"]
        done = subprocess.run(words, env=self.env, stderr=-1, text=True, check=False, timeout=harness.DEADLINE)
        self.assertEqual(69, done.returncode, done.stderr)
        self.assertIn("Linux 5.3 or later", done.stderr)

    def test_no_close_range_and_no_cgroups(self):
        """Both have another way: jobs run, hold no descriptor of ours, and end with all they started."""
        self.start(prefix=self.without("close_range", "clone3", "openat2"))
        # Its own look at the folder is 3.
        self.assertEqual("0\n1\n2\n3\n", self.jobctl("run", "ls", "/proc/self/fd").out)
        job, pid, _ = self.submit_blocked()
        self.jobctl("cancel", job)
        self.jobctl("wait", job, status=None)
        harness.wait_gone(pid)
        log = self.daemon.log_text()
        if "no cgroup v2 is delegated" in log:
            self.assertIn("--mem bounds each process", log)


class WithoutSystemd(harness.Case):
    """No NOTIFY_SOCKET, no journal, nobody who runs the pool: it works, and says so."""

    def test_it_says_how_it_runs(self):
        self.start(env={"JOURNAL_STREAM": "1:1"})
        self.assertIn("without a service manager, with a pool of our own", self.daemon.log_text())
        self.assertEqual("hello\n", self.jobctl("run", "echo", "hello").out)

    def test_what_is_for_another_process_is_not_used(self):
        """Started from a job of another service: its manager hears nothing of us."""
        self.start(env={"SYSTEMD_EXEC_PID": "1", "NOTIFY_SOCKET": "/nowhere", "WATCHDOG_USEC": "1000", "LISTEN_FDS": "1"})
        self.assertIn("without a service manager", self.daemon.log_text())
        self.assertEqual("hello\n", self.jobctl("run", "echo", "hello").out)


if __name__ == "__main__":
    harness.main()

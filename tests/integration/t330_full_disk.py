# SPDX-License-Identifier: Apache-2.0
"""A disk that is really full: a small file system of its own, which root can make."""

import os
import subprocess

import harness


@harness.unittest.skipUnless(os.geteuid() == 0, "needs root, to mount a small file system")
class FullDisk(harness.Case):
    def setUp(self):
        super().setUp()
        self.disk = os.path.join(self.dir, "disk")
        os.mkdir(self.disk)
        subprocess.run(["mount", "-t", "tmpfs", "-o", "size=48m,mode=755", "jobd-test", self.disk], check=True)
        self.daemon = harness.Daemon(self, "disk/state")
        self.daemon.log = os.path.join(self.dir, "disk.log")
        self.daemon.settings = ["--set", "Limits.DiskReserve=8M", "--set", "Limits.DiskFloor=4M"]

    def _clean(self):
        try:
            super()._clean()
        finally:
            subprocess.run(["umount", "-l", self.disk], check=True)
            os.rmdir(self.disk)
            os.rmdir(self.dir)

    def fill(self):
        with open(os.path.join(self.disk, "filler"), "wb", buffering=0) as f:
            try:
                while True:
                    f.write(bytes(65536))
            except OSError:
                pass

    def refused(self, client):
        """Submits until jobd has seen that the disk is full (it looks with every commit)."""
        for _ in range(1000):
            answer = client.submit([b"true"], hold=True)
            if "code" in answer:
                return answer
        self.fail("jobd never says that the disk is full")

    def test_submissions_are_refused_and_what_runs_ends(self):
        self.start(workers=2)
        ending, _, gate = self.submit_blocked("one")
        stopped, pid, _ = self.submit_blocked("two")
        held = self.submit("--hold", "true")
        self.fill()
        with self.daemon.client() as client:
            error = self.refused(client)
            self.assertEqual("ERROR_FULL", error["code"])
            self.assertIn("disk", error["message"])
            self.assertSays(self.jobctl("submit", "true", status=75), "disk")
            gate.send()
            self.jobctl("wait", ending)
            self.jobctl("cancel", stopped, held)
            self.jobctl("wait", stopped, held, status=None)
            self.assertFalse(harness.is_alive(pid))
        self.daemon.kill()
        self.daemon.start(workers=2)
        self.assertEqual(["succeeded", "cancelled", "cancelled"], [self.state(j) for j in (ending, stopped, held)])
        self.assertEqual("over\n", self.jobctl("logs", ending).out)
        os.unlink(os.path.join(self.disk, "filler"))
        self.daemon.stop()
        self.daemon.start(workers=2)
        self.assertEqual("again\n", self.jobctl("run", "echo", "again").out)

    def test_a_job_that_fills_it(self):
        """Its output is cut with a mark; the job goes on, and so does everything else."""
        self.start(workers=1)
        job = self.submit("sh", "-c", "head -c 100000000 /dev/zero; exit 6")
        self.jobctl("wait", job, status=6)
        logs = self.jobctl("logs", job)
        self.assertIn("disk full", logs.err + logs.out[-300:])
        with self.daemon.client() as client:
            self.assertTrue(client.jobs(job)[job]["attempts"][0]["output_cut"])
            self.assertEqual({}, client.ask("ping"))

    def test_no_room_to_start(self):
        self.fill()
        self.daemon.start(ready=False)
        self.assertNotEqual(0, self.daemon.wait())
        self.assertIn("space", self.daemon.log_text())


if __name__ == "__main__":
    harness.main()

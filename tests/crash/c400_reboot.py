# SPDX-License-Identifier: Apache-2.0
"""
The machine starts again: every process is gone and the boot has another id, which a private mount
over /proc/sys/kernel/random/boot_id plays. Needs root.
"""

import os
import sys
import uuid

import harness

BOOT_ID = "/proc/sys/kernel/random/boot_id"


@harness.unittest.skipUnless(os.geteuid() == 0, "needs root, to mount another boot id")
class Reboot(harness.Case):
    def reboot(self):
        harness.kill_descendants()
        self.daemon.start(prefix=("unshare", "--mount", "sh", "-c", f'mount --bind "$1" {BOOT_ID} && shift && exec "$@"', "sh",
                                  self.file("boot_id", f"{uuid.uuid4()}\n")))

    def test_started_jobs_are_lost_or_run_again(self):
        self.start()
        lost, _, _ = self.submit_blocked("one")
        again, _, gate = self.submit_blocked("two", "--requeue")
        held = self.submit("--hold", "echo", "held")
        done = self.submit("sh", "-c", "echo done; exit 3", status=0)
        queued = self.submit("echo", "queued")
        self.jobctl("cancel", queued)
        # Both workers are taken, so these two only run after the reboot, if at all.
        self.reboot()
        self.jobctl("wait", lost, status=125)
        self.assertEqual("lost", self.state(lost))
        self.assertIn("up", self.pipes[2].line())
        gate.send()
        self.jobctl("wait", again)
        self.jobctl("wait", done, status=3)
        self.assertEqual("done\n", self.jobctl("logs", done).out)
        self.assertEqual("cancelled", self.state(queued))
        self.assertEqual("queued", self.state(held))
        with self.daemon.client() as client:
            self.assertEqual(2, client.jobs(again)[again]["attempts"][0]["attempt"])

    def test_twice(self):
        self.start(workers=1)
        job, _, _ = self.submit_blocked()
        for _ in range(2):
            self.reboot()
            self.jobctl("wait", job, status=125)
        self.assertEqual("lost", self.state(job))
        self.assertEqual("fine\n", self.jobctl("run", "echo", "fine").out)


if __name__ == "__main__":
    sys.exit(harness.main())

# SPDX-License-Identifier: Apache-2.0
"""The limits that keep one user from growing the daemon, and a disk that is full."""

import os

import harness
from client import new_key


class Limits(harness.Case):
    def test_queued_jobs(self):
        self.start(workers=1, config="[Limits]\nQueuedJobsPerUser=10\n")
        _, _, gate = self.submit_blocked()
        with self.daemon.client() as client:
            answers = [client.submit([b"true"]) for _ in range(12)]
            codes = [answer.get("code") for answer in answers]
            self.assertIn(codes[-1], ("ERROR_BUSY", "ERROR_FULL"))
            self.assertIn(None, codes)
            accepted = [answer["first_id"] for answer in answers if "first_id" in answer]
            gate.send()
            self.assertEqual({"STATE_SUCCEEDED"}, {e["state"] for e in client.wait(*accepted).values()})
            self.assertIn("first_id", client.submit([b"true"]))
        self.assertSays(self.jobctl("submit", "--nice", "x", "true", status=2), "nice")

    def test_try_again_is_75(self):
        self.start(workers=1, config="[Limits]\nQueuedJobsPerUser=2\n")
        self.submit_blocked()
        statuses = [self.jobctl("submit", "true", status=None).status for _ in range(4)]
        self.assertEqual(75, statuses[-1], statuses)

    def test_spec_bytes(self):
        self.start(workers=1, config="[Limits]\nSpecBytesPerUser=2M\n")
        self.submit_blocked()
        with self.daemon.client() as client:
            codes = [client.submit([b"true"] + [b"x" * 100_000] * 5).get("code") for _ in range(6)]
            self.assertIn(None, codes)
            self.assertIn(codes[-1], ("ERROR_BUSY", "ERROR_FULL"))

    def setUp(self):
        super().setUp()
        free = os.statvfs(self.dir)
        self.has_room = free.f_bavail * free.f_frsize < 1 << 40

    def test_below_the_floor_of_the_disk_nothing_is_accepted(self):
        self.assertTrue(self.has_room, "this test needs a disk with less than 1 TiB free")
        self.start(config="[Limits]\nDiskFloor=1024G\n")
        with self.daemon.client() as client:
            error = client.submit([b"true"])
            self.assertEqual("ERROR_FULL", error["code"])
            self.assertIn("disk", error["message"])
            self.assertTrue(client.ask("status")["disk_full"])
            self.assertEqual({}, client.jobs())
        self.assertSays(self.jobctl("submit", "true", status=75), "disk")

    def test_a_running_job_ends_although_the_disk_is_full(self):
        self.start()
        job, _, gate = self.submit_blocked()
        self.daemon.kill()
        self.daemon.start(config="[Limits]\nDiskFloor=1024G\n")
        gate.send()
        self.jobctl("wait", job)
        self.assertEqual("succeeded", self.state(job))

    def test_a_large_frame_of_jobs(self):
        self.start(workers=2)
        with self.daemon.client() as client:
            answer = client.ask("submit", key=new_key(), environments=[{"entries": [b"PATH=/usr/bin:/bin"]}],
                                jobs=[{"spec": {"argv": [b"true"], "hold": True}, "environment": 0}] * 10_000)
            self.assertEqual(10_000, answer.get("count"), answer)
            self.assertEqual(10_000, client.ask("status")["own_queued"])


if __name__ == "__main__":
    harness.main()

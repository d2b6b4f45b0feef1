# SPDX-License-Identifier: Apache-2.0
"""Kept output: what it counts for, and that its files go with its job."""

import os
import select
import time

import harness


class Kept(harness.Case):
    def spool(self):
        return sorted(os.listdir(os.path.join(self.daemon.state, "spool")))

    def wait_until(self, happened):
        """For what nothing tells of."""
        until = time.monotonic() + harness.DEADLINE
        while not happened():
            if time.monotonic() > until:
                raise TimeoutError(f"the spool stays {self.spool()}")
            select.select([], [], [], 0.02)

    def test_the_quota_counts_what_is_on_disk(self):
        """Two jobs write more than the quota; compressed it is little, and the next one is accepted without a restart."""
        self.start(config="[Output]\nQuota=300K\n")
        up = self.pipe("up")
        gates = [self.pipe(f"gate{n}") for n in range(2)]
        jobs = [self.submit("sh", "-c", f'echo up >"{up.path}"; read x <"{gate.path}"; head -c 200000 /dev/zero') for gate in gates]
        for gate in gates:
            up.line()
        for gate in gates:
            gate.send()
        self.jobctl("wait", *jobs)
        self.wait_until(lambda: self.jobctl("submit", "true", status=None).status == 0)
        self.wait_until(lambda: all(name.endswith(".zst") for name in self.spool()))
        for job in jobs:
            self.assertEqual(200000, len(self.jobctl("logs", job).raw))
        # Where libzstd is missing (here: is no library) the sentence names the package.
        self.file("libzstd.so.1")
        said = self.jobctl("logs", jobs[0], env={"LD_LIBRARY_PATH": self.work}, status=None)
        self.assertNotEqual(0, said.status)
        self.assertSays(said, f"output of job {jobs[0]} is compressed", "libzstd1")

    def test_the_daemons_cap_cannot_be_raised(self):
        self.start(config="[Output]\nCap=8K\n")
        for cap, most in (("1M", 8192), ("4K", 4096)):
            with self.subTest(cap=cap):
                result = self.jobctl("run", "--output-cap", cap, "head", "-c", "100000", "/dev/zero")
                self.assertIn(f"output cut after {most // 1024} KiB", result.err)
                self.assertGreater(len(result.raw), most // 2)
                self.assertLess(len(result.raw), most)

    def test_many_files_go_with_their_job(self):
        """More tasks than a page of rows holds, the last with a file: retention removes it, too."""
        self.start(config="[Output]\nCompress=no\n[Retention]\nKeepJobs=1\n")
        job = self.submit("--array", "0-10004", "sh", "-c", "[ $JOBD_TASK_ID -lt 10003 ] || head -c 100000 /dev/zero")
        self.jobctl("wait", job)
        self.assertEqual([f"{job}.{task}.1.out" for task in (10003, 10004)], self.spool())
        newer = self.submit("head", "-c", "100000", "/dev/zero")
        self.jobctl("wait", newer)
        self.jobctl("reload")
        self.wait_until(lambda: self.spool() == [f"{newer}.0.1.out"])
        self.jobctl("info", job, status=3)


if __name__ == "__main__":
    harness.main()

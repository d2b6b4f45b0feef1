# SPDX-License-Identifier: Apache-2.0
"""Jobs that misbehave: none of them may hold a worker, a client or the daemon."""

import os

import harness


class Hostile(harness.Case):
    def setUp(self):
        super().setUp()
        self.start(workers=1, config="[Jobs]\nGrace=300ms\n[Output]\nCap=8M\n")

    def tearDown(self):
        """Whatever a job did, the only worker takes the next one."""
        self.assertEqual("next\n", self.jobctl("run", "echo", "next").out)

    def test_closes_its_pipes_and_goes_on(self):
        gate = self.pipe("gate")
        job = self.submit("sh", "-c", f'exec >&- 2>&- <&-; read x <"{gate.path}"; exit 5')
        self.jobctl("wait", "--timeout", "200ms", job, status=124)
        gate.send()
        self.jobctl("wait", job, status=5)

    def test_leaves_a_child_that_holds_them(self):
        up = self.pipe("up")
        job = self.submit("sh", "-c", f'sh -c \'echo $$ >"{up.path}"; exec tail -f /dev/null\' & read x <"{up.path}"; '
                          f'echo $x >"{up.path}"; exit 5')
        self.jobctl("wait", job, status=5)
        harness.wait_gone(int(up.line()))

    def test_forks_twice_and_leaves(self):
        up = self.pipe("up")
        job = self.submit("sh", "-c", f'(setsid sh -c \'(echo $$ >"{up.path}"; exec tail -f /dev/null) & \' &); exit 6')
        self.jobctl("wait", job, status=6)
        self.jobctl("run", "true")
        left = [pid for pid in harness.descendants_of(self.pool_pid()) if self.command(pid).startswith("tail")]
        self.assertEqual([], left)

    def pool_pid(self):
        return self.daemon.pool()["pid"]

    def command(self, pid):
        try:
            with open(f"/proc/{pid}/comm", encoding="utf-8") as f:
                return f.read()
        except OSError:
            return ""

    def test_stops_itself(self):
        up = self.pipe("up")
        job = self.submit("sh", "-c", f'echo $$ >"{up.path}"; kill -STOP $$; exit 5')
        up.line()
        self.jobctl("kill", "-s", "CONT", job)
        self.jobctl("wait", "--timeout", "20", job, status=None)
        self.jobctl("cancel", job, status=None)
        self.jobctl("wait", job, status=None)

    def test_stops_its_worker(self):
        """A job may signal what is its user's: the pool replaces a worker that hangs or dies."""
        job = self.submit("sh", "-c", "kill -9 $PPID; exec tail -f /dev/null")
        self.jobctl("wait", job, status=None)
        self.assertIn(self.state(job), ("lost", "failed"))

    def test_ignores_term(self):
        up = self.pipe("up")
        job = self.submit("sh", "-c", f'trap "" TERM INT HUP QUIT; echo $$ >"{up.path}"; while :; do tail -f /dev/null & wait $!; done')
        pid = int(up.line())
        self.jobctl("cancel", job)
        self.jobctl("wait", job, status=None)
        harness.wait_gone(pid)

    def test_prints_without_end(self):
        """The cap keeps the first bytes; the job is neither slowed nor blocked by it."""
        job = self.submit("sh", "-c", "head -c 2000000000 /dev/zero; exit 7")
        self.jobctl("wait", job, status=7)
        logs = self.jobctl("logs", job)
        self.assertLess(len(logs.raw), 9 << 20)
        with self.daemon.client() as client:
            self.assertTrue(client.jobs(job)[job]["attempts"][0]["output_cut"])

    def test_prints_to_a_reader_that_does_not_read(self):
        up = self.pipe("up")
        run = self.jobctl_start("run", "sh", "-c", f'echo up >"{up.path}"; head -c 6000000 /dev/zero; exit 7')
        up.line()
        self.jobctl("wait", "1", status=7)
        self.assertEqual(6_000_000, len(self.end(run, status=7).raw))

    def test_prints_control_characters(self):
        job = self.submit("printf", "\\033[2J\\007\\033]0;title\\007")
        self.jobctl("wait", job)
        self.assertEqual(b"\x1b[2J\x07\x1b]0;title\x07", self.jobctl("logs", job).raw)

    def test_a_fork_bomb_of_bounded_size(self):
        job = self.submit("sh", "-c", "i=0; while [ $i -lt 200 ]; do tail -f /dev/null & i=$((i+1)); done; exit 3")
        self.jobctl("wait", job, status=3)
        self.jobctl("run", "true")
        left = [pid for pid in harness.descendants_of(self.pool_pid()) if self.command(pid).startswith("tail")]
        self.assertEqual([], left)

    def test_removes_its_own_folder(self):
        place = os.path.join(self.work, "gone")
        os.mkdir(place)
        job = self.submit("--cwd", place, "sh", "-c", f'rmdir "{place}"; exit 4')
        self.jobctl("wait", job, status=4)


if __name__ == "__main__":
    harness.main()

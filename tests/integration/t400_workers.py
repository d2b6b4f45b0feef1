# SPDX-License-Identifier: Apache-2.0
"""Workers and the pool dying, hanging, growing and shrinking."""

import os

import harness


class Workers(harness.Case):
    def test_a_dead_worker_is_replaced_and_its_job_is_lost(self):
        self.start(workers=2)
        self.daemon.pool_ready(2)
        job, pid, _ = self.submit_blocked()
        worker = self.worker_of(job)
        harness.kill(worker["pid"])
        self.jobctl("wait", job, status=125)
        self.assertEqual("lost", self.state(job))
        harness.wait_gone(pid)
        pool = self.daemon.pool_ready(2)
        self.assertNotIn(worker["pid"], [w["pid"] for w in pool["workers"]])
        self.jobctl("run", "true")

    def test_with_requeue_it_runs_again(self):
        self.start(workers=2)
        trace, up, gate = os.path.join(self.work, "trace"), self.pipe("up"), self.pipe("gate")
        job = self.submit("--requeue", "sh", "-c", f'echo x >>"{trace}"; echo $$ >"{up.path}"; read x <"{gate.path}"; exit 4')
        up.line()
        harness.kill(self.worker_of(job)["pid"])
        up.line()
        gate.send(2)
        self.jobctl("wait", job, status=4)
        self.assertEqual("x\nx\n", self.read(trace))

    def worker_of(self, job):
        return next(w for w in self.daemon.pool()["workers"] if w.get("job") == job)

    def test_idle_workers_die_and_nothing_is_lost(self):
        self.start(workers=3)
        for worker in self.daemon.pool_ready(3)["workers"]:
            harness.kill(worker["pid"])
        jobs = [self.submit("true") for _ in range(6)]
        self.jobctl("wait", *jobs)
        self.daemon.pool_ready(3)

    def test_the_pool_dies(self):
        self.start(workers=2)
        pool = self.daemon.pool_ready(2)
        job, pid, _ = self.submit_blocked()
        harness.kill(pool["pid"])
        self.jobctl("wait", job, status=125)
        self.assertEqual("lost", self.state(job))
        harness.wait_gone(pid)
        self.jobctl("run", "true")
        self.assertNotEqual(pool["pid"], self.daemon.pool_ready(2)["pid"])

    def test_everything_dies(self):
        self.start(workers=2)
        pool = self.daemon.pool_ready(2)
        job, pid, _ = self.submit_blocked()
        queued = [self.submit("--hold", "true") for _ in range(5)]
        self.daemon.kill()
        for victim in [pool["pid"], *(w["pid"] for w in pool["workers"]), pid]:
            harness.kill(victim)
        self.daemon.start(workers=2)
        self.jobctl("wait", job, status=125)
        self.assertEqual("lost", self.state(job))
        self.jobctl("release", *queued)
        self.jobctl("wait", *queued)

    def test_worker_exits_while_jobd_is_away(self):
        self.start(workers=2)
        job, _, _ = self.submit_blocked()
        worker = self.worker_of(job)["pid"]
        self.daemon.kill()
        harness.kill(worker)
        self.daemon.start(workers=2)
        self.jobctl("wait", job, status=125)
        self.assertEqual("lost", self.state(job))

    def test_jobs_end_while_jobd_is_away(self):
        self.start(workers=2)
        first, first_pid, gate1 = self.submit_blocked("one")
        second, second_pid, gate2 = self.submit_blocked("two")
        self.daemon.kill()
        gate1.send()
        gate2.send()
        harness.wait_gone(first_pid)
        harness.wait_gone(second_pid)
        self.daemon.start(workers=2)
        self.jobctl("wait", first, second)
        self.assertEqual("over\n", self.jobctl("logs", first).out)
        self.assertEqual("over\n", self.jobctl("logs", second).out)


class Resize(harness.Case):
    def test_grow_and_shrink(self):
        self.start(workers=1)
        one, _, gate1 = self.submit_blocked("one")
        two = self.submit("true")
        self.assertEqual("queued", self.state(two))
        self.jobctl("pool", "resize", "3")
        self.jobctl("wait", two)
        self.daemon.pool_ready(3)
        self.jobctl("pool", "resize", "1")
        gate1.send()
        self.jobctl("wait", one)
        self.daemon.pool_ready(1)
        self.jobctl("run", "true")

    def test_shrinking_ends_no_job(self):
        self.start(workers=3)
        blocked = [self.submit_blocked(f"g{n}") for n in range(3)]
        self.jobctl("pool", "resize", "1")
        for job, _, gate in blocked:
            self.assert_runs(job)
            gate.send()
        self.jobctl("wait", *[job for job, _, _ in blocked])
        self.daemon.pool_ready(1)

    def test_pool_is_shown(self):
        self.start(workers=2)
        self.daemon.pool_ready(2)
        self.assertIn("2", self.jobctl("pool").out)


class Service(harness.Case):
    def test_drain(self):
        self.start()
        running, _, gate = self.submit_blocked()
        self.jobctl("drain")
        waiting = self.submit("true")
        gate.send()
        self.jobctl("wait", running)
        self.assertEqual("queued", self.state(waiting))
        # What an administrator stopped an upgrade does not start again.
        self.daemon.kill()
        self.daemon.start(workers=1)
        self.daemon.pool_ready(1)
        with self.daemon.client() as client:
            self.assertTrue(client.ask("status")["draining"])
            self.assertEqual("queued", self.state(waiting))
            client.ask("drain", end=True)
        self.jobctl("wait", waiting)

    def test_shutdown_lets_running_jobs_finish_and_keeps_the_queue(self):
        self.start(workers=1)
        running, _, gate = self.submit_blocked()
        queued = self.submit("true")
        self.jobctl("shutdown")
        self.assertEqual(None, self.daemon.process.poll())
        gate.send()
        self.assertEqual(0, self.daemon.wait())
        self.daemon.start(workers=1)
        self.jobctl("wait", running, queued)

    def test_shutdown_now_cancels(self):
        self.start(workers=1)
        running, pid, _ = self.submit_blocked()
        queued = self.submit("true")
        self.jobctl("shutdown", "--now")
        self.assertEqual(0, self.daemon.wait())
        harness.wait_gone(pid)
        self.daemon.start(workers=1)
        self.assertEqual("cancelled", self.state(running))
        self.jobctl("wait", queued)

    def test_no_process_is_left(self):
        self.start(workers=2)
        self.jobctl("run", "true")
        self.jobctl("shutdown")
        self.assertEqual(0, self.daemon.wait())
        for pid in harness.descendants_of(os.getpid()):
            harness.wait_gone(pid)

    def test_term_leaves_running_jobs_alone(self):
        self.start(workers=1)
        job, pid, gate = self.submit_blocked()
        self.assertEqual(0, self.daemon.stop())
        self.assertTrue(harness.is_alive(pid))
        self.daemon.start(workers=1)
        gate.send()
        self.jobctl("wait", job)
        self.assertEqual("over\n", self.jobctl("logs", job).out)


if __name__ == "__main__":
    harness.main()

# SPDX-License-Identifier: Apache-2.0
"""Cancel, kill, pause, resume, time limits, retries: what can happen to a job on its way."""

import os
import time

import harness

# Says its pid, then stays until it is ended.
STAYS = 'echo $$ >"{}"; exec tail -f /dev/null'
# The same, but TERM does not end it.
STUBBORN = 'trap "" TERM; echo $$ >"{}"; while :; do tail -f /dev/null & wait $!; done'


class Case(harness.Case):
    def submit_staying(self, script=STAYS, *options):
        up = self.pipe(f"up{len(self.pipes)}")
        job = self.submit(*options, "sh", "-c", script.format(up.path))
        return job, int(up.line())


class Cancel(Case):
    def test_queued_never_starts(self):
        self.start(workers=1)
        _, _, gate = self.submit_blocked()
        trace = os.path.join(self.work, "started")
        job = self.submit("touch", trace)
        self.jobctl("cancel", job)
        gate.send()
        self.jobctl("wait", self.submit("true"))
        self.assertEqual("cancelled", self.state(job))
        self.assertFalse(os.path.exists(trace))
        self.jobctl("wait", job, status=125)

    def test_running_ends_with_term(self):
        self.start()
        job, pid = self.submit_staying()
        self.jobctl("cancel", job)
        self.jobctl("wait", job, status=None)
        self.assertFalse(harness.is_alive(pid))
        self.assertEqual("cancelled", self.state(job))

    def test_the_whole_tree_goes(self):
        self.start()
        up = self.pipe("up")
        job = self.submit("sh", "-c", f'(setsid sh -c \'echo $$ >"{up.path}"; exec tail -f /dev/null\' &) ; '
                                      f'tail -f /dev/null & echo $! >"{up.path}"; wait')
        pids = [int(up.line()), int(up.line())]
        self.jobctl("cancel", job)
        self.jobctl("wait", job, status=None)
        self.assertEqual([False, False], [harness.is_alive(pid) for pid in pids])

    def test_stubborn_is_killed_after_the_grace(self):
        self.start(config="[Jobs]\nGrace=300ms\n")
        job, pid = self.submit_staying(STUBBORN)
        self.jobctl("cancel", job)
        self.jobctl("wait", job, status=None)
        self.assertFalse(harness.is_alive(pid))

    def test_stopped_job_can_be_cancelled(self):
        self.start(config="[Jobs]\nGrace=2s\n")
        up = self.pipe("up")
        job = self.submit("sh", "-c", f'echo $$ >"{up.path}"; kill -STOP $$; exit 3')
        pid = int(up.line())
        self.jobctl("cancel", job)
        self.jobctl("wait", job, status=None)
        self.assertFalse(harness.is_alive(pid))
        self.assertEqual("cancelled", self.state(job))

    def test_acknowledged_cancel_survives_a_kill(self):
        self.start(workers=1)
        running, pid = self.submit_staying()
        queued = self.submit("touch", os.path.join(self.work, "started"))
        self.jobctl("cancel", running, queued)
        self.daemon.kill()
        self.daemon.start(workers=1)
        self.jobctl("wait", running, queued, status=None)
        self.assertEqual(["cancelled"] * 2, [self.state(running), self.state(queued)])
        self.assertFalse(harness.is_alive(pid))
        self.assertFalse(os.path.exists(os.path.join(self.work, "started")))

    def test_by_name_asks_first(self):
        self.start(workers=1)
        _, _, gate = self.submit_blocked()
        jobs = [self.submit("-J", "batch", "true") for _ in range(3)]
        self.jobctl("cancel", "--yes", "--name", "batch")
        gate.send()
        self.assertEqual(["cancelled"] * 3, [self.state(job) for job in jobs])

    def test_a_finished_job_cannot_be_cancelled(self):
        self.start()
        job = self.submit("true")
        self.jobctl("wait", job)
        result = self.jobctl("cancel", job, status=None)
        self.assertNotEqual(0, result.status)
        self.assertIn(str(job), result.err)
        self.assertEqual("succeeded", self.state(job))


class Signals(Case):
    def test_kill_sends_the_signal(self):
        self.start()
        for name, code in (("USR1", 11), ("SIGUSR2", 12), ("15", 13)):
            up = self.pipe("up" + name)
            job = self.submit("sh", "-c", "for s in USR1:11 USR2:12 TERM:13; do trap \"exit ${s#*:}\" ${s%:*}; done; "
                              f'echo $$ >"{up.path}"; while :; do tail -f /dev/null & wait $!; done')
            up.line()
            self.jobctl("kill", "-s", name, job)
            self.jobctl("wait", job, status=code)

    def test_pause_and_resume(self):
        self.start()
        job, pid = self.submit_staying()
        self.jobctl("pause", job)
        self.assertEqual("T", self.state_of_process(pid, "T"))
        self.assertEqual("paused", self.state(job))
        self.jobctl("resume", job)
        self.assertNotEqual("T", self.state_of_process(pid, "S"))
        self.assert_runs(job)
        self.jobctl("cancel", job)
        self.jobctl("wait", job, status=None)

    def state_of_process(self, pid, wanted):
        """The kernel stops a process a moment after the signal, without telling us."""
        until = time.monotonic() + harness.DEADLINE
        while harness.stat_of(pid, 0) != wanted and time.monotonic() < until:
            os.sched_yield()
        return harness.stat_of(pid, 0)

    def test_a_paused_job_survives_a_restart_and_is_cancelled(self):
        self.start()
        job, pid = self.submit_staying()
        self.jobctl("pause", job)
        self.daemon.kill()
        self.daemon.start()
        self.assertEqual("paused", self.state(job))
        self.jobctl("cancel", job)
        self.jobctl("wait", job, status=None)
        self.assertFalse(harness.is_alive(pid))


class Time(Case):
    def test_limit(self):
        self.start()
        job, pid = self.submit_staying(STAYS, "-t", "0.3")
        self.jobctl("wait", job, status=124)
        self.assertFalse(harness.is_alive(pid))
        self.assertEqual("timeout", self.state(job))

    def test_limit_for_run(self):
        self.start()
        self.jobctl("run", "-t", "200ms", "tail", "-f", "/dev/null", status=124)

    def test_limit_while_jobd_is_away(self):
        self.start()
        job, pid = self.submit_staying(STAYS, "-t", "1s")
        self.daemon.kill()
        harness.wait_gone(pid)
        self.daemon.start()
        self.jobctl("wait", job, status=124)

    def test_warning_signal(self):
        self.start()
        up = self.pipe("up")
        job = self.submit("-t", "60s", "--signal", "USR1@59800ms", "sh", "-c",
                          f'trap "exit 9" USR1; echo $$ >"{up.path}"; while :; do tail -f /dev/null & wait $!; done')
        up.line()
        self.jobctl("wait", job, status=9)

    def test_stubborn_over_its_limit(self):
        self.start(config="[Jobs]\nGrace=200ms\n")
        job, pid = self.submit_staying(STUBBORN, "-t", "200ms")
        self.jobctl("wait", job, status=124)
        self.assertFalse(harness.is_alive(pid))


class Retries(Case):
    FAILS_TWICE = 'echo x >>"{0}"; [ $(wc -l <"{0}") -ge 3 ]'

    def test_until_it_works(self):
        self.start()
        trace = os.path.join(self.work, "trace")
        job = self.submit("--retries", "5", "--retry-delay", "10ms", "sh", "-c", self.FAILS_TWICE.format(trace))
        self.jobctl("wait", job)
        self.assertEqual("x\nx\nx\n", self.read(trace))
        with self.daemon.client() as client:
            self.assertEqual(3, client.jobs(job)[job]["attempts"][0]["attempt"])

    def test_not_more_often(self):
        self.start()
        trace = os.path.join(self.work, "trace")
        job = self.submit("--retries", "1", "--retry-delay", "10ms", "sh", "-c", self.FAILS_TWICE.format(trace))
        self.jobctl("wait", job, status=1)
        self.assertEqual("x\nx\n", self.read(trace))

    def test_only_on_some_codes(self):
        self.start()
        job = self.submit("--retries", "5", "--retry-on", "7,8", "--retry-delay", "10ms", "sh", "-c", "exit 9")
        self.jobctl("wait", job, status=9)
        with self.daemon.client() as client:
            self.assertEqual(1, client.jobs(job)[job]["attempts"][0]["attempt"])

    def test_what_cannot_be_started_is_not_retried(self):
        """It would not start the next time either; who knows better names its code."""
        self.start()
        for command, status, options, attempts in (("./not-there", 127, (), 1), (self.file("plain"), 126, (), 1),
                                                   ("./not-there", 127, ("--retry-on", "127"), 2)):
            with self.subTest(command=command, options=options):
                job = self.submit("--retries", "1", "--retry-delay", "10ms", *options, command)
                self.jobctl("wait", job, status=status)
                self.assertEqual(attempts, self.jobctl("info", "--json", job).json["attempts"][0]["attempt"])

    def test_retry_by_hand(self):
        self.start()
        trace = os.path.join(self.work, "trace")
        job = self.submit("sh", "-c", f'echo x >>"{trace}"; [ $(wc -l <"{trace}") -ge 2 ]')
        self.jobctl("wait", job, status=1)
        self.jobctl("retry", job)
        self.jobctl("wait", job)
        self.assertEqual("x\nx\n", self.read(trace))

    def test_retry_all_that_failed(self):
        self.start()
        good = self.submit("true")
        gate = os.path.join(self.work, "open")
        bad = [self.submit("test", "-e", gate) for _ in range(2)]
        self.jobctl("wait", good, *bad, status=2)
        self.file("open")
        self.jobctl("retry", "--yes", "--failed", "all")
        self.jobctl("wait", good, *bad)


if __name__ == "__main__":
    harness.main()

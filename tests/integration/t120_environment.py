# SPDX-License-Identifier: Apache-2.0
"""What a job finds around it: folder, environment, umask, limits, descriptors, signals."""

import os
import re
import resource
import signal

import harness


class Surroundings(harness.Case):
    def setUp(self):
        super().setUp()
        self.start()

    def run_line(self, *words, **options):
        return self.jobctl("run", *words, **options).out.rstrip("\n")

    def test_folder_of_the_submitter(self):
        place = os.path.join(self.dir, "a b\xe9")
        os.mkdir(place)
        self.assertEqual(place, self.run_line("pwd", cwd=place))
        self.assertEqual(place, self.run_line("--cwd", place, "pwd"))

    def test_relative_cwd(self):
        os.mkdir(os.path.join(self.work, "sub"))
        self.assertEqual(os.path.join(self.work, "sub"), self.run_line("--cwd", "sub", "pwd"))

    def test_environment_is_the_submitters(self):
        self.assertEqual("one", self.run_line("sh", "-c", "echo $MINE", env={"MINE": "one"}))
        self.assertEqual("two", self.run_line("--env", "MINE=two", "sh", "-c", "echo $MINE", env={"MINE": "one"}))
        self.assertEqual("a=b c", self.run_line("--env", "MINE=a=b c", "sh", "-c", "echo $MINE"))

    def test_export_none_and_some(self):
        env = {"MINE": "one", "OTHER": "two"}
        self.assertEqual("-", self.run_line("--export", "NONE", "/bin/sh", "-c", "echo ${MINE:--}", env=env))
        self.assertEqual("one -", self.run_line("--export", "MINE", "/bin/sh", "-c", "echo ${MINE:--} ${OTHER:--}", env=env))

    def test_values_need_not_be_utf8(self):
        env = {**{os.fsencode(k): os.fsencode(v) for k, v in self.env.items()}, b"MINE": b"\xff\xfe"}
        self.env = env
        self.assertEqual(b"\xff\xfe", self.jobctl("run", "sh", "-c", "printf %s \"$MINE\"").raw)

    def test_nothing_of_the_daemon(self):
        self.daemon.stop()
        self.daemon.start(env={"DAEMONS_OWN": "secret"})
        self.assertNotIn("DAEMONS_OWN", self.jobctl("run", "env").out)

    def test_jobds_own_variables(self):
        out = self.jobctl("run", "env").out
        said = dict(line.split("=", 1) for line in out.splitlines() if line.startswith("JOBD_"))
        self.assertEqual("1", said["JOBD_JOB_ID"])
        self.assertEqual("1", said["JOBD_ATTEMPT"])
        self.assertEqual(self.work, said["JOBD_SUBMIT_DIR"])
        self.assertEqual(self.daemon.socket, said["JOBD_SOCKET"])
        for name in ("JOBD_TASK_ID", "JOBD_CPUS", "JOBD_SLOT"):
            self.assertRegex(said[name], r"^\d+$")

    def test_umask(self):
        self.assertEqual("0027", self.run_line("sh", "-c", "umask", umask=0o027))
        self.assertEqual("0077", self.run_line("sh", "-c", "umask", umask=0o077))

    def test_limits_are_the_submitters(self):
        def lower():
            resource.setrlimit(resource.RLIMIT_NOFILE, (77, 88))
            resource.setrlimit(resource.RLIMIT_CORE, (0, 0))

        self.assertEqual("77 88 0", self.run_line("sh", "-c", "echo $(ulimit -Sn) $(ulimit -Hn) $(ulimit -c)",
                                                  preexec_fn=lower))

    def test_nice(self):
        """A job is never less nice than its worker, which here is as nice as this test."""
        own = os.nice(0)
        nicer = min(own + 7, 19)
        self.assertEqual(str(nicer), self.run_line("--nice", str(nicer), "nice"))
        self.assertEqual(str(own), self.run_line("--nice", str(max(own - 1, 0)), "nice"))

    def test_descriptors(self):
        # The fourth is the folder that ls itself reads.
        self.assertEqual(["0", "1", "2", "3"], self.run_line("ls", "/proc/self/fd").split())

    def test_signals_are_default_and_open(self):
        old = signal.signal(signal.SIGUSR1, signal.SIG_IGN)
        signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGUSR2])
        try:
            out = self.run_line("grep", "-E", "^Sig(Blk|Ign)", "/proc/self/status")
        finally:
            signal.pthread_sigmask(signal.SIG_UNBLOCK, [signal.SIGUSR2])
            signal.signal(signal.SIGUSR1, old)
        self.assertEqual({0}, {int(value, 16) for value in re.findall(r"\t(\w+)", out)})

    def test_a_session_of_its_own(self):
        pid, session, group = self.run_line("sh", "-c", "echo $$ $(cut -d' ' -f6,5 /proc/$$/stat)").split()
        self.assertEqual((pid, pid), (session, group))

    def test_captured_at_submit_not_at_start(self):
        _, _, gate1 = self.submit_blocked("one")
        _, _, gate2 = self.submit_blocked("two")
        place = os.path.join(self.dir, "there")
        os.mkdir(place)
        job = self.submit("sh", "-c", "pwd; echo $MINE; umask", cwd=place, env={"MINE": "then"}, umask=0o026)
        gate1.send()
        gate2.send()
        self.jobctl("wait", job)
        self.assertEqual(f"{place}\nthen\n0026\n", self.jobctl("logs", job).out)

    def test_environments_survive_a_restart(self):
        job = self.submit("--hold", "sh", "-c", "echo $MINE", env={"MINE": "kept"})
        self.daemon.kill()
        self.daemon.start()
        self.jobctl("release", job)
        self.jobctl("wait", job)
        self.assertEqual("kept\n", self.jobctl("logs", job).out)


class Files(harness.Case):
    def setUp(self):
        super().setUp()
        self.start()

    def test_input_output_error(self):
        self.file("in", "some words\n")
        job = self.submit("-i", "in", "-o", "out", "-e", "err", "sh", "-c", "cat; echo bad >&2")
        self.jobctl("wait", job)
        self.assertEqual("some words\n", self.read("out"))
        self.assertEqual("bad\n", self.read("err"))
        logs = self.jobctl("logs", job)
        self.assertIn("out", logs.out + logs.err)

    def test_output_alone_takes_stdout(self):
        job = self.submit("-o", "out", "sh", "-c", "echo to the file; echo to jobd >&2")
        self.jobctl("wait", job)
        self.assertEqual("to the file\n", self.read("out").replace("to jobd\n", ""))

    def test_patterns(self):
        job = self.submit("-J", "nightly", "-o", "%x-%j.txt", "echo", "hello")
        self.jobctl("wait", job)
        self.assertEqual("hello\n", self.read(f"nightly-{job}.txt"))

    def test_an_existing_output_is_replaced(self):
        self.file("out", "a much longer text that was here before\n")
        self.jobctl("wait", self.submit("-o", "out", "echo", "new"))
        self.assertEqual("new\n", self.read("out"))


if __name__ == "__main__":
    harness.main()

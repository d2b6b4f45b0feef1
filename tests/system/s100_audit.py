# SPDX-License-Identifier: Apache-2.0
"""What a job sees when it runs as the user who submitted it, started by a worker that is root."""

import os
import resource
import signal

import harness
import users

AUDIT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "audit.py")


class Audit(users.SystemCase):
    def setUp(self):
        super().setUp()
        self.start()
        with open(AUDIT, encoding="utf-8") as f:
            self.script = f.read()

    def audit(self, user, *options, **more):
        """The script is the job's argument: the checkout may be closed to users."""
        return user.jobctl("run", *options, "--", "/usr/bin/python3", "-c", self.script, **more).json

    def test_identity(self):
        for user in (self.a, self.b, self.c):
            with self.subTest(user=user.name):
                seen = self.audit(user)
                self.assertEqual([user.uid] * 3, seen["uids"])
                self.assertEqual([user.gid] * 3, seen["gids"])
                self.assertEqual(sorted(user.groups), seen["groups"])
                self.assertEqual("\t".join([str(user.uid)] * 4), seen["status"]["Uid"])
                self.assertEqual("\t".join([str(user.gid)] * 4), seen["status"]["Gid"])

    def test_the_second_group_is_there(self):
        self.assertEqual(2, len(self.audit(self.a)["groups"]))
        self.assertEqual(1, len(self.audit(self.b)["groups"]))

    def test_no_capabilities_and_no_way_back(self):
        seen = self.audit(self.a)
        for name in ("CapInh", "CapPrm", "CapEff", "CapAmb"):
            self.assertEqual(0, int(seen["status"][name], 16), name)
        self.assertEqual(set(), {name for name, said in seen["tries"].items() if said == "worked"})

    def test_descriptors_and_signals(self):
        seen = self.audit(self.a)
        self.assertEqual([0, 1, 2], seen["fds"])
        self.assertEqual([], seen["blocked"])
        self.assertEqual(0, int(seen["status"]["SigBlk"], 16))
        # Python ignores two signals by itself: PIPE and XFSZ.
        self.assertEqual(1 << (signal.SIGPIPE - 1) | 1 << (signal.SIGXFSZ - 1), int(seen["status"]["SigIgn"], 16))
        self.assertEqual("0", seen["status"]["NoNewPrivs"])

    def test_session_and_scores(self):
        seen = self.audit(self.a)
        self.assertEqual(seen["pid"], seen["session"])
        self.assertEqual(0, seen["oom_score_adj"])
        self.assertEqual(os.nice(0), seen["nice"])     # as jobd was started

    def test_folder_umask_environment(self):
        seen = self.audit(self.a, umask=0o027, env={"MINE": "yes"})
        self.assertEqual(self.a.home, seen["cwd"])
        self.assertEqual(0o027, seen["umask"])
        self.assertEqual("yes", seen["environment"]["MINE"])
        known = {*self.env, "HOME", "USER", "MINE", "LOGNAME", "SHELL", "LC_CTYPE", "OMP_NUM_THREADS"}
        extra = {name for name in seen["environment"] if name not in known and not name.startswith("JOBD_")
                 and not name.endswith("_THREADS")}
        self.assertEqual(set(), extra)

    def test_limits_can_only_be_lowered(self):
        def lower():
            resource.setrlimit(resource.RLIMIT_NOFILE, (100, 200))
            resource.setrlimit(resource.RLIMIT_CORE, (0, 0))

        seen = self.audit(self.a, preexec_fn=lower)
        self.assertEqual([100, 200], seen["limits"]["RLIMIT_NOFILE"])
        self.assertEqual([0, 0], seen["limits"]["RLIMIT_CORE"])

    def test_limits_are_never_raised(self):
        hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
        with self.a.client() as client:
            job = client.submit([b"/bin/sh", b"-c", b"ulimit -Hn"], cwd=self.a.home.encode(), rlimits=[
                {"resource": resource.RLIMIT_NOFILE, "soft": hard * 2, "hard": hard * 2}])["first_id"]
            client.wait(job)
        said = self.a.jobctl("logs", job).out.strip()
        self.assertTrue(said.isdigit() and int(said) <= hard, said)

    def test_nice_is_never_negative(self):
        with self.a.client() as client:
            answer = client.submit([b"/usr/bin/nice"], cwd=self.a.home.encode(), nice=-10)
            if "first_id" in answer:
                client.wait(answer["first_id"])
                self.assertGreaterEqual(int(self.a.jobctl("logs", answer["first_id"]).out), 0)
            else:
                self.assertIn(answer["code"], ("ERROR_USAGE", "ERROR_DENIED"))

    def test_root_runs_no_jobs(self):
        result = self.jobctl("run", "id", status=125)
        self.assertIn("root", result.err)

    def test_folder_that_the_user_cannot_enter(self):
        self.assertIn("/root", self.a.jobctl("run", "--cwd", "/root", "true", status=125).err)

    def test_files_are_opened_as_the_user(self):
        secret = self.b.file("secret", "b's own\n")
        self.assertIn("secret", self.a.jobctl("run", "-i", secret, "cat", status=125).err)
        self.assertIn("secret", self.a.jobctl("run", "-o", secret, "echo", "x", status=125).err)
        link = os.path.join(self.a.home, "link")
        os.symlink("/etc/jobd-test-of-links", link)
        self.a.jobctl("run", "-o", link, "echo", "x", status=125)
        self.assertFalse(os.path.exists("/etc/jobd-test-of-links"))
        with open(secret, encoding="utf-8") as f:
            self.assertEqual("b's own\n", f.read())

    def test_files_are_the_users(self):
        self.a.jobctl("run", "-o", "out", "echo", "mine")
        entry = os.stat(os.path.join(self.a.home, "out"))
        self.assertEqual((self.a.uid, self.a.gid), (entry.st_uid, entry.st_gid))

    def test_a_user_who_is_gone(self):
        with self.c.client() as client:
            job = client.submit([b"/usr/bin/true"], cwd=b"/", hold=True)["first_id"]
            users.remove_user(self.c.name)
            try:
                client.ask("act", action="ACTION_RELEASE", selector={"ids": [{"first": job, "last": job}]})
                ended = client.wait(job)[job]
            finally:
                users.run("useradd", "--user-group", "--no-create-home", "--shell", "/bin/sh", "--uid", str(self.c.uid),
                          self.c.name)
        self.assertEqual("STATE_FAILED", ended["state"])
        self.assertIn("user", ended["why"])


class Programs(users.SystemCase):
    """What the three programs themselves are allowed."""

    def test_who_they_are(self):
        self.start()
        jobd = users.pwd.getpwnam("jobd")
        pool = self.daemon.pool_ready(2)
        status = self.status(self.daemon.pid)
        self.assertEqual([str(jobd.pw_uid)] * 4, status["Uid"].split())
        self.assertEqual([str(jobd.pw_gid)] * 4, status["Gid"].split())
        self.assertNotIn("0", status["Groups"].split())
        for name in ("CapInh", "CapPrm", "CapEff", "CapAmb"):
            self.assertEqual(0, int(status[name], 16), name)
        for pid in [pool["pid"], *(w["pid"] for w in pool["workers"])]:
            self.assertEqual(["0"] * 4, self.status(pid)["Uid"].split())

    def status(self, pid):
        with open(f"/proc/{pid}/status", encoding="utf-8") as f:
            return dict(line.rstrip("\n").split(":\t", 1) for line in f if ":\t" in line)

    def test_nobody_looks_into_them(self):
        """Not dumpable: their memory and descriptors are root's, whatever user they run as."""
        self.start()
        pool = self.daemon.pool_ready(2)
        for pid in [self.daemon.pid, pool["pid"], *(w["pid"] for w in pool["workers"])]:
            self.assertEqual(0, os.stat(f"/proc/{pid}/environ").st_uid)
            with self.a.identity():
                self.assertRaises(PermissionError, os.listdir, f"/proc/{pid}/fd")

    def test_folders(self):
        self.start()
        job = self.a.submit("seq", "1", "300000")
        self.a.jobctl("wait", job)
        jobd = users.pwd.getpwnam("jobd")
        spool = self.spool()
        entry = os.stat(spool)
        self.assertEqual((0, jobd.pw_gid, 0o2770), (entry.st_uid, entry.st_gid, entry.st_mode & 0o7777))
        files = [os.path.join(spool, name) for name in os.listdir(spool)]
        self.assertNotEqual([], files)
        for path in files:
            entry = os.stat(path)
            self.assertEqual((0, jobd.pw_gid, 0o640), (entry.st_uid, entry.st_gid, entry.st_mode & 0o7777), path)
        entry = os.stat(os.path.join(self.daemon.state, "state"))
        self.assertEqual((jobd.pw_uid, 0o700), (entry.st_uid, entry.st_mode & 0o777))
        self.assertEqual(300_000, len(self.a.jobctl("logs", job).out.splitlines()))

    def spool(self):
        with self.daemon.client() as client:
            found = [os.path.join(path, name) for path, folders, _ in os.walk(self.dir) for name in folders if name == "spool"]
            self.assertEqual(1, len(found), client.welcome)
        return found[0]

    def test_users_reach_only_the_socket(self):
        self.start()
        private = [os.path.join(path, "workers.sock") for path, _, names in os.walk(self.dir) if "workers.sock" in names]
        self.assertEqual(1, len(private))
        with self.a.identity():
            self.assertRaises(PermissionError, users.Client, private[0], hello=False)
        for user in (self.a, self.b, self.c):
            user.jobctl("ping")

    def test_jobs_survive_a_restart_of_jobd(self):
        self.start()
        gate, up = self.pipe("gate"), self.pipe("up")
        job = self.a.submit("sh", "-c", f'echo up >"{up.path}"; read x <"{gate.path}"; id -u; exit 4')
        up.line()
        self.daemon.kill()
        self.daemon.start(system=True)
        gate.send()
        self.a.jobctl("wait", job, status=4)
        self.assertEqual(f"{self.a.uid}\n", self.a.jobctl("logs", job).out)

    def test_a_job_cannot_kill_its_worker(self):
        self.start()
        self.assertEqual("no\n", self.a.jobctl("run", "sh", "-c", "kill -9 $PPID 2>/dev/null || echo no").out)


if __name__ == "__main__":
    users.main()

# SPDX-License-Identifier: Apache-2.0
"""System mode on a machine that is not ready for it: each refusal is a sentence that says what to do."""

import os
import pwd
import subprocess

import harness
import users

NO_RIGHT, NOT_CONFIGURED = 4, 6


class Refusals(users.SystemCase):
    def refuses(self, status, *words, **options):
        self.start(ready=False, **options)
        self.assertEqual(status, self.daemon.wait(), self.daemon.log_text())
        for word in words:
            self.assertIn(word, self.daemon.log_text())

    def with_passwd(self, entry):
        """A machine whose list of users has this entry for jobd, or none."""
        with open("/etc/passwd", encoding="utf-8") as f:
            lines = [line for line in f if not line.startswith("jobd:")]
        path = self.file("passwd", "".join(lines) + entry)
        return ("unshare", "--mount", "sh", "-c", 'mount --bind "$1" /etc/passwd && shift && exec "$@"', "sh", path)

    def test_no_user(self):
        self.refuses(NOT_CONFIGURED, 'there is no user "jobd" to run as', "systemd-sysusers", "useradd --system",
                     prefix=self.with_passwd(""))
        self.assertFalse(os.path.exists(self.daemon.state))

    def test_a_user_with_the_rights_of_root(self):
        self.refuses(NOT_CONFIGURED, "has the rights of root", "give it a uid and a gid of its own",
                     prefix=self.with_passwd("jobd:x:0:0::/:/bin/false\n"))

    def test_state_of_somebody_else(self):
        os.mkdir(self.daemon.state, 0o755)
        state = os.path.join(self.daemon.state, "state")
        os.mkdir(state, 0o700)
        os.chown(state, self.a.uid, self.a.gid)
        self.refuses(NO_RIGHT, f"{state} belongs to uid {self.a.uid}, not to uid {pwd.getpwnam('jobd').pw_uid}", "chown")

    def test_state_that_others_may_write(self):
        entry = pwd.getpwnam("jobd")
        os.mkdir(self.daemon.state, 0o755)
        state = os.path.join(self.daemon.state, "state")
        os.mkdir(state)
        os.chown(state, entry.pw_uid, entry.pw_gid)
        os.chmod(state, 0o770)
        self.refuses(NO_RIGHT, f"{state} can be written by others (mode 0770)", "chmod it to 0700")

    def test_folders_that_nobody_made(self):
        """As systemd starts it: the user jobd, in a place where root's folders are missing."""
        entry = pwd.getpwnam("jobd")
        empty = os.path.join(self.dir, "var")
        os.makedirs(os.path.join(empty, "lib/jobd"))
        os.makedirs(os.path.join(empty, "spool"))
        os.chown(os.path.join(empty, "lib/jobd"), entry.pw_uid, entry.pw_gid)
        os.chmod(os.path.join(empty, "lib/jobd"), 0o700)
        done = subprocess.run(
            ["unshare", "--mount", "sh", "-c",
             f'mount --bind "{empty}" /var && exec setpriv --reuid jobd --regid jobd --clear-groups "$@"', "sh",
             harness.program("jobd"), "--system", "--config", self.daemon.configure("")],
            env=self.env, stderr=-1, text=True, check=False, timeout=harness.DEADLINE)
        self.assertEqual(NO_RIGHT, done.returncode, done.stderr)
        self.assertIn("/var/spool/jobd", done.stderr)
        self.assertIn('"systemd-tmpfiles --create" makes what is missing', done.stderr)

    def test_a_second_one(self):
        self.start()
        second = harness.Daemon(self)
        second.log += "2"
        done = subprocess.run([harness.program("jobd"), "--system", "--state-dir", self.daemon.state, "--config",
                               self.daemon.configure()], env=self.env, stderr=-1, text=True, check=False,
                              timeout=harness.DEADLINE)
        self.assertEqual(1, done.returncode)
        self.assertIn("another jobd already runs on", done.stderr)
        self.assertIn("systemctl stop jobd", done.stderr)
        self.a.jobctl("ping")

    def test_a_reload_of_nonsense(self):
        """Who asks is told file and line; the old settings stay; root's reload is in the log, refused."""
        self.start(config="[Pool]\nCores=2\n")
        self.daemon.configure("[Pool]\nCores=2\n[Jobs]\nGrace=whenever\n")
        result = self.jobctl("reload", status=2)
        self.assertIn("jobd.conf:4", result.err)
        self.assertIn("Grace", result.err)
        self.assertRegex(self.daemon.log_text(), r"uid 0 \(process \d+\) asks to reload the configuration: refused, .*jobd.conf:4")
        self.assertIn("the old configuration stays", self.daemon.log_text())
        self.a.jobctl("wait", self.a.submit("true"))


if __name__ == "__main__":
    users.main()

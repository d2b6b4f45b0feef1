# SPDX-License-Identifier: Apache-2.0
"""Three real users of this machine, and a system daemon that serves them.

The users (and the user `jobd`, where it is missing) are made when the tests begin and removed when they
end. Needs root: without it the tests start themselves again through sudo, and where that is not possible
they are skipped, loudly, with status 77.
"""

import fcntl
import grp
import os
import pwd
import shutil
import subprocess
import sys

import harness
from client import Client  # noqa: F401 (for the tests)

NAMES = ("jobd-test-a", "jobd-test-b", "jobd-test-c")
GROUP = "jobd-test-group"  # a second group, of the first user only
MADE = []
# Where useradd is; sudo and the path of an ordinary user may leave it out.
os.environ["PATH"] = os.environ.get("PATH", "/usr/bin:/bin") + ":/usr/sbin:/sbin"


def need_root():
    """Returns as root, or never."""
    if os.geteuid() == 0:
        return
    keep = ["JOBD_BIN", "PYTHONPATH", "PATH", "JOBD_TEST_DEADLINE"]
    words = ["sudo", "-n", "env", *[f"{k}={os.environ[k]}" for k in keep if k in os.environ], sys.executable, "-B", *sys.argv]
    if shutil.which("sudo") and subprocess.run(["sudo", "-n", "true"], stderr=subprocess.DEVNULL, check=False).returncode == 0:
        os.execvp(words[0], words)
    print("SKIPPED: the system-mode tests need root, or sudo without a password", file=sys.stderr)
    sys.exit(77)


def run(*words):
    subprocess.run(words, check=True, stdout=subprocess.DEVNULL)


def exists(find, name):
    try:
        find(name)
        return True
    except KeyError:
        return False


def make_users():
    # One run at a time on this machine, since the names are fixed.
    lock = open("/run/lock/jobd-test-users" if os.path.isdir("/run/lock") else "/tmp/jobd-test-users", "w",
                encoding="utf-8")
    fcntl.flock(lock, fcntl.LOCK_EX)
    MADE.append(lock)
    if not exists(pwd.getpwnam, "jobd"):
        run("useradd", "--system", "--user-group", "--no-create-home", "--shell", "/usr/sbin/nologin", "jobd")
        MADE.append("jobd")
    if not exists(grp.getgrnam, GROUP):
        run("groupadd", GROUP)
    for name in NAMES:
        remove_user(name)
        run("useradd", "--user-group", "--no-create-home", "--shell", "/bin/sh", name)
    run("usermod", "--append", "--groups", GROUP, NAMES[0])


def remove_user(name):
    if exists(pwd.getpwnam, name):
        subprocess.run(["userdel", name], check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    if exists(grp.getgrnam, name):
        run("groupdel", name)


def remove_users():
    for name in NAMES:
        remove_user(name)
    run("groupdel", GROUP)
    lock, *made = MADE
    for name in made:
        remove_user(name)
    lock.close()


def main():
    """The tests of the file that calls it, with the users while they last."""
    need_root()
    make_users()
    try:
        harness.unittest.main(verbosity=2, exit=False).result.wasSuccessful() or sys.exit(1)
    finally:
        remove_users()


class User:
    def __init__(self, case, name):
        entry = pwd.getpwnam(name)
        self.case, self.name, self.uid, self.gid = case, name, entry.pw_uid, entry.pw_gid
        self.groups = os.getgrouplist(name, entry.pw_gid)
        self.home = os.path.join(case.dir, name)
        os.mkdir(self.home, 0o755)
        os.chown(self.home, self.uid, self.gid)

    def jobctl(self, *words, **options):
        environment = {"HOME": self.home, "USER": self.name, **options.pop("env", {})}
        # Supplementary ids above 32 bits and the like are the kernel's business, not ours.
        return self.case.jobctl(*words, env=environment, cwd=options.pop("cwd", self.home), user=self.uid, group=self.gid,
                                extra_groups=self.groups, **options)

    def submit(self, *words, **options):
        return int(self.jobctl("submit", *words, **options).out)

    def client(self, **options):
        """A raw client whose connection was made by this user."""
        with self.identity():
            return self.case.daemon.client(**options)

    def identity(self):
        return Identity(self)

    def file(self, name, text, mode=0o600):
        path = os.path.join(self.home, name)
        with open(path, "w", encoding="utf-8") as f:
            f.write(text)
        os.chown(path, self.uid, self.gid)
        os.chmod(path, mode)
        return path


class Identity:
    """This process as another user for a moment (effective ids and groups)."""

    def __init__(self, user):
        self.user = user

    def __enter__(self):
        self.groups = os.getgroups()
        os.setgroups(self.user.groups)
        os.setegid(self.user.gid)
        os.seteuid(self.user.uid)

    def __exit__(self, *_):
        os.seteuid(0)
        os.setegid(0)
        os.setgroups(self.groups)


class SystemCase(harness.Case):
    """A system-mode daemon, started by hand as root; it starts the pool and drops to `jobd`."""

    def setUp(self):
        super().setUp()
        self.a, self.b, self.c = (User(self, name) for name in NAMES)
        self.make_programs_reachable()

    def make_programs_reachable(self):
        """A checkout under /root cannot be entered by others: then they get copies."""
        reachable = subprocess.run([harness.program("jobctl"), "version"], user=self.a.uid, group=self.a.gid, extra_groups=[],
                                   env=self.env, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False)
        if reachable.returncode == 126 or not self.can_execute(harness.program("jobctl")):
            place = os.path.join(self.dir, "copy")
            shutil.copytree(harness.BIN, os.path.join(place, "bin"))
            libraries = os.path.join(os.path.dirname(harness.BIN), "lib")
            if os.path.isdir(libraries):
                shutil.copytree(libraries, os.path.join(place, "lib"), symlinks=True)
            self.env["LD_LIBRARY_PATH"] = os.path.join(place, "lib")
            harness.BIN = os.path.join(place, "bin")

    def can_execute(self, path):
        with self.a.identity():
            return os.access(path, os.X_OK, effective_ids=True)

    def start(self, *options, **words):
        return super().start(*options, system=True, **words)

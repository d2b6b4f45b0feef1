# SPDX-License-Identifier: Apache-2.0
"""Who may do what among users: the group of administrators, what others see, queues and shares by name."""


import harness
import users

ADMINS = f"[Daemon]\nAdminGroup={users.GROUP}\n"  # the first user is in that group


class Roles(users.SystemCase):
    def test_a_group_administers(self):
        self.start(config=ADMINS)
        job = self.b.submit("-J", "of-b", "--hold", "true")
        self.assertIn("of-b", self.a.jobctl("list", "--all-users").out)
        self.assertIn("of-b", self.a.jobctl("info", job).out)
        self.a.jobctl("release", job)
        self.b.jobctl("wait", job)
        other = self.b.submit("--hold", "true")
        self.a.jobctl("cancel", other)
        self.b.jobctl("wait", other, status=None)
        with self.b.client() as client:
            self.assertEqual("STATE_CANCELLED", client.jobs(other)[other]["state"])
        # Filters still mean one's own jobs, also an administrator's.
        mine = self.b.submit("--hold", "true")
        self.a.jobctl("cancel", "--yes", "all", status=None)
        with self.b.client() as client:
            self.assertEqual("STATE_QUEUED", client.jobs(mine)[mine]["state"])
        self.assertEqual(3, self.c.jobctl("cancel", mine, status=None).status)

    def test_what_they_do_is_logged(self):
        self.start(config=ADMINS)
        job, own = self.b.submit("--hold", "true"), self.a.submit("--hold", "true")
        many = [str(self.b.submit("--hold", "true")) for _ in range(5)]
        self.a.jobctl("cancel", job, own)
        self.a.jobctl("queue", "add", "night")
        self.a.jobctl("update", many[0], "--priority", "3")
        self.a.jobctl("release", *many)
        self.b.jobctl("wait", *many)
        self.a.jobctl("logs", many[0])
        self.b.jobctl("queue", "pause", "night", status=4)
        log = self.daemon.log_text()
        asks = rf"uid {self.a.uid} \(process \d+\) asks to "
        self.assertRegex(log, asks + rf"cancel job {job} of uid {self.b.uid}: done\n")
        self.assertNotRegex(log, rf"asks to cancel job {own} of uid")
        self.assertRegex(log, asks + r"add the queue night: done\n")
        self.assertRegex(log, asks + rf"change job {many[0]} of uid {self.b.uid}: done\n")
        # One line for a request, not for a job.
        self.assertRegex(log, asks + rf"release 5 jobs of another user \(the first is {many[0]} of uid {self.b.uid}\): 5 done, 0 refused\n")
        self.assertNotRegex(log, asks + r"release job")
        self.assertRegex(log, asks + rf"read the output of job {many[0]} of uid {self.b.uid}\n")
        self.assertRegex(log, rf"uid {self.b.uid} \(process \d+\) asks to pause the queue night: refused, queue is for root")

    def test_others_do_not(self):
        self.start()
        job = self.b.submit("-J", "of-b", "--hold", "true")
        for words in (("queue", "add", "x"), ("queue", "pause", "default"), ("queue", "set", "default", "--width", "1")):
            self.assertEqual(4, self.a.jobctl(*words, status=None).status)
        self.assertEqual(3, self.a.jobctl("cancel", job, status=None).status)
        self.a.jobctl("queue", "list")

    def test_a_reload_takes_the_role(self):
        self.start(config=ADMINS)
        with self.a.client() as client:
            def ask(action):
                return next(client.replies(client.send(queue={"action": action, "name": "default"})))
            self.assertIn("queue", ask("QUEUE_PAUSE"))
            self.daemon.configure("")
            self.jobctl("reload")
            self.assertEqual("ERROR_DENIED", ask("QUEUE_RESUME")["error"]["code"])


class Privacy(users.SystemCase):
    def test_counts_only(self):
        self.start()
        self.c.submit("-J", "secret-name", "--hold", "true")
        seen = self.b.jobctl("list", "--all-users").out
        self.assertNotIn("secret-name", seen)
        self.assertRegex(seen, rf"{self.c.name}.*1")

    def test_commands_too(self):
        self.start(config="[Daemon]\nPrivateJobs=no\n")
        job = self.c.submit("-J", "open-name", "--hold", "true")
        self.assertIn("open-name", self.b.jobctl("list", "--all-users").out)
        self.assertNotIn("open-name", self.b.jobctl("list").out)
        for words in (("cancel",), ("info",), ("logs",), ("hold",), ("retry",)):
            self.assertNotEqual(0, self.b.jobctl(*words, job, status=None).status)
        with self.c.client() as client:
            self.assertEqual("STATE_QUEUED", client.jobs(job)[job]["state"])


class Sharing(users.SystemCase):
    def test_a_queue_is_for_some(self):
        self.start()
        self.jobctl("queue", "add", "lab", "--users", f"{self.b.name},@{users.GROUP}")
        self.assertIn(f"{self.b.name},@{users.GROUP}", self.jobctl("queue").out)
        for user in (self.a, self.b):
            user.jobctl("wait", user.submit("-q", "lab", "true"))
        refused = self.c.jobctl("submit", "-q", "lab", "true", status=None)
        self.assertIn('you may not use the queue "lab"; there are: default, lab', refused.err)
        self.jobctl("submit", "-q", "lab", "true")
        self.assertIn('"may_use":false', self.c.jobctl("queue", "list", "lab", "--json").out)

    def test_caps_by_name_and_group(self):
        self.start(config=f'[Share "{users.NAMES[1]}"]\nMaxQueuedJobs=1\n[Share "@{users.GROUP}"]\nMaxQueuedJobs=2\n')
        for user, most in ((self.a, 2), (self.b, 1), (self.c, 4)):
            for _ in range(most):
                user.submit("--hold", "true")
        for user, most in ((self.a, 2), (self.b, 1)):
            self.assertIn(f"more than the {most} queued", user.jobctl("submit", "true", status=None).err)

    def test_a_cap_on_cores(self):
        self.start(workers=4, config=f'[Share "{users.NAMES[1]}"]\nMaxCores=1\n')
        refused = self.b.jobctl("submit", "-c", "2", "true", status=None)
        self.assertIn("you may have 1 at once", refused.err)
        gate, up = self.pipe("gate"), self.pipe("up")
        first = self.b.submit("sh", "-c", f'echo up >"{up.path}"; read x <"{gate.path}"')
        up.line()
        second = self.b.submit("true")
        self.c.jobctl("wait", self.c.submit("true"))
        with self.b.client() as client:
            self.assertEqual("STATE_QUEUED", client.jobs(second)[second]["state"])
        gate.send()
        self.b.jobctl("wait", first, second)


if __name__ == "__main__":
    users.main()

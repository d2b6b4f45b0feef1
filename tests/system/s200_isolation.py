# SPDX-License-Identifier: Apache-2.0
"""Users among themselves: nobody sees, stops, reads or crowds out anybody."""

import os

import harness
import users
from client import Closed


class Isolation(users.SystemCase):
    def setUp(self):
        super().setUp()
        self.start(workers=2)
        self.gate, self.up = self.pipe("gate"), self.pipe("up")
        self.secret = self.a.submit("-J", "secret-name", "sh", "-c", f'echo $$ >"{self.up.path}"; echo private; read x <"{self.gate.path}"')
        self.pid = int(self.up.line())

    def tearDown(self):
        self.gate.send()
        self.a.jobctl("wait", self.secret)
        self.assertEqual("private\n", self.a.jobctl("logs", self.secret).out)

    def test_lists_are_ones_own(self):
        for words in (("list",), ("list", "--json"), ("info", "all"), ("events",), ("list", "--all-users")):
            result = self.b.jobctl(*words, status=None)
            self.assertNotIn("secret-name", result.out + result.err, words)
        self.assertIn("secret-name", self.a.jobctl("list").out)

    def test_root_sees_everybody(self):
        self.assertIn("secret-name", self.jobctl("list", "--all-users").out)

    def test_anothers_id_answers_like_an_unknown_one(self):
        for words in (("info",), ("logs",), ("cancel",), ("pause",), ("resume",), ("hold",), ("release",), ("retry",),
                      ("kill", "-s", "KILL"), ("wait",), ("attach",), ("status",), ("purge", "--yes")):
            with self.subTest(words=words):
                other = self.b.jobctl(*words, self.secret, status=None)
                absent = self.b.jobctl(*words, 4711, status=None)
                self.assertEqual(words[0] == "purge", other.status == 0)
                self.assertEqual((absent.status, absent.out, absent.err.replace("4711", "ID")),
                                 (other.status, other.out, other.err.replace(str(self.secret), "ID")))
        self.assertTrue(harness.is_alive(self.pid))

    def test_nobody_waits_for_anothers_job(self):
        """Not even to learn that there is one; administrators may."""
        other = self.b.jobctl("submit", "-d", f"afterany:{self.secret}", "true", status=3)
        absent = self.b.jobctl("submit", "-d", "afterany:4711", "true", status=3)
        self.assertEqual(absent.err.replace("4711", "ID"), other.err.replace(str(self.secret), "ID"))
        self.assertEqual("", self.b.jobctl("list", "--ids").out)
        mine = int(self.a.jobctl("submit", "-d", f"after:{self.secret}", "true").out)
        self.a.jobctl("wait", mine)

    def test_the_same_on_the_wire(self):
        ids = {"ids": [{"first": self.secret, "last": self.secret}]}
        none = {"ids": [{"first": 4711, "last": 4711}]}
        with self.b.client() as client:
            for name, body in (("info", {}), ("act", {"action": "ACTION_CANCEL"}), ("wait", {})):
                answers = []
                for selector in (ids, none):
                    replies = list(client.replies(client.send(**{name: {**body, "selector": selector}})))
                    answers.append(str([{k: v for k, v in r.items() if k != "tag"} for r in replies])
                                   .replace("4711", "ID").replace(f" {self.secret}", " ID"))
                self.assertEqual(answers[1], answers[0])
            error = client.ask("follow", job=self.secret, offset=0, until_end=True, want_stdin=True)
            self.assertEqual("ERROR_NO_SUCH_JOB", error["code"])
            client.send(stdin_data={"job": self.secret, "offset": 0, "data": b"go\n"})
            self.assertEqual({}, client.ask("ping") if not client.waiting else {})

    def test_all_means_ones_own(self):
        self.b.jobctl("cancel", "--yes", "all", status=None)
        self.b.jobctl("purge")
        self.assertTrue(harness.is_alive(self.pid))
        mine = self.b.submit("--hold", "true")
        self.b.jobctl("cancel", "--yes", "all")
        with self.b.client() as client:
            self.assertEqual("STATE_CANCELLED", client.jobs(mine)[mine]["state"])
        self.assertTrue(harness.is_alive(self.pid))

    def test_keys_and_unique_names_are_per_user(self):
        key = users.os.urandom(16)
        with self.a.client() as one, self.b.client() as other:
            first = one.submit([b"/usr/bin/true"], key=key, cwd=b"/", unique="nightly", hold=True)
            second = other.submit([b"/usr/bin/true"], key=key, cwd=b"/", unique="nightly", hold=True)
            self.assertNotEqual(first["first_id"], second["first_id"])
            self.assertFalse(second.get("existing", False))

    def test_the_service_is_administrators_business(self):
        for words in (("shutdown",), ("shutdown", "--now"), ("drain",), ("pool", "resize", "7"), ("reload",)):
            with self.subTest(words=words):
                self.assertEqual(4, self.b.jobctl(*words, status=None).status)
        self.jobctl("ping")

    def test_environment_and_arguments_stay_private(self):
        """Nobody else reads a job's environment, and no helper carries its words."""
        with self.b.identity():
            self.assertRaises(PermissionError, open, f"/proc/{self.pid}/environ", "rb")
        for pid in os.listdir("/proc"):
            if pid.isdigit():
                try:
                    with open(f"/proc/{pid}/cmdline", "rb") as f:
                        words = f.read()
                except OSError:
                    continue
                if b"jobd" in words.split(b"\0")[0]:
                    self.assertNotIn(b"secret-name", words)

    def test_connections_of_one_do_not_shut_out_another(self):
        clients = []
        try:
            while len(clients) < 600:
                client = self.b.client(hello=False)
                clients.append(client)
                try:
                    if "version" not in client.hello():
                        break
                except (Closed, ConnectionError):
                    break
            self.assertGreater(len(clients), 100)
            self.assertLess(len(clients), 600)
            self.c.jobctl("ping")
            self.assertEqual("1\n", self.c.jobctl("run", "echo", "1").out)
        finally:
            for client in clients:
                client.close()

    def test_a_full_queue_of_one_is_not_anothers(self):
        self.daemon.stop()
        self.daemon.start(system=True, workers=2, config="[Limits]\nQueuedJobsPerUser=5\n")
        with self.b.client() as client:
            codes = [client.submit([b"/usr/bin/true"], cwd=b"/", hold=True).get("code") for _ in range(7)]
            self.assertIn(codes[-1], ("ERROR_BUSY", "ERROR_FULL"))
        self.c.jobctl("run", "true")


if __name__ == "__main__":
    users.main()

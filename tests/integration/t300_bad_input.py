# SPDX-License-Identifier: Apache-2.0
"""What people get wrong: each a sentence with the cause and the remedy, and nothing is lost."""

import os
import resource
import socket

import harness
from client import new_key


class Words(harness.Case):
    def test_unknown_command(self):
        for wrong, right in (("sumbit", "submit"), ("lits", "list"), ("cancle", "cancel")):
            self.assertSays(self.jobctl(wrong, status=2), wrong, "did you mean", right)

    def test_unknown_option(self):
        self.assertSays(self.jobctl("submit", "--nmae", "x", "true", status=2), "--nmae", "did you mean", "--name")
        self.assertSays(self.jobctl("list", "--josn", status=2), "--josn", "--json")

    def test_no_command_at_all(self):
        self.assertSays(self.jobctl(status=2), "jobctl")

    def test_bad_values(self):
        for words, said in (
                (("-t", "soon"), "soon"), (("-t", "36601d"), "longer than 100 years"), (("--retries", "-1"), "-1"), (("--nice", "lots"), "lots"),
                (("--env", "=x"), "=x"), (("--begin", "yesterdayish"), "yesterdayish"), (("-t", "9", "--signal", "NOPE@1s"), "NOPE"),
                (("--label", "noequals"), "noequals"), (("--retry-on", "300"), "300")):
            with self.subTest(words=words):
                self.assertSays(self.jobctl("submit", *words, "true", status=2), said)

    def test_bad_ids(self):
        self.start()
        for word in ("x", "0", "1-", "5-3", "1..2", "-1", "99999999999999999999999"):
            with self.subTest(word=word):
                self.assertSays(self.jobctl("cancel", "--", word, status=2), word)

    def test_an_option_without_its_value(self):
        self.assertSays(self.jobctl("submit", "--name", status=2), "--name")

    def test_no_daemon(self):
        self.env["JOBCTL_SOCKET"] = os.path.join(self.dir, "nobody.sock")
        self.assertSays(self.jobctl("list", status=69), "nobody.sock")
        self.assertSays(self.jobctl("run", "true", status=125), "nobody.sock")

    def test_ping_version_and_shutdown_start_nothing(self):
        state = os.path.join(self.dir, "none")
        self.jobctl("--state-dir", state, "ping", status=69)
        self.jobctl("--state-dir", state, "shutdown", status=69)
        self.jobctl("--state-dir", state, "version", status=None)
        self.assertFalse(os.path.exists(os.path.join(state, "run", "jobd.sock")))


class Ids(harness.Case):
    def test_unknown(self):
        self.start()
        for command in ("info", "cancel", "pause", "resume", "hold", "release", "retry"):
            with self.subTest(command=command):
                self.assertSays(self.jobctl(command, 17, status=3), "17")
        self.assertSays(self.jobctl("kill", "-s", "TERM", 17, status=3), "17")
        self.assertSays(self.jobctl("logs", 17, status=3), "17")
        for command in ("wait", "attach"):
            self.assertSays(self.jobctl(command, 17, status=125), "17")

    def test_the_known_ones_are_still_done(self):
        self.start()
        job = self.submit("--hold", "true")
        self.jobctl("cancel", job, 17, status=3)
        self.assertEqual("cancelled", self.state(job))


class Programs(harness.Case):
    def setUp(self):
        super().setUp()
        self.start()

    def bad(self, status, *words, said=()):
        result = self.jobctl("run", *words, status=status)
        self.assertSays(result, *said)
        return result

    def test_not_found(self):
        self.bad(127, "no-such-program-here", said=("no-such-program-here",))
        self.bad(127, os.path.join(self.work, "absent"), said=("absent",))
        job = self.submit("no-such-program-here")
        self.jobctl("wait", job, status=127)
        self.assertIn("no-such-program-here", self.jobctl("info", job).out)

    def test_not_executable(self):
        self.bad(126, self.file("plain", "#!/bin/sh\n", 0o644), said=("plain",))
        self.bad(126, self.work)

    def test_missing_interpreter(self):
        path = self.file("script", "#!/no/such/interpreter\n", 0o755)
        result = self.jobctl("run", path, status=None)
        self.assertIn(result.status, (126, 127))
        self.assertIn("interpreter", result.err)

    def test_a_script_without_a_first_line(self):
        path = self.file("script", "echo hello\n", 0o755)
        result = self.jobctl("run", path, status=None)
        self.assertIn(result.status, (0, 126), repr(result))

    def test_empty_argv(self):
        self.assertSays(self.jobctl("submit", status=2), "command")
        self.assertSays(self.jobctl("run", "--", status=None), "command")
        with self.daemon.client() as client:
            self.assertEqual("ERROR_USAGE", client.submit([])["code"])
            self.assertEqual("ERROR_USAGE", client.submit([b""])["code"])

    def test_argument_too_long(self):
        with self.daemon.client() as client:
            error = client.submit([b"true", b"x" * (128 * 1024)])
            self.assertEqual("ERROR_USAGE", error["code"])
            self.assertIn("131,071", error["message"])
            ended = client.wait(client.submit([b"true", b"x" * (128 * 1024 - 1)])["first_id"])
            self.assertEqual("STATE_SUCCEEDED", ended[1]["state"])

    def test_too_many_arguments(self):
        with self.daemon.client() as client:
            self.assertEqual("ERROR_USAGE", client.submit([b"true"] * 5000)["code"])

    def test_environment_too_large(self):
        with self.daemon.client() as client:
            error = client.submit([b"true"], environment=[b"V%d=" % n + b"x" * 100_000 for n in range(12)])
            self.assertEqual("ERROR_USAGE", error["code"])
            self.assertIn("Environment", error["message"])
        self.assertSays(self.jobctl("submit", "true", env={f"V{n}": "x" * 100_000 for n in range(12)}, status=None),
                        "environment")

    def test_embedded_nul(self):
        with self.daemon.client() as client:
            for spec in ({"argv": [b"tr\0ue"]}, {"argv": [b"true"], "cwd": b"/tmp\0x"}, {"argv": [b"true"], "output_path": b"a\0b"}):
                error = client.ask("submit", key=new_key(), jobs=[{"spec": spec}])
                self.assertEqual("ERROR_USAGE", error.get("code"), error)
            self.assertEqual("ERROR_USAGE", client.submit([b"true"], environment=[b"A=b\0c"])["code"])

    def test_other_bad_submissions(self):
        with self.daemon.client() as client:
            for body in (
                    {"key": b"short", "jobs": [{"spec": {"argv": [b"true"]}}]},
                    {"key": new_key(), "jobs": []},
                    {"key": new_key(), "jobs": [{"spec": {"argv": [b"true"]}, "environment": 5}]},
                    {"key": new_key(), "jobs": [{"spec": {"argv": [b"true"], "name": b"\xff\xfe"}}]},
                    {"key": new_key(), "jobs": [{"spec": {"argv": [b"true"], "nice": 4000}}]},
                    {"key": new_key(), "jobs": [{"spec": {"argv": [b"true"], "warn_signal": 4000}}]},
                    {"key": new_key(), "jobs": [{"spec": {"argv": [b"true"], "umask": 0o7777777}}]},
                    {"key": new_key(), "environments": [{"entries": [b"novalue"]}],
                     "jobs": [{"spec": {"argv": [b"true"]}, "environment": 0}]}):
                with self.subTest(body=body):
                    self.assertEqual("ERROR_USAGE", client.ask("submit", **body).get("code"))
            self.assertEqual({}, client.jobs())

    def test_bad_enums_and_counts(self):
        with self.daemon.client() as client:
            job = client.submit([b"true"])["first_id"]
            client.wait(job)
            ids = {"ids": [{"first": job, "last": job}]}
            self.assertEqual("ERROR_USAGE", client.ask("act", action=99, selector=ids).get("code"))
            self.assertEqual("ERROR_USAGE", client.ask("act", action="ACTION_KILL", selector=ids, signal=4000).get("code"))
            self.assertEqual("ERROR_USAGE", client.ask("act", action="ACTION_CANCEL", selector={}).get("code"))
            backwards = {"ids": [{"first": 5, "last": 1}]}
            self.assertEqual("ERROR_USAGE", client.ask("act", action="ACTION_CANCEL", selector=backwards).get("code"))
            self.assertEqual("ERROR_USAGE", client.ask("pool", resize=0).get("code"))
            self.assertEqual("ERROR_USAGE", client.ask("pool", resize=4_000_000).get("code"))

    def test_a_range_of_all_ids_costs_nothing(self):
        with self.daemon.client() as client:
            everything = {"ids": [{"first": 1, "last": (1 << 64) - 1}]}
            for reply in client.replies(client.send(info={"selector": everything})):
                self.assertTrue("error" in reply or "job_page" in reply or "done" in reply, reply)
            self.assertEqual({}, client.ask("ping"))


class Places(harness.Case):
    def setUp(self):
        super().setUp()
        self.start()

    def fails(self, *options, said):
        """The job ends as 125 with a reason; nothing of it ran."""
        trace = os.path.join(self.dir, "ran")
        result = self.jobctl("run", *options, "touch", trace, status=125)
        for word in said:
            self.assertIn(word, result.err)
        self.assertFalse(os.path.exists(trace))

    def test_cwd_missing(self):
        self.fails("--cwd", os.path.join(self.work, "absent"), said=("absent",))

    def test_cwd_is_a_file(self):
        self.fails("--cwd", self.file("plain"), said=("plain",))

    def test_cwd_deleted_before_the_start(self):
        place = os.path.join(self.work, "deleted")
        os.mkdir(place)
        job = self.submit("--hold", "--cwd", place, "true")
        os.rmdir(place)
        self.jobctl("release", job)
        self.jobctl("wait", job, status=125)
        self.assertIn("deleted", self.jobctl("info", job).out)

    def test_submitted_from_a_deleted_folder(self):
        place = os.path.join(self.work, "deleted")
        script = f'mkdir "{place}" && cd "{place}" && rmdir "{place}" && exec "{harness.program("jobctl")}" submit true'
        run = harness.subprocess.run(["sh", "-c", script], env=self.env, stdout=-1, stderr=-1, check=False)
        self.assertNotEqual(0, run.returncode)
        self.assertIn(b"folder", run.stderr.lower() + b" " + run.stderr.lower().replace(b"directory", b"folder"))

    def test_output_is_a_fifo(self):
        os.mkfifo(os.path.join(self.work, "fifo"))
        self.fails("-o", "fifo", said=("fifo",))
        self.fails("-i", "fifo", said=("fifo",))

    def test_output_is_a_folder(self):
        self.fails("-o", self.work, said=("work",))

    def test_output_is_a_device(self):
        self.fails("-o", "/dev/full", said=("/dev/full",))

    def test_output_into_nowhere(self):
        self.fails("-o", "no/such/folder/out", said=("no/such/folder/out",))

    def test_input_missing(self):
        self.fails("-i", "absent", said=("absent",))


@harness.unittest.skipUnless(os.geteuid() == 0, "needs root, to be somebody else")
class AsSomebody(harness.Case):
    """The same without the powers of root, which can read and write everything."""

    def setUp(self):
        super().setUp()
        for folder in (self.dir, self.work, os.path.join(self.dir, "xdg")):
            os.chown(folder, harness.NOBODY, harness.NOBODY)
        self.start(user=harness.NOBODY)

    def jobctl(self, *words, **options):
        return super().jobctl(*words, user=harness.NOBODY, group=harness.NOBODY, extra_groups=[], **options)

    def test_cwd_unreadable(self):
        place = os.path.join(self.work, "closed")
        os.mkdir(place, 0o700)
        self.assertIn("closed", self.jobctl("run", "--cwd", place, "true", status=125).err)

    def test_output_is_somebody_elses(self):
        path = self.file("roots", "precious\n", 0o644)
        self.assertIn("roots", self.jobctl("run", "-o", path, "echo", "overwritten", status=125).err)
        self.assertEqual("precious\n", self.read("roots"))

    def test_input_is_somebody_elses(self):
        path = self.file("roots", "secret\n", 0o600)
        result = self.jobctl("run", "-i", path, "cat", status=125)
        self.assertIn("roots", result.err)
        self.assertEqual("", result.out)

    def test_process_limit_is_named(self):
        def lower():
            resource.setrlimit(resource.RLIMIT_NPROC, (1, 1))

        result = self.jobctl("run", "sh", "-c", "true & wait", preexec_fn=lower, status=None)
        self.assertNotEqual("", result.err + str(result.status))

    def test_a_socket_of_somebody_else_is_not_trusted(self):
        path = os.path.join(self.dir, "squatted.sock")
        with socket.socket(socket.AF_UNIX) as squatter:
            squatter.bind(path)
            os.chmod(path, 0o666)
            os.setegid(1)
            os.seteuid(1)
            try:
                squatter.listen(5)
            finally:
                os.seteuid(0)
                os.setegid(0)
            self.env["JOBCTL_SOCKET"] = path
            self.assertSays(self.jobctl("list", status=4), "squatted.sock", "user 1")


if __name__ == "__main__":
    harness.main()

# SPDX-License-Identifier: Apache-2.0
"""wait, list, info, status, logs, attach, events, purge: what one can ask afterwards and meanwhile."""

import json
import os
import socket
import threading

import harness


class Wait(harness.Case):
    def test_several_count_the_failed(self):
        self.start()
        jobs = [self.submit("sh", "-c", f"exit {n % 2}") for n in range(5)]
        self.jobctl("wait", *jobs, status=2)

    def test_ranges_last_and_all(self):
        self.start()
        for n in range(4):
            self.submit("sh", "-c", f"exit {n}")
        self.jobctl("wait", "1-3,4", status=3)
        self.jobctl("wait", "last", status=3)
        self.jobctl("wait", "all", status=3)

    def test_any(self):
        self.start()
        slow, _, gate = self.submit_blocked()
        quick = self.submit("true")
        self.jobctl("wait", "--any", slow, quick)
        self.assert_runs(slow)
        gate.send()

    def test_timeout(self):
        self.start()
        job, _, gate = self.submit_blocked()
        self.jobctl("wait", "--timeout", "100ms", job, status=124)
        gate.send()
        self.jobctl("wait", "--timeout", "60", job)

    def test_before_and_after_the_end(self):
        self.start()
        job, _, gate = self.submit_blocked()
        waiting = [self.jobctl_start("wait", job) for _ in range(5)]
        gate.send()
        for process in waiting:
            self.end(process)
        self.jobctl("wait", job)

    def test_a_hundred_and_one_for_more(self):
        self.start(workers=4)
        with self.daemon.client() as client:
            client.submit(*[[b"false"]] * 120)
        self.jobctl("wait", "1-120", status=101)


class Look(harness.Case):
    def test_list_shows_active_ones_first(self):
        self.start()
        done = self.submit("-J", "finished-one", "true")
        self.jobctl("wait", done)
        running, _, gate = self.submit_blocked("gate", "-J", "running-one")
        out = self.jobctl("list").out
        self.assertLess(out.index("running-one"), out.index("finished-one"))
        gate.send()
        self.jobctl("wait", running)
        self.assertEqual(self.jobctl("list").out, self.jobctl("ls").out)

    def test_list_filters(self):
        self.start()
        good, bad = self.submit("-J", "good", "true"), self.submit("-J", "bad", "false")
        self.jobctl("wait", good, bad, status=1)
        self.assertNotIn("good", self.jobctl("list", "--state", "failed").out)
        self.assertIn("bad", self.jobctl("list", "--state", "failed").out)
        self.assertNotIn("bad", self.jobctl("list", "--name", "good").out)
        self.assertEqual(1, len(self.jobctl("list", "-n", "1", "--json").json_lines))

    def test_what_is_shown_as_held_or_waiting_is_found_so(self):
        """Other queued jobs are not, so that nobody ends or changes what he did not mean."""
        self.start(workers=1, config="[Pool]\nCores=2\n")
        busy, _, gate = self.submit_blocked()
        next_one = self.submit("true")  # nothing keeps it but that there is one worker
        held = self.submit("--hold", "true")
        both = self.submit("--hold", "--begin", "now+1h", "true")
        later = self.submit("--begin", "now+1h", "true")
        after = self.submit("-d", f"afterok:{held}", "true")
        for states, found in (("held", {held, both}), ("waiting", {later, after}), ("held,waiting", {held, both, later, after}),
                              ("queued", {next_one, held, both, later, after}),
                              ("queued,held", {next_one, held, both, later, after}), ("held,failed", {held, both}),
                              ("running,waiting", {busy, later, after}), ("running", {busy})):
            with self.subTest(states=states):
                self.assertEqual(found, set(map(int, self.jobctl("list", "--ids", "--state", states).out.split())))
        self.jobctl("update", "--state", "waiting", "--yes", "--priority", "7")
        self.assertEqual([None, None, 7, 7],
                         [self.jobctl("info", "--json", job).json.get("priority") for job in (held, both, later, after)])
        self.jobctl("cancel", "--state", "held", "--name", "other", status=3)
        self.jobctl("cancel", "--state", "held", "--yes")
        self.assertEqual(["cancelled", "cancelled", "queued"], [self.state(job) for job in (held, both, later)])
        with self.daemon.client() as client:
            self.assertEqual({}, client.ask("act", action="ACTION_CANCEL", selector={"held": True}))
            done = client.ask("act", action="ACTION_CANCEL", selector={"waiting": True})
            self.assertEqual([later], [one["id"] for one in done["results"]])
        gate.send()
        self.jobctl("wait", busy, next_one)

    def test_list_json_is_one_object_a_line(self):
        self.start()
        job = self.submit("-J", "n", "sh", "-c", "exit 3")
        self.jobctl("wait", job, status=3)
        row = self.jobctl("list", "--json").json_lines[0]
        self.assertEqual((job, "failed", "n"), (row["id"], row["state"], row["name"]))
        self.assertEqual(["sh", "-c", "exit 3"], row["argv"])

    def test_list_escapes_what_a_terminal_would_obey(self):
        self.start()
        job = self.submit("-J", "evil\x1b[2Jname", "true", "\x1b]0;title\x07", "\u202eabc", status=None)
        self.jobctl("wait", job)
        for words in (("list",), ("info", job), ("status", job)):
            out = self.jobctl(*words).raw
            self.assertNotIn(b"\x1b", out)
            self.assertNotIn(b"\x07", out)
            self.assertNotIn("\u202e".encode(), out)

    def test_long_lists_are_whole(self):
        self.start(workers=4)
        with self.daemon.client() as client:
            for _ in range(3):
                client.submit(*[[b"true"]] * 700)
            client.wait(*range(1, 2101))
        ids = [row["id"] for row in self.jobctl("list", "-n", "5000", "--json").json_lines]
        self.assertEqual(sorted(range(1, 2101)), sorted(ids))

    def test_info(self):
        self.start()
        job = self.submit("-J", "n", "sh", "-c", "exit 3")
        self.jobctl("wait", job, status=3)
        out = self.jobctl("info", job).out
        for word in ("exit 3", "failed", "n"):
            self.assertIn(word, out)
        row = self.jobctl("info", "--json", job).json_lines[0]
        self.assertEqual(job, row["id"])
        self.assertNotIn("containment", row)

    def test_info_says_what_holds_jobs(self):
        self.start()
        self.daemon.pool_ready(2)
        job = self.submit("--hold", "true")
        held_by = json.loads(self.jobctl("status", "--json").out)["containment"]
        self.assertIn(held_by, self.jobctl("info", job).out)
        self.assertEqual(held_by, self.jobctl("info", "--json", job).json_lines[0]["containment"])

    def test_status_of_the_daemon(self):
        self.start()
        self.daemon.pool_ready(2)
        out = self.jobctl("status").out
        self.assertIn("Workers", out)
        state = json.loads(self.jobctl("status", "--json").out)
        self.assertEqual(self.daemon.pid, state["pid"])
        with self.daemon.client() as client:
            self.assertRegex(client.ask("status")["containment"], "cgroup v2|process groups")

    def test_status_of_jobs(self):
        self.start()
        job = self.submit("false")
        self.jobctl("wait", job, status=1)
        self.assertIn("failed", self.jobctl("status", job).out)

    def test_ping_version_config(self):
        self.start()
        self.jobctl("ping")
        self.assertRegex(self.jobctl("version").out, r"\d+\.\d+\.\d+")
        out = self.jobctl("config").out
        self.assertIn("Workers", out)
        self.assertIn("command line", self.jobctl("config", "--origin").out)

    def test_ping_asks_once(self):
        """Others are patient with a daemon that goes away just now: it may come back. To ping it is none."""
        path, calls = os.path.join(self.dir, "leaving.sock"), []

        def leave(listener):
            while True:
                try:
                    listener.accept()[0].close()
                except OSError:
                    return
                calls.append(1)
        with socket.create_server(path, family=socket.AF_UNIX) as listener:
            thread = threading.Thread(target=leave, args=[listener])
            thread.start()
            self.jobctl("--socket", path, "ping", status=69)
            listener.shutdown(socket.SHUT_RDWR)
            thread.join()
        self.assertEqual([1], calls)

    def test_help_leads_with_examples(self):
        out = self.jobctl("help").out
        self.assertIn("jobctl submit", out)
        for command in ("submit", "run", "list", "logs", "wait", "cancel"):
            shown = self.jobctl("help", command).out
            self.assertIn("jobctl " + command, shown)
            self.assertEqual(shown, self.jobctl(command, "--help").out)


class Logs(harness.Case):
    def test_follow(self):
        self.start()
        gate = self.pipe("gate")
        job = self.submit("sh", "-c", f'echo one; read x <"{gate.path}"; echo two')
        logs = self.jobctl_start("logs", "-f", job)
        lines = self.lines(logs)
        self.assertEqual("one", lines.next())
        gate.send()
        self.assertEqual("two", lines.next())
        self.end(logs)

    def test_of_a_running_job(self):
        self.start()
        gate, up = self.pipe("gate"), self.pipe("up")
        job = self.submit("sh", "-c", f'echo one; echo up >"{up.path}"; read x <"{gate.path}"')
        up.line()
        self.assertEqual("one\n", self.jobctl("logs", job).out)
        gate.send()

    def test_tail(self):
        self.start()
        job = self.submit("seq", "1", "1000")
        self.jobctl("wait", job)
        self.assertEqual("998\n999\n1000\n", self.jobctl("logs", "--tail", "3", job).out)

    def test_timestamps(self):
        self.start()
        job = self.submit("echo", "hello")
        self.jobctl("wait", job)
        self.assertRegex(self.jobctl("logs", "--timestamps", job).out, r"^\d{4}-\d\d-\d\dT\S+Z? .*hello\n$")

    def test_large_output_survives_everything(self):
        self.start()
        job = self.submit("seq", "1", "300000")
        self.jobctl("wait", job)
        wanted = "".join(f"{n}\n" for n in range(1, 300001))
        self.assertEqual(wanted, self.jobctl("logs", job).out)
        self.daemon.kill()
        self.daemon.start()
        self.assertEqual(wanted, self.jobctl("logs", job).out)

    def test_small_output_survives_a_restart(self):
        self.start()
        job = self.submit("echo", "small")
        self.jobctl("wait", job)
        self.daemon.kill()
        self.daemon.start()
        self.assertEqual("small\n", self.jobctl("logs", job).out)

    def test_the_cap_leaves_a_mark(self):
        self.start(config="[Output]\nCap=100K\n")
        job = self.submit("seq", "1", "100000")
        self.jobctl("wait", job)
        logs = self.jobctl("logs", job)
        self.assertLess(len(logs.out), 120 * 1024)
        self.assertTrue(logs.out.startswith("1\n2\n3\n"))
        self.assertIn("cut", logs.out[-200:] + logs.err)

    def test_to_a_closed_pipe(self):
        self.start()
        job = self.submit("seq", "1", "300000")
        self.jobctl("wait", job)
        logs = self.jobctl_start("logs", job)
        self.lines(logs).next()
        logs.stdout.close()
        logs.stdout = None
        logs.wait(harness.DEADLINE)


class Attach(harness.Case):
    def test_follows_to_the_end(self):
        self.start()
        gate = self.pipe("gate")
        job = self.submit("sh", "-c", f'echo one; read x <"{gate.path}"; echo two; exit 4')
        attach = self.jobctl_start("attach", job)
        lines = self.lines(attach)
        self.assertEqual("one", lines.next())
        gate.send()
        self.assertEqual("two", lines.next())
        self.end(attach, status=4)

    def test_leaving_leaves_it_running(self):
        self.start()
        gate = self.pipe("gate")
        job = self.submit("sh", "-c", f'echo one; read x <"{gate.path}"; exit 4')
        attach = self.jobctl_start("attach", job)
        self.lines(attach).next()
        attach.send_signal(2)
        attach.wait(harness.DEADLINE)
        self.assert_runs(job)
        gate.send()
        self.jobctl("wait", job, status=4)


class Events(harness.Case):
    def test_history_and_live(self):
        self.start()
        first = self.submit("true")
        self.jobctl("wait", first)
        follow = self.jobctl_start("events", "-f")
        lines = self.lines(follow)
        self.assertRegex(lines.next(), rf"  {first} +submitted")
        second = self.submit("false")
        self.jobctl("wait", second, status=1)
        seen = []
        while not seen or "failed" not in seen[-1]:
            seen.append(lines.next())
        self.assertRegex("\n".join(seen), rf"  {second} +submitted(.|\n)*  {second} +failed.*$")
        history = self.jobctl("events").out
        self.assertIn("submitted", history)
        follow.terminate()
        follow.wait(harness.DEADLINE)


class Purge(harness.Case):
    def test_only_finished_ones(self):
        self.start()
        done = self.submit("echo", "gone")
        self.jobctl("wait", done)
        running, _, gate = self.submit_blocked()
        self.jobctl("purge")
        self.jobctl("info", done, status=3)
        self.assert_runs(running)
        gate.send()
        self.jobctl("wait", running)

    def test_keep_and_age(self):
        self.start()
        for _ in range(5):
            self.jobctl("wait", self.submit("true"))
        self.jobctl("purge", "--older-than", "1h")
        self.assertEqual(5, len(self.jobctl("list", "--json").json_lines))
        self.jobctl("purge", "--keep", "2")
        self.assertEqual([5, 4], [row["id"] for row in self.jobctl("list", "--json").json_lines])

    def test_ids_are_never_used_again(self):
        self.start()
        self.jobctl("wait", self.submit("true"))
        self.jobctl("purge")
        self.daemon.kill()
        self.daemon.start()
        self.assertEqual(2, self.submit("true"))


if __name__ == "__main__":
    harness.main()

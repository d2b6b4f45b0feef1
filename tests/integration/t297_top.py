# SPDX-License-Identifier: Apache-2.0
"""`jobctl top` in a real terminal: what it shows, its keys, and that it always gives the terminal back."""

import json
import os
import re
import select
import shlex
import signal
import sys
import time
import unittest

import harness
from terminal import Terminal, TerminalCase

NASTY = "\x1b[2Jbad\nname \x07 \u202e"
KEYS = "q quit   j k move   c cancel   p pause   l logs   / filter   ? help"
# What the kernel says of a process in poll(fds, n, -1).
POLL_FOR_EVER = re.compile(r"^7 0x[0-9a-f]+ 0x[0-9a-f]+ 0xf{8,16} ")


def asked(case):
    """How many lists the daemon was asked for."""
    families = case.jobctl("metrics").out
    return sum(int(count) for count in re.findall(r'^jobd_requests_total\{[^}]*"list"[^}]*\} (\d+)', families, re.M))


class Once(harness.Case):
    """Off a terminal, and as JSON: one picture."""

    def test_plain(self):
        self.start(workers=3).pool_ready(3)
        job, _, gate = self.submit_blocked("gate", "-J", "runner")
        held = self.submit("--hold", "-J", NASTY, "echo", "a\tb")
        done = self.submit("sh", "-c", "exit 3")
        self.jobctl("wait", done, status=None)
        out = self.jobctl("top").out
        lines = out.splitlines()
        self.assertRegex(lines[0], r"^jobd \S+, user mode, up \S+; as of \d\d:\d\d:\d\d$")
        self.assertRegex(lines[1], r"^Workers 1 of 3 busy   Cores 1 of \d+   Queued 1   Running 1   Finished 1$")
        self.assertRegex(lines[2] + lines[3], r"^ID +NAME +STATE +TIME +QUEUE +COMMAND$")
        self.assertRegex(lines[4], rf"^ *{job} +runner +running +\S+ +default +sh -c ")
        self.assertRegex(lines[5], rf"^ *{held} +\\x1b\[2Jbad\\nname \\x07 \\u\{{202E\}} +held +default ")
        self.assertRegex(lines[6], rf"^ *{done} +failed +\S+ +default +sh -c 'exit 3'$")
        self.assertEqual(7, len(lines), out)
        self.assertNotRegex(out, r"[\x00-\x09\x0b-\x1f\x7f\u202e]")
        self.assertEqual(5, len(self.jobctl("top", "-n", 1).out.splitlines()))
        gate.send()

    def test_queues_and_shares(self):
        self.start()
        self.jobctl("queue", "add", "night")
        self.submit("-q", "night", "--hold", "true")
        out = self.jobctl("top").out
        self.assertRegex(out, r"(?m)^QUEUE +JOBS +RUNNING +QUEUED +CORES +CORE-TIME +SHARE$")
        self.assertRegex(out, r"(?m)^night +1 +0 +1 +0 ")
        self.assertNotIn("USER", out)

    def test_what_has_ended_is_asked_for_when_there_is_room(self):
        self.start()
        self.jobctl("wait", self.submit("true"))
        self.submit("--hold", "true")
        before = asked(self)
        self.assertEqual(["held"], re.findall(r"held|succeeded", self.jobctl("top", "-n", 1).out))
        self.assertEqual(2, asked(self) - before)
        self.assertEqual(["held", "succeeded"], re.findall(r"held|succeeded", self.jobctl("top", "-n", 2).out))
        self.assertEqual(5, asked(self) - before)

    def test_json(self):
        self.start()
        job, held = self.submit("true"), None
        self.jobctl("wait", job)
        held = self.submit("--hold", "-J", NASTY, "true")
        top = self.jobctl("top", "--json").json
        self.assertEqual({"status", "queues", "users", "cores", "cores_leased", "jobs"}, set(top))
        self.assertEqual([{"uid": os.getuid(), "weight": 1.0, "running": 0, "queued": 1, "cores": 0}],
                         [{name: user[name] for name in ("uid", "weight", "running", "queued", "cores")} for user in top["users"]])
        self.assertEqual((0, True), (top["cores_leased"], top["cores"] > 0))
        self.assertEqual(1, top["status"]["queued"])
        self.assertEqual(["default"], [queue["name"] for queue in top["queues"]])
        self.assertEqual([held, job], [entry["id"] for entry in top["jobs"]])
        self.assertEqual(NASTY, top["jobs"][0]["name"])
        self.assertEqual([held], [entry["id"] for entry in self.jobctl("top", "--json", "-n", 1).json["jobs"]])

    def test_wrong_words(self):
        self.start()
        self.assertSays(self.jobctl("top", "--interval", "1ms", status=2), "--interval", "100ms")
        self.assertSays(self.jobctl("top", "-n", "0", status=2), "limit")
        self.assertSays(self.jobctl("top", "17", status=2), "does not take '17'")
        self.daemon.stop()
        for words in (["top"], ["top", "--json"]):
            self.assertSays(self.jobctl(*words, status=69), "jobd.sock")

    @unittest.skipUnless(os.getuid() == 0, "only root can be somebody else")
    def test_several_users(self):
        self.daemon.start(system=True, config='[Share "nobody"]\nWeight=2.5\n')
        self.env["JOBCTL_SOCKET"] = self.daemon.socket
        other = {"user": harness.NOBODY, "group": harness.NOBODY, "extra_groups": []}
        mine = self.submit("--hold", "true")
        theirs = self.submit("--hold", "true", cwd="/", **other)
        out = self.jobctl("top", "--all-users").out
        self.assertRegex(out, r"(?m)^USER +WEIGHT +RUNNING +QUEUED +CORES +CORE-TIME +SHARE$")
        self.assertRegex(out, r"(?m)^nobody +2.5 +0 +1 +0 ")
        self.assertRegex(out, rf"(?m)^ *{theirs} +nobody +held ")
        self.assertRegex(out, rf"(?m)^ *{mine} +root +held ")
        out = self.jobctl("top", cwd="/", **other).out
        self.assertNotIn("root", out)
        self.assertNotIn("USER", out)
        self.assertNotRegex(out, rf"(?m)^ *{mine} ")


class InATerminal(TerminalCase):
    def setUp(self):
        super().setUp()
        self.env["SHELL"] = "/bin/sh"

    def begin(self, *options, **size):
        """top in a window that says what its terminal is like before and after."""
        terminal = Terminal(self, **{"columns": 100, "rows": 24, **size})
        words = shlex.join([harness.program("jobctl"), "top", *options])
        terminal.begin(f"trap : INT QUIT; echo before; stty -g; {words}; x=$?; stty -g; echo status=$x; exec cat")
        self.until_keys(terminal)
        return terminal

    def until_keys(self, terminal):
        return terminal.until(lambda lines: lines[-1].startswith("q quit"))

    def row(self, terminal, pattern):
        """Waits until a line is like this."""
        return next(line for line in terminal.until(lambda lines: any(re.search(pattern, line) for line in lines))
                    if re.search(pattern, line))

    def gave_back(self, terminal, status):
        """The screen is as it was, and so are the terminal's settings."""
        lines = terminal.end(status)
        self.assertEqual("before", lines[0])
        self.assertEqual(lines[1], lines[-1])
        self.assertNotIn("Workers", "\n".join(lines))
        self.assertEqual(["0", "1", "1"], self.flags(terminal))
        return lines[2:-1]

    @staticmethod
    def flags(terminal):
        """Is the other screen shown, is there a cursor, are lines wrapped?"""
        return terminal.tmux("display-message", "-p", "#{alternate_on} #{cursor_flag} #{wrap_flag}").split()

    def pid(self, terminal):
        """Of the top that runs there."""
        shell = int(terminal.tmux("display-message", "-p", "#{pane_pid}"))
        return next(pid for pid in harness.descendants_of(shell)
                    if os.path.realpath(f"/proc/{pid}/exe") == os.path.realpath(harness.program("jobctl")))

    def test_it_stays_up_to_date(self):
        terminal = self.begin("--interval", "100ms")
        self.assertIn("there are no jobs", terminal.screen()[-2])
        job, _, gate = self.submit_blocked("gate", "-J", "mine")
        self.row(terminal, rf"^ *{job} +mine +running +\d+s ")
        first = self.row(terminal, rf"^ *{job} +mine +running +1s ")       # its time goes on by itself
        self.assertIn("default", first)
        held = self.submit("--hold", "-J", NASTY, "true")
        self.row(terminal, rf"^ *{held} +\\x1b\[2Jbad\\nname ")
        gate.send()
        self.row(terminal, rf"^ *{job} +mine +succeeded +\S+ ")
        self.row(terminal, r"Queued 1 +Running 0 +Finished 1$")
        self.jobctl("queue", "add", "night")
        self.submit("-q", "night", "true")
        self.row(terminal, r"^night +\d+ ")
        terminal.keys("q")
        self.assertEqual([], self.gave_back(terminal, 0))

    @unittest.skipUnless(os.getuid() == 0, "only root can be somebody else")
    def test_what_others_do(self):
        """Who is told only of his own jobs asks now and then."""
        self.daemon.stop()
        self.daemon = harness.Daemon(self, "system")
        self.start(system=True)
        terminal = Terminal(self, columns=100)
        nobody = f"setpriv --reuid={harness.NOBODY} --regid={harness.NOBODY} --clear-groups"
        terminal.begin(f"{nobody} {shlex.quote(harness.program('jobctl'))} top --interval 100ms; echo status=$?; exec cat")
        self.until_keys(terminal)
        held = self.submit("--hold", "true")
        self.row(terminal, r"Queued 1 +Running 0 +Finished 0$")
        self.assertIn("there are no jobs", terminal.screen()[-2])
        self.jobctl("cancel", held)
        self.row(terminal, r"Queued 0 +Running 0 +Finished 1$")
        terminal.keys("q")
        terminal.end(0)
        theirs = self.submit("--hold", "true", cwd="/", user=harness.NOBODY, group=harness.NOBODY, extra_groups=[])
        terminal = Terminal(self, columns=100, name="all")
        terminal.run("top", "--all-users")
        self.row(terminal, rf"^ *{theirs} +nobody +held ")
        terminal.keys("q")
        terminal.end(0)

    def test_nothing_wakes_it_when_nothing_happens(self):
        self.submit("--hold", "true")
        terminal = self.begin("--interval", "100ms")
        path = f"/proc/{self.pid(terminal)}/syscall"
        until = time.monotonic() + harness.DEADLINE
        said = ""
        try:
            while not POLL_FOR_EVER.match(said) and time.monotonic() < until:
                with open(path, encoding="ascii") as f:
                    said = f.read()
        except OSError as error:
            self.skipTest(f"the kernel does not tell what a process waits for: {error}")
        self.assertRegex(said, POLL_FOR_EVER)

    def test_many_jobs_are_few_questions(self):
        terminal = self.begin("--interval", "500ms")
        begin, before = time.monotonic(), asked(self)
        self.jobctl("map", "true", ":::", *range(300))
        self.row(terminal, r"Finished [1-9]")
        self.assertLessEqual(asked(self) - before, 3 * (2 + (time.monotonic() - begin) / 0.5))

    def test_keys(self):
        ids = [self.submit("--hold", "-J", f"job-{i}", "true") for i in range(30)]
        terminal = self.begin("--interval", "100ms")

        def selected():
            found = re.search(r"\x1b\[[0-9;]*7m(?:\x1b\[\d+m)* *(\d+) ", "\n".join(terminal.screen("-e")))
            return int(found[1]) if found else None

        def until_selected(job):
            terminal.until(lambda lines: selected() == job)
        until_selected(ids[0])
        for keys, index in ((["j"], 1), (["Down", "Down"], 3), (["k"], 2), (["Up"], 1), (["End"], 29), (["Up"], 28), (["Home"], 0),
                            (["Up"], 0), (["PageDown"], 18), (["PageDown", "PageDown"], 29), (["PageUp"], 11)):
            terminal.keys(*keys)
            until_selected(ids[index])
        self.assertIn("job-11", "\n".join(terminal.screen()))
        self.row(terminal, rf"^job {ids[11]} is held")
        terminal.keys("/")
        terminal.keys("\u00e4", "BSpace", "J", "o", "b", "-", "2", "x", "BSpace")
        terminal.until(lambda lines: lines[-1] == "/Job-2_")
        self.assertEqual([2, *range(20, 30)], [int(n) for n in re.findall(r"job-(\d+)", "\n".join(terminal.screen()))])
        terminal.keys("Enter")
        terminal.until(lambda lines: lines[-1].startswith('only with "Job-2"'))
        terminal.keys("End")
        until_selected(ids[29])
        terminal.keys("/", "Escape")
        self.until_keys(terminal)
        terminal.keys("?")
        terminal.until(lambda lines: lines[-1] == "any key: back")
        self.assertIn("cancel it (asks)", "\n".join(terminal.screen()))
        terminal.keys("z")
        self.until_keys(terminal)
        terminal.keys("Escape", "F5", "z", "q")
        self.assertEqual([], self.gave_back(terminal, 0))

    def test_acts(self):
        job, pid, gate = self.submit_blocked("gate", "-J", "victim")
        terminal = self.begin("--interval", "100ms")
        self.row(terminal, rf"^ *{job} +victim +running")
        terminal.keys("p")
        self.row(terminal, rf"^ *{job} +victim +paused")
        terminal.keys("p")
        self.row(terminal, rf"^ *{job} +victim +running")
        terminal.keys("c")
        terminal.until(lambda lines: lines[-1] == f"cancel job {job} (victim)? y/n")
        terminal.keys("n")
        self.until_keys(terminal)
        self.assertTrue(harness.is_alive(pid))
        terminal.keys("c", "y")
        self.row(terminal, rf"^ *{job} +victim +cancelled")
        terminal.keys("c", "y")
        terminal.until(lambda lines: "already" in lines[-1])
        terminal.keys("q")
        self.gave_back(terminal, 0)
        self.assertEqual("cancelled", self.state(job))

    def test_logs(self):
        done = self.submit("echo", "what it said")
        self.jobctl("wait", done)
        terminal = self.begin()
        terminal.keys("l")
        lines = terminal.until(lambda lines: lines[-1].endswith("-- any key: back to top --"))
        self.assertIn("what it said", "\n".join(lines))
        self.assertIn("before", lines)
        terminal.keys("x")
        self.until_keys(terminal)
        job, _, _ = self.submit_blocked("gate")
        self.row(terminal, rf"^ *{job} +running")
        terminal.keys("Home", "l")
        terminal.until(lambda lines: "Workers" not in "\n".join(lines) and "what it said" in "\n".join(lines))
        self.daemon.sessions_ready(2)      # top's and that of the logs, which waits for more
        terminal.keys("C-c")
        terminal.until(lambda lines: lines[-1].endswith("-- any key: back to top --"))
        terminal.keys("x")
        self.until_keys(terminal)
        terminal.keys("q")
        lines = terminal.until(lambda lines: lines[-1] == "status=0")
        self.assertNotIn("any key", "\n".join(lines))

    def test_signals(self):
        for signo in (signal.SIGTERM, signal.SIGHUP, signal.SIGINT, signal.SIGQUIT):
            with self.subTest(signo=signo):
                terminal = self.begin(name=signo.name)
                os.kill(self.pid(terminal), signo)
                self.gave_back(terminal, 128 + signo)

    def test_ctrl_c(self):
        terminal = self.begin()
        terminal.keys("C-c")
        self.gave_back(terminal, 128 + signal.SIGINT)

    def test_stop_and_continue(self):
        """Under a shell with job control."""
        terminal = Terminal(self, columns=100, rows=24)
        terminal.begin("exec env PS1='ready> ' ENV= bash --norc --noprofile -i")
        terminal.until(lambda lines: lines[-1] == "ready>")
        terminal.keys("stty -g", "Enter")
        before = terminal.until(lambda lines: len(lines) > 1 and lines[-1] == "ready>")[-2]
        terminal.keys(harness.program("jobctl") + " top", "Enter")
        self.until_keys(terminal)
        for _ in range(2):
            terminal.keys("C-z")
            lines = terminal.until(lambda lines: lines[-1] == "ready>" and "Stopped" in "\n".join(lines))
            self.assertNotIn("Workers", "\n".join(lines))
            self.assertEqual(["0", "1", "1"], self.flags(terminal))
            terminal.keys("clear; stty -g", "Enter")
            terminal.until(lambda lines: lines == [before, "ready>"])
            terminal.keys("fg", "Enter")
            self.until_keys(terminal)
        self.submit("--hold", "-J", "after-all-that", "true")
        self.row(terminal, "after-all-that")
        terminal.keys("q")
        terminal.until(lambda lines: lines[-1] == "ready>")
        terminal.keys("clear; stty -g", "Enter")
        terminal.until(lambda lines: lines == [before, "ready>"])

    def until_foreground(self, terminal):
        """Waits until top, which was stopped, goes on and has the terminal: nothing tells of that."""
        pid, until = self.pid(terminal), time.monotonic() + harness.DEADLINE
        while harness.stat_of(pid, 0) == "T" or harness.stat_of(pid, 2) != harness.stat_of(pid, 5):
            self.assertLess(time.monotonic(), until, "top stays stopped")
            select.select([], [], [], 0.01)

    def test_stop_in_the_logs(self):
        """Ctrl-Z while they have the terminal stops both, and both come back."""
        job, _, _ = self.submit_blocked()
        terminal = Terminal(self, columns=100, rows=24)
        terminal.begin("exec env PS1='ready> ' ENV= bash --norc --noprofile -i")
        terminal.until(lambda lines: lines[-1] == "ready>")
        terminal.keys(harness.program("jobctl") + " top", "Enter")
        self.row(terminal, rf"^ *{job} +running")
        terminal.keys("l")
        self.daemon.sessions_ready(2)
        terminal.keys("C-z")
        terminal.until(lambda lines: lines[-1] == "ready>" and "Stopped" in "\n".join(lines))
        terminal.keys("fg", "Enter")
        self.until_foreground(terminal)
        terminal.keys("C-c")
        terminal.until(lambda lines: lines[-1].endswith("-- any key: back to top --"))
        terminal.keys("x")
        self.until_keys(terminal)
        terminal.keys("q")
        terminal.until(lambda lines: lines[-1] == "ready>")

    def test_a_window_that_changes(self):
        for i in range(30):
            self.submit("--hold", "-J", f"job-{i}", "true")
        terminal = self.begin()
        for columns, rows in ((60, 12), (20, 5), (100, 30), (40, 2), (90, 20)):
            terminal.resize(columns, rows)
            lines = terminal.until(lambda lines, r=rows: len(lines) == r and lines[-1].startswith("q quit"))
            self.assertEqual([], [line for line in lines if len(line) > columns])
        self.assertIn("job-10", "\n".join(lines))
        terminal.keys("q")
        terminal.until(lambda lines: lines[-1] == "status=0")

    def test_the_daemon_goes_away(self):
        terminal = self.begin("--interval", "100ms")
        self.submit("--hold", "-J", "one", "true")
        self.row(terminal, "one +held")
        self.daemon.kill()
        self.daemon.start(workers=4)
        self.submit("--hold", "-J", "two", "true")
        self.row(terminal, "two +held")
        self.jobctl("shutdown")
        self.daemon.wait()
        self.row(terminal, "; the daemon does not answer$")
        self.daemon.start(workers=4)
        self.row(terminal, r"as of \d\d:\d\d:\d\d$")
        self.jobctl("release", 1)
        self.row(terminal, "one +succeeded")
        self.daemon.stop()
        self.row(terminal, "; the daemon does not answer$")
        terminal.keys("q")
        self.assertEqual([], self.gave_back(terminal, 0))

    def test_an_answer_that_is_late(self):
        """Without a pool it asks all the time; an answer that does not come is asked for again after a restart."""
        os.kill(self.daemon.pool()["pid"], signal.SIGKILL)
        self.daemon.ask_until("status", lambda status: not status["pool_connected"])
        terminal = self.begin("--interval", "100ms")
        self.row(terminal, "the pool is not connected$")
        os.kill(self.daemon.pid, signal.SIGSTOP)
        self.row(terminal, "; the daemon does not answer$")
        self.daemon.kill()
        self.daemon.start(workers=4)
        self.row(terminal, r"as of \d\d:\d\d:\d\d$")
        self.row(terminal, r"Finished 0$")
        terminal.keys("q")
        self.assertEqual([], self.gave_back(terminal, 0))

    def test_json_and_pipes_are_told_once_here_too(self):
        terminal = Terminal(self)
        terminal.run("top", "--json")
        self.assertIn("jobs", json.loads("".join(terminal.end(0))))


if __name__ == "__main__":
    sys.exit(harness.main())

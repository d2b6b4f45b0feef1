# SPDX-License-Identifier: Apache-2.0
"""What TAB does behind `jobctl`, in bash, zsh and fish themselves.

Each shell runs in a terminal of its own and has a key that tells the test, through a FIFO, the line as it
stands and the words that the shell makes of it; so what is compared is what would be run. Names of jobs,
locks and resources are as nasty as they may be, and a file that any of them would create must not appear.
"""

import fcntl
import os
import pty
import re
import select
import shutil
import socket
import subprocess
import termios
import time
import unittest

import harness

SOURCE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "client", "completion")
BREAKS = " \t\n\"'><=;|&(:"
NASTY = "it's $(touch canary) `touch canary` \"q\"; touch canary # *!x\\y"
RESOURCE = "gpu $(touch canary):b"
LOCK = "-rf ~ & touch canary"
BASH_COMPLETION = "/usr/share/bash-completion/bash_completion"

RC = {
    "bash": """
        PS1='ready> '; HISTFILE=
        bind 'set enable-bracketed-paste off'; bind 'set bell-style none'; bind 'set completion-query-items 0'
        bind 'set page-completions off'
        {more}
        report() {{
                local line=$READLINE_LINE
                READLINE_LINE= READLINE_POINT=0
                eval "set -- $line"
                printf '%s\\0' "$line" "$@" $'\\001' >"{told}"
        }}
        bind -x '"\\C-o": report'
        """,
    "zsh": """
        PS1='ready> '; HISTFILE=; LISTMAX=0
        setopt nobeep nolistbeep nonomatch nobanghist
        fpath=({scripts} $fpath)
        autoload -Uz compinit && compinit -u -D
        report() {{
                local line=$BUFFER
                BUFFER=
                eval "set -- $line"
                printf '%s\\0' "$line" "$@" $'\\001' >"{told}"
        }}
        zle -N report
        bindkey '^O' report
        """,
    "fish": """
        function fish_prompt; printf 'ready> '; end
        set -g fish_greeting
        set -g fish_autosuggestion_enabled 0
        set -g fish_complete_path {scripts} $fish_complete_path
        function report
                set -l line (commandline)
                commandline ''
                eval "set -g args $line"
                printf '%s\\0' "$line" $args \\x01 >"{told}"
        end
        bind \\co report
        """,
}


class Shell:
    """One shell in a terminal; type() gives what it is typed, and returns the words that came of it."""

    def __init__(self, case, name, more="", rows=60, columns=150):
        self.case, self.name = case, name
        self.told = case.pipe(name + ".told")
        self.text = b""
        home = os.path.join(case.dir, name)
        os.makedirs(os.path.join(home, ".config", "fish"))
        files = {"bash": ".bashrc", "zsh": ".zshrc", "fish": os.path.join(".config", "fish", "config.fish")}
        with open(os.path.join(home, files[name]), "w", encoding="utf-8") as f:
            f.write(RC[name].format(told=self.told.path, scripts=case.scripts, more=more))
        words = {"bash": ["bash", "--rcfile", os.path.join(home, ".bashrc"), "-i"],
                 "zsh": ["zsh", "-d", "-i"], "fish": ["fish", "-i"]}
        env = {**case.env, "HOME": home, "ZDOTDIR": home, "XDG_CONFIG_HOME": os.path.join(home, ".config"),
               "XDG_DATA_HOME": os.path.join(home, "data"), "TERM": "xterm", "LINES": str(rows), "COLUMNS": str(columns)}
        self.fd, side = pty.openpty()
        subprocess.run(["stty", "rows", str(rows), "cols", str(columns)], stdin=side, check=True)
        self.process = subprocess.Popen(words[name], stdin=side, stdout=side, stderr=side, env=env, cwd=case.work,
                                        start_new_session=True, preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0))
        os.close(side)
        case.addCleanup(self.close)
        self.shown("ready> ")

    def close(self):
        harness.kill(self.process.pid)
        self.process.wait(harness.DEADLINE)
        os.close(self.fd)

    def read(self):
        self.text += os.read(self.fd, 65536)

    def shown(self, pattern):
        """Waits until the shell has written this; returns the match, and forgets what was before."""
        until = time.monotonic() + harness.DEADLINE
        while True:
            text = re.sub(r"\x1b(\[[0-9;?]*[a-zA-Z]|[()=>].?)", "", self.text.decode(errors="replace"))
            found = re.search(pattern, text)
            if found:
                self.text = b""
                return found
            if not select.select([self.fd], [], [], max(0, until - time.monotonic()))[0]:
                raise TimeoutError(f"{self.name} never shows {pattern}: {text[-3000:]!r}")
            self.read()

    def type(self, text):
        """(line, words) after these keys; \\t is TAB."""
        os.write(self.fd, text.encode() + b"\x0f")
        told = b""
        until = time.monotonic() + harness.DEADLINE
        while not told.endswith(b"\0\x01\0"):
            ready = select.select([self.fd, self.told.fd], [], [], max(0, until - time.monotonic()))[0]
            if not ready:
                raise TimeoutError(f"{self.name} says nothing to {text!r}: {self.text[-3000:]!r}")
            if self.fd in ready:
                self.read()
            if self.told.fd in ready:
                told += os.read(self.told.fd, 65536)
        line, *words = told.decode().split("\0")[:-2]
        return line, words


class Case(harness.Case):
    def setUp(self):
        super().setUp()
        self.env["PATH"] = harness.BIN + ":" + self.env["PATH"]
        self.scripts = os.path.join(self.dir, "scripts")
        os.mkdir(self.scripts)
        for shell, name in (("zsh", "_jobctl"), ("fish", "jobctl.fish"), ("bash", "jobctl")):
            with open(os.path.join(self.scripts, name), "w", encoding="utf-8") as f:
                f.write(self.jobctl("completion", shell).out)

    def tearDown(self):
        self.assertEqual([], [name for _, _, names in os.walk(self.dir) for name in names if name == "canary"])
        super().tearDown()

    def start_all(self):
        """Jobs and queues whose names are not nice."""
        self.start()
        self.running, _, self.gate = self.submit_blocked("gate", "-J", NASTY)
        self.held = self.submit("--hold", "-J", "plain-name", "true")
        self.done = self.submit("-J", "over", "false")
        self.jobctl("wait", self.done, status=None)
        self.array = self.submit("--hold", "-J", "over", "--array", "0-30", "true")
        self.jobctl("resource", "set", RESOURCE + "=3")
        self.jobctl("queue", "add", "night")
        self.locker = self.jobctl_start("lock", "--", LOCK, "sh", "-c", "echo has; read x", stdin=subprocess.PIPE)
        self.lines(self.locker).until("has")

    def ask(self, *words, shell="fish", **options):
        """The first line, and {candidate: description} in their order."""
        result = self.jobctl("__complete", shell, *words, **options)
        self.assertEqual("", result.err)
        first, *lines = result.out.split("\n")[:-1] or [""]
        self.assertEqual([], [line for line in lines if line[0] not in "+-"])
        pairs = [line[1:].partition("\t") for line in lines]
        candidates = {pair[0]: pair[2] for pair in pairs}
        self.assertEqual(len(candidates), len(pairs), "each stands there once")
        return first.split("\t"), candidates

    def words(self, *words, **options):
        return list(self.ask(*words, **options)[1])

    def bash(self, line):
        """What bash is given to insert."""
        first, *lines = self.jobctl("__complete", "bash", BREAKS, line).out.split("\n")[:-1] or [""]
        return first.split("\t")[0], [line[1:] for line in lines]


class Words(Case):
    """Which candidates there are, where."""

    def test_jobs_that_fit_the_command(self):
        self.start_all()
        ids = {"kill": [self.running], "pause": [self.running], "resume": [], "cancel": [self.running, self.held, self.array],
               "hold": [self.held, self.array], "release": [self.held, self.array], "update": [self.held, self.array],
               "retry": [self.done], "purge": [self.done], "logs": [self.running, self.done],
               "info": [self.running, self.held, self.array, self.done], "why": [self.running, self.held, self.array],
               "wait": [self.running, self.held, self.array]}
        for command, fit in ids.items():
            with self.subTest(command=command):
                self.assertEqual(["last", "all", *map(str, fit)], self.words(command, ""))
        self.assertEqual(["last", *map(str, (self.running, self.held, self.array))], self.words("attach", ""))
        self.assertEqual([], self.words("attach", str(self.running), ""))
        self.assertEqual(f"running  {NASTY}"[:40], self.ask("kill", "")[1][str(self.running)][:40])
        self.assertEqual("held  plain-name", self.ask("info", "")[1][str(self.held)])
        self.assertEqual("failed  over", self.ask("info", "")[1][str(self.done)])

    def test_ids_in_lists_ranges_and_tasks(self):
        self.start_all()
        array = str(self.array)
        self.assertEqual([f"1,2-{i}" for i in (self.running, self.held, self.array)], self.words("cancel", "1,2-"))
        self.assertEqual(["last", "all", array, array + "."], self.words("cancel", array))
        self.assertEqual([f"{array}.{i}" for i in range(31)], self.words("cancel", array + "."))
        self.assertEqual([f"{array}.{i}" for i in [2, *range(20, 30)]], self.words("cancel", array + ".2"))
        self.assertEqual([f"1,{array}.3-{i}" for i in (3, 30)], self.words("cancel", f"1,{array}.3-3"))
        self.assertEqual([], self.words("kill", array + "."))
        self.assertEqual("queued", self.ask("info", array + ".3")[1][array + ".3"])

    def test_an_old_job_among_many(self):
        self.start()
        first = self.submit("true")
        self.jobctl("wait", first)
        for _ in range(12):
            last = self.submit("true")
        self.jobctl("wait", last)
        self.assertLess({str(i) for i in range(10, last + 1)}, set(self.words("info", "1")))
        self.assertNotIn("2", self.words("info", "1"))

    def test_names_that_a_terminal_would_obey(self):
        """They cannot be typed: they are no candidates, and escaped where they describe one."""
        self.start()
        job = self.submit("--hold", "-J", "evil\x1b[2J\u202e", "true")
        for shell in ("fish", "zsh"):
            self.assertEqual([], self.words("list", "-J", "", shell=shell))
        self.assertEqual(("words", []), self.bash("jobctl list -J "))
        self.assertEqual("held  evil\\x1b[2J\\u{202E}", self.ask("release", "")[1][str(job)])

    def test_a_hundred_of_many(self):
        self.start()
        with self.daemon.client() as client:
            first = client.submit(*[[b"true"]] * 101, hold=True)["first_id"]
        for command in ("release", "cancel"):
            self.assertEqual(["last", "all", *map(str, range(first, first + 100))], self.words(command, ""))
        self.assertEqual([str(first + 100)], self.words("release", str(first + 100))[2:])

    def test_values_of_options(self):
        self.start_all()
        ids = [str(i) for i in (self.running, self.held, self.array)]
        for words, expected in (
                (["submit", "-q", ""], ["default", "night"]), (["submit", "--queue="], ["--queue=default", "--queue=night"]),
                (["submit", "-qni"], ["-qdefault", "-qnight"]), (["list", "--name", ""], [NASTY, "plain-name", "over"]),
                (["submit", "--resource", ""], [RESOURCE + "="]), (["submit", "--resource", RESOURCE + "="], [RESOURCE + "="]),
                (["resource", "remove", ""], [RESOURCE]), (["submit", "--lock", ""], [LOCK]), (["lock", "--", ""], [LOCK]), (["lock", ""], []),
                (["queue", "remove", "x", "--move-to", ""], ["default", "night"]), (["queue", "pause", ""], ["default", "night"]),
                (["queue", "add", ""], []), (["submit", "-d", "afterok:"], ["afterok:" + i for i in ["last", *ids]]),
                (["submit", "-d", "afterok:1:2,"], ["afterok:1:2," + k for k in (
                    "after:", "afterok:", "afterany:", "afternotok:", "aftercorr:", "singleton")]),
                (["--color", ""], ["auto", "always", "never"]), (["queue", "set", "night", "--policy", ""], ["fifo", "lifo", "priority"]),
                (["submit", "-t", ""], []), (["submit", "-J", ""], []), (["completion", ""], ["bash", "zsh", "fish"]),
                (["pool", ""], ["resize"]), (["pool", "resize", ""], []), (["resource", ""], ["list", "set", "remove"]),
                (["queue", ""], ["add", "set", "list", "pause", "resume", "drain", "remove"])):
            with self.subTest(words=words):
                self.assertEqual(expected, self.words(*words))
        self.assertIn("USR1", self.words("kill", "-s", ""))
        self.assertIn("USR1@", self.words("run", "--signal", ""))
        self.assertIn("root", self.words("queue", "set", "night", "--users", ""))
        self.assertIn("root,@root", self.words("queue", "set", "night", "--users", "root,@"))
        self.assertIn("PLAIN=", self.words("run", "--env", "", env={"PLAIN": "a secret"}))
        self.assertNotIn("secret", str(self.ask("run", "--env", "PLAIN=", env={"PLAIN": "a secret"})))
        self.assertIn("A,PLAIN", self.words("run", "--export", "A,", env={"PLAIN": "x"}))
        self.assertIn("running,failed", self.words("list", "--state", "running,"))
        self.assertIn("active", self.words("list", "--state", ""))
        self.jobctl("queue", "pause", "night")
        self.assertEqual("0 jobs, paused", self.ask("submit", "-q", "")[1]["night"])
        self.assertEqual("1 job", self.ask("submit", "-q", "")[1]["default"].replace("3", "1").replace("jobs", "job"))

    def test_commands_and_options_are_those_of_the_tables(self):
        tables = [line.split("\t") for line in self.jobctl("__options").out.splitlines()]
        commands = [row[1] for row in tables if row[0] == "command"]
        self.assertEqual(commands, self.words(""))
        self.assertEqual(commands, self.words("help", ""))
        common = [row[3] for row in tables if row[:2] == ["option", "*"]]
        self.assertEqual(common, self.words("-"))
        for command in commands:
            own = [row[3] for row in tables if row[:2] == ["option", command]]
            self.assertEqual(own + common, self.words(command, "--"))
        self.assertEqual("stay until the job ends", self.ask("logs", "--f")[1]["--follow"])
        self.assertNotIn("--follow", self.words("logs", "-f", "--"))       # it is there already
        self.assertIn("--env", self.words("run", "--env", "A", "--"))      # a list
        self.assertNotIn("--follow", self.words("logs", "--", "--"))
        self.assertEqual(["--json"], [word for word in self.words("--user", "list", "--j")if word.startswith("--j")])

    def test_every_option_is_completed_as_its_value_is_called(self):
        """So that a new option is not forgotten."""
        self.start()
        first = {"FILE": "files", "FLOW": "files", "PATH": "files", "DIR": "folders"}
        among = {"STATE": "running", "SIG": "TERM", "SIG@TIME": "TERM@", "WHEN": "always", "POLICY": "lifo", "QUEUE": "default",
                 "KIND:ID": "afterok:", "LIST": "root", "WHAT": "NONE"}
        for row in (line.split("\t") for line in self.jobctl("__options").out.splitlines()):
            if row[0] != "option" or (row[4] not in first and row[4] not in among):
                continue
            words = [*([] if row[1] == "*" else [row[1]]), row[3], ""]
            with self.subTest(words=words, value=row[4]):
                head, candidates = self.ask(*words)
                self.assertEqual(first.get(row[4], "words"), head[0])
                if row[4] in among:
                    self.assertIn(among[row[4]], candidates)

    def test_what_the_shell_completes(self):
        for words, first in ((["run", "-o", ""], ["files", "", "FILE: write stdout to FILE (%j job, %a task, %x name)"]),
                             (["run", "--output=x"], ["files", "--output="]), (["run", "-ox"], ["files", "-o"]),
                             (["run", "--cwd", ""], ["folders", ""]), (["submit", "--file", ""], ["files", ""]),
                             (["run", ""], ["command", "1"]), (["run", "-J", "n", "--", "ls", "-l"], ["command", "4"]),
                             (["submit", "ls", "-"], ["command", "1"]), (["lock", "x", "ls", ""], ["command", "2"]),
                             (["lock", "x", "--", "ls", ""], ["command", "3"]), (["map", "-j", "2", "gzip", ""], ["command", "3"]),
                             (["map", "gzip", ":::", "a"], ["files", ""]), (["map", "gzip", ":::", "a", ":::+", ""], ["files", ""]),
                             (["map", "-a", ""], ["files", ""]), (["nothing", ""], ["words", ""]), (["list", "--nothing", ""], ["words", ""])):
            with self.subTest(words=words):
                self.assertEqual(first, self.ask(*words)[0][:len(first)])
        self.assertEqual([":::", "::::", ":::+", "::::+"], self.words("map", "gzip", ":"))

    def test_the_line_of_bash(self):
        self.start_all()
        for line, expected in (
                ("jobctl canc", ["cancel"]), ("FOO=1 /usr/bin/jobctl canc", ["cancel"]), ("jobctl list --st", ["--state", "--state-dir"]),
                ("jobctl submit --queue=n", ["night"]), ("jobctl submit --queue='n", ["night"]), ("jobctl submit -qn", ["-qnight"]),
                ("jobctl submit -q n", ["night"]), ('jobctl submit "-q" n', ["night"]), ("jobctl list >x --state run", ["running"]),
                ("jobctl list 2>&1 --state run", ["running"]), ("jobctl list --state=failed,run", ["failed,running"]),
                ("jobctl submit -d afterok:la", ["last"]), ("jobctl submit -d afterok:1:la", ["last"]),
                ("jobctl submit --lock '-r", [LOCK]), ("jobctl submit --lock -r", ["-rf\\ \\~\\ \\&\\ touch\\ canary"]),
                ('jobctl list -J "it', [NASTY.replace('\\', '\\\\').replace('"', '\\"').replace("$", "\\$").replace("`", "\\`").replace(
                    "!", '"\\!"')]),
                ("jobctl list -J 'it", [NASTY.replace("'", "'\\''")]), ("jobctl true; jobctl canc", ["cancel"]),
                ("jobctl list --name over --na", []), ("jobctl map ls ::", [":", "::", ":+", "::+"])):
            with self.subTest(line=line):
                self.assertEqual(("words", expected), self.bash(line))
        self.assertEqual(("files", []), self.bash("jobctl list >x"))
        self.assertEqual(("folders", []), self.bash("jobctl run --cwd x"))
        self.assertEqual("command\tls -l 'a\n", self.jobctl("__complete", "bash", BREAKS, "jobctl run -- ls -l 'a").out)


class Quiet(Case):
    """At a TAB nothing is started, nothing is said, and nothing lasts."""

    def test_no_daemon(self):
        for words in (["cancel", ""], ["submit", "-q", ""], ["submit", "--lock", ""], ["list", "-J", ""], ["cancel", "1."]):
            self.ask(*words)
        self.assertEqual(["last", "all"], self.words("--state-dir", os.path.join(self.dir, "new"), "cancel", ""))
        self.assertFalse(os.path.exists(os.path.join(self.dir, "new")))
        self.assertFalse(os.path.exists(self.env["XDG_STATE_HOME"]))

    def test_the_daemon_that_the_line_names(self):
        self.start_all()
        del self.env["JOBCTL_SOCKET"]
        self.assertEqual([], self.words("submit", "-q", ""))
        self.assertEqual(["default", "night"], self.words("--socket", self.daemon.socket, "submit", "-q", ""))
        self.assertEqual(["default", "night"], self.words("submit", "--state-dir=" + self.daemon.state, "-q", ""))
        self.env["JOBCTL_SOCKET"] = self.daemon.socket
        self.assertEqual([], self.words("submit", "--state-dir", self.dir + "/none", "-q", ""))

    def test_a_daemon_that_does_not_answer(self):
        path = os.path.join(self.dir, "mute")
        with socket.socket(socket.AF_UNIX) as mute:
            mute.bind(path)
            mute.listen()
            os.chmod(path, 0o600)
            self.assertEqual(["last", "all"], self.words("--socket", path, "cancel", ""))

    def test_wrong_words(self):
        for words in (["", ""], ["list", "--state="], ["-", "-"], ["--", "--"], ["list", "\x1b[31m"], ["list", "a\nb"], ["cancel", "99999999999999999999"],
                      ["cancel", "0"], ["cancel", "1.99999999999999999999"], ["cancel", "1.x"], ["cancel", "-,-.:"], ["kill", "-s"],
                      ["x" * 100000], ["--socket", "x" * 5000, "cancel", ""], ["--color", "no", "--user", "--system", "submit", "-q", ""]):
            for shell in ("zsh", "fish"):
                self.ask(*words, shell=shell)
            self.bash("jobctl " + " ".join(words))
        for line in ("", " ", "jobctl", "'", '"\\', "jobctl '", "a=b", "jobctl \\", "jobctl list >", "jobctl $(", "> x", "&>"):
            self.jobctl("__complete", "bash", BREAKS, line, status=None)

    @unittest.skipUnless(os.getuid() == 0, "only root can be somebody else")
    def test_other_users(self):
        self.daemon.start(system=True)
        self.env["JOBCTL_SOCKET"] = self.daemon.socket
        self.submit("--hold", "-J", "mine", "--lock", "secret-lock", "true")
        other = {"user": harness.NOBODY, "group": harness.NOBODY, "extra_groups": []}
        self.assertEqual(["mine"], self.words("list", "-J", ""))
        for words in (["list", "-J", ""], ["submit", "--lock", ""]):
            self.assertEqual([], self.words(*words, **other))
        self.assertEqual(["last", "all"], self.words("cancel", "", **other))
        self.assertEqual([], self.words("cancel", "1.", **other))


class Shells(Case):
    """In the shells. Each line is typed with TABs in it; what counts are the words that come of it."""

    # What every shell makes of it; {x} are names of this test.
    LINES = (
        ("jobctl canc\t", ["jobctl", "cancel"]),
        ("jobctl list --fai\t", ["jobctl", "list", "--failed"]),
        ("jobctl cancel {array}.1\t", None),
        ("jobctl release {held}\t", ["jobctl", "release", "{held}"]),
        ("jobctl list --name pl\t", ["jobctl", "list", "--name", "plain-name"]),
        ("jobctl list --name it\t", ["jobctl", "list", "--name", NASTY]),
        ("jobctl list --name=it\t", ["jobctl", "list", "--name=" + NASTY]),
        ("jobctl list --name 'it\t", ["jobctl", "list", "--name", NASTY]),
        ("jobctl list --name \"it\t", ["jobctl", "list", "--name", NASTY]),
        ("jobctl list -J it\t --all", ["jobctl", "list", "-J", NASTY, "--all"]),
        ("jobctl submit --resource gp\t2 x", ["jobctl", "submit", "--resource", RESOURCE + "=2", "x"]),
        ("jobctl submit --lock=-\tx", ["jobctl", "submit", "--lock=" + LOCK, "x"]),
        ("jobctl submit -q n\tx", ["jobctl", "submit", "-q", "night", "x"]),
        ("jobctl submit --queue=n\tx", ["jobctl", "submit", "--queue=night", "x"]),
        ("jobctl list --state=running,fai\tx", ["jobctl", "list", "--state=running,failed", "x"]),
        ("jobctl submit -d afterok:la\t", ["jobctl", "submit", "-d", "afterok:last"]),
        ("jobctl submit -d afterok:{held},afterany:la\t", ["jobctl", "submit", "-d", "afterok:{held},afterany:last"]),
        ("jobctl submit -d afternot\t7", ["jobctl", "submit", "-d", "afternotok:7"]),
        ("jobctl kill -s USR1\t", ["jobctl", "kill", "-s", "USR1"]),
        ("jobctl run --output=two\t", ["jobctl", "run", "--output=two words.txt"]),
        ("jobctl run -o two\t", ["jobctl", "run", "-o", "two words.txt"]),
        ("jobctl run --cwd a-fol\t", ["jobctl", "run", "--cwd", "a-folder/"]),
        ("jobctl run a-prog\targ", ["jobctl", "run", "a-program-of-ours", "arg"]),
        ("jobctl run -J x -- cat two\t", ["jobctl", "run", "-J", "x", "--", "cat", "two words.txt"]),
        ("jobctl lock x -- cat two\t", ["jobctl", "lock", "x", "--", "cat", "two words.txt"]),
        ("jobctl map cat ::: two\t", ["jobctl", "map", "cat", ":::", "two words.txt"]),
        ("jobctl queue set ni\t--policy li\t", ["jobctl", "queue", "set", "night", "--policy", "lifo"]),
        ("jobctl submit -t 5\tx", None),
        ("jobctl completion zs\t", ["jobctl", "completion", "zsh"]),
        ("jobctl nothing li\t", ["jobctl", "nothing", "li"]),
    )

    def prepare(self, shell, **options):
        if not shutil.which(shell):
            self.skipTest(f"there is no {shell} here (sh packaging/deps.sh test)")
        self.start_all()
        self.file("two words.txt")
        os.mkdir(os.path.join(self.work, "a-folder"))
        programs = os.path.join(self.dir, "programs")
        os.mkdir(programs)
        with open(os.path.join(programs, "a-program-of-ours"), "w", encoding="utf-8") as f:
            f.write("#!/bin/sh\n")
        os.chmod(f.name, 0o755)
        self.env["PATH"] += ":" + programs
        return Shell(self, shell, **options)

    def check_lines(self, shell, differ=()):
        names = {"array": self.array, "held": self.held}
        for typed, expected in self.LINES:
            typed = typed.replace("{array}", str(self.array)).replace("{held}", str(self.held))
            with self.subTest(shell=shell.name, typed=typed):
                line, words = shell.type(typed)
                if expected is None:
                    self.assertEqual(typed.replace("\t", ""), line.rstrip())
                    continue
                expected = dict(differ).get(typed) or [re.sub(r"\{(\w+)\}", lambda m: str(names[m[1]]), word) for word in expected]
                self.assertEqual(expected, words, line)

    def test_bash(self):
        self.check_lines(self.prepare("bash", more="source <(jobctl completion bash)"))

    @unittest.skipUnless(os.path.exists(BASH_COMPLETION), "bash-completion is not here (sh packaging/deps.sh test)")
    def test_bash_with_bash_completion(self):
        """Loaded by it, and words behind run completed by what it knows of other commands."""
        folder = os.path.join(self.dir, "data", "bash-completion", "completions")
        os.makedirs(folder)
        shutil.copy(os.path.join(self.scripts, "jobctl"), folder)
        shell = self.prepare("bash", more=f"BASH_COMPLETION_USER_DIR={self.dir}/data/bash-completion; source {BASH_COMPLETION}\n"
                             "_ours() { COMPREPLY=(of-ours-${COMP_CWORD}-${COMP_WORDS[1]}); }; complete -F _ours a-program-of-ours")
        self.check_lines(shell)
        for typed, expected in (("nohup jobctl submit --queue=n\t", ["nohup", "jobctl", "submit", "--queue=night"]),
                                ("jobctl run nohup jobctl canc\t", ["nohup", "jobctl", "cancel"]),
                                ("jobctl run --env A=b -o x:y a-program-of-ours one \t", ["a-program-of-ours", "one", "of-ours-2-one"]),
                                ("jobctl map a-program-of-ours o\t", ["a-program-of-ours", "of-ours-1-o"])):
            with self.subTest(typed=typed):
                self.assertEqual(expected, shell.type(typed)[1][-len(expected):])

    def test_zsh(self):
        shell = self.prepare("zsh")
        self.check_lines(shell)
        self.assertEqual(["nohup", "jobctl", "run", "jobctl", "cancel"], shell.type("nohup jobctl run jobctl canc\t")[1])
        os.write(shell.fd, b"jobctl info \t")
        shell.shown(r"(?s)last +-- the newest job.*%d +-- held  plain-name" % self.held)
        shell.type("\x15")
        os.write(shell.fd, b"jobctl logs --f\t")
        shell.shown(r"--follow +-- stay until the job ends")
        shell.type("\x15")
        os.write(shell.fd, b"jobctl submit -t \t")
        shell.shown(r"DURATION: end it after so long")

    def test_zsh_by_source(self):
        shell = self.prepare("zsh")
        os.write(shell.fd, b"compdef -d jobctl; source <(jobctl completion zsh)\n")
        shell.shown(r"\n(?s:.*)ready> ")
        self.assertEqual(["jobctl", "cancel"], shell.type("jobctl canc\t")[1])

    def test_fish(self):
        shell = self.prepare("fish")
        self.check_lines(shell)
        done = subprocess.run(["fish", "-c", f"source {self.scripts}/jobctl.fish; complete -C 'jobctl info '; complete -C 'jobctl logs --fo'"],
                              env=self.env, cwd=self.work, stdout=subprocess.PIPE, check=True, timeout=harness.DEADLINE)
        lines = done.stdout.decode().split("\n")
        self.assertIn(f"{self.held}\theld  plain-name", lines)
        self.assertIn("--follow\tstay until the job ends", lines)


class Scripts(Case):
    def test_they_are_those_of_the_source(self):
        for shell, name in (("bash", "jobctl.bash"), ("zsh", "_jobctl"), ("fish", "jobctl.fish")):
            with open(os.path.join(SOURCE, name), encoding="utf-8") as f:
                self.assertEqual(f.read(), self.jobctl("completion", shell).out)
        self.assertSays(self.jobctl("completion", "tcsh", status=2), "bash, zsh and fish", "tcsh")


if __name__ == "__main__":
    harness.main()

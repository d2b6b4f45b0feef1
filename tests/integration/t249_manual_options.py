# SPDX-License-Identifier: Apache-2.0
"""jobctl and its manual say the same: every option of every command, setting, variable and exit code of one is in
the other, both ways.

The program's side is what it prints (`jobctl __options`, a job's environment) and, where nothing prints it, the
source.
"""

import glob
import os
import re
import subprocess
import unittest

import harness
import manual

# Options that are no row of jobctl's tables: main.c looks for them itself.
OUTSIDE_TABLES = {"version"}

# Those that a library reads for us, and the rule for settings (JOBCTL_NAME).
READ_BY_OTHERS = {"NOTIFY_SOCKET", "LISTEN_FDS", "WATCHDOG_USEC", "JOBCTL_"}

# Variables that are no matter of the reader: of the tests, or of systemd's own making.
NOT_DOCUMENTED = {"JOBD_FAILPOINT", "JOBD_FAILPOINT_LOG", "JOURNAL_STREAM", "SYSTEMD_EXEC_PID"}


class Options(unittest.TestCase):
    """jobctl's options, command by command."""

    maxDiff = None

    @classmethod
    def setUpClass(cls):
        printed = subprocess.run([harness.program("jobctl"), "__options"], capture_output=True, text=True, check=True).stdout
        rows = [line.split("\t") for line in printed.splitlines()]
        cls.commands = {row[1]: row for row in rows if row[0] == "command"}
        cls.code, cls.settings = {}, {}
        for _, command, letter, name, value, setting, *_ in (row for row in rows if row[0] == "option"):
            cls.code[command, name.removeprefix("--")] = (None if letter == "-" else letter[1:], None if value == "-" else value)
            if setting == "setting":
                cls.settings.setdefault(command, set()).add(name.removeprefix("--"))
        cls.pages = [page for page in manual.pages() if page.name == "jobctl" or page.name.startswith("jobctl-")]

    def owners(self, page, heading):
        """The commands that a heading names; of the whole page when it names none. `*` is all."""
        if page.name == "jobctl":
            return ["*"]
        head, _, below = heading.partition("\n")
        named = re.findall(r"jobctl ([a-z]+)", head) or re.findall(r"\*jobctl ([a-z]+)\*", below)
        return named or [command for command, page_name in manual.links().items() if page_name == page.name
                         for command in [command.removeprefix("jobctl-")]]

    def documented(self):
        found = {}
        for page in self.pages:
            for number, heading, letter, name, value in page.options():
                for command in self.owners(page, heading):
                    with self.subTest(page=str(page), line=number):
                        self.assertNotIn((command, name), found, f"{page}:{number}: told twice")
                    found[command, name] = (letter, value)
        return found

    def test_every_option_is_told_and_is_true(self):
        found = {key: value for key, value in self.documented().items() if key[1] not in OUTSIDE_TABLES}
        self.assertEqual(set(), set(self.code) - set(found), "not in the manual")
        self.assertEqual(set(), set(found) - set(self.code), "only in the manual")
        for key in sorted(found):
            self.assertEqual(self.code[key], found[key], f"{key}: (letter, value)")

    def test_options_outside_the_tables_are_told_and_work(self):
        told = {name for page in self.pages if page.name == "jobctl" for _, _, _, name, _ in page.options()}
        for name in OUTSIDE_TABLES:
            self.assertIn(name, told)
            subprocess.run([harness.program("jobctl"), "--" + name], stdout=subprocess.DEVNULL, check=True)

    def test_every_command_has_its_page_and_a_heading_or_synopsis(self):
        known = manual.links()
        for command in self.commands:
            self.assertIn("jobctl-" + command, known)
            page = manual.page(known["jobctl-" + command])
            self.assertIsNotNone(page, known["jobctl-" + command])
            self.assertRegex(page.section_text("SYNOPSIS"), rf"\*jobctl {command}[* ]", f"{page}: the synopsis")
        self.assertEqual(set(), {link.removeprefix("jobctl-") for link in known} - set(self.commands), "links for no command")

    def test_who_starts_a_daemon(self):
        text = " ".join(manual.page("jobctl").section_text("FINDING A DAEMON").split())
        told = set(re.findall(r"\*([a-z]+)\*", re.search(r"started by \*jobctl\*, and never by (.*?)\. ", text)[1]))
        code = {name for name, row in self.commands.items() if row[4] == "-"}
        self.assertEqual(code - {"help", "completion"}, told)

    def test_every_alias_is_told(self):
        text = "\n".join(page.text for page in self.pages)
        for row in self.commands.values():
            if row[2] != "-":
                self.assertTrue(f"*jobctl {row[2]}*" in text, row[2])

    def test_every_command_stands_in_the_list(self):
        """COMMANDS of jobctl(1) names each page, and below it the commands that it tells of."""
        told = {}
        for page, text in re.findall(r"^\*([a-z-]+)\*\(1\)\n((?:\t.*\n?)+)", manual.page("jobctl").section_text("COMMANDS"), re.M):
            told.update({f"jobctl-{command}": page for command in re.findall(r"\*([a-z]+)\*", text)})
        self.assertEqual(manual.links(), told)

    def test_settings(self):
        """The lists at the end of SETTINGS: under "submit, run and map" stands what these have in common, and nobody else."""
        lists = manual.page("jobctl").section_text("SETTINGS").split("These can be set:")[1]
        told = {}
        for head, text in re.findall(r"^([a-z, ]+)\n((?:\t.*\n?)+)", lists, re.M):
            for command in re.findall(r"[a-z]+", head.replace(" and ", ", ")):
                told.setdefault("*" if command == "everywhere" else command, set()).update(re.findall(r"\*([a-z-]+)\*", text))
        self.assertEqual(self.settings, told)

    def test_exit_codes(self):
        with open(os.path.join(manual.SOURCE, "client", "cmd", "exit_code.h"), encoding="utf-8") as f:
            code = set(re.findall(r"EXIT_CODE_\w+ = (\d+)", f.read()))
        told = set(re.findall(r"^\*(\d+)\*$", manual.page("jobctl").section_text("EXIT STATUS"), re.M))
        self.assertEqual(code | {"126", "127"}, told)

    def test_help_names_the_page(self):
        for command in self.commands:
            said = subprocess.run([harness.program("jobctl"), command, "--help"], capture_output=True, text=True, check=True).stdout
            self.assertTrue(f"jobctl-{command}(1)" in said, command)
            self.assertEqual([], [line for line in said.splitlines() if len(line) > 80], "wider than a screen")
        self.assertIn("jobctl(1)", subprocess.run([harness.program("jobctl"), "--help"], capture_output=True, text=True, check=True).stdout)


class Fields(unittest.TestCase):
    """The names of --json: OUTPUT FOR PROGRAMS of each page against client/cmd/emit_tables.c."""

    maxDiff = None

    # Whose records each page tells of, and the names that are put in by hand.
    PAGES = {
        "jobctl-list": (("usage", "attempt", "rlimit", "halt", "dependency", "resource_ask", "lock_ask", "spec", "environment", "job",
                         "status", "why", "event", "other"),
                        {"containment", "job", "status", "queues", "users", "user", "weight", "core_seconds", "cores", "cores_leased", "jobs",
                         "help", "kind", "samples", "labels", "value", "sum", "buckets", "le"}),
        "jobctl-queue": (("settings", "queue", "resource", "lock"), {"held"}),
        "jobctl-cancel": (("act", "purged"), set()),
        "jobctl-logs": (("ended",), {"job", "stream", "time", "text", "total", "open", "done", "failed", "cancelled", "running", "rate",
                                     "remaining"}),
        "jobctl-map": (("task",), {"job", "sequence", "values", "stdout", "stderr", "results"}),
        "jobctl-service": (("worker", "pool", "entry", "config"), {"seconds", "jobctl", "daemon", "draining", "reloaded",
                                                                          "stopping"}),
    }
    # Told in the text of another name's line.
    IN_TEXT = {"jobctl-list": {"resource", "soft", "hard"}}

    @classmethod
    def setUpClass(cls):
        with open(os.path.join(manual.SOURCE, "client", "cmd", "emit_tables.c"), encoding="utf-8") as f:
            text = f.read()
        cls.tables = {name: set(re.findall(r'\{ EMIT_\w+, "(\w+)"', rows))
                      for name, rows in re.findall(r"struct emit_row emit_(\w+)_rows\[\] = \{(.*?)\n\};", text, re.S)}

    def test_names(self):
        for name, (tables, by_hand) in self.PAGES.items():
            with self.subTest(page=name):
                text = manual.page(name).section_text("OUTPUT FOR PROGRAMS")
                heads = "\n".join(line for line in text.splitlines() if re.match(r"\*\w+\*(, \*\w+\*)*$", line))
                told = set(re.findall(r"\*(\w+)\*", heads))
                code = set().union(*(self.tables[table] for table in tables)) | by_hand
                shown = {word for word in re.findall(r"[_*](\w+?)[_*](?!\w)", text)}
                self.assertEqual(set(), code - told - (shown & self.IN_TEXT.get(name, set())
                                                       | shown & self.tables_shared(tables)), "not in the manual")
                self.assertEqual(set(), told - code, "only in the manual")

    def tables_shared(self, tables):
        """Names that several records of a page have: told once, and named again in the text."""
        names = [name for table in tables for name in self.tables[table]]
        return {name for name in names if names.count(name) > 1}

    def test_every_table_has_its_page(self):
        self.assertEqual(set(self.tables), {table for tables, _ in self.PAGES.values() for table in tables})


class Numbers(unittest.TestCase):
    """Limits and defaults: the page, what it says, and where in the source the number stands."""

    TABLE = (
        ("jobctl-submit", "Up to {:,} tasks", "proto/wire_spec.c", "SPEC_TASKS_MAX {}"),
        ("jobctl-submit", "A name to find it by, up to {:,} bytes", "proto/wire_spec.c", "SPEC_NAME_MAX {}"),
        ("jobctl-submit", "A label, shown by *jobctl info*. Up to {:,}.", "proto/wire_check.h", "WIRE_LABELS_MAX {}"),
        ("jobctl-submit", "at most {:,} for a job", "proto/wire.h", "WIRE_DEPENDENCIES_MAX {}"),
        ("jobctl-submit", "asks for at most {:,} resources and locks", "proto/wire.h", "WIRE_RESOURCES_MAX {}"),
        ("jobctl-submit", "{:,} units in all", "proto/wire.h", "WIRE_RESOURCE_UNITS_MAX {}"),
        ("jobctl-submit", "under the job's name; up to {:,}", "client/cmd/flow_file.c", "FLOW_FILE_MAX {}"),
        ("jobctl-submit", "times more (0 to {})", "proto/wire_spec.c", "RANGE(retries, 0, {})"),
        ("jobctl-submit", "Run it nicer by _N_, 0 to {:,}", "proto/wire_spec.c", "RANGE(nice, 0, {})"),
        ("jobctl-submit", "From -{} to 1000", "proto/wire_spec.c", "RANGE(priority, -{}, 1000)"),
        ("jobctl-submit", "counts {:,} bytes more", "proto/spool.h", "SPOOL_HEADER_BYTES {}"),
        ("jobctl-map", "up to {:,} bytes, those of one", "proto/wire.h", "WIRE_STRING_MAX (128U * 1024 - 1)"),
        ("jobctl-map", "the first {:,} KiB)", "client/cmd/on_done.h", "ON_DONE_OUTPUT_MAX ({} * 1024)"),
        ("jobctl-list", "{:,} unless given; 0 for all. What was left", "client/cmd/cmd_list.c", "LIST_LIMIT_DEFAULT {}"),
        ("jobctl-list", "of its tasks, {:,} unless given", "client/cmd/cmd_info.c", "INFO_TASKS_DEFAULT {}"),
        ("jobctl-list", "the last _N_, {:,} unless given", "client/cmd/cmd_events.c", "EVENTS_LAST_DEFAULT {}"),
        ("jobctl-list", "{:,} unless given, or 20 when", "client/cmd/cmd_top.c", "TOP_JOBS_LIVE {}"),
        ("jobctl-queue", "has up to {:,} letters", "daemon/clients/verb_queue.c", "QUEUE_NAME_MAX {}"),
        ("jobctl-queue", "named, with up to {:,} bytes", "proto/wire.h", "WIRE_RESOURCE_NAME_MAX {}"),
        ("jobctl-service", "from 1 to {}, until", "client/cmd/cmd_pool.c", '"workers", 1, {},'),
    )
    WHOLE = {"(128U * 1024 - 1)": 128 * 1024 - 1}

    def test_numbers(self):
        for name, says, path, place in self.TABLE:
            with self.subTest(page=name, says=says):
                with open(os.path.join(manual.SOURCE, path), encoding="utf-8") as f:
                    text = f.read()
                if "{}" in place:
                    number = int(re.search(re.escape(place).replace(r"\{\}", r"(\d+)"), text)[1])
                else:
                    self.assertIn(place, text)
                    number = self.WHOLE[place.split(" ", 1)[1]]
                page = " ".join(manual.page(name).text.split()).lower()
                self.assertTrue(says.format(number).lower() in page, f"{path} has {number}")


class Variables(harness.Case):
    """Those that the programs read, and those that a job is given."""

    def names_in(self, *folders, pattern=r'getenv\("(\w+)"\)'):
        found = set()
        for folder in folders:
            for path in glob.glob(os.path.join(manual.SOURCE, folder, "**", "*.c"), recursive=True):
                with open(path, encoding="utf-8") as f:
                    found |= set(re.findall(pattern, f.read()))
        return found

    def heads(self, page, section):
        """The variables at the begin of the definitions of a section."""
        return set(re.findall(r"\*([A-Z_]+)\*", "\n".join(
            line for line in page.section_text(section).splitlines() if line.startswith("*"))))

    def test_variables_that_are_read(self):
        for name, folders in (("jobctl", ("client",)), ("jobd", ("daemon", "common", "worker"))):
            page = manual.page(name)
            told = self.heads(page, "ENVIRONMENT")
            self.assertEqual(set(), self.names_in(*folders) - told - NOT_DOCUMENTED, f"{page}: not told")
            anywhere = self.names_in("client", "common", "daemon", "worker", pattern=r'"([A-Z_]+)"') | READ_BY_OTHERS
            self.assertEqual(set(), told - anywhere, f"{page}: only told")

    def test_variables_of_on_done(self):
        with open(os.path.join(manual.SOURCE, "client", "cmd", "on_done.c"), encoding="utf-8") as f:
            code = set(re.findall(r'"(JOBD_[A-Z_]+)=', f.read()))
        text = re.search(r"^\*--on-done\* _CMD_\n((?:\t.*\n)+)", manual.page("jobctl-map").text, re.M)[1]
        self.assertEqual(code, set(re.findall(r"\*(JOBD_[A-Z_]+)\*", text)))

    def test_variables_that_a_job_is_given(self):
        self.start()
        self.jobctl("resource", "set", "thing=1")
        given = self.jobctl("run", "--export", "NONE", "-c", "1", "--resource", "thing=1", "/usr/bin/env").out
        names = {line.split("=")[0].replace("thing", "NAME") for line in given.splitlines()}
        told = self.heads(manual.page("jobctl-submit"), "ENVIRONMENT OF A JOB")
        self.assertEqual({name for name in names if name.startswith("JOBD_")}, {name for name in told if name.startswith("JOBD_")})
        self.assertEqual(set(), {name for name in names - told if name.endswith("_THREADS")})

    def test_every_setting_works_as_a_variable(self):
        """JOBCTL_X is taken for --x: a wrong value is refused, with the variable's name."""
        done = self.jobctl("run", "true", env={"JOBCTL_TIME_LIMIT": "soon"}, status=125)
        self.assertIn("JOBCTL_TIME_LIMIT", done.err)


if __name__ == "__main__":
    harness.main()

# SPDX-License-Identifier: Apache-2.0
"""The pages themselves: mandoc has nothing to say, the pages that they name exist, and every option of jobd and
jobd-worker and every key of jobd.conf is in the manual, and the reverse. (jobctl's own: t249_manual_options.py.)"""

import os
import re
import shutil
import subprocess
import tempfile
import unittest

import harness
import manual

# What the pool writes on its workers' command lines, and nobody else.
INTERNAL = {"jobd-worker": {"number", "generation", "line-fd", "state-fd", "after-build", "exe", "cgroup", "worker"}}

# Pages of others that ours may name.
OUTSIDE = {
    ("at", "1"), ("batch", "1"), ("bash", "1"), ("capabilities", "7"), ("cgroups", "7"), ("chrt", "1"), ("cron", "8"),
    ("env", "1"), ("execve", "2"), ("fish", "1"), ("flock", "1"), ("fork", "2"), ("getopt", "1"), ("jq", "1"), ("journalctl", "1"),
    ("less", "1"), ("locale", "7"), ("loginctl", "1"), ("nice", "1"), ("nohup", "1"), ("parallel", "1"), ("pkg-config", "1"),
    ("proc", "5"), ("recvmsg", "2"), ("regex", "7"), ("setrlimit", "2"), ("sh", "1"), ("signal", "7"), ("sqlite3", "1"), ("ssh", "1"), ("stdin", "3"),
    ("systemctl", "1"), ("systemd", "1"), ("systemd.exec", "5"), ("systemd.service", "5"), ("systemd.socket", "5"),
    ("systemd.resource-control", "5"), ("systemd-tmpfiles", "8"), ("sysusers.d", "5"), ("timeout", "1"), ("unix", "7"),
    ("xargs", "1"), ("zsh", "1"), ("sd_notify", "3"), ("daemon", "7"), ("systemd-journald.service", "8"),
}

# What mandoc says of every page that scdoc makes, and why that is no fault of a page.
TOLERATED = (
    ("skipping paragraph macro", "scdoc parts what it writes with .PP, also behind a heading and before another"),
)


def has(tool):
    if not shutil.which(tool):
        raise unittest.SkipTest(f"{tool} is not installed: sh packaging/deps.sh test")


class OtherOptions(unittest.TestCase):
    """Those of jobd and jobd-worker, and the keys of jobd.conf."""

    def table(self, *path):
        with open(os.path.join(manual.SOURCE, *path), encoding="utf-8") as f:
            return f.read()

    def compare_program(self, program, source, rows):
        page = manual.page(program)
        if not page:
            self.skipTest(f"{program}(8) does not exist yet")
        code = set(re.findall(rows, self.table(*source)))
        told = {name for _, _, _, name, _ in page.options()}
        self.assertEqual(set(), code - told - INTERNAL.get(program, set()), "not in the manual")
        self.assertEqual(set(), told - code, "only in the manual")
        said = subprocess.run([harness.program(program), "--help"], capture_output=True, text=True, check=True).stdout
        helped = set(re.findall(r"--([a-z][a-z-]+)", said))
        self.assertEqual(set(), helped - code, "only in the help")
        self.assertEqual(set(), code - helped - INTERNAL.get(program, set()), "not in the help")

    def test_jobd(self):
        self.compare_program("jobd", ("daemon", "options.c"), r'\{ "([a-z-]+)",\s+(?:no|required)_argument')

    def test_jobd_worker(self):
        self.compare_program("jobd-worker", ("worker", "options.c"), r'\{ "([a-z-]+)",\s+OPTIONS_[A-Z0-9]+,')

    def test_keys_of_jobd_conf(self):
        page = manual.page("jobd.conf")
        if not page:
            self.skipTest("jobd.conf(5) does not exist yet")
        row = r'\{ "(\w+)",\s+"(\w+)",\s+CONFIG_\w+,'
        code = set(re.findall(row, self.table("daemon", "config_values.c"))) | set(
            re.findall(row, self.table("daemon", "config_named.c")))
        told = set()
        for _, heading, line in page.definitions():
            section = re.match(r'\\?\[(\w+)[^]]*\]$', heading.replace("\\", ""))
            for key in re.findall(r"\*(\w+)=\*", line) if section and line.startswith("*") else []:
                told.add((section[1], key))
        self.assertEqual(set(), code - told, "not in the manual")
        self.assertEqual(set(), told - code, "only in the manual")

    def told_keys(self):
        """(section as `--set` takes it, key, what the page says of it)."""
        text, found = {}, []
        for _, _, heading, literal, line in manual.page("jobd.conf").walk():
            if literal or not heading.startswith("["):
                continue
            if re.match(r"\*\w+=\*$", line):
                text = {"section": heading.strip("[]").replace('"NAME"', '"x"'), "key": line.strip("*="), "said": ""}
                found.append(text)
            elif line.startswith("\t") and text:
                text["said"] += " " + line.strip()
        return [(one["section"], one["key"], one["said"].replace("_", "")) for one in found]

    def test_defaults_of_jobd_conf(self):
        row = r'\{ "(\w+)",\s+"(\w+)",\s+CONFIG_\w+,\s+[^"]*?"([^"]*)",(?:\s+"([^"]*)",)?'
        code = {(section, key): (of_users, of_system or of_users) for name in ("config_values.c", "config_named.c")
                for section, key, of_users, of_system in re.findall(row, self.table("daemon", name))}
        self.assertGreater(len(code), 25)
        for section, key, said in self.told_keys():
            of_users, of_system = code.pop((section.split()[0], key))
            with self.subTest(section=section, key=key):
                told = f"{of_system} in system mode, else {of_users}" if of_system != of_users else of_system
                self.assertRegex(said, rf"\b[Dd]efault:? {re.escape(told)}(?:[.:;,]? |\.$|$)")
        self.assertEqual({}, code)

    def test_ranges_of_jobd_conf(self):
        """`A to B`: both are taken, and what is just outside of them is not."""
        units = {"": 1, "K": 1 << 10, "M": 1 << 20, "G": 1 << 30, "T": 1 << 40, "ms": 0.001, "d": 86400}
        right, wrong = [], []
        for section, key, said in self.told_keys():
            told = re.search(r"\b([\d.]+)([A-Za-z]*) to (infinity|([\d.]+)([A-Za-z]*)\b)", said)
            if not told:
                continue
            least, most = float(told[1]) * units[told[2]], None if told[3] == "infinity" else float(told[4]) * units[told[5]]
            right += [(section, key, told[1] + told[2]), (section, key, told[3])]
            wrong += [(section, key, str(int(least) - 1 if least >= 1 else 0))] * (least > 0)
            wrong += [(section, key, "infinity" if most is None else str(int(most) + 1))] * (most is not None)
        self.assertGreater(len(wrong), 20)
        judge = [harness.program("jobd"), "--user", "--check-config", "--config", "/dev/null", "--set"]
        for status, cases in ((0, right), (6, wrong)):
            for section, key, value in cases:
                with self.subTest(setting=f"[{section}] {key}={value}"):
                    done = subprocess.run([*judge, f"{section}.{key}={value}"], capture_output=True, text=True, check=False)
                    self.assertEqual(status, done.returncode, done.stderr)


class Pages(unittest.TestCase):
    maxDiff = None

    @classmethod
    def setUpClass(cls):
        has("scdoc")
        cls.folder = tempfile.mkdtemp(prefix="jobd-t.")
        cls.addClassCleanup(shutil.rmtree, cls.folder)
        cls.made = []
        for page in manual.pages():
            path = os.path.join(cls.folder, f"{page.name}.{page.section}")
            with open(page.path, "rb") as source, open(path, "wb") as made:
                subprocess.run(["scdoc"], stdin=source, stdout=made, check=True)
            cls.made.append(path)

    def test_mandoc_has_no_complaint(self):
        has("mandoc")
        done = subprocess.run(["mandoc", "-T", "lint", "-W", "warning", *self.made], capture_output=True, text=True, check=False)
        lines = [line for line in (done.stdout + done.stderr).splitlines() if not any(words in line for words, _ in TOLERATED)]
        self.assertEqual([], lines)

    def test_no_marks_are_left(self):
        """What should be bold or underlined, and is shown with its marks instead. (Quoted text is left out.)"""
        has("mandoc")
        for page, path in zip(manual.pages(), self.made):
            shown = subprocess.run(["mandoc", "-T", "utf8", "-O", "width=200", path], capture_output=True, text=True, check=True).stdout
            shown = re.sub(".\b", "", shown)
            literal = {line.strip() for _, _, block in page.blocks() for line in block}
            left = [line for line in shown.splitlines() if line.strip() not in literal
                    and re.search(r"(?<![\w\"])_[\w=.:/-]+_(?![\w\"])|\*[\w=.:/-]+\*", line)]
            self.assertEqual([], left, str(page))

    def test_lines_fit_a_screen(self):
        """man does not break the lines of examples."""
        for page in manual.pages():
            for _, start, block in page.blocks():
                for number, line in enumerate(block, start):
                    self.assertLessEqual(len(line.expandtabs()), 90, f"{page}:{number}")

    def test_pages_that_are_named_exist(self):
        ours = {(page.name, page.section) for page in manual.pages()} | {(name, "1") for name in manual.links()}
        for page in manual.pages():
            self.assertEqual(set(), page.references() - ours - OUTSIDE, str(page))

    def test_see_also_names_what_the_page_is_about(self):
        for page in manual.pages():
            self.assertIn("SEE ALSO", {section for _, section, _, _, _ in page.walk()}, str(page))
            self.assertNotIn((page.name, page.section), set(manual.REFERENCE.findall(page.section_text("SEE ALSO"))), f"{page}: itself")

    def test_apropos_finds_every_command(self):
        for link, page in manual.links().items():
            if link != "jobctl-help":
                self.assertRegex(manual.page(page).section_text("NAME").split(" - ")[0], rf"{link}(,|$)", page)

    def test_pages_for_commands_have_examples(self):
        for page in manual.pages():
            if page.name.startswith("jobctl"):
                self.assertTrue(page.examples(), str(page))


if __name__ == "__main__":
    harness.main()

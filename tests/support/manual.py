# SPDX-License-Identifier: Apache-2.0
"""The pages of the manual (packaging/man/*.scd) as a test reads them.

A page is sections (`# EXAMPLES`) with subsections (`## Of the job`), definitions (a line that begins
with a bold word, `*-n*, *--tail* _N_`, and a text indented by a tab), and literal blocks between
fences. What the manual promises about itself:

    an option    `*-n*, *--tail* _N_` begins a line
    whose it is  the heading above names commands, `## Options of jobctl submit`, or a sentence right below
                 it does, `Of *jobctl submit* and *jobctl run*.`; else it is every command's of the page
    a key        `*Workers=*` begins a line, under `## [Pool]`
    an example   a literal block of EXAMPLES with lines that begin with "$ " (continued by "> ");
                 what follows each is its output
"""

import glob
import os
import re

SOURCE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..")
FOLDER = os.path.join(SOURCE, "packaging", "man")
OPTION = re.compile(r"^(?:\*-(?P<letter>[A-Za-z0-9])\*(?: _\S+_)?, )?\*--(?P<name>[a-z-]+)\*(?:[ =]_(?P<value>.+)_)?$")
REFERENCE = re.compile(r"\*([\w.@-]+)\*\((\d)\)")


def squeeze(line):
    """Columns are as wide as their widest cell, which is another one in each run."""
    return re.sub(r"[ \t]+", " ", line).strip()


class Example:
    """A command and the lines that it should print."""

    def __init__(self, command, line):
        self.command, self.line, self.expected = command, line, []

    @property
    def pattern(self):
        """`...` stands for anything in a line; alone in one, for any number of lines."""
        parts = []
        for line in map(squeeze, self.expected):
            if line == "...":
                parts.append(r"(?:.*\n)*?")
            else:
                parts.append(".*?".join(re.escape(piece) for piece in line.split("...")) + r"\n")
        return re.compile("".join(parts))

    def matches(self, output):
        return self.pattern.fullmatch("".join(squeeze(line) + "\n" for line in output.splitlines())) is not None


class Page:
    def __init__(self, path):
        self.path = path
        self.file = os.path.basename(path)
        self.name, self.section = self.file.removesuffix(".scd").rsplit(".", 1)
        with open(path, encoding="utf-8") as f:
            self.text = f.read()
        self.lines = self.text.splitlines()

    def __str__(self):
        return self.file

    def walk(self):
        """Each line as (number, section, subsection, is_literal, text); fences and headings left out."""
        section = subsection = ""
        literal = False
        for number, line in enumerate(self.lines, 1):
            if line.strip() == "```":
                literal = not literal
            elif not literal and line.startswith("# "):
                section, subsection = line[2:].strip(), ""
            elif not literal and line.startswith("## "):
                subsection = line[3:].strip()
            else:
                yield number, section, subsection, literal, line

    def section_text(self, wanted):
        return "\n".join(line for _, section, _, _, line in self.walk() if section == wanted)

    def definitions(self):
        """The lines that begin with something bold and end a paragraph's head: (number, heading, text)."""
        for number, section, subsection, literal, line in self.walk():
            if not literal and line.startswith("*"):
                yield number, subsection or section, line.strip()

    def options(self):
        """(number, heading with the words below it, letter or None, name, value or None) of each option."""
        heading, words, is_begun = None, "", False
        for number, section, subsection, literal, line in self.walk():
            if (section, subsection) != heading:
                heading, words, is_begun = (section, subsection), subsection or section, False
            match = None if literal else OPTION.match(line.rstrip())
            if match:
                is_begun = True
                yield number, words, match["letter"], match["name"], match["value"]
            elif not is_begun and not literal:
                words += "\n" + line

    def blocks(self):
        """The literal blocks as they are shown, each with its section and the number of its first line."""
        block = start = None
        section = ""
        for number, line in enumerate(self.lines, 1):
            if line.strip() == "```":
                if block is None:
                    block, start = [], number + 1
                else:
                    yield section, start, block
                    block = None
            elif block is not None:
                block.append(re.sub(r"\\(.)", r"\1", line.lstrip("\t")))
            elif line.startswith("# "):
                section = line[2:].strip()

    def examples(self):
        found = []
        for section, start, block in self.blocks():
            if section != "EXAMPLES" or not any(line.startswith("$ ") for line in block):
                continue
            for number, line in enumerate(block, start):
                if line.startswith("$ "):
                    found.append(Example(line[2:], number))
                elif line.startswith("> ") and found and not found[-1].expected:
                    found[-1].command += "\n" + line[2:]
                elif found:
                    found[-1].expected.append(line)
        return found

    def configuration(self):
        """The blocks of EXAMPLES that are files of settings: their first line is a comment with the path."""
        return "".join("\n".join(block) + "\n" for section, _, block in self.blocks()
                       if section == "EXAMPLES" and block and block[0].startswith("# /etc/jobd/jobd.conf"))

    def references(self):
        """(name, section) of every page that is named."""
        return set(REFERENCE.findall(re.sub(r"\\(.)", r"\1", self.text)))


def pages():
    return [Page(path) for path in sorted(glob.glob(os.path.join(FOLDER, "*.scd")))]


def page(name):
    """The page NAME, None when there is none (yet)."""
    return next((one for one in pages() if one.name == name), None)


def links():
    """{"jobctl-run": "jobctl-submit", ...}: the page that tells of each command, from CMake's list."""
    with open(os.path.join(FOLDER, "CMakeLists.txt"), encoding="utf-8") as f:
        table = re.search(r"set\(PAGES_AND_COMMANDS(.*?)\)", f.read(), re.S)[1]
    return {f"jobctl-{command}": page for page, commands in re.findall(r'"([a-z-]+): ([a-z ]+)"', table)
            for command in commands.split()}

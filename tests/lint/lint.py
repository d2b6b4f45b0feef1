#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What can be judged about the source without compiling it.

    lint.py CHECK [--root FOLDER]     CHECK: layers circles doors words heads sizes all

Every check is a function from a tree of files to complaints "file:line: sentence"; the tables at
the top are the rules, so a change of the architecture is a change of a table. Prints the
complaints and ends with 1 if there are any. lint_selftest.py plants a violation of every rule and
sees it found.
"""

import argparse
import collections
import os
import re
import sys

# Folder of a file -> folders it may include from (besides its own). The longest match counts.
LAYERS = {
    "common": (),
    "proto": ("common",),
    "worker": ("common", "proto"),
    "client": ("common", "proto"),
    "daemon/journal": ("common",),
    "daemon/workers": ("common", "proto"),
    "daemon/jobs": ("common", "daemon/journal", "daemon/workers"),
    "daemon/clients": ("common", "proto", "daemon/jobs", "daemon/journal"),
    "daemon": ("common", "proto", "daemon/journal", "daemon/workers", "daemon/jobs", "daemon/clients"),
}

# Outside header -> files (or folders, with a slash) that may include it: one door for each library.
DOORS = (
    (r"event2/.*|event\.h", ("common/loop.c", "common/buffer.c")),
    (r"sqlite3.*\.h", ("daemon/journal/",)),
    (r"systemd/.*", ("daemon/service.c",)),
    (r"zstd.*\.h", ("proto/spool_zstd.h",)),
    (r"jansson\.h", ("client/",)),
    (r"uthash\.h|utlist\.h|utarray\.h|utstring\.h", ("common/map.h",)),
    (r"bsd/sys/(queue|tree)\.h|sys/queue\.h", ("common/list.h",)),
    (r"ini\.h", ("daemon/config.c", "daemon/config_file.c", "worker/policy.c", "client/")),
    (r"protobuf-c/.*|(proto/)?\w+\.pb-c\.h", ("proto/",)),
)

SOURCE_FOLDERS = ("common", "proto", "worker", "client", "daemon")
FUNCTION_LINES_MAX = 80
FILE_LINES_MAX = 600
TEST_LINES_MAX = 1200  # a test file grows by cases, not by subjects
ESSAY_LINES_MIN = 5
ESSAY_FREE_LINES = 80  # a file this short may say it in fewer

# Which files, what must not stand there, and why.
WORDS = (
    (r".*", r"\b(?:TO[D]O|FIX[M]E|X[X]X|HA[C]K)\b(?!\(?#\d)", "an unfinished place needs an issue's number, as in (#12)"),
    (r".*", r"(?:^|[^\w.])/(?:work|farm)/", "a path of somebody's machine"),
    (r"tests/(?!bench/).*\.(?:c|h|py)", r"(?<![\w\"'])(?:\w+\.)?(?:sleep|usleep|nanosleep|clock_nanosleep)\s*\(",
     "a test waits for an event, not for the clock"),
    (r"tests/(?!bench/).*\.(?:sh|bats)", r"(?:^|[;&|({]|\bdo|\bthen)\s*sleep\s+[\d.$\"]",
     "a test waits for an event, not for the clock"),
)
WORDS_EXEMPT = ("LICENSE",)

INCLUDE = re.compile(r'^\s*#\s*include\s*([<"])([^>"]+)[>"]')


class Tree:
    """The files of the project, by their path from its root; nothing built, nothing hidden."""

    def __init__(self, root):
        self.root = root
        self.paths = []
        for folder, folders, names in os.walk(root):
            folders[:] = sorted(d for d in folders if not d.startswith(".git") and not self._is_built(folder, d)
                                and d not in ("__pycache__", ".vm-cache"))
            for name in sorted(names):
                self.paths.append(os.path.relpath(os.path.join(folder, name), root))

    def _is_built(self, folder, name):
        return folder == self.root and name.startswith("build")

    def lines(self, path):
        with open(os.path.join(self.root, path), encoding="utf-8", errors="replace") as f:
            return f.read().splitlines()

    def sources(self, folders=SOURCE_FOLDERS, ends=(".c", ".h")):
        return [p for p in self.paths if p.split("/")[0] in folders and p.endswith(ends) and ".pb-c." not in p]


def includes_of(tree, path):
    """(line number, is it "ours", name) of each include."""
    for number, line in enumerate(tree.lines(path), 1):
        found = INCLUDE.match(line)
        if found:
            yield number, found.group(1) == '"', found.group(2)


def layer_of(path):
    """The folder in LAYERS that a path belongs to, or None."""
    folder = os.path.dirname(path)
    while folder and folder not in LAYERS:
        folder = os.path.dirname(folder)
    return folder or None


def check_layers(tree):
    for path in tree.sources():
        own = layer_of(path)
        for number, ours, name in includes_of(tree, path):
            theirs = layer_of(name)
            if ours and theirs is None:
                yield f'{path}:{number}: "{name}": includes of ours start at the root of the project'
            elif theirs and theirs != own and theirs not in LAYERS[own]:
                yield f'{path}:{number}: {own} must not include from {theirs} ("{name}")'


def module_of(path, known):
    """
    The path without its ending; x_part.c and x_part.h belong to x where there is an x. A header named as
    its folder stands alone: it says what the folder offers, so the parts may know it, while the .c beside
    it puts the parts together.
    """
    stem = os.path.splitext(path)[0]
    folder, name = os.path.split(stem)
    if path.endswith(".h") and name == os.path.basename(folder):
        return path
    words = name.split("_")
    for n in range(1, len(words)):
        whole = os.path.join(folder, "_".join(words[:n]))
        if whole in known:
            return whole
    return stem


def module_graph(tree):
    """Module -> {module it includes: where}."""
    graph = collections.defaultdict(dict)
    known = {os.path.splitext(p)[0] for p in tree.sources()}
    for path in tree.sources():
        own = module_of(path, known)
        for number, ours, name in includes_of(tree, path):
            other = module_of(name, known)
            if ours and other != own and other in known:
                graph[own].setdefault(other, f"{path}:{number}")
    return graph


def check_circles(tree):
    graph = module_graph(tree)
    done, told = set(), set()

    def visit(module, trail):
        if module in trail:
            circle = trail[trail.index(module):]
            if frozenset(circle) not in told:
                told.add(frozenset(circle))
                yield f"{graph[circle[-1]][module]}: a circle of includes: {' -> '.join(circle + [module])}"
            return
        if module in done:
            return
        for other in sorted(graph[module]):
            yield from visit(other, trail + [module])
        done.add(module)

    for module in sorted(graph):
        yield from visit(module, [])


def check_doors(tree):
    for path in tree.sources():
        for number, _, name in includes_of(tree, path):
            for pattern, doors in DOORS:
                if re.fullmatch(pattern, name) and not any(
                        path == door or (door.endswith("/") and path.startswith(door)) for door in doors):
                    yield f"{path}:{number}: <{name}> has its door in {', '.join(doors)}"


def check_words(tree):
    for path in tree.paths:
        if path in WORDS_EXEMPT or not re.search(r"\.(?:c|h|py|sh|bats|md|txt|json|proto|service|socket|conf|cmake)$|/run$",
                                                 path):
            continue
        for number, line in enumerate(tree.lines(path), 1):
            for files, pattern, why in WORDS:
                if re.fullmatch(files, path) and re.search(pattern, line):
                    yield f"{path}:{number}: {why}: {line.strip()[:60]}"


def check_heads(tree):
    for path in tree.sources(SOURCE_FOLDERS + ("tests",)):
        lines = tree.lines(path)
        if not lines or lines[0] != "/* SPDX-License-Identifier: Apache-2.0 */":
            yield f"{path}:1: the first line must be the SPDX line"
            continue
        head = 0
        if len(lines) > 1 and lines[1].startswith("/*"):
            head = 1 + next((n for n, line in enumerate(lines[1:]) if "*/" in line), 0)
        if head == 0:
            yield f"{path}:2: a comment that says what this file is for must follow the SPDX line"
        elif path.endswith(".c") and not path.startswith("tests/") and head < ESSAY_LINES_MIN and len(
                lines) > ESSAY_FREE_LINES:
            yield f"{path}:2: the head says too little: what it owns, how, promises, never does, who calls it"
        if path.endswith(".h") and "#pragma once" not in lines:
            yield f"{path}:1: #pragma once is missing"
    for path in tree.paths:
        if path.endswith((".py", ".sh", ".bats")) and not any("SPDX-License-Identifier: Apache-2.0" in line
                                                               for line in tree.lines(path)[:3]):
            yield f"{path}:1: the SPDX line is missing from the head"


def functions_of(lines):
    """(first line, last line, heading) of each function: its braces stand alone in column 0."""
    opened = None
    for number, line in enumerate(lines, 1):
        if line == "{":
            opened = number
        elif line == "}" and opened:
            yield opened, number, lines[opened - 2].strip()
            opened = None


def check_sizes(tree):
    for path in tree.sources(SOURCE_FOLDERS + ("tests",)):
        lines = tree.lines(path)
        allowed = TEST_LINES_MAX if path.startswith("tests/") else FILE_LINES_MAX
        if len(lines) > allowed and path != "client/jobctl.h":
            yield f"{path}:{len(lines)}: a file of {len(lines)} lines (at most {allowed}): what second thing does it own?"
        for first, last, heading in functions_of(lines):
            if last - first - 1 > FUNCTION_LINES_MAX:
                yield f"{path}:{first}: a function of {last - first - 1} lines (at most {FUNCTION_LINES_MAX}): {heading[:60]}"


CHECKS = {
    "layers": check_layers,
    "circles": check_circles,
    "doors": check_doors,
    "words": check_words,
    "heads": check_heads,
    "sizes": check_sizes,
}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("check", choices=[*CHECKS, "all"])
    parser.add_argument("--root", default=os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", ".."))
    options = parser.parse_args()
    tree = Tree(os.path.normpath(options.root))
    if not tree.sources():
        sys.exit(f"{options.root}: no source files here: wrong folder?")
    names = CHECKS if options.check == "all" else [options.check]
    complaints = [c for name in names for c in CHECKS[name](tree)]
    for complaint in complaints:
        print(complaint)
    sys.exit(1 if complaints else 0)


if __name__ == "__main__":
    main()

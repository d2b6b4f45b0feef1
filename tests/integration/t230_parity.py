# SPDX-License-Identifier: Apache-2.0
"""`map` beside GNU parallel: the same command lines through both, and nothing may differ.

Compared are stdout (sorted where the order is free), the exit status, the columns of the job log that
do not depend on time, what stands in the folder afterwards (so also --results), and for some stderr.
Without parallel on this machine nothing can be compared: skipped, loudly.

Known to differ, on purpose, and so not here: a command of several words meets no shell in `map`; a
newline in a word behind ::: does not make two inputs of it; -j 0 is refused; --results with a value of
"." or ".." stays inside its folder, and refuses one that is full already; --resume compares commands;
a column that a line lacks is empty, and quoted as such in the log; Receive never counts stderr; -N is
-n (parallel's also repeats the text around {}); the job log quotes what a vector has and a shell would
not leave alone.
"""

import concurrent.futures
import os
import re
import shutil
import subprocess
import sys

import harness

PARALLEL = shutil.which("parallel")  # moreutils has another program of this name
if PARALLEL and b"GNU" not in subprocess.run([PARALLEL, "--version"], stdout=subprocess.PIPE, check=False).stdout:
    PARALLEL = None
HEADER = "Seq\tHost\tStarttime\tJobRuntime\tSend\tReceive\tExitval\tSignal\tCommand"
LOG_LINE = re.compile(rb"^\d+\t:\t\d{10}\.\d{3}\t {0,6}\d+\.\d{3}\t\d+\t\d+\t-?\d+\t\d+\t", re.DOTALL)


class Line:
    """
    One command line: the words behind the program. input: its stdin. files: name -> text, before. keeps: stdout
    is in order. log: with a job log. err: stderr is compared too. twice: run it again with these words before.
    """

    def __init__(self, *words, input=None, files=None, keeps=True, log=True, err=False, twice=None):
        self.words, self.input, self.files = words, input, files or {}
        self.keeps, self.log, self.err, self.twice = keeps, log, err, twice

    def __str__(self):
        return " ".join(repr(word) if re.search(r"[^\w./:{}+=,%-]", str(word)) else str(word) for word in self.words)


FILES = {"abc": "a\nb\nc\n", "nums": "1\n2\n", "odd": "a b\nc'd\n$x\n", "last": "x\ny", "blank": "a\n\nb\n",
         "csv": "a,b,c\nd,e,f\n", "tsv": "1\tone two\n2\tthree\n", "space": "a  b\nc   d\n"}
ODD = ("a b", "c'd", 'e"f', "$HOME", "back\\slash", "*", "-n", "é", "#x", "~", "a;b", "(c)", "", "x=y", "{", "a\tb", "!", "^a&b")

SOURCES = [
    Line("-k", "echo", ":::", "a", "b", "c"),
    Line("-k", "echo", "{}", ":::", "a", "b", "c"),
    Line("echo", ":::", "a", "b", "c", keeps=False),
    Line("-k", "echo", ":::", "a", "b", ":::", "1", "2", "3"),
    Line("-k", "echo", ":::", "a", "b", ":::", "1", "2", ":::", "x", "y"),
    Line("-k", "echo", ":::", "a", "b", "c", ":::+", "1", "2", "3"),
    Line("-k", "echo", ":::", "a", "b", ":::+", "1", "2", "3", ":::", "x", "y", "z", ":::+", "p", "q"),
    Line("-k", "echo", "::::", "abc"),
    Line("-k", "echo", "::::", "abc", "nums"),
    Line("-k", "echo", "::::", "abc", "::::+", "nums"),
    Line("-k", "echo", "::::", "abc", ":::", "x", "y"),
    Line("-k", "echo", ":::", "x", "y", "::::", "abc"),
    Line("-k", "echo", ":::", "x", "y", "::::+", "abc"),
    Line("-k", "-a", "abc", "echo"),
    Line("-k", "-a", "abc", "echo", ":::", "x", "y"),
    Line("-k", "-a", "abc", "-a", "nums", "echo", "{1}-{2}"),
    Line("-k", "echo", input="a\nb\n"),
    Line("-k", "echo", "::::", "-", input="a\nb\n"),
    Line("-k", "echo", ":::", "x", "::::", "-", input="a\nb\n"),
    Line("-k", "echo", "+{}+", "::::", "last"),
    Line("-k", "echo", "+{}+", "::::", "blank"),
    Line("-k", "-0", "echo {} | tr '\\n' '+'", input="a\nb\0c\0\0d"),
    Line("-k", "--colsep", ",", "echo", "{3}", "{1}", "::::", "csv"),
    Line("-k", "--colsep", ",", "echo", "::::", "csv"),
    Line("-k", "--colsep", "\\t", "echo", "{2}", "::::", "tsv"),
    Line("-k", "-C", " +", "echo", "{2}{1}", "::::", "space"),
    Line("-k", "--colsep", "[,;]", "echo", "{1}+{2}+{3}", ":::", "a;b,c", "d,e;f"),
    Line("-k", "--colsep", ",", "echo", "{1}-{2}-{3}", ":::", "a,b", "c,d", ":::", "x"),
    Line("-k", "--colsep", ",", "echo", "+{1}+", "+{2}+", input="a , b\nc\nd,e,f\n", log=False),
    Line("echo", "x", input=""),
    Line("echo", "x", ":::"),
    Line("-k", input="echo a\necho $((1+2)); exit 3\n\n"),
    Line("-k", ":::", "echo a", "echo b | tr b c", "exit 4"),
]

TEMPLATES = [
    Line("-k", "echo", "{.}", "{/}", "{//}", "{/.}", ":::", "a/b.c.d", "x.y", "/z", "dir/", "a.b/c", ".hid"),
    Line("-k", "{}", ":::", "echo a b", "echo c | tr c d"),
    Line("-k", "{1}", "{2}", ":::", "echo", "printf", ":::", "a", "b"),
    Line("-k", "echo", "{#}", ":::", "a", "b"),
    Line("-k", "echo", "x{#}y{}", ":::", "a", "b"),
    Line("-j1", "echo", "{%}{}", ":::", "a", "b"),
    Line("-k", "echo", "{2}", "{1}", "{1}{2}", ":::", "a", "b", ":::", "1", "2"),
    Line("-k", "echo", "{1.}", "{2/}", "{1//}", "{2/.}", ":::", "a/b.c", ":::", "d/e.f"),
    Line("-k", "echo", "{-1}", "{-2}", ":::", "a", "b", ":::", "1"),
    Line("-k", "echo", "{}{}", "-{}-", ":::", "a", "b c"),
    Line("-k", "echo", "{a}", "{}", ":::", "v"),
    Line("-k", "-n2", "echo", ":::", "a", "b", "c"),
    Line("-k", "-n", "3", "echo", "{1}-{2}-{3}", ":::", "a", "b", "c", "d"),
    Line("-k", "-n2", "echo", "x{}y", ":::", "a", "b", "c", "d"),
    Line("-k", "-N2", "echo", "{2}{1}", ":::", "a", "b", "c", "d"),
    Line("-k", "-n2", "echo", "{1}+{2}+{3}+{4}", ":::", "a", "b", ":::", "1", "2", "3"),
    Line("-k", "-n100", "echo", "{#}", "{}", input="".join(f"{n}\n" for n in range(250))),
    Line("-k", "echo {} | tr a-z A-Z", ":::", "abc", "x y"),
    Line("-k", "cat {} | wc -l", ":::", "abc", "nums"),
    Line("-k", "echo {}; echo {#}; echo second {}", ":::", "a", "b"),
    Line("-k", "for i in 1 2; do echo $i {}; done", ":::", "a", "b"),
    Line("-k", "printf '%s|' {}", ":::", *ODD),
    Line("-k", "echo", ":::", *(word for word in ODD if word not in ("-n", "back\\slash"))),
    Line("-k", "echo {} >&2", ":::", "a", err=True),
    Line("-k", "echo", "{}", ":::", os.fsdecode(b"\xff\xfe"), "\u4e2d\u6587"),
    Line("-k", "echo {1} {2} | sort -r", ":::", "a b", ":::", "c"),
]

DRY_RUN = [
    Line("--dry-run", "-k", "echo", "{}", "x", ":::", "a b", "c'd", "$x", "", "plain"),
    Line("--dry-run", "-k", "echo {} | cat >{#}.txt", ":::", "a b", "c"),
    Line("--dry-run", "-k", "echo", ":::", *ODD),
    Line("--dry-run", "-k", "-n2", "echo", "x{}y", ":::", "a", "b c", "d"),
    Line("--dry-run", "-k", "echo", "{1}", "{2}", ":::", "a", ":::", "1", "2"),
    Line("--dry-run", "-k", ":::", "echo a", "echo 'b c' | cat"),
]

OUTPUT = [
    Line("-k", "--tag", "echo", ":::", "a", "b"),
    Line("-k", "--tag", "seq {}; echo over", ":::", "1", "3"),
    Line("-k", "--tag", "echo", ":::", "a", "b", ":::", "1"),
    Line("-k", "--tag", "-n2", "echo", ":::", "a", "b", "c"),
    Line("-k", "--tag", "true", ":::", "a", "b"),
    Line("-k", "printf", ":::", "a", "b", "c"),
    Line("-k", "--tag", "printf 'x\\ny'", ":::", "a", "b"),
    Line("-k", "seq 1 {}", ":::", "50000", "3", "20000"),
    Line("--line-buffer", "-j1", "seq {}; echo e >&2", ":::", "1", "3", log=False),
    Line("--line-buffer", "--tag", "-j1", "seq {}", ":::", "2", "3"),
    Line("-k", "-j4", "if [ {} = 1 ]; then until [ -e go ]; do :; done; fi; echo {}; [ {} = 3 ] && touch go || :",
         ":::", "1", "2", "3"),
    Line("-k", "--bar", "echo", ":::", "a", "b"),
    Line("-k", "--eta", "echo", ":::", "a", "b"),
    Line("-k", "--progress", "echo", ":::", "a", "b"),
    Line("-k", "echo", input="".join(f"line {n}\n" for n in range(300))),
    Line("-k", "cat; echo {}", ":::", "a", "b"),
    Line("-k", "pwd | sed 's|.*/||'; echo {}", ":::", "a"),
]

ENDS = [
    Line("-k", "echo {}; exit {}", ":::", "0", "1", "0", "2", "255"),
    Line("-k", "exit {}", ":::", "0", "0"),
    Line("false", input="".join(f"{n}\n" for n in range(100)), keeps=False),
    Line("false", input="".join(f"{n}\n" for n in range(103)), keeps=False),
    Line("-k", "kill -9 $$; echo {}", ":::", "a"),
    Line("-k", "kill -TERM $$; echo {}", ":::", "a", "b"),
    Line("-k", "no-such-program-here {}", ":::", "a"),
    Line("-k", "--retries", "3", "echo {}; echo x >>tries-{}; exit 1", ":::", "a", "b"),
    Line("-k", "--retries", "3", "echo x >>tries; [ $(wc -l <tries) = 2 ] && echo {}", ":::", "a"),
    Line("-k", "--retries", "1", "echo x >>tries; exit {}", ":::", "3"),
    Line("-j1", "--halt", "now,fail=1", "echo {}; exit {}", ":::", "0", "3", "0", "4"),
    Line("-j1", "--halt", "soon,fail=1", "echo {}; exit {}", ":::", "0", "3", "0"),
    Line("-j1", "--halt", "soon,fail=2", "echo {}; exit {}", ":::", "0", "3", "4", "5"),
    Line("-j1", "--halt", "now,success=1", "echo {}; exit {}", ":::", "2", "0", "3"),
    Line("-j1", "--halt", "soon,done=2", "echo {}; exit {}", ":::", "0", "3", "0", "4"),
    Line("-j1", "--halt", "never", "echo {}; exit {}", ":::", "0", "3", "0"),
    Line("-k", "--delay", "0.02", "echo", ":::", "a", "b", "c"),
    Line("-k", "-P2", "echo", ":::", "a", "b", "c"),
    Line("-k", "-j", "200%", "echo", ":::", "a", "b", "c"),
    Line("-k", "-j", "+1", "echo", ":::", "a", "b", "c"),
    Line("-k", "--timeout", "60", "echo", ":::", "a"),
]

FOLDERS = [
    Line("-k", "--results", "out", "echo {}; echo e >&2", ":::", "a", "b"),
    Line("-k", "--results", "out", "echo", ":::", "a", "b", ":::", "1", "2"),
    Line("-k", "--results", "out/deep/", "-n2", "echo", ":::", "a", "b", "c"),
    Line("-k", "--results", "out", "printf '%s|' {}", ":::", *(word for word in ODD if word), "a/b", "../up"),
    Line("-k", "--results", "out", "seq {}; exit {}", ":::", "0", "3"),
    Line("-k", "--results", "out", "seq 1 {}", ":::", "50000"),
    Line("-k", "--results", "out", "--tag", "echo", ":::", "a"),
    Line("-k", "--results", "out", "--colsep", ",", "echo", "{1}", ":::", "a,b"),
    Line("-k", "--results", "out", "echo", ":::", "a", "b", "c", twice=("--resume",)),
    Line("-k", "--results", "out", "--joblog", "log", "echo", ":::", "a", "b", twice=("--resume",), log=False),
]

RESUME = [
    Line("-k", "echo {}; exit {}", ":::", "0", "1", "2", twice=("--resume",)),
    Line("-k", "echo {}; exit {}", ":::", "0", "1", "2", twice=("--resume-failed",)),
    Line("--resume", "--joblog", "done", "echo", ":::", "a", "b", "c", log=False, keeps=False,
         files={"done": HEADER + "\n2\t:\t1795233784.697\t     0.003\t0\t2\t0\t0\techo b\n"}),
    Line("--resume-failed", "--joblog", "done", "echo", ":::", "a", "b", "c", log=False, keeps=False,
         files={"done": HEADER + "\n2\t:\t1795233784.697\t     0.003\t0\t2\t0\t0\techo b\n"
                                 "1\t:\t1795233784.697\t     0.003\t0\t2\t7\t0\techo a\n"}),
    Line("-k", "--joblog", "+done", "echo", ":::", "x", log=False,
         files={"done": HEADER + "\n1\t:\t1795233784.697\t     0.003\t0\t2\t0\t0\techo b\n"}),
    Line("-k", "-n2", "echo", ":::", "a", "b", "c", twice=("--resume",)),
]


def normal_log(raw):
    """A job log without its times, sorted by task; as it is when it is none."""
    lines = raw.split(b"\n")
    if lines[0] != HEADER.encode() or lines[-1] != b"":
        return ["no job log", raw]
    entries = []
    for line in lines[1:-1]:
        fields = line.split(b"\t", 8)
        if not LOG_LINE.match(line):
            return ["no line of a job log", line]
        entries.append((int(fields[0]), fields[1], fields[4:]))
    return sorted(entries)


class Parity(harness.Case):
    def setUp(self):
        super().setUp()
        self.start(workers=4)
        self.env["PARALLEL_SHELL"] = "/bin/sh"
        os.mkdir(os.path.join(self.dir, ".parallel"))
        open(os.path.join(self.dir, ".parallel", "will-cite"), "wb").close()

    def run_one(self, name, program, line):
        """Runs a line in a new folder of its own; returns all that is compared, as a dictionary."""
        folder = os.path.join(self.dir, name, "here")
        os.makedirs(folder)
        for name, text in {**FILES, **line.files}.items():
            with open(os.path.join(folder, name), "w", encoding="utf-8") as f:
                f.write(text)
        got = {}
        for number, more in enumerate([()] if line.twice is None else [(), line.twice]):
            words = [*program, *(["--joblog", "log"] if line.log else []), *more, *map(str, line.words)]
            done = subprocess.run(words, cwd=folder, env=self.env, input=(line.input or "").encode(), check=False,
                                  stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=harness.DEADLINE)
            out = done.stdout if line.keeps else b"".join(sorted(done.stdout.splitlines(True)))
            got[f"stdout {number}"], got[f"status {number}"] = out, done.returncode
            got[f"stderr {number}"] = done.stderr
        got["files"] = self.read_folder(os.fsencode(folder))
        return got

    def read_folder(self, folder):
        found = {}
        for path, _, names in os.walk(folder):
            for name in names:
                with open(os.path.join(path, name), "rb") as f:
                    text = f.read()
                what = os.path.relpath(os.path.join(path, name), folder)
                found[what] = normal_log(text) if what in (b"log", b"done") else text
        return found

    def compare(self, lines):
        programs = ([PARALLEL], [harness.program("jobctl"), "map"])
        with concurrent.futures.ThreadPoolExecutor(2) as both:
            for number, line in enumerate(lines):
                with self.subTest(line=str(line)):
                    self.compare_one(line, *both.map(lambda n, at=number, of=line: self.run_one(f"{at}.{n}", programs[n], of), (0, 1)))

    def compare_one(self, line, expected, got):
        said = got["stderr 0"]
        for key, value in expected.items():
            if line.err or not key.startswith("stderr"):
                self.assertEqual(value, got[key], f"{key} differs; map said {said!r}")

    def test_sources(self):
        self.compare(SOURCES)

    def test_templates(self):
        self.compare(TEMPLATES)

    def test_dry_run(self):
        self.compare(DRY_RUN)

    def test_output(self):
        self.compare(OUTPUT)

    def test_ends(self):
        self.compare(ENDS)

    def test_results(self):
        self.compare(FOLDERS)

    def test_resume(self):
        self.compare(RESUME)

    def test_enough_lines(self):
        self.assertGreaterEqual(sum(map(len, (SOURCES, TEMPLATES, DRY_RUN, OUTPUT, ENDS, FOLDERS, RESUME))), 60)


if __name__ == "__main__":
    if not PARALLEL:
        print("SKIPPED: GNU parallel is not here (sh packaging/deps.sh test): map is compared with nothing", file=sys.stderr)
        sys.exit(77)
    sys.exit(harness.main())

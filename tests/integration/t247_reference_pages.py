# SPDX-License-Identifier: Apache-2.0
"""The pages for programmers and administrators, compared with what they tell of: libjobctl(3) with the
header, and its program compiled and run; jobd-protocol(7) with the schema; jobd(8) with the events of the
log, and its backup made and put back."""

import os
import re
import shutil
import subprocess
import unittest

import harness
import manual
from client import SCHEMA


def text_of(*path):
    with open(os.path.join(manual.SOURCE, *path), encoding="utf-8") as f:
        return f.read()


def words_of(page):
    """The first word of each line in the page's literal blocks, which are its tables."""
    return {line.split()[0] for _, _, block in manual.page(page).blocks() for line in block if line and line[0] != " "}


class Library(harness.Case):
    page = manual.page("libjobctl")

    def test_every_function_and_no_other(self):
        header = re.sub(r"/\*.*?\*/", "", text_of("client", "jobctl.h"), flags=re.S)
        there_are = set(re.findall(r"\b(jobctl_\w+)\(", header))
        self.assertGreater(len(there_are), 100)
        self.assertEqual(there_are, set(re.findall(r"\*(jobctl_\w+)\*\(\)", self.page.text)))

    def test_every_error(self):
        there_are = set(re.findall(r"^\s+(JOBCTL_E_\w+)", text_of("client", "jobctl.h"), re.M))
        self.assertEqual(there_are, {word for word in words_of("libjobctl") if word.startswith("JOBCTL_E_")})

    def build(self):
        """The program of the page, linked with the library that was built beside the programs."""
        source = next(block for _, _, block in self.page.blocks() if block[0] == "/* together.c */")
        path = self.file("together.c", "\n".join(source) + "\n")
        lib = os.path.join(harness.BIN, "..", "lib")
        with open(os.path.join(lib, "libjobctl.so"), "rb") as f:
            is_sanitized = b"__asan_init" in f.read()
        program = os.path.join(self.work, "together")
        subprocess.run(["cc", "-std=gnu11", "-Wall", "-Wextra", "-Werror", "-g", "-I" + os.path.join(manual.SOURCE, "client"),
                        "-o", program, path, f"-L{lib}", f"-Wl,-rpath,{lib}", "-ljobctl"]
                       + ["-fsanitize=address,undefined"] * is_sanitized, check=True)
        return program

    def test_the_program(self):
        program = self.build()
        self.start()
        os.mkfifo(os.path.join(self.work, "both"))  # neither end of it can be opened alone
        lines = {"echo one": "succeeded", "echo two >&2; exit 3": "failed", "kill -9 $$": "failed",
                 "echo met >both": "succeeded", "cat both": "succeeded"}
        done = subprocess.run([program, *lines], cwd=self.work, env=self.env, capture_output=True, text=True,
                              timeout=harness.DEADLINE, check=False)
        self.assertEqual(2, done.returncode, done)
        self.assertEqual(["met", "one"], sorted(done.stdout.split()))
        self.assertEqual(sorted(["two"] + [f"{line}: {state}" for line, state in lines.items()]), sorted(done.stderr.splitlines()))


class Protocol(unittest.TestCase):
    """A message's name ends at the first blank of its row, what answers it stands in the last column."""

    bodies = {name: {field for field in SCHEMA.messages[name] if field not in ("tag", "more")} for name in ("Request", "Reply")}

    def table(self):
        block = next(block for _, _, block in manual.page("jobd-protocol").blocks() if block[0].startswith("request "))
        return block[1:], block[0].index("answered by")

    def test_every_request(self):
        rows, _ = self.table()
        self.assertEqual(self.bodies["Request"], {row.split()[0] for row in rows if row[0] != " "})

    def test_every_reply(self):
        rows, column = self.table()
        told = set(re.findall(r"[a-z_]+", " ".join(row[column:].replace("nothing, or error", "") for row in rows)))
        self.assertEqual(self.bodies["Reply"], told | {"error"})
        self.assertIn("*error*", manual.page("jobd-protocol").text)

    def test_who_has_to_be_an_administrator(self):
        rows = re.findall(r'\{ "(\w+)", (ROLE_\w+), \w+, \w+,\s+(\w+)', text_of("daemon", "clients", "verbs.c"))
        self.assertEqual(self.bodies["Request"], {name.replace("stdin", "stdin_data") for name, _, _ in rows})
        always = {name for name, role, _ in rows if role == "ROLE_ADMIN"}
        to_change = {name for name, _, needs_admin in rows if needs_admin != "NULL"}
        page = " ".join(manual.page("jobd-protocol").text.split())
        told = re.search(r"Changing (\w+)s and the (\w+), ([^.]*) are for administrators", page)
        self.assertEqual((to_change, always), ({told[1], told[2]}, set(re.findall(r"\*(\w+)\*", told[3]))))

    def test_every_code_of_an_error(self):
        told = {int(number): name for _, _, block in manual.page("jobd-protocol").blocks()
                for number, name in re.findall(r"^(\d+)\s+(ERROR_\w+)", "\n".join(block), re.M)}
        self.assertEqual({number: name for name, number in SCHEMA.enums["ErrorCode"].items() if number}, told)


class Daemon(harness.Case):
    def test_every_event_of_the_log(self):
        there_are = dict(re.findall(r'LOG_EVENT_\w+\]\s*=\s*\{\s*"([a-z-]+)",\s*"([0-9a-f]{32})"', text_of("daemon", "service.c")))
        self.assertGreater(len(there_are), 5)
        self.assertEqual(there_are, dict(re.findall(r"^\|  ([a-z-]+)\n:  ([0-9a-f]{32})$", manual.page("jobd").text, re.M)))

    def test_every_refusal_is_a_sentence_of_jobd(self):
        """What WHEN IT DOES NOT START quotes is what the code says; capital letters stand for what differs."""
        code = "".join(text_of(folder, name) for folder in ("daemon", "daemon/journal", "common")
                       for name in sorted(os.listdir(os.path.join(manual.SOURCE, folder))) if name.endswith(".c"))
        code = re.sub(r'(?<!\\)"\s*"', "", re.sub(r"/\*.*?\*/|'\\?.'", "", code, flags=re.S))
        said = "\n".join(re.findall(r'"((?:\\.|[^"\\\n])*)"', code)).replace('\\"', '"')
        heads = [line for _, section, _, _, line in manual.page("jobd").walk()
                 if section == "WHEN IT DOES NOT START" and line.startswith("_")]
        self.assertGreater(len(heads), 10)
        for sentence in re.findall(r"_(.+?)_(?:, |$)", "\n".join(heads), re.M):
            pieces = re.split(r'\b(?:KEY|N|PATH|X)\b|(?<=")jobd(?=")', sentence.removesuffix(" ..."))
            self.assertRegex(said, r"%[\w.]+".join(map(re.escape, pieces)))

    def test_every_exit_code(self):
        """Those of the help are those of the page, and of the program."""
        told = subprocess.run([harness.program("jobd"), "--help"], capture_output=True, text=True, check=True).stdout
        there_are = re.findall(r"\b\d+\b", told[told.index("Ends with"):].split("SIGHUP")[0])
        self.assertEqual(there_are, re.findall(r"^(\d+)$", manual.page("jobd").section_text("EXIT STATUS"), re.M))
        code = re.findall(r"\bMAIN_EXIT_\w+ = (\d+)", text_of("daemon", "main.c"))
        code += re.findall(r"#define (?:KERNEL|DAEMON)_EXIT\w* (\d+)", text_of("common", "kernel.h") + text_of("daemon", "daemon.h"))
        self.assertEqual({"0", *code}, set(there_are))

    def test_every_key_of_the_policy(self):
        """worker/policy.c, jobd-worker(8) and the sample know the same ones."""
        code = text_of("worker", "policy.c")
        there_are = {("Limits", name) for name in re.findall(r'\{ "(Limit[A-Z]+)",', code)}
        there_are |= {("Jobs", name) for name in re.findall(r'strcmp\(name, "([A-Za-z]+)"\)', code)}
        self.assertGreater(len(there_are), 15)
        page = manual.page("jobd-worker")
        self.assertEqual(there_are, {(heading.strip("[]"), re.match(r"\*(\w+)=\*", line)[1]) for _, heading, line in page.definitions()
                                     if re.match(r"\*\w+=\*$", line)})
        sample = re.findall(r"^#?(?:\[(Jobs|Limits)\]|(\w+)=.*)$", text_of("packaging", "worker-policy.conf"), re.M)
        section, found = None, set()
        for head, key in sample:
            section = head or section
            found |= {(section, key)} if key else set()
        self.assertEqual(there_are, found)

    def test_every_default_of_the_policy(self):
        code = {"RootJobs": "no", "MinimumUid": re.search(r"\.minimum_uid = (\d+)", text_of("worker", "policy.c"))[1],
                "TasksMax": re.search(r"#define POLICY_TASKS_MAX (\d+)", text_of("worker", "policy.h"))[1]}
        self.assertNotIn(".root_jobs = true", text_of("worker", "policy.c"))
        page, sample = manual.page("jobd-worker").text, text_of("packaging", "worker-policy.conf")
        self.assertEqual(code, dict(re.findall(r"^\*(\w+)=\*\n\t.*?\bdefault (\w+)\.", page, re.M)))
        self.assertEqual(code, {key: re.search(rf"^#{key}=(.*)$", sample, re.M)[1] for key in code})

    def ids(self):
        return [job["id"] for job in self.jobctl("list", "--json").json_lines]

    def test_backup(self):
        """The folders are copied while jobd is down and a job runs; put back, they are the queue of then."""
        self.start()
        held = self.submit("--hold", "true")
        running, _, gate = self.submit_blocked()
        self.daemon.stop()
        copy = os.path.join(self.dir, "copy")
        shutil.copytree(self.daemon.state, copy, ignore=shutil.ignore_patterns("run"))
        self.daemon.start()
        later = self.submit("true")
        gate.send()
        self.jobctl("wait", running, later)
        self.assertEqual({held, running, later}, set(self.ids()))
        pool = self.daemon.pool()["pid"]
        self.jobctl("shutdown")
        self.daemon.wait()
        harness.wait_gone(pool)
        shutil.move(os.path.join(self.daemon.state, "run"), copy)
        shutil.rmtree(self.daemon.state)
        os.rename(copy, self.daemon.state)
        self.daemon.start()
        self.assertEqual({held, running}, set(self.ids()))
        self.assertEqual("queued", self.state(held))


if __name__ == "__main__":
    harness.main()

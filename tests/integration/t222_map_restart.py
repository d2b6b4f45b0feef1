# SPDX-License-Identifier: Apache-2.0
"""map while jobd is killed and started again: every task once, in order, whole. And more inputs than fit in memory."""

import os
import select
import signal
import subprocess
import unittest

import harness


# A sanitizer keeps what was freed: then nothing can be said about memory.
with open(harness.program("jobctl"), "rb") as jobctl:
    SANITIZED = b"__asan_init" in jobctl.read()


def io_of(pid):
    """Bytes that a process has read and written; nothing once it has ended."""
    try:
        with open(f"/proc/{pid}/io", encoding="utf-8") as io:
            return [int(line.split()[1]) for line in io][:2]
    except (ProcessLookupError, FileNotFoundError):
        return [0, 0]


def peak_kib(pid):
    with open(f"/proc/{pid}/status", encoding="utf-8") as status:
        return [int(line.split()[1]) for line in status if line.startswith("VmHWM")][0]


class Restart(harness.Case):
    def setUp(self):
        super().setUp()
        self.start()

    def restart(self):
        self.daemon.kill()
        self.daemon.start()

    def ran(self, path):
        with open(path, encoding="utf-8") as file:
            return sorted(int(line) for line in file)

    def test_killed_while_tasks_end(self):
        """A producer that goes on, tasks that end, jobd killed three times between: nothing is doubled or lost."""
        log = os.path.join(self.work, "ran")
        for options in ([], ["-k"]):
            with self.subTest(options=options):
                if os.path.exists(log):
                    os.unlink(log)
                map_ = self.jobctl_start("map", *options, f"echo {{}} >>{log}; echo {{}}", stdin=subprocess.PIPE)
                out = self.lines(map_)
                shown = []
                for part in range(4):
                    map_.stdin.write("".join(f"{i}\n" for i in range(part * 200, part * 200 + 200)).encode())
                    map_.stdin.flush()
                    while len(shown) < part * 200 + 100:
                        shown.append(int(out.next()))
                    if part < 3:
                        self.restart()
                map_.stdin.close()
                map_.stdin = None
                rest = out.text.decode() + self.end(map_).out
                shown += [int(line) for line in rest.split()]
                self.assertEqual(list(range(800)), shown if options else sorted(shown))
                self.assertEqual(list(range(800)), self.ran(log))

    def test_killed_while_a_large_output_is_shown(self):
        gate = self.pipe("gate")
        up = self.pipe("up")
        command = (f'i=0; while [ $i -lt 3000 ]; do echo {{}} $i aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa; i=$((i+1)); done; '
                   f'echo up >"{up.path}"; read x <"{gate.path}"; echo over {{}}')
        map_ = self.jobctl_start("map", "-k", "-j2", command, ":::", "a", "b")
        up.line()
        up.line()
        self.restart()
        gate.send(2)
        expected = "".join("".join(f"{c} {i} {'a' * 39}\n" for i in range(3000)) + f"over {c}\n" for c in "ab")
        self.assertEqual(expected, self.end(map_).out)

    def test_killed_while_nothing_happens(self):
        """An idle producer: the new jobd must learn that the appender is still there."""
        map_ = self.jobctl_start("map", "echo", "{}", stdin=subprocess.PIPE)
        out = self.lines(map_)
        for value in (b"a\n", b"b\n", b"c\n"):
            map_.stdin.write(value)
            map_.stdin.flush()
            self.assertEqual(value.decode().strip(), out.next())
            self.restart()
        map_.stdin.close()
        map_.stdin = None
        self.end(map_)

    def test_killed_before_an_interrupt(self):
        up, held = self.pipe("up"), self.pipe("held")
        map_ = self.jobctl_start("map", "-j1", f'echo up >"{up.path}"; read x <"{held.path}"', ":::", "a", "b")
        up.line()
        self.restart()
        map_.send_signal(signal.SIGINT)
        self.end(map_, status=130)

    def test_a_disk_that_is_full_in_the_middle(self):
        """What is on disk runs to its end and is shown; that this was not all is said by both."""
        up, gate = self.pipe("up"), self.pipe("gate")
        map_ = self.jobctl_start("map", f'echo up >"{up.path}"; read x <"{gate.path}"; echo {{}}', stdin=subprocess.PIPE)
        map_.stdin.write(b"a\n")
        map_.stdin.flush()
        up.line()
        self.daemon.kill()
        self.daemon.start(config="[Limits]\nDiskFloor=1024G\n")
        self.daemon.ask_until("status", lambda status: status["disk_full"])
        map_.stdin.write(b"b\n")
        map_.stdin.flush()
        self.assertTrue(select.select([map_.stderr], [], [], harness.DEADLINE)[0], "nothing is said")
        self.assertIn(b"gets no more inputs", map_.stderr.readline())
        gate.send()
        self.assertEqual("a\n", self.end(map_, status=125).out)
        self.assertEqual("failed", self.jobctl("list", "--json", "last").json_lines[0]["state"])

    def settled(self, *pids):
        """Waits until none of them reads or writes any more; returns what the first one has read by then."""
        before, same = None, 0
        while same < 20:
            now = [io_of(pid) for pid in pids]
            same = same + 1 if now == before else 0
            before = now
            select.select([], [], [], 0.01)
        return now[0][0]

    def inputs_behind_a_task(self, *options):
        """100 MB of inputs behind a task that does not end: what jobctl reads of them, and its peak in KiB."""
        up, held = self.pipe(f"up{len(options)}"), self.pipe(f"held{len(options)}")
        with subprocess.Popen(["seq", "-f", "%0199.0f", "500000"], stdout=subprocess.PIPE) as producer:
            map_ = self.jobctl_start("map", *options, "-j1", f'echo up >"{up.path}"; read x <"{held.path}"',
                                     stdin=producer.stdout)
            producer.stdout.close()
            up.line()
            read = self.settled(map_.pid, producer.pid)
            peak = peak_kib(map_.pid)
            map_.send_signal(signal.SIGINT)
            self.end(map_, status=130)
        return read, peak

    def test_inputs_wait_in_jobd(self):
        read, peak = self.inputs_behind_a_task()
        self.assertGreater(read, 100000000)
        self.assertTrue(SANITIZED or peak < 24 * 1024, peak)

    def test_what_is_remembered_is_bounded(self):
        """--tag needs the inputs at the ends of their tasks: jobctl keeps 64 MiB of them, and stops reading."""
        read, peak = self.inputs_behind_a_task("--tag")
        self.assertGreater(read, 64000000)
        self.assertLess(read, 80000000)
        self.assertTrue(SANITIZED or peak < 96 * 1024, peak)


if __name__ == "__main__":
    unittest.main()

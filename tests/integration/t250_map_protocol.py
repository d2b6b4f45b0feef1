# SPDX-License-Identifier: Apache-2.0
"""Maps as any client may speak to them: frames, without libjobctl."""

import harness
from client import new_key

SUCCEEDED, FAILED, CANCELLED = "STATE_SUCCEEDED", "STATE_FAILED", "STATE_CANCELLED"


def values(*words):
    return b"".join(word.encode() + b"\0" for word in words)


def text(end):
    """What a task printed: its records without their heads (proto/spool.h)."""
    log, at, out = end.get("records", b""), 0, b""
    while at < len(log):
        size = int.from_bytes(log[at + 4 : at + 8], "little")
        out += log[at + 16 : at + 16 + size]
        at += 16 + size
    return out.decode()


class MapProtocol(harness.Case):
    def setUp(self):
        super().setUp()
        self.start()
        self.client = self.open()

    def open(self):
        client = self.daemon.client()
        self.addCleanup(client.close)
        return client

    def new_map(self, *argv, per_task=1, **spec):
        return self.client.submit([word.encode() for word in argv], map_values=per_task, **spec)["first_id"]

    def append(self, job, number, *words, client=None):
        return (client or self.client).ask("append", job=job, number=number, count=len(words), values=values(*words))

    def close_input(self, job, chunks):
        self.assertEqual(self.client.ask("close_input", job=job, chunks=chunks), {})

    def results(self, job, client=None, **options):
        """Every TaskEnd, and the last reply."""
        client = client or self.client
        tag = client.send(results={"job": job, "until_end": True, "output": True, **options})
        ends = []
        for reply in client.replies(tag):
            ends += reply.get("task_page", {}).get("ends", [])
        return ends, reply

    def test_values_reach_their_tasks(self):
        job = self.new_map("/bin/echo", "<{}>", "{#}")
        self.assertEqual(self.append(job, 0, "a", "b c", "")["task_count"], 3)
        self.assertEqual(self.append(job, 1, "d")["task_count"], 4)
        self.close_input(job, 2)
        ends, last = self.results(job, ordered=True)
        self.assertEqual([end["task"] for end in ends], [0, 1, 2, 3])
        self.assertEqual({end["state"] for end in ends}, {SUCCEEDED})
        self.assertEqual("".join(map(text, ends)), "<a> 1\n<b c> 2\n<> 3\n<d> 4\n")
        self.assertEqual(last["job_ended"]["state"], SUCCEEDED)
        again, last = self.results(job)
        self.assertEqual(sorted(end["task"] for end in again), [0, 1, 2, 3])
        self.assertEqual(last["job_ended"].get("tasks_failed", 0), 0)

    def test_several_values_a_task_and_a_short_last_one(self):
        job = self.new_map("/bin/echo", "{2}-{1}", per_task=2)
        self.append(job, 0, "a", "b", "c")
        self.assertIn("fewer values", self.append(job, 1, "d", "e")["message"])
        self.close_input(job, 1)
        ends, _ = self.results(job, ordered=True)
        self.assertEqual([text(end) for end in ends], ["b-a\n", "-c\n"])

    def test_all_in_one_write(self):
        """Submit, input and close go out together: job 0 is the job of the Submit before."""
        spec = {"argv": [b"/bin/echo", b"{}"], "map_values": 1}
        key = new_key()
        for _ in range(2):  # the second time with a known key, as after a lost connection
            client = self.open()
            tags = [client.send(submit={"key": key, "jobs": [{"spec": spec}]}),
                    client.send(append={"job": 0, "number": 0, "count": 2, "values": values("x", "y")}),
                    client.send(close_input={"job": 0, "chunks": 1})]
            submitted, appended, closed = (client.reply(tag) for tag in tags)
            self.assertEqual(appended["appended"], {"number": 0, "task_count": 2})
            self.assertIn("done", closed)
            self.client.wait(submitted["submitted"]["first_id"])
        self.assertTrue(submitted["submitted"]["existing"])
        ends, _ = self.results(submitted["submitted"]["first_id"], ordered=True)
        self.assertEqual([text(end) for end in ends], ["x\n", "y\n"])

    def test_job_0_without_a_submit(self):
        self.assertEqual(self.append(0, 0, "x")["code"], "ERROR_USAGE")

    def test_a_chunk_again_adds_nothing(self):
        job = self.new_map("/bin/echo", "{}")
        other = self.open()
        self.assertEqual(self.append(job, 0, "a")["task_count"], 1)
        self.assertEqual(self.append(job, 0, "a", client=other)["task_count"], 1)
        self.assertEqual(self.append(job, 5, "b", client=other)["code"], "ERROR_STATE")
        self.assertEqual(self.client.ask("close_input", job=job, chunks=2)["code"], "ERROR_STATE")
        self.close_input(job, 1)
        self.assertEqual(self.append(job, 1, "b")["code"], "ERROR_STATE")
        self.assertEqual(len(self.results(job)[0]), 1)

    def test_a_kill_of_jobd_in_the_middle(self):
        """What was acknowledged runs once each; the input goes on behind it."""
        gate = self.pipe("gate")
        out = self.file("starts")
        job = self.new_map("/bin/sh", "-c", f"echo {{}} >> {out}; test {{}} != 0 || read x < {gate.path}")
        self.append(job, 0, *map(str, range(40)))
        self.daemon.ask_until("status", lambda status: status["finished"] > 5)
        self.daemon.kill()
        self.daemon.start()
        self.client = self.open()
        self.assertEqual(self.append(job, 0, *map(str, range(40)))["task_count"], 40)
        self.assertEqual(self.append(job, 1, *map(str, range(40, 60)))["task_count"], 60)
        self.close_input(job, 2)
        gate.send()
        ends, last = self.results(job, ordered=True)
        self.assertEqual([end["task"] for end in ends], list(range(60)))
        self.assertEqual(last["job_ended"]["state"], SUCCEEDED)
        self.assertEqual(sorted(map(int, self.read(out).split())), list(range(60)))

    def test_an_input_that_is_cut(self):
        job = self.new_map("/bin/echo", "{}")
        self.append(job, 0, "a")
        self.assertEqual(self.client.ask("close_input", job=job, chunks=1, cut="cannot read list"), {})
        ends, last = self.results(job)
        self.assertEqual(len(ends), 1)
        self.assertEqual(last["job_ended"]["state"], FAILED)

    def test_what_was_seen(self):
        job = self.new_map("/bin/echo", "{}")
        self.append(job, 0, *"abcde")
        self.close_input(job, 1)
        self.results(job)
        self.assertEqual(self.client.ask("seen", job=job, next_task=3), {})
        self.daemon.kill()
        self.daemon.start()
        self.client = self.open()
        self.assertEqual([text(end) for end in self.results(job, ordered=True)[0]], ["d\n", "e\n"])
        self.assertEqual([end["task"] for end in self.results(job, ordered=True, first_task=1)[0]], [1, 2, 3, 4])
        self.assertEqual(self.client.ask("seen", job=99, next_task=1)["code"], "ERROR_NO_SUCH_JOB")

    def test_its_input_can_be_read_back(self):
        job = self.new_map("/bin/true", per_task=2)
        self.append(job, 0, *"abcd")
        self.append(job, 1, *"efg")
        self.close_input(job, 2)
        self.results(job)
        page = self.client.ask("inputs", job=job, first_task=1)
        self.assertEqual((page["first_task"], page["values"]), (1, values(*"cd")))
        self.assertEqual(self.client.ask("inputs", job=job, first_task=2)["values"], values(*"ef") + values("g"))
        self.assertEqual(self.client.ask("inputs", job=job, first_task=0, limit=1)["values"], values(*"ab"))
        self.assertEqual(self.client.ask("inputs", job=job, first_task=9)["count"], 0)
        self.assertEqual(self.client.ask("inputs", job=99, first_task=0)["code"], "ERROR_NO_SUCH_JOB")

    def test_a_failure_halts_the_rest(self):
        job = self.new_map("/bin/sh", "-c", "exit {}", halt={"on": 1, "count": 1}, array_width=1)
        self.append(job, 0, *"000100000")
        ends, last = self.results(job, ordered=True)
        self.assertEqual([end["task"] for end in ends], [0, 1, 2, 3])
        self.assertEqual(last["job_ended"]["state"], FAILED)
        self.assertEqual(self.append(job, 1, "0")["code"], "ERROR_STATE")

    def test_large_output_and_results_that_come_late(self):
        job = self.new_map("/bin/sh", "-c", "head -c {} /dev/zero")
        self.append(job, 0, "10", "100000", "60000")
        self.close_input(job, 1)
        ends, _ = self.results(job, ordered=True)
        self.assertEqual([end.get("spooled", False) for end in ends], [False, True, False])
        self.assertEqual([len(text(end)) for end in ends], [10, 0, 60000])
        self.assertGreaterEqual(ends[1]["output_bytes"], 100000)

    def test_progress_without_tasks(self):
        job = self.new_map("/bin/true")
        self.append(job, 0, *"abc")
        watcher = self.open()
        tag = watcher.send(results={"job": job, "no_tasks": True, "progress_usec": 50000, "until_end": True})
        first = watcher.reply(tag)["progress"]
        self.assertTrue(first["open"])
        self.assertEqual(first["task_count"], 3)
        self.close_input(job, 1)
        replies = list(watcher.replies(tag))
        self.assertIn("job_ended", replies[-1])
        self.assertNotIn("task_page", "".join(key for reply in replies for key in reply))

    def test_slots_and_width(self):
        out = self.file("slots")
        job = self.new_map("/bin/sh", "-c", f"echo {{%}} >> {out}", array_width=1)
        self.append(job, 0, *map(str, range(30)))
        self.close_input(job, 1)
        self.results(job)
        self.assertEqual(set(self.read(out).split()), {"1"})

    def test_ends_tell_the_slot(self):
        """As they come and from the rows; tasks 0 and 1 wait for each other, so that two run at once."""
        fifo = self.pipe("both")
        job = self.new_map("/bin/sh", "-c", f"case {{#}} in 1) echo x >{fifo.path};; 2) read x <{fifo.path};; esac; echo {{%}}")
        self.append(job, 0, *"abcdef")
        self.close_input(job, 1)
        for client in self.client, self.open():
            ends, _ = self.results(job, client)
            self.assertEqual({end["task"]: int(text(end)) for end in ends}, {end["task"]: end["slot"] for end in ends})
            self.assertEqual({end["slot"] for end in ends}, {1, 2})

    def test_one_job_named_twice(self):
        job = self.client.submit([b"/bin/true"], array_first=0, array_last=9)["first_id"]
        self.client.wait(job)
        ids = [{"first": job, "last": job, "task_first": task, "task_last": task} for task in (2, 5)]
        tasks = []
        for reply in self.client.replies(self.client.send(info={"selector": {"ids": ids}})):
            for each in reply.get("job_page", {}).get("jobs", []):
                tasks += [attempt.get("task", 0) for attempt in each.get("attempts", [])]
        self.assertEqual(tasks, [2, 5])

    def test_not_a_map(self):
        job = self.client.submit([b"/bin/cat", self.pipe("never").path.encode()])["first_id"]
        self.assertEqual(self.append(job, 0, "a")["code"], "ERROR_STATE")
        self.client.ask("act", action=1, selector={"ids": [{"first": job, "last": job}]})
        self.client.wait(job)
        self.assertEqual(self.append(job, 0, "a")["code"], "ERROR_STATE")
        self.assertEqual(self.append(12345, 0, "a")["code"], "ERROR_NO_SUCH_JOB")


if __name__ == "__main__":
    harness.main()

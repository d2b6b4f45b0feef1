# SPDX-License-Identifier: Apache-2.0
"""Connecting, greeting, and everything that bad bytes must not do."""

import array
import os
import resource
import select
import socket
import struct

import harness
from client import SCHEMA, Client, Closed
from wire import varint


class Greeting(harness.Case):
    def test_hello_says_who_i_am(self):
        self.start()
        with self.daemon.client() as client:
            self.assertEqual(1, client.welcome["version"])
            self.assertEqual(os.getuid(), client.welcome["your_uid"])
            self.assertFalse(client.welcome["system_mode"])
            self.assertGreater(client.welcome["frame_max_bytes"], 1 << 20)
            self.assertEqual({}, client.ask("ping"))

    def test_instance_changes_with_every_start(self):
        self.start()
        with self.daemon.client() as client:
            first = client.welcome["instance"]
        self.daemon.stop()
        self.daemon.start()
        with self.daemon.client() as client:
            self.assertNotEqual(first, client.welcome["instance"])

    def test_a_range_of_versions_is_narrowed(self):
        self.start()
        with self.daemon.client(hello=False) as client:
            self.assertEqual(1, client.hello(version_min=1, version_max=99)["version"])

    def test_wrong_magic(self):
        self.start()
        with self.daemon.client(hello=False) as client:
            self.refused(client, client.send(hello={"magic": 1, "version_min": 1, "version_max": 1}))

    def test_no_common_version(self):
        self.start()
        with self.daemon.client(hello=False) as client:
            error = client.hello(version_min=7, version_max=9)
            self.assertEqual("ERROR_VERSION", error["code"])
            self.assertIn("version", error["message"])
            self.assertEqual([], client.expect_closed())

    def test_anything_before_hello(self):
        self.start()
        with self.daemon.client(hello=False) as client:
            self.refused(client, client.send(ping={}))

    def test_a_second_hello(self):
        self.start()
        with self.daemon.client() as client:
            self.assertEqual("ERROR_USAGE", client.hello()["code"])

    def test_silence_is_closed_after_five_seconds(self):
        self.start()
        with self.daemon.client(hello=False) as client:
            client.expect_closed()

    def refused(self, client, tag):
        """The answer is an error and the end of this connection; the daemon goes on."""
        for reply in client.expect_closed():
            self.assertEqual(tag, reply["tag"])
            self.assertIn("error", reply)
        with self.daemon.client() as other:
            self.assertEqual({}, other.ask("ping"))


class Frames(harness.Case):
    def setUp(self):
        super().setUp()
        self.start()
        self.witness = self.daemon.client()
        self.addCleanup(self.witness.close)

    def closed_by(self, data, hello=True):
        """These bytes end their own connection, and nothing else."""
        with self.daemon.client(hello=hello) as client:
            try:
                client.send_bytes(data)
                replies = client.expect_closed()
            except (BrokenPipeError, ConnectionResetError):
                replies = []
            self.assertTrue(all("error" in reply for reply in replies), replies)
        self.assertEqual({}, self.witness.ask("ping"))

    def refused(self, body):
        """A whole frame that is no request: an answer, and the connection goes on."""
        with self.daemon.client() as client:
            client.send_frame(body)
            self.assertEqual("ERROR_USAGE", client.reply()["error"]["code"])
            self.assertEqual({}, client.ask("ping"))
        self.closed_by(struct.pack(">I", len(body)) + body, hello=False)

    def test_length_zero(self):
        self.closed_by(struct.pack(">I", 0))
        self.closed_by(struct.pack(">I", 0), hello=False)

    def test_length_four_gib(self):
        self.closed_by(b"\xff\xff\xff\xff")
        self.closed_by(b"\xff\xff\xff\xff", hello=False)

    def test_too_long_before_hello(self):
        self.closed_by(struct.pack(">I", 1 << 20), hello=False)

    def test_too_long_after_hello(self):
        self.closed_by(struct.pack(">I", self.witness.welcome["frame_max_bytes"] + 1))

    def test_garbage(self):
        self.refused(b"\xff" * 16)
        self.closed_by(b"GET / HTTP/1.1\r\nHost: jobd\r\n\r\n", hello=False)
        self.closed_by(os.urandom(4096).replace(b"\0", b"\1"), hello=False)

    def test_for_the_other_direction(self):
        self.refused(SCHEMA.encode("Reply", {"tag": 1, "more": True, "done": {}}))

    def test_truncated(self):
        for hello in (True, False):
            with self.daemon.client(hello=hello) as client:
                client.send_bytes(struct.pack(">I", 1000) + b"half")
                client.socket.shutdown(socket.SHUT_WR)
                client.expect_closed()
        self.assertEqual({}, self.witness.ask("ping"))

    def test_one_byte_at_a_time(self):
        with self.daemon.client() as client:
            body = SCHEMA.encode("Request", {"tag": 77, "ping": {}})
            for byte in struct.pack(">I", len(body)) + body:
                client.send_bytes(bytes([byte]))
                self.assertEqual({}, self.witness.ask("ping"))
            self.assertEqual({"tag": 77, "done": {}}, client.reply())

    def test_a_request_without_a_body(self):
        with self.daemon.client() as client:
            tag = client.send()
            self.assertEqual("ERROR_USAGE", client.reply(tag)["error"]["code"])

    def test_pipelined(self):
        with self.daemon.client() as client:
            tags = [client.send(ping={}) for _ in range(1000)]
            self.assertEqual(tags, [client.reply()["tag"] for _ in tags])

    def test_a_passed_descriptor_is_dropped(self):
        """The kernel drops it: when we close our copy of a pipe's writing end, the pipe is at its end."""
        reading, writing = os.pipe()
        self.addCleanup(os.close, reading)
        body = SCHEMA.encode("Request", {"tag": 5, "ping": {}})
        with self.daemon.client() as client:
            client.socket.sendmsg([struct.pack(">I", len(body)) + body],
                                  [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", [writing] * 100))])
            os.close(writing)
            self.assertEqual(5, client.reply()["tag"])
            self.assertEqual(([reading], [], []), select.select([reading], [], [], harness.DEADLINE))
            self.assertEqual(b"", os.read(reading, 1))
            self.assertEqual({}, client.ask("ping"))

    def test_half_a_million_nested_groups(self):
        """protobuf's start-group tags: the old way to make a decoder recurse."""
        self.refused(b"\x08\x01" + b"\x0b" * 200_000)

    def test_many_empty_messages(self):
        """One byte of input each that becomes a structure: decoding has a budget."""
        with self.daemon.client() as client:
            submit = SCHEMA.encode("Submit", {"key": b"k" * 16}) + b"\x1a\x00" * 2_000_000
            client.send_frame(SCHEMA.encode("Request", {"tag": 1}) + b"\x22" + varint(len(submit)) + submit)
            self.assertEqual("ERROR_USAGE", client.reply()["error"]["code"])
        self.assertLess(self.rss_kib(), 200 << 10)
        self.assertEqual({}, self.witness.ask("ping"))

    def rss_kib(self):
        with open(f"/proc/{self.daemon.pid}/status", encoding="utf-8") as f:
            return next(int(line.split()[1]) for line in f if line.startswith("VmHWM"))


class Crowds(harness.Case):
    def test_a_client_that_never_reads(self):
        """Its replies are bounded; it loses its connection or is not read on; others are served."""
        self.start()
        with self.daemon.client() as witness, self.daemon.client() as mute:
            mute.socket.setblocking(False)
            witness.submit(*[[b"true", b"x" * 1000]] * 200)
            request = SCHEMA.encode("Request", {"tag": 1, "list": {"limit": 1000}})
            frame = struct.pack(">I", len(request)) + request
            for _ in range(3000):
                try:
                    mute.socket.send(frame)
                except (BlockingIOError, BrokenPipeError, ConnectionResetError):
                    break
            self.assertEqual({}, witness.ask("ping"))
            with open(f"/proc/{self.daemon.pid}/status", encoding="utf-8") as f:
                rss = next(int(line.split()[1]) for line in f if line.startswith("VmRSS"))
            self.assertLess(rss, 200 << 10)

    def test_one_over_the_limit_is_told_busy(self):
        self.start(config="[Limits]\nConnectionsPerUser=20\n")
        clients = [self.daemon.client() for _ in range(20)]
        for client in clients:
            self.addCleanup(client.close)
        with self.daemon.client(hello=False) as late:
            replies = self.greet(late)
            self.assertTrue(any(r.get("error", {}).get("code") == "ERROR_BUSY" for r in replies), replies)
        self.assertEqual({}, clients[0].ask("ping"))
        clients.pop().close()
        self.assertEqual({}, clients[0].ask("ping"))
        with self.daemon.client() as again:
            self.assertEqual({}, again.ask("ping"))

    def greet(self, client):
        try:
            client.send(hello={"magic": 0x4A4F4244, "version_min": 1, "version_max": 1})
        except (BrokenPipeError, ConnectionResetError):
            pass
        return client.expect_closed()

    def test_ten_thousand_connections(self):
        self.start()
        wanted = min(10_000, self.raise_descriptor_limit() - 100)
        witness = self.daemon.client()
        self.addCleanup(witness.close)
        sockets = []
        for _ in range(wanted):
            one = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_NONBLOCK)
            try:
                one.connect(self.daemon.socket)
                sockets.append(one)
            except BlockingIOError:
                one.close()
        self.assertEqual({}, witness.ask("ping"))
        for one in sockets:
            one.close()
        with self.connect_when_not_busy() as again:
            self.assertEqual({}, again.ask("ping"))

    def raise_descriptor_limit(self):
        _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
        return hard

    def connect_when_not_busy(self):
        for _ in range(1000):
            client = Client(self.daemon.socket, hello=False)
            try:
                if "version" in client.hello():
                    return client
            except (Closed, BrokenPipeError, ConnectionResetError):
                pass
            client.close()
            select.select([], [], [], 0.01)
        raise TimeoutError("jobd stays busy")


if __name__ == "__main__":
    harness.main()

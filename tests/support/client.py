# SPDX-License-Identifier: Apache-2.0
"""A client of jobd that says exactly what a test wants said, well-formed or not."""

import os
import select
import socket
import struct
import time

from wire import Schema

SCHEMA = Schema()
MAGIC = 0x4A4F4244
VERSION = 1


class Closed(Exception):
    """The daemon has closed the connection."""


class Client:
    def __init__(self, path, deadline=30, hello=True):
        self.deadline = deadline
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.socket.connect(path)
        self.received = b""
        self.fds = []
        self.waiting = []
        self.tag = 0
        self.welcome = None
        if hello:
            self.welcome = self.hello()

    def close(self):
        self.socket.close()
        for fd in self.fds:
            os.close(fd)
        self.fds = []

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    # ---- saying

    def send_bytes(self, data):
        self.socket.sendall(data)

    def send_frame(self, body):
        self.send_bytes(struct.pack(">I", len(body)) + body)

    def send(self, **body):
        """Sends one Request and returns its tag."""
        self.tag += 1
        self.send_frame(SCHEMA.encode("Request", {"tag": self.tag, **body}))
        return self.tag

    # ---- hearing

    def _receive(self):
        left = self._until - time.monotonic()
        if left <= 0 or not select.select([self.socket], [], [], left)[0]:
            raise TimeoutError("jobd does not answer")
        try:
            data, fds, _, _ = socket.recv_fds(self.socket, 1 << 20, 4)
        except ConnectionResetError as error:
            raise Closed from error
        self.fds += fds
        if not data:
            raise Closed
        self.received += data

    def frame(self):
        """The next frame's body."""
        self._until = time.monotonic() + self.deadline
        while len(self.received) < 4:
            self._receive()
        size = struct.unpack(">I", self.received[:4])[0]
        while len(self.received) < 4 + size:
            self._receive()
        body, self.received = self.received[4:4 + size], self.received[4 + size:]
        return body

    def reply(self, tag=None):
        """The next Reply, or the next one with this tag (others are kept for later)."""
        for i, reply in enumerate(self.waiting):
            if tag in (None, reply["tag"]):
                return self.waiting.pop(i)
        while True:
            reply = SCHEMA.decode("Reply", self.frame())
            if tag in (None, reply["tag"]):
                return reply
            self.waiting.append(reply)

    def replies(self, tag):
        """All replies to one request, until one without `more`."""
        while True:
            reply = self.reply(tag)
            yield reply
            if not reply.get("more"):
                return

    def expect_closed(self):
        """Reads until jobd closes; returns the replies that came before."""
        replies = []
        try:
            while True:
                replies.append(self.reply())
        except Closed:
            return replies

    # ---- conversation

    def hello(self, version_min=VERSION, version_max=VERSION, magic=MAGIC):
        tag = self.send(hello={"magic": magic, "version_min": version_min, "version_max": version_max,
                               "build": "test"})
        reply = self.reply(tag)
        if "error" in reply:
            return reply["error"]
        return reply["hello_ok"]

    def ask(self, name, **body):
        """Sends a request of this name and returns the body of its only reply (Error included)."""
        tag = self.send(**{name: body})
        reply = self.reply(tag)
        return next(value for key, value in reply.items() if key not in ("tag", "more"))

    def submit(self, *argvs, key=None, environment=(), **spec):
        """Submits one job for each argv in one frame; returns Submitted (or Error)."""
        jobs = [{"spec": {"argv": argv, **spec}, "environment": 0} for argv in argvs]
        return self.ask("submit", key=key or new_key(),
                        environments=[{"entries": list(environment) or [b"PATH=/usr/bin:/bin"]}], jobs=jobs)

    def wait(self, *ids):
        """JobEnded of each of these jobs, by id."""
        tag = self.send(wait={"selector": {"ids": [{"first": i, "last": i} for i in ids]}})
        ended = [reply["job_ended"] for reply in self.replies(tag) if "job_ended" in reply]
        return {e["id"]: e for e in ended}

    def jobs(self, *ids):
        """Job of each of these ids (all own jobs without), by id."""
        selector = {"ids": [{"first": i, "last": i} for i in ids]} if ids else {"all": True}
        jobs = {}
        for reply in self.replies(self.send(info={"selector": selector})):
            for job in reply.get("job_page", {}).get("jobs", []):
                jobs[job["id"]] = job
        return jobs


def new_key():
    return struct.pack(">Q", int(time.time() * 1000))[2:] + os.urandom(10)

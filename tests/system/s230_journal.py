# SPDX-License-Identifier: Apache-2.0
"""What jobd sends to systemd's journal, which the test plays: a message and its fields, a datagram a line."""

import os
import re
import select
import socket
import struct
import time

import harness
import users


def fields_of(datagram):
    """The native protocol: "NAME=value" lines; a value with line ends has its length before it."""
    fields = {}
    while datagram:
        line, _, rest = datagram.partition(b"\n")
        name, equals, value = line.partition(b"=")
        if not equals:
            size = struct.unpack("<Q", rest[:8])[0]
            value, rest = rest[8:8 + size], rest[8 + size + 1:]
        fields[name.decode()] = value.decode()
        datagram = rest
    return fields


class Journal(users.SystemCase):
    def setUp(self):
        super().setUp()
        path = os.path.join(self.dir, "journal")
        self.journal = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.journal.bind(path)
        os.chmod(path, 0o666)
        self.addCleanup(self.journal.close)
        with open(self.daemon.log, "ab") as log:
            st = os.fstat(log.fileno())
        self.stream = {"JOURNAL_STREAM": f"{st.st_dev}:{st.st_ino}"}
        self.prefix = ("unshare", "--mount", "sh", "-c",
                       'mount -t tmpfs none /run && mkdir -p /run/systemd/journal && '
                       'ln -s "$1" /run/systemd/journal/socket && shift && exec "$@"', "sh", path)

    def hear(self, **wanted):
        """Waits for a line with these fields, and returns it."""
        until = time.monotonic() + harness.DEADLINE
        while True:
            if not select.select([self.journal], [], [], max(0, until - time.monotonic()))[0]:
                raise TimeoutError(f"the journal hears nothing like {wanted}")
            fields = fields_of(self.journal.recv(65536))
            if all(re.search(value, fields.get(name, "")) for name, value in wanted.items()):
                return fields

    def test_fields(self):
        self.start(env=self.stream, prefix=self.prefix)
        started = self.hear(JOBD_EVENT="^started$")
        self.assertEqual("5f230f0988504bc1bf2b46b1f51f845d", started["MESSAGE_ID"])
        self.assertEqual("jobd", started["SYSLOG_IDENTIFIER"])
        job = self.a.submit("--hold", "true")
        self.jobctl("cancel", job)
        act = self.hear(JOBD_EVENT="^admin$")
        self.assertRegex(act["MESSAGE"], rf"^uid 0 \(process \d+\) asks to cancel job {job} of uid {self.a.uid}: done$")
        self.assertEqual(("0", str(job), "cancel", "5"),
                         (act["JOBD_UID"], act["JOBD_JOB_ID"], act["JOBD_VERB"], act["PRIORITY"]))
        self.a.jobctl("drain", status=4)
        act = self.hear(JOBD_EVENT="^admin$", JOBD_VERB="^drain$")
        self.assertEqual(str(self.a.uid), act["JOBD_UID"])
        self.assertIn(": refused, ", act["MESSAGE"])
        with self.b.client() as client:
            client.send_bytes(struct.pack(">I", 8) + b"\xff" * 8)
            client.reply()
        self.assertEqual(str(self.b.uid), self.hear(JOBD_EVENT="^client$")["JOBD_UID"])
        self.daemon.configure("[Jobs]\nGrace=whenever\n")
        self.jobctl("reload", status=2)
        self.assertIn("jobd.conf:2", self.hear(JOBD_EVENT="^config-bad$", PRIORITY="^3$")["MESSAGE"])
        self.assertEqual(0, self.daemon.stop())
        self.hear(JOBD_EVENT="^stopped$")

    def test_a_name_cannot_make_a_field(self):
        """Bytes of users are escaped in a message: no line end, so no second field."""
        self.start(env=self.stream, prefix=self.prefix)
        with self.daemon.client() as client:
            next(client.replies(client.send(queue={"action": "QUEUE_PAUSE", "name": "x\nJOBD_UID=7\nMESSAGE_ID=1"})))
        act = self.hear(JOBD_EVENT="^admin$")
        self.assertEqual("0", act["JOBD_UID"])
        self.assertIn(r"x\nJOBD_UID=7\n", act["MESSAGE"])

    def test_a_start_that_is_refused(self):
        self.start(env=self.stream, prefix=self.prefix, ready=False, config="[Jobs]\nGrace=whenever\n")
        self.assertEqual(6, self.daemon.wait())
        self.assertIn("jobd.conf:2", self.hear(JOBD_EVENT="^config-bad$")["MESSAGE"])
        os.mkdir(self.daemon.state)
        os.mkdir(os.path.join(self.daemon.state, "state"))
        os.chown(os.path.join(self.daemon.state, "state"), self.a.uid, self.a.gid)
        self.start(env=self.stream, prefix=self.prefix, ready=False, config="")
        self.assertEqual(4, self.daemon.wait())
        self.assertIn("belongs to uid", self.hear(JOBD_EVENT="^start-refused$")["MESSAGE"])


if __name__ == "__main__":
    users.main()

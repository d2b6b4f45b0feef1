# SPDX-License-Identifier: Apache-2.0
"""What the log of jobd holds: lines that clients cause are few, however hard they try, and none is lost in silence."""

import re
import struct

import harness
from client import Client

SAID = re.compile(r"left out of this log: (.*)")


class Flood(harness.Case):
    def lines(self):
        return self.daemon.log_text().splitlines()

    def left_out(self, what):
        """How many of these the log says it does not have."""
        return sum(int(n) for line in self.lines() for n in re.findall(rf"(\d+) {what}", (SAID.search(line) or [""])[0]))

    def test_bad_requests(self):
        self.start()
        with self.daemon.client() as client:
            for _ in range(5000):
                client.send_bytes(struct.pack(">I", 8) + b"\xff" * 8)
            # Each is answered, none ends the connection, others are served.
            for _ in range(5000):
                self.assertEqual("ERROR_USAGE", client.reply()["error"]["code"])
            client.ask("ping")
        metrics = self.jobctl("metrics").out
        written = sum("sent bytes that are no request" in line for line in self.lines())
        self.assertGreaterEqual(written, 10)
        self.assertIn(f'jobd_log_lines_dropped_total{{kind="bad_frame"}} {5000 - written}\n', metrics)
        self.assertIn('jobd_log_lines_dropped_total{kind="attempt"} 0\n', metrics)
        self.assertLess(len(self.lines()), 100)
        self.assertEqual(0, self.daemon.stop())
        self.assertEqual(5000 - written, self.left_out("bad requests"))
        self.assertLess(len(self.lines()), 100)

    def test_bad_frames_and_connections(self):
        self.start("--set", "Limits.ConnectionsPerUser=3")
        frames, refused = 300, 300
        for n in range(frames):
            with Client(self.daemon.socket, deadline=harness.DEADLINE, hello=n % 2 == 0) as client:
                client.send_bytes(b"\xff\xff\xff\xff")
                client.expect_closed()
        held = [self.daemon.client() for _ in range(3)]
        for _ in range(refused):
            with Client(self.daemon.socket, deadline=harness.DEADLINE, hello=False) as client:
                client.expect_closed()
        for client in held:
            client.close()
        self.assertEqual(0, self.daemon.stop())
        self.assertLess(len(self.lines()), 60)
        said = sum("of no or too great length" in line for line in self.lines())
        self.assertEqual(frames, said + self.left_out("bad requests"))
        said = sum("was turned away" in line for line in self.lines())
        self.assertEqual(refused, said + self.left_out("refused connections"))

    def test_acts(self):
        self.start()
        with self.daemon.client() as client:
            for _ in range(500):
                client.ask("drain")
                client.ask("drain", end=True)
            # Noise does not cost the line of an act, nor the other way round.
            client.send_bytes(struct.pack(">I", 8) + b"\xff" * 8)
            client.reply()
        self.assertIn("sent bytes that are no request", self.daemon.log_text())
        self.assertEqual(0, self.daemon.stop())
        written = sum(" asks to " in line for line in self.lines())
        self.assertLess(written, 200)
        self.assertEqual(1000 - written, self.left_out("administrative acts"))
        self.assertRegex(self.daemon.log_text(), rf"administrative acts \(drain {1000 - written}\)")


if __name__ == "__main__":
    harness.main()

#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""jobctl events: what happened, in order and without gaps; who did it when it was not the owner."""

import os
import unittest

import harness


class Case(harness.Case):
    def events(self, *words, **options):
        return self.jobctl("events", "--json", *words, **options).json_lines

    def kinds(self, *words, **options):
        return [event["event"] for event in self.events(*words, **options)]


class Story(Case):
    def test_a_life(self):
        self.start()
        job, _, gate = self.submit_blocked("a")
        self.jobctl("pause", job)
        self.jobctl("resume", job)
        self.jobctl("kill", "-s", "WINCH", job)
        gate.send()
        self.jobctl("wait", job)
        self.assertEqual(["submitted", "starting", "started", "paused", "resumed", "signaled", "succeeded"], self.kinds(job))
        for event in self.events(job):
            self.assertEqual(job, event["job"])
            self.assertNotIn("by", event.get("detail", ""))
        sequence = [event["seq"] for event in self.events()]
        self.assertEqual(sequence, sorted(set(sequence)))

    def test_filters(self):
        self.start()
        array = self.submit("-a", "0-3", "true")
        other = self.submit("true")
        self.jobctl("wait", array, other)
        self.assertEqual({other}, {event["job"] for event in self.events(other)})
        self.assertEqual({2}, {event["task"] for event in self.events(f"{array}.2")})
        self.assertEqual(self.events()[-2:], self.events("-n", "2"))
        last = self.events()[-1]["seq"]
        self.assertEqual([], self.events("--after", last))
        self.assertEqual(1, len(self.events("--after", last - 1)))

    def test_following_goes_on_over_a_crash(self):
        self.start()
        follower = self.jobctl_start("events", "-f", "--json", "--after", "0")
        lines = self.lines(follower)
        first = self.submit("--hold", "true")
        lines.until(f'"job":{first}')
        self.daemon.kill()
        self.daemon.start()
        second = self.submit("--hold", "true")
        self.assertIn('"event":"submitted"', lines.until(f'"job":{second}'))
        follower.kill()


class Who(Case):
    @unittest.skipUnless(os.getuid() == 0, "only root can be somebody else")
    def test_acts_on_others_jobs_say_who(self):
        self.daemon.start(system=True)
        self.env["JOBCTL_SOCKET"] = self.daemon.socket
        other = {"user": harness.NOBODY, "group": harness.NOBODY, "extra_groups": [], "cwd": "/"}
        job = int(self.jobctl("submit", "--hold", "-a", "0-1", "true", **other).out)
        self.jobctl("release", job, **other)
        self.jobctl("wait", job, **other)
        held = int(self.jobctl("submit", "--hold", "true", **other).out)
        self.jobctl("update", held, "--priority", "7", "--yes")
        self.jobctl("update", held, "-d", f"afterany:{job}", "--yes")  # that one is read first
        self.jobctl("cancel", held, "--yes")
        mine = self.submit("--hold", "true")
        self.jobctl("cancel", mine)
        # The owner is told, in words; his own acts say nothing.
        events = self.events(held, **other)
        told = {event["event"]: event.get("detail", "") for event in events}
        self.assertEqual(["priority 7, by root", "dependencies, by root"],
                         [event["detail"] for event in events if event["event"] == "updated"])
        self.assertEqual("by root", told["cancelled"])
        self.assertEqual("", told["submitted"])
        self.assertNotIn("by", " ".join(event.get("detail", "") for event in self.events(job, **other)))
        self.assertRegex(self.jobctl("events", held, **other).out, rf"(?m)^\S+  {held} +cancelled +by root$")
        self.assertNotIn("by", " ".join(event.get("detail", "") for event in self.events(mine)))
        # And what is others' is not told to him.
        self.assertEqual([], [event for event in self.events(**other) if event["job"] == mine])


if __name__ == "__main__":
    unittest.main()

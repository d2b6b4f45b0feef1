#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""units_selftest.py BUILD-FOLDER: plants each setting that would break the service in a unit; systemd/check.sh must find it."""

import os
import shutil
import subprocess
import sys
import tempfile
import unittest

CHECK = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "systemd", "check.sh")
UNITS = ""  # the folder of the build

WORKERS = ("PrivateTmp=yes", "PrivateUsers=yes", "ProtectHome=read-only", "ProtectSystem=strict", "NoNewPrivileges=yes",
           "MemoryDenyWriteExecute=yes", "RestrictAddressFamilies=AF_UNIX", "RestrictNamespaces=yes",
           "RestrictSUIDSGID=yes", "SystemCallFilter=@system-service", "CapabilityBoundingSet=CAP_SETUID",
           "LockPersonality=yes", "User=jobd", "PartOf=jobd.service", "BindsTo=jobd.service", "Requires=jobd.service",
           "RuntimeDirectory=jobd", "KillMode=process")
PLANTED = [
    *[("system/jobd.service", setting) for setting in (
        "PrivateUsers=yes", "PrivateUsers=1", "ProcSubset=pid", "RuntimeDirectory=jobd", "DynamicUser=yes",
        "Requires=jobd-workers.service", "BindsTo=jobd-workers.service", "PartOf=jobd.socket")],
    *[("user/jobd.service", setting) for setting in ("PrivateUsers=yes", "PrivateTmp=yes", "ProtectHome=yes")],
    *[("system/jobd-workers.service", setting) for setting in WORKERS],
    *[("user/jobd-workers.service", setting) for setting in WORKERS[::6]],
    ("system/jobd.socket", "FlushPending=yes"),
]


class Forbidden(unittest.TestCase):
    def check(self, folder):
        done = subprocess.run(["sh", CHECK, folder, "forbidden"], stdout=-1, stderr=subprocess.STDOUT, text=True, check=False)
        if done.returncode == 77:
            self.skipTest(done.stdout)
        return done.returncode, done.stdout

    def test_planted(self):
        self.assertEqual((0, ""), self.check(UNITS))
        for unit, setting in PLANTED:
            with self.subTest(unit=unit, setting=setting), tempfile.TemporaryDirectory() as folder:
                for mode in ("system", "user"):
                    shutil.copytree(os.path.join(UNITS, mode), os.path.join(folder, mode))
                with open(os.path.join(folder, unit), "a", encoding="utf-8") as f:
                    f.write(setting + "\n")
                status, said = self.check(folder)
                self.assertEqual(1, status)
                self.assertIn(f"{os.path.basename(unit)} must not set", said)


if __name__ == "__main__":
    UNITS = sys.argv.pop(1)
    unittest.main()

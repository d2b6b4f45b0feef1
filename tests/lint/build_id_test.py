# SPDX-License-Identifier: Apache-2.0
"""A build knows itself by its sources: another one for each change that matters, the same for the same."""

import os
import re
import shutil
import subprocess
import sys
import tempfile
import unittest

ROOT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..")
PARTS = ("common", "proto", "daemon", "worker")


@unittest.skipUnless(shutil.which("cmake"), "no cmake here")
class BuildId(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.tree = os.path.join(folder.name, "a tree")
        self.copy(ROOT, self.tree)

    def copy(self, source, to):
        os.makedirs(to)
        shutil.copy(os.path.join(source, "CMakeLists.txt"), to)
        for part in PARTS:
            shutil.copytree(os.path.join(source, part), os.path.join(to, part))

    def build(self, tree=None, version="1.2.3", package="1.2.3-1", *options):
        tree = tree or self.tree
        made = os.path.join(self.tree, "made.h")
        subprocess.run(["cmake", f"-DSOURCE={tree}", f"-DVERSION={version}", f"-DPACKAGE={package}", f"-DOUTPUT={made}",
                        *options, "-P", os.path.join(tree, "common", "version.cmake")], check=True)
        with open(made, encoding="utf-8") as f:
            return re.search('VERSION_BUILD "(.*)"', f.read())[1]

    def test_its_form(self):
        self.assertRegex(self.build(), r"^1\.2\.3\+[0-9a-f]{12}$")
        self.assertEqual("1.2.3", self.build(None, "1.2.3", "1.2.3-1", "-DPLAIN=ON"))

    def test_place_and_time_do_not_matter(self):
        other = os.path.join(self.tree, "elsewhere")
        self.copy(ROOT, other)
        for folder, _, names in os.walk(other):
            for name in names:
                os.utime(os.path.join(folder, name), (0, 0))
        self.assertEqual(self.build(), self.build(other))

    def test_a_change_without_a_version_is_another_build(self):
        seen = {self.build()}
        for part in PARTS:
            path = os.path.join(self.tree, part, "CMakeLists.txt")
            with open(path, "a", encoding="utf-8") as f:
                f.write("# changed\n")
            seen.add(self.build())
        os.rename(os.path.join(self.tree, "worker", "line.c"), os.path.join(self.tree, "worker", "line2.c"))
        seen.add(self.build())
        seen.add(self.build(package="1.2.3-2"))
        self.assertEqual(7, len(seen))

    def test_what_is_no_source_does_not_matter(self):
        before = self.build()
        with open(os.path.join(self.tree, "worker", "notes~"), "w", encoding="utf-8") as f:
            f.write("of an editor")
        self.assertEqual(before, self.build())


if __name__ == "__main__":
    unittest.main(argv=[sys.argv[0]])

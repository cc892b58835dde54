"""A disk that becomes full, at every 4 KiB of what a load needs: an error that says so, and what was there stays.

A small file system in memory is given one page more at a time. With SHEAF_FAULTS the loads are ten times as large.
"""

import os
import shutil
import subprocess
import unittest

from faulted import FAULTS, LOADS, ONE_THREAD, FaultedTest
from harness import FEW_ROUNDS, SHEAF

PAGE = 4096
ENOUGH = 64 << 20
FULL = ["No space left on device", "database or disk is full", "disk I/O error"]


class FullDisk(FaultedTest):
    rows = 3000 if FAULTS else 100 if FEW_ROUNDS else 300
    may_leave = ()

    def setUp(self):
        super().setUp()
        if os.geteuid() != 0:
            self.skipTest("ONLY ROOT CAN MOUNT A SMALL DISK: what a full one does is not tested")
        self.disk = self.path(self.mount_small_disk("1m"))

    def resize(self, n_bytes):
        """False: it holds more than that already. (No bytes at all would be no limit.)"""
        return subprocess.run(["mount", "-o", f"remount,size={n_bytes}", self.disk], capture_output=True).returncode == 0

    def refill(self):
        """Only what is there before a load, and as much room as it takes."""
        self.resize(ENOUGH)
        for name in os.listdir(self.disk):
            os.unlink(os.path.join(self.disk, name))
        for name in os.listdir(self.path("before")):
            shutil.copy2(os.path.join(self.path("before"), name), self.disk)

    def pages(self):
        about = os.statvfs(self.disk)
        return about.f_blocks - about.f_bfree

    def fill(self):
        """One page more each time, until it is enough, and a few pages more."""
        size, enough = 0, 0
        while enough < 3:
            self.refill()
            size = max(size, self.pages()) + 1 if size else max(self.pages(), 1)
            if not self.resize(size * PAGE):
                continue
            ended = self.outcome(self.disk, self.command)
            kind, why = self.judged(ended, FULL)
            if not why and ended.left:
                why = f"left {ended.left}"
            if not why and kind == "error":
                self.resize(ENOUGH)
                kind, why = self.judged(self.outcome(self.disk, self.command), FULL)
                kind = "error, then complete" if kind == "complete" else kind
                if kind != "error, then complete":
                    why = f"not even then: {why}"
            self.seen[kind] += 1
            if why:
                self.defects.append(f"{self.name}, {size} pages: {why}")
            enough = enough + 1 if kind == "complete" else 0

    def test_of_files_and_databases(self):
        for name, load in LOADS.items():
            if not name.startswith("stdout"):
                self.begin(name, load, ONE_THREAD)
                self.fill()

    def test_of_threads(self):
        for name in ("sqlite, replaced", "csv, replaced", "parquet, set aside"):
            self.begin(name, LOADS[name], ["-j", "2"])
            self.fill()

    def test_of_redirections(self):
        """What stdout was told stays there: a part of what it would have been."""
        self.begin("stdout", LOADS["stdout"], ONE_THREAD)
        for size in range(1, len(self.whole.out) // PAGE + 4):
            self.refill()
            self.resize(size * PAGE)
            with open(os.path.join(self.disk, "out"), "wb") as out:
                ended = subprocess.run([SHEAF, *self.command], cwd=self.path("before"), stdout=out,
                                       stderr=subprocess.PIPE, stdin=subprocess.DEVNULL)
            with open(os.path.join(self.disk, "out"), "rb") as out:
                written = out.read()
            full = size * PAGE < len(self.whole.out)
            self.seen["error" if full else "complete"] += 1
            self.assertEqual(2 if full else 0, ended.returncode, ended.stderr)
            self.assertEqual(self.whole.out[:size * PAGE], written)
            if full:
                self.assertIn(b"No space left on device", ended.stderr)
                self.assertIn(b"standard output", ended.stderr)


if __name__ == "__main__":
    unittest.main()

"""kill -9 at any moment, then the same command again: nothing lost, nothing doubled, nothing left over.

What must be there in the end is what an undisturbed run gives: rows in their order, the ledger, and what was set
aside. SHEAF_KILLS says how many runs are killed of each kind (15); the moments are spread over the time that a run
takes. Where there is strace(1), a run is also killed at single writes, fsyncs, renames, ...: at the first three of each
and at every fourth of the others (every twelfth under a sanitizer), at all of them if SHEAF_KILLS is more than 20.
"""

import collections
import itertools
import json
import os
import random
import re
import signal
import subprocess
import sys
import time

import harness
from harness import CLEAN, FAULT, SHEAF, SKIPPED, SheafTest

KILLS = int(os.environ.get("SHEAF_KILLS") or harness.rounds(15))
SEED = int(os.environ.get("SHEAF_SEED", "0"))

# What is done: to begin with, and then, again and again.
KINDS = {
    "sqlite": ("x.db", []),
    "sqlite, resumed": ("x.db", ["--resume", "--index", "n"]),
    "sqlite, file by file": ("x.db", ["--resume", "--commit", "per-file", "--index", "text,n"]),
    "csv": ("x.csv", []),
    "csv with a ledger": ("x.csv", ["--ledger"]),
    "csv, resumed": ("x.csv", ["--resume"]),
    "csv, replaced": ("x.csv", ["--ledger", "--if-exists", "replace"]),
    "jsonl, resumed": ("x.jsonl", ["--resume"]),
}
CALLS = ("write", "pwrite64", "fsync", "fdatasync", "rename", "renameat2", "unlink", "ftruncate", "flock",
         "copy_file_range", "openat", "close", "link")


class KilledTest(SheafTest):
    rows = 3000

    def setUp(self):
        super().setUp()
        for i in range(6):
            self.write_rows(f"in/{i}.csv", self.rows, start=i * 10000)
        self.write("in/3.csv", self.read("in/3.csv") + b"one field\n")
        for name in self.names("in"):
            os.utime(self.path("in/" + name), ns=(10**18, 10**18))

    def command(self, kind, *sources):
        destination, more = KINDS[kind]
        return ["ingest", "--no-sniff", "--encoding", "utf-8", *sources, "-o", destination, "-j", "2", "-q", *more]

    def run_to_end(self, kind, *sources):
        ended = subprocess.run([SHEAF, *self.command(kind, *sources)], cwd=self.dir, capture_output=True)
        return ended.returncode, ended.stderr

    def content(self, kind):
        """Everything that is there, but for the sources, and the times of loading."""
        destination = KINDS[kind][0]
        held = {}
        for name in self.names():
            if name == "in":
                continue
            if name.endswith(".db"):
                held[name] = re.sub(rb"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", b"", self.sql(name, ".dump"))
                self.assert_database_is_sound(name)
            elif name.endswith(".ledger.jsonl"):
                lines = [json.loads(line) for line in self.read(name).splitlines()]
                about = os.stat(self.path(destination))
                self.assertEqual(about.st_size, lines[0]["after_size"])
                held[name] = [{**line, "loaded_at": "", "in": ""} for line in lines[1:] if line["in"] != "before"]
                held[name].append(lines[0]["after_content"])
            else:
                held[name] = self.read(name)
        return held

    def clear(self):
        for name in self.names():
            if name != "in":
                os.unlink(self.path(name))

    def begin(self, kind):
        """Where the run that is killed goes on, or replaces, something is there."""
        self.clear()
        if {"--resume", "replace"} & set(KINDS[kind][1]):
            code, err = self.run_to_end(kind, "in/0.csv", "in/3.csv")
            self.assertEqual(SKIPPED, code, err)

    def undisturbed(self, kind):
        self.begin(kind)
        begun = time.monotonic()
        code, err = self.run_to_end(kind, "in")
        self.assertIn(code, (CLEAN, SKIPPED), err)
        return self.content(kind), time.monotonic() - begun

    def again(self, kind):
        """The same command again. Only a run that had ended, and need not be again, refuses that."""
        code, err = self.run_to_end(kind, "in")
        if code == FAULT and not {"--resume", "replace"} & set(KINDS[kind][1]):
            self.assertIn(b"already", err)
            return False
        self.assertIn(code, (CLEAN, SKIPPED), err)
        return True

    def assert_same(self, expected, kind, what):
        found = self.content(kind)
        self.assertEqual(sorted(expected), sorted(found), what)
        for name in expected:
            self.assertTrue(expected[name] == found[name], f"{what}: {name} differs")


class AtRandomTimes(KilledTest):
    def test_every_kind(self):
        for kind in KINDS:
            with self.subTest(kind=kind):
                self.kill_often(kind)

    def kill_often(self, kind):
        rng = random.Random(f"{SEED}{kind}")
        expected, seconds = self.undisturbed(kind)
        ended = collections.Counter()
        for i in range(KILLS):
            self.begin(kind)
            process = subprocess.Popen([SHEAF, *self.command(kind, "in")], cwd=self.dir,
                                       stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            time.sleep(rng.random() * seconds * 1.2)
            process.send_signal(signal.SIGKILL)
            killed = process.wait() == -signal.SIGKILL
            left = [name for name in self.names() if name.startswith(".")]
            self.again(kind)
            ended["killed" if killed else "was over"] += 1
            ended["left something"] += bool(left)
            self.assert_same(expected, kind, f"{kind}, {i}")
        if KILLS > 20:
            print(kind, dict(ended), flush=True)


class AtEveryCall(KilledTest):
    """The n-th call of a kind never comes back: strace kills the process when it is made."""
    rows = 400

    def setUp(self):
        super().setUp()
        self.skip_without_strace()

    def traced(self, kind, *options):
        return subprocess.run(["strace", "-f", "-qq", "-o", "/dev/null", *options, SHEAF, *self.command(kind, "in")],
                              cwd=self.dir, capture_output=True)

    def moments(self, call, seed):
        """Which of the calls: the first ones, and some of those behind them; all, if many are to be killed."""
        if KILLS > 20:
            yield from itertools.count(1)
        most = 7 if call in ("openat", "close") else sys.maxsize
        step = 12 if harness.FEW_ROUNDS else 4
        yield from range(1, 4)
        yield from range(4 + random.Random(seed).randrange(step), most, step)

    def test_every_kind(self):
        n = 0
        for kind in KINDS:
            expected, _ = self.undisturbed(kind)
            for call in CALLS:
                for when in self.moments(call, f"{SEED}{kind}{call}"):
                    self.begin(kind)
                    ended = self.traced(kind, "-e", f"trace={call}", "-e",
                                        f"inject={call}:signal=KILL:when={when}")
                    if ended.returncode not in (-signal.SIGKILL, 128 + signal.SIGKILL):
                        break
                    n += 1
                    self.again(kind)
                    self.assert_same(expected, kind, f"{kind}, {call} {when}")
        if KILLS > 20:
            print(f"killed at {n} calls")


if __name__ == "__main__":
    import unittest
    unittest.main()

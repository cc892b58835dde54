"""PostgreSQL: whatever ends a load, at whatever moment, the same command again makes it whole: nothing lost, nothing
doubled. What must be there in the end is what an undisturbed run gives: rows, ledger, and what was set aside.

SHEAF_KILLS says how many runs are ended of each kind (20; more of them: at every call, too, and their counts are told).
test_killed.py does the same with other destinations.
"""

import collections
import os
import random
import shutil
import signal
import subprocess
import time
import unittest

from harness import CLEAN, FAULT, SHEAF, SKIPPED
from postgres import PostgresTest, literal
from test_killed import KILLS, SEED

IS_LONG = KILLS > 20
KINDS = {
    "created": [],
    "resumed": ["--resume"],
    "file by file": ["--resume", "--commit", "per-file"],
    "replaced": ["--if-exists", "replace"],
    "changed": ["--resume", "--changed", "replace", "--add", "file"],
    "changed, file by file": ["--resume", "--changed", "replace", "--add", "file", "--commit", "per-file"],
}


class KilledTest(PostgresTest):
    rows_each = 3000

    def setUp(self):
        super().setUp()
        for i in range(6):
            self.write_rows(f"in/{i}.csv", self.rows_each, start=i * 10000)
        self.write("in/3.csv", self.read("in/3.csv") + b"one field\n")
        for name in self.names("in"):
            os.utime(self.path("in/" + name), ns=(10**18, 10**18))

    def command(self, kind, *sources):
        return ["ingest", "--no-sniff", "--encoding", "utf-8", *sources, "-o", self.uri, "--table", "t", "-j", "2", "-q",
                *KINDS[kind]]

    def run_to_end(self, kind, *sources):
        ended = subprocess.run([SHEAF, *self.command(kind, *sources)], cwd=self.dir, capture_output=True)
        return ended.returncode, ended.stderr

    def content(self):
        """Everything that is there, but for the times of loading."""
        self.assertEqual(["t", "t_quarantine"], [name for name in self.tables() if name != "t_quarantine_files"])
        return (self.psql("SELECT * FROM t ORDER BY n"),
                self.psql("SELECT row_to_json(l)::jsonb - 'loaded_at' FROM t_ledger l ORDER BY entry"),
                self.psql("SELECT * FROM t_quarantine"))

    def begin(self, kind):
        """Where the run that is ended goes on, or replaces, something is there."""
        self.drop()
        now = {name: self.read(name) for name in ("in/0.csv", "in/3.csv")}
        if "--changed" in KINDS[kind]:
            for name, text in now.items():
                self.write(name, text.replace(b"0,some", b"0,another"))
        if KINDS[kind]:
            code, err = self.run_to_end(kind, *now)
            self.assertEqual(SKIPPED, code, err)
        for name, text in now.items():
            self.write(name, text)
            os.utime(self.path(name), ns=(10**18, 10**18))

    def undisturbed(self, kind):
        seconds = []
        for _ in range(5 if IS_LONG else 2):
            self.begin(kind)
            begun = time.monotonic()
            code, err = self.run_to_end(kind, "in")
            seconds.append(time.monotonic() - begun)
            self.assertIn(code, (CLEAN, SKIPPED), err)
        return self.content(), min(seconds)

    def assert_again(self, kind, expected, what):
        """The same command again. Only a run that had ended, and need not be again, refuses that."""
        code, err = self.run_to_end(kind, "in")
        if code == FAULT and not KINDS[kind]:
            self.assertIn(b"already", err)
        else:
            self.assertIn(code, (CLEAN, SKIPPED), (what, err))
        self.assertTrue(expected == self.content(), what)

    def backends(self):
        return self.psql(f"SELECT pid FROM pg_stat_activity WHERE datname = {literal(self.database)} AND "
                         "application_name = 'sheaf'", database="postgres").split()

    def end_often(self, kind, n, end):
        """end(process) ends a load after a while, or what it needs; True: by force."""
        rng = random.Random(f"{SEED}{kind}{end.__name__}")
        expected, seconds = self.undisturbed(kind)
        ended = collections.Counter()
        for i in range(n):
            self.begin(kind)
            process = subprocess.Popen([SHEAF, *self.command(kind, "in")], cwd=self.dir,
                                       stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
            time.sleep(rng.random() * seconds * 1.2)
            end(process)
            error = process.communicate()[1]
            ended["killed" if process.returncode == -signal.SIGKILL else
                  "in doubt" if b"it is not known" in error else
                  "failed" if process.returncode == FAULT else "was over"] += 1
            self.assert_again(kind, expected, f"{kind}, {end.__name__}, {i}")
        if IS_LONG:
            print(kind, end.__name__, dict(ended), flush=True)


class AtRandomTimes(KilledTest):
    def test_the_program_is_killed(self):
        def kill(process):
            process.kill()
        for kind in KINDS:
            with self.subTest(kind=kind):
                self.end_often(kind, KILLS if IS_LONG else KILLS // 4, kill)

    def test_its_backend_is_terminated(self):
        def terminate(process):
            self.psql("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'sheaf' AND "
                      f"datname = {literal(self.database)}", database="postgres")
        for kind in KINDS:
            with self.subTest(kind=kind):
                self.end_often(kind, KILLS if IS_LONG else KILLS // 6, terminate)

    def test_the_server_is_stopped_at_once(self):
        def stop(process):
            self.cluster.stop()
            process.wait()
            self.cluster.start()
        for kind in KINDS:
            with self.subTest(kind=kind):
                self.end_often(kind, KILLS if IS_LONG else KILLS // 20, stop)


class AtEveryCall(KilledTest):
    """The n-th call of a kind never comes back: strace kills the program when it is made."""
    rows_each = 400

    def setUp(self):
        super().setUp()
        if not shutil.which("strace"):
            self.skipTest("there is no strace")
        probe = subprocess.run(["strace", "-f", "-qq", "-e", "trace=none", "true"], capture_output=True)
        if probe.returncode:
            self.skipTest(f"strace cannot trace here: {probe.stderr.decode()}")

    def test_every_kind(self):
        """sendto: the server is not asked; recvfrom: it is, and nobody hears the answer."""
        step = 1 if IS_LONG else 7
        counts = collections.Counter()
        for kind in KINDS:
            expected, _ = self.undisturbed(kind)
            for call in ("sendto", "recvfrom", "poll") if IS_LONG else ("sendto", "recvfrom"):
                when = 1 + random.Random(f"{SEED}{kind}{call}").randrange(step)
                while True:
                    self.begin(kind)
                    ended = subprocess.run(["strace", "-f", "-qq", "-o", "/dev/null", "-e", f"trace={call}", "-e",
                                            f"inject={call}:signal=KILL:when={when}", SHEAF, *self.command(kind, "in")],
                                           cwd=self.dir, capture_output=True)
                    if ended.returncode not in (-signal.SIGKILL, 128 + signal.SIGKILL):
                        break
                    counts[kind, call] += 1
                    self.assert_again(kind, expected, f"{kind}, {call} {when}")
                    when += step
        self.assertEqual(2 * len(KINDS), sum(call != "poll" for _, call in counts), counts)
        if IS_LONG:
            print(dict(counts), flush=True)


if __name__ == "__main__":
    unittest.main()

"""Loads of which one thing fails, and what must come of that: for test_system_calls, test_allocations, test_full_disk.

Whatever fails, a run ends in one of two ways: complete, and then everything is as the undisturbed run leaves it;
or with exit 2 and an error that says what failed and why, and then everything is as it was before. Only what
cannot be removed may be left, and not for longer than until the next run. A file that cannot be read may cost
itself where faults are set aside: that is said, too.
"""

import collections
import concurrent.futures
import contextlib
import gzip
import json
import os
import re
import shutil
import sqlite3
import subprocess
import time

from harness import CLEAN, FAULT, SHEAF, SKIPPED, SANITIZER_REPORT, SheafTest

TIMEOUT = 40
FAULTS = int(os.environ.get("SHEAF_FAULTS", "0"))  # of each kind of load; 0: a sample, negative: all that there are
AT_ONCE = 2
TIMES = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ")
TEMPORARY = re.compile(r"\.sheaf-.*\.tmp|.*-journal|.*-wal|.*-shm")

LONG_NAME = "a column whose name is longer than what anybody keeps in a buffer " * 5
CAREFUL = ["--encoding", "utf-8", "--on-error", "stop"]


class Load:
    """What is done: the command, run beside the folder of sources, and those that precede it."""

    def __init__(self, *command, before=(), sources="good", ends=CLEAN):
        self.command = [f"../{sources}" if word == "SRC" else word for word in command]
        self.before = before
        self.ends = ends


def into(destination, *options, **more):
    return Load("ingest", "SRC", "-o", destination, "-q", *CAREFUL, *options, **more)


def dirty(destination, *options, **more):
    return Load("ingest", "SRC", "-o", destination, *options, sources="bad", ends=SKIPPED, **more)


ASKS = ["--match", "loose", "--select", f"N,the day,{LONG_NAME}", "--rename", "day=the day", "--null", "17",
        "--add", "file,row", "--columns", "union"]
WORSE = [["ingest", "../worse", "-o", "x.csv", "-q"]]
OLD = ["ingest", "../good/0.csv", "-o"]
LOADS = {
    "sqlite": into("x.db"),
    "sqlite, replaced": into("x.db", "--if-exists", "replace", before=[[*OLD, "x.db"]]),
    "sqlite, resumed": into("x.db", "--resume", before=[[*OLD, "x.db"]]),
    "sqlite, a file replaced": into("x.db", "--resume", "--changed", "replace", before=[
        [*OLD, "x.db"], "UPDATE x_ledger SET size = size + 1"]),
    "sqlite, set aside": dirty("x.db"),
    "csv": into("x.csv"),
    "csv, replaced": into("x.csv", "--if-exists", "replace", before=[[*OLD, "x.csv"]]),
    "csv, set aside": dirty("x.csv"),
    "csv, replaced, set aside": dirty("x.csv", "--if-exists", "replace", before=WORSE),
    "csv, replaced, none set aside": into("x.csv", "--if-exists", "replace", before=WORSE),
    "csv, ledger": into("x.csv", "--ledger"),
    "csv, resumed": into("x.csv", "--resume", before=[[*OLD, "x.csv", "--ledger"]]),
    "csv.gz": into("x.csv.gz", "--if-exists", "replace", before=[[*OLD, "x.csv.gz"]]),
    "csv.zst": into("x.csv.zst"),
    "jsonl": into("x.jsonl"),
    "csv, asked": into("x.csv", *ASKS, sources="mixed"),
    "parquet": into("x.parquet"),
    "parquet, asked": into("x.parquet", *ASKS, "--type", "N=float64", sources="mixed"),
    "parquet, set aside": dirty("x.parquet", "--quarantine", "aside.jsonl"),
    "arrow": into("x.arrow", "--if-exists", "replace", before=[[*OLD, "x.arrow"]]),
    "arrows": into("x.arrows"),
    "stdout": Load("cat", "SRC", "-q", *CAREFUL),
    "stdout, set aside": Load("cat", "SRC", "--quarantine", "aside.jsonl", sources="bad", ends=SKIPPED),
}
ASKED = {
    "count": Load("count", "SRC", *CAREFUL),
    "sniff": Load("sniff", "SRC"),
    "schema": Load("schema", "SRC", *CAREFUL),
    "check": Load("check", "SRC", "-q", sources="bad", ends=SKIPPED),
    "show": Load("show", "../bad/1.csv:40"),
    "retry": Load("retry", "x.db", "-q", before=[
        ["ingest", "../bad", "-o", "x.db", "-q"],
        "UPDATE x_quarantine SET raw = '1,2,2024-01-01,x'"]),
}
LOADING = ("ingest", "cat", "count", "schema", "check")
ONE_THREAD = ["-j", "1", "--executor", "sequential"]


def described(folder):
    """What is in a folder, but for times of loading. A database is opened: what was left of a commit is rolled back."""
    held = {}
    for name in sorted(os.listdir(folder)):
        path = os.path.join(folder, name)
        if TEMPORARY.fullmatch(name):
            continue
        if name.endswith(".db") and os.path.getsize(path):
            with contextlib.closing(sqlite3.connect(path)) as database:
                sound = database.execute("PRAGMA integrity_check").fetchone()
                held[name] = TIMES.sub("", repr(sound) + "\n".join(database.iterdump()))
        else:
            with open(path, "rb") as file:
                held[name] = file.read()
            if name.endswith(".ledger.jsonl"):
                held[name] = TIMES.sub("", held[name].decode())
    for name in sorted(held):
        if name.endswith(".ledger.jsonl"):
            held[name] = ledger(held[name])
    return {name: what for name, what in held.items() if os.path.exists(os.path.join(folder, name))}


def ledger(text):
    """A sidecar, without what tells one making of a file from another: its inode and its time."""
    lines = [json.loads(line) for line in text.splitlines()]
    return [{key: value for key, value in line.items() if key not in ("loaded_at", "in")}
            for line in lines if line.get("in") != "before"]


class Outcome:
    def __init__(self, code, out, err, held, left):
        self.code, self.out, self.err, self.held, self.left = code, out, err, held, left


class FaultedTest(SheafTest):
    rows = 60

    def setUp(self):
        super().setUp()
        self.started = time.monotonic()
        self.seen = collections.Counter()
        self.defects = []
        row = "{0},{0}.5,2024-01-{1:02d},text {0}\n"
        lines = [row.format(n, n % 28 + 1) for n in range(3 * self.rows)]
        parts = ["n,x,day,text\n" + "".join(lines[i * self.rows:(i + 1) * self.rows]) for i in range(3)]
        self.write("good/0.csv", parts[0])
        self.write("good/1.csv.gz", gzip.compress(parts[1].encode(), mtime=0))
        self.write("good/2.csv", parts[2])
        self.write("bad/0.csv", parts[0])
        self.write("bad/1.csv", parts[1] + "one field\n" + lines[-1])
        self.write("bad/2.csv.gz", gzip.compress(parts[2].encode(), mtime=0))
        self.write("mixed/0.csv", parts[0])
        self.write("mixed/1.csv", f"DAY, N,{LONG_NAME}\n2024-03-01,17,x\n2024-03-02,18,y\n")
        self.write("worse/9.csv", parts[2] + "one field\n" * 3)
        for folder in ("good", "bad", "mixed"):
            for name in self.names(folder):
                os.utime(self.path(f"{folder}/{name}"), ns=(10**18, 10**18))

    # -- runs

    def folder(self, name, of=None):
        """A folder that is new, or a copy."""
        path = self.path(name)
        shutil.rmtree(path, ignore_errors=True)
        if of:
            shutil.copytree(of, path)
        else:
            os.mkdir(path)
        return path

    def run_in(self, folder, command, wrapper=(), **options):
        """Code, output and errors; a code of None if it did not end."""
        try:
            ended = subprocess.run([*wrapper, SHEAF, *command], cwd=folder, capture_output=True, timeout=TIMEOUT,
                                   stdin=subprocess.DEVNULL, **options)
            return ended.returncode, ended.stdout, ended.stderr
        except subprocess.TimeoutExpired as late:
            return None, late.stdout or b"", late.stderr or b""

    def outcome(self, folder, command, wrapper=(), **options):
        code, out, err = self.run_in(folder, command, wrapper, **options)
        if command[0] == "ingest":  # a summary, with times
            out = b""
        left = [name for name in os.listdir(folder) if TEMPORARY.fullmatch(name)]
        return Outcome(code, out, err, described(folder), left)

    def begin(self, name, load, how):
        """What is there before, and what an undisturbed run makes of it."""
        before = self.folder("before")
        for step in load.before:
            if isinstance(step, str):
                with contextlib.closing(sqlite3.connect(os.path.join(before, "x.db"))) as database:
                    database.execute(step)
                    database.commit()
                continue
            code, _, err = self.run_in(before, step)
            self.assertIn(code, (CLEAN, SKIPPED), err)
        self.before = described(before)
        self.name, self.command = name, [*load.command, *(how if load.command[0] in LOADING else [])]
        self.whole = self.outcome(self.folder("whole", of=before), self.command)
        self.assertEqual((load.ends, []), (self.whole.code, self.whole.left), self.whole.err)

    def disturb(self, wrappers):
        """Do it once for each of (what, wrapper, environment, reasons): all of which must end well."""
        todo = list(wrappers)
        with concurrent.futures.ThreadPoolExecutor(AT_ONCE) as pool:
            for i, each in enumerate(pool.map(self.disturbed, range(len(todo)), todo)):
                kind, why = each
                self.seen[kind] += 1
                if why:
                    self.defects.append(f"{self.name}, {todo[i][0]}: {why}")

    def disturbed(self, i, one):
        what, wrapper, environment, reasons = one
        folder = self.folder(f"run{i}", of=self.path("before"))
        environment = {**os.environ, **environment}
        ended = self.outcome(folder, self.command, wrapper, env=environment)
        kind, why = self.judged(ended, reasons)
        if kind.endswith("beside it"):
            again = self.outcome(folder, self.command)
            whole = (again.code, again.held) == (self.whole.code, self.whole.held)
            why = None if whole else f"not even again: {again.err}"
        if not why and ended.left:
            kind, why = f"{kind}, something left", self.left_too_long(folder, ended, what)
        shutil.rmtree(folder)
        return kind, why

    def judged(self, ended, reasons):
        """How it ended, and what is wrong with that."""
        told = ended.err.decode(errors="replace")
        shown = f"exit {ended.code}, {told[-1500:]}"
        if ended.code is None:
            return "defect", "did not end"
        if b"CHECK failed: sanitizer_" in ended.err:
            return "no memory for the sanitizer", None
        if SANITIZER_REPORT.search(ended.err):
            return "defect", shown
        if ended.code == self.whole.code and ended.held == self.whole.held and ended.out == self.whole.out:
            return "complete", None
        if ended.code == SKIPPED and "skipped: " in told and any(reason in told for reason in reasons):
            return "a file left out", None
        if "the C library has no locale" in told:  # which does not tell why it could not load it
            return "error", None
        if ended.code != FAULT:
            return "defect", shown
        if ended.held != self.before and self.tells_of_both(ended):
            return "error, a ledger beside it", None
        if ended.held != self.before:
            return "defect", f"not as it was: {sorted(ended.held)}, before {sorted(self.before)}: {shown}"
        if not self.whole.out.startswith(ended.out) and self.command[0] != "sniff":  # that goes on with other files
            return "defect", f"another output: {ended.out[-300:]} {shown}"
        if not re.search(r"^(error|skipped): ", told, re.MULTILINE):
            return "defect", f"no error is told: {shown}"
        if not any(reason in told for reason in reasons):
            return "defect", f"the reason is not told: {shown}"
        return "error", None

    def tells_of_both(self, ended):
        """Of a file, the ledger comes first: it tells of what there was and of what there is to be, and both are good."""
        name = self.command[self.command.index("-o") + 1] + ".ledger.jsonl" if "-o" in self.command else None
        return {**ended.held, name: None} == {**self.before, name: None}

    def left_too_long(self, folder, ended, what):
        """Where it could not remove something, the next run does; that one ends as if nothing had been."""
        if not any(call in what for call in self.may_leave):
            return f"left {ended.left}, exit {ended.code}, {ended.err[-600:].decode(errors='replace')}"
        if ended.code == self.whole.code:
            return None
        again = self.outcome(folder, self.command)
        if again.left or again.held != self.whole.held or again.code != self.whole.code:
            return f"left {ended.left}, and the next run {again.left}, {again.code}, {again.err}"
        return None

    may_leave = ("unlink", "rename")

    def tearDown(self):
        if FAULTS and self.seen:
            print(f"\n{self.id()}: {sum(self.seen.values())} faults, {dict(self.seen)}, "
                  f"{time.monotonic() - self.started:.0f} s", flush=True)
        shown = "\n".join(self.defects[:int(os.environ.get("SHEAF_DEFECTS", "12"))])
        self.assertEqual(0, len(self.defects), shown)


def sample(n, most):
    """So many of 0..n-1, spread evenly, or all of them."""
    if FAULTS < 0 or n <= most:
        return range(n)
    return sorted({i * n // most for i in range(most)})

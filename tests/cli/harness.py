"""How the tests run the program: in a directory of their own, with a time limit, watched for crashes.

The program is what the environment's SHEAF names, else build/test/sheaf. Every run checks what holds for all
of them: it ends in time and by itself, and no sanitizer has anything to say.

A test module is a program (`python3 tests/cli/test_x.py`); `python3 -m unittest discover -s tests/cli` runs
all of them.
"""

import contextlib
import csv
import functools
import gzip
import hashlib
import io
import json
import os
import pathlib
import pty
import re
import resource
import select
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import unittest

REPOSITORY = pathlib.Path(__file__).resolve().parents[2]
CORPORA = REPOSITORY.parent / "shared" / "corpora"
FEW_ROUNDS = os.environ.get("SHEAF_FEW_ROUNDS") == "1"  # where each run costs several times as much
TIMES_AS_MANY = int(os.environ.get("SHEAF_ROUNDS", "1"))  # for a long run, by hand
SHEAF = str(pathlib.Path(os.environ.get("SHEAF", REPOSITORY / "build/test/sheaf")).resolve())

TIMEOUT = 60  # seconds for one run: far more than any needs, on a busy machine with a sanitizer too

CLEAN, USAGE, FAULT, SKIPPED, ACCOUNT, INTERRUPTED = 0, 1, 2, 3, 4, 130
LOADS = ("ingest", "cat", "count", "schema")
WORKERS = ("1", "2", "8")
NOBODY = 65534
NUMBER = r"[\d,]+"

ROWS = b"1,2\n" * 10_000
AT_WORK = 4 << 20  # bytes that a program has been fed when it surely is in the middle of its work

signal.signal(signal.SIGINT, signal.default_int_handler)  # the program gets it, though a shell had us ignore it

SANITIZER_REPORT = re.compile(rb"(Address|Leak|Thread|Memory|UndefinedBehavior)Sanitizer|: runtime error: ")


@functools.cache
def is_sanitized():
    """Whether the program was built with AddressSanitizer: its memory use then says nothing."""
    return b"__asan_init" in pathlib.Path(SHEAF).read_bytes()


# A process inherits the peak of the one that it was forked from: so a small one stands in between.
MEASURE = """
import resource, subprocess, sys
code = subprocess.call(sys.argv[2:])
open(sys.argv[1], "w").write(str(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * 1024))
sys.exit(code)
"""


def to_bytes(data):
    return data if isinstance(data, bytes) else data.encode()


def wait_until(condition, what, timeout=TIMEOUT):
    """Wait for something outside of our hands; fail when it does not come."""
    give_up = time.monotonic() + timeout
    while not condition():
        if time.monotonic() > give_up:
            raise AssertionError(f"waited in vain until {what}")
        time.sleep(0.005)


# ---------------------------------------------------------------- what a run gave

class Run:
    """A finished run: its exit code and its output."""

    def __init__(self, args, code, out=b"", err=b"", peak_bytes=0):
        self.args = args
        self.code = code
        self.out = out
        self.err = err
        self.peak_bytes = peak_bytes

    def __str__(self):
        return (f"sheaf {' '.join(map(repr, self.args))}\nexit {self.code}\n"
                f"stdout ({len(self.out)} bytes) {self.out[:600]!r}\n"
                f"stderr {self.err[:3000].decode(errors='replace')}")

    @property
    def json(self):
        return json.loads(self.out.decode("utf-8"))

    @property
    def error(self):
        return ShownError(self.err)

    @property
    def error_text(self):
        return self.err.decode("utf-8")

    def csv(self, delimiter=","):
        """The records on stdout, the header first."""
        return parse_csv(self.out, delimiter)

    def counts(self):
        """What `count` printed: the records of each path (None for one that was skipped), and the total."""
        form = re.compile(r" *(\d+|-) (.*?)( \(skipped\))?")
        lines = [form.fullmatch(line) for line in self.out.decode("utf-8").splitlines()]
        counts = [(line[2], None if line[1] == "-" else int(line[1])) for line in lines]
        what, total = counts.pop()
        assert what == "total", str(self)
        return counts, total


class ShownError:
    """The first error on stderr, taken apart: see sheaf_error_format() in status.h."""

    LOCATION = re.compile(r"^ +--> (?P<source>.*?)(?::(?P<line>\d+))?(?::(?P<column>\d+))?"
                          r"(?: \((?P<more>.*)\))?$",
                          re.MULTILINE)

    def __init__(self, err):
        self.text = err.decode("utf-8")
        first = re.search(r"^(?:error|fault|warning|skipped|note): (.*)", self.text, re.MULTILINE)
        location = self.LOCATION.search(self.text)
        more = (location and location["more"]) or ""
        self.message = first and first[1]
        self.source = location and location["source"]
        self.line = int(location["line"]) if location and location["line"] else None
        self.column_number = int(location["column"]) if location and location["column"] else None
        self.byte = self._number(r"\bbyte ([\d,]+)", more)
        self.record = self._number(r"\brecord ([\d,]+)", more)
        named = re.search(r'column "(.*)"', more)
        self.column_name = named and named[1]
        self.help = (re.search(r"^ +help: (.*)", self.text, re.MULTILINE) or [None, None])[1]

    @staticmethod
    def _number(pattern, text):
        found = re.search(pattern, text)
        return int(found[1].replace(",", "")) if found else None


def parse_csv(data, delimiter=","):
    return list(csv.reader(io.StringIO(data.decode("utf-8"), newline=""), delimiter=delimiter, strict=True))


# ---------------------------------------------------------------- a test with a directory

class SheafTest(unittest.TestCase):
    finds_encodings = False
    sniffs = False

    maxDiff = 2000

    @classmethod
    def setUpClass(cls):
        if not os.access(SHEAF, os.X_OK):
            raise AssertionError(f"no program at {SHEAF}: set SHEAF")

    def setUp(self):
        self.dir = pathlib.Path(tempfile.mkdtemp(prefix="sheaf-test-"))
        self.addCleanup(shutil.rmtree, self.dir, ignore_errors=True)

    # -- files

    def path(self, name):
        """A path in the test's directory, as bytes when the name is."""
        return os.path.join(os.fsencode(self.dir) if isinstance(name, bytes) else str(self.dir), name)

    def write(self, name, data):
        """Make a file (and its directories) with this text or these bytes; returns its name."""
        os.makedirs(os.path.dirname(self.path(name)), exist_ok=True)
        with open(self.path(name), "wb") as file:
            file.write(to_bytes(data))
        return name

    def write_gzip(self, name, data, level=6):
        return self.write(name, gzip.compress(to_bytes(data), level, mtime=0))

    def write_rows(self, name, count, start=0, header="n,text", filler="some text"):
        """A file of `count` rows of a number and a text that tell which row they are."""
        rows = "".join(f"{n},{filler} {n}\n" for n in range(start, start + count))
        return self.write(name, f"{header}\n{rows}")

    def write_big(self, name, megabytes, header="n,text"):
        """A file of about so many megabytes, made quickly; returns its name. All rows are alike in length."""
        row_count = megabytes * 10_000
        return self.write(name, header + "\n" + "".join(f"{n:09d},{'x' * 94}\n" for n in range(row_count)))

    def make_fifo(self, name):
        os.mkfifo(self.path(name))
        return name

    def read(self, name):
        with open(self.path(name), "rb") as file:
            return file.read()

    def names(self, folder="."):
        """Everything in a directory, hidden files too."""
        return sorted(os.listdir(self.path(folder)))

    @contextlib.contextmanager
    def assert_directory_unchanged(self, folder="."):
        """Nothing appears, vanishes or changes in the test's directory."""
        before = self.snapshot(folder)
        yield
        self.assertEqual(before, self.snapshot(folder))

    def snapshot(self, folder="."):
        """Each name, and what a regular file holds (a checksum, which makes a short message)."""
        return {name: self.checksum(os.path.join(folder, name)) for name in self.names(folder)}

    def checksum(self, name):
        return hashlib.sha256(self.read(name)).hexdigest() if os.path.isfile(self.path(name)) else None

    def mount_small_disk(self, size):
        """A directory that holds no more than that; returns its name."""
        os.mkdir(self.path("disk"))
        mount = subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", self.path("disk")],
                               capture_output=True)
        if mount.returncode:
            self.skipTest(f"no disk can be mounted here: {mount.stderr.decode()}")
        self.addCleanup(subprocess.run, ["umount", self.path("disk")], check=True)
        return "disk"

    def skip_without_strace(self):
        if not shutil.which("strace"):
            self.skipTest("there is no strace")
        probe = subprocess.run(["strace", "-f", "-qq", "-e", "trace=none", "true"], capture_output=True)
        if probe.returncode:
            self.skipTest(f"strace cannot trace here: {probe.stderr.decode()}")

    # -- runs

    def start(self, *args, **options):
        """
        Start the program in the test's directory; it is killed when the test ends before it. Faults end a run
        unless a test says what else they do: how they are set aside is test_quarantine's. And bytes that are
        not UTF-8 are faults unless it says that the encoding is to be found out: that is test_encodings'.
        """
        if args and args[0] in LOADS and "--encoding" not in args \
                and not self.finds_encodings:
            args = (args[0], "--encoding", "utf-8", *args[1:])
        if args and args[0] in (*LOADS, "check", "show") and not self.sniffs:
            args = (args[0], "--no-sniff", *args[1:])
        if args and args[0] in LOADS and "--on-error" not in args:
            args = (args[0], "--on-error", "stop", *args[1:])
        options = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE,
                   "cwd": self.dir, **options}
        process = subprocess.Popen([SHEAF, *args], **options)
        self.addCleanup(stop, process)
        return process

    def start_fed(self, *args, **options):
        """Start the program with a pipe as stdin, and feed it until it is in the middle."""
        process = self.start(*args, stdin=subprocess.PIPE, **options)
        process.stdin.write(b"a,b\n")
        process.stdin.flush()
        fill_pipe(process.stdin.fileno(), ROWS, AT_WORK)
        return process

    def unprivileged(self):
        """Options for a run that has no more rights than other users; root's are taken from it."""
        if os.geteuid() != 0:
            return {}
        os.chmod(self.dir, 0o755)
        options = {"user": NOBODY, "group": NOBODY, "extra_groups": []}
        try:
            subprocess.run([SHEAF, "--version"], stdout=subprocess.DEVNULL, **options)
        except PermissionError:
            self.skipTest(f"other users than root cannot run {SHEAF}")
        return options

    def finish(self, process, input=None, timeout=TIMEOUT):
        """Wait for the program's end and check what holds for every run."""
        try:
            out, err = process.communicate(input, timeout)
        except subprocess.TimeoutExpired:
            process.kill()
            out, err = process.communicate()
            self.fail(f"did not end within {timeout} s:\n{Run(process.args[1:], None, out or b'', err or b'')}")
        run = Run(process.args[1:], process.returncode, out or b"", err or b"")
        self.assert_sound(run)
        return run

    def assert_sound(self, run):
        self.assertIsNone(SANITIZER_REPORT.search(run.err), run)
        self.assertGreaterEqual(run.code, 0, f"killed by signal {-run.code}: {run}")

    def sheaf(self, *args, input=None, timeout=TIMEOUT, **options):
        """Run the program to its end, with `input` (bytes, or nothing) on its stdin."""
        if input is not None:
            options["stdin"] = subprocess.PIPE
        return self.finish(self.start(*args, **options), input, timeout)

    def succeed(self, *args, **options):
        """A run that must end clean."""
        return self.expect(CLEAN, *args, **options)

    def expect(self, code, *args, **options):
        run = self.sheaf(*args, **options)
        self.assertEqual(code, run.code, run)
        return run

    def expect_fault(self, *args, source=None, line=None, byte=None, record=None, says=None, **options):
        """A run that must end with a fault, shown with these coordinates."""
        run = self.expect(FAULT, *args, **options)
        self.assert_shows_error(run, source, line, byte, record, says)
        return run

    def assert_shows_error(self, run, source=None, line=None, byte=None, record=None, says=None):
        error = run.error
        self.assertTrue(run.err.startswith(b"error: "), f"the first line is not an error: {run}")
        shown = {"source": error.source, "line": error.line, "byte": error.byte, "record": error.record}
        wanted = {"source": source, "line": line, "byte": byte, "record": record}
        wanted = {key: value for key, value in wanted.items() if value is not None}
        self.assertEqual(wanted, {key: shown[key] for key in wanted}, run)
        if says:
            self.assertRegex(error.text, re.compile(says, re.IGNORECASE), run)

    def totals(self, *args, code=CLEAN, **options):
        """The facts of an ingest (`--json`), checked to add up."""
        facts = self.expect(code, "ingest", *args, "--json", **options).json
        self.assertEqual(facts["records"], facts["loaded"] + facts["rejected"] + facts["skipped"], facts)
        return facts

    def measure(self, *args):
        """Run to the end and give the peak of its memory too."""
        with tempfile.NamedTemporaryFile() as peak:
            ended = subprocess.run([sys.executable, "-c", MEASURE, peak.name, SHEAF, *args], cwd=self.dir,
                                   stdin=subprocess.DEVNULL, capture_output=True, timeout=TIMEOUT)
            return Run(args, ended.returncode, ended.stdout, ended.stderr, int(peak.read()))

    # -- databases, read by the sqlite3 program

    def sql(self, database, statements, *options):
        run = subprocess.run(["sqlite3", "-bail", *options, self.path(database)], input=to_bytes(statements),
                             capture_output=True, timeout=TIMEOUT)
        self.assertEqual(b"", run.stderr)
        return run.stdout

    def sql_dump(self, database, table, ledger=True):
        """All of a database, but for when its ledger was written, and how long before that a file was; or without it."""
        name = sql_name(table + "_ledger")
        order = f"UPDATE {name} SET loaded_at = '', mtime_ns = 0" if ledger else f"DROP TABLE IF EXISTS {name}"
        return self.sql(database, f"{order};\n.dump\n")

    def sql_columns(self, database, table):
        rows = self.sql(database, f"SELECT hex(name) FROM pragma_table_info({sql_text(table)}) ORDER BY cid;")
        return [bytes.fromhex(line.decode()).decode() for line in rows.split()]

    def sql_rows_hex(self, database, table):
        """All rows in order, a line each: the fields' bytes as hex digits between bars, '-' for null."""
        fields = [f"CASE WHEN {quoted} IS NULL THEN '-' ELSE hex(CAST({quoted} AS BLOB)) END"
                  for quoted in map(sql_name, self.sql_columns(database, table))]
        return self.sql(database, f"SELECT {','.join(fields)} FROM {sql_name(table)} ORDER BY rowid;",
                        "-list", "-separator", "|")

    def sql_rows(self, database, table):
        """All rows in order, None for null."""
        return [[None if field == "-" else bytes.fromhex(field).decode() for field in line.split("|")]
                for line in self.sql_rows_hex(database, table).decode().splitlines()]

    def assert_database_is_sound(self, database):
        self.assertEqual(b"ok", self.sql(database, "PRAGMA integrity_check;").strip())


def rounds(n):
    """How many rounds of random input a test makes: as support.h has it."""
    return max(2, n * TIMES_AS_MANY // (10 if FEW_ROUNDS else 1))


def large(n):
    """How much of a large input it takes: a quarter where reading costs several times as much."""
    return n // 4 if FEW_ROUNDS else n


def some_of(ways, turn, n=2):
    """Ways to do the same, for a test that has many things to do in each: n of them here, others at each turn, so that
    all get theirs; every one in a long run.
    """
    if TIMES_AS_MANY > 1:
        return ways
    return [ways[(turn * n + i) % len(ways)] for i in range(min(n, len(ways)))]


def sql_name(name):
    return '"' + name.replace('"', '""') + '"'


def sql_text(text):
    return "'" + text.replace("'", "''") + "'"


def rows_as_hex(rows):
    """Rows as sql_rows_hex gives them."""
    return "".join("|".join("-" if value is None else value.encode().hex().upper() for value in row) + "\n"
                   for row in rows).encode()


def csv_line(values):
    """A record with all fields in quotes, and its line end."""
    return ",".join('"' + value.replace('"', '""') + '"' for value in values) + "\n"


def null_as_empty(rows):
    return [["" if value is None else value for value in row] for row in rows]


def stop(process):
    """End a process that a test started, if it still runs, and close our ends of its pipes."""
    if process.poll() is None:
        process.kill()
        process.wait()
    for pipe in (process.stdin, process.stdout, process.stderr):
        if pipe:
            with contextlib.suppress(BrokenPipeError):
                pipe.close()


# ---------------------------------------------------------------- things done to the child before it starts

def limit_open_files(count):
    return lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (count, count))


def leave_descriptors(count, limit=64):
    """The program inherits so many open files that it can open only `count` more. (Popen: close_fds=False.)"""
    def inherit():
        resource.setrlimit(resource.RLIMIT_NOFILE, (limit, limit))
        taken = []
        with contextlib.suppress(OSError):
            while True:
                taken.append(os.dup(0))
        for descriptor in taken:
            os.set_inheritable(descriptor, True)
        for descriptor in taken[len(taken) - count:]:
            os.close(descriptor)
    return inherit


def limit_file_size(size):
    """Like a disk that is full: a file cannot grow beyond `size` bytes (write gives EFBIG)."""
    def limit():
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))
    return limit


def close_descriptors(*descriptors):
    """As `>&-` does."""
    return lambda: [os.close(descriptor) for descriptor in descriptors]


# ---------------------------------------------------------------- pipes and terminals

def fill_pipe(descriptor, chunk, at_least):
    """
    Write at least so many bytes. All but a pipe's capacity (64 KiB) has then been read, so the program is
    known to be at work.
    """
    written = 0
    while written < at_least:
        written += os.write(descriptor, chunk)
    return written


class Terminal:
    """A pseudo-terminal as a program's stderr; `text` is what it showed so far."""

    def __init__(self):
        self.master, self.slave = pty.openpty()
        self.text = b""

    def close_slave(self):
        os.close(self.slave)

    def read_until(self, condition, timeout=TIMEOUT):
        """Read what is shown until `condition(text)`; False at the end of the output or the time."""
        give_up = time.monotonic() + timeout
        while not condition(self.text):
            ready, _, _ = select.select([self.master], [], [], max(0, give_up - time.monotonic()))
            chunk = self._read() if ready else b""
            if not chunk:
                return False
            self.text += chunk
        return True

    def read_all(self):
        self.read_until(lambda _: False)
        return self.text

    def _read(self):
        try:
            return os.read(self.master, 65536)
        except OSError:  # Linux: EIO when the last slave is closed
            return b""

    def close(self):
        os.close(self.master)


def main():
    unittest.main(module="__main__", verbosity=2)

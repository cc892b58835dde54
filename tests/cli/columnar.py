"""What the tests of Arrow and Parquet files share: the readers, and what a column has to be for them."""

import csv
import ctypes
import datetime
import functools
import hashlib
import json
import os
import pathlib
import random
import shutil
import struct
import subprocess
import tempfile
import unittest

import harness
from harness import FAULT, REPOSITORY, SKIPPED, csv_line
from test_types import TypesTest, as_type, column, field, some_date, some_time, type_of

READERS = os.environ.get("SHEAF_READERS", "")
NODE = shutil.which("node") or shutil.which("nodejs")
LONG = 1000  # bytes of a text that is compared by its SHA-256
EPOCH = datetime.datetime(1970, 1, 1)

DUCKDB = os.environ.get("SHEAF_DUCKDB", "")
needs_duckdb = unittest.skipUnless(pathlib.Path(DUCKDB).is_file(), f"NOT TESTED: no DuckDB at {DUCKDB!r}; .ci/setup downloads it")
needs_readers = unittest.skipUnless(
    NODE and READERS and pathlib.Path(READERS).exists(), f"NOT TESTED: no node, or no readers at {READERS!r}; .ci/setup gets both")


SPELLED = {"null": "Null", "bool": "Bool", "int64": "Int64", "float64": "Float64", "date": "Date32<DAY>",
           "timestamp": "Timestamp<MICROSECOND>", "timestamp_utc": "Timestamp<MICROSECOND, UTC>",
           "time": "Time64<MICROSECOND>", "text": "Utf8"}
FAR = {"date": ["0001-01-01", "9999-12-31", "1969-12-31", "1970-01-01", "2024-02-29"],
       "timestamp": ["0001-01-01 00:00:00.000001", "9999-12-31 23:59:59.999999", "1969-12-31 23:59:59.999999"],
       "timestamp_utc": ["0001-01-01T00:00:00Z", "9999-12-31T23:59:59.999999Z", "1969-12-31T23:59:59.9Z"],
       "time": ["00:00:00", "23:59:59.999999", "12:00:00.5"],
       "int64": [str(-2**63), str(2**63 - 1), "0", "-1"], "bool": ["true", "FALSE"]}




def rows_of(columns):
    return "".join(",".join(map(field, row)) + "\n" for row in zip(*columns))


def microseconds(span):
    return (span.days * 86400 + span.seconds) * 1_000_000 + span.microseconds


@functools.lru_cache(maxsize=1 << 16)
def expected_value(name, text):
    """A value of a column of this type, as tests/readers/read.mjs spells it."""
    if text is None or name == "null":
        return None
    if name == "text":
        held = text.encode()
        return text if len(held) <= LONG else f"{hashlib.sha256(held).hexdigest()} {len(held)}"
    if name == "float64":
        return struct.pack(">d", float(text)).hex()
    value = as_type(name, text)
    if name == "bool":
        return bool(value)
    if name == "int64":
        return str(value)
    if name == "date":
        return str((datetime.date.fromisoformat(value) - EPOCH.date()).days)
    if name == "time":
        return str(microseconds(datetime.datetime.fromisoformat(f"1970-01-01 {with_fraction(value)}") - EPOCH))
    return str(microseconds(datetime.datetime.fromisoformat(with_fraction(value.removesuffix("Z"))) - EPOCH))


def with_fraction(text):
    """Python reads three digits of a fraction, or six."""
    seconds, _, fraction = text.partition(".")
    return f"{seconds}.{fraction:0<6}"


@functools.cache
def duckdb_library():
    return ctypes.CDLL(DUCKDB)


class DuckDB:
    """A database in memory, by DuckDB's C library."""

    def __init__(self):
        self.library, self.database, self.connection = duckdb_library(), ctypes.c_void_p(), ctypes.c_void_p()
        if self.library.duckdb_open(None, ctypes.byref(self.database)) or \
                self.library.duckdb_connect(self.database, ctypes.byref(self.connection)):
            raise AssertionError("DuckDB does not start")

    def close(self):
        self.library.duckdb_disconnect(ctypes.byref(self.connection))
        self.library.duckdb_close(ctypes.byref(self.database))

    def run(self, sql):
        result = ctypes.create_string_buffer(256)
        failed = self.library.duckdb_query(self.connection, sql.encode(), result)
        self.library.duckdb_result_error.restype = ctypes.c_char_p
        error = self.library.duckdb_result_error(result)
        self.library.duckdb_destroy_result(result)
        if failed:
            raise AssertionError(f"DuckDB: {error.decode()}: {sql[:300]}")


class Readers:
    """The process of tests/readers/read.mjs, which reads one file after the other."""

    def __init__(self):
        self.said = tempfile.TemporaryFile()
        self.process = subprocess.Popen([NODE, "--max-old-space-size=3000", REPOSITORY / "tests/readers/read.mjs", READERS],
                                        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self.said)

    def read(self, reader, path):
        """What it has found, and what it had to say besides."""
        self.process.stdin.write(json.dumps([reader, path]).encode() + b"\n")
        self.process.stdin.flush()
        answer = self.process.stdout.readline()
        self.said.seek(0)
        return json.loads(answer or '{"error": "it has ended"}'), self.said.read()

    def stop(self):
        harness.stop(self.process)
        self.said.close()


@functools.cache
def shared_readers():
    """One for all tests of a module."""
    readers = Readers()
    unittest.addModuleCleanup(readers.stop)
    return readers


class ColumnarTest(TypesTest):
    def query(self, sql, n):
        """All rows of a query of n columns called q0, q1...: texts, None for NULL."""
        duckdb = DuckDB()
        fields = ", ".join(f"coalesce('x' || hex(CAST(q{i} AS VARCHAR)), '-') AS q{i}" for i in range(n))
        try:
            duckdb.run(f"COPY (SELECT {fields} FROM ({sql})) TO '{self.path('answer.csv')}' (FORMAT csv, HEADER false)")
        finally:
            duckdb.close()
        csv.field_size_limit(1 << 30)
        with open(self.path("answer.csv"), newline="") as answer:
            return [[None if field == "-" else bytes.fromhex(field[1:]).decode() for field in row] for row in csv.reader(answer)]

    def duckdb_columns(self, name, types):
        """A Parquet file's types and columns, as read.mjs spells them."""
        source = f"read_parquet('{self.path(name)}')"
        described = self.query(f"SELECT column_name AS q0, column_type AS q1 FROM (DESCRIBE SELECT * FROM {source})", 2)
        long = f"CASE WHEN octet_length(encode({{0}})) > {LONG} THEN sha256({{0}}) || ' ' || octet_length(encode({{0}})) ELSE {{0}} END"
        spelled = {"text": long, "date": "{0} - DATE '1970-01-01'", "timestamp": "epoch_us({0})", "timestamp_utc": "epoch_us({0})",
                   "time": "epoch_us({0})"}
        quoted = ['"' + column.replace('"', '""') + '"' for column, _ in described]
        fields = ", ".join(spelled.get(each, "{0}").format(column) + f" AS q{i}" for i, (each, column) in enumerate(zip(types, quoted)))
        rows = self.query(f"SELECT {fields} FROM {source}", len(types))
        made = {"bool": lambda value: value == "true", "float64": lambda value: struct.pack(">d", float(value)).hex()}
        columns = [[value if value is None or each not in made else made[each](value) for value in column]
                   for each, column in zip(types, zip(*rows))] if rows else [[] for _ in types]
        return {"names": [row[0] for row in described], "types": [row[1] for row in described], "columns": columns}

    def read_columns(self, reader, name):
        answer, said = shared_readers().read(reader, self.path(name))
        self.assertEqual((None, b""), (answer.get("error"), said), f"{reader} cannot read {name}")
        return answer

    def assert_holds(self, name, types, columns, readers, spelled, names=None):
        """The file has these columns (of texts) as these types, whoever reads it; returns how many rows its groups have."""
        expected = [[expected_value(each, value) for value in values] for each, values in zip(types, columns, strict=True)]
        for reader in readers:
            found = self.duckdb_columns(name, types) if reader == "duckdb" else self.read_columns(reader, name)
            self.assertEqual([spelled[reader][each] if reader in spelled else spelled[each] for each in types], found["types"], reader)
            if names is not None:
                self.assertEqual(names, found["names"], reader)
            for i, (want, have) in enumerate(zip(expected, found["columns"], strict=True)):
                self.assertEqual(len(want), len(have), f"{reader}, column {i}")
                different = [row for row in range(len(want)) if want[row] != have[row]]
                if different:
                    row = different[0]
                    self.fail(f"{reader}, {name}, column {i} ({types[i]}), {len(different)} rows, the first is {row}: "
                              f"{have[row]!r}, not {want[row]!r}")
            batches = found.get("batches", None)
        return batches


class Cases:
    """
    What holds for every format. A class that has them says where to (destinations), who reads what is there, what
    they call each type, and how many rows a group (or batch) has.
    """

    def load(self, name, destination, *args):
        self.succeed("ingest", name, "-o", destination, "--if-exists", "replace", *args)

    def check(self, columns, *args, name="x.csv", readers=None):
        """Load a file; returns the rows of the groups."""
        types = list(self.schema(name).values())
        for destination in self.destinations:
            self.load(name, destination, *args)
            groups = self.assert_holds(destination, types, columns, readers or self.readers, self.spelled)
        return groups

    def test_every_value_of_random_columns(self):
        rng = random.Random(71)
        for _ in range(harness.rounds(6)):
            n = rng.choice([1, 7, 8, 9, 63, 64, 65, 700, 3000])
            columns = [column(rng, n) for _ in range(11)] + [[str(i) for i in range(n)]]
            self.write_columns("x.csv", columns)
            self.assertEqual([n], self.check(columns, "-j", rng.choice("12"), *rng.choice(self.variants)))

    def test_the_limits_of_every_type(self):
        for name, values in FAR.items():
            with self.subTest(name):
                columns = [values, [str(i) for i in range(len(values))]]
                self.write_columns("x.csv", columns)
                self.assertEqual([name, "int64"], list(self.schema("x.csv").values()))
                self.check(columns)

    def test_all_bits_of_doubles(self):
        rng = random.Random(72)
        numbers = [struct.unpack("<d", rng.randbytes(8))[0] for _ in range(20_000)]
        texts = [repr(each) for each in numbers if each == each and abs(each) != float("inf")]
        texts += ["-0.0", "0.0", "5e-324", "-5e-324", "1.7976931348623157e308", "2.2250738585072014e-308"]
        self.write_columns("x.csv", [texts])
        self.assertEqual("float64", type_of(texts))
        self.check([texts])

    def test_groups_end_after_their_rows_whoever_read_them(self):
        rng = random.Random(73)
        most = self.group
        for n, groups in ((most - 1, [most - 1]), (most, [most]), (most + 1, [most, 1])):
            columns = [[str(i) for i in range(n)], [rng.choice(["true", "false", None]) for _ in range(n)],
                       [None if rng.random() < 0.1 else "x" * (i % 7) or "y" for i in range(n)]]
            self.write_columns("x.csv", columns)
            readers = self.readers if n > most else self.readers[-1:]
            self.assertEqual(groups, self.check(columns, "--executor", rng.choice(["threads", "processes"]), readers=readers), n)

    def test_the_same_bytes_whoever_reads_and_encodes(self):
        rng = random.Random(76)
        for i in range(3):
            self.write_columns(f"d/{i}.csv", [column(rng, 70_000) for _ in range(5)] + [["x"] * 70_000])
        first = {}
        for way in (["-j", "1"], ["-j", "2"], ["-j", "8"], ["--executor", "processes"], ["--executor", "sequential"], ["--memory", "2M"]):
            for name in self.destinations:
                self.load("d", name, *way)
                self.assertEqual(first.setdefault(name, self.checksum(name)), self.checksum(name), way)

    def test_many_columns(self):
        n = 8_000
        self.write("x.csv", csv_line(f"c{i}" for i in range(n)) + csv_line(str(i) for i in range(n)) * 2)
        self.assertEqual([2], self.check([[str(i)] * 2 for i in range(n)], readers=self.readers_of_many_columns))

    def test_a_damaged_file_in_the_middle_is_taken_back(self):
        """With --text nobody surveys the files before: the damage is met when groups of it are written."""
        most = self.group
        n = most - 10_000
        good = [["1", "2"] * (n // 2), ["x", None] * (n // 2)]
        tail = [["3"] * 30_001, ["y"] * 30_001]
        bad = [[str(i * 7919) for i in range(3 * most)], ["z" * 9] * (3 * most)]
        self.write("d/1.csv", "a,b\n" + rows_of(good))
        self.write_gzip("d/2.csv.gz", "a,b\n" + rows_of(bad))
        self.write("d/2.csv.gz", self.read("d/2.csv.gz")[:-500])
        self.write("d/3.csv", "a,b\n" + rows_of(tail))
        columns = [a + b for a, b in zip(good, tail)]
        for name in self.destinations:
            for text, type_of_a in ((["--text"], "text"), ([], "int64")):
                self.succeed("ingest", "d/1.csv", "d/3.csv", "-o", name, "--if-exists", "replace", *text)
                groups = self.assert_holds(name, [type_of_a, "text"], columns, self.readers[-1:], self.spelled)
                self.assertEqual([most, n + 30_001 - most], groups)
                alone = self.checksum(name)
                for way in (["-j", "1"], ["-j", "2"], ["--executor", "processes"], ["--executor", "sequential"]):
                    self.expect(SKIPPED, "ingest", "d", "-o", name, "--on-error", "quarantine", "--if-exists", "replace", *way, *text)
                    self.assertEqual(alone, self.checksum(name), (name, way, text))

    def test_a_fault_leaves_nothing(self):
        self.write("x.csv", "a,b\n" + "1,2\n" * 100_000 + "3\n")
        for name in self.destinations:
            for how in ([], ["--text"]):
                with self.assert_directory_unchanged():
                    self.expect(FAULT, "ingest", "x.csv", "-o", name, *how)

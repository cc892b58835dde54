"""What the tests of Arrow and Parquet files share: the readers, and what a column has to be for them."""

import csv
import ctypes
import datetime
import functools
import json
import os
import pathlib
import shutil
import struct
import subprocess
import unittest

from harness import REPOSITORY
from test_types import TypesTest, as_type

READERS = os.environ.get("SHEAF_READERS", "")
NODE = shutil.which("node") or shutil.which("nodejs")
EPOCH = datetime.datetime(1970, 1, 1)

DUCKDB = os.environ.get("SHEAF_DUCKDB", "")
needs_duckdb = unittest.skipUnless(pathlib.Path(DUCKDB).is_file(), f"NOT TESTED: no DuckDB at {DUCKDB!r}; .ci/setup downloads it")
needs_readers = unittest.skipUnless(
    NODE and READERS and pathlib.Path(READERS).exists(), f"NOT TESTED: no node, or no readers at {READERS!r}; .ci/setup gets both")


def microseconds(span):
    return (span.days * 86400 + span.seconds) * 1_000_000 + span.microseconds


def expected_value(name, text):
    """A value of a column of this type, as tests/readers/read.mjs spells it."""
    if text is None or name == "null":
        return None
    if name == "text":
        return text
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
        spelled = {"date": "{0} - DATE '1970-01-01'", "timestamp": "epoch_us({0})", "timestamp_utc": "epoch_us({0})",
                   "time": "epoch_us({0})"}
        quoted = ['"' + column.replace('"', '""') + '"' for column, _ in described]
        fields = ", ".join(spelled.get(each, "{0}").format(column) + f" AS q{i}" for i, (each, column) in enumerate(zip(types, quoted)))
        rows = self.query(f"SELECT {fields} FROM {source}", len(types))
        made = {"bool": lambda value: value == "true", "float64": lambda value: struct.pack(">d", float(value)).hex()}
        columns = [[value if value is None or each not in made else made[each](value) for value in column]
                   for each, column in zip(types, zip(*rows))] if rows else [[] for _ in types]
        return {"names": [row[0] for row in described], "types": [row[1] for row in described], "columns": columns}

    def read_columns(self, reader, name):
        run = subprocess.run([NODE, "--max-old-space-size=3000", REPOSITORY / "tests/readers/read.mjs", READERS, reader,
                              self.path(name)], capture_output=True, timeout=300)
        self.assertEqual((0, b""), (run.returncode, run.stderr), f"{reader} cannot read {name}")
        return json.loads(run.stdout)

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



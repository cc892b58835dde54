"""The stream of typed batches, taken by DuckDB: every value arrives, of the type and in the order that it has."""

import os
import pathlib
import random
import subprocess
import unittest

from test_types import TypesTest, as_type, column

QUERY, DUCKDB = os.environ.get("SHEAF_QUERY_STREAM", ""), os.environ.get("SHEAF_DUCKDB", "")

# As a table has them: DuckDB makes columns of integers of those that have no type.
SQL_TYPES = {"null": "INTEGER", "bool": "BOOLEAN", "int64": "BIGINT", "float64": "DOUBLE", "date": "DATE",
             "timestamp": "TIMESTAMP", "timestamp_utc": "TIMESTAMP WITH TIME ZONE", "time": "TIME", "text": "VARCHAR"}


@unittest.skipUnless(QUERY, "NOT TESTED: the stream into DuckDB is not built with sanitizers")
@unittest.skipUnless(QUERY and pathlib.Path(DUCKDB).exists(), f"NOT TESTED: no DuckDB at {DUCKDB}; .ci/setup downloads it")
class Stream(TypesTest):
    def query(self, sql, *sources):
        run = subprocess.run([QUERY, DUCKDB, sql, *sources], cwd=self.path("."), capture_output=True, timeout=300)
        self.assertEqual((0, b""), (run.returncode, run.stderr))
        return [line.split("|") for line in run.stdout.decode().splitlines()]

    def values(self, names, *sources):
        """All rows; a value as its text, NULL as None."""
        fields = ", ".join(f"coalesce('x' || hex(CAST({name} AS VARCHAR)), '-')" for name in names)
        return [[None if field == "-" else bytes.fromhex(field[1:]).decode() for field in row]
                for row in self.query(f"SELECT {fields} FROM t", *sources)]

    def same(self, name, value):
        """A value that DuckDB spells, as the oracle does."""
        if value is None or name in ("text", "date", "time", "timestamp"):
            return value
        if name == "timestamp_utc":
            return value.removesuffix("+00") + "Z"
        return {"bool": lambda: int(value == "true"), "int64": lambda: int(value), "float64": lambda: float(value)}[name]()

    def test_every_value_of_random_columns_arrives(self):
        rng = random.Random(7)
        for round_number in range(12):
            n = rng.choice([1, 9, 256, 3000])
            columns = [column(rng, n) for _ in range(9)] + [[str(i) for i in range(n)]]
            self.write_columns("r.csv", columns)
            types = self.schema("r.csv")
            described = {row[0]: row[1] for row in self.query("DESCRIBE t", "r.csv")}
            self.assertEqual({name: SQL_TYPES[each] for name, each in types.items()}, described, round_number)
            names = list(types.values())
            expected = [[as_type(name, value) for name, value in zip(names, row)] for row in zip(*columns)]
            for want, have in zip(expected, self.values(types, "r.csv"), strict=True):
                have = [self.same(name, value) for name, value in zip(names, have)]
                have = [value or 0.0 if isinstance(value, float) else value for value in have]  # as as_type does
                self.assertEqual(repr(want), repr(have))

    def test_many_files_arrive_in_their_order_and_with_their_nulls(self):
        for i in range(50):
            self.write(f"d/{i:02}.csv", f"n,{'even' if i % 2 == 0 else 'odd'}\n" + "".join(f"{i * 1000 + k},v{k}\n" for k in range(1000)))
        rows = self.values(["n", "even", "odd"], "d")
        self.assertEqual([[str(i), f"v{i % 1000}" if i // 1000 % 2 == 0 else None, f"v{i % 1000}" if i // 1000 % 2 else None]
                          for i in range(50_000)], rows)

    def test_sql_gives_the_same_answers_as_from_the_database(self):
        trips = str(pathlib.Path(__file__).parents[2] / "data" / "trips")
        self.succeed("ingest", trips, "-o", "t.db")
        for sql in ("SELECT count(*), count(notes), min(started_at), max(ended_at), max(length(notes)) FROM t",
                    "SELECT bike_type, count(*), min(fare), max(distance_km) FROM t GROUP BY 1 ORDER BY 2 DESC",
                    "SELECT start_station, count(DISTINCT end_station), max(trip_id) FROM t GROUP BY 1 ORDER BY 1"):
            self.assertEqual(self.sql("t.db", sql).decode().splitlines(), ["|".join(row) for row in self.query(sql, trips)])

    def test_a_fault_is_told_before_the_first_row(self):
        self.write("bad.csv", "a,b\n1,2\n3\n")
        run = subprocess.run([QUERY, DUCKDB, "SELECT 1", self.path("bad.csv")], capture_output=True)
        self.assertEqual(1, run.returncode)
        self.assertIn(b"record 2 has 1 field", run.stderr)


del TypesTest

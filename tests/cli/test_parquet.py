"""Parquet files, read back by DuckDB, arrow-rs and hyparquet: every value of every type, and what the statistics say."""

import random

from columnar import SPELLED, Cases, ColumnarTest, needs_duckdb, needs_readers
from harness import USAGE, csv_line

READERS = ("duckdb", "parquet-rs", "hyparquet")
TYPES = {
    "duckdb": {"null": "INTEGER", "bool": "BOOLEAN", "int64": "BIGINT", "float64": "DOUBLE", "date": "DATE", "timestamp": "TIMESTAMP",
               "timestamp_utc": "TIMESTAMP WITH TIME ZONE", "time": "TIME", "text": "VARCHAR"},
    "parquet-rs": SPELLED,
    "hyparquet": {"null": "INT32 NULL", "bool": "BOOLEAN", "int64": "INT64", "float64": "DOUBLE", "date": "INT32 DATE",
                  "timestamp": "INT64 TIMESTAMP MICROS", "timestamp_utc": "INT64 TIMESTAMP MICROS UTC",
                  "time": "INT64 TIME MICROS", "text": "BYTE_ARRAY STRING"},
}


@needs_duckdb
@needs_readers
class Parquet(Cases, ColumnarTest):
    destinations = ("x.parquet",)
    readers = READERS
    readers_of_many_columns = READERS[1:]
    spelled = TYPES
    group = 131072
    variants = [["--compression", name] for name in ("zstd", "snappy", "none")]

    def chunks(self, *fields):
        """Of each column chunk the metadata, as DuckDB has them."""
        named = ", ".join(f"{field} AS q{i}" for i, field in enumerate(fields))
        return self.query(f"SELECT {named} FROM parquet_metadata('{self.path('x.parquet')}')", len(fields))

    def test_groups_of_long_texts_have_fewer_rows(self):
        texts = ["a" * (18 << 20)] * 4 + ["b" * ((64 << 20) - 100), "c"]
        columns = [[str(i) for i in range(len(texts))], texts]
        self.write_columns("x.csv", columns)
        self.assertEqual([3, 1, 2], self.check(columns))

    def test_few_and_many_different_values_and_runs_of_them(self):
        """What a dictionary holds, and what it does not: of every type, at every number of bits, in runs of all lengths."""
        rng = random.Random(74)
        makers = [lambda i: str(i), lambda i: f"{i}.5", lambda i: f"text {i}" * (1 + i % 3), lambda i: f"{2000 + i % 97}-01-{1 + i % 28:02}",
                  lambda i: f"2024-01-01 00:00:{i % 60:02}.{i % 1000000:06}"]
        for different in (1, 2, 3, 5, 16, 17, 255, 256, 257, 4000, 9000, 12000, 40_000):
            columns = []
            n = 40_000 if different > 4000 else 10_000
            for make in makers:
                values = []
                while len(values) < n:
                    one = make(rng.randrange(different) * 37)
                    values += [rng.choice([one, one, one, None])] * rng.choice([1, 1, 1, 7, 8, 9, 23, 24, 25, 300])
                columns.append(values[:n])
            self.write_columns("x.csv", columns + [[str(i) for i in range(n)]])
            self.check(columns + [[str(i) for i in range(n)]], readers=("duckdb", "parquet-rs"))

    def test_what_repeats_itself_is_in_a_dictionary(self):
        n = 50_000
        rng = random.Random(75)
        sums = [f"{rng.randrange(9000) / 100:.2f}" for _ in range(n)]  # new ones come often at first, and hardly any later
        columns = [[f"v{i % 100}" for i in range(n)], [str(i) for i in range(n)], [str(i % 1000) for i in range(n)], sums, [f"sum {each}" for each in sums]]
        self.write_columns("x.csv", columns)
        self.check(columns)
        encodings = [row[0] for row in self.chunks("encodings")]
        self.assertEqual([True, False, True, True, True], ["DICTIONARY" in each for each in encodings], encodings)

    def test_what_hardly_repeats_itself_is_not_in_a_dictionary_of_a_short_file_either(self):
        columns = [[str(i) for i in range(5000)], [f"v{i % 2000}" for i in range(5000)], [f"v{i % 2500}" for i in range(5000)]]
        self.write_columns("x.csv", columns)
        self.check(columns)
        encodings = [row[0] for row in self.chunks("encodings")]
        self.assertEqual([False, True, False], ["DICTIONARY" in each for each in encodings], encodings)

    def test_each_compression(self):
        n = 60_000
        rng = random.Random(75)
        columns = [[str(i // 3) for i in range(n)], [f"some text {i % 9000} and more" for i in range(n)], [repr(rng.random()) for _ in range(n)]]
        self.write_columns("x.csv", columns)
        sizes = {}
        for name, codec in (("zstd", "ZSTD"), ("snappy", "SNAPPY"), ("none", "UNCOMPRESSED")):
            self.check(columns, "--compression", name)
            self.assertEqual(codec, self.chunks("compression")[0][0])
            sizes[name] = len(self.read("x.parquet"))
        self.assertLess(sizes["zstd"], sizes["snappy"])
        self.assertLess(sizes["snappy"], sizes["none"])
        self.check(columns)
        self.assertEqual(sizes["zstd"], len(self.read("x.parquet")), "what is usual")

    def test_the_statistics_are_right(self):
        n = 1000
        long, last = "long " * 40, "\U0010ffff" * 40
        columns = [[str(i - 500) for i in range(n)], [None] * 10 + [f"{(i - 500) / 4}" for i in range(10, n)], ["-0.0", "0.0"] * (n // 2),
                   [f"{2000 + i % 30}-02-03" for i in range(n)], [long + str(i) for i in range(n)], [last] * n, ["true"] * n,
                   ["é" * 31 + "a" + "é" * 9] * n, [None] * n, [["b", "", "ab"][i % 3] for i in range(n)],
                   ["0.0"] * n, [f"0001-01-01 00:00:{i % 60:02}" for i in range(n)]]
        self.write("x.csv", csv_line(f"c{i}" for i in range(len(columns))) + "".join(
            ",".join("" if value is None else f'"{value}"' for value in row) + "\n" for row in zip(*columns)))
        self.check(columns)
        found = self.chunks("stats_min_value", "stats_max_value", "stats_null_count", "min_is_exact", "max_is_exact")
        beginning = long[:64]
        self.assertEqual([
            ["-500", "499", "0", "true", "true"],
            ["-122.5", "124.75", "10", "true", "true"],
            ["-0.0", "0.0", "0", "true", "true"],
            ["2000-02-03", "2029-02-03", "0", "true", "true"],
            [beginning, beginning[:-1] + chr(ord(beginning[-1]) + 1), "0", "false", "false"],
            ["\U0010ffff" * 16, None, "0", "false", None],
            ["true", "true", "0", "true", "true"],
            ["é" * 31 + "a", "é" * 31 + "b", "0", "false", "false"],
            [None, None, "1000", None, None],
            ["", "b", "0", "true", "true"],
            ["-0.0", "0.0", "0", "true", "true"],
            ["0001-01-01 00:00:00", "0001-01-01 00:00:59", "0", "true", "true"],
        ], found)

    def test_tables_without_rows_and_without_columns(self):
        self.write("head.csv", "a,b\n")
        self.write("none.csv", "")
        self.succeed("ingest", "head.csv", "-o", "x.parquet")
        self.assertEqual([], self.assert_holds("x.parquet", ["null", "null"], [[], []], READERS, TYPES))
        self.succeed("ingest", "head.csv", "-o", "x.parquet", "--if-exists", "replace", "--text")
        self.assertEqual([], self.assert_holds("x.parquet", ["text", "text"], [[], []], READERS, TYPES))
        self.succeed("ingest", "none.csv", "-o", "x.parquet", "--if-exists", "replace")
        self.assertEqual([], self.assert_holds("x.parquet", [], [], ["hyparquet"], TYPES))  # DuckDB wants a column

    def test_names_of_all_kinds(self):
        names = ["a\0b", "naïve 日本 😀", 'quoted "name"', "with.dot", "", "a,b", "x" * 10_000, "line\nend"]
        self.write("x.csv", csv_line(names) + csv_line("1" * len(names)))
        self.succeed("ingest", "x.csv", "-o", "x.parquet")
        self.assert_holds("x.parquet", ["int64"] * len(names), [["1"]] * len(names), READERS[1:], TYPES, list(self.schema("x.csv")))
        self.write("x.csv", csv_line(names[1:]) + csv_line("1" * (len(names) - 1)))  # no NUL in a statement
        self.succeed("ingest", "x.csv", "-o", "x.parquet", "--if-exists", "replace")
        self.assert_holds("x.parquet", ["int64"] * (len(names) - 1), [["1"]] * (len(names) - 1), READERS, TYPES, list(self.schema("x.csv")))

    def test_a_compression_that_does_nothing_is_a_usage_error(self):
        self.write("x.csv", "a\n1\n")
        self.expect(USAGE, "ingest", "x.csv", "-o", "x.parquet", "--compression", "lzo")
        for name in ("x.csv.csv", "x.arrow", "x.db", "null:"):
            self.expect(USAGE, "ingest", "x.csv", "-o", name, "--compression", "snappy")

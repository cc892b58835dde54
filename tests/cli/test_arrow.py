"""Arrow IPC, files and streams, read back by apache-arrow (JavaScript) and arrow-rs: every value of every type."""

import random
import struct

from columnar import ColumnarTest, needs_readers
import harness
from harness import FAULT, SKIPPED, csv_line
from test_types import column, field, some_date, some_time, type_of

BATCH = 65536
READERS = ("arrow-js", "arrow-rs")
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


@needs_readers
class Arrow(ColumnarTest):
    def check(self, columns, *args, name="x.csv"):
        """Load a file into both formats; returns the rows of the batches."""
        types = list(self.schema(name).values())
        for destination in ("x.arrow", "x.arrows"):
            self.succeed("ingest", name, "-o", destination, "--if-exists", "replace", *args)
            batches = self.assert_holds(destination, types, columns, READERS, SPELLED)
        return batches

    def test_every_value_of_random_columns(self):
        rng = random.Random(61)
        for _ in range(harness.rounds(6)):
            n = rng.choice([1, 7, 8, 9, 63, 64, 65, 700, 3000])
            columns = [column(rng, n) for _ in range(11)] + [[str(i) for i in range(n)]]
            self.write_columns("x.csv", columns)
            self.assertEqual([n], self.check(columns, "-j", rng.choice("12")))

    def test_the_limits_of_every_type(self):
        for name, values in FAR.items():
            with self.subTest(name):
                columns = [values, [str(i) for i in range(len(values))]]
                self.write_columns("x.csv", columns)
                self.assertEqual([name, "int64"], list(self.schema("x.csv").values()))
                self.check(columns)

    def test_all_bits_of_doubles(self):
        rng = random.Random(62)
        numbers = [struct.unpack("<d", rng.randbytes(8))[0] for _ in range(20_000)]
        texts = [repr(each) for each in numbers if each == each and abs(each) != float("inf")]
        texts += ["-0.0", "0.0", "5e-324", "-5e-324", "1.7976931348623157e308", "2.2250738585072014e-308"]
        columns = [texts]
        self.write_columns("x.csv", columns)
        self.assertEqual("float64", type_of(texts))
        self.check(columns)

    def test_batches_end_after_their_rows_whoever_read_them(self):
        rng = random.Random(63)
        for n, batches in ((BATCH - 1, [BATCH - 1]), (BATCH, [BATCH]), (BATCH + 1, [BATCH, 1]),
                           (2 * BATCH + 5, [BATCH, BATCH, 5])):
            columns = [[str(i) for i in range(n)], [rng.choice(["true", "false", None]) for _ in range(n)],
                       [None if rng.random() < 0.1 else "x" * (i % 7) or "y" for i in range(n)],
                       [some_date(rng) + " " + some_time(rng) for _ in range(n)]]
            self.write_columns("x.csv", columns)
            self.assertEqual(batches, self.check(columns, "--executor", rng.choice(["threads", "processes"])), n)

    def test_batches_of_long_texts_have_fewer_rows(self):
        """32 MiB, of which a row of an integer and 9 MiB of text is a third: so a row of 40 MiB is a batch."""
        texts = ["a" * (9 << 20)] * 7 + ["b" * (40 << 20), "c", "d" * (9 << 20)]
        columns = [[str(i) for i in range(len(texts))], texts]
        self.write_columns("x.csv", columns)
        self.assertEqual([3, 3, 1, 1, 2], self.check(columns))

    def test_a_field_as_large_as_there_can_be(self):
        columns = [["x" * ((64 << 20) - 100), "y"]]
        self.write("x.csv", "c0\n" + columns[0][0] + "\ny\n")
        self.assertEqual([1, 1], self.check(columns))

    def test_the_same_bytes_whoever_reads(self):
        rng = random.Random(64)
        for i in range(3):
            self.write_columns(f"d/{i}.csv", [column(rng, 70_000) for _ in range(5)] + [["x"] * 70_000])
        first = {}
        for way in (["-j", "1"], ["-j", "2"], ["-j", "8"], ["--executor", "processes"], ["--executor", "sequential"],
                    ["--memory", "2M"]):
            for name in ("x.arrow", "x.arrows"):
                self.succeed("ingest", "d", "-o", name, "--if-exists", "replace", *way)
                self.assertEqual(first.setdefault(name, self.checksum(name)), self.checksum(name), way)
        self.assertEqual(self.read("x.arrows"), self.succeed("cat", "d", "--format", "arrow").out)
        self.assertEqual(self.read("x.arrows"), self.succeed("ingest", "d", "-o", "-", "--format", "arrow").out)

    def test_tables_without_rows_and_without_columns(self):
        self.write("head.csv", "a,b\n")
        self.write("none.csv", "")
        for source, types, columns in (("head.csv", ["null", "null"], [[], []]), ("none.csv", [], [])):
            self.succeed("ingest", source, "-o", "x.arrow", "--if-exists", "replace")
            self.succeed("ingest", source, "-o", "x.arrows", "--if-exists", "replace")
            for name in ("x.arrow", "x.arrows"):
                readers = READERS if columns else READERS[:1]  # arrow-rs of parquet-wasm refuses a table of nothing
                self.assertEqual([], self.assert_holds(name, types, columns, readers, SPELLED))

    def test_names_of_all_kinds(self):
        names = ["a\0b", "naïve 日本 😀", 'quoted "name"', "with.dot", "", "a,b", "x" * 10_000, "line\nend"]
        self.write("x.csv", csv_line(names) + csv_line("1" * len(names)))
        for name in ("x.arrow", "x.arrows"):
            self.succeed("ingest", "x.csv", "-o", name)
            self.assert_holds(name, ["int64"] * len(names), [["1"]] * len(names), READERS, SPELLED,
                              list(self.schema("x.csv")))

    def test_many_columns(self):
        n = 20_000
        self.write("x.csv", csv_line(f"c{i}" for i in range(n)) + csv_line(str(i) for i in range(n)) * 2)
        self.assertEqual([2], self.check([[str(i)] * 2 for i in range(n)]))

    def test_a_damaged_file_in_the_middle_is_taken_back(self):
        """With --text nobody surveys the files before: the damage is met when batches of it are written."""
        good = [["1", "2"] * 20_000, ["x", None] * 20_000]
        tail = [["3"] * 30_001, ["y"] * 30_001]
        bad = [[str(i * 7919) for i in range(150_000)], ["z" * 9] * 150_000]
        self.write("d/1.csv", "a,b\n" + rows_of(good))
        self.write_gzip("d/2.csv.gz", "a,b\n" + rows_of(bad))
        self.write("d/2.csv.gz", self.read("d/2.csv.gz")[:-500])
        self.write("d/3.csv", "a,b\n" + rows_of(tail))
        columns = [a + b for a, b in zip(good, tail)]
        for name in ("x.arrow", "x.arrows"):
            for way in (["-j", "1"], ["-j", "2"], ["--executor", "processes"], ["-j", "2", "--text"], ["--executor", "sequential", "--text"]):
                self.expect(SKIPPED, "ingest", "d", "-o", name, "--on-error", "quarantine", "--if-exists", "replace", *way)
                types = ["text" if "--text" in way else "int64", "text"]
                self.assertEqual([BATCH, 40_000 + 30_001 - BATCH], self.assert_holds(name, types, columns, READERS, SPELLED))
        self.succeed("ingest", "d/1.csv", "d/3.csv", "-o", "alone.arrows", "--text")
        self.assertEqual(self.checksum("alone.arrows"), self.checksum("x.arrows"))

    def test_a_fault_leaves_nothing(self):
        self.write("x.csv", "a,b\n" + "1,2\n" * 100_000 + "3\n")
        for name in ("x.arrow", "x.arrows"):
            with self.assert_directory_unchanged():
                self.expect(FAULT, "ingest", "x.csv", "-o", name)

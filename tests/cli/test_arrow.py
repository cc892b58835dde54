"""Arrow IPC, files and streams, read back by apache-arrow (JavaScript), flechette and arrow-rs: every value of every type."""

import random

from columnar import SPELLED, Cases, ColumnarTest, needs_readers
from harness import csv_line
from test_types import column

READERS = ("arrow-js", "flechette", "arrow-rs")


@needs_readers
class Arrow(Cases, ColumnarTest):
    destinations = ("x.arrow", "x.arrows")
    readers = readers_of_many_columns = READERS
    spelled = SPELLED
    group = 65536
    variants = [[]]

    def test_standard_output_is_the_same_stream(self):
        rng = random.Random(64)
        for i in range(3):
            self.write_columns(f"d/{i}.csv", [column(rng, 30_000) for _ in range(5)] + [["x"] * 30_000])
        self.load("d", "x.arrows")
        self.assertEqual(self.read("x.arrows"), self.succeed("cat", "d", "--format", "arrow").out)
        self.assertEqual(self.read("x.arrows"), self.succeed("ingest", "d", "-o", "-", "--format", "arrow").out)

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

    def test_tables_without_rows_and_without_columns(self):
        self.write("head.csv", "a,b\n")
        self.write("none.csv", "")
        for source, types, columns in (("head.csv", ["null", "null"], [[], []]), ("none.csv", [], [])):
            for name in self.destinations:
                self.load(source, name)
                readers = READERS if columns else READERS[:1]  # arrow-rs of parquet-wasm refuses a table of nothing
                self.assertEqual([], self.assert_holds(name, types, columns, readers, SPELLED))

    def test_names_of_all_kinds(self):
        names = ["a\0b", "naïve 日本 😀", 'quoted "name"', "with.dot", "", "a,b", "x" * 10_000, "line\nend"]
        self.write("x.csv", csv_line(names) + csv_line("1" * len(names)))
        for name in self.destinations:
            self.load("x.csv", name)
            self.assert_holds(name, ["int64"] * len(names), [["1"]] * len(names), READERS, SPELLED,
                              list(self.schema("x.csv")))

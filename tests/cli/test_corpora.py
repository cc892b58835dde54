"""Real files: what Python's csv finds in them, sheaf finds too, at any number of workers.

The corpora lie beside the repository (../shared/corpora) and are no part of it. Without them these tests are
skipped, and say so.
"""

import os
import unittest

import harness
import oracle
from harness import CORPORA, SKIPPED, WORKERS, SheafTest, null_as_empty, rows_as_hex

FOOTBALL = CORPORA / "football"
MIXED = CORPORA / "mixed"


def hex_of(rows):
    """Rows as sql_rows_hex gives them, null and empty text alike: the oracle cannot tell them apart."""
    return rows_as_hex([[value or None for value in row] for row in rows])


def as_one(hex_rows):
    """Null for empty text, in what sql_rows_hex gave."""
    lines = hex_rows.removesuffix(b"\n").split(b"\n")
    return b"".join(b"|".join(field or b"-" for field in line.split(b"|")) + b"\n" for line in lines)


class CorpusTest(SheafTest):
    def assert_same_bytes(self, expected, got, what):
        if expected == got:
            return
        lines = zip(expected.split(b"\n"), got.split(b"\n"))
        for number, (want, have) in enumerate(lines, 1):
            self.assertEqual(want, have, f"{what}: line {number}")
        self.fail(f"{what}: {len(got)} bytes for {len(expected)}")


@unittest.skipUnless(FOOTBALL.is_dir(), f"NOT TESTED: no corpus at {FOOTBALL}")
class Football(CorpusTest):
    FILES, RECORDS = 845, 278_459

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.files = oracle.files_below(str(FOOTBALL))
        cls.tables = [oracle.read(path) for path in cls.files]
        cls.table = oracle.unite(cls.tables)

    def test_the_oracle_knows_the_corpus(self):
        self.assertEqual((self.FILES, self.RECORDS), (len(self.files), len(self.table.rows)))

    def test_count_gives_the_records_of_each_file(self):
        counts, total = self.succeed("count", str(FOOTBALL)).counts()
        self.assertEqual([(path, len(table.rows)) for path, table in zip(self.files, self.tables)], counts)
        self.assertEqual(self.RECORDS, total)

    def test_cat_gives_every_cell_and_the_same_bytes_at_any_worker_count(self):
        first = self.succeed("cat", str(FOOTBALL), "-j", "1").out
        header, *rows = harness.parse_csv(first)
        self.assertEqual(self.table.columns, header)
        self.assertTrue(null_as_empty(self.table.rows) == rows, "other cells")
        for j in ("2", "3", "8", "64"):
            self.assertTrue(first == self.succeed("cat", str(FOOTBALL), "-j", j).out,
                            f"-j {j} gives other bytes")

    def test_ingest_puts_every_cell_into_the_database_at_any_worker_count(self):
        expected, previous = hex_of(self.table.rows), None
        for j in WORKERS:
            facts = self.totals(str(FOOTBALL), "-o", f"f{j}.db", "--table", "f", "-j", j, "--text")
            self.assertEqual((self.FILES, self.RECORDS), (facts["files"], facts["loaded"]))
            self.assertEqual(self.table.columns, self.sql_columns(f"f{j}.db", "f"))
            rows = self.sql_rows_hex(f"f{j}.db", "f")
            if rows != previous:
                self.assert_same_bytes(expected, as_one(rows), f"-j {j}")
                self.assertIsNone(previous, "nulls differ")
            previous = rows


@unittest.skipUnless(MIXED.is_dir(), f"NOT TESTED: no corpus at {MIXED}")
class Mixed(CorpusTest):
    """Files of many shapes, some of them faulty: each is read right, or left out whole."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.tables, cls.faulty = {}, set()
        for path in oracle.files_below(str(MIXED)):
            try:
                cls.tables[path] = oracle.read(path)
            except oracle.Fault:
                cls.faulty.add(path)

    def test_good_files_are_counted_and_faulty_ones_left_out(self):
        run = self.expect(SKIPPED, "count", "--json", "--on-error", "skip-file", str(MIXED))
        counts = {file["path"]: file["records"] for file in run.json["files"]}
        self.assertEqual({path: len(table.rows) for path, table in self.tables.items()},
                         {path: counts[path] for path in self.tables})
        facts = self.totals(str(MIXED), "-o", "null:", "--on-error", "skip-file", code=SKIPPED)
        self.assertEqual((len(self.faulty), sum(len(table.rows) for table in self.tables.values())),
                         (facts["files_skipped"], facts["loaded"]))

    def test_each_faulty_file_is_refused_by_name(self):
        for path in sorted(self.faulty):
            self.expect_fault("count", path, source=path)

    def test_good_files_come_out_cell_by_cell(self):
        """Directory by directory: the files of one belong together."""
        for folder in sorted({os.path.dirname(path) for path in self.tables}):
            paths = [path for path in self.tables if os.path.dirname(path) == folder]
            table = oracle.unite([self.tables[path] for path in paths])
            header, *rows = self.succeed("cat", *paths).csv()
            self.assertEqual(table.columns, header, folder)
            self.assertTrue(null_as_empty(table.rows) == rows, f"other cells in {folder}")


if __name__ == "__main__":
    harness.main()

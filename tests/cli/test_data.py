"""The first screen: data/ gives what data/expected says, and is what data/generate.py makes."""

import csv
import hashlib
import io
import os
import subprocess
import sys
import unittest

import harness
import oracle
from harness import REPOSITORY, SheafTest

EXPECTED = REPOSITORY / "data" / "expected"


class Demo(SheafTest):
    def test_count_prints_the_expected_counts(self):
        run = self.succeed("count", "data/trips", cwd=REPOSITORY)
        self.assertEqual((EXPECTED / "counts.txt").read_text(encoding="utf-8"), run.out.decode())

    def test_cat_prints_the_expected_table_at_any_worker_count(self):
        expected = (EXPECTED / "trips.csv.sha256").read_text(encoding="utf-8").split()[0]
        for j in ("1", "2", "3", "8", "64"):
            out = self.succeed("cat", "data/trips", "-j", j, cwd=REPOSITORY).out
            self.assertEqual(expected, hashlib.sha256(out).hexdigest(), f"-j {j}")

    def test_ingest_and_query_give_the_expected_answer(self):
        self.succeed("ingest", "data/trips", "-o", self.path("trips.db"), cwd=REPOSITORY)
        query = (REPOSITORY / "data" / "query.sql").read_bytes()
        with open(EXPECTED / "query.csv", encoding="utf-8", newline="") as file:
            self.assertEqual(list(csv.reader(file)),
                             harness.parse_csv(self.sql("trips.db", query, "-csv", "-header")))

    def test_every_quirk_of_the_files_is_reported(self):
        facts = self.totals("data/trips", "-o", "null:", cwd=REPOSITORY)
        expected = {"files": 12, "files_compressed": 3, "files_lone_cr": 0, "files_skipped": 0, "files_empty": 0, "boms": 1,
                    "blank_lines": 6, "records": 2372, "loaded": 2372, "columns": 11}
        self.assertEqual(expected, {key: facts[key] for key in expected})

    def test_every_trip_is_there_once(self):
        header, *rows = self.succeed("cat", "data/trips", cwd=REPOSITORY).csv()
        ids = [row[header.index("trip_id")] for row in rows]
        self.assertEqual((len(ids), sorted(ids)), (len(set(ids)), ids))


class Files(unittest.TestCase):
    """The files themselves: these run without the program."""

    def test_the_files_are_as_generated(self):
        check = subprocess.run([sys.executable, REPOSITORY / "data/generate.py", "--check"],
                               capture_output=True, text=True)
        self.assertEqual((0, ""), (check.returncode, check.stderr))

    def test_the_oracle_finds_the_expected_counts(self):
        counts = [f"{len(oracle.read(path).rows)} data/trips/{os.path.basename(path)}"
                  for path in oracle.files_below(REPOSITORY / "data/trips")]
        lines = (EXPECTED / "counts.txt").read_text(encoding="utf-8").splitlines()
        self.assertEqual(counts, [line.strip() for line in lines[:-1]])

    def test_the_oracle_finds_the_expected_table(self):
        table = oracle.read_all(oracle.files_below(REPOSITORY / "data/trips"))
        text = io.StringIO()
        csv.writer(text, lineterminator="\n").writerows([table.columns] + harness.null_as_empty(table.rows))
        expected = (EXPECTED / "trips.csv.sha256").read_text(encoding="utf-8").split()[0]
        self.assertEqual(expected, hashlib.sha256(text.getvalue().encode()).hexdigest())


if __name__ == "__main__":
    harness.main()

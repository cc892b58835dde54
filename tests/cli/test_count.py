"""`sheaf count`: records per file, in file order, and in all."""

import json
import os
import re

import harness
from harness import CLEAN, FAULT, SKIPPED, SheafTest


class Counts(SheafTest):
    def test_each_file_has_its_line_in_order_and_the_total_is_last(self):
        self.write_rows("b.csv", 12)
        self.write_rows("a.csv", 1234)
        self.write("c.csv", "n\n")
        self.assertEqual(b"  12 b.csv\n1234 a.csv\n   0 c.csv\n1246 total\n",
                         self.succeed("count", "b.csv", "a.csv", "c.csv").out)

    def test_numbers_are_aligned_to_the_total(self):
        for i in range(3):
            self.write_rows(f"{i}.csv", 4)
        self.assertEqual(b" 4 0.csv\n 4 1.csv\n 4 2.csv\n12 total\n",
                         self.succeed("count", "0.csv", "1.csv", "2.csv").out)

    def test_records_are_counted_not_lines(self):
        self.write("a.csv", '\ufeffa,b\r\n\r\n"1\n\n",2\r\n\r\n"x ""\n""",\r\n\n')
        self.assertEqual(([("a.csv", 2)], 2), self.succeed("count", "a.csv").counts())

    def test_empty_files_have_no_records(self):
        for name, data in {"empty.csv": "", "blank.csv": "\n\n", "header.csv": "a,b",
                           "mark.csv": "\ufeff"}.items():
            with self.subTest(name=name):
                self.write(name, data)
                self.assertEqual(([(name, 0)], 0), self.succeed("count", name).counts())

    def test_stdin_is_called_by_its_dash(self):
        self.assertEqual(([("-", 2)], 2), self.succeed("count", "-", input=b"a\n1\n2\n").counts())

    def test_a_file_named_twice_counts_twice(self):
        self.write_rows("a.csv", 5)
        self.assertEqual(([("a.csv", 5), ("a.csv", 5)], 10), self.succeed("count", "a.csv", "a.csv").counts())

    def test_the_counts_are_the_same_at_any_worker_count(self):
        for i in range(100):
            self.write_rows(f"d/{i:02d}.csv", i * 37 % 1000)
        outs = {self.succeed("count", "d", "-j", j).out for j in ("1", "2", "3", "8", "64")}
        self.assertEqual(1, len(outs))
        counts, total = self.succeed("count", "d").counts()
        self.assertEqual([(f"d/{i:02d}.csv", i * 37 % 1000) for i in range(100)], counts)
        self.assertEqual(sum(count for _, count in counts), total)

    def test_a_path_cannot_forge_a_line(self):
        name = "a\n99 b\x1b[2J.csv"
        self.write(name, "a\n1\n")
        out = self.succeed("count", name).out
        self.assertEqual(2, out.count(b"\n"))
        self.assertNotIn(b"\x1b", out)
        self.assertIn(rb"a\n99 b\x1b[2J.csv", out)

    def test_nothing_is_written_anywhere(self):
        self.write_rows("a.csv", 5)
        with self.assert_directory_unchanged():
            self.succeed("count", "a.csv")


class Json(SheafTest):
    def test_json_has_the_files_and_the_total(self):
        self.write_rows("a.csv", 3)
        self.write_gzip("b.csv.gz", "a\n1\n")
        facts = self.succeed("count", "--json", "a.csv", "b.csv.gz").json
        self.assertEqual([("a.csv", 3), ("b.csv.gz", 1)], [(f["path"], f["records"]) for f in facts["files"]])
        self.assertEqual(4, facts["records"])

    def test_json_carries_every_path(self):
        names = [b"plain.csv", "größe 漢.csv".encode(), b'q"uote\\.csv', b"new\nline.csv", b"latin-\xe9.csv",
                 b"half-\xe6\xbc.csv", b"\xed\xb3\xa9-surrogate.csv", b"\x1b\x7f.csv"]
        for name in names:
            self.write(name, "a\n1\n")
        out = self.succeed("count", "--json", *names).out
        self.assertEqual(names, [os.fsencode(f["path"]) for f in json.loads(out.decode())["files"]])

    def test_json_of_many_files_is_one_object(self):
        for i in range(500):
            self.write(f"d/{i:03d}.csv", "a\n1\n")
        self.assertEqual(500, len(self.succeed("count", "--json", "d").json["files"]))


class Faults(SheafTest):
    def setUp(self):
        super().setUp()
        self.write_rows("a.csv", 2)
        self.write("b.csv", "a,b\n1,2\n3\n")
        self.write_rows("c.csv", 3)

    def test_a_fault_stops_the_count_without_a_total(self):
        run = self.expect_fault("count", "a.csv", "b.csv", "c.csv", source="b.csv", line=3, record=2)
        self.assertIsNone(re.search(rb"^ *\d+ total$", run.out, re.MULTILINE), run)

    def test_a_faulty_file_can_be_left_out(self):
        run = self.expect(SKIPPED, "count", "--on-error", "skip-file", "a.csv", "b.csv", "c.csv")
        self.assertIn(b"b.csv", run.err)
        counts = dict(run.counts()[0])
        self.assertEqual({"a.csv": 2, "b.csv": None, "c.csv": 3}, counts)

    def test_a_wider_table_does_not_matter_to_the_count(self):
        self.assertEqual(CLEAN, self.sheaf("count", "a.csv", "c.csv").code)
        self.assertEqual(FAULT, self.sheaf("count", "missing.csv").code)


if __name__ == "__main__":
    harness.main()

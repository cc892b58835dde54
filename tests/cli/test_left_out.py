"""A file that is left out leaves the same behind, whoever read how much of it: its columns, and no part of a digest.

(What stress_same has found, each in its smallest form.)
"""

import gzip

import harness
import test_digest
import test_ranges
from harness import FAULT, SKIPPED, SheafTest

ASIDE = ["--on-error", "quarantine"]
WAYS = [["-j", "1"], ["-j", "2"], ["-j", "8"], ["--executor", "sequential"], ["--executor", "processes", "-j", "2"],
        ["-j", "2", "--memory", "1M"]]


def in_blocks(text):
    """BGZF."""
    data = harness.to_bytes(text)
    block = test_ranges.RangesOfBlocks.block
    return b"".join(block(data[at:at + 5000]) for at in range(0, len(data), 5000)) + block(b"")


class LeftOut(SheafTest):
    SPLIT = 150_000  # lines of so few bytes make a file that is read in ranges

    def setUp(self):
        super().setUp()
        self.write("good.csv", "a,b\n1,2\n")
        self.write("misjudged.csv", "x,y,z\n" + "1,2,3\n1,2\n1,2\n" * (self.SPLIT // 2))

    def tables(self, *args, code=SKIPPED):
        """What the table is, each way."""
        for way in WAYS:
            run = self.expect(code, "ingest", *args, "-o", "t.db", "--if-exists", "replace", "--json", *ASIDE, *way)
            yield way, self.sql("t.db", "SELECT sql FROM sqlite_master WHERE name = 't'; SELECT * FROM t;"), run.json

    def assert_table(self, expected, *args):
        for way, each, _ in self.tables(*args):
            self.assertEqual(expected, each, way)

    def test_columns_of_a_large_misjudged_file(self):
        self.write("more.csv", "c,b\n2024-01-01,x\n")
        self.assert_table(b'CREATE TABLE "t"("a" INTEGER, "b" TEXT, "x" TEXT, "y" TEXT, "z" TEXT, "c" DATE)\n'
                          b"1|2||||\n|x||||2024-01-01\n", "good.csv", "misjudged.csv", "more.csv")

    def test_columns_that_another_file_has_too(self):
        self.write("misjudged.csv", "b,a,c\n" + "x,y,3\n1,2\n1,2\n" * (self.SPLIT // 2))
        self.assert_table(b'CREATE TABLE "t"("b" INTEGER, "a" INTEGER, "c" TEXT)\n2|1|\n', "misjudged.csv", "good.csv")

    def test_the_first_file_is_the_first_with_a_header(self):
        self.write("more.csv", "x,y,z\n3,4,5\n")
        for columns in ("strict", "first"):
            self.assert_table(b'CREATE TABLE "t"("x" INTEGER, "y" INTEGER, "z" INTEGER)\n3|4|5\n', "misjudged.csv",
                              "more.csv", "--columns", columns)

    def test_all_files(self):
        """What became of them is said, not that none of them has the column that is asked for."""
        self.write("little.csv", "x,y\n1\n")
        for more in (["--type", "x=int64"], ["--select", "x"], ["--drop", "y"], ["--rename", "x=u"]):
            for way in WAYS:
                for file in ("misjudged.csv", "little.csv"):
                    run = self.expect(FAULT, "ingest", file, "-o", "t.db", *more, *ASIDE, *way)
                    self.assertRegex(run.error_text, r"(?m)^error: .* it was misjudged")

    def test_two_columns_that_would_be_called_the_same(self):
        self.write("little.csv", "x,y\n1\n")
        for way in WAYS:
            for file in ("misjudged.csv", "little.csv"):
                for on_error in (ASIDE, ["--on-error", "stop"]):
                    run = self.expect_fault("ingest", file, "-o", "t.db", "--rename", "x=y", *on_error, *way,
                                            source=file, says="two columns of this file would be called 'y'")
                    self.assertNotIn("--on-error", run.error_text)

    def test_a_fault_before_them(self):
        """It is the first, though the columns may be known before it is met."""
        self.write("little.csv", "x,y\n1,2\n")
        self.write("a.csv", "a,b\n" + "1,2\n" * self.SPLIT + "1\n")
        for way in WAYS:
            self.expect_fault("ingest", "a.csv", "little.csv", "-o", "t.db", "--rename", "x=y", "--on-error", "stop",
                              *way, source="a.csv", record=self.SPLIT + 1)

    def test_a_damaged_file_of_blocks(self):
        """Ranges of it are being read when the damage is met."""
        stored = bytearray(in_blocks("x,y,z\n" + "".join(f"{i},{i * i},text\n" for i in range(self.SPLIT))))
        for at in (len(stored) // 5, len(stored) // 2):
            stored[at:at + 4] = b"\0\0\0\0"
            self.write("damaged.csv.gz", bytes(stored))
            self.assert_table(b'CREATE TABLE "t"("x" TEXT, "y" TEXT, "z" TEXT, "a" INTEGER, "b" INTEGER)\n|||1|2\n',
                              "damaged.csv.gz", "good.csv")

    def test_rows_before_damage_are_not_in_the_digest(self):
        expected = test_digest.digest_of(["a", "b"], [["1", "2"]])
        cut = gzip.compress("".join(["a,b\n", *(f"{i},{i}\n" for i in range(1000))]).encode())[:-9]
        self.write("cut.csv.gz", cut)
        for way, _, facts in self.tables("cut.csv.gz", "good.csv", "--digest"):
            self.assertEqual(expected, facts["digest"], way)


    def test_text_that_was_read_ahead_does_not_count(self):
        """How much that is depends on who decompresses."""
        for name, text in (("header", b"a,\xFFb\n"), ("record", b"a,b\n1\n")):
            self.write(f"{name}.csv.gz", gzip.compress(text + b"".join(b"%x,%x\n" % (i * i, i) for i in range(90_000))))
            seen = set()
            for way in (*WAYS, ["-j", "2", "--memory", "1G"], ["-j", "8"]):
                for where in ("x.db", "x.jsonl"):
                    run = self.expect(SKIPPED, "ingest", f"{name}.csv.gz", "good.csv", "-o", where, "--if-exists",
                                      "replace", "--json", "--on-error", "skip-file", *way)
                    seen.add(run.json["text_bytes"])
            self.assertEqual(1, len(seen), seen)
            self.assertLess(seen.pop(), 30)

class Asked(SheafTest):
    def test_a_type_is_that_of_the_tables_column(self):
        """Which of "id" and "ID" that is, in the second file, only the first one tells."""
        self.write("1.csv", "ID\n7\n")
        self.write("2.csv", "id,ID\nx,8\ny,z\n")
        for way in WAYS:
            run = self.expect(SKIPPED, "ingest", "1.csv", "2.csv", "-o", "t.db", "--if-exists", "replace", "--match",
                              "nocase", "--type", "ID=int64", "--json", *ASIDE, *way)
            self.assertEqual((2, 1, 0), tuple(run.json[name] for name in ("loaded", "rejected", "files_skipped")), run)
            self.assertEqual(b"7|\n8|x\n", self.sql("t.db", "SELECT * FROM t;"))

    def test_that_is_known_before_the_first_row_is_written(self):
        """So a file that such a value is to leave out is left out; its columns, known by then, stay."""
        self.write("1.csv", "ID\n7\n")
        for bad, loaded in (("y,z\n", 1), ("", 150_001)):
            text = "id,ID\n" + "x,8\n" * 150_000 + bad
            self.write("2.csv", text)
            for way in WAYS:
                for source in ("2.csv", "-"):
                    run = self.expect(SKIPPED if bad else 0, "ingest", "1.csv", source, "-o", "t.db", "--if-exists",
                                      "replace", "--match", "nocase", "--type", "ID=int64", "--on-error", "skip-file",
                                      "--json", *way, input=text.encode())
                    self.assertEqual((loaded, 1 if bad else 0), (run.json["loaded"], run.json["files_skipped"]), run)
                    self.assertEqual(b"7|", self.sql("t.db", "SELECT * FROM t LIMIT 1;").strip())

    def test_a_digest_is_of_the_tables_columns(self):
        """Of rows, too, that were kept before it was known whose type it is, and looked at again."""
        self.write("1.csv", "ID\n7\n")
        self.write("2.csv", "id,ID\nx,8\n")
        expected = test_digest.digest_of(["ID", "id_2"], [["7", None], ["8", "x"]])
        for way in WAYS:
            run = self.succeed("ingest", "1.csv", "2.csv", "-o", "t.db", "--if-exists", "replace", "--match", "nocase",
                               "--type", "ID=int64", "--on-error", "skip-file", "--digest", "--json", *way)
            self.assertEqual(expected, run.json["digest"], way)

    def test_a_digest_is_of_the_columns_that_are_selected(self):
        """Of rows, too, that were kept when it was not known yet which these are."""
        self.write("big.csv", "a,b,c\n" + "".join(f"{i},{i * i},x\n" for i in range(120_000)))
        expected = test_digest.digest_of(["c", "a"], [["x", str(i)] for i in range(120_000)])
        for way in WAYS:
            run = self.succeed("ingest", "big.csv", "-o", "t.db", "--if-exists", "replace", "--select", "c,a",
                               "--digest", "--json", *way)
            self.assertEqual(expected, run.json["digest"], way)


if __name__ == "__main__":
    harness.main()

"""`sheaf sniff`: what is found out of a file, and how it is told."""

import gzip
import shlex
import unittest

from harness import CLEAN, FAULT, SKIPPED, SheafTest


class Sniff(SheafTest):
    def sniff(self, *args):
        return self.expect(CLEAN, "sniff", "--json", *args).json

    def test_what_is_found_out_is_told(self):
        self.write("a.csv", "id,day,rate\n1,2024-02-29,2.5\n2,2024-03-01,3\n")
        [found] = self.sniff("a.csv")
        self.assertEqual(found["dialect"], {"delimiter": ",", "quote": '"', "escape": None, "comment": None,
                                            "padding": False, "skip_lines": 0, "header": True})
        self.assertEqual([(c["name"], c["type"]) for c in found["columns"]],
                         [("id", "int64"), ("day", "date"), ("rate", "float64")])
        self.assertEqual((found["encoding"], found["compression"], found["line_ends"], found["bom"],
                          found["records"], found["rejected"]), ("utf-8", None, "lf", False, 2, 0))

    def test_encodings_and_compression_are_told(self):
        self.write("b.csv.gz", gzip.compress("name,n\r\né,1\r\n".encode("utf-16")))
        [found] = self.sniff("b.csv.gz")
        self.assertEqual((found["encoding"], found["compression"], found["line_ends"], found["bom"]),
                         ("utf-16le", "gzip", "crlf", True))
        self.assertEqual([c["name"] for c in found["columns"]], ["name", "n"])

    def test_its_options_say_the_same_to_others(self):
        self.write("odd.txt", "A title\n\n#note\nid;what\n1;'a;b'\n2;'it''s'\n")
        options = ["--delim", ";", "--quote", "'", "--comment", "#", "--skip", "2", "--header", "yes"]
        shown = self.expect(CLEAN, "sniff", "odd.txt", *options).out.decode()
        [line] = [line for line in shown.splitlines() if line.startswith("  dialect")]
        said = shlex.split(line)[1:]
        run = self.expect(CLEAN, "cat", "odd.txt", *said)
        self.assertEqual(run.out, b"id,what\n1,a;b\n2,it's\n")

    def test_a_character_that_no_terminal_shows_is_told_by_its_code(self):
        self.write("us.txt", "id\x1fwhat\n1\x1fa,b\n2\x1fc\n3\x1fd\n")
        shown = self.expect(CLEAN, "sniff", "us.txt").out.decode()
        [line] = [line for line in shown.splitlines() if line.startswith("  dialect")]
        said = shlex.split(line)[1:]
        self.assertEqual(said[:2], ["--delim", "\\x1f"])
        run = self.expect(CLEAN, "cat", "us.txt", *said)
        self.assertEqual(run.out, b'id,what\n1,"a,b"\n2,c\n3,d\n')

    def test_a_line_to_skip_that_is_longer_than_a_sample(self):
        for n in (65_000, 65_536, 100_000, 300_000):
            self.write("long.csv", "x" * n + "\r\na,b\n1,2\n3,4\n")
            [found] = self.sniff("long.csv", "--skip", "1")
            self.assertEqual([column["name"] for column in found["columns"]], ["a", "b"], n)

    def test_all_files_are_told_of_in_order(self):
        names = [f"{i}.csv" for i in range(100)]
        for i, name in enumerate(names):
            self.write(name, f"c{i},d\n1,2\n")
        for j in ("1", "4"):
            found = self.sniff("-j", j, *names)
            self.assertEqual([f["path"] for f in found], names)
            self.assertEqual([f["columns"][0]["name"] for f in found], [f"c{i}" for i in range(100)])

    def test_what_cannot_be_read_is_an_error(self):
        self.write("good.csv", "a,b\n1,2\n")
        self.write("bad.csv.gz", b"\x1f\x8b\x08nothing")
        run = self.sheaf("sniff", "--json", "good.csv", "bad.csv.gz")
        self.assertEqual(run.code, SKIPPED)
        self.assertEqual([("error" in f) for f in run.json], [False, True])
        self.assertIn(b"bad.csv.gz", run.err)
        self.assertEqual(self.sheaf("sniff", "bad.csv.gz").code, FAULT)

    def test_empty_files_have_no_columns(self):
        for text in ("", "\n\n"):
            self.write("e.csv", text)
            [found] = self.sniff("e.csv")
            self.assertEqual(found["columns"], [])

    def test_names_are_escaped(self):
        self.write("n.csv", "a\x1b[31m,b\n1,2\n")
        self.assertNotIn(b"\x1b", self.expect(CLEAN, "sniff", "n.csv").out)
        self.assertNotIn(b"\x1b", self.expect(CLEAN, "sniff", "n.csv", "--json").out)


class Bare(SheafTest):
    sniffs = True

    def test_a_header_without_records_is_told(self):
        """What was taken for one may be a row: the note says how to read it so."""
        self.write("one.csv", "green,round\n")
        self.write("last.csv", "once upon a time\nthere was a king\nof far away\nname,city,crown\n")
        self.write("rows.csv", "name,city\nAnn,Rome\n")
        run = self.succeed("ingest", "one.csv", "rows.csv", "-o", "null:")
        self.assertIn("1 file with a header and no records (--header no reads rows)", run.out.decode())
        self.assertEqual([["green", "round"]], self.succeed("cat", "one.csv", "--header", "no").csv())
        run = self.succeed("ingest", "one.csv", "last.csv", "rows.csv", "-o", "null:")
        self.assertIn("2 files with a header and no records (--skip 0 --header no reads rows)", run.out.decode())
        run = self.succeed("ingest", "one.csv", "-o", "null:", "--header", "yes")
        self.assertIn("1 file with a header and no records\n", run.out.decode())
        run = self.succeed("check", "one.csv")
        self.assertIn("1 file with a header and no records (--header no reads rows)", run.error_text)
        facts = self.totals("one.csv", "last.csv", "rows.csv", "-o", "null:")
        self.assertEqual(2, facts["files_bare"])
        self.write("0.csv", "\n")
        self.assertEqual(0, self.totals("0.csv", "rows.csv", "-o", "null:")["files_bare"])


if __name__ == "__main__":
    unittest.main()

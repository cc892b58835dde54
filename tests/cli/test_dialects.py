"""Dialects that are told: the rows are those that Python's csv reads."""

import csv
import io
import random
import unittest

from harness import CLEAN, SKIPPED, USAGE, SheafTest

TEXTS = ["", "a", "1", "2.5", "b c", "x,y", "p;q", "it's", 'say "no"', "back\\slash", "#7", "é", "a\tb", "|", "''", '""']


def python_dialect(delimiter, quote, escape):
    return {"delimiter": delimiter, "lineterminator": "\n", "escapechar": escape, "doublequote": escape is None,
            "quoting": csv.QUOTE_MINIMAL if quote else csv.QUOTE_NONE, "quotechar": quote, "strict": True}


class ToldDialects(SheafTest):
    def options(self, delimiter, quote, escape):
        return ["--delim", delimiter, "--quote", quote or "none", "--escape", escape or "doubled"]

    def test_rows_are_those_of_python(self):
        rng = random.Random(17)
        for delimiter in ",;\t|:":
            for quote in ('"', "'", None):
                for escape in (None, "\\", "^"):
                    if quote is None and escape is None:
                        continue
                    rows = [["id", "one", "two"]]
                    for i in range(200):
                        texts = [rng.choice(TEXTS) for _ in range(2)]
                        if quote and rng.random() < 0.1:
                            texts[0] += "\n" + texts[1]
                        rows.append([str(i), *texts])
                    text = io.StringIO()
                    csv.writer(text, **python_dialect(delimiter, quote, escape)).writerows(rows)
                    self.write("d.csv", text.getvalue())
                    read = list(csv.reader(io.StringIO(text.getvalue()), **python_dialect(delimiter, quote, escape)))
                    self.assertEqual(read, rows, "Python reads what it writes")
                    for j in ("1", "2"):
                        run = self.expect(CLEAN, "cat", "d.csv", "-j", j, "--header", "yes", "--skip", "0",
                                          *self.options(delimiter, quote, escape))
                        self.assertEqual(list(csv.reader(io.StringIO(run.out.decode()), strict=True)), rows,
                                         (delimiter, quote, escape))

    def test_without_a_header_columns_are_numbered_and_csv_has_none(self):
        self.write("h.csv", "1,2\n3,4\n")
        self.write("with.csv", "column2,x\n5,6\n")
        for way in ([], ["-j", "1"], ["--executor", "processes"]):
            self.assertEqual(self.expect(CLEAN, "cat", "h.csv", "--header", "no", *way).out.decode(), "1,2\n3,4\n")
            self.assertEqual(self.expect(CLEAN, "cat", "-", "--header", "no", *way, input=b"1,2\n3,4\n").out.decode(),
                             "1,2\n3,4\n")
        self.expect(CLEAN, "ingest", "h.csv", "-o", "h.jsonl", "--header", "no")
        self.assertEqual(self.read("h.jsonl"), b'{"column1":"1","column2":"2"}\n{"column1":"3","column2":"4"}\n')

    def test_comments_and_lines_before_the_table_are_counted(self):
        self.write("c.csv", 'A "title\n\n%one\na,b\n% "two\n1,2\n%\n3,4\n')
        run = self.expect(CLEAN, "ingest", "c.csv", "-o", "c.jsonl", "--comment", "%", "--skip", "2", "--json")
        counts = run.json
        self.assertEqual((counts["records"], counts["comment_lines"], counts["preamble_lines"]), (2, 3, 2))

    def test_an_open_quote_of_any_kind_costs_its_record(self):
        self.write("q.csv", "a;b\n1;'x\n2;'y'\n'z'';3\n4;5\n")
        run = self.expect(SKIPPED, "cat", "q.csv", "--quote", "'", "--delim", ";", "--on-error", "quarantine")
        self.assertEqual(run.out.decode(), "a,b\n2,y\n4,5\n")

    def test_what_cannot_be_is_refused(self):
        self.write("a.csv", "a\n1\n")
        for options in (["--delim", ";;"], ["--quote", "é"], ["--delim", ",", "--quote", ","], ["--escape", ""],
                        ["--escape", '"'], ["--comment", "\n"], ["--skip", "-1"], ["--skip", "x"], ["--header", "maybe"],
                        ["--delim", "none"], ["--comment", "#", "--delim", "#"], ["--padding", "1"],
                        ["--no-sniff", "--quote", ","], ["--no-sniff", "--comment", "tab"], ["--delim", "\\x0a"],
                        ["--delim", "\\x+1"], ["--delim", "\\x80"]):
            run = self.expect(USAGE, "cat", "a.csv", *options)
            self.assertIn("help: ", run.err.decode())


if __name__ == "__main__":
    unittest.main()

"""Rows as text: what is written does not depend on who made it of which part, and reads back as it was."""

import csv
import io
import json
import random

import harness
from harness import SKIPPED, SheafTest

FORMATS = ("csv", "tsv", "jsonl")
SEPARATORS = {"csv": ",", "tsv": "\t"}
# Who makes text of rows: the merge alone; workers of whole files; of ranges, a few rows each.
WAYS = (["--executor", "sequential"], ["-j", "1"], ["-j", "2"], ["-j", "3", "--memory", "1M"],
        ["-j", "2", "--executor", "processes"])

# What is special to one of the formats, or ends where a vector of 16 bytes does.
PIECES = ['"', ",", "\t", "\n", "\r\n", "\\", "\x01", "\x1f", "\x7f", "\ufeff", "é", "x", "0123456789abcde",
          "0123456789abcdef", "0123456789abcdefg", " ", ";", "'"]


def field(choice):
    """None, an empty text, or some."""
    kind = choice.random()
    if kind < 0.1:
        return None
    if kind < 0.2:
        return ""
    if kind < 0.7:  # nothing special
        return "y" * choice.randrange(1, 60)
    if kind < 0.71:
        return "z" * choice.randrange(200, 600) + choice.choice(PIECES)
    return "".join(choice.choice(PIECES) for _ in range(choice.randrange(1, 6)))


def quoted(text):
    return '"' + text.replace('"', '""') + '"'


def source(rows, delimiter, quotes_all):
    """As a file may hold them: quoted always, or where it must be."""
    def spell(text):
        if text is None:
            return ""
        must = text == "" or any(c in text for c in '"\n\r' + delimiter)
        return quoted(text) if must or quotes_all else text
    return "".join(delimiter.join(spell(text) for text in row) + "\n" for row in rows)


def delimited(rows, separator):
    """As is written: the document at the head of engine/sinks/text/format.h, in other words."""
    def spell(text):
        if text is None:
            return ""
        return quoted(text) if text == "" or any(c in text for c in '"\n\r' + separator) else text
    return "".join(separator.join(spell(text) for text in row) + "\n" for row in rows)


class Text(SheafTest):
    def expected(self, names, rows, format):
        if format in SEPARATORS:
            return delimited([names, *rows], SEPARATORS[format]).encode()
        return [dict(zip(names, row)) for row in rows]

    def assert_written(self, names, rows, *arguments):
        """In every format and way."""
        for format in FORMATS:
            expected = self.expected(names, rows, format)
            outputs = set()
            for way in WAYS:
                with self.subTest(format=format, way=way):
                    out = self.succeed("cat", *arguments, "--format", format, *way).out
                    outputs.add(out)
                    self.assertEqual(expected, out if format in SEPARATORS else
                                     [json.loads(line) for line in out.split(b"\n")[:-1]])
            self.assertEqual(1, len(outputs), format)

    def table(self, seed, n_columns, n_rows):
        choice = random.Random(seed)
        rows = [[field(choice) for _ in range(n_columns)] for _ in range(n_rows)]
        return [f"c{i}" for i in range(n_columns)], [row for row in rows if n_columns > 1 or row != [None]]

    def test_random_tables(self):
        for seed, (n_columns, n_rows, delimiter) in enumerate(
                ((5, 3000, ","), (3, 4000, "\t"), (7, 1500, ";"), (2, 200, ","), (1, 300, ","))):
            with self.subTest(seed=seed):
                names, rows = self.table(seed, n_columns, n_rows)
                path = self.write(f"{seed}.csv", source([names, *rows], delimiter, seed % 2))
                self.assert_written(names, rows, path, "--delim", delimiter)

    def test_plain_rows_are_written_as_they_stand(self):
        rows = [[str(i), "" if i % 5 == 0 else f"name {i}", "x" * (i % 40)] for i in range(30_000)]
        rows = [[text or None for text in row] for row in rows]
        names = ["id", "name", "x"]
        for delimiter in ",\t;":
            with self.subTest(delimiter=delimiter):
                self.write("p.csv", source([names, *rows], delimiter, False))
                self.assert_written(names, rows, "p.csv", "--delim", delimiter)

    def test_plain_rows_without_the_last_line_end(self):
        self.write("p.csv", "a,b\n1,2\n3,4")
        self.assert_written(["a", "b"], [["1", "2"], ["3", "4"]], "p.csv")

    def test_plain_rows_and_others_take_turns(self):
        rows = [["1", "2"] if i % 700 else ["a\"b", None] for i in range(20_000)]
        self.write("p.csv", source([["a", "b"], *rows], ",", False))
        self.assert_written(["a", "b"], rows, "p.csv")

    def test_blank_lines_and_comments_between_plain_rows_are_not_written(self):
        self.write("p.csv", "a,b\n" + ("1,2\n" * 3000 + "\n#x\n") * 4)
        self.assert_written(["a", "b"], [["1", "2"]] * 12_000, "p.csv", "--comment", "#")

    def test_records_that_are_set_aside_between_plain_rows_are_not_written(self):
        self.write("p.csv", "a,b\n" + ("1,2\n" * 3000 + "3\n4,5,6\n") * 4)
        for way in WAYS:
            with self.subTest(way=way):
                run = self.expect(SKIPPED, "cat", "p.csv", "--on-error", "quarantine", "--quarantine", "q.jsonl", *way)
                self.assertEqual(b"a,b\n" + b"1,2\n" * 12_000, run.out)

    def test_a_quote_that_is_none_in_the_source_is_one_in_what_is_written(self):
        rows = [[f'{i}"', "it's"] for i in range(3000)]
        self.write("p.csv", "a,b\n" + "".join(f'{a},{b}\n' for a, b in rows))
        self.assert_written(["a", "b"], rows, "p.csv", "--quote", "none")

    def test_a_separator_in_a_field_of_another_dialect(self):
        self.write("p.csv", "a;b\n" + "1,5;2\n" * 3000)
        self.assert_written(["a", "b"], [["1,5", "2"]] * 3000, "p.csv", "--delim", ";")

    def test_a_single_column_with_separators_of_what_is_written(self):
        self.write("p.csv", "a\n" + "1,5\tx\n" * 3000)
        self.assert_written(["a"], [["1,5\tx"]] * 3000, "p.csv", "--delim", ";")

    def test_columns_that_are_chosen_and_missing(self):
        self.write("1.csv", "a,b,c\n" + "1,2,3\n" * 3000)
        self.write("2.csv", "c,d\n" + "4,5\n" * 3000)
        rows = [["3", None, "1"]] * 3000 + [["4", "5", None]] * 3000
        self.assert_written(["c", "d", "a"], rows, "1.csv", "2.csv", "--select", "c,d,a")

    def test_the_first_columns_of_plain_rows(self):
        self.write("p.csv", "a,b,c\n" + "1,2,3\n" * 3000)
        for n in (1, 2, 3):
            self.assert_written(list("abc")[:n], [list("123")[:n]] * 3000, "p.csv", "--select", ",".join("abc"[:n]))

    def test_a_null_that_is_alone_in_its_row_is_no_blank_line(self):
        self.write("1.csv", "a\n" + "x\nNA\n" * 2000)
        self.write("2.csv", "a,b\n" + ",1\n" * 2000)
        for format in SEPARATORS:
            for way in WAYS:
                with self.subTest(format=format, way=way):
                    run = self.succeed("cat", "1.csv", "2.csv", "--select", "a", "--null", "NA", "--format", format, *way)
                    self.assertEqual(b"a\n" + b'x\n""\n' * 2000 + b'""\n' * 2000, run.out)

    def test_tokens_that_are_null_in_plain_rows(self):
        self.write("p.csv", "a,b\n" + "NA,1\n2,NA\n" * 3000)
        self.assert_written(["a", "b"], [[None, "1"], ["2", None]] * 3000, "p.csv", "--null", "NA")

    def test_where_rows_come_from(self):
        self.write('1,".csv', "a,b\n" + "1,2\n" * 40_000)
        rows = [["1", "2", '1,".csv', str(i + 2), str(i + 1)] for i in range(40_000)]
        self.assert_written(["a", "b", "file", "line", "row"], rows, '1,".csv', "--add", "file,line,row")

    def test_what_is_escaped_in_json(self):
        """All that is no letter of a text, wherever in a vector it stands; and nothing else."""
        special = [*map(chr, range(0x20)), '"', "\\", "\x7f"]
        plain = [" ", "!", "#", "[", "]", "~", "/", "\x80", "é", "\u2028"]
        spelled = {"\b": r"\b", "\t": r"\t", "\n": r"\n", "\f": r"\f", "\r": r"\r", '"': r'\"', "\\": r"\\"}
        texts = ["y" * n + c for c in special + plain for n in (0, 7, 15, 16, 31)]
        escapes = {c: spelled.get(c, f"\\u{ord(c):04x}") for c in special}
        self.write("p.csv", source([["a", "b"], *([text, "1"] for text in texts)], ",", True))
        lines = "".join('{"a":"' + text[:-1] + escapes.get(text[-1], text[-1]) + '","b":"1"}\n' for text in texts)
        self.assertEqual(lines, self.succeed("cat", "p.csv", "--format", "jsonl").out.decode())

    def test_a_byte_order_mark_is_quoted_where_a_file_begins_and_nowhere_else(self):
        self.write("m.csv", "1,\ufeffx\n\ufeffy,2\n")
        self.write("n.csv", "\ufeff\ufeffz,3\n")  # the first is one, and dropped
        for way in WAYS:
            with self.subTest(way=way):
                run = self.succeed("cat", "n.csv", "m.csv", "--header", "no", "--no-sniff", *way)
                self.assertEqual('"\ufeffz",3\n1,\ufeffx\n\ufeffy,2\n'.encode(), run.out)

    def test_names_of_columns_that_are_longer_than_all_values(self):
        names = [f"{'n' * 4000}{i}" for i in range(20)]
        self.write("p.csv", source([names] + [["1"] * 20] * 200, ",", False))
        self.assert_written(names, [["1"] * 20] * 200, "p.csv")

    def test_what_is_read_back_is_what_was_written(self):
        names, rows = self.table(99, 4, 2000)
        self.write("p.csv", source([names, *rows], ",", False))
        for format in SEPARATORS:
            self.succeed("ingest", "p.csv", "-o", f"x.{format}")
            self.assertEqual(self.succeed("cat", "p.csv").out, self.succeed(
                "cat", f"x.{format}", "--delim", SEPARATORS[format]).out)
        read = list(csv.reader(io.StringIO(self.read("x.csv").decode(), newline="")))
        self.assertEqual([names] + [[text or "" for text in row] for row in rows], read)


if __name__ == "__main__":
    harness.main()

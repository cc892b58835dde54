"""--add file,line,row: where each row comes from."""

import gzip
import json
import os
import random
import struct
import zlib

import harness
from harness import CLEAN, FAULT, SKIPPED, USAGE, SheafTest

SMALL_RANGES = ["--memory", "1M", "-j", "8"]
WAYS = [["-j", "1"], ["-j", "2"], SMALL_RANGES, ["--executor", "sequential"], ["--executor", "processes", "-j", "2"],
        ["--executor", "processes", *SMALL_RANGES], ["--parser", "libcsv", "-j", "2"]]


def quoted(value):
    return '"' + value.replace('"', '""') + '"' if set(value) & set(',"\r\n') else value


def blocked(data):
    """BGZF: gzip in blocks of at most 64 KiB, each of which tells its length."""
    def block(part):
        deflate = zlib.compressobj(1, zlib.DEFLATED, -15)
        packed = deflate.compress(part) + deflate.flush()
        head = b"\x1f\x8b\x08\x04\0\0\0\0\0\xff\x06\0BC\x02\0" + struct.pack("<H", len(packed) + 25)
        return head + packed + struct.pack("<II", zlib.crc32(part), len(part))
    return b"".join(block(data[at:at + 20_000]) for at in range(0, len(data), 20_000)) + block(b"")


class Source:
    """A file with records of several lines, blank lines and records with faults; and where its rows are."""

    VALUES = ["plain", "", "with, comma", 'with "quotes"', "two\nlines", "three\r\n\rlines", "größe", "1,2\n3,4\n5,6\n"]

    def __init__(self, rng, n_records, faults=True):
        self.end = rng.choice(("\n", "\n", "\n", "\r\n", "\r"))
        self.parts, self.rows, self.rejects = [], [], []
        line, record = 1, 0
        plain = rng.random() < 0.3  # without quotes and blank lines: those are read in another way
        def add(text):
            nonlocal line
            self.parts.append(text + self.end)
            line += 1 + text.replace("\r\n", "\n").replace("\r", "\n").count("\n")
        if rng.random() < 0.2:
            add("")
        add("n,text")
        for n in range(n_records):
            if not plain and rng.random() < 0.1:
                add("")
            record += 1
            if faults and rng.random() < 0.03:
                self.rejects.append((line, record))
                add(rng.choice(("short", "l,o,n,g")))
                continue
            value = "x" if plain else rng.choice(self.VALUES)
            self.rows.append((str(n), value, line, record))
            add(f"{n},{quoted(value)}")
        self.text = "".join(self.parts)
        if rng.random() < 0.2:
            self.text = self.text.removesuffix(self.end)

    def stored(self, rng):
        data = self.text.encode()
        if rng.random() < 0.2:
            data = b"\xef\xbb\xbf" + data
        return rng.choice((lambda d: d, lambda d: d, gzip.compress, blocked))(data)


class Provenance(SheafTest):
    def make_folder(self, rng, n_files, n_records):
        """Files in a folder; what `--add file,line,row` is to give, and the rejects."""
        rows, rejects = [], []
        names = [f"folder {i}/größe {i}.csv" for i in range(n_files)]
        for name in names:
            source = Source(rng, rng.randint(0, n_records))
            self.write(name, source.stored(rng))
            rows += [[n, value, name, str(line), str(row)] for n, value, line, row in source.rows]
            rejects += [(name, line, row) for line, row in source.rejects]
        return names, rows, rejects

    def check_folder(self, rng, n_files, n_records, ways):
        names, rows, rejects = self.make_folder(rng, n_files, n_records)
        code = SKIPPED if rejects else CLEAN
        header = ["n", "text", "file", "line", "row"]
        for way in ways:
            args = [*names, "--on-error", "quarantine", "--add", "file,line", "--add", "row", *way]
            run = self.expect(code, "cat", *args)
            self.assertTrue([header, *rows] == run.csv(), (way, n_records))
            self.expect(code, "ingest", *args, "-o", "x.db", "--table", "t", "--if-exists", "replace")
            self.assertEqual(header, self.sql_columns("x.db", "t"))
            if rows:
                found = harness.null_as_empty(self.sql_rows("x.db", "t"))
                self.assertTrue(rows == found, (way, n_records))
            if rejects:
                found = self.sql("x.db", "SELECT file, line, record FROM t_quarantine ORDER BY rowid;").decode()
                self.assertEqual([f"{name}|{line}|{row}" for name, line, row in rejects], found.splitlines())
            types = self.sql("x.db", "SELECT DISTINCT typeof(file), typeof(line), typeof(row) FROM t;")
            self.assertIn(types, (b"", b"text|integer|integer\n"))

    def test_small_files(self):
        for seed in range(25):
            rng = random.Random(seed)
            self.check_folder(rng, rng.randint(1, 4), 30, rng.sample(WAYS, 2))

    def test_large_files_that_are_split(self):
        for seed in range(2 if harness.FEW_ROUNDS else 6):
            self.check_folder(random.Random(100 + seed), 1, 30_000, WAYS)

    def test_what_is_split_is_split_here(self):
        source = Source(random.Random(1), 30_000)
        self.write("x.csv", source.text)
        facts = self.totals("x.csv", "-o", "y.csv", *SMALL_RANGES, "--on-error", "quarantine", code=SKIPPED)
        self.assertLess(5, facts["ranges"])

    def test_streams(self):
        source = Source(random.Random(5), 5000)
        rows = [["n", "text", "file", "line"]] + [[n, value, "-", str(line)] for n, value, line, _ in source.rows]
        args = ["-", "--add", "file,line", "--on-error", "quarantine"]
        run = self.expect(SKIPPED, "cat", *args, input=source.text.encode())
        self.assertTrue(rows == run.csv())
        self.expect(SKIPPED, "ingest", *args, "-o", "x.db", input=gzip.compress(source.text.encode()))
        self.assertTrue(rows[1:] == harness.null_as_empty(self.sql_rows("x.db", "x")))

    def test_json_lines_and_tsv(self):
        self.write("a.csv", 'x\n"1\n2"\n3\n')
        run = self.succeed("cat", "a.csv", "--add", "row,line,file", "--format", "jsonl")
        self.assertEqual([{"x": "1\n2", "row": "1", "line": "2", "file": "a.csv"},
                          {"x": "3", "row": "2", "line": "4", "file": "a.csv"}],
                         [json.loads(line) for line in run.out.splitlines()])
        run = self.succeed("cat", "a.csv", "--add", "line", "--format", "tsv")
        self.assertEqual([["x", "line"], ["1\n2", "2"], ["3", "4"]], run.csv("\t"))

    def test_in_the_schema(self):
        self.write("a.csv", "x\n\n")
        self.write("empty.csv", "")
        run = self.succeed("schema", "a.csv", "empty.csv", "--add", "row,file", "--text", "--json")
        self.assertEqual([("x", "text", True), ("row", "int64", False), ("file", "text", False)],
                         [(c["name"], c["type"], c["nullable"]) for c in run.json["columns"]])

    def test_to_no_table_nothing_is_added(self):
        self.write("empty.csv", "")
        self.assertEqual(b"", self.succeed("cat", "empty.csv", "--add", "file").out)
        self.assertEqual(b"", self.succeed("schema", "empty.csv", "--add", "file").out)
        self.succeed("ingest", "empty.csv", "--add", "file,line", "-o", "x.db")

    def test_names_that_are_taken_get_a_number(self):
        self.write("a.csv", "line,file,file_2,FILE\n1,2,3,4\n")
        self.assertEqual("line,file,file_2,FILE,file_3,line_2,row",
                         self.succeed("cat", "a.csv", "--add", "file,line,row").out.decode().splitlines()[0])
        self.assertEqual("file,FILE_2,here",
                         self.succeed("cat", "a.csv", "--add", "file=FILE,line=here", "--select", "FILE", "--match",
                                      "nocase").out.decode().splitlines()[0])

    def test_they_may_be_named(self):
        self.write("a.csv", "x\n1\n")
        self.assertEqual('x,"a,b",nr\n1,a.csv,2\n',
                         self.succeed("cat", "a.csv", "--add", 'file="a,b",line=nr').out.decode())

    def test_selecting_leaves_them(self):
        self.write("a.csv", "x,y\n1,2\n")
        self.assertEqual(b"y,line\n2,2\n", self.succeed("cat", "a.csv", "--select", "y", "--add", "line").out)

    def test_null_is_not_for_them(self):
        self.write("2", "x\n2\n")
        self.assertEqual(b"x,file,line\n,2,2\n", self.succeed("cat", "2", "--null", "2", "--add", "file,line").out)

    def test_a_path_that_is_no_text_is_escaped(self):
        self.write(b"a\xff\xc3\xa9.csv", b"x\n1\n")
        self.assertEqual("x,file\n1,a\\xffé.csv\n".encode(),
                         self.succeed("cat", os.fsdecode(b"a\xff\xc3\xa9.csv"), "--add", "file").out)

    def test_what_is_not_understood_is_a_usage_error(self):
        self.write("a.csv", "x\n1\n")
        for given in ("", "path", "file,", "file,file", "line,line=x", "file=", 'file="', 'file="a"b', "=x"):
            with self.subTest(given=given):
                self.assertIn("--add", self.expect(USAGE, "cat", "a.csv", "--add", given).error_text)


if __name__ == "__main__":
    harness.main()

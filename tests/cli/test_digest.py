"""--digest: one number for the table, whoever reads it, into whatever destination.

The oracle follows what include/sheaf/ingest.h says, with Python's integers and XXH3 as its own library has it.
"""

import ctypes
import gzip
import os
import random
import re

import harness
import messy
import oracle
import test_ranges
from harness import CLEAN, SKIPPED, SheafTest

PRIME, BASE = (1 << 61) - 1, 0x043F6A8885A308D3

xxh3 = ctypes.CDLL("libxxhash.so.0").XXH3_64bits
xxh3.restype, xxh3.argtypes = ctypes.c_uint64, (ctypes.c_char_p, ctypes.c_size_t)


def spell(value):
    if value is None:
        return b""
    value = harness.to_bytes(value)
    return b'"' + value.replace(b'"', b'""') + b'"' if not value or set(value) & set(b',"\r\n') else value


def digest_of(columns, rows):
    value = 0
    for record in [columns, *rows]:
        line = b",".join(map(spell, record))
        value = (value * BASE + xxh3(line, len(line))) % PRIME
    return f"{value:016x}"


def digest_of_csv(data):
    """Of what `cat` wrote, in which quotes tell an empty text from a null; not of one column."""
    value = 0
    for line in data.decode().removesuffix("\n").split("\n"):
        value = (value * BASE + xxh3(line.encode(), len(line.encode()))) % PRIME
    return f"{value:016x}"


class DigestTest(SheafTest):
    EVERY_WAY = [["-j", "1"], ["-j", "2"], ["-j", "8"], ["--executor", "sequential"],
                 ["--executor", "processes", "-j", "2"], ["--memory", "1M", "-j", "2"], ["--memory", "1M", "-j", "1"],
                 ["--memory", "1M", "--executor", "processes", "-j", "2"], ["--parser", "libcsv"]]
    WHERE = ["null:", "x.csv", "x.jsonl", "x.db"]

    def digest(self, *args, where="null:", code=CLEAN, **options):
        run = self.expect(code, "ingest", *args, "-o", where, "--if-exists", "replace", "--digest", "--json", **options)
        return run.json["digest"]

    def assert_digest(self, expected, *args, ways=EVERY_WAY, where=WHERE, code=CLEAN):
        for way in ways:
            for each in where:
                self.assertEqual(expected, self.digest(*args, *way, where=each, code=code), (args, way, each))
            self.assertEqual(expected, self.expect(code, "count", *args, *way, "--digest", "--json").json["digest"], way)
            self.assertIn(f"digest  {expected}\n", self.expect(code, "cat", *args, *way, "--digest").error_text)


class Oracle(DigestTest):
    def make_folder(self, rng, n_files):
        names = []
        tables = []
        for i in range(n_files):
            data, header, rows = messy.make_file(rng, rows=rng.choice([3, 30]))
            name = f"d/{i:03}.csv"
            if rng.random() < 0.3:
                self.write(name + ".gz", messy.compress_in_members(rng, data))
            else:
                self.write(name, data)
            names.append(name)
            tables.append(oracle.Table(oracle.column_names(header), rows))
        return oracle.unite(tables)

    def test_random_folders(self):
        rng = random.Random(61)
        for i in range(harness.rounds(25)):
            with self.subTest(i=i):
                table = self.make_folder(rng, rng.choice([1, 2, 9]))
                expected = digest_of(table.columns, table.rows)
                self.assert_digest(expected, "d", ways=rng.sample(self.EVERY_WAY, 2),
                                   where=rng.sample(self.WHERE, 2))
                self.succeed("count", "d")
                for name in os.listdir(self.path("d")):
                    os.remove(self.path(f"d/{name}"))

    def test_every_way_and_place(self):
        table = self.make_folder(random.Random(62), 40)
        self.assert_digest(digest_of(table.columns, table.rows), "d")

    def test_lines_of_every_length(self):
        """Up to where the hash is made in pieces, and beyond; alone, in a row, quoted or not."""
        texts = [bytes(65 + (i * n) % 26 for i in range(n)) for n in (*range(1, 140), *range(230, 260), 1023, 4094, 4095,
                                                                     4096, 4097, 8191, 8192, 8193, 70_000, 300_001)]
        rows = [row for text in texts for row in
                ([text, b"2"], [b"1", text], [text[:-1] + b",", text], [text[:-1] + b'"', None], [None, text])]
        self.write("a.csv", b"n,t\n" + b"".join(b",".join(map(spell, row)) + b"\n" for row in rows))
        self.assert_digest(digest_of(["n", "t"], rows), "a.csv")
        self.write("one.csv", b"t\n" + b"".join(spell(text) + b"\n" for row in rows for text in row if text))
        self.assert_digest(digest_of(["t"], [[text] for row in rows for text in row if text]), "one.csv")

    def test_wide_rows(self):
        rng = random.Random(5)
        for width in (2, 3, 4, 5, 8, 31, 1000):
            rows = [[rng.choice([None, "", "a", "bc", "1.5", 'q"', "x,y"]) for _ in range(width)] for _ in range(30)]
            columns = [f"c{i}" for i in range(width)]
            lines = [",".join(spell(v).decode() for v in row) for row in [columns, *rows] if row != [None]]
            self.write("w.csv", "\n".join(lines) + "\n")
            self.assert_digest(digest_of(columns, rows), "w.csv", ways=[["-j", "2"]])

    def test_what_cat_writes_has_it(self):
        trips = str(harness.REPOSITORY / "data" / "trips")
        run = self.succeed("cat", trips, "--digest")
        plain = self.write("plain.csv", b"".join(line + b"\n" for line in run.out.split(b"\n")[:-1] if b'"' not in line))
        self.assertEqual(digest_of_csv(self.read(plain)), self.digest(plain))
        self.write("all.csv", run.out)
        self.assertEqual(self.digest("all.csv"), self.digest(trips))


class Large(DigestTest):
    """Files that are split, among many workers."""

    def setUp(self):
        super().setUp()
        rng = random.Random(8)
        words = ["plain", "with, comma", 'with "quotes"', "two\nlines", "", None, "1,2\n3,4\n5,6\n7,8\n", "größe"]
        self.rows = [[str(i), f"{rng.random():.6f}", rng.choice(words)] for i in range(60_000)]
        self.text = b"n,x,text\n" + b"".join(b",".join(map(spell, row)) + b"\n" for row in self.rows)
        self.expected = digest_of(["n", "x", "text"], self.rows)

    def test_plain(self):
        self.write("big.csv", self.text)
        self.assertGreater(self.totals("big.csv", "-o", "x.csv", "-j", "2", "--memory", "1M")["ranges"], 1)
        self.assert_digest(self.expected, "big.csv")

    def test_compressed(self):
        self.write_gzip("big.csv.gz", self.text)
        self.assert_digest(self.expected, "big.csv.gz", ways=self.EVERY_WAY[1:6])

    def test_blocks(self):
        blocks = [test_ranges.RangesOfBlocks.block(self.text[at:at + 30_000]) for at in range(0, len(self.text), 30_000)]
        self.write("big.csv.gz", b"".join(blocks) + test_ranges.RangesOfBlocks.block(b""))
        self.assert_digest(self.expected, "big.csv.gz", ways=self.EVERY_WAY[1:6])

    def test_a_pipe(self):
        for where in ("null:", "x.db", "-"):
            run = self.succeed("ingest", "-", "-o", where, "--digest", "--if-exists", "replace", input=self.text)
            self.assertIn(f"digest  {self.expected}\n", (run.err if where == "-" else run.out).decode())
        self.assertTrue(self.succeed("count", "-", "--digest", input=self.text).out.decode()
                        .endswith(f"60000 total\ndigest  {self.expected}\n"))

    def test_behind_a_file_of_other_columns(self):
        """What was kept of it, while its types were found out, is not what it is in the table."""
        self.write("big.csv", self.text)
        self.write("first.csv", "text,id\na,1\n")
        rows = [["a", "1", None, None]] + [[text, None, n, x] for n, x, text in self.rows]
        self.assert_digest(digest_of(["text", "id", "n", "x"], rows), "first.csv", "big.csv", ways=self.EVERY_WAY[:6])

    def test_kernels(self):
        self.write("big.csv", self.text)
        for kernel in ("scalar", "sse2", "avx2"):
            self.assertEqual(self.expected, self.digest("big.csv", env=dict(os.environ, SHEAF_KERNEL=kernel)))


class Meaning(DigestTest):
    """What counts and what does not."""

    def of(self, text, *args, name="a.csv", code=CLEAN):
        self.write(name, text)
        return self.digest(name, *args, code=code)

    def test_rows_have_an_order_and_a_number(self):
        texts = ["a,b\n1,2\n3,4\n", "a,b\n3,4\n1,2\n", "a,b\n1,2\n1,2\n3,4\n", "a,b\n1,2\n", "a,b\n",
                 "a,b\n1,4\n3,2\n", "a,b\n12,\n34,\n", "a,b\n1,23\n4,\n", "a,b\n,\n1,2\n3,4\n", "a,b\n1,2\n3,4\n,\n"]
        self.assertEqual(len(texts), len({self.of(text) for text in texts}))

    def test_so_do_the_columns(self):
        texts = ["a,b\n1,2\n", "b,a\n1,2\n", "b,a\n2,1\n", "a,c\n1,2\n", "a,b,c\n1,2,\n"]
        self.assertEqual(len(texts), len({self.of(text) for text in texts}))

    def test_a_null_is_no_empty_text(self):
        self.assertEqual(3, len({self.of('a,b\n1,\n'), self.of('a,b\n1,""\n'), self.of('a,b\n1,""""""\n')}))
        self.write("b.csv", "b\n1\n")
        self.assertNotEqual(self.digest("b.csv", "c.csv" if self.write("c.csv", 'a\n1\n') else ""),
                            self.digest("b.csv", "c.csv" if self.write("c.csv", 'a,b\n1,""\n') else ""))

    def test_how_a_file_writes_it_does_not_count(self):
        same = self.of("a,b\n1,x y\n,é\n")
        for text in ('"a","b"\n"1","x y"\n,"é"\n', "a,b\r\n1,x y\r\n,é\r\n", "a,b\r1,x y\r,é", "\n\na,b\n\n1,x y\n,é\n\n",
                     "\ufeffa,b\n1,x y\n,é"):
            self.assertEqual(same, self.of(text), text)
        self.assertEqual(same, self.of("a;b\n1;x y\n;é\n", "--delim", ";"))
        self.assertEqual(same, self.of("a\tb\n1\tx y\n\té\n", name="a.tsv"))
        self.assertEqual(same, self.of("a,b\n1,x y\n,é\n".encode("latin-1"), "--encoding", "latin1"))
        self.assertEqual(same, self.of("a,b\n1,x y\n,é\n".encode("utf-16-le"), "--encoding", "utf-16le"))
        self.assertEqual(same, self.of(gzip.compress("a,b\n1,x y\n,é\n".encode()), name="a.csv.gz"))

    def test_a_separator_is_text_elsewhere(self):
        rows = [["1", "2,3"], ["4,5", None], ["6", "7;8"], [None, "9"], ['"', "x"], ["a", 'b"c']]
        self.write("a.csv", "a;b\n1;2,3\n4,5;\n6;\"7;8\"\n;9\n\"\"\"\";x\na;b\"c\n")
        self.assert_digest(digest_of(["a", "b"], rows), "a.csv", "--delim", ";")

    def test_the_order_of_a_files_columns_does_not_count(self):
        self.write("1.csv", "a,b,c\n1,2,3\n")
        self.write("2.csv", "c,a,b\n6,4,5\n")
        self.write("3.csv", "b\n7\n")
        rows = [["1", "2", "3"], ["4", "5", "6"], [None, "7", None]]
        self.assert_digest(digest_of(["a", "b", "c"], rows), "1.csv", "2.csv", "3.csv")
        self.assert_digest(digest_of(["b", "a", "c"], [[b, a, c] for a, b, c in rows[2:] + rows[:2]]),
                           "3.csv", "1.csv", "2.csv")

    def test_where_one_file_ends_does_not_count(self):
        whole = self.of("a,b\n1,2\n3,4\n5,6\n")
        for i, rows in enumerate(("1,2\n", "", "3,4\n5,6\n")):
            self.write(f"{i}.csv", "a,b\n" + rows)
        self.assert_digest(whole, "0.csv", "1.csv", "2.csv")

    def test_texts_that_are_null(self):
        self.assertEqual(self.of("a,b\n,2\n3,\n,\n"), self.of('a,b\nNA,2\n3,"NA"\n,NA\n', "--null", "NA"))
        self.write("a.csv", "a,b\nNA,2\n3,NA\n-,\n")
        for args, rows in ((["NA"], [[None, "2"], ["3", None], ["-", None]]),
                           (["NA", "-"], [[None, "2"], ["3", None], [None, None]])):
            nulls = [arg for each in args for arg in ("--null", each)]
            for where in self.WHERE:
                self.assertEqual(digest_of(["a", "b"], rows), self.digest("a.csv", *nulls, where=where), where)

        self.write("wide.csv", "a,b,c\n" + "1,NA,3\n" * 50)
        self.assertEqual(digest_of(["a", "b", "c"], [["1", None, "3"]] * 50), self.digest("wide.csv", "--null", "NA"))

    def test_types_do_not_count(self):
        self.write("a.csv", "a,b\n1,2024-01-01\n1.0,2024-01-01 00:00\n")
        for args in ([], ["--text"], ["--type", "a=text"], ["--type", "a=float64"]):
            self.assertEqual(digest_of(["a", "b"], [["1", "2024-01-01"], ["1.0", "2024-01-01 00:00"]]),
                             self.digest("a.csv", *args, where="x.db"))

    def test_columns_that_are_chosen_and_added(self):
        n = 110_000
        self.write("a.csv", "a,b,c\n" + "".join(f"{i},x,{i * i}\n" for i in range(n)))
        self.write("b.csv", "a,b,c,d\n1,2,3,4\n")
        whole = [(str(i), "x", str(i * i), None) for i in range(n)] + [("1", "2", "3", "4")]
        for options, columns in ((["--select", "c,a"], [2, 0]), (["--drop", "b"], [0, 2, 3]),
                                 (["--columns", "first"], [0, 1, 2]), (["--rename", "b=z"], [0, 1, 2, 3]),
                                 (["--add", "line"], [0, 1, 2, 3])):
            names = ["a", "z" if "b=z" in options else "b", "c", "d"]
            expected = digest_of([names[k] for k in columns], [[row[k] for k in columns] for row in whole])
            for way in self.EVERY_WAY[:2]:
                for where in ("x.csv", "x.db"):
                    self.assertEqual(expected, self.digest("a.csv", "b.csv", *options, *way, where=where), (options, way))

    def test_nothing(self):
        self.assert_digest(digest_of([], []), self.write("empty.csv", ""))
        self.assert_digest(digest_of(["a"], []), self.write("a.csv", "a\n"), "empty.csv")


class Faults(DigestTest):
    def test_records_that_are_set_aside_are_no_rows(self):
        rng = random.Random(4)
        lines = [b"%d,%d" % (i, i * i) for i in range(30_000)]
        bad = {i: rng.choice([b"x", b"1,2,3", b"\xff,1", b'"a']) for i in rng.sample(range(30_000), 300)}
        self.write("bad.csv", b"a,b\n" + b"".join(bad.get(i, line) + b"\n" for i, line in enumerate(lines)))
        rows = [line.split(b",") for i, line in enumerate(lines) if i not in bad]
        self.assert_digest(digest_of(["a", "b"], rows), "bad.csv", "--on-error", "quarantine", code=SKIPPED)

    def test_files_that_are_left_out_have_none(self):
        self.write("good.csv", "a,b\n1,2\n")
        self.write("other.csv", "a,b\n1,2\n3\n")
        self.write("header.csv", b"a,\xff\n1,2\n")
        self.write("cut.csv.gz", gzip.compress(b"a,b\n5,6\n7\n")[:12])
        expected = digest_of(["a", "b"], [["1", "2"]])
        self.assert_digest(expected, "header.csv", "good.csv", "cut.csv.gz", "--on-error", "quarantine",
                           code=SKIPPED)
        for way in (["-j", "1"], ["-j", "2"], ["--executor", "processes"]):
            for where in self.WHERE:
                self.assertEqual(expected, self.digest("other.csv", "good.csv", "--on-error", "skip-file", *way,
                                                       where=where, code=SKIPPED))

    def test_the_first_fault_is_the_same(self):
        self.write("1.csv", "a,b\n1,2\n3\n")
        self.write("2.csv", b"\xff\n")
        for where in self.WHERE:
            for way in self.EVERY_WAY[:5]:
                self.expect_fault("ingest", "1.csv", "2.csv", "-o", where, "--digest", *way, source="1.csv", line=3)


class Output(DigestTest):
    def setUp(self):
        super().setUp()
        self.write("a.csv", "a,b\n1,2\n")
        self.line = f"digest  {digest_of(['a', 'b'], [['1', '2']])}\n"

    def test_it_is_a_line_of_the_summary(self):
        self.assertRegex(self.succeed("ingest", "a.csv", "-o", "x.csv", "--digest").out.decode(),
                         rf"(?m)^records .*\n{self.line}")
        self.assertEqual(self.line, self.succeed("ingest", "a.csv", "-o", "y.csv", "--digest", "-q").out.decode())
        self.assertEqual(self.line, self.succeed("cat", "a.csv", "--digest").error_text)
        self.assertEqual("1 a.csv\n1 total\n" + self.line, self.succeed("count", "a.csv", "--digest").out.decode())

    def test_it_is_there_only_if_it_was_asked_for(self):
        for args in (["ingest", "a.csv", "-o", "x.csv"], ["ingest", "a.csv", "-o", "null:", "--json"], ["cat", "a.csv"],
                     ["count", "a.csv"], ["count", "a.csv", "--json"]):
            run = self.succeed(*args)
            self.assertIsNone(re.search(rb"digest", run.out + run.err), args)


if __name__ == "__main__":
    harness.main()

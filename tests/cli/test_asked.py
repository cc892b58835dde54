"""A value that is not of the type that was asked for costs its record, and nothing else."""

import decimal
import functools
import random
import re
import sqlite3

import dirty
import harness
import test_ranges
import test_types
from harness import CLEAN, SKIPPED, csv_line
from test_quarantine import QuarantineTest


def as_asked(name, text):
    """The value that SQLite gives back for a text in a column of this type; ValueError: it is none."""
    if name == "text":
        return text
    if name == "int64" and re.fullmatch("[+-]?[0-9]+", text) and -2**63 <= int(text) < 2**63:
        return int(text)
    if name == "float64" and re.fullmatch(r"[+-]?0*(" + test_types.REAL.pattern.removeprefix("-?") + ")", text):
        value = float(text)
        if abs(value) != float("inf") and (value != 0) == (decimal.Decimal(text) != 0):
            return value or 0.0
    kind, _ = test_types.kind_of(text)
    if name in ("int64", "float64") or kind not in test_types.HOLDS[name]:
        raise ValueError(text)
    return test_types.as_type(name, text)


GOOD = {"int64": ["1", "-7", "+7", "007", "123456789012"], "float64": ["1", "2.5", "-.5", "+1e3", "00.25"],
        "date": ["2024-02-29", "1999-12-31"], "timestamp": ["2024-02-29", "2024-02-29T13:05:59", "2024-02-29 13:05"],
        "bool": ["true", "False"], "time": ["13:05:59", "00:00:01.5"], "text": ["x", "1"]}
BAD = ["n/a", "", "NA", "1x", "2024-02-30", "99999999999999999999999", "é", "a\nb", "x,y", 'q"q', "1 ", "y" * 40]


class Oracle:
    """A random table with types that are asked for, and what is to become of it."""

    def __init__(self, rng, records, bad=0.05, faults=0.05, longest=60):
        self.types = [rng.choice(list(GOOD)) for _ in range(rng.randrange(1, 5))]
        self.asked = [each if rng.random() < 0.8 else None for each in self.types]
        names = [f"h{i}" for i in range(len(self.types))]
        lines = [",".join(names)]
        for _ in range(records):
            lines.append(",".join(self.value(rng, each, bad) for each in self.types))
            if rng.random() < faults:
                lines[-1] = dirty.make_fault(rng, b",", longest).decode("utf-8", "surrogateescape")
            elif lines[-1] == "":
                lines[-1] = '""' if rng.random() < 0.5 else lines[0]
        self.text = rng.choice(["\n", "\r\n"]).join(lines).encode("utf-8", "surrogateescape") + b"\n"
        self.args = [word for name, asked in zip(names, self.asked) if asked
                     for word in ("--type", f"{name}={asked}")] + ["--null", "NA"]

    @staticmethod
    def value(rng, name, bad):
        value = rng.choice(BAD) if rng.random() < bad else rng.choice(GOOD[name])
        if re.search('[,"\n]', value) or rng.random() < 0.1:
            return csv_line([value])[:-1]
        return value if rng.random() < 0.95 else ""

    def refuses(self, values):
        for i, (value, asked) in enumerate(zip(values, self.asked)):
            try:
                if asked and value is not None and value != "NA":
                    as_asked(asked, value)
            except ValueError:
                return i
        return None

    @functools.cache
    def split(self, limit=64 << 20):
        return dirty.split(self.text, b",", limit, self.refuses)

    @functools.cache
    def rows(self, limit=64 << 20):
        """As SQLite gives them: only of columns whose type is asked for."""
        return [[None if value is None or value == "NA" else as_asked(asked, value)
                 for value, asked in zip(row, self.asked) if asked] for row in self.split(limit)[1].values()]


class AskedTest(QuarantineTest):
    def kept_rows(self, database, oracle):
        names = ",".join(f"h{i}" for i, asked in enumerate(oracle.asked) if asked) or "1"
        with sqlite3.connect(self.path(database)) as connection:
            return [list(row) if any(oracle.asked) else [] for row in
                    connection.execute(f"SELECT {names} FROM x ORDER BY rowid")]

    def check(self, oracle, name, *args, limit=64 << 20):
        header, rows, expected = oracle.split(limit)
        code = SKIPPED if expected else CLEAN
        facts = self.facts(name, "-o", "x.db", "--if-exists", "replace", "--quarantine", "q.jsonl", "--max-record",
                           str(limit), *oracle.args, *args, code=code)
        self.assertEqual((len(rows), len(expected)), (facts["loaded"], facts["rejected"]), oracle.text)
        self.ranges = facts["ranges"]
        self.assertEqual(oracle.rows(limit), self.kept_rows("x.db", oracle))
        rejects = self.rejects("q.jsonl") if expected else []
        self.assertEqual([each.key() for each in expected], self.keys(rejects), oracle.text)
        of_rows = self.facts(name, "-o", "null:", "--quarantine", "q.jsonl", "--max-record", str(limit), *oracle.args,
                             *args, code=code)
        self.assertEqual(rejects, self.rejects("q.jsonl") if expected else [])
        self.assertEqual((facts["loaded"], facts["rejected"]), (of_rows["loaded"], of_rows["rejected"]))
        return [each.code for each in expected]


class Places(AskedTest):
    TEXT = b'id,price,note\n1,2.5,"a\nb"\n\n2,n/a,"c\r\nd"\n3,"say ""x""",\n4,,\n5,1e999,x\n6,7,8\n'

    def test_the_value_the_type_and_the_place_are_told(self):
        self.write("a.csv", self.TEXT)
        for where in ("x.db", "null:"):
            for executor in ("threads", "processes", "sequential"):
                run = self.ingest("a.csv", "-o", where, "--type", "price=float64", "--quarantine", "q.jsonl",
                                  "--if-exists", "replace", "--executor", executor)
                rejects = self.rejects("q.jsonl")
                self.assertEqual(["type"] * 3, [each["code"] for each in rejects])
                self.assertEqual([b'2,n/a,"c\r\nd"', b'3,"say ""x""",', b"5,1e999,x"], [each["raw"] for each in rejects])
                self.assertEqual([(5, 2, 2, "price", 5, 3, 27), (7, 3, 2, "price", 7, 3, 40), (9, 5, 2, "price", 9, 3, 59)],
                                 [tuple(each[key] for key in ("line", "record", "field", "column", "fault_line",
                                                              "fault_byte", "offset")) for each in rejects])
                self.assertEqual(["'n/a' is not of type float64", "'say \"x\"' is not of type float64",
                                  "'1e999' is not of type float64"], [each["message"] for each in rejects])
                self.assertIn("a.csv:5:3", run.error_text)

    def test_beside_a_table(self):
        self.write("a.csv", self.TEXT)
        self.ingest("a.csv", "-o", "x.db", "--type", "price=float64")
        self.assertEqual(["1", "4", "6"], [row[0] for row in self.sql_rows("x.db", "x")])
        self.assertEqual(["type"] * 3, [each["code"] for each in self.database_rejects("x.db", "x_quarantine")])

    def test_on_stop_it_ends_the_run_and_on_skip_file_its_file(self):
        self.write("a.csv", self.TEXT)
        self.write("b.csv", "id,price\n9,9\n")
        with self.assert_directory_unchanged():
            self.expect_fault("ingest", "b.csv", "a.csv", "-o", "x.db", "--type", "price=float64", "--on-error", "stop",
                              source="a.csv", line=5, record=2, byte=29, says="'n/a' is not of type float64")
        facts = self.totals("b.csv", "a.csv", "-o", "x.db", "--type", "price=float64", "--on-error", "skip-file",
                            code=SKIPPED)
        self.assertEqual((1, 1), (facts["loaded"], facts["files_skipped"]))

    def test_how_to_go_on_is_told_once(self):
        self.write("a.csv", "a,b\nx,1\n2,3\n4,5\n")
        run = self.expect_fault("ingest", "a.csv", "-o", "x.db", "--type", "a=int64", "--on-error", "stop")
        self.assertIn("--on-error quarantine sets such records aside", run.error.help)
        self.assertEqual(1, run.error.help.count("skip-file"))

    def test_a_value_is_refused_alone_where_a_file_before_says_whose_name_it_is(self):
        self.write("a.csv", "a,b\n" + "1,2\n" * 100_000)
        self.write("b.csv", "A,a\n5,6\n7,bad\n8\n9,9\n9,9\n")
        for executor in ("threads", "processes"):
            for first in ("a.csv", "few.csv"):
                self.write("few.csv", "a,b\n1,2\n")
                facts = self.facts(first, "b.csv", "-o", "x.db", "--if-exists", "replace", "--match", "nocase", "--type",
                                   "a=int64", "--memory", "1M", "--executor", executor, code=SKIPPED)
                self.assertEqual((0, 2, 0), (facts["files_skipped"], facts["rejected"], facts["skipped"]))

    def test_the_position_of_a_column_is_each_files_own(self):
        self.write("a.csv", "a,b\n1,x\nx,1\n")
        self.write("b.csv", "b,a\n1,x\nx,1\n")
        self.write("c.csv", "b\nx\n")
        for executor in ("threads", "processes"):
            self.facts("a.csv", "b.csv", "c.csv", "-o", "x.db", "--type", "a=int64", "--if-exists", "replace",
                       "--executor", executor, code=SKIPPED)
            self.assertEqual([["1", "x"], ["1", "x"], [None, "x"]], self.sql_rows("x.db", "x"))

    def test_a_table_without_a_header(self):
        self.write("a.csv", "1,x\nx,1\n2,y\n")
        self.facts("a.csv", "-o", "x.db", "--type", "column1=int64", "--header", "no", "--no-sniff", code=SKIPPED)
        self.assertEqual([["1", "x"], ["2", "y"]], self.sql_rows("x.db", "x"))

    def test_a_value_in_another_dialect_is_told_as_it_reads(self):
        self.write("a.csv", "a;b\n1;'x'\n' o\\'c ';1\n")
        self.facts("a.csv", "-o", "null:", "--quarantine", "q.jsonl", "--type", "a=int64", "--delim", ";", "--quote",
                   "'", "--escape", "\\", "--no-sniff", code=SKIPPED)
        self.assertEqual(["' o'c ' is not of type int64"], [each["message"] for each in self.rejects("q.jsonl")])

    def test_if_none_is_left_types_are_as_asked(self):
        self.write("a.csv", "a\nx\ny\n")
        self.facts("a.csv", "-o", "x.db", "--type", "a=int64", code=SKIPPED)
        self.assertEqual([], self.sql_rows("x.db", "x"))

    def test_count_and_cat_know_no_types(self):
        self.write("a.csv", "a\nx\n1\n")
        self.assertEqual(b"a\nx\n1\n", self.succeed("cat", "a.csv").out)


class EveryRecord(AskedTest):
    """Of random tables, by an oracle that knows the rules and nothing else."""

    def test_of_many_files(self):
        rng = random.Random(6)
        codes = []
        for i in range(harness.rounds(120)):
            oracle = Oracle(rng, rng.randrange(1, 60), bad=rng.choice([0.02, 0.2]), faults=rng.choice([0, 0.1]))
            name = "a.csv"
            if rng.random() < 0.3:
                name = self.write_gzip("a.csv.gz", oracle.text)
            else:
                self.write(name, oracle.text)
            args = ["--encoding", "utf-8", "--delim", ","]
            if rng.random() < 0.3:
                args += ["--parser", "libcsv"]
            limit = rng.choice([64 << 20, 64 << 20, rng.randrange(30, 60)])
            with self.subTest(i=i, limit=limit):
                codes += self.check(oracle, name, *args, limit=limit)
        self.assertGreater(codes.count("type"), harness.rounds(250))
        self.assertGreater(len(codes) - codes.count("type"), harness.rounds(40))


class EveryWay(AskedTest):
    """Whoever reads, in however many parts: the same rows, the same quarantine."""

    WAYS = [["-j", "1"], ["-j", "2"], ["-j", "8"], ["--executor", "sequential"],
            ["--executor", "processes", "-j", "2"], ["--memory", "1M", "-j", "1"], ["--memory", "1M", "-j", "2"],
            ["--memory", "1M", "-j", "8"], ["--memory", "1M", "--executor", "processes", "-j", "3"],
            ["--memory", "1M", "--executor", "sequential"], ["--parser", "libcsv", "-j", "2"]]

    def make(self, seed, bad, faults):
        rng = random.Random(seed)
        while True:
            oracle = Oracle(rng, 12_000, bad, faults, longest=2000)
            if len(set(oracle.asked) - {"text", None}) > 1 and len(oracle.text) > 200_000:
                return oracle

    def check_every_way(self, oracle, name, ways=WAYS):
        ranges = 0
        for way in ways:
            with self.subTest(way=way):
                self.assertIn("type", self.check(oracle, name, "--encoding", "utf-8", "--delim", ",", *way))
            ranges += self.ranges
        return ranges

    def test_a_file_in_ranges(self):
        for seed, bad, faults in ((1, 0.0002, 0), (2, 0.01, 0.001), (3, 0.4, 0.2)):
            oracle = self.make(seed, bad, faults)
            self.write("a.csv", oracle.text)
            self.assertGreater(self.check_every_way(oracle, "a.csv"), 0)

    def test_a_compressed_file(self):
        oracle = self.make(4, 0.01, 0.001)
        self.write_gzip("a.csv.gz", oracle.text)
        ways = [["-j", "2"], ["--memory", "1M", "-j", "2"], ["--memory", "1M", "--executor", "processes", "-j", "3"]]
        self.check_every_way(oracle, "a.csv.gz", ways)
        blocks = b"".join(test_ranges.RangesOfBlocks.block(oracle.text[at:at + 10_000])
                          for at in range(0, len(oracle.text), 10_000))
        self.write("b.csv.gz", blocks + test_ranges.RangesOfBlocks.block(b""))
        self.check_every_way(oracle, "b.csv.gz", ways)

    def test_a_pipe(self):
        oracle = self.make(5, 0.01, 0.001)
        _, _, expected = oracle.split()
        for executor in ("threads", "processes"):
            for where in ("x.db", "null:"):
                self.ingest("-", "-o", where, "--if-exists", "replace", "--quarantine", "q.jsonl", "--encoding", "utf-8",
                            "--delim", ",", "--executor", executor, *oracle.args, input=oracle.text)
                self.assertEqual([each.key() for each in expected], self.keys(self.rejects("q.jsonl")))
            self.assertEqual(oracle.rows(), self.kept_rows("x.db", oracle))

    def test_a_large_file_into_nothing(self):
        """It is looked at once, in ranges."""
        rng = random.Random(7)
        n = 600_000
        bad = {rng.randrange(n): rng.choice(["n/a", "1.5", "x"]) for _ in range(200)}
        self.write("a.csv", "a,b,c\n" + "".join(f"{i},{bad.get(i, i * 7)},some text\n" for i in range(n)))
        expected = [(i + 1, bad[i]) for i in sorted(bad)]
        for way in self.WAYS[:5]:
            facts = self.facts("a.csv", "-o", "null:", "--quarantine", "q.jsonl", "--type", "b=int64", *way, code=SKIPPED)
            self.assertEqual(way in ([["-j", "1"], ["--executor", "sequential"]]), facts["ranges"] == 0)
            self.assertEqual(expected, [(each["record"], each["raw"].split(b",")[1].decode())
                                        for each in self.rejects("q.jsonl")])
            self.assertEqual({each["record"] + 1 for each in self.rejects("q.jsonl")},
                             {each["line"] for each in self.rejects("q.jsonl")})

    def test_on_stop_it_is_the_first_in_order_by_whatever_way(self):
        oracle = self.make(2, 0.0005, 0)
        first = oracle.split()[2][0]
        self.write("a.csv", oracle.text)
        for way in self.WAYS:
            self.expect_fault("ingest", "a.csv", "-o", "null:", "--encoding", "utf-8", "--on-error", "stop", "--delim",
                              ",", *oracle.args, *way, source="a.csv", record=first.record, line=first.fault_line)


class OfTheTable(harness.SheafTest):
    def test_a_type_is_that_of_the_tables_column(self):
        """Which of "id" and "ID" that is, in the second file, only the first one tells."""
        self.write("1.csv", "ID\n7\n")
        self.write("2.csv", "id,ID\nx,8\ny,z\n")
        for way in (["-j", "1"], ["-j", "8"], ["--executor", "sequential"], ["--executor", "processes", "-j", "2"]):
            run = self.expect(SKIPPED, "ingest", "1.csv", "2.csv", "-o", "t.db", "--if-exists", "replace", "--match",
                              "nocase", "--type", "ID=int64", "--json", "--on-error", "quarantine", *way)
            self.assertEqual((2, 1, 0), tuple(run.json[name] for name in ("loaded", "rejected", "files_skipped")), run)
            self.assertEqual(b"7|\n8|x\n", self.sql("t.db", "SELECT * FROM t;"))


if __name__ == "__main__":
    harness.main()

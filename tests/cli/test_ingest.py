"""`sheaf ingest`: what it reports, what adds up, and what it refuses before it begins."""

import random
import re
import unittest

import harness
import messy
import oracle
from harness import CLEAN, FAULT, NUMBER, SKIPPED, USAGE, SheafTest


def number(text):
    return int(text.replace(",", ""))


class Rows(SheafTest):
    """All rows, all values, in order, in the database."""

    def test_random_tables_are_loaded_cell_by_cell_at_any_worker_count(self):
        rng = random.Random(42)
        names = [name for name in messy.NAMES if name != "Name"]  # which is "name" to SQLite: test_sinks.py
        tables = []
        for i in range(40):
            data, header, rows = messy.make_file(rng, names=names)
            self.write(f"d/{i:02d}.csv", data)
            tables.append(oracle.Table(oracle.column_names(header), rows))
        expected = oracle.unite(tables)
        for j in harness.WORKERS:
            self.succeed("ingest", "d", "-o", f"{j}.db", "-j", j, "--table", "t")
            self.assertEqual(expected.columns, self.sql_columns(f"{j}.db", "t"))
            self.assertEqual(expected.rows, self.sql_rows(f"{j}.db", "t"))
            self.assert_database_is_sound(f"{j}.db")

    def test_rows_keep_the_order_of_files_and_lines(self):
        for i in range(50):
            self.write_rows(f"d/{i:02d}.csv", 100, 100 * i)
        self.succeed("ingest", "d", "-o", "x.db", "-j", "8")
        self.assertEqual([str(n) for n in range(5000)],
                         self.sql("x.db", "SELECT n FROM x ORDER BY rowid;").decode().split())

    def test_null_and_empty_text_stay_apart(self):
        self.write("a.csv", 'a,b\n,""\n')
        self.succeed("ingest", "a.csv", "-o", "x.db")
        self.assertEqual([[None, ""]], self.sql_rows("x.db", "x"))

    def test_several_sources_make_one_table(self):
        self.write("d/a.csv", "n\n1\n")
        self.write("b.csv", "n\n2\n")
        self.write("list", "c.csv\n")
        self.write("c.csv", "n\n3\n")
        self.succeed("ingest", "d", "b.csv", "@list", "-", "-o", "x.db", input=b"n\n4\n")
        self.assertEqual([["1"], ["2"], ["3"], ["4"]], self.sql_rows("x.db", "x"))

    def test_options_may_stand_anywhere(self):
        self.write("a.csv", "n\n1\n")
        self.succeed("ingest", "-j2", "-ox.csv", "a.csv")
        self.succeed("ingest", "--workers=2", "a.csv", "-o", "y.csv", "--order=path")
        self.assertEqual(b"n\n1\n", self.read("x.csv"))
        self.assertEqual(b"n\n1\n", self.read("y.csv"))

    def test_a_double_dash_ends_the_options(self):
        self.write("-j.csv", "n\n1\n")
        self.succeed("ingest", "-o", "x.csv", "--", "-j.csv")
        self.assertEqual(b"n\n1\n", self.read("x.csv"))


class Summary(SheafTest):
    """The summary balances, and names what was repaired on the way."""

    FIRST_LINE = rf"^({NUMBER}) files?, .* -> (\S+) +({NUMBER}) rows?, +({NUMBER}) columns?\b.*\b(\d+) workers?"
    BALANCE = rf"^records +({NUMBER}) = ({NUMBER}) loaded \+ ({NUMBER}) rejected \+ ({NUMBER}) skipped$"

    def summary(self, text):
        first = re.search(self.FIRST_LINE, text, re.MULTILINE)
        balance = re.search(self.BALANCE, text, re.MULTILINE)
        self.assertTrue(first, text)
        self.assertTrue(balance, text)
        return [number(n) for n in first.group(1, 3, 4, 5)], first[2], [number(n) for n in balance.groups()]

    def test_the_summary_tells_files_rows_columns_and_the_destination(self):
        self.write_rows("d/1.csv", 1500)
        self.write("d/2.csv", "n,other\n1,2\n")
        out = self.succeed("ingest", "d", "-o", "trips.db", "-j", "2").out.decode()
        self.assertEqual(([2, 1501, 3, 2], "trips.db:trips", [1501, 1501, 0, 0]), self.summary(out))
        self.assertIn("1,501", out)

    def test_skipped_files_are_in_the_balance(self):
        self.write_rows("d/1.csv", 10)
        self.write("d/2.csv", "n,text\n1,2\n3,4\n5\n")
        run = self.expect(SKIPPED, "ingest", "d", "-o", "x.db", "--on-error", "skip-file")
        records, loaded, rejected, skipped = self.summary(run.out.decode())[2]
        self.assertEqual((10, 0), (loaded, rejected))
        self.assertEqual(records, loaded + skipped)
        self.assertRegex(run.out.decode(), r"(?m)^notes .*1 file skipped|^notes .*1 skipped file")

    def test_the_notes_tell_what_was_passed_over(self):
        self.write("d/1.csv", "\ufeffa\n\n1\n\n")
        self.write("d/2.csv", "a\r1\r")
        notes = re.search(r"(?m)^notes +(.*(?:\n {4,}.*)*)",
                          self.succeed("ingest", "d", "-o", "null:").out.decode())
        self.assertTrue(notes)
        for note in ("1 BOM dropped", "2 blank lines skipped", "1 file with lone CR line ends"):
            self.assertIn(note, notes[1])

    def test_nothing_to_note_is_not_noted(self):
        self.write("a.csv", "a\n1\n")
        self.assertNotIn("notes", self.succeed("ingest", "a.csv", "-o", "null:").out.decode())

    def test_the_summary_leaves_stdout_to_the_data(self):
        self.write("a.csv", "a\n1\n")
        run = self.succeed("ingest", "a.csv", "-o", "-")
        self.assertEqual(b"a\n1\n", run.out)
        self.summary(run.error_text)

    def test_a_clean_run_says_nothing_on_stderr(self):
        self.write("a.csv", "a\n1\n")
        self.assertEqual(b"", self.succeed("ingest", "a.csv", "-o", "x.db").err)

    def test_quiet_says_nothing_at_all(self):
        self.write("a.csv", "a\n1\n")
        for flag in ("-q", "--quiet"):
            run = self.succeed("ingest", "a.csv", "-o", "null:", flag)
            self.assertEqual((b"", b""), (run.out, run.err))

    def test_quiet_does_not_hide_an_error(self):
        self.write("a.csv", "a\n1,2\n")
        self.expect_fault("ingest", "a.csv", "-o", "null:", "-q", source="a.csv", line=2)

    def test_a_path_in_the_summary_is_made_safe(self):
        self.write("a.csv", "a\n1\n")
        run = self.succeed("ingest", "a.csv", "-o", "x\x1b[2J\n.csv")
        self.assertNotIn(b"\x1b", run.out)
        self.assertIn(rb"\x1b", run.out)


class Json(SheafTest):
    """The same facts for programs."""

    KEYS = {"files", "files_skipped", "files_empty", "files_compressed", "files_lone_cr", "read_bytes",
            "text_bytes", "records", "loaded", "rejected", "skipped", "blank_lines", "boms", "columns",
            "columns_renamed", "workers", "seconds", "destination"}

    def test_every_fact_is_there_and_nothing_else_is_on_stdout(self):
        self.write("a.csv", "a\n1\n")
        facts = self.totals("a.csv", "-o", "x.db", "-j", "3")
        self.assertEqual(set(), self.KEYS - facts.keys())
        self.assertEqual((3, "x.db"), (facts["workers"], facts["destination"]))
        self.assertGreaterEqual(facts["seconds"], 0)

    def test_what_is_odd_about_files_is_counted(self):
        files = {"plain.csv": b"a,b\n1,2\n", "mark.csv": b"\xef\xbb\xbfa,b\n\n1,2\n\n\n",
                 "cr.csv": b"a,b\r1,2\r3,4\r",
                 "empty.csv": b"", "blank.csv": b"\r\n\n", "header.csv": b"c\n"}
        for name, data in files.items():
            self.write(f"d/{name}", data)
        text = b"\xef\xbb\xbfa,b\n5,6\n"
        packed = self.read(self.write_gzip("d/packed.csv.gz", text))
        facts = self.totals("d", "-o", "null:")
        sizes = sum(map(len, files.values()))
        expected = {
            "files": 7, "files_skipped": 0, "files_empty": 2, "files_compressed": 1, "files_lone_cr": 1, "boms": 2,
            "blank_lines": 5, "records": 5, "loaded": 5, "rejected": 0, "skipped": 0, "columns": 3,
            "columns_renamed": 0,
            "read_bytes": sizes + len(packed), "text_bytes": sizes + len(text)}
        self.assertEqual(expected, {key: facts[key] for key in expected})

    def test_carriage_returns_inside_quotes_are_not_line_ends(self):
        self.write("a.csv", 'a\r\n"x\ry"\r\n')
        self.assertEqual(0, self.totals("a.csv", "-o", "null:")["files_lone_cr"])

    def test_blank_lines_inside_quotes_are_not_counted(self):
        self.write("a.csv", 'a\n"\n\n\n"\n')
        self.assertEqual(0, self.totals("a.csv", "-o", "null:")["blank_lines"])

    def test_every_blank_line_counts_once_whatever_it_ends_with(self):
        for end in ("\n", "\r\n", "\r"):
            self.write("a.csv", f"{end}a{end}{end}{end}1{end}{end}")
            self.assertEqual(4, self.totals("a.csv", "-o", "null:")["blank_lines"], repr(end))

    def test_a_lone_cr_at_the_very_end_is_one(self):
        self.write("a.csv", "a\n1\r")
        self.assertEqual(1, self.totals("a.csv", "-o", "null:")["files_lone_cr"])

    def test_json_goes_to_stderr_when_stdout_has_the_data(self):
        self.write("a.csv", "a\n1\n")
        run = self.succeed("ingest", "a.csv", "-o", "-", "--json")
        self.assertEqual(b"a\n1\n", run.out)
        self.assertEqual(1, harness.json.loads(run.err)["loaded"])

    def test_the_facts_are_the_same_at_any_worker_count(self):
        rng = random.Random(3)
        for i in range(60):
            self.write(f"d/{i}.csv", messy.make_file(rng)[0])
        facts = []
        for j in ("1", "2", "3", "8", "64"):
            facts.append(self.totals("d", "-o", "null:", "-j", j))
            del facts[-1]["workers"], facts[-1]["seconds"]
        self.assertEqual([facts[0]] * 5, facts)

    def test_skipped_files_are_counted(self):
        self.write_rows("d/1.csv", 10)
        self.write("d/2.csv", "n\n1\n2,3\n")
        self.write("d/3.csv", "n\nä\n\xff\n".encode().replace("\xff".encode(), b"\xff"))
        facts = self.totals("d", "-o", "null:", "--on-error", "skip-file", code=SKIPPED)
        self.assertEqual((3, 2, 10, 0),
                         (facts["files"], facts["files_skipped"], facts["loaded"], facts["rejected"]))


class Usage(SheafTest):
    """A command that makes no sense is refused before anything is touched."""

    def setUp(self):
        super().setUp()
        self.write("a.csv", "a\n1\n")

    def assert_usage_error(self, *args, says=None):
        with self.subTest(args=args), self.assert_directory_unchanged():
            run = self.expect(USAGE, *args)
            self.assertEqual(b"", run.out, run)
            self.assertTrue(run.err, run)
            if says:
                self.assertIn(says, run.error_text)

    def test_without_a_command_or_with_an_unknown_one(self):
        self.assert_usage_error()
        self.assert_usage_error("ingset", "a.csv", "-o", "x.db", says="ingset")
        self.assert_usage_error("", "a.csv")

    def test_without_a_source(self):
        for command in (["ingest", "-o", "x.db"], ["cat"], ["count"]):
            self.assert_usage_error(*command)

    def test_without_a_destination(self):
        self.assert_usage_error("ingest", "a.csv", says="-o")
        self.assert_usage_error("ingest", "a.csv", "-o")
        self.assert_usage_error("ingest", "a.csv", "-o", "")

    def test_a_destination_of_no_known_kind(self):
        for destination in ("x", "x.xlsx", "x.db.bak", "db", "null", "ftp://x/y"):
            self.assert_usage_error("ingest", "a.csv", "-o", destination)

    def test_unknown_options(self):
        self.assert_usage_error("ingest", "a.csv", "-o", "x.db", "--workerz", "2", says="--workerz")
        for args in (["cat", "a.csv", "-Z"], ["ingest", "-Zq"], ["ingest", "-qZ", "a.csv", "-o", "x.db"],
                     ["count", "-j2", "-Z", "a.csv"]):
            self.assert_usage_error(*args, says="'-Z'")

    def test_values_that_are_none(self):
        for option, values in {
                "--workers": ["", "x", "-1", "1.5", "2x", "99999999999999999999"],
                "--order": ["", "size", "PATH"],
                "--on-error": ["", "ignore"],
                "--if-exists": ["", "perhaps"],
                "--max-record": ["", "x", "-1", "1X", "64MM", "99999999999999999999"],
                "--progress": ["", "loud"]}.items():
            for value in values:
                self.assert_usage_error("ingest", "a.csv", "-o", "x.db", option, value, says=option)

    def test_an_option_without_its_value(self):
        for option in ("-j", "--workers", "--order", "--table", "--max-record"):
            self.assert_usage_error("ingest", "a.csv", "-o", "x.db", option)

    def test_a_table_for_something_that_has_none(self):
        self.assert_usage_error("ingest", "a.csv", "-o", "x.db", "--table", "")
        for destination in ("x.csv", "x.tsv", "x.jsonl", "-", "null:"):
            self.assert_usage_error("ingest", "a.csv", "-o", destination, "--table", "t", says="table")

    def test_a_format_for_something_that_has_its_own(self):
        """Also when it would be the same: the option is for stdout."""
        for destination in ("x.csv", "x.tsv", "x.jsonl", "x.db", "null:"):
            for format in ("csv", "tsv", "jsonl"):
                self.assert_usage_error("ingest", "a.csv", "-o", destination, "--format", format, says="format")

    def test_an_empty_source(self):
        run = self.sheaf("cat", "")
        self.assertIn(run.code, (USAGE, FAULT), run)


class Limits(SheafTest):
    """Bounded memory, whatever is read."""

    MEMORY = 64 << 20

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        if harness.is_sanitized():
            raise unittest.SkipTest("memory is not measured in a sanitized build")

    def assert_memory_is_bounded(self, *args, code=CLEAN):
        run = self.measure(*args)
        self.assertEqual(code, run.code, run)
        self.assertLess(run.peak_bytes, self.MEMORY)

    def test_a_big_file(self):
        self.write_big("a.csv", 150)
        self.assert_memory_is_bounded("ingest", "a.csv", "-o", "null:", "-j", "2")

    def test_a_big_file_in_gzip(self):
        member = harness.gzip.compress(b"".join(b"%09d,%s\n" % (n, b"x" * 90) for n in range(20_000)), 1)
        self.write("a.csv.gz", harness.gzip.compress(b"n,text\n") + member * 100)
        self.assert_memory_is_bounded("ingest", "a.csv.gz", "-o", "null:", "-j", "2")

    def test_records_with_faults_of_rows_that_are_counted(self):
        """Nobody needs all of a file at once."""
        self.write("a.csv", "a,b\n" + "1,2\n3\n" * 800_000)
        for args in (["count"], ["count", "--executor", "processes"], ["schema"], ["ingest", "-o", "null:"]):
            for j in ("1", "2"):
                if j == "2" and args == ["count"]:
                    args += ["--quarantine", "q.jsonl"]
                self.assert_memory_is_bounded(args[0], "a.csv", "-j", j, "--on-error", "quarantine", "-q", *args[1:],
                                              code=SKIPPED)
        self.assertEqual(800_000, self.read("q.jsonl").count(b'"raw"'))

    def test_many_files(self):
        self.write_big("a.csv", 5)
        self.assert_memory_is_bounded("ingest", *["a.csv"] * 40, "-o", "null:", "-j", "2")

    def test_a_slow_first_file_does_not_pile_up_the_others(self):
        self.write_big("b.csv", 5)
        fifo = self.make_fifo("a")
        process = self.start("ingest", fifo, *["b.csv"] * 40, "-o", "null:", "-j", "2")
        with open(self.path(fifo), "wb", buffering=0) as pipe:
            pipe.write(b"n,text\n")
            # Nothing that we could wait for happens when the others are read ahead; what counts is the most
            # memory ever, so a slow start only makes this test easier.
            peak = self.most_memory_while(process, pipe)
        self.assertEqual(CLEAN, self.finish(process).code)
        self.assertLess(peak, self.MEMORY)

    def most_memory_while(self, process, pipe):
        for n in range(200):
            pipe.write(b"%d,x\n" % n)
            harness.time.sleep(0.005)
        with open(f"/proc/{process.pid}/status", encoding="utf-8") as status:
            return int(re.search(r"VmHWM:\s+(\d+) kB", status.read())[1]) * 1024

    def test_a_few_bytes_that_inflate_to_a_giant(self):
        self.write("a.csv.gz", harness.gzip.compress(b"a\n" + b"x" * 100_000_000, 1) * 3)
        self.assert_memory_is_bounded("ingest", "a.csv.gz", "-o", "null:", "-j", "2", "--max-record", "1M",
                                      "--on-error", "stop", code=FAULT)


if __name__ == "__main__":
    harness.main()

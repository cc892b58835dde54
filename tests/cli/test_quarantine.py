"""Records with faults are set aside, each with its place and its bytes, and everything else is loaded."""

import gzip
import json
import os
import random
import re
import signal
import subprocess

import dirty
import harness
import test_ranges
from harness import CLEAN, FAULT, INTERRUPTED, SKIPPED, USAGE, WORKERS, SheafTest

BAD = b'a,b\n1,2\n3\n4,5,6\n7,\xff\n8,"9\n10,11\n'
GOOD_ROWS = [["1", "2"], ["10", "11"]]
CODES = ["short", "long", "encoding", "quote"]
RAW = [b"3", b"4,5,6", b"7,\xff", b'8,"9']

TABLES = "FROM sqlite_master WHERE name NOT LIKE '%_ledger'"  # of rows, and of what was set aside


class QuarantineTest(SheafTest):
    def allowed(self, args):
        """Files of which most records have faults are Misjudged's."""
        return [] if "--max-errors" in args else ["--max-errors", "100%"]

    def run_with(self, command, *args, code=SKIPPED, **options):
        return self.expect(code, command, *args, *self.allowed(args), "--on-error", "quarantine", **options)

    def ingest(self, *args, **options):
        return self.run_with("ingest", *args, **options)

    def facts(self, *args, code=SKIPPED, **options):
        return self.totals(*args, *self.allowed(args), "--on-error", "quarantine", code=code, **options)

    def rejects(self, name):
        """The records of a quarantine in JSON lines, each behind its file's line; `raw` and `file` as bytes."""
        made, file = [], None
        for line in self.read(name).decode("utf-8").split("\n")[:-1]:
            each = json.loads(line)
            if "quarantine" in each:
                file = each["file"]
            else:
                self.assertEqual(file, each["file"])
                made.append(each)
        for each in made:
            for key in ("raw", "file"):
                each[key] = each[key].encode("utf-8", "surrogateescape")
        return made

    def keys(self, rejects):
        """As dirty.Reject.key()."""
        return [(each["record"], each["code"], each["line"], each["offset"], each["field"], each["fault_line"],
                 each["fault_byte"], each["raw"]) for each in rejects]

    def database_rejects(self, database, table):
        columns = ["file", "line", "record", "field", "column", "fault_line", "fault_byte", "offset", "code",
                   "message", "raw"]
        self.assertEqual(columns, self.sql_columns(database, table))
        made = []
        for line in self.sql_rows_hex(database, table).decode().splitlines():
            each = {key: None if value == "-" else bytes.fromhex(value)
                    for key, value in zip(columns, line.split("|"))}
            made.append({key: value if key in ("raw", "file") or value is None else
                         int(value) if key in ("line", "record", "field", "fault_line", "fault_byte", "offset") else
                         value.decode() for key, value in each.items()})
        return made


class Places(QuarantineTest):
    """Where they go."""

    def setUp(self):
        super().setUp()
        self.write("bad.csv", BAD)

    def assert_rejects(self, rejects):
        self.assertEqual(CODES, [each["code"] for each in rejects])
        self.assertEqual(RAW, [each["raw"] for each in rejects])
        self.assertEqual({b"bad.csv"}, {each["file"] for each in rejects})
        self.assertEqual([3, 4, 5, 6], [each["line"] for each in rejects])
        self.assertEqual([2, 3, 4, 5], [each["record"] for each in rejects])
        self.assertEqual([8, 10, 16, 20], [each["offset"] for each in rejects])
        self.assertEqual([2, 3, 2, 2], [each["field"] for each in rejects])

    def test_beside_a_file(self):
        for ending in ("csv", "tsv", "jsonl"):
            facts = self.facts("bad.csv", "-o", f"x.{ending}")
            self.assertEqual((6, 2, 4, 0), tuple(facts[key] for key in ("records", "loaded", "rejected", "skipped")))
            self.assert_rejects(self.rejects(f"x.{ending}.quarantine.jsonl"))
        self.assertEqual(b"a,b\n1,2\n10,11\n", self.read("x.csv"))

    def test_it_is_what_happens_without_a_word(self):
        for args, out in ((["ingest", "bad.csv", "-o", "x.csv"], None), (["cat", "bad.csv"], b"a,b\n1,2\n10,11\n"),
                          (["count", "bad.csv"], b"2 bad.csv\n2 total\n")):
            run = subprocess.run([harness.SHEAF, *args, "--no-sniff", "--encoding", "utf-8", "--max-errors", "100%"],
                                 cwd=self.dir, capture_output=True,
                                 timeout=harness.TIMEOUT)
            self.assertEqual(SKIPPED, run.returncode, run)
            self.assertTrue(out is None or run.stdout == out, run)
        self.assert_rejects(self.rejects("x.csv.quarantine.jsonl"))

    def test_beside_a_table(self):
        self.ingest("bad.csv", "-o", "x.db")
        self.assertEqual(GOOD_ROWS, self.sql_rows("x.db", "x"))
        self.assert_rejects(self.database_rejects("x.db", "x_quarantine"))
        self.assertEqual(b"text,text,blob,text", self.sql("x.db", "SELECT group_concat(typeof(raw)) FROM "
                                                          "x_quarantine;").strip())
        self.assert_database_is_sound("x.db")
        self.assertEqual(["bad.csv", "x.db"], self.names())

    def test_beside_the_table_that_is_named(self):
        self.ingest("bad.csv", "-o", "x.db", "--table", 'my "table"')
        self.assert_rejects(self.database_rejects("x.db", 'my "table"_quarantine'))

    def test_a_nul_byte_makes_a_blob(self):
        self.write("nul.csv", b"a,b\nx\0y\n")
        self.ingest("nul.csv", "-o", "x.db")
        self.assertEqual([b"x\0y"], [each["raw"] for each in self.database_rejects("x.db", "x_quarantine")])
        self.assertEqual(b"blob", self.sql("x.db", "SELECT typeof(raw) FROM x_quarantine;").strip())

    def test_a_file_that_is_named(self):
        for where in ("x.csv", "x.db", "null:", "-"):
            run = self.ingest("bad.csv", "-o", where, "--quarantine", "q.jsonl")
            self.assert_rejects(self.rejects("q.jsonl"))
            self.assertIn(b"q.jsonl", run.err)
            os.unlink(self.path("q.jsonl"))
        self.assertEqual(["bad.csv", "x.csv", "x.db"], self.names())
        self.assertEqual(b"x", self.sql("x.db", f"SELECT group_concat(name) {TABLES};").strip())
        for command in ("cat", "count"):
            self.run_with(command, "bad.csv", "--quarantine", "q.jsonl")
            self.assert_rejects(self.rejects("q.jsonl"))

    def test_nowhere(self):
        with self.assert_directory_unchanged():
            self.ingest("bad.csv", "-o", "null:")
            self.assertEqual(b"a,b\n1,2\n10,11\n", self.ingest("bad.csv", "-o", "-").out)

    def test_without_any_there_is_none(self):
        self.write("good.csv", "a\n1\n")
        self.ingest("good.csv", "-o", "x.csv", code=CLEAN)
        self.ingest("good.csv", "-o", "x.db", code=CLEAN)
        self.ingest("good.csv", "-o", "y.csv", "--quarantine", "q.jsonl", code=CLEAN)
        self.assertEqual(["bad.csv", "good.csv", "x.csv", "x.db", "y.csv"], self.names())
        self.assertEqual(b"1", self.sql("x.db", f"SELECT count(*) {TABLES};").strip())

    def test_one_of_an_earlier_run_goes(self):
        self.write("good.csv", "a\n1\n")
        for source, code in (("bad.csv", SKIPPED), ("good.csv", CLEAN), ("bad.csv", SKIPPED)):
            for where in ("x.csv", "x.db"):
                self.ingest(source, "-o", where, "--if-exists", "replace", code=code)
            self.ingest(source, "-o", "null:", "--quarantine", "q.jsonl", code=code)
            there = code == SKIPPED
            self.assertEqual(there, "x.csv.quarantine.jsonl" in self.names())
            self.assertEqual(there, "q.jsonl" in self.names())
            self.assertEqual(b"3" if there else b"1", self.sql("x.db", f"SELECT count(*) {TABLES};").strip())
            if there:
                self.assert_rejects(self.rejects("x.csv.quarantine.jsonl"))
                self.assert_rejects(self.rejects("q.jsonl"))
                self.assert_rejects(self.database_rejects("x.db", "x_quarantine"))

    def test_one_of_an_earlier_run_goes_wherever_records_with_faults_go_now(self):
        self.write("good.csv", "a\n1\n")
        for args in (["--on-error", "stop"], ["--on-error", "skip-file"],
                     ["--on-error", "quarantine", "--quarantine", "q.jsonl"]):
            for where in ("x.csv", "x.db"):
                self.ingest("bad.csv", "-o", where, "--if-exists", "replace")
                self.succeed("ingest", "good.csv", "-o", where, "--if-exists", "replace", *args)
            self.assertNotIn("x.csv.quarantine.jsonl", self.names(), args)
            self.assertEqual(b"x", self.sql("x.db", f"SELECT group_concat(name) {TABLES};").strip())
        self.ingest("bad.csv", "-o", "x.csv", "--if-exists", "replace", "--quarantine", "./x.csv.quarantine.jsonl")
        self.assert_rejects(self.rejects("x.csv.quarantine.jsonl"))

    def test_one_of_an_earlier_run_stays_without_new_rows(self):
        self.ingest("bad.csv", "-o", "x.csv")
        with self.assert_directory_unchanged():
            self.expect_fault("ingest", "bad.csv", "-o", "x.csv", "--if-exists", "replace", "--on-error", "stop")
            self.expect_fault("ingest", "bad.csv", "-o", "x.csv", "--on-error", "skip-file", says="exists")

    def test_what_only_has_the_name_of_one_stays(self):
        self.write("good.csv", "a\n1\n")
        self.write("x.csv.quarantine.jsonl", "a\n1\n")
        os.mkdir(self.path("y.csv.quarantine.jsonl"))
        before = self.names()
        self.succeed("ingest", "x.csv.quarantine.jsonl", "-o", "x.csv", "--on-error", "stop")
        self.succeed("ingest", "good.csv", "-o", "y.csv", "--on-error", "stop")
        self.assertEqual(sorted([*before, "x.csv", "y.csv"]), self.names())

    def test_a_table_of_that_name_is_not_written_to(self):
        self.sql("x.db", "CREATE TABLE x_quarantine(a); INSERT INTO x_quarantine VALUES(1);")
        self.assertIn("x_quarantine", self.ingest("bad.csv", "-o", "x.db", code=FAULT).error_text)
        self.assertEqual([["1"]], self.sql_rows("x.db", "x_quarantine"))

    def test_a_path_of_any_bytes(self):
        self.write(b"d/b\xe4d\n\x01.csv", BAD)
        self.ingest("d", "-o", "x.csv")
        self.ingest("d", "-o", "x.db")
        self.assertEqual([b"d/b\xe4d\n\x01.csv"] * 4, [each["file"] for each in
                                                       self.rejects("x.csv.quarantine.jsonl")])
        self.assertEqual([b"d/b\xe4d\n\x01.csv"] * 4, [each["file"] for each in
                                                       self.database_rejects("x.db", "x_quarantine")])


class NotOverOthers(QuarantineTest):
    """A quarantine is put in the place of nothing that somebody needs."""

    def refuse(self, *args, says, **options):
        with self.assert_directory_unchanged():
            run = self.ingest(*args, code=FAULT, **options)
        self.assert_shows_error(run, says=says)

    def test_not_a_source(self):
        self.write("good.csv", "a\n1\n")
        self.write("bad.csv", BAD)
        os.link(self.path("good.csv"), self.path("link.csv"))
        os.symlink("bad.csv", self.path("symbolic"))
        self.write("y.csv.quarantine.jsonl", "a,b\n1\n")
        for name in ("good.csv", "bad.csv", "./bad.csv", "link.csv", "symbolic"):
            self.refuse("good.csv", "bad.csv", "-o", "x.csv", "--quarantine", name, says="sources")
        self.refuse("y.csv.quarantine.jsonl", "-o", "y.csv", says="sources")

    def test_not_the_destination(self):
        self.write("bad.csv", BAD)
        os.mkdir(self.path("d"))
        for where, name in (("x.csv", "x.csv"), ("x.csv", "./x.csv"), ("d/x.csv", "d/../d/x.csv"), ("x.db", "x.db"),
                            ("x.db", self.path("x.db"))):
            self.refuse("bad.csv", "-o", where, "--quarantine", name, says="destination")
        self.write("y.csv", "a\n")
        self.refuse("bad.csv", "-o", "y.csv", "--if-exists", "replace", "--quarantine", "y.csv", says="destination")

    def test_not_what_standard_output_goes_to(self):
        self.write("bad.csv", BAD)
        with open(self.path("out.csv"), "wb") as out:
            run = self.run_with("cat", "bad.csv", "--quarantine", "out.csv", code=FAULT, stdout=out)
        self.assert_shows_error(run, says="destination")

    def test_nothing_that_is_no_file(self):
        self.write("good.csv", "a\n1\n")
        self.write("bad.csv", BAD)
        self.make_fifo("fifo")
        os.mkdir(self.path("directory"))
        os.symlink("nothing", self.path("dangling"))
        for source in ("good.csv", "bad.csv"):
            for name in ("fifo", "directory", "dangling", "/dev/null"):
                self.refuse(source, "-o", "null:", "--quarantine", name, says="fifo")
        self.assertTrue(os.path.exists("/dev/null"))


class AllOrNothing(QuarantineTest):
    """A quarantine appears, or goes, with the rows only."""

    def assert_nothing(self, *args, code, **options):
        for where in ("x.csv", "x.db"):
            with self.assert_directory_unchanged():
                run = self.ingest(*args, "-o", where, code=code, **options)
        return run

    def test_more_faults_than_are_allowed(self):
        self.write("bad.csv", BAD)
        self.write("good.csv", "a,b\n" + "1,2\n" * 94)
        for most in ("3", "1", "3.9%", "0.1%"):
            run = self.assert_nothing("bad.csv", "good.csv", "--max-errors", most, code=FAULT)
            self.assertRegex(run.error_text, r"error: (more than \d+|4 of 100) records have faults")
        for most in ("4", "1000000", "4%", "4.5%", "100%"):
            self.ingest("bad.csv", "good.csv", "-o", "x.csv", "--if-exists", "replace", "--max-errors", most)
        for most in ("0", "0%", "-1", "101%", "x", "", "1x", "5%%", "nan%"):
            self.ingest("bad.csv", "-o", "y.csv", "--max-errors", most, code=USAGE)

    def test_what_sets_nothing_aside_takes_neither_place_nor_limit(self):
        self.write("good.csv", "a\n1\n")
        for on_error in ("stop", "skip-file"):
            for args in (["--quarantine", "q.jsonl"], ["--max-errors", "1"], ["--max-errors", "1%"]):
                for command in (["ingest", "-o", "x.csv"], ["cat"], ["count"]):
                    with self.assert_directory_unchanged():
                        run = self.expect(USAGE, *command, "good.csv", "--on-error", on_error, *args)
                    self.assert_shows_error(run, says="no record is set aside")
                    self.assertRegex(run.error_text, rf"help: {args[0]} goes with --on-error quarantine")

    def test_the_rows_of_a_pipe_may_be_out_then(self):
        self.write("bad.csv", BAD)
        self.run_with("cat", "bad.csv", "--max-errors", "3", code=FAULT)

    def test_an_earlier_quarantine_stays_if_nothing_is_committed(self):
        self.write("bad.csv", BAD)
        for where in ("x.csv", "x.db"):
            self.ingest("bad.csv", "-o", where, "--max-errors", "100%")
        self.write("bad.csv", BAD + b"\n\n1\n2\n")
        self.assert_nothing("bad.csv", "--max-errors", "5", "--if-exists", "replace", code=FAULT)

    def test_a_full_disk(self):
        self.write("bad.csv", "a,b\n" + "1\n" * 20_000 + "1,2\n" * 100_000)
        for limit in (100_000, 1_000_000):
            self.assert_nothing("bad.csv", code=FAULT, preexec_fn=harness.limit_file_size(limit))

    def test_a_disk_that_is_full_when_the_rows_are_committed(self):
        """The quarantine, which is on another disk, is then not there either."""
        disk = self.mount_small_disk("64k")
        self.write("bad.csv", "a,b\n" + "1,2\n" * 40_000 + "1\n")
        self.write("q.jsonl", "of an earlier run")
        self.ingest("bad.csv", "-o", f"{disk}/x.csv", "--quarantine", "q.jsonl", code=FAULT)
        self.assertEqual(b"of an earlier run", self.read("q.jsonl"))
        self.write("good.csv", "a,b\n" + "1,2\n" * 40_000)
        self.ingest("good.csv", "-o", f"{disk}/x.csv", "--quarantine", "q.jsonl", code=FAULT)
        self.assertEqual(b"of an earlier run", self.read("q.jsonl"))

    def test_interrupted(self):
        for where in ("x.csv", "x.db"):
            before = self.snapshot()
            process = self.start_fed("ingest", "-", "-o", where, "--on-error", "quarantine")
            harness.fill_pipe(process.stdin.fileno(), b"1\n" * 1000, 1 << 20)
            process.send_signal(signal.SIGINT)
            self.assertEqual(INTERRUPTED, self.finish(process).code)
            self.assertEqual(before, self.snapshot())


class Told(QuarantineTest):
    """What is said of them."""

    def setUp(self):
        super().setUp()
        self.write("1.csv", BAD)
        self.write("2.csv", "a,b\n1\n2\n3,4\n")

    def test_the_first_of_each_kind_and_how_many_more(self):
        run = self.ingest("1.csv", "2.csv", "-o", "x.csv")
        self.assertEqual(4, run.error_text.count("set aside: "), run)
        self.assertIn("and 2 more like this (short), in 2 files", run.error_text)
        self.assertIn("it is kept in x.csv.quarantine.jsonl", run.error_text)
        self.assertIn("1.csv:3", run.error_text)
        self.assertIn(b"records 9 = 3 loaded + 6 rejected + 0 skipped", run.out)
        self.assertIn(b"6 records set aside", run.out)

    def test_all_of_them(self):
        run = self.ingest("1.csv", "2.csv", "-o", "x.csv", "--verbose")
        self.assertEqual(6, run.error_text.count("set aside: "), run)
        self.assertNotIn("more like this", run.error_text)

    def test_nothing_if_nothing_is_to_be_said(self):
        run = self.ingest("1.csv", "-o", "x.csv", "-q")
        self.assertEqual((b"", b""), (run.out, run.err))

    def test_thousands_of_them_are_told_in_a_few_lines(self):
        self.write("3.csv", "a,b\n" + "1\n" * 10_000)
        run = self.ingest("3.csv", "-o", "x.csv")
        self.assertLess(run.err.count(b"\n"), 20, run)
        self.assertIn("and 9,999 more like this (short), in 1 file", run.error_text)

    def test_of_one_file_only_so_many_are_told(self):
        self.write("3.csv", "a,b\n" + "1\n" * 10_000 + "1,2\n" * 10_000)
        run = self.ingest("3.csv", "1.csv", "-o", "x.csv", "--verbose")
        n_told = run.error_text.count("set aside: ")
        self.assertGreaterEqual(n_told, 4_000)
        self.assertIn(f"and {10_006 - 2 - n_told:,} more like this (short), in 2 files", run.error_text)

    def test_the_table_is_named(self):
        run = self.ingest("1.csv", "-o", "x.db", "--table", "\x1b[31m")
        self.assertIn(r"it is kept in the table \x1b[31m_quarantine", run.error_text)
        self.assertNotIn(b"\x1b", run.err + run.out)

    def test_what_comes_from_outside_is_escaped(self):
        self.write("e.csv", b"\x1b[1m,b\n\x1b[31m\x07\xff\n\x1b]0;x\n")
        run = self.ingest("e.csv", "-o", "x.csv", "-v")
        self.assertNotRegex(run.error_text, "[\x00-\x09\x0b-\x1f\x7f-\x9f]")
        self.assertNotRegex(self.read("x.csv.quarantine.jsonl").decode(), "[\x00-\x09\x0b-\x1f\x7f-\x9f]")

    def test_counts_add_up(self):
        self.assertEqual(([("1.csv", 2), ("2.csv", 1)], 3), self.run_with("count", "1.csv", "2.csv").counts())
        counts = self.run_with("count", "1.csv", "2.csv", "--json").json
        self.assertEqual((3, 6), (counts["records"], counts["rejected"]))
        self.assertEqual([(2, 4), (1, 2)], [(each["records"], each["rejected"]) for each in counts["files"]])

    def test_types_are_those_of_the_rows(self):
        self.write("t.csv", b"a,b\n1,2\nx\nx,y,z\n3,\xff\n4,5\n")
        self.assertEqual([("a", "int64", False), ("b", "int64", False)],
                         [(each["name"], each["type"], each["nullable"]) for each in
                          self.run_with("schema", "t.csv", "--json").json["columns"]])


class WholeFiles(QuarantineTest):
    """Files that cannot be read are left out; if none is left, that is no load."""

    def setUp(self):
        super().setUp()
        self.write("good.csv", "a,b\n1,2\n3\n")
        self.damaged = {"cut.csv.gz": gzip.compress(b"a,b\n5,6\n7\n")[:12], "header.csv": b"a,\xff\n1,2\n",
                        "quote.csv": b'a,"b\n1,2\n', "utf16.csv": "a,b\n".encode("utf-16")}
        for name, data in self.damaged.items():
            self.write(name, data)

    def test_they_are_left_out(self):
        for where in ("x.csv", "x.db", "null:"):
            for j in WORKERS:
                facts = self.facts("good.csv", *self.damaged, "good.csv", "-o", where, "--if-exists", "replace",
                                   "-j", j)
                self.assertEqual((4, 2, 2), (facts["files_skipped"], facts["loaded"], facts["rejected"]), where)
            self.assertEqual([b"good.csv"] * 2, [each["file"] for each in self.rejects("x.csv.quarantine.jsonl")])
        self.assertEqual(2, len(self.database_rejects("x.db", "x_quarantine")))

    def test_if_none_is_left_nothing_is_loaded(self):
        for names in ([each] for each in self.damaged):
            for where in ("x.csv", "x.db", "null:"):
                with self.assert_directory_unchanged():
                    run = self.ingest(*names, "-o", where, code=FAULT)
                    self.assertRegex(run.error_text, rf"(?m)^error: .*\n +--> {names[0]}")
        with self.assert_directory_unchanged():
            run = self.ingest(*self.damaged, "-o", "x.db", code=FAULT)
            self.assertRegex(run.error_text, r"(?m)^error: .*\n +--> cut.csv.gz")

    def test_what_is_told_of_one_fits_what_became_of_it(self):
        """--on-error skip-file is no advice for a file that is left out already, but for one that ends the run."""
        self.write("damaged.csv.gz", gzip.compress(b"a,b\n5,6\n7,8\n")[:-3])
        left_out, refuses = "--on-error stop refuses such files", "--on-error skip-file leaves such files out"
        helps = [("quarantine", "quote.csv", f"close or remove the quote; {left_out}"),
                 ("skip-file", "quote.csv", "close or remove the quote"),
                 ("stop", "quote.csv", f"close or remove the quote; {refuses}"),
                 ("quarantine", "damaged.csv.gz", f"the file was not copied whole: fetch it again; {left_out}"),
                 ("skip-file", "damaged.csv.gz", "the file was not copied whole: fetch it again"),
                 ("stop", "damaged.csv.gz", f"the file was not copied whole: fetch it again; {refuses}"),
                 ("quarantine", "cut.csv.gz", f"the file was not copied whole: fetch it again; {left_out}"),
                 ("stop", "good.csv", "mend the line, or repair it: --fix pad; --on-error quarantine sets such records "
                                      "aside, skip-file leaves such files out")]
        self.write("first.csv", "a,b\n1,2\n")
        for where in ("x.csv", "x.db", "null:"):
            for on_error, name, expected in helps:
                run = self.sheaf("ingest", "first.csv", name, "-o", where, "--if-exists", "replace", "--on-error", on_error)
                self.assertEqual([expected], re.findall("(?m)^ +help: (.*)$", run.error_text), (on_error, name, where))

    def test_what_is_told_of_one_that_cannot_be_opened(self):
        self.write("first.csv", "a,b\n1,2\n")
        self.write("closed.csv", "a,b\n1,2\n")
        os.chmod(self.path("closed.csv"), 0)
        for on_error, code, expected in (("quarantine", SKIPPED, ["--on-error stop refuses such files"]),
                                         ("skip-file", SKIPPED, []),
                                         ("stop", FAULT, ["--on-error skip-file leaves such files out"])):
            run = self.expect(code, "cat", "first.csv", "closed.csv", "--on-error", on_error, **self.unprivileged())
            self.assertEqual(expected, re.findall("(?m)^ +help: (.*)$", run.error_text), on_error)

    WAYS = (["-j", "1"], ["-j", "1", "--memory", "1M"], ["-j", "3"], ["-j", "2", "--executor", "processes"])

    def write_damaged(self):
        stored = gzip.compress(b"a,b\n" + b"".join(b"%d,x\n%s" % (n, b"\n" if n % 999 else b"1\n")
                                                   for n in range(200_000)), 1)
        self.write("long.csv.gz", stored[:-100])
        self.write("short.csv.gz", gzip.compress(b"a,b\n5,6\n7\n7,8\n")[:-3])

    def test_what_was_written_of_one_that_is_damaged_is_taken_back(self):
        """Whoever reads, in pieces of whatever size: how many of its rows were written by then does not count."""
        self.write_damaged()
        names = ["good.csv", "long.csv.gz", "good.csv", "short.csv.gz", "good.csv"]
        for where in ("x.csv", "x.db", "x.jsonl", "null:"):
            for way in (*self.WAYS, ["-j", "2", "--text"]):
                if "--text" in way and where != "x.db":
                    continue
                facts = self.facts(*names, "-o", where, "--if-exists", "replace", *way)
                self.assertEqual((2, 3, 3), (facts["files_skipped"], facts["loaded"], facts["rejected"]), (where, way))
                if where == "x.db":
                    self.assertEqual(3, len(self.database_rejects("x.db", "x_quarantine")))
                    self.assertEqual(b"1|2\n" * 3, self.sql("x.db", "select * from x"))
                elif where == "x.csv":
                    self.assertEqual(b"a,b\n" + b"1,2\n" * 3, self.read(where))
                if where in ("x.csv", "x.jsonl"):
                    self.assertEqual(3, len(self.rejects(where + ".quarantine.jsonl")))

    def test_of_what_was_taken_back_nothing_is_told(self):
        self.write_damaged()
        for where in ("x.csv", "x.db", "null:"):
            for way in (*self.WAYS, ["--verbose"]):
                run = self.run_with("ingest", "long.csv.gz", "good.csv", "short.csv.gz", "-o", where, "--if-exists",
                                    "replace", *way)
                told = re.findall(r"(?m)^set aside: .*\n +--> ([^:]*)", run.error_text)
                self.assertEqual(["good.csv"], told, run)
                self.assertNotIn("more like this", run.error_text)

    def test_of_a_run_that_fails_they_are_told_but_kept_nowhere(self):
        self.write_damaged()
        run = self.run_with("cat", "long.csv.gz", "--quarantine", "q.jsonl", code=FAULT)
        self.assertIn("set aside: ", run.error_text)
        self.assertNotIn("it is kept in", run.error_text)

    def test_of_standard_output_as_much_as_is_in_the_buffer(self):
        self.write_damaged()
        for way in self.WAYS:
            run = self.run_with("cat", "good.csv", "short.csv.gz", "good.csv", *way)
            self.assertEqual(b"a,b\n" + b"1,2\n" * 2, run.out)
            run = self.run_with("cat", "good.csv", "long.csv.gz", "good.csv", *way, code=FAULT)
            self.assertRegex(run.error_text, r"(?m)^error: .*\n +--> long.csv.gz")

    def test_a_file_that_is_missing_is_a_mistake(self):
        self.ingest("good.csv", "missing.csv", "-o", "x.csv", code=FAULT)

    def test_an_empty_file_is_one(self):
        self.write("empty.csv", "")
        self.facts("empty.csv", "header.csv", "-o", "null:")
        self.facts("empty.csv", "-o", "null:", code=CLEAN)


class Misjudged(SheafTest):
    """More than half of the records of a file have faults: that is the file's."""

    WAYS = WholeFiles.WAYS

    def text(self, n_records, n_faults):
        return b"a,b\n" + b"".join(b"%d\n" % n if n < n_faults else b"%d,x\n" % n for n in range(n_records))

    def check(self, names, n_skipped, loaded, rejected):
        for where in ("x.csv", "x.db", "null:"):
            for way in self.WAYS:
                facts = self.totals(*names, "-o", where, "--if-exists", "replace", "--on-error", "quarantine", *way,
                                    code=SKIPPED)
                self.assertEqual((n_skipped, loaded, rejected),
                                 (facts["files_skipped"], facts["loaded"], facts["rejected"]), (where, way))

    def test_they_are_left_out(self):
        for n_records in (1, 2, 3, 100, 101):
            most = n_records // 2 + 1
            self.write("good.csv", b"a,b\n1,2\n")
            self.write("half.csv", self.text(n_records, n_records // 2))
            self.write("most.csv", self.text(n_records, most))
            self.check(["good.csv", "most.csv", "half.csv"], 1, 1 + n_records - n_records // 2, n_records // 2)

    def test_their_columns_stay_whoever_reads_them_wherever_to(self):
        self.write("bad.csv", "x,y\n" + "1,2,3\n" * harness.large(200_000) + "1,2\n" * harness.large(50_000))
        self.write("none.csv", "u,v\n1\n")
        self.write("good.csv", "a,b\n1,2\n")
        seen = set()
        for where in ("x.db", "x.csv", "null:"):
            for way in (["-j", "1"], ["-j", "2"], ["-j", "2", "--executor", "processes"]):
                facts = self.totals("bad.csv", "none.csv", "good.csv", "-o", where, "--if-exists", "replace", "--digest",
                                    "--on-error", "quarantine", *way, code=SKIPPED)
                self.assertEqual((2, 1), (facts["files_skipped"], facts["loaded"]))
                seen.add((facts["columns"], facts["digest"]))
        self.assertEqual([6], [n_columns for n_columns, _ in seen])

    def test_large_ones_too(self):
        self.write("good.csv", b"a,b\n1,2\n")
        self.write("most.csv", self.text(harness.large(400_000), harness.large(210_000)))
        self.check(["good.csv", "most.csv", "good.csv"], 1, 2, 0)

    def test_what_is_said_of_them(self):
        self.write("most.csv", self.text(3, 2))
        run = self.expect(FAULT, "ingest", "most.csv", "-o", "x.db", "--on-error", "quarantine")
        self.assertIn("2 of its 3 records have faults", run.error_text)
        self.assertIn("sheaf sniff", run.error_text)
        self.assertEqual([], [name for name in self.names() if name.startswith("x.")])
        for most in ("2", "100%"):
            self.expect(SKIPPED, "ingest", "most.csv", "-o", "x.db", "--if-exists", "replace", "--on-error",
                        "quarantine", "--max-errors", most)


class OneMore(SheafTest):
    """Records that all have one field more than the header: the help says how such a file is read, and that works."""

    sniffs = True

    def advice(self, name, *args, pattern=r"(?m)^ +help: .*?(--(?:fix trim|skip \d+ --header no))"):
        run = self.expect(FAULT, "cat", name, *args)
        found = re.findall(pattern, run.error_text)
        return found[0].split() if found else None

    def test_row_names(self):
        for n in (2, 300, harness.large(100_000)):
            rows = [[f"r{i}", str(i), f"{i}.5"] for i in range(n)]
            for before in ("", "# made by R\n", "\n"):
                self.write("r.csv", before + "a,b\n" + "".join(",".join(row) + "\n" for row in rows))
                for way in (["-j", "1"], ["-j", "2"], ["--executor", "processes"]):
                    args = ["--on-error", "quarantine", *way, "--comment", "#"]
                    advice = self.advice("r.csv", *args)
                    self.assertEqual("--skip", advice and advice[0], (n, before, way))
                    self.assertEqual(rows, self.succeed("cat", "r.csv", *args, *advice).csv())
                advice = self.advice("r.csv", "--comment", "#", "--on-error", "stop")
                self.assertEqual(rows, self.succeed("cat", "r.csv", "--comment", "#", *advice).csv())

    def test_as_r_writes_them(self):
        self.write("r.txt", '"a" "b"\n"1" 1 "x y"\n"2" 3 "z"\n')
        advice = self.advice("r.txt", "--delim", " ", "--on-error", "quarantine")
        self.assertEqual([["1", "1", "x y"], ["2", "3", "z"]],
                         self.succeed("cat", "r.txt", "--delim", " ", *advice).csv())

    def test_delimiters_at_the_end(self):
        for n in (2, 300, harness.large(100_000)):
            self.write("t.csv", "a,b\n" + "".join(f"{i},x{i},\n" for i in range(n)))
            for way in (["-j", "1"], ["-j", "2"], ["--executor", "processes"]):
                self.assertEqual(["--fix", "trim"], self.advice("t.csv", "--on-error", "quarantine", *way))
                self.assertEqual([["a", "b"]] + [[str(i), f"x{i}"] for i in range(n)],
                                 self.succeed("cat", "t.csv", "--fix", "trim", *way).csv())

    def test_of_other_faults_it_is_not_told(self):
        for text in ("1,2,3,4\n" * 5, "1\n" * 5, "1,2,3\n1,2,3,4\n1\n", "1,2,3\n1\n" * 3):
            self.write("o.csv", "a,b\n" + text)
            self.assertIsNone(self.advice("o.csv", "--on-error", "quarantine", "--header", "yes", "--skip", "0",
                                          "--delim", ","))


class EveryRecord(QuarantineTest):
    """Of random dirty files, by an oracle that knows the rules and nothing else."""

    def check(self, text, name, limit, delimiter, *args):
        header, rows, expected = dirty.split(text, delimiter, limit)
        facts = self.facts(name, "-o", "x.jsonl", "--if-exists", "replace", "--max-record", str(limit), *args,
                           code=SKIPPED if expected else CLEAN)
        got = [list(json.loads(line).values()) for line in self.read("x.jsonl").decode().split("\n")[:-1]]
        self.assertEqual(list(rows.values()), got, text)
        self.assertEqual((len(rows), len(expected)), (facts["loaded"], facts["rejected"]), text)
        rejects = self.rejects("x.jsonl.quarantine.jsonl") if expected else []
        self.assertEqual([each.key() for each in expected], self.keys(rejects), text)
        for each in rejects:
            self.assertEqual(each["raw"], text[each["offset"]:][:len(each["raw"])])
            self.assertEqual(each.get("column"), header[each["field"] - 1] if each["field"] <= len(header) else None)
        return len(rows), len(expected)

    def test_of_many_files(self):
        rng = random.Random(4)
        n_rows = n_rejects = 0
        for i in range(harness.rounds(400)):
            delimiter = rng.choice([b",", b",", b";", b"\t"])
            text = dirty.make_file(rng, delimiter=delimiter, faults=rng.choice([0.05, 0.25, 0.6]))
            limit = rng.choice([64 << 20, 64 << 20, rng.randrange(20, 60)])
            args = ["--delim", delimiter.decode(), "--max-errors", "100%"]
            if rng.random() < 0.3:
                args += ["--parser", "libcsv"]
            name = "a.csv"
            if rng.random() < 0.3:
                name = self.write_gzip("a.csv.gz", text)
            else:
                self.write(name, text)
            with self.subTest(i=i, limit=limit):
                rows, rejects = self.check(text, name, limit, delimiter, *args)
                n_rows += rows
                n_rejects += rejects
        self.assertGreater(n_rows, harness.rounds(1500))
        self.assertGreater(n_rejects, harness.rounds(800))


class EveryWay(QuarantineTest):
    """Whoever reads, in however many parts: the same rows, the same quarantine, summary and exit code."""

    WAYS = [["-j", "1"], ["-j", "2"], ["-j", "8"], ["--executor", "sequential"],
            ["--executor", "processes", "-j", "2"], ["--memory", "1M", "-j", "1"], ["--memory", "1M", "-j", "2"],
            ["--memory", "1M", "-j", "8"], ["--memory", "1M", "--executor", "processes", "-j", "2"],
            ["--memory", "1M", "--executor", "sequential"], ["--parser", "libcsv", "-j", "2"]]
    SAME = ["files", "files_skipped", "files_empty", "files_compressed", "files_lone_cr", "read_bytes", "text_bytes",
            "records", "loaded", "rejected", "skipped", "blank_lines", "boms", "columns"]

    def make_text(self, seed, n_bytes, faults):
        rng = random.Random(seed)
        width = 3
        lines = [b"id,b,c"]
        size = 0
        while size < n_bytes:
            line = b"%d," % len(lines) + dirty.make_record(rng, width - 1, b",", faults, 5000)
            lines.append(line)
            size += len(line) + 1
        return b"\n".join(lines) + b"\n"

    def setUp(self):
        super().setUp()
        for name, faults in (("1", 0.01), ("2", 0.3)):
            text = self.make_text(name, 1_500_000, faults)
            self.write(f"d/{name}.csv", text)
            self.write_gzip(f"d/{name}g.csv.gz", text[:400_000])
            blocks = b"".join(test_ranges.RangesOfBlocks.block(text[at:at + 30_000])
                              for at in range(0, len(text), 30_000))
            self.write(f"d/{name}b.csv.gz", blocks + test_ranges.RangesOfBlocks.block(b""))
        rng = random.Random(9)
        for i in range(30):
            self.write(f"d/small{i}.csv", b"id,b,c\n" + b"\n".join(
                dirty.make_record(rng, 3, b",", 0.3, 60) for _ in range(20)))

    def compare(self, where, *args, read, turn=0):
        seen = {}
        ways = self.WAYS
        if harness.FEW_ROUNDS:  # the first is what the others are compared with
            ways = [ways[0], *harness.some_of(ways[1:], turn, 3)]
        for way in ways:
            facts = self.facts("d", "-o", where, "--if-exists", "replace", "--max-record", "2000", *args, *way)
            found = [{key: facts[key] for key in self.SAME}, *read()]
            seen.setdefault("found", found)
            for ours, theirs in zip(found, seen["found"]):
                self.assertTrue(ours == theirs, (way, args, where, ours if isinstance(ours, dict) else "rows"))
        self.assertGreater(seen["found"][0]["rejected"], 1000)
        self.assertGreater(seen["found"][0]["loaded"], 1000)

    def test_into_a_file(self):
        self.compare("x.csv", read=lambda: [self.read("x.csv"), self.read("x.csv.quarantine.jsonl")])

    def test_into_a_table(self):
        read = lambda: [self.sql("x.db", "SELECT * FROM x ORDER BY rowid;"),
                        self.sql("x.db", "SELECT * FROM x_quarantine ORDER BY rowid;"),
                        self.sql("x.db", ".schema")]
        self.compare("x.db", read=read)
        self.compare("x.db", "--text", read=read, turn=1)

    def test_into_nothing(self):
        self.compare("null:", "--quarantine", "q.jsonl", read=lambda: [self.read("q.jsonl")], turn=1)

    def test_a_table_has_the_quarantine_of_a_file(self):
        self.facts("d", "-o", "x.csv", "--max-record", "2000")
        self.facts("d", "-o", "x.db", "--max-record", "2000")
        of_file = self.rejects("x.csv.quarantine.jsonl")
        of_table = self.database_rejects("x.db", "x_quarantine")
        for each in of_table:
            each.pop("message")
        for each in of_file:
            each.pop("message")
            each.setdefault("column", None)
        self.assertTrue(of_file == of_table)

    def test_a_file_of_ranges_has_the_faults_of_the_oracle(self):
        text = self.read("d/2.csv")[:300_000]
        header, rows, rejects = dirty.split(text, b",", 2000)
        self.write("part.csv", text)
        self.facts("part.csv", "-o", "x.jsonl", "--max-record", "2000", "--memory", "1M", "-j", "4")
        self.assertEqual([each.key() for each in rejects], self.keys(self.rejects("x.jsonl.quarantine.jsonl")))
        self.assertEqual(len(rows), self.read("x.jsonl").count(b"\n"))

    def test_a_pipe(self):
        text = self.read("d/2.csv")
        for args in (["-o", "x.csv"], ["-o", "y.db"]):
            self.ingest("-", *args, "--max-record", "2000", input=text)
            self.ingest("d/2.csv", *args, "--max-record", "2000", "--table" if "y.db" in args else "-j",
                        "z" if "y.db" in args else "2", *(["--if-exists", "replace"] if "x.csv" in args else []))
        self.assertEqual(self.sql("y.db", "SELECT line, record, raw FROM y_quarantine;"),
                         self.sql("y.db", "SELECT line, record, raw FROM z_quarantine;"))
        self.assertEqual(self.sql("y.db", "SELECT * FROM y;"), self.sql("y.db", "SELECT * FROM z;"))


if __name__ == "__main__":
    harness.main()

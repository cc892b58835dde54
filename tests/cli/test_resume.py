"""Going on with a load: what is there is not read again, what is new is loaded, what changed is told."""

import csv
import fcntl
import io
import json
import os
import struct
import subprocess
import termios

from harness import CLEAN, FAULT, SKIPPED, USAGE, wait_until
from test_ledger import LedgerTest

DESTINATIONS = ("x.db", "x.csv", "x.tsv", "x.jsonl", "x.csv.gz", "x.jsonl.zst")


class ResumeTest(LedgerTest):
    def begin(self, destination, *sources, code=CLEAN):
        more = () if destination.endswith(".db") else ("--ledger",)
        self.expect(code, "ingest", *sources, "-o", destination, "--on-error", "quarantine", *more)

    def resume(self, destination, *args, code=CLEAN):
        """(files read, files that were there, rows loaded)"""
        facts = self.totals(*args, "-o", destination, "--resume", code=code)
        return facts["files"], facts["files_unchanged"], facts["loaded"]

    def rows(self, destination):
        """The rows there are, without a header: a list of texts each, None for null."""
        if destination.endswith(".db"):
            return self.sql_rows(destination, destination[:-3])
        text = self.read(destination)
        if destination.endswith((".gz", ".zst")):
            program = "gzip" if destination.endswith(".gz") else "zstd"
            text = subprocess.run([program, "-dc"], input=text, stdout=subprocess.PIPE, check=True).stdout
        if ".jsonl" in destination:
            return [list(json.loads(line).values()) for line in text.splitlines()]
        delimiter = "\t" if destination.endswith(".tsv") else ","
        rows = list(csv.reader(io.StringIO(text.decode(), newline=""), delimiter=delimiter, strict=True))[1:]
        return [[value if value != "" else None for value in row] for row in rows]

    def numbers(self, destination):
        return [int(row[0]) for row in self.rows(destination)]

    def add_c(self):
        self.write_rows("in/c.csv", 4, start=200)
        self.age("in/c.csv")

    def change_a(self):
        self.write_rows("in/a.csv", 7, start=50)


A, B, C = [0, 1, 2, 3, 4], [100, 101, 102], [200, 201, 202, 203]


class Unchanged(ResumeTest):
    def test_nothing_new(self):
        for destination in DESTINATIONS:
            with self.subTest(destination=destination):
                self.begin(destination, "in")
                with self.assert_directory_unchanged():
                    self.assertEqual((0, 2, 0), self.resume(destination, "in"))

    def test_what_is_new_comes_behind(self):
        self.add_c()
        for destination in DESTINATIONS:
            with self.subTest(destination=destination):
                self.begin(destination, "in/a.csv", "in/b.csv")
                self.assertEqual((1, 2, 4), self.resume(destination, "in"))
                self.assertEqual(A + B + C, self.numbers(destination))
                self.assertEqual([("in/a.csv", 1), ("in/b.csv", 6), ("in/c.csv", 9)],
                                 self.facts_of(destination, "file", "first_row"))
                self.assertEqual((0, 3, 0), self.resume(destination, "in"))

    def test_it_is_what_one_load_gives(self):
        """Rows, ledger and their order, but for the time of loading."""
        self.add_c()
        for destination in DESTINATIONS:
            with self.subTest(destination=destination):
                self.begin(destination, "in")
                whole = self.rows(destination), [{**entry, "loaded_at": ""} for entry in self.ledger(destination)]
                for name in self.names():
                    if name != "in":
                        os.unlink(self.path(name))
                for name in ("a", "b", "c"):
                    self.resume(destination, f"in/{name}.csv")
                self.assertEqual(whole, (self.rows(destination), [{**entry, "loaded_at": ""}
                                                                  for entry in self.ledger(destination)]))

    def test_with_no_destination_yet_it_is_any_load(self):
        for destination in DESTINATIONS:
            self.assertEqual((2, 0, 8), self.resume(destination, "in"))
            self.assertEqual((0, 2, 0), self.resume(destination, "in"))

    def test_append_with_a_ledger_is_the_same(self):
        self.add_c()
        for destination in DESTINATIONS:
            self.begin(destination, "in/a.csv")
            facts = self.totals("in", "-o", destination, "--if-exists", "append")
            self.assertEqual((2, 1), (facts["files"], facts["files_unchanged"]))
            self.assertEqual(A + B + C, self.numbers(destination))

    def test_whatever_a_path_is_called(self):
        self.begin("x.db", "in")
        os.symlink("in", self.path("link"))
        for name in ("./in", "in/", "link", self.path("in"), "in/../in", "link/a.csv"):
            self.assertEqual(0, self.resume("x.db", name)[0], name)

    def test_unchanged_files_are_not_read(self):
        """Their size and time are those of the ledger: nobody looks at what is in them."""
        self.begin("x.db", "in")
        about = os.stat(self.path("in/a.csv"))
        self.write("in/a.csv", b"#" * about.st_size)
        os.utime(self.path("in/a.csv"), ns=(about.st_atime_ns, about.st_mtime_ns))
        self.assertEqual((0, 2, 0), self.resume("x.db", "in"))

    def test_with_another_time_the_content_decides(self):
        for destination in ("x.db", "x.csv"):
            self.begin(destination, "in")
            self.age("in/a.csv", 50)
            self.assertEqual((0, 2, 0), self.resume(destination, "in"))
            if destination == "x.db":
                told = self.ledger()[0]["mtime_ns"]
                self.assertEqual(os.stat(self.path("in/a.csv")).st_mtime_ns, told, "it is noted")

    def test_a_time_of_this_very_moment_is_not_trusted(self):
        """Whoever writes within the same tick of the clock leaves the same time."""
        size = os.path.getsize(self.path("in/a.csv"))
        os.utime(self.path("in/a.csv"), ns=(2**62, 2**62))  # it cannot have passed
        self.begin("x.db", "in")
        self.write("in/a.csv", self.read("in/a.csv").replace(b"text 3", b"text X"))
        self.assertEqual(size, os.path.getsize(self.path("in/a.csv")))
        os.utime(self.path("in/a.csv"), ns=(2**62, 2**62))
        self.expect_fault("ingest", "in", "-o", "x.db", "--resume", source="in/a.csv", says="was changed since")

    def test_files_that_are_no_more(self):
        self.begin("x.db", "in")
        os.unlink(self.path("in/a.csv"))
        facts = self.totals("in", "-o", "x.db", "--resume")
        self.assertEqual((1, 1), (facts["files_unchanged"], facts["files_gone"]))
        self.assertEqual(A + B, self.numbers("x.db"))

    def test_a_stream_is_read_each_time(self):
        for _ in range(2):
            self.expect(CLEAN, "ingest", "-", "in", "-o", "x.db", "--resume", input=b"n,text\n7,a\n")
        self.assertEqual([7] + A + B + [7], self.numbers("x.db"))

    def test_files_with_faults(self):
        self.write("in/c.csv", "n,text\n200,a\n201\n202,b\n")
        self.write("in/d.csv.gz", b"\x1f\x8b\x08 no more than a beginning")
        for destination in ("x.db", "x.csv"):
            with self.subTest(destination=destination):
                self.begin(destination, "in", code=SKIPPED)
                facts = self.totals("in", "-o", destination, "--resume", "--on-error", "skip-file", code=SKIPPED)
                self.assertEqual((1, 1, 3), tuple(facts[n] for n in ("files", "files_skipped", "files_unchanged")))
        self.write_gzip("in/d.csv.gz", "n,text\n300,a\n")
        self.assertEqual((1, 3, 1), self.resume("x.db", "in"))

    def test_what_was_set_aside_stays(self):
        self.write("in/c.csv", "n,text\n200,a\n201\n202,b\n")
        self.begin("x.db", "in", code=SKIPPED)
        self.begin("x.csv", "in", code=SKIPPED)
        self.write("in/d.csv", "n,text\n300,a\n301\n302,b\n")
        self.write_rows("e.csv", 2, start=400)
        for destination in ("x.db", "x.csv"):
            for source, code in (("in", SKIPPED), ("e.csv", CLEAN)):
                self.totals(source, "-o", destination, "--resume", "--on-error", "quarantine", code=code)
        self.assertEqual(b"in/c.csv|201\nin/d.csv|301\n", self.sql("x.db", "SELECT file, raw FROM x_quarantine;"))
        held = [json.loads(line) for line in self.read("x.csv.quarantine.jsonl").splitlines()]
        self.assertEqual(["201", "301"], [line["raw"] for line in held if "raw" in line])


class Refused(ResumeTest):
    def test_what_nothing_can_be_put_behind(self):
        for name in ("x.parquet", "x.arrow", "x.arrows"):
            for again in (["--resume"], ["--if-exists", "append"]):
                with self.subTest(name=name, again=again):
                    self.begin(name, "in")
                    before = self.read(name)
                    told = self.facts_of(name, "file", "loaded", "first_row")
                    self.assertEqual([("in/a.csv", 5, 1), ("in/b.csv", 3, 6)], told)
                    facts = self.totals("in", "-o", name, *again)
                    self.assertEqual((0, 2), (facts["records"], facts["files_unchanged"]))
                    self.write("in/c.csv", "n,text\n1,a\n")
                    run = self.expect_fault("ingest", "in", "-o", name, *again, source=name,
                                            says="1 file is not there yet, and nothing can be put behind")
                    self.assertIn("--if-exists replace --ledger", run.error_text)
                    os.unlink(self.path("in/c.csv"))
                    self.write_rows("in/a.csv", 6)
                    run = self.expect_fault("ingest", "in", "-o", name, *again, source="in/a.csv", says="was changed")
                    self.assertIn("--if-exists replace --ledger", run.error_text)
                    self.assertEqual(before, self.read(name))
                    self.totals("in", "-o", name, "--if-exists", "replace")
                    self.assertEqual(6, self.ledger(name)[0]["loaded"], "once it has a ledger it keeps one")
                    self.write_rows("in/a.csv", 5)
                    self.age("in/a.csv")
                    for kept in (name, name + ".ledger.jsonl"):
                        os.unlink(self.path(kept))
            run = self.expect(USAGE, "ingest", "in", "-o", name, "--resume", "--changed", "append")
            self.assertIn("nothing can be put behind", run.error_text)
        for name in ("-", "null:"):
            for asked in (["--resume"], ["--ledger"], ["--if-exists", "append"]):
                run = self.expect(USAGE, "ingest", "in", "-o", name, *asked)
                self.assertIn("keeps no ledger", run.error_text)


def unread(pipe):
    """How many bytes nobody has read yet."""
    return struct.unpack("i", fcntl.ioctl(pipe, termios.FIONREAD, struct.pack("i", 0)))[0]


class Beside(ResumeTest):
    """Another run, or program, has to do with the destination at the same time."""

    def start(self, *args, **options):
        """Wait until it has come so far that it has read what is fed to it: what the destination holds, before."""
        process = super().start(*args, **options)
        if options.get("stdin") == subprocess.PIPE:
            process.stdin.write(b"n,text\n")
            process.stdin.flush()
            wait_until(lambda: not unread(process.stdin), "it has begun")
        return process

    def end(self, process):
        process.stdin.write(b"900,a\n")
        out, err = process.communicate(timeout=60)
        return process.returncode, err.decode()

    def test_of_two_that_append_one_waits_for_nobody_and_loses_nothing(self):
        for destination in ("x.csv", "x.jsonl.zst"):
            self.begin(destination, "in/a.csv")
            first = self.start("ingest", "-", "-o", destination, "--resume", stdin=subprocess.PIPE)
            self.expect_fault("ingest", "in", "-o", destination, "--resume", says="another run",
                              source=os.path.realpath(self.path(destination)))
            self.assertEqual((CLEAN, ""), self.end(first))
            self.assertEqual((1, 1, 3), self.resume(destination, "in"))
            self.assertEqual(A + [900] + B, self.numbers(destination))

    def test_what_is_replaced_meanwhile_is_not_written_over(self):
        self.begin("x.csv", "in/a.csv")
        first = self.start("ingest", "-", "-o", "x.csv", "--resume", stdin=subprocess.PIPE)
        self.write("other.csv", "n,text\n7,x\n")
        os.replace(self.path("other.csv"), self.path("x.csv"))
        code, err = self.end(first)
        self.assertEqual(FAULT, code)
        self.assertIn("removed or replaced while rows were put behind it", err)
        self.assertEqual([7], self.numbers("x.csv"))
        self.assertEqual(["in", "x.csv", "x.csv.ledger.jsonl"], sorted(self.names()))


class Changed(ResumeTest):
    def test_is_refused(self):
        for destination in DESTINATIONS:
            self.begin(destination, "in")
        self.change_a()
        self.add_c()
        for destination in DESTINATIONS:
            with self.assert_directory_unchanged():
                self.expect_fault("ingest", "in", "-o", destination, "--resume", source="in/a.csv",
                                  says="was changed since it was loaded(.|\n)*--changed append")

    def test_how_many(self):
        self.begin("x.db", "in")
        self.change_a()
        self.write("in/b.csv", "n,text\n")
        self.expect_fault("ingest", "in", "-o", "x.db", "--resume", source="in/a.csv", says="2 files were changed")

    def test_append_loads_it_beside(self):
        for destination in DESTINATIONS:
            with self.subTest(destination=destination):
                self.write_rows("in/a.csv", 5)
                self.begin(destination, "in")
                self.change_a()
                self.assertEqual((1, 1, 7), self.resume(destination, "in", "--changed", "append"))
                self.assertEqual(A + B + list(range(50, 57)), self.numbers(destination))
                self.assertEqual([("in/a.csv", 5), ("in/b.csv", 3), ("in/a.csv", 7)],
                                 self.facts_of(destination, "file", "loaded"))
                self.assertEqual((0, 2, 0), self.resume(destination, "in"))

    def test_replace_puts_it_in_the_place(self):
        self.begin("x.db", "in")
        self.change_a()
        facts = self.totals("in", "-o", "x.db", "--resume", "--changed", "replace")
        self.assertEqual((1, 1, 5, 7), tuple(facts[name] for name in (
            "files_unchanged", "files_replaced", "rows_replaced", "loaded")))
        self.assertEqual(B + list(range(50, 57)), self.numbers("x.db"))
        self.assertEqual([("in/b.csv", 6), ("in/a.csv", 9)], self.facts_of("x.db", "file", "first_row"))
        self.write_rows("in/b.csv", 2, start=150)
        self.resume("x.db", "in", "--changed", "replace")
        self.assertEqual(list(range(50, 57)) + [150, 151], self.numbers("x.db"))

    def test_replace_takes_all_that_it_ever_gave(self):
        self.begin("x.db", "in")
        self.change_a()
        self.resume("x.db", "in", "--changed", "append")
        self.write_rows("in/a.csv", 1, start=70)
        self.resume("x.db", "in", "--changed", "replace")
        self.assertEqual(B + [70], self.numbers("x.db"))

    def test_replace_takes_what_was_set_aside(self):
        self.write("in/c.csv", "n,text\n200,a\n201\n202,b\n")
        self.begin("x.db", "in", code=SKIPPED)
        self.write("in/c.csv", "n,text\n200,a\n201,b\n")
        self.resume("x.db", "in", "--changed", "replace")
        self.assertEqual(b"0|0\n", self.sql("x.db", "SELECT (SELECT count(*) FROM x_quarantine), "
                                              "(SELECT count(*) FROM x_quarantine_files);"))

    def test_replace_refuses_where_rows_cannot_be_told_apart(self):
        for change in ("DELETE FROM x WHERE n = 100;", "INSERT INTO x VALUES(9, 'mine');",
                       "DELETE FROM x WHERE n = 0; INSERT INTO x VALUES(9, 'mine');",
                       "DELETE FROM x WHERE n = 102; VACUUM;"):
            with self.subTest(change=change):
                self.write_rows("in/a.csv", 5)
                self.expect(CLEAN, "ingest", "in", "-o", "x.db", "--if-exists", "replace")
                self.sql("x.db", change)
                before = self.rows("x.db")
                self.change_a()
                self.expect_fault("ingest", "in", "-o", "x.db", "--resume", "--changed", "replace",
                                  source="in/a.csv", says="cannot be said which rows")
                self.assertEqual(before, self.rows("x.db"))

    def test_vacuum_does_not_mislead(self):
        """It numbers the rows of a table anew of which some were deleted."""
        self.begin("x.db", "in")
        self.change_a()
        self.resume("x.db", "in", "--changed", "replace")
        self.sql("x.db", "VACUUM;")
        self.write_rows("in/b.csv", 2, start=150)
        run = self.sheaf("ingest", "in", "-o", "x.db", "--resume", "--changed", "replace")
        expected = list(range(50, 57)) + [150, 151] if run.code == CLEAN else B + list(range(50, 57))
        self.assertEqual(sorted(expected), sorted(self.numbers("x.db")))

    def test_what_is_replaced_is_never_left_out(self):
        self.begin("x.db", "in")
        before = self.rows("x.db"), self.ledger()
        self.write("in/a.csv", b"\x1f\x8b\x08 no more than a beginning")
        for on_error in ("quarantine", "skip-file", "stop"):
            self.expect(FAULT, "ingest", "in", "-o", "x.db", "--resume", "--changed", "replace", "--on-error", on_error)
            self.assertEqual(before, (self.rows("x.db"), self.ledger()))

    def test_the_rows_of_a_file_are_not_replaced(self):
        self.begin("x.csv", "in")
        self.expect(USAGE, "ingest", "in", "-o", "x.csv", "--resume", "--changed", "replace")
        self.expect(USAGE, "ingest", "in", "-o", "y.db", "--changed", "replace")
        self.expect(USAGE, "ingest", "in", "-o", "y.db", "--resume", "--if-exists", "replace")


class Columns(ResumeTest):
    def test_one_that_a_file_lacks_is_null(self):
        for destination in DESTINATIONS:
            self.begin(destination, "in/a.csv")
            self.write("c.csv", "text\nonly\n")
            self.resume(destination, "c.csv")
            self.assertEqual([None, "only"], self.rows(destination)[-1], destination)

    def test_the_order_is_the_destinations(self):
        for destination in DESTINATIONS:
            self.begin(destination, "in/a.csv")
            self.write("c.csv", "text,n\nturned,9\n")
            self.resume(destination, "c.csv")
            self.assertEqual(["9", "turned"], self.rows(destination)[-1], destination)

    def test_one_that_the_destination_lacks_is_refused(self):
        self.write("c.csv", "n,text,more\n1,a,b\n")
        for destination in DESTINATIONS:
            self.begin(destination, "in/a.csv")
            with self.assert_directory_unchanged():
                self.expect_fault("ingest", "c.csv", "-o", destination, "--resume", says="'more'")
            self.resume(destination, "c.csv", "--drop", "more")

    def test_one_that_differs_in_case_alone_is_another_one(self):
        self.write("c.csv", "N,text\n1,a\n")
        for destination in ("x.db", "x.csv"):
            self.begin(destination, "in/a.csv")
            self.expect_fault("ingest", "c.csv", "-o", destination, "--resume", says="'N'")
            self.resume(destination, "c.csv", "--match", "nocase", "--rename", "N=n")

    def test_the_types_are_the_tables(self):
        self.write("a.csv", "n,x,when,t\n1,1.5,2024-01-01,abc\n")
        self.write("b.csv", "n,x,when,t\n2,2,2024-01-02,1.50\n")
        self.begin("x.db", "a.csv")
        self.resume("x.db", "b.csv")
        self.assertEqual(b"integer|real|text|1.50|text\n", self.sql(
            "x.db", "SELECT typeof(n), typeof(x), typeof(\"when\"), t, typeof(t) FROM x WHERE n = 2;"))

    def test_a_value_of_another_type_is_its_records_fault(self):
        self.begin("x.db", "in")
        self.write("c.csv", "n,text\n7,a\nseven,b\n8,c\n")
        self.expect_fault("ingest", "c.csv", "-o", "x.db", "--resume", source="c.csv", line=3)
        self.totals("c.csv", "-o", "x.db", "--resume", "--on-error", "quarantine", code=SKIPPED)
        self.assertEqual(A + B + [7, 8], self.numbers("x.db"))

    def test_columns_that_are_added(self):
        for destination in ("x.db", "x.csv"):
            for name in ("a", "b"):
                self.totals(f"in/{name}.csv", "-o", destination, "--resume", "--add", "file,row")
            self.assertEqual(["102", "some text 102", "in/b.csv", "3"], self.rows(destination)[-1])

    def test_without_a_header(self):
        self.write("h1.csv", "1,2\n3,4\n")
        self.write("h2.csv", "5,6\n")
        for name in ("h1.csv", "h2.csv"):
            self.totals(name, "-o", "x.csv", "--resume", "--header", "no")
        self.assertEqual(b"1,2\n3,4\n5,6\n", self.read("x.csv"))


class Destination(ResumeTest):
    def test_rows_that_no_ledger_tells_of(self):
        self.sql("x.db", "CREATE TABLE x(n INTEGER, text TEXT); INSERT INTO x VALUES(1, 'mine');")
        self.write("x.csv", "n,text\n1,mine\n")
        for destination in ("x.db", "x.csv"):
            with self.assert_directory_unchanged():
                self.expect_fault("ingest", "in", "-o", destination, "--resume", source=destination, says="no ledger")
        self.expect_fault("ingest", "in", "-o", "x.csv", "--if-exists", "append", says="no ledger")
        self.succeed("ingest", "in", "-o", "x.db", "--if-exists", "append")
        self.assertEqual([1] + A + B, self.numbers("x.db"))
        self.assertEqual([("in/a.csv", 2), ("in/b.csv", 7)], self.facts_of("x.db", "file", "first_row"))

    def test_rows_that_are_gone_with_their_table(self):
        self.begin("x.db", "in")
        self.sql("x.db", "DROP TABLE x;")
        before = self.sql("x.db", ".dump")
        for asked in (["--resume"], ["--if-exists", "append"]):
            self.expect_fault("ingest", "in", "-o", "x.db", *asked, source="x.db", says="x_ledger tells of rows that are gone")
            self.assertEqual(before, self.sql("x.db", ".dump"))
        self.assertEqual(8, self.totals("in", "-o", "x.db", "--if-exists", "replace")["loaded"])
        self.assertEqual((0, 2, 0), self.resume("x.db", "in"))

    def test_a_file_that_is_not_what_its_ledger_tells_of(self):
        self.add_c()
        for change in (b"n,text\n1,mine\n", None):
            self.begin("x.csv", "in/a.csv")
            whole = self.read("x.csv")
            self.write("x.csv", change or whole.replace(b"text 3", b"text X"))
            with self.assert_directory_unchanged():
                self.expect_fault("ingest", "in", "-o", "x.csv", "--resume", source="x.csv",
                                  says="not what its ledger tells")
            self.write("x.csv", whole)
            self.assertEqual(2, self.resume("x.csv", "in")[0])
            for name in ("x.csv", "x.csv.ledger.jsonl"):
                os.unlink(self.path(name))

    def test_one_that_was_removed_begins_anew(self):
        self.begin("x.csv", "in")
        os.unlink(self.path("x.csv"))
        self.assertEqual((2, 0, 8), self.resume("x.csv", "in"))

    def test_what_is_no_ledger(self):
        for text in ("", "mine", "{}", '{"sheaf_ledger":2}', "[1]\n", '{"sheaf_ledger":1', "\0"):
            self.begin("x.csv", "in")
            self.write("x.csv.ledger.jsonl", text)
            with self.assert_directory_unchanged():
                self.expect_fault("ingest", "in", "-o", "x.csv", "--resume", source="x.csv.ledger.jsonl")
            os.unlink(self.path("x.csv"))

    def test_a_ledger_cut_or_mangled_anywhere(self):
        """It is refused or it tells the truth: no crash, and no row twice."""
        self.begin("x.csv", "in")
        whole = self.read("x.csv.ledger.jsonl")
        for at in range(0, len(whole), 7):
            for mangled in (whole[:at], whole[:at] + b"\\" + whole[at + 1:], whole[:at] + b"\0" + whole[at:]):
                self.write("x.csv.ledger.jsonl", mangled)
                run = self.sheaf("ingest", "in/a.csv", "-o", "x.csv", "--resume")
                self.assertIn(run.code, (CLEAN, FAULT), run)


class PerFileLeavesOut(ResumeTest):
    def test_files_that_are_left_out_are_no_commit(self):
        self.write("bad/1.csv", "n,text\n1\n2\n")
        self.write("bad/2.csv", "n,text\n3\n4\n")
        arguments = ("-o", "x.db", "--commit", "per-file", "--text", "--on-error", "quarantine")
        with self.assert_directory_unchanged():
            run = self.expect(FAULT, "ingest", "bad", *arguments)
        self.assertNotIn("are committed", run.error_text)
        run = self.expect(SKIPPED, "ingest", "bad/1.csv", "in/a.csv", "bad/2.csv", *arguments)
        self.assertEqual(A, self.numbers("x.db"))
        self.assertEqual(b"ESHAPE\n\nESHAPE\n", self.sql("x.db", "SELECT left_out FROM x_ledger ORDER BY rowid;"))


class Selected(ResumeTest):
    def test_a_column_that_only_the_table_has_is_null_of_new_files(self):
        self.succeed("ingest", "in", "-o", "x.db", "--select", "n,text")
        self.write("in/c.csv", "other,n\n1,200\n")
        self.succeed("ingest", "in", "-o", "x.db", "--select", "n,text", "--resume")
        self.assertEqual(A + B + [200], self.numbers("x.db"))
        self.assertEqual(b"1\n", self.sql("x.db", "SELECT count(*) FROM x WHERE text IS NULL;"))
        self.write("in/d.csv", "n\n201\n")
        with self.assert_directory_unchanged():
            self.expect_fault("ingest", "in", "-o", "x.db", "--select", "n,texts", "--resume",
                              says="no file has a column 'texts'")


class PerFile(ResumeTest):
    def test_each_file_is_safe_once_it_is_there(self):
        self.write("in/z.csv", "n,text\n1,a\n2\n")
        run = self.expect_fault("ingest", "in", "-o", "x.db", "--resume", "--commit", "per-file", "--text",
                                source="in/z.csv")
        self.assertIn("2 files before it are committed", run.error_text)
        self.assertEqual(A + B, self.numbers("x.db"))
        self.write("in/z.csv", "n,text\n1,a\n")
        facts = self.totals("in", "-o", "x.db", "--resume", "--commit", "per-file")
        self.assertEqual((1, 2, 1), tuple(facts[name] for name in ("files", "files_unchanged", "files_committed")))
        self.assertEqual(A + B + [1], self.numbers("x.db"))

    def test_it_is_what_one_load_gives(self):
        self.write("in/c.csv", "n,text\n200,a\n201\n202,b\n")
        self.age("in/c.csv")
        self.begin("x.db", "in", code=SKIPPED)
        self.expect(SKIPPED, "ingest", "in", "-o", "y.db", "--commit", "per-file", "--on-error", "quarantine")
        self.assertEqual(self.rows("x.db"), self.rows("y.db"))
        self.assertEqual([{**entry, "loaded_at": ""} for entry in self.ledger("x.db")],
                         [{**entry, "loaded_at": ""} for entry in self.ledger("y.db")])
        self.assertEqual(self.sql("x.db", "SELECT * FROM x_quarantine;"), self.sql("y.db", "SELECT * FROM y_quarantine;"))

    def test_where_it_cannot_be(self):
        for args in (["-o", "x.csv"], ["-o", "null:"], ["-o", "x.db", "--if-exists", "replace"],
                     ["-o", "x.db", "--on-error", "quarantine", "--quarantine", "q.jsonl"],
                     ["-o", "x.db", "--on-error", "quarantine", "--max-errors", "5%"]):
            self.expect(USAGE, "ingest", "in", *args, "--commit", "per-file")


if __name__ == "__main__":
    import unittest
    unittest.main()

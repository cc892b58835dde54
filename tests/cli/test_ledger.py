"""The ledger: what a destination is told of the files that it holds, and that it is true."""

import json
import os
import subprocess
import time

from harness import CLEAN, FAULT, SKIPPED, USAGE, SheafTest, wait_until

COLUMNS = ["file", "path", "size", "mtime_ns", "content", "records", "loaded", "rejected", "skipped", "left_out",
           "first_row", "blank_lines", "comment_lines", "preamble_lines", "boms", "lone_crs", "repaired", "padded",
           "trimmed", "unquoted", "encoding", "delimiter", "loaded_at", "loaded_by"]


class TwoFiles:
    """Rows in two files, both older than the clock's last tick."""

    def setUp(self):
        super().setUp()
        self.write_rows("in/a.csv", 5)
        self.write_rows("in/b.csv", 3, start=100)
        for name in ("in/a.csv", "in/b.csv"):
            self.age(name)

    def age(self, name, seconds=100):
        then = time.time_ns() - seconds * 10**9
        os.utime(self.path(name), ns=(then, then))


class LedgerTest(TwoFiles, SheafTest):
    def ledger(self, destination="x.db"):
        """Its entries, a dictionary each, in order."""
        if destination.endswith(".db"):
            table = destination[:-3] + "_ledger"
            self.assertEqual(COLUMNS, self.sql_columns(destination, table))
            rows = self.sql(destination, f"SELECT * FROM {table} ORDER BY rowid;", "-json")
            return json.loads(rows or "[]")
        lines = [json.loads(line) for line in self.read(destination + ".ledger.jsonl").splitlines()]
        before, after = lines[0]["before_size"], lines[0]["after_size"]
        self.assertEqual(after, os.path.getsize(self.path(destination)), (before, after))
        return [{name: entry.get(name) for name in COLUMNS} for entry in lines[1:]
                if "file" in entry and entry["in"] in ("both", "after")]

    def facts_of(self, destination, *names):
        return [tuple(entry[name] for name in names) for entry in self.ledger(destination)]


class Entries(LedgerTest):
    finds_encodings = sniffs = True

    def load(self, destination, *sources, code=CLEAN):
        more = () if destination.endswith(".db") else ("--ledger",)
        return self.totals(*sources, "-o", destination, "--on-error", "quarantine", *more, code=code)

    def test_one_for_each_file(self):
        for destination in ("x.db", "x.csv", "x.tsv", "x.jsonl"):
            with self.subTest(destination=destination):
                self.load(destination, "in")
                self.assertEqual([("in/a.csv", 5, 5, 0, 1), ("in/b.csv", 3, 3, 0, 6)],
                                 self.facts_of(destination, "file", "records", "loaded", "rejected", "first_row"))
                for entry in self.ledger(destination):
                    about = os.stat(self.path(entry["file"]))
                    self.assertEqual((about.st_size, about.st_mtime_ns), (entry["size"], entry["mtime_ns"]))
                    self.assertEqual(os.path.realpath(self.path(entry["file"])), entry["path"])
                    self.assertEqual(("utf-8", ","), (entry["encoding"], entry["delimiter"]))
                    self.assertRegex(entry["loaded_at"], r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ")
                    self.assertRegex(entry["content"], "[0-9a-f]{16}")

    def test_the_first_row_is_the_first_row(self):
        self.load("x.db", "in")
        self.assertEqual(b"0|100\n", self.sql("x.db", "SELECT (SELECT n FROM x WHERE rowid = 1), "
                                              "(SELECT n FROM x WHERE rowid = 6);"))

    def test_equal_content_has_an_equal_hash_and_other_content_another_one(self):
        for name, text in {"c.csv": "n\n1\n", "d.csv": "n\n1\n", "e.csv": "n\n2\n", "f.csv": "", "g.csv": ""}.items():
            self.write("h/" + name, text)
        self.load("x.db", "h")
        hashes = [entry["content"] for entry in self.ledger()]
        self.assertEqual(hashes[0], hashes[1])
        self.assertEqual(hashes[3], hashes[4])
        self.assertEqual(3, len(set(hashes)))

    def test_the_hash_does_not_depend_on_who_reads(self):
        self.write_big("big.csv", 70)  # three pieces
        hashes = set()
        for more in (["-j", "1"], ["-j", "2"], ["--executor", "sequential"], ["--executor", "processes"]):
            self.succeed("ingest", "big.csv", "in", "-o", "x.csv", "--ledger", "--if-exists", "replace", *more)
            hashes.add(str(self.facts_of("x.csv", "content")))
        self.assertEqual(1, len(hashes), hashes)

    def test_what_was_set_aside_and_how_it_is_written(self):
        self.write("in/c.csv", "n;text\n1;a\n2\n3;größe\n4;d\n".encode("latin-1"))
        self.load("x.db", "in", code=SKIPPED)
        entry = self.ledger()[2]
        self.assertEqual((4, 3, 1, "windows-1252", ";"), tuple(
            entry[name] for name in ("records", "loaded", "rejected", "encoding", "delimiter")))

    def test_what_was_met_in_it(self):
        self.write("in/c.csv", b"\xef\xbb\xbf# c\nn,text\r1,a\r\n\r\n2\n\n3,d,\n4,\"e\n")
        self.write("in/d.csv", b"a title\n\nn,text\n1,x\n2,y\n3,z\n4,z\n5,z\n")
        for destination in ("x.db", "x.csv"):
            more = () if destination.endswith(".db") else ("--ledger",)
            facts = self.totals("in", "-o", destination, "--fix", "pad,trim,quotes", "--comment", "#",
                                "--delim", ",", "--quote", '"', *more)
            names = ("records", "loaded", "blank_lines", "comment_lines", "boms", "lone_crs", "repaired", "padded",
                     "trimmed", "unquoted")
            self.assertEqual([(5, 5) + 8 * (0,), (3, 3) + 8 * (0,), (4, 4, 2, 1, 1, 1, 3, 1, 1, 1)],
                             self.facts_of(destination, *names)[:3])
            entries = self.ledger(destination)
            self.assertEqual((2, 5), (entries[3]["preamble_lines"], entries[3]["loaded"]))
            for name in ("records", "loaded", "rejected", "skipped", "blank_lines", "comment_lines", "boms",
                         "preamble_lines"):
                told = facts["repairs"][name] if name in facts.get("repairs", {}) else facts[name]
                self.assertEqual(told, sum(entry[name] for entry in entries), (name, facts))

    def test_a_file_that_is_left_out_is_told_of_and_tried_again(self):
        self.write("in/c.csv", b"n,text\n" + 20 * b"1,a,b\n" + b"2,c\n")
        self.write("in/d.csv.gz", b"\x1f\x8b\x08 no more than a beginning")
        for name in ("in/c.csv", "in/d.csv.gz"):
            self.age(name)
        facts = ("file", "records", "loaded", "rejected", "skipped", "left_out", "first_row", "content", "encoding")
        damaged = ("in/d.csv.gz", 0, 0, 0, 0, "ECOMPRESSED", None, None, None)
        for destination in ("x.db", "x.csv"):
            with self.subTest(destination=destination):
                self.load(destination, "in", code=SKIPPED)
                told = self.facts_of(destination, *facts)
                self.assertEqual(["in/a.csv", "in/b.csv", "in/c.csv", "in/d.csv.gz"], [entry[0] for entry in told])
                self.assertEqual([("in/c.csv", 21, 0, 0, 21, "ESHAPE", None, None, "utf-8"), damaged], told[2:])
                self.write("in/e.csv", b"n,text\n1,a\n")
                self.write("good.csv", b"n,text\n8,a\n")
                os.replace(self.path("good.csv"), self.path("in/c.csv"))
                facts_again = self.totals("in", "-o", destination, "--on-error", "quarantine", "--resume", code=SKIPPED)
                self.assertEqual((2, 2), (facts_again["loaded"], facts_again["files_unchanged"]))
                told = self.facts_of(destination, *facts)
                self.assertEqual([("in/c.csv", 1, 1, 0, 0, None, 9), damaged[:7], ("in/e.csv", 1, 1, 0, 0, None, 10)],
                                 [entry[:7] for entry in told[4:]])
                self.write("in/c.csv", b"n,text\n" + 20 * b"1,a,b\n" + b"2,c\n")
                self.age("in/c.csv")
                os.unlink(self.path("in/e.csv"))

    def test_the_time_of_loading_may_be_told(self):
        databases = []
        for name in ("x.db", "y.db"):
            run = self.sheaf("ingest", "in", "-o", "x.db", env={"SOURCE_DATE_EPOCH": "1709211959"})
            self.assertEqual(CLEAN, run.code, run)
            self.assertEqual([("2024-02-29T13:05:59Z",)] * 2, self.facts_of("x.db", "loaded_at"))
            databases.append(self.read("x.db"))
            os.unlink(self.path("x.db"))
        self.assertEqual(*databases)
        for told in ("", "x", "1x", "-1", "+5", " 5", "1.5", "253402300800", "99999999999999999999999"):
            run = self.expect(FAULT, "ingest", "in", "-o", "x.db", env={"SOURCE_DATE_EPOCH": told})
            self.assertIn("SOURCE_DATE_EPOCH is no number of seconds", run.error_text)
            self.assertFalse(os.path.exists(self.path("x.db")))

    def test_a_stream_has_a_name_and_counts_alone(self):
        run = self.expect(CLEAN, "ingest", "-", "in/a.csv", "-o", "x.db", input=b"n,text\n1,a\n")
        self.assertEqual([("-", "-", None, None, None, 1), ("in/a.csv",)],
                         [self.facts_of("x.db", "file", "path", "size", "mtime_ns", "content", "loaded")[0],
                          self.facts_of("x.db", "file")[1]], run)

    def test_any_path(self):
        names = [b"a\xff.csv", "größe.csv".encode(), b"new\nline.csv", b'"quoted", \\.csv', b"'; DROP TABLE x;--.csv",
                 "\u202e.csv".encode(), b"\x1b[31m.csv"]
        for name in names:
            with open(self.path(b"any-" + name), "wb") as file:
                file.write(b"n\n1\n")
            os.utime(self.path(b"any-" + name), ns=(10**18, 10**18))
        paths = [b"any-" + name for name in names]
        self.load("x.db", *paths)
        self.load("x.csv", *paths)
        told = self.sql("x.db", "SELECT hex(CAST(file AS BLOB)) FROM x_ledger;").split()
        self.assertEqual(paths, [bytes.fromhex(path.decode()) for path in told])
        self.assertEqual(paths, [os.fsencode(path) for path, in self.facts_of("x.csv", "file")])
        for destination in ("x.db", "x.csv"):
            facts = self.totals(*paths, "-o", destination, "--resume")
            self.assertEqual((0, len(paths)), (facts["files"], facts["files_unchanged"]))

    def test_a_failed_load_tells_nothing(self):
        self.load("x.db", "in/a.csv")
        self.write("in/z.csv", "n,text\n1\n")
        before = self.ledger()
        self.expect(FAULT, "ingest", "in", "-o", "x.db", "--resume", "--on-error", "stop")
        self.assertEqual(before, self.ledger())

    def test_a_file_keeps_one_only_if_that_is_asked_for_and_from_then_on(self):
        self.succeed("ingest", "in", "-o", "x.csv")
        self.assertEqual(["in", "x.csv"], self.names())
        self.succeed("ingest", "in", "-o", "x.csv", "--ledger", "--if-exists", "replace")
        self.succeed("ingest", "in/b.csv", "-o", "x.csv", "--if-exists", "replace")
        self.assertEqual([("in/b.csv", 1)], self.facts_of("x.csv", "file", "first_row"))

    def test_null_and_stdout_have_none(self):
        for destination in ("-", "null:"):
            for option in (["--ledger"], ["--resume"], ["--if-exists", "append"]):
                self.expect(USAGE, "ingest", "in", "-o", destination, *option)

    def test_one_that_lacks_a_column_is_refused_until_all_is_loaded_anew(self):
        self.succeed("ingest", "in", "-o", "x.db")
        self.sql("x.db", "ALTER TABLE x_ledger DROP COLUMN boms;")
        for option in ("--resume", "--if-exists=append"):
            with self.assert_directory_unchanged():
                run = self.expect_fault("ingest", "in", "-o", "x.db", option, says="no such column: boms")
                self.assertIn(b"--if-exists replace", run.err)
        self.succeed("ingest", "in", "-o", "x.db", "--if-exists", "replace")
        self.assertEqual(2, len(self.ledger()))

    def test_a_replaced_table_has_a_new_one(self):
        self.load("x.db", "in")
        self.succeed("ingest", "in/b.csv", "-o", "x.db", "--if-exists", "replace")
        self.assertEqual([("in/b.csv", 1)], self.facts_of("x.db", "file", "first_row"))


class Identity(LedgerTest):
    """A file that changes between its reading and the commit: a stream behind it holds the load meanwhile."""

    def load_while(self, destination, change, *more):
        self.make_fifo("wait.csv")
        process = self.start("ingest", "in/a.csv", "wait.csv", "-o", destination, "-j", "2", *more)
        with open(self.path("wait.csv"), "wb", buffering=0) as fifo:
            fifo.write(b"n,text\n" + b"1,a\n" * 300_000)  # more than is read ahead: a.csv is done
            change()
            fifo.write(b"2,b\n")
        os.unlink(self.path("wait.csv"))
        return self.finish(process)

    def assert_refused(self, change, says):
        for destination in ("x.db", "x.csv", "x.jsonl"):
            for more in ([], ["--executor", "processes"], ["--ledger"]):
                with self.subTest(destination=destination, more=more):
                    self.write_rows("in/a.csv", 5)
                    if destination == "x.db":
                        more = [*more, "--text"]  # or it would be read again for its types
                    run = self.load_while(destination, change, *more)
                    self.assertEqual(FAULT, run.code, run)
                    self.assert_shows_error(run, source="in/a.csv", says=says)
                    self.assertEqual(["in"], self.names())

    def test_one_that_is_written_to(self):
        def change():
            with open(self.path("in/a.csv"), "a") as file:
                file.write("6,more\n")
        self.assert_refused(change, "was changed while it was loaded")

    def test_one_that_is_touched(self):
        self.assert_refused(lambda: self.age("in/a.csv", 50), "was changed while it was loaded")

    def test_one_that_is_replaced_by_its_like(self):
        def change():
            about = os.stat(self.path("in/a.csv"))
            self.write("in/new", self.read("in/a.csv"))
            os.utime(self.path("in/new"), ns=(about.st_atime_ns, about.st_mtime_ns))
            os.rename(self.path("in/new"), self.path("in/a.csv"))
        self.assert_refused(change, "was changed while it was loaded")

    def test_one_that_is_removed(self):
        self.assert_refused(lambda: os.unlink(self.path("in/a.csv")), "was removed while it was loaded")

    def test_one_that_is_left_alone(self):
        run = self.load_while("x.db", lambda: None)
        self.assertEqual(CLEAN, run.code, run)


class Leftovers(LedgerTest):
    """Temporary files of runs that were killed."""

    def temporaries(self):
        return [name for name in self.names() if name.startswith(".sheaf-")]

    def start_waiting(self, destination):
        process = self.start("ingest", "-", "-o", destination, stdin=subprocess.PIPE)
        process.stdin.write(b"n\n1\n")
        process.stdin.flush()
        wait_until(lambda: self.temporaries(), "there is a temporary file")
        return process

    def test_that_of_a_killed_run_goes_with_the_next(self):
        killed = self.start_waiting("x.csv")
        killed.kill()
        killed.wait()
        wait_until(lambda: self.temporaries(), "it is left over")
        self.succeed("ingest", "in", "-o", "x.csv")
        self.assertEqual(["in", "x.csv"], self.names())

    def test_that_of_a_run_that_lives_stays(self):
        other = self.start_waiting("y.csv")
        before = self.temporaries()
        self.succeed("ingest", "in", "-o", "x.csv")
        self.assertEqual(before, self.temporaries())
        run = self.finish(other, b"2\n")
        self.assertEqual(CLEAN, run.code, run)
        self.assertEqual(b"n\n1\n2\n", self.read("y.csv"))

    def test_what_is_only_called_similarly_stays(self):
        names = [".sheaf-1-1.tmp.gz", ".sheaf-x-1.tmp", ".sheaf-1-.tmp", ".sheaf-.tmp", "sheaf-1-1.tmp"]
        for name in names:
            self.write(name, "mine")
        os.mkdir(self.path(".sheaf-1-2.tmp"))
        os.symlink("in/a.csv", self.path(".sheaf-1-3.tmp"))
        self.succeed("ingest", "in", "-o", "x.csv")
        self.assertEqual(sorted([*names, ".sheaf-1-2.tmp", ".sheaf-1-3.tmp", "in", "x.csv"]), self.names())


if __name__ == "__main__":
    import unittest
    unittest.main()

"""The ledger of a table of PostgreSQL: what it tells, and loads that go on by it. (test_ledger.py, test_resume.py tell
what holds for every destination.)"""

import json
import os
import subprocess
import time
import unittest

from harness import CLEAN, FAULT, SKIPPED, USAGE, wait_until
from postgres import PostgresTest, literal, quoted
from test_ledger import COLUMNS, TwoFiles


class LedgerTest(TwoFiles, PostgresTest):
    def ledger(self, table="t"):
        """Its entries, a dictionary each, in order."""
        return json.loads(self.psql("SELECT coalesce(json_agg(row_to_json(l) ORDER BY entry), '[]') FROM "
                                    f"{quoted(table + '_ledger')} l"))

    def facts_of(self, *names):
        return [tuple(entry[name] for name in names) for entry in self.ledger()]

    def numbers(self):
        return [int(n) for n in self.psql("SELECT n FROM t WHERE n IS NOT NULL ORDER BY ctid").split()]

    def totals_of(self, *args, code=CLEAN):
        return self.totals(*args, "-o", self.uri, "--table", "t", code=code)

    def resume(self, *args, code=CLEAN):
        """(files read, files that were there, rows loaded)"""
        facts = self.totals_of(*args, "--resume", code=code)
        return facts["files"], facts["files_unchanged"], facts["loaded"]

    def start_waiting(self, *args):
        """A load of which one source is its standard input: it waits there, what was before it is read."""
        process = self.start_fed("ingest", *args, "-o", self.uri, "--table", "t", "--text")
        wait_until(lambda: self.backends("query LIKE 'COPY%'"), "rows are copied")
        return process

    def end(self, process):
        process.stdin.close()
        process.stdin = None
        return self.finish(process)

    def backends(self, condition="true"):
        return self.psql("SELECT pid FROM pg_stat_activity WHERE application_name = 'sheaf' AND "
                         f"datname = {literal(self.database)} AND {condition}", database="postgres").split()


A, B, C = [0, 1, 2, 3, 4], [100, 101, 102], [200, 201, 202, 203]


class Entries(LedgerTest):
    finds_encodings = sniffs = True

    def test_they_are_what_sqlite_tells(self):
        """But for the rows' places, which a table of PostgreSQL does not have."""
        self.write("in/c.csv", b"\xef\xbb\xbf# c\nn,text\r1,a\r\n\r\n2\n\n3,d,\n4,\"e\n")
        self.write("in/d.csv", b"a title\n\nn;text\n" + b"1;x\n2;y\n3;z\n4;z\n5;z\n")
        self.write("in/e.csv.gz", b"\x1f\x8b\x08 no more than a beginning")
        self.write("in/f.csv", ("n,text\n" + "".join(f"{i},größe\n" for i in range(9))).encode("latin-1"))
        self.write("in/g.csv", "")
        for name in self.names("in"):
            self.age("in/" + name)
        options = ["in", "--fix", "pad", "--on-error", "quarantine", "--max-errors", "50%"]
        self.totals_of(*options, code=SKIPPED)
        self.totals(*options, "-o", "x.db", code=SKIPPED)
        expected = json.loads(self.sql("x.db", "SELECT * FROM x_ledger ORDER BY rowid;", "-json"))
        found = self.ledger()
        self.assertEqual(["entry", "file", "file_bytes", "path", "path_bytes", *COLUMNS[2:]], list(found[0]))
        self.assertEqual(list(range(1, 8)), [entry["entry"] for entry in found])
        for one, other in zip(expected, found, strict=True):
            for name in COLUMNS:
                if name not in ("first_row", "loaded_at"):
                    self.assertEqual(one[name], other[name], (name, one["file"]))
            self.assertEqual((None, None, None), (other["file_bytes"], other["path_bytes"], other["first_row"]))
            self.assertRegex(other["loaded_at"], r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ")

    def test_paths_are_bytes(self):
        names = [b"\xff.csv", b"\\xff.csv", b"\xc3\xbc.csv", b"a\nb.csv", b"'\";.csv", b"\xe2\x80\xae.csv", b"%s.csv", b"\\.csv",
                 b"\x01\xfe\xc3.csv", b"x" * 200 + b".csv"]
        for i, name in enumerate(names):
            with open(os.path.join(os.fsencode(self.path("in")), name), "w") as file:
                file.write(f"n,text\n{i},x\n")
        self.assertEqual(len(names) + 2, self.resume("in")[0])
        self.assertEqual((0, len(names) + 2, 0), self.resume("in"))
        told = {bytes.fromhex(entry["file_bytes"][2:]) if entry["file_bytes"] else entry["file"].encode(): entry["file"]
                for entry in self.ledger()}
        self.assertLess({b"in/" + name for name in names}, set(told))
        self.assertEqual((r"in/\xff.csv", r"in/\xff.csv"), (told[b"in/\xff.csv"], told[rb"in/\xff.csv"]))

    def test_many_files(self):
        for i in range(300):
            self.write(f"many/{'d' * 200}/{i}.csv", "n\n1\n")
        self.assertEqual((300, 0, 300), self.resume("many"))
        self.assertEqual((0, 300, 0), self.resume("many"))

    def test_a_load_that_replaces_has_its_own(self):
        self.resume("in")
        self.totals_of("in/b.csv", "--if-exists", "replace")
        self.assertEqual([(1, "in/b.csv")], self.facts_of("entry", "file"))
        self.assertEqual((1, 1, 5), self.resume("in"))

    def test_without_a_table_there_is_none(self):
        self.write("empty.csv", "")
        self.totals_of("empty.csv")
        self.assertEqual([], self.tables())

    def test_tables_with_long_names_have_one_each(self):
        names = ["x" * 62 + end for end in "ab"] + ["漢" * 20 + "xy", "漢" * 20 + "yx"]
        for i, name in enumerate(names):
            self.totals("in", "-o", self.uri, "--table", name, "--resume")
        for name in names:
            self.assertEqual(0, self.totals("in", "-o", self.uri, "--table", name, "--resume")["files"])
        self.assertEqual("4\n", self.psql("SELECT count(*) FROM pg_class WHERE relname LIKE '%\\_ledger'"))


class Resumed(LedgerTest):
    def test_what_is_new_comes_behind(self):
        self.assertEqual((2, 0, 8), self.resume("in"))
        with self.assert_database_unchanged():
            self.assertEqual((0, 2, 0), self.resume("in"))
        self.write_rows("in/c.csv", 4, start=200)
        facts = self.totals_of("in", "--if-exists", "append")
        self.assertEqual((1, 2, 4), (facts["files"], facts["files_unchanged"], facts["loaded"]))
        self.assertEqual(A + B + C, self.numbers())
        self.assertEqual([(1, "in/a.csv"), (2, "in/b.csv"), (3, "in/c.csv")], self.facts_of("entry", "file"))

    def test_what_was_changed(self):
        self.resume("in")
        self.write_rows("in/a.csv", 7, start=50)
        with self.assert_database_unchanged():
            run = self.expect_fault("ingest", "in", "-o", self.uri, "--table", "t", "--resume", source="in/a.csv",
                                    says="was changed since it was loaded(.|\n)*--changed append")
            self.assertNotIn("replace", run.error_text)
            run = self.expect(USAGE, "ingest", "in", "-o", self.uri, "--table", "t", "--resume", "--changed", "replace")
            self.assertIn("--changed append loads it beside them", run.error_text)
        self.assertEqual((1, 1, 7), self.resume("in", "--changed", "append"))
        self.assertEqual(A + B + list(range(50, 57)), self.numbers())
        self.assertEqual((0, 2, 0), self.resume("in"))

    def test_with_another_time_the_content_decides(self):
        self.resume("in")
        self.age("in/a.csv", 50)
        self.assertEqual((0, 2, 0), self.resume("in"))
        self.assertEqual(os.stat(self.path("in/a.csv")).st_mtime_ns, self.ledger()[0]["mtime_ns"], "it is noted")

    def test_a_file_that_changes_meanwhile_ends_the_load(self):
        for more in ((), ("--resume",), ("--if-exists", "replace")):
            self.write_rows("in/a.csv", 5)
            process = self.start_waiting("in/a.csv", "-", *more)
            self.write_rows("in/a.csv", 5, start=1)
            run = self.end(process)
            self.assertEqual(FAULT, run.code, run)
            self.assert_shows_error(run, source="in/a.csv", says="changed")
            self.assertEqual([], self.tables())

    def test_a_file_with_a_fault_is_told_of_once(self):
        self.write("in/c.csv", "n,text\n200,a\n201\n202,b\n")
        self.assertEqual((3, 0, 10), self.resume("in", "--on-error", "quarantine", code=SKIPPED))
        self.assertEqual((0, 3, 0), self.resume("in", "--on-error", "quarantine"))
        self.assertEqual("1\n", self.psql("SELECT count(*) FROM t_quarantine"))

    def test_a_table_of_ones_own(self):
        self.psql("CREATE TABLE t (n smallint, text varchar(20), at timestamptz DEFAULT now())")
        self.assertEqual((2, 0, 8), self.resume("in"))  # it had no row that nobody could tell of
        self.assertEqual((0, 2, 0), self.resume("in"))

    def test_rows_that_no_ledger_tells_of(self):
        self.psql("CREATE TABLE t (n int, text text); INSERT INTO t VALUES (1, 'mine')")
        uri = self.uri.replace("sheaf@", "sheaf:s3cret@")
        with self.assert_database_unchanged():
            run = self.expect(FAULT, "ingest", "in", "-o", uri, "--table", "t", "--resume")
        self.assertIn("no ledger that tells", run.error_text)
        self.assertNotIn("s3cret", run.error_text)
        self.totals_of("in", "--if-exists", "append")
        self.assertEqual([1] + A + B, self.numbers())
        self.assertEqual((0, 2, 0), self.resume("in"))

    def test_a_ledger_whose_table_is_gone_is_not_believed(self):
        self.resume("in")
        self.psql("DROP TABLE t")
        with self.assert_database_unchanged():
            for more in ((), ("--resume",), ("--if-exists", "append")):
                run = self.expect(FAULT, "ingest", "in", "-o", self.uri, "--table", "t", *more)
                self.assertIn("not the table that it tells of", run.error_text)
        self.totals_of("in", "--if-exists", "replace")
        self.assertEqual(A + B, self.numbers())

    def test_what_is_no_ledger_is_never_touched(self):
        for what in ("TABLE t_ledger (id int, path text)", "VIEW t_ledger AS SELECT 1", "SEQUENCE t_ledger"):
            for table in ("", "CREATE TABLE t (n int, text text); "):
                self.psql(f"{table}CREATE {what}")
                with self.assert_database_unchanged():
                    for more in ((), ("--resume",), ("--if-exists", "append"), ("--if-exists", "replace")):
                        run = self.expect(FAULT, "ingest", "in", "-o", self.uri, "--table", "t", *more)
                        self.assertRegex(run.error_text, "already has a table|not a table")
                self.psql("DROP TABLE IF EXISTS t; DROP " + " ".join(what.split()[:2]))

    def test_who_may_create_no_table_keeps_none(self):
        self.psql("CREATE TABLE t (n int, text text); DROP ROLE IF EXISTS writer; CREATE ROLE writer LOGIN; "
                  "REVOKE CREATE ON SCHEMA public FROM PUBLIC; GRANT INSERT ON t TO writer")
        uri = self.cluster.uri(self.database, user="writer")
        self.expect(CLEAN, "ingest", "in", "-o", uri, "--table", "t", "--if-exists", "append")
        self.assertEqual(A + B, self.numbers())
        with self.assert_database_unchanged():
            run = self.expect(FAULT, "ingest", "in", "-o", uri, "--table", "t", "--resume")
            self.assertIn("no ledger that tells", run.error_text)
            run = self.expect(FAULT, "ingest", "in", "-o", uri, "--table", "t", "--if-exists", "append", "--commit",
                              "per-file")
            self.assertIn("--commit per-load", run.error_text)
        self.psql("REVOKE INSERT ON t FROM writer; DROP ROLE writer")


class PerFile(LedgerTest):
    def test_each_file_is_safe_once_it_is_there(self):
        self.write("in/z.csv", "n,text\n1,a\n2\n")
        run = self.expect_fault("ingest", "in", "-o", self.uri, "--table", "t", "--resume", "--commit", "per-file", "--text",
                                source="in/z.csv")
        self.assertIn("2 files before it are committed", run.error_text)
        self.assertEqual(A + B, self.numbers())
        self.write("in/z.csv", "n,text\n1,a\n")
        facts = self.totals_of("in", "--resume", "--commit", "per-file")
        self.assertEqual((1, 2, 1), tuple(facts[name] for name in ("files", "files_unchanged", "files_committed")))
        self.assertEqual(A + B + [1], self.numbers())

    def test_it_is_what_one_load_gives(self):
        self.write("in/c.csv", "n,text\n200,a\n201\n202,b\n")
        self.write("in/d.csv.gz", b"\x1f\x8b\x08 no more than a beginning")
        self.write_rows("in/e.csv", 4, start=300)
        for name in self.names("in"):
            self.age("in/" + name)
        found = []
        for more in ([], ["--commit", "per-file"], ["--commit", "per-file", "--resume"]):
            self.drop()
            facts = self.totals_of("in", "--on-error", "quarantine", *more, code=SKIPPED)
            found.append((self.rows(), [{**entry, "loaded_at": ""} for entry in self.ledger()],
                          self.rows("t_quarantine"), facts["loaded"], facts["files_skipped"]))
        self.assertEqual(found[0], found[1])
        self.assertEqual(found[0], found[2])

    def test_files_that_are_left_out_leave_nothing(self):
        """Large ones, of which rows were written before."""
        for i in range(4):
            self.write_big(f"in/{i}.csv", 2, header="n,text")
        self.write_gzip("in/2.csv.gz", self.read("in/2.csv"))
        self.write("in/2.csv.gz", self.read("in/2.csv.gz")[:-2000])
        os.unlink(self.path("in/2.csv"))
        for more in ([], ["--commit", "per-file"]):
            self.drop()
            facts = self.totals_of("in", "--on-error", "quarantine", "-j", "1", "--text", *more, code=SKIPPED)
            self.assertEqual(1, facts["files_skipped"])
            self.assertEqual("60008\n", self.psql("SELECT count(*) FROM t"))
            self.assertEqual([None, None, "ECOMPRESSED", None, None, None],
                             [entry["left_out"] for entry in self.ledger()])

    def test_a_table_that_is_altered_between_two_files_is_met(self):
        """A number may have as many bytes as another one, and would be taken for it."""
        for change, says in (("ALTER n TYPE varchar(99)", "was altered or replaced"), ("RENAME n TO m", "was altered or replaced"),
                             ("RENAME TO u", "does not exist")):
            with self.subTest(change=change):
                process = self.start_waiting("in/a.csv", "-", "in/b.csv", "--resume", "--commit", "per-file")
                psql = subprocess.Popen([self.cluster.programs / "psql", "-X", "-q", "-d", self.uri, "-c",
                                         f"ALTER TABLE t {change}"])
                wait_until(lambda: self.psql("SELECT 1 FROM pg_locks WHERE NOT granted AND mode = 'AccessExclusiveLock'"),
                           "it waits for the load")
                run = self.end(process)
                self.assertEqual((FAULT, 0), (run.code, psql.wait()))
                self.assertIn(says, run.error_text)
                self.drop("u")
                self.drop()


class AtOnce(LedgerTest):
    """Two loads of one table: a file gets in once."""

    def wait_for_waiting(self):
        wait_until(lambda: self.backends("wait_event = 'advisory'"), "the second load waits for the first one")

    def test_who_comes_second_sees_what_the_first_one_has_loaded(self):
        for isolation in ("read committed", "repeatable read", "serializable"):
            with self.subTest(isolation=isolation):
                self.drop()
                self.psql(f"ALTER DATABASE {self.database} SET default_transaction_isolation = {literal(isolation)}")
                first = self.start_waiting("in", "-", "--resume")
                second = self.start("ingest", "in", "-o", self.uri, "--table", "t", "--resume", "--json")
                self.wait_for_waiting()
                self.assertEqual(CLEAN, self.end(first).code)
                self.assertEqual((0, 2), tuple(self.finish(second).json[name] for name in ("files", "files_unchanged")))
                self.assertEqual(A + B, self.numbers())

    def test_the_first_one_may_fail(self):
        first = self.start_waiting("in", "-", "--resume")
        second = self.start("ingest", "in", "-o", self.uri, "--table", "t", "--resume", "--json")
        self.wait_for_waiting()
        first.kill()
        first.wait()
        self.assertEqual(2, self.finish(second).json["files"])
        self.assertEqual(A + B, self.numbers())

    def test_file_by_file_another_load_between_is_met(self):
        first = self.start_waiting("in/a.csv", "-", "in/b.csv", "--resume", "--commit", "per-file")
        second = self.start("ingest", "in", "-o", self.uri, "--table", "t", "--resume", "--json", "--text")
        self.wait_for_waiting()
        run = self.end(first)
        self.assertEqual(FAULT, run.code, run)
        self.assertIn("another load has written into the table meanwhile", run.error_text)
        self.assertEqual((1, 1), tuple(self.finish(second).json[name] for name in ("files", "files_unchanged")))
        self.assertEqual(A + B, self.numbers())

    def test_file_by_file_a_table_that_is_replaced_between_is_met(self):
        """By one that looks the same: as many files, the same columns."""
        first = self.start_waiting("in/a.csv", "-", "in/b.csv", "--resume", "--commit", "per-file", "--rename", "a=n",
                                   "--rename", "b=text")
        second = self.start("ingest", "in", "-o", self.uri, "--table", "t", "--if-exists", "replace", "--json", "--text")
        self.wait_for_waiting()
        run = self.end(first)
        self.assertEqual(FAULT, run.code, run)
        self.assertIn("was altered or replaced meanwhile", run.error_text)
        self.assertEqual(8, self.finish(second).json["loaded"])
        self.assertEqual(A + B, self.numbers())

    def test_file_by_file_a_quarantine_that_a_retry_drops_between_is_made_anew(self):
        for name in ("in/a.csv", "in/b.csv"):
            self.write(name, self.read(name) + b"one,two,three\n")
        first = self.start_waiting("in/a.csv", "-", "in/b.csv", "--commit", "per-file", "--on-error", "quarantine")
        second = subprocess.Popen([self.cluster.programs / "psql", "-X", "-q", "-d", self.uri, "-c",
                                   "SELECT pg_advisory_xact_lock(hashtextextended('sheaf public.t', 0)); "
                                   "DROP TABLE t_quarantine, t_quarantine_files"], stdout=subprocess.DEVNULL)
        wait_until(lambda: self.psql("SELECT 1 FROM pg_locks WHERE NOT granted AND locktype = 'advisory'"), "it waits")
        run = self.end(first)
        self.assertEqual((SKIPPED, 0), (run.code, second.wait()), run)
        self.assertEqual(["one,two,three"], [row[-2] for row in self.rows("t_quarantine")])
        self.assertEqual(1, len(self.rows("t_quarantine_files")))

    def test_tables_of_their_own_do_not_wait(self):
        first = self.start_waiting("in", "-", "--resume")
        self.expect(CLEAN, "ingest", "in", "-o", self.uri, "--table", "u", "--resume")
        self.assertEqual(CLEAN, self.end(first).code)

    def test_many_at_once(self):
        for i in range(20):
            self.write_rows(f"in/{i}.csv", 10, start=1000 + i * 10)
        self.totals_of("in/a.csv", "--resume")
        processes = [self.start("ingest", "in", "-o", self.uri, "--table", "t", "--resume",
                                *(["--commit", "per-file"] if i % 2 else [])) for i in range(6)]
        for process in processes:
            self.finish(process)
        self.totals_of("in", "--resume")
        self.assertEqual("208|208\n", self.psql("SELECT count(*), count(DISTINCT n) FROM t"))
        self.assertEqual("22|22|22\n", self.psql("SELECT count(*), count(DISTINCT path), max(entry) FROM t_ledger"))


if __name__ == "__main__":
    unittest.main()

"""--index: indexes of an SQLite table, made behind its rows, or not at all."""

import contextlib
import pathlib
import sqlite3

import harness
from harness import FAULT, SKIPPED, USAGE, SheafTest


class IndexTest(SheafTest):
    def setUp(self):
        super().setUp()
        self.write_rows("in/a.csv", 500)
        self.write_rows("in/b.csv", 300, start=1000)

    def indexes(self, database="x.db", table="x"):
        """The columns of each, by name; and the database is sound, which looks into each of them."""
        with contextlib.closing(sqlite3.connect(self.path(database))) as opened:
            self.assertEqual([("ok",)], opened.execute("PRAGMA integrity_check").fetchall())
            names = [row[0] for row in opened.execute("SELECT name FROM pragma_index_list(?)", (table,))]
            return {name: [row[0] for row in opened.execute("SELECT name FROM pragma_index_info(?) ORDER BY seqno",
                                                            (name,))] for name in names}

    def count(self, database="x.db", table="x"):
        return int(self.sql(database, f"SELECT count(*) FROM {table} NOT INDEXED;"))


class Made(IndexTest):
    def test_one(self):
        self.assertEqual(800, self.totals("in", "-o", "x.db", "--index", "n")["loaded"])
        self.assertEqual({"x_n_idx": ["n"]}, self.indexes())
        self.assertIn(b"USING INDEX x_n_idx", self.sql("x.db", "EXPLAIN QUERY PLAN SELECT text FROM x WHERE n = 7;"))
        self.assertEqual(b"some text 1007", self.sql("x.db", "SELECT text FROM x WHERE n = 1007;").strip())

    def test_several(self):
        self.succeed("ingest", "in", "-o", "x.db", "--table", "t", "--index", "text,n", "--index=n", "--index", "text")
        self.assertEqual({"t_text_n_idx": ["text", "n"], "t_n_idx": ["n"], "t_text_idx": ["text"]},
                         self.indexes(table="t"))

    def test_names_of_any_kind(self):
        self.write("odd.csv", 'a "b",\'x\',"c, d",select,[e],größe\n1,2,3,4,5,6\n')
        self.succeed("ingest", "odd.csv", "-o", "x.db", "--table", 'my "table"; --', "--index",
                     '"a ""b""",\'x\',"c, d",select,[e],größe', "--index", "select")
        self.assertEqual({
            'my "table"; --_a "b"_\'x\'_c, d_select_[e]_größe_idx':
                ['a "b"', "'x'", "c, d", "select", "[e]", "größe"],
            'my "table"; --_select_idx': ["select"]}, self.indexes(table='my "table"; --'))

    def test_columns_as_the_table_calls_them(self):
        self.write("n.csv", "Name,name,old\n1,2,3\n")
        self.succeed("ingest", "n.csv", "-o", "x.db", "--rename", "old=new", "--index", "name_2", "--index", "Name,new")
        self.assertEqual({"x_name_2_idx": ["name_2"], "x_Name_new_idx": ["Name", "new"]}, self.indexes())

    def test_a_table_without_rows(self):
        self.write("n.csv", "a,b\n")
        self.succeed("ingest", "n.csv", "-o", "x.db", "--index", "b")
        self.assertEqual({"x_b_idx": ["b"]}, self.indexes())

    def test_records_that_were_set_aside_are_in_none(self):
        self.write("bad.csv", "n,text\n1,a\n2\n3,c\n")
        self.totals("bad.csv", "-o", "x.db", "--index", "n", "--on-error", "quarantine", code=SKIPPED)
        self.assertEqual({"x_n_idx": ["n"]}, self.indexes())
        self.assertEqual(2, self.count())

    def test_a_table_that_is_replaced(self):
        self.succeed("ingest", "in/a.csv", "-o", "x.db", "--index", "n", "--index", "text")
        self.succeed("ingest", "in/b.csv", "-o", "x.db", "--if-exists", "replace", "--index", "n")
        self.assertEqual({"x_n_idx": ["n"]}, self.indexes())
        self.assertEqual(300, self.count())

    def test_whoever_reads(self):
        for more in (["-j", "1"], ["-j", "8"], ["--executor", "processes"], ["--commit", "per-file"]):
            with self.subTest(more=more):
                pathlib.Path(self.path("x.db")).unlink(missing_ok=True)
                self.succeed("ingest", "in", "-o", "x.db", "--index", "text,n", *more)
                self.assertEqual({"x_text_n_idx": ["text", "n"]}, self.indexes())
                self.assertEqual(800, self.count())


class Again(IndexTest):
    def setUp(self):
        super().setUp()
        self.succeed("ingest", "in/a.csv", "-o", "x.db", "--index", "n")

    def test_one_that_is_there_stays(self):
        for mode in (["--if-exists", "append"], ["--resume"], ["--resume", "--commit", "per-file"]):
            self.succeed("ingest", "in", "-o", "x.db", "--index", "n", *mode)
            self.assertEqual({"x_n_idx": ["n"]}, self.indexes())
            self.assertEqual(800, self.count())

    def test_one_of_somebody_else_s_making_stays(self):
        self.sql("x.db", "DROP INDEX x_n_idx; CREATE UNIQUE INDEX X_N_idx ON x(N DESC);")
        self.succeed("ingest", "in", "-o", "x.db", "--index", "n", "--resume")
        self.assertIn(b"DESC", self.sql("x.db", "SELECT sql FROM sqlite_schema WHERE type = 'index';"))

    def test_one_more(self):
        self.sql("x.db", "ALTER TABLE x ADD COLUMN own DEFAULT 7; ALTER TABLE x ADD COLUMN twice AS (own * 2);")
        self.succeed("ingest", "in", "-o", "x.db", "--if-exists", "append", "--index", "own,text", "--index", "twice")
        self.assertEqual({"x_n_idx": ["n"], "x_own_text_idx": ["own", "text"], "x_twice_idx": ["twice"]},
                         self.indexes())
        self.assertEqual(800, self.count())

    def test_when_every_file_is_there_already(self):
        with self.assert_directory_unchanged():
            self.expect_fault("ingest", "in/a.csv", "-o", "x.db", "--resume", "--index", "txt",
                              says="did you mean 'text'")
        self.assertEqual(0, self.totals("in/a.csv", "-o", "x.db", "--resume", "--index", "text")["loaded"])
        self.assertEqual({"x_n_idx": ["n"], "x_text_idx": ["text"]}, self.indexes())

    def test_one_of_that_name_on_fewer_columns(self):
        self.sql("x.db", "CREATE INDEX x_n_text_idx ON x(n);")
        with self.assert_directory_unchanged():
            self.expect_fault("ingest", "in", "-o", "x.db", "--resume", "--index", "n,text", says="which is not")

    def test_another_of_that_name(self):
        self.sql("x.db", "CREATE TABLE other(a);")
        for other in ("CREATE INDEX x_text_idx ON x(n)", "CREATE INDEX x_text_idx ON x(text, n)",
                      "CREATE INDEX x_text_idx ON x(lower(text))", "CREATE TABLE x_TEXT_idx(a)",
                      "CREATE VIEW x_text_idx AS SELECT 1", "CREATE INDEX x_text_idx ON other(a)"):
            with self.subTest(other=other):
                self.sql("x.db", other + ";")
                for mode in ("append", "replace"):
                    if mode == "replace" and " ON x(" in other:
                        continue  # it goes with its table
                    with self.assert_directory_unchanged():
                        self.expect_fault("ingest", "in", "-o", "x.db", "--if-exists", mode, "--index", "text",
                                          says='has a "x_text_idx", which is not')
                self.sql("x.db", f"DROP {other.split()[1]} x_text_idx;")


class Refused(IndexTest):
    def test_a_column_that_there_is_not(self):
        for index, says in (("txt", "no column 'txt'.*did you mean 'text'"),
                            ("n,N", "no column 'N'.*did you mean 'n'"), ("rowid", "no column 'rowid'"),
                            ("n,'text'", "no column ''text''"), ("lower(text)", "no column")):
            with self.subTest(index=index), self.assert_directory_unchanged():
                self.expect_fault("ingest", "in", "-o", "x.db", "--index", "text", "--index", index, says=f"(?s){says}")

    def test_a_column_that_is_dropped(self):
        with self.assert_directory_unchanged():
            self.expect_fault("ingest", "in", "-o", "x.db", "--drop", "n", "--index", "n", says="no column 'n'")

    def test_files_without_columns(self):
        self.write("empty.csv", "")
        with self.assert_directory_unchanged():
            self.expect_fault("ingest", "empty.csv", "-o", "x.db", "--index", "n", says="no column 'n'")

    def test_two_of_one_name(self):
        self.write("n.csv", "a,b,a_b\n1,2,3\n")
        for twins in (("a", "a"), ("a,b", "a_b")):
            with self.assert_directory_unchanged():
                self.expect_fault("ingest", "n.csv", "-o", "x.db", "--index", twins[0], "--index", twins[1],
                                  says="two indexes are asked for")

    def test_a_column_twice(self):
        self.write("n.csv", "a,b\n1,2\n")
        for columns in ("b,b", "a,b,a"):
            with self.assert_directory_unchanged():
                self.expect_fault("ingest", "n.csv", "-o", "x.db", "--index", columns, says="twice")

    def test_a_load_that_fails_leaves_none(self):
        self.write("in/c.csv", "n,text\n1,2,3\n")
        with self.assert_directory_unchanged():
            self.expect_fault("ingest", "in", "-o", "x.db", "--index", "n")

    def test_files_that_were_committed_before_a_failure_get_theirs_when_it_goes_on(self):
        command = ("ingest", "in", "-o", "x.db", "--resume", "--commit", "per-file", "--index", "n")
        self.write_rows("first.csv", 10, start=5000)
        self.succeed("ingest", "first.csv", "-o", "x.db")
        self.sql("x.db", "CREATE TRIGGER g BEFORE INSERT ON x WHEN NEW.n = 1200 BEGIN SELECT RAISE(ABORT, 'no'); END;")
        self.expect(FAULT, *command)
        self.assertEqual(({}, 510), (self.indexes(), self.count()))
        self.sql("x.db", "DROP TRIGGER g;")
        self.succeed(*command)
        self.assertEqual(({"x_n_idx": ["n"]}, 810), (self.indexes(), self.count()))

    def test_destinations_that_have_none(self):
        for destination in ("x.csv", "x.jsonl.gz", "x.parquet", "x.arrow", "-", "null:"):
            with self.subTest(destination=destination), self.assert_directory_unchanged():
                run = self.sheaf("ingest", "in", "-o", destination, "--index", "n")
                self.assertEqual(USAGE, run.code, run)
                self.assertIn(b"not an SQLite database", run.err)

    def test_usage(self):
        for index in ("", ",", "n,", "n,,text", '"n', '"n"x'):
            with self.subTest(index=index), self.assert_directory_unchanged():
                self.expect(USAGE, "ingest", "in", "-o", "x.db", "--index", index)
        for command in ("cat", "count", "schema", "check", "sniff"):
            self.expect(USAGE, command, "in", "--index", "n")


if __name__ == "__main__":
    harness.main()

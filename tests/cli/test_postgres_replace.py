"""PostgreSQL: the rows of a file that was changed since it was loaded are replaced by what it has now, known by the
column that tells of each row which file it is from (--add file). That it is loaded all or not at all, whatever ends the
load, test_postgres_killed.py tells of this one too."""

import contextlib
import os
import subprocess
import unittest

from harness import CLEAN, FAULT, SKIPPED, USAGE, wait_until
from hostile import hostile
from test_postgres_ledger import LedgerTest

A, B = [0, 1, 2, 3, 4], [100, 101, 102]
CHANGED = list(range(50, 57))
ADD = ("--add", "file")
REPLACE = ("--resume", "--changed", "replace")


class ReplaceTest(LedgerTest):
    def begin(self, *sources, code=CLEAN, add=ADD):
        self.totals_of(*(sources or ["in"]), *add, "--if-exists", "replace", "--on-error", "quarantine", code=code)

    def change_a(self):
        self.write_rows("in/a.csv", 7, start=50)
        self.age("in/a.csv", 50)

    def replace(self, *args, add=ADD, code=CLEAN):
        """(files replaced, rows that went, rows loaded)"""
        facts = self.totals_of(*(args or ["in"]), *add, *REPLACE, code=code)
        return facts["files_replaced"], facts["rows_replaced"], facts["loaded"]

    def expect_refused(self, *args, says, add=ADD, source=None, code=FAULT, uri=None):
        """Nothing is replaced, and nothing else is done."""
        with self.assert_database_unchanged():
            run = self.expect(code, "ingest", *(args or ["in"]), "-o", uri or self.uri, "--table", "t", *add, *REPLACE)
        self.assertRegex(run.error_text, says)
        if source:
            self.assert_shows_error(run, source=source)
        return run.error_text

    @contextlib.contextmanager
    def holding(self, sql):
        """Somebody else has done this, and commits it in the end."""
        psql = subprocess.Popen([self.cluster.programs / "psql", "-X", "-q", "-At", "-d", self.uri], text=True,
                                stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        psql.stdin.write(f"BEGIN; {sql}; SELECT 'done';\n")
        psql.stdin.flush()
        while psql.stdout.readline() != "done\n":
            self.assertIsNone(psql.poll())
        yield
        psql.communicate("COMMIT;\n")

    def sorted_numbers(self):
        return sorted(self.numbers())


class Replaced(ReplaceTest):
    def test_it_is_put_in_the_place(self):
        self.begin()
        self.change_a()
        self.assertEqual((1, 5, 7), self.replace())
        self.assertEqual(B + CHANGED, self.numbers())
        self.assertEqual([(2, "in/b.csv", 3), (3, "in/a.csv", 7)], self.facts_of("entry", "file", "loaded"))
        with self.assert_database_unchanged():
            self.assertEqual((0, 0, 0), self.replace())
        self.write_rows("in/b.csv", 2, start=150)
        self.write_rows("in/c.csv", 1, start=200)
        self.assertEqual((1, 3, 3), self.replace())
        self.assertEqual(CHANGED + [150, 151, 200], self.numbers())

    def test_the_same_by_append(self):
        self.begin()
        self.change_a()
        self.totals_of("in", *ADD, "--if-exists", "append", "--changed", "replace")
        self.assertEqual(B + CHANGED, self.numbers())

    def test_all_that_it_ever_gave_goes(self):
        self.begin()
        self.change_a()
        self.totals_of("in", *ADD, "--resume", "--changed", "append")
        self.write_rows("in/a.csv", 1, start=70)
        self.assertEqual((2, 12, 1), self.replace())
        self.assertEqual(B + [70], self.numbers())
        self.assertEqual(["in/b.csv", "in/a.csv"], [file for file, in self.facts_of("file")])

    def test_what_was_set_aside_goes_with_it(self):
        self.write("in/c.csv", "n,text\n200,a\n201\n202,b\n")
        self.write("in/d.csv", "n,text\n300,a\n301\n302,b\n")
        self.begin(code=SKIPPED)
        self.write("in/c.csv", "n,text\n200,a\n201,b\n203\n204,x\n")
        self.totals_of("in", *ADD, *REPLACE, "--on-error", "quarantine", code=SKIPPED)
        self.assertEqual("in/d.csv|301\nin/c.csv|203\n", self.psql("SELECT file, raw FROM t_quarantine"))
        self.assertEqual("in/c.csv\nin/d.csv\n", self.psql("SELECT file FROM t_quarantine_files ORDER BY 1"))
        self.write("in/c.csv", "n,text\n200,a\n")
        self.replace()
        self.assertEqual("in/d.csv|301\n", self.psql("SELECT file, raw FROM t_quarantine"))
        self.assertEqual("in/d.csv\n", self.psql("SELECT file FROM t_quarantine_files"))

    def test_many_at_once(self):
        for i in range(40):
            self.write_rows(f"in/{i}.csv", 3, start=1000 + 10 * i)
        self.begin()
        for i in range(0, 40, 2):
            self.write_rows(f"in/{i}.csv", 4, start=2000 + 10 * i)
        scans = "SELECT seq_scan FROM pg_stat_user_tables WHERE relname = 't'"
        before = int(self.psql(scans))
        self.assertEqual((20, 60, 80), self.replace())
        self.assertEqual(sorted(A + B + [1000 + 10 * i + k for i in range(1, 40, 2) for k in range(3)] +
                                [2000 + 10 * i + k for i in range(0, 40, 2) for k in range(4)]), self.sorted_numbers())
        self.psql("SELECT pg_stat_clear_snapshot()")
        self.assertLess(int(self.psql(scans)) - before, 5, "one statement deletes the rows of all")

    def test_files_without_rows(self):
        for name in ("header.csv", "empty.csv"):
            self.write("in/" + name, "n,text\n" if name == "header.csv" else "")
        self.begin()
        self.change_a()
        self.write_rows("in/header.csv", 1, start=300)
        self.write_rows("in/empty.csv", 1, start=400)
        self.assertEqual((3, 5, 9), self.replace())
        self.assertEqual(B + CHANGED + [400, 300], self.numbers())
        for text in ("n,text\n", ""):
            self.write("in/a.csv", text)
            self.replace("in/a.csv")
            self.assertEqual(B + [400, 300], self.numbers())
            self.write_rows("in/a.csv", 2)
            self.assertEqual((1, 0, 2), self.replace("in/a.csv"))
        self.assertEqual([0, 1] + B + [300, 400], self.sorted_numbers())

    def test_whatever_the_column_is_called(self):
        for name in ("source", 'a "quoted" one', "it's; --", "ünï", "File", "%s"):
            add = ("--add", f"line,file={name},row=nr") if "," not in name else None
            self.write_rows("in/a.csv", 5)
            self.begin(add=add)
            self.change_a()
            self.assertEqual((1, 5, 7), self.replace(add=add))
            self.assertEqual(B + CHANGED, self.numbers())

    def test_the_files_have_a_column_of_that_name(self):
        """It says something else; the one that is added has another name then."""
        for name in ("a", "b"):
            self.write(f"in/{name}.csv", "n,file\n1,in/a.csv\n2,in/b.csv\n")
        self.begin()
        self.assertEqual(["n", "file", "file_2"], [name for name, _ in self.columns()])
        self.write("in/a.csv", "n,file\n3,in/b.csv\n")
        self.assertEqual((1, 2, 1), self.replace())
        self.assertEqual([["1", "in/a.csv", "in/b.csv"], ["2", "in/b.csv", "in/b.csv"], ["3", "in/b.csv", "in/a.csv"]],
                         self.rows())

    def test_whatever_the_file_is_called(self):
        names = [name + ".csv" for name in hostile(120, "replaced files", longest=200, without="/\0") if name[0] != "."]
        names += ["{}.csv", "a,b.csv", '",".csv', "\\.csv", '\\".csv', "\\xff.csvs.csv", "  .csv", "%.csv", "_.csv"]
        paths = {os.fsencode(name): n for n, name in enumerate(names)}
        paths.update({b"\xff.csv": 5000, b"\xfe\n.csv": 5001, b"\xc3.csv": 5002})
        os.mkdir(self.path("h"))
        for name, n in paths.items():
            with open(os.path.join(os.fsencode(self.path("h")), name), "w", encoding="utf-8") as file:
                file.write(f"n\n{n}\n{n}\n")
        self.psql("CREATE TABLE canary (n int)")
        self.begin("h")
        some = [name for i, name in enumerate(paths) if i % 3 != 1]
        for name in some:
            with open(os.path.join(os.fsencode(self.path("h")), name), "w", encoding="utf-8") as file:
                file.write(f"n\n{10000 + paths[name]}\n")
        self.assertEqual((len(some), 2 * len(some), len(some)), self.replace("h"))
        self.assertEqual(sorted([10000 + paths[name] for name in some] +
                                2 * [n for name, n in paths.items() if name not in some]), self.sorted_numbers())
        self.assertEqual("0\n", self.psql("SELECT count(*) FROM canary"))

    def test_from_another_directory(self):
        """A row has the name that its file had then: the ledger knows which file that was."""
        self.begin()
        os.symlink("in", self.path("link"))
        for n, (name, start) in enumerate((("./in", 10), (self.path("in"), 20), ("link", 30), ("in", 40))):
            self.write_rows("in/a.csv", n + 1, start=start)
            self.replace(name)
            self.assertEqual(sorted(B + list(range(start, start + n + 1))), self.sorted_numbers())
        facts = self.totals("a.csv", "b.csv", "-o", self.uri, "--table", "t", *ADD, *REPLACE, cwd=self.path("in"))
        self.assertEqual(2, facts["files_unchanged"])

    def test_a_partitioned_table(self):
        self.psql("CREATE TABLE t (n bigint, text text, file varchar(40)) PARTITION BY RANGE (n); "
                  "CREATE TABLE t1 PARTITION OF t FOR VALUES FROM (0) TO (51); CREATE TABLE t2 PARTITION OF t DEFAULT")
        self.totals_of("in", *ADD, "--resume")
        self.change_a()
        self.assertEqual((1, 5, 7), self.replace())
        self.assertEqual(sorted(B + CHANGED), sorted(int(row[0]) for row in self.rows(order="n")))
        self.assertEqual("1|9\n", self.psql("SELECT (SELECT count(*) FROM t1), (SELECT count(*) FROM t2)"))

    def test_over_several_connections(self):
        for i in range(4):
            self.write_rows(f"in/{i}.csv", 9000, start=10000 * (i + 1))
        self.begin()
        for i in range(4):
            self.write_rows(f"in/{i}.csv", 8000, start=10000 * (i + 1) + 500)
        self.assertEqual((4, 36000, 32000), self.replace("in", "--connections", "3"))
        self.assertEqual(sorted(A + B + [10000 * (i + 1) + 500 + k for i in range(4) for k in range(8000)]),
                         self.sorted_numbers())
        self.psql("UPDATE t SET file = NULL WHERE n = 10500")
        for i in range(4):
            self.write_rows(f"in/{i}.csv", 1)
        self.expect_refused("in", "--connections", "3", says="cannot be said which rows", source="in/0.csv")

    def test_a_trigger_that_only_looks_on(self):
        self.begin()
        self.psql("CREATE TABLE log (n bigint); CREATE FUNCTION note() RETURNS trigger LANGUAGE plpgsql AS "
                  "'BEGIN INSERT INTO log VALUES (OLD.n); RETURN OLD; END'; "
                  "CREATE TRIGGER x BEFORE DELETE ON t FOR EACH ROW EXECUTE FUNCTION note()")
        self.change_a()
        self.assertEqual((1, 5, 7), self.replace())
        self.assertEqual("".join(f"{n}\n" for n in A), self.psql("SELECT n FROM log ORDER BY n"))

    def test_one_load_after_the_other(self):
        """Who comes second finds that the file was replaced."""
        self.begin()
        self.change_a()
        command = ("ingest", "in", "-o", self.uri, "--table", "t", *ADD, *REPLACE, "--json")
        with self.holding("SELECT * FROM t WHERE n = 3 FOR UPDATE"):
            first = self.start(*command)
            wait_until(lambda: self.backends("wait_event_type = 'Lock' AND query LIKE '%DELETE%'"), "the first one waits")
            second = self.start(*command)
            wait_until(lambda: self.backends("wait_event = 'advisory'"), "the second one waits for it")
            self.assertEqual(A + B, self.numbers(), "until the commit everybody sees what was there")
        found = [tuple(self.finish(each).json[name] for name in ("files_replaced", "files_unchanged", "loaded"))
                 for each in (first, second)]
        self.assertEqual([(1, 1, 7), (0, 2, 0)], found)
        self.assertEqual(B + CHANGED, self.numbers())

    def test_a_row_that_is_deleted_meanwhile_is_missed(self):
        self.begin()
        self.change_a()
        for sql, n in (("DELETE FROM t WHERE n = 3", 4), ("UPDATE t SET file = 'x' WHERE n = 2", 3)):
            with self.holding(sql):
                load = self.start("ingest", "in", "-o", self.uri, "--table", "t", *ADD, *REPLACE)
                wait_until(lambda: self.backends("wait_event_type = 'Lock'"), "it waits")
            run = self.finish(load)
            self.assertEqual(FAULT, run.code)
            self.assert_shows_error(run, source="in/a.csv", says=f"tells of 5, the table's column 'file' of {n}")
        self.assertEqual([0, 1, 4] + B + [2], self.numbers())


class Refused(ReplaceTest):
    def test_without_a_column_that_tells(self):
        self.begin(add=())
        self.change_a()
        for add in ((), ("--add", "line"), ("--add", "row=file")):
            says = self.expect_refused(add=add, says="known in a table of PostgreSQL by a column", code=USAGE)
            self.assertIn("--add file", says)
            self.assertIn("--changed append loads it beside them", says)
        says = self.expect_refused(says="the table has no column 'file' that tells which rows")
        self.assertIn("--add file", says)
        self.assertIn("--changed append", says)
        self.expect_refused(add=("--add", "file=text2"), says="the table has no column 'text2'")
        for add, offers in (((), False), (("--add", "row"), False), (ADD, True)):
            run = self.expect_fault("ingest", "in", "-o", self.uri, "--table", "t", *add, "--resume", source="in/a.csv",
                                    says="was changed since it was loaded(.|\n)*--changed append")
            self.assertEqual(offers, "--changed replace" in run.error_text, run)

    def test_a_column_of_another_kind(self):
        for kind in ("bigint", "char(20)", "bytea", "name"):
            self.drop()
            self.psql(f"CREATE TABLE t (n bigint, text text, source {kind})")
            self.totals_of("in", "--resume")
            self.change_a()
            self.expect_refused(add=("--add", "file=source"), says="the table has no column of text 'source'")
            self.write_rows("in/a.csv", 5)

    def test_a_column_of_the_files_that_means_something_else(self):
        for text, n in (("in/a.csv", 2), ("in/b.csv", 1), ("x", 0)):
            self.write("in/a.csv", f"n,file\n1,{text}\n2,in/a.csv\n3,y\n")
            self.write("in/b.csv", "n\n4\n")
            self.begin(add=())
            self.write("in/a.csv", "n\n1\n")
            self.expect_refused(says=f"the ledger tells of 3, the table's column 'file' of {max(n, 1)}", source="in/a.csv")

    def test_a_column_that_the_files_had_and_have_no_more(self):
        """Then it is not what tells which rows are a file's, whatever stands in it."""
        self.write("in/a.csv", "n,file\n1,in/b.csv\n")
        self.write("in/b.csv", "n,file\n2,in/a.csv\n")
        self.begin()
        self.write("in/a.csv", "n\n3\n")
        self.expect_refused("in/a.csv", says="a column that may be meant instead of 'file'")

    def test_rows_that_others_have_changed(self):
        for n, change in ((4, "DELETE FROM t WHERE n = 3"), (6, "INSERT INTO t VALUES (9, 'mine', 'in/a.csv')"),
                          (4, "UPDATE t SET file = 'in/b.csv' WHERE n = 0"), (4, "UPDATE t SET file = NULL WHERE n = 0"),
                          (0, "UPDATE t SET file = 'in/A.csv' WHERE n < 9"), (6, "UPDATE t SET file = 'in/a.csv' WHERE n = 100"),
                          (0, "TRUNCATE t")):
            with self.subTest(change=change):
                self.write_rows("in/a.csv", 5)
                self.begin()
                self.psql(change)
                self.change_a()
                says = self.expect_refused(source="in/a.csv", says=f"the ledger tells of 5, the table's column 'file' of {n}")
                self.assertIn("--changed append", says)
        self.psql("DELETE FROM t; INSERT INTO t SELECT n, 'put back', 'in/a.csv' FROM generate_series(1, 5) n")
        self.assertEqual((1, 5, 7), self.replace())

    def test_one_of_several_is_enough(self):
        self.begin()
        self.change_a()
        self.write_rows("in/b.csv", 9)
        self.psql("DELETE FROM t WHERE n = 100")
        self.expect_refused(source="in/b.csv", says="tells of 3, the table's column 'file' of 2")

    def test_rows_that_a_retry_has_loaded(self):
        self.write("in/c.csv", "n,text\n200,a\n201\n202,b\n")
        self.begin(code=SKIPPED)
        self.psql("UPDATE t_quarantine SET raw = '201,c'")
        self.expect(CLEAN, "retry", self.uri, "--table", "t")
        self.write("in/c.csv", "n,text\n1,a\n")
        self.assertIn("retry", self.expect_refused(source="in/c.csv", says="tells of 2, the table's column 'file' of 3"))

    def test_rows_loaded_before_there_was_a_column(self):
        self.begin("in/a.csv", add=())
        self.psql("ALTER TABLE t ADD file text")
        self.totals_of("in", *ADD, "--resume")
        self.change_a()
        self.expect_refused(source="in/a.csv", says="tells of 5, the table's column 'file' of 0")
        self.write_rows("in/a.csv", 5)
        self.write_rows("in/b.csv", 1, start=700)
        self.assertEqual((1, 3, 1), self.replace())

    def test_two_files_of_one_name(self):
        """Each was loaded from its own directory, as "a.csv"."""
        for directory, start in (("one", 0), ("two", 100)):
            self.write_rows(f"{directory}/a.csv", 3, start=start)
            self.totals("a.csv", "-o", self.uri, "--table", "t", *ADD, "--resume", cwd=self.path(directory))
        self.write_rows("one/a.csv", 2, start=10)
        for source, cwd in (("a.csv", "one"), ("one", ".")):
            with self.assert_database_unchanged():
                run = self.expect(FAULT, "ingest", source, "-o", self.uri, "--table", "t", *ADD, *REPLACE, cwd=self.path(cwd))
            self.assertRegex(run.error_text, r'the same name, "a.csv": \S*/one/a.csv and \S*/two/a.csv')
        self.write_rows("two/a.csv", 2, start=110)
        self.assertEqual((2, 6, 4), self.replace("one", "two"))
        self.assertEqual([10, 11, 110, 111], self.sorted_numbers())
        self.write_rows("two/a.csv", 1, start=120)
        self.assertEqual((1, 2, 1), self.replace("one", "two"), "now they have names of their own")

    def test_where_a_policy_may_hide_rows(self):
        """Also where as many are to be seen as the ledger tells of."""
        self.write("in/c.csv", "n,text\n200,a\n201\n")
        self.begin(code=SKIPPED)
        self.change_a()
        self.psql("DROP ROLE IF EXISTS clerk; CREATE ROLE clerk LOGIN; GRANT ALL ON ALL TABLES IN SCHEMA public TO clerk; "
                  "GRANT ALL ON SCHEMA public TO clerk; INSERT INTO t VALUES (-1, 'hidden', 'in/a.csv')")
        uri = self.cluster.uri(self.database, user="clerk")
        for table, policy in (("t", "n >= 0"), ("t_quarantine", "true"), ("t_quarantine_files", "true")):
            with self.subTest(table=table):
                self.psql(f"CREATE POLICY p ON {table} USING ({policy}); ALTER TABLE {table} ENABLE ROW LEVEL SECURITY")
                self.expect_refused(says=f"row-level security may hide rows of the table {table}\n", uri=uri)
                self.psql(f"ALTER TABLE {table} DISABLE ROW LEVEL SECURITY; DROP POLICY p ON {table}; DELETE FROM t WHERE n < 0")
        self.psql("REVOKE DELETE ON t FROM clerk")
        self.expect_refused(says="cannot replace a file's rows: permission denied for table t", uri=uri)
        self.psql("DROP OWNED BY clerk; DROP ROLE clerk")

    def test_what_keeps_rows_or_takes_others(self):
        body = "CREATE FUNCTION f() RETURNS trigger LANGUAGE plpgsql AS $$BEGIN {} END$$; CREATE TRIGGER x {} ON t {} EXECUTE FUNCTION f()"
        for change, says in (
                (body.format("RETURN CASE WHEN OLD.n = 3 THEN NULL ELSE OLD END;", "BEFORE DELETE", "FOR EACH ROW"),
                 "tells of 5, the table's column 'file' of 4"),
                (body.format("RAISE 'not so'; ", "BEFORE DELETE", "FOR EACH ROW"), "not so"),
                (body.format("DELETE FROM t WHERE n = OLD.n + 99; RETURN NULL;", "AFTER DELETE", "FOR EACH ROW"),
                 "the 5 rows of changed files .* would delete 3 others and insert 0"),
                (body.format("INSERT INTO t SELECT OLD.*; RETURN NULL;", "AFTER DELETE", "FOR EACH ROW"),
                 "would delete 0 others and insert 5"),
                ("CREATE RULE r AS ON DELETE TO t DO INSTEAD NOTHING", "cannot replace a file's rows: cannot perform"),
                ("CREATE TABLE other (n bigint); CREATE RULE r AS ON DELETE TO t DO ALSO INSERT INTO other VALUES (1)",
                 "cannot replace a file's rows: DO ALSO rules are not supported"),
                ("CREATE TABLE other (n bigint); ALTER TABLE t ADD UNIQUE (n); INSERT INTO other VALUES (3); "
                 "ALTER TABLE other ADD FOREIGN KEY (n) REFERENCES t (n)", "violates foreign key constraint"),
                ("ALTER TABLE t ADD UNIQUE (n); ALTER TABLE t ADD of bigint REFERENCES t (n) ON DELETE CASCADE; "
                 "UPDATE t SET of = 4 WHERE n > 99", "would delete 3 others and insert 0"),
                ("CREATE RULE r AS ON DELETE TO t DO INSTEAD UPDATE t SET text = 'gone' WHERE n = OLD.n RETURNING t.*",
                 "of the 5 rows of changed files 5 would stay"),
                ("ALTER TABLE t ADD UNIQUE (n); CREATE TABLE other (n bigint REFERENCES t (n) ON DELETE CASCADE); "
                 "INSERT INTO other VALUES (3), (4), (100)", "2 rows that refer to rows of changed files would be deleted"),
                ("ALTER TABLE t ADD UNIQUE (n); CREATE TABLE other (n bigint REFERENCES t (n) ON DELETE SET NULL) "
                 "PARTITION BY RANGE (n); CREATE TABLE other1 PARTITION OF other DEFAULT; INSERT INTO other VALUES (3)",
                 "1 rows that refer to rows of changed files would be deleted or altered"),
                ("ALTER TABLE t ADD UNIQUE (n); ALTER TABLE t ADD of bigint REFERENCES t (n) ON DELETE SET NULL; "
                 "UPDATE t SET of = 4 WHERE n > 99", "3 rows that refer"),
                (body.format("RETURN NULL;", "BEFORE DELETE", "FOR EACH ROW").replace(" ON t ", " ON t_ledger "),
                 "the ledger gave up 0 of 1 entries")):
            with self.subTest(change=change):
                self.psql("DROP TABLE IF EXISTS t, t_ledger, other CASCADE; DROP FUNCTION IF EXISTS f")
                self.write_rows("in/a.csv", 5)
                self.begin()
                self.psql(change)
                self.change_a()
                self.expect_refused(says=says)

    def test_a_server_that_counts_no_rows(self):
        """Where nothing can do more than what the statement says, they need not be counted."""
        self.psql(f"ALTER DATABASE {self.database} SET track_counts = off")
        self.begin()
        self.change_a()
        self.psql("CREATE FUNCTION f() RETURNS trigger LANGUAGE plpgsql AS $$BEGIN DELETE FROM t WHERE n = OLD.n + 99; RETURN NULL; END$$; "
                  "CREATE TRIGGER x AFTER DELETE ON t FOR EACH ROW EXECUTE FUNCTION f()")
        self.expect_refused(says="the server counts no rows")
        self.drop()
        self.write_rows("in/a.csv", 5)
        self.begin()
        self.change_a()
        self.assertEqual((1, 5, 7), self.replace())

    def test_rows_that_refer_to_those_that_stay(self):
        self.begin()
        self.psql("ALTER TABLE t ADD UNIQUE (n); CREATE TABLE other (n bigint REFERENCES t (n) ON DELETE CASCADE); "
                  "CREATE TABLE late (n bigint REFERENCES t (n) DEFERRABLE INITIALLY DEFERRED); "
                  "INSERT INTO other VALUES (100); INSERT INTO late VALUES (3)")
        self.change_a()
        self.write_rows("in/a.csv", 6)
        self.assertEqual((1, 5, 6), self.replace())
        self.assertEqual("100\n", self.psql("SELECT n FROM other"))

    def test_a_collation_that_takes_names_for_one(self):
        self.psql("CREATE COLLATION loose (provider = icu, locale = 'und-u-ks-level2', deterministic = false); "
                  "CREATE TABLE t (n bigint, text text, file text COLLATE loose)")
        self.write_rows("in/A.csv", 5, start=300)
        self.totals_of("in", *ADD, "--resume")
        self.change_a()
        self.expect_refused(says="it cannot be said which rows are the file's")

    def test_what_is_replaced_is_never_left_out(self):
        self.begin()
        for text in (b"\x1f\x8b\x08 no more than a beginning", b"n,text\n1,2,3\n4,5,6\n"):
            self.write("in/b.csv", text)
            for more in ((), ("--commit", "per-file")):
                for on_error in ("quarantine", "skip-file", "stop"):
                    self.expect_refused("in", *more, "--on-error", on_error, says=r"in/b.csv")


class PerFile(ReplaceTest):
    per_file = (*REPLACE, "--commit", "per-file", *ADD)

    def test_each_file_is_replaced_by_its_own(self):
        """What comes behind a file that ends the load stays as it was, rows and ledger."""
        self.write_rows("in/c.csv", 2, start=200)
        self.begin()
        before = self.ledger()
        self.change_a()
        self.write("in/b.csv", "n,text\n150,x\n151,y\n")
        self.write_rows("in/c.csv", 1, start=250)
        self.psql("UPDATE t SET file = NULL WHERE n = 101")
        self.expect_fault("ingest", "in", "-o", self.uri, "--table", "t", *self.per_file, source="in/b.csv",
                          says="tells of 3, the table's column 'file' of 2(.|\n)*1 files? before it")
        self.assertEqual(sorted(B + [200, 201] + CHANGED), self.sorted_numbers())
        self.assertEqual(before[1:], self.ledger()[:2])
        self.assertEqual(["in/b.csv", "in/c.csv", "in/a.csv"], [file for file, in self.facts_of("file")])
        self.psql("UPDATE t SET file = 'in/b.csv' WHERE n = 101")
        facts = self.totals_of("in", *self.per_file)
        self.assertEqual((1, 2, 5, 2), tuple(facts[name] for name in (
            "files_unchanged", "files_replaced", "rows_replaced", "files_committed")))
        self.assertEqual(CHANGED + [150, 151, 250], self.numbers())

    def test_it_is_what_one_load_gives(self):
        found = []
        for more in ((), ("--commit", "per-file")):
            self.write_rows("in/a.csv", 5)
            self.write("in/c.csv", "n,text\n200,a\n201\n202,b\n")
            self.write_rows("in/d.csv", 4, start=300)
            self.begin(code=SKIPPED)
            self.change_a()
            self.write("in/c.csv", "n,text\n205,a\n206\n207,b\n208\n")
            self.write("in/d.csv", "")
            self.write_big("in/e.csv", 2)
            facts = self.totals_of("in", *ADD, *REPLACE, *more, "--on-error", "quarantine", code=SKIPPED)
            found.append((self.rows(), [{**entry, "loaded_at": "", "mtime_ns": 0} for entry in self.ledger()],
                          self.rows("t_quarantine"), facts["files_replaced"], facts["rows_replaced"], facts["loaded"]))
            os.unlink(self.path("in/e.csv"))
        self.assertEqual(found[0], found[1])
        self.assertEqual((3, 11), found[0][3:5])

    def test_who_writes_between_two_files_is_met(self):
        self.begin()
        self.change_a()
        self.write_rows("in/b.csv", 9)
        self.psql("CREATE FUNCTION f() RETURNS trigger LANGUAGE plpgsql AS $$BEGIN "
                  "DELETE FROM t WHERE n = 101; RETURN NULL; END$$; "
                  "CREATE TRIGGER x AFTER INSERT ON t FOR EACH STATEMENT EXECUTE FUNCTION f()")
        self.expect_fault("ingest", "in", "-o", self.uri, "--table", "t", *self.per_file, source="in/b.csv",
                          says="tells of 3, the table's column 'file' of 2")
        self.assertEqual([100, 102] + CHANGED, self.numbers())


if __name__ == "__main__":
    unittest.main()

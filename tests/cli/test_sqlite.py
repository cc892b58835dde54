"""SQLite: names, types, and whoever else uses the database at the same time."""

import contextlib
import datetime
import os
import pathlib
import random
import shutil
import signal
import sqlite3
import subprocess

import harness
from harness import CLEAN, FAULT, INTERRUPTED, USAGE, SheafTest, csv_line, sql_name, sql_text


class SqliteTest(SheafTest):
    def setUp(self):
        super().setUp()
        self.write("a.csv", 'a,b\n1,"x,y"\n,""\n')

    def create(self, statements, database="x.db"):
        self.sql(database, statements)


class Sqlite(SqliteTest):
    def test_the_table_is_called_after_the_file(self):
        for name, table in {"trips.db": "trips", "2025-q1.sqlite": "2025-q1", "a.b.sqlite3": "a.b",
                            "select.db": "select",
                            "größe.db": "größe"}.items():
            self.succeed("ingest", "a.csv", "-o", name)
            self.assertEqual([["1", "x,y"], [None, ""]], self.sql_rows(name, table), name)

    def test_the_table_may_have_any_name(self):
        for table in ("t", "select", "a b", 'q"uo""te', "it's", "[x]", "`x`", "t;DROP TABLE t", "größe",
                      "a\nb", "1"):
            with self.subTest(table=table):
                self.succeed("ingest", "a.csv", "-o", "x.db", "--table", table)
                self.assertEqual(2, len(self.sql_rows("x.db", table)))

    def test_a_table_name_that_sqlite_keeps_for_itself_is_refused(self):
        with self.assert_directory_unchanged():
            run = self.sheaf("ingest", "a.csv", "-o", "x.db", "--table", "sqlite_stat9")
            self.assertIn(run.code, (USAGE, FAULT), run)

    def test_columns_may_have_any_name(self):
        names = ["select", "a b", 'q"uo""te', "it's", "[x]", "`x`", "x;DROP TABLE x", "größe", "a\nb", "1",
                 "rowid", "_rowid_", "oid", "PRIMARY KEY", " ", "?1", ":a", "--", "/*", "%s"]
        self.write("n.csv", csv_line(names) + csv_line(map(str, range(len(names)))))
        self.succeed("ingest", "n.csv", "-o", "x.db")
        self.assertEqual(names, self.sql_columns("x.db", "x"))
        values = self.sql("x.db", f"SELECT {','.join('x.' + sql_name(n) for n in names)} FROM x;", "-csv")
        self.assertEqual(",".join(map(str, range(len(names)))).encode(), values.strip())

    def test_names_that_sqlite_cannot_tell_apart_get_a_number(self):
        self.write("n.csv", "Name,name,other\n1,2,3\n")
        facts = self.totals("n.csv", "-o", "x.db")
        self.assertEqual(["Name", "name_2", "other"], self.sql_columns("x.db", "x"))
        self.assertEqual([["1", "2", "3"]], self.sql_rows("x.db", "x"))
        self.assertEqual(1, facts["columns_renamed"])

    def test_names_made_by_numbering_are_told_apart_too(self):
        self.write("n.csv", "a,A,a_2,A_2,A_3\n1,2,3,4,5\n")
        self.succeed("ingest", "n.csv", "-o", "x.db")
        columns = self.sql_columns("x.db", "x")
        self.assertEqual(["a", "a_2"], [columns[0], columns[2]], "who comes first keeps the name")
        self.assertEqual(5, len({name.lower() for name in columns}))
        self.assertEqual([["1", "2", "3", "4", "5"]], self.sql_rows("x.db", "x"))

    def test_a_real_name_is_never_taken_by_a_made_up_one(self):
        """Wherever it stands, and in whichever file."""
        for header, expected in {"a,A,a_2": ["a", "A_3", "a_2"], "a,A,A_2": ["a", "A_3", "A_2"],
                                 "a_2,a,A": ["a_2", "a", "A_3"], "a,A,b": ["a", "A_2", "b"],
                                 "a,A,a_2,a_3,a_5": ["a", "A_4", "a_2", "a_3", "a_5"]}.items():
            with self.subTest(header=header):
                names = header.split(",")
                self.write("1.csv", header + "\n" + ",".join(names) + "\n")
                self.write("2.csv", "".join(name + "\n" for name in (names[0], names[0])))
                for name in names[1:]:
                    self.write(f"d/{names.index(name)}.csv", f"{name}\n{name}\n")
                for sources in (["1.csv"], ["2.csv", "d"]):
                    facts = self.totals(*sources, "-o", "x.db", "--if-exists", "replace", "--table", "t")
                    self.assertEqual(expected, self.sql_columns("x.db", "t"))
                    self.assertEqual(1, facts["columns_renamed"])
                self.assertEqual([[name if i == at else None for i in range(len(names))]
                                  for at, name in enumerate(names)], self.sql_rows("x.db", "t"))
                shutil.rmtree(self.path("d"))

    def test_only_ascii_letters_have_a_case_there(self):
        self.write("n.csv", "É,é\n1,2\n")
        self.succeed("ingest", "n.csv", "-o", "x.db")
        self.assertEqual(["É", "é"], self.sql_columns("x.db", "x"))

    def test_names_are_as_in_the_file_elsewhere(self):
        self.write("n.csv", "Name,name\n1,2\n")
        self.succeed("ingest", "n.csv", "-o", "x.csv")
        self.assertEqual(b"Name,name\n1,2\n", self.read("x.csv"))

    def test_columns_have_types(self):
        self.write("n.csv", "a,b,c,d,e,f,g,h\n"
                            "1,0042,,1.5,true,2024-02-29,2024-02-29T13:05,13:05:00\n2,-0.0,,2,False,,,\n")
        self.succeed("ingest", "n.csv", "-o", "x.db")
        self.assertEqual(b"INTEGER TEXT TEXT REAL BOOLEAN DATE TIMESTAMP TIME", self.sql(
            "x.db", "SELECT group_concat(type, ' ') FROM pragma_table_info('x');").strip())
        types = " || ' ' || ".join(f"typeof({name})" for name in "abcdefgh")
        self.assertEqual(b"integer text null real integer text text text",
                         self.sql("x.db", f"SELECT {types} FROM x LIMIT 1;").strip())
        self.assertEqual(b"2024-03-01", self.sql("x.db", "SELECT date(g, '+1 day') FROM x LIMIT 1;").strip())

    def test_columns_are_text_when_that_is_asked_for(self):
        self.write("n.csv", "a,b,c\n1,0042,\n1e5,-0.0,\n")
        self.succeed("ingest", "n.csv", "-o", "x.db", "--text")
        self.assertEqual(b"TEXT TEXT TEXT", self.sql(
            "x.db", "SELECT group_concat(type, ' ') FROM pragma_table_info('x');").strip())
        self.assertEqual([["1", "0042", None], ["1e5", "-0.0", None]], self.sql_rows("x.db", "x"))
        self.assertEqual(b"text", self.sql("x.db", "SELECT DISTINCT typeof(a) FROM x;").strip())

    def test_texts_keep_every_byte(self):
        values = ["\0", "a\0b", "\0\0", "漢😀", "'; DROP TABLE x; --", " x ", "\r\n", "NULL", "x" * 1_000_000]
        self.write("n.csv", "a\n" + "".join(csv_line([v]) for v in values))
        self.succeed("ingest", "n.csv", "-o", "x.db")
        self.assertEqual([[v] for v in values], self.sql_rows("x.db", "x"))

    def test_other_tables_stay(self):
        self.create("CREATE TABLE keep(a); INSERT INTO keep VALUES(1),(2); CREATE TABLE x(old);")
        self.expect_fault("ingest", "a.csv", "-o", "x.db", says="--if-exists replace")
        self.succeed("ingest", "a.csv", "-o", "x.db", "--table", "second")
        self.succeed("ingest", "a.csv", "-o", "x.db", "--if-exists", "replace")
        self.expect_fault("ingest", "bad.csv", "-o", "x.db", "--if-exists", "replace")
        self.assertEqual([["1"], ["2"]], self.sql_rows("x.db", "keep"))
        self.assertEqual([["1", "x,y"], [None, ""]], self.sql_rows("x.db", "second"))
        self.assertEqual(["a", "b"], self.sql_columns("x.db", "x"))

    def test_a_table_of_that_name_in_other_letters_exists(self):
        self.create("CREATE TABLE Trips(a);")
        self.expect_fault("ingest", "a.csv", "-o", "x.db", "--table", "TRIPS", says="--if-exists replace")

    def test_a_view_of_that_name_is_not_lost(self):
        self.create("CREATE VIEW x AS SELECT 1 AS one;")
        self.expect(FAULT, "ingest", "a.csv", "-o", "x.db")
        self.sheaf("ingest", "bad.csv", "-o", "x.db", "--if-exists", "replace")
        self.assertEqual(b"1", self.sql("x.db", "SELECT one FROM x;").strip())

    def test_an_empty_database_file_is_a_database(self):
        self.write("x.db", "")
        self.succeed("ingest", "a.csv", "-o", "x.db")
        self.assertEqual(2, len(self.sql_rows("x.db", "x")))

    def test_a_file_that_is_no_database_stays_as_it_is(self):
        self.write("x.db", "Dear diary,\n" * 1000)
        with self.assert_directory_unchanged():
            for option in ([], ["--if-exists", "replace"]):
                self.expect_fault("ingest", "a.csv", "-o", "x.db", *option, says="database")

    def test_a_database_in_wal_mode_is_served_too(self):
        self.create("PRAGMA journal_mode=wal; CREATE TABLE keep(a);")
        self.succeed("ingest", "a.csv", "-o", "x.db")
        self.assertEqual(2, len(self.sql_rows("x.db", "x")))
        self.assert_database_is_sound("x.db")

    def start_writer(self):
        """Somebody who writes to the database, and is not done with it."""
        self.create("CREATE TABLE keep(a);")
        holder = subprocess.Popen(["sqlite3", self.path("x.db")], stdin=subprocess.PIPE,
                                  stdout=subprocess.PIPE)
        self.addCleanup(harness.stop, holder)
        holder.stdin.write(b"BEGIN EXCLUSIVE;\nSELECT 'held';\n")
        holder.stdin.flush()
        self.assertEqual(b"held\n", holder.stdout.readline())

    def test_a_database_that_somebody_else_writes_is_refused_in_time(self):
        self.start_writer()
        self.expect_fault("ingest", "a.csv", "-o", "x.db", says="locked|busy|in use")

    def test_waiting_for_somebody_else_can_be_interrupted(self):
        self.start_writer()
        process = self.start("ingest", "a.csv", "-o", "x.db")

        def has_opened_the_database():
            self.assertIsNone(process.poll(), "it did not wait")
            for descriptor in pathlib.Path(f"/proc/{process.pid}/fd").iterdir():
                with contextlib.suppress(OSError):  # it was closed meanwhile
                    if os.readlink(descriptor).endswith("/x.db"):
                        return True
            return False
        harness.wait_until(has_opened_the_database, "the database is open")
        process.send_signal(signal.SIGTERM)
        self.assertEqual(INTERRUPTED, process.wait(20))

    def test_a_reader_does_not_cost_the_load(self):
        """It reads for longer than a busy database is waited for by custom, while the rows are to be committed."""
        reader = self.start_reader()
        process = self.start_commit_that_waits()
        with self.assertRaises(subprocess.TimeoutExpired, msg="it gave up"):
            process.wait(8)
        self.end_reader(reader)
        self.assertEqual(CLEAN, self.finish(process).code)
        self.assertEqual([["1", "x,y"], [None, ""]], self.sql_rows("x.db", "new"))
        self.assert_database_is_sound("x.db")

    def test_a_commit_that_waits_can_be_interrupted(self):
        for number in (signal.SIGINT, signal.SIGTERM):
            with self.subTest(number=number):
                reader = self.start_reader()
                process = self.start_commit_that_waits()
                process.send_signal(number)
                self.assertEqual(INTERRUPTED, process.wait(20))
                self.end_reader(reader)
                self.assertEqual(b"t", self.sql("x.db", "SELECT group_concat(name) FROM sqlite_schema;").strip())
                self.assertEqual([["1"]], self.sql_rows("x.db", "t"))
                self.assert_database_is_sound("x.db")
                os.unlink(self.path("x.db"))

    def start_reader(self):
        """Somebody who began to read a table, and is not done with it."""
        self.create("CREATE TABLE t(a); INSERT INTO t VALUES(1);")
        reader = subprocess.Popen(["sqlite3", self.path("x.db")], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        self.addCleanup(harness.stop, reader)
        reader.stdin.write(b"BEGIN;\nSELECT count(*) FROM t;\n")
        reader.stdin.flush()
        self.assertEqual(b"1\n", reader.stdout.readline())
        return reader

    def end_reader(self, reader):
        reader.stdin.write(b"COMMIT;\n")
        reader.stdin.close()
        reader.stdin = None
        self.assertEqual(0, reader.wait(harness.TIMEOUT))

    def start_commit_that_waits(self):
        """SQLite lets nobody begin to read while somebody waits for the readers to end: so one sees that it does."""
        process = self.start("ingest", "a.csv", "-o", "x.db", "--table", "new")

        def waits():
            self.assertIsNone(process.poll(), "it ended without the readers")
            late = subprocess.run(["sqlite3", self.path("x.db"), "SELECT count(*) FROM t;"], capture_output=True)
            return b"locked" in late.stderr
        harness.wait_until(waits, "the commit waits")
        return process

    def test_somebody_else_never_sees_half_of_the_rows(self):
        self.succeed("ingest", "a.csv", "-o", "x.db")
        fifo = self.make_fifo("fifo")
        process = self.start("ingest", fifo, "-o", "x.db", "--if-exists", "replace")
        with open(self.path(fifo), "wb", buffering=0) as pipe:
            pipe.write(b"a,b\n")
            harness.fill_pipe(pipe.fileno(), b"1,2\n" * 10_000, 1 << 20)
            reader = subprocess.run(["sqlite3", self.path("x.db"), "SELECT count(*) FROM x;"],
                                    capture_output=True)
            self.assertTrue(reader.stdout == b"2\n" or b"locked" in reader.stderr, reader)
        self.assertEqual(CLEAN, self.finish(process).code)
        self.assertGreater(len(self.sql_rows("x.db", "x")), 200_000)

    def test_no_rows_make_a_table_all_the_same(self):
        self.write("n.csv", "a,b\n")
        self.succeed("ingest", "n.csv", "-o", "x.db")
        self.assertEqual((["a", "b"], []), (self.sql_columns("x.db", "x"), self.sql_rows("x.db", "x")))

    def test_as_many_columns_as_sqlite_has(self):
        self.write("n.csv",
                   ",".join(f"c{i}" for i in range(2000)) + "\n" + ",".join(map(str, range(2000))) + "\n")
        self.succeed("ingest", "n.csv", "-o", "x.db")
        self.assertEqual([[str(i) for i in range(2000)]], self.sql_rows("x.db", "x"))

    def test_more_columns_than_sqlite_has_are_an_error_that_tells_the_limit(self):
        self.write("n.csv", ",".join(f"c{i}" for i in range(2001)) + "\n")
        with self.assert_directory_unchanged():
            self.expect_fault("ingest", "n.csv", "-o", "x.db", says="columns")

    def test_a_database_is_the_same_at_any_worker_count(self):
        for i in range(30):
            self.write_rows(f"d/{i:02d}.csv", 2000, i * 2000)
        dumps = []
        for j in harness.WORKERS:
            self.succeed("ingest", "d", "-o", f"{j}.db", "--table", "t", "-j", j)
            dumps.append(self.sql_dump(f"{j}.db", "t"))
        self.assertTrue(dumps[0] == dumps[1] == dumps[2])

    def test_two_runs_into_one_database_both_arrive_or_one_is_refused(self):
        self.write_big("big.csv", 3)
        runs = [self.start("ingest", "big.csv", "-o", "x.db", "--table", f"t{i}") for i in range(2)]
        codes = [self.finish(run).code for run in runs]
        self.assertIn(CLEAN, codes)
        for i, code in enumerate(codes):
            self.assertIn(code, (CLEAN, FAULT))
            count = self.sql("x.db",
                             f"SELECT count(*) FROM sqlite_schema WHERE name = {sql_text(f't{i}')};").strip()
            self.assertEqual(b"1" if code == CLEAN else b"0", count)
        self.assert_database_is_sound("x.db")


class Moments(SqliteTest):
    def test_every_day_is_written_as_it_is(self):
        """By Python's calendar: the ends of months and centuries, and any day and time of the years 1 to 9999."""
        rng = random.Random(1)
        years = (1, 4, 99, 100, 400, 1582, 1600, 1899, 1900, 1999, 2000, 2100, 9999)
        days = [datetime.date(year, month, 1) for year in years for month in range(1, 13)]
        days += [day - datetime.timedelta(1) for day in days[1:]] + [datetime.date.max]
        days += [datetime.date.fromordinal(rng.randint(1, datetime.date.max.toordinal())) for _ in range(2000)]
        times = [datetime.time(0), datetime.time.max]
        times += [datetime.time(rng.randrange(24), rng.randrange(60), rng.randrange(60),
                                rng.choice((0, 500_000, 10, 120_000))) for _ in days[2:]]
        self.write("n.csv", "d,t,ts\n" + "".join(f"{d},{t},{d} {t}\n" for d, t in zip(days, times)))
        self.succeed("ingest", "n.csv", "-o", "x.db")

        def shortest(time):
            return str(time).rstrip("0") if time.microsecond else str(time)
        with contextlib.closing(sqlite3.connect(self.path("x.db"))) as database:
            self.assertEqual([("DATE",), ("TIME",), ("TIMESTAMP",)],
                             database.execute("SELECT type FROM pragma_table_info('x')").fetchall())
            self.assertEqual([(str(d), shortest(t), f"{d} {shortest(t)}") for d, t in zip(days, times)],
                             database.execute("SELECT * FROM x ORDER BY rowid").fetchall())


class Appended(SqliteTest):
    """To a table of somebody else, with rules of his own."""

    def setUp(self):
        super().setUp()
        self.write("n.csv", "a,b\n" + "".join(f"{n},x{n}\n" for n in range(5000)))

    def append(self, statements, *args):
        self.create(statements)
        return self.totals("n.csv", "-o", "x.db", "--if-exists", "append", *args)

    def test_a_trigger_s_rows_are_not_counted(self):
        for when in ("BEFORE", "AFTER"):
            facts = self.append("CREATE TABLE x(a INTEGER, b); CREATE TABLE log(a); "
                                "CREATE TRIGGER g " + when + " INSERT ON x BEGIN INSERT INTO log VALUES(NEW.a); "
                                "INSERT INTO log SELECT count(*) FROM x; END;")
            self.assertEqual(5000, facts["loaded"])
            self.assertEqual(b"10000", self.sql("x.db", "SELECT count(*) FROM log;").strip())
            os.unlink(self.path("x.db"))

    def test_its_own_columns_keep_their_defaults(self):
        self.append("CREATE TABLE x(k INTEGER PRIMARY KEY, b TEXT COLLATE NOCASE, c DEFAULT 7, a, g AS (a * 2)); "
                    "CREATE INDEX i ON x(b);")
        self.assertEqual(b"5000|5000|35000|24995000", self.sql(
            "x.db", "SELECT count(*), max(k), sum(c), sum(g) FROM x;").strip())
        self.assert_database_is_sound("x.db")

    def test_a_row_that_it_refuses_is_told(self):
        for table, reason, row in (
                ("CREATE TABLE x(a INTEGER CHECK (a <> 4321), b)", "CHECK constraint failed", 4322),
                ("CREATE TABLE x(a INTEGER, b CHECK (b <> 'x0'))", "CHECK constraint failed", 1),
                ("CREATE TABLE x(a INTEGER UNIQUE, b); INSERT INTO x VALUES(4999, 0)", "UNIQUE constraint", 5000),
                ("CREATE TABLE x(a INTEGER UNIQUE ON CONFLICT FAIL, b); INSERT INTO x VALUES(17, 0)",
                 "UNIQUE", 18),
                ("CREATE TABLE x(a INTEGER UNIQUE ON CONFLICT ROLLBACK, b); INSERT INTO x VALUES(17, 0)",
                 "UNIQUE", 18),
                ("CREATE TABLE x(a INT, b INT) STRICT", "cannot store TEXT value in INT column x.b", 1)):
            with self.subTest(table=table):
                self.sql("x.db", "DROP TABLE IF EXISTS x;")
                self.create(table + ";")
                before = self.sql("x.db", ".dump")
                run = self.expect_fault("ingest", "n.csv", "-o", "x.db", "--if-exists", "append", source="x.db",
                                        says=reason)
                self.assertIn(f"help: it is from n.csv, row {row} of this load", run.error_text)
                self.assertEqual(before, self.sql("x.db", ".dump"))

    def test_a_row_that_its_trigger_refuses(self):
        self.create("CREATE TABLE x(a INTEGER, b); CREATE TRIGGER g BEFORE INSERT ON x WHEN NEW.a = 17 "
                    "BEGIN SELECT RAISE(ABORT, 'not that one'); END;")
        with self.assert_directory_unchanged():
            run = self.expect_fault("ingest", "n.csv", "-o", "x.db", "--if-exists", "append", says="not that one")
        self.assertIn("help: it is from n.csv", run.error_text)

    def test_a_row_that_it_ignores_is_told(self):
        """It would be lost: that is no mistake of the accounting."""
        for table in ("CREATE TABLE x(a INTEGER UNIQUE ON CONFLICT IGNORE, b); INSERT INTO x VALUES(17, 0);",
                      "CREATE TABLE x(a INTEGER, b); CREATE TRIGGER g BEFORE INSERT ON x WHEN NEW.a = 17 "
                      "BEGIN SELECT RAISE(IGNORE); END;"):
            with self.subTest(table=table):
                self.create(table)
                with self.assert_directory_unchanged():
                    self.expect_fault("ingest", "n.csv", "-o", "x.db", "--if-exists", "append", says="ignores it")
                os.unlink(self.path("x.db"))

    def test_a_row_that_takes_another_s_place_counts(self):
        facts = self.append("CREATE TABLE x(a INTEGER UNIQUE ON CONFLICT REPLACE, b); INSERT INTO x VALUES(17, 0);")
        self.assertEqual(5000, facts["loaded"])
        self.assertEqual(b"5000", self.sql("x.db", "SELECT count(*) FROM x;").strip())

    def test_nothing_in_the_database_sees_the_rows_that_are_to_come(self):
        self.create("CREATE TABLE x(a INTEGER, b); CREATE TABLE log(a); CREATE TRIGGER g AFTER INSERT ON x "
                    "BEGIN INSERT INTO log SELECT c0 FROM sqlite_sheaf_rows; END;")
        with self.assert_directory_unchanged():
            self.expect_fault("ingest", "n.csv", "-o", "x.db", "--if-exists", "append", says="unsafe use")


if __name__ == "__main__":
    harness.main()

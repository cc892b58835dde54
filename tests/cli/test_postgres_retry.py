"""PostgreSQL: what was set aside beside the rows of a table is mended there and loaded, by `sheaf retry`.

test_retry.py does the same with SQLite and with files. The oracles: psql says what is where; a load of the files as they
were mended, or with the option from the start, has the same rows.
"""

import json
import random
import signal
import subprocess
import threading
import time
import unittest

import dirty
import harness
from harness import CLEAN, FAULT, INTERRUPTED, SHEAF, SKIPPED, USAGE
from postgres import PostgresTest, literal, quoted
from test_retry import BAD, MENDED


class RetryTest(PostgresTest):
    def load(self, *args, code=SKIPPED, **options):
        return super().load(*args, "--on-error", "quarantine", "--max-errors", "10000", "-q", code=code, **options)

    def retry(self, *args, code=CLEAN, table="t", **options):
        """The facts of a retry, which add up."""
        run = self.expect(code, "retry", self.uri, "--table", table, "--json", *args, **options)
        facts = json.loads(run.out)
        self.assertEqual(facts["records"], facts["loaded"] + facts["rejected"], facts)
        return facts

    def retry_fails(self, says, *args, table="t", code=FAULT):
        with self.assert_database_unchanged():
            self.assert_shows_error(self.expect(code, "retry", self.uri, "--table", table, "-q", *args), says=says)

    ORDER = "line, record, code"

    def raws(self, table="t"):
        out = self.psql("SELECT encode(coalesce(convert_to(raw, 'UTF8'), raw_bytes, ''), 'hex') "
                        f"FROM {quoted(table + '_quarantine')} ORDER BY file, {self.ORDER}")
        return [bytes.fromhex(line) for line in out.split("\n")[:-1]]

    def codes(self, table="t"):
        return self.psql(f"SELECT code FROM {quoted(table + '_quarantine')} ORDER BY file, {self.ORDER}").split()

    def mend(self, mend, table="t"):
        """Each record's text becomes what `mend` makes of it; None: it stays."""
        name = quoted(table + "_quarantine")
        rows = self.psql("SELECT ctid, encode(coalesce(convert_to(raw, 'UTF8'), raw_bytes, ''), 'hex') "
                         f"FROM {name} ORDER BY file, {self.ORDER}").split("\n")[:-1]
        changes = []
        for row in rows:
            place, raw = row.split("|")
            text = mend(bytes.fromhex(raw))
            if text is not None:
                value = f"decode('{text.hex()}', 'hex')"
                try:
                    text.decode()
                    is_text = b"\0" not in text
                except UnicodeDecodeError:
                    is_text = False
                value = f"raw = convert_from({value}, 'UTF8')" if is_text else f"raw = NULL, raw_bytes = {value}"
                changes.append(f"UPDATE {name} SET {value} WHERE ctid = '{place}';")
        self.psql("BEGIN;" + "".join(changes) + "COMMIT;")


class Table(RetryTest):
    def setUp(self):
        super().setUp()
        self.write("bad.csv", BAD)
        self.load("bad.csv")

    def test_all_of_it(self):
        self.assertEqual([["bad.csv"]], [row[:1] for row in self.rows("t_quarantine_files")])
        self.mend(MENDED.get)
        facts = self.retry()
        self.assertEqual((1, 4, 4, 0), tuple(facts[key] for key in ("files", "records", "loaded", "rejected")))
        self.assertEqual([["1", "2"], ["10", "11"], ["3", "33"], ["4", "5"], ["7", "8"], ["8", "9"]], self.rows())
        self.assertEqual([("a", "bigint"), ("b", "bigint")], self.columns())
        self.assertEqual(["t"], self.tables())

    def test_some_of_it(self):
        self.mend({b"3": b"3,33", b"4,5,6": b"4,five", b"7,\xff": b"7,8,9"}.get)
        run = self.expect(SKIPPED, "retry", self.uri, "--table", "t")
        self.assertIn(b"records 4 = 1 loaded + 3 still at fault", run.out)
        self.assertIn("'five' does not fit into the table's column, which is bigint", run.error_text)
        self.assertEqual([["1", "2"], ["10", "11"], ["3", "33"]], self.rows())
        self.assertEqual(["type", "long", "quote"], self.codes())
        self.assertEqual([b"4,five", b"7,8,9", b'8,"9'], self.raws())
        self.assertEqual(["4|3|2|b|4|3|10|'five' does not fit into the table's column, which is bigint"], self.psql(
            'SELECT line, record, field, "column", fault_line, fault_byte, "offset", message FROM t_quarantine '
            "ORDER BY line").split("\n")[:1])
        self.mend({b"4,five": b"4,5", b"7,8,9": b"7,8", b'8,"9': b"8,9"}.get)
        self.retry()  # the records come in the order of their file, whichever were updated
        self.assertEqual([["4", "5"], ["7", "8"], ["8", "9"]], self.rows()[3:])

    def test_again_and_again(self):
        with self.assert_database_unchanged():
            self.assertEqual(4, self.retry(code=SKIPPED)["rejected"])
        places = self.psql("SELECT ctid FROM t_quarantine")
        self.retry(code=SKIPPED)
        self.assertEqual(places, self.psql("SELECT ctid FROM t_quarantine"))  # what has not changed is not written
        self.mend(MENDED.get)
        self.assertEqual(4, self.retry()["loaded"])
        with self.assert_database_unchanged():
            self.assertEqual(0, self.retry()["records"])

    def test_text_beside_bytes(self):
        """Who gives a record a text need not take its bytes away."""
        self.psql("UPDATE t_quarantine SET raw = '7,8' WHERE raw_bytes IS NOT NULL")
        self.assertEqual(1, self.retry(code=SKIPPED)["loaded"])
        self.psql("UPDATE t_quarantine SET raw = NULL, raw_bytes = '9,9' WHERE code = 'short'")
        self.assertEqual(1, self.retry(code=SKIPPED)["loaded"])
        self.psql("UPDATE t_quarantine SET raw = NULL, raw_bytes = NULL")
        self.assertEqual(2, self.retry(code=SKIPPED)["rejected"])
        self.assertEqual(["count", "count"], self.codes())

    def test_what_is_deleted_is_no_more(self):
        self.psql("DELETE FROM t_quarantine WHERE code <> 'short'; UPDATE t_quarantine SET raw = '3,4'")
        self.assertEqual(1, self.retry()["records"])
        self.assertEqual(["t"], self.tables())

    def test_a_text_that_is_not_one_record(self):
        for text, says in ((b"", "no record"), (b"1,2\n3,4", "2 records"), (b"3\n1,2\n1,2\n", "3 records")):
            with self.subTest(text=text):
                self.mend(lambda raw: text)
                self.assertEqual(0, self.retry(code=SKIPPED)["loaded"])
                self.assertEqual(["count"] * 4, self.codes())
                self.assertIn(says, self.psql("SELECT message FROM t_quarantine"))
        self.mend(lambda raw: b"3,4\r\n")
        self.assertEqual(4, self.retry()["loaded"])

    def test_repairs(self):
        self.assertEqual(1, self.expect(SKIPPED, "retry", self.uri, "--table", "t").error_text.count(
            "--fix pad repairs such records"))
        facts = self.retry("--fix", "pad,trim,quotes", code=SKIPPED)
        self.assertEqual({"records": 1, "padded": 1, "trimmed": 0, "unquoted": 0}, facts["repaired"])
        self.assertEqual([["3", None]], self.rows()[2:])
        self.assertEqual(["long", "encoding", "quote"], self.codes())

    def test_limits(self):
        self.mend({b"3": b"3,33"}.get)
        for most in ("2", "70%"):
            self.retry_fails("3 of 4 records", "--max-errors", most)
        self.retry("--max-errors", "3", code=SKIPPED)

    def test_a_table_that_was_changed(self):
        self.mend(MENDED.get)
        self.psql("ALTER TABLE t ADD COLUMN c text; ALTER TABLE t ALTER b TYPE numeric(3,1)")
        self.assertEqual(4, self.retry()["loaded"])
        self.assertEqual([["3", "33.0", None]], self.rows()[2:3])
        self.load("bad.csv", "--if-exists", "replace")
        self.mend(MENDED.get)
        self.psql("ALTER TABLE t RENAME COLUMN b TO c")
        self.retry_fails("no column 'b'")
        self.psql("ALTER TABLE t RENAME COLUMN c TO b; ALTER TABLE t ALTER b TYPE point USING NULL")
        self.retry_fails("point", code=USAGE)

    def test_narrow_columns(self):
        self.mend(MENDED.get)
        self.psql("ALTER TABLE t ALTER b TYPE smallint, ALTER a TYPE varchar(1) USING left(a::text, 1), "
                  "ALTER b SET NOT NULL")
        self.psql("UPDATE t_quarantine SET raw = '3,70000' WHERE line = 3; UPDATE t_quarantine SET raw = 'xy,1' "
                  "WHERE line = 4; UPDATE t_quarantine SET raw = '7,' WHERE line = 5")
        self.assertEqual(1, self.retry(code=SKIPPED)["loaded"])
        self.assertEqual(["type", "type", "type"], self.codes())

    def test_what_the_table_refuses(self):
        self.mend(MENDED.get)
        self.psql("CREATE UNIQUE INDEX i ON t(b); UPDATE t_quarantine SET raw = '3,11' WHERE raw = '3,33';"
                  "CREATE FUNCTION f() RETURNS trigger LANGUAGE plpgsql AS $$BEGIN IF NEW.a = 7 THEN RETURN NULL; "
                  "END IF; IF NEW.a = 8 THEN RAISE EXCEPTION 'no eights'; END IF; RETURN NEW; END$$;"
                  "CREATE TRIGGER g BEFORE INSERT ON t FOR EACH ROW EXECUTE FUNCTION f();"
                  "CREATE TABLE log(a int); CREATE FUNCTION l() RETURNS trigger LANGUAGE plpgsql AS $$BEGIN "
                  "INSERT INTO log VALUES(NEW.a); RETURN NULL; END$$;"
                  "CREATE TRIGGER l AFTER INSERT ON t FOR EACH ROW EXECUTE FUNCTION l()")
        self.assertEqual(1, self.retry(code=SKIPPED)["loaded"])
        self.assertEqual(["table"] * 3, self.codes())
        self.assertEqual([b"3,11", b"7,8", b'8,"9"'], self.raws())
        messages = self.psql("SELECT message FROM t_quarantine ORDER BY line").split("\n")
        for message, says in zip(messages, ("duplicate key", "leaves it out", "no eights")):
            self.assertIn(says, message)
        self.assertEqual("4\n", self.psql("SELECT a FROM log"))
        self.psql("DROP INDEX i; DROP TRIGGER g ON t")
        self.assertEqual(3, self.retry()["loaded"])

    def test_refusals_by_a_limit_and_by_a_state_of_the_users_own(self):
        """They are of the row: the others are loaded."""
        self.mend(MENDED.get)
        self.psql("CREATE FUNCTION f() RETURNS trigger LANGUAGE plpgsql AS $$BEGIN IF NEW.a = 7 THEN "
                  "RAISE EXCEPTION 'no sevens' USING ERRCODE = 'MY001'; END IF; IF NEW.a = 8 THEN RAISE EXCEPTION "
                  "'index row requires 9 bytes' USING ERRCODE = 'program_limit_exceeded'; END IF; RETURN NEW; END$$;"
                  "CREATE TRIGGER g BEFORE INSERT ON t FOR EACH ROW EXECUTE FUNCTION f()")
        self.assertEqual(2, self.retry(code=SKIPPED)["loaded"])
        self.assertEqual(["table"] * 2, self.codes())

    def test_refusals_among_many(self):
        """The first of two that cannot both be there is, and rows come in the order of their records."""
        n = 3000
        self.write("m.csv", "a,b\n" + "".join(f"{i}\n" for i in range(n)))
        self.load("m.csv", table="m")
        self.psql("CREATE UNIQUE INDEX i ON m(b); UPDATE m_quarantine SET raw = raw || ',' || (raw::int / "
                  "CASE WHEN raw::int % 97 = 1 THEN 97 ELSE 1 END)")
        seen, good = set(), []
        for i in range(n):
            b = i // 97 if i % 97 == 1 else i
            if b not in seen:
                seen.add(b)
                good.append([str(i), str(b)])
        facts = self.retry(table="m", code=SKIPPED)
        self.assertEqual((len(good), n - len(good)), (facts["loaded"], facts["rejected"]))
        self.assertEqual(good, self.rows("m"))
        self.assertEqual({"table"}, set(self.codes("m")))

    def test_a_constraint_that_is_deferred(self):
        self.mend(MENDED.get)
        self.psql("ALTER TABLE t ADD UNIQUE (b) DEFERRABLE INITIALLY DEFERRED; "
                  "UPDATE t_quarantine SET raw = '3,11' WHERE raw = '3,33'")
        self.retry_fails("duplicate key")

    def test_a_commit_may_wait_for_a_lock(self):
        """A key that is checked then, while somebody has its row."""
        self.mend(MENDED.get)
        self.psql("CREATE TABLE p(a bigint PRIMARY KEY); INSERT INTO p SELECT generate_series(1, 20); "
                  "ALTER TABLE t ADD FOREIGN KEY (a) REFERENCES p DEFERRABLE INITIALLY DEFERRED")
        psql = subprocess.Popen([self.cluster.programs / "psql", "-X", "-q", "-d", self.uri, "-c",
                                 "BEGIN; SELECT FROM p WHERE a = 3 FOR UPDATE; SELECT pg_sleep(2.5)"],
                                stdout=subprocess.DEVNULL)
        harness.wait_until(lambda: self.psql("SELECT 1 FROM pg_stat_activity WHERE wait_event = 'PgSleep'"), "it has it")
        self.assertEqual(4, self.retry()["loaded"])
        self.assertEqual(0, psql.wait())

    def test_two_at_once(self):
        self.mend(MENDED.get)
        lock = ("SELECT pg_advisory_lock(hashtextextended(format('sheaf %I.%I', 'public', 't'), 0)); "
                "SELECT 'here'; SELECT pg_sleep(60)")
        for begin, says in ((lock, "another load or retry"),
                            ("BEGIN; UPDATE t_quarantine SET raw = raw; SELECT 'here'; SELECT pg_sleep(60)", "another program is writing")):
            other = subprocess.Popen([self.cluster.programs / "psql", "-X", "-q", "-At", "-d", self.uri], bufsize=0,
                                     stdin=subprocess.PIPE, stdout=subprocess.PIPE)
            try:
                other.stdin.write(begin.encode() + b";\n")
                while other.stdout.readline() != b"here\n":
                    pass
                self.assert_shows_error(self.expect(FAULT, "retry", self.uri, "--table", "t"), says=says)
            finally:
                self.psql("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'psql' AND "
                          "pid <> pg_backend_pid()")
                other.kill()
                other.communicate()
        self.assertEqual(4, self.retry()["loaded"])

    def test_retries_that_race(self):
        """Any number at once: each record is loaded once."""
        self.mend(MENDED.get)
        codes = []
        threads = [threading.Thread(target=lambda: codes.append(
            self.sheaf("retry", self.uri, "--table", "t", "-q").code)) for _ in range(6)]
        for each in threads:
            each.start()
        for each in threads:
            each.join()
        self.assertIn(CLEAN, codes)
        self.assertLessEqual(set(codes), {CLEAN, FAULT})
        self.assertEqual(sorted([["1", "2"], ["10", "11"], ["3", "33"], ["4", "5"], ["7", "8"], ["8", "9"]]), sorted(self.rows()))

    def test_what_is_none(self):
        self.retry_fails('no table "y"', table="y")
        self.retry_fails("no schema", table="no.t")
        self.assert_shows_error(self.expect(USAGE, "retry", self.uri), says="the table has no name")
        self.assert_shows_error(self.expect(USAGE, "retry", self.uri, "--table", "t", "-o", "x.csv"), says="back into its table")
        self.psql("DELETE FROM t_quarantine_files")
        self.retry_fails("of the file 'bad.csv' there is no header")
        self.psql("INSERT INTO t_quarantine_files VALUES('bad.csv', '[1]')")
        self.retry_fails("no JSON object")
        self.psql("DROP TABLE t_quarantine_files")  # as those of earlier versions were
        self.retry_fails("no table t_quarantine_files")
        self.psql("CREATE TABLE t_quarantine_files(a int)")
        self.retry_fails("the table t_quarantine_files is no quarantine")
        self.psql("DROP TABLE t_quarantine; CREATE TABLE t_quarantine(raw text); INSERT INTO t_quarantine VALUES('1,2')")
        self.retry_fails("the table t_quarantine is no quarantine")
        self.psql("DROP TABLE t_quarantine; CREATE VIEW t_quarantine AS SELECT 1")
        self.retry_fails("is a view")
        self.psql("DROP VIEW t_quarantine")
        with self.assert_database_unchanged():
            self.assertEqual(0, self.retry()["records"])

    def test_the_table_is_gone(self):
        self.psql("DROP TABLE t")
        self.retry_fails('no table "t"')

    def test_tables_that_cannot_be_dropped(self):
        self.mend(MENDED.get)
        self.psql("CREATE VIEW mine AS SELECT * FROM t_quarantine")
        self.assertEqual(4, self.retry()["loaded"])
        self.assertEqual("0|0\n", self.psql("SELECT (SELECT count(*) FROM t_quarantine), (SELECT count(*) FROM t_quarantine_files)"))
        self.assertEqual(0, self.retry()["records"])
        self.load("bad.csv", "--if-exists", "append", "--changed", "append", code=CLEAN)  # it is there already
        self.write("more.csv", BAD)
        self.load("more.csv", "--if-exists", "append")
        self.assertEqual(4, len(self.rows("mine", "line")))

    def test_somebody_else_s(self):
        """Who may only write the tables may retry, and leaves them empty."""
        self.mend(MENDED.get)
        self.psql("CREATE ROLE writer LOGIN; GRANT SELECT, INSERT ON t, t_ledger TO writer; "
                  "GRANT SELECT, UPDATE, DELETE ON t_quarantine, t_quarantine_files TO writer")
        try:
            facts = json.loads(self.expect(CLEAN, "retry", self.cluster.uri(self.database, "writer"), "--table", "t",
                                           "--json").out)
            self.assertEqual(4, facts["loaded"])
            self.assertEqual("0\n", self.psql("SELECT count(*) FROM t_quarantine"))
        finally:
            self.psql("DROP OWNED BY writer; DROP ROLE writer")

    def test_records_that_a_policy_hides(self):
        """They are not dropped with those that are to be seen, nor are the headers of their files."""
        self.mend(MENDED.get)
        for name in ("t_quarantine", "t_quarantine_files"):
            self.psql(f"ALTER TABLE {name} ENABLE ROW LEVEL SECURITY; CREATE POLICY p ON {name} USING (false)")
        self.psql("CREATE ROLE reader LOGIN; GRANT ALL ON ALL TABLES IN SCHEMA public TO reader; "
                  "ALTER TABLE t_quarantine DISABLE ROW LEVEL SECURITY")
        try:
            for name in ("t_quarantine_files", "t_quarantine"):
                with self.assert_database_unchanged():
                    run = self.expect(FAULT, "retry", self.cluster.uri(self.database, "reader"), "--table", "t", "-q")
                self.assert_shows_error(run, says=f"row-level security may hide records of the table {name}")
                self.psql("ALTER TABLE t_quarantine ENABLE ROW LEVEL SECURITY")
        finally:
            self.psql("DROP OWNED BY reader; DROP ROLE reader")
        self.assertEqual(4, self.retry()["loaded"])  # its owner sees all

    def test_what_does_not_let_go_of_its_records(self):
        self.mend(MENDED.get)
        self.psql("CREATE FUNCTION f() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END';"
                  "CREATE TRIGGER g BEFORE DELETE ON t_quarantine FOR EACH ROW EXECUTE FUNCTION f()")
        self.retry_fails("gave up 0 of 4 records")

    def test_a_password_is_never_shown(self):
        secret = "geheimnis"
        uri = self.uri.replace("sheaf@", f"sheaf:{secret}@")
        runs = [self.sheaf("retry", uri, "--table", name, *more) for name in ("t", "y") for more in ((), ("--json",), ("-v",))]
        self.psql("ALTER TABLE t RENAME COLUMN b TO c")
        runs.append(self.sheaf("retry", uri, "--table", "t"))
        self.psql("ALTER TABLE t RENAME COLUMN c TO b; UPDATE t_quarantine_files SET header = 'x'")
        runs.append(self.sheaf("retry", uri, "--table", "t", "--trace", "trace.json"))
        self.psql("DROP TABLE t_quarantine")
        runs.append(self.sheaf("retry", uri, "--table", "t"))
        self.assertEqual([SKIPPED] * 3 + [FAULT] * 5 + [CLEAN], [run.code for run in runs])
        for run in runs:
            self.assertNotIn(secret.encode(), run.out + run.err)
            self.assertIn(b"postgresql://", run.out + run.err)
        self.assertNotIn(secret.encode(), self.read("trace.json"))

    def test_names_of_any_kind(self):
        self.write("odd.csv", 'a "q",A "Q",ctid,' + "x" * 70 + ",a\\\n1,2,3,4,5\n4,5\n")
        for table in ('my "table"', "x" * 63, "ä'; --"):
            before = self.tables()
            self.load("odd.csv", table=table)
            name, = (each for each in self.tables() if each not in before and each.endswith("_quarantine"))
            self.psql(f"UPDATE {quoted(name)} SET raw = '4,5,6,7,8'")
            self.assertEqual(1, self.retry(table=table)["loaded"])
            self.assertEqual([["1", "2", "3", "4", "5"], ["4", "5", "6", "7", "8"]], self.rows(table))

    def test_a_schema(self):
        self.psql("CREATE SCHEMA s; CREATE TABLE t_quarantine_files2(); ALTER TABLE t RENAME TO t0")
        self.load("bad.csv", table="s.t")
        self.psql("UPDATE s.t_quarantine SET raw = '1,1'")
        self.assertEqual(4, self.retry(table="s.t")["loaded"])
        self.assertEqual("6\n", self.psql("SELECT count(*) FROM s.t"))

    def test_types_of_every_kind(self):
        self.psql(f"ALTER DATABASE {self.database} SET TimeZone = 'UTC'")
        self.write("k.csv", "i,f,b,d,t,u,c,s\n1,2.5,true,2024-02-29,2024-02-29 01:02,2024-02-29 01:02Z,01:02:03,x\n2\n3\n")
        self.load("k.csv", table="k")
        good = b'7,8,false,2025-01-02,2025-01-02T03:04,2025-01-02T03:04:05.5Z,23:59:59,"x\ny"'
        self.mend(lambda raw: good if raw == b"2" else good.replace(b"8", b"eight"), "k")
        self.assertEqual(1, self.retry(table="k", code=SKIPPED)["loaded"])
        self.assertEqual([["7", "8", "f", "2025-01-02", "2025-01-02 03:04:00", "2025-01-02 03:04:05.5+00", "23:59:59", "x\ny"]],
                         self.rows("k")[1:])

    def test_bytes_of_every_kind(self):
        self.write(b"d/b\xe4d\n\x01.csv", b"a,b\nx,y\n3\0\n" + bytes(range(128, 256)) + b",1\n")
        self.load("d", "--add", "file,line", table="k")
        self.assertEqual(2, self.retry(table="k", code=SKIPPED)["rejected"])
        self.mend(lambda raw: "漢,\"\\\n".encode() + b'"' if b"\0" in raw else None, "k")
        self.assertEqual(1, self.retry(table="k", code=SKIPPED)["loaded"])
        self.assertEqual(["漢", "\\\n", "3"], [self.rows("k")[1][i] for i in (0, 1, 3)])
        self.assertEqual([bytes(range(128, 256)) + b",1"], self.raws("k"))
        self.assertEqual(self.rows("k")[0][2], self.rows("k")[1][2])  # the path


class HowTheyAreRead(RetryTest):
    """The facts of each file are there, however it was loaded, and nothing is to be found out again."""

    def test_file_by_file_and_resumed(self):
        self.write("a.csv", "a;b\n1;'2;'\n3\n")
        self.write("b.csv", "a;c\n1;2\n4\n")
        self.write("c.csv", "b;a\n7;8\n5\n")
        args = ["--delim", ";", "--quote", "'", "--null", "-"]
        for commit in ("per-load", "per-file"):
            self.drop()
            self.load("a.csv", "b.csv", *args, "--commit", commit)
            self.load("a.csv", "b.csv", "c.csv", "--resume", *args, "--commit", commit)
            self.assertEqual(["a.csv", "b.csv", "c.csv"], [row[0] for row in self.rows("t_quarantine_files")])
            self.mend(lambda raw: raw + b";'-;'")
            self.psql("UPDATE t_quarantine SET raw = '5;-' WHERE raw LIKE '5%'")
            self.assertEqual(SKIPPED, self.sheaf("retry", self.uri, "--table", "t").code)  # '-;' is no number in c
            self.psql("UPDATE t_quarantine SET raw = '4;9'")
            self.assertEqual(1, self.retry()["loaded"])
            self.assertEqual([["3", "-;", None], [None, "5", None], ["4", None, "9"]], self.rows()[3:])

    def test_a_file_that_was_taken_back(self):
        """Its facts go with its rows, and come again when it is read again."""
        self.write("a.csv", "a,b\n1,2\n3\n")
        self.write("b.csv", "a,b\n1\n2\n3,4,5\n6,7\n")
        self.expect(SKIPPED, "ingest", "a.csv", "b.csv", "-o", self.uri, "--table", "t", "--on-error", "quarantine")
        self.assertEqual(["a.csv"], [row[0] for row in self.rows("t_quarantine_files")])
        self.assertEqual(1, len(self.rows("t_quarantine")))

    def test_as_with_the_option_from_the_start(self):
        rng = random.Random(7)
        lines = "".join(f"{i},{rng.choice(['x', '', 'z'])}{',' * (rng.random() < .1)}\n" if rng.random() < .8 else f"{i}\n"
                        for i in range(5000))
        for name in ("a.csv", "b.csv"):
            self.write(name, "a,b\n" + lines)
        fix = ["--fix", "pad,trim"]
        self.load("a.csv", "b.csv", *fix, table="o", code=CLEAN)
        self.load("a.csv", "b.csv")
        self.retry(*fix)
        self.assertEqual(["o", "t"], self.tables())
        self.assertEqual(sorted(self.rows("o")), sorted(self.rows("t")))

    def test_random_folders(self):
        """As dirty.py reads the mended records."""
        n_held = 0
        for seed in range(harness.rounds(4)):
            rng = random.Random(seed)
            delimiter = rng.choice([b",", b";", b"\t"])
            files = {}
            for number in range(rng.randrange(1, 5)):
                text = dirty.make_file(rng, delimiter=delimiter)
                files[self.write(f"f{number}.csv", text)] = dirty.split(text, delimiter)
            held = [(header, reject) for _, (header, _, rejects) in sorted(files.items()) for reject in rejects]
            if not held or any("\0" in (value or "") for header, rows, _ in files.values() for row in rows.values() for value in row):
                continue
            n_held += len(held)
            self.drop()
            self.load("--delim", "tab" if delimiter == b"\t" else delimiter.decode(), "--text", *sorted(files))
            before = len(self.rows())
            mended = [delimiter.join(b"m%d" % i for i in range(len(header))) for header, _ in held]
            texts = iter(mended)
            self.mend(lambda raw: next(texts))
            self.assertEqual(len(held), self.retry()["loaded"])
            names = [name for name, _ in self.columns()]
            expected = [[f"m{header.index(name)}" if name in header else None for name in names]
                        for header, _ in held]
            self.assertEqual(expected, self.rows()[before:])
        self.assertGreater(n_held, 0)

    @unittest.skipIf(harness.is_sanitized(), "the peak says nothing")
    def test_memory(self):
        """Of many records a piece is in memory, however large they are."""
        self.write("f.csv", "a,b\n" + "x\n" * 2000 + ("x" * 100_000 + "\n") * 600)
        self.load("f.csv")
        run = self.measure("retry", self.uri, "--table", "t", "-q", "--fix", "pad")
        self.assertEqual(CLEAN, run.code, run)
        self.assertLess(run.peak_bytes, 48 << 20)
        self.assertEqual("2600\n", self.psql("SELECT count(*) FROM t"))


class Killed(RetryTest):
    """Whenever a retry ends, each record is in the table or in the quarantine, and in one of them."""

    RECORDS = 6000

    def setUp(self):
        super().setUp()
        self.write("f.csv", "a,b\n" + "".join(f"{n}\n" for n in range(self.RECORDS)))
        self.all = [str(n) for n in range(self.RECORDS)]

    def check(self, end, n):
        rng = random.Random(n)
        self.load("f.csv")
        begun = time.monotonic()
        self.retry("--fix", "pad", "--max-errors", "100%")
        seconds = time.monotonic() - begun
        self.drop()
        self.load("f.csv")
        n_done = n_ended = 0
        while n_done < n or (n_ended == 0 and n_done < 20 * n):
            n_done += 1
            process = self.start("retry", self.uri, "--table", "t", "-q", "--fix", "pad")
            time.sleep(rng.random() * seconds)
            end(process)
            process.communicate()
            self.assertIn(process.returncode, (CLEAN, FAULT, INTERRUPTED, -signal.SIGKILL, -signal.SIGTERM))
            n_ended += process.returncode != CLEAN
            rows = self.psql("SELECT a FROM t").split()
            held = self.psql("SELECT raw FROM t_quarantine").split() if "t_quarantine" in self.tables() else []
            self.assertEqual(self.all, sorted(rows + held, key=int))
            self.assertIn(len(held), (0, self.RECORDS))
            if not held:
                self.drop()
                self.load("f.csv")
        self.until_it_is_free()
        self.retry("--fix", "pad")
        self.assertEqual(self.all, self.psql("SELECT a FROM t").split())
        self.assertGreater(n_ended, 0)

    def until_it_is_free(self):
        """The backend of a program that was killed may live on for a moment."""
        give_up = time.monotonic() + harness.TIMEOUT
        while self.psql("SELECT count(*) FROM pg_stat_activity WHERE application_name = 'sheaf' AND "
                        f"datname = {literal(self.database)}") != "0\n":
            self.assertLess(time.monotonic(), give_up)
            time.sleep(0.05)

    def test_the_program_is_killed(self):
        self.check(lambda process: process.kill(), harness.rounds(10))

    def test_the_program_is_interrupted(self):
        self.check(lambda process: process.send_signal(signal.SIGTERM), harness.rounds(4))

    def test_its_backend_is_terminated(self):
        self.check(lambda process: self.psql(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'sheaf' AND "
            f"datname = {literal(self.database)}", database="postgres"), harness.rounds(6))


if __name__ == "__main__":
    harness.main()

"""What was set aside is mended and loaded: from a table's quarantine back into the table, from JSON lines into a file.

The oracle: a folder of random files with faults is loaded, some of the records that were set aside are mended by the
test, and the retry's table is then that of the files with the mended records in them, as dirty.py reads these.
"""

import contextlib
import fcntl
import gzip
import json
import os
import random
import signal
import sqlite3
import time
import unittest

import dirty
import harness
from harness import CLEAN, FAULT, INTERRUPTED, SKIPPED, USAGE, SheafTest, sql_name

BAD = b'a,b\n1,2\n3\n4,5,6\n7,\xff\n8,"9\n10,11\n'
JSONL = "x.csv.quarantine.jsonl"


def encode(text):
    return text.encode("utf-8", "surrogateescape")


def decode(data):
    return data.decode("utf-8", "surrogateescape")


class RetryTest(SheafTest):
    def load(self, *args, code=SKIPPED):
        return self.expect(code, "ingest", *args, "--on-error", "quarantine", "--max-errors", "100%", "-q")

    def lines(self, name=JSONL):
        return [json.loads(line) for line in self.read(name).decode().split("\n")[:-1]]

    def records(self, name=JSONL):
        return [each for each in self.lines(name) if "raw" in each]

    def rewrite(self, lines, name=JSONL):
        self.write(name, "".join(json.dumps(line) + "\n" for line in lines))

    def mend_lines(self, mend, name=JSONL):
        """Each record's text becomes what `mend` makes of the record (as bytes); None: it stays."""
        lines = self.lines(name)
        for each in lines:
            text = mend(encode(each["raw"])) if "raw" in each else None
            if text is not None:
                each["raw"] = decode(text)
        self.rewrite(lines, name)

    def raws(self, table="x", database="x.db"):
        out = self.sql(database, f"SELECT hex(raw) FROM {sql_name(table + '_quarantine')} ORDER BY rowid;")
        return [bytes.fromhex(line) for line in out.decode().split("\n")[:-1]]

    def codes(self, table="x", database="x.db"):
        return self.sql(database, f"SELECT code FROM {sql_name(table + '_quarantine')} ORDER BY rowid;").decode().split()

    def mend_table(self, mend, table="x", database="x.db"):
        changes = []
        for number, raw in enumerate(self.raws(table, database)):
            text = mend(raw)
            if text is not None:
                value = f"X'{text.hex()}'" if b"\0" in text or b"\xff" in text else f"CAST(X'{text.hex()}' AS TEXT)"
                name = sql_name(table + "_quarantine")
                changes.append(f"UPDATE {name} SET raw = {value} WHERE rowid = (SELECT rowid FROM {name} "
                               f"ORDER BY rowid LIMIT 1 OFFSET {number});")
        self.sql(database, "BEGIN;" + "".join(changes) + "COMMIT;")

    def tables(self, database="x.db"):
        return self.sql(database, "SELECT name FROM sqlite_master WHERE name NOT LIKE '%_ledger' "
                                  "ORDER BY 1;").decode().split("\n")[:-1]

    def retry(self, *args, code=CLEAN, **options):
        """The facts of a retry, which add up."""
        facts = json.loads(self.expect(code, "retry", *args, "--json", **options).out)
        self.assertEqual(facts["records"], facts["loaded"] + facts["rejected"], facts)
        return facts


MENDED = {b"3": b"3,33", b"4,5,6": b'"4",5', b"7,\xff": b"7,8", b'8,"9': b'8,"9"'}


class Table(RetryTest):
    """What a database has set aside goes back into its table."""

    def setUp(self):
        super().setUp()
        self.write("bad.csv", BAD)
        self.load("bad.csv", "-o", "x.db")

    def test_all_of_it(self):
        self.mend_table(MENDED.get)
        facts = self.retry("x.db")
        self.assertEqual((1, 4, 4, 0), tuple(facts[key] for key in ("files", "records", "loaded", "rejected")))
        self.assertEqual([["1", "2"], ["10", "11"], ["3", "33"], ["4", "5"], ["7", "8"], ["8", "9"]],
                         self.sql_rows("x.db", "x"))
        self.assertEqual(b"integer|6\n", self.sql("x.db", "SELECT typeof(b), count(*) FROM x GROUP BY 1;"))
        self.assertEqual(["x"], self.tables())
        self.assert_database_is_sound("x.db")

    def test_some_of_it(self):
        self.mend_table({b"3": b"3,33", b"4,5,6": b"4,five", b"7,\xff": b"7,8,9"}.get)
        run = self.expect(SKIPPED, "retry", "x.db")
        self.assertIn(b"records 4 = 1 loaded + 3 still at fault", run.out)
        self.assertIn("'five' is not of type int64", run.error_text)
        self.assertEqual([["1", "2"], ["10", "11"], ["3", "33"]], self.sql_rows("x.db", "x"))
        self.assertEqual(["type", "long", "quote"], self.codes())
        self.assertEqual([b"4,five", b"7,8,9", b'8,"9'], self.raws())
        place = self.sql("x.db", 'SELECT line, record, field, "column", fault_line, fault_byte, "offset", message '
                                 "FROM x_quarantine LIMIT 1;")
        self.assertEqual(b"4|3|2|b|4|3|10|'five' is not of type int64\n", place)

    def test_again_and_again(self):
        before = self.sql("x.db", ".dump")
        self.assertEqual(4, self.retry("x.db", code=SKIPPED)["rejected"])
        self.assertEqual(before, self.sql("x.db", ".dump"))
        self.mend_table(MENDED.get)
        self.assertEqual(4, self.retry("x.db")["loaded"])
        before = self.sql("x.db", ".dump")
        self.assertEqual(0, self.retry("x.db")["records"])
        self.assertEqual(before, self.sql("x.db", ".dump"))

    def test_what_is_deleted_is_no_more(self):
        self.sql("x.db", "DELETE FROM x_quarantine WHERE code <> 'short'; UPDATE x_quarantine SET raw = '3,4';")
        self.assertEqual(1, self.retry("x.db")["records"])
        self.assertEqual(["x"], self.tables())

    def test_a_text_that_is_not_one_record(self):
        for text, says in ((b"", b"no record"), (b"\n\n", b"no record"), (b"1,2\n3,4", b"2 records"),
                           (b"1,2\n3", b"2 records"), (b"3\n1,2\n1,2\n", b"3 records")):
            with self.subTest(text=text):
                self.mend_table(lambda raw: text)
                self.assertEqual(0, self.retry("x.db", code=SKIPPED)["loaded"])
                self.assertEqual(["count"] * 4, self.codes())
                self.assertIn(says, self.sql("x.db", "SELECT message FROM x_quarantine;"))
        self.mend_table(lambda raw: b"3,4\r\n")
        self.assertEqual(4, self.retry("x.db")["loaded"])

    def test_values_of_other_kinds_in_raw(self):
        self.sql("x.db", "UPDATE x_quarantine SET raw = 3 WHERE code = 'short';"
                         "UPDATE x_quarantine SET raw = NULL WHERE code = 'long'")
        self.assertEqual(4, self.retry("x.db", code=SKIPPED)["rejected"])
        self.assertEqual(["short", "count"], self.codes()[:2])

    def test_repairs(self):
        self.assertEqual(1, self.expect(SKIPPED, "retry", "x.db").error_text.count("--fix pad repairs such records"))
        facts = self.retry("x.db", "--fix", "pad,trim,quotes", code=SKIPPED)
        self.assertEqual({"records": 1, "padded": 1, "trimmed": 0, "unquoted": 0}, facts["repaired"])
        self.assertEqual([["3", None]], self.sql_rows("x.db", "x")[2:])
        self.assertEqual(["long", "encoding", "quote"], self.codes())

    def test_limits(self):
        self.mend_table({b"3": b"3,33"}.get)
        for most in ("2", "70%"):
            before = self.sql("x.db", ".dump")
            self.assert_shows_error(self.expect(FAULT, "retry", "x.db", "-q", "--max-errors", most), says="3 of 4 records")
            self.assertEqual(before, self.sql("x.db", ".dump"))
        self.retry("x.db", "--max-errors", "3", code=SKIPPED)

    def test_a_table_that_was_changed(self):
        self.mend_table(MENDED.get)
        self.sql("x.db", "ALTER TABLE x ADD COLUMN c; CREATE INDEX i ON x(a);")
        self.assertEqual(4, self.retry("x.db")["loaded"])
        self.assertEqual([["3", "33", None]], self.sql_rows("x.db", "x")[2:3])
        self.load("bad.csv", "-o", "x.db", "--if-exists", "replace")
        self.mend_table(MENDED.get)
        self.sql("x.db", "ALTER TABLE x RENAME COLUMN b TO c;")
        with self.assert_directory_unchanged():
            self.assert_shows_error(self.expect(FAULT, "retry", "x.db"), says="no column 'b'")

    def test_what_the_table_refuses(self):
        self.mend_table(MENDED.get)
        self.sql("x.db", "CREATE UNIQUE INDEX i ON x(b); UPDATE x_quarantine SET raw = '3,11' WHERE raw = '3,33';"
                         "CREATE TRIGGER t BEFORE INSERT ON x WHEN NEW.a = 7 BEGIN SELECT RAISE(IGNORE); END;"
                         "CREATE TABLE log(a); CREATE TRIGGER l AFTER INSERT ON x BEGIN INSERT INTO log VALUES(1); END;")
        self.assertEqual(2, self.retry("x.db", code=SKIPPED)["loaded"])
        self.assertEqual(["table", "table"], self.codes())
        self.assertEqual([b"3,11", b"7,8"], self.raws())
        self.assertEqual(b"2\n", self.sql("x.db", "SELECT count(*) FROM log;"))

    def test_a_row_that_is_refused_when_it_is_there(self):
        self.mend_table(MENDED.get)
        self.sql("x.db", "CREATE TABLE log(a); CREATE TRIGGER t AFTER INSERT ON x WHEN NEW.a = 7 BEGIN "
                         "INSERT INTO log VALUES(1); SELECT RAISE(FAIL, 'no'); END;")
        self.assertEqual(3, self.retry("x.db", code=SKIPPED)["loaded"])
        before = self.sql_rows("x.db", "x")
        self.assertNotIn("7", [row[0] for row in before])
        self.assertEqual(0, self.retry("x.db", code=SKIPPED)["loaded"])
        self.assertEqual(before, self.sql_rows("x.db", "x"))
        self.assertEqual([b"7,8"], self.raws())
        self.assertEqual(b"0\n", self.sql("x.db", "SELECT count(*) FROM log;"))

    def test_a_refusal_that_ends_the_transaction(self):
        self.mend_table(MENDED.get)
        self.sql("x.db", "CREATE TRIGGER t BEFORE INSERT ON x WHEN NEW.a = 7 BEGIN SELECT RAISE(ROLLBACK, 'no'); END;")
        before = self.sql("x.db", ".dump")
        self.assert_shows_error(self.expect(FAULT, "retry", "x.db"), says="no")
        self.assertEqual(before, self.sql("x.db", ".dump"))

    def test_a_database_that_is_locked(self):
        self.mend_table(MENDED.get)
        with contextlib.closing(sqlite3.connect(self.path("x.db"))) as other:
            other.execute("BEGIN IMMEDIATE")
            self.assert_shows_error(self.expect(FAULT, "retry", "x.db"), says="locked")
        self.assertEqual(4, self.retry("x.db")["loaded"])

    def test_what_is_none(self):
        self.assert_shows_error(self.expect(FAULT, "retry", "x.db", "--table", "y"), says='no table "y"')
        self.assert_shows_error(self.expect(FAULT, "retry", "y.db"), says="cannot open the database")
        self.assertNotIn("y.db", self.names())
        self.sql("x.db", "DROP TABLE x_quarantine_files;")
        self.assert_shows_error(self.expect(FAULT, "retry", "x.db"), says="no table x_quarantine_files")
        self.sql("x.db", "CREATE TABLE x_quarantine_files(file, header); INSERT INTO x_quarantine_files VALUES('a', 1);")
        self.assert_shows_error(self.expect(FAULT, "retry", "x.db"), says="no JSON object")
        self.sql("x.db", "DELETE FROM x_quarantine_files;")
        self.assert_shows_error(self.expect(FAULT, "retry", "x.db"), says="of the file 'bad.csv' there is no header")
        self.sql("x.db", "DROP TABLE x_quarantine; CREATE TABLE x_quarantine(a); INSERT INTO x_quarantine VALUES(1);")
        self.assert_shows_error(self.expect(FAULT, "retry", "x.db"), says="no quarantine")
        self.write("z.db", "no database at all" * 100)
        self.expect(FAULT, "retry", "z.db")

    def test_a_database_in_utf_16(self):
        self.sql("u.db", "PRAGMA encoding = 'UTF-16'; CREATE TABLE other(a);")
        self.write("é.csv", "a,b\n1,2\n3\n")
        self.load("é.csv", "-o", "u.db")
        self.sql("u.db", "UPDATE u_quarantine SET raw = '3,4';")
        self.assertEqual(1, self.retry("u.db")["loaded"])
        self.assertEqual(["other", "u"], self.tables("u.db"))

    def test_names_of_any_kind(self):
        self.write("odd.csv", 'a "q",A "Q",\x00\n1,2,3\n4,5\n')
        self.load("odd.csv", "-o", "o.db", "--table", 'my "table"')
        self.mend_table(lambda raw: b"4,5,6", 'my "table"', "o.db")
        self.assertEqual(1, self.retry("o.db", "--table", 'my "table"')["loaded"])
        self.assertEqual([["1", "2", "3"], ["4", "5", "6"]], self.sql_rows("o.db", 'my "table"'))

    def test_types_of_every_kind(self):
        self.write("t.csv", "i,f,b,d,t,u,c,s\n1,2.5,true,2024-02-29,2024-02-29 01:02,2024-02-29 01:02Z,01:02:03,x\n"
                            "2\n3\n")
        self.load("t.csv", "-o", "t.db")
        good = b'7,8,false,2025-01-02,2025-01-02T03:04,2025-01-02T03:04:05.5Z,23:59:59,"x\ny"'
        self.mend_table(lambda raw: good if raw == b"2" else good.replace(b"8", b"eight"), "t", "t.db")
        self.assertEqual(1, self.retry("t.db", code=SKIPPED)["loaded"])
        self.assertEqual([["7", "8.0", "0", "2025-01-02", "2025-01-02 03:04:00", "2025-01-02 03:04:05.5Z", "23:59:59",
                           "x\ny"]], self.sql_rows("t.db", "t")[1:])


class Lines(RetryTest):
    """What a file of JSON lines has set aside goes to a new destination."""

    def setUp(self):
        super().setUp()
        self.write("bad.csv", BAD)
        self.load("bad.csv", "-o", "x.csv")

    def test_into_every_kind(self):
        before = self.read(JSONL)
        for name, text in (("y.csv", b"a,b\n3,33\n8,9\n"), ("y.tsv", b"a\tb\n3\t33\n8\t9\n"),
                           ("y.jsonl", b'{"a":"3","b":"33"}\n{"a":"8","b":"9"}\n')):
            self.write(JSONL, before)
            self.mend_lines({b"3": b"3,33", b'8,"9': b'8,"9"'}.get)
            self.assertEqual(2, self.retry(JSONL, "-o", name, code=SKIPPED)["loaded"])
            self.assertEqual(text, self.read(name))
            self.assertEqual([b"4,5,6", b"7,\xff"], [encode(each["raw"]) for each in self.records()])
            self.assertEqual(["long", "encoding"], [each["code"] for each in self.records()])
        self.write(JSONL, before)
        self.mend_lines(MENDED.get)
        run = self.expect(CLEAN, "retry", JSONL, "-o", "-")
        self.assertEqual(b"a,b\n3,33\n4,5\n7,8\n8,9\n", run.out)
        self.assertNotIn(JSONL, self.names())

    def test_into_a_database(self):
        self.mend_lines({b"3": b"3,33", b'8,"9': b'8,"9"', b"4,5,6": b"4,x"}.get)
        self.retry(JSONL, "-o", "y.db", "--type", "b=int64", code=SKIPPED)
        self.assertEqual([["3", "33"], ["8", "9"]], self.sql_rows("y.db", "y"))
        self.assertEqual(["type", "encoding"], [each["code"] for each in self.records()])
        self.retry(JSONL, "-o", "y.db", "--table", "z", code=SKIPPED)
        self.assertEqual(b"text\n", self.sql("y.db", "SELECT typeof(b) FROM z;"))

    def test_into_files_that_have_types(self):
        self.mend_lines({b"3": b"3,33", b'8,"9': b'8,"9"', b"4,5,6": b"4,x"}.get)
        quarantine = self.read(JSONL)
        self.write("good.csv", "a,b\n3,33\n8,9\n")
        for name in ("y.parquet", "y.arrow", "y.arrows"):
            self.write(JSONL, quarantine)
            self.retry(JSONL, "-o", name, "--type", "b=int64", code=SKIPPED)
            self.assertEqual(["type", "encoding"], [each["code"] for each in self.records()])
            self.expect(CLEAN, "ingest", "good.csv", "-o", "good" + name, "-q")
            self.assertEqual(self.read("good" + name), self.read(name))

    def test_a_quarantine_that_is_named(self):
        self.load("bad.csv", "-o", "n.db", "--quarantine", "q.jsonl")
        self.mend_lines(MENDED.get, "q.jsonl")
        self.assertEqual(4, self.retry("q.jsonl", "-o", "m.db")["loaded"])
        self.assertEqual(b"integer\n", self.sql("m.db", "SELECT DISTINCT typeof(b) FROM m;"))

    def test_without_a_good_one_nothing_is_made(self):
        before = self.read(JSONL)
        self.assertEqual(4, self.retry(JSONL, "-o", "y.csv", code=SKIPPED)["rejected"])
        self.assertEqual(["bad.csv", "x.csv", JSONL], self.names())
        self.assertEqual(before, self.read(JSONL))

    def test_looking_only(self):
        self.mend_lines(MENDED.get)
        with self.assert_directory_unchanged():
            self.assertEqual(4, self.retry(JSONL, "-o", "null:")["loaded"])

    def test_once_it_was_loaded_there_is_none(self):
        self.mend_lines(MENDED.get)
        self.retry(JSONL, "-o", "y.csv")
        with self.assert_directory_unchanged():
            self.assert_shows_error(self.expect(FAULT, "retry", JSONL, "-o", "z.csv"), says="cannot open")

    def test_nothing_is_replaced(self):
        self.mend_lines(MENDED.get)
        for name in ("x.csv", JSONL + ".csv"):
            self.write(name, "mine\n")
            with self.assert_directory_unchanged():
                self.assert_shows_error(self.expect(FAULT, "retry", JSONL, "-o", name), says="exists")
        self.write("q.jsonl", self.read(JSONL))
        with self.assert_directory_unchanged():
            self.expect(FAULT, "retry", "q.jsonl", "-o", "q.jsonl")

    def test_an_empty_one(self):
        for text in (b"", b"\n\n", self.read(JSONL).split(b"\n")[0] + b"\n"):
            self.write("q.jsonl", text)
            with self.assert_directory_unchanged():
                self.assertEqual(0, self.retry("q.jsonl", "-o", "y.csv")["records"])

    def test_what_is_none(self):
        head, record = self.read(JSONL).split(b"\n")[:2]
        for text, line, says in ((b"a,b\n1,2\n", 1, "no JSON object"), (b"[1]\n", 1, "no JSON object"),
                                 (b"7\n", 1, "no JSON object"), (record, 1, "no line before it"),
                                 (head + b"\n" + record[:-5], 2, "no JSON object"),
                                 (head + b"\n\n" + record.replace(b'"raw"', b'"rwa"'), 3, '"raw"'),
                                 (head + b"\n" + record.replace(b'"raw":"3"', b'"raw":3'), 2, 'no string: "raw"'),
                                 (head + b"\n" + record.replace(b'"line":3,', b''), 2, '"line"'),
                                 (head + b"\n" + record.replace(b'"line":3', b'"line":-3'), 2, '"line"'),
                                 (head + b"\n" + record.replace(b'"line":3', b'"line":1e3'), 2, '"line"'),
                                 (head + b"\n" + record.replace(b'"file":"bad', b'"file":"worse'), 2, "no line before"),
                                 (head + b"\n" + record.replace(b'"raw":"3"', b'"raw":"\\ud800"'), 2, "half"),
                                 (head + b"\n" + record.replace(b'"raw":"3"', b'"raw":"\\udc00"'), 2, "half"),
                                 (head.replace(b'"quarantine":1', b'"quarantine":2'), 1, "format 2"),
                                 (head.replace(b'"quarantine":1', b'"quarantine":"1"'), 1, '"quarantine"'),
                                 (head.replace(b'["a","b"]', b'[]'), 1, '"columns"'),
                                 (head.replace(b'[0,1]', b'[0]'), 1, '"places"'),
                                 (head.replace(b'[0,1]', b'["0","1"]'), 1, '"places"'),
                                 (head.replace(b'["a","b"]', b'"a"'), 1, '"columns"'),
                                 (head.replace(b'["a","b"]', b'[1]'), 1, '"columns"'),
                                 (head.replace(b'"delimiter":","', b'"delimiter":null'), 1, "delimiter"),
                                 (head.replace(b'"delimiter":","', b'"delimiter":",,"'), 1, "delimiter"),
                                 (head.replace(b'"nulls":[]', b'"nulls":{}'), 1, '"nulls"'),
                                 (head.replace(b'"origins":[]', b'"origins":["x"]'), 1, '"origins"'),
                                 (head + b"\n\0" + record, 2, "no JSON")):
            with self.subTest(text=text):
                self.write("q.jsonl", text)
                with self.assert_directory_unchanged():
                    self.expect_fault("retry", "q.jsonl", "-o", "y.csv", source="q.jsonl", line=line, says=says)
        self.write("q.jsonl", head.replace(b'"delimiter":","', b'"delimiter":"\\""') + b"\n" + record)
        with self.assert_directory_unchanged():
            self.expect_fault("retry", "q.jsonl", "-o", "y.csv", source="q.jsonl")
        self.expect_fault("retry", "gone.jsonl", "-o", "y.csv", says="cannot open")
        os.mkdir(self.path("folder"))
        self.expect_fault("retry", "folder", "-o", "y.csv", says="no regular file")

    def test_it_may_be_written_by_others(self):
        """A byte order mark, blanks, other escapes and orders of members, line ends of another system."""
        lines = self.lines()
        for each in lines:
            if "raw" in each:
                each["raw"] = decode(MENDED[encode(each["raw"])])
        text = "\r\n\r\n".join(json.dumps(dict(reversed(each.items())), indent=None, separators=(" , ", " : "))
                               for each in lines)
        self.write(JSONL, "\ufeff" + text.replace("3,33", "\\u0033,\\ud83d\\uDE00\\/\\t"))
        self.assertEqual(4, self.retry(JSONL, "-o", "y.csv")["loaded"])
        self.assertEqual("a,b\n3,\U0001F600/\t\n4,5\n7,8\n8,9\n", self.read("y.csv").decode())

    def test_several_in_one(self):
        """Of two quarantines in one file, each record is read as the line before it says."""
        self.write("bad.csv", "b;c\n1;2\n3\n")
        self.load("bad.csv", "-o", "z.csv", "--delim", ";")
        self.write("q.jsonl", self.read(JSONL) + self.read("z.csv.quarantine.jsonl"))
        self.mend_lines(lambda raw: b"3,4" if raw == b"3" else None, "q.jsonl")
        lines = self.lines("q.jsonl")
        lines[-1]["raw"] = "5;6"
        self.rewrite(lines, "q.jsonl")
        self.assertEqual(2, self.retry("q.jsonl", "-o", "y.csv", code=SKIPPED)["loaded"])
        self.assertEqual(b"a,b,c\n3,4,\n,5,6\n", self.read("y.csv"))

    def test_a_link_to_one(self):
        os.symlink(JSONL, self.path("link"))
        self.mend_lines({b"3": b"3,33"}.get)
        self.retry("link", "-o", "y.csv", code=SKIPPED)
        self.assertEqual(3, len(self.records()))
        self.mend_lines(MENDED.get)
        self.retry("link", "-o", "z.csv")
        self.assertNotIn(JSONL, self.names())

    def test_damaged_anywhere(self):
        rng = random.Random(3)
        self.mend_lines(MENDED.get)
        text = self.read(JSONL)
        for _ in range(harness.rounds(150)):
            damaged = bytearray(text)
            at = rng.randrange(len(text))
            damaged[at:at + rng.randrange(4)] = bytes(rng.choice(b'"\\,:{}[]0u\n\0\xff') for _ in range(rng.randrange(3)))
            self.write("q.jsonl", bytes(damaged))
            before = self.snapshot()
            run = self.sheaf("retry", "q.jsonl", "-o", "y.csv", "-q")
            self.assertIn(run.code, (CLEAN, FAULT, SKIPPED), run)
            if run.code == FAULT:
                self.assertEqual(before, self.snapshot())
            with contextlib.suppress(FileNotFoundError):
                os.unlink(self.path("y.csv"))

    def test_written_to_meanwhile(self):
        self.mend_lines(lambda raw: b"3," + b"x" * 4_000_000 if raw == b"3" else None)
        process = self.start("retry", JSONL, "-o", "-", "-q")
        process.stdout.read(1)  # it is writing, and nobody reads
        with open(self.path(JSONL), "a") as file:
            file.write("\n")
        with self.assert_directory_unchanged():
            run = self.finish(process)
        self.assertEqual(FAULT, run.code)
        self.assertIn("changed while it was read", run.error_text)

    def test_written_to_while_rows_are_committed(self):
        """The rows fit into the output's buffer, but not into the pipe: it is commit that waits."""
        self.mend_lines(lambda raw: b"3," + b"x" * 100_000 if raw == b"3" else None)
        process = self.start("retry", JSONL, "-o", "-", "-q")
        process.stdout.read(1)
        theirs = self.read(JSONL) + b"\n"
        self.write(JSONL, theirs)
        run = self.finish(process)
        self.assertEqual(FAULT, run.code)
        self.assertIn("the rows were loaded all the same", run.error_text)
        self.assertEqual(theirs, self.read(JSONL))
        self.assertEqual(["bad.csv", "x.csv", JSONL], self.names())

    def test_a_reader_that_goes_away(self):
        self.mend_lines(lambda raw: b"3," + b"x" * 4_000_000 if raw == b"3" else None)
        with self.assert_directory_unchanged():
            process = self.start("retry", JSONL, "-o", "-", "-q")
            process.stdout.read(1)
            process.stdout.close()
            process.stdout = None
            run = self.finish(process)
        self.assertEqual(FAULT, run.code)

    def test_one_retry_at_a_time(self):
        with open(self.path(JSONL)) as other:
            fcntl.flock(other, fcntl.LOCK_EX)
            self.assert_shows_error(self.expect(FAULT, "retry", JSONL, "-o", "y.csv"), says="another retry")

    def test_a_disk_that_is_full(self):
        self.mend_lines(lambda raw: b"3," + b"x" * 2_000_000 if raw == b"3" else None)
        with self.assert_directory_unchanged():
            self.expect(FAULT, "retry", JSONL, "-o", "y.csv", preexec_fn=harness.limit_file_size(1_000_000))

    def test_usage(self):
        for args in ([], [JSONL], [JSONL, JSONL, "-o", "y.csv"], ["x.db", "-o", "y.csv"], [JSONL, "-o", "y"],
                     [JSONL, "-o", "y.csv", "--type", "b=int64"], ["x.db", "--type", "b=int64"],
                     [JSONL, "-o", "y.db", "--type", "c=int64"], [JSONL, "-o", "y.csv", "--if-exists", "replace"],
                     [JSONL, "-o", "y.csv", "--delim", ";"], [JSONL, "-o", "y.csv", "--table", "t"]):
            with self.assert_directory_unchanged():
                self.expect(USAGE, "retry", *args)


class WhatIsKnown(RetryTest):
    """A quarantine knows how its records are to be read, and where they belong."""

    def check(self, text, mend, rows, *args, header=None):
        """Into a database's table and through JSON lines: `rows` are added."""
        self.write("f.csv", text)
        self.load("f.csv", "-o", "x.db", "--if-exists", "replace", "--text", *args)
        self.mend_table(mend)
        n_before = len(self.sql_rows("x.db", "x"))
        self.retry("x.db")
        self.assertEqual(rows, self.sql_rows("x.db", "x")[n_before:])
        self.load("f.csv", "-o", "x.csv", "--if-exists", "replace", *args)
        self.mend_lines(mend)
        header = self.read("x.csv").split(b"\n")[0] if header is None else header
        self.retry(JSONL, "-o", "y.db")
        self.assertEqual(rows, self.sql_rows("y.db", "y"))
        os.unlink(self.path("y.db"))
        self.load("f.csv", "-o", "x.csv", "--if-exists", "replace", *args)
        self.mend_lines(mend)
        self.retry(JSONL, "-o", "y.csv")
        self.assertEqual(header, self.read("y.csv").split(b"\n")[0])
        os.unlink(self.path("y.csv"))

    def test_whoever_reads(self):
        rows = "".join(f"{n};'{n};x'\n" if n % 50 else f"{n}\n" for n in range(60_000))
        self.write("f.csv", "a;b\n" + rows)
        self.write("g.csv.gz", gzip.compress(("b;c\n" + rows).encode()))
        known = set()
        for args in (["-j", "1"], ["-j", "8"], ["--executor", "processes"], ["--executor", "sequential"]):
            self.load("f.csv", "g.csv.gz", "-o", "x.csv", "--if-exists", "replace", "--quote", "'", "--delim", ";",
                      "--drop", "b", "--add", "line", *args)
            known.add(self.read(JSONL))
        self.assertEqual(1, len(known))
        self.assertEqual([("f.csv", ["a", None], [0, None]), ("g.csv.gz", [None, "c"], [None, 1])],
                         [(each["file"], each["columns"], each["places"]) for each in self.lines()
                          if "quarantine" in each])
        self.mend_lines(lambda raw: raw + b";'y;z'")
        self.assertEqual(2400, self.retry(JSONL, "-o", "y.csv")["loaded"])
        self.assertEqual([["a", "c", "line"], ["0", "", "2"], ["50", "", "52"]],
                         harness.parse_csv(self.read("y.csv"))[:3])

    def test_dialects(self):
        self.check("a;b\n1;2\n3\n", lambda raw: b"'3;4';5", [["3;4", "5"]], "--delim", ";", "--quote", "'")
        self.check("a\tb\n1\t2\n3\n", lambda raw: b"\"3\"\t\"4,\"", [["3", "4,"]], "--delim", "tab")
        self.check("a|b\n1|2\n3\n", lambda raw: b'3\\|3|"4\\"4"', [["3|3", '4"4']], "--delim", "|", "--escape", "\\")
        self.check("a,b\n1,2\n3\n", lambda raw: b' 3 , "4" ', [["3", "4"]], "--padding", "yes")
        self.check("#x\na,b\n1,2\n3\n", lambda raw: b'#y\n3,#4', [["3", "#4"]], "--comment", "#")
        self.check("a,b\n1,2\n3\n", lambda raw: b'3,"4', [["3", '"4']], "--quote", "none")
        self.check("x\ny\na,b\n1,2\n3\n", lambda raw: b"3,4", [["3", "4"]], "--skip", "2")

    def test_no_header(self):
        self.check("1,2\n3\n4,5\n", lambda raw: b"3,4", [["3", "4"]], "--header", "no", header=b"3,4")

    def test_nulls(self):
        self.check("a,b\n1,2\n3\n", lambda raw: b'NA,"-"', [[None, None]], "--null", "NA", "--null", "-")
        self.check("a,b\n1,2\n3\n", lambda raw: b',""', [[None, ""]])

    def test_nulls_that_are_told_now(self):
        self.write("f.csv", "a,b\n1,2\n3\n")
        self.load("f.csv", "-o", "x.db")
        self.mend_table(lambda raw: b"NA,4")
        self.retry("x.db", code=SKIPPED)
        self.retry("x.db", "--null", "NA")
        self.assertEqual([["1", "2"], [None, "4"]], self.sql_rows("x.db", "x"))

    def test_columns(self):
        text, mended = "a,B,c\n1,2,3\n4\n", lambda raw: b"5,6,7"
        self.check(text, mended, [["7", "5"]], "--select", "c,a")
        self.check(text, mended, [["5", "6"]], "--drop", "c")
        self.check(text, mended, [["5", "6", "7"]], "--rename", "B=b")
        self.check(text, mended, [["5", "6", "7"]], "--match", "loose")
        self.check("a,a,A\n1,2,3\n4\n", mended, [["5", "6", "7"]])

    def test_where_rows_come_from(self):
        self.check("a,b\n1,2\n3\n", lambda raw: b"3,4", [["3", "4", "2", "f.csv", "3"]], "--add",
                   "row=n,file=source,line")

    def test_a_path_of_any_bytes(self):
        self.write(b"d/b\xe4d\n\x01.csv", BAD)
        self.load("d", "-o", "x.db", "--add", "file")
        self.mend_table(MENDED.get)
        self.assertEqual(4, self.retry("x.db")["loaded"])
        self.load("d", "-o", "x.csv")
        self.mend_lines(MENDED.get)
        self.assertEqual(4, self.retry(JSONL, "-o", "y.csv")["loaded"])

    def test_encodings(self):
        self.write("f.csv", "a,b\nJürgen,ß\n3\n".encode("cp1252"))
        self.expect(SKIPPED, "ingest", "f.csv", "-o", "x.db", "--on-error", "quarantine", "--encoding", "windows-1252")
        self.mend_table(lambda raw: "é,漢".encode())
        self.retry("x.db")
        self.assertEqual([["Jürgen", "ß"], ["é", "漢"]], self.sql_rows("x.db", "x"))

    def test_nul_bytes(self):
        self.check(b"a,b\nx\0,y\n3\0\n", lambda raw: raw + b",\0\\u0000\x01", [["3\0", "\0\\u0000\x01"]])

    def test_what_is_too_large_is_not_cut(self):
        """Of a record over the limit, only the beginning is there: it may look good, and is not."""
        long = b'3,"' + b"x" * 200 + b'"\n4,' + b"y" * 200 + b"\n"
        self.write("f.csv", b"a,b\n1,two\n" + long)
        for where, retried in (("x.db", ["x.db"]), ("x.csv", [JSONL, "-o", "y.csv"])):
            self.load("f.csv", "-o", where, "--max-record", "100")
            self.assertEqual(2, self.retry(*retried, code=SKIPPED)["rejected"])
            self.assertEqual(2, self.retry(*retried, "--fix", "quotes", "--max-record", "1k", code=SKIPPED)["rejected"])
        whole = lambda raw: long.split(b"\n")[0 if raw[0] == ord("3") else 1]
        self.mend_table(whole)
        self.assertEqual(2, self.retry("x.db")["loaded"])
        self.assertEqual([["1", "two"], ["3", "x" * 200], ["4", "y" * 200]], self.sql_rows("x.db", "x"))

    @unittest.skipIf(harness.is_sanitized(), "the peak says nothing")
    def test_memory(self):
        """A few times what the record takes in its quarantine, where a byte that is no text takes six."""
        self.write("f.csv", b"a,b\n1,two\n3," + b"\xff" * 4_000_000 + b"\n")
        self.load("f.csv", "-o", "x.csv")
        size = os.path.getsize(self.path(JSONL))
        self.assertGreater(size, 24_000_000)
        run = self.measure("retry", JSONL, "-o", "y.csv", "-q")
        self.assertEqual(SKIPPED, run.code, run)
        self.assertLess(run.peak_bytes, 10 * size)


class WhatWasFoundOut(RetryTest):
    """What sniffing found out of a file is not to be found out again of one record of it."""

    sniffs = True
    finds_encodings = True

    def check(self, name, text, mend, rows):
        self.write(name, text)
        self.load(name, "-o", "x.db", "--if-exists", "replace")
        self.mend_table(mend)
        n_before = len(self.sql_rows("x.db", "x"))
        self.retry("x.db")
        self.assertEqual(rows, self.sql_rows("x.db", "x")[n_before:])
        self.load(name, "-o", "x.csv", "--if-exists", "replace")
        self.mend_lines(mend)
        self.assertEqual(len(rows), self.retry(JSONL, "-o", "y.csv")["loaded"])
        os.unlink(self.path("y.csv"))

    def test_a_dialect(self):
        lines = ["Report of 2024", "", "# made by x", "name;city;amount"] + [f"n{n};c,{n};{n}" for n in range(40)]
        text = "\n".join(lines + ["short;1", "a;b;1;2", ""]).encode()
        mended = {b"short;1": b'"sh;ort";"# x";7', b"a;b;1;2": b"a,b|c;;8"}.get
        for name, data in (("f.csv", text), ("f.csv.gz", gzip.compress(text))):
            self.check(name, data, mended, [["sh;ort", "# x", "7"], ["a,b|c", None, "8"]])

    def test_no_header(self):
        text = "".join(f"{n}\t{n}.5\t2024-01-{n % 28 + 1:02}\n" for n in range(40))
        self.check("f.csv", text + "7\n", lambda raw: b"7\t8\t2024-02-29", [["7", "8.0", "2024-02-29"]])

    def test_an_encoding(self):
        text = "name,city\n" + "Jürgen,Köln\n" * 20 + "Ä\n"
        for encoding in ("windows-1252", "utf-16"):
            self.check("f.csv", text.encode(encoding), lambda raw: raw + ",漢".encode(), [["Ä", "漢"]])


class EveryRecord(RetryTest):
    """Random folders: what is mended is as if it had been so in its file, and nothing else changes."""

    ROUNDS = 12

    def make(self, rng, delimiter):
        """Files with faults; their rows, and per file its header and rejects."""
        files = {}
        for number in range(rng.randrange(1, 5)):
            text = dirty.make_file(rng, delimiter=delimiter)
            files[self.write(f"f{number}.csv", text)] = dirty.split(text, delimiter)
        return files

    def expected(self, files):
        """The table's columns, its good rows in order, and of each reject its file and width."""
        columns = list(dict.fromkeys(name for header, _, _ in files.values() for name in header))
        rows = [self.place(columns, header, row) for header, rows, _ in files.values() for row in rows.values()]
        held = [(header, reject) for header, _, rejects in files.values() for reject in rejects]
        return columns, rows, held

    def place(self, columns, header, row):
        by_name = dict(zip(header, row))
        return [by_name.get(name) for name in columns]

    def mend(self, rng, header, delimiter):
        """A good record of this width, or one that is bad again; as it is written, and its row or None."""
        values = [dirty.make_value(rng) for _ in header]
        if rng.random() < 0.2:
            values += [b"x"]
        raw = delimiter.join(values).replace(b",", delimiter)
        _, rows, rejects = dirty.split(delimiter.join(b"h%d" % i for i in range(len(header))) + b"\n" + raw, delimiter)
        good = len(rows) == 1 and not rejects
        return raw, rows[1] if good else None

    def run_both(self, seed):
        rng = random.Random(seed)
        delimiter = rng.choice([b",", b";", b"\t"])
        files = self.make(rng, delimiter)
        columns, rows, held = self.expected(files)
        told = ["--delim", "tab" if delimiter == b"\t" else delimiter.decode(), "--text", *sorted(files)]
        code = SKIPPED if held else CLEAN
        self.load(*told, "-o", "x.db", "--if-exists", "replace", code=code)
        self.load(*told[:2], *told[3:], "-o", "x.csv", "--if-exists", "replace", code=code)
        self.assertEqual(rows, self.sql_rows("x.db", "x"))
        for _ in range(3):  # what is left is mended again
            if not held:
                break
            mended = [self.mend(rng, header, delimiter) if rng.random() < 0.6 else (None, None) for header, _ in held]
            good = [self.place(columns, header, row) for (header, _), (_, row) in zip(held, mended) if row is not None]
            rows += good
            held = [each for each, (_, row) in zip(held, mended) if row is None]
            self.retry_table([raw for raw, _ in mended], rows, held)
            self.retry_lines([raw for raw, _ in mended], good, held)
        return len(rows), len(held)

    def retry_table(self, raws, rows, held):
        raws = iter(raws)
        self.mend_table(lambda raw: next(raws))
        facts = self.retry("x.db", code=SKIPPED if held else CLEAN)
        self.assertEqual(len(held), facts["rejected"])
        self.assertEqual(rows, self.sql_rows("x.db", "x"))
        self.assertEqual(["x", "x_quarantine", "x_quarantine_files"] if held else ["x"], self.tables())
        if held:
            places = self.sql("x.db", "SELECT line, record FROM x_quarantine ORDER BY rowid;").decode().split()
            self.assertEqual([f"{each.line}|{each.record}" for _, each in held], places)

    def retry_lines(self, raws, good, held):
        raws = iter(raws)
        self.mend_lines(lambda raw: next(raws))
        self.retry(JSONL, "-o", "y.db", "--text", code=SKIPPED if held else CLEAN)
        self.assertEqual(bool(good), "y.db" in self.names())
        if good:
            have = self.sql_columns("y.db", "y")
            mine = [dict(zip(have, row)) for row in self.sql_rows("y.db", "y")]
            columns = [f"h{i}" for i in range(4)]
            self.assertEqual([[row[i] if i < len(row) else None for i in range(4)] for row in good],
                             [[row.get(name) for name in columns] for row in mine])
            os.unlink(self.path("y.db"))
        self.assertEqual(bool(held), JSONL in self.names())
        if held:
            self.assertEqual([(each.line, each.record) for _, each in held],
                             [(each["line"], each["record"]) for each in self.records()])

    def test_random_folders(self):
        n_rows = n_held = 0
        for seed in range(self.ROUNDS):
            with self.subTest(seed=seed):
                for name in self.names():
                    os.unlink(self.path(name))
                rows, held = self.run_both(seed)
                n_rows, n_held = n_rows + rows, n_held + held
        self.assertGreater(n_rows, 20 * self.ROUNDS)
        self.assertGreater(n_held, self.ROUNDS // 2)


class Killed(RetryTest):
    """Whenever a retry ends, each record is in the table or in the quarantine; of a file perhaps in both."""

    RECORDS = 20_000

    def setUp(self):
        super().setUp()
        self.write("f.csv", "a,b\n" + "".join(f"{n}\n" for n in range(self.RECORDS)))
        self.all = [str(n) for n in range(self.RECORDS)]

    def prepare(self, destination):
        self.load("f.csv", "-o", destination, "--if-exists", "replace")

    def ends(self, rng):
        yield from ((signal.SIGKILL, rng.random() * 0.25) for _ in range(8))
        yield from ((signal.SIGTERM, rng.random() * 0.25) for _ in range(3))

    def interrupt(self, number, after, *args):
        process = self.start("retry", *args, "-q", "--fix", "pad")
        time.sleep(after)
        process.send_signal(number)
        process.communicate()
        return process.returncode

    def test_a_table(self):
        self.prepare("x.db")
        rng = random.Random(1)
        for number, after in self.ends(rng):
            code = self.interrupt(number, after, "x.db")
            self.assertIn(code, (CLEAN, INTERRUPTED, -signal.SIGKILL, -signal.SIGTERM))
            rows = self.sql("x.db", "SELECT a FROM x;").decode().split()
            held = [raw.decode() for raw in self.raws()] if "x_quarantine" in self.tables() else []
            self.assertEqual(self.all, sorted(rows + held, key=int))
            if not held:
                self.prepare("x.db")
        self.retry("x.db", "--fix", "pad")
        self.assertEqual(self.all, self.sql("x.db", "SELECT a FROM x;").decode().split())

    def test_lines(self):
        self.prepare("x.csv")
        rng = random.Random(2)
        for number, after in self.ends(rng):
            self.interrupt(number, after, JSONL, "-o", "y.csv")
            rows = [line.split(",")[0] for line in self.read("y.csv").decode().splitlines()[1:]] \
                if "y.csv" in self.names() else []
            held = [each["raw"] for each in self.records()] if JSONL in self.names() else []
            self.assertIn((rows, held), ((self.all, []), ([], self.all), (self.all, self.all)))
            if rows and held:
                self.assert_shows_error(self.expect(FAULT, "retry", JSONL, "-o", "y.csv"), says="killed")
            if rows:
                os.unlink(self.path("y.csv"))
                self.prepare("x.csv")


if __name__ == "__main__":
    harness.main()

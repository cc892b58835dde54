"""Hostile names and values, in both databases: the same bytes come back, or are refused; no statement is executed.

What would be executed drops a table, the canary. SHEAF_HOSTILE says how many names and values there are of each
kind (by itself 150, in PostgreSQL 60).
"""

import contextlib
import json
import os
import shutil
import sqlite3
import unittest

from harness import CLEAN, FAULT, SKIPPED, USAGE, SheafTest, csv_line, sql_name
from hostile import LONG, NUL, ascii_lower, hostile
from postgres import PostgresTest, literal, quoted

MANY = int(os.environ.get("SHEAF_HOSTILE", "150"))
FEWER = int(os.environ.get("SHEAF_HOSTILE", "60"))
AT_ONCE = 25
FILE_NAME_BYTES = 200


def usable(text):
    """As SQLite and PostgreSQL tell names apart, which end at a NUL: that is shown there."""
    return ascii_lower(text.replace("\0", "␀"))


def groups(items):
    return [items[i:i + AT_ONCE] for i in range(0, len(items), AT_ONCE)]


class InSqlite(SheafTest):
    def setUp(self):
        super().setUp()
        self.write("a.csv", "a\n1\n")
        with self.database("canary.db") as database:
            database.executescript("CREATE TABLE canary (song); INSERT INTO canary VALUES ('tweet');")

    @contextlib.contextmanager
    def database(self, name):
        with contextlib.closing(sqlite3.connect(self.path(name))) as database:
            yield database

    def load(self, table, *sources, code=CLEAN, database="x.db", more=()):
        shutil.copyfile(self.path("canary.db"), self.path(database))
        run = self.sheaf("ingest", *sources, "-o", database, f"--table={table}", "-q", *more)
        if code is not None:
            self.assertEqual(code, run.code, run)
        with self.database(database) as opened:
            self.assertEqual([("tweet",)], opened.execute("SELECT song FROM canary").fetchall(), run)
            self.assertEqual("ok", opened.execute("PRAGMA integrity_check").fetchone()[0])
            names = {name for name, in opened.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
            others = opened.execute("SELECT count(*) FROM sqlite_master WHERE type NOT IN ('table', 'index')").fetchone()
        self.assertEqual((0,), others, run)
        if run.code in (CLEAN, SKIPPED):
            self.assertEqual(set(), names - {"canary", table, f"{table}_ledger", f"{table}_quarantine", f"{table}_quarantine_files"},
                             run)
        else:
            self.assertEqual({"canary"}, names, run)
            self.assertTrue(run.err.startswith((b"error: ", b"sheaf: ")), run)
        return run

    def rows(self, table, what="*", database="x.db"):
        with self.database(database) as opened:
            return opened.execute(f"SELECT {what} FROM {sql_name(table)} ORDER BY rowid").fetchall()

    def test_tables(self):
        refused = 0
        for table in hostile(MANY, "sqlite tables", more=[*LONG[:3], ""], without="\0"):
            with self.subTest(table=table):
                run = self.load(table, "a.csv", code=None)
                if table and not ascii_lower(table).startswith("sqlite_") and table != "canary":
                    self.assertEqual(CLEAN, run.code, run)
                    self.assertEqual([(1,)], self.rows(table))
                refused += run.code != CLEAN
        self.assertLessEqual(refused, 3)

    def test_columns(self):
        names = hostile(MANY, "sqlite columns", more=[*LONG, *NUL], folded=usable)
        for group in groups(names):
            self.write("n.csv", csv_line(["first", *group]) + csv_line(["-1", *map(str, range(len(group)))]))
            self.load("t", "n.csv")
            with self.database("x.db") as opened:
                found = [name for _, name, *_ in opened.execute("PRAGMA table_info(t)")]
                row = opened.execute("SELECT * FROM t").fetchall()
            self.assertEqual(["first", *(name.replace("\0", "␀") for name in group)], found)
            self.assertEqual([tuple(range(-1, len(group)))], row)

    def test_files(self):
        """Their names are values, of a column that tells where rows come from, and of the ledger."""
        names = [name for name in hostile(MANY, "sqlite files", longest=FILE_NAME_BYTES, without="/\0") if name[0] != "."]
        for i, name in enumerate(names):
            self.write(f"d/{name}.csv", f"n\n{i}\n")
        self.load("t", "d", more=["--add", "file"])
        expected = {(f"d/{name}.csv", i) for i, name in enumerate(names)}
        self.assertEqual(expected, set(self.rows("t", '"file", n')))
        self.assertEqual({self.path(path) for path, _ in expected}, {path for path, in self.rows("t_ledger", "path")})

    def test_destinations(self):
        """A table is called after its file."""
        for i, name in enumerate(hostile(MANY, "sqlite destinations", longest=FILE_NAME_BYTES, without="/\0")):
            if name.startswith("."):  # nothing but an ending
                continue
            with self.subTest(name=name):
                shutil.copyfile(self.path("canary.db"), self.path(f"{name}.db"))
                run = self.sheaf("ingest", "a.csv", "-q", "-o", f"./{name}.db")
                self.assertEqual(CLEAN, run.code, run)
                self.assertEqual([(1,)], self.rows(name, database=f"{name}.db"))
                self.assertEqual([("tweet",)], self.rows("canary", database=f"{name}.db"))
                os.unlink(self.path(f"{name}.db"))
        self.assertEqual(["a.csv", "canary.db"], self.names())

    def test_values(self):
        values = hostile(MANY, "sqlite values", more=[*LONG, *NUL, ""])
        self.write("v.csv", "n,v\n" + "".join(csv_line([str(i), value]) for i, value in enumerate(values)))
        self.load("t", "v.csv", more=["--type", "v=text"])
        found = [(n, bytes(v).decode()) for n, v in self.rows("t", "n, CAST(v AS BLOB)")]
        self.assertEqual(list(enumerate(values)), found)

    def test_what_is_set_aside(self):
        values = hostile(MANY, "sqlite aside", more=NUL, without="\r\n,\"")
        self.write("v.csv", "n,v\n" + "".join(f"{i},x,{value}\n" for i, value in enumerate(values))
                   + "".join(f"{i},x\n" for i in range(2 * MANY)))
        self.load("t", "v.csv", more=["--on-error", "quarantine"], code=SKIPPED)
        self.assertEqual([f"{i},x,{value}" for i, value in enumerate(values)],
                         [bytes(raw).decode() for raw, in self.rows("t_quarantine", "CAST(raw AS BLOB)")])


class InPostgres(PostgresTest):
    def setUp(self):
        super().setUp()
        self.psql("CREATE TABLE canary (song text); INSERT INTO canary VALUES ('tweet')")

    def assert_canary_stays(self):
        self.assertEqual("tweet\n", self.psql("SELECT song FROM canary"))

    def texts(self, what, source, order="1"):
        """Texts, by their bytes: psql leaves some characters out."""
        found = json.loads(self.psql(f"SELECT json_agg(encode(convert_to({what}, 'UTF8'), 'hex') ORDER BY {order}) "
                                     f"FROM {source}") or "null")
        return [bytes.fromhex(each).decode() for each in found or []]

    def columns_of(self, table):
        return self.texts("attname", f"pg_attribute WHERE attrelid = {literal(quoted(table))}::regclass AND attnum > 0",
                          "attnum")

    def made(self):
        """The tables, but for those that are made beside others."""
        names = self.texts("relname", "pg_class WHERE relkind IN ('r', 'v', 'f') AND "
                                      "relnamespace = 'public'::regnamespace")
        return {name for name in names if not name.endswith(("_ledger", "_quarantine"))} - {"canary"}

    def test_tables_in_quotes(self):
        self.write("a.csv", "a\n1\n")
        names = hostile(FEWER, "postgres tables", more=["x" * 10_000, "'" * 10_000], without="\0")
        loaded = []
        for i, name in enumerate(names):
            self.write("a.csv", f"a\n{i}\n")
            run = self.sheaf("ingest", "a.csv", "-o", self.uri, f"--table={quoted(name)}", "-q")
            self.assertEqual(USAGE if len(name.encode()) > 63 else CLEAN, run.code, run)
            if run.code == CLEAN:
                loaded.append((i, name))
        self.assertEqual({name for _, name in loaded}, self.made())
        values = self.psql("".join(f"SELECT a FROM {quoted(name)};\n" for _, name in loaded))
        self.assertEqual([str(i) for i, _ in loaded], values.split())
        self.assert_canary_stays()

    def test_tables_as_they_are(self):
        """A point parts a schema from its table, and quotes are quotes."""
        self.write("a.csv", "a\n1\n")
        expected = set()
        for name in hostile(FEWER, "postgres tables as they are", longest=63, without="\0"):
            run = self.sheaf("ingest", "a.csv", "-o", self.uri, f"--table={name}", "-q")
            self.assertIn(run.code, (CLEAN, USAGE, FAULT), run)
            if "." not in name and not name.startswith('"'):
                self.assertEqual(CLEAN, run.code, run)
                expected.add(name)
        self.assertEqual(set(), expected - self.made())
        self.assert_canary_stays()

    def test_columns(self):
        names = [name for name in hostile(FEWER, "postgres columns", longest=63, without="\0")
                 if name not in ("ctid", "xmin", "tableoid")]
        for i, group in enumerate(groups(names)):
            self.write("n.csv", csv_line(["first", *group]) + csv_line(["-1", *map(str, range(len(group)))]))
            self.load("n.csv", table=f"t{i}")
            self.assertEqual(["first", *group], self.columns_of(f"t{i}"))
            self.assertEqual([[str(n) for n in range(-1, len(group))]], self.rows(f"t{i}"))
        self.assert_canary_stays()

    def test_columns_that_cannot_be_called_so(self):
        names = [*LONG, *NUL, *hostile(FEWER, "postgres long columns", more=["ctid", "xmin", "tableoid"])]
        for i, group in enumerate(groups(names)):
            self.write("n.csv", csv_line(["first", *group]) + csv_line(["-1", *map(str, range(len(group)))]))
            self.load("n.csv", table=f"t{i}")
            found = self.columns_of(f"t{i}")
            self.assertEqual(len(group) + 1, len(set(found)))
            self.assertEqual([[str(n) for n in range(-1, len(group))]], self.rows(f"t{i}"))
        self.assert_canary_stays()

    def test_files(self):
        names = [name for name in hostile(FEWER, "postgres files", longest=FILE_NAME_BYTES, without="/\0")
                 if name[0] != "."]
        for i, name in enumerate(names):
            self.write(f"d/{name}.csv", f"n\n{i}\n")
        self.load("d", "--add", "file")
        self.assertEqual([f"d/{name}.csv" for name in names], self.texts('"file"', "t", "n"))
        self.assert_canary_stays()

    def test_values(self):
        values = hostile(MANY, "postgres values", more=[*LONG, ""])
        self.write("v.csv", "n,v\n" + "".join(csv_line([str(i), value]) for i, value in enumerate(values)))
        self.load("v.csv", "--type", "v=text")
        self.assertEqual(values, self.texts("v", "t", "n"))
        self.assert_canary_stays()

    def test_what_is_set_aside(self):
        """A NUL cannot be kept in a text there; what was set aside keeps all of its bytes."""
        values = hostile(FEWER, "postgres aside", more=NUL, without="\r\n,\"")
        self.write("v.csv", "n,v\n" + "".join(f"{i},x,{value}\n" for i, value in enumerate(values))
                   + "".join(f"{i},x\n" for i in range(2 * FEWER)))
        self.load("v.csv", "--on-error", "quarantine", code=SKIPPED)
        found = json.loads(self.psql("SELECT json_agg(encode(raw, 'hex') ORDER BY line) FROM "
                                     "(SELECT line, coalesce(raw_bytes, convert_to(raw, 'UTF8')) AS raw FROM t_quarantine) "
                                     "AS t"))
        self.assertEqual([f"{i},x,{value}" for i, value in enumerate(values)],
                         [bytes.fromhex(each).decode() for each in found])
        self.assert_canary_stays()


if __name__ == "__main__":
    unittest.main()

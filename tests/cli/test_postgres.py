"""PostgreSQL as a destination: tables that are created and replaced, what comes out of them, and who may see what.

What psql prints is compared with what Python's csv reads from the files.
"""

import json
import os
import random
import struct
import unittest

from harness import CLEAN, FAULT, SKIPPED, USAGE
from postgres import PostgresTest


def csv_line(values):
    return ",".join('"' + value.replace('"', '""') + '"' for value in values) + "\n"


class Created(PostgresTest):
    def test_rows_come_in_order_and_types_are_exact(self):
        self.write("a.csv", "b,i,f,d,ts,tz,tm,tx,n\n"
                            "true,9223372036854775807,-0.0,0001-01-01,2024-02-29 13:05:59.123456,"
                            "2024-02-29T13:05:59Z,23:59:59.999999,x,\n"
                            "False,-9223372036854775808,1e-320,9999-12-31,0001-01-01T00:00,"
                            "9999-12-31 23:59:59.999999Z,00:00:00,\"\",\n"
                            ",,,,,,,,\n")
        run = self.load("a.csv")
        self.assertIn(b"3 rows", run.out)
        self.assertEqual([("b", "boolean"), ("i", "bigint"), ("f", "double precision"), ("d", "date"),
                          ("ts", "timestamp without time zone"), ("tz", "timestamp with time zone"),
                          ("tm", "time without time zone"), ("tx", "text"), ("n", "text")], self.columns())
        self.psql(f"ALTER DATABASE {self.database} SET TimeZone = 'UTC'")
        self.assertEqual([["t", "9223372036854775807", "-0", "0001-01-01", "2024-02-29 13:05:59.123456",
                           "2024-02-29 13:05:59+00", "23:59:59.999999", "x", None],
                          ["f", "-9223372036854775808", "1e-320", "9999-12-31", "0001-01-01 00:00:00",
                           "9999-12-31 23:59:59.999999+00", "00:00:00", "", None],
                          [None] * 9], self.rows())
        self.assertEqual(["t"], self.tables())

    def test_every_bit_of_a_double_arrives(self):
        chance = random.Random(1)
        doubles = [0.1, 5e-324, 1.7976931348623157e308, 2.0 ** 53 + 2, -1e22]
        while len(doubles) < 3000:
            value, = struct.unpack("<d", chance.randbytes(8))
            if value == value and abs(value) != float("inf"):
                doubles.append(value)
        self.write("a.csv", "f\n" + "".join(f"{value!r}\n" for value in doubles))
        self.load("a.csv")
        sent = self.psql("SELECT encode(float8send(f), 'hex') FROM t ORDER BY ctid").split()
        self.assertEqual([struct.pack(">d", value).hex() for value in doubles], sent)

    def test_dates_of_every_kind_of_year_arrive(self):
        dates = [f"{year:04}-{month:02}-{day:02}" for year in (1, 4, 100, 400, 1582, 1899, 1970, 1999, 2000, 2024, 9999)
                 for month, day in ((1, 1), (2, 28), (3, 1), (12, 31))] + ["2000-02-29", "2024-02-29"]
        self.write("a.csv", "d\n" + "".join(date + "\n" for date in dates))
        self.load("a.csv")
        self.assertEqual([[date] for date in dates], self.rows())

    def test_texts_keep_every_byte(self):
        values = ["a\nb", "a\r\nb", 'q"uo""te', "back\\slash", "\\N", "\\.", "\t", "漢😀", "'; DROP TABLE t; --", " x ",
                  "NULL", "x" * 1_000_000, "\x01\x7f", ","]
        self.write("a.csv", "a,b\n" + "".join(csv_line([value, "1"]) for value in values))
        self.load("a.csv")
        sent = self.psql("SELECT encode(convert_to(a, 'UTF8'), 'hex') FROM t ORDER BY ctid").split()
        self.assertEqual([value.encode().hex() for value in values], sent)

    def test_a_column_that_a_file_lacks_is_null_there(self):
        self.write("1.csv", "a,b\n1,x\n")
        self.write("2.csv", "c,a\n2.5,2\n")
        self.load("1.csv", "2.csv")
        self.assertEqual([["1", "x", None], ["2", None, "2.5"]], self.rows())

    def test_many_rows_are_all_there_however_many_workers_read_them(self):
        for file in range(3):
            self.write_rows(f"{file}.csv", 40_000, start=file * 40_000)
        for workers in ("1", "2", "8"):
            for more in ((), ("--executor", "processes"), ("--memory", "1M")):
                with self.subTest(workers=workers, more=more):
                    self.load("0.csv", "1.csv", "2.csv", "-j", workers, "--if-exists", "replace", *more)
                    self.assertEqual("120000|0|119999|t\n", self.psql(
                        "SELECT count(*), min(n), max(n), bool_and(n = r AND text = 'some text ' || n) FROM "
                        "(SELECT *, row_number() OVER (ORDER BY ctid) - 1 AS r FROM t) x"))

    def test_files_without_columns_make_no_table(self):
        self.write("a.csv", "")
        self.load("a.csv")
        self.assertEqual([], self.tables())

    def test_files_without_rows_make_an_empty_one(self):
        self.write("a.csv", "a,b\n")
        self.load("a.csv")
        self.assertEqual([("a", "text"), ("b", "text")], self.columns())

    def test_added_columns_and_types_that_are_asked_for(self):
        self.write("a.csv", "zip\n007\n")
        self.load("a.csv", "--add", "file,line,row", "--type", "zip=int64")
        self.assertEqual([["7", "a.csv", "2", "1"]], self.rows())
        self.assertEqual(["bigint", "text", "bigint", "bigint"], [kind for _, kind in self.columns()])

    def test_1600_columns_are_taken_and_1601_are_refused_before_anything_is_written(self):
        for n in (1600, 1601):
            names = [f"c{i}" for i in range(n)]
            self.write(f"{n}.csv", ",".join(names) + "\n" + ",".join("1" for _ in names) + "\n")
        with self.assert_database_unchanged():
            self.expect_fault("ingest", "1601.csv", "-o", self.uri, "--table", "t", says="1601 columns.*1600")
        self.write("null.csv", ",".join(f"c{i}" for i in range(1600)) + "\n" + "," * 1599 + "\n")
        self.load("null.csv")
        self.assertEqual(1600, len(self.columns()))

    def test_a_stream_is_loaded(self):
        self.expect(CLEAN, "ingest", "-", "-o", self.uri, "--table", "t", input=b"a\n1\n2\n")
        self.assertEqual([["1"], ["2"]], self.rows())


class Names(PostgresTest):
    HOSTILE = ["select", "a b", 'q"uo""te', "it's", "[x]", "x;DROP TABLE t", "größe", "a\nb", "1", "PRIMARY KEY", " ",
               "$1", ":a", "--", "/*", "%s", "Camel", "camel", "\\", "漢" * 21, "x" * 63, "ctidx", "\x01"]

    def test_columns_may_have_any_name(self):
        self.write("a.csv", csv_line(self.HOSTILE) + csv_line(map(str, range(len(self.HOSTILE)))))
        facts = json.loads(self.load("a.csv", "--json").out)
        self.assertEqual(0, facts["columns_renamed"])
        self.assertEqual(self.HOSTILE, [name for name, _ in self.columns()])
        self.assertEqual([list(map(str, range(len(self.HOSTILE))))], self.rows())

    def test_tables_may_have_any_name(self):
        self.write("a.csv", "a\n1\n")
        for name in self.HOSTILE:
            with self.subTest(name=name):
                self.load("a.csv", table=name)
                self.assertEqual([["1"]], self.rows(name))
        self.assertEqual(sorted(self.HOSTILE), sorted(
            json.loads(self.psql("SELECT json_agg(relname) FROM pg_class WHERE relkind = 'r' AND "
                                 "relnamespace = 'public'::regnamespace AND relname NOT LIKE '%\\_ledger'"))))

    def test_a_table_in_a_schema_and_one_with_a_point(self):
        self.write("a.csv", "a\n1\n")
        self.psql('CREATE SCHEMA s; CREATE SCHEMA "S.s"')
        for given, told in {"s.t": "s.t", 's."a.b"': 's."a.b"', '"a.b"': '"a.b"', '"S.s"."q""x"': '"S.s"."q""x"',
                            '"': '""""', 'x"y': '"x""y"'}.items():
            with self.subTest(given=given):
                self.load("a.csv", table=given)
                self.assertEqual("1\n", self.psql(f"SELECT a FROM {told}"))

    def test_a_table_name_that_cannot_be_is_refused(self):
        self.write("a.csv", "a\n1\n")
        with self.assert_database_unchanged():
            for name in ("a.b.c", ".", "a.", ".a", '""', "x" * 64, "漢" * 22, "x." + "y" * 64, b"\xff"):
                with self.subTest(name=name):
                    run = self.load("a.csv", table=name, code=USAGE)
                    self.assertIn(b"the table", run.err)
            run = self.load("a.csv", table="nowhere.t", code=FAULT)
            self.assertIn("no schema", run.error_text)

    def test_without_a_table_there_is_no_load(self):
        self.write("a.csv", "a\n1\n")
        run = self.expect(USAGE, "ingest", "a.csv", "-o", self.uri)
        self.assertIn("--table", run.error_text)

    def test_names_that_postgresql_cannot_hold_are_made_ones_that_it_can(self):
        long = "x" * 70
        names = [long, "x" * 63, long + "y", "ctid", "ctid_2", "xmin", "a\0b", "漢" * 22, "漢" * 21]
        expected = ["x" * 61 + "_2", "x" * 63, "x" * 61 + "_3", "ctid_3", "ctid_2", "xmin_2", "a␀b", "漢" * 20 + "_2",
                    "漢" * 21]
        self.write("a.csv", csv_line(names) + csv_line(map(str, range(len(names)))))
        facts = json.loads(self.load("a.csv", "--json").out)
        self.assertEqual(expected, [name for name, _ in self.columns()])
        self.assertEqual([list(map(str, range(len(names))))], self.rows())
        self.assertEqual(6, facts["columns_renamed"])

    def test_a_long_name_alone_is_cut_at_a_character(self):
        self.write("a.csv", csv_line(["é" * 40, "b"]) + "1,2\n")
        self.load("a.csv")
        self.assertEqual(["é" * 31, "b"], [name for name, _ in self.columns()])


class IfExists(PostgresTest):
    def setUp(self):
        super().setUp()
        self.write("a.csv", "a\n1\n")
        self.write("b.csv", "b\nx\n")

    def test_a_table_that_is_there_is_refused_before_anything_is_read(self):
        self.load("a.csv")
        os.mkfifo(self.path("never.csv"))  # whoever opened it would wait
        with self.assert_database_unchanged():
            self.expect_fault("ingest", "never.csv", "-o", self.uri, "--table", "t", says="already has a table \"t\"")

    def test_it_is_replaced_whole(self):
        self.load("a.csv")
        self.load("b.csv", "--if-exists", "replace")
        self.assertEqual([("b", "text")], self.columns())
        self.assertEqual([["x"]], self.rows())
        self.load("a.csv", "--if-exists", "replace", table="new")
        self.assertEqual([["1"]], self.rows("new"))

    def test_a_load_that_fails_leaves_the_one_before(self):
        self.load("a.csv")
        self.write("bad.csv", "a\n1\n2,3\n")
        with self.assert_database_unchanged():
            self.expect_fault("ingest", "b.csv", "bad.csv", "-o", self.uri, "--table", "t", "--if-exists", "replace",
                              source="bad.csv", line=3)

    def test_what_is_no_table_is_not_replaced(self):
        self.psql("CREATE VIEW t AS SELECT 1 AS a; CREATE SEQUENCE s")
        with self.assert_database_unchanged():
            for name, says in (("t", "is a view"), ("s", "is a sequence")):
                self.expect_fault("ingest", "a.csv", "-o", self.uri, "--table", name, "--if-exists", "replace", says=says)

    def test_a_table_that_others_depend_on_is_not_replaced(self):
        self.load("a.csv")
        self.psql("CREATE VIEW v AS SELECT * FROM t")
        with self.assert_database_unchanged():
            self.expect_fault("ingest", "b.csv", "-o", self.uri, "--table", "t", "--if-exists", "replace",
                              says="other objects depend on it.*view v")

    def test_nobody_sees_rows_before_all_are_there(self):
        process = self.start_fed("ingest", "-", "-o", self.uri, "--table", "u", "--text")
        self.assertEqual([], self.tables())
        process.stdin.close()
        process.stdin = None
        self.assertEqual(CLEAN, self.finish(process).code)
        self.assertEqual(["u"], self.tables())


class SetAside(PostgresTest):
    def quarantine(self, table="t_quarantine"):
        return self.rows(table)

    def test_records_with_faults_go_beside_the_rows(self):
        self.write("a.csv", 'a,b\n1,2\n3\n4,"5\n6"\n7,8,9\n')
        self.load("a.csv", "--on-error", "quarantine", code=SKIPPED)
        self.assertEqual([["1", "2"], ["4", "5\n6"]], self.rows())
        self.assertEqual([["a.csv", "3", "2", "2", "b", "3", "2", "8", "short", "record 2 has 1 field, the header has 2",
                           "3", None],
                          ["a.csv", "6", "4", "3", None, "6", "5", "18", "long", "record 4 has 3 fields, the header has 2",
                           "7,8,9", None]], self.quarantine())

    def test_a_nul_byte_is_a_fault_of_its_record(self):
        self.write("a.csv", b'a,b\n1,x\n2,a\0b\n3,y\n4,"\0"\n')
        for more in ((), ("--executor", "processes"), ("-j", "1"), ("--parser", "libcsv"), ("--text",)):
            with self.subTest(more=more):
                run = self.load("a.csv", "--on-error", "quarantine", "--if-exists", "replace", "--max-errors", "90%",
                                *more, code=SKIPPED)
                self.assertEqual([["1", "x"], ["3", "y"]], self.rows())
                self.assertEqual([["a.csv", "3", "2", "type", None, "\\x32 2c 61 00 62".replace(" ", "")],
                                  ["a.csv", "5", "4", "type", None, "\\x342c220022"]],
                                 [[row[i] for i in (0, 1, 2, 8, 10, 11)] for row in self.quarantine()])
                self.assertIn("NUL byte", run.error_text)
        with self.assert_database_unchanged():
            self.expect_fault("ingest", "a.csv", "-o", self.uri, "--table", "u", source="a.csv", line=3, byte=None,
                              says="NUL byte")

    def test_a_nul_byte_in_what_is_retried_stays_set_aside(self):
        self.write("a.csv", b"a,b\n1,x\x00y\n2,z\n3\n")
        self.load("a.csv", "--quarantine", "q.jsonl", "--on-error", "quarantine", "--max-errors", "100%", code=SKIPPED)
        self.write("q.jsonl", self.read("q.jsonl").replace(b'"raw":"3"', b'"raw":"3,w"'))
        run = self.expect(SKIPPED, "retry", "q.jsonl", "-o", self.uri, "--table", "more")
        self.assertIn("NUL byte", run.error_text)
        self.assertEqual([["3", "w"]], self.rows("more"))
        self.assertIn(b'"raw":"1,x\\u0000y"', self.read("q.jsonl"))

    def test_a_nul_byte_is_found_wherever_it_stands(self):
        for n in (1, 255, 256, 257, 5000, 70_000):
            rows = [f"{i},some text {i}\n".encode() for i in range(70_001)]
            rows[n] = b"7,\0\n"
            self.write("a.csv", b"n,text\n" + b"".join(rows))
            self.load("a.csv", "--on-error", "quarantine", "--if-exists", "replace", code=SKIPPED)
            self.assertEqual(f"70000|{n + 2}\n", self.psql("SELECT count(*), (SELECT min(line) FROM t_quarantine) FROM t"))

    def test_a_file_that_turns_out_to_be_bad_is_taken_back(self):
        good = "".join(f"{i},{'x' * 90}\n" for i in range(30_000))
        self.write("1.csv", "a,b\n1,2\n3\n")
        self.write("2.csv", "a,b\n" + good + "1\n" * 40_000)
        self.write("3.csv", "a,b\n5,6\n7\n")
        for workers in ("1", "2"):
            self.load("1.csv", "2.csv", "3.csv", "--on-error", "quarantine", "--if-exists", "replace", "-j", workers,
                      code=SKIPPED)
            self.assertEqual([["1", "2"], ["5", "6"]], self.rows())
            self.assertEqual([["1.csv", "3"], ["3.csv", "3"]], [row[:2] for row in self.quarantine()])

    def test_a_file_that_is_damaged_behind_many_rows_is_taken_back(self):
        text = "a,b\n" + "".join(f"{i},{i * i % 1000003}\n" for i in range(300_000))
        self.write_gzip("2.csv.gz", text)
        whole = self.read("2.csv.gz")
        self.write("2.csv.gz", whole[:len(whole) * 9 // 10])
        self.write("1.csv", "a,b\n1,2\n3\n")
        self.write("3.csv", "a,b\n5,6\n7\n")
        self.load("1.csv", "2.csv.gz", "3.csv", "--on-error", "quarantine", "--text", code=SKIPPED)
        self.assertEqual([["1", "2"], ["5", "6"]], self.rows())
        self.assertEqual(["1.csv", "3.csv"], [row[0] for row in self.quarantine()])

    def test_very_many_records_are_set_aside_in_turn_with_rows(self):
        self.write("a.csv", "a,b\n" + "".join(f"{i},x\n{'y' * 200}\n" for i in range(60_000)))
        self.load("a.csv", "--on-error", "quarantine", "--max-errors", "90%", code=SKIPPED)
        self.assertEqual("60000|0|59999\n", self.psql("SELECT count(*), min(a), max(a) FROM t"))
        self.assertEqual("60000|3|120001\n", self.psql("SELECT count(*), min(line), max(line) FROM t_quarantine"))

    def test_paths_that_are_no_text_are_escaped(self):
        self.write(b"\xff.csv", b"a,b\n1\n2,3\n")
        self.load(b"\xff.csv", "--on-error", "quarantine", code=SKIPPED)
        self.assertEqual("\\xff.csv", self.quarantine()[0][0])

    def test_a_quarantine_of_an_earlier_load_goes_or_is_in_the_way(self):
        self.write("a.csv", "a,b\n1\n2,3\n")
        self.load("a.csv", "--on-error", "quarantine", code=SKIPPED)
        self.psql("DROP TABLE t")
        self.load("a.csv", "--on-error", "quarantine", code=FAULT)
        self.write("good.csv", "a,b\n2,3\n")
        self.load("good.csv", "--if-exists", "replace")
        self.assertEqual(["t"], self.tables())

    def test_the_name_of_a_quarantine_is_cut(self):
        self.write("a.csv", "a,b\n1\n2,3\n")
        for name in ("x" * 63, "x" * 62 + "y"):  # and no two tables share one
            self.load("a.csv", "--on-error", "quarantine", table=name, code=SKIPPED)
        for ending in ("_quarantine", "_quarantine_files"):
            names = [name for name in self.tables() if name.endswith(ending)]
            self.assertEqual([63, 63], [len(name) for name in names], names)
            self.assertEqual({"x" * (63 - 9 - len(ending))}, {name[:-9 - len(ending)] for name in names})


class Connection(PostgresTest):
    def setUp(self):
        super().setUp()
        self.write("a.csv", "a\n1\n")

    def try_uri(self, uri, code=FAULT, *more, **options):
        return self.expect(code, "ingest", "a.csv", "-o", uri, "--table", "t", *more, **options)

    def test_both_schemes_and_services_are_understood(self):
        self.write("services", f"[mine]\nhost={self.cluster.dir}\ndbname={self.database}\nuser=sheaf\n")
        environment = {**os.environ, "PGSERVICEFILE": self.path("services")}
        for uri in (self.uri.replace("postgresql:", "postgres:"), "postgresql://?service=mine", "postgresql:///?service=mine"):
            with self.subTest(uri=uri):
                self.try_uri(uri, CLEAN, "--if-exists", "replace", env=environment)
        self.try_uri("postgresql://", CLEAN, "--if-exists", "replace", env={
            **os.environ, "PGHOST": self.cluster.dir, "PGUSER": "sheaf", "PGDATABASE": self.database})

    def test_libpq_is_needed_for_this_alone(self):
        self.write("libpq.so.5", "no library")
        environment = {**os.environ, "LD_LIBRARY_PATH": self.dir}
        run = self.try_uri(f"postgresql://sheaf:hunter2@{self.uri.split('@')[1]}", env=environment)
        self.assertIn("the client library of PostgreSQL cannot be loaded: ", run.error_text)
        self.assertIn("libpq5", run.error_text)
        self.assertNotIn(b"hunter2", run.out + run.err)
        self.succeed("ingest", "a.csv", "-o", "x.db", env=environment)
        self.assertEqual([], self.tables())

    def test_a_password_is_never_shown(self):
        secret = "hunter2%40"
        host = self.uri.split("@")[1]
        good = f"postgresql://sheaf:{secret}@{host}"
        shown = b""
        for args in (("--if-exists", "replace"), ("--if-exists", "replace", "--json"), ("--if-exists", "replace", "-v"),
                     ("--if-exists", "replace", "--progress", "json"), ("--if-exists", "replace", "--progress", "plain")):
            run = self.try_uri(good, CLEAN, *args)
            shown += run.out + run.err
        self.assertIn(b"postgresql://sheaf@", shown)
        for uri, code in ((good, FAULT), (f"postgresql://{host}?user=sheaf&password={secret}", FAULT),
                          (f"postgresql://{host}?user=sheaf&pass%77ord={secret}", FAULT),
                          (f"postgresql://nobody:{secret}@nowhere.invalid/x", FAULT),
                          (f"postgresql://nobody:{secret}@127.0.0.1:1/x", FAULT),
                          (f"postgresql://x:{secret}@h/x?password=hunter2&foo=hunter2", USAGE),
                          (f"postgresql://x:{secret}%@h/x", USAGE), (f"postgresql://x:hunter2%00@h/x", USAGE),
                          (f"postgresql://x:a/{secret}@h/x", USAGE), (f"postgresql://x:b@{secret}@h/x", USAGE),
                          (f"postgresql://[{secret}", USAGE), (f"postgresql://x:y@h/d?password==hunter2", USAGE)):
            with self.subTest(uri=uri):
                run = self.try_uri(uri, code)
                shown += run.out + run.err
        run = self.expect(USAGE, "ingest", "a.csv", "-o", good, "--table", "t", "--format", "csv")
        shown += run.err
        self.assertNotIn(b"hunter2", shown)

    def test_a_server_that_is_not_there_is_told(self):
        run = self.try_uri("postgresql://sheaf@%2Fnowhere/x")
        self.assertRegex(run.error_text, "cannot connect: .*/nowhere")
        run = self.try_uri("postgresql://127.0.0.1:1/x")
        self.assertRegex(run.error_text, "cannot connect: .*refused")
        run = self.try_uri(self.cluster.uri("no database\nhere"))
        self.assertRegex(run.error_text, r'database "no database here" does not exist')

    def test_what_a_server_says_is_escaped(self):
        self.write("bad.csv", csv_line(["a", "b"]) + "1,2\n")
        self.psql("CREATE FUNCTION f() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION E'red \\x1b[31m \\u202e'; "
                  "END $$; CREATE TABLE t (a int, b int); CREATE TRIGGER g BEFORE INSERT ON t EXECUTE FUNCTION f()")
        run = self.expect(FAULT, "ingest", "bad.csv", "-o", self.uri, "--table", "t", "--if-exists", "append")
        self.assertIn(r"red \x1b[31m \u{202e}", run.error_text)

    def test_a_database_of_another_encoding_is_refused(self):
        self.psql("CREATE DATABASE latin ENCODING 'LATIN1' LOCALE 'C' TEMPLATE template0")
        run = self.try_uri(self.cluster.uri("latin"))
        self.assertIn("encoding is LATIN1", run.error_text)

    def test_who_may_not_create_tables_is_told_before_anything_is_read(self):
        self.psql("CREATE USER poor; REVOKE CREATE ON SCHEMA public FROM PUBLIC", database=self.database)
        os.mkfifo(self.path("never.csv"))
        run = self.expect(FAULT, "ingest", "never.csv", "-o", self.cluster.uri(self.database, user="poor"), "--table", "t")
        self.assertIn("no table may be created", run.error_text)

    def test_other_options_than_a_table_are_refused(self):
        run = self.expect(USAGE, "ingest", "a.csv", "-o", self.uri, "--table", "t", "--format", "csv")
        self.assertIn("a format is for standard output", run.error_text)
        run = self.expect(USAGE, "ingest", "a.csv", "-o", self.uri, "--table", "t", "--resume", "--changed", "replace")
        self.assertIn("--add file", run.error_text)


if __name__ == "__main__":
    unittest.main()

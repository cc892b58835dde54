"""Rows that are appended to a table of PostgreSQL that is there, whatever its columns are."""

import unittest

from harness import FAULT, SKIPPED, USAGE
from postgres import PostgresTest, quoted


# type: (values that fit: what stands in the file, what is there then), (values that do not)
TYPES = {
    "smallint": ([("32767", "32767"), ("-32768", "-32768"), ("007", "7"), ("+5", "5"), ("", None)],
                 ["32768", "-32769", "1.0", "x", '""', "9223372036854775808"]),
    "integer": ([("2147483647", "2147483647"), ("-2147483648", "-2147483648"), ("0", "0")],
                ["2147483648", "-2147483649", "1e3", "true"]),
    "bigint": ([("9223372036854775807", "9223372036854775807"), ("-9223372036854775808", "-9223372036854775808")],
               ["9223372036854775808", "1.5"]),
    "real": ([("0.1", "0.1"), ("-0.0", "-0"), ("3.4028235e38", "3.4028235e+38"), ("1e-45", "1e-45"), ("7", "7"),
              ("1.00000017881393432617187499", "1.0000001"), ("1.00000017881393432617187501", "1.0000002")],
             ["1e39", "-1e39", "1e-50", "NaN", "Infinity", "0x1p3", "1e", ".", " 1", "1_0"]),
    "double precision": ([("0.1", "0.1"), ("-0.0", "-0"), ("1.7976931348623157e308", "1.7976931348623157e+308"), ("5e-324", "5e-324"),
                          ("7", "7")], ["1e309", "x", "nan"]),
    "numeric": ([("0.1", "0.1"), ("-12345678901234567890.00100", "-12345678901234567890.00100"), ("1e3", "1000"),
                 ("1.50e-3", "0.00150"), ("000.0", "0.0"), ("-0", "0"), ("9999", "9999"), ("10000", "10000"), ("0.0001", "0.0001"),
                 ("0.00001", "0.00001"), ("12345.6789", "12345.6789"), ("1e100", "1" + "0" * 100), (".5", "0.5"), ("5.", "5"),
                 ("100000000", "100000000"), ("0.000000000000000000001", "0.000000000000000000001")],
                ["NaN", "1e200000", "1e-20000", "1,5", "--1", "1e", "e5", "1.2.3", "0x10"]),
    "numeric(5,2)": ([("999.99", "999.99"), ("-999.99", "-999.99"), ("1.5", "1.50"), ("1.500", "1.50"), ("0", "0.00"), ("1e2", "100.00")],
                     ["1000", "0.001", "-1000.00", "1e3", "99.999"]),
    "numeric(3,-2)": ([("12300", "12300"), ("99900", "99900")], ["12350", "100000", "1"]),
    "numeric(3,5)": ([("0.00123", "0.00123"), ("-0.00999", "-0.00999")], ["0.01", "0.001234"]),
    "boolean": ([("true", "t"), ("FALSE", "f")], ["t", "1", "yes"]),
    "date": ([("2024-02-29", "2024-02-29"), ("0001-01-01", "0001-01-01")], ["2023-02-29", "01/02/2024", "2024-02-29 10:00"]),
    "timestamp": ([("2024-02-29 13:05:59.123456", "2024-02-29 13:05:59.123456"), ("2024-02-29", "2024-02-29 00:00:00")],
                  ["2024-02-29 13:05Z", "2024-02-30 10:00", "now"]),
    "timestamp(3)": ([("2024-02-29 13:05:59.123", "2024-02-29 13:05:59.123"), ("1900-01-01 00:00:00.5", "1900-01-01 00:00:00.5")],
                     ["2024-02-29 13:05:59.1234", "1900-01-01 00:00:00.0001"]),
    "timestamp(0)": ([("2024-02-29 13:05:59", "2024-02-29 13:05:59")], ["2024-02-29 13:05:59.5"]),
    "timestamptz": ([("2024-02-29T13:05:59Z", "2024-02-29 13:05:59+00")], ["2024-02-29T13:05:59", "2024-02-29T13:05:59+01:00"]),
    "time": ([("23:59:59.999999", "23:59:59.999999"), ("00:00:00", "00:00:00")], ["24:00:00", "13:05Z"]),
    "time(1)": ([("13:05:59.5", "13:05:59.5")], ["13:05:59.55"]),
    "text": ([("x", "x"), ("007", "007"), ('""', ""), ("true", "true")], []),
    "varchar": ([("x" * 100, "x" * 100)], []),
    "varchar(3)": ([("abc", "abc"), ("漢字漢", "漢字漢"), ('""', ""), ("a  ", "a  ")], ["abcd", "漢字漢字", "abc "]),
    "char(3)": ([("abc", "abc"), ("a", "a  "), ("漢字漢", "漢字漢")], ["abcd", "a   "]),
    "uuid": ([("6BA7B810-9dad-11d1-80b4-00c04fd430c8", "6ba7b810-9dad-11d1-80b4-00c04fd430c8"),
              ("6ba7b8109dad11d180b400c04fd430c8", "6ba7b810-9dad-11d1-80b4-00c04fd430c8")],
             ["6ba7b810-9dad-11d1-80b4-00c04fd430c", "6ba7b810-9dad-11d1-80b4-00c04fd430cg", "6ba7b8109-dad-11d1-80b4-00c04fd430c8"]),
}


class Types(PostgresTest):
    def setUp(self):
        super().setUp()
        self.psql(f"ALTER DATABASE {self.database} SET TimeZone = 'UTC'")

    def append(self, *args, **options):
        return self.load(*args, "--if-exists", "append", **options)

    def make(self, kind, good, bad):
        """A table, and a file whose every second record does not fit; the lines of those."""
        self.drop()
        self.psql(f"CREATE TABLE t (n int, v {kind}); INSERT INTO t VALUES (-1, NULL)")
        lines, lines_bad = ["n,v\n"], []
        for i in range(max(len(good), len(bad))):
            if i < len(good):
                lines.append(f"{i},{good[i][0]}\n")
            if i < len(bad):
                lines.append(f'{i},"{bad[i]}"\n' if "," in bad[i] else f"{i},{bad[i]}\n")
                lines_bad.append(len(lines))
        self.write("a.csv", "".join(lines))
        return lines_bad

    def test_values_that_fit_are_exact_and_others_are_set_aside(self):
        for kind, (good, bad) in TYPES.items():
            ways = [()]
            if kind in ("smallint", "numeric(5,2)", "varchar(3)", "timestamp(3)"):
                ways += [("--executor", "processes"), ("--text",), ("--parser", "libcsv")]
            for more in ways:
                with self.subTest(type=kind, more=more):
                    lines_bad = self.make(kind, good, bad)
                    run = self.append("a.csv", "--on-error", "quarantine", "--max-errors", "100%", *more,
                                      code=SKIPPED if bad else 0)
                    self.assertEqual([["-1", None]] + [[str(i), there] for i, (_, there) in enumerate(good)], self.rows())
                    if bad:
                        self.assertEqual([[str(line), "v", "type"] for line in lines_bad],
                                         [[row[1], row[4], row[8]] for row in self.rows("t_quarantine")])
                        self.assertIn("the table's column, which is", run.error_text)

    def test_the_first_that_does_not_fit_may_end_the_load(self):
        for kind, (good, bad) in TYPES.items():
            if not bad:
                continue
            with self.subTest(type=kind):
                lines_bad = self.make(kind, good, bad)
                with self.assert_database_unchanged():
                    self.expect_fault("ingest", "a.csv", "-o", self.uri, "--table", "t", "--if-exists", "append",
                                      source="a.csv", line=lines_bad[0], says="does not fit")

    def test_numbers_of_every_length_arrive(self):
        numbers = [sign + "9" * before + point for sign in ("", "-") for before in range(1, 30)
                   for point in ("", ".5", ".12345", "." + "1" * 17)] + [f"1e{n}" for n in range(-30, 30)] + \
                  [f"-123456789e{n}" for n in range(-30, 30)]
        self.psql("CREATE TABLE t (v numeric, w text)")
        self.write("a.csv", "v,w\n" + "".join(f"{n},{n}\n" for n in numbers))
        self.append("a.csv")
        self.assertEqual("0|t\n", self.psql("SELECT count(*) FILTER (WHERE v <> w::numeric OR v::text <> w::numeric::text OR "
                                            f"scale(v) <> scale(w::numeric)), count(*) = {len(numbers)} FROM t"))

    def test_many_rows_far_behind(self):
        self.psql("CREATE TABLE t (n smallint, text varchar(20) NOT NULL)")
        for bad, line in ((b"40000,x\n", 30_002), (b"7,\n", 30_002), (b"1,%s\n" % (b"y" * 21), 30_002)):
            rows = [f"{i % 30_000},some text {i}\n".encode() for i in range(60_000)]
            rows[30_000] = bad
            self.write("a.csv", b"n,text\n" + b"".join(rows))
            for workers in ("1", "2"):
                self.psql("TRUNCATE t; DROP TABLE IF EXISTS t_quarantine, t_ledger")
                self.append("a.csv", "--on-error", "quarantine", "-j", workers, code=SKIPPED)
                self.assertEqual(f"59999|{line}\n", self.psql("SELECT count(*), (SELECT max(line) FROM t_quarantine) FROM t"))

    def test_null_where_there_must_be_a_value(self):
        self.psql("CREATE TABLE t (a int NOT NULL, b text NOT NULL)")
        self.write("a.csv", 'a,b\n1,x\n,y\n2,\n3,""\nNA,x\n4,NA\n')
        self.append("a.csv", "--on-error", "quarantine", "--max-errors", "90%", "--null", "NA", code=SKIPPED)
        self.assertEqual([["1", "x"], ["3", ""]], self.rows())
        self.assertEqual([["3", "a"], ["4", "b"], ["6", "a"], ["7", "b"]], [[row[1], row[4]] for row in self.rows("t_quarantine")])

    def test_a_type_that_is_asked_for_must_be_the_tables(self):
        self.psql("CREATE TABLE t (a int, b text)")
        self.write("a.csv", "a,b\n1,2\n")
        self.append("a.csv", "--type", "a=int64", "--type", "b=text")
        run = self.append("a.csv", "--type", "b=int64", code=USAGE + 1)
        self.assertIn("int64 is asked for, but the table's column 'b' is text", run.error_text)


class Columns(PostgresTest):
    def append(self, *args, **options):
        return self.load(*args, "--if-exists", "append", **options)

    def test_columns_are_matched_by_name(self):
        self.psql("CREATE TABLE t (a int, \"q\"\"u\" text, \"Camel\" date, n serial, d text DEFAULT 'there')")
        for name in ("a.csv", "b.csv"):
            self.write(name, '"Camel","q""u",a\n2024-01-01,x,1\n')
            self.append(name)
        self.assertEqual([["1", "x", "2024-01-01", "1", "there"], ["1", "x", "2024-01-01", "2", "there"]], self.rows())

    def test_a_table_that_is_not_there_is_made(self):
        for name in ("a.csv", "b.csv"):
            self.write(name, "a\n1\n")
            self.append(name)
        self.assertEqual([["1"], ["1"]], self.rows())

    def test_records_that_are_set_aside_are_appended_too(self):
        for name in ("a.csv", "b.csv"):
            self.write(name, "a,b\n1\n2,3\n")
            self.append(name, "--on-error", "quarantine", code=SKIPPED)
        self.assertEqual(2, len(self.rows("t_quarantine")))

    def refused(self, table, text, says, *more):
        self.psql(f"DROP TABLE IF EXISTS t; {table}")
        self.write("a.csv", text)
        with self.assert_database_unchanged():
            run = self.append("a.csv", *more, code=FAULT)
            self.assertRegex(run.error_text, says)

    def test_columns_that_do_not_match_are_refused(self):
        self.refused("CREATE TABLE t (a int)", "a,b,c\n1,2,3\n", "no column 'b', 'c'\n(.*\n)*.*--drop")
        self.refused("CREATE TABLE t (a int)", "A\n1\n", "no column 'A'\n(.*\n)*.*--rename")
        self.refused("CREATE TABLE t (a int, b int NOT NULL)", "a\n1\n", "'b' \\(integer\\) may not be null")
        self.refused("CREATE TABLE t (a int, b int GENERATED ALWAYS AS (a + 1) STORED)", "a,b\n1,2\n", "'b'.*computed")
        self.refused("CREATE TABLE t (a int)", ",".join(f"c{i}" for i in range(500)) + "\n", "no column 'c0', .* more")
        self.psql("DROP TABLE t; CREATE TABLE t (a int)")
        self.append("a.csv", "--rename", "c0=a", "--select", "a")

    def test_types_that_are_not_written_are_refused_if_a_file_has_them(self):
        for kind in ("json", "jsonb", "bytea", "int[]", "interval", "inet", "money", "timetz", '"char"', "name"):
            self.refused(f"CREATE TABLE t (a {kind})", "a\n1\n", "type that is not written")
        self.psql("DROP TABLE t; CREATE TABLE t (a json, b int)")
        self.write("a.csv", "b\n1\n")
        self.append("a.csv")

    def test_a_file_that_lacks_a_column_that_is_needed(self):
        self.psql("CREATE TABLE t (a int NOT NULL, b int)")
        self.write("1.csv", "a,b\n1,2\n")
        self.write("2.csv", "b\n2\n")
        with self.assert_database_unchanged():
            self.expect_fault("ingest", "1.csv", "2.csv", "-o", self.uri, "--table", "t", "--if-exists", "append",
                              source="2.csv", says="may not be null, and the file lacks it")

    def test_columns_that_are_added(self):
        self.psql("CREATE TABLE t (a int, src varchar(10), line int)")
        self.write("a.csv", "a\n1\n")
        self.append("a.csv", "--add", "file=src,line")
        self.assertEqual([["1", "a.csv", "2"]], self.rows())
        self.psql("CREATE TABLE u (a int, file int)")
        run = self.append("a.csv", "--add", "file", table="u", code=FAULT)
        self.assertIn("'file' (integer) is not of the type", run.error_text)
        self.write("a-long-name.csv", "a\n1\n")
        run = self.append("a-long-name.csv", "--add", "file=src", code=FAULT)
        self.assertIn("a value does not fit", run.error_text)

    def test_constraints_of_the_table_hold(self):
        self.psql("CREATE TABLE t (a int PRIMARY KEY, b int CHECK (b > 0)); INSERT INTO t VALUES (1, 1)")
        for text, says in (("a,b\n2,2\n1,1\n", "duplicate key.*\\(Key \\(a\\)=\\(1\\) already exists"), ("a,b\n3,0\n", "violates check")):
            self.write("a.csv", text)
            with self.assert_database_unchanged():
                self.expect_fault("ingest", "a.csv", "-o", self.uri, "--table", "t", "--if-exists", "append", says=says)

    def test_a_trigger_that_leaves_rows_out_is_met(self):
        self.psql("CREATE TABLE t (a int); CREATE FUNCTION f() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NULL; END $$; "
                  "CREATE TRIGGER g BEFORE INSERT ON t FOR EACH ROW EXECUTE FUNCTION f()")
        self.write("a.csv", "a\n1\n")
        run = self.append("a.csv", code=FAULT)
        self.assertIn("the table took 0 of 1 rows", run.error_text)

    def test_partitions_get_their_rows(self):
        self.psql("CREATE TABLE t (a int) PARTITION BY RANGE (a); CREATE TABLE t1 PARTITION OF t FOR VALUES FROM (0) TO (10); "
                  "CREATE TABLE t2 PARTITION OF t DEFAULT")
        self.write("a.csv", "a\n1\n20\n")
        self.append("a.csv")
        self.assertEqual([["1"]], self.rows("t1"))
        self.assertEqual([["20"]], self.rows("t2"))

    def test_hostile_names_are_only_names(self):
        for name in ("select", 'q"uo""te', "x;DROP TABLE t", "a\nb", "größe", "%s", "\\"):
            with self.subTest(name=name):
                self.psql(f"CREATE TABLE {quoted(name)} ({quoted(name)} int)")
                self.write("a.csv", '"' + name.replace('"', '""') + '"\n1\n')
                self.append("a.csv", table=name)
                self.assertEqual("1\n", self.psql(f"SELECT {quoted(name)} FROM {quoted(name)}"))

    def test_notices_of_the_server_do_not_matter(self):
        self.psql("CREATE TABLE t (a int, b text); CREATE FUNCTION f() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN "
                  "RAISE WARNING 'careful %', NEW.a; RETURN NEW; END $$; "
                  "CREATE TRIGGER g BEFORE INSERT ON t FOR EACH ROW EXECUTE FUNCTION f()")
        self.write("a.csv", "a,b\n" + "".join(f"{i},{'x' * 100}\n" for i in range(40_000)))
        run = self.append("a.csv")
        self.assertEqual(b"", run.err)
        self.assertEqual("40000\n", self.psql("SELECT count(*) FROM t"))


if __name__ == "__main__":
    unittest.main()

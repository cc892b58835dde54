"""Types: what a column's values are taken for, and that none of them changes by it.

The oracle is Python: its int, float, Decimal and datetime, behind regular expressions for the spellings.
"""

import datetime
import decimal
import os
import random
import re
import sqlite3

from harness import CLEAN, FAULT, SKIPPED, USAGE, SheafTest, csv_line

INTEGER = re.compile(r"-?(?:0|[1-9][0-9]*)")
REAL = re.compile(r"-?(?:(?:0|[1-9][0-9]*)(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]+)?")
DATE = re.compile(r"([0-9]{4})-([0-9]{2})-([0-9]{2})")
TIME = r"([0-9]{2}):([0-9]{2})(?::([0-9]{2})(?:\.([0-9]{1,6}))?)?"
TIMESTAMP = re.compile(DATE.pattern + "[ T]" + TIME + r"(Z|\+00:00)?")
BOOL = {"true": 1, "True": 1, "TRUE": 1, "false": 0, "False": 0, "FALSE": 0}

HOLDS = {"null": set(), "bool": {"bool"}, "int64": {"int", "long"}, "float64": {"int", "float"}, "date": {"date"},
         "timestamp": {"date", "timestamp"}, "timestamp_utc": {"timestamp_utc"}, "time": {"time"}}


def day(match):
    return datetime.date(*map(int, match.groups()[:3]))


def moment(groups):
    hour, minute, second, fraction = groups
    return datetime.time(int(hour), int(minute), int(second or 0), int((fraction or "0").ljust(6, "0")))


def time_text(value):
    text = value.strftime("%H:%M:%S")
    return text + f".{value.microsecond:06}".rstrip("0") if value.microsecond else text


def kind_of(text):
    """What a text is, and what SQLite is to give back for it."""
    try:
        if text in BOOL:
            return "bool", BOOL[text]
        if INTEGER.fullmatch(text) and text != "-0":
            value = int(text)
            if not -2**63 <= value < 2**63:
                return "text", text
            return "int" if abs(value) <= 2**53 else "long", value
        if REAL.fullmatch(text):
            value = float(text)
            fits = abs(value) != float("inf") and (value != 0) == (decimal.Decimal(text) != 0)
            return ("float", value) if fits else ("text", text)
        if match := DATE.fullmatch(text):
            return "date", day(match).isoformat()
        if (match := TIMESTAMP.fullmatch(text)):
            zone = match.group(8)
            value = day(match).isoformat() + " " + time_text(moment(match.groups()[3:7])) + ("Z" if zone else "")
            return "timestamp_utc" if zone else "timestamp", value
        if (match := re.fullmatch(TIME, text)) and match.group(3):
            return "time", time_text(moment(match.groups()))
    except ValueError:
        pass
    return "text", text


def type_of(values):
    kinds = {kind_of(value)[0] for value in values if value is not None}
    return next((name for name, held in HOLDS.items() if kinds <= held), "text")


def as_type(name, value):
    """What SQLite gives back for a text in a column of this type."""
    if value is None:
        return None
    kind, converted = kind_of(value)
    if name == "text":
        return value
    if name == "float64":
        return float(value) or 0.0  # SQLite has no negative zero
    if name == "timestamp" and kind == "date":
        return converted + " 00:00:00"
    return converted


SPELLINGS = """0 -0 00 007 7 -7 +7 7. .7 . - -. -.5 1. 1.e5 1e 1e+ 1e5 1E-5 1e+05 1.50 -1.50 1,5 0x10 1_000 ½ ٣
 9007199254740991 9007199254740992 9007199254740993 -9007199254740993 9223372036854775807 9223372036854775808
 -9223372036854775808 -9223372036854775809 99999999999999999999 0.1 0.30000000000000004 1e308 1e309 -1e309 1e-307
 5e-324 1e-324 2.2250738585072011e-308 1e-400 0e-400 0e999 0.0e-9999999999 123456789012345678901234567890.5
 1.7976931348623157e308 1.7976931348623159e308 nan NaN inf Infinity -inf 1f 1L 12a a12 1. 5 1.2.3 1-2 --1 1e5.5
 true True TRUE tRUE t T yes false False FALSE falsey 2024-02-29 2023-02-29 1900-02-29 2000-02-29 0001-01-01
 0000-01-01 9999-12-31 10000-01-01 2024-2-9 2024-13-01 2024-00-10 2024-04-31 2024-12-32 2024/01/02 01/02/2024
 20240229 2024-02-29T13:05 2024-02-29T13:05:59 2024-02-29T13:05:59.1 2024-02-29T13:05:59.123456 1969-12-31T23:59:59.9
 2024-02-29T13:05:59.1234567 2024-02-29T13:05:59. 2024-02-29T24:00 2024-02-29T23:59:60 2024-02-29T13 2024-02-29T
 2024-02-29T13:05Z 2024-02-29T13:05:59Z 2024-02-29T13:05:59.5+00:00 2024-02-29T13:05:59+02:00 2024-02-29t13:05:59
 2024-02-29T13:05:59z 2024-02-29T1:05:59 0001-01-01T00:00:00 9999-12-31T23:59:59.999999 13:05 13:05:59 00:00:00
 23:59:59.999999 24:00:00 13:60:00 1:05:59 13:05:59.1234567 13-05-59 +00:00""".split()
SPELLINGS += [s.replace("T", " ", 1) for s in SPELLINGS if TIMESTAMP.match(s)] + [" 1", "1 ", " ", "a,b", 'a"b', "\0"]


def number(rng):
    digits = "".join(rng.choice("0123456789") for _ in range(rng.randint(1, rng.choice([3, 8, 9, 17, 20, 40]))))
    text = rng.choice(["", "-"]) + (digits.lstrip("0") or "0")
    if rng.random() < 0.6:
        text += "." + "".join(rng.choice("0123456789") for _ in range(rng.randint(0, rng.choice([2, 9, 25]))))
    if rng.random() < 0.2:
        text += rng.choice("eE") + rng.choice(["", "+", "-"]) + str(rng.randint(0, rng.choice([9, 30, 330])))
    return text


def some_date(rng):
    return datetime.date.fromordinal(rng.randint(1, 3_652_059)).isoformat()


def some_time(rng):
    text = f"{rng.randrange(24):02}:{rng.randrange(60):02}"
    if rng.random() < 0.8:
        text += f":{rng.randrange(60):02}"
        if rng.random() < 0.4:
            text += "." + "".join(rng.choice("0123456789") for _ in range(rng.randint(1, 6)))
    return text


def damaged(rng, text):
    """One character more, less or other."""
    at = rng.randrange(len(text) + 1)
    return text[:at] + rng.choice(["", rng.choice("0123456789.-+eE:TZ aà")]) + text[at + rng.randrange(2):]


MAKERS = [
    lambda rng: str(rng.randint(-1000, 10**9)), lambda rng: str(rng.randint(-2**63, 2**63 - 1)), number,
    lambda rng: repr(rng.uniform(-1, 1) * 10.0**rng.randint(-300, 300)), some_date,
    lambda rng: some_date(rng) + rng.choice(" T") + some_time(rng), lambda rng: rng.choice(list(BOOL)), some_time,
    lambda rng: some_date(rng) + "T" + some_time(rng) + rng.choice(["Z", "+00:00"]),
    lambda rng: rng.choice(SPELLINGS),
]


def field(value):
    return "" if value is None else csv_line([value]).removesuffix("\n")


def column(rng, n):
    """Mostly of one kind; sometimes with a null, a value of another kind, or a damaged one."""
    makers = rng.sample(MAKERS, rng.choice([1, 1, 1, 2]))
    nulls, odd = rng.choice([0, 0, 0.1, 0.9, 1]), rng.choice([0, 0, 0, 1 / n])
    values = []
    for _ in range(n):
        value = rng.choice(makers)(rng)
        if rng.random() < odd:
            value = damaged(rng, value) or "x"
        values.append(None if rng.random() < nulls else value)
    return values


class TypesTest(SheafTest):
    def rows(self, database, table):
        with sqlite3.connect(self.path(database)) as connection:
            return [list(row) for row in connection.execute(f'SELECT * FROM "{table}"')]

    def schema(self, *args, code=CLEAN, **options):
        columns = self.expect(code, "schema", "--json", *args, **options).json["columns"]
        return {each["name"]: each["type"] for each in columns}

    def write_columns(self, name, columns):
        header = [f"c{i}" for i in range(len(columns))]
        self.write(name, csv_line(header) + "".join(",".join(map(field, row)) + "\n" for row in zip(*columns)))


class Values(TypesTest):
    def test_each_spelling_is_what_the_manual_says(self):
        for text in SPELLINGS:
            with self.subTest(text=text):
                self.write_columns("v.csv", [[text]])
                expected = type_of([text])
                self.assertEqual({"c0": expected}, self.schema("v.csv"))
                self.succeed("ingest", "v.csv", "-o", "v.db", "--if-exists", "replace")
                rows = self.rows("v.db", "v")
                self.assertEqual(repr([[as_type(expected, text)]]), repr(rows))

    def test_every_two_spellings_meet_in_the_smallest_type_that_holds_both(self):
        columns = [list(pair) for i, a in enumerate(SPELLINGS) for pair in [(a, b) for b in SPELLINGS[i % 7::7]]]
        self.write_columns("v.csv", columns)
        types = self.schema("v.csv")
        for i, values in enumerate(columns):
            self.assertEqual(type_of(values), types[f"c{i}"], values)

    def test_random_columns_come_back_as_they_were(self):
        rng = random.Random(4)
        for round_number in range(40):
            n = rng.choice([1, 7, 64, 255, 256, 257, 700])
            columns = [column(rng, n) for _ in range(12)]
            columns.append([str(i) for i in range(n)])  # no line is blank
            self.write_columns("r.csv", columns)
            types = self.schema("r.csv", "-j", rng.choice("12"))
            self.assertEqual([type_of(values) for values in columns], list(types.values()), round_number)
            self.succeed("ingest", "r.csv", "-o", "r.db", "--if-exists", "replace", "-j", rng.choice("12"))
            expected = [[as_type(types[f"c{i}"], value) for i, value in enumerate(row)] for row in zip(*columns)]
            for want, have in zip(expected, self.rows("r.db", "r"), strict=True):
                self.assertEqual(repr(want), repr(have))

    def test_a_million_random_floats_are_the_nearest_doubles(self):
        rng = random.Random(5)
        n = 200_000
        values = [number(rng) for _ in range(n)] + [repr(rng.random()) for _ in range(n)]
        values = [value for value in values if kind_of(value)[0] in ("int", "float")]
        self.write("f.csv", "x\n0.5\n" + "\n".join(values) + "\n")
        self.succeed("ingest", "f.csv", "-o", "f.db")
        for text, (value,) in zip(["0.5"] + values, self.rows("f.db", "f"), strict=True):
            self.assertEqual((float(text) or 0.0).hex(), value.hex(), text)


class LongNumbers(TypesTest):
    def test_an_exponent_is_not_cut_off(self):
        self.write("e.csv", "a,b,c\n" + f"0.{'0' * 99999}1e100000,0.{'0' * 9999}1e100001,1{'0' * 9999}e-9999\n")
        self.assertEqual({"a": "float64", "b": "text", "c": "float64"}, self.schema("e.csv"))
        self.succeed("ingest", "e.csv", "-o", "e.db")
        self.assertEqual([1.0, 1.0], self.rows("e.db", "e")[0][::2])


class Inference(TypesTest):
    def test_one_value_at_the_very_end_decides(self):
        for last, expected in {"x": "text", "1.5": "float64", "": "int64", "9007199254740993": "int64"}.items():
            self.write("late.csv", "n,m\n" + "1,1\n" * 300_000 + f"{last},1\n")
            self.assertEqual({"n": expected, "m": "int64"}, self.schema("late.csv"), last)
        self.write("late.csv", "n\n" + "1\n" * 300_000 + "x\n")
        self.succeed("ingest", "late.csv", "-o", "late.db")
        self.assertEqual([["1"]] * 300_000 + [["x"]], self.rows("late.db", "late"))

    def test_an_integer_that_no_double_holds_does_not_become_one(self):
        self.write("a.csv", "n\n9007199254740993\n")
        self.write("b.csv", "n\n0.5\n")
        self.assertEqual({"n": "text"}, self.schema("a.csv", "b.csv"))
        self.assertEqual({"n": "text"}, self.schema("b.csv", "a.csv"))

    def test_a_type_is_all_files(self):
        self.write("a.csv", "a,b\n1,2024-01-01\n")
        self.write("b.csv", "b,c\n2024-01-01 10:00,\n")
        self.write("c.csv", "a,d\n")
        self.assertEqual({"a": "int64", "b": "timestamp", "c": "null", "d": "null"},
                         self.schema("a.csv", "b.csv", "c.csv"))
        self.succeed("ingest", "a.csv", "b.csv", "c.csv", "-o", "x.db")
        self.assertEqual([[1, "2024-01-01 00:00:00", None, None], [None, "2024-01-01 10:00:00", None, None]],
                         self.rows("x.db", "x"))

    def test_a_column_may_be_null_if_a_value_or_a_file_lacks_it(self):
        self.write("a.csv", "all,some,here\n1,,1\n2,2,2\n")
        self.write("b.csv", "all,some\n1,2\n")
        columns = self.expect(CLEAN, "schema", "--json", "a.csv", "b.csv").json["columns"]
        self.assertEqual({"all": False, "some": True, "here": True},
                         {each["name"]: each["nullable"] for each in columns})

    def test_the_same_types_by_whatever_way(self):
        rng = random.Random(6)
        for i in range(5):
            self.write_columns(f"w{i}.csv", [column(rng, 3000) for _ in range(6)] + [["1"] * 3000])
        files = [f"w{i}.csv" for i in range(5)]
        expected = self.succeed("schema", *files, "-j", "1").out
        self.succeed("ingest", *files, "-o", "first.db", "-j", "1", "--table", "t")
        rows = self.rows("first.db", "t")
        ways = [["-j", "2"], ["-j", "8"], ["--executor", "processes", "-j", "2"], ["--executor", "sequential"],
                ["--parser", "libcsv"], ["--on-error", "skip-file"]]
        for way in ways:
            self.assertEqual(expected, self.succeed("schema", *files, *way).out, way)
            self.succeed("ingest", *files, "-o", "x.db", "--table", "t", "--if-exists", "replace", *way)
            self.assertEqual(repr(rows), repr(self.rows("x.db", "t")), way)
        for kernel in ("scalar", "sse2", "avx2", "avx512"):
            env = {**os.environ, "SHEAF_KERNEL": kernel}
            run = self.sheaf("schema", *files, env=env)
            if run.code == CLEAN:
                self.assertEqual(expected, run.out, kernel)
                self.sheaf("ingest", *files, "-o", "x.db", "--table", "t", "--if-exists", "replace", env=env)
                self.assertEqual(repr(rows), repr(self.rows("x.db", "t")), kernel)

    def test_a_stream_is_kept_until_its_types_are_known(self):
        self.succeed("ingest", "-", "-o", "s.db", input=b"a,b\n1,2\n2.5,x\n")
        self.assertEqual([[1.0, "2"], [2.5, "x"]], self.rows("s.db", "s"))
        self.assertEqual({"a": "float64", "b": "text"}, self.schema("-", input=b"a,b\n1,2\n2.5,x\n"))

    def test_gzip_is_no_other(self):
        self.write_gzip("g.csv.gz", "a\n" + "1\n" * 100_000 + "2.5\n")
        self.succeed("ingest", "g.csv.gz", "-o", "g.db")
        self.assertEqual([[1.0]] * 100_000 + [[2.5]], self.rows("g.db", "g"))

    def test_a_quoted_number_is_one(self):
        self.write("q.csv", 'a,b\n"1","x""y"\n2,"3"\n')
        self.assertEqual({"a": "int64", "b": "text"}, self.schema("q.csv"))

    def test_an_empty_text_is_none(self):
        self.write("q.csv", 'a\n1\n""\n')
        self.assertEqual({"a": "text"}, self.schema("q.csv"))

    def test_files_without_values(self):
        self.write("none.csv", "")
        self.write("head.csv", "a,b\n")
        self.assertEqual({}, self.schema("none.csv"))
        self.assertEqual({"a": "null", "b": "null"}, self.schema("none.csv", "head.csv"))
        self.succeed("ingest", "head.csv", "-o", "h.db")
        self.assertEqual([], self.rows("h.db", "h"))

    def test_a_hundred_thousand_columns(self):
        n = 100_000
        self.write("wide.csv", csv_line(f"c{i}" for i in range(n)) + csv_line(str(i) for i in range(n)) + "," * (n - 1) + "\n")
        types = self.schema("wide.csv")
        self.assertEqual(({"int64"}, n), (set(types.values()), len(types)))


class Asked(TypesTest):
    def test_a_type_that_is_asked_for_is_what_the_column_gets(self):
        self.write("z.csv", "zip,n,f,s\n00501,+7,1,1\n10001,-007,9007199254740993,2\n")
        self.succeed("ingest", "z.csv", "-o", "z.db", "--type", "zip=int64", "--type", "n=int64", "--type", "f=float64",
                     "--type", "s=text")
        self.assertEqual([[501, 7, 1.0, "1"], [10001, -7, 9007199254740992.0, "2"]], self.rows("z.db", "z"))

    def test_the_limits_of_a_type_that_is_asked_for(self):
        self.write("n.csv", "f,i\n12345678901234567890,-09223372036854775808\n-0,9223372036854775807\n+.5,+0\n")
        self.succeed("ingest", "n.csv", "-o", "n.db", "--type", "f=float64", "--type", "i=int64")
        self.assertEqual([[12345678901234567890.0, -2**63], [0.0, 2**63 - 1], [0.5, 0]], self.rows("n.db", "n"))
        for asked, text in {"float64": ["1e999", "0x1", "+", "1 ", "++1", "-+1", "1e-999"],
                            "int64": ["1.5", "-9223372036854775809", "1e3", "", "-"]}.items():
            for each in text:
                self.write("n.csv", f'a\n"{each}"\n')
                self.expect_fault("schema", "n.csv", "--type", f"a={asked}", line=2)

    def test_a_value_that_is_none_is_a_fault_with_its_place(self):
        for executor in ("threads", "processes", "sequential"):
            self.write("t.csv", "a,b\n1,\"x\ny\"\n\n2,z\n1x,w\n2x,\n" + "3,v\n" * 1000)
            for command in (["schema", "t.csv"], ["ingest", "t.csv", "-o", "t.db"]):
                with self.assert_directory_unchanged():
                    self.expect_fault(*command, "--type", "a=int64", "--executor", executor, source="t.csv", line=6,
                                      record=3, says="'1x' is not of type int64")

    def test_a_value_behind_records_that_were_set_aside_has_its_own_place(self):
        self.write("a.csv", "n,b\n1\n2,2\n\n1,2,3\n3,3\n\n4\n\n1x,4\n5,5\n")
        for where, source in (("null:", "a.csv"), ("x.db", "a.csv"), ("x.db", "-"), ("null:", "-")):
            for executor in ("threads", "processes"):
                run = self.expect(SKIPPED, "ingest", source, "-o", where, "--type", "n=int64", "--on-error", "quarantine",
                                  "-v", "--max-errors", "100%", "--if-exists", "replace", "--executor", executor,
                                  input=self.read("a.csv"))
                self.assertRegex(run.error_text, rf"set aside: '1x' is not of type int64\n +--> {source}:10:1 .*record 6, ")
                self.assertEqual(4, run.error_text.count("set aside: "), run)

    def test_the_fault_is_the_first_in_order(self):
        self.write("a.csv", "a,b\n" + "1,1\n" * 5000 + "1,x\nx,1\n")
        self.write("b.csv", "a,b\nx,1\n")
        asked = ["--type", "a=int64", "--type", "b=int64"]
        for j in ("1", "2", "8"):
            self.expect_fault("schema", "a.csv", "b.csv", *asked, "-j", j, source="a.csv", line=5002, record=5001)

    def test_files_with_such_values_can_be_left_out(self):
        self.write("a.csv", "a\n1\n")
        self.write("b.csv", "a\nx\n")
        self.expect(SKIPPED, "ingest", "a.csv", "b.csv", "-o", "x.db", "--type", "a=int64", "--on-error", "skip-file")
        self.assertEqual([[1]], self.rows("x.db", "x"))

    def test_text_is_what_all_columns_can_be(self):
        self.write("n.csv", "a,b,c\n1,0042,\n1e5,-0.0,2\n")
        self.succeed("ingest", "n.csv", "-o", "n.db", "--text")
        self.assertEqual([["1", "0042", None], ["1e5", "-0.0", "2"]], self.rows("n.db", "n"))
        self.succeed("ingest", "n.csv", "-o", "m.db", "--text", "--type", "c=int64")
        self.assertEqual([["1", "0042", None], ["1e5", "-0.0", 2]], self.rows("m.db", "m"))
        self.assertEqual({"a": "text", "b": "text", "c": "int64"}, self.schema("n.csv", "--text", "--type", "c=int64"))

    def test_what_cannot_be_asked_is_a_usage_error(self):
        self.write("n.csv", "a\n1\n")
        for asked in ("a", "a=", "=int64", "a=number", "a=null"):
            self.expect(USAGE, "schema", "n.csv", "--type", asked)
        self.assertIn("CSV", self.expect(USAGE, "ingest", "n.csv", "-o", "x.csv", "--type", "a=int64").error_text)
        self.expect(FAULT, "schema", "n.csv", "--type", "b=int64")

    def test_a_column_name_may_hold_an_equals_sign(self):
        self.write("e.csv", "a=b\n1\n")
        self.assertEqual({"a=b": "text"}, self.schema("e.csv", "--type", "a=b=text"))


class Nulls(TypesTest):
    def test_tokens_are_null(self):
        self.write("n.csv", 'a,b\n1,NA\nNA,x\n"NA",NAN\n-,\n')
        self.assertEqual({"a": "int64", "b": "text"}, self.schema("n.csv", "--null", "NA", "--null", "-"))
        self.succeed("ingest", "n.csv", "-o", "n.db", "--null", "NA", "--null", "-")
        self.assertEqual([[1, None], [None, "x"], [None, "NAN"], [None, None]], self.rows("n.db", "n"))
        self.assertEqual(b"a,b\n1,\n,x\n,NAN\n,\n", self.succeed("cat", "n.csv", "--null", "NA", "--null", "-").out)

    def test_the_empty_token_is_an_empty_text(self):
        self.write("n.csv", 'a,b\n1,""\n"",x\n')
        self.assertEqual({"a": "text", "b": "text"}, self.schema("n.csv"))
        self.assertEqual({"a": "int64", "b": "text"}, self.schema("n.csv", "--null", ""))

    def test_names_are_never_null(self):
        self.write("n.csv", "NA,b\n1,2\n")
        self.assertEqual({"NA": "int64", "b": "int64"}, self.schema("n.csv", "--null", "NA"))

    def test_also_where_others_read(self):
        self.write("n.csv", "a\n" + "1\nNA\n" * 1000)
        for executor in ("threads", "processes", "sequential"):
            self.assertEqual({"a": "int64"}, self.schema("n.csv", "--null", "NA", "--executor", executor))

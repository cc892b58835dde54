"""The columns of many files in one table: --columns, --match, --select, --drop, --rename.

What is expected is worked out here from include/sheaf/schema.h, for random folders of files with random
headers, by Python's csv and its own idea of upper and lower case.
"""

import gzip
import itertools
import json
import random

import harness
import oracle
from harness import CLEAN, FAULT, SKIPPED, USAGE, SheafTest

LOOSE = set(map(chr, range(0x21))) | set("\x7f_-.,;:!?/\\'\"`()[]{}\xa0\xad\u3000\ufeff") | \
    set(map(chr, range(0x2000, 0x2070)))


# ---------------------------------------------------------------- what is expected

class Refused(Exception):
    """The run is to end with an error that says so (a pattern)."""


def simple(mapped, c):
    return mapped if len(mapped) == 1 else c


def fold(name):
    upper = [simple(c.upper(), c) for c in name]
    return "".join(simple(c.lower(), c) for c in upper)


def key(name, match):
    if match == "exact":
        return name
    if match == "loose":
        return fold("".join(c for c in name if c not in LOOSE)) or fold(name)
    return fold(name)


def name_columns(header, table, match):
    """Unique names for a file's columns; `table` is the spelling of each key so far."""
    keeper = {}
    for i, name in enumerate(header):
        if not name:
            continue
        k = key(name, match)
        if k not in keeper or (header[keeper[k]] != name and table.get(k) == name):
            keeper[k] = i
    taken, names = set(), []
    for i, name in enumerate(header):
        made = base = name or f"column{i + 1}"
        numbers = itertools.count(2)
        keeps = name and keeper[key(name, match)] == i
        while not keeps and (key(made, match) in taken or key(made, match) in keeper):
            made = f"{base}_{next(numbers)}"
        taken.add(key(made, match))
        names.append(made)
    return names


class Options:
    def __init__(self, columns="union", match="exact", select=(), drop=(), renames=()):
        self.columns, self.match = columns, match
        self.select, self.drop, self.renames = list(select), list(drop), list(renames)

    def args(self):
        args = []
        if self.columns != "union":
            args += ["--columns", self.columns]
        if self.match != "exact":
            args += ["--match", self.match]
        if self.select:
            args += ["--select", ",".join(map(quoted, self.select))]
        for name in self.drop:
            args += ["--drop", quoted(name)]
        for old, new in self.renames:
            args += ["--rename", f"{quoted(old)}={new}"]
        return args


def quoted(name):
    return '"' + name.replace('"', '""') + '"' if set(name) & set(',="') else name


class Expected:
    """The table of some files: (header, rows) each, a header None for a file without one."""

    def __init__(self, files, options):
        self.options, self.match = options, options.match
        self.table = {}   # key -> spelling, in the order of the columns
        self.layouts = []  # for each file that counts, the keys of its columns, and its rows
        self.refused = []  # the indices of files that --columns strict refuses
        renamed = set()
        for index, (header, rows) in enumerate(files):
            if header is not None:
                self.add(index, header, rows, renamed)
        self.left_out = self.leave_out()
        self.settle(renamed)

    def key(self, name):
        return key(name, self.match)

    def add(self, index, header, rows, renamed):
        rules = {self.key(old): (old, new) for old, new in self.options.renames}
        own = name_columns(header, self.table, self.match)
        names = [rules.get(self.key(name), (None, name))[1] for name in own]
        keys = [self.key(name) for name in names]
        if len(set(keys)) < len(keys):
            raise Refused("would be called")
        if self.options.columns == "strict" and self.layouts and keys != self.layouts[0][0]:
            self.refused.append(index)
            return
        renamed.update(rules[self.key(name)][0] for name in own if self.key(name) in rules)
        for k, name in zip(keys, names):
            self.table.setdefault(k, name)
        self.layouts.append((keys, rows))

    def leave_out(self):
        if self.options.columns == "common":
            kept = set(self.table).intersection(*(keys for keys, _ in self.layouts))
        elif self.options.columns == "first" and self.layouts:
            kept = set(self.layouts[0][0])
        else:
            kept = set(self.table)
        return set(self.table) - kept

    def settle(self, renamed):
        for old, new in self.options.renames:
            if old not in renamed:
                raise Refused("no file has a column")
            self.table[self.key(new)] = new
        chosen = [k for k in self.table if k not in self.left_out]
        if self.options.select:
            chosen = [self.key(name) for name in self.options.select]
            for k in chosen:
                if k not in self.table:
                    raise Refused("no file has a column")
                if k in self.left_out:
                    raise Refused("is selected, but")
        for name in self.options.drop:
            if self.key(name) not in self.table:
                raise Refused("no file has a column")
            chosen = [k for k in chosen if k != self.key(name)]
        if not chosen and self.table:
            raise Refused("no column is left|no column that every file has")
        self.columns = [self.table[k] for k in chosen]
        self.rows = []
        for keys, rows in self.layouts:
            position = {k: i for i, k in enumerate(keys)}
            self.rows += [[row[position[k]] if k in position else "" for k in chosen] for row in rows]
        self.files_cut = sum(bool(self.left_out & set(keys)) for keys, _ in self.layouts)


# ---------------------------------------------------------------- what is read

NAMES = ["id", "ID", "Id", "fare", "Fare", "fare_usd", "Fare USD", "fare-usd", "a,b", "a.b", "a=b", 'q"q', "", "",
         "id_2", "id2", "ID 2", "x", "X", "column1", "column2", "Größe", "GRÖSSE", "größe", "Σίσυφος", "σίσυφοσ",
         "ЦЕНА", "цена", "Éa", "éa", "_", "--", " ", "µm", "μm", "naïve", "NAÏVE", "ſ", "S", "s", "ﬀ", "İ", "i"]


def random_files(rng):
    """Some files that have much in common: as (header, rows)."""
    pool = rng.sample(NAMES, rng.randint(2, 7))
    files, number = [], itertools.count(1)
    for _ in range(rng.randint(1, 6)):
        kind = rng.random()
        if kind < 0.08:
            files.append((None, []))
            continue
        header = [rng.choice(pool) for _ in range(rng.randint(1, len(pool)))]
        if kind < 0.6:
            header = list(dict.fromkeys(header))
        if files and files[-1][0] and kind > 0.75:
            header = files[-1][0]
        n_rows = rng.choice((0, 1, 1, 2, 3))
        files.append((header, [[str(next(number)) for _ in header] for _ in range(n_rows)]))
    return files


def random_options(rng, files):
    made = [name for header, _ in files if header for name in name_columns(header, {}, "exact")] or ["id"]
    some = lambda most: list(dict.fromkeys(rng.choice(made) for _ in range(rng.randint(1, most))))
    match = rng.choice(("exact", "exact", "nocase", "loose"))
    options = Options(rng.choice(("union", "union", "common", "first", "strict")), match)
    if rng.random() < 0.4:
        options.select = list({key(name, match): name for name in some(4)}.values())
    if rng.random() < 0.3:
        options.drop = some(2)
    if rng.random() < 0.3:
        olds = {key(name, match): name for name in some(2)}.values()
        options.renames = [(old, rng.choice(("new", "New 2", old.swapcase(), rng.choice(made)))) for old in olds]
    return options


VARIANTS = [["-j", "1"], ["-j", "2"], ["-j", "8"], ["--executor", "sequential"],
            ["--executor", "processes", "-j", "2"], ["--parser", "libcsv"]]


class SchemaTest(SheafTest):
    def write_files(self, files):
        """Each file with its names and values in quotes, but for empty names; its names."""
        paths = []
        for i, (header, rows) in enumerate(files):
            text = "" if header is None else "".join(harness.csv_line(record) for record in [header, *rows])
            paths.append(self.write(f"{i}.csv", text))
        return paths


class RandomFolders(SchemaTest):
    def check_refused(self, paths, args, says):
        for command in (["cat"], ["schema"], ["ingest", "-o", "none.db"]):
            run = self.expect(FAULT, *command, *paths, *args)
            self.assertRegex(run.error_text, says, run)
        self.assertNotIn("none.db", self.names())

    def check_table(self, expected, paths, args, rng):
        code = SKIPPED if expected.refused else CLEAN
        args = ["--on-error", rng.choice(("quarantine", "skip-file")), *args]
        runs = [self.expect(code, "cat", *paths, *args, *variant) for variant in rng.sample(VARIANTS, 2)]
        table = [expected.columns, *expected.rows] if expected.columns else []
        for run in runs:
            self.assertEqual(table, run.csv(), run)
        args += rng.choice(VARIANTS)
        self.check_schema(expected, paths, args, code)
        if rng.random() < 0.5:
            self.check_json(expected, paths, args, code)
        if rng.random() < 0.5:
            self.check_database(expected, paths, args, code)

    def check_schema(self, expected, paths, args, code):
        told = self.expect(code, "schema", *paths, *args, "--json").json["columns"]
        self.assertEqual(expected.columns, [column["name"] for column in told])
        for i, column in enumerate(told):
            values = {row[i] for row in expected.rows} - {""}
            self.assertEqual("int64" if values else "null", column["type"], told)

    def check_json(self, expected, paths, args, code):
        facts = self.totals(*paths, *args, "-o", "x.jsonl", "--if-exists", "replace", code=code)
        self.assertEqual((len(expected.columns), len(expected.left_out), expected.files_cut, len(expected.rows)),
                         (facts["columns"], facts["columns_left_out"], facts["files_cut"], facts["loaded"]))
        rows = [json.loads(line) for line in self.read("x.jsonl").decode().splitlines()]
        wanted = [dict(zip(expected.columns, (value or None for value in row))) for row in expected.rows]
        self.assertEqual(wanted, rows)
        self.assertTrue(all(list(row) == expected.columns for row in rows))

    def check_database(self, expected, paths, args, code):
        self.expect(code, "ingest", *paths, *args, "-o", "x.db", "--table", "t", "--if-exists", "replace")
        if expected.columns:
            rows = self.sql_rows("x.db", "t") if expected.rows else []
            self.assertEqual(expected.rows, harness.null_as_empty(rows))

    def test_random_folders_become_the_expected_table(self):
        refused = 0
        for seed in range(harness.rounds(220)):
            rng = random.Random(seed)
            files = random_files(rng)
            options = random_options(rng, files)
            paths = self.write_files(files)
            with self.subTest(seed=seed, files=files, args=options.args()):
                try:
                    expected = Expected(files, options)
                except Refused as error:
                    refused += 1
                    self.check_refused(paths, ["--on-error", "quarantine", *options.args()], str(error))
                else:
                    self.check_table(expected, paths, options.args(), rng)
        self.assertTrue(harness.rounds(20) < refused < harness.rounds(120), refused)


class Counted(SchemaTest):
    """What is counted of the table's files is not counted of files that are left out."""

    sniffs = True

    def test_of_those_given_up_at_the_header_and_of_those_given_up_later(self):
        self.write("a.csv", "id,fare,x\n1,2.5,a\n")
        self.write("b.csv", "fare,id,y\n3,2,b\n")
        self.write("c.csv", "id;fare;x\n3;4;c\n5;6;d\n")
        self.write("header.csv", "id;fare;z\n" + "1;2\n" * 3 + "1;2;3\n")
        for name, header in (("later.csv.gz", "id;fare;z\n"), ("rows.csv.gz", "")):
            rows = header + "".join(f"{n};{n};{n}\n" for n in range(200_000))
            self.write(name, gzip.compress(rows.encode(), 1)[:-100])
        for out in ("x.db", "x.csv", "null:"):
            for way in VARIANTS:
                for policy in ("quarantine", "skip-file"):
                    facts = self.totals("a.csv", "header.csv", "b.csv", "later.csv.gz", "c.csv", "rows.csv.gz", "-o",
                                        out, "--if-exists", "replace", "--columns", "first", "--on-error", policy,
                                        *way, code=SKIPPED)
                    self.assertEqual((3, 4, 1, 1, 1, 0), tuple(facts[key] for key in (
                        "files_skipped", "loaded", "columns_left_out", "files_cut", "files_other_dialect",
                        "files_headerless")), (out, way, policy))


class Columns(SchemaTest):
    def setUp(self):
        super().setUp()
        self.write("a.csv", "id,fare,x\n1,2.5,a\n")
        self.write("b.csv", "fare,id,y\n3,2,b\n")
        self.write("c.csv", "id,fare,x\n3,4,c\n")

    def test_what_is_left_out_is_told(self):
        run = self.succeed("ingest", "a.csv", "b.csv", "c.csv", "-o", "x.csv", "--columns", "common")
        self.assertIn("notes   2 columns of 3 files left out\n", run.out.decode())
        self.assertEqual(b"id,fare\n1,2.5\n2,3\n3,4\n", self.read("x.csv"))
        run = self.succeed("ingest", "a.csv", "b.csv", "-o", "null:", "--columns", "first")
        self.assertIn("notes   1 column of 1 file left out\n", run.out.decode())
        for command in ("cat", "schema"):
            run = self.succeed(command, "a.csv", "b.csv", "--columns", "first")
            self.assertEqual("notes   1 column of 1 file left out\n", run.error_text)
            run = self.succeed(command, "a.csv", "b.csv", "--columns", "first", "-q")
            self.assertEqual("", run.error_text)

    def test_what_is_selected_or_dropped_is_not_told(self):
        for args in (["--select", "id"], ["--drop", "x"], ["--columns", "first", "--drop", "x", "a.csv"]):
            facts = self.totals("a.csv", *args, "-o", "null:")
            self.assertEqual((0, 0), (facts["columns_left_out"], facts["files_cut"]))

    def test_strict_ends_the_run_or_leaves_the_file_out(self):
        files = ["a.csv", "b.csv", "c.csv", "--columns", "strict"]
        for out in ("x.db", "x.csv", "null:"):
            for way in VARIANTS:
                args = [*files, "-o", out, "--if-exists", "replace", *way]
                run = self.expect_fault("ingest", *args, "--on-error", "stop", source="b.csv",
                                        says="'x' is missing, 'y' is not one of them")
                self.assertIn("the first file is a.csv", run.error.help)
                for policy in ("quarantine", "skip-file"):
                    facts = self.totals(*args, "--on-error", policy, code=SKIPPED)
                    self.assertEqual((3, 1, 2, 2, 0), tuple(facts[key] for key in (
                        "files", "files_skipped", "records", "loaded", "skipped")))
        self.assertEqual(b"id,fare,x\n1,2.5,a\n3,4,c\n", self.read("x.csv"))

    def test_strict_is_a_fault_of_the_header_before_any_of_the_rows(self):
        self.write("b.csv", "id\n1\n2,3\n")
        self.write("e.csv", "fare\n" + "1,2\n" * 3)
        for way in VARIANTS:
            for out in ("x.db", "x.csv", "null:"):
                self.expect_fault("ingest", "a.csv", "b.csv", "-o", out, "--if-exists", "replace", "--columns", "strict",
                                  *way, source="b.csv", says="not those of the first file")
            facts = self.totals("a.csv", "b.csv", "e.csv", "-o", "x.db", "--columns", "strict", "--on-error",
                                "quarantine", "--if-exists", "replace", *way, code=SKIPPED)
            self.assertEqual((1, 0, 2), (facts["loaded"], facts["rejected"], facts["files_skipped"]))

    def test_strict_of_a_file_that_is_split(self):
        self.write_rows("b.csv", 200_000, header="id,y", filler="some text\n#")
        for out in ("x.db", "x.csv", "null:"):
            for way in VARIANTS:
                facts = self.totals("a.csv", "b.csv", "c.csv", "-o", out, "--columns", "strict", "--on-error",
                                    "quarantine", "--if-exists", "replace", "--comment", "#", *way, code=SKIPPED)
                self.assertEqual((2, 1, 0), (facts["loaded"], facts["files_skipped"], facts["comment_lines"]))

    def test_files_without_a_header_count_for_nothing(self):
        self.write("0.csv", "\n\n")
        for columns, wanted in (("common", "id,fare"), ("first", "id,fare,x"), ("strict", "id,fare,x")):
            files = ["0.csv", "a.csv", "0.csv", "c.csv" if columns == "strict" else "b.csv"]
            self.assertEqual(wanted, self.succeed("cat", *files, "--columns", columns).out.decode().splitlines()[0])

    def test_a_header_without_rows_names_columns_and_says_nothing_of_their_types(self):
        self.write("0.csv", "id,new\n")
        run = self.succeed("schema", "0.csv", "a.csv", "--json").json["columns"]
        self.assertEqual([("id", "int64"), ("new", "null"), ("fare", "float64"), ("x", "text")],
                         [(column["name"], column["type"]) for column in run])

    def test_a_file_that_is_left_out_adds_no_columns(self):
        self.write("b.csv", "id,fare,z\n1,2\n")
        run = self.expect(SKIPPED, "cat", "a.csv", "b.csv", "c.csv", "--columns", "common", "--on-error", "skip-file")
        self.assertEqual(b"id,fare,x\n1,2.5,a\n3,4,c\n", run.out)

    def test_types_are_asked_for_by_the_names_of_the_table(self):
        args = ["schema", "a.csv", "b.csv", "--match", "nocase", "--rename", "fare=Price", "--json"]
        types = {column["name"]: column["type"] for column in self.succeed(
            *args, "--type", "PRICE=text", "--type", "id=float64").json["columns"]}
        self.assertEqual({"id": "float64", "Price": "text", "x": "text", "y": "text"}, types)
        self.expect_fault(*args, "--type", "fare=text", says="(?s)no file has.*name it 'Price'")

    def test_a_type_is_asked_for_of_the_column_that_keeps_the_name(self):
        """Of two columns of a file that match, that is known only when the files before it are."""
        self.write("1.csv", "id\n1\n")
        self.write("2.csv", "ID,id\nx,2\n")
        args = ["1.csv", "2.csv", "--match", "nocase", "-o", "x.db", "--if-exists", "replace", "--table", "t"]
        for way in VARIANTS:
            self.succeed("ingest", *args, "--type", "Id=int64", *way)
            self.assertEqual([["1", None], ["2", "x"]], self.sql_rows("x.db", "t"))
            self.expect_fault("ingest", *args, "--type", "ID_2=int64", *way, source="2.csv", says="'x' is not of type")

    def test_a_fault_names_the_column_as_its_file_does(self):
        self.write("b.csv", "ID,Fare,X\n1,2,\xff\n".encode("latin-1"))
        for out in ("x.db", "x.csv", "null:"):
            for way in VARIANTS:
                run = self.expect(FAULT, "ingest", "a.csv", "b.csv", "-o", out, "--match", "nocase", "--rename", "x=z",
                                  "--if-exists", "replace", *way)
                self.assertEqual("X", run.error.column_name, run)

    def test_typed_columns_are_the_same_alone(self):
        """Also of a large file, which is split, and of one that is read again."""
        rng = random.Random(4)
        header = "a,b,c,d,e"
        for name, n_rows in (("0.csv", 40_000), ("1.csv", 300), ("2.csv", 300)):
            rows = (f"{i},{rng.random():.3f},2024-01-{i % 28 + 1:02d},{'x' if i == 200 else i},{rng.choice(['t', ''])}\n"
                    for i in range(n_rows))
            self.write(name, f"{header}\n" + "".join(rows))
        files = ["0.csv", "1.csv", "2.csv", "--table", "t", "--if-exists", "replace"]
        self.succeed("ingest", *files, "-o", "all.db", "-j", "1")
        types = {line.split()[-1]: line for line in self.succeed("schema", *files[:3]).out.decode().splitlines()}
        for select in (["d", "a"], ["c"], ["e", "b", "d"]):
            wanted = self.sql("all.db", f"SELECT {','.join(select)} FROM t;")
            for way in [*VARIANTS, ["--memory", "1M", "-j", "8"]]:
                self.succeed("ingest", *files, "-o", "x.db", "--select", ",".join(select), *way)
                self.assertTrue(wanted == self.sql("x.db", "SELECT * FROM t;"), (select, way))
                told = self.succeed("schema", *files[:3], "--select", ",".join(select), *way).out.decode().splitlines()
                self.assertEqual([types[name] for name in select], told)
                dropped = ",".join(set("abcde") - set(select))
                told = self.succeed("schema", *files[:3], "--drop", dropped, *way).out.decode().splitlines()
                self.assertEqual([types[name] for name in sorted(select)], told)

    def test_columns_that_nobody_wants_are_not_looked_at(self):
        """A value that would be none of its type is not one that anybody reads."""
        self.write("b.csv", "id,fare\n2,x\n")
        for way in VARIANTS:
            args = ["ingest", "b.csv", "-o", "x.db", "--if-exists", "replace", "--type", "fare=float64", *way]
            self.expect_fault(*args, says="not of type float64")
            self.succeed(*args, "--drop", "fare")


class BadInput(SchemaTest):
    def setUp(self):
        super().setUp()
        self.write("a.csv", 'id,"a,b",c=d\n1,2,3\n')

    def test_what_is_not_understood_is_a_usage_error(self):
        wrong = [["--select", ""], ["--select", "id,"], ["--select", ",id"], ["--select", 'id,"a'], ["--select", '"a"b'],
                 ["--drop", ""], ["--drop", "id,,x"], ["--rename", "id"], ["--rename", "=x"], ["--rename", "id="],
                 ["--rename", ""], ["--rename", '"id=x'], ["--rename", 'id="x'], ["--rename", 'id=""'],
                 ["--columns", "all"], ["--match", "regex"], ["--select", "id,id"], ["--select", "id", "--select", "id"],
                 ["--select", "id,ID", "--match", "nocase"], ["--rename", "id=x", "--rename", "id=y"]]
        for args in wrong:
            for command in (["cat"], ["schema"], ["ingest", "-o", "x.db"]):
                with self.subTest(args=args, command=command):
                    run = self.expect(USAGE, *command, "a.csv", *args)
                    self.assertTrue(run.err.startswith(b"error: "), run)
        self.assertEqual(["a.csv"], self.names())
        self.expect(USAGE, "count", "a.csv", "--select", "id")

    def test_names_with_commas_and_equals_signs_stand_in_quotes(self):
        for args, wanted in ((["--select", '"a,b",id'], '"a,b",id\n2,1\n'),
                             (["--select", "c=d"], "c=d\n3\n"),
                             (["--drop", 'id,"a,b"'], "c=d\n3\n"),
                             (["--rename", '"c=d"=x', "--drop", "id"], '"a,b",x\n2,3\n'),
                             (["--rename", "a,b=x=y", "--drop", "id"], "x=y,c=d\n2,3\n"),
                             (["--rename", 'id="q""q"', "--select", '"q""q"'], '"q""q"\n1\n')):
            self.assertEqual(wanted, self.succeed("cat", "a.csv", *args).out.decode(), args)

    def test_if_no_file_can_be_read_that_is_what_is_told(self):
        self.write("a.csv", '"a,b\n1,2\n')
        self.write("b.csv.gz", b"\x1f\x8b\x08nothing")
        for asked in (["--select", "a"], ["--drop", "a"], ["--rename", "a=b"], ["--type", "a=int64"]):
            for name, says in (("a.csv", "quote is never closed"), ("b.csv.gz", "compressed data")):
                for on_error in ("stop", "quarantine"):
                    run = self.expect(FAULT, "ingest", name, "-o", "x.db", *asked, "--on-error", on_error)
                    self.assertIn(f"error: the {says}", run.err.decode())
                    self.assertNotIn("no file has", run.err.decode())
        self.write("e.csv", "")
        self.expect_fault("cat", "e.csv", "--select", "a", says="no file has")

    def test_a_name_that_no_file_has_is_told_with_the_nearest(self):
        for args, says in ((["--select", "idd"], "(?s)no file has a column 'idd'.*did you mean 'id'?"),
                           (["--drop", "a.b"], "(?s)no file has a column 'a.b'.*did you mean 'a,b'?"),
                           (["--rename", "ID=x"], "(?s)no file has a column 'ID'.*did you mean 'id'?")):
            for command in (["cat"], ["schema"], ["ingest", "-o", "x.db"]):
                for policy in ("stop", "quarantine", "skip-file"):
                    run = self.expect(FAULT, *command, "a.csv", *args, "--on-error", policy)
                    self.assert_shows_error(run, says=says)
        self.assertEqual(["a.csv"], self.names())


if __name__ == "__main__":
    harness.main()

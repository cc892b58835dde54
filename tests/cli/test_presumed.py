"""Types of large files are presumed from samples, and the load starts over where they were wrong.

Whatever is presumed, a load leaves what it leaves when every value was looked at beforehand: that is what
processes do, beside which all of this is held.
"""

import gzip
import os
import random
import re
import struct

import harness
from harness import CLEAN, FAULT, SKIPPED, SheafTest
from test_executors import without_measures
from test_left_out import in_blocks

PRESUMES = ["--memory", "1M"]  # no rows are kept: what is no sample is read only once
SURVEYS = ["--executor", "processes"]
SEED = int(os.environ.get("SHEAF_SEED", "0"))
ROUNDS = harness.rounds(30)
SAME_TIME = dict(os.environ, SOURCE_DATE_EPOCH="1700000000")


def lines(n, line):
    return "".join(line(i) for i in range(n))


class PresumedTest(SheafTest):
    """Each file is large enough for samples to be less than all of it."""

    def write(self, name, data):
        """Long ago: a ledger trusts no time of just now."""
        path = super().write(name, data)
        os.utime(self.path(name), (1_600_000_000, 1_600_000_000))
        return path

    def outcome(self, destination, args, code=None):
        if "--on-error" not in args:
            args = [*args, "--on-error", "quarantine"]
        if destination.endswith(".db"):
            args = [*args, "--table", "t"]
        run = self.sheaf("ingest", *args, "-o", destination, "--json", env=SAME_TIME)
        if code is not None:
            self.assertEqual(code, run.code, run)
        starts_over = re.search(rb'"starts_over":(\d+)', run.out)
        rows = b""
        if destination.endswith(".db") and os.path.exists(self.path(destination)):
            rows = self.sql(destination, ".dump")
        elif os.path.exists(self.path(destination)):
            rows = self.read(destination)
        left = sorted(name for name in self.names() if name.startswith(destination) and name != destination)
        asides = [self.read(name) for name in left if os.path.isfile(self.path(name))]
        for name in [*left, destination]:
            if os.path.exists(self.path(name)):
                os.unlink(self.path(name))
        out = without_measures(run.out)
        return (bytes([run.code]), out, run.err, rows, left, asides), int(starts_over[1]) if starts_over else None

    def assert_alike(self, *args, starts_over=None, code=None, destinations=("x.db",), workers=("1", "2")):
        """As if all had been surveyed. `starts_over`: how often, if that is known."""
        for destination in destinations:
            want, never = self.outcome(destination, [*args, *SURVEYS, "-j", "2"], code)
            self.assertIn(never, (0, None))
            for j in workers:
                have, times = self.outcome(destination, [*args, *PRESUMES, "-j", j], code)
                for name, a, b in zip(("code", "stdout", "stderr", "rows", "files", "asides"), want, have):
                    self.assertTrue(a == b, f"{destination} -j {j} {args}: another {name}: {a[-2000:]} {b[-2000:]}")
                if starts_over is not None:
                    self.assertEqual(starts_over, times, (destination, j, args))
        return want


class Types(PresumedTest):
    ROWS = 60_000

    def put(self, name="a.csv", header="n,text,x", surprise=None, at=0.37):
        """A file of which the line at that part of it is another one."""
        rows = [f"{i},some text {i % 100},{i}.5\n" for i in range(self.ROWS)]
        if surprise is not None:
            rows[int(at * self.ROWS)] = surprise + "\n"
        return self.write(name, header + "\n" + "".join(rows))

    def types(self, args):
        self.assertEqual(CLEAN, self.sheaf("ingest", *args, "-o", "y.db", "--if-exists", "replace").code)
        return self.sql("y.db", "SELECT type FROM pragma_table_info('y')").decode().split()

    def test_files_that_are_alike_are_read_once(self):
        self.put()
        self.assert_alike("a.csv", starts_over=0, code=CLEAN)
        self.assertEqual(["INTEGER", "TEXT", "REAL"], self.types(["a.csv", *PRESUMES]))

    def test_one_value_of_another_type(self):
        for surprise, types in (("1.5,x,2", ["REAL", "TEXT", "REAL"]), ("n/a,x,2.5", ["TEXT", "TEXT", "REAL"]),
                                ("1,x,9007199254740993", ["INTEGER", "TEXT", "TEXT"]), ("9007199254740993,1,2", None),
                                ("1,2,3", None), (",x,1", None), (",,", None),
                                ("1,x,true", ["INTEGER", "TEXT", "TEXT"])):
            self.put(surprise=surprise)
            widens = types is not None
            for on_error in ("quarantine", "stop"):
                self.assert_alike("a.csv", "--on-error", on_error, starts_over=int(widens), code=CLEAN, workers=("2",))
            self.assertEqual(types or ["INTEGER", "TEXT", "REAL"], self.types(["a.csv", *PRESUMES]))

    def test_a_summary_notes_it(self):
        self.put(surprise="n/a,x,1")
        run = self.expect(CLEAN, "ingest", "a.csv", "-o", "y.db", *PRESUMES)
        self.assertIn(b"notes   1 start over: a file was not as its samples", run.out)

    def test_where_samples_show_it_nothing_is_presumed(self):
        for at in (0.01, 0.9999):
            self.put(surprise="n/a,x,1", at=at)
            self.assert_alike("a.csv", starts_over=0, code=CLEAN)

    def test_a_column_without_values_is_not_presumed_to_be_empty(self):
        rows = [f"{i},\n" for i in range(self.ROWS * 3)]
        rows[len(rows) // 2] = "1,2024-01-01\n"
        self.write("a.csv", "n,day\n" + "".join(rows))
        self.assert_alike("a.csv", starts_over=0, code=CLEAN)

    def test_a_value_in_another_file(self):
        self.put("a.csv")
        self.put("b.csv", surprise="x,y,z")
        self.put("c.csv", header="x,n,more")
        self.assert_alike("a.csv", "b.csv", "c.csv", code=CLEAN)

    def test_the_column_may_be_null(self):
        """What is told of the columns is of all values, too."""
        self.put(surprise=",x,1.5")
        for asked in ([], ["--type", "n=float64"]):
            self.assert_alike("a.csv", "--digest", *asked, starts_over=0, destinations=("x.db", "x.parquet"))

    def test_types_that_are_asked_for(self):
        self.put(surprise="n/a,x,1.5")
        self.assert_alike("a.csv", "--type", "n=int64", starts_over=0, code=SKIPPED)
        self.assert_alike("a.csv", "--type", "n=int64", "--on-error", "stop", code=FAULT)
        self.assert_alike("a.csv", "--text", starts_over=0, code=CLEAN)

    def test_columns_that_nobody_wants(self):
        self.put(surprise="n/a,x,1.5")
        self.assert_alike("a.csv", "--drop", "n", starts_over=0, code=CLEAN)
        self.assert_alike("a.csv", "--select", "x,n", "--add", "file", starts_over=1, code=CLEAN)

    def test_rows_behind_others(self):
        self.put("a.csv")
        self.put("b.csv", surprise="1,x,2")
        self.expect(CLEAN, "ingest", "a.csv", "-o", "y.db")
        run = self.expect(CLEAN, "ingest", "b.csv", "-o", "y.db", "--if-exists", "append", "--json", *PRESUMES)
        self.assertEqual((0, self.ROWS), (run.json["starts_over"], run.json["loaded"]))
        self.assertEqual(2 * self.ROWS, int(self.sql("y.db", "SELECT count(*) FROM y")))

    def test_files(self):
        """Every kind, byte by byte."""
        self.put(surprise="n/a,x,1.5")
        for name in ("x.parquet", "x.arrow", "x.arrows"):
            self.assert_alike("a.csv", "--digest", destinations=(name,), starts_over=1, code=CLEAN)
            self.assertEqual([], [each for each in self.names() if each.startswith(".sheaf")])

    def test_what_is_in_the_place_of_rows_stays_until_the_end(self):
        self.put("a.csv", surprise="n/a,x,1.5")
        self.put("b.csv")
        self.expect(CLEAN, "ingest", "b.csv", "-o", "y.db")
        before = self.sql("y.db", ".dump")
        self.expect(FAULT, "ingest", "a.csv", self.write("bad.csv", "a,b\n1\n"), "-o", "y.db", "--if-exists",
                    "replace", "--on-error", "stop", *PRESUMES)
        self.assertEqual(before, self.sql("y.db", ".dump"))


class Faults(PresumedTest):
    def put(self, name, n, line, end=""):
        return self.write(name, "a,b\n" + lines(n, line) + end)

    def test_what_was_set_aside_is_told_once(self):
        self.put("a.csv", 40_000, lambda i: "1,2,3\n" if i % 9000 == 8500 else "x,y\n" if i == 30_000 else f"{i},{i}\n")
        self.put("b.csv", 40_000, lambda i: "1\n" if i % 9000 == 8500 else f"{i},{i}\n")
        for verbose in ([], ["-v"]):
            self.assert_alike("a.csv", "b.csv", *verbose, starts_over=1, code=SKIPPED,
                              destinations=("x.db", "x.parquet"))

    def test_a_file_that_is_damaged_at_its_end(self):
        good = "a,b\n" + lines(30_000, lambda i: f"{i},{i}\n")
        self.write("a.csv", good)
        self.write("b.csv", good + '7,"never closed\n')
        self.write("c.csv.gz", gzip.compress(good.encode(), 1)[:-9])
        self.write("d.csv", good + "8,\udcff\n".encode("utf-8", "surrogateescape").decode("latin-1"))
        # One that is split, of which the header's block is good, and the next one in the same sample is not.
        blocks = bytearray(in_blocks("a,b\n" + lines(120_000, lambda i: f"{i},{i * 7919 % 100_003}\n")))
        second = struct.unpack_from("<H", blocks, 16)[0] + 1
        blocks[second + 60:second + 64] = b"\xff" * 4
        self.write("e.csv.gz", bytes(blocks))
        for names in (["a.csv", "b.csv"], ["a.csv", "c.csv.gz", "d.csv"], ["b.csv"], ["c.csv.gz"],
                      ["a.csv", "e.csv.gz", "d.csv"]):
            for on_error in ("quarantine", "stop", "skip-file"):
                self.assert_alike(*names, "--on-error", on_error, destinations=("x.db", "x.parquet"))

    def test_kinds_of_faults_are_told_in_the_order_of_files_that_stay(self):
        damaged = "a,b\n" + lines(30_000, lambda i: "1\n" if i % 9000 == 8500 else f"{i},{i}\n")
        self.write("a.csv.gz", gzip.compress(damaged.encode(), 1)[:-9])
        self.put("b.csv", 30_000, lambda i: '1,"x" y\n' if i % 9000 == 7000 else "1\n" if i % 9000 == 8000 else "1,2\n")
        told = self.assert_alike("a.csv.gz", "b.csv", starts_over=1, code=SKIPPED)[2]
        self.assertLess(told.index(b"(quote), in"), told.index(b"(short), in"))

    def test_a_file_that_was_misjudged(self):
        self.put("a.csv", 20_000, lambda i: f"{i},1\n")
        self.put("b.csv", 30_000, lambda i: f"{i},2\n" if i < 10_000 else "1\n")
        self.put("c.csv", 20_000, lambda i: f"{i},3\n")
        self.assert_alike("a.csv", "b.csv", "c.csv", starts_over=1, code=SKIPPED)
        self.assert_alike("a.csv", "b.csv", "c.csv", "--max-errors", "100%", starts_over=0, code=SKIPPED)
        self.assert_alike("a.csv", "b.csv", "c.csv", "--max-errors", "10", code=FAULT)

    def test_records_of_a_file_that_is_left_out_are_not_too_many(self):
        self.put("a.csv", 30_000, lambda i: f"{i},{i}\n")
        data = "a,b\n" + lines(30_000, lambda i: "1\n" if i % 1000 == 999 else f"{i},{i}\n")
        self.write("b.csv.gz", gzip.compress(data.encode(), 1)[:-9])
        self.assert_alike("a.csv", "b.csv.gz", "--max-errors", "10", starts_over=1, code=SKIPPED)

    def test_the_first_fault_is_told_wherever_it_stands(self):
        self.put("a.csv", 30_000, lambda i: "1\n" if i == 20_000 else f"{i},{i}\n")
        self.write("b.csv", "a,b\n1\n")
        self.write("c.csv", "")
        self.assert_alike("a.csv", "b.csv", "c.csv", "--on-error", "stop", code=FAULT)
        self.write("d.csv", "a,c\n1,2\n")
        self.assert_alike("a.csv", "d.csv", "--on-error", "stop", "--columns", "strict", code=FAULT)

    def test_what_cannot_be_is_told_behind_the_first_fault(self):
        self.put("a.csv", 30_000, lambda i: "1\n" if i == 20_000 else f"{i},{i}\n")
        for asked in (["--select", "c"], ["--type", "c=int64"], ["--index", "c"]):
            self.assert_alike("a.csv", *asked, "--on-error", "stop", code=FAULT)
            self.assert_alike("a.csv", *asked)

    def test_too_many_faults_in_a_file_that_is_left_out(self):
        self.put("a.csv", 30_000, lambda i: f"{i},{i}\n")
        text = "a,b\n" + lines(30_000, lambda i: "1\n" if i % 3000 == 2900 else f"{i},{i}\n")
        self.write("b.csv.gz", gzip.compress(text.encode(), 1)[:-9])
        self.assert_alike("a.csv", "b.csv.gz", "--max-errors", "5", starts_over=1, code=SKIPPED)
        self.write("c.csv", text)
        self.assert_alike("a.csv", "c.csv", "--max-errors", "5", code=FAULT)

    def test_where_it_cannot_start_over_nothing_is_presumed(self):
        self.put("a.csv", 30_000, lambda i: "x,y\n" if i == 20_000 else f"{i},{i}\n")
        run = self.expect(CLEAN, "ingest", "a.csv", "-o", "-", "--format", "arrow", "--json", *PRESUMES)
        self.assertIn(b'"starts_over":0', run.err)
        run = self.expect(CLEAN, "ingest", "a.csv", "-o", "x.db", "--commit", "per-file", "--json", *PRESUMES)
        self.assertEqual(0, run.json["starts_over"])


class AtRandom(PresumedTest):
    """Tables that change their mind anywhere."""
    VALUES = [lambda rng: str(rng.randrange(1000)), lambda rng: f"{rng.randrange(1000)}.{rng.randrange(10)}",
              lambda rng: rng.choice(["a", "b c", '"d,e"', '"f""g"', '"h\ni"']), lambda rng: "",
              lambda rng: f"2024-0{rng.randrange(1, 10)}-11", lambda rng: f"2024-01-11T0{rng.randrange(10)}:00:00",
              lambda rng: rng.choice(["true", "false"]), lambda rng: str(rng.randrange(2**60, 2**62))]

    def make(self, rng, name):
        width = rng.randrange(1, 5)
        columns = [rng.choice(self.VALUES) for _ in range(width)]
        nulls = [rng.choice([0, 0, 0, 0.001, 0.3]) for _ in range(width)]
        n = rng.choice([200, 2000, 12_000, 30_000])
        names = rng.sample("abcdef", width)
        pool = [",".join("" if rng.random() < nulls[k] else columns[k](rng) for k in range(width)) or '""'
                for _ in range(400)]
        rows = [pool[rng.randrange(400)] for _ in range(n)]
        for _ in range(rng.choice([0, 0, 0, 1, 1, 3])):
            at = rng.randrange(n)
            rows[at] = ",".join(rng.choice(self.VALUES)(rng) for _ in range(width)) or '""'
        for _ in range(rng.choice([0, 0, 0, 1, 5])):
            rows[rng.randrange(n)] = rng.choice(["1,2,3,4,5,6", ",", '"x" y', '"a"b,c', "\x00", '"'])
        if rng.random() < 0.07:
            rows[rng.randrange(n):] = ["1,1,1,1,1,1,1"] * n
        text = "\n".join([",".join(names), *rows]) + "\n"
        data = text.encode()
        if rng.random() < 0.1:
            data = data[:rng.randrange(len(data))]
        if rng.random() < 0.2:
            name, data = name + ".gz", gzip.compress(data, 1)
            if rng.random() < 0.2:
                data = data[:rng.randrange(len(data))]
        return self.write(name, data)

    def test_as_if_all_had_been_surveyed(self):
        for seed in range(SEED, SEED + ROUNDS):
            rng = random.Random(seed)
            names = [self.make(rng, f"in/{seed}-{i}.csv") for i in range(rng.choice([1, 1, 2, 4]))]
            more = rng.choice([[], [], ["--on-error", "stop"], ["--digest"], ["--max-errors", "3"],
                               ["--fix", "pad,trim"], ["--add", "file,line"], ["--type", "a=text"], ["--select", "a"],
                               ["--header", "no"]])
            with self.subTest(seed=seed):
                self.assert_alike(*names, *more, destinations=(rng.choice(["x.db", "x.db", "x.parquet"]),),
                                  workers=(rng.choice(["1", "2", "5"]),))


if __name__ == "__main__":
    harness.main()

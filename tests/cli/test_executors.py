"""--executor: threads, processes or the main thread alone give the same bytes, summaries, messages and exit codes.

What happens to the processes themselves is in test_worker_processes.py.
"""

import fcntl
import gzip
import json
import os
import random
import re
import subprocess
import unittest
import zlib

import harness
import messy
from harness import CLEAN, CORPORA, FAULT, SKIPPED, USAGE, SheafTest

# The first is what the others are compared with.
WAYS = [("threads", "1"), ("processes", "1"), ("processes", "3"), ("processes", "8"), ("threads", "2"), ("threads", "8"),
        ("sequential", "1")]
if harness.FEW_ROUNDS:
    WAYS = [("threads", "1"), ("processes", "3"), ("threads", "8"), ("sequential", "1")]

# What a run may say differently: how long it took, how fast that was, and by how many.
MEASURED = [(re.compile(rb' +\d+\.\d+ s, [^\n,]*/s, \d+ workers?'), b" (measured)"),
            (re.compile(rb'"workers":\d+,"seconds":[\d.]+'), b'"measured"'),
            (re.compile(rb'"ranges":\d+,"ranges_reread":\d+,"starts_over":\d+'), b'"ranges"')]

CHUNK = 1 << 20  # bytes of text that a worker reads before it hands them on
FOOTBALL = CORPORA / "football"
MIXED = CORPORA / "mixed"


def without_measures(output):
    for pattern, instead in MEASURED:
        output = pattern.sub(instead, output)
    return output


class ExecutorsTest(SheafTest):
    def setUp(self):
        super().setUp()
        self.feeds = {}  # FIFO -> the file whose bytes go through it
        self.ways = WAYS

    def run_as(self, way, args, options):
        """One run, and all that it gave: exit code, stdout, stderr, and the destination if there is one."""
        executor, j = way
        feeders = [subprocess.Popen(["sh", "-c", 'exec cat "$0" > "$1"', file, fifo], cwd=self.dir,
                                    stderr=subprocess.DEVNULL) for fifo, file in self.feeds.items()]
        run = self.sheaf(*args, "--executor", executor, "-j", j, **options)
        for feeder in feeders:
            harness.stop(feeder)
        kept = None
        if "-o" in args and os.path.exists(self.path(args[args.index("-o") + 1])):
            destination = args[args.index("-o") + 1]
            kept = self.sql_dump(destination, "t") if destination.endswith(".db") else self.read(destination)
            os.unlink(self.path(destination))
        return run, (run.code, without_measures(run.out), without_measures(run.err), kept)

    def assert_alike(self, *args, code=CLEAN, **options):
        """The same whoever reads. Returns the first run and its destination's bytes."""
        first = None
        for way in self.ways:
            with self.subTest(way=way, args=args):
                run, gave = self.run_as(way, args, options)
                self.assertEqual(code, run.code, run)
                first = first or (run, gave)
                for name, want, have in zip(("code", "stdout", "stderr", "destination"), first[1], gave):
                    self.assertTrue(want == have, f"{way}: another {name} than {self.ways[0]}: {run}\n"
                                                  f"instead of {first[0]}")
        return first[0], first[1][3]

    def assert_commands_alike(self, *sources, code=CLEAN, kinds=("csv", "tsv", "jsonl", "db")):
        """All commands and destinations. Returns what `cat` gave."""
        self.assert_alike("count", "--json", *sources, code=code)
        for kind in kinds:
            summary = [] if kind == "csv" else ["--json"]
            self.assert_alike("ingest", *sources, "-o", f"out.{kind}", "--table" if kind == "db" else "-v",
                              *(["t"] if kind == "db" else []), *summary, code=code)
        return self.assert_alike("cat", *sources, code=code)[0].out


class SmallFiles(ExecutorsTest):
    def test_messy_tables(self):
        for seed in range(6):
            rng = random.Random(seed)
            names, rows = [], 0
            for i in range(rng.randrange(1, 30)):
                ending = rng.choice(["csv", "csv", "tsv", "txt"])
                data, _, table = messy.make_file(rng, "\t" if ending == "tsv" else ",")
                name = f"{seed}/{i}.{ending}"
                if rng.random() < 0.3:
                    name, data = f"{name}.gz", messy.compress_in_members(rng, data)
                names.append(self.write(name, data))
                rows += len(table)
            self.assert_commands_alike(*names, kinds=("csv", "jsonl", "db") if seed % 2 else ("tsv",))
            self.assertEqual(rows, self.totals(*names, "-o", "null:", "--executor", "processes")["loaded"])

    def test_many_that_are_empty_or_have_a_header_only(self):
        for i in range(700):
            self.write(f"d/{i:04}.csv", ["", f"a,b{i % 7}\n", "\n\r\n\r", "\ufeff", "c", "a,b0\n1,2\n"][i % 6])
        cat = self.assert_commands_alike("d", kinds=("csv", "db"))
        self.assertEqual(116, len(harness.parse_csv(cat)) - 1)

    def test_one_more_file_than_the_window_holds_and_one_less(self):
        for count in (1, 3, 4, 5, 31, 32, 33):
            for i in range(count):
                self.write(f"{count}/{i:02}.csv", f"n\n{i}\n")
            run, _ = self.assert_alike("cat", str(count))
            self.assertEqual("n\n" + "".join(f"{i}\n" for i in range(count)), run.out.decode())

    def test_names_of_any_bytes(self):
        names = [b"\xff\xfe.csv", b"new\nline.csv", b" .csv", "é漢.csv".encode(), b"x" * 250 + b".csv",
                 b"a'\"$.csv"]
        for i, name in enumerate(names):
            self.write(b"d/" + name, f"n\n{i}\n")
        self.assert_commands_alike("d", kinds=("csv",))
        run, _ = self.assert_alike("cat", *[b"d/" + name for name in names])
        self.assertEqual(b"n\n0\n1\n2\n3\n4\n5\n", run.out)

    def test_a_path_that_is_very_deep(self):
        folder = "/".join(["d" * 200] * 15)
        self.write(f"{folder}/a.csv", "n\n1\n")
        self.assertEqual(b"n\n1\n", self.assert_alike("cat", f"{folder}/a.csv")[0].out)

    def test_options_reach_who_reads(self):
        self.write("a.csv", "a;b\n1;2\n")
        self.write("long.csv", "a;b\n1;" + "x" * 2000 + "\n")
        self.assertEqual(b"a,b\n1,2\n", self.assert_alike("cat", "a.csv", "--delim", ";")[0].out)
        self.assert_alike("cat", "a.csv", "long.csv", "--delim", ";", "--max-record", "1k", code=FAULT)
        self.assert_alike("count", "a.csv", "long.csv", "--delim", ";", "--max-record", "1k", "--on-error",
                          "skip-file", code=SKIPPED)

    def test_columns_that_differ_are_united_in_file_order(self):
        for i in range(60):
            self.write(f"d/{i:02}.csv", f"c{i % 13},c{i % 5}\n1,2\n")
        self.assert_commands_alike("d", kinds=("csv", "jsonl"))


class LargeFiles(ExecutorsTest):
    """Files of several chunks, which several workers read in turn."""

    def table(self, seed, size):
        """A messy table of about that size, as text."""
        rng = random.Random(seed)
        rows, total = ["n,text,more\n"], 0
        while total < size:
            n = len(rows)
            row = rng.choice([f"{n},some text {n},{n * 7}", f'{n},"two\nlines {n}",', f'{n},"say ""{n}""","a\r\nb"',
                              f'{n},"",é漢', f',,"{"x" * rng.randrange(400)}"'])
            rows.append(row + rng.choice(["\n", "\r\n", "\r", "\n\n"]))
            total += len(row)
        return "".join(rows)

    def test_plain_files(self):
        self.ways = [way for way in WAYS if way != ("threads", "3")]
        for i in range(3):
            self.write(f"d/{i}.csv", self.table(i, (i + 2) * CHUNK + i))
        self.write("d/1-small.csv", "other,text\n1,2\n")
        self.assert_commands_alike("d", kinds=("csv", "db"))

    def test_gzip_files(self):
        """Whoever goes on in one inflates it from its beginning: chunks grow, and no row is lost between them."""
        self.write_gzip("d/one.csv.gz", self.table(3, 9 * CHUNK), 1)
        data = self.table(5, 5 * CHUNK).encode()
        self.write("d/members.csv.gz", messy.compress_in_members(random.Random(3), data))
        self.assert_commands_alike("d", kinds=("csv",))

    def test_rows_that_end_exactly_where_a_chunk_does(self):
        """Two cells of 8 bytes make a chunk full after 65,536 rows, text of 16 bytes a row does as well."""
        for row_bytes in (3, 15, 16, 17):
            row = b"1," + b"x" * (row_bytes - 3) + b"\n"
            for count in (65_535, 65_536, 65_537, 131_072):
                self.write("a.csv", b"a,b\n" + row * count)
                for way in (("processes", "2"), ("sequential", "1")):
                    run, gave = self.run_as(way, ["cat", "a.csv"], {})
                    self.assertTrue(gave == (CLEAN, self.read("a.csv"), b"", None), (row_bytes, count, way, run))

    def test_a_record_that_is_larger_than_a_chunk(self):
        long = '"' + "x\n" * CHUNK + '"'
        self.write("a.csv", f"a,b\n1,2\n3,{long}\n5,6\n{long},8\n")
        run, _ = self.assert_alike("cat", "a.csv")
        self.assertTrue(run.out == self.read("a.csv"))

    def test_files_of_equal_shape(self):
        """Every chunk of one ends where the other's does: whoever has both half read must not confuse them."""
        for i in range(5):
            self.write(f"d/{i}.csv", b"n,text\n" + b"%d,%s\n" % (i, b"x" * 61) * 50_000)
        run, _ = self.assert_alike("cat", "d")
        self.assertTrue(run.out == b"n,text\n" + b"".join(self.read(f"d/{i}.csv")[7:] for i in range(5)))

    def test_one_file_many_times(self):
        self.write("a.csv", self.table(4, 3 * CHUNK))
        self.assert_alike("cat", *["a.csv"] * 6)


class Streams(ExecutorsTest):
    """A stream can be read by the program itself only, in its turn."""

    def test_stdin_among_files(self):
        self.write("a.csv", "n\n1\n")
        self.write("c.csv", "n\n" + "3\n" * 1_000_000)
        stdin = b"n\n" + b"2\n" * 1_000_000
        for on_error in ("stop", "skip-file"):
            run, _ = self.assert_alike("cat", "a.csv", "-", "c.csv", "--on-error", on_error, input=stdin)
            self.assertTrue(run.out == b"n\n1\n" + b"2\n" * 1_000_000 + b"3\n" * 1_000_000)
        self.assert_alike("count", "--json", "a.csv", "-", "c.csv", input=gzip.compress(stdin, 1))

    def test_fifos_among_files(self):
        for i in range(4):
            self.write(f"f{i}.csv", f"n,f{i}\n" + f"{i},{'x' * 90}\n" * 30_000)
            self.feeds[self.make_fifo(f"pipe{i}")] = f"f{i}.csv"
        names = ["f0.csv", "pipe0", "pipe1", "f1.csv", "f2.csv", "pipe2", "pipe3", "f3.csv"]
        cat = self.assert_commands_alike(*names, kinds=("csv",))
        self.assertEqual(8 * 30_000 + 1, cat.count(b"\n"))

    def test_streams_with_faults(self):
        self.write("a.csv", "n\n1\n")
        for stdin in (b"n\n2\n3,4\n", b"\xff\xfe", b'n\n"', b"n\n" + b"2\n" * 1_000_000 + b"\xff\n", b""):
            for on_error, code in (("stop", FAULT), ("skip-file", SKIPPED)):
                for args in (["cat"], ["count", "--json"], ["ingest", "-o", "out.csv"]):
                    self.assert_alike(*args, "a.csv", "-", "a.csv", "--on-error", on_error, input=stdin,
                                      code=code if stdin else CLEAN)

    def test_files_that_only_the_program_itself_has_open(self):
        """They are regular files by paths that mean something else in another process."""
        self.write("a.csv", "n\n1\n")
        os.symlink("/dev/stdin", self.path("link"))
        for name in ("-", "/dev/stdin", "/dev/fd/0", "/proc/self/fd/0", "link"):
            for way in self.ways:
                with open(self.path("a.csv"), "rb") as file, self.subTest(name=name, way=way):
                    run, _ = self.run_as(way, ["cat", name, "a.csv"], {"stdin": file})
                    self.assertEqual((CLEAN, b"n\n1\n1\n", b""), (run.code, run.out, run.err))

    def test_a_file_that_has_no_name_any_more(self):
        """Another process may have something else by its number, or nothing."""
        self.write("a.csv", "n\n1\n")
        with open(self.path("a.csv"), "rb") as file:
            os.unlink(self.path("a.csv"))
            for least in (0, 9, 17):
                number = fcntl.fcntl(file.fileno(), fcntl.F_DUPFD, least)
                run, _ = self.assert_alike("cat", f"/dev/fd/{number}", pass_fds=[number])
                self.assertEqual(b"n\n1\n", run.out)
                os.close(number)


GOOD = b"a,b\n" + b"1,some text\n" * 3000
BAD_ROWS = {"ragged": b"1\n", "too-wide": b"1,2,3\n", "quote": b'1,"open\n', "encoding": b"1,\xff\n",
            "long": b"1," + b"x" * 70_000 + b"\n"}


def bad_files(good):
    """name -> bytes, of which the good part comes first."""
    files = {f"{name}.csv": good + row + b"1,2\n" for name, row in BAD_ROWS.items()}
    files["header.csv"] = b'a,"b\n1,2\n'
    files["utf-16.csv"] = "a,b\n1,2\n".encode("utf-16")
    packed = gzip.compress(good, 6, mtime=0)
    files["bad-row.csv.gz"] = gzip.compress(good + b"1\n", 6, mtime=0)
    files["cut.csv.gz"] = packed[:-len(packed) // 3]
    files["no-trailer.csv.gz"] = packed[:-4]
    files["crc.csv.gz"] = packed[:-8] + zlib.crc32(b"other").to_bytes(4, "little") + packed[-4:]
    files["more.csv.gz"] = packed + b"and more"
    files["plain.csv.gz"] = good
    files["empty.csv.gz"] = b""
    return files


class Faults(ExecutorsTest):
    def setUp(self):
        super().setUp()
        self.write("good.csv", GOOD)
        self.ways = [("threads", "1"), ("processes", "1"), ("processes", "3"), ("processes", "8"), ("threads", "8"),
                     ("sequential", "1")]

    def assert_fault_alike(self, *names, commands=(["cat"], ["count", "--json"], ["ingest", "-o", "out.jsonl"])):
        limit = ["--max-record", "64k"]
        for command in commands:
            run, kept = self.assert_alike(*command, "good.csv", *names, "good.csv", *limit, code=FAULT)
            self.assertIn(run.error.source, names, run)
            self.assertIsNone(kept)
            self.assert_alike(*command, "good.csv", *names, "good.csv", *limit, "--on-error", "skip-file",
                              code=SKIPPED)

    def test_each_alone(self):
        for name, data in bad_files(GOOD).items():
            self.write(name, data)
            self.assert_fault_alike(name, commands=[["cat"], ["count", "--json"]])

    def test_all_at_once(self):
        """The first in the order of the files is the one that is shown."""
        names = [self.write(name, data) for name, data in bad_files(GOOD).items()]
        for seed in range(3):
            random.Random(seed).shuffle(names)
            self.assert_fault_alike(*names)
            self.assertEqual(names[0], self.sheaf("cat", *names, "--max-record", "64k").error.source)

    def test_far_into_a_file(self):
        """In a chunk that another worker may read than the one before: the rows before it come all the same."""
        self.ways = self.ways[:4]
        good = b"a,b\n" + b"".join(b"%d,%s\n" % (n, b"x" * 80) for n in range(40_000))
        for name, data in bad_files(good).items():
            self.write(name, data)
            self.assert_fault_alike(name, commands=[["cat"]])

    def test_a_file_that_cannot_be_read(self):
        self.write("no.csv", "a\n1\n")
        os.chmod(self.path("no.csv"), 0)
        for args, code in ((["stop"], FAULT), (["skip-file"], SKIPPED)):
            self.assert_alike("cat", "good.csv", "no.csv", "--on-error", *args, code=code, **self.unprivileged())

    def test_a_destination_that_is_there(self):
        self.write("x.csv", "keep")
        for way in self.ways:
            run, _ = self.run_as(way, ["ingest", "good.csv", "-o", "./x.csv", "--if-exists", "fail"], {})
            self.assertEqual(FAULT, run.code, run)
            self.write("x.csv", "keep")

    def test_a_full_device(self):
        for way in self.ways:
            with open("/dev/full", "wb") as full:
                run, _ = self.run_as(way, ["cat", "good.csv"], {"stdout": full})
                self.assertEqual(FAULT, run.code, run)


class Usage(ExecutorsTest):
    def test_a_kind_that_does_not_exist(self):
        self.write("a.csv", "n\n1\n")
        for value in ("", "fibers", "thread", "Processes", "threads|processes", "0"):
            run = self.expect(USAGE, "cat", "a.csv", "--executor", value)
            self.assertRegex(run.error_text, "(?s)--executor.*threads.*processes.*sequential")
        self.expect(USAGE, "cat", "a.csv", "--executor")

    def test_it_is_told_of(self):
        for args in (["--help"], ["cat", "--help"], ["count", "--help"], ["ingest", "--help"]):
            self.assertIn(b"--executor", self.succeed(*args).out)

    def test_the_last_one_counts(self):
        self.write("a.csv", "n\n1\n")
        facts = self.totals("a.csv", "-o", "null:", "-j", "8", "--executor", "processes", "--executor", "sequential")
        self.assertEqual(1, facts["workers"])


class Progress(ExecutorsTest):
    def test_what_is_read_again_does_not_count_again(self):
        """Nobody takes the last of the output until the same is told twice: by then all is read."""
        rows = b"".join(b"%09d,%s\n" % (n, b"x" * 90) for n in range(100_000))
        for name in (self.write_gzip("a.csv.gz", b"n,text\n" + rows, 1), self.write("a.csv", b"n,text\n" + rows)):
            for way in (("processes", "1"), ("processes", "3")):
                executor, j = way
                process = self.start("cat", name, name, name, "--progress", "json", "--executor", executor, "-j", j)
                self.assertTrue(process.stdout.read(3 * len(rows) - CHUNK // 2))
                facts = {}
                while facts.get("read_bytes") != (latest := json.loads(process.stderr.readline()))["read_bytes"]:
                    facts = latest
                self.assertTrue(process.stdout.read())
                self.assertEqual(CLEAN, self.finish(process).code)
                with self.subTest(way=way, name=name):
                    self.assertLessEqual(facts["read_bytes"], facts["size_bytes"])
                    self.assertGreater(facts["read_bytes"], facts["size_bytes"] * 0.7)


class Corpora(ExecutorsTest):
    @unittest.skipUnless(FOOTBALL.is_dir(), f"NOT TESTED: no corpus at {FOOTBALL}")
    def test_football(self):
        self.ways = [("threads", "2"), ("processes", "1"), ("processes", "3"), ("processes", "8"),
                     ("sequential", "1")]
        self.assert_commands_alike(str(FOOTBALL), kinds=("db",))

    @unittest.skipUnless(MIXED.is_dir(), f"NOT TESTED: no corpus at {MIXED}")
    def test_mixed(self):
        self.ways = [("threads", "2"), ("processes", "1"), ("processes", "8"), ("sequential", "1")]
        self.assert_alike("count", "--json", str(MIXED), "--on-error", "skip-file", code=SKIPPED)
        for folder in sorted(MIXED.iterdir())[:12]:
            if folder.is_dir():
                code = self.sheaf("cat", str(folder), "--on-error", "skip-file").code
                self.assert_alike("cat", str(folder), "--on-error", "skip-file", code=code)


if __name__ == "__main__":
    harness.main()

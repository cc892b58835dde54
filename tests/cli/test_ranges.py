"""One large file among many workers: the same bytes, counts, types and faults as by one."""

import os
import random
import struct
import subprocess
import time
import zlib

import harness
from harness import FAULT, USAGE, SheafTest, csv_line


class Ranges(SheafTest):
    def setUp(self):
        super().setUp()
        rng = random.Random(8)
        words = ["plain", "with, comma", 'with "quotes"', "two\nlines", "", "1,2\n3,4\n5,6\n7,8\n", "größe"]
        self.lines = [f"{i},{rng.random():.6f}," + csv_line([rng.choice(words)]) for i in range(120_000)]
        self.write("big.csv", "n,x,text\n" + "".join(self.lines))

    def test_every_way_gives_the_same(self):
        whole = self.succeed("cat", "big.csv", "-j", "1").out
        types = self.succeed("schema", "big.csv", "-j", "1").out
        for way in (["-j", "2"], ["-j", "5"], ["-j", "2", "--executor", "processes"], ["-j", "2", "--parser", "libcsv"],
                    ["--executor", "sequential"], ["-j", "2", "--on-error", "skip-file"]):
            self.assertTrue(whole == self.succeed("cat", "big.csv", *way).out, way)
            self.assertEqual(types, self.succeed("schema", "big.csv", *way).out, way)
            self.assertEqual(120_000, self.totals("big.csv", "-o", "null:", *way)["records"], way)

    def test_it_is_split_indeed(self):
        self.assertEqual(0, self.totals("big.csv", "-o", "x.csv", "-j", "1")["ranges"])
        self.assertGreater(self.totals("big.csv", "-o", "y.csv", "-j", "2")["ranges"], 1)
        self.assertEqual(self.read("x.csv"), self.read("y.csv"))

    def test_a_database_has_all_rows_in_their_order(self):
        for executor in ("threads", "processes"):
            self.succeed("ingest", "big.csv", "-o", "b.db", "-j", "2", "--executor", executor, "--if-exists", "replace")
            self.assertEqual(b"120000|0|119999|7199940000\n",
                             self.sql("b.db", "SELECT count(*), min(n), max(n), sum(n * (n = rowid - 1)) FROM b;"))

    def test_a_fault_far_behind_has_its_place(self):
        line = 2 + sum(each.count("\n") for each in self.lines[:100_000])
        for fault in ("1,2\n", "a,b,c,d\n", "a,b,\xff\n"):
            broken = "n,x,text\n" + "".join(self.lines[:100_000]) + fault + "".join(self.lines[100_000:])
            self.write("bad.csv", broken.encode("utf-8").replace(b"\xc3\xbf", b"\xff"))
            first = self.expect(FAULT, "cat", "bad.csv", "-j", "1")
            for way in (["-j", "2"], ["-j", "7"], ["-j", "2", "--executor", "processes"]):
                self.expect_fault("count", "bad.csv", *way, source="bad.csv", line=line, record=100_001)
                run = self.expect(FAULT, "cat", "bad.csv", *way)
                self.assertEqual((first.out, first.err), (run.out, run.err), way)


class RangesOfBlocks(Ranges):
    """The same of BGZF: gzip in blocks of at most 64 KiB, each of which tells its length."""

    @staticmethod
    def block(data):
        deflate = zlib.compressobj(1, zlib.DEFLATED, -15)
        packed = deflate.compress(data) + deflate.flush()
        head = b"\x1f\x8b\x08\x04\0\0\0\0\0\xff\x06\0BC\x02\0" + struct.pack("<H", len(packed) + 25)
        return head + packed + struct.pack("<II", zlib.crc32(data), len(data))

    def write(self, name, data):
        data = harness.to_bytes(data)
        blocks = [self.block(data[at:at + 65280]) for at in range(0, len(data), 65280)]
        return super().write(name, b"".join(blocks) + self.block(b""))

    def test_one_worker_reads_the_text_that_was_written(self):
        self.write("small.csv.gz", "a,b\n1,2\n")
        self.assertEqual(b"a,b\n1,2\n", self.succeed("cat", "small.csv.gz").out)


class Memory(SheafTest):
    def test_rows_take_as_much_as_they_may(self):
        """Of nothing but separators: each byte of text is a cell of eight."""
        self.write("wide.csv", ",".join(f"c{i}" for i in range(200)) + "\n" + ("," * 199 + "\n") * 150_000)
        peaks = {}
        for memory in ("1M", "256M"):
            run = self.measure("ingest", "wide.csv", "-o", f"{memory}.csv", "-j", "8", "--memory", memory)
            peaks[memory] = run.peak_bytes
        self.assertEqual(self.read("1M.csv"), self.read("256M.csv"))
        if not harness.is_sanitized():
            self.assertLess(peaks["1M"], 30 << 20)
            self.assertLess(peaks["256M"], 256 << 20)

    def peak_before_a_slow_consumer(self, *args):
        """Of a run whose output nobody takes for a while, so that what was read piles up."""
        run = subprocess.Popen([harness.SHEAF, *args], cwd=self.dir, stdout=subprocess.PIPE)
        time.sleep(2)
        out = run.stdout.read()
        _, status, used = os.wait4(run.pid, 0)
        run.returncode = os.waitstatus_to_exitcode(status)
        run.stdout.close()
        self.assertEqual(0, run.returncode)
        return used.ru_maxrss << 10, out

    def test_what_is_read_ahead_is_bounded_by_bytes_not_by_files(self):
        """Each file has one record, which is larger than its share."""
        for i in range(24):
            self.write(f"d/{i:02d}.csv", "a,b\n" + f"{i},{'x' * (4 << 20)}\n")
        little, out = self.peak_before_a_slow_consumer("cat", "d", "-j", "2", "--memory", "4M")
        much, same = self.peak_before_a_slow_consumer("cat", "d", "-j", "2", "--memory", "1G")
        self.assertTrue(out == same)
        self.assertEqual(24, out.count(b"xx\n"))
        if not harness.is_sanitized():
            self.assertLess(little, much * 0.8)

    def test_a_record_may_be_larger_than_its_share(self):
        self.write("long.csv", "a,b\n" + f"1,{'x' * (5 << 20)}\n" * 3)
        run = self.succeed("cat", "long.csv", "-j", "4", "--memory", "1M")
        self.assertEqual(self.read("long.csv"), run.out)

    def test_it_has_limits(self):
        for memory in ("0", "1023k", "2G", "much", "-1M", ""):
            self.expect(USAGE, "count", "big.csv", "--memory", memory)

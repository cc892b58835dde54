"""Destinations that are compressed: the same rows as without, the same bytes whoever made them."""

import gzip
import shutil
import subprocess
import zlib

import harness
from harness import FAULT, SKIPPED, USAGE, SheafTest

ENDINGS = [f"{format}.{packing}" for format in ("csv", "tsv", "jsonl") for packing in ("gz", "zst")]
WAYS = (["--executor", "sequential"], ["-j", "1"], ["-j", "2"], ["-j", "5", "--memory", "1M"],
        ["-j", "2", "--executor", "processes"])


def rows(n, begin=0):
    return "".join(f"{i},name {i * 7919 % 10007},\n" for i in range(begin, begin + n))


class PackedTest(SheafTest):
    def unpack(self, name):
        """By the programs that everybody has; Python's own gzip agrees."""
        command = ["gzip", "-dc"] if name.endswith(".gz") else ["zstd", "-qdc"]
        run = subprocess.run([*command, self.path(name)], capture_output=True)
        self.assertEqual((0, b""), (run.returncode, run.stderr))
        if name.endswith(".gz"):
            self.assertEqual(run.stdout, gzip.decompress(self.read(name)))
        return run.stdout

    def assert_packed(self, *sources, flags=(), expect=harness.CLEAN):
        """In every format: what cat prints; and in every way the same file."""
        for ending in ENDINGS:
            plain = self.expect(expect, "cat", *sources, "--format", ending.split(".")[0], *flags).out
            files = set()
            for way in WAYS:
                with self.subTest(ending=ending, way=way):
                    self.expect(expect, "ingest", *sources, "-o", "x." + ending, "--if-exists", "replace",
                                *flags, *way)
                    files.add(self.read("x." + ending))
            self.assertEqual(plain, self.unpack("x." + ending))
            self.assertEqual(1, len(files), ending)


class Packed(PackedTest):
    def test_a_small_table(self):
        self.write("a.csv", 'a,b\n1,"x,y"\n,""\n')
        self.assert_packed("a.csv")

    def test_a_table_of_several_parts(self):
        self.write("a.csv", "id,name,nothing\n" + rows(150_000))
        self.write("b.csv", "name,more\n" + '"x\ny",\n' * 30_000)
        self.assert_packed("a.csv", "b.csv")

    def test_a_table_without_rows(self):
        self.write("a.csv", "a,b\n")
        self.assert_packed("a.csv")
        self.write("none.csv", "")
        self.assert_packed("none.csv")
        self.assertEqual(b"", self.unpack("x.csv.gz"))
        self.assertEqual(b"", self.unpack("x.csv.zst"))

    def test_what_is_read_back_is_what_was_written(self):
        self.write("a.csv", "id,name,nothing\n" + rows(90_000) + '1,"a ""b""\r\n",""\n')
        expected = self.succeed("cat", "a.csv").out
        for packing in ("gz", "zst"):
            for format, delimiter in (("csv", ","), ("tsv", "\t")):
                name = f"x.{format}.{packing}"
                with self.subTest(name=name):
                    self.succeed("ingest", "a.csv", "-o", name)
                    for workers in ("1", "2"):
                        self.assertEqual(expected, self.succeed("cat", name, "--delim", delimiter,
                                                                "-j", workers).out)

    def test_a_gzip_file_is_read_in_ranges(self):
        self.write("a.csv", "id,name,nothing\n" + rows(300_000))
        self.succeed("ingest", "a.csv", "-o", "x.csv.gz")
        data = self.read("x.csv.gz")
        self.assertEqual(b"BC\x02\x00", data[12:16])
        self.assertEqual("1f8b08040000000000ff0600424302001b0003000000000000000000", data[-28:].hex())
        if shutil.which("bgzip"):
            self.assertEqual(0, subprocess.run(["bgzip", "-t", self.path("x.csv.gz")]).returncode)
        at = 0  # each member says how long it is
        while at < len(data):
            length = int.from_bytes(data[at + 16:at + 18], "little") + 1
            text = zlib.decompress(data[at:at + length], 31)
            self.assertLessEqual(len(text), 1 << 16)
            at += length
        self.assertEqual(at, len(data))

    def test_a_zstd_file_has_checksums(self):
        self.write("a.csv", "id,name,nothing\n" + rows(100_000))
        self.succeed("ingest", "a.csv", "-o", "x.csv.zst")
        data = bytearray(self.read("x.csv.zst"))
        self.assertTrue(data[4] & 4, "no checksum in the first frame")
        data[len(data) // 2] ^= 1
        self.write("bad.csv.zst", bytes(data))
        self.expect(FAULT, "count", "bad.csv.zst")

    def test_other_endings_are_refused(self):
        self.write("a.csv", "a\n1\n")
        for name in ("x.gz", "x.zst", "x.db.gz", "x.csv.bz2", "x.csv.gz.zst", "csv.gz", "x.csvgz", "x.csv.gz/"):
            with self.subTest(name=name), self.assert_directory_unchanged():
                self.expect(USAGE, "ingest", "a.csv", "-o", name)

    def test_an_ending_in_capitals_is_one(self):
        self.write("a.csv", "a\n1\n")
        self.succeed("ingest", "a.csv", "-o", "X.CSV.GZ")
        self.assertEqual(b"a\n1\n", self.unpack_as("X.CSV.GZ", "y.csv.gz"))

    def unpack_as(self, name, other):
        shutil.copy(self.path(name), self.path(other))
        return self.unpack(other)

    def test_a_file_that_exists(self):
        self.write("a.csv", "a\n1\n")
        self.write("x.csv.gz", "precious")
        self.expect(FAULT, "ingest", "a.csv", "-o", "x.csv.gz")
        self.assertEqual(b"precious", self.read("x.csv.gz"))
        self.succeed("ingest", "a.csv", "-o", "x.csv.gz", "--if-exists", "replace")
        self.assertEqual(b"a\n1\n", self.unpack("x.csv.gz"))

    def test_a_full_disk_leaves_nothing_behind(self):
        self.write("a.csv", "id,name,nothing\n" + rows(200_000))
        for ending in ("csv.gz", "csv.zst"):
            self.succeed("ingest", "a.csv", "-o", f"whole.{ending}")
            size = len(self.read(f"whole.{ending}"))
            for limit in (0, 1, 100_000, size // 2, size - 1):
                for way in WAYS:
                    with self.subTest(ending=ending, limit=limit, way=way), self.assert_directory_unchanged():
                        self.expect(FAULT, "ingest", "a.csv", "-o", f"x.{ending}", *way,
                                    preexec_fn=harness.limit_file_size(limit))


class Damaged(PackedTest):
    """A damaged file costs only itself, also when parts that hold rows of it were written."""

    def test_rows_of_a_damaged_file_are_taken_back(self):
        self.write("1.csv", "id,name,nothing\n" + rows(100_000))
        self.write("3.csv", "id,name,nothing\n" + rows(60_000, 7))
        for turn, n in enumerate((1000, 70_000, harness.large(250_000))):
            with self.subTest(n=n):
                data = gzip.compress(("id,name,nothing\n" + rows(n)).encode())
                self.write("2.csv.gz", data[:-20])
                self.assert_packed("1.csv", "3.csv")
                expected = {ending: self.read("x." + ending) for ending in ENDINGS}
                for i, ending in enumerate(ENDINGS):
                    for way in harness.some_of(WAYS, turn * len(ENDINGS) + i):
                        self.expect(SKIPPED, "ingest", "1.csv", "2.csv.gz", "3.csv", "-o", "x." + ending,
                                    "--if-exists", "replace", "--on-error", "quarantine", *way)
                        self.assertEqual(expected[ending], self.read("x." + ending), (ending, way))


if __name__ == "__main__":
    harness.main()

"""zstd as a source: files that the zstd program wrote, against the text that went in."""

import random
import subprocess
import unittest

from harness import SKIPPED, SheafTest

TEXT = "a,b\n" + "".join(f"{n},{n * n}\n" for n in range(400))


def zstd(data, *options):
    return subprocess.run(["zstd", "-q", "-c", *options], input=data, stdout=subprocess.PIPE, check=True).stdout


class Zstd(SheafTest):
    def test_files_are_decompressed_whatever_they_are_called(self):
        for name in ("a.csv.zst", "A.CSV.ZST", "a.csv", "a.dat", "a.csv.gz"):
            with self.subTest(name=name):
                self.write(name, zstd(TEXT.encode()))
                self.assertEqual(TEXT.encode(), self.succeed("cat", name).out)
        self.assertEqual(TEXT.encode(), self.succeed("cat", "-", input=zstd(TEXT.encode())).out)

    def test_a_gzip_file_with_the_wrong_name_is_read_too(self):
        self.write_gzip("a.csv.zst", TEXT)
        self.assertEqual(TEXT.encode(), self.succeed("cat", "a.csv.zst").out)

    def test_directories_and_tabs(self):
        self.write("d/x.csv.zst", zstd(b"a,b\n1,2\n"))
        self.write("d/y.tsv.zst", zstd(b"a\tb\n3\t4,5\n"))
        self.write("d/z.txt.zst", zstd(b"a,b\n6,7\n"))
        self.write("d/other.zst", b"not read")
        self.assertEqual(b'a,b\n1,2\n3,"4,5"\n6,7\n', self.succeed("cat", "d").out)

    def test_the_same_rows_for_every_level_any_worker_and_executor(self):
        rng = random.Random(5)
        rows = "".join(f'{n},"{rng.random()}\n{"x" * rng.randrange(90)}"\n' for n in range(40_000))
        self.write("plain.csv", f"n,text\n{rows}")
        self.write("d/1.csv.zst", zstd(f"n,text\n{rows}".encode(), "-1", "--no-check"))
        self.write("d/2.csv.zst", zstd(f"n,text\n{rows}".encode(), "-19", "--long=24"))
        plain = self.succeed("cat", "plain.csv").out
        expected = plain + plain.split(b"\n", 1)[1]
        for workers in ("1", "2", "8"):
            for executor in ("threads", "processes"):
                with self.subTest(workers=workers, executor=executor):
                    self.assertEqual(expected, self.succeed("cat", "d", "-j", workers, "--executor", executor).out)

    def test_the_summary_counts_what_was_decompressed(self):
        self.write("a.csv.zst", zstd(TEXT.encode()))
        self.write_gzip("b.csv.gz", TEXT)
        self.write("c.csv", TEXT)
        facts = self.totals("a.csv.zst", "b.csv.gz", "c.csv", "-o", "null:")
        self.assertEqual((3, 2, 1200, 3 * len(TEXT)),
                         (facts["files"], facts["files_compressed"], facts["loaded"], facts["text_bytes"]))

    def test_no_damage_is_taken_for_data(self):
        data = zstd(TEXT.encode())
        rng = random.Random(6)
        for number in range(300):
            damaged = bytearray(data)
            damaged[rng.randrange(4, len(data))] ^= 1 << rng.randrange(8)
            if subprocess.run(["zstd", "-q", "-t"], input=bytes(damaged), stderr=subprocess.DEVNULL,
                              check=False).returncode:
                self.write(f"d/{number:04d}.csv.zst", bytes(damaged))
        for cut in range(1, len(data), 7):
            self.write(f"d/cut{cut:04d}.csv.zst", data[:cut])
        self.write("d/good.csv", "a,b\n1,2\n")
        facts = self.totals("d", "-o", "x.csv", "--on-error", "skip-file", code=SKIPPED)
        self.assertEqual((facts["files"] - 1, 1), (facts["files_skipped"], facts["loaded"]), facts)
        self.assertGreater(facts["files"], 250)


if __name__ == "__main__":
    unittest.main()

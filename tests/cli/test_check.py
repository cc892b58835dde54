"""`sheaf check`: every fault, where editors find it, and nothing is written."""

import gzip
import json
import os
import random
import re
import subprocess
import unittest

import dirty
import harness
from harness import CLEAN, FAULT, SHEAF, SKIPPED, USAGE, WORKERS, SheafTest

BAD = b'a,b\n1,2\n3\n4,5,6\n7,\xff\n8,"9\n10,11\n'
LINE = re.compile(r"(?P<file>.+?)(?::(?P<line>\d+)(?::(?P<column>\d+))?)?: error: (?P<message>.+) \[(?P<code>[a-z]+)\]")
CUT = gzip.compress(b"a,b\n" + b"".join(b"%d,%d\n" % (n, n * n) for n in range(50_000)))[:-2000]


class CheckTest(SheafTest):
    def check(self, *args, code=SKIPPED, **options):
        return self.expect(code, "check", *args, "--encoding", "utf-8", **options)

    def faults(self, *args, **options):
        """One tuple for each line: file, line, column, code."""
        lines = self.check(*args, **options).out.decode().splitlines()
        found = [LINE.fullmatch(line) for line in lines]
        self.assertNotIn(None, found, lines)
        return [(each["file"], int(each["line"] or 0), int(each["column"] or 0), each["code"]) for each in found]

    def objects(self, *args, code=SKIPPED, **options):
        return [json.loads(line) for line in self.check(*args, "--json", code=code, **options).out.decode().splitlines()]


class Faults(CheckTest):
    def setUp(self):
        super().setUp()
        self.write("bad.csv", BAD)
        self.write("good.csv", "a,b\n1,2\n")

    def test_each_has_its_line(self):
        self.assertEqual([("bad.csv", 3, 2, "short"), ("bad.csv", 4, 5, "long"), ("bad.csv", 5, 3, "encoding"),
                          ("bad.csv", 6, 3, "quote")], self.faults("bad.csv", "good.csv"))

    def test_the_form_is_that_of_compilers(self):
        self.assertEqual(b"bad.csv:3:2: error: record 2 has 1 field, the header has 2 [short]\n",
                         self.check("bad.csv").out.splitlines(keepends=True)[0])

    def test_json(self):
        first, *_, last = self.objects("bad.csv")
        self.assertEqual({"file": "bad.csv", "line": 3, "column": 2, "byte": 9, "record": 2, "field": 2, "name": "b",
                          "code": "short", "of": "record", "message": "record 2 has 1 field, the header has 2"}, first)
        self.assertEqual((6, 3, "quote"), (last["line"], last["column"], last["code"]))

    def test_the_summary_is_on_stderr(self):
        err = self.check("bad.csv", "good.csv").error_text
        self.assertRegex(err, r"(?m)^2 files, 39 B   7 records, 2 columns   [\d.]+ s, .*/s, \d+ workers?$")
        self.assertIn("faults  4 records (1 short, 1 long, 1 encoding, 1 quote)\n", err)
        self.assertIn("faults  none\n", self.check("good.csv", code=CLEAN).error_text)
        facts = json.loads(self.check("bad.csv", "--json").error_text)
        self.assertEqual((6, 2, 4, 0), (facts["records"], facts["loaded"], facts["rejected"], facts["files_skipped"]))

    def test_clean_files_have_nothing_on_stdout(self):
        for args in ([], ["--json"], ["-v"], ["-q"]):
            self.assertEqual(b"", self.check("good.csv", *args, code=CLEAN).out)

    def test_nothing_is_written(self):
        with self.assert_directory_unchanged():
            self.check("bad.csv", "good.csv")

    def test_quiet_folds_them(self):
        run = self.check("bad.csv", "good.csv", "bad.csv", "-q")
        self.assertEqual(b"", run.out)
        self.assertEqual("faults  8 records (2 short, 2 long, 2 encoding, 2 quote)\n", run.error_text)

    def test_verbose_shows_the_place(self):
        out = self.check("bad.csv", "-v").out.decode()
        self.assertTrue(out.startswith("bad.csv:3:2: error: record 2 has 1 field, the header has 2 [short]\n"
                                       "    3 | 3\n      |  ^\n"), out)
        self.assertNotIn("help", out)

    def test_a_name_cannot_forge_a_line(self):
        name = "a\nb.csv:1:1: error: \x1b[2J.csv"
        self.write(name, BAD)
        out = self.check(name).out
        self.assertEqual(4, out.count(b"\n"))
        self.assertNotIn(b"\x1b", out)
        self.assertEqual({name}, {each["file"] for each in self.objects(name)})

    def test_a_bad_name_in_the_header_is_text(self):
        self.write("x.csv", 'a,"b\n\x1b"\n1\n')
        self.assertEqual(b"x.csv:3:2: error: record 1 has 1 field, the header has 2 [short]\n", self.check("x.csv").out)
        self.assertEqual(r"b\n\x1b", self.objects("x.csv")[0]["name"])

    def test_a_digest(self):
        digest = self.succeed("count", "good.csv", "--digest", "--json").json["digest"]
        self.write("twice.csv", "a,b\n1,2\n3\n")
        self.assertIn(f"digest  {digest}\n", self.check("twice.csv", "--digest").error_text)

    def test_values_of_a_type(self):
        self.write("v.csv", "a,b\n1,2\nx,3\n")
        self.assertEqual([("v.csv", 3, "type")], [(file, line, code) for file, line, _, code in
                                                  self.faults("v.csv", "--type", "a=int64")])
        self.check("v.csv", "--type", "a=int64", "--null", "x", code=CLEAN)
        self.check("v.csv", code=CLEAN)

    def test_too_many(self):
        self.check("bad.csv", "--max-errors", "4")
        self.check("bad.csv", "--max-errors", "3", code=FAULT)

    def test_options_that_make_no_sense(self):
        for args in (["--on-error", "stop"], ["-o", "x.csv"], ["--quarantine", "q"], ["--text"]):
            self.expect(USAGE, "check", "bad.csv", *args)


class WholeFiles(CheckTest):
    """A file that cannot be read ends no other one's check."""

    def setUp(self):
        super().setUp()
        self.write("bad.csv", BAD)
        self.write("cut.csv.gz", CUT)
        self.write("head.csv", b"a,\xff\n1\n")

    def test_the_others_are_checked(self):
        bad = self.faults("bad.csv")
        for j in WORKERS:
            for way in ([], ["--executor", "processes"], ["--digest"]):
                found = self.faults("head.csv", "bad.csv", "cut.csv.gz", "bad.csv", "-j", j, *way)
                self.assertEqual([("head.csv", 1, 3, "encoding"), *bad, ("cut.csv.gz", 0, 0, "compressed"), *bad], found)

    def test_what_comes_before_the_damage_is_checked(self):
        broken = gzip.compress(b"a,b\n1,2\n3\n" + os.urandom(100).hex().encode() * 500)
        self.write("broken.csv.gz", broken[:-500])
        for j in WORKERS:
            found = self.faults("broken.csv.gz", "-j", j)
            self.assertEqual([("broken.csv.gz", 3, 2, "short"), ("broken.csv.gz", 0, 0, "compressed")], found)

    def test_the_account(self):
        run = self.check("bad.csv", "cut.csv.gz", "head.csv", "--json")
        facts = json.loads(run.error_text)
        self.assertEqual((3, 2, 4), (facts["files"], facts["files_skipped"], facts["rejected"]))
        self.assertEqual(facts["records"], facts["loaded"] + facts["rejected"])
        self.assertGreater(facts["loaded"], 1000)
        self.assertEqual([("record", "bad.csv")] * 4 + [("file", "cut.csv.gz"), ("file", "head.csv")],
                         [(each["of"], each["file"]) for each in map(json.loads, run.out.decode().splitlines())])
        self.assertIn("faults  4 records (1 short, 1 long, 1 encoding, 1 quote), 2 files that cannot be read to their "
                      "end (1 compressed, 1 encoding)\n", self.check("bad.csv", "cut.csv.gz", "head.csv").error_text)

    def test_one_that_is_damaged_behind_records_is_enough(self):
        self.assertEqual([("cut.csv.gz", 0, 0, "compressed")], self.faults("cut.csv.gz"))

    def test_if_nothing_can_be_read(self):
        self.check("head.csv", code=FAULT)
        self.check("head.csv", "head.csv", code=FAULT)
        self.check("missing.csv", "bad.csv", code=FAULT)

    def test_an_unreadable_file(self):
        self.write("closed.csv", "a\n1\n")
        os.chmod(self.path("closed.csv"), 0)
        run = self.sheaf("check", "bad.csv", "closed.csv", "--encoding", "utf-8", **self.unprivileged())
        self.assertEqual(SKIPPED, run.code, run)
        if self.unprivileged():
            self.assertRegex(run.out.decode(), r"closed\.csv: error: .* \[unreadable\]")


class EveryFault(CheckTest):
    """Of random dirty files, by the oracle of the quarantine."""

    def test_of_many_files(self):
        rng = random.Random(11)
        n = 0
        for i in range(80):
            text = dirty.make_file(rng, faults=rng.choice([0.05, 0.3, 0.7]))
            self.write("a.csv", text)
            rejects = dirty.split(text)[2]
            found = self.objects("a.csv", "-j", rng.choice(WORKERS), code=SKIPPED if rejects else CLEAN)
            keys = [(record, code, line, byte, field) for record, code, _, _, field, line, byte, _ in
                    (each.key() for each in rejects)]
            self.assertEqual(keys, [(each["record"], each["code"], each["line"], each["column"], each["field"])
                                    for each in found], text)
            n += len(found)
        self.assertGreater(n, 300)

    def test_every_way_tells_the_same(self):
        rng = random.Random(12)
        lines = [dirty.make_record(rng, 3, b",", 0.05, 300) for _ in range(60_000)]
        self.write("big.csv", b"a,b,c\n" + b"\n".join(lines) + b"\n")
        self.write_gzip("big.csv.gz", b"a,b,c\n" + b"\n".join(lines[:20_000]))
        first = self.check("big.csv", "big.csv.gz", "-j", "1").out
        self.assertGreater(first.count(b"\n"), 3000)
        for way in (["-j", "2"], ["-j", "8"], ["--executor", "sequential"], ["--executor", "processes", "-j", "2"],
                    ["--memory", "1M", "-j", "2"], ["--parser", "libcsv"], ["--digest", "-j", "2"], ["--digest", "-j", "1"]):
            self.assertTrue(first == self.check("big.csv", "big.csv.gz", *way).out, way)


class VeryMany(CheckTest):
    def setUp(self):
        super().setUp()
        self.write("many.csv", b"a,b\n" + b"".join(b"%d\n" % n for n in range(300_000)))

    @unittest.skipIf(harness.is_sanitized(), "the peak says nothing")
    def test_they_are_told_while_they_are_found(self):
        for j in ("1", "2"):
            run = self.measure("check", "many.csv", "--no-sniff", "-j", j)
            self.assertEqual((SKIPPED, 300_000), (run.code, run.out.count(b"\n")))
            self.assertLess(run.peak_bytes, 60 << 20, j)

    def test_a_reader_that_goes_away(self):
        with subprocess.Popen([SHEAF, "check", "--no-sniff", self.path("many.csv")], stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE) as process:
            process.stdout.readline()
            process.stdout.close()
            self.assertEqual((b"", SKIPPED), (process.stderr.read(), process.wait(harness.TIMEOUT)))

    def test_a_full_disk(self):
        for name in ("many.csv", self.write("few.csv", BAD)):
            with open("/dev/full", "wb") as full:
                run = self.sheaf("check", name, stdout=full)
            self.assertEqual(FAULT, run.code, run)
            self.assertIn(b"cannot write to standard output", run.err)


if __name__ == "__main__":
    harness.main()

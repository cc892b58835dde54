"""--parser and SHEAF_KERNEL: who finds the records changes nothing but the time it takes."""

import os
import random
import unittest

from harness import CLEAN, CORPORA, FAULT, SKIPPED, USAGE, SheafTest, csv_line

KERNELS = ["scalar", "sse2", "avx2", "avx512", "neon"]
WAYS = [("scan", None)] + [("scan", kernel) for kernel in KERNELS]


def environment(kernel):
    return {**os.environ, "SHEAF_KERNEL": kernel} if kernel else None


class ParsersTest(SheafTest):
    def setUp(self):
        super().setUp()
        self.write("one.csv", "a\n1\n")
        self.ways = [(parser, kernel) for parser, kernel in WAYS
                     if kernel is None or self.sheaf("count", "one.csv", env=environment(kernel)).code == CLEAN]
        self.assertGreaterEqual(len(self.ways), 2, "not even the scalar kernel")

    def assert_same(self, code, *args):
        """The same bytes, messages and exit code as libcsv's."""
        expected = self.expect(code, *args, "--parser", "libcsv")
        for parser, kernel in self.ways:
            for j in ("1", "3"):
                run = self.sheaf(*args, "--parser", parser, "-j", j, env=environment(kernel))
                self.assertEqual((run.code, run.out, run.err), (expected.code, expected.out, expected.err),
                                 f"{args} by {parser} with {kernel} and -j {j}")
        return expected

    def write_table(self, name, n_rows, line_end, quoted, seed):
        """Rows of every kind that is well formed, each of another length."""
        rng = random.Random(seed)
        lines = ["number,text,more,last"]
        for i in range(n_rows):
            texts = []
            for _ in range(3):
                text = "".join(rng.choice("abc é€\t;|") for _ in range(rng.choice((0, 1, 5, 30, 90))))
                if quoted and rng.random() < 0.4:
                    text = text[:2] + rng.choice(('"', ",", "\n", "\r\n", "\r", '""', "")) + text[2:]
                    text = '"' + text.replace('"', '""') + '"'
                texts.append(text)
            lines.append(",".join([str(i)] + texts))
            if rng.random() < 0.02:
                lines.append("")
        self.write(name, (line_end.join(lines) + line_end).encode())

    def test_every_parser_and_kernel_gives_the_same_rows(self):
        for line_end in ("\n", "\r\n", "\r"):
            for quoted in (False, True):
                self.write_table("t.csv", 3000, line_end, quoted, seed=7)
                self.assert_same(CLEAN, "cat", "t.csv", "-q")
                self.assert_same(CLEAN, "count", "t.csv", "-q")

    def test_quotes_where_they_should_not_be_give_the_same_rows(self):
        rng = random.Random(11)
        for density in (0.001, 0.02, 0.5):
            lines = ["a,b,c"]
            for i in range(4000):
                field = rng.choice(('5" pipe', 'say "no"', '"x" y', 'x"', '"a"b"', '"a""b', '"a" "b"'))
                good = rng.choice(("plain", '"quoted, text"', '"say ""no"""', "", '""'))
                lines.append(f"{i},{field if rng.random() < density else good},z")
            self.write("q.csv", "\n".join(lines) + "\n")
            run = self.sheaf("cat", "q.csv", "-q", "--parser", "libcsv")
            self.assert_same(run.code, "cat", "q.csv", "-q")

    def test_faults_are_found_in_the_same_place(self):
        good = "".join(f'{i},"text {i}","two\nlines"\n' for i in range(20000))
        for bad in ("1,2\n", "1,2,3,4\n", '1,"never closed,3\n', "1,\xff,3\n"):
            for before in (good[:100], good):
                self.write("f.csv", ("a,b,c\n" + before).encode() + bad.encode("latin-1") + b"7,8,9\n")
                run = self.assert_same(FAULT, "cat", "f.csv", "-q")
                self.assertIn("f.csv:", run.error_text)
                self.assert_same(SKIPPED, "cat", "f.csv", "one.csv", "-q", "--on-error", "skip-file")

    def test_the_record_limit_is_the_same(self):
        for n in (99, 100, 101):
            self.write("l.csv", "a,b\n1,2\n" + "x" * (n - 2) + ",2\n3,4\n")
            self.assert_same(CLEAN if n <= 100 else FAULT, "cat", "l.csv", "-q", "--max-record", "100")

    @unittest.skipUnless(CORPORA.exists(), "the corpora are not here")
    def test_real_files_give_the_same_rows(self):
        self.assert_same(CLEAN, "count", CORPORA / "football", "-q")
        self.assert_same(SKIPPED, "count", CORPORA / "mixed", "-q", "--on-error", "skip-file")

    def test_a_kernel_that_is_not_there_is_an_error_that_names_those_that_are(self):
        run = self.expect(USAGE, "count", "one.csv", env=environment("mmx"))
        self.assertRegex(run.error_text, "(?s)SHEAF_KERNEL=mmx.*scalar")

    def test_a_parser_that_is_not_there_is_a_mistake(self):
        run = self.expect(USAGE, "count", "one.csv", "--parser", "strtok")
        self.assertRegex(run.error_text, "(?s)--parser.*scan.*libcsv")

    def test_processes_have_the_parser_that_was_asked_for(self):
        self.write("p.csv", csv_line(["a", "b"]) + '1,"x ""y"" z"\n' * 1000)
        for parser in ("scan", "libcsv"):
            run = self.succeed("cat", "p.csv", "-q", "--parser", parser, "--executor", "processes", "-j", "2")
            self.assertEqual(run.out.count(b'"x ""y"" z"'), 1000)


if __name__ == "__main__":
    unittest.main()

"""Records that are repaired: short ones padded, long ones trimmed, open quotes taken as text; and each counted."""

import functools
import itertools
import json
import random
import re

import dirty
import harness
import test_ranges
from harness import CLEAN, FAULT, SKIPPED, USAGE
from test_quarantine import QuarantineTest

WORDS = ("pad", "trim", "quotes")
split = functools.lru_cache(2)(dirty.split_fixed)
COUNTS = {"repaired": None, "padded": "pad", "trimmed": "trim", "unquoted": "quotes"}


def counts_of(repairs):
    return {name: sum(word is None or word in done for done in repairs.values()) for name, word in COUNTS.items()}


class FixTest(QuarantineTest):
    def load(self, text, *fixes, args=(), code=CLEAN, name="a.csv"):
        self.write(name, text)
        facts = self.facts(name, "-o", "x.jsonl", "--if-exists", "replace", "--fix", ",".join(fixes), *args, code=code)
        self.rows = [list(json.loads(line).values()) for line in self.read("x.jsonl").decode().split("\n")[:-1]]
        return facts


class EachKind(FixTest):
    def test_pad(self):
        facts = self.load("a,b,c\n1,2,3\n4\n5,6\n", "pad")
        self.assertEqual([["1", "2", "3"], ["4", None, None], ["5", "6", None]], self.rows)
        self.assertEqual((3, 2, 2, 0, 0), tuple(facts[key] for key in ("loaded", *COUNTS)))
        self.load("a,b\n1,2\n3,4,\n", "pad", code=SKIPPED)

    def test_trim(self):
        facts = self.load('a,b\n1,2\n3,4,\n5,6, ,"",\t,\n', "trim")
        self.assertEqual([["1", "2"], ["3", "4"], ["5", "6"]], self.rows)
        self.assertEqual((3, 2, 0, 2, 0), tuple(facts[key] for key in ("loaded", *COUNTS)))
        self.load("a,b\n1,2\n3\n", "trim", code=SKIPPED)

    def test_trim_loses_nothing(self):
        facts = self.load('a,b\n1,2,3\n4,5,,x\n6,7,"\n"\n8,9,"""",\n', "trim", code=SKIPPED)
        self.assertEqual((0, 4, 0), tuple(facts[key] for key in ("loaded", "rejected", "repaired")))
        self.assertEqual(["long"] * 4, [each["code"] for each in self.rejects("x.jsonl.quarantine.jsonl")])

    def test_quotes(self):
        facts = self.load('a,b\n1,"2\n3,"x "y" z\n4,5\n"8\n9","0\n1,"2', "quotes")
        self.assertEqual([["1", '"2'], ["3", '"x "y" z'], ["4", "5"], ["8\n9", '"0'], ["1", '"2']], self.rows)
        self.assertEqual((5, 4, 0, 0, 4), tuple(facts[key] for key in ("loaded", *COUNTS)))

    def test_the_line_ends_as_it_did(self):
        for end, lone in (("\n", 0), ("\r\n", 0), ("\r", 1), ("", 0)):
            facts = self.load(f'a,b\n1,"2{end}', "quotes")
            self.assertEqual(([["1", '"2']], lone), (self.rows, facts["files_lone_cr"]))

    def test_two_open_quotes_in_a_line_are_a_fault(self):
        self.load('a,b\n"1,"2\n3,4\n', "quotes", code=SKIPPED)
        self.assertEqual([["3", "4"]], self.rows)
        self.assertEqual([(b'"1,"2', "quote")], [(each["raw"], each["code"]) for each in
                                                 self.rejects("x.jsonl.quarantine.jsonl")])

    def test_a_quote_first_and_then_the_fields(self):
        facts = self.load('a,b\n"1\n"3,4,\n5,6\n', *WORDS)
        self.assertEqual([['"1', None], ['"3', "4"], ["5", "6"]], self.rows)
        self.assertEqual((3, 2, 1, 1, 2), tuple(facts[key] for key in ("loaded", *COUNTS)))
        self.load('a,b\n"1\n3,4\n', "quotes", code=SKIPPED)

    def test_other_faults_stay(self):
        facts = self.load(b'a,b\n1\n\xff\n2,"\xff\n3,4\n', *WORDS, code=SKIPPED, args=["--encoding", "utf-8"])
        self.assertEqual((2, 2, 1), tuple(facts[key] for key in ("loaded", "rejected", "padded")))
        self.assertEqual(["encoding", "quote"], [each["code"] for each in self.rejects("x.jsonl.quarantine.jsonl")])

    def test_types_are_asked_of_what_was_repaired(self):
        self.write("a.csv", 'a,b\n1\nx\n"2\n3,4\n')
        for where in ("null:", "x.db"):
            facts = self.facts("a.csv", "-o", where, "--quarantine", "q.jsonl", "--type", "a=int64", "--fix", "quotes,pad",
                               code=SKIPPED)
            self.assertEqual((2, 2, 1, 1, 0, 0), tuple(facts[key] for key in ("loaded", "rejected", *COUNTS)))
            self.assertEqual(["type", "quote"], [each["code"] for each in self.rejects("q.jsonl")])
        self.assertEqual([["1", None], ["3", "4"]], self.sql_rows("x.db", "x"))

    def test_a_quote_that_makes_a_record_too_large(self):
        self.load('a,b\n1,"2\n' + "3,4\n" * 100, "quotes", args=["--max-record", "50"])
        self.assertEqual(["1", '"2'], self.rows[0])
        self.assertEqual(101, len(self.rows))
        self.load('a,b\n1,"' + "2" * 100 + "\n" + "3,4\n" * 100, "quotes", args=["--max-record", "50"], code=SKIPPED)

    def test_dialects(self):
        args = ["--no-sniff", "--delim", ";", "--quote", "'", "--escape", "\\", "--padding", "yes"]
        self.load("a;b\n1; 'x\\;y \n2;'z\\\n", "quotes", args=args, code=SKIPPED)
        self.assertEqual([["1", "'x;y"]], self.rows)
        self.load("a;b\n1;2; ;''; ' '\n3;4;\\\n", "trim", args=args, code=SKIPPED)
        self.assertEqual([["1", "2"]], self.rows)
        self.load("1\tx\n2\n", "pad", args=["--no-sniff", "--delim", "tab", "--quote", "none", "--header", "no"])
        self.assertEqual([["1", "x"], ["2", None]], self.rows)

    def test_not_the_header(self):
        self.write("a.csv", 'a,"b\n1,2\n')
        self.ingest("a.csv", "-o", "x.csv", "--fix", "quotes", code=FAULT)


class Told(FixTest):
    def setUp(self):
        super().setUp()
        self.write("a.csv", 'a,b\n1\n2,\n3,"4\n')
        self.write("b.csv", "a,b\n1,2,\n")

    def test_they_are_no_faults(self):
        for policy in ("stop", "skip-file", "quarantine"):
            run = self.expect(CLEAN, "ingest", "a.csv", "b.csv", "-o", f"{policy}.csv", "--fix", "pad,trim,quotes", "-v",
                              "--on-error", policy)
            self.assertIn(b"1 short record padded, 1 long record trimmed, 1 open quote taken as text", run.out)
            self.assertEqual("repaired: a.csv: 2 records (1 padded, 0 trimmed, 1 with an open quote)\n"
                             "repaired: b.csv: 1 record (0 padded, 1 trimmed, 0 with an open quote)\n", run.error_text)
        self.assertEqual(["a.csv", "b.csv", "quarantine.csv", "skip-file.csv", "stop.csv"], self.names())

    def test_of_a_file_that_is_skipped_none_counts(self):
        self.write("c.csv", "a,b\n1\n2,3,4\n")
        facts = self.totals("b.csv", "c.csv", "-o", "x.csv", "--fix", "pad,trim", "--on-error", "skip-file", code=SKIPPED)
        self.assertEqual((1, 1, 0, 1), tuple(facts[key] for key in ("loaded", "repaired", "padded", "trimmed")))

    def test_by_all_commands(self):
        counts = self.succeed("count", "a.csv", "b.csv", "--fix", "trim,quotes,pad", "--json").json
        self.assertEqual([(3, 2, 1, 0, 1), (1, 1, 0, 1, 0)],
                         [tuple(each[key] for key in ("records", *COUNTS)) for each in counts["files"]])
        self.assertEqual(b'a,b\n1,\n2,\n3,"""4"\n', self.succeed("cat", "a.csv", "--fix", "pad,quotes").out)
        self.succeed("schema", "a.csv", "--fix", "pad,quotes")

    def test_without_the_word_nothing_is_repaired(self):
        facts = self.facts("a.csv", "b.csv", "-o", "x.csv", code=SKIPPED)
        self.assertEqual((1, 3, 0, 0, 0, 0), tuple(facts[key] for key in ("loaded", "rejected", *COUNTS)))

    def test_a_word_that_is_not_known(self):
        for words in ("", "pads", "pad,", ",pad", "pad,,trim", "pad trim", "all"):
            self.assertIn("pad, trim, quotes", self.expect(USAGE, "count", "a.csv", "--fix", words).error_text)


def ragged(rng, line):
    """Often with empty fields at its end, or with too few."""
    chance = rng.random()
    if chance < 0.1:
        return line + rng.choice([b",", b",,", b", ", b',""', b',"\t",', b",x", b", x,"])
    return line.rsplit(b",", 1)[0] if chance < 0.2 else line


def make_file(rng, records=25, longest=60):
    head, *lines = dirty.make_file(rng, records, faults=0.2, longest=longest).split(b"\n")
    return b"\n".join([head, *(ragged(rng, line) if line and rng.random() < 0.5 else line for line in lines)])


class Advised(FixTest):
    """What would mend a record is told with its fault, as it is to be written; what would not is not."""

    RECORDS = [("1", "pad"), ("1,2,", "trim"), ('1,2, ,""', "trim"), ('1,"2', "quotes"), ('1,2,"', None), ('"1', "pad,quotes"),
               ('1,"2,\t', "trim,quotes"), ("1,2,3", None), ("1,2,,3", None), ('"1,"2', None), ("1,\xff,", None)]

    def advice(self, record, *args, code=SKIPPED):
        self.write("a.csv", ("a,b\n1,2\n" + record + "\n").encode("latin-1"))
        run = self.sheaf("ingest", "a.csv", "-o", "x.csv", "--if-exists", "replace", "--encoding", "utf-8", *args)
        found = re.findall("(?m)^ +help: .*--fix ([a-z,]+)", run.error_text)
        self.assertEqual(code, run.code, run)
        return found[0] if found else None

    def test_it_is_told_and_helps(self):
        for record, wanted in self.RECORDS:
            for args, code in (([], SKIPPED), (["--on-error", "stop"], FAULT), (["--executor", "processes"], SKIPPED),
                               (["--quarantine", "q.jsonl"], SKIPPED)):
                where = args if "--on-error" in args else [*args, "--on-error", "quarantine"]
                self.assertEqual(wanted, self.advice(record, *where, code=code), (record, args))
            if wanted:
                self.advice(record, "--fix", wanted, code=CLEAN)

    def test_of_an_escape_at_the_end_of_the_text(self):
        self.write("a.csv", "a,b\n1,2\n3\\")
        run = self.expect(SKIPPED, "cat", "a.csv", "--escape", "\\", "--on-error", "quarantine")
        self.assertIn("--fix pad", run.error_text)
        self.succeed("cat", "a.csv", "--escape", "\\", "--fix", "pad")

    def test_of_what_was_tried_nothing_is_told(self):
        self.write("a.csv", 'a,b\n1,2\n"x\n')
        run = self.expect(SKIPPED, "ingest", "a.csv", "-o", "x.db", "--type", "a=int64", "--fix", "quotes,pad",
                          "--on-error", "quarantine")
        self.assertNotIn("--fix", run.error_text)

    def test_of_random_records(self):
        random.seed(5)
        for _ in range(harness.rounds(150)):
            record = "".join(random.choice('1,," ') for _ in range(random.randrange(1, 8)))
            self.write("a.csv", "a,b\n1,2\n" + record + "\n")
            run = self.sheaf("cat", "a.csv", "--on-error", "quarantine")
            advice = re.findall("(?m)^ +help: --fix ([a-z,]+)", run.error_text)
            if run.code == CLEAN:
                continue
            self.expect(CLEAN if advice else SKIPPED, "cat", "a.csv", "--on-error", "quarantine", "--fix",
                        advice[0] if advice else "pad,trim,quotes")


class EveryRecord(FixTest):
    """Of random dirty files, by an oracle that knows the rules and nothing else."""

    def check(self, text, fixes, *args, limit=64 << 20, name="a.csv"):
        _, rows, expected, repairs = split(text, b",", limit, fixes)
        facts = self.facts(name, "-o", "x.jsonl", "--if-exists", "replace", "--encoding", "utf-8", "--delim", ",",
                           "--max-record", str(limit), *(["--fix", ",".join(fixes)] if fixes else []), *args,
                           code=SKIPPED if expected else CLEAN)
        got = [list(json.loads(line).values()) for line in self.read("x.jsonl").decode().split("\n")[:-1]]
        self.assertEqual(list(rows.values()), got, text)
        self.assertEqual((len(rows), len(expected)), (facts["loaded"], facts["rejected"]), text)
        self.ranges = facts["ranges"]
        self.assertEqual(counts_of(repairs), {name: facts[name] for name in COUNTS}, text)
        rejects = self.rejects("x.jsonl.quarantine.jsonl") if expected else []
        self.assertEqual([each.key() for each in expected], self.keys(rejects), text)
        return repairs

    def test_of_many_files(self):
        rng = random.Random(12)
        combinations = [each for n in range(4) for each in itertools.combinations(WORDS, n)]
        seen = dict.fromkeys(COUNTS, 0)
        for i in range(harness.rounds(400)):
            text = make_file(rng)
            name = "a.csv"
            if rng.random() < 0.2:
                name = self.write_gzip("a.csv.gz", text)
            else:
                self.write(name, text)
            limit = rng.choice([64 << 20, 64 << 20, rng.randrange(20, 60)])
            args = ["--parser", "libcsv"] if rng.random() < 0.2 else []
            with self.subTest(i=i, limit=limit):
                fixes = rng.choice(combinations)
                repairs = self.check(text, fixes, *args, limit=limit, name=name)
                seen = {key: seen[key] + n for key, n in counts_of(repairs).items()}
                counts = self.expect(SKIPPED if "x.jsonl.quarantine.jsonl" in self.names() else CLEAN, "count", name,
                                     "--json", "--encoding", "utf-8", "--delim", ",", "--max-record", str(limit),
                                     "--on-error", "quarantine", "--max-errors", "100%", *(["--fix", ",".join(fixes)] if fixes else []),
                                     *args).json["files"][0]
                self.assertEqual(counts_of(repairs), {key: counts[key] for key in COUNTS})
        self.assertGreater(min(seen.values()), harness.rounds(40), seen)


class EveryWay(EveryRecord):
    """Whoever reads, in however many parts: the same rows, the same counts, the same quarantine."""

    WAYS = [["-j", "1"], ["-j", "2"], ["-j", "8"], ["--executor", "sequential"], ["--executor", "processes", "-j", "2"],
            ["--memory", "1M", "-j", "1"], ["--memory", "1M", "-j", "2"], ["--memory", "1M", "-j", "8"],
            ["--memory", "1M", "--executor", "processes", "-j", "3"], ["--parser", "libcsv", "-j", "2"]]
    test_of_many_files = None

    def make(self, seed, n_bytes):
        rng = random.Random(seed)
        lines, size = [b"id,b,c"], 0
        while size < n_bytes:
            lines.append(ragged(rng, b"%d," % len(lines) + dirty.make_record(rng, 2, b",", 0.1, 3000)))
            size += len(lines[-1])
        return b"\n".join(lines) + b"\n"

    def test_into_a_file(self):
        text = self.make(1, 700_000)
        self.write("a.csv", text)
        self.write("b.csv.gz", b"".join(test_ranges.RangesOfBlocks.block(text[at:at + 30_000])
                                        for at in range(0, len(text), 30_000)) + test_ranges.RangesOfBlocks.block(b""))
        ranges = 0
        for name in ("a.csv", "b.csv.gz"):
            for way in self.WAYS:
                with self.subTest(way=way):
                    self.assertGreater(min(counts_of(self.check(text, WORDS, *way, limit=2000, name=name)).values()), 10)
                    ranges += self.ranges
        self.assertGreater(ranges, 20)

    def test_into_a_table(self):
        text = self.make(2, 700_000)
        self.write("a.csv", text)
        _, rows, _, repairs = dirty.split_fixed(text, b",", 2000, WORDS)
        for way in self.WAYS:
            facts = self.facts("a.csv", "-o", "x.db", "--if-exists", "replace", "--text", "--fix", "pad,trim,quotes",
                               "--encoding", "utf-8", "--delim", ",", "--max-record", "2000", *way, code=SKIPPED)
            self.assertEqual(counts_of(repairs), {name: facts[name] for name in COUNTS})
            self.assertTrue(list(rows.values()) == self.sql_rows("x.db", "x"), way)
            facts = self.facts("a.csv", "-o", "y.db", "--if-exists", "replace", "--fix", "pad,trim,quotes", "--encoding",
                               "utf-8", "--delim", ",", "--max-record", "2000", *way, code=SKIPPED)
            self.assertEqual(counts_of(repairs), {name: facts[name] for name in COUNTS})

    def test_a_pipe(self):
        text = self.make(3, 300_000)
        _, rows, _, repairs = dirty.split_fixed(text, b",", 2000, WORDS)
        run = self.run_with("ingest", "-", "-o", "x.jsonl", "--fix", "pad,trim,quotes", "--encoding", "utf-8", "--delim",
                            ",", "--max-record", "2000", "--json", input=text)
        self.assertEqual(counts_of(repairs), {name: run.json[name] for name in COUNTS})
        self.assertEqual(len(rows), self.read("x.jsonl").count(b"\n"))


if __name__ == "__main__":
    harness.main()

#!/usr/bin/env python3
"""What the generator says of its files is true: readers that are not the generator find the same.

Python's csv, with a case's parameters, reads every case without a fault whose dialect it can
express; reference.py reads all of them, faults and nulls and all, and is itself compared with the
oracle of tests/cli.
"""

import codecs
import contextlib
import copy
import csv
import functools
import hashlib
import io
import json
import os
import pathlib
import random
import re
import subprocess
import sys
import tempfile
import unittest

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent / "cli")]

import generate
import judge
import messy
import oracle
import reference
import reference_sheaf
import score
from case import KINDS, Reading
from judge import CLEAN, FAULT, LOADED_IN_PART, Outcome

LINE_END = re.compile(rb"\r\n|\r|\n")
RIVALS = ",;\t|: "


@functools.cache
def all_cases(seed=1, n=3):
    return list(generate.cases(seed, n))


def digest(seed):
    return hashlib.sha256(repr(all_cases(seed, 1)).encode()).hexdigest()


def is_long(case):
    return case.kind.startswith("late_")


def empty_for_null(rows):
    return [[cell or "" for cell in row] for row in rows]


# ---------------------------------------------------------------- what Python's csv reads

def options_of(case):
    return dict(zip(case.options[::2], case.options[1::2]))


def text_by_python(case, options):
    """Its decoder takes a mark where there is one to take."""
    encoding = {"utf-8": "utf-8-sig", "macintosh": "mac-roman"}.get(options["--encoding"],
                                                                    options["--encoding"])
    text = case.data.decode(encoding)
    return text.removeprefix("\ufeff") if encoding.startswith("utf-") else text


def records_by_python(case):
    """None where csv's language differs (what it calls an error in strict mode)."""
    options = options_of(case)
    lines = list(io.StringIO(text_by_python(case, options), newline=""))[int(options["--skip"]):]
    if "--comment" in options:
        lines = [line for line in lines if not line.startswith(options["--comment"])]
    dialect = {"delimiter": options["--delim"], "doublequote": options["--escape"] == "doubled",
               "strict": True}
    if options["--quote"] == "none":
        dialect["quoting"] = csv.QUOTE_NONE
    else:
        dialect["quotechar"] = options["--quote"]
    if options["--escape"] == "backslash":
        dialect["escapechar"] = "\\"
    try:
        return [record for record in csv.reader(lines, **dialect) if record]
    except csv.Error:
        return None


class PythonsCsv(unittest.TestCase):
    """Whatever it can express."""

    def test_it_finds_the_cells_of_every_case_without_faults(self):
        kinds, refused = set(), set()
        for case in all_cases():
            reading = case.reading
            if reading.faults or reading.refused:
                continue
            records = records_by_python(case)
            if records is None:
                refused.add(case.kind)
                continue
            kinds.add(case.kind)
            with self.subTest(case=case.name):
                if reading.header is not None:
                    self.assertEqual(oracle.column_names(records.pop(0)), reading.header)
                self.assertEqual(records, empty_for_null(reading.rows))
        self.assertGreater(len(kinds), 150)
        self.assertEqual(refused,
                         {"quote_stray_in_quotes", "quote_stray_after_end",
                          "quote_unclosed_then_quoted"})


# ---------------------------------------------------------------- what the reference reads

class Reference(unittest.TestCase):
    def test_it_finds_what_is_said_of_every_case(self):
        for case in all_cases():
            with self.subTest(case=case.name):
                reading = reference.read(case.data, case.options)
                for fault, said in zip(reading.faults, case.reading.faults):
                    fault.raw = fault.raw if said.raw is not None else None
                self.assertEqual(case.reading, reading)

    def test_it_reads_the_language_of_the_oracle(self):
        """
        Random texts of the characters that mean something: the same records, or both see an open
        quote.
        """
        dice = random.Random(5)
        whole = 0
        for _ in range(4000):
            text = "".join(dice.choice('",,\n\r"ab') for _ in range(dice.randrange(24)))
            found = [fields for _, _, fields in
                     reference.Records(text, reference.parse_options(["--delim", ","]))]
            try:
                records = [record for record in oracle.lenient_records(text, ",") if record]
            except oracle.Fault:
                self.assertTrue(any(isinstance(f, reference.Unclosed) for f in found), repr(text))
                continue
            whole += 1
            self.assertEqual(records, empty_for_null(found), repr(text))
        self.assertGreater(whole, 1000)

    def test_it_tells_null_from_empty_text(self):
        """By files that another generator made."""
        for seed in range(300):
            data, header, rows = messy.make_file(random.Random(seed))
            with self.subTest(seed=seed):
                reading = reference.read(data, ["--delim", ","])
                self.assertEqual((oracle.column_names(header), rows),
                                 (reading.header, reading.rows))

    def test_it_reads_what_python_writes_with_backslashes(self):
        dice = random.Random(6)
        for quoting in (csv.QUOTE_MINIMAL, csv.QUOTE_ALL, csv.QUOTE_NONE) * 300:
            rows = [["".join(dice.choice('"\\,\n\rab') for _ in range(dice.randrange(5)))
                     for _ in range(3)]
                    for _ in range(4)]
            text = io.StringIO(newline="")
            csv.writer(text, escapechar="\\", doublequote=False, quoting=quoting).writerows(rows)
            options = ["--escape", "backslash", "--header", "no",
                       "--quote", "none" if quoting == csv.QUOTE_NONE else '"']
            reading = reference.read(text.getvalue().encode(), options)
            self.assertEqual(rows, empty_for_null(reading.rows), text.getvalue())


# ---------------------------------------------------------------- the generator

class Generator(unittest.TestCase):
    def test_there_are_many_kinds(self):
        self.assertGreaterEqual(len(KINDS), 40)

    def test_the_same_seed_gives_the_same_cases(self):
        """In another process, too, with another order of sets."""
        source = "import test_generate; print(test_generate.digest(1))"
        other = subprocess.run([sys.executable, "-B", "-c", source], cwd=HERE, capture_output=True,
                               env={**os.environ, "PYTHONHASHSEED": "7"}, check=True)
        self.assertEqual(digest(1), other.stdout.decode().strip())

    def test_another_seed_gives_others(self):
        same = {a.kind for a, b in zip(all_cases(1, 1), all_cases(2, 1)) if a.data == b.data}
        self.assertLessEqual({kind.split("_")[0] for kind in same}, {"empty", "header", "preamble"},
                             same)

    def test_a_kind_alone_gives_what_it_gives_among_all(self):
        alone = list(generate.cases(1, 3, ["quote_all"]))
        self.assertEqual([case for case in all_cases() if case.kind == "quote_all"], alone)

    def test_files_are_small(self):
        for case in all_cases():
            self.assertLess(len(case.data), 600_000 if is_long(case) else 32_000, case.name)

    def test_names_are_unique(self):
        names = [case.name for case in all_cases()]
        self.assertEqual(len(set(names)), len(names))

    def test_a_kind_is_as_certain_as_it_says(self):
        """
        Of a certain kind all cases are; no case of an ambiguous one is; and there is a reason.
        """
        for case in all_cases():
            with self.subTest(case=case.name):
                self.assertEqual(KINDS[case.kind].certain, case.certain, case.reason)
                self.assertTrue(case.reason)

    def test_most_kinds_are_certain(self):
        certain = [kind for kind in KINDS.values() if kind.certain]
        self.assertGreater(len(certain), 3 * len(KINDS) // 4)

    def test_what_is_certain_has_no_rival(self):
        """
        No other delimiter splits every record alike into as many fields or more. (After a comma and
        a blank, the blank does; but then a comma stands at the end of each field.)
        """
        for case in all_cases():
            if case.certain and not is_long(case) and case.kind != "delimiter_and_blank":
                with self.subTest(case=case.name):
                    self.assertEqual([], rivals(case))

    def test_faults_are_few(self):
        """Where most records fail, a file is refused."""
        for case in all_cases():
            for reading in case.readings:
                if not reading.refused:
                    self.assertLessEqual(len(reading.faults), len(reading.rows), case.name)

    def test_faults_are_where_they_are_said_to_be(self):
        """By the bytes of the file alone."""
        seen = 0
        for case in all_cases():
            for fault in (fault for reading in case.readings for fault in reading.faults):
                if fault.offset is None:
                    continue
                with self.subTest(case=case.name):
                    before = case.data[:fault.offset].removeprefix(codecs.BOM_UTF8)
                    self.assertEqual(fault.line, 1 + len(LINE_END.findall(before)))
                    self.assertIn(before[-1:], (b"", b"\n", b"\r"))
                    if fault.raw is not None:
                        after = case.data[fault.offset:]
                        self.assertTrue(after.startswith(fault.raw))
                        self.assertIn(after[len(fault.raw):][:1], (b"", b"\n", b"\r"))
                    seen += 1
        self.assertGreater(seen, 400)

    def test_parameters_are_complete(self):
        for case in all_cases():
            given = case.options[::2]
            for option in ("--delim", "--quote", "--escape", "--header", "--skip", "--encoding"):
                self.assertIn(option, given, case.name)


def widths_of(case, options):
    """How many fields records have, until two differ."""
    args = reference.parse_options([word for pair in options.items() for word in pair])
    widths = set()
    for _, _, fields in reference.Records(reference.text_of(case.data, args), args):
        widths.add(len(fields) if isinstance(fields, list) else 0)
        if len(widths) > 1:
            break
    return widths


def rivals(case):
    options = options_of(case)
    width = len((case.reading.rows or [case.reading.header or [None]])[0])
    found = []
    for delimiter in RIVALS.replace(options["--delim"], ""):
        widths = widths_of(case, {**options, "--delim": delimiter})
        if len(widths) == 1 and max(widths) >= max(width, 2):
            found.append(delimiter)
    return found


# ---------------------------------------------------------------- the judge

def outcome_of(case, reading):
    """What a program gives that reads the case so."""
    outcome = Outcome(reference_sheaf.exit_code_of(reading), reference_sheaf.output_of(reading),
                      reference_sheaf.quarantine_of(reading, case.name),
                      reference_sheaf.error_of(reading, case.name))
    return copy.deepcopy(outcome)


class Judge(unittest.TestCase):
    def assert_wrong(self, case, outcome, silent=None):
        verdict = judge.judge(case, outcome)
        self.assertFalse(verdict.right)
        self.assertTrue(verdict.notes or verdict.crashed)
        if silent is not None:
            self.assertEqual(silent, verdict.silent)
        return verdict

    def case(self, kind):
        return next(case for case in all_cases() if case.kind == kind)

    def test_every_reading_of_every_case_can_be_right(self):
        for case in all_cases():
            for reading in case.readings:
                with self.subTest(case=case.name):
                    verdict = judge.judge(case, outcome_of(case, reading))
                    self.assertEqual([], verdict.notes)
                    self.assertTrue(verdict.right)
                    self.assertEqual((verdict.cells, verdict.faults),
                                     (verdict.cells_right, verdict.faults_right))

    def test_a_wrong_cell(self):
        case = self.case("quote_all")
        for cell, other in ((None, ""), ("x", "X"), ("x", "x "), ("x", None), ("", None)):
            header = ["a", "b"]
            case = copy.copy(case)
            case.readings = [Reading(header, [["1", cell], ["2", "y"]])]
            outcome = outcome_of(case, Reading(header, [["1", other], ["2", "y"]]))
            verdict = self.assert_wrong(case, outcome, silent=True)
            self.assertEqual((6, 5), (verdict.cells, verdict.cells_right))

    def test_a_row_more_or_less_costs_its_own_cells(self):
        case = self.case("delimiter_comma")
        rows, width = case.reading.rows, len(case.reading.header)
        for changed in (rows[1:], rows[:-1], rows[:3] + rows[4:]):
            verdict = self.assert_wrong(case,
                                        outcome_of(case, Reading(case.reading.header, changed)),
                                        silent=True)
            self.assertEqual(width, verdict.cells - verdict.cells_right)
        verdict = self.assert_wrong(case,
                                    outcome_of(case, Reading(case.reading.header, rows + rows[:1])))
        self.assertEqual(verdict.cells, verdict.cells_right)

    def test_a_header_taken_for_a_row_or_made_up(self):
        for kind in ("header_missing", "delimiter_comma"):
            case = self.case(kind)
            reading = case.reading
            names = [f"column{i}" for i in range(1, len(reading.rows[0]) + 1)]
            self.assert_wrong(case, outcome_of(case, Reading(names, reading.rows)), silent=True)
            self.assert_wrong(case, outcome_of(case, Reading(None, reading.rows[1:])), silent=True)

    def test_wrong_coordinates(self):
        case = self.case("short_by_one_middle")
        for key, value in (("line", 1), ("record", 99), ("offset", 0), ("code", "long"),
                           ("file", "b.csv"),
                           ("raw", ""), ("message", ""), ("column", None)):
            outcome = outcome_of(case, case.reading)
            outcome.faults[0][key] = value
            if key == "column":
                self.assertTrue(judge.judge(case, outcome).right)  # not every fault has a column
            else:
                self.assertEqual(0, self.assert_wrong(case, outcome, silent=False).faults_right,
                                 key)

    def test_coordinates_that_are_not_scored(self):
        """Nobody has said what an offset counts in a file that is decoded."""
        case = self.case("fault_in_utf_16")
        outcome = outcome_of(case, case.reading)
        for fault in outcome.faults:
            fault.update(offset=123, raw="x")
        self.assertTrue(judge.judge(case, outcome).right)

    def test_the_column_of_a_quote(self):
        case = self.case("quote_unclosed_alone")
        for column, right in ((2, True), (case.reading.header[1], True), (None, True), (1, False),
                              ("x", False)):
            outcome = outcome_of(case, case.reading)
            outcome.faults[0]["column"] = column
            self.assertEqual(right, judge.judge(case, outcome).right, column)

    def test_the_raw_bytes_of_plain_text(self):
        case = self.case("short_to_one_field_first")
        outcome = outcome_of(case, case.reading)
        outcome.faults[0]["raw"] += "\r\n"
        self.assertTrue(judge.judge(case, outcome).right)
        outcome.faults[0]["raw"] = "x" + outcome.faults[0]["raw"]
        self.assert_wrong(case, outcome)

    def test_faults_that_are_missing_or_too_many(self):
        case = self.case("short_by_one_middle")
        outcome = outcome_of(case, case.reading)
        outcome.faults *= 2
        self.assertEqual(1, self.assert_wrong(case, outcome).faults_right)
        outcome.faults.clear()
        self.assertEqual(0, self.assert_wrong(case, outcome).faults_right)
        clean = self.case("quote_all")
        outcome = outcome_of(clean, clean.reading)
        outcome.faults = [{"code": "short", "line": 2}]
        self.assert_wrong(clean, outcome)

    def test_exit_codes(self):
        for kind, codes in (("quote_all", (1, 2, 3, 4)), ("short_by_one_middle", (0, 1, 2, 4)),
                            ("fault_in_most_records", (0, 1, 4))):
            case = self.case(kind)
            for code in codes:
                outcome = outcome_of(case, case.reading)
                outcome.code = code
                self.assert_wrong(case, outcome, silent=code == CLEAN)

    def test_a_crash_is_never_right(self):
        for kind in ("quote_all", "fault_in_most_records"):
            case = self.case(kind)
            outcome = outcome_of(case, case.reading)
            outcome.code = -11
            self.assertTrue(self.assert_wrong(case, outcome).crashed)

    def test_a_file_that_is_to_be_refused(self):
        case = self.case("quote_unclosed_in_header")
        good = Outcome(FAULT, None, [], f"fault: x\n --> {case.name}:1:5 (byte 4)\n")
        self.assertTrue(judge.judge(case, good).right)
        self.assert_wrong(case, Outcome(FAULT, None, [], f"fault: x\n --> {case.name}:7:5\n"))
        self.assert_wrong(case, Outcome(FAULT, None, [], "fault: x\n"))
        self.assert_wrong(case, Outcome(LOADED_IN_PART, b"a,b\n1,2\n", [], good.err))

    def test_output_that_is_no_csv(self):
        case = self.case("quote_all")
        for output in (None, b"", b'a,"b\n', b'"a"b\n', b"a,b", b"\xff\n"):
            self.assert_wrong(case, Outcome(CLEAN, output), silent=True)

    def test_cat_and_ingest_differ(self):
        case = self.case("quote_all")
        outcome = outcome_of(case, case.reading)
        outcome.differences = ["cat shows other rows than ingest wrote"]
        self.assert_wrong(case, outcome)


# ---------------------------------------------------------------- the program

# A program that reads by the letter; one that adds a blank to its output, one whose `cat` does.
HONEST = """#!{python} -B
import sys
sys.path.insert(0, {here!r})
import reference_sheaf
reference_sheaf.main()
"""
LYING = HONEST.replace("reference_sheaf.main()", """
output_of = reference_sheaf.output_of
def add_a_blank(reading):
    return output_of(reading)[:-1] + b" \\n" if sys.argv[1] in COMMANDS else output_of(reading)
reference_sheaf.output_of = add_a_blank
reference_sheaf.main()""")
LYING_IN_BOTH = LYING.replace("COMMANDS", '("cat", "ingest")')
LYING_IN_CAT = LYING.replace("COMMANDS", '("cat",)')
CRASHING = "#!/bin/sh\nkill -SEGV $$\n"


class Score(unittest.TestCase):
    def program(self, source):
        directory = tempfile.TemporaryDirectory()
        self.addCleanup(directory.cleanup)
        path = pathlib.Path(directory.name) / "sheaf"
        path.write_text(source.format(python=sys.executable, here=str(HERE)), "utf-8")
        path.chmod(0o755)
        return str(path)

    def score(self, source, *args):
        done = subprocess.run([sys.executable, "-B", str(HERE / "score.py"), self.program(source),
                               "--json", *args],
                              capture_output=True, check=False)
        return done.returncode, json.loads(done.stdout), done.stderr.decode()

    def test_a_program_that_reads_by_the_letter(self):
        for kind in ("header_repeated_names_taken", "footer_text", "quote_unclosed_alone",
                     "fault_in_most_records"):
            code, scores, err = self.score(HONEST, "--only", "parameters", "--kind", kind, "--n",
                                           "1", "--verbose")
            self.assertEqual((0, ""), (code, err))
            self.assertEqual(1, scores["total"]["parameters"]["files_right"])

    def test_a_program_that_lies(self):
        for source, says in ((LYING_IN_BOTH, "should be"), (LYING_IN_CAT, "cat shows other rows")):
            code, scores, err = self.score(source, "--kind", "newline_lf", "--n", "1", "--verbose")
            self.assertEqual(1, code)
            sums = scores["total"]["none"]
            self.assertEqual((1, 0, 1), (sums["files"], sums["files_right"], sums["silent"]))
            self.assertIn(says, err)

    def test_a_program_that_crashes(self):
        code, scores, _ = self.score(CRASHING, "--kind", "header_all_text", "--n", "1")
        self.assertEqual((1, 1, 1),
                         (code, scores["total"]["parameters"]["crashed"],
                          scores["crashes_of_ambiguous"]))

    def test_the_table(self):
        scores = score.Scores()
        for case in all_cases()[:50]:
            for mode in score.MODES:
                scores.add(case, mode, judge.judge(case, outcome_of(case, case.reading)))
        out = io.StringIO()
        with contextlib.redirect_stdout(out):
            score.show(scores)
        self.assertTrue(scores.all_right)
        self.assertIn("delimiter_comma", out.getvalue())
        self.assertNotIn("silent", out.getvalue())


if __name__ == "__main__":
    unittest.main()

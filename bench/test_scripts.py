"""bench/baseline and bench/compare: what they make of figures, and that they run. No time is looked at.

    SHEAF_BUILD=build/test python3 -B -m unittest discover -s bench -p test_scripts.py
"""

import importlib.machinery
import importlib.util
import json
import os
import pathlib
import subprocess
import sys
import tempfile
import unittest
import xml.etree.ElementTree

BENCH = pathlib.Path(__file__).resolve().parent
BUILD = pathlib.Path(os.environ.get("SHEAF_BUILD", BENCH.parent / "build/test")).resolve()
sys.path.insert(0, str(BENCH))


def script(name):
    """A program without an ending, as a module."""
    loader = importlib.machinery.SourceFileLoader(name, str(BENCH / name))
    module = importlib.util.module_from_spec(importlib.util.spec_from_loader(name, loader))
    loader.exec_module(module)
    return module


baseline, compare = script("baseline"), script("compare")
compare_report, compare_tools = compare.compare_report, compare.compare_tools

PROFILE = """# callgrind format
version: 1
positions: line
events: Ir
summary: 1111

ob=(1) /build/sheaf
fl=(1) run.c
fn=(1) main
10 100
+2 20
cob=(2) /lib/libc.so.6
cfn=(2) memcpy
calls=3 0
* 900

ob=(2)
fn=(2)
0 891

ob=(1)
fn=(3) other
-4 100
"""


class Baseline(unittest.TestCase):
    ABOUT = {"compiler": "gcc 12", "libraries": "a", "valgrind": "3.19", "inputs": "b"}

    def test_what_a_call_cost_is_counted_where_it_was_spent(self):
        self.assertEqual({"/build/sheaf": 220, "/lib/libc.so.6": 891}, baseline.instructions(PROFILE.splitlines(True)))

    def test_figures_are_read_as_they_were_written(self):
        figures = {"count": (123, 4567), "typed": (1, 2)}
        self.assertEqual((self.ABOUT, figures), baseline.read_figures(baseline.written(self.ABOUT, figures)))

    def test_the_committed_figures_are_of_the_cases_that_there_are(self):
        about, figures = baseline.read_figures(baseline.FIGURES.read_text())
        self.assertEqual(set(baseline.CASES), set(figures))
        self.assertEqual(set(self.ABOUT), set(about))

    def slower(self, own, everything, comparable=("own", "all")):
        return baseline.compare({"x": (1000, 2000)}, {"x": (own, everything)}, comparable)[1]

    def test_more_than_five_percent_is_slower(self):
        self.assertEqual([], self.slower(1050, 2100))
        self.assertEqual(["x"], self.slower(1051, 2000))
        self.assertEqual(["x"], self.slower(1000, 2101))
        self.assertEqual([], self.slower(500, 1000))
        self.assertEqual([], self.slower(1000, 9999, ("own",)))

    def test_a_case_without_figures_is_new(self):
        lines, slower = baseline.compare({}, {"x": (1, 2)}, ("own", "all"))
        self.assertEqual([], slower)
        self.assertIn("new", lines[1])

    def test_what_cannot_be_compared_is_not(self):
        def comparable(**changes):
            return baseline.what_compares(self.ABOUT, {**self.ABOUT, **changes})[0]

        self.assertEqual({"own", "all"}, comparable())
        self.assertEqual({"own"}, comparable(libraries="other"))
        self.assertEqual({"own"}, comparable(valgrind="other"))
        self.assertEqual(set(), comparable(compiler="clang"))
        self.assertEqual(set(), comparable(inputs="other"))

    def test_without_figures_nothing_is_compared(self):
        self.assertEqual(set(), baseline.what_compares({}, self.ABOUT)[0])


def repetition(wall, cpu):
    return {"wall": wall, "cpu": cpu, "peak": 10_000_000}


REPORT = {
    "processor": "a processor", "processors": 2, "system": "6.1", "date": "2026-01-01", "commit": "abc", "size_mb": 100,
    "repeat": 3, "quick": False, "others_percent": 0, "missing": ["Miller"], "tools": {"sheaf": "0.1.0", "DuckDB": "1.5"},
    "comparisons": [
        {"work": "count", "what": "count <them>", "workers": 1, "rows": 9, "bytes": 100_000_000, "failed": {},
         "results": {"sheaf": [repetition(1, 0.5), repetition(2, 0.4), repetition(3, 0.7)], "DuckDB": [repetition(25, 50)]}},
        {"work": "typed", "what": "typed", "workers": 2, "rows": 9, "bytes": 100_000_000,
         "failed": {"DuckDB": "8 rows, sheaf has 9"}, "results": {"sheaf": [repetition(1, 2)]}}]}


class Report(unittest.TestCase):
    def test_figures_are_medians_and_what_was_done_once_is_marked(self):
        self.assertIn("| count <them> | 200 | 2.00 ¹ |", compare_report.summary(REPORT))
        self.assertIn("| count <them> | 100 | 1 | 2.00 (1.00 to 3.00) | 0.50 (0.40 to 0.70) | 10 |",
                      compare_report.everything(REPORT))

    def test_who_fails_is_told(self):
        self.assertIn("typed, 2 workers: DuckDB has no figure: 8 rows, sheaf has 9", compare_report.everything(REPORT))

    def test_others_at_work_are_told(self):
        self.assertNotIn("measure again", compare_report.everything(REPORT))
        self.assertIn("measure again", compare_report.everything({**REPORT, "others_percent": 6}))

    def test_the_chart_is_well_formed_and_its_bars_begin_at_zero(self):
        root = xml.etree.ElementTree.fromstring(compare_report.chart(REPORT))
        bars = [bar for bar in root.iter("{http://www.w3.org/2000/svg}rect") if bar.get("class") in ("own", "bar")]
        self.assertEqual(["own", "bar"], [bar.get("class") for bar in bars])
        self.assertEqual(bars[0].get("x"), bars[1].get("x"))
        self.assertAlmostEqual(100, float(bars[0].get("width")) / float(bars[1].get("width")), delta=2)

    def test_a_table_is_put_between_the_marks(self):
        with tempfile.TemporaryDirectory() as folder:
            path = pathlib.Path(folder) / "x.md"
            path.write_text(f"a\n{compare_report.BEGIN} -->\nold\n{compare_report.END}\nz\n")
            for _ in range(2):
                compare_report.put(path, "new")
                self.assertEqual(f"a\n{compare_report.BEGIN} -->\n\nnew\n\n{compare_report.END}\nz\n", path.read_text())
            path.write_text("a\n")
            with self.assertRaises(SystemExit):
                compare_report.put(path, "new")

    def test_the_readmes_have_the_marks(self):
        for name in ("README.md", "bench/README.md"):
            text = (BENCH.parent / name).read_text()
            self.assertLess(0, text.find(compare_report.BEGIN))
            self.assertLess(text.find(compare_report.BEGIN), text.find(compare_report.END))


class Compare(unittest.TestCase):
    def test_small_sets_by_what_python_and_debian_have(self):
        with tempfile.TemporaryDirectory() as folder:
            done = subprocess.run([BENCH / "compare", "--quick", "--build", BUILD, "--folder", folder, "--npm", folder, "--workers",
                                   "1,2", "--only", "count,small,csv,sqlite", "--tools", "Python csv,sqlite3,Miller"],
                                  stdout=subprocess.PIPE, text=True, check=True)
            report = json.loads((pathlib.Path(folder) / "compare.json").read_text())
            xml.etree.ElementTree.parse(pathlib.Path(folder) / "compare.svg")
            self.assertEqual([], [name for name in os.listdir(folder) if name.startswith(".")])
        self.assertEqual(8, len(report["comparisons"]))
        self.assertIn("count the records", done.stdout)
        for comparison in report["comparisons"]:
            self.assertEqual({}, comparison["failed"])
            self.assertLess(0, comparison["rows"])
            self.assertLess(0, comparison["results"]["sheaf"][0]["wall"])
        self.assertIn("Python csv", report["comparisons"][0]["results"])

    def test_a_tool_that_finds_other_rows_has_no_figure(self):
        with tempfile.TemporaryDirectory() as folder:
            options = compare.argparse.Namespace(build=BUILD, folder=pathlib.Path(folder), sets=pathlib.Path(folder),
                                                 program=str(BUILD / "sheaf"), npm=pathlib.Path(folder), repeat=2, patience=9)
            compare.make_set("one", pathlib.Path(folder) / "one", BUILD / "bench/make_sets", 1)
            work = compare_tools.Work("count", "count", "count", "one")
            liar = compare_tools.Tool("liar", "1", lambda *_: (["echo", "7"], {}), compare_tools.last_number)
            broken = compare_tools.Tool("broken", "1", lambda *_: (["false"], {}), compare_tools.last_number)
            comparison = compare.Comparison(options, work, 1)
            comparison.measure([compare_tools.sheaf(options.program), liar, broken])
        self.assertEqual({"sheaf"}, set(comparison.results))
        self.assertEqual(2, len(comparison.results["sheaf"]))
        self.assertIn("7 rows, sheaf has", comparison.failed["liar"])
        self.assertIn("exit code 1", comparison.failed["broken"])


if __name__ == "__main__":
    unittest.main()

"""The chart and the page of sheaf bench: what is in them, and what a browser makes of them."""

import html
import html.parser
import json
import os
import re
import shutil
import struct
import subprocess
import unittest
import xml.etree.ElementTree
import zlib

import harness
from harness import FAULT
import test_bench
from test_bench import CASES, QUICK


class Charts(test_bench.BenchTest):
    def setUp(self):
        super().setUp()
        self.write_some()

    def with_gnuplot(self, script):
        """An environment whose gnuplot is this shell script."""
        self.write(".bin/gnuplot", f"#!/bin/sh\n[ \"$1\" = --version ] && exit\n{script}\n")
        os.chmod(self.path(".bin/gnuplot"), 0o755)
        return dict(os.environ, PATH=f"{self.path('.bin')}:{os.environ['PATH']}")

    def script(self, name, *args):
        """What gnuplot is told."""
        self.bench("in", *QUICK, *args, "--chart", name, env=self.with_gnuplot("tee script"))
        self.assertEqual(self.read("script"), self.read(name))
        return self.read("script").decode()

    def test_the_axis_begins_at_zero_and_holds_every_whisker(self):
        script = self.script("x.svg")
        end = float(re.search(r"(?m)^set xrange \[0:([\d.e+]+)\]$", script)[1])
        bars = [line.split() for line in script.split("<< EOD\n")[1].split("EOD")[0].splitlines()]
        self.assertEqual(len(CASES), len(bars))
        for index, bar in enumerate(bars):
            self.assertEqual(index, int(bar[0]))
            median, slowest, fastest, label = map(float, bar[1:5])
            self.assertTrue(0 < slowest <= median <= fastest <= label < end, bar)

    def test_the_axis_has_a_unit_and_the_bars_their_names(self):
        script = self.script("x.svg")
        self.assertRegex(script, r"(?m)^set xlabel '[kMG]B as stored per second: median of 2, ")
        self.assertRegex(script, r"(?m)^set title '2 files, ")
        for index, name in enumerate(CASES):
            self.assertIn(f"'{name}' {index}", script)

    def test_the_baseline_stands_at_the_sequential_rate(self):
        script = self.script("x.svg", "--parser", "scan,libcsv")
        bars = [line.split() for line in script.split("<< EOD\n")[1].split("EOD")[0].splitlines()]
        lines = re.findall(r"set arrow from ([\d.e+]+),([\d.]+) to ([\d.e+]+),([\d.]+) nohead", script)
        self.assertEqual([("1.50", "3.50"), ("3.50", "5.50")], [(line[1], line[3]) for line in lines])
        for line, bar in zip(lines, (bars[2], bars[4])):
            self.assertEqual((bar[1], bar[1]), (line[0], line[2]))

    def test_the_ending_says_what_is_drawn(self):
        self.assertIn("set terminal svg ", self.script("x.svg"))
        self.assertIn("set terminal pngcairo ", self.script("x.png"))

    def test_no_gnuplot_is_told_before_anything_is_measured(self):
        self.write_big("big.csv", 5)
        with self.assert_directory_unchanged():
            run = self.bench("big.csv", "--repeat", "1000", "--chart", "x.svg", code=FAULT, timeout=20,
                             env=dict(os.environ, PATH=self.path("in")))
        self.assertIn("gnuplot-nox", run.error_text)

    def test_what_gnuplot_complains_of_is_told(self):
        self.write("x.svg", "old")
        for script in ("cat > script; printf 'no \\033 font\\n' >&2; exit 1", "exec cat > script"):
            run = self.bench("in", *QUICK, "--chart", "x.svg", code=FAULT, env=self.with_gnuplot(script))
            self.assertIn("gnuplot has not drawn the chart", run.error_text)
            self.assertNotIn(b"\x1b", run.err)
        self.assertEqual(b"old", self.read("x.svg"))
        self.assertEqual([".bin", "in", "script", "x.svg"], self.names())

    def test_gnuplot_may_be_ended_by_a_pipe_that_breaks(self):
        """The program ignores SIGPIPE; what it starts does not."""
        self.bench("in", *QUICK, "--chart", "x.svg",
                   env=self.with_gnuplot("cat > script; sh -c 'kill -PIPE $$' && exit 1; cat script"))

    def test_one_that_does_not_read_its_script_is_survived(self):
        self.bench("in", *QUICK, "--chart", "x.svg", code=FAULT, env=self.with_gnuplot("exit 1"))

    @unittest.skipUnless(shutil.which("gnuplot"), "no gnuplot (Debian: gnuplot-nox)")
    def test_gnuplot_draws_it(self):
        self.bench("in", *QUICK, "--chart", "x.svg")
        root = xml.etree.ElementTree.fromstring(self.read("x.svg"))
        self.assertEqual("{http://www.w3.org/2000/svg}svg", root.tag)
        words = [text.strip() for text in root.itertext()]
        for name in CASES:
            self.assertIn(name, words)
        self.bench("in", *QUICK, "--chart", "x.png")
        self.assertEqual(b"\x89PNG\r\n\x1a\n", self.read("x.png")[:8])


class PageReader(html.parser.HTMLParser):
    """Elements in their order, and whether each is closed."""

    VOID = {"meta", "line", "rect"}

    def __init__(self, text):
        super().__init__()
        self.open, self.tags, self.attributes, self.rows, self.wrong = [], [], [], [], []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag, attributes):
        self.tags.append(tag)
        self.attributes += attributes
        if tag not in self.VOID:
            self.open.append(tag)
        if tag == "tr":
            self.rows.append([])
        if tag in ("td", "th"):
            self.rows[-1].append("")

    def handle_startendtag(self, tag, attributes):
        self.tags.append(tag)
        self.attributes += attributes

    def handle_endtag(self, tag):
        if not self.open or self.open.pop() != tag:
            self.wrong.append(tag)

    def handle_data(self, data):
        if self.open and self.open[-1] in ("td", "th"):
            self.rows[-1][-1] += data


class Page(test_bench.BenchTest):
    def page(self, *args):
        self.bench(*args, *QUICK, "--html", "x.html", "-q")
        return self.read("x.html").decode()

    def test_it_is_well_formed_and_fetches_nothing(self):
        self.write_some()
        text = self.page("in")
        page = PageReader(text)
        self.assertEqual(([], []), (page.wrong, page.open))
        self.assertEqual(set(), {"script", "link", "img", "iframe", "object"} & set(page.tags))
        self.assertEqual(set(), {"src", "href", "srcset"} & {name for name, _ in page.attributes})
        self.assertNotRegex(text, r"url\(|@import|https?:")

    def test_its_table_has_the_figures_of_json(self):
        self.write_some()
        run = self.bench("in", *QUICK, "--json", "--html", "x.html")
        rows = PageReader(self.read("x.html").decode()).rows
        facts = run.json
        self.assertEqual(list(CASES), [row[0] for row in rows[1:]])
        for one, row in zip(facts["read_limits"] + facts["configurations"], rows[1:]):
            shown = dict(zip(rows[0], row))
            self.assertAlmostEqual(one["wall_seconds"]["median"], float(shown["wall s"]), delta=6e-4)
            self.assertEqual(f"{one['minor_faults'] + one['major_faults']:,}", shown["page faults"])
            self.assertEqual("" if one["executor"] == "read" else f"{one['speedup']:.2f}", shown["speed-up"])

    def test_what_comes_from_outside_stays_text(self):
        name = "<script>alert('1')&amp;\x1b[31m\".csv"
        self.write(name, "a\n1\n")
        text = self.page(name)
        page = PageReader(text)
        self.assertEqual(([], []), (page.wrong, page.open))
        self.assertNotIn("script", page.tags)
        self.assertNotIn("\x1b", text)
        self.assertIn("&lt;script&gt;alert(", text)
        self.assertIn("&amp;amp;", text)

    def test_cautions_are_on_it(self):
        self.write("a.csv", "a\n1\n")
        self.assertIn(("data-code", "short"), PageReader(self.page("a.csv")).attributes)


# Opens the page as wide as it is told, and finds out what a person would see.
LOOK = """<!DOCTYPE html><title>waiting</title><body style="margin:0">
<iframe src="x.html" style="width:WIDTHpx;height:3000px;border:0"></iframe>
<script>
window.onload = () => {
    const page = document.querySelector("iframe").contentDocument;
    const boxes = [...page.querySelectorAll("svg text")].map(text => [text.textContent, text.getBoundingClientRect()]);
    const overlaps = [];
    boxes.forEach(([name, a], i) => boxes.slice(i + 1).forEach(([other, b]) => {
        if (a.left < b.right && b.left < a.right && a.top < b.bottom && b.top < a.bottom)
            overlaps.push(name + " / " + other);
    }));
    document.title = JSON.stringify({
        width: page.documentElement.scrollWidth, overlaps, labels: boxes.length,
        smallest: Math.min(...boxes.map(([, box]) => box.height)),
        bars: [...page.querySelectorAll("svg rect")].map(bar => [bar.getBoundingClientRect().left,
                                                                 bar.getBoundingClientRect().width]),
        outside: boxes.filter(([, box]) => box.left < -1 || box.right > WIDTH + 1).map(([name]) => name)});
};
</script>"""


@unittest.skipUnless(shutil.which("chromium"), "no chromium")
class Browser(test_bench.BenchTest):
    """The page as a browser shows it."""

    def setUp(self):
        super().setUp()
        self.write_some()
        self.bench("in", *QUICK, "--executor", "threads,processes", "--parser", "scan,libcsv", "--html", "x.html")

    def chromium(self, *args):
        return subprocess.run(["chromium", "--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars",
                               "--allow-file-access-from-files", "--disable-dev-shm-usage",
                               f"--user-data-dir={self.path('.profile')}", *args],
                              env=dict(os.environ, HOME=str(self.dir)), capture_output=True, timeout=120)

    def look(self, width):
        self.write("look.html", LOOK.replace("WIDTH", str(width)))
        shown = self.chromium("--dump-dom", "--virtual-time-budget=5000", f"--window-size={max(width, 600)},3000",
                              f"file://{self.path('look.html')}")
        title = re.search(r"<title>(.*?)</title>", shown.stdout.decode())
        self.assertTrue(title, shown.stderr[-2000:])
        return json.loads(html.unescape(title[1]))

    def test_nothing_overlaps_or_leaves_the_screen(self):
        for width in (320, 500, 1200):
            with self.subTest(width=width):
                seen = self.look(width)
                self.assertEqual([], seen["overlaps"])
                self.assertEqual([], seen["outside"])
                self.assertEqual(width, seen["width"])
                self.assertGreater(seen["labels"], 20)
                self.assertGreater(seen["smallest"], 11)

    def test_bars_begin_at_zero_and_are_as_long_as_the_rates(self):
        seen = self.look(1000)
        rates = [row[1] for row in PageReader(self.read("x.html").decode()).rows[1:]]
        units = {"kB/s": 1e3, "MB/s": 1e6, "GB/s": 1e9}
        rates = [float(rate.split()[0]) * units[rate.split()[1]] for rate in rates]
        self.assertEqual(1, len({left for left, _ in seen["bars"]}))
        for (_, width), rate in zip(seen["bars"], rates):
            self.assertAlmostEqual(rate / rates[0], width / seen["bars"][0][1], delta=0.02)

    def test_light_and_dark(self):
        for scheme, is_light in (("1", True), ("0", False)):
            shot = self.path(f"{scheme}.png")
            run = self.chromium(f"--blink-settings=preferredColorScheme={scheme}", "--window-size=800,600",
                                f"--screenshot={shot}", f"file://{self.path('x.html')}")
            self.assertTrue(os.path.exists(shot), run.stderr[-2000:])
            self.assertEqual(is_light, sum(corner_of(self.read(f"{scheme}.png"))) > 3 * 128)


def corner_of(png):
    """Red, green and blue of the first pixel: no filter can change that one."""
    at, data, colour_type = 8, b"", None
    while at < len(png):
        length, kind = struct.unpack(">I4s", png[at:at + 8])
        if kind == b"IHDR":
            colour_type = png[at + 17]
        if kind == b"IDAT":
            data += png[at + 8:at + 8 + length]
        at += 12 + length
    assert colour_type in (2, 6), colour_type
    return zlib.decompress(data)[1:4]


if __name__ == "__main__":
    harness.main()

"""How far a run is: a bar on a terminal, lines for whoever asks for them, and nothing of it anywhere else.

Who reads the program's stdout decides how fast it goes: with nobody reading it stands still, and its
progress is still told. So no test depends on how fast the machine is.
"""

import os
import re
import subprocess

import harness
from harness import CLEAN, FAULT, ROWS, SheafTest, Terminal

SOME = 256 << 10  # bytes of output that are taken at a time
BAR = re.compile(rb"\r *(\d+) % \[(#*\.*)\] ([^\r\x1b]*)")


class ProgressTest(SheafTest):
    def take(self, process, size):
        """Read so much of the program's stdout, or what is left of it. Returns how much it was."""
        return len(process.stdout.read(size))


class Terminals(ProgressTest):
    """--progress auto, which is the default: a bar on a terminal."""

    def start_on_terminal(self, *args, **options):
        terminal = Terminal()
        self.addCleanup(terminal.close)
        process = self.start(*args, stderr=terminal.slave, **options)
        terminal.close_slave()
        return process, terminal

    def finish_on_terminal(self, process, terminal, code=CLEAN):
        for pipe in filter(None, (process.stdin, process.stdout)):
            if pipe is process.stdout:
                pipe.read()
            pipe.close()
        process.stdin = process.stdout = None
        terminal.read_all()
        self.assertEqual(code, process.wait(harness.TIMEOUT), terminal.text)
        return terminal.text

    def test_a_bar_is_shown_on_a_terminal(self):
        """It has a percentage, which grows with what is taken, and fills as the percentage does."""
        self.write_big("a.csv", 30)
        process, terminal = self.start_on_terminal("cat", "a.csv")
        self.assertTrue(terminal.read_until(BAR.search), "no bar while nothing is read")
        self.take(process, 20 << 20)
        self.assertTrue(terminal.read_until(lambda text: int(BAR.findall(text)[-1][0]) >= 50), terminal.text)
        bars = BAR.findall(self.finish_on_terminal(process, terminal))
        percents = [int(percent) for percent, _, _ in bars]
        self.assertEqual(sorted(percents), percents)
        self.assertLess(percents[0], 50, "the output is taken for read before anybody took it")
        self.assertLessEqual(percents[-1], 100)
        for percent, bar, facts in bars:
            self.assertGreaterEqual(len(bar), 4)
            self.assertAlmostEqual(int(percent) / 100, bar.count(b"#") / len(bar), delta=1 / len(bar) + 0.01)
            self.assertRegex(facts, rb"^\d.* of 3\d MB, .*B/s.*, [01] of 1 files?$")

    def test_files_that_are_read_twice_do_not_fill_the_bar_twice(self):
        self.write_big("a.csv", 10)
        process, terminal = self.start_on_terminal("cat", "a.csv", "a.csv", "--on-error", "skip-file")
        self.assertTrue(terminal.read_until(BAR.search))
        self.take(process, 10 << 20)
        self.assertTrue(terminal.read_until(lambda text: len(BAR.findall(text)) > 10))
        half_way = int(BAR.findall(terminal.text)[-1][0])
        self.assertLessEqual(half_way, 99, "half of the output is still to be taken")
        percents = [int(percent) for percent, _, _ in BAR.findall(self.finish_on_terminal(process, terminal))]
        self.assertEqual(sorted(percents), percents)

    def test_the_bar_is_erased_at_the_end(self):
        self.write_big("a.csv", 10)
        process, terminal = self.start_on_terminal("cat", "a.csv")
        self.assertTrue(terminal.read_until(BAR.search))
        self.assertTrue(self.finish_on_terminal(process, terminal).endswith(b"\r\x1b[K"), terminal.text)

    def test_the_bar_stays_while_files_end(self):
        """Of many small files one ends every moment: a bar that each of them erases is never seen."""
        for name in ("a.csv", "b.csv"):
            self.write_big(name, 10)
        process, terminal = self.start_on_terminal("cat", "a.csv", "b.csv")
        self.assertTrue(terminal.read_until(BAR.search))
        self.take(process, 15 << 20)
        self.assertTrue(terminal.read_until(lambda text: b"1 of 2 files" in text), terminal.text)
        self.assertEqual(1, self.finish_on_terminal(process, terminal).count(b"\r\x1b[K"), "at the end alone")

    def test_of_a_stream_the_bytes_are_shown(self):
        """How much will come is not known, so there is no percentage."""
        process, terminal = self.start_on_terminal("ingest", "-", "-o", "null:", stdin=subprocess.PIPE,
                                                   stdout=subprocess.DEVNULL)
        process.stdin.write(b"a,b\n")
        harness.fill_pipe(process.stdin.fileno(), ROWS, 2 << 20)
        self.assertTrue(terminal.read_until(re.compile(rb"\r\d[\d.]* MB read, .*B/s.*\x1b\[K").search),
                        terminal.text)
        self.assertNotIn(b"%", self.finish_on_terminal(process, terminal))

    def test_no_bar_is_shown_when_none_is_wanted(self):
        """Far more is read than it took to see one."""
        for flag in (["--progress", "off"], ["--progress=off"], ["-q"]):
            process, terminal = self.start_on_terminal("ingest", "-", "-o", "null:", *flag,
                                                       stdin=subprocess.PIPE, stdout=subprocess.DEVNULL)
            process.stdin.write(b"a,b\n")
            for _ in range(500):
                process.stdin.write(ROWS)
            self.assertEqual(b"", self.finish_on_terminal(process, terminal))

    def test_an_error_stands_on_a_line_of_its_own_after_a_bar(self):
        process, terminal = self.start_on_terminal("ingest", "-", "-o", "null:", stdin=subprocess.PIPE,
                                                   stdout=subprocess.DEVNULL)
        process.stdin.write(b"a,b\n")
        harness.fill_pipe(process.stdin.fileno(), ROWS, 2 << 20)
        self.assertTrue(terminal.read_until(lambda text: b"B/s" in text))
        process.stdin.write(b"bad\n")
        text = self.finish_on_terminal(process, terminal, FAULT)
        self.assertRegex(text, rb"\r\x1b\[K(\r\n)?error: ")


class Lines(ProgressTest):
    """--progress plain and json: lines, wherever stderr leads."""

    def watch(self, process, lines_wanted, output_bytes):
        """
        The lines that come while the output is taken in equal parts, one for each line, but for a last part, for
        which nobody is there until two more lines have come. Returns all lines; the program has then ended.
        """
        lines = []
        part = (output_bytes - SOME) // lines_wanted
        for _ in range(lines_wanted):
            self.take(process, part)
            lines.append(process.stderr.readline())
        lines += [process.stderr.readline() for _ in range(2)]
        run = self.finish(process)
        self.assertEqual(CLEAN, run.code, run)
        return [line for line in lines + run.err.splitlines(keepends=True) if line]

    def assert_json_lines_are_true(self, lines, size):
        facts = [harness.json.loads(line) for line in lines]
        self.assertGreaterEqual(len(facts), 4)
        for fact in facts:
            self.assertLessEqual(fact["read_bytes"], fact["size_bytes"], facts)
            self.assertLessEqual(fact["files_done"], fact["files"], facts)
            self.assertEqual(size, fact["size_bytes"])
        for name in ("seconds", "read_bytes", "records", "files_done"):
            values = [fact[name] for fact in facts]
            self.assertEqual(sorted(values), values, name)
            self.assertTrue(values[-1] > 0 or name == "files_done", f"{name}: {facts}")
        self.assertGreater(facts[-1]["read_bytes"], size / 2, "nearly all of the output was taken")

    def test_json_tells_how_much_of_the_files_was_read(self):
        for i in range(5):
            self.write_big(f"{i}.csv", 3)
        names = self.names()
        size = sum(os.path.getsize(self.path(name)) for name in names)
        process = self.start("cat", *names, "--progress", "json")
        self.assert_json_lines_are_true(self.watch(process, 2, size), size)

    def test_json_counts_what_is_read_twice_twice(self):
        """A file that is named twice, or that must be known to be good before its first row goes down the pipe."""
        self.write_big("a.csv", 4)
        size = os.path.getsize(self.path("a.csv"))
        process = self.start("cat", *["a.csv"] * 3, "--progress", "json", "--on-error", "skip-file")
        self.assert_json_lines_are_true(self.watch(process, 2, 3 * size), 6 * size)

    def test_json_counts_compressed_bytes_of_compressed_files(self):
        self.write_big("a.csv", 10)
        data = self.read("a.csv")
        self.write_gzip("a.csv.gz", data, 1)
        process = self.start("cat", "a.csv.gz", "--progress", "json")
        self.assert_json_lines_are_true(self.watch(process, 2, len(data)),
                                        os.path.getsize(self.path("a.csv.gz")))

    def test_lines_may_go_to_a_pipe(self):
        for kind, pattern in (("plain", rb"\d.* MB of 1\d MB, .*B/s.*, [01] of 1 files?\n"), ("json", rb"\{.*\}\n")):
            with self.subTest(kind=kind):
                self.write_big("a.csv", 10)
                process = self.start("cat", "a.csv", "--progress", kind)
                lines = self.watch(process, 1, 10 << 20)
                self.assertGreaterEqual(len(lines), 3)
                for line in lines:
                    self.assertRegex(line, re.compile(b"^" + pattern + b"$"))
                    self.assertNotRegex(line, rb"\r|\x1b")

    def test_a_bar_never_reaches_a_pipe(self):
        self.write_big("a.csv", 10)
        process = self.start("cat", "a.csv")
        self.wait_for_progress()
        run = self.finish(process)
        self.assertEqual((CLEAN, b""), (run.code, run.err))

    def wait_for_progress(self):
        """Until a run that began later has shown its progress, twice."""
        self.write_big("b.csv", 10)
        process = self.start("cat", "b.csv", "--progress", "json")
        for _ in range(2):
            self.assertTrue(process.stderr.readline())
        self.assertEqual(CLEAN, self.finish(process).code)

    def test_a_bar_never_reaches_stdout(self):
        terminal = Terminal()
        self.addCleanup(terminal.close)
        process = self.start_fed("ingest", "-", "-o", "null:", stdout=terminal.slave)
        terminal.close_slave()
        self.wait_for_progress()
        run = self.finish(process)
        self.assertEqual((CLEAN, b""), (run.code, run.err))
        self.assertIn(b"loaded", terminal.read_all())
        self.assertNotRegex(terminal.text, rb"\r(?!\n)|\x1b")


if __name__ == "__main__":
    harness.main()

"""sheaf bench: several ways of reading, in turns, each held against the others."""

import contextlib
import csv
import json
import os
import pathlib
import re
import signal
import struct
import subprocess
import unittest

import harness
from harness import ACCOUNT, CLEAN, FAULT, INTERRUPTED, SKIPPED, USAGE, SheafTest, wait_until

QUICK = ("--repeat", "2", "--workers", "2")
CASES = ("read alone 1", "read alone 2", "sequential", "threads 2")

# A pread() that changes bytes in the n-th process that a program has forked: what a reader with a bug would do.
SHIM = r"""
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>
#include <sys/types.h>

static pid_t first, last;
static int number;

__attribute__((constructor)) static void begin(void) { first = getpid(); }

static int is_its_turn(void)
{
    pid_t now = getpid();
    if (now == first)
        return 0;
    if (now != last) {
        int fd = open(getenv("SHIM_COUNT"), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
        (void)!write(fd, "x", 1);
        number = (int)lseek(fd, 0, SEEK_END);
        close(fd);
        last = now;
    }
    return number == atoi(getenv("SHIM_TURN"));
}

ssize_t pread(int fd, void *to, size_t size, off_t at)
{
    ssize_t (*real)(int, void *, size_t, off_t) = (ssize_t(*)(int, void *, size_t, off_t))dlsym(RTLD_NEXT, "pread");
    ssize_t n = real(fd, to, size, at);
    if (is_its_turn())
        for (ssize_t i = 0; i < n; i++)
            if (((char *)to)[i] == getenv("SHIM_BYTES")[0])
                ((char *)to)[i] = getenv("SHIM_BYTES")[1];
    return n;
}

ssize_t pread64(int fd, void *to, size_t size, off_t at) { return pread(fd, to, size, at); }
"""


class BenchTest(SheafTest):
    def bench(self, *args, code=CLEAN, **options):
        return self.expect(code, "bench", *args, **options)

    def facts(self, *args, **options):
        return self.bench(*args, "--json", **options).json

    def write_some(self):
        """Two files of a few thousand records, and what they hold: records, fields, bytes."""
        self.write_rows("in/a.csv", 3000)
        self.write_rows("in/b.csv", 2000, header="n,other")
        sizes = sum(os.path.getsize(self.path(f"in/{name}")) for name in self.names("in"))
        return 5000, 10_000, sizes


class Figures(BenchTest):
    def test_what_was_read_is_what_is_there(self):
        records, fields, size = self.write_some()
        data = self.facts("in", *QUICK)["data"]
        wanted = {"files": 2, "size_bytes": size, "read_bytes": size, "text_bytes": size, "files_skipped": 0,
                  "records": records, "loaded": records, "rejected": 0, "skipped": 0, "columns": 3,
                  "fields": fields}
        self.assertEqual(wanted, {name: data[name] for name in wanted})

    def test_the_digest_is_that_of_an_ingest(self):
        self.write_some()
        facts = self.facts("in", *QUICK)
        loaded = self.succeed("ingest", "in", "-o", "null:", "--digest", "--json").json
        self.assertEqual(loaded["digest"], facts["data"]["digest"])
        self.assertEqual({loaded["digest"]}, {one["digest"] for one in facts["configurations"]})

    def test_every_configuration_is_there_and_repeated(self):
        self.write_some()
        facts = self.facts("in", "--repeat", "3", "--workers", "1,3", "--executor", "processes,sequential,threads",
                           "--parser", "libcsv,scan")
        wanted = [f"{name}, {parser}" for parser in ("libcsv", "scan")
                  for name in ("sequential", "processes 1", "processes 3", "threads 1", "threads 3")]
        self.assertEqual(wanted, [one["name"] for one in facts["configurations"]])
        self.assertEqual(["read alone 1", "read alone 3"], [one["name"] for one in facts["read_limits"]])
        for one in facts["configurations"] + facts["read_limits"]:
            self.assertEqual(3, len(one["repetitions"]), one["name"])

    def test_sequential_and_threads_are_compared_unless_told(self):
        self.write_some()
        names = [one["name"] for one in self.facts("in", "--repeat", "1")["configurations"]]
        self.assertEqual(["sequential", "threads 1"], names[:2] if len(names) > 1 else names)
        self.assertEqual(f"threads {len(os.sched_getaffinity(0))}", names[-1])

    def test_figures_follow_from_the_repetitions(self):
        self.write_rows("in/a.csv", 50_000)
        facts = self.facts("in", "--repeat", "3", "--workers", "2", "--executor", "threads,processes")
        cases = {one["name"]: one for one in facts["configurations"] + facts["read_limits"]}
        for one in cases.values():
            walls = sorted(sample["wall_seconds"] for sample in one["repetitions"])
            cpus = sorted(sample["user_seconds"] + sample["system_seconds"] for sample in one["repetitions"])
            for name, values in (("wall_seconds", walls), ("cpu_seconds", cpus)):
                for figure, value in zip(("min", "median", "max"), values):
                    self.assertAlmostEqual(value, one[name][figure], delta=3e-6)
            self.assertAlmostEqual((walls[2] - walls[0]) / walls[1], one["spread"], delta=0.02)
            self.assertAlmostEqual(1, facts["data"]["size_bytes"] / walls[1] / one["bytes_per_second"], delta=0.02)
            self.assertEqual(max(sample["peak_bytes"] for sample in one["repetitions"]), one["peak_bytes"])
            self.assertGreater(one["peak_bytes"], 100_000)
            self.assertGreater(one["minor_faults"], 0)
        for one in facts["configurations"]:
            baseline = cases[one["baseline"]]
            self.assertEqual("sequential", one["baseline"])
            speedup = baseline["wall_seconds"]["median"] / one["wall_seconds"]["median"]
            self.assertAlmostEqual(1, one["speedup"] / speedup, delta=0.02)
            self.assertAlmostEqual(one["speedup"] / one["workers"], one["efficiency"], delta=2e-4)
            limit = cases[f"read alone {one['workers']}"]
            self.assertAlmostEqual(1, one["read_limit_share"] * limit["bytes_per_second"] /
                                   one["bytes_per_second"], delta=0.02)

    @unittest.skipIf(harness.is_sanitized(), "a sanitizer's memory is not the program's")
    def test_worker_processes_are_measured_too(self):
        """Their time is that of reading; and each has a process's memory."""
        self.write_big("big.csv", 30)
        facts = self.facts("big.csv", "--executor", "processes", "--workers", "2", "--repeat", "1",
                           "--parser", "libcsv")
        cases = {one["name"]: one for one in facts["configurations"]}
        alone, processes = cases["sequential"], cases["processes 2"]
        self.assertGreater(processes["cpu_seconds"]["median"], alone["cpu_seconds"]["median"] / 3)
        self.assertGreater(processes["peak_bytes"], 1.5 * alone["peak_bytes"])
        self.assertGreater(processes["minor_faults"], alone["minor_faults"])

    def test_the_rows_of_csv_are_in_the_order_of_the_rounds(self):
        self.write_some()
        self.bench("in", "--repeat", "3", "--workers", "2", "--csv", "x.csv")
        rows = harness.parse_csv(self.read("x.csv"))
        self.assertEqual([[str(turn + 1), name] for turn in range(3) for name in CASES],
                         [row[:2] for row in rows[1:]])

    def test_the_rows_of_csv_are_the_repetitions_of_json(self):
        records, fields, size = self.write_some()
        facts = self.facts("in", *QUICK, "--csv", "x.csv")
        rows = list(csv.DictReader(self.read("x.csv").decode().splitlines()))
        for one in facts["read_limits"] + facts["configurations"]:
            mine = [row for row in rows if row["name"] == one["name"]]
            self.assertEqual([sample["wall_seconds"] for sample in one["repetitions"]],
                             [float(row["wall_seconds"]) for row in mine])
            self.assertEqual([sample["minor_faults"] for sample in one["repetitions"]],
                             [int(row["minor_faults"]) for row in mine])
            for row in mine:
                is_read = one["executor"] == "read"
                self.assertEqual((str(size), "" if is_read else str(records), "" if is_read else str(fields)),
                                 (row["read_bytes"], row["records"], row["fields"]))
                self.assertEqual(str(one["workers"]), row["workers"])

    def test_json_says_where_and_how(self):
        self.write_some()
        facts = self.facts("in", *QUICK, "--null", "it's")
        self.assertEqual("sheaf bench in --repeat 2 --workers 2 --null 'it'\\''s' --json", facts["command"])
        self.assertEqual(("warm", 2, "null:"), (facts["cache"], facts["repeat"], facts["destination"]))
        self.assertEqual(len(os.sched_getaffinity(0)), facts["machine"]["processors"])
        self.assertEqual({"cpu", "processors", "memory_bytes", "system"}, set(facts["machine"]))
        self.assertIn(os.uname().release, facts["machine"]["system"])
        version = self.succeed("--version").out.decode().splitlines()
        self.assertEqual(version, [f"sheaf {facts['sheaf']}", facts["build"]])

    def test_compressed_files_are_measured_as_stored(self):
        self.write_rows("a.csv", 2000)
        size = len(self.read("a.csv"))
        self.write_gzip("a.csv.gz", self.read("a.csv"))
        data = self.facts("a.csv.gz", *QUICK)["data"]
        self.assertEqual((os.path.getsize(self.path("a.csv.gz")), size), (data["read_bytes"], data["text_bytes"]))

    def test_empty_files_are_measured_as_well_as_can_be(self):
        self.write("a.csv", "")
        facts = self.facts("a.csv", *QUICK)
        self.assertEqual((0, 0), (facts["data"]["records"], facts["data"]["size_bytes"]))
        self.bench("a.csv", *QUICK)


class Destinations(BenchTest):
    def test_whole_ingests_leave_nothing(self):
        self.write_some()
        for name in ("x.db", "x.csv", "x.jsonl"):
            with self.subTest(name=name), self.assert_directory_unchanged():
                facts = self.facts("in", *QUICK, "-o", name, "--executor", "threads,processes")
                self.assertEqual(name, facts["destination"])

    def test_a_destination_that_is_there_stays(self):
        self.write_some()
        self.write("x.db", "not a database")
        with self.assert_directory_unchanged():
            self.bench("in", *QUICK, "-o", "x.db")

    def test_what_cannot_be_a_temporary_file_is_refused(self):
        self.write_some()
        for name in ("-", "postgresql://localhost/x"):
            self.assertIn("temporary", self.bench("in", "-o", name, code=USAGE).error_text)

    def test_an_ending_that_is_not_known_is_told_of_the_destination_that_was_named(self):
        self.write_some()
        run = self.bench("in", "-o", "x.nope", code=USAGE)
        self.assertEqual("x.nope", run.error.source)
        self.assertEqual(["in"], self.names())

    def test_a_folder_that_is_not_there(self):
        self.write_some()
        self.assertIn("no/x.db", self.bench("in", "-o", "no/x.db", code=FAULT).error_text)


class Equality(BenchTest):
    def shim(self, turn, bytes_):
        if harness.is_sanitized():
            self.skipTest("a sanitizer must be loaded first")
        self.write("shim.c", SHIM)
        subprocess.run([os.environ.get("CC", "cc"), "-shared", "-fPIC", "-o", self.path("shim.so"),
                        self.path("shim.c"), "-ldl"], check=True)
        return dict(os.environ, LD_PRELOAD=self.path("shim.so"), SHIM_COUNT=self.path("count"),
                    SHIM_TURN=str(turn), SHIM_BYTES=bytes_)

    def test_one_that_reads_other_bytes_has_another_digest(self):
        """The second process: threads, with a digest."""
        self.write_rows("a.csv", 1000)
        run = self.bench("a.csv", *QUICK, code=ACCOUNT, env=self.shim(2, "78"))
        self.assertRegex(run.error_text, r"^error: threads 2 has not read the same as sequential: "
                                         r"digest [0-9a-f]{16} instead of [0-9a-f]{16}\n")
        self.assertEqual(b"", run.out)

    def test_one_that_finds_other_records_when_it_is_timed(self):
        """After two digests, and two readings of the first round: sequential. So the rounds are in turns."""
        self.write_rows("a.csv", 1000)
        run = self.bench("a.csv", *QUICK, "--no-sniff", code=ACCOUNT, env=self.shim(5, "\n,"))
        self.assertRegex(run.error_text, r"error: sequential has not read the same as before: records 0 instead")

    def test_nothing_is_wrong_without_such_bytes(self):
        """The test's own eyes: it is not the shim that fails."""
        self.write_rows("a.csv", 1000)
        self.bench("a.csv", *QUICK, env=self.shim(2, "~!"))
        self.assertGreater(len(self.read("count")), 5)

    def test_a_file_that_changes_ends_the_bench(self):
        self.write_big("big.csv", 5)
        process = self.start("bench", "big.csv", "--repeat", "1000", "--workers", "2", "--csv", "x.csv")
        wait_until(lambda: len(self.names()) > 1, "it has begun")
        with open(self.path("big.csv"), "ab") as file:
            file.write(b"1,2\n")
        run = self.finish(process)
        self.assertEqual(FAULT, run.code, run)
        self.assertRegex(run.error_text, r"big\.csv")
        self.assertRegex(run.error_text, r"changed while it was (measured|read)")
        self.assertEqual(["big.csv"], self.names())

    def test_a_file_of_the_same_size_with_another_byte_ends_it_too(self):
        self.write_big("big.csv", 5)
        process = self.start("bench", "big.csv", "--repeat", "1000", "--workers", "2", "--csv", "x.csv")
        wait_until(lambda: len(self.names()) > 1, "it has begun")
        with open(self.path("big.csv"), "r+b") as file:
            file.seek(1000)
            file.write(b"y")
        run = self.finish(process)
        self.assertEqual(FAULT, run.code, run)
        self.assertIn("changed while it was", run.error_text)

    def test_faults_in_the_data_are_counted_in_all(self):
        self.write("a.csv", "a,b\n1,2\n3\n4,5\n6,7\n")
        facts = self.facts("a.csv", *QUICK, code=SKIPPED)
        self.assertEqual((4, 3, 1), tuple(facts["data"][name] for name in ("records", "loaded", "rejected")))
        self.assertIn("faults", [warning["code"] for warning in facts["warnings"]])

    def test_a_fault_that_ends_the_run(self):
        self.write("a.csv", "a,b\n1,2\n3\n")
        run = self.bench("a.csv", *QUICK, "--on-error", "stop", code=FAULT)
        self.assert_shows_error(run, source="a.csv", line=3)

    def test_a_file_that_cannot_be_read(self):
        self.write_rows("a.csv", 100)
        os.chmod(self.path("a.csv"), 0)
        run = self.bench("a.csv", *QUICK, code=FAULT, **self.unprivileged())
        self.assertIn("a.csv", run.error_text)


class Cautions(BenchTest):
    def codes(self, *args):
        return [warning["code"] for warning in self.facts(*args)["warnings"]]

    def test_files_that_are_too_small(self):
        self.write("a.csv", "a\n1\n")
        self.assertIn("short", self.codes("a.csv", *QUICK))

    def test_more_workers_than_processors(self):
        self.write("a.csv", "a\n1\n")
        n = len(os.sched_getaffinity(0))
        self.assertIn("few_processors", self.codes("a.csv", "--workers", f"{n},{n + 1}", "--repeat", "1"))
        self.assertNotIn("few_processors", self.codes("a.csv", "--workers", str(n), "--repeat", "1"))

    def test_one_repetition(self):
        self.write("a.csv", "a\n1\n")
        self.assertIn("one_repetition", self.codes("a.csv", "--repeat", "1"))
        self.assertNotIn("one_repetition", self.codes("a.csv", "--repeat", "2"))

    def test_a_cold_cache_where_files_live_in_memory(self):
        disk = self.mount_small_disk("2m")
        self.write_rows(f"{disk}/a.csv", 1000)
        self.assertIn("cold_impossible", self.codes(f"{disk}/a.csv", "--cache", "cold", *QUICK))
        self.assertNotIn("cold_impossible", self.codes(f"{disk}/a.csv", *QUICK))

    def test_a_cold_cache_is_cold_or_said_not_to_be(self):
        self.write_big("a.csv", 4)
        facts = self.facts("a.csv", "--cache", "cold", *QUICK)
        size = facts["data"]["size_bytes"]
        codes = [warning["code"] for warning in facts["warnings"]]
        for one in facts["configurations"]:
            if "cold_impossible" not in codes and one["storage_bytes"] is not None:
                self.assertGreaterEqual(one["storage_bytes"], 0.9 * size)

    def test_they_are_shown(self):
        self.write("a.csv", "a\n1\n")
        self.assertRegex(self.bench("a.csv", "--repeat", "1").out.decode(), r"(?m)^caution +one repetition")


class Terminal(BenchTest):
    COLOUR = re.compile(rb"\x1b\[[0-9;]*m")

    def show(self, width, **environment):
        terminal = harness.Terminal()
        import fcntl
        import termios
        fcntl.ioctl(terminal.slave, termios.TIOCSWINSZ, struct.pack("HHHH", 24, width, 0, 0))
        process = self.start("bench", "in", *QUICK, stdout=terminal.slave, stderr=subprocess.PIPE,
                             env=dict({name: value for name, value in os.environ.items() if name != "NO_COLOR"},
                                      TERM="xterm", LC_ALL="C.UTF-8", **environment))
        terminal.close_slave()
        shown = terminal.read_all()
        self.assertEqual(CLEAN, process.wait(), process.stderr.read())
        return shown

    def setUp(self):
        super().setUp()
        self.write_some()

    def test_no_line_is_wider_than_the_terminal(self):
        for width in (40, 60, 80, 100, 140):
            for line in self.COLOUR.sub(b"", self.show(width)).decode().splitlines():
                self.assertLessEqual(len(line), width, line)

    def test_a_narrow_one_keeps_what_matters(self):
        shown = self.show(40).decode()
        for word in (*CASES, "rate", "speed-up", "digest"):
            self.assertIn(word, shown)
        self.assertNotIn("page faults", shown)
        self.assertIn("page faults", self.show(140).decode())

    def test_colour_is_for_terminals_that_want_it(self):
        self.assertRegex(self.show(80), self.COLOUR)
        self.assertNotRegex(self.show(80, NO_COLOR="1"), self.COLOUR)
        self.assertNotRegex(self.bench("in", *QUICK).out, self.COLOUR)

    def test_a_table_is_aligned(self):
        out = self.bench("in", *QUICK).out.decode().splitlines()
        head = next(i for i, line in enumerate(out) if "wall s" in line)
        end = out[head].index("wall s") + len("wall s")
        for line in out[head + 1:head + 1 + len(CASES)]:
            self.assertRegex(line[:end], r"[\d.]+$")
            self.assertEqual(" ", line[end])

    def test_bars_are_as_long_as_the_rates(self):
        for environment, block in ((dict(os.environ, LC_ALL="C.UTF-8"), "█"), (dict(os.environ, LC_ALL="C"), "#")):
            out = self.bench("in", *QUICK, env=environment).out.decode()
            bars = dict(re.findall(rf"(?m)^(\w[\w ]*?)  +({block}*)", out.split("page faults")[1].split("\n\n")[1]))
            self.assertEqual(list(CASES), list(bars))
            longest = max(len(bar) for bar in bars.values())
            self.assertIn(longest, range(40, 60))

    def test_quiet_says_nothing(self):
        run = self.bench("in", *QUICK, "-q", "--csv", "x.csv")
        self.assertEqual((b"", b""), (run.out, run.err))
        self.assertTrue(self.read("x.csv"))


class Usage(BenchTest):
    def test_what_is_not_understood_is_told(self):
        self.write("a.csv", "a\n1\n")
        for args, word in ((["--executor", "nope"], "nope"), (["--executor", "threads,"], "executor"),
                           (["--workers", "0"], "0"), (["--workers", "1,,2"], "workers"),
                           (["--workers", "1025"], "1025"), (["--workers", ""], "workers"),
                           (["--parser", "scan,x"], "x"), (["--repeat", "0"], "0"), (["--repeat", "-1"], "-1"),
                           (["--cache", "hot"], "hot"), (["--chart", "x.pdf"], "x.pdf"), (["--chart", ".svg"], ".svg"),
                           (["--html", ""], "html"), (["--csv", ""], "csv"),
                           (["--executor", "sequential", "--workers", "2"], "--workers")):
            with self.subTest(args=args), self.assert_directory_unchanged():
                self.assertIn(word, self.bench("a.csv", *args, code=USAGE).error_text)

    def test_nothing_to_read(self):
        self.bench(code=USAGE)
        self.assert_shows_error(self.bench("missing.csv", code=FAULT), source="missing.csv")

    def test_what_can_be_read_once_only_is_refused(self):
        self.make_fifo("fifo")
        self.assertIn("standard input", self.bench("-", code=USAGE).error_text)
        self.assertIn("fifo", self.bench("fifo", code=USAGE).error_text)

    def test_a_report_that_cannot_be_written_is_told_before_anything_is_measured(self):
        self.write_big("big.csv", 5)
        os.mkdir(self.path("folder"))
        for option in ("--csv", "--html"):
            for path in ("no/x", "folder", "folder/"):
                with self.subTest(option=option, path=path), self.assert_directory_unchanged():
                    run = self.bench("big.csv", "--repeat", "1000", option, path, code=FAULT, timeout=20)
                    self.assertIn(path, run.error_text)

    def test_a_report_is_not_written_over_what_is_measured(self):
        self.write("a.csv", "a\n1\n")
        os.link(self.path("a.csv"), self.path("b.csv"))
        os.mkdir(self.path("folder"))
        self.write("folder/c.csv", "a\n2\n")
        for option, path in (("--csv", "a.csv"), ("--html", "./a.csv"), ("--csv", "b.csv"), ("--html", "folder/c.csv")):
            with self.subTest(option=option, path=path), self.assert_directory_unchanged():
                self.assertIn("sources", self.bench("a.csv", "folder", *QUICK, option, path, code=USAGE).error_text)

    def test_two_reports_are_two_files(self):
        self.write("a.csv", "a\n1\n")
        with self.assert_directory_unchanged():
            self.assertIn("x.y", self.bench("a.csv", *QUICK, "--csv", "x.y", "--html", "x.y", code=USAGE).error_text)

    def test_a_report_replaces_one_that_is_there(self):
        self.write("a.csv", "a\n1\n")
        self.write("x.csv", "old")
        self.bench("a.csv", *QUICK, "--csv", "x.csv")
        self.assertTrue(self.read("x.csv").startswith(b"round,"))

    def test_ctrl_c_leaves_nothing(self):
        self.write_big("big.csv", 5)
        for number in (signal.SIGINT, signal.SIGTERM):
            for kind in ("threads", "processes"):
                with self.subTest(number=number, kind=kind), self.assert_directory_unchanged():
                    process = self.start("bench", "big.csv", "--repeat", "1000", "--workers", "2", "--executor", kind,
                                         "-o", "x.csv", "--csv", "y.csv", "--html", "z.html")
                    wait_until(lambda: any(self.names(name) for name in self.names()
                                           if name.startswith(".sheaf-bench")), "a destination is written")
                    process.send_signal(number)
                    run = self.finish(process)
                    self.assertEqual(INTERRUPTED, run.code, run)
                    self.assertEqual(b"interrupted: nothing was kept\n", run.err)

    def stop_repetition(self, process):
        """Stop the process of a repetition while it reads: it does not come to its end by itself."""
        children = pathlib.Path(f"/proc/{process.pid}/task/{process.pid}/children")

        def is_stopped():
            for child in map(int, children.read_text().split()):
                with contextlib.suppress(OSError):
                    os.kill(child, signal.SIGSTOP)
                    state = pathlib.Path(f"/proc/{child}/stat").read_text().rsplit(")", 1)[1].split()[0]
                    if state == "T" and str(child) in self.who_reads("big.csv"):
                        self.addCleanup(self.end, child)
                        return child
                    os.kill(child, signal.SIGCONT)
            return None
        found = []
        wait_until(lambda: found.append(is_stopped()) or found[-1], "a repetition is stopped")
        return found[-1]

    def end(self, child):
        with contextlib.suppress(ProcessLookupError):
            os.kill(child, signal.SIGKILL)

    def test_ctrl_c_does_not_wait_for_the_repetition(self):
        self.write_big("big.csv", 5)
        process = self.start("bench", "big.csv", "--repeat", "1000", "--workers", "2")
        self.stop_repetition(process)
        process.send_signal(signal.SIGINT)
        self.assertEqual(INTERRUPTED, self.finish(process, timeout=20).code)

    def test_a_repetition_ends_with_the_program(self):
        self.write_big("big.csv", 5)
        process = self.start("bench", "big.csv", "--repeat", "1000", "--workers", "2")
        child = self.stop_repetition(process)
        process.kill()
        process.wait()
        wait_until(lambda: not pathlib.Path(f"/proc/{child}").exists() or
                   ") Z" in pathlib.Path(f"/proc/{child}/stat").read_text(), "it has ended")

    def test_a_repetition_that_is_killed_is_told(self):
        self.write_big("big.csv", 5)
        process = self.start("bench", "big.csv", "--repeat", "1000", "--workers", "2", "-o", "x.db")
        os.kill(self.stop_repetition(process), signal.SIGKILL)
        run = self.finish(process)
        self.assertEqual(FAULT, run.code, run)
        self.assertRegex(run.error_text, r"error: [\w ]+ was killed by signal 9 \(Killed\)")
        self.assertEqual(["big.csv"], self.names())

    def test_a_kill_ends_what_it_has_started(self):
        self.write_big("big.csv", 5)
        process = self.start("bench", "big.csv", "--repeat", "1000", "--workers", "2")
        children = pathlib.Path(f"/proc/{process.pid}/task/{process.pid}/children")
        wait_until(lambda: children.read_text().split(), "a repetition runs")
        process.kill()
        process.wait()
        wait_until(lambda: not self.who_reads("big.csv"), "nobody reads the file any more")

    def who_reads(self, name):
        """Processes that have the file open."""
        found = set()
        for link in pathlib.Path("/proc").glob("[0-9]*/fd/*"):
            try:
                if os.readlink(link) == os.path.realpath(self.path(name)):
                    found.add(link.parts[2])
            except OSError:
                continue
        return found


if __name__ == "__main__":
    harness.main()

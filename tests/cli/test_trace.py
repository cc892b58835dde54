"""`--trace FILE`: what each worker did when, in the Trace Event Format."""

import collections
import json
import os
import shutil
import subprocess
import time

import harness
from harness import CLEAN, FAULT, INTERRUPTED, SKIPPED, USAGE
from test_interrupt import InterruptTest

EXECUTORS = ("threads", "processes", "sequential")
HOSTILE = b"a\"\\ \n\xff\xe2\x80\xae<script>.csv"


class Trace:
    """A trace's file, taken apart; whatever it is of, it must be sound."""

    def __init__(self, test, name, lasted=None):
        with open(test.path(name), "rb") as file:
            self.document = json.loads(file.read().decode("utf-8"))
        self.test = test
        self.row_names = {}
        self.rows = collections.defaultdict(list)
        for event in self.document["traceEvents"]:
            self.take(event)
        test.assertLessEqual(set(self.rows), set(self.row_names), "a row without a name")
        for events in self.rows.values():
            self.check_nesting(events)
        if lasted is not None:
            test.assertLessEqual(max((e["ts"] + e["dur"] for e in self.events), default=0), lasted * 1e6)

    def take(self, event):
        self.test.assertIn(event["ph"], "XM")
        self.test.assertIsInstance(event["pid"], int)
        self.test.assertIsInstance(event["name"], str)
        self.test.assertIsInstance(event["args"], dict)
        if event["ph"] == "X":
            self.test.assertIsInstance(event["tid"], int)
            self.test.assertGreaterEqual(event["ts"], 0)
            self.test.assertGreaterEqual(event["dur"], 0)
            self.rows[event["tid"]].append(event)
        elif event["name"] == "thread_name":
            self.test.assertNotIn(event["tid"], self.row_names)
            self.row_names[event["tid"]] = event["args"]["name"]

    def check_nesting(self, events):
        """Each lies behind the one before, or within one that is not over."""
        open_ends = []
        for event in events:
            begin, end = nanoseconds(event)
            while open_ends and open_ends[-1] <= begin:
                open_ends.pop()
            if open_ends:
                self.test.assertLessEqual(end, open_ends[-1], event)
            open_ends.append(end)

    @property
    def events(self):
        return [event for events in self.rows.values() for event in events]

    def row(self, name):
        return [event for tid, events in self.rows.items() if self.row_names[tid] == name for event in events]

    def workers(self):
        """The workers' rows, those of threads and those of processes."""
        return {name: self.rows[tid] for tid, name in self.row_names.items() if name.startswith("sheaf")}

    def done(self, *names):
        """What workers did that is called so."""
        return [event for events in self.workers().values() for event in events if event["name"] in names]

    def files(self):
        return {os.fsencode(event["args"]["file"]) for event in self.events if "file" in event["args"]}


def nanoseconds(event):
    begin = round(event["ts"] * 1000)
    return begin, begin + round(event["dur"] * 1000)


def records_of(events):
    return sum(event["args"]["records"] for event in events)


class TraceTest(InterruptTest):
    def write_files(self):
        """Some small files and a large one, which is split if there are workers; how many records they have."""
        counts = {name: number for number, name in enumerate(("a.csv", "dir/b.csv", "c.csv.gz"), 100)}
        for name, count in counts.items():
            write = self.write_gzip if name.endswith("gz") else self.write
            write(name, "n,text\n" + "".join(f"{n},x{n}\n" for n in range(count)))
        self.write_big("big.csv", 6)
        counts["big.csv"] = 60_000
        return counts

    def traced(self, *args, code=CLEAN, **options):
        begun = time.monotonic()
        run = self.expect(code, *args, "--trace", "t.json", **options)
        return run, Trace(self, "t.json", time.monotonic() - begun)


class Traces(TraceTest):
    def test_every_command_tells_of_every_file(self):
        counts = self.write_files()
        for command in (["ingest", "-o", "x.db", "--if-exists", "replace"], ["ingest", "-o", "null:"], ["cat"],
                        ["count"], ["schema"], ["check"], ["sniff"]):
            with self.subTest(command=command):
                _, trace = self.traced(*command, *counts)
                self.assertEqual(set(map(os.fsencode, counts)), trace.files())
                self.assertNotEqual([], trace.done("sniff", "open"))
                self.assertEqual(0, trace.document["otherData"]["events_not_recorded"])

    def test_whoever_reads_the_merge_and_the_sink_are_right_and_workers_have_their_rows(self):
        counts = self.write_files()
        total = sum(counts.values())
        for executor in EXECUTORS:
            for j in harness.WORKERS:
                for destination in ("null:", "x.csv", "x.db", "x.parquet"):
                    with self.subTest(executor=executor, j=j, destination=destination):
                        run, trace = self.traced("ingest", *counts, "-o", destination, "--if-exists", "replace",
                                                 "-j", j, "--executor", executor, "--json")
                        self.assertEqual(total, run.json["records"])
                        merged = [event for event in trace.row("merge") if event["name"] == "merge"]
                        self.assertEqual(list(counts.items()),
                                         [(e["args"]["file"], e["args"]["records"]) for e in merged])
                        written = [event for event in trace.row("sink") if event["name"] == "write"]
                        self.assertEqual(0 if destination == "null:" else total, records_of(written))
                        read = trace.done("read", "survey")
                        self.assertGreaterEqual(records_of(read), total)
                        most = 1 if executor == "sequential" else int(j)
                        readers = [name for name, events in trace.workers().items()
                                   if any(event["name"] in ("read", "survey") for event in events)]
                        self.assertIn(len(readers), range(1, most + 1), trace.row_names)
                        self.assertEqual(executor == "processes", "process" in readers[0])

    def test_records_are_read_once_where_nothing_is_guessed_wrong(self):
        counts = self.write_files()
        for executor in EXECUTORS:
            for command in ("count", "cat"):
                with self.subTest(executor=executor, command=command):
                    _, trace = self.traced(command, *counts, "-j", "2", "--executor", executor)
                    self.assertEqual(sum(counts.values()), records_of(trace.done("read")))

    def test_ranges_tell_where_they_are(self):
        self.write_big("big.csv", 6)
        size = os.path.getsize(self.path("big.csv"))
        for executor in ("threads", "processes"):
            _, trace = self.traced("cat", "big.csv", "-j", "2", "--executor", executor)
            read = sorted((e["args"]["first_byte"], e["args"]["bytes"]) for e in trace.done("read"))
            self.assertGreater(len(read), 5)
            end = len("n,text\n")
            for first, count in read:
                self.assertEqual(end, first)
                end += count
            self.assertEqual(size, end)

    def test_work_of_the_sink_is_told_where_it_is_done(self):
        self.write_big("big.csv", 6)
        for destination, what in (("x.csv.gz", "compress"), ("x.csv.zst", "compress"), ("x.parquet", "encode"),
                                  ("x.csv", "format"), ("x.arrow", "convert")):
            for executor in ("threads", "processes") if what in ("compress", "encode") else ("threads",):
                with self.subTest(destination=destination, executor=executor):
                    _, trace = self.traced("ingest", "big.csv", "-o", destination, "-j", "2", "--if-exists",
                                           "replace", "--text", "--executor", executor)
                    self.assertNotEqual([], trace.done(what))
                    names = {event["name"] for event in trace.row("sink")}
                    self.assertLessEqual({"write", "commit"}, names)

    def test_waits_name_what_was_waited_for(self):
        self.write_big("big.csv", 6)
        _, trace = self.traced("cat", "big.csv", "-j", "2")
        waits = trace.row("waits")
        self.assertNotEqual([], waits)
        for event in waits:
            self.assertRegex(event["name"], "^wait for ")
            self.assertEqual("big.csv", event["args"]["file"])

    def test_threads_are_idle_between_their_tasks_and_tell_it(self):
        self.write_big("big.csv", 2)
        for args in (["cat", "big.csv"], ["sniff", "big.csv"]):
            _, trace = self.traced(*args, "-j", "2")
            for name, events in trace.workers().items():
                self.assertIn("idle", {event["name"] for event in events}, name)

    def test_sequential_runs_wait_for_nobody(self):
        self.write_files()
        _, trace = self.traced("cat", "a.csv", "big.csv", "--executor", "sequential")
        self.assertNotIn("waits", trace.row_names.values())

    def test_nothing_else_is_other_than_without(self):
        counts = self.write_files()
        for args in (["cat", *counts], ["count", *counts], ["sniff", *counts], ["schema", *counts]):
            self.assertEqual(self.succeed(*args).out, self.traced(*args)[0].out)

    def test_retry_tells_of_the_records_it_reads_again(self):
        self.write("a.csv", "n,text\n1,x\n2\n")
        self.write("b.csv", "n,text\n1\n2,y\n3,z\n4,z\n")
        self.expect(SKIPPED, "ingest", "a.csv", "b.csv", "-o", "x.csv", "--on-error", "quarantine")
        for destination in ("null:", "y.csv"):
            run, trace = self.traced("retry", "x.csv.quarantine.jsonl", "-o", destination, "--fix", "pad", "--json")
            again = [event for event in trace.row("merge") if event["name"] == "retry"]
            self.assertEqual(2, run.json["records"])
            self.assertEqual([("a.csv", 1), ("b.csv", 1)],
                             [(event["args"]["file"], event["args"]["records"]) for event in again])

    def test_an_earlier_trace_is_replaced(self):
        self.write("a.csv", "n\n1\n")
        self.write("t.json", "of a run before")
        os.chmod(self.path("t.json"), 0o600)
        self.traced("count", "a.csv")
        self.assertEqual(0o600, os.stat(self.path("t.json")).st_mode & 0o777)
        self.assertEqual(["a.csv", "t.json"], self.names())

    def test_a_directory_that_is_made_in_its_place_meanwhile_stays_there(self):
        for earlier in (False, True):
            with self.subTest(earlier=earlier):
                if earlier:
                    self.write("t.json", "of a run before")
                process = self.start("count", "-", "--trace", "t.json", stdin=subprocess.PIPE)
                harness.wait_until(lambda: any(name.startswith(".sheaf-") for name in self.names()), "the trace")
                if earlier:
                    os.unlink(self.path("t.json"))
                self.write("t.json/kept", "whatever")
                run = self.finish(process, b"n\n1\n")
                self.assertIn("cannot rename the file: Is a directory", run.error.text)
                self.assertEqual(["t.json"], self.names())
                self.assertEqual(b"whatever", self.read("t.json/kept"))
                shutil.rmtree(self.path("t.json"))

    def test_names_may_hold_anything(self):
        os.mkdir(self.path("dir"))
        with open(self.path(b"dir/" + HOSTILE), "wb") as file:
            file.write(b"n\n1\n")
        for args in (["count"], ["cat", "--executor", "processes"], ["sniff"], ["ingest", "-o", "x.db"]):
            _, trace = self.traced(*args, "dir")
            self.assertEqual({b"dir/" + HOSTILE}, trace.files())

    def test_no_file_at_all_is_a_trace_too(self):
        self.write("empty.csv", "")
        self.traced("count", "empty.csv")


class Failures(TraceTest):
    def test_a_run_that_fails_tells_how_far_it_came(self):
        self.write_big("a.csv", 3)
        self.write("b.csv", "n,text\n1,x\n2\n")
        for executor in EXECUTORS:
            for args in (["cat"], ["ingest", "-o", "x.db"], ["ingest", "-o", "x.csv"], ["count"]):
                with self.subTest(executor=executor, args=args):
                    _, trace = self.traced(*args, "a.csv", "b.csv", "--executor", executor, code=FAULT)
                    self.assertIn(b"a.csv", trace.files())
        self.assertEqual(["a.csv", "b.csv", "t.json"], self.names())

    def test_a_run_that_is_interrupted_tells_how_far_it_came(self):
        for args in (["count"], ["ingest", "-o", "x.csv"]):
            process = self.start_fed(*args, "-", "--trace", "t.json")
            self.assertEqual([], [name for name in self.names() if not name.startswith(".")])
            self.assert_interrupted(process)
            trace = Trace(self, "t.json")
            self.assertNotEqual([], trace.done("read"))
            os.unlink(self.path("t.json"))

    def test_a_sniff_that_is_interrupted_tells_how_far_it_came(self):
        self.write("a.csv", "n\n1\n")
        fifo = self.make_fifo("fifo")
        process = self.start("sniff", "a.csv", fifo, "-j", "1", "--trace", "t.json")
        with open(self.path(fifo), "wb"):
            process.send_signal(harness.signal.SIGINT)
        self.assertEqual(INTERRUPTED, self.finish(process).code)
        self.assertIn(b"a.csv", Trace(self, "t.json").files())

    def test_what_has_no_place_is_refused_before_anything_is_read(self):
        self.write("a.csv", "n\n1\n")
        os.mkdir(self.path("dir"))
        self.make_fifo("fifo")
        for name in ("missing/t.json", "dir", "/dev/null", "fifo", "x" * 300):
            for args in (["count", "a.csv"], ["ingest", "a.csv", "-o", "x.db"], ["sniff", "a.csv"]):
                with self.subTest(name=name, args=args), self.assert_directory_unchanged():
                    run = self.expect(FAULT, *args, "--trace", name)
                    self.assertIn("trace", run.error.help)
                    self.assertEqual(b"", run.out)
        for name in ("", "-"):
            self.assertIn("--trace", self.expect(USAGE, "count", "a.csv", "--trace", name).error_text)

    def test_it_is_none_of_the_files_that_matter(self):
        self.write("a.csv", "n,m\n1,2\n")
        self.write("b.csv", "n,m\n1,2\n2\n")
        os.link(self.path("a.csv"), self.path("link.csv"))
        os.symlink("a.csv", self.path("symlink.csv"))
        for name in ("a.csv", "./a.csv", "link.csv", "symlink.csv", str(self.dir / "a.csv")):
            for command in ("count", "sniff", "check", "cat"):
                with self.subTest(name=name), self.assert_directory_unchanged():
                    run = self.expect(USAGE, command, "a.csv", "b.csv", "--trace", name)
                    self.assertIn("one of the sources", run.error.message)
        for destination, name in (("x.csv", "x.csv"), ("x.csv", f"../{self.dir.name}/x.csv"), ("x.db", "./x.db"),
                                  ("x.csv", "x.csv.quarantine.jsonl"), ("x.csv", "x.csv.ledger.jsonl"),
                                  ("x.csv", "q.jsonl")):
            with self.subTest(destination=destination, name=name), self.assert_directory_unchanged():
                self.expect(USAGE, "ingest", "a.csv", "-o", destination, "--trace", name, "--quarantine", "q.jsonl",
                            "--on-error", "quarantine")
        self.expect(SKIPPED, "ingest", "a.csv", "b.csv", "-o", "x.csv", "--on-error", "quarantine")
        for name in ("x.csv.quarantine.jsonl", "y.csv"):
            with self.subTest(name=name), self.assert_directory_unchanged():
                self.expect(USAGE, "retry", "x.csv.quarantine.jsonl", "-o", "y.csv", "--trace", name)

    def test_a_command_that_has_none_says_so(self):
        self.write("a.csv", "n\n1\n")
        self.assertIn("'--trace'", self.expect(USAGE, "show", "a.csv:1", "--trace", "t.json").error_text)

    def test_it_is_neither_standard_output_nor_a_list(self):
        self.write("a.csv", "n,m\n1,2\n")
        self.write("list", "a.csv\n")
        self.write("out", "")
        for name in ("out", "./out", "/dev/stdout"):
            with self.subTest(name=name), self.assert_directory_unchanged(), open(self.path("out"), "wb") as out:
                run = self.sheaf("cat", "a.csv", "--trace", name, stdout=out)
                self.assertEqual(USAGE, run.code)
        with self.assert_directory_unchanged():
            self.expect(USAGE, "cat", "@list", "--trace", "list")

    def test_one_that_cannot_be_written_in_the_end_changes_nothing_else(self):
        disk = self.mount_small_disk("64k")
        os.mkdir(self.path("many"))
        for n in range(500):
            self.write(f"many/{n:03}.csv", "n\n1\n")
        run = self.expect(CLEAN, "ingest", "many", "-o", "x.csv", "--trace", f"{disk}/t.json")
        self.assertIn("t.json", run.error.text)
        self.assertEqual(501, len(self.read("x.csv").splitlines()))
        self.assertEqual([], self.names(disk))


if __name__ == "__main__":
    harness.main()

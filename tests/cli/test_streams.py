"""Pipes at both ends: sources that can be read once, readers that go away, and a stdout that fails."""

import contextlib
import gzip
import os
import select
import struct
import subprocess
import threading
import time
import zlib

import harness
from harness import FAULT, USAGE, SheafTest


class Streams(SheafTest):
    """Sources that can be read once."""

    def test_stdin_is_a_source(self):
        self.assertEqual(b"a,b\n1,2\n", self.succeed("cat", "-", input=b"a,b\n1,2\n").out)

    def test_stdin_may_be_compressed(self):
        self.assertEqual(b"a\n1\n", self.succeed("cat", "-", input=gzip.compress(b"a\n1\n")).out)

    def test_stdin_takes_its_place_among_the_files(self):
        self.write("a.csv", "n\n1\n")
        self.write("c.csv", "n\n3\n")
        self.assertEqual(b"n\n1\n2\n3\n", self.succeed("cat", "a.csv", "-", "c.csv", input=b"n\n2\n").out)

    def test_stdin_may_be_a_file(self):
        self.write_rows("a.csv", 50_000)
        with open(self.path("a.csv"), "rb") as file:
            self.assertEqual(self.read("a.csv"), self.succeed("cat", "-", stdin=file).out)

    def test_an_empty_stdin_is_an_empty_file(self):
        self.assertEqual(b"", self.succeed("cat", "-", input=b"").out.strip())

    def test_stdin_that_comes_a_byte_at_a_time_is_the_same(self):
        data = 'a,b\r\n"x""\r\n",é\r\n\r\n3,4'.encode()
        process = self.start("cat", "-", stdin=subprocess.PIPE)
        for byte in data:
            os.write(process.stdin.fileno(), bytes([byte]))
        self.assertEqual('a,b\n"x""\r\n",é\n3,4\n', self.finish(process).out.decode())

    def test_what_is_set_aside_of_a_stream_is_told_while_it_goes_on(self):
        """Its rows went where nothing is taken back, so it is not left out any more: it may never end."""
        process = self.start("cat", "-", "--on-error", "quarantine", "-v", stdin=subprocess.PIPE)
        process.stdin.write(b"a,b\n1,2\n3\n4,5\n")
        process.stdin.flush()
        self.assertTrue(select.select([process.stderr], [], [], harness.TIMEOUT)[0], "told too late")
        self.assertIn(b"set aside: record 2", process.stderr.readline())
        process.stdin.write(b"6\n")
        run = self.finish(process)
        self.assertEqual(1, run.err.count(b"set aside: "), run)

    def test_a_fifo_is_a_source(self):
        self.make_fifo("pipe")
        self.feed("pipe", "n\n2\n")
        self.write("a.csv", "n\n1\n")
        self.assertEqual(b"n\n1\n2\n", self.succeed("cat", "a.csv", "pipe").out)

    def test_more_fifos_than_workers_are_no_deadlock(self):
        names = [self.make_fifo(f"pipe{i}") for i in range(8)]
        for i, name in enumerate(names):
            self.feed(name, "n,text\n" + f"{i},{'x' * 90}\n" * 4000)
        expected = "n,text\n" + "".join(f"{i},{'x' * 90}\n" * 4000 for i in range(8))
        self.assertTrue(self.succeed("cat", "-j", "2", *names).out == expected.encode())

    def test_process_substitution_is_a_source(self):
        reading, writing = os.pipe()
        os.write(writing, b"n\n1\n")
        os.close(writing)
        try:
            run = self.succeed("cat", f"/dev/fd/{reading}", pass_fds=[reading])
        finally:
            os.close(reading)
        self.assertEqual(b"n\n1\n", run.out)

    def test_the_null_device_is_an_empty_file(self):
        self.write("a.csv", "n\n1\n")
        self.assertEqual(b"n\n1\n", self.succeed("cat", "/dev/null", "a.csv").out)

    def test_a_file_whose_size_says_nothing_is_read_whole_or_refused(self):
        """The system says that files in /proc have 0 bytes. They are not taken for empty."""
        with open("/proc/filesystems", "rb") as file:
            expected = file.read()
        run = self.sheaf("cat", "/proc/filesystems")
        if run.code == FAULT:
            self.assert_shows_error(run, source="/proc/filesystems")
        else:
            self.assertEqual(expected, run.out)

    def feed(self, name, text):
        """Write to a FIFO from a thread of its own: opening it waits for the reader."""
        def write():
            with open(self.path(name), "w", encoding="utf-8") as pipe:
                pipe.write(text)
        thread = threading.Thread(target=write, daemon=True)
        thread.start()
        self.addCleanup(thread.join, harness.TIMEOUT)


class NamedTwice(SheafTest):
    """Two readers of one stream would each get a part of it: it is refused, and nothing is read."""

    def assert_refused(self, *args, source=None, **options):
        with self.subTest(args=args):
            run = self.expect(USAGE, *args, timeout=20, **options)
            self.assertRegex(run.error.message, r"twice|2 times|3 times")
            self.assertEqual(b"", run.out)
            if source:
                self.assertIn(source, run.error_text)

    def test_a_fifo(self):
        """Nobody writes to it: who opens it, waits for ever."""
        self.make_fifo("fifo")
        self.write("a.csv", "n\n1\n")
        for command in (["cat"], ["count"], ["ingest", "-o", "x.csv"], ["ingest", "-o", "x.db"]):
            self.assert_refused(*command, "fifo", "fifo", source="fifo")
        self.assert_refused("cat", "fifo", "a.csv", "a.csv", "./fifo", source="fifo")
        self.assert_refused("cat", "fifo", "fifo", "--on-error", "skip-file", source="fifo")
        self.assertEqual(["a.csv", "fifo"], self.names())

    def test_a_fifo_by_another_name(self):
        self.make_fifo("fifo")
        os.symlink("fifo", self.path("soft"))
        os.link(self.path("fifo"), self.path("hard"))
        for name in ("soft", "hard"):
            self.assert_refused("cat", "fifo", name, source=name)

    def test_a_fifo_in_a_list(self):
        self.make_fifo("fifo")
        self.write("list", "fifo\nfifo\n")
        self.assert_refused("cat", "@list", source="fifo")
        self.assert_refused("cat", "fifo", "@list", source="fifo")

    def test_stdin(self):
        """Under all its names. What was in the pipe is still in it."""
        data = b"n\n1\n2\n"
        for names in (["-", "-"], ["-", "/dev/stdin"], ["/dev/stdin", "-"], ["-", "/dev/fd/0"],
                      ["/dev/fd/0", "/dev/stdin"], ["/proc/self/fd/0", "-"], ["-", "-", "-"]):
            reading, writing = os.pipe()
            os.write(writing, data)
            os.close(writing)
            with open(reading, "rb") as pipe:
                self.assert_refused("cat", *names, stdin=pipe)
                self.assertEqual(data, pipe.read(), names)

    def test_stdin_as_a_source_and_as_a_list(self):
        self.write("a.csv", "n\n1\n")
        self.assert_refused("cat", "-", "@-", input=b"a.csv\n")

    def test_a_file_may_be_named_twice(self):
        self.write("a.csv", "n\n1\n")
        self.assertEqual(b"n\n1\n1\n", self.succeed("cat", "a.csv", "./a.csv").out)

    def test_two_fifos_are_two_streams(self):
        self.make_fifo("one")
        self.make_fifo("two")
        for name in ("one", "two"):
            writer = subprocess.Popen(["sh", "-c", f"printf 'n\\n1\\n' > {name}"], cwd=self.dir)
            self.addCleanup(harness.stop, writer)
        self.assertEqual(b"n\n1\n1\n", self.succeed("cat", "one", "two").out)


class TheReaderGoesAway(SheafTest):
    """`sheaf cat ... | head` ends quietly."""

    def assert_quiet_when_closed_after(self, byte_count, *args, **options):
        process = self.start(*args, **options)
        if byte_count:
            self.assertTrue(process.stdout.read(byte_count))
        process.stdout.close()
        process.stdout = None
        run = self.finish(process)
        self.assertEqual((0, b""), (run.code, run.err))

    def setUp(self):
        super().setUp()
        self.write_big("a.csv", 20)

    def test_after_the_first_lines(self):
        for format in ("csv", "tsv", "jsonl"):
            with self.subTest(format=format):
                self.assert_quiet_when_closed_after(100, "cat", "a.csv", "--format", format)

    def test_before_the_first_byte(self):
        self.assert_quiet_when_closed_after(0, "cat", "a.csv")

    def test_at_any_worker_count(self):
        for j in harness.WORKERS:
            self.assert_quiet_when_closed_after(100, "cat", "-j", j, *["a.csv"] * 5)

    def test_when_the_pipe_signal_is_ignored(self):
        self.assert_quiet_when_closed_after(100, "cat", "a.csv", restore_signals=False)

    def test_when_ingest_writes_to_stdout(self):
        self.assert_quiet_when_closed_after(100, "ingest", "a.csv", "-o", "-")

    def test_when_count_prints_more_than_a_pipe_holds(self):
        self.write("one.csv", "a\n")
        self.assert_quiet_when_closed_after(10, "count", *["one.csv"] * 9000)

    def test_while_stdin_still_comes(self):
        process = self.start("cat", "-", stdin=subprocess.PIPE)
        writer = threading.Thread(target=self.write_until_it_breaks, args=[process.stdin.fileno()],
                                  daemon=True)
        writer.start()
        self.assertTrue(process.stdout.read(10))
        process.stdout.close()
        process.stdout = None
        writer.join(harness.TIMEOUT)
        self.assertFalse(writer.is_alive(), "it goes on reading")
        run = self.finish(process)
        self.assertEqual((0, b""), (run.code, run.err))

    @staticmethod
    def write_until_it_breaks(descriptor):
        with contextlib.suppress(BrokenPipeError):
            while True:
                os.write(descriptor, b"a,b\n" * 16384)


class StdoutFails(SheafTest):
    """A result that could not be written is an error, not a short result."""

    def setUp(self):
        super().setUp()
        self.write("small.csv", "a\n1\n")
        self.write_big("big.csv", 3)

    def assert_error_on(self, *args, **options):
        run = self.expect(FAULT, *args, **options)
        self.assertTrue(run.err.startswith(b"error: "), run)

    def test_a_full_device_is_an_error(self):
        for args in (["cat", "big.csv"], ["cat", "small.csv"], ["count", "small.csv"],
                     ["ingest", "small.csv", "-o", "-"]):
            with self.subTest(args=args), open("/dev/full", "wb") as full:
                self.assert_error_on(*args, stdout=full)

    def test_a_file_that_cannot_grow_is_an_error(self):
        with open(self.path("out"), "wb") as out:
            self.assert_error_on("cat", "big.csv", stdout=out, preexec_fn=harness.limit_file_size(65536))

    def test_a_closed_stdout_is_an_error(self):
        self.assert_error_on("cat", "small.csv", preexec_fn=harness.close_descriptors(1))

    def test_a_stdout_that_cannot_be_written_is_an_error(self):
        with open(self.path("small.csv"), "rb") as unwritable:
            self.assert_error_on("cat", "small.csv", stdout=unwritable)

    def test_a_closed_stdin_is_no_trouble_to_those_who_do_not_read_it(self):
        run = self.succeed("cat", "small.csv", preexec_fn=harness.close_descriptors(0))
        self.assertEqual(b"a\n1\n", run.out)

    def test_a_closed_stdin_as_a_source_is_an_error(self):
        self.assert_error_on("cat", "-", preexec_fn=harness.close_descriptors(0))

    def test_a_closed_stderr_changes_nothing_on_stdout(self):
        run = self.succeed("cat", "small.csv", preexec_fn=harness.close_descriptors(2))
        self.assertEqual(b"a\n1\n", run.out)


if __name__ == "__main__":
    harness.main()


class GzipInPieces(SheafTest):
    """ISA-L 2.30 takes a part of a gzip header for data if the part before it came in two pieces."""

    def member(self, flags):
        data = b"a,b\n1,2\n"
        deflated = zlib.compressobj(6, zlib.DEFLATED, -15)
        header = bytes([0x1F, 0x8B, 8, flags, 0, 0, 0, 0, 0, 3])
        header += b"\4\0\1\2\3\4" if flags & 4 else b""
        header += b"name\0" if flags & 8 else b""
        header += b"comment\0" if flags & 16 else b""
        header += struct.pack("<H", zlib.crc32(header) & 0xFFFF) if flags & 2 else b""
        return len(header), header + deflated.compress(data) + deflated.flush() + struct.pack("<II", zlib.crc32(data), 8)

    def test_a_header_may_be_cut_anywhere(self):
        for flags in (8, 24, 12, 10, 30):
            n_header, stored = self.member(flags)
            for cut in range(4, n_header, 3):
                with self.subTest(flags=flags, cut=cut):
                    process = subprocess.Popen([harness.SHEAF, "cat", "-"], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                               stderr=subprocess.PIPE)
                    process.stdin.write(stored[:cut])
                    process.stdin.flush()
                    time.sleep(0.03)  # or both are read at once, and nothing is tested
                    out, err = process.communicate(stored[cut:], timeout=harness.TIMEOUT)
                    self.assertEqual((0, b"a,b\n1,2\n", b""), (process.returncode, out, err))

    def test_a_header_may_be_longer_than_a_buffer(self):
        _, stored = self.member(24)
        for size in (65_500, 65_525, 65_536, 100_000):
            self.write("x.csv.gz", stored.replace(b"name\0", b"n" * size + b"\0"))
            self.assertEqual(b"a,b\n1,2\n", self.succeed("cat", "x.csv.gz").out)
            self.assertEqual(b"a,b\n1,2\n", self.succeed("cat", "-", input=self.read("x.csv.gz")).out)

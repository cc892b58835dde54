"""What the machine lacks is not a file's fault: skip-file never leaves out a good file because of it."""

import os

import harness
from harness import CLEAN, FAULT, SheafTest


class ResourcesTest(SheafTest):
    def assert_whole_or_nothing(self, expected, *args, **options):
        """A run over good files: all their rows, or an error and none. Returns the exit code."""
        run = self.sheaf(*args, "--on-error", "skip-file", **options)
        self.assertIn(run.code, (CLEAN, FAULT), run)
        if run.code == CLEAN:
            self.assertEqual(b"", run.err, run)
        else:
            self.assertTrue(run.err.startswith(b"error: "), run)
            self.assertNotIn(b"skipped", run.err, run)
        if args[0] == "cat":
            good = run.out == expected if run.code == CLEAN else expected.startswith(run.out)
            self.assertTrue(good, run)
        else:
            destination = args[args.index("-o") + 1]
            self.assertEqual(run.code == CLEAN, os.path.exists(self.path(destination)), run)
            if run.code == CLEAN:
                self.assertTrue(self.read(destination) == expected, run)
                os.unlink(self.path(destination))
        return run.code


class Descriptors(ResourcesTest):
    """The program is started with many files open, and may open only a few more."""

    def setUp(self):
        super().setUp()
        for i in range(10):  # large enough to be open at the same time
            self.write_rows(f"d/{i}.csv", 60_000, i * 60_000)
        self.expected = b"n,text\n" + b"".join(b"%d,some text %d\n" % (n, n) for n in range(600_000))

    def test_a_shortage_leaves_no_file_out(self):
        for free in range(1, 13):
            for args in (["cat", "d"], ["ingest", "d", "-o", "x.csv"]):
                with self.subTest(free=free, args=args):
                    self.assert_whole_or_nothing(self.expected, *args, "-q", "-j", "8", close_fds=False,
                                                 preexec_fn=harness.leave_descriptors(free))

    def test_a_few_are_enough(self):
        for args in (["cat", "d"], ["ingest", "d", "-o", "x.csv"]):
            code = self.assert_whole_or_nothing(self.expected, *args, "-q", "-j", "8", close_fds=False,
                                                preexec_fn=harness.leave_descriptors(30))
            self.assertEqual(CLEAN, code)

    def test_a_shortage_leaves_no_file_out_of_the_counts(self):
        for free in range(1, 13):
            run = self.sheaf("count", "d", "-j", "8", "--on-error", "skip-file", close_fds=False,
                             preexec_fn=harness.leave_descriptors(free))
            self.assertIn(run.code, (CLEAN, FAULT), run)
            if run.code == CLEAN:
                self.assertEqual(([(f"d/{i}.csv", 60_000) for i in range(10)], 600_000), run.counts())


class Spooling(ResourcesTest):
    """A stream that may be left out is kept in a temporary file until it is known to be good."""

    def setUp(self):
        super().setUp()
        self.write("a.csv", "n\n1\n")
        self.stream = b"n\n" + b"123456789\n" * 1_000_000
        self.expected = b"n\n1\n" + self.stream[2:]

    def assert_error_without(self, directory, **options):
        """A directory in which the stream cannot be kept."""
        environment = dict(os.environ, TMPDIR=directory)
        for args in (["cat", "a.csv", "-"], ["ingest", "-q", "a.csv", "-", "-o", "x.csv"]):
            with self.subTest(args=args):
                code = self.assert_whole_or_nothing(self.expected, *args, input=self.stream,
                                                    env=environment, **options)
                self.assertEqual(FAULT, code)

    def test_a_full_disk_leaves_no_stream_out(self):
        disk = self.mount_small_disk("1m")
        self.assert_error_without(self.path(disk))
        self.assertEqual([], self.names(disk))

    def test_a_file_that_cannot_grow_leaves_no_stream_out(self):
        os.mkdir(self.path("tmp"))
        self.assert_error_without(self.path("tmp"), preexec_fn=harness.limit_file_size(300_000))
        self.assertEqual([], self.names("tmp"))

    def test_a_missing_directory_leaves_no_stream_out(self):
        self.assert_error_without(self.path("missing"))

    def test_the_message_names_the_directory_variable(self):
        run = self.expect_fault("cat", "-", "--on-error", "skip-file", input=b"n\n1\n", source="-",
                                env=dict(os.environ, TMPDIR=self.path("missing")))
        self.assertIn("TMPDIR", run.error.help or "")

    def test_with_room_the_stream_is_there_and_the_directory_empty_after(self):
        os.mkdir(self.path("tmp"))
        environment = dict(os.environ, TMPDIR=self.path("tmp"))
        code = self.assert_whole_or_nothing(self.expected, "cat", "a.csv", "-", input=self.stream, env=environment)
        self.assertEqual((CLEAN, []), (code, self.names("tmp")))


if __name__ == "__main__":
    harness.main()

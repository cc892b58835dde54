"""Destinations: whole or as before, exact to the byte, and never at the cost of what was there."""

import json
import os
import re
import shutil
import stat
import subprocess

import harness
from harness import CLEAN, FAULT, SheafTest

DATABASES = ("x.db", "x.sqlite", "x.sqlite3")
FILES = {
    "x.csv": b'a,b\n1,"x,y"\n,""\n',
    "x.tsv": b'a\tb\n1\tx,y\n\t""\n',
    "x.jsonl": b'{"a":"1","b":"x,y"}\n{"a":null,"b":""}\n',
}


class SinkTest(SheafTest):
    def setUp(self):
        super().setUp()
        self.write("a.csv", 'a,b\n1,"x,y"\n,""\n')
        self.write("bad.csv", "a,b\n" + "1,2\n" * 50_000 + "3\n")


class Files(SinkTest):
    def test_the_ending_chooses_the_format(self):
        for name, expected in FILES.items():
            with self.subTest(name=name):
                self.succeed("ingest", "a.csv", "-o", name)
                self.assert_same_lines(name, expected, self.read(name))

    def assert_same_lines(self, name, expected, data):
        if name.endswith(".jsonl"):  # blanks between tokens are free
            expected, data = ([json.loads(line) for line in lines.splitlines()] for lines in (expected, data))
        self.assertEqual(expected, data)

    def test_a_file_holds_what_cat_prints(self):
        self.write("d/1.csv", 'b,c\n"two\nlines",\n')
        self.write("d/2.csv", "a\n5\n")
        for name in FILES:
            with self.subTest(name=name):
                self.succeed("ingest", "a.csv", "d", "-o", name)
                format = name.split(".")[1]
                self.assertEqual(self.succeed("cat", "a.csv", "d", "--format", format).out, self.read(name))

    def test_nothing_else_is_left_in_the_directory(self):
        for name in [*FILES, *DATABASES]:
            self.succeed("ingest", "a.csv", "-o", name)
        self.assertEqual(sorted(["a.csv", "bad.csv", *FILES, *DATABASES]), self.names())

    def test_a_new_file_has_the_permissions_that_the_umask_leaves(self):
        for name in ("x.csv", "x.jsonl", "x.db"):
            self.succeed("ingest", "a.csv", "-o", name, preexec_fn=lambda: os.umask(0o027))
            self.assertEqual(0o640, os.stat(self.path(name)).st_mode & 0o777, name)

    def test_a_destination_may_be_in_another_directory(self):
        os.mkdir(self.path("out"))
        self.succeed("ingest", "a.csv", "-o", "out/x.csv")
        self.succeed("ingest", "a.csv", "-o", self.path("out/y.csv"))
        self.assertEqual(["x.csv", "y.csv"], self.names("out"))

    def test_a_destinations_name_may_be_any_bytes(self):
        for name in (b"new\nline.csv", b"latin-\xe9.csv", b" .csv", b"-x.csv", b"q'\"uote.db",
                     b"a?b#c%20.db"):
            with self.subTest(name=name):
                table = ["--table", "t"] if name.endswith(b".db") else []
                self.succeed("ingest", "a.csv", "-o", name, *table)
                self.assertTrue(os.path.isfile(self.path(name)))

    def test_a_name_as_long_as_the_system_allows_is_fine(self):
        name = "x" * 251 + ".csv"
        self.succeed("ingest", "a.csv", "-o", name)
        self.assertEqual(FILES["x.csv"], self.read(name))

    def test_the_null_destination_writes_nothing(self):
        with self.assert_directory_unchanged():
            self.succeed("ingest", "a.csv", "-o", "null:")

    def test_null_still_finds_faults(self):
        self.expect_fault("ingest", "bad.csv", "-o", "null:", source="bad.csv", line=50_002)

    def test_stdout_as_a_destination_is_what_cat_prints(self):
        self.assertEqual(self.succeed("cat", "a.csv").out, self.succeed("ingest", "a.csv", "-o", "-").out)

    def test_a_file_called_dash_is_reached_by_its_path(self):
        self.succeed("ingest", "a.csv", "-o", "./-.csv")
        self.assertEqual(FILES["x.csv"], self.read("-.csv"))


class AllOrNothing(SinkTest):
    """After a failure the destination, and its directory, are as they were."""

    def test_a_fault_leaves_nothing_behind(self):
        for name in [*FILES, *DATABASES]:
            with self.subTest(name=name), self.assert_directory_unchanged():
                self.expect_fault("ingest", "a.csv", "bad.csv", "-o", name, source="bad.csv")

    def test_a_fault_leaves_what_should_be_replaced(self):
        for name in [*FILES, "x.db"]:
            self.succeed("ingest", "a.csv", "-o", name)
            with self.subTest(name=name), self.assert_directory_unchanged():
                self.expect_fault("ingest", "bad.csv", "-o", name, "--if-exists", "replace")

    def test_a_missing_file_leaves_nothing_behind(self):
        with self.assert_directory_unchanged():
            self.expect(FAULT, "ingest", "a.csv", "missing.csv", "-o", "x.csv")

    def test_a_full_disk_leaves_nothing_behind(self):
        self.write_big("big.csv", 2)
        for name in [*FILES, "x.db"]:
            with self.subTest(name=name), self.assert_directory_unchanged():
                run = self.expect(FAULT, "ingest", "big.csv", "-o", name,
                                  preexec_fn=harness.limit_file_size(300_000))
                self.assertTrue(run.err.startswith(b"error: "), run)

    def test_a_full_disk_leaves_what_should_be_replaced(self):
        """A database too: a journal left beside it would be a part of it, and lost when the file is copied."""
        self.write_big("big.csv", 2)
        for name in [*FILES, "x.db"]:
            self.succeed("ingest", "a.csv", "-o", name)
            for size in (8192, 30_000, 300_000, 1_000_000):
                with self.subTest(name=name, size=size), self.assert_directory_unchanged():
                    self.expect(FAULT, "ingest", "big.csv", "-o", name, "--if-exists", "replace",
                                preexec_fn=harness.limit_file_size(size))

    def test_a_really_full_disk_leaves_nothing_behind(self):
        self.write_big("big.csv", 4)
        disk = self.mount_small_disk("1m")
        for name in ("x.csv", "x.db"):
            with self.subTest(name=name):
                run = self.expect(FAULT, "ingest", "big.csv", "-o", f"{disk}/{name}")
                self.assertRegex(run.error_text, r"(?i)space|full")
                self.assertEqual([], self.names(disk))
                self.succeed("ingest", "a.csv", "-o", f"{disk}/{name}")
                with self.assert_directory_unchanged(disk):
                    self.expect(FAULT, "ingest", "big.csv", "-o", f"{disk}/{name}", "--if-exists", "replace")
                os.unlink(self.path(f"{disk}/{name}"))

    def test_a_closed_stdout_does_not_mix_the_summary_into_the_data(self):
        """With descriptor 1 free, the next file that is opened gets it."""
        for name in ("x.csv", "x.db"):
            for closed in ([1], [2], [1, 2], [0, 1, 2]):
                with self.subTest(name=name, closed=closed):
                    run = self.sheaf("ingest", "a.csv", "-o", name,
                                     preexec_fn=harness.close_descriptors(*closed))
                    self.assert_whole_or_nothing(run, name)

    def assert_whole_or_nothing(self, run, name):
        self.assertIn(run.code, (CLEAN, FAULT), run)
        if run.code == FAULT:
            self.assertNotIn(name, self.names())
            return
        if name.endswith(".csv"):
            self.assertEqual(FILES["x.csv"], self.read(name))
        else:
            self.assert_database_is_sound(name)
            self.assertEqual([["1", "x,y"], [None, ""]], self.sql_rows(name, "x"))
        os.unlink(self.path(name))

    def test_a_run_after_one_that_was_killed_is_like_the_first(self):
        for name in ("x.csv", "x.jsonl"):
            with self.subTest(name=name):
                self.kill_in_the_middle(name)
                self.assertNotIn(name, self.names())
                self.succeed("ingest", "a.csv", "-o", name)

    def test_a_database_after_a_run_that_was_killed_is_as_before(self):
        self.sql("x.db", "CREATE TABLE keep(a); INSERT INTO keep VALUES(1);")
        self.kill_in_the_middle("x.db")
        self.assertEqual(b"keep", self.sql("x.db", "SELECT name FROM sqlite_schema;").strip())
        self.assertEqual([["1"]], self.sql_rows("x.db", "keep"))
        self.succeed("ingest", "a.csv", "-o", "x.db")
        self.assertEqual([["1", "x,y"], [None, ""]], self.sql_rows("x.db", "x"))
        self.assert_database_is_sound("x.db")

    def kill_in_the_middle(self, destination):
        fifo = self.make_fifo(f"fifo-{destination}")
        process = self.start("ingest", fifo, "-o", destination)
        with open(self.path(fifo), "wb", buffering=0) as pipe:
            pipe.write(b"a,b\n")
            harness.fill_pipe(pipe.fileno(), b"1,2\n" * 10_000, 8 << 20)
            process.kill()
            process.wait()


class Existing(SinkTest):
    """What is there already is not lost by accident."""

    def test_a_destination_that_exists_is_refused_with_a_way_on(self):
        for name in [*FILES, "x.db"]:
            self.succeed("ingest", "a.csv", "-o", name)
            with self.subTest(name=name), self.assert_directory_unchanged():
                self.expect_fault("ingest", "a.csv", "-o", name, says="--if-exists replace")
                self.expect_fault("ingest", "a.csv", "-o", name, "--if-exists", "fail", says="exists")

    def test_it_is_refused_before_anything_is_read(self):
        """The source is a FIFO that nobody writes to: who opens it, waits for ever."""
        fifo = self.make_fifo("fifo")
        for name in [*FILES, "x.db"]:
            self.succeed("ingest", "a.csv", "-o", name)
            with self.subTest(name=name):
                self.expect_fault("ingest", fifo, "-o", name, timeout=20, says="--if-exists replace")

    def test_a_missing_directory_is_told_before_anything_is_read(self):
        fifo = self.make_fifo("fifo")
        for name in ("missing/x.csv", "missing/x.db"):
            with self.subTest(name=name):
                self.expect_fault("ingest", fifo, "-o", name, timeout=20, says="missing")

    def test_replace_puts_the_new_rows_in_the_place_of_the_old(self):
        self.write("b.csv", "z\n9\n")
        for name in [*FILES, "x.db"]:
            with self.subTest(name=name):
                self.succeed("ingest", "a.csv", "-o", name)
                self.succeed("ingest", "b.csv", "-o", name, "--if-exists", "replace")
        self.assertEqual(b"z\n9\n", self.read("x.csv"))
        self.assertEqual((["z"], [["9"]]), (self.sql_columns("x.db", "x"), self.sql_rows("x.db", "x")))
        self.assertEqual(sorted(["a.csv", "b.csv", "bad.csv", "x.db", *FILES]), self.names())

    def test_replace_makes_what_is_not_there_yet(self):
        for name in ("x.csv", "x.db"):
            self.succeed("ingest", "a.csv", "-o", name, "--if-exists", "replace")

    def test_replace_does_not_open_a_private_file_to_others(self):
        self.write("x.csv", "old\n")
        os.chmod(self.path("x.csv"), 0o600)
        self.succeed("ingest", "a.csv", "-o", "x.csv", "--if-exists", "replace")
        self.assertEqual(0o600, os.stat(self.path("x.csv")).st_mode & 0o777)

    def test_replace_through_a_symbolic_link_keeps_the_link(self):
        os.mkdir(self.path("real"))
        self.write("real/x.csv", "old\n")
        os.symlink("real/x.csv", self.path("x.csv"))
        self.succeed("ingest", "a.csv", "-o", "x.csv", "--if-exists", "replace")
        self.assertTrue(os.path.islink(self.path("x.csv")))
        self.assertEqual(FILES["x.csv"], self.read("real/x.csv"))

    def test_a_dangling_link_is_no_free_name(self):
        """Told before the source is read, which nobody writes to; the link stays, and leads to nothing still."""
        fifo = self.make_fifo("fifo")
        for name in [*FILES, "x.db"]:
            for target in ("nowhere/" + name, "new-" + name):
                os.symlink(target, self.path(name))
                for option in ([], ["--if-exists", "fail"], ["--if-exists", "replace"]):
                    with self.subTest(name=name, target=target, option=option):
                        before = self.names()
                        self.expect_fault("ingest", fifo, "-o", name, *option, timeout=20, says="link")
                        self.assertEqual((target, before), (os.readlink(self.path(name)), self.names()))
                os.unlink(self.path(name))

    def test_an_empty_file_counts_as_existing(self):
        self.write("x.csv", "")
        self.expect_fault("ingest", "a.csv", "-o", "x.csv", says="--if-exists replace")

    def test_a_file_that_appears_meanwhile_is_not_overwritten(self):
        fifo = self.make_fifo("fifo")
        process = self.start("ingest", fifo, "-o", "x.csv")
        with open(self.path(fifo), "wb", buffering=0) as pipe:
            pipe.write(b"a,b\n")
            harness.fill_pipe(pipe.fileno(), b"1,2\n" * 10_000, 1 << 20)
            self.write("x.csv", "somebody's work\n")
        run = self.finish(process)
        self.assertEqual(b"somebody's work\n", self.read("x.csv"))
        self.assertEqual(FAULT, run.code, run)
        self.assertEqual(["a.csv", "bad.csv", "fifo", "x.csv"], self.names())

    def test_a_directory_is_no_destination(self):
        for name in ("x.csv", "x.db"):
            os.mkdir(self.path(name))
            self.write(f"{name}/keep", "me")
            with self.subTest(name=name):
                for option in ([], ["--if-exists", "replace"]):
                    self.expect_fault("ingest", "a.csv", "-o", name, *option, says="directory|exists")
                    self.assertEqual(["keep"], self.names(name))

    def test_a_fifo_is_not_replaced(self):
        for name in ("x.csv", "x.jsonl", "x.db"):
            self.make_fifo(name)
            os.symlink(name, self.path(f"link-{name}"))
            self.assert_kept(name, stat.S_ISFIFO)
            self.assert_kept(f"link-{name}", stat.S_ISFIFO)

    def test_a_device_is_not_replaced(self):
        """A null device of our own, at which nothing can be broken."""
        for name in ("x.csv", "x.jsonl", "x.db"):
            try:
                os.mknod(self.path(name), stat.S_IFCHR | 0o666, os.makedev(1, 3))
            except PermissionError:
                self.skipTest("no devices can be made here")
            os.symlink(name, self.path(f"link-{name}"))
            self.assert_kept(name, stat.S_ISCHR)
            self.assert_kept(f"link-{name}", stat.S_ISCHR)

    def assert_kept(self, name, is_kind):
        for option in ([], ["--if-exists", "replace"]):
            with self.subTest(name=name, option=option), self.assert_directory_unchanged():
                self.expect(FAULT, "ingest", "a.csv", "-o", name, *option, timeout=20)
                self.assertTrue(is_kind(os.stat(self.path(name)).st_mode))


class Private(SinkTest):
    """What replaces a private file is private from its first byte on."""

    def test_in_the_middle_of_a_run(self):
        for name in ("x.csv", "x.jsonl", "x.db"):
            with self.subTest(name=name):
                os.mkdir(self.path(f"of-{name}"))
                name = f"of-{name}/{name}"
                self.make_private(name)
                process = self.start_fed("ingest", "-", "-o", name, "--if-exists", "replace", umask=0)
                modes = self.modes_in(os.path.dirname(name))
                self.assertEqual(CLEAN, self.finish(process).code)
                self.assertEqual({0o600}, set(modes.values()), modes)
                self.assertEqual({0o600}, set(self.modes_in(os.path.dirname(name)).values()))
                self.assertGreater(os.path.getsize(self.path(name)), harness.AT_WORK)

    def test_at_the_moment_of_creation(self):
        """As the system is asked for it."""
        if harness.is_sanitized():
            self.skipTest("a leak checker cannot work under strace")
        if not shutil.which("strace"):
            self.skipTest("no strace")
        for name in ("x.csv", "x.jsonl", "x.db"):
            with self.subTest(name=name):
                self.make_private(name)
                created = self.files_created("ingest", "a.csv", "-o", name, "--if-exists", "replace")
                self.assertTrue(created)
                for file, mode in created:
                    if os.path.basename(file) != name:  # which is there, and keeps its mode
                        self.assertEqual(0, mode & 0o077, file)

    def make_private(self, name):
        self.succeed("ingest", "a.csv", "-o", name)
        os.chmod(self.path(name), 0o600)

    def modes_in(self, folder):
        return {name: os.stat(self.path(f"{folder}/{name}")).st_mode & 0o777 for name in self.names(folder)}

    def files_created(self, *args):
        """The name and mode of every file that the program may create."""
        run = subprocess.run(["strace", "-f", "-o", self.path("trace"), "-e", "trace=open,openat,creat",
                              harness.SHEAF, *args], cwd=self.dir, capture_output=True, timeout=harness.TIMEOUT)
        if run.returncode and b"ptrace" in run.stderr:
            self.skipTest(f"strace does not work here: {run.stderr}")
        self.assertEqual(CLEAN, run.returncode, run)
        form = r'"([^"]*)", [A-Z_|]*O_(?:CREAT|TMPFILE)[A-Z_|]*, (0\d*)\)'
        return [(file, int(mode, 8)) for file, mode in re.findall(form, self.read("trace").decode())]


class OwnSource(SinkTest):
    """A destination that is also a source is refused, by whatever name, and stays untouched."""

    def assert_refused(self, *args):
        with self.subTest(args=args), self.assert_directory_unchanged():
            self.expect_fault("ingest", *args, "--if-exists", "replace", says="source|files to read")

    def test_a_file_is_not_its_own_destination(self):
        self.assert_refused("a.csv", "-o", "a.csv")
        self.assert_refused("a.csv", "-o", "./a.csv")
        self.assert_refused("bad.csv", "a.csv", "-o", self.path("a.csv"))

    def test_a_link_to_a_source_is_one(self):
        os.symlink("a.csv", self.path("soft.csv"))
        os.link(self.path("a.csv"), self.path("hard.csv"))
        for name in ("soft.csv", "hard.csv"):
            self.assert_refused("a.csv", "-o", name)
            self.assert_refused(name, "-o", "a.csv")

    def test_a_destination_found_in_a_source_directory_is_one(self):
        self.write("d/a.csv", "a\n1\n")
        self.write("d/x.csv", "a\n2\n")
        self.assert_refused("d", "-o", "d/x.csv")
        self.assertEqual(b"a\n2\n", self.read("d/x.csv"))

    def test_a_new_destination_may_be_in_a_source_directory(self):
        self.write("d/a.csv", "a\n1\n")
        self.succeed("ingest", "d", "-o", "d/x.csv")
        self.assertEqual(b"a\n1\n", self.read("d/x.csv"))

    def test_stdin_from_the_destination_is_one(self):
        for name in ("a.csv", "link.csv"):
            os.link(self.path("a.csv"), self.path("link.csv"))
            with open(self.path("a.csv"), "rb") as source, self.assert_directory_unchanged():
                self.expect_fault("ingest", "-", "-o", name, "--if-exists", "replace", stdin=source,
                                  says="source|files to read")
            os.unlink(self.path("link.csv"))

    def test_stdout_that_goes_to_a_source_is_one(self):
        """Each row would be read again, for ever."""
        self.write("d/1.csv", "a,b\n1,2\n")
        os.symlink("a.csv", self.path("link.csv"))
        for args in (["cat", "-"], ["cat", "a.csv"], ["cat", "link.csv"], ["cat", "d", "."], ["cat", "d", "-"],
                     ["cat", "a.csv", "--format", "jsonl"], ["ingest", "a.csv", "-o", "-"],
                     ["ingest", "-", "-o", "-"], ["cat", "a.csv", "--on-error", "skip-file"]):
            with self.subTest(args=args), self.assert_directory_unchanged(), \
                    open(self.path("a.csv"), "rb") as source, open(self.path("a.csv"), "ab") as destination:
                run = self.expect_fault(*args, stdin=source, stdout=destination, says="source|files to read")
                self.assertIn("destination", run.error.message)

    def test_stdout_that_is_added_to_another_file_is_none(self):
        self.write("x.csv", "before\n")
        with open(self.path("x.csv"), "ab") as destination:
            self.succeed("cat", "a.csv", stdout=destination)
        self.assertEqual(b"before\n" + FILES["x.csv"], self.read("x.csv"))

    def test_a_device_may_be_both(self):
        with open("/dev/null", "r+b") as null:
            self.succeed("cat", "-", stdin=null, stdout=null)


if __name__ == "__main__":
    harness.main()

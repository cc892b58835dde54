"""Destinations: whole or as before, exact to the byte, and never at the cost of what was there."""

import json
import os
import subprocess

import harness
from harness import CLEAN, FAULT, USAGE, SheafTest, csv_line, sql_name, sql_text

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

    def mount_small_disk(self, size):
        os.mkdir(self.path("disk"))
        mount = subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", self.path("disk")],
                               capture_output=True)
        if mount.returncode:
            self.skipTest(f"no disk can be mounted here: {mount.stderr.decode()}")
        self.addCleanup(subprocess.run, ["umount", self.path("disk")], check=True)
        return "disk"

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
        os.symlink("nowhere/x.csv", self.path("x.csv"))
        self.expect(FAULT, "ingest", "a.csv", "-o", "x.csv")
        self.assertTrue(os.path.islink(self.path("x.csv")))

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

    def test_a_device_or_fifo_is_not_replaced(self):
        self.make_fifo("x.csv")
        self.expect(FAULT, "ingest", "a.csv", "-o", "x.csv", timeout=20)
        self.assertTrue(self.is_fifo("x.csv"))

    def is_fifo(self, name):
        return harness.pathlib.Path(self.path(name)).is_fifo()


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
        with open(self.path("a.csv"), "rb") as source:
            before = self.read("a.csv")
            run = self.sheaf("ingest", "-", "-o", "a.csv", "--if-exists", "replace", stdin=source)
        self.assertIn(run.code, (CLEAN, FAULT), run)
        self.assertEqual(before, self.read("a.csv"))


class Sqlite(SinkTest):
    def create(self, statements, database="x.db"):
        self.sql(database, statements)

    def test_the_table_is_called_after_the_file(self):
        for name, table in {"trips.db": "trips", "2025-q1.sqlite": "2025-q1", "a.b.sqlite3": "a.b",
                            "select.db": "select",
                            "größe.db": "größe"}.items():
            self.succeed("ingest", "a.csv", "-o", name)
            self.assertEqual([["1", "x,y"], [None, ""]], self.sql_rows(name, table), name)

    def test_the_table_may_have_any_name(self):
        for table in ("t", "select", "a b", 'q"uo""te', "it's", "[x]", "`x`", "t;DROP TABLE t", "größe",
                      "a\nb", "1"):
            with self.subTest(table=table):
                self.succeed("ingest", "a.csv", "-o", "x.db", "--table", table)
                self.assertEqual(2, len(self.sql_rows("x.db", table)))

    def test_a_table_name_that_sqlite_keeps_for_itself_is_refused(self):
        with self.assert_directory_unchanged():
            run = self.sheaf("ingest", "a.csv", "-o", "x.db", "--table", "sqlite_stat9")
            self.assertIn(run.code, (USAGE, FAULT), run)

    def test_columns_may_have_any_name(self):
        names = ["select", "a b", 'q"uo""te', "it's", "[x]", "`x`", "x;DROP TABLE x", "größe", "a\nb", "1",
                 "rowid", "_rowid_", "oid", "PRIMARY KEY", " ", "?1", ":a", "--", "/*", "%s"]
        self.write("n.csv", csv_line(names) + csv_line(map(str, range(len(names)))))
        self.succeed("ingest", "n.csv", "-o", "x.db")
        self.assertEqual(names, self.sql_columns("x.db", "x"))
        values = self.sql("x.db", f"SELECT {','.join('x.' + sql_name(n) for n in names)} FROM x;", "-csv")
        self.assertEqual(",".join(map(str, range(len(names)))).encode(), values.strip())

    def test_names_that_sqlite_cannot_tell_apart_get_a_number(self):
        self.write("n.csv", "Name,name,other\n1,2,3\n")
        facts = self.totals("n.csv", "-o", "x.db")
        self.assertEqual(["Name", "name_2", "other"], self.sql_columns("x.db", "x"))
        self.assertEqual([["1", "2", "3"]], self.sql_rows("x.db", "x"))
        self.assertEqual(1, facts["columns_renamed"])

    def test_names_made_by_numbering_are_told_apart_too(self):
        self.write("n.csv", "a,A,a_2,A_2,A_3\n1,2,3,4,5\n")
        self.succeed("ingest", "n.csv", "-o", "x.db")
        columns = self.sql_columns("x.db", "x")
        self.assertEqual("a", columns[0])
        self.assertEqual(5, len({name.lower() for name in columns}))
        self.assertEqual([["1", "2", "3", "4", "5"]], self.sql_rows("x.db", "x"))

    def test_only_ascii_letters_have_a_case_there(self):
        self.write("n.csv", "É,é\n1,2\n")
        self.succeed("ingest", "n.csv", "-o", "x.db")
        self.assertEqual(["É", "é"], self.sql_columns("x.db", "x"))

    def test_names_are_as_in_the_file_elsewhere(self):
        self.write("n.csv", "Name,name\n1,2\n")
        self.succeed("ingest", "n.csv", "-o", "x.csv")
        self.assertEqual(b"Name,name\n1,2\n", self.read("x.csv"))

    def test_all_columns_are_text(self):
        self.write("n.csv", "a,b,c\n1,0042,\n1e5,-0.0,\n")
        self.succeed("ingest", "n.csv", "-o", "x.db")
        self.assertEqual(b"TEXT TEXT TEXT", self.sql(
            "x.db", "SELECT group_concat(type, ' ') FROM pragma_table_info('x');").strip())
        self.assertEqual([["1", "0042", None], ["1e5", "-0.0", None]], self.sql_rows("x.db", "x"))
        self.assertEqual(b"text", self.sql("x.db", "SELECT DISTINCT typeof(a) FROM x;").strip())

    def test_texts_keep_every_byte(self):
        values = ["\0", "a\0b", "\0\0", "漢😀", "'; DROP TABLE x; --", " x ", "\r\n", "NULL", "x" * 1_000_000]
        self.write("n.csv", "a\n" + "".join(csv_line([v]) for v in values))
        self.succeed("ingest", "n.csv", "-o", "x.db")
        self.assertEqual([[v] for v in values], self.sql_rows("x.db", "x"))

    def test_other_tables_stay(self):
        self.create("CREATE TABLE keep(a); INSERT INTO keep VALUES(1),(2); CREATE TABLE x(old);")
        self.expect_fault("ingest", "a.csv", "-o", "x.db", says="--if-exists replace")
        self.succeed("ingest", "a.csv", "-o", "x.db", "--table", "second")
        self.succeed("ingest", "a.csv", "-o", "x.db", "--if-exists", "replace")
        self.expect_fault("ingest", "bad.csv", "-o", "x.db", "--if-exists", "replace")
        self.assertEqual([["1"], ["2"]], self.sql_rows("x.db", "keep"))
        self.assertEqual([["1", "x,y"], [None, ""]], self.sql_rows("x.db", "second"))
        self.assertEqual(["a", "b"], self.sql_columns("x.db", "x"))

    def test_a_table_of_that_name_in_other_letters_exists(self):
        self.create("CREATE TABLE Trips(a);")
        self.expect_fault("ingest", "a.csv", "-o", "x.db", "--table", "TRIPS", says="--if-exists replace")

    def test_a_view_of_that_name_is_not_lost(self):
        self.create("CREATE VIEW x AS SELECT 1 AS one;")
        self.expect(FAULT, "ingest", "a.csv", "-o", "x.db")
        self.sheaf("ingest", "bad.csv", "-o", "x.db", "--if-exists", "replace")
        self.assertEqual(b"1", self.sql("x.db", "SELECT one FROM x;").strip())

    def test_an_empty_database_file_is_a_database(self):
        self.write("x.db", "")
        self.succeed("ingest", "a.csv", "-o", "x.db")
        self.assertEqual(2, len(self.sql_rows("x.db", "x")))

    def test_a_file_that_is_no_database_stays_as_it_is(self):
        self.write("x.db", "Dear diary,\n" * 1000)
        with self.assert_directory_unchanged():
            for option in ([], ["--if-exists", "replace"]):
                self.expect_fault("ingest", "a.csv", "-o", "x.db", *option, says="database")

    def test_a_database_in_wal_mode_is_served_too(self):
        self.create("PRAGMA journal_mode=wal; CREATE TABLE keep(a);")
        self.succeed("ingest", "a.csv", "-o", "x.db")
        self.assertEqual(2, len(self.sql_rows("x.db", "x")))
        self.assert_database_is_sound("x.db")

    def test_a_database_that_somebody_else_writes_is_refused_in_time(self):
        self.create("CREATE TABLE keep(a);")
        holder = subprocess.Popen(["sqlite3", self.path("x.db")], stdin=subprocess.PIPE,
                                  stdout=subprocess.PIPE)
        self.addCleanup(harness.stop, holder)
        holder.stdin.write(b"BEGIN EXCLUSIVE;\nSELECT 'held';\n")
        holder.stdin.flush()
        self.assertEqual(b"held\n", holder.stdout.readline())
        self.expect_fault("ingest", "a.csv", "-o", "x.db", says="locked|busy|in use")

    def test_somebody_else_never_sees_half_of_the_rows(self):
        self.succeed("ingest", "a.csv", "-o", "x.db")
        fifo = self.make_fifo("fifo")
        process = self.start("ingest", fifo, "-o", "x.db", "--if-exists", "replace")
        with open(self.path(fifo), "wb", buffering=0) as pipe:
            pipe.write(b"a,b\n")
            harness.fill_pipe(pipe.fileno(), b"1,2\n" * 10_000, 1 << 20)
            reader = subprocess.run(["sqlite3", self.path("x.db"), "SELECT count(*) FROM x;"],
                                    capture_output=True)
            self.assertTrue(reader.stdout == b"2\n" or b"locked" in reader.stderr, reader)
        self.assertEqual(CLEAN, self.finish(process).code)
        self.assertGreater(len(self.sql_rows("x.db", "x")), 200_000)

    def test_no_rows_make_a_table_all_the_same(self):
        self.write("n.csv", "a,b\n")
        self.succeed("ingest", "n.csv", "-o", "x.db")
        self.assertEqual((["a", "b"], []), (self.sql_columns("x.db", "x"), self.sql_rows("x.db", "x")))

    def test_as_many_columns_as_sqlite_has(self):
        self.write("n.csv",
                   ",".join(f"c{i}" for i in range(2000)) + "\n" + ",".join(map(str, range(2000))) + "\n")
        self.succeed("ingest", "n.csv", "-o", "x.db")
        self.assertEqual([[str(i) for i in range(2000)]], self.sql_rows("x.db", "x"))

    def test_more_columns_than_sqlite_has_are_an_error_that_tells_the_limit(self):
        self.write("n.csv", ",".join(f"c{i}" for i in range(2001)) + "\n")
        with self.assert_directory_unchanged():
            self.expect_fault("ingest", "n.csv", "-o", "x.db", says="columns")

    def test_a_database_is_the_same_at_any_worker_count(self):
        for i in range(30):
            self.write_rows(f"d/{i:02d}.csv", 2000, i * 2000)
        dumps = []
        for j in harness.WORKERS:
            self.succeed("ingest", "d", "-o", f"{j}.db", "--table", "t", "-j", j)
            dumps.append(self.sql(f"{j}.db", ".dump"))
        self.assertTrue(dumps[0] == dumps[1] == dumps[2])

    def test_two_runs_into_one_database_both_arrive_or_one_is_refused(self):
        self.write_big("big.csv", 3)
        runs = [self.start("ingest", "big.csv", "-o", "x.db", "--table", f"t{i}") for i in range(2)]
        codes = [self.finish(run).code for run in runs]
        self.assertIn(CLEAN, codes)
        for i, code in enumerate(codes):
            self.assertIn(code, (CLEAN, FAULT))
            count = self.sql("x.db",
                             f"SELECT count(*) FROM sqlite_schema WHERE name = {sql_text(f't{i}')};").strip()
            self.assertEqual(b"1" if code == CLEAN else b"0", count)
        self.assert_database_is_sound("x.db")


if __name__ == "__main__":
    harness.main()

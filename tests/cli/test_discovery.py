"""Sources: what they stand for, in which order, and what stands in the way."""

import os
import random
import re
import socket
import subprocess

import harness
import oracle
from harness import FAULT, USAGE, SheafTest


class DiscoveryTest(SheafTest):
    def touch(self, *names):
        """Files of one record each."""
        for name in names:
            self.write(name, "a\n1\n")

    def files(self, *sources, **options):
        """The files that the sources stand for, in order, their paths as bytes."""
        run = self.succeed("count", "--json", *sources, **options)
        return [os.fsencode(file["path"]) for file in run.json["files"]]

    def assert_files(self, expected, *sources, **options):
        self.assertEqual([os.fsencode(name) for name in expected], self.files(*sources, **options))

    def assert_not_found(self, *sources, says=None, **options):
        run = self.expect(FAULT, "count", *sources, **options)
        self.assertTrue(run.err.startswith(b"error: "), run)
        self.assertIn(says or sources[-1], run.error_text)


class Directories(DiscoveryTest):
    def test_a_directory_stands_for_all_its_tables_however_deep(self):
        self.touch("d/a.csv", "d/b/c.tsv", "d/b/d/e/f/g.txt", "d/h.csv.gz", "d/i.tsv.gz", "d/j.txt.gz", "d/k.zst")
        self.assert_files(["d/a.csv", "d/b/c.tsv", "d/b/d/e/f/g.txt"], "d/a.csv", "d/b")
        for name in ("h.csv.gz", "i.tsv.gz", "j.txt.gz"):
            self.write_gzip(f"d/{name}", "a\n1\n")
        self.assert_files(["d/a.csv", "d/b/c.tsv", "d/b/d/e/f/g.txt", "d/h.csv.gz", "d/i.tsv.gz",
                           "d/j.txt.gz"], "d")

    def test_other_files_are_passed_over(self):
        self.touch("d/a.csv", "d/README.md", "d/b.csv.bak", "d/c.json", "d/csv", "d/d.gz", "d/e.csv~",
                   "d/fcsv")
        self.assert_files(["d/a.csv"], "d")

    def test_hidden_files_and_directories_are_passed_over(self):
        self.touch("d/a.csv", "d/.b.csv", "d/.git/c.csv", "d/.csv", "d/e/.f/g.csv")
        self.assert_files(["d/a.csv"], "d")

    def test_a_hidden_file_that_is_named_is_meant(self):
        self.touch(".d/a.csv", ".d/.b.csv")
        self.assert_files([".d/.b.csv", ".d/a.csv"], ".d/.b.csv", ".d")

    def test_paths_keep_the_spelling_of_their_source(self):
        self.touch("d/a.csv")
        self.assert_files(["d/a.csv", "d/a.csv", "./d/a.csv", self.path("d/a.csv"), "d/../d/a.csv"],
                          "d", "d/", "./d", self.path("d"), "d/../d")
        self.assert_files(["a.csv"], "a.csv", cwd=self.path("d"))

    def test_the_current_directory_is_a_directory(self):
        self.touch("d/a.csv", "d/b/c.csv")
        self.assertEqual([b"a.csv", b"b/c.csv"],
                         [re.sub(rb"^\./", b"", name) for name in self.files(".", cwd=self.path("d"))])

    def test_a_directory_without_tables_is_an_error(self):
        self.touch("d/a.md", "d/.b.csv")
        self.assert_not_found("d")
        os.mkdir(self.path("empty"))
        self.assert_not_found("empty")

    def test_a_directory_called_csv_is_still_a_directory(self):
        self.touch("d/x.csv/a.csv")
        self.assert_files(["d/x.csv/a.csv"], "d")

    def test_fifos_sockets_and_devices_are_passed_over(self):
        self.touch("d/a.csv")
        self.make_fifo("d/b.csv")
        with socket.socket(socket.AF_UNIX) as bound:
            os.symlink(self.dir, f"{self.dir}-s")  # a socket's path is short
            self.addCleanup(os.unlink, f"{self.dir}-s")
            bound.bind(f"{self.dir}-s/d/c.csv")
            os.symlink("/dev/zero", self.path("d/d.csv"))
            self.assert_files(["d/a.csv"], "d", timeout=20)
            self.assert_files(["d/a.csv"], "d/*.csv", timeout=20)

    def test_a_directory_that_cannot_be_listed_is_an_error(self):
        self.touch("d/a.csv", "d/locked/b.csv")
        os.chmod(self.path("d/locked"), 0)
        self.addCleanup(os.chmod, self.path("d/locked"), 0o700)
        self.assert_not_found("d", says="d/locked", **self.unprivileged())

    def test_deep_directories_are_walked(self):
        depth = 900
        deep = "d/" + "x/" * depth
        self.touch(f"{deep}a.csv", "d/b.csv")
        self.assert_files(["d/b.csv", f"{deep}a.csv"], "d", preexec_fn=harness.limit_open_files(64))

    def test_paths_longer_than_the_system_allows_are_an_error(self):
        """Made from the inside, a step at a time: no path leads there at once."""
        self.touch("d/a.csv")
        os.mkdir(self.path("d/deep"))
        descriptor = os.open(self.path("d/deep"), os.O_RDONLY)
        for _ in range(30):
            os.mkdir("x" * 200, dir_fd=descriptor)
            inner = os.open("x" * 200, os.O_RDONLY, dir_fd=descriptor)
            os.close(descriptor)
            descriptor = inner
        os.close(descriptor)
        self.addCleanup(subprocess.run, ["rm", "-rf", self.path("d")])
        self.assert_not_found("d", says="xxx")


class Symlinks(DiscoveryTest):
    def test_links_are_followed(self):
        self.touch("real/a.csv", "other.dat", "d/b.csv")
        os.symlink("../real", self.path("d/link"))
        os.symlink("../other.dat", self.path("d/c.csv"))
        self.assert_files(["d/b.csv", "d/c.csv", "d/link/a.csv"], "d")
        os.symlink("d", self.path("e"))
        self.assert_files(["e/b.csv", "e/c.csv", "e/link/a.csv"], "e")

    def test_a_link_to_a_directory_above_ends_there(self):
        self.touch("d/a.csv", "d/b/c.csv")
        os.symlink(".", self.path("d/self"))
        os.symlink("..", self.path("d/b/parent"))
        os.symlink("../..", self.path("d/b/outside"))
        os.symlink(self.path("d/b"), self.path("d/b/me"))
        self.assertEqual([b"d/a.csv", b"d/b/c.csv"],
                         [f for f in self.files("d", timeout=20) if b"outside" not in f])

    def test_links_between_siblings_end(self):
        self.touch("d/a/x.csv", "d/b/y.csv")
        os.symlink("../b", self.path("d/a/b"))
        os.symlink("../a", self.path("d/b/a"))
        self.assert_files(["d/a/b/y.csv", "d/a/x.csv", "d/b/a/x.csv", "d/b/y.csv"], "d", timeout=20)

    def test_a_glob_through_a_loop_ends(self):
        self.touch("d/a.csv", "d/b/c.csv")
        os.symlink("..", self.path("d/b/up"))
        self.assert_files(["d/a.csv", "d/b/c.csv"], "d/**/*.csv", timeout=20)

    def test_a_link_to_nowhere_is_an_error_that_names_it(self):
        self.touch("d/a.csv")
        os.symlink("nowhere", self.path("d/b.csv"))
        self.assert_not_found("d", says="d/b.csv")
        self.assert_not_found("d/b.csv")

    def test_a_link_to_itself_is_an_error_that_names_it(self):
        self.touch("d/a.csv")
        os.symlink("b.csv", self.path("d/b.csv"))
        self.assert_not_found("d", says="d/b.csv")


class Globs(DiscoveryTest):
    def setUp(self):
        super().setUp()
        self.touch("d/a1.csv", "d/a2.csv", "d/b1.dat", "d/s/a3.csv", "d/s/t/a4.csv", "d/.h.csv",
                   "d/.s/a5.csv")

    def test_stars_and_marks_match_within_a_name(self):
        self.assert_files(["d/a1.csv", "d/a2.csv"], "d/*.csv")
        self.assert_files(["d/a1.csv", "d/a2.csv"], "d/a?.csv")
        self.assert_files(["d/a1.csv", "d/a2.csv"], "?/a*")
        self.assert_files(["d/s/a3.csv"], "d/*/*.csv")

    def test_files_of_any_ending_match(self):
        self.assert_files(["d/a1.csv", "d/b1.dat"], "d/?1.*")

    def test_brackets_match_one_character_of_a_set(self):
        self.touch("d/a-.csv", "d/a].csv")
        self.assert_files(["d/a2.csv"], "d/a[23].csv")
        self.assert_files(["d/a1.csv", "d/a2.csv"], "d/a[0-9].csv")
        self.assert_files(["d/a-.csv", "d/a2.csv", "d/a].csv"], "d/a[!1].csv")
        self.assert_files(["d/a-.csv", "d/a].csv"], "d/a[]-].csv")

    def test_two_stars_match_any_number_of_directories(self):
        self.assert_files(["d/a1.csv", "d/a2.csv", "d/s/a3.csv", "d/s/t/a4.csv"], "d/**/*.csv")
        self.assert_files(["d/a1.csv", "d/a2.csv", "d/s/a3.csv", "d/s/t/a4.csv"], "**/a?.csv")
        self.assert_files(["d/s/t/a4.csv"], "d/**/t/*.csv")
        self.assert_files(["d/s/a3.csv", "d/s/t/a4.csv"], "**/s/**/*.csv")

    def test_a_file_is_matched_once_however_many_ways_lead_to_it(self):
        self.assert_files(["d/s/t/a4.csv"], "**/**/**/a4.csv")

    def test_hidden_names_match_only_a_pattern_with_a_dot(self):
        self.assert_files(["d/.h.csv"], "d/.*.csv")
        self.assert_files(["d/.s/a5.csv"], "d/.s/*.csv")

    def test_a_path_that_exists_is_never_a_glob(self):
        self.touch("d/a[12].csv", "*.csv")
        self.assert_files(["d/a[12].csv"], "d/a[12].csv")
        self.assert_files(["*.csv"], "*.csv")

    def test_a_pattern_without_a_match_is_an_error(self):
        self.assert_not_found("d/z*.csv")
        self.assert_not_found("z/**/*.csv")

    def test_a_bracket_that_is_never_closed_is_an_ordinary_character(self):
        self.touch("d/x[1.csv")
        self.assert_files(["d/x[1.csv"], "d/x[*.csv")

    def test_patterns_match_bytes(self):
        self.touch(b"d/\xe9.csv", "d/é.csv")
        self.assertIn(b"d/\xe9.csv", self.files("d/*.csv"))

    def test_a_pattern_made_to_be_slow_is_not(self):
        self.touch("e/" + "a" * 200 + ".csv")
        self.assert_not_found("e/" + "a*" * 60 + "b")

    def test_a_deep_pattern_made_to_be_slow_is_not(self):
        self.touch("e/" + "a/" * 40 + "x.csv")
        self.assert_not_found("e/" + "**/a/" * 20 + "b.csv")


class Lists(DiscoveryTest):
    def test_a_list_names_files_and_directories(self):
        self.touch("a.csv", "d/b.csv", "d/c.csv", "with space .csv")
        self.write("list", "with space .csv\nd\na.csv\n")
        self.assert_files(["with space .csv", "d/b.csv", "d/c.csv", "a.csv"], "@list")

    def test_the_last_line_needs_no_end(self):
        self.touch("a.csv", "b.csv")
        self.write("list", "b.csv\na.csv")
        self.assert_files(["b.csv", "a.csv"], "@list")

    def test_a_list_comes_from_stdin_too(self):
        self.touch("a.csv", "b.csv")
        self.assert_files(["b.csv", "a.csv"], "@-", input=b"b.csv\na.csv\n")

    def test_a_list_may_be_separated_by_nul_bytes(self):
        names = [b"new\nline.csv", b"latin-\xe9.csv", b" .csv"]
        self.touch(*names)
        self.write("list", b"\0".join(names) + b"\0")
        for flag in ("-0", "--null-separated"):
            self.assert_files(names, flag, "@list")
        self.assert_files(names, "-0", "@-", input=b"\0".join(names))

    def test_find_and_sheaf_go_together(self):
        self.touch(b"d/new\nline.csv", b"d/\xff.csv", "d/a.csv")
        find = subprocess.run(["find", "d", "-name", "*.csv", "-print0"], cwd=self.dir, capture_output=True,
                              check=True)
        self.assertEqual(sorted(find.stdout.split(b"\0")[:-1]),
                         sorted(self.files("-0", "@-", input=find.stdout)))

    def test_a_path_in_a_list_is_never_a_pattern(self):
        self.touch("a.csv")
        self.write("list", "*.csv\n")
        self.assert_not_found("@list", says="*.csv")

    def test_a_missing_path_in_a_list_is_named(self):
        self.touch("a.csv")
        self.write("list", "a.csv\nmissing.csv\n")
        self.assert_not_found("@list", says="missing.csv")

    def test_an_empty_list_is_an_error(self):
        self.write("list", "")
        self.assert_not_found("@list", says="list")

    def test_a_missing_list_is_an_error(self):
        self.assert_not_found("@missing", says="missing")

    def test_names_that_look_special_are_reached_by_their_path(self):
        self.touch("@list", "-", "-x.csv")
        self.assert_files(["./@list", "./-", "./-x.csv"], "./@list", "./-", "./-x.csv")

    def test_a_long_list_is_read_whole(self):
        self.touch("a.csv")
        self.write("list", "./" * 1000 + "a.csv\n")
        self.assertEqual(1, len(self.files("@list")))
        self.write("list", "a.csv\n" * 20_000)
        self.assertEqual(20_000, len(self.files("@list")))


class Order(DiscoveryTest):
    def test_sources_come_as_given_and_what_is_in_them_by_path(self):
        self.touch("z.csv", "d/b.csv", "d/a.csv", "c.csv")
        self.assert_files(["z.csv", "d/a.csv", "d/b.csv", "c.csv", "z.csv"], "z.csv", "d", "c.csv", "z.csv")
        self.assert_files(["z.csv", "d/a.csv", "d/b.csv"], "z.csv", "d/*.csv", "--order", "given")

    def test_by_path_a_directory_comes_before_longer_names(self):
        names = ["d/a.csv", "d/a/z.csv", "d/a-b.csv", "d/a/b/c.csv", "d/aa.csv", "d/A.csv", "d/é.csv",
                 "d/\x01.csv"]
        self.touch(*names)
        expected = sorted(names, key=oracle.path_order)
        self.assert_files(expected, "d")
        self.assert_files(expected, *random.Random(1).sample(names, len(names)), "--order", "path")

    def test_by_path_the_whole_list_is_sorted(self):
        self.touch("z.csv", "d/b.csv", "c.csv")
        self.assert_files(["c.csv", "d/b.csv", "z.csv"], "z.csv", "d", "c.csv", "--order", "path")

    def test_naturally_numbers_count_by_value(self):
        names = ["x1.csv", "x2.csv", "x10.csv", "x20.csv", "x100.csv"]
        self.touch(*(f"d/{name}" for name in names))
        self.assert_files([f"d/{name}" for name in names], "d", "--order", "natural")
        self.assert_files([f"d/{name}" for name in sorted(names)], "d")

    def test_naturally_numbers_in_directories_count_too(self):
        self.touch("d/2/a.csv", "d/10/a.csv", "d/1/b.csv")
        self.assert_files(["d/1/b.csv", "d/2/a.csv", "d/10/a.csv"], "d", "--order", "natural")

    def test_by_time_the_oldest_comes_first(self):
        self.touch("d/a.csv", "d/b.csv", "d/c.csv", "d/e.csv")
        for name, ns in (("a", 3_000_000_000), ("b", 1_000_000_001), ("c", 1_000_000_000),
                         ("e", 1_000_000_001)):
            os.utime(self.path(f"d/{name}.csv"), ns=(0, ns))
        self.assert_files(["d/c.csv", "d/b.csv", "d/e.csv", "d/a.csv"], "d", "--order", "mtime")

    def test_no_locale_changes_the_order(self):
        names = ["B.csv", "a.csv", "ä.csv", "Z.csv", "_.csv"]
        self.touch(*(f"d/{name}" for name in names))
        expected = sorted((f"d/{name}" for name in names), key=oracle.path_order)
        for locale in ("C", "en_US.UTF-8", "de_DE.UTF-8", "tr_TR.UTF-8"):
            self.assert_files(expected, "d", env={**os.environ, "LC_ALL": locale})

    def test_an_unknown_order_is_a_usage_error(self):
        self.touch("a.csv")
        self.assertIn(b"random", self.expect(USAGE, "count", "a.csv", "--order", "random").err)


class Names(DiscoveryTest):
    """Paths may hold any byte but NUL."""

    NAMES = [b"new\nline.csv", b"tab\t.csv", b"latin-\xe9.csv", b"\xff\xfe.csv", b"q'\"uote.csv", b" .csv",
             b"\\n.csv", b"\x1b[31m.csv", "\u202egpj.csv".encode(), b"%s%n.csv", b"$(id).csv",
             b"a" * 251 + b".csv"]

    def test_files_of_any_name_are_found(self):
        for name in self.NAMES:
            self.touch(b"d/" + name)
        self.assertEqual(sorted(b"d/" + name for name in self.NAMES), self.files("d"))
        self.assertEqual([b"d/" + name for name in self.NAMES],
                         self.files(*[b"d/" + name for name in self.NAMES]))

    def test_names_are_escaped_in_errors(self):
        for name in (b"new\nline.csv", b"esc\x1b[2J.csv", b"latin-\xe9.csv", "\u202egpj.csv".encode()):
            with self.subTest(name=name):
                self.write(name, "a,b\n1\n")
                err = self.expect(FAULT, "cat", name).err.decode("utf-8")
                for character in "\x1b\u202e":
                    self.assertNotIn(character, err)
                self.assertRegex(err, r"(?m)^ +--> \S+\.csv:2")


class Scale(DiscoveryTest):
    """A hundred thousand files, and 64 descriptors to read them with."""

    FOLDERS, FILES = 100, harness.large(1000)

    def setUp(self):
        super().setUp()
        self.write("one", "n,text\n1,one\n")
        for folder in range(self.FOLDERS):
            os.makedirs(self.path(f"d/{folder:02d}"))
            # Links are made faster than files, and a file system has a limit on links to one file.
            self.write(f"d/{folder:02d}/000.csv", "n,text\n1,one\n")
            for file in range(1, self.FILES):
                os.link(self.path(f"d/{folder:02d}/000.csv"), self.path(f"d/{folder:02d}/{file:03d}.csv"))

    def test_100_000_files_under_ulimit_n_64(self):
        total = self.FOLDERS * self.FILES
        run = self.succeed("count", "d", "-j", "8", preexec_fn=harness.limit_open_files(64))
        counts, count = run.counts()
        self.assertEqual((total, total), (len(counts), count))
        self.assertEqual([f"d/{i:02d}/{j:03d}.csv" for i in range(self.FOLDERS) for j in range(self.FILES)],
                         [path for path, _ in counts])
        facts = self.totals("d", "-o", "x.db", "-j", "64", preexec_fn=harness.limit_open_files(64))
        self.assertEqual((total, total), (facts["files"], facts["loaded"]))
        self.assertEqual(str(total).encode(), self.sql("x.db", "SELECT sum(n) FROM x;").strip())


class Duplicates(DiscoveryTest):
    def test_a_file_that_two_sources_name_is_read_twice(self):
        self.touch("d/a.csv")
        self.assert_files(["d/a.csv", "d/a.csv", "d/a.csv"], "d", "d/a.csv", "d/*.csv")


if __name__ == "__main__":
    harness.main()

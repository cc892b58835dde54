"""--changed replace --commit per-file into SQLite: the rows of a file go with the commit that brings what it has now."""

import os
import random
import signal
import subprocess
import unittest

import harness
from harness import CLEAN, FAULT, SHEAF, SKIPPED, SheafTest
from test_ledger import LedgerTest

PER_FILE = ("-o", "x.db", "--table", "x", "--commit", "per-file", "--resume", "--changed", "replace", "--text")
ASIDE = ("--on-error", "quarantine")
REFUSED = 999_999


class ReplaceTest(LedgerTest):
    def setUp(self):
        super().setUp()
        self.n_written = 0

    def clear(self):
        for name in os.listdir(self.dir):
            if name.startswith("x.db"):
                os.unlink(self.path(name))
        for name in os.listdir(self.path("in")):
            os.unlink(self.path(f"in/{name}"))

    def write_numbers(self, name, n, n_bad=0):
        """Of a file, what it has not had before: its good rows, and how many have a fault."""
        self.n_written += 1
        rows = [[str(self.n_written * 1000 + i), f"{name} {self.n_written}"] for i in range(n)]
        self.write(f"in/{name}", "n,text\n" + "".join(",".join(row) + "\n" for row in rows) + "1,2,3\n" * n_bad
                   + "\n" * self.n_written)
        self.age(f"in/{name}")
        return rows, n_bad

    def load(self, *more, code=CLEAN):
        return self.totals("in", *PER_FILE, *more, code=code)

    def refuse(self, number):
        """From now on the table does not take it: so a load ends at the file that has it, whatever came before."""
        self.sql("x.db", f"CREATE TRIGGER refuse BEFORE INSERT ON x WHEN NEW.n = '{number}' "
                         "BEGIN SELECT RAISE(ABORT, 'refused'); END;")

    def assert_held(self, held):
        """A list of (file, its rows, how many were set aside), in the order of their loading."""
        self.assert_database_is_sound("x.db")
        self.assertEqual([row for _, rows, _ in held for row in rows],
                         [row[:2] for row in self.sql_rows("x.db", "x")])
        entries = self.facts_of("x.db", "file", "first_row", "loaded", "rejected")
        self.assertEqual([(f"in/{name}", len(rows), n_bad) for name, rows, n_bad in held],
                         [(name, loaded, rejected) for name, _, loaded, rejected in entries])
        for (name, rows, _), (_, first, loaded, _) in zip(held, entries):
            if rows:
                found = self.sql("x.db", f"SELECT n FROM x WHERE rowid BETWEEN {first} AND {first + loaded - 1} "
                                         "ORDER BY rowid;").decode().split()
                self.assertEqual([row[0] for row in rows], found, name)
        if any(n_bad for *_, n_bad in held):
            found = self.sql("x.db", "SELECT file, count(*) FROM x_quarantine GROUP BY file ORDER BY file;").decode()
            self.assertEqual(sorted(f"in/{name}|{n_bad}" for name, _, n_bad in held if n_bad), found.splitlines())


class Replace(ReplaceTest):
    def setUp(self):
        super().setUp()
        self.clear()
        self.held = {name: self.write_numbers(name, 4) for name in ("a.csv", "b.csv", "c.csv")}
        self.load()

    def of(self, *names):
        return [(name, *self.held[name]) for name in names]

    def test_each_file_with_its_own_commit(self):
        self.held["a.csv"] = self.write_numbers("a.csv", 9)
        self.held["b.csv"] = self.write_numbers("b.csv", 2)
        facts = self.load()
        self.assertEqual((2, 8, 11, 2), tuple(facts[name] for name in (
            "files_replaced", "rows_replaced", "loaded", "files_committed")))
        self.assert_held(self.of("c.csv", "a.csv", "b.csv"))
        self.assertEqual(0, self.load()["files"])

    def test_the_last_one_whose_numbers_are_free_again(self):
        for n in (6, 0, 1, 4):
            self.held["c.csv"] = self.write_numbers("c.csv", n)
            self.load()
            self.assert_held(self.of("a.csv", "b.csv", "c.csv"))

    def test_all_of_them_without_a_row(self):
        self.held = {name: self.write_numbers(name, 0) for name in self.held}
        self.load()
        self.assert_held(self.of("a.csv", "b.csv", "c.csv"))
        self.held["b.csv"] = self.write_numbers("b.csv", 3)
        self.load()
        self.assert_held(self.of("a.csv", "c.csv", "b.csv"))

    def test_behind_one_that_is_new(self):
        self.held["0.csv"] = self.write_numbers("0.csv", 3)
        self.held["b.csv"] = self.write_numbers("b.csv", 5)
        self.load()
        self.assert_held(self.of("a.csv", "c.csv", "0.csv", "b.csv"))

    def test_after_a_fault_the_files_behind_it_have_their_rows_still(self):
        self.refuse(REFUSED)
        self.held["a.csv"] = self.write_numbers("a.csv", 2)
        self.write("in/b.csv", f"n,text\n1,a\n{REFUSED},b\n")
        c = self.write_numbers("c.csv", 5)
        run = self.expect(FAULT, "ingest", "in", *PER_FILE)
        self.assertIn("1 file before it is committed", run.error_text)
        self.assert_held(self.of("b.csv", "c.csv", "a.csv"))
        self.held.update({"b.csv": self.write_numbers("b.csv", 1), "c.csv": c})
        self.assertEqual(2, self.load()["files_replaced"])
        self.assert_held(self.of("a.csv", "b.csv", "c.csv"))

    def test_one_that_is_replaced_is_not_left_out(self):
        self.write("in/b.csv", b"n,text\n" + b"\xff\n" * 9)
        self.write_numbers("c.csv", 5)
        for on_error in ("skip-file", "quarantine"):
            self.expect_fault("ingest", "in", *PER_FILE, "--on-error", on_error, source="in/b.csv")
            self.assert_held(self.of("a.csv", "b.csv", "c.csv"))

    def test_a_table_that_others_wrote_to(self):
        for statement in ("INSERT INTO x VALUES(1, 'mine');", "DELETE FROM x WHERE n % 1000 = 2;"):
            with self.subTest(statement=statement):
                kept = self.read("x.db")
                self.sql("x.db", statement)
                before = self.sql("x.db", ".dump")
                self.write_numbers("b.csv", 7)
                self.expect_fault("ingest", "in", *PER_FILE, source="in/b.csv", says="cannot be said which rows")
                self.assertEqual(before, self.sql("x.db", ".dump"))
                self.write("x.db", kept)


class Namesakes(SheafTest):
    """Two files that were loaded by one name, each from its folder: what was set aside is known by the name alone."""

    def load(self, folder, *more):
        return subprocess.run([SHEAF, "ingest", "f.csv", "-o", "../x.db", "--table", "f", "--resume", "--changed",
                               "replace", *ASIDE, *more], cwd=self.path(folder), capture_output=True, text=True)

    def test_nothing_of_the_other_one_goes(self):
        for more in ((), ("--commit", "per-file")):
            with self.subTest(more=more):
                for folder in ("1", "2"):
                    self.write(f"{folder}/f.csv", "n,t\n1,a\n2,b\n3\n")
                    self.assertEqual(SKIPPED, self.load(folder).returncode)
                self.write("1/f.csv", "n,t\n7,a\n8,b\n")
                before = self.sql("x.db", ".dump")
                run = self.load("1", *more)
                self.assertEqual(FAULT, run.returncode)
                self.assertRegex(run.stderr, r'records of two files were set aside by the same name, "f.csv"')
                self.assertEqual(before, self.sql("x.db", ".dump"))
                os.unlink(self.path("x.db"))

    def test_one_of_which_nothing_was_set_aside_is_replaced(self):
        self.write("1/f.csv", "n,t\n1,a\n")
        self.write("2/f.csv", "n,t\n2,a\n3\n")
        for folder in ("1", "2"):
            self.load(folder)
        self.write("1/f.csv", "n,t\n7,a\n8,b\n")
        self.assertEqual(CLEAN, self.load("1").returncode)
        self.assertEqual(b"2\n7\n8\n", self.sql("x.db", "SELECT n FROM f ORDER BY rowid;"))
        self.assertEqual(b"1\n", self.sql("x.db", "SELECT count(*) FROM f_quarantine;"))


class AtRandom(ReplaceTest):
    def test_it_is_what_a_model_says(self):
        rng = random.Random(7)
        for _ in range(harness.rounds(20)):
            self.clear()
            now, held = {"0.csv": self.write_numbers("0.csv", 2)}, []
            for step in range(6):
                refused = None
                for name in [f"{i}.csv" for i in range(7) if rng.random() < 0.4]:
                    n = rng.choice((0, 1, 5, 40))
                    now[name] = self.write_numbers(name, n, rng.choice((0, 0, n // 3)))
                    if step > 0 and refused is None and rng.random() < 0.1:
                        refused = name
                        self.write(f"in/{name}", f"n,text\n{REFUSED},a\n")
                ways = rng.choice((["-j", "1"], ["-j", "3"], ["-j", "2", "--executor", "processes"]))
                run = self.sheaf("ingest", "in", *PER_FILE, *ASIDE, *ways)
                self.assertEqual(refused is not None, run.code == FAULT, run)
                for name in sorted(now):
                    if name == refused:
                        now[name] = self.write_numbers(name, 3)
                        break
                    if not any(rows is now[name][0] for _, rows, _ in held):
                        held = [each for each in held if each[0] != name] + [(name, *now[name])]
                self.assert_held(held)
                if step == 0:
                    self.refuse(REFUSED)


class Killed(ReplaceTest):
    """And the same command again: all is as if nothing had been."""

    CALLS = ("fdatasync", "unlink", "pwrite64", "ftruncate")
    UNCHANGED = ("c.csv", [[str(3000 + i), "c.csv 3"] for i in range(300)], 3)  # the third that is written

    def begin(self):
        self.n_written = 0
        self.clear()
        for name in ("a.csv", "b.csv", "c.csv"):
            self.write_numbers(name, 300, 3)
        self.load(*ASIDE, code=SKIPPED)
        return [(name, *self.write_numbers(name, n, 2)) for name, n in (("a.csv", 20), ("b.csv", 500), ("d.csv", 30))]

    def test_at_every_call(self):
        n = 0
        for call in self.CALLS:
            at = 1
            while True:
                changed = self.begin()
                ended = subprocess.run(
                    ["strace", "-f", "-qq", "-o", "/dev/null", "-e", f"trace={call}", "-e",
                     f"inject={call}:signal=KILL:when={at}", SHEAF, "ingest", "in", *PER_FILE, *ASIDE],
                    cwd=self.dir, capture_output=True)
                if ended.returncode not in (-signal.SIGKILL, 128 + signal.SIGKILL):
                    break
                n += 1
                run = self.sheaf("ingest", "in", *PER_FILE, *ASIDE)
                self.assertIn(run.code, (CLEAN, SKIPPED), run.error_text)
                self.assert_held([self.UNCHANGED, *changed])
                at += 5 if harness.FEW_ROUNDS else 2 if harness.TIMES_AS_MANY == 1 else 1
        self.assertGreater(n, 4)


if __name__ == "__main__":
    unittest.main()

"""What the program and its manual page say about each other is true."""

import re
import zlib

import harness
from harness import CLEAN, REPOSITORY, USAGE, SheafTest

COMMANDS = ("ingest", "cat", "count", "schema", "sniff", "check", "show", "retry", "bench")
MANUAL = REPOSITORY / "engine" / "cli" / "sheaf.1"

# An option where it is introduced or mentioned: not a dash inside a word, a range or a path.
OPTION = re.compile(r"(?<![\w\-./])(--[a-z][a-z0-9-]*|-[A-Za-z0-9])(?![\w/])")
LONG_OPTION = re.compile(r"--[a-z][a-z0-9-]*")


def options_in(text):
    return set(OPTION.findall(text))


def manual_as_text():
    """The page's source without its markup, in man's language or in mdoc's."""
    text = MANUAL.read_text(encoding="utf-8")
    text = re.sub(r'^\.\\".*$', "", text, flags=re.MULTILINE)
    text = re.sub(r"\\f(?:\[\w*\]|\(..|.)", "", text).replace(r"\-", "-").replace(r"\&", "")
    return re.sub(r"\bFl (-?\w)", r"-\1", text)


class Help(SheafTest):
    def test_help_goes_to_stdout(self):
        for args in (["--help"], ["help"], *([command, "--help"] for command in COMMANDS),
                     *(["help", command] for command in COMMANDS)):
            with self.subTest(args=args):
                run = self.succeed(*args)
                self.assertIn(b"sheaf", run.out)
                self.assertEqual(b"", run.err)

    def test_both_ways_to_a_commands_help_are_one(self):
        for command in COMMANDS:
            self.assertEqual(self.succeed("help", command).out, self.succeed(command, "--help").out)

    def test_help_wins_over_other_arguments(self):
        with self.assert_directory_unchanged():
            self.succeed("ingest", "missing.csv", "-o", "x.db", "--help")

    def test_the_first_page_names_all_commands(self):
        for command in COMMANDS:
            self.assertIn(command, self.succeed("--help").out.decode())

    def test_help_on_an_unknown_command_is_a_usage_error(self):
        self.assertIn(b"nonsense", self.expect(USAGE, "help", "nonsense").err)

    def test_help_fits_a_terminal(self):
        for args in (["--help"], *([command, "--help"] for command in COMMANDS)):
            for line in self.succeed(*args).out.decode().splitlines():
                self.assertLessEqual(len(line), 80, line)

    def test_the_version_is_on_stdout(self):
        run = self.succeed("--version")
        self.assertRegex(run.out.decode(), r"^sheaf \d+\.\d+\.\d+\n")
        self.assertEqual(b"", run.err)

    def test_the_version_names_what_the_program_stands_on(self):
        out = self.succeed("--version").out.decode()
        for name in ("zlib", "SQLite", "libcsv"):
            self.assertRegex(out, rf"\b{name} \d+\.\d+(\.\d+)*\b")
        self.assertIn(f"zlib {zlib.ZLIB_RUNTIME_VERSION}", out)
        self.assertIn(f"SQLite {self.sql('x.db', 'SELECT sqlite_version();').strip().decode()}", out)

    def test_a_usage_error_points_to_the_help(self):
        for args in (["ingest", "--nonsense"], ["nonsense"], []):
            self.assertIn("--help", self.expect(USAGE, *args).error_text)

    def test_every_option_that_help_shows_is_known(self):
        """An unknown option is told by its name; a known one gives another message, or help."""
        for command in COMMANDS:
            unknown = self.expect(USAGE, command, "--surely-unknown").error_text
            for option in sorted(LONG_OPTION.findall(self.succeed(command, "--help").out.decode())):
                with self.subTest(command=command, option=option):
                    run = self.sheaf(command, option)
                    self.assertIn(run.code, (CLEAN, USAGE), run)
                    self.assertNotEqual(unknown, run.error_text.replace(option, "--surely-unknown"))


class Manual(SheafTest):
    def setUp(self):
        super().setUp()
        self.assertTrue(MANUAL.is_file(), f"no manual page at {MANUAL}")

    def options_of_help(self):
        pages = [["--help"], *([command, "--help"] for command in COMMANDS)]
        return set().union(*(options_in(self.succeed(*page).out.decode()) for page in pages))

    def test_every_option_of_the_help_is_in_the_manual(self):
        self.assertEqual(set(), self.options_of_help() - options_in(manual_as_text()))

    def test_every_option_of_the_manual_is_in_the_help(self):
        self.assertEqual(set(), {option for option in options_in(manual_as_text()) if option.startswith("--")}
                         - self.options_of_help())

    def test_every_command_is_in_the_manual(self):
        for command in COMMANDS:
            self.assertRegex(manual_as_text(), rf"\b{command}\b")

    def test_every_exit_code_is_in_the_manual(self):
        page = manual_as_text()
        for code in (0, 1, 2, 3, 4, 130):
            self.assertRegex(page, rf"(?m)^(?:\.\w+ )?\"?{code}\b", f"exit code {code}")

    def test_the_options_that_were_promised_are_there(self):
        promised = {"-j", "--workers", "--order", "--delim", "-0", "--null-separated", "--on-error",
                    "--max-record", "--table", "--if-exists", "--progress", "--json", "-q", "--quiet", "-v",
                    "--verbose", "--version", "--help", "-o", "--format"}
        self.assertEqual(set(), promised - self.options_of_help())


if __name__ == "__main__":
    harness.main()

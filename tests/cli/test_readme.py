"""The README is true: its commands exist, its files are there, and its sessions give what is shown."""

import os
import re
import shlex
import shutil
import subprocess
import unittest

import harness
from harness import REPOSITORY, SheafTest
from test_help import COMMANDS, options_in

README = REPOSITORY / "README.md"

# What differs from run to run and from machine to machine: times, rates, workers.
MASKS = [(re.compile(r"\d[\d.]* (?:s|ms|min)\b"), "<time>"), (re.compile(r"\d[\d.]* [kMGT]?B/s"), "<rate>"),
         (re.compile(r"\b\d+ workers?\b"), "<workers>")]


def code_blocks(text):
    """The text of each fenced or indented block, without its indent."""
    blocks = []
    lines = iter(text.splitlines())
    for line in lines:
        if line.startswith("```"):
            blocks.append([])
            for inside in lines:
                if inside.startswith("```"):
                    break
                blocks[-1].append(inside)
            blocks.append([])
        elif line.startswith("    "):
            blocks = blocks or [[]]
            blocks[-1].append(line[4:])
        elif blocks and not line.strip():
            blocks[-1].append("")  # within an indented block, or after it
        else:
            blocks.append([])
    return ["\n".join(block).strip("\n") for block in blocks if any(block)]


def session(block):
    """The commands of a block, each with the output that is shown below it."""
    steps = []
    for line in block.splitlines():
        if steps and steps[-1][0].endswith("\\"):
            steps[-1][0] += "\n" + line.removeprefix("> ")
        elif line.startswith("$ "):
            steps.append([line[2:], []])
        elif steps:
            steps[-1][1].append(line)
    return [(command, "\n".join(shown).rstrip()) for command, shown in steps]


def masked(text):
    for pattern, mask in MASKS:
        text = pattern.sub(mask, text)
    return "\n".join(line.rstrip() for line in text.rstrip().splitlines())


def matches(shown, real):
    """Whether the output is as shown, where "..." stands for anything, on a line of its own also for lines."""
    patterns = [r"(?:.*\n)*" if line.strip() == "..." else re.escape(line).replace(r"\.\.\.", ".*") + r"\n"
                for line in masked(shown).splitlines()]
    return re.fullmatch("".join(patterns), masked(real) + "\n" if real.strip() else "") is not None


class Readme(SheafTest):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.readme = README.read_text(encoding="utf-8")

    def test_every_command_shown_exists(self):
        lines = [line.removeprefix("$ ") for block in code_blocks(self.readme) for line in block.splitlines()]
        shown = [re.split(r"\s(?:[|;>]|&&|#)", line)[0] for line in lines if re.match(r"sheaf\s", line)]
        self.assertTrue(shown, "the README shows no command")
        for line in shown:
            with self.subTest(line=line):
                command, *args = shlex.split(line)[1:]
                if command.startswith("-"):
                    self.assertIn(command, ("--help", "--version"))
                    continue
                self.assertIn(command, (*COMMANDS, "help"))
                known = options_in(self.succeed(command, "--help").out.decode())
                self.assertEqual(set(), {arg.split("=")[0] for arg in args if re.match(r"--?[a-z]", arg)
                                         and not re.match(r"-j\d+$", arg)} - known)

    def test_every_file_of_this_repository_that_is_shown_exists(self):
        for path in re.findall(r"(?<![\w/])(?:data|engine|tests|bench|readers|include)/[\w./-]*\w",
                               self.readme):
            self.assertTrue((REPOSITORY / path).exists(), path)

    def test_every_session_gives_what_is_shown(self):
        """In one directory, one after the other, as a reader would type them."""
        sessions = [steps for steps in map(session, code_blocks(self.readme))
                    if any(re.search(r"\bsheaf\b", command) for command, _ in steps)]
        self.assertTrue(sessions, "the README shows no session")
        shutil.copytree(REPOSITORY / "data", self.path("data"))
        os.mkdir(self.path(".bin"))
        os.symlink(harness.SHEAF, self.path(".bin/sheaf"))
        for command, shown in (step for steps in sessions for step in steps):
            with self.subTest(command=command):
                real = self.type(command)
                if not matches(shown, real):
                    self.assertEqual(masked(shown), masked(real))

    def type(self, command):
        """What a terminal would show of it."""
        environment = dict(os.environ, PATH=f"{self.path('.bin')}:{os.environ['PATH']}", LC_ALL="C.UTF-8")
        run = subprocess.run(["bash", "-c", command], cwd=self.dir, env=environment, stdin=subprocess.DEVNULL,
                             stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=harness.TIMEOUT)
        return run.stdout.decode()


class Comparison(unittest.TestCase):
    """The test's own eyes."""

    def test_blocks_and_sessions_are_found(self):
        text = "x\n\n    $ a\n    1\n\n    $ b \\\n    > c\n\ny\n\n```console\n$ d\n2\n```\n\n    e\n"
        blocks = code_blocks(text)
        self.assertEqual(["$ a\n1\n\n$ b \\\n> c", "$ d\n2", "e"], blocks)
        self.assertEqual([("a", "1"), ("b \\\nc", "")], session(blocks[0]))
        self.assertEqual([], session(blocks[2]))

    def test_what_is_masked_may_differ_and_nothing_else(self):
        shown = "12 files, 208 kB -> x   0.008 s, 25 MB/s, 2 workers"
        self.assertTrue(matches(shown, "12 files, 208 kB -> x   1.2 s, 170 kB/s, 1 worker\n"))
        self.assertFalse(matches(shown, "12 files, 209 kB -> x   0.008 s, 25 MB/s, 2 workers"))
        self.assertFalse(matches(shown, "11 files, 208 kB -> x   0.008 s, 25 MB/s, 2 workers"))
        self.assertFalse(matches("a", "a\nb"))
        self.assertFalse(matches("a", ""))

    def test_dots_stand_for_anything(self):
        self.assertTrue(matches("a\n...\nz", "a\nb\nc\nz"))
        self.assertTrue(matches("a\n...", "a\nb\nc"))
        self.assertTrue(matches("a ... z", "a b c z"))
        self.assertFalse(matches("a ... z", "a b\nc z"))
        self.assertFalse(matches("a\n...\nz", "a\nb\nc"))


if __name__ == "__main__":
    harness.main()

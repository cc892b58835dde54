#!/usr/bin/env python3
"""Score a sheaf on polluted files, with parameters given and with none.

    python3 tests/pollution/score.py PROGRAM [--kind K] [--seed N] [--n N] [--verbose] [--json]

Each case is loaded by `ingest -o out.csv` and shown by `cat`: once with all parameters, under which
its meaning is certain, and once with none. A file is right when the exit code, every cell (null
apart from an empty text) and every fault with its coordinates are as they have to be, and both
commands agree. What is ambiguous without parameters is then run without them, too, but only to see
it survive. `silent` counts the files that were loaded wrong without a word (exit 0): the worst that
can happen.

Exit 0: everything that is certain is right. 1: it is not. 2: usage.
"""

import argparse
import collections
import concurrent.futures
import dataclasses
import json
import os
import pathlib
import subprocess
import sys
import tempfile

import generate
import judge
from judge import CLEAN, LOADED_IN_PART, Outcome

TIMEOUT = 30
MODES = ("parameters", "none")
TIMED_OUT = -1000


# ---------------------------------------------------------------- runs

def run(program, directory, *args):
    try:
        done = subprocess.run([program, *args], cwd=directory, stdin=subprocess.DEVNULL,
                              capture_output=True,
                              timeout=TIMEOUT, check=False)
    except subprocess.TimeoutExpired:
        return TIMED_OUT, b"", "timed out"
    return done.returncode, done.stdout, done.stderr.decode("utf-8", "replace")


def quarantine_of(directory, differences):
    """The faults that were set aside. A line that is no object is told."""
    try:
        lines = (directory / "out.csv.quarantine.jsonl").read_text("utf-8").splitlines()
        faults = [json.loads(line) for line in lines]
    except FileNotFoundError:
        return []
    except ValueError as error:
        differences.append(f"the quarantine is not JSON lines: {error}")
        return []
    return [fault for fault in faults if isinstance(fault, dict) and "quarantine" not in fault]  # but for files


def load(program, directory, case, options):
    """`ingest` and `cat`, in a directory of the case's own."""
    (directory / case.name).write_bytes(case.data)
    output = directory / "out.csv"
    code, _, err = run(program, directory, "ingest", case.name, "-o", output.name, *options)
    outcome = Outcome(code, output.read_bytes() if output.exists() else None, err=err)
    outcome.faults = quarantine_of(directory, outcome.differences)
    cat_code, rows, cat_err = run(program, directory, "cat", case.name, *options)
    if cat_code < 0:
        outcome.code, outcome.err = cat_code, cat_err
    elif cat_code != code:
        outcome.differences.append(f"cat: exit {cat_code}, ingest: exit {code}")
    elif code in (CLEAN, LOADED_IN_PART) and rows != outcome.output:
        outcome.differences.append("cat shows other rows than ingest wrote")
    return outcome


def score_case(program, case, mode, verbose=False):
    """A verdict, and in words what is wrong."""
    options = case.options if mode == "parameters" else []
    with tempfile.TemporaryDirectory(prefix="pollution-") as directory:
        directory = pathlib.Path(directory)
        outcome = load(program, directory, case, options)
        verdict = judge.judge(case, outcome)
        if not verbose or verdict.right:
            return verdict, ""
        lines = [f"{case.name}, {mode}: {' '.join(map(repr, options))}", *verdict.notes,
                 *outcome.err.splitlines()[:6]]
        if mode == "none":
            lines.append(f"certain, since {case.reason}")
            code, found, _ = run(program, directory, "sniff", case.name)
            lines += found.decode("utf-8", "replace").splitlines()[:12] if code == CLEAN else []
    return verdict, "\n    ".join(lines)


# ---------------------------------------------------------------- sums

@dataclasses.dataclass
class Sum:
    files: int = 0
    files_right: int = 0
    cells: int = 0
    cells_right: int = 0
    cell_shares: float = 0  # the sum of each file's share of right cells
    files_with_cells: int = 0
    faults: int = 0
    faults_right: int = 0
    silent: int = 0
    crashed: int = 0

    def add(self, verdict):
        self.files += 1
        self.files_right += verdict.right
        if verdict.cells:
            self.files_with_cells += 1
            self.cell_shares += verdict.cells_right / verdict.cells
        for name in ("cells", "cells_right", "faults", "faults_right", "silent", "crashed"):
            setattr(self, name, getattr(self, name) + getattr(verdict, name))


class Scores:
    """Sums by kind, by group of kinds (the first word of their names), and in all; by mode."""

    def __init__(self):
        self.kinds = collections.defaultdict(lambda: {mode: Sum() for mode in MODES})
        self.groups = collections.defaultdict(lambda: {mode: Sum() for mode in MODES})
        self.total = {mode: Sum() for mode in MODES}
        self.crashes_of_ambiguous = 0

    def add(self, case, mode, verdict):
        kind = self.kinds[case.kind]
        if mode == "none" and not case.certain:
            self.crashes_of_ambiguous += verdict.crashed
            return
        for sums in (kind, self.groups[case.kind.split("_")[0]], self.total):
            sums[mode].add(verdict)

    @property
    def all_right(self):
        return (all(sums.files == sums.files_right for sums in self.total.values())
                and not self.crashes_of_ambiguous)

    def as_json(self):
        def plain(sums):
            return {mode: dataclasses.asdict(one) for mode, one in sums.items()}
        return {"all_right": self.all_right, "crashes_of_ambiguous": self.crashes_of_ambiguous,
                "total": plain(self.total),
                "groups": {name: plain(sums) for name, sums in self.groups.items()},
                "kinds": {name: plain(sums) for name, sums in self.kinds.items()}}


def share(right, of):
    """In percent, and 100 only if nothing is missing. Long files count no more than short ones."""
    return f"{int(100 * right / of):>4}%" if of else "    -"


def columns(one):
    if not one.files:
        return "        -                    "
    bad = f" {one.silent} silent" if one.silent else ""
    bad += f" {one.crashed} CRASHED" if one.crashed else ""
    faults = f"{one.faults_right}/{one.faults}" if one.faults else "-"
    cells = share(one.cell_shares, one.files_with_cells)
    return f"{one.files_right:>4}/{one.files:<4}{cells} {faults:>9}{bad:<10}"


def show(scores):
    widest = max(map(len, scores.kinds), default=0)
    print(f"{'':<{widest}}  {'with parameters':<30}{'with none'}")
    print(f"{'kind':<{widest}}  {'files    cells    faults':<30}files    cells    faults")
    for title, sums in (("", scores.kinds), ("\nby group", scores.groups),
                        ("", {"in all": scores.total})):
        if title:
            print(title)
        for name, modes in sums.items():
            cells = f"{columns(modes['parameters'])} {columns(modes['none'])}"
            print(f"{name:<{widest}}  {cells}".rstrip())
    if scores.crashes_of_ambiguous:
        print(f"{scores.crashes_of_ambiguous} CRASHED on ambiguous files without parameters")


# ---------------------------------------------------------------- the program

def score(program, cases, modes=MODES, verbose=False):
    scores = Scores()
    tasks = [(case, mode) for case in cases for mode in modes]
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        results = pool.map(lambda task: score_case(program, *task, verbose), tasks)
        for (case, mode), (verdict, words) in zip(tasks, results):
            scores.add(case, mode, verdict)
            if words and (mode == "parameters" or case.certain or verdict.crashed):
                print(words, file=sys.stderr)
    return scores


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("program")
    generate.add_choice(parser)
    parser.add_argument("--only", choices=MODES, help="with parameters, or with none")
    parser.add_argument("--verbose", action="store_true",
                        help="tell on stderr what is wrong with each file")
    parser.add_argument("--json", action="store_true")
    args = parser.parse_args()
    program = pathlib.Path(args.program).resolve()
    if not os.access(program, os.X_OK):
        parser.error(f"{program} is no program")
    scores = score(str(program), generate.chosen(parser, args), [args.only] if args.only else MODES,
                   args.verbose)
    if args.json:
        print(json.dumps(scores.as_json(), indent=1))
    else:
        show(scores)
    sys.exit(0 if scores.all_right else 1)


if __name__ == "__main__":
    main()

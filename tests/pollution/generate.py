#!/usr/bin/env python3
"""Polluted files, and what has to be found in them.

    python3 tests/pollution/generate.py DIR [--kind K] [--seed N] [--n N]   the files, to look at
    python3 tests/pollution/generate.py --list                              all kinds

Clean tables (tables.py) are written in every dialect, and with every kind of dirt, that people
meet: a kind is a function in one of the kinds_*.py. What a reader has to find is noted while a file
is written (case.py) and never read back. A case is `certain` when an expert who is shown nothing
but the file would read it in one way; when it is not, it has a meaning under parameters only, and
`reason` says why.

What a meaning is comes from include/sheaf/ingest.h, and, for faults, from the contract of
--on-error quarantine: one record is set aside, with its line (of the file, from 1), its record
(from 1, without the header), the offset of its first byte, and everything else is loaded.
"""

import argparse
import dataclasses
import json
import pathlib

import kinds_dialect
import kinds_encoding
import kinds_frame
import kinds_late
import kinds_records
from case import KINDS

# Each fills KINDS.
MODULES = (kinds_dialect, kinds_encoding, kinds_frame, kinds_records, kinds_late)


def cases(seed=1, n=3, kinds=None):
    """n cases of each kind (fewer of long ones), or of some; the same for the same seed."""
    for name in kinds or KINDS:
        for index in range(min(n, KINDS[name].most)):
            yield KINDS[name].case(seed, index)


def kinds_named(name):
    """A kind, or all whose names begin so."""
    return [name] if name in KINDS else [kind for kind in KINDS if kind.startswith(name + "_")]


def add_choice(parser):
    """The options that choose cases: for all programs that use them."""
    parser.add_argument("--kind", help="one kind, or all that begin so (quote, fault_after)")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--n", type=int, default=3, help="files of each kind (3)")


def chosen(parser, args):
    kinds = kinds_named(args.kind) if args.kind else None
    if kinds == []:
        parser.error(f"there is no kind {args.kind}")
    return cases(args.seed, args.n, kinds)


def told(case):
    """What is known of a case, for people."""
    facts = dataclasses.asdict(case)
    del facts["data"]
    return json.dumps(facts, indent=1, ensure_ascii=False,
                      default=lambda raw: raw.decode("latin-1"))


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("directory", nargs="?", type=pathlib.Path)
    parser.add_argument("--list", action="store_true", help="the kinds")
    add_choice(parser)
    args = parser.parse_args()
    if args.list:
        for kind in KINDS.values():
            print(f"{kind.name:<48} {'certain' if kind.certain else 'ambiguous':<10} {kind.reason}")
        return
    if not args.directory:
        parser.error("where to?")
    args.directory.mkdir(parents=True, exist_ok=True)
    for case in chosen(parser, args):
        (args.directory / case.name).write_bytes(case.data)
        expected = (args.directory / case.name).with_suffix(".expected.json")
        expected.write_text(told(case) + "\n", "utf-8")


if __name__ == "__main__":
    main()

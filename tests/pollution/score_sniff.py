#!/usr/bin/env python3
"""Score the sniffer on polluted files: is the dialect that it finds as good as the right one?

    python3 tests/pollution/score_sniff.py SNIFF_DUMP [--kind K] [--seed N] [--n N] [--verbose]

The reference reader reads each file under the right dialect and under the one that was found: both
must give the same header, rows and faults. Encodings are given. Exit 0: nothing that is certain was
misread but for what is known to be out of sight of samples, and the plain way of sniffing never
differs from the long one.
"""

import argparse
import collections
import json
import pathlib
import subprocess
import sys
import tempfile

import generate
import reference

# Their oddity lies where no sample is taken.
OUT_OF_SIGHT = {"late_backslash"}
DEFAULT_QUOTE = '"'


def text_of(case):
    """In UTF-8: bytes that are none stay what they are."""
    args = reference.parse_options(case.options)
    if args.encoding == "utf-8":
        return case.data
    return reference.text_of(case.data, args).encode("utf-8", "replace")


def sniff(program, cases, directory):
    paths = []
    for number, case in enumerate(cases):
        paths.append(pathlib.Path(directory, str(number)))
        paths[-1].write_bytes(text_of(case))
    found = []
    for first in range(0, len(paths), 500):
        done = subprocess.run([program, *paths[first:first + 500]], capture_output=True, check=True)
        found += [json.loads(line) for line in done.stdout.splitlines()]
    return found


def options_of(dialect, encoding):
    quote = "none" if dialect["quote"] < 0 else chr(dialect["quote"])
    options = ["--delim", chr(dialect["delimiter"]), "--quote", quote,
               "--escape", "backslash" if dialect["escape"] == ord("\\") else "doubled",
               "--header", "yes" if dialect["header"] > 0 else "no",
               "--skip", str(max(0, dialect["skip"])), "--encoding", encoding]
    if dialect["comment"] > 0:
        options += ["--comment", chr(dialect["comment"])]
    return options


def facts(reading):
    return (reading.refused, reading.header, reading.rows,
            [(fault.code, fault.line) for fault in reading.faults])


def judge(case, found):
    """Whether it is right, and whether a mistake would go unnoticed."""
    encoding = reference.parse_options(case.options).encoding
    try:
        got = reference.read(case.data, options_of(found["dialect"], encoding))
    except TypeError:  # it has no width if the first record has a fault
        return False, False
    wanted = reference.read(case.data, case.options)
    is_right = facts(got) == facts(wanted) and found["dialect"]["padding"] < 0
    return is_right, not is_right and not got.refused and not got.faults


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("program")
    parser.add_argument("--verbose", action="store_true", help="each miss")
    generate.add_choice(parser)
    args = parser.parse_args()
    cases = list(generate.chosen(parser, args))
    right, misses, silent, differ, plain = collections.Counter(), [], 0, 0, 0
    number = collections.Counter()
    with tempfile.TemporaryDirectory() as directory:
        for case, found in zip(cases, sniff(args.program, cases, directory)):
            if not found["same"]:
                differ += 1
                print(f"the two ways differ: {case.name}: {found}")
            plain += found["plain"]
            is_right, is_silent = judge(case, found)
            number[case.certain] += 1
            right[case.certain] += is_right
            if not is_right and case.certain:
                misses.append(case.kind)
                silent += is_silent
            if not is_right and args.verbose:
                print(f"{'MISS' if case.certain else 'ambiguous'} {case.name}"
                      f"{' (silent)' if is_silent else ''}: {case.reason}\n"
                      f"   {' '.join(map(repr, case.options))}\n"
                      f"   {' '.join(map(repr, options_of(found['dialect'], 'utf-8')))}"
                      f" columns {found['columns']} confidence {found['confidence']}")
    print(f"certain: {right[True]} of {number[True]} right, {silent} of the others silently wrong; "
          f"ambiguous: {right[False]} of {number[False]} as meant; {plain} by the plain way")
    for kind, count in collections.Counter(misses).items():
        print(f"  {count} of {kind}")
    sys.exit(differ > 0 or not set(misses) <= OUT_OF_SIGHT)


if __name__ == "__main__":
    main()

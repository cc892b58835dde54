#!/usr/bin/env python3
"""Whether a bench still runs, and tells what report.h says: check_report.py PROGRAM

Runs it with --quick, once for its table and once for its JSON. No time is looked at, but that there is one.
"""

import json
import pathlib
import re
import subprocess
import sys
import tempfile

HEAD = {"bench": str, "sheaf": str, "allocator": str, "workers": int, "rounds": int, "quick": bool,
        "others_percent": float, "peers": dict, "cases": list}
CASE = {"id": str, "section": str, "who": str, "what": str, "unit": str, "best": float, "median": float, "max": float,
        "spread_percent": float, "cpu": float, "cpu_over_wall": float, "wall": list}


def members(what, found, expected):
    """Complaints about an object's members."""
    for name, kind in expected.items():
        value = found.get(name)
        if isinstance(value, int) and kind is float:
            value = float(value)
        if type(value) is not kind:
            yield f"{what}: {name} is {value!r}"


def complaints_about_case(case, rounds):
    yield from members(f"the case {case.get('id')}", case, CASE)
    if not re.fullmatch(r"[\w.-]+", case["id"]):
        yield f"the case {case['id']!r} has a name that --only cannot be given easily"
    if len(case["wall"]) != rounds or min(case["wall"]) <= 0:
        yield f"{case['id']}: its times are {case['wall']}"
    if not case["best"] <= case["median"] <= case["max"]:
        yield f"{case['id']}: the median is not between the best and the largest"
    if case["unit"] not in ("ns", "us", "ms"):
        yield f"{case['id']}: a unit {case['unit']}"
    if case["item"] is not None and case["items_per_s"] <= 0:
        yield f"{case['id']}: no {case['item']} in a second"
    if "bytes" in case and not (case["bytes"] > 0 and case["mb_per_s"] > 0):
        yield f"{case['id']}: no MB in a second"


def complaints_about(report, table):
    """What is wrong with a report, and with the table of another run."""
    wrong = list(members("the report", report, HEAD))
    if wrong:
        return wrong
    if not report["cases"]:
        wrong.append("there is no case")
    for case in report["cases"]:
        wrong += complaints_about_case(case, report["rounds"])
        line = f"  {case['who']:8} {case['what']:39} "
        alike = [other for other in report["cases"] if (other["who"], other["what"]) == (case["who"], case["what"])]
        if table.count(line) != len(alike):
            wrong.append(f"{case['id']}: the table has {table.count(line)} lines{line}, not {len(alike)}")
    names = [case["id"] for case in report["cases"]]
    wrong += [f"two cases are called {name}" for name in set(names) if names.count(name) > 1]
    return wrong


def run(program, folder, *options):
    done = subprocess.run([program, "--quick", *options], cwd=folder, stdout=subprocess.PIPE, text=True, check=False)
    if done.returncode != 0:
        sys.exit(f"{program} ends with {done.returncode}")
    return done.stdout


def main():
    program = str(pathlib.Path(sys.argv[1]).resolve())
    with tempfile.TemporaryDirectory() as folder:
        table = run(program, folder)
        report = json.loads(run(program, folder, "--json"))
        wrong = complaints_about(report, table)
        first = report["cases"][0]["id"]
        chosen = json.loads(run(program, folder, "--json", "--only", first))["cases"]
        if not chosen or not all(case["id"].startswith(first) for case in chosen):
            wrong.append(f"--only {first} does not leave that alone")
        left = sorted(path.name for path in pathlib.Path(folder).iterdir())
    if left:
        wrong.append(f"it leaves behind {', '.join(left)}")
    if wrong:
        sys.exit("\n".join(wrong))
    print(f"{report['bench']}: {len(report['cases'])} cases")


if __name__ == "__main__":
    main()

#!/usr/bin/env python3
"""How long the program takes to read, merge and load files: wall and CPU time.

    bench/reading.py PROGRAM [FOLDER]       e.g. bench/reading.py build/demo/sheaf

Makes 1.1 GB of files in FOLDER (build/bench by default), unless they are there: one of 1 GB, and ten of 100 MB, of eight
mixed columns, one of them quoted. Each command then runs five times after one that is not counted, the commands in turn; the
table shows the median, and in brackets the least and the most.
"""

import os
import pathlib
import random
import statistics
import sys
import time

HEADER = "id,when,lat,lon,name,amount,flag,note\n"
COMMANDS = (
    ("count the records of 1 GB", "count big.csv -j 1"),
    ("the same, two workers", "count big.csv -j 2"),
    ("read, check and convert 1 GB", "ingest big.csv -o null: -j 1"),
    ("the same, two workers", "ingest big.csv -o null: -j 2"),
    ("ten files of 100 MB", "ingest many -o null: -j 2"),
    ("the same into one CSV", "cat many -j 2"),
    ("100 MB into SQLite", "ingest many/0.csv -o out.db --if-exists replace -j 2"),
    ("100 MB into a CSV file", "ingest many/0.csv -o out.csv --if-exists replace -j 2"),
)


def rows(n_bytes):
    """Rows of about so many bytes in all, always the same ones."""
    random.seed(1)
    done = number = 0
    while done < n_bytes:
        lines = "".join(
            f"{number + k},2024-01-{random.randint(1, 28):02d} 12:00:00,{random.random():.6f},"
            f"{random.random():.6f},name{random.randint(1, 99999)},{random.randint(1, 9999) / 100},"
            f'{"true" if k % 3 else "false"},"some, quoted {k}"\n' for k in range(1000))
        done += len(lines)
        number += 1000
        yield lines


def make_files(folder):
    (folder / "many").mkdir(parents=True, exist_ok=True)
    if (folder / "big.csv").exists():
        return
    text = "".join(rows(100_000_000))
    for number in range(10):
        (folder / "many" / f"{number}.csv").write_text(HEADER + text)
    with open(folder / "big.part", "w") as big:
        big.write(HEADER)
        for _ in range(10):
            big.write(text)
    os.rename(folder / "big.part", folder / "big.csv")


def run(program, command, folder):
    """Wall and CPU seconds of one run."""
    begun = time.monotonic()
    child = os.posix_spawn(program, [program, *command.split()], os.environ, file_actions=[
        (os.POSIX_SPAWN_OPEN, 1, "/dev/null", os.O_WRONLY, 0)])
    _, status, usage = os.wait4(child, 0)
    if status != 0:
        sys.exit(f"{command}: status {status}")
    return time.monotonic() - begun, usage.ru_utime + usage.ru_stime


def main():
    program = str(pathlib.Path(sys.argv[1]).resolve())
    folder = pathlib.Path(sys.argv[2] if len(sys.argv) > 2 else "build/bench").resolve()
    make_files(folder)
    os.chdir(folder)
    results = {command: [] for _, command in COMMANDS}
    for turn in range(6):
        for command, figures in results.items():
            figures += [run(program, command, folder)][: turn > 0]
    print("| | command | wall s | CPU s |\n|---|---|---|---|")
    for what, command in COMMANDS:
        cells = []
        for figure in zip(*results[command]):
            cells.append(f"{statistics.median(figure):.2f} ({min(figure):.2f} to {max(figure):.2f})")
        print(f"| {what} | `sheaf {command}` | {' | '.join(cells)} |")
    for name in ("out.db", "out.csv"):
        pathlib.Path(name).unlink(missing_ok=True)


if __name__ == "__main__":
    main()

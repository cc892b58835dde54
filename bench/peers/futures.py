"""Python's concurrent.futures, over csv and over pandas, for bench/compare: futures.py READER EXECUTOR FOLDER WORKERS

READER    csv: every record becomes a list of texts, and is counted; pandas: every file becomes a DataFrame, and all of them one
EXECUTOR  sequential, threads or processes

Prints the number of rows.
"""

import concurrent.futures
import csv
import pathlib
import sys


def count_by_csv(path):
    with open(path, newline="", encoding="utf-8") as file:
        return sum(1 for _ in csv.reader(file)) - 1


def read_by_pandas(path):
    import pandas  # not where it is not used: it takes a while

    return pandas.read_csv(path)


def main():
    reader, executor, folder, workers = sys.argv[1:]
    read = {"csv": count_by_csv, "pandas": read_by_pandas}[reader]
    files = sorted(pathlib.Path(folder).iterdir())
    if executor == "sequential":
        results = list(map(read, files))
    else:
        kind = {"threads": concurrent.futures.ThreadPoolExecutor, "processes": concurrent.futures.ProcessPoolExecutor}
        with kind[executor](int(workers)) as pool:
            results = list(pool.map(read, files))
    if reader == "csv":
        print(sum(results))
    else:
        import pandas

        print(len(pandas.concat(results, ignore_index=True)))


if __name__ == "__main__":
    main()

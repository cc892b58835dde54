"""What bench/compare measures: the sets of files, the works, and the tools that can do them, as far as they are here."""

import dataclasses
import os
import pathlib
import re
import shutil
import sqlite3
import subprocess
import sys

HERE = pathlib.Path(__file__).resolve().parent
PACKAGES = {"@duckdb/node-api": "1.5.6-r.1", "chdb": "3.4.0", "nodejs-polars": "0.26.1",
            "nodejs-polars-linux-x64-gnu": "0.26.1"}
DEBIAN = {"DuckDB": "nodejs npm", "ClickHouse": "nodejs npm", "Polars": "nodejs npm", "data.table": "r-cran-data.table",
          "pandas": "python3-pandas", "Miller": "miller", "sqlite3": "sqlite3"}

# ---- sets of files: a folder of each, made by make_sets ----

# Name -> kind, files, the share of --size that each has (0.05 MB where it is 0).
SETS = {"mixed": ("mixed", 10, 0.1), "quoted": ("quoted", 5, 0.1), "floats": ("floats", 5, 0.1), "ints": ("ints", 3, 0.1),
        "big": ("mixed", 1, 1), "one": ("mixed", 1, 0.1), "small": ("mixed", 2000, 0), "gzip": ("mixed", 10, 0.1)}
SMALL_BYTES = 50_000

# The types of the mixed set, for ClickHouse; it finds the others out itself.
SCHEMA = ("trip_id Int64, started_at DateTime, ended_at Nullable(DateTime), start_station String, end_station String, "
          "bike String, distance Float64, member Bool, fare Float64, lat Float64, lon Float64, dock Int64, "
          "rating Nullable(Int64), billed_on Date, account Int64, notes String")

# ---- works: what is to be done with a set ----


@dataclasses.dataclass(frozen=True)
class Work:
    name: str
    what: str  # for people
    kind: str  # what the tools are told: count, typed, csv, parquet, sqlite
    files: str  # the set


WORKS = (Work("count", "count the records", "count", "mixed"), Work("typed", "mixed columns, typed", "typed", "mixed"),
         Work("quoted", "quoted text, typed", "typed", "quoted"), Work("floats", "floats, typed", "typed", "floats"),
         Work("ints", "integers, typed", "typed", "ints"), Work("gzip", "mixed columns in gzip, typed", "typed", "gzip"),
         Work("small", "small files, typed", "typed", "small"), Work("big", "one large file, typed", "typed", "big"),
         Work("csv", "many files into one CSV", "csv", "mixed"), Work("parquet", "into Parquet", "parquet", "mixed"),
         Work("sqlite", "into SQLite", "sqlite", "one"))

ENDINGS = {"csv": "out.csv", "parquet": "out.parquet", "sqlite": "out.db"}

# ---- tools ----


@dataclasses.dataclass(frozen=True)
class Tool:
    name: str
    version: str
    command: object  # (work, folder, workers, output) -> (argv, environment), or None: it does not do that
    rows: object = None  # its standard output -> how many rows it says there are, or None


def last_number(text):
    """What the drivers print; and the total of `sheaf count`."""
    words = text.split()
    numbers = [word for word in words if word.isdigit()]
    return int(numbers[-1]) if numbers else None


def summary_rows(text):
    loaded = re.search(r'"loaded":(\d+)', text)
    return int(loaded.group(1)) if loaded else last_number(text)


def sheaf(program):
    about = subprocess.run([program, "--version"], stdout=subprocess.PIPE, text=True, check=True).stdout

    def command(work, folder, workers, output):
        if work.kind == "count":
            return [program, "count", folder, "-j", str(workers)], {}
        destination = output or "null:"
        return [program, "ingest", folder, "-o", destination, "--json", "-j", str(workers)], {}

    return Tool("sheaf", about.split()[1], command, summary_rows)


def node_tool(name, package, driver, kinds, npm, sets=None):
    """A driver in JavaScript, over a package of npm; None where that is missing."""
    about = npm / "node_modules" / package / "package.json"
    if not about.exists() or not shutil.which("node"):
        return None
    version = re.search(r'"version": *"([^"-]*)', about.read_text()).group(1)

    def command(work, folder, workers, output):
        if work.kind not in kinds or (sets and work.files not in sets):
            return None
        argv = ["node", str(HERE / "peers" / driver), work.kind, folder, str(workers), output]
        told = name == "ClickHouse" and SETS[work.files][0] == "mixed"
        return argv + [SCHEMA] * told, {"NODE_PATH": str(npm / "node_modules"), "POLARS_MAX_THREADS": str(workers)}

    return Tool(name, version, command, last_number)


def data_table():
    if not shutil.which("Rscript"):
        return None
    asked = subprocess.run(["Rscript", "-e", 'cat(as.character(packageVersion("data.table")))'], stdout=subprocess.PIPE,
                           stderr=subprocess.DEVNULL, text=True, check=False)
    if asked.returncode != 0:
        return None

    def command(work, folder, workers, output):
        if work.kind not in ("typed", "csv") or work.files == "gzip":
            return None  # gzip needs another package
        return ["Rscript", str(HERE / "peers/data_table.R"), work.kind, folder, str(workers), output], {}

    return Tool("data.table", asked.stdout.strip(), command, last_number)


def python_with_pandas():
    for python in (sys.executable, "/usr/bin/python3"):
        asked = subprocess.run([python, "-c", "import pandas; print(pandas.__version__)"], stdout=subprocess.PIPE,
                               stderr=subprocess.DEVNULL, text=True, check=False)
        if asked.returncode == 0:
            return python, asked.stdout.strip()
    return None, None


# What concurrent.futures is asked for: csv only finds fields, so it is there where that is all, and with the small files.
FUTURES = {"csv": ("count", "small"), "pandas": ("typed", "quoted", "floats", "ints", "small", "big")}


def futures(name, version, python, reader, executor):
    def command(work, folder, workers, output):
        if work.name not in FUTURES[reader] or (workers == 1 and executor != "processes"):
            return None  # one worker is a loop, whatever the executor: that is asked for once
        how = "sequential" if workers == 1 else executor
        return [python, str(HERE / "peers/futures.py"), reader, how, folder, str(workers)], {}

    return Tool(name, version, command, last_number)


def miller():
    if not shutil.which("mlr"):
        return None
    version = subprocess.run(["mlr", "--version"], stdout=subprocess.PIPE, text=True, check=True).stdout.split()[-1]

    def command(work, folder, workers, output):
        files = sorted(str(path) for path in pathlib.Path(folder).iterdir())
        threads = {"GOMAXPROCS": str(workers)}
        if work.kind == "count":
            return ["mlr", "--icsv", "--onidx", "count", *files], threads
        if work.kind == "csv":
            return ["sh", "-c", 'out=$1; shift; exec mlr --csv cat "$@" > "$out"', "mlr", output, *files], threads
        return None

    return Tool("Miller", version, command, last_number)


def sqlite_shell():
    if not shutil.which("sqlite3"):
        return None
    version = subprocess.run(["sqlite3", "--version"], stdout=subprocess.PIPE, text=True, check=True).stdout.split()[0]

    def command(work, folder, workers, output):
        if work.kind != "sqlite" or workers != 1:
            return None
        file = next(pathlib.Path(folder).iterdir())
        return ["sqlite3", output, ".mode csv", f".import {file} t"], {}

    return Tool("sqlite3", version, command)


def tools(program, npm):
    """Those that are here, sheaf first; and the names of those that are not."""
    pandas_python, pandas_version = python_with_pandas()
    python_version = sys.version.split()[0]
    found = {
        "sheaf": sheaf(program),
        "DuckDB": node_tool("DuckDB", "@duckdb/node-api", "duckdb.cjs", ("count", "typed", "csv", "parquet"), npm),
        "ClickHouse": node_tool("ClickHouse", "chdb", "clickhouse.cjs", ("count", "typed", "csv", "parquet"), npm),
        "Polars": node_tool("Polars", "nodejs-polars", "polars.cjs", ("count", "typed", "parquet"), npm),
        "data.table": data_table(),
        "pandas": pandas_python and futures("pandas", pandas_version, pandas_python, "pandas", "processes"),
        "pandas, threads": pandas_python and futures("pandas, threads", pandas_version, pandas_python, "pandas", "threads"),
        "Python csv": futures("Python csv", python_version, sys.executable, "csv", "processes"),
        "Python csv, threads": futures("Python csv, threads", python_version, sys.executable, "csv", "threads"),
        "Miller": miller(), "sqlite3": sqlite_shell()}
    return [tool for tool in found.values() if tool], [name for name, tool in found.items() if not tool and "," not in name]


def rows_written(work, output, program, npm):
    """How many rows a file has that a tool wrote; None where nobody here can tell."""
    if work.kind == "csv":
        return last_number(subprocess.run([program, "count", output], stdout=subprocess.PIPE, text=True, check=True).stdout)
    if work.kind == "sqlite":
        with sqlite3.connect(output) as database:
            names = [name for (name,) in database.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
            table = next(name for name in names if not name.endswith(("_ledger", "_quarantine")))
            return database.execute(f'SELECT count(*) FROM "{table}"').fetchone()[0]
    asked = subprocess.run(["node", HERE / "peers/duckdb.cjs", "rows", "", "1", output], stdout=subprocess.PIPE,
                           stderr=subprocess.DEVNULL, text=True, check=False,
                           env=dict(os.environ, NODE_PATH=str(npm / "node_modules"))) if shutil.which("node") else None
    return last_number(asked.stdout) if asked and asked.returncode == 0 else None


def install(npm):
    """Fetch the packages of npm, each of the version above, into a folder outside of the repository."""
    npm.mkdir(parents=True, exist_ok=True)
    names = [f"{name}@{version}" for name, version in PACKAGES.items()]
    print(f"npm install {' '.join(names)}, into {npm}")
    subprocess.run(["npm", "install", "--prefix", str(npm), "--no-audit", "--no-fund", *names], check=True)


def how_to_get(name):
    if name in ("DuckDB", "ClickHouse", "Polars") and shutil.which("npm"):
        return "bench/compare --install"
    return f"Debian: {DEBIAN[name]}"

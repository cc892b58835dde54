"""What sheaf has to find in a file, found by other means.

The records come from Python's csv module, read as include/sheaf/ingest.h describes the default dialect. Python
differs from it in one place: after `"a"b` it ends the quoted field at the second quote, while libcsv (and so
sheaf) takes that quote as a part of a field that goes on. So a text that csv's strict mode refuses is read
again by `lenient_records`, which is the language of the header file in regular expressions.

Python's csv cannot tell an empty field from an empty text (`""`), so this oracle says "" for both. Tests that
know the difference make their files with `messy.py`, which knows what it wrote.

Run as a program it reads files and prints their counts, as `sheaf count` does:

    python3 tests/cli/oracle.py FILE...
"""

import codecs
import csv
import gzip
import io
import itertools
import os
import re
import sys
import zlib

csv.field_size_limit(sys.maxsize)

BOM = codecs.BOM_UTF8
GZIP_MAGIC = b"\x1f\x8b"
ENDINGS = (".csv", ".tsv", ".txt", ".csv.gz", ".tsv.gz", ".txt.gz")


class Fault(Exception):
    """The file breaks a rule of the default dialect: `kind` is a status of status.h."""

    def __init__(self, kind, message):
        super().__init__(f"{kind}: {message}")
        self.kind = kind


class Table:
    """A file's columns and its rows, a list of texts each."""

    def __init__(self, columns, rows):
        self.columns = columns
        self.rows = rows


# ---------------------------------------------------------------- bytes to text

def inflate(path, data):
    if not data.startswith(GZIP_MAGIC) and not os.fsdecode(path).endswith(".gz"):
        return data
    try:
        return gzip.decompress(data)
    except (OSError, EOFError, zlib.error) as error:
        raise Fault("ECOMPRESSED", error) from error


def text_of(path):
    with open(path, "rb") as file:
        data = inflate(path, file.read())
    try:
        return data.removeprefix(BOM).decode("utf-8")
    except UnicodeDecodeError as error:
        raise Fault("EENCODING", error) from error


def delimiter_of(path):
    return "\t" if os.fsdecode(path).endswith((".tsv", ".tsv.gz")) else ","


# ---------------------------------------------------------------- text to records

def is_blank(record):
    return not record


def strict_records(text, delimiter):
    """By Python's csv; [] for a blank line. Raises csv.Error where the two languages may differ."""
    return list(csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True))


def lenient_records(text, delimiter):
    """By the rules of libcsv without CSV_STRICT; [] for a blank line."""
    end = rf"(?=[{re.escape(delimiter)}\r\n]|\Z)"
    # Inside quotes, a quote that neither has a twin nor ends the field is a part of it.
    quoted = re.compile(rf'"((?:[^"]|""|"(?!"){end.replace("?=", "?!")})*)"{end}')
    unquoted = re.compile(rf"[^{re.escape(delimiter)}\r\n]*")
    line_end = re.compile(r"\r\n|\r|\n|\Z")
    records, record, at = [], [], 0
    while at < len(text) or record:
        field = quoted.match(text, at)
        if field:
            record.append(field[1].replace('""', '"'))
        elif text.startswith('"', at):
            raise Fault("EQUOTE", f"the quote at character {at} is never closed")
        else:
            field = unquoted.match(text, at)
            record.append(field[0])
        at = field.end()
        if text.startswith(delimiter, at):
            at += 1
            if at < len(text):
                continue
            record.append("")
        at = line_end.match(text, at).end()
        records.append([] if record == [""] and not field[0] else record)
        record = []
    return records


def records_of(text, delimiter):
    try:
        return strict_records(text, delimiter)
    except csv.Error:
        return lenient_records(text, delimiter)


# ---------------------------------------------------------------- records to tables

def column_names(header):
    """
    Names for all columns: "column<position>" for an empty one, "name_2", "name_3"... for a repeated one. A name
    that the header has keeps its place; the made ones take what is free.
    """
    names, taken, numbers = [], set(header), {}
    first = set(header)
    for position, name in enumerate(header, 1):
        if name and name in first:
            first.remove(name)
            names.append(name)
            continue
        wanted = made = name or f"column{position}"
        while made in taken:
            numbers[wanted] = numbers.get(wanted, 1) + 1
            made = f"{wanted}_{numbers[wanted]}"
        taken.add(made)
        names.append(made)
    return names


def read(path, delimiter=None):
    """A file's table. Raises Fault."""
    records = [r for r in records_of(text_of(path), delimiter or delimiter_of(path)) if not is_blank(r)]
    if not records:
        return Table([], [])
    width = len(records[0])
    for number, record in enumerate(records[1:], 1):
        if len(record) != width:
            raise Fault("ESHAPE", f"record {number} has {len(record)} fields, the header has {width}")
    return Table(column_names(records[0]), records[1:])


def unite(tables):
    """One table of many: columns by name in the order of their first file, None where a file has none."""
    columns = list(dict.fromkeys(itertools.chain.from_iterable(table.columns for table in tables)))
    rows = []
    for table in tables:
        if table.columns == columns:
            rows += table.rows
            continue
        position = {name: i for i, name in enumerate(table.columns)}
        places = [position.get(name) for name in columns]
        rows += [[None if i is None else row[i] for i in places] for row in table.rows]
    return Table(columns, rows)


def read_all(paths, delimiter=None, skip_faulty=False):
    """The table of all files. Raises the first Fault, or leaves such files out."""
    tables = []
    for path in paths:
        try:
            tables.append(read(path, delimiter))
        except Fault:
            if not skip_faulty:
                raise
    return unite(tables)


# ---------------------------------------------------------------- discovery

def path_order(path):
    """--order path: directory by directory, '/' before any other byte."""
    return os.fsencode(path).split(b"/")


def files_below(directory):
    """What a directory stands for as a source. (Symbolic links: not followed here.)"""
    found = []
    for folder, subfolders, names in os.walk(directory):
        subfolders[:] = [name for name in subfolders if not name.startswith(".")]
        found += [os.path.join(folder, name) for name in names
                  if name.endswith(ENDINGS) and not name.startswith(".")]
    return sorted(found, key=path_order)


def main():
    paths = [f for path in sys.argv[1:] for f in (files_below(path) if os.path.isdir(path) else [path])]
    total = faults = 0
    for path in paths:
        try:
            count = len(read(path).rows)
            total += count
            print(f"{count:>12} {path}")
        except Fault as fault:
            faults += 1
            print(f"{fault.kind:>12} {path}")
    print(f"{total:>12} total, {len(paths)} files, {faults} of them faulty")


if __name__ == "__main__":
    main()

"""Random tables, written as messily as the default dialect allows.

What is written is known, null apart from the empty text: None and "" in the rows. The same seed gives the same
files on every machine.
"""

import gzip

from oracle import BOM

PIECES = ["a", "B", "7", "-", "0.5", " ", "  ", "é", "漢", "😀", "\u2028", "\x00", "\x1b", "\x7f", "'", "\\",
          ";", "\t", ",", '"', '""', "\n", "\r", "\r\n"]
NAMES = ["id", "name", "Name", "größe", "a b", "x,y", 'say "so"', "two\nlines", "select", "", "id", "_", "0"]


def make_value(rng):
    kind = rng.random()
    if kind < 0.15:
        return None
    if kind < 0.25:
        return ""
    return "".join(rng.choice(PIECES) for _ in range(rng.randrange(1, 8)))


def make_row(rng, width):
    row = [make_value(rng) for _ in range(width)]
    # A lone null would be a blank line, which is no record.
    return row if row != [None] else [""]


def must_be_quoted(value, delimiter):
    return value == "" or value.startswith('"') or any(c in value for c in delimiter + "\r\n")


def spell_value(rng, value, delimiter):
    """One of the ways to write a value."""
    if value is None:
        return ""
    if must_be_quoted(value, delimiter) or rng.random() < 0.3:
        return '"' + value.replace('"', '""') + '"'
    return value


def spell_line_end(rng, line_ends, previous):
    """A line end that the one right before it cannot be mistaken for a part of."""
    end = rng.choice(line_ends)
    return "\r" if previous == "\r" and end == "\n" else end


def spell_text(rng, records, delimiter, line_ends, ends_with_newline, blank_lines):
    """All records as text, with blank lines here and there; None in the header stands for an empty name."""
    text, end = [], ""
    for record in records:
        while blank_lines and rng.random() < 0.2:
            end = spell_line_end(rng, line_ends, end)
            text.append(end)
        end = rng.choice(line_ends)
        text += [delimiter.join(spell_value(rng, value, delimiter) for value in record), end]
    if not ends_with_newline and records[-1][-1] is not None:
        text.pop()
    return "".join(text)


def make_header(rng, width, names):
    header = [rng.choice(names) for _ in range(width)]
    return header if header != [""] else ["id"]


def make_file(rng, delimiter=",", rows=20, names=tuple(NAMES)):
    """The bytes of a plain or compressed file, its header and its rows."""
    width = rng.randrange(1, 7)
    header = make_header(rng, width, names)
    table = [make_row(rng, width) for _ in range(rng.randrange(rows))]
    line_ends = rng.choice([["\n"], ["\r\n"], ["\r"], ["\n", "\r\n", "\r"]])
    data = spell_text(rng, [[name or None for name in header]] + table, delimiter, line_ends,
                      ends_with_newline=rng.random() < 0.7, blank_lines=rng.random() < 0.3).encode()
    if rng.random() < 0.2:
        data = BOM + data
    return data, header, table


def compress_in_members(rng, data):
    """gzip, cut into members anywhere."""
    cuts = sorted(rng.randrange(len(data) + 1) for _ in range(rng.randrange(3)))
    return b"".join(gzip.compress(data[a:b], mtime=0) for a, b in zip([0, *cuts], [*cuts, len(data)]))

"""A reader by the letter of the contract, given all parameters; made without the generator.

It gives a file's header, its rows and its faults, null apart from the empty text. The tests compare
with it what the generator says of its files; it is itself compared with Python's csv and with
tests/cli/oracle.py.
"""

import argparse
import codecs
import re

from case import BOMS, PYTHON_CODECS, Fault, Reading

LINE = re.compile(r"\r\n|\r|\n|\Z")


def parse_options(options):
    parser = argparse.ArgumentParser(add_help=False)
    parser.add_argument("--delim", default=",")
    parser.add_argument("--quote", default='"')
    parser.add_argument("--escape", default="doubled")
    parser.add_argument("--header", default="yes")
    parser.add_argument("--skip", type=int, default=0)
    parser.add_argument("--padding", choices=["no"], default="no")
    parser.add_argument("--encoding", default="utf-8")
    parser.add_argument("--comment")
    parser.add_argument("--max-record", type=int, default=64 << 20)
    args = parser.parse_args([word for pair in zip(options[::2], options[1::2]) for word in
                              (f"{pair[0]}={pair[1]}",)])
    args.quote = None if args.quote == "none" else args.quote
    return args


# ---------------------------------------------------------------- bytes to text

def keep_as_surrogates(error):
    """Bytes that are no text become U+DC80 to U+DCFF, which tell their record from others."""
    if isinstance(error, UnicodeDecodeError):
        bad = error.object[error.start:error.end]
        return "".join(chr(0xdc80 | byte) for byte in bad), error.end
    raise error


codecs.register_error("keep", keep_as_surrogates)


def text_of(data, args):
    """UTF-8 such that it encodes back to the same bytes; other encodings as far as they go."""
    data = data.removeprefix(BOMS.get(args.encoding, b""))
    if args.encoding == "utf-8":
        return data.decode("utf-8", "surrogateescape")
    return data.decode(PYTHON_CODECS.get(args.encoding, args.encoding), "keep")


NO_TEXT = re.compile("[\ud800-\udfff]")


# ---------------------------------------------------------------- text to records

class Unclosed(Exception):
    def __init__(self, opened, column):
        super().__init__()
        self.opened = opened
        self.column = column


class Records:
    """Iterates over (start, end, fields): fields are None, "" or text, or an Unclosed."""

    def __init__(self, text, args):
        self.text = text
        self.args = args
        self.bare_field = re.compile(rf"[^{re.escape(args.delim)}\r\n]*")
        self.at = 0
        for _ in range(args.skip):
            self.at = self.next_line(self.at)

    def next_line(self, at):
        return LINE.search(self.text, at).end()

    def is_field_end(self, at):
        return at >= len(self.text) or self.text[at] in (self.args.delim, "\r", "\n")

    def __iter__(self):
        while self.at < len(self.text):
            start = self.at
            if self.text[start] == self.args.comment or self.text[start] in "\r\n":
                self.at = self.next_line(start)
                continue
            try:
                fields = self.record()
                end = self.at
            except Unclosed as unclosed:
                fields = unclosed
                end = LINE.search(self.text, unclosed.opened).start()
            yield start, end, fields
            self.at = LINE.match(self.text, end).end()

    def record(self):
        fields = []
        while True:
            if self.args.quote and self.text.startswith(self.args.quote, self.at):
                fields.append(self.quoted(len(fields) + 1))
            else:
                fields.append(self.bare())
            if not self.text.startswith(self.args.delim, self.at):
                return fields
            self.at += 1

    def bare(self):
        if self.args.escape != "backslash":
            field = self.bare_field.match(self.text, self.at)
            self.at = field.end()
            return field[0] or None
        found = []
        at = self.at
        while not self.is_field_end(at):
            if self.text[at] == "\\" and self.args.escape == "backslash":
                at += 1
            found.append(self.text[at:at + 1])
            at += 1
        self.at = at
        return "".join(found) or None

    def quoted(self, column):
        opened, at = self.at, self.at + 1
        quote, is_doubled, found = self.args.quote, self.args.escape == "doubled", []
        while at < len(self.text):
            character = self.text[at]
            if character == "\\" and self.args.escape == "backslash":
                found.append(self.text[at + 1:at + 2])
                at += 2
            elif is_doubled and self.text.startswith(quote * 2, at):
                found.append(quote)
                at += 2
            elif character == quote and self.is_field_end(at + 1):
                self.at = at + 1
                return "".join(found)
            else:
                found.append(character)
                at += 1
        raise Unclosed(opened, column)


# ---------------------------------------------------------------- records to a table

def column_names(header):
    """Its own names first, then what is free: columnN for an empty one, a_2, a_3... for more."""
    taken, seen, names = set(filter(None, header)), set(), []
    for number, name in enumerate(header, 1):
        if not name or name in seen:
            wanted = name or f"column{number}"
            made, count = wanted, 1
            while made in taken:
                count += 1
                made = f"{wanted}_{count}"
            name = made
            taken.add(name)
        seen.add(name)
        names.append(name)
    return names


def fault_of(fields, size, width, args):
    """What is wrong with a record, and in which column."""
    if size > args.max_record:
        return "limit", None
    if isinstance(fields, Unclosed):
        return "quote", fields.column
    for column, field in enumerate(fields, 1):
        if field and NO_TEXT.search(field):
            return "encoding", column
    if len(fields) != width:
        return "short" if len(fields) < width else "long", None
    return None, None


def read(data, options):
    args = parse_options(options)
    text = text_of(data, args)
    has_header, width = args.header == "yes", None
    reading = Reading()
    number, line, counted = 0, 1, 0
    for start, end, fields in Records(text, args):
        line += len(re.findall(r"\r\n|\r|\n", text[counted:start]))
        counted = start
        size = len(text[start:end].encode("utf-8", "surrogatepass"))
        if width is None and has_header:
            if isinstance(fields, Unclosed):
                return refused(line)
            width = len(fields)
            reading.header = column_names(fields)
            continue
        width = width or len(fields)
        number += 1
        code, column = fault_of(fields, size, width, args)
        if not code:
            reading.rows.append(fields)
            continue
        offset = raw = None
        if args.encoding == "utf-8":  # whose text can be turned into the file's bytes again
            offset = len(data) - len(text[start:].encode("utf-8", "surrogateescape"))
            raw = text[start:end].encode("utf-8", "surrogateescape")
        reading.faults.append(Fault(code, line, number, offset, column, raw))
    if 2 * len(reading.faults) > number:
        return refused(None)
    return reading


def refused(line):
    return Reading(None, [], [Fault("", line, None, None, None, None)], refused=True)

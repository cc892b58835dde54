"""Dirty tables, and what becomes of them when records with faults are set aside: by the rules of the manual.

Nothing here is fast, and nothing knows how the program does it.
"""

import bisect
import copy
import functools
import re

FIELD_START, PLAIN, QUOTED, QUOTE_SEEN = range(4)
QUOTE = ord('"')


class Reject:
    """A record that is set aside: where it begins, and the place that is meant in it."""

    def __init__(self, text, code, start, raw, at, field, record):
        self.code = code
        self.offset = start
        self.raw = raw
        self.record = record
        self.field = field
        self.line = 1 + count_lines(text, start)
        self.fault_line = 1 + count_lines(text, at)
        self.fault_byte = at - line_start(text, at) + 1

    def key(self):
        return (self.record, self.code, self.line, self.offset, self.field, self.fault_line, self.fault_byte,
                self.raw)


@functools.lru_cache(maxsize=2)
def line_ends(text):
    return [found.start() for found in re.finditer(rb"\r\n?|\n", text)]


def count_lines(text, end):
    """The lines that end before an offset."""
    return bisect.bisect_left(line_ends(text), end)


def line_start(text, at):
    return max(text.rfind(b"\n", 0, at), text.rfind(b"\r", 0, at)) + 1


def line_end(text, at):
    """Where the line's end begins, and the offset behind it."""
    while at < len(text) and text[at] not in b"\r\n":
        at += 1
    return at, at + 2 if text[at:at + 2] == b"\r\n" else min(at + 1, len(text))


class Record:
    """One record from an offset on, as a lenient reader sees it: byte by byte, until it ends or has a fault."""

    def __init__(self, text, start, delimiter, limit):
        self.text, self.start, self.limit = text, start, limit
        self.fields, self.starts = [], [start]  # values, and where each begins
        self.code = self.at = self.field = None  # the fault, its place, and in which field that is
        self.end = self.behind = None  # of what is kept of it, and where reading goes on
        self.read(delimiter)

    def read(self, delimiter):
        text, at, line, state, value = self.text, self.start, self.start, FIELD_START, None
        opened = broken = at_limit = None  # places: a quote that opens a field, and so on
        while True:
            if at_limit is None and at - self.start >= self.limit:
                at_limit = opened if state == QUOTED else (self.start, 0)
            if at == len(text) or text[at] in b"\r\n":
                end, behind = line_end(text, at)
                if at == line == len(text):
                    return self.fail("quote", opened)
                if end - self.start > self.limit:
                    return self.fail("limit", at_limit, behind)
                if state == QUOTED:
                    line_inside = True
                    broken = broken or (opened if lone else None)
                if broken:
                    return self.fail("quote", broken)
                if state != QUOTED:
                    self.fields.append(value)
                    self.end, self.behind = end, behind
                    return None
                if at == len(text):
                    return self.fail("quote", opened)
                value += text[at:behind]
                at = line = behind
                continue
            byte = text[at]
            if byte == delimiter and state != QUOTED:
                self.fields.append(value)
                self.starts.append(at + 1)
                state, value = FIELD_START, None
            elif state == FIELD_START and byte == QUOTE:
                state, value, opened, line_inside, lone = QUOTED, b"", (at, len(self.fields) + 1), False, False
            elif state == QUOTED and byte == QUOTE:
                state = QUOTE_SEEN
            elif state == QUOTE_SEEN:
                if byte != QUOTE:
                    lone = True
                    broken = broken or (opened if line_inside else None)
                value += b'"' if byte == QUOTE else b'"' + bytes([byte])
                state = QUOTED
            else:
                state = PLAIN if state == FIELD_START else state
                value = (value or b"") + bytes([byte])
            at += 1

    def fail(self, code, place, behind=None):
        self.is_open = place[1] > 0
        self.code, (self.at, self.field) = code, place
        if self.field == 0:  # no quote is open: the line with which the record is too large
            self.field, self.end, self.behind = 1, self.start + self.limit, behind
            return
        self.end, self.behind = line_end(self.text, self.at)
        if code == "limit":
            self.end = min(self.end, self.start + self.limit)


def split(text, delimiter=b",", limit=64 << 20, refuses=lambda values: None):
    """The header, the rows (a dict: they have gaps) by the number of their record, and the rejects.

    `refuses` says of a record's values which one is of no type that was asked for.
    """
    return split_fixed(text, delimiter, limit, (), refuses)[:3]


def split_fixed(text, delimiter, limit, fixes, refuses=lambda values: None):
    """The same after repairs, some of "pad", "trim" and "quotes", and of each row that was repaired what was done."""
    offset = 3 if text.startswith(b"\xef\xbb\xbf") else 0
    header, rows, rejects, repairs, number = None, {}, [], {}, 0
    while offset < len(text):
        end, behind = line_end(text, offset)
        if end == offset:
            offset = behind
            continue
        record = Record(text, offset, delimiter[0], limit)
        raw = text[offset:record.end]
        if header is None:
            assert record.code is None, "a header with a fault"
            header = record.fields
            offset = record.behind
            continue
        number += 1
        if record.code is None:
            done = check(record, raw, offset, len(header), fixes, refuses)
        elif record.is_open and "quotes" in fixes:
            done = take_literally(record, text, delimiter[0], limit, len(header), fixes, refuses)
        if record.code:
            rejects.append(Reject(text, record.code, offset, raw, record.at, record.field, number))
        else:
            rows[number] = [None if value is None else value.decode() for value in record.fields]
            if done:
                repairs[number] = done
        offset = record.behind
    return [name.decode() for name in header], rows, rejects, repairs


def is_blank(value):
    return value is None or not value.strip(b" \t")


def check(record, raw, start, width, fixes, refuses):
    """Find a fault of a record that ends well, or repair it; what was done."""
    done = set()
    n = len(record.fields)
    find_fault(record, raw, start, width)
    if record.code == "short" and "pad" in fixes:
        record.code, record.fields = None, record.fields + [None] * (width - n)
        done.add("pad")
    elif record.code == "long" and "trim" in fixes and all(map(is_blank, record.fields[width:])):
        record.code, record.fields = None, record.fields[:width]
        done.add("trim")
    if record.code is None:
        find_refused(record, refuses)
    return done


def take_literally(record, text, delimiter, limit, width, fixes, refuses):
    """The record up to the end of the line of its open quote, with that quote as text: if it is a good one then."""
    raw = text[record.start:line_end(text, record.at)[0]]
    other = copy.copy(record)
    other.code = None
    other.fields = fields_of(raw, delimiter, record.at - record.start)
    if len(raw) > limit or other.fields is None:
        return None
    other.starts = [record.start] * len(other.fields)  # of a fault that nobody is told of
    done = check(other, raw, record.start, width, fixes, refuses)
    if other.code is None:
        record.code, record.fields = None, other.fields
        return done | {"quotes"}
    return None


def fields_of(raw, delimiter, literal):
    """The fields of one record, whose quote at `literal` is text; None: it ends in another quote."""
    fields, at = [], 0
    while True:
        if at == literal or raw[at:at + 1] != b'"':
            end = raw.find(bytes([delimiter]), at)
            end = len(raw) if end < 0 else end
            fields.append(raw[at:end] or None)
            at = end
        else:
            value, at = b"", at + 1
            while at == len(raw) or raw[at] != QUOTE or raw[at + 1:at + 2] not in (b"", bytes([delimiter])):
                if at == len(raw):
                    return None
                value += raw[at:at + 1]
                at += 2 if raw[at:at + 2] == b'""' else 1
            fields.append(value)
            at += 1
        if at == len(raw):
            return fields
        at += 1


def find_refused(record, refuses):
    refused = refuses([None if value is None else value.decode() for value in record.fields])
    if refused is not None:
        record.code, record.at, record.field = "type", record.starts[refused], refused + 1


def find_fault(record, raw, start, width):
    """Bytes that are not UTF-8 come before too few or too many fields."""
    try:
        raw.decode()
    except UnicodeDecodeError as error:
        record.code, record.at = "encoding", start + error.start
        record.field = sum(each <= record.at for each in record.starts)
        return
    if len(record.fields) < width:
        record.code, record.at, record.field = "short", start + len(raw), len(record.fields) + 1
    elif len(record.fields) > width:
        record.code, record.at, record.field = "long", record.starts[width], width + 1


# ---------------------------------------------------------------- random ones

PLAIN_VALUES = [b"1", b"ab", b"", b'x"y', b"2.5", b'""', "é".encode(), b" ", b"a\x00b", b"2024-02-29", b"-7"]
INSIDE = [b"a", b"\n", b"\r\n", b'""', b"\r", "漢".encode(), b" ", b"12", b","]


def make_value(rng):
    if rng.random() < 0.7:
        return rng.choice(PLAIN_VALUES)
    return b'"' + b"".join(rng.choice(INSIDE) for _ in range(rng.randrange(5))) + rng.choice([b'"'] * 9 + [b'b"c"'])


def make_fault(rng, delimiter, longest):
    some = b"x" * rng.randrange(longest)
    return rng.choice([delimiter, b"\xff", b'"open', delimiter + b'"open', b'"two\nlines" and more"', b"y" + some,
                       b'"' + some, b'"' + some + b'"', b'"a\nb"' + delimiter + some, b'"a\rb"' + delimiter + b'"never',
                       b"\xc3", b'"\xe6\xbc\n"'])


def make_record(rng, width, delimiter, faults, longest):
    values = [make_value(rng) for _ in range(width)]
    if rng.random() < faults:
        if rng.random() < 0.2:
            del values[rng.randrange(width):]
        else:
            values[rng.randrange(width)] = make_fault(rng, delimiter, longest)
    return delimiter.join(values).replace(b",", delimiter)


def make_file(rng, records=25, delimiter=b",", faults=0.25, longest=60):
    width = rng.randrange(1, 5)
    ends = rng.choice([[b"\n"], [b"\r\n"], [b"\r"], [b"\n", b"\r\n", b"\r", b"\n\n", b"\r\r\n"]])
    lines = [delimiter.join(b"h%d" % i for i in range(width))]
    lines += [make_record(rng, width, delimiter, faults, longest) for _ in range(rng.randrange(records) + 1)]
    text = b"".join(line + rng.choice(ends) for line in lines)
    if rng.random() < 0.3:
        text = text[:-1]
    return b"\xef\xbb\xbf" * (rng.random() < 0.1) + text

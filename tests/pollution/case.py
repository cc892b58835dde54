"""What a polluted file is made of and what is known of it: a Document, and a Case when it is done.

A Document writes records, faults and whatever else stands in a file, one after the other, and notes
at each place what a reader has to find there. Nothing is read back here: that is for the tests.
"""

import codecs
import dataclasses
import re

import tables
from tables import Dice

LINE_END = re.compile(r"\r\n|\r|\n")
BOMS = {"utf-8": codecs.BOM_UTF8, "utf-16le": codecs.BOM_UTF16_LE, "utf-16be": codecs.BOM_UTF16_BE,
        "utf-32le": codecs.BOM_UTF32_LE}

# iconv's name, where Python has another one.
PYTHON_CODECS = {"macintosh": "mac-roman"}


@dataclasses.dataclass
class Dialect:
    delimiter: str = ","
    quote: str = '"'         # None: quotes are data
    escape: str = "doubled"  # backslash, none
    newline: str = "\n"
    comment: str = None
    encoding: str = "utf-8"  # as iconv calls it
    bom: bool = False
    quoting: str = "minimal"  # which cells get quotes: minimal, all, text (all but numbers), random

    @property
    def codec(self):
        return PYTHON_CODECS.get(self.encoding, self.encoding)


@dataclasses.dataclass
class Fault:
    code: str      # short, long, quote, encoding, limit
    line: int      # of the file, from 1, where the record begins
    record: int    # from 1, the header not counted; None: not scored
    offset: int    # of the record's first byte, from 0; None: not scored
    column: int    # from 1; None: not scored
    raw: bytes     # without its line end; None: not scored


@dataclasses.dataclass
class Reading:
    """What a reader has to find: rows and faults, or that the file as a whole is refused."""
    header: list = None  # None: columns have no names
    rows: list = dataclasses.field(default_factory=list)
    faults: list = dataclasses.field(default_factory=list)
    refused: bool = False


@dataclasses.dataclass
class Case:
    kind: str
    name: str          # of the file
    data: bytes
    options: list      # of the command line, under which the meaning is certain
    certain: bool      # without any of them, too
    reason: str        # why it is, or why not
    readings: list     # the first is the best; more than one where the contract leaves a choice

    @property
    def reading(self):
        return self.readings[0]


# ---------------------------------------------------------------- writing

def must_be_quoted(text, dialect):
    special = [dialect.delimiter, dialect.quote, "\r", "\n"]
    if dialect.escape == "backslash":
        special.append("\\")
    return text == "" or any(c in text for c in special) or text[:1] == dialect.comment


def is_quoted(text, dialect, dice):
    return (must_be_quoted(text, dialect) or dialect.quoting == "all"
            or dialect.quoting == "text" and not tables.is_typed(text)
            or dialect.quoting == "random" and dice.chance(0.4))


def spell_quoted(text, dialect):
    quote = dialect.quote
    if dialect.escape == "backslash":
        text = text.replace("\\", "\\\\").replace(quote, "\\" + quote)
    elif dialect.escape == "doubled":
        text = text.replace(quote, quote * 2)
    else:
        assert quote not in text, text
    return quote + text + quote


def spell_bare(text, dialect):
    """Without quotes: what has a meaning gets a backslash, if there are backslashes."""
    special = [dialect.delimiter, "\r", "\n"]
    if dialect.escape == "backslash":
        for character in ["\\", *special]:
            text = text.replace(character, "\\" + character)
    else:
        assert not any(c in text for c in special), text
    return text


def spell_cell(cell, dialect, dice):
    if cell is None:
        return ""
    if dialect.quote is None:
        return spell_bare(cell, dialect)
    return spell_quoted(cell, dialect) if is_quoted(cell, dialect, dice) else cell


class Document:
    """A file in the making. A line's end is written when the next line begins, or by finish()."""

    def __init__(self, dice, **dialect):
        self.dice = dice
        self.dialect = Dialect(**dialect)
        self.data = bytearray(BOMS[self.dialect.encoding] if self.dialect.bom else b"")
        self.line = 1
        self.skip = 0
        self.record = 0
        self.pending = ""
        self.has_header = False
        self.reading = Reading()
        self.others = []
        self.doubts = []
        self.judged = True       # whether what the cells look like tells a header from a row
        self.more_options = []

    # ------------------------------------------------ bytes

    def put(self, text):
        """Text as it is. A line end belongs in one call with what it ends, or stands alone."""
        self.put_bytes(text.encode(self.dialect.codec), LINE_END.findall(text))

    def put_bytes(self, data, line_ends=()):
        if self.pending:
            pending, self.pending = self.pending, ""
            self.put(pending)
        self.data += data
        self.line += len(line_ends)

    def end(self):
        if self.pending:
            self.put("")
        self.pending = self.dialect.newline

    def turn_to(self, newline):
        """The last line ends so, and the next ones do."""
        self.pending = self.dialect.newline = newline

    def leave_open(self):
        """The last line does not end."""
        self.pending = ""

    def finish(self):
        if self.pending:
            self.put("")

    # ------------------------------------------------ what is found in the file

    def spell(self, cells):
        text = self.dialect.delimiter.join(spell_cell(c, self.dialect, self.dice) for c in cells)
        assert text, "a lone null would be a blank line"
        assert text[:1] != self.dialect.comment
        return text

    def header(self, names, found=None):
        """The header; `found` where the columns are called otherwise than it says."""
        self.has_header = True
        self.reading.header = list(found or names)
        self.put(self.spell(names))
        self.end()

    def row(self, cells, spelled=None):
        """A good record. What cannot be told from null without quotes is null."""
        if self.dialect.quote is None:
            cells = [cell or None for cell in cells]
        text = spelled if spelled is not None else self.spell(cells)
        self.record += 1
        self.reading.rows.append(list(cells))
        self.put(text)
        self.end()

    def rows(self, rows):
        for row in rows:
            self.row(row)

    def block(self, rows, times):
        """The same rows again and again: long files would take long to write cell by cell."""
        end = self.dialect.newline
        self.put("".join(self.spell(row) + end for row in rows) * times)
        self.record += len(rows) * times
        self.reading.rows += rows * times

    def table(self, table):
        self.header(table.header)
        self.rows(table.rows)

    def bad(self, raw, code, column=None):
        """A record that is set aside; raw is text or bytes."""
        data = raw if isinstance(raw, bytes) else raw.encode(self.dialect.codec)
        if self.pending:
            self.put("")
        self.record += 1
        fault = Fault(code, self.line, self.record, len(self.data), column, data)
        if self.dialect.encoding != "utf-8":
            # Whether bytes of the file are meant or what they decode to, is not agreed on.
            fault.offset = fault.raw = None
        self.reading.faults.append(fault)
        text = raw if isinstance(raw, str) else data.decode("latin-1")
        self.put_bytes(data, LINE_END.findall(text))
        self.end()

    def preamble(self, *lines):
        """Lines before the table, for --skip."""
        for line in lines:
            self.put(line)
            self.end()
            self.skip += 1

    def comment(self, text):
        """A line that is no record."""
        self.put(self.dialect.comment + text)
        self.end()

    def blank(self):
        self.put("")
        self.end()

    def refuse(self, line=None):
        """Nothing of the file is loaded; the fault that is shown is in that line."""
        shown = Fault("", line, None, None, None, None)
        self.reading = Reading(None, [], [shown], refused=True)
        self.judged = False

    def or_else(self, reading):
        """The contract allows this, too."""
        self.others.append(reading)

    def doubt(self, why):
        """Without parameters, an expert could read the file in another way."""
        self.doubts.append(why)

    # ------------------------------------------------ the case

    def options(self):
        dialect = self.dialect
        found = ["--delim", dialect.delimiter, "--quote", dialect.quote or "none",
                 "--escape", dialect.escape, "--header", "yes" if self.has_header else "no",
                 "--skip", str(self.skip), "--padding", "no", "--encoding", dialect.encoding]
        if dialect.comment:
            found += ["--comment", dialect.comment]
        return found + self.more_options

    def doubt_header(self):
        rows = self.reading.rows
        if len(rows) + len(self.reading.faults) < 2:
            self.doubt("too few records to tell a header from a row")
        elif self.has_header:
            columns = typed_columns_under(self.reading.header, rows)
            if not columns:
                self.doubt("no numbers or dates under a name: the first record may be a row")
        elif not any(tables.is_typed(rows[0][c]) for c in tables.typed_columns(rows)):
            self.doubt("no numbers or dates: the first record may be a header")

    def case(self, kind, name, certain, reason):
        if self.judged:
            self.doubt_header()
        if not certain:
            self.doubts.insert(0, reason)
        self.finish()
        return Case(kind, name, bytes(self.data), self.options(), not self.doubts,
                    "; ".join(self.doubts) or reason, [self.reading, *self.others])


def typed_columns_under(header, rows):
    return [c for c in tables.typed_columns(rows) if not tables.is_typed(header[c])]


# ---------------------------------------------------------------- kinds

@dataclasses.dataclass
class Kind:
    name: str
    make: object      # makes a Document of a table
    tables: list      # that it can be made of
    certain: bool
    reason: str
    most: int         # cases of one seed, since more would take long

    def case(self, seed, index):
        """The index-th of its cases. The tables take turns, the seed says which one begins."""
        first = Dice(f"{seed}/{self.name}").between(0, len(self.tables) - 1)
        dice = Dice(f"{seed}/{self.name}/{index}")
        table = self.tables[(first + index) % len(self.tables)](dice)
        document = self.make(table, dice)
        return document.case(self.name, f"{self.name}-{index}-{table.name}.csv", self.certain,
                             self.reason)


KINDS = {}


def kind(name, of, reason, certain=True, most=1000):
    """
    Registers a function that makes a Document of (table, dice). `reason` says why an expert can
    tell the meaning without parameters, or, with certain=False, why not.
    """
    def register(make):
        assert name not in KINDS, name
        KINDS[name] = Kind(name, make, list(of), certain, reason, most)
        return make
    return register

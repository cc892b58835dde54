"""Records too short and too long, quotes astray, NULs, odd values; and where exactly faults are."""

import tables
from case import Document, Fault, Reading, kind
from kinds_dialect import document
from tables import orders, pairs, people, prices, sensors, stock, stories

PLACES = ("first", "middle", "last")
MOST = "most records have the header's width"


def index_in(place, things):
    return {"first": 0, "middle": len(things) // 2, "last": len(things) - 1}[place]


def around(table, dice, place, write, **dialect):
    """The table, but for one record: write(result, row) writes what stands there instead."""
    result = Document(dice, **dialect)
    result.header(table.header)
    at = index_in(place, table.rows)
    result.rows(table.rows[:at])
    result.dialect.quoting = "minimal"
    write(result, table.rows[at])
    result.rows(table.rows[at + 1:])
    return result


def at_each_place(name, of, reason, write, certain=True, quoting="minimal"):
    """A kind for each place of the record: who looks at the head alone sees one of them."""
    for place in PLACES:
        kind(f"{name}_{place}", of, reason, certain)(
            lambda table, dice, place=place: around(table, dice, place, write, quoting=quoting))


# ---------------------------------------------------------------- width

SHAPED = [stock, sensors, orders, people]


at_each_place("short_by_one", SHAPED, MOST,
              lambda result, row: result.bad(result.spell(row[:-1]), "short"))
at_each_place("short_to_one_field", SHAPED + [stories], MOST,
              lambda result, row: result.bad(result.spell(row[:1]), "short"))
at_each_place("short_line_of_blanks", [stock, pairs], MOST + "; blanks are a field",
              lambda result, row: result.bad("   ", "short"))
at_each_place("long_by_one", SHAPED, MOST,
              lambda result, row: result.bad(result.spell([*row, "x"]), "long"))
at_each_place("long_by_delimiter_at_end", SHAPED + [pairs], MOST,
              lambda result, row: result.bad(result.spell([*row, None]), "long"))
at_each_place("long_two_lines_in_one", [stock, sensors], MOST,
              lambda result, row: result.bad(result.spell(row + row), "long"))


@kind("long_by_unquoted_comma", [people], MOST)
def long_by_unquoted_comma(table, dice):
    """A name with a comma that somebody typed in by hand."""
    def write(result, row):
        result.bad(broken(row, 1, "Smith, John"), "long")
    return around(table, dice, "middle", write)


@kind("long_by_decimal_comma", [stock], MOST)
def long_by_decimal_comma(table, dice):
    def write(result, row):
        result.bad(",".join([row[0], "red", row[2], "12,50", row[4]]), "long")
    return around(table, dice, dice.pick(PLACES), write)


@kind("short_in_two_columns", [pairs], MOST)
def short_in_two_columns(table, dice):
    return around(table, dice, dice.pick(PLACES), lambda result, row: result.bad(row[0], "short"))


@kind("short_cut_off_at_end", [stock, sensors], MOST)
def short_cut_off_at_end(table, dice):
    """The file ends in the middle of its last record."""
    result = document(table, dice, newline=dice.pick(["\n", "\r\n"]))
    result.bad(result.spell(table.rows[0][:2])[:-1], "short")
    result.leave_open()
    return result


# ---------------------------------------------------------------- quotes that are never closed

NEVER = "no quote comes after it: it is never closed, and costs its own record"


def broken(row, column, spelled):
    """The record with that text in one field, as it is."""
    cells = [cell or "" for cell in row]
    cells[column] = spelled
    return ",".join(cells)


def register_unclosed_quotes():
    """In some columns of the first, a middle and the last record; with quotes before it, or not."""
    for column_place in PLACES:
        def write(result, row, column_place=column_place):
            column = index_in(column_place, row)
            result.bad(broken(row, column, '"' + (row[column] or "x")), "quote", column + 1)
        at_each_place(f"quote_unclosed_{column_place}_column", [stock, sensors], NEVER, write)
        at_each_place(f"quote_unclosed_{column_place}_column_after_others", [stock, sensors],
                      NEVER, write, quoting="text")


register_unclosed_quotes()


def unclosed(name, spelled, of=(stock, sensors), **dialect):
    """A kind for another way to leave a quote open."""
    @kind(name, list(of), NEVER)
    def make(table, dice):
        def write(result, row):
            result.bad(broken(row, 1, spelled), "quote", 2)
        return around(table, dice, dice.pick(PLACES), write, **dialect)


unclosed("quote_unclosed_alone", '"')
unclosed("quote_unclosed_after_doubled", '"red""')
unclosed("quote_unclosed_three", '"""')
unclosed("quote_unclosed_text_after_end", '"red"x')
unclosed("quote_unclosed_blank_after_end", '"red" ')
unclosed("quote_unclosed_text_after_empty", '""red')


@kind("quote_unclosed_by_backslash", [stock, sensors], "backslashes stand before quotes elsewhere")
def quote_unclosed_by_backslash(table, dice):
    result = Document(dice, escape="backslash", quoting="text")
    result.header(table.header)
    for row in table.rows:
        result.row([row[0], f'a "{dice.pick(tables.COLOURS)}", b', *row[2:]])
    result.dialect.quoting = "minimal"
    result.bad(broken(table.rows[0], 1, '"red\\"'), "quote", 2)
    return result


@kind("quote_unclosed_single", [stock], "apostrophes are quotes elsewhere")
def quote_unclosed_single(table, dice):
    result = Document(dice, quote="'", quoting="all")
    result.header(table.header)
    result.rows([[row[0], "red, dark", *row[2:]] for row in table.rows])
    result.dialect.quoting = "minimal"
    result.bad(broken(table.rows[0], 1, "'red"), "quote", 2)
    return result


@kind("quote_unclosed_at_end_of_file", [stock, sensors], NEVER)
def quote_unclosed_at_end_of_file(table, dice):
    result = document(table, dice)
    result.bad(broken(table.rows[0], table.width - 1, '"'), "quote", table.width)
    result.leave_open()
    return result


@kind("quote_unclosed_several", [sensors], "none of them is closed, each costs its own record")
def quote_unclosed_several(table, dice):
    result = Document(dice)
    result.header(table.header)
    for number, row in enumerate(table.rows):
        if number % 25 == 7:
            result.bad(broken(row, 1, '"' + row[1]), "quote", 2)
        else:
            result.row(row)
    return result


@kind("quote_unclosed_then_quoted", [stock],
      "a later quote closes it: so far the record may reach, or not", False)
def quote_unclosed_then_quoted(table, dice):
    """By the rules of the language a record of two lines. A reader may know better."""
    result = Document(dice)
    result.header(table.header)
    middle = len(table.rows) // 2
    result.rows(table.rows[:middle])
    first, second = table.rows[middle:middle + 2]
    start = len(result.data) + 1
    swallowed = ",".join(["red", *first[2:]]) + "\n" + second[0] + ',"red'
    result.row([first[0], swallowed, *second[2:]],
               broken(first, 1, '"red') + "\n" + broken(second, 1, '"red"'))
    result.rows(table.rows[middle + 2:])
    fault = Fault("quote", middle + 2, middle + 1, start, 2, broken(first, 1, '"red').encode())
    rows = [*table.rows[:middle], [second[0], "red", *second[2:]], *table.rows[middle + 2:]]
    result.or_else(Reading(table.header, rows, [fault]))
    return result


@kind("quote_unclosed_in_header", [stock, sensors], "a name or a broken file", False)
def quote_unclosed_in_header(table, dice):
    """Nothing is loaded, unless the quote is taken for a part of the name, and told."""
    result = Document(dice)
    result.put(broken(table.header, 1, '"' + table.header[1]))
    result.end()
    result.has_header = True
    result.rows(table.rows)
    result.refuse(1)
    names = [table.header[0], '"' + table.header[1], *table.header[2:]]
    fault = Fault("quote", 1, None, 0, 2, broken(table.header, 1, '"' + table.header[1]).encode())
    result.or_else(Reading(names, table.rows, [fault]))
    return result


# ---------------------------------------------------------------- quotes that are data

def stray(name, spelled, meant, reason, of=(stock, sensors)):
    """A kind for each column in turn, and for the places of the record."""
    @kind(name, list(of), reason)
    def make(table, dice):
        column = dice.between(0, table.width - 1)

        def write(result, row):
            cells = list(row)
            cells[column] = meant
            result.row(cells, broken(row, column, spelled))
        return around(table, dice, dice.pick(PLACES), write)


BARE = "the contract: in a field that began without one, a quote is data"
INSIDE = "the contract: a quote that ends no field is a part of it"

stray("quote_stray_inside", 'a"b', 'a"b', BARE)
stray("quote_stray_at_end", '5"', '5"', BARE)
stray("quote_stray_pair", 'a "b" c', 'a "b" c', BARE)
stray("quote_stray_doubled", 'a""b', 'a""b', BARE)
stray("quote_stray_after_blank", ' "ab"', ' "ab"', BARE)
stray("quote_stray_in_quotes", '"a "b" c"', 'a "b" c', INSIDE)
stray("quote_stray_in_quotes_at_begin", '"""b"', '"b', "doubled, as it should be")
stray("quote_stray_four", '""""', '"', "doubled, as it should be")
stray("quote_stray_after_end", '"ab"c"', 'ab"c', INSIDE)


@kind("quote_stray_before_delimiter", [stock, sensors],
      "it ends the field; what follows is one field too many")
def quote_stray_before_delimiter(table, dice):
    def write(result, row):
        result.bad(broken(row, 1, '"say "no", he said"'), "long")
    return around(table, dice, dice.pick(PLACES), write)


# ---------------------------------------------------------------- NULs

def with_cells(table, dice, cells, column=1, **dialect):
    """The table with one of those in each record."""
    result = Document(dice, **dialect)
    result.header(table.header)
    for row in table.rows:
        changed = list(row)
        changed[column] = dice.pick(cells)
        result.row(changed)
    return result


DATA = "the contract: a NUL is data"


@kind("nul_in_cells", [stock, sensors], DATA)
def nul_in_cells(table, dice):
    return with_cells(table, dice, ["a\0b", "\0", "\0\0x", "x\0"])


@kind("nul_in_quotes", [stock, sensors], DATA)
def nul_in_quotes(table, dice):
    return with_cells(table, dice, ["a\0,b", '"\0"', "\0\n\0", "x,\0"])


@kind("nul_only_at_end", [stock, sensors], DATA)
def nul_only_at_end(table, dice):
    result = document(table, dice)
    result.row([table.rows[0][0], "a\0b", *table.rows[0][2:]])
    return result


@kind("nul_in_header", [stock], DATA)
def nul_in_header(table, dice):
    result = Document(dice)
    result.header([table.header[0], "col\0our", *table.header[2:]])
    result.rows(table.rows)
    return result


at_each_place("nul_block", [stock, sensors],
              "a hole where a program was killed: one line of another width",
              lambda result, row: result.bad("\0" * 64, "short"))


# ---------------------------------------------------------------- values to be left alone

def register_values():
    verbatim = "the contract: a cell's text is what stands there"
    for word, cells in {
            "null_words": ["NULL", "null", "NA", "N/A", "nan", "None", "\\N", "-", "#N/A"],
            "numbers": ["007", "+5", "1e5", "1E-3", ".5", "5.", "0x1F", "1_000",
                        "12345678901234567890", "-0", "inf"],
            "blanks": [" ", "  x", "x  ", "\t", "a\tb", "\u00a0"],
            "delimiters": [";", "a;b", "|", "a|b|c", "x:y", ":", "~", "^"],
            "formulas": ["=1+1", "+A1", "@x", "-1+2", "=HYPERLINK('x')"],
            "control_characters": ["\x1b[31m", "\x07", "a\x08b", "\x7f", "\x1a", "\x02"],
            "markup": ["<b>x</b>", "&amp;", "{'a': 1}", "[1 2]", "%20", "\\n", "$1"],
            "quotes_of_other_kinds": ["'", "''", "'x'", "`x`", "´", "“x”", "‘"]}.items():
        kind(f"value_{word}", [stock, sensors], verbatim)(
            lambda table, dice, cells=cells: with_cells(table, dice, cells))


register_values()


@kind("value_long", [stock], "length means nothing")
def value_long(table, dice):
    result = document(table, dice)
    for text in ("x" * 10_000, 'a "b",\n' * 500):
        result.row([table.rows[0][0], text, *table.rows[0][2:]])
    result.rows(table.rows[:3])
    return result


@kind("value_many_columns", [stock], "every record is as wide")
def value_many_columns(table, dice):
    result = Document(dice)
    result.header([f"c{i}" for i in range(300)])
    for _ in range(12):
        result.row([str(dice.between(0, 99)) for _ in range(300)])
    return result


@kind("limit_of_a_record", [stock, sensors], "the limit is a parameter", False)
def limit_of_a_record(table, dice):
    def write(result, row):
        result.bad(broken(row, 1, "x" * 3000), "limit")
        result.reading.faults[-1].raw = None  # how much of it is kept is not agreed on
    result = around(table, dice, dice.pick(PLACES), write)
    result.more_options = ["--max-record", "1000"]
    return result


# ---------------------------------------------------------------- coordinates

def faults_at(name, of=(stock, sensors), reason=MOST, **dialect):
    """
    Registers a kind with a short and a long record and what `prepare` writes: whatever makes lines,
    records and bytes run apart. prepare(result, table) writes some of the records, and the header
    if there is one.
    """
    def register(prepare):
        @kind(name, list(of), reason)
        def make(table, dice):
            result = Document(dice, **dialect)
            prepare(result, table)
            result.bad(result.spell(table.rows[0][:-1]), "short")
            result.rows(table.rows)
            result.bad(result.spell([*table.rows[0], "x"]), "long")
            result.rows(table.rows[:2])
            return result
        return prepare
    return register


def head(result, table):
    result.header(table.header)
    result.rows(table.rows[:3])


faults_at("fault_after_crlf", newline="\r\n")(head)
faults_at("fault_after_cr", newline="\r")(head)
faults_at("fault_after_bom", bom=True)(head)
faults_at("fault_after_quotes", quoting="all", delimiter=";")(head)
faults_at("fault_after_letters_of_many_bytes", [people, tables.cities])(head)
faults_at("fault_in_utf_16", encoding="utf-16le", bom=True)(head)
faults_at("fault_in_windows_1252", [lambda dice: prices(dice).longer(20)], encoding="windows-1252",
          delimiter=";")(head)
faults_at("fault_without_header", reason="most records have one width")(
    lambda result, table: result.rows(table.rows[:3]))


@faults_at("fault_after_lines_in_quotes")
def fault_after_lines_in_quotes(result, table):
    head(result, table)
    result.row([table.rows[0][0], "a\nb\r\nc\rd\n\n", *table.rows[0][2:]])


@faults_at("fault_after_blank_lines")
def fault_after_blank_lines(result, table):
    result.blank()
    head(result, table)
    result.blank()
    result.blank()


@faults_at("fault_after_mixed_line_ends")
def fault_after_mixed_line_ends(result, table):
    result.header(table.header)
    for newline, row in zip(["\r", "\n", "\r\n", "\r", "\r\n"], table.rows):
        result.turn_to(newline)
        result.row(row)


@faults_at("fault_after_preamble", reason=MOST + "; the lines before do not")
def fault_after_preamble(result, table):
    result.preamble("Stock", "", "as counted")
    head(result, table)


@faults_at("fault_after_comments", reason=MOST + "; marked lines are no records", comment="#")
def fault_after_comments(result, table):
    result.comment(" by hand")
    result.comment(" all sites")
    head(result, table)
    result.comment(" shelf 2")


@kind("fault_of_every_code", [lambda dice: people(dice).longer(60)], MOST)
def fault_of_every_code(table, dice):
    """In each place of the file; the quote last, since what comes after it has none."""
    result = Document(dice)
    result.header(table.header)
    result.rows(table.rows[:20])
    result.bad("1,x", "short")
    result.rows(table.rows[20:40])
    result.bad(b"2,caf\xe9,,1999-01-01,1.70,yes", "encoding", 2)
    result.rows(table.rows[40:60])
    result.bad("3,x,,1999-01-01,1.70,yes,,", "long")
    result.bad('4,"x,,1999-01-01,1.70,yes', "quote", 2)
    result.row(["5", "x", None, "1999-01-01", "1.70", "yes"])
    return result


@kind("fault_one_in_five", [sensors], "four records of five have the header's width")
def fault_one_in_five(table, dice):
    result = Document(dice)
    result.header(table.header)
    for number, row in enumerate(table.rows):
        if number % 5 == 2:
            result.bad(result.spell(row[:-1]), "short")
        else:
            result.row(row)
    return result


@kind("fault_side_by_side", [stock, sensors], MOST)
def fault_side_by_side(table, dice):
    result = document(table, dice)
    result.bad("1", "short")
    result.bad("2,3", "short")
    result.bad("1,2,3,4,5,6", "long")
    result.rows(table.rows[:2])
    return result


@kind("fault_in_most_records", [stock], "header and records may belong to two tables", False)
def fault_in_most_records(table, dice):
    result = Document(dice)
    result.header(table.header)
    result.rows(table.rows[:3])
    for row in table.rows[3:]:
        result.bad(result.spell(row[:2]) + ",x", "short")
    result.refuse()
    return result

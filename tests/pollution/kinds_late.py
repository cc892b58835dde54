"""Long files, plain but for one place at a third of them: samples of some 64 KiB from the head, the
middle and the end show nothing of it.
"""

from case import Document, kind
from kinds_records import broken
from tables import cities, sensors

PART = 100_000  # bytes before the odd place; twice as many come after it


def late(name, reason, of=sensors, **dialect):
    """Registers a kind; odd(result, rows) writes the odd records."""
    def register(odd):
        @kind(f"late_{name}", [of], reason, most=1)
        def make(table, dice):
            result = Document(dice, **dialect)
            if result.dialect.comment:
                result.comment(" logger 7")
                result.comment(" battery new")
            result.header(table.header)
            times = 1 + PART // sum(len(result.spell(row).encode(result.dialect.codec))
                                    for row in table.rows)
            result.finish()
            result.block(table.rows, times)
            odd(result, table.rows)
            result.finish()
            result.block(table.rows, 2 * times)
            return result
        return odd
    return register


@late("quotes", "without quotes these would be no records")
def quotes(result, rows):
    result.row([*rows[0][:-1], 'see "log", line 3\nor so'])


@late("quotes_in_semicolons", "without quotes these would be no records", delimiter=";")
def quotes_in_semicolons(result, rows):
    result.row([*rows[0][:-1], "warn; late"])
    result.row([*rows[0][:-1], "warn, late"])


@late("backslash", "with doubled quotes these would be no records", escape="backslash")
def backslash(result, rows):
    for text in ('a "b", c', '"x"', 'end "'):
        result.row([rows[0][0], text, *rows[0][2:]])


@late("utf_8", "no byte is invalid")
def utf_8(result, rows):
    result.row([*rows[0][:-1], "größer als 東京"])


@late("windows_1252", "no UTF-8; a Western letter", encoding="windows-1252")
def windows_1252(result, rows):
    result.row([*rows[0][:-1], "größer – 5 €"])


@late("bad_bytes", "thousands of valid sequences against one that is not", of=cities)
def bad_bytes(result, rows):
    result.bad("Besançon,France,117000,1200".encode("windows-1252"), "encoding", 1)


@late("line_ends", "all kinds end a line")
def line_ends(result, rows):
    for newline in ("\r\n", "\r", "\r\n"):
        result.turn_to(newline)
        result.rows(rows[:5])
    result.turn_to("\n")


@late("nul", "the contract: a NUL is data")
def nul(result, rows):
    result.row([rows[0][0], "a\0b", *rows[0][2:]])


@late("word_among_numbers", "the contract: no value is trusted to be like the others")
def word_among_numbers(result, rows):
    result.row([*rows[0][:2], "broken", *rows[0][3:]])


@late("comment", "the mark is at the head, too", comment="#")
def comment(result, rows):
    result.comment(' a new "battery, at last')


@late("short", "most records have the header's width")
def short(result, rows):
    result.bad(result.spell(rows[0][:-1]), "short")


@late("long", "most records have the header's width")
def long(result, rows):
    result.bad(result.spell([*rows[0], None]), "long")


@late("quote_unclosed", "no quote comes after it: it is never closed, and costs its own record")
def quote_unclosed(result, rows):
    result.bad(broken(rows[0], 1, '"S-1'), "quote", 2)


@late("header_again", "no tool may lose a record of the right width: it is data")
def header_again(result, rows):
    result.row(result.reading.header)
    result.judged = False

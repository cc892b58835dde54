"""What stands around records: headers, preambles, footers, other tables; files without any."""

import tables
from case import Document, kind
from kinds_dialect import document
from tables import airports, few, numbers, orders, pairs, people, prices, sensors, stock, stories


def header_of(table, dice, change, found=None, **dialect):
    """The table under another header: `found` are the names that columns get."""
    result = Document(dice, **dialect)
    names = change(list(table.header))
    result.header(names, found(list(table.header)) if found else None)
    result.rows(table.rows)
    return result


# ---------------------------------------------------------------- headers

@kind("header_missing", [stock, sensors, orders, prices, pairs],
      "the first record has numbers and dates as the others")
def header_missing(table, dice):
    result = Document(dice, delimiter=dice.pick([",", ";"]))
    result.rows(table.rows)
    return result


@kind("header_missing_one_column", [numbers], "all lines are numbers")
def header_missing_one_column(table, dice):
    result = Document(dice)
    result.rows(table.rows)
    return result


@kind("header_missing_all_text", [airports], "whether these are names, the meaning alone can tell",
      False)
def header_missing_all_text(table, dice):
    result = Document(dice)
    result.rows(table.rows)
    return result


@kind("header_all_text", [airports], "whether these are names, the meaning alone can tell", False)
def header_all_text(table, dice):
    return document(table, dice)


@kind("header_of_years", [few], "years may be names or numbers", False)
def header_of_years(table, dice):
    result = Document(dice)
    result.header(["country", "2019", "2020", "2021"])
    for row in table.rows:
        result.row([row[0], *(str(dice.between(1000, 9999)) for _ in range(3))])
    return result


@kind("header_empty_names", [stock, sensors],
      "other names are there; the contract says what is made of these")
def header_empty_names(table, dice):
    def change(names):
        return [None, *names[1:3], None, *names[4:]]
    return header_of(table, dice, change,
                     lambda names: ["column1", *names[1:3], "column4", *names[4:]])


@kind("header_repeated_names", [stock, sensors],
      "other columns tell it; the contract says what is made of these")
def header_repeated_names(table, dice):
    return header_of(table, dice, lambda names: ["a", "b", "a", "a", "b"],
                     lambda names: ["a", "b", "a_2", "a_3", "b_2"])


@kind("header_repeated_names_taken", [stock, sensors],
      "as above; a name that is there keeps its place")
def header_repeated_names_taken(table, dice):
    return header_of(table, dice, lambda names: ["a", "a", "a_2", None, "column4"],
                     lambda names: ["a", "a_3", "a_2", "column4_2", "column4"])


@kind("header_with_blanks", [stock, sensors], "nothing is trimmed")
def header_with_blanks(table, dice):
    return header_of(table, dice, lambda names: [f" {name} " for name in names])


@kind("header_with_delimiters", [stock, people], "quotes around the names")
def header_with_delimiters(table, dice):
    return header_of(table, dice,
                     lambda names: [names[0], *(f'{name}, "as is"' for name in names[1:])])


@kind("header_after_blank_lines", [stock, orders], "blank lines are skipped")
def header_after_blank_lines(table, dice):
    result = Document(dice)
    for _ in range(dice.between(1, 5)):
        result.blank()
    result.table(table)
    return result


def register_repeated_headers():
    for place in ("middle", "end"):
        def make(table, dice, place=place):
            result = document(table, dice)
            result.row(table.header)
            if place == "middle":
                result.rows(table.rows)
            result.judged = False
            return result
        kind(f"header_again_in_the_{place}", [stock, sensors],
             "no tool may lose a record of the right width: it is data")(make)


register_repeated_headers()


@kind("header_of_two_rows", [stock], "the second row may be a part of the header", False)
def header_of_two_rows(table, dice):
    """Names, then units."""
    result = Document(dice)
    result.header(table.header)
    result.row(["no.", "name", "n", "EUR", "ISO 8601"])
    result.rows(table.rows)
    return result


@kind("header_above_by_group", [stock], "the first row may be a header or a preamble", False)
def header_above_by_group(table, dice):
    """A row of groups over the row of names."""
    result = Document(dice)
    result.skip = 1
    result.put("article,,in stock,,")
    result.end()
    result.table(table)
    return result


def misjudged(table, dice, header):
    """Each record has another width than the header: nothing of it can be trusted."""
    result = Document(dice)
    result.header(header)
    result.rows(table.rows)
    result.refuse()
    return result


@kind("header_too_short", [stock, sensors],
      "it may lack a name anywhere, or belong to something else", False)
def header_too_short(table, dice):
    return misjudged(table, dice, table.header[1:])


@kind("header_too_long", [stock, sensors], "it may have a name too many anywhere", False)
def header_too_long(table, dice):
    return misjudged(table, dice, [*table.header, "remarks"])


@kind("header_alone", [stock, people, few], "one line of texts may be a header or a row", False)
def header_alone(table, dice):
    return document(table.cut(0), dice)


@kind("header_and_one_row", [stock, few], "nothing to compare the two with", False)
def header_and_one_row(table, dice):
    return document(table.cut(1), dice)


@kind("header_over_few_rows", [few, stock], "words above numbers")
def header_over_few_rows(table, dice):
    return document(table.cut(3), dice, delimiter=dice.pick([",", ";", "\t"]))


@kind("header_over_nulls_and_late_values", [sensors],
      "dates stand under a name from the first record on")
def header_over_nulls_and_late_values(table, dice):
    """A column is empty but for its end, where its type shows."""
    result = Document(dice)
    result.header(table.header)
    late = len(table.rows) - 10
    for number, row in enumerate(table.rows):
        result.row([*row[:2], row[2] if number >= late else None, *row[3:]])
    return result


# ---------------------------------------------------------------- preambles

WIDE = [stock, sensors, orders, people]
CLEAR = "the lines before it do not have its width"


def after(table, dice, lines, **dialect):
    result = Document(dice, **dialect)
    result.preamble(*lines)
    result.table(table)
    return result


@kind("preamble_title", WIDE + [few], CLEAR)
def preamble_title(table, dice):
    return after(table, dice, ["Quarterly report"])


@kind("preamble_lines_and_blank", WIDE + [prices, stories], CLEAR)
def preamble_lines_and_blank(table, dice):
    return after(table, dice, ["Quarterly report", "Created 2025-03-31 by J. Smith", "", ""],
                 delimiter=dice.pick([",", ";"]), newline=dice.pick(["\n", "\r\n"]))


@kind("preamble_names_and_values", WIDE, CLEAR)
def preamble_names_and_values(table, dice):
    return after(table, dice, ["Station,Kiel", "Height above sea,5", "Operator,Baltic Met", ""])


@kind("preamble_with_commas", WIDE, CLEAR)
def preamble_with_commas(table, dice):
    return after(table, dice,
                 ["Stock, prices, sites, old, new, in full, as counted, by hand", "See page 3, 4"])


@kind("preamble_padded", [stock, sensors], "one filled field of the width of the table is a title")
def preamble_padded(table, dice):
    """As a spreadsheet writes it: each line as wide as the table."""
    commas = "," * (table.width - 1)
    return after(table, dice, ["Quarterly report" + commas, commas, "Created 2025-03-31" + commas])


@kind("preamble_longer_than_table", [few], CLEAR)
def preamble_longer_than_table(table, dice):
    return after(table, dice,
                 [" ".join(dice.pick(tables.WORDS) for _ in range(8)) for _ in range(12)])


@kind("preamble_with_quote_inside", [stock, sensors], CLEAR)
def preamble_with_quote_inside(table, dice):
    return after(table, dice, ['Pipes of 5" and more', "from O'Neill's"])


@kind("preamble_with_open_quote", [stock, sensors], CLEAR)
def preamble_with_open_quote(table, dice):
    """Lines are skipped, not records: the quote opens nothing."""
    return after(table, dice, ['"Pipes and tubes', "all sites"])


@kind("preamble_without_header", [sensors], CLEAR + "; the first record is like the others")
def preamble_without_header(table, dice):
    result = Document(dice)
    result.preamble("Logger 7", "restarted by hand")
    result.rows(table.rows)
    return result


# ---------------------------------------------------------------- footers

def before(table, dice, *lines, blank=0, **dialect):
    """The table, then lines of one field."""
    result = document(table, dice, **dialect)
    for _ in range(blank):
        result.blank()
    for line in lines:
        result.bad(line, "short")
    return result


FOOT = "one line of another width; the contract: what does not fit is set aside"


@kind("footer_text", WIDE + [prices], FOOT)
def footer_text(table, dice):
    return before(table, dice, "Source: own count")


@kind("footer_after_blank_line", WIDE, FOOT)
def footer_after_blank_line(table, dice):
    return before(table, dice, "Printed 2025-04-01", "Page 1 of 1", blank=2, newline="\r\n")


@kind("footer_of_a_database", [stock, sensors], FOOT)
def footer_of_a_database(table, dice):
    return before(table, dice, f"({len(table.rows)} rows affected)", blank=1,
                  delimiter=dice.pick([";", "|"]))


@kind("footer_short_total", [stock, sensors], FOOT)
def footer_short_total(table, dice):
    return before(table, dice, f"Total,{len(table.rows)}")


@kind("footer_full_total", [stock], "a record as wide as the others is a record")
def footer_full_total(table, dice):
    result = document(table, dice)
    result.row(["Total", None, "1234", None, None])
    return result


@kind("footer_with_quote_inside", [stock, sensors], FOOT)
def footer_with_quote_inside(table, dice):
    return before(table, dice, 'All pipes of 5" or more')


@kind("footer_with_open_quote", [stock, sensors], "it is never closed, and the last line")
def footer_with_open_quote(table, dice):
    result = document(table, dice)
    result.bad('"All pipes', "quote", 1)
    return result


@kind("footer_ctrl_z", [stock, sensors], FOOT)
def footer_ctrl_z(table, dice):
    """How DOS ended a text."""
    result = before(table, dice, "\x1a", newline="\r\n")
    result.leave_open()
    return result


@kind("footer_and_preamble", [stock, sensors],
      CLEAR + "; the contract: what does not fit is set aside")
def footer_and_preamble(table, dice):
    result = after(table, dice, ["Stock", ""], delimiter=";")
    result.blank()
    result.bad("End of list", "short")
    return result


# ---------------------------------------------------------------- tables one after the other

@kind("tables_second_is_narrower", [sensors], "most records have the first one's width")
def tables_second_is_narrower(table, dice):
    result = document(table, dice)
    result.blank()
    for line in ("sensor,built", "S-01,2019-05-01", "S-02,2020-07-12"):
        result.bad(line, "short")
    return result


@kind("tables_second_is_wider", [sensors], "most records have the first one's width")
def tables_second_is_wider(table, dice):
    result = document(table, dice)
    result.blank()
    for line in ("sensor,built,maker,a,b,c,d", "S-01,2019-05-01,Hale,1,2,3,4"):
        result.bad(line, "long")
    return result


@kind("tables_of_one_width", [stock], "a record as wide as the others is a record")
def tables_of_one_width(table, dice):
    result = document(table, dice)
    result.blank()
    result.row(["shelf", "hall", "metres", "built", "by"])
    result.row(["A1", "north", "12", "1999-10-01", "Hale"])
    result.judged = False
    return result


@kind("tables_of_one_kind", [stock, orders],
      "no tool may lose a record of the right width: it is data")
def tables_of_one_kind(table, dice):
    """Files joined by cat: header and all, again and again."""
    result = document(table, dice)
    for _ in range(2):
        result.row(table.header)
        result.rows(table.rows[:4])
    result.judged = False
    return result


@kind("tables_half_and_half", [stock], "which of the two is meant, nobody knows", False)
def tables_half_and_half(table, dice):
    result = document(table.cut(6), dice)
    result.blank()
    for i in range(5):
        result.bad(f"{i},north", "short")
    return result


# ---------------------------------------------------------------- next to nothing

def nothing(dice, data):
    result = Document(dice)
    result.put(data)
    result.judged = False
    return result


@kind("empty_0_bytes", [stock], "there is nothing")
def empty_0_bytes(table, dice):
    return nothing(dice, "")


@kind("empty_line_ends", [stock], "blank lines are skipped")
def empty_line_ends(table, dice):
    return nothing(dice, dice.pick(["\n", "\r\n", "\r", "\n\n\n\r\n"]))


@kind("empty_but_bom", [stock], "the mark is no text")
def empty_but_bom(table, dice):
    return nothing(dice, "\ufeff" + dice.pick(["", "\n"]))


@kind("empty_but_one_value", [stock], "a name or a value", False)
def empty_but_one_value(table, dice):
    result = Document(dice)
    result.row([dice.pick(["42", "x", "a b"])])
    return result


@kind("empty_but_one_nul", [stock], "a NUL is data, what kind nobody knows", False)
def empty_but_one_nul(table, dice):
    result = Document(dice)
    result.row(["\0"])
    return result


@kind("empty_quotes", [stock], "a name or a value", False)
def empty_quotes(table, dice):
    """A file of two quotes has one record with an empty text."""
    result = Document(dice)
    result.row([""])
    return result

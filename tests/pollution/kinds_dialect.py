"""Delimiters, quotes, escapes, line ends and comments: each in a dialect of its own."""

import tables
from case import Document, kind
from tables import few, numbers, orders, pairs, people, places, prices, sensors, stock, stories

NO_CITIES = tables.WESTERN + [stories]


def document(table, dice, **dialect):
    """The whole table, in that dialect."""
    result = Document(dice, **dialect)
    result.table(table)
    return result


def without(table, characters):
    """Those characters give way to blanks."""
    return table.mapped(lambda text: text.translate({ord(c): " " for c in characters}))


# ---------------------------------------------------------------- delimiters

DELIMITERS = {"comma": ",", "semicolon": ";", "tab": "\t", "pipe": "|", "colon": ":", "space": " ",
              "tilde": "~", "caret": "^", "unit_separator": "\x1f", "start_of_heading": "\x01"}


def register_delimiters():
    for word, delimiter in DELIMITERS.items():
        kind(f"delimiter_{word}", tables.WIDE + [few, pairs],
             "every record splits into as many fields")(
            lambda table, dice, delimiter=delimiter: document(table, dice, delimiter=delimiter))


register_delimiters()


@kind("delimiter_semicolon_decimal_comma", [prices],
      "at commas, the header and the records differ in width")
def delimiter_semicolon_decimal_comma(table, dice):
    return document(table, dice, delimiter=";")


@kind("delimiter_in_quotes", [places, orders, stories],
      "outside of quotes only one delimiter is regular")
def delimiter_in_quotes(table, dice):
    """Texts full of other delimiters, all in quotes."""
    return document(table, dice, delimiter=dice.pick([",", ";", "|", "\t"]), quoting="all")


@kind("delimiter_two_regular", [stock], "both delimiters give the same number of fields everywhere",
      False)
def delimiter_two_regular(table, dice):
    result = Document(dice, delimiter=dice.pick([",", ";"]))
    other = ";" if result.dialect.delimiter == "," else ","
    result.header(["sku" + other + "shelf", "price"])
    for row in table.rows:
        result.row([row[0] + other + row[2], row[3]])
    return result


@kind("delimiter_of_other_kind_at_end", [stock, orders], "nine records of ten have the same width")
def delimiter_of_other_kind_at_end(table, dice):
    """Two files one after the other, the second one shorter and with another delimiter."""
    result = document(table.longer(30), dice)
    for _ in range(3):
        result.bad(f"{dice.between(1, 99)};red;{dice.between(1, 99)}", "short")
    return result


@kind("delimiter_wrong_in_the_middle", [stock, sensors], "one record of many has another width")
def delimiter_wrong_in_the_middle(table, dice):
    result = Document(dice)
    result.header(table.header)
    middle = len(table.rows) // 2
    result.rows(table.rows[:middle])
    result.bad(";".join(cell or "" for cell in table.rows[middle]), "short")
    result.rows(table.rows[middle + 1:])
    return result


@kind("delimiter_sep_line", NO_CITIES, "spreadsheets write and read such a line")
def delimiter_sep_line(table, dice):
    """sep=; as the first line is a word to Excel and no record."""
    result = Document(dice, delimiter=dice.pick([";", "|", "\t"]), newline="\r\n")
    result.preamble("sep=" + result.dialect.delimiter)
    result.table(table)
    return result


@kind("delimiter_and_blank", [stock, sensors], "the comma is regular; nothing is trimmed")
def delimiter_and_blank(table, dice):
    """A blank after each comma belongs to the cell."""
    result = Document(dice)
    result.header([table.header[0]] + [" " + name for name in table.header[1:]])
    for row in table.rows:
        result.row([row[0]] + [" " + (cell or "") for cell in row[1:]])
    result.judged = False
    return result


@kind("delimiter_and_blank_before_quote", [orders], "an expert would take the blanks away", False)
def delimiter_and_blank_before_quote(table, dice):
    """A quote after a blank opens nothing: the field began with the blank."""
    result = Document(dice)
    result.header(table.header)
    for row in table.rows:
        plain = [cell and cell.replace(",", "").replace("\n", " ").replace('"', "") for cell in row]
        spelled = [f' "{cell}"' if cell else "" for cell in plain]
        result.row([cell or None for cell in spelled], ",".join(spelled))
    return result


@kind("delimiter_at_line_ends", [stock, sensors], "the header has it, too: a column without a name")
def delimiter_at_line_ends(table, dice):
    result = Document(dice)
    result.header(table.header + [None], table.header + [f"column{table.width + 1}"])
    for row in table.rows:
        result.row(row + [None])
    return result


@kind("delimiter_none_numbers", [numbers], "there is no other character than digits and letters")
def delimiter_none_numbers(table, dice):
    """One column: whatever the delimiter is thought to be, the cells are the same."""
    return document(table, dice)


@kind("delimiter_none_texts", [stories], "a comma in a text may be a delimiter", False)
def delimiter_none_texts(table, dice):
    result = Document(dice, delimiter="\t")
    result.header(["text"])
    for row in table.rows:
        result.row([row[3].replace("\n", "").replace('"', "")])
    return result


# ---------------------------------------------------------------- quotes

@kind("quote_all", tables.WIDE, "all cells are in quotes")
def quote_all(table, dice):
    return document(table, dice, quoting="all", delimiter=dice.pick([",", ";", "\t"]))


@kind("quote_text", tables.WIDE, "all texts are in quotes, numbers and dates are not")
def quote_text(table, dice):
    return document(table, dice, quoting="text", delimiter=dice.pick([",", ";"]))


@kind("quote_random", tables.WIDE, "quotes come in pairs around whole fields")
def quote_random(table, dice):
    return document(table, dice, quoting="random", delimiter=dice.pick([",", ";", "|"]))


@kind("quote_empty_texts", [people],
      "the contract: an empty field is null, two quotes are an empty text")
def quote_empty_texts(table, dice):
    result = Document(dice)
    result.header(table.header)
    for row in table.rows:
        result.row([row[0], *(dice.pick([cell, None, ""]) for cell in row[1:])])
    return result


@kind("quote_only_at_end", [sensors, stock],
      "the last record alone has quotes; without them it is no record")
def quote_only_at_end(table, dice):
    result = document(table, dice)
    result.row([*table.rows[0][:-1], 'warn, "late",\nsee log'])
    return result


@kind("quote_only_in_header", [stock, sensors], "quotes around whole names")
def quote_only_in_header(table, dice):
    result = Document(dice, quoting="all")
    result.header(table.header)
    result.dialect.quoting = "minimal"
    result.rows(table.rows)
    return result


@kind("quote_single", [people, orders, stories],
      "apostrophes stand around fields with the delimiter in them")
def quote_single(table, dice):
    return document(table, dice, quote="'", quoting="text", delimiter=dice.pick([",", ";"]))


@kind("quote_single_all", tables.WESTERN, "apostrophes stand around all fields")
def quote_single_all(table, dice):
    return document(table, dice, quote="'", quoting="all")


@kind("quote_single_only_at_end", [stock], "one cell of many: the record could as well be too long",
      False)
def quote_single_only_at_end(table, dice):
    result = document(table, dice, quote="'")
    result.row([table.rows[0][0], "red, dark", *table.rows[0][2:]])
    return result


@kind("quote_apostrophes_are_data", [people, orders],
      "names have apostrophes, and quotes are doubled")
def quote_apostrophes_are_data(table, dice):
    """Some of them at the beginning or the end of a cell."""
    result = document(table, dice)
    for text in ("'t Hart", "Jones'", "rock 'n' roll", "'90s"):
        row = list(table.rows[0])
        row[2] = text
        result.row(row)
    return result


@kind("quote_backtick", [orders, people], "seldom a quote: the widths alone tell", False)
def quote_backtick(table, dice):
    return document(table, dice, quote="`", quoting="text")


@kind("quote_none", tables.WESTERN, "no field needs one")
def quote_none(table, dice):
    return document(without(table, '",;\n'), dice, quote=None, escape="none",
                    delimiter=dice.pick([",", ";"]))


@kind("quote_none_inches", [stock], "inside of a field quotes are data in every dialect")
def quote_none_inches(table, dice):
    """A file without quotes, with inches."""
    result = Document(dice, quote=None, escape="none", delimiter=dice.pick([",", ";", "\t"]))
    result.header(table.header)
    for row in table.rows:
        pipe = f'{dice.between(2, 9)}" pipe, 1/2"'.replace(result.dialect.delimiter, "")
        result.row([row[0], pipe, *row[2:]])
    return result


@kind("quote_none_at_begin", [stock], "the quotes could be real ones, left open", False)
def quote_none_at_begin(table, dice):
    result = Document(dice, quote=None, escape="none")
    result.header(table.header)
    for row in table.rows:
        result.row([row[0], dice.pick(['"red" light', '"dark', '""', "grey"]), *row[2:]])
    return result


@kind("quote_typographic", [stock], "no program writes them as quotes")
def quote_typographic(table, dice):
    result = Document(dice)
    result.header(table.header)
    for row in table.rows:
        result.row([row[0], dice.pick(["“red”", "„grün“", "«bleu»", "’tis"]), *row[2:]])
    return result


# ---------------------------------------------------------------- escapes

TALK = ['she said "no"', '"no" was all', 'a "b, c" d', '"x"', 'one " alone', 'end "', '5" by 3"']


def talk(table, dice, result, rows):
    """Rows with quotes in a cell before the last one."""
    for row in rows:
        result.row([row[0], dice.pick(TALK), *row[2:]])
    result.row([table.rows[0][0], 'he said "yes", "no"', *table.rows[0][2:]])


@kind("escape_doubled", [stock, sensors], "all quotes inside are doubled")
def escape_doubled(table, dice):
    result = Document(dice, quoting=dice.pick(["minimal", "text"]))
    result.header(table.header)
    talk(table, dice, result, table.rows)
    return result


@kind("escape_doubled_only_at_end", [stock, sensors], "nothing else in the file is escaped")
def escape_doubled_only_at_end(table, dice):
    result = document(table, dice, quoting="text")
    talk(table, dice, result, table.rows[:2])
    return result


@kind("escape_backslash", [stock, sensors], "every quote inside has a backslash before it")
def escape_backslash(table, dice):
    result = Document(dice, escape="backslash", quoting=dice.pick(["minimal", "text", "all"]))
    result.header(table.header)
    talk(table, dice, result, table.rows)
    result.row([table.rows[0][0], "C:\\logs\\", *table.rows[0][2:]])
    return result


@kind("escape_backslash_only_at_end", [stock, sensors],
      "with doubled quotes the last record would be none")
def escape_backslash_only_at_end(table, dice):
    result = document(table, dice, escape="backslash", quoting="text")
    talk(table, dice, result, table.rows[:1])
    return result


@kind("escape_backslash_without_quotes", [orders, people],
      "the widths are right with the backslashes alone")
def escape_backslash_without_quotes(table, dice):
    """As databases dump tables: a backslash before each delimiter in the text."""
    return document(without(table, '\n"'), dice, quote=None, escape="backslash")


@kind("escape_backslash_before_line_end", [orders], "so do databases dump a text of several lines")
def escape_backslash_before_line_end(table, dice):
    return document(without(table, '"'), dice, quote=None, escape="backslash", delimiter="\t")


@kind("escape_backslash_is_data", [stock, sensors],
      "as an escape it would leave quotes open everywhere")
def escape_backslash_is_data(table, dice):
    """Paths that end in a backslash, in quotes."""
    result = Document(dice, quoting="all")
    result.header(table.header)
    for row in table.rows:
        result.row([row[0], dice.pick(["C:\\temp\\", "D:\\", "\\\\host\\share\\"]), *row[2:]])
    return result


@kind("escape_none", [people, stock], "there is nothing to escape")
def escape_none(table, dice):
    return document(without(table, '"'), dice, escape="none", quoting="text")


# ---------------------------------------------------------------- line ends

NEWLINES = {"lf": "\n", "crlf": "\r\n", "cr": "\r"}


def register_newlines():
    for word, newline in NEWLINES.items():
        kind(f"newline_{word}", tables.WIDE + [few, pairs, numbers],
             "one kind of line end in all of the file")(
            lambda table, dice, newline=newline: document(
                table.mapped(lambda text: text.replace("\n", newline)), dice, newline=newline,
                delimiter=dice.pick([",", ";"])))


register_newlines()


def mixed(table, dice, line_ends):
    result = Document(dice)
    result.header(table.header)
    for row in table.rows:
        result.turn_to(dice.pick(line_ends))
        result.row(row)
    return result


@kind("newline_lf_and_crlf", tables.WESTERN, "both end a line")
def newline_lf_and_crlf(table, dice):
    return mixed(table, dice, ["\n", "\r\n"])


@kind("newline_all_kinds", [stock, sensors], "the contract: LF, CRLF and a lone CR end a line")
def newline_all_kinds(table, dice):
    return mixed(table, dice, ["\n", "\r\n", "\r"])


@kind("newline_other_at_end", [stock, sensors], "all kinds end a line")
def newline_other_at_end(table, dice):
    first, then = dice.pick([("\n", "\r\n"), ("\r\n", "\n"), ("\n", "\r"), ("\r", "\r\n")])
    result = document(table, dice, newline=first)
    result.turn_to(then)
    result.rows(table.rows[:3])
    return result


@kind("newline_missing_at_end", tables.WIDE + [few, numbers], "the last line needs no end")
def newline_missing_at_end(table, dice):
    result = document(table, dice, newline=dice.pick(["\n", "\r\n"]))
    result.leave_open()
    return result


@kind("newline_blank_lines", [stock, orders], "between records they are skipped")
def newline_blank_lines(table, dice):
    result = Document(dice, newline=dice.pick(["\n", "\r\n", "\r"]))
    for cells in [table.header, *table.rows]:
        for _ in range(dice.pick([0, 0, 0, 1, 2])):
            result.blank()
        (result.row if result.has_header else result.header)(cells)
    return result


@kind("newline_blank_lines_at_end", [stock, few], "they are skipped")
def newline_blank_lines_at_end(table, dice):
    result = document(table, dice)
    for _ in range(dice.between(1, 20)):
        result.blank()
    return result


@kind("newline_cr_cr_lf", [stock, sensors],
      "a file that was translated twice; every second line is blank")
def newline_cr_cr_lf(table, dice):
    return document(table, dice, newline="\r\r\n")


@kind("newline_lf_cr", [stock], "the wrong way round: a line end and a blank line")
def newline_lf_cr(table, dice):
    return document(table, dice, newline="\n\r")


@kind("newline_in_quotes", [stock, sensors], "quotes around them; they stay as they are")
def newline_in_quotes(table, dice):
    """Line ends of another kind than the file's, and blank lines, and what looks like records."""
    result = Document(dice, newline=dice.pick(["\n", "\r\n", "\r"]))
    result.header(table.header)
    texts = ["a\nb", "a\r\nb", "a\rb", "\n", "\r\n\r\n", "a\n1,2,3,4,5\nb", "a\n\n\nb", "\rx"]
    for row in table.rows:
        result.row([*row[:-1], dice.pick(texts) if dice.chance(0.5) else row[-1]])
    return result


@kind("newline_in_quoted_header", [stock, people], "quotes around the name")
def newline_in_quoted_header(table, dice):
    result = Document(dice)
    result.header([table.header[0], table.header[1] + "\n(free text)", *table.header[2:]])
    result.rows(table.rows)
    return result


@kind("newline_lone_cr_in_a_cell", [stock], "it ends a line by contract; it may be meant as data",
      False)
def newline_lone_cr_in_a_cell(table, dice):
    result = document(table, dice)
    row = [cell or "x" for cell in table.rows[0]]
    result.bad(",".join(row[:2]), "short")
    result.turn_to("\r")
    result.dialect.newline = "\n"
    result.bad(",".join(row[2:]), "short")
    result.rows(table.rows[:4])
    return result


@kind("newline_lookalikes_are_data", [stock], "only CR and LF end a line")
def newline_lookalikes_are_data(table, dice):
    """Unicode's line separators, vertical tab, form feed and what else editors break lines at."""
    result = Document(dice)
    result.header(table.header)
    for row in table.rows:
        lookalike = dice.pick("\x0b\x0c\x1c\x1d\x1e\x85\u2028\u2029")
        result.row([row[0], f"a{lookalike}b", *row[2:]])
    return result


# ---------------------------------------------------------------- comments

def commented(table, dice, mark, everywhere, **dialect):
    result = Document(dice, comment=mark, **dialect)
    result.comment(" made by stocktake 2.1")
    result.comment(" one line for each article, in no order; see below")
    result.comment("")
    result.header(table.header)
    for row in table.rows:
        if everywhere and dice.chance(0.2):
            result.comment(f" checked by {dice.pick(tables.LAST_NAMES)}")
        result.row(row)
    return result


@kind("comment_hash_before_header", [stock, people, prices],
      "lines of text with the same mark, then a table")
def comment_hash_before_header(table, dice):
    return commented(table, dice, "#", False, delimiter=";")


@kind("comment_hash_between_records", [stock, orders], "the mark is at the head, too")
def comment_hash_between_records(table, dice):
    return commented(table, dice, "#", True)


@kind("comment_percent_before_header", [stock, sensors],
      "lines of text with the same mark, then a table")
def comment_percent_before_header(table, dice):
    return commented(without(table, "%"), dice, "%", False)


@kind("comment_with_quote", [stock, sensors], "the mark at the head says that these are no records")
def comment_with_quote(table, dice):
    """A quote in a comment opens nothing, and its commas separate nothing."""
    result = Document(dice, comment="#")
    result.comment(' exported "by hand')
    result.comment(' a, b, "c, d, e')
    result.comment('"')
    result.table(table)
    return result


@kind("comment_only_in_the_middle", [stock], "a single line may as well be a damaged record", False)
def comment_only_in_the_middle(table, dice):
    result = Document(dice, comment="#")
    result.table(table)
    result.comment(" second shelf")
    result.rows(table.rows)
    return result


@kind("comment_mark_is_data", [stock],
      "the records that begin with it have the width of all others")
def comment_mark_is_data(table, dice):
    result = Document(dice)
    result.header(table.header)
    for row in table.rows:
        result.row([dice.pick(["#", ""]) + row[0], *row[1:]])
    return result


@kind("comment_mark_in_quotes", [stock], "at the head it marks comments; quoted it is data")
def comment_mark_in_quotes(table, dice):
    result = commented(table, dice, "#", False)
    result.row(["#17", *table.rows[0][1:]])
    result.row([table.rows[0][0], "#red", *table.rows[0][2:]])
    return result

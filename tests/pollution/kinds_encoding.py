"""Encodings, byte order marks, and bytes that are no text."""

import tables
from case import Document, kind
from kinds_dialect import document
from tables import cities, few, orders, people, prices, sensors, stock

MANY_LETTERS = "dozens of valid sequences beyond ASCII, and no invalid one"


@kind("encoding_ascii", [stock, orders], "bytes below 128 mean the same in all of them")
def encoding_ascii(table, dice):
    return document(table, dice, encoding="us-ascii")


@kind("encoding_utf_8", tables.UNICODE + [prices], MANY_LETTERS)
def encoding_utf_8(table, dice):
    return document(table, dice, delimiter=dice.pick([",", ";"]))


@kind("encoding_utf_8_bom", tables.WIDE + [few], "the mark says it")
def encoding_utf_8_bom(table, dice):
    return document(table, dice, bom=True, newline="\r\n")


@kind("encoding_utf_8_bom_before_quote", tables.UNICODE,
      "the mark says it; the quote after it is the first byte")
def encoding_utf_8_bom_before_quote(table, dice):
    return document(table, dice, bom=True, quoting="all")


@kind("encoding_utf_8_only_at_end", [stock, sensors], "no byte is invalid")
def encoding_utf_8_only_at_end(table, dice):
    result = document(table, dice)
    result.row([table.rows[0][0], "größer als 東京", *table.rows[0][2:]])
    return result


@kind("encoding_utf_8_twice", [people],
      "the contract: text is what its bytes say, no value changes")
def encoding_utf_8_twice(table, dice):
    """Umlauts that an earlier program has spoilt stay as they are."""
    return document(table.mapped(lambda text: text.encode().decode("cp1252", "replace")), dice)


@kind("encoding_bom_in_the_middle", [stock],
      "the contract: a mark is one at the head of a file alone")
def encoding_bom_in_the_middle(table, dice):
    result = Document(dice, bom=True)
    result.header(table.header)
    result.rows(table.rows[:5])
    result.row(["\ufeff" + table.rows[5][0], *table.rows[5][1:]])
    result.rows(table.rows[6:])
    return result


# ---------------------------------------------------------------- UTF-16

def register_utf_16():
    for encoding in ("utf-16le", "utf-16be"):
        word = encoding.replace("-", "_")
        kind(f"encoding_{word}_bom", tables.WIDE + [few], "the mark says it")(
            lambda table, dice, encoding=encoding: document(
                table, dice, encoding=encoding, bom=True, newline=dice.pick(["\n", "\r\n"]),
                delimiter=dice.pick([",", ";", "\t"])))
        kind(f"encoding_{word}_without_bom", [stock, orders, sensors], "every other byte is 0")(
            lambda table, dice, encoding=encoding: document(table, dice, encoding=encoding))


register_utf_16()


@kind("encoding_utf_16_units_like_ascii", [stock], "the mark says it")
def encoding_utf_16_units_like_ascii(table, dice):
    """Characters with a byte like a comma, a quote or a line end in them."""
    result = Document(dice, encoding=dice.pick(["utf-16le", "utf-16be"]), bom=True)
    result.header(table.header)
    for row in table.rows:
        text = "".join(dice.pick("\u2c22\u0a0d\u0d0a\u222c\u2c2c\u0c22\u220a\u0a2c")
                       for _ in range(3))
        result.row([row[0], text, *row[2:]])
    return result


@kind("encoding_utf_16_lone_surrogate", [stock, few],
      "the mark says it; half a pair is no character")
def encoding_utf_16_lone_surrogate(table, dice):
    encoding = dice.pick(["utf-16le", "utf-16be"])
    result = document(table, dice, encoding=encoding, bom=True)
    surrogate = dice.pick(["\ud83d", "\ude00", "\ude00\ud83d"])
    text = result.spell([table.rows[0][0], "a@b", *table.rows[0][2:]]).replace("@", surrogate)
    result.bad(text.encode(encoding, "surrogatepass"), "encoding", 2)
    result.rows(table.rows[:3])
    return result


@kind("encoding_utf_16_odd_length", [stock, sensors],
      "the mark says it; the last character is cut off")
def encoding_utf_16_odd_length(table, dice):
    encoding = dice.pick(["utf-16le", "utf-16be"])
    result = document(table, dice, encoding=encoding, bom=True)
    result.bad(result.spell(table.rows[0]).encode(encoding)[:-1], "encoding", table.width)
    result.leave_open()
    return result


@kind("encoding_utf_32_bom", [stock], "the contract says UTF-16: this mark begins with that one's",
      False)
def encoding_utf_32_bom(table, dice):
    return document(table, dice, encoding="utf-32le", bom=True)


# ---------------------------------------------------------------- eight bits and other families

@kind("encoding_windows_1252", [people, prices],
      "no UTF-8; punctuation where the ISO encodings have controls")
def encoding_windows_1252(table, dice):
    result = document(table, dice, encoding="windows-1252", delimiter=";", newline="\r\n")
    for text in ("“Köln” – 5 €", "it’s", "naïve…", "Œuvre"):
        result.row([table.rows[0][0], text, *table.rows[0][2:]])
    return result


@kind("encoding_windows_1252_only_at_end", [stock, sensors],
      "one byte that is no UTF-8: a Western letter")
def encoding_windows_1252_only_at_end(table, dice):
    result = document(table, dice, encoding="windows-1252")
    result.row([table.rows[0][0], dice.pick(["café", "Köln", "5 €"]), *table.rows[0][2:]])
    return result


@kind("encoding_windows_1252_in_header", [stock], "no UTF-8; a Western letter")
def encoding_windows_1252_in_header(table, dice):
    result = Document(dice, encoding="windows-1252", delimiter=";")
    result.header(["Stück", *table.header[1:-1], "geprüft"])
    result.rows(table.rows)
    return result


@kind("encoding_iso_8859_1", [people, prices],
      "no UTF-8; Western letters, in windows-1252 and -15 the same")
def encoding_iso_8859_1(table, dice):
    return document(table, dice, encoding="iso-8859-1", delimiter=dice.pick([";", ","]))


@kind("encoding_iso_8859_15", [prices], "its euro sign is windows-1252's currency sign", False)
def encoding_iso_8859_15(table, dice):
    result = document(table, dice, encoding="iso-8859-15", delimiter=";")
    result.row(["17", "Käse 5 €", "5,00", "1", "01.01.2025"])
    return result


# A word or two of each. Some have bytes like a backslash, a pipe or a quote in them.
OTHER_ENCODINGS = {
    "iso-8859-2": ["Łódź", "Příliš žluťoučký", "Győr"],
    "iso-8859-5": ["Москва", "Київ"],
    "iso-8859-7": ["Αθήνα", "Πάτρα"],
    "windows-1250": ["Kraków", "Šumava", "Škoda Žižkov"],
    "windows-1251": ["Москва", "Ёлка"],
    "windows-1255": ["חיפה", "תל אביב"],
    "koi8-r": ["Москва", "Тверь"],
    "cp437": ["Zürich", "½ Liter", "naïve"],
    "macintosh": ["Zürich", "Besançon", "“Ærø”"],
    "shift_jis": ["東京", "表示", "ソース", "能力"],
    "euc-jp": ["東京", "大阪"],
    "gb18030": ["北京", "上海", "€ 5"],
    "big5": ["台北", "功能", "許可"],
    "euc-kr": ["서울", "부산"],
}


def in_encoding(table, dice, encoding, words):
    result = Document(dice, encoding=encoding, delimiter=dice.pick([",", "|"]))
    result.header(table.header)
    for row in table.rows:
        result.row([row[0], dice.pick(words), *row[2:]])
    return result


def register_other_encodings():
    for encoding, words in OTHER_ENCODINGS.items():
        def make(table, dice, encoding=encoding, words=words):
            return in_encoding(table, dice, encoding, words)
        kind("encoding_" + encoding.replace("-", "_"), [stock],
             "no UTF-8; which of many, the language tells", False)(make)


register_other_encodings()


# ---------------------------------------------------------------- bytes that are no UTF-8

INVALID = [b"\xff", b"\x80", b"\xc3", b"\xc0\x80", b"\xe0\x80\x80", b"\xed\xa0\x80",
           b"\xf0\x9f\x98",
           b"\xf4\x90\x80\x80", b"\xf8\x88\x80\x80\x80"]


def with_bad_bytes(result, row, bad, column=2):
    """A record of bytes, with the bad ones in one cell."""
    cells = [cell or "" for cell in row]
    cells[column - 1] = "caf@"
    result.bad(result.spell(cells).encode().replace(b"@", bad), "encoding", column)


def register_bad_bytes():
    for place, count in (("first", 0), ("middle", 6), ("last", None)):
        def make(table, dice, count=count):
            result = Document(dice)
            result.header(table.header)
            result.rows(table.rows[:count])
            with_bad_bytes(result, table.rows[0], dice.pick(INVALID))
            result.rows(table.rows[count:] if count is not None else [])
            return result
        kind(f"encoding_bad_bytes_{place}", [cities, lambda dice: cities(dice).longer(40)],
             "dozens of valid sequences against one that is not")(make)


register_bad_bytes()


@kind("encoding_bad_bytes_in_ascii", [stock], "windows-1252 has a letter for them", False)
def encoding_bad_bytes_in_ascii(table, dice):
    result = document(table, dice)
    with_bad_bytes(result, table.rows[0], dice.pick(INVALID))
    result.rows(table.rows[:3])
    return result


@kind("encoding_cut_off_at_end", [lambda dice: cities(dice).longer(30)], "all the others are valid")
def encoding_cut_off_at_end(table, dice):
    """The file ends in the middle of a character."""
    result = document(table, dice)
    result.bad(result.spell([*table.rows[0][:-1], "漢"]).encode()[:-1], "encoding", table.width)
    result.leave_open()
    return result


@kind("encoding_two_in_one_file", [lambda dice: cities(dice).longer(40)],
      "one record of many is not UTF-8")
def encoding_two_in_one_file(table, dice):
    """A record in windows-1252 among others in UTF-8."""
    result = document(table, dice)
    result.bad("Besançon,Frankreich,117000,".encode("windows-1252"), "encoding", 1)
    result.rows(table.rows[:4])
    return result

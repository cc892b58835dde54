"""Clean tables, as people keep them: what the generator pollutes.

A cell is None (null), "" (an empty text) or a text. Every table is made by code from a seeded Dice,
which uses Random.random() alone, whose sequence Python promises to keep: the same seed gives the
same tables everywhere.
"""

import dataclasses
import datetime
import random
import re

# What no expert takes for a column's name: numbers, ISO dates and times. Spellings that depend on a
# country (12,50 or 31.12.2024) do not count.
TYPED = re.compile(r"[+-]?\d+(\.\d+)?([eE][+-]?\d+)?"
                   r"|\d{4}-\d\d-\d\d([T ]\d\d:\d\d(:\d\d)?)?"
                   r"|\d\d:\d\d(:\d\d)?")


class Dice:
    """Choices made from random() alone."""

    def __init__(self, seed):
        self.random = random.Random(seed).random

    def chance(self, probability):
        return self.random() < probability

    def between(self, low, high):
        return low + int(self.random() * (high - low + 1))

    def pick(self, items):
        return items[self.between(0, len(items) - 1)]

    def sample(self, items, count):
        """Different ones, in their order."""
        left = list(range(len(items)))
        chosen = sorted(left.pop(self.between(0, len(left) - 1))
                        for _ in range(min(count, len(left))))
        return [items[i] for i in chosen]


@dataclasses.dataclass
class Table:
    name: str
    header: list
    rows: list

    @property
    def width(self):
        return len(self.header)

    def cut(self, rows):
        """The first rows alone."""
        return Table(self.name, self.header, self.rows[:rows])

    def longer(self, rows):
        """At least so many rows: the same ones again."""
        times = -(-rows // len(self.rows))
        return Table(self.name, self.header, self.rows * times)

    def mapped(self, change):
        """With other texts."""
        return Table(self.name, [change(name) for name in self.header],
                     [[cell and change(cell) for cell in row] for row in self.rows])


def is_typed(cell):
    return bool(cell) and TYPED.fullmatch(cell) is not None


def typed_columns(rows):
    """Those in which nothing but numbers, dates and times stands, at least twice."""
    found = []
    for column, cells in enumerate(zip(*rows)):
        filled = [cell for cell in cells if cell]
        if len(filled) >= 2 and all(map(is_typed, filled)):
            found.append(column)
    return found


# ---------------------------------------------------------------- what stands in them

FIRST_NAMES = ["Jürgen", "Zoë", "André", "Søren", "Mary", "Tom", "Inés", "Hannah", "Björn", "Renée",
               "Paul"]
LAST_NAMES = ["Müller", "O'Neill", "D'Arcy", "Smith", "Grüßner", "Núñez", "Østergård", "Becker",
              "Lefèvre"]
NICKNAMES = ['"Dutch"', "the 'Duke'", 'big "T"', "Lulu", "Ace", "J.R.", "Kit"]
STREETS = ["High Street", "Mill Lane", "St. Ivo's Steps", "Ropewalk", "Market Hall", "Lower Meadow"]
TOWNS = ["Bristol", "Leeds", "York", "Kings Lynn", "Bath", "Whitby"]
COMPANIES = ["Hale & Sons", "Acme", "Baker's Dozen", "Northwind", "Tyne Glass", "O'Connor Ltd"]
ORDER_NOTES = ["leave at the door", "ring twice, please", "Fragile.\nThis side up.",
               'marked "urgent"',
               "1) bell\n2) knock\n\n3) call", "pay on delivery; cash", "gift"]
COLOURS = ["red", "green", "blue", "black", "white", "amber", "grey"]
GOODS = ["Gemüsebrühe", "Käse, jung", "Brötchen", "Äpfel (süß)", "Öl, kaltgepresst", "Weißbier",
         "Salz",
         "Tee \"Früh\"", "Nüsse"]
TAGS = ["bar;late", "museum;free|youth", "park", "bar;music", "cinema|late", "market;food"]
WORDS = ("the river keeps its own time and nobody in the old mill could say when it had last been "
         "so high as on that morning in spring after the long rain which began before anyone was "
         "awake").split()
AIRPORTS = [("LHR", "London", "Speedbird"), ("CDG", "Paris", "Airfrans"),
            ("FRA", "Frankfurt", "Lufthansa"),
            ("DUB", "Dublin", "Shamrock"), ("OSL", "Oslo", "Scandinavian"),
            ("VIE", "Vienna", "Austrian"),
            ("ZRH", "Zurich", "Swiss"), ("LIS", "Lisbon", "Air Portugal")]
CITIES = [("東京", "日本", "13960000", "1457"), ("北京", "中国", "21540000", None),
          ("서울", "대한민국", "9776000", "1394"), ("Москва", "Россия", "12500000", "1147"),
          ("Αθήνα", "Ελλάδα", "664000", None), ("القاهرة", "مصر", "9540000", "969"),
          ("תל אביב", "ישראל", "452000", "1909"), ("मुंबई", "भारत", "12440000", "1507"),
          ("กรุงเทพ", "ประเทศไทย", "8281000", "1782"), ("Łódź", "Polska", "677000", "1423"),
          ("Reykjavík", "Ísland", "131000", "874"), ("São Paulo, SP", "Brasil", "12330000", "1554"),
          ("İstanbul 🌉", "Türkiye", "15460000", "330")]
COUNTRIES = [("Norway", "Oslo", "5457127", "385207"), ("Chad", "N'Djamena", "17179740", "1284000"),
             ("Peru", "Lima", "33715471", "1285216"), ("Nepal", "Kathmandu", "30034989", "147516")]


def day(dice, first=datetime.date(2021, 1, 1), days=1500):
    return first + datetime.timedelta(days=dice.between(0, days))


def now_and_then(dice, probability, value):
    return value if dice.chance(probability) else None


# ---------------------------------------------------------------- the tables

def people(dice):
    """Commas, quotes, apostrophes and letters of Western Europe; nulls and empty texts."""
    rows = [[str(100 + i), f"{dice.pick(LAST_NAMES)}, {dice.pick(FIRST_NAMES)}",
             dice.pick([None, "", dice.pick(NICKNAMES)]),
             day(dice, datetime.date(1950, 1, 1), 18000).isoformat(),
             f"1.{dice.between(50, 99)}", dice.pick(["yes", "no"])]
            for i in range(dice.between(8, 30))]
    rows[0][1] = "Müller, Zoë"
    return Table("people", ["id", "name", "nickname", "born", "height_m", "member"], rows)


def sensors(dice):
    """Many rows, nothing that needs a quote, gaps."""
    at = datetime.datetime(2025, 3, 1, dice.between(0, 12))
    rows = []
    for _ in range(dice.between(120, 200)):
        at += datetime.timedelta(seconds=dice.between(20, 90))
        rows.append([at.isoformat(), f"S-{dice.between(1, 12):02}",
                     f"{dice.between(-90, 310) / 10:.1f}",
                     now_and_then(dice, 0.9, str(dice.between(20, 95))),
                     dice.pick(["ok", "ok", "warn"])])
    return Table("sensors", ["measured_at", "sensor", "celsius", "humidity", "status"], rows)


def stock(dice):
    """Letters, digits, '.' and '-' alone: no character that means anything in any dialect."""
    rows = [[str(4000 + i), dice.pick(COLOURS), str(dice.between(0, 500)),
             f"{dice.between(100, 9999) / 100:.2f}", day(dice).isoformat()]
            for i in range(dice.between(12, 40))]
    for row in rows[3::4]:
        row[1] = None
    return Table("stock", ["sku", "colour", "pieces", "price", "counted"], rows)


def orders(dice):
    """Addresses with commas, notes of several lines; ASCII."""
    rows = [[f"A-{7000 + i}", day(dice).isoformat(), dice.pick(COMPANIES),
             f"{dice.between(1, 99)} {dice.pick(STREETS)}, {dice.pick(TOWNS)}",
             f"{dice.between(500, 90000) / 100:.2f}",
             now_and_then(dice, 0.4, dice.pick(ORDER_NOTES))]
            for i in range(dice.between(10, 30))]
    rows[2][5] = ORDER_NOTES[4]
    rows[-2][5] = ORDER_NOTES[3]
    return Table("orders", ["order", "ordered", "customer", "address", "amount", "note"], rows)


def prices(dice):
    """As a German spreadsheet saves it: decimal commas, days with points."""
    rows = [[str(dice.between(10000, 99999)), dice.pick(GOODS),
             f"{dice.between(1, 99)},{dice.between(0, 99):02}", str(dice.between(1, 400)),
             day(dice).strftime("%d.%m.%Y")] for _ in range(dice.between(10, 40))]
    rows[1][1] = GOODS[0]
    return Table("prices", ["Artikel", "Bezeichnung", "Preis", "Menge", "Stand"], rows)


def cities(dice):
    """Scripts from everywhere: for UTF-8 and UTF-16 alone."""
    return Table("cities", ["stadt_市", "country", "population", "founded"],
                 [list(row) for row in dice.sample(CITIES, dice.between(9, len(CITIES)))])


def places(dice):
    """Whatever could pass for a separator: URLs, hours, lists with ';' and '|'."""
    rows = [[f"{dice.between(-900000, 900000) / 10000:.4f}",
             f"{dice.between(-1800000, 1800000) / 10000:.4f}",
             f"https://example.org/{dice.pick(COLOURS)}?a={i};b=2", f"{dice.between(6, 11):02}:30",
             dice.pick(TAGS)] for i in range(dice.between(10, 20))]
    return Table("places", ["latitude", "longitude", "link", "opens", "tags"], rows)


def stories(dice):
    """Few rows of long texts."""
    def text():
        words = [dice.pick(WORDS) for _ in range(dice.between(60, 160))]
        for at in range(9, len(words), 10):
            words[at] = dice.pick([words[at] + ",", words[at] + ".\n", f'"{words[at]}"',
                                   words[at] + ";"])
        return " ".join(words)
    return Table("stories", ["id", "title", "pages", "text"],
                 [[str(i), f"{dice.pick(WORDS)} {dice.pick(WORDS)}".title(),
                   str(dice.between(1, 900)), text()]
                  for i in range(1, dice.between(4, 8))])


def pairs(dice):
    """Two columns."""
    return Table("pairs", ["day", "visitors"],
                 [[(datetime.date(2025, 1, 1) + datetime.timedelta(days=i)).isoformat(),
                   now_and_then(dice, 0.9, str(dice.between(0, 9000)))]
                  for i in range(dice.between(6, 40))])


def numbers(dice):
    """One column."""
    return Table("numbers", ["id"],
                 [[str(dice.between(1, 10 ** 6))] for _ in range(dice.between(5, 30))])


def few(dice):
    """Two or three rows."""
    return Table("few", ["country", "capital", "population", "area_km2"],
                 [list(row) for row in dice.sample(COUNTRIES, dice.between(2, 3))])


def airports(dice):
    """Text in every cell: whether the first record is a header, its meaning alone can tell."""
    return Table("airports", ["iata", "city", "callsign"],
                 [list(row) for row in dice.sample(AIRPORTS, dice.between(5, 8))])


ALL = [people, sensors, stock, orders, prices, cities, places, stories, pairs, numbers, few,
       airports]

# Those with four columns or more and a header that nobody takes for a row; in Western letters.
WESTERN = [people, sensors, stock, orders, prices, places]
WIDE = WESTERN + [cities, stories]
PLAIN = [stock, sensors]      # nothing in them needs a quote in a file with commas
UNICODE = [cities, people]

#!/usr/bin/env python3
"""Make data/trips (a year of bike trips in an invented city) and data/expected.

    python3 data/generate.py            write both
    python3 data/generate.py --check    compare what is there with what would be written

The trips come from a fixed seed and only from Random.random(), whose sequence Python promises to keep, so
every machine writes the same bytes. (The deflate stream inside a .gz is zlib's own choice: --check compares
what it inflates to.)

The expected results are not made by sheaf. The files are read back with Python's csv module, and the
results are computed from that. So they also tell whether the files say what the generator meant: the trips
read back must be the trips that were made.
"""

import calendar
import csv
import datetime
import gzip
import hashlib
import io
import pathlib
import random
import struct
import sys
import zlib
from decimal import Decimal

DATA = pathlib.Path(__file__).resolve().parent

COLUMNS = ["trip_id", "started_at", "ended_at", "start_station", "end_station", "bike_type",
           "distance_km", "member", "fare", "notes"]

# name, how busy it is. Commas, quotes and letters beyond ASCII are where such names have them.
STATIONS = [
    ("Tallowgate", 14), ("Harbour Square, North Gate", 12), ("Quai des Brûmes", 11),
    ("Øresteg Ferry", 10), ('Market Hall "The Lantern"', 9), ("Mühlenbrücke", 8),
    ("St. Ivo's Steps", 7), ("Ropewalk & 3rd", 7), ("Łąkowa, Lower Meadow", 6), ("Jardín de la Sal", 6),
    ("University, Old Mint", 5), ("Käthe-Voss-Platz", 4), ("Pier 9 (seasonal)", 3), ("東門 East Gate", 3),
    ("Signal Hill", 2), ('Café "Nørd", terrace', 2),
]
SHORT_NOTES = [  # notes that stay on one line
    "flat tyre", "bell missing", "chain came off, fixed", 'rider said: "brakes too soft"',
    "left outside the dock", "child seat", "refund asked", "battery at 4 %", "très bien", "wet saddle",
]
LONG_NOTES = [  # notes as typed into a form with more than one line
    "Basket loose.\nTightened on site.",
    'Rider wrote:\n"stops on its own, twice"\nTo the workshop.',
    "1) light\n2) bell, too\n\n3) done",
]
WEATHER = ["clear", "cloudy", "rain", "wind", "fog"]

TRIPS_IN_MONTH = [142, 151, 187, 206, 238, 251, 259, 244, 213, 190, 158, 133]
FIRST_TRIP_ID = 500_001


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

    def pick_weighted(self, pairs):
        left = self.random() * sum(weight for _, weight in pairs)
        for item, weight in pairs:
            left -= weight
            if left < 0:
                return item
        return pairs[-1][0]


# ---------------------------------------------------------------- the trips

def stations_in_season(dice):
    """The stations, each busier or quieter than usual: a market, a ferry, the university's terms."""
    return [(name, weight * (0.4 + 1.6 * dice.random())) for name, weight in STATIONS]


def make_trip(dice, trip_id, started_at, stations, notes):
    minutes = dice.between(3, 55)
    kind = dice.pick_weighted([("classic", 6), ("electric", 3), ("cargo", 1)])
    metres = minutes * dice.between(150, 290 if kind == "electric" else 230)
    is_member = dice.chance(0.7)
    cents = 0 if is_member and minutes <= 30 else 100 + 10 * minutes
    is_lost = dice.chance(0.02)  # a bike that came back to no station: no end, no fare, a note
    ended_at = started_at + datetime.timedelta(minutes=minutes, seconds=dice.between(0, 59))
    return {
        "trip_id": str(trip_id),
        "started_at": started_at.isoformat(" "),
        "ended_at": "" if is_lost else ended_at.isoformat(" "),
        "start_station": dice.pick_weighted(stations),
        "end_station": "" if is_lost else dice.pick_weighted(stations),
        "bike_type": kind,
        "distance_km": "" if is_lost else f"{metres // 100 / 10:.1f}",
        "member": "yes" if is_member else "no",
        "fare": "" if is_lost else f"{cents // 100}.{cents % 100:02d}",
        "notes": "not returned" if is_lost else dice.pick(notes) if dice.chance(0.12) else "",
    }


def make_month(dice, month, first_trip_id):
    days = calendar.monthrange(2025, month)[1]
    starts = sorted(datetime.datetime(2025, month, dice.between(1, days), dice.between(5, 22),
                                      dice.between(0, 59), dice.between(0, 59))
                    for _ in range(TRIPS_IN_MONTH[month - 1]))
    stations = stations_in_season(dice)
    notes = SHORT_NOTES + LONG_NOTES if month == 5 else SHORT_NOTES
    trips = [make_trip(dice, first_trip_id + i, start, stations, notes) for i, start in enumerate(starts)]
    if month == 10:
        for trip in trips:
            trip["weather"] = dice.pick(WEATHER)
    return trips


def make_year():
    dice = Dice("sheaf 2025")
    months, next_id = [], FIRST_TRIP_ID
    for month in range(1, 13):
        months.append(make_month(dice, month, next_id))
        next_id += len(months[-1])
    return months


# ---------------------------------------------------------------- the files: one quirk each

def columns_of(month):
    if month == 10:  # a weather column in the middle, for one month
        return COLUMNS[:7] + ["weather"] + COLUMNS[7:]
    if month == 12:  # a new export program, with its own order of columns
        return COLUMNS[:3] + ["member", "fare", "bike_type", "distance_km", "start_station",
                              "end_station", "notes"]
    return COLUMNS


def to_csv(columns, trips, line_end):
    text = io.StringIO()
    writer = csv.DictWriter(text, columns, lineterminator=line_end)
    writer.writeheader()
    writer.writerows(trips)
    return text.getvalue().encode()


def put_blank_lines(text):
    """A blank line after each week's worth of records, and two at the end."""
    lines = text.split(b"\n")
    return b"\n".join(line + b"\n" if i % 60 == 59 else line for i, line in enumerate(lines)) + b"\n\n"


def to_gzip(data):
    """A gzip file without name and time: the same bytes whenever it is made."""
    deflate = zlib.compressobj(9, zlib.DEFLATED, -zlib.MAX_WBITS)
    header = b"\x1f\x8b\x08\x00" + struct.pack("<I", 0) + b"\x02\xff"
    trailer = struct.pack("<II", zlib.crc32(data), len(data))
    return header + deflate.compress(data) + deflate.flush() + trailer


def file_of(month, trips):
    """The name and the bytes of a month's file."""
    data = to_csv(columns_of(month), trips, "\r\n" if month == 3 else "\n")
    if month == 2:
        data = b"\xef\xbb\xbf" + data
    if month == 7:
        data = put_blank_lines(data)
    if month == 9:
        data = data.rstrip(b"\n")
    if month in (4, 6, 11):
        return f"trips/2025-{month:02d}.csv.gz", to_gzip(data)
    return f"trips/2025-{month:02d}.csv", data


# ---------------------------------------------------------------- what is expected, by Python's csv

def read_back(name, data):
    text = (gzip.decompress(data) if name.endswith(".gz") else data).decode("utf-8-sig")
    return list(csv.DictReader(io.StringIO(text, newline=""), strict=True))


def united_columns(tables):
    return list(dict.fromkeys(column for table in tables for column in table[0]))


def expected_counts(names, tables):
    """What `sheaf count data/trips` prints."""
    total = sum(map(len, tables))
    lines = [(len(table), f"data/{name}") for name, table in zip(names, tables)] + [(total, "total")]
    return "".join(f"{count:>{len(str(total))}} {what}\n" for count, what in lines)


def busiest_station(trips):
    starts = [trip["start_station"] for trip in trips]
    return min(set(starts), key=lambda station: (-starts.count(station), station))


def expected_query(tables):
    """What data/query.sql gives, as CSV."""
    def total(trips, column):
        return sum((Decimal(trip[column]) for trip in trips if trip[column]), Decimal(0))

    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["month", "trips", "kilometres", "fares", "busiest_station"])
    for trips in tables:
        writer.writerow([trips[0]["started_at"][:7], len(trips), f"{total(trips, 'distance_km'):.1f}",
                         f"{total(trips, 'fare'):.2f}", busiest_station(trips)])
    return text.getvalue()


def expected_cat(tables):
    """The SHA-256 of what `sheaf cat data/trips` prints, in the form that sha256sum --check reads."""
    text = io.StringIO()
    writer = csv.DictWriter(text, united_columns(tables), restval="", lineterminator="\n")
    writer.writeheader()
    for table in tables:
        writer.writerows(table)
    return hashlib.sha256(text.getvalue().encode()).hexdigest() + "  trips.csv\n"


def make_files():
    """All files: path below data/ to bytes."""
    months = make_year()
    files = dict(file_of(month, trips) for month, trips in enumerate(months, 1))
    tables = [read_back(name, data) for name, data in files.items()]
    assert tables == [[{c: trip[c] for c in columns_of(month)} for trip in trips]
                      for month, trips in enumerate(months, 1)], "the files do not say what was meant"
    expected = {"expected/counts.txt": expected_counts(files, tables),
                "expected/query.csv": expected_query(tables),
                "expected/trips.csv.sha256": expected_cat(tables)}
    return files | {name: text.encode() for name, text in expected.items()}


# ---------------------------------------------------------------- the program

def content(name, data):
    return gzip.decompress(data) if name.endswith(".gz") else data


def check(files):
    """The names of files that are missing, different, or not ours."""
    there = {str(path.relative_to(DATA)) for folder in ("trips", "expected")
             for path in (DATA / folder).glob("*")}
    return sorted((there ^ files.keys()) | {
        name for name in there & files.keys()
        if content(name, (DATA / name).read_bytes()) != content(name, files[name])})


def main():
    files = make_files()
    if sys.argv[1:] == ["--check"]:
        wrong = check(files)
        sys.exit("not as generated: " + ", ".join(wrong) if wrong else 0)
    for name, data in files.items():
        (DATA / name).parent.mkdir(exist_ok=True)
        (DATA / name).write_bytes(data)


if __name__ == "__main__":
    main()

"""Names and values that mean something to somebody: to SQL, to a shell, to a terminal, to who compares or cuts them."""

import random

PIECES = [
    '"', "'", "`", "[", "]", ";", "--", "/*", "*/", "#", "\\", "\\'", '\\"', "\\n", "\\x00", "%", "%s", "%n%n", "$1", "$$",
    ":a", "?1", "@x", "{}", "(", ")", ",", ".", "/..", "*", "&", "|", "<b>", "=", "=1+1", "~", "\n", "\r", "\r\n", "\t",
    "\v", "\f", "\x01", "\x07", "\b", "\x1b[31m", "\x1b]0;x\a", "\x7f", "\x85", "\u2028", "\u202e", "\u200b", "\ufeff",
    "\u0301", "é", "e\u0301", "ﬁ", "İ", "ß", "漢", "😀", "👨‍👩‍👧", "\U0010ffff", "\ufffd", " ", "\u00a0", "  ", "0", "1e5", "-1",
    "select", "SELECT", "table", "from", "order", "null", "NULL", "PRIMARY KEY", "user", "default", "rowid", "oid", "ctid",
    "xmin", "tableoid", "DROP TABLE canary", "; DROP TABLE canary; --", "'; DROP TABLE canary; --",
    '"; DROP TABLE canary; --', '"); DROP TABLE canary; --', "'); DROP TABLE canary; --", "]; DROP TABLE canary; --",
    "$$; DROP TABLE canary; --", "\\'; DROP TABLE canary; --", "\\.\n; DROP TABLE canary;", "' OR '1'='1",
    "U&\"\\0041\"", "E'\\''", "x'00'", "\\.", "\\N", "COPY canary FROM PROGRAM 'true'", "ATTACH 'y.db' AS y",
    "PRAGMA writable_schema=1", "a" * 63, "a" * 64, "漢" * 21, "漢" * 22, "true", "nan", "inf",
]
NUL = ["\0", "a\0b", "\0'; DROP TABLE canary; --"]
LONG = ["x" * 10_000, '"' * 10_000, "'" * 10_000, "漢" * 10_000, "; DROP TABLE canary; --" * 500]


def hostile(count, seed, more=(), longest=None, without="", folded=str):
    """So many of them, each another one (as `folded` sees them); the first are the pieces alone."""
    rng = random.Random(f"hostile {seed}")
    found = {}

    def take(text):
        if not set(text) & set(without) and (longest is None or len(text.encode()) <= longest):
            found.setdefault(folded(text), text)

    for text in [*more, *PIECES]:
        take(text)
    while len(found) < count:
        take("".join(rng.choice(PIECES) for _ in range(rng.randrange(2, 6))))
    return list(found.values())[:count]


def ascii_lower(text):
    return "".join(c.lower() if c.isascii() else c for c in text)

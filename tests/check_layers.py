#!/usr/bin/env python3
"""Fails when a layer reaches up, or takes what belongs to another.

    tests/check_layers.py [REPO]      check the repository (default: the one this file lies in)
    tests/check_layers.py --self-test check the check: each rule is broken once, and must complain

Every rule is a row in one of the tables below. A complaint names the file, the line and the rule.
"""

import pathlib
import re
import sys

# Folder or file (by longest beginning) -> level. A file may include its own level and those below.
LEVELS = {
    "include/sheaf/export.h": 1,
    "include/sheaf/version.h": 1,
    "include/sheaf/status.h": 1,
    "include/sheaf/text.h": 1,
    "include/sheaf/trace.h": 1,
    "include/sheaf/type.h": 1,
    "include/sheaf/arena.h": 1,
    "include/sheaf/dialect.h": 1,
    "include/sheaf/schema.h": 1,
    "include/sheaf/fix.h": 1,
    "include/sheaf/arrow.h": 1,
    "include/sheaf/destination.h": 1,
    "include/sheaf/dialect.h": 1,
    "include/sheaf/future.h": 2,
    "include/sheaf/executor.h": 2,
    "include/sheaf/map.h": 2,
    "include/sheaf/call.h": 2,
    "include/sheaf/discover.h": 3,  # what a file is: readers are told which one to read
    "include/sheaf/": 4,  # ingest.h and whatever else is made of it
    "include/sheaf/sheaf.h": 5,  # all of them
    "engine/core/": 1,
    "engine/executor/": 2,
    "engine/table/": 2,
    "readers/": 3,
    "engine/discover/": 4,
    "engine/ledger/": 4,
    "engine/sinks/": 4,
    "engine/ingest/": 4,
    "engine/": 4,  # files directly in it
    "engine/cli/": 5,
    "bench/": 5,
    "tests/": 5,
}

# The files that may know both the pool and the readers. Everything else knows one of them at most.
KNOWS_POOL_AND_READERS = ("engine/ingest/", "bench/", "tests/")
POOL = ("engine/executor/", "include/sheaf/executor.h")
READERS = ("readers/",)

# Beginning of a file's path -> what it must not include, not even by way of another header.
NEVER = {
    "engine/executor/": ("readers/", "engine/table/", "include/sheaf/discover.h", "include/sheaf/ingest.h"),
    "engine/table/": POOL,
    "readers/": POOL,
    "engine/sinks/": ("engine/executor/",) + READERS,
    "engine/ledger/": POOL + READERS,
}

# Beginning of a file's path -> the only files there that may know the pool, by its public face: the way to threads.
# (Connections to a server wait for it, which the workers that read must not do.)
POOL_DOORS = {"engine/sinks/": ("engine/sinks/pipeline.c", "engine/sinks/postgres/stages.c")}

# Outside programs and the command line see the public headers and their own folder, nothing else.
PUBLIC_ONLY = ("engine/cli/", "tests/package/", "tests/examples/")

# A library's header -> the only places that may include it. (bench and tests may: they play the outside.)
OWNED_HEADERS = {
    "zlib.h": ("readers/source/", "engine/sinks/compress/"),
    "isa-l.h": ("readers/source/",),
    "zstd.h": ("readers/source/", "engine/sinks/compress/", "engine/sinks/parquet/"),
    "snappy-c.h": ("engine/sinks/parquet/",),
    "csv.h": ("readers/record/",),
    "xxhash.h": ("engine/table/",),
    "sqlite3.h": ("engine/sinks/sqlite/", "engine/sinks/quarantine/held_json.c"),
    "libpq-fe.h": ("engine/sinks/postgres/",),
    "jemalloc/": ("engine/core/",),
    "pthread.h": ("engine/", "include/"),
    "threads.h": (),
}

# Words in the code -> the only places that may hold them.
OWNED_WORDS = {
    "pthread_create": ("engine/executor/", "engine/cli/"),
    "thrd_create": (),
    "_Thread_local": (),
    "__thread": (),
}

LINES_MAX = 600  # a warning only
WIDTH_MAX = 100  # of a line in characters

COMMENT_OR_STRING = re.compile(r'/\*.*?\*/|//[^\n]*|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])*\'', re.S)
INCLUDE = re.compile(r'^[ \t]*#[ \t]*include[ \t]*(<[^>\n]+>|"[^"\n]+")', re.M)


def longest(table, path):
    """The value of the table's longest key that path begins with; a folder has to be listed itself."""
    keys = [key for key in table if path.startswith(key)]
    key = max(keys, key=len, default=None)
    if key == "engine/" and "/" in path[len(key):]:
        return None
    return table.get(key)


def is_free(path):
    """Tests and benches may open what they test and use any library."""
    return path.startswith(("bench/", "tests/")) and not path.startswith(PUBLIC_ONLY)


class Source:
    """A file's includes, as paths from the repository's root where they are our own, and its code."""

    def __init__(self, path, text, files):
        self.own, self.system, self.unknown = [], [], []
        # Keeps the line numbers; a comment between include and the name is nobody's habit.
        blank = lambda match: re.sub(r"[^\n]", " ", match.group())
        without_comments = COMMENT_OR_STRING.sub(
            lambda match: match.group() if match.group()[0] in "\"'" else blank(match), text)
        for match in INCLUDE.finditer(without_comments):
            line = without_comments.count("\n", 0, match.start()) + 1
            name, quoted = match.group(1)[1:-1], match.group(1)[0] == '"'
            beside = path.rpartition("/")[0] + "/" + name
            if not quoted and name.startswith("sheaf/"):
                self.own.append((line, "include/" + name))
            elif name.startswith(("engine/", "readers/", "include/", "bench/", "tests/")):
                self.own.append((line, name))
            elif quoted and is_free(path) and beside in files:
                self.own.append((line, beside))
            elif quoted:
                self.unknown.append((line, name))
            else:
                self.system.append((line, name))
        code = COMMENT_OR_STRING.sub(blank, text)
        self.words = [(code.count("\n", 0, match.start()) + 1, match.group())
                      for match in re.finditer(r"\b\w+\b", code) if match.group() in OWNED_WORDS]


def reached(sources, path):
    """What path includes, directly or by way of others -> (line of the first step, the way there)."""
    found = {}
    queue = [(line, name, [name]) for line, name in sources[path].own]
    while queue:
        line, name, way = queue.pop(0)
        if name in found:
            continue
        found[name] = (line, way)
        if name in sources:
            queue += [(line, further, way + [further]) for _, further in sources[name].own]
    return found


def check(files):
    """Complaints about {path from the root: text}, file by file."""
    sources = {path: Source(path, text, files) for path, text in files.items()}
    complaints = []
    for path, source in sorted(sources.items()):
        say = lambda line, what: complaints.append(f"{path}:{line}: {what}")
        level = longest(LEVELS, path)
        if level is None:
            say(1, "this folder has no level: give it one in tests/check_layers.py")
            continue

        for line, name in source.unknown:
            say(line, f'"{name}": write our own headers from the root, "engine/core/arena.h", or <sheaf/arena.h>')
        for line, name in source.own:
            target = longest(LEVELS, name)
            if name not in files:
                say(line, f"{name} does not exist")
            elif target is not None and target > level:
                say(line, f"reaches up: {name} is level {target}, this file is level {level}")
            if path.startswith(PUBLIC_ONLY) and not name.startswith(
                    ("include/sheaf/", path.rpartition("/")[0] + "/")):
                say(line, f"{name} is internal: only <sheaf/...> may be used here")

        ways = reached(sources, path)
        for start, banned in NEVER.items():
            for name, (line, way) in ways.items():
                if path.startswith(start) and name.startswith(banned):
                    say(line, f"{start} must not know {name}" + by_way(way))
        for start, doors in POOL_DOORS.items():
            if path.startswith(start) and path not in doors and "include/sheaf/executor.h" in ways:
                line, way = ways["include/sheaf/executor.h"]
                say(line, f"only {' and '.join(doors)} may know include/sheaf/executor.h" + by_way(way))
        pool = [name for name in ways if name.startswith(POOL)]
        readers = [name for name in ways if name.startswith(READERS)]
        if pool and readers and not path.startswith(KNOWS_POOL_AND_READERS) and not path.startswith(READERS):
            line = max(ways[pool[0]][0], ways[readers[0]][0])
            say(line, f"knows both the pool ({pool[0]}{by_way(ways[pool[0]][1])}) and the readers "
                      f"({readers[0]}{by_way(ways[readers[0]][1])}): only ingest may")

        if not is_free(path):
            for line, name in source.system:
                for header, owners in OWNED_HEADERS.items():
                    if name.startswith(header) and not path.startswith(owners):
                        say(line, f"<{name}> belongs to {' and '.join(owners) or 'nobody'}")
            for line, word in source.words:
                if not path.startswith(OWNED_WORDS[word]):
                    say(line, f"{word} belongs to {' and '.join(OWNED_WORDS[word]) or 'nobody'}")
    return complaints


def by_way(way):
    return f" (by way of {', '.join(way[:-1])})" if len(way) > 1 else ""


def read_repository(root):
    folders = ("engine", "readers", "include", "bench", "tests")
    paths = [path for folder in folders for path in (root / folder).rglob("*") if path.suffix in (".c", ".h", ".cc")]
    return {path.relative_to(root).as_posix(): path.read_text(encoding="utf-8") for path in paths}


# ---- the self test ----

GOOD = {
    "include/sheaf/status.h": "#include <sheaf/export.h>\n",
    "include/sheaf/export.h": "",
    "include/sheaf/arena.h": "#include <sheaf/status.h>\n",
    "include/sheaf/executor.h": "#include <sheaf/status.h>\n",
    "include/sheaf/discover.h": "",
    "include/sheaf/ingest.h": "#include <sheaf/discover.h>\n",
    "include/sheaf/sheaf.h": "#include <sheaf/ingest.h>\n#include <sheaf/executor.h>\n",
    "engine/core/arena.h": "#include <sheaf/arena.h>\n#include <jemalloc/jemalloc.h>\n",
    "engine/executor/pool.h": '#include "engine/core/arena.h"\n',
    "engine/executor/pool.c": '#include <pthread.h>\n#include "engine/executor/pool.h"\npthread_create();\n',
    "engine/table/batch.h": '#include "engine/core/arena.h"\n',
    "readers/reader.h": '#include "engine/table/batch.h"\n#include <sheaf/discover.h>\n',
    "readers/source/gzip.c": "#include <zlib.h>\n/* no pthread_create here; #include <csv.h> */\n",
    "readers/record/libcsv.c": '#include <csv.h>\nconst char *text = "pthread_create // \\" thrd_create";\n',
    "engine/plan.h": '#include "readers/reader.h"\n',
    "engine/sinks/sqlite/sqlite.c": '#include <sqlite3.h>\n#include "engine/table/batch.h"\n',
    "engine/sinks/pipeline.c": "#include <sheaf/executor.h>\n",
    "engine/ingest/ingest.c": '#include "engine/executor/pool.h"\n#include "readers/reader.h"\n',
    "engine/ingest/task.h": '#include <sheaf/executor.h>\n#include "readers/reader.h"\n',
    "engine/cli/main.c": '#include <sheaf/sheaf.h>\n#include "engine/cli/bar.h"\npthread_create();\n',
    "engine/cli/bar.h": "",
    "tests/test_all.c": '#include "engine/ingest/task.h"\n#include "support.h"\n#include <zlib.h>\n',
    "tests/support.h": '#include "engine/executor/pool.h"\n',
    "tests/package/outside.c": "#include <sheaf/sheaf.h>\n",
}

# (file, its text, what the one complaint must hold)
BAD = [
    ("engine/core/x.c", '#include "engine/executor/pool.h"\n', ":1: reaches up"),
    ("engine/core/x.c", "\n#include <sheaf/ingest.h>\n", ":2: reaches up"),
    ("engine/core/x.c", '/*\n*/ #include "readers/reader.h"\n', ":2: reaches up"),
    ("engine/table/x.h", '#  include "readers/reader.h"\n', "reaches up"),
    ("readers/x.c", '#include "engine/plan.h"\n', "reaches up"),
    ("readers/x.c", "#include <engine/plan.h>\n", "reaches up"),
    ("engine/ingest/ingest.c", '#include "engine/cli/bar.h"\n', "reaches up"),
    ("include/sheaf/ingest.h", "#include <sheaf/sheaf.h>\n", "reaches up"),
    ("engine/new/x.c", "", "has no level"),
    ("engine/core/x.c", '#include "arena.h"\n', "from the root"),
    ("engine/core/x.c", '#include "engine/core/gone.h"\n', "does not exist"),
    ("engine/executor/x.c", '#include "engine/table/batch.h"\n', "must not know engine/table"),
    ("engine/table/x.c", "#include <sheaf/executor.h>\n", "must not know include/sheaf/executor.h"),
    ("readers/x.c", "#include <sheaf/executor.h>\n", "must not know include/sheaf/executor.h"),
    ("readers/x.c", "#include <pthread.h>\n", "<pthread.h> belongs to"),
    ("readers/x.c", "// '\nvoid f(void) { pthread_create(); }\n", ":2: pthread_create belongs to"),
    ("readers/x.c", "static _Thread_local int hidden;\n", "_Thread_local belongs to nobody"),
    ("engine/merge.c", "pthread_create(&thread);\n", "pthread_create belongs to"),
    ("engine/sinks/x.c", '#include "engine/executor/pool.h"\n', "must not know engine/executor"),
    ("engine/sinks/x.c", "#include <sheaf/executor.h>\n", "only engine/sinks/pipeline.c and engine/sinks/postgres/stages.c may know"),
    ("engine/sinks/x.c", '#include "engine/plan.h"\n', "readers/reader.h (by way of engine/plan.h)"),
    ("engine/merge.c", '#include "readers/reader.h"\n#include <sheaf/executor.h>\n', ":2: knows both"),
    ("engine/merge.c", '#include "engine/ingest/task.h"\n', "knows both"),
    ("engine/merge.c", "#include <zlib.h>\n", "<zlib.h> belongs to readers/source/"),
    ("readers/source/x.c", "#include <csv.h>\n", "<csv.h> belongs to readers/record/"),
    ("engine/ingest/ingest.c", "#include <sqlite3.h>\n", "<sqlite3.h> belongs to engine/sinks/sqlite/"),
    ("engine/executor/x.c", "#include <jemalloc/jemalloc.h>\n", "belongs to engine/core/"),
    ("engine/cli/x.c", '#include "engine/core/arena.h"\n', "is internal"),
    ("engine/cli/x.c", "#include <zlib.h>\n", "<zlib.h> belongs to"),
    ("tests/package/outside.c", '#include "engine/core/arena.h"\n', "is internal"),
]


def self_test():
    wrong = [f"complains about good code: {complaint}" for complaint in check(GOOD)]
    for path, text, expected in BAD:
        complaints = check({**GOOD, path: text})
        if len(complaints) != 1 or expected not in complaints[0] or not complaints[0].startswith(path + ":"):
            wrong.append(f"{path} holding {text!r}: expected one complaint with {expected!r}, got {complaints}")
    return wrong


def too_wide(files):
    """Lines beyond the house's width: clang-format breaks code there, comments are for who writes them."""
    return [f"{path}:{number}: {len(line)} characters, {WIDTH_MAX} are the most"
            for path, text in sorted(files.items())
            for number, line in enumerate(text.split("\n"), 1) if len(line) > WIDTH_MAX]


def main(arguments):
    if arguments == ["--self-test"]:
        complaints = self_test()
        if not too_wide({"x.c": "x" * (WIDTH_MAX + 1)}) or too_wide({"x.c": "\u00e9" * WIDTH_MAX}):
            complaints.append("width: not found, or found where there is none")
        done = f"{len(BAD)} broken rules were all found"
    else:
        root = pathlib.Path(arguments[0] if arguments else __file__).resolve()
        files = read_repository(root if arguments else root.parent.parent)
        for path, text in sorted(files.items()):
            if text.count("\n") > LINES_MAX:
                print(f"warning: {path} has {text.count(chr(10))} lines: one idea a file?")
        complaints = check(files) + too_wide(files) or ([] if files else ["no source was found"])
        done = f"{len(files)} files keep to their layers"
    print("\n".join(complaints) or done)
    return 1 if complaints else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

#!/usr/bin/env python3
"""Fails when a library or the program shows the linker something it should not.

    tests/check_symbols.py --static libsheaf.a --shared libsheaf.so --program sheaf
    tests/check_symbols.py --self-test [CC]     builds a bad library: each rule must complain

- Global symbols: sheaf_* (and sheaf__*, our shared internals, in the static library only).
- The library never prints, exits or aborts, so it refers to no function that does.
- The shared library does not need libjemalloc (dlopen would fail: static TLS); the program does.
- The SONAME is libsheaf.so.<major>, or .0.<minor> before 1.0.
"""

import argparse
import pathlib
import re
import subprocess
import sys
import tempfile

PUBLIC = re.compile(r"sheaf_(?!_)\w+")
INTERNAL = re.compile(r"sheaf__\w+")
FAST_FLOAT = re.compile(r"_ZZ?N10fast_float\w+") # templates of a header: weak, hidden
NEVER_CALLED = {"abort", "exit", "quick_exit", "err", "errx", "printf", "vprintf", "puts", "putchar",
                "perror", "stderr", "stdout", "__printf_chk", "__vprintf_chk"}


def run(*command):
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def symbols(*nm_options_and_file):
    """Names that nm lists; versions (@GLIBC_2.34) are cut off."""
    lines = run("nm", "--format=posix", *nm_options_and_file).splitlines()
    return {line.split()[0].partition("@")[0] for line in lines if line and not line.endswith(":")}


def check_static(path):
    for name in sorted(symbols("--extern-only", "--defined-only", path)):
        if not any(form.fullmatch(name) for form in (PUBLIC, INTERNAL, FAST_FLOAT)):
            yield f"{path}: defines {name}: global names begin with sheaf_ or sheaf__; is a static missing?"
    for name in sorted(NEVER_CALLED & symbols("--undefined-only", path)):
        yield f"{path}: refers to {name}: the library never prints, exits or aborts"


def check_shared(path):
    found = symbols("--dynamic", "--defined-only", path)
    for name in sorted(found):
        if not PUBLIC.fullmatch(name):
            yield f"{path}: exports {name}: only sheaf_* may be seen"
    if "sheaf_version" not in found:
        yield f"{path}: does not export sheaf_version: is SHEAF_API missing?"
    dynamic = run("readelf", "--dynamic", "--wide", path)
    if needs_jemalloc(dynamic):
        yield f"{path}: needs libjemalloc, and so cannot be dlopen'd"
    if not re.search(r"SONAME.*\[libsheaf\.so\.(0\.\d+|[1-9]\d*)\]", dynamic):
        yield f"{path}: has no SONAME libsheaf.so.<major>, or .0.<minor> before 1.0"


def check_program(path):
    if not needs_jemalloc(run("readelf", "--dynamic", "--wide", path)):
        yield f"{path}: does not need libjemalloc: the linker dropped it"


def needs_jemalloc(dynamic):
    return re.search(r"NEEDED.*\[libjemalloc", dynamic) is not None


BAD_LIBRARY = """
#include <stdio.h>
#include <stdlib.h>
#define SHOWN __attribute__((visibility("default")))
SHOWN int sheaf_good(void);
SHOWN int sheaf__internal(void);
SHOWN int stray;
int sheaf_good(void) { return 0; }
int sheaf__internal(void) { return 0; }
int shared_by_mistake(void) { fprintf(stderr, "lost"); abort(); }
"""
FOUND_IN_STATIC = ("defines stray", "defines shared_by_mistake", "refers to stderr", "refers to abort")
FOUND_IN_SHARED = ("exports stray", "exports sheaf__internal", "does not export sheaf_version", "needs libjemalloc",
                   "has no SONAME")


def self_test(compiler):
    with tempfile.TemporaryDirectory() as folder:
        work = pathlib.Path(folder)
        (work / "bad.c").write_text(BAD_LIBRARY)
        (work / "program.c").write_text("int main(void) { return 0; }")
        at = lambda name: str(work / name)
        run(compiler, "-fPIC", "-fvisibility=hidden", "-c", "-o", at("bad.o"), at("bad.c"))
        run("ar", "rcs", at("bad.a"), at("bad.o"))
        run(compiler, "-shared", "-Wl,--no-as-needed", "-o", at("bad.so"), at("bad.o"), "-ljemalloc")
        run(compiler, "-o", at("program"), at("program.c"))
        for check, name, expected in ((check_static, "bad.a", FOUND_IN_STATIC), (check_shared, "bad.so", FOUND_IN_SHARED),
                                      (check_program, "program", ("does not need",))):
            complaints = list(check(at(name)))
            missed = [what for what in expected if not any(what in complaint for complaint in complaints)]
            if missed or len(complaints) != len(expected):
                yield f"{check.__name__}: expected {expected}, got {complaints}"


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--static", default=[], action="append")
    parser.add_argument("--shared", default=[], action="append")
    parser.add_argument("--program", default=[], action="append")
    parser.add_argument("--self-test", nargs="?", const="cc", metavar="CC")
    options = parser.parse_args()
    complaints = list(self_test(options.self_test)) if options.self_test else []
    for check in (check_static, check_shared, check_program):
        for path in getattr(options, check.__name__.removeprefix("check_")):
            complaints += check(path)
    print("\n".join(complaints) or "nothing shows that should not")
    return 1 if complaints else 0


if __name__ == "__main__":
    sys.exit(main())

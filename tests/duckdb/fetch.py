#!/usr/bin/env python3
"""Get DuckDB's shared library, which only the tests need, out of the npm package that holds it.

    fetch.py          download it, unless it is there
    fetch.py --path   print where it is, or would be
"""

import base64
import hashlib
import io
import os
import pathlib
import platform
import sys
import tarfile
import urllib.request

PACKAGE, VERSION = "node-bindings-linux-x64", "1.5.6-r.1"
URL = f"https://registry.npmjs.org/@duckdb/{PACKAGE}/-/{PACKAGE}-{VERSION}.tgz"
SHA512 = "IXcrZJE6kEqM0Z4wwdVnGBHX/frOS33VPNAwDXQ/Q+Fs84b058Qe94chrCCIcNJlG8Y3UHIUU4eBeCQxW5mN1Q=="

cache = pathlib.Path(os.environ.get("XDG_CACHE_HOME") or pathlib.Path.home() / ".cache")
path = cache / "sheaf" / f"duckdb-{VERSION}" / "libduckdb.so"


def fetch():
    try:
        with urllib.request.urlopen(URL, timeout=60) as answer:
            package = answer.read()
    except OSError as failure:
        sys.exit(f"fetch.py: {URL}: {failure}")
    found = base64.b64encode(hashlib.sha512(package).digest()).decode()
    if found != SHA512:
        sys.exit(f"fetch.py: {URL} has the SHA-512 {found}, not {SHA512}")
    with tarfile.open(fileobj=io.BytesIO(package)) as archive:
        library = archive.extractfile(f"package/{path.name}").read()
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_name(f".{path.name}.{os.getpid()}")
    unfinished.write_bytes(library)
    unfinished.rename(path)


if sys.argv[1:] == ["--path"]:
    print(path)
elif not path.exists() and platform.machine() == "x86_64":
    print(f".ci/setup: downloading DuckDB {VERSION}, for a test")
    fetch()

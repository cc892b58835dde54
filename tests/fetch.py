#!/usr/bin/env python3
"""Get what only the tests need, and Debian has not, out of packages of npm: pinned, checked, below ~/.cache/sheaf.

    fetch.py              download what is not there
    fetch.py --path NAME  print where it is, or would be: duckdb, readers
"""

import base64
import hashlib
import io
import os
import pathlib
import platform
import shutil
import sys
import tarfile
import urllib.request

# DuckDB's shared library lies in one.
DUCKDB = [
    ("@duckdb/node-bindings-linux-x64", "1.5.6-r.1", "IXcrZJE6kEqM0Z4wwdVnGBHX/frOS33VPNAwDXQ/Q+Fs84b058Qe94chrCCIcNJlG8Y3UHIUU4eBeCQxW5mN1Q=="),
]

# Programs that read Arrow and Parquet, in JavaScript: apache-arrow; flechette; parquet-wasm, which is arrow-rs; hyparquet; and what they stand on.
READERS = [
    ("apache-arrow", "21.2.0", "Hxe6Agq26gQOM954qpzYSllJBPJl+e16U5CkfuMUhLrNba+5nKkttIVlflaovN6oaTratqMGAO8H5u/aNhmHWQ=="),
    ("@uwdata/flechette", "2.7.0", "+d4JwDnBJsxjH7zMz5QSDOVQQYqFdAQYSaR6lfBazFz28C5eIBiL5s4jqLEWJKcc43fSU1m6yHMcWeRUCTNH+g=="),
    ("flatbuffers", "25.9.23", "MI1qs7Lo4Syw0EOzUl0xjs2lsoeqFku44KpngfIduHBYvzm8h2+7K8YMQh1JtVVVrUvhLpNwqVi4DERegUJhPQ=="),
    ("json-with-bigint", "3.5.12", "uwbF/wSSuOgC7qqlq27Xp5B6a2MHVug3t0idZdTqu0JnlFvgJuH7ju+KAk/J06C7GfhoYy2gnb9wz2INqcne7w=="),
    ("tslib", "2.9.1", "a4Ux9VKuIMHsOS7ENbEq6hK2ZGYIT27Rtl0E4eD9KqwxhKiQeMZE/9xb3IdYwWaSOyIBQLExhQgXDTYoiCxnWA=="),
    ("parquet-wasm", "0.8.0", "AunZLpYYHPQCzDzeIKOO3e/p3Uqo8+DGyfEVofhlIIn/bk3EuOFJkDXlswSKDDSWOaZRv6bHrob/XynUDKmceg=="),
    ("hyparquet", "1.31.5", "KPVfaxW8xOiO2/4fjeiBfFNEXhGVw9tfcb9ha2iNZdJ3J/yBjEwIeAnTyyuhllFFTb9YO9wg0DfRAOnm6KCvBg=="),
    ("hyparquet-compressors", "1.1.2", "0Hx6w0ZpVpNCefKy5xBYLTp6rKeZn/tsUzuliNzfKqSCdLcTQSfwATEoeedS703Y17k1qNS61HwRME5aOeNkPg=="),
    ("fzstd", "0.1.1", "dkuVSOKKwh3eas5VkJy1AW1vFpet8TA/fGmVA5krThl8YcOVE/8ZIoEA1+U1vEn5ckxxhLirSdY837azmbaNHA=="),
    ("hysnappy", "1.1.1", "/V9XcN2NtRyWjR4LYMfvnvasVVF8jbT/ej0eofBQjZel91E3D813FQ3mQC6gDSMMTCq/FJh28XHeyqr3I/oBRw=="),
]

cache = pathlib.Path(os.environ.get("XDG_CACHE_HOME") or pathlib.Path.home() / ".cache") / "sheaf"


# What it is; the packages; the directory of this version of them; which file of them is wanted, or all.
SETS = {
    "duckdb": ("DuckDB", DUCKDB, cache / f"duckdb-{DUCKDB[0][1]}", "libduckdb.so"),
    "readers": ("readers of Arrow and Parquet", READERS,
                cache / f"readers-{hashlib.sha256(repr(READERS).encode()).hexdigest()[:12]}", None),
}


def download(name, version, sha512):
    url = f"https://registry.npmjs.org/{name}/-/{name.rpartition('/')[2]}-{version}.tgz"
    try:
        with urllib.request.urlopen(url, timeout=60) as answer:
            package = answer.read()
    except OSError as failure:
        sys.exit(f"fetch.py: {url}: {failure}")
    found = base64.b64encode(hashlib.sha512(package).digest()).decode()
    if found != sha512:
        sys.exit(f"fetch.py: {url} has the SHA-512 {found}, not {sha512}")
    return package


def unpack(package, folder, wanted):
    """Every file below the one directory that a package has, whatever that is called; or one of them."""
    with tarfile.open(fileobj=io.BytesIO(package)) as archive:
        for member in filter(tarfile.TarInfo.isfile, archive):
            parts = pathlib.PurePosixPath(member.name).parts[1:]
            if not parts or ".." in parts:
                sys.exit(f"fetch.py: a package has a file {member.name!r}")
            if wanted and parts != (wanted,):
                continue
            target = folder.joinpath(*parts)
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(archive.extractfile(member).read())


def fetch(packages, path, wanted):
    unfinished = path.with_name(f".{path.name}.{os.getpid()}")
    for name, version, sha512 in packages:
        unpack(download(name, version, sha512), unfinished if wanted else unfinished / "node_modules" / name, wanted)
    try:
        unfinished.rename(path)
    except OSError:  # somebody else was faster
        shutil.rmtree(unfinished)


if sys.argv[1:2] == ["--path"]:
    _, _, path, wanted = SETS[sys.argv[2]]
    print(path / wanted if wanted else path)
else:
    for what, packages, path, wanted in SETS.values():
        is_ours = packages is not DUCKDB or platform.machine() == "x86_64"
        if is_ours and not path.exists():
            print(f".ci/setup: downloading {what}, for tests")
            fetch(packages, path, wanted)

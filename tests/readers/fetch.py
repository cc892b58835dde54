#!/usr/bin/env python3
"""Get the programs by which the tests read what we write as Arrow and Parquet: packages of npm, in JavaScript.

    fetch.py          download them, unless they are there
    fetch.py --path   print the directory where they are, or would be
"""

import base64
import hashlib
import io
import os
import pathlib
import shutil
import sys
import tarfile
import urllib.request

# apache-arrow; parquet-wasm, which is arrow-rs; hyparquet; and what they stand on.
PACKAGES = [
    ("apache-arrow", "21.2.0", "Hxe6Agq26gQOM954qpzYSllJBPJl+e16U5CkfuMUhLrNba+5nKkttIVlflaovN6oaTratqMGAO8H5u/aNhmHWQ=="),
    ("flatbuffers", "25.9.23", "MI1qs7Lo4Syw0EOzUl0xjs2lsoeqFku44KpngfIduHBYvzm8h2+7K8YMQh1JtVVVrUvhLpNwqVi4DERegUJhPQ=="),
    ("json-with-bigint", "3.5.12", "uwbF/wSSuOgC7qqlq27Xp5B6a2MHVug3t0idZdTqu0JnlFvgJuH7ju+KAk/J06C7GfhoYy2gnb9wz2INqcne7w=="),
    ("tslib", "2.9.1", "a4Ux9VKuIMHsOS7ENbEq6hK2ZGYIT27Rtl0E4eD9KqwxhKiQeMZE/9xb3IdYwWaSOyIBQLExhQgXDTYoiCxnWA=="),
    ("parquet-wasm", "0.8.0", "AunZLpYYHPQCzDzeIKOO3e/p3Uqo8+DGyfEVofhlIIn/bk3EuOFJkDXlswSKDDSWOaZRv6bHrob/XynUDKmceg=="),
    ("hyparquet", "1.31.5", "KPVfaxW8xOiO2/4fjeiBfFNEXhGVw9tfcb9ha2iNZdJ3J/yBjEwIeAnTyyuhllFFTb9YO9wg0DfRAOnm6KCvBg=="),
    ("hyparquet-compressors", "1.1.2", "0Hx6w0ZpVpNCefKy5xBYLTp6rKeZn/tsUzuliNzfKqSCdLcTQSfwATEoeedS703Y17k1qNS61HwRME5aOeNkPg=="),
    ("fzstd", "0.1.1", "dkuVSOKKwh3eas5VkJy1AW1vFpet8TA/fGmVA5krThl8YcOVE/8ZIoEA1+U1vEn5ckxxhLirSdY837azmbaNHA=="),
    ("hysnappy", "1.1.1", "/V9XcN2NtRyWjR4LYMfvnvasVVF8jbT/ej0eofBQjZel91E3D813FQ3mQC6gDSMMTCq/FJh28XHeyqr3I/oBRw=="),
]

cache = pathlib.Path(os.environ.get("XDG_CACHE_HOME") or pathlib.Path.home() / ".cache")
path = cache / "sheaf" / f"readers-{hashlib.sha256(repr(PACKAGES).encode()).hexdigest()[:12]}"


def download(name, version, sha512):
    url = f"https://registry.npmjs.org/{name}/-/{name}-{version}.tgz"
    try:
        with urllib.request.urlopen(url, timeout=60) as answer:
            package = answer.read()
    except OSError as failure:
        sys.exit(f"fetch.py: {url}: {failure}")
    found = base64.b64encode(hashlib.sha512(package).digest()).decode()
    if found != sha512:
        sys.exit(f"fetch.py: {url} has the SHA-512 {found}, not {sha512}")
    return package


def unpack(package, folder):
    """Every file below the one directory that a package has, whatever that is called."""
    with tarfile.open(fileobj=io.BytesIO(package)) as archive:
        for member in filter(tarfile.TarInfo.isfile, archive):
            parts = pathlib.PurePosixPath(member.name).parts[1:]
            if not parts or ".." in parts:
                sys.exit(f"fetch.py: a package has a file {member.name!r}")
            target = folder.joinpath(*parts)
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(archive.extractfile(member).read())


def fetch():
    unfinished = path.with_name(f".{path.name}.{os.getpid()}")
    for name, version, sha512 in PACKAGES:
        unpack(download(name, version, sha512), unfinished / "node_modules" / name)
    try:
        unfinished.rename(path)
    except OSError:  # somebody else was faster
        shutil.rmtree(unfinished)


if sys.argv[1:] == ["--path"]:
    print(path)
elif not path.exists():
    print(".ci/setup: downloading readers of Arrow and Parquet, for tests")
    fetch()

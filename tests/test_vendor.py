"""The files of others that pages load are those that the lock names."""

from __future__ import annotations

import hashlib
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
LOCK = ROOT / "vendor.lock"
FOLDER = ROOT / "interfaces" / "vendor"

pytestmark = pytest.mark.fault("F25")


def test_every_file_is_the_one_that_was_fetched() -> None:
    first, *lines = LOCK.read_text().splitlines()
    assert re.match(r"# [\w-]+@\d+\.\d+\.\d+ [\w.-]+ ", first), "name, version and licence"
    hashes = {ROOT / name: digest for digest, name in (line.split() for line in lines)}
    assert set(hashes) == {path for path in FOLDER.iterdir() if path.suffix in (".js", ".css", ".txt")}
    for path, digest in hashes.items():
        assert hashlib.sha256(path.read_bytes()).hexdigest() == digest, path.name


def test_their_licence_is_beside_them() -> None:
    assert "Apache License" in (FOLDER / "swagger-ui.LICENSE.txt").read_text()

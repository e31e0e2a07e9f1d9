"""Make the dump of the version that is checked out: `python -m tests.upgrade.make_dump VERSION`, at its release.

Writes `tests/upgrade/VERSION/`. Ids and secrets come from a seeded generator and the clock moves only between requests,
so that two runs differ in little but keys, salts and sealed rows, which the cryptography library draws.
"""

from __future__ import annotations

import asyncio
import base64
import importlib
import json
import random
import secrets
import sys
import uuid
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

FOLDER = Path(__file__).parent
RANDOM_SEED = 20260105


def seed_chance() -> None:
    """Replace the sources of ids and secrets. Has to happen before anything imports them by name."""
    chance = random.Random(RANDOM_SEED)

    def random_bytes(nbytes: int | None = None) -> bytes:
        return chance.randbytes(32 if nbytes is None else nbytes)

    uuid.uuid4 = lambda: uuid.UUID(int=chance.getrandbits(128), version=4)
    secrets.token_bytes = random_bytes
    secrets.token_hex = lambda nbytes=None: random_bytes(nbytes).hex()
    secrets.token_urlsafe = lambda nbytes=None: base64.urlsafe_b64encode(random_bytes(nbytes)).rstrip(b"=").decode()
    secrets.choice = chance.choice


def write_json(path: Path, value: Any) -> None:
    """One entry a line, so that differences can be reviewed."""
    if isinstance(value, dict):
        lines = [f"{json.dumps(key)}: {json.dumps(item, ensure_ascii=False)}" for key, item in value.items()]
    else:
        lines = [json.dumps(item, ensure_ascii=False) for item in value]
    left, right = "{}" if isinstance(value, dict) else "[]"
    path.write_text("\n".join([left, ",\n".join(lines), right, ""]))


async def make_dump(version: str) -> None:
    recording = importlib.import_module("tests.upgrade.recording")  # not before chance is seeded
    folder = FOLDER / version
    folder.mkdir(exist_ok=True)
    with TemporaryDirectory(prefix="tenure-dump-") as home:
        sql, files = await recording.make(Path(home))
    (folder / "dump.sql").write_text(sql)
    for name, value in files.items():
        write_json(folder / f"{name}.json", value)


if __name__ == "__main__":
    seed_chance()
    asyncio.run(make_dump(sys.argv[1]))

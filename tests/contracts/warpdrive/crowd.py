"""Many guests who ask to join one session at once, from a separate process.

Arguments: `URL ALIAS`; one line of tokens on standard input. It prints one line of JSON with `[status, Retry-After
in seconds, sentence of a refusal]` for each guest, and keeps the granted streams open until the process is killed.
"""

from __future__ import annotations

import asyncio
import json
import sys
from typing import Any
from urllib.parse import urlsplit

from tests.contracts.warpdrive.people import public_key


async def ask(url: str, alias: str, nth: int, token: str) -> tuple[list[Any], asyncio.StreamWriter]:
    where = urlsplit(url)
    reader, writer = await asyncio.open_connection(where.hostname, where.port)
    body = json.dumps({"pub_key": public_key(f"guest {nth}"), "user": f"guest-{nth}"})
    headers = {
        "host": where.netloc,
        "authorization": f"Bearer {token}",
        "content-type": "application/json",
        "content-length": str(len(body)),
    }
    head = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    writer.write(f"POST /sse/session/alias/{alias}/guest HTTP/1.1\r\n{head}\r\n{body}".encode())
    answer = (await reader.readuntil(b"\r\n\r\n")).decode().lower().split("\r\n")
    wait = next((line.partition(": ")[2] for line in answer if line.startswith("retry-after")), "0")
    status = int(answer[0].split()[1])
    length = next((int(line.partition(": ")[2]) for line in answer if line.startswith("content-length")), 0)
    sentence = "" if status == 200 else (await reader.readexactly(length)).decode()
    return [status, int(wait), sentence], writer


async def ask_until_served(url: str, alias: str, nth: int, token: str) -> tuple[list[Any], asyncio.StreamWriter]:
    """Ask, and ask again after a 503, when its Retry-After is over: a busy database is no reason to give up."""
    while True:
        answer, writer = await ask(url, alias, nth, token)
        if answer[0] != 503 or answer[1] == 0:
            return answer, writer
        writer.close()
        await asyncio.sleep(answer[1])


async def main(url: str, alias: str) -> None:
    tokens = sys.stdin.readline().split()
    answers = await asyncio.gather(*(ask_until_served(url, alias, nth, token) for nth, token in enumerate(tokens)))
    print(json.dumps([answer for answer, _ in answers]), flush=True)
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))

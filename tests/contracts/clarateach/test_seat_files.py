"""The files of a seat over HTTP (T32 to T38), for the seat's learner alone (T42)."""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import AsyncIterator
from typing import Any
from urllib.parse import quote

import httpx
import psutil
import pytest
import pytest_asyncio

from tests.contracts.clarateach.seats import Classroom, Seat, classroom
from tests.contracts.clarateach.teaching import fine, refused
from tests.support.databases import Databases
from tests.support.engines import DockerEngine

pytestmark = pytest.mark.asyncio(loop_scope="module")
PNG = base64.b64decode("iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAQAAAC1HAwCAAAAC0lEQVR42mNk+A8AAQUBAScY42YAAAAASUVORK5CYII=")
WRITTEN = {"success": True}


@pytest_asyncio.fixture(scope="module", loop_scope="module", params=["docker", "local"])
async def room(
    request: pytest.FixtureRequest, databases: Databases, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Classroom]:
    with databases.lend() as url:
        async with classroom(request.param, url, tmp_path_factory.mktemp("room")) as new_room:
            yield new_room


@pytest_asyncio.fixture(loop_scope="module")
async def seat(room: Classroom) -> Seat:
    return await room.seat()


@pytest_asyncio.fixture(loop_scope="module")
async def learner(seat: Seat) -> AsyncIterator[httpx.AsyncClient]:
    """A client of a seat whose workspace is empty."""
    async with seat.client() as client:
        for file in fine(await client.get(f"{seat.path}/files"))["files"]:
            fine(await client.delete(f"{seat.path}/files{file['path']}"))
        yield client


async def write(client: httpx.AsyncClient, seat: Seat, path: str, content: str, **more: Any) -> None:
    answer = await client.put(f"{seat.path}/files/{path}", json={"content": content, **more})
    assert fine(answer) == WRITTEN


async def read(client: httpx.AsyncClient, seat: Seat, path: str) -> dict[str, Any]:
    body: dict[str, Any] = fine(await client.get(f"{seat.path}/files/{path}"))
    return body


@pytest.mark.line("T33", "T36", "T38")
async def test_a_file_is_written_and_read(learner: httpx.AsyncClient, seat: Seat) -> None:
    text = "print('Hello, wörld! 😀')\n"
    await write(learner, seat, "workspace/src/main.py", text, encoding="utf-8")
    for path in ("workspace/src/main.py", "src/main.py", "/workspace/src/main.py", "src//main.py"):
        assert await read(learner, seat, path) == {"content": text, "encoding": "utf-8"}
    await write(learner, seat, "src/main.py", "")
    assert await read(learner, seat, "src/main.py") == {"content": "", "encoding": "utf-8"}


@pytest.mark.line("T34", "T36")
async def test_what_is_no_text_is_base64(learner: httpx.AsyncClient, seat: Seat) -> None:
    encoded = base64.b64encode(PNG).decode()
    await write(learner, seat, "dot.png", encoded, encoding="base64")
    assert await read(learner, seat, "dot.png") == {"content": encoded, "encoding": "base64"}
    for name, data in {"nul.txt": b"a\0b", "latin.txt": b"gr\xfcn"}.items():  # by what is in it, not by its name
        await write(learner, seat, name, base64.b64encode(data).decode(), encoding="base64")
        assert (await read(learner, seat, name))["encoding"] == "base64"
    await write(learner, seat, "text.png", base64.b64encode(b"text").decode(), encoding="base64")
    assert await read(learner, seat, "text.png") == {"content": "text", "encoding": "utf-8"}


@pytest.mark.line("T32")
async def test_a_directory_is_listed(learner: httpx.AsyncClient, seat: Seat) -> None:
    for path, content in {"b.txt": "12345", "a.txt": "", "z/deep.txt": "x", "c/d.txt": "x"}.items():
        await write(learner, seat, path, content)
    files = fine(await learner.get(f"{seat.path}/files"))["files"]
    assert [file["name"] for file in files] == ["c", "z", "a.txt", "b.txt"]
    assert [file["is_directory"] for file in files] == [True, True, False, False]
    assert files[3]["path"] == "/workspace/b.txt" and files[3]["size"] == 5
    assert set(files[3]) == {"name", "path", "is_directory", "size", "modified_at"}
    assert files[3]["modified_at"].endswith("Z") and len(files[3]["modified_at"]) == 20
    for path in ("/workspace/z", "workspace/z", "z"):
        (deep,) = fine(await learner.get(f"{seat.path}/files", params={"path": path}))["files"]
        assert deep["path"] == "/workspace/z/deep.txt"


@pytest.mark.line("T37")
async def test_a_file_and_a_directory_are_deleted(learner: httpx.AsyncClient, seat: Seat) -> None:
    for path in ("d/e/f", "g"):
        await write(learner, seat, path, "x")
    for path in ("workspace/g", "/workspace/d"):
        assert fine(await learner.delete(f"{seat.path}/files/{path}")) == WRITTEN
    assert fine(await learner.get(f"{seat.path}/files")) == {"files": []}
    refused(await learner.delete(f"{seat.path}/files/workspace"), 403, "FORBIDDEN")


@pytest.mark.line("T35")
async def test_what_is_not_there_is_not_found(learner: httpx.AsyncClient, seat: Seat) -> None:
    refused(await learner.get(f"{seat.path}/files/missing"), 404, "NOT_FOUND")
    refused(await learner.delete(f"{seat.path}/files/missing"), 404, "NOT_FOUND")
    refused(await learner.get(f"{seat.path}/files", params={"path": "missing"}), 404, "NOT_FOUND")


OUTSIDE = [
    "../etc/passwd",
    "workspace/../../etc/passwd",
    "missing/../../x",
    "%2e%2e/etc/passwd",
    "..%2fetc%2fpasswd",
    "%2fetc%2fpasswd",
    "/etc/passwd",
    "/workspacex",
]


@pytest.mark.line("T35")
@pytest.mark.parametrize("path", OUTSIDE)
async def test_a_path_outside_is_forbidden(room: Classroom, seat: Seat, path: str) -> None:
    """Send the path as it is: HTTP clients normalize paths, and would remove the `..`."""
    for method, body in (("GET", b""), ("PUT", b'{"content":"x"}'), ("DELETE", b"")):
        status, reply = await raw(room, method, f"{seat.path}/files/{path}", seat.token, body)
        assert (status, reply["error"]["code"]) == (403, "FORBIDDEN")
    async with seat.client() as client:
        answer = await client.get(f"{seat.path}/files?path={path}")
        refused(answer, 403, "FORBIDDEN")


async def raw(room: Classroom, method: str, path: str, token: str, body: bytes) -> tuple[int, Any]:
    host, _, port = room.served.url.removeprefix("http://").partition(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    head = f"{method} {path} HTTP/1.1\r\nHost: {host}\r\nAuthorization: Bearer {token}\r\n"
    writer.write(f"{head}Content-Length: {len(body)}\r\nConnection: close\r\n\r\n".encode() + body)
    answer = await reader.read()
    writer.close()
    start, _, content = answer.partition(b"\r\n\r\n")
    return int(start.split()[1]), json.loads(content)


@pytest.mark.line("T35")
async def test_a_link_that_leaves_is_forbidden(room: Classroom, learner: httpx.AsyncClient, seat: Seat) -> None:
    async with seat.terminal() as tab:
        await tab.types("cd; ln -s /etc etc; ln -s /etc/passwd pass; mkfifo pipe; echo ma''de\r")
        await tab.shows("made\r\n")
    for path in ("etc/passwd", "pass", "pipe", "etc"):
        refused(await learner.get(f"{seat.path}/files/{path}"), 403, "FORBIDDEN")
        refused(await learner.put(f"{seat.path}/files/{path}", json={"content": "x"}), 403, "FORBIDDEN")
    refused(await learner.delete(f"{seat.path}/files/etc/passwd"), 403, "FORBIDDEN")
    for path in ("pass", "pipe", "etc"):
        fine(await learner.delete(f"{seat.path}/files/{path}"))
    async with seat.terminal() as tab:
        await tab.types("ls -d /etc/passwd; ls; echo cle''an\r")
        await tab.shows("/etc/passwd\r\nclean\r\n")


@pytest.mark.fault("F71")
async def test_whatever_is_listed_can_be_read_and_deleted(learner: httpx.AsyncClient, seat: Seat) -> None:
    names = ["new\nline", "end\n", "%2e%2e%2f", "a%2fb", "ü", "q?#&"]
    for name in names:
        await write(learner, seat, quote(name, safe=""), name)
    listed = fine(await learner.get(f"{seat.path}/files"))["files"]
    assert sorted(file["name"] for file in listed) == sorted(names)
    for file in listed:
        address = f"{seat.path}/files{quote(file['path'])}"
        assert fine(await learner.get(address))["content"] == file["name"]
        fine(await learner.delete(address))


@pytest.mark.line("T05")
async def test_what_makes_no_sense_is_invalid(learner: httpx.AsyncClient, seat: Seat) -> None:
    await write(learner, seat, "d/f", "x")
    refused(await learner.get(f"{seat.path}/files/d"), 400, "INVALID_INPUT")
    refused(await learner.get(f"{seat.path}/files/"), 400, "INVALID_INPUT")
    refused(await learner.get(f"{seat.path}/files", params={"path": "d/f"}), 400, "INVALID_INPUT")
    for body in (b"", b"{}", b"no", b'{"content":1}', b'{"content":"x","encoding":"rot13"}'):
        refused(await learner.put(f"{seat.path}/files/d/f", content=body), 400, "INVALID_INPUT")
    refused(await learner.put(f"{seat.path}/files/d", json={"content": "x"}), 400, "INVALID_INPUT")
    assert (await read(learner, seat, "d/f"))["content"] == "x"


@pytest.mark.line("T02", "T25", "T42")
async def test_only_who_sits_there(room: Classroom, seat: Seat) -> None:
    other = await room.seat(1)
    async with room.served.client(None) as nobody:
        for path in (f"{seat.path}/files", f"{seat.path}/files/x", "/vm/99/files", "/vm/x/files"):
            for headers in ({}, {"Authorization": "Bearer nonsense"}, {"Authorization": f"Basic {seat.token}"}):
                refused(await nobody.get(path, headers=headers), 401, "UNAUTHORIZED")
            refused(await nobody.get(path, params={"token": "nonsense"}), 401, "UNAUTHORIZED")
        fine(await nobody.get(f"/vm/{seat.number}/files", params={"token": seat.token}))
        # A header counts before the address.
        wrong = {"Authorization": f"Bearer {other.token}"}
        answer = await nobody.get(f"{seat.path}/files", params={"token": seat.token}, headers=wrong)
        refused(answer, 403, "FORBIDDEN")
    async with other.client() as another:
        refused(await another.get(f"{seat.path}/files"), 403, "FORBIDDEN")
        refused(await another.put(f"{seat.path}/files/x", json={"content": "x"}), 403, "FORBIDDEN")
        refused(await another.get("/vm/99/files"), 400, "INVALID_INPUT")


MEGABYTES = 200
MAX_GROWTH_MB = 60  # of this process's memory while large files pass through it


async def test_a_large_file_is_not_held_in_memory(room: Classroom, seat: Seat) -> None:
    first = "content" if isinstance(room.engine, DockerEngine) else "encoding"  # both ways are gone, one on each
    block = bytes(range(256)) * 4096
    encoded = base64.b64encode(block * 3)  # three megabytes, without padding
    process, most = psutil.Process(), [0]

    async def body() -> AsyncIterator[bytes]:
        yield b'{"encoding":"base64","content":"' if first == "encoding" else b'{"content":"'
        for _ in range(MEGABYTES // 3 + 1):
            yield encoded
            most.append(process.memory_info().rss)
        yield b'"}' if first == "encoding" else b'","encoding":"base64"}'

    before = process.memory_info().rss
    length = 0
    async with seat.client() as client:
        fine(await client.put(f"{seat.path}/files/large", content=body()))
        async with client.stream("GET", f"{seat.path}/files/large") as answer:
            assert answer.status_code == 200
            async for piece in answer.aiter_raw():
                length += len(piece)
                most.append(process.memory_info().rss)
        fine(await client.delete(f"{seat.path}/files/large"))
    blocks = MEGABYTES // 3 + 1
    assert length == len('{"content":"","encoding":"base64"}') + len(encoded) * blocks
    assert (max(most) - before) >> 20 < MAX_GROWTH_MB

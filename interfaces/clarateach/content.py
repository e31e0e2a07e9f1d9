"""A file inside JSON, either way, of any length: piece by piece as it comes, never as a whole.

    {"content": "...", "encoding": "utf-8"}        base64 for what is no text

Clients mostly say the encoding last. What comes before it is put aside then: a little in memory, more on disk.
"""

from __future__ import annotations

import binascii
import codecs
import re
from collections.abc import AsyncIterator
from tempfile import SpooledTemporaryFile
from typing import Any

import orjson

from application.files import Contents
from domain.errors import Invalid

PIECE = 1 << 18
IN_MEMORY = 1 << 20
LONGEST_FIELD = 4096  # bytes of any other field
LONGEST_ESCAPE = 12  # bytes: two of them can be one character
NOT_JSON = "the body must be a JSON object"
IN_STRING = re.compile(rb'[^"\\]*(?:\\.[^"\\]*)*', re.DOTALL)
HALF_CHARACTER = re.compile(rb"(?:[\xc2-\xdf]|[\xe0-\xef][\x80-\xbf]?|[\xf0-\xf4][\x80-\xbf]{0,2})\Z")
VALUE = re.compile(rb'\s*("(?:[^"\\]|\\.)*"|[^\s"{}\[\],:]+)\s*(?=[,}])', re.DOTALL)
KEY = re.compile(rb'[\s,]*("(?:[^"\\]|\\.)*")\s*:\s*(?=\S)', re.DOTALL)


# -- out -------------------------------------------------------------------------------------------------------


async def shown(contents: Contents) -> AsyncIterator[bytes]:
    """The answer's body."""
    yield b'{"content":"'
    async for piece in texts(contents) if contents.is_text else in_base64(contents):
        yield piece
    yield b'","encoding":"utf-8"}' if contents.is_text else b'","encoding":"base64"}'


async def texts(contents: Contents) -> AsyncIterator[bytes]:
    decoder = codecs.getincrementaldecoder("utf-8")()  # what is no text any more cuts the answer off
    async for piece in contents.pieces():
        if text := decoder.decode(piece):
            yield orjson.dumps(text)[1:-1]
    decoder.decode(b"", final=True)


async def in_base64(contents: Contents) -> AsyncIterator[bytes]:
    rest = b""
    async for piece in contents.pieces():
        rest += piece
        whole = len(rest) // 3 * 3
        yield binascii.b2a_base64(rest[:whole], newline=False)
        rest = rest[whole:]
    yield binascii.b2a_base64(rest, newline=False)


# -- in --------------------------------------------------------------------------------------------------------


async def given(body: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    """What the file shall contain, from a request's body. Raises `Invalid`, at the latest before it ends."""
    reader = Reader(body)
    await reader.begin()
    if await reader.fields() is None:
        raise Invalid("content is required, and text")
    if "encoding" in reader.found:
        async for piece in decoded(reader.content(), encoding_of(reader.found)):
            yield piece
        await reader.end()
        return
    with SpooledTemporaryFile(IN_MEMORY) as aside:
        async for text in reader.content():
            aside.write(text)
        await reader.end()
        aside.seek(0)
        async for piece in decoded(read(aside), encoding_of(reader.found)):
            yield piece


def encoding_of(found: dict[str, Any]) -> str:
    encoding = found.get("encoding", "utf-8")
    if encoding not in ("utf-8", "base64"):
        raise Invalid("encoding must be utf-8 or base64")
    return str(encoding)


async def read(file: SpooledTemporaryFile[bytes]) -> AsyncIterator[bytes]:
    while piece := file.read(PIECE):
        yield piece


async def decoded(texts: AsyncIterator[bytes], encoding: str) -> AsyncIterator[bytes]:
    rest = b""
    async for text in texts:
        if encoding == "utf-8":
            yield text
            continue
        rest += text.translate(None, b"\r\n")
        whole = max(0, (len(rest) - 1) // 4 * 4)  # the last ones may have to do with padding
        yield from_base64(rest[:whole], last=False)
        rest = rest[whole:]
    yield from_base64(rest, last=True)


def from_base64(text: bytes, last: bool) -> bytes:
    try:
        if not last and b"=" in text[-4:]:
            raise ValueError("it goes on after its end")
        return binascii.a2b_base64(text, strict_mode=True) if text else b""
    except ValueError:
        raise Invalid("content is not base64") from None


class Reader:
    """A JSON object with one long field, `content`, and short ones in `found`."""

    def __init__(self, body: AsyncIterator[bytes]) -> None:
        self._body = body
        self._got = b""
        self.found: dict[str, Any] = {}

    async def begin(self) -> None:
        while not self._got.strip():
            await self._more(NOT_JSON, LONGEST_FIELD)
        self._got = self._got.lstrip()
        if self._got[:1] != b"{":
            raise Invalid(NOT_JSON)
        self._got = self._got[1:]

    async def fields(self) -> bool | None:
        """Up to the content, which follows; None: to the end of the object."""
        while True:
            while not (key := KEY.match(self._got)):
                if self._got.strip(b" \t\r\n,")[:1] == b"}":
                    return None
                await self._more(NOT_JSON, LONGEST_FIELD)
            name = parsed(key[1])
            self._got = self._got[key.end() :]
            if name == "content":
                if self._got[:1] != b'"' or "content" in self.found:
                    raise Invalid("content must be text, once")
                self.found["content"], self._got = True, self._got[1:]
                return True
            while not (value := VALUE.match(self._got)):
                await self._more(f"{name} makes no sense", LONGEST_FIELD)
            self.found[str(name)] = parsed(value[1])
            self._got = self._got[value.end() :]

    async def content(self) -> AsyncIterator[bytes]:
        """The string's text, in UTF-8."""
        rest = b""
        while True:
            data, self._got = rest + self._got, b""
            end = None
            if b'"' in data:
                inside = IN_STRING.match(data)
                assert inside
                end = inside.end() if inside.end() < len(data) and data[inside.end()] == QUOTE else None
            text, rest = unquoted(data if end is None else data[:end], whole=end is not None)
            if text:
                yield text
            if end is not None:
                self._got = data[end + 1 :]
                return
            await self._more("content does not end")

    async def end(self) -> None:
        if await self.fields():
            raise Invalid("content must be text, once")

    async def _more(self, lacking: str, longest: int | None = None) -> None:
        if longest is not None and len(self._got) > longest + PIECE:
            raise Invalid(lacking)
        try:
            self._got += await anext(self._body)
        except StopAsyncIteration:
            raise Invalid(lacking) from None


QUOTE = ord('"')


def parsed(value: bytes) -> Any:
    try:
        return orjson.loads(value)
    except orjson.JSONDecodeError:
        raise Invalid(NOT_JSON) from None


def unquoted(data: bytes, whole: bool) -> tuple[bytes, bytes]:
    """The text that a string's inside stands for, and what is left of it: the beginning of a character."""
    half = None if whole else HALF_CHARACTER.search(data, max(0, len(data) - 3))
    cut = half.start() if half else len(data)
    for back in range(1 if whole else LONGEST_ESCAPE + 1):
        if back > cut:
            break
        try:
            text: str = orjson.loads(b'"%b"' % data[: cut - back])
        except orjson.JSONDecodeError:
            continue
        return text.encode(), data[cut - back :]
    if not whole and len(data) <= LONGEST_ESCAPE:
        return b"", data
    raise Invalid("content is not text as JSON has it")

"""A file inside JSON, either way, of any length: piece by piece as it comes, never as a whole.

    {"content": "...", "encoding": "utf-8"}        base64 for what is no text

Clients mostly say the encoding last. What can only be text is taken for that; what may be base64 is put aside until it
is known: a little in memory, more on disk.
"""

from __future__ import annotations

import codecs
import re
from collections.abc import AsyncIterator
from tempfile import SpooledTemporaryFile
from typing import Any

import orjson
import pybase64

from application.ports.files import Contents
from domain.errors import Invalid

PIECE = 1 << 18
IN_MEMORY = 1 << 20
LONGEST_FIELD = 4096  # bytes of any other field
LONGEST_ESCAPE = 12  # bytes: two of them can be one character
NOT_JSON = "the body must be a JSON object"
NOT_TEXT = "content is not text as JSON has it"
IN_BASE64 = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/=\\"  # and escapes
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
        yield pybase64.b64encode(rest[:whole])
        rest = rest[whole:]
    yield pybase64.b64encode(rest)


# -- in --------------------------------------------------------------------------------------------------------


async def decode_upload(body: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    """What the file shall contain, from a request's body. Raises `Invalid`, at the latest before it ends."""
    reader = Reader(body)
    await reader.begin()
    if not await reader.fields():
        raise Invalid("content is required, and text")
    if "encoding" in reader.found:
        async for piece in meant(reader.content(), encoding_of(reader.found)):
            yield piece
        await reader.end()
        return
    with SpooledTemporaryFile(IN_MEMORY) as aside:
        coming = reader.content()
        async for piece in coming:
            aside.write(piece)
            if piece.translate(None, IN_BASE64):
                break
        else:
            await reader.end()
            aside.seek(0)
            async for piece in meant(read(aside), encoding_of(reader.found)):
                yield piece
            return
        aside.seek(0)
        async for piece in meant(chained(read(aside), coming), "utf-8"):
            yield piece
    await reader.end()
    if encoding_of(reader.found) == "base64":
        raise Invalid("content is not base64")


def encoding_of(found: dict[str, Any]) -> str:
    encoding = found.get("encoding", "utf-8")
    if encoding not in ("utf-8", "base64"):
        raise Invalid("encoding must be utf-8 or base64")
    return str(encoding)


async def read(file: SpooledTemporaryFile[bytes]) -> AsyncIterator[bytes]:
    while piece := file.read(PIECE):
        yield piece


async def chained(*many: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    for one in many:
        async for piece in one:
            yield piece


async def meant(inside: AsyncIterator[bytes], encoding: str) -> AsyncIterator[bytes]:
    """The bytes that a string's inside stands for."""
    escaped = encoded = b""
    async for piece in inside:
        text, escaped = unquoted(escaped + piece, encoding)
        if encoding == "base64":
            encoded += text.translate(None, b"\r\n") if b"\n" in text else text
            whole = max(0, (len(encoded) - 1) // 4 * 4)  # the last ones may have to do with padding
            text, encoded = from_base64(encoded[:whole], last=False), encoded[whole:]
        yield text
    if escaped:
        raise Invalid(NOT_TEXT)
    yield from_base64(encoded, last=True)


def from_base64(text: bytes, last: bool) -> bytes:
    try:
        if not last and b"=" in text[-4:]:
            raise ValueError("it goes on after its end")
        return pybase64.b64decode(text, validate=True)
    except ValueError:
        raise Invalid("content is not base64") from None


def unquoted(data: bytes, encoding: str) -> tuple[bytes, bytes]:
    """The text that this part of a string stands for, in UTF-8, and what is left: the beginning of a character."""
    if encoding == "base64" and b"\\" not in data:
        return data, b""  # what is not ASCII will be found not to be base64 either
    half = HALF_CHARACTER.search(data, max(0, len(data) - 3))
    cut = half.start() if half else len(data)
    for back in range(min(cut, LONGEST_ESCAPE) + 1):
        try:
            text: str = orjson.loads(b'"%b"' % data[: cut - back])
        except orjson.JSONDecodeError:
            continue
        return text.encode(), data[cut - back :]
    raise Invalid(NOT_TEXT)


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
        """The inside of the string, as it stands. No piece ends between a backslash and what comes after it."""
        while True:
            data, self._got = self._got, b""
            end = len(data)
            if b'"' in data:
                inside = IN_STRING.match(data)
                assert inside
                end = inside.end()
                if data[end : end + 1] == b'"':
                    yield data[:end]
                    self._got = data[end + 1 :]
                    return
            elif (len(data) - len(data.rstrip(b"\\"))) % 2:
                end -= 1
            if end:
                yield data[:end]
            self._got = data[end:]
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


def parsed(value: bytes) -> Any:
    try:
        return orjson.loads(value)
    except orjson.JSONDecodeError:
        raise Invalid(NOT_JSON) from None

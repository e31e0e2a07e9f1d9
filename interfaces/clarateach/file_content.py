"""Encode and decode a file inside JSON, of any length, in pieces; the whole file is never in memory.

    {"content": "...", "encoding": "utf-8"}        "base64" for anything that is not text

Most clients send the encoding last. Content that can only be text is written at once. Content that may be base64 is
buffered until the encoding is known, in memory up to MAX_MEMORY_BYTES, then on disk.
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

PIECE_BYTES = 1 << 18
MAX_MEMORY_BYTES = 1 << 20  # of a buffered upload
MAX_FIELD_BYTES = 4096  # of any other field
MAX_ESCAPE_BYTES = 12  # of two escapes, which can be one character
NOT_JSON = "the body must be a JSON object"
NOT_TEXT = "content is not text as JSON has it"
BASE64_BYTES = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/=\\"  # and the backslash of escapes
STRING_INSIDE = re.compile(rb'[^"\\]*(?:\\.[^"\\]*)*', re.DOTALL)
PARTIAL_CHARACTER = re.compile(rb"(?:[\xc2-\xdf]|[\xe0-\xef][\x80-\xbf]?|[\xf0-\xf4][\x80-\xbf]{0,2})\Z")
VALUE = re.compile(rb'\s*("(?:[^"\\]|\\.)*"|[^\s"{}\[\],:]+)\s*(?=[,}])', re.DOTALL)
KEY = re.compile(rb'[\s,]*("(?:[^"\\]|\\.)*")\s*:\s*(?=\S)', re.DOTALL)


# -- download -------------------------------------------------------------------------------------------------------


async def encode_download(contents: Contents) -> AsyncIterator[bytes]:
    """The body of the answer with a file. A file that stops being text while it is read cuts the body off."""
    yield b'{"content":"'
    async for piece in encode_text(contents) if contents.is_text else encode_base64(contents):
        yield piece
    yield b'","encoding":"utf-8"}' if contents.is_text else b'","encoding":"base64"}'


async def encode_text(contents: Contents) -> AsyncIterator[bytes]:
    """The inside of a JSON string. Raises `UnicodeDecodeError` if the file is no longer UTF-8."""
    decoder = codecs.getincrementaldecoder("utf-8")()
    async for piece in contents.pieces():
        if text := decoder.decode(piece):
            yield orjson.dumps(text)[1:-1]
    decoder.decode(b"", final=True)


async def encode_base64(contents: Contents) -> AsyncIterator[bytes]:
    """The inside of a JSON string in base64."""
    rest = b""
    async for piece in contents.pieces():
        rest += piece
        whole = len(rest) // 3 * 3
        yield pybase64.b64encode(rest[:whole])
        rest = rest[whole:]
    yield pybase64.b64encode(rest)


# -- upload --------------------------------------------------------------------------------------------------------


async def decode_upload(body: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    """The file's new contents, from a request's body. Raises `Invalid`, at the latest before the iteration ends."""
    reader = BodyReader(body)
    await reader.begin()
    if not await reader.read_fields():
        raise Invalid("content is required, and text")
    if "encoding" in reader.fields:
        async for piece in decode_content(reader.content(), encoding_of(reader.fields)):
            yield piece
        await reader.end()
        return
    with SpooledTemporaryFile(MAX_MEMORY_BYTES) as buffer:
        rest = reader.content()
        async for piece in rest:
            buffer.write(piece)
            if piece.translate(None, BASE64_BYTES):
                break
        else:
            await reader.end()
            buffer.seek(0)
            async for piece in decode_content(read_pieces(buffer), encoding_of(reader.fields)):
                yield piece
            return
        buffer.seek(0)
        async for piece in decode_content(chain(read_pieces(buffer), rest), "utf-8"):
            yield piece
    await reader.end()
    if encoding_of(reader.fields) == "base64":
        raise Invalid("content is not base64")


def encoding_of(fields: dict[str, Any]) -> str:
    """The encoding in a body's fields. Raises `Invalid` for an unknown one."""
    encoding = fields.get("encoding", "utf-8")
    if encoding not in ("utf-8", "base64"):
        raise Invalid("encoding must be utf-8 or base64")
    return str(encoding)


async def read_pieces(file: SpooledTemporaryFile[bytes]) -> AsyncIterator[bytes]:
    """The rest of a file, in pieces."""
    while piece := file.read(PIECE_BYTES):
        yield piece


async def chain(*parts: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    """The pieces of all parts, one part after another."""
    for part in parts:
        async for piece in part:
            yield piece


async def decode_content(inside: AsyncIterator[bytes], encoding: str) -> AsyncIterator[bytes]:
    """The bytes that the inside of a JSON string stands for. Raises `Invalid`."""
    escaped = encoded = b""
    async for piece in inside:
        text, escaped = unescape(escaped + piece, encoding)
        if encoding == "base64":
            encoded += text.translate(None, b"\r\n") if b"\n" in text else text
            whole = max(0, (len(encoded) - 1) // 4 * 4)  # the last four may be padded
            text, encoded = decode_base64(encoded[:whole], last=False), encoded[whole:]
        yield text
    if escaped:
        raise Invalid(NOT_TEXT)
    yield decode_base64(encoded, last=True)


def decode_base64(text: bytes, last: bool) -> bytes:
    """The bytes of a piece of base64; only the last piece may be padded. Raises `Invalid`."""
    try:
        if not last and b"=" in text[-4:]:
            raise ValueError("padding before the end")
        return pybase64.b64decode(text, validate=True)
    except ValueError:
        raise Invalid("content is not base64") from None


def unescape(data: bytes, encoding: str) -> tuple[bytes, bytes]:
    """The text of this part of a JSON string, in UTF-8, and the rest: the beginning of a character."""
    if encoding == "base64" and b"\\" not in data:
        return data, b""  # decode_base64 refuses anything that is not ASCII
    partial = PARTIAL_CHARACTER.search(data, max(0, len(data) - 3))
    cut = partial.start() if partial else len(data)
    for back in range(min(cut, MAX_ESCAPE_BYTES) + 1):
        try:
            text: str = orjson.loads(b'"%b"' % data[: cut - back])
        except orjson.JSONDecodeError:
            continue
        return text.encode(), data[cut - back :]
    raise Invalid(NOT_TEXT)


class BodyReader:
    """Reads a JSON object with one long string, `content`, and short fields, kept in `fields`."""

    def __init__(self, body: AsyncIterator[bytes]) -> None:
        self._body = body
        self._unread = b""
        self.fields: dict[str, Any] = {}

    async def begin(self) -> None:
        """Read the opening brace."""
        while not self._unread.strip():
            await self._read_more(NOT_JSON, MAX_FIELD_BYTES)
        self._unread = self._unread.lstrip()
        if self._unread[:1] != b"{":
            raise Invalid(NOT_JSON)
        self._unread = self._unread[1:]

    async def read_fields(self) -> bool:
        """Read short fields. True: the inside of the content follows. False: the object has ended."""
        while True:
            while not (key := KEY.match(self._unread)):
                if self._unread.strip(b" \t\r\n,")[:1] == b"}":
                    return False
                await self._read_more(NOT_JSON, MAX_FIELD_BYTES)
            name = parse_json(key[1])
            self._unread = self._unread[key.end() :]
            if name == "content":
                if self._unread[:1] != b'"' or "content" in self.fields:
                    raise Invalid("content must be text, once")
                self.fields["content"], self._unread = True, self._unread[1:]
                return True
            while not (value := VALUE.match(self._unread)):
                await self._read_more(f"{name} makes no sense", MAX_FIELD_BYTES)
            self.fields[str(name)] = parse_json(value[1])
            self._unread = self._unread[value.end() :]

    async def content(self) -> AsyncIterator[bytes]:
        """The inside of the string with its escapes. No piece ends between a backslash and the character after it."""
        while True:
            data, self._unread = self._unread, b""
            end = len(data)
            if b'"' in data:
                inside = STRING_INSIDE.match(data)
                assert inside
                end = inside.end()
                if data[end : end + 1] == b'"':
                    yield data[:end]
                    self._unread = data[end + 1 :]
                    return
            elif (len(data) - len(data.rstrip(b"\\"))) % 2:
                end -= 1
            if end:
                yield data[:end]
            self._unread = data[end:]
            await self._read_more("content does not end")

    async def end(self) -> None:
        """Read the fields after the content, to the end of the object."""
        if await self.read_fields():
            raise Invalid("content must be text, once")

    async def _read_more(self, error_message: str, max_bytes: int | None = None) -> None:
        """Read one more piece. Raises `Invalid` at the end of the body, or with too much unread."""
        if max_bytes is not None and len(self._unread) > max_bytes + PIECE_BYTES:
            raise Invalid(error_message)
        try:
            self._unread += await anext(self._body)
        except StopAsyncIteration:
            raise Invalid(error_message) from None


def parse_json(value: bytes) -> Any:
    """A short JSON value. Raises `Invalid`."""
    try:
        return orjson.loads(value)
    except orjson.JSONDecodeError:
        raise Invalid(NOT_JSON) from None

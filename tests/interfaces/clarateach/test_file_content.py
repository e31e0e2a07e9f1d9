"""Files inside JSON are decoded and encoded without loss, in pieces of any size."""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from domain.errors import Invalid
from interfaces.clarateach import file_content


async def cut(data: bytes, size: int) -> AsyncIterator[bytes]:
    for at in range(0, len(data), size):
        yield data[at : at + size]


def decode(body: bytes, size: int = 7) -> bytes:
    async def read_all() -> bytes:
        return b"".join([piece async for piece in file_content.decode_upload(cut(body, size))])

    return asyncio.run(read_all())


@dataclass
class File:
    data: bytes
    is_text: bool
    cut: int

    @property
    def size(self) -> int:
        return len(self.data)

    def pieces(self) -> AsyncIterator[bytes]:
        return cut(self.data, self.cut)


def encode(file: File) -> Any:
    async def read_all() -> bytes:
        return b"".join([piece async for piece in file_content.encode_download(file)])

    return json.loads(asyncio.run(read_all()))


TEXT = st.text(alphabet=st.characters(exclude_categories=["Cs"]) | st.sampled_from('"\\\n\u2028😀ü'), max_size=60)
SIZE = st.integers(1, 30)


@settings(deadline=None)
@given(text=TEXT, size=SIZE, ascii=st.booleans(), first=st.booleans(), indent=st.sampled_from([None, 2]))
def test_text_comes_in(text: str, size: int, ascii: bool, first: bool, indent: int | None) -> None:
    fields = {"encoding": "utf-8", "content": text} if first else {"content": text, "encoding": "utf-8"}
    body = json.dumps(fields, ensure_ascii=ascii, indent=indent).encode()
    assert decode(body, size) == text.encode()


@settings(deadline=None)
@given(data=st.binary(max_size=60), size=SIZE, first=st.booleans(), wrapped=st.booleans())
def test_base64_comes_in(data: bytes, size: int, first: bool, wrapped: bool) -> None:
    text = (base64.encodebytes if wrapped else base64.b64encode)(data).decode()
    fields = {"encoding": "base64", "content": text} if first else {"content": text, "encoding": "base64"}
    assert decode(json.dumps(fields).encode(), size) == data


@settings(deadline=None)
@given(text=TEXT, data=st.binary(max_size=60), size=SIZE)
def test_both_come_out(text: str, data: bytes, size: int) -> None:
    assert encode(File(text.encode(), True, size)) == {"content": text, "encoding": "utf-8"}
    encoded = base64.b64encode(data).decode()
    assert encode(File(data, False, size)) == {"content": encoded, "encoding": "base64"}


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"  ",
        b"[]",
        b"x",
        b"{}",
        b"{",
        b'{"content"',
        b'{"content": 1}',
        b'{"content": null}',
        b'{"encoding": "utf-8"}',
        b'{"content": "x"',
        b'{"content": "x',
        b'{"content": "x\\',
        b'{"content": "\\ud83d"}',
        b'{"content": "a\nb"}',
        b'{"content": "\xff"}',
        b'{"content": "x", "content": "y"}',
        b'{"content": "x", "encoding": "latin1"}',
        b'{"content": "x", "encoding": 1}',
        b'{"encoding": "base64", "content": "a"}',
        b'{"encoding": "base64", "content": "YQ==YQ=="}',
        b'{"content": "gr\\u00fcn", "encoding": "base64"}',
        b'{"content": "x", "more": "' + b"y" * 400_000 + b'"}',
    ],
)
@pytest.mark.parametrize("size", [1, 5, 1 << 16])
def test_what_makes_no_sense_is_refused(body: bytes, size: int) -> None:
    if len(body) > 1000 and size < 1000:
        size = 5000
    with pytest.raises(Invalid):
        decode(body, size)


def test_other_fields_are_ignored() -> None:
    assert decode(b'{"a": "}", "n": -1.5e3, "content": "x", "t": true, "z": null}') == b"x"

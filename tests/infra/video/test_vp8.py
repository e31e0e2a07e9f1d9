"""Frames and pictures, by their pixels."""

from __future__ import annotations

import io

import av
import pytest
from av import VideoFrame

from infra.video import vp8
from infra.video.vp8 import DUMMY_SIZE, GROUND, LOCK, dummy, frame_of, preview_of

GARBAGE = b"\xa5"


def pixels_of(png: bytes) -> list[bytes]:
    """The pixels of a PNG, row by row: red, green and blue."""
    with av.open(io.BytesIO(png), "r", format="png_pipe") as container:
        frame = next(container.decode(video=0)).reformat(format="rgb24")
    stride, data = frame.planes[0].line_size, bytes(frame.planes[0])
    return [data[y * stride + 3 * x : y * stride + 3 * x + 3] for y in range(frame.height) for x in range(frame.width)]


@pytest.fixture
def dirty_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    """New frames are memory that other things were in before."""

    def used_frame(width: int, height: int, format: str) -> VideoFrame:
        frame = VideoFrame(width, height, format)
        for plane in frame.planes:
            plane.update(GARBAGE * plane.buffer_size)
        return frame

    monkeypatch.setattr(vp8, "VideoFrame", used_frame)


@pytest.mark.fault("F21")
def test_the_dummy_picture_is_a_padlock_and_nothing_else(dirty_memory: None) -> None:
    pixels = pixels_of(dummy())
    lock, ground = bytes(LOCK[2::-1]), bytes(GROUND[2::-1])
    width, height = DUMMY_SIZE
    assert len(pixels) == width * height
    assert set(pixels) == {lock, ground}, "every pixel is one that was drawn"
    middle = [pixels[y * width + width // 2] for y in range(height)]
    assert (middle[0], middle[height // 2], middle[height // 2 + 14], middle[-1]) == (ground, lock, ground, ground)


@pytest.mark.fault("F21")
@pytest.mark.parametrize("size", [(16, 2), (17, 3), (1, 1), (1366, 1)])
def test_a_frame_holds_its_picture_and_nothing_else(size: tuple[int, int], dirty_memory: None) -> None:
    """Of any width, also where FFmpeg aligns rows."""
    width, height = size
    picture = bytes(range(1, 5)) * (width * height)
    plane = frame_of(picture, size).planes[0]
    data = bytes(plane)
    rows = [data[y * plane.line_size : (y + 1) * plane.line_size] for y in range(height)]
    assert b"".join(row[: 4 * width] for row in rows) == picture
    assert GARBAGE[0] not in b"".join(row[4 * width :] for row in rows)


@pytest.mark.fault("F21")
@pytest.mark.parametrize("length", [0, 4 * 15, 4 * 17])
def test_a_picture_of_another_size_makes_no_frame(length: int) -> None:
    with pytest.raises(ValueError, match=r"a picture of \(4, 4\) pixels has 64 bytes"):
        frame_of(bytes(length), (4, 4))


@pytest.mark.fault("F21")
def test_a_preview_is_the_whole_picture_made_smaller(dirty_memory: None) -> None:
    red = vp8.as_png(frame_of(bytes((0, 0, 255, 0)) * (801 * 7), (801, 7)).reformat(format="rgb24"))
    assert set(pixels_of(preview_of(red))) == {bytes((255, 0, 0))}

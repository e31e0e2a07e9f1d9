"""Pictures made smaller, and made into PNG or into video. All of this takes its time: it is for threads."""

from __future__ import annotations

import io
from fractions import Fraction

import av
from av import Packet, VideoFrame
from av.video.codeccontext import VideoCodecContext
from av.video.frame import PictureType
from av.video.stream import VideoStream

PREVIEW_WIDTH = 400  # pixels, at most
DUMMY = (320, 200)  # of what stands for the display of a private machine
TICKS = 90_000  # in a second of video
CLOCK = Fraction(1, TICKS)
DEPTH = 4  # bytes of a pixel, as displays have them
# As a live screen needs it: now rather than well. What does not move costs next to nothing.
LIVE = {
    "deadline": "realtime",
    "cpu-used": "-6",
    "lag-in-frames": "0",
    "error-resilient": "1",
    "static-thresh": "1",
    "undershoot-pct": "100",
    "overshoot-pct": "15",
}
FINEST, COARSEST = 2, 56  # of its quantisers
ENDLESS = 100_000  # pictures until it makes a whole one of its own accord


def preview_of(png: bytes) -> bytes:
    """The same picture as a PNG that is not wide."""
    with av.open(io.BytesIO(png), "r", format="png_pipe") as container:
        frame = next(container.decode(video=0))
    width = min(PREVIEW_WIDTH, frame.width)
    return as_png(frame.reformat(width, max(1, frame.height * width // frame.width), format="rgb24"))


def dummy() -> bytes:
    """A PNG that shows nothing."""
    return as_png(VideoFrame(*DUMMY, "bgr0").reformat(format="rgb24"))


def as_png(frame: VideoFrame) -> bytes:
    codec = coder("png", frame.width, frame.height, "rgb24")
    frame.pts, frame.time_base = 0, CLOCK
    return b"".join(bytes(packet) for packet in (*codec.encode(frame), *codec.encode(None)))


def coder(name: str, width: int, height: int, pixels: str) -> VideoCodecContext:
    codec = av.CodecContext.create(name, "w")
    assert isinstance(codec, VideoCodecContext)
    codec.width, codec.height, codec.pix_fmt, codec.time_base = width, height, pixels, CLOCK
    return codec


def frame_of(picture: bytes, size: tuple[int, int]) -> VideoFrame:
    """A display's picture, as `application.ports.displays` has it."""
    frame = VideoFrame(*size, "bgr0")
    plane, row = frame.planes[0], size[0] * DEPTH
    if plane.line_size != row:  # its rows begin at even places
        rest = bytes(plane.line_size - row)
        picture = b"".join(picture[at : at + row] + rest for at in range(0, len(picture), row))
    plane.update(picture)
    return frame


class Vp8:
    """Pictures one after another, as VP8. Its size follows theirs, with a whole picture whenever it changes."""

    def __init__(self, bits: int, most: int | None = None) -> None:
        """`bits` a second, at most; `most` is how wide a picture becomes, in pixels (None: as it is)."""
        self._bits, self._most = bits, most
        self._codec: VideoCodecContext | None = None

    def encode(self, picture: bytes, size: tuple[int, int], at: int, whole: bool) -> Packet[VideoStream] | None:
        """`at` in ticks; `whole`: without any other one it can be shown. None: it is left out to save bits."""
        width = min(size[0], self._most or size[0])
        height = max(1, size[1] * width // size[0])
        frame = frame_of(picture, size).reformat(width, height, format="yuv420p")
        codec = self._codec
        if codec is None or (codec.width, codec.height) != (width, height):
            codec = self._codec = self._made(width, height)
        frame.pts, frame.time_base = at, CLOCK
        if whole:
            frame.pict_type = PictureType.I
        return next(iter(codec.encode(frame)), None)

    def _made(self, width: int, height: int) -> VideoCodecContext:
        codec = coder("libvpx", width, height, "yuv420p")
        codec.bit_rate, codec.gop_size, codec.thread_count = self._bits, ENDLESS, 1
        codec.qmin, codec.qmax = FINEST, COARSEST
        codec.options = LIVE | dict.fromkeys(("bufsize", "minrate", "maxrate"), str(self._bits))
        return codec

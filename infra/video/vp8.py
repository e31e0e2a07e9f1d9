"""Pictures made smaller, as PNG, or as VP8 video. All of it blocks, and is for threads.

Sources: PyAV's reference, and libvpx's options in FFmpeg's codec documentation.
"""

from __future__ import annotations

import io
from fractions import Fraction

import av
from av import Packet, VideoFrame
from av.video.codeccontext import VideoCodecContext
from av.video.frame import PictureType
from av.video.stream import VideoStream

MAX_PREVIEW_WIDTH = 400  # pixels
DUMMY_SIZE = (320, 200)  # pixels, of the picture in place of a private machine's display
LOCK, GROUND = bytes((200, 200, 200, 0)), bytes((40, 34, 32, 0))  # its colours: blue, green, red and an unused byte
TICKS_PER_S = 90_000  # the clock rate of video in RTP: RFC 7741
TIME_BASE = Fraction(1, TICKS_PER_S)
PIXEL_BYTES = 4
# For a live screen: speed before quality. A part that does not move costs next to nothing.
LIVE_OPTIONS = {
    "deadline": "realtime",
    "cpu-used": "-6",
    "lag-in-frames": "0",
    "error-resilient": "1",
    "static-thresh": "1",
    "undershoot-pct": "100",
    "overshoot-pct": "15",
}
MIN_QUANTIZER_LEVEL, MAX_QUANTIZER_LEVEL = 2, 56  # finest and coarsest
MAX_FRAMES_BETWEEN_KEYFRAMES = 100_000  # in effect no limit: keyframes are made when a viewer needs one


def preview_of(png: bytes) -> bytes:
    """The same picture as a PNG of the preview's width at most."""
    with av.open(io.BytesIO(png), "r", format="png_pipe") as container:
        frame = next(container.decode(video=0))
    width = min(MAX_PREVIEW_WIDTH, frame.width)
    return as_png(frame.reformat(width, max(1, frame.height * width // frame.width), format="rgb24"))


def dummy() -> bytes:
    """The PNG that stands for the display of a private machine: a padlock."""
    width, height = DUMMY_SIZE
    pixels = (LOCK if is_lock(x - width // 2, y - height // 2) else GROUND for y in range(height) for x in range(width))
    return as_png(frame_of(b"".join(pixels), DUMMY_SIZE).reformat(format="rgb24"))


def is_lock(x: int, y: int) -> bool:
    """Whether a pixel belongs to the padlock, by its distance from the middle of the picture."""
    is_body = abs(x) <= 32 and -4 <= y <= 40
    is_keyhole = x * x + (y - 14) ** 2 <= 36 or (abs(x) <= 2 and 14 <= y <= 28)
    radius = (x * x + (y + 16) ** 2) if y < -16 else x * x  # of the shackle: a half circle on two straight legs
    is_shackle = y < -4 and 14 * 14 <= radius <= 22 * 22
    return (is_body and not is_keyhole) or is_shackle


def as_png(frame: VideoFrame) -> bytes:
    """A frame of format rgb24 as PNG."""
    codec = encoder("png", frame.width, frame.height, "rgb24")
    frame.pts, frame.time_base = 0, TIME_BASE
    return b"".join(bytes(packet) for packet in (*codec.encode(frame), *codec.encode(None)))


def encoder(name: str, width: int, height: int, pixel_format: str) -> VideoCodecContext:
    """An FFmpeg encoder of that name; `pixel_format` as FFmpeg names them."""
    codec = av.CodecContext.create(name, "w")
    assert isinstance(codec, VideoCodecContext)
    codec.width, codec.height, codec.pix_fmt, codec.time_base = width, height, pixel_format, TIME_BASE
    return codec


def frame_of(picture: bytes, size: tuple[int, int]) -> VideoFrame:
    """A display's picture, as `application.ports.displays.Display.next` returns it, as a frame.

    The only place that makes frames: a new frame is memory that other things were in before, so all of it is filled.
    """
    if len(picture) != size[0] * size[1] * PIXEL_BYTES:
        raise ValueError(f"a picture of {size} pixels has {size[0] * size[1] * PIXEL_BYTES} bytes, not {len(picture)}")
    frame = VideoFrame(*size, "bgr0")
    plane, row_bytes = frame.planes[0], size[0] * PIXEL_BYTES
    if plane.line_size != row_bytes:  # FFmpeg aligns the beginning of each row
        padding = bytes(plane.line_size - row_bytes)
        rows = (picture[start : start + row_bytes] for start in range(0, len(picture), row_bytes))
        picture = b"".join(row + padding for row in rows)
    plane.update(picture)
    return frame


class Vp8:
    """Encodes pictures one after another. The video's size follows theirs, with a keyframe at each change."""

    def __init__(self, bits_per_s: int, max_width: int | None = None) -> None:
        """`max_width` in pixels; wider pictures are made smaller. None: no picture is."""
        self._bits_per_s, self._max_width = bits_per_s, max_width
        self._codec: VideoCodecContext | None = None

    def encode(self, picture: bytes, size: tuple[int, int], ticks: int, keyframe: bool) -> Packet[VideoStream] | None:
        """The picture's packet; `ticks` is its time. None: the encoder leaves it out to keep to its bits.

        `keyframe`: make a packet that can be shown without earlier ones.
        """
        width = min(size[0], self._max_width or size[0])
        height = max(1, size[1] * width // size[0])
        frame = frame_of(picture, size).reformat(width, height, format="yuv420p")
        codec = self._codec
        if codec is None or (codec.width, codec.height) != (width, height):
            codec = self._codec = self._make_codec(width, height)
        frame.pts, frame.time_base = ticks, TIME_BASE
        if keyframe:
            frame.pict_type = PictureType.I
        return next(iter(codec.encode(frame)), None)

    def _make_codec(self, width: int, height: int) -> VideoCodecContext:
        codec = encoder("libvpx", width, height, "yuv420p")
        codec.bit_rate, codec.gop_size, codec.thread_count = self._bits_per_s, MAX_FRAMES_BETWEEN_KEYFRAMES, 1
        codec.qmin, codec.qmax = MIN_QUANTIZER_LEVEL, MAX_QUANTIZER_LEVEL
        codec.options = LIVE_OPTIONS | dict.fromkeys(("bufsize", "minrate", "maxrate"), str(self._bits_per_s))
        return codec

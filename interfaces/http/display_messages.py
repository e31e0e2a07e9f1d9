"""What is done with mouse and keyboard, as browsers say it: {"event": "control/…", "data": {…}}."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import resources
from typing import Any

import orjson

from application.ports.displays import Act
from domain.errors import Invalid

LARGEST = 1 << 16  # of a coordinate, or a distance
LARGEST_CODE = 0x7FFF_FFFF
KINDS = ("move", "scroll") + tuple(f"{what}{how}" for what in ("button", "key") for how in ("down", "up", "press"))


def page(package: str, name: str) -> str:
    """A page that shows a display, with what takes its mouse and keyboard."""
    script = resources.files("interfaces.http").joinpath("display.js").read_text()
    return resources.files(package).joinpath(name).read_text().replace("{{display.js}}", script)


def said(text: str | bytes) -> tuple[str, dict[str, Any]]:
    """An event and its data. `Invalid` if that is no message."""
    try:
        it = orjson.loads(text)
    except orjson.JSONDecodeError:
        it = None
    if not isinstance(it, dict) or not isinstance(it.get("event"), str):
        raise Invalid("a message must be a JSON object with an event")
    data = it.get("data")
    return it["event"], data if isinstance(data, dict) else {}


def message(event: str, data: Mapping[str, Any]) -> str:
    return orjson.dumps({"event": event, "data": data}, option=orjson.OPT_UTC_Z).decode()


def act(event: str, data: dict[str, Any], others: str) -> Act:
    """`others`: which other events there are, for who sends one that is none."""
    kind = event.removeprefix("control/")
    if kind == event or kind not in KINDS:
        raise Invalid(f"there are {others}, and what begins with control/")
    x, y = data.get("x"), data.get("y")
    code = data.get("keysym", data.get("code", 0))
    return Act(
        kind,
        None if x is None else number(x),
        None if y is None else number(y),
        number(code, LARGEST_CODE),
        number(data.get("delta_x", 0)),
        number(data.get("delta_y", 0)),
    )


def number(value: object, largest: int = LARGEST) -> int:
    if not isinstance(value, int | float) or isinstance(value, bool) or not abs(value) <= largest:
        raise Invalid("x, y, code, keysym and deltas must be numbers")
    return int(value)

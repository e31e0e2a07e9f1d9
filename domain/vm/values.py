"""Checks of single fields in a virtual machine's configuration.

A check raises `ValueError` with a predicate that follows the field's name: "must be …".
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from domain.errors import Invalid
from domain.name import validate_name
from domain.vm.command_line import parse_command_line

Check = Callable[[Any], None]
MAX_IMAGE_PATH_CHARS = 255
MAX_LIMIT_PER_S = 10**15  # as far as QEMU counts
MAX_FEATURES = 64


@dataclass(frozen=True)
class Field:
    check: Check
    needed: bool = True


def one_of(*choices: str) -> Field:
    error = f"must be {', '.join(choices[:-1])} or {choices[-1]}" if len(choices) > 1 else f"must be {choices[0]}"

    def check(value: Any) -> None:
        if not isinstance(value, str) or value not in choices:
            raise ValueError(error)

    return Field(check)


def whole_number(minimum: int, maximum: int) -> Field:
    def check(value: Any) -> None:
        if type(value) is not int or not minimum <= value <= maximum:
            raise ValueError(f"must be a whole number from {minimum} to {maximum}")

    return Field(check)


def matching(pattern: str, description: str) -> Field:
    regex = re.compile(pattern)

    def check(value: Any) -> None:
        if not isinstance(value, str) or not regex.fullmatch(value):
            raise ValueError(f"must be {description}")

    return Field(check)


def check_bool(value: Any) -> None:
    if type(value) is not bool:
        raise ValueError("must be true or false")


def check_name(value: Any) -> None:
    if not isinstance(value, str):
        raise ValueError("must be text")
    try:
        validate_name(value)
    except Invalid as error:
        raise ValueError(str(error).removeprefix("name ")) from None


def check_image(value: Any) -> None:
    """A path below the folder of images. Only the host itself can check that no link leads out of it."""
    if not isinstance(value, str) or not 0 < len(value) <= MAX_IMAGE_PATH_CHARS or not value.isprintable():
        raise ValueError(f"must be a path of at most {MAX_IMAGE_PATH_CHARS} characters")
    if value.startswith("/") or any(part in ("", ".", "..") for part in value.split("/")):
        raise ValueError("must be a path below the folder of images, such as disk.qcow2, and not lead out of it")


def check_limit(value: Any) -> None:
    parse_limit(value)


def parse_limit(value: Any) -> tuple[int, int]:
    """Return the sustained limit and the burst limit, in the same unit per second. Raises `ValueError`."""
    error = 'must be two whole numbers above 0, such as "1000 1500": for good, and for a moment'
    if not isinstance(value, str) or not (parts := re.fullmatch(r"([1-9][0-9]{0,15}) ([1-9][0-9]{0,15})", value)):
        raise ValueError(error)
    sustained, burst = int(parts[1]), int(parts[2])
    if max(sustained, burst) > MAX_LIMIT_PER_S:
        raise ValueError(f"must not be above {MAX_LIMIT_PER_S}")
    if burst < sustained:
        raise ValueError(f"has a limit for a moment, {burst}, that is below the one for good, {sustained}")
    return sustained, burst


def check_mac(value: Any) -> None:
    if not isinstance(value, str) or not re.fullmatch(r"[0-9a-fA-F]{2}(:[0-9a-fA-F]{2}){5}", value):
        raise ValueError("must be an address such as 52:54:00:12:34:56")
    if int(value[:2], 16) & 1 or not int(value.replace(":", ""), 16):
        raise ValueError("must be the address of one card, not of a group, and not all zeros")


def check_features(value: Any) -> None:
    if not isinstance(value, list) or len(value) > MAX_FEATURES:
        raise ValueError(f"must be a list of at most {MAX_FEATURES} features")
    for feature in value:
        if not isinstance(feature, str) or not re.fullmatch(r"[+-]?[a-z0-9][a-z0-9._-]{0,39}", feature):
            raise ValueError("must be features such as avx2, +avx2 (the same) or -avx2 (without it)")
    if len({feature.lstrip("+-") for feature in value}) < len(value):
        raise ValueError("must name each feature once")


def check_command_line(value: Any) -> None:
    if not isinstance(value, str):
        raise ValueError("must be text")
    try:
        parse_command_line(value)
    except Invalid as error:
        raise ValueError(str(error)) from None


BOOLEAN = Field(check_bool)
LIMIT = Field(check_limit, needed=False)
IMAGE = Field(check_image)
ID = matching(
    "[A-Za-z0-9_][A-Za-z0-9_-]{0,39}", "a word of letters, digits, hyphens and underscores, of at most 40 characters"
)
UUID = matching("[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}", "a UUID")

"""Names that people give to things: shown on one line, stored as they are."""

from __future__ import annotations

import re

from domain.errors import Invalid

MAX_NAME_CHARS = 100  # characters


def validate_name(name: str, field: str = "name") -> str:
    """The name, if it is one. `Invalid`: blank, over 100 characters, or with characters that cannot be shown."""
    if not name.strip():
        raise Invalid(f"{field} must not be blank")
    if len(name) > MAX_NAME_CHARS:
        raise Invalid(f"{field} has {len(name)} characters; at most {MAX_NAME_CHARS} are allowed")
    if not name.isprintable():
        raise Invalid(f"{field} must not contain control characters or line breaks")
    return name


def validate_word(name: str, what: str) -> str:
    """The name, if it is one that needs no quoting anywhere: small letters, digits and hyphens, at most 40."""
    if not re.fullmatch(r"[a-z0-9]([a-z0-9-]{0,38}[a-z0-9])?", name):
        raise Invalid(f"{what} must be a word of small letters, digits and hyphens, of at most 40 characters")
    return name

"""Names that people give to things. They are shown on one line and stored as they are."""

from __future__ import annotations

import re

from domain.errors import Invalid

MAX_NAME_CHARS = 100
MAX_WORD_CHARS = 40


def validate_name(name: str, field: str = "name") -> str:
    """Return the name. Raises `Invalid` if it is blank, too long, or has characters that cannot be shown."""
    if not name.strip():
        raise Invalid(f"{field} must not be blank")
    if len(name) > MAX_NAME_CHARS:
        raise Invalid(f"{field} has {len(name)} characters; at most {MAX_NAME_CHARS} are allowed")
    if not name.isprintable():
        raise Invalid(f"{field} must not contain control characters or line breaks")
    return name


def validate_word(name: str, field: str) -> str:
    """Return the name if it needs no quoting anywhere: small letters, digits and hyphens. Raises `Invalid`."""
    if not re.fullmatch(r"[a-z0-9]([a-z0-9-]{0,38}[a-z0-9])?", name):
        raise Invalid(
            f"{field} must be a word of small letters, digits and hyphens, of at most {MAX_WORD_CHARS} characters"
        )
    return name

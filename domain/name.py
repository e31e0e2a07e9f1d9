"""Names that people give to things: shown on one line, stored as they are."""

from __future__ import annotations

from domain.errors import Invalid

LONGEST = 100  # characters


def checked(name: str, field: str = "name") -> str:
    """The name, if it is one. `Invalid`: blank, over 100 characters, or with characters that cannot be shown."""
    if not name.strip():
        raise Invalid(f"{field} must not be blank")
    if len(name) > LONGEST:
        raise Invalid(f"{field} has {len(name)} characters; at most {LONGEST} are allowed")
    if not name.isprintable():
        raise Invalid(f"{field} must not contain control characters or line breaks")
    return name

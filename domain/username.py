"""Usernames: what is allowed in them, and when two are the same."""

from __future__ import annotations

from unicodedata import category, name, normalize

from domain.errors import Invalid
from domain.name import require_visible

MAX_USERNAME_CHARS = 32
MARKS = "_-."
# Alphabets that share letters that look the same. A name may use one of them.
SIMILAR_ALPHABETS = ("LATIN", "CYRILLIC", "GREEK", "ARMENIAN", "CHEROKEE", "COPTIC")


def validate_username(text: str) -> str:
    """Return the name as it is stored. Raises `Invalid` if it can be confused with another, or cannot be shown."""
    text = normalize("NFKC", text)
    if not 0 < len(text) <= MAX_USERNAME_CHARS or not all(c in MARKS or category(c)[0] in "LMN" for c in text):
        raise Invalid(f"username must be 1 to {MAX_USERNAME_CHARS} letters, digits, hyphens, dots and underscores")
    require_visible(text, "username")
    if category(text[0])[0] == "M":
        raise Invalid("username must not begin with a mark that belongs to a letter before it")
    alphabets = {name(c, "").partition(" ")[0] for c in text if c.isalpha()} & set(SIMILAR_ALPHABETS)
    if len(alphabets) > 1:
        raise Invalid("username must not mix letters of alphabets that look alike")
    return text


def fold_username(text: str) -> str:
    """One spelling for all ways to write a name, for comparison. Takes any text, not only valid names."""
    return normalize("NFKC", normalize("NFKC", text).casefold()).replace("\0", "\ufffd")

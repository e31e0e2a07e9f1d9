"""What somebody registers and logs in as, and when two such names are the same."""

from __future__ import annotations

from unicodedata import category, name, normalize

from domain.errors import Invalid

MAX_USERNAME_CHARS = 32  # characters
MARKS = "_-."
# Alphabets with letters that look alike: a name has letters of one of them.
ALIKE = ("LATIN", "CYRILLIC", "GREEK", "ARMENIAN", "CHEROKEE", "COPTIC")


def validate_username(text: str) -> str:
    """The name, as it is kept and shown. `Invalid` for what could be taken for another, or cannot be shown."""
    text = normalize("NFKC", text)
    if not 0 < len(text) <= MAX_USERNAME_CHARS or not all(c in MARKS or category(c)[0] in "LMN" for c in text):
        raise Invalid(f"username must be 1 to {MAX_USERNAME_CHARS} letters, digits, hyphens, dots and underscores")
    if category(text[0])[0] == "M":
        raise Invalid("username must not begin with a mark that belongs to a letter before it")
    alphabets = {found for c in text if c.isalpha() and (found := name(c, "").partition(" ")[0]) in ALIKE}
    if len(alphabets) > 1:
        raise Invalid("username must not mix letters of alphabets that look alike")
    return text


def fold_username(text: str) -> str:
    """The same for all ways to write one name. Of anything: it is looked up, and need not be a name."""
    return normalize("NFKC", normalize("NFKC", text).casefold()).replace("\0", "\ufffd")

"""Names that people give to things. They have one form, are shown on one line, and show everything that is in them."""

from __future__ import annotations

import re
import unicodedata

from domain.errors import Invalid

MAX_NAME_CHARS = 100
MAX_WORD_CHARS = 40
SPACES = re.compile(
    r"[\N{SPACE}\N{NO-BREAK SPACE}\N{OGHAM SPACE MARK}\N{EN QUAD}-\N{HAIR SPACE}"
    r"\N{NARROW NO-BREAK SPACE}\N{MEDIUM MATHEMATICAL SPACE}\N{IDEOGRAPHIC SPACE}]+"
)
# Invisible, though Unicode counts them as letters, marks or symbols. Variation selectors choose how an emoji looks, and
# may only follow a symbol.
BLANK_LETTERS = "\u034f\u115f\u1160\u17b4\u17b5\u180b\u180c\u180d\u180f\u2800\u3164\uffa0"
VARIATION_SELECTORS = "\ufe0e\ufe0f"
OTHER_SELECTORS = re.compile(r"[\ufe00-\ufe0d\U000e0100-\U000e01ef]")


def normalize_name(name: str) -> str:
    """The one form of a name: composed characters (NFC), and single spaces between words."""
    return SPACES.sub(" ", unicodedata.normalize("NFC", name)).strip(" ")


def validate_name(name: str, field: str = "name", max_chars: int = MAX_NAME_CHARS) -> str:
    """Return the name in its one form. Raises `Invalid` if it is blank, too long, or has what cannot be seen."""
    name = normalize_name(name)
    if not name:
        raise Invalid(f"{field} must not be blank")
    if len(name) > max_chars:
        raise Invalid(f"{field} has {len(name)} characters; at most {max_chars} are allowed")
    require_visible(name, field)
    return name


def visible_name(text: str) -> str:
    """What can be seen of a text, in the one form of names; for names that others vouch for."""
    text = SPACES.sub(" ", text)
    visible = ""
    for char in text:
        visible += "" if is_invisible(char, visible[-1:]) else char
    return normalize_name(visible)


def require_visible(text: str, field: str) -> None:
    """Return if every character of the text can be seen. Raises `Invalid`, which says which cannot, and where."""
    for index, char in enumerate(text):
        if is_invisible(char, text[index - 1] if index else ""):
            raise Invalid(f"{field} must not contain {describe_char(char)}, at character {index + 1}; leave it out")


def is_invisible(char: str, before: str) -> bool:
    """Whether a character shows nothing by itself, so that two names with and without it look the same."""
    if char in VARIATION_SELECTORS:
        return not before or unicodedata.category(before) != "So"
    return char in BLANK_LETTERS or not char.isprintable() or OTHER_SELECTORS.match(char) is not None


def describe_char(char: str) -> str:
    """The Unicode name of a character, such as ZERO WIDTH SPACE (U+200B)."""
    kinds = {"Cc": "the control character", "Co": "the private character", "Cn": "the unknown character"}
    name = unicodedata.name(char, "") or kinds.get(unicodedata.category(char), "the character")
    return f"{name} (U+{ord(char):04X})" if name.isupper() else f"{name} U+{ord(char):04X}"


def validate_word(name: str, field: str) -> str:
    """Return the name if it needs no quoting anywhere: small letters, digits and hyphens. Raises `Invalid`."""
    if not re.fullmatch(r"[a-z0-9]([a-z0-9-]{0,38}[a-z0-9])?", name):
        raise Invalid(
            f"{field} must be a word of small letters, digits and hyphens, of at most {MAX_WORD_CHARS} characters"
        )
    return name

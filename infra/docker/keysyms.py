"""The names by which xdotool knows keys, by their X11 keysyms.

Numbers and names are those of X11/keysymdef.h; "Uxxxx" is xdotool's name of a character that has no other.
"""

from __future__ import annotations

UNICODE_BASE = 0x0100_0000  # a keysym above it is this number plus the character's code point
NAMES = {
    0xFF08: "BackSpace",
    0xFF09: "Tab",
    0xFF0D: "Return",
    0xFF13: "Pause",
    0xFF1B: "Escape",
    0xFF50: "Home",
    0xFF51: "Left",
    0xFF52: "Up",
    0xFF53: "Right",
    0xFF54: "Down",
    0xFF55: "Prior",
    0xFF56: "Next",
    0xFF57: "End",
    0xFF63: "Insert",
    0xFF67: "Menu",
    0xFF8D: "KP_Enter",
    0xFFE1: "Shift_L",
    0xFFE2: "Shift_R",
    0xFFE3: "Control_L",
    0xFFE4: "Control_R",
    0xFFE5: "Caps_Lock",
    0xFFE7: "Meta_L",
    0xFFE9: "Alt_L",
    0xFFEA: "Alt_R",
    0xFFEB: "Super_L",
    0xFE03: "ISO_Level3_Shift",
    0xFFFF: "Delete",
}
NAMES |= {0xFFBE + n: f"F{n + 1}" for n in range(12)}


def key_name(keysym: int) -> str | None:
    """xdotool's name of a key; None for a number that no key has."""
    if keysym in NAMES:
        return NAMES[keysym]
    character = keysym - UNICODE_BASE if keysym > UNICODE_BASE else keysym
    is_latin1 = 0x20 <= character <= 0x7E or 0xA0 <= character <= 0xFF
    if is_latin1 or (keysym > UNICODE_BASE and 0xFF < character <= 0x10FFFF):
        return f"U{character:04X}"
    return None

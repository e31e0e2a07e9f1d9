"""What to write to a terminal so that it shows the same as a tmux pane.

Sources: FORMATS and capture-pane in tmux(1); control sequences as in XTerm Control Sequences (ctlseqs).
"""

from __future__ import annotations

import codecs

from infra.tmux.protocol import Answers, unescape

GEOMETRY = (
    "display-message -p -t {} '#{{pane_height}} #{{pane_width}} #{{cursor_y}} #{{cursor_x}} #{{alternate_on}} "
    "#{{cursor_flag}} #{{keypad_cursor_flag}} #{{keypad_flag}} #{{scroll_region_upper}} #{{scroll_region_lower}} "
    "#{{mouse_standard_flag}} #{{mouse_button_flag}} #{{mouse_any_flag}} #{{mouse_sgr_flag}} #{{insert_flag}}'"
)
# From tmux 3.4 on, `-N` adds blanks that no program has written, unless there is `-T`, which tmux 3.3 refuses.
CAPTURE = (
    r"%if '#{{m/r:^([12]|3\.[0-3])([^0-9]|$),#{{version}}}}' capture-pane -e -N -p -t {0} "
    "%else capture-pane -e -N -T -p -t {0} %endif"
)
CONTINUATION_BYTES = bytes(range(0x80, 0xC0))  # of UTF-8: the second and later bytes of a character
FLAG_MODES = ("?25", "?1", "?1000", "?1002", "?1003", "?1006")  # cursor, cursor keys, four kinds of mouse reports
LINE_DRAWING_SHIFT = "\x0e"  # SO, after which a capture has line drawing characters


def screen_commands(pane: str) -> tuple[str, str, str]:
    """The commands whose answers `full_screen` takes. `pane` is a quoted id."""
    return GEOMETRY.format(pane), CAPTURE.format(pane), f"capture-pane -P -p -C -t {pane}"


def plain_commands(pane: str) -> tuple[str, str]:
    """The commands that answer with the geometry, and with the screen as plain text. `pane` is a quoted id."""
    return GEOMETRY.format(pane), f"capture-pane -p -t {pane}"


def utf8_decoder() -> codecs.IncrementalDecoder:
    """A decoder of output in pieces; bytes that are no UTF-8 become U+FFFD."""
    return codecs.getincrementaldecoder("utf-8")("replace")


def full_screen(answers: Answers) -> tuple[tuple[int, int], str]:
    """Columns and lines of a screen, and the text that redraws it with its modes and cursor on any terminal."""
    numbers = [int(word) for word in answers[0][0].split()]
    height, width, y, x, alternate, cursor, cursor_keys, keypad, upper, lower, *mouse, insert = numbers
    lines = answers[1]
    body = b"\r\n".join(lines).decode(errors="replace")
    modes = f"\x1b[?1049{'hl'[not alternate]}\x1b[r\x1b[4l\x1b[m"
    contents = f"\x1b[2J\x1b[H{body}"
    if LINE_DRAWING_SHIFT in body:
        modes += "\x1b)0"
    position = f"\x1b[{y + 1};{x + 1}H"
    if x >= width:
        # The next character goes to the next line. No sequence sets that state: only writing the last column does.
        position = f"\x1b[{y + 1};1H{lines[y].decode(errors='replace')}"
    if (upper, lower) != (0, height - 1):
        position = f"\x1b[{upper + 1};{lower + 1}r{position}"
    flags = zip(FLAG_MODES, (cursor, cursor_keys, *mouse), strict=True)
    flag_modes = "".join(f"\x1b[{mode}{'hl'[not is_on]}" for mode, is_on in flags)
    flag_modes += ("\x1b=" if keypad else "\x1b>") + ("\x1b[4h" if insert else "")
    incomplete = utf8_decoder().decode(unescape(b"\n".join(answers[2])))  # the beginning of a sequence
    return (width, height), f"{modes}{contents}\x1b[m{position}{flag_modes}{incomplete}"

"""What to write to a terminal so that it shows the same as a tmux pane.

Sources: FORMATS and capture-pane in tmux(1); control sequences as in XTerm Control Sequences (ctlseqs).
"""

from __future__ import annotations

import codecs
import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

from infra.tmux.protocol import Answers, unescape

# The formats behind the numbers of lines. One that this tmux does not know is empty.
NUMBERS = (
    *("pane_width", "cursor_y", "cursor_x", "alternate_on", "alternate_saved_y", "alternate_saved_x"),
    *("scroll_region_upper", "scroll_region_lower"),
)
FLAGS = {  # tmux's format, and the terminal's mode
    "cursor_flag": "?25",
    "keypad_cursor_flag": "?1",
    "insert_flag": "4",
    "wrap_flag": "?7",
    "bracket_paste_flag": "?2004",  # from tmux 3.6 on
}
MOUSE_FLAGS = {
    "mouse_standard_flag": "?1000",
    "mouse_button_flag": "?1002",
    "mouse_all_flag": "?1003",
    "mouse_utf8_flag": "?1005",
    "mouse_sgr_flag": "?1006",
}
MORE_FLAGS = ("keypad_flag", "origin_flag")
FIELDS = (*NUMBERS, *FLAGS, *MOUSE_FLAGS, *MORE_FLAGS)
# The screen that a program on the alternate screen has covered: its lines down to where the cursor was. tmux 3.3 does
# not expand the format after `-E`, and answers with the lines below that, too.
SAVED_LINES = "#{{?alternate_on,#{{e|+|:#{{alternate_saved_y}},1}},0}}"
GEOMETRY = (
    f"display-message -p -t {{}} '#{{{{pane_height}}}},{SAVED_LINES} {' '.join(f'#{{{{{name}}}}}' for name in FIELDS)}'"
)
# From tmux 3.4 on, `-N` adds blanks that no program has written, unless there is `-T`, which tmux 3.3 refuses.
CAPTURE = (
    r"%if '#{{m/r:^([12]|3\.[0-3])([^0-9]|$),#{{version}}}}' capture-pane -e -N -p {1} -t {0} "
    "%else capture-pane -e -N -T -p {1} -t {0} %endif"
)
SAVED = "-a -q -S 0 -E '#{alternate_saved_y}'"
CONTINUATION_BYTES = bytes(range(0x80, 0xC0))  # of UTF-8: the second and later bytes of a character
LINE_DRAWING_SHIFT = "\x0e"  # SO, after which a capture has line drawing characters
STYLE = re.compile(r"\x1b\[[0-9;:]*m")
BLANK = re.compile(r"(?:\x1b\[(?:0|39|49)?m| )*")
PLAIN_STYLES = ("\x1b[m", "\x1b[0m")


def screen_commands(pane: str) -> tuple[str, str, str, str]:
    """The commands whose answers `full_screen` takes. `pane` is a quoted id."""
    captures = (CAPTURE.format(pane, options) for options in ("", SAVED))
    return (GEOMETRY.format(pane), *captures, f"capture-pane -P -p -C -t {pane}")  # type: ignore[return-value]


def plain_commands(pane: str) -> tuple[str, str]:
    """The commands that answer with the geometry, and with the screen as plain text. `pane` is a quoted id."""
    return GEOMETRY.format(pane), f"capture-pane -p -t {pane}"


def utf8_decoder() -> codecs.IncrementalDecoder:
    """A decoder of output in pieces; bytes that are no UTF-8 become U+FFFD."""
    return codecs.getincrementaldecoder("utf-8")("replace")


def full_screen(answers: Answers) -> tuple[tuple[int, int], str]:
    """Columns and lines of a screen, and the text that redraws it with its modes and cursor on any terminal."""
    geometry, lines, saved_lines, incomplete = answers
    counts, *words = geometry[0].decode().split(" ")
    height, width = int(counts.partition(",")[0]), int(words[0])
    values = {name: int(word) if word else None for name, word in zip(FIELDS, words, strict=True)}
    is_alternate = bool(values["alternate_on"])
    screen = Lines(decode(lines), values["cursor_y"] or 0, values["cursor_x"] or 0, width)
    saved = Lines(decode(saved_lines), values["alternate_saved_y"] or 0, values["alternate_saved_x"] or 0, width)
    text = "\x1b[?1049l\x1b[?6l\x1b[r\x1b[4l\x1b[?7l\x1b[m"
    if any(LINE_DRAWING_SHIFT in line for line in (*screen.lines, *saved.lines)):
        text += "\x1b)0"
    if is_alternate:
        text += f"{saved.draw()}\x1b[?1049h"
    text += screen.draw()
    region = (values["scroll_region_upper"] or 0, values["scroll_region_lower"])
    if region != (0, height - 1) or values["origin_flag"]:
        text += set_region(*region, screen, bool(values["origin_flag"]))
    text += "".join(mode(name, values[flag]) for flag, name in FLAGS.items())
    text += "".join(mode(name, 0) for name in MOUSE_FLAGS.values())  # first: each also ends the others
    text += "".join(mode(name, 1) for flag, name in MOUSE_FLAGS.items() if values[flag])
    text += "\x1b=" if values["keypad_flag"] else "\x1b>"
    return (width, height), text + utf8_decoder().decode(unescape(b"\n".join(incomplete)))


def mode(name: str, value: int | None) -> str:
    """Switch a mode of the terminal on or off; None leaves it as it is."""
    return "" if value is None else f"\x1b[{name}{'h' if value else 'l'}"


def set_region(upper: int, lower: int | None, screen: Lines, is_origin: bool) -> str:
    """Set the scroll region, which moves the cursor, and put that back. `is_origin`: rows count from its top."""
    row = screen.row - upper if is_origin else screen.row
    region = f"\x1b[{upper + 1};{(lower or 0) + 1}r" + (mode("?6", 1) if is_origin else "")
    return f"{region}\x1b[{row + 1}d{screen.place()}"


def decode(lines: Sequence[bytes]) -> list[str]:
    return [line.decode(errors="replace") for line in lines]


@dataclass(frozen=True)
class Lines:
    """The lines of a screen, and where its cursor is."""

    lines: Sequence[str]
    row: int
    column: int
    width: int

    def draw(self) -> str:
        """Write them on a terminal that has no scroll region and wraps no lines, and put the cursor to its place.

        On a terminal with fewer lines, those above scroll off, and the cursor's line is seen.
        """
        last = max(self.row, *(nth for nth, line in enumerate(self.lines) if not BLANK.fullmatch(line)), 0)
        text = "\r\n".join(self.lines[: last + 1])
        for nth in range(last - 1, self.row - 1, -1):
            # A reverse index goes up a line, and scrolls down at the top of the terminal: so the line is written again.
            text += f"\x1b[m\x1bM\r{self.styles[nth]}{self.lines[nth]}"
        return f"\x1b[2J\x1b[H{text}\x1b[m{self.place()}"

    def place(self) -> str:
        """Put the cursor into its column; it is in its line already."""
        if self.column < self.width or self.row >= len(self.lines):
            return "\r" + (f"\x1b[{self.column}C" if self.column else "")
        # The next character goes to the next line. No sequence sets that state: only writing the last column does.
        return f"\x1b[?7h\r{self.styles[self.row]}{self.lines[self.row]}\x1b[m"

    @cached_property
    def styles(self) -> list[str]:
        """The style in which each line begins, which the lines before it set."""
        styles, style = [], ""
        for line in self.lines:
            styles.append(style)
            for change in STYLE.findall(line):
                style = "" if change in PLAIN_STYLES else style + change
        return styles

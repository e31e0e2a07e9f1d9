"""The picture of README.md, from a real run of it: `python -m tests.docs.picture` writes docs/pictures/session.svg."""

from __future__ import annotations

import re

from rich.console import Console
from rich.terminal_theme import MONOKAI
from rich.text import Text

from tests.docs.page import ROOT
from tests.docs.run_page import run_page

PICTURE = ROOT / "docs" / "pictures" / "session.svg"
WIDTH_CHARS = 120
COMMANDS = ("tenure workspaces create", "tenure audit log")
OMITTED_FIELDS = ("container_id", "provider_id", "ssh_command", "terminal", "directory")  # of no interest, and long
FONT_FACE = re.compile(r"\s*@font-face \{[^}]*\}")


def main() -> None:
    console = Console(record=True, width=WIDTH_CHARS, file=open("/dev/null", "w"), force_terminal=True)  # noqa: SIM115
    for command, output in run_page("README.md"):
        if not command.startswith(COMMANDS):
            continue
        console.print(Text.assemble(("$ ", "bold green"), (command.strip(), "bold")))
        for line in output.splitlines():
            if line.strip() and not line.startswith(OMITTED_FIELDS):
                console.print(Text(line), no_wrap=True, overflow="ellipsis", crop=True)
        console.print()
    PICTURE.parent.mkdir(parents=True, exist_ok=True)
    svg = console.export_svg(title="tenure", theme=MONOKAI, unique_id="session")
    # The fonts would come from a public network; a reader's own monospaced one will do.
    PICTURE.write_text(FONT_FACE.sub("", svg).replace("Fira Code, monospace", "monospace"))


if __name__ == "__main__":
    main()

"""The blocks of a page in CommonMark: commands, answers, files."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from markdown_it import MarkdownIt  # comes with rich

ROOT = Path(__file__).parents[2]
FIRST_TERMINAL = ""
NOT_RUN = re.compile(r"<!--\s*not run:\s*(.+?)\s*-->\s*", re.DOTALL)
NEEDS = re.compile(r"<!--\s*needs:\s*(.+?)\s*-->\s*", re.DOTALL)
PORT = re.compile(r"(?:127\.0\.0\.1|localhost|\[::1\]):(\d{4,5})\b")
ANSWERS = ("text", "json")


class UnclearBlock(Exception):
    """A block that the runner has no rule for. The message names page and line."""


@dataclass(frozen=True)
class Block:
    """A fenced block. `line` is where its fence stands on the page, from 1."""

    line: int
    language: str
    text: str
    terminal: str = FIRST_TERMINAL
    file: str | None = None
    not_run: str | None = None

    @property
    def is_command(self) -> bool:
        return self.language == "bash" and self.file is None

    @property
    def is_answer(self) -> bool:
        return self.language in ANSWERS and self.file is None


@dataclass(frozen=True)
class Page:
    """`name` is the path below the project's folder."""

    name: str
    blocks: tuple[Block, ...]
    needs: frozenset[str]
    ports: tuple[str, ...]


def page_paths(*folders: str) -> list[str]:
    """Names of the pages directly or deeper in these folders, or of these pages."""
    paths = [
        path
        for folder in folders
        for path in ([ROOT / folder] if folder.endswith(".md") else (ROOT / folder).rglob("*.md"))
    ]
    return sorted(str(path.relative_to(ROOT)) for path in paths)


def read_page(name: str) -> Page:
    """Raises `UnclearBlock`."""
    return parse_page(name, (ROOT / name).read_text())


def parse_page(name: str, text: str) -> Page:
    needs = {need for needs in NEEDS.findall(text) for need in needs.split()}
    ports = dict.fromkeys(PORT.findall(text))
    return Page(name, tuple(parse_blocks(name, text)), frozenset(needs), tuple(ports))


def parse_blocks(name: str, text: str) -> Iterator[Block]:
    not_run = None
    for token in MarkdownIt().parse(text):
        if token.type == "html_block" and (mark := NOT_RUN.fullmatch(token.content)):
            not_run = mark[1]
            continue
        if token.type == "fence" and token.info.strip() and token.map:
            yield parse_block(f"{name}:{token.map[0] + 1}", token.map[0] + 1, token.info, token.content, not_run)
        if token.type == "fence":
            not_run = None
        elif not_run is not None and token.nesting == 0 and token.type != "inline":
            raise UnclearBlock(f"{name}: the mark `not run: {not_run}` stands before no block")


def parse_block(place: str, line: int, info: str, text: str, not_run: str | None) -> Block:
    language, *attributes = shlex.split(info)
    values = dict(attribute.split("=", 1) for attribute in attributes if "=" in attribute)
    if len(values) != len(attributes) or not values.keys() <= {"terminal", "file"}:
        raise UnclearBlock(f"{place}: `{info}` has an attribute that is neither terminal=NAME nor file=PATH")
    block = Block(line, language, text, values.get("terminal", FIRST_TERMINAL), values.get("file"), not_run)
    if not (block.is_command or block.is_answer or block.file or not_run):
        raise UnclearBlock(f"{place}: a block of {language} is a file: name it with file=PATH, or mark it as not run")
    return block


def with_ports(text: str, ports: dict[str, int]) -> str:
    """The text with each port of the page replaced, where it stands as one: after a colon, `listen` or `port`."""
    for written, port in ports.items():
        text = re.sub(rf"(?<=[:=])({written})\b|(?<=listen )({written})\b|(?<=port )({written})\b", str(port), text)
    return text

"""All other pages of docs/, as a reader pastes them; and what is left out of all pages."""

from __future__ import annotations

import re

import pytest

from tests.docs.page import ROOT, page_paths, read_page
from tests.docs.run_page import run_page

TESTED_BY_FOLDER = ("docs/tutorials/", "docs/how-to/")
MAX_SKIPPED_BLOCKS = 12
ALL_PAGES = page_paths("README.md", "docs")


@pytest.mark.parametrize("page", [page for page in page_paths("docs") if not page.startswith(TESTED_BY_FOLDER)])
def test_page(page: str) -> None:
    run_page(page)


def test_few_blocks_are_left_out() -> None:
    left_out = [
        f"{page}:{block.line}: {block.not_run}"
        for page in ALL_PAGES
        for block in read_page(page).blocks
        if block.not_run
    ]
    assert len(left_out) <= MAX_SKIPPED_BLOCKS, "\n".join(left_out)


@pytest.mark.parametrize("page", ALL_PAGES)
def test_answers_follow_commands(page: str) -> None:
    pasted_into: set[str] = set()
    for block in read_page(page).blocks:
        if block.is_command:
            pasted_into.add(block.terminal)
        elif block.is_answer and not block.not_run:
            assert block.terminal in pasted_into, f"{page}:{block.line} shows an answer, and nothing was pasted before"


@pytest.mark.parametrize("page", ALL_PAGES)
def test_links_lead_to_files(page: str) -> None:
    for target in re.findall(r"\]\(([^)#\s]+)(?:#[^)\s]*)?\)", (ROOT / page).read_text()):
        if "://" not in target and not target.startswith("mailto:"):
            assert ((ROOT / page).parent / target).exists(), f"{page} leads to {target}, which is not there"

"""The docs can be built as pages, and the pages need no network."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
FETCHES = (  # what a browser loads by itself, as opposed to a link that somebody follows
    r"<(?:script|img|iframe|source|video|audio|embed)\b[^>]*\b(?:src|srcset)\s*=\s*[\"']?(?:https?:)?//",
    r"<link\b[^>]*\bhref\s*=\s*[\"']?(?:https?:)?//",
    r"@import\s+(?:url\()?[\"']?(?:https?:)?//",
    r"url\(\s*[\"']?(?:https?:)?//",
)


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The docs, built; a warning, such as one of a link that leads nowhere, is an error."""
    built = tmp_path_factory.mktemp("docs")
    build = [sys.executable, "-m", "sphinx", "-q", "-W", "--keep-going", "-d", str(built / "cache"), "-b", "html"]
    build_run = subprocess.run([*build, str(DOCS), str(built / "html")], capture_output=True, text=True, check=False)
    assert build_run.returncode == 0, build_run.stderr
    return built / "html"


def test_every_page_is_built_and_reached_from_the_front_page(pages: Path) -> None:
    front = (pages / "index.html").read_text()
    for source in DOCS.rglob("*.md"):
        page = source.relative_to(DOCS).with_suffix(".html").as_posix()
        assert (pages / page).exists()
        assert f'href="{page}"' in front or page == "index.html"


def test_the_pages_fetch_nothing_from_a_network(pages: Path) -> None:
    built = [path for path in pages.rglob("*") if path.suffix in (".html", ".css", ".js")]
    texts = {path.name: path.read_text() for path in built}
    assert [(name, hit) for name, text in texts.items() for fetch in FETCHES for hit in re.findall(fetch, text)] == []


PATH = re.compile(r"`((?:domain|application|projections|interfaces|infra|tests|benchmarks|docs)/[\w./-]*)`")
HOP = re.compile(r"^\| `([\w/]+\.py)` \| `(\w+)` \|", re.MULTILINE)  # a file, and what it defines
WRITTEN_PAGES = [
    *sorted((ROOT / "docs" / "explanation").rglob("*.md")),
    *(ROOT / name for name in ("CONTRIBUTING.md", "SECURITY.md")),
]


@pytest.mark.parametrize("page", WRITTEN_PAGES, ids=lambda page: page.name)
def test_a_page_names_files_and_definitions_that_exist(page: Path) -> None:
    text = page.read_text()
    assert [path for path in PATH.findall(text) if not (ROOT / path).exists()] == []
    for path, name in HOP.findall(text):
        assert re.search(rf"^\s*(?:(?:async )?def|class) {name}\b", (ROOT / path).read_text(), re.MULTILINE), (
            path,
            name,
        )

"""The docs can be built as pages, and the pages need no network."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

DOCS = Path(__file__).parents[2] / "docs"
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
    done = subprocess.run([*build, str(DOCS), str(built / "html")], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
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

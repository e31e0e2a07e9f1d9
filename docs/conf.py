"""How `make docs` builds the pages: plain CommonMark in, pages that need no network out."""

from __future__ import annotations

from pathlib import Path

from sphinx.application import Sphinx

project = "Tenure"
extensions = ["myst_parser"]
exclude_patterns = ["generate"]
myst_heading_anchors = 3  # levels of headings that a link may name
nitpicky = True
html_theme = "alabaster"
html_theme_options = {
    "body_max_width": "none",
    "description": "lends computers for a term",
    "fixed_sidebar": True,
    "font_size": "16px",
    "page_width": "80rem",
    "show_powered_by": False,
    "sidebar_width": "15rem",
}
html_sidebars = {"**": ["about.html", "searchfield.html", "navigation.html"]}
html_copy_source = False
html_show_copyright = False
html_show_sphinx = False
html_use_index = False

# The front page itself holds no directives, so that it reads well wherever the repository is browsed.
SECTIONS = {
    "Tutorials": "tutorials",
    "How to": "how-to",
    "Reference": "reference",
    "Explanation": "explanation",
    "Decisions": "explanation/decisions",
}
CONTENTS = "\n```{{toctree}}\n:hidden:\n:glob:\n:caption: {caption}\n\n{folder}/*\n```\n"


def add_contents(app: Sphinx, page: str, source: list[str]) -> None:
    """Append a table of contents of each section to the front page; they become the sidebar."""
    if page == "index":
        filled = {name: folder for name, folder in SECTIONS.items() if [*Path(app.srcdir, folder).glob("*.md")]}
        source[0] += "".join(CONTENTS.format(caption=caption, folder=folder) for caption, folder in filled.items())


def setup(app: Sphinx) -> None:
    app.connect("source-read", add_contents)

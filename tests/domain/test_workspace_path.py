"""What paths mean in a workspace, and which are refused as they stand."""

from __future__ import annotations

from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.errors import Invalid, NotAllowed
from domain.workspace_path import below_root


@pytest.mark.parametrize(
    ("path", "means"),
    [
        ("main.py", "main.py"),
        ("workspace/main.py", "main.py"),
        ("/workspace/main.py", "main.py"),
        ("//workspace//a/./b/", "a/b"),
        ("/workspace", ""),
        ("", ""),
        ("/", ""),
        ("workspace/workspace/x", "workspace/x"),
        ("etc/passwd", "etc/passwd"),
        ("a..b/...", "a..b/..."),
        ("100%.txt", "100%.txt"),
        ("a%2fb", "a%2fb"),
        ("-rf", "-rf"),
        ("%2e%2e%2f", "%2e%2e%2f"),
        ("a/%2e%2e/b", "a/%2e%2e/b"),
    ],
)
def test_a_path_is_one_in_the_workspace(path: str, means: str) -> None:
    assert below_root(path) == means


@pytest.mark.parametrize(
    "path",
    ["..", "../x", "a/..", "a/../b", "workspace/../x", "/etc/passwd", "//etc/passwd", "/workspacex"],
)
def test_a_path_that_leaves_is_refused(path: str) -> None:
    with pytest.raises(NotAllowed):
        below_root(path)


@pytest.mark.fault("F71")
@given(path=st.lists(st.sampled_from(["..", "a", "/", "%", "workspace"]), min_size=1, max_size=5).map("/".join))
def test_a_path_is_not_decoded_once_more(path: str) -> None:
    name = quote(path, safe="").replace(".", "%2e")
    assert below_root(name) == (name if name != "workspace" else "")


@pytest.mark.parametrize("path", ["a\0b", "x" * 256, "ü" * 128, "a/" * 2100, "a/" * 257])
def test_what_no_file_is_called_is_refused(path: str) -> None:
    with pytest.raises(Invalid):
        below_root(path)

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
    ],
)
def test_a_path_is_one_in_the_workspace(path: str, means: str) -> None:
    assert below_root(path) == means


@pytest.mark.parametrize(
    "path",
    ["..", "../x", "a/..", "a/../b", "workspace/../x", "/etc/passwd", "//etc/passwd", "/workspacex", "%2e%2e/x"]
    + ["..%2fetc%2fpasswd", "%252e%252e%252fetc", "%2fetc%2fpasswd", "a/%2e./b", "%25252e%25252e"],
)
def test_a_path_that_leaves_is_refused(path: str) -> None:
    with pytest.raises(NotAllowed):
        below_root(path)


@given(path=st.lists(st.sampled_from(["..", "a", "", "/", "workspace"]), min_size=1, max_size=5).map("/".join))
def test_however_often_it_is_encoded(path: str) -> None:
    once = quote(path, safe="").replace(".", "%2e")
    for encoded in (once, quote(once), quote(quote(once))):
        try:
            below_root(path)
        except NotAllowed:
            with pytest.raises(NotAllowed):
                below_root(encoded)
        else:
            below_root(encoded)


@pytest.mark.parametrize("path", ["a\0b", "x" * 256, "ü" * 128, "a/" * 2100])
def test_what_no_file_is_called_is_refused(path: str) -> None:
    with pytest.raises(Invalid):
        below_root(path)

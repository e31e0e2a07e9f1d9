"""Paths of files in a workspace. `x`, `workspace/x` and `/workspace/x` are the same file."""

from __future__ import annotations

from domain.errors import Invalid, NotAllowed

ROOT = "workspace"
MAX_PATH_BYTES = 4096  # as Linux has it
MAX_DIRECTORIES = 256  # each directory on the way is kept open, and a process has few descriptors
MAX_FILE_NAME_BYTES = 255  # as Linux has it


def below_root(path: str) -> str:
    """Return the path relative to the workspace's root, without empty and "." parts; "" is the root itself.

    Raises `NotAllowed` if the path leaves the workspace, by ".." or by another root, and `Invalid` for a path that no
    file can have. The path is one that was decoded: a "%2e" in it is part of a file's name.
    """
    if len(path.encode(errors="replace")) > MAX_PATH_BYTES:
        raise Invalid("the path is too long; delete or move a directory above it")
    parts = _parts(path)
    if len(parts) > MAX_DIRECTORIES:
        raise Invalid(f"a path has at most {MAX_DIRECTORIES} directories; delete or move one above it")
    if "\0" in path or any(min_name_bytes(part) > MAX_FILE_NAME_BYTES for part in parts):
        raise Invalid("there can be no file of that name")
    return "/".join(parts)


def min_name_bytes(name: str) -> int:
    """The least number of bytes that a listed name has: a U+FFFD in it may stand for one byte that is no UTF-8."""
    return len(name.replace("\ufffd", "?").encode(errors="replace"))


def _parts(path: str) -> list[str]:
    parts = [part for part in path.split("/") if part not in ("", ".")]
    if ".." in parts or (path.startswith("/") and parts[:1] not in ([], [ROOT])):
        raise NotAllowed("the path leaves the workspace")
    return parts[1:] if parts[:1] == [ROOT] else parts

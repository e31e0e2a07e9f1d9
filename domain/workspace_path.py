"""Paths of files in a workspace. `x`, `workspace/x` and `/workspace/x` are the same one."""

from __future__ import annotations

from urllib.parse import unquote

from domain.errors import Invalid, NotAllowed

ROOT = "workspace"
MAX_PATH_BYTES = 4096  # bytes of a path, and
MAX_FILE_NAME_BYTES = 255  # of a name in it, as Linux has them


def below_root(path: str) -> str:
    """The path from the workspace's root on, without empty and "." parts; "" is the root itself.

    Raises `NotAllowed` for one that leaves it: by "..", or by beginning elsewhere. It is taken as it stands, and
    is refused also where only decoding it further would make it leave: nobody means such a name.
    """
    if len(path.encode(errors="replace")) > MAX_PATH_BYTES:
        raise Invalid("the path is too long")
    parts = _parts(path)
    further, seen = unquote(path), path
    while further != seen:
        _parts(further)
        further, seen = unquote(further), further
    if "\0" in path or any(len(part.encode(errors="replace")) > MAX_FILE_NAME_BYTES for part in parts):
        raise Invalid("there can be no file of that name")
    return "/".join(parts)


def _parts(path: str) -> list[str]:
    parts = [part for part in path.split("/") if part not in ("", ".")]
    if ".." in parts or (path.startswith("/") and parts[:1] not in ([], [ROOT])):
        raise NotAllowed("the path leaves the workspace")
    return parts[1:] if parts[:1] == [ROOT] else parts

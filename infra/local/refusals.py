"""What a walk over a workspace's files comes upon, in the words of the port."""

from __future__ import annotations

from domain.errors import Invalid, NotAllowed, NotFound, Refused

MOST_ENTRIES = 50_000  # of a directory, to be listed


def refused(why: str) -> Refused:
    """By the words of `confined.pl`, which are those of `confined.py` as well."""
    match why:
        case "leaves":
            return NotAllowed("the path leaves the workspace")
        case "missing":
            return NotFound("there is no such file")
        case "denied":
            return NotAllowed("the workspace's user may not do that")
        case "special":
            return NotAllowed("it is neither a file nor a directory")
        case "directory":
            return Invalid("it is a directory")
        case "file":
            return Invalid("it is not a directory")
        case "root":
            return NotAllowed("the workspace itself is not deleted")
        case "links":
            return Invalid("links lead in circles there")
        case _:
            return Invalid(f"it cannot be done: {why.lower()}")

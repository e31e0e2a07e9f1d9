"""Why an operation on a workspace's files is refused, as errors of the port `Files`."""

from __future__ import annotations

from domain.errors import Invalid, NotAllowed, NotFound, Refused

MAX_ENTRIES = 50_000  # of one directory; rooted_fs.pl has the same number


def refusal(code: str) -> Refused:
    """The error for a code of `rooted_fs.py` or `rooted_fs.pl`; any other text is the system's own message."""
    match code:
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
        case "below file":
            return Invalid("a file is in the way: nothing can be below it")
        case "root":
            return NotAllowed("the workspace itself is not deleted")
        case "links":
            return Invalid("links lead in circles there")
        case _:
            return Invalid(f"it cannot be done: {code.lower()}")

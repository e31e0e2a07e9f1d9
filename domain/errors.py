"""The kinds of refusal. Each contract decides what a kind looks like on its wire."""


class Refused(Exception):
    """A request that the rules do not allow. The message is for people; `code` is stable, for programs."""

    code = "refused"


class NotFound(Refused):
    """There is no such thing, or the caller may not learn that there is."""

    code = "not_found"


class NotAllowed(Refused):
    """The caller is signed in, and may not do this."""

    code = "not_allowed"


class Invalid(Refused):
    """The request makes no sense as it stands."""

    code = "invalid"


class Conflict(Refused):
    """The request makes sense, but not in the present state."""

    code = "conflict"


class Gone(Refused):
    """The thing existed, and has ended."""

    code = "gone"

"""What Tenure may refuse, by kind. Contracts decide what each kind looks like on their wire."""


class Refused(Exception):
    """A request that the rules do not allow. The message is a sentence for people; `code` is stable, for programs."""

    code = "refused"


class NotFound(Refused):
    """There is no such thing, or the asker may not know that there is."""

    code = "not_found"


class NotAllowed(Refused):
    """The asker is known, and may not do this."""

    code = "not_allowed"


class Invalid(Refused):
    """What was asked makes no sense as it stands."""

    code = "invalid"


class Conflict(Refused):
    """It makes sense, but not in the state that things are in."""

    code = "conflict"


class Gone(Refused):
    """It was there, and has ended."""

    code = "gone"

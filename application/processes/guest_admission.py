"""Guests: from the request to join a hosted session to the end of their access.

when                              then
Asked, AskedAgain                 time out, when it is due
Approved                          install; the request no longer times out
NotInstalled                      the request waits again, until it times out
Revoked                           remove
Withdrawn, Rejected, TimedOut,    nothing
Installed, Removed, Closed
Ended (the session)               close its guests, and delete their requests
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from uuid import UUID

from application.processes.work import Do, Done, Step
from domain.guest import Guest
from domain.hosted_session import HostedSession


def react(event: Any) -> Iterator[Step]:
    """The work that follows from an event of a guest or of a hosted session."""
    match event:
        case Guest.Asked(originator_id=id, until=until) | Guest.AskedAgain(originator_id=id, until=until):
            yield Do("guest.time_out", id, until)
        case Guest.Approved(originator_id=id, hosted_in=region):
            yield Done("guest.time_out", id)
            yield Do("guest.install", id, region=region)
        case Guest.NotInstalled(originator_id=id, until=until):
            yield Done("guest.install", id)
            yield Do("guest.time_out", id, until)
        case Guest.Revoked(originator_id=id, hosted_in=region):
            yield Done("guest.install", id)
            yield Do("guest.remove", id, region=region)
        case (
            Guest.Withdrawn(originator_id=id)
            | Guest.Rejected(originator_id=id)
            | Guest.TimedOut(originator_id=id)
            | Guest.Installed(originator_id=id)
            | Guest.Removed(originator_id=id)
            | Guest.Closed(originator_id=id)
        ):
            yield from all_done(id)
        case HostedSession.Ended(originator_id=id):
            yield Do("hosted_session.clear", id)
        case HostedSession.Cleared(originator_id=id):
            yield Done("hosted_session.clear", id)


def all_done(id: UUID) -> Iterator[Step]:
    for command in ("time_out", "install", "remove"):
        yield Done(f"guest.{command}", id)

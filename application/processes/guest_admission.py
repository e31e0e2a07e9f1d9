"""From asking to join a session to being out of it again.

when                              then
Asked, AskedAgain                 time out, when it is due
Approved                          install; it times out no more
NotInstalled                      they wait on, until it is due
Revoked                           remove
Withdrawn, Rejected, TimedOut,    nothing any more
Installed, Removed, Closed
Ended (the session)               close what stands, and forget
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from uuid import UUID

from application.processes.work import Do, Done, Step
from domain.guest import Guest
from domain.hosted_session import HostedSession


def react(event: Any) -> Iterator[Step]:
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
            yield from over(id)
        case HostedSession.Ended(originator_id=id):
            yield Do("hosted_session.clear", id)
        case HostedSession.Cleared(originator_id=id):
            yield Done("hosted_session.clear", id)


def over(id: UUID) -> Iterator[Step]:
    for command in ("time_out", "install", "remove"):
        yield Done(f"guest.{command}", id)

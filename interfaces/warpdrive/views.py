"""Sessions, guests and stream messages in Warpdrive's shapes (W09, W14, W23, W29)."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal, NotRequired
from uuid import UUID

import orjson
from pydantic import BaseModel, ConfigDict, Field
from sse_starlette import ServerSentEvent
from typing_extensions import TypedDict

from application.ports.hosted_sessions import JoinRequest
from domain.guest import GuestStatus
from domain.hosted_session import HostedSession
from domain.machine import MachineConnection
from domain.workspace import Workspace
from projections.guests import GuestRow
from projections.hosted_sessions import HostedSessionRow

ID = "550e8400-e29b-41d4-a716-446655440000"
SESSION: dict[str, Any] = {
    "session_id": ID,
    "alias": "brave-otter-42",
    "region": "local",
    "no_join": False,
    "machine_id": "default",
    "started_at": "2030-01-16T10:30:00Z",
}


class SessionOut(BaseModel):
    """A session."""

    model_config = ConfigDict(json_schema_extra={"example": SESSION})

    session_id: UUID
    alias: str
    region: str
    no_join: bool
    machine_id: str
    started_at: datetime


class Ssh(BaseModel):
    """How to log in."""

    host: str
    port: int
    user: str
    command: str = Field(examples=["ssh -p 49153 tenure@127.0.0.1"])


class SessionDetailOut(SessionOut):
    ssh: Ssh | None = Field(description="null while the machine is not running, or where it has no SSH")


class GuestOut(BaseModel):
    """Somebody who waits to join, or has joined."""

    joiner_uuid: UUID
    status: Literal["waiting", "approved", "installed", "revoked"]
    user: str
    pub_key: str
    client_ip: str
    region: str
    requested_at: datetime


def session(source: HostedSession | HostedSessionRow) -> dict[str, Any]:
    """A session: from its aggregate or its row."""
    return {
        "session_id": source.id,
        "alias": source.alias,
        "region": source.region,
        "no_join": source.no_join,
        "machine_id": source.machine_id,
        "started_at": source.started_at,
    }


def ssh(machine: Workspace) -> dict[str, Any] | None:
    """How to log in; None where the machine does not run, or has no SSH."""
    connection: MachineConnection = machine.machine["connection"] if machine.machine else {}
    port = connection.get("ports", {}).get("22")
    if not port:
        return None
    user = machine.made_from["user"] if machine.made_from else "tenure"
    return {
        "host": connection["host"],
        "port": port,
        "user": user,
        "command": f"ssh -p {port} {user}@{connection['host']}",
    }


def guest(row: GuestRow, request: JoinRequest) -> dict[str, Any]:
    """A guest, with what they asked with."""
    return {
        "joiner_uuid": row.joiner_id,
        "status": row.standing,
        "user": request.vm_user,
        "pub_key": request.pub_key,
        "client_ip": request.client_ip,
        "region": request.region,
        "requested_at": row.asked_at,
    }


class JoinRequested(TypedDict):
    """A request to join, for the owner (W23)."""

    alias: str
    subject_uuid: UUID
    region: str
    pub_key: str
    user: str
    client_ip: str


class Outcome(TypedDict):
    """What became of a request to join, for its guest (W29)."""

    status: Literal["approved", "denied"]
    reason: NotRequired[str]


def join_requested(alias: str, request: JoinRequest) -> bytes:
    """The frame of a request to join."""
    message: JoinRequested = {
        "alias": alias,
        "subject_uuid": request.joiner_id,
        "region": request.region,
        "pub_key": request.pub_key,
        "user": request.vm_user,
        "client_ip": request.client_ip,
    }
    return frame("join_requested", message)


# The outcome of a request by the guest's status; a status that is not here is not final.
OUTCOMES: dict[GuestStatus, Outcome] = {
    GuestStatus.INSTALLED: {"status": "approved"},
    GuestStatus.REJECTED: {"status": "denied", "reason": "owner_denied_join"},
    GuestStatus.REVOKED: {"status": "denied", "reason": "owner_denied_join"},
    GuestStatus.REMOVED: {"status": "denied", "reason": "owner_denied_join"},
    GuestStatus.WITHDRAWN: {"status": "denied", "reason": "undefined"},
    GuestStatus.TIMED_OUT: {"status": "denied", "reason": "undefined"},
    GuestStatus.CLOSED: {"status": "denied", "reason": "undefined"},
}
ALREADY_IN: Outcome = {"status": "denied", "reason": "user_already_in_session"}


def outcome(message: Outcome) -> bytes:
    """The frame of an outcome."""
    return frame("join_request_outcome", message)


def frame(event: str, data: JoinRequested | Outcome) -> bytes:
    """A Server-Sent Event without an id: both streams begin with the present state, so they have no positions."""
    return ServerSentEvent(orjson.dumps(data).decode(), event=event).encode()

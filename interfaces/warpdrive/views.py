"""Sessions and guests as Warpdrive's clients know them (W09, W14, W23, W29)."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal
from uuid import UUID

import orjson
from pydantic import BaseModel, ConfigDict, Field
from sse_starlette import ServerSentEvent

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


def session(it: HostedSession | HostedSessionRow) -> dict[str, Any]:
    return {
        "session_id": it.id,
        "alias": it.alias,
        "region": it.region,
        "no_join": it.no_join,
        "machine_id": it.machine_id,
        "started_at": it.started_at,
    }


def ssh(machine: Workspace) -> dict[str, Any] | None:
    at: MachineConnection = machine.machine["connection"] if machine.machine else {}
    port = at.get("ports", {}).get("22")
    if not port:
        return None
    user = machine.made_from["user"] if machine.made_from else "tenure"
    return {"host": at["host"], "port": port, "user": user, "command": f"ssh -p {port} {user}@{at['host']}"}


def guest(row: GuestRow, asked: JoinRequest) -> dict[str, Any]:
    return {
        "joiner_uuid": row.joiner_id,
        "status": row.standing,
        "user": asked.vm_user,
        "pub_key": asked.pub_key,
        "client_ip": asked.client_ip,
        "region": asked.region,
        "requested_at": row.asked_at,
    }


def join_requested(alias: str, asked: JoinRequest) -> bytes:
    told = {
        "alias": alias,
        "subject_uuid": asked.joiner_id,
        "region": asked.region,
        "pub_key": asked.pub_key,
        "user": asked.vm_user,
        "client_ip": asked.client_ip,
    }
    return frame("join_requested", told)


# What a guest is told of how their request stands; what is not here is not decided yet.
OUTCOMES = {
    GuestStatus.INSTALLED: {"status": "approved"},
    GuestStatus.REJECTED: {"status": "denied", "reason": "owner_denied_join"},
    GuestStatus.REVOKED: {"status": "denied", "reason": "owner_denied_join"},
    GuestStatus.REMOVED: {"status": "denied", "reason": "owner_denied_join"},
    GuestStatus.WITHDRAWN: {"status": "denied", "reason": "undefined"},
    GuestStatus.TIMED_OUT: {"status": "denied", "reason": "undefined"},
    GuestStatus.CLOSED: {"status": "denied", "reason": "undefined"},
}
ALREADY_IN = {"status": "denied", "reason": "user_already_in_session"}


def outcome(told: dict[str, str]) -> bytes:
    return frame("join_request_outcome", told)


def frame(event: str, data: Any) -> bytes:
    """Without an id: both streams begin with what is true, so there is no place in them to come back to."""
    return ServerSentEvent(orjson.dumps(data).decode(), event=event).encode()

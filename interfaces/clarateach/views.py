"""Workshops and their learners in the shapes of ClaraTeach."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import NotRequired

from pydantic import BaseModel, Field
from typing_extensions import TypedDict

from application.ports.workshops import Learner
from domain.workshop import Workshop
from domain.workshop_status import OPEN, Status
from projections.seats import SeatRow
from projections.workshops import WorkshopRow


class WorkshopOut(BaseModel):
    """A workshop (T08). It has an address once it is started."""

    id: str = Field(examples=["ws-abc234"])
    name: str
    code: str = Field(examples=["CLAU-XY9Z"], description="learners join with this code")
    seats: int
    status: Status
    created_at: datetime
    vm_name: str = Field("", description="only while it is provisioning or running, like vm_ip and endpoint")
    vm_ip: str = ""
    endpoint: str = Field("", description="the address of its seats")
    expires_at: datetime | None = Field(None, description="only while it has a term")
    error: str | None = Field(None, description="only where the last start failed: which seat, and why")
    runtime_type: str = "docker"


class OneWorkshop(BaseModel):
    """The envelope of a workshop."""

    workshop: WorkshopOut


class ManyWorkshops(BaseModel):
    """The envelope of a list of workshops."""

    workshops: list[WorkshopOut]


class Success(BaseModel):
    """The request was carried out."""

    success: bool = True


class JoinedOut(BaseModel):
    """A seat, and the token that opens it (T21)."""

    token: str = Field(description="opens the seat for 24 hours while the workshop runs")
    endpoint: str
    odehash: str = Field(description="the reconnect code; keep it")
    seat: int


class LearnerOut(BaseModel):
    """A learner in their seat."""

    seat: int
    name: str
    joined_at: datetime
    odehash: str
    connected: bool = Field(description="whether their terminal is open in some client")


class LearnersOut(BaseModel):
    """The learners of a workshop."""

    learners: list[LearnerOut]
    connected: int = Field(description="how many learners are connected now")


class LearnerJson(TypedDict):
    """A `LearnerOut`."""

    seat: int
    name: str
    odehash: str
    joined_at: datetime | None
    connected: bool


class LearnersJson(TypedDict):
    """A `LearnersOut`."""

    learners: list[LearnerJson]
    connected: int


class WorkshopJson(TypedDict):
    """A `WorkshopOut`."""

    id: str
    name: str
    code: str
    seats: int
    status: str
    created_at: datetime
    runtime_type: str
    vm_name: NotRequired[str]
    vm_ip: NotRequired[str]
    endpoint: NotRequired[str]
    expires_at: NotRequired[datetime]
    error: NotRequired[str]


def workshop(source: Workshop | WorkshopRow, url: str, host: str) -> WorkshopJson:
    """A workshop, from its aggregate or its row. `url` and `host` are the address of its seats."""
    view: WorkshopJson = {
        "id": source.number,
        "name": source.name,
        "code": source.code,
        "seats": len(source.seats),
        "status": str(source.status),
        "created_at": to_the_second(source.created_at),
        "runtime_type": "docker",
    }
    if source.status in OPEN:
        view |= {"vm_name": f"clarateach-{source.number}", "vm_ip": host, "endpoint": url}
    if source.expires_at:
        view["expires_at"] = to_the_second(source.expires_at)
    if source.error:
        view["error"] = source.error
    return view


def learner(row: SeatRow, details: Learner | None, connected: bool) -> LearnerJson:
    """A learner in their seat. `details` is None for a deleted learner."""
    return {
        "seat": row.seat,
        "name": details.name if details else "",
        "odehash": details.odehash if details else "",
        "joined_at": row.joined_at and to_the_second(row.joined_at),
        "connected": connected,
    }


def to_the_second(at: datetime) -> datetime:
    """The time in UTC without fractions of a second, as the contract prints it."""
    return at.astimezone(UTC).replace(microsecond=0)

"""Workshops and their learners, as ClaraTeach shows them."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from pydantic import BaseModel, Field

from application.ports.workshops import Learner
from domain.workshop import Workshop
from domain.workshop_status import OPEN, Status
from projections.seats import SeatRow
from projections.workshops import WorkshopRow


class WorkshopOut(BaseModel):
    """A workshop (T08). The address is there from when it is started."""

    id: str = Field(examples=["ws-abc234"])
    name: str
    code: str = Field(examples=["CLAU-XY9Z"], description="what learners join with")
    seats: int
    status: Status
    created_at: datetime
    vm_name: str = Field("", description="only while it is provisioning or running, as are the next two")
    vm_ip: str = ""
    endpoint: str = Field("", description="where its seats are")
    expires_at: datetime | None = Field(None, description="only while it has a term")
    error: str | None = Field(None, description="only where the last start failed: which seat, and why")
    runtime_type: str = "docker"


class OneWorkshop(BaseModel):
    workshop: WorkshopOut


class ManyWorkshops(BaseModel):
    workshops: list[WorkshopOut]


class Success(BaseModel):
    success: bool = True


class JoinedOut(BaseModel):
    """A seat that one has (T21)."""

    token: str = Field(description="what opens the seat, for 24 hours, for as long as the workshop runs")
    endpoint: str
    odehash: str = Field(description="what one comes back with; keep it")
    seat: int


class LearnerOut(BaseModel):
    seat: int
    name: str
    joined_at: datetime
    odehash: str
    connected: bool = Field(description="whether their terminal is open somewhere")


class LearnersOut(BaseModel):
    learners: list[LearnerOut]
    connected: int = Field(description="how many of them are there now")


def workshop(it: Workshop | WorkshopRow, url: str, host: str) -> dict[str, Any]:
    """One that was just changed, or as it is listed. `url` and `host` are where its seats are found."""
    told: dict[str, Any] = {"id": it.number, "name": it.name, "code": it.code, "seats": len(it.seats)}
    told |= {"status": str(it.status), "created_at": utc(it.created_at), "runtime_type": "docker"}
    if it.status in OPEN:
        told |= {"vm_name": f"clarateach-{it.number}", "vm_ip": host, "endpoint": url}
    if it.expires_at:
        told["expires_at"] = utc(it.expires_at)
    if it.error:
        told["error"] = it.error
    return told


def learner(it: SeatRow, who: Learner | None, connected: bool) -> dict[str, Any]:
    told = {"seat": it.seat, "name": who.name if who else "", "odehash": who.odehash if who else ""}
    return told | {"joined_at": it.joined_at and utc(it.joined_at), "connected": connected}


def utc(at: datetime) -> datetime:
    """To the second, as the contract prints it."""
    return at.astimezone(UTC).replace(microsecond=0)

"""/admin/vms/{vm}/history: who changed what of a virtual machine's configuration, and what it was before."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from fastapi import Path, Response
from pydantic import BaseModel, Field
from starlette.requests import Request

from interfaces.http.responses import Json
from interfaces.neptuned.credentials import Administrator, administering
from interfaces.neptuned.deps import NeptunedDeps, neptuned_deps
from interfaces.neptuned.patching import difference
from interfaces.neptuned.vms import EXAMPLE, Id
from projections import trail
from projections.trail import Entry, Filter

router = administering("/vms/{vm}/history", tags=["virtual machines"])
PAGE = 1000


class RevisionOut(BaseModel):
    """A change of the configuration, as a JSON Patch of the one before."""

    revision: int = Field(description="1 is the first")
    at: datetime
    by: UUID | None
    by_name: str | None
    request_id: str
    changes: list[dict[str, Any]]


@router.get("", response_model=list[RevisionOut])
async def list_revisions(request: Request, who: Administrator, vm: Id) -> Response:
    """The newest first."""
    deps = neptuned_deps(request)
    it = await deps.vm_configs.revisions(who, vm)
    changes = [*await entries(deps, it.id, "vm_config.created"), *await entries(deps, it.id, "vm_config.patched")]
    people = await deps.vm_account_rows.describe(list({entry.by for entry in changes if entry.by}))
    shown: list[dict[str, Any]] = []
    before: dict[str, Any] = {}
    for nth, entry in enumerate(changes, start=1):
        after = entry.facts["document"]
        name = people[entry.by].name if entry.by in people else None
        told = {"revision": nth, "at": entry.at, "by": entry.by, "by_name": name, "request_id": entry.request_id}
        shown.append(told | {"changes": difference(before, after)})
        before = after
    return Json(shown[::-1])


@router.get("/{revision}", response_model=dict[str, Any], openapi_extra={"example": EXAMPLE})
async def get_revision(
    request: Request, who: Administrator, vm: Id, revision: Annotated[int, Path(ge=1, lt=2**31)]
) -> Response:
    """What the configuration was. A PATCH that replaces all of it (`"path": ""`) goes back there."""
    it = await neptuned_deps(request).vm_configs.revisions(who, vm)
    return Json(it.at_revision(revision))


async def entries(deps: NeptunedDeps, id: UUID, kind: str) -> list[Entry]:
    found: list[Entry] = []
    while len(page := (await trail.page(deps.queries, Filter(subject=id, kind=kind), last(found), PAGE)).rows) == PAGE:
        found += page
    return found + page


def last(found: list[Entry]) -> int:
    return found[-1].position if found else 0

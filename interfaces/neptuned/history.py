"""/admin/vms/{vm}/history: the revisions of a virtual machine's configuration, and the user who made each."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from fastapi import Path, Response
from pydantic import BaseModel, Field
from starlette.requests import Request

from interfaces.http.responses import Json
from interfaces.neptuned.credentials import Administrator, admin_router
from interfaces.neptuned.deps import NeptunedDeps, neptuned_deps
from interfaces.neptuned.patching import difference
from interfaces.neptuned.vms import EXAMPLE, Id
from projections import trail
from projections.trail import Entry, Filter

router = admin_router("/vms/{vm}/history", tags=["virtual machines"])
PAGE_ENTRIES = 1000


class RevisionOut(BaseModel):
    """A change of the configuration, as a JSON Patch of the revision before."""

    revision: int = Field(description="1 is the first")
    at: datetime
    by: UUID | None
    by_name: str | None
    request_id: str
    changes: list[dict[str, Any]]


@router.get("", response_model=list[RevisionOut])
async def list_revisions(request: Request, actor: Administrator, vm: Id) -> Response:
    """All revisions, the newest first."""
    deps = neptuned_deps(request)
    config = await deps.vm_configs.revisions(actor, vm)
    created = await read_entries(deps, config.id, "vm_config.created")
    changes = [*created, *await read_entries(deps, config.id, "vm_config.patched")]
    people = await deps.vm_account_rows.describe(list({entry.by for entry in changes if entry.by}))
    views: list[dict[str, Any]] = []
    before: dict[str, Any] = {}
    for revision, entry in enumerate(changes, start=1):
        after = entry.facts["document"]
        name = people[entry.by].name if entry.by in people else None
        view = {"revision": revision, "at": entry.at, "by": entry.by, "by_name": name, "request_id": entry.request_id}
        views.append(view | {"changes": difference(before, after)})
        before = after
    return Json(views[::-1])


@router.get("/{revision}", response_model=dict[str, Any], openapi_extra={"example": EXAMPLE})
async def get_revision(
    request: Request, actor: Administrator, vm: Id, revision: Annotated[int, Path(ge=1, lt=2**31)]
) -> Response:
    """The configuration of a revision. A PATCH that replaces the whole with it (`"path": ""`) restores it."""
    config = await neptuned_deps(request).vm_configs.revisions(actor, vm)
    return Json(config.at_revision(revision))


async def read_entries(deps: NeptunedDeps, id: UUID, kind: str) -> list[Entry]:
    """All entries of this kind about the machine, the oldest first."""
    entries: list[Entry] = []
    is_full = True
    while is_full:
        after = entries[-1].position if entries else 0
        page = (await trail.page(deps.queries, Filter(subject=id, kind=kind), after, PAGE_ENTRIES)).rows
        entries += page
        is_full = len(page) == PAGE_ENTRIES
    return entries

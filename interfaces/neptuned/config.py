"""/admin/config: the settings of accounts and chat (N08, N42 to N44)."""

from __future__ import annotations

from typing import Any

from fastapi import Response
from pydantic import BaseModel, ConfigDict, StrictBool, StrictFloat, StrictInt
from starlette.requests import Request

from domain.vm_server import VmServerChanges, VmServerSettings
from interfaces.http.responses import Json
from interfaces.neptuned.credentials import Administrator, admin_router
from interfaces.neptuned.deps import neptuned_deps

router = admin_router("/config", tags=["settings of virtual machines"])


class ChatOut(BaseModel):
    messages_max_rate: float  # seconds
    messages_max_count: int


class SettingsOut(BaseModel):
    registrations_open: bool
    chat: ChatOut


class Chat(BaseModel):
    model_config = ConfigDict(extra="forbid")

    messages_max_rate: StrictFloat | StrictInt = 1
    messages_max_count: StrictInt = 1


class Changes(BaseModel):
    """The settings to change. All others stay as they are."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"example": {"registrations_open": False}})

    registrations_open: StrictBool = True
    chat: Chat = Chat()


@router.get("", response_model=SettingsOut)
async def settings(request: Request, actor: Administrator) -> Response:
    return Json(settings_view(await neptuned_deps(request).vm_servers.read(actor)))


@router.patch("", response_model=SettingsOut)
async def change(request: Request, actor: Administrator, body: Changes | None = None) -> Response:
    """Change settings. The answer has all of them."""
    return Json(settings_view(await neptuned_deps(request).vm_servers.configure(actor, changes_of(body or Changes()))))


def settings_view(settings: VmServerSettings) -> dict[str, Any]:
    chat = {
        "messages_max_rate": settings["messages_max_rate"],
        "messages_max_count": settings["messages_max_count"],
    }
    return {"registrations_open": settings["registrations_open"], "chat": chat}


def changes_of(body: Changes) -> VmServerChanges:
    """The settings that the body names, without the defaults of the others."""
    changes: VmServerChanges = {}
    if "registrations_open" in body.model_fields_set:
        changes["registrations_open"] = body.registrations_open
    if "messages_max_rate" in body.chat.model_fields_set:
        changes["messages_max_rate"] = body.chat.messages_max_rate
    if "messages_max_count" in body.chat.model_fields_set:
        changes["messages_max_count"] = body.chat.messages_max_count
    return changes

"""/admin/config: the settings of virtual machines (N08, N42 to N44)."""

from __future__ import annotations

from typing import Any

from fastapi import Response
from pydantic import BaseModel, ConfigDict, StrictBool, StrictFloat, StrictInt
from starlette.requests import Request

from interfaces.http.responses import Json
from interfaces.neptuned.credentials import Administrator, administering
from interfaces.neptuned.deps import neptuned_deps

router = administering("/config", tags=["settings of virtual machines"])
CHAT = ("messages_max_rate", "messages_max_count")


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
    """Some of the settings; the others stay as they are."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"example": {"registrations_open": False}})

    registrations_open: StrictBool = True
    chat: Chat = Chat()


@router.get("", response_model=SettingsOut)
async def settings(request: Request, who: Administrator) -> Response:
    return Json(shown(await neptuned_deps(request).vm_servers.read(who)))


@router.patch("", response_model=SettingsOut)
async def change(request: Request, who: Administrator, body: Changes | None = None) -> Response:
    """All of them as they are now."""
    said = body.model_dump(exclude_unset=True) if body else {}
    flat = {name: value for name, value in said.items() if name != "chat"} | said.get("chat", {})
    return Json(shown(await neptuned_deps(request).vm_servers.configure(who, flat)))


def shown(settings: dict[str, Any]) -> dict[str, Any]:
    return {"registrations_open": settings["registrations_open"], "chat": {name: settings[name] for name in CHAT}}

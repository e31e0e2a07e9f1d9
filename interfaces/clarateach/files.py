"""/vm/{seat}/files: the files of a seat (T32 to T38)."""

from __future__ import annotations

from contextlib import AsyncExitStack
from datetime import UTC, datetime
from typing import Any, Literal

from fastapi import APIRouter, Response
from fastapi.responses import StreamingResponse
from pydantic import BaseModel, Field
from starlette.requests import Request
from starlette.types import Receive, Scope, Send

from application.ports.files import Contents, FileEntry
from domain.workspace_path import ROOT, below_root
from interfaces.clarateach import file_content as content
from interfaces.clarateach.credentials import Sits
from interfaces.clarateach.deps import clarateach_deps
from interfaces.clarateach.errors import errors
from interfaces.clarateach.rates import Limited
from interfaces.clarateach.views import Success
from interfaces.http.responses import Json

router = APIRouter(prefix="/vm/{seat}/files", tags=["seats"], route_class=Limited, responses=errors(400, 401, 403, 404))


class FileInfo(BaseModel):
    name: str = Field(examples=["main.py"])
    path: str = Field(examples=["/workspace/main.py"])
    is_directory: bool
    size: int
    modified_at: datetime


class FilesOut(BaseModel):
    files: list[FileInfo]


class FileContent(BaseModel):
    """A file; `base64` is for what is no text."""

    content: str
    encoding: Literal["utf-8", "base64"] = "utf-8"


TAKEN = {"application/json": {"schema": FileContent.model_json_schema()}}
TAKES = {"requestBody": {"required": True, "content": TAKEN}}


@router.get("", response_model=FilesOut)
async def list_files(request: Request, sits: Sits, path: str = f"/{ROOT}") -> Response:
    """What is in a directory: directories first, then by name."""
    below = below_root(path)
    seen = await clarateach_deps(request).files.list(sits.machine_id, below)
    seen.sort(key=lambda it: (not it.is_directory, it.name))
    return Json({"files": [entry(below, it) for it in seen]})


@router.get("/{path:path}", response_model=FileContent)
async def read_file(request: Request, sits: Sits, path: str) -> Response:
    """A file, whole. It is sent as it is read."""
    async with AsyncExitStack() as stack:
        contents = await stack.enter_async_context(
            clarateach_deps(request).files.open(sits.machine_id, below_root(path))
        )
        return Reading(contents, stack.pop_all())


@router.put("/{path:path}", response_model=Success, openapi_extra=TAKES)
async def write_file(request: Request, sits: Sits, path: str) -> Response:
    """A file's new content, with what directories it takes: all of it, or none where that fails.

    What names the encoding first is written as it comes; else it is put aside until the encoding is known.
    """
    await clarateach_deps(request).files.write(
        sits.machine_id, below_root(path), content.decode_upload(request.stream())
    )
    return Json({"success": True})


@router.delete("/{path:path}", response_model=Success)
async def delete_file(request: Request, sits: Sits, path: str) -> Response:
    """A file, or a directory with all that is in it."""
    await clarateach_deps(request).files.delete(sits.machine_id, below_root(path))
    return Json({"success": True})


class Reading(StreamingResponse):
    """A file on its way to a client; closed when it is there, or they have gone."""

    def __init__(self, contents: Contents, closing: AsyncExitStack) -> None:
        super().__init__(content.shown(contents), media_type="application/json")
        self._closing = closing

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async with self._closing:
            await super().__call__(scope, receive, send)


def entry(directory: str, it: FileEntry) -> dict[str, Any]:
    return {
        "name": it.name,
        "path": f"/{ROOT}/{directory}/{it.name}" if directory else f"/{ROOT}/{it.name}",
        "is_directory": it.is_directory,
        "size": it.size,
        "modified_at": it.modified_at.astimezone(UTC).replace(microsecond=0),
    }

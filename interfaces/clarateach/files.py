"""/vm/{seat}/files: the files on the machine of a seat (T32 to T38)."""

from __future__ import annotations

from contextlib import AsyncExitStack
from datetime import UTC, datetime
from typing import Any, Literal

from fastapi import APIRouter, Response
from fastapi.responses import StreamingResponse
from pydantic import BaseModel, Field
from starlette.convertors import Convertor, register_url_convertor
from starlette.requests import Request
from starlette.types import Receive, Scope, Send

from application.ports.files import Contents, FileEntry
from domain.workspace_path import ROOT, below_root
from interfaces.clarateach import file_content
from interfaces.clarateach.credentials import CurrentSeat
from interfaces.clarateach.deps import clarateach_deps
from interfaces.clarateach.errors import errors
from interfaces.clarateach.rates import Limited
from interfaces.clarateach.views import Success
from interfaces.http.responses import Json


class AnyPath(Convertor[str]):
    """The rest of an address, line breaks included: a file's name may have them. Starlette's own `path` takes none."""

    regex = "(?s:.*)"

    def convert(self, value: str) -> str:
        return value

    def to_string(self, value: str) -> str:
        return value


register_url_convertor("any", AnyPath())
router = APIRouter(prefix="/vm/{seat}/files", tags=["seats"], route_class=Limited, responses=errors(400, 401, 403, 404))


class FileInfo(BaseModel):
    """An entry of a directory."""

    name: str = Field(examples=["main.py"])
    path: str = Field(examples=["/workspace/main.py"])
    is_directory: bool
    size: int
    modified_at: datetime


class FilesOut(BaseModel):
    """The entries of a directory."""

    files: list[FileInfo]


class FileContent(BaseModel):
    """A file: text as it is, anything else in base64."""

    content: str
    encoding: Literal["utf-8", "base64"] = "utf-8"


UPLOAD_CONTENT = {"application/json": {"schema": FileContent.model_json_schema()}}
UPLOAD_SCHEMA = {"requestBody": {"required": True, "content": UPLOAD_CONTENT}}


@router.get("", response_model=FilesOut)
async def list_files(request: Request, seat_session: CurrentSeat, path: str = f"/{ROOT}") -> Response:
    """The entries of a directory: directories first, then by name."""
    directory = below_root(path)
    entries = await clarateach_deps(request).files.list(seat_session.machine_id, directory)
    entries.sort(key=lambda entry: (not entry.is_directory, entry.name))
    return Json({"files": [file_info(directory, entry) for entry in entries]})


@router.get("/{path:any}", response_model=FileContent)
async def read_file(request: Request, seat_session: CurrentSeat, path: str) -> Response:
    """A whole file. It is sent while it is read."""
    async with AsyncExitStack() as stack:
        contents = await stack.enter_async_context(
            clarateach_deps(request).files.open(seat_session.machine_id, below_root(path))
        )
        return FileResponse(contents, stack.pop_all())


@router.put("/{path:any}", response_model=Success, openapi_extra=UPLOAD_SCHEMA)
async def write_file(request: Request, seat_session: CurrentSeat, path: str) -> Response:
    """Replace or make a file, with the directories above it. If that fails, the old file stays.

    A body that begins with the encoding is written as it arrives; any other is buffered until the encoding is known.
    """
    await clarateach_deps(request).files.write(
        seat_session.machine_id, below_root(path), file_content.decode_upload(request.stream())
    )
    return Json({"success": True})


@router.delete("/{path:any}", response_model=Success)
async def delete_file(request: Request, seat_session: CurrentSeat, path: str) -> Response:
    """Delete a file, or a directory with all that is in it."""
    await clarateach_deps(request).files.delete(seat_session.machine_id, below_root(path))
    return Json({"success": True})


class FileResponse(StreamingResponse):
    """The answer with a file. The file is closed when it is sent, or when the client has disconnected."""

    def __init__(self, contents: Contents, open_file: AsyncExitStack) -> None:
        super().__init__(file_content.encode_download(contents), media_type="application/json")
        self._open_file = open_file

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async with self._open_file:
            await super().__call__(scope, receive, send)


def file_info(directory: str, entry: FileEntry) -> dict[str, Any]:
    """The `FileInfo` of an entry of a directory below the root; "" is the root itself."""
    return {
        "name": entry.name,
        "path": f"/{ROOT}/{directory}/{entry.name}" if directory else f"/{ROOT}/{entry.name}",
        "is_directory": entry.is_directory,
        "size": entry.size,
        "modified_at": entry.modified_at.astimezone(UTC).replace(microsecond=0),
    }

"""/docs: the API as a page, by Swagger UI, whose files are served from here. /asyncapi.json: streams and sockets."""

from __future__ import annotations

from importlib.resources import files

from fastapi import APIRouter, Response
from starlette.requests import Request
from starlette.responses import RedirectResponse

from interfaces.http import asyncapi
from interfaces.http.deps import http_deps
from interfaces.http.pages import Page
from interfaces.http.responses import Json

router = APIRouter(include_in_schema=False)
PAGE = Page("interfaces.native", "docs.html")
CACHED = {"Cache-Control": "public, max-age=3600"}
STYLE, SCRIPT = (
    files("interfaces.vendor").joinpath(name).read_bytes() for name in ("swagger-ui.css", "swagger-ui-bundle.js")
)


@router.get("/docs")
async def docs(request: Request) -> Response:
    """The API as a page to read and try."""
    return PAGE.answer(request)


@router.get("/asyncapi.json")
async def streams_and_sockets(request: Request) -> Response:
    """The AsyncAPI document: the messages of every stream and socket."""
    deps, contracts = http_deps(request), request.app.state.contracts
    return Json(asyncapi.document((c for one in contracts for c in one.channels), deps.version, deps.url))


@router.get("/redoc")
async def redoc() -> Response:
    """The address of another such page in 0.1."""
    return RedirectResponse("docs", 301)


@router.get("/docs/swagger-ui.css")
async def style() -> Response:
    """The page's style."""
    return Response(STYLE, media_type="text/css", headers=CACHED)


@router.get("/docs/swagger-ui-bundle.js")
async def script() -> Response:
    """The page's script."""
    return Response(SCRIPT, media_type="text/javascript", headers=CACHED)

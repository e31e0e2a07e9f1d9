"""/: the page after sign-in. It shows who has signed in, or why signing in was refused, and the shared sessions."""

from __future__ import annotations

from importlib.resources import files

from fastapi import APIRouter, Response
from starlette.requests import Request

from interfaces.http.pages import Page

router = APIRouter(include_in_schema=False)
PAGE = Page("interfaces.native", "home.html")
SCRIPT = files("interfaces.native").joinpath("home.js").read_bytes()


@router.get("/")
async def page(request: Request) -> Response:
    """The page."""
    return PAGE.answer(request)


@router.get("/home.js")
async def script() -> Response:
    """The page's script."""
    return Response(SCRIPT, media_type="text/javascript", headers={"Cache-Control": "no-cache"})

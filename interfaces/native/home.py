"""/: the page after sign-in. It shows who has signed in, or why signing in was refused, and the shared sessions."""

from __future__ import annotations

from importlib.resources import files

from fastapi import APIRouter, Response

router = APIRouter(include_in_schema=False)
PAGE, SCRIPT = (files("interfaces.native").joinpath(name).read_bytes() for name in ("home.html", "home.js"))
HEADERS = {
    "Content-Security-Policy": "default-src 'self'; style-src 'unsafe-inline'; frame-ancestors 'none'; base-uri 'none'",
    "Referrer-Policy": "no-referrer",  # an invite's token is in the address
    "Cache-Control": "no-cache",
}


@router.get("/")
async def page() -> Response:
    """The page."""
    return Response(PAGE, media_type="text/html", headers=HEADERS)


@router.get("/home.js")
async def script() -> Response:
    """The page's script."""
    return Response(SCRIPT, media_type="text/javascript", headers=HEADERS)

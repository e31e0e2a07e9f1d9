"""Pages: HTML that loads nothing from elsewhere. Each answer has a nonce, which its inline script and style carry."""

from __future__ import annotations

from importlib import resources

from starlette.requests import HTTPConnection
from starlette.responses import HTMLResponse

from interfaces.http.deps import http_deps
from interfaces.http.security_headers import page_policy

INCLUDED = "display.js"  # shows a display; `{{display.js}}` in a page is replaced by it


class Page:
    """A page of this package; `{{nonce}}` in it is replaced at each answer."""

    def __init__(self, package: str, name: str) -> None:
        included = resources.files("interfaces.http").joinpath(INCLUDED).read_text()
        text = resources.files(package).joinpath(name).read_text()
        self._text = text.replace("{{" + INCLUDED + "}}", included)

    def answer(self, connection: HTTPConnection, framed_by: tuple[str, ...] = ()) -> HTMLResponse:
        """The page, which these origins may frame. It is not cached, since a nonce counts once."""
        nonce = http_deps(connection).ids().hex
        headers = {
            "Content-Security-Policy": page_policy(nonce, framed_by),
            "Referrer-Policy": "no-referrer",  # tokens may be in the page's address
            "Cache-Control": "no-store",
        }
        return HTMLResponse(self._text.replace("{{nonce}}", nonce), headers=headers)

"""The page at /, as a browser gets it."""

from __future__ import annotations

import re
from inspect import getsource

import httpx

from application import logins
from interfaces.chrote import auth
from interfaces.native import home


async def test_there_is_a_page_and_nothing_on_it_is_from_elsewhere(alice: httpx.AsyncClient) -> None:
    page = await alice.get("/")
    assert (page.status_code, page.headers["content-type"]) == (200, "text/html; charset=utf-8")
    assert "default-src 'none'; script-src 'self'" in page.headers["content-security-policy"]
    (script,) = re.findall(r'<script src="([^"]*)"', page.text)
    assert (await alice.get(script)).headers["content-type"].startswith("text/javascript")
    assert "http" not in page.text


async def test_it_has_a_sentence_for_every_reason_not_to_let_somebody_in() -> None:
    sentences = set(re.findall(r"^  ([a-z_]+): \"", home.SCRIPT.decode(), re.MULTILINE))
    sources = getsource(logins) + getsource(auth)
    used = set(re.findall(r'(?:NotLetIn|failed)\("([a-z_]+)"', sources))
    assert used and used <= sentences

"""The shape of Warpdrive's errors (W35)."""

from __future__ import annotations

import httpx
import pytest
from fastapi import FastAPI
from starlette.requests import Request

from domain.errors import Conflict, Gone, Invalid, NotAllowed, NotFound, Refused
from interfaces import warpdrive
from interfaces.http.errors import install
from tests.contracts.warpdrive.asking import refused
from tests.support.server import Served


@pytest.mark.line("W35")
@pytest.mark.parametrize("path", ["/sessions/1/2/3/4", "/sse/session", "/token/1", "/user/nothing"])
async def test_there_is_nothing_at_an_address_in_its_own_words(tenure: Served, path: str) -> None:
    async with tenure.client() as alice:
        refused(await alice.get(path), 404, says="nothing")


@pytest.mark.line("W35")
@pytest.mark.parametrize(
    ("refusal", "status"),
    [(Invalid, 400), (NotAllowed, 400), (Conflict, 400), (Gone, 400), (NotFound, 404)],
)
async def test_refusals_have_the_statuses_of_the_document(refusal: type[Refused], status: int) -> None:
    app = FastAPI()

    @app.get("/sessions/refused")
    async def refuse(request: Request) -> None:
        raise refusal("no")

    install(app, [warpdrive.CONTRACT])
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://here") as client:
        refused(await client.get("/sessions/refused"), status, refusal.code, "no")

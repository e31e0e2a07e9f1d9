"""Tokens of every kind at every contract: each is valid for its own audience and nowhere else."""

from __future__ import annotations

from uuid import uuid4

import pytest

from application.ports.workshops import Admission
from infra.tables.signing_keys import NEPTUNED
from tests.contracts.chrote.people import invited
from tests.contracts.neptuned.people import fine, log_in, refused, register
from tests.contracts.test_credentials import AT, EVERYWHERE, Place, place, sockets, statuses
from tests.support.api_keys import bad_tokens, bearing, program

__all__ = ["place"]
USERS = EVERYWHERE["neptuned"]


async def tokens_of(place: Place) -> dict[str, str]:
    """One token of each kind, other than those that are exchanged for API keys."""
    deps = place.tenure.tenure.deps
    async with program(place.tenure) as asking:
        nina = fine(await register(asking, "nina"))["token"]
        ida = {"email": "ida@example.org", "password": "correct horse", "name": "Ida"}
        registration = await asking.post("/api/auth/register", json=ida | {"invite": await invited(place.olga)})
    admission = Admission("ws-aaaaaa", 1, uuid4(), "abcde")
    seat = await deps.clarateach.seat_tokens.issue(admission, deps.native.clock())
    return {"neptuned": nina, "clarateach": registration.json()["token"], "of a seat": seat}


async def test_a_token_is_good_where_it_is_for_and_nowhere_else(place: Place) -> None:
    for kind, token in (await tokens_of(place)).items():
        by_contract = await statuses(place, bearing(token), EVERYWHERE)
        assert {contract for contract, status in by_contract.items() if status != 401} == {kind} & set(EVERYWHERE), kind
        assert (await sockets(place, bearing(token))) == {"chrote": 4001, "native": 401}, kind
        for headers in ({"X-API-Key": token}, {"cookie": f"tenure_login={token}"}):
            by_contract = await statuses(place, headers, AT | {"neptuned": USERS})
            assert set(by_contract.values()) == {401}, (kind, list(headers))


async def test_of_tokens_of_virtual_machines_only_whole_ones_are_good(place: Place) -> None:
    token = (await tokens_of(place))["neptuned"]
    async with program(place.tenure) as asking:
        refused(await asking.get(USERS, headers=bearing(token)), 403)
        for defect, bad in (await bad_tokens(place.tenure, token, NEPTUNED)).items():
            assert (await asking.get(USERS, headers=bearing(bad))).status_code == 401, defect
        refused(await asking.get(f"{USERS}?token={token}"), 401)  # in an address only for sockets
        other = fine(await log_in(asking, "nina"))["token"]
        fine(await asking.post("/api/v0/logout", headers=bearing(token)))
        refused(await asking.get(USERS, headers=bearing(token)), 401)
        refused(await asking.get(USERS, headers=bearing(other)), 403)


@pytest.mark.parametrize("scope", ["read", "audit"])
async def test_a_key_that_is_not_for_it_does_nothing_with_virtual_machines(place: Place, scope: str) -> None:
    for headers in (await place.keys("olga", scopes=[scope])).values():
        async with program(place.tenure, **headers) as asking:
            assert (await asking.get(USERS)).status_code == (200 if scope == "read" else 403)
            for method, path in (("PATCH", "/admin/config"), ("POST", "/delete_account"), ("POST", "/logout")):
                refused(await asking.request(method, f"/api/v0{path}", json={}), 403, "this API key is not for this")

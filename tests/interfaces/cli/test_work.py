"""`tenure work`, against a served Tenure."""

from __future__ import annotations

import json

import httpx
import pytest

from tests.contracts.native.test_work import Broken, broken, olga, park
from tests.support.cli import beside
from tests.support.server import Served, eventually

__all__ = ["broken", "olga"]


async def output_of(tenure: Served, *words: str, user: str = "olga") -> str:
    result = await beside("work", *words, TENURE_URL=tenure.url, TENURE_USER=user)
    assert result.exit_code == 0, result.output
    return result.stdout


@pytest.mark.fault("F36")
async def test_parked_work_from_the_shell(tenure: Served, broken: Broken, olga: httpx.AsyncClient) -> None:
    assert await output_of(tenure, "list") == ""
    id, row = await park(tenure, olga)
    assert json.loads(await output_of(tenure, "list", "--json")) == [row]
    head, line = (await output_of(tenure, "list")).splitlines()
    assert head.split() == ["id", "command", "subject", "parked", "at", "attempts", "error"]
    assert [line.split()[index] for index in (0, 1, 2, 5)] == [row["id"], "workspace.provision", id, "ValueError"]

    assert await output_of(tenure, "retry", row["id"]) == "workspace.provision is tried again\n"

    async def is_listed() -> bool:
        return [row["id"] for row in json.loads(await output_of(tenure, "list", "--json"))] == [row["id"]]

    await eventually(is_listed)  # it fails as often once more
    assert await output_of(tenure, "drop", row["id"]) == "workspace.provision is dropped\n"
    refusal = await beside("work", "drop", row["id"], TENURE_URL=tenure.url, TENURE_USER="olga")
    assert refusal.exit_code == 1 and "no such parked work" in refusal.stderr

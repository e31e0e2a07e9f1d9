"""`tenure machines` and `tenure regions`, against a served Tenure."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from tests.contracts.chrote.people import invited, member
from tests.support.cli import beside
from tests.support.server import Served, served


@pytest.fixture
async def place(database: str, tmp_path: Path) -> AsyncIterator[Served]:
    """A Tenure: Olga is the owner, and Vera a viewer."""
    async with (
        served(database, tmp_path) as tenure,
        member(tenure, "Olga") as olga,
        member(tenure, "Vera", await invited(olga, "viewer")),
    ):
        yield tenure


async def output_of(place: Served, *words: str, user: str = "Olga") -> str:
    result = await beside(*words, TENURE_URL=place.url, TENURE_USER=user)
    assert result.exit_code == 0, result.output
    return result.stdout


async def listed(place: Served, kind: str, user: str = "Olga") -> dict[str, Any]:
    return {row["name"]: row for row in json.loads(await output_of(place, kind, "list", "--json", user=user))}


async def refused(place: Served, *words: str, user: str = "Olga") -> str:
    result = await beside(*words, TENURE_URL=place.url, TENURE_USER=user)
    assert (result.exit_code, result.stdout) == (1, "") and "Traceback" not in result.stderr
    return result.stderr


async def test_a_machine_configuration_from_the_shell(place: Served) -> None:
    small = ("machines", "set", "small", "--image", "lab:1", "--cpus", "0.5", "--memory-mb", "256")
    await output_of(place, *small, "--port", "22", "--port", "80", "--account", "lab", "--command", "sh -c 'a b'")
    assert (await listed(place, "machines", user="Vera"))["small"]["ports"] == [22, 80]
    configs = await place.tenure.deps.native.machine_configs.available()
    assert configs["small"].command == ("sh", "-c", "a b") and configs["small"].user == "lab"
    lines = (await output_of(place, "machines", "list")).splitlines()
    assert [line.split() for line in lines[1:]] == [
        ["default", "debian:12", "1", "1024", "tenure", "settings"],
        ["small", "lab:1", "0.5", "256", "lab", "added"],
    ]
    await output_of(place, "machines", "rm", "small")
    assert set(await listed(place, "machines")) == {"default"}
    assert 'no machine configuration "small"' in await refused(place, "machines", "rm", "small")


async def test_a_region_from_the_shell(place: Served) -> None:
    paris = ("regions", "set", "paris", "ssh://tenure@paris.example.org", "--host", "paris.example.org")
    await output_of(place, *paris)
    lines = (await output_of(place, "regions", "list", user="Vera")).splitlines()
    assert [line.split() for line in lines[1:]] == [
        ["local", "127.0.0.1", "settings"],
        ["paris", "paris.example.org", "added"],
    ]
    await output_of(place, "regions", "rm", "paris")
    assert set(await listed(place, "regions")) == {"local"}
    assert "no password" in await refused(place, "regions", "set", "paris", "ssh://t:hidden@h")


async def test_who_does_not_administer_the_place_is_told_so(place: Served) -> None:
    assert "only users whose role is admin or higher" in await refused(
        place, "regions", "set", "p", "unix:///s", user="Vera"
    )
    assert "only users whose role is admin or higher" in await refused(
        place, "machines", "set", "m", "--image", "i", user="Vera"
    )
